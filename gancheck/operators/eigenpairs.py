"""What does a search for eigenvalues return?

One type for every solver, symmetric or not: values, unit vectors, and the residual of each pair
by true products, because what a recurrence calls converged is not believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from gancheck.operators.linear_operator import LinearOperator

__all__ = ["Eigenpairs", "complex_product"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Eigenpairs:
    """Eigenvalues with unit vectors and residuals ||A x - l x||.

    Attributes:
        values: [k], ascending in real part; real for a symmetric operator, else complex.
        vectors: [n, k].
        residuals: [k], by true products.
        converged: [k], whether the pair is what was asked for: its residual within the tolerance,
            and any search for missed ones ended.
        products: how many products were spent, residuals included.
        complete: whether the whole spectrum was seen (the matrix formed, or its Krylov space
            exhausted), so that no eigenvalue can have been missed.
        steps: products from one random start before anything of its Krylov space was given up,
            which is what bounds that hold with a probability count; 0 where there is none.
        found: of the products, those of the search itself; 0 where they are not told apart.
        verified: of the products, those that gave or confirmed the residuals; the rest looked for
            missed pairs.
    """

    values: np.ndarray
    vectors: np.ndarray
    residuals: np.ndarray
    converged: np.ndarray
    products: int
    complete: bool
    steps: int = 0
    found: int = 0
    verified: int = 0


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
