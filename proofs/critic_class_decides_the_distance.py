"""Which distance does a critic bounded by k measure, and what does one without a bound?

Statement
    Over critics with |f| <= k the largest E_p f - E_q f is 2k TV(p, q), at f = k sign(p - q) and,
    where p differs from q, only there. Over all critics it is infinite unless p = q.

Assumptions
    Finitely many atoms; |f| <= k; p and q differ (for uniqueness).

Source
    Mueller (1997) for integral metrics and their generating classes; the maximum is a sum of
    maxima, one an atom.
"""

from itertools import product

import sympy as sp

from gancheck.theory import (
    Cases,
    Caveat,
    Domain,
    Hypothesis,
    Mutant,
    NumericForm,
    RationalSign,
    Relation,
    Step,
    Theorem,
    Vertices,
    Witness,
    at_most,
    equal,
    less,
)
from gancheck.theory.literature import MUELLER_1997, SRIPERUMBUDUR_2009

k, gap, w, t, more, level, f = sp.symbols("k gap w t more level f")
half = sp.Rational(1, 2)
by_sign = Cases(gap, (0,), RationalSign())
reals, positive, share = (-sp.oo, sp.oo), (0, sp.oo), sp.Abs(gap) / 2
critics = Domain({k: positive, gap: reals}, {w: (-1, 1)})


def earns(critic):
    """What a critic with the values `critic` and its negative earns on gaps t and -t."""
    return critic * t + (-critic) * (-t)


def derive(c):
    """The steps; gap is p - q at one atom, w the critic's value over k, t the total variation."""
    rising, falling = Domain({k: positive, gap: positive}), Domain({k: positive, gap: (-sp.oo, 0)})
    scale = (level + 1) / gap**2
    return [
        Step(
            "At one atom no critic value in [-k, k] earns more than the share of the claimed value",
            at_most(k * w * gap, c.value.subs(t, share)),
            critics,
            Vertices(w, by_sign, by_sign),
        ),
        Step(
            "The claimed value adds up over atoms, so the bound holds for the sums",
            equal(c.value.subs(t, t + more), c.value + c.value.subs(t, more)),
            Domain({k: positive, t: (0, 1), more: (0, 1)}),
        ),
        Step(
            "Where p > q the critic's value earns that share",
            equal(c.above * gap, c.value.subs(t, gap / 2)),
            rising,
        ),
        Step(
            "Where p < q too",
            equal(c.below * gap, c.value.subs(t, -gap / 2)),
            falling,
        ),
        Step(
            "|p - q|/2 is the positive part of p - q less (p - q)/2, which sums to 0: half the sum "
            "of |p - q| is the largest P(A) - Q(A)",
            equal(share, sp.Max(gap, 0) - gap / 2),
            Domain({gap: reals}),
            by_sign,
        ),
        Step(
            "On two atoms with gaps t and -t the best critic earns the claimed value",
            equal(earns(k), c.value),
            Domain({k: positive, t: (0, 1)}),
        ),
        Step(
            "Any smaller value where p > q earns strictly less: the maximiser is unique there",
            less(k * w * gap, k * gap),
            Domain({k: positive, gap: positive, w: (-1, 1)}),
        ),
        Step(
            "So does any larger one where p < q",
            less(k * w * gap, -k * gap),
            Domain({k: positive, gap: (-sp.oo, 0), w: (-1, 1)}),
        ),
        Step(
            "Without a bound, f = (level + 1)(p - q)/gap^2 with the gap of one atom: that atom "
            "alone earns more than any level, and no atom loses",
            Relation(scale * gap * gap, c.beyond, level),
            Domain({level: positive, gap: reals}, nonzero=(gap,)),
        ),
        Step(
            "If p = q every critic earns 0",
            equal((f * gap).subs(gap, 0), 0),
            Domain({f: reals}),
        ),
    ]


hypotheses = [
    Hypothesis(
        "finitely many atoms",
        convenient="any two laws have densities with respect to their mean, and the steps hold at "
        "each point of those",
    ),
    Hypothesis(
        "|f| <= k",
        Witness(
            {k: 1, f: 20, gap: half},
            "k = 1, but the critic is 20 where p - q = 1/2: it earns 10",
            breaks=[
                Step(
                    "a critic earns at most k(p - q) at an atom with p > q",
                    at_most(f * gap, k * gap),
                    Domain({k: positive, f: reals, gap: positive}),
                )
            ],
        ),
    ),
    Hypothesis(
        "p and q differ (for uniqueness)",
        Witness(
            {k: 1, w: 0, gap: 0},
            "where p = q the critic's value earns nothing, whatever it is",
            breaks=[
                Step(
                    "a smaller value earns strictly less",
                    less(k * w * gap, k * gap),
                    Domain({k: positive, w: (-1, 1), gap: reals}),
                )
            ],
        ),
    ),
]

