"""GC103 Copies: does one player hold the other's weights?

How it is measured
    A digest of shape, format and bytes of every tensor, compared between all players of all files,
    whatever their names and containers. Tensors of equal numbers and counters do not count.
Verdicts
    failing: all of a player's tensors stand in another player too, and neither is said to be a
    running average of the other: one was saved under the other's name.
    warning: the same of a player and its running average, which then averages nothing; or more
    than half of the numbers that a generator and a discriminator could have in common are.
    sound: nothing of the kind. Single tensors in common, as an embedding or a trunk that is shared,
    are told.
    Not applicable to one player alone.
What to do
    Ask for the missing player's file.
"""

from __future__ import annotations

from gancheck.diagnosis import Definition, Diagnostic, Finding, Verdict
from gancheck.measures.tensor_copies import Copies, SharedTensors, tensor_copies
from gancheck.measures.weights import listed


def judge(found: Copies, *, much: float = 0.5) -> Finding:
    """Whole copies first.

    Args:
        found: the measurement.
        much: a shared embedding or trunk stays below half of a player; a copied one is above.
    """
    whole = [p for p in found.pairs if p.share == 1.0]
    copied = [p for p in whole if not p.averaged]
    partly = [p for p in found.pairs if p.share > much and set(p.roles) == _OPPONENTS]
    if copied:
        verdict, shown = Verdict.failing, copied
        title = f"{copied[0].first} and {copied[0].second} are the same network"
    elif whole:
        verdict, shown = Verdict.warning, whole
        title = f"{whole[0].first} and {whole[0].second} do not differ"
    elif partly:
        verdict, shown = Verdict.warning, partly
        title = f"{partly[0].first} and {partly[0].second} are mostly the same"
    else:
        verdict, shown = Verdict.sound, list(found.pairs)
        title = "No player is a copy of another"
    return Finding(
        code="GC103",
        verdict=verdict,
        title=title,
        because=" ".join(_told(p) for p in shown)
        or f"The {int(found.quantities['players'].value)} players have no tensor in common.",
        remedy=_REMEDIES[verdict],
        quantities=found.quantities,
        measurement=found,
        places=tuple(place for p in shown for place in p.same),
    )


def _told(pair: SharedTensors) -> str:
    return (
        f"{len(pair.same)} tensors of {pair.second} stand in {pair.first} too, {pair.share:.1%} of "
        f"the numbers of the smaller: {listed(place.tensor for place in pair.same)}."
    )


_OPPONENTS = {"generator", "discriminator"}
_REMEDIES = {
    Verdict.sound: "",
    Verdict.warning: "Look whether the average was ever updated, or which player was saved twice.",
    Verdict.failing: "Ask for the missing player's file: one was saved under the other's name.",
}


diagnostic = Diagnostic(
    code="GC103",
    name="Copies",
    question="Does one player hold the other's weights?",
    theorems=(),
    measure=tensor_copies,
    judge=judge,
    headline="largest_same_share",
    threshold="fails where a player's tensors all stand in another; warns above 50 % of G and D",
    labels={
        "players": "players compared",
        "same_tensors": "tensors that two players have in common",
        "largest_same_share": "their share of the smaller player's numbers",
    },
    definition=Definition(
        mathml=(
            "<mrow><mi>s</mi><mo>=</mo><mfrac><mrow><mo>|</mo><mi>A</mi><mo>∩</mo><mi>B</mi>"
            "<mo>|</mo></mrow><mrow><mi>min</mi><mo>(</mo><mo>|</mo><mi>A</mi><mo>|</mo><mo>,</mo>"
            "<mo>|</mo><mi>B</mi><mo>|</mo><mo>)</mo></mrow></mfrac></mrow>"
        ),
        estimator=(
            "A and B are the players' tensors as digests of shape, format and bytes, each counted "
            "with its numbers; tensors of equal numbers are left out."
        ),
        cost="one digest of every tensor",
        limits="A copy that was rounded, scaled or trained by one step is another tensor.",
        source="SHA-256",
    ),
    level="weights",
)
