"""Two arithmetics that enclose: Arb's balls where python-flint is installed, mpmath's intervals.

Both keep the true value inside what they return. mpmath's interval context has no error function,
so it is summed here from its alternating series with the first omitted term as the remainder.
"""

from __future__ import annotations

import importlib
import importlib.util
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sympy as sp

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

__all__ = ["Undefined", "backend"]


class Undefined(ArithmeticError):
    """The enclosure cannot show that the value exists: a log of a ball that holds 0, a quotient."""


@contextmanager
def backend(arithmetic: str, bits: int) -> Generator[Any]:
    """The chosen arithmetic at `bits` of precision; the library's own precision is put back.

    Raises:
        ValueError: `arithmetic` is not `auto`, `arb` or `mpmath`.
    """
    if arithmetic not in ("auto", "arb", "mpmath"):
        raise ValueError(f"arithmetic must be auto, arb or mpmath, got {arithmetic}")
    if arithmetic == "arb" or (arithmetic == "auto" and importlib.util.find_spec("flint")):
        flint: Any = importlib.import_module("flint")
        before = flint.ctx.prec
        flint.ctx.prec = bits
        try:
            yield _Arb(flint)
        finally:
            flint.ctx.prec = before
    else:
        yield _Mpmath(bits)


class _Arb:
    """Midpoint-radius balls."""

    def __init__(self, flint: Any) -> None:
        self.flint = flint

    def rational(self, p: int, q: int) -> Any:
        return self.flint.arb(self.flint.fmpq(p, q))

    def pi(self) -> Any:
        return self.flint.arb.pi()

    def ends(self, x: Any) -> tuple[Any, Any]:
        if not x.is_finite():
            raise Undefined("the ball is not finite")
        return _binary(x.lower()), _binary(x.upper())

    def divide(self, x: Any, y: Any) -> Any:
        if y.contains(0):
            raise Undefined("the divisor's ball holds 0")
        return x / y

    def log(self, x: Any) -> Any:
        if not x > 0:
            raise Undefined("the argument of a logarithm is not shown to be positive")
        return x.log()

    def sqrt(self, x: Any) -> Any:
        return x.sqrt()

    def exp(self, x: Any) -> Any:
        return x.exp()

    def erf(self, x: Any) -> Any:
        return x.erf()

    def absolute(self, x: Any) -> Any:
        return abs(x)

    def extreme(self, values: Sequence[Any], *, largest: bool) -> Any:
        chosen = values[0]
        for value in values[1:]:
            chosen = chosen.max(value) if largest else chosen.min(value)
        return chosen


def _binary(end: Any) -> Any:
    mantissa, exponent = end.man_exp()
    return sp.Rational(int(mantissa)) * sp.Integer(2) ** int(exponent)


class _Mpmath:
    """Pairs of endpoints with outward rounding."""

    def __init__(self, bits: int) -> None:
        from mpmath.ctx_iv import MPIntervalContext

        self.iv: Any = MPIntervalContext()
        self.iv.prec = bits
        self.bits = bits

    def rational(self, p: int, q: int) -> Any:
        return self.iv.mpf(p) / self.iv.mpf(q)

    def pi(self) -> Any:
        return +self.iv.pi

    def ends(self, x: Any) -> tuple[Any, Any]:
        low, high = x._mpi_
        return _from_mpf(low), _from_mpf(high)

    def divide(self, x: Any, y: Any) -> Any:
        low, high = self.ends(y)
        if low <= 0 <= high:
            raise Undefined("the divisor's interval holds 0")
        return x / y

    def log(self, x: Any) -> Any:
        if self.ends(x)[0] <= 0:
            raise Undefined("the argument of a logarithm is not shown to be positive")
        return self.iv.log(x)

    def sqrt(self, x: Any) -> Any:
        return self.iv.sqrt(x)

    def exp(self, x: Any) -> Any:
        return self.iv.exp(x)

    def erf(self, x: Any) -> Any:
        low, high = (self._erf_point(end) for end in self.ends(x))
        return self._hull(self.ends(low)[0], high)  # erf increases

    def _erf_point(self, end: Any) -> Any:
        x = self._point(end)
        if abs(end) > 20:
            raise Undefined("the error function's series is used for |x| <= 20 only")
        square, power, total, n = x * x, x, x, 0
        factorial = self.iv.mpf(1)
        tiny = sp.Rational(1, 2**self.bits)
        while True:
            n += 1
            power = power * square
            factorial = factorial * n
            term = power / (factorial * (2 * n + 1))
            total = total - term if n % 2 else total + term
            largest = max(abs(e) for e in self.ends(term))
            if largest < tiny and n > end * end:  # from here on terms alternate and shrink
                return (
                    (total + self._hull(-largest, self._point(largest)))
                    * 2
                    / self.iv.sqrt(self.pi())
                )

    def absolute(self, x: Any) -> Any:
        return abs(x)

    def extreme(self, values: Sequence[Any], *, largest: bool) -> Any:
        pick = max if largest else min
        pairs = [self.ends(v) for v in values]
        low, high = pick(p[0] for p in pairs), pick(p[1] for p in pairs)
        return self._hull(low, self._point(high))

    def _point(self, value: Any) -> Any:
        value = sp.Rational(value)
        return self.rational(int(value.p), int(value.q))

    def _hull(self, low: Any, high: Any) -> Any:
        return self.iv.mpf([self._point(low).a, high.b])


def _from_mpf(raw: Any) -> Any:
    sign, mantissa, exponent, bit_count = raw
    if not mantissa and exponent:
        raise Undefined("the interval is not finite")
    del bit_count
    size = sp.Integer(int(mantissa)) * sp.Integer(2) ** int(exponent)
    return -size if sign else size
