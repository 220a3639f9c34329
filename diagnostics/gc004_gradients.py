"""GC004 Gradients: is the discriminator so sure that the generator hears nothing?

How it is measured
    d = sigmoid(logit) on many generated samples; the norms of the saturating and non-saturating
    gradients on minibatches as in training, and on single samples against the theorem's (1-d)/d.
    For every loss: the squared norm of the expected gradient of the generator's own loss, unbiased
    from disjoint minibatches, over the mean squared norm of one minibatch's gradient; and the share
    of generated samples at which that loss has the derivative zero in float32.
Verdicts
    failing: surely more than 25 % of the generated samples have the derivative zero in float32.
    For log-odds, the share of generated samples with d < 0.01 (each gives the saturating loss one
    per cent of its signal) against 25 %: sound below; above, failing where the saturating loss is
    in use and warning where the non-saturating one is, which keeps its gradient; undecided where
    the exact interval straddles 25 %.
    For a critic (least squares, hinge, Wasserstein, or a loss of one's own), whose score has no
    such line: sound where the one-sided 99 % limit of the squared expected gradient lies above
    zero, else undecided, because a gradient is zero on average also at an equilibrium.
What to do
    Use the non-saturating loss, or hold the discriminator back (R1, instance noise, fewer steps).
Theorem: gradient-ratio, optimal-discriminator. Source: Goodfellow et al. (2014), section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancheck.diagnosis import Definition, Diagnostic, Finding, Quantity, Verdict
from gancheck.measures.gradients import GradientRatio, gradients

if TYPE_CHECKING:
    from gancheck.measures.generator_signal import GeneratorSignal


def judge(found: GradientRatio | GeneratorSignal, *, starved: float = 0.25) -> Finding:
    """Compare the saturated share with the line; how bad it is depends on the loss in use.

    Args:
        found: the measurement.
        starved: share of samples below d = 0.01, or of derivative zero, from which a quarter of
            every batch is silent.
    """
    q = found.quantities
    silent = "silent_share" in q and q["silent_share"].interval[0] > starved
    if isinstance(found, GradientRatio):
        verdict = Verdict.failing if silent else _of_share(found, starved)
        because, titles = _of_log_odds(found, starved), _TITLES
    else:
        heard = q["generator_gradient"].interval[0] > 0.0
        verdict = Verdict.sound if heard else Verdict.undecided
        verdict = Verdict.failing if silent else verdict
        because, titles = "", _CRITIC_TITLES
    return Finding(
        code="GC004",
        verdict=verdict,
        title=_SILENT if silent else titles[verdict],
        because=" ".join(part for part in (because, _direction(found), _float32(found)) if part),
        remedy=_SILENT_REMEDY if silent else _remedy(found, verdict),
        quantities=q,
        theorems=diagnostic.theorems,
        measurement=found,
    )


def _of_share(found: GradientRatio, starved: float) -> Verdict:
    low, high = found.quantities["saturated_share"].interval
    if high <= starved:
        return Verdict.sound
    if low > starved:
        return Verdict.failing if found.loss == "minimax" else Verdict.warning
    return Verdict.undecided


def _of_log_odds(found: GradientRatio, starved: float) -> str:
    q = found.quantities
    share = q["saturated_share"]
    low, high = share.interval
    return (
        f"{share.value:.2%} of the generated samples lie below d = 0.01 (95 % interval "
        f"{low:.2%} to {high:.2%}, line at {starved:.0%}); mean d is "
        f"{q['mean_d_fake'].value:.3f} on generated and {q['mean_d_real'].value:.3f} on real "
        f"samples. Over a minibatch the non-saturating gradient is "
        f"{_with_error(q['gradient_ratio'])} times the saturating one, for the median sample "
        f"{_with_error(q['median_ratio'])} times; E(1−d)/E d = "
        f"{_with_error(q['ratio_of_means'])} is what a minibatch would show if all samples "
        "pulled one way."
    )


def _direction(found: GradientRatio | GeneratorSignal) -> str:
    """Whether the expected gradient is told from zero, and how many minibatches it would take."""
    q, count = found.quantities, int(found.provenance["minibatches"])
    low = q["generator_gradient"].interval[0]
    common, size = q["gradient_signal"], int(found.provenance["minibatch"])
    start = f"Of the squared gradient of a minibatch of {size}, {common.value:.1%} is common to all"
    if low > 0.0:
        return f"{start} (99 % sure of at least {max(common.interval[0], 0.0):.1%})."
    value = q["generator_gradient"].value
    # the limit's distance falls like one over the number of minibatches where noise prevails
    need = (
        f"; about {count * (value - low) / value:.0f} would, if it is right" if value > 0.0 else ""
    )
    return (
        f"{start}, which {count} minibatches do not tell from nothing{need}; at an equilibrium it "
        "is nothing, too."
    )


def _float32(found: GradientRatio | GeneratorSignal) -> str:
    q = found.quantities
    told = [
        f"{q[name].value:.2%} {words}"
        for name, words in (
            ("silent_share", "give the loss in use the derivative zero"),
            ("rounded_share", "have a d that rounds to 0 or 1"),
        )
        if name in q and q[name].value > 0.0
    ]
    return f"In float32, of the generated samples {' and '.join(told)}." if told else ""


def _remedy(found: GradientRatio | GeneratorSignal, verdict: Verdict) -> str:
    if verdict is Verdict.undecided and not isinstance(found, GradientRatio):
        return "Enlarge the minibatches of the measurement, or see in GC002 whether it is at rest."
    return _REMEDIES[verdict]


def _with_error(q: Quantity) -> str:
    return f"{q.value:.3g} ± {q.sampling_error or 0.0:.1g}"


_TITLES = {
    Verdict.sound: "The generator still receives a gradient",
    Verdict.warning: "The discriminator is saturated on generated samples",
    Verdict.failing: "The generator's gradient has vanished",
    Verdict.undecided: "The saturated share straddles the line",
}
_CRITIC_TITLES = {
    Verdict.sound: "The generator's minibatches agree on a direction",
    Verdict.undecided: "No common direction of the generator's gradient can be told from noise",
}
_SILENT = "The generator's loss has the derivative zero in float32"
_SILENT_REMEDY = "Hold the discriminator back until its scores are numbers float32 can tell apart."
_REMEDIES = {
    Verdict.sound: "",
    Verdict.warning: "Hold the discriminator back: R1 penalty, instance noise, or fewer steps.",
    Verdict.failing: "Train the generator with the non-saturating loss, or hold D back.",
    Verdict.undecided: "Draw more samples (--samples).",
}


diagnostic = Diagnostic(
    code="GC004",
    name="Gradients",
    question="Is the discriminator so sure that the generator hears nothing?",
    theorems=("gradient-ratio", "optimal-discriminator"),
    measure=gradients,
    judge=judge,
    caption=(
        "Above: the discriminator's scores of real and generated samples. Below, for log-odds: the "
        "measured ratio of the two gradient norms for single generated samples; the line is the "
        "theorem's (1 − d)/d, not a fit. Below, for a critic: how far each minibatch's gradient "
        "points where the others do; around zero there is no common direction."
    ),
    headline="saturated_share",
    threshold="samples with d < 0.01; warns above 25 %",
    labels={
        "gradient_ratio": "gradient norms, non-saturating / saturating, minibatch",
        "ratio_of_means": "E(1 − d) / E d",
        "median_ratio": "(1 − d)/d, median sample",
        "mean_d_fake": "mean d on generated",
        "mean_d_real": "mean d on real",
        "saturated_share": "generated with d < 0.01",
        "theorem_deviation": "off the theorem, worst single sample",
        "generator_gradient": "squared norm of the expected gradient",
        "gradient_signal": "share of a minibatch's squared gradient common to all",
        "silent_share": "generated of derivative zero in float32",
        "rounded_share": "generated with d rounded to 0 or 1 in float32",
    },
    definition=Definition(
        mathml=(
            "<mrow><mfrac><mrow><mo>‖</mo><mo>∇</mo><mo>(</mo><mo>−</mo><mi>ln</mi>"
            "<mspace width='0.15em'/><mi>d</mi><mo>)</mo><mo>‖</mo></mrow><mrow><mo>‖</mo><mo>∇</mo>"
            "<mi>ln</mi><mo>(</mo><mn>1</mn><mo>−</mo><mi>d</mi><mo>)</mo><mo>‖</mo></mrow></mfrac>"
            "<mo>=</mo><mfrac><mrow><mn>1</mn><mo>−</mo><mi>d</mi></mrow><mi>d</mi></mfrac>"
            "<mspace width='0.6em'/><mtext>for one sample</mtext></mrow>"
        ),
        estimator=(
            "Both gradients from stable logits (softplus) on 64 minibatches and 64 single samples; "
            "shares with exact binomial intervals, ratios of means by the delta method, the median "
            "by order statistics. The squared norm of the expected gradient is the mean inner "
            "product of different minibatches' gradients, its limit from the jackknife."
        ),
        cost="256 gradients of the generator and one pass over the samples",
        limits=(
            "Only the single-sample ratio is a theorem. A minibatch's ratio depends on its size, "
            "because averaging cancels directions that disagree. That no common direction is found "
            "does not tell a flat discriminator from an equilibrium."
        ),
        source="Goodfellow et al. (2014); Clopper and Pearson (1934)",
    ),
)
