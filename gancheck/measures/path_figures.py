"""How is a path through the latent space shown?

A strip: each path from left to right, the number of the component that its sample belongs to, and
the gap where it is in none; above each bar how fast the sample moves. Beside it the samples: as
points of the plane on their track, or as images where the data is left, in the middle of the gap,
and where the next component is reached. Below, how much of a path is gap, over all paths.
"""

# pyright: reportUnknownMemberType=false
# (matplotlib's own signatures are partially unknown)
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gancheck.measures.data_gaps import GAP
from gancheck.measures.figures import (
    FAILING,
    GENERATOR,
    HAIRLINE,
    INK,
    MUTED,
    REAL,
    number_text,
    reference,
    set_ticks,
    x_title,
    y_title,
)
from gancheck.measures.support_figures import Panel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from gancheck.measures.latent_paths import LatentPaths

__all__ = ["as_images", "mosaic", "path_panels"]

_BAR = 0.3  # of a row: the bar; the line of the speed has the rest
_SMALLEST = 0.004  # of a path: a thinner gap is drawn this wide
_ROOM = 0.055  # of a path: a shorter piece has no room for its number
_PIXELS = 48  # an image of a mosaic is enlarged to at least this many


def path_panels(found: LatentPaths) -> list[Panel]:
    """The panels of a figure, none where no path was followed."""
    if not len(found.leave):
        return []
    panels = [Panel(lambda ax: _widths(ax, found), 220, 200)]
    rows = len(found.strip.labels)
    if not rows:
        return panels
    height = 70 + 36 * rows
    panels.insert(0, Panel(lambda ax: _strip(ax, found), height, height))
    if found.strip.track.size:
        panels.insert(1, Panel(lambda ax: _tracks(ax, found), height, 320))
    elif as_images(found.decoded) is not None:
        panels.insert(1, Panel(lambda ax: _mosaic(ax, found), height, height))
    return panels


def as_images(samples: np.ndarray) -> np.ndarray | None:
    """Samples [..., flat or with axes] as grey images [..., h, w] in 0..1; None where they are none.

    A square number of values of at least 16, or one or three channels of an image, averaged.
    """
    if samples.ndim < 3 or samples.size == 0:
        return None
    shape = samples.shape[2:]
    side = round(float(np.prod(shape)) ** 0.5)
    if len(shape) == 3 and shape[0] in (1, 3):
        pictures = samples.mean(axis=2)
    elif len(shape) == 2:
        pictures = samples
    elif len(shape) == 1 and side * side == shape[0] and side >= 4:
        pictures = samples.reshape(*samples.shape[:2], side, side)
    else:
        return None
    low, high = float(pictures.min()), float(pictures.max())
    return (pictures - low) / (high - low if high > low else 1.0)


def _strip(ax: Axes, found: LatentPaths) -> None:
    """Bars of components and gaps; the speed on each, to the fastest of all."""
    strip = found.strip
    fastest = float(strip.speed.max()) or 1.0
    middles = 0.5 * (strip.t[1:] + strip.t[:-1])
    crossed = np.flatnonzero(np.isfinite(found.leave))
    for row, labels in enumerate(strip.labels):
        path = crossed[row]
        for begin, end, kind in _pieces(strip.t, labels):
            _bar(ax, row, begin, end, kind)
        _bar(ax, row, float(found.leave[path]), float(found.arrive[path]), GAP)
        for _, begin, end in strip.between[strip.between[:, 0] == row].tolist():
            _bar(ax, row, begin, end, GAP)
        ax.plot(middles, row - 0.2 - 0.65 * strip.speed[row] / fastest, color=GENERATOR,
                linewidth=1.4)  # fmt: skip
    rows = len(strip.labels)
    ax.set_xlim(-0.01, 1.01)
    ax.set_ylim(rows - 0.6, -0.95)
    set_ticks(ax, "x", [0, 0.25, 0.5, 0.75, 1])
    experts = [int(found.expert[crossed[row]]) for row in range(rows)]
    set_ticks(ax, "y", range(rows), [f"expert {k}" if k >= 0 else "" for k in experts])
    x_title(ax, "position on the path")
    y_title(ax, "component on each path, in a gap (red); line: speed")


def _bar(ax: Axes, row: int, begin: float, end: float, kind: int) -> None:
    gap = kind == GAP
    width = max(end - begin, _SMALLEST)
    ax.broken_barh(
        [(0.5 * (begin + end - width), width)],
        (row - _BAR / 2, _BAR),
        facecolors=FAILING if gap else HAIRLINE,
        zorder=3 if gap else 2,
    )
    if not gap and end - begin > _ROOM:
        middle = 0.5 * (begin + end)
        ax.text(middle, row, str(kind), color=INK, size=11, ha="center", va="center", zorder=4)


