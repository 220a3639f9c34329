"""Which divergence does a term descend while d follows the path of the best discriminator?

Along the path, f'' is d/du REAL(d*(u)) for the discriminator's value and -(1/u) d/du g(d*(u)) for
a generator term g. Where d moves, its sign is that of the term's slope in d; where d leaps, f''
has a point mass; where d rests, f'' is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import sympy as sp

from gancheck.theory.divergences import name_of
from gancheck.theory.expressions import d, tidy, u
from gancheck.theory.loss_pieces import Interval, branch, kinks
from gancheck.theory.one_variable import number, sign_between

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gancheck.theory.best_path import Best, Stretch

__all__ = ["along", "value_of"]

Player: TypeAlias = Literal["discriminator", "generator"]
_TIDIED = 90  # operations, beyond which a formula is shown as it was put together


@dataclass(frozen=True, slots=True)
class _Part:
    """u from `low` to `high`: the sign of f'' there, and what it is computed from."""

    low: Any
    high: Any
    sign: str | None
    term: Any = None
    stretch: Stretch | None = None


def value_of(real: Any, fake: Any, found: Best) -> Any:
    """The value u REAL + FAKE at d*(u), or None where d*(u) is not closed."""
    if found.d_star is None:
        return None
    cases = list[tuple[Any, Any]]()
    for s in found.path:
        star = s.start if s.ratio is None else s.star
        parts = [branch(t, s.piece) if s.ratio is not None else t for t in (real, fake)]
        made = u * parts[0].subs(d, star) + parts[1].subs(d, star)
        cases.append((tidy(made) if sp.count_ops(made) < _TIDIED else made, s.high))
    return _piecewise(cases)


def _piecewise(cases: list[tuple[Any, Any]]) -> Any:
    """One formula for each range of u, given with its upper end."""
    kept = [case for case, after in zip(cases, [*cases[1:], None], strict=True)
            if after is None or case[0] != after[0]]  # fmt: skip
    if len(kept) == 1:
        return kept[0][0]
    return sp.Piecewise(*((made, u < high) for made, high in kept[:-1]), (kept[-1][0], True))


def along(term: Any, found: Best, who: Player) -> Iterator[dict[str, Any]]:
    """First whether one player's f'' is proper, then f'' itself and its name."""
    parts = [p for s in found.path for p in _parts(term, s, who)]
    leaps = _leaps(term, found, who)
    signs = [p.sign for p in parts] + ["-" if size < 0 else "+" for _, size in leaps]
    near = [p.sign for p in parts if p.low <= 1 <= p.high]
    moves = any(s in ("+", ">=") for s in near) or any(z == 1 for z, _ in leaps)
    proper: bool | None = None
    if any(s in ("-", "<=", "mixed") for s in signs):
        proper = False
    elif None not in signs:
        proper = moves
    yield {f"proper_{who}": proper}
    seconds = [(_second(p, who), p.high) for p in parts]
    if any(made is None for made, _ in seconds):
        yield {"notes": [f"f2_{who}: d*(u) has no closed form, so this has none in u"]}
        return
    second = sp.Add(_piecewise(seconds), *(size * sp.DiracDelta(u - z) for z, size in leaps))
    yield {f"f2_{who}": second}
    # a divergence is known by one smooth f'' that is positive throughout, or by one point mass
    smooth = len(parts) == 1 and not leaps and signs == ["+"]
    if (
        sp.count_ops(second) < _TIDIED
        and proper
        and (smooth or (len(leaps) == 1 and {p.sign for p in parts} <= {"0"}))
    ):
        yield {f"divergence_{who}": name_of(second)}


def _parts(term: Any, s: Stretch, who: Player) -> list[_Part]:
    if s.ratio is None:
        return [_Part(s.low, s.high, "0")]
    piece = s.piece
    edges = [piece.low, *kinks([term], piece), piece.high]
    out = list[_Part]()
    for at in map(Interval, edges, edges[1:]):
        smooth = branch(term, at)
        sign = sign_between(sp.diff(smooth, d), d, at.low, at.high)
        if (who == "generator") == s.rising:
            sign = _turned(sign)
        ends = [
            bound if place in (piece.low, piece.high) else tidy(s.ratio.subs(d, place))
            for place, bound in zip((at.low, at.high), _bounds(s), strict=True)
        ]
        low, high = ends if s.rising else ends[::-1]
        out.append(_Part(low, high, sign, smooth, s))
    return out if s.rising else out[::-1]


def _bounds(s: Stretch) -> tuple[Any, Any]:
    return (s.low, s.high) if s.rising else (s.high, s.low)


def _turned(sign: str | None) -> str | None:
    return {"+": "-", "-": "+", ">=": "<=", "<=": ">="}.get(sign or "", sign)


def _second(part: _Part, who: Player) -> Any:
    """The f'' of one part in u, or None where d*(u) is not closed."""
    if part.sign == "0" or part.stretch is None:
        return sp.Integer(0)
    star = part.stretch.star
    if star is None:
        return None
    # d*'(u) = 1/r'(d*), so nothing that is solved for is differentiated
    slope = tidy(sp.diff(part.term, d) / sp.diff(part.stretch.ratio, d)).subs(d, star)
    made = slope if who == "discriminator" else -slope / u
    return tidy(made) if sp.count_ops(made) < _TIDIED else made


def _leaps(term: Any, found: Best, who: Player) -> list[tuple[Any, Any]]:
    """(u, mass of f'') where d leaps over a piece and the term changes by it."""
    out = list[tuple[Any, Any]]()
    for one, other in pairwise(found.path):
        if one.stop == other.start:
            continue
        rise = term.subs(d, other.start) - term.subs(d, one.stop)
        mass = tidy(rise if who == "discriminator" else -rise / one.high)
        if mass != 0 and number(mass) != 0:
            out.append((one.high, mass))
    return out
