"""What does label smoothing do to the optimal discriminator?

Statement
    With targets alpha on real and beta on fake samples the optimum of binary cross-entropy is
    D* = (alpha p + beta q)/(p + q), and p/q = (D* - beta)/(alpha - D*); where p = 0 < q it is beta.

Assumptions
    p, q > 0, 0 <= beta < alpha <= 1.

Source
    Salimans et al. (2016), where only the real label is smoothed and this optimum is
    given; stationarity is one line of calculus.
"""

import math

import sympy as sp

from gancheck.theory import (
    Domain,
    Hypothesis,
    LogRational,
    Mutant,
    NumericForm,
    Step,
    Tangent,
    Theorem,
    Witness,
    equal,
    greater,
    less,
)
from gancheck.theory.literature import SALIMANS_2016

from . import optimal_discriminator  # noqa: TID251  (a neighbour on the shelf)

p, q, d, alpha, beta, u, excess = sp.symbols("p q d alpha beta u excess")
payoff = p * (alpha * sp.log(d) + (1 - alpha) * sp.log(1 - d)) + q * (
    beta * sp.log(d) + (1 - beta) * sp.log(1 - d)
)
optimum = (alpha * p + beta * q) / (p + q)
recovered = (d - beta) / (alpha - d)
positive, unit = (0, sp.oo), (0, 1)
tenth, nine_tenths = sp.Rational(1, 10), sp.Rational(9, 10)

laws = Domain({p: positive, q: positive})
targets = Domain({p: positive, q: positive, alpha: unit, beta: unit})
distinct = Domain(targets.open, nonzero=(alpha - beta,))
outputs = Domain({**targets.open, d: unit})
one_sided = Domain({p: positive, q: positive, alpha: unit})


def derive(c):
    """The steps, for any payoff, any candidate for its maximiser and any claimed ratio."""
    slope = sp.diff(c.payoff, d)
    real, fake = alpha * p + beta * q, (1 - alpha) * p + (1 - beta) * q
    # beta < alpha: alpha = beta + excess (1 - beta) with 0 < excess < 1
    ordered = {alpha: beta + excess * (1 - beta)}
    with_order = Domain({p: positive, q: positive, beta: unit, excess: unit})
    return [
        Step("The slope vanishes at D*", equal(slope.subs(d, c.optimum), 0), targets),
        Step(
            "The payoff is strictly concave in d, so D* is its one maximiser",
            less(sp.diff(slope, d), 0),
            outputs,
        ),
        Step(
            "Without calculus: every other d is strictly worse, by two tangents of ln",
            less(c.payoff, c.payoff.subs(d, c.optimum)),
            Domain(outputs.open, nonzero=(d - c.optimum,)),
            Tangent(((real, d / c.optimum), (fake, (1 - d) / (1 - c.optimum)))),
        ),
        Step(
            "D* is alpha for the share p/(p + q) of real samples and beta for the rest",
            equal(
                c.optimum,
                beta
                + (alpha - beta)
                * optimal_discriminator.optimum.subs(
                    optimal_discriminator.prior, sp.Rational(1, 2)
                ),
            ),
            targets,
        ),
        Step("Inverted", equal(c.recovered.subs(d, c.optimum), p / q), distinct),
        Step(
            "D* lies above beta",
            greater((c.optimum - beta).subs(ordered), 0),
            with_order,
        ),
        Step("and below alpha", greater((alpha - c.optimum).subs(ordered), 0), with_order),
        Step(
            "The edge beta = 0, alpha < 1: D* = alpha p/(p + q)",
            equal(c.optimum.subs(beta, 0), alpha * p / (p + q)),
            one_sided,
        ),
        Step(
            "Its logit is tilted, not shifted: ln of alpha p over (1 - alpha) p + q",
            equal(
                sp.log((c.optimum / (1 - c.optimum)).subs({beta: 0, p: u, q: 1})),
                c.one_sided_logit,
            ),
            Domain({u: positive, alpha: unit}),
            LogRational(),
        ),
        Step(
            "The edge alpha = 1, beta = 0: no smoothing",
            equal(c.optimum.subs({alpha: 1, beta: 0}), p / (p + q)),
            laws,
        ),
        Step(
            "Where p = 0 < q the optimum is beta, not 0",
            equal(c.optimum.subs(p, 0), beta),
            Domain({q: positive, alpha: unit, beta: unit}),
        ),
        Step(
            "Where q = 0 < p it is alpha, not 1",
            equal(c.optimum.subs(q, 0), alpha),
            Domain({p: positive, alpha: unit, beta: unit}),
        ),
    ]


