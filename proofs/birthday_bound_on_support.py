"""How many points must a generator's law have, if its samples do not repeat?

Statement
    s independent draws from a law on N points are all different with probability at most
    (1 - 1/N) ... (1 - (s - 1)/N) <= exp(-s(s - 1)/(2N)); the uniform law attains the product. So if
    they are all different with probability 1/2 or more, N >= s(s - 1)/(2 ln 2).

Assumptions
    Independent draws; N counts all of the support. There is no converse: repeats do not show a
    small support.

Source
    Arora and Zhang (2017), for the test of a generator's support.

In words: that probability is s! e_s(w), the elementary symmetric sum of the weights w. Two weights
a, b enter as a b E2 + (a + b) E1 + E0, where the E do not depend on them, so levelling two weights
raises it; among laws on N points the uniform one is best. The product and the sum over i = 1 .. s-1
go by induction from s to s + 1.
"""

import itertools
import math

import sympy as sp

from gancheck.theory import (
    Domain,
    Enclosure,
    Experiment,
    Hypothesis,
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
from gancheck.theory.literature import ARORA_ZHANG_2017

a, b, s, x, w, tail = sp.symbols("a b s x w tail")
points, e0, e1, e2 = sp.symbols("N E0 E1 E2")
half, positive = sp.Rational(1, 2), (0, sp.oo)
exponent = s * (s - 1) / (2 * points)
needed = s * (s - 1) / (2 * sp.log(2))
factor = 1 - s / points  # the draw after s different ones is new, for the uniform law


def sums(first, second):
    """Elementary symmetric sum of the weights, as a function of two of them."""
    return first * second * e2 + (first + second) * e1 + e0


def uniform(draws, size):
    """Probability that draws from the uniform law on `size` points all differ, by counting."""
    return sp.ff(size, draws) / sp.Integer(size) ** draws


def derive(c):
    """The steps, for any claimed exponent, number of points and direction."""
    level = sums((a + b) / 2, (a + b) / 2) - sums(a, b)
    small = {s: 2, points: 2}, {s: 2, points: 100}, {s: 5, points: 20}
    bounds = [
        Step(
            f"Counted for the uniform law: s = {at[s]} draws of N = {at[points]}",
            at_most(uniform(at[s], at[points]), sp.exp(-c.exponent.xreplace(at))),
            by=Enclosure(),
        )
        for at in ({k: sp.Integer(v) for k, v in point.items()} for point in small)
    ]
    return [
        Step(
            "Levelling two unequal weights changes the sum by E2 (a - b)^2/4",
            Relation(level, c.levelling, sp.Integer(0)),
            Domain(dict.fromkeys((a, b, e0, e1, e2), positive), nonzero=(a - b,)),
        ),
        Step(
            "For the uniform law the product has its first two factors: 3 draws of N",
            equal(
                sp.expand_func(sp.ff(points, 3)) / points**3, factor.subs(s, 1) * factor.subs(s, 2)
            ),
            Domain({points: positive}),
        ),
        Step(
            "and from s to s + 1 draws the factor N - s of the count over N",
            equal((points - s) / points, factor),
            Domain({s: positive, points: positive}),
        ),
        Step(
            "Each factor has 1 - x < exp(-x)",
            less(sp.log(1 - x), -x),
            Domain({x: (0, 1)}),
            Tangent([(1, 1 - x)]),
        ),
        Step(
            "For one draw the exponent is 0",
            equal(c.exponent.subs(s, 1), 0),
            Domain({points: positive}),
        ),
        Step(
            "and from s to s + 1 draws it grows by x = s/N",
            equal(c.exponent.subs(s, s + 1) - c.exponent, 1 - factor),
            Domain({s: positive, points: positive}),
        ),
        *bounds,
        Step(
            "The bound is 1/2, its exponent ln 2, at the stated number of points",
            equal(c.exponent.subs(points, c.needed), sp.log(2)),
            Domain({s: (1, sp.oo)}),
        ),
        Step(
            "and the exponent falls with N, so fewer points give less than 1/2",
            less(sp.diff(c.exponent, points), 0),
            Domain({s: (1, sp.oo), points: positive}),
        ),
        Step(
            "23 draws with probability 1/2 of no repeat need more than 365 points",
            greater(c.needed.subs(s, 23), 365),
            by=Enclosure(),
        ),
    ]


hypotheses = [
    Hypothesis(
        "independent draws",
        Witness(
            {},
            "two draws from two points without replacement never repeat: 1 > exp(-1/2)",
            breaks=[
                Step(
                    "two draws differ with probability at most exp(-1/2)",
                    at_most(
                        1, sp.exp(-exponent.xreplace({s: sp.Integer(2), points: sp.Integer(2)}))
                    ),
                    by=Enclosure(),
                )
            ],
        ),
    ),
    Hypothesis(
        "N counts all of the support (no converse)",
        Witness(
            {w: half},
            "weights 1/2, 1/4, ... on infinitely many points: two draws repeat with probability "
            "1/4 + 1/16 + ... = 1/3, although for N -> infinity the bound is 1",
            shows=[
                Step(
                    "the sum of squares solves tail = w^2 (1 + tail)",
                    equal((w**2 / (1 - w**2)), w**2 * (1 + w**2 / (1 - w**2))),
                    Domain({w: (0, 1)}),
                )
            ],
            breaks=[
                Step(
                    "two draws from an infinite support differ with probability 0.99 or more",
                    at_least(1 - w**2 / (1 - w**2), sp.Rational(99, 100)),
                    Domain({w: (0, sp.Rational(2, 3))}),
                )
            ],
        ),
    ),
]

two = {s: 2, points: 2}
mutants = [
    Mutant(
        "the exponent is 1.01 times as large",
        {"exponent": sp.Rational(101, 100) * exponent},
        {s: 2, points: 100},
        "99/100 > exp(-101/10000)",
        "near-miss",
    ),
    Mutant("the exponent is s^2/N", {"exponent": s**2 / points}, two, "1/2 > exp(-2)"),
    Mutant(
        "the exponent is s(s + 1)/(2N)",
        {"exponent": s * (s + 1) / (2 * points)},
        two,
        "s draws make s(s - 1)/2 pairs",
        "near-miss",
    ),
    Mutant(
        "the uniform law repeats most",
        {"levelling": "<"},
        {a: sp.Rational(3, 4), b: sp.Rational(1, 4), e0: 1, e1: 1, e2: 1},
        "two draws from (3/4, 1/4) differ with probability 3/8, from (1/2, 1/2) with 1/2",
    ),
    Mutant(
        "s(s - 1)/2 points are needed",
        {"needed": s * (s - 1) / 2},
        {s: 23},
        "the exponent must be ln 2, not 1",
    ),
]


def _all_differ(*weights: float) -> float:
    """Probability that three draws differ, summed over all ordered triples of points."""
    total = math.fsum(weights)
    triples = itertools.permutations(weights, 3)
    return math.fsum(math.prod(triple) for triple in triples) / total**3


theorem = Theorem(
    id="birthday-bound-on-support",
    title="Samples that do not repeat need a large support",
    statement="s independent draws from a law on N points all differ with probability at most "
    "the product of 1 - i/N for i < s, attained by the uniform law, and so at most exp(-t) with "
    "t = {exponent}. If that probability is 1/2 or more, N is at least {needed}.",
    parts={"exponent": exponent, "needed": needed, "levelling": ">"},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[ARORA_ZHANG_2017],
    claims={
        "L29": "proof",
        "S30": Experiment(
            tested_by="GC006",
            proved_case="a law on N points repeats itself among s draws with probability at least "
            "1 - exp(-s(s - 1)/(2N)); that training collapses to few points is not proved",
        ),
    },
    note="Repeats show a small set of large mass, or a small support; they do not tell which.",
    numeric=[
        NumericForm(
            "three draws from a law on five points, by brute force, against exp(-3/5)",
            ((0.05, 1.0),) * 5,
            _all_differ,
            "<=",
            lambda *weights: math.exp(-3 / len(weights)),
            1e-14,
            "rounding of 60 products",
        )
    ],
)
