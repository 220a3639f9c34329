"""A connected latent law has a connected image: separate modes are joined by generated mass.

Statement
    supp(G#p_z) is the closure of G(supp p_z), and is connected if supp p_z is connected and G is
    continuous. So if the generator charges two disjoint closed sets A and B, it charges what
    lies between them as well. With a normal latent, the L-Lipschitz clamp of L z to
    [-delta/2, delta/2] puts exactly 2 Phi(delta/(2 L)) - 1 strictly between its two ends.

Assumptions
    supp p_z is connected (not merely the latent space); G is continuous; the support is the
    closure of the image.

Source
    Munkres, Topology, section 23, for connectedness; the clamp's mass is computed here.

In words: x = G(z) with z in supp p_z has neighbourhoods U with open G^-1(U) around z, so charged;
a point off the closure has a neighbourhood that the image misses. If disjoint closed A, B covered
supp q, their preimages would split supp p_z into two closed parts, both charged, so not empty. The
rest of supp p_z is open in it and not empty, hence charged.
"""

import math

import sympy as sp

from gancheck.theory import (
    Cases,
    Caveat,
    Cited,
    Derivative,
    Domain,
    Enclosure,
    Hypothesis,
    Mutant,
    NumericForm,
    RationalSign,
    Relation,
    Step,
    Theorem,
    Witness,
    at_least,
    at_most,
    equal,
    greater,
    less,
)
from gancheck.theory.literature import MUNKRES_2000

r, s, gap, z, eps, left, right, middle = sp.symbols("r s delta z eps left right middle")
half = sp.Rational(1, 2)


def phi_cdf(x):
    """The standard normal distribution function."""
    return half * (1 + sp.erf(x / sp.sqrt(2)))


def mass_between(atoms, low, high):
    """The mass of the open interval (low, high) under weighted atoms."""
    return sum((sp.sympify(w) for x, w in atoms if low < x < high), sp.Integer(0))


# r = delta/(2 L); the clamp at z = s * delta/(2 L), where L z = s * delta/2.
gap_mass = 2 * phi_cdf(r) - 1
clamp = sp.Max(-gap / 2, sp.Min(s * gap / 2, gap / 2))
squashed = z / (1 + z)
two_atoms = ((-1, half), (1, half))
radii = Domain({r: (0, sp.oo)})


def derive(c):
    """The steps, for any claimed mass, map and latent law."""
    between = phi_cdf(r) - phi_cdf(-r)
    halves = (left * middle, middle * right)
    third = c.gap_mass.subs(r, sp.Rational(1, 3))
    return [
        Step(
            "A connected set has a connected image and closure, so a gap is charged; "
            "instance: the clamp maps exactly |s| < 1 strictly between its ends",
            less(sp.Abs(clamp), gap / 2),
            Domain({s: (-1, c.reach), gap: (0, sp.oo)}),
            Cited(
                source="Munkres, Topology, section 23",
                fact="the continuous image of a connected set is connected, and so is its closure",
                by=Cases(s, (0,), RationalSign()),
            ),
        ),
        Step(
            "Beyond s = 1 the clamp sits at its end, off the gap",
            equal(clamp, gap / 2),
            Domain({s: (1, sp.oo), gap: (0, sp.oo)}),
            Cases(s, (), RationalSign()),
        ),
        Step(
            "The closure is needed: z/(1 + z) stays below 1 for every z > 0",
            Relation(squashed, c.below_one, sp.Integer(1)),
            Domain({z: (0, sp.oo)}),
        ),
        Step(
            "yet comes as near to 1 as one likes: 1 - eps at z = (1 - eps)/eps",
            equal(squashed.subs(z, (1 - eps) / eps), 1 - eps),
            Domain({eps: (0, 1)}),
        ),
        Step(
            "Along a latent path from A to B a sign change survives in one of the halves, "
            "whatever the value in the middle",
            at_most(c.surviving(*halves), 0),
            Domain({left: (-sp.oo, 0), right: (0, sp.oo), middle: (-sp.oo, sp.oo)}),
            Cases(middle, (0,), RationalSign()),
        ),
        Step(
            "The normal mass of |z| < r is at least 2 Phi(r) - 1 (equal at 0, same slope)",
            at_least(between, c.gap_mass),
            radii,
            Derivative(r, 0, 1),
        ),
        Step("and at most that", at_most(between, c.gap_mass), radii, Derivative(r, 0, 1)),
        Step(
            "It is positive however small r = delta/(2 L) is: no Lipschitz map leaves the "
            "clamp's gap empty",
            greater(gap_mass, 0),
            radii,
            Derivative(r, 0, 1),
        ),
        Step(
            "It rises with delta and falls with L: its slope in r is positive",
            greater(sp.diff(gap_mass, r), 0),
            radii,
        ),
        Step(
            "At delta = 2, L = 3 it is at least the stated number",
            at_least(third, c.at_third),
            by=Enclosure(),
        ),
        Step("and below 2612/10000", less(third, sp.Rational(2612, 10000)), by=Enclosure()),
        Step(
            "With a normal latent and G(z) = z, the gap between -1 and 1 is charged",
            greater(c.mass_of_gap, 0),
            by=Enclosure(),
        ),
    ]


