"""Has a generator a density whose latents are fewer than its outputs?

Statement
    If m < n and G: R^m -> R^n is locally Lipschitz, then G(R^m) is a null set of R^n, so the law of
    G(z) has no density. The image need not be a manifold.

Assumptions
    m < n; G is locally Lipschitz.

Source
    Arjovsky and Bottou (2017), for generators; the covering argument is classical.

In words: cut a cube of R^m into K^m cells. A Lipschitz G carries each into a box of side c/K, where c
does not depend on K. The boxes have total volume K^m (c/K)^n = c^m (c/K)^(n - m), as small as one
likes. Countably many cubes cover R^m, so the image is null, and a density would give it mass 0, not 1.
"""

import math

import sympy as sp

from gancheck.theory import (
    Caveat,
    Domain,
    Hypothesis,
    LinearAlgebra,
    Mutant,
    NumericForm,
    Relation,
    Step,
    Theorem,
    Witness,
    equal,
    less,
)
from gancheck.theory.literature import ARJOVSKY_BOTTOU_2017

t, k, c, eps, cells, held = sp.symbols("t k c eps K B")
j = sp.Matrix(3, 2, sp.symbols("j11 j12 j21 j22 j31 j32"))
half, positive, line = sp.Rational(1, 2), (0, sp.oo), (-sp.oo, sp.oo)
side = c / cells
parabola = sp.Matrix([t, t**2])
eight = sp.Matrix([t**2 - 1, t**3 - t])
gram = parabola.diff(t) * parabola.diff(t).T
enough = 2 * held * c / eps  # cells that bring the volume below eps


def volume(extra):
    """What m dimensions hold (B = c^m), times the factor of one further output dimension."""
    return (held * extra).subs(cells, enough)


def derive(claimed):
    """The steps, for any claimed factor, area, determinant and crossing."""
    box = (parabola.subs(t, (k + 1) / cells) - parabola.subs(t, k / cells)).applyfunc(sp.expand)
    area_of_first = k**2 / cells**3  # claimed for k boxes, shown by induction below
    crossing = eight.subs(t, 1) - eight.subs(t, -1)
    small = Domain({held: positive, c: positive, eps: positive})
    return [
        Step(
            "Each latent dimension holds the factor c: K cells, side c/K",
            equal(cells * side, c),
            Domain({cells: positive, c: positive}),
        ),
        Step(
            "One further output dimension brings the volume below any eps, for K = 2 B c/eps",
            less(volume(claimed.extra), eps),
            small,
        ),
        Step(
            "and every other one, at K > c, makes it smaller still",
            less(side.subs(cells, c + k), 1),
            Domain({c: positive, k: positive}),
        ),
        Step(
            "The parabola in K boxes: from k boxes to k + 1 the area grows by that of box k",
            equal(area_of_first.subs(k, k + 1) - area_of_first, box[0] * box[1]),
            Domain({k: positive, cells: positive}),
        ),
        Step(
            "so all K boxes have the area 1/K",
            equal(area_of_first.subs(k, cells), claimed.area),
            Domain({cells: positive}),
        ),
        Step(
            "The Jacobian of the parabola has det J J^T = 0",
            equal(gram.det(), claimed.gram),
            Domain({t: line}),
        ),
        Step(
            "So has every Jacobian of two latents and three outputs",
            equal((j * j.T).det(), 0),
            by=LinearAlgebra(),
        ),
        Step(
            "The curve (t^2 - 1, t^3 - t) meets itself at t = 1 and -1: no manifold",
            Relation(crossing.dot(crossing), claimed.crossing, sp.Integer(0)),
        ),
    ]


def falls(of_boxes, over):
    """The conclusion, for the total volume of the boxes of an example."""
    return [Step("the boxes have a total volume below 1/2", less(of_boxes, half), over)]


hilbert = k**2 * (1 / k) ** 2
hypotheses = [
    Hypothesis(
        "m < n",
        Witness(
            {cells: 10},
            "the identity of [0, 1]: K cells of length 1/K cover the length 1 for every K",
            breaks=falls(cells * (1 / cells), Domain({cells: positive})),
        ),
    ),
    Hypothesis(
        "G is locally Lipschitz",
        Witness(
            {k: 4},
            "the Hilbert curve is continuous and carries k^2 intervals of length 1/k^2 (k = 2, 4, "
            "8, ...) onto the k^2 squares of side 1/k: area 1",
            breaks=falls(hilbert, Domain({k: positive})),
        ),
    ),
]

mutants = [
    Mutant(
        "K boxes of the parabola have the area 999/(1000 K)",
        {"area": sp.Rational(999, 1000) / cells},
        {cells: 10},
        "the sum is exact",
        "near-miss",
    ),
    Mutant(
        "det J J^T is det J^T J",
        {"gram": (parabola.diff(t).T * parabola.diff(t)).det()},
        {t: 1},
        "0, not 5: the volume of the latents' directions is another thing",
    ),
    Mutant(
        "such a curve is injective",
        {"crossing": "!="},
        {},
        "(0, 0) is reached twice: the image need not be a manifold",
    ),
    Mutant(
        "it holds for m = n",
        {"extra": sp.Integer(1)},
        {held: 1, c: 1, eps: half},
        "without a further output dimension nothing shrinks",
    ),
]


def _area_of_boxes(frequency: float) -> float:
    """The boxes of 1000 pieces of (t, sin(frequency t)), 0 <= t <= 1, by ten samples a piece."""
    total = 0.0
    for piece in range(1000):
        heights = [math.sin(frequency * (piece + i / 10) / 1000) for i in range(11)]
        total += (max(heights) - min(heights)) / 1000
    return total


theorem = Theorem(
    id="low-dimensional-generator-has-no-density",
    title="Fewer latents than outputs leave no density",
    statement="If G from R^m to R^n is locally Lipschitz and m < n, G(R^m) is a null set and G(z) "
    "has no density: K^m boxes of side {side} cover the image of a cube, and each output beyond m "
    "multiplies their volume by {extra}. The parabola (t, t^2), 0 < t < 1, lies in K boxes of area "
    "{area} in all.",
    parts={"extra": side, "area": 1 / cells, "gram": sp.Integer(0), "crossing": "=="},
    formulas={"side": side},
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[ARJOVSKY_BOTTOU_2017],
    claims={"S14": "proof"},
    caveats=[
        Caveat(
            "S14",
            "Fewer latents than outputs: the samples lie on a low-dimensional manifold.",
            "For a locally Lipschitz G they lie in a null set, which may cross itself; a manifold "
            "needs an embedding. A merely continuous G can fill a square.",
            Witness(
                {k: 4},
                "the Hilbert curve fills the unit square",
                breaks=falls(hilbert, Domain({k: positive})),
            ),
        )
    ],
    numeric=[
        NumericForm(
            "1000 boxes around (t, sin(L t)) have an area of at most L/1000",
            ((0.1, 20.0),),
            _area_of_boxes,
            "<=",
            lambda frequency: frequency / 1000,
            1e-13,
            "rounding of 1000 differences",
        )
    ],
)
