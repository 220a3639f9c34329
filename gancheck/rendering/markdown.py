"""What of a report belongs into a model card?

`markdown` writes a block that can be pasted under any heading: the verdict in a line, a table of
the findings, what was not checked and why, and the hashes of the files. Every string is one line
with Markdown's and HTML's own characters escaped, so that nothing a file says can open a link, an
element, a code block or a new column. The same report gives the same bytes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from gancheck.diagnosis import Verdict
from gancheck.rendering.examined import examined
from gancheck.rendering.numbers import describe
from gancheck.rendering.page import WORDS
from gancheck.rendering.report_view import anchored, headline, tally
from gancheck.rendering.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gancheck.diagnosis import Diagnostic, Finding, Report

__all__ = ["inert", "markdown"]

_LONGEST: Final = 600
_NAME: Final = 120
_PLACES: Final = 5
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "@": "&#64;"}
_ESCAPED: Final = re.compile(r"[\\`*_\[\]#~$]")
_LINK: Final = re.compile(r"(?i)\b(https?|ftp|mailto|xmpp|www)([:.])")


def inert(text: str, longest: int = _LONGEST) -> str:
    """One line of text that Markdown shows as it is.

    Example:
        >>> inert("<b> | <c>")
        '&lt;b&gt; &#124; &lt;c&gt;'
    """
    line = _ESCAPED.sub(lambda match: f"\\{match[0]}", one_line(text, longest))
    for character, entity in _ENTITIES.items():
        line = line.replace(character, entity)
    return _LINK.sub(r"\1\\\2", line)


def markdown(report: Report, *, diagnostics: Mapping[str, Diagnostic]) -> str:
    """The block for a model card.

    Args:
        report: what was found.
        diagnostics: code -> diagnostic, for names and the number that stands for a finding.
    """
    word, sentence = headline(report, diagnostics)
    counts = ", ".join(text for _, text in tally(report)) or "no diagnostic ran"
    lines = [
        f"### gancheck: {inert(report.title, _NAME)}",
        "",
        f"**{word}** {_prose(sentence)} ({counts})",
        "",
        *_findings(report, diagnostics),
        *_unchecked(report, diagnostics),
        *_files(report),
        _made_by(report),
    ]
    return "\n".join(lines) + "\n"


def _findings(report: Report, known: Mapping[str, Diagnostic]) -> list[str]:
    asked = [f for _, f in anchored(report) if f.verdict is not Verdict.not_applicable]
    if not asked:
        return []
    rows = [
        f"| {_name(f.code, known)} | {WORDS[str(f.verdict)]} | {_number(f, known)} | {_said(f)} |"
        for f in asked
    ]
    return [
        "| check | verdict | number, with its error | why |",
        "| :-- | :-- | :-- | :-- |",
        *rows,
        "",
    ]


def _unchecked(report: Report, known: Mapping[str, Diagnostic]) -> list[str]:
    """Not sound and not bad: nothing is known, and this is why."""
    silent = [f for _, f in anchored(report) if f.verdict is Verdict.not_applicable]
    rows = [f"- **{_name(f.code, known)}**: {_prose(f.because)}" for f in silent]
    if report.not_run:
        why = str(report.provenance.get("stopped") or "stopped early")
        names = ", ".join(_name(code, known) for code in report.not_run)
        rows.append(f"- **{names}**: not reached: {_prose(why)}")
    rows += [
        f"- **{inert(f.path, _NAME)}**: not read: {_prose(f.unread)}"
        for f in examined(report)
        if f.unread
    ]
    return ["Not checked:", "", *rows, ""] if rows else []


def _files(report: Report) -> list[str]:
    rows = [
        f"| {inert(f.path, _NAME)} | {inert(f.role, _NAME)} | {inert(f.sha256 or 'not taken')} |"
        for f in examined(report)
    ]
    return ["| file | role | sha256 |", "| :-- | :-- | :-- |", *rows, ""] if rows else []


def _made_by(report: Report) -> str:
    versions = report.provenance.get("versions")
    known: dict[str, Any] = dict(versions) if isinstance(versions, dict) else {}
    name = f"gancheck {inert(str(known.get('gancheck') or ''), _NAME)}".strip()
    stamp = report.provenance.get("stamp")
    date = stamp.get("date") if report.stamped and isinstance(stamp, dict) else None
    when = f", {inert(str(date), _NAME)}" if date else ""
    return f"Made by {name}{when}. A sound finding says that its question found nothing."


def _name(code: str, known: Mapping[str, Diagnostic]) -> str:
    name = known[code].name if code in known else ""
    return inert(f"{code} {name}".strip(), _NAME)


def _number(finding: Finding, known: Mapping[str, Diagnostic]) -> str:
    """The number that stands for the finding, with both errors."""
    diagnostic = known.get(finding.code)
    wanted = (diagnostic.headline, diagnostic.stand_in) if diagnostic else ()
    name = next((n for n in wanted if n in finding.quantities), "")
    if not name:
        name = next(iter(finding.quantities), "")
    if not name:
        return "none"
    label = diagnostic.labels.get(name, "") if diagnostic else ""
    number = describe(finding.quantities[name])
    numerical = f", numerical error {number.numerical}" if finding.quantities[name].error else ""
    gap = " " if number.brief[:1] in {"", "[", "±"} else ", "
    text = f"{label or name.replace('_', ' ')}: {number.value}{gap}{number.brief}".strip()
    return inert(f"{text}{numerical}", _LONGEST)


def _said(finding: Finding) -> str:
    words = _prose(finding.because)
    names = [place.tensor or place.file for place in finding.places]
    if not names:
        return words
    shown = ", ".join(inert(name, _NAME) for name in names[:_PLACES])
    more = f" and {len(names) - _PLACES} more" if len(names) > _PLACES else ""
    return f"{words} In: {shown}{more}."


def _prose(text: str) -> str:
    """A sentence of a judgement; the marks of emphasis that the page sets are left out."""
    return inert(text.replace("**", "").replace("`", ""))
