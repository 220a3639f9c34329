"""What makes the Jensen-Shannon divergence a divergence, and how large can it be?

Statement
    JSD(p, q) = JSD(q, p), 0 <= JSD <= ln 2; it is 0 only for p = q as measures, and ln 2 only for
    laws that live on disjoint sets.

Assumptions
    p and q have mass 1; equality is that of measures.

Source
    Lin (1991).
"""

import math

import sympy as sp

from gancheck.theory import (
    Domain,
    Hypothesis,
    LogRational,
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
from gancheck.theory.literature import LIN_1991

p, q, w = sp.symbols("p q w")
half = sp.Rational(1, 2)
middle = (p + q) / 2
jsd = half * (p * sp.log(p / middle) + q * sp.log(q / middle))

positive = (0, sp.oo)
densities = Domain({p: positive, q: positive})
unequal = Domain({p: positive, q: positive}, nonzero=(p - q,))


def derive(c):
    """The steps, for any integrand and any bound."""
    return [
        Step(
            "Swapping p and q leaves the integrand as it is",
            equal(c.divergence, c.divergence.subs({p: q, q: p}, simultaneous=True)),
            densities,
            LogRational(),
        ),
        Step(
            "Where p = q the integrand is 0",
            equal(c.divergence.subs(q, p), 0),
            densities,
            LogRational(),
        ),
        Step(
            "Where p and q differ it is positive, so the integral is 0 only for equal measures",
            greater(c.divergence, 0),
            unequal,
            Tangent(((p / 2, middle / p), (q / 2, middle / q))),
        ),
        Step(
            "Where only p has mass the integrand is p/2 times the bound (and so for q)",
            equal(half * p * sp.log(p / (p / 2)), c.bound * p / 2),
            densities,
            LogRational(),
        ),
        Step(
            "Where both have mass it is less than the bound times (p + q)/2, whose integral is "
            "the bound: ln 2 is reached only by laws that share no mass",
            less(c.divergence, c.bound * middle),
            densities,
            Tangent(((p / 2, p / (p + q)), (q / 2, q / (p + q)))),
        ),
    ]


hypotheses = [
    Hypothesis(
        "p and q have mass 1",
        Witness(
            {p: 1, q: 3},
            "disjoint masses 1 and 3: the integral is 2 ln 2",
            breaks=[
                Step(
                    "the divergence of disjoint masses p and q is at most ln 2",
                    at_most(middle * sp.log(2), sp.log(2)),
                    densities,
                    Tangent(()),
                )
            ],
        ),
    ),
    Hypothesis(
        "p and q are compared as measures, not density by density",
        Witness(
            {w: 0, p: 1, q: 2},
            "densities that differ only on a set of measure w = 0 have JSD 0",
            breaks=[
                Step(
                    "densities that differ on a set of measure w have positive divergence",
                    greater(w * jsd, 0),
                    Domain({w: (0, 1), p: positive, q: positive}, nonzero=(p - q,)),
                    Tangent(((w * p / 2, middle / p), (w * q / 2, middle / q))),
                )
            ],
        ),
    ),
]

nearly_disjoint = {p: 1, q: sp.Rational(1, 10**6)}
mutants = [
    Mutant(
        "JSD <= 0.693",
        {"bound": sp.Rational(693, 1000)},
        nearly_disjoint,
        "ln 2 = 0.69314... is attained",
        "near-miss",
    ),
    Mutant("JSD <= 1/2", {"bound": half}, nearly_disjoint, "the bound is ln 2"),
    Mutant(
        "KL is symmetric",
        {"divergence": p * sp.log(p / q)},
        {p: half, q: sp.Rational(1, 4)},
        "symmetry comes from the midpoint",
    ),
    Mutant(
        "the midpoint is p + q",
        {"divergence": jsd + middle * sp.log(half)},
        {p: 1, q: 1},
        "the midpoint has mass 1",
    ),
]


def _jsd(a: float, b: float) -> float:
    """JSD of (a, 1 - a) and (b, 1 - b), computed as a mean of two divergences."""
    terms = [
        x / 2 * math.log(2 * x / (x + y))
        for x, y in ((a, b), (b, a), (1 - a, 1 - b), (1 - b, 1 - a))
        if x > 0.0
    ]
    return max(math.fsum(terms), 0.0)


unit = (0.0, 1.0)

theorem = Theorem(
    id="jensen-shannon-is-a-divergence",
    title="JSD is symmetric, from 0 at equal laws to ln 2 at disjoint ones",
    statement="JSD(p, q), the integral of {divergence}, is symmetric and lies between 0 and "
    "{bound}. It is 0 only if p and q are equal as measures, and {bound} only if they are "
    "mutually singular.",
    parts={"divergence": jsd, "bound": sp.log(2)},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[LIN_1991],
    claims={"S10": "proof"},
    numeric=[
        NumericForm(
            "JSD of two-point laws is at most ln 2",
            (unit, unit),
            _jsd,
            "<=",
            lambda a, b: math.log(2.0),  # noqa: ARG005
            1e-15,
            "rounding of four terms of size 1/2",
        ),
    ],
)
