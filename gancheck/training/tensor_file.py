"""How are named tensors kept in a file that runs nothing when read?

The safetensors format: the length of a JSON header as eight bytes, the header with each tensor's
dtype, shape and place, then the raw bytes. It is written here rather than by its package because
this room runs on torch alone, and because the bytes must not depend on the order of a hash map:
the same tensors give the same file. Files are replaced whole or not at all.

Source: the format's description in the safetensors repository.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
import sys
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from torch import Tensor

__all__ = ["fingerprint", "read_tensors", "replace_file", "write_tensors"]

_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_DTYPES = {name: dtype for dtype, name in _NAMES.items()}


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], *, metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors to a safetensors file, atomically.

    Args:
        path: the file; one that exists is replaced in one step.
        tensors: name -> tensor, on any device; shared memory is written once for each name.
        metadata: strings kept in the header.

    Raises:
        ValueError: a dtype the format has no name for.
        OSError: the file cannot be written; what stood there before still does.
    """
    if sys.byteorder != "little":
        raise ValueError("the format is little-endian and this machine is not")
    # Widest elements first, so that every tensor starts at a multiple of its element's size.
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    chunks: list[bytes] = []
    offset = 0
    for name in order:
        tensor = tensors[name]
        if tensor.dtype not in _NAMES:
            raise ValueError(f"tensor {name!r} has dtype {tensor.dtype}, which the format lacks")
        data = _bytes_of(tensor)
        end = offset + len(data)
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, end],
        }
        chunks.append(data)
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    replace_file(path, [struct.pack("<Q", len(text)), text, *chunks])


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read what `write_tensors`, or any other writer of the format, has written.

    Args:
        path: the file, read whole.

    Returns:
        name -> tensor on the CPU, each with memory of its own.

    Raises:
        ValueError: the file is cut short or not of this format.
        OSError: it cannot be read.
    """
    data = bytearray(path.read_bytes())
    try:
        (length,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + length].decode())
        body = memoryview(data)[8 + length :]
        entries = {k: v for k, v in header.items() if k != "__metadata__"}
        return {name: _tensor(entry, body) for name, entry in entries.items()}
    except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise ValueError(f"{path} is cut short or no safetensors file ({error})") from error


def fingerprint(tensors: Mapping[str, Tensor]) -> bytes:
    """32 bytes that are the same for the same names and numbers, and for no others."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(_bytes_of(tensor))
    return digest.digest()


def replace_file(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file under a temporary name, flush it to the disk, and give it its name.

    Raises:
        OSError: the file cannot be written; the temporary one is removed.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # elsewhere a directory cannot be opened
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _bytes_of(tensor: Tensor) -> bytes:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes()


def _tensor(entry: dict[str, Any], body: memoryview) -> Tensor:
    dtype, shape = _DTYPES[entry["dtype"]], [int(n) for n in entry["shape"]]
    begin, end = entry["data_offsets"]
    count = math.prod(shape)
    if not (0 <= begin <= end <= len(body) and end - begin == count * dtype.itemsize):
        raise ValueError(f"bytes {begin} to {end} are not {count} numbers of {len(body)} bytes")
    if count == 0:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(bytearray(body[begin:end]), dtype=dtype).reshape(shape)
