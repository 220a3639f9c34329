"""What do critic and transport have in common beyond finitely many points?

Statement
    On a Polish space the least cost of a coupling of P and Q, the cost being the distance, is the
    supremum of E_P f - E_Q f over bounded 1-Lipschitz f; with finite first moments it is finite,
    and f need not be bounded. Taken from the literature, and checked on an instance: the uniform laws
    on [0, 1] and [0, a] are at W1 = |a - 1|/2.

Assumptions
    A Polish space, the distance as the cost, finite first moments.

Source
    Kantorovich and Rubinstein, as in Villani (2009).
"""

import math

import sympy as sp

from gancheck.theory import (
    Cases,
    Cited,
    Domain,
    Hypothesis,
    Mutant,
    NumericForm,
    RationalSign,
    Step,
    Theorem,
    Witness,
    at_least,
    at_most,
    equal,
)
from gancheck.theory.literature import VILLANI_2009

from . import wasserstein_duality_is_exact_on_finite_spaces  # noqa: TID251  (a neighbour)

a, x, n, mass = sp.symbols("a x n mass")
positive, half = (0, sp.oo), sp.Rational(1, 2)
scales = Domain({a: positive})
by_scale = Cases(a, (1,), RationalSign())
w1 = sp.Abs(a - 1) / 2


def mean(of, high=1):
    """The mean of a polynomial in x under the uniform law on [0, high]."""
    return sp.integrate(of, (x, 0, high)) / high


def derive(c):
    """The steps, for any claimed distance and any slope that critics may have."""
    # Stretching x to a x moves every point to the same side, at the cost |a - 1| x.
    stretching = sp.Abs(a - 1) * mean(x)
    rising, falling = (slope * (mean(x) - mean(x, a)) for slope in (c.slope, -c.slope))
    below, above = Domain({a: (0, 1)}), Domain({a: (1, sp.oo)})
    between = (mean(x - x / a) + sp.integrate(1 - x / a, (x, 1, a))).expand()
    return [
        Step(
            "A critic of that slope gains at most the distance",
            at_most(c.slope * n, n),
            Domain({n: positive}),
        ),
        Step("Stretching [0, 1] to [0, a] costs", equal(stretching, c.w1), scales, by_scale),
        Step(
            "For a < 1 the critic x earns", equal(rising, c.w1), below, Cases(a, (), RationalSign())
        ),
        Step(
            "For a > 1 the critic -x earns: neither the coupling nor the critic can be improved",
            equal(falling, c.w1),
            above,
            Cases(a, (), RationalSign()),
        ),
        Step(
            "The integral of |F_P - F_Q| is the same, for a > 1 with x - x/a up to 1 and 1 - x/a "
            "from there",
            equal(between, c.w1),
            above,
            Cases(a, (), RationalSign()),
        ),
        Step(
            "In general, of which that is an instance",
            equal(sp.Max(rising, falling), stretching),
            scales,
            Cited(
                "Kantorovich and Rubinstein, in Villani (2009)",
                "on a Polish space the cheapest coupling costs what the best bounded 1-Lipschitz "
                "critics earn",
                by_scale,
            ),
        ),
    ]


steps_of_a_path = n * (1 / n) ** 2  # n steps of length 1/n at the squared cost
hypotheses = [
    Hypothesis(
        "finite first moments",
        Witness(
            {n: 11},
            "masses 2^-k at the points 2^k: moving them to 0 costs 1 each, 11 for the first 11; no "
            "number bounds it, and E f is infinite for f = x",
            shows=[Step("each costs 1", equal(mass * (1 / mass), 1), Domain({mass: (0, 1)}))],
            breaks=[Step("any n of them cost at most 10", at_most(n, 10), Domain({n: positive}))],
        ),
    ),
    Hypothesis(
        "the cost is the distance",
        Witness(
            {n: 4},
            "with the squared cost an f on [0, 2] changes over a unit by at most n (1/n)^2, for "
            "every n, so not at all; stretching by 2 costs 1/3",
            shows=[
                Step("stretching by 2 costs 1/3", equal(mean((2 * x - x) ** 2), sp.Rational(1, 3)))
            ],
            breaks=[
                Step(
                    "n steps leave the critic at least 1/3",
                    at_least(steps_of_a_path, sp.Rational(1, 3)),
                    Domain({n: positive}),
                )
            ],
        ),
    ),
    Hypothesis(
        "a Polish space",
        convenient="any metric space will do for laws that live on countably many compact sets, "
        "since those lie in a Polish space",
    ),
]

at_two = {a: 2, n: 1}
mutants = [
    Mutant(
        "W1 is 1.001 |a - 1|/2",
        {"w1": sp.Rational(1001, 1000) * w1},
        at_two,
        "stretching costs no more",
        "near-miss",
    ),
    Mutant(
        "W1 is a - 1 by halves, without the sign", {"w1": (a - 1) / 2}, {a: half, n: 1}, "a < 1"
    ),
    Mutant(
        "W1 is the total variation, 1 - 1/a for a > 1",
        {"w1": sp.Abs(1 - 1 / a)},
        {a: 3, n: 1},
        "1 against 2/3 at a = 3",
    ),
    Mutant(
        "W1 is the root of the mean square move",
        {"w1": sp.Abs(a - 1) / sp.sqrt(3)},
        at_two,
        "that is W2: the cost is the distance, not its square",
    ),
    Mutant("critics may have slope 2", {"slope": sp.Integer(2)}, at_two, "the Lipschitz constant"),
]


def _quantiles(scale: float) -> float:
    """The mean distance of 64 midpoints of equal mass, matched in order."""
    levels = [(k + 0.5) / 64 for k in range(64)]
    return math.fsum(abs(scale * u - u) for u in levels) / 64


theorem = Theorem(
    id="kantorovich-rubinstein-duality",
    title="Kantorovich and Rubinstein: the best critic earns the least cost of transport",
    statement="On a Polish space, with the distance as the cost, the cheapest coupling of P and Q "
    "costs what the best bounded 1-Lipschitz critics earn; with finite first moments this W1 is "
    "finite. The uniform laws on [0, 1] and [0, a] are at W1 = {w1}.",
    parts={"w1": w1, "slope": sp.Integer(1)},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[VILLANI_2009],
    claims={"S36": "cited"},
    uses=[wasserstein_duality_is_exact_on_finite_spaces.theorem],
    note="The step from finite spaces to Polish ones is the part that is cited; what training "
    "sees is a batch, which is finite.",
    numeric=[
        NumericForm(
            "midpoints of equal mass, matched in order, cost |a - 1|/2",
            ((0.01, 20.0),),
            _quantiles,
            "==",
            lambda scale: abs(scale - 1) / 2,
            1e-13,
            "a sum of 64 numbers below 20, and midpoints whose mean is 1/2",
        )
    ],
)
