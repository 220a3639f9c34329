"""GC009 Lipschitz: has the discriminator a slope, and the one that its penalty asks for?

How it is measured
    Norms of the score's gradient in its input on real and generated samples and on the segments
    between them; norms of the linear and convolution layers as maps, by Lanczos; their product, an
    upper bound, where the rest of the chain is 1-Lipschitz. For wgan-gp the slope on the segments,
    weighted by itself, E s^2 / E s, against 1 + gap / (2 lambda E s), which it is at every critic
    that cannot gain by being multiplied by a factor; for point masses that is the theorem's
    1 + r / (2 lambda). It is not 1.
Verdicts
    failing: significantly more than 25 % of the generated samples have a slope of exactly zero,
    whatever the loss: the generator hears nothing from them. Undecided where that is not so and the
    exact 95 % interval does not lie below 25 %; that it does errs in at most 2.5 %.
    For wgan-gp: warning where the two sides differ significantly by more than 0.1, a tenth of the
    slope that the penalty asks for; sound where the 95 % interval of the difference lies within
    0.1, which errs in about 2.5 %; undecided between.
    For every other loss: sound, because nothing says how steep its discriminator should be.
    Both are sampled, so each alarm rests on a test of "not beyond the line", at 1 % after Holm's
    correction: exact binomial for the share, Student's t for the difference, whose errors are those
    of a ratio of means. Norms of layers and their product are properties of the network, known to
    their numerical error, and are told, not judged.
What to do
    Flat: leaky activations, a smaller step for the discriminator. Off its optimum: more critic
    steps for each generator step, or look whether the penalty in training has another weight.
Theorem: gradient-penalty-overshoots, critic-has-unit-slope-on-transport-rays. Sources: Gulrajani et
al. (2017); Holm (1979).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancheck.diagnosis import Definition, Diagnostic, Finding, Quantity, Verdict
from gancheck.measures.holm import ALPHA, holm
from gancheck.measures.line_tests import in_words, mean_outside, share_above, suspected
from gancheck.measures.lipschitz import Steepness, lipschitz

if TYPE_CHECKING:
    from collections.abc import Sequence


def judge(
    found: Steepness,
    *,
    alpha: float = ALPHA,
    beside: Sequence[float] = (),
    flat: float = 0.25,
    apart: float = 0.1,
) -> Finding:
    """Look for flat places first, then at the penalty's own condition where there is one.

    Args:
        found: the measurement.
        alpha: chance of any false alarm.
        beside: p-values of the other diagnostics of the same report.
        flat: share of generated samples without a slope from which a quarter of every batch is
            silent.
        apart: a tenth of slope 1: a critic that far off misstates its gap by about as much.
    """
    q = found.quantities
    tests = holm(_tests(found, flat, apart), beside=beside)
    beyond = [name for name, p in tests.items() if p.corrected < alpha]
    straddles = "flat" not in beyond and q["flat_share"].interval[1] > flat
    if "flat" in beyond:
        verdict = Verdict.failing
    elif straddles:
        verdict = Verdict.undecided
    elif "mismatch" in beyond:
        verdict = Verdict.warning
    elif "slope_mismatch" in q:
        verdict = _within(q["slope_mismatch"], apart)
    else:
        verdict = Verdict.sound
    title, remedy, doubt = _title(found, verdict), _REMEDIES.get(verdict, ""), ""
    if verdict is Verdict.undecided:
        cause = tests["flat" if straddles else "mismatch"]
        remedy = _more(found, straddles)
        if suspected(cause, alpha):
            doubt, (title, remedy) = in_words(cause, alpha), _SUSPECTED
    return Finding(
        code="GC009",
        verdict=verdict,
        title=title,
        because=" ".join(
            part for part in (_slopes(found), _penalty(found), _bounds(found), doubt) if part
        ),
        remedy=remedy,
        quantities=q,
        theorems=diagnostic.theorems,
        measurement=found,
        p_values=tests,
    )


def _tests(found: Steepness, flat: float, apart: float) -> dict[str, float]:
    """The p-value of each quantity that is not beyond its line."""
    q, n = found.quantities, int(found.provenance["points"])
    out = {"flat": share_above(q["flat_share"], n, flat)}
    if "slope_mismatch" in q:
        difference = q["slope_mismatch"]
        error = difference.sampling_error or 0.0
        out["mismatch"] = mean_outside(difference.value, error, apart, df=n - 1)
    return out


def _within(difference: Quantity, apart: float) -> Verdict:
    low, high = difference.interval
    return Verdict.sound if -apart < low and high < apart else Verdict.undecided


def _title(found: Steepness, verdict: Verdict) -> str:
    if verdict is Verdict.sound and "slope_mismatch" in found.quantities:
        return "The critic is as steep as the optimum of its penalised loss"
    return _TITLES[verdict]


def _slopes(found: Steepness) -> str:
    q = found.quantities
    parts = [
        f"{_with_error(q[f'slope_{kind}'])} {words}"
        for kind, words in (
            ("real", "on real samples"),
            ("generated", "on generated ones"),
            ("between", "between them"),
        )
    ]
    flat = q["flat_share"]
    low, high = flat.interval
    mixed = " (of a sum over a batch, whose samples the discriminator mixes)" if found.mixes else ""
    return (
        f"Mean slopes{mixed} are {', '.join(parts)}; {flat.value:.2%} of the generated samples have "
        f"none (95 % interval {low:.2%} to {high:.2%})."
    )


def _penalty(found: Steepness) -> str:
    q = found.quantities
    if "slope_mismatch" not in q:
        return ""
    return (
        f"Weighted by itself the slope between them is {_with_error(q['slope_weighted'])}; at the "
        f"optimum of the penalised loss it would be {_with_error(q['slope_predicted'])}: 1 and, for "
        f"a gap of {_with_error(q['critic_gap'])} and weight 10, the overshoot. The difference is "
        f"{_with_error(q['slope_mismatch'])}."
    )


def _bounds(found: Steepness) -> str:
    q = found.quantities
    start = f"The Lipschitz constant is at least {q['slope_largest'].value:.3g}"
    if "product_bound" in q:
        bound = q["product_bound"].value
        return f"{start} (found) and at most {bound:.3g} (product of the layers' norms)."
    why = found.no_product or "no linear or convolution layer was met"
    return f"{start}; no product of layer norms bounds it, because {why}."


def _more(found: Steepness, straddles: bool) -> str:  # noqa: FBT001
    if straddles:
        return "Draw more samples (--samples)."
    half = 2.0 * (found.quantities["slope_mismatch"].sampling_error or 0.0)
    return (
        f"The difference is known to {half:.2g}: use more data or more samples, up to 1000 of each "
        "kind, or train on until it leaves the line."
    )


def _with_error(q: Quantity) -> str:
    return f"{q.value:.3g} ± {q.sampling_error or 0.0:.1g}"


_TITLES = {
    Verdict.sound: "The discriminator has a slope where the generator needs one",
    Verdict.warning: "The critic is not at the optimum of its penalised loss",
    Verdict.failing: "The discriminator is flat at many generated samples",
    Verdict.undecided: "The slopes do not decide it",
}
_REMEDIES = {
    Verdict.sound: "",
    Verdict.warning: "Give the critic more steps, or check that the penalty's weight was 10.",
    Verdict.failing: "Use leaky activations in the discriminator, or hold it back.",
}
_SUSPECTED = (
    "The slopes may be beyond their line, or that is chance",
    "Draw more samples (--samples), or ask this question alone (--only GC009).",
)


diagnostic = Diagnostic(
    code="GC009",
    name="Lipschitz",
    question="Has the discriminator a slope, and the one that its penalty asks for?",
    theorems=("gradient-penalty-overshoots", "critic-has-unit-slope-on-transport-rays"),
    measure=lipschitz,
    judge=judge,
    caption=(
        "Above: slopes of the score on real samples, generated samples and the segments between "
        "them; for wgan-gp the dashed lines are slope 1 and the slope at the optimum. Below: each "
        "layer's largest stretch, as a map of the size it meets in the network."
    ),
    headline="slope_between",
    threshold="wgan-gp: within 0.1 of the optimum's slope; fails above 25 % flat samples, by Holm",
    labels={
        "slope_real": "mean slope on real samples",
        "slope_generated": "mean slope on generated samples",
        "slope_between": "mean slope between them",
        "slope_largest": "largest slope found",
        "flat_share": "generated samples of slope zero",
        "layer_norm_largest": "largest norm of a layer",
        "product_bound": "product of the layers' norms",
        "critic_gap": "mean score on real minus on generated",
        "slope_weighted": "E s² / E s between them",
        "slope_predicted": "the same at the optimum, 1 + gap / (2 λ E s)",
        "slope_mismatch": "their difference",
    },
    tests={
        "flat": "more than a quarter of generated samples have slope zero",
        "mismatch": "the slope is more than 0.1 off the optimum's",
    },
    definition=Definition(
        mathml=(
            "<mrow><mfrac><mrow><mi>E</mi><msup><mi>s</mi><mn>2</mn></msup></mrow>"
            "<mrow><mi>E</mi><mi>s</mi></mrow></mfrac><mo>=</mo><mn>1</mn><mo>+</mo><mfrac>"
            "<mrow><mi>E</mi><mi>f</mi><mo>(</mo><mtext>real</mtext><mo>)</mo><mo>−</mo><mi>E</mi>"
            "<mi>f</mi><mo>(</mo><mtext>generated</mtext><mo>)</mo></mrow><mrow><mn>2</mn>"
            "<mi>λ</mi><mi>E</mi><mi>s</mi></mrow></mfrac></mrow>"
        ),
        estimator=(
            "Slopes by one gradient of the summed scores, at most 1000 points of each kind; both "
            "sides of the condition over the same pairs, their difference by the delta method. "
            "Layer norms by Lanczos on the layer and its transpose, in float64."
        ),
        cost="five passes of 1000 samples, three gradients, 20 to 60 products a layer",
        limits=(
            "The condition is necessary for an optimum, not sufficient. The largest slope found "
            "bounds the Lipschitz constant from below only, the product from above only, and "
            "loosely; each norm lies above its limit with chance 1e-3."
        ),
        source="Gulrajani et al. (2017); Kuczynski and Wozniakowski (1992)",
    ),
)
