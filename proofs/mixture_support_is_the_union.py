"""Do several generators mend a disconnected support?

Statement
    The support of a mixture is the union of the supports of the experts with positive weight. Each
    connected expert adds at most one component, so k experts give at most k, fewer where their
    supports meet; experts fewer than the separated parts still leave mass in a gap.

Assumptions
    Weights are positive; finitely many experts; each expert has a connected support.

Source
    From the definition of the support: a point belongs to it where every ball is charged.
"""

import itertools

import sympy as sp

from gancheck.theory import (
    Cases,
    Caveat,
    Domain,
    Enclosure,
    Hypothesis,
    Mutant,
    NumericForm,
    RationalSign,
    Step,
    Theorem,
    Witness,
    at_most,
    equal,
    greater,
)
from gancheck.theory.literature import MUNKRES_2000

weight, m1, m2, shift, n, x = sp.symbols("w m1 m2 s n x")
positive, half = (0, sp.oo), sp.Rational(1, 2)
ball = weight * m1 + (1 - weight) * m2  # mass of a ball: m1, m2 under the two experts
inner = Domain({weight: (0, 1), m1: positive, m2: positive})


def overlap(low1, high1, low2, high2):
    """Length of the intersection of two intervals; negative: the distance between them."""
    return sp.Min(high1, high2) - sp.Max(low1, low2)


def derive(c):
    """The steps, for any claimed mixture mass and count of components."""
    return [
        Step("A ball charged by both experts is charged", greater(c.ball, 0), inner),
        Step(
            "by the first alone as well",
            greater(c.ball.subs(m2, 0), 0),
            Domain({weight: (0, 1), m1: positive}),
        ),
        Step(
            "and by the second alone",
            greater(c.ball.subs(m1, 0), 0),
            Domain({weight: (0, 1), m2: positive}),
        ),
        Step("A ball charged by neither is not: the union, no more (k experts by induction)",
             equal(c.ball.subs({m1: 0, m2: 0}), 0), Domain({weight: (0, 1)})),
        Step(
            "Adding one connected expert to n components leaves at most n + 1: it joins j >= 0 of "
            "them into one with itself",
            at_most(c.count, n + 1),
            Domain({n: positive, x: positive}),
        ),
        Step(
            "[0, 2] and [1 + s, 3] meet for s < 1: one component of two experts",
            greater(overlap(0, 2, 1 + shift, 3), 0),
            Domain({shift: (0, 1)}),
            Cases(shift, (half,), RationalSign()),
        ),
        Step(
            "[0, 1] and [1 + s, 3] do not: two components",
            greater(c.apart * overlap(0, 1, 1 + shift, 3), 0),
            Domain({shift: (0, 1)}),
            Cases(shift, (half,), RationalSign()),
        ),
    ]  # fmt: skip


exactly_two = Step(
    "the supports are apart",
    greater(-overlap(0, 2, 1 + shift, 3), 0),
    Domain({shift: (-1, 1)}),
    Enclosure(),
)

hypotheses = [
    Hypothesis(
        "weights are positive",
        Witness(
            {weight: 1, m1: 0, m2: 1},
            "weights (1, 0): what only the second expert charges drops out",
            breaks=[Step("the ball is charged", greater(ball.subs(m1, 0), 0),
                         Domain({weight: (0, 1), m2: positive}))],
        ),
    ),
    Hypothesis(
        "there are finitely many experts",
        Witness(
            {x: 0},
            "point masses at 1/n: the point 0 is charged by none, yet every ball around it is",
            shows=[
                Step(
                    "the ball of radius e around 0 holds 1/n for every n > 1/e: at n = 2/e",
                    greater(x - 1 / (2 / x), 0),
                    Domain({x: positive}),
                )
            ],
            breaks=[Step("0 is one of the atoms", greater(x, 0), Domain({x: positive}))],
        ),
    ),
    Hypothesis(
        "each expert's support is connected",
        convenient="finitely many components an expert suffice: the mixture has at most their sum",
    ),
]  # fmt: skip

inside = {weight: half, m1: 1, m2: 1, n: 2, x: 1}
mutants = [
    Mutant(
        "the second expert's weight is 1 - 1.001 w",
        {"ball": weight * m1 + (1 - sp.Rational(1001, 1000) * weight) * m2},
        {weight: sp.Rational(9995, 10000), m2: 1},
        "the weights sum to 1",
        "near-miss",
    ),
    Mutant(
        "the support is the intersection",
        {"ball": m1 * m2 * weight},
        {weight: half, m1: 1},
        "one expert's charge is enough",
    ),
    Mutant(
        "experts of weight zero count",
        {"ball": weight * m1 + (1 - weight) * m2 + m1 - m1 * weight - (1 - weight) * m2},
        {weight: half, m2: 1},
        "this keeps only the first expert",
    ),
    Mutant(
        "another expert may add two components",
        {"count": n + 2},
        inside,
        "a connected set is one component",
    ),
    Mutant(
        "separated intervals overlap",
        {"apart": sp.Integer(1)},
        {shift: half},
        "the sign of the distance",
    ),
]


def _union_components(a: float, b: float, c: float) -> float:
    """Components of three unit intervals at a, b, c, by sorting."""
    starts = sorted((a, b, c))
    return 1.0 + sum(later > earlier + 1 for earlier, later in itertools.pairwise(starts))


theorem = Theorem(
    id="mixture-support-is-the-union",
    title="A mixture's support is the union of its experts'",
    statement="A ball of masses m1, m2 under two experts has mass {ball} under their mixture, so "
    "the supports unite. k connected experts give at most k components, fewer where they meet.",
    parts={
        "ball": ball,
        "count": n + 1 - x,
        "apart": sp.Integer(-1),
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[MUNKRES_2000],
    claims={"S44": "proof"},
    caveats=[
        Caveat(
            "S44",
            "k generators give a support of k components.",
            "They give at most k: the supports of experts may meet, and experts of weight zero do "
            "not count.",
            Witness(
                {shift: 0},
                "uniform laws on [0, 2] and [1, 3]: one component, [0, 3]",
                breaks=[exactly_two],
            ),
        )
    ],
    note="Fewer experts than separated parts leave mass in a gap: see gap-mass-isoperimetry.",
    numeric=[
        NumericForm(
            "three unit intervals have at most three components",
            ((0.0, 6.0), (0.0, 6.0), (0.0, 6.0)),
            _union_components,
            "<=",
            lambda *_: 3.0,
            0.0,
            "a count",
        )
    ],
)
