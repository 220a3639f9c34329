"""Files made at test time: honest containers around any pickle, and pickles that do harm.

The harm is one thing only: creating the marker file whose path they are given.
"""

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

MAGIC = 0x1950A86A20F9469CFC6C
SYSTEM: Any = vars(os)["system"]
WRAPPERS = ("bare", "zip", "legacy")


class Calls:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments


def touch(path: str) -> None:
    """Creates the marker; pickles name it as a function of no known module."""
    Path(path).touch()


def zipped(members: list[tuple[str, bytes]], *, compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=compression)
    return stream.getvalue()


def as_zip(payload: bytes, storages: dict[str, bytes] | None = None) -> bytes:
    members = [("archive/data.pkl", payload), ("archive/byteorder", b"little")]
    members += [(f"archive/data/{key}", content) for key, content in (storages or {}).items()]
    return zipped([*members, ("archive/version", b"3\n")])


def as_legacy(payload: bytes, storages: dict[str, tuple[int, bytes]] | None = None) -> bytes:
    system = {
        "protocol_version": 1001,
        "little_endian": True,
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    keys = list(storages or {})
    head = b"".join(pickle.dumps(part, 2) for part in (MAGIC, 1001, system))
    tail = b"".join(
        struct.pack("<q", count) + content for count, content in (storages or {}).values()
    )
    return head + payload + pickle.dumps(keys, 2) + tail


def wrapped(how: str, payload: bytes) -> bytes:
    return {"bare": lambda p: p, "zip": as_zip, "legacy": as_legacy}[how](payload)


def saved(value: Any, *, legacy: bool = False, protocol: int = 2) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
    return stream.getvalue()


# --- what an attacker writes by hand


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def whole(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def memoised_global(marker: str) -> bytes:
    """STACK_GLOBAL whose two names come from the memo, with others written last."""
    names = text("posix") + b"q\x05" + b"0" + text("system") + b"q\x06" + b"0"
    decoys = text("collections") + b"0" + text("OrderedDict") + b"0"
    return b"\x80\x04" + names + decoys + b"h\x05h\x06\x93" + text(f"touch '{marker}'") + b"\x85R."


def inst(marker: str) -> bytes:
    return b"(S\"touch '" + marker.encode() + b"'\"\niposix\nsystem\n."


def obj(marker: str) -> bytes:
    return b"\x80\x02(cposix\nsystem\n" + text(f"touch '{marker}'") + b"o."


def dotted(marker: str) -> bytes:
    return (
        b"\x80\x04"
        + text("tests.checkpoints.hostile")
        + text("subprocess.os.system")
        + b"\x93"
        + text(f"touch '{marker}'")
        + b"\x85R."
    )


def then_garbage(marker: str) -> bytes:
    return pickle.dumps(Calls(SYSTEM, f"touch '{marker}'"), 2)[:-1] + b"\xff\xff\xff"


def getattr_chain(marker: str) -> bytes:
    module = b"cimportlib\nimport_module\n" + text("os") + b"\x85R"
    return (
        b"\x80\x02cbuiltins\ngetattr\n"
        + module
        + text("system")
        + b"\x86R"
        + text(f"touch '{marker}'")
        + b"\x85R."
    )


def attrgetter(marker: str) -> bytes:
    module = b"cimportlib\nimport_module\n" + text("os") + b"\x85R"
    getter = b"coperator\nattrgetter\n" + text("system") + b"\x85R"
    return b"\x80\x02" + getter + module + b"\x85R" + text(f"touch '{marker}'") + b"\x85R."


def partial_call(marker: str) -> bytes:
    made = b"cfunctools\npartial\ncposix\nsystem\n" + text(f"touch '{marker}'") + b"\x86R"
    return b"\x80\x02" + made + b")R."


def deep_state(marker: str) -> bytes:
    """The call hides in the state of a class instance, after honest-looking contents."""
    call = b"cposix\nsystem\n" + text(f"touch '{marker}'") + b"\x85R"
    return b"\x80\x02ctests.checkpoints.hostile\nCalls\n)\x81}" + text("function") + call + b"sb."


def _calls(function: Any, *arguments: Any, protocol: int = 2) -> bytes:
    return pickle.dumps(Calls(function, *arguments), protocol)


# name -> (the global that the refusal names, marker path -> pickle)
PAYLOADS: dict[str, tuple[str, Callable[[str], bytes]]] = {
    "os.system": (
        "posix.system",
        lambda m: pickle.dumps({"w": Calls(SYSTEM, f"touch '{m}'")}, 2),
    ),
    "subprocess": (
        "subprocess.check_call",
        lambda m: _calls(subprocess.check_call, ["touch", m], protocol=4),
    ),
    "exec": ("exec", lambda m: _calls(exec, f"__import__('pathlib').Path({m!r}).touch()")),
    "eval": (
        "eval",
        lambda m: _calls(eval, f"__import__('pathlib').Path({m!r}).touch()", protocol=4),
    ),
    "nested loads": ("pickle.loads", lambda m: _calls(pickle.loads, _calls(touch, m), protocol=3)),
    "torch's own unpickler": (
        "touch",
        lambda m: _calls(torch.storage._load_from_bytes, as_legacy(_calls(touch, m)), protocol=3),
    ),
    "function of unknown code": ("hostile.touch", lambda m: _calls(touch, m)),
    "getattr chain": ("builtins.getattr", getattr_chain),
    "attrgetter chain": ("operator.attrgetter", attrgetter),
    "partial, then called": ("posix.system", partial_call),
    "names from the memo": ("posix.system", memoised_global),
    "INST of protocol 0": ("posix.system", inst),
    "OBJ": ("posix.system", obj),
    "attribute chain in a name": ("subprocess.os.system", dotted),
    "executes, then breaks": ("posix.system", then_garbage),
    "in an object's state": ("posix.system", deep_state),
}
