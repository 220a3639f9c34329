"""What the page on curvature and mode collapse says, for whatever its runs have shown."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# (matplotlib's own signatures are partially unknown)
from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from experiments.mode_collapse_conclusion import (
    COLLAPSING,
    closed_form,
    conclusion,
    separations,
    with_trained,
)
from experiments.mode_collapse_page_events import (
    LEFT_ALONE,
    LINES,
    SUMMED,
    collapsed,
    left_alone,
)
from experiments.mode_collapse_statements import STATEMENTS, judged, typical_size, with_event
from experiments.page_parts import chosen, over_seeds, panels, seeds_of, together, versions_of
from experiments.pairs import ERROR, span
from gancheck.measures.figures import (
    DISCRIMINATOR,
    GENERATOR,
    INK,
    label,
    number_text,
    page_style,
    set_ticks,
    symlog,
    x_title,
    y_title,
)
from gancheck.rendering.experiment_page import Agreement, ExperimentPage, Number, Part, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from experiments.finished_runs import Row
    from gancheck.measures.medians import MedianInterval

__all__ = ["page"]

THEOREMS: Final = ("collapse-direction-is-exponentially-flat",)
_ROUNDING: Final = 1e-12  # times k^2: two derivatives of numbers of size one that cancel to e^-k
_COLOURS: Final = {"minimax": DISCRIMINATOR, "non-saturating": GENERATOR}

_CLAIM = (
    "Two modes at ±1 of variance s², k = 2/s², w = e⁻ᵏ; all generated mass on one of them, blurred "
    "alike, D exact. Splitting the mass has the curvature −3k²w/(3+w)² for minimax and "
    "−2k²w(3−w²)/((1+w)²(3+w)²) for the non-saturating loss: collapse is no minimum, and the way out "
    "is exponentially flat. With a D that is not exact the theorem says nothing; its own "
    "counter-example is a D with a peak at the collapse. The popular account says more: that in "
    "training too the direction of diversity is flat and that of collapse curves down. But v and −v "
    "have one curvature, so the two are one line, and only the slope tells its ends apart."
)
_PREDICTED = (
    "On the theorem's game the measure gives the proved curvatures, and e/2 with the peaked D. With "
    "a D trained there, the interval over seeds holds the proved value. For collapse in training the "
    "popular account, put to the test along the line towards the lost mode: (a) while the mode is "
    "lost the curvature is smaller in size than along random directions that move the samples as "
    "far; (b) it is negative; (c) it is lower than before; (d) it rises when the mode is found "
    "again; (e) before the loss descent leaves the mode; (f) while it is lost descent goes back. "
    "Left to go on gently, no pair loses a mode."
)
_REFUTED_BY = (
    "A measured curvature off the closed form; an interval over seeds without the proved value; of a "
    "popular statement, an interval on the other side of zero. One that holds zero leaves it open, "
    "and with fewer than eight events every one does."
)
_LIMITS: Final = (
    "One data law in the plane, small perceptrons with smooth activations, one loss "
    "(non-saturating). With ReLU the second derivative in the samples is 0 almost everywhere and "
    "this measure would say less.",
    "The collapses are made: by steps sixfold, or by a D that stands still. A collapse that comes of "
    "itself late in a long training may look different.",
    "How wide the modes and how large the steps must be for modes to be lost was tried out on other "
    "seeds, before any curvature was measured there.",
    "How flat a line is beside random ones depends on the scale. Judged is the curvature per squared "
    "motion of the samples, as in the theorem; per squared length in the parameters is folded.",
    "A slope is that of the loss; the step is Adam's, which need not go down along this line.",
    "The line is chosen when it is known which mode gets lost. It describes an event, it does not "
    "warn of one.",
    "The theorem has two modes and no others; on a ring a lost mode has neighbours that are kept.",
)


def page(rows: Sequence[Row], command: str) -> ExperimentPage:
    """Everything the page says, from the rows of finished runs alone."""
    proved, trained = chosen(rows, part="proved"), chosen(rows, part="trained")
    events = chosen(rows, part="events")
    parts = [
        _proved(proved),
        _trained(trained),
        *(collapsed(chosen(events, way=way), way) for way in COLLAPSING),
        left_alone(events),
    ]
    return ExperimentPage(
        question="Mode collapse: is the way out flat, and does the way in curve down?",
        agreement=together([p.agreement for p in parts]),
        headline=_headline(parts, events),
        claim=_CLAIM,
        theorems=THEOREMS,
        predicted=_PREDICTED,
        refuted_by=_REFUTED_BY,
        parts=parts,
        conclusion=conclusion(trained, events),
        limits=_LIMITS,
        command=command,
        facts=_facts(rows),
        result={
            **{
                part: [{**r["configuration"], **r["measured"]} for r in own]
                for part, own in (("proved", proved), ("trained", trained))
            },
            "events": [_in_short(r) for r in events],
        },
    )


def _headline(parts: Sequence[Part], events: Sequence[Row]) -> str:
    exact = (
        "On its own game the theorem's curvature is measured to rounding"
        if parts[0].agreement is Agreement.supported
        else "On its own game the theorem's curvature is not what is measured"
    )
    lost = [with_event(chosen(events, way=way)) for way in COLLAPSING]
    found = [judged(statement, rows)[2] for rows in lost for statement in STATEMENTS]
    right, wrong = (found.count(x) for x in (Agreement.supported, Agreement.contradicted))
    return (
        f"{exact}; of what is told of collapse in training, put to {sum(map(len, lost))} events, "
        f"{right} of {len(found)} statements hold, {wrong} the other way round, "
        f"{len(found) - right - wrong} undecided."
    )


def _in_short(row: Row) -> dict[str, Any]:
    """A run with an event as JSON: each line's slope and curvature with their standard errors."""
    return {
        **{k: row["configuration"][k] for k in ("way", "seed")},
        **{k: row["measured"][k] for k in ("events", "event")},
        "looks": {
            name: {
                **{
                    line: {k: [float(f"{x:.4g}") for x in look[line][k]] for k in SUMMED}
                    for line in LINES
                    if line in look
                },
                "random": float(f"{typical_size(look, 'curvature'):.4g}"),
            }
            for name, look in row["measured"]["looks"].items()
        },
    }


