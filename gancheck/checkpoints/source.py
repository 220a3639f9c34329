"""Where do the bytes of a file come from, and were they the same all the while?

A small file is held in memory and everything said of it comes from those bytes. A larger one is
read piece by piece through one descriptor, so that a listing costs what is listed and not what the
file weighs; that nobody wrote to it meanwhile is asked of the system afterwards. Nothing is mapped
into memory: a mapped file that is cut short ends the process. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from gancheck.checkpoints.refusal import Refused, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gancheck.checkpoints.limits import Limits

__all__ = ["Held", "Opened", "Source", "Window", "source_of"]

_PIECE = 2**20
_FETCH = "if the file is truncated, fetch it again"


class Source:
    """A run of bytes that is read where it stands.

    Attributes:
        size: number of bytes.
        origin: the byte of the file at which it starts; None where it stands in no file unencoded.
    """

    size: int
    origin: int | None

    def fill(self, buffer: memoryview, start: int) -> None:
        """Read as many bytes as the buffer has, from byte `start` on.

        Raises:
            Refused: they are not there.
        """
        raise NotImplementedError

    def check(self, start: int, length: int) -> None:
        """Make sure that a run of bytes is there.

        Raises:
            Refused: it is not.
        """
        if start < 0 or length < 0 or start + length > self.size:
            raise Refused(
                f"{length} bytes are expected at byte {start} and there are {max(self.size - start, 0)}",
                way_out=_FETCH,
            )

    def read(self, start: int, length: int) -> bytes:
        """The bytes `start` to `start + length`.

        Raises:
            Refused: they are not there.
        """
        self.check(start, length)
        buffer = bytearray(length)
        self.fill(memoryview(buffer), start)
        return bytes(buffer)

    def pieces(self, start: int, length: int) -> Iterator[bytes | memoryview]:
        """The same bytes, a mebibyte at a time.

        Raises:
            Refused: they are not there.
        """
        self.check(start, length)
        end = start + length
        while start < end:
            yield self.read(start, min(_PIECE, end - start))
            start += _PIECE

    def window(self, start: int, size: int) -> Window:
        """A part of it as a source of its own.

        Raises:
            Refused: it is not there.
        """
        self.check(start, size)
        return Window(self, start, size)

    def settle(self) -> None:
        """Make sure that nobody changed what was read.

        Raises:
            Refused: somebody did.
        """


class Held(Source):
    """Bytes in memory."""

    def __init__(self, data: bytes, *, origin: int | None = 0) -> None:
        self.size = len(data)
        self.origin = origin
        self._data = data

    def fill(self, buffer: memoryview, start: int) -> None:
        """Copy bytes out of the memory."""
        self.check(start, len(buffer))
        buffer[:] = memoryview(self._data)[start : start + len(buffer)]

    def read(self, start: int, length: int) -> bytes:
        """A slice of them."""
        self.check(start, length)
        return self._data[start : start + length]

    def pieces(self, start: int, length: int) -> Iterator[bytes | memoryview]:
        """All of them at once, since they are in memory already."""
        self.check(start, length)
        yield memoryview(self._data)[start : start + length]


class Window(Source):
    """A part of another source."""

    def __init__(self, whole: Source, start: int, size: int) -> None:
        self.size = size
        self.origin = None if whole.origin is None else whole.origin + start
        self._whole, self._start = whole, start

    def fill(self, buffer: memoryview, start: int) -> None:
        """Read from the whole, within the window."""
        self.check(start, len(buffer))
        self._whole.fill(buffer, self._start + start)

    def read(self, start: int, length: int) -> bytes:
        """Read from the whole, within the window."""
        self.check(start, length)
        return self._whole.read(self._start + start, length)


class Opened(Source):
    """A regular file, read through one descriptor; closed when it is let go of."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before = _state(descriptor)
        self.size = self._before[0]
        self.origin = 0

    def fill(self, buffer: memoryview, start: int) -> None:
        """Read from the file.

        Raises:
            Refused: it ends before, or the system cannot read it.
        """
        self.check(start, len(buffer))
        filled = 0
        try:
            os.lseek(self._descriptor, start, os.SEEK_SET)
            while filled < len(buffer):
                piece = os.read(self._descriptor, min(len(buffer) - filled, 64 * _PIECE))
                if not piece:
                    break
                buffer[filled : filled + len(piece)] = piece
                filled += len(piece)
        except OSError as error:
            raise Refused(f"the file cannot be read to its end: {error.strerror}") from None
        if filled < len(buffer):
            raise Refused("the file became shorter while it was read")

    def settle(self) -> None:
        """Compare size and times with those of before.

        Raises:
            Refused: they differ.
        """
        if _state(self._descriptor) != self._before:
            raise Refused(
                "the file changed while it was read", way_out="read it when it is written"
            )

    def __del__(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            os.close(self._descriptor)


def _state(descriptor: int) -> tuple[int, int, int]:
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def source_of(path: str | Path, limits: Limits) -> Source:
    """Open a regular file within the size budget; hold it in memory where it is small.

    Raises:
        Refused: missing, unreadable, no regular file, or too large.
    """
    shown = plain(str(path))
    try:
        # Asked before opening, since opening some devices does something; and of what was opened,
        # since the name may mean something else by then. A pipe without a writer does not block.
        _require_regular(Path(path).stat(), shown)
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
        opened = Opened(descriptor)
        _require_regular(os.fstat(descriptor), shown)
    except (OSError, ValueError) as error:
        what = (error.strerror if isinstance(error, OSError) else None) or "its name is no path"
        raise Refused(f"{shown} cannot be read: {what}") from None
    if opened.size > limits.file_bytes:
        raise Refused(f"{shown} has {opened.size} bytes, over the budget of {limits.file_bytes}")
    if opened.size > limits.held_bytes:
        return opened
    held = Held(opened.read(0, opened.size))
    opened.settle()
    return held


def _require_regular(status: os.stat_result, shown: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Refused(f"{shown} is no regular file")
