"""How do distance, bound and answers of the page on the true density ratio look?"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# (matplotlib's own signatures are partially unknown)
from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from experiments.page_parts import chosen, panels
from experiments.true_ratio_rules import LINE, has_digits, off_balance, settings_of, together_limit
from gancheck.measures.figures import (
    DISCRIMINATOR,
    FAILING,
    INK,
    MUTED,
    PAPER,
    label,
    page_style,
    reference,
    set_ticks,
    x_title,
    y_title,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from experiments.finished_runs import Row

__all__ = ["answers_figure", "balance_figure", "distance_figure", "own_figure"]

_LARGEST_GAP: Final = 10.0  # drawn; what an overfit critic of KL lacks reaches 1e15
_LOWEST: Final = -0.2  # of B, drawn
_SEEN: Final[Mapping[str, dict[str, Any]]] = {
    "own": {
        "marker": "o", "color": INK, "markersize": 6, "markerfacecolor": PAPER,
        "markeredgewidth": 1.2, "zorder": 3,
    },
    "held out": {"marker": "o", "color": DISCRIMINATOR, "markersize": 4},
    "below": {"marker": "v", "color": DISCRIMINATOR, "markersize": 4, "clip_on": False},
}  # fmt: skip
_MARKS: Final[Mapping[str, dict[str, Any]]] = {
    "sound": {"marker": "o", "color": DISCRIMINATOR, "markersize": 5},
    "undecided": {
        "marker": "o", "color": MUTED, "markersize": 6, "markerfacecolor": PAPER,
        "markeredgewidth": 1.2,
    },
    "warning": {"marker": "x", "color": FAILING, "markersize": 6, "markeredgewidth": 1.6},
}  # fmt: skip


@page_style()
def distance_figure(
    rows: Sequence[Row], width_px: int, *, by: str, measured: str, words: Mapping[str, str]
) -> Figure:
    """A panel for each law or loss: the distance of every seed by steps, and the median."""
    kinds = [kind for (kind,) in settings_of(rows, by)]
    columns = 3 if len(kinds) % 3 == 0 else 2
    figure, axes = panels(width_px, len(kinds), height=220, columns=columns)
    values = [r["measured"][measured] for r in rows]
    low, high = 0.8 * min(values), 1.3 * max(values)
    steps = sorted({r["configuration"]["steps"] for r in rows})
    for ax, kind in zip(axes, kinds, strict=True):
        own = chosen(rows, **{by: kind})
        at = sorted({r["configuration"]["steps"] for r in own})
        for seed in sorted({r["configuration"]["seed"] for r in own}):
            line = [chosen(own, seed=seed, steps=s)[0]["measured"][measured] for s in at]
            ax.loglog(at, line, color=DISCRIMINATOR, linewidth=0.8, alpha=0.45)
        middle = [median(r["measured"][measured] for r in chosen(own, steps=s)) for s in at]
        ax.loglog(at, middle, "o-", color=DISCRIMINATOR, markersize=5)
        ax.set_xlim(0.75 * steps[0], 1.35 * steps[-1])
        ax.set_ylim(low, high)
        set_ticks(ax, "x", steps)
        set_ticks(ax, "y", _places(low, high))
        ax.grid(visible=True, axis="y")
        y_title(ax, words.get(str(kind), str(kind)))
        x_title(ax, "steps")
    return figure


def _places(low: float, high: float) -> list[float]:
    """At most six of 1, 2 and 5 times the powers of ten between both ends."""
    found = [
        d * 10.0**k
        for k in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for d in (1.0, 2.0, 5.0)
        if low <= d * 10.0**k <= high
    ]
    return found if len(found) <= 6 else [x for x in found if f"{x:.0e}".startswith("1")]


@page_style()
def balance_figure(rows: Sequence[Row], width_px: int) -> Figure:
    """What values lack against the gap by formula; by how much both are off, seed by seed."""
    figure, (left, right) = panels(width_px, 2, height=280)
    pairs = [
        (r["measured"]["gap"], r["measured"]["divergence"] - r["measured"]["value"]) for r in rows
    ]
    drawn = [(x, y) for x, y in pairs if x <= _LARGEST_GAP and y > 0.0]
    low, high = 0.7 * min(min(pair) for pair in drawn), 1.5 * max(max(pair) for pair in drawn)
    left.loglog([low, high], [low, high], color=INK, linewidth=1.2, zorder=1)
    left.loglog(*zip(*drawn, strict=True), "o", color=DISCRIMINATOR, markersize=4, alpha=0.5)
    left.set_xlim(low, high)
    left.set_ylim(low, high)
    for axis in ("x", "y"):
        set_ticks(left, axis, [10.0**k for k in range(-12, 3) if low <= 10.0**k <= high])
    y_title(left, "divergence less value")
    x_title(left, "gap by formula")
    known = [r for r in rows if has_digits(r)]
    limit = together_limit(len(known), sides=2)
    seeds = sorted({r["configuration"]["seed"] for r in known})
    off = {seed: list(map(off_balance, chosen(known, seed=seed))) for seed in seeds}
    for seed, values in off.items():
        x = [seed + 0.6 * ((k + 0.5) / len(values) - 0.5) for k in range(len(values))]
        right.plot(x, values, "o", color=DISCRIMINATOR, markersize=3.5, alpha=0.5)
    for value in (-limit, limit):
        reference(right, value, axis="y")
    end = 1.15 * max(limit, *(abs(v) for values in off.values() for v in values))
    right.set_xlim(seeds[0] - 0.6, seeds[-1] + 0.6)
    right.set_ylim(-end, end)
    set_ticks(right, "x", seeds)
    set_ticks(right, "y", [-4, -2, 0, 2, 4])
    right.grid(visible=True, axis="y")
    y_title(right, "value and gap less divergence, in standard errors")
    x_title(right, "seed")
    return figure


@page_style()
def own_figure(rows: Sequence[Row], width_px: int) -> Figure:
    """A panel for each width and training: B on the own sample and held out, by its size."""
    settings = settings_of(rows, "width", "steps")
    sizes = sorted({r["configuration"]["size"] for r in rows})
    figure, axes = panels(width_px, len(settings), height=220)
    truth = rows[0]["measured"]["divergence"]
    for number, (ax, (width, steps)) in enumerate(zip(axes, settings, strict=True)):
        marks: dict[str, list[tuple[float, float]]] = {"own": [], "held out": [], "below": []}
        for place, size in enumerate(sizes):
            own = chosen(rows, width=width, steps=steps, size=size)
            for k, row in enumerate(own):
                m, x = row["measured"], place + 0.6 * ((k + 0.5) / len(own) - 0.5)
                marks["own"].append((x, m["own"]["value"]))
                inside = m["value"] >= _LOWEST
                marks["held out" if inside else "below"].append((x, max(m["value"], _LOWEST)))
        for name, points in marks.items():
            if points:
                ax.plot(*zip(*points, strict=True), linestyle="none", **_SEEN[name])
        reference(ax, truth, axis="y", text="JSD" if number == 0 else "")
        if number == 0:
            label(ax, -0.4, 0.68, "own sample", INK)
            label(ax, -0.4, 0.58, "held out", DISCRIMINATOR)
        ax.set_xlim(-0.5, len(sizes) - 0.5)
        ax.set_ylim(_LOWEST, 0.74)
        set_ticks(ax, "x", range(len(sizes)), [str(size) for size in sizes])
        set_ticks(ax, "y", [-0.2, 0.0, 0.2, 0.4, 0.6])
        ax.grid(visible=True, axis="y")
        y_title(ax, f"width {width}, {steps:,} steps: B")
        x_title(ax, "samples of each kind")
    return figure


@page_style()
def answers_figure(rows: Sequence[Row], width_px: int) -> Figure:
    """GC011's calibration error against the true one, by what it said."""
    figure, (ax,) = panels(width_px, 1, height=320, columns=1)
    points = [
        (r["measured"]["calibration"], r["measured"]["asked"][0]["error"],
         r["measured"]["asked"][0]["verdict"])
        for r in rows
    ]  # fmt: skip
    top = 1.08 * max(max(x, y) for x, y, _ in points)
    ax.plot([0.0, top], [0.0, top], color=INK, linewidth=1.0, zorder=1)
    for verdict, mark in _MARKS.items():
        own = [(x, y) for x, y, said in points if said == verdict]
        if own:
            ax.plot(*zip(*own, strict=True), linestyle="none", alpha=0.8, **mark)
    for axis in ("x", "y"):
        reference(ax, LINE, axis=axis)
        set_ticks(ax, axis, [k / 10 for k in range(int(10 * top) + 1)])
    _key(ax, top)
    ax.set_xlim(-0.01, top)
    ax.set_ylim(-0.01, top)
    y_title(ax, "calibration error, measured by GC011")
    x_title(ax, "true calibration error")
    return figure


def _key(ax: Axes, top: float) -> None:
    for k, (verdict, mark) in enumerate(_MARKS.items()):
        y = (0.95 - 0.07 * k) * top
        ax.plot(0.02 * top, y, linestyle="none", **mark)
        label(ax, 0.02 * top, y, verdict, str(mark["color"]), dx=10)
