"""Optimal discriminator, with the share of real samples as a prior.

Statement
    For p, q > 0 and a share pi of real samples, pi*p*ln(d) + (1 - pi)*q*ln(1 - d) has the one
    maximiser D* = pi*p / (pi*p + (1 - pi)*q) over 0 < d < 1. Where p = 0 < q the supremum is
    approached only as d -> 0, where q = 0 < p only as d -> 1, and where p = q = 0 every d is
    optimal. As p/q runs through 0, 1, infinity, D* runs through 0, pi, 1.

Assumptions
    Both laws have densities at the point (p + q always serves as the common measure), 0 < pi < 1,
    and D is free at every point.

Source
    Goodfellow et al. (2014), Generative adversarial nets, Proposition 1, for pi = 1/2.
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
    at_most,
    equal,
    greater,
    less,
)
from gancheck.theory.literature import GOODFELLOW_2014

p, q, d, u, v = sp.symbols("p q d u v")
prior = sp.Symbol("pi")
positive, unit = (0, sp.oo), (0, 1)
half = sp.Rational(1, 2)

payoff = prior * p * sp.log(d) + (1 - prior) * q * sp.log(1 - d)
optimum = prior * p / (prior * p + (1 - prior) * q)
densities = Domain({p: positive, q: positive, prior: unit})
densities_and_d = Domain({p: positive, q: positive, prior: unit, d: unit})


def derive(c):
    """The steps, for any payoff and any candidate for its maximiser."""
    slope = sp.diff(c.payoff, d)
    best = c.payoff.subs(d, c.optimum)
    away = Domain(densities_and_d.open, nonzero=(d - c.optimum,))
    tangents = ((prior * p, d / c.optimum), ((1 - prior) * q, (1 - d) / (1 - c.optimum)))
    of_ratio = c.optimum.subs(p, u * q)
    at_infinity = sp.cancel(c.optimum.subs(p, q / v))
    return [
        Step("The candidate lies strictly above 0", greater(c.optimum, 0), densities),
        Step("and strictly below 1", less(c.optimum, 1), densities),
        Step(
            "The slope of the payoff vanishes there", equal(slope.subs(d, c.optimum), 0), densities
        ),
        Step("The payoff is strictly concave in d", less(sp.diff(slope, d), 0), densities_and_d),
        Step(
            "Without calculus: every other d is strictly worse, by two tangents of ln",
            less(c.payoff, best),
            away,
            Tangent(tangents),
        ),
        Step(
            "Where p = 0 < q, the payoff is below its limit 0 at d -> 0",
            less(c.payoff.subs(p, 0), 0),
            densities_and_d.replaced(p, None),
            Tangent((((1 - prior) * q, 1 - d),)),
        ),
        Step(
            "Where p = 0 < q, the formula gives that limit point 0",
            equal(c.optimum.subs(p, 0), 0),
            densities.replaced(p, None),
        ),
        Step(
            "Where q = 0 < p, the payoff is below its limit 0 at d -> 1",
            less(c.payoff.subs(q, 0), 0),
            densities_and_d.replaced(q, None),
            Tangent(((prior * p, d),)),
        ),
        Step(
            "Where q = 0 < p, the formula gives that limit point 1",
            equal(c.optimum.subs(q, 0), 1),
            densities.replaced(q, None),
        ),
        Step(
            "Where p = q = 0, the payoff is 0 for every d",
            equal(c.payoff.subs({p: 0, q: 0}), 0),
            Domain({prior: unit, d: unit}),
        ),
        Step(
            "At p = q the optimum is the prior",
            equal(of_ratio.subs(u, 1), prior),
            Domain({q: positive, prior: unit}),
        ),
        Step(
            "As p/q -> 0 it tends to 0",
            equal(sp.cancel(of_ratio).subs(u, 0), 0),
            Domain({q: positive, prior: unit}),
        ),
        Step(
            "As p/q -> infinity it tends to 1 (q/p = v -> 0)",
            equal(at_infinity.subs(v, 0), 1),
            Domain({q: positive, prior: unit}),
        ),
    ]


def value_of_constant(p1, q1):
    """Payoff over two atoms (p1, 1 - p1), (q1, 1 - q1) for one constant d, at equal priors."""
    atoms = ((p1, q1), (1 - p1, 1 - q1))
    return sum(payoff.subs({p: a, q: b, prior: half}, simultaneous=True) for a, b in atoms)


def best_value(p1, q1):
    """Payoff over the same two atoms with the optimum chosen at each."""
    best = payoff.subs(d, optimum)
    atoms = ((p1, q1), (1 - p1, 1 - q1))
    return sum(best.subs({p: a, q: b, prior: half}, simultaneous=True) for a, b in atoms)


three_quarters, quarter = sp.Rational(3, 4), sp.Rational(1, 4)
constant_d = value_of_constant(three_quarters, quarter)
free_d = best_value(three_quarters, quarter)

hypotheses = [
    Hypothesis(
        "D is free at every point",
        Witness(
            {d: half},
            "with one constant d for the laws (3/4, 1/4) and (1/4, 3/4) the best is d = 1/2, "
            "which stays below the value of D*",
            breaks=[
                Step(
                    "the best constant reaches the value of D*",
                    equal(constant_d, free_d),
                    Domain({d: unit}),
                )
            ],
            shows=[
                Step(
                    "every other constant is worse than 1/2",
                    less(constant_d.subs(d, v), constant_d.subs(d, half)),
                    Domain({v: unit}, nonzero=(v - half,)),
                    Tangent(((half, 2 * v), (half, 2 * (1 - v)))),
                )
            ],
        ),
    ),
    Hypothesis(
        "p + q > 0 at the point",
        Witness(
            {p: 0, q: 0, prior: half, d: quarter},
            "where p = q = 0 the payoff is 0 at every d, so no maximiser is the only one",
            breaks=[
                Step(
                    "d = 1/4 is strictly worse than d = 1/2",
                    less(payoff, payoff.subs(d, half)),
                    densities_and_d,
                )
            ],
        ),
    ),
    Hypothesis(
        "the payoff is maximised, so that it is concave in d",
        Witness(
            {p: 1, q: 1, prior: half, d: quarter},
            "for the negated payoff the same stationary point is the minimum",
            breaks=[
                Step(
                    "the negated payoff is at most its value at D*",
                    at_most(-payoff, -payoff.subs(d, optimum)),
                    densities_and_d,
                    Tangent(()),
                )
            ],
            shows=[
                Step(
                    "its slope vanishes there too",
                    equal(sp.diff(-payoff, d).subs(d, optimum), 0),
                    densities,
                )
            ],
        ),
    ),
    Hypothesis(
        "0 < pi < 1",
        convenient="pi = 0 or 1 leaves one class: the formula then gives 0 or 1, the limit "
        "points of the two edge cases above",
    ),
]

mutants = [
    Mutant(
        "D* = p / (p + 1.001 q) at equal priors",
        {"optimum": prior * p / (prior * p + sp.Rational(1001, 1000) * (1 - prior) * q)},
        {p: 1, q: 1, prior: half},
        "the weight of the fake part is exactly 1",
        "near-miss",
    ),
    Mutant(
        "D* = (1 - pi) p / ((1 - pi) p + pi q)",
        {"optimum": (1 - prior) * p / ((1 - prior) * p + prior * q)},
        {p: 1, q: 1, prior: quarter},
        "the prior of the wrong class",
    ),
    Mutant(
        "the prior drops out: D* = p / (p + q)",
        {"optimum": p / (p + q)},
        {p: 1, q: 1, prior: quarter},
        "a minibatch of another mix moves the optimum",
    ),
    Mutant(
        "D* = p / (p + 2 q) at equal priors",
        {"optimum": prior * p / (prior * p + 2 * (1 - prior) * q)},
        {p: 1, q: 1, prior: half},
        "a factor 2 in the fake part",
    ),
    Mutant(
        "the payoff is p ln(d) - q ln(1 - d)",
        {"payoff": prior * p * sp.log(d) - (1 - prior) * q * sp.log(1 - d)},
        {p: 1, q: 1, prior: half, d: quarter},
        "the sign of the fake part; the payoff then has no stationary point at D*",
    ),
]


def _payoff_at(share: float, real: float, fake: float, at: float) -> float:
    first = share * real * math.log(at) if share * real else 0.0
    second = (1 - share) * fake * math.log1p(-at) if (1 - share) * fake else 0.0
    return first + second


def _best(share: float, real: float, fake: float) -> float:
    top, bottom = share * real, (1 - share) * fake
    if not top + bottom:
        return 0.0
    best = 0.0
    for mass in (top, bottom):
        best += mass * math.log(mass / (top + bottom)) if mass else 0.0
    return best


numeric = [
    NumericForm(
        "no discriminator output beats D*, atom by atom",
        "laws_outputs_prior",
        lambda ps, qs, ds, share: max(
            _payoff_at(share, a, b, at) - _best(share, a, b)
            for a, b, at in zip(ps, qs, ds, strict=True)
        ),
        "<=",
        lambda ps, qs, ds, share: 0.0,  # noqa: ARG005
        1e-13,
        "two logarithms of numbers between 1e-12 and 1, each at most 28 in size, weighted "
        "by masses at most 1: a few hundred units of the last place, 2e-16 each",
    )
]

theorem = Theorem(
    id="optimal-discriminator",
    title="The optimal discriminator is a posterior",
    statement="{optimum} is the one maximiser of {payoff} over 0 < d < 1. Where p = 0 < q the "
    "optimum is 0, where q = 0 < p it is 1 (limits, not attained inside); where p = q = 0 every d "
    "is optimal.",
    parts={"payoff": payoff, "optimum": optimum},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[GOODFELLOW_2014.at("Proposition 1")],
    claims={"S4": "proof", "S5": "proof", "S6": "proof", "S7": "proof", "L1": "proof"},
    caveats=[
        Caveat(
            "S5",
            "Setting the derivative to zero gives the optimum everywhere.",
            "Where one density is 0 the optimum is at the boundary and no derivative vanishes; "
            "where both are 0 every d is optimal.",
            Witness(
                {p: 0, q: 1, prior: sp.Rational(1, 2)},
                "p = 0, q = 1: the slope at the optimum d = 0 is -1/2",
                breaks=[
                    Step(
                        "the slope vanishes at the optimum",
                        equal(sp.cancel((1 - d) * sp.diff(payoff, d).subs(p, 0)).subs(d, 0), 0),
                        Domain({q: (0, 2), prior: (0, 1)}),
                    )
                ],
            ),
        ),
        Caveat(
            "S6",
            "D* = p/(p + q), whatever the mix of the minibatch.",
            "Of a loss averaged over the joint batch the mix is a prior; the usual sum of two means "
            "has pi = 1/2.",
            Witness(
                {p: 1, q: 1, prior: sp.Rational(1, 4)},
                "one real to three fakes at p = q: the optimum is 1/4",
                breaks=[
                    Step(
                        "the optimum is p/(p + q)",
                        equal(optimum, p / (p + q)),
                        Domain({p: (0, 2), q: (0, 2), prior: (0, 1)}),
                    )
                ],
            ),
        ),
    ],
    numeric=numeric,
)
