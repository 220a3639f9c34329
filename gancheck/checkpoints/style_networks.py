"""StyleGAN2's two players, in operations that can be differentiated twice.

Weights have unit variance when drawn and are scaled at each use by 1/sqrt(inputs) times the layer's
rate. A modulated convolution scales its input channels by the style, convolves with weights that
all samples share, and divides each output channel by the norm that its weights have under that
style: the same function as a kernel for each sample, without one. Filters are the ones of the file.
Names of parameters and buffers are those of the layout, so that a state dict loads strictly.

Source: Karras et al. (2020), sections 2.2 and 4.1 and appendix B; Karras et al. (2018), "Progressive
growing of GANs", section 3, for the minibatch deviation.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from gancheck.checkpoints.style_keys import DiscriminatorSizes, GeneratorSizes

__all__ = ["StyleDiscriminator", "StyleGenerator"]

_EPSILON = 1e-8  # of all three normalisations
_SLOPE = 0.2


def _activate(x: Tensor) -> Tensor:
    """Leaky ReLU, times sqrt(2) so that the second moment stays about what it was."""
    return functional.leaky_relu(x, _SLOPE) * math.sqrt(2.0)


def _along_channels(bias: Tensor) -> Tensor:
    return bias.reshape(-1, 1, 1)


def _blurred(x: Tensor, kernel: Tensor, padding: tuple[int, int]) -> Tensor:
    """Each channel of [n, c, h, w] convolved with a filter; padding below zero crops."""
    n, c = x.shape[:2]
    planes = functional.pad(x, (*padding, *padding)).flatten(0, 1)[:, None]
    turned = kernel.flip((0, 1))[None, None]  # torch's convolution is a correlation
    return functional.conv2d(planes, turned).unflatten(0, (n, c))[:, :, 0]


def _halves(total: int) -> tuple[int, int]:
    """A padding split in two, the greater half first."""
    return (total + 1) // 2, total // 2


class _Linear(nn.Module):
    """[n, inputs] -> [n, outputs], weights and bias times a rate."""

    def __init__(self, inputs: int, outputs: int, *, rate: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        scale = self.rate / math.sqrt(self.weight.shape[1])
        return functional.linear(x, self.weight * scale, self.bias * self.rate)


class _ActiveLinear(_Linear):
    """The same and its activation."""

    def forward(self, x: Tensor) -> Tensor:
        return _activate(super().forward(x))


class _OnSphere(nn.Module):
    """[n, k] -> [n, k] of mean square one."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + _EPSILON)


class _Filter(nn.Module):
    """Holds a filter [taps, taps]; the layer that it serves applies it."""

    kernel: Tensor

    def __init__(self, taps: int) -> None:
        super().__init__()
        self.register_buffer("kernel", torch.empty(taps, taps))


class _Modulated(nn.Module):
    """[n, inputs, h, w] and styles [n, s] -> [n, outputs, h, w], or twice the pixels with taps."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        side: int,
        style: int,
        *,
        normalise: bool,
        taps: int | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, outputs, inputs, side, side))
        self.modulation = _Linear(style, inputs)
        self.blur = None if taps is None else _Filter(taps)
        self.normalise = normalise

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scales = self.modulation(style)
        inputs, side = self.weight.shape[2:4]
        weight = self.weight[0] / math.sqrt(inputs * side * side)
        x = x * scales[:, :, None, None]
        if self.blur is None:
            x = functional.conv2d(x, weight, padding=side // 2)
        else:
            x = functional.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            first, second = _halves(len(self.blur.kernel) - side - 1)
            x = _blurred(x, self.blur.kernel, (first + 1, second + 1))
        if not self.normalise:
            return x
        squares = scales.square() @ weight.square().sum((2, 3)).T
        return x * torch.rsqrt(squares + _EPSILON)[:, :, None, None]


class _Strength(nn.Module):
    """Adds a map of noise [1, 1, h, w], times one learned number, to every channel and sample."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1))

    def forward(self, x: Tensor, noise: Tensor | None) -> Tensor:
        return x if noise is None else x + self.weight * noise


