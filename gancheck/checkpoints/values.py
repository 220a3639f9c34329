"""What can stand on the stack of a pickle that is read but not run?

Numbers and text stand for themselves; everything else is one of the inert shapes below. None of
them holds a reference to an imported object. They compare by identity, so that a shared or cyclic
structure costs what was written and not what it unfolds to. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gancheck.checkpoints.source import Source

__all__ = ["Blob", "Instance", "Scalar", "Sequence", "Storage", "Symbol", "Table", "Value", "View"]

Scalar = None | bool | int | float | str


@dataclass(frozen=True, slots=True)
class Symbol:
    """A global that the file names. It is never imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False, slots=True)
class Blob:
    """Bytes that the pickle carries; not read, only placed."""

    source: Source


@dataclass(eq=False, slots=True)
class Sequence:
    """A list, tuple or set."""

    kind: str
    items: list[Value]


@dataclass(eq=False, slots=True)
class Table:
    """A dict: pairs in the order written, and the attributes a subclass was given."""

    pairs: list[tuple[Value, Value]] = field(default_factory=list)
    attributes: Value = None


@dataclass(eq=False, slots=True)
class Instance:
    """An object of a class that is not built here: its arguments, state and contents."""

    symbol: Symbol
    parts: list[Value] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Storage:
    """A run of numbers in the file.

    `first` and `count` are in elements of `itemsize` bytes. `start` is the byte of element 0 of
    the whole storage `key`, None until the container has shown where its bytes are.
    """

    key: str
    dtype: str | None
    itemsize: int
    count: int
    first: int = 0
    start: int | None = None


@dataclass(eq=False, slots=True)
class View:
    """A tensor: a checked window on a storage. Offset and strides are in elements of `dtype`."""

    storage: Storage
    dtype: str
    itemsize: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


Value = Scalar | Symbol | Blob | Sequence | Table | Instance | Storage | View
