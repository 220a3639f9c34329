"""Which networks can a recipe name?

Each is a few numbers that can be written into a file and, called with a generator of initial
weights, the module that `games.networks` builds from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gancheck.games import networks

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["DcganDiscriminator", "DcganGenerator", "MixtureOf", "Perceptron"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Perceptron:
    """A multilayer perceptron; see `networks.mlp`.

    Attributes:
        widths: of the input, each hidden layer and the output.
        activation: between layers.
        output: activation of the output.
    """

    widths: tuple[int, ...]
    activation: networks.Activation = "tanh"
    output: Literal["tanh"] | None = None
    kind: Literal["perceptron"] = "perceptron"

    def __call__(self, generator: torch.Generator) -> nn.Module:
        """Build it with these initial weights."""
        return networks.mlp(
            self.widths, generator=generator, activation=self.activation, output=self.output
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DcganGenerator:
    """The generator of a DCGAN; see `networks.dcgan_generator`."""

    size: int
    latent: int = 64
    channels: int = 1
    width: int = 64
    kind: Literal["dcgan"] = "dcgan"

    def __call__(self, generator: torch.Generator) -> nn.Module:
        """Build it with these initial weights."""
        return networks.dcgan_generator(
            self.size,
            generator=generator,
            latent=self.latent,
            channels=self.channels,
            width=self.width,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DcganDiscriminator:
    """The discriminator of a DCGAN; see `networks.dcgan_discriminator`."""

    size: int
    channels: int = 1
    width: int = 64
    kind: Literal["dcgan"] = "dcgan"

    def __call__(self, generator: torch.Generator) -> nn.Module:
        """Build it with these initial weights."""
        return networks.dcgan_discriminator(
            self.size, generator=generator, channels=self.channels, width=self.width
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureOf:
    """Several generators of one kind, of which the latent chooses one; see `networks.Mixture`.

    Attributes:
        experts: how many.
        expert: what each is, with weights of its own.
    """

    experts: int
    expert: Perceptron | DcganGenerator
    kind: Literal["mixture"] = "mixture"

    def __call__(self, generator: torch.Generator) -> nn.Module:
        """Build one expert after the other from one stream of initial weights."""
        return networks.Mixture([self.expert(generator) for _ in range(self.experts)])
