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

from typing import TYPE_CHECKING

import numpy as np

from gancheck.diagnosis import Definition, Diagnostic, Finding, Quantity, Verdict
from gancheck.measures.figures import (
    GENERATOR,
    INK,
    REAL,
    label,
    new_figure,
    page_style,
    set_ticks,
    x_title,
    y_title,
)
from gancheck.measures.gradients import GradientRatio, gradient_ratio

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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


@page_style()
def figure(found: GradientRatio, width_px: int) -> Figure:
    """Logits of real and generated samples; below, single-sample ratios on the theorem's line."""
    fig, (top, bottom) = new_figure(width_px, 400, rows=2, sharex=True, height_ratios=(1, 1))
    everything = np.concatenate([found.fake_logits, found.real_logits])
    low, high = np.quantile(everything, [0.001, 0.999])
    low, high = float(low) - 0.5, float(high) + 0.5
    bins = np.linspace(low, high, 61)
    for logits, colour, name in (
        (found.real_logits, REAL, "real"),
        (found.fake_logits, GENERATOR, "generated"),
    ):
        heights, _ = np.histogram(logits, bins=bins, density=True)
        top.stairs(heights, bins, color=colour, fill=True, alpha=0.2)
        top.stairs(heights, bins, color=colour, linewidth=1.6)
        peak = int(heights.argmax())
        label(top, float(bins[peak]), float(heights[peak]), name, colour, dy=10)
    top.set_yticks([])
    y_title(top, "density of the discriminator's logit")
    s = np.log(found.single_d) - np.log1p(-found.single_d)
    grid = np.linspace(low, high, 50)
    bottom.semilogy(grid, np.exp(-grid), color=INK, linewidth=1)
    bottom.semilogy(s, found.single_ratio, "o", color=GENERATOR, markersize=5, alpha=0.7)
    bottom.set_xlim(low, high)
    powers = [p for p in range(-12, 13, 2) if low * 0.4343 <= -p <= high * 0.4343]
    set_ticks(bottom, "y", [10.0**p for p in powers] or [1.0])
    label(bottom, high, float(np.exp(-high)), "(1 − d)/d", INK, dx=-8, dy=16, align="right")
    y_title(bottom, "non-saturating / saturating gradient norm, one sample each")
    x_title(bottom, "the discriminator's logit")
    return fig


diagnostic = Diagnostic(
    code="GC004",
    name="Gradients",
    question="Is the discriminator so sure that the generator hears nothing?",
    theorems=("gradient-ratio", "optimal-discriminator"),
    measure=gradient_ratio,
    judge=judge,
    figure=figure,
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
