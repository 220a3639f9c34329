"""How did the measured numbers go while the game was trained? One small panel a diagnostic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from gancheck.measures.figures import (
    INK,
    MUTED,
    NARROW,
    WIDE,
    new_figure,
    page_style,
    set_ticks,
    x_title,
    y_title,
)
from gancheck.rendering.figure import inline_svg
from gancheck.rendering.report_view import Drawn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gancheck.diagnosis import Diagnostic, Report

__all__ = ["looks_figure", "series", "watched"]

_HEIGHT: Final = 170
_PANELS: Final = 6

Point = tuple[float, float, float, float]
"""Step, value, low, high."""


def watched(report: Report, known: Mapping[str, Diagnostic]) -> Drawn | None:
    """The panels twice, for a wide and a narrow page; None where nobody looked more than once."""
    drawn = series(report.looks, known)
    if not drawn:
        return None
    alt = "Measured during training: " + ", ".join(drawn)
    wide, narrow = (
        inline_svg(looks_figure(drawn, width), prefix=f"watched-{variant}-", alt=alt)
        for width, variant in ((WIDE, "w"), (NARROW, "n"))
    )
    return Drawn(wide=wide, narrow=narrow)


def series(
    looks: Sequence[Mapping[str, Any]], known: Mapping[str, Diagnostic]
) -> dict[str, list[Point]]:
    """Of each diagnostic that looked at least twice, the number that its card would show.

    Args:
        looks: rows of `Report.looks`.
        known: code -> diagnostic, for names.

    Returns:
        Title -> points in the order of the steps; at most six panels.
    """
    out: dict[str, list[Point]] = {}
    for code in dict.fromkeys(str(row.get("code")) for row in looks):
        diagnostic = known.get(code)
        own = [row for row in looks if row.get("code") == code and "quantity" in row]
        there = {row["quantity"] for row in own}
        wanted = (diagnostic.headline, diagnostic.stand_in) if diagnostic else tuple(there)[:1]
        name = next((n for n in wanted if n in there), None)
        if name is None:
            continue
        points = [_point(row) for row in own if row["quantity"] == name]
        points = [p for p in points if math.isfinite(p[0]) and math.isfinite(p[1])]
        if len(points) > 1 and len(out) < _PANELS:
            words = diagnostic.labels.get(name, name) if diagnostic else name
            out[f"{code} {words}".replace("_", " ")] = sorted(points)
    return out


def looks_figure(drawn: Mapping[str, Sequence[Point]], width_px: int) -> Figure:
    """The panels, two beside each other where there is room."""
    columns = 2 if width_px >= WIDE and len(drawn) > 1 else 1
    rows = math.ceil(len(drawn) / columns)
    with page_style():
        figure, grid = new_figure(
            width_px, _HEIGHT * rows, rows=rows, columns=columns, squeeze=False
        )
        axes: list[Axes] = list(grid.flat)
        for ax, (title, points) in zip(axes, drawn.items(), strict=False):
            _panel(ax, title, points)
        for ax in axes[len(drawn) :]:
            ax.set_axis_off()
    return figure


def _panel(ax: Any, title: str, points: Sequence[Point]) -> None:
    steps = [p[0] for p in points]
    for step, _, low, high in points:
        ax.plot([step, step], [low, high], color=MUTED, linewidth=1.2, zorder=1)
    ax.plot(steps, [p[1] for p in points], "o-", color=INK, markersize=3.5, linewidth=1.2)
    bottom, top = ax.get_ylim()
    ticks = [t for t in ax.get_yticks() if bottom <= t <= top]
    set_ticks(ax, "y", ticks[:: max(1, math.ceil(len(ticks) / 5))])
    set_ticks(ax, "x", [steps[0], steps[-1]])
    ax.grid(visible=True, axis="y")
    y_title(ax, title)
    x_title(ax, "step")


def _point(row: Mapping[str, Any]) -> Point:
    value = _number(row.get("value"))
    low, high = _number(row.get("low")), _number(row.get("high"))
    return (
        _number(row.get("step")),
        value,
        low if math.isfinite(low) else value,
        high if math.isfinite(high) else value,
    )


def _number(value: Any) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if usable else math.nan
