"""Signs and identities of rational functions, against sampling and known cases."""

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gancheck.theory import ENGINES, Domain, RationalSign, at_least, at_most, equal, greater, less
from gancheck.theory.engines import Context
from gancheck.theory.engines.rational_sign import NotRational, sign_on

x, y = sp.symbols("x y")
coefficients = st.lists(st.integers(-5, 5), min_size=1, max_size=5)
ends = st.tuples(st.integers(-4, 3), st.integers(1, 5)).map(lambda t: (t[0], t[0] + t[1]))


def decide(claim, domain):
    return Context(ENGINES).decide(claim, domain, RationalSign())


@settings(max_examples=60, deadline=None)
@given(coefficients, ends)
def test_a_polynomial_said_to_have_a_sign_has_it_at_every_sample(cs, interval):
    poly = sum(c * x**k for k, c in enumerate(cs))
    sign = sign_on(sp.sympify(poly), Domain({x: interval}))
    low, high = interval
    samples = [low + sp.Rational(k, 97) * (high - low) for k in range(1, 97)]
    seen = {int(sp.sign(sp.sympify(poly).subs(x, s))) for s in samples}
    assert all(sign.low <= s <= sign.high for s in seen)


@settings(max_examples=60, deadline=None)
@given(coefficients, ends)
def test_one_symbol_is_always_settled(cs, interval):
    """Sturm is complete: a strict sign is claimed exactly when there is no root inside."""
    poly = sp.Poly(sum(c * x**k for k, c in enumerate(cs)) + x**5, x)
    low, high = (sp.Integer(e) for e in interval)
    roots = [r for r in poly.real_roots() if low < r < high]
    assert sign_on(poly.as_expr(), Domain({x: interval})).nonzero == (not roots)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=6, max_size=6))
def test_two_symbols_said_to_have_a_sign_have_it_at_every_sample(cs):
    expr = sp.sympify(sum(c * m for c, m in zip(cs, (1, x, y, x * y, x**2, y**2), strict=True)))
    sign = sign_on(expr, Domain({x: (0, 1), y: (0, sp.oo)}))
    grid = [(sp.Rational(i, 8), sp.Rational(2) ** j) for i in range(1, 8) for j in range(-4, 5)]
    assert all(sign.low <= sp.sign(expr.subs({x: a, y: b})) <= sign.high for a, b in grid)


@pytest.mark.parametrize(
    ("claim", "domain", "status"),
    [
        (equal((x**2 - 1) / (x + 1), x - 1), Domain({x: (0, 1)}), "proved"),
        (equal((x**2 - 1) / (x + 1), x + 1), Domain({x: (0, 1)}), "refuted"),
        (greater((x - 1) ** 2, 0), Domain({x: (0, 2)}), "refuted"),
        (at_least((x - 1) ** 2, 0), Domain({x: (0, 2)}), "proved"),
        (greater((x - 1) ** 2, 0), Domain({x: (0, 2)}, nonzero=(x - 1,)), "proved"),
        (less(x, sp.Rational(999, 1000)), Domain({x: (0, 1)}), "unknown"),
        (at_most(x * (1 - x), sp.Rational(1, 4)), Domain({x: (0, 1)}), "proved"),
        (at_most(x * (1 - x), sp.Rational(249, 1000)), Domain({x: (0, 1)}), "refuted"),
        (greater(1 / x, 0), Domain({x: (-1, 1)}), "refuted"),
        (at_least(x**2 / x, 0), Domain({x: (0, 1)}), "proved"),
        (greater(sp.exp(-x) * (1 + x**2), 0), Domain({x: (-sp.oo, sp.oo)}), "proved"),
        (greater(sp.log(x), 0), Domain({x: (2, 3)}), "unknown"),
        (at_least(x**2 - 2 * x * y + y**2, 0), Domain({x: (0, 1), y: (0, 1)}), "proved"),
        (less(sp.sqrt(2), sp.Rational(3, 2)), Domain(), "proved"),
    ],
)
def test_known_verdicts(claim, domain, status):
    assert decide(claim, domain).status == status


def test_a_probe_refutes_what_the_sample_points_miss():
    claim, domain = less(x, sp.Rational(999, 1000)), Domain({x: (0, 1)})
    probe = {x: sp.Rational(9995, 10000)}
    decision = Context(ENGINES, (probe,)).decide(claim, domain, RationalSign())
    assert decision.status == "refuted"
    assert "9995/10000" in decision.evidence or "1999/2000" in decision.evidence


def test_a_probe_outside_the_domain_refutes_nothing():
    context = Context(ENGINES, ({x: sp.Integer(-5)},))
    assert context.decide(greater(x, 0), Domain({x: (0, 1)}), RationalSign()).status == "proved"


def test_a_symbol_without_an_interval_and_an_irrational_coefficient_are_refused():
    with pytest.raises(NotRational):
        sign_on(x + y, Domain({x: (0, 1)}))
    with pytest.raises(NotRational):
        sign_on(x + sp.pi, Domain({x: (0, 1)}))
