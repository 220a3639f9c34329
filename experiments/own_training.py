"""How does an experiment train a recipe by hand, when it has to look or to begin elsewhere?

`players_of` is what `gancheck.training.train` begins with: the same initial weights, optimisers and
streams of a seed; `one_update` makes the recipe's own step. Nothing is written to a disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from gancheck.games.game import Game
from gancheck.training.players import Players, judge, move_discriminator, own_parameters
from gancheck.training.state import State
from gancheck.training.updates import UPDATES

if TYPE_CHECKING:
    from gancheck.games.recipe import Recipe

__all__ = ["discriminator_update", "game_of", "one_update", "players_of"]


def players_of(
    recipe: Recipe, seed: int, *, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> Players:
    """Networks, optimisers and streams as a training of this seed begins with."""
    state = State.fresh(recipe, seed=seed, device=torch.device(device))
    state.generator.to(dtype)  # in place, so that the optimisers keep their parameters
    state.discriminator.to(dtype)
    return Players(
        generator=state.generator,
        discriminator=state.discriminator,
        generator_optimizer=state.optimizers[0],
        discriminator_optimizer=state.optimizers[1],
        loss=recipe.losses(),
        latent=recipe.latent,
        data=recipe.data(),
        batch_size=recipe.batch_size,
        rng=state.rng,
        critic_steps=recipe.critic_steps,
        clip=recipe.clip,
        strength=recipe.strength,
    )


def one_update(recipe: Recipe, players: Players) -> dict[str, float | None]:
    """Make the recipe's own update; what it saw, as in a row of the metrics."""
    return UPDATES[recipe.updates](players).numbers()


def discriminator_update(players: Players) -> float:
    """Move the discriminator alone; its loss before the move."""
    real = players.draw_real()
    with torch.no_grad():
        fake = players.generator(players.draw_latent())
    seen = judge(players, real, fake)
    mine = own_parameters(players.discriminator)
    move_discriminator(players, torch.autograd.grad(seen.loss, mine, allow_unused=True))
    return float(seen.loss.detach())


def game_of(players: Players) -> Game:
    """The game at the players' present point, in float64."""
    return Game(
        players.generator,
        players.discriminator,
        loss=players.loss,
        latent=players.latent,
        data=players.data,
    ).in_float64()
