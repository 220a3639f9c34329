"""Are the weights of a size that a network can compute with?

The root mean square of each matrix and kernel over the one it has when torch draws it by default,
1 / sqrt(3 f) with f inputs: trained GANs stand between 1 and some 40 times it, and code that
rescales its weights while running (equalised learning rates) stands evenly higher, so that a layer
is held against the median of its player; three layers of one large scale are a design. Beside them the ranges of the running variances.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancheck.diagnosis import Measurement, NotApplicable, Place
from gancheck.measures.weights import exact, layers, players_with_tensors, trained_tensors

if TYPE_CHECKING:
    from gancheck.diagnosis import Plan
    from gancheck.measures.weights import PlayerWeights, Weights

__all__ = ["LayerScale", "WeightScale", "weight_scale"]


_ALIKE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerScale:
    """The size of one matrix or kernel.

    Attributes:
        player: its player's name.
        place: where it lies.
        ratio: root mean square over that of torch's default draw; infinite where it is not finite.
        median: the lower median of the ratios of its player, this layer among them.
        alike: layers of the player, with this one, whose ratio is within a fifth of its own.
    """

    player: str
    place: Place
    ratio: float
    median: float
    alike: int


@dataclass(frozen=True, kw_only=True)
class WeightScale(Measurement):
    """Every layer's size.

    Attributes:
        layers: in the order of the files.
        variances: (place, smallest, largest) of each tensor of running variances.
    """

    layers: tuple[LayerScale, ...]
    variances: tuple[tuple[Place, float, float], ...]


def weight_scale(weights: Weights, plan: Plan | None = None) -> WeightScale:  # noqa: ARG001
    """Compare every layer with torch's default draw of it, and with its neighbours.

    Args:
        weights: of every player.
        plan: not used; every number is looked at.

    Raises:
        NotApplicable: no matrix or kernel and no running variance.
    """
    sizes = tuple(s for player in players_with_tensors(weights) for s in _sizes(player))
    variances = tuple(v for player in weights.players for v in _variances(player))
    if not sizes and not variances:
        raise NotApplicable("the files hold no matrix, kernel or running variance")
    found = {}
    if sizes:
        found["largest_scale"] = exact(max(s.ratio for s in sizes))
        found["smallest_scale"] = exact(min(s.ratio for s in sizes))
        found["median_scale"] = exact(statistics.median(s.ratio for s in sizes))
    if variances:
        found["smallest_running_variance"] = exact(min(low for _, low, _ in variances))
        found["largest_running_variance"] = exact(max(high for *_, high in variances))
    return WeightScale(
        quantities=found,
        rows=[
            {"player": s.player, "file": s.place.file, "tensor": s.place.tensor, "scale": s.ratio}
            for s in sizes
        ],
        layers=sizes,
        variances=variances,
    )


def _sizes(player: PlayerWeights) -> list[LayerScale]:
    ratios: dict[str, float] = {}
    for name, tensor in trained_tensors(player).items():
        if tensor.dim() < 2:
            continue
        size = float(tensor.double().square().mean().sqrt())
        drawn = 1.0 / math.sqrt(3.0 * math.prod(tensor.shape[1:]))
        ratios[name] = size / drawn if math.isfinite(size) else math.inf
    if not ratios:
        return []
    middle = statistics.median_low(ratios.values())
    return [
        LayerScale(
            player=player.name,
            place=player.place(name),
            ratio=ratio,
            median=middle,
            alike=sum(abs(other - ratio) <= _ALIKE * ratio for other in ratios.values())
            if math.isfinite(ratio)
            else 1,
        )
        for name, ratio in ratios.items()
    ]


def _variances(player: PlayerWeights) -> list[tuple[Place, float, float]]:
    return [
        (
            player.place(layer.names["running_var"]),
            float(layer.tensors["running_var"].min()),
            float(layer.tensors["running_var"].max()),
        )
        for layer in layers(player)
        if "running_var" in layer.tensors and layer.tensors["running_var"].numel()
    ]
