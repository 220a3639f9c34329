"""Is this zip what it says, and where do its members stand in the file?

A strict reader of the one kind of archive that torch writes: members stored as they are, one root
folder, central directory at the very end. What the two descriptions of a member disagree about,
what a second reader could read differently, and whatever inflates is refused. Standard library
only; `zipfile` is not used, because it forgives most of this.

Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.
"""

from __future__ import annotations

import struct
import unicodedata
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancheck.checkpoints.refusal import Refused, plain

if TYPE_CHECKING:
    from gancheck.checkpoints.limits import Limits
    from gancheck.checkpoints.source import Source

__all__ = ["Archive", "Member", "read_archive"]

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_DESCRIPTOR, _UTF8 = 0x0008, 0x0800
_WIDE, _OTHER_NAME = 0x0001, 0x7075  # extra fields: 64-bit sizes, Info-ZIP's Unicode path
_FETCH = "fetch the file again"


@dataclass(frozen=True, slots=True)
class Member:
    """One stored member: its name without the root folder, and its bytes in the file."""

    name: str
    start: int
    size: int
    header: int
    crc: int


@dataclass(frozen=True, slots=True)
class Archive:
    """The root folder of a checked zip and its members by name."""

    root: str
    members: dict[str, Member]


@dataclass(frozen=True, slots=True)
class _Directory:
    count: int
    start: int
    size: int


def read_archive(source: Source, limits: Limits, *, checksums: bool = True) -> Archive:
    """Check every member of a zip and say where it stands.

    Args:
        source: the whole file.
        limits: budgets.
        checksums: whether each member's bytes are held against its checksum, which reads them all.

    Raises:
        Refused: anything that torch's own writer does not write.
    """
    directory = _find_directory(source)
    if directory.count > limits.members:
        raise Refused(
            f"the zip lists {directory.count} members, over the budget of {limits.members}"
        )
    if directory.size > limits.directory_bytes:
        raise Refused(
            f"the zip's directory has {directory.size} bytes, over the budget of {limits.directory_bytes}"
        )
    listed = source.read(directory.start, directory.size)
    members: list[Member] = []
    position = 0
    for _ in range(directory.count):
        member, position = _member(source, listed, position)
        members.append(member)
    if position != len(listed):
        raise Refused("malformed zip: its directory is longer than its members")
    _check_spans(source, members, directory.start)
    if checksums:
        for member in members:
            _check_sum(source, member)
    return _rooted(members)


def _check_sum(source: Source, member: Member) -> None:
    found = 0
    for piece in source.pieces(member.start, member.size):
        found = zlib.crc32(piece, found)
    if found != member.crc:
        raise Refused(
            f"the checksum of member {plain(member.name)} is wrong: its bytes were changed or damaged",
            way_out=_FETCH,
        )


def _find_directory(source: Source) -> _Directory:
    position = source.size - _END.size
    record = source.read(position, _END.size) if position >= 0 else b""
    if not record.startswith(b"PK\x05\x06"):
        raise Refused(
            "truncated zip, or one with bytes after its end: the directory is not where the file ends",
            way_out=_FETCH,
        )
    _, disk, first_disk, here, total, size, start, comment = _END.unpack(record)
    found = _Directory(total, start, size)
    if disk or first_disk or here != total or comment:
        raise Refused("malformed zip: several disks or a comment")
    locator = position - _LOCATOR.size
    if locator >= 0 and source.read(locator, 4) == b"PK\x06\x07":
        position = locator - _END64.size
        wide = _find_wide_directory(source, locator, position)
        for short, full, long in (
            (total, _FULL16, wide.count),
            (start, _FULL32, wide.start),
            (size, _FULL32, wide.size),
        ):
            if short not in (full, long):
                raise Refused("malformed zip: its two end records disagree")
        found = wide
    if found.start + found.size != position or found.start < 0:
        raise Refused("malformed zip: its directory does not end where its end record begins")
    return found


def _find_wide_directory(source: Source, locator: int, position: int) -> _Directory:
    _, disk, where, disks = _LOCATOR.unpack(source.read(locator, _LOCATOR.size))
    if (
        position < 0
        or where != position
        or disk
        or disks > 1
        or source.read(position, 4) != b"PK\x06\x06"
    ):
        raise Refused("malformed zip: its 64-bit end record is not where it is said to be")
    _, length, _, _, disk, first_disk, here, total, size, start = _END64.unpack(
        source.read(position, _END64.size)
    )
    if length != _END64.size - 12 or disk or first_disk or here != total:
        raise Refused("malformed zip: its 64-bit end record is inconsistent")
    return _Directory(total, start, size)


