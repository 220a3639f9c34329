"""Of which separate pieces do the data consist, and is that established?

Pieces are found by density-filtered single linkage: the sparsest 5 % of the points (by distance to
the tenth neighbour) are put aside, the rest is joined by its spanning tree, and the tree is cut at
twice the 99.9 % quantile of the heights at which less than 1 % of the mass joins, because merges
inside a piece look like that. A piece holds at least 1 % of the mass and five points. Where too
much of the data is in no piece, or only one is found, nothing is established.

Or the pieces are the user's: labels, or a classifier.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gancheck.measures.merge_curve import components_at, merges
from gancheck.measures.neighbours import GramSearch, TreeSearch, core_distances
from gancheck.measures.spanning_tree import emst

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Components", "from_labels", "link_height", "linked"]

_SMALLEST = 0.01  # a component holds at least this share of the points kept
_POINTS = 5  # and at least so many of them
_OUTLIERS = 0.05  # sparsest share put aside before linkage
_NEIGHBOURS = 10
_STRETCH = 2.0  # a gap is this many times the longest merge seen inside components
_STRAY = 0.05  # more of the kept points than this in no component: pieces were not found
_TREE_DIMENSION = 12


@dataclass(frozen=True, slots=True)
class Components:
    """Pieces of the data.

    Attributes:
        labels: [n] 0, 1, ... or -1 for a point in none.
        count: how many.
        source: how they were got, in words.
        height: the longest step inside a piece; infinite where it is not known.
        doubt: why they are not established, in a sentence; "" where they are.
        needed: points at which the largest piece that is too small to count (a point, where all
            count) would count; None where no number is known to help: a single component, labels.
    """

    labels: np.ndarray
    count: int
    source: str
    height: float
    doubt: str = ""
    needed: int | None = None


def linked(x: np.ndarray) -> Components:
    """Pieces of the rows of x [n, d] by density-filtered single linkage.

    Cost: two nearest-neighbour passes and a spanning tree.
    """
    n = len(x)
    source = "density-filtered single linkage"
    labels = np.full(n, -1)
    kept = _dense(x)
    if len(kept) < 2:
        doubt = f"{n} points are too few to find components in"
        return Components(labels, 0, source, math.inf, doubt, _least_for(_SMALLEST))
    tree = emst(x[kept])
    cut = _cut(tree.weights, merges(tree).smaller, len(kept))
    found = components_at(tree, cut)
    size = np.bincount(found)
    heavy = np.flatnonzero(size >= max(_POINTS, _SMALLEST * len(kept)))
    name = np.full(len(size), -1)
    name[heavy] = np.arange(len(heavy))
    labels[kept] = name[found]
    stray = 1.0 - float(size[heavy].sum()) / len(kept)
    doubt, needed = "", None
    if stray > _STRAY:
        smallest = float(size.max()) if len(heavy) == 0 else float(size[heavy].min())
        doubt = (
            f"{stray:.0%} of the reference lies in pieces of fewer than {_POINTS} points or "
            f"{_SMALLEST:.0%} of the mass (at most {_STRAY:.0%} may)"
        )
        needed = _least_for(min(smallest, _POINTS) / len(kept) / 2.0)
    elif len(heavy) < 2:
        doubt = f"{n} points of the data show a single component in this space"
    else:
        light = np.append(np.delete(size, heavy), 1)
        needed = _least_for(min(float(light.max()), _POINTS) / len(kept))
    return Components(labels, len(heavy), source, cut, doubt, needed)


def from_labels(labels: Any, x: Any, n: int) -> tuple[np.ndarray, str]:
    """Class [n] of every real sample, numbered from 0, and where it comes from.

    Args:
        labels: [n] classes, or a classifier: samples -> classes [n].
        x: the real samples, given to the classifier as they are.
        n: how many there are.

    Raises:
        ValueError: not one class a sample.
    """
    source = "labels"
    if callable(labels):
        classifier: Callable[[Any], Any] = labels
        labels, source = classifier(x), "classifier"
    if isinstance(labels, torch.Tensor):
        labels = labels.detach().cpu().numpy()
    classes = np.asarray(labels)
    if classes.shape != (n,):
        raise ValueError(
            f"{source} must have shape ({n},), one class a real sample, got {classes.shape}"
        )
    if classes.dtype.kind == "f" and not np.isfinite(classes).all():
        raise ValueError(f"{source} must be finite; there is NaN or infinity among them")
    return np.unique(classes, return_inverse=True)[1], source


def link_height(x: np.ndarray) -> float:
    """The longest step that is usual inside the data: at which a cloud of this size hangs together.

    Cost: a spanning tree.
    """
    kept = _dense(x)
    if len(kept) < 2:
        return math.inf
    tree = emst(x[kept])
    return _cut(tree.weights, merges(tree).smaller, len(kept))


def _dense(x: np.ndarray) -> np.ndarray:
    """Rows that are not among the sparsest."""
    n = len(x)
    if n < 2:
        return np.arange(0)
    search = TreeSearch(x) if x.shape[1] <= _TREE_DIMENSION else GramSearch(x)
    sparse = core_distances(search, min(_NEIGHBOURS, n - 1))
    return np.flatnonzero(sparse <= np.quantile(sparse, 1.0 - _OUTLIERS))


def _cut(heights: np.ndarray, smaller: np.ndarray, n: int) -> float:
    minor = heights[smaller < max(_SMALLEST * n, 2)]
    return _STRETCH * float(np.quantile(minor, 0.999)) if len(minor) else 0.0


def _least_for(share: float) -> int:
    """Points at which a piece of that share holds twice the least number."""
    return math.ceil(2 * _POINTS / share)
