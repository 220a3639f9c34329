"""What did a check find? Plain values a step, a mutant, a hypothesis, a caveat and a theorem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gancheck.theory.engines import Status, Tier
    from gancheck.theory.theorem import Theorem

__all__ = [
    "CaveatResult",
    "Checked",
    "HypothesisResult",
    "MutantResult",
    "StepResult",
    "TheoremReport",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """How one step ended.

    Attributes:
        says: the step in words.
        claim: the relation as text, with its domain.
        engine: which engine decided.
        status: proved, cited, refuted or unknown.
        tier: exact, certified or cited.
        seconds: what it took.
        evidence: what the engine found.
    """

    says: str
    claim: str
    engine: str
    status: Status
    tier: Tier
    seconds: float
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MutantResult:
    """Whether a false neighbour was refuted.

    Attributes:
        claim: the false claim in words.
        change: the changed parts as text.
        witness: the rational point as text.
        refuted: whether an engine refuted a changed step and the witness contradicts it.
        engine: which engine did; empty when it survived.
        step: the step that fell; empty when it survived.
        why: what the mutant guards against.
        kind: near-miss or structural.
        evidence: what the engine found.
    """

    claim: str
    change: str
    witness: str
    refuted: bool
    engine: str
    step: str
    why: str
    kind: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HypothesisResult:
    """Whether a hypothesis' reason was confirmed.

    Attributes:
        text: the assumption.
        kind: needed or convenient.
        reason: the counterexample in words, or the weaker assumption that suffices.
        witness: the counterexample's point as text; empty for a convenient one.
        checked: whether the counterexample was confirmed; None where there is none to check.
        evidence: what was seen there.
    """

    text: str
    kind: str
    reason: str
    witness: str
    checked: bool | None
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaveatResult:
    """Whether the counterexample to a popular sentence was confirmed.

    Attributes:
        claim: number of the claim it corrects.
        popular: the sentence as usually said.
        corrected: what is true.
        counterexample: the counterexample in words.
        witness: its point as text.
        checked: whether it was confirmed.
        evidence: what was seen there.
    """

    claim: str
    popular: str
    corrected: str
    counterexample: str
    witness: str
    checked: bool
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a theorem's own check found, ancestors apart: plain values, so processes can pass it.

    Attributes:
        seconds: what it took.
        steps: in order.
        mutants: in order.
        hypotheses: in order.
        caveats: in order.
    """

    seconds: float
    steps: Sequence[StepResult]
    mutants: Sequence[MutantResult]
    hypotheses: Sequence[HypothesisResult]
    caveats: Sequence[CaveatResult]


@dataclass(frozen=True, kw_only=True)
class TheoremReport:
    """Everything that `check` found about one theorem.

    Attributes:
        theorem: what was checked.
        status: the weakest of its steps and its ancestors.
        tier: the weakest tier of its steps and its ancestors; None unless proved or cited.
        tier_from: id of the theorem whose step has that tier, itself before an ancestor.
        seconds: what its own check took.
        steps: in order.
        mutants: in order.
        hypotheses: in order.
        caveats: in order.
        rests_on: ancestor id -> status.
    """

    theorem: Theorem
    status: Status
    tier: Tier | None
    seconds: float
    steps: Sequence[StepResult]
    mutants: Sequence[MutantResult]
    hypotheses: Sequence[HypothesisResult]
    caveats: Sequence[CaveatResult]
    rests_on: Mapping[str, Status]
    tier_from: str = ""

    @property
    def survivors(self) -> Sequence[MutantResult]:
        """Mutants that were not refuted."""
        return tuple(m for m in self.mutants if not m.refuted)

    @property
    def ok(self) -> bool:
        """Proved or cited, every mutant refuted, every counterexample confirmed."""
        sound = self.status in ("proved", "cited") and not self.survivors
        reasons = [*(h.checked for h in self.hypotheses), *(c.checked for c in self.caveats)]
        return sound and False not in reasons
