"""Is the square root of the Jensen-Shannon divergence a distance?

Statement
    JSD(p, q) is the squared distance of two curves: a quarter of the integral over t > 0 of
    (exp(-p t) - exp(-q t))^2/t^2, summed over the points. So its square root obeys the triangle
    inequality for all laws; with symmetry and JSD = 0 only at p = q it is a metric.

Assumptions
    Both laws weigh one half in the middle; the root is at most the square root.

Source
    Endres and Schindelin (2003) for the metric, Fuglede and Topsoe (2004) for a distance in a
    Hilbert space. The integral and its derivation here are elementary.

In words: let F(x, y) be the integral of half of (e^(-x t) - e^(-y t))^2/t^2, and h(x, y) the sum
of x ln(x/m) and y ln(y/m), m = (x + y)/2. They have the same derivative in x and y, and both
vanish with their x-derivative on x = y; so dF/dx = dh/dx, and F = h. By continuity that holds for
x = 0 or y = 0 as well. The integrand is bounded at 0 and below 1/(2 t^2) beyond, so F is finite and
may be differentiated under the integral where x, y > 0.
"""

import math

import sympy as sp

from gancheck.theory import (
    Domain,
    Enclosure,
    Hypothesis,
    LogRational,
    Mutant,
    NumericForm,
    Step,
    Theorem,
    Witness,
    at_most,
    equal,
    less,
)
from gancheck.theory.literature import ENDRES_SCHINDELIN_2003, FUGLEDE_TOPSOE_2004

from . import jensen_shannon_is_a_divergence as jsd  # noqa: TID251  (a neighbour on the shelf)

x, y, t = sp.symbols("x y t")
a, b = sp.symbols("a b")  # exp(-x t) and exp(-y t)
u1, u2, v1, v2 = sp.symbols("u1 u2 v1 v2")  # two functions at two places
A, B, C = sp.symbols("alpha beta gamma")  # |u|, |v| and the inner product of u and v
half, left, right = sp.Rational(1, 2), sp.Rational(2, 5), sp.Rational(3, 5)
positive, unit, real = (0, sp.oo), (0, 1), (-sp.oo, sp.oo)

pair = 2 * jsd.jsd.subs({jsd.p: x, jsd.q: y}, simultaneous=True)
curves = (a - b) ** 2 / (2 * t**2)
places = Domain({x: positive, y: positive})
curves_over = Domain({x: positive, y: positive, t: positive, a: unit, b: unit})


def along(variable, of):
    """The derivative of an expression in a = exp(-x t) and b = exp(-y t)."""
    rates = {x: {a: -t * a}, y: {b: -t * b}, t: {a: -x * a, b: -y * b}}[variable]
    return sp.diff(of, variable) + sum(sp.diff(of, s) * rate for s, rate in rates.items())


def of_two_points(first, second):
    """JSD of the laws (first, 1 - first) and (second, 1 - second)."""
    return sum(
        jsd.jsd.subs({jsd.p: r, jsd.q: s}, simultaneous=True)
        for r, s in ((first, second), (1 - first, 1 - second))
    )


def derive(c):
    """The steps, for any claimed curves, inner product and root."""
    directly, by_the_middle = of_two_points(left, right), of_two_points(left, half)
    antiderivative = -a * b / (x + y)
    return [
        Step(
            "The divergence's pair of terms has the derivative -1/(x + y) in x and y",
            equal(sp.diff(c.pair, x, y), -1 / (x + y)),
            places,
            LogRational(),
        ),
        Step(
            "The curves' integrand has -a b, a = e^(-x t), b = e^(-y t)",
            equal(along(y, along(x, c.curves)), -a * b),
            curves_over,
        ),
        Step(
            "whose integral is the same: a b has the antiderivative -a b/(x + y), which tends to 0 "
            "and at t = 0, where a = b = 1, is -1/(x + y)",
            equal(along(t, antiderivative), a * b),
            curves_over,
        ),
        Step(
            "On x = y both vanish: the terms",
            equal(c.pair.subs(y, x), 0),
            Domain({x: positive}),
            LogRational(),
        ),
        Step("and the curves", equal(c.curves.subs(b, a), 0), curves_over.replaced(b, None)),
        Step(
            "and so do their derivatives in x: of the terms",
            equal(sp.diff(c.pair, x).subs(y, x), 0),
            Domain({x: positive}),
            LogRational(),
        ),
        Step(
            "and of the curves: the two are the same",
            equal(along(x, c.curves).subs(b, a), 0),
            curves_over.replaced(b, None),
        ),
        Step(
            "The integral exists: the numerator stays below 1, and is of order t^2 at 0",
            less((a - b) ** 2, 1),
            Domain({a: unit, b: unit}),
        ),
        Step(
            "So JSD is |u|^2 for a function u of point and t. Cauchy-Schwarz: summed over all "
            "pairs of places, these squares are twice |u|^2 |v|^2 less twice the squared inner "
            "product, here for one pair",
            equal(
                (u1 * v2 - u2 * v1) ** 2,
                u1**2 * v2**2 + u2**2 * v1**2 - c.crossing * u1 * v1 * u2 * v2,
            ),
            Domain(dict.fromkeys((u1, u2, v1, v2), real)),
        ),
        Step(
            "so the inner product is at most |u| |v|, which is the triangle inequality, squared: "
            "what it leaves is twice the difference",
            equal((A + B) ** 2 - (A**2 + 2 * C + B**2), 2 * (A * B - C)),
            Domain({A: positive, B: positive, C: real}),
        ),
        Step(
            "From (2/5, 3/5) by (1/2, 1/2) to (3/5, 2/5) the root is no shorter directly",
            at_most(directly**c.power, 2 * by_the_middle**c.power),
            by=Enclosure(),
        ),
    ]


