"""What proves that a matrix has an eigenvalue with negative real part, or that it has none?

Three proofs, each with what it takes for granted:

- `whole_spectrum`, for a matrix that is formed: X solves J^T X + X J = I. Where J^T X + X J is
  positive definite, J has as many eigenvalues of positive real part as X has positive eigenvalues,
  and as many of negative real part (Ostrowski and Schneider 1962). Only a product, and the
  eigenvalues of two symmetric matrices, must be right to rounding: neither the solver that found X
  nor the conditioning of an eigenvector is trusted.
- `growing`, for one approximate pair: its residual times the condition number of the eigenvalue,
  and the rounding of the product times it, bound the distance to an eigenvalue to first order; the
  bound is taken twice and must leave the sign alone.
- `lower_end`, for the symmetric part: no real part lies below its smallest eigenvalue (Bendixson
  1902), and Lanczos from a random start overestimates that eigenvalue by more than a known share of
  the spread only with a known chance (Kuczynski and Wozniakowski 1992).
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import linalg

from gancheck.operators.eigenpairs import complex_product
from gancheck.operators.krylov_basis import KrylovBasis, rounding
from gancheck.operators.lanczos import probable_excess

if TYPE_CHECKING:
    from gancheck.operators import LinearOperator
    from gancheck.operators.budget import Budget

__all__ = ["Inertia", "LowerEnd", "Pair", "growing", "inertia", "lower_end"]

# Backward errors of symmetric eigensolvers and products of n x n matrices are below 10 n u in every
# published analysis, and near u in practice.
_BACKWARD = 10.0
_SECOND_ORDER = 2.0  # the first-order bound is taken twice for the terms it leaves out
_PRODUCT = 100.0  # rounding of one product through a deep network, in units of u ||J||
_EVERY = 4
_MOST_STEPS = 400
_BASIS_NUMBERS = 2**28  # of the Lanczos basis: 1 GiB in float32
_LEAST_STEPS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Inertia:
    """How many eigenvalues surely lie on each side of the imaginary axis; None where not proved."""

    positive: int
    negative: int


def inertia(matrix: np.ndarray) -> Inertia | None:
    """Count the eigenvalues of a real matrix [n, n] on each side of the imaginary axis, with proof.

    Returns:
        None where an eigenvalue lies so near the axis, or the matrix is so far from normal, that
        rounding could move one across.

    Cost: about 30 n^3 multiplications.

    Source: Ostrowski and Schneider (1962), the main inertia theorem.

    Example:
        >>> inertia(np.array([[1.0, 5.0], [0.0, -2.0]]))
        Inertia(positive=1, negative=1)
    """
    n = len(matrix)
    scale = float(np.linalg.norm(matrix))
    if scale == 0.0 or not math.isfinite(scale):
        return None
    j = matrix / scale
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a nearly singular equation is seen in its solution
        try:
            x = linalg.solve_continuous_lyapunov(j.T, np.eye(n))
        except (linalg.LinAlgError, ValueError):
            return None
    size = float(np.linalg.norm(x))
    if not math.isfinite(size):
        return None
    x = 0.5 * (x + x.T)
    image = j.T @ x + x @ j
    slack = _BACKWARD * n * np.finfo(float).eps * size  # ||j|| = 1
    if float(np.linalg.eigvalsh(0.5 * (image + image.T))[0]) <= slack:
        return None
    values = np.linalg.eigvalsh(x)
    if float(np.abs(values).min()) <= slack:
        return None
    return Inertia(positive=int((values > 0.0).sum()), negative=int((values < 0.0).sum()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One eigenvalue with its right and left unit vectors.

    Attributes:
        value: y^H J x / y^H x.
        right: x [n].
        left: y [n].
        condition: 1/|y^H x|.
        residual: the larger of ||J x - l x|| and ||J^T y - conj(l) y||.
        error: what the eigenvalue can be off by: condition times residual and rounding, twice.
    """

    value: complex
    right: np.ndarray
    left: np.ndarray
    condition: float
    residual: float
    error: float


