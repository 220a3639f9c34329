"""Which opcode stands at this byte of a pickle, and what is its argument?

A decoder: it gives each opcode's name and argument in turn and knows nothing of what they do. Bytes
that a pickle carries are not read, only placed, so that a pickle of gigabytes costs what its
structure costs; text and long integers are charged to a budget before they are read. Standard
library only.

Source: the opcode descriptions in CPython's `pickletools.py`, against whose `genops` it is tested.
"""

from __future__ import annotations

import codecs
import struct
from typing import TYPE_CHECKING, Any

from gancheck.checkpoints.values import Blob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gancheck.checkpoints.source import Source

    Charge = Callable[[int], None]
    Reader = Callable[["Cursor", Charge], Any]

__all__ = ["Cursor", "opcodes"]

_PIECE = 2**16
_LONGEST_LINE = 2**20
_HIGHEST_PROTOCOL = 5


class Cursor:
    """A place in a source from which one reads on.

    Args:
        source: what is read.
        start: the byte to begin at.
    """

    __slots__ = ("_at", "_base", "_piece", "source")

    def __init__(self, source: Source, start: int = 0) -> None:
        self.source = source
        self._base, self._at, self._piece = start, 0, b""

    @property
    def position(self) -> int:
        """The next byte."""
        return self._base + self._at

    def take(self, length: int) -> bytes:
        """The next bytes.

        Raises:
            EOFError: the source ends before.
        """
        at = self._at
        if at + length <= len(self._piece):
            self._at = at + length
            return self._piece[at : at + length]
        self._refill(length)
        if len(self._piece) < length:
            raise EOFError(f"it ends at byte {self.source.size} inside an argument or without STOP")
        self._at = length
        return self._piece[:length]

    def skip(self, length: int) -> int:
        """Pass over bytes without reading them, and say where they start.

        Raises:
            EOFError: the source ends before.
        """
        start = self.position
        if start + length > self.source.size:
            raise EOFError(f"{length} bytes are announced and {self.source.size - start} are left")
        if self._at + length <= len(self._piece):
            self._at += length
        else:
            self._base, self._at, self._piece = start + length, 0, b""
        return start

    def line(self) -> bytes:
        """The bytes up to the next line feed, which is passed over.

        Raises:
            EOFError: there is none.
            ValueError: none within a mebibyte.
        """
        end = self._piece.find(b"\n", self._at)
        length = _PIECE
        while end < 0:
            self._refill(length)
            end = self._piece.find(b"\n")
            if end < 0 and len(self._piece) < length:
                raise EOFError("it ends inside a line of text")
            if end < 0 and length >= _LONGEST_LINE:
                raise ValueError(f"a line of text has over {_LONGEST_LINE} bytes")
            length *= 4
        found = self._piece[self._at : end]
        self._at = end + 1
        return found

    def _refill(self, length: int) -> None:
        start = self.position
        length = min(max(length, _PIECE), self.source.size - start)
        self._piece = self.source.read(start, length)
        self._base, self._at = start, 0


def opcodes(cursor: Cursor, charge: Charge) -> Iterator[tuple[str, Any]]:
    """Name and argument of each opcode, up to and including STOP.

    Args:
        cursor: where the pickle starts; afterwards at the byte after its STOP.
        charge: called with the number of bytes of a text or integer before it is read.

    Yields:
        The name, as CPython's `pickletools` has it, and the argument: None, a number, text, a pair
        of texts (GLOBAL and INST), or a `Blob` (bytes, which are not read).

    Raises:
        ValueError: no opcode, or an argument that is none.
        EOFError: it ends before its STOP.
    """
    while True:
        code = cursor.take(1)[0]
        entry = _TABLE.get(code)
        if entry is None:
            raise ValueError(f"byte {cursor.position - 1} is no opcode: {code:#04x}")
        name, reader = entry
        yield name, None if reader is None else reader(cursor, charge)
        if name == "STOP":
            return


def _number(form: str) -> Reader:
    unpack = struct.Struct(form)

    def read(cursor: Cursor, _: Charge) -> Any:
        return unpack.unpack(cursor.take(unpack.size))[0]

    return read


def _length(cursor: Cursor, form: str) -> int:
    size = struct.calcsize(form)
    (length,) = struct.unpack(form, cursor.take(size))
    if length < 0:
        raise ValueError(f"an argument has the length {length}")
    return length


def _counted(form: str, decode: Callable[[bytes], Any]) -> Reader:
    def read(cursor: Cursor, charge: Charge) -> Any:
        length = _length(cursor, form)
        if length > cursor.source.size - cursor.position:
            raise EOFError(
                f"{length} bytes are announced and {cursor.source.size - cursor.position} are left"
            )
        charge(length)
        return decode(cursor.take(length))

    return read


def _blob(form: str) -> Reader:
    def read(cursor: Cursor, _: Charge) -> Blob:
        length = _length(cursor, form)
        return Blob(cursor.source.window(cursor.skip(length), length))

    return read


def _line(decode: Callable[[bytes], Any]) -> Reader:
    def read(cursor: Cursor, charge: Charge) -> Any:
        line = cursor.line()
        charge(len(line))
        return decode(line)

    return read


