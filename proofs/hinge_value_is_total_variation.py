"""Which game has the total variation as its value?

Statement
    In the hinge game p min(0, d - 1) + q min(0, -1 - d) has the maximum -2 min(p, q), attained at
    d = sign(p - q), so max_D V = -2 (1 - TV(p, q)). The generator's loss -E_q D* with D* frozen
    changes as 2 TV does; D* is locally constant, so its gradient in the sample is zero.

Assumptions
    p and q are laws with densities and d may be any real number. The maximiser is unique where
    p and q are positive and differ.

Source
    Lim and Ye (2017); Miyato et al. (2018).
"""

import sympy as sp

from gancheck.theory import (
    Cases,
    Caveat,
    Domain,
    Hypothesis,
    LogRational,
    Mutant,
    NumericForm,
    RationalSign,
    Step,
    Theorem,
    Witness,
    at_most,
    equal,
    less,
)
from gancheck.theory.literature import LIM_YE_2017, MIYATO_2018

p, q, d, t = sp.symbols("p q d t")
gap, later, shift = sp.symbols("gap later shift")
half, quarter = sp.Rational(1, 2), sp.Rational(1, 4)
positive, real = (0, sp.oo), (-sp.oo, sp.oo)

payoff = p * sp.Min(0, d - 1) + q * sp.Min(0, -1 - d)
value = -(p + q) + sp.Abs(p - q)
pieces = Cases(d, (-1, 1), RationalSign())


def side(name, lesser, puts, best, moved, c):
    """The steps where p and q differ in one direction; `moved` is the change of q."""
    here = payoff.subs(puts)
    top = here.subs(d, best)
    over = Domain({lesser: positive, gap: positive})
    with_d = Domain({**over.open, d: real})
    return [
        Step(
            f"Where {name}, no d gives more than d = D* (cut at -1 and 1, affine between)",
            at_most(here, top),
            with_d,
            pieces,
        ),
        *(
            Step(
                f"Where {name}, any d {where} D* gives less",
                less(here.subs(d, best + way * shift), top),
                Domain({**over.open, shift: positive}),
                Cases(shift, (2,), RationalSign()),
            )
            for way, where in ((1, "above"), (-1, "below"))
        ),
        Step(
            f"Where {name}, the maximum is -2 min(p, q)",
            equal(top, -2 * sp.Min(p, q).subs(puts)),
            over,
            Cases(gap, (), RationalSign()),
        ),
        Step(
            f"Where {name}, that is the integrand of the claimed value: p + q integrates to 2, "
            "|p - q| to 2 TV",
            equal(top, c.value.subs(puts)),
            over,
            Cases(gap, (), RationalSign()),
        ),
        Step(
            f"Where {name}, D* does not change with the gap: its gradient in the sample is 0",
            equal(sp.diff(best, gap), 0),
            over,
        ),
        Step(
            f"Where {name}, moving mass of q changes -q D*, D* frozen, exactly as 2 TV changes, as "
            "long as p - q keeps its sign",
            equal(-moved * best, c.descent * (later - gap)),
            Domain({**over.open, later: positive}),
        ),
    ]


def derive(c):
    """The steps, for any maximiser, any claimed value and any claimed rate of descent."""
    best_real, best_fake = (
        c.optimum.subs(puts, simultaneous=True).subs(sp.sign(gap), 1).subs(sp.sign(-gap), -1)
        for puts in ({p: q + gap}, {q: p + gap})
    )
    return [
        *side("p > q", q, {p: q + gap}, best_real, gap - later, c),
        *side("q > p", p, {q: p + gap}, best_fake, later - gap, c),
        Step(
            "Where p = q, every d in [-1, 1] gives -2 p",
            equal(payoff.subs(q, p), c.value.subs(q, p)),
            Domain({p: positive, d: (-1, 1)}),
            Cases(d, (), RationalSign()),
        ),
        Step(
            "and no d gives more",
            at_most(payoff.subs(q, p), c.value.subs(q, p)),
            Domain({p: positive, d: real}),
            pieces,
        ),
        Step(
            "Where q = 0 < p, no d gives more than 0, and d = 1 gives it",
            at_most(payoff.subs(q, 0), payoff.subs({q: 0, d: 1})),
            Domain({p: positive, d: real}),
            pieces,
        ),
        Step(
            "Where p = 0 < q, no d gives more than 0, and d = -1 gives it",
            at_most(payoff.subs(p, 0), payoff.subs({p: 0, d: -1})),
            Domain({q: positive, d: real}),
            pieces,
        ),
    ]


