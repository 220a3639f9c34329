"""How does data larger than one stored graph go through?

A product by double backward needs the first-order graph of the batch in memory. Where a limit is
set, the batch is cut into chunks: as many of their graphs as fit are stored, the others are built
anew for each product (about 2.9 gradients instead of 1.8 on convolutions), and the parts are
weighted by their share of the samples. That is the matrix of the whole batch exactly where the
loss is a mean over samples; where it is not, cutting is refused with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import torch

from gancheck.operators.second_order import full_precision, second_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from gancheck.games.game import Batch, Game

__all__ = ["StoredGraphs", "graph_bytes", "planned_parts"]

_G = TypeVar("_G")
_PARTS = 4  # a chunk takes at most this part of the limit: three stored, one to build anew
_PROBE = (2, 4)  # sizes at which the memory of a graph is measured


@dataclass(frozen=True, slots=True)
class _Chunk(Generic[_G]):
    weight: float
    batch: Batch
    graph: _G | None


class StoredGraphs(Generic[_G]):
    """The first-order graphs of a batch, whole or in weighted chunks.

    Args:
        game: built on, at its present point.
        batch: all of it.
        build: a batch -> whatever holds its graph.
        max_memory: bytes that graphs may take; no limit where not given.

    Attributes:
        chunks: how many.
        stored: how many of them keep their graph.

    Raises:
        ValueError: the loss, or a layer, mixes the samples of a batch, so that chunks would give
            another matrix; or not even one sample fits.
    """

    def __init__(
        self, game: Game, batch: Batch, build: Callable[[Batch], _G], max_memory: int | None
    ) -> None:
        self._build, self._device = build, game.device
        parts, stored = planned_parts(game, batch, build, max_memory)
        self._chunks = [
            _Chunk(part.size / batch.size, part, self._built(part) if i < stored else None)
            for i, part in enumerate(parts)
        ]
        self.chunks, self.stored = len(parts), stored

    def __iter__(self) -> Iterator[tuple[float, _G]]:
        """Weight and graph of each chunk; those that are not stored live for one step only."""
        for chunk in self._chunks:
            graph = chunk.graph
            yield chunk.weight, self._built(chunk.batch) if graph is None else graph

    @property
    def all_stored(self) -> bool:
        """Whether no graph has to be built anew for a product."""
        return self.stored == self.chunks

    def total(self, part: Callable[[_G], Tensor]) -> Tensor:
        """The weighted sum of a part over all chunks."""
        with full_precision(self._device):
            if self.chunks == 1:
                return part(next(iter(self))[1])
            terms = (weight * part(graph) for weight, graph in self)
            sums = next(terms)
            for term in terms:
                sums += term
            return sums

    def _built(self, batch: Batch) -> _G:
        with second_order(self._device):
            return self._build(batch)


def graph_bytes(game: Game, batch: Batch, build: Callable[[Batch], object]) -> tuple[float, float]:
    """Bytes that a graph keeps alive: (whatever the batch, for each sample).

    Measured on two small parts of the batch: every distinct storage that autograd saves.
    """
    sizes = [min(n, batch.size) for n in _PROBE]
    seen = [_saved(game, part, build) for part in (batch.part(0, n) for n in sizes)]
    if sizes[0] == sizes[1]:
        return 0.0, seen[0] / sizes[0]
    slope = max(0.0, (seen[1] - seen[0]) / (sizes[1] - sizes[0]))
    return max(0.0, seen[0] - slope * sizes[0]), slope


def _saved(game: Game, batch: Batch, build: Callable[[Batch], object]) -> int:
    storages: dict[int, int] = {}

    def note(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return x.detach()  # the tensor itself would keep its own graph alive for good

    hooks = torch.autograd.graph.saved_tensors_hooks(note, lambda x: x)
    with hooks, second_order(game.device):
        build(batch)
    return sum(storages.values())


def planned_parts(
    game: Game, batch: Batch, build: Callable[[Batch], object], max_memory: int | None
) -> tuple[list[Batch], int]:
    """The parts of the batch and how many of their graphs to store.

    Raises:
        ValueError: not even one sample fits, or the batch must be cut and may not be.
    """
    if max_memory is None or game.analytic:
        return [batch], 1
    fixed, each = graph_bytes(game, batch, build)
    if fixed + each * batch.size <= max_memory:
        return [batch], 1
    if game.mixes_samples:
        raise ValueError(
            f"the batch of {batch.size} needs {fixed + each * batch.size:.3g} bytes and cannot be "
            f"cut to fit max_memory ({max_memory:.3g}): {game.mixes_samples}; raise max_memory, or "
            "take a smaller batch"
        )
    size = int((max_memory / _PARTS - fixed) // each)
    if size < 1:
        raise ValueError(
            f"max_memory must hold {_PARTS} graphs of a sample, {_PARTS * (fixed + each):.3g} "
            f"bytes, got {max_memory:.3g}"
        )
    parts = [
        batch.part(first, min(size, batch.size - first)) for first in range(0, batch.size, size)
    ]
    fit = int(max_memory // (fixed + each * size))
    return parts, min(len(parts), fit - 1)
