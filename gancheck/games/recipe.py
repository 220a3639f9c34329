"""What decides a training run, except its seed?

A `Recipe`: data, latent, networks, losses with what is added to them, updates and their optimisers.
Its parts may be any callables, as a user's own script has them. Where they are the declared ones
(`games.architectures`, `games.sources`) the recipe can be written down and read back: `written`
gives what stands in a run's configuration, and `gancheck.recipe_file` reads it.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import torch

from gancheck.games.losses import resolve
from gancheck.games.regularisation import Regularisation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor, nn

    from gancheck.games.data import Sampler
    from gancheck.games.latents import Latent
    from gancheck.games.losses import Loss

__all__ = ["OPTIMISERS", "SCHEMA", "Build", "Optimiser", "Recipe", "UpdateName", "adam"]

SCHEMA = 1
"""Of a written recipe; a higher one is a newer version's."""

Build = Callable[[torch.Generator], "nn.Module"]
"""(CPU generator of the initial weights) -> module."""

UpdateName = Literal[
    "alternating", "simultaneous", "extragradient", "optimistic", "consensus", "symplectic"
]

# LBFGS needs a closure, SparseAdam sparse gradients, Muon matrices; Optimizer is the base
_UNFIT = {"LBFGS", "SparseAdam", "Muon", "Optimizer"}

