"""What the page on mode collapse says of the events: statements, intervals, and every line."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# (matplotlib's own signatures are partially unknown)
from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from experiments.mode_collapse_statements import STATEMENTS, TINY, judged, typical_size, with_event
from experiments.page_parts import chosen, over_seeds, panels, together
from experiments.pairs import ERROR, span
from gancheck.measures.figures import (
    GENERATOR,
    INK,
    MUTED,
    PAPER,
    label,
    number_text,
    page_style,
    reference,
    set_ticks,
    symlog,
    y_title,
)
from gancheck.measures.medians import MedianInterval, median_interval
from gancheck.rendering.experiment_page import Agreement, Number, Part, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from experiments.finished_runs import Row

    Looks = Mapping[str, Any]

__all__ = ["LEFT_ALONE", "LINES", "SUMMED", "collapsed", "left_alone"]

LEFT_ALONE: Final = "mode: seed modulo 8; looks an eighth, a sixth and a third of the way"
LOOKS: Final = ("before", "during", "after")
TITLES: Final = {
    "before": "before",
    "during": "lost",
    "after": "found again",
    "caught up": "lost, D trained on",
}
SUMMED: Final = ("slope", "curvature")
_ALONE: Final = {
    "before": "first look",
    "during": "second look",
    "after": "third look",
    "caught up": "second, D trained on",
}
LINES: Final = {
    "lost": "towards the lost mode",
    "kept": "towards a kept mode",
    "spread": "away from the mean",
}


def collapsed(rows: Sequence[Row], way: str) -> Part:
    """One way to collapse: the six statements over its events."""
    events = with_event(rows)
    again = sum(r["measured"]["event"]["after"] is not None for r in events)
    found = {s: judged(s, events) for s in STATEMENTS}
    agreed = [a for _, _, a in found.values()]
    level = f"{100.0 * (1.0 - ERROR / len(STATEMENTS)):.4g} %"
    right = sum(a is Agreement.supported for a in agreed)
    wrong = [s.letter for s, (_, _, a) in found.items() if a is Agreement.contradicted]
    return Part(
        name={"large steps": "Steps six times as large", "frozen D": "D stands still"}[way],
        agreement=together(agreed),
        title=f"{right} of {len(STATEMENTS)} statements hold"
        + (f", {len(wrong)} the other way round ({', '.join(wrong)})" if wrong else ""),
        lead=f"{len(events)} of {len(rows)} pairs lose a mode that they surely held; {again} find it "
        f"again. {_HOW[way]}"
        + ("" if len(events) >= 8 else " Fewer than eight events decide nothing."),
        numbers=[
            Number(
                label=f"({s.letter}) {s.text}",
                value="no event" if interval is None else number_text(interval.value, 2),
                note=f"{'' if interval is None else f'{level} {span(interval)}, '}"
                f"said to be {'above' if s.sign > 0 else 'below'} 0: {agreement}",
            )
            for s, (_, interval, agreement) in found.items()
        ],
        table=_lines_table(events),
        draw=partial(_figure, events),
        alt="Slope and curvature towards the lost mode before, while lost and when found again, each "
        "event, with the size of the curvature along random directions",
        caption="Towards the lost mode, at the three looks of each event, joined; a bar is two "
        "standard errors either way, over batches. Large dot: the median, with its 95 % interval "
        "over events. Ring: median size of the curvature along random directions, at either sign. "
        "Loss over distance and over its square. "
        "In the table, medians over events with 95 % intervals.",
        folded={
            "What the curvature is made of, and the lines": _parts_table(events),
            "Every event": _every_event(events),
        },
    )


_HOW: Final = {
    "large steps": "Both players go on with six times the step.",
    "frozen D": "The generator goes on against a D that stands still until the mode is lost; then D "
    "moves again. Before and while lost it is the same D, looked at from elsewhere.",
}


def _values(rows: Sequence[Row], look: str, line: str, what: str) -> list[float]:
    return [
        r["measured"]["looks"][look][line][what][0]
        for r in rows
        if line in r["measured"]["looks"].get(look, {})
    ]


def _typical(rows: Sequence[Row], look: str, what: str) -> list[float]:
    """Median size along the random directions, a run."""
    return [
        typical_size(r["measured"]["looks"][look], what)
        for r in rows
        if look in r["measured"]["looks"]
    ]


def _median(values: Sequence[float]) -> str:
    return over_seeds(values, 2) if values else "none"


def _lines_table(rows: Sequence[Row], titles: Mapping[str, str] = TITLES) -> Table:
    """Slope and curvature along each line at each look, the looks under these names."""
    lines = LINES if titles is TITLES else {**LINES, "lost": "towards the named mode"}
    return Table(
        columns=["line", "look", "slope", "curvature", "runs"],
        rows=[
            [
                lines[line],
                titles[look],
                _median(_values(rows, look, line, "slope")),
                _median(_values(rows, look, line, "curvature")),
                str(len(_values(rows, look, line, "slope"))),
            ]
            for line in lines
            for look in titles
        ]
        + [
            [
                "random, median size",
                titles[look],
                _median(_typical(rows, look, "slope")),
                _median(_typical(rows, look, "curvature")),
                str(len(_typical(rows, look, "slope"))),
            ]
            for look in titles
        ],
        words=2,
    )


def _parts_table(rows: Sequence[Row]) -> Table:
    """D's part of the curvature, the likeness of the line, and the comparison at equal |v|."""
    out: list[list[str]] = []
    for line in LINES:
        for look in TITLES:
            own = [
                r["measured"]["looks"][look]
                for r in rows
                if line in r["measured"]["looks"].get(look, {})
            ]
            out.append(
                [
                    LINES[line],
                    TITLES[look],
                    _median([x[line]["of_samples"][0] for x in own]),
                    _median([x[line]["curvature"][0] - x[line]["of_samples"][0] for x in own]),
                    _median([x[line]["likeness"] for x in own]),
                    _median([_size_at_equal_norm(x, line) for x in own]),
                ]
            )
    return Table(
        columns=[
            "line",
            "look",
            "D's part",
            "G's bend",
            "likeness",
            "log₁₀ of size over random, equal norm",
        ],
        rows=out,
        words=2,
    )


