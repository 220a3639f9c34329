"""One Krylov-Schur search: a basis grown by products and cut back by Schur.

A V = V B + v b^T with orthonormal V [n, j], small B and b: growing it by a product adds a column to
B, and turning V by a Schur basis of B and dropping the end keeps the form (Stewart 2001).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import linalg
from scipy.linalg import lapack

from gancheck.operators.linear_operator import OperatorError
from gancheck.operators.outermost import outermost, schur_values, wanted_values

if TYPE_CHECKING:
    from gancheck.operators.budget import Budget
    from gancheck.operators.linear_operator import LinearOperator
    from gancheck.operators.outermost import Which

__all__ = ["FLOOR", "Found", "Search", "gone", "room"]

_EVERY = 4  # products between two looks at the small matrix: a look costs about 5 ms on the host
_PATIENCE = 60  # products before a largest imaginary part is believed
# A residual is judged against |l|, or against this share of the operator's norm where l is smaller:
# an eigenvalue near zero to 1e-3 of itself would cost more than all others together.
FLOOR = 0.01
# Share of the tolerance at which to stop: rounding then leaves the true residual within it.
_RECURRENCE = 0.7
# In units of eps ||A||, a next vector that is only rounding: amplified by the steps before, it was
# seen at 140 for five well separated values.
_BREAKDOWN = {torch.float32: 50.0, torch.float64: 1000.0}

# scipy's stubs know neither the second of these functions nor the number of values of the first.
_reorder: Any = lapack.dtrsen  # pyright: ignore[reportAttributeAccessIssue]


def _schur(small: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found: Any = linalg.schur(small, output="real")
    return found[0], found[1]


@dataclass(frozen=True)
class Found:
    """Ritz pairs of a finished search: values [w], vectors [n, w] complex on the device."""

    values: np.ndarray
    vectors: torch.Tensor
    norm: float
    complete: bool
    turns: bool

    def joined(self, other: Found) -> Found:
        """Both searches' pairs, for one of them ended without an imaginary part."""
        if not other.turns:
            return self
        return Found(
            np.concatenate([self.values, other.values]),
            torch.cat([self.vectors, other.vectors], dim=1),
            max(self.norm, other.norm),
            complete=False,
            turns=True,
        )


