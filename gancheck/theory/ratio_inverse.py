"""At which d is the density ratio u? The inverse of a monotone ratio r(d), in closed form.

Every candidate, however found, is put back: on the stretch it must be real, inside the piece, and
give u again, at several u to 25 digits. Since r is monotone there is then no other.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import sympy as sp
from mpmath import mp

from gancheck.theory.expressions import d, tidy, u
from gancheck.theory.one_variable import number, samples, sign_between

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gancheck.theory.best_path import Stretch

__all__ = ["halved", "places", "roots_in_d", "sign_in_u", "solved"]

_FAR = sp.Integer(10**6)
_LARGEST = 120  # operations in a closed form that is worth printing


def sign_in_u(expr: Any) -> str | None:
    """The sign of an expression in u on (0, oo)."""
    return sign_between(expr, u, sp.Integer(0), sp.oo)


def solved(stretch: Stretch) -> Any:
    """Write d as a function of u on a stretch, or None."""
    if stretch.star is not None:
        return stretch.star
    one = [sp.Integer(1)] if stretch.low < 1 < stretch.high else []
    tests = one + samples(stretch.low, stretch.high)
    for made in _candidates(stretch.ratio, u):
        # a real root written through I is no use to who evaluates it
        if (
            not made.has(sp.I)
            and sp.count_ops(made) <= _LARGEST
            and all(_fits(stretch, made.subs(u, at), at) for at in tests)
        ):
            return made
    return None


def places(stretch: Stretch, level: Any) -> Any:
    """The number d at which the ratio is `level`, or None."""
    if stretch.star is not None:
        return tidy(stretch.star.subs(u, level))
    for made in [*_guessed(stretch, level), *_direct(stretch.ratio, level)]:
        if not made.has(sp.I) and sp.count_ops(made) <= _LARGEST and _fits(stretch, made, level):
            return made
    return None


def halved(stretch: Stretch, level: Any) -> Any:
    """The same to 40 digits, as a rational: it stands for an end that has no closed form."""
    low, high = stretch.piece.low, stretch.piece.high
    try:
        height = sp.lambdify(d, stretch.ratio, "mpmath")
        with mp.workdps(60):
            a, b = (mp.mpf(str(sp.N(e, 60))) for e in (max(low, -_FAR), min(high, _FAR)))
            for _ in range(170):
                middle = (a + b) / 2
                if (height(middle) < mp.mpf(str(sp.N(level, 60)))) == stretch.rising:
                    a = middle
                else:
                    b = middle
            return None if _FAR - abs(a) < 1 else sp.Rational(mp.nstr(a, 45))
    except (TypeError, ValueError, ZeroDivisionError, NameError):
        return None


def _fits(stretch: Stretch, place: Any, level: Any) -> bool:
    value = number(place)
    if value is None:
        return False
    low, high = stretch.piece.low, stretch.piece.high
    if (low.is_finite and number(place - low) < 0) or (
        high.is_finite and number(high - place) <= 0
    ):
        return False
    back = number(stretch.ratio.subs(d, place))
    return back is not None and bool(abs(back - level) < sp.Float("1e-25") * (1 + level))


def _guessed(stretch: Stretch, level: Any) -> list[Any]:
    """A rational of small denominator, found by halving and held against the level exactly."""
    near = halved(stretch, level)
    if near is None:
        return []
    made = Fraction(int(near.p), int(near.q)).limit_denominator(1000)
    guess = sp.Rational(made.numerator, made.denominator)
    gap = sp.fraction(sp.together(sp.expand_log(stretch.ratio.subs(d, guess) - level)))[0]
    return [guess] if sp.expand(sp.expand_log(gap)) == 0 else []


def _candidates(ratio: Any, level: Any) -> Iterator[Any]:
    yield from _direct(ratio, level)
    if not ratio.is_rational_function(d):
        try:
            found: Any = sp.solve(ratio - level, d)
        except (
            NotImplementedError,
            ValueError,
            TypeError,
            AttributeError,
            RecursionError,
            sp.PolynomialError,
        ):
            return
        yield from [f for f in found if isinstance(f, sp.Expr) and not f.has(d)]


def _direct(ratio: Any, level: Any) -> Iterator[Any]:
    yield from _by_power(ratio, level)
    yield from roots_in_d(ratio - level) or []
    yield from _by_logarithm(ratio, level)
    yield from _by_tangent(ratio, level)


def _by_power(ratio: Any, level: Any) -> Iterator[Any]:
    """Solve r = c M^e with M rational in d; a sign may have been split off a negative base."""
    factors: Any = sp.powdenest(ratio)
    parts: list[Any] = [f.as_base_exp() for f in sp.Mul.make_args(factors) if f.has(d)]
    scale = sp.Abs(sp.Mul(*(f for f in sp.Mul.make_args(ratio) if not f.has(d))))
    if not parts or not all(p.is_Rational for _, p in parts):
        return
    power = sp.Rational(
        sp.igcd(0, 0, *(p.p for _, p in parts)), sp.ilcm(1, 1, *(p.q for _, p in parts))
    )
    if power == 1 or not scale.is_positive:
        return
    inner = sp.Mul(*(b ** (p / power) for b, p in parts))
    if inner.is_rational_function(d):
        target: Any = sp.Symbol("t", positive=True)
        size = (level / scale) ** (1 / power)
        for side in (target, -target):
            for root in roots_in_d(inner - side) or []:
                made = root.subs(target, size)
                yield min((tidy(made), made), key=sp.count_ops)


def _by_logarithm(ratio: Any, level: Any) -> Iterator[Any]:
    """Solve for log(d), where d occurs in it only."""
    y: Any = sp.Symbol("Y", real=True)
    made = ratio.xreplace({sp.log(d): y})
    if not made.has(d) and made.has(y):
        inner = (made - level).xreplace({y: d})
        yield from [sp.exp(r) for r in roots_in_d(inner) or []]


def _by_tangent(ratio: Any, level: Any) -> Iterator[Any]:
    """Solve for tan(d), where d occurs in it only after sine over cosine is written so."""
    if ratio.has(sp.sin, sp.cos, sp.tan):
        y: Any = sp.Symbol("Y", real=True)
        made = sp.trigsimp(ratio).xreplace({sp.tan(d): y})
        if not made.has(d):
            yield from [sp.atan(r) for r in roots_in_d((made - level).xreplace({y: d})) or []]


def roots_in_d(slope: Any) -> list[Any] | None:
    """Every root in d, or None where the equation is not polynomial in d or exp(d)."""
    if slope.has(sp.tanh, sp.sinh, sp.cosh):
        slope = slope.rewrite(sp.exp)
    if slope.has(sp.sin, sp.cos, sp.tan):
        return None
    expr: Any = sp.expand(slope, power_exp=True)
    x: Any = sp.Symbol("X", positive=True)
    rates: list[Any] = [sp.diff(e.exp, d) for e in expr.atoms(sp.exp) if e.has(d)]
    rate = sp.Integer(1)
    if rates:
        if not all(r.is_Rational and r != 0 for r in rates):
            return None
        rate = sp.Rational(
            sp.igcd(0, 0, *(r.p for r in rates)), sp.ilcm(1, 1, *(r.q for r in rates))
        )
        expr = expr.replace(
            lambda e: isinstance(e, sp.exp) and e.has(d),
            lambda e: sp.exp(e.exp.subs(d, 0)) * x ** (sp.diff(e.exp, d) / rate),
        )
        if expr.has(d):
            return None
    name: Any = x if rates else d
    top = sp.fraction(sp.cancel(sp.together(expr)))[0]
    if not top.is_polynomial(name):
        return None
    poly = sp.Poly(top, name)
    if poly.degree() < 1:
        return []
    if poly.degree() == 2:
        a, b, c = poly.all_coeffs()
        return _quadratic(a, b, c, rate if rates else None)
    found: Any = sp.roots(poly, quartics=False)
    if sum(found.values()) != poly.degree():
        return None
    kept: Any = [r for r in found if r != 0 or not rates]
    return [tidy(sp.log(r) / rate if rates else sp.sympify(r)) for r in kept]


def _quadratic(a: Any, b: Any, c: Any, rate: Any) -> list[Any]:
    """Both roots, each in both forms: where one form is 0/0 at some u the other is not."""
    root = sp.sqrt(sp.factor(b**2 - 4 * a * c))
    found = [(-b + root) / (2 * a), (-b - root) / (2 * a)]
    found += [2 * c / (-b - root), 2 * c / (-b + root)]
    made = [tidy(r) for r in found if r != 0 or rate is None]
    return made if rate is None else [tidy(sp.log(r) / rate) for r in made if r != 0]
