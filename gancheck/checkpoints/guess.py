"""What is this network, and of which family? A guess, with its reasons.

Shapes and names are two witnesses. Both agreeing is `high`, one alone is `medium`, and where they
contradict each other, or where shapes alone fit more than one role (a classifier and an encoder
have the same), the answer is "unknown". Standard library only.
"""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING

from gancheck.checkpoints.adapters import stylegan2
from gancheck.checkpoints.chain import linear_chain
from gancheck.checkpoints.grouping import group, named_roles, weights_of
from gancheck.checkpoints.index import Guess
from gancheck.checkpoints.refusal import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gancheck.checkpoints.grouping import Grouping
    from gancheck.checkpoints.index import TensorInfo

__all__ = ["guess_family", "guess_role", "image_shapes"]

_IMAGE_CHANNELS = frozenset({1, 2, 3, 4, 6})
_FEWEST_FEATURES = 8  # channels between the layers of a network; more than a picture has
_SMALLEST_SIDE, _LARGEST_SIDE = 8, 1024
_UNKNOWN = "unknown"
_REDUCING = frozenset({"encoder", "other"})  # what many numbers to a few can be
_LEARNING_RATE = re.compile(r"(^|\.)param_groups\.\d+\.lr$")

_Evidence = tuple[frozenset[str], str]  # the roles that it speaks for, none: no answer; and why


