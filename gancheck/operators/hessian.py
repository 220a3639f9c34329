"""The Hessian of one player's loss in that player's own parameters, by products.

Reverse mode twice over one stored first-order graph (Pearlmutter 1994): exact, and correct for
training-mode batch norm, spectral norm and `grid_sample`, where vmap over a vjp is silently wrong
in current torch. A product costs about 1.3 to 1.8 gradients; the graph keeps about 1.5 times the
memory of one training step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancheck.operators.linear_operator import (
    LinearOperator,
    admit,
    flatten,
    gradients,
    pull,
    symmetry_defect,
    unflatten,
)

if TYPE_CHECKING:
    import torch

    from gancheck.games.game import Batch, Game, Player

__all__ = ["Hessian"]


class Hessian(LinearOperator):
    """H = d^2 L / d theta^2 of one player at the game's present point, on a fixed batch.

    Args:
        game: any game; a snapshot of its parameters and buffers is taken.
        player: `generator` or `discriminator`.
        batch: from `game.sample`.

    Attributes:
        loss: the player's loss on the batch.
        gradient: its gradient [n].

    Raises:
        ValueError: another player's name, or a loss that is not finite.
        OperatorError: the symmetry probe fails.

    Example:
        >>> import torch
        >>> from gancheck.games import analytic
        >>> game = analytic.bilinear(c=2.0)
        >>> Hessian(game, "generator", game.sample(1)).dense().tolist()
        [[0.0]]
    """

    def __init__(self, game: Game, player: Player, batch: Batch) -> None:
        if player not in ("generator", "discriminator"):
            raise ValueError(f"player must be 'generator' or 'discriminator', got {player!r}")
        theta_g, theta_d = game.snapshot()
        losses = game.losses(theta_g, theta_d, batch)
        loss, own = (losses[0], theta_g) if player == "generator" else (losses[1], theta_d)
        first = gradients(loss, own)
        self.player = player
        self.loss = float(loss.detach())
        self.gradient = flatten(first).detach()

        def product(v: torch.Tensor) -> torch.Tensor:
            return pull(first, own, v)

        n, dtype, device = self.gradient.numel(), self.gradient.dtype, self.gradient.device
        super().__init__(n, product, product, dtype=dtype, device=device)
        self._own = own
        defect = symmetry_defect(self.matvec, self.matvec, n, self.dtype)
        admit(defect, self.dtype, f"the {player}'s Hessian")
        self.products = 0

    def parts(self, v: torch.Tensor) -> list[torch.Tensor]:
        """A flat vector [n] as tensors of the parameters' shapes."""
        return unflatten(v, self._own)
