"""What does the generator learn from a perfect discriminator?

Statement
    If p and q live on disjoint compact sets, a smooth D that is 1 near supp p and 0 near supp q is
    optimal: V = 0, JSD = ln 2, and dD/dx = 0 on both supports, however far apart they are. If
    0 <= D <= e < 1 and |dD/dx| <= e on fakes and E|J| <= M for the Jacobian J of the generator in
    its parameters, then |grad E ln(1 - D)| <= M e/(1 - e), with equality at D = |dD/dx| = e.

Assumptions
    Positive distance between the supports; both D and its slope small on fakes; M finite.

Source
    Arjovsky and Bottou (2017).
"""

import math

import sympy as sp

from gancheck.theory import (
    Caveat,
    Domain,
    Hypothesis,
    LinearAlgebra,
    LogRational,
    Mutant,
    NumericForm,
    Step,
    Tangent,
    Theorem,
    Witness,
    at_most,
    equal,
    greater,
    less,
)
from gancheck.theory.literature import ARJOVSKY_BOTTOU_2017

d, e, a, b, m, n, w, v, t, x, s, gap = sp.symbols("d e a b m n w v t x s gap")
moved = sp.Symbol("M")
half, tenth, unit, positive = sp.Rational(1, 2), sp.Rational(1, 10), (0, 1), (0, sp.oo)
profile = 1 - 3 * t**2 + 2 * t**3  # D across the gap: t = 0 at supp p, t = 1 at supp q
bound = moved * e / (1 - e)
small = Domain({e: unit, a: unit, b: unit, m: positive})
score = sp.Function("D")(s)
left, right = sp.Matrix(sp.symbols("g1:4")), sp.Matrix(sp.symbols("j1:4"))
crossed = left.cross(right)


def jensen_shannon(real, fake):
    """JSD of two laws on different atoms, of the given masses: each atom meets 0 of the other."""
    return sum(r * sp.log(r / ((r + 0) / 2)) / 2 for r in (*real, *fake))


def slope_of(loss, value, slope, jacobian):
    """The size of d loss/d theta at D = value, |dD/dx| = slope, |dx/dtheta| = jacobian."""
    outer = sp.diff(loss.subs(d, score), s) / sp.Derivative(score, s)
    return -outer.xreplace({score: value}) * slope * jacobian


def derive(c):
    """The steps, for any transition, loss, bound and value of the divergence."""
    per_sample = slope_of(c.loss, e * a, e * b, m)
    share = w * c.bound.subs(moved, m) + (1 - w) * c.bound.subs(moved, n)
    slope = sp.diff(c.profile, t)
    return [
        Step(
            "V <= 0 for every D, since a real sample adds ln D < 0",
            less(w * sp.log(d), 0),
            Domain({w: unit, d: unit}),
            Tangent([(w, d)]),
        ),
        Step(
            "and a fake one ln(1 - D) < 0",
            less(w * sp.log(1 - d), 0),
            Domain({w: unit, d: unit}),
            Tangent([(w, 1 - d)]),
        ),
        Step(
            "The perfect D reaches V = 0",
            equal(sp.log(c.profile.subs(t, 0)) + sp.log(1 - c.profile.subs(t, 1)), 0),
            by=LogRational(),
        ),
        Step("It does not move with x on supp p", equal(slope.subs(t, 0), 0)),
        Step("nor on supp q", equal(slope.subs(t, 1), 0)),
        Step("In the gap it falls, so stays between 0 and 1", less(slope, 0), Domain({t: unit})),
        Step(
            "Each atom of a law that the other does not charge adds ln(2)/2 of its mass to JSD",
            equal(jensen_shannon((w, 1 - w), (v, 1 - v)), c.jsd),
            Domain({w: unit, v: unit}),
            LogRational(),
        ),
        Step(
            "Lagrange's identity, and with it |dD/dx . J| <= |dD/dx| |J|, column by column of J",
            equal(left.dot(left) * right.dot(right) - left.dot(right) ** 2, crossed.dot(crossed)),
            by=LinearAlgebra(),
        ),
        Step(
            "With D = e a and |dD/dx| = e b the gradient of one sample stays below the bound",
            less(per_sample, c.bound.subs(moved, m)),
            small,
        ),
        Step(
            "The bound is reached at D = |dD/dx| = e",
            equal(per_sample.subs({a: 1, b: 1}), c.bound.subs(moved, m)),
            Domain({e: unit, m: positive}),
        ),
        Step(
            "The bound is linear in |J|, so a mean over samples needs only the mean of |J|",
            equal(share, c.bound.subs(moved, w * m + (1 - w) * n)),
            Domain({w: unit, e: unit, m: positive, n: positive}),
        ),
        Step(
            "The loss itself is as near to 0: -ln(1 - e) < e/(1 - e)",
            less(-sp.log(1 - e), c.bound.subs(moved, 1)),
            Domain({e: unit}),
            Tangent([(1, 1 / (1 - e))]),
        ),
    ]


steep = e * (1 + sp.sin(x / e**2)) / 2


def stays_below(size, over, limit=bound):
    """The conclusion, for the gradient of an example."""
    return [Step("the gradient stays below M e/(1 - e)", at_most(size, limit), over)]


