"""GC107 Penalised critic: does a critic with a gradient penalty mix its samples?

How it is measured
    The batch norms of the discriminator are counted where the manifest's objective is wgan-gp or,
    without a manifest, a file's name says so (gp, wgangp, wgan-gp, wgan_gp).
Verdicts
    warning: there is one. The penalty holds the slope at each sample, and with batch norm a score
    depends on the whole batch.
    sound: there is none.
    Not applicable where nothing says that there was a penalty, or no player is a discriminator.
What to do
    Layer norm, instance norm or none in the critic.
Source: Gulrajani et al. (2017), section 4.
"""

from __future__ import annotations

from gancheck.diagnosis import Definition, Diagnostic, Finding, Verdict
from gancheck.measures.penalised_norms import PenalisedNorms, penalised_norms
from gancheck.measures.weights import listed


def judge(found: PenalisedNorms) -> Finding:
    """One batch norm is enough."""
    bad = bool(found.places)
    return Finding(
        code="GC107",
        verdict=Verdict.warning if bad else Verdict.sound,
        title="Batch norm in a critic with a gradient penalty"
        if bad
        else "The critic does not mix its samples by batch norm",
        because=(
            f"A gradient penalty is told by {found.source}; the critic has {len(found.places)} batch "
            f"norms{': ' + listed(place.tensor for place in found.places) if bad else ''}."
        ),
        remedy="Train the critic with layer norm or without a normalisation." if bad else "",
        quantities=found.quantities,
        measurement=found,
        places=found.places,
    )


diagnostic = Diagnostic(
    code="GC107",
    name="Penalised critic",
    question="Does a critic with a gradient penalty mix its samples?",
    theorems=(),
    measure=penalised_norms,
    judge=judge,
    headline="batch_norms_in_critic",
    threshold="warns at one batch norm under a gradient penalty",
    labels={"batch_norms_in_critic": "batch norms in the critic"},
    definition=Definition(
        mathml=(
            "<mrow><mi>E</mi><msup><mrow><mo>(</mo><mo>‖</mo><msub><mo>∇</mo><mi>x</mi></msub>"
            "<mi>f</mi><mo>(</mo><mi>x</mi><mo>)</mo><mo>‖</mo><mo>−</mo><mn>1</mn><mo>)</mo></mrow>"
            "<mn>2</mn></msup></mrow>"
        ),
        estimator="Layers with running statistics are counted; names say whether there is a penalty.",
        cost="none",
        limits=(
            "A batch norm without running statistics leaves no mark in a file. A file's name may be "
            "wrong."
        ),
        source="Gulrajani et al. (2017), section 4",
    ),
    level="weights",
)
