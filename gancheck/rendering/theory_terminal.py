"""How does the theory read on a terminal: a table, a page a theorem, and the list of errata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from gancheck.rendering.text import clean, convenience, in_claim_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gancheck.theory.kernel import KernelResult
    from gancheck.theory.results import TheoremReport
    from gancheck.theory.theorem import Theorem

__all__ = ["print_errata", "print_opinions", "print_theorem", "print_theorems"]


def print_theorems(
    reports: Sequence[TheoremReport],
    confirmations: Sequence[Mapping[str, Any]],
    kernel: Mapping[str, KernelResult],
) -> None:
    """One row a theorem: status, tier, refuted mutants, seconds, and what random draws said.

    A theorem is named below the table if more than a third of its hypotheses are convenient.
    """
    confirmed = {c["id"]: c["text"] for c in confirmations}
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("theorem", overflow="fold")  # the one that gives way on a narrow terminal
    for name in ("status", "tier", "steps", "refuted", "seconds"):
        table.add_column(name, no_wrap=True)
    if confirmed:
        table.add_column("confirmed")
    for r in reports:
        refuted = f"{sum(m.refuted for m in r.mutants)} of {len(r.mutants)}"
        row = [r.theorem.id, r.status, r.tier or "-", str(len(r.steps)), refuted]
        table.add_row(*row, f"{r.seconds:.2f}", *filter(None, [confirmed.get(r.theorem.id)]))
    console = _console_for(table)
    console.print(table)
    for found in kernel.values():
        version = f", coqc {found.version}, {found.seconds:.1f} s" if found.version else ""
        console.print(_safe(f"kernel: {found.file}: {found.evidence}{version}"))
    for r in reports:
        if said := convenience([h.kind for h in r.hypotheses]):
            console.print(_safe(f"{r.theorem.id}: {said}"))
    seconds = sum(r.seconds for r in reports)
    console.print(f"{sum(r.ok for r in reports)} of {len(reports)} hold, in {seconds:.1f} s")


def _console_for(table: Table) -> Console:
    """A console that fits the table: a file or a pipe has no width of its own."""
    console = Console()
    if console.is_terminal:
        return console
    unbounded = console.options.update(max_width=1000)
    return Console(width=max(console.width, console.measure(table, options=unbounded).maximum))


def print_opinions(opinions: Mapping[str, Mapping[str, Any]]) -> None:
    """How often z3 agreed, and what it contradicts; nothing where it was not asked."""
    if not opinions:
        return
    console = Console()
    answers = ("agrees", "no answer", "contradicts")
    counts = [f"{a} {sum(found[a] for found in opinions.values())}" for a in answers]
    console.print(f"second opinion by z3: {', '.join(counts)}")
    for name, found in opinions.items():
        for says in found["against"]:
            console.print(_safe(f"  {name}: z3 CONTRADICTS: {says}"))


def print_errata(entries: Sequence[Mapping[str, Any]]) -> None:
    """The popular sentences in the order of the claims, each with what is true and why."""
    console = Console()
    for entry in sorted(entries, key=lambda e: in_claim_order(e["claim"])):
        console.print(f"[bold]{_safe(entry['claim'])}[/bold]  {_safe(entry['theorem'])}")
        seen = "checked" if entry["checked"] else "NOT CONFIRMED"
        at = f" ({entry['witness']})" if entry["witness"] else ""
        _line(console, "Said", entry["popular"])
        _line(console, "True", entry["corrected"])
        _line(console, "Why", f"{entry['counterexample']}{at} [{seen}]")
        console.print()
    count = len(entries)
    console.print(f"{count} popular sentence{'' if count == 1 else 's'} corrected")


def print_theorem(report: TheoremReport, shelf: Mapping[str, Theorem]) -> None:
    """A theorem as a page: what it says, what it needs, how it is derived, what is often wrong."""
    console, theorem = Console(), report.theorem
    origin = f" (by {report.tier_from})" if report.tier_from not in ("", theorem.id) else ""
    console.print(f"[bold]{_safe(theorem.title)}[/bold]\n{_safe(theorem.id)}: "
                  f"{report.status}, {report.tier or 'no tier'}{origin}\n")  # fmt: skip
    console.print(_safe(theorem.text))
    if theorem.note:
        console.print(f"\n{_safe(theorem.note)}")
    _section(console, "Hypotheses", [
        f"{h.text}\n{'Without it' if h.kind == 'needed' else 'It could be weaker'}: {h.reason}"
        for h in report.hypotheses
    ])  # fmt: skip
    if said := convenience([h.kind for h in report.hypotheses]):
        console.print(Padding(_safe(said), (0, 0, 0, 2), expand=False))
    _section(console, "Derivation", [
        f"{s.says}\n{s.claim}\n{s.status} by {s.engine}, {s.tier}" for s in report.steps
    ])  # fmt: skip
    _section(console, "Often said otherwise", [
        f"{c.claim}: {c.popular}\nTrue: {c.corrected}\nWhy: {c.counterexample}"
        for c in report.caveats
    ])  # fmt: skip
    _section(console, "False variants", [
        f"{m.claim}: {'refuted by ' + m.engine if m.refuted else 'SURVIVES'} at {m.witness}"
        for m in report.mutants
    ])  # fmt: skip
    _section(console, "Claims", [
        f"{claim}: {how}" if isinstance(how, str)
        else f"{claim}: experiment, tested by {how.tested_by}; proved: {how.proved_case}"
        for claim, how in theorem.claims.items()
    ])  # fmt: skip
    _section(console, "Uses", list(report.rests_on))
    users = [t.id for t in shelf.values() if any(u.id == theorem.id for u in t.uses)]
    _section(console, "Used by", users)
    _section(console, "Source", [str(source) for source in theorem.sources])


def _section(console: Console, heading: str, items: Sequence[str]) -> None:
    if not items:
        return
    console.print(f"\n[bold]{heading}[/bold]")
    for item in items:
        first, *rest = item.split("\n")
        console.print(Padding(_safe(f"- {first}"), (0, 0, 0, 2), expand=False))
        for line in rest:
            console.print(Padding(_safe(line), (0, 0, 0, 6), expand=False))


def _line(console: Console, word: str, text: str) -> None:
    console.print(Padding(_safe(f"{word}: {text}"), (0, 0, 0, 2), expand=False))


def _safe(text: str) -> str:
    return escape(clean(text))
