"""What are the modes of the data, and in which of them does a sample lie?

Modes are known centres, the labels of the data, or components found in a reference part of the real
sample. A sample lies in the mode of the nearest point that stands for one, unless that is too far.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gancheck.measures import connectivity
from gancheck.measures.pairwise import nearest

__all__ = ["assign", "known_modes"]


def known_modes(
    x: np.ndarray, reference: np.ndarray, *, labels: Any = None, centres: Any = None
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], str]:
    """Points that stand for the modes, the mode of each, the modes' names, where they came from.

    Args:
        x: [N, d] real samples.
        reference: rows of x that may be used.
        labels: [N] class of each real sample.
        centres: [modes, ...] points.

    Returns:
        points [p, d], the index of each one's mode [p], the names of the modes (one, `all`, where
        no two components could be told apart), and `centres`, `labels` or `components`.

    Raises:
        ValueError: labels or centres of the wrong shape.
    """
    if centres is not None:
        at = np.asarray(centres, dtype=np.float64)
        at = at.reshape(len(at), -1) if at.ndim > 1 else at
        if at.ndim != 2 or at.shape[1] != x.shape[1] or not np.isfinite(at).all():
            raise ValueError(
                f"centres must be finite, [modes, {x.shape[1]}] like the samples, got {at.shape}"
            )
        return at, np.arange(len(at)), tuple(map(str, range(len(at)))), "centres"
    if labels is not None:
        of = np.asarray(labels)
        if of.shape != (len(x),):
            raise ValueError(
                f"labels must have shape ({len(x)},), one a real sample, got {of.shape}"
            )
        if of.dtype.kind == "f" and not np.isfinite(of).all():
            raise ValueError("labels must be finite; there is NaN or infinity among them")
        kinds, owner = np.unique(of[reference], return_inverse=True)
        return x[reference], owner, tuple(str(k) for k in kinds.tolist()), "labels"
    found = connectivity.components(x[reference])
    kept = found >= 0
    if len(np.unique(found[kept])) < 2:
        return x[reference], np.zeros(len(reference), dtype=int), ("all",), "components"
    kinds, owner = np.unique(found[kept], return_inverse=True)
    return x[reference][kept], owner, tuple(map(str, range(len(kinds)))), "components"


def assign(a: np.ndarray, points: np.ndarray, owner: np.ndarray, radius: float) -> np.ndarray:
    """Mode of each row, -1 off the data."""
    distance, which = nearest(a, points)
    return np.where(distance <= radius, owner[which], -1)
