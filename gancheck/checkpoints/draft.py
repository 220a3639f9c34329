"""What of a manifest do the files themselves say? The text that `gancheck init` writes.

What follows from shapes is filled in, with the reason beside it; the rest is TODO with its
choices, and where several networks have the same weights each is spelled out. The text is valid
TOML; `Manifest.missing` names every TODO that a level of an audit still needs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gancheck.checkpoints.activations import CHOICES
from gancheck.checkpoints.adapters import ADAPTERS, Match, matching
from gancheck.checkpoints.adapters.stylegan2 import CHOICES as CHOICES_OF_STYLE
from gancheck.checkpoints.guess import image_shapes
from gancheck.checkpoints.index import Container
from gancheck.checkpoints.layer_words import RESIDUAL
from gancheck.checkpoints.limits import DEFAULT, Limits
from gancheck.checkpoints.onnx_inputs import OnnxEnds, onnx_ends
from gancheck.checkpoints.proposals import MOST
from gancheck.checkpoints.read import read
from gancheck.checkpoints.refusal import Refused, plain
from gancheck.checkpoints.selection import select

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gancheck.checkpoints.adapters import Player
    from gancheck.checkpoints.index import Index, TensorInfo

__all__ = ["write_manifest"]

_PLAYERS: tuple[Player, ...] = ("generator", "discriminator")
_SIDES = (28, 32, 64, 48, 128, 256)
_TANH = "tanh is usual for data in [-1, 1], sigmoid for [0, 1]"


@dataclass(slots=True)
class _Part:
    """One player's weights in one file."""

    path: str
    index: Index
    key: str | None = None
    prefix: str = ""
    tensors: dict[str, TensorInfo] = field(default_factory=dict)
    matches: dict[str, Match] = field(default_factory=dict)


