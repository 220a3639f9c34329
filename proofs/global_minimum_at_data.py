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
            says="At D = 1/2 the integrand is -2 ln 2 times the mean density, whatever q",
            claim=equal(at_saddle, value * mv.middle),
            over=mv.densities,
            by=LogRational(),
        ),
        Step(
            says="At q = p no D gives more: 4 d (1 - d) <= 1",
            claim=at_most(own, c.ceiling * p),
            over=Domain({p: (0, sp.oo), d: (0, 1)}),
            by=Tangent(((p, 4 * d * (1 - d)),)),
        ),
        Step(
            says="and every D other than 1/2 on the support of p gives less",
            claim=less(own, own.subs(d, c.saddle)),
            over=Domain({p: (0, sp.oo), d: (0, 1)}, nonzero=(d - c.saddle,)),
            by=Tangent(((p, 4 * d * (1 - d)),)),
        ),
        Step(
            says="Where q differs from p, the maximum over D exceeds the value (strict Gibbs)",
            claim=Relation(best_excess, c.excess_is, sp.Integer(0)),
            over=Domain(mv.densities.open, nonzero=(p - q,)),
            by=Tangent(((p, mv.middle / p), (q, mv.middle / q))),
        ),
        Step(
            says="Where q = p, the maximum over D is the value",
            claim=equal(best_excess.subs(q, p), 0),
            over=Domain({p: (0, sp.oo)}),
            by=LogRational(),
        ),
        Step(
            says="Where q = 0 < p the integrand of the maximum is 0, above its share of the value",
            claim=less(value / 2, 0),
            by=Tangent(((1, half),)),
        ),
        Step(
            says="With D = 1/2 on the support of p and at most 1/2 off it, moving mass t off the "
            "support does not lower the payoff (affine in t)",
            claim=at_least(moved, value),
            over=Domain({off: (0, c.largest_off)}, closed={t: (0, 1)}),
            by=Vertices(t, Tangent(()), Tangent(((1, 1 / (2 * (1 - off))),))),
        ),
        Step(
            says="and D = 1/2 everywhere is the edge case: constant in t",
            claim=equal(moved.subs(off, half), value),
            over=Domain({t: (0, 1)}),
            by=LogRational(),
        ),
    ]


quarter, three_quarters = sp.Rational(1, 4), sp.Rational(3, 4)
best_two = mv.best_two
off_support = payoff.subs({p: 1, q: 1 - t, d: half}, simultaneous=True) + payoff.subs(
    {p: 0, q: t, d: off}, simultaneous=True
)

hypotheses = [
    Hypothesis(
        text="the generator's family holds p",
        needed_because=Witness(
            point={mv.first: half, mv.second: quarter},
            words="a family holding only (1/4, 3/4) against data (1/2, 1/2) stays above -2 ln 2",
            breaks=[
                Step(
                    says="the least maximum over the family is -2 ln 2",
                    claim=equal(best_two, value),
                    over=mv.two_atoms,
                    by=LogRational(),
                )
            ],
        ),
    ),
    Hypothesis(
        text="D is at most 1/2 off the support of p",
        needed_because=Witness(
            point={off: three_quarters, t: 1},
            words="with D = 3/4 off the support, the generator gains by moving all mass there",
            breaks=[
                Step(
                    says="the payoff stays at least -2 ln 2",
                    claim=at_least(off_support, value),
                    over=Domain({off: (0, 1)}, closed={t: (0, 1)}),
                    by=Tangent(()),
                )
            ],
        ),
    ),
    Hypothesis(
        text="D is free at every point",
        convenient="the value needs only that D = 1/2 can be represented; uniqueness of q = p needs "
        "that D* can",
    ),
]

mutants = [
    Mutant(
        says="V(p, D) <= -1387/1000 for every D",
        change={"ceiling": -sp.Rational(1387, 1000)},
        witness={p: 1, d: half},
        why="the value is -2 ln 2 = -1.38629...",
        kind="near-miss",
    ),
    Mutant(
        says="(p, 1/3) is a saddle",
        change={"saddle": sp.Rational(1, 3)},
        witness={p: 1, q: 1, d: half},
        why="only D = 1/2 on the support of p",
        kind="structural",
    ),
    Mutant(
        says="D may be anything off the support of p",
        change={"largest_off": sp.Integer(1)},
        witness={off: three_quarters, t: 1},
        why="D above 1/2 off the support draws the generator there",
        kind="structural",
    ),
    Mutant(
        says="max_D V = -2 ln 2 for every q",
        change={"excess_is": "<="},
        witness={p: three_quarters, q: quarter},
        why="the maximum depends on q; it is least only at q = p",
        kind="structural",
    ),
    Mutant(
        says="D may be up to 501/1000 off the support of p",
        change={"largest_off": sp.Rational(501, 1000)},
        witness={off: sp.Rational(5005, 10000), t: 1},
        why="1/2 is the exact limit",
        kind="near-miss",
    ),
]

theorem = Theorem(
    id="global-minimum-at-data",
    title="The data law is the global minimum, by an explicit saddle",
    statement="V(q, 1/2) = -2 ln 2 for every q and V(p, D) <= -2 ln 2 for every D; "
    "max_D V(q, D) = -2 ln 2 exactly where q = p.",
    parts={
        "saddle": half,
        "ceiling": value,
        "excess_is": ">",
        "largest_off": half,
    },
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
            says="no discriminator exceeds -2 ln 2 against q = p",
            over="laws_outputs_prior",
            left=lambda ps, qs, ds, share: sum(  # noqa: ARG005
                a * (math.log(at) + math.log1p(-at)) for a, at in zip(ps, ds, strict=True)
            ),
            right=lambda ps, qs, ds, share: -2 * math.log(2) * sum(ps),  # noqa: ARG005
            relation="<=",
            tolerance=1e-13,
            reason="at most 6 terms of size 28 weighted by masses that sum to 1, 2e-16 each",
        ),
        NumericForm(
            says="at D = 1/2 every q has the value -2 ln 2",
            over="law_pair",
            left=lambda ps, qs: sum(
                a * math.log(0.5) + b * math.log1p(-0.5) for a, b in zip(ps, qs, strict=True)
            ),
            right=lambda ps, qs: -2 * math.log(2),  # noqa: ARG005
            relation="==",
            tolerance=2e-14,
            reason=mv.ROUNDING,
        ),
    ],
)
