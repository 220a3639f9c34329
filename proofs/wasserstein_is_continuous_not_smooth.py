"""How does the Wasserstein distance move with the generator's parameters?

Statement
    |W1(p, q_a) - W1(p, q_b)| <= E |G_a - G_b|: W1 follows the generator continuously where it
    moves dominated. It is not smooth: for parallel lines it is |theta|, with a kink at 0.

Assumptions
    W1 is the largest E_p f - E_q f over 1-Lipschitz f; G moves dominated in the latent.

Source
    Arjovsky et al. (2017); the bound is the Lipschitz condition under one latent draw, the
    triangle inequality of a supremum is that of its terms.
"""

import sympy as sp

from gancheck.theory import (
    Cases,
    Caveat,
    Domain,
    Hypothesis,
    Mutant,
    NumericForm,
    RationalSign,
    Step,
    Theorem,
    Witness,
    at_most,
    equal,
    less,
)
from gancheck.theory.literature import ARJOVSKY_2017

r, s, t, theta, e = sp.symbols("r s t theta e")
low, high, width = sp.symbols("low high width")  # a curve's ends over an interval
real, positive, quarter = (-sp.oo, sp.oo), (0, sp.oo), sp.Rational(1, 4)
distance = sp.Abs(theta)  # of parallel lines, by moving each point across


def slope(side, at):
    """One-sided difference quotient of the distance at 0."""
    return side.subs(theta, at) / at


def derive(c):
    """The steps, for any claimed factor of the bound and distance of parallel lines."""
    return [
        Step(
            "For a 1-Lipschitz critic f a share t of the move |G_a - G_b| = r is the most that f "
            "changes: the difference of two expectations is at most E r, at each latent",
            at_most(t * r, c.factor * r),
            Domain({r: positive, t: (0, 1)}),
        ),
        Step(
            "and f can change by all of it: a shift of a point mass by r changes W1 by r",
            at_most(r, c.factor * r),
            Domain({r: positive}),
        ),
        Step(
            "A supremum a is at most b + s where each of its terms is, and b at most a + s: then "
            "|a - b| <= s (here a = b + x, x within +-s)",
            at_most(sp.Abs(s * t), s),
            Domain({s: positive, t: (-1, 1)}),
            Cases(t, (0,), RationalSign()),
        ),
        Step(
            "For parallel lines the slope from the right is 1",
            equal(slope(c.distance, e), 1),
            Domain({e: positive}),
            Cases(e, (), RationalSign()),
        ),
        Step(
            "and from the left -1: no derivative at 0",
            equal(slope(c.distance, -e), -1),
            Domain({e: positive}),
            Cases(e, (), RationalSign()),
        ),
    ]


tent_mass = t * (1 / t)  # base 2t, height 1/t, half of their product
midpoint, chord = (low + high) / 2 + width / 2, (high - low) / width  # of Takagi's curve

hypotheses = [
    Hypothesis(
        "G moves dominated",
        Witness(
            {t: quarter},
            "tents of base 2 t and height 1/t over a uniform latent tend to 0 at every latent, yet "
            "their mean, the distance to a point mass at 0, stays 1",
            breaks=[
                Step(
                    "the distance is below 1 for small t",
                    less(tent_mass, 1),
                    Domain({t: (0, 1)}),
                )
            ],
        ),
    ),
    Hypothesis(
        "G is Lipschitz in theta, for derivatives almost everywhere",
        Witness(
            {low: 0, high: 0, width: 1},
            "samples 1 + T(theta) with Takagi's curve T, the sum of dist(2^n theta, Z)/2^n, are at "
            "W1 = 1 + T from 0. Over a dyadic interval only the term of its own width w is new at "
            "the midpoint, w/2 above the chord: each halving changes the slope by 1, up or down, "
            "so the slopes around a point never settle: T is continuous and nowhere differentiable",
            shows=[
                Step(
                    f"the slope over the {half} half is {word} by 1",
                    equal(found - chord, change),
                    Domain({low: real, high: real, width: positive}),
                )
                for half, word, found, change in (
                    ("left", "larger", (midpoint - low) / (width / 2), 1),
                    ("right", "smaller", (high - midpoint) / (width / 2), -1),
                )
            ],
            breaks=[
                Step(
                    "the slope over the left half is within 1/2 of the slope over the whole",
                    less((midpoint - low) / (width / 2) - chord, sp.Rational(1, 2)),
                    Domain({low: real, high: real, width: positive}),
                )
            ],
        ),
    ),
]

at = {r: 1, t: sp.Rational(9995, 10000)}
mutants = [
    Mutant(
        "the change is at most 0.999 E|G_a - G_b|",
        {"factor": sp.Rational(999, 1000)},
        at,
        "a shift attains the bound",
        "near-miss",
    ),
    Mutant(
        "the change is at most half of it", {"factor": sp.Rational(1, 2)}, at, "no factor is lost"
    ),
    Mutant(
        "parallel lines are theta^2 apart",
        {"distance": theta**2},
        {e: sp.Rational(1, 10)},
        "that would be smooth",
    ),
    Mutant(
        "parallel lines are theta apart",
        {"distance": theta},
        {e: sp.Rational(1, 10)},
        "a distance has no sign",
    ),
]


def _apart(first: float, second: float, third: float) -> float:
    """Change of W1 to a point mass at 0 between two laws on two atoms, exactly."""
    return abs((abs(first) + abs(second)) / 2 - (abs(first + third) + abs(second - third)) / 2)


theorem = Theorem(
    id="wasserstein-is-continuous-not-smooth",
    title="W1 follows the generator continuously, not smoothly",
    statement="W1 changes by at most {factor} times the mean move of the generator's samples. For "
    "parallel lines it is {distance}: continuous, with a kink at 0.",
    parts={"factor": sp.Integer(1), "distance": distance},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[ARJOVSKY_2017],
    claims={"S37": "proof"},
    caveats=[
        Caveat(
            "S37",
            "The Wasserstein distance is smooth in the parameters and has gradients everywhere.",
            "It is continuous where the generator moves dominated, and has gradients almost "
            "everywhere where it is Lipschitz in them; it can have kinks.",
            Witness(
                {e: sp.Rational(1, 10)},
                "parallel lines at theta = +-1/10: the slopes are 1 and -1",
                breaks=[
                    Step(
                        "the slopes from both sides agree",
                        equal(
                            slope(distance, sp.Rational(1, 10)),
                            slope(distance, -sp.Rational(1, 10)),
                        ),
                    )
                ],
            ),
        )
    ],
    note="Where G is Lipschitz in theta with an integrable constant, theta -> W1 is Lipschitz, and a "
    "Lipschitz function has a derivative almost everywhere (Rademacher's theorem).",
    numeric=[
        NumericForm(
            "moving two atoms by +-h changes W1 to a point mass by at most h",
            ((-5.0, 5.0), (-5.0, 5.0), (-2.0, 2.0)),
            _apart,
            "<=",
            lambda first, second, third: abs(third),  # noqa: ARG005
            1e-14,
            "sums of four numbers at most 7 in size",
        )
    ],
)
