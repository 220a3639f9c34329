"""What of a manifest do the files themselves say? The text that `gancheck init` writes.

What follows from shapes is filled in, with the reason beside it; the rest is TODO with its
choices. The text is valid TOML; `read_manifest` names every TODO that is left.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gancheck.checkpoints.activations import CHOICES
from gancheck.checkpoints.adapters import mlp
from gancheck.checkpoints.chain import linear_chain
from gancheck.checkpoints.guess import image_shapes
from gancheck.checkpoints.limits import DEFAULT, Limits
from gancheck.checkpoints.read import read
from gancheck.checkpoints.refusal import Refused, plain
from gancheck.checkpoints.selection import select

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gancheck.checkpoints.index import Index

__all__ = ["write_manifest"]

_PLAYERS = ("generator", "discriminator")


def write_manifest(
    files: Sequence[str | Path], *, folder: str | Path | None = None, limits: Limits = DEFAULT
) -> str:
    """Draft a manifest for the files of one game.

    Args:
        files: one or two checkpoints, in any order.
        folder: where the manifest will stand, since its paths are relative to that; None leaves
            them as they were given.
        limits: budgets of the reading.

    Returns:
        TOML text. Nothing is written to disk.

    Raises:
        Refused: a file is unsafe or unreadable.
        ValueError: no file, or more than two.
    """
    if not 1 <= len(files) <= len(_PLAYERS):
        raise ValueError(f"files must be one or two checkpoints, got {len(files)}")
    indices = [(_relative(path, folder), read(path, limits=limits)) for path in files]
    assigned, doubts = _assign(indices)
    lines = ["schema = 1", "", "[files]"]
    for player in _PLAYERS:
        if player in assigned:
            path, index = assigned[player]
            digest = "" if index.sha256 is None else f", sha256 = {_quote(index.sha256)}"
            lines.append(f"{player} = {{ path = {_quote(path)}{digest} }}  # {_because(index)}")
        else:
            lines.append(f'{player} = {{ path = "TODO" }}  # TODO: the file of the {player}')
    lines += [f"# {doubt}" for doubt in doubts]
    lines += _model(assigned)
    lines += [
        "",
        "[objective]",
        'kind = "TODO"  # TODO: minimax | non-saturating | wgan | wgan-gp | hinge | lsgan | lsgan-centred',
        "",
    ]
    return "\n".join(lines)


def _relative(path: str | Path, folder: str | Path | None) -> str:
    return str(path) if folder is None else os.path.relpath(path, folder)


def _assign(indices: list[tuple[str, Index]]) -> tuple[dict[str, tuple[str, Index]], list[str]]:
    """Files by the player each is; two files of the same or of no clear player are left to the owner."""
    assigned: dict[str, tuple[str, Index]] = {}
    doubts: list[str] = []
    for path, index in indices:
        role = index.role.value
        if role in _PLAYERS and role not in assigned:
            assigned[role] = (path, index)
        else:
            doubts.append(
                f"TODO: {plain(path)} is {role}: {plain('; '.join(index.role.reasons), limit=200)}"
            )
    return assigned, doubts


def _because(index: Index) -> str:
    return plain(f"{index.role.confidence} confidence: {'; '.join(index.role.reasons)}", limit=200)


def _widths(index: Index) -> tuple[int, ...]:
    """The widths of a perceptron that is the whole file; empty where it is none."""
    try:
        selected = select(index)
    except Refused:
        return ()
    return linear_chain(selected).widths if mlp.match(selected).score else ()


def _model(assigned: dict[str, tuple[str, Index]]) -> list[str]:
    widths = {player: _widths(index) for player, (_, index) in assigned.items()}
    generator, discriminator = widths.get("generator", ()), widths.get("discriminator", ())
    fits = bool(generator or discriminator) and all(widths.values())
    shown = "; ".join(
        f"{player} {'-'.join(map(str, chain))}" for player, chain in widths.items() if chain
    )
    adapter = (
        f'adapter = "mlp"  # high confidence: 2-D weights chain, {shown}'
        if fits
        else 'adapter = "TODO"  # TODO: mlp is the only one; these weights are not seen to fit it'
    )
    latent = (
        f"size = {generator[0]}  # high confidence: the inputs of the generator's first layer"
        if generator
        else 'size = "TODO"  # TODO: the length of z'
    )
    return [
        "",
        "[model]",
        adapter,
        "[model.activation]  # a state dict holds no activation",
        f'hidden = "TODO"  # TODO: {CHOICES}',
        'output = "TODO"  # TODO: the same choices; tanh is usual for data in [-1, 1], sigmoid for [0, 1]',
        'd_hidden = "TODO"  # TODO: the same choices; leaky_relu:0.2 is usual',
        'd_output = "TODO"  # TODO: sigmoid | logit, what the discriminator ends in',
        "",
        "[latent]",
        latent,
        'law = "TODO"  # TODO: normal | uniform | truncated_normal:BOUND',
        "",
        "[data]",
        _shape(generator, discriminator),
        'range = "TODO"  # TODO: the least and greatest value in training, such as [-1.0, 1.0]',
        '# sample = "real.npz"  # optional: real data, one array images or data',
    ]


def _shape(generator: tuple[int, ...], discriminator: tuple[int, ...]) -> str:
    sizes = {*generator[-1:], *discriminator[:1]}
    if len(sizes) != 1:
        seen = (
            f"the generator returns {generator[-1]} numbers and the discriminator takes {discriminator[0]}"
            if sizes
            else "of one sample, channels first"
        )
        return f'shape = "TODO"  # TODO: {seen}'
    (size,) = sizes
    pictures = image_shapes(size)
    both = bool(generator and discriminator)
    witness = "both players agree on" if both else "one player has"
    if len(pictures) == 1:
        return f"shape = {list(pictures[0])}  # {'high' if both else 'medium'} confidence: {witness} {size} numbers, a square picture in one way"
    ways = (
        " or ".join(str(list(picture)) for picture in pictures) or f"[{size}] if it is no picture"
    )
    return f'shape = "TODO"  # TODO: {witness} {size} numbers: {ways}'


def _quote(text: str) -> str:
    """A TOML basic string."""
    escaped = "".join(
        f"\\u{ord(c):04X}" if ord(c) < 0x20 or ord(c) == 0x7F else "\\" + c if c in '"\\' else c
        for c in text
    )
    return f'"{escaped}"'
