"""What does a slow generator see of a fast critic?

Statement
    With the generator slowed by e, J = [[0, -e B], [B, -C]] in ascent sign. As e -> 0 one
    eigenvalue divided by e tends to -B^2/C, the Schur complement; the other tends to -C.

Assumptions
    C > 0; e tends to 0; one parameter a player.

Source
    Heusel et al. (2017) for two time scales. Put l = e u in the characteristic polynomial and
    divide by e; the root at e = 0 is simple, so the implicit function theorem carries it on.
"""

import math

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
    differs,
    equal,
    greater,
)
from gancheck.theory.literature import HEUSEL_2017

from . import full_rank_game_is_stable  # noqa: TID251  (a neighbour on the shelf)

b, c, e, root, slow_root = sp.symbols("B C e l u")
line, positive = (-sp.oo, sp.oo), (0, sp.oo)
jacobian = sp.Matrix([[0, -e * b], [b, -c]])
slow, fast = -(b**2) / c, -c
blocks = Domain({b: positive, c: positive})


def derive(claim):
    """The steps, for any claimed Jacobian and limits."""
    polynomial = sp.expand((root * sp.eye(2) - claim.jacobian).det())
    scaled = sp.expand(sp.cancel(polynomial.subs(root, e * slow_root) / e))
    return [
        Step(
            "The characteristic polynomial is l^2 + C l + e B^2",
            equal(polynomial, root**2 + c * root + e * b**2),
            Domain({b: line, c: line, e: line, root: line}),
            LinearAlgebra(),
        ),
        Step(
            "With l = e u it is e times e u^2 + C u + B^2",
            equal(polynomial.subs(root, e * slow_root), e * scaled),
            Domain({b: line, c: line, e: line, slow_root: line}),
            LinearAlgebra(),
        ),
        Step(
            "At e = 0 the scaled polynomial vanishes at the slow limit",
            equal(scaled.subs(e, 0).subs(slow_root, claim.slow), 0),
            blocks,
        ),
        Step(
            "and its slope there is C, not 0: the root moves continuously with e",
            equal(sp.diff(scaled, slow_root).subs(e, 0).subs(slow_root, claim.slow), c),
            blocks,
        ),
        Step(
            "The other root at e = 0 is the fast limit, away from 0",
            equal(polynomial.subs(e, 0).subs(root, claim.fast), 0),
            blocks,
        ),
        Step("The two limits are told apart, since C > 0", greater(-claim.fast, 0), blocks),
        Step(
            "For e > 0 the limit is not exact: B^4 e/C^2 is left over",
            equal(scaled.subs(slow_root, claim.slow), e * b**4 / c**2),
            Domain({b: positive, c: positive, e: positive}),
        ),
    ]


hypotheses = [
    Hypothesis(
        "C > 0",
        Witness(
            {c: 0, b: 1, e: sp.Rational(1, 4)},
            "C = 0: the roots are +-i sqrt(e) B, of order sqrt(e) and without decay",
            shows=[
                Step(
                    "i sqrt(e) B is a root where C = 0",
                    equal((root**2 + e * b**2).subs(root, sp.I * sp.sqrt(e) * b), 0),
                    Domain({b: line, e: positive}),
                    LinearAlgebra(),
                )
            ],
            breaks=[
                Step("the slope at the slow root is not 0", differs(c, 0), blocks),
            ],
        ),
    ),
    Hypothesis(
        "e tends to 0",
        Witness(
            {e: 1, b: 1, c: 4},
            "e = 1, B = 1, C = 4: at u = -1/4 the polynomial is 1/16, not 0",
            breaks=[
                Step(
                    "-B^2/C is an exact root",
                    equal((e * slow_root**2 + c * slow_root + b**2).subs(slow_root, slow), 0),
                    Domain({b: positive, c: positive, e: positive}),
                )
            ],
        ),
    ),
    Hypothesis(
        "one parameter a player",
        convenient="with matrices the slow block is the Schur complement -B^T C^-1 B, by block "
        "elimination of the fast variables",
    ),
]

two_one = {b: 2, c: 1}
mutants = [
    Mutant(
        "the slow limit is -1.001 B^2/C",
        {"slow": sp.Rational(1001, 1000) * slow},
        two_one,
        "the Schur complement exactly",
        "near-miss",
    ),
    Mutant("the slow limit is -B/C", {"slow": -b / c}, two_one, "B enters twice"),
    Mutant("the slow limit is -C/B^2", {"slow": -c / b**2}, two_one, "which block is inverted"),
    Mutant("the fast limit is -C/2", {"fast": -c / 2}, two_one, "the fast root takes all of C"),
    Mutant(
        "both players push the same way",
        {"jacobian": sp.Matrix([[0, e * b], [b, -c]])},
        {b: 1, c: 1, e: 1, root: 0},
        "then the slow limit would be +B^2/C, unstable",
    ),
]


def _slow_root(width: float, damping: float, rate: float) -> float:
    """The slow eigenvalue over e, written without cancellation."""
    return -2 * width**2 / (damping + math.sqrt(damping**2 - 4 * rate * width**2))


theorem = Theorem(
    id="two-time-scales-reach-the-schur-complement",
    title="A slow generator sees the critic's best response",
    statement="For {jacobian} with C > 0, as e tends to 0 one eigenvalue divided by e tends to "
    "{slow} and the other eigenvalue to {fast}.",
    parts={"jacobian": jacobian, "slow": slow, "fast": fast},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[HEUSEL_2017],
    claims={"L21": "proof"},
    uses=[full_rank_game_is_stable.theorem],
    numeric=[
        NumericForm(
            "at a small e the slow eigenvalue over e is within e B^4/C^3 * 2 of the limit",
            ((0.1, 1.0), (1.0, 4.0), (1e-6, 0.1)),
            lambda width, damping, rate: abs(_slow_root(width, damping, rate) + width**2 / damping),
            "<=",
            lambda width, damping, rate: 2 * rate * width**4 / damping**3,
            1e-15,
            "the leading error is e B^4/C^3, doubled for the rest of the series; rounding of "
            "numbers at most 1 in size",
        )
    ],
)
