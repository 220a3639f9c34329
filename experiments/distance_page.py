"""What the page on Jensen-Shannon against Wasserstein says, for whatever its runs have shown."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# (matplotlib's own signatures are partially unknown)
from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from experiments.page_parts import chosen, over_seeds, panels, seeds_of, together, versions_of
from gancheck.measures.figures import (
    DISCRIMINATOR,
    GENERATOR,
    INK,
    MUTED,
    label,
    number_text,
    page_style,
    set_ticks,
    x_title,
    y_title,
)
from gancheck.measures.medians import median_interval
from gancheck.rendering.experiment_page import Agreement, ExperimentPage, Number, Part, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from experiments.finished_runs import Row

__all__ = ["FADED", "HEARD", "TRANSPORTED", "page"]

THEOREMS: Final = (
    "parallel-lines",
    "disjoint-supports-stop-the-gradient",
    "critic-has-unit-slope-on-transport-rays",
    "gradient-penalty-overshoots",
)
TITLES: Final = {"lines": "Parallel lines", "discs": "Two discs"}
FADED: Final = 0.01  # of what transport gives: the minimax gradient at the largest distance
HEARD: Final = 0.5  # a critic that is not optimal may be too flat, not by half
TRANSPORTED: Final = 0.9  # two samples of the same law are not the same points

_CLAIM = (
    "Of two parallel segments at distance d the Jensen-Shannon divergence is ln 2 whatever d is, and "
    "W1 is d. A D that is at most e on generated samples, with a slope of at most e, leaves a "
    "minimax gradient of at most M e/(1 − e). The critic of W1 has slope 1 between the laws, a "
    "penalised one a little more."
)
_PREDICTED = (
    "A generator that can only shift its law (M = 1). With a trained D the minimax gradient obeys "
    f"the bound in every run, and at the largest distance it is below {FADED:g} of what exact "
    f"transport gives. With a penalised critic it is at least {HEARD:g} at every distance. Exact "
    f"transport gives at least {TRANSPORTED:g} at every distance: 1, but for the finite samples."
)
_REFUTED_BY = (
    f"One run above the bound; an interval over seeds on the wrong side of {FADED:g}, {HEARD:g} or "
    f"{TRANSPORTED:g}."
)
_LIMITS: Final = (
    "The generator is fixed while D is trained: what it hears from a D that has caught up, not what "
    "happens when both move.",
    "D and critic are perceptrons trained for 500 steps. D's gradient depends on how long it was "
    "trained; the bound holds for each of them.",
    "Bound and gradient are of the same samples, for which the inequality is proved: no training can "
    "break it. That it holds tests the program; that the bound is small is what training decides.",
    "A generator that only shifts has M = 1. With more parameters M is theirs.",
    "The column 1 + d/(2λ) is the best critic's slope for two points at distance d. These segments "
    "and discs are not points, so it stands beside the measured gradient and was no prediction.",
)


def page(rows: Sequence[Row], command: str) -> ExperimentPage:
    """Everything the page says, from the rows of finished runs alone."""
    parts = [_part(chosen(rows, shape=kind), kind) for kind in TITLES]
    agreement = together([p.agreement for p in parts])
    far = max(r["configuration"]["distance"] for r in rows)
    minimax, critic = (
        median_interval([r["measured"][k] for r in chosen(rows, judge=j, distance=far)]).value
        for j, k in (("discriminator", "minimax"), ("critic", "gradient"))
    )
    return ExperimentPage(
        question="What does the generator hear from afar: Jensen-Shannon against Wasserstein?",
        agreement=agreement,
        headline=f"At distance {far:g} the gradient is {number_text(minimax, 2)} with a trained D "
        f"and the minimax loss, {number_text(critic, 3)} with a penalised critic.",
        claim=_CLAIM,
        theorems=THEOREMS,
        predicted=_PREDICTED,
        refuted_by=_REFUTED_BY,
        parts=parts,
        conclusion=_conclusion(rows, agreement, far),
        limits=_LIMITS,
        command=command,
        facts=_facts(rows),
        result={
            kind: [{**r["configuration"], **r["measured"]} for r in chosen(rows, shape=kind)]
            for kind in TITLES
        },
    )


def _distances(rows: Sequence[Row]) -> list[float]:
    return sorted({r["configuration"]["distance"] for r in rows})


def _bounded(row: Row) -> bool:
    """Below the theorem's bound; where e is 1 or more it bounds nothing, and nothing is claimed."""
    m = row["measured"]
    return m["bound"] is None or m["minimax"] <= m["bound"] * (1.0 + 1e-5)  # float32 sums


