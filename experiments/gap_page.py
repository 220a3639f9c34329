"""What the page on the mass in a growing gap says, for whatever its runs have shown."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# (matplotlib's own signatures are partially unknown)
from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from experiments.page_parts import chosen, over_seeds, panels, seeds_of, together, versions_of
from experiments.pairs import ERROR, span
from gancheck.measures.figures import (
    GENERATOR,
    INK,
    MUTED,
    PAPER,
    label,
    number_text,
    page_style,
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

THEOREMS: Final = ("gap-mass-isoperimetry", "mixture-support-is-the-union")
_CLAIM = (
    "With a normal latent and an L-Lipschitz generator, of two sides at distance d of which one gets "
    "the mass a, at least Φ(Φ⁻¹(a) + d/L) − a lies between. A mixture of two generators need leave "
    "nothing there."
)
_PREDICTED = (
    "One generator that reaches both discs leaves at least the bound, L certified by the product of "
    "its layers' norms, in every training, and surely something. That a trained mixture leaves less "
    "is the popular expectation; the theorems say only that it can."
)
_REFUTED_BY = (
    "A generator that reaches both sides whose upper limit is below its bound. Of the mixture, an "
    "interval of the difference above zero contradicts the expectation, one that holds zero leaves "
    "it open."
)
_LIMITS: Final = (
    "Small perceptrons and 600 updates; a longer training makes a generator steeper and its bridge "
    "thinner.",
    "The certified L is a product of norms and larger than the generator's own, so the bound is "
    "valid and low. The estimate uses the largest slope found at 256 latents, which is at most L: it "
    "is no bound and may lie above what is measured.",
    "The mixture has two experts of the size of the one generator, so more parameters: this does not "
    "compare models of equal cost.",
    "Mass between the half planes is counted; mass above and below the discs is not.",
)


def page(rows: Sequence[Row], command: str) -> ExperimentPage:
    """Everything the page says, from the rows of finished runs alone."""
    one, many = chosen(rows, kind="one"), chosen(rows, kind="many")
    parts = [_bounded(one), _mixture(one, many)]
    kept = sum(map(_keeps, one))
    return ExperimentPage(
        question="How much mass does a generator leave in a gap that grows, and how much must it?",
        agreement=together([p.agreement for p in parts]),
        headline=f"{kept} of {len(one)} single generators leave at least what the theorem demands.",
        claim=_CLAIM,
        theorems=THEOREMS,
        predicted=_PREDICTED,
        refuted_by=_REFUTED_BY,
        parts=parts,
        conclusion=_conclusion(one, many, parts),
        limits=_LIMITS,
        command=command,
        facts=_facts(rows),
        result={
            kind: [{**r["configuration"], **r["measured"]} for r in own]
            for kind, own in (("one", one), ("many", many))
        },
    )


def _distances(rows: Sequence[Row]) -> list[float]:
    return sorted({r["configuration"]["distance"] for r in rows})


def _reaches(row: Row) -> bool:
    """Whether both sides get samples, without which the theorem demands nothing."""
    return min(row["measured"]["left"], row["measured"]["right"]) > 0.0


def _keeps(row: Row) -> bool:
    """Whether the count can be what the theorem demands, and is surely something."""
    m = row["measured"]
    return not _reaches(row) or (m["high"] >= m["bound"] and m["low"] > 0.0)


def _bounded(rows: Sequence[Row]) -> Part:
    kept, reach = sum(map(_keeps, rows)), sum(map(_reaches, rows))
    over = sum(r["measured"]["between"] >= r["measured"]["estimate"] for r in rows)
    return Part(
        name="One generator",
        agreement=Agreement.supported
        if kept == len(rows) and reach
        else Agreement.contradicted
        if kept < len(rows)
        else Agreement.open,
        title=f"{kept} of {len(rows)} generators leave at least the bound",
        lead=f"{reach} of {len(rows)} reach both discs. The estimate with the largest slope found, "
        f"which is no bound, is at most what is measured in {over} of {len(rows)}.",
        numbers=[
            Number(
                label=f"in the gap of {d:g}",
                value=over_seeds([r["measured"]["between"] for r in chosen(rows, distance=d)], 2),
                note="share of the samples, 95 % over seeds",
            )
            for d in _distances(rows)
        ],
        table=Table(
            columns=["gap", "in the gap", "bound", "estimate", "certified L", "largest slope"],
            rows=[
                [
                    number_text(d),
                    *(
                        over_seeds([r["measured"][k] for r in chosen(rows, distance=d)], 2)
                        for k in ("between", "bound", "estimate", "lipschitz", "slope")
                    ),
                ]
                for d in _distances(rows)
            ],
        ),
        draw=partial(_bounded_figure, rows),
        alt="Mass in the gap of each generator, its certified bound and its estimate",
        caption="Share of the samples in the gap, by its width. Dot: measured, one a seed. Dash: the "
        "certified bound. Ring: the estimate with the largest slope found. In the table, medians over "
        "seeds with 95 % intervals.",
    )


def _differences(
    one: Sequence[Row], many: Sequence[Row]
) -> dict[float, tuple[list[float], MedianInterval]]:
    """Mixture less one generator, seed by seed, at each distance."""
    at = _distances(one)
    out: dict[float, tuple[list[float], MedianInterval]] = {}
    for d in at:
        pairs = zip(chosen(one, distance=d), chosen(many, distance=d), strict=True)
        values = [b["measured"]["between"] - a["measured"]["between"] for a, b in pairs]
        out[d] = values, median_interval(values, level=1.0 - ERROR / len(at))
    return out


def _smaller(found: MedianInterval) -> Agreement:
    if found.high < 0.0:
        return Agreement.supported
    return Agreement.contradicted if found.low > 0.0 else Agreement.open


def _mixture(one: Sequence[Row], many: Sequence[Row]) -> Part:
    found = _differences(one, many)
    agreed = [_smaller(interval) for _, interval in found.values()]
    level = f"{100.0 * (1.0 - ERROR / len(found)):.4g} %"
    return Part(
        name="A mixture of two",
        agreement=together(agreed),
        title=f"At {sum(a is Agreement.supported for a in agreed)} of {len(agreed)} gaps a trained "
        "mixture leaves less",
        lead="The difference to one generator of the same seed. A mixture is trained as the one is: "
        "nothing tells an expert to keep to one disc.",
        numbers=[
            Number(
                label=f"difference, gap {d:g}",
                value=number_text(interval.value, 2),
                note=f"{level} {span(interval)}, {_smaller(interval)}",
            )
            for d, (_, interval) in found.items()
        ],
        table=Table(
            columns=["gap", "one", "mixture", "difference", f"{level} interval", "less, more"],
            rows=[
                [
                    number_text(d),
                    *(
                        over_seeds([r["measured"]["between"] for r in chosen(own, distance=d)], 2)
                        for own in (one, many)
                    ),
                    number_text(interval.value, 2),
                    span(interval),
                    f"{sum(v < 0 for v in values)}, {sum(v > 0 for v in values)}",
                ]
                for d, (values, interval) in found.items()
            ],
        ),
        draw=partial(_mixture_figure, one, many),
        alt="Mass in the gap of one generator and of a mixture, seed by seed",
        caption="Share of the samples in the gap, by seed, at each gap. Ring: one generator. Dot: a "
        "mixture of two. In the table, medians over seeds with 95 % intervals, and of the difference "
        f"{level}, so that all hold together with 95 %.",
    )


@page_style()
def _bounded_figure(rows: Sequence[Row], width_px: int) -> Figure:
    figure, (ax,) = panels(width_px, 1, height=280, columns=1)
    at = _distances(rows)
    top = max(max(r["measured"][k] for k in ("between", "estimate")) for r in rows)
    for place, d in enumerate(at):
        own = chosen(rows, distance=d)
        for number, row in enumerate(own):
            x, m = place + 0.7 * (number + 0.5) / len(own) - 0.35, row["measured"]
            ax.plot([x - 0.03, x + 0.03], [m["bound"]] * 2, color=INK, linewidth=1.6)
            ax.plot(x, m["estimate"], "o", color=MUTED, markersize=6, markerfacecolor=PAPER,
                    markeredgewidth=1.2)  # fmt: skip
            ax.plot(x, m["between"], "o", color=GENERATOR, markersize=4.5)
    ax.set_xlim(-0.6, len(at) - 0.4)
    ax.set_ylim(0.0, 1.15 * top)
    set_ticks(ax, "x", range(len(at)), [f"{d:g}" for d in at])
    set_ticks(ax, "y", [round(k * top / 3, 3) for k in range(4)])
    ax.grid(visible=True, axis="y")
    y_title(ax, "share of the samples in the gap")
    x_title(ax, "width of the gap")
    return figure


@page_style()
def _mixture_figure(one: Sequence[Row], many: Sequence[Row], width_px: int) -> Figure:
    at = _distances(one)
    figure, axes = panels(width_px, len(at), height=180)
    top = max(r["measured"]["between"] for r in (*one, *many))
    for number, (ax, d) in enumerate(zip(axes, at, strict=True)):
        for kind, own in (("one", chosen(one, distance=d)), ("many", chosen(many, distance=d))):
            x = range(1, len(own) + 1)
            y = [r["measured"]["between"] for r in own]
            if kind == "one":
                ax.plot(x, y, "o", color=INK, markersize=10, markerfacecolor=PAPER,
                        markeredgewidth=1.4, zorder=2)  # fmt: skip
            else:
                ax.plot(x, y, "o", color=GENERATOR, markersize=5, zorder=3)
        if number == 0:
            label(ax, 1, 1.1 * top, "one", INK)
            label(ax, 1, 1.1 * top, "mixture", GENERATOR, dx=34)
        ax.set_ylim(-0.05 * top, 1.2 * top)
        ax.set_xlim(0.3, len(one) / len(at) + 0.7)
        set_ticks(ax, "x", [1, len(one) // len(at)], ["seed 0", str(len(one) // len(at) - 1)])
        set_ticks(ax, "y", [0.0, round(top / 2, 3), round(top, 3)])
        ax.grid(visible=True, axis="y")
        y_title(ax, f"gap {d:g}: share in it")
    return figure


def _conclusion(one: Sequence[Row], many: Sequence[Row], parts: Sequence[Part]) -> list[str]:
    kept = parts[0].agreement is Agreement.supported
    empty = sum(r["measured"]["between"] == 0.0 for r in many)
    at = _distances(one)
    slopes = [
        median_interval([r["measured"]["slope"] for r in chosen(one, distance=d)]).value
        for d in (at[0], at[-1])
    ]
    return [
        "**One generator pays for every gap that it crosses,** and no training was seen to pay less "
        "than the theorem demands."
        if kept
        else "**Something is wrong:** a count below a proved bound is an error of the count, of the "
        "norms or of the proof.",
        "**A wider gap is crossed by a steeper generator:** the largest slope found is "
        f"{number_text(slopes[0], 2)} at a gap of {at[0]:g} and {number_text(slopes[1], 2)} at "
        f"{at[-1]:g}. That is why the mass need not grow with the gap: the bound knows only d/L."
        if slopes[1] > slopes[0]
        else "**A wider gap was not crossed by a steeper generator here;** the bound knows only d/L.",
        f"**A mixture can leave nothing; {empty} of {len(many)} trained ones do.** The others put some "
        "samples there: an expert that crosses, to which the bound applies as to one generator, or "
        "discs whose edges are not sharp. Which of the two was not asked.",
    ]


def _facts(rows: Sequence[Row]) -> list[tuple[str, str]]:
    c = rows[0]["configuration"]
    return [
        ("seeds", seeds_of(rows)),
        ("runs", str(len(rows))),
        ("updates, batch", f"{c['steps']}, {c['batch_size']}"),
        ("networks", f"two hidden layers of {c['width']}, each expert too; the zoo's optimisers"),
        ("samples that are counted", number_text(c["samples"])),
        ("limits of a count", "exact binomial, 99 %"),
        ("interval", "of the median over seeds, by the sign test"),
        *versions_of(rows),
    ]
