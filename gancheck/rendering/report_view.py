"""What does a report say, in the order in which a reader asks?

Turns a `Report` into the plain values that the template prints: findings by consequence (failing,
warning, undecided, sound, not applicable), the three next steps, cards, sections, the table of all
numbers, provenance.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from gancheck.diagnosis import Verdict
from gancheck.measures.figures import NARROW, WIDE, figure_of, number_text, page_style
from gancheck.measures.holm import ALPHA
from gancheck.rendering.facts import facts, mapping
from gancheck.rendering.figure import inline_svg
from gancheck.rendering.history import Curves, curves, history_figure
from gancheck.rendering.numbers import NumberText, describe, duration
from gancheck.rendering.text import first_sentence, identifier, one_line
from gancheck.rendering.threshold import strip

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gancheck.diagnosis import Definition, Diagnostic, Finding, Report

__all__ = [
    "NOT_RUN",
    "Action",
    "Card",
    "Drawn",
    "Row",
    "Section",
    "Tested",
    "actions",
    "anchored",
    "cards",
    "headline",
    "history",
    "line",
    "provenance",
    "sections",
    "tally",
]

_ORDER: Final = (
    Verdict.failing,
    Verdict.warning,
    Verdict.undecided,
    Verdict.sound,
    Verdict.not_applicable,
)
_COUNTED: Final = {
    Verdict.failing: ("fails", "fail"),
    Verdict.warning: ("warns", "warn"),
    Verdict.undecided: ("undecided", "undecided"),
    Verdict.sound: ("sound", "sound"),
    Verdict.not_applicable: ("not applicable", "not applicable"),
}
NOT_RUN: Final = "not_run"
_SPOKEN: Final = {
    Verdict.failing: "Failing.",
    Verdict.warning: "Warning.",
    Verdict.undecided: "Undecided.",
    Verdict.sound: "Sound.",
    Verdict.not_applicable: "Not measured.",
}
_ACTIONS: Final = 3
_CARDS: Final = 9
_RAIL: Final = 9
_PLACES: Final = 20
_PLACE: Final = 200
_UNDRAWABLE = (ValueError, TypeError, ArithmeticError, LookupError, RuntimeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something to do, and the findings it answers: (anchor, code)."""

    head: str
    rest: str
    links: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A finding at a glance."""

    name: str
    anchor: str
    verdict: str
    number: NumberText | None
    label: str
    threshold: str
    strip: Markup | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One quantity: its name in words and in the JSON, and its number."""

    label: str
    name: str
    number: NumberText


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """One test: in words and as in the JSON, its p-value alone and among all of the report."""

    label: str
    name: str
    raw: str
    corrected: str
    found: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A figure twice, for a wide and for a narrow page; or why there is none."""

    wide: Markup | None = None
    narrow: Markup | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A finding at length."""

    code: str
    name: str
    anchor: str
    verdict: str
    title: str
    question: str
    because: str
    remedy: str
    figure: Drawn | None
    figure_number: int
    caption: str
    rows: tuple[Row, ...]
    more: int
    places: tuple[str, ...]
    tests: tuple[Tested, ...]
    family: int
    definition: Definition | None
    mathml: Markup | None
    theorems: tuple[str, ...]
    run: tuple[tuple[str, str], ...]
    table: str
    seconds: str


def line(report: Report) -> list[str]:
    """The title line: version, level of an audit, device, precision; date, duration if stamped."""
    known = provenance(report)
    stamp = mapping(known.get("stamp"))
    version = mapping(known.get("versions")).get("gancheck")
    seconds = stamp.get("seconds")
    out = [version, stamp.get("date")]
    if isinstance(seconds, int | float):
        out.append(duration(float(seconds)))
    reached = mapping(known.get("level")).get("reached")
    out += [reached and f"level {reached}", stamp.get("device") or known.get("device")]
    out += [known.get("dtype")]
    return [str(item) for item in out if item]


def provenance(report: Report) -> dict[str, Any]:
    """What the report tells of where it comes from; the stamp only where it is asked for."""
    return {k: v for k, v in report.provenance.items() if k != "stamp" or report.stamped}


