"""Which divergence does a generator loss descend, and is it one at all?

Statement
    With D = d*(u) frozen, u = p/q, the gradient of E_q g(D) among laws is that of
    D_f = E_q f(p/q) with f''(u) = -(1/u) (g o d*)'(u). So f is convex iff g o d* is
    non-increasing; D_f then vanishes only at q = p iff g o d* is not constant around u = 1.

Assumptions
    p and q are laws with p, q > 0, D is optimal for the current q and frozen in the generator's
    step, and the loss is a mean over single samples.

Source
    Shannon (2020) has the divergences that generator losses descend; Nowozin et al. (2016) those
    of f-GANs.
"""

import math

import sympy as sp

from gancheck.theory import (
    Caveat,
    Derivative,
    Domain,
    Hypothesis,
    LogRational,
    Mutant,
    NumericForm,
    Step,
    Theorem,
    Witness,
    equal,
    greater,
    less,
)
from gancheck.theory.literature import NOWOZIN_2016, SHANNON_2020

from . import envelope_gradient  # noqa: TID251  (a neighbour on the shelf)

p, q, d, u, v, w = sp.symbols("p q d u v w")
value, slope, second, rate, tilt = sp.symbols("value slope second rate tilt")
half, quarter, three_quarters = (sp.Rational(k, 4) for k in (2, 1, 3))
posterior, centred = u / (u + 1), (u - 1) / (u + 1)
saturating, non_saturating = sp.log(1 - d), -sp.log(d)
jensen_shannon = u * sp.log(u) - (1 + u) * sp.log((1 + u) / 2)

positive, unit, real = (0, sp.oo), (0, 1), (-sp.oo, sp.oo)
ratios = Domain({u: positive})
off_one = Domain({u: positive}, nonzero=(u - 1,))
two_laws = Domain({p: unit, q: unit}, nonzero=(p - q,))


def perspective_slope(f, f_prime):
    """The derivative of q f(p/q) in q, where f(p/q) = f and f'(p/q) = f_prime."""
    of_q = sp.Function("f")(q)
    chain = {sp.Derivative(of_q, q): f_prime * sp.diff(p / q, q)}
    return sp.diff(q * of_q, q).xreplace(chain).xreplace({of_q: f})


def legendre_rate():
    """The derivative of f - u f' in u, where f' = slope and f'' = second."""
    f, f_prime = sp.Function("f")(u), sp.Function("f_prime")(u)
    chain = {sp.Derivative(f, u): slope, sp.Derivative(f_prime, u): second}
    return sp.diff(f - u * f_prime, u).xreplace(chain).xreplace({f_prime: slope})


def frozen(generator):
    """The gradient f - u f' of D_f, of a given generator."""
    return generator - u * sp.diff(generator, u)


def above_tangent(generator):
    """How far a generator is above its tangent at u = 1, which integrates to f(1)."""
    tangent = generator.subs(u, 1) + sp.diff(generator, u).subs(u, 1) * (u - 1)
    return generator - tangent


