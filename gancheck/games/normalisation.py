"""How is a normalisation layer differentiated twice quickly, and three times rightly?

torch differentiates its normalisation layers exactly twice, by a chain of some thirty elementwise
operations: on a DCGAN a sixth of a Hessian-vector product. Its third derivative of batch, layer and
instance norm is silently wrong (seen in torch 2.13, float64, no warning; that of group norm is
right). A gradient penalty through such a critic has its Hessian there.

Here the second derivative takes seven passes, by the closed form below, with torch's own fused
kernels for the first; further ones go through the plain definition. With means over the M entries
that are normalised together, x' = (x - mean x) s the normalised input, s = 1/sqrt(var + eps), and
P r = s (r - mean r - x' mean(r x')):

    forward        y = w x' + b
    first          gx = w P g,   gw = sum(g x'),   gb = sum g
    second, of <a, gx> + <u, gw> + <c, gb>
        in g       w P a + u x' + c
        in w       sum(a P g)
        in x       (u - w s mean(a x')) P g - w s mean(g x') P a - w s sum(a P g) x'/M

Source: Ioffe and Szegedy (2015), Ba et al. (2016), Wu and He (2018) for the forward maps; the
derivatives are by hand, held against differences and against the plain definition in the tests.
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

__all__ = ["batch_norm", "exact_normalisation", "group_norm", "instance_norm", "layer_norm"]

_TRAIN = True  # of torch's kernels: on the statistics of what is handed in
_CHANNELS_BACKWARD = torch.ops.aten.native_batch_norm_backward
_ROWS_BACKWARD = torch.ops.aten.native_layer_norm_backward


@contextlib.contextmanager
def exact_normalisation(*, moving: bool = False) -> Generator[None]:
    """Inside, torch's normalisations are those of this module.

    Batch and instance norm on running statistics are affine maps and stay torch's own, and so does
    any other dtype than float32 and float64.

    Args:
        moving: also move running buffers, as a training does and a measure must not.
    """
    with _Interception(moving=moving):
        yield


class _Interception(TorchFunctionMode):
    def __init__(self, *, moving: bool) -> None:
        super().__init__()
        self._moving = moving

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        ours = _REPLACED.get(func)
        if ours is not None:
            out = ours(*args, **(kwargs or {}))
            if out is not None:
                if self._moving and func in (functional.batch_norm, functional.instance_norm):
                    _move_running(*args, over_batch=func is functional.batch_norm, **(kwargs or {}))
                return out
        return func(*args, **(kwargs or {}))


def batch_norm(
    input: Tensor,  # noqa: A002 (torch's own names, which callers may use as keywords)
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,  # noqa: FBT001, FBT002
    momentum: float | None = 0.1,
    eps: float = 1e-5,
) -> Tensor | None:
    """`torch.nn.functional.batch_norm` in training mode; None for a call that is left to torch."""
    del running_mean, running_var, momentum
    channels = input.shape[1] if input.ndim > 1 else 0
    # torch refuses a single entry a channel, in its own words
    if not training or not channels or input.numel() <= channels or not _fits(input, weight, bias):
        return None
    weight = input.new_ones(channels) if weight is None else weight
    bias = input.new_zeros(channels) if bias is None else bias
    return _ByChannel.apply(input, weight, bias, eps)


def instance_norm(
    input: Tensor,  # noqa: A002
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,  # noqa: FBT001, FBT002
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor | None:
    """`torch.nn.functional.instance_norm` on input statistics; None for what is left to torch."""
    del running_mean, running_var, momentum
    entries = math.prod(input.shape[2:])
    if not use_input_stats or input.ndim < 3 or entries < 2 or not _fits(input, weight, bias):
        return None
    return _affine(_by_row(input, entries, eps), weight, bias, input.ndim - 2)


def group_norm(
    input: Tensor,  # noqa: A002
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor | None:
    """`torch.nn.functional.group_norm`; None for a call that is left to torch."""
    if input.ndim < 2 or input.shape[1] % num_groups or not _fits(input, weight, bias):
        return None
    entries = math.prod(input.shape[1:]) // num_groups
    if entries < 2:
        return None
    return _affine(_by_row(input, entries, eps), weight, bias, input.ndim - 2)


def layer_norm(
    input: Tensor,  # noqa: A002
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor | None:
    """`torch.nn.functional.layer_norm`; None for a call that is left to torch."""
    shape = tuple(normalized_shape)
    if input.shape[-len(shape) :] != shape or not _fits(input, weight, bias):
        return None
    return _affine(_by_row(input, math.prod(shape), eps), weight, bias, 0)


_REPLACED: dict[Any, Callable[..., Tensor | None]] = {
    functional.batch_norm: batch_norm,
    functional.instance_norm: instance_norm,
    functional.group_norm: group_norm,
    functional.layer_norm: layer_norm,
}


@torch.no_grad()
def _move_running(
    input: Tensor,  # noqa: A002
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    which: bool = True,  # noqa: FBT001, FBT002 (named differently by the two of them)
    momentum: float = 0.1,
    *rest: object,
    over_batch: bool,
    **named: object,
) -> None:
    """Buffers on their way to the mean and the unbiased variance of what is normalised together."""
    del weight, bias, which, rest, named
    axes = [0, *range(2, input.ndim)] if over_batch else list(range(2, input.ndim))
    variance, mean = torch.var_mean(input, axes)
    for kept, now in ((running_mean, mean), (running_var, variance)):
        if kept is not None:
            kept.lerp_(now if over_batch else now.mean(0), momentum)


def _fits(x: Tensor, *affine: Tensor | None) -> bool:
    return (
        x.numel() > 0
        and x.dtype in (torch.float32, torch.float64)
        and all(p is None or p.dtype == x.dtype for p in affine)
    )


def _affine(y: Tensor, weight: Tensor | None, bias: Tensor | None, trailing: int) -> Tensor:
    """Y w + b, with parameters whose last axis stands `trailing` axes before y's last."""
    for parameter, join in ((weight, torch.mul), (bias, torch.add)):
        if parameter is not None:
            y = join(y, parameter.reshape(*parameter.shape, *([1] * trailing)))
    return y


