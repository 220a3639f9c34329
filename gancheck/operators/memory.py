"""Does a game's memory limit hold what its operators must store? Asked before anything is measured.

A batch is cut into parts until their graphs fit, so what can be refused is known from the graphs of
two and of four samples: not even one sample fits, or the whole does not and may not be cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancheck.operators.linear_operator import gradients
from gancheck.operators.stored_graphs import planned_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from gancheck.diagnosis import Plan
    from gancheck.games.game import Batch, Game, Player

__all__ = ["admit_hessians", "admit_jacobian", "hessian_graph", "jacobian_graph"]

_PLAYERS: tuple[Player, Player] = ("generator", "discriminator")


def admit_hessians(game: Game, plan: Plan) -> None:
    """Pass where both players' Hessians on the plan's batch fit the game's limit, cut if need be.

    Raises:
        ValueError: one does not; the message says how much it needs.

    Cost: two graphs of at most four samples for each player; nothing where there is no limit.
    """
    if game.max_memory is not None:
        batch = game.sample(plan.batch_size, seed=plan.seed)
        for player in _PLAYERS:
            planned_parts(game, batch, hessian_graph(game, player), game.max_memory)


def admit_jacobian(game: Game, plan: Plan) -> None:
    """The same of the game Jacobian, whose graph is the largest."""
    if game.max_memory is not None:
        batch = game.sample(plan.batch_size, seed=plan.seed)
        planned_parts(game, batch, jacobian_graph(game), game.max_memory)


def hessian_graph(game: Game, player: Player) -> Callable[[Batch], list[Tensor]]:
    """What the player's Hessian stores of a batch: the gradients of one loss, with their graph."""
    theta_g, theta_d = game.snapshot()
    own, index = (theta_g, 0) if player == "generator" else (theta_d, 1)
    return lambda part: gradients(game.losses(theta_g, theta_d, part)[index], own)


def jacobian_graph(game: Game) -> Callable[[Batch], list[Tensor]]:
    """What the game Jacobian stores of a batch: the gradients of both losses in all parameters."""
    theta_g, theta_d = game.snapshot()
    both = [*theta_g, *theta_d]
    return lambda part: [
        g for loss in game.losses(theta_g, theta_d, part) for g in gradients(loss, both)
    ]
