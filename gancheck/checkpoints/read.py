"""What stands in this file? The entry to the static reader.

Everything said of a file, and every tensor built from it, comes from one `Source`: nothing that
changes the file meanwhile slips between check and use unnoticed. Standard library only.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING

from gancheck.checkpoints.container import recognise
from gancheck.checkpoints.guess import guess_family, guess_role
from gancheck.checkpoints.index import Container, Contents, Index
from gancheck.checkpoints.limits import DEFAULT, Limits
from gancheck.checkpoints.onnx_file import read_onnx
from gancheck.checkpoints.refusal import Refused, plain
from gancheck.checkpoints.safetensors_file import read_safetensors
from gancheck.checkpoints.source import Held, Source, source_of
from gancheck.checkpoints.symbols import DTYPES
from gancheck.checkpoints.torch_files import read_legacy, read_pickle, read_zip

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["examine", "read", "snapshot"]

_READERS: dict[Container, Callable[[Source, Limits], Contents]] = {
    Container.torch_legacy: read_legacy,
    Container.pickle: read_pickle,
    Container.safetensors: read_safetensors,
    Container.onnx: read_onnx,
}
# A tensor of no element may still have sizes whose product overflows; no file needs more than this.
_MOST_ELEMENTS = 2**48
_SLACK = 2**20
_WAY_OUT = "do not load it another way; ask its owner for the weights alone, as safetensors"


def read(path: str | Path, *, limits: Limits = DEFAULT, full: bool = False) -> Index:
    """List what a checkpoint holds, executing and importing nothing of it.

    Args:
        path: any file.
        limits: budgets.
        full: compute the sha256 and check a zip's checksums also where the file is larger than
            `limits.checked_bytes`; it is read to its end then.

    Raises:
        Refused: the file is unsafe, unreadable or no checkpoint; the one exception of reading.
    """
    return examine(snapshot(path, limits=limits), name=Path(path).name, limits=limits, full=full)


def snapshot(path: str | Path, *, limits: Limits = DEFAULT) -> Source:
    """A regular file within the size budget, as `examine` and `build_tensors` take it.

    Raises:
        Refused: missing, unreadable, no regular file, or too large.
    """
    return source_of(path, limits)


def examine(
    data: bytes | Source, *, name: str, limits: Limits = DEFAULT, full: bool = False
) -> Index:
    """List what the bytes of a checkpoint hold.

    Raises:
        Refused: as `read`.
    """
    source = Held(data) if isinstance(data, bytes) else data
    try:
        with _without_collections():
            return _examine(source, name, limits, full=full)
    except Refused as refusal:
        refusal.way_out = refusal.way_out or _WAY_OUT
        raise


@contextlib.contextmanager
def _without_collections() -> Generator[None]:
    """A reading makes many objects and no cycles; looking for some doubles its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _examine(source: Source, name: str, limits: Limits, *, full: bool) -> Index:
    container = recognise(source)
    whole = full or source.size <= limits.checked_bytes
    if container is Container.torch_zip:
        contents = read_zip(source, limits, checksums=whole)
    else:
        contents = _READERS[container](source, limits)
    _check_sizes(contents, source.size, limits)
    why_not = _why_not(contents)
    sha256 = _sha256(source) if whole else None
    source.settle()
    return Index(
        name=name,
        container=container,
        size=source.size,
        sha256=sha256,
        checksums=whole if container is Container.torch_zip else None,
        versions=contents.versions,
        tensors=contents.tensors,
        globals=contents.globals,
        needs=contents.needs,
        metadata=contents.metadata,
        role=guess_role(contents.tensors, name, contents.metadata),
        family=guess_family(contents.tensors),
        buildable=not why_not,
        why_not=why_not,
        notes=contents.notes,
    )


def _sha256(source: Source) -> str:
    digest = hashlib.sha256()
    for piece in source.pieces(0, source.size):
        digest.update(piece)
    return digest.hexdigest()


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
