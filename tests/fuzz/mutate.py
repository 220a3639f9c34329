"""A plain mutation loop over the seeds, where Atheris is not at hand: slower to find, runs anywhere.

python -m tests.fuzz.mutate 200000 [SEED]
"""

from __future__ import annotations

import random
import struct
import sys
import traceback
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz.seeds import seeds
from tests.fuzz.target import check

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["mutations", "repaired", "run"]

_ODD = [0, 1, 2, 0x7F, 0x80, 0x82, 0xFF]
_TOKENS = [
    b"\x80\x02", b"(", b".", b"R", b"b", b"\x81", b"\x93", b"\x94", b"q\x00", b"h\x00", b"}", b"]", b")", b"t", b"u", b"s",
    b"e", b"a", b"\x85", b"Q", b"cposix\nsystem\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"ccollections\nOrderedDict\n",
    b"X\x01\x00\x00\x00w", b"\x8a\x08" + bytes(7) + b"\x7f", b"J\xff\xff\xff\xff", b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06",
    b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b'"w":', b"[", b"{", b'"__metadata__":{},', b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    "\u202e".encode(), b"\x1b[2J", b"</script>",
]  # fmt: skip


def repaired(data: bytes) -> bytes:
    """Make the checksums of a mutated zip right again, so that its contents are reached."""
    changed = bytearray(data)
    place = data.find(b"PK\x01\x02")
    while 0 <= place <= len(data) - 46:
        size = struct.unpack_from("<L", data, place + 24)[0]
        name, extra = struct.unpack_from("<2H", data, place + 28)
        header = struct.unpack_from("<L", data, place + 42)[0]
        if header + 30 <= len(data):
            start = header + 30 + sum(struct.unpack_from("<2H", data, header + 26))
            checksum = zlib.crc32(changed[start : start + size])
            struct.pack_into("<L", changed, place + 16, checksum)
            struct.pack_into("<L", changed, header + 14, checksum)
        place = data.find(b"PK\x01\x02", place + 46 + name + extra)
    return bytes(changed)


def _once(data: bytearray, pool: list[bytes], rng: random.Random) -> None:
    place = rng.randrange(len(data) + 1)
    how = rng.randrange(8)
    if how == 0 and place < len(data):
        data[place] ^= 1 << rng.randrange(8)
    elif how == 1 and place < len(data):
        data[place] = rng.choice(_ODD)
    elif how == 2:
        del data[place : place + rng.randint(1, 12)]
    elif how == 3:
        data[place:place] = rng.choice(_TOKENS)
    elif how == 4:
        token = rng.choice(_TOKENS)
        data[place : place + len(token)] = token
    elif how == 5:
        source, length = rng.randrange(len(data) + 1), rng.randint(1, 64)
        data[place:place] = data[source : source + length]
    elif how == 6:
        other = rng.choice(pool)
        source = rng.randrange(len(other) + 1)
        data[place : place + rng.randint(0, 64)] = other[source : source + rng.randint(1, 64)]
    else:
        data[place : place + 4] = struct.pack("<I", rng.choice([0, 1, 2**16, 2**31 - 1, 2**32 - 1]))


def mutations(count: int, seed: int = 0) -> Iterator[bytes]:
    """Yield mutated files, the same for the same seed in one process."""
    rng = random.Random(seed)
    made = seeds()
    pool = list(made.values())
    honest = [data for name, data in made.items() if not name.startswith(("payload", "trap"))]
    for _ in range(count):
        data = bytearray(rng.choice(honest if rng.random() < 0.6 else pool))
        for _ in range(rng.choice([1, 1, 1, 2, 2, 3, 5, 8])):
            _once(data, pool, rng)
        whole = bytes(data)
        yield repaired(whole) if whole[:2] == b"PK" and rng.random() < 0.8 else whole


def run(count: int, seed: int = 0, *, faults: Path | None = None) -> tuple[int, int]:
    """Check mutated files; write those that end in a fault to a folder.

    Returns:
        How many were listed, and how many faults there were.
    """
    listed = found = 0
    for data in mutations(count, seed):
        try:
            listed += check(data)
        except Exception:  # noqa: BLE001 - this is what is looked for
            found += 1
            traceback.print_exc()
            if faults is not None:
                faults.mkdir(parents=True, exist_ok=True)
                (faults / f"fault{found:03d}").write_bytes(data)
    return listed, found


if __name__ == "__main__":
    number, start = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    were_listed, were_faults = run(number, start, faults=Path("faults"))
    sys.stdout.write(f"{number} mutations: {were_listed} listed, {were_faults} faults\n")
