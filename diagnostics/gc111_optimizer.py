"""GC111 Optimizer: what do the optimizers' states say of the last gradients?

How it is measured
    Of each optimizer sqrt(sum v / (1 - beta2^t)) as the recent gradient norm, the two players'
    ratio, the share of the mean in the squared gradient, steps, learning rate and betas. An
    optimizer belongs to the player whose tensors have the shapes of its state, in order; else its
    name says.
Verdicts
    sound: always; it informs. A ratio far from 1 is no fault by itself: Adam divides it away.
    Not applicable where the files hold no state that keeps squares of gradients.
What to do
    A generator whose gradient is a small fraction of the discriminator's learns from rounding and
    noise once eps matters: look at GC004 with a game. Parameters that never had a gradient are not
    used by the loss.
Source: Kingma and Ba (2015).
"""

from __future__ import annotations

from gancheck.diagnosis import Definition, Diagnostic, Finding, Verdict
from gancheck.measures.optimizer_state import OptimizerStates, StateOfPlayer, optimizer_states
from gancheck.measures.weights import listed


def judge(found: OptimizerStates) -> Finding:
    """Tell what each optimizer remembers."""
    q = found.quantities
    parts = [_told(s) for s in found.states]
    if "gradient_ratio" in q:
        parts.append(
            f"The generator's gradient is {q['gradient_ratio'].value:.3g} times the "
            "discriminator's."
        )
    silent = [place for s in found.states for place in s.silent]
    if silent:
        parts.append(
            f"{len(silent)} parameters never had a gradient: {listed(p.tensor for p in silent)}."
        )
    return Finding(
        code="GC111",
        verdict=Verdict.sound,
        title=f"Gradients of G to D as {q['gradient_ratio'].value:.3g} to 1"
        if "gradient_ratio" in q
        else "What the optimizers remember",
        because=" ".join(parts),
        quantities=q,
        measurement=found,
        places=(*(s.place for s in found.states), *silent),
    )


def _told(state: StateOfPlayer) -> str:
    whose = state.player or (state.role if state.role != "unknown" else "no player it was given")
    said = [f"gradient norm {state.gradient:.3g}{'' if state.corrected else ' (steps not known)'}"]
    if state.signal is not None:
        said.append(f"{state.signal:.1%} of its square is signal")
    if state.steps is not None:
        said.append(f"{state.steps:.0f} steps")
    if state.rate is not None:
        said.append(
            f"learning rate {state.rate:g}, betas {state.betas[0]:g} and {state.betas[1]:g}"
        )
    return f"{state.name}, of {whose}: {', '.join(said)}."


diagnostic = Diagnostic(
    code="GC111",
    name="Optimizer",
    question="What do the optimizers' states say of the last gradients?",
    theorems=(),
    measure=optimizer_states,
    judge=judge,
    headline="gradient_ratio",
    stand_in="gradient_discriminator",
    threshold="informs only",
    labels={
        "gradient_generator": "generator's recent gradient norm",
        "gradient_discriminator": "discriminator's recent gradient norm",
        "gradient_ratio": "generator's over discriminator's",
        "signal_generator": "signal in the generator's squared gradient",
        "signal_discriminator": "signal in the discriminator's",
        "steps_generator": "steps of the generator's optimizer",
        "steps_discriminator": "steps of the discriminator's",
        "rate_generator": "generator's learning rate",
        "rate_discriminator": "discriminator's learning rate",
        "silent_parameters": "parameters that never had a gradient",
    },
    definition=Definition(
        mathml=(
            "<mrow><mo>‖</mo><mi>g</mi><mo>‖</mo><mo>≈</mo><msqrt><mfrac><mrow><munder><mo>∑</mo>"
            "<mi>i</mi></munder><msub><mi>v</mi><mi>i</mi></msub></mrow><mrow><mn>1</mn><mo>−</mo>"
            "<msubsup><mi>β</mi><mn>2</mn><mi>t</mi></msubsup></mrow></mfrac></msqrt></mrow>"
        ),
        estimator=(
            "All numbers of the state, each parameter corrected by its own step count; without "
            "counts no correction. Missing betas are taken for 0.9 and 0.999."
        ),
        cost="one pass over the state",
        limits=(
            "The norm is that of minibatch gradients, noise included, over the last 1 / (1 - beta2) "
            "steps. The signal's share assumes that gradients of successive steps are independent; "
            "drift of the weights makes it larger."
        ),
        source="Kingma and Ba (2015)",
    ),
    level="weights",
)
