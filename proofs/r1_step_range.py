"""Which steps does simultaneous descent with a gradient penalty survive?

Statement
    Linearised at the equilibrium, a Dirac-GAN with coupling c and R1 weight g, stepped by h, is
    F = [[1, -h c], [h c, 1 - h g]]. Its spectral radius is below 1 exactly where h c^2 < g and
    4 - 2 h g + h^2 c^2 > 0.

Assumptions
    h, c, g > 0; simultaneous steps; contraction of the spectrum.

Source
    Mescheder, Geiger & Nowozin (2018) for the game; the two conditions are Jury's criterion.
"""

import cmath

import sympy as sp

from gancheck.theory import (
    Domain,
    Hypothesis,
    LinearAlgebra,
    Mutant,
    NumericForm,
    Step,
    Theorem,
    Witness,
    equal,
    greater,
    less,
)
from gancheck.theory.literature import MESCHEDER_2018

from . import dirac_gan_eigenvalues  # noqa: TID251  (a neighbour on the shelf)

h, c, g, root, a, b = sp.symbols("h c g l a b")
positive = (0, sp.oo)
steps = Domain({h: positive, c: positive, g: positive})
first = g - h * c**2
second = 4 - 2 * h * g + h**2 * c**2
step_matrix = sp.Matrix([[1, -h * c], [h * c, 1 - h * g]])


def jury(trace, det):
    """What must be positive for both roots of l^2 - trace l + det to lie inside the circle."""
    return 1 - det, 1 - trace + det, 1 + trace + det


def derive(c_):
    """The steps, for any claimed step matrix and conditions."""
    trace, det = c_.step.trace(), c_.step.det()
    inner, at_one, at_minus_one = jury(trace, det)
    return [
        Step(
            "The characteristic polynomial is l^2 - trace l + det",
            equal((root * sp.eye(2) - c_.step).det(), root**2 - trace * root + det),
            Domain({h: positive, c: positive, g: positive, root: (-sp.oo, sp.oo)}),
            LinearAlgebra(),
        ),
        Step(
            "For real roots a, b the three Jury numbers are 1 - ab, (1-a)(1-b), (1+a)(1+b): "
            "with |a|, |b| < 1 all are positive",
            greater((1 - a * b) * (1 - a) * (1 - b) * (1 + a) * (1 + b), 0),
            Domain({a: (-1, 1), b: (-1, 1)}),
        ),
        Step(
            "and for roots a +- b i they are 1 - a^2 - b^2, (1 - a)^2 + b^2, (1 + a)^2 + b^2: only "
            "the first can fail, and it is |l| < 1 itself (below, a is the size of 1 -+ a)",
            greater(a**2 + b**2, 0),
            Domain({a: positive, b: positive}),
        ),
        Step(
            "For real roots a product of roots below 1 and the two others positive leave no root "
            "outside: (1-a)(1-b) > 0 with a > 1 needs b > 1, and then ab > 1",
            less(1 - a * b, 0),
            Domain({a: (1, sp.oo), b: (1, sp.oo)}),
        ),
        Step("1 - det is h times the first condition", equal(inner, h * c_.first), steps),
        Step("1 - trace + det is h^2 c^2, always positive", equal(at_one, h**2 * c**2), steps),
        Step("and it is positive", greater(at_one, 0), steps),
        Step("1 + trace + det is the second condition", equal(at_minus_one, c_.second), steps),
    ]


four = {h: 1, g: 4, c: 1}
hypotheses = [
    Hypothesis(
        "both conditions are asked",
        Witness(
            four,
            "h = 1, g = 4, c = 1 meets the first, yet 1 + trace + det = -3: a root lies below -1",
            shows=[Step("the first condition holds there", greater(first.subs(four), 0))],
            breaks=[Step("the second follows from the first", greater(second, 0), steps)],
        ),
    ),
    Hypothesis(
        "c > 0",
        Witness(
            {h: sp.Rational(1, 2), c: 0, g: 1},
            "without coupling 1 is an eigenvalue: nothing pulls the generator",
            breaks=[
                Step(
                    "1 is no eigenvalue",
                    greater(jury(step_matrix.trace(), step_matrix.det())[1], 0),
                    Domain({h: positive, g: positive}),
                )
            ],
        ),
    ),
    Hypothesis(
        "h > 0",
        convenient="a negative step is ascent; the characteristic polynomial is the same and the "
        "conditions read off it, h first > 0 and the second, still decide",
    ),
]

near = sp.Rational(200, 201)
mutants = [
    Mutant(
        "h c^2 <= 1.01 g suffices",
        {"first": sp.Rational(101, 100) * g - h * c**2},
        {h: 1, c: 1, g: near},
        "at h = c = 1, g = 200/201 the determinant is 202/201",
        "near-miss",
    ),
    Mutant(
        "the second condition is 4 - 2 h g > 0",
        {"second": 4 - 2 * h * g},
        {h: 1, g: sp.Rational(21, 10), c: 1},
        "h = 1, g = 21/10, c = 1 contracts although 4 - 2 h g < 0",
    ),
    Mutant(
        "the first condition is h g < 2",
        {"first": 2 - h * g},
        {h: 1, g: 1, c: 2},
        "h = 1, g = 1, c = 2 has determinant 4",
    ),
    Mutant(
        "the penalty acts on the generator's row",
        {"step": sp.Matrix([[1 - h * g, h * c], [h * c, 1]])},
        {h: 1, g: 1, c: 1, root: 0},
        "the coupling must be antisymmetric",
    ),
    Mutant(
        "the coupling enters once: h c < g",
        {"first": g - h * c},
        {h: 1, g: 1, c: 2},
        "it is the square of the coupling that the penalty must outweigh",
    ),
]


def _radius(step: float, coupling: float, penalty: float) -> float:
    trace, det = 2 - step * penalty, 1 - step * penalty + (step * coupling) ** 2
    root = cmath.sqrt(trace * trace / 4 - det)
    return max(abs(trace / 2 + root), abs(trace / 2 - root))


def _inside(step: float, coupling: float, penalty: float) -> float:
    low = min(
        step * (penalty - step * coupling**2), 4 - 2 * step * penalty + (step * coupling) ** 2
    )
    if abs(low) < 1e-9:  # on the boundary rounding decides
        return 0.0
    return 1.0 if (low > 0) == (_radius(step, coupling, penalty) < 1) else -1.0


theorem = Theorem(
    id="r1-step-range",
    title="The steps that a gradient penalty allows",
    statement="One step is {step}. Both its eigenvalues lie inside the unit circle exactly where "
    "{first_condition} and {second_condition}.",
    formulas={"first_condition": greater(first, 0), "second_condition": greater(second, 0)},
    parts={"step": step_matrix, "first": first, "second": second},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[MESCHEDER_2018],
    claims={"L16": "proof"},
    uses=[dirac_gan_eigenvalues.theorem],
    numeric=[
        NumericForm(
            "the roots of the characteristic polynomial lie inside exactly where both hold",
            ((0.01, 3.0), (0.01, 3.0), (0.01, 5.0)),
            _inside,
            ">=",
            lambda *_: 0.0,
            0.0,
            "the answer is yes or no; points within 1e-9 of the boundary are left out",
        )
    ],
)
