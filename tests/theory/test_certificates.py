"""Tangent and derivative certificates: they prove what is tight, and never what is false."""

import mpmath
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gancheck.theory import (
    ENGINES,
    Derivative,
    Domain,
    Tangent,
    at_least,
    at_most,
    equal,
    greater,
    less,
)
from gancheck.theory.engines import Context

x, p, q, t = sp.symbols("x p q t")
ray, unit = Domain({x: (0, sp.oo)}), Domain({x: (0, 1)})
laws = Domain({p: (0, sp.oo), q: (0, sp.oo)})
middle = (p + q) / 2
gibbs = p * sp.log(p / middle) + q * sp.log(q / middle)
gibbs_tangents = Tangent(((p, middle / p), (q, middle / q)))


def decide(claim, domain, by, probes=()):
    return Context(ENGINES, probes).decide(claim, domain, by).status


def test_gibbs_is_proved_and_strict_only_off_the_diagonal():
    assert decide(at_least(gibbs, 0), laws, gibbs_tangents) == "proved"
    assert decide(greater(gibbs, 0), laws, gibbs_tangents) == "refuted"
    off = Domain(laws.open, nonzero=(p - q,))
    assert decide(greater(gibbs, 0), off, gibbs_tangents) == "proved"


@pytest.mark.parametrize(
    "instances",
    [
        ((-p, middle / p), (q, middle / q)),  # a negative multiplier
        ((p, -middle / p), (q, middle / q)),  # an argument that is not positive
        ((p, middle / p),),  # logarithms are left
        ((p, middle / p), (q, middle / q), (p, p / q)),  # and here too
    ],
)
def test_a_wrong_certificate_proves_nothing(instances):
    assert decide(at_least(gibbs, 0), laws, Tangent(instances)) == "unknown"


def test_a_false_inequality_is_refuted_at_a_probe_only_where_it_fails():
    claim = at_most(sp.log(x), x - sp.Rational(1001, 1000))
    by = Tangent(((1, x),))
    assert decide(claim, ray, by) == "refuted"
    narrow = Domain({x: (2, 3)})
    assert decide(claim, narrow, by) == "unknown"


@settings(max_examples=40, deadline=None)
@given(st.integers(-30, 30), st.integers(1, 20), st.integers(1, 60))
def test_whatever_a_tangent_proves_holds_at_50_digits(shift, slope, at):
    """ln(x) <= x/s + c/10: proved only if true, refuted only if false."""
    s, c = sp.Integer(slope), sp.Rational(shift, 10)
    claim = at_most(sp.log(x), x / s + c)
    status = decide(claim, ray, Tangent(((1, x / s), (1, 1 / s))), ({x: s},))
    with mpmath.workdps(50):
        # The difference x/s + c - ln x is least at x = s.
        least = 1 + mpmath.mpf(shift) / 10 - mpmath.log(slope)
        here = mpmath.mpf(at) / slope + mpmath.mpf(shift) / 10 - mpmath.log(at)
    if status == "proved":
        assert here >= 0
        assert least >= 0
    if status == "refuted":
        assert least < 0


def test_the_derivative_engine_integrates_back_from_where_both_sides_agree():
    phi = (1 + t) * sp.log(1 + t) / 2 + (1 - t) * sp.log(1 - t) / 2
    inside = Domain({t: (0, 1)})
    assert decide(at_least(phi, t**2 / 2), inside, Derivative(t, 0)) == "proved"
    assert decide(at_least(sp.erf(x), 0), ray, Derivative(x, 0, 1)) == "proved"
    assert decide(at_least(x - 1, sp.log(x)), ray, Derivative(x, 1)) == "proved"


@pytest.mark.parametrize(
    ("claim", "domain", "by", "status"),
    [
        (at_least(x - sp.Rational(99, 100), sp.log(x)), ray, Derivative(x, 1), "unknown"),
        (at_least(x - 1, 3 * sp.log(x)), ray, Derivative(x, 1), "refuted"),
        (greater(x - 1, sp.log(x)), ray, Derivative(x, 1), "refuted"),
        (at_least(x**3, 0), Domain({x: (-1, 1)}), Derivative(x, 0), "refuted"),
        (at_least(1 / x**2, 0), Domain({x: (-1, 1)}), Derivative(x, 0), "unknown"),
        (at_least(sp.Abs(x), 0), Domain({x: (-1, 1)}), Derivative(x, 0), "unknown"),
        (at_least(sp.floor(x), 0), ray, Derivative(x, 0, 1), "unknown"),
        (equal(x, x), ray, Derivative(x, 1), "unknown"),
        (at_least(x, 0), ray, Derivative(p, 1), "unknown"),
        (at_least(x, 0), ray, Derivative(x, 0, 3), "unknown"),
        (less(-x, 0), ray, Derivative(x, 0, 1), "proved"),
    ],
)
def test_derivative_verdicts(claim, domain, by, status):
    assert decide(claim, domain, by) == status
