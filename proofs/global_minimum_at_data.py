"""The generator's global minimum is the data law, by an explicit saddle.

Statement
    V(q, 1/2) = -2 ln 2 for every q, and V(p, D) <= -2 ln 2 for every D: (p, 1/2) is a saddle, so
    the minimax value is -2 ln 2 and no minimax theorem is needed. C(q) = max_D V(q, D) is
    -2 ln 2 where q = p and larger where q differs. (p, D) is a saddle for every D that is 1/2 on
    the support of p and at most 1/2 elsewhere.

Assumptions
    The generator's family holds p (for attainment), D is free at every point.

Source
    Goodfellow et al. (2014), Theorem 1; the saddle is elementary.
"""

import math

import sympy as sp

from gancheck.theory import (
    Caveat,
    Domain,
    Enclosure,
    Hypothesis,
    LogRational,
    Mutant,
    NumericForm,
    Relation,
    Step,
    Tangent,
    Theorem,
    Vertices,
    Witness,
    at_least,
    at_most,
    equal,
    less,
)
from gancheck.theory.literature import GOODFELLOW_2014

from . import minimax_value_is_jensen_shannon as mv  # noqa: TID251  (a neighbour on the shelf)

p, q, d = mv.p, mv.q, mv.d
off, t = sp.symbols("off t")
half = sp.Rational(1, 2)
payoff = mv.payoff
value = -2 * sp.log(2)
best_excess = payoff.subs(d, mv.optimum) - value * mv.middle


def derive(c):
    """The steps, for any value, saddle point and claim on what surrounds it."""
    at_saddle = payoff.subs(d, c.saddle)
    own = payoff.subs(q, p)
    # Data on one set, D = 1/2 there and `off` elsewhere; the generator puts mass t elsewhere.
    moved = payoff.subs({p: 1, q: 1 - t, d: c.saddle}, simultaneous=True) + payoff.subs(
        {p: 0, q: t, d: off}, simultaneous=True
    )
    return [
        Step(
            "At D = 1/2 the integrand is -2 ln 2 times the mean density, whatever q",
            equal(at_saddle, value * mv.middle),
            mv.densities,
            LogRational(),
        ),
        Step(
            "At q = p no D gives more: 4 d (1 - d) <= 1",
            at_most(own, c.ceiling * p),
            Domain({p: (0, sp.oo), d: (0, 1)}),
            Tangent(((p, 4 * d * (1 - d)),)),
        ),
        Step(
            "and every D other than 1/2 on the support of p gives less",
            less(own, own.subs(d, c.saddle)),
            Domain({p: (0, sp.oo), d: (0, 1)}, nonzero=(d - c.saddle,)),
            Tangent(((p, 4 * d * (1 - d)),)),
        ),
        Step(
            "Where q differs from p, the maximum over D exceeds the value (strict Gibbs)",
            Relation(best_excess, c.excess_is, sp.Integer(0)),
            Domain(mv.densities.open, nonzero=(p - q,)),
            Tangent(((p, mv.middle / p), (q, mv.middle / q))),
        ),
        Step(
            "Where q = p, the maximum over D is the value",
            equal(best_excess.subs(q, p), 0),
            Domain({p: (0, sp.oo)}),
            LogRational(),
        ),
        Step(
            "Where q = 0 < p the integrand of the maximum is 0, above its share of the value",
            less(value / 2, 0),
            by=Tangent(((1, half),)),
        ),
        Step(
            "With D = 1/2 on the support of p and at most 1/2 off it, moving mass t off the "
            "support does not lower the payoff (affine in t)",
            at_least(moved, value),
            Domain({off: (0, c.largest_off)}, closed={t: (0, 1)}),
            Vertices(t, Tangent(()), Tangent(((1, 1 / (2 * (1 - off))),))),
        ),
        Step(
            "and D = 1/2 everywhere is the edge case: constant in t",
            equal(moved.subs(off, half), value),
            Domain({t: (0, 1)}),
            LogRational(),
        ),
    ]


quarter, three_quarters = sp.Rational(1, 4), sp.Rational(3, 4)
best_two = mv.best_two
off_support = payoff.subs({p: 1, q: 1 - t, d: half}, simultaneous=True) + payoff.subs(
    {p: 0, q: t, d: off}, simultaneous=True
)

hypotheses = [
    Hypothesis(
        "the generator's family holds p",
        Witness(
            {mv.first: half, mv.second: quarter},
            "a family holding only (1/4, 3/4) against data (1/2, 1/2) stays above -2 ln 2",
            breaks=[
                Step(
                    "the least maximum over the family is -2 ln 2",
                    equal(best_two, value),
                    mv.two_atoms,
                    LogRational(),
                )
            ],
        ),
    ),
    Hypothesis(
        "D is at most 1/2 off the support of p",
        Witness(
            {off: three_quarters, t: 1},
            "with D = 3/4 off the support, the generator gains by moving all mass there",
            breaks=[
                Step(
                    "the payoff stays at least -2 ln 2",
                    at_least(off_support, value),
                    Domain({off: (0, 1)}, closed={t: (0, 1)}),
                    Tangent(()),
                )
            ],
        ),
    ),
    Hypothesis(
        "D is free at every point",
        convenient="the value needs only that D = 1/2 can be represented; uniqueness of q = p needs "
        "that D* can",
    ),
]

