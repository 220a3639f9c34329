"""What is batch norm of a batch of which a process holds one part?

Its statistics are those of the whole batch, by the formula, in operations that can be
differentiated as often as wanted; torch's `SyncBatchNorm` offers that on GPUs alone, and once.
Where the function is called matters, not which layer calls it: modules stay as they are.

Source: Ioffe & Szegedy (2015); the variance of equal parts from theirs as in Chan et al. (1983).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    Gather = Callable[[Tensor], Tensor]

__all__ = ["SpreadBatchNorm"]


class SpreadBatchNorm(TorchFunctionMode):
    """Around forward passes: batch norm on the statistics of all parts.

    Args:
        count: of equal parts that the batch is in, this process having one.
        gather: the statistics [2, channels] of this part -> [count, 2, channels] of all,
            differentiable.

    Cost: several times the memory of torch's kernel, one exchange a layer on the way forward and
    one back.
    """

    def __init__(self, *, count: int, gather: Gather) -> None:
        super().__init__()
        self._count, self._gather = count, gather
        # Compiled code breaks off at an exchange, which it cannot hold. Said here and not of the
        # function: it imports torch's compiler, which takes seconds that only such a batch owes.
        self._batch_norm: Any = torch.compiler.disable(_batch_norm)

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Whatever torch is asked for, with one exception."""
        given = kwargs or {}
        if func is functional.batch_norm:
            return self._batch_norm(self._count, self._gather, *args, **given)
        return func(*args, **given)


# Arguments have torch's names, which callers may use.


def _batch_norm(
    count: int,
    gather: Gather,
    input: Tensor,  # noqa: A002
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,  # noqa: FBT001, FBT002
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    if not training:
        return functional.batch_norm(
            input, running_mean, running_var, weight, bias, training, momentum, eps
        )
    # in mixed precision statistics are taken in single, as by torch's kernel
    x = input.float() if input.dtype in (torch.float16, torch.bfloat16) else input
    over = [0, *range(2, x.ndim)]
    seen = count * x.numel() // x.shape[1]
    if seen < 2:
        raise ValueError(f"batch norm needs more than one value per channel, got {list(x.shape)}")
    means, variances = gather(torch.stack(torch.var_mean(x, over, correction=0)[::-1])).unbind(1)
    mean = means.mean(0)
    variance = variances.mean(0) + (means - mean).square().mean(0)
    _remember(running_mean, mean, momentum)
    _remember(running_var, variance * (seen / (seen - 1)), momentum)
    shape = [1, -1, *[1] * (x.ndim - 2)]
    out = (x - mean.reshape(shape)) * torch.rsqrt(variance + eps).reshape(shape)
    if weight is not None:
        out = out * weight.reshape(shape)
    out = out if bias is None else out + bias.reshape(shape)
    return out.to(input.dtype)


@torch.no_grad()
def _remember(kept: Tensor | None, now: Tensor, momentum: float) -> None:
    """Move a running statistic, where it is kept."""
    if kept is not None:
        kept.lerp_(now.to(kept.dtype), momentum)
