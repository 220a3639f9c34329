"""Which discriminator loss has a given f-divergence as its best value?

Statement
    For convex f, D_f(p, q) = E_q f(p/q) >= E_p T - E_q f*(T) for every T into the domain of f*,
    with equality at T = f'(p/q); f*(t) is the supremum of v t - f(v) over v >= 0.

Assumptions
    f convex; the values of T in the domain of f*; densities are not negative.

Source
    Nowozin, Cseke and Tomioka (2016), whose table of conjugates is derived here.
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
    Tangent,
    Theorem,
    Vertices,
    Witness,
    at_least,
    at_most,
    equal,
)
from gancheck.theory.literature import NOWOZIN_2016

s, t, u, v = sp.symbols("s t u v")
half, one = sp.Rational(1, 2), sp.Integer(1)
positive = (0, sp.oo)
ratios = Domain({u: positive, v: positive})

kl, reverse_kl, pearson = u * sp.log(u), -sp.log(u), (u - 1) ** 2
gan = u * sp.log(u) - (u + 1) * sp.log(u + 1)
jsd = gan + (u + 1) * sp.log(2)
midpoint_tangents = ((v, u * (v + 1) / (v * (u + 1))), (one, (v + 1) / (u + 1)))

# divergence, f, name of the conjugate, how the inequality of Young is shown
table = (
    ("KL(p, q)", kl, "kl", Tangent(((v, u / v),))),
    ("KL(q, p)", reverse_kl, "reverse_kl", Tangent(((one, v / u),))),
    ("Pearson's chi-square, t >= -2", pearson, "pearson", RationalSign()),
    ("2 JSD", jsd, "jsd", Tangent(midpoint_tangents)),
    ("2 JSD - 2 ln 2, the original GAN", gan, "gan", Tangent(midpoint_tangents)),
)


def row(name, f, conjugate, by):
    """Two steps for one f: Young's inequality, and equality at T = f'(u)."""
    best = sp.diff(f, u)
    dual = conjugate.subs(t, best)
    return [
        Step(
            f"{name}: at v = u and t = f'(u), v t - f*(t) is f(v)",
            equal(u * best - dual, f),
            ratios,
            LogRational(),
        ),
        Step(
            f"{name}: at t = f'(u), v t - f*(t) is at most f(v) for every v > 0",
            at_most(v * best - dual, f.subs(u, v)),
            ratios,
            by,
        ),
    ]


def derive(c):
    """The steps, for any table of conjugates.

    With v = p/q, multiplied by q and integrated, a row is the statement for its divergence; v = 0
    follows by continuity.
    """
    steps = [step for name, f, key, by in table for step in row(name, f, getattr(c, key), by)]
    slope = 1 - 1 / s  # f'(u) of Hellinger's f = (sqrt(u) - 1)^2, at u = s^2
    hellinger = c.hellinger.subs(t, slope)
    return [
        *steps,
        Step(
            "Pearson's chi-square, t < -2: the supremum is approached at v = 0, f(0) = 1",
            at_most(v * t - pearson.subs(u, v), -1),
            Domain({v: positive, t: (-sp.oo, -2)}),
        ),
        Step(
            "Squared Hellinger, u = s^2: the derivative of f in u is 1 - 1/s",
            equal(sp.diff((s - 1) ** 2, s) / sp.diff(s**2, s), slope),
            Domain({s: positive}),
        ),
        Step(
            "Squared Hellinger: equality at v = u",
            equal(s**2 * slope - hellinger, (s - 1) ** 2),
            Domain({s: positive}),
        ),
        Step(
            "Squared Hellinger: Young's inequality at v^2",
            at_most(v**2 * slope - hellinger, (v - 1) ** 2),
            Domain({s: positive, v: positive}),
        ),
        Step(
            "TV, f = |u - 1|/2: for |t| <= 1/2, v t - f*(t) <= f(v)",
            at_most(v * t - c.tv, sp.Abs(v - 1) / 2),
            Domain({v: positive}, {t: (-half, half)}),
            Vertices(t, Cases(v, (1,), RationalSign()), Cases(v, (1,), RationalSign())),
        ),
        Step("TV: equality at v = 1", equal(t - c.tv, 0), Domain({t: (-half, half)})),
        Step(
            "TV: below -1/2 the supremum is -1/2, at v = 0",
            at_most(v * t - sp.Abs(v - 1) / 2, -half),
            Domain({v: positive, t: (-sp.oo, -half)}),
            Cases(v, (1,), RationalSign()),
        ),
    ]


concave = -((u - 1) ** 2)
hypotheses = [
    Hypothesis(
        "T takes values in the domain of f*",
        Witness(
            {t: 1, v: 100},
            "2 JSD at t = 1 > ln 2: v t - f(v) grows without bound, 35 at v = 100",
            breaks=[
                Step(
                    "v t - f(v) is at most 20 for all v",
                    at_most(v * t - jsd.subs(u, v), 20),
                    Domain({t: (0, half), v: positive}),
                    Tangent(()),
                )
            ],
        ),
    ),
    Hypothesis(
        "f is convex",
        Witness(
            {u: 1, v: 2},
            "f = -(u - 1)^2 lies below its tangent at 1, and its conjugate is infinite",
            breaks=[
                Step(
                    "f lies above its tangents",
                    at_least(concave.subs(u, v), concave + sp.diff(concave, u) * (v - u)),
                    ratios,
                )
            ],
        ),
    ),
    Hypothesis(
        "density ratios are not negative",
        Witness(
            {t: -3},
            "Pearson at t = -3: over all real v the supremum is -3/4, over v >= 0 it is -1",
            breaks=[
                Step(
                    "one formula serves all t",
                    equal(t**2 / 4 + t, -1),
                    Domain({t: (-sp.oo, -2)}),
                )
            ],
        ),
    ),
]

at_two = {u: 2, v: 2}
mutants = [
    Mutant(
        "Pearson: f* = t^2/4 + 1.01 t",
        {"pearson": t**2 / 4 + sp.Rational(101, 100) * t},
        at_two,
        "the slope of f* at 0 is 1",
        "near-miss",
    ),
    Mutant("KL: f* = e^t", {"kl": sp.exp(t)}, {u: 1, v: 1}, "the shift by 1 of t"),
    Mutant(
        "GAN: f* = -ln(1 + e^t)",
        {"gan": -sp.log(1 + sp.exp(t))},
        {u: 1, v: 1},
        "the sign inside the conjugate of the GAN",
    ),
    Mutant(
        "reverse KL: f* = -1 + ln(-t)",
        {"reverse_kl": -1 + sp.log(-t)},
        at_two,
        "the sign of the logarithm",
    ),
]


def _dual(a: float, b: float, score: float) -> float:
    """E_p T - E_q f*(T) for 2 JSD of (a, 1 - a) and (b, 1 - b), at T = (score, -score)."""
    return sum(
        x * c + y * math.log(2.0 - math.exp(c))
        for x, y, c in ((a, b, score), (1 - a, 1 - b, -score))
    )


def _twice_jsd(a: float, b: float, score: float) -> float:  # noqa: ARG001
    terms = ((a, b), (b, a), (1 - a, 1 - b), (1 - b, 1 - a))
    return math.fsum(x * math.log(2 * x / (x + y)) for x, y in terms if x > 0.0)


theorem = Theorem(
    id="f-divergence-dual",
    title="An f-divergence is the best value of E_p T - E_q f*(T)",
    statement="For convex f, D_f(p, q) >= E_p T - E_q f*(T), with equality at T = f'(p/q). The "
    "conjugates f*(t) are: KL {kl}; reverse KL {reverse_kl}; Pearson's chi-square {pearson} for "
    "t >= -2 and -1 below; squared Hellinger {hellinger}; 2 JSD {jsd}; the original GAN {gan}; "
    "TV {tv} for |t| <= 1/2 and -1/2 below.",
    parts={
        "kl": sp.exp(t - 1),
        "reverse_kl": -1 - sp.log(-t),
        "pearson": t**2 / 4 + t,
        "hellinger": t / (1 - t),
        "jsd": -sp.log(2 - sp.exp(t)),
        "gan": -sp.log(1 - sp.exp(t)),
        "tv": t,
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[NOWOZIN_2016],
    claims={"L2": "proof"},
    numeric=[
        NumericForm(
            "no score in the domain beats 2 JSD of two-point laws",
            ((0.0, 1.0), (0.0, 1.0), (-0.69, 0.69)),
            _dual,
            "<=",
            _twice_jsd,
            1e-13,
            "rounding, at 2 - exp(0.69) = 0.006 divided by 0.006",
        )
    ],
)
