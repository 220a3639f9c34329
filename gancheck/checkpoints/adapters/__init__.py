"""Which network has weights of these shapes? One module an architecture.

An adapter matches shapes only (`match`); what it proposes is spelled in the words of
`gancheck.checkpoints.layer_words`, and `gancheck.checkpoints.blueprint` builds it by a strict load.
Importing this package imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gancheck.checkpoints.index import TensorInfo
    from gancheck.checkpoints.parts import Part

__all__ = ["ADAPTERS", "LAYERED", "Adapter", "Match", "Player", "adapter", "matching"]

Player = Literal["generator", "discriminator"]
LAYERED = ("mlp", "dcgan", "sngan")  # built from layer words
ADAPTERS = (*LAYERED, "stylegan2", "onnx", "factory")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Whether an adapter fits.

    Attributes:
        score: 1 where every tensor of real numbers finds its place, else 0.
        reasons: what speaks for it, or the first thing that speaks against it.
        hypotheses: what the shapes cannot show and the build takes for granted.
        unconsumed: keys that no layer takes.
        proposals: networks with just these weights, in layer words; empty where player and shape
            were not said or the adapter does not build.
        order: parts in the order of the forward pass, the same for every proposal.
        sample: shape of one sample, channels first, where names and shapes alone tell it.
        latent: numbers of a latent, the same; 0 where they do not tell.
    """

    score: float
    reasons: tuple[str, ...]
    hypotheses: tuple[str, ...] = ()
    unconsumed: tuple[str, ...] = ()
    proposals: tuple[tuple[str, ...], ...] = ()
    order: tuple[Part, ...] = ()
    sample: tuple[int, ...] = ()
    latent: int = 0


class Adapter(Protocol):
    """What each module of this package offers."""

    def match(
        self,
        tensors: Mapping[str, TensorInfo],
        *,
        player: Player | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> Match:
        """Say whether named tensors fit; with a player and a sample's shape also propose layers."""
        ...


def adapter(name: str) -> Adapter:
    """The adapter of that name, of those that match shapes.

    Raises:
        ValueError: another name.
    """
    if name not in (*LAYERED, "stylegan2"):
        raise ValueError(f"adapter must be one of {', '.join(LAYERED)}, stylegan2, got {name!r}")
    return cast("Adapter", import_module(f"{__name__}.{name}"))


def matching(
    tensors: Mapping[str, TensorInfo],
    *,
    player: Player | None = None,
    shape: tuple[int, ...] | None = None,
) -> dict[str, Match]:
    """Every adapter whose shapes fit, by name."""
    found = {
        name: adapter(name).match(tensors, player=player, shape=shape)
        for name in (*LAYERED, "stylegan2")
    }
    return {name: match for name, match in found.items() if match.score}
