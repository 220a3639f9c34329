"""Which d is best at density ratio u? The maximiser of u REAL(d) + FAKE(d) over an interval.

The slope is REAL'(d) (u - r(d)) with r = -FAKE'/REAL', so the density ratio is always explicit in
d. Where REAL' keeps its sign and r moves the same way, the slope changes sign once, from + to -:
the stationary point is the maximum, whether or not r(d) = u can be solved for d. The domain is cut
where a sign changes; what is best for each u is then a path through the pieces: along a piece
whose r rises, at rest on a kink, and in one leap over a piece on which r is constant.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import sympy as sp

from gancheck.theory.best_path import Best, Stretch, below, joined
from gancheck.theory.expressions import d, tidy, u
from gancheck.theory.global_maximum import compared, refuse_unbounded, vertices
from gancheck.theory.loss_pieces import Interval, LossRefused, branch, finite_at, kinks
from gancheck.theory.one_variable import end_limit, sign_between, zeros_between
from gancheck.theory.ratio_inverse import halved, places, solved

__all__ = ["best", "centred", "closed"]

_DEEPEST = 4
_Shape: TypeAlias = Literal["up", "down", "flat", "top", "dip", "level"]


class _Open(Exception):
    """A sign or a limit that was needed is not decided; the message says which."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece on which the slope has one of five shapes in d, whatever u is.

    `top` rises and then falls once as d grows, where u is in (r at its ends); `dip` the reverse;
    `level` rises or falls throughout, as u is on one side of r or the other. `reached` is whether
    the terms are finite at both ends of a level piece, where it is greatest.
    """

    at: Interval
    shape: _Shape
    ratio: Any = None
    ends: tuple[Any, Any] = (sp.Integer(0), sp.Integer(0))
    real_rises: bool = True
    reached: bool = True


def best(real: Any, fake: Any, domain: Interval) -> Best:
    """The path of the maximiser of u REAL + FAKE, weights already inside the terms.

    Raises:
        LossRefused: unbounded for every u, or the maximiser leaves the domain.
    """
    cuts = kinks([real, fake], domain)
    edges = [domain.low, *cuts, domain.high]
    branches = [(p, branch(real, p), branch(fake, p)) for p in map(Interval, edges, edges[1:])]
    if not any(sp.diff(t, d).has(d) for _, r, f in branches for t in (r, f)):
        return vertices(real, fake, domain, edges, branches)
    try:
        pieces = [p for at, r, f in branches for p in _shapes(r, f, at, 0)]
    except _Open as reason:
        refuse_unbounded(branches, domain)
        found = compared(branches, domain)
        return found or Best(notes=[f"d_star: {reason}"])
    found = _path(pieces, domain) or _dip(pieces)
    if found is None:
        refuse_unbounded(branches, domain)
        found = compared(branches, domain)
    return found or Best(
        notes=["d_star: several stationary points; the greatest was not determined"]
    )


def closed(found: Best) -> Best:
    """The same with d as a function of u, where r(d) = u can be solved on every stretch."""
    path = [s if s.ratio is None else replace(s, star=solved(s)) for s in found.path]
    rests = [s.start if s.ratio is None else s.star for s in path]
    missing = [s for s, star in zip(path, rests, strict=True) if star is None]
    if missing:
        note = f"d_star: {missing[0].ratio} = u has no closed solution in d here"
        return replace(found, path=tuple(path), notes=[*found.notes, note])
    cases = [(star, u < s.high) for s, star in zip(path, rests, strict=True)]
    star: Any = rests[0] if len(cases) == 1 else sp.Piecewise(*cases[:-1], (rests[-1], True))
    return replace(found, path=tuple(path), d_star=star)


def centred(found: Best) -> Best:
    """The same with d at u = 1; half-way where d leaps there."""
    at = sp.Integer(1)
    before = [s for s in found.path if s.low < at <= s.high]
    after = [s for s in found.path if s.low <= at < s.high]
    if not before or not after:
        return found
    one, other = before[0], after[0]
    if one != other:
        return replace(found, centre=tidy((one.stop + other.start) / 2))
    place = one.start if one.ratio is None else places(one, at)
    if place is None:
        note = f"dirac: {one.ratio} = 1 has no closed solution in d here"
        return replace(found, notes=[*found.notes, note])
    return replace(found, centre=place)


def _shapes(real: Any, fake: Any, at: Interval, depth: int) -> list[_Piece]:
    """Cut a smooth piece until each part has one shape."""
    rise, fall = (tidy(sp.diff(t, d)) for t in (real, fake))
    low, high = at.low, at.high

    def cut(expr: Any, what: str) -> list[_Piece]:
        inside = zeros_between(expr, d, low, high)
        if not inside or depth >= _DEEPEST:
            raise _Open(f"the sign of {what}, {expr}, is not decided on {at}")
        parts = [Interval(a, b) for a, b in pairwise([low, *inside, high])]
        return [p for part in parts for p in _shapes(real, fake, part, depth + 1)]

    if rise == 0:
        one = sign_between(fall, d, low, high)
        shapes: dict[str | None, _Shape] = {"+": "up", ">=": "up", "-": "down", "<=": "down"}
        shapes["0"] = "flat"
        return [_Piece(at, shapes[one])] if one in shapes else cut(fall, "FAKE'")
    sign = sign_between(rise, d, low, high)
    if sign not in ("+", "-"):
        return cut(rise, "REAL'")
    made = _one_shape(real, fake, at, tidy(-fall / rise), ups=sign == "+")
    return [made] if isinstance(made, _Piece) else cut(*made)


def _one_shape(
    real: Any, fake: Any, at: Interval, ratio: Any, *, ups: bool
) -> _Piece | tuple[Any, str]:
    """The shape where REAL' keeps its sign, or the expression whose zeros cut the piece."""
    monotone = _Piece(at, "up" if ups else "down")  # where the ratio is nowhere positive
    if not ratio.has(d):
        ends = [e for e in (at.low, at.high) if not e.is_infinite]
        reached = len(ends) == 2 and all(finite_at(t, e) for t in (real, fake) for e in ends)
        level = _Piece(at, "level", ratio, (ratio, ratio), ups, reached)
        return level if ratio.is_positive else monotone
    turn = _turn(ratio, real, fake, at)
    if turn in ("mixed", None):
        around = sign_between(ratio, d, at.low, at.high)
        if around in ("-", "<="):
            return monotone
        if around == "mixed" and zeros_between(ratio, d, at.low, at.high):
            return ratio, "-FAKE'/REAL'"
        return sp.diff(ratio, d), "the slope of -FAKE'/REAL'"
    ends = end_limit(ratio, d, at.low, "+"), end_limit(ratio, d, at.high, "-")
    if ends[0] is None or ends[1] is None:
        raise _Open(f"the limits of {ratio} at the ends of {at} are not known")
    if not any(below(sp.Integer(0), e) for e in ends):
        return monotone
    peak = (turn in ("+", ">=")) == ups
    return _Piece(at, "top" if peak else "dip", ratio, ends, ups)


