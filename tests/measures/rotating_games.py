"""Linear-quadratic games with random data, whose expected Jacobian is written down.

Each batch's Jacobian is the mean of its samples' matrices, so that one batch adds noise of its own
to both parts; no code is shared with the operators.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from gancheck.games import latents
from gancheck.games.game import Game


class _Point(nn.Module):
    def __init__(self, k: int) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.zeros(k, dtype=torch.float64))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.g.expand(len(z), len(self.g))


class _Linear(nn.Module):
    def __init__(self, k: int) -> None:
        super().__init__()
        self.d = nn.Parameter(torch.zeros(k, dtype=torch.float64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.d


@dataclass(frozen=True)
class Population:
    """A linear-quadratic game with random matrices, and its expected Jacobian."""

    game: Game
    expected: torch.Tensor

    @property
    def squares(self) -> np.ndarray:
        j = self.expected
        return np.array([float((0.5 * x).square().sum()) for x in (j - j.T, j + j.T)])


def population(k: int, *, turn: float, pull: float, noise: float) -> Population:
    """Each sample is two matrices M + noise, N + noise; L_G = d'(M + N)g + |g|^2/2, L_D = -d'Mg + ..."""
    rng = torch.Generator().manual_seed(0)
    fall = torch.logspace(0, -1, k, dtype=torch.float64)
    m = torch.randn(k, k, generator=rng, dtype=torch.float64) * turn / k**0.5 * fall
    n = torch.randn(k, k, generator=rng, dtype=torch.float64) * pull / k**0.5
    eye = torch.eye(k, dtype=torch.float64)

    def data(count: int, rng: torch.Generator) -> torch.Tensor:
        noisy = torch.randn(count, 2 * k * k, generator=rng, dtype=torch.float64)
        return torch.cat([m.reshape(-1), n.reshape(-1)]) + noise * noisy

    def loss_g(score, real, fake):
        both = real[:, : k * k] + real[:, k * k :]
        return score(both.reshape(-1, k, k) @ fake[0]).mean() + 0.5 * (fake[0] ** 2).sum()

    def loss_d(score, real, fake):
        own = -score(real[:, : k * k].reshape(-1, k, k) @ fake[0]).mean()
        return own + 0.25 * (score(eye) ** 2).sum()

    expected = torch.cat([torch.cat([eye, (m + n).T], 1), torch.cat([-m, 0.5 * eye], 1)])
    game = Game(_Point(k), _Linear(k), loss=(loss_g, loss_d), latent=latents.normal(1), data=data)
    return Population(game, expected)


POPULATIONS = {
    "little noise": partial(population, 15, turn=3.0, pull=1.0, noise=1.0),
    "as much noise as game": partial(population, 15, turn=3.0, pull=1.0, noise=4.0),
    "noise that turns": partial(population, 25, turn=1.0, pull=2.0, noise=3.0),
}
