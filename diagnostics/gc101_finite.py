"""GC101 Finite numbers: is every number of the files a number?

How it is measured
    Every entry of every real tensor of the players and their optimizers is looked at; tensors that
    are the same window of one storage are counted.
Verdicts
    failing: a NaN or an infinite number stands in any tensor. Nothing that a network with it
    returns would mean anything, so no game is built from such files.
    sound: none does. Subnormal numbers and shared tensors are told and judged by nobody: a tied
    weight is a common design.
    Not applicable where no tensor could be read.
What to do
    Go back to the last checkpoint before the loss became NaN; lower the step or the mixed-precision
    loss scale.
"""

from __future__ import annotations

from gancheck.diagnosis import Definition, Diagnostic, Finding, Verdict
from gancheck.measures.finite import Finiteness, finite_numbers
from gancheck.measures.weights import listed


def judge(found: Finiteness) -> Finding:
    """One number that is none is enough."""
    q = found.quantities
    bad = int(q["broken_tensors"].value)
    names = listed(place.tensor for place in found.broken)
    total = int(q["numbers"].value)
    shared = int(q["shared_tensors"].value)
    tail = f" {int(q['subnormal'].value)} numbers are subnormal." if q["subnormal"].value else ""
    if shared:
        tail += f" {shared} tensors share their numbers with another of the same file."
    if bad:
        count = "One tensor holds" if bad == 1 else f"{bad} tensors hold"
        return Finding(
            code="GC101",
            verdict=Verdict.failing,
            title=f"{count} numbers that are none",
            because=(
                f"{int(q['nan'].value)} NaN and {int(q['infinite'].value)} infinite of {total} "
                f"numbers, in {names}.{tail}"
            ),
            remedy="Go back to the last checkpoint before the loss became NaN.",
            quantities=q,
            measurement=found,
            places=found.broken,
        )
    return Finding(
        code="GC101",
        verdict=Verdict.sound,
        title="Every number is finite",
        because=f"None of {total} numbers is NaN or infinite.{tail}",
        quantities=q,
        measurement=found,
    )


diagnostic = Diagnostic(
    code="GC101",
    name="Finite numbers",
    question="Is every number of the files a number?",
    theorems=(),
    measure=finite_numbers,
    judge=judge,
    headline="broken_tensors",
    threshold="fails at the first NaN or infinite number",
    labels={
        "numbers": "numbers looked at",
        "nan": "NaN",
        "infinite": "infinite numbers",
        "subnormal": "subnormal numbers",
        "broken_tensors": "tensors with NaN or infinite numbers",
        "shared_tensors": "tensors that share their numbers with another",
    },
    definition=Definition(
        mathml=(
            "<mrow><mi>n</mi><mo>=</mo><mo>#</mo><mrow><mo>{</mo><mi>i</mi><mo>:</mo>"
            "<mo>|</mo><msub><mi>w</mi><mi>i</mi></msub><mo>|</mo><mo>≮</mo><mi>∞</mi><mo>}</mo>"
            "</mrow></mrow>"
        ),
        estimator="Every entry of every real tensor is looked at; nothing is sampled.",
        cost="one pass over the numbers",
        limits=(
            "Finite weights may still give NaN in a forward pass. A subnormal number is one below "
            "the smallest normal number of the tensor's own format."
        ),
        source="IEEE 754",
    ),
    level="weights",
)
