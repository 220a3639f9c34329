"""The logit of the optimal discriminator is the log density ratio, shifted by the prior.

Statement
    logit D* = ln(p/q) + ln(pi/(1 - pi)). For a least-squares discriminator with code a for fake
    and b for real, the optimum d* = (b p + a q)/(p + q) gives p/q = (d* - a)/(b - d*).

Assumptions
    p, q > 0 at the point, pi known, a loss whose optimum is a posterior, no label smoothing.

Source
    Goodfellow et al. (2014), Proposition 1, read through the logit; least squares: Mao et al.
    (2017), Least squares generative adversarial networks.
"""

import math

import sympy as sp

from gancheck.theory import (
    Cases,
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
    greater,
    less,
)
from gancheck.theory.literature import GOODFELLOW_2014, MAO_2017

from . import optimal_discriminator as od  # noqa: TID251  (a neighbour on the shelf)

p, q, d, prior = od.p, od.q, od.d, od.prior
a, b, s = sp.symbols("a b s")
half = sp.Rational(1, 2)

link = sp.log(d / (1 - d))
log_ratio = sp.log(p / q) + sp.log(prior / (1 - prior))
squares = p * (d - b) ** 2 + q * (d - a) ** 2
squares_optimum = (b * p + a * q) / (p + q)
ratio_from_score = (d - a) / (b - d)
codes = Domain(
    {p: od.positive, q: od.positive, a: (-sp.oo, sp.oo), b: (-sp.oo, sp.oo)}, nonzero=(b - a,)
)


def derive(c):
    """The steps, for any link, log ratio and least-squares inversion."""
    slope = sp.diff(squares, d)
    return [
        Step(
            "The link of D* is the log density ratio plus the log odds of the prior",
            equal(c.link.subs(d, od.optimum), c.log_ratio),
            od.densities,
            LogRational(),
        ),
        Step(
            "The slope of the least-squares loss vanishes at its optimum",
            equal(slope.subs(d, c.squares_optimum), 0),
            codes,
        ),
        Step(
            "The least-squares loss is strictly convex, so that is the one minimum",
            greater(sp.diff(slope, d), 0),
            codes,
        ),
        Step(
            "Inverted, the least-squares optimum gives the density ratio",
            equal(c.ratio_from_score.subs(d, c.squares_optimum), p / q),
            codes,
        ),
    ]


# The hinge loss of D: maximise p min(0, s - 1) + q min(0, -s - 1) over the score s.
hinge = p * sp.Min(0, s - 1) + q * sp.Min(0, -s - 1)
scores = Domain({s: (-sp.oo, sp.oo)})


def hinge_best_at_one(ratio):
    """Score 1 is optimal for the hinge loss at p/q = ratio."""
    there = hinge.subs({p: ratio, q: 1})
    return Step(
        f"at p/q = {ratio} the hinge score 1 is optimal",
        at_most(there, there.subs(s, 1)),
        scores,
        Cases(s, (-1, 1), RationalSign()),
    )


smoothed = sp.Rational(9, 20) * p / (half * p + half * q)
smooth_payoff = half * (
    sp.Rational(9, 10) * p * sp.log(d) + (sp.Rational(1, 10) * p + q) * sp.log(1 - d)
)

