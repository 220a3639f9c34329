"""How large are the symmetric and the antisymmetric part of a matrix known by its products?

Both parts share one basis and one set of probes. A basis Q that catches most of J comes from a
sketch, Q = orth[J W, J^T W]; what lies in it is exact, from J Q and J^T Q, and only the rest is left
to random probes w (Hutch++: Meyer, Musco, Musco, Woodruff 2021). With P = I - Q Q^T,

    ||A||_F^2 = ||Q^T A Q||_F^2 + 2 ||P A Q||_F^2 + E ||P A P w||^2,

since Q^T A P is, up to sign, the transpose of P A Q; the same holds for S. These are inner products
of one matrix with itself. Of two matrices measured with the same Q and w they estimate <A_1, A_2>,
and of two independent batches that is unbiased for the expected matrix, where one batch adds its
noise to the square.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.special import stdtrit

if TYPE_CHECKING:
    from torch import Tensor

    from gancheck.operators.linear_operator import LinearOperator

__all__ = [
    "Parts",
    "Squares",
    "compressed",
    "measured_parts",
    "pairs_for",
    "probes",
    "share_of",
    "shared_basis",
]

_CONFIDENCE = 0.975


@dataclass(frozen=True, slots=True)
class Parts:
    """A matrix as its Frobenius inner products see it, for A and for S.

    Attributes:
        exact: two tensors [entries], whose inner product is that of the part inside the basis.
        probed: two tensors [m, n], P A P w and P S P w of each probe.
    """

    exact: tuple[Tensor, Tensor]
    probed: tuple[Tensor, Tensor]

    def inner(self, other: Parts) -> Squares:
        """Estimates of <A_1, A_2> and <S_1, S_2>, probe by probe."""
        exact = [_dot(x, y) for x, y in zip(self.exact, other.exact, strict=True)]
        rest = [
            (x.double() * y.double()).sum(1).cpu().numpy()
            for x, y in zip(self.probed, other.probed, strict=True)
        ]
        return Squares(exact=np.array(exact), probed=np.stack(rest))


@dataclass(frozen=True, slots=True)
class Squares:
    """Inner products of two matrices with one another, for A and for S.

    Attributes:
        exact: [2], from inside the basis.
        probed: [2, m], from each probe.
    """

    exact: np.ndarray
    probed: np.ndarray

    @property
    def totals(self) -> np.ndarray:
        """[2]: ||A||_F^2 and ||S||_F^2."""
        rest = self.probed.mean(1) if self.probed.shape[1] else np.zeros(2)
        return self.exact + rest

    def share(self) -> tuple[float, float]:
        """||A||_F / ||J||_F and half the width of its 95 % interval, by the jackknife over probes.

        0 and 0 for J = 0, which turns nowhere; no width where nothing was left to probes.
        """
        value = share_of(self.totals)
        m = self.probed.shape[1]
        if m < 2:
            return value, 0.0
        dropped = np.array(
            [
                share_of(self.exact + (self.probed.sum(1) - self.probed[:, i]) / (m - 1))
                for i in range(m)
            ]
        )
        error = float(np.sqrt((m - 1) / m * ((dropped - dropped.mean()) ** 2).sum()))
        return value, float(stdtrit(m - 1, _CONFIDENCE)) * error


def share_of(totals: np.ndarray) -> float:
    """sqrt(a / (a + s)), in [0, 1]; ||J||_F^2 = ||A||_F^2 + ||S||_F^2."""
    a, whole = max(float(totals[0]), 0.0), float(totals.sum())
    return min((a / whole) ** 0.5, 1.0) if whole > 0.0 else 0.0


def pairs_for(pairs: int) -> tuple[int, int]:
    """Columns of the sketch and probes that cost so many pairs of products: 3 k + m.

    Raises:
        ValueError: fewer than 7, too few for a basis and an error.
    """
    if pairs < 7:
        raise ValueError(f"pairs must be at least 7 for a basis and four probes, got {pairs}")
    k = max(1, (pairs - 4) // 4)
    return k, pairs - 3 * k


def shared_basis(operator: LinearOperator, k: int, *, seed: int) -> Tensor:
    """Orthonormal Q [n, at most 2 k] of [J W, J^T W] for a random W [n, k]; k pairs of products."""
    n = operator.shape[0]
    rng = torch.Generator().manual_seed(seed)
    w = torch.randn(n, k, generator=rng, dtype=torch.float64)
    w = w.to(dtype=operator.dtype, device=operator.device)
    sketch = torch.cat([operator.matmat(w), operator.transposed.matmat(w)], dim=1)
    scale = float(sketch.abs().max())
    if scale == 0.0:
        return sketch[:, :0]
    return torch.linalg.qr(sketch / scale)[0]


def probes(operator: LinearOperator, m: int, *, seed: int) -> Tensor:
    """Rademacher probes [n, m]."""
    rng = torch.Generator().manual_seed(seed)
    w = torch.randint(0, 2, (operator.shape[0], m), generator=rng) * 2.0 - 1.0
    return w.to(dtype=operator.dtype, device=operator.device)


def measured_parts(operator: LinearOperator, basis: Tensor, w: Tensor) -> Parts:
    """What the basis Q [n, q] and the probes w [n, m] see of a matrix; q + m pairs of products.

    The basis must not depend on the probes.
    """
    w = w - basis @ (basis.T @ w)
    both = torch.cat([basis, w], dim=1)
    forward, backward = operator.matmat(both), operator.transposed.matmat(both)
    q = basis.shape[1]
    exact, probed = [], []
    for part in (0.5 * (forward - backward), 0.5 * (forward + backward)):
        inside = basis.T @ part
        outside = part - basis @ inside
        exact.append(torch.cat([inside[:, :q].reshape(-1), 2.0**0.5 * outside[:, :q].reshape(-1)]))
        probed.append(outside[:, q:].T.contiguous())
    return Parts(exact=(exact[0], exact[1]), probed=(probed[0], probed[1]))


def compressed(basis: Tensor, parts: Parts, k: int) -> Tensor:
    """Of a basis [n, q] the 2 k directions in which the matrix is largest, left and right.

    Args:
        basis: Q [n, q].
        parts: measured with it, for Q^T J Q.
        k: largest singular values of Q^T J Q that are kept.
    """
    q = basis.shape[1]
    if 2 * k >= q:
        return basis
    inside = sum(x[: q * q].reshape(q, q) for x in parts.exact)
    u, _, v = torch.linalg.svd(torch.as_tensor(inside))
    return basis @ torch.linalg.qr(torch.cat([u[:, :k], v[:k].T], dim=1))[0]


def _dot(x: Tensor, y: Tensor) -> float:
    return float((x.double() * y.double()).sum())
