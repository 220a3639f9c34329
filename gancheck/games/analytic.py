"""Which games have an answer in closed form, to hold the operators against?

Each is a `Game` of two plain functions, so it goes through the same operators and measures as a
network. Their eigenvalues are derived in the theory shelf (`dirac-gan-eigenvalues`,
`game-jacobian-splits`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor
from torch.nn.functional import softplus

from gancheck.games.game import Game

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["bilinear", "dirac", "linear_quadratic", "planted", "potential"]

DiracKind = Literal["minimax", "non-saturating", "wgan", "r1"]


def dirac(
    kind: DiracKind = "minimax", *, theta: float = 0.0, psi: float = 0.0, gamma: float = 1.0
) -> Game:
    """The Dirac-GAN: data at 0, a fake at theta, the discriminator's logit psi x.

    Args:
        kind: the loss; `r1` is the minimax game with gamma/2 |dD/dx|^2 at the datum.
        theta: where the generator stands.
        psi: where the discriminator stands.
        gamma: weight of the R1 penalty.

    Source: Mescheder, Geiger, Nowozin (2018).
    """

    def loss_d(t: Tensor, p: Tensor) -> Tensor:
        logit = (t * p).sum()
        if kind == "wgan":
            return logit
        penalty = 0.5 * gamma * (p * p).sum() if kind == "r1" else 0.0
        return softplus(-0.0 * logit) + softplus(logit) + penalty

    def loss_g(t: Tensor, p: Tensor) -> Tensor:
        logit = (t * p).sum()
        if kind == "wgan":
            return -logit
        return softplus(-logit) if kind == "non-saturating" else -softplus(logit)

    if kind not in ("minimax", "non-saturating", "wgan", "r1"):
        raise ValueError(f"kind must be minimax, non-saturating, wgan or r1, got {kind!r}")
    return Game.from_losses(loss_g, loss_d, _vector([theta]), _vector([psi]))


def bilinear(*, c: float = 1.0, at: Sequence[float] = (1.0, 1.0)) -> Game:
    """V = c x y, the generator minimising over x: J = [[0, c], [-c, 0]], pure rotation."""
    return Game.from_losses(
        lambda x, y: c * (x * y).sum(),
        lambda x, y: -c * (x * y).sum(),
        _vector(at[:1]),
        _vector(at[1:]),
    )


def potential(*, at: Sequence[float] = (1.0, 1.0)) -> Game:
    """Both players minimise (x^2 + y^2)/2 + x y/2: J is symmetric, no rotation."""

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return (0.5 * x * x + 0.5 * y * y + 0.5 * x * y).sum()

    return Game.from_losses(loss, loss, _vector(at[:1]), _vector(at[1:]))


def linear_quadratic(matrix: Tensor, *, split: int, at: Tensor | None = None) -> Game:
    """The game whose field is J theta for a given J [n, n], about the equilibrium 0.

    Args:
        matrix: J. Each diagonal block must be symmetric, as a Hessian is.
        split: number of the generator's parameters, in 1..n-1.
        at: where it is examined [n]; the equilibrium where not given.

    Raises:
        ValueError: J not square, split outside 1..n-1, or a diagonal block not symmetric.
    """
    n = matrix.shape[0]
    if matrix.ndim != 2 or matrix.shape[1] != n:
        raise ValueError(f"matrix must be square, got shape {tuple(matrix.shape)}")
    if not 1 <= split <= n - 1:
        raise ValueError(f"split must be in 1..{n - 1}, got {split}")
    blocks = {"generator": matrix[:split, :split], "discriminator": matrix[split:, split:]}
    for name, block in blocks.items():
        if not torch.allclose(block, block.T, rtol=0.0, atol=1e-12 * float(matrix.abs().max())):
            raise ValueError(f"the {name}'s block must be symmetric: it is the Hessian of its loss")
    gg, dd = blocks.values()
    gd, dg = matrix[:split, split:], matrix[split:, :split]
    start = torch.zeros(n, dtype=matrix.dtype) if at is None else at
    return Game.from_losses(
        lambda x, y: 0.5 * x @ gg @ x + x @ gd @ y,
        lambda x, y: 0.5 * y @ dd @ y + y @ dg @ x,
        start[:split].clone(),
        start[split:].clone(),
    )


def planted(
    pairs: Sequence[tuple[float, float]], *, seed: int = 0, at: Tensor | None = None
) -> Game:
    """A linear-quadratic game whose Jacobian has the eigenvalues a +- i b for given (a, b).

    Each player's block is symmetric by construction: the pair (a, b) sits in one coordinate of
    each player as [[a, b], [-b, a]], and each player's coordinates are then turned by an orthogonal
    matrix of its own.

    Args:
        pairs: (a, b) for each pair of coordinates.
        seed: of the two orthogonal matrices.
        at: where it is examined; the equilibrium where not given.
    """
    k = len(pairs)
    if k == 0:
        raise ValueError("pairs must hold at least one (a, b)")
    a = torch.diag(torch.tensor([p[0] for p in pairs], dtype=torch.float64))
    b = torch.diag(torch.tensor([p[1] for p in pairs], dtype=torch.float64))
    rng = torch.Generator().manual_seed(seed)
    q, r = (
        torch.linalg.qr(torch.randn(k, k, generator=rng, dtype=torch.float64))[0] for _ in range(2)
    )
    upper = torch.cat([q @ a @ q.T, q @ b @ r.T], dim=1)
    lower = torch.cat([-r @ b @ q.T, r @ a @ r.T], dim=1)
    matrix = torch.cat([upper, lower])
    symmetric = matrix.clone()  # rounding breaks the symmetry of a triple product in the last digit
    symmetric[:k, :k] = 0.5 * (matrix[:k, :k] + matrix[:k, :k].T)
    symmetric[k:, k:] = 0.5 * (matrix[k:, k:] + matrix[k:, k:].T)
    return linear_quadratic(symmetric, split=k, at=at)


def _vector(values: Sequence[float]) -> Tensor:
    return torch.tensor(list(values), dtype=torch.float64)
