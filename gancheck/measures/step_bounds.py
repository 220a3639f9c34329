"""With which step does gradient descent contract at this point, simultaneous or alternating?

The players move by theta' = theta - h v(theta). Linearised at an equilibrium with Jacobian J:

- simultaneous: theta' = (I - h J) theta, which contracts an eigenvalue l of J where
  h < 2 Re l / |l|^2;
- alternating, the discriminator first and the generator seeing its move:
  theta' = (I - h P_G J)(I - h P_D J) theta, with P_G, P_D the projections on a player's coordinates.
  Its eigenvalues are no function of J's, so they are computed for the composed map itself, and the
  largest h is found by bisection on the largest modulus.

Directions whose eigenvalue lies below the noise floor neither grow nor shrink and are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gancheck.operators import LinearOperator
from gancheck.operators.krylov_schur import krylov_schur

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from gancheck.operators.budget import Budget

__all__ = ["alternating_bound", "scaled", "simultaneous_bound"]

_GALLOP = 4.0  # alternating may bear a step larger than simultaneous by |Im l| / Re l
_GALLOPS = 12
_HALVINGS = 8  # a bracket of ratio 4 is then known to 1 %
_UNSEEN = 1e-4  # what a search for the largest modulus at tolerance 1e-3 leaves open


def simultaneous_bound(values: np.ndarray, *, floor: float) -> float | None:
    """Least 2 Re l / |l|^2 over eigenvalues above the floor; None where one of them does not decay.

    Args:
        values: eigenvalues, complex.
        floor: modulus below which one counts as zero.

    Example:
        >>> round(simultaneous_bound(np.array([1 + 1j, 2.0, 1e-12]), floor=1e-6), 6)
        1.0
    """
    alive = values[np.abs(values) > floor]
    if not len(alive) or float(np.real(alive).min()) <= floor:
        return None
    return float((2.0 * np.real(alive) / np.abs(alive) ** 2).min())


def scaled(jacobian: LinearOperator, scale: Tensor) -> LinearOperator:
    """diag(scale) J: the field of an optimiser with a step of its own for each coordinate."""
    scale = scale.to(dtype=jacobian.dtype, device=jacobian.device)
    return LinearOperator(
        jacobian.shape[0],
        lambda v: scale * jacobian.matvec(v),
        lambda v: jacobian.rmatvec(scale * v),
        dtype=jacobian.dtype,
        device=jacobian.device,
    )


def alternating_bound(
    jacobian: LinearOperator,
    *,
    split: int,
    start: float,
    floor: float,
    matrix: np.ndarray | None = None,
    seed: int = 0,
    budget: Budget | None = None,
) -> tuple[float, float] | None:
    """A step at which alternating descent contracts, and the width of the bracket above it.

    Args:
        jacobian: of the field.
        split: number of the generator's parameters.
        start: where the search begins, say the simultaneous bound.
        floor: growth per unit of step that counts as none: the noise floor of the spectrum.
        matrix: J [n, n], where it is formed; then every eigenvalue of the composed map is seen.
        seed: of the eigenvalue search.
        budget: an evaluation that it cuts short ends the search without an answer.

    Returns:
        (h, width): the largest modulus is below 1 at h, as at every smaller step tried, and not at
        h + width; None where no step tried contracts, none fails, or the budget ended. Where J is
        not formed the largest modulus is the largest one found, so h is an upper bound, and growth
        by less than 1e-4 a step is not seen.

    Cost: about 12 searches of some 15 products with the composed map, each two with J.

    Example:
        >>> import torch
        >>> from gancheck.games import analytic
        >>> from gancheck.operators import GameJacobian
        >>> game = analytic.planted([(0.1, 1.0)])  # simultaneous descent bears no step above 0.198
        >>> jacobian = GameJacobian(game, game.sample(1))
        >>> matrix = jacobian.dense().numpy()
        >>> round(alternating_bound(jacobian, split=1, start=0.2, floor=0.0, matrix=matrix)[0], 1)
        1.8
    """

    def contracts(h: float) -> bool | None:
        if matrix is not None:
            grows = float(np.abs(np.linalg.eigvals(_composed(matrix, split, h))).max())
            return grows < 1.0 + h * floor
        found = _largest_modulus(jacobian, split, h, seed=seed, budget=budget)
        return None if found is None else found < 1.0 + h * floor + _UNSEEN

    first = contracts(start)
    h = start
    for _ in range(_GALLOPS):
        beside = h * _GALLOP if first else h / _GALLOP
        now = None if first is None else contracts(beside)
        if now is None:
            return None
        if now != first:
            return _bisected(contracts, *((h, beside) if first else (beside, h)))
        h = beside
    return None


def _bisected(
    contracts: Callable[[float], bool | None], low: float, high: float
) -> tuple[float, float] | None:
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        now = contracts(middle)
        if now is None:
            return None
        low, high = (middle, high) if now else (low, middle)
    return low, high - low


def _composed(matrix: np.ndarray, split: int, h: float) -> np.ndarray:
    """(I - h P_G J)(I - h P_D J), formed."""
    n = len(matrix)
    of_d, of_g = np.eye(n), np.eye(n)
    of_d[split:] -= h * matrix[split:]
    of_g[:split] -= h * matrix[:split]
    return of_g @ of_d


def _largest_modulus(
    jacobian: LinearOperator, split: int, h: float, *, seed: int, budget: Budget | None
) -> float | None:
    def update(v: Tensor) -> Tensor:
        moved = v.clone()
        moved[split:] -= h * jacobian.matvec(v)[split:]
        out = moved.clone()
        out[:split] -= h * jacobian.matvec(moved)[:split]
        return out

    step = LinearOperator(
        jacobian.shape[0], update, update, dtype=jacobian.dtype, device=jacobian.device
    )
    found = krylov_schur(step, "LM", k=2, tol=1e-3, seed=seed, split=split, budget=budget, formed=0)
    if not len(found.values) or not found.converged.all():
        return None
    return float(np.abs(found.values).max())
