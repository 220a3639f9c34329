"""GC010 Dimension: does the generator use its latents, and do its samples fill the data's dimensions?

How it is measured
    Singular values of the generator's Jacobian at 32 latents (2 with batch norm in training mode,
    each in its own latent, the rest of the batch held), exact, in float64, in the coordinates that
    vary continuously: a choice of class is no direction. Beside them, not judged, those at latents
    whose samples lie on the data and in its gaps. The dimension of generated and of real samples
    from distances to ten neighbours, equal numbers of both.
Verdicts
    warning: the samples lie in significantly fewer than half the dimensions of the data, or the
    Jacobian's rank is below min(m, n) at significantly more than 25 % of the latents, so that some
    latent directions move nothing.
    sound: surely neither (the lower end of one dimension's 95 % interval not below half the upper
    end of the other's, and the exact 95 % interval of the share below 25 %), which errs in at most
    2.5 % for each. undecided: between, or there are too few different samples, or the Jacobian was
    too large to form and nothing else warns. Where batch norm mixes the samples of a batch, the
    rank is told and not judged.
    Dimensions are sampled and so are the latents, so each alarm rests on a test of "not beyond the
    line", at 1 % after Holm's correction: Student's t for the difference of the inverse dimensions,
    which are means, and exact binomial for the share of latents. What is tested are dimensions as
    this many samples show them, the same number of both. The rank at one latent and the numbers of
    latents and outputs are exact.
    With fewer latents than outputs the generator's law has no density. That is no fault and no
    verdict, it is said: a density ratio, and a divergence that needs one, then do not exist.
What to do
    Look at GC006 for modes that shrank, at dead units of the generator, or give it fewer latents.
Theorem: low-dimensional-generator-has-no-density. Sources: Levina and Bickel (2004); Arjovsky and
Bottou (2017); Holm (1979).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gancheck.diagnosis import Definition, Diagnostic, Finding, Quantity, Verdict
from gancheck.measures.holm import ALPHA, holm
from gancheck.measures.line_tests import in_words, mean_above, share_above, suspected
from gancheck.measures.local_dimension import FEWEST, LocalDimension, local_dimension

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gancheck.diagnosis import PValue


def judge(
    found: LocalDimension,
    *,
    alpha: float = ALPHA,
    beside: Sequence[float] = (),
    thin: float = 0.5,
    wasted: float = 0.25,
) -> Finding:
    """Compare dimensions of samples, then ranks.

    Args:
        found: the measurement.
        alpha: chance of any false alarm.
        beside: p-values of the other diagnostics of the same report.
        thin: half of the data's dimensions: every second direction of the data is not followed.
        wasted: share of latents of deficient rank: a chance flat spot is rarer than one in four.
    """
    q = found.quantities
    tests = holm(_tests(found, thin, wasted), beside=beside)
    fewer, flat = _fewer(q, tests, alpha, thin), _wasted(q, tests, alpha, wasted)
    flat = False if found.mixes else flat
    if fewer or flat:
        verdict = Verdict.warning
    else:
        verdict = Verdict.undecided if fewer is None or flat is None else Verdict.sound
    title = _TITLES[verdict]
    if verdict is Verdict.warning and not fewer:
        title = "Some latent directions move nothing"
    remedy = _REMEDIES[verdict]
    if verdict is Verdict.undecided and fewer is False and found.skipped:
        title, remedy = _UNRANKED  # more samples would not tell
    doubt = [p for p in tests.values() if suspected(p, alpha)]
    if verdict is Verdict.undecided and doubt:
        title, remedy = _SUSPECTED
    return Finding(
        code="GC010",
        verdict=verdict,
        title=title,
        because=" ".join(
            part
            for part in (
                _samples(found),
                _jacobian(found),
                _in_gaps(found),
                _density(found),
                *(in_words(p, alpha) for p in doubt[:1]),
            )
            if part
        ),
        remedy=remedy,
        quantities=q,
        theorems=diagnostic.theorems,
        measurement=found,
        p_values=tests,
    )


def _tests(found: LocalDimension, thin: float, wasted: float) -> dict[str, float]:
    """The p-value of each quantity that is not beyond its line; none of what is not judged."""
    q, out = found.quantities, dict[str, float]()
    if {"dimension_generated", "dimension_real"} <= q.keys():
        (few, error), (many, other) = (_inverse(q[f"dimension_{k}"]) for k in ("generated", "real"))
        both = math.hypot(error, other / thin)
        # the errors come of at least that many different samples each
        out["thin"] = mean_above(few - many / thin, both, 0.0, df=FEWEST - 1)
    if "deficient_share" in q and not found.mixes:
        latents = int(found.provenance["latents"])
        out["deficient"] = share_above(q["deficient_share"], latents, wasted)
    return out


def _inverse(dimension: Quantity) -> tuple[float, float]:
    """The mean that the dimension is one over, and its standard error."""
    value = dimension.value
    return 1.0 / value, (dimension.sampling_error or 0.0) / value**2


def _wasted(
    q: Mapping[str, Quantity], tests: Mapping[str, PValue], alpha: float, line: float
) -> bool | None:
    """Whether the rank is deficient at more latents than the line allows; None: not known."""
    if "deficient" not in tests:
        return None
    if tests["deficient"].corrected < alpha:
        return True
    return False if q["deficient_share"].interval[1] <= line else None


def _fewer(
    q: Mapping[str, Quantity], tests: Mapping[str, PValue], alpha: float, thin: float
) -> bool | None:
    """Whether the samples lie in fewer dimensions than `thin` times the data's; None: not known."""
    if "thin" not in tests:
        return None
    if tests["thin"].corrected < alpha:
        return True
    low, most = q["dimension_generated"].interval[0], q["dimension_real"].interval[1]
    return False if low >= thin * most else None


