"""Which d is best at density ratio u? The maximiser of a u REAL(d) + b FAKE(d) over an interval.

Smooth losses: the stationary equation is solved as a polynomial in d or in exp(d), its roots are
held against the domain at several u. Piecewise-linear losses: the maximum sits at a kink or an end.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import sympy as sp

from gancheck.theory.claims import Domain
from gancheck.theory.engines.rational_sign import NotRational, sign_on
from gancheck.theory.expressions import d, tidy, u

__all__ = ["Best", "Interval", "LossRefused", "best", "narrowed", "sign_of"]

_TRIES = [sp.Rational(*p) for p in ((1, 50), (1, 3), (1, 1), (3, 2), (7, 1), (60, 1))]
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
        """A rational point inside."""
        if self.low.is_infinite:
            return sp.Rational(1, 7) if self.high.is_infinite else sp.floor(self.high) - 1
        if self.high.is_infinite:
            return sp.ceiling(self.low) + 1
        return sp.nsimplify((self.low + self.high) / 2, rational=True)

    def __str__(self) -> str:
        return f"{self.low},{self.high}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The maximiser as a function of u.

    Attributes:
        d_star: expression in u, or None.
        concave: whether it was shown to be the maximum; None where that is open.
        centre: d at u = 1, which a score of 0 stands for.
        jumps: (u, d below it, d above it) of a piecewise-linear loss; else empty.
        integral_metric: the slope vanishes at one u only and the class must be constrained.
        notes: what is open, in words.
    """

    d_star: Any = None
    concave: bool | None = None
    centre: Any = None
    jumps: tuple[tuple[Any, Any, Any], ...] = ()
    integral_metric: bool = False
    notes: list[str] = field(default_factory=list)


def _real_at(expr: Any, x: Any) -> bool:
    value = expr.subs(d, x)
    if value.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
        return False
    number = sp.N(value, 20)
    return bool(number.is_finite) and bool(abs(sp.im(number)) < 1e-15)


def _zeros(expr: Any) -> list[Any]:
    found: Any = sp.solveset(expr, d, sp.S.Reals)
    if found is sp.S.EmptySet:
        return []
    if not isinstance(found, sp.FiniteSet):
        raise LossRefused(f"the zeros of {expr} are not finitely many: give --domain LOW,HIGH")
    numbers: Any = list[Any](found)
    return sorted(numbers, key=float)


def narrowed(terms: list[Any], asked: Interval) -> Interval:
    """The part of the asked interval where every term is real.

    Raises:
        LossRefused: there is none, or more than one.
    """
    risky = set[Any]()
    for term in terms:
        risky |= {log.args[0] for log in term.atoms(sp.log)}
        risky |= {p.base for p in term.atoms(sp.Pow) if not p.exp.is_Integer or p.exp < 0}
    edges = {z for arg in risky if arg.has(d) and not isinstance(arg, sp.exp) for z in _zeros(arg)}
    inside = sorted([z for z in edges if asked.holds(z)], key=float)
    ends = [asked.low, *inside, asked.high]
    pieces = [Interval(a, b) for a, b in pairwise(ends)]
    real = [p for p in pieces if all(_real_at(t, p.inner()) for t in terms)]
    if (
        len(real) > 1
        and len(real) == len(pieces)
        and all(_real_at(t, z) for t in terms for z in inside)
    ):
        return asked
    if len(real) != 1:
        where = " and ".join(map(str, real)) or "nowhere"
        raise LossRefused(f"the terms are real on {where} of {asked}: choose one with --domain")
    return real[0]


