"""What must be kept so that a run can go on as if it had never stopped?

Both networks, both optimisers' moments, and the state of every random stream: `State` holds them,
turns them into named tensors and takes them back. The names are `G.` and `D.` with the networks'
own names after them, `opt_g.PARAMETER.exp_avg` and the like, and `rng.`.

A run has three streams, made from its seed by numpy's `SeedSequence` so that none of them is the
plain stream `torch.Generator().manual_seed(seed)`: an evaluation batch drawn with a small seed must
not repeat numbers that the training has seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from gancheck.games.zoo import Adam, Recipe

__all__ = ["State", "streams"]

_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def streams(seed: int) -> dict[str, int]:
    """Seeds of the initial weights, of latents and data, and of torch's global generator.

    Raises:
        ValueError: a negative seed.
    """
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    words = np.random.SeedSequence(seed).generate_state(3)
    return dict(zip(("weights", "draws", "global"), map(int, words), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything that changes while a game is trained.

    Attributes:
        generator: the first network.
        discriminator: the second.
        optimizers: of the generator and of the discriminator.
        rng: stream of latents, data and penalties, on the CPU.
    """

    generator: nn.Module
    discriminator: nn.Module
    optimizers: tuple[torch.optim.Adam, torch.optim.Adam]
    rng: torch.Generator

    @classmethod
    def fresh(cls, recipe: Recipe, *, seed: int, device: torch.device) -> State:
        """Networks as they are before the first step.

        Raises:
            ValueError: a negative seed.
        """
        seeds = streams(seed)
        weights = torch.Generator().manual_seed(seeds["weights"])
        generator = recipe.generator(weights).to(device)
        discriminator = recipe.discriminator(weights).to(device)
        return cls(
            generator=generator,
            discriminator=discriminator,
            optimizers=(
                _adam(generator, recipe.generator_adam),
                _adam(discriminator, recipe.discriminator_adam),
            ),
            rng=torch.Generator().manual_seed(seeds["draws"]),
        )

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name; nothing is copied."""
        out: dict[str, Tensor] = {
            "rng.draws": self.rng.get_state(),
            "rng.global": torch.get_rng_state(),
        }
        device = next(self.generator.parameters()).device
        if device.type == "cuda":
            out["rng.cuda"] = torch.cuda.get_rng_state(device)
        for letter, module, optimizer in self._players():
            for name, tensor in module.state_dict().items():
                out[f"{letter.upper()}.{name}"] = tensor
            for name, parameter in module.named_parameters():
                for key, value in optimizer.state.get(parameter, {}).items():
                    out[f"opt_{letter}.{name}.{key}"] = value
        return out

    def restore(self, tensors: Mapping[str, Tensor], *, random: bool = True) -> None:
        """Take back what `tensors` gave.

        Args:
            tensors: of a checkpoint.
            random: also set the random streams, the global one among them.

        Raises:
            ValueError: a tensor is missing, superfluous, or of another shape.
        """
        missing = {f"opt_{a}" for a in "gd"} | {"rng", "G", "D"}
        unknown = sorted(k for k in tensors if k.partition(".")[0] not in missing)
        if unknown:
            raise ValueError(f"tensors that no run has: {', '.join(unknown[:3])}")
        for letter, module, optimizer in self._players():
            try:
                module.load_state_dict(_below(tensors, f"{letter.upper()}."), strict=True)
            except RuntimeError as error:
                raise ValueError(" ".join(str(error).split())) from error
            for name, parameter in module.named_parameters():
                kept = _below(tensors, f"opt_{letter}.{name}.")
                if kept:
                    optimizer.state[parameter] = _moments(kept, parameter)
        if random:
            self._restore_streams(tensors)

    def _restore_streams(self, tensors: Mapping[str, Tensor]) -> None:
        for name in ("rng.draws", "rng.global"):
            if name not in tensors:
                raise ValueError(f"tensor {name} is missing")
        self.rng.set_state(tensors["rng.draws"])
        torch.set_rng_state(tensors["rng.global"])
        device = next(self.generator.parameters()).device
        if device.type == "cuda" and "rng.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["rng.cuda"], device)

    def _players(self) -> tuple[tuple[str, nn.Module, torch.optim.Adam], ...]:
        of_g, of_d = self.optimizers
        return ("g", self.generator, of_g), ("d", self.discriminator, of_d)


def _adam(module: nn.Module, settings: Adam) -> torch.optim.Adam:
    return torch.optim.Adam(
        module.parameters(), lr=settings.lr, betas=settings.betas, eps=settings.eps
    )


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _moments(kept: dict[str, Tensor], parameter: Tensor) -> dict[str, Any]:
    """Adam's own state of one parameter; its step counter stays on the CPU, as Adam keeps it."""
    if sorted(kept) != sorted(_MOMENTS):
        raise ValueError(f"an optimiser's state must be {', '.join(_MOMENTS)}, got {sorted(kept)}")
    if any(kept[k].shape != parameter.shape for k in ("exp_avg", "exp_avg_sq")):
        raise ValueError(f"an optimiser's moment must have shape {list(parameter.shape)}")
    moved = {k: kept[k].to(device=parameter.device) for k in ("exp_avg", "exp_avg_sq")}
    return {"step": kept["step"], **moved}