def _member(source: Source, data: bytes, position: int) -> tuple[Member, int]:
    """The member whose entry stands at this byte of the directory, and where the next one does."""
    if position + _CENTRAL.size > len(data) or data[position : position + 4] != b"PK\x01\x02":
        raise Refused("malformed zip: its directory breaks off")
    (
        _,
        _,
        _,
        flags,
        method,
        _,
        _,
        crc,
        packed,
        size,
        name_length,
        extra_length,
        comment,
        disk,
        _,
        _,
        header,
    ) = _CENTRAL.unpack_from(data, position)
    after = position + _CENTRAL.size + name_length + extra_length + comment
    if after > len(data):
        raise Refused("malformed zip: its directory breaks off")
    name = _checked_name(data[position + _CENTRAL.size : position + _CENTRAL.size + name_length])
    extra_start = position + _CENTRAL.size + name_length
    size, packed, header = _wide_fields(
        data[extra_start : extra_start + extra_length], [size, packed, header]
    )
    if flags & ~(_DESCRIPTOR | _UTF8) or disk:
        raise Refused(f"member {plain(name)} of the zip is encrypted or split", subject=name)
    if method != 0 or packed != size:
        raise Refused(
            f"member {plain(name)} of the zip is compressed; torch stores members as they are, and compressed ones can inflate without bound",
            subject=name,
        )
    start = _local(source, header, name, (flags, method, crc, size))
    return Member(name, start, size, header, crc), after


def _extra_fields(extra: bytes) -> dict[int, bytes]:
    """The extra fields of a header by their identifier; torch's padding is one of them."""
    found: dict[int, bytes] = {}
    position = 0
    while position + 4 <= len(extra):
        identifier, length = struct.unpack_from("<2H", extra, position)
        position += 4 + length
        if position > len(extra) or identifier in found:
            raise Refused("malformed zip: an extra field breaks off or stands twice")
        found[identifier] = extra[position - length : position]
    if _OTHER_NAME in found:
        raise Refused("a member of the zip has a second name, which another reader would take")
    return found


def _wide_fields(extra: bytes, values: list[int]) -> list[int]:
    """Replace the 32-bit fields that are full by those of the 64-bit extra field, in its order."""
    content = _extra_fields(extra).get(_WIDE, b"")
    wide = [int.from_bytes(content[i : i + 8], "little") for i in range(0, len(content) - 7, 8)]
    return [wide.pop(0) if value == _FULL32 and wide else value for value in values]


def _local(source: Source, header: int, name: str, expected: tuple[int, int, int, int]) -> int:
    found = source.read(header, _LOCAL.size) if header + _LOCAL.size <= source.size else b""
    if not found.startswith(b"PK\x03\x04"):
        raise Refused(
            f"member {plain(name)} of the zip is not where the directory says", way_out=_FETCH
        )
    _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack(found)
    start = header + _LOCAL.size + name_length + extra_length
    variable = source.read(header + _LOCAL.size, name_length + extra_length)
    if variable[:name_length] != name.encode():
        raise Refused(
            f"member {plain(name)} of the zip has another name in its own header: two readers would read two files",
            subject=name,
        )
    size, packed = _wide_fields(variable[name_length:], [size, packed])
    deferred = bool(flags & _DESCRIPTOR) and crc == 0 and size in (0, _FULL32)
    same = (flags, method) == expected[:2] and (
        deferred or (crc, size, packed) == (*expected[2:], expected[3])
    )
    if not same:
        raise Refused(
            f"member {plain(name)} of the zip is described differently in its own header",
            subject=name,
        )
    return start


def _checked_name(raw: bytes) -> str:
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("a member of the zip has a name that is no text") from None
    parts = name.split("/")
    if (
        "\\" in name
        or "\0" in name
        or ":" in parts[0]
        or any(part in {"", ".", ".."} for part in parts)
    ):
        raise Refused(
            f"member {plain(name)} of the zip has a name that leaves its folder", subject=name
        )
    return name


def _check_spans(source: Source, members: list[Member], end: int) -> None:
    """The members and their data descriptors tile the file up to its directory.

    Bytes between them are seen by a reader that goes from header to header, and by no other.
    """
    ordered = sorted(members, key=lambda member: member.header)
    if ordered and ordered[0].header != 0:
        raise Refused("the zip has bytes before its first member: the file is two things at once")
    nexts = [*(member.header for member in ordered), end][1:]
    for member, following in zip(ordered, nexts, strict=True):
        gap = following - member.start - member.size
        if gap < 0:
            raise Refused(
                f"member {plain(member.name)} of the zip overlaps another", subject=member.name
            )
        if gap and not _is_descriptor(source, member, gap):
            raise Refused(
                f"{gap} bytes after member {plain(member.name)} of the zip belong to no member",
                subject=member.name,
            )


def _is_descriptor(source: Source, member: Member, length: int) -> bool:
    """Whether the bytes after a member repeat its checksum and size, as torch writes them."""
    forms = {16: "<4sLLL", 24: "<4sLQQ"}
    if length not in forms:
        return False
    found = struct.unpack(forms[length], source.read(member.start + member.size, length))
    return found == (b"PK\x07\x08", member.crc, member.size, member.size)


def _rooted(members: list[Member]) -> Archive:
    roots = {member.name.split("/", 1)[0] for member in members}
    if len(roots) != 1 or any("/" not in member.name for member in members):
        raise Refused("a zip, but not torch's: its members do not stand in one folder")
    found: dict[str, Member] = {}
    folded: set[str] = set()
    for member in members:
        name = member.name.split("/", 1)[1]
        alike = unicodedata.normalize("NFKC", name).casefold()  # as some file systems have it
        if alike in folded:
            raise Refused(
                f"the zip holds member {plain(name)} twice: two readers would read two files",
                subject=name,
            )
        folded.add(alike)
        found[name] = member
    return Archive(roots.pop(), found)
