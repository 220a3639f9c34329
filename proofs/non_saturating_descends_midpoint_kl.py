"""Which divergence does the non-saturating loss descend?

Statement
    With D* frozen, the gradient of E_q(-ln D*) is that of 2 KL(m, p), m = (p + q)/2, and
    2 KL(m, p) = KL(q, p) - 2 JSD(p, q) >= 0, with equality only at q = p.

Assumptions
    p and q are laws, q << p, D is optimal for the current q and frozen in the generator's step.

Source
    Arjovsky and Bottou (2017) have the gradient as that of KL(q, p) - 2 JSD(p, q); Shannon (2020)
    has the divergences that such losses descend. The identity is a line of algebra.
"""

import math

import sympy as sp

from gancheck.theory import (
    Caveat,
    Domain,
    Hypothesis,
    LogRational,
    Mutant,
    NumericForm,
    Step,
    Tangent,
    Theorem,
    Witness,
    at_least,
    equal,
    greater,
    less,
)
from gancheck.theory.literature import ARJOVSKY_BOTTOU_2017, GOODFELLOW_2014, SHANNON_2020

p, q, d, u = sp.symbols("p q d u")
other_p, other_q = sp.symbols("other_p other_q")
half, quarter, three_quarters = (sp.Rational(k, 4) for k in (2, 1, 3))
middle = (p + q) / 2
optimum = p / (p + q)
reverse_kl = q * sp.log(q / p)
twice_jsd = p * sp.log(p / middle) + q * sp.log(q / middle)
kl_of_middle = middle * sp.log(middle / p)

positive, unit = (0, sp.oo), (0, 1)
densities = Domain({p: positive, q: positive})
two_places = Domain({p: positive, q: positive, other_p: positive, other_q: positive})
outputs = Domain({d: unit})
positive_u = Domain({u: positive})


def moving_mass(slope):
    """The change of an integral when mass of q moves to this place from another one."""
    return slope - slope.subs({p: other_p, q: other_q}, simultaneous=True)


def derive(c):
    """The steps, for any losses, any descended divergence and any claimed second derivative."""
    frozen = c.loss.subs(d, optimum)
    generator = c.descended.subs({p: u, q: 1}, simultaneous=True)
    return [
        Step(
            "Both generator losses fall strictly as d rises: the non-saturating one",
            less(sp.diff(c.loss, d), 0),
            outputs,
        ),
        Step("and the saturating one", less(sp.diff(c.saturating, d), 0), outputs),
        Step(
            "Their difference is not constant but strictly convex: the game is not zero-sum",
            greater(sp.diff(c.loss - c.saturating, d, 2), 0),
            outputs,
        ),
        Step(
            "Moving mass of q from any place to any other changes E_q(-ln D*), D* frozen, as it "
            "changes the descended divergence; all directions are sums of such moves",
            equal(moving_mass(frozen), moving_mass(sp.diff(c.descended, q))),
            two_places,
            LogRational(),
        ),
        Step(
            "The integrand of KL(q, p) - 2 JSD is that of the descended divergence",
            equal(c.combination, c.descended),
            densities,
            LogRational(),
        ),
        Step(
            "It is q f(p/q) for a generator f",
            equal(c.descended, q * generator.subs(u, p / q)),
            densities,
            LogRational(),
        ),
        Step("with this second derivative", equal(sp.diff(generator, u, 2), c.second), positive_u),
        Step("so f is strictly convex", greater(c.second, 0), positive_u),
        Step(
            "Gibbs: the integrand is above q - p, which integrates to 0, wherever q is not p",
            greater(c.descended, q - p),
            Domain(densities.open, nonzero=(p - q,)),
            Tangent(((p + q, p / middle),)),
        ),
        Step("and it is 0 where q = p", equal(c.descended.subs(q, p), 0), Domain({p: positive})),
    ]


descended_slope = moving_mass(sp.diff(2 * kl_of_middle, q))
even = {p: half, q: quarter, other_p: half, other_q: three_quarters}

hypotheses = [
    Hypothesis(
        "D* is frozen in the generator's step",
        Witness(
            even,
            "differentiated through D*, E_q(-ln D*) has a further term q/(p + q)",
            breaks=[
                Step(
                    "the gradient through D* is that of 2 KL(m, p)",
                    equal(moving_mass(sp.diff(-q * sp.log(optimum), q)), descended_slope),
                    two_places,
                    LogRational(),
                )
            ],
        ),
    ),
    Hypothesis(
        "D is optimal for the current q",
        Witness(
            even,
            "the constant D = 1/2 gives no gradient at all, though q is not p",
            breaks=[
                Step(
                    "the gradient at D = 1/2 is that of 2 KL(m, p)",
                    equal(moving_mass(-sp.log(half)), descended_slope),
                    two_places,
                    LogRational(),
                )
            ],
        ),
    ),
    Hypothesis(
        "q << p",
        Witness(
            {p: 0, q: 1},
            "where p = 0 < q the optimum is 0: E_q(-ln D*) and KL(q, p) are both infinite",
            breaks=[Step("the optimum is positive", greater(optimum, 0), densities)],
        ),
    ),
    Hypothesis(
        "p and q have mass 1",
        Witness(
            {p: 2, q: 1},
            "masses 2 and 1 at one place give 3 ln(3/4), which is negative",
            breaks=[
                Step(
                    "2 KL(m, p) is not negative",
                    at_least(2 * kl_of_middle, 0),
                    densities,
                    Tangent(((p + q, p / middle),)),
                )
            ],
        ),
    ),
]

