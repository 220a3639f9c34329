"""What are the residuals of Ritz pairs, by products rather than by a recurrence's word?

Every row of a basis was multiplied once, so the image of any combination of rows is known, and with
it the residual as a vector. A few more products, of random combinations of all pairs, say whether
that stands; where they do not, each pair is multiplied for itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.special import gammaincinv

if TYPE_CHECKING:
    from torch import Tensor

    from gancheck.operators.krylov_basis import KrylovBasis

__all__ = ["confirmed", "true_residuals"]

_UNSEEN = 1e-3  # accepted chance that a residual is too large and was confirmed
_LOOKS = 4  # products that may confirm residuals together, before each pair gets its own


def confirmed(
    space: KrylovBasis, values: np.ndarray, limits: np.ndarray, part: np.ndarray, left: Tensor
) -> np.ndarray | None:
    """Residuals as the products of the search left them, where further products say so too.

    Every row was multiplied, so the residual of a combination of them is known without a product:
    `part` of the directions `left`. That holds for the products that were made. Whether it holds
    still, and for these vectors, is asked of a random combination of all pairs, in which each has
    the weight that makes its tolerance count as one. If the true residual of some pair were off by
    what separates it from its tolerance, the disagreement on q combinations would be at least chi
    distributed with q degrees of freedom.

    Returns:
        None where the disagreement could hide such an error with more than chance 1e-3, or where
        asking would cost as much as a product for each pair.
    """
    gram = (left @ left.T).double().cpu().numpy()
    known = np.sqrt(np.maximum(np.einsum("di,de,ei->i", part, gram, part), 0.0))
    slack = np.where(known < limits, limits - known, limits)
    slack = np.where(slack > 0.0, slack, 1.0)  # of the zero operator nothing separates a residual
    k, most = len(values), gammaincinv(0.5 * _LOOKS, _UNSEEN / _LOOKS)
    total, unit = 0.0, 0.0
    for looks in range(1, min(_LOOKS, k - 1) + 1):
        if space.spent:
            return None
        weights = space.draw(k) / slack
        mixed = torch.as_tensor(np.stack([weights, weights * values])).to(space.rows)
        x, image = mixed @ space.rows[:k]
        image += torch.as_tensor(part @ weights).to(left) @ left
        length = torch.linalg.vector_norm(x)
        off = space.product(x / length) - image / length
        norms = torch.stack([length.double(), torch.linalg.vector_norm(off, dtype=torch.float64)])
        length, distance = norms.cpu().tolist()
        total += (length * distance) ** 2
        unit += distance**2
        if total <= 2.0 * gammaincinv(0.5 * looks, _UNSEEN / _LOOKS):
            return np.hypot(known, np.sqrt(unit / looks))
        if not total <= 2.0 * most:
            return None
    return None


def true_residuals(space: KrylovBasis, values: np.ndarray) -> tuple[np.ndarray, Tensor | None]:
    """||A x - l x|| of each row by a product, infinite once nothing is left; the largest of them."""
    norms, worst = np.full(len(values), np.inf), None
    for i, value in enumerate(values):
        if space.spent:
            break
        x = space.rows[i]
        r = space.product(x) - float(value) * x
        norms[i] = float(torch.linalg.vector_norm(r, dtype=torch.float64))
        if worst is None or norms[i] >= norms[:i].max(initial=0.0):
            worst = r
    return norms, worst
