"""Does the minimax theorem survive the step from laws and functions to parameters?

Statement
    V = (x - y)^2 on [-1, 1]^2 has min over x of max over y equal to 1, max over y of min over x
    equal to 0, and no saddle. The Dirac-GAN payoff f(psi theta), f(t) = -ln(1 + exp(-t)), is
    strictly concave in the minimiser theta for psi != 0, and over psi in R its supremum 0 is not
    attained where theta != 0.

Assumptions
    The payoff is not concave in the maximiser's parameter; strategies are pure.

Source
    Sion (1958) for the theorem whose hypotheses fail; Mescheder, Geiger and Nowozin (2018) for the
    Dirac-GAN. The values are elementary.
"""

import math

import sympy as sp

from gancheck.theory import (
    Caveat,
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
    differs,
    equal,
    greater,
    less,
)
from gancheck.theory.literature import MESCHEDER_2018, SION_1958

x, y, e, psi = sp.symbols("x y e psi")
payoff = (x - y) ** 2
dirac = -sp.log(1 + e)  # f(psi theta), with e = exp(-psi theta)
zero, one, third = sp.Integer(0), sp.Integer(1), sp.Rational(1, 3)

row, column = Domain({x: (-1, 1)}), Domain({y: (-1, 1)})
plane = Domain({x: (-sp.oo, sp.oo), y: (-sp.oo, sp.oo)})
positive = Domain({e: (0, sp.oo)})
moving = Domain({e: (0, sp.oo), psi: (-sp.oo, sp.oo)}, nonzero=(psi,))


def in_theta(value):
    """The derivative in theta of a function of e = exp(-psi theta): e' = -psi e."""
    return -psi * e * sp.diff(value, e)


def ends(value):
    """The sum of a payoff over the two ends of the maximiser's interval."""
    return value.subs(y, 1) + value.subs(y, -1)


def derive(c):
    """The steps, for any payoff, any pair of values and any curvature."""
    centre = c.payoff.subs(x, 0)
    return [
        Step(
            "For every x the payoffs at y = 1 and y = -1 sum to at least twice the min max, so "
            "the larger reaches it",
            at_least(ends(c.payoff), 2 * c.upper),
            Domain({x: (-sp.oo, sp.oo)}),
        ),
        Step("At x = 0 no y inside exceeds it", at_most(centre, c.upper), column),
        Step("Nor does y = 1", equal(centre.subs(y, 1), c.upper)),
        Step(
            "Nor does y = -1: the min max is attained at x = 0", equal(centre.subs(y, -1), c.upper)
        ),
        Step("The payoff is never below the max min", at_least(c.payoff, c.lower), plane),
        Step(
            "For every y the answer x = y reaches it: the max min",
            equal(c.payoff.subs(x, y), c.lower),
            column,
        ),
        Step(
            "A saddle would have a payoff at least the min max and at most the max min, but",
            Relation(c.lower, c.order, c.upper),
        ),
        Step("The payoff is convex in x", greater(sp.diff(c.payoff, x, 2), 0), plane),
        Step("It is not concave in y", greater(sp.diff(c.payoff, y, 2), 0), plane),
        Step(
            "The curvature of the Dirac-GAN payoff in the minimiser theta",
            Relation(in_theta(in_theta(c.dirac)), c.curvature, zero),
            moving,
        ),
        Step(
            "That payoff is negative everywhere",
            less(c.dirac, 0),
            positive,
            Tangent([(1, 1 / (1 + e))]),
        ),
        Step(
            "It is above -e = -exp(-psi theta), which goes to 0 as psi theta goes to infinity: its "
            "supremum over psi is 0, attained by no real psi",
            at_least(c.dirac, -e),
            positive,
            Tangent([(1, 1 + e)]),
        ),
    ]


