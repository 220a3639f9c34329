"""How much of an extreme eigenvalue belongs to the batch, and how large a batch would settle it?

The largest eigenvalue of a batch's Hessian is the largest of many noisy quotients, so it lies above
that of the expected Hessian. The same vector on another batch chose nothing there: its quotient is
unbiased for that vector and lies below. The gap between the two is the batch's part. It falls like
1/size where the eigenvalue stands apart and like 1/sqrt(size) at the edge of many, and between those
two laws the size at which it would no longer matter is extrapolated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.special import stdtrit

from gancheck.diagnosis import Quantity
from gancheck.operators import Hessian
from gancheck.operators.lanczos import lanczos

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gancheck.games.game import Game, Player
    from gancheck.operators.budget import Budget
    from gancheck.operators.eigenpairs import Eigenpairs

__all__ = ["Growth", "growth_at", "quotients", "settling"]

SETTLED = 0.05  # the batch's part of the larger end below which a spectrum counts as the game's
_TOL = 1e-3  # the batches differ by far more
_LAWS = 0.5, 1.0  # powers of the size by which the gap can fall


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Both extreme eigenvalues on a few batches of one size.

    Attributes:
        size: samples a batch.
        own: [batches, 2], smallest and largest eigenvalue of each batch's Hessian.
        elsewhere: [batches, 2], mean quotient of the same vectors on the other batches.
    """

    size: int
    own: np.ndarray
    elsewhere: np.ndarray

    @property
    def scale(self) -> float:
        """The larger end in absolute value, mean over batches."""
        return float(np.abs(self.own.mean(0)).max())

    @property
    def lasting(self) -> float:
        """The larger end of what the vectors find elsewhere, in absolute value."""
        return float(np.abs(self.elsewhere.mean(0)).max())

    @property
    def gap(self) -> tuple[float, float]:
        """The batch's part of the end where it is larger, and its standard error."""
        gaps = (self.own - self.elsewhere) * np.array([-1.0, 1.0])
        end = int(gaps.mean(0).argmax())
        values = gaps[:, end]
        return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def growth_at(
    game: Game,
    player: Player,
    size: int,
    seeds: Sequence[int],
    *,
    first: Eigenpairs | None = None,
    budget: Budget | None = None,
) -> Growth | None:
    """Both ends of a player's Hessian on each batch, and their vectors on the others.

    Args:
        game: with samples.
        player: whose Hessian.
        size: samples a batch.
        seeds: of the batches, at least 2.
        first: pairs of the first batch, where they are known.
        budget: ends it.

    Returns:
        None where the budget ended it before two batches were done.
    """
    own: list[list[float]] = []
    vectors: list[np.ndarray] = []
    for i, seed in enumerate(seeds):
        if budget is not None and budget.exhausted:
            break
        pairs = first if i == 0 else None
        if pairs is None:
            operator = Hessian(game, player, game.sample(size, seed=seed))
            pairs = lanczos(operator, top=1, bottom=1, tol=_TOL, seed=seed, budget=budget)
        own.append([float(pairs.values[0]), float(pairs.values[-1])])
        vectors.append(pairs.vectors[:, [0, -1]])
    done = len(own)
    # An interrupted search gives values inside the true ends, and the products across are not few.
    short = budget is not None and (budget.exhausted or budget.left < 2 * done * done)
    if done < 2 or short:
        return None
    every = np.concatenate(vectors, axis=1)
    across = np.array(
        [quotients(game, player, size, seed, every, budget=budget) for seed in seeds[:done]]
    ).reshape(done, done, 2)  # [on which batch, whose vector, which end]
    others = ~np.eye(done, dtype=bool)
    elsewhere = np.array([across[others[:, i], i].mean(0) for i in range(done)])
    return Growth(size=size, own=np.array(own), elsewhere=elsewhere)


def quotients(
    game: Game,
    player: Player,
    size: int,
    seed: int,
    vectors: np.ndarray,
    *,
    budget: Budget | None = None,
) -> np.ndarray:
    """Rayleigh quotients [k] of unit vectors [n, k] on one batch."""
    operator = Hessian(game, player, game.sample(size, seed=seed))
    if budget is not None:
        budget.spend(vectors.shape[1])
    vs = torch.as_tensor(np.ascontiguousarray(vectors.T), device=operator.device)
    vs = vs.to(operator.dtype)
    return np.array([float(v @ operator.matvec(v)) for v in vs])


def settling(growths: Sequence[Growth], *, share: float = SETTLED) -> Quantity:
    """The batch size at which the batch's part falls to a share of the larger end.

    Args:
        growths: by size, ascending; the last one is extrapolated from.
        share: of the larger end.

    Returns:
        In samples. The end without the batch's part is taken from what the vectors find elsewhere;
        where that is nothing, no batch is large enough. The interval holds both laws by which the
        part can fall and the error of the part itself, so it is wide.
    """
    last = growths[-1]
    gap, error = last.gap
    half = error * float(stdtrit(len(last.own) - 1, 0.975))
    power = _power(growths)
    allowed = share / (1.0 - share) * last.lasting  # part = share (lasting + part)

    def size(part: float, law: float) -> float:
        if part <= 0.0:
            return 1.0
        return max(1.0, last.size * (part / allowed) ** (1.0 / law)) if allowed > 0 else math.inf

    return Quantity(
        value=size(gap, power),
        unit="samples",
        low=min(size(gap - half, law) for law in _LAWS),
        high=max(size(gap + half, law) for law in _LAWS),
    )


def _power(growths: Sequence[Growth]) -> float:
    """By which power of the size the batch's part falls, held between the two laws."""
    first, last = growths[0], growths[-1]
    if len(growths) < 2 or first.gap[0] <= 0.0 or last.gap[0] <= 0.0:
        return _LAWS[1]
    slope = np.log(first.gap[0] / last.gap[0]) / np.log(last.size / first.size)
    return float(np.clip(slope, *_LAWS))
