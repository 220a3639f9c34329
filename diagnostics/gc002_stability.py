"""GC002 Stability: is this point an equilibrium, and does the game's flow contract there?

How it is measured
    First the unbiased squared norm of the expected field from disjoint minibatches. Then the game
    Jacobian on one batch: of a small game the whole spectrum, of a large one its outermost
    eigenvalues. Growth is certified there by a pair's residual times the condition number of its
    eigenvalue, in float64; decay by the smallest eigenvalue of the symmetric part (Bendixson), with
    a stated probability, in the plain norm or in one that weighs the players against each other, or
    by the whole spectrum. What is claimed of the game must also hold on batches that did not choose
    the directions, in the same norm.
Verdicts
    At a point that may be an equilibrium: stable -> sound, unstable -> failing, undetermined ->
    undecided. At a point that is certainly none, the local-stability theorem does not apply: stable
    -> sound, unstable -> warning, undetermined -> undecided; never failing. Where the optimiser's
    step is known and exceeds the contracting bound of its kind of update, simultaneous or
    alternating -> warning. A measurement that its budget ended before it could prove either ->
    undecided.
What to do
    Not an equilibrium: train on or lower the step, then ask again. Unstable: lower the step,
    alternate the updates, add a gradient penalty on real data.
Theorem: dirac-gan-eigenvalues, step-bound-of-a-rotating-game. Source: Mescheder et al. (2017, 2018).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancheck.diagnosis import Definition, Diagnostic, Finding, Plan, Verdict
from gancheck.measures.stability import LocalStability, Outcome, local_stability
from gancheck.operators.memory import admit_jacobian

if TYPE_CHECKING:
    from collections.abc import Callable

    from gancheck.games.game import Game

_AT_EQUILIBRIUM = {
    Outcome.stable: Verdict.sound,
    Outcome.unstable: Verdict.failing,
    Outcome.undetermined: Verdict.undecided,
}
_ELSEWHERE = _AT_EQUILIBRIUM | {Outcome.unstable: Verdict.warning}
_FLOW = {
    Outcome.stable: "The flow contracts locally",
    Outcome.unstable: "The flow expands",
    Outcome.undetermined: "Whether the flow contracts cannot be told",
}


def measure(
    game: Game, plan: Plan, *, announce: Callable[[str], None] | None = None
) -> LocalStability:
    """Local stability on the plan's batches."""
    return local_stability(game, plan=plan, announce=announce)


def judge(found: LocalStability) -> Finding:
    """Map outcome and equilibrium to a verdict; a known step beyond its bound is a warning."""
    q = found.quantities
    verdict = (_ELSEWHERE if found.equilibrium is False else _AT_EQUILIBRIUM)[found.verdict]
    because = [_point(found), _flow(found)]
    if "largest_step" in q:
        because.append(_step(found))
        used = q.get("largest_step_alternating" if found.alternating else "largest_step")
        beyond = found.step_known and used is not None and used.value < 1.0
        if beyond and verdict is Verdict.sound:
            verdict = Verdict.warning
    if found.stopped:
        because.append("The budget ended the measurement.")
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
    said = f"{_FLOW[found.verdict]}: {found.because}."
    if "min_real" in q:
        said += f" Leftmost real part found: {q['min_real'].value:.4g} on its batch"
        expected = q.get("min_real_expected")
        if expected is not None:
            error = expected.sampling_error or 0.0
            said += f", {expected.value:.3g} ± {error:.2g} by fresh data"
        low, high, side = (x + 0.0 for x in found.box)  # no -0
        said += (
            f"; every eigenvalue of the batch's Jacobian has real part in [{low:.4g}, {high:.4g}] "
            f"and imaginary part within {side:.4g} (Bendixson)."
        )
    return said


def _step(found: LocalStability) -> str:
    q = found.quantities
    one, other = q["largest_step"], q.get("largest_step_alternating")
    alternating = "" if other is None else f", of alternating descent {other.value:.3g}"
    if found.step_known:
        return (
            "On the resolved spectrum of the optimiser's own preconditioned field the largest "
            f"contracting multiple of the step in use is {one.value:.3g} for simultaneous "
            f"updates{alternating} (momentum left out)."
        )
    return (
        f"On the resolved spectrum the largest contracting step of plain simultaneous descent is "
        f"{one.value:.3g}{alternating}; the optimiser's own step is not known."
    )


def _title(found: LocalStability) -> str:
    if found.equilibrium is False:
        return {
            Outcome.stable: "Not an equilibrium yet; the flow contracts here",
            Outcome.unstable: "Not an equilibrium, and the flow expands here",
            Outcome.undetermined: "Not an equilibrium; its stability cannot be told from it",
        }[found.verdict]
    return {
        Outcome.stable: "Locally stable",
        Outcome.unstable: "Locally unstable",
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
    measure=measure,
    announces=True,
    admits=admit_jacobian,
    judge=judge,
    caption=(
        "Outermost eigenvalues of the game Jacobian on one batch, of a small game all; left of the "
        "line a direction grows under theta' = −v, right of it decays. Red circles: how far each may "
        "be from a true eigenvalue, where that is wider than its dot. Shaded: Bendixson's box, which "
        "holds every eigenvalue of the batch."
    ),
    headline="min_real_fresh",
    threshold="fails only at an equilibrium whose leftmost real part is negative on fresh data",
    labels={
        "field_norm": "force on both players, ‖E v‖²",
        "field_norm_generator": "of it on G",
        "field_norm_discriminator": "of it on D",
        "min_real": "leftmost real part",
        "min_real_fresh": "the same direction, fresh data",
        "min_real_expected": "the same eigenvalue, fresh data",
        "bendixson_low": "no real part below",
        "bendixson_low_fresh": "the same direction, fresh data",
        "bendixson_low_scaled": "no real part below, players weighed",
        "bendixson_high": "no real part above",
        "bendixson_imag": "no imaginary part above",
        "spectral_radius": "largest modulus",
        "largest_step": "largest contracting step, simultaneous",
        "largest_step_alternating": "largest contracting step, alternating",
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
            "Krylov-Schur (basis 60) on exact products of J, from four sides at once; a game of up "
            "to 400 parameters is formed and its inertia proved by a Lyapunov equation. Growth: y^H "
            "J x / y^H x in float64 plus twice its condition number times residual and rounding is "
            "negative. Decay: the smallest eigenvalue of (J + J^T)/2 by Lanczos from a random start, "
            "less the share of the spread by which it can be missed with chance eta; where it is not "
            "positive, that of D^-1 J D, D = diag(1, t), which has the same eigenvalues, with the t "
            "that makes its cross blocks most nearly opposite. The force is the "
            "mean of <v_i, v_j> over pairs of disjoint minibatches, unbiased, with a jackknife error."
        ),
        cost="some 250 products of J on the first batch, up to 800 more where decay can be certified",
        limits=(
            "Local, at one point. On samples, decay is claimed only where the symmetric part is "
            "positive beyond its spread over batches, plain or with the players weighed, so a "
            "contracting game may stay undecided; a "
            "growing direction that no batch shows is not seen. The first-order error bound is taken "
            "twice, not proved. Step bounds hold for the resolved spectrum; eigenvalues below a "
            "millionth of the spectral radius count as neither growing nor decaying."
        ),
        source=(
            "Mescheder et al. (2017, 2018); Bendixson (1902); Stewart (2001); Kuczynski and "
            "Wozniakowski (1992); Ostrowski and Schneider (1962)"
        ),
    ),
)
