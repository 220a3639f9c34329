"""Why may the payoff be written with the law of the fakes, and where does the generator enter?

Statement
    For q the push-forward of the latent law by G, E_z h(G(z)) = E_q h. So the payoff is
    V = E_p ln D + E_q ln(1 - D) <= 0, and G moves its second term only.

Assumptions
    D takes values in [0, 1] (V = -oo is allowed), finitely many latent atoms, separable payoff.

Source
    Goodfellow et al. (2014) define the game; the push-forward is regrouping a sum.
"""

import math

import sympy as sp

from gancheck.theory import (
    Domain,
    Hypothesis,
    LogRational,
    Mutant,
    NumericForm,
    Step,
    Tangent,
    Theorem,
    Witness,
    equal,
    greater,
    less,
)
from gancheck.theory.literature import GOODFELLOW_2014

first, second, third, more, s = sp.symbols("z_1 z_2 z_3 more s")
h_x, h_y, d_x, d_y, p, q, moved, speed = sp.symbols("h_x h_y d_x d_y p q moved speed")
d_of_s = sp.Function("d")(s)
latent = (first, second, third)
reached_by = sp.Matrix([[1, 0, 1], [0, 1, 0]])  # G sends z_1, z_3 to x and z_2 to y
fake_law = first + third, second
positive, unit, real = (0, sp.oo), (0, 1), (-sp.oo, sp.oo)
quarter, half = sp.Rational(1, 4), sp.Rational(1, 2)

weights = dict.fromkeys(latent, unit)
values = Domain({**weights, h_x: real, h_y: real})
outputs = Domain({**weights, d_x: unit, d_y: unit})
place = Domain({p: positive, q: positive, d_x: unit})


def of_fakes(h):
    """E_z h(G(z)), one latent atom after another; h has the values at x and y."""
    return sum(w * sum(reached_by[k, j] * h[k] for k in (0, 1)) for j, w in enumerate(latent))


def derive(c):
    """The steps, for any law of the fakes, any payoff at a place and any bound."""
    x, y = c.at_x, c.at_y
    log_fake = sp.log(1 - d_x), sp.log(1 - d_y)
    slope = sp.diff((sp.log(d_x) * p + sp.log(1 - d_of_s) * q), s)
    slope = slope.xreplace({sp.Derivative(d_of_s, s): speed}).xreplace({d_of_s: d_y})
    law = p * sp.log(d_x) + (x - moved) * sp.log(1 - d_x) + (y + moved) * sp.log(1 - d_y)
    return [
        Step(
            "Regrouping latent atoms by the outcome that G sends them to",
            equal(of_fakes((h_x, h_y)), x * h_x + y * h_y),
            values,
        ),
        Step(
            "One more latent atom sent to x adds the same to both sides, and so for any number",
            equal(
                (x + more) * h_x - x * h_x,
                of_fakes((h_x, h_y)).subs(first, first + more) - of_fakes((h_x, h_y)),
            ),
            Domain({**values.open, more: unit}),
        ),
        Step("The fakes have the mass of the latent law", equal(x + y, sum(latent)), values),
        Step(
            "With h = ln(1 - D)",
            equal(of_fakes(log_fake), x * log_fake[0] + y * log_fake[1]),
            outputs,
            LogRational(),
        ),
        Step(
            "The payoff is negative at every place with p, q > 0, by two tangents of ln",
            less(c.payoff, c.bound),
            place,
            Tangent(((p, d_x), (q, 1 - d_x))),
        ),
        Step(
            "Real samples scored 1 add 0",
            equal(c.payoff.subs(q, 0).subs(d_x, 1), 0),
            Domain({p: positive}),
        ),
        Step(
            "and fakes scored 0 add 0",
            equal(c.payoff.subs(p, 0).subs(d_x, 0), 0),
            Domain({q: positive}),
        ),
        Step(
            "When a fake moves, its score moves the second term only",
            equal(slope, -q * speed / (1 - d_y)),
            Domain({p: positive, q: positive, d_x: unit, d_y: unit, speed: real}),
        ),
        Step(
            "When mass moves from x to y, the payoff changes by the difference of ln(1 - D)",
            equal(sp.diff(law, moved), log_fake[1] - log_fake[0]),
            Domain({**outputs.open, p: positive}),
            LogRational(),
        ),
    ]


