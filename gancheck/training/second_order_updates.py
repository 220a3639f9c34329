"""How do two players step along a field that was corrected by its own Jacobian?

Both corrections turn a rotation into a contraction. With v the field of the game (each player's
gradient of its own loss) and J its Jacobian, consensus optimisation (Mescheder et al. 2017) adds
J^T v, the gradient of half of v's squared norm; symplectic gradient adjustment (Balduzzi et al.
2018) adds A^T v, A = (J - J^T) / 2, with the sign that points towards what its alignment test
calls attraction. The products are made by double backward; no matrix is formed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from gancheck.training.players import (
    Judged,
    Players,
    StepRecord,
    judge,
    move_discriminator,
    move_generator,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["consensus", "symplectic"]

_ALIGNED = 0.1  # Balduzzi et al.: in doubt adjust, rather than not


def consensus(players: Players) -> StepRecord:
    """Step along v + strength * J^T v.

    Returns:
        What the update saw; its gradient norms are those of the corrected gradients.

    Cost: about three simultaneous steps.
    """
    loss_g, seen, (of_g, of_d) = _losses(players)
    everything = of_g + of_d
    v = _gradient(players, loss_g, of_g) + _gradient(players, seen.loss, of_d)
    pulled = _transposed(players, v, everything)
    along = [a.detach() + players.strength * b for a, b in zip(v, pulled, strict=True)]
    return _step(players, loss_g, seen, along, len(of_g))


def symplectic(players: Players) -> StepRecord:
    """Step along v + strength * sign * A^T v.

    The sign is that of <v, J^T v> <A^T v, J^T v> / n + 0.1, as in algorithm 1 of the paper.

    Returns:
        What the update saw; its gradient norms are those of the corrected gradients.

    Cost: about four simultaneous steps.
    """
    loss_g, seen, (of_g, of_d) = _losses(players)
    everything = of_g + of_d
    # all gradients of both losses: J v follows from the symmetry of each loss's own Hessian
    all_g = _gradient(players, loss_g, everything)
    all_d = _gradient(players, seen.loss, everything)
    v = all_g[: len(of_g)] + all_d[len(of_g) :]
    still = [x.detach() for x in v]
    forward = [
        *_gradient(players, _inner(all_g, still), of_g, keep=False),
        *_gradient(players, _inner(all_d, still), of_d, keep=False),
    ]
    pulled = _transposed(players, v, everything)
    turned = [(b - f) / 2.0 for b, f in zip(pulled, forward, strict=True)]
    count = sum(x.numel() for x in v)
    aligned = _inner(still, pulled) * _inner(turned, pulled) / count + _ALIGNED
    factor = players.strength * torch.sign(aligned)
    along = [a + factor * t for a, t in zip(still, turned, strict=True)]
    return _step(players, loss_g, seen, along, len(of_g))


def _losses(players: Players) -> tuple[Tensor, Judged, tuple[list[Tensor], list[Tensor]]]:
    """Both losses on one batch, the generated samples with their graph in both."""
    real = players.draw_real()
    fake = players.generator(players.draw_latent())
    seen = judge(players, real, fake)
    loss_g = players.loss.generator(players.discriminator, real, fake, rng=players.rng)
    return loss_g, seen, (players.of_generator, players.of_discriminator)


def _gradient(
    players: Players, value: Tensor, of: Sequence[Tensor], *, keep: bool = True
) -> list[Tensor]:
    """Of a mean over the batch, zero where it plays no part; with `keep` differentiable again."""
    if not value.requires_grad:
        return [torch.zeros_like(p) for p in of]
    own = torch.autograd.grad(
        value,
        of,
        create_graph=keep,
        retain_graph=True,
        allow_unused=True,
        materialize_grads=True,
    )
    return [g for g in players.ranks.average(own) if g is not None]


def _transposed(players: Players, v: Sequence[Tensor], of: Sequence[Tensor]) -> list[Tensor]:
    """J^T v at v itself: the gradient of half the squared norm.

    Of several processes each has v of the whole batch, so half its squared norm is the mean of
    theirs, and its gradient too.
    """
    half = sum((x.square().sum() for x in v), start=torch.zeros_like(v[0].sum())) / 2.0
    return _gradient(players, half, of, keep=False)


def _inner(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    return torch.stack([(x * y).sum() for x, y in zip(a, b, strict=True)]).sum()


def _step(
    players: Players, loss_g: Tensor, seen: Judged, along: list[Tensor], of_generator: int
) -> StepRecord:
    move_discriminator(players, along[of_generator:])
    move_generator(players, along[:of_generator])
    return seen.record(loss_g=loss_g, along_g=along[:of_generator], along_d=along[of_generator:])
