"""Which networks play on coloured pictures where depth is wanted, and how is a layer held to norm 1?

The residual pair of SN-GAN for square pictures of 28 to 128 pixels, and `spectrally_normed`, which
puts torch's spectral norm on every linear and convolutional layer of a network. Initial weights, and
the start vectors of the power iterations, come from the `torch.Generator` handed in.

Source: Miyato et al. (2018), whose residual networks for CIFAR-10 (32 pixels) and STL-10 (48) these
are; Miyato & Koyama (2018), whose published code has 64 and 128 pixels; Gulrajani et al. (2017),
whose blocks they took over. 28 pixels are nobody's: those of 32 from 7 x 7, with one doubling less.
Weights start as Glorot & Bengio (2010) propose, with twice the variance on the way of a residual.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import skip_init
from torch.nn.utils.parametrizations import spectral_norm

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["residual_discriminator", "residual_generator", "spectrally_normed"]


@dataclass(frozen=True, slots=True)
class _Plan:
    """The pair of one size of pictures.

    Attributes:
        root: pixels along a side that the generator begins with.
        up: its channels before each doubling and after the last, in units of its width.
        down: the discriminator's channels after each halving, in units of its width.
        after: the same after each plain block.
        widths: of both players, as published.
    """

    root: int
    up: tuple[int, ...]
    down: tuple[int, ...]
    after: tuple[int, ...]
    widths: tuple[int, int]


_PLANS = {
    28: _Plan(7, (1, 1, 1), (1, 1), (1, 1), (256, 128)),
    32: _Plan(4, (1, 1, 1, 1), (1, 1), (1, 1), (256, 128)),
    48: _Plan(6, (8, 4, 2, 1), (1, 2, 4, 8), (16,), (64, 64)),
    64: _Plan(4, (16, 8, 4, 2, 1), (1, 2, 4, 8, 16), (), (64, 64)),
    128: _Plan(4, (16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16), (16,), (64, 64)),
}


def spectrally_normed(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """Hold every linear and convolutional layer of a network to spectral norm 1, in place.

    Torch's parametrization divides a weight, flattened to a matrix, by a running estimate of its
    largest singular value, renewed by one power iteration at each pass in training mode. Of a
    convolution that is not the operator's norm.

    Args:
        network: with its initial weights.
        generator: CPU generator of the start vectors.

    Returns:
        The same network.
    """
    seed = int(torch.randint(2**31, (1,), generator=generator))
    with torch.random.fork_rng(devices=[]):  # torch draws the start vectors from its global stream
        torch.default_generator.manual_seed(seed)
        for module in list(network.modules()):
            if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
                spectral_norm(module)
    return network


def residual_generator(
    size: int = 32,
    *,
    generator: torch.Generator,
    latent: int = 128,
    channels: int = 3,
    width: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> nn.Sequential:
    """Build SN-GAN's generator: a linear layer to a few pixels, doubling blocks, one convolution.

    Batch norm uses the statistics of the batch and keeps no running ones.

    Args:
        size: pixels along a side of a picture: 28, 32, 48, 64 or 128.
        generator: CPU generator of the initial weights.
        latent: size of a latent.
        channels: of the picture.
        width: channels that the last block leaves, as published where not given: 256 up to 32
            pixels, which have as many throughout, and 64 of larger ones, which begin with 8 or 16
            times as many.
        dtype: of the parameters.

    Returns:
        [n, latent] -> [n, channels, size, size] in (-1, 1).

    Raises:
        ValueError: another size, or a count below 1.

    Example:
        >>> net = residual_generator(generator=torch.Generator().manual_seed(0), width=4)
        >>> net(torch.zeros(2, 128)).shape
        torch.Size([2, 3, 32, 32])
    """
    plan = _plan(size)
    width = plan.widths[0] if width is None else width
    _check(latent=latent, channels=channels, width=width)
    wide = [times * width for times in plan.up]
    stem = _filled(
        skip_init(nn.Linear, latent, wide[0] * plan.root**2, dtype=dtype), generator, gain=1.0
    )
    blocks = [_Up(inputs, outputs, generator, dtype) for inputs, outputs in pairwise(wide)]
    return nn.Sequential(
        stem,
        nn.Unflatten(1, (wide[0], plan.root, plan.root)),
        *blocks,
        _norm(width, dtype),
        nn.ReLU(),
        _conv(width, channels, 3, generator, dtype, gain=1.0),
        nn.Tanh(),
    )


def residual_discriminator(
    size: int = 32,
    *,
    generator: torch.Generator,
    channels: int = 3,
    width: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> nn.Sequential:
    """Build SN-GAN's discriminator: halving blocks, plain ones, a sum over the pixels.

    Every layer is held to spectral norm 1; there is no other normalisation.

    Args:
        size: pixels along a side of a picture: 28, 32, 48, 64 or 128.
        generator: CPU generator of the initial weights.
        channels: of the picture.
        width: channels that the first block leaves, as published where not given: 128 up to 32
            pixels, which have as many throughout, and 64 of larger ones, which end with 16 times
            as many.
        dtype: of the parameters.

    Returns:
        [n, channels, size, size] -> logits [n, 1].

    Raises:
        ValueError: another size, or a count below 1.

    Example:
        >>> net = residual_discriminator(generator=torch.Generator().manual_seed(0), width=4)
        >>> net(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 1])
    """
    plan = _plan(size)
    width = plan.widths[1] if width is None else width
    _check(channels=channels, width=width)
    wide = [channels, *(times * width for times in (*plan.down, *plan.after))]
    network = nn.Sequential(
        *(
            _Down(inputs, outputs, generator, dtype, first=i == 0, halve=i < len(plan.down))
            for i, (inputs, outputs) in enumerate(pairwise(wide))
        ),
        nn.ReLU(),
        _SumOverPixels(),
        _filled(skip_init(nn.Linear, wide[-1], 1, dtype=dtype), generator, gain=1.0),
    )
    spectrally_normed(network, generator)
    return network


class _Up(nn.Module):
    """Doubles a picture: BN, ReLU, twice as large, 3 x 3, BN, ReLU, 3 x 3; beside it 1 x 1."""

    def __init__(
        self, inputs: int, outputs: int, generator: torch.Generator, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.norm1, self.norm2 = _norm(inputs, dtype), _norm(outputs, dtype)
        self.conv1 = _conv(inputs, outputs, 3, generator, dtype, gain=2.0)
        self.conv2 = _conv(outputs, outputs, 3, generator, dtype, gain=2.0)
        self.beside = _conv(inputs, outputs, 1, generator, dtype, gain=1.0)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(_larger(functional.relu(self.norm1(x))))
        h = self.conv2(functional.relu(self.norm2(h)))
        return h + self.beside(_larger(x))


class _Down(nn.Module):
    """ReLU (not first), 3 x 3, ReLU, 3 x 3, halved; beside it 1 x 1 where the shape changes.

    The second convolution changes the channels, in the first block of a network the first one.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        generator: torch.Generator,
        dtype: torch.dtype,
        *,
        first: bool = False,
        halve: bool = False,
    ) -> None:
        super().__init__()
        self.first, self.halve = first, halve
        hidden = outputs if first else inputs
        self.conv1 = _conv(inputs, hidden, 3, generator, dtype, gain=2.0)
        self.conv2 = _conv(hidden, outputs, 3, generator, dtype, gain=2.0)
        changes = halve or inputs != outputs
        self.beside = _conv(inputs, outputs, 1, generator, dtype, gain=1.0) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(x if self.first else functional.relu(x))
        h = self.conv2(functional.relu(h))
        if self.halve:
            h = functional.avg_pool2d(h, 2)
        if self.beside is None:
            return h + x
        if self.first:  # the paper's optimised block: pool before the 1 x 1
            return h + self.beside(functional.avg_pool2d(x, 2))
        beside = self.beside(x)
        return h + (functional.avg_pool2d(beside, 2) if self.halve else beside)


