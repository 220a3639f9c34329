"""When is the best critic's advantage a distance between laws?

Statement
    d(P, Q) = sup over f in F of E_P f - E_Q f satisfies the triangle inequality for every F. It is
    never negative if F holds a constant; it is symmetric, and never negative, if F = -F; and if
    moreover F separates laws, it is 0 only at P = Q.

Assumptions
    A constant in F or F = -F for the sign; F = -F for symmetry; both F = -F and separation for
    d = 0 only at P = Q.

Source
    Mueller (1997), who introduced the name and the generating classes.
"""

import math

import sympy as sp

from gancheck.theory import (
    Cases,
    Caveat,
    Domain,
    Hypothesis,
    Mutant,
    NumericForm,
    RationalSign,
    Step,
    Theorem,
    Vertices,
    Witness,
    at_least,
    at_most,
    equal,
    greater,
)
from gancheck.theory.literature import MUELLER_1997, SRIPERUMBUDUR_2009

x, y = sp.symbols("x y")  # what one critic gains on (P, Q) and on (Q, R)
m, n, s, t = sp.symbols("m n s t")  # how far the suprema lie above: m s and n t
a, b, e, const = sp.symbols("a b e const")  # shares or expectations; a constant critic
point, v, w = sp.symbols("point v w")
half, reals = sp.Rational(1, 2), (-sp.oo, sp.oo)
ends_of_t = Vertices(t, RationalSign(), RationalSign())
by_sign = Cases(x, (0,), RationalSign())


def mean(f, spread):
    """E f under spread/2 at -1 and at 1, the rest at 0."""
    masses = {-1: spread / 2, 0: 1 - spread, 1: spread / 2}
    return sum(mass * f.subs(point, at) for at, mass in masses.items())


def derive(c):
    """The steps; a class enters through any one of its critics, f, and where needed its partner."""
    through = c.scale * ((x + m * s) + (y + n * t))
    above = {m: (0, sp.oo), n: (0, sp.oo)}
    there, back = sp.Max(x, c.partner), sp.Max(-x, c.partner.subs(x, -x))
    gain = mean(c.test, v) - mean(c.test, w)
    return [
        Step(
            "A critic's gain on (P, R) is the sum of its gains on (P, Q) and (Q, R)",
            equal(a - e, (a - b) + (b - e)),
            Domain({a: reals, b: reals, e: reals}),
        ),
        Step(
            "The suprema on (P, Q) and (Q, R) are at least those gains, so every critic's gain on "
            "(P, R) is at most their sum, and so is the supremum: the triangle inequality",
            at_most(x + y, through),
            Domain({x: reals, y: reals, **above}, {s: (0, 1), t: (0, 1)}),
            Vertices(s, ends_of_t, ends_of_t),
        ),
        Step(
            "A constant critic gains 0, since both laws have mass 1",
            equal(const * (a + (1 - a)) - const * (b + (1 - b)), 0),
            Domain({const: reals, a: (0, 1), b: (0, 1)}),
        ),
        Step(
            "With such a critic in F the supremum is not negative",
            at_least(sp.Max(x, c.constant), 0),
            Domain({x: reals}),
            by_sign,
        ),
        Step(
            "If F holds with every f its partner, the pair gains as much on (Q, P) as on (P, Q)",
            equal(there, back),
            Domain({x: reals}),
            by_sign,
        ),
        Step("and not less than 0", at_least(there, 0), Domain({x: reals}), by_sign),
        Step(
            "If some f separates P and Q, its gain is positive or its partner's is: d > 0, here "
            "for a positive gain",
            greater(there, 0),
            Domain({x: (0, sp.oo)}),
            Cases(x, (1,), RationalSign()),
        ),
        Step(
            "and for a negative one",
            greater(there, 0),
            Domain({x: (-sp.oo, 0)}),
            Cases(x, (-1,), RationalSign()),
        ),
        Step(
            "A critic separates laws v/2, 1 - v, v/2 on -1, 0, 1 if its gain vanishes only at "
            "equal v",
            greater(gain**2, 0),
            Domain({v: (0, 1), w: (0, 1)}, nonzero=(v - w,)),
        ),
    ]


