"""Building tensors from the bytes that the static reader has checked.

Every tensor is a copy of the bytes at the offset that the examination found, read into its own
memory and copied no second time. No unpickler runs; torch's own loader is called nowhere in the
package.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from gancheck.checkpoints.limits import DEFAULT, Limits
from gancheck.checkpoints.read import examine, snapshot
from gancheck.checkpoints.refusal import Refused, plain
from gancheck.checkpoints.selection import select
from gancheck.checkpoints.source import Held, Source
from gancheck.checkpoints.symbols import DTYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    data = snapshot(path, limits=limits)
    index = examine(data, name=Path(path).name, limits=limits)
    return build_tensors(data, select(index, key=key, strip_prefix=strip_prefix), limits=limits)


def build_tensors(
    data: bytes | Source, selected: Mapping[str, TensorInfo], *, limits: Limits = DEFAULT
) -> dict[str, torch.Tensor]:
    """Copy the selected tensors out of the bytes that were examined.

    Raises:
        Refused: a boolean that is neither 0 nor 1, more bytes than the budget, the file changed
            since, or a big-endian machine.
    """
    source = Held(data) if isinstance(data, bytes) else data
    if sys.byteorder != "little":
        raise Refused("checkpoints hold little-endian numbers and this machine is big-endian")
    known: dict[tuple[object, ...], torch.Tensor] = {}
    built: dict[str, torch.Tensor] = {}
    left = limits.loaded_bytes
    for name, info in selected.items():
        window = (info.offset, info.dtype, info.shape, info.strides)
        if window not in known:
            left -= info.count * DTYPES[info.dtype]
            if left < 0:
                raise Refused(
                    f"its tensors take over {limits.loaded_bytes} bytes, the budget of a loading",
                    way_out="load a part of it by key and strip_prefix",
                )
            known[window] = _build(source, name, info)
        built[name] = known[window]
    source.settle()
    return built


def _build(source: Source, name: str, info: TensorInfo) -> torch.Tensor:
    dtype = getattr(torch, info.dtype)
    if info.count == 0:
        return torch.empty(info.shape, dtype=dtype)
    itemsize = DTYPES[info.dtype]
    reach = 1 + sum(
        (size - 1) * stride for size, stride in zip(info.shape, info.strides, strict=True)
    )
    raw = bytearray(reach * itemsize)
    source.fill(memoryview(raw), info.offset or 0)
    if info.dtype == "bool":
        highest = int(torch.frombuffer(raw, dtype=torch.uint8).max())
        if highest > 1:
            raise Refused(
                f"tensor {plain(name)} is boolean and holds the byte {highest}", subject=name
            )
    tensor = torch.frombuffer(raw, dtype=dtype).as_strided(info.shape, info.strides)
    # A view with gaps would keep its whole reach alive.
    return tensor if reach == info.count else tensor.clone()
