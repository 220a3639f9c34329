"""Which games can be trained from one word?

Small ones that one CPU core trains in a minute or a few, each kind of loss, update and network at
least once; they are meant to be diagnosed, not admired, and their descriptions say what they leave
out. All of them are declared, so that each can be printed as a file and changed.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gancheck.games import latents
from gancheck.games.architectures import (
    ConditionalOf,
    DcganDiscriminator,
    DcganGenerator,
    Linear,
    MixtureOf,
    Perceptron,
    Position,
    ResidualDiscriminator,
    ResidualGenerator,
)
from gancheck.games.recipe import Optimiser, Recipe, adam
from gancheck.games.regularisation import Regularisation
from gancheck.games.sources import Digits, Fashion, Named, Point, SwissRoll, TwoComponents

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RECIPES", "recipe"]

_RING8 = Recipe(
    name="ring8",
    description="Eight narrow normals on a circle: covered within seconds, with bridges.",
    data=Named(kind="ring8"),
    latent=latents.normal(2),
    generator=Perceptron(widths=(2, 32, 32, 2)),
    discriminator=Perceptron(widths=(2, 32, 32, 1)),
    steps=3000,
    generator_optimiser=adam(lr=2e-3),
    discriminator_optimiser=adam(lr=2e-3),
)

_DIRAC = Recipe(
    name="dirac",
    description="One number against one number, data at 0: plain descent spirals outwards, and\n"
    "what its eigenvalues are is proved (dirac-gan-eigenvalues).",
    data=Point(),
    latent=latents.normal(1),
    generator=Position(at=(1.0,)),
    discriminator=Linear(slope=(0.0,)),
    updates="simultaneous",
    steps=500,
    batch_size=2,
    generator_optimiser=Optimiser(kind="sgd", lr=0.1),
    discriminator_optimiser=Optimiser(kind="sgd", lr=0.1),
    checkpoint_every=100,
)

_DIGITS = Recipe(
    name="digits",
    description="Handwritten digits of 8 x 8 pixels: real data, 1,797 images, 64 dimensions.",
    data=Digits(),
    latent=latents.normal(16),
    generator=Perceptron(widths=(16, 128, 128, 64), output="tanh"),
    discriminator=Perceptron(widths=(64, 128, 128, 1)),
    steps=6000,
    batch_size=128,
    generator_optimiser=adam(lr=5e-4),
    discriminator_optimiser=adam(lr=5e-4),
    checkpoint_every=2000,
)


def _other(base: Recipe, name: str, description: str, **changes: Any) -> Recipe:
    return replace(base, name=f"{base.name}-{name}", description=description, **changes)


_LOSSES = (
    ("minimax", "The loss of the first paper: its gradient fades where D is sure of a fake.", {}),
    ("lsgan", "Least squares with the codes 0, 1 and 1.", {}),
    ("lsgan-centred", "Least squares with the codes -1, 1 and 0, which can drop modes.", {}),
    (
        "hinge",
        "Hinge loss with a spectrally normed discriminator.",
        {"discriminator": Perceptron(widths=(2, 32, 32, 1), spectral_norm=True)},
    ),
    (
        "wgan",
        "Weights clipped to 0.05, five critic steps: the critic is far from optimal and slow.",
        {
            "clip": 0.05,
            "critic_steps": 5,
            "generator_optimiser": Optimiser(kind="rmsprop", lr=5e-4),
            "discriminator_optimiser": Optimiser(kind="rmsprop", lr=5e-4),
        },
    ),
    ("wgan-gp", "A penalised critic, five steps: its slope settles above 1.", {"critic_steps": 5}),
    ("wgan-lp", "The penalty on slopes above 1 alone.", {"critic_steps": 5}),
    ("relativistic", "How much more real than the average of the other kind.", {}),
    ("fgan-kl", "The variational bound of KL(data || model).", {}),
    ("fgan-reverse-kl", "The variational bound of KL(model || data).", {}),
    ("fgan-pearson", "The variational bound of Pearson's chi squared.", {}),
    ("fgan-hellinger", "The variational bound of the squared Hellinger distance.", {}),
)

_UPDATES = (
    ("extragradient", "A look ahead before each step.", {}),
    ("optimistic", "Each step twice, less the last one.", {}),
    ("consensus", "Descent also on the squared norm of the field.", {"strength": 0.1}),
    ("symplectic", "The rotation of the field turned into a contraction.", {"strength": 0.1}),
)

_ALL = (
    _RING8,
    *(
        _other(_RING8, name, f"Eight normals on a circle. {text}", loss=name, **changes)
        for name, text, changes in _LOSSES
    ),
    *(
        _other(_RING8, name, f"Eight normals on a circle. {text}", updates=name, **changes)
        for name, text, changes in _UPDATES
    ),
    _other(
        _RING8,
        "r1",
        "Eight normals on a circle. A penalty on D's slope at the data: locally stable.",
        regularisation=Regularisation(r1=0.1),
        ema=0.999,
    ),
    _other(
        _RING8,
        "r2",
        "Eight normals on a circle. The penalty at generated samples instead.",
        regularisation=Regularisation(r2=0.1),
    ),
    _other(
        _RING8,
        "noise",
        "Eight normals on a circle. Samples are shown with noise: laws that overlap.",
        regularisation=Regularisation(instance_noise=0.1),
    ),
    _other(
        _RING8,
        "smoothed",
        "Eight normals on a circle. Real samples are to be called real with 0.9.",
        regularisation=Regularisation(label_smoothing=0.1),
    ),
    _other(
        _RING8,
        "two-scales",
        "Eight normals on a circle. D learns four times as fast as G (Heusel et al. 2017).",
        generator_optimiser=adam(lr=5e-4),
    ),
    _other(
        _RING8,
        "mixture",
        "The same law by eight small generators, one drawn at random for each sample:\n"
        "it can leave the gaps empty, and whether it does is for training to decide.",
        latent=latents.product(latents.categorical(8), latents.normal(2)),
        generator=MixtureOf(experts=8, expert=Perceptron(widths=(2, 16, 16, 2))),
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
    replace(
        _RING8,
        name="swiss-roll",
        description="A spiral in the plane: one component, thin and long.",
        data=SwissRoll(),
    ),
    replace(
        _RING8,
        name="two-discs",
        description="Two discs at distance 1: a connected generator has to cross the gap.",
        data=TwoComponents(kind="two-discs", distance=1.0),
    ),
    replace(
        _RING8,
        name="parallel-lines",
        description="Two parallel lines at distance 1: mass without area, where no density exists.",
        data=TwoComponents(kind="parallel-lines", distance=1.0),
    ),
    _DIRAC,
    _other(
        _DIRAC,
        "r1",
        "The Dirac-GAN with a penalty on D's slope: it spirals inwards.",
        regularisation=Regularisation(r1=0.5),
    ),
    _DIGITS,
    _other(
        _DIGITS,
        "conditional",
        "Digits with their classes: the plain game on pairs of a picture and its label.",
        data=Digits(labelled=True),
        latent=latents.product(latents.categorical(10), latents.normal(16)),
        generator=ConditionalOf(
            classes=10, body=Perceptron(widths=(26, 128, 128, 64), output="tanh")
        ),
        discriminator=Perceptron(widths=(74, 128, 128, 1)),
    ),
    _other(
        _DIGITS,
        "dcgan",
        "Digits drawn four times as large, by a DCGAN of 32 pixels: three minutes on one core.",
        data=Digits(size=32),
        latent=latents.normal(32),
        generator=DcganGenerator(size=32, latent=32, width=16),
        discriminator=DcganDiscriminator(size=32, width=16),
        steps=4000,
        batch_size=64,
        generator_optimiser=adam(lr=1e-3),
        discriminator_optimiser=adam(lr=5e-4),
        ema=0.995,
        checkpoint_every=1000,
    ),
    Recipe(
        name="fashion-dcgan",
        description="Fashion-MNIST (Debian: dataset-fashion-mnist) by a DCGAN of 28 pixels;\n"
        "for a GPU, or an hour of one core.",
        data=Fashion(),
        latent=latents.normal(64),
        generator=DcganGenerator(size=28),
        discriminator=DcganDiscriminator(size=28),
        steps=20_000,
        batch_size=64,
        generator_optimiser=adam(lr=2e-4),
        discriminator_optimiser=adam(lr=2e-4),
        checkpoint_every=2000,
    ),
    Recipe(
        name="fashion-residual",
        description="Fashion-MNIST at 32 pixels by the residual networks of SN-GAN with hinge\n"
        "loss and spectral norm; for a GPU.",
        data=Fashion(size=32),
        latent=latents.normal(128),
        generator=ResidualGenerator(channels=1),
        discriminator=ResidualDiscriminator(channels=1),
        loss="hinge",
        critic_steps=5,
        steps=20_000,
        batch_size=64,
        generator_optimiser=adam(lr=2e-4, betas=(0.0, 0.9)),
        discriminator_optimiser=adam(lr=2e-4, betas=(0.0, 0.9)),
        ema=0.999,
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
