"""How is mass between components shown?

Left, the samples in the plane with the bridging ones marked, or, in more dimensions, how ambiguous
each sample is beside held-out real ones; right, for each pair of components, how much of the mass
lies in their gap and whether the samples link them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gancheck.measures.figures import (
    FAILING,
    GENERATOR,
    HAIRLINE,
    INK,
    MUTED,
    PAPER,
    REAL,
    new_figure,
    number_text,
    reference,
    set_ticks,
    x_title,
    y_title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gancheck.measures.connectivity import BridgeMass

__all__ = ["bridge_figure"]

_SHOWN = 3000  # points of each kind in the picture
_PAIRS = 30  # components of which the matrix has room for
_NUMBERS = 9  # components up to which each cell has room for its number
_NARROW = 500  # pixels below which the panels stand above each other


def bridge_figure(found: BridgeMass, width_px: int) -> Any:
    """Draw the samples, and the matrix of pairs where there are pairs; axes, or an array of them."""
    planar = found.generated.shape[1] == 2
    if not len(found.ambiguity) or found.count > _PAIRS:
        _, ax = new_figure(width_px, min(width_px, 440) if planar else 240)
        _first(ax, found)
        return ax
    if width_px < _NARROW:
        heights = (width_px if planar else 220, width_px)
        _, axes = new_figure(width_px, sum(heights), rows=2, height_ratios=heights)
    else:
        _, axes = new_figure(width_px, width_px // 2, columns=2)
    _first(axes[0], found)
    _pairs(axes[1], found)
    return axes


def _first(ax: Axes, found: BridgeMass) -> None:
    if found.generated.shape[1] == 2:
        _scatter(ax, found)
    else:
        _ambiguity(ax, found)


def _scatter(ax: Axes, found: BridgeMass) -> None:
    real, fake, on = found.real[:_SHOWN], found.generated[:_SHOWN], found.bridging[:_SHOWN]
    for points, colour, size in (
        (real, REAL, 3),
        (fake[~on], GENERATOR, 3),
        (fake[on], FAILING, 5),
    ):
        ax.plot(*points.T, "o", color=colour, markersize=size, alpha=0.5, markeredgewidth=0)
    ax.set_aspect("equal", adjustable="datalim")
    for i, (name, colour) in enumerate(
        (("real", REAL), ("generated", GENERATOR), ("in a gap", FAILING))
    ):
        _corner(ax, i, name, colour, right=False)
    if "bridge_mass" in found.quantities:
        mass = found.quantities["bridge_mass"]
        low, high = (number_text(100 * end, 2) for end in mass.interval)
        ax.set_title(f"{number_text(100 * mass.value, 2)} % in the gaps ({low} to {high} %)")


def _ambiguity(ax: Axes, found: BridgeMass) -> None:
    bins = np.linspace(0.0, 0.5, 51)
    if not len(found.ambiguity):
        ax.text(0.5, 0.5, "one component: no gap", transform=ax.transAxes, ha="center")
        ax.set_axis_off()
        return
    for i, (values, colour, name) in enumerate(
        (
            (found.null_ambiguity, REAL, "held-out real"),
            (found.ambiguity, GENERATOR, "generated"),
        )
    ):
        heights, _ = np.histogram(values, bins=bins, density=True)
        ax.stairs(heights, bins, color=colour, fill=True, alpha=0.2)
        ax.stairs(heights, bins, color=colour, linewidth=1.6)
        _corner(ax, i, name, colour, right=True)
    reference(ax, found.threshold, text="middle of a gap begins")
    ax.set_ylim(0, 1.35 * ax.get_ylim()[1])
    ax.set_yticks([])
    y_title(ax, "density")
    x_title(ax, "a/(a+b): 0 on a component, 0.5 halfway")


def _corner(ax: Axes, line: int, text: str, colour: str, *, right: bool) -> None:
    """A name in an upper corner, one line for each."""
    ax.text(
        0.99 if right else 0.01,
        0.97 - 0.06 * line,
        text,
        color=colour,
        transform=ax.transAxes,
        weight="bold",
        ha="right" if right else "left",
        va="top",
    )


def _pairs(ax: Axes, found: BridgeMass) -> None:
    """Squares whose area is the mass in the gap of a pair; a filled one is linked."""
    count, mass = found.count, found.pairs
    largest = float(mass.max())
    for i in range(count):
        for j in range(count):
            if mass[i, j] > 0.0:
                _cell(ax, j, i, mass[i, j] / largest, linked=bool(found.joined[i, j]))
                if count <= _NUMBERS:
                    text = number_text(100 * mass[i, j], 2)
                    colour = PAPER if found.joined[i, j] else INK
                    ax.text(j, i, text, color=colour, size=10, ha="center", va="center")
    for k in range(count + 1):
        ax.axhline(k - 0.5, color=HAIRLINE, zorder=0)
        ax.axvline(k - 0.5, color=HAIRLINE, zorder=0)
    ax.set_xlim(-0.5, count - 0.5)
    ax.set_ylim(count - 0.5, -0.5)
    ax.set_aspect("equal")
    step = max(1, count // 8)
    ticks = list(range(0, count, step))
    set_ticks(ax, "x", ticks)
    set_ticks(ax, "y", ticks)
    x_title(ax, "component")
    y_title(ax, "component")
    if largest > 0.0:
        ax.set_title("mass in the gap of each pair, %; filled: linked")
    else:
        ax.set_title("no sample in any gap", color=MUTED)


def _cell(ax: Axes, x: float, y: float, share: float, *, linked: bool) -> None:
    from matplotlib.patches import Rectangle

    side = 0.8 * max(share, 0.01) ** 0.5
    ax.add_patch(
        Rectangle(
            (x - side / 2, y - side / 2),
            side,
            side,
            facecolor=FAILING if linked else PAPER,
            edgecolor=FAILING,
            linewidth=1.5,
        )
    )
