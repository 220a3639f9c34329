"""Is the gradient ratio of a batch the mean of its samples' ratios?

Statement
    If every sample moves its output along the same upstream vector, the ratio of the batch
    gradients is (1 - dbar)/dbar with dbar the mean output, at most the mean of (1 - d)/d, and
    equal to it exactly where all d are equal. With different vectors it can be any number.

Assumptions
    0 < d < 1; equal upstream vectors; per logit.

Source
    Jensen's inequality for 1/d, by the tangent at dbar: 1/d >= 2/dbar - d/dbar^2; averaged over
    any number of samples the right side is 1/dbar.
"""

import sympy as sp

from gancheck.theory import (
    Caveat,
    Domain,
    Hypothesis,
    Mutant,
    NumericForm,
    Relation,
    Step,
    Theorem,
    Witness,
    at_least,
    equal,
    greater,
)
from gancheck.theory.literature import GOODFELLOW_2014

from . import gradient_ratio  # noqa: TID251  (a neighbour on the shelf)

d, mean, a, b, v, w = sp.symbols("d m a b v w")
unit, line = (0, 1), (-sp.oo, sp.oo)
quarter, half = sp.Rational(1, 4), sp.Rational(1, 2)
ratio = (1 - d) / d
pair_mean = (a + b) / 2
batch = ratio.subs(d, pair_mean)
samples = (ratio.subs(d, a) + ratio.subs(d, b)) / 2
two = Domain({a: unit, b: unit})
upstream = ((1 - a) * v + (1 - b) * w) / (a * v + b * w)


def derive(c):
    """The steps, for any claimed batch ratio and order."""
    tangent = 2 / mean - d / mean**2
    return [
        Step(
            "With one upstream vector the batch ratio is the sum of 1 - d over the sum of d",
            equal(upstream.subs({v: 1, w: 1}), c.batch),
            two,
        ),
        Step(
            "1/d lies above its tangent at the mean",
            at_least(1 / d, tangent),
            Domain({d: unit, mean: unit}),
        ),
        Step(
            "which at the mean is 1/mean; so the mean of 1/d is at least that (n samples)",
            equal(tangent.subs(d, mean), 1 / mean),
            Domain({mean: unit}),
        ),
        Step(
            "For two samples the gap is a square over positive numbers",
            equal(samples - c.batch, (a - b) ** 2 / (2 * a * b * (a + b))),
            two,
        ),
        Step(
            "so with different outputs the mean of the ratios is strictly the larger",
            Relation(samples, c.order, c.batch),
            Domain({a: unit, b: unit}, nonzero=(a - b,)),
        ),
        Step("and with equal outputs they agree", equal(samples.subs(b, a), c.batch.subs(b, a)),
             Domain({a: unit})),
    ]  # fmt: skip


one_vector = Step(
    "the batch ratio is the ratio at the mean output",
    equal(upstream, batch),
    Domain({a: unit, b: unit, v: line, w: line}, nonzero=(a * v + b * w,)),
)

hypotheses = [
    Hypothesis(
        "equal upstream vectors",
        Witness(
            {a: quarter, b: half, v: 1, w: -1},
            "vectors 1 and -1 with d = 1/4 and 1/2: the batch ratio is -1 (size 1), the ratio at "
            "the mean is 5/3, the samples' are 3 and 1",
            breaks=[one_vector],
        ),
    ),
    Hypothesis(
        "0 < d < 1",
        convenient="d = 1 may be allowed: its ratio is 0; at d = 0 the mean ratio is infinite and "
        "the inequality holds trivially",
    ),
]

at = {a: quarter, b: half}
mutants = [
    Mutant(
        "the mean ratio is at most 1.01 times the batch ratio",
        {"batch": sp.Rational(101, 100) * batch},
        at,
        "5/3 against 2 is no rounding",
        "near-miss",
    ),
    Mutant("the batch ratio is the mean ratio", {"batch": samples}, at, "5/3 against 2"),
    Mutant("the batch ratio is at least the mean ratio", {"order": "<"}, at, "the side of Jensen"),
    Mutant(
        "the batch ratio is the geometric mean squared, (1-a)(1-b)/(a b)",
        {"batch": (1 - a) * (1 - b) / (a * b)},
        at,
        "sums are divided, not products",
    ),
    Mutant(
        "the batch ratio is the ratio at the larger output",
        {"batch": ratio.subs(d, b)},
        at,
        "every sample counts",
    ),
]

outside = {a: quarter, b: sp.Rational(9, 20), v: 2, w: -1}
theorem = Theorem(
    id="batch-ratio-is-not-the-mean-ratio",
    title="A batch's gradient ratio is not the mean of its samples' ratios",
    statement="For two samples with outputs a and b and one upstream vector the batch ratio is "
    "{batch}, below the mean {samples} unless a = b; with n samples (1 - dbar)/dbar is at most "
    "the mean of {ratio}. With different vectors the batch ratio can be any number.",
    formulas={"samples": samples, "ratio": ratio},
    parts={"batch": batch, "order": ">"},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[GOODFELLOW_2014.at("section 3")],
    claims={"S29": "proof"},
    uses=[gradient_ratio.theorem],
    caveats=[
        Caveat(
            "S29",
            "Averaged over the batch, the non-saturating gradient is (1 - d)/d times as large.",
            "The ratio is per sample. A batch's is a ratio of sums: with one upstream vector it is "
            "that of the mean output, with different vectors it need not lie among the samples'.",
            Witness(
                outside,
                "vectors 2 and -1 with d = 1/4 and 9/20: the batch ratio is 19, the samples' are "
                "3 and 11/9",
                shows=[
                    Step("the batch ratio is 19", equal(upstream.subs(outside), 19)),
                    Step("above the larger sample's", greater(19, ratio.subs(d, quarter))),
                ],
                breaks=[one_vector],
            ),
        )
    ],
    numeric=[
        NumericForm(
            "the ratio at the mean of four outputs is at most the mean of the ratios",
            ((0.01, 0.99), (0.01, 0.99), (0.01, 0.99), (0.01, 0.99)),
            lambda *ds: 4 / sum(ds) - 1,
            "<=",
            lambda *ds: sum((1 - x) / x for x in ds) / 4,
            1e-12,
            "four quotients of size at most 100, a few units of 2e-16 each",
        )
    ],
)
