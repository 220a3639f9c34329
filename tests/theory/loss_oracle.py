"""What a search over numbers finds about a loss: nothing here solves an equation in symbols."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from scipy.optimize import minimize_scalar

from gancheck.theory.expressions import d

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from gancheck.theory.loss_analysis import Loss

Function = "Callable[[Any], Any]"


def numeric(term: Any) -> Callable[[Any], NDArray[np.float64]]:
    """The term on arrays; not a number where it is not real."""

    def greatest(*values: Any) -> Any:
        return np.maximum.reduce(np.broadcast_arrays(*values))

    made = sp.lambdify(d, term, ["numpy", {"Max": greatest}])

    def at(x: Any) -> NDArray[np.float64]:
        with np.errstate(all="ignore"):
            return np.broadcast_to(np.asarray(made(np.asarray(x, dtype=float)), float), np.shape(x))

    return at


def grid(low: Any, high: Any, count: int = 40_001) -> NDArray[np.float64]:
    """Points of an open interval, dense towards its ends."""
    t = np.linspace(-1, 1, count)
    a, b = float(low), float(high)
    if math.isinf(a) and math.isinf(b):
        return np.sinh(6 * t)
    if math.isinf(b):
        return a + np.exp(12 * t)
    if math.isinf(a):
        return b - np.exp(12 * t)
    return a + (b - a) * (0.5 + 0.5 * np.tanh(12 * t))


@dataclass(frozen=True)
class Searched:
    """The greatest value found at one u, where, and whether at an end of the grid."""

    place: float
    value: float
    at_end: bool


class Search:
    """Maximise a u REAL + b FAKE over the domain of a loss by a grid and a line search."""

    def __init__(self, loss: Loss) -> None:
        share = (1.0, 1.0) if loss.prior is None else (float(loss.prior), 1 - float(loss.prior))
        self.real, self.fake = numeric(share[0] * loss.real), numeric(share[1] * loss.fake)
        x = grid(loss.domain.low, loss.domain.high)
        r, f = self.real(x), self.fake(x)
        kept = np.isfinite(r) & np.isfinite(f)
        self.x, self.r, self.f = x[kept], r[kept], f[kept]

    def at(self, u: float) -> Searched:
        """The best d at one density ratio."""
        values = u * self.r + self.f
        best = int(np.argmax(values))
        if best in (0, len(values) - 1):
            return Searched(float(self.x[best]), float(values[best]), at_end=True)
        found = minimize_scalar(
            lambda x: -float(u * self.real(x) + self.fake(x)),
            bounds=(self.x[best - 1], self.x[best + 1]), method="bounded", options={"xatol": 1e-12},
        )  # fmt: skip
        return Searched(float(found.x), -float(found.fun), at_end=False)


def descends(loss: Loss, search: Search) -> tuple[bool, bool]:
    """Whether g(d*(u)) never rises on a grid of u, and whether it moves near u = 1."""
    g = numeric(loss.fake if loss.generator is None else loss.generator)
    ratios = np.exp(np.linspace(-2.5, 2.5, 101))
    values = g(np.array([search.at(float(u)).place for u in ratios]))
    steps = np.diff(values)
    # places are known to the square root of rounding, slopes of g are of order 1
    return bool((steps <= 1e-6).all()), bool(np.ptp(values[46:55]) > 1e-5)
