"""How far does the total variation of two laws pin down their Jensen-Shannon divergence?

Statement
    With t = TV(p, q) and T = (1/2) sum (p - q)^2/(p + q): phi(t) <= JSD <= t ln 2 and
    T/2 <= JSD <= T ln 2, where 2 phi(t) = (1 + t) ln(1 + t) + (1 - t) ln(1 - t) >= t^2. Both ends
    of the first corridor are attained for every t.

Assumptions
    p and q have mass 1; TV is half the L1 distance.

Source
    Lin (1991) for the upper end; Topsoe (2000) for T, the triangular discrimination.
"""

import math

import sympy as sp

from gancheck.theory import (
    Caveat,
    Derivative,
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
    less,
)
from gancheck.theory.literature import LIN_1991, TOPSOE_2000

p, q, m, r, t = sp.symbols("p q m r t")
half, quarter, near_ln_2 = sp.Rational(1, 2), sp.Rational(1, 4), sp.Rational(69, 100)
middle = (p + q) / 2
jsd = half * (p * sp.log(p / middle) + q * sp.log(q / middle))
floor = ((1 + t) * sp.log(1 + t) + (1 - t) * sp.log(1 - t)) / 2
phi = floor.subs(t, r)

unit = Domain({t: (0, 1)})
atoms = Domain({m: (0, sp.oo), r: (-1, 1)})
both = Domain({r: (0, 1), t: (0, 1)})


def at_atom(integrand):
    """An integrand where p = (1 + r) m and q = (1 - r) m."""
    return integrand.subs({p: (1 + r) * m, q: (1 - r) * m}, simultaneous=True)


def two_atoms(integrand):
    """The integral for p = (1 + t, 1 - t)/2 and q = (1 - t, 1 + t)/2."""
    high, low = (1 + t) / 2, (1 - t) / 2
    pairs = ((high, low), (low, high))
    return sum(integrand.subs({p: a, q: b}, simultaneous=True) for a, b in pairs)


def derive(c):
    """The steps, for any divergences, floor and constants."""
    tangent = c.floor + sp.diff(c.floor, t) * (r - t)
    ceiling, low, high = c.ceiling * r**2, (1 + r) / 2, (1 - r) / 2
    more = (1 - r) * (2 * r - 1) / 2
    return [
        Step(
            "With p = (1 + r) m and q = (1 - r) m the integrand of JSD is phi(r) m, r in [-1, 1]",
            equal(at_atom(c.jsd), phi * m),
            atoms,
            LogRational(),
        ),
        Step(
            "phi is even, so |r| may stand for r", equal(phi, phi.subs(r, -r)), atoms, LogRational()
        ),
        Step("The mean of |r| is TV (here p > q)", equal(at_atom(c.tv), r * m), atoms),
        Step("The mean of r^2 is T", equal(at_atom(c.triangle), r**2 * m), atoms),
        Step(
            "phi lies above its tangent at t; with t the mean of |r| the means are JSD >= phi(t)",
            at_least(phi, tangent),
            both,
            Tangent(((low, (1 + t) / (1 + r)), (high, (1 - t) / (1 - r)))),
        ),
        Step(
            "phi(r) >= r^2/2, in the mean JSD >= T/2",
            at_least(phi, c.least * r**2),
            both,
            Derivative(r, 0),
        ),
        Step(
            "phi(r) <= 69/100 r^2 for small r, by curvature",
            at_most(phi, near_ln_2 * r**2),
            Domain({r: (0, sp.Rational(51, 100))}),
            Derivative(r, 0),
        ),
        Step(
            "and 69/100 < ln 2; in the mean JSD <= T ln 2",
            less(near_ln_2, c.ceiling),
            by=Enclosure(),
        ),
        Step(
            "the same in the middle",
            at_most(phi, ceiling),
            Domain({r: (half, sp.Rational(5, 6))}),
            Tangent(
                (
                    (low, 2 * (1 + r) / 3),
                    (r, 3 * quarter),
                    (high, 3 * (1 - r)),
                    (more, sp.Rational(4, 3)),
                    (more, sp.Rational(3, 2)),
                )
            ),
        ),
        Step(
            "the same near r = 1",
            at_most(phi, ceiling),
            Domain({r: (sp.Rational(3, 5), 1)}),
            Tangent(((low, (1 + r) / 2), (high, 4 * (1 - r)), (more, 2))),
        ),
        Step("r^2 < r for 0 < r < 1, so T <= TV and JSD <= TV ln 2", less(r**2, r), both),
        Step(
            "The lower end is attained by p = (1 + t, 1 - t)/2 and its mirror image",
            equal(two_atoms(c.jsd), c.floor),
            unit,
            LogRational(),
        ),
        Step(
            "The upper end is attained where p and q share mass 1 - t and are disjoint elsewhere: "
            "both disjoint parts, of mass t, cost half of t ln 2",
            equal(2 * half * t * sp.log(t / (t / 2)), c.ceiling * t),
            unit,
            LogRational(),
        ),
    ]


