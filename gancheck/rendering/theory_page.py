"""Which theorems were checked, by what, and what would have been caught had they been false?

One page for the reports of `gancheck.theory`: a summary line, the graph of what rests on what, and
a section a theorem with its statement, hypotheses, steps and refuted false neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from gancheck.rendering.files import write_whole
from gancheck.rendering.numbers import duration
from gancheck.rendering.page import render
from gancheck.rendering.text import identifier

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gancheck.theory.report import TheoremReport

__all__ = ["render_theory_page", "write_theory_page"]

_SHAPES: Final = {
    "proved": "sound",
    "cited": "cited",
    "unknown": "undecided",
    "refuted": "failing",
}
_TIERS: Final = {
    "kernel": "checked by a proof kernel",
    "exact": "decided exactly",
    "certified": "enclosed with certified bounds",
    "cited": "rests on the literature",
}
_WORST_FIRST: Final = ("refuted", "unknown", "cited", "proved")
_ROW: Final = 34


def render_theory_page(reports: Sequence[TheoremReport]) -> str:
    """The page as HTML text, theorems in an order in which each follows what it rests on."""
    ordered = _ordered(reports)
    worst = next((s for s in _WORST_FIRST if any(r.status == s for r in reports)), "unknown")
    survivors = sum(len(r.survivors) for r in reports)
    unconfirmed = sum(h.checked is False for r in reports for h in r.hypotheses)
    shape = "failing" if survivors or unconfirmed else _SHAPES[worst]
    return render(
        "theory.html",
        reports=ordered,
        anchors={r.theorem.id: f"t-{identifier(r.theorem.id)}" for r in reports},
        shape=shape,
        shapes=_SHAPES,
        tiers=_TIERS,
        headline=_headline(reports, worst, survivors, unconfirmed),
        tally=[
            (status, sum(r.status == status for r in reports))
            for status in reversed(_WORST_FIRST)
            if any(r.status == status for r in reports)
        ],
        mutants=sum(len(r.mutants) for r in reports),
        refuted=sum(m.refuted for r in reports for m in r.mutants),
        seconds=duration(sum(r.seconds for r in reports)),
        times={r.theorem.id: duration(r.seconds) for r in reports},
        graph=_graph(ordered),
    )


def write_theory_page(reports: Sequence[TheoremReport], path: Path) -> Path:
    """Write the theory page to `path`, whole or not at all.

    Raises:
        OSError: the file cannot be written; the message is one sentence that names it.
    """
    write_whole(path, render_theory_page(reports))
    return path


def _headline(
    reports: Sequence[TheoremReport], worst: str, survivors: int, unconfirmed: int
) -> tuple[str, str]:
    if not reports:
        return "Nothing checked.", "No theorem was chosen."
    if worst == "refuted":
        false = [r.theorem.title for r in reports if r.status == "refuted"]
        return "Refuted.", f"{false[0]} does not hold as stated."
    if survivors:
        return "Not trustworthy.", f"{_many(survivors, 'false variant')} passed as true."
    if unconfirmed:
        return "Not confirmed.", f"{_many(unconfirmed, 'counterexample')} did not hold."
    if worst == "unknown":
        open_ones = sum(r.status == "unknown" for r in reports)
        return "Unknown.", f"{_many(open_ones, 'theorem')} could be neither proved nor refuted."
    if worst == "cited":
        leaves = sum(r.status == "cited" for r in reports)
        return "Holds.", f"{_many(leaves, 'theorem')} rests in part on cited literature."
    return "Proved.", "Every step was decided by an engine that can say no."


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _ordered(reports: Sequence[TheoremReport]) -> list[TheoremReport]:
    """Each theorem after those it uses, otherwise as given."""
    waiting = {r.theorem.id: r for r in reports}
    out: list[TheoremReport] = []
    while waiting:
        ready = [
            r
            for r in waiting.values()
            if not any(used.id in waiting and used.id != r.theorem.id for used in r.theorem.uses)
        ]
        for report in ready or list(waiting.values())[:1]:
            out.append(report)
            del waiting[report.theorem.id]
    return out


def _graph(ordered: Sequence[TheoremReport]) -> Markup | None:
    """The arcs of an arc diagram, one row a theorem; its titles are a list beside it."""
    rows = {r.theorem.id: index for index, r in enumerate(ordered)}
    pairs = [
        (rows[used.id], rows[r.theorem.id])
        for r in ordered
        for used in r.theorem.uses
        if used.id in rows
    ]
    if not pairs:
        return None
    edge = 10 + min(66, 14 * max(user - used for used, user in pairs))
    parts = [
        Markup(
            '<path class="s-muted" fill="none" stroke-width="1.3" '
            'd="M{0} {1}C{2} {1} {2} {3} {0} {3}"/>'
        ).format(
            edge,
            _ROW * used + _ROW // 2,
            edge - min(84, 18 * (user - used)),
            _ROW * user + _ROW // 2,
        )
        for used, user in pairs
    ]
    parts += [
        Markup('<circle class="{}" cx="{}" cy="{}" r="5" stroke-width="1.6"/>').format(
            "f-paper s-sound" if r.status == "cited" else f"f-{_SHAPES[r.status]}",
            edge,
            _ROW * rows[r.theorem.id] + _ROW // 2,
        )
        for r in ordered
    ]
    return Markup(
        '<svg viewBox="0 0 {0} {1}" width="{0}" height="{1}" aria-hidden="true">{2}</svg>'
    ).format(edge + 7, _ROW * len(ordered), Markup("").join(parts))
