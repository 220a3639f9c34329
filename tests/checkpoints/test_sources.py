"""A listing costs what is listed: nothing blocks, no giant is read, and nothing changes unnoticed."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import textwrap
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save as save_safetensors

from gancheck.checkpoints import Limits, Refused, describe, index_json, load_tensors, read
from gancheck.checkpoints.source import Opened, source_of
from tests.checkpoints.hostile import as_legacy, saved, text
from tests.checkpoints.test_reading import Net, same_bits
from tests.checkpoints.traps import HONEST

if TYPE_CHECKING:
    from collections.abc import Callable

PIECEWISE = Limits(held_bytes=0)
_GIB = 2**30


def test_what_cannot_be_opened_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    (tmp_path / "loop.pth").symlink_to(tmp_path / "loop.pth")
    (tmp_path / "to_pipe.pth").symlink_to(tmp_path / "pipe.pth")
    (tmp_path / "secret.pth").write_bytes(saved(HONEST))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket.pth"))
    for path, said in (
        (tmp_path / "missing.pth", "No such file"),
        (tmp_path / "secret.pth" / "x", "Not a directory"),
        (tmp_path, "no regular file"),
        (tmp_path / "pipe.pth", "no regular file"),
        (tmp_path / "to_pipe.pth", "no regular file"),
        (tmp_path / "socket.pth", "no regular file"),
        (tmp_path / "loop.pth", "cannot be read"),
        (Path("/dev/zero"), "no regular file"),
        (Path("/dev/null"), "no regular file"),
        (Path("a\0b"), "its name is no path"),
        (tmp_path / ("x" * 300), "cannot be read"),
    ):
        with pytest.raises(Refused, match=said):
            read(path)
    listener.close()
    with pytest.raises(Refused, match="over the budget"):
        read(tmp_path / "secret.pth", limits=Limits(file_bytes=100))


@pytest.mark.parametrize(
    "content",
    [
        saved(HONEST),
        saved(HONEST, legacy=True),
        saved(Net(), legacy=True),
        save_safetensors(HONEST),
    ],
    ids=["zip", "legacy", "whole module", "safetensors"],
)
def test_a_file_read_piece_by_piece_is_the_file_held_in_memory(
    content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "a.pth"
    file.write_bytes(content)
    assert isinstance(source_of(file, PIECEWISE), Opened)
    assert read(file, limits=PIECEWISE) == read(file)
    if read(file).buildable:
        whole, pieces = load_tensors(file), load_tensors(file, limits=PIECEWISE)
        assert list(whole) == list(pieces)
        assert all(same_bits(whole[key], pieces[key]) for key in whole)


def test_every_truncation_is_refused_piece_by_piece_too(tmp_path: Path) -> None:
    file = tmp_path / "a.pth"
    for content in (saved(HONEST), saved(HONEST, legacy=True), save_safetensors(HONEST)):
        for end in range(0, len(content), 17):
            file.write_bytes(content[:end])
            with pytest.raises(Refused):
                read(file, limits=PIECEWISE)


@pytest.mark.parametrize("change", ["longer", "shorter", "other bytes"])
def test_a_file_that_changes_while_it_is_read_is_refused(change: str, tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    content = save_safetensors(HONEST)
    file.write_bytes(content)
    source = source_of(file, PIECEWISE)
    os.utime(file, ns=(1, 1))  # the clock of the file system may be coarse
    with file.open("r+b") as stream:
        if change == "shorter":
            stream.truncate(len(content) - 20)
        else:
            stream.seek(len(content) - (0 if change == "longer" else 8))
            stream.write(b"\x7f" * 8)
    from gancheck.checkpoints.read import examine

    with pytest.raises(Refused, match=r"changed|shorter"):
        examine(source, name="a")


# --- giants: sparse files, whose holes cost nothing on disk and would cost gigabytes in memory


def giant_safetensors(path: Path) -> None:
    count = 5 * _GIB // 4
    header = json.dumps({"w": {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}})
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode())
    os.truncate(path, path.stat().st_size + 4 * count)


def giant_pickle(count: int, *, legacy: bool) -> bytes:
    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu")
    size = b"\x8a\x08" + struct.pack("<q", count)
    storage += size + (b"NtQ" if legacy else b"tQ")
    view = storage + b"K\x00" + size + b"\x85K\x01\x85\x89ccollections\nOrderedDict\n)Rt"
    return b"\x80\x02}" + text("w") + b"ctorch._utils\n_rebuild_tensor_v2\n(" + view + b"Rs."


def giant_legacy(path: Path) -> None:
    count = 5 * _GIB // 4
    head = as_legacy(giant_pickle(count, legacy=True), {"0": (count, b"")})
    path.write_bytes(head)
    os.truncate(path, len(head) + 4 * count)


def giant_zip(path: Path) -> None:
    """As torch writes one of over 4 GiB: 64-bit sizes where they are needed, no checksum of zeros."""
    count = 5 * _GIB // 4
    payload = giant_pickle(count, legacy=False)
    members = [("a/data.pkl", payload, len(payload)), ("a/data/0", b"", 4 * count)]
    members.append(("a/version", b"3\n", 2))
    directory, entries = b"", 0
    with path.open("wb") as stream:
        for name, content, size in members:
            start = stream.tell()
            short, wide = (
                (size, b"")
                if size < 2**32
                else (2**32 - 1, struct.pack("<2H2Q", 1, 16, size, size))
            )
            far = b"" if start < 2**32 else struct.pack("<Q", start)
            common = (20, 0, 0, 0, 0, zlib.crc32(content), short, short, len(name))
            stream.write(struct.pack("<4s5H3L2H", b"PK\x03\x04", *common, len(wide)))
            stream.write(name.encode() + wide + content)
            stream.seek(size - len(content), os.SEEK_CUR)
            extra = wide or (struct.pack("<2H", 1, 8) if far else b"")
            place = start if not far else 2**32 - 1
            directory += struct.pack(
                "<4s6H3L5H2L", b"PK\x01\x02", 20, *common, len(extra + far), 0, 0, 0, 0, place
            )
            directory += name.encode() + extra + far
            entries += 1
        first = stream.tell()
        stream.write(directory)
        end = stream.tell()
        stream.write(
            struct.pack(
                "<4sQ2H2L4Q",
                b"PK\x06\x06",
                44,
                45,
                45,
                0,
                0,
                entries,
                entries,
                len(directory),
                first,
            )
        )
        stream.write(struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1))
        stream.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, entries, entries, len(directory), 2**32 - 1, 0))  # fmt: skip


GIANTS: dict[str, Callable[[Path], None]] = {
    "safetensors": giant_safetensors,
    "legacy": giant_legacy,
    "zip": giant_zip,
}


@pytest.mark.parametrize("name", GIANTS)
def test_a_giant_is_listed_without_reading_its_tensors(name: str, tmp_path: Path) -> None:
    """In a process whose memory is limited to far less than the file."""
    file = tmp_path / "giant.pth"
    GIANTS[name](file)
    assert file.stat().st_size > 5 * _GIB
    script = """
        import resource, sys
        resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
        from gancheck.checkpoints import describe, read
        print(describe(read(sys.argv[1])))
        status = dict(line.split(":") for line in open("/proc/self/status").read().splitlines())
        print(status["VmHWM"].split()[0])
        io = dict(line.split(": ") for line in open("/proc/self/io").read().splitlines())
        print(io["rchar"])
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    page, (memory, read_bytes) = run.stdout, run.stdout.splitlines()[-2:]
    assert f"w  {5 * _GIB // 4}  float32" in page, run.stderr
    assert "sha256     not checked: skipped for size" in page
    assert "checksums  " + {
        "zip": "not checked: skipped for size"
    }.get(name, "none in this container") in page  # fmt: skip
    assert int(memory) < 100 * 1024  # KiB, the interpreter among them
    assert int(read_bytes) < 50 * 2**20  # the imports among them


