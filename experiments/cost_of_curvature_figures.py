"""The three pictures of the page on the cost of curvature: cells as marks, bounds as dashes."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# (matplotlib's own signatures are partially unknown)
from __future__ import annotations

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
    reference,
    set_ticks,
    x_title,
    y_title,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.figure import Figure

    from experiments.finished_runs import Row

__all__ = ["answers_figure", "memory_figure", "products_figure"]

_FAMILIES: Final = ("perceptrons", "convolutions")
_COLOURS: Final = (GENERATOR, INK, MUTED)
_PRODUCTS: Final = {"hessian": "H v", "jacobian": "J v", "transposed": "Jᵀ v"}
_ANSWERS: Final = {"ends": "10 + 10 ends", "stability": "stability", "rotation": "rotation"}


def products_figure(rows: Sequence[Row], bounds: Mapping[str, float], width_px: int) -> Figure:
    """Cost of a product by parameters at the smallest batch, and by batch at one size."""
    with page_style():
        figure, axes = _two_panels(width_px)
        _draw(axes, rows, _PRODUCTS, lambda row, name: row["measured"]["ratios"][name][1])
        top = 1.15 * max(max(r["measured"]["ratios"][n][1] for r in rows) for n in _PRODUCTS)
        for ax in axes:
            ax.set_ylim(0.0, max(top, 1.15 * max(bounds.values())))
            for name, colour in zip(_PRODUCTS, _COLOURS, strict=True):
                reference(ax, bounds[name], axis="y", color=colour)
        y_title(axes[0], "gradients or fields a product")
    return figure


def answers_figure(rows: Sequence[Row], width_px: int) -> Figure:
    """Products of the answers by parameters, and by batch at one size."""
    with page_style():
        figure, axes = _two_panels(width_px)
        _draw(axes, rows, _ANSWERS, lambda row, name: row["measured"]["answers"][name]["products"])
        top = max(max(r["measured"]["answers"][n]["products"] for r in rows) for n in _ANSWERS)
        for ax in axes:
            ax.set_ylim(0.0, 1.15 * top)
        y_title(axes[0], "products")
    return figure


def memory_figure(rows: Sequence[Row], width_px: int) -> Figure:
    """Growth of the resident set against what was announced, in MB."""
    with page_style():
        figure, ax = new_figure(width_px, 320)
        graph = [(r["measured"]["graph_announced"], r["measured"]["graph_grown"]) for r in rows]
        whole = [
            (m["graph_announced"] + m["basis_announced"], m["all_grown"])
            for m in (r["measured"] for r in rows)
        ]
        for points, fill in ((graph, PAPER), (whole, GENERATOR)):
            x, y = zip(*points, strict=True)
            ax.plot(
                [v / 1e6 for v in x], [v / 1e6 for v in y], "o", color=GENERATOR, markersize=7,
                markerfacecolor=fill, markeredgewidth=1.4,
            )  # fmt: skip
        every = [max(v, 1.0) / 1e6 for pair in (*graph, *whole) for v in pair]
        ends = [0.6 * min(every), 1.8 * max(every)]
        ax.plot(ends, ends, color=MUTED, linewidth=1)
        ax.plot(ends, [1.25 * e for e in ends], color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlim(*ends)
        ax.set_ylim(*ends)
        for axis in ("x", "y"):
            set_ticks(ax, axis, _decades(*ends))
        x, y = graph[-1]
        label(ax, x / 1e6, y / 1e6, "graph", GENERATOR, dx=-8, dy=10, align="right")
        x, y = whole[-1]
        label(ax, x / 1e6, y / 1e6, "with basis", GENERATOR, dx=-8, dy=10, align="right")
        y_title(ax, "resident set grew by, MB")
        x_title(ax, "announced, MB")
    return figure


def _two_panels(width_px: int) -> tuple[Figure, Any]:
    wide = width_px >= WIDE
    return new_figure(
        width_px, 260 if wide else 480, rows=1 if wide else 2, columns=2 if wide else 1
    )


def _draw(
    axes: Any,
    rows: Sequence[Row],
    names: Mapping[str, str],
    value: Callable[[Row, str], float],
) -> None:
    """Both families in both panels; the lines join cells and claim nothing between them."""
    for ax, by in zip(axes, ("parameters", "batch"), strict=True):
        places: list[float] = []
        for family in _FAMILIES:
            line = _line([r for r in rows if r["configuration"]["family"] == family], by)
            x = [_place(r, by) for r in line]
            places += x
            heights = [value(line[-1], name) for name in names] if line else []
            for (name, words), colour in zip(names.items(), _COLOURS, strict=True):
                y = [value(r, name) for r in line]
                ax.plot(
                    x, y, "o-", color=colour, linewidth=1, markersize=6, markeredgewidth=1.4,
                    markerfacecolor=colour if family == _FAMILIES[0] else PAPER,
                )  # fmt: skip
                if by == "batch" and family == _FAMILIES[0] and line:
                    label(ax, x[-1], y[-1], words, colour, dx=10, dy=_apart(y[-1], heights))
        ax.set_xscale("log")
        if places:
            spread = 9.0 if by == "batch" else 1.8
            ax.set_xlim(0.6 * min(places), spread * max(places))
            ticks = sorted(set(places)) if by == "batch" else _decades(min(places), max(places))
            set_ticks(ax, "x", ticks, [number_text(t) for t in ticks])
        ax.grid(visible=True, axis="y")
        x_title(ax, "parameters of both players" if by == "parameters" else "samples a batch")


def _apart(height: float, heights: Sequence[float]) -> float:
    """Pixels by which a label moves away from one that stands almost at its height."""
    near = [h for h in heights if h != height and abs(h - height) < 0.06 * max(heights)]
    return 0.0 if not near else (8.0 if height > max(near) else -8.0)


def _line(rows: Sequence[Row], by: str) -> list[Row]:
    """The cells in which only this changes: at the batch (the width) that most cells share."""
    other = "batch" if by == "parameters" else "width"
    shared = [r["configuration"][other] for r in rows]
    if not shared:
        return []
    varied = {
        value: len({_place(r, by) for r in rows if r["configuration"][other] == value})
        for value in shared
    }
    most = max(varied, key=lambda v: (varied[v], -v))
    return sorted(
        (r for r in rows if r["configuration"][other] == most), key=lambda r: _place(r, by)
    )


def _place(row: Row, by: str) -> float:
    return row["configuration"]["batch"] if by == "batch" else row["measured"]["parameters"]


def _decades(low: float, high: float) -> list[float]:
    """Powers of ten in the range, and a little beside it."""
    return [10.0**k for k in range(-3, 12) if 0.5 * low <= 10.0**k <= 2.0 * high]
