"""How did the measured numbers go while the game was trained? A small panel or two a diagnostic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from gancheck.measures.figures import (
    INK,
    MUTED,
    NARROW,
    WIDE,
    page_style,
)
from gancheck.rendering.figure import inline_svg
from gancheck.rendering.panels import by_step, number, panels
from gancheck.rendering.report_view import Drawn
from gancheck.rendering.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    from gancheck.diagnosis import Diagnostic, Report

__all__ = ["looks_figure", "series", "watched"]

_PANELS: Final = 8
_TITLE: Final = 80  # letters; codes and names come from a file that a stranger may have written
_DECADES: Final = 100.0  # from the smallest to the largest of a panel that has a logarithmic scale

Point = tuple[float, float, float, float]
"""Step, value, low, high."""


def watched(report: Report, known: Mapping[str, Diagnostic]) -> Drawn | None:
    """The panels twice, for a wide and a narrow page; None where nothing was seen twice."""
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
) -> dict[str, list[list[Point]]]:
    """What each diagnostic follows, where it was seen at least twice.

    Args:
        looks: rows of `Report.looks`.
        known: code -> diagnostic, for what it follows and for names.

    Returns:
        Title -> curves, each of points in the order of the steps; at most eight panels.
    """
    out: dict[str, list[list[Point]]] = {}
    for code in dict.fromkeys(str(row.get("code")) for row in looks):
        own = [row for row in looks if row.get("code") == code and "quantity" in row]
        there = list(dict.fromkeys(str(row["quantity"]) for row in own))
        for title, names in _followed(known.get(code), there).items():
            curves = [_curve(own, name) for name in names]
            curves = [curve for curve in curves if len(curve) > 1]
            if curves and len(out) < _PANELS:
                out[one_line(f"{code} {title}".replace("_", " "), _TITLE)] = curves
    return out


def _followed(diagnostic: Diagnostic | None, there: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Title -> quantities: those that it follows, else the one that its card would show."""
    if diagnostic is None:
        return {name: [name] for name in there[:1]}
    if diagnostic.followed:
        return diagnostic.followed
    name = next((n for n in (diagnostic.headline, diagnostic.stand_in) if n in there), None)
    return {} if name is None else {diagnostic.labels.get(name, name): [name]}


def _curve(own: Sequence[Mapping[str, Any]], name: str) -> list[Point]:
    points = (_point(row) for row in own if row["quantity"] == name)
    return sorted(p for p in points if math.isfinite(p[0]) and math.isfinite(p[1]))


def looks_figure(drawn: Mapping[str, Sequence[Sequence[Point]]], width_px: int) -> Figure:
    """The panels, two beside each other where there is room."""
    with page_style():
        figure, axes = panels(width_px, len(drawn))
        for ax, (title, curves) in zip(axes, drawn.items(), strict=True):
            _panel(ax, title, curves)
    return figure


def _panel(ax: Any, title: str, curves: Sequence[Sequence[Point]]) -> None:
    for points in curves:
        for step, _, low, high in points:
            ax.plot([step, step], [low, high], color=MUTED, linewidth=1.2, zorder=1)
        ax.plot(
            [p[0] for p in points],
            [p[1] for p in points],
            "o-",
            color=INK,
            markersize=3.5,
            linewidth=1.2,
        )
    lowest = min(p[2] for points in curves for p in points)
    highest = max(p[3] for points in curves for p in points)
    if lowest > 0.0 and highest / lowest > _DECADES:
        ax.set_yscale("log")
    steps = [p[0] for points in curves for p in points]
    by_step(ax, title, [min(steps), max(steps)])


def _point(row: Mapping[str, Any]) -> Point:
    value = number(row.get("value"))
    low, high = number(row.get("low")), number(row.get("high"))
    return (
        number(row.get("step")),
        value,
        low if math.isfinite(low) else value,
        high if math.isfinite(high) else value,
    )
