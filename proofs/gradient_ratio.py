"""How much larger is the non-saturating gradient than the saturating one?

Statement
    For one sample with D(G(z)) = d, |grad(-ln d)| / |grad ln(1 - d)| = (1 - d)/d in every smooth
    parametrisation: 1 at d = 1/2, 99 at d = 1/100. With respect to the logit the two derivatives
    are -d (saturating) and -(1 - d) (non-saturating).

Assumptions
    0 < d < 1; one sample; the derivative of d does not vanish.

Source
    Goodfellow et al. (2014), section 3, where the second loss is introduced; the ratio is one
    line of calculus.
"""

import math

import sympy as sp

from gancheck.theory import (
    Domain,
    Hypothesis,
    Mutant,
    NumericForm,
    RationalSign,
    Relation,
    Step,
    Theorem,
    Witness,
    equal,
    less,
)

d, w, chain, s = sp.symbols("d w chain s")
score = sp.Function("d")(s)
saturating = sp.log(1 - d)
non_saturating = -sp.log(d)
ratio = (1 - d) / d
half = sp.Rational(1, 2)

inside = Domain({d: (0, 1)})
chained = Domain({d: (0, 1), chain: (-sp.oo, sp.oo)}, nonzero=(chain,))


def along(loss):
    """The derivative of a loss in any parameter s, with d'(s) = chain."""
    slope = sp.diff(loss.subs(d, score), s)
    return slope.xreplace({sp.Derivative(score, s): chain}).xreplace({score: d})


def in_logit(loss):
    """The derivative of a loss in the logit s, d = 1/(1 + w), w = exp(-s), dw/ds = -w."""
    return -w * sp.diff(loss.subs(d, 1 / (1 + w)), w)


def derive(c):
    """The steps, for any pair of losses and any claimed ratio."""
    at_logit = 1 / (1 + w)
    return [
        Step(
            says="Along any smooth parametrisation the chain factor cancels",
            claim=equal(along(c.non_saturating) / along(c.saturating), c.ratio),
            over=chained,
            by=RationalSign(),
        ),
        Step(
            says="Both losses decrease in d, so the ratio of sizes is the ratio of derivatives",
            claim=less(0, sp.diff(c.saturating, d) * sp.diff(c.non_saturating, d)),
            over=inside,
            by=RationalSign(),
        ),
        Step(
            says="Per logit, the saturating loss has derivative -d",
            claim=equal(in_logit(c.saturating), -at_logit),
            over=Domain({w: (0, sp.oo)}),
            by=RationalSign(),
        ),
        Step(
            says="Per logit, the non-saturating loss has derivative -(1 - d)",
            claim=equal(in_logit(c.non_saturating), at_logit - 1),
            over=Domain({w: (0, sp.oo)}),
            by=RationalSign(),
        ),
        Step(
            says="Both gradients are equal at d = 1/2",
            claim=equal(c.ratio.subs(d, half), 1),
            by=RationalSign(),
        ),
        Step(
            says="At d = 1/100 the ratio is 99",
            claim=equal(c.ratio.subs(d, sp.Rational(1, 100)), 99),
            by=RationalSign(),
        ),
        Step(
            says="Where D recognises fakes (d < 1/2) the non-saturating gradient is the larger",
            claim=Relation(c.ratio, c.below_half, sp.Integer(1)),
            over=Domain({d: (0, half)}),
            by=RationalSign(),
        ),
        Step(
            says="The ratio falls strictly as d rises",
            claim=less(sp.diff(c.ratio, d), 0),
            over=inside,
            by=RationalSign(),
        ),
    ]


first, second = sp.symbols("first second")
batch = (-1 / first + 1 / second) / (-1 / (1 - first) + 1 / (1 - second))

