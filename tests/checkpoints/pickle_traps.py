"""Malformed and deceiving pickles, by name: what each refusal must say, and the bytes.

Cases of the opcodes one by one, and of what can be built with them: bombs, loops, odd types, names.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from tests.checkpoints.hostile import as_legacy, as_zip, text
from tests.checkpoints.traps import payload, tensor_pickle

if TYPE_CHECKING:
    from tests.checkpoints.traps import Trap


def _calls(name: str, *arguments: bytes) -> bytes:
    """A pickle that calls a global, protocol 2."""
    module, _, last = name.rpartition(".")
    return b"\x80\x02c" + f"{module}\n{last}\n".encode() + b"(" + b"".join(arguments) + b"tR."


_LONG = b"\x8b" + struct.pack("<i", 10_000) + b"\x7f" * 10_000
_STORAGE = text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x04"

PICKLES: dict[str, Trap] = {
    "no value": ("unbalanced stack", lambda: b"\x80\x02."),
    "two values": ("unbalanced stack", lambda: b"\x80\x02NN."),
    "an open mark": ("unbalanced stack", lambda: b"\x80\x02(."),
    "a mark that is not there": ("on the stack", lambda: b"\x80\x02Nt."),
    "an empty memo": ("in the memo", lambda: b"\x80\x02h\x00."),
    "a memo index out of reach": ("in the memo", lambda: b"\x80\x02Nq\x00j\xff\xff\xff\xff."),
    "memoises nothing": ("on the stack", lambda: b"\x80\x04\x94."),
    "no STOP": ("without STOP", lambda: b"\x80\x02N"),
    "no such opcode": ("is no opcode", lambda: b"\x80\x02\xff."),
    "protocol 9": ("no known kind", lambda: b"\x80\x09N."),
    "protocol 9 later": ("protocol 9 is unknown", lambda: b"\x80\x02\x80\x09N."),
    "a registered extension, 1 byte": ("opcode EXT1", lambda: b"\x80\x02\x82\x01."),
    "a registered extension, 2 bytes": ("opcode EXT2", lambda: b"\x80\x02\x83\x01\x00."),
    "a registered extension, 4 bytes": ("opcode EXT4", lambda: b"\x80\x02\x84\x01\x00\x00\x00."),
    "a buffer from outside": ("opcode NEXT_BUFFER", lambda: b"\x80\x05\x97."),
    "a frozen buffer": ("opcode READONLY_BUFFER", lambda: b"\x80\x05N\x98."),
    "bytes of 2^63": ("are announced", lambda: b"\x80\x04\x8e" + struct.pack("<Q", 2**63) + b"."),
    "text of 2^62": ("are announced", lambda: b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"."),
    "a negative length": ("has the length -1", lambda: b"\x80\x02\x8b\xff\xff\xff\xff."),
    "digits without end": (
        "Exceeds the limit",
        lambda: b"\x80\x02I" + b"9" * 100_000 + b"\n.",
    ),
    "a line without end": ("a line of text has over", lambda: b"\x80\x02c" + b"a" * 2**21),
    "text that is no UTF-8": ("utf-8", lambda: b"\x80\x02X\x02\x00\x00\x00\xff\xff."),
    "text without quotes": ("in no quotes", lambda: b"\x80\x02Sabc\n."),
    "a list in itself": ("contains itself", lambda: b"\x80\x02]q\x00h\x00a."),
    "a list 200,000 deep": (
        "nested over 200 deep",
        lambda: b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b".",
    ),
    "tuples 200,000 deep": ("nested over 200 deep", lambda: b"\x80\x02N" + b"\x85" * 200_000 + b"."),
    "a tensor in 2^60 leaves": (
        "unfolds to over",
        lambda: as_zip(
            b"\x80\x02" + tensor_pickle()[2:-1] + b"2\x86" * 60 + b".", {"0": bytes(16)}
        ),
    ),
    "a key twice": (
        "stands twice",
        lambda: b"\x80\x02}" + text("w") + b"]s" + text("w") + b"]s.",
    ),
    "a key of 5 kB": ("over the budget", lambda: b"\x80\x02}" + text("k" * 5000) + b"]s."),
    "a dict key without value": ("without a value", lambda: b"\x80\x02}(Nu."),
    "an item of a tuple": ("is no dict", lambda: b"\x80\x02)NNs."),
    "an append to a dict": ("is no list", lambda: b"\x80\x02}Na."),
    "the attributes of a dict twice": (
        "attributes of one dict twice",
        lambda: b"\x80\x02ccollections\nOrderedDict\n)R}" + text("a") + b"Nsb}" + text("a") + b"Nsb.",
    ),
    "an object whose state is set again": (
        "two tensors have the one name",
        lambda: as_zip(
            b"\x80\x02cmodels\nNet\n)\x81" + (tensor_pickle()[2:-1] + b"b") * 2 + b".", {"0": bytes(16)}
        ),
    ),
    "the state of a list": ("changes the state", lambda: b"\x80\x02]}b."),
    "the state of a number": ("changes the state", lambda: b"\x80\x02K\x01}b."),
    "the state of a function": ("changes the state", lambda: b"\x80\x02ctorch\nSize\n}b."),
    "a call of a number": ("made itself", lambda: b"\x80\x02K\x01)R."),
    "a call of its own object": ("made itself", lambda: b"\x80\x02cmodels\nNet\n)R)R."),
    "a call without a tuple": ("are no tuple", lambda: b"\x80\x02cmodels\nNet\nNR."),
    "a call of a type": ("is a type", lambda: _calls("torch.FloatStorage")),
    "a global of numbers": ("is no text", lambda: b"\x80\x04K\x01K\x02\x93."),
    "a global with a space": ("no weights need it", lambda: b"\x80\x02cos system\nx\n."),
    "a global with a carriage return": ("no weights need it", lambda: b"\x80\x02cos\r\nsystem\n."),
    "a global with wide letters": (
        "no weights need it",
        lambda: b"\x80\x02c" + "\uff4f\uff53\nsystem\n".encode() + b".",
    ),
    "a global with a line feed": (
        "no weights need it",
        lambda: b"\x80\x04" + text("torch\nos") + text("system") + b"\x93.",
    ),
    "a global of 200,001 characters": (
        "characters",
        lambda: b"\x80\x04" + text("x" * 200_000) + b"q\x00" + text("y") + b"\x93.",
    ),
    "globals without end": (
        "over 10000 globals",
        lambda: b"\x80\x02" + b"".join(b"cm\nN%d\n0" % i for i in range(10_001)) + b"N.",
    ),
    "a persistent id in a bare pickle": ("a bare pickle has none", lambda: b"\x80\x02K\x01Q."),
    "a persistent id of text": ("is no storage", lambda: as_zip(b"\x80\x02Pabc\n.")),
    "a persistent id of a dict": ("is no storage", lambda: as_zip(b"\x80\x02}Q.")),
    "a storage of an unknown class": (
        "no weights need it",
        lambda: as_zip(b"\x80\x02(" + _STORAGE.replace(b"FloatS", b"QInt8S") + b"tQ."),
    ),
    "a storage key of a list": (
        "neither short text nor a number",
        lambda: as_zip(b"\x80\x02(" + text("storage") + b"ctorch\nFloatStorage\n]" + text("cpu") + b"K\x04tQ."),
    ),
    "a storage of another folder": (
        "no member",
        lambda: as_zip(b"\x80\x02(" + _STORAGE.replace(text("0"), text("../../0")) + b"tQ."),
    ),
    "a tensor of a number": ("is no storage", lambda: _calls("torch._utils._rebuild_tensor_v2", b"K\x01" * 4)),
    "a parameter of nothing": ("from nothing", lambda: _calls("torch._utils._rebuild_parameter")),
    "a dict of a number": ("is no sequence of pairs", lambda: _calls("collections.OrderedDict", b"K\x01")),
    "a dict of triples": ("is no pair", lambda: _calls("collections.OrderedDict", b"]K\x01\x85a")),
    "bytes in another coding": ("latin-1", lambda: _calls("_codecs.encode", text("a"), text("rot13"))),
    "unpickled bytes of a dict": (
        "something else than one storage",
        lambda: _calls(
            "torch.storage._load_from_bytes",
            b"B" + struct.pack("<I", len(as_legacy(payload()))) + as_legacy(payload()),
        ),
    ),
    "unpickled text": ("unpickles bytes", lambda: _calls("torch.storage._load_from_bytes", text("x"))),
    "a long integer for a size": (
        "no size|Exceeds",
        lambda: as_zip(tensor_pickle().replace(b"\x8a\x08" + struct.pack("<q", 4), _LONG)),
    ),
}  # fmt: skip
