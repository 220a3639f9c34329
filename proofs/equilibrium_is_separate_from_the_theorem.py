"""If the minimax theorem does not apply, is there no equilibrium?

Statement
    Where the law p and the constant D = 1/2 are representable they are a saddle with value
    -2 ln 2, whatever the parametrisation. Where p is not, none may exist: for p = (1/2, 1/2), q in
    {(3/4, 1/4), (1/4, 3/4)} and D in {(2/5, 2/3), (2/3, 2/5)} one player gains by moving away from
    each of the four pairs.

Assumptions
    p is representable; D = 1/2 is representable; strategies are pure (for the game without one).

Source
    Farnia and Ozdaglar (2020) on GANs without a Nash equilibrium; the four-cell game is elementary.
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
    Relation,
    Step,
    Tangent,
    Theorem,
    Witness,
    at_least,
    at_most,
    equal,
    less,
)
from gancheck.theory.literature import FARNIA_OZDAGLAR_2020, GOODFELLOW_2014

p, q, d = sp.symbols("p q d")
w, a, b = sp.symbols("w a b")
half, low, high = sp.Rational(1, 2), sp.Rational(2, 5), sp.Rational(2, 3)
q_a, q_b = sp.Rational(3, 4), sp.Rational(1, 4)
d_a, d_b = (low, high), (high, low)

atom = p * sp.log(d) + q * sp.log(1 - d)
# The payoff of q = (w, 1 - w) and D = (a, b) against p = (1/2, 1/2).
payoff = half * sp.log(a) + half * sp.log(b) + w * sp.log(1 - a) + (1 - w) * sp.log(1 - b)

law = Domain({w: (0, 1)})
law_and_d = Domain({w: (0, 1), a: (0, 1), b: (0, 1)})
masses = Domain({p: (0, sp.oo), q: (0, sp.oo)})
mass_and_d = Domain({p: (0, sp.oo), d: (0, 1)})


def cell(value, weight, at):
    """The payoff of one law against one discriminator."""
    return value.subs({w: weight, a: at[0], b: at[1]})


def derive(c):
    """The steps, for any value, any gap and any claimed moves."""
    stay, flee = cell(c.payoff, q_a, d_a), cell(c.payoff, q_b, d_a)
    return [
        Step(
            "At q = p no D beats 1/2: so at every atom, and hence in sum over atoms",
            at_most(atom.subs(q, p), -2 * p * sp.log(2)),
            mass_and_d,
            Tangent([(p, 2 * d), (p, 2 * (1 - d))]),
        ),
        Step(
            "At D = 1/2 an atom pays -(p + q) ln 2, so every law q pays the same in sum",
            equal(atom.subs(d, half), -(p + q) * sp.log(2)),
            masses,
            LogRational(),
        ),
        Step(
            "That is the value, with total masses 1; a saddle stays one among fewer strategies",
            equal(-(p + q).subs({p: 1, q: 1}) * sp.log(2), c.value),
            by=LogRational(),
        ),
        Step(
            "The two-atom payoff is the sum over its atoms",
            equal(
                atom.subs({p: half, q: w, d: a}) + atom.subs({p: half, q: 1 - w, d: b}), c.payoff
            ),
            law_and_d,
            LogRational(),
        ),
        Step(
            "The gap between two laws at one D",
            equal(stay - flee, c.gap),
            by=LogRational(),
        ),
        Step(
            "Swapping the atoms: the second D pays as the first on the other law",
            equal(cell(c.payoff, q_b, d_b), stay),
            by=LogRational(),
        ),
        Step("And the other way", equal(cell(c.payoff, q_a, d_b), flee), by=LogRational()),
        Step(
            "At (3/4, 1/4), (2/5, 2/3), and with atoms swapped, the generator gains by moving",
            Relation(flee, c.generator, stay),
            by=Enclosure(),
        ),
        Step(
            "At (3/4, 1/4), (2/3, 2/5), and with atoms swapped, the discriminator gains by moving",
            Relation(stay, c.discriminator, cell(c.payoff, q_a, d_b)),
            by=Enclosure(),
        ),
        Step(
            "Against p itself either D does worse than 1/2",
            Relation(cell(c.payoff, half, d_a), c.against_p, c.value),
            by=Enclosure(),
        ),
    ]


first = {w: q_b, a: d_a[0], b: d_a[1]}
against_first = payoff.subs({a: d_a[0], b: d_a[1]})
gap = half * sp.log(sp.Rational(9, 5))


def _mixed(at):
    return (cell(payoff, q_a, at) + cell(payoff, q_b, at)) / 2


hypotheses = [
    Hypothesis(
        "p is representable",
        Witness(
            first,
            "without p the generator leaves (3/4, 1/4) for (1/4, 3/4) at D = (2/5, 2/3), and no "
            "pair of the four is stable",
            breaks=[
                Step(
                    "at that D no law pays less than (3/4, 1/4)",
                    at_least(against_first, against_first.subs(w, q_a)),
                    law,
                    Enclosure(),
                )
            ],
        ),
    ),
    Hypothesis(
        "D = 1/2 is representable",
        Witness(
            first,
            "with p allowed but D only one of the two, the generator leaves p for (1/4, 3/4) at "
            "D = (2/5, 2/3)",
            breaks=[
                Step(
                    "at that D no law pays less than p",
                    at_least(against_first, against_first.subs(w, half)),
                    law,
                    Enclosure(),
                )
            ],
        ),
    ),
    Hypothesis(
        "strategies are pure",
        Witness(
            first,
            "with the two laws at equal chances, whose mixture is p, both D pay the same: no D "
            "gains by moving, and by symmetry no law against the two D at equal chances",
            breaks=[
                Step(
                    "the discriminator gains the gap by moving",
                    equal(_mixed(d_a) - _mixed(d_b), gap),
                    by=LogRational(),
                )
            ],
            shows=[Step("the mixture is p", equal((q_a + q_b) / 2, half))],
        ),
    ),
]

mutants = [
    Mutant(
        "the gap is 293/1000",
        {"gap": sp.Rational(293, 1000)},
        first,
        "its value 0.29389..",
        "near-miss",
    ),
    Mutant(
        "(3/4, 1/4) with (2/5, 2/3) is an equilibrium",
        {"generator": ">="},
        first,
        "the move of the generator",
    ),
    Mutant(
        "(3/4, 1/4) with (2/3, 2/5) is an equilibrium",
        {"discriminator": "<="},
        first,
        "the move of the discriminator",
    ),
    Mutant(
        "against p the D (2/5, 2/3) does as well as 1/2",
        {"against_p": ">="},
        first,
        "the best answer to p",
    ),
    Mutant("the saddle has the value -ln 2", {"value": -sp.log(2)}, first, "both terms count"),
]

caveats = [
    Caveat(
        "S21",
        "Where the minimax theorem fails, GANs have no equilibrium.",
        "The theorem then gives no guarantee, which is not to say that there is none: with p and "
        "D = 1/2 representable they are a saddle in every parametrisation; without them there may "
        "be none.",
        Witness(
            {w: q_b},
            "laws restricted to the two points w = 1/2 and w = 1/4, no convex set: at D = 1/2 "
            "neither pays less than the other",
            breaks=[
                Step(
                    "at D = 1/2 the generator gains by leaving p",
                    less(cell(payoff, w, (half, half)), cell(payoff, half, (half, half))),
                    law,
                    Enclosure(),
                )
            ],
        ),
    )
]


def _pays(weight: float, first_d: float, second_d: float) -> float:
    """The two-atom payoff in floats."""
    real = (math.log(first_d) + math.log(second_d)) / 2
    return real + weight * math.log1p(-first_d) + (1 - weight) * math.log1p(-second_d)


theorem = Theorem(
    id="equilibrium-is-separate-from-the-theorem",
    title="An equilibrium may exist without the theorem, and may not",
    statement="Where p and D = 1/2 are representable they are a saddle with value {value}. Where p "
    "is not, there may be no pure equilibrium: for p = (1/2, 1/2), laws (3/4, 1/4) and (1/4, 3/4) "
    "and D = (2/5, 2/3) and (2/3, 2/5) the payoff {payoff} of q = (w, 1 - w) and D = (a, b) makes "
    "one player gain {gap} by moving, at each of the four pairs.",
    parts={
        "value": -2 * sp.log(2),
        "payoff": payoff,
        "gap": gap,
        "generator": "<",
        "discriminator": ">",
        "against_p": "<",
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[FARNIA_OZDAGLAR_2020, GOODFELLOW_2014],
    claims={"S21": "counterexample"},
    caveats=caveats,
    numeric=[
        NumericForm(
            "against p = (1/2, 1/2) no D pays more than -2 ln 2",
            ((0.01, 0.99), (0.01, 0.99)),
            lambda one, other: _pays(0.5, one, other),
            "<=",
            lambda one, other: -2 * math.log(2),  # noqa: ARG005
            1e-12,
            "rounding of four logarithms of size at most 5",
        ),
        NumericForm(
            "at D = 1/2 every law pays -2 ln 2",
            ((0.0, 1.0),),
            lambda weight: _pays(weight, 0.5, 0.5),
            "==",
            lambda weight: -2 * math.log(2),  # noqa: ARG005
            1e-12,
            "rounding of four logarithms of size 1",
        ),
    ],
)
