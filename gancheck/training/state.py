"""What must be kept so that a run can go on as if it had never stopped?

Both networks, both optimisers' moments, the running mean of the generator where one is kept, what
an update remembers of its last step, and the state of every random stream: `State` holds them,
turns them into named tensors and takes them back. The names are `G.`, `D.` and `ema.` with the
networks' own names after them, `opt_g.PARAMETER.exp_avg` and the like, `memory.` and `rng.`.

A run has three streams, made from its seed by numpy's `SeedSequence` so that none of them is the
plain stream `torch.Generator().manual_seed(seed)`: an evaluation batch drawn with a small seed must
not repeat numbers that the training has seen.
"""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor
    from torch.optim import Optimizer

    from gancheck.games.recipe import Build, Recipe

__all__ = ["State", "streams"]

_KINDS = {"G", "D", "ema", "opt_g", "opt_d", "memory", "rng"}


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
        ema: the generator with the running mean of its parameters, or None.
        memory: what an update remembers of its last step, by the name of the parameter.
    """

    generator: nn.Module
    discriminator: nn.Module
    optimizers: tuple[Optimizer, Optimizer]
    rng: torch.Generator
    ema: nn.Module | None = None
    memory: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def fresh(cls, recipe: Recipe, *, seed: int, device: torch.device) -> State:
        """Networks as they are before the first step.

        Raises:
            ValueError: a negative seed, or a network that cannot be built.
        """
        seeds = streams(seed)
        weights = torch.Generator().manual_seed(seeds["weights"])
        generator = _built("generator", recipe.generator, weights).to(device)
        discriminator = _built("discriminator", recipe.discriminator, weights).to(device)
        return cls(
            generator=generator,
            discriminator=discriminator,
            optimizers=(
                recipe.generator_optimiser.over(generator.parameters()),
                recipe.discriminator_optimiser.over(discriminator.parameters()),
            ),
            rng=torch.Generator().manual_seed(seeds["draws"]),
            ema=None
            if recipe.ema is None
            else copy.deepcopy(generator).requires_grad_(requires_grad=False),
        )

    def average(self, decay: float) -> None:
        """Move the running mean towards the generator: mean <- decay mean + (1 - decay) now.

        Buffers, such as running statistics, are taken over as they are.
        """
        if self.ema is None:
            return
        with torch.no_grad():
            for mean, now in zip(self.ema.parameters(), self.generator.parameters(), strict=True):
                mean.lerp_(now, 1.0 - decay)
            for mean, now in zip(self.ema.buffers(), self.generator.buffers(), strict=True):
                mean.copy_(now)

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
                    if isinstance(value, torch.Tensor):  # SGD without momentum keeps a None
                        out[f"opt_{letter}.{name}.{key}"] = value
        if self.ema is not None:
            out.update((f"ema.{name}", tensor) for name, tensor in self.ema.state_dict().items())
        out.update((f"memory.{name}", tensor) for name, tensor in self.memory.items())
        return out

    def restore(self, tensors: Mapping[str, Tensor], *, random: bool = True) -> None:
        """Take back what `tensors` gave.

        Args:
            tensors: of a checkpoint.
            random: also set the random streams, the global one among them.

        Raises:
            ValueError: a tensor is missing, superfluous, or of another shape.
        """
        unknown = sorted(k for k in tensors if k.partition(".")[0] not in _KINDS)
        if unknown:
            raise ValueError(f"tensors that no run has: {', '.join(unknown[:3])}")
        for letter, module, optimizer in self._players():
            _load(module, _below(tensors, f"{letter.upper()}."))
            for name, parameter in module.named_parameters():
                kept = _below(tensors, f"opt_{letter}.{name}.")
                if kept:
                    optimizer.state[parameter] = _moments(kept, _kept_by(optimizer, parameter))
        if self.ema is not None:
            _load(self.ema, _below(tensors, "ema."))
        device = next(self.generator.parameters()).device
        self.memory.update((k, v.to(device)) for k, v in _below(tensors, "memory.").items())
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

    def _players(self) -> tuple[tuple[str, nn.Module, Optimizer], ...]:
        of_g, of_d = self.optimizers
        return ("g", self.generator, of_g), ("d", self.discriminator, of_d)


def _built(name: str, build: Build, weights: torch.Generator) -> nn.Module:
    try:
        made: Any = build(weights)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    if not isinstance(made, nn.Module):
        raise ValueError(f"{name} must build a torch.nn.Module, got {type(made).__name__}")
    return made


def _load(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    try:
        module.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        raise ValueError(" ".join(str(error).split())) from error


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _kept_by(optimizer: Optimizer, parameter: Tensor) -> dict[str, Tensor]:
    """What an optimiser keeps of a parameter, found by letting its like move one of that shape.

    The shape matters: Adafactor keeps sums of a matrix's rows and columns, of a vector every number.
    So does the device: most keep counters on the CPU, some beside the parameter.
    """
    probe = torch.zeros_like(parameter, requires_grad=True)
    kind: Any = type(optimizer)
    taken = inspect.signature(kind).parameters
    like: Optimizer = kind([probe], **{k: v for k, v in optimizer.defaults.items() if k in taken})
    probe.grad = torch.ones_like(probe)
    like.step()
    return {k: v for k, v in like.state[probe].items() if isinstance(v, torch.Tensor)}


def _moments(kept: dict[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Any]:
    """An optimiser's own state of one parameter, each number where the optimiser keeps it."""
    if sorted(kept) != sorted(expected):
        raise ValueError(
            f"an optimiser's state must be {', '.join(sorted(expected))}, got {sorted(kept)}"
        )
    moved: dict[str, Any] = {}
    for name, like in expected.items():
        value = kept[name]
        if value.shape != like.shape:
            raise ValueError(
                f"an optimiser's {name} must have shape {list(like.shape)}, got {list(value.shape)}"
            )
        moved[name] = value.to(device=like.device)
    return moved
