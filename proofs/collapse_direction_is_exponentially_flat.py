"""How strongly does the loss push a collapsed generator apart?

Statement
    Two modes at +-1 of variance s^2, k = 2/s^2, w = e^-k; all generated mass sits at +1 and D is
    the exact discriminator of the blurred laws. Splitting the mass to 1 +- delta has the curvature
    -3 k^2 w/(3 + w)^2 for the saturating loss and -2 k^2 w (3 - w^2)/((1 + w)^2 (3 + w)^2) for the
    non-saturating one. So collapse is no minimum, but the way out is exponentially flat.

Assumptions
    D exact and frozen; the two modes are separated.

Source
    Computed here: with D frozen, the delta-curvature of two atoms at c +- delta is h''(c), h the
    loss of a sample.
"""

import math

import sympy as sp

from gancheck.theory import (
    Domain,
    Enclosure,
    Experiment,
    Hypothesis,
    Mutant,
    NumericForm,
    Step,
    Theorem,
    Witness,
    equal,
    greater,
    less,
)
from gancheck.theory.literature import BERARD_2020

from . import gradient_ratio, logit_is_log_density_ratio  # noqa: TID251  (neighbours on the shelf)

k, w, d, e = sp.symbols("k w d e")
positive, half = (0, sp.oo), sp.Rational(1, 2)
modes = Domain({k: positive, w: (0, 1)})

# Blurred data (phi(x-1) + phi(x+1))/2 over blurred fakes phi(x-1): p/q = (1 + v)/2 with
# v = exp(-k x), so v' = -k v and v = w at x = 1.
density_ratio = (1 + w) / 2
exact_d = density_ratio / (1 + density_ratio)
saturating, non_saturating = sp.log(1 - d), -sp.log(d)
curvature_saturating = -3 * k**2 * w / (3 + w) ** 2
curvature_non_saturating = -2 * k**2 * w * (3 - w**2) / ((1 + w) ** 2 * (3 + w) ** 2)


def along_x(expr):
    """d/dx of an expression in v (written w): dv/dx = -k v."""
    return -k * w * sp.diff(expr, w)


def curvature(loss, discriminator):
    """h''(x) for h = loss(D(x)), at x = 1."""
    return along_x(along_x(loss.subs(d, discriminator)))


def derive(c):
    """The steps, for any claimed discriminator and curvatures."""
    return [
        Step(
            "The exact discriminator is the density ratio's posterior",
            equal(c.discriminator, density_ratio / (1 + density_ratio)),
            modes,
        ),
        Step(
            "The saturating curvature at the collapse",
            equal(curvature(saturating, c.discriminator), c.saturating),
            modes,
        ),
        Step(
            "The non-saturating curvature",
            equal(curvature(non_saturating, c.discriminator), c.non_saturating),
            modes,
        ),
        Step("The first is negative: collapse is no minimum", less(c.saturating, 0), modes),
        Step("and so is the second", less(c.non_saturating, 0), modes),
        Step(
            "The first is at most k^2 w/3 in size",
            less(-c.saturating, k**2 * w / 3),
            modes,
        ),
        Step(
            "the second at most 2 k^2 w/3: with w = e^-k both vanish exponentially",
            less(-c.non_saturating, 2 * k**2 * w / 3),
            modes,
        ),
        Step(
            "Their ratio is not the gradients' (1 - d)/d = 2/(1 + w), but smaller",
            greater(2 / (1 + w), c.non_saturating / c.saturating),
            modes,
        ),
    ]


hypotheses = [
    Hypothesis(
        "D is exact",
        Witness(
            {e: 1},
            "logit -e (x - 1)^2/2, a peak at the collapse: the non-saturating curvature is "
            "e/2 > 0, so collapse is a minimum",
            breaks=[
                Step(
                    "the non-saturating curvature is negative",
                    # d = 1/2 and s' = 0, s'' = -e there: h'' = -(1 - d) s''
                    less(-(1 - half) * -e, 0),
                    Domain({e: positive}),
                )
            ],
        ),
    ),
    Hypothesis(
        "the modes are separated",
        Witness(
            {},
            "at k = 1 the saturating curvature is -0.097, at k = 20 below 1e-6: only modes far "
            "apart leave the way out flat",
            shows=[
                Step(
                    "at k = 20 it is tiny",
                    less(
                        -curvature_saturating.subs({k: 20, w: sp.exp(-20)}), sp.Rational(1, 10**6)
                    ),
                    by=Enclosure(),
                )
            ],
            breaks=[
                Step(
                    "at k = 1 it is tiny",
                    less(-curvature_saturating.subs({k: 1, w: sp.exp(-1)}), sp.Rational(1, 10**6)),
                    by=Enclosure(),
                )
            ],
        ),
    ),
]

at_half = {k: 1, w: half}
mutants = [
    Mutant(
        "the saturating curvature is -3.01 k^2 w/(3 + w)^2",
        {"saturating": sp.Rational(301, 300) * curvature_saturating},
        at_half,
        "the curvature exactly",
        "near-miss",
    ),
    Mutant(
        "collapse is a minimum for the non-saturating loss",
        {"non_saturating": -curvature_non_saturating},
        at_half,
        "the sign of the escape direction",
    ),
    Mutant(
        "the curvature in delta is 0", {"saturating": sp.Integer(0)}, at_half, "flat, but not level"
    ),
    Mutant(
        "the curvatures have the gradients' ratio",
        {"non_saturating": 2 / (1 + w) * curvature_saturating},
        at_half,
        "4/3 against 22/27 at w = 1/2: the second derivative of the loss enters",
    ),
    Mutant(
        "D is 1/2 at the collapse",
        {"discriminator": half + 0 * w},
        at_half,
        "the exact D knows that half the data is missing",
    ),
]


def _second_difference(sharpness: float) -> float:
    """Second difference in delta of the non-saturating loss of atoms at 1 +- delta."""
    step = 1e-3

    def loss(x: float) -> float:
        ratio = (1 + math.exp(-sharpness * x)) / 2
        return math.log1p(1 / ratio)

    return (loss(1 + step) - 2 * loss(1) + loss(1 - step)) / step**2


def _closed(sharpness: float) -> float:
    v = math.exp(-sharpness)
    return -2 * sharpness**2 * v * (3 - v * v) / ((1 + v) ** 2 * (3 + v) ** 2)


theorem = Theorem(
    id="collapse-direction-is-exponentially-flat",
    title="The way out of a collapse is exponentially flat",
    statement="Fake mass on one of two modes, D exact, k = 2/s^2 and w = e^-k: splitting the mass "
    "has the curvature {saturating} for the saturating and {non_saturating} for the non-saturating "
    "loss, negative and at most 2 k^2 w/3 in size.",
    parts={
        "discriminator": exact_d,
        "saturating": curvature_saturating,
        "non_saturating": curvature_non_saturating,
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[BERARD_2020],
    claims={
        "S30": Experiment(
            "GC005", "a collapsed generator of two modes is no minimum of either loss"
        ),
        "S32": Experiment(
            "GC001", "in the two-mode game the collapse direction's curvature is derived"
        ),
    },
    uses=[logit_is_log_density_ratio.theorem, gradient_ratio.theorem],
    numeric=[
        NumericForm(
            "the second difference of the non-saturating loss is the closed form",
            ((0.5, 8.0),),
            _second_difference,
            "==",
            _closed,
            2e-4,
            "truncation step^2/12 times a fourth derivative below k^4 w < 5, and rounding "
            "4e-16/step^2; 2e-4 covers both",
        )
    ],
)