wider = Domain({q: positive, gap: positive})
more_real = payoff.subs(p, q + gap)
hypotheses = [
    Hypothesis(
        "d may be any real number",
        Witness(
            {q: quarter, gap: half},
            "with |d| <= 1/2, the best against p = 3/4, q = 1/4 is -3/4, not -1/2",
            breaks=[
                Step("the maximum is -2 min(p, q)", equal(more_real.subs(d, half), -2 * q), wider)
            ],
            shows=[
                Step(
                    "no d below 1/2 gives more than d = 1/2",
                    at_most(more_real, more_real.subs(d, half)),
                    Domain({**wider.open, d: (-half, half)}),
                    Cases(d, (), RationalSign()),
                )
            ],
        ),
    ),
    Hypothesis(
        "p and q differ (for a unique maximiser)",
        Witness(
            {p: 1},
            "at p = q = 1 the outputs d = 0 and d = 1 both give -2",
            breaks=[
                Step(
                    "d = 0 gives less than d = 1",
                    less(payoff.subs({q: p, d: 0}), payoff.subs({q: p, d: 1})),
                    Domain({p: positive}),
                )
            ],
        ),
    ),
    Hypothesis(
        "p and q have mass 1",
        Witness(
            {q: 1, gap: 1},
            "masses 2 and 1 at one place: the value is -2, while -2 (1 - |p - q|/2) is -1",
            breaks=[
                Step(
                    "the value is -2 (1 - |p - q|/2)",
                    equal(more_real.subs(d, 1), -2 * (1 - gap / 2)),
                    wider,
                )
            ],
        ),
    ),
    Hypothesis(
        "p and q have densities",
        convenient="any two laws have densities with respect to their sum, which is all that is "
        "used",
    ),
]

apart = {p: quarter, q: quarter, gap: half, d: 1, later: quarter, shift: 1}
mutants = [
    Mutant("the value is -(1 - TV)", {"value": value / 2}, apart, "both terms weigh 1"),
    Mutant(
        "the value is -2 (1 - 1001/1000 TV)",
        {"value": -(p + q) + sp.Rational(1001, 1000) * sp.Abs(p - q)},
        apart,
        "the factor of TV",
        "near-miss",
    ),
    Mutant("the maximiser is p - q", {"optimum": p - q}, apart, "D* forgets how far p is from q"),
    Mutant(
        "the maximiser is ln(p/q), as for the logistic loss",
        {"optimum": sp.log(p / q)},
        {**apart, p: 1, q: 1, gap: 1},
        "the hinge keeps the sign of the log ratio only",
    ),
    Mutant(
        "the generator descends TV",
        {"descent": half},
        apart,
        "the integral of |p - q| is twice TV",
    ),
]

facing = half * sum(
    a * sp.log(2 * a / (a + b))
    for a, b in (((1 + t) / 2, (1 - t) / 2), ((1 - t) / 2, (1 + t) / 2)) * 2
)
caveats = [
    Caveat(
        "S35",
        "The original GAN objective is the total variation.",
        "It is 2 JSD - 2 ln 2, and JSD is no function of TV: laws at the same TV differ in JSD. "
        "The two bound each other; the game whose value is TV is the hinge game.",
        Witness(
            {t: half},
            "((1 + t)/2, (1 - t)/2) against its mirror image, and (t, 1 - t, 0) against "
            "(0, 1 - t, t), both have TV = t; JSD is t ln 2 only for the second",
            breaks=[
                Step(
                    "laws at the same TV have the same JSD",
                    equal(facing, t * sp.log(2)),
                    Domain({t: (0, 1)}),
                    LogRational(),
                )
            ],
        ),
    )
]


def _best_by_search(ps, qs):
    grid = [k / 4 for k in range(-12, 13)]
    return sum(
        max(a * min(0.0, at - 1) + b * min(0.0, -1 - at) for at in grid)
        for a, b in zip(ps, qs, strict=True)
    )


def _value(ps, qs):
    return -2 * (1 - sum(abs(a - b) for a, b in zip(ps, qs, strict=True)) / 2)


theorem = Theorem(
    id="hinge-value-is-total-variation",
    title="The hinge game has the value -2 (1 - TV)",
    statement="The hinge payoff {payoff} is largest at d = {optimum}, where it is {value}; so "
    "max_D V = -2 (1 - TV(p, q)), and the generator's loss -E_q D* with D* frozen changes as 2 TV "
    "does, with gradient zero in the sample.",
    parts={"optimum": sp.sign(p - q), "value": value, "descent": sp.Integer(1)},
    formulas={"payoff": payoff},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[LIM_YE_2017, MIYATO_2018],
    claims={"S35": "counterexample", "L5": "proof"},
    caveats=caveats,
    note="With D exactly optimal the generator gets no gradient where p and q differ and are "
    "continuous there: training lives on D not being optimal.",
    numeric=[
        NumericForm(
            "a search over d from -3 to 3 finds -2 (1 - TV), zeros of p and q included",
            "law_pair",
            _best_by_search,
            "==",
            _value,
            1e-13,
            "at most 12 terms below 4 in size, 2e-16 each; the laws sum to 1 within as much",
        )
    ],
)
