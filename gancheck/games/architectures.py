"""Which networks can a recipe name?

Each is a few numbers that can be written into a file and, called with a generator of initial
weights, the module that `games.networks` builds from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gancheck.games import networks, residual_networks

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = [
    "ConditionalOf",
    "DcganDiscriminator",
    "DcganGenerator",
    "Linear",
    "MixtureOf",
    "Perceptron",
    "Position",
    "ResidualDiscriminator",
    "ResidualGenerator",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Perceptron:
    """A multilayer perceptron; see `networks.mlp`.

    Attributes:
        widths: of the input, each hidden layer and the output.
        activation: between layers.
        output: activation of the output.
        spectral_norm: hold every layer to spectral norm 1.
    """

    widths: tuple[int, ...]
    activation: networks.Activation = "tanh"
    output: Literal["tanh"] | None = None
    spectral_norm: bool = False
    kind: Literal["perceptron"] = "perceptron"

    def __call__(self, generator: torch.Generator) -> nn.Module:
        """Build it with these initial weights."""
        network = networks.mlp(
            self.widths, generator=generator, activation=self.activation, output=self.output
        )
        return _normed(network, generator, wanted=self.spectral_norm)


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
    """The discriminator of a DCGAN; see `networks.dcgan_discriminator`.

    With spectral norm its batch norm stays, as in many scripts: the two are not exclusive.
    """

    size: int
    channels: int = 1
    width: int = 64
    spectral_norm: bool = False
    kind: Literal["dcgan"] = "dcgan"

    def __call__(self, generator: torch.Generator) -> nn.Module:
        """Build it with these initial weights."""
        network = networks.dcgan_discriminator(
            self.size, generator=generator, channels=self.channels, width=self.width
        )
        return _normed(network, generator, wanted=self.spectral_norm)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualGenerator:
    """The residual generator of SN-GAN; see `residual_networks.residual_generator`."""

    size: int = 32
    latent: int = 128
    channels: int = 3
    width: int | None = None
    kind: Literal["residual"] = "residual"

    def __call__(self, generator: torch.Generator) -> nn.Module:
        """Build it with these initial weights."""
        return residual_networks.residual_generator(
            self.size,
            generator=generator,
            latent=self.latent,
            channels=self.channels,
            width=self.width,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualDiscriminator:
    """The spectrally normed one beside it; see `residual_networks.residual_discriminator`."""

    size: int = 32
    channels: int = 3
    width: int | None = None
    kind: Literal["residual"] = "residual"

    def __call__(self, generator: torch.Generator) -> nn.Module:
        """Build it with these initial weights."""
        return residual_networks.residual_discriminator(
            self.size, generator=generator, channels=self.channels, width=self.width
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One point, which does not depend on the weights' stream; see `networks.Position`."""

    at: tuple[float, ...]
    kind: Literal["position"] = "position"

    def __call__(self, generator: torch.Generator) -> nn.Module:
        """Build it where it begins."""
        del generator
        return networks.Position(self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A linear score, which does not depend on the weights' stream; see `networks.LinearScore`."""

    slope: tuple[float, ...]
    kind: Literal["linear"] = "linear"

    def __call__(self, generator: torch.Generator) -> nn.Module:
        """Build it as it begins."""
        del generator
        return networks.LinearScore(self.slope)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionalOf:
    """A generator of pairs of a flat sample and its class; see `networks.Conditional`.

    Attributes:
        classes: how many; the latent begins with a one-hot choice of them.
        body: what makes the sample, from the whole latent.
    """

    classes: int
    body: Perceptron
    kind: Literal["conditional"] = "conditional"

    def __call__(self, generator: torch.Generator) -> nn.Module:
        """Build it with these initial weights."""
        return networks.Conditional(self.body(generator), self.classes)


def _normed(network: nn.Module, generator: torch.Generator, *, wanted: bool) -> nn.Module:
    return residual_networks.spectrally_normed(network, generator) if wanted else network