def write_manifest(
    files: Sequence[str | Path], *, folder: str | Path | None = None, limits: Limits = DEFAULT
) -> str:
    """Draft a manifest for the files of one game.

    Args:
        files: checkpoints in any order: one or two with a player each, or one with both.
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
    parts, doubts = _assign(indices)
    shape, why = _shape(parts)
    lines = ["schema = 1", "", "[files]"]
    lines += [_file_line(player, parts.get(player)) for player in _PLAYERS]
    lines += [f"# {doubt}" for doubt in doubts]
    lines += _model(parts, shape)
    lines += _latent(parts)
    lines += ["", "[data]", why]
    lines += [
        'range = "TODO"  # TODO: the least and greatest value in training, such as [-1.0, 1.0]',
        '# sample = "real.npz"  # optional: real data, one array images or data',
        "",
        "[objective]",
        'kind = "TODO"  # TODO: minimax | non-saturating | wgan | wgan-gp | hinge | lsgan | lsgan-centred',
        "",
    ]
    return "\n".join(lines)


def _relative(path: str | Path, folder: str | Path | None) -> str:
    return str(path) if folder is None else os.path.relpath(path, folder)


# --- which file is which player


def _assign(indices: list[tuple[str, Index]]) -> tuple[dict[Player, _Part], list[str]]:
    """Files by the player each is; two of the same or of no clear player are left to the owner."""
    assigned: dict[Player, _Part] = {}
    doubts: list[str] = []
    for path, index in indices:
        role = index.role.value
        player: Player | None = next((p for p in _PLAYERS if p == role), None)
        if player is not None and player not in assigned:
            assigned[player] = _selected(_Part(path, index))
        elif role == "both" and not assigned:
            assigned |= _both(path, index)
        if not any(part.index is index for part in assigned.values()):
            doubts.append(
                f"TODO: {plain(path)} is {role}: {plain('; '.join(index.role.reasons), limit=200)}"
            )
    return assigned, doubts


def _both(path: str, index: Index) -> dict[Player, _Part]:
    """The two parts of a file that holds both players, each by its key or by its prefix."""
    from gancheck.checkpoints.guess import guess_role

    firsts: dict[str, list[TensorInfo]] = {}
    nested: set[str] = set()
    for info in index.tensors:
        first = info.key.split(".", 1)[0]
        firsts.setdefault(first, []).append(info)
        if len(info.path) > 1 and info.path[0] == first:
            nested.add(first)
    found: dict[Player, _Part] = {}
    for first, infos in firsts.items():
        role = guess_role(tuple(infos), f"{first}.x").value
        for player in _PLAYERS:
            if role == player and player in found:
                return {}  # an average beside the raw weights: which one is meant is the owner's to say
            if role == player:
                key, prefix = (first, "") if first in nested else (None, f"{first}.")
                found[player] = _selected(_Part(path, index, key, prefix))
    return found


def _selected(part: _Part) -> _Part:
    try:
        part.tensors = select(part.index, key=part.key, strip_prefix=part.prefix)
    except Refused:
        return part
    names = list(part.tensors)
    if part.key is not None and all(name.startswith("module.") for name in names):
        part.prefix = "module."
        part.tensors = {name.removeprefix("module."): t for name, t in part.tensors.items()}
    return part


def _file_line(player: Player, part: _Part | None) -> str:
    if part is None:
        return f'{player} = {{ path = "TODO" }}  # TODO: the file of the {player}'
    inside = f", key = {_quote(part.key)}" if part.key is not None else ""
    inside += f", strip_prefix = {_quote(part.prefix)}" if part.prefix else ""
    reasons = plain(
        f"{part.index.role.confidence} confidence: {'; '.join(part.index.role.reasons)}", limit=200
    )
    sha = _quote(part.index.sha256 or "")
    return f"{player} = {{ path = {_quote(part.path)}{inside}, sha256 = {sha} }}  # {reasons}"


# --- the shape of one sample


def _shape(parts: dict[Player, _Part]) -> tuple[tuple[int, ...] | None, str]:
    """Both players' say about one sample, and the line of the manifest."""
    sizes: dict[Player, set[tuple[int, ...]]] = {}
    common: set[tuple[int, ...]] = set()
    for every in (False, True):
        sizes = {p: s for p, part in parts.items() if (s := _sizes(p, part, every=every))}
        common = set.intersection(*sizes.values()) if sizes else set()
        if common:
            break
    if not sizes:
        return None, 'shape = "TODO"  # TODO: of one sample, channels first'
    both = len(sizes) == len(_PLAYERS)
    if not common:
        told = "; ".join(f"the {p} {_ways(s)}" for p, s in sizes.items())
        return None, f'shape = "TODO"  # TODO: the players differ: {told}'
    witness = "both players agree on it" if both else f"by the {next(iter(sizes))} alone"
    if len(common) == 1:
        (shape,) = common
        sure = "high" if both else "medium"
        return shape, f"shape = {list(shape)}  # {sure} confidence: {witness}"
    return None, f'shape = "TODO"  # TODO: {witness}: {_ways(common)}'


def _ways(shapes: set[tuple[int, ...]]) -> str:
    return " or ".join(str(list(shape)) for shape in sorted(shapes))


def _sizes(player: Player, part: _Part, *, every: bool = False) -> set[tuple[int, ...]]:
    """Shapes of a sample that this player's weights fit; unless every, with padding if any does."""
    ends = onnx_ends(part.index)
    if ends is not None:
        return {ends.output} if len(ends.output) == 3 and all(ends.output) else set()
    if not part.tensors:
        return set()
    flat = matching(part.tensors, player=player).get("mlp")
    if flat is not None:
        linear = [p for p in flat.order if p.kind == "linear"]
        size = linear[-1].shape[0] if player == "generator" else linear[0].shape[1]
        return set(image_shapes(size)) or {(size,)}
    style = matching(part.tensors, player=player).get("stylegan2")
    if style is not None:
        return {style.sample}
    kernels = [info.shape for info in part.tensors.values() if len(info.shape) == 4]
    if not kernels:
        return set()
    channels = kernels[0][1:2] if player == "discriminator" else kernels[-1][:2]
    found: set[tuple[int, ...]] = set()
    padded: set[tuple[int, ...]] = set()
    for side in _SIDES:
        for channel in {c for c in channels if c <= 6}:
            shape = (channel, side, side)
            matches = matching(part.tensors, player=player, shape=shape)
            found |= {shape} if matches else set()
            ways = [words for match in matches.values() for words in match.proposals]
            padded |= {shape} if any(map(_pads, ways)) else set()
    return found if every else padded or found  # layers without any padding are the rarer reading


