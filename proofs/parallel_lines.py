"""What do W1, TV, JSD and KL say of two parallel segments at distance |theta|?

Statement
    The uniform laws on {0} x [0, 1] and {theta} x [0, 1] have W1 = |theta|; for theta != 0 their
    total variation is 1, their Jensen-Shannon divergence ln 2 and KL infinite both ways. At
    theta = 0 all of them are 0.

Assumptions
    The segments stand at equal heights; theta != 0 for the divergences.

Source
    Arjovsky, Chintala & Bottou (2017).
"""

import math

import sympy as sp

from gancheck.theory import (
    Cases,
    Domain,
    Enclosure,
    Hypothesis,
    LogRational,
    Mutant,
    NumericForm,
    RationalSign,
    Step,
    Theorem,
    Witness,
    at_least,
    equal,
    greater,
)
from gancheck.theory.literature import ARJOVSKY_2017

theta, rise, p, q = sp.symbols("theta rise p q")
reals, positive, half = (-sp.oo, sp.oo), (0, sp.oo), sp.Rational(1, 2)
by_sign = Cases(theta, (0,), RationalSign())
w1 = sp.Abs(theta)


def jsd_integrand(first, second):
    """At a place where the second density is 0; its own term is 0 there."""
    return (first * sp.log(first / ((first + second) / 2))).subs(second, 0) / 2


def derive(c):
    """The steps; the critic is f = +-x, by the side on which the second segment stands."""
    here, there = c.w1.subs(theta, 0), jsd_integrand(p, q)
    line, right, left = (Domain({theta: ends}) for ends in (reals, positive, (-sp.oo, 0)))
    return [
        Step(
            "Every coupling moves (0, y) to some (theta, y + rise), at a distance of at least "
            "|theta|, in squares",
            at_least((theta - 0) ** 2 + rise**2, theta**2),
            Domain({theta: reals, rise: reals}),
        ),
        Step(
            "Moving straight across, rise = 0, costs exactly that, and the claim says so",
            equal(c.w1**2, ((theta - 0) ** 2 + rise**2).subs(rise, 0)),
            line,
            by_sign,
        ),
        Step("The claim is a distance: not negative", at_least(c.w1, 0), line, by_sign),
        Step(
            "The critic f = -x, 1-Lipschitz, earns E_P f - E_Q f = 0 - (-theta): for theta > 0 "
            "the claimed value, as duality has it",
            equal(0 - (-theta), c.w1),
            right,
            Cases(theta, (1,), RationalSign()),
        ),
        Step(
            "and f = x does for theta < 0",
            equal(0 - theta, c.w1),
            left,
            Cases(theta, (-1,), RationalSign()),
        ),
        Step(
            "For theta != 0 the segments are disjoint: where p > 0, |p - q|/2 is p/2, so that both "
            "segments together have total variation 1",
            equal((p - q).subs(q, 0) / 2 / p + (q - p).subs(p, 0) / 2 / q, c.tv),
            Domain({p: positive, q: positive}),
        ),
        Step(
            "Each segment adds half of ln 2 to the divergence, since the mean density is p/2 there",
            equal(there / p + jsd_integrand(q, p) / q, c.jsd),
            Domain({p: positive, q: positive, theta: (0, 1)}),
        ),
        Step(
            "KL is the limit q -> 0 of p ln(p/q) where p > 0, and likewise the other way round; "
            "each halving of q adds p ln 2",
            equal(p * sp.log(p / (q / 2)) - p * sp.log(p / q), p * sp.log(2)),
            Domain({p: positive, q: positive}),
            LogRational(),
        ),
        Step(
            "which is more than p/2: KL is infinite",
            greater(sp.log(2), half),
            by=Enclosure(),
        ),
        Step("At theta = 0 the segments coincide: W1 is 0", equal(here, 0)),
        Step(
            "and so are the integrands of the others at p = q",
            equal(sp.log(p / ((p + q) / 2)).subs(q, p) + (p - q).subs(q, p), 0),
            Domain({p: positive}),
        ),
    ]


hypotheses = [
    Hypothesis(
        "the segments stand at equal heights",
        Witness(
            {theta: 3, rise: 4},
            "a segment moved by (3, 4) is at W1 = 5: the critic along (3, 4)/5 earns 5",
            breaks=[
                Step(
                    "W1 is |theta|, in squares",
                    equal(theta**2 + rise**2, theta**2),
                    Domain({theta: reals, rise: reals}),
                )
            ],
            shows=[
                Step(
                    "the critic's direction has length 1",
                    equal(sp.Rational(3, 5) ** 2 + sp.Rational(4, 5) ** 2, 1),
                ),
                Step("it earns 5", equal(sp.Rational(3 * 3, 5) + sp.Rational(4 * 4, 5), 5)),
            ],
        ),
    ),
    Hypothesis(
        "theta != 0 for the divergences",
        Witness(
            {p: 1, q: 1},
            "at theta = 0 the densities agree and the divergence is 0",
            breaks=[
                Step(
                    "the integrand is positive",
                    greater(p * sp.log(2 * p / (p + q)) + q * sp.log(2 * q / (p + q)), 0),
                    Domain({p: positive, q: positive}, nonzero=(p - q,)),
                )
            ],
        ),
    ),
]

at_one = {theta: 1, p: 1, q: 1}
mutants = [
    Mutant("W1 = theta", {"w1": theta}, {**at_one, theta: -1}, "the absolute value"),
    Mutant("W1 = theta^2", {"w1": theta**2}, {**at_one, theta: half}, "a kink at 0, no minimum"),
    Mutant(
        "JSD = |theta| ln 2 for |theta| <= 1",
        {"jsd": sp.Abs(theta) * sp.log(2)},
        {**at_one, theta: half},
        "the divergence does not see how far apart the segments are",
    ),
    Mutant(
        "W1 = 1.001 |theta|",
        {"w1": sp.Rational(1001, 1000) * w1},
        at_one,
        "the critic earns no more than |theta|",
        "near-miss",
    ),
    Mutant("total variation is 1/2", {"tv": half}, at_one, "both segments count, by half"),
]


def _transport_by_matching(theta_value: float) -> float:
    """The mean cost of moving 50 equally spaced points across, each to its own height."""
    heights = [(n + 0.5) / 50 for n in range(50)]
    return math.fsum(math.dist((0.0, y), (theta_value, y)) for y in heights) / 50


def _best_direction(theta_value: float) -> float:
    """What the best of the linear critics along (cos a, sin a) earns, a in steps of pi/2."""
    return max(-math.cos(n * math.pi / 2) * theta_value for n in range(4))


theorem = Theorem(
    id="parallel-lines",
    title="Parallel segments: W1 sees the distance, TV, JSD and KL do not",
    statement="The uniform laws on {{0}} x [0, 1] and {{theta}} x [0, 1] have W1 = {w1}. For "
    "theta != 0 their total variation is {tv}, their Jensen-Shannon divergence {jsd} and KL "
    "infinite both ways; at theta = 0 all of these are 0.",
    parts={"w1": w1, "jsd": sp.log(2), "tv": sp.Integer(1)},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[ARJOVSKY_2017],
    claims={"S38": "proof", "L11": "proof"},
    numeric=[
        NumericForm(
            "moving each point across costs what the best axis-parallel linear critic earns",
            ((-50.0, 50.0),),
            _transport_by_matching,
            "==",
            _best_direction,
            1e-11,
            "fifty distances of size 50 and a division; cosines right to 1e-16",
        )
    ],
)