hypotheses = [
    Hypothesis(
        "the supports have a positive distance",
        Witness(
            {gap: sp.Rational(1, 1000)},
            "between D = 1 and D = 0 at distance g some slope is -1/g; for the uniform laws on "
            "[0, 1] and [1, 2] no continuous D is perfect",
            breaks=[
                Step(
                    "a D of slope 100 is perfect",
                    at_most(-sp.diff((1 - x / gap), x), 100),
                    Domain({gap: positive}),
                )
            ],
        ),
    ),
    Hypothesis(
        "|dD/dx| <= e on fakes",
        Witness(
            {e: tenth},
            "D = e (1 + sin(x/e^2))/2 is at most e, but its slope at x = 0 is 1/(2 e): 5 > 1/9",
            breaks=stays_below(
                slope_of(sp.log(1 - d), 0, sp.diff(steep, x).subs(x, 0), 1),
                Domain({e: unit}),
                bound.subs(moved, 1),
            ),
        ),
    ),
    Hypothesis(
        "D <= e on fakes",
        Witness(
            {d: sp.Rational(99, 100), e: tenth},
            "D = 99/100 on a fake, with slope e = 1/10: 10 > 1/9",
            breaks=stays_below(
                slope_of(sp.log(1 - d), d, e, 1),
                Domain({d: unit, e: unit}),
                bound.subs(moved, 1),
            ),
        ),
    ),
    Hypothesis(
        "E|J| <= M",
        Witness(
            {e: tenth, m: 2, moved: 1},
            "|J| = 2 and M = 1: twice the bound",
            breaks=stays_below(
                slope_of(sp.log(1 - d), e, e, m), Domain({e: unit, m: positive, moved: positive})
            ),
        ),
    ),
    Hypothesis(
        "the supports are compact",
        convenient="a positive distance of closed supports suffices",
    ),
]

equality = {e: half, m: 1}
mutants = [
    Mutant(
        "the bound is 0.999 M e/(1 - e)",
        {"bound": sp.Rational(999, 1000) * bound},
        equality,
        "the bound is reached",
        "near-miss",
    ),
    Mutant("the bound is M e", {"bound": moved * e}, equality, "the division by 1 - D"),
    Mutant(
        "-ln D obeys the bound too",
        {"loss": -sp.log(d)},
        {e: tenth, a: tenth, b: sp.Rational(9, 10), m: 1},
        "D = 1/100 with slope 9/100: 9, not 1/9; the loss that does not saturate",
    ),
    Mutant(
        "JSD is 1 nat", {"jsd": sp.Integer(1)}, {w: half, v: half}, "1 bit is ln 2 nat", "near-miss"
    ),
    Mutant(
        "a straight ramp has no gradient either",
        {"profile": 1 - t},
        {},
        "D must be flat on the supports, not only 0 and 1 there",
    ),
]


def _batch_gradient(e: float, shift: float) -> float:
    """Central difference of mean ln(1 - D(theta z)), with D = e (1 + sin(x + shift))/2."""
    latents, step = [k / 8 for k in range(-8, 9)], 1e-5

    def loss(theta: float) -> float:
        scores = (e * (1 + math.sin(theta * z + shift)) / 2 for z in latents)
        return math.fsum(math.log1p(-score) for score in scores) / len(latents)

    return abs(loss(1 + step) - loss(1 - step)) / (2 * step)


theorem = Theorem(
    id="disjoint-supports-stop-the-gradient",
    title="A perfect discriminator stops the saturating gradient",
    statement="On disjoint compact supports a smooth D equal to 1 near the data and 0 near the "
    "fakes is optimal, with V = 0, JSD = {jsd} and dD/dx = 0 on both. If D and |dD/dx| are at "
    "most e < 1 on fakes and E|J| <= M, then the gradient of E {loss} is at most {bound}.",
    parts={"loss": sp.log(1 - d), "bound": bound, "jsd": sp.log(2), "profile": profile},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[ARJOVSKY_BOTTOU_2017],
    claims={"S16": "counterexample", "S24": "proof"},
    caveats=[
        Caveat(
            "S16",
            "The density ratio that D estimates is signal enough for the generator.",
            "It is where the laws overlap. On disjoint supports the ratio is 0 or infinite almost "
            "everywhere, and a perfect D has slope 0 on every fake, near the data or far from it.",
            Witness(
                {gap: 1},
                "a fake at any distance from the data: dD/dx = 0 there",
                breaks=[
                    Step(
                        "a perfect D has a slope on fakes",
                        greater(sp.diff(profile.subs(t, x / gap), x).subs(x, gap) ** 2, 0),
                        Domain({gap: positive}),
                    )
                ],
            ),
        )
    ],
    note="On the line, D across the gap is the cubic shown (continuously differentiable); in "
    "several dimensions a smooth Urysohn function takes its place.",
    numeric=[
        NumericForm(
            "the gradient of a batch of 17 stays below mean|z| e/(1 - e)",
            ((0.01, 0.9), (-3.0, 3.0)),
            _batch_gradient,
            "<=",
            lambda e, shift: 9 / 17 * e / (1 - e),  # noqa: ARG005
            1e-6,
            "truncation step^2/6 times a third derivative below 1e4, rounding 1e-16/1e-5",
        )
    ],
)
