"""How is a latent distributed along a line?

Given everything but the position t on the line z + t u, the latent has a law of one dimension:
normal where its coordinates are, uniform where they are, cut off where the line leaves the box.
A direction moves only coordinates that vary continuously: a class is kept, so that a
class-conditional generator is looked at one class at a time.

For a unit u over standard normal coordinates t has variance 1 and mean -z.u, whatever the rest of z
is; over a cube it is uniform on the chord. A product of both is normal of another variance, cut off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Coordinates", "LineLaw", "Lines"]

_REACH = 7.0  # standard deviations on either side: beyond lies a mass of 3e-12


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Some neighbouring coordinates of a latent, all of one independent law.

    Attributes:
        kind: `normal` (standard), `uniform`, or `class` (a one-hot choice: no line leaves it).
        size: how many.
        low: lower end of each; -infinity for a whole normal.
        high: upper end.
    """

    kind: Literal["normal", "uniform", "class"]
    size: int
    low: float = -np.inf
    high: float = np.inf


class LineLaw:
    """The laws of a latent along lines.

    Args:
        coordinates: of the latent, in order.

    Raises:
        ValueError: no coordinate varies continuously.
    """

    def __init__(self, coordinates: Sequence[Coordinates]) -> None:
        def each(values: Sequence[float]) -> np.ndarray:
            return np.repeat(np.asarray(values), [c.size for c in coordinates])

        self.free = each([c.kind != "class" for c in coordinates]).astype(bool)
        self._normal = each([c.kind == "normal" for c in coordinates]).astype(bool)
        self._low = each([c.low for c in coordinates])[self.free]
        self._high = each([c.high for c in coordinates])[self.free]
        if not self.free.any():
            raise ValueError("no coordinate of this latent varies continuously: it has no lines")

    def lines(self, z: np.ndarray, u: np.ndarray) -> Lines:
        """The law of t on z + t u for each row of z and u [m, d].

        Args:
            z: points of the latent's support; the law given the line, not given the point.
            u: directions, zero in the coordinates of a class, not zero altogether.
        """
        if np.any(u[:, ~self.free] != 0.0) or np.any(~np.any(u != 0.0, axis=1)):
            raise ValueError("a direction must be zero where a class is, and not zero elsewhere")
        along = u[:, self._normal]
        precision = np.einsum("ij,ij->i", along, along)
        slope = np.einsum("ij,ij->i", z[:, self._normal], along)
        spread = np.where(precision > 0.0, 1.0 / np.sqrt(np.maximum(precision, 1e-300)), np.inf)
        mean = np.where(precision > 0.0, -slope / np.maximum(precision, 1e-300), 0.0)
        low, high = self._chord(z[:, self.free], u[:, self.free])
        return Lines(mean, spread, low, high)

    def _chord(self, z: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where each line enters and leaves the box."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = np.stack([(self._low - z) / u, (self._high - z) / u])
        still = u == 0.0
        enter = np.where(still, -np.inf, ends.min(axis=0)).max(axis=1)
        leave = np.where(still, np.inf, ends.max(axis=0)).min(axis=1)
        return enter, leave


@dataclass(frozen=True, slots=True)
class Lines:
    """A law on each of m lines: normal of this mean and spread, or uniform where it is infinite.

    Attributes:
        mean: [m].
        spread: [m] standard deviation; infinite for uniform.
        low: [m] where the line enters the support.
        high: [m] where it leaves.
    """

    mean: np.ndarray
    spread: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def grid(self, points: int) -> np.ndarray:
        """Evenly spaced positions [m, points] from end to end, at most seven deviations out."""
        reach = np.where(np.isfinite(self.spread), _REACH * self.spread, np.inf)
        low, high = (
            np.maximum(self.low, self.mean - reach),
            np.minimum(self.high, self.mean + reach),
        )
        return low[:, None] + (high - low)[:, None] * np.linspace(0.0, 1.0, points)

    def mass(self, line: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Probability of low <= t <= high on the lines of these indices, low <= high inside."""
        mean, spread = self.mean[line], self.spread[line]
        ends = np.stack([low, high, self.low[line], self.high[line]])
        uniform = ~np.isfinite(spread)
        with np.errstate(invalid="ignore", divide="ignore"):
            x = (ends - mean) / spread
            flat = (high - low) / (ends[3] - ends[2])
        # Differences of the distribution function are taken in the lower tail, where it has digits.
        flip = x[0] + x[1] > 0.0
        lower, upper = np.where(flip, -x[1], x[0]), np.where(flip, -x[0], x[1])
        inside = special.ndtr(upper) - special.ndtr(lower)
        whole = special.ndtr(x[3]) - special.ndtr(x[2])
        return np.where(uniform, flat, inside / np.where(uniform, 1.0, whole))