def _pads(words: Sequence[str]) -> bool:
    """Whether some layer of a network pads."""
    return any(
        word in RESIDUAL or (word.startswith("conv") and word.split(":")[2] != "0")
        for word in words
    )


# --- the model


def _model(parts: dict[Player, _Part], shape: tuple[int, ...] | None) -> list[str]:
    for player, part in parts.items():
        if part.tensors:
            part.matches = matching(part.tensors, player=player, shape=shape)
    names: dict[Player, list[str]] = {player: _adapters(part) for player, part in parts.items()}
    lines = ["", "[model]", *_adapter_lines(parts, names)]
    activation: dict[str, str] = {}
    for player, part in parts.items():
        usual = [n for n in names[player] if n in ("mlp", "dcgan", "sngan")]
        prefix = "" if player == "generator" else "d_"
        if usual or not names[player]:
            activation[f"{prefix}hidden"] = CHOICES
            ends = "sigmoid | logit, what the discriminator ends in"
            activation[f"{prefix}output"] = ends if prefix else f"the same choices; {_TANH}"
        lines += _layer_lines(player, part, usual, shape)
    for player in _PLAYERS:
        if player not in parts:
            prefix = "" if player == "generator" else "d_"
            activation.setdefault(f"{prefix}hidden", CHOICES)
            activation.setdefault(
                f"{prefix}output",
                "sigmoid | logit, what the discriminator ends in"
                if prefix
                else f"the same choices; {_TANH}",
            )
    styled: list[Player] = [player for player in _PLAYERS if names.get(player) == ["stylegan2"]]
    if styled:
        lines.append("[model.style]  # what no shape of a StyleGAN2 tells")
        lines += [
            f'{key} = "TODO"  # TODO: {choices}'
            for player in styled
            for key, choices in CHOICES_OF_STYLE[player].items()
        ]
    if not activation:
        return lines
    lines.append("[model.activation]  # a state dict holds no activation")
    order = ("hidden", "output", "d_hidden", "d_output")
    lines += [f'{key} = "TODO"  # TODO: {activation[key]}' for key in order if key in activation]
    return lines


def _adapters(part: _Part) -> list[str]:
    if part.index.container is Container.onnx:
        return ["onnx"]
    return [name for name, match in part.matches.items() if match.score]


def _adapter_lines(parts: dict[Player, _Part], names: dict[Player, list[str]]) -> list[str]:
    single = {found[0] for found in names.values() if len(found) == 1}
    if names and len(single) == 1 and all(len(found) == 1 for found in names.values()):
        (name,) = single
        why = "; ".join(
            f"{player}: {plain(part.matches[name].reasons[0], limit=120) if name in part.matches else 'an ONNX file'}"
            for player, part in parts.items()
        )
        return [f'adapter = "{name}"  # high confidence: {why}']
    if names and all(len(found) == 1 for found in names.values()):
        inner = ", ".join(f'{player} = "{found[0]}"' for player, found in names.items())
        return [f"adapter = {{ {inner} }}"]
    fits = "; ".join(
        f"{player}'s weights fit {' and '.join(found) or 'none that is built by itself'}"
        for player, found in names.items()
    )
    choices = " | ".join(ADAPTERS)
    return [f'adapter = "TODO"  # TODO: {choices}; {fits or "no file is known"}']