def sign_of(expr: Any) -> str | None:
    """Sign of an expression in u on (0, oo): '+', '-', '0', '>=', '<=', 'mixed' or None."""
    powers = [p.exp.q for p in expr.atoms(sp.Pow) if p.base == u and p.exp.is_Rational]
    if powers:
        root = sp.Symbol("v", positive=True)
        expr = sp.powdenest(expr.subs(u, root ** sp.ilcm(1, 1, *powers)))
    expr = tidy(expr)
    if expr == 0:
        return "0"
    symbols = list(expr.free_symbols)
    try:
        sign = sign_on(sp.factor(expr), Domain(dict.fromkeys(symbols, (0, sp.oo))))
    except NotRational:
        return "+" if expr.is_positive else "-" if expr.is_negative else None
    if not sign.defined:
        return None
    known = {(1, 1): "+", (-1, -1): "-", (0, 1): ">=", (-1, 0): "<=", (-1, 1): "mixed"}
    return known.get((sign.low, sign.high))


def best(real: Any, fake: Any, domain: Interval) -> Best:
    """The maximiser of u REAL + FAKE, weights already inside the terms.

    Raises:
        LossRefused: unbounded for every u, or the maximiser leaves the domain.
    """
    edges = [domain.low, *_kinks(real, fake, domain), domain.high]
    pieces = [Interval(a, b) for a, b in pairwise(edges)]
    branches = [(p, _branch(real, p.inner()), _branch(fake, p.inner())) for p in pieces]
    slopes = [tidy(u * sp.diff(r, d) + sp.diff(f, d)) for _, r, f in branches]
    if not any(s.has(d) for s in slopes):
        return _vertices(real, fake, domain, edges, slopes)
    found = list[Any]()
    outside = list[Any]()
    for (piece, _, _), slope in zip(branches, slopes, strict=True):
        if slope == 0:
            continue
        roots = _stationary(slope)
        if roots is None:
            return Best(notes=["d_star: the stationary equation has no closed form here"])
        for root in roots:
            held = [_inside(root, piece, at) for at in _TRIES]
            if all(held):
                found.append((root, slope))
            elif any(held) or len(pieces) == 1:
                outside.append((root, _TRIES[held.index(False)]))
    made = _choose(found, outside, domain, multiple=len(pieces) > 1)
    if len(pieces) > 1 and made.concave and not _bends_down(branches):
        note = "concave: not shown across the kinks, so d_star may not be the greatest"
        return replace(made, concave=None, notes=[*made.notes, note])
    return made


def _bends_down(branches: list[Any]) -> bool:
    """Whether each term is concave on each piece and its slope falls at each kink."""
    for k in (1, 2):
        for branch in branches:
            curve = sp.diff(branch[k], d, 2)
            if not (curve.is_number and curve.is_nonpositive):
                return False
        for one, other in pairwise(branches):
            step = sp.diff(other[k] - one[k], d).subs(d, one[0].high)
            if not step.is_nonpositive:
                return False
    return True


def _choose(found: list[Any], outside: list[Any], domain: Interval, *, multiple: bool) -> Best:
    real_outside = [(r, at) for r, at in outside if abs(sp.im(sp.N(r.subs(u, at)))) < 1e-12]
    if not found and multiple:
        return Best(notes=["d_star: the maximiser changes between pieces of the loss"])
    if not found and real_outside:
        root, at = real_outside[0]
        raise LossRefused(f"the maximiser {root} leaves the domain {domain} at u = {at}")
    if not found:
        raise LossRefused(
            "no maximiser: the slope in d vanishes for no u, so the loss is unbounded"
        )
    curved = [(r, sign_of(sp.diff(s, d).subs(d, r))) for r, s in found]
    tops = [(r, c) for r, c in curved if c == "-"]
    notes = list[str]()
    if len(found) == 1:
        root, sign = curved[0]
        concave = True if sign == "-" else None if sign in (None, "0") else False
        if concave is False:
            notes.append("d_star: the stationary point is no maximum; there is no maximiser")
        elif concave is None:
            notes.append("concave: the sign of the second derivative at d_star is not decided")
    else:
        root, concave = (tops or curved)[0][0], None
        notes.append("concave: several stationary points; the greatest was not determined")
    return Best(d_star=root, concave=concave, centre=tidy(root.subs(u, 1)), notes=notes)


def _inside(root: Any, piece: Interval, at: Any) -> bool:
    value = sp.N(root.subs(u, at), 30)
    if not value.is_finite or value.has(sp.nan) or abs(sp.im(value)) > 1e-20:
        return False
    return piece.holds(sp.re(value))


