"""Is every number of the weights a number, and does each tensor stand for itself?

Counts NaN, infinite and subnormal entries of every real tensor, and the tensors that are one and
the same window of a storage. Subnormals are counted because some processors compute with them a
hundred times slower and others set them to zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from gancheck.diagnosis import Measurement, Place
from gancheck.measures.weights import exact, players_with_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from gancheck.diagnosis import Plan
    from gancheck.measures.weights import Weights

__all__ = ["Finiteness", "finite_numbers"]


@dataclass(frozen=True, kw_only=True)
class Finiteness(Measurement):
    """What was counted.

    Attributes:
        broken: tensors that hold NaN or infinite numbers, worst first in the order of the files.
        shared: groups of tensors that are the same window of one storage.
    """

    broken: tuple[Place, ...]
    shared: tuple[tuple[Place, ...], ...]


def finite_numbers(weights: Weights, plan: Plan | None = None) -> Finiteness:  # noqa: ARG001
    """Count what is no finite normal number.

    Args:
        weights: of every player and optimizer.
        plan: not used; every number is looked at.

    Raises:
        NotApplicable: no tensor could be read.

    Example:
        >>> from gancheck.measures.weights import PlayerWeights, Weights
        >>> tensors = {"0.weight": torch.tensor([[1.0, float("nan")]])}
        >>> g = PlayerWeights(name="G", role="generator", file="G.pth", part="", tensors=tensors)
        >>> finite_numbers(Weights(players=(g,))).quantities["nan"].value
        1.0
    """
    rows: list[dict[str, object]] = []
    totals = {"nan": 0, "infinite": 0, "subnormal": 0}
    numbers = 0
    broken: list[Place] = []
    for owner, place, tensor in _tensors(weights):
        numbers += tensor.numel()
        counts = _counts(tensor)
        for name, count in counts.items():
            totals[name] += count
        if any(counts.values()):
            rows.append({"player": owner, "file": place.file, "tensor": place.tensor, **counts})
        if counts["nan"] or counts["infinite"]:
            broken.append(place)
    quantities = {
        "numbers": exact(numbers, "numbers"),
        "nan": exact(totals["nan"], "numbers"),
        "infinite": exact(totals["infinite"], "numbers"),
        "subnormal": exact(totals["subnormal"], "numbers"),
        "broken_tensors": exact(len(broken), "tensors"),
        "shared_tensors": exact(sum(len(group) for group in weights.aliases), "tensors"),
    }
    return Finiteness(
        quantities=quantities, rows=rows, broken=tuple(broken), shared=weights.aliases
    )


def _tensors(weights: Weights) -> Iterator[tuple[str, Place, Tensor]]:
    for player in weights.players if weights.optimizers else players_with_tensors(weights):
        for name, tensor in player.tensors.items():
            yield player.name, player.place(name), tensor
    for state in weights.optimizers:
        for key, slots in zip(state.keys, state.slots, strict=True):
            for slot, tensor in slots.items():
                yield state.name, Place(file=state.file, tensor=f"{key}.{slot}"), tensor


def _counts(tensor: Tensor) -> dict[str, int]:
    """NaN, infinite and subnormal entries; integers have none."""
    if not (tensor.is_floating_point() or tensor.is_complex()) or not tensor.numel():
        return {"nan": 0, "infinite": 0, "subnormal": 0}
    parts = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    # eight-bit floats have no comparison of their own
    real = parts.float() if parts.dtype.itemsize == 1 else parts
    size = real.abs()
    smallest = torch.finfo(parts.dtype).smallest_normal
    subnormal = int(((size > 0) & (size < smallest)).sum())
    if bool(torch.isfinite(real).all()):
        return {"nan": 0, "infinite": 0, "subnormal": subnormal}
    return {
        "nan": int(torch.isnan(real).sum()),
        "infinite": int(torch.isinf(real).sum()),
        "subnormal": subnormal,
    }