hypotheses = [
    Hypothesis(
        "p and q have mass 1",
        Witness(
            {m: sp.Rational(3, 2), t: half},
            "masses 2 and 1 at one point: half the L1 distance is 1/2, JSD is 3/2 phi(1/3)",
            breaks=[
                Step(
                    "the divergence m phi(t/m) of one point is at least phi(t)",
                    at_least(m * floor.subs(t, t / m), floor),
                    Domain({m: (1, 2), t: (0, 1)}),
                    Tangent(()),
                )
            ],
        ),
    ),
    Hypothesis(
        "TV is half the L1 distance",
        Witness(
            {t: quarter},
            "(5/8, 3/8) and its mirror image: L1 is 1/2, and phi(1/2) > JSD = phi(1/4)",
            breaks=[
                Step(
                    "JSD is at least phi of the L1 distance",
                    at_least(two_atoms(jsd), floor.subs(t, 2 * t)),
                    Domain({t: (0, half)}),
                    Tangent(()),
                )
            ],
        ),
    ),
]

mutants = [
    Mutant("JSD >= 51/100 T", {"least": sp.Rational(51, 100)},
           {r: sp.Rational(1, 10), t: half}, "the constant of T is sharp", "near-miss"),
    Mutant("JSD <= 0.693 TV", {"ceiling": sp.Rational(693, 1000)},
           {r: 1 - sp.Rational(1, 10**6), t: half}, "ln 2 is attained", "near-miss"),
    Mutant("JSD >= TV^2", {"floor": t**2}, {r: half, t: half}, "the square needs its half"),
    Mutant("TV is the L1 distance", {"tv": p - q}, {m: 1, r: half}, "which distance is meant"),
    Mutant("JSD is KL(p, m)", {"jsd": p * sp.log(p / middle)}, {m: 1, r: half, t: half},
           "the divergence has two halves"),
]  # fmt: skip


def _xlogx(x: float) -> float:
    return x * math.log(x) if x > 0.0 else 0.0


def _jsd(a: float, b: float) -> float:
    """JSD of (a, 1 - a) and (b, 1 - b), as a difference of entropies."""
    mean = (a + b) / 2
    return sum(_xlogx(x) / 2 + _xlogx(y) / 2 - _xlogx(z)
               for x, y, z in ((a, b, mean), (1 - a, 1 - b, 1 - mean)))  # fmt: skip


def _floor(a: float, b: float) -> float:
    tv = abs(a - b)
    return (_xlogx(1 + tv) + _xlogx(1 - tv)) / 2


unit_square, reason = ((0.0, 1.0), (0.0, 1.0)), "rounding 2e-16 in sums of size 1"

theorem = Theorem(
    id="jensen-shannon-total-variation-corridor",
    title="JSD lies between phi(TV) and TV ln 2",
    statement="With t = TV(p, q), JSD(p, q) lies between {floor} (itself at least t^2/2) and "
    "{upper}, and both ends are attained for every t. With T the integral of {triangle}, "
    "T/2 <= JSD <= T ln 2.",
    formulas={"upper": t * sp.log(2)},
    parts={
        "jsd": jsd,
        "tv": (p - q) / 2,
        "triangle": (p - q) ** 2 / (2 * (p + q)),
        "floor": floor,
        "least": half,
        "ceiling": sp.log(2),
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[TOPSOE_2000, LIN_1991],
    claims={"S35": "proof", "L7": "proof"},
    caveats=[
        Caveat(
            "S35",
            "The original GAN objective is the total variation distance, up to constants.",
            "At its optimum it is 2 JSD - 2 ln 2. JSD and TV bound each other, so both tend to 0 "
            "together, but neither is a function of the other.",
            Witness(
                {t: half},
                "(1/2, 1/2, 0) and (0, 1/2, 1/2) have TV 1/2 as (3/4, 1/4) and (1/4, 3/4) have, "
                "but JSD (1/2) ln 2 instead of phi(1/2)",
                breaks=[
                    Step(
                        "laws of equal TV have equal JSD",
                        equal(t * sp.log(2), two_atoms(jsd)),
                        unit,
                        LogRational(),
                    )
                ],
            ),
        )
    ],
    numeric=[
        NumericForm("JSD of two-point laws is at least phi(TV)", unit_square, _jsd, ">=", _floor,
                    1e-14, reason),
        NumericForm("JSD of two-point laws is at most TV ln 2", unit_square, _jsd, "<=",
                    lambda a, b: abs(a - b) * math.log(2.0), 1e-14, reason),
    ],
)  # fmt: skip