def _truth(row: Row) -> float:
    c = row["configuration"]
    if c["d"] == "peaked":
        return c["sharpness"] / 2.0
    return closed_form(c["loss"], c["sharpness"])


def _is_proved(row: Row) -> bool:
    limit = _ROUNDING * max(1.0, row["configuration"]["sharpness"] ** 2)
    truth = _truth(row)
    measured = row["measured"]
    return all(abs(measured[key] - truth) <= limit for key in ("curvature", "of_samples"))


def _proved(rows: Sequence[Row]) -> Part:
    right = sum(map(_is_proved, rows))
    worst = max(abs(r["measured"]["curvature"] - _truth(r)) for r in rows)
    return Part(
        name="The theorem's game",
        agreement=Agreement.supported if right == len(rows) else Agreement.contradicted,
        title=f"{right} of {len(rows)} curvatures are the proved ones",
        lead="The direction is found as in training: half of the samples up, half down, pulled back "
        "to the generator's parameters. The same code then measures it on networks. With a D that "
        "has a peak at the collapse the curvature is positive: there collapse is a minimum.",
        numbers=[Number(label="largest difference", value=number_text(worst, 2))],
        table=Table(
            columns=["D", "loss", "k, or e", "proved", "measured"],
            rows=[
                [
                    r["configuration"]["d"],
                    r["configuration"]["loss"],
                    number_text(r["configuration"]["sharpness"]),
                    number_text(_truth(r)),
                    number_text(r["measured"]["curvature"]),
                ]
                for r in rows
            ],
            words=2,
        ),
        draw=partial(_proved_figure, chosen(rows, d="exact")),
        alt="Size of the curvature of the split against k, proved and measured, for both losses",
        caption="Size of the curvature of the split, with the exact D; it is negative throughout. "
        "Line: proved. Dots: measured. Upwards logarithmic.",
    )


def _holds(found: MedianInterval, truth: float) -> Agreement:
    if not math.isfinite(found.low):
        return Agreement.open
    return Agreement.supported if found.low <= truth <= found.high else Agreement.contradicted


def _trained(rows: Sequence[Row]) -> Part:
    at = separations(rows)
    level = f"{100.0 * (1.0 - ERROR / len(at)):.4g} %"
    found = {k: with_trained(rows, k, "trained") for k in at}
    agreed = {k: _holds(f, closed_form("non-saturating", k)) for k, f in found.items()}
    right = sum(a is Agreement.supported for a in agreed.values())
    updates = {
        length: chosen(rows, length=length)[0]["configuration"]["steps"]
        for length in ("trained", "longer")
    }
    below = sum(r["measured"]["non-saturating"] < 0.0 for r in chosen(rows, length="trained"))
    return Part(
        name="The same, D trained",
        agreement=together(list(agreed.values())),
        title=f"At {right} of {len(at)} separations the proved value lies in the interval",
        lead="The generator stays collapsed and a perceptron learns to be D from blurred samples. "
        f"The non-saturating curvature is negative in {below} of "
        f"{len(chosen(rows, length='trained'))} trainings. Where modes are farther apart the proved "
        "curvature is smaller and what is left of D's error weighs more.",
        numbers=[
            Number(
                label=f"k = {k:g}",
                value=number_text(f.value, 2),
                note=f"proved {number_text(closed_form('non-saturating', k), 2)}; {level} "
                f"{span(f)}, {agreed[k]}",
            )
            for k, f in found.items()
        ],
        table=Table(
            columns=["k", "loss", "proved", f"{updates['trained']:,} updates",
                     f"{updates['longer']:,} updates"],
            rows=[
                [
                    number_text(k),
                    loss,
                    number_text(closed_form(loss, k), 2),
                    *(
                        over_seeds([r["measured"][loss] for r in own], 2) if own else "not asked"
                        for length in updates
                        for own in (chosen(rows, sharpness=k, length=length),)
                    ),
                ]
                for k in at
                for loss in ("minimax", "non-saturating")
            ],
            words=2,
        ),
        draw=partial(_trained_figure, rows),
        alt="Curvature of the split with a trained D, at each separation, beside the proved one",
        caption="Non-saturating curvature of the split by k. Dash: proved. Dots: one training each; "
        "pale: four times the updates at the largest k, a second look that was asked for after a "
        "first trial had shown D's error, and that decides nothing. In the table, medians over seeds with 95 % intervals.",
    )  # fmt: skip


