"""What exactly is claimed, and where? A relation between expressions, and the domain it holds on.

Symbols are plain sympy symbols: nothing about them is assumed behind the reader's back, so a
relation always travels with its `Domain`. A relation never evaluates itself, as `sympy.Eq` does;
only an engine decides it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any, Literal

import sympy as sp
from sympy.core.function import AppliedUndef

__all__ = [
    "Domain",
    "Op",
    "Point",
    "Relation",
    "at_least",
    "at_most",
    "describe_point",
    "differs",
    "equal",
    "exact",
    "greater",
    "less",
]

Op = Literal["==", "!=", "<", "<=", ">", ">="]
Point = Mapping[Any, Any]
_LATEX_OPS = {"==": "=", "!=": r"\neq", "<": "<", "<=": r"\leq", ">": ">", ">=": r"\geq"}
_SWAPPED: dict[str, Op] = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def exact(value: Any) -> Any:
    """A sympy object from an int, a rational or an expression; a float is refused.

    Raises:
        TypeError: `value` is or holds a float, which would make a verdict inexact.

    Example:
        >>> exact(3)
        3
    """
    made: Any = sp.sympify(value)
    if isinstance(made, sp.MatrixBase):
        made = sp.ImmutableMatrix(made)
    if made.has(sp.Float):
        raise TypeError(f"a claim must be exact: write the float in {value} as a sympy Rational")
    return made


@dataclass(frozen=True, slots=True)
class Relation:
    """`left op right`, of scalars or (only `==`) of matrices, for every point of a domain."""

    left: Any
    op: Op
    right: Any

    @property
    def difference(self) -> Any:
        """Left minus right."""
        return self.left - self.right

    @property
    def is_matrix(self) -> bool:
        """Whether the two sides are matrices."""
        return isinstance(self.left, sp.MatrixBase)

    @property
    def swapped(self) -> Relation:
        """The same fact read from the right."""
        return Relation(self.right, _SWAPPED[self.op], self.left)

    def entries(self) -> tuple[Relation, ...]:
        """Scalar relations, one an entry; a scalar relation is its own only entry."""
        if not self.is_matrix:
            return (self,)
        return tuple(
            Relation(a, self.op, b)
            for a, b in zip(self.left.flat(), self.right.flat(), strict=True)
        )

    def at(self, point: Point) -> Relation:
        """Both sides with the point's values put in; a function's value is an expression."""
        return Relation(_put(self.left, point), self.op, _put(self.right, point))

    @property
    def free_symbols(self) -> frozenset[Any]:
        """Symbols that a point must give a value to."""
        return frozenset(self.left.free_symbols | self.right.free_symbols)

    def __str__(self) -> str:
        return f"{_flat(self.left)} {self.op} {_flat(self.right)}"

    @property
    def latex(self) -> str:
        """The relation as LaTeX."""
        return f"{sp.latex(self.left)} {_LATEX_OPS[self.op]} {sp.latex(self.right)}"


def _flat(side: Any) -> str:
    return str(side.tolist()) if isinstance(side, sp.MatrixBase) else str(side)


def _put(expr: Any, point: Point) -> Any:
    functions = {k: exact(v) for k, v in point.items() if isinstance(k, AppliedUndef)}
    if functions:
        expr = expr.subs(functions).doit()
    return expr.xreplace({k: exact(v) for k, v in point.items() if isinstance(k, sp.Symbol)})


def _relation(left: Any, op: Op, right: Any) -> Relation:
    left, right = exact(left), exact(right)
    if isinstance(left, sp.MatrixBase) != isinstance(right, sp.MatrixBase):
        raise TypeError("a relation joins two scalars or two matrices, got one of each")
    if isinstance(left, sp.MatrixBase) and (op != "==" or left.shape != right.shape):
        raise ValueError(f"matrices of shapes {left.shape}, {right.shape} cannot be joined by {op}")
    return Relation(left, op, right)


def equal(left: Any, right: Any) -> Relation:
    """The two sides are the same everywhere on the domain."""
    return _relation(left, "==", right)


def differs(left: Any, right: Any) -> Relation:
    """The two sides differ everywhere on the domain."""
    return _relation(left, "!=", right)


def less(left: Any, right: Any) -> Relation:
    """Strictly less, everywhere on the domain."""
    return _relation(left, "<", right)


def at_most(left: Any, right: Any) -> Relation:
    """At most, everywhere on the domain."""
    return _relation(left, "<=", right)


def greater(left: Any, right: Any) -> Relation:
    """Strictly greater, everywhere on the domain."""
    return _relation(left, ">", right)


def at_least(left: Any, right: Any) -> Relation:
    """At least, everywhere on the domain."""
    return _relation(left, ">=", right)


@dataclass(frozen=True)
class Domain:
    """A box of intervals, minus the zeros of some expressions.

    Attributes:
        open: symbol -> (low, high), ends excluded, rational or infinite.
        closed: symbol -> (low, high), ends included; only the vertex engine takes these.
        nonzero: expressions that do not vanish on the domain.
    """

    open: Mapping[Any, tuple[Any, Any]] = field(default_factory=dict)
    closed: Mapping[Any, tuple[Any, Any]] = field(default_factory=dict)
    nonzero: Sequence[Any] = ()

    def __post_init__(self) -> None:
        for name, ends in [*self.open.items(), *self.closed.items()]:
            low, high = map(exact, ends)
            if not all(end.is_Rational or end.is_infinite for end in (low, high)) or not low < high:
                raise ValueError(f"the interval of {name} must run from a rational or -oo up to a "
                                 f"larger rational or oo, got ({low}, {high})")  # fmt: skip

    def interval(self, symbol: Any) -> tuple[Any, Any]:
        """The ends of a symbol's interval."""
        low, high = self.open[symbol] if symbol in self.open else self.closed[symbol]
        return exact(low), exact(high)

    @property
    def symbols(self) -> frozenset[Any]:
        """Every symbol with an interval."""
        return frozenset(self.open) | frozenset(self.closed)

    def replaced(self, symbol: Any, interval: tuple[Any, Any] | None) -> Domain:
        """The domain with one symbol's interval changed to an open one, or dropped (None)."""
        opened = {s: i for s, i in self.open.items() if s != symbol}
        closed = {s: i for s, i in self.closed.items() if s != symbol}
        if interval is not None:
            opened[symbol] = interval
        return Domain(opened, closed, self.nonzero)

    def put(self, point: Point) -> Domain:
        """The domain with some symbols fixed: their intervals go, constraints are evaluated."""
        fixed = set(point)
        return Domain(
            {s: i for s, i in self.open.items() if s not in fixed},
            {s: i for s, i in self.closed.items() if s not in fixed},
            tuple(_put(exact(e), point) for e in self.nonzero),
        )

    def contains(self, point: Point) -> bool:
        """Whether the point gives each symbol a rational value inside; exact."""
        for symbol in self.symbols:
            value = exact(point[symbol]) if symbol in point else None
            if value is None or not value.is_Rational or not self._inside(symbol, value):
                return False
        return not any(_put(exact(e), point).is_zero is not False for e in self.nonzero)

    def _inside(self, symbol: Any, value: Any) -> bool:
        low, high = self.interval(symbol)
        if symbol in self.open:
            return bool(low < value) and bool(value < high)
        return bool(low <= value) and bool(value <= high)

    def samples(self, limit: int = 48) -> list[dict[Any, Any]]:
        """A few rational points of the domain, in a fixed order; for refutation, never for proof."""
        names = sorted(self.symbols, key=str)
        axes = [_spread(*self.interval(s)) for s in names]
        points = (dict(zip(names, values, strict=True)) for values in product(*axes))
        return list(islice((p for p in points if self.contains(p)), limit))

    def __str__(self) -> str:
        parts = [f"{low} < {s} < {high}" for s, (low, high) in self.open.items()]
        parts += [f"{low} <= {s} <= {high}" for s, (low, high) in self.closed.items()]
        parts += [f"{e} != 0" for e in self.nonzero]
        return ", ".join(parts)


def _spread(low: Any, high: Any) -> list[Any]:
    if low.is_infinite and high.is_infinite:
        return [sp.Integer(k) for k in (1, -1, 0, 2)]
    if high.is_infinite:
        return [low + k for k in (sp.Integer(1), sp.Rational(1, 3), sp.Integer(4))]
    if low.is_infinite:
        return [high - k for k in (sp.Integer(1), sp.Rational(1, 3), sp.Integer(4))]
    return [
        low + (high - low) * w for w in (sp.Rational(1, 2), sp.Rational(1, 9), sp.Rational(6, 7))
    ]


def describe_point(point: Point) -> str:
    """A point in words, `p = 1, q = 1/4`.

    Example:
        >>> describe_point({sp.Symbol("p"): sp.Rational(1, 4)})
        'p = 1/4'
    """
    return ", ".join(f"{name} = {value}" for name, value in point.items())
