"""Is the game with the non-saturating generator loss zero-sum?

Statement
    With D at r on a real and at d on a generated sample, L_D = -ln r - ln(1 - d). The minimax
    generator loss ln r + ln(1 - d) adds to it to 0. The non-saturating loss -ln d also falls
    strictly in d, but -ln d - c ln(1 - d) is strictly convex in d for every scale c > 0, so no
    scale and no constant makes the game zero-sum; for c = 1 it is at least 2 ln 2.

Assumptions
    The discriminator keeps its loss; the losses are logarithms.

Source
    Goodfellow et al. (2014), section 3, for both generator losses; the sums are one line of
    calculus.
"""

import math

import sympy as sp

from gancheck.theory import (
    Derivative,
    Domain,
    Hypothesis,
    LogRational,
    Mutant,
    NumericForm,
    Relation,
    Step,
    Theorem,
    Witness,
    at_least,
    equal,
    greater,
    less,
)
from gancheck.theory.literature import GOODFELLOW_2014

r, d, scale = sp.symbols("r d c")
discriminator = -sp.log(r) - sp.log(1 - d)
minimax, non_saturating = sp.log(r) + sp.log(1 - d), -sp.log(d)
fake_part = -sp.log(d) - sp.log(1 - d)
zero, quarter, half = sp.Integer(0), sp.Rational(1, 4), sp.Rational(1, 2)

outputs, inside = Domain({r: (0, 1), d: (0, 1)}), Domain({d: (0, 1)})
scaled = Domain({d: (0, 1), scale: (0, sp.oo)})


def derive(c):
    """The steps, for any generator losses and any claimed sum."""
    total = c.non_saturating + discriminator
    weighted = c.non_saturating + scale * discriminator
    return [
        Step(
            "Minimax: the two losses add to 0",
            equal(c.minimax + discriminator, 0),
            outputs,
            LogRational(),
        ),
        Step(
            "Non-saturating: what generated samples add to the sum",
            equal(total + sp.log(r), c.fake_part),
            outputs,
            LogRational(),
        ),
        Step("Its slope in d", equal(sp.diff(total, d), c.slope), inside),
        Step(
            "It is strictly convex, whatever scale the discriminator's loss is given, so it is "
            "constant for none: how D moves one sample against another changes the sum",
            greater(sp.diff(weighted, d, 2), 0),
            scaled,
        ),
        Step("It is never below", at_least(c.fake_part, c.least), inside, Derivative(d, half)),
        Step(
            "That bound is attained at d = 1/2",
            equal(c.fake_part.subs(d, half), c.least),
            by=LogRational(),
        ),
        Step(
            "The minimax loss falls strictly in d, so it attains no minimum",
            Relation(sp.diff(c.minimax, d), c.falls, zero),
            inside,
        ),
        Step("So does the non-saturating loss", less(sp.diff(c.non_saturating, d), 0), inside),
        Step(
            "The two generator losses differ in slope by the same amount",
            equal(sp.diff(c.non_saturating, d) - sp.diff(c.minimax, d), c.slope),
            inside,
        ),
        Step(
            "Where D recognises fakes (d < 1/2) the non-saturating loss is the steeper",
            less(c.slope, 0),
            Domain({d: (0, half)}),
        ),
    ]


hypotheses = [
    Hypothesis(
        "the discriminator keeps its loss",
        Witness(
            {d: half},
            "a discriminator trained on + ln d, the negative of the generator's loss, makes the "
            "game zero-sum again",
            breaks=[
                Step(
                    "the sum is strictly convex",
                    greater(sp.diff(non_saturating + sp.log(d), d, 2), 0),
                    inside,
                )
            ],
        ),
    ),
    Hypothesis(
        "the losses are logarithms",
        Witness(
            {d: half},
            "with linear losses, -d for the generator and -(1 - d) for the discriminator, the sum "
            "is -1 for every d",
            breaks=[
                Step("the sum is strictly convex", greater(sp.diff(-d - (1 - d), d, 2), 0), inside)
            ],
            shows=[Step("the sum is -1", equal(-d - (1 - d), -1), inside)],
        ),
    ),
]

at_quarter = {r: half, d: quarter}
mutants = [
    Mutant(
        "the sum on generated samples is at least 1387/1000",
        {"least": sp.Rational(1387, 1000)},
        {d: half},
        "the least value 2 ln 2 = 1.38629..",
        "near-miss",
    ),
    Mutant(
        "the non-saturating losses add to 0 on generated samples",
        {"fake_part": zero},
        at_quarter,
        "that the game is not zero-sum",
    ),
    Mutant(
        "both generator losses have the same slope",
        {"slope": zero},
        {d: quarter},
        "-ln d taken for ln(1 - d) plus a constant",
    ),
    Mutant("ln(1 - d) rises in d", {"falls": ">"}, {d: quarter}, "the way the generator moves d"),
    Mutant(
        "the minimax loss is ln r + ln(1 + d)",
        {"minimax": sp.log(r) + sp.log(1 + d)},
        at_quarter,
        "the sign inside the minimax loss",
    ),
]


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


theorem = Theorem(
    id="non-saturating-game-is-not-zero-sum",
    title="The non-saturating game is not zero-sum",
    statement="With D at r on a real and at d on a generated sample, the losses {minimax} and "
    "{discriminator} add to 0. The generator loss {non_saturating}, strictly falling in d like the "
    "first, leaves {fake_part} on generated samples: strictly convex in d whatever scale the "
    "discriminator's loss is given, and at least {least}, so the game is not zero-sum.",
    formulas={"discriminator": discriminator},
    parts={
        "minimax": minimax,
        "non_saturating": non_saturating,
        "fake_part": fake_part,
        "slope": (2 * d - 1) / (d * (1 - d)),
        "least": 2 * sp.log(2),
        "falls": "<",
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[GOODFELLOW_2014.at("section 3")],
    claims={"S25": "proof"},
    note="Both generator losses push d the same way at every sample; what differs is by how much, "
    "and so the dynamics of training.",
    numeric=[
        NumericForm(
            "generator and discriminator losses on a generated sample, from its logit, add to at "
            "least 2 ln 2",
            "logit",
            lambda logit: _softplus(-logit) + _softplus(logit),
            ">=",
            lambda logit: 2 * math.log(2),  # noqa: ARG005
            1e-12,
            "rounding of sums of size at most 10",
        )
    ],
)