mutants = [
    Mutant(
        "V(p, D) <= -1387/1000 for every D",
        {"ceiling": -sp.Rational(1387, 1000)},
        {p: 1, d: half},
        "the value is -2 ln 2 = -1.38629...",
        "near-miss",
    ),
    Mutant(
        "(p, 1/3) is a saddle",
        {"saddle": sp.Rational(1, 3)},
        {p: 1, q: 1, d: half},
        "only D = 1/2 on the support of p",
    ),
    Mutant(
        "D may be anything off the support of p",
        {"largest_off": sp.Integer(1)},
        {off: three_quarters, t: 1},
        "D above 1/2 off the support draws the generator there",
    ),
    Mutant(
        "max_D V = -2 ln 2 for every q",
        {"excess_is": "<="},
        {p: three_quarters, q: quarter},
        "the maximum depends on q; it is least only at q = p",
    ),
    Mutant(
        "D may be up to 501/1000 off the support of p",
        {"largest_off": sp.Rational(501, 1000)},
        {off: sp.Rational(5005, 10000), t: 1},
        "1/2 is the exact limit",
        "near-miss",
    ),
]

theorem = Theorem(
    id="global-minimum-at-data",
    title="The data law is the global minimum, by an explicit saddle",
    statement="V(q, {saddle}) is {ceiling} for every q and V(p, D) at most {ceiling} for every D: "
    "a saddle, in which D may be anything up to {largest_off} off the support of p. The maximum of "
    "V(q, D) over D is {ceiling} at q = p and larger at any other q.",
    parts={"saddle": half, "ceiling": value, "excess_is": ">", "largest_off": half},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[GOODFELLOW_2014.at("Theorem 1")],
    claims={"S12": "proof", "S13": "proof", "L1": "proof", "L23": "proof"},
    uses=[mv.theorem],
    caveats=[
        Caveat(
            "S12",
            "The value function reaches its minimum -2 ln 2 at the optimum.",
            "V has no minimum; -2 ln 2 is the minimum over q of the maximum over D, and the pair "
            "q = p, D = 1/2 is a saddle.",
            Witness(
                {},
                "at q = p the constant D = 1/10 gives ln(1/10) + ln(9/10) = -2.41, below -1.39",
                breaks=[
                    Step(
                        "V is at least -2 ln 2",
                        at_least(
                            sp.log(sp.Rational(1, 10)) + sp.log(sp.Rational(9, 10)), -2 * sp.log(2)
                        ),
                        by=Enclosure(),
                    )
                ],
            ),
        ),
        Caveat(
            "S13",
            "At the optimum the generator's law is the data's.",
            "Only if the generator's family holds the data's law.",
            Witness(
                {},
                "data (1/2, 1/2), a family with the one law (1/4, 3/4): the best value stays above "
                "-2 ln 2",
                breaks=[
                    Step(
                        "the best value is at most -2 ln 2",
                        at_most(
                            sum(
                                a * sp.log(a / (a + b)) + b * sp.log(b / (a + b))
                                for a, b in (
                                    (sp.Rational(1, 2), sp.Rational(1, 4)),
                                    (sp.Rational(1, 2), sp.Rational(3, 4)),
                                )
                            ),
                            -2 * sp.log(2),
                        ),
                        by=Enclosure(),
                    )
                ],
            ),
        ),
    ],
    numeric=[
        NumericForm(
            "no discriminator exceeds -2 ln 2 against q = p",
            "laws_outputs_prior",
            lambda ps, qs, ds, share: sum(  # noqa: ARG005
                a * (math.log(at) + math.log1p(-at)) for a, at in zip(ps, ds, strict=True)
            ),
            "<=",
            lambda ps, qs, ds, share: -2 * math.log(2) * sum(ps),  # noqa: ARG005
            1e-13,
            "at most 6 terms of size 28 weighted by masses that sum to 1, 2e-16 each",
        ),
        NumericForm(
            "at D = 1/2 every q has the value -2 ln 2",
            "law_pair",
            lambda ps, qs: sum(
                a * math.log(0.5) + b * math.log1p(-0.5) for a, b in zip(ps, qs, strict=True)
            ),
            "==",
            lambda ps, qs: -2 * math.log(2),  # noqa: ARG005
            2e-14,
            mv.ROUNDING,
        ),
    ],
)
