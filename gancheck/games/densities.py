"""How dense is a law that can be written down?

Log densities as functions of points, in float64. Mixtures of normals and uniform discs have theirs
in closed form. A curve with normal noise about it is a mixture of normals along it, summed by
Gauss-Legendre quadrature on pieces of three standard deviations with sixteen nodes each. What has
mass without area has no density.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LogDensity", "discs", "noisy_curves", "normals"]

LogDensity = Callable[[Tensor], Tensor]
"""Points [n, d] -> ln p [n] in float64, -infinity where there is nothing."""

_NODES = 16
_CHUNK = 1000  # points at a time: many nodes stand beside each


def normals(modes: Tensor, spread: float, *, weights: Tensor | None = None) -> LogDensity:
    """A mixture of normals with one standard deviation in every coordinate.

    Args:
        modes: [K, d] float64.
        spread: the standard deviation, positive.
        weights: [K], adding up to 1; equal where not given.

    Example:
        >>> one = normals(torch.zeros(1, 2, dtype=torch.float64), 1.0)
        >>> round(one(torch.zeros(1, 2)).exp().item() * 2 * math.pi, 12)
        1.0
    """
    count, size = modes.shape
    shares = torch.full((count,), 1.0 / count, dtype=torch.float64) if weights is None else weights
    offsets = shares.log() - 0.5 * size * math.log(2.0 * math.pi * spread**2)
    return partial(_normals, modes, offsets, spread)


def noisy_curves(
    curves: Sequence[Callable[[Tensor], Tensor]],
    low: float,
    high: float,
    *,
    speed: float,
    spread: float,
) -> LogDensity:
    """Equally likely curves c(t), t uniform on [low, high], with normal noise on every coordinate.

    Args:
        curves: t [m] -> points [m, d], float64.
        low: first t.
        high: last t.
        speed: a bound of |dc/dt|.
        spread: standard deviation of the noise, positive.
    """
    pieces = max(1, math.ceil((high - low) * speed / (3.0 * spread)))
    at, weight = np.polynomial.legendre.leggauss(_NODES)
    edges = np.linspace(low, high, pieces + 1)
    half = (high - low) / pieces / 2.0
    t = torch.from_numpy(((edges[:-1] + half)[:, None] + half * at).reshape(-1))
    share = torch.from_numpy(np.tile(weight / 2.0 / pieces, pieces))
    modes = torch.cat([curve(t) for curve in curves])
    return normals(modes, spread, weights=share.repeat(len(curves)) / len(curves))


def discs(centres: Tensor, radius: float) -> LogDensity:
    """Discs of one radius that do not overlap, uniformly filled; centres are [K, 2] in float64."""
    return partial(_discs, centres, radius)


def _normals(modes: Tensor, offsets: Tensor, spread: float, x: Tensor) -> Tensor:
    parts = [
        torch.logsumexp(offsets - _distances(part, modes).square() / (2.0 * spread**2), dim=1)
        for part in x.double().split(_CHUNK)
    ]
    return torch.cat(parts)


def _discs(centres: Tensor, radius: float, x: Tensor) -> Tensor:
    inside = (_distances(x.double(), centres) <= radius).any(dim=1)
    out = torch.full((len(x),), -math.inf, dtype=torch.float64)
    out[inside] = -math.log(len(centres) * math.pi * radius**2)
    return out


def _distances(x: Tensor, centres: Tensor) -> Tensor:
    """[n, K], without the shortcut through inner products, which loses digits."""
    return torch.cdist(x, centres, compute_mode="donot_use_mm_for_euclid_dist")
