"""Files of other formats, malformed ones and such as stand where a checkpoint is expected, by name."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
from typing import TYPE_CHECKING

import numpy as np

from tests.checkpoints.hostile import zipped

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.checkpoints.traps import Trap


def safetensors(header: str | bytes, content: bytes = b"") -> bytes:
    raw = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(raw)) + raw + content


def entry(first: int, last: int) -> str:
    return json.dumps(
        {"dtype": "F32", "shape": [(last - first) // 4], "data_offsets": [first, last]}
    )


def _shaped(shape: str, size: int = 8, dtype: str = "F32") -> Callable[[], bytes]:
    header = f'{{"w": {{"dtype": "{dtype}", "shape": {shape}, "data_offsets": [0, {size}]}}}}'
    return lambda: safetensors(header, bytes(size))


SAFETENSORS: dict[str, Trap] = {
    "a key twice": (
        "twice",
        lambda: safetensors(f'{{"w": {entry(0, 8)}, "w": {entry(8, 16)}}}', bytes(16)),
    ),
    "the metadata twice": (
        "twice",
        lambda: safetensors('{"__metadata__": {}, "__metadata__": {}}'),
    ),
    "windows that overlap": (
        "overlap",
        lambda: safetensors(f'{{"w": {entry(0, 8)}, "v": {entry(4, 12)}}}', bytes(12)),
    ),
    "a window twice": (
        "overlap",
        lambda: safetensors(f'{{"w": {entry(0, 8)}, "v": {entry(0, 8)}}}', bytes(8)),
    ),
    "a hole": (
        "hole",
        lambda: safetensors(f'{{"w": {entry(0, 8)}, "v": {entry(12, 16)}}}', bytes(16)),
    ),
    "too few bytes": ("the file has 4", lambda: safetensors(f'{{"w": {entry(0, 8)}}}', bytes(4))),
    "too many bytes": ("the file has 12", lambda: safetensors(f'{{"w": {entry(0, 8)}}}', bytes(12))),
    "a shape too large": ("needs 36", _shaped("[9]")),
    "a shape that overflows": ("needs", _shaped("[4294967296, 4294967296, 0, 1]")),
    "a negative size": ("not dtype, shape", _shaped("[-2]")),
    "a size that is no integer": ("not dtype, shape", _shaped("[2.0]")),
    "a size that is true": ("not dtype, shape", _shaped("[true, 2]")),
    "a size that is NaN": ("not dtype, shape", _shaped("[NaN]")),
    "65 dimensions": ("not dtype, shape", _shaped(f"[{'1, ' * 64}2]")),
    "a dtype of another reader": ("not read", _shaped("[2]", dtype="Q4")),
    "a dtype with an escape": ("not read", _shaped("[2]", dtype="F\\u001b[2J32")),
    "an entry with more": (
        "not dtype, shape",
        lambda: safetensors('{"w": {"dtype": "F32", "shape": [], "data_offsets": [0, 4], "x": 1}}', bytes(4)),
    ),
    "an entry that is a list": ("not dtype, shape", lambda: safetensors('{"w": []}')),
    "a header that breaks off": (
        "malformed safetensors header",
        lambda: safetensors('{"a": [1, ' * 9),
    ),
    "a header with more after it": ("malformed safetensors header", lambda: safetensors("{}}")),
    "a header nested 100,000 deep": ("nested too deep", lambda: safetensors('{"a":' * 100_000)),
    "a header that is no text": (
        "malformed safetensors header",
        lambda: safetensors(b'{"a\xff": 1}'),
    ),
    "metadata that is no text": ("metadata", lambda: safetensors('{"__metadata__": {"a": 1}}')),
    "a header longer than the file": ("truncated", lambda: struct.pack("<Q", 10**6) + b'{"w"'),
    "a header of 2^63": ("no known kind", lambda: struct.pack("<Q", 2**63) + b'{"w"'),
    "a header over the budget": (
        "over the budget",
        lambda: safetensors("{" + " " * 16_000_000 + "}"),
    ),
}  # fmt: skip


def field(number: int, content: bytes) -> bytes:
    length = len(content)
    prefix = bytes([number << 3 | 2])
    while length > 127:
        prefix += bytes([length & 127 | 128])
        length >>= 7
    return prefix + bytes([length]) + content


def onnx(*parts: bytes) -> bytes:
    """A model of IR version 10 from fields of its graph."""
    return b"\x08\x0a" + field(2, b"pytorch") + field(7, b"".join(parts))


def initialiser(name: bytes, raw: bytes, dims: bytes = b"\x08\x02\x08\x03") -> bytes:
    return field(5, dims + b"\x10\x01" + field(8, name) + field(9, raw))


ONNX: dict[str, Trap] = {
    "cut in a field": ("malformed ONNX", lambda: onnx(initialiser(b"w", bytes(24)))[:-10]),
    "cut in a number": ("malformed ONNX", lambda: b"\x08\x0a\x12\x01a\x3a\xff"),
    "a number without end": ("malformed ONNX", lambda: b"\x08\x0a\x12\x01a\x08" + b"\xff" * 20),
    "a field of no kind": ("malformed ONNX", lambda: b"\x08\x0a\x12\x01a\x3b\x00\x00"),
    "a field longer than the file": (
        "malformed ONNX",
        lambda: b"\x08\x0a\x12\x01a\x3a\xff\xff\xff\xff\x7f",
    ),
    "a graph that is a number": ("malformed ONNX", lambda: b"\x08\x0a\x12\x01a\x38\x05"),
    "bytes that do not fit the shape": ("has 20 bytes", lambda: onnx(initialiser(b"w", bytes(20)))),
    "a shape of 2^70": (
        "impossible shape|has 0 bytes",
        lambda: onnx(initialiser(b"w", b"", b"\x08" + b"\xff" * 9 + b"\x01")),
    ),
    "100 dimensions": ("malformed ONNX", lambda: onnx(initialiser(b"w", b"", b"\x08\x01" * 100))),
    "100 packed dimensions": (
        "malformed ONNX",
        lambda: onnx(initialiser(b"w", b"", b"\x0a\x64" + b"\x01" * 100)),
    ),
}  # fmt: skip


def _tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("storages"))
    return stream.getvalue()


def _npy() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


STAND_INS: dict[str, Trap] = {
    "nothing": ("the file is empty", lambda: b""),
    "one byte": ("no known kind", lambda: b"\x80"),
    "zeros": ("no known kind", lambda: bytes(64)),
    "a Git-LFS pointer": (
        "Git-LFS pointer",
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    ),
    "a web page": ("HTML page", lambda: b"\n<!DOCTYPE html><html><body>404</body></html>"),
    "a web page with a mark": ("HTML page", lambda: b"\xef\xbb\xbf<HTML><script>x</script>"),
    "an XML error": ("HTML page", lambda: b'<?xml version="1.0"?><Error/>'),
    "a sentence": ("text file", lambda: b"Not Found"),
    "a sentence that begins like a pickle": ("text file", lambda: b"colours of the rainbow\n"),
    "JSON": ("text file", lambda: b'{"epoch": 3, "loss": 0.5}'),
    "Python": ("text file", lambda: b"import os\nos.system('true')\n"),
    "a gzip archive": ("gzip", lambda: gzip.compress(b"\x80\x02N.")),
    "a bzip2 archive": ("bzip2", lambda: bz2.compress(b"\x80\x02N.")),
    "an xz archive": ("xz", lambda: lzma.compress(b"\x80\x02N.")),
    "a 7z archive": ("7z", lambda: b"7z\xbc\xaf\x27\x1c" + bytes(20)),
    "a zstandard archive": ("zstandard", lambda: b"\x28\xb5\x2f\xfd" + bytes(20)),
    "a tar archive": ("tar archive", _tar),
    "an HDF5 file": ("HDF5", lambda: b"\x89HDF\r\n\x1a\n" + bytes(20)),
    "a GGUF model": ("GGUF", lambda: b"GGUF\x03\x00\x00\x00" + bytes(20)),
    "a numpy array": ("numpy array", _npy),
    "a Keras archive": (
        "not a torch checkpoint",
        lambda: zipped([("a/config.json", b"{}"), ("a/model.weights.h5", b"\x89HDF")]),
    ),
    "a compressed archive": (
        "is compressed",
        lambda: zipped([("a/x", bytes(5000))], compression=zipfile.ZIP_DEFLATED),
    ),
    "a program": ("a program", lambda: b"\x7fELF\x02\x01\x01" + bytes(60)),
    "a picture": ("a picture", lambda: b"\x89PNG\r\n\x1a\n" + bytes(60)),
    "a document": ("PDF", lambda: b"%PDF-1.7\n" + bytes(60)),
}  # fmt: skip
