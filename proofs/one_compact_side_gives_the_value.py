"""What does one compact side give a game: a value, or an equilibrium?

Statement
    If one side is compact and convex and the payoff is quasi-convex and lower semicontinuous in
    the minimiser, quasi-concave and upper semicontinuous in the maximiser, then inf sup = sup inf.
    The GAN payoff is linear in q and concave in D, so this covers finitely many points and D in
    [eps, 1 - eps]. A saddle needs attainment on both sides: y/(1 + x) with x >= 0 and y in [0, 1]
    has the value 0 and no saddle.

Assumptions
    One side is compact; the payoff is quasi-convex-concave; it is semicontinuous; X is finite.

Source
    Sion (1958) for the general theorem; the steps on the GAN payoff and the two games are
    elementary.
"""

import sympy as sp

from gancheck.theory import (
    Caveat,
    Cited,
    Domain,
    Enclosure,
    Hypothesis,
    LogRational,
    Mutant,
    NumericForm,
    RationalSign,
    Relation,
    Step,
    Theorem,
    Witness,
    at_least,
    at_most,
    equal,
    greater,
    less,
)
from gancheck.theory.literature import GOODFELLOW_2014, SION_1958

p, q, d, other, w = sp.symbols("p q d q_1 w")
x, y, eps, n, bound = sp.symbols("x y epsilon n M")
half, zero = sp.Rational(1, 2), sp.Integer(0)

atom = p * sp.log(d) + q * sp.log(1 - d)
matrix_game = x * y + (1 - x) * (1 - y)  # [[1, 0], [0, 1]], rows (x, 1 - x), columns (y, 1 - y)
open_game = y / (1 + x)

positive = (0, sp.oo)
masses = Domain({p: positive, q: positive, d: (0, 1)})
mixtures = Domain({p: positive, q: positive, other: positive, d: (0, 1), w: (0, 1)})
square = Domain({x: (0, 1), y: (0, 1)})
half_line = Domain({x: (-1, sp.oo)})  # holds x >= 0
quadrant = Domain({x: (-1, sp.oo), y: positive})


def derive(c):
    """The steps, for any GAN payoff, any value and any claim about the open game."""
    mixed = c.atom.subs(q, w * q + (1 - w) * other)
    at_row, at_column = c.matrix_game.subs(x, half), c.matrix_game.subs(y, half)
    return [
        Step(
            "Each atom of the GAN payoff is linear in q, so their sum is",
            equal(mixed, w * c.atom + (1 - w) * c.atom.subs(q, other)),
            mixtures,
            LogRational(),
        ),
        Step(
            "Each atom is concave in D, so their sum is",
            Relation(sp.diff(c.atom, d, 2), c.curvature, zero),
            masses,
        ),
        Step(
            "In the game [[1, 0], [0, 1]] the row 1/2 pays the value",
            equal(at_row, c.value),
            square,
        ),
        Step("And so does the column 1/2", equal(at_column, c.value), square),
        Step(
            "In general, of which that game is an instance",
            equal(at_row, at_column),
            square,
            Cited(
                "Sion 1958",
                "one compact convex side, quasi-convex lower semicontinuous and quasi-concave "
                "upper semicontinuous sections: inf sup = sup inf",
                RationalSign(),
            ),
        ),
        Step(
            "The open game y/(1 + x) is convex in x", greater(sp.diff(open_game, x, 2), 0), quadrant
        ),
        Step("And linear in y", equal(sp.diff(open_game, y, 2), 0), quadrant),
        Step("No y pays less than 0", greater(open_game, 0), quadrant),
        Step(
            "At x = 1/epsilon no y of [0, 1] pays epsilon, so both values are 0",
            less(open_game.subs(x, 1 / eps), eps),
            Domain({y: (0, 1), eps: positive}),
        ),
        Step(
            "Nor does y = 1", less(open_game.subs({x: 1 / eps, y: 1}), eps), Domain({eps: positive})
        ),
        Step(
            "For no y > 0 is any x best", Relation(sp.diff(open_game, x), c.best_x, zero), quadrant
        ),
        Step(
            "And y = 0 is best against no x, so there is no saddle",
            Relation(open_game.subs(y, 0), c.best_y, open_game.subs(y, 1)),
            half_line,
        ),
    ]


escaping = (1 / n) * (-(n**2)) * sp.log(2)  # mass 1/n at the point n, where 1 - D = 2^(-n^2)
steps_out = Domain({n: (1, sp.oo)})