payoff = p * sp.log(d_x) + q * sp.log(1 - d_x)
relativistic = sp.log(d_x / (d_x + d_y))
hypotheses = [
    Hypothesis(
        "D takes values in [0, 1]",
        Witness(
            {p: 1, q: 1, d_x: 2},
            "with D = 2 the logarithm of 1 - D does not exist",
            breaks=[Step("1 - D is positive", greater(1 - d_x, 0), place)],
        ),
    ),
    Hypothesis(
        "the payoff is separable",
        Witness(
            {d_x: half, d_y: half},
            "in a relativistic loss the real sample's term ln(D(x)/(D(x) + D(G(z)))) contains the "
            "fake: its derivative there is -1",
            breaks=[
                Step(
                    "the real term does not move with the fake",
                    equal(sp.diff(relativistic, d_y), 0),
                    Domain({d_x: unit, d_y: unit}),
                )
            ],
        ),
    ),
    Hypothesis(
        "finitely many latent atoms",
        convenient="D and G measurable suffice: the change of variables of the Lebesgue integral",
    ),
]

drawn = {first: half, second: quarter, third: quarter, h_x: 1, h_y: 0, more: quarter}
mutants = [
    Mutant(
        "q(x) is the share of preimages",
        {"at_x": sp.Rational(2, 3), "at_y": sp.Rational(1, 3)},
        drawn,
        "3/4, not 2/3: the preimages' weights count, not their number",
    ),
    Mutant(
        "q(x) is the largest weight of a preimage",
        {"at_x": sp.Max(first, third)},
        drawn,
        "3/4, not 1/2: the weights add up",
    ),
    Mutant(
        "q(x) is 1.001 times the weight of z_1 plus that of z_3",
        {"at_x": sp.Rational(1001, 1000) * first + third},
        drawn,
        "every weight counts once",
        "near-miss",
    ),
    Mutant(
        "the payoff is at most -1/100",
        {"bound": -sp.Rational(1, 100)},
        {p: 1, q: sp.Rational(1, 1000), d_x: sp.Rational(999, 1000)},
        "a nearly perfect D brings it as near to 0 as one likes",
        "near-miss",
    ),
    Mutant(
        "the fake term is -ln(1 - D)",
        {"payoff": p * sp.log(d_x) - q * sp.log(1 - d_x)},
        {p: 1, q: 1, d_x: sp.Rational(3, 4)},
        "the payoff of the minimax game is not positive",
    ),
]


def _one_by_one(a, b, d_1, d_2):
    weights_of = (a / 2, a / 2, b, 1 - a / 2 - a / 2 - b)
    scores = (d_1, d_2, d_1, d_2)
    return math.fsum(w * math.log1p(-at) for w, at in zip(weights_of, scores, strict=True))


theorem = Theorem(
    id="payoff-is-a-push-forward",
    title="The payoff sees the generator through its law",
    statement="With q the push-forward of the latent law by G (here {at_x} at x, reached from two "
    "latent atoms), E_z h(G(z)) = E_q h. So the payoff is the sum of {payoff} over places, at most "
    "0, and G moves its second term only.",
    parts={"at_x": fake_law[0], "at_y": fake_law[1], "payoff": payoff, "bound": sp.Integer(0)},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[GOODFELLOW_2014],
    claims={"S1": "proof", "S2": "proof"},
    note="V = -oo is allowed: where p > 0 and D = 0, or q > 0 and D = 1.",
    numeric=[
        NumericForm(
            "the mean over four latent atoms is the mean over two outcomes",
            ((0.0, 0.5), (0.0, 0.5), (0.01, 0.99), (0.01, 0.99)),
            _one_by_one,
            "==",
            lambda a, b, d_1, d_2: (
                (a / 2 + b) * math.log1p(-d_1) + (1 - a / 2 - b) * math.log1p(-d_2)
            ),
            1e-14,
            "six terms below 5 in size, 2e-16 each",
        )
    ],
)
