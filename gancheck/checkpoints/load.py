"""Building tensors from the bytes that the static reader has checked.

The file is read once, examined, and every tensor is a copy of the bytes at the offset that the
examination found. No unpickler runs, and `torch.load` is called nowhere in the package.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import torch

from gancheck.checkpoints.limits import DEFAULT, Limits
from gancheck.checkpoints.read import examine, snapshot
from gancheck.checkpoints.refusal import Refused, plain
from gancheck.checkpoints.selection import select
from gancheck.checkpoints.symbols import DTYPES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gancheck.checkpoints.index import TensorInfo

__all__ = ["build_tensors", "load_tensors"]


def load_tensors(
    path: str | Path, *, key: str | None = None, strip_prefix: str = "", limits: Limits = DEFAULT
) -> dict[str, torch.Tensor]:
    """Load the tensors of a checkpoint, executing nothing of it.

    Args:
        path: a torch zip, torch legacy, bare pickle or safetensors file.
        key: the dict inside the file to take, None for the whole file.
        strip_prefix: keep the names that begin so, and cut it off.
        limits: budgets of the reading.

    Returns:
        Name -> tensor on the CPU, in the order of the file. Tensors share no memory with each
        other, except those that are the very same window of one storage (tied weights).

    Raises:
        Refused: unsafe or unreadable, no such part, or nothing that can be built.
    """
    from pathlib import Path as _Path

    data = snapshot(path, limits=limits)
    index = examine(data, name=_Path(path).name, limits=limits)
    return build_tensors(data, select(index, key=key, strip_prefix=strip_prefix))


def build_tensors(data: bytes, selected: Mapping[str, TensorInfo]) -> dict[str, torch.Tensor]:
    """Copy the selected tensors out of the bytes that were examined.

    Raises:
        Refused: a boolean that is neither 0 nor 1, or a big-endian machine.
    """
    if sys.byteorder != "little":
        raise Refused("checkpoints hold little-endian numbers and this machine is big-endian")
    known: dict[tuple[object, ...], torch.Tensor] = {}
    built: dict[str, torch.Tensor] = {}
    for name, info in selected.items():
        window = (info.offset, info.dtype, info.shape, info.strides)
        if window not in known:
            known[window] = _build(data, name, info)
        built[name] = known[window]
    return built


def _build(data: bytes, name: str, info: TensorInfo) -> torch.Tensor:
    dtype = getattr(torch, info.dtype)
    if info.count == 0:
        return torch.empty(info.shape, dtype=dtype)
    itemsize = DTYPES[info.dtype]
    reach = 1 + sum(
        (size - 1) * stride for size, stride in zip(info.shape, info.strides, strict=True)
    )
    start = info.offset or 0
    raw = bytearray(memoryview(data)[start : start + reach * itemsize])
    if len(raw) != reach * itemsize:
        raise Refused(f"tensor {plain(name)} reaches outside the file", subject=name)
    if info.dtype == "bool" and max(raw) > 1:
        raise Refused(
            f"tensor {plain(name)} is boolean and holds the byte {max(raw)}", subject=name
        )
    flat = torch.frombuffer(raw, dtype=dtype)
    return flat.as_strided(info.shape, info.strides).clone()