class _SumOverPixels(nn.Module):
    """[n, c, h, w] -> [n, c]."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum(dim=(2, 3))


def _larger(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="nearest")


def _norm(channels: int, dtype: torch.dtype) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, track_running_stats=False, dtype=dtype)


def _conv(
    inputs: int,
    outputs: int,
    kernel: int,
    generator: torch.Generator,
    dtype: torch.dtype,
    *,
    gain: float,
) -> nn.Module:
    layer = skip_init(nn.Conv2d, inputs, outputs, kernel, padding=kernel // 2, dtype=dtype)
    return _filled(layer, generator, gain=gain)


def _filled(layer: Any, generator: torch.Generator, *, gain: float) -> nn.Module:
    """Uniform weights of variance gain / (fan-in + fan-out) * 2, as Glorot has it; no offset."""
    weight: Tensor = layer.weight
    field = weight[0, 0].numel() if weight.ndim == 4 else 1
    fans = (weight.shape[0] + weight.shape[1]) * field
    bound = math.sqrt(6.0 * gain / fans)
    unit = torch.rand(weight.shape, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        weight.copy_(bound * (2.0 * unit - 1.0))
        layer.bias.zero_()
    return layer


def _plan(size: int) -> _Plan:
    if size not in _PLANS:
        raise ValueError(f"size must be one of {', '.join(map(str, _PLANS))}, got {size}")
    return _PLANS[size]


def _check(**counts: int) -> None:
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
