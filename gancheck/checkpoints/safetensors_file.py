"""Reading a safetensors file: a JSON header and the bytes it describes.

The format is safe by design, which leaves its header to distrust: a key that stands twice (most
readers keep the last), windows that overlap, leave holes or disagree with the shape. Standard
library only.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from gancheck.checkpoints.index import Contents, TensorInfo
from gancheck.checkpoints.refusal import Refused, plain
from gancheck.checkpoints.symbols import DTYPES

if TYPE_CHECKING:
    from gancheck.checkpoints.limits import Limits
    from gancheck.checkpoints.source import Source

__all__ = ["read_safetensors"]

_FETCH = "fetch the file again"
_NAMES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}
_MAX_SIZE = 2**48


def read_safetensors(source: Source, limits: Limits) -> Contents:
    """Read the header and check every window against the file.

    Raises:
        Refused: malformed, truncated or ambiguous.
    """
    length = int.from_bytes(source.read(0, 8), "little")
    if 8 + length > source.size:
        raise Refused(
            f"truncated or malformed safetensors: a header of {length} bytes in a file of {source.size}",
            way_out=_FETCH,
        )
    if length > limits.header_bytes:
        raise Refused(
            f"the header of the file has {length} bytes, over the budget of {limits.header_bytes}"
        )
    header = _header(source.read(8, length))
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(
        isinstance(value, str) for value in metadata.values()
    ):
        raise Refused("malformed safetensors: its metadata is no map from text to text")
    if len(header) > limits.listed:
        raise Refused(f"the file lists {len(header)} tensors, over the budget of {limits.listed}")
    start = 8 + length
    windows: list[tuple[int, int, str]] = []
    tensors: list[TensorInfo] = []
    for key, entry in header.items():
        info, window = _tensor(key, entry, start)
        tensors.append(info)
        windows.append((*window, key))
    _check_cover(windows, source.size - start)
    return Contents(tensors=tuple(tensors), metadata=metadata, versions={})


def _header(raw: bytes) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise Refused(
                    f"the header names {plain(key)} twice: a reader keeps only the last",
                    subject=key,
                )
            found[key] = value
        return found

    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=unique)
    except RecursionError:
        raise Refused("malformed safetensors: its header is nested too deep") from None
    except ValueError as error:
        raise Refused(f"malformed safetensors header: {error}", way_out=_FETCH) from None
    if not isinstance(header, dict):
        raise Refused("malformed safetensors: its header is no JSON object")
    return header


def _sizes(value: Any) -> list[int] | None:
    if not isinstance(value, list) or len(value) > 64:
        return None
    sizes = [item for item in value if type(item) is int and 0 <= item <= _MAX_SIZE]
    return sizes if len(sizes) == len(value) else None


def _tensor(key: str, entry: Any, start: int) -> tuple[TensorInfo, tuple[int, int]]:
    known = isinstance(entry, dict) and set(entry) == {"dtype", "shape", "data_offsets"}
    shape = _sizes(entry["shape"]) if known else None
    window = _sizes(entry["data_offsets"]) if known else None
    if shape is None or window is None or len(window) != 2:
        raise Refused(
            f"malformed safetensors: the entry of {plain(key)} is not dtype, shape and data_offsets",
            subject=key,
        )
    dtype = _NAMES.get(str(entry["dtype"]))
    if dtype is None:
        raise Refused(
            f"tensor {plain(key)} has the dtype {plain(str(entry['dtype']))}, which is not read",
            subject=key,
        )
    size = math.prod(shape) * DTYPES[dtype]
    if window[1] - window[0] != size:
        raise Refused(
            f"tensor {plain(key)} of shape {shape} needs {size} bytes and has {window[1] - window[0]}",
            subject=key,
        )
    strides = tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))
    info = TensorInfo(
        path=(key,), shape=tuple(shape), dtype=dtype, offset=start + window[0], strides=strides
    )
    return info, (window[0], window[1])


def _check_cover(windows: list[tuple[int, int, str]], available: int) -> None:
    """The windows tile the rest of the file: no hole, no overlap, no byte left."""
    reached = 0
    for first, last, key in sorted(windows):
        if first != reached:
            raise Refused(
                f"the bytes of tensor {plain(key)} overlap another's or leave a hole", subject=key
            )
        reached = last
    if reached != available:
        raise Refused(
            f"the tensors need {reached} bytes and the file has {available} after its header",
            way_out=_FETCH,
        )