at_half = {k: 1, gap: half, t: half, w: 1, more: sp.Rational(1, 4), level: 10, f: 1}
symmetric_jsd = ((1 + t) * sp.log(1 + t) + (1 - t) * sp.log(1 - t)) / 2
mutants = [
    Mutant("the value is k TV", {"value": k * t}, at_half, "the factor 2"),
    Mutant(
        "the value is 2.001 k TV",
        {"value": sp.Rational(2001, 1000) * k * t},
        at_half,
        "2, not 2.001",
        "near-miss",
    ),
    Mutant(
        "the value is k times the Jensen-Shannon divergence (of a pair with shares (1 +- t)/2)",
        {"value": k * symmetric_jsd},
        at_half,
        "a bounded critic measures no f-divergence but TV",
    ),
    Mutant(
        "a critic without a bound earns at most 10",
        {"beyond": "<="},
        at_half,
        "the bound on f is what makes the value finite",
    ),
    Mutant(
        "the best critic is k sign(q - p)",
        {"above": -k, "below": k},
        at_half,
        "high on the data",
    ),
]

a, b = sp.symbols("a b")


def jsd(first, second):
    """Jensen-Shannon divergence of (a, 1 - a) and (b, 1 - b)."""
    atoms = (first, second), (1 - first, 1 - second)
    return sum(x * sp.log(2 * x / (x + y)) + y * sp.log(2 * y / (x + y)) for x, y in atoms) / 2


caveats = [
    Caveat(
        "S35",
        "The original GAN objective measures total variation.",
        "Its value is a Jensen-Shannon divergence, which is no function of total variation; the "
        "game whose value is 2k TV is that of a critic with |f| <= k.",
        Witness(
            {a: sp.Rational(4, 5), b: sp.Rational(3, 10)},
            "(4/5, 1/5) and (3/10, 7/10) have TV = 1/2 like (3/4, 1/4) and (1/4, 3/4), but another "
            "Jensen-Shannon divergence",
            breaks=[
                Step(
                    "the divergence is that of the symmetric pair with the same TV",
                    equal(jsd(a, b), symmetric_jsd.subs(t, a - b)),
                    Domain({a: (half, 1), b: (0, half)}),
                )
            ],
            shows=[
                Step("their total variation", equal(sp.Rational(4, 5) - sp.Rational(3, 10), half))
            ],
        ),
    )
]


def _best_of_signs(p, q) -> float:
    """The best critic among all with values +-1, by trying each."""
    signs = product((-1.0, 1.0), repeat=len(p))
    return max(sum(s * (x - y) for s, x, y in zip(f, p, q, strict=True)) for f in signs)


def _twice_largest_event(p, q) -> float:
    events = product((0.0, 1.0), repeat=len(p))
    return 2 * max(sum(s * (x - y) for s, x, y in zip(e, p, q, strict=True)) for e in events)


theorem = Theorem(
    id="critic-class-decides-the-distance",
    title="Critics bounded by k measure 2k TV, critics without a bound nothing finite",
    statement="Over critics with |f| <= k the largest E_p f - E_q f is {value}, t the total "
    "variation of p and q. It is attained at f = {above} where p > q and f = {below} where p < q, "
    "and nowhere else there. Over all critics it is infinite unless p = q.",
    parts={"value": 2 * k * t, "above": k, "below": -k, "beyond": ">"},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[MUELLER_1997, SRIPERUMBUDUR_2009],
    claims={"S35": "counterexample", "S39": "proof", "L6": "proof"},
    caveats=caveats,
    note="That total variation is essentially the only f-divergence that is an integral metric is "
    "not claimed here.",
    numeric=[
        NumericForm(
            "the best of all critics with values +-1 earns twice the largest P(A) - Q(A)",
            "law_pair",
            _best_of_signs,
            "==",
            _twice_largest_event,
            1e-12,
            "the laws sum to 1 up to rounding, and at most six terms are added",
        )
    ],
)
