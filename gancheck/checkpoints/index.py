"""What is known of a checkpoint after it was read without running it?

Frozen records, standard library only. Strings in them stand as the file has them; `describe` and
`index_json` make them plain.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Container", "Contents", "Guess", "Index", "TensorInfo"]


class Container(StrEnum):
    """How the bytes are wrapped; recognised by their beginning, never by the file's name."""

    torch_zip = "torch zip"
    torch_legacy = "torch legacy"
    pickle = "pickle"
    safetensors = "safetensors"
    onnx = "ONNX"


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """One tensor of the file.

    Attributes:
        path: the names that lead to it from the top.
        shape: sizes, in elements.
        dtype: torch's name of the dtype, such as "float32".
        offset: byte of the file at which its first element stands; None where it stands in no
            one place or is not read.
        strides: in elements.
        alias: number of the group of tensors that share its storage; None where none does.
        holder: the class whose instance holds it; None where only dicts and lists do.
    """

    path: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    offset: int | None
    strides: tuple[int, ...]
    alias: int | None = None
    holder: str | None = None

    @property
    def key(self) -> str:
        """The path in one word, as a state dict would name it."""
        return ".".join(self.path)

    @property
    def count(self) -> int:
        """Number of elements."""
        product = 1
        for size in self.shape:
            product *= size
        return product

    @property
    def buildable(self) -> bool:
        """Whether its numbers can be taken from the file without any class of its author."""
        return self.offset is not None and self.holder is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A guess from names and shapes. `value` "unknown" is an answer."""

    value: str
    confidence: Literal["high", "medium", "none"]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a reader of one container found."""

    tensors: tuple[TensorInfo, ...]
    globals: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    metadata: Mapping[str, bool | int | float | str]
    versions: Mapping[str, str]
    notes: tuple[str, ...] = ()
    unreadable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What stands in one file.

    Attributes:
        name: the file's name, without its folder.
        container: how it is wrapped.
        size: bytes.
        sha256: of the whole file; None where the file was too large and nobody asked for it.
        checksums: whether the checksums of its members were held against their bytes: True (they
            agree, or the file would be refused), False (skipped for size), None (the container has
            none).
        versions: what the file says of its own format, by what it is a version of.
        tensors: in the order of writing.
        globals: every global that a pickle in it names, sorted.
        needs: classes whose instances it holds and that are not built here, outermost first.
        metadata: plain values beside the tensors, by their path.
        role: generator, discriminator, both, encoder, optimizer, other or unknown.
        family: mlp, convolutional, stylegan2 or unknown.
        buildable: whether at least one tensor can be taken from it without its author's classes.
        why_not: the reason where none can.
        notes: what is unusual and harmless.
    """

    name: str
    container: Container
    size: int
    sha256: str | None
    checksums: bool | None
    versions: Mapping[str, str]
    tensors: tuple[TensorInfo, ...]
    globals: tuple[str, ...]
    needs: tuple[str, ...]
    metadata: Mapping[str, bool | int | float | str]
    role: Guess
    family: Guess
    buildable: bool
    why_not: str
    notes: tuple[str, ...]
