"""Is this a generator or a discriminator, and of which family? A guess, with its reasons.

Shapes and names are two witnesses. Both agreeing is `high`, one alone is `medium`, and where they
contradict each other, or where the shapes are those of a classifier, the answer is "unknown".
Standard library only.
"""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING

from gancheck.checkpoints.chain import is_floating, linear_chain
from gancheck.checkpoints.index import Guess
from gancheck.checkpoints.refusal import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gancheck.checkpoints.index import TensorInfo

__all__ = ["guess_family", "guess_role", "image_shapes"]

_GENERATOR = frozenset({"g", "gen", "generator", "netg"})
_DISCRIMINATOR = frozenset({"d", "dis", "disc", "discriminator", "netd", "crit", "critic"})
_OPTIMISER = frozenset({"exp_avg", "exp_avg_sq", "momentum_buffer", "square_avg"})
_OPTIMISER_WORDS = frozenset({"optim", "optimizer", "optimiser", "opt", "adam"})
_IMAGE_CHANNELS = frozenset({1, 2, 3, 4, 6})
_SMALLEST_SIDE, _LARGEST_SIDE = 8, 1024

_Evidence = tuple[str, str]  # role or "unknown" or "other", and why
_UNKNOWN = "unknown"
_OTHER = "other"  # the shapes speak for something that is neither player


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
    """Name the kind of network: mlp, convolutional or unknown."""
    weights = _weights(tensors)
    four = [info for info in weights if len(info.shape) == 4]
    if four:
        return Guess(
            value="convolutional",
            confidence="high",
            reasons=(f"{len(four)} weights have 4 dimensions",),
        )
    groups = _players(tensors) or {"": list(tensors)}
    chains = [linear_chain({info.key: info for info in group}) for group in groups.values()]
    if weights and all(not chain.broken for chain in chains):
        widths = "; ".join("-".join(map(str, chain.widths)) for chain in chains)
        return Guess(value="mlp", confidence="high", reasons=(f"2-D weights chain: {widths}",))
    reason = chains[0].broken if weights else "no weight of 2 or more dimensions"
    return Guess(value=_UNKNOWN, confidence="none", reasons=(reason,))


def guess_role(tensors: Sequence[TensorInfo], name: str) -> Guess:
    """Tell a generator from a discriminator, or say that neither is clear."""
    players = _players(tensors)
    if not players:
        return _combine(
            _by_name([name.rsplit(".", 1)[0], *_first_names(tensors)]), _by_shape(tensors)
        )
    guesses = {
        part: _combine(_by_name([part]), _by_shape(group)) for part, group in players.items()
    }
    reasons = tuple(
        f"{plain(part, limit=40)}: {guess.value} ({'; '.join(guess.reasons)})"
        for part, guess in guesses.items()
    )
    if {"generator", "discriminator"} <= {guess.value for guess in guesses.values()}:
        sure = all(
            guess.confidence == "high" for guess in guesses.values() if guess.value != _UNKNOWN
        )
        return Guess(value="both", confidence="high" if sure else "medium", reasons=reasons)
    return Guess(value=_UNKNOWN, confidence="none", reasons=("several parts", *reasons))


def _words(text: str) -> set[str]:
    return {word.lower().rstrip("0123456789") for word in re.split(r"[^A-Za-z0-9]+", text) if word}


def _named(text: str) -> str:
    words = _words(text)
    generator, discriminator = bool(words & _GENERATOR), bool(words & _DISCRIMINATOR)
    if generator == discriminator or words & _OPTIMISER_WORDS:
        return _UNKNOWN
    return "generator" if generator else "discriminator"


def _players(tensors: Sequence[TensorInfo]) -> dict[str, list[TensorInfo]]:
    """Tensors by their first name, where several stand side by side and one is named for a player."""
    parts: dict[str, list[TensorInfo]] = {}
    for info in tensors:
        parts.setdefault(info.key.split(".", 1)[0], []).append(info)
    if len(parts) < 2 or not any(_named(part) != _UNKNOWN for part in parts):
        return {}
    kept = {
        part: group
        for part, group in parts.items()
        if _weights(group) and not _words(part) & _OPTIMISER_WORDS
    }
    return kept if len(kept) > 1 else {}