def _by_row(x: Tensor, entries: int, eps: float) -> Tensor:
    """Each run of `entries` consecutive entries of x normalised to mean 0 and variance 1."""
    return _ByRow.apply(x.reshape(-1, entries), eps).reshape(x.shape)


class _ByChannel(torch.autograd.Function):
    """y = w x' + b, normalised by channel."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        y, mean, scale = torch.native_batch_norm(x, weight, bias, None, None, _TRAIN, 0.0, eps)
        ctx.save_for_backward(x, weight, mean, scale)
        ctx.eps = eps
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, scale = ctx.saved_tensors
        return (*_ByChannelFirst.apply(grads[0], x, weight, mean, scale, ctx.eps), None)


class _ByChannelFirst(torch.autograd.Function):
    """(gx, gw, gb) as a function of g, x and w; mean and scale are functions of x."""

    @staticmethod
    def forward(
        ctx: Any, g: Tensor, x: Tensor, weight: Tensor, mean: Tensor, scale: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        projected, gw, gb = _project_channels(g, x, mean, scale, eps)
        ctx.save_for_backward(g, x, weight, mean, scale)
        # An intermediate, not an output: only the path that is not differentiated again reads it.
        ctx.projected, ctx.sum_gx, ctx.eps = projected, gw.detach(), eps
        return projected * _channels(weight, x), gw, gb

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        g, x, weight, mean, scale = ctx.saved_tensors
        if torch.is_grad_enabled():
            return (*_plain_channels(grads, g, x, weight, ctx.eps), None, None, None)
        a, u, c = grads
        count = x.numel() // x.shape[1]
        projected_a, sum_ax, _ = _project_channels(a, x, mean, scale, ctx.eps)
        inner = _channel_sums(a, ctx.projected)
        ws = weight * scale
        in_g = _multiple(x, mean, scale, u, c).addcmul_(projected_a, _channels(weight, x))
        in_x = _multiple(x, mean, scale, -ws * inner / count, None)
        in_x.addcmul_(ctx.projected, _channels(u - ws * sum_ax / count, x))
        in_x.addcmul_(projected_a, _channels(-ws * ctx.sum_gx / count, x))
        return in_g, in_x, inner, None, None, None


class _ByRow(torch.autograd.Function):
    """y = x', each row of x [rows, entries] normalised."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> Tensor:
        y, mean, scale = torch.native_layer_norm(x, [x.shape[1]], None, None, eps)
        ctx.save_for_backward(x, mean, scale)
        ctx.eps = eps
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, mean, scale = ctx.saved_tensors
        return _ByRowFirst.apply(grads[0], x, mean, scale, ctx.eps), None


