"""What the page on saturation says, for whatever its runs have shown.

It is one file, a little over 400 lines, because a reader should find the words for every outcome in
one place.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# (matplotlib's own signatures are partially unknown)
from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from experiments.page_parts import (
    agreed_above_zero,
    chosen,
    over_seeds,
    panels,
    seeds_of,
    together,
    versions_of,
)
from experiments.pairs import span
from gancheck.measures.figures import (
    DISCRIMINATOR,
    GENERATOR,
    INK,
    MUTED,
    label,
    number_text,
    page_style,
    reference,
    set_ticks,
    x_title,
    y_title,
)
from gancheck.measures.medians import MedianInterval, median_interval
from gancheck.rendering.experiment_page import Agreement, ExperimentPage, Number, Part, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from experiments.finished_runs import Row

__all__ = ["page"]

THEOREMS: Final = (
    "gradient-ratio",
    "saturating-gradient-vanishes-in-the-logit",
    "batch-ratio-is-not-the-mean-ratio",
)
PLAYED: Final = {"sgd": "plain descent", "adam": "Adam"}
COLOURS: Final = {"minimax": DISCRIMINATOR, "non-saturating": GENERATOR}
_ROUNDING: Final = 1e-9  # of two gradient norms in float64, and of 1 - d where d is near 1
_POINTS: Final = 240  # samples drawn in the first figure

_CLAIM = (
    "Of one generated sample with D(G(z)) = d the non-saturating gradient is (1 − d)/d times the "
    "saturating one, in every parametrisation: where D is sure of a fake the saturating gradient "
    "vanishes. A batch has the ratio of its samples only where all pull the same way."
)
_PREDICTED = (
    "Single samples: (1 − d)/d to rounding, at every moment of training. After D was trained ahead: "
    "the batch's non-saturating gradient is the larger in every seed, and with plain descent the "
    "minimax generator stays where D is sure of it for longer. Adam divides by the gradient's own "
    "size: of it the theorems predict nothing."
)
_REFUTED_BY = (
    "One sample whose ratio is off by more than rounding; an interval over seeds that reaches zero, "
    "of the logarithm of the batch's ratio at the bad start or of the difference of steps with plain "
    "descent."
)
_LIMITS: Final = (
    "One planar law, small perceptrons, one batch size, one step size of plain descent. How many "
    "steps a generator loses depends on all of them; that it gets a gradient smaller by (1 − d)/d "
    "does not.",
    "A generator that is not free when its run ends counts as free then, so its loss of steps is a "
    "lower bound.",
    "“Free” is D's mean of 0.1 on generated samples: a point at which the two losses are alike to a "
    "factor of ten, not one at which the samples are good.",
    "The intervals are over seeds of these programs, not over data or architectures.",
)


def page(rows: Sequence[Row], command: str) -> ExperimentPage:
    """Everything the page says, from the rows of finished runs alone."""
    parts = [_singles(rows), _batches(rows), _freedom(rows)]
    agreement = together([p.agreement for p in parts])
    plain, adam = (_differences(rows, kind) for kind in PLAYED)
    return ExperimentPage(
        question="What does a discriminator that is too sure do to the two generator losses?",
        agreement=agreement,
        headline=_HEADLINE[parts[2].agreement].format(number_text(median_interval(plain).value, 3)),
        claim=_CLAIM,
        theorems=THEOREMS,
        predicted=_PREDICTED,
        refuted_by=_REFUTED_BY,
        parts=parts,
        conclusion=[_CONCLUSION[parts[2].agreement], _adam_words(adam), _batch_words(rows)],
        limits=_LIMITS,
        command=command,
        facts=_facts(rows),
        result={
            "largest_deviation_of_a_sample": _largest_deviation(rows),
            "batch_ratio_at_the_start": [r["batch_ratio"] for r in _starts(rows)],
            "ratio_of_means_at_the_start": [r["ratio_of_means"] for r in _starts(rows)],
            "steps_lost_by_minimax": {"sgd": plain, "adam": adam},
        },
    )


_HEADLINE: Final = {
    Agreement.supported: "From a bad start minimax loses {} steps of plain descent.",
    Agreement.contradicted: "From a bad start minimax loses no steps of plain descent.",
    Agreement.open: "From a bad start the two losses are not told apart by their steps.",
}
_CONCLUSION: Final = {
    Agreement.supported: (
        "**Do not train a generator on the minimax loss by plain descent.** The gradient it gets "
        "where D is sure is smaller by the factor of the theorem, and in every seed it stays there "
        "for longer."
    ),
    Agreement.contradicted: (
        "**The gradient is smaller and the generator did not wait.** Against the prediction; what "
        "carried it off is not measured here."
    ),
    Agreement.open: (
        "**The gradient is smaller; whether that costs steps is not shown here.** The interval over "
        "seeds holds zero."
    ),
}


def _looks(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [look for r in rows for look in r["measured"]["looks"]]


def _starts(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The first look of each seed; both losses and both optimisers begin with the same."""
    own = chosen(rows, loss="minimax", optimiser="sgd")
    return [r["measured"]["looks"][0] for r in own]


