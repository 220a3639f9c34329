"""What can be asked of a matrix that is known only through its products?

Every operator of a game is one of these: a shape, products with A and A^T, and views for solvers
that want scipy's interface or, for small n, the matrix itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gancheck.operators.second_order import OperatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scipy.sparse.linalg import LinearOperator as ScipyOperator

    Product = Callable[[Tensor], Tensor]

__all__ = [
    "DENSE_LIMIT",
    "LinearOperator",
    "OperatorError",
    "admit",
    "flatten",
    "gradients",
    "pull",
    "symmetry_defect",
    "unflatten",
]

DENSE_LIMIT = 10_000  # entries on a side; 10,000 in float64 are 0.8 GB
_DENSE_BLOCK = 64

# A probe compares two sums of n products whose relative rounding is of order eps sqrt(n) times the
# depth of the network; on healthy networks up to 1e6 parameters it stays below 50 eps, and the
# silently wrong paths known today miss by 1e-2. 1e4 eps lies between with room on both sides.
_SYMMETRY_TOLERANCE_IN_EPS = 1e4


class LinearOperator:
    """A real matrix by its products.

    Args:
        n: number of rows and columns, or (rows, columns).
        matvec: v [columns] -> A v [rows].
        rmatvec: v [rows] -> A^T v [columns].
        matmat: V [columns, b] -> A V [rows, b], where a block costs less than its columns one by
            one.
        dtype: of vectors and products.
        device: of vectors and products.
    """

    def __init__(
        self,
        n: int | tuple[int, int],
        matvec: Product,
        rmatvec: Product,
        *,
        matmat: Product | None = None,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.shape = (n, n) if isinstance(n, int) else n
        self.dtype, self.device = dtype, device
        self.products = 0
        self._matvec, self._rmatvec, self._matmat = matvec, rmatvec, matmat

    def matvec(self, v: Tensor) -> Tensor:
        """A v [rows] for v [columns].

        Raises:
            ValueError: v of another shape, or (on the CPU, where the look is free of a
                synchronisation) not finite.
        """
        return self._apply(self._matvec, v, self.shape[1])

    def rmatvec(self, v: Tensor) -> Tensor:
        """A^T v [columns] for v [rows]; raises as `matvec`."""
        return self._apply(self._rmatvec, v, self.shape[0])

    def matmat(self, block: Tensor) -> Tensor:
        """A V [rows, b] for V [columns, b]; b products, and no dearer than b calls of `matvec`.

        Raises:
            ValueError: V of another shape or not finite.
        """
        if block.ndim != 2 or block.shape[0] != self.shape[1]:
            raise ValueError(
                f"block must have shape ({self.shape[1]}, b), got {tuple(block.shape)}"
            )
        if self._matmat is None or block.shape[1] < 2:
            return torch.stack([self.matvec(v) for v in block.T], dim=1)
        _refuse_nan(block)
        self.products += block.shape[1]
        return self._matmat(block.to(dtype=self.dtype, device=self.device))

    def __matmul__(self, v: Tensor) -> Tensor:
        return self.matvec(v)

    @property
    def symmetric(self) -> LinearOperator:
        """S = (A + A^T)/2 of a square A; one product costs one of A and one of A^T."""

        def product(v: Tensor) -> Tensor:
            return 0.5 * (self.matvec(v) + self.rmatvec(v))

        return self._like(product, product)

    @property
    def antisymmetric(self) -> LinearOperator:
        """The part (A - A^T)/2 of a square A; one product costs one of A and one of A^T."""

        def product(v: Tensor) -> Tensor:
            return 0.5 * (self.matvec(v) - self.rmatvec(v))

        return self._like(product, lambda v: -product(v))

    @property
    def transposed(self) -> LinearOperator:
        """A^T."""
        return LinearOperator(
            (self.shape[1], self.shape[0]),
            self.rmatvec,
            self.matvec,
            dtype=self.dtype,
            device=self.device,
        )

    def dense(self) -> Tensor:
        """The matrix [rows, columns], by one product a column.

        Raises:
            ValueError: more than 10,000 rows or columns; ask for products instead.
        """
        if max(self.shape) > DENSE_LIMIT:
            raise ValueError(
                f"dense() is for up to {DENSE_LIMIT} rows and columns, this operator has "
                f"{self.shape[0]} and {self.shape[1]}"
            )
        eye = torch.eye(self.shape[1], dtype=self.dtype, device=self.device)
        return torch.cat([self.matmat(block) for block in eye.split(_DENSE_BLOCK, dim=1)], dim=1)

    def to_scipy(self) -> ScipyOperator:
        """The same operator for `scipy.sparse.linalg`, on host arrays."""
        from scipy.sparse.linalg import LinearOperator as Operator  # slow to import, rarely asked

        def wrap(product: Product) -> Callable[[np.ndarray], np.ndarray]:
            def on_host(v: np.ndarray) -> np.ndarray:
                x = torch.as_tensor(np.array(v).reshape(-1), dtype=self.dtype, device=self.device)
                return product(x).cpu().numpy()

            return on_host

        dtype = torch.empty(0, dtype=self.dtype).numpy().dtype
        make: Any = Operator  # its stub lacks the constructor that its documentation shows
        return make(self.shape, matvec=wrap(self.matvec), rmatvec=wrap(self.rmatvec), dtype=dtype)

    def _apply(self, product: Product, v: Tensor, size: int) -> Tensor:
        if v.shape != (size,):
            raise ValueError(f"v must have shape ({size},), got {tuple(v.shape)}")
        _refuse_nan(v)
        self.products += 1
        return product(v.to(dtype=self.dtype, device=self.device))

    def _like(self, matvec: Product, rmatvec: Product) -> LinearOperator:
        if self.shape[0] != self.shape[1]:
            raise ValueError(f"only a square operator has this part, this one is {self.shape}")
        return LinearOperator(self.shape[0], matvec, rmatvec, dtype=self.dtype, device=self.device)


def _refuse_nan(v: Tensor) -> None:
    """Look at a host tensor; on a device the look would wait for it, and solvers look anyway."""
    # one pass; an elementwise test costs 5 % of a product
    if v.device.type == "cpu" and not bool(v.sum().isfinite()):
        raise ValueError("v must be finite; it holds NaN or infinity")


def flatten(parts: Sequence[Tensor]) -> Tensor:
    """One vector [n] from tensors, each in row-major order."""
    return torch.cat([p.reshape(-1) for p in parts])


def unflatten(v: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """The inverse of `flatten` for tensors of the shapes of `like`."""
    pieces = v.split([p.numel() for p in like])
    return [piece.view(p.shape) for piece, p in zip(pieces, like, strict=True)]


def gradients(loss: Tensor, theta: Sequence[Tensor]) -> list[Tensor]:
    """First derivatives that can be differentiated again, zero where the loss does not depend."""
    return list(
        torch.autograd.grad(
            loss, theta, create_graph=True, allow_unused=True, materialize_grads=True
        )
    )


def pull(outputs: Sequence[Tensor], theta: Sequence[Tensor], v: Tensor) -> Tensor:
    """d<outputs, v>/d theta [sum of sizes], for a flat v; the graph is kept.

    The outputs stay apart: joining them first would add a copy of the whole vector to each product.
    """
    live = [(o, w) for o, w in zip(outputs, unflatten(v, outputs), strict=True) if o.requires_grad]
    if not live:  # linear in everything: the derivative is zero
        return torch.zeros(sum(p.numel() for p in theta), dtype=v.dtype, device=v.device)
    return flatten(
        torch.autograd.grad(
            [o for o, _ in live],
            theta,
            [w for _, w in live],
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
    )


def symmetry_defect(left: Product, right: Product, n: int, dtype: torch.dtype) -> float:
    """|u.Av - v.Bu| relative to the norms, for one random pair; zero where B = A^T.

    Args:
        left: v -> A v.
        right: u -> B u, by another way than `left` where A is not symmetric.
        n: size.
        dtype: of the probe.
    """
    rng = torch.Generator().manual_seed(n)
    u, v = (torch.randn(n, generator=rng, dtype=dtype) for _ in range(2))
    av, bu = left(v), right(u)
    u, v = u.to(av.device), v.to(av.device)
    scale = float(u.norm() * av.norm() + v.norm() * bu.norm())
    return abs(float(u @ av - v @ bu)) / scale if scale > 0.0 else 0.0


def admit(defect: float, dtype: torch.dtype, what: str) -> None:
    """Let an operator in only when its symmetry probe is within rounding.

    Raises:
        OperatorError: the defect is not rounding, so a product is silently wrong, not repeatable or
            no number.
    """
    if math.isnan(defect):
        raise OperatorError(
            f"a product with {what} is not finite: look for an operation without a finite second "
            "derivative at this point (a root or a norm at zero), or for an overflow"
        )
    limit = _SYMMETRY_TOLERANCE_IN_EPS * torch.finfo(dtype).eps
    if not defect <= limit:
        raise OperatorError(
            f"{what} fails its symmetry probe: |u.Av - v.A'u| is {defect:.1e} of the norms, limit "
            f"{limit:.1e}. A product is wrong or not repeatable: look for an operation without a "
            "correct second derivative, or for randomness in a forward pass"
        )
