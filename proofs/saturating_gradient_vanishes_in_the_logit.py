"""In which variable does the saturating generator gradient vanish?

Statement
    With d = sigmoid(s), d/ds ln(1 - d) = -d and d/ds (-ln d) = -(1 - d). As d -> 0 the saturating
    loss and its derivative in the logit s both go to 0, while the other derivative goes to -1. In
    d itself the derivative -1/(1 - d) of the saturating loss never falls below 1 in size.

Assumptions
    The derivative is taken in the logit s; d is small.

Source
    Goodfellow et al. (2014), section 3, where saturation is described; the derivatives are one
    line of calculus.
"""

import math

import sympy as sp

from gancheck.theory import (
    Caveat,
    Domain,
    Hypothesis,
    Mutant,
    NumericForm,
    Step,
    Tangent,
    Theorem,
    Witness,
    at_least,
    at_most,
    equal,
    greater,
    less,
)
from gancheck.theory.literature import GOODFELLOW_2014

d, e, eps, w = sp.symbols("d e epsilon w")
odds = e / (1 + e)  # the sigmoid, with e = exp(s)
saturating, non_saturating = sp.log(1 - d), -sp.log(d)
hundredth, quarter, half = sp.Rational(1, 100), sp.Rational(1, 4), sp.Rational(1, 2)

inside, positive = Domain({d: (0, 1)}), Domain({e: (0, sp.oo)})
small = Domain({eps: (0, sp.oo), w: (0, 1)})


def in_logit(value):
    """The derivative in s of a function of e = exp(s): the chain rule with e' = e."""
    return e * sp.diff(value, e)


def derive(c):
    """The steps, for any pair of losses and any claimed derivatives."""
    speed = d * (1 - d)
    slope = sp.diff(c.saturating, d)
    return [
        Step(
            "The sigmoid has d' = d (1 - d)", equal(in_logit(odds), speed.subs(d, odds)), positive
        ),
        Step("The saturating loss in the logit", equal(slope * speed, c.slope), inside),
        Step(
            "The non-saturating loss in the logit",
            equal(sp.diff(c.non_saturating, d) * speed, c.other_slope),
            inside,
        ),
        Step(
            "The saturating loss is negative", less(c.saturating, 0), inside, Tangent([(1, 1 - d)])
        ),
        Step(
            "It is at most d/(1 - d) in size",
            at_most(-c.saturating, c.bound),
            inside,
            Tangent([(1, 1 / (1 - d))]),
        ),
        Step(
            "So it is below epsilon in size for each d = w epsilon/(1 + epsilon), 0 < w < 1",
            less(c.bound.subs(d, w * eps / (1 + eps)), eps),
            small,
        ),
        Step(
            "And there its derivative in s is below epsilon in size",
            less(-c.slope.subs(d, w * eps / (1 + eps)), eps),
            small,
        ),
        Step(
            "While the non-saturating derivative in s is within epsilon of -1",
            less(c.other_slope.subs(d, w * eps / (1 + eps)) + 1, eps),
            small,
        ),
        Step("In d the saturating derivative has the size", equal(-slope, c.in_d), inside),
        Step("That size is above 1 for every d", greater(c.in_d, 1), inside),
    ]


hypotheses = [
    Hypothesis(
        "the derivative is taken in the logit",
        Witness(
            {d: hundredth},
            "taken in d at d = 1/100 the derivative has size 100/99, not 1/100",
            breaks=[
                Step(
                    "the derivative in d is at most d in size",
                    at_most(-sp.diff(saturating, d), d),
                    inside,
                )
            ],
        ),
    ),
    Hypothesis(
        "d is small (D recognises the fake)",
        Witness(
            {d: 1 - hundredth},
            "at d = 99/100 it is the non-saturating loss whose derivative in the logit is small",
            breaks=[
                Step(
                    "the non-saturating derivative in the logit is at least 1/2 in size",
                    at_least(-sp.diff(non_saturating, d) * d * (1 - d), half),
                    inside,
                )
            ],
        ),
    ),
]

at_quarter = {d: quarter}
mutants = [
    Mutant(
        "the saturating derivative in the logit is -1001/1000 d",
        {"slope": -sp.Rational(1001, 1000) * d},
        at_quarter,
        "the constant of proportionality",
        "near-miss",
    ),
    Mutant(
        "the saturating derivative in the logit is -(1 - d)",
        {"slope": -(1 - d)},
        at_quarter,
        "which loss saturates",
    ),
    Mutant(
        "the saturating derivative in the logit is -d (1 - d)",
        {"slope": -d * (1 - d)},
        at_quarter,
        "the derivative of the sigmoid taken for that of the loss",
    ),
    Mutant(
        "in d the saturating derivative has size d",
        {"in_d": d},
        {d: hundredth},
        "the variable the derivative is taken in",
    ),
    Mutant(
        "the saturating loss is at most d in size",
        {"bound": d},
        {d: half},
        "the bound without its denominator",
    ),
]

caveats = [
    Caveat(
        "S23",
        "The saturating generator gradient is proportional to D(G(z)), so it vanishes where D "
        "recognises fakes.",
        "That is its derivative in the logit; in D(G(z)) itself the derivative has size "
        "1/(1 - D(G(z))), at least 1. The gradient in the generator's weights is the derivative in "
        "the logit times that of the logit in the weights, which may vanish or grow as well.",
        Witness(
            {d: quarter},
            "the derivative in d has size 4/3 at d = 1/4 and 2 at d = 1/2: not proportional to d",
            breaks=[
                Step(
                    "doubling d doubles the derivative in d",
                    equal(sp.diff(saturating, d).subs(d, 2 * d), 2 * sp.diff(saturating, d)),
                    Domain({d: (0, half)}),
                )
            ],
        ),
    )
]


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def _difference(logit: float) -> float:
    """A central difference of ln(1 - sigmoid(logit)) = -softplus(logit)."""
    step = 1e-4
    return (math.log1p(math.exp(logit - step)) - math.log1p(math.exp(logit + step))) / (2 * step)


theorem = Theorem(
    id="saturating-gradient-vanishes-in-the-logit",
    title="The saturating gradient vanishes in the logit, not in the probability",
    statement="For d = sigmoid(s), the derivative in the logit s of {saturating} is {slope} and "
    "that of {non_saturating} is {other_slope}. As d goes to 0, the saturating loss (at most "
    "{bound} in size) and its derivative in s both go to 0; its derivative in d has size {in_d}, "
    "which stays above 1.",
    parts={
        "saturating": saturating,
        "non_saturating": non_saturating,
        "slope": -d,
        "other_slope": -(1 - d),
        "bound": d / (1 - d),
        "in_d": 1 / (1 - d),
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[GOODFELLOW_2014.at("section 3")],
    claims={"S23": "proof", "S24": "proof"},
    caveats=caveats,
    numeric=[
        NumericForm(
            "a central difference of -softplus in the logit is -sigmoid",
            ((-20.0, 20.0),),
            _difference,
            "==",
            lambda logit: -_sigmoid(logit),
            1e-9,
            "truncation (1e-4)^2/6 times a third derivative below 0.13, and rounding 2e-15/1e-4",
        )
    ],
)
