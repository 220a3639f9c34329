"""What do the discriminator and the generator of a least-squares GAN attain?

Statement
    With codes a (fake), b (real) and c (what the generator wants), (1/2) E_p (D - b)^2 +
    (1/2) E_q (D - a)^2 is least at D* = (b p + a q)/(p + q). If b - c = 1 and b - a = 2, then
    C = (1/2) E_p (D* - c)^2 + (1/2) E_q (D* - c)^2 has 2 C = int (p - q)^2/(p + q). With the codes
    0, 1, 1 the least discriminator loss is (1/2) int p q/(p + q), and the generator's step on
    (1/2) E_q (D* - 1)^2, D* frozen, descends the divergence with f'' = 1/(u (1 + u)^3).

Assumptions
    p and q are laws with densities, D is free at every point, a and b differ.

Source
    Mao et al. (2017).
"""

import sympy as sp

from gancheck.theory import (
    Domain,
    Hypothesis,
    LogRational,
    Mutant,
    NumericForm,
    Step,
    Theorem,
    Witness,
    equal,
    greater,
    less,
)
from gancheck.theory.literature import MAO_2017

p, q, d, u = sp.symbols("p q d u")
a, b, code = sp.symbols("a b c")
half = sp.Rational(1, 2)
positive, real = (0, sp.oo), (-sp.oo, sp.oo)

loss = half * p * (d - b) ** 2 + half * q * (d - a) ** 2
sample_loss = half * (d - code) ** 2
both_terms = (p + q) * sample_loss
optimum = (b * p + a * q) / (p + q)
generator = half + u / (2 * (1 + u)) + u * sp.log(u / (1 + u))
apart_by_two = {a: code - 1, b: code + 1}
zero_one = {a: 0, b: 1, code: 1}

densities = Domain({p: positive, q: positive})
unequal = Domain(densities.open, nonzero=(p - q,))
any_codes = Domain({**densities.open, a: real, b: real})
any_output = Domain({**any_codes.open, d: real})
any_target = Domain({**densities.open, code: real})
ratios = Domain({u: positive})


def derive(c):
    """The steps, for any maximiser, values, and generator of the descended divergence."""
    away = Domain(any_output.open, nonzero=(d - c.optimum,))
    centred = both_terms.subs(d, c.optimum.subs(apart_by_two))
    zero_one_optimum = c.optimum.subs(zero_one)
    frozen = c.sample_loss.subs(zero_one).subs(d, zero_one_optimum)
    return [
        Step(
            "The loss exceeds that at D* by half of (p + q) (d - D*)^2",
            equal(loss - loss.subs(d, c.optimum), half * (p + q) * (d - c.optimum) ** 2),
            any_output,
        ),
        Step(
            "which is positive for every other d: D* is the one minimiser",
            greater(half * (p + q) * (d - c.optimum) ** 2, 0),
            away,
        ),
        Step(
            "D* moves strictly from a towards b as p rises",
            greater((b - a) * sp.diff(c.optimum, p), 0),
            Domain(any_codes.open, nonzero=(b - a,)),
        ),
        Step(
            "With a = c - 1 and b = c + 1, twice the generator's loss is the claimed value",
            equal(2 * centred, c.twice_value),
            any_target,
        ),
        Step("It is positive wherever p and q differ", greater(c.twice_value, 0), unequal),
        Step("and 0 where they agree", equal(c.twice_value.subs(q, p), 0), Domain({p: positive})),
        Step(
            "With the codes 0, 1, 1 the discriminator's least loss is the claimed one",
            equal(loss.subs(zero_one).subs(d, zero_one_optimum), c.least),
            densities,
        ),
        Step(
            "which is (p + q)/8, of integral 1/4, less an eighth of (p - q)^2/(p + q)",
            equal(c.least, (p + q) / 8 - (p - q) ** 2 / (8 * (p + q))),
            densities,
        ),
        Step(
            "With the codes 0, 1, 1 and D* frozen, moving mass of q changes the generator's loss "
            "as it changes the integral of q f(p/q)",
            equal(sp.diff(q * c.generator.subs(u, p / q), q), frozen),
            densities,
            LogRational(),
        ),
        Step("f has the claimed curvature", equal(sp.diff(c.generator, u, 2), c.curvature), ratios),
        Step("so f is strictly convex", greater(c.curvature, 0), ratios),
        Step(
            "The generator's loss falls as D* rises towards 1",
            less(sp.diff(c.sample_loss.subs(zero_one), d), 0),
            Domain({d: (0, 1)}),
        ),
    ]


