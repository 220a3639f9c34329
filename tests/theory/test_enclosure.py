"""Enclosures hold the true value, in both arithmetics, and equality is never proved by one."""

import mpmath
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gancheck.theory import ENGINES, Domain, Enclosure, equal, greater, less
from gancheck.theory.engines import Context
from gancheck.theory.engines.enclosure import certified_sign, enclose
from gancheck.theory.engines.intervals import Undefined

rationals = st.builds(sp.Rational, st.integers(-60, 60), st.integers(1, 17))
positives = st.builds(sp.Rational, st.integers(1, 60), st.integers(1, 17))


@st.composite
def numbers(draw):
    a, b, c = draw(rationals), draw(positives), draw(positives)
    shape = draw(st.integers(0, 6))
    return (
        a + sp.log(b) * c,
        sp.erf(a / 12) * sp.sqrt(b),
        sp.exp(a / 20) - sp.pi / c,
        sp.Abs(a) ** 3 - sp.Min(b, sp.log(c), evaluate=False),
        sp.Max(sp.log(b), sp.exp(-c), evaluate=False) / (b + c),
        b ** sp.Rational(1, 3) - c,
        sp.log(b + c) / sp.sqrt(c) + a,
    )[shape]


@pytest.mark.parametrize("arithmetic", ["arb", "mpmath"])
@settings(max_examples=60, deadline=None)
@given(number=numbers())
def test_the_value_at_50_digits_lies_inside(arithmetic, number):
    if arithmetic == "arb":
        pytest.importorskip("flint")
    (low, high), imaginary = enclose(number, 120, arithmetic=arithmetic)
    with mpmath.workdps(50):
        value = sp.lambdify((), number, "mpmath")()
        slack = mpmath.mpf(10) ** -44 * (1 + abs(value))
        assert mpmath.mpf(low.p) / low.q - slack <= value <= mpmath.mpf(high.p) / high.q + slack
    assert imaginary == (0, 0)
    assert high - low < sp.Rational(1, 10**20)


def test_complex_values_are_enclosed_by_parts():
    real, imaginary = enclose((1 + 2 * sp.I) ** 3 / (3 - sp.I))
    exact = sp.expand_complex((1 + 2 * sp.I) ** 3 / (3 - sp.I))
    assert real[0] <= sp.re(exact) <= real[1]
    assert imaginary[0] <= sp.im(exact) <= imaginary[1]
    assert enclose(sp.sqrt(-2))[1][0] > 1


def test_what_is_not_shown_to_exist_is_undefined():
    for bad in (sp.log(sp.Symbol("x")), sp.gamma(sp.Rational(1, 3))):
        with pytest.raises(Undefined):
            enclose(bad)
    for arithmetic in ("arb", "mpmath"):
        with pytest.raises(Undefined):
            enclose(sp.log(sp.Integer(-1), evaluate=False), arithmetic=arithmetic)


def test_a_sign_that_needs_more_digits_gets_them():
    tiny = sp.exp(sp.Integer(-300)) * sp.Rational(1, 3)
    assert certified_sign(sp.log(2) + tiny - sp.log(2)) == 1
    close = sp.pi - sp.Rational(sp.N(sp.pi, 80))
    assert certified_sign(close) in (1, -1)


def test_an_equality_is_refuted_but_never_proved_by_an_enclosure():
    def status(claim):
        return Context(ENGINES).decide(claim, Domain(), Enclosure()).status

    hidden = sp.log(6) - sp.log(2) - sp.log(3)
    assert status(equal(hidden, 0)) == "unknown"
    assert status(equal(sp.log(2), sp.Rational(693, 1000))) == "refuted"
    assert status(less(sp.log(2), sp.Rational(694, 1000))) == "proved"
    assert status(greater(sp.log(2), sp.Rational(694, 1000))) == "refuted"
    assert status(less(hidden, 0)) == "unknown"
    assert status(equal(sp.Rational(1, 3), sp.Rational(2, 6))) == "proved"
    assert status(less(sp.Symbol("x"), 1)) == "unknown"
    assert status(less(sp.I, 1)) == "unknown"
