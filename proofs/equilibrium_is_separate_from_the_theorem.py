"""If no minimax theorem applies to the parameters, is there no equilibrium?

Statement
    That is a separate question. If the generator's family holds p and the discriminator's holds
    D = 1/2, the pair is a saddle in every parametrisation. If not, there may be none: data
    (1/2, 1/2), two laws and two discriminators give matching pennies, where from each of the four
    pairs one player gains (1/2) ln(9/5).

Assumptions
    p and D = 1/2 can be represented (for the saddle); pure strategies (for the game without one).

Source
    The saddle is that of Goodfellow et al. (2014), Theorem 1; that equilibria may be missing is
    the subject of Farnia, Ozdaglar (2020), and that mixtures bring approximate ones back of Arora
    et al. (2017).
"""

import math

import sympy as sp

from gancheck.theory import (
    Domain,
    Enclosure,
    Hypothesis,
    LinearAlgebra,
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
    greater,
)
from gancheck.theory.literature import ARORA_2017, FARNIA_OZDAGLAR_2020, GOODFELLOW_2014

from . import global_minimum_at_data as gm  # noqa: TID251  (a neighbour on the shelf)

p, q, d = gm.p, gm.q, gm.d
t = sp.Symbol("t")
half, quarter = sp.Rational(1, 2), sp.Rational(1, 4)
data = sp.ImmutableMatrix([half, half])
law_a = sp.ImmutableMatrix([3 * quarter, quarter])
law_b = sp.ImmutableMatrix([quarter, 3 * quarter])
output_a = sp.ImmutableMatrix([sp.Rational(2, 5), sp.Rational(2, 3)])
output_b = sp.ImmutableMatrix([sp.Rational(2, 3), sp.Rational(2, 5)])
gain = sp.log(sp.Rational(9, 5)) / 2
mixed = sp.ImmutableMatrix([t, 1 - t])
share = Domain({t: (0, 1)})


def value(law, output):
    """The payoff of a law and a discriminator, one atom after the other."""
    atoms = zip(data, law, output, strict=True)
    return sum(gm.payoff.subs({p: a, q: b, d: e}, simultaneous=True) for a, b, e in atoms)


def derive(c):
    """The steps, for any saddle point and any two laws and discriminators."""
    at_saddle = gm.payoff.subs(d, c.saddle)
    a_a, a_b = value(c.law_a, c.output_a), value(c.law_a, c.output_b)
    b_a, b_b = value(c.law_b, c.output_a), value(c.law_b, c.output_b)
    best = sp.ImmutableMatrix([x / (x + y) for x, y in zip(data, c.law_a, strict=True)])
    mirrored = sp.ImmutableMatrix([x / (x + y) for x, y in zip(data, c.law_b, strict=True)])
    return [
        Step(
            "Against D = 1/2 every density q costs the same, so no family holds a better one",
            equal(at_saddle, gm.value * (p + q) / 2),
            Domain({p: (0, sp.oo), q: (0, sp.oo)}),
            LogRational(),
        ),
        Step(
            "Against q = p no output beats 1/2, so no family of discriminators holds a better one",
            at_most(gm.payoff.subs(q, p), at_saddle.subs(q, p)),
            Domain({p: (0, sp.oo), d: (0, 1)}),
            Tangent(((p, 4 * d * (1 - d)),)),
        ),
        Step(
            "Without them: D_A is the best answer to q_A",
            equal(c.output_a, best),
            by=LinearAlgebra(),
        ),
        Step("and D_B to q_B", equal(c.output_b, mirrored), by=LinearAlgebra()),
        Step(
            "From (q_A, D_A) the generator gains by q_B", equal(a_a - b_a, c.gain), by=LogRational()
        ),
        Step("from (q_B, D_A) D gains by D_B", equal(b_b - b_a, c.gain), by=LogRational()),
        Step(
            "from (q_B, D_B) the generator gains by q_A", equal(b_b - a_b, c.gain), by=LogRational()
        ),
        Step("from (q_A, D_B) D gains by D_A", equal(a_a - a_b, c.gain), by=LogRational()),
        Step(
            "and the gain is positive: none of the four pairs is an equilibrium",
            Relation(c.gain, c.gain_is, sp.Integer(0)),
            by=Enclosure(),
        ),
        Step(
            "Even with p in the generator's family D_A would stay below the value of the saddle",
            Relation(value(data, c.output_a), c.at_data, gm.value),
            by=Enclosure(),
        ),
    ]


