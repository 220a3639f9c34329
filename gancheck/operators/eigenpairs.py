"""Extreme eigenpairs of an operator, each with a residual recomputed by a true product.

scipy's ARPACK does the search (implicitly restarted Lanczos and Arnoldi: Lehoucq, Sorensen, Yang
1998); a matrix small enough to be formed is solved densely. What ARPACK calls converged is not
believed: every returned pair is multiplied once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from scipy.sparse import linalg

if TYPE_CHECKING:
    from collections.abc import Callable

    from gancheck.operators.linear_operator import LinearOperator

__all__ = ["Eigenpairs", "NotConverged", "condition", "ends", "general", "largest_norm"]

_DENSE = 400  # below this a dense solve is faster than a Krylov run and misses nothing
_BASIS = 60  # Krylov vectors: scipy's default 20 needs three times the products for inner ends
_RESTARTS = 40


class NotConverged(RuntimeError):
    """The solver stopped before it had the pairs that were asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eigenpairs:
    """Eigenvalues with unit vectors and residuals ||A x - l x||.

    Attributes:
        values: [k], ascending in real part; real for a symmetric operator, else complex.
        vectors: [n, k].
        residuals: [k], each by one extra product.
        converged: [k], whether the pair is what was asked for: its residual within the tolerance,
            and any search for missed ones ended.
        products: how many products were spent, residuals included.
        complete: whether the whole spectrum was seen (the matrix formed, or its Krylov space
            exhausted), so that no eigenvalue can have been missed.
        steps: products from one random start before anything of its Krylov space was given up,
            which is what bounds that hold with a probability count; 0 where there is none.
        found: of the products, those of the search itself; the others looked for missed pairs and
            gave the residuals; 0 where they are not told apart.
    """

    values: np.ndarray
    vectors: np.ndarray
    residuals: np.ndarray
    converged: np.ndarray
    products: int
    complete: bool
    steps: int = 0
    found: int = 0


def _tolerance(dtype: torch.dtype, asked: float) -> float:
    """Relative accuracy asked of ARPACK; float32 products carry 1e-6, so 1e-4 is what they bear."""
    return max(asked, 1e-4) if dtype != torch.float64 else asked


def ends(
    operator: LinearOperator, *, each: int = 3, seed: int = 0, tol: float = 1e-6
) -> Eigenpairs:
    """The `each` smallest and `each` largest eigenpairs of a symmetric operator, ascending.

    Raises:
        ValueError: each below 1.
        NotConverged: the search gave up; float64 would be needed.
    """
    from gancheck.operators.lanczos import lanczos

    if each < 1:
        raise ValueError(f"each must be at least 1, got {each}")
    tol = _tolerance(operator.dtype, tol)
    pairs = lanczos(operator, top=each, bottom=each, seed=seed, tol=tol)
    if not pairs.converged.all():
        n = operator.shape[0]
        raise NotConverged(
            f"no convergence for {each} eigenvalues at each end of a symmetric operator of size {n}"
        )
    return pairs


def general(
    operator: LinearOperator,
    which: Literal["SR", "LR", "LI", "LM"],
    *,
    k: int = 3,
    seed: int = 0,
    start: np.ndarray | None = None,
    tol: float = 1e-6,
    restarts: int = _RESTARTS,
) -> Eigenpairs:
    """The k extreme eigenpairs of an operator that need not be symmetric, ascending in real part.

    `which`: smallest or largest real part, largest imaginary part, largest modulus. For the
    largest imaginary part a Krylov search can stop on real eigenvalues alone, so what it finds is
    a lower bound; ask for a dozen and set it beside ||A||_2.

    Raises:
        NotConverged: a pair did not converge; for the largest imaginary part, none did.
    """
    n, before = operator.shape[0], operator.products
    dense = n <= max(_DENSE, k + 2)
    if dense:
        matrix = operator.dense().cpu().numpy()
        values, vectors = np.linalg.eig(matrix)
        order = _order(values, which)[: min(k, n)]
        values, vectors = values[order], vectors[:, order]
    else:
        values, vectors = _arpack(
            linalg.eigs,
            operator,
            f"{k} eigenvalues ({which}) of an operator of size {n}",
            k=k,
            which=which,
            ncv=min(n - 1, max(_BASIS, 4 * k)),
            v0=_start(operator, seed) if start is None else start,
            tol=_tolerance(operator.dtype, tol),
            maxiter=restarts,
            partial=which == "LI",
        )
    return _checked(operator, values, vectors, before, dense=dense)


