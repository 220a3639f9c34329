"""Residual networks of spectrally normalised GANs: blocks of two 3 x 3 convolutions.

Generator: linear stem, blocks that double the pixels, norm, activation, 3 x 3 convolution.
Discriminator: a first block, blocks that halve the pixels or keep them, activation, a sum or a mean
over the pixels, one linear layer. As in the source a discriminator's block halves the pixels where
it has a 1 x 1 convolution beside it, except the last one where the picture cannot be halved so often
and it has the convolution because its channels change. Conditional norms and projections are not
built.

Source: Miyato et al. (2018), tables 4 and 5.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations, islice
from typing import TYPE_CHECKING

from gancheck.checkpoints.adapters import Match
from gancheck.checkpoints.blocks import Block, block_of
from gancheck.checkpoints.parts import Part, Parts, orders, parts_of
from gancheck.checkpoints.proposals import MOST
from gancheck.checkpoints.refusal import Refused
from gancheck.checkpoints.sequence import unfit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gancheck.checkpoints.adapters import Player
    from gancheck.checkpoints.index import TensorInfo

__all__ = ["match"]

_MOST_ORDERS = 20
_HYPOTHESES = (
    "blocks as in Miyato et al. (2018): activations before convolutions, nearest upsampling before the first convolution, average pooling after the second",
    "a discriminator's shortcut takes what arrives, not what its activation made of it in place",
)


def match(
    tensors: Mapping[str, TensorInfo],
    *,
    player: Player | None = None,
    shape: tuple[int, ...] | None = None,
) -> Match:
    """Say whether named tensors are those of a residual generator or discriminator.

    Args:
        tensors: name -> what is known of it, as `select` returns.
        player: which one; both are tried where it is not said.
        shape: of one sample, channels first.
    """
    parts = parts_of(tensors)
    wrong = unfit(parts)
    if wrong:
        return Match(score=0.0, reasons=(wrong,), unconsumed=parts.whole_numbers)
    wrong = "no residual blocks between a stem and an end"
    for one in ("generator", "discriminator") if player is None else (player,):
        found = _generator(parts) if one == "generator" else _discriminator(parts)
        if found is None:
            continue
        order, blocks, proposed = found
        if shape is not None and not _reaches(one, order, blocks, shape):
            wrong = f"its blocks do not make a {one} of samples {'x'.join(map(str, shape))}"
            continue
        known = player is not None and shape is not None
        return Match(
            score=1.0,
            reasons=(f"{len(blocks)} residual blocks of a {one}",),
            hypotheses=_HYPOTHESES,
            unconsumed=parts.whole_numbers,
            proposals=tuple(proposed(shape)) if known and shape is not None else (),
            order=order,
        )
    return Match(score=0.0, reasons=(wrong,), unconsumed=parts.whole_numbers)


_Found = tuple[tuple[Part, ...], list[Block], Callable[[tuple[int, ...]], list[tuple[str, ...]]]]


def _orders(parts: Parts) -> Iterator[tuple[Part, ...]]:
    yield from islice(orders(parts), _MOST_ORDERS)


def _blocks(left: list[Part], channels: int) -> list[Block]:
    """Blocks from the front of `left`, which they leave."""
    found: list[Block] = []
    while left:
        try:
            block, used = block_of(left, channels)
        except Refused:
            break
        found.append(block)
        channels = block.second.shape[0]
        del left[:used]
    return found


def _generator(parts: Parts) -> _Found | None:
    for order in _orders(parts):
        wide = [p for p in order if p.kind == "conv" and p.shape[2] == 3]
        if order[0].kind != "linear" or not wide:
            continue
        left, channels = list(order[1:]), wide[0].shape[1]
        blocks = _blocks(left, channels)
        kinds = [part.kind for part in left]
        if not blocks or kinds not in (["conv"], ["norm", "conv"]) or left[-1].shape[2] != 3:
            continue
        outputs = blocks[-1].second.shape[0]
        stem = math.isqrt(order[0].shape[0] // channels)
        norm = left[0] if len(left) == 2 else None
        if (
            left[-1].shape[1] != outputs
            or channels * stem * stem != order[0].shape[0]
            or (norm is not None and not (norm.shape == (outputs,) and norm.tracks))
        ):
            continue

        def proposed(
            shape: tuple[int, ...],
            count: int = len(blocks),
            head: tuple[str, ...] = ("linear", f"unflatten:{channels}:{stem}:{stem}"),
            tail: tuple[str, ...] = (
                *["batch_norm"] * (norm is not None),
                "hidden",
                "conv:1:1",
                "output",
            ),
            side: int = stem,
        ) -> list[tuple[str, ...]]:
            doublings = _doublings(side, shape[1])
            ways = combinations(range(count), doublings) if 0 <= doublings <= count else iter(())
            return [
                (
                    *head,
                    *("residual_up" if i in way else "residual_same" for i in range(count)),
                    *tail,
                )
                for way in islice(ways, MOST + 1)
            ]

        return order, blocks, proposed
    return None


def _discriminator(parts: Parts) -> _Found | None:
    for order in _orders(parts):
        if order[0].kind != "conv" or order[-1].kind != "linear" or order[-1].shape[0] != 1:
            continue
        left = list(order[:-1])
        wide = [p for p in left if p.kind == "conv" and p.shape[2] == 3]
        blocks = _blocks(left, wide[0].shape[1]) if wide else []
        if left or len(blocks) < 2:
            continue

        def proposed(
            shape: tuple[int, ...],
            blocks: list[Block] = blocks,
            inputs: int = order[-1].shape[1],
        ) -> list[tuple[str, ...]]:
            down = _halving(blocks, shape[1])
            side = shape[1] >> sum(down)
            names = [
                "residual_first",
                *("residual_down" if d else "residual_same" for d in down[1:]),
            ]
            channels = blocks[-1].second.shape[0]
            ends: list[tuple[str, ...]] = []
            if inputs == channels:
                ends += [("global_sum_pool",), (f"avg_pool:{side}", "flatten")]
            if inputs == channels * side * side and side > 1:
                ends.append(("flatten",))
            return [(*names, "hidden", *end, "linear", "output") for end in ends]

        return order, blocks, proposed
    return None


def _halving(blocks: list[Block], side: int) -> list[bool]:
    """Which blocks of a discriminator of pictures of that many pixels halve them."""
    down = [True, *(block.shortcut is not None for block in blocks[1:])]
    last = blocks[-1]
    if side % 2 ** sum(down) and len(blocks) > 1 and last.first.shape[1] != last.second.shape[0]:
        down[-1] = False  # a plain block needs its 1 x 1 too where it changes the channels
    return down


def _doublings(low: int, high: int) -> int:
    """How often `low` doubles to `high`; -1 where it does not."""
    ratio = high // low if low and high % low == 0 else 0
    return ratio.bit_length() - 1 if ratio and ratio & (ratio - 1) == 0 else -1


def _reaches(
    player: str, order: tuple[Part, ...], blocks: list[Block], shape: tuple[int, ...]
) -> bool:
    if len(shape) != 3 or shape[1] != shape[2]:
        return False
    if player == "discriminator":
        down = sum(_halving(blocks, shape[1]))
        return order[0].shape[1] == shape[0] and shape[1] % 2**down == 0
    channels = blocks[0].first.shape[1]
    stem = math.isqrt(order[0].shape[0] // channels)
    return order[-1].shape[0] == shape[0] and 0 <= _doublings(stem, shape[1]) <= len(blocks)