def _turn(ratio: Any, real: Any, fake: Any, at: Interval) -> str | None:
    """The sign of r' where r > 0: directly, by log r, or since both terms are concave."""
    low, high = at.low, at.high
    slope = sign_between(sp.diff(ratio, d), d, low, high)
    if slope not in (None, "mixed"):
        return slope
    around = sign_between(ratio, d, low, high)
    if slope == "mixed" or around not in ("+", "-"):
        return slope
    bends = {sign_between(sp.diff(t, d, 2), d, low, high) for t in (real, fake)}
    if around == "+" and "-" in bends and bends <= {"-", "<=", "0"}:
        return sign_between(sp.diff(real, d), d, low, high)  # r' REAL' = -(u REAL'' + FAKE'') > 0
    rate = sp.Integer(0)
    product: Any = sp.powdenest(ratio)
    for factor in sp.Mul.make_args(product):
        base, power = factor.as_base_exp()
        rate += sp.diff(power, d) * sp.log(base) + power * sp.diff(base, d) / base
    slope = sign_between(rate, d, low, high)
    turned = {"+": "-", "-": "+", ">=": "<=", "<=": ">="}
    return slope if around == "+" else turned.get(slope or "", slope)


def _path(pieces: list[_Piece], domain: Interval) -> Best | None:
    """Follow one maximum from u = 0 to infinity; None where there may be several."""
    moving = [p for p in pieces if p.shape in ("top", "level", "dip")]
    if any(p.shape == "dip" for p in pieces) or len({p.real_rises for p in moving}) > 1:
        return None
    rising = moving[0].real_rises if moving else True
    climb: _Shape = "up" if rising else "down"
    over: _Shape = "down" if rising else "up"
    order = _without_flat_ends(pieces if rising else pieces[::-1], climb, over)
    if any(p.shape == "flat" for p in order):
        return None
    first = next((i for i, p in enumerate(order) if p.shape != climb), len(order))
    last = next((i for i, p in enumerate(order) if i >= first and p.shape == over), len(order))
    if any(p.shape != over for p in order[last:]):
        return None
    ascent, descent = (domain.low, domain.high) if rising else (domain.high, domain.low)
    if first == len(order) or last == 0:
        end = descent if last else ascent
        raise LossRefused(f"no maximiser: for every u the objective only rises towards d = {end}")
    middle = order[first:last]
    begin = (order[first].at.low, order[first].at.high)[not rising]
    return _walk(middle, begin, (first == 0, last == len(order)), domain, rising=rising)


