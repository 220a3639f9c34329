"""How is a number with two errors written, so that no digit claims more than was measured?

Digits follow the error, as in the Review of Particle Physics: one significant digit of it, two
where it begins below 3.55. Thousands are parted by a narrow no-break space, minus is a minus, and nothing is ever written `-0`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancheck.measures.figures import MINUS, THIN, TIMES, number_text

if TYPE_CHECKING:
    from gancheck.diagnosis import Quantity

__all__ = ["NumberText", "describe", "duration"]

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_MOST_DIGITS = 4
_TWO_DIGITS = 3.55
_TINY = 1e-280  # below it floats lose the digits that a power of ten would show
_PREFIX = {"lower": "≥\u00a0", "upper": "≤\u00a0", "estimate": "", "exact": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberText:
    """A quantity in words.

    Attributes:
        value: with its unit and, for a bound, its sign.
        spread: what stands beside it in small type.
        brief: the same for a card, where an interval of its own takes the place.
        notes: lines below it.
        sampling: its sampling error, for a column.
        numerical: its numerical error, for a column.
        interval: its 95 % interval, for a column.
    """

    value: str
    spread: str
    brief: str
    notes: tuple[str, ...]
    sampling: str
    numerical: str
    interval: str


def _decimals(spread: float) -> int:
    """Decimals that show one significant digit of the spread, two where it begins low."""
    power = math.floor(math.log10(spread))
    return (1 if spread / 10.0**power < _TWO_DIGITS else 0) - power


def _usable(spread: float | None) -> bool:
    return spread is not None and math.isfinite(spread) and spread > _TINY


@dataclass(frozen=True, slots=True)
class _Style:
    """How all numbers of one quantity are written: a common power of ten, common decimals."""

    power: int
    decimals: int
    suffix: str
    scale: float

    bare: bool

    def digits(self, number: float) -> str:
        """The number without power of ten and unit."""
        if not math.isfinite(number * self.scale):
            return number_text(number)
        text = f"{number * self.scale / 10.0**self.power:,.{self.decimals}f}"
        if self.bare and "." in text:
            text = text.rstrip("0").rstrip(".")
        if float(text.replace(",", "")) == 0:
            text = text.lstrip("-")
        return text.replace(",", THIN).replace("-", MINUS)

    @property
    def ten(self) -> str:
        """The common power of ten."""
        if not self.power:
            return ""
        return f"{THIN}{TIMES}{THIN}10{str(self.power).translate(_SUPERSCRIPT)}"

    def write(self, number: float) -> str:
        """The number with both."""
        if not math.isfinite(number * self.scale):
            return number_text(number)
        return self.digits(number) + self.ten + self.suffix


def _unit(unit: str) -> tuple[float, str]:
    """What to multiply by, and what to write behind: a share is read in per cent."""
    if unit == "share":
        return 100.0, f"{THIN}%"
    if unit == "%":
        return 1.0, f"{THIN}%"
    if unit in {"x", "times", TIMES}:
        return 1.0, TIMES
    return 1.0, "" if unit in {"1", ""} else f"\u00a0{unit}"


def _style(q: Quantity) -> _Style:
    scale, suffix = _unit(q.unit)
    value = abs(q.value) * scale if math.isfinite(q.value * scale) else 0.0
    low, high = q.interval
    given = q.low is not None or q.high is not None
    spread = q.sampling_error if _usable(q.sampling_error) else None
    if given and _usable(high - low):
        sides = [side for side in (q.value - low, high - q.value) if _usable(side)]
        spread = min(sides) / 2 if len(sides) == 2 else max(sides, default=high - low)
    if spread is None:
        spread = q.error if _usable(q.error) else 0.0
    spread = spread * scale if math.isfinite(spread * scale) else 0.0
    value, spread = (size if size > _TINY else 0.0 for size in (value, spread))
    size = max(value, spread)
    power = 0
    if size > 0 and not 1e-3 <= size < 1e6:
        power = math.floor(math.log10(size))
    finest = _MOST_DIGITS - 1 - (math.floor(math.log10(size)) if size > 0 else _MOST_DIGITS - 1)
    if _usable(spread) and (q.sampling_error is not None or given):
        finest += 2
    decimals = min(_decimals(spread), finest) if spread > 0 else finest
    whole = q.kind == "exact" and float(q.value * scale).is_integer()
    return _Style(power, 0 if whole else max(0, decimals + power), suffix, scale, spread == 0)


def _error(error: float, q: Quantity, digits: int) -> str:
    """An error by itself."""
    if not math.isfinite(error):
        return "unknown"
    scale, suffix = _unit(q.unit)
    return number_text(error * scale, digits) + (suffix if error else "")


def describe(q: Quantity) -> NumberText:
    """Write a quantity with its errors, each under its own name.

    Example:
        >>> from gancheck.diagnosis import Quantity
        >>> describe(Quantity(value=0.1236, error=1e-13, sampling_error=0.0077)).value
        '0.124'
    """
    if math.isnan(q.value):
        return NumberText(
            value="not a number",
            spread="",
            brief="",
            notes=(),
            sampling="",
            numerical="",
            interval="",
        )
    style = _style(q)
    value = _PREFIX[q.kind] + style.write(q.value)
    low, high = q.interval
    given = q.low is not None or q.high is not None
    span = f"{style.digits(low)} to {style.write(high)}"
    bounded = math.isfinite(low) and math.isfinite(high)
    sampling = "" if q.sampling_error is None else _error(q.sampling_error, q, 2)
    numerical = _error(q.error, q, 1)
    notes: list[str] = []
    if q.sampling_error is None:
        spread = "exact" if q.kind == "exact" else "" if given else "on this batch"
    else:
        spread = f"±\u00a0{_beside(style, q.sampling_error, sampling)}"
    if given and bounded:
        notes.append(f"95{THIN}% {span}")
    if not (q.kind == "exact" and q.error == 0):
        notes.append(f"numerical error {numerical}")
    return NumberText(
        value=value,
        spread=spread,
        brief=f"[{style.digits(low)}, {style.digits(high)}]" if given and bounded else spread,
        notes=tuple(notes),
        sampling=sampling or ("exact" if q.kind == "exact" else "this batch"),
        numerical=numerical,
        interval=span if bounded and (given or q.sampling_error is not None) else "",
    )


def _beside(style: _Style, error: float, alone: str) -> str:
    """An error in the style of its value, unless that would round it away."""
    if not math.isfinite(error) or error == 0:
        return alone
    text = style.digits(error)
    lost = error > 0 and not any(c in "123456789" for c in text)
    return alone if lost else text + style.ten


def duration(seconds: float) -> str:
    """Seconds as a reader says them.

    Example:
        >>> duration(75.0).replace(chr(160), " ")
        '1 min 15 s'
    """
    if not math.isfinite(seconds) or seconds < 0:
        return ""
    if seconds < 10:
        return f"{seconds:.1f}\u00a0s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}\u00a0s"
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours}\u00a0h {minutes}\u00a0min"
    rest = whole % 60
    return f"{minutes}\u00a0min" + (f" {rest}\u00a0s" if rest and minutes < 10 else "")