class _ByRowFirst(torch.autograd.Function):
    """gx = P g as a function of g and x; mean and scale are functions of x."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor, mean: Tensor, scale: Tensor, eps: float) -> Tensor:
        projected = _project_rows(g, x, mean, scale)
        ctx.save_for_backward(g, x, mean, scale)
        ctx.projected, ctx.eps = projected.detach(), eps
        return projected

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        g, x, mean, scale = ctx.saved_tensors
        (a,) = grads
        if torch.is_grad_enabled():
            return (*_plain_rows(a, g, x, ctx.eps), None, None, None)
        count = x.shape[1]
        projected_a = _project_rows(a, x, mean, scale)
        normal = (x - mean) * scale
        inner = (a * ctx.projected).sum(1, keepdim=True)
        in_x = normal * (-scale * inner / count)
        in_x.addcmul_(ctx.projected, -scale * (a * normal).mean(1, keepdim=True))
        in_x.addcmul_(projected_a, -scale * (g * normal).mean(1, keepdim=True))
        return projected_a, in_x, None, None, None


def _project_channels(
    r: Tensor, x: Tensor, mean: Tensor, scale: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """P r, sum(r x'), sum r a channel, by torch's fused kernel with weight one."""
    one = torch.ones_like(mean)
    return _CHANNELS_BACKWARD(
        r,
        x,
        one,
        None,
        None,
        mean,
        scale,
        _TRAIN,
        eps,
        [True, True, True],
    )


def _project_rows(r: Tensor, x: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """P r a row, by torch's fused kernel without weight."""
    return _ROWS_BACKWARD(
        r.contiguous(), x, [x.shape[1]], mean, scale, None, None, [True, False, False]
    )[0]


def _channel_sums(a: Tensor, b: Tensor) -> Tensor:
    """sum(a b) a channel: what the fused kernel gives for a weight where mean is 0 and scale 1."""
    zero = a.new_zeros(a.shape[1])
    one = torch.ones_like(zero)
    return _CHANNELS_BACKWARD(
        a,
        b,
        one,
        None,
        None,
        zero,
        one,
        _TRAIN,
        0.0,
        [False, True, False],
    )[1]


def _multiple(
    x: Tensor, mean: Tensor, scale: Tensor, factor: Tensor, offset: Tensor | None
) -> Tensor:
    """Factor x' + offset in one fused pass.

    By the kernel: `functional.batch_norm` of torch up to 2.11 refuses an eps of zero.
    """
    return torch.native_batch_norm(x, factor, offset, mean, scale**-2, not _TRAIN, 0.0, 0.0)[0]


def _channels(per_channel: Tensor, like: Tensor) -> Tensor:
    """[channels] as [1, channels, 1, ...]."""
    return per_channel.view(1, -1, *([1] * (like.ndim - 2)))


def _plain_channels(
    grads: tuple[Tensor, ...], g: Tensor, x: Tensor, weight: Tensor, eps: float
) -> tuple[Tensor, ...]:
    """The second derivative by the definition of batch norm, differentiable in everything."""
    with torch.enable_grad():
        g, x, weight = _own(g), _own(x), _own(weight)
        axes = [i for i in range(x.ndim) if i != 1]
        y = _plain(x, axes, eps) * _channels(weight, x)
        gx, gw = torch.autograd.grad(y, (x, weight), g, create_graph=True)
        return torch.autograd.grad(
            (gx, gw, g.sum(axes)), (g, x, weight), grads, create_graph=True, materialize_grads=True
        )


def _plain_rows(a: Tensor, g: Tensor, x: Tensor, eps: float) -> tuple[Tensor, ...]:
    with torch.enable_grad():
        g, x = _own(g), _own(x)
        (gx,) = torch.autograd.grad(_plain(x, [1], eps), x, g, create_graph=True)
        return torch.autograd.grad(gx, (g, x), a, create_graph=True, materialize_grads=True)


def _own(t: Tensor) -> Tensor:
    """The same tensor as a place of its own to differentiate in.

    g may itself depend on x, and that path is not this function's; what needs no gradient, as data
    does, still is an argument here.
    """
    return t.view_as(t) if t.requires_grad else t.detach().requires_grad_()


def _plain(x: Tensor, axes: list[int], eps: float) -> Tensor:
    centred = x - x.mean(axes, keepdim=True)
    return centred * torch.rsqrt(centred.square().mean(axes, keepdim=True) + eps)
