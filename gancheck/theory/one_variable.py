"""What sign has a function of one variable on an open interval, and where does it vanish?

`sign_between` samples first: two samples of opposite sign settle it. One sign everywhere is only
believed when it is shown, factor by factor: a polynomial by its real roots; exponentials, roots
and sines by the substitution that makes them rational; anything else by its derivative: a
monotone or convex function has the sign that its limits at the ends allow. The rest is unknown.
"""

from __future__ import annotations

import functools
from itertools import pairwise
from typing import Any

import sympy as sp
from mpmath import mp

from gancheck.theory.engines.enclosure import certified_sign
from gancheck.theory.expressions import tidy

__all__ = ["end_limit", "number", "samples", "sign_between", "zeros_between"]

_DIGITS = 40
_SAME = sp.Rational(1, 10**25)  # two numbers closer than this, of 40 digits, are taken for equal
_DEPTH = 3
_FRACTIONS = [sp.Rational(*p) for p in ((1, 997), (1, 41), (1, 7), (1, 3), (5, 9), (7, 9), (40, 41), (996, 997))]  # fmt: skip
_RAYS = [sp.Rational(*p) for p in ((1, 997), (1, 19), (1, 3), (8, 9), (13, 7), (7, 1), (23, 1))]


def number(value: Any) -> Any:
    """A real number to 40 digits, or None where it is not real and finite."""
    found = sp.N(value, _DIGITS)
    if not found.is_number or found.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
        return None
    real, imaginary = found.as_real_imag()
    if abs(imaginary) > sp.Float("1e-25") * (1 + abs(real)):
        return None
    return real


def samples(low: Any, high: Any) -> list[Any]:
    """Points of the open interval, near its ends and far out too."""
    if low.is_infinite and high.is_infinite:
        return [*(-r for r in reversed(_RAYS)), *_RAYS]
    if low.is_infinite:
        return [high - r for r in reversed(_RAYS)]
    if high.is_infinite:
        return [low + r for r in _RAYS]
    return [low + (high - low) * f for f in _FRACTIONS]


def sign_between(expr: Any, x: Any, low: Any, high: Any) -> str | None:
    """'+', '-', '0', '>=' or '<=' (zero at single points), 'mixed', or None for unknown.

    Example:
        >>> x = sp.Symbol("x", real=True)
        >>> sign_between(2 * x * sp.log(x) + x - 1, x, sp.Integer(0), sp.Integer(1))
        '-'
    """
    return _sign(expr, x, low, high, _DEPTH)


@functools.lru_cache(maxsize=2048)
def _sign(asked: Any, x: Any, low: Any, high: Any, depth: int) -> str | None:
    expr = tidy(asked.rewrite(sp.exp) if asked.has(sp.tanh, sp.sinh, sp.cosh) else asked)
    if expr == 0:
        return "0"
    seen = set[int]()
    for at in samples(low, high):
        value = number(expr.subs(x, at))
        if value is None:
            return None
        if abs(value) > _SAME:
            seen.add(1 if value > 0 else -1)
    if len(seen) == 2:
        return "mixed"
    one = _by_factors(expr, x, low, high, depth)
    if one is None and isinstance(asked, sp.Add) and depth > 0:
        terms = {_sign(t, x, low, high, depth - 1) for t in asked.args}
        one = terms.pop() if len(terms) == 1 and terms <= {"+", "-"} else None
    sided = {">=": "+", "<=": "-"}.get(one or "", one)
    agrees = one == "mixed" or not seen or ("-" if min(seen) < 0 else "+") == sided
    return one if agrees else None


def _by_factors(expr: Any, x: Any, low: Any, high: Any, depth: int) -> str | None:
    found = [_factor_sign(f, x, low, high, depth) for f in sp.Mul.make_args(expr)]
    strict = [f for f in found if f in ("+", "-")]
    if found.count("mixed") == 1 and len(strict) == len(found) - 1:
        return "mixed"
    if None in found or "mixed" in found:
        return None  # two factors may change sign together
    return functools.reduce(_product, [f for f in found if f is not None])


def _product(one: str, other: str) -> str:
    minus = (one in ("-", "<=")) != (other in ("-", "<="))
    loose = "=" in one or "=" in other
    return ("<=" if minus else ">=") if loose else ("-" if minus else "+")


