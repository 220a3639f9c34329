"""GC011 Density ratio: is the discriminator's logit what the theorem says, a log density ratio?

How it is measured
    Logits of equal numbers of real and generated samples, in ten bins of equal number: the share of
    real samples in a bin against the probability the logit states, with exact intervals that hold
    for all bins together at 99 %. Where real samples are fresh draws of a law, a lower bound of the
    Jensen-Shannon divergence by the variational formula, with a one-sided 99 % limit. The training
    loss is never read as a divergence.
Verdicts
    The mean distance of the shares from what is stated, with the interval that the bins allow,
    against 0.1: warning significantly above; sound where the interval lies below, which errs in at
    most 1 %; undecided between. On data that D may have been trained on (all but the laws of
    `games.data`) sound becomes undecided: its own sample is what it fits.
    The distance is sampled, so the alarm rests on a test of "at most 0.1", at 1 % after Holm's
    correction: its p-value is the smallest alpha at which the bins' exact limits, which hold
    together, lie beyond the line. The divergence is told with its own limit and not judged.
    Not applicable to critics, whose score is no log-odds.
What to do
    Slope below 1: D is too sure, stop it earlier or penalise it (R1). Slope above 1: train D
    longer. Offset: D saw other shares of real and generated samples. Smoothed labels are allowed for
    where the loss says them (`games.regularisation`); those of a loop of your own are told by
    `gancheck.measures.density_ratio(game, targets=(0.9, 0.0))`.
Theorems: logit-is-log-density-ratio, label-smoothing-tilts-the-optimum,
minimax-value-is-jensen-shannon. Sources: Goodfellow et al. (2014); Maurer and Pontil (2009);
Holm (1979).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gancheck.diagnosis import Definition, Diagnostic, Finding, Quantity, Verdict
from gancheck.measures.density_ratio import DensityRatio, density_ratio
from gancheck.measures.holm import ALPHA, holm
from gancheck.measures.line_tests import calibration_beyond, in_words, suspected

if TYPE_CHECKING:
    from collections.abc import Sequence


def judge(
    found: DensityRatio,
    *,
    alpha: float = ALPHA,
    beside: Sequence[float] = (),
    off: float = 0.1,
    separable: float = 0.05,
) -> Finding:
    """Compare the calibration error with the line; say what the bound proves.

    Args:
        found: the measurement.
        alpha: chance of any false alarm.
        beside: p-values of the other diagnostics of the same report.
        off: a tenth of probability: beyond it sigmoid(logit) misstates one sample in ten.
        separable: distance of the proven divergence from ln 2, at which D tells the laws apart
            nearly everywhere.
    """
    q = found.quantities
    p = calibration_beyond(found.predicted, found.observed, found.counts, off)
    tests = holm({"miscalibrated": p}, beside=beside)
    below, doubt = q["calibration_error"].interval[1] <= off, ""
    if tests["miscalibrated"].corrected < alpha:
        verdict = Verdict.warning
    else:
        verdict = Verdict.sound if below and found.fresh else Verdict.undecided
    title, remedy = _TITLES[verdict], _REMEDIES[verdict]
    if verdict is Verdict.undecided and below:
        title, remedy = _SEEN
    elif suspected(tests["miscalibrated"], alpha):
        doubt, (title, remedy) = in_words(tests["miscalibrated"], alpha), _SUSPECTED
    return Finding(
        code="GC011",
        verdict=verdict,
        title=title,
        because=" ".join(
            part
            for part in (_calibrated(found, off), _line(found), _bound(found, separable), doubt)
            if part
        ),
        remedy=remedy,
        quantities=q,
        theorems=diagnostic.theorems,
        measurement=found,
        p_values=tests,
    )


def _calibrated(found: DensityRatio, off: float) -> str:
    q = found.quantities["calibration_error"]
    low, high = q.interval
    n = found.provenance["samples_of_each_kind"]
    whose = "fresh real samples" if found.fresh else "real samples that D may have been trained on"
    return (
        f"On {n} {whose} and as many generated ones the share of real samples in a bin differs from "
        f"what the logit states by {q.value:.3f} on average (99 % interval {low:.3f} to {high:.3f}, "
        f"line at {off:g})."
    )


def _line(found: DensityRatio) -> str:
    q = found.quantities
    if "calibration_slope" not in q:
        return (
            "Real and generated logits have no logistic fit: they do not overlap, or are all one."
        )
    return (
        f"The best line through the logit has the slope {_with_error(q['calibration_slope'])} and "
        f"the offset {_with_error(q['calibration_offset'])}; calibrated are 1 and 0."
    )


def _bound(found: DensityRatio, separable: float) -> str:
    q = found.quantities
    if "jsd_bound" not in q:
        return "No divergence is bounded: that needs real samples that D cannot have seen."
    as_is, rescaled = (q[k].interval[0] for k in ("jsd_bound", "jsd_bound_rescaled"))
    text = (
        f"The Jensen-Shannon divergence is at least {as_is:.3g} nats, by the logit as it stands "
        f"(99 % limit), and at least {rescaled:.3g} by the logit rescaled on other samples (likewise)"
    )
    if max(as_is, rescaled) > math.log(2.0) - separable:
        return f"{text}: the laws are nearly separable, ln 2 being the most there is."
    return f"{text}; ln 2 is the most there is."


def _with_error(q: Quantity) -> str:
    return f"{q.value:.3g} ± {q.sampling_error or 0.0:.1g}"


_TITLES = {
    Verdict.sound: "The logit states the odds that are observed",
    Verdict.warning: "The logit misstates the odds",
    Verdict.undecided: "Whether the logit is calibrated cannot be told",
}
_SEEN = (
    "The logit states the odds on data it may have been trained on",
    "Measure on data that D has not seen: density_ratio(game, fresh=True).",
)
_SUSPECTED = (
    "The logit may misstate the odds, or that is chance",
    "Draw more samples (--samples), or ask this question alone (--only GC011).",
)
_REMEDIES = {
    Verdict.sound: "",
    Verdict.warning: "Slope below 1: hold D back or penalise it. Above 1: train D longer.",
    Verdict.undecided: "Draw more samples (--samples), or give more data.",
}


diagnostic = Diagnostic(
    code="GC011",
    name="Density ratio",
    question="Is the discriminator's logit what the theorem says, a log density ratio?",
    theorems=(
        "logit-is-log-density-ratio",
        "label-smoothing-tilts-the-optimum",
        "minimax-value-is-jensen-shannon",
    ),
    measure=density_ratio,
    judge=judge,
    caption=(
        "Above: share of real samples among those to which the logit gives about the same odds, "
        "with intervals that hold for all bins together; a calibrated logit lies on the line. "
        "Below: the divergence that the logit proves, from its 99 % limit, as it stands and rescaled."
    ),
    headline="calibration_error",
    threshold="warns significantly above 0.1, by Holm; sound surely below, on fresh samples",
    labels={
        "calibration_error": "mean distance from the stated odds",
        "calibration_slope": "slope of the best line through the logit",
        "calibration_offset": "its offset",
        "jsd_bound": "divergence proven by the logit",
        "jsd_bound_rescaled": "divergence proven by the rescaled logit",
        "ratio_slope": "slope on the true log ratio",
        "ratio_offset": "offset on the true log ratio",
        "ratio_error": "root mean squared distance from the true log ratio",
    },
    tests={"miscalibrated": "the odds observed are more than 0.1 off those stated"},
    definition=Definition(
        mathml=(
            "<mrow><mi>JSD</mi><mo>≥</mo><mi>ln</mi><mn>2</mn><mo>+</mo><mfrac><mn>1</mn><mn>2</mn>"
            "</mfrac><mo>(</mo><msub><mi>E</mi><mi>p</mi></msub><mi>ln</mi><mi>D</mi><mo>+</mo>"
            "<msub><mi>E</mi><mi>q</mi></msub><mi>ln</mi><mo>(</mo><mn>1</mn><mo>−</mo><mi>D</mi>"
            "<mo>)</mo><mo>)</mo></mrow>"
        ),
        estimator=(
            "Ten bins of equal number with Clopper and Pearson's intervals at 1 - 0.01/10; a "
            "logistic fit by Newton's method; the bound with logits clipped at 6 and the empirical "
            "Bernstein limit, rescaled by a line fitted on the other half of the samples."
        ),
        cost="one pass of the samples of each kind",
        limits=(
            "Calibration is necessary for a density ratio, not sufficient. Whether data were in "
            "D's training is not known here. The bound may be far below the divergence."
        ),
        source="Clopper and Pearson (1934); Platt (1999); Maurer and Pontil (2009)",
    ),
)
