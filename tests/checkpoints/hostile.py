"""Files made at test time: honest containers around any pickle, and pickles that do harm.

The harm is one thing only: creating the marker file whose path they are given. `PAYLOADS` name
something that must be refused; `OBJECTS` only need a class of their author to do it, which is
listed and never looked up.
"""

from __future__ import annotations

import io
import marshal
import os
import pickle
import runpy
import shutil
import struct
import subprocess
import time
import timeit
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


class TouchingNew:
    """Does it when it is made without being initialised."""

    def __new__(cls, path: str) -> TouchingNew:
        touch(path)
        return super().__new__(cls)


class TouchingInit:
    """Does it when it is initialised."""

    def __init__(self, path: str) -> None:
        touch(path)


class TouchingState:
    """Does it when its state is set."""

    def __setstate__(self, state: str) -> None:
        touch(state)


class TouchingList(list[str]):
    """Does it when something is appended."""

    def append(self, item: str) -> None:
        touch(item)

    def extend(self, items: Any) -> None:
        touch(*items)


class TouchingDict(dict[str, str]):
    """Does it when an item is set."""

    def __setitem__(self, key: str, value: str) -> None:
        touch(value)


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


def method_caller(marker: str) -> bytes:
    module = b"cimportlib\nimport_module\n" + text("os") + b"\x85R"
    caller = b"coperator\nmethodcaller\n" + text("system") + text(f"touch '{marker}'") + b"\x86R"
    return b"\x80\x02" + caller + module + b"\x85R."


def marshalled(marker: str) -> bytes:
    code = marshal.dumps(compile(f"open({marker!r}, 'w').close()", "x", "exec"))
    loaded = b"cmarshal\nloads\nB" + struct.pack("<I", len(code)) + code + b"\x85R"
    return b"\x80\x03ctypes\nFunctionType\n" + loaded + b"cbuiltins\nglobals\n)R\x86R)R."


def mapped(marker: str) -> bytes:
    mapping = b"cbuiltins\nmap\ncposix\nsystem\n]" + text(f"touch '{marker}'") + b"a\x86R"
    return b"\x80\x02cbuiltins\nlist\n" + mapping + b"\x85R."


def partial_by_state(marker: str) -> bytes:
    """A harmless partial whose state replaces its function."""
    state = b"(cposix\nsystem\n" + text(f"touch '{marker}'") + b"\x85}Nt"
    return b"\x80\x02cfunctools\npartial\ncbuiltins\nint\n\x85R" + state + b"b)R."


def method_of_a_path(marker: str) -> bytes:
    """A name that leaves an allowed class by a dot."""
    path = b"cpathlib\nPosixPath\n" + text(marker) + b"\x85R"
    return b"\x80\x04" + text("pathlib") + text("Path.touch") + b"\x93" + path + b"\x85R."


def from_type(marker: str) -> bytes:
    """torch's own function that calls what it is given."""
    arguments = b"(cposix\nsystem\ncbuiltins\nint\n" + text(f"touch '{marker}'") + b"\x85}t"
    return b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n" + arguments + b"R."


_OWN = __name__.encode()


def own(name: str, build: bytes, marker: str) -> bytes:
    """A class of this file, and the opcodes that make an object of it from the marker's path."""
    return (
        b"\x80\x04c"
        + _OWN
        + b"\n"
        + name.encode()
        + b"\n"
        + build.replace(b"?", text(marker))
        + b"."
    )


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
    "open": ("open", lambda m: _calls(open, m, "w")),
    "copies a file": ("shutil.copyfile", lambda m: _calls(shutil.copyfile, os.devnull, m)),
    "times a statement": (
        "timeit.timeit",
        lambda m: _calls(timeit.timeit, f"open({m!r}, 'w').close()", "pass", time.perf_counter, 1),
    ),
    "runs code as a module": (
        "runpy._run_code",
        lambda m: _calls(vars(runpy)["_run_code"], f"open({m!r}, 'w').close()", {}),
    ),
    "a pager of pydoc": (
        "pydoc.pipepager",
        lambda m: b"\x80\x02cpydoc\npipepager\n" + text("") + text(f"touch '{m}'") + b"\x86R.",
    ),
    "a shell of torch": (
        "torch.utils.collect_env.run",
        lambda m: b"\x80\x02ctorch.utils.collect_env\nrun\n" + text(f"touch '{m}'") + b"\x85R.",
    ),
    "method caller": ("importlib.import_module|operator.methodcaller", method_caller),
    "marshalled code": ("types.FunctionType", marshalled),
    "mapped over a list": ("builtins.map", mapped),
    "partial, replaced by its state": ("posix.system", partial_by_state),
    "method of an allowed class": ("pathlib.Path.touch", method_of_a_path),
    "torch's rebuilding of a type": ("posix.system", from_type),
    "reduce of a reduction": (
        "functools.reduce",
        lambda m: (
            b"\x80\x02cfunctools\nreduce\ncbuiltins\ngetattr\n]"
            + b"cimportlib\nimport_module\n"
            + text("os")
            + b"\x85Ra"
            + text("system")
            + b"a\x86R"
            + text(f"touch '{m}'")
            + b"\x85R."
        ),
    ),
}

# name -> marker path -> pickle of an object whose class would do the harm
OBJECTS: dict[str, Callable[[str], bytes]] = {
    "made by NEWOBJ": lambda m: own("TouchingNew", b"?\x85\x81", m),
    "made by NEWOBJ_EX": lambda m: own("TouchingNew", b")}" + text("path") + b"?s\x92", m),
    "made by REDUCE": lambda m: own("TouchingInit", b"?\x85R", m),
    "made by OBJ": lambda m: b"\x80\x02(c" + _OWN + b"\nTouchingInit\n" + text(m) + b"o.",
    "made by INST": lambda m: b"(" + text(m) + b"i" + _OWN + b"\nTouchingInit\n.",
    "reconstructed": lambda m: b"\x80\x02ccopyreg\n_reconstructor\n"
    + (b"c" + _OWN + b"\nTouchingInit\n") * 2 + text(m) + b"\x87R.",
    "given its state": lambda m: own("TouchingState", b")\x81?b", m),
    "appended to": lambda m: own("TouchingList", b")\x81?a", m),
    "extended": lambda m: own("TouchingList", b")\x81(?e", m),
    "given an item": lambda m: own("TouchingDict", b")\x81N?s", m),
    "given items": lambda m: own("TouchingDict", b")\x81(N?u", m),
}  # fmt: skip