def _largest_deviation(rows: Sequence[Row]) -> float:
    return max(look["off"] for look in _looks(rows))


def _singles(rows: Sequence[Row]) -> Part:
    worst = _largest_deviation(rows)
    agreement = Agreement.supported if worst < _ROUNDING else Agreement.contradicted
    looks = _looks(rows)
    ratios = [ratio for look in looks for _, ratio in look["singles"]]
    return Part(
        name="Single samples",
        agreement=agreement,
        title="Every single sample has the ratio (1 − d)/d"
        if agreement is Agreement.supported
        else "Some sample's ratio is not (1 − d)/d",
        lead=f"64 samples at each of {len(looks)} looks, from untouched to trained: the largest "
        f"relative distance from (1 − d)/d is {number_text(worst, 2)}. The ratios themselves run "
        f"from {number_text(min(ratios), 2)} to {number_text(max(ratios), 2)}.",
        numbers=[
            Number(
                label="largest relative distance",
                value=number_text(worst, 2),
                note=f"of {64 * len(looks):,} readings; rounding is below {_ROUNDING:g}",
            )
        ],
        table=Table(
            columns=["step", "D on generated", "ratios of single samples", "largest distance"],
            rows=[
                [
                    str(step),
                    f"{number_text(min(look['mean_d'] for look in at), 2)} to "
                    f"{number_text(max(look['mean_d'] for look in at), 2)}",
                    f"{number_text(min(r for look in at for _, r in look['singles']), 3)} to "
                    f"{number_text(max(r for look in at for _, r in look['singles']), 3)}",
                    f"{max(look['off'] for look in at):.1e}",
                ]
                for step in sorted({look["step"] for look in looks})
                for at in ([look for look in looks if look["step"] == step],)
            ],
        ),
        draw=partial(_singles_figure, looks),
        alt="Ratio of the two gradients of single samples against D's output, on the theorem's line",
        caption="Ratio of the two gradients of single samples, by D's output on them. Line: "
        "(1 − d)/d. Dots: samples of every training and look. In the table, smallest and largest of all "
        "trainings.",
    )


def _batches(rows: Sequence[Row]) -> Part:
    starts = _starts(rows)
    logs = [math.log10(s["batch_ratio"]) for s in starts]
    agreement = agreed_above_zero(median_interval(logs))
    return Part(
        name="Batches",
        agreement=agreement,
        title=f"At the bad start the non-saturating gradient is "
        f"{number_text(median_interval([s['batch_ratio'] for s in starts]).value, 3)} times the other",
        lead="D on generated samples is "
        f"{over_seeds([s['mean_d'] for s in starts], 2)} there. The ratio that a batch would have if "
        "all its samples pulled the same way, E(1 − d)/E d, is "
        f"{over_seeds([s['ratio_of_means'] for s in starts], 3)}; the ratio that it has is "
        f"{over_seeds([s['batch_ratio'] for s in starts], 3)}. Later in training the two part, and no "
        "theorem says how. G by plain descent in the table.",
        numbers=[
            Number(
                label="ratio of batch gradients",
                value=over_seeds([s["batch_ratio"] for s in starts], 3),
                note="at the bad start, median over seeds (95 %)",
            )
        ],
        table=_batch_table(chosen(rows, optimiser="sgd")),
        draw=partial(_batches_figure, rows),
        alt="Ratio of batch gradients against the ratio if all samples pulled the same way",
        caption="Ratio of the two batch gradients against E(1 − d)/E d, the ratio if all samples "
        "pulled the same way (line), at every look of every training. In the table, medians over "
        "seeds with 95 % intervals.",
        folded={"With Adam": _batch_table(chosen(rows, optimiser="adam"))},
    )


