"""Which points are nearest, and how far is every other point at least?

`GramSearch` and `TreeSearch` answer the one question that an exact spanning tree asks, with bounds
that hold in floating point: for some rows, the k nearest points outside the row's own component,
bounds on their squared distances, and one number a row below which no unlisted point lies.

`GramSearch` multiplies blocks of the data about their median. A product of float32 numbers loses what two
large norms have in common, so every squared distance is replaced by its lower bound
(1 - 2 g)(|x|^2 + |y|^2) - 2 x.y with g = (d + 8) u, u the unit roundoff: one product that costs no
more and is right whatever was lost. Where the loss is large against the distances themselves it
works in float64, and where that fails too it subtracts coordinate by coordinate.

Source: the error of an inner product in Higham (2002), section 3.1; k-d trees by scipy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import torch
from scipy.spatial import KDTree

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "GramSearch",
    "Listing",
    "Search",
    "TreeSearch",
    "core_distances",
    "nearest_directly",
    "squared_distances",
]

_BLOCK_BYTES = 16 << 20  # of one block of distances
_GATHER_BYTES = 2 << 20  # of one block of coordinate differences
_LOSS = 0.02  # rounding above this part of a typical nearest squared distance: next precision
_PROBES = 32
_CENTRE = 257  # rows whose median is the origin of the products


class Listing(NamedTuple):
    """The nearest points outside the own component of each asked row.

    Attributes:
        rows: [m, k] which; -1 where there are fewer than k.
        low: [m, k] lower bounds on the squared distances, infinite where `rows` is -1.
        high: [m, k] upper bounds, equal to `low` where the distance was computed directly.
        beyond: [m] no unlisted point outside the component is nearer than this, squared.
    """

    rows: np.ndarray
    low: np.ndarray
    high: np.ndarray
    beyond: np.ndarray


class Search(Protocol):
    """What the spanning tree needs to know of the points."""

    x: np.ndarray
    method: str
    rows_searched: int

    def nearest(self, rows: np.ndarray, k: int, part: np.ndarray | None = None) -> Listing:
        """The k nearest points of other parts (of other rows, where no parts are given)."""
        ...


class GramSearch:
    """Search by blocks of one matrix product, for any dimension.

    Args:
        x: [n, d] finite, float32 or float64, of magnitude at most about 1e18.
        core: [n] squared core distances; then a distance is the mutual reachability
            max(d(x, y), core(x), core(y)).

    Memory: n d in the working precision and one block of 16 MiB. Cost: one product of a block and
    the data a block of rows.
    """

    def __init__(self, x: np.ndarray, core: np.ndarray | None = None) -> None:
        self.x, self.rows_searched = x, 0
        self._core = core
        n, d = x.shape
        # The median of some rows: one outlier would carry a mean, and every norm with it, away.
        some = np.unique(np.linspace(0, n - 1, _CENTRE).astype(int))
        centre = np.median(x[some].astype(np.float64), axis=0)
        nearest, norms = _probe(x, centre)
        self.method = "direct differences"
        for dtype, name in ((torch.float32, "float32"), (torch.float64, "float64")):
            info = torch.finfo(dtype)
            slack = (d + 8) * float(info.eps) / 2
            if 4.0 * slack * norms <= _LOSS * nearest:
                self.method = f"products in {name}"
                self._prepare(dtype, centre, slack, tiny=2.0 * d * float(info.tiny))
                break
        self._block = max(1, min(n, _BLOCK_BYTES // (8 * n)))

    def _prepare(
        self, dtype: torch.dtype, centre: np.ndarray, slack: float, *, tiny: float
    ) -> None:
        n = len(self.x)
        centred = torch.empty(self.x.shape, dtype=dtype)
        norm = np.empty(n)
        step = max(1, _GATHER_BYTES // (8 * self.x.shape[1]))
        for i in range(0, n, step):
            part = self.x[i : i + step].astype(np.float64) - centre
            norm[i : i + step] = np.einsum("ij,ij->i", part, part)
            centred[i : i + step] = torch.from_numpy(part)
        self._centred, self._norm, self._slack, self._tiny = centred, norm, slack, tiny
        self._shrunk = torch.from_numpy((1.0 - 2.0 * slack) * norm).to(dtype)

    def nearest(self, rows: np.ndarray, k: int, part: np.ndarray | None = None) -> Listing:
        """The k nearest points of other parts, and a lower bound on all others."""
        n = len(self.x)
        k = min(k, n - 1)
        self.rows_searched += len(rows)
        labels = torch.arange(n) if part is None else torch.from_numpy(part)
        core = None if self._core is None else torch.from_numpy(self._core)
        index = np.empty((len(rows), k), dtype=np.int64)
        low, beyond = np.empty((len(rows), k)), np.empty(len(rows))
        for begin in range(0, len(rows), self._block):
            own = rows[begin : begin + self._block]
            lower = self._lower(own, core)
            if part is None:
                lower[torch.arange(len(own)), torch.from_numpy(own)] = torch.inf
            else:
                lower.masked_fill_(labels[own][:, None] == labels[None, :], torch.inf)
            found = torch.topk(lower, k, dim=1, largest=False, sorted=False)
            block = slice(begin, begin + len(own))
            index[block] = found.indices.numpy()
            values = found.values.numpy().astype(np.float64)
            if self.method != "direct differences":
                values = values + ((1.0 - 2.0 * self._slack) * self._norm[own])[:, None]
                values -= self._tiny
            low[block] = np.maximum(values, 0.0)
        index[~np.isfinite(low)] = -1
        beyond[:] = low.max(axis=1)
        return self._bounds(rows, index, low, beyond)

    def _lower(self, own: np.ndarray, core: torch.Tensor | None) -> torch.Tensor:
        """Lower bounds [m, n], less the share of the row itself where products are used."""
        if self.method == "direct differences":
            lower = _by_differences(self.x, own)
            if core is not None:
                lower = torch.maximum(torch.maximum(lower, core[own][:, None]), core[None, :])
            return lower
        rows = torch.from_numpy(own)
        lower = torch.addmm(self._shrunk, self._centred[rows], self._centred.T, alpha=-2.0)
        if core is not None:
            # Shrunk a little more than the share is, so that rounding cannot raise the bound.
            share = torch.from_numpy((1.0 + 2.0 * self._slack) * self._norm[own])
            shifted = (core[None, :] * (1.0 - 2.0 * self._slack) - share[:, None]).to(lower.dtype)
            lower = torch.maximum(lower, shifted)
        return lower

    def _bounds(
        self, rows: np.ndarray, index: np.ndarray, low: np.ndarray, beyond: np.ndarray
    ) -> Listing:
        high = low.copy()
        if self.method == "direct differences":
            # A root and a square: two roundings, which must not raise a lower bound.
            unit = 4.0 * np.finfo(np.float64).eps
            low, beyond, high = low * (1 - unit), beyond * (1 - unit), high * (1 + unit)
        else:
            both = self._norm[rows][:, None] + self._norm[index]
            high = low + 4.0 * self._slack * both + 2.0 * self._tiny
            high[index < 0] = np.inf
        if self._core is not None:
            own = self._core[rows][:, None]
            floor = np.where(index < 0, np.inf, np.maximum(own, self._core[index]))
            low, high = np.maximum(low, floor), np.maximum(high, floor)
            beyond = np.maximum(beyond, self._core[rows])
        return Listing(index, low, high, beyond)


class TreeSearch:
    """Search by k-d trees, for few dimensions; distances are computed directly.

    Args:
        x: [n, d], d small: beyond a dozen dimensions a tree visits every point.
        core: as in `GramSearch`.

    Cost: a tree of all points; and, for rows that must leave their part, a tree of the points
    outside for each part, or of each part's rows where the whole is asked.
    """

    method = "k-d tree"

    def __init__(self, x: np.ndarray, core: np.ndarray | None = None) -> None:
        self.x, self.rows_searched = x.astype(np.float64, copy=False), 0
        self._core, self._tree = core, KDTree(x)

    def nearest(self, rows: np.ndarray, k: int, part: np.ndarray | None = None) -> Listing:
        """The k nearest points of other parts, and a lower bound on all others."""
        n = len(self.x)
        k = min(k, n - 1)
        self.rows_searched += len(rows)
        if part is None:
            pair: Any = self._tree.query(self.x[rows], k=k + 1)
            distance, index = pair
            keep = index != rows[:, None]
            keep[keep.all(axis=1), -1] = False  # hidden behind k + 1 copies of itself
            distance, index = distance[keep].reshape(-1, k), index[keep].reshape(-1, k)
            return self._listing(rows, index, distance)
        index = np.full((len(rows), k), -1, dtype=np.int64)
        distance = np.full((len(rows), k), np.inf)
        for which in np.unique(part[rows]):
            asked = np.flatnonzero(part[rows] == which)
            outside = np.flatnonzero(part != which)
            few = min(k, len(outside))
            found, place = KDTree(self.x[outside]).query(self.x[rows[asked]], k=few)
            distance[asked, :few] = found.reshape(len(asked), few)
            index[asked, :few] = outside[place.reshape(len(asked), few)]
        return self._listing(rows, index, distance)

    def _listing(self, rows: np.ndarray, index: np.ndarray, distance: np.ndarray) -> Listing:
        unit = 8.0 * np.finfo(np.float64).eps
        low = distance**2 * (1.0 - unit)
        high = distance**2 * (1.0 + unit)
        beyond = low.max(axis=1)
        if self._core is not None:
            floor = np.maximum(self._core[rows][:, None], self._core[index])
            low, high = np.maximum(low, floor), np.maximum(high, floor)
            beyond = np.maximum(beyond, self._core[rows])
        return Listing(index, low, high, beyond)


def squared_distances(x: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """|x_i - x_j|^2 [m] by subtraction in float64, so that nothing cancels."""
    out = np.empty(len(i))
    for block in _blocks(len(i), x.shape[1]):
        difference = x[i[block]].astype(np.float64, copy=False) - x[j[block]]
        out[block] = np.einsum("ij,ij->i", difference, difference)
    return out


def nearest_directly(
    x: np.ndarray, rows: np.ndarray, k: int, part: np.ndarray, core: np.ndarray | None = None
) -> Listing:
    """The k nearest points of other parts by subtraction, for rows that bounds leave in doubt.

    What is not listed is at least as far as the last that is, to the rounding of a sum of squares:
    that is how ties end. Costs n d a row.
    """
    n, d = x.shape
    k = min(k, n - 1)
    index, low = np.empty((len(rows), k), dtype=np.int64), np.empty((len(rows), k))
    step = max(1, _BLOCK_BYTES // (8 * n))
    for begin in range(0, len(rows), step):
        own = rows[begin : begin + step]
        squared = _by_differences(x, own).numpy()
        if core is not None:
            squared = np.maximum(squared, np.maximum(core[own][:, None], core[None, :]))
        squared[part[own][:, None] == part[None, :]] = np.inf
        chosen = np.argpartition(squared, k - 1, axis=1)[:, :k]
        index[begin : begin + step] = chosen
        low[begin : begin + step] = np.take_along_axis(squared, chosen, axis=1)
    listed = np.isfinite(low)
    row, column = np.nonzero(listed)
    again = squared_distances(x, rows[row], index[row, column])
    if core is not None:
        again = np.maximum(again, np.maximum(core[rows[row]], core[index[row, column]]))
    beyond = low.max(axis=1) * (1.0 + 2.0 * (d + 8) * np.finfo(np.float64).eps)
    low[row, column] = again
    index[~listed] = -1
    return Listing(index, low, low.copy(), beyond)


def _by_differences(x: np.ndarray, rows: np.ndarray) -> torch.Tensor:
    """Squared distances [m, n] of some rows to all, nothing multiplied out."""
    y = torch.from_numpy(x.astype(np.float64, copy=False))
    return torch.cdist(y[rows], y, compute_mode="donot_use_mm_for_euclid_dist").square_()


def core_distances(search: Search, k: int) -> np.ndarray:
    """Squared distance [n] of each point to its k-th nearest other point, exact to rounding.

    Raises:
        ValueError: k outside 1..n-1.
    """
    n = len(search.x)
    if not 1 <= k <= n - 1:
        raise ValueError(f"core must be in 1..{n - 1} (the other points), got {k}")
    rows = np.arange(n)
    found = search.nearest(rows, min(k + 8, n - 1))
    width = found.rows.shape[1]
    exact = squared_distances(search.x, np.repeat(rows, width), found.rows.ravel())
    exact = np.sort(exact.reshape(n, width), axis=1)[:, k - 1]
    unsure = np.flatnonzero((exact > found.beyond) & (width < n - 1))
    for row in unsure:  # the k-th lies within rounding of the list's end
        every = squared_distances(
            search.x, np.full(n - 1, row, dtype=np.int64), np.delete(rows, row)
        )
        exact[row] = np.partition(every, k - 1)[k - 1]
    return exact


def _blocks(count: int, d: int) -> Iterator[slice]:
    step = max(1, _GATHER_BYTES // (8 * d))
    return (slice(i, i + step) for i in range(0, count, step))


def _probe(x: np.ndarray, centre: np.ndarray) -> tuple[float, float]:
    """Typical squared distance to a nearest neighbour that is no copy, and typical squared norm."""
    n = len(x)
    rows = np.unique(np.linspace(0, n - 1, _PROBES).astype(int))
    nearest: list[float] = []
    norms: list[float] = []
    for row in rows:
        distance = squared_distances(x, np.full(n, row, dtype=np.int64), np.arange(n))
        positive = distance[distance > 0.0]
        nearest.append(float(positive.min()) if len(positive) else 0.0)
        offset: Any = x[row].astype(np.float64) - centre
        norms.append(float(offset @ offset))
    return float(np.median(nearest)), float(np.median(norms))
