"""Dense, slow and obvious: what the operators must agree with, sharing none of their code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from gancheck.games import latents
from gancheck.games.game import Game

if TYPE_CHECKING:
    from collections.abc import Callable

    from gancheck.games.game import Batch


def tiny_game(*, norm: bool = False, seed: int = 0, dtype: torch.dtype = torch.float64) -> Game:
    """A GAN with about a hundred parameters in float64, with batch norm on demand."""
    torch.manual_seed(seed)
    middle = [nn.BatchNorm1d(6)] if norm else []
    generator = nn.Sequential(nn.Linear(3, 6), *middle, nn.Tanh(), nn.Linear(6, 2)).to(dtype)
    middle = [nn.BatchNorm1d(5)] if norm else []
    discriminator = nn.Sequential(nn.Linear(2, 5), *middle, nn.Tanh(), nn.Linear(5, 1)).to(dtype)
    real = torch.randn(400, 2, dtype=torch.float64) + torch.tensor([1.0, -0.5], dtype=torch.float64)
    return Game(
        generator, discriminator, loss="non-saturating", latent=latents.normal(3), data=real
    )


def field_by_hand(game: Game, batch: Batch, flat: Tensor) -> Tensor:
    """The field at flat parameters by plain first-order autograd, written out for this loss."""
    g, d = (game.modules[p] for p in ("generator", "discriminator"))
    sizes = [[p.numel() for p in m.parameters()] for m in (g, d)]
    pieces = list(flat.split([*sizes[0], *sizes[1]]))
    params = [*g.parameters(), *d.parameters()]
    leaves = [
        x.detach().reshape(p.shape).requires_grad_() for x, p in zip(pieces, params, strict=True)
    ]
    names_g = [n for n, _ in g.named_parameters()]
    names_d = [n for n, _ in d.named_parameters()]
    buffers_g = {n: b.clone() for n, b in g.named_buffers()}
    state_g = dict(zip(names_g, leaves[: len(names_g)], strict=True)) | buffers_g

    def score(x: Tensor) -> Tensor:
        buffers_d = {n: b.clone() for n, b in d.named_buffers()}
        state_d = dict(zip(names_d, leaves[len(names_g) :], strict=True)) | buffers_d
        return torch.func.functional_call(d, state_d, (x,)).squeeze(1)

    fake = torch.func.functional_call(g, state_g, (batch.latent,))
    loss_g = softplus(-score(fake)).mean()
    loss_d = softplus(-score(batch.real)).mean() + softplus(score(fake)).mean()
    grads = [
        *torch.autograd.grad(loss_g, leaves[: len(names_g)], retain_graph=True),
        *torch.autograd.grad(loss_d, leaves[len(names_g) :]),
    ]
    return torch.cat([x.reshape(-1) for x in grads])


def jacobian_by_differences(
    game: Game,
    batch: Batch,
    *,
    step: float = 1e-6,
    field: Callable[[Game, Batch, Tensor], Tensor] = field_by_hand,
) -> Tensor:
    """dv/dtheta column by column, central differences in float64: error about 1e-9."""
    flat = torch.cat(
        [p.detach().reshape(-1) for q in ("generator", "discriminator") for p in game.parameters(q)]
    )
    columns = []
    for i in range(len(flat)):
        e = torch.zeros_like(flat)
        e[i] = step
        up, down = field(game, batch, flat + e), field(game, batch, flat - e)
        columns.append((up - down) / (2.0 * step))
    return torch.stack(columns, dim=1)


def jacobian_by_autograd(game: Game, batch: Batch) -> Tensor:
    """dv/dtheta row by row through `torch.autograd.functional.jacobian` of a field by hand."""
    g, d = (game.modules[p] for p in ("generator", "discriminator"))
    params = [*g.parameters(), *d.parameters()]
    shapes, sizes = [p.shape for p in params], [p.numel() for p in params]
    count = len(list(g.parameters()))
    names_g = [n for n, _ in g.named_parameters()]
    names_d = [n for n, _ in d.named_parameters()]
    flat = torch.cat([p.detach().reshape(-1) for p in params])
    split = sum(sizes[:count])

    def losses(x: Tensor) -> tuple[Tensor, Tensor]:
        parts = [y.reshape(s) for y, s in zip(x.split(sizes), shapes, strict=True)]
        state_g = dict(zip(names_g, parts[:count], strict=True))
        state_g |= {n: b.clone() for n, b in g.named_buffers()}

        def score(y: Tensor) -> Tensor:
            state_d = dict(zip(names_d, parts[count:], strict=True))
            state_d |= {n: b.clone() for n, b in d.named_buffers()}
            return torch.func.functional_call(d, state_d, (y,)).squeeze(1)

        fake = torch.func.functional_call(g, state_g, (batch.latent,))
        return (
            softplus(-score(fake)).mean(),
            softplus(-score(batch.real)).mean() + softplus(score(fake)).mean(),
        )

    h_g = torch.autograd.functional.hessian(lambda x: losses(x)[0], flat)
    h_d = torch.autograd.functional.hessian(lambda x: losses(x)[1], flat)
    return torch.cat([h_g[:split], h_d[split:]])
