"""The Jacobian of the game's gradient field, by products, from two stored first-order graphs.

The field is v = (grad_G L_G, grad_D L_D), both losses minimised, and J = dv/dtheta. Each loss has a
symmetric Hessian over both players' parameters, so the rows of J that belong to a player are rows
of that player's full Hessian, and J v comes from reverse mode alone:

    (J v)_G = d<g_G, v>/d theta_G,   (J v)_D = d<g_D, v>/d theta_D,
    J^T v   = d<(g_G[G], g_D[D]), v>/d theta,

with g_G, g_D the gradients of L_G and of L_D in all parameters. No forward mode, no vmap: it works
wherever double backward does. A product costs about 2.9 evaluations of the field on convolutions,
J^T v about 2.1.
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

    from gancheck.games.game import Batch, Game

__all__ = ["GameJacobian", "field"]


def field(game: Game, batch: Batch, *, shift: Tensor | None = None) -> Tensor:
    """The gradient field v [n], without a second-order graph.

    Args:
        game: any game.
        batch: from `game.sample`.
        shift: [n], where from the game's present point; at the point itself without it.

    Raises:
        NotFinite: a sample, a score, a loss or a gradient is NaN or infinite.
    """
    theta_g, theta_d = game.snapshot()
    if shift is not None:
        with torch.no_grad():
            for p, by in zip(
                [*theta_g, *theta_d], unflatten(shift, [*theta_g, *theta_d]), strict=True
            ):
                p.add_(by)
    loss_g, loss_d = game.losses(theta_g, theta_d, batch)
    g = torch.autograd.grad(
        loss_g, theta_g, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    d = torch.autograd.grad(loss_d, theta_d, allow_unused=True, materialize_grads=True)
    return torch.cat(
        [
            finite_derivative(flatten(part), f"the {player}'s loss")
            for player, part in (("generator", g), ("discriminator", d))
        ]
    )


class GameJacobian(LinearOperator):
    """J = dv/dtheta at the game's present point, on a fixed batch.

    Flat order: the generator's parameters as `named_parameters()` gives them, then the
    discriminator's.

    Args:
        game: any game; a snapshot of its parameters and buffers is taken.
        batch: from `game.sample`.
        max_memory: bytes that stored graphs may take; a larger batch goes through in weighted
            parts. The game's own limit where not given.

    Attributes:
        names: of the parameters in flat order, `G.` or `D.` before the module's own.
        field: v [n].
        split: number of the generator's parameters.
        losses: (L_G, L_D) on the batch.
        symmetry_defect: of the probe that let it in.

    Raises:
        NotFinite: a sample, a score, a loss or a gradient is NaN or infinite.
        ValueError: half precision, or a batch that does not fit and cannot be cut.
        OperatorError: J and J^T, computed by different ways, disagree, or an operation has no
            second derivative.

    Example:
        >>> from gancheck.games import analytic
        >>> game = analytic.bilinear(c=2.0)
        >>> GameJacobian(game, game.sample(1)).dense().round().int().tolist()
        [[0, 2], [-2, 0]]
    """

    def __init__(self, game: Game, batch: Batch, *, max_memory: int | None = None) -> None:
        refuse_dtype(game.dtype)
        theta_g, theta_d = game.snapshot()
        both = [*theta_g, *theta_d]
        count = len(theta_g)

        def build(part: Batch) -> _Graph:
            loss_g, loss_d = game.losses(theta_g, theta_d, part)
            for loss in (loss_g, loss_d):
                refuse_once_differentiable(loss)
            return _Graph(
                torch.stack([loss_g.detach(), loss_d.detach()]),
                gradients(loss_g, both),
                gradients(loss_d, both),
            )

        self.names = [
            *(f"G.{name}" for name in game.parameter_names("generator")),
            *(f"D.{name}" for name in game.parameter_names("discriminator")),
        ]
        self._both, self._count = both, count
        self._graphs = StoredGraphs(game, batch, build, max_memory or game.max_memory)
        self.split = sum(p.numel() for p in theta_g)
        every = range(len(both))
        self.field = self._graphs.total(lambda graph: flatten(graph.own(every, count))).detach()
        finite_derivative(self.field[: self.split], "the generator's loss")
        finite_derivative(self.field[self.split :], "the discriminator's loss")
        loss_g, loss_d = self._graphs.total(lambda graph: graph.losses).tolist()
        self.losses = (loss_g, loss_d)
        super().__init__(
            self.field.numel(),
            lambda v: self._product(v, every, every),
            lambda v: self._transposed_product(v, every, every),
            matmat=None if self._graphs.all_stored else lambda vs: self._products(vs, every, every),
            dtype=self.field.dtype,
            device=self.field.device,
        )
        defect = symmetry_defect(self.matvec, self.rmatvec, self.shape[0], self.dtype)
        admit(defect, self.dtype, "the game Jacobian")
        self.symmetry_defect = defect
        self.products = 0

    def block(self, rows: str | Sequence[str], columns: str | Sequence[str]) -> LinearOperator:
        """Some rows and columns of J, from the same graphs: a cross block, a layer, a player.

        Args:
            rows: whose part of the field is differentiated: `G`, `D`, parameter names such as
                `G.0.weight`, patterns (`D.*.bias`), or names of modules (`G.block1`).
            columns: in which parameters.

        Raises:
            ValueError: a name that matches nothing.
        """
        r, c = chosen(self.names, rows), chosen(self.names, columns)
        return LinearOperator(
            (sum(self._both[i].numel() for i in r), sum(self._both[i].numel() for i in c)),
            lambda v: self._product(v, r, c),
            lambda v: self._transposed_product(v, r, c),
            matmat=None if self._graphs.all_stored else lambda vs: self._products(vs, r, c),
            dtype=self.dtype,
            device=self.device,
        )

    def _product(self, v: Tensor, rows: Sequence[int], columns: Sequence[int]) -> Tensor:
        return self._graphs.total(lambda graph: self._pulled(graph, v, rows, columns))

    def _products(self, vs: Tensor, rows: Sequence[int], columns: Sequence[int]) -> Tensor:
        """Columns together, so that a graph that is not stored is built once for all of them."""
        return self._graphs.total(
            lambda graph: torch.stack([self._pulled(graph, v, rows, columns) for v in vs.T], dim=1)
        )

    def _pulled(
        self, graph: _Graph, v: Tensor, rows: Sequence[int], columns: Sequence[int]
    ) -> Tensor:
        """Each player's rows are rows of the symmetric Hessian of that player's own loss."""
        out: list[Tensor] = []
        for first, mine in (
            (graph.g_all, [i for i in rows if i < self._count]),
            (graph.d_all, [i for i in rows if i >= self._count]),
        ):
            if mine:
                out.append(pull([first[i] for i in columns], [self._both[i] for i in mine], v))
        return out[0] if len(out) == 1 else torch.cat(out)

    def _transposed_product(self, v: Tensor, rows: Sequence[int], columns: Sequence[int]) -> Tensor:
        over = [self._both[i] for i in columns]
        return self._graphs.total(lambda graph: pull(graph.own(rows, self._count), over, v))


@dataclass(frozen=True, slots=True)
class _Graph:
    """Both losses and the gradients of each in all parameters."""

    losses: Tensor
    g_all: list[Tensor]
    d_all: list[Tensor]

    def own(self, rows: Sequence[int], count: int) -> list[Tensor]:
        """Entries of the field: each parameter's gradient of its own player's loss."""
        return [self.g_all[i] if i < count else self.d_all[i] for i in rows]
