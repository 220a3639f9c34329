"""How is batch norm differentiated three times, and how over a batch that is spread?

On the statistics of the batch torch's kernel is right up to second derivatives. From the third on
it takes mean and variance for constants and is silently wrong
(https://github.com/pytorch/pytorch/issues/186256). A gradient penalty takes one derivative, and
what is corrected by second derivatives of such a loss takes two more. `WrittenOut` puts the
formula in the kernel's place, in operations that can be differentiated as often as wanted; its
statistics may be those of a whole batch of which a process holds a part, which torch's
`SyncBatchNorm` offers on GPUs alone.

Layers change their class for a while, as with torch's own parametrizations: names, parameters and
buffers stay, and outside `used` a layer is the plain one.

Source: Ioffe & Szegedy (2015); the variance of equal parts from theirs as in Chan et al. (1983).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from torch import Tensor

__all__ = ["WrittenOut", "has_own_batch_norm"]


class WrittenOut:
    """Batch norm of some networks by its formula.

    Args:
        networks: whose layers.
        count: of equal parts that the batch is in, this process having one.
        gather: the statistics [2, channels] of each part -> [count, 2, channels], differentiable;
            None where the batch is in one part.

    Cost: several times the memory of torch's kernel, one exchange a layer on each way.
    """

    def __init__(
        self,
        networks: Iterable[nn.Module],
        *,
        count: int = 1,
        gather: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self._layers = [m for net in networks for m in net.modules() if type(m) in _WRITTEN]
        self._parts = (count, gather)

    @contextlib.contextmanager
    def used(self) -> Generator[None]:
        """Around forward passes; a layer on running statistics goes on using them."""
        for layer in self._layers:
            layer.__class__ = _WRITTEN[type(layer)]
            layer.__dict__["_parts"] = self._parts
        try:
            yield
        finally:
            for layer in self._layers:
                layer.__class__ = _PLAIN[type(layer)]
                del layer.__dict__["_parts"]


def has_own_batch_norm(network: nn.Module) -> str:
    """The type of a layer whose batch statistics `WrittenOut` cannot replace; "" where none is."""
    odd = (m for m in network.modules() if isinstance(m, _BatchNorm) and type(m) not in _WRITTEN)
    return next((type(m).__name__ for m in odd), "")


class _Formula(_BatchNorm):
    """What the three layers below do instead of their base."""

    _parts: tuple[int, Callable[[Tensor], Tensor] | None]

    @torch.compiler.disable  # compiled code breaks off here: it cannot hold an exchange
    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's name)  # pyright: ignore[reportIncompatibleMethodOverride]
        x = input
        if not self.training and self.running_mean is not None:
            return super().forward(x)
        self._check_input_dim(x)
        count, gather = self._parts
        seen = count * x.numel() // x.shape[1]
        if seen < 2:
            raise ValueError(
                f"batch norm needs more than one value per channel, got {list(x.shape)}"
            )
        low = x.dtype in (torch.float16, torch.bfloat16)
        wide = x.float() if low else x  # as torch's kernel does in mixed precision
        over = [0, *range(2, x.ndim)]
        own = wide.mean(over)
        spread = (wide - _beside(own, x)).square().mean(over)
        every = torch.stack([own, spread])
        means, spreads = (every[None] if gather is None else gather(every)).unbind(1)
        mean = means.mean(0)
        variance = spreads.mean(0) + (means - mean).square().mean(0)
        self._remember(mean, variance * (seen / (seen - 1)))
        out = (wide - _beside(mean, x)) * _beside(torch.rsqrt(variance + self.eps), x)
        if self.affine:
            out = out * _beside(self.weight, x) + _beside(self.bias, x)
        return out.to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics, where they are kept."""
        if not (self.training and self.track_running_stats):
            return
        share: Any = self.momentum
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if share is None:
                share = 1.0 / self.num_batches_tracked.double().item()
        for kept, now in ((self.running_mean, mean), (self.running_var, variance)):
            if kept is not None:
                kept.lerp_(now.to(kept.dtype), 0.0 if share is None else share)


class _BatchNorm1d(_Formula, nn.BatchNorm1d):
    """Of [n, channels] or [n, channels, length]."""


class _BatchNorm2d(_Formula, nn.BatchNorm2d):
    """Of [n, channels, height, width]."""


class _BatchNorm3d(_Formula, nn.BatchNorm3d):
    """Of [n, channels, depth, height, width]."""


_WRITTEN: dict[type[nn.Module], type[nn.Module]] = {
    nn.BatchNorm1d: _BatchNorm1d,
    nn.BatchNorm2d: _BatchNorm2d,
    nn.BatchNorm3d: _BatchNorm3d,
}
_PLAIN = {written: plain for plain, written in _WRITTEN.items()}


def _beside(values: Tensor, x: Tensor) -> Tensor:
    """One value a channel, shaped to go with x [n, channels, ...]."""
    return values.reshape(-1, *[1] * (x.ndim - 2))
