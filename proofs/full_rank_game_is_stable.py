"""When is a game stable although the generator has no curvature of its own?

Statement
    In ascent sign the linearised game is J = [[0, -B^T], [B, -C]]. If C is positive definite and B
    has full column rank, every eigenvalue has a negative real part: along z' = J z,
    d/dt |z|^2/2 = -y^T C y.

Assumptions
    C positive definite; B of full column rank.

Source
    Nagarajan & Kolter (2017). The energy argument: if J z = l z, then Re l |z|^2 = -y^* C y <= 0;
    with Re l = 0 it forces y = 0, then B x = 0, and full rank gives x = 0.
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
from gancheck.theory.literature import NAGARAJAN_KOLTER_2017

from . import game_jacobian_splits  # noqa: TID251  (a neighbour on the shelf)

x1, x2, y1, y2 = sp.symbols("x1 x2 y1 y2")
b11, b12, b21, b22, k11, k21, k22 = sp.symbols("b11 b12 b21 b22 k11 k21 k22")
b, k, slow = sp.symbols("b k l")
line, positive = (-sp.oo, sp.oo), (0, sp.oo)

coupling = sp.Matrix([[b11, b12], [b21, b22]])
factor = sp.Matrix([[k11, 0], [k21, k22]])  # C = factor factor^T: every positive definite C
damping = sp.expand(factor * factor.T)
state, judge = sp.Matrix([x1, x2, y1, y2]), sp.Matrix([y1, y2])
everything = Domain(
    {**dict.fromkeys((x1, x2, y1, y2, b11, b12, b21, b22, k21), line), k11: positive, k22: positive}
)


def field(upper, lower, damped):
    """The Jacobian in blocks."""
    return sp.Matrix(sp.BlockMatrix([[sp.zeros(2), upper], [lower, damped]]))


def derive(c):
    """The steps, for any claimed blocks and rate of the energy."""
    jacobian = field(c.upper, c.lower, c.damped)
    energy_rate = sp.expand((state.T * jacobian * state)[0, 0])
    one = sp.Matrix([[0, c.upper[0, 0]], [c.lower[0, 0], c.damped[0, 0]]])
    one = one.subs({b11: b, k11: sp.sqrt(k)})
    trace, det = one.trace(), one.det()
    squares = -((k11 * y1 + k21 * y2) ** 2) - (k22 * y2) ** 2
    quiet = (jacobian * state).subs({y1: 0, y2: 0})
    return [
        Step(
            "Along z' = J z the coupling does no work: d/dt |z|^2/2 = -y^T C y",
            equal(energy_rate, sp.expand(c.rate)),
            everything,
            LinearAlgebra(),
        ),
        Step(
            "-y^T C y is minus a sum of squares (C = K K^T), 0 only at y = 0 as k11, k22 > 0",
            equal(energy_rate, sp.expand(squares)),
            everything,
            LinearAlgebra(),
        ),
        Step(
            "so the energy falls wherever one of the two squared terms is not 0",
            less(-(x1**2) - x2**2, 0),
            Domain({x1: positive, x2: positive}),
        ),
        Step(
            "Where y stays 0, J z has the lower block B x: full column rank leaves only x = 0",
            equal(quiet[2:, :], coupling * sp.Matrix([x1, x2])),
            everything,
            LinearAlgebra(),
        ),
        Step(
            "One parameter each (Routh): the trace is -C < 0",
            less(trace, 0),
            Domain({k: positive, b: line}),
        ),
        Step(
            "and the determinant is B^2 > 0",
            greater(det, 0),
            Domain({k: positive, b: line}, nonzero=(b,)),
        ),
        Step(
            "Its characteristic polynomial is l^2 + C l + B^2",
            equal((slow * sp.eye(2) - one).det(), slow**2 + k * slow + b**2),
            Domain({k: positive, b: line, slow: line}),
            LinearAlgebra(),
        ),
    ]


hypotheses = [
    Hypothesis(
        "B has full column rank",
        Witness(
            {b: 0, k: 1},
            "B = 0: the determinant is 0, so 0 is an eigenvalue and the generator stands still",
            breaks=[
                Step(
                    "the determinant is positive", greater(b**2, 0), Domain({b: line, k: positive})
                )
            ],
        ),
    ),
    Hypothesis(
        "C is positive definite",
        Witness(
            {b: 1, k: 0},
            "C = 0, B = 1: l^2 + 1 = 0, the eigenvalues are +-i and nothing decays",
            shows=[
                Step(
                    "i is a root",
                    equal((slow**2 + 1).subs(slow, sp.I), 0),
                    by=LinearAlgebra(),
                )
            ],
            breaks=[Step("the trace is negative", less(-k, 0), Domain({b: line, k: positive}))],
        ),
    ),
]

unit = {b11: 1, b12: 0, b21: 0, b22: 1, k11: 1, k21: 0, k22: 1, x1: 1, x2: 0, y1: 1, y2: 0}
mutants = [
    Mutant(
        "the energy falls at 1.001 y^T C y",
        {"rate": -sp.Rational(1001, 1000) * (judge.T * damping * judge)[0, 0]},
        unit,
        "the rate is exact",
        "near-miss",
    ),
    Mutant(
        "both players push the same way: J = [[0, B^T], [B, -C]]",
        {"upper": coupling.T},
        {**unit, b: 1, k: 1, slow: 0},
        "an antisymmetric coupling is what does no work",
    ),
    Mutant(
        "C >= 0 suffices (C = 0)",
        {"damped": sp.zeros(2)},
        {**unit, b: 1, k: 1, slow: 1},
        "without damping the game only turns",
    ),
    Mutant(
        "any B will do (B = 0)",
        {"upper": sp.zeros(2), "lower": sp.zeros(2)},
        {**unit, b: 1, k: 1, slow: 0},
        "a direction that the critic cannot see does not decay",
    ),
    Mutant(
        "the energy falls at |y|^2 whatever C is",
        {"rate": -(judge.T * judge)[0, 0]},
        {**unit, k11: 2},
        "the damping sets the rate",
    ),
]


def _slowest(width: float, damping_: float) -> float:
    root = cmath.sqrt(damping_ * damping_ / 4 - width * width)
    return max((-damping_ / 2 + root).real, (-damping_ / 2 - root).real)


theorem = Theorem(
    id="full-rank-game-is-stable",
    title="A damped critic that sees everything stabilises the game",
    statement="With C positive definite and B of full column rank, J = [[0, -B^T], [B, -C]] has "
    "only eigenvalues with negative real part: the energy |z|^2/2 changes at the rate {rate}.",
    formulas={},
    parts={
        "upper": -coupling.T,
        "lower": coupling,
        "damped": -damping,
        "rate": -(judge.T * damping * judge)[0, 0],
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[NAGARAJAN_KOLTER_2017],
    claims={"S22": "proof", "L19": "proof"},
    uses=[game_jacobian_splits.theorem],
    note="More damping is not faster decay: with B = 1, C = 2 has both roots at -1, C = 4 has one "
    "between -1/2 and 0. The engine decides two parameters a player; the energy is a sum over "
    "pairs of parameters, so every larger case is a sum of such terms.",
    numeric=[
        NumericForm(
            "with one parameter each the roots of l^2 + C l + B^2 have negative real parts",
            ((0.1, 4.0), (0.1, 6.0)),
            _slowest,
            "<=",
            lambda *_: 0.0,
            0.0,
            "the slowest root is below -B^2/(2 C) = -8e-4, far from rounding",
        )
    ],
)
