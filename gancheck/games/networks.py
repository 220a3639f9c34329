"""Which networks play?

Multilayer perceptrons for planar data and small images, the DCGAN pair for square images of 28, 32
or 64 pixels, mixtures of any generators, and generators of labelled samples. Every initial weight
is drawn in float64 from the `torch.Generator` handed in and then cast, so a float32 and a float64
network of one seed are the same network up to rounding, and the global random state is neither
read nor moved.

Source: Radford et al. (2016) for the DCGAN and its initial weights; the perceptrons start like
`torch.nn.Linear`, uniform within one over the root of the number of inputs.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn
from torch.nn.utils import skip_init

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = [
    "Activation",
    "Conditional",
    "LinearScore",
    "Mixture",
    "Position",
    "dcgan_discriminator",
    "dcgan_generator",
    "mlp",
]

Activation = Literal["tanh", "relu", "leaky-relu", "softplus"]

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky-relu": nn.LeakyReLU,
    "softplus": nn.Softplus,
}
_SIZES = {28: 3, 32: 3, 64: 4}  # image size -> number of doublings above 4 x 4


def mlp(
    sizes: Sequence[int],
    *,
    generator: torch.Generator,
    activation: Activation = "tanh",
    output: Literal["tanh"] | None = None,
    dtype: torch.dtype = torch.float32,
) -> nn.Sequential:
    """Build a multilayer perceptron.

    Args:
        sizes: width of the input, of each hidden layer and of the output; at least two.
        generator: CPU generator of the initial weights.
        activation: between layers. tanh and softplus are smooth; relu and leaky-relu have kinks,
            across which second derivatives jump.
        output: activation of the output, none by default.
        dtype: of the parameters.

    Returns:
        [n, sizes[0]] -> [n, sizes[-1]].

    Raises:
        ValueError: fewer than two sizes, a size below 1, or an unknown activation.

    Example:
        >>> net = mlp([2, 8, 1], generator=torch.Generator().manual_seed(0))
        >>> net(torch.zeros(5, 2)).shape
        torch.Size([5, 1])
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes must be at least two positive widths, got {list(sizes)}")
    if activation not in _ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(_ACTIVATIONS)}, got {activation!r}")
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        if layers:
            layers.append(_ACTIVATIONS[activation]())
        layer = skip_init(nn.Linear, inputs, outputs, dtype=dtype)
        bound = 1.0 / math.sqrt(inputs)
        for parameter in layer.parameters():
            _fill_uniform(parameter, bound, generator)
        layers.append(layer)
    if output == "tanh":
        layers.append(nn.Tanh())
    return nn.Sequential(*layers)


class Mixture(nn.Module):
    """Several generators, of which the latent chooses one: a mixture with disconnected support.

    A latent is a one-hot choice followed by what the chosen expert gets, as
    `latents.product(latents.categorical(K), latents.normal(m))` draws them. How often an expert is
    chosen is the latent law's matter: equally, or by `categorical(K, weights=...)`. It cannot be
    learnt here, because the loss of samples that are drawn already does not change with it.

    Every expert sees every latent of a batch, so a layer that normalises over the batch has the
    statistics of the whole of it. A sample is differentiable in the expert's part of the latent and
    constant in the choice.

    Args:
        experts: each [n, m] -> samples [n, ...] of one and the same shape; at least two.

    Raises:
        ValueError: fewer than two experts.

    Cost: one pass of every expert, K times that of one.

    Source: Ghosh et al. (2018) and Khayatkhoei et al. (2018) for mixtures with one discriminator.

    Example:
        >>> rng = torch.Generator().manual_seed(0)
        >>> pair = Mixture([mlp([1, 4, 2], generator=rng), mlp([1, 4, 2], generator=rng)])
        >>> pair(torch.tensor([[0.0, 1.0, 0.3]])).shape
        torch.Size([1, 2])
    """

    def __init__(self, experts: Sequence[nn.Module]) -> None:
        super().__init__()
        if len(experts) < 2:
            raise ValueError(f"experts must be at least two generators, got {len(experts)}")
        self.experts = nn.ModuleList(experts)

    def forward(self, z: Tensor) -> Tensor:
        """Samples [n, ...] for latents [n, K + m]."""
        count = len(self.experts)
        if z.ndim != 2 or z.shape[1] <= count:
            raise ValueError(
                f"latents of a mixture of {count} must have shape [n, {count} + m], a one-hot "
                f"choice and m numbers for the expert, got {list(z.shape)}"
            )
        made = [expert(z[:, count:]) for expert in self.experts]
        odd = next((x for x in made if x.shape != made[0].shape), None)
        if odd is not None:
            raise ValueError(
                "experts must make samples of one shape, got "
                f"{list(made[0].shape[1:])} and {list(odd.shape[1:])}"
            )
        chosen = z[:, :count].argmax(dim=1).reshape(-1, *[1] * made[0].ndim)
        return torch.stack(made, dim=1).take_along_dim(chosen, dim=1).squeeze(1)


