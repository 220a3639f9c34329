"""How is a normalisation differentiated three times, and how over a batch that is spread?

torch's kernels of batch norm (on the statistics of the batch), layer norm and instance norm are
right up to second derivatives. From the third on they take mean and variance for constants and are
silently wrong (https://github.com/pytorch/pytorch/issues/186256, and 175754 there). A gradient
penalty takes one derivative; its curvature, and updates that differentiate gradients, take two
more. `WrittenOut` puts the formula in the kernel's place, in operations that can be differentiated
as often as wanted. Its batch statistics may be those of a whole batch of which a process holds one
part, which torch's `SyncBatchNorm` offers on GPUs alone.

Where the function is called matters, not which layer calls it: modules stay as they are.

Source: Ioffe & Szegedy (2015), Ba et al. (2016), Ulyanov et al. (2016); the variance of equal parts
from theirs as in Chan et al. (1983).
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

__all__ = ["WrittenOut"]


class WrittenOut(TorchFunctionMode):
    """Around forward passes: normalisation by its formula.

    Args:
        count: of equal parts that the batch is in, this process having one.
        gather: the statistics [2, channels] of each part -> [count, 2, channels], differentiable;
            None where the batch is in one part.
        everything: layer norm and instance norm too, which look at one sample each.

    Cost: several times the memory of torch's kernels; of a batch in parts one exchange a layer on
    the way forward and one back.
    """

    def __init__(
        self, *, count: int = 1, gather: Gather | None = None, everything: bool = True
    ) -> None:
        super().__init__()
        self._count, self._gather, self._everything = count, gather, everything
        # Compiled code breaks off at an exchange, which it cannot hold. Said here and not of the
        # function: it imports torch's compiler, which takes seconds that only such a batch owes.
        self._batch_norm: Any = (
            _batch_norm if gather is None else torch.compiler.disable(_batch_norm)
        )

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Whatever torch is asked for, with three exceptions."""
        given = kwargs or {}
        if func is functional.batch_norm:
            return self._batch_norm(self._count, self._gather, *args, **given)
        if self._everything and func is functional.layer_norm:
            return _layer_norm(*args, **given)
        if self._everything and func is functional.instance_norm:
            return _instance_norm(*args, **given)
        return func(*args, **given)


# Arguments have torch's names, which callers may use.


def _batch_norm(
    count: int,
    gather: Gather | None,
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
    x = _wide(input)
    over = [0, *range(2, x.ndim)]
    seen = count * x.numel() // x.shape[1]
    if seen < 2:
        raise ValueError(f"batch norm needs more than one value per channel, got {list(x.shape)}")
    own = torch.stack(_moments(x, over))
    means, variances = (own[None] if gather is None else gather(own)).unbind(1)
    mean = means.mean(0)
    variance = variances.mean(0) + (means - mean).square().mean(0)
    _remember(running_mean, mean, momentum)
    _remember(running_var, variance * (seen / (seen - 1)), momentum)
    shape = [1, -1, *[1] * (x.ndim - 2)]
    out = _scaled(x, mean.reshape(shape), variance.reshape(shape), eps)
    return _affine(out, weight, bias, shape).to(input.dtype)


def _layer_norm(
    input: Tensor,  # noqa: A002
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    x = _wide(input)
    over = list(range(x.ndim - len(normalized_shape), x.ndim))
    mean, variance = _moments(x, over, keepdim=True)
    out = _scaled(x, mean, variance, eps)
    return _affine(out, weight, bias, list(normalized_shape)).to(input.dtype)


def _instance_norm(
    input: Tensor,  # noqa: A002
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,  # noqa: FBT001, FBT002
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    if not use_input_stats:
        return functional.instance_norm(
            input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
        )
    x = _wide(input)
    over = list(range(2, x.ndim))
    seen = x[0, 0].numel()
    if seen < 2:
        raise ValueError(f"instance norm needs more than one value each, got {list(x.shape)}")
    mean, variance = _moments(x, over, keepdim=True)
    _remember(running_mean, mean.flatten(1).mean(0), momentum)
    _remember(running_var, variance.flatten(1).mean(0) * (seen / (seen - 1)), momentum)
    shape = [1, -1, *[1] * (x.ndim - 2)]
    return _affine(_scaled(x, mean, variance, eps), weight, bias, shape).to(input.dtype)


def _wide(x: Tensor) -> Tensor:
    """In mixed precision statistics are taken in single, as by torch's kernels."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _moments(x: Tensor, over: list[int], *, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """Mean and variance, the latter about the former."""
    mean = x.mean(over, keepdim=True)
    variance = (x - mean).square().mean(over, keepdim=keepdim)
    return mean.reshape(variance.shape), variance


def _scaled(x: Tensor, mean: Tensor, variance: Tensor, eps: float) -> Tensor:
    return (x - mean) * torch.rsqrt(variance + eps)


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None, shape: list[int]) -> Tensor:
    if weight is not None:
        x = x * weight.reshape(shape)
    return x if bias is None else x + bias.reshape(shape)


@torch.no_grad()
def _remember(kept: Tensor | None, now: Tensor, momentum: float) -> None:
    """Move a running statistic, where it is kept."""
    if kept is not None:
        kept.lerp_(now.to(kept.dtype), momentum)
