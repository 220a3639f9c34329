"""A malformed safetensors header, and what is no checkpoint at all, end in one sentence."""

from __future__ import annotations

import json
import os
import struct
from typing import TYPE_CHECKING

import pytest

from gancheck.checkpoints import Limits, Refused, read
from tests.checkpoints.hostile import saved
from tests.checkpoints.test_malformed_files import HONEST, refusal_of

if TYPE_CHECKING:
    from pathlib import Path


def safetensors(header: str, content: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header.encode())) + header.encode() + content


def entry(first: int, last: int) -> str:
    return json.dumps(
        {"dtype": "F32", "shape": [(last - first) // 4], "data_offsets": [first, last]}
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (safetensors(f'{{"w": {entry(0, 8)}, "w": {entry(8, 16)}}}', bytes(16)), "twice"),
        (safetensors(f'{{"w": {entry(0, 8)}, "v": {entry(4, 12)}}}', bytes(12)), "overlap"),
        (safetensors(f'{{"w": {entry(0, 8)}, "v": {entry(12, 16)}}}', bytes(16)), "hole"),
        (safetensors(f'{{"w": {entry(0, 8)}}}', bytes(4)), "the file has 4"),
        (safetensors(f'{{"w": {entry(0, 8)}}}', bytes(12)), "the file has 12"),
        (safetensors('{"w": {"dtype": "F32", "shape": [9], "data_offsets": [0, 8]}}', bytes(8)), "needs 36"),
        (safetensors('{"w": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}', bytes(8)), "not dtype, shape"),
        (safetensors('{"w": {"dtype": "Q4", "shape": [2], "data_offsets": [0, 8]}}', bytes(8)), "not read"),
        (safetensors('{"a": [1, ' * 9), "malformed safetensors header"),
        (safetensors("{}}"), "malformed safetensors header"),
        (safetensors('{"a":' * 100_000), "nested too deep"),
        (safetensors('{"__metadata__": {"a": 1}}'), "metadata"),
        (struct.pack("<Q", 10**6) + b'{"w"', "truncated"),
    ],
)  # fmt: skip
def test_a_malformed_safetensors_header_is_refused(data: bytes, said: str) -> None:
    assert said in refusal_of(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git-LFS pointer"),
        (b"\n<!DOCTYPE html><html><body>404</body></html>", "HTML page"),
        (b'<?xml version="1.0"?><Error/>', "HTML page"),
        (b"Not Found", "text file"),
        (b"colours of the rainbow\n", "text file"),
        (b"\x1f\x8b\x08" + bytes(20), "gzip"),
        (b"\x89HDF\r\n\x1a\n" + bytes(20), "HDF5"),
        (bytes(257) + b"ustar" + bytes(250), "tar archive"),
        (bytes(64), "no known kind"),
    ],
)
def test_what_is_no_checkpoint_is_said_in_one_sentence(
    data: bytes, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "G.pth"
    file.write_bytes(data)
    with pytest.raises(Refused, match=said) as refusal:
        read(file)
    assert "\n" not in str(refusal.value)
    assert refusal.value.to_dict() == {"status": "refused", "reason": str(refusal.value)}


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No such file"):
        read(tmp_path / "missing.pth")
    with pytest.raises(Refused, match="no regular file"):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe.pth")
    with pytest.raises(Refused, match="no regular file"):
        read(tmp_path / "pipe.pth")
    (tmp_path / "big.pth").write_bytes(saved(HONEST))
    with pytest.raises(Refused, match="over the budget"):
        read(tmp_path / "big.pth", limits=Limits(file_bytes=100))
