"""Which small games can be trained from one word?

A `Recipe` is everything that decides a run except its seed: data, latent, networks, loss, updates
and their steps. The recipes are perceptrons that one CPU core trains in under a minute; they
are meant to be diagnosed, not admired, and their descriptions say what they leave out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import torch

from gancheck.games import data, latents, networks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from gancheck.games.data import Sampler
    from gancheck.games.latents import Latent

__all__ = ["RECIPES", "Adam", "Build", "Recipe", "mixture_of", "perceptron", "recipe"]


Build = Callable[[torch.Generator], "nn.Module"]
"""(CPU generator of the initial weights) -> module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adam:
    """Settings of one player's optimiser.

    Attributes:
        lr: step size.
        betas: decay of the first and of the second moment.
        eps: added to the root of the second moment.
    """

    lr: float = 1e-3
    betas: tuple[float, float] = (0.5, 0.999)
    eps: float = 1e-8


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
        updates: `alternating` moves the discriminator first and shows the generator its move;
            `simultaneous` takes both gradients at the same point.
        steps: updates of each player.
        batch_size: real and generated samples of one update.
        generator_adam: the generator's optimiser.
        discriminator_adam: the discriminator's.
        seed: where none is asked for.
        checkpoint_every: steps between checkpoints.
    """

    name: str
    description: str
    data: Callable[[], Sampler]
    latent: Latent
    generator: Build
    discriminator: Build
    loss: str = "non-saturating"
    updates: Literal["alternating", "simultaneous"] = "alternating"
    steps: int
    batch_size: int = 256
    generator_adam: Adam = field(default_factory=Adam)
    discriminator_adam: Adam = field(default_factory=Adam)
    seed: int = 0
    checkpoint_every: int = 1000


def perceptron(sizes: tuple[int, ...], output: Literal["tanh"] | None = None) -> Build:
    """Build a perceptron of these widths with tanh between its layers."""
    return partial(_build, sizes, output)


def _build(
    sizes: tuple[int, ...], output: Literal["tanh"] | None, generator: torch.Generator
) -> nn.Module:
    return networks.mlp(sizes, generator=generator, activation="tanh", output=output)


def mixture_of(experts: int, build: Build) -> Build:
    """Build that many generators in turn, each with weights of its own, as one mixture.

    Args:
        experts: how many; the latent is a one-hot choice of them before each one's own latent.
        build: (CPU generator of the initial weights) -> one expert.
    """
    return partial(_build_mixture, experts, build)


def _build_mixture(experts: int, build: Build, generator: torch.Generator) -> nn.Module:
    return networks.Mixture([build(generator) for _ in range(experts)])


_ALL = (
    Recipe(
        name="ring8",
        description="Eight narrow normals on a circle: covered within seconds, with bridges.",
        data=data.ring8,
        latent=latents.normal(2),
        generator=perceptron((2, 32, 32, 2)),
        discriminator=perceptron((2, 32, 32, 1)),
        steps=3000,
        generator_adam=Adam(lr=2e-3),
        discriminator_adam=Adam(lr=2e-3),
    ),
    Recipe(
        name="ring8-mixture",
        description="The same law by eight small generators, one drawn at random for each sample: "
        "it can leave the gaps empty, and whether it does is for training to decide.",
        data=data.ring8,
        latent=latents.product(latents.categorical(8), latents.normal(2)),
        generator=mixture_of(8, perceptron((2, 16, 16, 2))),
        discriminator=perceptron((2, 32, 32, 1)),
        steps=3000,
        generator_adam=Adam(lr=2e-3),
        discriminator_adam=Adam(lr=2e-3),
    ),
    Recipe(
        name="grid25",
        description="A five by five grid of normals: trained like this it keeps losing modes.",
        data=data.grid25,
        latent=latents.normal(4),
        generator=perceptron((4, 128, 128, 128, 2)),
        discriminator=perceptron((2, 128, 128, 128, 1)),
        steps=6000,
        checkpoint_every=2000,
    ),
    Recipe(
        name="moons",
        description="Two half circles in a plane: two components and one connected generator.",
        data=data.moons,
        latent=latents.normal(2),
        generator=perceptron((2, 64, 64, 2)),
        discriminator=perceptron((2, 64, 64, 1)),
        steps=4000,
    ),
    Recipe(
        name="digits",
        description="Handwritten digits of 8 x 8 pixels: real data, 1,797 images, 64 dimensions.",
        data=data.digits,
        latent=latents.normal(16),
        generator=perceptron((16, 128, 128, 64), "tanh"),
        discriminator=perceptron((64, 128, 128, 1)),
        steps=6000,
        batch_size=128,
        generator_adam=Adam(lr=5e-4),
        discriminator_adam=Adam(lr=5e-4),
        checkpoint_every=2000,
    ),
)

RECIPES: Mapping[str, Recipe] = MappingProxyType({r.name: r for r in _ALL})
"""Every recipe by its name."""


def recipe(name: str) -> Recipe:
    """Look a recipe up by its name.

    Raises:
        ValueError: no recipe has this name.

    Example:
        >>> recipe("ring8").steps
        3000
    """
    if name not in RECIPES:
        raise ValueError(f"recipe must be one of {', '.join(RECIPES)}, got {name!r}")
    return RECIPES[name]
