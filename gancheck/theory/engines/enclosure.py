"""Is this relation between numbers true? Decided by exact rationals or a ball that excludes zero.

`enclose` evaluates an expression without free symbols in ball arithmetic (Arb, by python-flint)
or, where that is not installed, in mpmath's interval context. Complex values are pairs of
real enclosures. An enclosure can refute an equality but never prove one.

Source: Johansson, "Arb: efficient arbitrary-precision midpoint-radius interval arithmetic",
IEEE Transactions on Computers (2017).
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import sympy as sp

from gancheck.theory.engines.intervals import Undefined, backend

if TYPE_CHECKING:
    from gancheck.theory.claims import Relation

__all__ = ["certified_sign", "decide_ground", "enclose"]

Pair = tuple[Any, Any]


def enclose(expr: Any, bits: int = 120, *, arithmetic: str = "auto") -> tuple[Any, Any]:
    """Enclose the real and imaginary part of a number.

    Args:
        expr: sympy expression without free symbols: rationals, pi, I, log, exp, erf, square
            roots of positive numbers, powers, Abs, Min, Max.
        bits: working precision.
        arithmetic: `arb`, `mpmath`, or `auto` for the first that is installed.

    Returns:
        ((low, high) of the real part, (low, high) of the imaginary part), rationals.

    Raises:
        Undefined: a logarithm, root or quotient could not be shown to exist.

    Example:
        >>> (low, high), _ = enclose(sp.log(2), 60)
        >>> bool(low < sp.Rational(6931472, 10**7)), bool(high - low < sp.Rational(1, 10**12))
        (True, True)
    """
    with backend(arithmetic, bits) as ball:
        real, imaginary = _evaluate(sp.sympify(expr), ball)
        return ball.ends(real), ball.ends(imaginary)


def certified_sign(expr: Any, bits: int = 120) -> int | None:
    """The sign of a real number, or None where 16-fold precision cannot separate it from zero.

    Example:
        >>> certified_sign(sp.log(2) - sp.Rational(693, 1000))
        1
    """
    if expr.is_Rational:
        return int(sp.sign(expr))
    for factor in (1, 2, 4, 8, 16):
        try:
            (low, high), imaginary = enclose(expr, bits * factor)
        except Undefined:
            continue
        if imaginary[0] > 0 or imaginary[1] < 0:
            return None
        if expr.has(sp.I) and imaginary != (0, 0):
            return None
        if low > 0 or high < 0:
            return 1 if low > 0 else -1
    return None


def _nonzero(expr: Any, bits: int) -> bool:
    for factor in (1, 2, 4, 8, 16):
        try:
            parts = enclose(expr, bits * factor)
        except Undefined:
            continue
        if any(low > 0 or high < 0 for low, high in parts):
            return True
    return False


def decide_ground(relation: Relation, bits: int = 120) -> tuple[bool | None, str, bool]:
    """Decide a relation between numbers.

    Returns:
        (True, False or None for undecided; what was seen; whether an enclosure was needed).

    Example:
        >>> from gancheck.theory.claims import less
        >>> decide_ground(less(sp.Rational(1, 3), sp.Rational(1, 2)))[0]
        True
    """
    difference = relation.difference
    if difference.free_symbols:
        return None, f"no value for {sorted(map(str, difference.free_symbols))}", False
    if difference.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
        return None, "a side is not a finite number there", False
    if difference.is_Rational:
        return _truth(int(sp.sign(difference)), relation.op), f"left - right = {difference}", False
    if relation.op in ("==", "!="):
        if _nonzero(difference, bits):
            return relation.op == "!=", f"left - right = {_shown(difference)}, not 0", True
        return None, "the enclosure of left - right holds 0", True
    sign = certified_sign(difference, bits)
    if sign is None:
        return None, "the enclosure of left - right holds 0", True
    return _truth(sign, relation.op), f"left - right = {_shown(difference)}", True


def _truth(sign: int, op: str) -> bool:
    return {
        "==": sign == 0,
        "!=": sign != 0,
        "<": sign < 0,
        "<=": sign <= 0,
        ">": sign > 0,
        ">=": sign >= 0,
    }[op]


def _shown(expr: Any) -> str:
    (low, high), imaginary = enclose(expr, 480)
    text = f"{float((low + high) / 2):.12g}"
    if imaginary != (0, 0):
        text += f" + {float((imaginary[0] + imaginary[1]) / 2):.12g} i"
    return text


def _evaluate(expr: Any, ball: Any) -> Pair:
    if expr.is_Rational:
        return ball.rational(int(expr.p), int(expr.q)), ball.rational(0, 1)
    if expr is sp.I:
        return ball.rational(0, 1), ball.rational(1, 1)
    if expr.is_Add:
        return reduce(_plus, (_evaluate(a, ball) for a in expr.args))
    if expr.is_Mul:
        return reduce(_times, (_evaluate(a, ball) for a in expr.args))
    if expr.is_Pow:
        return _power(expr, ball)
    return _real_function(expr, ball), ball.rational(0, 1)


def _plus(a: Pair, b: Pair) -> Pair:
    return a[0] + b[0], a[1] + b[1]


def _times(a: Pair, b: Pair) -> Pair:
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def _power(expr: Any, ball: Any) -> Pair:
    base, exponent = expr.args
    if base is sp.E:
        return ball.exp(_real(exponent, ball)), ball.rational(0, 1)
    if exponent.is_Integer:
        value = reduce(_times, [_evaluate(base, ball)] * abs(int(exponent)))
        return value if exponent > 0 else _inverse(value, ball)
    if exponent.is_Rational and abs(exponent.q) == 2:
        return _half_integer_power(base, int(exponent.p), ball)
    log_base = ball.log(_real(base, ball))
    return ball.exp(log_base * _real(exponent, ball)), ball.rational(0, 1)


def _half_integer_power(base: Any, twice: int, ball: Any) -> Pair:
    inside = _real(base, ball)
    zero = ball.rational(0, 1)
    low, high = ball.ends(inside)
    if high < 0:
        root: Pair = (zero, ball.sqrt(-inside))
    elif low >= 0:
        root = (ball.sqrt(inside), zero)
    else:
        raise Undefined(f"the sign under the root of {base} is not known")
    value = reduce(_times, [root] * abs(twice))
    return value if twice > 0 else _inverse(value, ball)


def _inverse(value: Pair, ball: Any) -> Pair:
    size = value[0] * value[0] + value[1] * value[1]
    if ball.ends(value[1]) == (0, 0):
        return ball.divide(ball.rational(1, 1), value[0]), ball.rational(0, 1)
    return ball.divide(value[0], size), ball.divide(-value[1], size)


def _real(expr: Any, ball: Any) -> Any:
    real, imaginary = _evaluate(expr, ball)
    if ball.ends(imaginary) != (0, 0):
        raise Undefined(f"{expr} is not shown to be real")
    return real


def _real_function(expr: Any, ball: Any) -> Any:
    if expr is sp.pi:
        return ball.pi()
    if expr is sp.E:
        return ball.exp(ball.rational(1, 1))
    if isinstance(expr, sp.Abs):
        return ball.absolute(_real(expr.args[0], ball))
    if isinstance(expr, (sp.Min, sp.Max)):
        values = [_real(a, ball) for a in expr.args]
        return ball.extreme(values, largest=isinstance(expr, sp.Max))
    for kind, apply in ((sp.log, ball.log), (sp.exp, ball.exp), (sp.erf, ball.erf)):
        if isinstance(expr, kind):
            return apply(_real(expr.args[0], ball))
    raise Undefined(f"{expr.func} has no enclosure here")
