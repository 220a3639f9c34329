"""GC001 Curvature: does a player's own loss curve downwards, on data it was not found on?

How it is measured
    Both ends of each player's Hessian on one batch (residual beside each), the same ends on
    further batches and on smaller ones, and the Rayleigh quotient of each resolved vector on fresh
    batches. What lies between the ends by its density, its trace and its negative share.
Verdicts
    sound: no bottom direction keeps a negative curvature on fresh data. warning: one does, below
    1 % of the player's largest fresh curvature, so the player is not at a minimum of its own loss.
    undecided: the interval straddles that line, or the search for the bottom was cut short before
    it found negative curvature that lasts. Negative curvature is no failure by itself: stable
    points of a game need not be minima of either player.
What to do
    Train on, or step along the direction; where only the batch curves, use a larger batch before
    reading its spectrum.
Theorem: global-minimum-at-data (a pair at its optimum is a saddle of V, each player at an extremum).
Source: Berard et al. (2020); Courant-Fischer for the quotient.
"""

from __future__ import annotations

from gancheck.diagnosis import Definition, Diagnostic, Finding, Quantity, Verdict
from gancheck.measures.spectrum import HessianSpectrum, hessian_spectrum
from gancheck.operators.memory import admit_hessians

_PLAYERS = ("generator", "discriminator")


def judge(found: HessianSpectrum, *, saddle_share: float = 0.01) -> Finding:
    """Compare each bottom direction's fresh curvature with zero, within its error.

    Args:
        found: the measurement.
        saddle_share: negative curvature counts from this share of the player's largest fresh
            curvature; a smaller one needs over a hundred times the sharpest direction's time
            constant to be felt.
    """
    q = found.quantities
    worst, reasons = Verdict.sound, []
    for player in _PLAYERS:
        verdict, reason = _of_player(found, player, saddle_share)
        if verdict is Verdict.warning or worst is Verdict.sound:
            worst = verdict
        reasons.append(reason)
    reached = [p for p in _PLAYERS if f"top_{p}_fresh" in q]
    top = max(reached, key=lambda p: q[f"top_{p}_fresh"].value, default=None)
    if top is not None and q[f"top_{top}_fresh"].value > 0.0:
        steepest = q[f"top_{top}_fresh"].value
        reasons.append(
            f"The steepest fresh curvature is {steepest:.3g}, the {top}'s: plain gradient descent "
            f"of that player overshoots above a step of {2.0 / steepest:.2g}."
        )
    return Finding(
        code="GC001",
        verdict=worst,
        title=_TITLES[worst],
        because=" ".join(reasons),
        remedy=_REMEDIES[worst],
        quantities=q,
        theorems=diagnostic.theorems,
        measurement=found,
    )


def _of_player(found: HessianSpectrum, player: str, share: float) -> tuple[Verdict, str]:
    q = found.quantities
    if f"bottom_{player}_fresh" not in q:
        return Verdict.undecided, f"The budget ended before the {player} met fresh data."
    fresh = q[f"bottom_{player}_fresh"]
    top = q.get(f"top_{player}_fresh", fresh)
    verdict = _side(fresh, -share * max(abs(top.value), abs(fresh.value)))
    if verdict is Verdict.sound and not found.settled[player]:
        # Curvature that lasts is a finding wherever it was met; its absence needs the whole search.
        return Verdict.undecided, (
            f"The search for the {player}'s most negative curvature was cut short; what it met is "
            f"{fresh.value:.2g} on fresh data."
        )
    return verdict, _reason(player, q[f"bottom_{player}"], fresh, verdict)


def _side(fresh: Quantity, line: float) -> Verdict:
    low, high = fresh.interval
    if high < line:
        return Verdict.warning
    return Verdict.sound if low >= line else Verdict.undecided


def _reason(player: str, batch: Quantity, fresh: Quantity, verdict: Verdict) -> str:
    if batch.value >= 0.0:
        return f"The {player}'s loss curves upwards in every direction (bottom {batch.value:.3g})."
    error = "" if fresh.sampling_error is None else f" ± {fresh.sampling_error:.2g}"
    ending = {
        Verdict.sound: "belongs to the batch, or is too small to be felt",
        Verdict.warning: "is the game's: this player is not at a minimum of its own loss",
        Verdict.undecided: "may be either the batch's or the game's",
    }[verdict]
    return (
        f"The {player}'s most negative curvature, {batch.value:.3g} on the batch that found it, is "
        f"{fresh.value:.2g}{error} on fresh data: it {ending}."
    )