mutants = [
    Mutant(
        "KL(q, p) + 2 JSD = 2 KL(m, p)",
        {"combination": reverse_kl + twice_jsd},
        even,
        "the sign of the JSD",
    ),
    Mutant(
        "it descends 2 KL(p, m)",
        {"descended": 2 * p * sp.log(p / middle)},
        even,
        "the order of the arguments",
    ),
    Mutant(
        "it descends KL(q, p), f'' = 1/u^2",
        {"descended": reverse_kl, "second": u**-2},
        even,
        "f''(1) is 1/2, not 1",
    ),
    Mutant(
        "KL(q, p) - 2 JSD = 201/100 KL(m, p)",
        {"descended": sp.Rational(201, 100) * kl_of_middle},
        even,
        "the factor is 2",
        "near-miss",
    ),
    Mutant(
        "the loss is -ln(1 - d)",
        {"loss": -sp.log(1 - d)},
        {d: half},
        "the loss rewards fakes taken for real",
    ),
]

over_atoms = sum(
    (2 * kl_of_middle).subs({p: a, q: b}, simultaneous=True) for a, b in ((half, q), (half, 1 - q))
)
caveats = [
    Caveat(
        "L3",
        "The minus sign before the JSD in KL(q, p) - 2 JSD(p, q) rewards laws that lie apart.",
        "The sum is 2 KL(m, p), never negative and 0 only at q = p: no law is rewarded for lying "
        "apart.",
        Witness(
            {q: quarter},
            "for p = (1/2, 1/2), q = (1/4, 3/4) the objective is above its value 0 at q = p",
            breaks=[
                Step(
                    "a law apart from p is cheaper than p itself",
                    less(over_atoms, over_atoms.subs(q, half)),
                    Domain({q: unit}),
                    Tangent(()),
                )
            ],
        ),
    )
]


def _kl(left, right):
    return sum(a * math.log(a / b) for a, b in zip(left, right, strict=True))


def _two(first, second):
    return (first, 1 - first), (second, 1 - second)


def _midpoint(first, second):
    ps, qs = _two(first, second)
    return [(a + b) / 2 for a, b in zip(ps, qs, strict=True)]


def _kl_minus_twice_jsd(first, second):
    ps, qs = _two(first, second)
    ms = _midpoint(first, second)
    return _kl(qs, ps) - _kl(ps, ms) - _kl(qs, ms)


def _objective(first, second):
    return 2 * _kl(_midpoint(first, second), (first, 1 - first))


def _frozen_slope(first, second):
    return math.log((1 - first) / (2 - first - second)) - math.log(first / (first + second))


weights = ((0.05, 0.95), (0.05, 0.95))
theorem = Theorem(
    id="non-saturating-descends-midpoint-kl",
    title="The non-saturating loss descends 2 KL(m, p)",
    statement="With D* frozen, the gradient of E_q(-ln D*) is that of 2 KL(m, p), m = (p + q)/2, "
    "the integral of {descended}; 2 KL(m, p) = KL(q, p) - 2 JSD(p, q) >= 0, with equality only "
    "at q = p.",
    parts={
        "loss": -sp.log(d),
        "saturating": sp.log(1 - d),
        "combination": reverse_kl - twice_jsd,
        "descended": 2 * kl_of_middle,
        "second": 1 / (u**2 * (1 + u)),
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[ARJOVSKY_BOTTOU_2017, GOODFELLOW_2014.at("section 3"), SHANNON_2020],
    claims={"S25": "proof", "L3": "proof"},
    caveats=caveats,
    note="The objective changes with every step, since D* does: the gradient is that of 2 KL(m, p) "
    "at the current q only, and only if D is optimal there.",
    numeric=[
        NumericForm(
            "KL(q, p) - 2 JSD = 2 KL(m, p)",
            weights,
            _kl_minus_twice_jsd,
            "==",
            _objective,
            1e-13,
            "a dozen terms below 3 in size, 2e-16 each",
        ),
        NumericForm(
            "the frozen gradient is a central difference of 2 KL(m, p)",
            weights,
            _frozen_slope,
            "==",
            lambda a, b: (_objective(a, b + 1e-5) - _objective(a, b - 1e-5)) / 2e-5,
            1e-7,
            "truncation (1e-5)^2/6 times a third derivative below 200, rounding 1e-15/1e-5",
        ),
    ],
)