def _no_gain(start):
    return Step(
        "the generator does not gain by another law",
        at_least(value(mixed, output_a), value(start, output_a)),
        share,
        Tangent(()),
    )


best_of_mix = sum(gm.best_excess.subs({p: half, q: b}, simultaneous=True) for b in mixed)
hypotheses = [
    Hypothesis(
        "the generator's family holds p",
        Witness(
            {t: quarter},
            "with q_A and q_B only, from (q_A, D_A) the generator gains by q_B",
            breaks=[_no_gain(law_a)],
        ),
    ),
    Hypothesis(
        "the discriminator's family holds D = 1/2",
        Witness(
            {t: quarter},
            "with D_A and D_B only, the generator leaves p for q_B against D_A",
            breaks=[_no_gain(data)],
        ),
    ),
    Hypothesis(
        "no strategy is mixed",
        Witness(
            {t: half},
            "half q_A and half q_B is p: against it the best D reaches no more than -2 ln 2",
            breaks=[
                Step("the best D gets more", greater(best_of_mix, 0), share, Tangent(())),
            ],
            shows=[Step("the mixture is p", equal((law_a + law_b) / 2, data), by=LinearAlgebra())],
        ),
    ),
]

anywhere = {p: half, q: quarter, d: half}
mutants = [
    Mutant(
        "the gain is 293/1000",
        {"gain": sp.Rational(293, 1000)},
        anywhere,
        "it is (1/2) ln(9/5) = 0.29389...",
        "near-miss",
    ),
    Mutant("(q_A, D_A) is an equilibrium", {"gain_is": "<="}, anywhere, "q_B lowers the payoff"),
    Mutant("D_B is the best answer to q_A", {"output_a": output_b}, anywhere, "D_A raises it"),
    Mutant("D_A reaches -2 ln 2 against p", {"at_data": ">="}, anywhere, "D = 1/2 alone does"),
    Mutant(
        "D = 1/3 makes a saddle with p", {"saddle": sp.Rational(1, 3)}, anywhere, "only 1/2 does"
    ),
]


def _nats(law: tuple[float, float], output: tuple[float, float]) -> float:
    atoms = zip(law, output, strict=True)
    return sum(0.5 * math.log(e) + b * math.log1p(-e) for b, e in atoms)


def _most_gained(share_of_a: float) -> float:
    """The larger gain of the two players, over the four pairs of a mirrored game."""
    laws = (share_of_a, 1 - share_of_a), (1 - share_of_a, share_of_a)
    best = [tuple(0.5 / (0.5 + b) for b in law) for law in laws]
    cells = [[_nats(law, output) for output in best] for law in laws]  # type: ignore[arg-type]
    return min(
        max(cells[i][j] - cells[1 - i][j], cells[i][1 - j] - cells[i][j])
        for i in (0, 1)
        for j in (0, 1)
    )


theorem = Theorem(
    id="equilibrium-is-separate-from-the-theorem",
    title="An equilibrium may exist without the theorem, and may not",
    statement="If p and D = {saddle} can be represented they are a saddle, in every "
    "parametrisation. With data (1/2, 1/2), two laws {law_a}, {law_b} and two discriminators "
    "{output_a}, {output_b} there is none: from each of the four pairs a player gains {gain}.",
    parts={
        "saddle": half,
        "law_a": law_a,
        "law_b": law_b,
        "output_a": output_a,
        "output_b": output_b,
        "gain": gain,
        "gain_is": ">",
        "at_data": "<",
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[GOODFELLOW_2014.at("Theorem 1"), FARNIA_OZDAGLAR_2020, ARORA_2017],
    claims={"S21": "proof", "L24": "counterexample"},
    uses=[gm.theorem],
    numeric=[
        NumericForm(
            "in every mirrored game of this kind a player gains from each of the four pairs",
            ((0.55, 0.95),),
            _most_gained,
            ">=",
            lambda at: (at - 0.5) ** 2,
            1e-14,
            "differences of four logarithms up to 3, 2e-16 each; the gain is about (2 a - 1)^2, "
            "four times the right side",
        )
    ],
)
