"""How large may the step be in a game that turns?

Statement
    For J = dv/dtheta and theta -> theta - h v, an eigenvalue l = a + b i of J with a > 0 gives
    |1 - h l| < 1 exactly for 0 < h < 2 a/(a^2 + b^2). The spectrum contracts exactly below the
    least of these bounds.

Assumptions
    Re l > 0 for every eigenvalue; contraction of the spectrum, not of a norm.

Source
    Mescheder, Nowozin & Geiger (2017), The numerics of GANs.
"""

import sympy as sp

from gancheck.theory import (
    Cases,
    Domain,
    Hypothesis,
    LinearAlgebra,
    Mutant,
    NumericForm,
    RationalSign,
    Step,
    Theorem,
    Witness,
    equal,
    greater,
    less,
)
from gancheck.theory.literature import MESCHEDER_2017

from . import game_jacobian_splits  # noqa: TID251  (a neighbour on the shelf)

a, b, h, t = sp.symbols("a b h t")
bound_one, ratio = sp.symbols("bound_one ratio")
line = (-sp.oo, sp.oo)

modulus_squared = a**2 + b**2
bound = 2 * a / modulus_squared
growth = sp.expand((1 - h * a) ** 2 + (h * b) ** 2)
eigenvalues = Domain({a: (0, sp.oo), b: line})


def derive(c):
    """The steps, for any claimed bound and any way to join the bounds of a spectrum."""
    step = growth.subs(h, t * c.bound)
    second = ratio * bound_one
    joint = c.join(bound_one, second)
    below = Domain({a: (0, sp.oo), b: line, t: (0, 1)})
    above = Domain({a: (0, sp.oo), b: line, t: (1, sp.oo)})
    l = a + sp.I * b  # noqa: E741  (the eigenvalue's usual name)
    return [
        Step(
            "|1 - h l|^2 is the product of 1 - h l and its conjugate",
            equal(growth, sp.expand((1 - h * l) * (1 - h * (a - sp.I * b)))),
            Domain({a: line, b: line, h: line}),
            LinearAlgebra(),
        ),
        Step(
            "|1 - h l|^2 - 1 = h |l|^2 (h - bound)",
            equal(growth - 1, h * modulus_squared * (h - c.bound)),
            Domain({a: (0, sp.oo), b: line, h: (0, sp.oo)}),
        ),
        Step(
            "Below the bound (h = t bound, 0 < t < 1) the eigenvalue contracts",
            less(step, 1),
            below,
        ),
        Step(
            "At the bound it neither contracts nor expands", equal(step.subs(t, 1), 1), eigenvalues
        ),
        Step("Beyond it (t > 1) it expands", greater(step, 1), above),
        Step(
            "Two eigenvalues both contract exactly below the lesser bound: the greater excess "
            "h - bound is h minus that one (by induction, any number)",
            equal(sp.Max(h - bound_one, h - second), h - joint),
            Domain({bound_one: (0, sp.oo), ratio: (0, sp.oo), h: (0, sp.oo)}),
            Cases(ratio, (1,), RationalSign()),
        ),
    ]


shear = sp.Matrix([[1, 10], [0, 1]])
contracted = sp.eye(2) - shear / 2
image = contracted * sp.Matrix([0, 1])

hypotheses = [
    Hypothesis(
        "Re l > 0",
        Witness(
            {a: 0, b: 1, h: sp.Rational(1, 1000)},
            "for l = i every step expands, |1 - h i|^2 = 1 + h^2",
            breaks=[
                Step(
                    "a small step contracts",
                    less(growth, 1),
                    Domain({a: line, b: line, h: (0, sp.oo)}),
                )
            ],
            shows=[
                Step(
                    "|1 - h i| > 1 for every h > 0",
                    greater(growth.subs({a: 0, b: 1}), 1),
                    Domain({h: (0, sp.oo)}),
                )
            ],
        ),
    ),
    Hypothesis(
        "contraction is of the spectrum, not of the norm",
        Witness(
            {},
            "J = [[1, 10], [0, 1]] with h = 1/2 has both |1 - h l| = 1/2, yet one step takes "
            "(0, 1) to (-5, 1/2)",
            breaks=[Step("the step shortens (0, 1)", less((image.T * image)[0, 0], 1))],
            shows=[
                Step(
                    "both eigenvalues of the step are 1/2",
                    equal((t * sp.eye(2) - contracted).det(), (t - sp.Rational(1, 2)) ** 2),
                    Domain({t: line}),
                    LinearAlgebra(),
                )
            ],
        ),
    ),
]

three_four = {a: 3, b: 4}
mutants = [
    Mutant(
        "h < 1.01 * 2 Re l/|l|^2 contracts",
        {"bound": sp.Rational(101, 100) * bound},
        {a: 1, b: 2, h: sp.Rational(2, 5), t: sp.Rational(199, 200)},
        "the bound is sharp",
        "near-miss",
    ),
    Mutant(
        "h < 2/|l| contracts",
        {"bound": 2 / sp.sqrt(modulus_squared)},
        {**three_four, h: sp.Rational(9, 25), t: sp.Rational(9, 10)},
        "the real case's bound is too large for a rotation",
    ),
    Mutant(
        "h < 1/Re l contracts",
        {"bound": 1 / a},
        {a: 1, b: 2, h: sp.Rational(1, 2), t: sp.Rational(1, 2)},
        "the imaginary part counts",
    ),
    Mutant(
        "h < 1/|l| contracts",
        {"bound": 1 / sp.sqrt(modulus_squared)},
        {a: 5, b: 12, h: sp.Rational(9, 130), t: sp.Rational(9, 10)},
        "also half of the real case's bound is too large once Im l is large",
    ),
    Mutant(
        "the spectrum contracts up to the largest bound",
        {"join": sp.Max},
        {bound_one: 1, ratio: 2, h: sp.Rational(3, 2)},
        "every eigenvalue must contract, so the least bound decides",
    ),
]


def _modulus(real: float, imaginary: float, fraction: float) -> float:
    step = fraction * 2 * real / (real * real + imaginary * imaginary)
    return abs(1 - step * complex(real, imaginary))


theorem = Theorem(
    id="step-bound-of-a-rotating-game",
    title="Rotation shrinks the largest contracting step",
    statement="For an eigenvalue l = a + i b of J, |1 - h l|^2 is {growth}, below 1 exactly for "
    "0 < h < {bound}; a spectrum contracts exactly below the least of these bounds.",
    formulas={"growth": growth},
    parts={"bound": bound, "join": sp.Min},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[MESCHEDER_2017],
    claims={"L20": "proof"},
    uses=[game_jacobian_splits.theorem],
    note="A bound from part of the spectrum is an upper bound of the true one. It is that of "
    "plain simultaneous descent; a preconditioned optimiser has another.",
    numeric=[
        NumericForm(
            "at a share of the bound the step's squared modulus is as derived",
            "eigenvalue_and_fraction",
            lambda real, imaginary, fraction: _modulus(real, imaginary, fraction) ** 2,
            "==",
            lambda real, imaginary, fraction: (
                1 - 4 * fraction * (1 - fraction) * real**2 / (real**2 + imaginary**2)
            ),
            2e-14,
            "the step times the eigenvalue is at most 2 in size: a few units of 2e-16, "
            "squared and summed",
        )
    ],
)
