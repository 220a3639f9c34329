"""How far are samples from each other?

Distances between the rows of two arrays by one matrix product, with the pairs for which a product
cancels computed again by subtraction: copies of a point are at distance exactly 0, whatever their
norm, so that duplicates can be counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.spatial import KDTree

__all__ = ["distances", "nearest", "sample_matrix", "sample_pair", "two_nearest"]

_TREE_DIMENSION = 12  # above it a matrix of distances is cheaper than a tree
_CANCELS = 1e-9  # a squared distance below this part of the squared norms has lost 7 of 16 digits
_LARGEST = 1e100
_BLOCK = 1000
_AGAIN = 20_000  # pairs subtracted at a time


def sample_matrix(x: Any, name: str, *, least: int) -> np.ndarray:
    """Samples [n, ...] as float64 [n, d].

    Raises:
        ValueError: fewer than `least` samples, samples of no numbers, NaN or infinity, or numbers
            whose squares overflow.
    """
    if isinstance(x, torch.Tensor):
        x = x.detach().cpu().numpy()
    out = np.asarray(x)
    if out.dtype.kind not in "fiub":
        raise ValueError(f"{name} must hold real numbers, got an array of {out.dtype}")
    if out.ndim < 2 or out.size == 0 or len(out) < least:
        raise ValueError(
            f"{name} must hold at least {least} samples of shape [n, ...], got shape {out.shape}"
        )
    out = np.ascontiguousarray(out.reshape(len(out), -1), dtype=np.float64)
    if not np.isfinite(out).all():
        raise ValueError(f"{name} must be finite; it holds NaN or infinity")
    if float(np.abs(out).max()) > _LARGEST:
        raise ValueError(
            f"{name} must not exceed {_LARGEST:g} in size, or squared distances overflow; rescale it"
        )
    return out


def sample_pair(
    real: Any, generated: Any, *, least_real: int, least_generated: int
) -> tuple[np.ndarray, np.ndarray]:
    """Both samples as float64 [n, d] of one width.

    Raises:
        ValueError: as `sample_matrix`, or widths that differ.
    """
    x = sample_matrix(real, "real", least=least_real)
    g = sample_matrix(generated, "generated", least=least_generated)
    if x.shape[1] != g.shape[1]:
        raise ValueError(
            f"real and generated samples differ in size: {x.shape[1]} against {g.shape[1]} numbers"
        )
    return x, g


def distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Euclidean distances [n, m] of the rows of x [n, d] and y [m, d], float64.

    Relative error below 1e-6, and exactly 0 for equal rows. Cost: one product; memory n m.
    """
    centre = y.mean(axis=0)  # products of far-off points cancel; about the mean fewer do
    a, b = torch.from_numpy(x - centre), torch.from_numpy(y - centre)
    norms = a.square().sum(1)[:, None] + b.square().sum(1)[None, :]
    squared = torch.addmm(norms, a, b.T, alpha=-2.0)
    rows, columns = torch.nonzero(squared < _CANCELS * norms, as_tuple=True)
    for i, j in zip(rows.split(_AGAIN), columns.split(_AGAIN), strict=True):
        # of the coordinates as given: a difference of centred ones has been rounded once more
        difference = torch.from_numpy(x[i.numpy()] - y[j.numpy()])
        squared[i, j] = difference.square().sum(1)
    return squared.clamp_(min=0.0).sqrt_().numpy()


def nearest(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance [n] of each row of x to the nearest row of y, and which row that is."""
    if x.shape[1] <= _TREE_DIMENSION:
        found: Any = KDTree(y).query(x)
        return found[0], found[1]
    parts = [distances(x[i : i + _BLOCK], y) for i in range(0, len(x), _BLOCK)]
    which = np.concatenate([part.argmin(axis=1) for part in parts])
    return np.concatenate([part.min(axis=1) for part in parts]), which


def two_nearest(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances [n, 2] of each row of x to the two nearest rows of y, and the nearest one [n].

    Raises:
        ValueError: fewer than 2 rows in y.
    """
    if len(y) < 2:
        raise ValueError(f"needs 2 points to have a second nearest one, got {len(y)}")
    if x.shape[1] <= _TREE_DIMENSION:
        found: Any = KDTree(y).query(x, k=2)
        return found[0], found[1][:, 0]
    near: list[np.ndarray] = []
    which: list[np.ndarray] = []
    for i in range(0, len(x), _BLOCK):
        part = distances(x[i : i + _BLOCK], y)
        near.append(np.partition(part, 1, axis=1)[:, :2])
        which.append(part.argmin(axis=1))
    return np.concatenate(near), np.concatenate(which)
