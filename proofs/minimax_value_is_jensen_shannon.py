"""The value of the game against the optimal discriminator is a Jensen-Shannon divergence.

Statement
    V(D*) = 2 JSD(p, q) - 2 ln 2; with a prior pi it is JSD_pi(p, q) - H(pi). The maximum over D
    lies between -2 ln 2 and 0, while the infimum over D is minus infinity.

Assumptions
    p and q are probability laws with densities, D is at its optimum, logarithms are natural.

Source
    Goodfellow et al. (2014), Theorem 1.

The derivation is of integrands: both sides are integrals of the same function of (p, q), and laws
of mass 1 turn (p + q) ln 2 into 2 ln 2. Two laws on two atoms are also decided as a whole.
"""

import math

import sympy as sp

from gancheck.theory import (
    Caveat,
    Domain,
    Enclosure,
    Hypothesis,
    LogRational,
    Mutant,
    NumericForm,
    Step,
    Tangent,
    Theorem,
    Witness,
    at_least,
    at_most,
    equal,
)
from gancheck.theory.literature import GOODFELLOW_2014

from . import optimal_discriminator as od  # noqa: TID251  (a neighbour on the shelf)

p, q, d, prior = od.p, od.q, od.d, od.prior
first, second = sp.symbols("first second")
half = sp.Rational(1, 2)

middle = (p + q) / 2
payoff = p * sp.log(d) + q * sp.log(1 - d)
optimum = od.optimum.subs(prior, half)
jsd = half * p * sp.log(p / middle) + half * q * sp.log(q / middle)
kl_to_middle = p * sp.log(p / middle)
mixture = prior * p + (1 - prior) * q
jsd_prior = prior * p * sp.log(p / mixture) + (1 - prior) * q * sp.log(q / mixture)
entropy = -prior * p * sp.log(prior) - (1 - prior) * q * sp.log(1 - prior)

densities = Domain({p: od.positive, q: od.positive})
densities_and_d = Domain({p: od.positive, q: od.positive, d: od.unit})
two_atoms = Domain({first: od.unit, second: od.unit})


def over_atoms(integrand):
    """The integral over two atoms with weights (first, 1 - first) and (second, 1 - second)."""
    pairs = ((first, second), (1 - first, 1 - second))
    return sum(integrand.subs({p: a, q: b}, simultaneous=True) for a, b in pairs)


def derive(c):
    """The steps, for any divergence, factor, constant and any claim on the range of the value."""
    best = payoff.subs(d, optimum)
    with_prior = od.payoff.subs(d, od.optimum)
    lower = -(p + q) * sp.log(2)
    return [
        Step(
            "Integrands agree: the payoff at D* is the divergence plus the constant times "
            "the mean of the densities",
            equal(best, c.factor * c.divergence + c.constant * middle),
            densities,
            LogRational(),
        ),
        Step(
            "Integrated over any two laws on two atoms",
            equal(over_atoms(best), c.factor * over_atoms(c.divergence) + c.constant),
            two_atoms,
            LogRational(),
        ),
        Step(
            "With a prior, the integrand is that of JSD_pi minus the entropy of the prior",
            equal(with_prior, c.jsd_prior - c.entropy),
            od.densities,
            LogRational(),
        ),
        Step(
            "The value at D* is at most 0",
            at_most(best, 0),
            densities,
            Tangent(((p, optimum), (q, 1 - optimum))),
        ),
        Step(
            "The value at D* is at least -2 ln 2 (integrand by integrand, Gibbs)",
            at_least(c.bounded_below, lower),
            densities_and_d,
            Tangent(((p, middle / p), (q, middle / q))),
        ),
        Step(
            "The value has no lower bound in D: at p = q every halving of d below 1/4 lowers "
            "it by at least 1/3 of the mass",
            at_most(
                payoff.subs({q: p, d: d / 2}, simultaneous=True), payoff.subs(q, p) - c.drop * p
            ),
            Domain({p: od.positive, d: (0, sp.Rational(1, 4))}),
            Tangent(((p, half), (p, (1 - d / 2) / (1 - d)))),
        ),
    ]


best_two, jsd_two = over_atoms(payoff.subs(d, optimum)), over_atoms(jsd)
three_quarters, quarter = sp.Rational(3, 4), sp.Rational(1, 4)

hypotheses = [
    Hypothesis(
        "D is at its optimum",
        Witness(
            {first: three_quarters, second: quarter},
            "the constant D = 1/2 gives -2 ln 2 for every q, whatever the divergence",
            breaks=[
                Step(
                    "the payoff at D = 1/2 is 2 JSD - 2 ln 2",
                    equal(over_atoms(payoff.subs(d, half)), 2 * jsd_two - 2 * sp.log(2)),
                    two_atoms,
                    LogRational(),
                )
            ],
            shows=[
                Step(
                    "D = 1/2 gives -2 ln 2 for all laws on two atoms",
                    equal(over_atoms(payoff.subs(d, half)), -2 * sp.log(2)),
                    two_atoms,
                    LogRational(),
                )
            ],
        ),
    ),
    Hypothesis(
        "p and q have mass 1",
        Witness(
            {p: 1, q: 2},
            "with masses 1 and 2 at one point the constant is -3 ln 2",
            breaks=[
                Step(
                    "the constant is -2 ln 2",
                    equal(payoff.subs(d, optimum), 2 * jsd - 2 * sp.log(2)),
                    densities,
                    LogRational(),
                )
            ],
        ),
    ),
    Hypothesis(
        "logarithms are natural",
        Witness(
            {first: three_quarters, second: quarter},
            "in bits the constant is -2, not -2 ln 2",
            breaks=[
                Step(
                    "with value and divergence in bits the constant is -2 ln 2",
                    equal(best_two, 2 * jsd_two - 2 * sp.log(2) * sp.log(2)),
                    two_atoms,
                    LogRational(),
                )
            ],
        ),
    ),
    Hypothesis(
        "both laws have densities",
        convenient="any two laws have densities with respect to their sum, which is all that is "
        "used",
    ),
]

