"""Were the weights clipped to a box, whatever their file says of the loss?

A weight that training pushes against a clipping bound c stays at exactly c or -c. So the largest
absolute value is the same number, to the last bit, in several tensors, and no tensor goes beyond.
Without clipping two tensors of single precision share theirs with chance some 1e-6.

Source: Arjovsky, Chintala and Bottou (2017), algorithm 1.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancheck.diagnosis import Measurement, NotApplicable, Place
from gancheck.measures.tensor_copies import digest
from gancheck.measures.weights import exact, players_with_tensors, trained_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from gancheck.diagnosis import Plan
    from gancheck.measures.weights import PlayerWeights, Weights

__all__ = ["ClippedPlayer", "Clipping", "clipping"]

_FEWEST = 16  # numbers of a tensor that is looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class ClippedPlayer:
    """The bound that one player's tensors share.

    Attributes:
        name: of the player.
        role: of the player.
        bound: largest absolute value of the most tensors; 0 where no two share one.
        tensors: those that reach it.
        looked_at: tensors of at least 16 numbers, copies counted once.
        at_bound: share of all their numbers that lie on it.
        beyond: tensors that go beyond it.
    """

    name: str
    role: str
    bound: float
    tensors: tuple[Place, ...]
    looked_at: int
    at_bound: float
    beyond: int


@dataclass(frozen=True, kw_only=True)
class Clipping(Measurement):
    """Every player with at least two tensors."""

    players: tuple[ClippedPlayer, ...]


def clipping(weights: Weights, plan: Plan | None = None) -> Clipping:  # noqa: ARG001
    """Look for a bound that a player's tensors share.

    Args:
        weights: of every player.
        plan: not used; every number is looked at.

    Raises:
        NotApplicable: no player has two tensors of at least 16 numbers.
    """
    found = [_look(player) for player in players_with_tensors(weights)]
    players = tuple(p for p in found if p.looked_at >= 2)
    if not players:
        raise NotApplicable(f"no player has two tensors of at least {_FEWEST} numbers to compare")
    most = max(players, key=lambda p: (len(p.tensors) / p.looked_at, p.at_bound))
    return Clipping(
        quantities={
            "tensors_at_one_bound": exact(len(most.tensors), "tensors"),
            "share_at_bound": exact(most.at_bound, "share"),
            "bound": exact(most.bound),
        },
        rows=[
            {"player": p.name, "bound": p.bound, "tensors": len(p.tensors),
             "looked_at": p.looked_at, "share_at_bound": p.at_bound, "beyond": p.beyond}
            for p in players
        ],
        players=players,
    )  # fmt: skip


def _look(player: PlayerWeights) -> ClippedPlayer:
    tensors: dict[str, Tensor] = {}
    seen: set[str | None] = set()
    for name, t in trained_tensors(player).items():
        mark = digest(t)
        if t.numel() < _FEWEST or (mark is not None and mark in seen):
            continue  # a copy shares its largest value with its original, clipped or not
        seen.add(mark)
        tensors[name] = t.float()
    largest = {name: float(t.abs().max()) for name, t in tensors.items()}
    # a norm's ones reach 1 in every network: tensors of equal numbers join, they do not lead
    leading = Counter(b for name, b in largest.items() if float(tensors[name].min()) < b > 0.0)
    bound, count = leading.most_common(1)[0] if leading else (0.0, 0)
    fewest = 2 if all(t.dtype.itemsize >= 4 for t in player.tensors.values()) else 3
    if count < fewest:
        bound = 0.0
    reaching = [name for name, b in largest.items() if b == bound > 0.0]
    numbers = sum(t.numel() for t in tensors.values())
    on = sum(_times(tensors[name], bound) for name in reaching)
    return ClippedPlayer(
        name=player.name,
        role=player.role,
        bound=bound,
        tensors=tuple(player.place(name) for name in reaching),
        looked_at=len(tensors),
        at_bound=on / numbers if numbers else 0.0,
        beyond=sum(b > bound for b in largest.values()) if bound else 0,
    )


def _times(tensor: Tensor, bound: float) -> int:
    return int((tensor.abs() == bound).sum())
