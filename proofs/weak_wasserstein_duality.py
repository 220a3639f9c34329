"""Why can no 1-Lipschitz critic earn more than a transport costs, and what is W1 on the line?

Statement
    Every 1-Lipschitz f and every coupling of P and Q satisfy E_P f - E_Q f <= cost. On the line,
    for finitely many points, both meet in W1 = integral of |F_P - F_Q|.

Assumptions
    P and Q have the same mass; f is 1-Lipschitz; the cost is the distance; finitely many points.

Source
    Villani (2009) for the duality on Polish spaces, of which this proves the easy half, and both
    halves on the line.
"""

import math

import sympy as sp

from gancheck.theory import (
    Cases,
    Domain,
    Hypothesis,
    Mutant,
    NumericForm,
    RationalSign,
    Step,
    Theorem,
    Vertices,
    Witness,
    at_most,
    equal,
)
from gancheck.theory.literature import VILLANI_2009

moved, dist, slope = sp.symbols("moved dist slope")  # mass of one pair, its distance, f's slope
width, above, below, level = sp.symbols("width above below level")  # a gap; F_P and F_Q on it
gap = sp.Symbol("gap")  # F_P - F_Q on one gap between neighbours
f1, f2, f3, p1, p2, q1, q2, corner = sp.symbols("f1 f2 f3 p1 p2 q1 q2 corner")
half, reals, positive = sp.Rational(1, 2), (-sp.oo, sp.oo), (0, sp.oo)
by_sign = Cases(gap, (0,), RationalSign())
value = width * sp.Abs(gap)


def derive(c):
    """The steps; the claimed distance is the sum of c.value over the gaps between neighbours."""
    coupling = sp.Matrix([[corner, p1 - corner], [q1 - corner, 1 - p1 - q1 + corner]])
    pairs = [(coupling[i, j], (f1, f2)[i] - (f1, f2)[j]) for i in (0, 1) for j in (0, 1)]
    masses = {corner: reals, p1: (0, 1), q1: (0, 1), f1: reals, f2: reals}
    gain = (p1 - q1) * f1 + (p2 - q2) * f2 + ((1 - p1 - p2) - (1 - q1 - q2)) * f3
    first, second = p1 - q1, (p1 + p2) - (q1 + q2)
    line = Domain(dict.fromkeys((p1, p2, q1, q2, f1, f2, f3), reals))
    one_gap = Domain({width: positive, gap: (-1, 1)})
    crossing = sp.Max(gap, 0) + sp.Max(-gap, 0)
    return [
        Step(
            "A pair of points moves mass at a cost that f's difference cannot exceed",
            at_most(moved * slope * dist, moved * c.lipschitz * dist),
            Domain({moved: positive, dist: positive}, {slope: (-1, 1)}),
            Vertices(slope, RationalSign(), RationalSign()),
        ),
        Step(
            "Summed over all pairs, f's differences give E_P f - E_Q f by the margins of the "
            "coupling, here for two points: so E_P f - E_Q f <= cost",
            equal(sum(m * d for m, d in pairs), (p1 - q1) * f1 + ((1 - p1) - (1 - q1)) * f2),
            Domain(masses),
        ),
        Step(
            "On ordered points, E_P f - E_Q f telescopes into the rises of f times F_Q - F_P, a "
            "term for each gap, here for three points",
            equal(gain, -first * (f2 - f1) - second * (f3 - f2)),
            line,
        ),
        Step(
            "One gap earns a critic with slope in [-1, 1] at most the claimed term",
            at_most(-gap * slope * width, c.value),
            Domain({width: positive, gap: (-1, 1)}, {slope: (-1, 1)}),
            Vertices(slope, by_sign, by_sign),
        ),
        Step(
            "A critic falling with slope -1 where F_P > F_Q earns it",
            equal(-gap * (-width), c.value),
            Domain({width: positive, gap: (0, 1)}),
            Cases(gap, (half,), RationalSign()),
        ),
        Step(
            "and one rising with slope 1 where F_P < F_Q; slopes on the gaps are free, so one "
            "1-Lipschitz critic does so everywhere",
            equal(-gap * width, c.value),
            Domain({width: positive, gap: (-1, 0)}),
            Cases(gap, (-half,), RationalSign()),
        ),
        Step(
            "The levels u with F_Q < u <= F_P have length F_P - F_Q",
            equal(sp.integrate(1, (level, below, above)), above - below),
            Domain({above: (0, 1), below: (0, 1)}),
        ),
        Step(
            "Couple by quantiles: level u crosses the gap to the right if F_Q < u <= F_P and to "
            "the left if F_P < u <= F_Q, and pays its width: the same term, so W1 is their sum",
            equal(width * crossing, c.value),
            one_gap,
            by_sign,
        ),
    ]


