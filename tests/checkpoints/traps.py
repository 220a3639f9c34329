"""Malformed and deceiving files, by name: what each refusal must say, and how the file is made.

The traps of the two torch containers and of the tensors in them; those of the pickle inside are in
`pickle_traps`, those of other formats in `stand_ins`. All are made at test time. None of them runs
anything; the live ones are in `hostile`.
"""

from __future__ import annotations

import io
import pickle
import struct
import warnings
import zipfile
from typing import TYPE_CHECKING

import torch

from tests.checkpoints.hostile import MAGIC, as_legacy, as_zip, saved, text, whole, zipped

if TYPE_CHECKING:
    from collections.abc import Callable

Trap = tuple[str, "Callable[[], bytes]"]  # what the refusal says, and the file

HONEST = {"weight": torch.arange(12.0).reshape(3, 4), "bias": torch.ones(3)}


def tensor_pickle(
    *,
    count: int = 4,
    offset: int = 0,
    shape: tuple[int, ...] = (4,),
    strides: tuple[int, ...] = (1,),
    legacy: bool = False,
) -> bytes:
    """One tensor whose every number is chosen, as torch's pickles spell it."""

    def sizes(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", v) for v in values) + b"t"

    storage = (
        b"("
        + text("storage")
        + b"ctorch\nFloatStorage\n"
        + text("0")
        + text("cpu")
        + b"\x8a\x08"
        + struct.pack("<q", count)
        + (b"NtQ" if legacy else b"tQ")
    )
    view = (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + whole(offset)
        + sizes(shape)
        + sizes(strides)
    )
    return b"\x80\x02}" + text("weight") + view + b"\x89ccollections\nOrderedDict\n)RtRs."


def replaced(data: bytes, old: bytes, new: bytes, *, which: int = 0) -> bytes:
    place = -1
    for _ in range(which + 1):
        place = data.index(old, place + 1)
    return data[:place] + new + data[place + len(old) :]


def flagged(data: bytes, bit: int) -> bytes:
    """Set a general-purpose flag of the first member in both of its headers."""
    central = data.index(b"PK\x01\x02")
    changed = bytearray(data)
    changed[6] |= bit
    changed[central + 8] |= bit
    return bytes(changed)


def payload() -> bytes:
    return pickle.dumps({"a": 1}, 2)


def overlapped() -> bytes:
    """The quoted-overlap bomb: many directory entries share one run of bytes."""
    data = as_zip(payload())
    directory = data.index(b"PK\x01\x02")
    first = data[directory : data.index(b"PK\x01\x02", directory + 4)]
    end = bytearray(data[-22:])
    struct.pack_into("<2H", end, 8, *[struct.unpack_from("<H", end, 8)[0] + 1] * 2)
    struct.pack_into("<L", end, 12, struct.unpack_from("<L", end, 12)[0] + len(first))
    return data[:-22] + first + bytes(end)


def duplicated() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's own, of the duplicate
        return zipped([("a/data.pkl", payload()), ("a/data.pkl", pickle.dumps({"b": 2}, 2))])


def prefixed() -> bytes:
    """Bytes before the zip, with every offset corrected: zipfile reads it, and so may another."""
    data, before = as_zip(payload()), b"MZ" + bytes(30)
    changed = bytearray(before + data)
    place = changed.find(b"PK\x01\x02")
    while place >= 0:
        offset = struct.unpack_from("<L", changed, place + 42)[0]
        struct.pack_into("<L", changed, place + 42, offset + len(before))
        place = changed.find(b"PK\x01\x02", place + 4)
    start = struct.unpack_from("<L", changed, len(changed) - 6)[0]
    struct.pack_into("<L", changed, len(changed) - 6, start + len(before))
    # as a torch zip it must begin with a member's header: the first is one that nothing lists
    return b"PK\x03\x04" + bytes(changed[4:])


def widened(*, count: int = 0, where: int = 0, start: int = 0) -> bytes:
    """A zip with a 64-bit end record whose numbers are off by what is given."""
    data = as_zip(payload())
    end = data[-22:]
    total, size, first = struct.unpack("<HLL", end[10:20])
    place = len(data) - 22
    record = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, total + count, total + count, size, first + start
    )  # fmt: skip
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, place + where, 1)
    return data[:-22] + record + locator + end


