"""How much mass must a Lipschitz generator leave between two modes?

Statement
    With a normal latent, an L-Lipschitz generator and charged sets A, B at distance delta, the
    mass off both is at least Phi(Phi^-1(a) + delta/L) - a, a the mass of A. If A and B weigh the
    same it is at least 2 Phi(delta/(2 L)) - 1, which the clamp of L z to [-delta/2, delta/2] attains.

Assumptions
    G is L-Lipschitz; the latent is normal.

Source
    Borell (1975) for Gaussian isoperimetry, that half-spaces grow least; Tanielian et al. (2020)
    and Issenhuth et al. (2023) for what it means for generators. The balanced case and the clamp
    are computed here.
"""

import math

import sympy as sp

from gancheck.theory import (
    Cited,
    Derivative,
    Domain,
    Enclosure,
    Hypothesis,
    Mutant,
    NumericForm,
    Step,
    Theorem,
    Witness,
    at_least,
    at_most,
    greater,
    less,
)
from gancheck.theory.literature import BORELL_1975, ISSENHUTH_2023, TANIELIAN_2020

from . import connected_latent_connected_support  # noqa: TID251  (a neighbour on the shelf)

r, t, grown = sp.symbols("r t e")
positive, half = (0, sp.oo), sp.Rational(1, 2)
radii = Domain({r: positive})


def phi(x):
    """The standard normal distribution function."""
    return half * (1 + sp.erf(x / sp.sqrt(2)))


# r = delta/(2 L) is half the gap in units of the latent; the clamp is strictly inside for |z| < r.
bound = 2 * phi(r) - 1
third = sp.Rational(1, 3)


def derive(c):
    """The steps, for any claimed bound on the gap and its number at delta = 2, L = 3."""
    clamp_mass = phi(r) - phi(-r)
    half_space = phi(-r + 2 * r) - phi(-r)  # A is the half-space of mass Phi(-r), grown by 2 r
    return [
        Step(
            "A set of mass Phi(t) grown by e weighs at least Phi(t + e); instance: the half-space "
            "has exactly that, more than before",
            greater(phi(t + grown), phi(t)),
            Domain({grown: positive, t: positive}),
            Cited(
                "Borell (1975)",
                "of all sets of one Gaussian measure half-spaces grow least",
                Derivative(grown, 0, 1),
            ),
        ),
        Step(
            "The preimages of A and B lie at least delta/L = 2 r apart; balanced and with the least "
            "gap, A weighs Phi(-r) and grows to Phi(r): the bound is at most what is left",
            at_least(half_space, c.bound),
            radii,
            Derivative(r, 0, 1),
        ),
        Step(
            "and the clamp, strictly inside for |z| < r, leaves no more than the bound",
            at_most(clamp_mass, c.bound),
            radii,
            Derivative(r, 0, 1),
        ),
        Step("The bound is positive for every L", greater(bound, 0), radii, Derivative(r, 0, 1)),
        Step("and rises with delta/L", greater(sp.diff(bound, r), 0), radii),
        Step("At delta = 2, L = 3", at_least(c.bound.subs(r, third), c.low), by=Enclosure()),
        Step("from both sides", at_most(c.bound.subs(r, third), c.high), by=Enclosure()),
    ]


hypotheses = [
    Hypothesis(
        "G is L-Lipschitz",
        Witness(
            {r: sp.Rational(1, 1000)},
            "L = 1000, delta = 2: the gap's mass is below 1/1000, so without a bound on L none holds",
            shows=[
                Step(
                    "it is below 1/1000",
                    less(bound.subs(r, sp.Rational(1, 1000)), sp.Rational(1, 1000)),
                    by=Enclosure(),
                )
            ],
            breaks=[
                Step(
                    "the gap holds a thousandth whatever L is",
                    at_least(bound, sp.Rational(1, 1000)),
                    radii,
                    Enclosure(),
                )
            ],
        ),
    ),
    Hypothesis(
        "the latent is normal",
        Witness(
            {r: 1},
            "half the mass at each of N(-10, 1) and N(10, 1): between -1 and 1 lies less than 1e-15",
            breaks=[
                Step(
                    "the mass of (-1, 1) is at least the bound at r = 1",
                    at_least(phi(r + 10) - phi(-r + 10), bound),
                    radii,
                    Enclosure(),
                )
            ],
        ),
    ),
]

at_third = {r: third}
mutants = [
    Mutant(
        "the gap is at least 1.001 times the bound",
        {"bound": sp.Rational(1001, 1000) * bound},
        at_third,
        "the clamp attains the bound",
        "near-miss",
    ),
    Mutant("the gap is at least delta/L", {"bound": 2 * r}, at_third, "0.261 against 2/3"),
    Mutant(
        "the gap is at least 2 Phi(delta/L) - 1",
        {"bound": 2 * phi(2 * r) - 1},
        at_third,
        "each side has half the distance",
    ),
    Mutant(
        "the bound does not depend on L",
        {"bound": 2 * phi(third) - 1 + 0 * r},
        {r: sp.Rational(1, 6)},
        "a steeper generator hides the bridge in less mass",
    ),
    Mutant(
        "at delta = 2, L = 3 it is at least 0.2612",
        {"low": sp.Rational(2612, 10000)},
        {},
        "0.26111...",
        "near-miss",
    ),
]


def _counted(distance: float, lipschitz: float) -> float:
    """Mass of the clamp's gap by the midpoint rule over the latent."""
    reach, n = distance / (2 * lipschitz), 4000
    width = 2 * reach / n
    places = (-reach + (i + 0.5) * width for i in range(n))
    return sum(math.exp(-z * z / 2) for z in places) * width / math.sqrt(2 * math.pi)


theorem = Theorem(
    id="gap-mass-isoperimetry",
    title="A Lipschitz generator leaves mass between two modes",
    statement="With r = delta/(2 L), a generator with constant L that charges two sets at distance "
    "delta equally leaves at least {bound} between them, and the clamp attains it. In general the "
    "mass off both is at least Phi(Phi^-1(a) + delta/L) - a.",
    parts={
        "bound": bound,
        "low": sp.Rational(2611, 10000),
        "high": sp.Rational(2612, 10000),
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[BORELL_1975, TANIELIAN_2020, ISSENHUTH_2023],
    claims={"S43": "cited"},
    uses=[connected_latent_connected_support.theorem],
    note="The bound tends to 0 as L grows: two modes cannot be represented exactly, yet as nearly "
    "as one likes.",
    numeric=[
        NumericForm(
            "the midpoint rule over the latent gives the clamp's gap",
            ((0.1, 6.0), (0.5, 20.0)),
            _counted,
            "==",
            lambda distance, lipschitz: math.erf(distance / (2 * lipschitz) / math.sqrt(2)),
            1e-4,
            "the midpoint rule's error, (2 r)^3 / (24 n^2) with r at most 6 and n = 4000, is below "
            "1e-5",
        )
    ],
)
