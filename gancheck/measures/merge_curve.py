"""How do the pieces of a cloud join as the scale grows, and how heavy are they?

Cutting the minimum spanning tree at a height gives the components of single linkage. A count of
them grows with n, because every stray point is one; pieces that hold a share of the mass do not. So
each merge is kept with the number of points on both of its sides, and the curve counts pieces of at
least a given mass.

Source: Gower and Ross (1969) for single linkage from the spanning tree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from gancheck.measures.spanning_tree import Tree

__all__ = ["Merges", "components_at", "heavy_components", "merges"]


class Merges(NamedTuple):
    """What joins at each height.

    Attributes:
        heights: [n - 1], ascending.
        smaller: [n - 1] points on the lighter side just before.
        larger: [n - 1] points on the heavier side.
    """

    heights: np.ndarray
    smaller: np.ndarray
    larger: np.ndarray


def merges(tree: Tree) -> Merges:
    """Sizes of both sides of every merge.

    Merges at one height are taken in the order of the tree's edges; the sizes within such a tie
    depend on it, those after it do not.

    Example:
        >>> from gancheck.measures.spanning_tree import emst
        >>> merges(emst([[0.0], [1.0], [5.0], [7.0]])).smaller.tolist()
        [1, 1, 2]
    """
    n = len(tree.edges) + 1
    parent = list(range(n))
    size = [1] * n
    smaller = np.empty(n - 1, dtype=np.int64)
    larger = np.empty(n - 1, dtype=np.int64)
    for step, (i, j) in enumerate(tree.edges.tolist()):
        a, b = _root(parent, i), _root(parent, j)
        if size[a] > size[b]:
            a, b = b, a
        smaller[step], larger[step] = size[a], size[b]
        parent[a] = b
        size[b] += size[a]
    return Merges(tree.weights, smaller, larger)


def components_at(tree: Tree, height: float) -> np.ndarray:
    """Label [n] of each point's component once everything up to the height has joined."""
    n = len(tree.edges) + 1
    ends = tree.edges[tree.weights <= height]
    graph = coo_array((np.ones(len(ends)), ends.T), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def heavy_components(found: Merges, least: float) -> np.ndarray:
    """Number [n - 1] of components of at least `least` points after each merge.

    Args:
        found: of `merges`.
        least: points, not a share.
    """
    before = (found.smaller >= least).astype(np.int64) + (found.larger >= least)
    after = (found.smaller + found.larger >= least).astype(np.int64)
    start = len(found.heights) + 1 if least <= 1 else 0
    return start + np.cumsum(after - before)


def _root(parent: list[int], i: int) -> int:
    """The representative of a point; paths are halved on the way."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i
