"""GC001 Curvature: does a player's own loss curve downwards, on data it was not found on?

How it is measured
    Both ends of each player's Hessian on one batch (residual beside each), the same ends on
    further batches, and the Rayleigh quotient of each extreme vector on fresh batches.
Verdicts
    sound: no bottom direction keeps a negative curvature on fresh data. warning: one does, below
    1 % of the player's largest fresh curvature, so the player is not at a minimum of its own loss.
    undecided: the interval straddles that line. Negative curvature is no failure by itself: stable
    points of a game need not be minima of either player.
What to do
    Train on, or step along the direction; where only the batch curves, use a larger batch before
    reading its spectrum.
Theorem: global-minimum-at-data (a pair at its optimum is a saddle of V, each player at an extremum).
Source: Berard et al. (2020); Courant-Fischer for the quotient.
"""

from __future__ import annotations

from gancheck.diagnosis import Definition, Diagnostic, Finding, Quantity, Verdict
from gancheck.measures.spectrum import HessianSpectra, hessian_spectra

_PLAYERS = ("generator", "discriminator")


def judge(found: HessianSpectra, *, saddle_share: float = 0.01) -> Finding:
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
        fresh = q[f"bottom_{player}_fresh"]
        line = -saddle_share * max(abs(q[f"top_{player}_fresh"].value), abs(fresh.value))
        verdict = _side(fresh, line)
        if verdict is Verdict.warning or worst is Verdict.sound:
            worst = verdict
        reasons.append(_reason(player, q[f"bottom_{player}"], fresh, verdict))
    top = max(_PLAYERS, key=lambda p: q[f"top_{p}_fresh"].value)
    steepest = q[f"top_{top}_fresh"].value
    if steepest > 0.0:
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
    measure=hessian_spectra,
    judge=judge,
    caption=(
        "Ticks: eigenvalues of each player's Hessian on one batch. Dots above: the two extremes on "
        "each evaluation batch. Grey: the eigenvalues between, which were not computed."
    ),
    headline="top_discriminator_fresh",
    threshold="warns where a bottom direction stays below −1 % of the top on fresh data",
    labels={
        "top_generator": "G, largest",
        "top_generator_fresh": "the same direction, fresh data",
        "bottom_generator": "G, smallest",
        "bottom_generator_fresh": "the same direction, fresh data",
        "top_discriminator": "D, largest",
        "top_discriminator_fresh": "D, largest direction on fresh data",
        "bottom_discriminator": "D, smallest",
        "bottom_discriminator_fresh": "the same direction, fresh data",
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
            "Implicitly restarted Lanczos on exact Hessian-vector products (double backward), both "
            "ends from one basis of 60 vectors; the residual of each pair by one more product. The "
            "quotient on fresh data is the mean over 32 batches that share no draw with the one "
            "that chose the direction."
        ),
        cost="50 to 100 products a player and batch",
        limits=(
            "An extreme eigenvalue of a batch is biased outwards. The fresh quotient bounds the "
            "expected Hessian's extreme from inside only: other directions may curve downwards. For "
            "finite data a fresh batch can share real samples with the first."
        ),
        source="Lehoucq, Sorensen, Yang (1998); Berard et al. (2020)",
    ),
)
