"""What does a persistent id stand for, and are the bytes that it claims in the file?

torch writes a storage's numbers beside the pickle and names them in it by a persistent id. The
zip container has one member per storage; the legacy container lists all of them after the pickle.
Standard library only.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancheck.checkpoints.refusal import Refused, plain
from gancheck.checkpoints.symbols import DTYPES, storage_dtype
from gancheck.checkpoints.values import Sequence, Storage, Symbol, Value

if TYPE_CHECKING:
    from gancheck.checkpoints.archive import Archive
    from gancheck.checkpoints.source import Source

__all__ = ["LegacyStorages", "ZipStorages", "no_storages"]

_LONGEST_KEY = 200
_FETCH = "fetch the file again"


@dataclass(frozen=True, slots=True)
class _Claim:
    key: str
    dtype: str | None
    itemsize: int
    count: int
    rest: list[Value]


def no_storages(_: Value) -> Value:
    """A bare pickle has no bytes beside it, so that no persistent id can be kept."""
    raise Refused("the pickle points at storages beside it, and a bare pickle has none")


def _key(value: Value) -> str:
    short = isinstance(value, str) and len(value) <= _LONGEST_KEY
    if not short and not (isinstance(value, int) and value.bit_length() <= 64):
        raise Refused("malformed storage: its key is neither short text nor a number")
    return str(value)


def _claim(identifier: Value) -> _Claim:
    items = identifier.items if isinstance(identifier, Sequence) else []
    if len(items) < 5 or items[0] != "storage":
        raise Refused("the pickle points at something beside it that is no storage")
    _, kind, key, _, count, *rest = items
    if not isinstance(kind, Symbol):
        raise Refused("malformed storage: its type is missing")
    name = _key(key)
    untyped = str(kind) == "torch.storage.UntypedStorage"
    dtype = storage_dtype(kind.module, kind.name)
    if dtype is None and not untyped:
        raise Refused(f"a storage has the type {kind}, which is not read", subject=str(kind))
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count < 2**60:
        raise Refused("malformed storage: its length is no size", subject=f"storage {name}")
    return _Claim(name, dtype, DTYPES[dtype] if dtype else 1, count, rest)


def _same(known: Storage, claim: _Claim) -> Storage:
    if (known.dtype, known.count) != (claim.dtype, claim.count):
        raise Refused(
            f"storage {plain(claim.key)} is described in two ways: {known.count} of {known.dtype}, {claim.count} of {claim.dtype}"
        )
    return known


class ZipStorages:
    """Storages of a torch zip: member `data/KEY` must hold exactly the numbers claimed."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.found: dict[str, Storage] = {}

    def __call__(self, identifier: Value) -> Value:
        """The storage that a persistent id names; its member is checked."""
        claim = _claim(identifier)
        if claim.rest:
            raise Refused(
                "malformed storage: more fields than the zip container has",
                subject=f"storage {claim.key}",
            )
        if claim.key in self.found:
            return _same(self.found[claim.key], claim)
        member = self._archive.members.get(f"data/{claim.key}")
        if member is None:
            raise Refused(f"storage {plain(claim.key)} has no member in the zip", way_out=_FETCH)
        if claim.count * claim.itemsize != member.size:
            raise Refused(
                f"storage {plain(claim.key)} claims {claim.count * claim.itemsize} bytes and its member has {member.size}"
            )
        storage = Storage(claim.key, claim.dtype, claim.itemsize, claim.count, start=member.start)
        self.found[claim.key] = storage
        return storage


class LegacyStorages:
    """Storages of the legacy container: their bytes follow the pickles and are met afterwards.

    Args:
        available: bytes of the whole file, which no storage can exceed.
    """

    def __init__(self, available: int) -> None:
        self._available = available
        self.found: dict[str, Storage] = {}
        self._windows: list[Storage] = []
        self.sources = 0

    def __call__(self, identifier: Value) -> Value:
        """The storage, part of one, or class that a persistent id names."""
        items = identifier.items if isinstance(identifier, Sequence) else []
        if len(items) > 1 and items[0] == "module" and isinstance(items[1], Symbol):
            self.sources += (
                1  # the class's source code travels with it, as text; it is not looked at
            )
            return items[1]
        claim = _claim(identifier)
        if len(claim.rest) != 1:
            raise Refused(
                "malformed storage: not the fields that the legacy container has",
                subject=f"storage {claim.key}",
            )
        if claim.count * claim.itemsize > self._available:
            raise Refused(
                f"storage {plain(claim.key)} claims {claim.count * claim.itemsize} bytes in a file of {self._available}",
                way_out="if the file is truncated, fetch it again",
            )
        if claim.key in self.found:
            storage = _same(self.found[claim.key], claim)
        else:
            storage = Storage(claim.key, claim.dtype, claim.itemsize, claim.count)
            self.found[claim.key] = storage
        window = claim.rest[0]
        return storage if window is None else self._window(storage, window)

    def _window(self, whole: Storage, window: Value) -> Storage:
        """Files of before torch 0.4 name a part of a storage as a storage of its own."""
        items = window.items if isinstance(window, Sequence) else []
        bounds = [
            item
            for item in items[1:]
            if isinstance(item, int) and not isinstance(item, bool) and item >= 0
        ]
        if len(items) != 3 or len(bounds) != 2 or sum(bounds) > whole.count:
            raise Refused(f"a part of storage {plain(whole.key)} reaches outside it")
        part = Storage(whole.key, whole.dtype, whole.itemsize, bounds[1], first=bounds[0])
        self._windows.append(part)
        return part

    def place(self, source: Source, keys: Value, position: int) -> int:
        """Find the bytes of every storage after the pickles, in the order of the listed keys.

        Returns:
            The byte after the last of them.
        """
        names = [_key(item) for item in keys.items] if isinstance(keys, Sequence) else None
        if names is None or len(set(names)) != len(names) or set(names) != set(self.found):
            raise Refused("the storages that the file lists are not those that its tensors use")
        for name in names:
            storage = self.found[name]
            size = storage.count * storage.itemsize
            if position + 8 + size > source.size:
                raise Refused(
                    f"truncated file: storage {plain(name)} claims {size} bytes and {max(source.size - position - 8, 0)} are left",
                    way_out=_FETCH,
                )
            (count,) = struct.unpack("<q", source.read(position, 8))
            if count != storage.count:
                raise Refused(
                    f"storage {plain(name)} has {count} elements where the pickle claims {storage.count}"
                )
            storage.start = None if source.origin is None else source.origin + position + 8
            position += 8 + size
        for part in self._windows:
            part.start = self.found[part.key].start
        return position
