"""How is a shelf checked at once? In several processes, with progress, and the same answer always.

A theorem's own check is one task; ancestors that several share are checked once. The parent puts
the reports together in the order asked for, whatever order the processes end in.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gancheck import content
from gancheck.theory import second_opinion
from gancheck.theory.kernel import check_kernel
from gancheck.theory.report import check, check_own, exit_ok, theory_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gancheck.theory.kernel import KernelResult
    from gancheck.theory.results import Checked, TheoremReport
    from gancheck.theory.theorem import Theorem

__all__ = [
    "Examination",
    "confirmations",
    "cores",
    "errata",
    "examine",
    "kernel_results",
    "prove",
    "second_opinions",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """Everything that one run found about the theorems asked for.

    Attributes:
        reports: one a theorem, in the order asked for.
        kernel: theorem id -> what Coq's kernel said; None where it was not asked.
        opinions: theorem id -> what z3 said; None where it was not asked.
        confirmed: what random draws said of each; None where none were drawn.
    """

    reports: Sequence[TheoremReport]
    kernel: Mapping[str, KernelResult] | None = None
    opinions: Mapping[str, Mapping[str, Any]] | None = None
    confirmed: Sequence[Mapping[str, Any]] | None = None

    @property
    def holds(self) -> bool:
        """Whether every theorem holds and nobody who was asked objects."""
        return (
            exit_ok(self.reports)
            and all(found.ok for found in (self.kernel or {}).values())
            and not any(found["contradicts"] for found in (self.opinions or {}).values())
            and all(found["holds"] for found in self.confirmed or ())
        )

    def as_json(self) -> dict[str, Any]:
        """The machine-readable result; what was not asked has no key."""
        asked: dict[str, Any] = {"second_opinion": self.opinions, "confirmations": self.confirmed}
        if self.kernel is not None:
            asked["kernel"] = {name: found.as_json() for name, found in self.kernel.items()}
        said = {key: value for key, value in asked.items() if value is not None}
        return {**theory_json(self.reports), **said}


def examine(
    chosen: Sequence[Theorem],
    *,
    jobs: int | None = None,
    confirm: int = 0,
    kernel: bool = False,
    opinion: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Examination:
    """Check theorems of the shelf, and ask whom else one likes.

    Args:
        chosen: theorems of the shelf.
        jobs: processes; as many as cores without it.
        confirm: random draws for each numeric form; 0 for none.
        kernel: whether to ask Coq, where a theorem has a file for it.
        opinion: whether to ask z3.
        progress: gets a line for each thing done.

    Raises:
        ValueError: `jobs` is below one, or `confirm` is negative.
    """
    reports = prove(chosen, jobs=cores() if jobs is None else jobs, progress=progress)
    return Examination(
        reports=reports,
        kernel=kernel_results(chosen, progress) if kernel else None,
        opinions=second_opinions(reports, progress) if opinion else None,
        confirmed=confirmations(chosen, confirm, progress) if confirm else None,
    )


def cores() -> int:
    """Cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def confirmations(
    theorems: Sequence[Theorem], examples: int, progress: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Hold each theorem's numeric form against random draws; counterexamples come shrunk."""
    from gancheck.testing import confirm

    out = list[dict[str, Any]]()
    for theorem in theorems:
        progress(f"confirming {theorem.id} on {examples} draws")
        found = confirm(theorem, examples)
        failed = [f for f in found.forms if not f.held]
        for form in failed:
            progress(f"{theorem.id}: {form.says} fails at {form.counterexample}")
        text = f"{len(found.forms)} held"
        if failed:
            text = f"fails at {failed[0].counterexample}"
        out.append({"id": theorem.id, "holds": found.ok, "text": text})
    return out


def prove(
    chosen: Sequence[Theorem],
    *,
    jobs: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> list[TheoremReport]:
    """Check theorems of the shelf and their ancestors, each once.

    Args:
        chosen: theorems of the shelf.
        jobs: processes; one checks in this process.
        progress: gets a line a theorem.

    Returns:
        A report for each of `chosen`, in its order.

    Raises:
        ValueError: `jobs` is below one.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, got {jobs}")
    needed = _closure(chosen)
    done: dict[str, Checked] = {}
    if min(jobs, len(needed)) == 1:
        for theorem in needed.values():
            progress(f"checking {theorem.id}")
            done[theorem.id] = check_own(theorem)
    else:
        _in_processes(list(needed), min(jobs, len(needed)), done, progress)
    known: dict[str, TheoremReport] = {}
    return [check(theorem, known=known, done=done) for theorem in chosen]


def errata(reports: Sequence[TheoremReport]) -> list[dict[str, Any]]:
    """Each popular sentence that a theorem corrects, with its counterexample."""
    return [
        {
            "claim": caveat.claim,
            "theorem": report.theorem.id,
            "popular": caveat.popular,
            "corrected": caveat.corrected,
            "counterexample": caveat.counterexample,
            "witness": caveat.witness,
            "checked": caveat.checked,
        }
        for report in reports
        for caveat in report.caveats
    ]


def kernel_results(
    chosen: Sequence[Theorem], progress: Callable[[str], None] = lambda _: None
) -> dict[str, KernelResult]:
    """What Coq's kernel says of the theorems that have a file for it, by theorem id."""
    found: dict[str, KernelResult] = {}
    for theorem in chosen:
        file = content.kernel_file(theorem.id)
        if file is not None:
            progress(f"kernel: {file.name}")
            found[theorem.id] = check_kernel(file)
    return found


def second_opinions(
    reports: Sequence[TheoremReport], progress: Callable[[str], None] = lambda _: None
) -> dict[str, dict[str, Any]]:
    """What z3 says of the steps that an engine proved, by theorem id; nothing where it is absent.

    Each entry counts `agrees`, `no answer` and `contradicts`, and lists the steps contradicted.
    """
    if not second_opinion.available():
        progress("no second opinion: z3 is not installed (pip install 'gancheck[rigorous]')")
        return {}
    found: dict[str, dict[str, Any]] = {}
    for report in reports:
        progress(f"second opinion: {report.theorem.id}")
        said = [
            (second_opinion.opinion(step), step.says)
            for step, result in zip(report.theorem.steps, report.steps, strict=True)
            if result.status in ("proved", "cited")
        ]
        counts = {a: sum(s == a for s, _ in said) for a in ("agrees", "no answer", "contradicts")}
        against = [says for answer, says in said if answer == "contradicts"]
        found[report.theorem.id] = {**counts, "against": against}
    return found


def _closure(chosen: Sequence[Theorem]) -> dict[str, Theorem]:
    """The theorems and all they stand on, ancestors first."""
    found: dict[str, Theorem] = {}

    def add(theorem: Theorem) -> None:
        if theorem.id not in found:
            for used in theorem.uses:
                add(used)
            found[theorem.id] = theorem

    for theorem in chosen:
        add(theorem)
    return found


def _in_processes(
    ids: Sequence[str], jobs: int, done: dict[str, Checked], progress: Callable[[str], None]
) -> None:
    # A fork inherits the imported shelf; beside other threads, torch's for one, it is not safe.
    alone = "torch" not in sys.modules and threading.active_count() == 1
    method = "fork" if sys.platform == "linux" and alone else "spawn"
    context = multiprocessing.get_context(method)
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_leave_interrupts_to_parent)
    try:
        waiting = {pool.submit(_own, name): name for name in ids}
        for number, future in enumerate(as_completed(waiting), 1):
            done[waiting[future]] = future.result()
            progress(f"checked {number} of {len(ids)}: {waiting[future]}")
    except BaseException:
        for child in multiprocessing.active_children():
            child.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _own(name: str) -> Checked:
    return check_own(_shelf()[name])


_loaded: dict[str, Theorem] = {}


def _shelf() -> Mapping[str, Theorem]:
    if not _loaded:
        _loaded.update(content.theorems())
    return _loaded
