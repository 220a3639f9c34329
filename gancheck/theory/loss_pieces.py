"""Where is a loss real, and on which pieces of that is it smooth?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import sympy as sp

from gancheck.theory.expressions import d
from gancheck.theory.one_variable import number, samples

__all__ = ["Interval", "LossRefused", "branch", "finite_at", "kinks", "narrowed"]

_KINKS = (sp.Max, sp.Min, sp.Abs, sp.sign, sp.Heaviside)


class LossRefused(ValueError):
    """The loss cannot be analysed at all; the message says what and where."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Where d may lie; an end belongs to it where both terms are finite there."""

    low: Any
    high: Any

    def holds(self, x: Any) -> bool:
        """Whether a real number lies strictly inside."""
        return bool(self.low < x) and bool(x < self.high)

    def inner(self) -> Any:
        """A point inside."""
        if self.low.is_infinite:
            return sp.Rational(1, 7) if self.high.is_infinite else sp.floor(self.high) - 1
        if self.high.is_infinite:
            return sp.ceiling(self.low) + 1
        return (self.low + self.high) / 2

    def __str__(self) -> str:
        return f"{self.low},{self.high}"


def finite_at(expr: Any, x: Any) -> bool:
    """Whether the term is real and finite at a number."""
    value = expr.subs(d, x)
    return not value.has(sp.nan, sp.zoo, sp.oo, -sp.oo) and number(value) is not None


def _zeros(expr: Any, within: Interval) -> list[Any]:
    where = sp.Interval.open(within.low, within.high)
    found: Any = sp.solveset(expr, d, where)
    if found is sp.S.EmptySet:
        return []
    if not isinstance(found, sp.FiniteSet):
        raise LossRefused(
            f"the zeros of {expr} within {within} are not known to be finitely many: "
            "give a narrower --domain LOW,HIGH"
        )
    numbers: Any = list[Any](found)
    return sorted(numbers, key=number)


def narrowed(terms: list[Any], asked: Interval) -> Interval:
    """The part of the asked interval where every term is real.

    Raises:
        LossRefused: there is none, or more than one.
    """
    risky = set[Any]()
    for term in terms:
        risky |= {log.args[0] for log in term.atoms(sp.log)}
        risky |= {p.base for p in term.atoms(sp.Pow) if not p.exp.is_Integer or p.exp < 0}
        risky |= {sp.cos(tan.args[0]) for tan in term.atoms(sp.tan)}
    edges = set[Any]()
    for arg in risky:
        if arg.has(d) and not isinstance(arg, sp.exp):
            edges |= {z for piece in _smooth(arg, asked) for z in piece}
    inside = sorted([z for z in edges if asked.holds(z)], key=number)
    ends = [asked.low, *inside, asked.high]
    pieces = [Interval(a, b) for a, b in pairwise(ends)]
    real = [p for p in pieces if all(finite_at(t, p.inner()) for t in terms)]
    if len(real) == len(pieces) and all(finite_at(t, z) for t in terms for z in inside):
        return asked
    if not real:
        raise LossRefused(f"the two terms are nowhere real together on {asked}")
    if len(real) != 1:
        where = " and ".join(map(str, real))
        raise LossRefused(f"the terms are real on {where} of {asked}: choose one with --domain")
    return real[0]


def _smooth(arg: Any, asked: Interval) -> list[list[Any]]:
    """Zeros of an argument, piece by piece where it has kinks, and the kinks at which it is 0."""
    places = kinks([arg], asked)
    edges = [asked.low, *places, asked.high]
    found = [[k for k in places if arg.subs(d, k) == 0]]
    for a, b in pairwise(edges):
        piece = Interval(a, b)
        found.append(_zeros(branch(arg, piece), piece))
    return found


def kinks(terms: list[Any], domain: Interval) -> list[Any]:
    """Places inside where a Max, Min, Abs or sign may change over, nested ones too."""
    places = list[Any]()
    while True:
        edges = [domain.low, *places, domain.high]
        new = set[Any]()
        for a, b in pairwise(edges):
            piece = Interval(a, b)
            for term in terms:
                new |= {p for p in _innermost(term, piece) if piece.holds(p)}
        if not new:
            return places
        places = sorted({*places, *new}, key=number)


def _innermost(term: Any, piece: Interval) -> set[Any]:
    places = set[Any]()
    for node in term.atoms(*_KINKS):
        args = node.args if isinstance(node, (sp.Max, sp.Min)) else (node.args[0], sp.Integer(0))
        plain: list[Any] = [branch(a, piece) if a.has(*_KINKS) else a for a in args]
        for i, one in enumerate(plain):
            for other in plain[:i]:
                gap = one - other
                if gap.has(d):
                    places |= set(_zeros(gap, piece))
    return places


def branch(expr: Any, piece: Interval) -> Any:
    """The smooth formula that a term follows on a piece without kinks inside."""
    at = samples(piece.low, piece.high)[3]

    def active(node: Any) -> Any:
        if isinstance(node, (sp.Max, sp.Min)):
            pick = max if isinstance(node, sp.Max) else min
            choices: Any = node.args
            return pick(choices, key=lambda a: number(a.subs(d, at)))
        inside: Any = node.args[0]
        value = number(inside.subs(d, at))
        if isinstance(node, sp.Abs):
            return inside if value > 0 else -inside
        return sp.Integer(1 if value > 0 else -1 if isinstance(node, sp.sign) else 0)

    return expr.replace(lambda e: isinstance(e, _KINKS), active)