def _layer_lines(
    player: Player, part: _Part, usual: list[str], shape: tuple[int, ...] | None
) -> list[str]:
    """The proposed layers: a line where there is one, else TODO and each of them as a comment."""
    key = f"{player}_layers"
    proposed = [words for name in usual for words in part.matches[name].proposals]
    if not usual or (usual == ["mlp"] and len(proposed) == 1):
        return []  # a perceptron's layers follow from its shapes
    norms = any(word.startswith(("batch_norm", *RESIDUAL)) for words in proposed for word in words)
    eps = "; batch_norm:0.8 where it was made so" if norms else ""
    if len(proposed) == 1:
        return [
            f"{key} = {_list(proposed[0])}  # medium confidence: of the usual networks the one with these weights; strides, paddings and epsilons are in no weight{eps}"
        ]
    if shape is None:
        return _for_each_shape(key, player, part, usual)
    if not proposed:
        return [f'{key} = "TODO"  # TODO: its layers in order; no usual network has these weights']
    many = f"more than {MOST} networks" if len(proposed) > MOST else f"{len(proposed)} networks"
    return [
        f'{key} = "TODO"  # TODO: {many} have these weights{eps}',
        *(f"# {key} = {_list(words)}" for words in proposed[:MOST]),
    ]


def _for_each_shape(key: str, player: Player, part: _Part, usual: list[str]) -> list[str]:
    lines = [f'{key} = "TODO"  # TODO: its layers, which depend on data.shape']
    for shape in sorted(_sizes(player, part)):
        found = matching(part.tensors, player=player, shape=shape)
        proposed = [w for name in usual if name in found for w in found[name].proposals]
        lines += [f"# {key} = {_list(words)}  # for {list(shape)}" for words in proposed[:MOST]]
    return lines


def _list(words: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


# --- the latent law


def _latent(parts: dict[Player, _Part]) -> list[str]:
    part = parts.get("generator")
    size, why, condition = "", "the length of z", list[str]()
    if part is not None:
        ends = onnx_ends(part.index)
        if ends is not None:
            size, why, condition = _onnx_latent(ends)
        elif part.tensors:
            size = _first_inputs(part)
            why = "the inputs of the generator's first layer"
    line = f"size = {size}  # high confidence: {why}" if size else f'size = "TODO"  # TODO: {why}'
    law = 'law = "TODO"  # TODO: normal | uniform | truncated_normal:BOUND'
    return ["", "[latent]", line, law, *condition]


def _first_inputs(part: _Part) -> str:
    for match in part.matches.values():
        if match.latent:
            return str(match.latent)
        if match.order:
            first = match.order[0]
            if first.kind == "linear":
                return str(first.shape[1])
            if first.kind == "conv":
                return str(first.shape[0])
    return ""


def _onnx_latent(ends: OnnxEnds) -> tuple[str, str, list[str]]:
    if len(ends.inputs) == 1:
        (one,) = ends.inputs.values()
        return str(one), "the numbers of the model's input", []
    if len(ends.inputs) != 2:
        return "", "the numbers of the model's noise input", []
    (noise, size), (label, classes) = sorted(ends.inputs.items(), key=lambda item: -item[1])
    condition = [
        "",
        f"[condition]  # medium confidence: the input {plain(label, limit=60)} beside {plain(noise, limit=60)}",
    ]
    if classes > 1:
        condition += [f"classes = {classes}", 'encoding = "one_hot"']
    else:
        condition += ['classes = "TODO"  # TODO: how many', 'encoding = "index"']
    return str(size), f"the numbers of the input {plain(noise, limit=60)}", condition


def _quote(text: str) -> str:
    """A TOML basic string."""
    escaped = "".join(
        f"\\u{ord(c):04X}" if ord(c) < 0x20 or ord(c) == 0x7F else "\\" + c if c in '"\\' else c
        for c in text
    )
    return f'"{escaped}"'