def gap_is_charged(mass):
    """The conclusion, for a computed mass."""
    return [Step("the gap (-1, 1) is charged", greater(mass, 0), by=Enclosure())]


hypotheses = [
    Hypothesis(
        "supp p_z is connected",
        Witness(
            {},
            "two atoms -1 and 1 with G(z) = z leave the gap (-1, 1) empty",
            breaks=gap_is_charged(mass_between(two_atoms, -1, 1)),
        ),
    ),
    Hypothesis(
        "G is continuous",
        Witness(
            {},
            "G(z) = sign z of a normal latent has the atoms -1 and 1, half the mass each",
            breaks=gap_is_charged(mass_between(((-1, phi_cdf(0)), (1, 1 - phi_cdf(0))), -1, 1)),
            shows=[Step("half of the normal mass lies below 0", equal(phi_cdf(0), half))],
        ),
    ),
    Hypothesis(
        "the support is the closure of the image",
        Witness(
            {z: 10**6},
            "for G(z) = z/(1 + |z|) the point 1 is in the support and never attained",
            breaks=[
                Step("the support's end 1 is attained", equal(squashed, 1), Domain({z: (0, sp.oo)}))
            ],
            shows=[Step("no z > 0 attains 1", less(squashed, 1), Domain({z: (0, sp.oo)}))],
        ),
    ),
    Hypothesis(
        "the latent is normal (for the clamp's mass)",
        convenient="any latent law with a symmetric density has the mass of |z| < delta/(2 L) "
        "there; only the number changes",
    ),
]

mutants = [
    Mutant(
        "the clamp's gap mass at delta = 2, L = 3 is at least 2612/10000",
        {"at_third": sp.Rational(2612, 10000)},
        {},
        "it is 0.26111...",
        "near-miss",
    ),
    Mutant(
        "the clamp's gap mass is Phi(delta/L) - 1/2",
        {"gap_mass": phi_cdf(2 * r) - half},
        {r: sp.Rational(1, 3)},
        "the gap's preimage has half-width delta/(2 L) on both sides of 0",
    ),
    Mutant(
        "the clamp's gap mass is 1.0001 (2 Phi(delta/(2 L)) - 1)",
        {"gap_mass": sp.Rational(10001, 10000) * gap_mass},
        {r: sp.Rational(1, 3)},
        "too close for the four digits stated below; the slopes at 0 tell them apart",
        "near-miss",
    ),
    Mutant(
        "a disconnected latent leaves mass in the gap as well",
        {"mass_of_gap": mass_between(two_atoms, -1, 1)},
        {},
        "connectedness of supp p_z is what counts",
    ),
    Mutant(
        "the image is closed: 1 is attained by z/(1 + z)",
        {"below_one": ">="},
        {z: 10**6},
        "the support is a closure",
    ),
    Mutant(
        "the clamp's gap reaches to s = 11/10",
        {"reach": sp.Rational(11, 10)},
        {s: sp.Rational(21, 20), gap: 1},
        "beyond delta/(2 L) the clamp has arrived",
        "near-miss",
    ),
    Mutant(
        "both halves of a path keep the sign change",
        {"surviving": sp.Max},
        {left: -1, middle: 1, right: 1},
        "bisection follows one half only",
    ),
]


