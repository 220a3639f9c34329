"""How are the eigenvalues of a symmetric operator spread between its ends?

Stochastic Lanczos quadrature (Ubaru, Chen and Saad 2017): the Krylov space of a random vector gives
a Gauss rule for the density of eigenvalues seen through that vector, and the mean over vectors is
the density. What a few vectors see badly is single large eigenvalues, each of which they weigh by
one squared normal number. So pairs already found are taken out: probes and Krylov vectors are kept
orthogonal to them, and each comes back as a mass of exactly 1/n.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.special import stdtrit

from gancheck.operators.krylov_basis import KrylovBasis, admit_precision

if TYPE_CHECKING:
    from gancheck.operators.budget import Budget
    from gancheck.operators.eigenpairs import Eigenpairs
    from gancheck.operators.linear_operator import LinearOperator

__all__ = ["SpectralDensity", "spectral_density"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectralDensity:
    """A measure of mass 1 that stands for the n eigenvalues.

    Attributes:
        nodes: one array a probe, ascending; where no probe was needed, none.
        weights: the same shapes; each array sums to the share of eigenvalues that was not resolved.
        resolved: [k] eigenvalues known one by one, of mass 1/n each.
        n: number of eigenvalues.
        exact: whether nothing was left to chance: all pairs known, or probes that span what is
            left and Krylov spaces that fill it.
        products: how many it cost.
    """

    nodes: tuple[np.ndarray, ...]
    weights: tuple[np.ndarray, ...]
    resolved: np.ndarray
    n: int
    exact: bool
    products: int

    @property
    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """All nodes ascending with their weights, resolved ones and the mean over probes together."""
        probes = max(len(self.nodes), 1)
        nodes = np.concatenate([self.resolved, *self.nodes])
        weights = np.concatenate(
            [np.full(len(self.resolved), 1.0 / self.n), *(w / probes for w in self.weights)]
        )
        order = np.argsort(nodes, kind="stable")
        return nodes[order], weights[order]

    def density(self, grid: np.ndarray, width: float) -> np.ndarray:
        """The density [len(grid)], each point of it widened to a normal of standard deviation `width`.

        Raises:
            ValueError: a width that is not positive.
        """
        if not width > 0.0:
            raise ValueError(f"width must be positive, got {width}")
        nodes, weights = self.points
        z = (np.asarray(grid, dtype=float)[:, None] - nodes) / width
        return np.exp(-0.5 * z * z) @ weights / (width * np.sqrt(2.0 * np.pi))

    def share_negative(self) -> tuple[float, float]:
        """Share of the absolute curvature that is negative, and half of its 95 % interval.

        Sum of |l| over l < 0, divided by the sum over all: 0 for a convex loss, 1/2 for a saddle that
        falls as steeply as it rises. Unlike a count it does not hang on the many eigenvalues around
        zero. The error is that of a ratio of means over the probes: infinite for a single probe,
        zero where `exact`. 0 for the zero operator.
        """
        own = self.resolved / self.n
        seen = np.array(
            [
                [-(x[x < 0.0] @ w[x < 0.0]), np.abs(x) @ w]
                for x, w in zip(self.nodes, self.weights, strict=True)
            ]
        ).reshape(-1, 2)
        fixed = np.array([-own[own < 0.0].sum(), np.abs(own).sum()])
        sums = fixed + (seen.mean(0) if len(seen) else 0.0)
        if sums[1] == 0.0:
            return 0.0, 0.0
        share = float(sums[0] / sums[1])
        if self.exact or len(seen) < 2:
            return share, 0.0 if self.exact else float("inf")
        # first order in the deviations of both sums
        parts = (seen[:, 0] - share * seen[:, 1]) / sums[1]
        spread = float(parts.std(ddof=1) / np.sqrt(len(parts)))
        return share, spread * float(stdtrit(len(parts) - 1, 0.975))


def spectral_density(
    operator: LinearOperator,
    *,
    known: Eigenpairs | None = None,
    steps: int = 100,
    probes: int = 4,
    seed: int = 0,
    budget: Budget | None = None,
) -> SpectralDensity:
    """Estimate the density of a symmetric operator's eigenvalues.

    Args:
        operator: symmetric, of size n; float32 or float64.
        known: pairs already found; those that did not converge are left to the probes.
        steps: Krylov steps a probe, at most as many as there are unresolved eigenvalues.
        probes: random vectors, orthogonal to each other, at most as many as there are unresolved
            eigenvalues.
        seed: of the probes.
        budget: told of each product; a probe that it cuts short is left out, unless it is the first.

    Raises:
        ValueError: steps or probes below 1.
        TypeError: a half-precision operator.
        OperatorError: a product that is not finite.

    Cost: steps products a probe, and a basis of (steps + 1) n numbers.

    Source: Ubaru, Chen and Saad (2017), SIAM J. Matrix Anal. Appl. 38, 1075.

    Example:
        >>> from gancheck.operators.linear_operator import LinearOperator
        >>> d = torch.tensor([-1.0, 1.0, 1.0, 5.0], dtype=torch.float64)
        >>> a = LinearOperator(4, lambda v: d * v, lambda v: d * v, dtype=d.dtype, device=d.device)
        >>> round(spectral_density(a).share_negative()[0], 6)
        0.125
    """
    n = operator.shape[0]
    for name, value in (("steps", steps), ("probes", probes)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    admit_precision(operator.dtype, 0.5)
    resolved, apart = np.zeros(0), np.zeros((n, 0))
    if known is not None:
        resolved, apart = known.values[known.converged], known.vectors[:, known.converged]
    rest = n - len(resolved)
    before = operator.products
    fixed = torch.as_tensor(np.ascontiguousarray(apart.T)).to(operator.dtype).to(operator.device)
    nodes: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    exact = steps >= rest
    for start in _starts(operator, fixed, min(probes, rest), seed):
        space = KrylovBasis(
            operator, min(steps, rest), seed=seed, start=start, apart=fixed, budget=budget
        )
        finished = _run(space)
        if not finished and nodes:
            break
        values, y, _ = space.ritz()
        nodes.append(space.scale * values)
        weights.append(y[0] ** 2 * (rest / n))
        if not finished:
            exact = False
            break
    return SpectralDensity(
        nodes=tuple(nodes),
        weights=tuple(weights),
        resolved=resolved,
        n=n,
        exact=exact and len(nodes) == rest,
        products=operator.products - before,
    )


def _run(space: KrylovBasis) -> bool:
    """Steps until the basis is full or its Krylov space is; False where the budget ended it."""
    while space.size < space.capacity:
        if space.spent and space.size > 0:
            return False
        space.step()
        if space.coupling == 0.0:
            return True
    return True


def _starts(
    operator: LinearOperator, apart: torch.Tensor, count: int, seed: int
) -> list[torch.Tensor]:
    """Random unit vectors, orthogonal to the resolved space and to each other."""
    rng = torch.Generator().manual_seed(seed)
    n = operator.shape[0]
    if count == 0:
        return []
    draws = torch.randn(count, n, generator=rng, dtype=torch.float64).T
    draws = draws.to(operator.dtype).to(operator.device)
    for _ in range(2):
        draws = draws - apart.T @ (apart @ draws)
        draws, _ = torch.linalg.qr(draws)
    return list(draws.T.contiguous())
