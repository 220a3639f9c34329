"""What does the popular account say of a collapse, and how did it come out over the events?

Six statements of slope and curvature along the line towards the lost mode, each a number an event
and the sign that it is said to have.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from experiments.pairs import ERROR
from gancheck.measures.medians import MedianInterval, median_interval
from gancheck.rendering.experiment_page import Agreement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from experiments.finished_runs import Row

    Looks = Mapping[str, Any]

__all__ = ["STATEMENTS", "TINY", "Statement", "judged", "typical_size", "with_event"]

TINY: Final = 1e-300  # in the place of a curvature of exactly 0, which has no logarithm


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One thing that the popular account says of an event.

    Attributes:
        letter: as in the prediction.
        text: in a few words.
        number: looks of an event -> what the statement is about; None where a look is missing.
        sign: that it is said to have.
    """

    letter: str
    text: str
    number: Callable[[Looks], float | None]
    sign: int


def typical_size(look: Looks, what: str) -> float:
    """Median size of slope or curvature along the random directions of a look."""
    return float(np.median(np.abs(look["random"][what])))


def _size_to_random(looks: Looks) -> float:
    """log10 of the curvature's size over the median size along random directions."""
    look = looks["during"]
    typical = typical_size(look, "curvature")
    return math.log10(max(abs(look["lost"]["curvature"][0]), TINY) / max(typical, TINY))


def _at(looks: Looks, name: str, what: str) -> float | None:
    return looks[name]["lost"][what][0] if name in looks else None


def _change(looks: Looks, first: str, then: str) -> float | None:
    a, b = _at(looks, first, "curvature"), _at(looks, then, "curvature")
    return None if a is None or b is None else b - a


STATEMENTS: Final = (
    Statement(letter="a", text="lost: log₁₀ of size over random", number=_size_to_random, sign=-1),
    Statement(
        letter="b", text="lost: curvature", number=lambda s: _at(s, "during", "curvature"), sign=-1
    ),
    Statement(
        letter="c",
        text="curvature, lost less before",
        number=lambda s: _change(s, "before", "during"),
        sign=-1,
    ),
    Statement(
        letter="d",
        text="curvature, found again less lost",
        number=lambda s: _change(s, "during", "after"),
        sign=1,
    ),
    Statement(
        letter="e",
        text="before: slope towards the mode",
        number=lambda s: _at(s, "before", "slope"),
        sign=1,
    ),
    Statement(
        letter="f",
        text="lost: slope towards the mode",
        number=lambda s: _at(s, "during", "slope"),
        sign=-1,
    ),
)


def with_event(rows: Sequence[Row]) -> list[Row]:
    """The runs in which a mode was lost."""
    return [r for r in rows if r["measured"]["event"] is not None]


def judged(
    statement: Statement, rows: Sequence[Row]
) -> tuple[list[float], MedianInterval | None, Agreement]:
    """The numbers of a statement, the interval of their median, and how it came out."""
    found = [statement.number(r["measured"]["looks"]) for r in rows]
    values = [v for v in found if v is not None]
    if not values:
        return [], None, Agreement.open
    interval = median_interval(values, level=1.0 - ERROR / len(STATEMENTS))
    low, high = sorted((statement.sign * interval.low, statement.sign * interval.high))
    if low > 0.0:
        return values, interval, Agreement.supported
    return values, interval, Agreement.contradicted if high < 0.0 else Agreement.open
