"""Is the generator's gradient at the optimal discriminator the gradient of the maximal value?

Statement
    With C(q) = max_D [p ln D + q ln(1 - D)], dC/dq = ln(1 - D*): the gradient of C is the partial
    gradient of the payoff with D* held fixed, and it is that of 2 JSD(p, q) among laws.

Assumptions
    p, q > 0, D is at its one maximiser, finitely many outcomes.

Source
    Goodfellow et al. (2014), section 4, where D is optimised for each generator; the envelope
    argument is one line of calculus.
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
    Step,
    Theorem,
    Witness,
    equal,
    greater,
    less,
)
from gancheck.theory.literature import GOODFELLOW_2014

from . import optimal_discriminator  # noqa: TID251  (a neighbour on the shelf)

p, q, d, u, s, h, k = sp.symbols("p q d u s h k")
speed_q, speed_d, other_p, other_q = sp.symbols("speed_q speed_d other_p other_q")
q_of_s, d_of_s = sp.Function("q")(s), sp.Function("d")(s)
optimum = p / (p + q)
middle = (p + q) / 2
payoff = p * sp.log(d) + q * sp.log(1 - d)
gradient = sp.log(1 - optimum)
twice_jsd = p * sp.log(p / middle) + q * sp.log(q / middle)

positive, unit, real = (0, sp.oo), (0, 1), (-sp.oo, sp.oo)
densities = Domain({p: positive, q: positive})
outputs = Domain({p: positive, q: positive, d: unit})
moving = Domain({p: positive, q: positive, speed_q: real, speed_d: real})
two_places = Domain({p: positive, q: positive, other_p: positive, other_q: positive})


def along(value):
    """The derivative along any path q(s), d(s), with q' = speed_q and d' = speed_d."""
    slope = sp.diff(value.subs({q: q_of_s, d: d_of_s}, simultaneous=True), s)
    speeds = {sp.Derivative(q_of_s, s): speed_q, sp.Derivative(d_of_s, s): speed_d}
    return slope.xreplace(speeds).xreplace({q_of_s: q, d_of_s: d})


def moving_mass(slope):
    """The change of a sum when mass of q moves to this place from another one."""
    return slope - slope.subs({p: other_p, q: other_q}, simultaneous=True)


def derive(c):
    """The steps, for any payoff, any candidate for its maximiser and any claimed gradient."""
    best = c.payoff.subs(d, c.optimum)
    return [
        Step(
            "The payoff is stationary in d at D*",
            equal(sp.diff(c.payoff, d).subs(d, c.optimum), 0),
            densities,
        ),
        Step(
            "and strictly concave in d, so D* is its one maximiser",
            less(sp.diff(c.payoff, d, 2), 0),
            outputs,
        ),
        Step(
            "On any path through D*, however fast D moves, the chain term of D vanishes",
            equal(along(c.payoff).subs(d, c.optimum), c.gradient * speed_q),
            moving,
            LogRational(),
        ),
        Step(
            "The partial gradient with D* frozen",
            equal(sp.diff(c.payoff, q).subs(d, c.optimum), c.gradient),
            densities,
            LogRational(),
        ),
        Step(
            "The gradient of the maximal value, differentiated through D*, is the same",
            equal(sp.diff(best, q), c.gradient),
            densities,
            LogRational(),
        ),
        Step(
            "Moving mass of q from any place to any other changes the maximal value as it changes "
            "2 JSD(p, q); all directions among laws are sums of such moves",
            equal(moving_mass(c.gradient), moving_mass(sp.diff(twice_jsd, q))),
            two_places,
            LogRational(),
        ),
        Step(
            "The maximal value is strictly convex in q",
            greater(sp.diff(best, q, 2), 0),
            densities,
        ),
    ]


def curvature(loss):
    """The f'' of the divergence that a generator loss descends, at the density ratio u = p/q."""
    return -sp.diff(loss.subs(d, u / (u + 1)), u) / u


third = sp.Rational(1, 3)
hypotheses = [
    Hypothesis(
        "D is at its maximiser",
        Witness(
            {p: 1, q: 1, d: third},
            "at p = q = 1 and D = 1/3 the partial gradient is ln(2/3), that of C is ln(1/2)",
            breaks=[
                Step(
                    "the partial gradient at D is that of C",
                    equal(sp.diff(payoff, q), gradient),
                    outputs,
                    LogRational(),
                )
            ],
        ),
    ),
    Hypothesis(
        "the maximiser is unique",
        Witness(
            {h: 1, k: -1},
            "the maximum of d q over d = -1, 1 is |q|: at q = 0 both d are best, and the "
            "difference quotients are 1 from the right and -1 from the left",
            breaks=[
                Step(
                    "all difference quotients at q = 0 are equal",
                    equal(sp.Max(h, -h) / h, sp.Max(k, -k) / k),
                    Domain({h: real, k: real}, nonzero=(h, k)),
                    Enclosure(),
                )
            ],
        ),
    ),
    Hypothesis(
        "p, q > 0",
        Witness(
            {p: 1, q: 0},
            "where q = 0 < p, D* = 1 and ln(1 - D*) is no number: C has slope -oo",
            breaks=[Step("1 - D* is positive", greater(1 - optimum, 0), densities)],
        ),
    ),
    Hypothesis(
        "finitely many outcomes",
        convenient="an integrable bound on ln(1 - D*) times the speed of the density, uniform in "
        "the parameter, allows differentiation under the integral (dominated convergence)",
    ),
]

at_two = {p: 2, q: 1, speed_q: 1, other_p: 1, other_q: 1, speed_d: 0}
mutants = [
    Mutant("it is ln D*", {"gradient": sp.log(optimum)}, at_two, "q multiplies ln(1 - D)"),
    Mutant(
        "it is -1/(1 - D*)",
        {"gradient": -1 / (1 - optimum)},
        at_two,
        "that is the slope of ln(1 - d) in d, not in q",
    ),
    Mutant(
        "it is 1.001 ln(1 - D*)",
        {"gradient": sp.Rational(1001, 1000) * gradient},
        at_two,
        "the factor is 1",
        "near-miss",
    ),
    Mutant(
        "the envelope holds for the non-saturating loss -q ln D*",
        {"payoff": -q * sp.log(d), "gradient": -sp.log(optimum)},
        {p: 1, q: 1, d: third},
        "D* is not stationary for that loss: differentiating through it adds 1/2 at p = q = 1",
    ),
    Mutant(
        "D* = q/(p + q) will do",
        {"optimum": q / (p + q), "gradient": sp.log(p / (p + q))},
        {p: 2, q: 1, d: third},
        "the classes swapped: not stationary",
    ),
]

caveats = [
    Caveat(
        "S11",
        "Training a GAN is equivalent to minimising the Jensen-Shannon divergence.",
        "Only the gradient of the minimax loss at a freely optimised D, re-optimised after every "
        "step of G, is that of 2 JSD. The non-saturating loss descends another divergence even "
        "then, and with D away from D* neither does.",
        Witness(
            {u: 2},
            "at p/q = 2 the second derivatives of the two generators are 1/6 and 1/12",
            breaks=[
                Step(
                    "the two losses descend one divergence",
                    equal(curvature(sp.log(1 - d)), curvature(-sp.log(d))),
                    Domain({u: positive}),
                )
            ],
            shows=[
                Step(
                    "the minimax loss: 1/6",
                    equal(curvature(sp.log(1 - d)).subs(u, 2), sp.Rational(1, 6)),
                ),
                Step(
                    "the non-saturating loss: 1/12",
                    equal(curvature(-sp.log(d)).subs(u, 2), sp.Rational(1, 12)),
                ),
            ],
        ),
    )
]


def _maximal(real_mass, fake_mass):
    """The largest payoff, by ternary search."""

    def value(at):
        return real_mass * math.log(at) + fake_mass * math.log1p(-at)

    low, high = 1e-6, 1 - 1e-6
    for _ in range(120):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (left, high) if value(left) < value(right) else (low, right)
    return value((low + high) / 2)


theorem = Theorem(
    id="envelope-gradient",
    title="The gradient of the maximal value holds D* fixed",
    statement="With C(q) the maximum of {payoff} over d, at d = {optimum}, the derivative of C in "
    "q is {gradient}: the partial gradient with D* held fixed, and among laws that of 2 JSD(p, q).",
    parts={"payoff": payoff, "optimum": optimum, "gradient": gradient},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[GOODFELLOW_2014.at("section 4")],
    claims={"S11": "proof", "L22": "proof"},
    uses=[optimal_discriminator.theorem],
    caveats=caveats,
    numeric=[
        NumericForm(
            "a central difference of the searched maximum is ln(1 - D*)",
            ((0.1, 3.0), (0.1, 3.0)),
            lambda a, b: (_maximal(a, b + 1e-5) - _maximal(a, b - 1e-5)) / 2e-5,
            "==",
            lambda a, b: math.log(b / (a + b)),
            1e-8,
            "truncation (1e-5)^2/6 times a third derivative below 110, rounding 2e-15 over 2e-5",
        )
    ],
)
