"""Where does a number stand against the line that decides it?

The line is read from the words of the card ("Warns above 0.5, fails above 0.9."), so that the
picture and the sentence cannot drift apart. A rule that names no such line has no picture.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from gancheck.measures.figures import MINUS, THIN

if TYPE_CHECKING:
    from gancheck.diagnosis import Quantity, Verdict

__all__ = ["Line", "lines", "strip"]

_RULE = re.compile(
    r"\b(?:warns|fails|warning|failing)\s+(above|over|below|under)\s+"
    r"([-\u2212]?\d[\d,\u202f]*(?:\.\d+)?(?:e[+-]?\d+)?)\s*(%)?",
    re.IGNORECASE,
)
_WIDTH: Final = 240.0
_LOGARITHMIC: Final = 20.0
_ZERO_TO_THE_EYE: Final = 1e9
_LARGEST: Final = 1e200  # also turns away what is not a number


@dataclass(frozen=True, slots=True)
class Line:
    """A threshold and its bad side."""

    value: float
    bad_above: bool


def lines(words: str) -> list[Line]:
    """The thresholds that a rule in words names.

    Example:
        >>> lines("Warns above 0.5, fails above 10,000.")
        [Line(value=0.5, bad_above=True), Line(value=10000.0, bad_above=True)]
        >>> lines("Asks for an equilibrium first.")
        []
    """
    out: list[Line] = []
    for side, number, percent in _RULE.findall(words):
        plain = number.replace(",", "").replace(THIN, "").replace(MINUS, "-")
        value = float(plain) / (100.0 if percent else 1.0)
        out.append(Line(value, side.lower() in {"above", "over"}))
    return out


def strip(q: Quantity, words: str, verdict: Verdict) -> Markup | None:
    """The card's picture: interval, dot, ticks at the thresholds; None where there is no line."""
    marks = lines(words)
    if q.unit == "%":
        marks = [
            Line(line.value * (100.0 if "%" in words else 1.0), line.bad_above) for line in marks
        ]
    low, high = q.interval
    if not marks or not all(abs(v) < _LARGEST for v in (q.value, low, high)):
        return None
    place = _Scale([low, q.value, high, *(line.value for line in marks)])
    bad = [
        (place(line.value), _WIDTH) if line.bad_above else (0.0, place(line.value))
        for line in marks
    ]
    parts = [Markup('<path class="s-wash" stroke-width="4" d="M0 10H{:.0f}"/>').format(_WIDTH)]
    parts += [
        Markup('<path class="s-hairline" stroke-width="4" d="M{:.1f} 10H{:.1f}"/>').format(*side)
        for side in bad
    ]
    left, right = place(low), place(high)
    if right - left > 3:
        parts.append(
            Markup(
                '<path class="s-{}" stroke-width="8" opacity="0.35" d="M{:.1f} 10H{:.1f}"/>'
            ).format(_colour(verdict), left, right)
        )
    parts += [
        Markup('<path class="s-ink" stroke-width="1.5" d="M{:.1f} 2V18"/>').format(
            place(line.value)
        )
        for line in marks
    ]
    parts.append(
        Markup('<circle class="f-{}" r="5" cy="10" cx="{:.1f}"/>').format(
            _colour(verdict), min(max(place(q.value), 5.0), _WIDTH - 5.0)
        )
    )
    return Markup('<svg class="scale" viewBox="0 0 240 20" aria-hidden="true">{}</svg>').format(
        Markup("").join(parts)
    )


def _colour(verdict: Verdict) -> str:
    return "muted" if verdict == "not_applicable" else str(verdict)


class _Scale:
    """Value -> pixels: linear from 0 where the numbers are of one size, else logarithmic."""

    def __init__(self, values: list[float]) -> None:
        # A value a billion times smaller than the line is 0 to the eye: linear then.
        ratio = max(values) / min(values) if min(values) > 1e-250 else math.inf
        self.log = _LOGARITHMIC < ratio < _ZERO_TO_THE_EYE
        if self.log:
            self.low, self.high = math.log(min(values) / 3), math.log(max(values) * 3)
        else:
            bottom, top = min(0.0, *values), max(0.0, *values)
            room = 0.25 * (top - bottom) or 1.0
            self.low = bottom - (room if bottom < 0 else 0.0)
            self.high = top + (room if top > 0 or bottom == top else 0.0)

    def __call__(self, value: float) -> float:
        shown = math.log(value) if self.log else value
        return _WIDTH * min(max((shown - self.low) / (self.high - self.low), 0.0), 1.0)