def _factor_sign(factor: Any, x: Any, low: Any, high: Any, depth: int) -> str | None:
    if not factor.has(x):
        sign = certified_sign(factor)
        return None if sign is None else "+" if sign > 0 else "-"
    base, power = factor.as_base_exp()
    if isinstance(factor, sp.exp) or not base.has(x):
        return "+" if isinstance(factor, sp.exp) or base.is_positive else None
    inner = _atom_sign(base, x, low, high, depth)
    if inner in (None, "+") or not power.is_Integer:
        return inner if inner == "+" else None
    if inner != "-" and power < 0:
        return None
    if power % 2:
        return inner
    return "+" if inner == "-" else ">="


def _atom_sign(base: Any, x: Any, low: Any, high: Any, depth: int) -> str | None:
    """The sign of a sum, a logarithm or the variable itself."""
    if base.is_polynomial(x):
        return _polynomial_sign(sp.Poly(base, x), low, high)
    for change in (_exponential, _radical, _trigonometric):
        made = change(base, x, low, high)
        if made is not None and depth > 0:
            return _sign(*made, depth - 1)
    if depth <= 0:
        return None
    terms = {_sign(t, x, low, high, depth - 1) for t in sp.Add.make_args(sp.expand(base))}
    if len(terms) == 1 and terms <= {"+", "-"} and base.is_Add:
        return terms.pop()
    return _by_derivative(base, x, low, high, depth)


def _polynomial_sign(poly: Any, low: Any, high: Any) -> str | None:
    """Exact where the coefficients and ends are rational; else by 40-digit roots."""
    values = [c for c in poly.all_coeffs() if number(c) is None]
    if values:
        return None
    inside = _real_roots(poly, low, high)
    cuts = [low, *inside, high]
    signs = set[str]()
    for a, b in pairwise(cuts):
        at = samples(a, b)[3]
        signs.add("+" if number(poly.as_expr().subs(poly.gen, at)) > 0 else "-")
    if len(signs) == 2:
        return "mixed"
    only = signs.pop()
    return only if not inside else ">=" if only == "+" else "<="


def _real_roots(poly: Any, low: Any, high: Any) -> list[Any]:
    """Real roots strictly inside, each once, as exact objects where sympy has them."""
    if poly.degree() < 1:
        return []
    if poly.domain.is_QQ or poly.domain.is_ZZ:
        found: list[Any] = list(dict.fromkeys(sp.real_roots(poly)))
    else:
        with mp.workdps(_DIGITS + 20):
            coefficients = [mp.mpf(str(sp.N(c, _DIGITS + 20))) for c in poly.all_coeffs()]
            roots = mp.polyroots(coefficients, maxsteps=200, extraprec=200)
            close = mp.mpf("1e-25")
            kept = [r for r in roots if abs(mp.im(r)) < close * (1 + abs(r))]
            found = [sp.Rational(str(mp.nstr(mp.re(r), _DIGITS))) for r in kept]
    inside = [
        r
        for r in found
        if (low.is_infinite or number(r - low) > _SAME)
        and (high.is_infinite or number(high - r) > _SAME)
    ]
    return sorted(inside, key=number)


def _exponential(base: Any, x: Any, low: Any, high: Any) -> tuple[Any, Any, Any, Any] | None:
    """X = exp(r x), where x occurs in exponentials of rational rates only."""
    powers = [e for e in base.atoms(sp.exp) if e.has(x)]
    rates: list[Any] = [sp.diff(e.exp, x) for e in powers]
    if not rates or not all(r.is_Rational for r in rates):
        return None
    rate = sp.Rational(sp.igcd(0, 0, *(r.p for r in rates)), sp.ilcm(1, 1, *(r.q for r in rates)))
    y: Any = sp.Symbol("X", positive=True)
    swaps = {
        e: sp.exp(e.exp.subs(x, 0)) * y ** (r / rate) for e, r in zip(powers, rates, strict=True)
    }
    made = base.xreplace(swaps)
    if made.has(x):
        return None
    ends = sp.Integer(0) if low.is_infinite else sp.exp(rate * low), sp.exp(rate * high)
    return made, y, *ends


def _radical(base: Any, x: Any, low: Any, high: Any) -> tuple[Any, Any, Any, Any] | None:
    """Y = (a x + b)^(1/n), where roots of one linear, positive term occur only."""
    powers = [p for p in base.atoms(sp.Pow) if p.has(x) and not p.exp.is_Integer]
    bases = {p.base for p in powers}
    if len(bases) != 1 or not all(p.exp.is_Rational for p in powers):
        return None
    line = bases.pop()
    if not line.is_polynomial(x) or sp.degree(line, x) != 1:
        return None
    slope, rest = sp.Poly(line, x).all_coeffs()
    n = sp.ilcm(1, 1, *(p.exp.q for p in powers))
    y: Any = sp.Symbol("Y", positive=True)
    made = base.xreplace({p: y ** (p.exp * n) for p in powers}).subs(x, (y**n - rest) / slope)
    ends: list[Any] = [
        sp.oo if e.is_infinite else sp.powdenest(line.subs(x, e) ** sp.Rational(1, n))
        for e in (low, high)
    ]
    if any(number(e) is None and not e.is_infinite for e in ends):
        return None
    first, last = ends if slope.is_positive else ends[::-1]
    return made, y, first, last


