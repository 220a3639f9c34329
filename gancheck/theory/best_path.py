"""What does the best discriminator play while the density ratio u runs from 0 to infinity?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp

from gancheck.theory.loss_pieces import Interval
from gancheck.theory.one_variable import number

__all__ = ["Best", "Stretch", "below", "joined"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """What the discriminator plays while u runs from `low` to `high`.

    Attributes:
        low: least u.
        high: greatest u.
        start: d at `low`.
        stop: d at `high`; equal to `start` where d rests.
        ratio: u as a function of d, where d moves.
        star: d as a function of u, or None where no closed form is known.
    """

    low: Any
    high: Any
    start: Any
    stop: Any
    ratio: Any = None
    star: Any = None

    @property
    def piece(self) -> Interval:
        """The values of d that are passed, in ascending order."""
        low, high = (self.start, self.stop) if self.rising else (self.stop, self.start)
        return Interval(low, high)

    @property
    def rising(self) -> bool:
        """Whether d grows with u."""
        return bool(self.start <= self.stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The maximiser as a function of u.

    Attributes:
        path: what is played, in the order of u; empty where it is not known.
        concave: whether it was shown to be the maximum; None where that is open.
        d_star: expression in u, or None.
        centre: d at u = 1, which a score of 0 stands for.
        integral_metric: the slope vanishes at one u only and the class must be constrained.
        notes: what is open, in words.
    """

    path: tuple[Stretch, ...] = ()
    concave: bool | None = None
    d_star: Any = None
    centre: Any = None
    integral_metric: bool = False
    notes: list[str] = field(default_factory=list)


def below(one: Any, other: Any) -> bool:
    """Whether one exact number or infinity is clearly below another."""
    if one.is_infinite or other.is_infinite:
        return bool(one != other and (one == -sp.oo or other == sp.oo))
    return bool(number(one - other) < -sp.Rational(1, 10**20))


def joined(path: list[Stretch]) -> list[Stretch]:
    """Neighbours that rest on the same d, made one."""
    out = [path[0]]
    for s in path[1:]:
        last = out[-1]
        if s.ratio is None and last.ratio is None and s.start == last.stop:
            out[-1] = replace(last, high=s.high)
        else:
            out.append(s)
    return out