def _size_at_equal_norm(look: Looks, line: str) -> float:
    """log10 of the size over the random median, both per squared length in the parameters."""
    own = abs(look[line]["curvature"][0]) / look[line]["norm"] ** 2
    random = look["random"]
    typical = np.median(np.abs(random["curvature"]) / np.square(random["norm"]))
    return math.log10(max(own, TINY) / max(float(typical), TINY))


def _every_event(rows: Sequence[Row]) -> Table:
    lines: list[list[str]] = []
    for r in rows:
        looks, event = r["measured"]["looks"], r["measured"]["event"]
        lines.append(
            [
                str(r["configuration"]["seed"]),
                str(event["mode"]),
                ", ".join(str(looks[k]["update"]) if k in looks else "never" for k in LOOKS),
                ", ".join(
                    str(looks[k]["hits"][event["mode"]]) if k in looks else "-" for k in LOOKS
                ),
                *(
                    ", ".join(
                        number_text(looks[k]["lost"][what][0], 2) if k in looks else "-"
                        for k in LOOKS
                    )
                    for what in ("slope", "curvature")
                ),
                str(r["measured"]["events"]),
            ]
        )
    return Table(
        columns=["seed", "mode", "updates", "samples on it", "slope", "curvature", "events in all"],
        rows=lines,
    )


def left_alone(rows: Sequence[Row]) -> Part:
    """The pairs that go on gently, and what the lost mode's line does more than others."""
    gentle = chosen(rows, way="gentle")
    quiet = sum(r["measured"]["events"] == 0 for r in gentle)
    lossy = [str(r["configuration"]["seed"]) for r in gentle if r["measured"]["events"]]
    more = [
        [way, *_beside(with_event(chosen(rows, way=way)), gentle)]
        for way in ("large steps", "frozen D")
    ]
    return Part(
        name="Left to go on gently",
        agreement=Agreement.supported if quiet == len(gentle) else Agreement.contradicted,
        title=f"{quiet} of {len(gentle)} pairs lose no mode",
        lead="The same pairs at looks and with a mode that were fixed beforehand. The table is of "
        "these; what an event's line does beside them and beside a kept mode is folded below."
        + (f" A mode is lost with seed {', '.join(lossy)}." if lossy else ""),
        numbers=[
            Number(
                label=f"curvature, {_ALONE[look]}",
                value=_median(_values(gentle, look, "lost", "curvature")),
                note="towards the mode that was named, 95 % over seeds",
            )
            for look in LOOKS
        ],
        table=_lines_table(gentle, _ALONE),
        draw=partial(_figure, gentle, titles=_ALONE),
        alt="Slope and curvature towards a mode that is not lost, at three looks of each run",
        caption="As above, for a mode that was named beforehand, at three looks.",
        folded={
            "What an event's line does more": Table(
                columns=["way", "than a kept mode's, same run", "than when left alone, same seed"],
                rows=more,
            )
        },
    )


