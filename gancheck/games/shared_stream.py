"""Which of the numbers that are drawn for a batch belong to the samples that one process holds?

A batch may be spread over several processes, each with its own rows. All of them hold the same
stream and draw the numbers of the whole batch from it; each keeps those of its rows. So the batch
is the one that a single process would have drawn, and the streams stay in step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Draw", "SharedStream", "drawn"]


class Draw(Protocol):
    """`torch.rand` or `torch.randn`."""

    def __call__(
        self, size: tuple[int, ...], *, generator: torch.Generator, dtype: torch.dtype
    ) -> Tensor:
        """Numbers of that size."""
        ...


class SharedStream(torch.Generator):
    """A CPU stream that several processes hold alike.

    Args:
        rank: of this process, from 0.
        count: of the processes, each with as many rows as every other.
    """

    rank: int
    count: int

    def __new__(cls, rank: int, count: int) -> SharedStream:
        """The stream of torch's default seed; set its state or seed next."""
        out = super().__new__(cls)
        out.rank, out.count = rank, count
        return out

    def __init__(self, rank: int, count: int) -> None:
        del rank, count  # torch's type is made whole by __new__
        super().__init__()


def drawn(draw: Draw, size: tuple[int, ...], stream: torch.Generator) -> Tensor:
    """Random numbers for the samples at hand, one row each, float64 on the CPU.

    Args:
        draw: `torch.rand` or `torch.randn`.
        size: [n, ...] for n samples.
        stream: a generator; of a shared one the rows of this process are kept.

    Cost: of a shared stream, the draws of the whole batch.

    Example:
        >>> halves = [SharedStream(rank, 2) for rank in (0, 1)]
        >>> both = [drawn(torch.rand, (2,), half.manual_seed(0)) for half in halves]
        >>> whole = drawn(torch.rand, (4,), torch.Generator().manual_seed(0))
        >>> torch.equal(torch.cat(both), whole)
        True
    """
    if not isinstance(stream, SharedStream):
        return draw(size, generator=stream, dtype=torch.float64)
    rows = size[0]
    whole = draw((stream.count * rows, *size[1:]), generator=stream, dtype=torch.float64)
    return whole[stream.rank * rows : (stream.rank + 1) * rows]