hypotheses = [
    Hypothesis(
        "p, q > 0 at the point",
        Witness(
            {p: 0, q: 1, prior: half},
            "at p = 0 the optimum is 0 and has no finite logit",
            breaks=[Step("0 < D*, so that its logit exists", less(0, od.optimum), od.densities)],
        ),
    ),
    Hypothesis(
        "the prior is known",
        Witness(
            {p: 1, q: 1, prior: sp.Rational(1, 4)},
            "at p = q and pi = 1/4 the logit is -ln 3, not ln(p/q) = 0",
            breaks=[
                Step(
                    "logit D* = ln(p/q) whatever the prior",
                    equal(link.subs(d, od.optimum), sp.log(p / q)),
                    od.densities,
                    LogRational(),
                )
            ],
        ),
    ),
    Hypothesis(
        "the loss of D is a proper score, so that its optimum is a posterior",
        Witness(
            {s: 1},
            "the hinge loss has the same optimal score 1 at p/q = 2 and at p/q = 3, and 1 "
            "is neither ln 2 nor ln 3",
            breaks=[
                Step(
                    f"the hinge score is ln {ratio}", equal(s, sp.log(ratio)), scores, LogRational()
                )
                for ratio in (2, 3)
            ],
            shows=[hinge_best_at_one(2), hinge_best_at_one(3)],
        ),
    ),
    Hypothesis(
        "the labels are not smoothed",
        Witness(
            {p: 1, q: 1},
            "with real labels 9/10 the optimum at p = q is 9/20 and its logit ln(9/11)",
            breaks=[
                Step(
                    "logit of the smoothed optimum = ln(p/q)",
                    equal(link.subs(d, smoothed), sp.log(p / q)),
                    Domain({p: od.positive, q: od.positive}),
                    LogRational(),
                )
            ],
            shows=[
                Step(
                    "the smoothed payoff is stationary at the smoothed optimum",
                    equal(sp.diff(smooth_payoff, d).subs(d, smoothed), 0),
                    Domain({p: od.positive, q: od.positive}),
                )
            ],
        ),
    ),
]

mutants = [
    Mutant(
        "logit D* = 1.001 ln(p/q) + ln(pi/(1 - pi))",
        {"log_ratio": sp.Rational(1001, 1000) * sp.log(p / q) + sp.log(prior / (1 - prior))},
        {p: 2, q: 1, prior: half},
        "the slope is exactly 1",
        "near-miss",
    ),
    Mutant(
        "logit D* = -ln(p/q)",
        {"log_ratio": -sp.log(p / q) + sp.log(prior / (1 - prior))},
        {p: 2, q: 1, prior: half},
        "the orientation: real is up",
    ),
    Mutant(
        "ln D* = ln(p/q)",
        {"link": sp.log(d)},
        {p: 1, q: 1, prior: half},
        "the logit, not the log of the probability",
    ),
    Mutant(
        "the prior enters as ln(pi)",
        {"log_ratio": sp.log(p / q) + sp.log(prior)},
        {p: 1, q: 1, prior: sp.Rational(1, 4)},
        "log odds, not the log of the prior",
    ),
    Mutant(
        "for least squares p/q = (d* - a)/(d* - b)",
        {"ratio_from_score": (d - a) / (d - b)},
        {p: 1, q: 1, a: 0, b: 1},
        "the sign of the denominator",
    ),
]


def _logit(real, fake, x: float, share: float) -> float:
    """Logit of D*, both densities divided by the larger so that neither underflows to 0."""
    scale = max(real.log_density(x), fake.log_density(x))
    top = share * math.exp(max(real.log_density(x) - scale, -700.0))
    bottom = (1 - share) * math.exp(max(fake.log_density(x) - scale, -700.0))
    posterior, complement = top / (top + bottom), bottom / (top + bottom)
    return math.log(posterior) - math.log(complement)


numeric = [
    NumericForm(
        "logit of D* against the difference of the log densities of two mixtures",
        "mixture_pair_point_prior",
        _logit,
        "==",
        lambda real, fake, x, share: (
            real.log_density(x) - fake.log_density(x) + math.log(share) - math.log1p(-share)
        ),
        lambda real, fake, x, share: (  # noqa: ARG005
            1e-13 * (4 + abs(real.log_density(x)) + abs(fake.log_density(x)))
        ),
        "the densities are exponentials of the log densities: relative 2e-16 of those, a "
        "few hundred times over",
    )
]


theorem = Theorem(
    id="logit-is-log-density-ratio",
    title="The logit of D* is the log density ratio",
    statement="At the optimal discriminator the logit {link} is {log_ratio}, pi the share of real "
    "samples. For least squares with codes a (fake) and b (real) the optimum d is "
    "{squares_optimum}, and p/q is {ratio_from_score}.",
    parts={
        "link": link,
        "log_ratio": log_ratio,
        "squares_optimum": squares_optimum,
        "ratio_from_score": ratio_from_score,
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[GOODFELLOW_2014.at("Proposition 1"), MAO_2017],
    claims={"S8": "proof"},
    uses=[od.theorem],
    note="A trained discriminator is a density ratio only if it is calibrated: hinge and "
    "Wasserstein critics, smoothed labels and an unbalanced batch all break the reading.",
    numeric=numeric,
)