def _above(values: Sequence[float], least: float) -> Agreement:
    found = median_interval(values)
    if found.low >= least:
        return Agreement.supported
    return Agreement.contradicted if found.high < least else Agreement.open


def _faded(rows: Sequence[Row]) -> Agreement:
    """The minimax gradient at the largest distance, in parts of what transport gives."""
    far = _distances(rows)[-1]
    one, other = (chosen(rows, judge=j, distance=far) for j in ("discriminator", "critic"))
    ratios = [
        a["measured"]["minimax"] / b["measured"]["transport"]
        for a, b in zip(one, other, strict=True)
    ]
    return _above([-r for r in ratios], -FADED)


def _part(rows: Sequence[Row], kind: str) -> Part:
    ds, critics = (chosen(rows, judge=j) for j in ("discriminator", "critic"))
    bounded = sum(map(_bounded, ds))
    at = _distances(rows)
    found = [
        Agreement.supported if bounded == len(ds) else Agreement.contradicted,
        _faded(rows),
        *(
            _above([r["measured"][k] for r in chosen(critics, distance=d)], least)
            for d in at
            for k, least in (("gradient", HEARD), ("transport", TRANSPORTED))
        ),
    ]
    towards = sum(r["measured"]["towards"] for r in critics)
    return Part(
        name=TITLES[kind],
        agreement=together(found),
        title=f"{sum(f is Agreement.supported for f in found)} of {len(found)} predictions hold",
        lead=f"The minimax gradient is below its bound in {bounded} of {len(ds)} runs. The penalised "
        f"critic pulls towards the data in {towards} of {len(critics)}. Of the non-saturating "
        "gradient with the same D nothing was predicted; it is folded below.",
        numbers=[
            Number(
                label=f"{name}, distance {d:g}",
                value=over_seeds([r["measured"][k] for r in chosen(own, distance=d)], 3),
            )
            for name, own, k in (("minimax", ds, "minimax"), ("critic", critics, "gradient"))
            for d in (at[0], at[-1])
        ],
        table=Table(
            columns=["distance", "minimax", "its bound", "critic", "1 + d/(2λ)", "transport"],
            rows=[
                [
                    number_text(d),
                    *(over_seeds([r["measured"]["minimax"] for r in chosen(ds, distance=d)], 2),),
                    _bound([r["measured"]["bound"] for r in chosen(ds, distance=d)]),
                    over_seeds([r["measured"]["gradient"] for r in chosen(critics, distance=d)], 3),
                    number_text(1.0 + d / (2.0 * critics[0]["configuration"]["weight"]), 3),
                    over_seeds(
                        [r["measured"]["transport"] for r in chosen(critics, distance=d)], 3
                    ),
                ]
                for d in at
            ],
        ),
        draw=partial(_figure, rows),
        alt="Gradient in the shift against the distance, for minimax, a critic and exact transport",
        caption="Size of the gradient in the shift, by the distance; dots: seeds. Line: what W1 "
        "itself gives. In the table, medians over seeds with 95 % intervals, and the smallest bound.",
        folded={"The same D with the non-saturating loss": _other(ds)},
    )


def _bound(values: Sequence[float | None]) -> str:
    known = [v for v in values if v is not None]
    return number_text(min(known), 2) if known else "none"