def condition(
    operator: LinearOperator, value: complex, vector: np.ndarray, *, seed: int = 0
) -> float:
    """Condition number 1/|y^H x| of a simple leftmost eigenvalue, from its left vector y.

    A residual r moves the eigenvalue by at most this times ||r||, to first order. infinity where
    the left search finds another eigenvalue.
    """
    left = general(_transposed(operator), "SR", k=2, seed=seed, tol=1e-4)
    near = int(np.argmin(np.abs(left.values - np.conj(value))))
    scale = max(abs(value), float(np.abs(left.values).max()), 1e-300)
    if abs(left.values[near] - np.conj(value)) > 1e-3 * scale:
        return float("inf")
    overlap = abs(np.vdot(left.vectors[:, near], vector))
    return 1.0 / overlap if overlap > 0.0 else float("inf")


def largest_norm(operator: LinearOperator, *, seed: int = 0) -> tuple[float, float, np.ndarray]:
    """||A||_2 with the error of its square's residual, and the right singular vector [n]."""
    from gancheck.operators.lanczos import spectral_norm

    found = spectral_norm(operator, seed=seed, tol=_tolerance(operator.dtype, 1e-6))
    return found.value, found.error, found.vector


def _transposed(operator: LinearOperator) -> LinearOperator:
    from gancheck.operators.linear_operator import LinearOperator as Operator

    return Operator(
        operator.shape[0],
        operator.rmatvec,
        operator.matvec,
        dtype=operator.dtype,
        device=operator.device,
    )


def _order(values: np.ndarray, which: str) -> np.ndarray:
    real, imag = np.real(values), np.imag(values)
    keys = {"SR": real, "LR": -real, "LI": -np.abs(imag), "LM": -np.abs(values)}
    return np.argsort(keys[which], kind="stable")


def _start(operator: LinearOperator, seed: int) -> np.ndarray:
    rng = torch.Generator().manual_seed(seed)
    v = torch.randn(operator.shape[0], generator=rng, dtype=torch.float64)
    return v.to(operator.dtype).numpy()


def _arpack(
    solver: Callable[..., Any],
    operator: LinearOperator,
    what: str,
    *,
    partial: bool = False,
    **options: Any,
) -> tuple[np.ndarray, np.ndarray]:
    """All values and vectors asked for; with `partial`, those that converged, at least one.

    The pairs that converge first need not hold the extreme one, so only a search whose result is
    read as a bound from inside may take what there is.
    """
    try:
        return solver(operator.to_scipy(), **{"maxiter": _RESTARTS, **options})
    except linalg.ArpackNoConvergence as stop:
        found = len(stop.eigenvalues)
        if not partial or found == 0:
            raise NotConverged(f"no convergence for {what}: {found} pairs found") from stop
        return stop.eigenvalues, stop.eigenvectors
    except linalg.ArpackError as stop:
        raise NotConverged(f"ARPACK stopped on {what}: {stop}") from stop


def _checked(
    operator: LinearOperator,
    values: np.ndarray,
    vectors: np.ndarray,
    before: int,
    *,
    dense: bool,
) -> Eigenpairs:
    """Sort, normalise, and multiply once more."""
    order = np.argsort(np.real(values), kind="stable")
    values, vectors = values[order], vectors[:, order]
    vectors = vectors / np.linalg.norm(vectors, axis=0)
    residuals = [
        float(np.linalg.norm(complex_product(operator, x) - value * x))
        for value, x in zip(values, vectors.T, strict=True)
    ]
    return Eigenpairs(
        values=values,
        vectors=vectors,
        residuals=np.array(residuals),
        converged=np.ones(len(values), dtype=bool),  # both solvers raise where a pair is not
        products=operator.products - before,
        complete=dense,
    )


def complex_product(operator: LinearOperator, x: np.ndarray) -> np.ndarray:
    """A x for a real or complex host vector [n]."""

    def real_product(part: np.ndarray) -> np.ndarray:
        v = torch.as_tensor(
            np.ascontiguousarray(part), dtype=operator.dtype, device=operator.device
        )
        return operator.matvec(v).cpu().numpy()

    real, imag = np.real(x), np.imag(x)
    if not np.any(imag):
        return real_product(real)
    return real_product(real) + 1j * real_product(imag)
