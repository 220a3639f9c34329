"""Reading the three containers that hold a pickle: torch zip, torch legacy, bare pickle.

Each reader finds the pickle, interprets it with `Machine`, finds the bytes of its storages, and
lists what it holds. Standard library only.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gancheck.checkpoints.archive import Archive, read_archive
from gancheck.checkpoints.index import Contents, TensorInfo
from gancheck.checkpoints.listing import Found, Listing, walk
from gancheck.checkpoints.machine import Machine
from gancheck.checkpoints.refusal import Refused, plain
from gancheck.checkpoints.storages import LegacyStorages, ZipStorages, no_storages
from gancheck.checkpoints.symbols import Kind
from gancheck.checkpoints.values import Blob, Sequence, Storage, Table, Value

if TYPE_CHECKING:
    from gancheck.checkpoints.limits import Limits
    from gancheck.checkpoints.source import Source

__all__ = ["read_legacy", "read_pickle", "read_zip"]

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_BIG_ENDIAN = "the file was written on a big-endian machine, which is not read"
_SAVE_AGAIN = "save it again on a little-endian one"


def read_zip(source: Source, limits: Limits, *, checksums: bool) -> Contents:
    """Read a torch zip.

    Raises:
        Refused: unsafe or unreadable.
    """
    archive = read_archive(source, limits, checksums=checksums)
    _refuse_other_zips(archive, source)
    member = archive.members["data.pkl"]
    storages = ZipStorages(archive)
    machine = Machine(
        source.window(member.start, member.size), limits=limits, storage=storages, nested=_nested
    )
    root, end = machine.run()
    notes = (
        [f"{member.size - end} bytes follow the pickle inside data.pkl"]
        if end < member.size
        else []
    )
    unused = [
        name
        for name in archive.members
        if name.startswith("data/") and name[5:] not in storages.found
    ]
    if unused:
        notes.append(
            f"{len(unused)} storages of the zip are used by no tensor, {plain(unused[0])} among them"
        )
    versions = {
        f"torch zip{part}": _small_member(archive, source, name)
        for part, name in (("", "version"), (" format", ".format_version"))
        if name in archive.members
    }
    return _contents(machine, root, limits, notes, versions)


def _refuse_other_zips(archive: Archive, source: Source) -> None:
    names = archive.members
    if "constants.pkl" in names or any(name.startswith("code/") for name in names):
        raise Refused(
            "this is a TorchScript archive: a program with weights, not weights",
            way_out="load it where you trust it and save its state_dict()",
        )
    if "data.pkl" not in names:
        raise Refused(
            "this is a zip without data.pkl, not a torch checkpoint (Keras and numpy write such zips)"
        )
    if "byteorder" in names and _small_member(archive, source, "byteorder") != "little":
        raise Refused(_BIG_ENDIAN, way_out=_SAVE_AGAIN)


def _small_member(archive: Archive, source: Source, name: str) -> str:
    member = archive.members[name]
    return source.read(member.start, min(member.size, 20)).decode("ascii", "replace").strip()


def read_legacy(source: Source, limits: Limits) -> Contents:
    """Read a file as torch wrote it before 1.6.

    Raises:
        Refused: unsafe or unreadable.
    """
    storages = LegacyStorages(source.size)
    machine = Machine(source, limits=limits, storage=storages, nested=_nested)
    root, end = _legacy(machine, storages, source)
    notes = (
        [f"{source.size - end} bytes follow the last storage and were not read"]
        if end < source.size
        else []
    )
    if storages.sources:
        notes.append(
            f"it carries the source code of {storages.sources} classes, which was not looked at"
        )
    return _contents(machine, root, limits, notes, {"torch legacy": str(_PROTOCOL)})


def _legacy(machine: Machine, storages: LegacyStorages, source: Source) -> tuple[Value, int]:
    magic, position = machine.run()
    protocol, position = machine.run(position)
    if magic != _MAGIC or protocol != _PROTOCOL:
        raise Refused("malformed legacy file: its magic number or protocol version is wrong")
    system, position = machine.run(position)
    facts = (
        {key: value for key, value in system.pairs if isinstance(key, str)}
        if isinstance(system, Table)
        else {}
    )
    if facts.get("little_endian") is not True:
        raise Refused(_BIG_ENDIAN, way_out=_SAVE_AGAIN)
    root, position = machine.run(position)
    keys, position = machine.run(position)
    return root, storages.place(source, keys, position)


def _nested(parent: Machine, blob: Blob) -> Storage:
    """Read the storage that a plain `pickle.dump` of a tensor carries as a whole legacy file."""
    storages = LegacyStorages(blob.source.size)
    machine = Machine(blob.source, limits=parent.limits, storage=storages, parent=parent)
    root, end = _legacy(machine, storages, blob.source)
    if not isinstance(root, Storage) or end != blob.source.size:
        raise Refused(
            "the pickle carries bytes that are to be unpickled and hold something else than one storage"
        )
    return root


def read_pickle(source: Source, limits: Limits) -> Contents:
    """Read a bare pickle.

    Raises:
        Refused: unsafe or unreadable.
    """
    machine = Machine(source, limits=limits, storage=no_storages, nested=_nested)
    root, end = machine.run()
    notes = (
        [f"{source.size - end} bytes follow the pickle and were not read"]
        if end < source.size
        else []
    )
    return _contents(machine, root, limits, notes, {})


def _contents(
    machine: Machine, root: Value, limits: Limits, notes: list[str], versions: dict[str, str]
) -> Contents:
    listing = walk(root, limits)
    shared = _alias_groups(listing.tensors)
    tensors = tuple(
        _info(found, shared.get(_identity(found.view.storage))) for found in listing.tensors
    )
    needs = [str(symbol) for symbol in listing.classes if machine.globals[symbol] is not Kind.inert]
    if isinstance(root, Sequence | Table) and not tensors and not needs:
        notes.append("it holds no tensor")
    return Contents(
        tensors=tensors,
        globals=tuple(sorted(str(symbol) for symbol in machine.globals)),
        needs=tuple(needs),
        metadata=_metadata(listing),
        versions={**versions, "pickle protocol": str(machine.protocol)},
        notes=tuple(notes),
    )


def _metadata(listing: Listing) -> dict[str, bool | int | float | str]:
    return {key: value for key, value in listing.scalars.items() if value is not None}


def _alias_groups(tensors: list[Found]) -> dict[int, int]:
    """Storage -> number of its group, for storages that several tensors show."""
    counts = Counter(_identity(found.view.storage) for found in tensors)
    return {
        storage: number
        for number, storage in enumerate(s for s, count in counts.items() if count > 1)
    }


def _identity(storage: Storage) -> int:
    """Where it starts, so that two parts of one storage count as one; -1 - id where that is unknown."""
    return -1 - id(storage) if storage.start is None else storage.start


def _info(found: Found, alias: int | None) -> TensorInfo:
    view, storage = found.view, found.view.storage
    start = (
        None
        if storage.start is None
        else storage.start + storage.first * storage.itemsize + view.offset * view.itemsize
    )
    return TensorInfo(
        path=found.path,
        shape=view.shape,
        dtype=view.dtype,
        offset=start,
        strides=view.strides,
        alias=alias,
        holder=None if found.holder is None else str(found.holder),
    )
