"""The game Jacobian splits: curvature in the symmetric part, the players' coupling in the other.

Statement
    Let v = (grad_G L_G, grad_D L_D), J = dv/dtheta = S + A with S symmetric and A antisymmetric.
    In a zero-sum game L_G = V = -L_D, S = diag(V_GG, -V_DD) and A = [[0, V_GD], [-V_DG, 0]].
    Along theta' = -v, d/dt |v|^2/2 = -v^T S v, so A changes no speed. If S vanishes everywhere, v
    is affine and |v| is constant. The adjustment A^T v is orthogonal to v.

Assumptions
    V is three times continuously differentiable; the game is zero-sum for the form of S and A.

Source
    Balduzzi et al. (2018), The mechanics of n-player differentiable games, and its long version,
    Letcher et al. (2019).
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
    equal,
)
from gancheck.theory.literature import BALDUZZI_2018, LETCHER_2019
from gancheck.theory.toy_games import ToyGame

x1, x2, y1, y2 = sp.symbols("x1 x2 y1 y2")
players = ([x1, x2], [y1, y2])
every = [x1, x2, y1, y2]
value = sp.Function("V")(x1, x2, y1, y2)
half = sp.Rational(1, 2)


def block(rows, columns):
    """The block of second partial derivatives of V."""
    return sp.Matrix([[sp.diff(value, r, c) for c in columns] for r in rows])


curvature_g, curvature_d = block(players[0], players[0]), block(players[1], players[1])
coupling = block(players[0], players[1])
nothing = sp.zeros(2, 2)

symmetric_claim = sp.Matrix(sp.BlockMatrix([[curvature_g, nothing], [nothing, -curvature_d]]))
antisymmetric_claim = sp.Matrix(sp.BlockMatrix([[nothing, coupling], [-coupling.T, nothing]]))


def pigeonhole(symmetric):
    """Second derivatives of v, and for each the derivative of an entry of S that it equals.

    Of any three of the four parameters two belong to one player, so a third derivative of V is
    plus or minus a derivative of a diagonal block of S.
    """
    bends, through_s = [], []
    signs = [1, 1, -1, -1]
    for i in range(4):
        for j in range(4):
            for m in range(4):
                bends.append(signs[i] * sp.diff(value, every[i], every[j], every[m]))
                a, b, rest = next(
                    (a, b, rest)
                    for a, b, rest in ((i, j, m), (i, m, j), (j, m, i))
                    if (a < 2) == (b < 2)
                )
                entry = sp.diff(symmetric[a, b], every[rest])
                through_s.append(signs[i] * signs[a] * entry)
    return sp.Matrix(bends), sp.Matrix(through_s)


def derive(c):
    """The steps, for any second loss and any claimed parts of the Jacobian."""
    game = ToyGame(loss_g=value, loss_d=c.loss_d, theta_g=players[0], theta_d=players[1])
    jacobian, field = game.jacobian, game.field
    symmetric = (jacobian + jacobian.T) / 2
    antisymmetric = (jacobian - jacobian.T) / 2
    bends, through_s = pigeonhole(c.symmetric)
    velocity = -field
    speed_rate = sum((field.T * jacobian * velocity).flat(), sp.Integer(0))
    return [
        Step(
            "The symmetric part holds each player's own curvature",
            equal(symmetric, c.symmetric),
            by=LinearAlgebra(),
        ),
        Step(
            "The antisymmetric part holds the coupling (mixed partial derivatives commute)",
            equal(antisymmetric, c.antisymmetric),
            by=LinearAlgebra(),
        ),
        Step(
            "The antisymmetric part does no work: v^T A v = 0",
            equal((field.T * c.antisymmetric * field)[0, 0], 0),
            by=LinearAlgebra(),
        ),
        Step(
            "Along theta' = -v, the chain rule v' = J theta' gives d/dt |v|^2/2 = -v^T S v",
            equal(speed_rate, -(field.T * c.symmetric * field)[0, 0]),
            by=LinearAlgebra(),
        ),
        Step(
            "Every second derivative of v is one of S, so S = 0 everywhere makes v affine",
            equal(bends, through_s),
            by=LinearAlgebra(),
        ),
        Step(
            "The adjustment A^T v is orthogonal to v",
            equal((field.T * c.antisymmetric.T * field)[0, 0], 0),
            by=LinearAlgebra(),
        ),
    ]


def parts_of(loss_g, loss_d):
    """S and A of a game of one parameter each."""
    game = ToyGame(loss_g=loss_g, loss_d=loss_d, theta_g=[x1], theta_d=[y1])
    jacobian = game.jacobian
    return game.field, (jacobian + jacobian.T) / 2, (jacobian - jacobian.T) / 2


shown = sp.Function("V")(x1, y1)
_, shown_s, shown_a = parts_of(shown, -shown)
_, shared_s, shared_a = parts_of(x1 * y1, x1 * y1)
damped_field, damped_s, _ = parts_of(x1**2 / 2 + x1 * y1, -(x1**2) / 2 - x1 * y1)
work = (damped_field.T * damped_s * damped_field)[0, 0]

hypotheses = [
    Hypothesis(
        "the game is zero-sum",
        Witness(
            {},
            "for L_G = L_D = x y the coupling is all in S, and A = 0",
            breaks=[
                Step(
                    "S has no off-diagonal block",
                    equal(shared_s, sp.diag(shared_s[0, 0], shared_s[1, 1])),
                    by=LinearAlgebra(),
                )
            ],
            shows=[
                Step(
                    "A vanishes for the shared loss",
                    equal(shared_a, sp.zeros(2, 2)),
                    by=LinearAlgebra(),
                )
            ],
        ),
    ),
    Hypothesis(
        "S = 0 everywhere (for the constant speed)",
        Witness(
            {x1: 1, y1: 0},
            "V = x^2/2 + x y has S = diag(1, 0), and |v| falls",
            breaks=[
                Step(
                    "v^T S v = 0",
                    equal(work, 0),
                    Domain({x1: (-sp.oo, sp.oo), y1: (-sp.oo, sp.oo)}),
                    LinearAlgebra(),
                )
            ],
        ),
    ),
    Hypothesis(
        "V is three times continuously differentiable",
        convenient="twice differentiable with a symmetric second derivative suffices for all but "
        "the affine field",
    ),
]

at_origin = {x1: 0, x2: 0, y1: 0, y2: 0}
mutants = [
    Mutant(
        "A = [[0, 1.001 V_GD], [-1.001 V_DG, 0]]",
        {"antisymmetric": sp.Rational(1001, 1000) * antisymmetric_claim},
        {value: x1 * y1, **at_origin},
        "the coupling enters with weight 1",
        "near-miss",
    ),
    Mutant(
        "a zero-sum game has A = 0",
        {"antisymmetric": sp.zeros(4, 4)},
        {value: x1 * y1, **at_origin},
        "a zero-sum coupling is rotation",
    ),
    Mutant(
        "a zero-sum game has S = 0",
        {"symmetric": sp.zeros(4, 4)},
        {value: x1**2, **at_origin},
        "each player keeps its own curvature",
    ),
    Mutant(
        "players who share their loss rotate as well",
        {"loss_d": value},
        {value: x1 * y1, **at_origin},
        "coupling alone is no rotation",
    ),
    Mutant(
        "S = diag(V_GG, V_DD)",
        {"symmetric": sp.Matrix(sp.BlockMatrix([[curvature_g, nothing], [nothing, curvature_d]]))},
        {value: y1**2, **at_origin},
        "the second player minimises -V",
    ),
]


def _speed_after(coupling_strength: float, x: float, y: float) -> float:
    """|v| after a turn of 1 along theta' = -v of V = c x y, by the exact flow."""
    cosine, sine = math.cos(coupling_strength), math.sin(coupling_strength)
    new_x, new_y = cosine * x - sine * y, sine * x + cosine * y
    return coupling_strength * math.hypot(new_x, new_y)


