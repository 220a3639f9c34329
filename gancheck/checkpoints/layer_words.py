"""How is a network spelled in a manifest, layer by layer?

A network is a list of words, one a layer. A layer with weights takes the next ones of the file;
what no weight shows (strides, paddings, activations, where an upsampling stands) is in the words.
Parsing needs no torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancheck.checkpoints.activations import check_activation

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["RESIDUAL", "WORDS", "Word", "check_words", "parse", "parse_all"]

# word -> (fewest, most) whole numbers after it
_COUNTS = {
    "linear": (0, 0),
    "conv": (2, 2),
    "conv_transpose": (2, 3),
    "flatten": (0, 0),
    "unflatten": (3, 3),
    "upsample": (1, 1),
    "upsample_bilinear": (1, 1),
    "pixel_shuffle": (1, 1),
    "avg_pool": (1, 1),
    "max_pool": (1, 1),
    "global_avg_pool": (0, 0),
    "global_sum_pool": (0, 0),
    "group_norm": (1, 1),
    "zero_pad": (4, 4),
    "dropout": (0, 0),
}
_NORMS = frozenset({"batch_norm", "layer_norm", "instance_norm", "group_norm"})
RESIDUAL = ("residual_up", "residual_same", "residual_down", "residual_first")
_ENDS = ("hidden", "output")
_MOST_LAYERS = 400
_LARGEST = 2**20  # of a size, a stride or a factor

WORDS = (
    "linear | conv:STRIDE:PADDING | conv_transpose:STRIDE:PADDING[:OUTPUT_PADDING] | "
    "batch_norm[:EPS] | layer_norm[:EPS] | instance_norm[:EPS] | group_norm:GROUPS[:EPS] | "
    "hidden | output | an activation | flatten | unflatten:CHANNELS:HEIGHT:WIDTH | upsample:FACTOR | "
    "upsample_bilinear:FACTOR | pixel_shuffle:FACTOR | avg_pool:SIZE | max_pool:SIZE | "
    "global_avg_pool | global_sum_pool | zero_pad:LEFT:RIGHT:TOP:BOTTOM | dropout | residual_up | residual_same | residual_down | "
    "residual_first"
)


@dataclass(frozen=True, slots=True)
class Word:
    """One layer as it is spelled.

    Attributes:
        name: the word before the first colon; of an activation all of it.
        numbers: what follows, in order.
        eps: of a normalisation; torch's default where it is not given.
    """

    name: str
    numbers: tuple[int, ...] = ()
    eps: float = 1e-5

    @property
    def takes_weights(self) -> bool:
        """Whether it takes the next weights of the file."""
        return self.name in {"linear", "conv", "conv_transpose", *_NORMS, *RESIDUAL}


def parse(text: str) -> Word:
    """Read one word.

    Raises:
        ValueError: none of `WORDS`.

    Example:
        >>> parse("conv_transpose:2:1").numbers, parse("batch_norm:0.8").eps
        ((2, 1), 0.8)
    """
    name, *rest = text.split(":")
    try:
        if name in _NORMS:
            groups = 1 if name == "group_norm" else 0
            numbers, tail = [int(n) for n in rest[:groups]], rest[groups:]
            eps = float(tail[0]) if tail else 1e-5
            good = len(numbers) == groups and len(tail) <= 1 and math.isfinite(eps) and eps >= 0
        elif name in _COUNTS:
            numbers, eps = [int(n) for n in rest], 1e-5
            fewest, most = _COUNTS[name]
            good = fewest <= len(numbers) <= most
        elif text in RESIDUAL or text in _ENDS:
            return Word(text)
        else:
            return Word(check_activation(text))
    except ValueError:
        good, numbers, eps = False, [], 1e-5
    least = 0 if name.startswith("conv") or name == "zero_pad" else 1
    if name.startswith("conv") and numbers:
        good = good and numbers[0] >= 1
    if not (good and all(least <= n <= _LARGEST for n in numbers)):
        raise ValueError(f"{text!r} is no layer; a layer must be one of {WORDS}")
    return Word(name, tuple(numbers), eps)


def parse_all(texts: Sequence[str]) -> list[Word]:
    """Read the words of a network.

    Raises:
        ValueError: one is none of `WORDS`, or there are none, or too many.
    """
    if not 1 <= len(texts) <= _MOST_LAYERS:
        raise ValueError(f"layers must be 1 to {_MOST_LAYERS} words, got {len(texts)}")
    return [parse(text) for text in texts]


def check_words(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the words, checked.

    Raises:
        ValueError: as `parse_all`.
    """
    parse_all(texts)
    return tuple(texts)
