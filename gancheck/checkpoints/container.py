"""What kind of file is this, by its first bytes?

The name says nothing: `.pth .pt .ckpt .tar .pkl .steg` are all in use for the same two torch
containers, and repositories keep web pages and pointers under them. Standard library only.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from gancheck.checkpoints.index import Container
from gancheck.checkpoints.refusal import Refused

if TYPE_CHECKING:
    from gancheck.checkpoints.source import Source

__all__ = ["recognise"]

# torch's legacy magic number 0x1950a86a20f9469cfc6c, as LONG1 writes it: little-endian
_LEGACY_MAGIC = bytes.fromhex("6cfc9c46f9206aa85019")
_LFS = b"version https://git-lfs.github.com/spec/"
_HTML = (b"<!doctype html", b"<html", b"<head", b"<body", b"<?xml")
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras weights?)"),
    (b"\x93NUMPY", "a numpy array"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a zstandard archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"GGUF", "a GGUF model"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
)
# First opcodes of a pickle of protocol 0 or 1 whose top is a container, a global or an instance
_OLD_PICKLE = frozenset(b"(c]})l")
_ONNX_FIELDS = frozenset({0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42})
_HEAD = 4096  # bytes looked at, at either end
_WEIGHTS = "ask its owner for the weights themselves"


def recognise(source: Source) -> Container:
    """Name the container.

    Raises:
        Refused: empty, a pointer, a web page, or anything that is no checkpoint.
    """
    if not source.size:
        raise Refused("the file is empty", way_out="fetch it again")
    data = source.read(0, min(source.size, _HEAD))
    _refuse_stand_ins(data)
    found = _known(data)
    if found is None:
        _refuse_by_name(data)
    return found or _old_pickle(data, source)


def _known(data: bytes) -> Container | None:
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return Container.torch_zip
    if data[0] == 0x80 and _LEGACY_MAGIC in data[:32]:
        return Container.torch_legacy
    if data[0] == 0x80 and len(data) > 1 and data[1] <= 5:
        return Container.pickle
    if data[8:9] == b"{" and int.from_bytes(data[:8], "little") < 2**32:
        return Container.safetensors
    if len(data) > 2 and data[0] == 0x08 and 1 <= data[1] <= 32 and data[2] in _ONNX_FIELDS:
        return Container.onnx
    return None


def _refuse_by_name(data: bytes) -> None:
    if data[257:262] == b"ustar":
        raise Refused(
            "this is a tar archive, not a checkpoint", way_out="unpack it and name the file inside"
        )
    for magic, what in _OTHERS:
        if data.startswith(magic):
            raise Refused(f"this is {what}, not a torch checkpoint", way_out=_WEIGHTS)


def _old_pickle(data: bytes, source: Source) -> Container:
    """Protocols 0 and 1 have no magic: a likely first opcode, and the STOP at the end or no prose."""
    text = _is_text(data)
    tail = min(source.size, _HEAD)
    ends = source.read(source.size - tail, tail).rstrip().endswith(b".")
    if data[0] in _OLD_PICKLE and (not text or ends):
        return Container.pickle
    kind = "a text file" if text else "a file of no known kind"
    raise Refused(
        f"this is {kind}, not a checkpoint: neither torch, pickle, safetensors nor ONNX",
        way_out=_WEIGHTS,
    )


def _refuse_stand_ins(data: bytes) -> None:
    if data.startswith(_LFS):
        raise Refused(
            "this is a Git-LFS pointer, not the weights it points to",
            way_out="fetch them with `git lfs pull`",
        )
    beginning = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if beginning.startswith(_HTML):
        raise Refused(
            "this is an HTML page under a weight's name, not a checkpoint",
            way_out="open it in a browser to see why the download failed, then fetch the file itself",
        )


def _is_text(data: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return all(byte >= 32 or byte in b"\t\r\n" for byte in data)