@dataclass(kw_only=True)
class Search:
    """One run: A V = V B + v b^T with orthonormal V, grown by products and cut back by Schur."""

    operator: LinearOperator
    targets: tuple[Which, ...]
    k: int
    size: int
    tol: float
    budget: Budget | None
    restarts: int

    def run(self, start: np.ndarray, *, seed: int, random: bool) -> Found:
        """Grow and cut back until the wanted pairs stand, or the budget or the restarts end.

        Args:
            start: first direction [n].
            seed: of the directions that replace it where a space is invariant.
            random: whether `start` is, so that an invariant space has every distinct eigenvalue.
        """
        operator, n = self.operator, self.operator.shape[0]
        self._rows = torch.zeros(self.size + 1, n, dtype=operator.dtype, device=operator.device)
        self._h = torch.zeros(self.size + 1, self.size, dtype=torch.float64, device=operator.device)
        self._rng = torch.Generator().manual_seed(seed + 104_729)
        self._looked = 0  # columns whose next vector is known to be no rounding noise
        first = torch.as_tensor(start, dtype=torch.float64)
        self._rows[0] = (first / first.norm()).to(dtype=operator.dtype, device=operator.device)
        j = products = restarted = 0
        complete = False
        previous: np.ndarray | None = None
        while True:
            self._extend(j)
            j, products = j + 1, products + 1
            ended = gone(self.budget, 2 * self.k * len(self.targets))
            if products % _EVERY and j < self.size and not ended:
                continue
            j, small, spike, norm, invariant = self._look(j)
            # float32 products differ from the matrix by 1e-6: they cannot show a space exhausted
            whole = random and restarted == 0 and operator.dtype == torch.float64
            complete = complete or (invariant and whole) or j >= n
            values, vectors = np.linalg.eig(small)
            residuals = np.abs(spike @ vectors)
            wanted = wanted_values(values, self.targets, self.k)
            limits = self.tol * np.maximum(np.abs(values[wanted]), FLOOR * norm)
            settled = bool((residuals[wanted] <= _RECURRENCE * limits).all())
            enough = len(values) >= min(n, self.k * len(self.targets))
            turns = bool(np.abs(values[wanted].imag).max() > self._noise * norm)
            extremes = values[[wanted_values(values, (t,), 1)[0] for t in self.targets]]
            stands = previous is not None and bool(
                (np.abs(extremes - previous) <= 10.0 * self.tol * norm).all()
            )
            patient = "LI" not in self.targets or products >= (1 if turns else 2) * _PATIENCE
            done = settled and enough and ((stands and patient) or complete)
            if done or ended or (j >= self.size and restarted >= self.restarts) or j >= n:
                chosen = torch.as_tensor(vectors[:, wanted].astype(complex))
                return Found(values[wanted], self._lift(chosen, j), norm, complete, turns)
            previous = extremes if settled else None
            if j >= self.size:
                j = self._restart(small, spike)
                restarted += 1
            if invariant:
                self._renew(j)

    @property
    def _noise(self) -> float:
        """An imaginary part below this share of the norm may be a split double real eigenvalue."""
        return float(torch.finfo(self.operator.dtype).eps) ** 0.5

    def _extend(self, j: int) -> None:
        """One product, orthogonalised twice against all before; no value comes to the host."""
        rows = self._rows[: j + 1]
        w = self.operator.matvec(self._rows[j])
        if self.budget is not None:
            self.budget.spend()
        first = rows @ w
        w = w - first @ rows
        second = rows @ w
        w = w - second @ rows
        # in float64: the square of 1e-30 is zero in float32
        length = torch.linalg.vector_norm(w, dtype=torch.float64)
        w = (w.double() / length.clamp_min(1e-300)).to(w.dtype)
        # NaN stays in h, where the next look finds it, and the operator is not handed one
        self._rows[j + 1] = w.nan_to_num(0.0, 0.0, 0.0)
        self._h[: j + 1, j] = first.double() + second.double()
        self._h[j + 1, j] = length

    def _look(self, j: int) -> tuple[int, np.ndarray, np.ndarray, float, bool]:
        """Size, B, b and ||B|| on the host; the size is cut where a next vector was only rounding."""
        h = self._h[: j + 1, :j].cpu().numpy().copy()  # on the host it would share memory
        if not np.isfinite(h).all():
            raise OperatorError(
                "a product is not finite: NaN or infinity came out of a finite vector; look for an "
                "overflow in the loss, or examine the game in float64"
            )
        norm = float(np.linalg.norm(h[:j, :j], 2))
        dtype = self.operator.dtype
        noise = _BREAKDOWN[dtype] * float(torch.finfo(dtype).eps) * norm
        for c in range(self._looked, j):
            if h[c + 1, c] <= noise:
                self._looked = c + 1
                return c + 1, h[: c + 1, : c + 1], np.zeros(c + 1), norm, True
        self._looked = j
        return j, h[:j, :j], h[j, :], norm, False

    def _restart(self, small: np.ndarray, spike: np.ndarray) -> int:
        """Keep a Schur basis of the wanted values and of a third of the others."""
        m = len(small)
        t, q = _schur(small)
        values = schur_values(t)
        wanted = len(wanted_values(values, self.targets, self.k))
        keep = outermost(values, self.targets, wanted + (m - wanted) // 3)
        select = np.zeros(m, dtype=np.int32)
        select[keep] = 1
        t, q, *_, info = _reorder(select, t, q, job=b"N", lwork=m, liwork=m)
        if info:  # two values too close to be exchanged; the order is nearly the one asked for
            t, q = _schur(small)
        p = len(keep)
        if p < m and t[p, p - 1] != 0.0:  # never cut a 2 x 2 block
            p += 1
        turn = torch.as_tensor(np.ascontiguousarray(q[:, :p].T), dtype=self._rows.dtype)
        last = self._rows[m].clone()
        self._rows[:p] = turn.to(self._rows.device) @ self._rows[:m]
        self._rows[p] = last
        self._h.zero_()
        self._h[:p, :p] = torch.as_tensor(t[:p, :p])
        self._h[p, :p] = torch.as_tensor(spike @ q[:, :p])
        self._looked = p
        return p

    def _renew(self, j: int) -> None:
        """The space is invariant: go on from a random direction outside it."""
        rows = self._rows[:j]
        w = torch.randn(self.operator.shape[0], generator=self._rng, dtype=torch.float64)
        w = w.to(dtype=rows.dtype, device=rows.device)
        for _ in range(2):
            w = w - (rows @ w) @ rows
        self._rows[j] = w / w.norm()
        self._h[j, :j] = 0.0

    def _lift(self, y: torch.Tensor, j: int) -> torch.Tensor:
        """Ritz vectors [n, w] from coefficients [j, w]."""
        rows = self._rows[:j]
        parts = [x.to(dtype=rows.dtype, device=rows.device) for x in (y.real, y.imag)]
        return torch.complex(rows.T @ parts[0], rows.T @ parts[1])


def room(budget: Budget | None) -> float:
    """Products that may still be spent, without limit where there is no budget."""
    return float("inf") if budget is None else budget.left


def gone(budget: Budget | None, reserve: int) -> bool:
    """Whether no product may be spent but those kept in reserve."""
    return room(budget) <= reserve