def _other(rows: Sequence[Row]) -> Table:
    return Table(
        columns=["distance", "non-saturating gradient", "D on generated samples"],
        rows=[
            [
                number_text(d),
                *(
                    over_seeds([r["measured"][k] for r in chosen(rows, distance=d)], 3)
                    for k in ("non-saturating", "mean_d")
                ),
            ]
            for d in _distances(rows)
        ],
    )


@page_style()
def _figure(rows: Sequence[Row], width_px: int) -> Figure:
    figure, (ax,) = panels(width_px, 1, height=280, columns=1)
    at = _distances(rows)
    lowest = 1.0
    for judge, k, colour, name in (
        ("discriminator", "minimax", DISCRIMINATOR, "minimax, trained D"),
        ("critic", "gradient", GENERATOR, "penalised critic"),
        ("critic", "transport", MUTED, "exact transport"),
    ):
        own = chosen(rows, judge=judge)
        x = np.array([r["configuration"]["distance"] for r in own])
        y = np.array([max(r["measured"][k], 1e-12) for r in own])
        shift = {"transport": 0.94, "gradient": 1.06}.get(k, 1.0)  # else one hides the other
        ax.loglog(x * shift, y, "o", color=colour, markersize=5, alpha=0.7)
        lowest = min(lowest, float(y.min()))
        place = float(np.median(y[x == at[0]]))
        dy = {"transport": -16, "gradient": 14}.get(k, 0)
        label(ax, at[0], place, name, colour, dx=14, dy=dy)
    ax.axhline(1.0, color=INK, linewidth=1, zorder=1)
    ax.set_xlim(at[0] / 1.4, at[-1] * 1.4)
    ax.set_ylim(lowest / 2.0, 6.0)
    set_ticks(ax, "x", at)
    low = int(np.ceil(np.log10(lowest / 2.0)))
    set_ticks(ax, "y", [10.0**k for k in range(low, 1)])
    y_title(ax, "gradient in the shift")
    x_title(ax, "distance")
    return figure


def _conclusion(rows: Sequence[Row], agreement: Agreement, far: float) -> list[str]:
    beside = [
        abs(r["measured"]["gradient"] - 1.0 - d / (2.0 * r["configuration"]["weight"]))
        for r in chosen(rows, judge="critic")
        for d in (r["configuration"]["distance"],)
    ]
    first = {
        Agreement.supported: "**As the theorems say:** a D that is sure silences the minimax loss, "
        "the more surely the farther the laws are apart, and a critic under a penalty is heard at "
        "every distance.",
        Agreement.partly: "**Not everything is as predicted;** the sections say which intervals are "
        "on the wrong side or too wide.",
        Agreement.contradicted: "**Against the prediction;** the sections say where.",
        Agreement.open: "**Not shown with these seeds;** the intervals are too wide.",
    }[agreement]
    ns = median_interval(
        [r["measured"]["non-saturating"] for r in chosen(rows, judge="discriminator", distance=far)]
    )
    return [
        first,
        f"**It is the loss, not the divergence alone.** The same D gives the non-saturating loss a "
        f"gradient of {number_text(ns.value, 2)} at distance {far:g}. That the divergence is flat "
        "says what an optimal D and its own loss would tell, not what every loss on that D does.",
        "**The critic's gradient is not 1 either.** It stays within "
        f"{number_text(max(beside), 2)} of 1 + d/(2λ), the overshoot of two points.",
    ]


def _facts(rows: Sequence[Row]) -> list[tuple[str, str]]:
    c = rows[0]["configuration"]
    return [
        ("seeds", seeds_of(rows)),
        ("runs", str(len(rows))),
        ("updates of D or critic", f"{c['steps']} of Adam, step 0.005, batch 128"),
        ("weight of the penalty", f"{c['weight']:g}"),
        ("samples of a gradient, of a plan", f"{number_text(c['samples'])}, {c['pairs']}"),
        ("interval", "of the median over seeds, by the sign test, 95 %"),
        *versions_of(rows),
    ]