def test_what_was_not_checked_never_looks_like_sound(tmp_path: Path) -> None:
    file = tmp_path / "a.pth"
    file.write_bytes(saved(HONEST))
    small = Limits(checked_bytes=100)
    page, data = describe(read(file, limits=small)), index_json(read(file, limits=small))
    assert page.count("not checked: skipped for size") == 2
    assert data["sha256"] == data["checksums"] == "not checked: skipped for size"
    full = read(file, limits=small, full=True)
    assert full == read(file)
    assert (full.checksums, len(full.sha256 or "")) == (True, 64)
    damaged = file.read_bytes().replace(HONEST["weight"].numpy().tobytes(), b"\xff" * 48)
    file.write_bytes(damaged)
    assert read(file, limits=small).checksums is False
    with pytest.raises(Refused, match="checksum"):
        read(file, limits=small, full=True)


def test_loading_holds_each_number_once(tmp_path: Path) -> None:
    """The growth of the peak while a file of 160 MB is loaded is less than twice the file."""
    file = tmp_path / "a.pth"
    torch.save({str(i): torch.ones(10**7) for i in range(4)}, file)
    script = """
        import re, sys
        import torch
        from gancheck.checkpoints import load_tensors
        def peak(): return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
        before = peak()
        loaded = load_tensors(sys.argv[1])
        assert all(float(t.sum()) == 10**7 for t in loaded.values())
        print(peak() - before)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(file)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    grown = int(run.stdout) * 1024
    assert grown < 1.3 * file.stat().st_size, run.stderr  # the tensors, and a piece being read


def test_what_would_not_fit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.pth"
    file.write_bytes(saved({"a": torch.zeros(100), "b": torch.zeros(100)}))
    with pytest.raises(Refused, match="over 500 bytes, the budget of a loading"):
        load_tensors(file, limits=replace(Limits(), loaded_bytes=500))
    assert list(load_tensors(file, strip_prefix="a", limits=Limits(loaded_bytes=500))) == [""]
