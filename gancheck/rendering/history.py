"""What happened while it was trained? Losses and other metrics by step, in small panels.

Metrics whose names differ in the player or the source (`loss_g` and `loss_d`, `d_real` and
`d_fake`) share a panel and have the colours that G, D and real data have everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gancheck.measures.figures import (
    DISCRIMINATOR,
    GENERATOR,
    INK,
    REAL,
    label,
    number_text,
    page_style,
)
from gancheck.rendering.panels import by_step, number, panels
from gancheck.rendering.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Curves", "curves", "history_figure"]

_ROLES: Final = {
    "g": ("G", GENERATOR),
    "generator": ("G", GENERATOR),
    "d": ("D", DISCRIMINATOR),
    "discriminator": ("D", DISCRIMINATOR),
    "fake": ("generated", GENERATOR),
    "real": ("real", REAL),
}
_NOT_METRICS: Final = frozenset({"step", "epoch", "time", "seconds", "wall", "elapsed", "date"})
_PANELS: Final = 4
_BUCKETS: Final = 240
_LONGEST: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Metrics in panels.

    Attributes:
        panels: title -> (name, colour, steps, values) of each curve.
        bucket: how many rows one drawn point is the mean of.
        notes: what could not be drawn.
    """

    panels: Mapping[str, Sequence[tuple[str, str, list[float], list[float]]]]
    bucket: int
    notes: tuple[str, ...]


def curves(history: Sequence[Mapping[str, Any]]) -> Curves:
    """Group the numeric metrics of a history; at most four panels, in order of appearance."""
    bucket = max(1, math.ceil(len(history) / _BUCKETS))
    steps = [number(row.get("step", index)) for index, row in enumerate(history)]
    names = dict.fromkeys(key for row in history for key in row if key not in _NOT_METRICS)
    panels: dict[str, list[tuple[str, str, list[float], list[float]]]] = {}
    notes: list[str] = []
    for name in names:
        values = [number(row.get(name)) for row in history]
        if not any(math.isfinite(v) for v in values):
            continue
        title, short, colour = _place(name)
        broken = next(
            (s for s, v, r in zip(steps, values, history, strict=True) if _lost(v, r, name)), None
        )
        if broken is not None:
            notes.append(f"{name} is not finite at step {number_text(broken)}.")
        if title in panels or len(panels) < _PANELS:
            drawn = _means(steps, values, bucket)
            panels.setdefault(title, []).append((short, colour, *drawn))
        else:
            notes.append(f"{name} is in the run's metrics, not drawn here.")
    return Curves(panels=panels, bucket=bucket, notes=tuple(notes))


def history_figure(drawn: Curves, width_px: int) -> Figure:
    """The panels, two beside each other where there is room."""
    with page_style():
        figure, axes = panels(width_px, len(drawn.panels))
        for ax, (title, lines) in zip(axes, drawn.panels.items(), strict=True):
            _panel(ax, title, lines)
    return figure


def _lost(value: float, row: Mapping[str, Any], name: str) -> bool:
    return name in row and row[name] is not None and not math.isfinite(value)


def _place(name: str) -> tuple[str, str, str]:
    """Panel, name inside it and colour of a metric."""
    name = clean(str(name))[:_LONGEST]
    stem, _, last = name.rpartition("_")
    if stem and last in _ROLES:
        return stem.replace("_", " "), *_ROLES[last]
    return name.replace("_", " "), "", INK


def _means(
    steps: Sequence[float], values: Sequence[float], bucket: int
) -> tuple[list[float], list[float]]:
    x: list[float] = []
    y: list[float] = []
    for start in range(0, len(steps), bucket):
        pairs = [
            (s, v)
            for s, v in zip(
                steps[start : start + bucket], values[start : start + bucket], strict=True
            )
            if math.isfinite(s) and math.isfinite(v)
        ]
        if pairs:
            x.append(sum(s for s, _ in pairs) / len(pairs))
            y.append(sum(v for _, v in pairs) / len(pairs))
    return x, y


def _panel(
    ax: Axes, title: str, lines: Sequence[tuple[str, str, list[float], list[float]]]
) -> None:
    for _, colour, x, y in lines:
        ax.plot(x, y, color=colour, linewidth=1.4)  # pyright: ignore[reportUnknownMemberType]
    low, high = ax.get_ylim()
    first = min((x[0] for _, _, x, _ in lines), default=0.0)
    last = max((x[-1] for _, _, x, _ in lines), default=1.0)
    ends = sorted((y[-1], short, colour, x[-1]) for short, colour, x, y in lines)
    close = len(ends) == 2 and ends[1][0] - ends[0][0] < 0.14 * (high - low)
    for index, (y_end, short, colour, x_end) in enumerate(ends):
        shift = (14 * index - 7) if close else 0
        label(ax, x_end, y_end, short, colour, dx=6, dy=shift)
    if last > first:
        ax.set_xlim(first, last)
    by_step(ax, title, None if last > first else [first])
