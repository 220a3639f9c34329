"""Which games can be trained from one word?

Small ones that one CPU core trains in a minute or a few, each kind of loss, update and network at
least once; they are meant to be diagnosed, not admired, and their descriptions say what they leave
out. All of them are declared, so that each can be printed as a file and changed.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from gancheck.games import latents
from gancheck.games.architectures import MixtureOf, Perceptron
from gancheck.games.recipe import Recipe, adam
from gancheck.games.sources import Named

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RECIPES", "recipe"]

_ALL = (
    Recipe(
        name="ring8",
        description="Eight narrow normals on a circle: covered within seconds, with bridges.",
        data=Named(kind="ring8"),
        latent=latents.normal(2),
        generator=Perceptron(widths=(2, 32, 32, 2)),
        discriminator=Perceptron(widths=(2, 32, 32, 1)),
        steps=3000,
        generator_optimiser=adam(lr=2e-3),
        discriminator_optimiser=adam(lr=2e-3),
    ),
    Recipe(
        name="ring8-mixture",
        description="The same law by eight small generators, one drawn at random for each sample: "
        "it can leave the gaps empty, and whether it does is for training to decide.",
        data=Named(kind="ring8"),
        latent=latents.product(latents.categorical(8), latents.normal(2)),
        generator=MixtureOf(experts=8, expert=Perceptron(widths=(2, 16, 16, 2))),
        discriminator=Perceptron(widths=(2, 32, 32, 1)),
        steps=3000,
        generator_optimiser=adam(lr=2e-3),
        discriminator_optimiser=adam(lr=2e-3),
    ),
    Recipe(
        name="grid25",
        description="A five by five grid of normals: trained like this it keeps losing modes.",
        data=Named(kind="grid25"),
        latent=latents.normal(4),
        generator=Perceptron(widths=(4, 128, 128, 128, 2)),
        discriminator=Perceptron(widths=(2, 128, 128, 128, 1)),
        steps=6000,
        checkpoint_every=2000,
    ),
    Recipe(
        name="moons",
        description="Two half circles in a plane: two components and one connected generator.",
        data=Named(kind="moons"),
        latent=latents.normal(2),
        generator=Perceptron(widths=(2, 64, 64, 2)),
        discriminator=Perceptron(widths=(2, 64, 64, 1)),
        steps=4000,
    ),
    Recipe(
        name="digits",
        description="Handwritten digits of 8 x 8 pixels: real data, 1,797 images, 64 dimensions.",
        data=Named(kind="digits"),
        latent=latents.normal(16),
        generator=Perceptron(widths=(16, 128, 128, 64), output="tanh"),
        discriminator=Perceptron(widths=(64, 128, 128, 1)),
        steps=6000,
        batch_size=128,
        generator_optimiser=adam(lr=5e-4),
        discriminator_optimiser=adam(lr=5e-4),
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