at_optimum = both_terms.subs(d, optimum)
hypotheses = [
    Hypothesis(
        "a and b differ",
        Witness(
            {a: 0, b: 0, p: 1, q: 1},
            "with a = b = 0 the optimum is 0 whatever p and q",
            breaks=[Step("D* moves with p", greater((b - a) * sp.diff(optimum, p), 0), any_codes)],
        ),
    ),
    Hypothesis(
        "b - c = 1 and b - a = 2 (for the value)",
        Witness(
            {a: -1, b: 1, code: 1, p: 1, q: 1},
            "with the codes -1, 1, 1 the value at q = p is 2, not 0",
            breaks=[
                Step(
                    "2 C = int (p - q)^2/(p + q)",
                    equal(2 * at_optimum, (p - q) ** 2 / (p + q)),
                    Domain({**any_codes.open, code: real}),
                )
            ],
        ),
    ),
    Hypothesis(
        "the generator's value keeps its term under p",
        Witness(
            {p: 3, q: 1, code: 0},
            "at p = 3, q = 1 the term under q alone gives 1/4, both give 1",
            breaks=[
                Step(
                    "the term under q alone has the value (p - q)^2/(p + q)",
                    equal(
                        2 * q * sample_loss.subs(d, optimum).subs(apart_by_two),
                        (p - q) ** 2 / (p + q),
                    ),
                    any_target,
                )
            ],
        ),
    ),
    Hypothesis(
        "p and q have densities",
        convenient="any two laws have densities with respect to their sum, which is all that is "
        "used",
    ),
]

point = {a: 0, b: 1, code: 0, p: 2, q: 1, d: 0, u: 1}
mutants = [
    Mutant(
        "D* = (a p + b q)/(p + q)",
        {"optimum": (a * p + b * q) / (p + q)},
        point,
        "the code b belongs to real samples",
    ),
    Mutant(
        "2 C = int (p - q)^2/(2 q)",
        {"twice_value": (p - q) ** 2 / (2 * q)},
        point,
        "the middle law (p + q)/2 weighs the square, not q",
    ),
    Mutant(
        "with the codes 0, 1, 1 the least loss is int p q/(p + q)",
        {"least": p * q / (p + q)},
        point,
        "the losses carry the factor 1/2",
    ),
    Mutant(
        "f'' = 1/(u (1 + u)^2)",
        {"curvature": 1 / (u * (1 + u) ** 2)},
        point,
        "that is the curvature of KL(p, m)",
    ),
    Mutant(
        "D* = (b p + a q)/(p + 1001/1000 q)",
        {"optimum": (b * p + a * q) / (p + sp.Rational(1001, 1000) * q)},
        point,
        "the weights of the codes sum to 1",
        "near-miss",
    ),
]


def _vertex(first, second, fake, real_code):
    """Where the parabola through three values of the loss is lowest."""
    low, mid, high = (
        0.5 * first * (at - real_code) ** 2 + 0.5 * second * (at - fake) ** 2
        for at in (-1.0, 0.0, 1.0)
    )
    return (low - high) / (2 * (low - 2 * mid + high))


def _by_search(ps, qs):
    """Least discriminator loss with the codes 0, 1 over a fine grid of outputs, per atom."""
    outputs = [k / 400 for k in range(401)]
    return sum(
        min(0.5 * x * (at - 1) ** 2 + 0.5 * y * at**2 for at in outputs)
        for x, y in zip(ps, qs, strict=True)
    )


def _least(ps, qs):
    return sum(0.5 * x * y / (x + y) if x + y else 0.0 for x, y in zip(ps, qs, strict=True))


theorem = Theorem(
    id="least-squares-optimum-and-value",
    title="Optimum and value of the least-squares game",
    statement="The discriminator loss {loss} is least at d = {optimum}. If b - c = 1 and "
    "b - a = 2, twice the generator's value is the integral of {twice_value}. With the codes "
    "0, 1, 1 the least discriminator loss is the integral of {least}, and the generator's step "
    "with D* frozen descends the divergence with f''(u) = {curvature}, u = p/q.",
    parts={
        "optimum": optimum,
        "sample_loss": sample_loss,
        "twice_value": (p - q) ** 2 / (p + q),
        "least": half * p * q / (p + q),
        "generator": generator,
        "curvature": 1 / (u * (1 + u) ** 3),
    },
    formulas={"loss": loss},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[MAO_2017],
    claims={"L4": "proof"},
    note="The value 2 C is what the generator's loss amounts to where D is optimal. It is not what "
    "a step with D* frozen descends: the term under p has no gradient then.",
    numeric=[
        NumericForm(
            "the parabola of the loss is lowest at D*",
            ((0.05, 2.0), (0.05, 2.0), (-1.0, 1.0), (-1.0, 1.0)),
            _vertex,
            "==",
            lambda x, y, fake, real_code: (real_code * x + fake * y) / (x + y),
            1e-12,
            "values below 8 with errors of a few 1e-16 over a curvature of at least 0.1",
        ),
        NumericForm(
            "a search over outputs finds (1/2) int p q/(p + q)",
            "law_pair",
            _by_search,
            "==",
            _least,
            2e-6,
            "the grid misses D* by 1/800: at most 1/2 * 2 * (1/800)^2 in all",
        ),
    ],
)
