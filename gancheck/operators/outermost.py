"""Which of these eigenvalues are wanted, and where do they stand?

Conjugates are never torn apart: a real operator's Ritz vectors need both, and half a pair spans no
invariant space.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Which", "outermost", "schur_values", "wanted_values"]

Which = Literal["SR", "LR", "LM", "LI"]
"""Smallest and largest real part, largest modulus, largest absolute imaginary part."""


def wanted_values(values: np.ndarray, targets: Sequence[Which], k: int) -> list[int]:
    """Indices of the k outermost values in each direction, conjugates included."""
    return sorted({i for t in targets for i in outermost(values, (t,), k)})


def outermost(values: np.ndarray, targets: Sequence[Which], count: int) -> list[int]:
    """The `count` values of best rank in any direction, first to last, conjugates included."""
    ranks = np.full(len(values), len(values))
    for target in targets:
        order = np.argsort(_key(values, target), kind="stable")
        rank = np.empty(len(values), dtype=int)
        rank[order] = np.arange(len(values))
        ranks = np.minimum(ranks, rank)
    out: list[int] = []
    for i in map(int, np.argsort(ranks, kind="stable")):
        if len(out) >= count:
            break
        if i in out:
            continue
        out.append(i)
        if values[i].imag:  # LAPACK puts the conjugate with the positive imaginary part first
            out.append(i + 1 if values[i].imag > 0.0 else i - 1)
    return out


def _key(values: np.ndarray, target: Which) -> np.ndarray:
    real, turn = np.real(values), np.abs(np.imag(values))
    return {"SR": real, "LR": -real, "LI": -turn, "LM": -np.abs(values)}[target]


def schur_values(t: np.ndarray) -> np.ndarray:
    """Eigenvalues of a real Schur form in the order of its diagonal."""
    values = np.diag(t).astype(complex)
    for i in np.flatnonzero(np.diag(t, -1)):
        root = abs(t[i, i + 1] * t[i + 1, i]) ** 0.5  # LAPACK standardises: equal diagonal entries
        values[i], values[i + 1] = t[i, i] + 1j * root, t[i, i] - 1j * root
    return values
