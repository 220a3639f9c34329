"""What does the minimax theorem ask for, and what does it give?

Statement
    One compact convex side, payoffs quasi-convex and lower semicontinuous in x, quasi-concave and
    upper semicontinuous in y, give inf sup = sup inf. A saddle needs attainment on both sides:
    y/(1 + x) with x >= 0, 0 <= y <= 1 has the value 0 and no saddle. The GAN payoff is linear in q
    and concave in D; the theorem applies on a finite space with D in [e, 1 - e].

Assumptions
    One side is compact; lower semicontinuity in q; the payoff is concave in y.

Source
    Sion (1958), which is cited for the general fact; the instances are computed here.
"""

import sympy as sp

from gancheck.theory import (
    Caveat,
    Cited,
    Domain,
    Hypothesis,
    LinearAlgebra,
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
    greater,
    less,
)
from gancheck.theory.literature import SION_1958

p, q, d, s, t, x, y, n, eps, bound = sp.symbols("p q d s t x y n eps M")
half, quarter = sp.Rational(1, 2), sp.Rational(1, 4)
gan = p * sp.log(d) + q * sp.log(1 - d)
hyperbola = y / (1 + x)

positive, line = (0, sp.oo), (-sp.oo, sp.oo)
densities = Domain({p: positive, q: positive, d: (0, 1)})
strategies = Domain({s: (0, 1), t: (0, 1)})
strip = Domain({x: positive, y: (0, 1)})


def derive(c):
    """The steps, for any matrix game, any claimed value and any payoff with one compact side."""
    mixed = (sp.Matrix([[s, 1 - s]]) * c.game * sp.Matrix([t, 1 - t]))[0]
    against_t, against_s = mixed.subs(t, half), mixed.subs(s, half)
    return [
        Step("The GAN payoff is linear in the density q", equal(sp.diff(gan, q, 2), 0), densities),
        Step(
            "and concave in the output d",
            Relation(sp.diff(gan, d, 2), c.bends, sp.Integer(0)),
            densities,
        ),
        Step(
            "With d at least e it is bounded, and continuous in q on a finite space: "
            "ln d >= 1 - 1/d >= 1 - 1/e",
            at_least(sp.log(d), 1 - 1 / d),
            Domain({d: (0, 1)}),
            Tangent(((1, 1 / d),)),
        ),
        Step(
            "A 2x2 game: y = (1/2, 1/2) guarantees its maximiser the value",
            equal(against_t, c.value),
            strategies,
            LinearAlgebra(),
        ),
        Step(
            "x = (1/2, 1/2) guarantees the minimiser the same value",
            equal(against_s, c.value),
            strategies,
            LinearAlgebra(),
        ),
        Step(
            "In general one compact side gives inf sup = sup inf; instance: the two guarantees",
            equal(against_t, against_s),
            strategies,
            Cited(
                "Sion (1958), On general minimax theorems",
                "inf sup = sup inf for a quasi-convex-concave payoff, semicontinuous in each "
                "argument, on convex sets of which one is compact",
                LinearAlgebra(),
            ),
        ),
        Step(
            "With x >= 0 not compact the worst case sinks below every eps",
            less(c.payoff.subs({x: 1 / eps, y: 1}), eps),
            Domain({eps: (0, 1)}),
        ),
        Step(
            "while it stays above the value 0",
            greater(c.payoff.subs(y, 1), 0),
            Domain({x: positive}),
        ),
        Step(
            "From any y > 0 the minimiser gains by a larger x",
            Relation(sp.diff(c.payoff, x), c.falls, sp.Integer(0)),
            strip,
        ),
        Step(
            "and from y = 0 the maximiser gains by a larger y: there is no saddle",
            greater(sp.diff(c.payoff, y), 0),
            Domain({x: positive}),
        ),
    ]


quadrant = Domain({x: positive, y: positive})
square = (x - y) ** 2
at_ends = (square.subs(y, 1) + square.subs(y, -1)) / 2
hypotheses = [
    Hypothesis(
        "one side is compact",
        Witness(
            {x: 9, y: 20},
            "y/(1 + x) with y >= 0 unbounded: inf sup is infinite, sup inf is 0",
            breaks=[Step("the worst case is at most 1", at_most(hyperbola, 1), quadrant)],
            shows=[
                Step(
                    "against any x the maximiser reaches any M",
                    equal(hyperbola.subs(y, bound * (1 + x)), bound),
                    Domain({x: positive, bound: positive}),
                ),
                Step(
                    "against any y the minimiser gets below any eps",
                    less(hyperbola.subs(x, y / eps), eps),
                    Domain({y: positive, eps: positive}),
                ),
            ],
        ),
    ),
    Hypothesis(
        "the payoff is lower semicontinuous in q",
        Witness(
            {n: 2},
            "mass 1/n at points where 1 - D is 2^(-n^2): the laws converge, the payoff tends to "
            "minus infinity",
            breaks=[
                Step(
                    "that mass costs no more than 1",
                    at_least(-(n**2) * sp.log(2) / n, -1),
                    Domain({n: positive}),
                    Tangent(()),
                )
            ],
        ),
    ),
    Hypothesis(
        "the payoff is concave in y",
        Witness(
            {x: 0},
            "(x - y)^2 on [-1, 1]^2 is convex in y: against any x one of y = 1, y = -1 gives 1, "
            "yet sup inf is 0, by x = y",
            breaks=[Step("some x holds both ends to 0", at_most(at_ends, 0), Domain({x: line}))],
            shows=[Step("x = y gives 0", equal(square.subs(x, y), 0), Domain({y: line}))],
        ),
    ),
]

