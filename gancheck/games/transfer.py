"""How do numbers that were drawn on the CPU reach a network without being waited for?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["brought"]


def brought(x: Tensor, like: Tensor) -> Tensor:
    """The same numbers in another tensor's dtype and on its device.

    A copy from pageable memory is waited for, one from pinned memory is not; so what goes to a GPU
    is cast and pinned first. The order of both is that of the stream, on which it is used.

    Example:
        >>> import torch
        >>> brought(torch.tensor([1.0, 2.0]), torch.zeros(1, dtype=torch.float64)).dtype
        torch.float64
    """
    if like.is_cuda and not x.is_cuda:
        x = x.to(like.dtype).pin_memory()
    return x.to(like, non_blocking=True)
