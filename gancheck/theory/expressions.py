"""What does this formula mean? Text to sympy by a parser of its own; nothing of it is ever run.

Grammar: sums, products, quotients, powers (`^` or `**`), the one symbol `d`, numbers (decimals
become exact rationals), `pi`, `e` and the functions of `FUNCTIONS`. Sizes are bounded before
sympy sees them, so that no text can hang the program.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import sympy as sp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["FUNCTIONS", "ExpressionError", "d", "parse", "tidy", "u"]

d: Any = sp.Symbol("d", real=True)
u: Any = sp.Symbol("u", positive=True)

_LONGEST, _DEEPEST, _DIGITS, _EXPONENT = 400, 40, 24, 32
_TOKEN = re.compile(
    r"\s*(?:((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|(\*\*|[-+*/^(),]))"
)
_OUTPUT = re.compile(r"[dcsDC]_?(r|f|x|y|z|g|real|fake|1|2)")


def tidy(expr: Any) -> Any:
    """The same function in a canonical form: one fraction, cancelled and factored.

    Nothing is decided by it: where a form does not cancel, a sign or an identity stays open.

    Example:
        >>> tidy(1 / u - 1 / (1 + u))
        1/(u*(u + 1))
    """
    if expr.has(sp.Piecewise, sp.DiracDelta, sp.Heaviside) or not expr.free_symbols:
        return sp.expand_log(expr) if expr.is_number and expr.has(sp.log) else expr
    expr = expr.replace(sp.log, lambda inside: sp.log(sp.factor(sp.together(inside))))
    expr = sp.powsimp(sp.expand_log(expr))
    roots = [p.exp.q for p in expr.atoms(sp.Pow) if p.base == u and p.exp.is_Rational]
    n = sp.ilcm(1, 1, *roots)
    if n == 1:
        return sp.factor(sp.cancel(sp.together(expr)))
    root: Any = sp.Symbol("v", positive=True)  # u = v^n: then the powers of u cancel too
    plain = sp.cancel(sp.together(sp.powdenest(expr.subs(u, root**n))))
    shorter = min((plain, sp.factor(plain)), key=sp.count_ops)
    return sp.powdenest(shorter.subs(root, u ** sp.Rational(1, n)))


class ExpressionError(ValueError):
    """The text is no expression in d; the message says what and where."""


def _softplus(x: Any) -> Any:
    return sp.log(1 + sp.exp(x))


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "log": sp.log, "ln": sp.log, "exp": sp.exp, "sqrt": sp.sqrt, "abs": sp.Abs, "Abs": sp.Abs,
    "max": sp.Max, "Max": sp.Max, "min": sp.Min, "Min": sp.Min, "sin": sp.sin, "cos": sp.cos,
    "tan": sp.tan, "tanh": sp.tanh, "sigmoid": lambda x: 1 / (1 + sp.exp(-x)),
    "softplus": _softplus, "relu": lambda x: sp.Max(0, x),
}  # fmt: skip
_CONSTANTS = {"pi": sp.pi, "e": sp.E, "E": sp.E}


def parse(text: str, *, what: str = "expression") -> Any:
    """Parse one expression in d.

    Args:
        text: at most 400 characters.
        what: what the expression is called in an error.

    Raises:
        ExpressionError: it does not parse, is too large, or holds another symbol than d.

    Example:
        >>> parse("-0.5*(d - 1)^2")
        -(d - 1)**2/2
    """
    if len(text) > _LONGEST:
        raise ExpressionError(f"{what} has {len(text)} characters, more than {_LONGEST}")
    made = _Parser(text, what).whole()
    if made.has(sp.nan, sp.zoo, sp.oo, -sp.oo, sp.I):
        raise ExpressionError(f"{what} {text!r} is not a finite real expression")
    return made


class _Parser:
    def __init__(self, text: str, what: str) -> None:
        self.text, self.what, self.depth, self.at = text, what, 0, 0
        self.tokens = list[tuple[str, int]]()
        place = 0
        while text[place:].strip():
            found = _TOKEN.match(text, place)
            if found is None:
                place += len(text[place:]) - len(text[place:].lstrip())
                raise self.wrong(f"unexpected {text[place]!r}", place)
            self.tokens.append((found.group().strip(), found.end() - len(found.group().strip())))
            place = found.end()

    def wrong(self, why: str, place: int | None = None) -> ExpressionError:
        if place is None:
            place = self.tokens[self.at][1] if self.at < len(self.tokens) else len(self.text)
        return ExpressionError(f"{self.what} {self.text!r}: {why} at column {place + 1}")

    @property
    def next(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def take(self, token: str) -> None:
        if self.next != token:
            raise self.wrong(f"expected {token!r}, found {self.next or 'the end'!r}")
        self.at += 1

    def whole(self) -> Any:
        made = self.sum()
        if self.next:
            raise self.wrong(f"unexpected {self.next!r}")
        return made

    def sum(self) -> Any:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.wrong(f"nested deeper than {_DEEPEST}")
        made = self.product()
        while self.next in ("+", "-"):
            minus = self.next == "-"
            self.at += 1
            other = self.product()
            made = made - other if minus else made + other
        self.depth -= 1
        return made

    def product(self) -> Any:
        made = self.signed()
        while self.next in ("*", "/"):
            over, place = self.next == "/", self.at
            self.at += 1
            other = self.signed()
            if over and other == 0:
                self.at = place
                raise self.wrong("division by zero")
            made = made / other if over else made * other
        return made

    def signed(self) -> Any:
        minus = False
        while self.next in ("+", "-"):
            minus ^= self.next == "-"
            self.at += 1
        made = self.power()
        return -made if minus else made

    def power(self) -> Any:
        base = self.atom()
        if self.next not in ("**", "^"):
            return base
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.wrong(f"nested deeper than {_DEEPEST}")
        place = self.at
        self.at += 1
        exponent = self.signed()
        self.depth -= 1
        self.at, after = place, self.at
        if not exponent.free_symbols and (not exponent.is_Rational or not self.small(exponent)):
            raise self.wrong(f"an exponent must be rational and at most {_EXPONENT}")
        if exponent.is_Rational and not self.moderate(base, exponent):
            raise self.wrong("the power is too large")
        if base == 0 and exponent.is_negative:
            raise self.wrong("division by zero")
        self.at = after
        return base**exponent

    @staticmethod
    def small(exponent: Any) -> bool:
        return abs(exponent) <= _EXPONENT and exponent.q <= _EXPONENT

    @staticmethod
    def moderate(base: Any, exponent: Any) -> bool:
        if base.is_Rational:
            return max(abs(base.p), base.q).bit_length() * abs(exponent) <= 2000
        inner = [abs(p.exp) for p in base.atoms(sp.Pow) if p.exp.is_Rational]
        return abs(exponent) * max([1, *inner]) <= _EXPONENT

    def atom(self) -> Any:
        token = self.next
        if token == "(":
            self.at += 1
            made = self.sum()
            self.take(")")
            return made
        if token[:1].isdigit() or token[:1] == ".":
            return self.number(token)
        if not token or not (token[0].isalpha() or token[0] == "_"):
            raise self.wrong(f"expected a value, found {token or 'the end'!r}")
        return self.name(token)

    def number(self, token: str) -> Any:
        scale = re.split("[eE]", token)
        if len(token) > _DIGITS or (len(scale) > 1 and abs(int(scale[1])) > _DIGITS):
            raise self.wrong(f"a number has more than {_DIGITS} digits")
        self.at += 1
        return sp.Rational(token)

    def name(self, token: str) -> Any:
        called = self.at + 1 < len(self.tokens) and self.tokens[self.at + 1][0] == "("
        if called and token in FUNCTIONS:
            return self.call(token)
        if called and token in ("E", "mean", "avg", "norm"):
            raise self.wrong(f"{token}(...) mixes samples, so the loss is not separable over them")
        if _OUTPUT.fullmatch(token):
            raise self.wrong(
                f"{token!r} is the output at one particular sample: a relativistic or "
                "feature-matching loss is not separable over samples and has no pointwise optimum"
            )
        if called:
            raise self.wrong(f"unknown function {token!r}")
        if token != "d" and token not in _CONSTANTS:
            raise self.wrong(f"free symbol {token!r}, only d may occur,")
        self.at += 1
        return d if token == "d" else _CONSTANTS[token]

    def call(self, token: str) -> Any:
        place = self.at
        self.at += 2
        arguments = [self.sum()]
        while self.next == ",":
            self.at += 1
            arguments.append(self.sum())
        self.take(")")
        many = token in ("max", "Max", "min", "Min")
        if len(arguments) != 1 and not (many and len(arguments) <= 8):
            self.at = place
            raise self.wrong(f"{token} takes one argument, got {len(arguments)}")
        return FUNCTIONS[token](*arguments)
