"""What the page on rotation says, for whatever its runs have shown.

It is one file, a little over 400 lines, because a reader should find the words for every outcome in
one place.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# (matplotlib's own signatures are partially unknown)
from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from experiments.page_parts import chosen, over_seeds, panels, seeds_of, versions_of
from experiments.step_maps import RULES
from gancheck.measures.figures import (
    GENERATOR,
    INK,
    MUTED,
    interval,
    label,
    number_text,
    page_style,
    reference,
    set_ticks,
    x_title,
    y_title,
)
from gancheck.rendering.experiment_page import Agreement, ExperimentPage, Number, Part, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from experiments.finished_runs import Row

__all__ = ["page"]

THEOREMS: Final = (
    "bilinear-step-radii",
    "dirac-gan-eigenvalues",
    "step-bound-of-a-rotating-game",
    "r1-step-range",
)
TITLES: Final = {
    "bilinear": "bilinear",
    "minimax": "Dirac, minimax",
    "non-saturating": "Dirac, non-saturating",
    "r1": "Dirac, R1",
}
LIMIT_WORDS: Final = {
    "simultaneous": "simultaneous, R1: limit 2",
    "extragradient": "extragradient, bilinear: limit 1",
    "alternating": "alternating, bilinear: limit 2",
}
_ROUNDING: Final = 1e-9  # eigenvalues of a 2 x 2 matrix, the double root at 1 aside

_CLAIM = (
    "Near an equilibrium one step of an update rule is a linear map whose spectral radius decides "
    "whether, and how fast, the distance to the equilibrium shrinks. Where the game only turns, "
    "simultaneous steps of any size move away, alternating ones keep their distance, extragradient, "
    "optimistic and corrected ones come nearer; a penalty on D's slope makes also the plain step "
    "contract, up to a largest step."
)
_PREDICTED = (
    "The factor of a step is the radius: in closed form from the theorem named in the table, and "
    "where the shelf has none (“matrix”) the largest eigenvalue of the step's matrix, in numpy. "
    "Below a proved limit of the step every start contracts (alternating: stays), above it every "
    "start moves away."
)
_REFUTED_BY = (
    "One start whose factor differs from the radius by more than a trajectory of its length can "
    "tell: the condition of the leading eigenvectors to the power of one over the counted steps, "
    "with what the curvature of the game adds at that distance."
)
_LIMITS: Final = (
    "Games of two numbers and plain gradient descent with equal steps. With Adam, momentum or "
    "two step sizes the maps are others.",
    "The radius is of the linearised step. It says nothing of starts far away; the runs from "
    "distance 1 show both what carries over and what does not.",
    "Optimistic and symplectic radii, and most of those with a penalty, are not proved on the shelf: "
    "they are eigenvalues of matrices written down independently of the updates.",
    "The strength of the corrections is 0.5 throughout. At 0.1 consensus steps of 0.2 would expand "
    "the bilinear game: (1 − 0.02)² + 0.2² > 1.",
)


def held(row: Row) -> bool:
    """Whether a start's factor is the radius, to within what its trajectory can tell."""
    m = row["measured"]
    return 1.0 / m["within"] <= m["factor"] / m["radius"] <= m["within"]


def page(rows: Sequence[Row], command: str) -> ExperimentPage:
    """Everything the page says, from the rows of finished runs alone."""
    rules, limits = _rules(rows), _limits(rows)
    judged = chosen(rows, part="rules") + chosen(rows, part="limits")
    right = sum(held(row) for row in judged)
    both = (rules.agreement, limits.agreement)
    agreement = (
        Agreement.supported
        if all(a is Agreement.supported for a in both)
        else Agreement.contradicted
    )
    return ExperimentPage(
        question="By what factor does each update rule shrink a game that turns?",
        agreement=agreement,
        headline=f"{right} of {len(judged)} starts move by the factor that was predicted.",
        claim=_CLAIM,
        theorems=THEOREMS,
        predicted=_PREDICTED,
        refuted_by=_REFUTED_BY,
        parts=[rules, limits],
        conclusion=[_conclusion(rows, agreement), _far_words(rows)],
        limits=_LIMITS,
        command=command,
        facts=_facts(rows),
        result={
            "starts": len(judged),
            "as_predicted": right,
            "settings": [
                {
                    **{k: first["configuration"].get(k) for k in ("part", "game", "rule", "step")},
                    "predicted": first["measured"]["radius"],
                    "theorem": first["measured"]["theorem"],
                    "measured": [r["measured"]["factor"] for r in group],
                    "within": [r["measured"]["within"] for r in group],
                }
                for group in _groups(judged)
                for first in group[:1]
            ],
        },
    )


