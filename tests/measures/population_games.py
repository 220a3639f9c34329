"""Games whose expected Hessians are known exactly, while every batch of theirs is noise.

Each gives the game, the player whose Hessian is looked at, and the expectation of that Hessian over
the data and the latents, in the package's flat order. None shares code with the operators: two are
written out as matrices, the third differentiates a closed form of the expected loss.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from gancheck.games import latents
from gancheck.games.game import Game

if TYPE_CHECKING:
    from gancheck.games.game import Player

_LATENT = 20
_WAVES = 10


@dataclass(frozen=True)
class Known:
    game: Game
    player: Player
    expected: np.ndarray


class _Quadratic(nn.Module):
    """D(x) = w.x + x'Qx/2 with a fixed Q: the generator's loss is quadratic in its weights."""

    def __init__(self, q: torch.Tensor) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(len(q), dtype=torch.float64))
        self.register_buffer("q", q)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.w + 0.5 * ((x @ self.q) * x).sum(1)


def linear_quadratic() -> Known:
    """G(z) = Wz against a quadratic: H_G = -Q (x) mean zz', whose expectation is -Q (x) 1."""
    q = torch.tensor([[1.5, 0.5], [0.5, -1.0]], dtype=torch.float64)
    generator = nn.Linear(_LATENT, 2, bias=False).double()
    game = Game(
        generator,
        _Quadratic(q),
        loss=(
            lambda score, real, fake: -score(fake).mean(),
            lambda score, real, fake: score(fake).mean() - score(real).mean(),
        ),
        latent=latents.normal(_LATENT),
        data=lambda n, rng: torch.randn(n, 2, generator=rng, dtype=torch.float64),
    )
    return Known(game, "generator", np.kron(-q.numpy(), np.eye(_LATENT)))


def logistic() -> Known:
    """A linear discriminator at zero: H_D is a quarter of both second moments."""
    deviation = torch.linspace(1.0, 1.2, _LATENT, dtype=torch.float64)
    generator = nn.Linear(_LATENT, _LATENT, bias=False).double()
    discriminator = nn.Linear(_LATENT, 1, bias=False).double()
    with torch.no_grad():
        generator.weight.copy_(0.5 * torch.eye(_LATENT))
        discriminator.weight.zero_()
    game = Game(
        generator,
        discriminator,
        loss="non-saturating",
        latent=latents.normal(_LATENT),
        data=lambda n, rng: deviation * torch.randn(n, _LATENT, generator=rng, dtype=torch.float64),
    )
    real = np.diag(deviation.numpy() ** 2)
    return Known(game, "discriminator", 0.25 * (real + 0.25 * np.eye(_LATENT)))


class _Waves(nn.Module):
    """D(x) = sum_k c_k sin(a_k x + b_k), whose mean under a normal law has a closed form."""

    def __init__(self) -> None:
        super().__init__()
        # the mean of a fast wave vanishes, its second derivatives on a batch do not
        k = torch.arange(_WAVES, dtype=torch.float64)
        self.c = nn.Parameter(torch.cos(k) + 0.3)
        self.a = nn.Parameter(4.0 + 0.5 * k)
        self.b = nn.Parameter(0.5 * k)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sin(x * self.a + self.b) @ self.c


def mixture() -> Known:
    """A critic made of waves against a mixture of two normals and a generated normal."""
    modes, width, scale, shift = (-2.0, 1.5), 0.7, 0.8, 0.3
    generator = nn.Linear(1, 1).double()
    with torch.no_grad():
        generator.weight.fill_(scale)
        generator.bias.fill_(shift)
    critic = _Waves()

    def draw(n: int, rng: torch.Generator) -> torch.Tensor:
        which = torch.randint(0, 2, (n, 1), generator=rng)
        centre = torch.tensor(modes, dtype=torch.float64)[which]
        return centre + width * torch.randn(n, 1, generator=rng, dtype=torch.float64)

    def expected_loss(flat: torch.Tensor) -> torch.Tensor:
        c, a, b = flat.split(_WAVES)

        def mean(mu: float, sigma: float) -> torch.Tensor:
            # E sin(aX + b) = exp(-a^2 sigma^2 / 2) sin(a mu + b) for X normal
            return (c * torch.exp(-0.5 * (a * sigma) ** 2) * torch.sin(a * mu + b)).sum()

        real = 0.5 * sum(mean(mu, width) for mu in modes)
        return mean(shift, scale) - real

    flat = torch.cat([p.detach() for p in (critic.c, critic.a, critic.b)])
    game = Game(generator, critic, loss="wgan", latent=latents.normal(1), data=draw)
    expected = torch.autograd.functional.hessian(expected_loss, flat).numpy()
    assert math.isfinite(float(expected.sum()))
    return Known(game, "discriminator", expected)


KNOWN = {"linear-quadratic": linear_quadratic, "logistic": logistic, "mixture": mixture}
