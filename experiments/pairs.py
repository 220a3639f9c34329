"""Did the change make a difference, seed by seed?

A `Comparison` holds one number a seed before and after a change, everything else the same. Its
interval is that of the sign test for the median difference (`gancheck.measures.medians`); a part of
an experiment with several comparisons asks each at a level at which all hold together with 95 %.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# (matplotlib's own signatures are partially unknown)
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gancheck.measures.figures import (
    GENERATOR,
    INK,
    MUTED,
    PAPER,
    WIDE,
    label,
    new_figure,
    number_text,
    page_style,
    set_ticks,
    x_title,
    y_title,
)
from gancheck.measures.medians import MedianInterval, median_interval
from gancheck.rendering.experiment_page import Agreement, Number, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "Comparison",
    "all_agree",
    "comparison_numbers",
    "comparison_table",
    "paired_figure",
    "span",
]

ERROR: Final = 0.05  # of all intervals of a part together
_PANEL: Final = 210


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One number a seed, before and after, in one setting.

    Attributes:
        label: of the setting.
        seeds: what the columns belong to.
        before: counts or other numbers [seeds].
        after: the same of the same seeds.
        largest: that they can be.
        together: how many comparisons share the error of 5 %.
        expected: what a theory has for `after` [seeds]; None where it has nothing.
    """

    label: str
    seeds: Sequence[int]
    before: Sequence[float]
    after: Sequence[float]
    largest: int
    together: int
    expected: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if not len(self.seeds) == len(self.before) == len(self.after) > 0:
            raise ValueError(
                "a comparison must have one count before and one after for each of its seeds, "
                f"got {len(self.before)} and {len(self.after)} for {len(self.seeds)}"
            )

    @property
    def differences(self) -> list[float]:
        """After minus before, of each seed."""
        return [b - a for a, b in zip(self.before, self.after, strict=True)]

    @property
    def level(self) -> float:
        """At which this comparison is asked."""
        return 1.0 - ERROR / self.together

    @property
    def difference(self) -> MedianInterval:
        """The median difference."""
        return median_interval(self.differences, level=self.level)

    @property
    def agreement(self) -> Agreement:
        """With the prediction that the change makes the count smaller."""
        found = self.difference
        if found.high < 0:
            return Agreement.supported
        return Agreement.contradicted if found.low > 0 else Agreement.open


def all_agree(comparisons: Sequence[Comparison]) -> Agreement:
    """One word for several comparisons: `supported` only where each is."""
    found = [c.agreement for c in comparisons]
    if all(a is Agreement.supported for a in found):
        return Agreement.supported
    if Agreement.supported in found:
        return Agreement.partly
    return Agreement.contradicted if Agreement.contradicted in found else Agreement.open


def span(found: MedianInterval) -> str:
    """An interval in words; what too few seeds give is said as such."""
    if not math.isfinite(found.low):
        return "too few seeds"
    if found.low == found.high:
        return f"{number_text(found.low)} only"
    return f"{number_text(found.low)} to {number_text(found.high)}"


def comparison_numbers(comparisons: Sequence[Comparison], unit: str) -> list[Number]:
    """The median difference of each, with its interval."""
    return [
        Number(
            label=c.label,
            value=f"{number_text(c.difference.value)} {unit}",
            note=f"{100 * c.level:.4g} % {span(c.difference)}, {c.agreement}",
        )
        for c in comparisons
    ]


def comparison_table(comparisons: Sequence[Comparison], before: str, after: str) -> Table:
    """Medians of both, the difference with its interval, and how many seeds went which way."""
    level = f"{100 * comparisons[0].level:.4g} % interval"
    return Table(
        columns=["setting", before, after, "difference", level, "fewer, same, more"],
        rows=[
            [
                c.label,
                _median(c.before),
                _median(c.after),
                number_text(c.difference.value),
                span(c.difference),
                f"{sum(d < 0 for d in c.differences)}, {sum(d == 0 for d in c.differences)}, "
                f"{sum(d > 0 for d in c.differences)}",
            ]
            for c in comparisons
        ],
    )


def _median(counts: Sequence[float]) -> str:
    found = median_interval(counts)
    between = "" if math.isinf(found.low) else f" ({span(found)})"
    return f"{number_text(found.value)}{between}"


def paired_figure(
    comparisons: Sequence[Comparison], width_px: int, *, before: str, after: str, counted: str
) -> Figure:
    """A panel a comparison: each seed's two counts, joined; a dash is what theory expects.

    Args:
        comparisons: drawn row by row, two beside each other.
        width_px: of the figure.
        before: name of the ring.
        after: name of the dot.
        counted: what is drawn upwards.
    """
    columns = 2 if width_px >= WIDE else 1
    rows = math.ceil(len(comparisons) / columns)
    with page_style():
        figure, grid = new_figure(
            width_px, _PANEL * rows, rows=rows, columns=columns, squeeze=False
        )
        axes: list[Any] = list(grid.flat)
        for number, (ax, comparison) in enumerate(zip(axes, comparisons, strict=False)):
            _panel(ax, comparison, counted)
            if number == 0:
                _name_marks(ax, comparison, before, after)
        for ax in axes[len(comparisons) :]:
            ax.set_axis_off()
    return figure


def _panel(ax: Axes, c: Comparison, counted: str) -> None:
    places = range(1, len(c.seeds) + 1)
    for x, low, high in zip(places, c.before, c.after, strict=True):
        ax.plot([x, x], [low, high], color=MUTED, linewidth=1.2, zorder=1)
    ax.plot(
        places, c.before, "o", color=INK, markersize=10, markerfacecolor=PAPER,
        markeredgewidth=1.4, zorder=2,
    )  # fmt: skip
    ax.plot(places, c.after, "o", color=GENERATOR, markersize=5.5, zorder=3)
    if c.expected is not None:
        for x, y in zip(places, c.expected, strict=True):
            ax.plot([x - 0.34, x + 0.34], [y, y], color=MUTED, linewidth=1.4, zorder=1)
    ax.set_xlim(0.3, len(c.seeds) + 2.9)
    ax.set_ylim(-0.06 * c.largest, 1.08 * c.largest)
    set_ticks(ax, "y", range(0, c.largest + 1, max(1, round(c.largest / 5))))
    set_ticks(ax, "x", [1, len(c.seeds)], [str(c.seeds[0]), str(c.seeds[-1])])
    ax.grid(visible=True, axis="y")
    y_title(ax, f"{c.label}: {counted}")
    x_title(ax, "seed")


def _name_marks(ax: Axes, c: Comparison, before: str, after: str) -> None:
    """Names at the right of the last seed, apart where its counts are not."""
    x, first, second = len(c.seeds), c.before[-1], c.after[-1]
    near = abs(first - second) < 0.14 * c.largest
    shift = (8 if first >= second else -8) if near else 0
    label(ax, x, first, before, INK, dx=11, dy=shift)
    label(ax, x, second, after, GENERATOR, dx=11, dy=-shift)
