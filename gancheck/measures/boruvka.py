"""Which edges join points at the least total length, and how is one sure of it?

Boruvka's algorithm on lists of near neighbours. In a round every component looks for its shortest
edge to another one. The shortest listed edge is right when no point of the component could have a
nearer unlisted neighbour: the search gives such a bound for each point. Components for which the
bounds suffice join for nothing; only when too few of them do are more neighbours searched, fewest
rows first, and the largest component is never searched. A distance known by bounds alone is
computed directly before it decides anything.

Source: Boruvka (1926); the bound by the k-th neighbour as in March, Ram and Gray (2010), who use a
tree of boxes instead of lists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from gancheck.measures.neighbours import nearest_directly, squared_distances

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gancheck.measures.neighbours import Search

__all__ = ["Round", "boruvka"]

_ENOUGH = 8  # a round that joins an eighth of the components for nothing searches no further
_SEARCHED = 2048  # rows searched between two looks at the bounds


class Round(NamedTuple):
    """One round of joining.

    Attributes:
        components: before the round.
        by_bound: components whose shortest edge was certain from the lists held already.
        searched: components for which rows were searched again.
        rows: how many rows that took.
    """

    components: int
    by_bound: int
    searched: int
    rows: int


class _State(NamedTuple):
    """Lists of every point, updated in place."""

    rows: np.ndarray
    low: np.ndarray
    high: np.ndarray
    beyond: np.ndarray


def boruvka(
    search: Search, *, neighbours: int, core: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, list[Round]]:
    """Exact minimum spanning tree of the points of a search.

    Args:
        search: gives neighbours with bounds.
        neighbours: listed for each point.
        core: [n] squared core distances, where the weight is mutual reachability.

    Returns:
        Edges [n - 1, 2], their squared weights [n - 1], and what each round took.
    """
    n = len(search.x)
    every = np.arange(n)
    lists = _State(*search.nearest(every, neighbours))
    part = every.copy()
    edges: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    rounds: list[Round] = []
    while (m := int(part.max()) + 1) > 1:
        best = _shortest(search.x, lists, part, m, core)
        sure = _certain(lists, part, best, m)
        free, searched, rows = int(sure.sum()), 0, 0
        if _ENOUGH * free < m:
            searched, rows = _search_more(search, lists, part, m, sure, core)
            best = _shortest(search.x, lists, part, m, core)
            sure = _certain(lists, part, best, m)
        chosen = _acyclic(part, m, best, np.flatnonzero(sure))
        edges.append(chosen.ends)
        weights.append(chosen.squared)
        rounds.append(Round(m, free, searched, rows))
        graph = coo_array((np.ones(len(chosen.ends)), part[chosen.ends].T), shape=(m, m))
        part = connected_components(graph, directed=False)[1].astype(np.int64)[part]
    return np.concatenate(edges), np.concatenate(weights), rounds


class _Best(NamedTuple):
    """Shortest known edge: of each component, or of those chosen."""

    ends: np.ndarray
    squared: np.ndarray


def _shortest(
    x: np.ndarray, lists: _State, part: np.ndarray, m: int, core: np.ndarray | None
) -> _Best:
    """The shortest listed edge out of each component, its length computed directly.

    Every listed edge whose lower bound does not exceed the least upper bound is computed, so that
    the shortest of them is known and not guessed. Infinite where nothing outside is listed.
    """
    index, low, high, _ = lists
    outside = (part[index] != part[:, None]) & (index >= 0)
    upper = np.full(m, np.inf)
    np.minimum.at(upper, part, np.where(outside, high, np.inf).min(axis=1))
    row, column = np.nonzero(outside & (low <= upper[part][:, None]))
    open_ = low[row, column] != high[row, column]
    r, c = row[open_], column[open_]
    squared = squared_distances(x, r, index[r, c])
    if core is not None:
        squared = np.maximum(squared, np.maximum(core[r], core[index[r, c]]))
    low[r, c] = high[r, c] = squared
    length, i, j = low[row, column], row, index[row, column]
    order = np.lexsort((np.maximum(i, j), np.minimum(i, j), length, part[i]))
    owner = part[i][order]
    first = order[np.r_[True, owner[1:] != owner[:-1]]] if len(order) else order
    ends, shortest = np.full((m, 2), -1, dtype=np.int64), np.full(m, np.inf)
    which = part[i[first]]
    ends[which] = np.stack([i[first], j[first]], axis=1)
    shortest[which] = length[first]
    return _Best(ends, shortest)


def _certain(lists: _State, part: np.ndarray, best: _Best, m: int) -> np.ndarray:
    """Components [m] in which no point can have an unlisted neighbour outside that is nearer."""
    bound = np.full(m, np.inf)
    np.minimum.at(bound, part, lists.beyond)
    return np.isfinite(best.squared) & (bound >= best.squared)


def _search_more(
    search: Search,
    lists: _State,
    part: np.ndarray,
    m: int,
    sure: np.ndarray,
    core: np.ndarray | None,
) -> tuple[int, int]:
    """Renew the lists of components that are not certain: half of all, those of fewest rows.

    Rows whose bound is least come first, and each batch may spare the rest of its component. What
    ties or rounding leave in doubt after that is searched by subtraction.
    """
    upper = _shortest(search.x, lists, part, m, core).squared
    pending = lists.beyond < upper[part]
    rows_of = np.bincount(part[pending], minlength=m)
    rows_of[sure] = 0
    needy = np.flatnonzero(~sure)
    order = needy[np.argsort(rows_of[needy], kind="stable")]
    size = np.bincount(part, minlength=m)
    order = order[order != size.argmax()]
    chosen = order[: max(1, m // 2)]
    asked = np.flatnonzero(np.isin(part, chosen) & pending)
    spent = 0
    for batch in _least_first(asked, lists, part, upper):
        found = search.nearest(batch, lists.rows.shape[1], part)
        for held, new in zip(lists, found, strict=True):
            held[batch] = new
        spent += len(batch)
        np.minimum.at(upper, part[batch], found.high.min(axis=1))
    upper = _shortest(search.x, lists, part, m, core).squared
    for batch in _least_first(asked, lists, part, upper):
        found = nearest_directly(search.x, batch, lists.rows.shape[1], part, core)
        for held, new in zip(lists, found, strict=True):
            held[batch] = new
        spent += len(batch)
        search.rows_searched += len(batch)
        np.minimum.at(upper, part[batch], found.high.min(axis=1))
    return len(chosen), spent


def _least_first(
    rows: np.ndarray, lists: _State, part: np.ndarray, upper: np.ndarray
) -> Iterator[np.ndarray]:
    """Rows whose bound does not reach their component's shortest edge, looked at again each time."""
    rows = rows[np.argsort(lists.beyond[rows], kind="stable")]
    for begin in range(0, len(rows), _SEARCHED):
        batch = rows[begin : begin + _SEARCHED]
        batch = batch[lists.beyond[batch] < upper[part[batch]]]
        if len(batch):
            yield batch


def _acyclic(part: np.ndarray, m: int, best: _Best, sure: np.ndarray) -> _Best:
    """The certain edges without repeats and without the circles that ties could close."""
    ends, squared = best.ends[sure], best.squared[sure]
    order = np.lexsort((ends.max(axis=1), ends.min(axis=1), squared))
    a, b = part[ends[order]].T
    rank = np.arange(1, len(order) + 1, dtype=np.float64)
    low, high = np.minimum(a, b), np.maximum(a, b)
    # Of two edges between the same components the earlier counts: duplicates would be summed.
    _, first = np.unique(low * m + high, return_index=True)
    tree = minimum_spanning_tree(
        coo_array((rank[first], (low[first], high[first])), shape=(m, m)).tocsr()
    )
    kept = order[tree.data.astype(np.int64) - 1]
    return _Best(ends[kept], squared[kept])