def _samples(found: LocalDimension) -> str:
    q = found.quantities
    missing = [k for k in ("generated", "real") if f"dimension_{k}" not in q]
    if missing:
        return (
            f"The {' and '.join(missing)} samples are too few or too much alike for a dimension from "
            "neighbours (50 different ones are needed)."
        )
    return (
        f"From neighbours, generated samples lie in {_ranged(q['dimension_generated'])} dimensions "
        f"and as many real ones in {_ranged(q['dimension_real'])}."
    )


def _jacobian(found: LocalDimension) -> str:
    q = found.quantities
    if found.skipped:
        return f"{found.skipped[0].upper()}{found.skipped[1:]}."
    share = q["deficient_share"]
    low, high = share.interval
    size = min(found.latent, found.ambient)
    text = (
        f"At {len(found.spectra)} latents the generator's Jacobian ({found.ambient} by "
        f"{found.latent}) has a rank of up to {q['jacobian_rank'].value:.0f} of {size}, less at "
        f"{share.value:.0%} of them (95 % interval {low:.0%} to {high:.0%}); its condition number "
        f"is {q['condition_number'].value:.3g} in the median, and its variance is spread over "
        f"{q['effective_rank'].value:.3g} directions."
    )
    if not found.connected:
        text += " The latent law has separate parts, and a choice between them is counted as no direction."
    return text


def _in_gaps(found: LocalDimension) -> str:
    """How much steeper the generator is where its samples lie between components."""
    q = found.quantities
    if "stretch_in_gap" not in q:
        return ""
    return (
        f"Where its samples lie in a gap of the data it stretches by {_ranged(q['stretch_in_gap'])} "
        f"in the median, where they lie on the data by {_ranged(q['stretch_on_data'])}."
    )


def _density(found: LocalDimension) -> str:
    m, n = found.latent, found.ambient
    if found.mixes:
        return (
            "Batch norm makes a sample a function of the whole batch of latents, so its rank in its "
            "own says nothing about a density; measure with batch_norm='running' for that."
        )
    if m < n:
        return (
            f"With {m} latents for {n} outputs a locally Lipschitz generator's law has no density, "
            "so its ratio to the data's density does not exist either."
        )
    if "deficient_share" not in found.quantities:
        return ""
    lost = found.quantities["deficient_share"].value
    none = (
        "no density there" if lost > 0.0 else "a density wherever the rank is full, as it is here"
    )
    return f"With {m} latents for {n} outputs the law has {none}."


def _ranged(q: Quantity) -> str:
    low, high = q.interval
    return f"{q.value:.2g} ({low:.2g} to {high:.2g})"


