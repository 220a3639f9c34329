"""Networks in the shapes in which repositories publish them, written here from their descriptions.

Each is an ordinary module with its own names and forward pass; the adapters never see the class,
only the file. Weights and running statistics are drawn, so that no layer is the identity.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, spectral_norm

SPECTRAL_NORMS = {"old": spectral_norm, "new": parametrizations.spectral_norm}


def drawn(network: nn.Module, seed: int = 0) -> nn.Module:
    """The network with every parameter and statistic drawn from a seed, in evaluation mode."""
    rng = torch.Generator().manual_seed(seed)
    for p in network.parameters():
        p.data += 0.05 * torch.randn(p.shape, generator=rng)
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            buffer.copy_(torch.randn(buffer.shape, generator=rng))
        if name.endswith("running_var"):
            buffer.copy_(0.5 + torch.rand(buffer.shape, generator=rng))
    return network.eval()


class ExamplesGenerator(nn.Module):
    """The DCGAN of pytorch/examples, 64 pixels: one Sequential called main, latents [n, z, 1, 1]."""

    def __init__(self, z: int = 20, width: int = 4, channels: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs, stride, padding = z, 1, 0
        for factor in (8, 4, 2, 1):
            layers += [
                nn.ConvTranspose2d(inputs, factor * width, 4, stride, padding, bias=False),
                nn.BatchNorm2d(factor * width),
                nn.ReLU(inplace=True),
            ]
            inputs, stride, padding = factor * width, 2, 1
        layers += [nn.ConvTranspose2d(width, channels, 4, 2, 1, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        return self.main(z.reshape(len(z), -1, 1, 1))


class ExamplesDiscriminator(nn.Module):
    """Its opponent; the sigmoid end is left to the caller."""

    def __init__(self, width: int = 4, channels: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(channels, width, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        for factor in (1, 2, 4):
            layers += [
                nn.Conv2d(factor * width, 2 * factor * width, 4, 2, 1, bias=False),
                nn.BatchNorm2d(2 * factor * width),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        layers += [nn.Conv2d(8 * width, 1, 4, 1, 0, bias=False)]
        self.main = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x).flatten(1)


class UpsamplingGenerator(nn.Module):
    """The DCGAN of PyTorch-GAN: a linear stem, nearest upsampling, epsilon 0.8 in all norms but one."""

    def __init__(self, z: int = 16, channels: int = 1) -> None:
        super().__init__()
        self.l1 = nn.Sequential(nn.Linear(z, 16 * 8 * 8))
        self.conv_blocks = nn.Sequential(
            nn.BatchNorm2d(16),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(16, 16, 3, stride=1, padding=1),
            nn.BatchNorm2d(16, 0.8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(16, 8, 3, stride=1, padding=1),
            nn.BatchNorm2d(8, 0.8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(8, channels, 3, stride=1, padding=1),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.conv_blocks(self.l1(z).view(len(z), 16, 8, 8))


UPSAMPLING = (
    "linear", "unflatten:16:8:8", "batch_norm", "upsample:2", "conv:1:1", "batch_norm:0.8", "hidden",
    "upsample:2", "conv:1:1", "batch_norm:0.8", "hidden", "conv:1:1", "output",
)  # fmt: skip


class DropoutDiscriminator(nn.Module):
    """Its opponent: convolution, activation, dropout, and only then the norm; a linear end."""

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((channels, 4), (4, 8), (8, 16), (16, 32)):
            layers += [
                nn.Conv2d(inputs, outputs, 3, 2, 1),
                nn.LeakyReLU(0.2, inplace=True),
                nn.Dropout2d(0.25),
            ]
            if inputs != channels:
                layers.append(nn.BatchNorm2d(outputs, 0.8))
        self.model = nn.Sequential(*layers)
        self.adv_layer = nn.Sequential(nn.Linear(32 * 2 * 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.adv_layer(self.model(x).flatten(1))


def block_perceptron(z: int = 10, pixels: int = 64) -> nn.Sequential:
    """The WGAN-GP generator of PyTorch-GAN: linear, BatchNorm1d of epsilon 0.8, LeakyReLU."""
    layers: list[nn.Module] = [nn.Linear(z, 8), nn.LeakyReLU(0.2, inplace=True)]
    for inputs, outputs in ((8, 12), (12, 16)):
        layers += [
            nn.Linear(inputs, outputs),
            nn.BatchNorm1d(outputs, 0.8),
            nn.LeakyReLU(0.2, inplace=True),
        ]
    return nn.Sequential(*layers, nn.Linear(16, pixels), nn.Tanh())


def dropped_out_perceptron(pixels: int = 64) -> nn.Sequential:
    """A discriminator with LayerNorm and dropout between its layers: 0, 1, 4, 7."""
    return nn.Sequential(
        nn.Linear(pixels, 12),
        nn.LayerNorm(12),
        nn.LeakyReLU(0.2),
        nn.Dropout(0.3),
        nn.Linear(12, 8),
        nn.LeakyReLU(0.2),
        nn.Dropout(0.3),
        nn.Linear(8, 1),
    )


def plain_spectral_critic(wrap: Any, width: int = 4) -> nn.Sequential:
    """The standard CNN of spectral normalisation for 32 pixels: 3x3 and 4x4 kernels in turn."""
    layers: list[nn.Module] = []
    inputs = 3
    for outputs in (width, 2 * width, 4 * width):
        layers += [
            wrap(nn.Conv2d(inputs, outputs, 3, 1, 1)),
            nn.LeakyReLU(0.1),
            wrap(nn.Conv2d(outputs, outputs, 4, 2, 1)),
            nn.LeakyReLU(0.1),
        ]
        inputs = outputs
    layers += [wrap(nn.Conv2d(inputs, 8 * width, 3, 1, 1)), nn.LeakyReLU(0.1), nn.Flatten()]
    return nn.Sequential(*layers, wrap(nn.Linear(8 * width * 16, 1)))


def layer_norm_critic() -> nn.Sequential:
    """LayerNorm over whole maps, as critics of WGAN-GP have it; 32 pixels."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(4, 8, 4, 2, 1),
        nn.LayerNorm([8, 8, 8]),
        nn.LeakyReLU(0.2),
        nn.Conv2d(8, 1, 8, 1, 0),
        nn.Flatten(),
    )


