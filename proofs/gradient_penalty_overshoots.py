"""Does a gradient penalty make the critic 1-Lipschitz?

Statement
    Real mass at distance r from generated mass, penalty weight la on (|f'| - 1)^2 averaged over
    the segment between them: the best critic is linear with slope 1 + r/(2 la), and its value
    r + r^2/(4 la) exceeds W1 = r.

Assumptions
    la finite; r > 0; the whole segment is averaged.

Source
    Gulrajani et al. (2017) for the penalty, Petzka et al. (2018) for a one-sided one; the
    overshoot is computed here.
"""

import sympy as sp

from gancheck.theory import (
    Caveat,
    Domain,
    Hypothesis,
    Mutant,
    NumericForm,
    Step,
    Theorem,
    Witness,
    at_least,
    equal,
    greater,
)
from gancheck.theory.literature import GULRAJANI_2017, PETZKA_2018

r, la, slope, spread, e = sp.symbols("r lambda a t e")
positive = (0, sp.oo)
plane = Domain({r: positive, la: positive})
payoff = r * slope - la * (slope - 1) ** 2
best = 1 + r / (2 * la)
value = r + r**2 / (4 * la)
one, ten = sp.Integer(1), {r: 1, la: 10}


def derive(c):
    """The steps, for any claimed slope and value."""
    two_slopes = (r * (slope + spread) - la * (slope + spread - 1) ** 2) / 2 + (
        r * (slope - spread) - la * (slope - spread - 1) ** 2
    ) / 2
    return [
        Step(
            "A slope that varies by +-t over the segment loses la t^2 against its mean (any "
            "variation by averaging such pairs), so the best critic is linear",
            equal(payoff - two_slopes, la * spread**2),
            Domain({r: positive, la: positive, slope: (-sp.oo, sp.oo), spread: positive}),
        ),
        Step(
            "Completing the square: the payoff is its best value minus la (a - best)^2",
            equal(payoff, c.value - la * (slope - c.slope) ** 2),
            Domain({r: positive, la: positive, slope: (-sp.oo, sp.oo)}),
        ),
        Step("The best slope is stationary", equal(sp.diff(payoff, slope).subs(slope, c.slope), 0),
             plane),
        Step("It exceeds the slope 1 of a Lipschitz critic", greater(c.slope, 1), plane),
        Step("and the value exceeds W1 = r", greater(c.value, r), plane),
        Step(
            "by less the heavier the penalty: the excess times la is r^2/4",
            equal((c.value - r) * la, r**2 / 4),
            plane,
        ),
    ]  # fmt: skip


overshoot = Step("the critic's slope is at most 1", at_least(one, best), plane)

hypotheses = [
    Hypothesis(
        "the penalty weight is finite",
        Witness(
            {e: 0, r: 1},
            "in e = 1/la the slope is 1 + r e/2: it is 1 at e = 0, the limit of heavy penalties",
            breaks=[
                Step(
                    "the slope exceeds 1",
                    greater(sp.expand(best.subs(la, 1 / e)), 1),
                    Domain({e: positive, r: positive}),
                )
            ],
        ),
    ),
    Hypothesis(
        "r > 0",
        Witness(
            {r: 0, la: 1},
            "where real and generated mass coincide, nothing is left to gain and the slope is 1",
            breaks=[Step("the value exceeds W1", greater(value, r), plane)],
        ),
    ),
    Hypothesis(
        "the whole segment is averaged",
        convenient="any average with positive weight along the segment gives a slope above 1; with "
        "the ends alone the slope between them is free and the value has no bound",
    ),
]

mutants = [
    Mutant(
        "the value is r + r^2/(4.01 la)",
        {"value": r + r**2 / (sp.Rational(401, 100) * la)},
        {**ten, slope: 1},
        "the overshoot exactly",
        "near-miss",
    ),
    Mutant("the slope is 1", {"slope": one}, {**ten, slope: 1}, "penalised is not enforced"),
    Mutant(
        "the slope is 1 + r/la",
        {"slope": 1 + r / la},
        {**ten, slope: 1},
        "the square brings a factor 2",
    ),
    Mutant("the value is W1", {"value": r}, {**ten, slope: 1}, "41/40 against 1"),
    Mutant(
        "the slope falls short: 1 - r/(2 la)",
        {"slope": 1 - r / (2 * la)},
        {**ten, slope: 1},
        "the payoff pulls the slope up",
    ),
]


def _brute(distance: float, weight: float) -> float:
    """The best payoff of critics with two free slopes on the halves, by a fine search."""
    top = 1 + distance / (2 * weight)
    slopes = [2 * top * i / 40 for i in range(41)]
    return max(
        distance * (a + b) / 2 - weight * ((a - 1) ** 2 + (b - 1) ** 2) / 2
        for a in slopes
        for b in slopes
    )


theorem = Theorem(
    id="gradient-penalty-overshoots",
    title="A gradient penalty penalises; it does not enforce",
    statement="For point masses at distance r and penalty weight lambda the best critic is linear "
    "with slope {slope}; its value {value} exceeds the Wasserstein distance r.",
    parts={"slope": best, "value": value},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[GULRAJANI_2017, PETZKA_2018],
    claims={"S40": "proof", "L12": "proof"},
    caveats=[
        Caveat(
            "S40",
            "The gradient penalty enforces the 1-Lipschitz constraint.",
            "It penalises slopes other than 1; the best critic is steeper than 1 by r/(2 lambda) "
            "and its value overestimates the Wasserstein distance.",
            Witness(
                ten,
                "point masses at distance 1 and weight 10: the best slope is 21/20",
                shows=[Step("it is 21/20", equal(best.subs(ten), sp.Rational(21, 20)))],
                breaks=[overshoot],
            ),
        )
    ],
    numeric=[
        NumericForm(
            "a search over critics with two slopes finds no better value",
            ((0.1, 5.0), (0.5, 20.0)),
            _brute,
            "<=",
            lambda distance, weight: distance + distance**2 / (4 * weight),
            1e-12,
            "a few products of size at most 100",
        )
    ],
)
