"""The log-rational normal form: exact in both directions, and unknown where it must be."""

import mpmath
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gancheck.theory import ENGINES, Domain, LogRational, equal, less
from gancheck.theory.engines import Context
from gancheck.theory.engines.log_rational import normal_form

x, y = sp.symbols("x y")
quadrant = Domain({x: (0, sp.oo), y: (0, sp.oo)})
nonzero_ints = st.integers(-4, 4).filter(bool)


def decide(claim, domain=quadrant):
    return Context(ENGINES).decide(claim, domain, LogRational())


@st.composite
def log_sums(draw):
    """A random log-rational expression, positive polynomials inside the logarithms."""
    total = sp.Rational(draw(st.integers(-3, 3)), draw(st.integers(1, 3)))
    for _ in range(draw(st.integers(1, 3))):
        a, b, c = (draw(st.integers(1, 6)) for _ in range(3))
        inside = (a * x + b * y) ** draw(st.integers(1, 2)) / (c * x * y + a)
        total += sp.Rational(draw(nonzero_ints), b) * x ** draw(st.integers(0, 1)) * sp.log(inside)
    return total


def rewritten(expr):
    """The same function, its logarithms split by hand into numerators and denominators."""
    return expr.replace(
        sp.log,
        lambda inside: (
            2 * sp.log(sp.fraction(inside)[0])
            - sp.log(sp.fraction(inside)[0] * sp.fraction(inside)[1])
        ),
    )


def at_50_digits(expr, px, py):
    with mpmath.workdps(50):
        return sp.lambdify((x, y), expr, "mpmath")(mpmath.mpf(px), mpmath.mpf(py))


@settings(max_examples=25, deadline=None)
@given(log_sums())
def test_a_true_identity_is_proved(expr):
    assert decide(equal(expr, rewritten(expr))).status == "proved"


@settings(max_examples=25, deadline=None)
@given(log_sums(), st.integers(1, 9), st.integers(1, 9))
def test_what_the_normal_form_leaves_is_the_function_itself_at_50_digits(expr, px, py):
    form = normal_form(expr, quadrant)
    again = sum(c * (1 if key == 1 else sp.log(sp.Abs(key))) for key, c in form.items())
    seen, expected = at_50_digits(sp.sympify(again), px, py), at_50_digits(expr, px, py)
    assert abs(seen - expected) < mpmath.mpf(10) ** -45 * (1 + abs(expected))


@settings(max_examples=25, deadline=None)
@given(log_sums(), st.sampled_from([sp.Rational(1, 1000), sp.log(2) / 999, x / 77]))
def test_a_false_identity_is_refuted(expr, off):
    assert decide(equal(expr, rewritten(expr) + off)).status == "refuted"


def test_the_refutation_says_what_is_left():
    decision = decide(equal(sp.log(2 * x), sp.log(x)))
    assert decision.status == "refuted"
    assert "log(2)" in decision.evidence


def test_a_near_miss_constant_is_refuted():
    assert decide(equal(sp.log(2), sp.Rational(693147, 10**6)), Domain()).status == "refuted"


def test_the_log_of_a_square_is_not_twice_the_log_on_the_whole_line():
    line = Domain({x: (-sp.oo, sp.oo)}, nonzero=(x,))
    # At x = -1 the right side is 2 pi i, so this is even refuted.
    assert decide(equal(sp.log(x**2), 2 * sp.log(x)), line).status == "refuted"
    assert decide(equal(sp.log(x**2), 2 * sp.log(x)), Domain({x: (0, sp.oo)})).status == "proved"


def test_other_functions_products_of_logs_and_inequalities_are_unknown():
    for claim in (
        equal(sp.sin(x) ** 2 + sp.cos(x) ** 2, 1),
        equal(sp.log(x) * sp.log(y), sp.log(y) * sp.log(x)),
        less(sp.log(x), x),
    ):
        assert decide(claim).status == "unknown"


def test_an_identity_whose_sides_are_not_defined_is_not_proved():
    everywhere = Domain({x: (-1, 1)})
    assert decide(equal(1 / x - 1 / x + x / x, 1), everywhere).status in ("proved", "unknown")
    hidden = sp.Mul(x, sp.Pow(x**2 + x, -1, evaluate=False), evaluate=False)
    assert decide(equal(hidden, 1 / (x + 1)), everywhere).status != "proved"