def tally(report: Report) -> list[tuple[str, str]]:
    """How many findings end in which verdict, and how many never ran: (verdict, words)."""
    found = Counter(finding.verdict for finding in report.findings)
    out = [(str(v), f"{found[v]} {_COUNTED[v][found[v] > 1]}") for v in _ORDER if found[v]]
    left = len(report.not_run)
    return [*out, (NOT_RUN, f"{left} not run")] if left else out


def headline(report: Report, known: Mapping[str, Diagnostic]) -> tuple[str, str]:
    """The verdict in a word, and the one sentence that says why."""
    word = _SPOKEN[report.verdict]
    if not report.findings:
        return word, "No diagnostic ran."
    if report.verdict is Verdict.not_applicable:
        return word, "None of the questions could be answered."
    if report.verdict is Verdict.sound:
        answered = sum(f.verdict is Verdict.sound for f in report.findings)
        asked = "The one question" if answered == 1 else f"The {answered} questions"
        left = len(report.findings) - answered + len(report.not_run)
        rest = f"; {left} {'was' if left == 1 else 'were'} not answered" if left else ""
        verb = "was" if answered == 1 else "were"
        return word, f"{asked} that {verb} answered found nothing{rest}."
    _, worst = anchored(report)[0]
    return word, _title(worst, known.get(worst.code))


def _title(finding: Finding, diagnostic: Diagnostic | None) -> str:
    return finding.title or (diagnostic.question if diagnostic else "") or finding.code


def anchored(report: Report) -> list[tuple[str, Finding]]:
    """Findings in order of consequence, then of code, each with an anchor unique on the page."""
    ranked = sorted(report.findings, key=lambda f: (_ORDER.index(f.verdict), f.code))
    taken: Counter[str] = Counter()
    out: list[tuple[str, Finding]] = []
    for finding in ranked:
        anchor = identifier(finding.code)
        taken[anchor] += 1
        out.append((f"{anchor}-again-{taken[anchor]}" if taken[anchor] > 1 else anchor, finding))
    return out


def sections(report: Report, known: Mapping[str, Diagnostic]) -> list[Section]:
    """Every finding, in order of consequence."""
    out: list[Section] = []
    figures = 0
    family = sum(len(finding.p_values) for finding in report.findings)
    for anchor, finding in anchored(report):
        diagnostic = known.get(finding.code)
        drawn = _figure(finding, diagnostic, anchor)
        figures += drawn is not None and not drawn.fault
        section = _section(finding, diagnostic, anchor, drawn, figures, stamped=report.stamped)
        out.append(replace(section, tests=_tests(finding, diagnostic), family=family))
    return out


def _section(
    finding: Finding,
    diagnostic: Diagnostic | None,
    anchor: str,
    drawn: Drawn | None,
    figure_number: int,
    *,
    stamped: bool,
) -> Section:
    rows = _rows(finding, diagnostic)
    measured = finding.measurement
    definition = diagnostic.definition if diagnostic else None
    question = diagnostic.question if diagnostic else ""
    return Section(
        code=finding.code,
        name=diagnostic.name if diagnostic else finding.code,
        anchor=anchor,
        verdict=str(finding.verdict),
        title=_title(finding, diagnostic),
        question=question,
        because=finding.because,
        remedy=finding.remedy,
        figure=drawn,
        figure_number=figure_number,
        caption=diagnostic.caption if diagnostic else "",
        rows=rows,
        more=max(0, len(rows) - _RAIL),
        places=_places(finding),
        tests=(),
        family=0,
        definition=definition,
        mathml=Markup(definition.mathml) if definition and definition.mathml else None,
        theorems=tuple(finding.theorems or (diagnostic.theorems if diagnostic else ())),
        run=tuple(facts(_run(measured.provenance, stamped=stamped))) if measured else (),
        table=f"tables/{anchor}.csv" if measured and measured.rows else "",
        seconds=duration(finding.seconds) if stamped and finding.seconds else "",
    )


def _run(known: Mapping[str, Any], *, stamped: bool) -> dict[str, Any]:
    """What a measurement tells of itself; how long it took only where stamped."""
    return {k: v for k, v in known.items() if k != "seconds" or stamped}


