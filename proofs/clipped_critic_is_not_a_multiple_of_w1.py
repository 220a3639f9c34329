"""What distance does a clipped critic measure?

Statement
    Critics with clipped weights give an integral metric at most K times W1, not a multiple of it:
    linear critics |w| <= 1 measure the difference of means. Through L scalar layers clipped at c
    the best slope is c^L, while a penalised slope does not depend on L.

Assumptions
    The class is small; the layers are linear.

Source
    Arjovsky et al. (2017) introduced clipping; the two pairs of laws are computed here.
"""

import itertools

import sympy as sp

from gancheck.theory import (
    Caveat,
    Domain,
    Experiment,
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
    less,
)
from gancheck.theory.literature import ARJOVSKY_2017, GULRAJANI_2017

from . import gradient_penalty_overshoots  # noqa: TID251  (a neighbour on the shelf)

w, c, gap, before, share = sp.symbols("w c delta a s")
positive, half = (0, sp.oo), sp.Rational(1, 2)
pair_one = ({0: 1}, {1: 1})  # two point masses
pair_two = ({1: 1}, {0: half, 2: half})  # the same mean


def gain(critic, laws):
    """Difference of the critic's expectations under two laws on the line."""
    sums = [sum(mass * critic(at) for at, mass in law.items()) for law in laws]
    return sp.expand(sums[1] - sums[0])


def transport(laws):
    """W1 on the line: |F_P - F_Q| summed over the unit steps between integers."""
    first, second = laws
    places = range(min(*first, *second), max(*first, *second))
    gaps = [
        sum(m for x, m in first.items() if x <= at) - sum(m for x, m in second.items() if x <= at)
        for at in places
    ]
    return sum((sp.Abs(sp.sympify(g)) for g in gaps), sp.Integer(0))


def linear(at):
    """A linear critic of weight w."""
    return w * at


def derive(claim):
    """The steps, for any claimed value, ratios and slope through three layers."""
    layered = c
    for _ in range(2):
        layered *= c
    return [
        Step(
            "On point masses at distance delta a critic |w| <= 1 gains w delta, at most the value: "
            "both ends of w decide",
            at_most(w * gap, claim.value),
            Domain({gap: positive}, {w: (-1, 1)}),
            Vertices(w, RationalSign(), RationalSign()),
        ),
        Step(
            "which w = 1 attains", equal((w * gap).subs(w, 1), claim.value), Domain({gap: positive})
        ),
        Step("W1 of the first pair is 1", equal(transport(pair_one), 1)),
        Step("and of the second as well", equal(transport(pair_two), 1)),
        Step(
            "The critic sees the first pair at the ratio 1",
            equal(gain(linear, pair_one), claim.first * w),
            Domain({w: (-1, 1)}),
        ),
        Step(
            "and the second at the ratio 0, at every weight: no one factor k fits both",
            equal(gain(linear, pair_two), claim.second * w),
            Domain({w: (-1, 1)}),
        ),
        Step(
            "A further layer at a share s of the clip keeps the slope below c times the slope a "
            "before it (by induction c^L)",
            less(before * share * c, before * c),
            Domain({c: positive, before: positive, share: (0, 1)}),
        ),
        Step(
            "Three layers at the clip reach c^3", equal(layered, claim.slope), Domain({c: positive})
        ),
    ]


def tent(at):
    """What one hidden ReLU with a bias can add: a kink at 1."""
    return sp.Max(sp.Integer(at) - 1, 0)


hypotheses = [
    Hypothesis(
        "the class is small",
        Witness(
            {},
            "with all 1-Lipschitz critics f = |x - 1| sees the second pair at its full W1",
            breaks=[
                Step(
                    "no critic sees the second pair",
                    equal(gain(lambda at: sp.Abs(sp.Integer(at) - 1), pair_two), 0),
                )
            ],
        ),
    ),
    Hypothesis(
        "the layers are linear",
        Witness(
            {},
            "one ReLU with a bias has a kink at 1 and sees the second pair",
            breaks=[Step("it does not see it", equal(gain(tent, pair_two), 0))],
        ),
    ),
]

mutants = [
    Mutant(
        "the best slope of three layers is 1.001 c^3",
        {"slope": sp.Rational(1001, 1000) * c**3},
        {c: half},
        "a product of clips exactly",
        "near-miss",
    ),
    Mutant("the best slope is 3 c", {"slope": 3 * c}, {c: half}, "1/8, not 3/2: layers multiply"),
    Mutant(
        "the second pair is seen at the ratio 1",
        {"second": sp.Integer(1)},
        {w: half},
        "one k for both pairs would make the value k W1",
    ),
    Mutant(
        "the value is delta^2", {"value": gap**2}, {gap: half, w: 1}, "the value is linear in delta"
    ),
    Mutant(
        "the first pair is seen at the ratio 2",
        {"first": sp.Integer(2)},
        {w: half},
        "the difference of means is 1",
    ),
]


def _best_slope(clip: float) -> float:
    return max(a * b * d for a, b, d in itertools.product((-clip, 0.0, clip), repeat=3))


theorem = Theorem(
    id="clipped-critic-is-not-a-multiple-of-w1",
    title="A clipped critic measures something else than W1",
    statement="Linear critics with weight at most 1 see point masses at distance delta at the "
    "value {value}, and do not see a pair of laws with equal means and W1 = 1. Through three "
    "scalar layers clipped at c the best slope is {slope}, c^L through L.",
    parts={
        "value": gap,
        "first": sp.Integer(1),
        "second": sp.Integer(0),
        "slope": c**3,
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[ARJOVSKY_2017, GULRAJANI_2017],
    claims={
        "S40": "proof",
        "S41": Experiment(
            "GC002",
            "with linear scalar layers the clipped critic's slope c^L vanishes with depth, the "
            "penalised one does not",
        ),
    },
    uses=[gradient_penalty_overshoots.theorem],
    caveats=[
        Caveat(
            "S40",
            "Weight clipping makes the critic compute the Wasserstein distance up to a factor.",
            "It computes the integral metric of the clipped class: at most K W1, and not a fixed "
            "multiple of it.",
            Witness(
                {w: 1},
                "a point mass at 1 against half at 0 and half at 2: W1 = 1, the critic's value is 0",
                shows=[Step("W1 is 1", equal(transport(pair_two), 1))],
                breaks=[
                    Step(
                        "the ratio is that of the first pair",
                        equal(gain(linear, pair_two), gain(linear, pair_one)),
                        Domain({w: (-2, 2)}),
                    )
                ],
            ),
        )
    ],
    numeric=[
        NumericForm(
            "no product of three weights in [-c, c] exceeds c^3",
            ((0.001, 2.0),),
            _best_slope,
            "==",
            lambda clip: clip**3,
            1e-14,
            "three products of numbers at most 2",
        )
    ],
)
