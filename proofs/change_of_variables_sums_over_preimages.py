"""Which density does a generator give its samples? A sum over all latents that map there.

Statement
    If G has finitely many smooth branches with slope not 0 and as many latents as outputs, p_G(x)
    is the sum of p_z(z)/|det J_G(z)| over all z with G(z) = x, not only the one of an invertible
    G (proved on the line, and for affine maps of the plane). z -> z^2 sends the standard normal to chi-square with one degree of freedom; where the slope
    vanishes on positive mass, as for relu(z), the law has an atom and no density.

Assumptions
    Finitely many smooth branches; slope not 0 almost surely; as many latents as outputs.

Source
    Federer (1969), Geometric measure theory: the area formula, for Lipschitz maps in n dimensions.
    Derived here: finitely many branches on the line, and affine maps of the plane.

In words: P(G(z) <= x) changes only at the preimages of x; a rising branch adds mass at its preimage
and a falling one takes it away. Several branches add up, so one rising and one falling suffice.
"""

import math

import sympy as sp

from gancheck.theory import (
    Cases,
    Caveat,
    Domain,
    Enclosure,
    Hypothesis,
    LinearAlgebra,
    Mutant,
    NumericForm,
    RationalSign,
    Step,
    Theorem,
    Witness,
    equal,
    greater,
)
from gancheck.theory.literature import FEDERER_1969

f, g, r, x, up, down, at_up, at_down = sp.symbols("f g r x up down p_up p_down")
half, quarter, positive = sp.Rational(1, 2), sp.Rational(1, 4), (0, sp.oo)
term = f / sp.Abs(g)  # p_z(z) / |G'(z)| of one preimage
square = r**2  # x = r^2 has the preimages r and -r under z -> z^2
normal = sp.exp(-(r**2) / 2) / sp.sqrt(2 * sp.pi)
a = sp.Matrix(2, 2, sp.symbols("a11 a12 a21 a22"))
b = sp.Matrix(2, 2, sp.symbols("b11 b12 b21 b22"))
corner = sp.Matrix(sp.symbols("c1 c2"))


def per_x(of_r):
    """The derivative in x = r^2 of a probability P(G(z) <= x) that is given in r."""
    return sp.diff(of_r, r) / sp.diff(square, r)


def total(c, density, where):
    """The claimed density of z^2 at r^2, for a density that is even."""
    slopes = [sp.diff(square, r).subs(r, side * where) for side in (1, -1)]
    first, second = (c.term.subs({f: density, g: slope}) for slope in slopes)
    return first + c.others * second


def shoelace(corners):
    """The signed area of a polygon."""
    pairs = zip(corners, [*corners[1:], corners[0]], strict=True)
    return sum((u[0] * v[1] - u[1] * v[0]) / 2 for u, v in pairs)


def derive(c):
    """The steps, for any claimed term, and for leaving other preimages out or not."""
    law, through = sp.Function("F"), sp.Function("G")
    rising, falling = sp.Function("z_up")(x), sp.Function("z_down")(x)
    mass = law(rising) - law(falling)  # P(G <= x) between a falling and a rising branch
    known = {sp.diff(rising, x): 1 / up, sp.diff(falling, x): 1 / down}
    known |= {sp.Derivative(law(rising), rising): at_up}
    known |= {sp.Derivative(through(rising), rising): up}
    known |= {sp.Derivative(law(falling), falling): at_down}
    terms = c.term.subs({f: at_up, g: up}) + c.others * c.term.subs({f: at_down, g: down})
    chi_square = sp.exp(-(r**2) / 2) / (r * sp.sqrt(2) * sp.gamma(half))
    corners = [corner, corner + a[:, 0], corner + a[:, 0] + a[:, 1], corner + a[:, 1]]
    return [
        Step(
            "The inverse of a branch has slope 1/G': along it G(z(x)) = x, so G' z' = 1",
            equal(sp.diff(through(rising), x).xreplace(known), 1),
            Domain({up: positive}),
        ),
        Step(
            "The derivative of P(G <= x) is the sum of p_z(z)/|G'(z)| over both branches",
            equal(sp.diff(mass, x).xreplace(known), terms),
            Domain({up: positive, down: (-sp.oo, 0), at_up: positive, at_down: positive}),
            Cases(up, (), RationalSign()),
        ),
        Step(
            "z uniform on [-1, 1] and G = z^2: P(z^2 <= r^2) = r, and the sum is its derivative",
            equal(total(c, half, c.where), per_x(r)),
            Domain({r: (0, 1)}),
            Cases(r, (), RationalSign()),
        ),
        Step(
            "so at x = 1/16 the density is 2",
            equal(total(c, half, c.where).subs(r, quarter), 2),
        ),
        Step(
            "A standard normal z has z^2 chi-square with one degree of freedom",
            equal(total(c, normal, c.where) / chi_square, 1),
            Domain({r: positive}),
            Cases(r, (), LinearAlgebra()),
        ),
        Step(
            "An affine map of the plane carries the unit square to a parallelogram of area |det J|,"
            " so it divides densities by |det J|",
            equal(shoelace(corners), a.det()),
            by=LinearAlgebra(),
        ),
        Step(
            "Two affine maps in turn: the factors multiply, as those of a chain of layers",
            equal((a * b).det(), a.det() * b.det()),
            by=LinearAlgebra(),
        ),
    ]


