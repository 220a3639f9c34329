"""An orthonormal basis that grows by products with a symmetric operator, and what it knows of it.

Every search by Lanczos stands on this one object: a flat tensor of rows, each orthogonalised twice
by classical Gram-Schmidt. The first pass takes only the rows that the recurrence says a product has
a part in, mostly two; the second takes all, and a third follows where the second removed more than
it left ("twice is enough", Parlett 1998). A pass is two products of a matrix and a vector, and a
step reads the device once, where solvers that orthogonalise vector by vector read it once a vector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from gancheck.operators.given_up import GivenUp
from gancheck.operators.linear_operator import OperatorError

if TYPE_CHECKING:
    from torch import Tensor

    from gancheck.operators.budget import Budget
    from gancheck.operators.linear_operator import LinearOperator

__all__ = ["KrylovBasis", "admit_precision", "rounding"]

_ROUNDING = 16.0  # products agree with their exact values to this many machine epsilons (measured)
_LEAST_TOLERANCE = 1e-5  # of a float32 product: the residual asked for is then its rounding
_ENOUGH = 1e60  # of a watched share
_GIVEN_UP = 4  # directions kept of those, so that residuals are known; each a vector of memory
_COLUMNS = 1 << 16  # of the basis compressed at a time, so that compression needs no second basis


def rounding(dtype: torch.dtype) -> float:
    """Relative size of the difference between a product and its exact value."""
    return _ROUNDING * torch.finfo(dtype).eps


def admit_precision(dtype: torch.dtype, tol: float) -> None:
    """Refuse a precision in which the tolerance cannot be met.

    Raises:
        ValueError: tol not in (0, 1), or below 1e-5 in float32.
        TypeError: neither float32 nor float64.
    """
    if dtype not in (torch.float32, torch.float64):
        raise TypeError(
            f"eigenvalues need float32 or float64 products, this operator's are {dtype}: "
            "cast the model and its data (--dtype float32)"
        )
    if not 0.0 < tol < 1.0:
        raise ValueError(f"tol must be between 0 and 1, got {tol}")
    if dtype == torch.float32 and tol < _LEAST_TOLERANCE:
        raise ValueError(
            f"tol must be at least {_LEAST_TOLERANCE:g} in float32, whose products carry about 1e-6, "
            f"got {tol:g}; use a float64 model (--dtype float64) for more"
        )


class KrylovBasis:
    """Orthonormal rows V [size, n], the projection V A V^T, and the direction that comes next.

    A V^T = V^T T + coupling next e_last^T + residuals of rows that came from another Krylov space,
    whose next direction was given up. The first few of these directions are kept, so that residuals
    are known as vectors; `stale` bounds row by row what is left along the others. T, coupling and
    Ritz values are those of A / scale.

    Args:
        operator: symmetric.
        capacity: rows at most, in 1..n.
        seed: of every random direction.
        budget: told of each product.
        device: of the rows.
        start: first direction [n]; random where not given.
        apart: orthonormal rows [k, n] that every direction is kept orthogonal to.
    """

    def __init__(
        self,
        operator: LinearOperator,
        capacity: int,
        *,
        seed: int,
        budget: Budget | None = None,
        device: torch.device | str | None = None,
        start: Tensor | None = None,
        apart: Tensor | None = None,
    ) -> None:
        self.operator, self.capacity = operator, capacity
        self.n = operator.shape[0]
        self.rows = torch.empty(
            min(capacity + 1, self.n),
            self.n,
            dtype=operator.dtype,
            device=device or operator.device,
        )
        self.projection = np.zeros((capacity, capacity))
        self.stale = np.zeros(capacity)
        self._given_up = GivenUp(capacity)
        self._arrow = np.zeros(0)  # coefficients that the next product must have on the rows
        self._watched = np.zeros(0)
        self._shares = np.zeros((capacity + 1, 0))
        self._seen = np.zeros(0)
        self.size = 0
        self.coupling = 0.0
        self.norm = 0.0  # largest column of any projection so far, a lower bound of ||A||
        self.reserve = 0  # products held back from the budget
        self._budget = budget
        self._apart = apart
        self._scale: float | None = None
        self._rng = torch.Generator().manual_seed(seed)
        self._begin(start)

    @property
    def scale(self) -> float:
        """Power of two by which products are divided, so that squares stay in range."""
        return 1.0 if self._scale is None else self._scale

    @property
    def complete(self) -> bool:
        """Whether the rows fill the space, so that their Ritz values are all eigenvalues."""
        return self.size == self.n

    @property
    def spent(self) -> bool:
        """Whether the budget, less what is held back, is used up."""
        budget = self._budget
        return budget is not None and (budget.exhausted or budget.left <= self.reserve)

    def product(self, v: Tensor) -> Tensor:
        """A v / scale, where the rows are; counted."""
        if self._budget is not None:
            self._budget.spend()
        w = self.operator.matvec(v).to(self.rows.device)
        if self._scale is None:
            largest = float(w.abs().max())
            if largest > 0.0 and np.isfinite(largest):
                self._scale = float(2.0 ** np.floor(np.log2(largest)))
        return w if self.scale == 1.0 else w / self.scale

    def watch(self, values: np.ndarray) -> None:
        """Follow what an unseen eigenvector at each value would be by now, from a share of one.

        The next direction is random; let c be its share of a unit eigenvector orthogonal to the
        rows, with eigenvalue l. A step multiplies, so by T alone c is carried into every later row,
        as c h. The rows are orthonormal, so c is at most 1 / ||h||.
        """
        self._watched = np.asarray(values, dtype=float)
        self._shares = np.zeros((self.capacity + 1, len(values)))
        self._shares[self.size] = 1.0
        self._seen = np.ones(len(values))

    @property
    def seen(self) -> np.ndarray:
        """The largest ||h|| of each watched value so far; infinite where its Krylov space ended."""
        return self._seen

    def step(self) -> None:
        """Multiply the next direction, take it in, and find the one after it."""
        j = self.size
        expected = np.flatnonzero(self._arrow)
        w = self.product(self.rows[j])
        w, first = self._less(w, int(expected[0]) if len(expected) else j, j + 1)
        w, host, norm, along = self._less_all(w, first, j + 1)
        if not np.isfinite(host).all() or not np.isfinite(norm):
            raise OperatorError(
                "a product with the operator is not finite: look for an overflow, or for an operation "
                "without a finite second derivative at this point"
            )
        self.projection[: j + 1, j] = self.projection[j, : j + 1] = host
        # What the product has on old rows beyond the expected was in their residuals.
        given_up = self._given_up
        caught = host[:j] - self._arrow - given_up.along @ given_up.parts[:, :j]
        given_up.take_in(j)
        self.stale[:j] = np.sqrt(np.maximum(self.stale[:j] ** 2 - caught**2, 0.0))
        self.norm = max(self.norm, float(np.hypot(np.linalg.norm(host), norm)))
        self.size, self.coupling = j + 1, norm
        self._arrow = np.append(np.zeros(j), self.coupling)
        if self.coupling <= rounding(self.rows.dtype) * self.norm:
            self.coupling = 0.0
            self._arrow[j] = 0.0
            self._seen = np.full_like(self._seen, np.inf)
            self.renew()
        elif self.size < len(self.rows):
            self.rows[self.size] = w / self.coupling
            given_up.along = along
            self._carry(host)

    def ritz(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ritz values ascending, their coordinates in the rows [size, size], residual estimates."""
        t = self.projection[: self.size, : self.size]
        values, y = np.linalg.eigh(t)
        stale = np.linalg.norm(self.stale[: self.size, None] * y, axis=0)
        return values, y, np.hypot(self._given_up.residuals(y, self._arrow @ y), stale)

    def compress(self, y: np.ndarray) -> None:
        """Let the rows be the Ritz vectors y [size, k]; the next direction stays."""
        self._given_up.leave(self.rows[: self.size])
        self._turn(y)

    def thin(self, first: int, y: np.ndarray) -> None:
        """Let the rows from `first` on be Ritz vectors y [size - first, k] of theirs alone."""
        whole = np.zeros((self.size, first + y.shape[1]))
        whole[:first, :first] = np.eye(first)
        whole[first:, first:] = y
        lost = self.projection[first : self.size, :first]
        lost = np.linalg.norm(lost - y @ (y.T @ lost), axis=0)
        self._turn(whole)
        if self.stale.any():  # else the directions given up know it
            self.stale[:first] = np.hypot(self.stale[:first], lost)

    def renew(self, direction: Tensor | None = None) -> None:
        """Let the next direction be a new one, orthogonal to the rows; random where none is given.

        What led from the rows to the old one is given up.
        """
        if self.size < len(self.rows) and self._arrow.any():
            if len(self._given_up) < _GIVEN_UP and not self.stale.any():
                self._given_up.add(self.rows[self.size], self._arrow)
            else:
                self.stale[: self.size] = np.hypot(self.stale[: self.size], self._arrow)
        self._arrow, self.coupling = np.zeros(self.size), 0.0
        if self.size == len(self.rows):
            return
        w = self._random() if direction is None else direction / direction.norm()
        for _ in range(2):
            w, _ = self._less(w, 0, self.size)
            w = w / torch.linalg.vector_norm(w)
        self.rows[self.size] = w
        self._given_up.along = self._given_up.on(w).double().cpu().numpy()

    def begin_at(self, direction: Tensor, residuals: np.ndarray) -> None:
        """Go on from a direction, with residuals of the rows that are known to have this length."""
        self.renew(direction)
        self._given_up = GivenUp(self.capacity)
        self.stale[: self.size] = residuals

    def residuals(self, y: np.ndarray) -> tuple[np.ndarray, Tensor] | None:
        """A v - V^T T V v of the vectors v of coordinates y [size, k], by what products left over.

        Returns:
            Coefficients [d, k] of directions [d, n] of any length; None where a direction of theirs
            was not kept.
        """
        if self.stale.any():
            return None
        size = self.size
        parts = np.concatenate([self._given_up.parts[:, :size], self._arrow[None]])
        outside = self._given_up.outside(self.rows[:size])
        if size < len(self.rows):
            return parts @ y, torch.cat([outside, self.rows[size : size + 1]])
        return parts[:-1] @ y, outside

    def draw(self, count: int) -> np.ndarray:
        """Standard normal numbers from the generator of every random direction."""
        return torch.randn(count, generator=self._rng, dtype=torch.float64).numpy()

    def _turn(self, y: np.ndarray) -> None:
        """Let the rows be the orthonormal combinations y [size, k] of themselves."""
        k, size = y.shape[1], self.size
        projection = y.T @ self.projection[:size, :size] @ y
        stale = np.linalg.norm(self.stale[:size, None] * y, axis=0)
        turn = torch.as_tensor(y.T.copy(), dtype=self.rows.dtype, device=self.rows.device)
        for at in range(0, self.n, _COLUMNS):
            self.rows[:k, at : at + _COLUMNS] = turn @ self.rows[:size, at : at + _COLUMNS]
        if size < len(self.rows):
            self.rows[k] = self.rows[size]
        self.projection[:] = 0.0
        self.projection[:k, :k] = projection
        self.stale[:] = 0.0
        self.stale[:k] = stale
        self._arrow = y.T @ self._arrow
        self._given_up.turn(y)
        following = self._shares[size].copy()
        self._shares[:k] = y.T @ self._shares[:size]
        self._shares[k] = following
        self.size = k

    def _carry(self, column: np.ndarray) -> None:
        """From l h_j = sum_i T_ij h_i + coupling h_next: the share of the row just made."""
        if not len(self._watched):
            return
        j = self.size - 1
        shares = self._shares
        watched = self._watched / self.scale
        shares[j + 1] = (watched * shares[j] - column @ shares[: j + 1]) / self.coupling
        norms = np.linalg.norm(shares[: j + 2], axis=0)
        self._seen = np.maximum(self._seen, norms)
        shares[:, norms > _ENOUGH] = 0.0  # seen beyond doubt; further growth would overflow

    def _begin(self, start: Tensor | None) -> None:
        self.renew(None if start is None else start.to(self.rows))

    def _random(self) -> Tensor:
        v = torch.randn(self.n, generator=self._rng, dtype=self.rows.dtype)
        return (v / v.norm()).to(self.rows)

    def _less(self, w: Tensor, first: int, last: int) -> tuple[Tensor, Tensor]:
        """The vector less its part in rows first to last; that part's coefficients. One pass."""
        if self._apart is not None:
            w = torch.addmv(w, self._apart.T, self._apart @ w, alpha=-1.0)
        rows = self.rows[first:last]
        part = rows @ w
        return torch.addmv(w, rows.T, part, alpha=-1.0), part

    def _less_all(
        self, w: Tensor, first: Tensor, count: int
    ) -> tuple[Tensor, np.ndarray, float, np.ndarray]:
        """The vector less its part in all rows; by one host read unless a pass has to follow.

        Args:
            w: less the part already taken from it.
            first: the coefficients of that part, in the last of the rows.
            count: of the rows.

        Returns:
            What is left, all coefficients, its norm, and the share of it that directions given up
            have.
        """
        total = np.zeros(count)
        while True:
            w, part = self._less(w, 0, count)
            norm = torch.linalg.vector_norm(w, dtype=torch.float64)
            own = torch.cat([part, first, self._given_up.on(w)]).double()
            host = torch.cat([own, norm[None]]).cpu().numpy()
            along, length = host[count + len(first) : -1], float(host[-1])
            total += host[:count]
            total[count - len(first) :] += host[count : count + len(first)]
            if not np.linalg.norm(host[:count]) > length > 0.0:
                return w, total, length, along / max(length, np.finfo(float).tiny)
            first = first[:0]
