"""Do the channels of the normalisation layers carry anything?

A channel whose factor gamma is almost zero passes its offset and nothing of its input. And a batch
norm whose running mean is 0, running variance 1 and counter 0 never saw a batch in training mode:
in evaluation mode it does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancheck.diagnosis import Measurement, NotApplicable, Place
from gancheck.measures.weights import exact, layers, players_with_tensors

if TYPE_CHECKING:
    from gancheck.diagnosis import Plan
    from gancheck.measures.weights import Layer, Weights

__all__ = ["DEAD", "ChannelLayer", "Channels", "normalisation_channels"]

DEAD = 1e-3
"""|gamma| below which a channel passes less than a thousandth of what a fresh one does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLayer:
    """One normalisation layer.

    Attributes:
        player: its player's name.
        place: where its factors lie, or its running variance where it has none.
        channels: how many.
        dead: how many have a factor below the limit.
        fresh: whether its running statistics are those it was made with; None without any.
    """

    player: str
    place: Place
    channels: int
    dead: int
    fresh: bool | None

    @property
    def share(self) -> float:
        """Dead channels of all."""
        return self.dead / self.channels


@dataclass(frozen=True, kw_only=True)
class Channels(Measurement):
    """Every normalisation layer with factors or running statistics."""

    layers: tuple[ChannelLayer, ...]


def normalisation_channels(
    weights: Weights, plan: Plan | None = None, *, dead: float = DEAD
) -> Channels:
    """Count dead channels and fresh statistics.

    Args:
        weights: of every player.
        plan: not used; every channel is looked at.
        dead: absolute factor below which a channel is dead.

    Raises:
        NotApplicable: no normalisation layer is recognised.
    """
    del plan
    found = tuple(
        ChannelLayer(
            player=player.name,
            place=player.place(layer.names["weight" if _has_factors(layer) else "running_var"]),
            channels=int(layer.tensors["weight" if _has_factors(layer) else "running_var"].numel()),
            dead=_dead(layer, dead) if _has_factors(layer) else 0,
            fresh=_fresh(layer) if layer.is_batch_norm else None,
        )
        for player in players_with_tensors(weights)
        for layer in layers(player)
        if (_has_factors(layer) or layer.is_batch_norm)
    )
    found = tuple(layer for layer in found if layer.channels)
    if not found:
        raise NotApplicable("the files hold no normalisation layer")
    channels = sum(layer.channels for layer in found)
    return Channels(
        quantities={
            "normalisation_layers": exact(len(found), "layers"),
            "dead_share": exact(sum(layer.dead for layer in found) / channels, "share"),
            "largest_dead_share": exact(max(layer.share for layer in found), "share"),
            "fresh_layers": exact(sum(layer.fresh is True for layer in found), "layers"),
        },
        rows=[
            {"player": x.player, "file": x.place.file, "tensor": x.place.tensor,
             "channels": x.channels, "dead": x.dead, "fresh": x.fresh}
            for x in found
        ],
        layers=found,
    )  # fmt: skip


def _has_factors(layer: Layer) -> bool:
    """Whether `weight` are factors of channels: one axis, with an offset or statistics beside it.

    A PReLU's slopes have neither, and may be small.
    """
    weight = layer.tensors.get("weight")
    beside = "bias" in layer.tensors or layer.is_batch_norm
    return weight is not None and weight.dim() == 1 and weight.is_floating_point() and beside


def _dead(layer: Layer, limit: float) -> int:
    return int((layer.tensors["weight"].float().abs() < limit).sum())


def _fresh(layer: Layer) -> bool:
    counter = layer.tensors.get("num_batches_tracked")
    unmoved = bool((layer.tensors["running_mean"] == 0).all()) and bool(
        (layer.tensors["running_var"] == 1).all()
    )
    return unmoved and (counter is None or not bool(counter.any()))