def gapped(hidden: bytes) -> bytes:
    """A zip with bytes between its first member and the next, every offset right."""
    data = as_zip(payload())
    second = data.index(b"PK\x03\x04", 4)
    directory = data.index(b"PK\x01\x02")
    changed = bytearray(data[:second] + hidden + data[second:])
    place = changed.index(b"PK\x01\x02", directory)
    while place >= 0:
        offset = struct.unpack_from("<L", changed, place + 42)[0]
        struct.pack_into("<L", changed, place + 42, offset + (len(hidden) if offset else 0))
        place = changed.find(b"PK\x01\x02", place + 4)
    struct.pack_into("<L", changed, len(changed) - 6, directory + len(hidden))
    return bytes(changed)


def extended(identifier: int, content: bytes, *, claims: int | None = None) -> bytes:
    """A zip whose first directory entry has an extra field."""
    length = len(content) if claims is None else claims
    info = zipfile.ZipInfo("a/data.pkl")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(info, payload())
        archive.filelist[0].extra = struct.pack("<2H", identifier, length) + content
    return stream.getvalue()


def locally(offset: int, value: bytes) -> bytes:
    """A zip whose first member's own header has other bytes at an offset."""
    data = as_zip(payload())
    return data[:offset] + value + data[offset + len(value) :]


def commented() -> bytes:
    return as_zip(payload())[:-2] + b"\x05\x00hello"


def raw_name(name: bytes) -> bytes:
    """A zip whose second member has a name that zipfile would not write."""
    data = zipped([("a/data.pkl", payload()), ("a/" + "x" * (len(name) - 2), b"")])
    return data.replace(b"a/" + b"x" * (len(name) - 2), name)


ZIPS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "compressed member": (
        "is compressed",
        lambda: zipped(
            [("a/data.pkl", payload()), ("a/data/0", bytes(2**20))],
            compression=zipfile.ZIP_DEFLATED,
        ),
    ),
    "encrypted": ("encrypted", lambda: flagged(as_zip(payload()), 1)),
    "wrong checksum": (
        "checksum",
        lambda: replaced(saved(HONEST), HONEST["weight"].numpy().tobytes()[:20], b"\xff" * 20),
    ),
    "other name inside": (
        "another name",
        lambda: replaced(as_zip(payload()), b"archive/data.pkl", b"archive/data.pkX"),
    ),
    "other method inside": (
        "described differently",
        lambda: as_zip(payload())[:8] + b"\x08\x00" + as_zip(payload())[10:],
    ),
    "other case": ("twice", lambda: zipped([("a/data.pkl", payload()), ("a/DATA.pkl", b"")])),
    "leaves its folder": (
        "leaves its folder",
        lambda: zipped([("a/data.pkl", payload()), ("a/../x", b"")]),
    ),
    "absolute name": ("leaves its folder", lambda: zipped([("/a/data.pkl", payload())])),
    "two roots": ("one folder", lambda: zipped([("a/data.pkl", payload()), ("b/x", b"")])),
    "bytes before": (
        "does not end where its end record begins",
        lambda: b"PK\x03\x04" + b"x" * 40 + as_zip(payload()),
    ),
    "bytes after": ("bytes after its end", lambda: as_zip(payload()) + b"x"),
    "claims a comment": ("a comment", lambda: as_zip(payload())[:-2] + b"\x05\x00"),
    "truncated": ("truncated zip", lambda: saved(HONEST)[:-300]),
    "TorchScript's constants": (
        "TorchScript",
        lambda: zipped([("a/data.pkl", payload()), ("a/constants.pkl", payload())]),
    ),
    "TorchScript's code": (
        "TorchScript",
        lambda: zipped([("a/data.pkl", payload()), ("a/code/x.py", b"")]),
    ),
    "Keras": (
        "not a torch checkpoint",
        lambda: zipped([("a/config.json", b"{}"), ("a/model.weights.h5", b"")]),
    ),
    "big-endian": (
        "big-endian",
        lambda: zipped([("a/data.pkl", payload()), ("a/byteorder", b"big")]),
    ),
    "missing storage": ("no member", lambda: as_zip(tensor_pickle())),
}


