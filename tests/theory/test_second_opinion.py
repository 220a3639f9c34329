"""z3's opinion: it agrees with what is true, contradicts what is false, and knows its limits."""

import pytest
import sympy as sp

from gancheck.theory import Domain, Step, Tangent, at_least, at_most, equal, less
from gancheck.theory.second_opinion import opinion

pytest.importorskip("z3")
x, y = sp.symbols("x y")
REAL = Domain(open={x: (-sp.oo, sp.oo)})
POSITIVE = Domain(open={x: (0, sp.oo), y: (0, sp.oo)})


@pytest.mark.parametrize(
    ("claim", "over", "wanted"),
    [
        (at_least(x**2, 0), REAL, "agrees"),
        (less(0, x**2), REAL, "contradicts"),
        (at_most(x, 1), Domain(closed={x: (0, 1)}), "agrees"),
        (less(x, 1), Domain(closed={x: (0, 1)}), "contradicts"),
        (equal(x / x**2, 1 / x), REAL, "no answer"),  # a denominator may vanish
        (equal((x + 1) / x, 1 + 1 / x), Domain(open={x: (-1, 1)}, nonzero=(x,)), "agrees"),
        (equal(sp.Max(x, y) + sp.Min(x, y), x + y), POSITIVE, "agrees"),
        (at_least(sp.Abs(x), x), REAL, "agrees"),
        (equal(sp.log(x * y), sp.log(x) + sp.log(y)), POSITIVE, "agrees"),
        (equal(sp.log(x * y), sp.log(x)), POSITIVE, "no answer"),
        (at_most(sp.log(x), x - 1), POSITIVE, "no answer"),
        (at_least(sp.sqrt(x), 0), POSITIVE, "no answer"),
        (equal(sp.ImmutableMatrix([[x]]), sp.ImmutableMatrix([[x + 1]])), REAL, "contradicts"),
    ],
)
def test_an_opinion(claim, over, wanted):
    assert opinion(Step(says="step", claim=claim, over=over)) == wanted


def test_a_tangent_certificate_is_used_only_where_its_instances_hold():
    claim = at_most(sp.log(x) + sp.log(y), x + y - 2)
    good = Step(says="s", claim=claim, over=POSITIVE, by=Tangent([(1, x), (1, y)]))
    assert opinion(good) == "agrees"
    bad = Step(says="s", claim=at_least(sp.log(x), x - 1), over=POSITIVE, by=Tangent([(-1, x)]))
    assert opinion(bad) == "no answer"
