"""How is mass between components shown?

First the samples in the plane with the bridging ones marked, or, in more dimensions, how ambiguous
each sample is beside held-out real ones; then, for each pair of components, how much of the mass
lies in their gap and whether the samples link them. Where the generator was looked into, its latent
paths follow; last the scales at which the samples hang together, within the range of real ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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
    from collections.abc import Callable

    from matplotlib.axes import Axes

    from gancheck.measures.connectivity import BridgeMass
    from gancheck.measures.joining_curve import JoiningCurve

__all__ = ["Panel", "arranged", "bridge_figure", "bridge_panels"]

_SHOWN = 3000  # points of each kind in the picture
_PAIRS = 30  # components of which the matrix has room for
_NUMBERS = 9  # components up to which each cell has room for its number
_ROOM = 0.5  # of the largest mass: a smaller square has no room for its number
_LINE = 17.0  # pixels from one line of text to the next
_NARROW = 500  # pixels below which the panels stand above each other


class Panel(NamedTuple):
    """A part of a figure.

    Attributes:
        draw: onto axes of its own.
        wide: its height where two panels stand beside each other, in pixels.
        narrow: its height where they stand above each other.
    """

    draw: Callable[[Axes], None]
    wide: int
    narrow: int


def arranged(width_px: int, panels: list[Panel]) -> np.ndarray:
    """Draw panels two in a row, or one in a row on a narrow page; their axes in order.

    The last of an odd number has a row of its own.
    """
    columns = 1 if width_px < _NARROW or len(panels) == 1 else 2
    rows = [panels[i : i + columns] for i in range(0, len(panels), columns)]
    heights = [max(p.wide if columns == 2 else p.narrow for p in row) for row in rows]
    figure, grid = new_figure(
        width_px, sum(heights), rows=len(rows), columns=columns, squeeze=False,
        height_ratios=heights,
    )  # fmt: skip
    if len(rows[-1]) < columns:
        for ax in grid[-1]:
            ax.remove()
        spec = grid[0, 0].get_gridspec()
        grid[-1, 0] = figure.add_subplot(spec[len(rows) - 1, :])
    axes = np.array(list(grid.flat)[: len(panels)])
    for panel, ax in zip(panels, axes, strict=True):
        panel.draw(ax)
    return axes


def bridge_figure(found: BridgeMass, width_px: int) -> np.ndarray:
    """Draw what there is: samples, pairs, paths, and the curve; axes in that order."""
    return arranged(width_px, bridge_panels(found, width_px))


def bridge_panels(found: BridgeMass, width_px: int) -> list[Panel]:
    """The panels of that figure, for one that shows more beside them."""
    from gancheck.measures.path_figures import path_panels

    planar = found.generated.shape[1] == 2
    several = len(found.ambiguity) > 0 and found.count <= _PAIRS
    wide = (width_px // 2 if several else min(width_px, 440)) if planar else 240
    first = Panel(lambda ax: _first(ax, found), wide, width_px if planar else 220)
    panels = [first]
    if several:
        panels.append(Panel(lambda ax: _pairs(ax, found), width_px // 2, width_px))
    if found.paths is not None:
        panels += path_panels(found.paths)
    if found.curve is not None:
        curve = found.curve
        panels.append(Panel(lambda ax: _curve(ax, curve), 220, 220))
    return panels


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


def _curve(ax: Axes, found: JoiningCurve) -> None:
    """Heavy pieces by scale: generated, within the range of thirds of the real sample."""
    low, high = found.real.min(axis=0), found.real.max(axis=0)
    ax.fill_between(found.scale, low, high, step="post", color=REAL, alpha=0.3)
    for edge in (low, high):
        ax.step(found.scale, edge, where="post", color=REAL, linewidth=0.8)
    ax.step(found.scale, found.generated, where="post", color=GENERATOR, linewidth=2)
    ax.set_xscale("log")
    most = int(max(high.max(), found.generated.max()))
    set_ticks(ax, "y", sorted({1, most // 2, most} - {0}) if most > 4 else range(most + 1))
    ticks = np.geomspace(found.scale[0], found.scale[-1], 4)
    set_ticks(ax, "x", ticks, [number_text(t, 1) for t in ticks])
    _corner(ax, 0, "real, range of thirds", REAL, right=True)
    _corner(ax, 1, "generated", GENERATOR, right=True)
    ax.set_ylim(0, 1.25 * most)
    y_title(ax, f"pieces of at least 1 % of {found.points} points")
    x_title(ax, "length of the steps that join them, log scale")


def _corner(ax: Axes, line: int, text: str, colour: str, *, right: bool) -> None:
    """A name in an upper corner, one line for each."""
    ax.text(
        0.99 if right else 0.01,
        0.97 - line * _LINE / _height(ax),
        text,
        color=colour,
        transform=ax.transAxes,
        weight="bold",
        ha="right" if right else "left",
        va="top",
    )


def _height(ax: Axes) -> float:
    """Of the axes in pixels, before the layout is made: near enough to place lines of text."""
    spec, figure = ax.get_subplotspec(), ax.get_figure(root=True)
    if spec is None or figure is None:
        return 200.0
    ratios = np.asarray(spec.get_gridspec().get_height_ratios(), dtype=np.float64)
    share = float(ratios[spec.rowspan.start] / ratios.sum())
    return max(80.0, share * 72.0 * figure.get_figheight() - 50.0)


def _pairs(ax: Axes, found: BridgeMass) -> None:
    """Squares whose area is the mass in the gap of a pair; a filled one is linked."""
    count, mass = found.count, found.pairs
    largest = float(mass.max())
    for i in range(count):
        for j in range(count):
            if mass[i, j] > 0.0:
                _cell(ax, j, i, mass[i, j] / largest, linked=bool(found.joined[i, j]))
                if count <= _NUMBERS:
                    _number(ax, j, i, mass[i, j], largest, linked=bool(found.joined[i, j]))
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


def _number(ax: Axes, x: float, y: float, mass: float, largest: float, *, linked: bool) -> None:
    """In its square, or below one that has no room for it."""
    inside = mass > _ROOM * largest
    ax.text(
        x,
        y if inside else y + 0.38,
        number_text(100 * mass, 2),
        color=PAPER if linked and inside else INK,
        size=10,
        ha="center",
        va="center",
    )


def _cell(ax: Axes, x: float, y: float, share: float, *, linked: bool) -> None:
    from matplotlib.patches import Rectangle

    side = 0.8 * max(share, 0.01) ** 0.5
    top = y - side / 2 if share > _ROOM else y + 0.16 - side
    ax.add_patch(
        Rectangle(
            (x - side / 2, top),
            side,
            side,
            facecolor=FAILING if linked else PAPER,
            edgecolor=FAILING,
            linewidth=1.5,
        )
    )
