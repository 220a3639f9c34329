"""What was decided about a theorem: its steps, its mutants, its hypotheses, and what it rests on.

`check` is the one way to a verdict. A theorem is as strong as its weakest step and its weakest
ancestor: proved, then cited, then unknown, then refuted.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from gancheck.theory.claims import Point, describe_point
from gancheck.theory.engines import ENGINES, Context, Decision, Engine, Status, Tier
from gancheck.theory.justifications import Enclosure
from gancheck.theory.results import (
    CaveatResult,
    Checked,
    HypothesisResult,
    MutantResult,
    StepResult,
    TheoremReport,
)
from gancheck.theory.theorem import Caveat, Experiment, Hypothesis, Mutant, Step, Theorem, Witness

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["check", "check_all", "check_own", "exit_ok", "theory_json"]

_STATUSES: tuple[Status, ...] = ("proved", "cited", "unknown", "refuted")
_TIERS: tuple[Tier, ...] = ("kernel", "exact", "certified", "cited")


def check(
    theorem: Theorem,
    *,
    engines: Mapping[str, Engine] = ENGINES,
    known: dict[str, TheoremReport] | None = None,
    done: Mapping[str, Checked] | None = None,
) -> TheoremReport:
    """Decide a theorem, and everything it uses.

    Args:
        theorem: what to check.
        engines: name -> engine; a test may put a lying one in.
        known: reports by id, read and added to, so that shared ancestors are checked once.
        done: own checks by id that were made already, by other processes for one.

    Returns:
        The report; nothing is raised for a false theorem.
    """
    known = {} if known is None else known
    if theorem.id in known:
        return known[theorem.id]
    ancestors = [check(u, engines=engines, known=known, done=done) for u in theorem.uses]
    own = (done or {}).get(theorem.id) or check_own(theorem, engines=engines)
    status = _status([s.status for s in own.steps], [a.status for a in ancestors])
    held = status in ("proved", "cited")
    tiers = [(_TIERS.index(s.tier), theorem.id) for s in own.steps]
    tiers += [(_TIERS.index(a.tier), a.tier_from) for a in ancestors if a.tier is not None]
    rank, tier_from = max(tiers, key=lambda t: t[0]) if held else (None, "")
    report = TheoremReport(
        theorem=theorem,
        status=status,
        tier=None if rank is None else _TIERS[rank],
        tier_from=tier_from,
        seconds=own.seconds,
        steps=own.steps,
        mutants=own.mutants,
        hypotheses=own.hypotheses,
        caveats=own.caveats,
        rests_on={a.theorem.id: a.status for a in ancestors},
    )
    known[theorem.id] = report
    return report


def check_own(theorem: Theorem, *, engines: Mapping[str, Engine] = ENGINES) -> Checked:
    """Decide a theorem's own steps, mutants, hypotheses and caveats; no ancestor is looked at."""
    start = time.perf_counter()
    steps = [_step(s, engines, theorem.probes) for s in theorem.steps]
    mutants = [_mutant(theorem, m, engines) for m in theorem.mutants]
    hypotheses = [_hypothesis(h, engines) for h in theorem.hypotheses]
    caveats = [_caveat(c, engines) for c in theorem.caveats]
    return Checked(
        seconds=time.perf_counter() - start,
        steps=steps,
        mutants=mutants,
        hypotheses=hypotheses,
        caveats=caveats,
    )


def check_all(
    theorems: Iterable[Theorem], *, engines: Mapping[str, Engine] = ENGINES
) -> list[TheoremReport]:
    """Check several theorems; a shared ancestor is checked once."""
    known: dict[str, TheoremReport] = {}
    return [check(t, engines=engines, known=known) for t in theorems]


def _status(own: Sequence[Status], ancestors: Sequence[Status]) -> Status:
    if not own:
        return "unknown"
    if "refuted" in own:
        return "refuted"
    # What stands on a refuted theorem is not thereby refuted: nothing is known of it.
    inherited: list[Status] = ["unknown" if a == "refuted" else a for a in ancestors]
    return max([*own, *inherited], key=_STATUSES.index)


def _step(step: Step, engines: Mapping[str, Engine], probes: Sequence[Point]) -> StepResult:
    start = time.perf_counter()
    decision = Context(engines, probes).decide(step.claim, step.over, step.by)
    domain = str(step.over)
    return StepResult(
        says=step.says,
        claim=f"{step.claim}" + (f"  for  {domain}" if domain else ""),
        engine=step.by.engine,
        status=decision.status,
        tier=decision.tier,
        seconds=time.perf_counter() - start,
        evidence=decision.evidence,
    )


def _mutant(theorem: Theorem, mutant: Mutant, engines: Mapping[str, Engine]) -> MutantResult:
    changed = theorem.mutated(mutant)
    fallen: StepResult | None = None
    seen = "every changed step passes or is unknown, or the witness does not contradict it"
    for step in changed.steps:
        result = _step(step, engines, changed.probes)
        if result.status != "refuted":
            continue
        confirmed = _false_at(step, mutant.witness, engines)
        if confirmed is not None:
            fallen, seen = result, f"{result.evidence}; at the witness {confirmed.evidence}"
            break
    return MutantResult(
        claim=mutant.says,
        change="; ".join(f"{name} = {part}" for name, part in mutant.change.items()),
        witness=describe_point(mutant.witness),
        refuted=fallen is not None,
        engine=fallen.engine if fallen else "",
        step=fallen.says if fallen else "",
        why=mutant.why,
        kind=mutant.kind,
        evidence=seen,
    )