class _Activation(nn.Module):
    """A bias for each channel and the activation: [n, c, h, w] -> [n, c, h, w]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(channels))

    def forward(self, x: Tensor) -> Tensor:
        return _activate(x + _along_channels(self.bias))


class _Constant(nn.Module):
    """The learned first map, the same for each of n samples: [n, channels, 4, 4]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.empty(1, channels, 4, 4))

    def forward(self, n: int) -> Tensor:
        return self.input.expand(n, -1, -1, -1)


class _Styled(nn.Module):
    """Modulated convolution, noise, bias and activation."""

    def __init__(self, inputs: int, outputs: int, style: int, taps: int | None = None) -> None:
        super().__init__()
        self.conv = _Modulated(inputs, outputs, 3, style, normalise=True, taps=taps)
        self.noise = _Strength()
        self.activate = _Activation(outputs)

    def forward(self, x: Tensor, style: Tensor, noise: Tensor | None) -> Tensor:
        return self.activate(self.noise(self.conv(x, style), noise))


class _Coloured(nn.Module):
    """Features [n, c, h, w] to colours, plus the colours so far at twice their pixels."""

    def __init__(self, inputs: int, colours: int, style: int, taps: int | None = None) -> None:
        super().__init__()
        self.conv = _Modulated(inputs, colours, 1, style, normalise=False)
        self.bias = nn.Parameter(torch.empty(1, colours, 1, 1))
        self.upsample = None if taps is None else _Filter(taps)

    def forward(self, x: Tensor, style: Tensor, so_far: Tensor | None) -> Tensor:
        colours = self.conv(x, style) + self.bias
        if self.upsample is None or so_far is None:
            return colours
        return colours + _doubled(so_far, self.upsample.kernel)


def _doubled(x: Tensor, kernel: Tensor) -> Tensor:
    """[n, c, h, w] -> [n, c, 2h, 2w]: zeros between the pixels, then the filter."""
    n, c, h, w = x.shape
    planes = x.flatten(0, 1)[:, None]
    full = functional.conv_transpose2d(planes, kernel[None, None], stride=2)
    first = len(kernel) - 2 - (len(kernel) - 1) // 2
    return full[:, :, first : first + 2 * h, first : first + 2 * w].unflatten(0, (n, c))[:, :, 0]


class StyleGenerator(nn.Module):
    """Latents [n, style] -> samples [n, colours, side, side], without truncation and style mixing.

    Args:
        sizes: what `read_generator` returned.
        rate: multiplier of weights and biases in the mapping.
        noise: whether the file's own maps of noise are added; without them none is.
    """

    def __init__(self, sizes: GeneratorSizes, *, rate: float, noise: bool) -> None:
        super().__init__()
        style, channels, taps = sizes.style, sizes.channels, sizes.taps
        mapping = [_ActiveLinear(style, style, rate=rate) for _ in range(sizes.mappings)]
        self.style = nn.Sequential(_OnSphere(), *mapping)
        self.input = _Constant(channels[0])
        self.conv1 = _Styled(channels[0], channels[0], style)
        self.to_rgb1 = _Coloured(channels[0], sizes.colours, style)
        self.convs = nn.ModuleList()
        self.to_rgbs = nn.ModuleList()
        for wide, narrow in pairwise(channels):
            self.convs.append(_Styled(wide, narrow, style, taps))
            self.convs.append(_Styled(narrow, narrow, style))
            self.to_rgbs.append(_Coloured(narrow, sizes.colours, style, sizes.colour_taps))
        self.noises = nn.Module()
        for name, shape in sizes.keys.items():
            if noise and name.startswith("noises."):
                self.noises.register_buffer(name.removeprefix("noises."), torch.empty(shape))

    def forward(self, z: Tensor) -> Tensor:
        """Map, then synthesise."""
        style = self.style(z)
        maps = [buffer for _, buffer in self.noises.named_buffers(remove_duplicate=False)]
        noise: list[Tensor | None] = [*maps] or [None] * (1 + len(self.convs))
        x = self.conv1(self.input(len(z)), style, noise[0])
        colours = self.to_rgb1(x, style, None)
        for place, to_colours in enumerate(self.to_rgbs):
            for i in (2 * place, 2 * place + 1):
                x = self.convs[i](x, style, noise[i + 1])
            colours = to_colours(x, style, colours)
        return colours


