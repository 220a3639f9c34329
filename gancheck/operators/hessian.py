"""The Hessian of one player's loss in that player's own parameters, by products.

Reverse mode twice over one stored first-order graph (Pearlmutter 1994): exact, and correct for
training-mode batch norm, spectral norm and `grid_sample`, where vmap over a vjp is silently wrong
in current torch. A product costs about 1.3 to 1.9 gradients; the graph keeps about 1.5 times the
memory of one training step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gancheck.games.admitted import finite_derivative
from gancheck.operators.linear_operator import (
    LinearOperator,
    admit,
    flatten,
    gradients,
    pull,
    symmetry_defect,
    unflatten,
)
from gancheck.operators.parameters import chosen
from gancheck.operators.second_order import refuse_dtype, refuse_once_differentiable
from gancheck.operators.stored_graphs import StoredGraphs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gancheck.games.game import Batch, Game, Player

__all__ = ["Hessian"]


@dataclass(frozen=True, slots=True)
class _Graph:
    loss: Tensor
    first: list[Tensor]


class Hessian(LinearOperator):
    """H = d^2 L / d theta^2 of one player at the game's present point, on a fixed batch.

    Args:
        game: any game; a snapshot of its parameters and buffers is taken.
        player: `generator` or `discriminator`.
        batch: from `game.sample`.
        max_memory: bytes that stored graphs may take; a larger batch goes through in weighted
            parts. The game's own limit where not given.

    Attributes:
        loss: the player's loss on the batch.
        gradient: its gradient [n].
        names: of the parameters, in flat order.
        symmetry_defect: of the probe that let it in.

    Raises:
        NotFinite: a sample, a score, the loss or its gradient is NaN or infinite.
        ValueError: another player's name, half precision, or a batch that does not fit and cannot
            be cut.
        OperatorError: the symmetry probe fails, or an operation has no second derivative.

    Example:
        >>> import torch
        >>> from gancheck.games import analytic
        >>> game = analytic.bilinear(c=2.0)
        >>> Hessian(game, "generator", game.sample(1)).dense().tolist()
        [[0.0]]
    """

    def __init__(
        self, game: Game, player: Player, batch: Batch, *, max_memory: int | None = None
    ) -> None:
        if player not in ("generator", "discriminator"):
            got: object = player  # a batch, where the two are swapped, is too long to print
            told = repr(got) if isinstance(got, str) else f"a {type(got).__name__}"
            raise ValueError(f"player must be 'generator' or 'discriminator', got {told}")
        refuse_dtype(game.dtype)
        theta_g, theta_d = game.snapshot()
        own = theta_g if player == "generator" else theta_d
        index = 0 if player == "generator" else 1

        def build(part: Batch) -> _Graph:
            loss = game.losses(theta_g, theta_d, part)[index]
            refuse_once_differentiable(loss)
            return _Graph(loss.detach(), gradients(loss, own))

        self.player = player
        self.names = game.parameter_names(player)
        self._own = own
        self._graphs = StoredGraphs(game, batch, build, max_memory or game.max_memory)
        self.gradient = self._graphs.total(lambda graph: flatten(graph.first)).detach()
        finite_derivative(self.gradient, f"the {player}'s loss")
        self.loss = float(self._graphs.total(lambda graph: graph.loss))
        every = range(len(own))
        super().__init__(
            self.gradient.numel(),
            lambda v: self._product(v, every),
            lambda v: self._product(v, every),
            matmat=None if self._graphs.all_stored else lambda vs: self._products(vs, every),
            dtype=self.gradient.dtype,
            device=self.gradient.device,
        )
        self.symmetry_defect = symmetry_defect(self.matvec, self.matvec, self.shape[0], self.dtype)
        admit(self.symmetry_defect, self.dtype, f"the {player}'s Hessian")
        self.products = 0

    def parts(self, v: Tensor) -> list[Tensor]:
        """A flat vector [n] as tensors of the parameters' shapes."""
        return unflatten(v, self._own)

    def block(self, parameters: str | Sequence[str]) -> LinearOperator:
        """The diagonal block of some parameters, as a layer's own Hessian; from the same graph.

        Args:
            parameters: names, patterns (`*.weight`), or names of modules (`block1`).

        Raises:
            ValueError: a name that matches nothing.
        """
        index = chosen(self.names, parameters)
        return LinearOperator(
            sum(self._own[i].numel() for i in index),
            lambda v: self._product(v, index),
            lambda v: self._product(v, index),
            matmat=None if self._graphs.all_stored else lambda vs: self._products(vs, index),
            dtype=self.dtype,
            device=self.device,
        )

    def _product(self, v: Tensor, index: Sequence[int]) -> Tensor:
        own = [self._own[i] for i in index]
        return self._graphs.total(lambda graph: pull([graph.first[i] for i in index], own, v))

    def _products(self, vs: Tensor, index: Sequence[int]) -> Tensor:
        """Columns together, so that a graph that is not stored is built once for all of them."""
        own = [self._own[i] for i in index]
        return self._graphs.total(
            lambda graph: torch.stack(
                [pull([graph.first[i] for i in index], own, v) for v in vs.T], dim=1
            )
        )
