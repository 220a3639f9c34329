"""What gradient has the best 1-Lipschitz critic between fake and real points?

Statement
    If f is 1-Lipschitz and f(y) - f(x) = |y - x| = r, with y from the data and x fake, then f has
    slope 1 along the segment and is differentiable at each inner point, with gradient
    (y - x)/|y - x|. No smoothness of f is assumed.

Assumptions
    The pair is charged by an optimal coupling, so that f(y) - f(x) = |y - x|; an inner point of
    the segment; the Euclidean norm.

Source
    Gulrajani et al. (2017), where f is assumed differentiable; Villani (2009) for
    duality.
"""

import math
from itertools import pairwise

import sympy as sp

from gancheck.theory import (
    Caveat,
    Domain,
    Hypothesis,
    Mutant,
    NumericForm,
    Step,
    Theorem,
    Witness,
    at_least,
    at_most,
    equal,
)
from gancheck.theory.literature import GULRAJANI_2017, VILLANI_2009

from . import weak_wasserstein_duality  # noqa: TID251  (a neighbour on the shelf)

# x is the origin, y = (r, 0); a point is (along, across), and rest = r - along.
start, r, t, along, across, rest = sp.symbols("start r t along across rest")
critic = sp.ImmutableMatrix([1, 0, 0, 1])  # on the points 0, 1, 2, 3 of the example
reals, positive, half = (-sp.oo, sp.oo), (0, sp.oo), sp.Rational(1, 2)
slope = sp.Integer(1)
band = across**2 / (2 * along)
inner = Domain({start: reals, r: positive, t: (0, 1)})
near = Domain({along: positive, across: reals})


def derive(c):
    """The steps; c.slope is the slope along the segment, c.band the room above the tangent."""
    claimed, f = start + c.slope * t * r, list(c.critic)
    room = c.band.subs(along, rest)
    return [
        Step(
            "From x, f(z) <= f(x) + |z - x|, and z = x + t(y - x) is at distance t r: no higher "
            "than claimed",
            at_most(start + t * r, claimed),
            inner,
        ),
        Step(
            "From y, f(z) >= f(y) - |y - z| = f(x) + r - (1 - t) r: no lower than claimed, so f is "
            "affine on the segment",
            at_least((start + r) - (1 - t) * r, claimed),
            inner,
        ),
        Step(
            "Off the segment the cone at x stays close to its tangent: "
            "|(along, across)| <= along + band, in squares of positive numbers",
            at_least((along + c.band) ** 2, along**2 + across**2),
            near,
        ),
        Step(
            "The cone at y has the same tangent; rest is the distance left to y",
            at_least((rest + room) ** 2, rest**2 + across**2),
            Domain({rest: positive, across: reals}),
        ),
        Step(
            "The cone at y bounds f(z) below by f(x) + r - |(rest, across)|, so by f(x) + along "
            "less the band at rest; above, f(z) <= f(x) + along + band",
            equal((start + along + rest) - (rest + room) - (start + along), -room),
            Domain({start: reals, along: positive, rest: positive, across: reals}),
        ),
        Step(
            "At inner points along and rest stay away from 0, so both bands vanish like across^2, with "
            "slope 0: f has there the gradient of f(x) + along, which is (y - x)/|y - x|",
            equal(sp.diff(c.band, across).subs(across, 0), 0),
            near,
        ),
        Step(
            "Example: data on 0, 3 and fakes on 1, 2, half each; f = (1, 0, 0, 1) is 1-Lipschitz",
            at_most(max(abs(a - b) for a, b in pairwise(f)), 1),
        ),
        Step(
            "and earns as much as moving neighbours costs: by weak duality both are optimal",
            equal((f[0] + f[3] - f[1] - f[2]) * half, half * abs(1 - 0) + half * abs(2 - 3)),
        ),
        Step(
            "From a fake to the data it is coupled with, f rises by their distance",
            equal(f[0] - f[int(c.fake)], c.fake - 0),
        ),
        Step(
            "Its slope there is the direction from the fake to the data",
            equal((f[0] - f[1]) / (0 - 1), c.heading * (0 - 1)),
        ),
        Step(
            "Between the fakes, on no ray, it has another slope",
            equal((f[2] - f[1]) / (2 - 1), c.between),
        ),
    ]