hypotheses = [
    Hypothesis(
        "the payoff is not concave in y",
        Witness(
            {x: 0, y: 0},
            "xy on the same square is linear in each, and (0, 0) is a saddle with value 0",
            breaks=[
                Step("the larger end reaches 1 for every x", at_least(ends(x * y), 2), row),
            ],
            shows=[
                Step("at x = 0 every y pays 0", equal((x * y).subs(x, 0), 0), column),
                Step("at y = 0 every x pays 0", equal((x * y).subs(y, 0), 0), row),
            ],
        ),
    ),
    Hypothesis(
        "strategies are pure",
        Witness(
            {x: third},
            "y drawn from -1 and 1 with equal chances pays x^2 + 1, at least 1 for every x: mixing "
            "closes the gap",
            breaks=[
                Step("the answer x = 1/3 holds the mixture to 1", at_most(ends(payoff) / 2, 1), row)
            ],
            shows=[Step("the mixture secures 1", at_least(ends(payoff) / 2, 1), row)],
        ),
    ),
]

diagonal = {x: third, y: third}
mutants = [
    Mutant(
        "the min max is 999/1000",
        {"upper": sp.Rational(999, 1000)},
        {x: 0, y: 1},
        "the value of the min max",
        "near-miss",
    ),
    Mutant("the max min is 1", {"lower": one}, diagonal, "the answer x = y"),
    Mutant("the two values agree", {"order": "=="}, diagonal, "that there is no saddle"),
    Mutant("the payoff x y has the gap", {"payoff": x * y}, diagonal, "which payoff has a gap"),
    Mutant(
        "the Dirac-GAN payoff is convex in theta",
        {"curvature": ">"},
        {psi: 1, e: 1},
        "the curvature in the minimiser",
    ),
]

caveats = [
    Caveat(
        "S20",
        "In the parameters V is not convex-concave, so its min max and its max min differ.",
        "Without convexity and concavity they may differ, as for (x - y)^2, but need not: the "
        "Dirac-GAN payoff is strictly concave in the minimiser theta (for psi != 0), and still has "
        "the saddle (0, 0).",
        Witness(
            {psi: 1, e: 1},
            "at (0, 0), where e = 1, the Dirac-GAN payoff -ln 2 is both the maximum over psi and "
            "the minimum over theta",
            breaks=[
                Step(
                    "the payoff at theta = 0 differs from that at psi = 0",
                    differs(dirac.subs(e, sp.exp(-psi * 0)), dirac.subs(e, sp.exp(-x * 0))),
                )
            ],
        ),
    )
]


def _largest_payoff(at: float) -> float:
    """Brute force over a grid of y that holds both ends."""
    return max((at - k / 50) ** 2 for k in range(-50, 51))


def _dirac(theta: float, slope: float) -> float:
    return -math.log1p(math.exp(-slope * theta))


theorem = Theorem(
    id="minimax-theorem-fails-in-parameter-space",
    title="In parameters the minimax theorem can fail",
    statement="For {payoff} on the square [-1, 1]^2 the min over x of the max over y is {upper}, "
    "the max over y of the min over x is {lower}, and there is no saddle. The Dirac-GAN payoff "
    "{dirac} with e = exp(-psi theta) is strictly concave in the minimiser theta for psi != 0, and "
    "where theta != 0 no real psi attains its supremum 0.",
    parts={
        "payoff": payoff,
        "upper": one,
        "lower": zero,
        "order": "<",
        "dirac": dirac,
        "curvature": "<",
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[SION_1958, MESCHEDER_2018],
    claims={"S19": "proof", "S20": "counterexample"},
    caveats=caveats,
    numeric=[
        NumericForm(
            "for every x some y on a grid of [-1, 1] pays at least 1",
            ((-1.0, 1.0),),
            _largest_payoff,
            ">=",
            lambda at: 1.0,  # noqa: ARG005
            1e-12,
            "rounding of one square",
        ),
        NumericForm(
            "the Dirac-GAN payoff at a midpoint of two theta is at least the mean",
            ((-5.0, 5.0), (-5.0, 5.0), (-4.0, 4.0)),
            lambda a, b, slope: _dirac((a + b) / 2, slope),
            ">=",
            lambda a, b, slope: (_dirac(a, slope) + _dirac(b, slope)) / 2,
            1e-12,
            "rounding of logarithms of size at most 21",
        ),
    ],
)