def image_shapes(size: int) -> tuple[tuple[int, int, int], ...]:
    """The square pictures [channels, side, side] that have this many numbers.

    Example:
        >>> image_shapes(784), image_shapes(3072), image_shapes(10)
        (((1, 28, 28),), ((3, 32, 32),), ())
    """
    found: list[tuple[int, int, int]] = []
    for channels in (1, 3):
        side = math.isqrt(size // channels)
        if channels * side * side == size and _SMALLEST_SIDE <= side <= _LARGEST_SIDE:
            found.append((channels, side, side))
    return tuple(found)


def guess_family(tensors: Sequence[TensorInfo]) -> Guess:
    """Name the kind of network: stylegan2, convolutional, mlp or unknown."""
    if _bare(tensors):
        return Guess(value=_UNKNOWN, confidence="none", reasons=("a single tensor without a name",))
    grouping = group(tensors)
    weights = weights_of(grouping.network)
    layout = [_by_layout(found) for found in (grouping.parts or {"": grouping.network}).values()]
    if any(roles for roles, _ in layout):
        reason = next(reason for roles, reason in layout if roles)
        return Guess(value="stylegan2", confidence="high", reasons=(reason,))
    modulated = [info for info in weights if ".modulation." in f".{info.key}."]
    if modulated:
        reason = f"{len(modulated)} weights are named modulation, as style-modulated layers have"
        return Guess(value="stylegan2", confidence="medium", reasons=(reason,))
    four = [info for info in weights if len(info.shape) == 4]
    if four:
        reason = f"{len(four)} weights have 4 dimensions"
        return Guess(value="convolutional", confidence="high", reasons=(reason,))
    groups = grouping.parts or {"": grouping.network}
    chains = [linear_chain({info.key: info for info in found}) for found in groups.values()]
    if weights and all(not chain.broken for chain in chains):
        widths = "; ".join("-".join(map(str, chain.widths)) for chain in chains)
        return Guess(value="mlp", confidence="high", reasons=(f"2-D weights chain: {widths}",))
    reason = chains[0].broken if weights else "no weight of 2 or more dimensions"
    return Guess(value=_UNKNOWN, confidence="none", reasons=(reason,))


def guess_role(
    tensors: Sequence[TensorInfo], name: str, metadata: Mapping[str, object] | None = None
) -> Guess:
    """Say what a file holds: a player, both, an encoder, an optimizer, something else, or unknown.

    Args:
        tensors: all of the file.
        name: the file's name, which is a witness.
        metadata: the plain values of the file, by their path.
    """
    if _bare(tensors):
        reason = "a single tensor without a name"
        return Guess(value="other", confidence="medium", reasons=(reason,))
    grouping = group(tensors)
    stem = name.rsplit(".", 1)[0]
    if not weights_of(grouping.network):
        return _no_network(grouping, stem, tensors, metadata or {})
    if not grouping.parts:
        return _combine(_by_name([stem, *grouping.names]), _by_shape(grouping.network))
    guesses = {
        part: _combine(_by_name([part]), _by_shape(found)) for part, found in grouping.parts.items()
    }
    return _of_parts(guesses)


def _bare(tensors: Sequence[TensorInfo]) -> bool:
    """A tensor that was saved on its own: noise, samples, data."""
    return len(tensors) == 1 and not tensors[0].path


def _no_network(
    grouping: Grouping, stem: str, tensors: Sequence[TensorInfo], metadata: Mapping[str, object]
) -> Guess:
    rates = [key for key in metadata if _LEARNING_RATE.search(key)]
    if grouping.state or rates:
        reasons = [f"{len(grouping.state)} tensors are what an optimizer keeps of its steps"]
        reasons += [f"{len(rates)} param_groups with a learning rate stand in it"] if rates else []
        sure = bool(rates) or "optimizer" in named_roles(stem)
        return Guess(
            value="optimizer", confidence="high" if sure else "medium", reasons=tuple(reasons)
        )
    if metadata and not tensors:
        reason = "plain values and no tensor"
        return Guess(value="other", confidence="high", reasons=(reason,))
    return _combine(_by_name([stem, *grouping.names]), _by_shape(grouping.network))


def _of_parts(guesses: dict[str, Guess]) -> Guess:
    reasons = tuple(
        f"{plain(part, limit=40)}: {guess.value} ({'; '.join(guess.reasons)})"
        for part, guess in guesses.items()
    )
    found = {guess.value for guess in guesses.values()}
    known = {guess.confidence for guess in guesses.values() if guess.value != _UNKNOWN}
    least = "high" if known == {"high"} else "medium"
    if {"generator", "discriminator"} <= found:
        return Guess(value="both", confidence=least, reasons=reasons)
    if len(found) == 1 and found != {_UNKNOWN}:
        return Guess(value=found.pop(), confidence=least, reasons=reasons)
    return Guess(value=_UNKNOWN, confidence="none", reasons=("several parts", *reasons))


def _by_name(texts: Iterable[str]) -> _Evidence:
    votes = {text: named_roles(text) for text in texts}
    roles = frozenset[str]().union(*votes.values())
    if len(roles) != 1:
        return frozenset(), "no name says which" if not roles else "names say several things"
    witness = next(text for text, vote in votes.items() if vote)
    return roles, f"named {plain(witness, limit=60)}"


def _by_shape(tensors: Sequence[TensorInfo]) -> _Evidence:
    weights = weights_of(tensors)
    if not weights:
        return frozenset(), "no weight of 2 or more dimensions"
    layout = _by_layout(tensors)
    if layout[0]:
        return layout
    if any(len(info.shape) == 4 for info in weights):
        return _by_convolutions(weights)
    chain = linear_chain({info.key: info for info in tensors})
    if chain.broken:
        return frozenset(), f"no chain of linear layers: {chain.broken}"
    first, last = chain.widths[0], chain.widths[-1]
    if last == 1 and first > 1:
        return frozenset({"discriminator"}), f"linear layers from {first} numbers to one"
    if first < last and image_shapes(last):
        reason = f"linear layers from {first} numbers to a picture of {last}"
        return frozenset({"generator"}), reason
    if first > last:
        reason = f"linear layers from {first} numbers to {last}, as a classifier or encoder has"
        return _REDUCING, reason
    return frozenset(), f"linear layers from {first} numbers to {last}"


def _by_layout(tensors: Sequence[TensorInfo]) -> _Evidence:
    """Names and shapes of a whole StyleGAN2 player, which are no other network's."""
    named = {info.key: info for info in tensors}
    for player in ("generator", "discriminator"):
        match = stylegan2.match(named, player=player)
        if match.score:
            return frozenset({player}), match.reasons[0]
    return frozenset(), ""


def _by_convolutions(weights: list[TensorInfo]) -> _Evidence:
    last = weights[-1].shape
    if len(last) == 2 and last[0] > 1:
        reason = f"convolutions, then a linear layer with {last[0]} outputs, as a classifier or encoder has"
        return _REDUCING, reason
    kernels = [info.shape for info in weights if len(info.shape) == 4]
    pairs = list(pairwise(kernels))
    straight = bool(pairs) and all(a[0] == b[1] for a, b in pairs)
    transposed = bool(pairs) and all(a[1] == b[0] for a, b in pairs)
    if transposed and not straight and len(last) == 4 and last[1] in _IMAGE_CHANNELS:
        reason = f"transposed convolutions from {kernels[0][0]} channels to {last[1]}"
        return frozenset({"generator"}), reason
    if straight and not transposed and _grows_from_numbers(weights, kernels):
        reason = f"a linear layer from {weights[0].shape[1]} numbers, then convolutions to {last[0]} channels"
        return frozenset({"generator"}), reason
    widths = [kernel[0] for kernel in kernels]
    inner = widths[:-1] if len(last) == 4 else widths
    grows = inner == sorted(inner)
    if straight and not transposed and last[0] == 1 and kernels[0][1] in _IMAGE_CHANNELS and grows:
        reason = (
            f"convolutions from {kernels[0][1]} channel{'s' * (kernels[0][1] > 1)} to one output"
        )
        return frozenset({"discriminator"}), reason
    return frozenset(), "convolutions that fit neither player's usual shape"


def _grows_from_numbers(weights: list[TensorInfo], kernels: list[tuple[int, ...]]) -> bool:
    """One linear layer, then convolutions that narrow down from many channels to a picture's."""
    first, *rest = weights
    channels = kernels[0][1]
    widths = [kernel[0] for kernel in kernels]
    return (
        len(first.shape) == 2
        and all(len(info.shape) == 4 for info in rest)
        and channels >= _FEWEST_FEATURES
        and first.shape[0] > first.shape[1]
        and first.shape[0] % channels == 0
        and widths == sorted(widths, reverse=True)
        and widths[-1] in _IMAGE_CHANNELS
    )


def _combine(named: _Evidence, shaped: _Evidence) -> Guess:
    reasons = (shaped[1], named[1])
    roles, fitting = named[0], shaped[0]
    if not roles and not fitting:
        return Guess(value=_UNKNOWN, confidence="none", reasons=reasons)
    if roles and fitting:
        agreed = roles & fitting
        if not agreed:
            return Guess(value=_UNKNOWN, confidence="none", reasons=reasons)
        return Guess(value=next(iter(agreed)), confidence="high", reasons=reasons)
    alone = roles or fitting
    if len(alone) > 1:
        return Guess(value=_UNKNOWN, confidence="none", reasons=reasons)
    return Guess(value=next(iter(alone)), confidence="medium", reasons=reasons)