def skewed(first, second):
    """A quarter of one law's and three quarters of the other's divergence from their mixture."""
    terms = []
    for r, q in ((first, second), (1 - first, 1 - second)):
        mixture = (r + 3 * q) / 4
        terms.append((r * sp.log(r / mixture) + 3 * q * sp.log(q / mixture)) / 4)
    return sum(terms)


hypotheses = [
    Hypothesis(
        "both laws weigh one half in the middle",
        Witness(
            {x: sp.Rational(1, 4), y: half},
            "with weights 1/4 and 3/4 the divergence of (1/4, 3/4) and (1/2, 1/2) depends on the "
            "order",
            breaks=[
                Step(
                    "the two orders agree",
                    equal(skewed(x, y), skewed(y, x)),
                    Domain({x: unit, y: unit}),
                    LogRational(),
                )
            ],
        ),
    ),
    Hypothesis(
        "the root is taken",
        Witness(
            {},
            "JSD itself: from (2/5, 3/5) to (3/5, 2/5) it is 0.0201, by (1/2, 1/2) 0.0101",
            breaks=[
                Step(
                    "the way by (1/2, 1/2) is no shorter",
                    at_most(of_two_points(left, right), 2 * of_two_points(left, half)),
                    by=Enclosure(),
                )
            ],
        ),
    ),
]

somewhere = {x: 1, y: 2, t: 1, a: half, b: sp.Rational(1, 4)}
mutants = [
    Mutant(
        "JSD to the power 51/100 is a distance",
        {"power": sp.Rational(51, 100)},
        {},
        "1/2 is the largest power: for nearby laws JSD is quadratic",
        "near-miss",
    ),
    Mutant("JSD itself is a distance", {"power": sp.Integer(1)}, {}, "the square of a distance"),
    Mutant(
        "the curves are weighed by 1/t",
        {"curves": curves * t},
        {**somewhere, t: 2},
        "1/t^2 integrates to the logarithm",
    ),
    Mutant(
        "the curves are weighed by 1.001/(2 t^2)",
        {"curves": sp.Rational(1001, 1000) * curves},
        somewhere,
        "the two derivatives are equal, not proportional",
        "near-miss",
    ),
    Mutant(
        "KL(p, q) is a squared distance of these curves",
        {"pair": x * sp.log(x / y)},
        somewhere,
        "the mixture in the middle makes it one of x + y",
    ),
    Mutant(
        "Cauchy-Schwarz with half of the mixed term",
        {"crossing": sp.Integer(1)},
        {u1: 1, u2: 1, v1: 1, v2: 1},
        "the square of a difference",
    ),
]


def _pair(first: float, second: float) -> float:
    terms = ((first, second), (second, first))
    return sum(r * math.log(2 * r / (r + s)) for r, s in terms if r > 0.0)


def _curves(first: float, second: float) -> float:
    """The integral by the trapezoidal rule in ln t, which converges like exp(-pi^2/step)."""
    total, step = 0.0, 0.1
    for k in range(-400, 401):
        at = math.exp(k * step)
        total += (math.exp(-first * at) - math.exp(-second * at)) ** 2 / (2 * at)
    return total * step


def _root(first: float, second: float) -> float:
    """The root of JSD of (first, 1 - first) and (second, 1 - second)."""
    return math.sqrt(max(_pair(first, second) + _pair(1 - first, 1 - second), 0.0) / 2)


share = (0.0, 1.0)
theorem = Theorem(
    id="root-of-jensen-shannon-is-a-metric",
    title="The square root of JSD is a metric",
    statement="The sum {pair} of two densities, m = (x + y)/2 written out, is the integral over "
    "t > 0 of {curves} with a = exp(-x t) and b = exp(-y t). So the square root of JSD is a "
    "distance between functions of place and t, and obeys the triangle inequality.",
    parts={"pair": pair, "curves": curves, "crossing": sp.Integer(2), "power": half},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[ENDRES_SCHINDELIN_2003, FUGLEDE_TOPSOE_2004],
    claims={"S10": "proof"},
    uses=[jsd.theorem],
    note="No mass 1 is needed: the same holds of finite measures.",
    numeric=[
        NumericForm(
            "the curves' integral is the sum of the two terms",
            (share, share),
            _curves,
            "==",
            _pair,
            1e-13,
            "beyond e^40 and below e^-40 less than 1e-17 is left out; 800 terms below 1 in size",
        ),
        NumericForm(
            "the square root of JSD obeys the triangle inequality",
            (share, share, share),
            lambda first, second, third: _root(first, third),  # noqa: ARG005
            "<=",
            lambda first, second, third: _root(first, second) + _root(second, third),
            1e-7,
            "the root of rounding errors 1e-15 in each divergence",
        ),
    ],
)
