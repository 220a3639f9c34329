"""Do the draws that one seed stands for share nothing, with each other or with a user's own?"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import gancheck
from gancheck import latents
from gancheck.games.streams import stream

N = 512


class Same(nn.Module):
    """A generator that gives back its latents."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones((), dtype=torch.float64))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.scale * z


def _game(data: object, held_out: object = None) -> gancheck.Game:
    discriminator = nn.Linear(2, 1, dtype=torch.float64)
    return gancheck.Game(
        Same(),
        discriminator,
        loss="minimax",
        latent=latents.normal(2),
        data=data,  # type: ignore[arg-type]
        held_out=held_out,  # type: ignore[arg-type]
    )


def _normal(n: int, rng: torch.Generator) -> torch.Tensor:
    return torch.randn(n, 2, generator=rng, dtype=torch.float64)


def _alike(a: torch.Tensor, b: torch.Tensor) -> float:
    """Correlation of rows with rows: of independent draws 1/sqrt(N) in size, 0.044."""
    return abs(float(np.corrcoef(a.detach().numpy().ravel(), b.detach().numpy().ravel())[0, 1]))


def test_normal_data_and_normal_latents_of_one_seed_are_independent() -> None:
    game = _game(_normal, held_out=_normal)
    held_out = game.draw_held_out(N, seed=3)
    assert held_out is not None
    drawn = [game.draw_real(N, seed=3), game.draw_samples(N, seed=3), held_out]
    batch = game.sample(N, seed=3)
    assert batch.real is not None
    assert batch.latent is not None
    drawn += [batch.real, batch.latent]
    for i, one in enumerate(drawn):
        for other in drawn[:i]:
            assert _alike(one, other) < 0.16  # five standard errors of 2 N products


def test_data_made_after_a_manual_seed_are_not_the_latents_of_that_seed() -> None:
    torch.manual_seed(0)
    data = torch.randn(N, 2, dtype=torch.float64)
    game = _game(data)
    assert game.latent.sample(N, torch.Generator().manual_seed(0)).equal(data)  # the danger
    assert _alike(game.draw_latent(N, seed=0), data) < 0.16
    latent = game.sample(N, seed=0).latent
    assert latent is not None
    assert _alike(latent, data) < 0.16


def test_a_seed_means_the_same_draws_each_time_and_on_labels_the_same_rows() -> None:
    data = torch.arange(20.0, dtype=torch.float64).repeat(2, 1).T
    game = gancheck.Game(
        Same(),
        nn.Linear(2, 1, dtype=torch.float64),
        loss="minimax",
        latent=latents.normal(2),
        data=data,
        labels=torch.arange(20),
    )
    real, labels = game.draw_real(7, seed=5), game.draw_labels(7, seed=5)
    assert labels is not None
    assert real[:, 0].equal(labels.double())
    assert real.equal(game.draw_real(7, seed=5))
    assert game.draw_latent(7, seed=5).equal(game.draw_latent(7, seed=5))
    assert not game.draw_latent(7, seed=5).equal(game.draw_latent(7, seed=6))


def test_a_negative_seed_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="seed must not be negative, got -1"):
        stream(-1, "latent")
