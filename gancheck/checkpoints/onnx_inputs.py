"""What goes into an ONNX model and what comes out, by the listing of its file?

Standard library only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancheck.checkpoints.index import Container

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gancheck.checkpoints.index import Index

__all__ = ["OnnxEnds", "onnx_ends"]


@dataclass(frozen=True, slots=True)
class OnnxEnds:
    """Inputs and output of one sample.

    Attributes:
        inputs: name -> numbers of one sample; 0 where a size is not fixed.
        output: shape of one sample of the first output; a size that is not fixed is 0.
    """

    inputs: Mapping[str, int]
    output: tuple[int, ...]


def onnx_ends(index: Index) -> OnnxEnds | None:
    """The ends of a model; None for another kind of file."""
    if index.container is not Container.onnx:
        return None
    ends = {
        kind: {
            key.partition(" ")[2]: _sizes(str(value))
            for key, value in index.metadata.items()
            if key.startswith(f"{kind} ")
        }
        for kind in ("input", "output")
    }
    initialisers = {info.key for info in index.tensors}
    inputs = {name: math.prod(s) for name, s in ends["input"].items() if name not in initialisers}
    return OnnxEnds(inputs, next(iter(ends["output"].values()), ()))


def _sizes(text: str) -> tuple[int, ...]:
    """Of `[batch, 1, 28, 28]` what stands behind the batch."""
    parts = [part.strip() for part in text.strip("[]").split(",")]
    return tuple(int(part) if part.isdigit() and len(part) < 9 else 0 for part in parts[1:])
