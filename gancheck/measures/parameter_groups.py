"""How sharply does a player's loss curve in some of its parameters alone, such as one block?

The Hessian of a group is a diagonal block of the player's, by products with the same graphs. Its ends
lie inside those of the whole (Cauchy's interlacing), so a block whose end comes near the whole's
carries that direction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.special import stdtrit

from gancheck.operators import Hessian
from gancheck.operators.lanczos import lanczos

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gancheck.diagnosis import Plan
    from gancheck.games.game import Game, Player
    from gancheck.operators.budget import Budget
    from gancheck.operators.eigenpairs import Eigenpairs

__all__ = ["group_rows"]

_TOL = 1e-3  # as for the whole Hessian
_FRESH = 8  # batches for each group's quotients
_LEAST = 2
_PLAYERS: dict[str, Player] = {"G": "generator", "D": "discriminator"}


def group_rows(
    game: Game,
    plan: Plan,
    groups: Mapping[str, Sequence[str]],
    fresh: Sequence[int],
    *,
    each: int,
    budget: Budget | None = None,
) -> list[dict[str, Any]]:
    """A row for each resolved pair of each group, with its quotient on fresh batches.

    Args:
        game: any game.
        plan: batch size and seed of the first batch.
        groups: name, beginning with `G.` or `D.` for the player -> parameter names of that player's
            module, patterns or modules; an empty list takes what follows the player in the name.
        fresh: seeds of batches that share no draw with the first; the first eight are used.
        each: pairs at each end.
        budget: ends it, between two groups.

    Raises:
        ValueError: a name without a player, or parameters that are not there.

    Cost: 30 to 60 products of a block for each group, and 2 `each` on each fresh batch.
    """
    chosen = [(name, *_of(name, wanted)) for name, wanted in groups.items()]
    found: list[tuple[str, Player, Sequence[str], Eigenpairs]] = []
    first: dict[Player, Hessian] = {}
    for name, player, wanted in chosen:
        if player not in first:
            first[player] = Hessian(game, player, game.sample(plan.batch_size, seed=plan.seed))
        block = first[player].block(wanted)
        if budget is None or not budget.exhausted:
            top = min(each, block.shape[0])
            pairs = lanczos(block, top=top, bottom=top, tol=_TOL, seed=plan.seed, budget=budget)
            found.append((name, player, wanted, pairs))
    seeds = [] if game.analytic else list(fresh)[:_FRESH]
    quotients: list[list[np.ndarray]] = [[] for _ in found]
    for seed in seeds:
        if budget is not None and budget.exhausted:
            break
        batch = game.sample(plan.batch_size, seed=seed)
        on = {player: Hessian(game, player, batch) for player in first}
        for i, (_, player, wanted, pairs) in enumerate(found):
            block = on[player].block(wanted)
            vs = torch.as_tensor(np.ascontiguousarray(pairs.vectors.T), device=block.device)
            quotients[i].append(np.array([float(v @ block.matvec(v)) for v in vs.to(block.dtype)]))
            if budget is not None:
                budget.spend(len(vs))
    return [
        row
        for (name, player, _, pairs), on in zip(found, quotients, strict=True)
        for row in _rows(name, player, pairs, np.array(on), exact=game.analytic)
    ]


def _of(name: str, wanted: Sequence[str]) -> tuple[Player, Sequence[str]]:
    """The player of a group and the parameters it names."""
    letter, _, rest = name.partition(".")
    if letter not in _PLAYERS or not rest:
        raise ValueError(f"a group's name must begin with 'G.' or 'D.', got {name!r}")
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    return _PLAYERS[letter], [n.removeprefix(f"{letter}.") for n in names] or [rest]


def _rows(
    name: str, player: Player, pairs: Eigenpairs, fresh: np.ndarray, *, exact: bool
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for i, value in enumerate(pairs.values):
        seen = fresh[:, i] if len(fresh) >= _LEAST else np.zeros(0)
        mean = float(value) if exact else float(seen.mean()) if len(seen) else float("nan")
        half = 0.0 if exact else float("inf")
        if len(seen):
            spread = float(seen.std(ddof=1)) / len(seen) ** 0.5
            half = spread * float(stdtrit(len(seen) - 1, 0.975))
        rows.append(
            {
                "player": player,
                "group": name,
                "eigenvalue": float(value),
                "residual": float(pairs.residuals[i]),
                "converged": bool(pairs.converged[i]),
                "fresh": mean,
                "fresh_low": mean - half,
                "fresh_high": mean + half,
                "fresh_batches": len(seen),
            }
        )
    return rows