def _two_lines(cursor: Cursor, charge: Charge) -> tuple[str, str]:
    module, name = cursor.line(), cursor.line()
    charge(len(module) + len(name))
    return module.decode("utf-8", "replace"), name.decode("utf-8", "replace")


def _protocol(cursor: Cursor, _: Charge) -> int:
    (protocol,) = cursor.take(1)
    if protocol > _HIGHEST_PROTOCOL:
        raise ValueError(f"protocol {protocol} is unknown")
    return protocol


def _integer(raw: bytes) -> int:
    return int.from_bytes(raw, "little", signed=True)


def _decimal(raw: bytes) -> int:
    return int(raw.decode("ascii"))


def _old_integer(raw: bytes) -> int | bool:
    return {b"00": False, b"01": True}[raw] if raw in (b"00", b"01") else _decimal(raw)


def _old_long(raw: bytes) -> int:
    return _decimal(raw.removesuffix(b"L"))


def _quoted(raw: bytes) -> str:
    """Text of protocol 0: a Python literal without prefix."""
    if len(raw) < 2 or raw[:1] not in (b'"', b"'") or raw[:1] != raw[-1:]:
        raise ValueError("a text stands in no quotes")
    return codecs.escape_decode(raw[1:-1])[0].decode("ascii")  # pyright: ignore[reportAttributeAccessIssue]


def _utf8(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def _latin1(raw: bytes) -> str:
    return raw.decode("latin-1")


_U1, _U2, _U4, _U8 = (_number(form) for form in ("<B", "<H", "<I", "<Q"))

# byte -> name and the reader of its argument, None where it has none
_TABLE: dict[int, tuple[str, Reader | None]] = {
    **{
        ord(code): (name, None)
        for code, name in {
            "(": "MARK", ".": "STOP", "0": "POP", "1": "POP_MARK", "2": "DUP", "N": "NONE",
            "\x88": "NEWTRUE", "\x89": "NEWFALSE", "]": "EMPTY_LIST", "a": "APPEND", "e": "APPENDS",
            "l": "LIST", ")": "EMPTY_TUPLE", "t": "TUPLE", "\x85": "TUPLE1", "\x86": "TUPLE2",
            "\x87": "TUPLE3", "}": "EMPTY_DICT", "d": "DICT", "s": "SETITEM", "u": "SETITEMS",
            "\x8f": "EMPTY_SET", "\x90": "ADDITEMS", "\x91": "FROZENSET", "Q": "BINPERSID",
            "R": "REDUCE", "b": "BUILD", "o": "OBJ", "\x81": "NEWOBJ", "\x92": "NEWOBJ_EX",
            "\x93": "STACK_GLOBAL", "\x94": "MEMOIZE", "\x97": "NEXT_BUFFER",
            "\x98": "READONLY_BUFFER",
        }.items()
    },
    ord("K"): ("BININT1", _U1),
    ord("M"): ("BININT2", _U2),
    ord("J"): ("BININT", _number("<i")),
    ord("G"): ("BINFLOAT", _number(">d")),
    ord("h"): ("BINGET", _U1),
    ord("j"): ("LONG_BINGET", _U4),
    ord("q"): ("BINPUT", _U1),
    ord("r"): ("LONG_BINPUT", _U4),
    0x80: ("PROTO", _protocol),
    0x82: ("EXT1", _U1),
    0x83: ("EXT2", _U2),
    0x84: ("EXT4", _number("<i")),
    0x95: ("FRAME", _U8),
    0x8A: ("LONG1", _counted("<B", _integer)),
    0x8B: ("LONG4", _counted("<i", _integer)),
    ord("I"): ("INT", _line(_old_integer)),
    ord("L"): ("LONG", _line(_old_long)),
    ord("F"): ("FLOAT", _line(lambda raw: float(raw.decode("ascii")))),
    ord("g"): ("GET", _line(_decimal)),
    ord("p"): ("PUT", _line(_decimal)),
    ord("S"): ("STRING", _line(_quoted)),
    ord("T"): ("BINSTRING", _counted("<i", _latin1)),
    ord("U"): ("SHORT_BINSTRING", _counted("<B", _latin1)),
    ord("V"): ("UNICODE", _line(lambda raw: raw.decode("raw-unicode-escape"))),
    ord("X"): ("BINUNICODE", _counted("<I", _utf8)),
    0x8C: ("SHORT_BINUNICODE", _counted("<B", _utf8)),
    0x8D: ("BINUNICODE8", _counted("<Q", _utf8)),
    ord("B"): ("BINBYTES", _blob("<I")),
    ord("C"): ("SHORT_BINBYTES", _blob("<B")),
    0x8E: ("BINBYTES8", _blob("<Q")),
    0x96: ("BYTEARRAY8", _blob("<Q")),
    ord("P"): ("PERSID", _line(lambda raw: raw.decode("ascii"))),
    ord("c"): ("GLOBAL", _two_lines),
    ord("i"): ("INST", _two_lines),
}  # fmt: skip
