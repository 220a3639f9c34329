"""How does the Kullback-Leibler divergence stand to total variation and to chi-square?

Statement
    2 TV^2 <= KL(p, q) <= chi2 = sum (p - q)^2/q; and for f smooth at 1 the divergence D_f is
    f''(1)/2 chi2 up to terms of third order in p/q - 1.

Assumptions
    p and q have mass 1; q > 0 wherever p > 0; f is three times differentiable at 1.

Source
    Tsybakov (2009).
"""

import math

import sympy as sp

from gancheck.theory import (
    Derivative,
    Domain,
    Hypothesis,
    Mutant,
    NumericForm,
    Relation,
    Step,
    Tangent,
    Theorem,
    Witness,
    at_least,
    at_most,
    equal,
)
from gancheck.theory.literature import TSYBAKOV_2009

p, q, x, y, u, e = sp.symbols("p q x y u e")
p_1, p_2, q_1, q_2 = sp.symbols("p_1 p_2 q_1 q_2")
a_0, a_1, a_2, cubic = sp.symbols("a_0 a_1 a_2 cubic")
half, unit, positive, real = sp.Rational(1, 2), (0, 1), (0, sp.oo), (-sp.oo, sp.oo)

kl = p * sp.log(p / q)
chi_square = (p - q) ** 2 / q
two_cells = x * sp.log(x / y) + (1 - x) * sp.log((1 - x) / (1 - y))
merged = (p_1 + p_2) * sp.log((p_1 + p_2) / (q_1 + q_2))
f = a_0 + a_1 * (u - 1) + a_2 * (u - 1) ** 2 + cubic * (u - 1) ** 3

densities = Domain({p: positive, q: positive})
cells = Domain({x: unit, y: unit})
atoms = Domain({p_1: positive, p_2: positive, q_1: positive, q_2: positive})
smooth = Domain({p: positive, q: positive, a_0: real, a_1: real, a_2: real, cubic: real})


def derive(c):
    """The steps, for any lower bound, any upper one and any local constant."""
    f_1, slope, curvature = (sp.diff(f, u, k).subs(u, 1) for k in (0, 1, 2))
    local = q * f_1 + slope * (p - q) + c.local * curvature * chi_square
    share = (p_1 + p_2) / (q_1 + q_2)
    return [
        Step(
            "Merging two atoms does not raise KL; merged one by one, {p > q} and the rest remain, "
            "with masses x and 1 - x, y and 1 - y, and the TV of those cells, x - y, is TV(p, q)",
            at_most(merged, p_1 * sp.log(p_1 / q_1) + p_2 * sp.log(p_2 / q_2)),
            atoms,
            Tangent(((p_1, q_1 * share / p_1), (p_2, q_2 * share / p_2))),
        ),
        Step(
            "On two cells: both sides and slopes agree at x = y, and the second derivative of the "
            "gap is 1/x + 1/(1 - x) - 4 >= 0",
            at_least(two_cells, c.pinsker),
            cells,
            Derivative(x, y),
        ),
        Step(
            "Integrand by integrand, by ln z <= z - 1 at z = p/q; the integral of q - p is 0",
            Relation(kl + q - p, c.order, c.upper),
            densities,
            Tangent(((p, p / q),)),
        ),
        Step(
            "With f expanded at 1 to a remainder cubic * (u - 1)^3: the integral of q f(1) is "
            "f(1) = 0, that of p - q is 0, and half of f''(1) chi2 is left up to third order",
            equal(q * f.subs(u, p / q) - local, cubic * (p - q) ** 3 / q**2),
            smooth,
        ),
    ]