_TITLES = {
    Verdict.sound: "The samples lie in at least half the data's dimensions, and the latents move them",
    Verdict.warning: "The samples lie in far fewer dimensions than the data",
    Verdict.undecided: "The dimensions cannot be told apart from the line",
}
_SUSPECTED = (
    "Dimensions or latents may be lost, or that is chance",
    "Draw more samples (--samples), or ask this question alone (--only GC010).",
)
_UNRANKED = (
    "The samples lie in at least half the data's dimensions; how latents move them is not known",
    "A generator that torch can differentiate, with at most 1024 latents or outputs, would tell it.",
)
_REMEDIES = {
    Verdict.sound: "",
    Verdict.warning: "See GC006 for modes that shrank; look for dead units, or use fewer latents.",
    Verdict.undecided: "Draw more samples (--samples), or give more data.",
}


diagnostic = Diagnostic(
    code="GC010",
    name="Dimension",
    question="Does the generator use its latents, and do its samples fill the data's dimensions?",
    theorems=("low-dimensional-generator-has-no-density",),
    measure=local_dimension,
    judge=judge,
    caption=(
        "Above: singular values of the generator's Jacobian in order, median and range over "
        "latents; where the data has gaps, at latents whose samples lie on the data and, apart from "
        "them, in a gap: what rushes through a gap is steep there. Below: the dimension of "
        "generated and of real samples, from their neighbours."
    ),
    headline="dimension_generated",
    threshold="warns below half the data's dimension, or above 25 % of latents of deficient rank, by Holm",
    labels={
        "latent_dimension": "coordinates of a latent that vary continuously",
        "ambient_dimension": "coordinates of a sample",
        "jacobian_rank": "largest rank of the Jacobian",
        "deficient_share": "latents of deficient rank",
        "condition_number": "condition number, median",
        "effective_rank": "directions that carry the variance, median",
        "largest_stretch": "largest singular value, median",
        "stretch_on_data": "the same where samples lie on the data",
        "stretch_in_gap": "the same where samples lie in a gap",
        "dimension_generated": "dimension of generated samples",
        "dimension_real": "dimension of real samples",
    },
    tests={
        "thin": "generated samples lie in fewer than half the data's dimensions",
        "deficient": "the rank is deficient at more than a quarter of latents",
    },
    definition=Definition(
        mathml=(
            "<mrow><mfrac><mn>1</mn><mover><mi>m</mi><mo>^</mo></mover></mfrac><mo>=</mo>"
            "<mfrac><mn>1</mn><mrow><mi>n</mi><mo>(</mo><mi>k</mi><mo>−</mo><mn>1</mn><mo>)</mo>"
            "</mrow></mfrac><munder><mo>∑</mo><mi>i</mi></munder><munder><mo>∑</mo><mrow><mi>j</mi>"
            "<mo>&lt;</mo><mi>k</mi></mrow></munder><mi>ln</mi><mfrac><mrow><msub><mi>T</mi>"
            "<mi>k</mi></msub><mo>(</mo><msub><mi>x</mi><mi>i</mi></msub><mo>)</mo></mrow><mrow>"
            "<msub><mi>T</mi><mi>j</mi></msub><mo>(</mo><msub><mi>x</mi><mi>i</mi></msub><mo>)</mo>"
            "</mrow></mfrac></mrow>"
        ),
        estimator=(
            "Jacobians by backward passes, or by differentiating one; rank at max(m, n) machine "
            "epsilons of the largest singular value; distances to ten neighbours among at most 2000 "
            "samples, standard errors raised by 1.3 because neighbourhoods share points."
        ),
        cost=(
            "min(m, n) differentiated passes of 96 samples, or of 2 batches; distances between 2000 "
            "samples and the gaps of as many real ones"
        ),
        limits=(
            "The dimension from neighbours depends on the number of samples, falls short above "
            "about ten, and counts noise; it is meant beside its twin. A rank is that of rounding's "
            "tolerance: directions may be moved and still be too faint to see."
        ),
        source="Levina and Bickel (2004); MacKay and Ghahramani (2005); Odena et al. (2018)",
    ),
)