def _places(finding: Finding) -> tuple[str, ...]:
    """The tensors it speaks of, the first of them with the file, and how many more there are."""
    shown = [
        one_line(f"{p.tensor} in {p.file}" if p.tensor else p.file, _PLACE) for p in finding.places
    ]
    more = len(shown) - _PLACES
    return (*shown[:_PLACES], f"{more} more") if more > 0 else tuple(shown)


def _rows(finding: Finding, diagnostic: Diagnostic | None) -> tuple[Row, ...]:
    labels: Mapping[str, str] = diagnostic.labels if diagnostic else {}
    return tuple(
        Row(label=labels.get(name, name.replace("_", " ")), name=name, number=describe(quantity))
        for name, quantity in finding.quantities.items()
    )


def _tests(finding: Finding, diagnostic: Diagnostic | None) -> tuple[Tested, ...]:
    words: Mapping[str, str] = diagnostic.tests if diagnostic else {}
    return tuple(
        Tested(
            label=words.get(name, name.replace("_", " ")),
            name=name,
            raw=number_text(p.raw, 2),
            corrected=number_text(p.corrected, 2),
            found=p.corrected < ALPHA,
        )
        for name, p in finding.p_values.items()
    )


def _figure(finding: Finding, diagnostic: Diagnostic | None, anchor: str) -> Drawn | None:
    if diagnostic is None or not diagnostic.caption or finding.measurement is None:
        return None
    drawn: list[Markup] = []
    for width, variant in ((WIDE, "w"), (NARROW, "n")):
        try:
            with page_style():
                figure = figure_of(finding.measurement.plot(width))
            alt = f"{diagnostic.name}. {diagnostic.caption}".strip()
            drawn.append(inline_svg(figure, prefix=f"{anchor}-{variant}-", alt=alt))
        except _UNDRAWABLE as error:
            # The numbers stand without their picture, and the page says that it is missing.
            return Drawn(fault=f"The figure could not be drawn ({type(error).__name__}: {error}).")
    return Drawn(wide=drawn[0], narrow=drawn[1])


def actions(said: Sequence[Section]) -> list[Action]:
    """At most three next steps, from the remedies of what fails, warns or is undecided."""
    merged: dict[str, list[tuple[str, str]]] = {}
    for section in said:
        if section.verdict in {"failing", "warning", "undecided"} and section.remedy.strip():
            merged.setdefault(section.remedy.strip(), []).append((section.anchor, section.code))
    out: list[Action] = []
    for remedy, links in list(merged.items())[:_ACTIONS]:
        head, rest = first_sentence(remedy)
        out.append(Action(head=head, rest=rest, links=tuple(links)))
    return out


def cards(report: Report, said: Sequence[Section], known: Mapping[str, Diagnostic]) -> list[Card]:
    """One card a finding, by code; where there are many, the nine of most consequence."""
    out: list[Card] = []
    for (_, finding), section in zip(anchored(report), said, strict=True):
        diagnostic = known.get(finding.code)
        if diagnostic is None:
            continue
        measured = diagnostic.headline in finding.quantities
        name = diagnostic.headline if measured else diagnostic.stand_in
        quantity = finding.quantities.get(name)
        out.append(
            Card(
                name=diagnostic.name,
                anchor=section.anchor,
                verdict=section.verdict,
                number=describe(quantity) if quantity else None,
                label=_sentence(diagnostic.labels.get(name, "")) if quantity else "",
                threshold=_sentence(diagnostic.threshold),
                strip=strip(quantity, diagnostic.threshold, finding.verdict) if quantity else None,
            )
        )
    return sorted(out[:_CARDS], key=lambda card: card.anchor)


def _sentence(words: str) -> str:
    """With a capital, unless the first word is a symbol: d is not D. Without its full stop."""
    words = words.strip().rstrip(".")
    return words[:1].upper() + words[1:] if words[1:2].islower() else words


def history(report: Report) -> tuple[Drawn, Curves] | None:
    """The training curves twice; None where no metric came with the game."""
    drawn = curves(report.history)
    if not drawn.panels:
        return None
    alt = "Training metrics by step: " + ", ".join(drawn.panels)
    wide, narrow = (
        inline_svg(history_figure(drawn, width), prefix=f"history-{variant}-", alt=alt)
        for width, variant in ((WIDE, "w"), (NARROW, "n"))
    )
    return Drawn(wide=wide, narrow=narrow), drawn