def _pieces(t: np.ndarray, labels: np.ndarray) -> list[tuple[float, float, int]]:
    """Runs of one label, each to halfway to the next."""
    change = np.flatnonzero(np.diff(labels)) + 1
    edges = [0.0, *(0.5 * (t[change] + t[change - 1])).tolist(), 1.0]
    starts = [0, *change.tolist()]
    return [(edges[i], edges[i + 1], int(labels[k])) for i, k in enumerate(starts)]


def _tracks(ax: Axes, found: LatentPaths) -> None:
    """The paths in the plane of the data, with the middle of each gap marked."""
    strip = found.strip
    if len(strip.backdrop):
        ax.plot(*strip.backdrop.T, "o", color=REAL, markersize=2.5, alpha=0.35, markeredgewidth=0)
    for row, track in enumerate(strip.track):
        ax.plot(*track.T, color=GENERATOR, linewidth=1.2, alpha=0.9)
        ax.plot(*found.decoded[row][[0, 2]].T, "o", color=GENERATOR, markersize=5)
        ax.plot(*found.decoded[row][1], "o", color=FAILING, markersize=6, zorder=4)
    ax.set_aspect("equal", adjustable="datalim")
    y_title(ax, "samples on these paths; red: the middle of the gap")


def _mosaic(ax: Axes, found: LatentPaths) -> None:
    """Three images a path: leaving the data, in the middle of the gap, arriving."""
    pictures: Any = as_images(found.decoded)
    mosaic(ax, pictures[: len(found.strip.labels)])
    y_title(ax, "left, in the gap, reached")


def mosaic(ax: Axes, pictures: np.ndarray, names: Sequence[str] = ()) -> None:
    """Images [rows, columns, h, w] in 0..1, ink high, with a name before each row where given.

    They are dark on white tiles on either paper.
    """
    rows, columns, height, width = pictures.shape
    factor = max(1, -(-_PIXELS // max(height, width)))  # so that no browser blurs few pixels
    tile = np.array([height, width]) * factor
    step = tile + max(2, int(tile.max()) // 16)
    whole = np.full(step * (rows, columns), np.nan)
    for i in range(rows):
        for j in range(columns):
            y, x = step * (i, j)
            whole[y : y + tile[0], x : x + tile[1]] = np.kron(
                pictures[i, j], np.ones((factor, factor))
            )
    shades = np.nan_to_num(1.0 - whole)
    rgba = np.stack([shades, shades, shades, np.isfinite(whole)], axis=-1)
    ax.imshow(rgba, interpolation="none", aspect="equal")
    for i, name in enumerate(names):
        middle = i * step[0] + tile[0] / 2
        ax.text(-0.08 * tile[1], middle, name, size=11.5, color=INK, ha="right", va="center")
    ax.set_axis_off()


def _widths(ax: Axes, found: LatentPaths) -> None:
    """How much of a path is gap, over all paths; jumps are told in words."""
    width = (found.arrive - found.leave)[np.isfinite(found.leave)]
    jumps = len(found.leave) - len(width)
    if len(width):
        logs = np.log10(np.maximum(width, np.finfo(float).tiny))
        ax.hist(logs, bins=24, color=GENERATOR)
        middle = float(np.median(logs))
        reference(ax, middle)
        text, right = f"half: at most {10**middle:.1%}", middle > 0.5 * (logs.min() + logs.max())
        ax.annotate(
            text, (middle, 0.97), xycoords=("data", "axes fraction"), va="top", color=MUTED,
            xytext=(-6 if right else 6, 0), textcoords="offset pixels", size=11.5,
            ha="right" if right else "left",
        )  # fmt: skip
        ax.set_ylim(0, 1.25 * ax.get_ylim()[1])
        low, high = np.floor(2 * logs.min()) / 2, np.ceil(2 * logs.max()) / 2
        ticks = np.linspace(low, high, 4) if high > low else [low]
        set_ticks(ax, "x", ticks, [number_text(10**t, 1) for t in ticks])
    if jumps:
        text = f"{jumps} of {len(found.leave)} paths jump"
        ax.text(0.99, 0.8, text, color=FAILING, ha="right", va="top", transform=ax.transAxes)
    ax.locator_params(axis="y", nbins=4, integer=True)
    x_title(ax, "part of a path in its first gap, log scale")
    y_title(ax, f"paths (of {len(found.leave)})")
