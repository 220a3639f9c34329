"""Which update rules shrink a purely rotating game?

Statement
    For V = c x y and k = h c the squared spectral radii of one step are: simultaneous 1 + k^2,
    extragradient 1 - k^2 + k^4 (below 1 exactly for k < 1), proximal 1/(1 + k^2). Alternating
    steps have determinant 1 and trace 2 - k^2: the roots lie on the unit circle exactly for
    k <= 2, and at k = 2 the root -1 is defective, so that powers grow linearly.

Assumptions
    Bilinear payoff; k > 0; strictly k < 2 for alternating steps to stay bounded.

Source
    Gidel et al. (2019) and Daskalakis et al. (2018) for the updates; the radii are computed here.
"""

import cmath

import sympy as sp

from gancheck.theory import (
    Domain,
    Hypothesis,
    LinearAlgebra,
    Mutant,
    NumericForm,
    Step,
    Theorem,
    Witness,
    equal,
    greater,
    less,
)
from gancheck.theory.literature import DASKALAKIS_2018, GIDEL_2019

from . import game_jacobian_splits  # noqa: TID251  (a neighbour on the shelf)

k, s, t = sp.symbols("k s t")
positive = (0, sp.oo)
steps = Domain({k: positive})
one = sp.eye(2)
field = sp.Matrix([[0, k], [-k, 0]])  # h times the Jacobian of (grad_x V, -grad_y V)
simultaneous = one - field
# The first player moves and the second sees its move: x' = x - k y, y' = y + k x'.
alternating = sp.Matrix([[1, 0], [k, 1]]) * sp.Matrix([[1, -k], [0, 1]])
extragradient = one - field * (one - field)


def derive(c):
    """The steps, for any claimed updates, radii and limit of alternating steps."""
    scaled = [
        ("simultaneous", c.simultaneous, c.r_simultaneous),
        ("extragradient", c.extragradient, c.r_extragradient),
    ]
    discriminant = c.alternating.trace() ** 2 - 4 * c.alternating.det()
    at_two = c.alternating.subs(k, 2)
    return [
        *(
            Step(
                f"The {name} step times its transpose is |l|^2 I: it turns, and scales by |l|",
                equal((step * step.T).applyfunc(sp.expand), sp.expand(radius) * one),
                steps,
                LinearAlgebra(),
            )
            for name, step, radius in scaled
        ),
        Step("Simultaneous steps expand, however small", greater(c.r_simultaneous, 1), steps),
        Step(
            "Extragradient contracts below the limit (k = s limit, 0 < s < 1)",
            less(c.r_extragradient.subs(k, s * c.limit), 1),
            Domain({s: (0, 1)}),
        ),
        Step(
            "and expands beyond it",
            greater(c.r_extragradient.subs(k, t * c.limit), 1),
            Domain({t: (1, sp.oo)}),
        ),
        Step(
            "The proximal step inverts I + h J, which scales by 1 + k^2",
            equal(1 / c.r_proximal, ((one + field) * (one + field).T)[0, 0]),
            steps,
        ),
        Step("so it always contracts", less(c.r_proximal, 1), steps),
        Step("Alternating steps keep areas", equal(c.alternating.det(), 1), steps),
        Step(
            "with complex roots, of modulus sqrt(det) = 1, for k < 2",
            less(discriminant, 0),
            Domain({k: (0, 2)}),
        ),
        Step(
            "and real ones, whose product is 1, beyond: one lies outside",
            greater(discriminant, 0),
            Domain({k: (2, sp.oo)}),
        ),
        Step(
            "At k = 2, -1 is a double root with a nilpotent part: (F + I)^2 = 0",
            equal((at_two + one) ** 2, sp.zeros(2)),
            by=LinearAlgebra(),
        ),
        Step("that is not 0, so F^n grows like n", less(at_two[0, 1], 0)),
    ]