def _simpson(lipschitz: float, width: float) -> float:
    """Normal mass of |z| < delta/(2 L) by Simpson's rule, no error function involved."""
    radius, cells = width / (2 * lipschitz), 400
    h = 2 * radius / cells
    weights = (1 if k in (0, cells) else 4 if k % 2 else 2 for k in range(cells + 1))
    total = math.fsum(w * math.exp(-((-radius + k * h) ** 2) / 2) for k, w in enumerate(weights))
    return total * h / 3 / math.sqrt(2 * math.pi)


def _simpson_error(lipschitz: float, width: float) -> float:
    radius = width / (2 * lipschitz)
    return (2 * radius) ** 5 / (180 * 400.0**4) * 1.2 + 1e-14


def _distance_after_bisection(heights: list[float]) -> float:
    """|height| where bisection ends, on a piecewise linear path from below -1 to above 1."""
    path = [-1.0 - abs(heights[0]), *heights[1:-1], 1.0 + abs(heights[-1])]

    def at(x: float) -> float:
        cell = min(int(x), len(path) - 2)
        return path[cell] + (x - cell) * (path[cell + 1] - path[cell])

    low, high = 0.0, float(len(path) - 1)
    for _ in range(60):
        centre = (low + high) / 2
        low, high = (centre, high) if at(centre) < 0 else (low, centre)
    return abs(at(high))


theorem = Theorem(
    id="connected-latent-connected-support",
    title="A connected latent leaves no clean gap between modes",
    statement="supp(G#p_z) = closure of G(supp p_z), connected for connected supp p_z and "
    "continuous G: two charged, disjoint, closed sets leave mass between them. The clamp of L z = "
    "s delta/2, z normal, to {clamp} puts {gap_mass} strictly between its ends, r = delta/(2 L).",
    formulas={"clamp": clamp},
    parts={
        "reach": sp.Integer(1),
        "below_one": "<",
        "surviving": sp.Min,
        "gap_mass": gap_mass,
        "at_third": sp.Rational(2611, 10000),
        "mass_of_gap": gap_mass.subs(r, 1),
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[MUNKRES_2000.at("section 23")],
    claims={"S42": "cited", "S43": "cited"},
    caveats=[
        Caveat(
            "S42",
            "A connected latent space gives a connected support.",
            "The support of p_z must be connected; the generated support is the closure of its image.",
            Witness(
                {},
                "latents +-1 on the connected line, G(z) = z: nothing lies between",
                breaks=gap_is_charged(mass_between(two_atoms, -1, 1)),
            ),
        )
    ],
    note="Modes cannot be represented exactly without a bridge, but can be approximated: the bridge's mass tends to 0 as the Lipschitz constant grows.",
    numeric=[
        NumericForm(
            "the clamp's gap mass against Simpson's rule for the normal density",
            "lipschitz_and_gap",
            lambda lipschitz, width: math.erf(width / (2 * lipschitz) / math.sqrt(2)),
            "==",
            _simpson,
            _simpson_error,
            "Simpson's remainder with |phi''''| <= 3 phi(0) < 1.2, and rounding",
        ),
        NumericForm(
            "bisection finds a point of a continuous path inside the gap (-1, 1)",
            "path",
            _distance_after_bisection,
            "<=",
            lambda heights: 0.5,  # noqa: ARG005
            0.0,
            "60 halvings of at most 8 cells of slope at most 200: far below 1/2",
        ),
    ],
)