hypotheses = [
    Hypothesis(
        "p and q have mass 1",
        Witness(
            {p: 1, q: 2},
            "masses 1 and 2 at one point: p ln(p/q) is -ln 2",
            breaks=[
                Step(
                    "p ln(p/q) is at least 2 ((p - q)/2)^2",
                    at_least(kl, (p - q) ** 2 / 2),
                    densities,
                    Tangent(()),
                )
            ],
        ),
    ),
    Hypothesis(
        "q > 0 wherever p > 0",
        Witness(
            {x: half},
            "p = (1/2, 1/2), q = (1, 0): KL is infinite, and a sum over the atoms of q alone is "
            "-(ln 2)/2, less than 2 TV^2 = 1/2",
            breaks=[
                Step(
                    "for p = (x, 1 - x) the sum over the atom of q is at least 2 TV^2",
                    at_least(x * sp.log(x), 2 * (1 - x) ** 2),
                    Domain({x: unit}),
                    Tangent(()),
                )
            ],
        ),
    ),
    Hypothesis(
        "f is three times differentiable at 1",
        Witness(
            {e: sp.Rational(1, 10)},
            "f = |u - 1|/2, q = (1/2, 1/2), p = (1 + e, 1 - e)/2: D_f = e/2 is of first order, "
            "chi2 = e^2 of second",
            breaks=[
                Step("D_f is at most chi2", at_most(e / 2, e**2), Domain({e: unit})),
            ],
        ),
    ),
]

some_law = {p: sp.Rational(3, 4), q: half}
mutants = [
    Mutant(
        "KL >= 2.05 TV^2",
        {"pinsker": sp.Rational(205, 100) * (x - y) ** 2},
        {x: half, y: sp.Rational(51, 100)},
        "the constant 2 is sharp",
        "near-miss",
    ),
    Mutant(
        "KL <= 99/100 chi2",
        {"upper": sp.Rational(99, 100) * chi_square},
        {p: sp.Rational(1, 10**6), q: 1},
        "the integrands meet as p/q tends to 0",
        "near-miss",
    ),
    Mutant(
        "KL >= 2 TV",
        {"pinsker": 2 * (x - y)},
        {x: sp.Rational(3, 4), y: half},
        "Pinsker's bound is quadratic",
    ),
    Mutant("KL >= chi2", {"order": ">="}, some_law, "which of the two is larger"),
    Mutant(
        "D_f is f''(1) chi2 up to third order",
        {"local": sp.Integer(1)},
        {**some_law, a_0: 0, a_1: 0, a_2: 1, cubic: 0},
        "the half of Taylor's second term",
    ),
]


def _kl(a: float, b: float) -> float:
    """KL of (a, 1 - a) and (b, 1 - b)."""
    return sum(s * math.log(s / r) for s, r in ((a, b), (1 - a, 1 - b)) if s > 0.0)


laws, reason = ((0.0, 1.0), (0.01, 0.99)), "rounding in sums of terms of size at most 100"

theorem = Theorem(
    id="pinsker-and-chi-square",
    title="2 TV^2 <= KL <= chi-square, and a smooth f-divergence is locally chi-square",
    statement="2 TV(p, q)^2 <= KL(p, q) <= chi2, the integral of {upper}; on two cells the first "
    "inequality reads {two_cells}. For f smooth at 1, D_f is {local} f''(1) chi2 up to third "
    "order in p/q - 1.",
    formulas={"two_cells": at_least(two_cells, 2 * (x - y) ** 2)},
    parts={"pinsker": 2 * (x - y) ** 2, "upper": chi_square, "order": "<=", "local": half},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[TSYBAKOV_2009],
    claims={"L9": "proof"},
    numeric=[
        NumericForm(
            "KL of two-point laws is at least 2 TV^2",
            laws,
            _kl,
            ">=",
            lambda a, b: 2 * (a - b) ** 2,
            1e-13,
            reason,
        ),
        NumericForm(
            "KL of two-point laws is at most chi2",
            laws,
            _kl,
            "<=",
            lambda a, b: (a - b) ** 2 / b + (a - b) ** 2 / (1 - b),
            1e-13,
            reason,
        ),
    ],
)
