"""How do two players take one step?

==============  =================================================================================
alternating     the discriminator moves, `critic_steps` times, then the generator against it
simultaneous    both gradients at the same point, then both moves: descent on the game's field
extragradient   a trial step of both; the step is made from where they stood, along the gradients
                found at the trial point (Korpelevich 1976; with any optimiser Gidel et al. 2019)
optimistic      twice the step of an optimiser, less its last one (Daskalakis et al. 2018)
consensus       the field plus `strength` times the gradient of half its squared norm
                (Mescheder et al. 2017)
symplectic      the field v plus `strength` times +-A^T v, A the antisymmetric part of its Jacobian,
                the sign by alignment (Balduzzi et al. 2018)
==============  =================================================================================

Each takes as gradient of a player that of its own loss with respect to its own parameters. On a
bilinear game with plain gradient descent their spectral radii are those of the theorems in
`proofs`; the two last need second derivatives, and each of their steps costs about three of a
simultaneous one.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch

from gancheck.training.players import (
    Judged,
    Players,
    StepRecord,
    clip_weights,
    judge,
    move_discriminator,
    move_generator,
)
from gancheck.training.second_order_updates import consensus, symplectic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

__all__ = ["UPDATES", "Update", "alternating", "extragradient", "optimistic", "simultaneous"]

Update = Callable[[Players], StepRecord]


def alternating(players: Players) -> StepRecord:
    """Move the discriminator, then the generator against the moved discriminator.

    Returns:
        What the update saw: the discriminator's numbers before its last move, the generator's
        after that move and before its own. Every move has fresh samples.
    """
    for _ in range(players.critic_steps - 1):
        _critic_move(players)
    real, seen, along_d = _critic_move(players)
    with players.passes():
        fake = players.generator(players.draw_latent())
        loss_g = players.loss.generator(players.discriminator, real, fake, rng=players.rng)
    along_g = players.gradients(loss_g, players.of_generator)
    move_generator(players, along_g)
    return seen.record(loss_g=loss_g, along_g=along_g, along_d=along_d)


def _critic_move(players: Players) -> tuple[Tensor, Judged, list[Tensor | None]]:
    """One move of the discriminator: its real samples, what it saw, along what it moved."""
    real = players.draw_real()
    with torch.no_grad(), players.passes():
        shown = players.generator(players.draw_latent())
    seen = judge(players, real, shown)
    along = players.gradients(seen.loss, players.of_discriminator)
    move_discriminator(players, along)
    return real, seen, along


def simultaneous(players: Players) -> StepRecord:
    """Move both players along gradients taken at the same point and on the same batch.

    Returns:
        What the update saw. Costs one pass through the generator, two of the discriminator for
        its own loss and one for the generator's.
    """
    return _both(players)


def extragradient(players: Players) -> StepRecord:
    """Look where a simultaneous step would lead, and step from here as is best there.

    The optimisers make both steps, so Adam's moments see both gradients. Each has fresh samples.

    Returns:
        What the trial step saw, at the point that is left.
    """
    start = _positions(players)
    seen = _both(players)
    along = _field_on_fresh_samples(players)
    _put(players, start)
    move_discriminator(players, along[1])
    move_generator(players, along[0])
    return seen


def optimistic(players: Players) -> StepRecord:
    """Make an optimiser's step twice and take its last one back.

    The first step is plain. What was stepped last is kept in `players.memory`, so that a run can be
    resumed.

    Returns:
        What the step saw, before it.
    """
    start = _positions(players)
    seen = _both(players, clip=False)
    with torch.no_grad():
        for name, parameter in _named(players):
            step = parameter - start[name]
            last = players.memory.get(name)
            parameter.copy_(start[name] + 2.0 * step - (step if last is None else last))
            players.memory[name] = step
    clip_weights(players)
    return seen


def _both(players: Players, *, clip: bool = True) -> StepRecord:
    real = players.draw_real()
    with players.passes():
        fake = players.generator(players.draw_latent())
    seen = judge(players, real, fake.detach())
    with players.passes():
        loss_g = players.loss.generator(players.discriminator, real, fake, rng=players.rng)
    of_d = players.gradients(seen.loss, players.of_discriminator)
    of_g = players.gradients(loss_g, players.of_generator)
    move_discriminator(players, of_d, clip=clip)
    move_generator(players, of_g)
    return seen.record(loss_g=loss_g, along_g=of_g, along_d=of_d)


def _field_on_fresh_samples(players: Players) -> tuple[list[Tensor | None], list[Tensor | None]]:
    """The gradients of both players, of the generator first."""
    real = players.draw_real()
    with players.passes():
        fake = players.generator(players.draw_latent())
        loss_d = players.loss.discriminator(
            players.discriminator, real, fake.detach(), rng=players.rng
        )
        loss_g = players.loss.generator(players.discriminator, real, fake, rng=players.rng)
    of_g = players.gradients(loss_g, players.of_generator)
    return of_g, players.gradients(loss_d, players.of_discriminator)


def _named(players: Players) -> list[tuple[str, Tensor]]:
    """Everything that moves, named apart."""
    sides: tuple[tuple[str, nn.Module], ...] = (
        ("G", players.generator),
        ("D", players.discriminator),
    )
    return [
        (f"{letter}.{name}", parameter)
        for letter, module in sides
        for name, parameter in module.named_parameters()
        if parameter.requires_grad
    ]


def _positions(players: Players) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in _named(players)}


def _put(players: Players, positions: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in _named(players):
            parameter.copy_(positions[name])


UPDATES: Mapping[str, Update] = MappingProxyType(
    {
        "alternating": alternating,
        "simultaneous": simultaneous,
        "extragradient": extragradient,
        "optimistic": optimistic,
        "consensus": consensus,
        "symplectic": symplectic,
    }
)
"""Every update by its name."""
