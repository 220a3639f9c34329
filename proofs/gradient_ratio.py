"""How much larger is the non-saturating gradient than the saturating one?

Statement
    For one sample with D(G(z)) = d, |grad(-ln d)| / |grad ln(1 - d)| = (1 - d)/d in every smooth
    parametrisation: 1 at d = 1/2, 99 at d = 1/100.

Assumptions
    0 < d < 1; one sample; the derivative of d does not vanish.

Source
    Goodfellow et al. (2014), section 3, where the second loss is introduced; the ratio is one
    line of calculus.
"""

import math

import sympy as sp

from gancheck.theory import (
    Domain,
    Hypothesis,
    Mutant,
    NumericForm,
    Relation,
    Step,
    Theorem,
    Witness,
    equal,
    greater,
    less,
)
from gancheck.theory.literature import GOODFELLOW_2014

d, chain, s = sp.symbols("d chain s")
score = sp.Function("d")(s)
saturating, non_saturating = sp.log(1 - d), -sp.log(d)
ratio = (1 - d) / d
quarter, half, hundredth = sp.Rational(1, 4), sp.Rational(1, 2), sp.Rational(1, 100)

inside = Domain({d: (0, 1)})
moving = Domain({d: (0, 1), chain: (-sp.oo, sp.oo)}, nonzero=(chain,))


def along(loss):
    """The derivative of a loss in any parameter s, with d'(s) = chain."""
    slope = sp.diff(loss.subs(d, score), s)
    return slope.xreplace({sp.Derivative(score, s): chain}).xreplace({score: d})


def derive(c):
    """The steps, for any pair of losses and any claimed ratio."""
    slopes = sp.diff(c.saturating, d), sp.diff(c.non_saturating, d)
    return [
        Step(
            "Along any smooth parametrisation the chain factor cancels",
            equal(along(c.non_saturating) / along(c.saturating), c.ratio),
            moving,
        ),
        Step(
            "Both losses move the same way, so the ratio of sizes is that of the derivatives",
            greater(slopes[0] * slopes[1], 0),
            inside,
        ),
        Step("The gradients are equal at d = 1/2", equal(c.ratio.subs(d, half), 1)),
        Step("At d = 1/100 the ratio is 99", equal(c.ratio.subs(d, hundredth), 99)),
        Step(
            "Where D recognises fakes (d < 1/2) the non-saturating gradient is the larger",
            Relation(c.ratio, c.below_half, sp.Integer(1)),
            Domain({d: (0, half)}),
        ),
        Step("The ratio falls strictly as d rises", less(sp.diff(c.ratio, d), 0), inside),
    ]


first, second = sp.symbols("first second")
batch = (-1 / first + 1 / second) / (-1 / (1 - first) + 1 / (1 - second))
two_samples = Domain({first: (0, 1), second: (0, 1)}, nonzero=(first - second,))

hypotheses = [
    Hypothesis(
        "0 < d < 1",
        Witness(
            {d: 0},
            "at d = 0 the inverse ratio is 0: no finite number is the ratio",
            breaks=[Step("the inverse ratio is positive", greater(d / (1 - d), 0), inside)],
        ),
    ),
    Hypothesis(
        "one sample",
        Witness(
            {first: quarter, second: half},
            "two samples with opposite directions, d = 1/4 and 1/2: the batch ratio is 3, the "
            "ratio at the mean d = 3/8 is 5/3",
            breaks=[
                Step(
                    "the batch ratio is the ratio at the mean d",
                    equal(batch, ratio.subs(d, (first + second) / 2)),
                    two_samples,
                )
            ],
        ),
    ),
    Hypothesis(
        "the derivative of d does not vanish",
        Witness(
            {chain: 0, d: half},
            "where the derivative of d is 0 both gradients are 0 and have no ratio",
            breaks=[
                Step("the saturating gradient is not 0", greater(along(saturating) ** 2, 0), moving)
            ],
        ),
    ),
]

at_quarter = {d: quarter, chain: 1}
mutants = [
    Mutant(
        "the ratio is 1/d, 100 at d = 1/100",
        {"ratio": 1 / d},
        {d: hundredth, chain: 1},
        "99, not 100",
        "near-miss",
    ),
    Mutant(
        "the ratio is d/(1 - d)", {"ratio": d / (1 - d)}, at_quarter, "which gradient is the larger"
    ),
    Mutant(
        "the ratio is ((1 - d)/d)^2",
        {"ratio": ratio**2},
        at_quarter,
        "the chain factor enters both gradients once",
    ),
    Mutant(
        "below d = 1/2 the ratio is below 1",
        {"below_half": "<"},
        {d: quarter},
        "the side on which saturation happens",
    ),
    Mutant(
        "the saturating loss is ln(1 + d)",
        {"saturating": sp.log(1 + d)},
        at_quarter,
        "the sign inside the saturating loss",
    ),
]


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _quotient(logit: float) -> float:
    """Central differences of the two losses in the logit, as training code has them."""
    step = 1e-4
    non_saturating = _softplus(-(logit + step)) - _softplus(-(logit - step))
    saturating = -_softplus(logit + step) + _softplus(logit - step)
    return non_saturating / saturating * math.exp(logit)  # (1 - d)/d = exp(-logit)


theorem = Theorem(
    id="gradient-ratio",
    title="Non-saturating over saturating gradient is (1 - d)/d",
    statement="Per sample, the gradient of {non_saturating} is {ratio} times as large as that of "
    "{saturating}, in every smooth parametrisation: 1 at d = 1/2 and 99 at d = 1/100.",
    parts={
        "saturating": saturating,
        "non_saturating": non_saturating,
        "ratio": ratio,
        "below_half": ">",
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[GOODFELLOW_2014.at("section 3")],
    claims={"S26": "proof", "S27": "proof", "S28": "proof"},
    numeric=[
        NumericForm(
            "central differences of the two losses in the logit give (1 - d)/d",
            "logit",
            _quotient,
            "==",
            lambda logit: 1.0,  # noqa: ARG005
            lambda logit: 1e-8 + 1e-11 * math.exp(abs(logit)),
            "truncation (1e-4)^2/6 of each difference, and rounding 2e-16 over differences of "
            "size 2e-4 * min(d, 1 - d)",
        )
    ],
)
