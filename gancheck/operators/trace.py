"""What is the trace of an operator, and how wrong is the estimate?

XTrace (Epperly, Tropp and Webber 2024). Half of the products sketch the range, the other half meet
it: the trace on the range is exact and what is left outside is estimated by each test vector with
itself left out of the sketch, so that every vector serves both ends and the estimates are
exchangeable. Their spread is the error. A sketch that holds the whole range gives the trace itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.special import stdtrit

from gancheck.operators.krylov_basis import rounding
from gancheck.operators.linear_operator import LinearOperator, OperatorError

if TYPE_CHECKING:
    from torch import Tensor

    from gancheck.operators.budget import Budget
    from gancheck.operators.eigenpairs import Eigenpairs

__all__ = ["Estimate", "trace"]

# All estimates share one sketch, so their spread understates the error of their mean: by 0.95 to
# 1.28 over symmetric, non-symmetric, slowly and fast decaying spectra at 12, 30 and 60 products.
_SHARED = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """An estimated number.

    Attributes:
        value: the estimate, unbiased.
        error: half of a 95 % interval; rounding alone where the sketch held the whole range.
        products: how many it cost.
    """

    value: float
    error: float
    products: int


def trace(
    operator: LinearOperator,
    *,
    known: Eigenpairs | None = None,
    products: int = 30,
    seed: int = 0,
    budget: Budget | None = None,
) -> Estimate:
    """Estimate the trace of a square operator, symmetric or not.

    Args:
        operator: of size n; only products with A, none with its transpose.
        known: pairs already found, with orthonormal vectors; they are taken out and their values
            added, which is exact however well they converged, so that the sketch can hold others.
        products: at most so many, rounded down to an even number; fewer where n is reached first.
        seed: of the test vectors.
        budget: fewer products where less is left of it; told of each.

    Raises:
        ValueError: fewer than 4 products, asked for or left.
        OperatorError: a product that is not finite.

    Cost: the products, and 2 (products)^2 n multiplications; memory of 2 (products) vectors.

    Source: Epperly, Tropp and Webber (2024), SIAM J. Matrix Anal. Appl. 45, 1, section 2.

    Example:
        >>> from gancheck.operators.linear_operator import LinearOperator
        >>> d = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
        >>> a = LinearOperator(3, lambda v: d * v, lambda v: d * v, dtype=d.dtype, device=d.device)
        >>> round(trace(a).value, 9)
        6.0
    """
    if known is not None:
        rest = trace(_without(operator, known), products=products, seed=seed, budget=budget)
        return replace(rest, value=rest.value + float(known.values.sum()))
    n = operator.shape[0]
    left = products if budget is None else int(min(products, budget.left))
    if left < 4 and left < n:
        raise ValueError(f"products must be at least 4 for an estimate with an error, got {left}")
    if left >= n:
        return _exact(operator, budget)
    q = left // 2
    rng = torch.Generator().manual_seed(seed)
    probes = torch.randn(q, n, generator=rng, dtype=torch.float64).T.to(operator.dtype)
    probes = probes.to(operator.device)
    sketch = _columns(operator, probes, budget)
    scale = float(sketch.abs().max())
    if scale == 0.0:  # a random vector is not annihilated by anything but zero
        return Estimate(value=0.0, error=0.0, products=q)
    basis, corner = torch.linalg.qr(sketch / scale)
    r = corner.double().cpu().numpy()
    left_vectors, sizes, _ = np.linalg.svd(r)
    rank = int((sizes > rounding(operator.dtype) * q * sizes[0]).sum())
    if rank < q:  # the sketch holds the range, on which the trace is exact
        turn = torch.as_tensor(left_vectors[:, :rank].copy()).to(basis)
        basis = basis @ turn
        image = _columns(operator, basis, budget)
        value = float((basis.double() * image.double()).sum())
        size = float(torch.linalg.vector_norm(image, dtype=torch.float64))
        error = rounding(operator.dtype) * size * q
        return Estimate(value=value, error=error, products=q + rank)
    image = _columns(operator, basis, budget)
    single = scale * _left_out(probes, sketch / scale, basis, image / scale, r)
    error = _SHARED * float(single.std(ddof=1) / np.sqrt(q)) * float(stdtrit(q - 1, 0.975))
    return Estimate(value=float(single.mean()), error=error, products=2 * q)


def _left_out(
    probes: Tensor, sketch: Tensor, basis: Tensor, image: Tensor, r: np.ndarray
) -> np.ndarray:
    """One estimate a test vector [q], each with that vector left out of the sketch.

    Leaving column i out of A Omega = Q R turns the range Q into Q (1 - s s^T), s the normalised
    column i of R^-T. With p = (1 - s s^T) Q^T w the rest of w outside is w - Q p, all of whose
    products are known: A w from the sketch, A Q from the image.
    """

    def small(a: Tensor, b: Tensor) -> np.ndarray:
        return (a.T @ b).double().cpu().numpy()

    n, q = probes.shape
    inner = small(basis, image)  # Q^T A Q
    inside = small(basis, probes)  # Q^T w
    own = (probes * sketch).double().sum(0).cpu().numpy()  # w^T A w
    from_left = small(image, probes)  # (A Q)^T w
    from_right = small(basis, sketch)  # Q^T A w
    square = (probes.double() ** 2).sum(0).cpu().numpy()
    s = np.linalg.inv(r).T
    s = s / np.linalg.norm(s, axis=0)
    p = inside - s * (s * inside).sum(0)
    outside = own - (p * from_left).sum(0) - (p * from_right).sum(0) + (p * (inner @ p)).sum(0)
    kept = np.trace(inner) - (s * (inner @ s)).sum(0)
    return kept + (n - q + 1) * outside / (square - (p * p).sum(0))


def _columns(operator: LinearOperator, v: Tensor, budget: Budget | None) -> Tensor:
    """A V for V [n, k]."""
    out = torch.empty_like(v)
    for i in range(v.shape[1]):
        if budget is not None:
            budget.spend()
        out[:, i] = operator.matvec(v[:, i])
    if not bool(out.isfinite().all()):
        raise OperatorError(
            "a product with the operator is not finite: look for an overflow, or for an operation "
            "without a finite second derivative at this point"
        )
    return out


def _exact(operator: LinearOperator, budget: Budget | None) -> Estimate:
    """The diagonal, entry by entry."""
    n = operator.shape[0]
    identity = torch.eye(n, dtype=operator.dtype, device=operator.device)
    image = _columns(operator, identity, budget)
    size = float(torch.linalg.vector_norm(image, dtype=torch.float64))
    return Estimate(
        value=float(image.diagonal().double().sum()),
        error=rounding(operator.dtype) * size,
        products=n,
    )


def _without(operator: LinearOperator, known: Eigenpairs) -> LinearOperator:
    """A - X L X^T for the known pairs."""
    rows = torch.as_tensor(np.ascontiguousarray(known.vectors.T))
    rows = rows.to(operator.dtype).to(operator.device)
    values = torch.as_tensor(known.values).to(rows)

    def product(v: Tensor) -> Tensor:
        return operator.matvec(v) - rows.T @ (values * (rows @ v))

    def transposed(v: Tensor) -> Tensor:
        return operator.rmatvec(v) - rows.T @ (values * (rows @ v))

    n = operator.shape[0]
    return LinearOperator(n, product, transposed, dtype=operator.dtype, device=operator.device)
