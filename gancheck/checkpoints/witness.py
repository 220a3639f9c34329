"""Does the built network agree with what its training left in the file?

Batch norm keeps running means and variances of what arrived at it. A network that was built with
the right order, strides, activations, epsilons and latent law sends the same statistics there; one
with a wrong activation or a wrong epsilon does not. Each norm's gap is the distance of its channels'
means in stored standard deviations, and of their variances as a logarithm of the ratio, the greater
of the two, at the median channel. A discriminator sees real and generated samples in turn and keeps
an average of both: its gap is the distance from the nearest such average.

What stands after the last norm, and networks without running statistics, have no witness; neither
have norms that saw fewer than a hundred batches, whose averages still hold what they began with.
With both players trained as usual (Adam, steps 2e-4 to 2e-3, up to 1,200 batches of 32 digits) the
right network's gaps stayed below 0.2. ReLU for LeakyReLU(0.2) gave 0.1 to 0.6 in so young networks
and 0.6 to 2 in published ones, a uniform latent for a normal one 1.1, a wrong stride or epsilon 0.6
to 6: a contradiction is sure, agreement is only what was not contradicted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DISAGREES", "Witness", "norm_gaps", "witness"]

DISAGREES = 0.5  # half a stored standard deviation, or a factor 1.65 in the variance
_DOUBTFUL = 0.25  # the right network stayed below 0.2
_SETTLED = 100  # batches: what the averages began with is then below 3e-5 of them
_Norm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d
_TRACKING = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_WEIGHTS = 11  # of the averages of real and generated samples that are tried


@dataclass(frozen=True, slots=True)
class Witness:
    """The gap at each norm with running statistics, in the order of the forward pass.

    Attributes:
        gaps: median over channels; empty where no norm can say anything.
        untouched: whether all statistics are those of a fresh network, which witness nothing.
    """

    gaps: tuple[float, ...]
    untouched: bool = False

    @property
    def worst(self) -> float:
        """The greatest gap; 0 without any."""
        return max(self.gaps, default=0.0)

    @property
    def contradicts(self) -> bool:
        """Whether the network sends surely other statistics than it was trained with."""
        return self.worst > DISAGREES

    def sentence(self, player: str) -> str:
        """What the witness says of one player."""
        if self.untouched:
            return f"the {player}'s running statistics are too young to witness its forward pass"
        if not self.gaps:
            return f"the {player} has no running statistics that would witness its forward pass"
        place = self.gaps.index(self.worst) + 1
        doubt = (
            "; the right network rarely shows so much, so look at the manifest again"
            if _DOUBTFUL < self.worst <= DISAGREES
            else ""
        )
        return (
            f"what arrives at the {player}'s {len(self.gaps)} batch norms differs from the running "
            f"statistics in its file by at most {self.worst:.2g} at the median channel (norm {place}; "
            f"in standard deviations of the mean, or as a logarithm of the variance's ratio){doubt}"
        )


def witness(module: nn.Module, *samples: Tensor) -> Witness:
    """Compare what arrives at each norm with what its file says arrived in training.

    Cost: one pass of each batch.

    Args:
        module: in evaluation mode.
        samples: one batch [n, ...], or two (real, generated) of which training saw an average.
    """
    norms = [m for m in module.modules() if isinstance(m, _TRACKING) and m.running_mean is not None]
    if norms and all(_fresh(m) for m in norms):
        return Witness((), untouched=True)
    seen = [_arriving(module, norms, batch) for batch in samples]
    gaps: list[float] = []
    for place, norm in enumerate(norms):
        if norm.running_mean is None or norm.running_var is None or _fresh(norm):
            continue
        stored = (norm.running_mean.double(), norm.running_var.double())
        gaps.append(norm_gaps(stored, [batch[place] for batch in seen]))
    return Witness(tuple(gaps))


def norm_gaps(stored: tuple[Tensor, Tensor], seen: Sequence[tuple[Tensor, Tensor]]) -> float:
    """The median channel's distance of stored means and variances from the nearest average.

    Args:
        stored: running mean and variance [channels].
        seen: means and variances of one batch, or of two.
    """
    mean, variance = stored
    smallest = math.inf
    for weight in torch.linspace(0.0, 1.0, _WEIGHTS).tolist() if len(seen) > 1 else [0.0]:
        here_mean = torch.lerp(seen[0][0], seen[-1][0], weight)
        here_variance = torch.lerp(seen[0][1], seen[-1][1], weight)
        shift = (here_mean - mean).abs() / variance.clamp_min(1e-12).sqrt()
        ratio = (here_variance.clamp_min(1e-12) / variance.clamp_min(1e-12)).log().abs()
        smallest = min(smallest, float(torch.maximum(shift, ratio).median()))
    return smallest


def _fresh(norm: _Norm) -> bool:
    """Whether its statistics are those it was made with, or too young to tell."""
    if norm.running_mean is None or norm.running_var is None:
        return True
    counted = norm.num_batches_tracked
    # torch before 0.4 saved no counter; it is zero then, and the statistics speak for themselves.
    if counted is not None and 0 < int(counted) < _SETTLED:
        return True
    return not bool(norm.running_mean.any()) and bool((norm.running_var == 1).all())


def _arriving(
    module: nn.Module, norms: Sequence[nn.Module], batch: Tensor
) -> list[tuple[Tensor, Tensor]]:
    """Mean and unbiased variance over samples and pixels of what arrives at each norm."""
    found: dict[int, tuple[Tensor, Tensor]] = {}

    def remember(norm: nn.Module, given: tuple[Tensor, ...]) -> None:
        x = given[0].double().transpose(0, 1).flatten(1)
        found[id(norm)] = (x.mean(1), x.var(1))

    hooks = [norm.register_forward_pre_hook(remember) for norm in norms]
    try:
        with torch.no_grad():
            module(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return [found[id(norm)] for norm in norms]