class Critic28(nn.Module):
    """Named layers registered kind by kind: every convolution, then every norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 4, 2, 1)
        self.conv2 = nn.Conv2d(4, 8, 4, 2, 1)
        self.conv3 = nn.Conv2d(8, 16, 3, 2, 1)
        self.bn2 = nn.BatchNorm2d(8)
        self.bn3 = nn.BatchNorm2d(16)
        self.head = nn.Linear(16 * 4 * 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.conv1(x))
        x = torch.relu(self.bn2(self.conv2(x)))
        return self.head(torch.relu(self.bn3(self.conv3(x))).flatten(1))


# --- residual networks of spectral normalisation


class GeneratorBlock(nn.Module):
    """Kept twice, as attributes and inside a Sequential: the file names the same weights twice."""

    def __init__(self, inputs: int, outputs: int, *, bypass: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 1, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, padding=1)
        self.model = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            self.conv1,
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            self.conv2,
        )
        shortcut = [nn.Conv2d(inputs, outputs, 1)] if bypass else []
        self.bypass = nn.Sequential(nn.Upsample(scale_factor=2), *shortcut)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x) + self.bypass(x)


class ResidualGenerator(nn.Module):
    """Three blocks from 4 to 32 pixels."""

    def __init__(self, widths: tuple[int, int, int, int] = (8, 8, 8, 8), z: int = 6) -> None:
        super().__init__()
        self.width = widths[0]
        self.dense = nn.Linear(z, 4 * 4 * widths[0])
        self.final = nn.Conv2d(widths[3], 3, 3, stride=1, padding=1)
        blocks = [GeneratorBlock(a, b, bypass=a != b) for a, b in itertools.pairwise(widths)]
        self.model = nn.Sequential(
            *blocks, nn.BatchNorm2d(widths[3]), nn.ReLU(), self.final, nn.Tanh()
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.model(self.dense(z).view(-1, self.width, 4, 4))


class CriticBlock(nn.Module):
    """Two ways; the second of a block that halves the pixels has a 1x1 convolution."""

    def __init__(self, inputs: int, outputs: int, wrap: Any, *, first: bool, down: bool) -> None:
        super().__init__()
        one, two = nn.Conv2d(inputs, outputs, 3, 1, 1), nn.Conv2d(outputs, outputs, 3, 1, 1)
        halve = [nn.AvgPool2d(2)] if down else []
        before = [] if first else [nn.ReLU()]
        self.model = nn.Sequential(*before, wrap(one), nn.ReLU(), wrap(two), *halve)
        shortcut = wrap(nn.Conv2d(inputs, outputs, 1)) if down else nn.Identity()
        self.bypass = nn.Sequential(*halve, shortcut) if first else nn.Sequential(shortcut, *halve)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x) + self.bypass(x)


class ResidualCritic(nn.Module):
    """Four blocks for 32 pixels, a mean over the last 8 x 8 and one linear layer."""

    def __init__(self, wrap: Any, width: int = 8) -> None:
        super().__init__()
        self.model = nn.Sequential(
            CriticBlock(3, width, wrap, first=True, down=True),
            CriticBlock(width, width, wrap, first=False, down=True),
            CriticBlock(width, width, wrap, first=False, down=False),
            CriticBlock(width, width, wrap, first=False, down=False),
            nn.ReLU(),
            nn.AvgPool2d(8),
        )
        self.fc = wrap(nn.Linear(width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.model(x).flatten(1))