def _first_names(tensors: Sequence[TensorInfo]) -> Iterable[str]:
    return sorted({info.key.split(".", 1)[0] for info in tensors})[:8]


def _weights(tensors: Sequence[TensorInfo]) -> list[TensorInfo]:
    return [
        info
        for info in tensors
        if len(info.shape) >= 2 and is_floating(info.dtype) and not _OPTIMISER & set(info.path)
    ]


def _by_name(texts: Iterable[str]) -> _Evidence:
    votes = {text: _named(text) for text in texts}
    roles = {role for role in votes.values() if role != _UNKNOWN}
    if len(roles) != 1:
        return _UNKNOWN, "no name says which" if not roles else "names say both"
    role = roles.pop()
    return (
        role,
        f"named {plain(next(text for text, vote in votes.items() if vote == role), limit=60)}",
    )


def _by_shape(tensors: Sequence[TensorInfo]) -> _Evidence:
    weights = _weights(tensors)
    if not weights:
        return _UNKNOWN, "no weight of 2 or more dimensions"
    if any(len(info.shape) == 4 for info in weights):
        return _by_convolutions(weights)
    chain = linear_chain({info.key: info for info in tensors})
    if chain.broken:
        return _UNKNOWN, f"no chain of linear layers: {chain.broken}"
    first, last = chain.widths[0], chain.widths[-1]
    if last == 1 and first > 1:
        return "discriminator", f"linear layers from {first} numbers to one"
    if first < last and image_shapes(last):
        return "generator", f"linear layers from {first} numbers to a picture of {last}"
    if first > last:
        return _OTHER, f"linear layers from {first} numbers to {last}, as a classifier has"
    return _UNKNOWN, f"linear layers from {first} numbers to {last}"


def _by_convolutions(weights: list[TensorInfo]) -> _Evidence:
    last = weights[-1].shape
    if len(last) == 2 and last[0] > 1:
        return (
            _OTHER,
            f"convolutions, then a linear layer with {last[0]} outputs, as a classifier has",
        )
    kernels = [info.shape for info in weights if len(info.shape) == 4]
    pairs = list(pairwise(kernels))
    straight = bool(pairs) and all(a[0] == b[1] for a, b in pairs)
    transposed = bool(pairs) and all(a[1] == b[0] for a, b in pairs)
    if transposed and not straight and len(last) == 4 and last[1] in _IMAGE_CHANNELS:
        return "generator", f"transposed convolutions from {kernels[0][0]} channels to {last[1]}"
    widths = [kernel[0] for kernel in kernels]
    inner = widths[:-1] if len(last) == 4 else widths
    grows = inner == sorted(inner)
    if straight and not transposed and last[0] == 1 and kernels[0][1] in _IMAGE_CHANNELS and grows:
        return (
            "discriminator",
            f"convolutions from {kernels[0][1]} channel{'s' * (kernels[0][1] > 1)} to one output",
        )
    return _UNKNOWN, "convolutions that fit neither player's usual shape"


def _combine(named: _Evidence, shaped: _Evidence) -> Guess:
    reasons = tuple(reason for _, reason in (shaped, named))
    if shaped[0] == _OTHER or {named[0], shaped[0]} == {"generator", "discriminator"}:
        return Guess(value=_UNKNOWN, confidence="none", reasons=reasons)
    if named[0] == shaped[0]:
        confidence = "none" if named[0] == _UNKNOWN else "high"
        return Guess(value=named[0], confidence=confidence, reasons=reasons)
    role = shaped[0] if named[0] == _UNKNOWN else named[0]
    return Guess(value=role, confidence="medium", reasons=reasons)
