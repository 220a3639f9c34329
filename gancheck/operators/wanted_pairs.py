"""Which Ritz pairs of a symmetric operator are asked for, and how well?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gancheck.operators.krylov_basis import rounding

if TYPE_CHECKING:
    import torch

__all__ = ["Wanted"]

_MINOR = 0.01  # residuals of eigenvalues below this share of the largest are measured against it


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which Ritz pairs are asked for, and how well."""

    top: int
    bottom: int
    tol: float
    strict: bool
    dtype: torch.dtype

    @property
    def count(self) -> int:
        """How many."""
        return self.top + self.bottom

    def indices(self, size: int, *, extra: int = 0) -> np.ndarray:
        """Of `size` ascending values those at both ends, with `extra` more shared between them."""
        more = extra * self.top // self.count
        low = min(self.bottom + (extra - more if self.bottom else 0), size)
        high = min(self.top + (more if self.top else 0), size)
        return np.unique(np.r_[0:low, size - high : size])

    def thresholds(self, values: np.ndarray, norm: float) -> np.ndarray:
        """The residual each value may have."""
        size = np.abs(values) if self.strict else np.maximum(np.abs(values), _MINOR * norm)
        return np.maximum(self.tol * size, rounding(self.dtype) * norm)