hypotheses = [
    Hypothesis(
        text="0 < d < 1",
        needed_because=Witness(
            point={d: 0},
            words="at d = 0 the inverse ratio is 0: no finite number is the ratio",
            breaks=[
                Step(
                    says="the inverse ratio is positive, so that the ratio is finite",
                    claim=less(0, sp.cancel(1 / ratio)),
                    over=inside,
                    by=RationalSign(),
                )
            ],
        ),
    ),
    Hypothesis(
        text="one sample",
        needed_because=Witness(
            point={first: sp.Rational(1, 4), second: half},
            words="two samples with opposite directions, d = 1/4 and 1/2: the batch ratio is 3, "
            "the ratio at the mean d = 3/8 is 5/3",
            breaks=[
                Step(
                    says="the batch ratio is the ratio at the mean d",
                    claim=equal(batch, ratio.subs(d, (first + second) / 2)),
                    over=Domain({first: (0, 1), second: (0, 1)}, nonzero=(first - second,)),
                    by=RationalSign(),
                )
            ],
        ),
    ),
    Hypothesis(
        text="the derivative of d does not vanish",
        needed_because=Witness(
            point={chain: 0, d: half},
            words="where the derivative of d is 0 both gradients are 0 and have no ratio",
            breaks=[
                Step(
                    says="the saturating gradient is not 0",
                    claim=less(0, along(saturating) ** 2),
                    over=chained,
                    by=RationalSign(),
                )
            ],
        ),
    ),
]

mutants = [
    Mutant(
        says="the ratio is 1/d, 100 at d = 1/100",
        change={"ratio": 1 / d},
        witness={d: sp.Rational(1, 100), chain: 1},
        why="99, not 100",
        kind="near-miss",
    ),
    Mutant(
        says="the ratio is d/(1 - d)",
        change={"ratio": d / (1 - d)},
        witness={d: sp.Rational(1, 4), chain: 1},
        why="which gradient is the larger",
        kind="structural",
    ),
    Mutant(
        says="the ratio is ((1 - d)/d)^2",
        change={"ratio": ratio**2},
        witness={d: sp.Rational(1, 4), chain: 1},
        why="the chain factor enters both gradients once",
        kind="structural",
    ),
    Mutant(
        says="below d = 1/2 the ratio is below 1",
        change={"below_half": "<"},
        witness={d: sp.Rational(1, 4)},
        why="the side on which saturation happens",
        kind="structural",
    ),
    Mutant(
        says="the saturating loss is ln(1 + d)",
        change={"saturating": sp.log(1 + d)},
        witness={d: sp.Rational(1, 4), chain: 1, w: 3},
        why="the sign inside the saturating loss",
        kind="structural",
    ),
]


def _quotient(logit: float) -> float:
    """Ratio of central differences of the two losses in the logit, as training code has them."""
    step = 1e-4
    d_ns = _softplus(-(logit + step)) - _softplus(-(logit - step))
    d_sat = -_softplus(logit + step) + _softplus(logit - step)
    return d_ns / d_sat * math.exp(logit)  # (1 - d)/d = exp(-logit)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


theorem = Theorem(
    id="gradient-ratio",
    title="Non-saturating over saturating gradient is (1 - d)/d",
    statement="Per sample, |grad(-ln d)| / |grad ln(1 - d)| = (1 - d)/d in every smooth "
    "parametrisation: 1 at d = 1/2 and 99 at d = 1/100.",
    statement_latex=r"\frac{\lVert\nabla(-\ln d)\rVert}{\lVert\nabla\ln(1-d)\rVert} = "
    r"\frac{1-d}{d}",
    parts={
        "saturating": saturating,
        "non_saturating": non_saturating,
        "ratio": ratio,
        "below_half": ">",
    },
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    source="Goodfellow et al. (2014), Generative adversarial nets, section 3 (the two losses)",
    claims=["S23", "S24", "S26", "S27", "S28", "S29"],
    caveat="The saturating gradient is proportional to d per logit, not per probability, where it "
    "is -1/(1 - d). The ratio of two batch gradients is not the mean of this ratio.",
    numeric=[
        NumericForm(
            says="central differences of the two losses in the logit give (1 - d)/d",
            over="logit",
            left=_quotient,
            right=lambda logit: 1.0,  # noqa: ARG005
            relation="==",
            tolerance=lambda logit: 1e-8 + 1e-11 * math.exp(abs(logit)),
            reason="truncation (1e-4)^2/6 of each difference, and rounding 2e-16 over differences "
            "of size 2e-4 * min(d, 1 - d)",
        ),
    ],
)
