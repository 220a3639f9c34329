"""Which of the next weights of a file make one residual block? Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancheck.checkpoints.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gancheck.checkpoints.parts import Part

__all__ = ["Block", "block_of"]


@dataclass(frozen=True, slots=True)
class Block:
    """Two 3 x 3 convolutions, a 1 x 1 beside them or none, two norms or none."""

    first: Part
    second: Part
    shortcut: Part | None
    norm_1: Part | None
    norm_2: Part | None

    def placed(self) -> Iterator[tuple[str, Part]]:
        """The name of each in a `Residual`, and itself."""
        names = ("convolve_1", "convolve_2", "shortcut", "norm_1", "norm_2")
        parts = (self.first, self.second, self.shortcut, self.norm_1, self.norm_2)
        for name, part in zip(names, parts, strict=True):
            if part is not None:
                yield name, part


def block_of(left: Sequence[Part], channels: int) -> tuple[Block, int]:
    """The block that the next parts make, and how many of them it takes.

    A block is what has a common parent: the deepest one whose parts are just those of a block.

    Args:
        left: parts in order.
        channels: that arrive.

    Raises:
        Refused: they make none.
    """
    if left:
        names = left[0].name.split(".")
        for depth in range(len(names) - 1, -1, -1):
            parent = names[:depth]
            used = 0
            while used < len(left) and left[used].name.split(".")[:depth] == parent:
                used += 1
            block = _block(left[:used], channels)
            if block is not None:
                return block, used
    where = f"; the next is {left[0]}" if left else ""
    raise Refused(
        f"the layers say residual block, and the file's next parts are no two 3 x 3 convolutions under one name that take {channels} channels{where}"
    )


def _block(parts: Sequence[Part], channels: int) -> Block | None:
    wide = [p for p in parts if p.kind == "conv" and p.shape[2] == 3]
    narrow = [p for p in parts if p.kind == "conv" and p.shape[2] == 1]
    norms = [p for p in parts if p.kind == "norm" and len(p.shape) == 1]
    if len(wide) != 2 or len(narrow) > 1 or len(norms) not in (0, 2):
        return None
    if len(wide) + len(narrow) + len(norms) != len(parts):
        return None
    first, second = wide
    outputs, inputs = second.shape[:2]
    fits = first.shape[1] == channels and first.shape[0] == inputs
    fits &= not narrow or narrow[0].shape[:2] == (outputs, channels)
    fits &= bool(narrow) or outputs == channels
    fits &= not norms or (norms[0].shape, norms[1].shape) == ((channels,), (inputs,))
    if not fits:
        return None
    norm_1, norm_2 = norms if norms else (None, None)
    return Block(first, second, narrow[0] if narrow else None, norm_1, norm_2)
