"""How does the page on Fashion-MNIST draw what it measured?"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# (matplotlib's own signatures are partially unknown)
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from markupsafe import Markup

from experiments.fashion_effects import MEASURES
from experiments.page_parts import panels
from gancheck.diagnosis import Gallery
from gancheck.measures.figures import (
    DISCRIMINATOR,
    GENERATOR,
    INK,
    PAPER,
    interval,
    label,
    number_text,
    page_style,
    reference,
    set_ticks,
    x_title,
    y_title,
)
from gancheck.rendering.gallery import view

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from experiments.fashion_effects import Effect

__all__ = ["effects_figure", "ladder_figure", "strip"]

_ENDS: Final = (("discriminator", "D", DISCRIMINATOR), ("generator", "G", GENERATOR))
_GREYS: Final = 15.0
_SIDE: Final = 28
_SHOWN: Final = 8  # a row of a narrow page


def strip(words: str, pictures: Sequence[str]) -> list[Markup]:
    """A line of words and the pictures below it, from their hexadecimal digits."""
    ink = np.array([[int(digit, 16) for digit in picture] for picture in pictures])
    images = ink.reshape(-1, _SIDE, _SIDE) / _GREYS
    drawn = view(Gallery(kind="images", generated=images[:_SHOWN], real=images)).strip
    return [Markup('<p class="note">{}</p>').format(words), drawn]


@page_style()
def ladder_figure(ladder: Sequence[Mapping[str, Any]], width_px: int) -> Figure:
    """The ends of both Hessians, the rotation and the gradient ratio by the measuring batch."""
    figure, axes = panels(width_px, 4, height=200)
    sizes = [row["size"] for row in ladder]
    for ax, (player, short, colour) in zip(axes, _ENDS, strict=False):
        _ends(ax, ladder, player, colour)
        y_title(ax, f"ends of {short}'s Hessian: dot one batch, ring elsewhere")
    for shift, name, colour in ((0.96, "rotation", INK), (1.04, "rotation_expected", GENERATOR)):
        _bars(axes[2], sizes, [row[name] for row in ladder], shift, colour)
    y_title(axes[2], "rotation: left one batch, right the game")
    _bars(axes[3], sizes, [row["ratio"] for row in ladder], 1.0, GENERATOR)
    y_title(axes[3], "gradient ratio over minibatches")
    for ax in axes:
        ax.set_xscale("log")
        set_ticks(ax, "x", sizes, [number_text(s) for s in sizes])
        ax.grid(visible=True, axis="y")
        x_title(ax, "measuring batch")
    return figure


def _ends(ax: Axes, ladder: Sequence[Mapping[str, Any]], player: str, colour: str) -> None:
    reference(ax, 0.0, axis="y")
    reach = [0.0]
    for row in ladder:
        own, elsewhere = (np.array(row[player][k]) for k in ("own", "elsewhere"))
        for end in (0, 1):
            for values, shift, fill in ((own, 0.95, colour), (elsewhere, 1.05, PAPER)):
                column, x = values[:, end], row["size"] * shift
                error = column.std(ddof=1) / len(column) ** 0.5
                reach += [column.mean() - 2.0 * error, column.mean() + 2.0 * error]
                ax.errorbar(x, column.mean(), 2.0 * error, fmt="o", color=colour, markersize=5,
                            markerfacecolor=fill, linewidth=1.2)  # fmt: skip
    room = 0.05 * (max(reach) - min(reach))
    ax.set_ylim(min(reach) - room, max(reach) + room)


def _bars(
    ax: Axes, sizes: Sequence[int], found: Sequence[Mapping[str, float]], shift: float, colour: str
) -> None:
    x = [size * shift for size in sizes]
    value, low, high = (np.array([q[k] for q in found]) for k in ("value", "low", "high"))
    ax.vlines(x, low, high, color=colour, alpha=0.5, linewidth=3)
    ax.plot(x, value, "o", color=colour, markersize=5)


@page_style()
def effects_figure(found: Sequence[Effect], width_px: int) -> Figure:
    """A panel a measure: the difference of each comparison and its interval."""
    measures = [m for m in MEASURES if any(e.measure == m for e in found)]
    each = sum(e.measure == measures[0] for e in found)
    figure, axes = panels(width_px, len(measures), height=70 + 34 * each)
    for ax, measure in zip(axes, measures, strict=True):
        _differences(ax, [e for e in found if e.measure == measure])
        y_title(ax, f"{MEASURES[measure]}: difference")
    return figure


def _differences(ax: Axes, found: Sequence[Effect]) -> None:
    """Comparisons from above, each with its name over its bar."""
    ends = [d for e in found for d in (e.interval.value, e.interval.low, e.interval.high)]
    reach = max((abs(d) for d in ends if np.isfinite(d)), default=0.0) or 1.0
    reference(ax, 0.0)
    for row, e in enumerate(found):
        y = -row
        span, colour = e.interval, DISCRIMINATOR if e.sign else INK
        interval(ax, span.low, span.value, span.high, y, colour, hollow=not e.sign)
        label(ax, -1.12 * reach, y, e.label, colour, dy=13, bold=False, size=11.5)
    ax.set_xlim(-1.15 * reach, 1.15 * reach)
    ax.set_ylim(0.5 - len(found), 0.75)
    set_ticks(ax, "y", [])
    nice = float(f"{0.8 * reach:.1g}")
    set_ticks(ax, "x", [-nice, 0.0, nice])
