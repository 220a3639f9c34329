"""The residual blocks of spectrally normalised GANs, and which weights of a file make one.

Generator: convolve(up(act(norm(x)))), convolve(act(norm(.))), plus up(x) through the 1 x 1
convolution where there is one. Discriminator: the same without norms, pooled by two at the end of
both ways; its first block has no activation before the first convolution and pools before the
1 x 1 convolution.

Source: Miyato et al. (2018), appendix B; Gulrajani et al. (2017), appendix F.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from torch import Tensor, nn

from gancheck.checkpoints.activations import activation
from gancheck.checkpoints.blocks import Block, block_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from gancheck.checkpoints.parts import Part

__all__ = ["Block", "GlobalPool", "Residual", "block_of"]


class Residual(nn.Module):
    """One block [n, c, h, w] -> [n, c', h', w'].

    Args:
        word: residual_up, residual_same, residual_down or residual_first.
        block: its parts.
        activation: before each convolution; of a first block between the two only.
        wrap: puts the part's spectral norm on a layer.
    """

    def __init__(
        self,
        word: str,
        block: Block,
        *,
        activation: str,
        wrap: Callable[[nn.Module, Part], nn.Module],
    ) -> None:
        super().__init__()
        self.word = word
        self.convolve_1 = _convolution(block.first, wrap)
        self.convolve_2 = _convolution(block.second, wrap)
        self.shortcut = None if block.shortcut is None else _convolution(block.shortcut, wrap)
        self.norm_1 = None if block.norm_1 is None else _norm(block.norm_1)
        self.norm_2 = None if block.norm_2 is None else _norm(block.norm_2)
        self.activate_1 = nn.Identity() if word == "residual_first" else _activation(activation)
        self.activate_2 = _activation(activation)
        self.up = nn.Upsample(scale_factor=2) if word == "residual_up" else nn.Identity()
        down = word in ("residual_down", "residual_first")
        self.down = nn.AvgPool2d(2) if down else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """The sum of both ways."""
        y = x if self.norm_1 is None else self.norm_1(x)
        y = self.convolve_1(self.up(self.activate_1(y)))
        y = y if self.norm_2 is None else self.norm_2(y)
        y = self.down(self.convolve_2(self.activate_2(y)))
        return y + self._aside(x)

    def _aside(self, x: Tensor) -> Tensor:
        if self.word == "residual_first":
            x = self.down(x)
            return x if self.shortcut is None else self.shortcut(x)
        x = self.up(x)
        return self.down(x if self.shortcut is None else self.shortcut(x))


class GlobalPool(nn.Module):
    """Sum or mean over the pixels: [n, c, h, w] -> [n, c]."""

    def __init__(self, how: Literal["sum", "mean"]) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        """Pool."""
        return x.sum((2, 3)) if self.how == "sum" else x.mean((2, 3))


def _activation(spec: str) -> nn.Module:
    return activation(spec)


def _convolution(part: Part, wrap: Callable[[nn.Module, Part], nn.Module]) -> nn.Module:
    outputs, inputs, kernel, _ = part.shape
    return wrap(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=part.bias), part)


def _norm(part: Part) -> nn.Module:
    return nn.BatchNorm2d(
        part.shape[0], affine="weight" in part.keys, track_running_stats=part.tracks
    )