def derive(c):
    """The steps, for any rule and any claimed rows of the loss table."""

    def row(loss, best=posterior):
        return c.rule.subs(rate, sp.diff(loss.subs(d, best), u))

    def over_two_cells(generator):
        return q * generator.subs(u, p / q) + (1 - q) * generator.subs(u, (1 - p) / (1 - q))

    apart = {p: three_quarters, q: quarter}
    kl, reverse_kl = (sp.diff(f, u, 2) for f in (u * sp.log(u), -sp.log(u)))
    return [
        Step(
            "The gradient of D_f in q is f - u f' at u = p/q",
            equal(perspective_slope(value, slope), value - p / q * slope),
            Domain({p: positive, q: positive, value: real, slope: real}),
        ),
        Step(
            "Its derivative in u is -u f''",
            equal(legendre_rate(), -u * second),
            Domain({u: positive, slope: real, second: real}),
        ),
        Step(
            "It is g o d* up to a constant, which is no gradient among laws, iff -u f'' is the "
            "derivative of g o d*: the rule",
            equal(-u * c.rule, rate),
            Domain({u: positive, rate: real}),
        ),
        Step(
            "f'' has the opposite sign to that derivative: convex iff non-increasing",
            less(c.rule * rate, 0),
            Domain({u: positive, rate: real}, nonzero=(rate,)),
        ),
        Step(
            "Two cells of different laws have ratios on both sides of 1; a convex f that is on "
            "its tangent at 1 at both is affine between them, and so is g o d* constant",
            less((p / q - 1) * ((1 - p) / (1 - q) - 1), 0),
            two_laws,
        ),
        Step(
            "Conversely, where g o d* is constant f is affine, and D_f does not see the laws",
            equal(over_two_cells(value + tilt * (u - 1)), value),
            Domain({p: unit, q: unit, value: real, tilt: real}),
        ),
        Step(
            "ln(1 - D): the frozen gradient is that of the maximal value",
            equal(saturating.subs(d, posterior), envelope_gradient.gradient.subs(p, u * q)),
            Domain({u: positive, q: positive}),
            LogRational(),
        ),
        Step("and the rule gives", equal(row(saturating), c.saturating), ratios),
        Step(
            "the second derivative of the generator of 2 JSD",
            equal(sp.diff(jensen_shannon, u, 2), c.saturating),
            ratios,
        ),
        Step(
            "which is above its tangent at 1 wherever u is not 1",
            greater(above_tangent(jensen_shannon), 0),
            off_one,
            Derivative(u, 1),
        ),
        *(
            Step(words, equal(row(loss, best), second_derivative), ratios)
            for words, loss, best, second_derivative in (
                ("-ln D", non_saturating, posterior, c.non_saturating),
                (
                    "Their sum, -logit D: KL(q, p)",
                    saturating + non_saturating,
                    posterior,
                    reverse_kl,
                ),
                ("-D/(1 - D): KL(p, q)", -d / (1 - d), posterior, kl),
                (
                    "(D - 1)^2/2, least squares with codes 0 and 1",
                    (d - 1) ** 2 / 2,
                    posterior,
                    1 / (u * (1 + u) ** 3),
                ),
                ("D^2/2 with codes -1 and 1", d**2 / 2, centred, c.centred),
            )
        ),
        Step("is no divergence: f'' < 0 for u > 1", less(c.centred, 0), Domain({u: (1, sp.oo)})),
        Step(
            "-D with the hinge's D* = sign(u - 1) has slope 1 for u < 1",
            equal(frozen(c.hinge_below), 1),
            Domain({u: unit}),
        ),
        Step("and -1 for u > 1", equal(frozen(c.hinge_above), -1), Domain({u: (1, sp.oo)})),
        Step("so f = |u - 1|, positive below 1", greater(c.hinge_below, 0), Domain({u: unit})),
        Step(
            "and above 1, although g o d* is constant on either side of 1",
            greater(c.hinge_above, 0),
            Domain({u: (1, sp.oo)}),
        ),
        Step(
            "Of the laws (3/4, 1/4) and (1/4, 3/4) it makes 2 TV = 1",
            equal(over_two_cells(sp.Abs(u - 1)).subs(apart), c.hinge_distance),
        ),
    ]


hypotheses = [
    Hypothesis(
        "D is at its optimum",
        Witness(
            {u: 1},
            "with D = 1/2 everywhere E_q ln(1 - D) has no gradient among laws, 2 JSD has",
            breaks=[
                Step(
                    "the rule at D = 1/2 gives the second derivative of 2 JSD",
                    equal(-sp.diff(sp.log(half), u) / u, sp.diff(jensen_shannon, u, 2)),
                    ratios,
                )
            ],
        ),
    ),
    Hypothesis(
        "D is frozen in the generator's step",
        Witness(
            {p: 1, q: 1},
            "differentiated through D*, E_q(-ln D*) has the further term q/(p + q)",
            breaks=[
                Step(
                    "the gradient through D* is g(D*)",
                    equal(sp.diff(-q * sp.log(p / (p + q)), q), -sp.log(p / (p + q))),
                    Domain({p: positive, q: positive}),
                    LogRational(),
                )
            ],
        ),
    ),
    Hypothesis(
        "the loss is a mean over single samples",
        Witness(
            {u: 1, v: 1, w: 2},
            "a relativistic loss at the critic ln u has the gradient ln(1 + v/u) against a real "
            "sample of ratio v: it is no function of u alone",
            breaks=[
                Step(
                    "real samples of ratios v and w give one gradient",
                    equal(sp.log(1 + v / u), sp.log(1 + w / u)),
                    Domain({u: positive, v: positive, w: positive}),
                    LogRational(),
                )
            ],
        ),
    ),
    Hypothesis(
        "p and q have mass 1",
        Witness(
            {u: 1},
            "with f(1) = 0 the gradient of D_f is 0 at u = 1, while ln(1 - D*) is -ln 2: only "
            "among laws does the constant drop out",
            breaks=[
                Step(
                    "the gradient of D_f is g(D*) itself",
                    equal(frozen(jensen_shannon), saturating.subs(d, posterior)),
                    ratios,
                    LogRational(),
                )
            ],
        ),
    ),
    Hypothesis(
        "p, q > 0",
        convenient="mass of p where q = 0 adds its share times the slope of f at infinity, which "
        "no sample of q sees (the usual definition of an f-divergence)",
    ),
]

