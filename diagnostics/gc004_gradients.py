"""GC004 Gradients: is the discriminator so sure that the generator hears nothing?

How it is measured
    d = sigmoid(logit) on many generated samples; the norms of the saturating and non-saturating
    gradients on minibatches as in training, and on single samples against the theorem's (1-d)/d.
    For every loss: the squared norm of the expected gradient of the generator's own loss, unbiased
    from disjoint minibatches, over the mean squared norm of one minibatch's gradient; and the share
    of generated samples at which that loss has the derivative zero in float32.
Verdicts
    failing: significantly more than 25 % of the generated samples have the derivative zero in
    float32.
    For log-odds, the share of generated samples with d < 0.01 (each gives the saturating loss one
    per cent of its signal) against 25 %: significantly above, failing where the saturating loss is
    in use and warning where the non-saturating one is, which keeps its gradient; sound where the
    exact 95 % interval lies below, which errs in at most 2.5 %; undecided between.
    For a critic (least squares, hinge, Wasserstein, or a loss of one's own), whose score has no
    such line: sound where the one-sided 99 % limit of the squared expected gradient lies above
    zero, which errs in 1 %, else undecided, because a gradient is zero on average also at an
    equilibrium.
    Both shares are counted in samples, so each alarm rests on an exact binomial test of "no more
    than 25 %", at 1 % after Holm's correction. The other numbers are told and not judged; the
    single-sample ratios among them are exact for their samples.
What to do
    Use the non-saturating loss, or hold the discriminator back (R1, instance noise, fewer steps).
Theorem: gradient-ratio, optimal-discriminator. Sources: Goodfellow et al. (2014),
section 3; Holm (1979).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancheck.diagnosis import Definition, Diagnostic, Finding, Quantity, Verdict
from gancheck.measures.gradients import GradientRatio, gradients
from gancheck.measures.holm import ALPHA, holm
from gancheck.measures.line_tests import in_words, share_above, suspected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gancheck.measures.generator_signal import GeneratorSignal


def judge(
    found: GradientRatio | GeneratorSignal,
    *,
    alpha: float = ALPHA,
    beside: Sequence[float] = (),
    starved: float = 0.25,
) -> Finding:
    """Compare the saturated share with the line; how bad it is depends on the loss in use.

    Args:
        found: the measurement.
        alpha: chance of any false alarm.
        beside: p-values of the other diagnostics of the same report.
        starved: share of samples below d = 0.01, or of derivative zero, from which a quarter of
            every batch is silent.
    """
    q, n = found.quantities, int(found.provenance["generated_samples"])
    shares = {name: q[f"{name}_share"] for name in ("saturated", "silent") if f"{name}_share" in q}
    tests = holm({k: share_above(s, n, starved) for k, s in shares.items()}, beside=beside)
    beyond = [name for name, p in tests.items() if p.corrected < alpha]
    doubt = [name for name, p in tests.items() if suspected(p, alpha)]
    if "silent" in beyond:
        verdict = Verdict.failing
    elif "saturated" in beyond:
        minimax = isinstance(found, GradientRatio) and found.loss == "minimax"
        verdict = Verdict.failing if minimax else Verdict.warning
    elif doubt:
        verdict = Verdict.undecided
    else:
        verdict = _without_alarm(found, starved)
    log_odds = isinstance(found, GradientRatio)
    if "silent" in beyond:
        title, remedy = _SILENT
    elif verdict is Verdict.undecided and doubt:
        title, remedy = _SUSPECTED
    else:
        title = (_TITLES if log_odds else _CRITIC_TITLES)[verdict]
        remedy = _remedy(found, verdict)
    told = [_of_log_odds(found, starved)] if log_odds else []
    told += [_direction(found), _float32(found), *(in_words(tests[k], alpha) for k in doubt[:1])]
    return Finding(
        code="GC004",
        verdict=verdict,
        title=title,
        because=" ".join(part for part in told if part),
        remedy=remedy,
        quantities=q,
        theorems=diagnostic.theorems,
        measurement=found,
        p_values=tests,
    )


def _without_alarm(found: GradientRatio | GeneratorSignal, starved: float) -> Verdict:
    q = found.quantities
    if isinstance(found, GradientRatio):
        well = q["saturated_share"].interval[1] <= starved
    else:
        well = q["generator_gradient"].interval[0] > 0.0
    return Verdict.sound if well else Verdict.undecided


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
_SILENT = (
    "The generator's loss has the derivative zero in float32",
    "Hold the discriminator back until its scores are numbers float32 can tell apart.",
)
_SUSPECTED = (
    "The generator may hear little, or that is chance",
    "Draw more samples (--samples), or ask this question alone (--only GC004).",
)
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
    threshold="samples with d < 0.01; warns significantly above 25 %, by Holm",
    followed={
        "generator gradient, non-saturating / saturating": ("gradient_ratio",),
        "generated with d < 0.01": ("saturated_share",),
    },
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
    tests={
        "saturated": "more than a quarter of generated samples have d < 0.01",
        "silent": "more than a quarter have derivative zero in float32",
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
