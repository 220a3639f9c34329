"""What is a number that carries both its errors, and how does it stand in JSON?

`gancheck.diagnosis` hands these names on; the rest of the package takes them from there. Standard
library only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["PValue", "Quantity", "finite_or_none", "without_nan"]


def finite_or_none(value: float | None) -> float | None:
    """JSON has no NaN and no infinity: both become null."""
    return value if value is not None and math.isfinite(value) else None


def without_nan(value: Any) -> Any:
    """The same structure with null for every NaN and infinity, wherever it stands."""
    if isinstance(value, float):
        return finite_or_none(value)
    if isinstance(value, dict):
        return {str(k): without_nan(v) for k, v in value.items()}
    return [without_nan(v) for v in value] if isinstance(value, (list, tuple)) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A measured number and both its errors, kept apart.

    Attributes:
        value: the number.
        error: numerical: a residual or a bound on what the method left out.
        sampling_error: one standard error over independent evaluation batches; None where the
            number is a property of the given batch, or exact for the game.
        unit: "1" for a pure number, "share" for one in 0..1 that a page shows in per cent.
        kind: `lower` and `upper` are bounds, `exact` is free of estimation.
        low: lower end of the 95 % interval where it is not value minus two standard errors.
        high: upper end of the same.
    """

    value: float
    error: float = 0.0
    sampling_error: float | None = None
    unit: str = "1"
    kind: Literal["estimate", "lower", "upper", "exact"] = "estimate"
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval: [low, high] where given, else value plus and minus both errors."""
        half = self.error + 2.0 * (self.sampling_error or 0.0)
        low = self.value - half if self.low is None else self.low
        high = self.value + half if self.high is None else self.high
        return low, high

    def __str__(self) -> str:
        spread = "" if self.sampling_error is None else f", sampling {self.sampling_error:.2g}"
        return f"{self.value:.4g} +/- {self.error:.1g}{spread}"

    def to_dict(self) -> dict[str, Any]:
        """The five fields every consumer may rely on, and the interval where it has its own."""
        out: dict[str, Any] = {
            "value": finite_or_none(self.value),
            "error": finite_or_none(self.error),
            "sampling_error": finite_or_none(self.sampling_error),
            "unit": self.unit,
            "kind": self.kind,
        }
        if self.low is not None or self.high is not None:
            out["interval"] = [finite_or_none(self.low), finite_or_none(self.high)]
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class PValue:
    """A test's p-value, alone and corrected for the tests that stand beside it.

    Attributes:
        raw: valid for this test, had it been the only one.
        corrected: below alpha with chance at most alpha for all tests of the family together.
    """

    raw: float
    corrected: float

    def to_dict(self) -> dict[str, Any]:
        """Both, as they stand in result.json."""
        return {"raw": self.raw, "corrected": self.corrected}