theorem = Theorem(
    id="game-jacobian-splits",
    title="The game Jacobian splits into curvature and rotation",
    statement="J = S + A. In a zero-sum game S is {own_curvature} and A is {rotation}, here for one "
    "parameter a player, V = {shown}; with more of them each entry is a block. Along theta' = -v the "
    "rate of |v|^2/2 is -v^T S v, so A changes no speed.",
    formulas={"shown": shown, "own_curvature": shown_s, "rotation": shown_a},
    parts={
        "loss_d": -value,
        "symmetric": symmetric_claim.as_immutable(),
        "antisymmetric": antisymmetric_claim.as_immutable(),
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[BALDUZZI_2018, LETCHER_2019],
    claims={"S33": "proof", "L18": "proof"},
    note="The engine decides for two parameters a player; every entry of the general case is an "
    "entry of this one, since the claim is about pairs (and triples) of parameters.",
    numeric=[
        NumericForm(
            "the speed of the bilinear game's exact flow is constant",
            "coupling_and_point",
            _speed_after,
            "==",
            lambda coupling_strength, x, y: coupling_strength * math.hypot(x, y),
            lambda coupling_strength, x, y: 1e-14 * coupling_strength * (1e-300 + math.hypot(x, y)),
            "one rotation: a few units of 2e-16 of the speed itself",
        )
    ],
)