at_gap = {
    gap: half,
    width: 2,
    slope: -1,
    moved: 1,
    dist: 1,
}
mutants = [
    Mutant(
        "W1 is total variation, here the sum of |F_P - F_Q| without the widths",
        {"value": sp.Abs(gap)},
        at_gap,
        "half the mass moved by 2 costs 1, though TV is 1/2",
    ),
    Mutant(
        "W1 is the difference of means, the integral of F_P - F_Q",
        {"value": width * gap},
        {**at_gap, gap: -half, slope: 1},
        "gaps of both signs do not cancel",
    ),
    Mutant(
        "W1 is the integral of (F_P - F_Q)^2",
        {"value": width * gap**2},
        {**at_gap, width: 1},
        "halves at 0, 1 and at 1, 2: 1/2 against 1",
    ),
    Mutant(
        "W1 is 1.001 times the integral of |F_P - F_Q|",
        {"value": sp.Rational(1001, 1000) * value},
        at_gap,
        "the coupling by quantiles costs no more than the integral",
        "near-miss",
    ),
    Mutant(
        "half the cost bounds every 1-Lipschitz critic",
        {"lipschitz": half},
        {**at_gap, slope: 1},
        "the constant of weak duality",
    ),
]

hypotheses = [
    Hypothesis(
        "P and Q have the same mass",
        Witness(
            {f1: 2, p1: 2, q1: 1, dist: 0},
            "mass 2 and mass 1 at one point: the constant critic 2 gains 2, and nothing moves",
            breaks=[
                Step(
                    "the gain is at most the cost",
                    at_most((p1 - q1) * f1, dist),
                    Domain({f1: reals, p1: positive, q1: positive, dist: positive}),
                )
            ],
        ),
    ),
    Hypothesis(
        "f is 1-Lipschitz",
        Witness(
            {slope: 2, moved: 1, dist: 1},
            "slope 2 earns 2 between points at distance 1, and the transport costs 1",
            breaks=[
                Step(
                    "the gain is at most the cost",
                    at_most(moved * slope * dist, moved * dist),
                    Domain({slope: reals, moved: positive, dist: positive}),
                )
            ],
        ),
    ),
    Hypothesis(
        "the cost is the distance",
        Witness(
            {dist: 2},
            "with the cost |x - y|^2 on 0, 1, 2, moving a unit from 0 to 2 costs 4, and critics "
            "whose differences obey that cost on the two steps earn 2",
            breaks=[
                Step(
                    "the sum of the costs of the steps is the cost",
                    equal(2 * (dist / 2) ** 2, dist**2),
                    Domain({dist: positive}),
                )
            ],
        ),
    ),
    Hypothesis(
        "finitely many points",
        convenient="the inequality holds for any laws with finite first moments, by the same sum "
        "as an integral; and so does the line, with the integral of |F_P - F_Q|",
    ),
]


def _greedy_cost(p, q) -> float:
    """The cheapest transport on 0, 1, 2, ...: the least mass left is sent to the least place."""
    left, right, i, j, cost = list(p), list(q), 0, 0, 0.0
    while i < len(left) and j < len(right):
        sent = min(left[i], right[j])
        cost += sent * abs(i - j)
        left[i], right[j] = left[i] - sent, right[j] - sent
        i, j = i + (left[i] <= 0), j + (right[j] <= 0)
    return cost


def _area(p, q) -> float:
    sums = (math.fsum(p[:n]) - math.fsum(q[:n]) for n in range(1, len(p)))
    return math.fsum(map(abs, sums))


theorem = Theorem(
    id="weak-wasserstein-duality",
    title="No 1-Lipschitz critic earns more than a transport costs; on the line both meet",
    statement="For every 1-Lipschitz f and every coupling of P and Q, E_P f - E_Q f is at most the "
    "coupling's cost. On the line, with finitely many points, the best f and the cheapest coupling "
    "have the same value W1, the sum of {value} over the gaps between neighbours, gap = F_P - F_Q: "
    "the integral of |F_P - F_Q|.",
    parts={"value": value, "lipschitz": sp.Integer(1)},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[VILLANI_2009],
    claims={"S36": "proof"},
    note="Equality of the best critic and the cheapest coupling is proved here on the line; on "
    "every finite metric space it is wasserstein-duality-is-exact-on-finite-spaces.",
    numeric=[
        NumericForm(
            "transport in order costs the sum of |F_P - F_Q|",
            "law_pair",
            _greedy_cost,
            "==",
            _area,
            1e-11,
            "sums of at most eleven transports over at most five steps, and laws that sum to 1 up "
            "to rounding",
        )
    ],
)
