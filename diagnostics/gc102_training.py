"""GC102 Training: are there weights that were never trained?

How it is measured
    Each tensor is held against the laws that weights are drawn from before training (torch's
    default, DCGAN's normal, Glorot's, He's, orthogonal, constants) by three tests: Kolmogorov's, of
    the spread, and of the largest singular value, which training disturbs first. The best law
    stands for it, p-values are corrected by Holm over all tensors of the report. A tensor has
    moved where every law is rejected at 1 %. One that has not is untrained where it has at least
    1000 numbers and, for a normal law, so many tensors of its player fit it that chance would do
    it once in a thousand; or where it is wholly 0 or 1 with 16. Beside tensors that moved, one of a
    normal law counts only where a move of 0.002 in each number would show. Others stay open.
Verdicts
    failing: in a generator some tensor is untrained and none has moved: it is as it was drawn.
    warning: the same of another player; or single tensors are untrained beside others that moved,
    which were frozen, unused, or left out of the optimizer.
    undecided: no tensor is untrained for sure and none has moved, as of one tensor of a normal law,
    whose spread a trained one may have by chance.
    sound: no tensor is untrained and at least one has moved.
    Not applicable where every tensor is too small to tell.
What to do
    Ask for the trained file; hand every parameter to the optimizer.
    Steps that move each number by a few per cent of the law's spread are not seen: "untrained" may
    mean some hundred small steps. docs/error_rates_weights.md has the rates of both errors.
Source: Massey (1951); Stephens (1970); Johnstone (2001).
"""

from __future__ import annotations

from gancheck.diagnosis import Definition, Diagnostic, Finding, Verdict
from gancheck.measures.initialisation import FEWEST, Initialisation, PlayerState, untrained_tensors
from gancheck.measures.weights import listed


def judge(found: Initialisation) -> Finding:
    """A whole generator first, then any other player, then single tensors."""
    q = found.quantities
    whole = [p for p in found.players if p.untrained]
    still = [s for s in found.tensors if s.state == "untrained"]
    if any(p.role == "generator" for p in whole):
        verdict = Verdict.failing
    else:
        verdict = Verdict.warning if still else Verdict.sound
        if not still and not q["moved_tensors"].value:
            verdict = Verdict.undecided
    laws = listed(dict.fromkeys(s.law for s in still))
    names = listed(s.place.tensor for s in still)
    because = (
        f"{len(still)} of {len(found.tensors)} tensors are as they were drawn ({laws}): {names}; "
        f"{q['untrained_share'].value:.1%} of all numbers."
        if still
        else f"None of {len(found.tensors)} tensors is surely as it was drawn."
    )
    either = [s for s in found.tensors if s.state == "open" and s.law and s.numbers >= FEWEST]
    maybe = (
        f" Fitting a law that a trained tensor may fit too: {listed(s.place.tensor for s in either)}."
        if either
        else ""
    )
    return Finding(
        code="GC102",
        verdict=verdict,
        title=_TITLE_OPEN if verdict is Verdict.undecided else _title(whole, len(still)),
        because=(
            f"{because} {int(q['moved_tensors'].value)} have moved, "
            f"{int(q['open_tensors'].value)} could be either.{maybe}"
        ),
        remedy=_REMEDIES[verdict],
        quantities=q,
        measurement=found,
        places=tuple(s.place for s in still),
    )


def _title(whole: list[PlayerState], still: int) -> str:
    if whole:
        names = listed(p.name for p in whole)
        return f"Never trained: {names}"
    if still:
        return (
            "One tensor was never trained" if still == 1 else f"{still} tensors were never trained"
        )
    return "Nothing is left as it was drawn"


_TITLE_OPEN = "Whether anything was trained cannot be told"
_REMEDIES = {
    Verdict.undecided: "Compare with an earlier checkpoint of the same run.",
    Verdict.sound: "",
    Verdict.warning: "Hand every parameter to the optimizer, or remove what is not used.",
    Verdict.failing: "Ask for the trained file: this one was saved before training, or in its first steps.",
}


diagnostic = Diagnostic(
    code="GC102",
    name="Training",
    question="Are there weights that were never trained?",
    theorems=(),
    measure=untrained_tensors,
    judge=judge,
    headline="untrained_share",
    threshold="warns at one untrained tensor; fails where a whole generator is",
    labels={
        "untrained_share": "numbers that are as they were drawn",
        "untrained_share_generator": "the same in the generator",
        "untrained_share_discriminator": "the same in the discriminator",
        "untrained_tensors": "tensors that are as they were drawn",
        "moved_tensors": "tensors that have moved",
        "open_tensors": "tensors that could be either",
    },
    definition=Definition(
        mathml=(
            "<mrow><mi>D</mi><mo>=</mo><munder><mi>sup</mi><mi>x</mi></munder><mo>|</mo>"
            "<msub><mi>F</mi><mi>n</mi></msub><mo>(</mo><mi>x</mi><mo>)</mo><mo>−</mo>"
            "<msub><mi>F</mi><mn>0</mn></msub><mo>(</mo><mi>x</mi><mo>)</mo><mo>|</mo></mrow>"
        ),
        estimator=(
            "Kolmogorov's distance of all numbers of a tensor from each law, its second moment and "
            "its largest singular value, nothing fitted; a number outside a uniform law's range "
            "rejects it. Three times the smallest p-value; of several laws the largest."
        ),
        cost="one sort and one small decomposition of each tensor whose spread is near a law's",
        limits=(
            "A law that is not on the list is not recognised, so an untrained tensor drawn from it "
            "counts as moved. Training that moved each number by a few per cent of the law's spread "
            "is not seen, which at small steps may be a hundred of them. Tensors below 1000 numbers "
            "are not judged."
        ),
        source="Massey (1951); Stephens (1970); Johnstone (2001)",
    ),
    level="weights",
)
