"""Is what a user handed in samples: a tensor, an array, an item of a dataset, a function's answer?

What is not is refused in a sentence that says what it is and what would do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch.utils.data import Dataset

__all__ = ["as_tensor", "called", "check_values", "item_of"]


def check_values(values: Tensor, what: str) -> Tensor:
    """The same values [N, ...], which are floating point, finite and at least one sample.

    Raises:
        ValueError: they are not.
    """
    if values.ndim < 2 or values.numel() == 0:
        raise ValueError(
            f"{what} must hold at least one sample and have shape [N, ...], "
            f"got shape {list(values.shape)}"
        )
    if not values.is_floating_point():
        raise ValueError(
            f"{what} must be floating point and scaled as in training, got {values.dtype}; "
            "for 8-bit images perhaps data.float() / 127.5 - 1"
        )
    finite = torch.isfinite(values)
    if not bool(finite.all()):
        bad = int((~finite).flatten(1).any(1).sum())
        raise ValueError(
            f"{what} must be finite, got NaN or infinity in {bad} of {len(values)} samples"
        )
    return values


def as_tensor(data: Tensor | NDArray[Any]) -> Tensor:
    """A tensor as it is, without its graph; an array in torch's byte order and layout.

    Raises:
        ValueError: an array of no numbers that torch has.
    """
    if isinstance(data, Tensor):
        return data.detach()
    if data.dtype.kind not in "fiu" or data.dtype.itemsize > 8:
        raise ValueError(f"data must be floating point, got an array of {data.dtype}")
    native = data.dtype.newbyteorder("=")
    return torch.from_numpy(np.require(data, dtype=native, requirements=["C", "W"]))


def item_of(dataset: Dataset[Any], index: int) -> Tensor:
    """The sample of one item of a dataset: the item, or its first entry.

    Raises:
        TypeError: neither is a tensor or an array.
    """
    item = dataset[index]
    sample = item[0] if isinstance(item, (tuple, list)) else item
    if not isinstance(sample, (Tensor, np.ndarray)):
        raise TypeError(
            "an item of the dataset, or its first entry, must be a tensor, "
            f"got {type(sample).__name__}; add a transform that makes one"
        )
    return as_tensor(sample)


def called(function: Any, n: int, generator: torch.Generator) -> Tensor:
    """What a user's function draws, checked: n samples [n, ...].

    Raises:
        TypeError: no tensor or array.
        ValueError: another number of samples, or values that are not finite floating point.
    """
    out = function(n, generator)
    if not isinstance(out, (Tensor, np.ndarray)):
        raise TypeError(f"the data function must return a tensor, got {type(out).__name__}")
    if out.ndim == 0 or len(out) != n:
        raise ValueError(
            f"the data function was asked for {n} samples, got shape {list(out.shape)}"
        )
    return check_values(as_tensor(out), "what the data function returns")