hypotheses = [
    Hypothesis(
        "one side is compact",
        Witness(
            {x: 9, y: 20},
            "y/(1 + x) over all x, y >= 0: y = M (1 + x) pays M, so inf sup is infinite; "
            "sup inf is 0",
            breaks=[Step("against x every y pays at most 1", at_most(open_game, 1), quadrant)],
            shows=[
                Step(
                    "y = M (1 + x) pays M",
                    equal(open_game.subs(y, bound * (1 + x)), bound),
                    Domain({x: (-1, sp.oo), bound: positive}),
                ),
                Step(
                    "x = y/epsilon pays below epsilon",
                    less(open_game.subs(x, y / eps), eps),
                    Domain({y: positive, eps: positive}),
                ),
            ],
        ),
    ),
    Hypothesis(
        "the payoff is quasi-convex in the minimiser and quasi-concave in the maximiser",
        Witness(
            {x: half, y: half},
            "(x - y)^2 on [-1, 1]^2 is not quasi-concave in y: the ends y = 1, -1 secure a min max "
            "of 1, yet x = y answers every y with 0",
            breaks=[Step("y = 1/2 secures 1", at_least((x - y) ** 2, 1), square)],
            shows=[
                Step(
                    "the ends sum to at least 2",
                    at_least((x - 1) ** 2 + (x + 1) ** 2, 2),
                    Domain({x: (-sp.oo, sp.oo)}),
                )
            ],
        ),
    ),
    Hypothesis(
        "the sections are semicontinuous",
        Witness(
            {n: 2},
            "q_n with mass 1/n at the point n, where 1 - D = 2^(-n^2), and the rest at 0, where "
            "D = 0, tends to the point mass at 0; E ln(1 - D) is 0 under that, -n ln 2 under q_n",
            breaks=[Step("q_n pays at least -1", at_least(escaping, -1), steps_out, Enclosure())],
        ),
    ),
    Hypothesis(
        "X is finite and D lies in [eps, 1 - eps]",
        convenient="compact X with continuous D in [eps, 1 - eps] suffices: the laws on X are then "
        "weakly compact and q -> E_q ln(1 - D) is weakly continuous",
    ),
]

mutants = [
    Mutant(
        "the game [[1, 0], [0, 1]] has the value 501/1000",
        {"value": sp.Rational(501, 1000)},
        {x: half, y: half},
        "the value of the instance",
        "near-miss",
    ),
    Mutant(
        "one compact side gives a saddle: x = 10 is best against y = 1",
        {"best_x": "=="},
        {x: 10, y: 1},
        "value without attainment",
    ),
    Mutant(
        "y = 0 is best against some x",
        {"best_y": ">="},
        {x: 10},
        "the other way a saddle could arise",
    ),
    Mutant(
        "the GAN payoff is convex in D",
        {"curvature": ">"},
        {p: 1, q: 1, d: sp.Rational(1, 4)},
        "the side of the maximiser",
    ),
    Mutant(
        "the payoff with q^2 in place of q is linear in q",
        {"atom": p * sp.log(d) + q**2 * sp.log(1 - d)},
        {p: 1, q: 1, other: 2, d: half, w: half},
        "linearity in the law",
    ),
]

caveats = [
    Caveat(
        "S17",
        "The minimax theorem needs both strategy sets compact.",
        "One compact side suffices for the value, with quasi-convex and quasi-concave, "
        "semicontinuous sections; a saddle needs attainment on both sides as well.",
        Witness(
            {x: 99},
            "y/(1 + x) with x >= 0, no compact set, and y in [0, 1]: x = 99 holds every y to 1/100, "
            "so the values do not stay apart",
            breaks=[
                Step(
                    "the best y secures 1/10 against every x",
                    at_least(open_game.subs(y, 1), sp.Rational(1, 10)),
                    half_line,
                )
            ],
        ),
    ),
    Caveat(
        "S18",
        "Over all distributions and all discriminators the conditions of the minimax theorem hold.",
        "Convexity holds; compactness and continuity do not: the laws on R^n are not weakly "
        "compact, and q -> E_q ln(1 - D) need not be weakly lower semicontinuous. The two values "
        "agree all the same, by the explicit saddle q = p, D = 1/2.",
        Witness(
            {n: 4},
            "q_4 pays -4 ln 2, though q_n tends to a law that pays 0",
            breaks=[
                Step("the payoffs stay above -2", at_least(escaping, -2), steps_out, Enclosure())
            ],
        ),
    ),
]


def _min_max(a: float, b: float, c: float, e: float) -> float:
    """Rows (a, b), (c, e) mixed by the minimiser: both lines at their ends and crossing."""
    at = [0.0, 1.0]
    if (slope := (a - c) - (b - e)) != 0 and 0 <= (e - c) / slope <= 1:
        at.append((e - c) / slope)
    return min(max(t * a + (1 - t) * c, t * b + (1 - t) * e) for t in at)


theorem = Theorem(
    id="one-compact-side-gives-the-value",
    title="One compact side gives the value, not a saddle",
    statement="With one compact convex side and quasi-convex, quasi-concave, semicontinuous "
    "sections, inf sup = sup inf. The GAN payoff, {atom} at an atom, is linear in q and concave in "
    "D, so this covers finitely many points with D in [eps, 1 - eps]. There need be no saddle: "
    "{open_game} with x >= 0 and y in [0, 1] has the value 0 and none.",
    formulas={"open_game": open_game},
    parts={
        "atom": atom,
        "matrix_game": matrix_game,
        "value": half,
        "curvature": "<",
        "best_x": "<",
        "best_y": "<",
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[SION_1958, GOODFELLOW_2014],
    claims={"S17": "cited", "S18": "counterexample"},
    caveats=caveats,
    numeric=[
        NumericForm(
            "in a 2x2 game with mixing the min max is the max min",
            ((-5.0, 5.0), (-5.0, 5.0), (-5.0, 5.0), (-5.0, 5.0)),
            _min_max,
            "==",
            lambda a, b, c, e: -_min_max(-a, -c, -b, -e),
            1e-9,
            "rounding of the crossing, whose columns have slopes of opposite sign where it matters",
        )
    ],
)
