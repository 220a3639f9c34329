"""What stands in a figure, in data units: lines, dots, intervals, histograms, by their colour."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import same_color
from matplotlib.patches import StepPatch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gancheck.diagnosis import Quantity


def panels(axes: Any) -> list[Axes]:
    """What a measurement's `plot` returned, as a list."""
    return list(np.ravel(np.array(axes, dtype=object)))


def lines(ax: Axes, colour: str, marker: str = "None") -> list[np.ndarray]:
    """[points, 2] of each line of a colour, with that marker or none, in the order of drawing."""
    return [
        np.column_stack(line.get_data()).astype(float)
        for line in ax.lines
        if same_color(line.get_color(), colour) and line.get_marker() == marker
    ]


def dots(ax: Axes, colour: str, marker: str = "o") -> np.ndarray:
    """[dots, 2] of a colour, ordered."""
    found = lines(ax, colour, marker)
    return ordered(np.concatenate(found) if found else np.zeros((0, 2)))


def ordered(points: np.ndarray) -> np.ndarray:
    """Rows ascending in the first coordinate and then in the second."""
    return points[np.lexsort((points[:, 1], points[:, 0]))]


def intervals(ax: Axes, colour: str) -> list[tuple[float, float, float]]:
    """Low, value and high of each horizontal interval of a colour, ascending in its place."""
    spans = {
        float(line[0, 1]): (float(line[0, 0]), float(line[1, 0]))
        for line in lines(ax, colour)
        if len(line) == 2 and line[0, 1] == line[1, 1]
    }
    return [
        (spans[float(y)][0], float(x), spans[float(y)][1])
        for x, y in sorted(dots(ax, colour).tolist(), key=lambda at: at[1])
    ]


def ends(q: Quantity) -> tuple[float, float, float]:
    """Low, value and high of a quantity."""
    return (q.interval[0], q.value, q.interval[1])


def references(ax: Axes) -> list[float]:
    """Where the dashed vertical lines stand."""
    found: list[float] = []
    for line in ax.lines:
        first, last = np.asarray(line.get_xdata(), dtype=float)[[0, -1]]
        if line.is_dashed() and first == last:
            found.append(float(first))
    return found


def assert_density(ax: Axes, colour: str, values: np.ndarray) -> None:
    """The outlined density of that colour has in each bin the share of the values that lie there.

    A hundredth of them may lie outside its range.
    """
    (outline,) = (
        patch.get_data()
        for patch in ax.patches
        if isinstance(patch, StepPatch)
        and not patch.get_fill()
        and same_color(patch.get_edgecolor(), colour)
    )
    edges = np.asarray(outline.edges, dtype=float)
    counts = [int(((values >= a) & (values < b)).sum()) for a, b in pairwise(edges)]
    counts[-1] += int((values == edges[-1]).sum())
    assert sum(counts) >= 0.99 * len(values)
    drawn = np.asarray(outline.values, dtype=float) * np.diff(edges)
    assert np.allclose(drawn, np.array(counts) / sum(counts), atol=1e-12)
