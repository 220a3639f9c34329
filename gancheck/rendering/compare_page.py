"""What changed from one report to another, on a page, in text, and for programs?

`write_comparison` writes `compare.html` and `compare.json`; `comparison_text` is what the command
prints. What was made differently comes first, then verdicts, curves, and every number with the
reason for what is said of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gancheck.compare_reports import LEVEL, State
from gancheck.diagnosis import Quantity
from gancheck.measures.figures import (
    NARROW,
    WIDE,
    label,
    number_text,
    page_style,
)
from gancheck.rendering.figure import inline_svg
from gancheck.rendering.files import write_whole
from gancheck.rendering.history import Curves, curves
from gancheck.rendering.numbers import describe
from gancheck.rendering.page import WORDS, json_twin, render
from gancheck.rendering.panels import by_step, panels
from gancheck.rendering.report_view import Drawn
from gancheck.rendering.text import identifier, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gancheck.compare_reports import Compared, ComparedReports, VerdictChange
    from gancheck.diagnosis import Diagnostic, Verdict

__all__ = ["comparison_text", "overlay", "render_comparison", "write_comparison"]

_NAME: Final = 120
_LINE: Final = 400
_UNIT: Final = 24
_TITLE: Final = 160
_ABSENT: Final = "not in it"
_ORDER: Final = (State.changed, State.open, State.apart, State.untested, State.alone, State.same)

Line = tuple[str, str, list[float], list[float]]
"""Short name, colour, steps, values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One quantity as it stands in the table."""

    code: str
    finding: str
    name: str
    label: str
    base: str
    head: str
    difference: str
    interval: str
    p_value: str
    state: str
    shown: str
    because: str


def render_comparison(
    compared: ComparedReports,
    *,
    diagnostics: Mapping[str, Diagnostic] | None = None,
    command: str = "",
) -> str:
    """The page as HTML text; the same comparison gives the same bytes.

    Args:
        compared: the two reports.
        diagnostics: code -> diagnostic, for names; the shelf's without it.
        command: what was typed.
    """
    known = _known(diagnostics)
    rows = sorted(
        (_row(q, known) for q in compared.quantities),
        key=lambda r: [str(s) for s in _ORDER].index(r.state),
    )
    return render(
        "compare.html",
        compared=compared,
        titles=[one_line(side.title, _TITLE) for side in (compared.base, compared.head)],
        sentence=_sentence(compared),
        severity=_severity(compared),
        verdicts=[_verdict(v, known) for v in compared.verdicts],
        rows=rows,
        states=[(identifier(s), s, n) for s, n in _counted(compared)],
        curves=_curves(compared),
        level=f"{100 * LEVEL:g}",
        factor="" if compared.factor is None else number_text(compared.factor, 3),
        command=command,
        twin=json_twin(compared.to_json()),
    )


def write_comparison(
    compared: ComparedReports,
    folder: Path,
    *,
    diagnostics: Mapping[str, Diagnostic] | None = None,
    command: str = "",
) -> Path:
    """Write `compare.json`, then `compare.html`, and return the page's path.

    Raises:
        OSError: a file cannot be written; the message is one sentence that names it.
    """
    page = render_comparison(compared, diagnostics=diagnostics, command=command)
    write_whole(folder / "compare.json", compared.to_json() + "\n")
    write_whole(folder / "compare.html", page)
    return folder / "compare.html"


def comparison_text(compared: ComparedReports) -> str:
    """The same in lines: differences, notes, verdicts, numbers that changed, and how many did not."""
    out = [f"base {compared.base.folder}: {compared.base.title}, {_word(compared.base.verdict)}"]
    out += [f"head {compared.head.folder}: {compared.head.title}, {_word(compared.head.verdict)}"]
    out += [
        f"differs: {d.group + ' ' if d.group != d.name else ''}{d.name}: {d.base} | {d.head}"
        for d in compared.differences
    ]
    out += [f"note: {note}" for note in compared.notes]
    out += [
        f"{v.direction}: {v.code} {_word(v.head)} (was {_word(v.base)})" for v in compared.verdicts
    ]
    if not compared.verdicts:
        out.append("no verdict changed")
    for q in compared.quantities:
        if q.state is State.changed and q.base is not None and q.head is not None:
            span = ""
            if q.low is not None and q.high is not None:
                span = f", 95% of the difference {q.low:.4g} to {q.high:.4g}"
            out.append(f"changed: {q.code} {q.name} {q.base.value:.4g} -> {q.head.value:.4g}{span}")
    out.append(
        "quantities: " + (", ".join(f"{n} {state}" for state, n in _counted(compared)) or "none")
    )
    return "\n".join(one_line(line, _LINE) for line in out)


def _known(diagnostics: Mapping[str, Diagnostic] | None) -> Mapping[str, Diagnostic]:
    if diagnostics is not None:
        return diagnostics
    from gancheck.content import diagnostics as shelf

    return shelf()


def _counted(compared: ComparedReports) -> list[tuple[str, int]]:
    return [(str(s), n) for s in _ORDER if (n := compared.counts[str(s)])]


def _word(verdict: Verdict | None) -> str:
    return _ABSENT if verdict is None else WORDS[str(verdict)]


def _severity(compared: ComparedReports) -> str:
    """The shape before the headline: that of the worst verdict that is new, else of none."""
    worst = compared.worst_new()
    return "" if worst is None else str(worst)


def _sentence(compared: ComparedReports) -> str:
    """The headline: verdicts first, then how many numbers changed among those that could be asked."""
    worse, better, other = (
        sum(v.direction == d for v in compared.verdicts) for d in ("worse", "better", "other")
    )
    parts = [f"{n} {word}" for n, word in ((worse, "worse"), (better, "better")) if n]
    parts += [f"{other} otherwise"] if other else []
    verdicts = len(compared.verdicts)
    first = "No verdict changed" if not verdicts else f"{_count(verdicts, 'verdict')} changed"
    first += f" ({', '.join(parts)})" if parts else ""
    found = sum(q.state is State.changed and q.p_value is not None for q in compared.quantities)
    exact = sum(q.state is State.changed and q.p_value is None for q in compared.quantities)
    if not compared.tested:
        second = "no sampled number could be compared"
    else:
        second = f"{found} of {_count(compared.tested, 'tested number')} changed"
    third = f" and {_count(exact, 'exact one')} did" if exact else ""
    return f"{first}; {second}{third}."


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _verdict(change: VerdictChange, known: Mapping[str, Diagnostic]) -> dict[str, str]:
    diagnostic = known.get(change.code)
    return {
        "code": one_line(change.code, _NAME),
        "name": diagnostic.name if diagnostic else "",
        "title": one_line(change.title, _LINE),
        "direction": change.direction,
        "base": "not_run" if change.base is None else str(change.base),
        "head": "not_run" if change.head is None else str(change.head),
        "base_word": _word(change.base),
        "head_word": _word(change.head),
    }


def _row(q: Compared, known: Mapping[str, Diagnostic]) -> Row:
    diagnostic = known.get(q.code)
    labels = diagnostic.labels if diagnostic else {}
    difference, interval = _difference(q)
    return Row(
        code=one_line(q.code, _NAME),
        finding=diagnostic.name if diagnostic else "",
        name=one_line(q.name, _NAME),
        label=labels.get(q.name, one_line(q.name.replace("_", " "), _NAME)),
        base=_number(q.base),
        head=_number(q.head),
        difference=difference,
        interval=interval,
        p_value=number_text(q.p_value.corrected, 2) if q.p_value else "",
        state=str(q.state),
        shown=identifier(str(q.state)),
        because=q.because,
    )


def _number(q: Quantity | None) -> str:
    if q is None:
        return "none"
    text = describe(replace(q, unit=one_line(q.unit, _UNIT)))
    return " ".join(part for part in (text.value, text.brief) if part and part != "exact")


def _difference(q: Compared) -> tuple[str, str]:
    if q.difference is None or q.base is None:
        return "", ""
    tested = q.low is not None and q.high is not None
    unit = one_line(q.base.unit, _UNIT)
    text = describe(Quantity(value=q.difference, unit=unit, low=q.low, high=q.high))
    sign = "+" if q.difference > 0 else ""
    return f"{sign}{text.value}", text.interval if tested else ""


def _curves(compared: ComparedReports) -> tuple[Drawn | None, str]:
    """Training curves over each other, twice; or the sentence that says why there are none."""
    sides = (("base", compared.base), ("head", compared.head))
    for name, side in sides:
        if side.history_fault:
            return None, f"The {name} has no curves: {side.history_fault}."
        if not side.history:
            return None, f"No training curves: the {name} came without metrics.jsonl."
    drawn = tuple(curves(side.history) for _, side in sides)
    shared = [title for title in drawn[0].panels if title in drawn[1].panels]
    if not shared:
        return None, "No training curves: the two have no metric of one name."
    alt = "Training metrics of both by step: " + ", ".join(shared)
    wide, narrow = (
        inline_svg(overlay(drawn[0], drawn[1], width), prefix=f"curves-{v}-", alt=alt)
        for width, v in ((WIDE, "w"), (NARROW, "n"))
    )
    return Drawn(wide=wide, narrow=narrow), ""


def overlay(base: Curves, head: Curves, width_px: int) -> Figure:
    """Panels that both have: the base dashed, the head solid, in the colours of the players."""
    shared = [title for title in base.panels if title in head.panels]
    with page_style():
        figure, axes = panels(width_px, len(shared))
        for ax, title in zip(axes, shared, strict=True):
            _panel(ax, title, base.panels[title], head.panels[title])
    return figure


def _panel(ax: Axes, title: str, base: Sequence[Line], head: Sequence[Line]) -> None:
    for lines, dashes, width in ((base, (3, 2), 1.1), (head, (), 1.5)):
        for _, colour, x, y in lines:
            ax.plot(x, y, color=colour, linewidth=width, dashes=dashes)  # pyright: ignore[reportUnknownMemberType]
    low, high = ax.get_ylim()
    both = [*base, *head]
    first, last = min(x[0] for _, _, x, _ in both), max(x[-1] for _, _, x, _ in both)
    # One label a colour, at the head's end: dashes tell the two reports apart.
    ends = sorted((y[-1], short, colour, x[-1]) for short, colour, x, y in head)
    close = len(ends) == 2 and ends[1][0] - ends[0][0] < 0.14 * (high - low)
    for index, (y_end, short, colour, x_end) in enumerate(ends):
        label(ax, x_end, y_end, short, colour, dx=6, dy=14 * index - 7 if close else 0)
    if last > first:
        ax.set_xlim(first, last)
    by_step(ax, title, None if last > first else [first])
