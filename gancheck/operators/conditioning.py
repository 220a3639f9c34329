"""How far can an eigenvalue be from what a residual shows?

A value l with unit right vector x and left vector y moves by at most e/|y^H x| under a perturbation
of norm e, to first order (Wilkinson 1965). A residual r is such a perturbation, of norm ||r||.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gancheck.operators.krylov_schur import krylov_schur

if TYPE_CHECKING:
    from gancheck.operators.budget import Budget
    from gancheck.operators.linear_operator import LinearOperator
    from gancheck.operators.outermost import Which

__all__ = ["condition_number"]


def condition_number(
    operator: LinearOperator,
    value: complex,
    vector: np.ndarray,
    *,
    which: Which = "SR",
    k: int = 3,
    tol: float = 1e-4,
    seed: int = 0,
    budget: Budget | None = None,
) -> tuple[float, np.ndarray | None]:
    """Condition number 1/|y^H x| of a simple eigenvalue and its left vector y [n].

    The left vector is found by the same search on the transpose, started near x. A perturbation of
    norm e moves the eigenvalue by at most this times e, to first order; a residual is one.

    Returns:
        infinity and None where the transpose's search does not find the same eigenvalue.
    """
    x = vector / np.linalg.norm(vector)
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(len(x)) / len(x) ** 0.5
    start = np.real(x) + np.imag(x) + 0.1 * noise
    left = krylov_schur(
        operator.transposed, which, k=k, tol=tol, seed=seed, start=start, budget=budget
    )
    if not len(left.values):
        return float("inf"), None
    near = int(np.argmin(np.abs(left.values - np.conj(value))))
    scale = float(np.abs(left.values).max())
    off = abs(complex(left.values[near]) - np.conj(value))
    if not left.converged[near] or off > 10.0 * tol * max(scale, abs(value)):
        return float("inf"), None
    y = left.vectors[:, near]
    overlap = abs(complex(np.vdot(y, x)))
    return (1.0 / overlap if overlap > 0.0 else float("inf")), y