def _batch_table(rows: Sequence[Row]) -> Table:
    return Table(
        columns=["trained with", "step", "D on generated", "batch ratio", "E(1 − d)/E d"],
        rows=[
            [loss, str(step), *(over_seeds([look[k] for look in at], 3) for k in _COLUMNS)]
            for loss in COLOURS
            for own in (_looks(chosen(rows, loss=loss)),)
            for step in sorted({look["step"] for look in own})
            for at in ([look for look in own if look["step"] == step],)
        ],
    )


_COLUMNS: Final = ("mean_d", "batch_ratio", "ratio_of_means")


def _free(row: Row) -> int:
    free = row["measured"]["free"]
    return row["configuration"]["steps"] if free is None else free


def _differences(rows: Sequence[Row], kind: str) -> list[int]:
    """Steps until free, minimax less non-saturating, seed by seed."""
    minimax, other = (chosen(rows, loss=loss, optimiser=kind) for loss in COLOURS)
    return [_free(a) - _free(b) for a, b in zip(minimax, other, strict=True)]


def _freedom(rows: Sequence[Row]) -> Part:
    found = {kind: median_interval(_differences(rows, kind)) for kind in PLAYED}
    agreement = agreed_above_zero(found["sgd"])
    steps = rows[0]["configuration"]["steps"]
    stuck = sum(
        r["measured"]["free"] is None for r in chosen(rows, loss="minimax", optimiser="sgd")
    )
    return Part(
        name="What it costs",
        agreement=agreement,
        title={
            Agreement.supported: "With plain descent the minimax generator is stuck for longer",
            Agreement.contradicted: "With plain descent the minimax generator is free sooner",
            Agreement.open: "With plain descent the two losses are not told apart",
        }[agreement],
        lead=f"Steps until D's mean on generated samples is 0.1, of {steps}; with plain descent "
        f"{stuck} of {len(_differences(rows, 'sgd'))} minimax generators had not come free when "
        "the run ended. With Adam, of which nothing was predicted, the difference is "
        f"{number_text(found['adam'].value)} ({span(found['adam'])}).",
        numbers=[
            Number(
                label=f"steps lost, {PLAYED[kind]}",
                value=number_text(interval.value),
                note=f"95 % {span(interval)}" + ("" if kind == "sgd" else "; nothing predicted"),
            )
            for kind, interval in found.items()
        ],
        table=Table(
            columns=["G by", *COLOURS, "difference", "minimax later, same, sooner"],
            rows=[_freedom_line(rows, kind, found[kind]) for kind in PLAYED],
        ),
        draw=partial(_freedom_figure, rows),
        alt="D's mean on generated samples over the steps, for both losses and both optimisers",
        caption="D's mean on generated samples over the steps after the bad start, one line a seed. "
        "Dashed: 0.1, where a generator counts as free. In the table, medians over seeds with 95 % "
        "intervals.",
    )


def _freedom_line(rows: Sequence[Row], kind: str, found: MedianInterval) -> list[str]:
    lost = _differences(rows, kind)
    return [
        PLAYED[kind],
        *(
            over_seeds([_free(r) for r in chosen(rows, loss=loss, optimiser=kind)])
            for loss in COLOURS
        ),
        f"{number_text(found.value)} ({span(found)})",
        f"{sum(d > 0 for d in lost)}, {sum(d == 0 for d in lost)}, {sum(d < 0 for d in lost)}",
    ]