on_reals = Domain({x: reals})
hypotheses = [
    Hypothesis(
        "F holds a constant or F = -F",
        Witness(
            {x: -1},
            "F = {z -> z}: d from the point mass at 0 to that at 1 is -1",
            breaks=[Step("the distance is not negative", at_least(x, 0), on_reals)],
        ),
    ),
    Hypothesis(
        "F = -F",
        Witness(
            {x: 1},
            "F = {z -> 0, z -> z}, which separates the laws on 0 and 1: d is 1 from the point mass "
            "at 1 to that at 0, and 0 back although they differ",
            breaks=[
                Step("symmetric", equal(sp.Max(x, 0), sp.Max(-x, 0)), on_reals),
                Step(
                    "the way back is not 0 either",
                    greater(sp.Max(-x, 0), 0),
                    Domain({x: (0, sp.oo)}),
                ),
            ],
        ),
    ),
    Hypothesis(
        "F separates laws",
        Witness(
            {v: 1, w: 0},
            "F = {z -> z, z -> -z} gains 0 between the point mass at 0 and halves at -1 and 1",
            breaks=[
                Step(
                    "different laws differ in mean",
                    greater((mean(point, v) - mean(point, w)) ** 2, 0),
                    Domain({v: reals, w: reals}, nonzero=(v - w,)),
                )
            ],
        ),
    ),
]

at_one = {x: 1, y: 1, m: 1, n: 1, s: 0, t: 0, v: half, w: sp.Rational(1, 4)}
at_minus_one = {**at_one, x: -1}
mutants = [
    Mutant(
        "d(P, R) <= 0.999 (d(P, Q) + d(Q, R))",
        {"scale": sp.Rational(999, 1000)},
        at_one,
        "F = {z -> z, z -> -z} on point masses in a row attains equality",
        "near-miss",
    ),
    Mutant(
        "never negative, whatever F",
        {"constant": x},
        at_minus_one,
        "the class with one critic",
    ),
    Mutant(
        "symmetric as soon as 0 is in F",
        {"partner": sp.Integer(0)},
        at_one,
        "the partner is -f",
    ),
    Mutant(
        "zero only at P = Q for F = {z -> z, z -> -z}",
        {"test": point},
        at_one,
        "equal means are not equal laws",
    ),
]

caveats = [
    Caveat(
        "S34",
        "The largest E_P f - E_Q f over any class F is a metric on laws.",
        "Only the triangle inequality is free: the sign needs a constant or F = -F, symmetry needs "
        "F = -F, and zero only at P = Q needs separation on top.",
        Witness(
            {x: -1},
            "F = {z -> z}: the point masses at 0 and 1 are at 'distance' -1",
            breaks=[Step("the distance is not negative", at_least(x, 0), on_reals)],
        ),
    )
]


def _distance(p, q) -> float:
    """Over f = cos(n z), sin(n z) and their negatives, laws on atoms 0, 1, 2, ..."""
    waves = [[wave(n * z) for z in range(len(p))] for n in (1, 2) for wave in (math.sin, math.cos)]
    return max(abs(sum(f * (m - n) for f, m, n in zip(c, p, q, strict=True))) for c in waves)


def _third(p, q):
    return [(m + 2 * n) / 3 for m, n in zip(q, reversed(p), strict=True)]


theorem = Theorem(
    id="integral-probability-metric-axioms",
    title="Which axioms of a metric a critic class gives",
    statement="d(P, Q), the supremum of E_P f - E_Q f over f in F, satisfies the triangle "
    "inequality for every F. It is never negative if F holds a constant, whose gain is {constant}; "
    "it is symmetric and never negative if F = -F, the partner of a gain {gain} being {partner}; "
    "if moreover F separates laws, it is 0 only at P = Q.",
    formulas={"gain": x},
    parts={"scale": sp.Integer(1), "constant": sp.Integer(0), "partner": -x, "test": point**2},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[MUELLER_1997, SRIPERUMBUDUR_2009],
    claims={"S34": "proof"},
    caveats=caveats,
    note="Suprema may be infinite; the inequalities hold then too, as long as no difference of "
    "infinities is formed.",
    numeric=[
        NumericForm(
            "the triangle inequality for a class of eight waves, through a third law",
            "law_pair",
            _distance,
            "<=",
            lambda p, q: _distance(p, _third(p, q)) + _distance(_third(p, q), q),
            1e-12,
            "three sums of at most six terms of size 1",
        )
    ],
)
