"""In which norm does a game contract that does not contract in the plain one?

For t > 0 and D = diag(I, t I) over the two players, D^-1 J D has the eigenvalues of J. Its own blocks
are those of J and its cross blocks t B and C / t, where J has B and C. Where one player feels the
other much more than it is felt, B and C differ in size, the symmetric part of J is indefinite
whatever the flow does, and that of D^-1 J D need not be: if it is positive definite, every
eigenvalue has positive real part (Bendixson 1902), and the flow contracts in the norm
|g|^2 + |d|^2 / t^2. t is the one that makes t B + C^T / t smallest in the Frobenius norm, where a
zero-sum game, B = -C^T, has t = 1 and any B = -k C^T becomes one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gancheck.measures.certificates import lower_end
from gancheck.operators.krylov_basis import rounding
from gancheck.operators.lanczos import spectral_norm
from gancheck.operators.linear_operator import LinearOperator

if TYPE_CHECKING:
    from gancheck.operators.budget import Budget

__all__ = [
    "Contraction",
    "balance",
    "balance_of",
    "between_players",
    "contraction",
    "contraction_of",
    "scaled_matrix",
]

_PROBES = 8  # of each cross block: its norm to about a third, and t to an eighth
_LEAST = 1.1  # a t nearer to 1 changes the symmetric part too little to be worth a second search
_MOST = 1e3  # where one cross block vanishes t is bounded, and so is the rounding that it magnifies


def between_players(jacobian: LinearOperator, split: int, t: float) -> LinearOperator:
    """D^-1 J D by products.

    Args:
        jacobian: J, of size n.
        split: number of the first player's parameters.
        t: of D = diag(I, t I).
    """
    d = torch.ones(jacobian.shape[0], dtype=jacobian.dtype, device=jacobian.device)
    d[split:] = t
    return LinearOperator(
        jacobian.shape[0],
        lambda v: jacobian.matvec(d * v) / d,
        lambda v: d * jacobian.rmatvec(v / d),
        dtype=jacobian.dtype,
        device=jacobian.device,
    )


def scaled_matrix(matrix: np.ndarray, split: int, t: float) -> np.ndarray:
    """D^-1 J D of a matrix that is formed."""
    d = np.ones(len(matrix))
    d[split:] = t
    return matrix * d / d[:, None]


def balance(
    jacobian: LinearOperator, split: int, *, seed: int = 0, budget: Budget | None = None
) -> float:
    """The t of the module's heading, from Hutchinson estimates of both cross blocks; 1 where near.

    Any t > 0 leaves the eigenvalues as they are, so a rough one does no harm.

    Cost: 16 products; none, and 1, where the budget has no room for them.
    """
    if budget is not None and budget.left < 2 * _PROBES:
        return 1.0
    rng = torch.Generator().manual_seed(seed)
    squares = [0.0, 0.0]
    for _ in range(_PROBES):
        signs = torch.randint(0, 2, (jacobian.shape[0],), generator=rng) * 2.0 - 1.0
        w = signs.to(dtype=jacobian.dtype, device=jacobian.device)
        own, other = w.clone(), w.clone()
        own[split:], other[:split] = 0.0, 0.0
        squares[0] += float(jacobian.matvec(other)[:split].double().square().sum())
        squares[1] += float(jacobian.matvec(own)[split:].double().square().sum())
    if budget is not None:
        budget.spend(2 * _PROBES)
    return _from_squares(*squares)


def balance_of(matrix: np.ndarray, split: int) -> float:
    """The same of a matrix that is formed."""
    b, c = matrix[:split, split:], matrix[split:, :split]
    return _from_squares(float(np.square(b).sum()), float(np.square(c).sum()))


def _from_squares(upper: float, lower: float) -> float:
    """(||C||^2 / ||B||^2)^(1/4), within bounds; 1 where it is near 1 or there are no cross blocks."""
    if not (math.isfinite(upper) and math.isfinite(lower)) or upper == lower == 0.0:
        return 1.0
    t = _MOST if upper == 0.0 else (lower / upper) ** 0.25
    t = min(max(t, 1.0 / _MOST), _MOST)
    return 1.0 if 1.0 / _LEAST < t < _LEAST else t


@dataclass(frozen=True, slots=True, kw_only=True)
class Contraction:
    """A norm |g|^2 + |d|^2 / t^2 in which one batch's flow contracts.

    Attributes:
        t: of D = diag(I, t I).
        low: smallest eigenvalue of the symmetric part of D^-1 J D found, at most the slowest rate.
        error: its residual and rounding.
        because: what proves it, in a sentence.
    """

    t: float
    low: float
    error: float
    because: str


def contraction(
    jacobian: LinearOperator,
    split: int,
    *,
    eta: float,
    floor: float,
    seed: int = 0,
    budget: Budget | None = None,
) -> Contraction | None:
    """Search for a norm in which every direction decays at more than a floor, by products.

    Args:
        jacobian: J.
        split: number of the first player's parameters.
        eta: accepted chance that the proof is wrong.
        floor: rate that counts as none.
        seed: of every random vector.
        budget: ends the search.

    Returns:
        None where there is none of this form, or it cannot be shown.

    Cost: 16 products, and some 100 to 800 where the scaled symmetric part is positive definite.
    """
    t = balance(jacobian, split, seed=seed, budget=budget)
    if t == 1.0:
        return None
    scaled = between_players(jacobian, split, t)
    end = lower_end(scaled.symmetric, eta=eta, seed=seed, budget=budget)
    if end is None or end.bound <= floor:
        return None
    if budget is not None and (budget.exhausted or budget.left < 4):
        return None
    # The antisymmetric part cancels in a product of the symmetric one, but not in its rounding.
    turning = spectral_norm(scaled.antisymmetric, seed=seed, budget=budget)
    noise = 2.0 * rounding(jacobian.dtype) * turning.value
    if end.bound - noise <= floor:
        return None
    certainty = "" if end.complete else f" with probability {1.0 - eta:.4g}"
    return Contraction(
        t=t,
        low=end.low,
        error=end.residual + noise,
        because=f"no real part lies below {end.bound - noise:.3g}{certainty}: in the norm |g|^2 + "
        f"|d|^2 / {t:.2g}^2 the symmetric part's smallest eigenvalue is {end.low:.4g} after "
        f"{end.steps} steps",
    )


def contraction_of(matrix: np.ndarray, split: int, *, floor: float) -> Contraction | None:
    """The same of a matrix that is formed, in float64."""
    t = balance_of(matrix, split)
    if t == 1.0:
        return None
    scaled = scaled_matrix(matrix, split, t)
    low = float(np.linalg.eigvalsh(0.5 * (scaled + scaled.T))[0])
    error = len(matrix) * float(np.finfo(float).eps) * float(np.linalg.norm(scaled))
    if low - error <= floor:
        return None
    return Contraction(
        t=t,
        low=low,
        error=error,
        because=f"in the norm |g|^2 + |d|^2 / {t:.2g}^2 the symmetric part's smallest eigenvalue is "
        f"{low:.4g}",
    )