hypotheses = [
    Hypothesis(
        "the slope is not 0 almost surely",
        Witness(
            {},
            "relu(z) of a normal z has the atom P(z <= 0) = 1/2 at 0: the formula, which sees "
            "x > 0 only, keeps half of the mass",
            breaks=[
                Step(
                    "the formula's mass is 1",
                    equal(half * (1 - sp.erf(0)), 1),
                    by=Enclosure(),
                )
            ],
        ),
    ),
    Hypothesis(
        "as many latents as outputs",
        Witness(
            {up: 1, down: 2},
            "G(z) = (u z, v z) sends the line into the plane: det J J^T = 0",
            breaks=[
                Step(
                    "det J J^T is not 0",
                    greater((sp.Matrix([up, down]) * sp.Matrix([[up, down]])).det() ** 2, 0),
                    Domain({up: positive, down: positive}),
                )
            ],
        ),
    ),
    Hypothesis(
        "finitely many smooth branches",
        convenient="locally Lipschitz maps suffice, in n dimensions (area formula)",
    ),
]

at_sixteenth = {r: quarter}
mutants = [
    Mutant(
        "one preimage is enough",
        {"others": sp.Integer(0)},
        at_sixteenth,
        "1 instead of 2: z^2 is not injective",
    ),
    Mutant("multiply by |det J|", {"term": f * sp.Abs(g)}, at_sixteenth, "1/2 instead of 2"),
    Mutant("det J is taken at x", {"where": square}, at_sixteenth, "8 instead of 2: it is at z"),
    Mutant(
        "the divisor is |det J| + 1/1000",
        {"term": f / (sp.Abs(g) + sp.Rational(1, 1000))},
        at_sixteenth,
        "a common guard against division by 0 is not exact",
        "near-miss",
    ),
    Mutant(
        "the sign of det J is kept",
        {"term": f / g},
        at_sixteenth,
        "a falling branch adds density as well",
    ),
]


def _roots(x: float) -> list[float]:
    """The solutions of z^3 - 3 z = x for |x| < 2, in increasing order."""
    angle = math.acos(x / 2)
    return sorted(2 * math.cos((angle + 2 * math.pi * k) / 3) for k in range(3))


def _sum_over_preimages(x: float) -> float:
    density = (math.exp(-z * z / 2) / math.sqrt(2 * math.pi) for z in _roots(x))
    return sum(p / abs(3 * z * z - 3) for p, z in zip(density, _roots(x), strict=True))


def _slope_of_probability(x: float) -> float:
    """Central difference of P(z^3 - 3 z <= x) for a normal z."""

    def probability(level: float) -> float:
        low, middle, high = (math.erf(z / math.sqrt(2)) / 2 for z in _roots(level))
        return half_mass + low + high - middle

    half_mass, step = 0.5, 1e-5
    return (probability(x + step) - probability(x - step)) / (2 * step)


theorem = Theorem(
    id="change-of-variables-sums-over-preimages",
    title="The density of samples sums over all preimages",
    statement="On the line, if G has finitely many smooth branches with slope not 0, p_G(x) is the "
    "sum of {term} over all z with G(z) = x, where f = p_z(z) and g = G'(z); for affine maps of "
    "the plane g = det J. So z^2 of a standard normal z has at x = r^2 twice {one_side}, the "
    "chi-square density.",
    formulas={"one_side": term.subs({f: normal, g: 2 * r})},
    parts={"term": term, "others": sp.Integer(1), "where": r},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[FEDERER_1969],
    claims={"S15": "proof", "L28": "proof"},
    caveats=[
        Caveat(
            "S15",
            "p_G(x) is p_z(z)/|det J_G(z)| at the z that G maps to x.",
            "That needs an invertible G, as a flow has. Otherwise every such z adds its term, and "
            "where det J_G is 0 on positive mass there may be no density.",
            Witness(
                at_sixteenth,
                "z uniform on [-1, 1], G = z^2, x = 1/16: 2, not 1",
                breaks=[
                    Step(
                        "one preimage gives the density",
                        equal(half / (2 * r), per_x(r)),
                        Domain({r: (0, 1)}),
                    )
                ],
            ),
        )
    ],
    note="In n dimensions the same sum, with g = det J_G(z), is the area formula for Lipschitz "
    "maps, which is in the literature and not derived here.",
    numeric=[
        NumericForm(
            "three preimages of z^3 - 3 z against the slope of P(G <= x)",
            ((-1.8, 1.8),),
            _sum_over_preimages,
            "==",
            _slope_of_probability,
            1e-5,
            "truncation step^2/6 times a third derivative below 1e5 up to |x| = 1.8, rounding "
            "1e-16/1e-5",
        )
    ],
)
