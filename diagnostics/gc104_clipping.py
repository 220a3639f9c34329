"""GC104 Clipping: were the weights clipped to a box?

How it is measured
    Of every tensor of at least 16 numbers the largest absolute value, and how many share it.
Verdicts
    warning: in a player at least two tensors (three of half precision), and half of those looked
    at, have one and the same largest absolute value, to the last bit, and none goes beyond it. That
    is the mark of weight clipping, whatever the file claims of its loss.
    sound: no player shows it.
    Not applicable where no player has two such tensors.
What to do
    If the file says WGAN-GP or spectral norm, ask which code trained it. Clipping biases a critic
    towards very simple functions; a gradient penalty or spectral norm does not.
Source: Arjovsky, Chintala and Bottou (2017); Gulrajani et al. (2017), section 3, for the harm.
"""

from __future__ import annotations

from gancheck.diagnosis import Definition, Diagnostic, Finding, Verdict
from gancheck.measures.clipping import Clipping, clipping


def judge(found: Clipping, *, most: float = 0.5) -> Finding:
    """Clipped where most tensors end at one number.

    Args:
        found: the measurement.
        most: tensors that never met the bound, such as biases, may be half of a clipped player's.
    """
    clipped = [
        p
        for p in found.players
        if p.bound and p.beyond == 0 and len(p.tensors) >= most * p.looked_at
    ]
    verdict = Verdict.warning if clipped else Verdict.sound
    told = " ".join(
        f"{len(p.tensors)} of {p.looked_at} tensors of {p.name} end at exactly {p.bound:.6g}, where "
        f"{p.at_bound:.1%} of its numbers lie; none goes beyond."
        for p in clipped
    )
    looked = sum(p.looked_at for p in found.players)
    return Finding(
        code="GC104",
        verdict=verdict,
        title=f"The weights of {clipped[0].name} were clipped"
        if clipped
        else "No mark of clipping",
        because=told or f"No bound is common to the {looked} tensors looked at.",
        remedy="Ask which code trained it; use a gradient penalty or spectral norm instead."
        if clipped
        else "",
        quantities=found.quantities,
        measurement=found,
        places=tuple(place for p in clipped for place in p.tensors),
    )


diagnostic = Diagnostic(
    code="GC104",
    name="Clipping",
    question="Were the weights clipped to a box?",
    theorems=(),
    measure=clipping,
    judge=judge,
    headline="tensors_at_one_bound",
    threshold="warns where half of a player's tensors end at one number",
    labels={
        "tensors_at_one_bound": "tensors that end at one number",
        "share_at_bound": "numbers that lie on it",
        "bound": "the number",
    },
    definition=Definition(
        mathml=(
            "<mrow><mi>c</mi><mo>=</mo><munder><mi>max</mi><mi>i</mi></munder><mo>|</mo>"
            "<msub><mi>w</mi><mrow><mi>l</mi><mi>i</mi></mrow></msub><mo>|</mo>"
            "<mspace width='0.4em'/><mtext>for most layers</mtext><mspace width='0.4em'/>"
            "<mi>l</mi></mrow>"
        ),
        estimator="Exact comparison of the stored numbers; equality to the last bit is asked.",
        cost="two passes over the numbers",
        limits=(
            "Clipping that was followed by an update without it leaves no such mark, nor does one "
            "that no weight reached."
        ),
        source="Arjovsky, Chintala and Bottou (2017)",
    ),
    level="weights",
)