mutants = [
    Mutant(
        "the game [[1, 0], [0, 1]] has the value 501/1000",
        {"value": sp.Rational(501, 1000)},
        {s: half, t: half},
        "both guarantees are 1/2",
        "near-miss",
    ),
    Mutant(
        "the GAN payoff is convex in D",
        {"bends": ">"},
        {p: 1, q: 1, d: quarter},
        "the maximiser's side needs concavity",
    ),
    Mutant(
        "one compact side gives a saddle",
        {"falls": ">="},
        {x: 10, y: half},
        "the minimiser always gains by a larger x",
    ),
    Mutant(
        "equal guarantees at (1/2, 1/2) come with every game",
        {"game": sp.ImmutableMatrix([[1, 0], [0, 2]])},
        {s: quarter, t: quarter},
        "the mixture belongs to the game",
    ),
    Mutant(
        "a payoff that ignores x has the value 0",
        {"payoff": y},
        {x: 1, y: half, eps: half},
        "the worst case must sink to the value",
    ),
]

caveats = [
    Caveat(
        "S17",
        "The minimax theorem takes two compact sets and gives a saddle point.",
        "One compact set is enough for inf sup = sup inf; a saddle needs attainment on both sides.",
        Witness(
            {x: 11},
            "y/(1 + x) with only y compact: x = 10 is no best choice, and neither is any other x",
            breaks=[
                Step(
                    "x = 10 is a best choice against y = 1",
                    at_least(hyperbola.subs(y, 1), hyperbola.subs({x: 10, y: 1})),
                    Domain({x: positive}),
                )
            ],
            shows=[
                Step(
                    "x + 1 is better than x",
                    less(hyperbola.subs(x, x + 1), hyperbola),
                    strip,
                )
            ],
        ),
    ),
    Caveat(
        "S18",
        "Over all laws q and all discriminators D the conditions of the theorem are met.",
        "All laws on R^n are no compact set, and D that reach 1 or jump break the semicontinuity "
        "in q. A finite space with D in [e, 1 - e] will do; min max = max min holds in any case, "
        "by the saddle at q = p, D = 1/2.",
        Witness(
            {n: 2},
            "point masses at n = 1, 2, ... have no limit among laws: every test function that "
            "vanishes at infinity, such as 1/(1 + x^2), averages to 0 in the limit",
            breaks=[
                Step(
                    "the average of 1/(1 + x^2) stays at least 1/2",
                    at_least(1 / (1 + n**2), half),
                    Domain({n: positive}),
                )
            ],
            shows=[
                Step(
                    "it sinks below 1/n",
                    less(1 / (1 + n**2), 1 / n),
                    Domain({n: positive}),
                )
            ],
        ),
    ),
]


def _guarantee(rows: tuple[tuple[float, float], tuple[float, float]]) -> float:
    """The least over mixtures of the two rows of the larger entry, at ends and crossing."""
    (a, b), (c, e) = rows
    turn = a - b - c + e
    crossing = min(max((e - c) / turn, 0.0), 1.0) if turn else 0.0
    return min(max(w * a + (1 - w) * c, w * b + (1 - w) * e) for w in (0.0, crossing, 1.0))


theorem = Theorem(
    id="one-compact-side-gives-the-value",
    title="One compact side gives the value, not a saddle",
    statement="A payoff quasi-convex and lower semicontinuous in x, quasi-concave and upper "
    "semicontinuous in y, on convex sets one of which is compact, has inf sup = sup inf; the "
    "mixed game {game} has the value {value}. There need be no saddle: {payoff} with x >= 0 and "
    "0 <= y <= 1 has the value 0, which no x attains.",
    parts={
        "game": sp.ImmutableMatrix([[1, 0], [0, 1]]),
        "value": half,
        "payoff": hyperbola,
        "bends": "<",
        "falls": "<",
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[SION_1958],
    claims={"S17": "cited", "S18": "counterexample"},
    caveats=caveats,
    numeric=[
        NumericForm(
            "in every 2x2 game the two guarantees agree",
            ((-5.0, 5.0), (-5.0, 5.0), (-5.0, 5.0), (-5.0, 5.0)),
            lambda a, b, c, e: _guarantee(((a, b), (c, e))),
            "==",
            lambda a, b, c, e: -_guarantee(((-a, -c), (-b, -e))),
            1e-13,
            "a crossing counts only where the two slopes differ in sign, so its rounding moves "
            "the value by a few 1e-15",
        )
    ],
)