def _groups(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows of one setting together, seeds in order."""
    out: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        c = row["configuration"]
        out.setdefault((c["part"], c["game"], c["rule"], c["step"]), []).append(row)
    return list(out.values())


def _agreed(rows: Sequence[Row]) -> Agreement:
    return Agreement.supported if all(map(held, rows)) else Agreement.contradicted


def _tells_to(group: Sequence[Row]) -> str:
    """How well the least telling start knows its factor."""
    worst = max(r["measured"]["within"] for r in group) - 1.0
    return "rounding" if worst <= 1.1e-9 else f"{100 * worst:.2g} %"


def _line(group: Sequence[Row]) -> list[str]:
    m = group[0]["measured"]
    return [
        number_text(m["radius"], 5),
        "proof" if m["theorem"] else "matrix",
        over_seeds([r["measured"]["factor"] for r in group], 5),
        _tells_to(group),
        f"{sum(map(held, group))} of {len(group)}",
    ]


_HEADS: Final = ["predicted", "by", "measured", "told to", "agree"]


def _rules(rows: Sequence[Row]) -> Part:
    own = chosen(rows, part="rules")
    groups = _groups(own)
    c = own[0]["configuration"]
    closed = max((abs(r["measured"]["radius"] - r["measured"]["dense"]) for r in own), default=0.0)
    away = [g for g in groups if g[0]["measured"]["radius"] > 1.0 + _ROUNDING]
    return Part(
        name="Six rules, four games",
        agreement=_agreed(own),
        title=f"{sum(all(map(held, g)) for g in groups)} of {len(groups)} pairs of game and rule "
        "move every start by the predicted factor",
        lead=f"Steps of {c['step']:g}, corrections of strength {c['strength']:g}, starting points "
        f"at random angles. Only {_and([_named(g) for g in away])} are predicted to move away. "
        f"Where a theorem gives the radius in closed form it differs from the matrix's own by at "
        f"most {number_text(closed, 1)}. {_jacobian_words(rows)}",
        numbers=[
            Number(
                label="starts that agree",
                value=f"{sum(map(held, own))} of {len(own)}",
                note="each to within what its trajectory can tell",
            ),
        ],
        table=Table(
            columns=["game and rule", *_HEADS],
            rows=[
                [f"{TITLES[c['game']]}: {c['rule']}", *_line(g)]
                for g in groups
                for c in (g[0]["configuration"],)
            ],
        ),
        draw=partial(_rules_figure, groups),
        alt="For each game and rule the predicted factor of a step and the measured ones",
        caption="Factor of the distance in one step. Dash: the predicted radius. Dot and bar: "
        "median and range of the starts. Left of the dashed line the distance shrinks. In the "
        "table, medians over starts with 95 % intervals; “told to” is how well the least telling "
        "trajectory knows its factor. Proofs: bilinear-step-radii; of consensus steps "
        "dirac-gan-eigenvalues; with R1 step-bound-of-a-rotating-game.",
        folded={"From distance 1, where nothing is predicted (non-saturating)": _far_table(rows)},
    )


def _named(group: Sequence[Row]) -> str:
    c = group[0]["configuration"]
    return f"{c['rule']} steps ({TITLES[c['game']]})"


def _and(words: Sequence[str]) -> str:
    if not words:
        return "none"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _jacobian_words(rows: Sequence[Row]) -> str:
    far = 0.0
    own = chosen(rows, part="jacobian")
    for row in own:
        measured, proved = (np.array(row["measured"][k]) for k in ("measured", "proved"))
        far = max(far, float(np.abs(measured - proved).max()))
    return (
        f"The eigenvalues of the games' Jacobians, by the operator that measures large networks, "
        f"differ from those of dirac-gan-eigenvalues by at most {number_text(far, 1)}."
    )


def _limits(rows: Sequence[Row]) -> Part:
    own = chosen(rows, part="limits")
    groups = _groups(own)
    sides = [_right_side(r) for r in own]
    agreement = (
        Agreement.supported if all(sides) and all(map(held, own)) else Agreement.contradicted
    )
    near = max((s for s in _shares(own) if s < 1.0), default=0.0)
    return Part(
        name="The largest step",
        agreement=agreement,
        title=f"{sum(sides)} of {len(own)} starts end on the side of the limit that was proved",
        lead="Simultaneous steps on the game with a penalty contract below the bound of its "
        "eigenvalues, extragradient steps on the bilinear game below 1; alternating steps keep "
        f"their distance below 2. The nearest steps are {100 * near:.0f} % of the limit and as much "
        "above it.",
        numbers=[
            Number(
                label="on the right side",
                value=f"{sum(sides)} of {len(own)}",
                note="starts, over all steps",
            ),
            Number(
                label="by the predicted factor",
                value=f"{sum(map(held, own))} of {len(own)}",
            ),
        ],
        table=Table(
            columns=["rule", "step / limit", *_HEADS],
            rows=[
                [
                    LIMIT_WORDS[g[0]["configuration"]["rule"]],
                    number_text(g[0]["configuration"]["share"]),
                    *_line(g),
                ]
                for g in sorted(groups, key=lambda g: RULES.index(g[0]["configuration"]["rule"]))
            ],
        ),
        draw=partial(_limits_figure, own),
        alt="Factor of a step against the size of the step, measured and predicted",
        caption="Factor of one step by the size of the step, in parts of the proved limit. Line: "
        "predicted. Dots: starts. The dashed lines are the limit and the factor 1. The limits are those "
        "of step-bound-of-a-rotating-game and r1-step-range (2 Re l / |l|² = g / c², with g = c = 1/2) "
        "and of bilinear-step-radii.",
    )


def _shares(rows: Sequence[Row]) -> list[float]:
    return sorted({r["configuration"]["share"] for r in rows})


def _right_side(row: Row) -> bool:
    """Shrinks below the limit and grows above it; alternating steps keep their distance below."""
    m, c = row["measured"], row["configuration"]
    if c["share"] > 1.0:
        return m["factor"] > 1.0
    if c["rule"] == "alternating":
        return 1.0 / m["within"] <= m["factor"] <= m["within"]
    return m["factor"] < 1.0


@page_style()
def _rules_figure(groups: Sequence[Sequence[Row]], width_px: int) -> Figure:
    games = list(dict.fromkeys(g[0]["configuration"]["game"] for g in groups))
    figure, axes = panels(width_px, len(games), height=210)
    for ax, game in zip(axes, games, strict=True):
        mine = [g for g in groups if g[0]["configuration"]["game"] == game]
        low = min(min(r["measured"]["factor"] for r in g) for g in mine)
        high = max(max(r["measured"]["factor"] for r in g) for g in mine)
        room = max(high - low, 1e-3)
        for place, group in enumerate(mine):
            factors = [r["measured"]["factor"] for r in group]
            interval(ax, min(factors), float(np.median(factors)), max(factors), -place)
            at = group[0]["measured"]["radius"]
            ax.plot([at, at], [-place - 0.36, -place + 0.36], color=INK, linewidth=1.6, zorder=4)
            label(ax, low - 0.55 * room, -place, group[0]["configuration"]["rule"], MUTED,
                  bold=False)  # fmt: skip
        reference(ax, 1.0)
        ax.set_xlim(low - 0.6 * room, max(high, 1.0) + 0.1 * room)
        ax.set_ylim(-len(mine) + 0.4, 0.6)
        set_ticks(ax, "y", [])
        set_ticks(ax, "x", _three(low, max(high, 1.0)))
        y_title(ax, f"{TITLES[game]}: factor of a step")
    return figure


def _three(low: float, high: float) -> list[float]:
    """1, and the round number near the smallest, so that no two ticks meet."""
    first = round(low, 2)
    return [first, 1.0] if 1.0 - first > 0.02 * max(high, 1.0) or first < 0.99 else [1.0]


@page_style()
def _limits_figure(rows: Sequence[Row], width_px: int) -> Figure:
    rules = [r for r in RULES if chosen(rows, rule=r)]
    figure, axes = panels(width_px, len(rules), height=230, columns=3)
    for ax, rule in zip(axes, rules, strict=True):
        mine = chosen(rows, rule=rule)
        shares = _shares(mine)
        predicted = [chosen(mine, share=s)[0]["measured"]["radius"] for s in shares]
        ax.plot(shares, predicted, color=INK, linewidth=1.2, zorder=1)
        ax.plot(
            [r["configuration"]["share"] for r in mine],
            [r["measured"]["factor"] for r in mine],
            "o", color=GENERATOR, markersize=5, alpha=0.7,
        )  # fmt: skip
        reference(ax, 1.0)
        reference(ax, 1.0, axis="y")
        top = max(*predicted, *(r["measured"]["factor"] for r in mine))
        bottom = min(*predicted, *(r["measured"]["factor"] for r in mine))
        ax.set_ylim(bottom - 0.1 * (top - bottom), top + 0.1 * (top - bottom))
        set_ticks(ax, "x", [shares[0], 1.0, shares[-1]])
        set_ticks(ax, "y", [round(bottom, 2), 1.0, round(top, 2)] if bottom < 0.97 else
                  [1.0, round(top, 2)])  # fmt: skip
        y_title(ax, f"{rule}: factor")
        x_title(ax, "step / limit")
    return figure


def _far_table(rows: Sequence[Row]) -> Table:
    return Table(
        columns=["rule", "radius at the equilibrium", "measured from distance 1", "distance left"],
        rows=[
            [
                group[0]["configuration"]["rule"],
                number_text(group[0]["measured"]["radius"], 5),
                over_seeds([r["measured"]["factor"] for r in group], 5),
                over_seeds([r["measured"]["distance"][-1] for r in group], 3),
            ]
            for group in _groups(chosen(rows, part="far"))
        ],
    )


def _far_words(rows: Sequence[Row]) -> str:
    """What simultaneous steps do far away, beside what they do near the equilibrium."""
    own = chosen(rows, part="far", rule="simultaneous")
    nearer = sum(r["measured"]["factor"] < 1.0 for r in own)
    radius = own[0]["measured"]["radius"]
    differs = nearer > 0 and radius > 1.0
    return (
        f"**Where the linear picture ends.** From distance 1 simultaneous steps of the "
        f"non-saturating game come nearer in {nearer} of {len(own)} starts, while their radius at "
        f"the equilibrium is {number_text(radius, 5)}. "
        + (
            "That is no contradiction: the loss is curved there, which damps the game, and the "
            "damping fades with the distance until the rotation wins. A run that looks stable from "
            "afar can still not settle."
            if differs
            else "What was proved at the equilibrium carries over this far."
        )
    )


def _conclusion(rows: Sequence[Row], agreement: Agreement) -> str:
    if agreement is Agreement.supported:
        return (
            "**Take the radius at its word, near an equilibrium.** The updates of this package move "
            "the game by the factor that the theorems, or the step's matrix, say; where a trajectory "
            "is short and its eigenvectors lean on each other, it tells the factor only to what the "
            "table says."
        )
    wrong = [_named(g) for g in _groups(chosen(rows, part="rules") + chosen(rows, part="limits"))
             if not all(map(held, g))]  # fmt: skip
    return (
        f"**Something is wrong in {_and(wrong)}.** These are two numbers and exact gradients: no "
        "noise can excuse it. Either the update or the formula is not what it says."
    )


def _facts(rows: Sequence[Row]) -> list[tuple[str, str]]:
    runs = [r for r in rows if r["configuration"]["part"] != "jacobian"]
    c = runs[0]["configuration"]
    distances = " or ".join(f"{d:g}" for d in sorted({r["configuration"]["from"] for r in runs}))
    return [
        ("seeds", seeds_of(runs)),
        ("runs", str(len(runs))),
        ("steps of a run", f"{c['steps']}, fewer where it leaves the linear neighbourhood"),
        ("distance of the start", distances),
        ("strength of consensus and symplectic steps", f"{c['strength']:g}"),
        ("precision", "float64"),
        ("interval", "of the median over starts, by the sign test"),
        *versions_of(rows),
    ]
