"""GC106 Channels: do the channels of the normalisation layers carry anything?

How it is measured
    In each normalisation layer the share of channels whose factor is below 0.001; and the batch
    norms whose running statistics are those they were made with.
Verdicts
    warning: in some layer more than a quarter of the channels are dead.
    sound: in none. Batch norms that never saw a batch in training mode are told.
    Not applicable to networks without normalisation layers.
What to do
    Prune the dead channels or train wider layers less hard: lower the step or the weight decay of
    the factors. A batch norm without statistics is of use in training mode only.
"""

from __future__ import annotations

from gancheck.diagnosis import Definition, Diagnostic, Finding, Verdict
from gancheck.measures.channels import Channels, normalisation_channels
from gancheck.measures.weights import listed


def judge(found: Channels, *, most: float = 0.25) -> Finding:
    """Dead where more than a quarter of a layer is.

    Args:
        found: the measurement.
        most: of a layer's channels; below it, the layer computes with three quarters of its width.
    """
    q = found.quantities
    dead = [layer for layer in found.layers if layer.share > most]
    fresh = [layer for layer in found.layers if layer.fresh]
    count = int(q["normalisation_layers"].value)
    parts = [f"{q['dead_share'].value:.1%} of the channels of {count} layers are dead"]
    if dead:
        parts.append(
            "; "
            + listed(f"{layer.place.tensor}: {layer.dead} of {layer.channels}" for layer in dead)
        )
    parts.append(".")
    if fresh:
        parts.append(
            f" {len(fresh)} batch norms never saw a batch in training mode: "
            f"{listed(layer.place.tensor for layer in fresh)}."
        )
    if dead:
        title = f"{dead[0].share:.0%} of the channels of a layer are dead"
    else:
        title = "The channels carry something"
    return Finding(
        code="GC106",
        verdict=Verdict.warning if dead else Verdict.sound,
        title=title,
        because="".join(parts),
        remedy="Prune the dead channels, or lower the step or weight decay of the factors."
        if dead
        else "",
        quantities=q,
        measurement=found,
        places=tuple(layer.place for layer in (dead or fresh)),
    )


diagnostic = Diagnostic(
    code="GC106",
    name="Channels",
    question="Do the channels of the normalisation layers carry anything?",
    theorems=(),
    measure=normalisation_channels,
    judge=judge,
    headline="largest_dead_share",
    threshold="warns above 25 % dead channels in a layer",
    labels={
        "normalisation_layers": "normalisation layers",
        "dead_share": "dead channels of all",
        "largest_dead_share": "dead channels of the worst layer",
        "fresh_layers": "batch norms that never saw a training batch",
    },
    definition=Definition(
        mathml=(
            "<mrow><mi>s</mi><mo>=</mo><mfrac><mrow><mo>#</mo><mo>{</mo><mi>c</mi><mo>:</mo>"
            "<mo>|</mo><msub><mi>&#x3b3;</mi><mi>c</mi></msub><mo>|</mo><mo>&lt;</mo><mn>0.001</mn>"
            "<mo>}</mo></mrow><mi>C</mi></mfrac></mrow>"
        ),
        estimator="Every factor of every normalisation layer is looked at.",
        cost="one pass over the factors",
        limits=(
            "Channels that are dead behind an activation, or in layers without a normalisation, "
            "are not seen without data."
        ),
        source="Ioffe and Szegedy (2015) for the layer",
    ),
    level="weights",
)