OPTIMISERS: Mapping[str, type[torch.optim.Optimizer]] = MappingProxyType(
    {
        name.lower(): kind
        for name, kind in sorted(vars(torch.optim).items(), key=lambda item: item[0].lower())
        if inspect.isclass(kind) and issubclass(kind, torch.optim.Optimizer) and name not in _UNFIT
    }
)
"""Every optimiser of torch that takes a plain step, by its name in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimiser:
    """One player's optimiser.

    Attributes:
        kind: of `OPTIMISERS`: adam, sgd, rmsprop and others.
        lr: step size.
        options: what else torch's class takes, such as `betas` or `momentum`.

    Raises:
        ValueError: an unknown kind or option, or a value that torch refuses.

    Example:
        >>> Optimiser(kind="sgd", lr=0.1, options={"momentum": 0.9}).options["momentum"]
        0.9
    """

    kind: str = "adam"
    lr: float = 1e-3
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in OPTIMISERS:
            raise ValueError(f"kind must be one of {', '.join(OPTIMISERS)}, got {self.kind!r}")
        known = list(inspect.signature(OPTIMISERS[self.kind]).parameters)[2:]
        for name in self.options:
            if name not in known:
                raise ValueError(
                    f"{name!r} is no option of {self.kind}; it takes {', '.join(known)}"
                )
        if not math.isfinite(self.lr):
            raise ValueError(f"lr must be finite, got {self.lr}")
        self._try()

    def _try(self) -> None:
        """A step of one number; some options are refused no sooner."""
        probe = torch.zeros(1, requires_grad=True)
        optimizer = self.over([probe])
        probe.grad = torch.ones(1)
        try:
            optimizer.step()
        except Exception as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ValueError(
                f"{self.kind} makes no step with {dict(self.options)}: {reason}"
            ) from error

    def over(self, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        """The optimiser of torch over these parameters.

        Raises:
            ValueError: a value out of its range.
        """
        options: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in self.options.items()
        }
        try:
            make: Any = OPTIMISERS[self.kind]
            return make(parameters, lr=self.lr, **options)
        except (ValueError, TypeError, LookupError, RuntimeError) as error:
            raise ValueError(f"{self.kind} refuses lr={self.lr!r}, {options}: {error}") from error


def adam(
    lr: float = 1e-3, *, betas: tuple[float, float] = (0.5, 0.999), eps: float = 1e-8
) -> Optimiser:
    """Adam with the first moment's memory of two steps that GANs are trained with.

    Example:
        >>> adam(2e-3).options["betas"]
        (0.5, 0.999)
    """
    return Optimiser(kind="adam", lr=lr, options={"betas": tuple(betas), "eps": eps})


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A game and how it is trained.

    Attributes:
        name: as on the command line.
        description: what it shows, in a sentence or two.
        data: makes the sampler; called when the run starts, so that a missing package is missed
            only where it is needed.
        latent: law of the generator's input.
        generator: (CPU generator of the initial weights) -> module.
        discriminator: the same; returns a score.
        loss: name of the losses.
        regularisation: what is added to them.
        updates: of `gancheck.training.updates`.
        strength: of the second-order term of `consensus` and `symplectic`.
        critic_steps: moves of the discriminator for one of the generator, when they alternate.
        clip: bound that the discriminator's parameters are cut to after each move; None for none.
        ema: decay of the running mean of the generator's parameters; None keeps none.
        steps: updates of each player.
        batch_size: real and generated samples of one update.
        generator_optimiser: of the generator.
        discriminator_optimiser: of the discriminator; another `lr` makes two time scales.
        seed: where none is asked for.
        checkpoint_every: steps between checkpoints.

    Raises:
        ValueError: a number out of its range, or terms that do not go together.
    """

    name: str
    description: str
    data: Callable[[], Sampler]
    latent: Latent
    generator: Build
    discriminator: Build
    loss: str = "non-saturating"
    regularisation: Regularisation = field(default_factory=Regularisation)
    updates: UpdateName = "alternating"
    strength: float = 1.0
    critic_steps: int = 1
    clip: float | None = None
    ema: float | None = None
    steps: int
    batch_size: int = 256
    generator_optimiser: Optimiser = field(default_factory=adam)
    discriminator_optimiser: Optimiser = field(default_factory=adam)
    seed: int = 0
    checkpoint_every: int = 1000

    def __post_init__(self) -> None:
        for name in ("critic_steps", "steps", "batch_size", "checkpoint_every"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number from 1 up, got {value!r}")
        if not math.isfinite(self.strength):
            raise ValueError(f"strength must be finite, got {self.strength}")
        if self.clip is not None and not self.clip > 0.0:
            raise ValueError(f"clip must be positive, got {self.clip}")
        if self.ema is not None and not 0.0 <= self.ema < 1.0:
            raise ValueError(f"ema must be in [0, 1), got {self.ema}")
        if self.critic_steps > 1 and self.updates != "alternating":
            raise ValueError(
                f"critic_steps = {self.critic_steps} belongs to alternating updates, and updates "
                f"is {self.updates!r}"
            )

    def losses(self) -> Loss:
        """The pair of losses with what is added to it.

        Raises:
            ValueError: no such loss, or a term that does not belong to it.
        """
        return self.regularisation.applied_to(resolve(self.loss))

    @property
    def declared(self) -> bool:
        """Whether every part can be written down and read back."""
        parts = (self.data, self.generator, self.discriminator)
        return self.latent.written is not None and all(hasattr(p, "kind") for p in parts)

    def written(self) -> dict[str, Any]:
        """Everything that decides the run, as JSON; a part that cannot be written is null."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "description": self.description,
            "data": _part(self.data),
            "latent": self.latent.written,
            "generator": _part(self.generator),
            "discriminator": _part(self.discriminator),
            "loss": self.loss,
            "regularisation": asdict(self.regularisation),
            "updates": self.updates,
            "strength": self.strength,
            "critic_steps": self.critic_steps,
            "clip": self.clip,
            "ema": self.ema,
            "steps": self.steps,
            "batch_size": self.batch_size,
            "generator_optimiser": _optimiser(self.generator_optimiser),
            "discriminator_optimiser": _optimiser(self.discriminator_optimiser),
            "seed": self.seed,
            "checkpoint_every": self.checkpoint_every,
        }


def _part(part: Any) -> dict[str, Any] | None:
    if not (is_dataclass(part) and hasattr(part, "kind")) or isinstance(part, type):
        return None
    return _plain(asdict(part))


def _optimiser(settings: Optimiser) -> dict[str, Any]:
    return _plain({"kind": settings.kind, "lr": settings.lr, **settings.options})


def _plain(value: Any) -> Any:
    """The same with lists for tuples, as JSON gives it back."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value
