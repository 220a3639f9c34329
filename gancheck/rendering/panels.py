"""How do small figures of numbers by step stand beside or below each other?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from gancheck.measures.figures import WIDE, new_figure, set_ticks, x_title, y_title

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["by_step", "number", "panels"]

_HEIGHT: Final = 170
_TICKS: Final = 5


def panels(width_px: int, count: int) -> tuple[Figure, list[Axes]]:
    """A figure of so many axes, two beside each other where there is room."""
    columns = 2 if width_px >= WIDE and count > 1 else 1
    rows = math.ceil(count / columns)
    figure, grid = new_figure(width_px, _HEIGHT * rows, rows=rows, columns=columns, squeeze=False)
    axes: list[Axes] = list(grid.flat)
    for ax in axes[count:]:
        ax.set_axis_off()
    return figure, axes[:count]


def by_step(ax: Axes, title: str, steps: Iterable[float] | None = None) -> None:
    """Ticks, grid and titles of a panel whose curves are drawn.

    Args:
        ax: drawn on.
        title: of the numbers.
        steps: ticks below; every second of matplotlib's own where not given.
    """
    low, high = ax.get_ylim()
    ticks = [t for t in ax.get_yticks() if low <= t <= high]
    set_ticks(ax, "y", ticks[:: max(1, math.ceil(len(ticks) / _TICKS))])
    first, last = ax.get_xlim()
    own = [t for t in ax.get_xticks() if first <= t <= last][::2] or [first]
    set_ticks(ax, "x", own if steps is None else steps)
    ax.grid(visible=True, axis="y")  # pyright: ignore[reportUnknownMemberType]
    y_title(ax, title)
    x_title(ax, "step")


def number(value: Any) -> float:
    """A number of a row that may hold anything; NaN where it is none.

    Example:
        >>> number(3), number("3"), number(True)
        (3.0, nan, nan)
    """
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if usable else math.nan