even = {first: half, second: quarter}
mutants = [
    Mutant(
        "V(D*) = 2 JSD - 1386/1000",
        {"constant": -sp.Rational(1386, 1000)},
        even,
        "the constant is 2 ln 2 = 1.38629...",
        "near-miss",
    ),
    Mutant("V(D*) = 3 JSD - 2 ln 2", {"factor": sp.Integer(3)}, even, "the factor is 2"),
    Mutant(
        "V(D*) = 2 KL(p, m) - 2 ln 2",
        {"divergence": kl_to_middle},
        even,
        "both halves of the divergence enter",
    ),
    Mutant(
        "V(D) >= -2 ln 2 for every D",
        {"bounded_below": payoff},
        {p: 1, q: 1, d: sp.Rational(1, 10)},
        "only the maximum over D is bounded below",
    ),
    Mutant(
        "with a prior the constant is +H(pi)",
        {"entropy": -entropy},
        {p: 1, q: 1, prior: half},
        "the sign of the entropy",
    ),
    Mutant(
        "halving d lowers the value by at least ln 2 = 0.693... of the mass",
        {"drop": sp.Rational(693, 1000)},
        {p: 1, d: sp.Rational(1, 8)},
        "the other logarithm gives a little back",
        "near-miss",
    ),
]


def _value_at_optimum(ps, qs):
    total = 0.0
    for a, b in zip(ps, qs, strict=True):
        total += a * math.log(a / (a + b)) if a else 0.0
        total += b * math.log(b / (a + b)) if b else 0.0
    return total


def _twice_jsd(ps, qs):
    total = 0.0
    for a, b in zip(ps, qs, strict=True):
        total += a * math.log(a / ((a + b) / 2)) if a else 0.0
        total += b * math.log(b / ((a + b) / 2)) if b else 0.0
    return total


ROUNDING = (
    "at most 12 terms x ln x, each below 1 in size with an error of a few units of 2e-16; the laws "
    "sum to 1 within as much"
)
numeric = [
    NumericForm(
        "V(D*) = 2 JSD - 2 ln 2 on laws with zeros",
        "law_pair",
        _value_at_optimum,
        "==",
        lambda ps, qs: _twice_jsd(ps, qs) - 2 * math.log(2),
        2e-14,
        ROUNDING,
    ),
    NumericForm(
        "V(D*) <= 0",
        "law_pair",
        _value_at_optimum,
        "<=",
        lambda ps, qs: 0.0,  # noqa: ARG005
        2e-14,
        ROUNDING,
    ),
    NumericForm(
        "V(D*) >= -2 ln 2",
        "law_pair",
        _value_at_optimum,
        ">=",
        lambda ps, qs: -2 * math.log(2),  # noqa: ARG005
        2e-14,
        ROUNDING,
    ),
]

theorem = Theorem(
    id="minimax-value-is-jensen-shannon",
    title="The value at the optimal discriminator is 2 JSD - 2 ln 2",
    statement="V(D*) is {factor} JSD(p, q) with {constant} added, between {constant} and 0; JSD is "
    "the integral of {divergence}. With a share pi of real samples it is JSD_pi(p, q) less H(pi), "
    "the integrals of {jsd_prior} and of {entropy}. The infimum over D is minus infinity.",
    parts={
        "divergence": jsd,
        "factor": sp.Integer(2),
        "constant": -2 * sp.log(2),
        "jsd_prior": jsd_prior,
        "entropy": entropy,
        "bounded_below": payoff.subs(d, optimum),
        "drop": sp.Rational(1, 3),
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[GOODFELLOW_2014.at("Theorem 1")],
    claims={"S3": "proof", "S9": "proof", "L1": "proof"},
    uses=[od.theorem],
    caveats=[
        Caveat(
            "S3",
            "The value of the game lies between -2 ln 2 and 0.",
            "Only its maximum over D does; V itself is unbounded below.",
            Witness(
                {},
                "p = q with D = 1/10 gives -2.41, below -2 ln 2 = -1.39",
                breaks=[
                    Step(
                        "V is at least -2 ln 2",
                        at_least(
                            sp.log(sp.Rational(1, 10)) + sp.log(sp.Rational(9, 10)), -2 * sp.log(2)
                        ),
                        by=Enclosure(),
                    )
                ],
            ),
        )
    ],
    numeric=numeric,
)