class _Convolution(nn.Module):
    """[n, inputs, h, w] -> [n, outputs, h, w], or half the pixels behind a filter."""

    def __init__(self, inputs: int, outputs: int, side: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, side, side))

    def forward(self, x: Tensor, kernel: Tensor | None = None) -> Tensor:
        inputs, side = self.weight.shape[1:3]
        weight = self.weight / math.sqrt(inputs * side * side)
        if kernel is None:
            return functional.conv2d(x, weight, padding=side // 2)
        x = _blurred(x, kernel, _halves(len(kernel) + side - 3))
        return functional.conv2d(x, weight, stride=2)


class _Active(nn.ModuleList):
    """Convolution and activation."""

    def __init__(self, inputs: int, outputs: int, side: int) -> None:
        super().__init__([_Convolution(inputs, outputs, side), _Activation(outputs)])

    def forward(self, x: Tensor) -> Tensor:
        return self[1](self[0](x))


class _Halving(nn.ModuleList):
    """Filter, convolution at every second pixel, and activation where there is one."""

    def __init__(self, inputs: int, outputs: int, side: int, taps: int, *, active: bool) -> None:
        layers = [_Filter(taps), _Convolution(inputs, outputs, side)]
        super().__init__([*layers, _Activation(outputs)] if active else layers)

    def forward(self, x: Tensor) -> Tensor:
        kernel = self[0].get_buffer("kernel")
        x = self[1](x, kernel)
        return self[2](x) if len(self) > 2 else x


class _Block(nn.Module):
    """Two convolutions and a shortcut, [n, c, h, w] -> [n, c', h / 2, w / 2]."""

    def __init__(self, inputs: int, outputs: int, taps: int) -> None:
        super().__init__()
        self.conv1 = _Active(inputs, inputs, 3)
        self.conv2 = _Halving(inputs, outputs, 3, taps, active=True)
        self.skip = _Halving(inputs, outputs, 1, taps, active=False)

    def forward(self, x: Tensor) -> Tensor:
        return (self.conv2(self.conv1(x)) + self.skip(x)) / math.sqrt(2.0)


class StyleDiscriminator(nn.Module):
    """Samples [n, colours, side, side] -> logits [n, 1].

    A sample is judged beside others of its batch: the last features get one more channel, the mean
    deviation over the samples i, i + n/group, i + 2n/group, ... of a batch of n, and over all of a
    batch smaller than a group. The published network refuses batches that are larger and no
    multiple; here the samples that are left over are judged beside those just before them, so that
    every group is whole.

    Args:
        sizes: what `read_discriminator` returned.
        group: samples that are judged beside each other.
    """

    def __init__(self, sizes: DiscriminatorSizes, *, group: int) -> None:
        super().__init__()
        channels = sizes.channels
        blocks = [_Block(before, after, sizes.taps) for before, after in pairwise(channels)]
        self.convs = nn.Sequential(_Active(sizes.colours, channels[0], 1), *blocks)
        self.final_conv = _Active(channels[-1] + 1, sizes.last[0], 3)
        self.final_linear = nn.Sequential(
            _ActiveLinear(sizes.last[0] * 16, sizes.last[1]), _Linear(sizes.last[1], 1)
        )
        self.group = group
        self.mixes_samples = group > 1  # read by gancheck.games.semantics

    def forward(self, x: Tensor) -> Tensor:
        """Judge a batch.

        Raises:
            ValueError: no sample.
        """
        n = len(x)
        if n == 0:
            raise ValueError("the discriminator needs at least one sample, got a batch of 0")
        left = n % self.group if n > self.group else 0
        if not left:
            return self._judge(x, min(n, self.group))
        last = self._judge(x[-self.group :], self.group)[-left:]
        return torch.cat([self._judge(x[:-left], self.group), last])

    def _judge(self, x: Tensor, group: int) -> Tensor:
        n = len(x)
        x = self.convs(x)
        groups = x.unflatten(0, (group, n // group))
        deviation = torch.sqrt(groups.var(0, correction=0) + _EPSILON).mean((1, 2, 3))
        plane = deviation.repeat(group)[:, None, None, None].expand(-1, 1, *x.shape[2:])
        x = self.final_conv(torch.cat([x, plane], 1))
        return self.final_linear(x.flatten(1))
