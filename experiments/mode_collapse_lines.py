"""Along which lines is a generator's loss looked at, and how steep and how curved is it there?

A line is said in sample space: a displacement of every generated sample. `spread_out` moves all of
them away from their mean, `towards` moves the due share that is nearest to a mode. It is pulled
back to the parameters v whose samples move most like it, by least squares, J v ~ u: the gradient
J^T u would be the direction that descent takes for it, but the samples along that one need not move
like u at all. The least squares are LSMR's, stopped early, so that v stays small where J is nearly
singular; how well J v is u is measured on samples that did not choose v.

A line has two ways and one curvature. "Towards the mean" and "away from it" share v^T H v; only the
slope <grad L_G, v> tells them apart, so both are measured. v is scaled to move the samples by 1 in
the root mean square, which makes the curvature that of the theorem: loss over squared distance. Of
v^T H v a part is the discriminator's own shape along straight ways of the samples,
E u . grad^2 h(x) u for u = J v; the rest is the generator's bend.

Source: Fong and Saunders (2011) for LSMR; Pearlmutter (1994) for the products.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from scipy.sparse.linalg import lsmr

from gancheck.operators import Hessian, LinearOperator
from gancheck.operators.linear_operator import flatten, unflatten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from gancheck.games.game import Batch, Game

__all__ = ["Along", "along", "likeness", "moved", "pulled_back", "spread_out", "towards"]

STEPS: Final = 40  # of LSMR; on unseen samples more of them do not move J v nearer to u


def spread_out(samples: Tensor) -> Tensor:
    """Every sample away from their mean: x - mean [n, d]."""
    return samples - samples.mean(0)


def towards(samples: Tensor, mode: Tensor, way: Tensor, *, share: float) -> Tensor:
    """The due share of the samples that is nearest to a mode, all of them one way.

    Args:
        samples: [n, d].
        mode: [d]; decides which samples.
        way: [d].
        share: of the samples, above 0 and at most 1.

    Returns:
        The displacements [n, d]: `way` or 0.

    Raises:
        ValueError: a share outside 0..1.
    """
    if not 0.0 < share <= 1.0:
        raise ValueError(f"share must be above 0 and at most 1, got {share}")
    count = max(1, round(share * len(samples)))
    nearest = (samples - mode).norm(dim=1).topk(count, largest=False).indices
    out = torch.zeros_like(samples)
    out[nearest] = way
    return out


def _sample_jacobian(game: Game, batch: Batch) -> LinearOperator:
    """J [n d, parameters] of a batch's samples in the generator's parameters, by products."""
    if batch.latent is None:
        raise ValueError("batch holds no latents; draw it from a game with samples")
    theta, _ = game.snapshot()
    with torch.enable_grad():
        samples = game.generate(batch.latent, theta).flatten()
        weights = torch.zeros_like(samples, requires_grad=True)
        # J^T w as a function of w, whose derivative is J: two reverse passes make a forward one
        back = torch.autograd.grad(
            samples, theta, weights, create_graph=True, allow_unused=True, materialize_grads=True
        )

    def transposed(w: Tensor) -> Tensor:
        return flatten(
            torch.autograd.grad(
                samples, theta, w, retain_graph=True, allow_unused=True, materialize_grads=True
            )
        )

    def product(v: Tensor) -> Tensor:
        live = [(b, p) for b, p in zip(back, unflatten(v, theta), strict=True) if b.requires_grad]
        (out,) = torch.autograd.grad(
            [b for b, _ in live], weights, [p for _, p in live], retain_graph=True
        )
        return out

    size = sum(p.numel() for p in theta)
    return LinearOperator(
        (samples.numel(), size), product, transposed, dtype=samples.dtype, device=samples.device
    )


def moved(game: Game, batch: Batch, v: Tensor) -> Tensor:
    """How the samples move along v: J v [n, d].

    Raises:
        ValueError: an analytic game, or v of another length.
    """
    return _sample_jacobian(game, batch).matvec(v).reshape(batch.size, -1)


def _unit(game: Game, batch: Batch, v: Tensor) -> Tensor:
    size = float(moved(game, batch, v).square().sum(1).mean().sqrt())
    if not 0.0 < size < float("inf"):
        raise ValueError(f"v must move the samples by a finite distance above 0, got {size}")
    return v / size


def pulled_back(game: Game, batch: Batch, displacement: Tensor) -> Tensor:
    """Parameters along which a batch's samples move most like a displacement.

    Args:
        game: with samples.
        batch: whose samples.
        displacement: [n, d], not zero.

    Returns:
        v [parameters], scaled to move the samples by 1 in the root mean square.

    Raises:
        ValueError: no samples, or no parameter moves them that way.

    Cost: `STEPS` products with J and as many with its transpose.
    """
    operator = _sample_jacobian(game, batch).to_scipy()
    v = lsmr(operator, displacement.reshape(-1).cpu().numpy(), maxiter=STEPS)[0]
    return _unit(game, batch, torch.as_tensor(v, dtype=displacement.dtype))


def at_random(game: Game, batch: Batch, count: int, *, seed: int) -> list[Tensor]:
    """Normal directions in the parameters, each scaled as `pulled_back` scales."""
    rng = torch.Generator().manual_seed(seed)
    size = game.sizes()[0]
    return [
        _unit(game, batch, torch.randn(size, generator=rng, dtype=game.dtype)) for _ in range(count)
    ]


def likeness(a: Tensor, b: Tensor) -> float:
    """Cosine of two displacements [n, d], each taken as one vector; 0 where one of them is 0."""
    size = float(a.norm() * b.norm())
    return float((a * b).sum()) / size if size > 0.0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Along:
    """Slope and curvature of the generator's loss along some directions, on some batches.

    Attributes:
        slope: <grad L_G, v> [directions, batches].
        curvature: v^T H v [directions, batches].
        of_samples: the discriminator's part of it, E u . grad^2 h u with u = J v
            [directions, batches].
    """

    slope: np.ndarray
    curvature: np.ndarray
    of_samples: np.ndarray


def along(game: Game, directions: Sequence[Tensor], size: int, seeds: Sequence[int]) -> Along:
    """Measure on batches that did not choose the directions.

    Args:
        game: with samples, its loss a function of them.
        directions: each [parameters].
        size: samples a batch.
        seeds: of the batches.

    Raises:
        ValueError: no direction or no batch.

    Cost: a Hessian a batch, a product with it and one with J for each direction.
    """
    if not directions or not seeds:
        raise ValueError("along needs at least one direction and one batch, got none")
    block = torch.stack(list(directions), dim=1)
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for seed in seeds:
        batch = game.sample(size, seed=seed)
        operator = Hessian(game, "generator", batch)
        jacobian = _sample_jacobian(game, batch)
        ways = [jacobian.matvec(v).reshape(size, -1) for v in directions]
        found.append(
            (
                (operator.gradient @ block).numpy(),
                (block * operator.matmat(block)).sum(0).numpy(),
                np.array([_straight(game, batch, way) for way in ways]),
            )
        )
    slope, curvature, of_samples = (np.stack(x, axis=1) for x in zip(*found, strict=True))
    return Along(slope=slope, curvature=curvature, of_samples=of_samples)


def _straight(game: Game, batch: Batch, way: Tensor) -> float:
    """Second derivative in t of the generator's loss at samples x + t u, D as it is."""
    if batch.latent is None or batch.real is None:
        raise ValueError("batch holds no samples; draw it with game.sample(n)")
    with torch.no_grad():
        start = game.generate(batch.latent)
    t = torch.zeros((), dtype=start.dtype, requires_grad=True)
    fake = start + t * way.reshape(start.shape)
    loss = game.loss.generator(game.score, batch.real, fake, rng=batch.penalty_rng())
    (first,) = torch.autograd.grad(loss, t, create_graph=True)
    if not first.requires_grad:  # the loss is linear along the way
        return 0.0
    return float(torch.autograd.grad(first, t)[0])
