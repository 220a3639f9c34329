"""GC112 Average: how far is a running average of weights from the weights it averages?

How it is measured
    Norm of the difference over the norm of the raw weights, of each player that a name says to be
    an average (ema, avg, shadow), against the player of its role and shapes.
Verdicts
    sound: always; it informs. GC103 warns where the two are the same.
    Not applicable where no name says so, or the raw weights are not there.
What to do
    Sample from the average. A distance near 1 means that it was never updated, or belongs to
    another run.
"""

from __future__ import annotations

from gancheck.diagnosis import Definition, Diagnostic, Finding, Verdict
from gancheck.measures.averages import Averages, averages


def judge(found: Averages) -> Finding:
    """Tell the distance."""
    return Finding(
        code="GC112",
        verdict=Verdict.sound,
        title=f"The average is {found.quantities['average_distance'].value:.2g} of the weights away",
        because=" ".join(
            f"{p.name} is {p.distance:.3g} of {p.raw} away, most of all {p.furthest.tensor} "
            f"({p.furthest_distance:.3g})."
            for p in found.pairs
        ),
        quantities=found.quantities,
        measurement=found,
        places=tuple(p.furthest for p in found.pairs),
    )


diagnostic = Diagnostic(
    code="GC112",
    name="Average",
    question="How far is a running average of weights from the weights it averages?",
    theorems=(),
    measure=averages,
    judge=judge,
    headline="average_distance",
    threshold="informs only",
    labels={"average_distance": "distance of the average over the weights' norm"},
    definition=Definition(
        mathml=(
            "<mrow><mi>d</mi><mo>=</mo><mfrac><mrow><mo>‖</mo><mover><mi>θ</mi><mo>‾</mo></mover>"
            "<mo>−</mo><mi>θ</mi><mo>‖</mo></mrow><mrow><mo>‖</mo><mi>θ</mi><mo>‖</mo></mrow>"
            "</mfrac></mrow>"
        ),
        estimator="All trained tensors of both, paired by order and shape.",
        cost="one pass over both",
        limits="Which player an average belongs to is told by names, roles and shapes.",
        source="Yazici et al. (2019) for the use",
    ),
    level="weights",
)
