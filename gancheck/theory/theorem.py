"""What is a theorem here? A claim made of parts, the steps that derive it, and false neighbours.

The parts of a claim are sympy objects by name. The steps are computed from the parts, so a mutant,
which changes a part, goes through the same derivation and the same engines as the theorem; it
must be refuted there, and at its own rational witness.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

from gancheck.theory.claims import Domain, Point, Relation, exact
from gancheck.theory.justifications import Justification, RationalSign
from gancheck.theory.statement import Segment, as_latex, as_text, segments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gancheck.theory.literature import Source

__all__ = [
    "Caveat",
    "Experiment",
    "Hypothesis",
    "Mutant",
    "NumericForm",
    "Step",
    "Theorem",
    "Witness",
]

How = Literal["proof", "counterexample", "cited"]


@dataclass(frozen=True)
class Step:
    """One line of a derivation: what it says, the relation, where it holds, and by what right.

    Attributes:
        says: the line in words.
        claim: the relation.
        over: the domain it holds on; without one the relation has no symbols.
        by: which engine decides, with its certificate.
    """

    says: str
    claim: Relation
    over: Domain = field(default_factory=Domain)
    by: Justification = field(default_factory=RationalSign)


@dataclass(frozen=True)
class Witness:
    """A counterexample.

    Attributes:
        point: its values.
        words: what happens there.
        breaks: steps that must be refuted at the point.
        shows: facts about the counterexample that must be proved as they stand.
    """

    point: Point
    words: str
    breaks: Sequence[Step] = ()
    shows: Sequence[Step] = ()

    def __post_init__(self) -> None:
        if not self.breaks:
            raise ValueError("a witness must break a step of the conclusion, got none")


@dataclass(frozen=True)
class Hypothesis:
    """An assumption, with the reason it stands there.

    Attributes:
        text: the assumption.
        needed_because: a checked counterexample without it.
        convenient: instead of that, which weaker assumption would do.
    """

    text: str
    needed_because: Witness | None = None
    convenient: str = ""

    def __post_init__(self) -> None:
        if (self.needed_because is None) == (not self.convenient):
            raise ValueError(f"'{self.text}' must be either needed_because or convenient, not both")

    @property
    def kind(self) -> Literal["needed", "convenient"]:
        """Whether a counterexample shows the need, or a weaker assumption would do."""
        return "needed" if self.needed_because else "convenient"


@dataclass(frozen=True)
class Mutant:
    """A false neighbour of the claim.

    Attributes:
        says: the false claim in words.
        change: part name -> the false part.
        witness: rational point at which a step of the changed derivation fails.
        why: what this mutant guards against.
        kind: `near-miss` differs by a little, `structural` in form.
    """

    says: str
    change: Mapping[str, Any]
    witness: Point
    why: str
    kind: Literal["near-miss", "structural"] = "structural"


@dataclass(frozen=True)
class Caveat:
    """A popular sentence that is imprecise or wrong, what is true instead, and why.

    Attributes:
        claim: number of the textbook claim or of the literature it corrects, such as `S12`.
        popular: the sentence as it is usually said.
        corrected: what is true.
        because: the counterexample to the popular sentence, really checked.
    """

    claim: str
    popular: str
    corrected: str
    because: Witness


@dataclass(frozen=True)
class Experiment:
    """How an empirical sentence is covered: never by a proof, only by what tests it.

    Attributes:
        tested_by: code of a diagnostic, or path of a page under `reports/gallery/`.
        proved_case: the special case that this theorem proves, in words.
    """

    tested_by: str
    proved_case: str


@dataclass(frozen=True)
class NumericForm:
    """The theorem as ordinary code would use it: two floats and how far apart they may be.

    Attributes:
        says: the form in words.
        over: what draws the arguments: a strategy's name in `gancheck.testing`, or closed
            intervals, one an argument, such as `((0.0, 1.0), (-5.0, 5.0))`.
        left: arguments -> float.
        right: arguments -> float.
        relation: how left stands to right, within the tolerance.
        tolerance: largest excess that rounding explains, or a function of the arguments.
        reason: why the tolerance is what it is.
    """

    says: str
    over: str | Sequence[tuple[float, float]]
    left: Callable[..., float]
    relation: Literal["==", "<=", ">="]
    right: Callable[..., float]
    tolerance: float | Callable[..., float]
    reason: str

    def excess(self, *arguments: Any) -> float:
        """By how much the form is violated, beyond the tolerance; not positive where it holds."""
        left, right = self.left(*arguments), self.right(*arguments)
        allowed = self.tolerance(*arguments) if callable(self.tolerance) else self.tolerance
        apart = {"==": abs(left - right), "<=": left - right, ">=": right - left}[self.relation]
        return float("inf") if math.isnan(apart) else apart - allowed


@dataclass(frozen=True, kw_only=True)
class Theorem:
    """A statement with its derivation.

    Attributes:
        id: the file's name with hyphens.
        title: a few words.
        statement: sentences with `{name}` where a formula stands: a part, or one of `formulas`.
        formulas: further sympy objects or relations that the statement shows.
        parts: name -> sympy object: the theorem's own claim, which mutants change.
        derive: parts -> steps; attribute access (`c.optimum`).
        hypotheses: assumptions with their reasons.
        mutants: witnessed false neighbours.
        sources: whose theorem it is; the first is the main one.
        claims: numbers of the claims it covers -> how: `proof`, `counterexample`, `cited`, or the
            experiment that tests an empirical one.
        uses: theorems it stands on.
        caveats: popular sentences that this corrects.
        note: what a reader should know of the scope.
        numeric: forms held against drawn examples.
        probes: points at which claims are tried when a certificate does not hold.
    """

    id: str
    title: str
    statement: str
    parts: Mapping[str, Any]
    derive: Callable[[Any], Sequence[Step]]
    hypotheses: Sequence[Hypothesis]
    mutants: Sequence[Mutant]
    sources: Sequence[Source]
    formulas: Mapping[str, Any] = field(default_factory=dict)
    claims: Mapping[str, How | Experiment] = field(default_factory=dict)
    uses: Sequence[Theorem] = ()
    caveats: Sequence[Caveat] = ()
    note: str = ""
    numeric: Sequence[NumericForm] = ()
    probes: Sequence[Point] = ()

    @property
    def segments(self) -> Sequence[Segment]:
        """The statement as words and formulas in turn."""
        return segments(self.statement, {**self.parts, **self.formulas})

    @property
    def text(self) -> str:
        """The statement as plain text."""
        return as_text(self.segments)

    @property
    def latex(self) -> str:
        """The statement as LaTeX, formulas between dollar signs."""
        return as_latex(self.segments)

    @property
    def steps(self) -> Sequence[Step]:
        """The derivation, computed from the parts."""
        return self.derive(SimpleNamespace(**self.parts))

    def mutated(self, mutant: Mutant) -> Theorem:
        """The theorem with the mutant's parts in place of its own.

        Raises:
            ValueError: the mutant changes a part the theorem does not have, or changes nothing.
        """
        unknown = set(mutant.change) - set(self.parts)
        if unknown:
            raise ValueError(f"{self.id} has the parts {sorted(self.parts)}, not {sorted(unknown)}")
        if all(self.parts[name] == part for name, part in mutant.change.items()):
            raise ValueError(f"the mutant '{mutant.says}' of {self.id} changes nothing")
        return replace(
            self,
            parts={**self.parts, **mutant.change},
            mutants=(),
            probes=({k: exact(v) for k, v in mutant.witness.items()},),
        )