@page_style()
def _singles_figure(looks: Sequence[dict[str, Any]], width_px: int) -> Figure:
    every = [pair for look in looks for pair in look["singles"]]
    shown = every[:: max(1, len(every) // _POINTS)]
    figure, (ax,) = panels(width_px, 1, height=260, columns=1)
    d = np.array([pair[0] for pair in shown])
    line = np.geomspace(d.min(), min(d.max(), 0.9999), 200)
    ax.loglog(line, (1.0 - line) / line, color=INK, linewidth=1.2, zorder=1)
    ax.loglog(d, [pair[1] for pair in shown], "o", color=GENERATOR, markersize=4, alpha=0.6)
    _decades(ax, "x", d)
    _decades(ax, "y", np.array([pair[1] for pair in shown]))
    y_title(ax, "non-saturating / saturating gradient norm of one sample")
    x_title(ax, "D's output on it")
    return figure


@page_style()
def _batches_figure(rows: Sequence[Row], width_px: int) -> Figure:
    figure, (ax,) = panels(width_px, 1, height=280, columns=1)
    every: list[float] = []
    for loss, colour in COLOURS.items():
        looks = _looks(chosen(rows, loss=loss))
        x, y = ([look[k] for look in looks] for k in ("ratio_of_means", "batch_ratio"))
        ax.loglog(x, y, "o", color=colour, markersize=4.5, alpha=0.6)
        every += [*x, *y]
    ends = [0.7 * min(every), 1.4 * max(every)]
    ax.loglog(ends, ends, color=INK, linewidth=1.2, zorder=1)
    ax.set_xlim(*ends)
    ax.set_ylim(*ends)
    for axis in ("x", "y"):
        _decades(ax, axis, np.array(every))
    for place, (loss, colour) in enumerate(COLOURS.items()):
        label(ax, ends[0], ends[1], f"trained with {loss}", colour, dx=8, dy=-14 - 17 * place)
    y_title(ax, "ratio of the batch gradients")
    x_title(ax, "E(1 − d)/E d")
    return figure


@page_style()
def _freedom_figure(rows: Sequence[Row], width_px: int) -> Figure:
    figure, axes = panels(width_px, len(PLAYED), height=240)
    for ax, kind in zip(axes, PLAYED, strict=True):
        for loss, colour in COLOURS.items():
            for row in chosen(rows, loss=loss, optimiser=kind):
                course = np.array(row["measured"]["course"])
                ax.plot(1 + 10 * np.arange(len(course)), np.maximum(course, 1e-6), color=colour,
                        linewidth=1.0, alpha=0.55)  # fmt: skip
        ax.set_yscale("log")
        ax.set_ylim(1e-4, 1.5)
        steps = rows[0]["configuration"]["steps"]
        ax.set_xlim(0, steps)
        set_ticks(ax, "x", [0, steps // 2, steps])
        set_ticks(ax, "y", [1e-4, 1e-3, 1e-2, 1e-1, 1.0])
        reference(ax, 0.1, axis="y", color=MUTED)
        if kind == "sgd":
            label(ax, steps, 3e-4, "minimax", COLOURS["minimax"], dx=-4, align="right")
            label(ax, steps, 1.5e-4, "non-saturating", COLOURS["non-saturating"], dx=-4,
                  align="right")  # fmt: skip
        y_title(ax, f"{PLAYED[kind]}: D on generated samples")
        x_title(ax, "step")
    return figure


def _decades(ax: Any, axis: Any, values: np.ndarray) -> None:
    low, high = math.floor(math.log10(values.min())), math.ceil(math.log10(values.max()))
    every = max(1, (high - low) // 4)
    ends = ax.get_xlim() if axis == "x" else ax.get_ylim()
    places = [10.0**k for k in range(low, high + 1, every) if ends[0] <= 10.0**k <= ends[1]]
    set_ticks(ax, axis, places)


def _adam_words(lost: Sequence[int]) -> str:
    found = median_interval(lost)
    what = (
        "costs steps too"
        if found.low > 0
        else "saves steps"
        if found.high < 0
        else "is not shown to cost a step"
    )
    return (
        f"**An optimiser can hide it.** With Adam the same factor in the gradient {what} "
        f"({number_text(found.value)}, {span(found)}): it divides by the gradient's own size, so the "
        "ratio of two lengths is no ratio of two speeds. Who looks at losses or at speed alone does "
        "not see saturation; the ratio of the gradients shows it in both."
    )


def _batch_words(rows: Sequence[Row]) -> str:
    apart = [abs(math.log(k["batch_ratio"] / k["ratio_of_means"])) for k in _looks(rows)]
    return (
        "**A batch is not its samples.** Over all looks the batch's ratio and E(1 − d)/E d differ "
        f"by a factor of {number_text(math.exp(float(np.median(apart))), 3)} in the median and of "
        f"{number_text(math.exp(max(apart)), 3)} at most; batch-ratio-is-not-the-mean-ratio says that "
        "with different directions it can be any number."
    )


def _facts(rows: Sequence[Row]) -> list[tuple[str, str]]:
    c = rows[0]["configuration"]
    rates = ", ".join(
        f"{PLAYED[k]} {chosen(rows, optimiser=k)[0]['configuration']['lr']:g}" for k in PLAYED
    )
    return [
        ("seeds", seeds_of(rows)),
        ("runs", str(len(rows))),
        ("D's updates before, both players' after", f"{c['ahead']}, {c['steps']}"),
        ("step of G", rates),
        ("batch, samples of a look", f"{c['batch_size']}, {number_text(c['samples'])}"),
        ("interval", "of the median over seeds, by the sign test, 95 %"),
        *versions_of(rows),
    ]
