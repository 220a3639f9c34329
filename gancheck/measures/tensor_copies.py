"""Do two players, or two files, hold the same tensors?

Tensors are compared by a digest of their shape, format and bytes, whatever their names, order and
container, so that a copy is found that a digest of the file misses. Tensors whose numbers are all
equal, and counters, are like each other in every network and do not count.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import torch

from gancheck.diagnosis import Measurement, NotApplicable, Place
from gancheck.measures.weights import exact, players_with_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from gancheck.diagnosis import Plan
    from gancheck.measures.weights import PlayerWeights, Weights

__all__ = ["Copies", "SharedTensors", "digest", "tensor_copies"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedTensors:
    """What two players have in common.

    Attributes:
        first: name of one player.
        second: of the other.
        roles: of both.
        averaged: whether one of them is said to be a running average.
        same: tensors of the second that the first has too.
        share: of the numbers of the smaller one, 1 where it has no other.
    """

    first: str
    second: str
    roles: tuple[str, str]
    averaged: bool
    same: tuple[Place, ...]
    share: float


@dataclass(frozen=True, kw_only=True)
class Copies(Measurement):
    """Every pair of players that has tensors in common."""

    pairs: tuple[SharedTensors, ...]


def tensor_copies(weights: Weights, plan: Plan | None = None) -> Copies:  # noqa: ARG001
    """Compare every tensor of each player with those of the others.

    Args:
        weights: of every player.
        plan: not used; nothing is drawn.

    Raises:
        NotApplicable: fewer than two players.
    """
    players = players_with_tensors(weights)
    if len(players) < 2:
        raise NotApplicable(
            f"needs two players to compare; the files hold one, {players[0].name} (give the other "
            "player's file too)"
        )
    digests = [_digests(player) for player in players]
    pairs: list[SharedTensors] = []
    for i, j in combinations(range(len(players)), 2):
        shared = _shared(players[i], digests[i], players[j], digests[j])
        if shared.same:
            pairs.append(shared)
    numbers = sum(len(p.same) for p in pairs)
    worst = max((p.share for p in pairs), default=0.0)
    return Copies(
        quantities={
            "players": exact(len(players), "players"),
            "same_tensors": exact(numbers, "tensors"),
            "largest_same_share": exact(worst, "share"),
        },
        rows=[
            {"first": p.first, "second": p.second, "file": place.file, "tensor": place.tensor}
            for p in pairs
            for place in p.same
        ],
        pairs=tuple(pairs),
    )


def digest(tensor: Tensor) -> str | None:
    """SHA-256 of shape, format and bytes; None where every network may hold such a tensor.

    Example:
        >>> digest(torch.zeros(8)) is None, digest(torch.tensor(3)) is None
        (True, True)
        >>> digest(torch.arange(4.0)) == digest(torch.arange(4.0).clone())
        True
    """
    flat = tensor.detach().contiguous().reshape(-1)
    if flat.numel() < 2 or not (flat.is_floating_point() or flat.is_complex()):
        return None
    raw = flat.view(torch.uint8).reshape(flat.numel(), -1)
    if bool((raw == raw[0]).all()):
        return None
    head = f"{tuple(tensor.shape)} {tensor.dtype}".encode()
    return hashlib.sha256(head + raw.numpy().tobytes()).hexdigest()


def _digests(player: PlayerWeights) -> dict[str, list[str]]:
    """Digest -> names of the tensors that have it."""
    found: dict[str, list[str]] = {}
    for name, tensor in player.tensors.items():
        mark = digest(tensor)
        if mark is not None:
            found.setdefault(mark, []).append(name)
    return found


def _shared(
    first: PlayerWeights,
    ours: dict[str, list[str]],
    second: PlayerWeights,
    theirs: dict[str, list[str]],
) -> SharedTensors:
    same = [name for mark, names in theirs.items() if mark in ours for name in names]
    # in the order of the file
    names = [name for name in second.tensors if name in set(same)]

    def size(player: PlayerWeights, marks: dict[str, list[str]]) -> int:
        return sum(player.tensors[name].numel() for found in marks.values() for name in found)

    smaller, marks, others = (
        (first, ours, theirs) if size(first, ours) <= size(second, theirs) else (second, theirs, ours)
    )  # fmt: skip
    common = {mark: found for mark, found in marks.items() if mark in others}
    total = size(smaller, marks)
    return SharedTensors(
        first=first.name,
        second=second.name,
        roles=(first.role, second.role),
        averaged=first.averaged != second.averaged,
        same=tuple(second.place(name) for name in names),
        share=size(smaller, common) / total if total else 0.0,
    )