rise, side = sp.symbols("rise side")
hypotheses = [
    Hypothesis(
        "the pair is charged by an optimal coupling",
        Witness(
            {r: 2, rise: 1},
            "in the example, the data 0 and the fake 2 are not coupled: f rises by 1 over 2",
            breaks=[
                Step(
                    "the mean slope is 1",
                    equal(rise / r, 1),
                    Domain({rise: reals, r: positive}),
                )
            ],
        ),
    ),
    Hypothesis(
        "an inner point of the segment",
        Witness(
            {side: -1},
            "f = |z| with x = 0 rises from 0 to each y by |y|, and has a kink at 0",
            breaks=[
                Step(
                    "from either side the slope at x is 1",
                    equal(sp.Abs(side) / side, 1),
                    Domain({side: reals}, nonzero=(side,)),
                )
            ],
        ),
    ),
    Hypothesis(
        "the Euclidean norm",
        Witness(
            {side: sp.Rational(1, 4)},
            "in the maximum norm f = max(|z1|, |z2|) rises from (0, 0) to (1, 1) by their "
            "distance, and has a kink at (1/2, 1/2)",
            breaks=[
                Step(
                    "along the first axis the slopes from both sides agree at (1/2, 1/2)",
                    equal(
                        (sp.Max(half + side, half) - half) / side,
                        (half - sp.Max(half - side, half)) / side,
                    ),
                    Domain({side: (0, half)}),
                )
            ],
        ),
    ),
]

at_one = {start: 0, r: 1, t: half, along: 1, across: 1, rest: 1}
mutants = [
    Mutant(
        "0.999 f is optimal too",
        {"critic": sp.Rational(999, 1000) * critic},
        at_one,
        "an optimal critic uses its whole slope on rays",
        "near-miss",
    ),
    Mutant("unit slope everywhere", {"between": sp.Integer(1)}, at_one, "flat between the fakes"),
    Mutant(
        "the gradient points from the data to the fake",
        {"heading": sp.Integer(-1)},
        at_one,
        "the critic is high on the data",
    ),
    Mutant(
        "f rises by the distance for any fake and any data",
        {"fake": sp.Integer(2)},
        at_one,
        "only for coupled pairs: 1 against 2",
    ),
    Mutant("the slope on the segment is 1/2", {"slope": half}, at_one, "the cone at y"),
    Mutant(
        "the room is across^2/(4 along)",
        {"band": across**2 / (4 * along)},
        at_one,
        "how close a cone is to its tangent",
    ),
]

caveats = [
    Caveat(
        "L12",
        "An optimal critic has a gradient of norm 1 everywhere.",
        "It has it on the open segments between coupled points only.",
        Witness(
            {rise: 0},
            "in the example f is optimal and flat between the fakes 1 and 2",
            breaks=[
                Step(
                    "between the fakes the slope has size 1",
                    equal(rise**2, 1),
                    Domain({rise: reals}),
                )
            ],
            shows=[Step("f is flat there", equal(critic[2] - critic[1], 0))],
        ),
    )
]


def _off_gradient(angle: float, length: float, inside: float, blend: float) -> float:
    """How far from (y - x)/|y - x| is the gradient of a blend of both cones, by differences."""
    unit = math.cos(angle), math.sin(angle)
    end = length * unit[0], length * unit[1]
    at, h = (inside * end[0], inside * end[1]), 1e-5

    def f(z0: float, z1: float) -> float:
        return blend * math.hypot(z0, z1) + (1 - blend) * (length - math.dist((z0, z1), end))

    first = (f(at[0] + h, at[1]) - f(at[0] - h, at[1])) / (2 * h)
    second = (f(at[0], at[1] + h) - f(at[0], at[1] - h)) / (2 * h)
    return math.dist((first, second), unit)


theorem = Theorem(
    id="critic-has-unit-slope-on-transport-rays",
    title="An optimal critic has unit gradient on transport rays",
    statement="If f is 1-Lipschitz and f(y) - f(x) = |y - x|, with y from the data and x fake, then "
    "f has slope {slope} along the segment and is differentiable at each inner point, with "
    "gradient (y - x)/|y - x|; the room for f about its tangent there is {band} from either end. "
    "No smoothness of f is assumed.",
    parts={
        "slope": slope,
        "band": band,
        "critic": critic,
        "fake": sp.Integer(1),
        "heading": sp.Integer(1),
        "between": sp.Integer(0),
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[GULRAJANI_2017, VILLANI_2009],
    claims={"L12": "proof"},
    uses=[weak_wasserstein_duality.theorem],
    caveats=caveats,
    note="The plane through the segment and one direction across stands for any dimension: the "
    "cones depend on the distance from the segment only.",
    numeric=[
        NumericForm(
            "blends of the two cones have the gradient (y - x)/|y - x|, by central differences",
            ((0.0, 6.28), (0.5, 5.0), (0.1, 0.9), (0.0, 1.0)),
            _off_gradient,
            "<=",
            lambda angle, length, inside, blend: 0.0,  # noqa: ARG005
            1e-6,
            "third derivatives up to 400 times (1e-5)^2/6, and rounding 1e-15 over 2e-5",
        )
    ],
)
