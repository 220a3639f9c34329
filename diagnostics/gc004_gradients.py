"""GC004 Gradients: is the discriminator so sure that the generator hears nothing?

How it is measured
    d = sigmoid(logit) on many generated samples; the norms of the saturating and non-saturating
    gradients on minibatches as in training, and on single samples against the theorem's (1-d)/d.
Verdicts
    The share of generated samples with d < 0.01 (each gives the saturating loss one per cent of
    its signal) against 25 %: sound below; above, failing where the saturating loss is in use and
    warning where the non-saturating one is, which keeps its gradient; undecided where the exact
    interval straddles 25 %. Not applicable to critics, whose score is no log-odds.
What to do
    Use the non-saturating loss, or hold the discriminator back (R1, instance noise, fewer steps).
Theorem: gradient-ratio, optimal-discriminator. Source: Goodfellow et al. (2014), section 3.
"""

from __future__ import annotations

from gancheck.diagnosis import Definition, Diagnostic, Finding, Quantity, Verdict
from gancheck.measures.gradients import GradientRatio, gradient_ratio


def judge(found: GradientRatio, *, starved: float = 0.25) -> Finding:
    """Compare the saturated share with the line; how bad it is depends on the loss in use.

    Args:
        found: the measurement.
        starved: share of samples below d = 0.01 from which a quarter of every batch is silent
            under the saturating loss.
    """
    q = found.quantities
    share = q["saturated_share"]
    low, high = share.interval
    if high <= starved:
        verdict = Verdict.sound
    elif low > starved:
        verdict = Verdict.failing if found.loss == "minimax" else Verdict.warning
    else:
        verdict = Verdict.undecided
    return Finding(
        code="GC004",
        verdict=verdict,
        title=_TITLES[verdict],
        because=(
            f"{share.value:.2%} of the generated samples lie below d = 0.01 (95 % interval "
            f"{low:.2%} to {high:.2%}, line at {starved:.0%}); mean d is "
            f"{q['mean_d_fake'].value:.3f} on generated and {q['mean_d_real'].value:.3f} on real "
            f"samples. Over a minibatch the non-saturating gradient is "
            f"{_with_error(q['gradient_ratio'])} times the saturating one, for the median sample "
            f"{_with_error(q['median_ratio'])} times; E(1−d)/E d = "
            f"{_with_error(q['ratio_of_means'])} is what a minibatch would show if all samples "
            "pulled one way."
        ),
        remedy=_REMEDIES[verdict],
        quantities=q,
        theorems=diagnostic.theorems,
        measurement=found,
    )


def _with_error(q: Quantity) -> str:
    return f"{q.value:.3g} ± {q.sampling_error or 0.0:.1g}"


_TITLES = {
    Verdict.sound: "The generator still receives a gradient",
    Verdict.warning: "The discriminator is saturated on generated samples",
    Verdict.failing: "The generator's gradient has vanished",
    Verdict.undecided: "The saturated share straddles the line",
}
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
    measure=gradient_ratio,
    judge=judge,
    caption=(
        "Above: logits of real and generated samples. Below: the measured ratio of the two "
        "gradient norms for single generated samples; the line is the theorem's (1 − d)/d, not a fit."
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
            "by order statistics."
        ),
        cost="256 gradients of the generator and one pass over the samples",
        limits=(
            "Only the single-sample ratio is a theorem. A minibatch's ratio depends on its size, "
            "because averaging cancels directions that disagree."
        ),
        source="Goodfellow et al. (2014); Clopper and Pearson (1934)",
    ),
)
