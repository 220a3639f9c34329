"""What is the curvature on the theorem's own game, with the exact discriminator and a trained one?

Two modes at +-1 of variance 2/k, all generated mass at 1, blurred alike
(`collapse-direction-is-exponentially-flat`): the generator splits its mass to 1 +- delta, and the
curvature in delta at 0 is measured along the way that the experiment on mode collapse goes.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from experiments.mode_collapse_lines import along, pulled_back
from experiments.own_training import discriminator_update
from gancheck.games import latents
from gancheck.games.data import as_sampler
from gancheck.games.game import Game
from gancheck.games.losses import resolve
from gancheck.games.networks import mlp
from gancheck.games.regularisation import Regularisation
from gancheck.training.players import Players

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

__all__ = ["LOSSES", "Atoms", "ExactLogit", "PeakedLogit", "proved", "split_curvature", "trained"]

LOSSES = ("minimax", "non-saturating")
_WIDTH, _BATCH, _STEP = 16, 512, 1e-2
_EVALUATION = 1_000_000  # seeds of evaluation draws, apart from those of anything trained


class Atoms(nn.Module):
    """The theorem's generator: half of the mass at c + delta, half at c - delta, by a coin."""

    def __init__(self, centre: float = 1.0) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.tensor(centre, dtype=torch.float64))
        self.delta = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, coin: Tensor) -> Tensor:
        """[n, 2] one-hot -> [n, 1]."""
        return (self.centre + self.delta * (coin[:, 0] - coin[:, 1]))[:, None]


class ExactLogit(nn.Module):
    """ln(p/q) of modes at +-1 of variance 2/k and all fakes at 1, blurred alike."""

    def __init__(self, sharpness: float) -> None:
        super().__init__()
        self.sharpness = sharpness
        self.scale = nn.Parameter(torch.ones((), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """[n, 1] -> [n]."""
        exponent = -self.sharpness * x[:, 0]
        return self.scale * (nn.functional.softplus(exponent) - math.log(2.0))


class PeakedLogit(ExactLogit):
    """The theorem's counter-example, -e (x - 1)^2 / 2: a D with a peak at the collapse."""

    def forward(self, x: Tensor) -> Tensor:
        """[n, 1] -> [n]."""
        return -0.5 * self.sharpness * self.scale * (x[:, 0] - 1.0) ** 2


def split_curvature(discriminator: nn.Module, loss: str) -> tuple[float, float]:
    """Curvature along the split of the collapsed mass, and the discriminator's part of it.

    The direction goes the way of the experiments: half of the samples up, half down, pulled back.
    """
    game = Game(
        Atoms(),
        discriminator,
        loss=loss,
        latent=latents.categorical(2),
        data=torch.tensor([[1.0], [-1.0]], dtype=torch.float64),
    )
    # one of each side of the coin, so that the halves are equal
    batch = replace(game.sample(2), latent=torch.eye(2, dtype=torch.float64))
    v = pulled_back(game, batch, torch.tensor([[1.0], [-1.0]], dtype=torch.float64))
    found = along(game, [v], 2, [_EVALUATION + 1])
    return float(found.curvature[0, 0]), float(found.of_samples[0, 0])


def proved(c: Mapping[str, Any]) -> dict[str, Any]:
    """Curvature with the exact D, or with the peaked one."""
    made = ExactLogit if c["d"] == "exact" else PeakedLogit
    curvature, of_samples = split_curvature(made(c["sharpness"]), c["loss"])
    return {"curvature": curvature, "of_samples": of_samples}


def trained(c: Mapping[str, Any]) -> dict[str, Any]:
    """A perceptron learns to tell blurred data from the blurred collapsed mass."""
    weights = torch.Generator().manual_seed(c["seed"])
    generator = Atoms().float()
    critic = mlp([1, _WIDTH, _WIDTH, 1], generator=weights)
    atoms = as_sampler(lambda n, rng: 2.0 * torch.randint(2, (n, 1), generator=rng).double() - 1.0)
    players = Players(
        generator=generator,
        discriminator=critic,
        generator_optimizer=torch.optim.SGD(generator.parameters(), lr=0.0),
        discriminator_optimizer=torch.optim.Adam(critic.parameters(), lr=_STEP),
        loss=Regularisation(instance_noise=(2.0 / c["sharpness"]) ** 0.5).applied_to(
            resolve("minimax")
        ),
        latent=latents.categorical(2),
        data=atoms,
        batch_size=_BATCH,
        rng=torch.Generator().manual_seed(2 * _EVALUATION + c["seed"]),
    )
    for step in range(c["steps"]):
        for group in players.discriminator_optimizer.param_groups:
            group["lr"] = _STEP * (1.0 - step / c["steps"])  # so that the end is no longer noise
        discriminator_update(players)
    critic.double()
    return {loss: split_curvature(critic, loss)[0] for loss in LOSSES}