def _false_at(step: Step, point: Point, engines: Mapping[str, Engine]) -> Decision | None:
    """The decision that a step's claim fails at a point of its domain, or None."""
    if not step.over.contains(point):
        return None
    claim = step.claim.at(point)
    decision = Context(engines).decide(claim, step.over.put(point), Enclosure())
    return decision if decision.status == "refuted" else None


def _hypothesis(hypothesis: Hypothesis, engines: Mapping[str, Engine]) -> HypothesisResult:
    witness = hypothesis.needed_because
    if witness is None:
        return HypothesisResult(
            text=hypothesis.text,
            kind=hypothesis.kind,
            reason=hypothesis.convenient,
            witness="",
            checked=None,
            evidence="",
        )
    checked, evidence = _counterexample(witness, engines)
    return HypothesisResult(
        text=hypothesis.text,
        kind=hypothesis.kind,
        reason=witness.words,
        witness=describe_point(witness.point),
        checked=checked,
        evidence=evidence,
    )


def _caveat(caveat: Caveat, engines: Mapping[str, Engine]) -> CaveatResult:
    checked, evidence = _counterexample(caveat.because, engines)
    return CaveatResult(
        claim=caveat.claim,
        popular=caveat.popular,
        corrected=caveat.corrected,
        counterexample=caveat.because.words,
        witness=describe_point(caveat.because.point),
        checked=checked,
        evidence=evidence,
    )


def _counterexample(witness: Witness, engines: Mapping[str, Engine]) -> tuple[bool, str]:
    notes = list[str]()
    fixed = [
        Step(says=s.says, claim=s.claim.at(witness.point), over=s.over.put(witness.point), by=s.by)
        for s in witness.breaks
    ]
    for wanted, steps in (("proved", witness.shows), ("refuted", fixed)):
        for step in steps:
            decision = Context(engines).decide(step.claim, step.over, step.by)
            notes.append(f"{step.says}: {decision.status} ({decision.evidence})")
            if decision.status != wanted:
                return False, "; ".join(notes)
    return True, "; ".join(notes)


def theory_json(reports: Sequence[TheoremReport]) -> dict[str, Any]:
    """The machine-readable result of a proof run."""
    counts = {status: sum(r.status == status for r in reports) for status in _STATUSES}
    return {
        "theorems": [_theorem_json(r) for r in reports],
        "summary": {
            "theorems": len(reports),
            **counts,
            "mutants": sum(len(r.mutants) for r in reports),
            "mutants_refuted": sum(m.refuted for r in reports for m in r.mutants),
            "hypotheses": sum(len(r.hypotheses) for r in reports),
            "hypotheses_checked": sum(h.checked is True for r in reports for h in r.hypotheses),
            "hypotheses_convenient": sum(h.checked is None for r in reports for h in r.hypotheses),
            "caveats": sum(len(r.caveats) for r in reports),
            "caveats_checked": sum(c.checked for r in reports for c in r.caveats),
            "seconds": round(sum(r.seconds for r in reports), 3),
            "ok": exit_ok(reports),
        },
    }


def _theorem_json(report: TheoremReport) -> dict[str, Any]:
    return {
        "id": report.theorem.id,
        "title": report.theorem.title,
        "status": report.status,
        "tier": report.tier,
        "tier_from": report.tier_from,
        "seconds": round(report.seconds, 3),
        "statement": report.theorem.text,
        "claims": list(report.theorem.claims),
        "coverage": {claim: _coverage(how) for claim, how in report.theorem.claims.items()},
        "uses": list(report.rests_on),
        "sources": [str(source) for source in report.theorem.sources],
        "steps": [{"claim": s.claim, "engine": s.engine, "status": s.status} for s in report.steps],
        "mutants": [
            {"claim": m.claim, "witness": m.witness, "refuted": m.refuted, "engine": m.engine}
            for m in report.mutants
        ],
        "hypotheses": [
            {"text": h.text, "kind": h.kind, "reason": h.reason, "checked": h.checked}
            for h in report.hypotheses
        ],
        "caveats": [
            {
                "claim": c.claim,
                "popular": c.popular,
                "corrected": c.corrected,
                "counterexample": c.counterexample,
                "checked": c.checked,
            }
            for c in report.caveats
        ],
    }


def _coverage(how: str | Experiment) -> dict[str, str]:
    if isinstance(how, Experiment):
        tested = {"tested_by": how.tested_by, "proved_case": how.proved_case}
        return {"how": "experiment", **tested}
    return {"how": how}


def exit_ok(reports: Sequence[TheoremReport]) -> bool:
    """Whether nothing is refuted or unknown, no mutant survives and every counterexample holds."""
    return bool(reports) and all(r.ok for r in reports)
