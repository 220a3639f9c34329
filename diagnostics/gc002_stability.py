"""GC002 Stability: is this point an equilibrium, and does the game's flow contract there?

How it is measured
    First the unbiased squared norm of the expected field from disjoint minibatches. Then the
    leftmost real part of the game Jacobian, Bendixson's lower end (smallest eigenvalue of the
    symmetric part), and the Rayleigh quotients of both directions on fresh batches.
Verdicts
    At a point that may be an equilibrium: contracting -> sound, expanding -> failing,
    undetermined -> undecided. At a point that is certainly none, the local-stability theorem does
    not apply: contracting -> sound, expanding -> warning, undetermined -> undecided; never failing.
    Where the optimiser's step is known and exceeds the contracting bound -> warning.
What to do
    Not an equilibrium: train on or lower the step, then ask again. Expanding: lower the step,
    alternate the updates, add a gradient penalty on real data.
Theorem: dirac-gan-eigenvalues, step-bound-of-a-rotating-game. Source: Mescheder et al. (2017, 2018).
"""

from __future__ import annotations

from gancheck.diagnosis import Definition, Diagnostic, Finding, Quantity, Verdict
from gancheck.measures.stability import LocalStability, Outcome, local_stability

_AT_EQUILIBRIUM = {
    Outcome.contracting: Verdict.sound,
    Outcome.expanding: Verdict.failing,
    Outcome.undetermined: Verdict.undecided,
}
_ELSEWHERE = _AT_EQUILIBRIUM | {Outcome.expanding: Verdict.warning}
_FLOW = {
    Outcome.contracting: "The flow contracts locally: its symmetric part is positive throughout",
    Outcome.expanding: "The flow expands along a direction that fresh data confirms",
    Outcome.undetermined: "Whether the flow contracts cannot be told",
}


def judge(found: LocalStability) -> Finding:
    """Map outcome and equilibrium to a verdict; a known step beyond its bound is a warning."""
    q = found.quantities
    verdict = (_ELSEWHERE if found.equilibrium is False else _AT_EQUILIBRIUM)[found.verdict]
    because = [_point(found), _flow(found)]
    step = q.get("largest_step")
    if step is not None:
        because.append(_step(step, known=found.step_known))
        if found.step_known and step.value < 1.0 and verdict is Verdict.sound:
            verdict = Verdict.warning
    return Finding(
        code="GC002",
        verdict=verdict,
        title=_title(found),
        because=" ".join(because),
        remedy=_remedy(found, verdict),
        quantities=q,
        theorems=diagnostic.theorems,
        measurement=found,
    )


def _point(found: LocalStability) -> str:
    q = found.quantities
    forces = {"G": q["field_norm_generator"], "D": q["field_norm_discriminator"]}
    shown = " and ".join(
        f"{player} {norm.value:.2g} ± {norm.sampling_error or 0.0:.1g}"
        for player, norm in forces.items()
    )
    if found.equilibrium is False:
        felt = [player for player, norm in forces.items() if norm.interval[0] > 0.0]
        pushed = "both players" if len(felt) > 1 else felt[0]
        return (
            f"The point is not an equilibrium: the force on {pushed} is certainly not zero (squared norm "
            f"of the expected gradient: {shown}), so what follows is local contraction of the flow, "
            "not stability of a solution."
        )
    if found.equilibrium:
        return "The point is an equilibrium: the field is zero."
    return (
        "The point cannot be told from an equilibrium (squared norm of the expected gradient: "
        f"{shown})."
    )


def _flow(found: LocalStability) -> str:
    q = found.quantities
    batch, fresh = q["min_real"], q["min_real_fresh"]
    error = "" if fresh.sampling_error is None else f" ± {fresh.sampling_error:.2g}"
    return (
        f"{_FLOW[found.verdict]}: leftmost real part {batch.value:.4g} on its batch, "
        f"{fresh.value:.3g}{error} on fresh data; no real part lies below "
        f"{q['bendixson_low'].value:.4g} (Bendixson)."
    )