ZIPS.update(
    {
        "two members of one name": ("twice", duplicated),
        "names alike to a file system": (
            "twice",
            lambda: zipped([("a/data.pkl", payload()), ("a/\uff44ata.pkl", b"")]),
        ),
        "members that overlap": ("overlaps", overlapped),
        "a program before it": ("no torch checkpoint|does not end|bytes before", prefixed),
        "a real comment": ("bytes after its end", commented),
        "another count in the 64-bit record": (
            "two end records disagree",
            lambda: widened(count=1),
        ),
        "64-bit record elsewhere": ("not where it is said", lambda: widened(where=-4)),
        "directory elsewhere in the 64-bit record": (
            "two end records disagree",
            lambda: widened(start=8),
        ),
        "another size inside": ("described differently", lambda: locally(22, b"\x01\x00\x00\x00")),
        "another checksum inside": (
            "described differently",
            lambda: locally(14, b"\x01\x02\x03\x04"),
        ),
        "a name that is no text": ("a name that is no text", lambda: raw_name(b"a/\xff\xfe")),
        "a name with a NUL": ("leaves its folder", lambda: raw_name(b"a/\x00x")),
        "a name with a backslash": ("leaves its folder", lambda: raw_name(b"a/..\\x")),
        "a drive letter": ("leaves its folder", lambda: raw_name(b"C:/xxx")),
        "bytes between two members": ("belong to no member", lambda: gapped(b"hidden")),
        "a member that is not listed": (
            "belong to no member",
            lambda: gapped(zipped([("a/data.pkl", payload())])[:-60]),
        ),
        "another descriptor after a member": (
            "belong to no member",
            lambda: gapped(b"PK\x07\x08" + bytes(12)),
        ),
        "a second name": ("a second name", lambda: extended(0x7075, b"\x01aaaa" + b"b/c")),
        "an extra field that breaks off": ("breaks off", lambda: extended(9, b"", claims=50)),
        "an empty zip": ("do not stand in one folder", lambda: zipped([])),
        "numpy's npz": (
            "do not stand in one folder",
            lambda: zipped([("weight.npy", b"\x93NUMPY"), ("bias.npy", b"\x93NUMPY")]),
        ),
        "nothing but a directory": ("no known kind", lambda: as_zip(payload())[-300:]),
    }
)

LEGACY: dict[str, tuple[str, Callable[[], bytes]]] = {
    "truncated": ("truncated", lambda: saved(HONEST, legacy=True)[:-5]),
    "cut in the pickle": ("malformed pickle", lambda: saved(HONEST, legacy=True)[:200]),
    "claims 2^33 floats": (
        "claims",
        lambda: as_legacy(tensor_pickle(count=2**33, legacy=True), {"0": (2**33, bytes(16))}),
    ),
    "other count beside": (
        "where the pickle claims 4",
        lambda: as_legacy(tensor_pickle(legacy=True), {"0": (3, bytes(16))}),
    ),
    "storage not listed": (
        "not those that its tensors use",
        lambda: as_legacy(tensor_pickle(legacy=True)),
    ),
    "storage not used": (
        "not those that its tensors use",
        lambda: as_legacy(payload(), {"0": (4, bytes(16))}),
    ),
    "other protocol": (
        "protocol version",
        lambda: pickle.dumps(MAGIC, 2) + pickle.dumps(7, 2) + payload() * 3,
    ),
    "big-endian": (
        "big-endian",
        lambda: (
            pickle.dumps(MAGIC, 2)
            + pickle.dumps(1001, 2)
            + pickle.dumps({"little_endian": False}, 2)
        ),
    ),
}


def _viewed(legacy: bool, **change: object) -> Callable[[], bytes]:
    content = struct.pack("<4f", 1, 2, 3, 4)
    payload = tensor_pickle(**change, legacy=legacy)
    if legacy:
        return lambda: as_legacy(payload, {"0": (4, content)})
    return lambda: as_zip(payload, {"0": content})


_VIEWS: dict[str, tuple[str, dict[str, object]]] = {
    "4 bytes as 4 TiB": ("more than once", {"shape": (2**40,), "strides": (0,)}),
    "a row again and again": ("more than once", {"shape": (3, 3), "strides": (0, 1)}),
    "strides that overlap": ("more than once", {"shape": (2, 3), "strides": (1, 1)}),
    "past the end": ("reaches element 4", {"offset": 1}),
    "before the beginning": ("offset is no size", {"offset": -1}),
    "a negative size": ("shape is no size", {"shape": (-1,)}),
    "a negative stride": ("strides is no size", {"strides": (-1,)}),
    "more sizes than strides": ("2 sizes and 1 strides", {"shape": (4, 1)}),
    "a product that overflows": (
        "impossible shape",
        {"shape": (2**47, 0, 2**47), "strides": (0, 0, 0)},
    ),
    "one element too many": ("claim", {"count": 5}),
    "claims 2^33 elements": ("claims", {"count": 2**33}),
    "a negative count": ("no size", {"count": -4}),
    "65 dimensions": ("at most 64 sizes", {"shape": (1,) * 65, "strides": (1,) * 65}),
}
VIEWS: dict[str, Trap] = {
    f"{name}, {'legacy' if legacy else 'zip'}": (said, _viewed(legacy, **change))
    for name, (said, change) in _VIEWS.items()
    for legacy in (False, True)
}