fifty = alternating.subs(k, 2) ** 50
damped = sp.Matrix([[1 - t, -t], [t, 1 - t]])  # V = x y + x^2/2 - y^2/2, step t

hypotheses = [
    Hypothesis(
        "the payoff is bilinear",
        Witness(
            {t: sp.Rational(1, 2)},
            "V = x y + x^2/2 - y^2/2: a simultaneous step of 1/2 has |l|^2 = 1/2",
            shows=[
                Step(
                    "its step is a scaled rotation too",
                    equal((damped * damped.T).applyfunc(sp.expand),
                          sp.expand((1 - t) ** 2 + t**2) * one),
                    Domain({t: positive}),
                    LinearAlgebra(),
                )
            ],
            breaks=[
                Step(
                    "simultaneous steps expand",
                    greater((1 - t) ** 2 + t**2, 1),
                    Domain({t: positive}),
                )
            ],
        ),
    ),
    Hypothesis(
        "k < 2 strictly, for alternating steps to stay bounded",
        Witness(
            {},
            "at k = 2 all roots have modulus 1, yet after 50 steps an entry is -99",
            shows=[Step("the entry is -99", equal(fifty[0, 0], -99))],
            breaks=[
                Step(
                    "the powers stay below 10",
                    less(sum(x**2 for x in fifty), 100),
                )
            ],
        ),
    ),
]  # fmt: skip

mutants = [
    Mutant(
        "extragradient contracts for k < 102/100",
        {"limit": sp.Rational(102, 100)},
        {s: sp.Rational(101, 102)},
        "the limit is 1",
        "near-miss",
    ),
    Mutant(
        "simultaneous steps scale by (1 + k)^2",
        {"r_simultaneous": (1 + k) ** 2},
        {k: 1},
        "4 against 2 at k = 1",
    ),
    Mutant(
        "a small simultaneous step contracts: 1 - k^2",
        {"r_simultaneous": 1 - k**2},
        {k: sp.Rational(1, 100)},
        "there is no small enough step",
    ),
    Mutant(
        "alternating steps do not see each other",
        {"alternating": simultaneous},
        {k: 1},
        "the second player's look is what keeps areas",
    ),
    Mutant(
        "the proximal step scales by 1/(1 + k)^2",
        {"r_proximal": 1 / (1 + k) ** 2},
        {k: 1},
        "a rotation adds in squares",
    ),
]


def _alternating_radius(coupling: float) -> float:
    trace = 2 - coupling**2
    root = cmath.sqrt(trace * trace / 4 - 1)
    return max(abs(trace / 2 + root), abs(trace / 2 - root))


theorem = Theorem(
    id="bilinear-step-radii",
    title="What one step does to a rotating game",
    statement="For V = c x y with k = h c, one step scales distances squared by {r_simultaneous} "
    "(simultaneous), {r_extragradient} (extragradient, below 1 exactly for k < {limit}), "
    "{r_proximal} (proximal). Alternating steps {alternating} have determinant 1 and roots on the "
    "unit circle exactly for k <= 2; at k = 2 powers grow linearly.",
    parts={
        "simultaneous": simultaneous,
        "alternating": alternating,
        "extragradient": extragradient,
        "r_simultaneous": 1 + k**2,
        "r_extragradient": 1 - k**2 + k**4,
        "r_proximal": 1 / (1 + k**2),
        "limit": sp.Integer(1),
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[GIDEL_2019, DASKALAKIS_2018],
    claims={"S22": "proof", "L16": "proof", "L17": "proof"},
    uses=[game_jacobian_splits.theorem],
    numeric=[
        NumericForm(
            "the roots of the alternating step have modulus 1 for k < 2",
            ((0.01, 1.99),),
            _alternating_radius,
            "==",
            lambda _: 1.0,
            1e-13,
            "sqrt of a difference no smaller than 1e-4: rounding 2e-16 times 1e2, with room",
        )
    ],
)