def _step(step: Quantity, *, known: bool) -> str:
    if known:
        return (
            f"On the resolved spectrum of the optimiser's own preconditioned field, at most "
            f"{step.value:.3g} times the step in use contracts (momentum left out)."
        )
    return (
        f"Plain simultaneous descent contracts on the resolved spectrum for steps below "
        f"{step.value:.3g}; the optimiser's own step is not known."
    )


def _title(found: LocalStability) -> str:
    if found.equilibrium is False:
        return {
            Outcome.contracting: "Not an equilibrium yet; the flow contracts here",
            Outcome.expanding: "Not an equilibrium, and the flow expands here",
            Outcome.undetermined: "Not an equilibrium; its stability cannot be told from it",
        }[found.verdict]
    return {
        Outcome.contracting: "Locally stable",
        Outcome.expanding: "Locally unstable",
        Outcome.undetermined: "Local stability cannot be told",
    }[found.verdict]


def _remedy(found: LocalStability, verdict: Verdict) -> str:
    if verdict is Verdict.failing:
        return "Alternate the updates, lower the step, or add an R1 penalty, and train on."
    if found.equilibrium is False and verdict is not Verdict.sound:
        return "Train to a point where the expected field vanishes, then ask again."
    if verdict is Verdict.undecided:
        return (
            "Measure on larger batches (--batch-size); a zero real part needs a nonlinear argument."
        )
    if verdict is Verdict.warning:
        return "Lower the step below the printed bound."
    return ""


diagnostic = Diagnostic(
    code="GC002",
    name="Stability",
    question="Is this point an equilibrium, and does the game's flow contract there?",
    theorems=("dirac-gan-eigenvalues", "step-bound-of-a-rotating-game"),
    measure=local_stability,
    judge=judge,
    caption=(
        "Extreme eigenvalues of the game Jacobian on one batch; left of the line a direction grows "
        "under theta' = −v, right of it decays. Shaded: the real parts that Bendixson's bound "
        "allows. Eigenvalues between the extremes were not computed."
    ),
    headline="min_real_fresh",
    threshold="fails only at an equilibrium whose leftmost real part is negative on fresh data",
    labels={
        "field_norm": "force on both players, ‖E v‖²",
        "field_norm_generator": "of it on G",
        "field_norm_discriminator": "of it on D",
        "min_real": "leftmost real part",
        "min_real_fresh": "the same direction, fresh data",
        "bendixson_low": "no real part below",
        "bendixson_low_fresh": "the same direction, fresh data",
        "largest_step": "largest contracting step",
    },
    definition=Definition(
        mathml=(
            "<mrow><mi>J</mi><mo>=</mo><mfrac><mrow><mo>∂</mo><mi>v</mi></mrow><mrow><mo>∂</mo>"
            "<mi>θ</mi></mrow></mfrac><mo>,</mo><mspace width='0.6em'/><mi>v</mi><mo>=</mo>"
            "<mo>(</mo><msub><mo>∇</mo><mi>G</mi></msub><msub><mi>L</mi><mi>G</mi></msub><mo>,</mo>"
            "<msub><mo>∇</mo><mi>D</mi></msub><msub><mi>L</mi><mi>D</mi></msub><mo>)</mo>"
            "<mo>,</mo><mspace width='0.6em'/><mi>Re</mi><mspace width='0.2em'/><mi>λ</mi><mo>(</mo>"
            "<mi>J</mi><mo>)</mo><mo>≥</mo><msub><mi>λ</mi><mi>min</mi></msub><mo>(</mo><mfrac>"
            "<mrow><mi>J</mi><mo>+</mo><msup><mi>J</mi><mi>T</mi></msup></mrow><mn>2</mn></mfrac>"
            "<mo>)</mo></mrow>"
        ),
        estimator=(
            "Arnoldi (basis 60) on exact products of J; the error of the leftmost eigenvalue is its "
            "residual times its condition number, from the left vector. The force is the mean of "
            "<v_i, v_j> over pairs of disjoint minibatches, unbiased, with a jackknife error."
        ),
        cost="100 to 400 products of J a batch",
        limits=(
            "Local, at one point. Contraction is claimed only where the symmetric part is positive "
            "beyond its spread, so a contracting game may stay undecided; a growing direction that "
            "no batch shows is not seen."
        ),
        source="Mescheder et al. (2017, 2018); Bendixson (1902)",
    ),
)