def growing(jacobian: LinearOperator, right: np.ndarray, left: np.ndarray, *, norm: float) -> Pair:
    """Examine an approximate pair once more, with products of another operator.

    Args:
        jacobian: in float64 where that can be had; its own rounding enters the error.
        right: approximate right vector [n].
        left: approximate left vector [n].
        norm: ||J||_2 or a bound on it.

    Cost: two products with J and two with its transpose.
    """
    x = right.astype(complex) / np.linalg.norm(right)
    y = left.astype(complex) / np.linalg.norm(left)
    image = complex_product(jacobian, x)
    back = complex_product(jacobian.transposed, y)
    overlap = complex(np.vdot(y, x))
    if abs(overlap) == 0.0:
        return Pair(
            value=complex(np.vdot(x, image)),
            right=x,
            left=y,
            condition=math.inf,
            residual=math.inf,
            error=math.inf,
        )
    value = complex(np.vdot(y, image)) / overlap
    residual = max(
        float(np.linalg.norm(image - value * x)), float(np.linalg.norm(back - np.conj(value) * y))
    )
    condition = 1.0 / abs(overlap)
    noise = _PRODUCT * float(torch.finfo(jacobian.dtype).eps) * norm
    return Pair(
        value=value,
        right=x,
        left=y,
        condition=condition,
        residual=residual,
        error=_SECOND_ORDER * condition * (residual + noise),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LowerEnd:
    """Both ends of a symmetric operator by one Lanczos run from a random start.

    Attributes:
        low: smallest Ritz value, not below the smallest eigenvalue.
        high: largest Ritz value.
        residual: of the smallest pair, by a true product.
        vector: of the smallest pair [n].
        bound: no eigenvalue lies below it, except with chance eta; -infinity before that can be
            said.
        converged_at: steps after which the residuals of both ends were small; 0 where never.
        steps: run in all.
        needed: steps after which the bound would be positive; 0 where none is enough.
        complete: whether the basis filled the space.
    """

    low: float
    high: float
    residual: float
    vector: np.ndarray
    bound: float
    converged_at: int
    steps: int
    needed: int
    complete: bool


def lower_end(
    symmetric: LinearOperator,
    *,
    eta: float,
    tol: float = 1e-3,
    floor: float = 0.0,
    seed: int = 0,
    budget: Budget | None = None,
) -> LowerEnd | None:
    """Search both ends, and go on until the smallest eigenvalue is surely positive, if it can be.

    Args:
        symmetric: any symmetric operator.
        eta: accepted chance that the bound is wrong.
        tol: residual at which an end counts as converged, relative to the larger of |l| and 1 % of
            the norm.
        floor: share of the norm below which positive is not worth proving.
        seed: of the random start.
        budget: a step spends one of its products, being two with the Jacobian.

    Returns:
        None where the budget has no room for a step and the final product.

    Source: Kuczynski and Wozniakowski (1992), theorem 4.2. Both ends and every look at which the
    run may stop share eta, so that stopping where the numbers please does not spoil the chance.
    """
    n = symmetric.shape[0]
    if budget is not None and (budget.exhausted or budget.left < 2):
        return None
    most = min(n, _MOST_STEPS, max(_LEAST_STEPS, _BASIS_NUMBERS // n))
    space = KrylovBasis(symmetric, most, seed=seed, budget=budget)
    space.reserve = 1
    looks = _looks(most)
    each = eta / (2.0 * len(looks))
    converged_at = needed = 0
    while True:
        space.step()
        full = space.complete or space.size == most
        if space.size not in looks and not full and not space.spent:
            continue
        values, y, estimates = space.ritz()
        norm = float(np.abs(values).max())
        limits = tol * np.maximum(np.abs(values), 0.01 * norm)
        small = estimates[0] <= limits[0] and estimates[-1] <= limits[-1]
        if small and space.size > 1 and not converged_at:
            converged_at = space.size
        if converged_at or space.complete:
            needed = _steps_needed(values[0], values[-1], n, each)
            # The smallest Ritz value only falls: below the floor no further step can help.
            hopeless = needed == 0 or needed > most or values[0] <= floor * norm
            if hopeless or space.size >= needed:
                break
        if full or space.spent:
            break
    complete = space.complete
    rows = space.rows[: space.size]
    x = rows.T @ torch.as_tensor(y[:, 0].copy()).to(rows)
    image = symmetric.matvec(x.to(symmetric.device)).to(x.device) / space.scale
    if budget is not None:
        budget.spend()
    residual = float(torch.linalg.vector_norm((image - float(values[0]) * x).double()))
    bound = _surely_above(
        float(values[0]), float(values[-1]), n, 0 if complete else space.size, each
    ) - rounding(symmetric.dtype) * float(np.abs(values).max())
    return LowerEnd(
        low=float(values[0]) * space.scale,
        high=float(values[-1]) * space.scale,
        residual=residual * space.scale,
        vector=x.double().cpu().numpy(),
        bound=(bound - (residual if complete else 0.0)) * space.scale,
        converged_at=space.size if complete and not converged_at else converged_at,
        steps=space.size,
        needed=needed,
        complete=complete,
    )


def _looks(most: int) -> set[int]:
    """Sizes at which the run may stop: every fourth, later every eighth part more."""
    looks, at = {most}, _EVERY
    while at < most:
        looks.add(at)
        at += max(_EVERY, at // 8)
    return looks


def _surely_above(low: float, high: float, n: int, steps: int, eta: float) -> float:
    """A bound below the smallest eigenvalue; steps = 0 where the whole space was seen.

    With chance 1 - eta each, low - lmin and lmax - high are at most e (lmax - lmin); then
    lmax - lmin is at most (high - low)/(1 - 2 e).
    """
    if steps == 0:
        return low
    excess = probable_excess(n, steps, eta=eta)
    if excess >= 0.5:
        return -math.inf
    return low - excess * (high - low) / (1.0 - 2.0 * excess)


def _steps_needed(low: float, high: float, n: int, eta: float) -> int:
    """Steps after which `_surely_above` is positive; 0 where none is enough."""
    if low <= 0.0:
        return 0
    excess = low / (high + low)  # solves e (high - low)/(1 - 2 e) = low
    if excess <= 0.0:
        return 0
    steps = 0.5 * (math.log(1.648 * math.sqrt(n) / eta) / math.sqrt(excess) + 1.0)
    return math.ceil(steps) + 1