at_two = {u: 2, rate: 1}
mutants = [
    Mutant("f'' = -(g o d*)'", {"rule": -rate}, at_two, "1/u missing: 1/3 against 1/6 at u = 2"),
    Mutant(
        "the non-saturating loss has the f'' of the saturating one",
        {"non_saturating": 1 / (u * (1 + u))},
        at_two,
        "1/6 against 1/12 at u = 2",
    ),
    Mutant(
        "only a strictly decreasing g o d* tells laws apart",
        {"hinge_distance": 0},
        at_two,
        "the hinge's is equal at u = 2 and u = 3, yet 2 TV is 1",
    ),
    Mutant(
        "the saturating f'' is 1/(u (u + 1.001))",
        {"saturating": 1 / (u * (u + sp.Rational(1001, 1000)))},
        {u: 1, rate: 1},
        "1/2 at u = 1",
        "near-miss",
    ),
    Mutant(
        "centred least squares descends a divergence",
        {"centred": 2 * (u - 1) / (u * (u + 1) ** 3)},
        at_two,
        "the sign for u > 1",
    ),
    Mutant("above 1 the hinge's f is u", {"hinge_above": u}, at_two, "u - u = 0, not -1"),
]

caveats = [
    Caveat(
        "S11",
        "Whichever generator loss is used, a GAN with optimal D minimises the JSD.",
        "Each loss descends the divergence of its own f'', if any: the saturating one 2 JSD, the "
        "non-saturating one 2 KL(m, p) with m = (p + q)/2, centred least squares none.",
        Witness(
            {u: 2},
            "at p/q = 2 the second derivatives are 1/6 and 1/12",
            breaks=[
                Step(
                    "both have the second derivative of 2 JSD",
                    equal(
                        -sp.diff(non_saturating.subs(d, posterior), u) / u,
                        sp.diff(jensen_shannon, u, 2),
                    ),
                    ratios,
                )
            ],
        ),
    )
]


def _twice_jsd(first, second_law):
    total = 0.0
    for a, b in ((first, second_law), (1 - first, 1 - second_law)):
        total += a * math.log(2 * a / (a + b)) + b * math.log(2 * b / (a + b))
    return total


def _frozen_slope(first, second_law):
    """The change of E_q ln(1 - D), D frozen, as mass moves from the second atom to the first."""
    near = second_law / (first + second_law)
    far = (1 - second_law) / (2 - first - second_law)
    return math.log(near) - math.log(far)


theorem = Theorem(
    id="loss-descends-a-divergence",
    title="A generator loss descends a divergence",
    statement="With D = d*(u) frozen, u = p/q, the gradient of E_q g(D) among laws is that of "
    "E_q f(p/q), where f'' is {rule} for the derivative rate of g(d*(u)): for ln(1 - D) it is "
    "{saturating}, for -ln D it is {non_saturating}. f is convex iff g(d*(u)) is non-increasing, "
    "and then tells p from q iff g(d*(u)) is not constant around u = 1.",
    parts={
        "rule": -rate / u,
        "saturating": 1 / (u * (1 + u)),
        "non_saturating": 1 / (u**2 * (1 + u)),
        "centred": -2 * (u - 1) / (u * (u + 1) ** 3),
        "hinge_below": 1 - u,
        "hinge_above": u - 1,
        "hinge_distance": sp.Integer(1),
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[NOWOZIN_2016, SHANNON_2020],
    claims={"S11": "proof", "S25": "proof"},
    uses=[envelope_gradient.theorem],
    caveats=caveats,
    note="The objective changes with every step, since D* does. A strictly decreasing g(d*(u)) "
    "suffices for a divergence that tells all laws apart; it is not necessary.",
    numeric=[
        NumericForm(
            "the frozen gradient of the saturating loss is a central difference of 2 JSD",
            ((0.05, 0.95), (0.05, 0.95)),
            _frozen_slope,
            "==",
            lambda a, b: (_twice_jsd(a, b + 1e-5) - _twice_jsd(a, b - 1e-5)) / 2e-5,
            1e-7,
            "truncation (1e-5)^2/6 times a third derivative below 800, rounding 1e-15 over 1e-5",
        )
    ],
)
