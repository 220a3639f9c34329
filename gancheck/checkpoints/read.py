"""What stands in this file? The entry to the static reader.

A file is read once into memory, and everything said of it, and every tensor built from it, comes
from those bytes: nothing that changes the file meanwhile can slip between check and use. Standard
library only.
"""

from __future__ import annotations

import hashlib
import math
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from gancheck.checkpoints.container import recognise
from gancheck.checkpoints.guess import guess_family, guess_role
from gancheck.checkpoints.index import Container, Contents, Index
from gancheck.checkpoints.limits import DEFAULT, Limits
from gancheck.checkpoints.onnx_file import read_onnx
from gancheck.checkpoints.refusal import Refused, plain
from gancheck.checkpoints.safetensors_file import read_safetensors
from gancheck.checkpoints.symbols import DTYPES
from gancheck.checkpoints.torch_files import read_legacy, read_pickle, read_zip

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["examine", "read", "snapshot"]

_READERS: dict[Container, Callable[[bytes, Limits], Contents]] = {
    Container.torch_zip: read_zip,
    Container.torch_legacy: read_legacy,
    Container.pickle: read_pickle,
    Container.safetensors: read_safetensors,
    Container.onnx: read_onnx,
}
# A tensor of no element may still have sizes whose product overflows; no file needs more than this.
_MOST_ELEMENTS = 2**48
_SLACK = 2**20


def read(path: str | Path, *, limits: Limits = DEFAULT) -> Index:
    """List what a checkpoint holds, executing and importing nothing of it.

    Args:
        path: any file.
        limits: budgets; the file is held in memory once.

    Raises:
        Refused: the file is unsafe, unreadable or no checkpoint; the one exception of reading.
    """
    return examine(snapshot(path, limits=limits), name=Path(path).name, limits=limits)


def snapshot(path: str | Path, *, limits: Limits = DEFAULT) -> bytes:
    """The bytes of a regular file within the size budget.

    Raises:
        Refused: missing, unreadable, no regular file, or too large.
    """
    shown = plain(str(path))
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode):
            raise Refused(f"{shown} is no regular file")
        if status.st_size > limits.file_bytes:
            raise Refused(
                f"{shown} has {status.st_size} bytes, over the budget of {limits.file_bytes}"
            )
        with Path(path).open("rb") as stream:
            # One byte beyond its size tells growth; asking for the budget would reserve it.
            data = stream.read(status.st_size + 1)
    except (OSError, ValueError) as error:
        what = (error.strerror if isinstance(error, OSError) else None) or "its name is no path"
        raise Refused(f"{shown} cannot be read: {what}") from None
    if len(data) > status.st_size:
        raise Refused(f"{shown} grew while it was read", way_out="read it when it is written")
    return data


def examine(data: bytes, *, name: str, limits: Limits = DEFAULT) -> Index:
    """List what the bytes of a checkpoint hold.

    Raises:
        Refused: as `read`.
    """
    container = recognise(data)
    contents = _READERS[container](data, limits)
    _check_sizes(contents, len(data), limits)
    why_not = _why_not(contents)
    return Index(
        name=name,
        container=container,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        tensors=contents.tensors,
        globals=contents.globals,
        needs=contents.needs,
        metadata=contents.metadata,
        role=guess_role(contents.tensors, name),
        family=guess_family(contents.tensors),
        buildable=not why_not,
        why_not=why_not,
        notes=contents.notes,
    )


def _check_sizes(contents: Contents, size: int, limits: Limits) -> None:
    claimed = 0
    for tensor in contents.tensors:
        if math.prod(max(n, 1) for n in tensor.shape) > _MOST_ELEMENTS:
            raise Refused(
                f"tensor {plain(tensor.key)} has the impossible shape {list(tensor.shape)[:8]}",
                subject=tensor.key,
            )
        if tensor.offset is not None:
            claimed += tensor.count * DTYPES[tensor.dtype]
    if claimed > limits.claimed_ratio * size + _SLACK:
        raise Refused(
            f"its tensors claim {claimed} bytes together, over {limits.claimed_ratio} times the file's {size}: they show the same bytes again and again"
        )


def _why_not(contents: Contents) -> str:
    if contents.unreadable:
        return contents.unreadable
    if any(tensor.buildable for tensor in contents.tensors):
        return ""
    first, *rest = contents.needs or ("",)
    if first:
        others = f" and {len(rest)} more" if rest else ""
        return f"cannot be built: needs class {plain(first)}{others}"
    if contents.tensors:
        return "cannot be built: its numbers are spelled as text inside the pickle; save it again with torch.save(model.state_dict())"
    return "cannot be built: it holds no tensor"
