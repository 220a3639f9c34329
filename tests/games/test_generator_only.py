"""A generator alone is a game to whatever looks at one, and says what it lacks."""

from __future__ import annotations

import pytest
import torch

from gancheck.diagnosis import NotApplicable
from gancheck.games import latents
from gancheck.games.game import Game
from gancheck.games.generator_only import GeneratorOnly
from gancheck.games.networks import mlp


def test_a_generator_alone_has_every_attribute_of_a_game() -> None:
    rng = torch.Generator().manual_seed(0)
    g, d = mlp([2, 4, 2], generator=rng), mlp([2, 4, 1], generator=rng)
    both = Game(g, d, loss="wgan", latent=latents.normal(2), data=torch.zeros(5, 2))
    alone = GeneratorOnly(g, latent=latents.normal(2), data=torch.zeros(5, 2))
    assert vars(alone).keys() >= vars(both).keys()
    assert alone.earlier is None
    assert alone.sizes() == (both.sizes()[0], 0)
    with pytest.raises(NotApplicable, match="needs the discriminator, and this is a generator"):
        alone.score(torch.zeros(1, 2))
