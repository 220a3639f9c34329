"""What does the Hessian look like at a GAN's equilibrium?

Statement
    In a zero-sum game a local equilibrium has V_GG >= 0 >= V_DD, only semidefinite. At q = p with
    D = 1/2 near the support the generator's block is 0: each of its directions is flat. And a
    stationary point that simultaneous descent is drawn to need not be an equilibrium.

Assumptions
    Zero-sum; D constant near the support.

Source
    Second-order conditions; Berard et al. (2020) for what is found in trained networks.
"""

import cmath

import sympy as sp

from gancheck.theory import (
    Caveat,
    Domain,
    Hypothesis,
    LinearAlgebra,
    Mutant,
    NumericForm,
    Step,
    Theorem,
    Witness,
    at_least,
    equal,
    greater,
    less,
)
from gancheck.theory.literature import BERARD_2020

from . import game_jacobian_splits  # noqa: TID251  (a neighbour on the shelf)

x, y, t, z, root, b, k = sp.symbols("x y t z l b k")
line, positive = (-sp.oo, sp.oo), (0, sp.oo)
half = sp.Rational(1, 2)
payoff = -(x**2) / 2 + 2 * x * y - sp.Rational(3, 2) * y**2  # x minimises, y maximises
critic = half + k * z**2 / 8  # D near a sample; k = 0: constant
generated = sp.Function("g")(t)


def jacobian(v):
    """The game Jacobian of (grad_x V, -grad_y V)."""
    rows = (sp.diff(v, x), -sp.diff(v, y))
    return sp.Matrix([[sp.diff(f, s) for s in (x, y)] for f in rows])


def generator_curvature(d):
    """Second derivative in t of ln(1 - D(g(t))), the generator's part of the payoff."""
    return sp.diff(sp.log(1 - d.subs(z, generated)), t, 2).doit()


def derive(c):
    """The steps, for any claimed payoff and discriminator."""
    j = jacobian(c.payoff)
    outer = sp.diff(sp.log(1 - c.critic), z)
    return [
        Step(
            "Where D is constant near the support, the payoff's slope in the sample is 0",
            equal(outer, 0),
            Domain({z: (-1, 1)}),
        ),
        Step(
            "so is its second derivative",
            equal(sp.diff(outer, z), 0),
            Domain({z: (-1, 1)}),
        ),
        Step(
            "and by the chain rule the generator's block vanishes, whatever the generator",
            equal(generator_curvature(c.critic), 0),
            by=LinearAlgebra(),
        ),
        Step(
            "The counterexample's Jacobian has the one eigenvalue 1 twice: descent is drawn in",
            equal((root * sp.eye(2) - j).det(), (root - 1) ** 2),
            Domain({root: line}),
            LinearAlgebra(),
        ),
        Step(
            "yet the generator's curvature there is negative: it is no equilibrium",
            greater(0, sp.diff(c.payoff, x, 2)),
        ),
        Step(
            "At an equilibrium no block has the wrong sign: with curvature -l < 0 the minimiser "
            "gains by moving (for the maximiser exchange the signs)",
            less(-root * x**2 / 2, 0),
            Domain({root: positive, x: positive}),
        ),
    ]


hypotheses = [
    Hypothesis(
        "D is constant near the support",
        Witness(
            {z: 0, k: 1},
            "D = 1/2 + z^2/8 at z = 0: the curvature of ln(1 - D) is -1/2, not 0",
            breaks=[
                Step(
                    "the second derivative is 0",
                    equal(sp.diff(sp.log(1 - critic), z, 2), 0),
                    Domain({z: (-1, 1), k: (-1, 2)}),
                )
            ],
        ),
    ),
    Hypothesis(
        "zero-sum",
        Witness(
            {x: 1, y: 1},
            "L_G = x^2 + y^2 and L_D = y^2 are both least at the local equilibrium 0, where L_G is "
            "convex in y as well: no saddle of the generator's loss",
            shows=[
                Step("L_G is convex in x", greater(sp.diff(x**2 + y**2, x, 2), 0)),
                Step("L_D is convex in y", greater(sp.diff(y**2, y, 2), 0)),
            ],
            breaks=[Step("L_G is concave in y", less(sp.diff(x**2 + y**2, y, 2), 0))],
        ),
    ),
]

mutants = [
    Mutant(
        "-x^2/2 + b x y - 3 y^2/2 has the double eigenvalue 1 for b = 199/100",
        {"payoff": payoff - x * y / 100},
        {root: 1},
        "the coupling must be strong enough",
        "near-miss",
    ),
    Mutant(
        "V_GG is not 0 at D = 1/2 + z^2/8",
        {"critic": half + z**2 / 8},
        {z: sp.Rational(1, 2)},
        "only where D is constant are all directions flat",
    ),
    Mutant(
        "drawn in implies equilibrium: the payoff is convex in x",
        {"payoff": payoff + x**2},
        {root: 0},
        "the same game with the generator's curvature turned",
    ),
    Mutant(
        "without coupling it is drawn in as well",
        {"payoff": payoff - 2 * x * y},
        {root: 0},
        "it is the rotation that stabilises",
    ),
    Mutant(
        "a sloping D leaves the block flat too",
        {"critic": half + z / 4},
        {z: sp.Rational(1, 2)},
        "the slope multiplies the generator's second derivative",
    ),
]

stable = Step(
    "the generator's curvature is not negative at a stable point",
    at_least(sp.diff(payoff, x, 2) + 0 * b, 0),
    Domain({b: positive}),
)


def _real_part(own: float, coupling: float, other: float) -> float:
    """Smallest real part of the eigenvalues of [[-own, c], [-c, other]]."""
    trace, det = other - own, coupling**2 - own * other
    square = cmath.sqrt(trace * trace / 4 - det)
    return min((trace / 2 + square).real, (trace / 2 - square).real)


theorem = Theorem(
    id="equilibrium-is-a-degenerate-saddle",
    title="At the optimum every generator direction is flat",
    statement="At q = p with D = 1/2 near the support the generator's block of the Hessian is 0; a "
    "zero-sum equilibrium is a saddle only in the weak sense. Conversely V = {payoff} draws "
    "descent to 0 (double eigenvalue 1) though x has negative curvature there.",
    parts={"payoff": payoff, "critic": sp.Rational(1, 2) + 0 * z},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[BERARD_2020],
    claims={"S31": "proof"},
    uses=[game_jacobian_splits.theorem],
    caveats=[
        Caveat(
            "S31",
            "A GAN's equilibrium is a saddle point in parameter space, and training ends in it.",
            "For zero-sum losses a local equilibrium has semidefinite blocks, the generator's being "
            "0 at the optimum; points that attract descent need not be equilibria.",
            Witness(
                {b: 1},
                "V = -x^2/2 + 2 x y - 3 y^2/2: both eigenvalues are 1, yet x maximises",
                breaks=[stable],
            ),
        )
    ],
    numeric=[
        NumericForm(
            "a coupling above both curvatures makes a stationary point attract although the "
            "generator's curvature is negative",
            ((0.1, 1.0), (3.1, 5.0), (2.0, 3.0)),
            _real_part,
            ">=",
            lambda *_: 0.0,
            0.0,
            "the trace is at least 1 and the roots are complex: the real part is at least 1/2",
        )
    ],
)