class Position(nn.Module):
    """The generator of the Dirac-GAN: one point, wherever the latent is (Mescheder et al. 2018)."""

    def __init__(self, at: Sequence[float], *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.at = nn.Parameter(torch.tensor(list(at), dtype=dtype))

    def forward(self, z: Tensor) -> Tensor:
        """The point [n, d], once for each latent."""
        return self.at.expand(len(z), -1)


class LinearScore(nn.Module):
    """The discriminator of the Dirac-GAN: the inner product of a sample with its slope."""

    def __init__(self, slope: Sequence[float], *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(list(slope), dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Scores [n] of samples [n, d]."""
        return x @ self.slope


class Conditional(nn.Module):
    """A generator of labelled samples: the class that the latent asks for, beside what was made.

    A conditional game is the plain game on the joint law of sample and class (Mirza & Osindero
    2014): the discriminator is shown a flat sample with its class as one-hot numbers after it, real
    or generated. So every measure of a plain game is one of the conditional game.

    Args:
        body: [n, K + m] -> flat samples [n, d].
        classes: K, at least two; the latent's first K numbers are the class, one-hot.

    Raises:
        ValueError: fewer than two classes.

    Example:
        >>> body = mlp([5, 8, 3], generator=torch.Generator().manual_seed(0))
        >>> Conditional(body, 2)(torch.tensor([[0.0, 1.0, 0.3, 0.1, 0.2]]))[:, 3:]
        tensor([[0., 1.]], grad_fn=<SliceBackward0>)
    """

    def __init__(self, body: nn.Module, classes: int) -> None:
        super().__init__()
        if classes < 2:
            raise ValueError(f"classes must be at least 2, got {classes}")
        self.body, self.classes = body, classes

    def forward(self, z: Tensor) -> Tensor:
        """Samples and their classes [n, d + K] for latents [n, K + m]."""
        return torch.cat([self.body(z).flatten(1), z[:, : self.classes]], dim=1)


def dcgan_generator(
    size: int,
    *,
    generator: torch.Generator,
    latent: int = 64,
    channels: int = 1,
    width: int = 64,
    dtype: torch.dtype = torch.float32,
) -> nn.Sequential:
    """Build the generator of a DCGAN.

    Batch norm uses the statistics of the batch, in training and in evaluation alike, and keeps no
    running ones: a sample depends on the latents beside it. At size 32, width 64 and one channel
    it has 919,425 parameters.

    Args:
        size: pixels along a side: 28, 32 or 64.
        generator: CPU generator of the initial weights.
        latent: size of a latent.
        channels: of the image.
        width: channels of the last hidden layer; doubled for each layer before it.
        dtype: of the parameters.

    Returns:
        [n, latent] -> [n, channels, size, size] in (-1, 1).

    Raises:
        ValueError: another size, or a width or number of channels below 1.

    Example:
        >>> net = dcgan_generator(28, generator=torch.Generator().manual_seed(0), width=4)
        >>> net(torch.zeros(2, 64)).shape
        torch.Size([2, 1, 28, 28])
    """
    doublings = _check(size, latent=latent, channels=channels, width=width)
    plan = [width * 2**k for k in reversed(range(doublings))]
    layers: list[nn.Module] = [
        nn.Unflatten(1, (latent, 1, 1)),
        _up(latent, plan[0], 4, stride=1, padding=0, dtype=dtype),
        *_norm_relu(plan[0], dtype),
    ]
    for position, (inputs, outputs) in enumerate(pairwise(plan)):
        kernel = 3 if size == 28 and position == 0 else 4  # 4 -> 7 instead of 4 -> 8
        layers.append(_up(inputs, outputs, kernel, stride=2, padding=1, dtype=dtype))
        layers += _norm_relu(outputs, dtype)
    layers.append(_up(plan[-1], channels, 4, stride=2, padding=1, dtype=dtype, bias=True))
    layers.append(nn.Tanh())
    return _initialised(nn.Sequential(*layers), generator)


def dcgan_discriminator(
    size: int,
    *,
    generator: torch.Generator,
    channels: int = 1,
    width: int = 64,
    dtype: torch.dtype = torch.float32,
) -> nn.Sequential:
    """Build the discriminator of a DCGAN, which returns a logit.

    LeakyReLU of slope 0.2 and batch norm on batch statistics, none on the first layer. At size 32,
    width 64 and one channel it has 661,313 parameters.

    Args:
        size: pixels along a side: 28, 32 or 64.
        generator: CPU generator of the initial weights.
        channels: of the image.
        width: channels of the first layer; doubled for each layer after it.
        dtype: of the parameters.

    Returns:
        [n, channels, size, size] -> logits [n, 1].

    Raises:
        ValueError: another size, or a width or number of channels below 1.

    Example:
        >>> net = dcgan_discriminator(28, generator=torch.Generator().manual_seed(0), width=4)
        >>> net(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 1])
    """
    doublings = _check(size, channels=channels, width=width)
    plan = [width * 2**k for k in range(doublings)]
    layers: list[nn.Module] = [
        _down(channels, plan[0], 4, stride=2, padding=1, dtype=dtype, bias=True)
    ]
    layers.append(nn.LeakyReLU(0.2))
    for position, (inputs, outputs) in enumerate(pairwise(plan)):
        kernel = 3 if size == 28 and position == doublings - 2 else 4  # 7 -> 4 instead of 8 -> 4
        layers.append(_down(inputs, outputs, kernel, stride=2, padding=1, dtype=dtype))
        layers += [_norm(outputs, dtype), nn.LeakyReLU(0.2)]
    layers.append(_down(plan[-1], 1, 4, stride=1, padding=0, dtype=dtype, bias=True))
    layers.append(nn.Flatten(1))
    return _initialised(nn.Sequential(*layers), generator)


def _check(size: int, **counts: int) -> int:
    if size not in _SIZES:
        raise ValueError(f"size must be one of {', '.join(map(str, _SIZES))}, got {size}")
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    return _SIZES[size]


def _up(inputs: int, outputs: int, kernel: int, *, bias: bool = False, **options: Any) -> nn.Module:
    return skip_init(nn.ConvTranspose2d, inputs, outputs, kernel, bias=bias, **options)


def _down(
    inputs: int, outputs: int, kernel: int, *, bias: bool = False, **options: Any
) -> nn.Module:
    return skip_init(nn.Conv2d, inputs, outputs, kernel, bias=bias, **options)


def _norm(channels: int, dtype: torch.dtype) -> nn.Module:
    return nn.BatchNorm2d(channels, track_running_stats=False, dtype=dtype)


def _norm_relu(channels: int, dtype: torch.dtype) -> list[nn.Module]:
    return [_norm(channels, dtype), nn.ReLU()]


def _initialised(network: nn.Sequential, generator: torch.Generator) -> nn.Sequential:
    """Weights N(0, 0.02), batch norm's factors N(1, 0.02), every offset zero."""
    for module in network:
        weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
        if weight is not None:
            mean = 1.0 if isinstance(module, nn.BatchNorm2d) else 0.0
            _fill_normal(weight, mean, generator)
        if bias is not None:
            nn.init.zeros_(bias)
    return network


def _fill_uniform(parameter: Tensor, bound: float, generator: torch.Generator) -> None:
    unit = torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        parameter.copy_(bound * (2.0 * unit - 1.0))


def _fill_normal(parameter: Tensor, mean: float, generator: torch.Generator) -> None:
    unit = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        parameter.copy_(mean + 0.02 * unit)