hypotheses = [
    Hypothesis(
        "beta and alpha differ",
        Witness(
            {p: 2, q: 1, alpha: tenth, beta: tenth},
            "with one target for both classes D* is that target at every p/q: the ratio is lost",
            breaks=[
                Step(
                    "D* depends on the ratio",
                    greater((optimum - optimum.subs({p: q, q: p}, simultaneous=True)) ** 2, 0),
                    targets,
                )
            ],
        ),
    ),
    Hypothesis(
        "beta < alpha",
        Witness(
            {p: 1, q: 1, alpha: tenth, beta: nine_tenths},
            "with the labels exchanged D* falls as p rises",
            breaks=[Step("D* rises with p", greater(sp.diff(optimum, p), 0), targets)],
        ),
    ),
    Hypothesis(
        "0 <= beta and alpha <= 1",
        Witness(
            {p: 1, q: 1, alpha: 2, beta: sp.Rational(1, 2)},
            "with the target 2 the formula gives 5/4, which is no output",
            breaks=[Step("D* is below 1", less(optimum, 1), targets)],
        ),
    ),
    Hypothesis(
        "p, q > 0",
        Witness(
            {p: 0, q: 0},
            "where neither law has mass every d is optimal and the formula is 0/0",
            breaks=[Step("p + q is positive", greater(p + q, 0), laws)],
        ),
    ),
]

at_two = {p: 2, q: 1, alpha: nine_tenths, beta: tenth, d: tenth}
mutants = [
    Mutant(
        "alpha and beta swapped",
        {"optimum": (beta * p + alpha * q) / (p + q)},
        at_two,
        "19/30, not 11/30, at p = 2, q = 1",
    ),
    Mutant(
        "D* = alpha p/(p + q) whatever beta",
        {"optimum": alpha * p / (p + q)},
        at_two,
        "the fake target beta pulls D* up",
    ),
    Mutant(
        "D* = (alpha p + beta q)/(p + 1.001 q)",
        {"optimum": (alpha * p + beta * q) / (p + sp.Rational(1001, 1000) * q)},
        at_two,
        "both classes weigh 1",
        "near-miss",
    ),
    Mutant(
        "one-sided smoothing shifts the logit: ln(p/q) + logit alpha",
        {"one_sided_logit": sp.log(u) + sp.log(alpha / (1 - alpha))},
        {u: 1, alpha: nine_tenths},
        "ln(9/11) at p = q and alpha = 9/10, not ln 9",
    ),
    Mutant(
        "p/q = D*/(1 - D*) as without smoothing",
        {"recovered": d / (1 - d)},
        at_two,
        "the targets must be undone",
    ),
]


def _best_output(real_mass, fake_mass, high, width):
    """The best output by ternary search in the smoothed cross-entropy."""
    low_target = high - width

    def payoff_at(at):
        up = real_mass * high + fake_mass * low_target
        return up * math.log(at) + (real_mass + fake_mass - up) * math.log1p(-at)

    low, top = 1e-6, 1 - 1e-6
    for _ in range(100):
        left, right = low + (top - low) / 3, top - (top - low) / 3
        low, top = (left, top) if payoff_at(left) < payoff_at(right) else (low, right)
    return (low + top) / 2


theorem = Theorem(
    id="label-smoothing-tilts-the-optimum",
    title="Label smoothing tilts the optimal discriminator",
    statement="With targets alpha on real and beta on fake samples, {payoff} has the one maximiser "
    "{optimum} in d, and p/q is {recovered} there. Where p = 0 < q it is beta, not 0.",
    parts={
        "payoff": payoff,
        "optimum": optimum,
        "recovered": recovered,
        "one_sided_logit": sp.log(alpha * u / ((1 - alpha) * u + 1)),
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[SALIMANS_2016],
    claims={"L14": "proof"},
    uses=[optimal_discriminator.theorem],
    note="With beta > 0 a sample where the data have no mass keeps the output beta; one-sided "
    "smoothing, beta = 0, avoids that.",
    numeric=[
        NumericForm(
            "a search in the smoothed cross-entropy finds D*",
            ((0.1, 3.0), (0.1, 3.0), (0.6, 0.99), (0.1, 0.5)),
            _best_output,
            "==",
            lambda a, b, high, width: (high * a + (high - width) * b) / (a + b),
            1e-6,
            "a search for a maximum resolves the root of the rounding unit, 1.5e-8 times a "
            "curvature factor below 3",
        )
    ],
)
