"""What did a player's Adam know after its last step, and which step would it make next?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gancheck.games.recipe import Optimiser

__all__ = ["AdamState", "adam_state"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdamState:
    """What one player's optimiser knew after its last step, as flat vectors.

    Attributes:
        settings: kind, step size, betas and eps.
        steps: how many each coordinate has made [n].
        exp_avg: running mean of the gradient [n].
        exp_avg_sq: running mean of its square [n].
    """

    settings: Optimiser
    steps: Tensor
    exp_avg: Tensor
    exp_avg_sq: Tensor

    @property
    def scale(self) -> Tensor:
        """Step of each coordinate [n]: lr / (sqrt(exp_avg_sq / (1 - beta2^steps)) + eps).

        Adam moves a coordinate by minus this times its bias-corrected mean gradient. A coordinate
        that has made no step yet has a second moment of zero, and so the scale lr / eps.
        """
        _, decay = self.settings.options.get("betas", (0.9, 0.999))
        eps = self.settings.options.get("eps", 1e-8)
        correction = 1.0 - decay ** self.steps.double()
        second = self.exp_avg_sq.double() / correction.clamp_min(torch.finfo(torch.float64).tiny)
        return (self.settings.lr / (second.sqrt() + eps)).to(self.exp_avg_sq.dtype)


def adam_state(
    module: nn.Module, optimizer: torch.optim.Optimizer, settings: Optimiser
) -> AdamState | None:
    """Flat vectors in the order of `named_parameters()`; zeros where a parameter never moved."""
    if not optimizer.state or settings.kind != "adam" or settings.options.get("amsgrad"):
        return None
    steps: list[Tensor] = []
    moments: dict[str, list[Tensor]] = {"exp_avg": [], "exp_avg_sq": []}
    for parameter in module.parameters():
        own = optimizer.state.get(parameter, {})
        made = float(own["step"]) if own else 0.0
        steps.append(torch.full((parameter.numel(),), made, device=parameter.device))
        for key, parts in moments.items():
            moment = own[key] if own else torch.zeros_like(parameter)
            parts.append(moment.detach().reshape(-1))
    return AdamState(
        settings=settings,
        steps=torch.cat(steps),
        exp_avg=torch.cat(moments["exp_avg"]),
        exp_avg_sq=torch.cat(moments["exp_avg_sq"]),
    )
