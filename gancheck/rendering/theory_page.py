"""Which theorems were checked, by what, and what would have been caught had they been false?

One page for the reports of `gancheck.theory`: a summary line, the graph of what rests on what, the
popular sentences that are corrected, how each textbook claim is covered, and a section a theorem
with its statement, hypotheses, steps and refuted false neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from markupsafe import Markup

from gancheck.rendering.files import write_whole
from gancheck.rendering.numbers import duration
from gancheck.rendering.page import render
from gancheck.rendering.text import convenience, identifier, in_claim_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from gancheck.theory.kernel import KernelResult
    from gancheck.theory.results import TheoremReport

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
# Pixels of a row, as in the style sheet, and of the widest arc.
_SIZES: Final = {"wide": (30, 112), "narrow": (48, 44)}
_Topic: TypeAlias = tuple[str, tuple[int, ...], tuple[int, ...]]
# By the first textbook claim of a theorem or, where it has none, by one of the literature. In this
# order nearly everything comes after what it uses.
_TOPICS: Final[tuple[_Topic, ...]] = (
    ("The game and its optimum", (*range(1, 14),), (1, 13, 14, 22, 23)),
    ("Losses and their gradients", (*range(23, 30),), (2, 3, 4, 5)),
    ("Implicit models and their support", (14, 15, 16, 42, 43, 44), (10, 26, 27, 28)),
    ("Equilibrium and dynamics", (*range(17, 23), 31, 33), (*range(15, 22), 24)),
    ("Mode collapse", (30, 32), (29, 30)),
    ("Distances between laws", (*range(34, 42),), (6, 7, 8, 9, 11, 12, 25)),
)
_OTHER: Final = "Further theorems"
_CLAIMS: Final = tuple(f"S{number}" for number in range(1, 45))
_WHOLE_SHELF: Final = 36


def render_theory_page(
    reports: Sequence[TheoremReport],
    *,
    kernel: Mapping[str, KernelResult] | None = None,
    opinions: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """The page as HTML text, theorems in an order in which each follows what it rests on.

    Args:
        reports: what was found.
        kernel: theorem id -> what Coq's kernel said, where it was asked.
        opinions: theorem id -> how many steps z3 agrees with, where it was asked.
    """
    from gancheck.rendering.mathml import mathml, segments_html  # brings sympy, no report needs it

    topics = _by_topic(_ordered(reports))
    ordered = [r for _, group in topics for r in group]
    worst = next((s for s in _WORST_FIRST if any(r.status == s for r in reports)), "unknown")
    survivors = sum(len(r.survivors) for r in reports)
    unconfirmed = sum(h.checked is False for r in reports for h in r.hypotheses)
    unconfirmed += sum(not c.checked for r in reports for c in r.caveats)
    shape = "failing" if survivors or unconfirmed else _SHAPES[worst]
    covered = _coverage(ordered)
    return render(
        "theory.html",
        reports=ordered,
        topics=[
            (name if len(topics) > 1 else "", identifier(name), group) for name, group in topics
        ],
        anchors={r.theorem.id: _anchor(r) for r in reports},
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
        graphs=[(name, made) for name, size in _SIZES.items() if (made := _graph(topics, *size))],
        statements={r.theorem.id: segments_html(r.theorem.segments) for r in reports},
        formulas={
            r.theorem.id: [(mathml(s.claim, block=True), str(s.over)) for s in r.theorem.steps]
            for r in reports
        },
        errata=sorted(
            ((c, r) for r in ordered for c in r.caveats), key=lambda e: in_claim_order(e[0].claim)
        ),
        covered=covered,
        uncovered=[c for c in _CLAIMS if c not in {row[0] for row in covered}]
        if len(reports) >= _WHOLE_SHELF
        else [],
        convenient=_convenient(reports),
        conveniences={r.theorem.id: _convenient([r]) for r in reports},
        kernel=kernel or {},
        opinions=opinions or {},
        kernel_times={name: duration(found.seconds) for name, found in (kernel or {}).items()},
    )


def _anchor(report: TheoremReport) -> str:
    return f"t-{identifier(report.theorem.id)}"


def _coverage(reports: Sequence[TheoremReport]) -> list[tuple[str, str, str, TheoremReport]]:
    """Claim, how it is covered, what tests it and what is proved of it, and by which theorem."""
    rows: list[tuple[str, str, str, TheoremReport]] = []
    for report in reports:
        for claim, how in report.theorem.claims.items():
            if isinstance(how, str):
                rows.append((claim, how, "", report))
            else:
                words = f"`{how.tested_by}`; proved: {how.proved_case}"
                rows.append((claim, "experiment", words, report))
    return sorted(rows, key=lambda row: in_claim_order(row[0]))


def _convenient(reports: Sequence[TheoremReport]) -> str:
    return convenience([h.kind for r in reports for h in r.hypotheses])


def write_theory_page(
    reports: Sequence[TheoremReport],
    path: Path,
    *,
    kernel: Mapping[str, KernelResult] | None = None,
    opinions: Mapping[str, Mapping[str, Any]] | None = None,
) -> Path:
    """Write the theory page to `path`, whole or not at all.

    Args:
        reports: what was found.
        path: of the HTML file.
        kernel: as for `render_theory_page`.
        opinions: likewise.

    Raises:
        OSError: the file cannot be written; the message is one sentence that names it.
    """
    write_whole(path, render_theory_page(reports, kernel=kernel, opinions=opinions))
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
        rest = "rests" if leaves == 1 else "rest"
        return "Holds.", f"{_many(leaves, 'theorem')} {rest} in part on cited literature."
    return "Proved.", "Every step was decided by an engine that can say no."


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _ordered(reports: Sequence[TheoremReport]) -> list[TheoremReport]:
    """Each theorem after those it uses, families together, the largest family first."""
    waiting = {r.theorem.id: r for r in reports}
    family = _families(reports)
    sizes = {name: list(family.values()).count(name) for name in family.values()}
    first = {name: place for place, name in reversed(list(enumerate(family.values())))}
    out: list[TheoremReport] = []
    while waiting:
        ready = [
            r
            for r in waiting.values()
            if not any(used.id in waiting and used.id != r.theorem.id for used in r.theorem.uses)
        ]
        placed = {r.theorem.id: place for place, r in enumerate(out)}
        # Next is what uses the theorem placed last, so that arcs stay short.
        report = max(
            ready or list(waiting.values())[:1],
            key=lambda r: max((placed.get(u.id, -1) for u in r.theorem.uses), default=-1),
        )
        out.append(report)
        del waiting[report.theorem.id]
    return sorted(out, key=lambda r: (-sizes[family[r.theorem.id]], first[family[r.theorem.id]]))


def _families(reports: Sequence[TheoremReport]) -> dict[str, str]:
    """Theorem id -> a name that it shares with everything joined to it by use."""
    family = {r.theorem.id: r.theorem.id for r in reports}
    for report in reports:
        for used in report.theorem.uses:
            if used.id in family:
                old, new = family[report.theorem.id], family[used.id]
                family = {name: new if was == old else was for name, was in family.items()}
    return family


def _topic(report: TheoremReport) -> str:
    claims = sorted(report.theorem.claims, key=in_claim_order)
    for prefix in "SL":
        numbers = [int(c[1:]) for c in claims if c[0] == prefix and c[1:].isdigit()]
        for name, textbook, literature in _TOPICS:
            if numbers and numbers[0] in (textbook if prefix == "S" else literature):
                return name
    return _OTHER


def _by_topic(ordered: Sequence[TheoremReport]) -> list[tuple[str, list[TheoremReport]]]:
    """The topics that occur, each with its theorems in the order given."""
    groups: dict[str, list[TheoremReport]] = {}
    for report in ordered:
        groups.setdefault(_topic(report), []).append(report)
    names = [*(topic[0] for topic in _TOPICS), _OTHER]
    return [(name, groups[name]) for name in names if name in groups]


def _graph(
    topics: Sequence[tuple[str, Sequence[TheoremReport]]], row: int, widest: int
) -> Markup | None:
    """The arcs of an arc diagram, one row a theorem; its titles are a list beside it."""
    headed = len(topics) > 1
    rows: dict[str, int] = {}
    count = 0
    for _, group in topics:
        count += headed
        for report in group:
            rows[report.theorem.id] = count
            count += 1
    ordered = [r for _, group in topics for r in group]
    pairs = [
        (rows[used.id], rows[r.theorem.id])
        for r in ordered
        for used in r.theorem.uses
        if used.id in rows
    ]
    if not pairs:
        return None
    # The width grows with the root of an arc's span, so that neighbours stay apart and 48 rows fit.
    edge = 10 + _reach(max(abs(user - used) for used, user in pairs), widest) * 3 // 4
    parts = [
        Markup(
            '<path class="s-muted" fill="none" stroke-width="1.2" '
            'd="M{0} {1}C{2} {1} {2} {3} {0} {3}"/>'
        ).format(
            edge, _middle(used, row), edge - _reach(abs(user - used), widest), _middle(user, row)
        )
        for used, user in pairs
    ]
    parts += [_node(r, edge, _middle(rows[r.theorem.id], row)) for r in ordered]
    return Markup(
        '<svg viewBox="0 0 {0} {1}" width="{0}" height="{1}" aria-hidden="true">{2}</svg>'
    ).format(edge + 8, row * count, Markup("").join(parts))


def _reach(span: int, widest: int) -> int:
    return round(widest * min(1, span**0.5 / 6))


def _middle(place: int, row: int) -> int:
    return row * place + row // 2


def _node(report: TheoremReport, x: int, y: int) -> Markup:
    """Exact is a full disc, certified a diamond, cited a ring; what does not hold is a cross."""
    if report.status in ("unknown", "refuted"):
        return Markup(
            '<path class="s-{}" fill="none" stroke-width="2" d="M{} {}l9 9m0-9l-9 9"/>'
        ).format(_SHAPES[report.status], x - 4.5, y - 4.5)
    if report.tier == "certified":
        return Markup('<path class="f-sound" d="M{} {}l6 6-6 6-6-6z"/>').format(x, y - 6)
    look = "f-paper s-sound" if report.status == "cited" else "f-sound"
    return Markup('<circle class="{}" cx="{}" cy="{}" r="5" stroke-width="1.6"/>').format(
        look, x, y
    )
