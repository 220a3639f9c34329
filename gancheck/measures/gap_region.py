"""Where is the middle of a gap between two components of the data?

With a and b the distances of a point to its nearest and second-nearest component, a/(a+b) is 0 on a
component and 1/2 halfway between two. The bridge region is where it exceeds a threshold and the
point is off the tube around the data. The threshold is 1/4, the middle half of a gap; where more
than 1 % of held-out real data lies beyond that, as happens where dimensions are many and all
distances alike, it is their 99 % quantile; beyond 0.4 there is no gap left to speak of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from scipy.spatial import KDTree

from gancheck.measures.merge_curve import components_at
from gancheck.measures.spanning_tree import emst

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LARGEST_THRESHOLD", "MIDDLE", "TUBE", "Placed", "Region", "joined", "nearest", "place"]

MIDDLE = 0.25  # a/(a+b) above this is the middle half of a gap
LARGEST_THRESHOLD = 0.4  # above this threshold held-out data fills the gap
TUBE = 0.99  # quantile of held-out real distances that bounds the tube around the data
_TREE_DIMENSION = 12  # above it a blockwise distance matrix beats a k-d tree
_BLOCK = 1000


class Placed(NamedTuple):
    """Samples among the components.

    Attributes:
        a: [n] distance to the nearest component.
        b: [n] distance to the second nearest.
        first: [n] which is nearest.
        second: [n] which is second.
    """

    a: np.ndarray
    b: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @property
    def ambiguity(self) -> np.ndarray:
        """[n] a/(a+b), in 0..1/2."""
        return self.a / np.maximum(self.a + self.b, np.finfo(float).tiny)


class Region(NamedTuple):
    """What counts as the middle of a gap.

    Attributes:
        threshold: of a/(a+b).
        radius: of the tube: 99 % of held-out real data are within it.
    """

    threshold: float
    radius: float

    @classmethod
    def calibrated(cls, held_out: Placed) -> Region:
        """From real samples that are in no component's reference."""
        return cls(
            max(MIDDLE, float(np.quantile(held_out.ambiguity, TUBE))),
            float(np.quantile(held_out.a, TUBE)),
        )

    def holds(self, placed: Placed) -> np.ndarray:
        """[n] whether each sample is in the bridge region."""
        return (placed.ambiguity > self.threshold) & (placed.a > self.radius)


def place(x: np.ndarray, groups: Sequence[np.ndarray]) -> Placed:
    """Distances of samples [n, d] to their two nearest groups."""
    distance = np.stack([nearest(x, group) for group in groups])
    order = np.argsort(distance, axis=0, kind="stable")
    columns = np.arange(len(x))
    return Placed(
        distance[order[0], columns], distance[order[1], columns], order[0].copy(), order[1].copy()
    )


def nearest(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance [n] of each row of x to the nearest row of y."""
    if x.shape[1] <= _TREE_DIMENSION:
        found: Any = KDTree(y).query(x)
        return found[0]
    centre = y.mean(axis=0)  # products of far-off points cancel; about the mean they do not
    target = torch.from_numpy(y - centre)
    return np.concatenate(
        [
            torch.cdist(torch.from_numpy(x[i : i + _BLOCK] - centre), target).amin(dim=1).numpy()
            for i in range(0, len(x), _BLOCK)
        ]
    )


def joined(
    x: np.ndarray, placed: Placed, region: Region, bridging: np.ndarray, height: float, count: int
) -> np.ndarray:
    """[count, count] which components the samples link in steps of at most `height`.

    A pair is linked where samples on the tube of one and on the tube of the other hang together
    through samples whose two nearest components are this pair. Looked at only where some sample
    bridges the pair, and not at all for an infinite height.
    """
    out = np.zeros((count, count), dtype=bool)
    if not np.isfinite(height):
        return out
    low = np.minimum(placed.first, placed.second)
    high = np.maximum(placed.first, placed.second)
    on_tube = placed.a <= region.radius
    pairs = np.unique(np.stack([low[bridging], high[bridging]], axis=1), axis=0)
    for i, j in pairs.tolist():
        rows = np.flatnonzero((low == i) & (high == j) | on_tube & np.isin(placed.first, (i, j)))
        touched = [np.flatnonzero((on_tube & (placed.first == k))[rows]) for k in (i, j)]
        if all(len(t) for t in touched):
            out[i, j] = out[j, i] = _hang_together(x[rows], touched[0], touched[1], height)
    return out


def _hang_together(x: np.ndarray, one: np.ndarray, other: np.ndarray, height: float) -> bool:
    """Whether one piece of the cloud, cut at that height, reaches both sets of rows."""
    piece = components_at(emst(x), height)
    return bool(np.isin(piece[one], piece[other]).any())