def _kinks(real: Any, fake: Any, domain: Interval) -> list[Any]:
    places = set[Any]()
    for node in real.atoms(*_KINKS) | fake.atoms(*_KINKS):
        args = node.args if isinstance(node, (sp.Max, sp.Min)) else (node.args[0], sp.Integer(0))
        for i, one in enumerate(args):
            for other in args[:i]:
                gap = one - other
                if not gap.has(*_KINKS) and gap.has(d):
                    places |= set(_zeros(gap))
    return sorted((p for p in places if domain.holds(p)), key=float)


def _branch(expr: Any, at: Any) -> Any:
    def active(node: Any) -> Any:
        if isinstance(node, (sp.Max, sp.Min)):
            pick = max if isinstance(node, sp.Max) else min
            choices: Any = node.args
            return pick(choices, key=lambda a: float(a.subs(d, at)))
        inside: Any = node.args[0]
        up = float(inside.subs(d, at)) > 0
        if isinstance(node, sp.Abs):
            return node.args[0] if up else -node.args[0]
        return sp.Integer(1 if up else -1 if isinstance(node, sp.sign) else 0)

    return expr.replace(lambda e: isinstance(e, _KINKS), active)


def _stationary(slope: Any) -> list[Any] | None:
    """Every root in d, or None where the equation is not polynomial in d or exp(d)."""
    expr: Any = sp.expand(slope.rewrite(sp.exp), power_exp=True)
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
    degree = sp.degree(top, name)
    found: Any = sp.roots(sp.Poly(top, name))
    if sum(found.values()) != degree:
        return None
    kept: Any = [r for r in found if r != 0 or not rates]
    return [tidy(sp.log(r) / rate if rates else sp.sympify(r)) for r in kept]


def _vertices(real: Any, fake: Any, domain: Interval, edges: list[Any], slopes: list[Any]) -> Best:
    places = [e for e in edges if not e.is_infinite and _real_at(real, e) and _real_at(fake, e)]
    outer = [slopes[0]] if domain.low.is_infinite else []
    outer += [-slopes[-1]] if domain.high.is_infinite else []
    # an outer slope is linear in u: its sign tells where the objective stays bounded
    signs = [sign_of(s) for s in outer]
    if any(s == "-" for s in signs) or (not places and all(s == 0 for s in slopes)):
        raise LossRefused("no maximiser: the loss is unbounded (or constant) in d for every u")
    if "mixed" in signs or not places:
        zero = sp.solve(slopes[0], u)
        if not places and not zero:
            raise LossRefused("no maximiser: the slope in d vanishes for no u > 0")
        note = "d_star: unbounded where the slope does not vanish; constrain the class"
        return Best(integral_metric=True, notes=[note], centre=sp.Integer(0))
    values = [(v, u * real.subs(d, v) + fake.subs(d, v)) for v in places]
    crossings = set[Any]()
    for i, (_, one) in enumerate(values):
        for _, other in values[:i]:
            crossings |= {z for z in sp.solve(one - other, u) if z.is_positive}
    switches: Any = list(crossings)
    at = sorted(switches, key=float)
    cuts = [sp.Integer(0), *at, sp.oo]
    tops = [_top(values, a, b) for a, b in pairwise(cuts)]
    jumps = tuple((z, a, b) for z, a, b in zip(at, tops, tops[1:], strict=False) if a != b)
    cases = [(below, u < z) for z, below, _ in jumps]
    star = sp.Piecewise(*cases, (tops[-1], True))
    centre = next(((a + b) / 2 for z, a, b in jumps if z == 1), star.subs(u, 1))
    return Best(d_star=star, concave=True, centre=centre, jumps=jumps)


def _top(values: list[Any], low: Any, high: Any) -> Any:
    at = low + 1 if high.is_infinite else (low + high) / 2
    return max(values, key=lambda pair: sp.N(pair[1].subs(u, at), 30))[0]
