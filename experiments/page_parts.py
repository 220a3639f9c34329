"""What do the pages of the experiments say alike?

Rows chosen by their configuration, intervals over seeds in words, one word for several agreements,
the versions that made the rows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gancheck.measures.figures import WIDE, new_figure, number_text
from gancheck.measures.medians import median_interval
from gancheck.rendering.experiment_page import Agreement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.figure import Figure

    from experiments.finished_runs import Row
    from gancheck.measures.medians import MedianInterval

__all__ = [
    "agreed_above_zero",
    "chosen",
    "over_seeds",
    "panels",
    "seeds_of",
    "together",
    "versions_of",
]


def chosen(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    """The rows whose configuration has these values."""
    return [r for r in rows if all(r["configuration"].get(k) == v for k, v in wanted.items())]


def together(found: Sequence[Agreement]) -> Agreement:
    """One word for several: as predicted only where each is, contradicted where none is.

    Raises:
        ValueError: nothing to sum up.
    """
    if not found:
        raise ValueError("found must hold at least one agreement, got none")
    if all(a is Agreement.supported for a in found):
        return Agreement.supported
    if Agreement.supported in found or Agreement.partly in found:
        return Agreement.partly
    return Agreement.contradicted if Agreement.contradicted in found else Agreement.open


def agreed_above_zero(found: MedianInterval) -> Agreement:
    """With the prediction that a number is positive."""
    if found.low > 0.0:
        return Agreement.supported
    return Agreement.contradicted if found.high < 0.0 else Agreement.open


def over_seeds(values: Sequence[float], digits: int = 4) -> str:
    """The median and, where there are six seeds or more, its 95 % interval by the sign test."""
    found = median_interval(values)
    value, low, high = (number_text(x, digits) for x in (found.value, found.low, found.high))
    if not math.isfinite(found.low):
        return f"{value} (too few seeds)"
    return f"{value} in all" if low == high == value else f"{value} ({low} to {high})"


def panels(width_px: int, count: int, *, height: int, columns: int = 2) -> tuple[Figure, list[Any]]:
    """A figure of several axes, beside each other where there is room; spare ones are empty."""
    across = columns if width_px >= WIDE else 1
    down = -(-count // across)
    figure, grid = new_figure(width_px, height * down, rows=down, columns=across, squeeze=False)
    axes = list(grid.flat)
    for ax in axes[count:]:
        ax.set_axis_off()
    return figure, axes[:count]


def seeds_of(rows: Sequence[Row]) -> str:
    """First and last seed, in words."""
    seeds = sorted({r["configuration"]["seed"] for r in rows})
    return f"{seeds[0]} to {seeds[-1]}, of everything drawn"


def versions_of(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """What the rows were made with; all of it where they were not made with the same."""
    found: dict[str, list[str]] = {}
    for row in rows:
        for name, version in row["versions"].items():
            if version not in found.setdefault(name, []):
                found[name].append(version)
    return [(name, ", ".join(versions)) for name, versions in found.items()]
