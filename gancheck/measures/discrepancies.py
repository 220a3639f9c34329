"""How different are two samples: by projections, by a kernel, by two moments?

`sliced`: W1 of one-dimensional projections on random directions, averaged. `mmd`: the unbiased
estimate of the squared maximum mean discrepancy with a Gaussian kernel; its mean is 0 for equal
laws, so it may be negative. `frechet`: the squared W2 distance of the normal laws that share both
samples' means and covariances, whatever the samples are; for d standard normal coordinates it is
biased upwards by about d (d + 5)/(2 n): 2 d/n by the means, d (d + 1)/(2 n) by the covariances.

The first two come with `relabelled` tests: the statistic among random divisions of the pooled
samples, which is exact at every size where both laws are the same.

Sources: Rabin et al. (2011); Gretton et al. (2012); Dowson and Landau (1982), as used by Heusel et
al. (2017) on features of a network.
"""

from __future__ import annotations

import numpy as np
import torch

from gancheck.measures.mode_tests import RELABELLINGS
from gancheck.measures.pairwise import distances

__all__ = [
    "DIRECTIONS",
    "directions",
    "frechet",
    "frechet_of",
    "mmd",
    "relabelled_mmd",
    "relabelled_sliced",
    "sliced",
]

DIRECTIONS = 64
_CHUNK = 200


def directions(d: int, rng: np.random.Generator, count: int = DIRECTIONS) -> np.ndarray:
    """Uniform unit vectors [count, d]."""
    u = rng.standard_normal((count, d))
    return u / np.linalg.norm(u, axis=1, keepdims=True)


def sliced(x: np.ndarray, y: np.ndarray, u: np.ndarray) -> np.ndarray:
    """W1 of the projections of x [n, d] and y [n, d] on each direction [k, d].

    Raises:
        ValueError: numbers of rows that differ.
    """
    if len(x) != len(y):
        raise ValueError(f"needs samples of one size, got {len(x)} and {len(y)}")
    return np.abs(np.sort(x @ u.T, axis=0) - np.sort(y @ u.T, axis=0)).mean(axis=0)


def relabelled_sliced(
    x: np.ndarray, y: np.ndarray, u: np.ndarray, rng: np.random.Generator
) -> float:
    """p-value of the mean of `sliced` among relabellings of the pooled samples, equal sizes.

    On a line W1 is the integral of |F - G|, a sum over the gaps of the sorted pool.
    """
    n = len(x)
    projected = np.concatenate([x, y]) @ u.T
    order = np.argsort(projected, axis=0, kind="stable")
    gaps = np.diff(np.take_along_axis(projected, order, axis=0), axis=0).astype(np.float32)
    signs = np.ones((RELABELLINGS + 1, 2 * n), dtype=np.int8)
    signs[:, n:] = -1
    signs[1:] = rng.permuted(signs[1:], axis=1)
    count = np.int16 if 2 * n <= np.iinfo(np.int16).max else np.int32
    total = np.zeros(RELABELLINGS + 1)
    for begin in range(0, len(signs), _CHUNK):
        part = np.ascontiguousarray(signs[begin : begin + _CHUNK].T)  # [points, relabellings]
        for k in range(len(u)):
            walk = np.cumsum(part[order[:, k]], axis=0, dtype=count)
            total[begin : begin + _CHUNK] += gaps[:, k] @ np.abs(walk[:-1]).astype(np.float32)
    return _share_as_large(total)


def mmd(x: np.ndarray, y: np.ndarray, bandwidth: float) -> float:
    """Unbiased squared MMD with exp(-|a - b|^2 / (2 bandwidth^2)), equal sizes.

    Raises:
        ValueError: fewer than 2 rows, numbers of rows that differ, or a bandwidth not positive.
    """
    if len(x) != len(y) or len(x) < 2:
        raise ValueError(f"needs samples of one size, at least 2, got {len(x)} and {len(y)}")
    n = len(x)
    k = _kernel(np.concatenate([x, y]), bandwidth)
    within = (k[:n, :n].sum() + k[n:, n:].sum() - 2 * n) / (n * (n - 1))
    return float(within - 2.0 * k[:n, n:].mean())


def relabelled_mmd(
    x: np.ndarray, y: np.ndarray, bandwidth: float, rng: np.random.Generator
) -> float:
    """p-value of `mmd` among relabellings of the pooled samples, equal sizes.

    The bandwidth must come from elsewhere, or from the pool as a whole.
    """
    n = len(x)
    # The sum over all pairs is fixed, so the statistic rises with s K s, s the signs of a division.
    k = torch.from_numpy(_kernel(np.concatenate([x, y]), bandwidth))
    signs = np.ones((RELABELLINGS + 1, 2 * n))
    signs[:, n:] = -1.0
    signs[1:] = rng.permuted(signs[1:], axis=1)
    parts = torch.from_numpy(signs).split(_CHUNK)
    total = torch.cat([((part @ k) * part).sum(dim=1) for part in parts]).numpy()
    return _share_as_large(total)


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    """Squared Frechet distance of the two samples' means and covariances.

    Raises:
        ValueError: fewer than 2 d rows in either, where the covariances carry no information on
            many directions and the bias exceeds what is measured.
    """
    d = x.shape[1]
    if min(len(x), len(y)) < max(2, 2 * d):
        raise ValueError(
            f"the Frechet distance in {d} dimensions needs at least {max(2, 2 * d)} samples of each "
            f"kind, got {len(x)} and {len(y)}; draw more, or use fewer features"
        )
    covariances = [np.atleast_2d(np.cov(a, rowvar=False)) for a in (x, y)]
    return frechet_of(x.mean(axis=0), covariances[0], y.mean(axis=0), covariances[1])


def frechet_of(m1: np.ndarray, c1: np.ndarray, m2: np.ndarray, c2: np.ndarray) -> float:
    """|m1 - m2|^2 + tr(c1 + c2 - 2 (c1^{1/2} c2 c1^{1/2})^{1/2}) for covariances [d, d]."""
    values, vectors = np.linalg.eigh(c1)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ c2 @ root), 0.0)).sum()
    return float(np.square(m1 - m2).sum() + np.trace(c1) + np.trace(c2) - 2.0 * cross)


def _kernel(pool: np.ndarray, bandwidth: float) -> np.ndarray:
    if not bandwidth > 0.0:
        raise ValueError(f"bandwidth must be positive (a distance), got {bandwidth}")
    return np.exp(-np.square(distances(pool, pool) / bandwidth) / 2.0)


def _share_as_large(statistic: np.ndarray) -> float:
    """p-value of the first entry among all; values equal to rounding count as equal."""
    slack = 1e-6 * abs(float(statistic[0]))
    return float((1 + (statistic[1:] >= statistic[0] - slack).sum()) / len(statistic))