def _trigonometric(base: Any, x: Any, low: Any, high: Any) -> tuple[Any, Any, Any, Any] | None:
    """Put t = tan(r x / 2), within the one period where it is monotone."""
    nodes = base.atoms(sp.sin, sp.cos, sp.tan)
    rates: list[Any] = [sp.diff(n.args[0], x) for n in nodes]
    if not nodes or low.is_infinite or high.is_infinite:
        return None
    if not all(r.is_Rational and r > 0 for r in rates) or any(n.args[0].subs(x, 0) for n in nodes):
        return None
    rate = sp.Rational(sp.igcd(0, 0, *(r.p for r in rates)), sp.ilcm(1, 1, *(r.q for r in rates)))
    if number(rate * high - sp.pi) > 0 or number(rate * low + sp.pi) < 0:
        return None
    y: Any = sp.Symbol("T", real=True)
    angle = sp.Symbol("angle", real=True)
    made = sp.expand_trig(base.subs(x, angle / rate))
    sine, cosine = 2 * y / (1 + y**2), (1 - y**2) / (1 + y**2)
    made = made.subs(
        {sp.tan(angle): sine / cosine, sp.sin(angle): sine, sp.cos(angle): cosine},
        simultaneous=True,
    )
    if made.has(angle):
        return None
    first, last = (
        sp.tan(rate * e / 2) if abs(number(abs(rate * e) - sp.pi)) > _SAME else sp.sign(e) * sp.oo
        for e in (low, high)
    )
    return made, y, first, last


def _by_derivative(base: Any, x: Any, low: Any, high: Any, depth: int) -> str | None:
    """A monotone function is between its limits, a convex one below its chord."""
    ends = [end_limit(base, x, low, "+"), end_limit(base, x, high, "-")]
    if any(e is None for e in ends):
        return None
    first, last = (_above(e) for e in ends)
    if first is None or last is None:
        return None
    slope = _sign(sp.diff(base, x), x, low, high, depth - 1)
    if slope in ("+", ">=", "-", "<="):
        least, most = (first, last) if slope in ("+", ">=") else (last, first)
        return "+" if least >= 0 else "-" if most <= 0 else "mixed"
    bend = _sign(sp.diff(base, x, 2), x, low, high, depth - 1)
    if bend == "+" and first <= 0 and last <= 0:
        return "-"
    return "+" if bend == "-" and first >= 0 and last >= 0 else None


def _above(value: Any) -> int | None:
    if value.is_infinite:
        return 1 if value > 0 else -1
    size = number(value)
    return 0 if abs(size) < _SAME else 1 if size > 0 else -1


def end_limit(expr: Any, x: Any, end: Any, side: str) -> Any:
    """The real or infinite limit at an end of the interval, or None."""
    try:
        found = sp.limit(expr, x, end, side)
    except (NotImplementedError, ValueError, TypeError, RecursionError):
        return None
    if found in (sp.oo, -sp.oo):
        return found
    if found.free_symbols or not isinstance(found, sp.Expr) or number(found) is None:
        return None
    return sp.Integer(0) if abs(number(found)) < _SAME else tidy(found)


def zeros_between(expr: Any, x: Any, low: Any, high: Any) -> list[Any] | None:
    """All zeros inside, in order, or None where they are not known to be all."""
    top = sp.fraction(tidy(expr))[0]
    found = set[Any]()
    for factor in sp.Mul.make_args(top):
        base = factor.as_base_exp()[0]
        if not base.has(x) or sign_between(base, x, low, high) in ("+", "-"):
            continue
        if base.is_polynomial(x):
            found |= set(_real_roots(sp.Poly(base, x), low, high))
            continue
        solved: Any = sp.solveset(base, x, sp.Interval.open(low, high))
        if not isinstance(solved, sp.FiniteSet) and solved is not sp.S.EmptySet:
            return None
        found |= set(solved)
    places = [z for z in found if number(z) is not None]
    return sorted(places, key=number) if len(places) == len(found) else None