def _fall(row: Row, line: str) -> float | None:
    looks = row["measured"]["looks"]
    if line not in looks["before"]:
        return None
    return looks["during"][line]["curvature"][0] - looks["before"][line]["curvature"][0]


def _beside(events: Sequence[Row], gentle: Sequence[Row]) -> list[str]:
    """Change of the curvature from before to lost, less that of two others."""
    alone = {r["configuration"]["seed"]: _fall(r, "lost") for r in gentle}
    kept: list[float] = []
    left: list[float] = []
    for row in events:
        own, other = _fall(row, "lost"), _fall(row, "kept")
        calm = alone.get(row["configuration"]["seed"])
        if own is not None and other is not None:
            kept.append(own - other)
        if own is not None and calm is not None:
            left.append(own - calm)
    return [f"{_median(v)}, {len(v)} events" for v in (kept, left)]


@page_style()
def _figure(rows: Sequence[Row], width_px: int, *, titles: Mapping[str, str] = TITLES) -> Figure:
    figure, axes = panels(width_px, 2, height=300)
    for ax, what, title in zip(
        axes, ("slope", "curvature"), ("slope towards the mode", "curvature"), strict=True
    ):
        _panel(ax, rows, what, title)
        set_ticks(ax, "x", range(3), [titles[k] for k in LOOKS])
    return figure


def _panel(ax: Axes, rows: Sequence[Row], what: str, title: str) -> None:
    drawn = [v for look in LOOKS for v in _values(rows, look, "lost", what)]
    drawn += [s * v for look in LOOKS for v in _typical(rows, look, what) for s in (-1, 1)]
    top = max((abs(v) for v in drawn), default=1.0) * 1.6 or 1.0
    linear = 10.0 ** math.floor(math.log10(top / 50.0))
    marks: list[tuple[float, float, float]] = []  # place, value, two standard errors
    for number, row in enumerate(rows):
        looks = row["measured"]["looks"]
        shift = 0.3 * (number + 0.5) / len(rows) - 0.15
        own = [
            (LOOKS.index(k) + shift, value, 2.0 * error)
            for k in LOOKS
            if k in looks
            for value, error in (looks[k]["lost"][what],)
        ]
        ax.plot(
            [x for x, _, _ in own], [y for _, y, _ in own], color=MUTED, linewidth=0.8, alpha=0.5,
            zorder=1,
        )  # fmt: skip
        marks += own
    if marks:
        x, y, error = zip(*marks, strict=True)
        ax.errorbar(x, y, yerr=error, fmt="o", color=MUTED, markersize=3.5, elinewidth=1, zorder=2)
    for at, look in enumerate(LOOKS):
        values = _values(rows, look, "lost", what)
        if values:
            _median_mark(ax, at + 0.3, median_interval(values))
        sizes = _typical(rows, look, what)
        if sizes and what == "curvature":
            for sign in (-1.0, 1.0):
                ax.plot(at + 0.3, sign * float(np.median(sizes)), "o", color=INK, markersize=7,
                        markerfacecolor=PAPER, markeredgewidth=1.2, zorder=3)  # fmt: skip
    reference(ax, 0.0, axis="y")
    ax.set_xlim(-0.4, 2.6)
    symlog(ax, "y", low=-top, high=top, linear=linear)
    ax.grid(visible=True, axis="y")
    y_title(ax, f"{title} (linear within ±{number_text(linear)})")
    if not rows:
        label(ax, 1.0, 0.0, "no event", MUTED, dy=12, align="center", bold=False)


def _median_mark(ax: Axes, x: float, found: MedianInterval) -> None:
    """An upright interval with a dot."""
    if math.isfinite(found.low):
        ax.plot([x, x], [found.low, found.high], color=GENERATOR, alpha=0.35, linewidth=5,
                solid_capstyle="butt", zorder=3)  # fmt: skip
    ax.plot(x, found.value, "o", color=GENERATOR, markersize=8, zorder=4)