def _without_flat_ends(order: list[_Piece], climb: _Shape, over: _Shape) -> list[_Piece]:
    """A constant stretch beside a piece where every u has its peak lies below that peak."""
    inner = [i for i, p in enumerate(order) if p.shape != "flat"]
    if not inner:
        return order
    first, last = inner[0], inner[-1]
    peaks = [order[i].shape == "top" for i in (first, last)]
    early = peaks[0] and any(not below(sp.Integer(0), e) for e in order[first].ends)
    late = peaks[1] and sp.oo in order[last].ends
    return [
        replace(p, shape=climb) if early and i < first
        else replace(p, shape=over) if late and i > last
        else p
        for i, p in enumerate(order)
    ]  # fmt: skip


def _walk(
    middle: list[_Piece], begin: Any, at_ends: tuple[bool, bool], domain: Interval, *, rising: bool
) -> Best | None:
    if not all(p.reached for p in middle):
        note = "d_star: the greatest value is only approached, at an end of the domain; constrain the class"
        centre = sp.Integer(0) if domain.holds(sp.Integer(0)) else None
        return Best(integral_metric=True, centre=centre, notes=[note])
    path, now, place = list[Stretch](), sp.Integer(0), begin
    for index, piece in enumerate(middle):
        a, b = piece.ends if rising else piece.ends[::-1]
        head, tail = (piece.at.low, piece.at.high) if rising else (piece.at.high, piece.at.low)
        if below(a, now) and index:
            return None  # r falls at the kink, so there are two maxima
        if below(now, a):
            if index == 0 and at_ends[0]:
                _leaves(piece, domain, place, a, side="<")
            path.append(Stretch(now, a, place, place))
            now = a
        if piece.shape == "top":
            start = _where_zero(piece) if below(a, now) else head
            path.append(Stretch(now, b, start, tail, piece.ratio))
        now, place = b, tail
    if not now.is_infinite:
        if at_ends[1]:
            _leaves(middle[-1], domain, place, now, side=">")
        path.append(Stretch(now, sp.oo, place, place))
    kept = [s for s in path if s.low != s.high] or [Stretch(sp.Integer(0), sp.oo, begin, begin)]
    return Best(path=tuple(joined(kept)), concave=True)


def _leaves(piece: _Piece, domain: Interval, end: Any, at: Any, *, side: str) -> None:
    if piece.shape == "level" and not end.is_infinite:
        return  # a linear piece is best at its end, which belongs to the domain
    if end.is_infinite:
        raise LossRefused(
            f"no maximiser at u {side} {at}: the objective only rises towards d = {end}"
        )
    raise LossRefused(f"the maximiser leaves the domain {domain} at d = {end}, for u {side} {at}")


def _where_zero(piece: _Piece) -> Any:
    """The d at u = 0 where r is negative at the head of a piece: to 25 digits where not closed."""
    rising = piece.real_rises
    low, high = piece.at.low, piece.at.high
    ends = (low, high) if rising else (high, low)
    stretch = Stretch(-sp.oo, sp.oo, *ends, piece.ratio)
    exact = zeros_between(piece.ratio, d, low, high)
    place = exact[0] if exact else halved(stretch, sp.Integer(0))
    if place is None:
        raise _Open(f"where {piece.ratio} = 0 is not known")
    return place


def _dip(pieces: list[_Piece]) -> Best | None:
    """One stationary point, which is a minimum for every u."""
    dips = [p for p in pieces if p.shape == "dip"]
    if len(dips) != 1 or any(p.shape in ("top", "level", "flat") for p in pieces):
        return None
    piece, note = dips[0], "d_star: the stationary point is no maximum; there is no maximiser"
    ends = list(zip((piece.at.low, piece.at.high), piece.ends, strict=True))
    (start, a), (stop, b) = ends if below(ends[0][1], ends[1][1]) else ends[::-1]
    low = a if below(sp.Integer(0), a) else sp.Integer(0)
    found = Stretch(low, b, start, stop, piece.ratio)
    return Best(path=(found,), concave=False, notes=[note])
