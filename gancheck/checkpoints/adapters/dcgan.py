"""Convolutional GANs in a row: transposed or upsampling generators, convolutional discriminators.

Linear or convolutional stems, batch, layer or instance norms, both forms of torch's spectral norm,
square pictures. Strides, paddings and the places of upsamplings are in no weight: `match` proposes
the usual networks that have just these shapes, and the manifest says which it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancheck.checkpoints.adapters import Match
from gancheck.checkpoints.parts import Part, parts_of
from gancheck.checkpoints.proposals import MOST, Effort, proposals
from gancheck.checkpoints.sequence import arranged, unfit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gancheck.checkpoints.adapters import Player
    from gancheck.checkpoints.index import TensorInfo

__all__ = ["match"]

_SIDES = (28, 32, 64, 48, 128, 256)
_TOO_MANY = "its layers can be read in too many ways to try them all; the manifest must say them"
_HYPOTHESES = (
    "layers follow each other without skip connections",
    "strides, paddings and upsamplings are those of the manifest's layers",
    "one epsilon of the norms where the layers name none: torch's 1e-5",
)


def match(
    tensors: Mapping[str, TensorInfo],
    *,
    player: Player | None = None,
    shape: tuple[int, ...] | None = None,
) -> Match:
    """Say whether named tensors are those of a convolutional network in a row.

    Args:
        tensors: name -> what is known of it, as `select` returns.
        player: which one; both are tried where it is not said.
        shape: of one sample, channels first; usual square pictures are tried where it is not said.
    """
    parts = parts_of(tensors)
    wrong = unfit(parts)
    if not wrong and not any(part.kind == "conv" for part in parts.found):
        wrong = "no 4-D weight"
    if wrong:
        return Match(score=0.0, reasons=(wrong,), unconsumed=parts.whole_numbers)
    players: tuple[Player, ...] = ("generator", "discriminator") if player is None else (player,)
    fits: list[str] = []
    effort = Effort()
    for one in players:
        for size in _shapes(parts.found, one) if shape is None else [shape]:
            found = arranged(
                parts,
                lambda order, p=one, s=size: proposals(order, player=p, shape=s, effort=effort),
            )
            if effort.left < 0:
                return Match(score=0.0, reasons=(_TOO_MANY,), unconsumed=parts.whole_numbers)
            if found.order:
                fits.append(f"a {one} of samples {'x'.join(map(str, size))}")
            if found.wrong:
                wrong = found.wrong
            if found.order and player is not None and shape is not None:
                return _matched(
                    found.order, fits, found.hypotheses, parts.whole_numbers, found.proposals
                )
    if not fits:
        wrong = wrong or "no usual strides and paddings take a sample through these kernels"
        return Match(score=0.0, reasons=(wrong,), unconsumed=parts.whole_numbers)
    return _matched(parts.found, fits, (), parts.whole_numbers, ())


def _matched(
    order: tuple[Part, ...],
    fits: list[str],
    hypotheses: tuple[str, ...],
    unconsumed: tuple[str, ...],
    proposed: tuple[tuple[str, ...], ...],
) -> Match:
    kernels = [f"{p.shape[0]}x{p.shape[1]}x{p.shape[2]}" for p in order if p.kind == "conv"]
    many = f"more than {MOST}" if len(proposed) > MOST else str(len(proposed))
    choice = () if len(proposed) < 2 else (f"{many} sets of strides and paddings fit",)
    return Match(
        score=1.0,
        reasons=(f"kernels {', '.join(kernels)} chain as {' or '.join(fits)}",),
        hypotheses=(*hypotheses, *_HYPOTHESES, *choice),
        unconsumed=unconsumed,
        proposals=proposed,
        order=order,
    )


def _shapes(found: tuple[Part, ...], player: Player) -> list[tuple[int, ...]]:
    """Pictures with the channels that the first or the last kernel has on the outside."""
    kernels = [part for part in found if part.kind == "conv"]
    ends = kernels[0].shape[1:2] if player == "discriminator" else kernels[-1].shape[:2]
    return [(c, side, side) for side in _SIDES for c in sorted(set(ends)) if c <= 6]