_TITLES = {
    Verdict.sound: "No negative curvature survives fresh data",
    Verdict.warning: "A player can still go downhill in its own loss",
    Verdict.undecided: "Negative curvature may be the batch's or the game's",
}
_REMEDIES = {
    Verdict.sound: "",
    Verdict.warning: "Train on: a direction of escape is open. Repeat with a larger --batch-size.",
    Verdict.undecided: "Measure on larger batches (--batch-size) and more of them (--batches).",
}


diagnostic = Diagnostic(
    code="GC001",
    name="Curvature",
    question="Does a player's own loss curve downwards, on data it was not found on?",
    theorems=("global-minimum-at-data",),
    measure=hessian_spectrum,
    announces=True,
    admits=admit_hessians,
    judge=judge,
    caption=(
        "Above: how many eigenvalues of each player's Hessian lie around each value, on one batch; "
        "ticks are those resolved one by one. Below: how much of the larger end is the batch's, by "
        "batch size, with one standard error; where it falls below 5 % the spectrum is the game's."
    ),
    headline="top_discriminator_fresh",
    threshold="warns where a bottom direction stays below −1 % of the top on fresh data",
    followed={
        "G, largest and smallest curvature on fresh data": (
            "top_generator_fresh",
            "bottom_generator_fresh",
        ),
        "D, largest and smallest curvature on fresh data": (
            "top_discriminator_fresh",
            "bottom_discriminator_fresh",
        ),
    },
    labels={
        "top_generator": "G, largest",
        "top_generator_fresh": "the same direction, fresh data",
        "bottom_generator": "G, smallest",
        "bottom_generator_fresh": "the same direction, fresh data",
        "trace_generator": "G, sum of all",
        "negative_share_generator": "G, negative share of the curvature",
        "batch_part_generator": "G, the batch's part of the larger end",
        "settling_batch_generator": "G, batch size that would settle it",
        "top_discriminator": "D, largest",
        "top_discriminator_fresh": "D, largest direction on fresh data",
        "bottom_discriminator": "D, smallest",
        "bottom_discriminator_fresh": "the same direction, fresh data",
        "trace_discriminator": "D, sum of all",
        "negative_share_discriminator": "D, negative share of the curvature",
        "batch_part_discriminator": "D, the batch's part of the larger end",
        "settling_batch_discriminator": "D, batch size that would settle it",
        "diversity_curvature": "G, curvature towards diversity",
        "diversity_slope": "G, slope towards diversity",
    },
    definition=Definition(
        mathml=(
            "<mrow><mi>λ</mi><mo>=</mo><msup><mi>x</mi><mi>T</mi></msup><mi>H</mi><mi>x</mi>"
            "<mo>,</mo><mspace width='0.6em'/><mi>H</mi><mo>=</mo><mfrac><mrow><msup><mo>∂</mo>"
            "<mn>2</mn></msup><mi>L</mi></mrow><mrow><mo>∂</mo><msup><mi>θ</mi><mn>2</mn></msup>"
            "</mrow></mfrac><mo>,</mo><mspace width='0.6em'/><mrow><mo>|</mo><mi>x</mi><mo>|</mo>"
            "</mrow><mo>=</mo><mn>1</mn></mrow>"
        ),
        estimator=(
            "Thick-restart Lanczos on exact Hessian-vector products (double backward), both ends "
            "from one basis of 60 vectors, begun again until no copy is missed; the residual of "
            "each pair by one more product. The quotient on fresh data is the mean over 32 batches "
            "that share no draw with the one that chose the direction. The trace by XTrace, the "
            "density by stochastic Lanczos quadrature, both with the resolved pairs taken out. The "
            "batch's part is the gap between an extreme eigenvalue and its vector's quotient on "
            "other batches of the same size."
        ),
        cost="about 700 products a player, half of them on smaller or fresh batches",
        limits=(
            "An extreme eigenvalue of a batch is biased outwards. The fresh quotient bounds the "
            "expected Hessian's extreme from inside only: other directions may curve downwards. For "
            "finite data a fresh batch can share real samples with the first."
        ),
        source=(
            "Wu, Simon (2000); Epperly, Tropp, Webber (2024); Ubaru, Chen, Saad (2017); "
            "Berard et al. (2020)"
        ),
    ),
)