@page_style()
def _proved_figure(rows: Sequence[Row], width_px: int) -> Figure:
    figure, (ax,) = panels(width_px, 1, height=260, columns=1)
    fine = [0.5 * 32.0 ** (i / 120) for i in range(121)]
    for loss, colour in _COLOURS.items():
        own = chosen(rows, loss=loss)
        ax.plot(fine, [-closed_form(loss, k) for k in fine], color=colour, linewidth=1.2)
        ax.plot(
            [r["configuration"]["sharpness"] for r in own],
            [abs(r["measured"]["curvature"]) for r in own],
            "o",
            color=colour,
        )
    label(ax, 1.0, 0.35, "non-saturating", _COLOURS["non-saturating"], dy=4)
    label(ax, 0.55, 0.008, "minimax", _COLOURS["minimax"])
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(0.45, 18.0)
    ax.set_ylim(3e-6, 1.0)
    set_ticks(ax, "x", [0.5, 1, 2, 4, 8, 16])
    set_ticks(
        ax, "y", [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0], ["10⁻⁵", "10⁻⁴", "0.001", "0.01", "0.1", "1"]
    )
    ax.grid(visible=True, axis="y")
    y_title(ax, "size of the curvature of the split")
    x_title(ax, "k, twice the squared half distance over the variance of a mode")
    return figure


@page_style()
def _trained_figure(rows: Sequence[Row], width_px: int) -> Figure:
    figure, (ax,) = panels(width_px, 1, height=280, columns=1)
    at = separations(rows)
    values: list[float] = []
    for place, k in enumerate(at):
        truth = closed_form("non-saturating", k)
        ax.plot([place - 0.4, place + 0.4], [truth] * 2, color=INK, linewidth=1.6)
        values.append(truth)
        for shift, length, alpha in ((-0.3, "trained", 1.0), (0.05, "longer", 0.4)):
            own = [
                r["measured"]["non-saturating"] for r in chosen(rows, sharpness=k, length=length)
            ]
            x = [place + shift + 0.25 * (i + 0.5) / len(own) for i in range(len(own))]
            ax.plot(x, own, "o", color=GENERATOR, markersize=5, alpha=alpha)
            values += own
    low, high = min(values), max(0.0, *values)
    ax.set_xlim(-0.6, len(at) - 0.4)
    symlog(ax, "y", low=1.4 * min(low, -0.01), high=max(1.4 * high, 0.003), linear=0.01)
    set_ticks(ax, "x", range(len(at)), [f"{k:g}" for k in at])
    ax.grid(visible=True, axis="y")
    y_title(ax, "curvature of the split (linear within ±0.01)")
    x_title(ax, "k")
    return figure


def _facts(rows: Sequence[Row]) -> list[tuple[str, str]]:
    events = chosen(rows, part="events")
    c = events[0]["configuration"]
    return [
        ("seeds", f"events: {seeds_of(events)}; trained D: {seeds_of(chosen(rows, part='trained'))}"),
        ("runs", str(len(rows))),
        ("data of the events", f"eight normals of deviation {c['spread']:g} on a circle of radius 2"),
        ("networks", f"perceptrons of two hidden layers of {c['width']}, tanh; batch {c['batch_size']}"),
        ("training", f"{c['gently']:,} updates of Adam at {c['step']:g}, then {c['on']} in one way"),
        ("looks", f"every {c['look_every']} updates, {c['looked_at']:,} samples"),
        ("curvature", f"{c['batches']} batches of {c['size']} that chose no direction; {c['random']} "
         "random directions"),
        ("left alone", LEFT_ALONE),
        ("interval", "of the median, by the sign test"),
        *versions_of(rows),
    ]  # fmt: skip
