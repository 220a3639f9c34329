"""By how much can one layer of a network stretch a vector, and a whole chain of them?

The factor of a linear or convolution layer is the largest singular value of the layer as a map, for
the input size it meets in the network, with its padding, stride, groups and boundary: Lanczos on
A^T A, where A is the layer itself without its bias and A^T its transpose by autograd. The largest
singular value of the kernel, reshaped to a matrix, is another number, off by a factor either way.

The product of the factors bounds the Lipschitz constant of a chain from above, where everything
between those layers is 1-Lipschitz. It is an upper bound and mostly a loose one: directions in
which one layer stretches are seldom those in which the next one does.

Source: Sedghi, Gupta and Long (2019) for the difference from the reshaped kernel; Kuczynski and
Wozniakowski (1992) for the limit above which a norm lies only with a known chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from gancheck.operators.lanczos import spectral_norm
from gancheck.operators.linear_operator import DENSE_LIMIT, LinearOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gancheck.games.game import Game

__all__ = ["LayerNorm", "discriminator_layers", "layer_operator", "not_a_chain"]

_TOLERANCE = 1e-6  # residual of the square of a norm, relative
_FORMED = 1000  # rows or columns up to which a layer is formed: as many products, and exact
_ROUNDING = 1e-12  # of a dense singular value in float64, relative

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED: dict[type[nn.Module], Callable[..., Tensor]] = {
    nn.ConvTranspose1d: functional.conv_transpose1d,
    nn.ConvTranspose2d: functional.conv_transpose2d,
    nn.ConvTranspose3d: functional.conv_transpose3d,
}
_LINEAR = (nn.Linear, *_CONVOLUTIONS, *_TRANSPOSED)
_CONTRACTIONS = (
    nn.Identity,
    nn.Flatten,
    nn.Unflatten,
    nn.ReLU,
    nn.ReLU6,
    nn.Tanh,
    nn.Sigmoid,
    nn.Softplus,  # its slope is a sigmoid at every beta
    nn.Softsign,
    nn.Hardtanh,
    nn.CELU,
)
"""Layers that never bring two inputs further apart, whatever their settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerNorm:
    """The factor of one linear layer at one place in the network.

    Attributes:
        name: of the module.
        kind: its class.
        shape: (outputs, inputs) of the layer as a matrix.
        norm: found, a lower bound up to rounding.
        upper: not exceeded, except with chance 1e-3; rounding apart where the layer was formed.
    """

    name: str
    kind: str
    shape: tuple[int, int]
    norm: float
    upper: float


def discriminator_layers(game: Game, *, seed: int = 0) -> list[LayerNorm]:
    """The norm of every linear and convolution layer that a pass through the discriminator meets.

    Weights are those the pass uses: with spectral norm the divided ones. A layer that is called
    twice is listed twice. Layers that compute with their weight in another way (attention, modules
    of the user's own) are not met.

    Cost: one pass of two samples; at most 1000 products with each layer that small on one side,
    twice as many where the other side is beyond what is formed, some
    20 to 60 with each other one and its transpose.
    """
    module = game.modules["discriminator"]
    names = {m: name or "the module itself" for name, m in module.named_modules()}
    met: list[tuple[str, str, LinearOperator]] = []

    def look(layer: Any, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        weight = layer.weight.detach().double()
        operator = layer_operator(layer, tuple(inputs[0].shape[1:]), weight=weight)
        met.append((names[layer], _kind(layer), operator))

    with game.untouched(), torch.no_grad():
        handles = [m.register_forward_hook(look) for m in names if _is_linear(m)]
        try:
            game.score(game.draw_real(2 if game.data.size != 1 else 1, seed=seed))
        finally:
            for handle in handles:
                handle.remove()
    out: list[LayerNorm] = []
    for name, kind, operator in met:
        norm, upper = _norm(operator, seed)
        out.append(
            LayerNorm(name=name, kind=kind, shape=operator.shape, norm=norm, upper=max(upper, norm))
        )
    return out


def _norm(operator: LinearOperator, seed: int) -> tuple[float, float]:
    """The norm found and its upper limit; of a small matrix, such as one row, both to rounding.

    A search that exhausts the range of a matrix of low rank makes too few steps for the limit by
    chance to say anything, and such a matrix is cheap to form.
    """
    if min(operator.shape) <= _FORMED:
        narrow = operator if operator.shape[1] <= operator.shape[0] else operator.transposed
        if max(operator.shape) <= DENSE_LIMIT:
            norm = float(torch.linalg.matrix_norm(narrow.dense(), ord=2))
        else:
            norm = math.sqrt(max(float(torch.linalg.eigvalsh(_gram(narrow))[-1]), 0.0))
        return norm, norm * (1.0 + _ROUNDING)
    found = spectral_norm(operator, tol=_TOLERANCE, seed=seed)
    return found.value, found.upper


def _gram(narrow: LinearOperator) -> Tensor:
    """A^T A of a matrix with few columns, however many rows it has, by two products a column.

    Its largest eigenvalue is the squared norm to rounding; only small ones would lose digits.
    """
    columns = [
        narrow.rmatvec(narrow.matvec(unit))
        for unit in torch.eye(narrow.shape[1], dtype=narrow.dtype, device=narrow.device)
    ]
    gram = torch.stack(columns)
    return (gram + gram.T) / 2.0


def layer_operator(
    layer: nn.Module, shape: Sequence[int], *, weight: Tensor | None = None
) -> LinearOperator:
    """A linear or convolution layer without its bias, for one sample, as a matrix by its products.

    Args:
        layer: `nn.Linear`, `nn.Conv1d` to `3d` or `nn.ConvTranspose1d` to `3d`.
        shape: of one sample at its input, without the batch. Of a linear layer the last axis
            counts: the others are copies of the same map and leave its norm what it is.
        weight: in its place; the layer's own where not given.

    Raises:
        ValueError: another kind of layer.

    Example:
        >>> layer_operator(nn.Conv1d(1, 1, 3, padding=1), (1, 8)).shape
        (8, 8)
    """
    if not _is_linear(layer):
        kinds = ", ".join(k.__name__ for k in _LINEAR)
        raise ValueError(f"layer must be one of {kinds}, got {type(layer).__name__}")
    own: Any = layer.weight
    held: Tensor = own.detach() if weight is None else weight
    at = tuple(shape[-1:]) if isinstance(layer, nn.Linear) else tuple(shape)
    columns = math.prod(at)

    def apply(v: Tensor) -> Tensor:
        return _without_bias(layer, held, v.reshape(1, *at)).reshape(-1)

    def transpose(u: Tensor) -> Tensor:
        with torch.enable_grad():
            v = torch.zeros(columns, dtype=held.dtype, device=held.device, requires_grad=True)
            (out,) = torch.autograd.grad(apply(v), v, u)
        return out

    with torch.no_grad():
        rows = len(apply(torch.zeros(columns, dtype=held.dtype, device=held.device)))
    return LinearOperator((rows, columns), apply, transpose, dtype=held.dtype, device=held.device)


def not_a_chain(game: Game) -> str:
    """Why no product of layer norms bounds the discriminator's score; "" where it does."""
    module = game.modules["discriminator"]
    try:
        parts = list(_parts(module))
    except _Refused as refused:
        return str(refused)
    if game.discriminator_output == "probability":
        # the score is the logit of the output: what stands before the sigmoid, clipped
        if not parts or type(parts[-1][1]) is not nn.Sigmoid:
            return "the score is the logit of a probability, whose slope has no bound"
        parts.pop()
    for name, part in parts:
        reason = "" if _is_linear(part) else _stretches(part)
        if reason:
            return f"{name} ({type(part).__name__}) {reason}"
    return ""


class _Refused(Exception):
    """The module is no chain; the message is the reason."""


def _parts(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The layers of nested `Sequential`s in order."""
    hooks = {**module._forward_hooks, **_foreign(module)}  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    if hooks:
        raise _Refused(f"{prefix or 'the module'} has a hook that may change what passes")
    if _is_linear(module) or not any(True for _ in module.children()):
        yield prefix or "the module itself", module
        return
    if type(module) is not nn.Sequential:
        raise _Refused(
            f"{prefix or 'the discriminator'} is a {type(module).__name__}, which may add, skip or "
            "repeat its layers; a chain is an nn.Sequential"
        )
    for name, child in module.named_children():
        yield from _parts(child, f"{prefix}.{name}" if prefix else name)


def _foreign(module: nn.Module) -> dict[int, Any]:
    """Hooks before the pass, other than the older spectral and weight norm, which set the weight."""
    hooks = module._forward_pre_hooks  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return {k: h for k, h in hooks.items() if not isinstance(h, (SpectralNorm, WeightNorm))}


def _stretches(layer: Any) -> str:
    """Why a layer that is not linear may bring inputs further apart; "" where it never does."""
    kind = type(layer)
    if kind is nn.LeakyReLU:
        steep = abs(layer.negative_slope) > 1.0
        return f"has the slope {layer.negative_slope:g}" if steep else ""
    if kind is nn.ELU:
        return f"has slopes up to {layer.alpha:g}" if abs(layer.alpha) > 1.0 else ""
    if kind in (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d):
        scale = layer.training and layer.p > 0.0
        return "multiplies what it keeps, in training mode" if scale else ""
    if kind in (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d):
        # With whole windows of equal weight rows and columns of the matrix sum to at most 1.
        odd = layer.ceil_mode or getattr(layer, "divisor_override", None)
        cut = any(_three(layer.padding)) and not layer.count_include_pad
        return "divides by less than its window" if odd or cut else ""
    if kind in (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d):
        return _overlap(layer)
    return "" if kind in _CONTRACTIONS else "is not known to be 1-Lipschitz"


def _three(setting: Any) -> tuple[int, ...]:
    return tuple(setting) if isinstance(setting, (tuple, list)) else (setting,) * 3


def _overlap(layer: Any) -> str:
    """A maximum over windows that share a sample may count its change more than once."""
    sizes = [_three(x) for x in (layer.kernel_size, layer.stride, layer.dilation)]
    apart = all(s >= k and d == 1 for k, s, d in zip(*sizes, strict=False))
    return "" if apart else "takes maxima over windows that overlap"


def _is_linear(module: nn.Module) -> bool:
    """Whether a layer computes what its class says, with a weight set by hooks or not."""
    return any(
        isinstance(module, kind) and type(module).forward is kind.forward for kind in _LINEAR
    )


def _kind(layer: nn.Module) -> str:
    return next(kind.__name__ for kind in _LINEAR if isinstance(layer, kind))


def _without_bias(layer: Any, weight: Tensor, x: Tensor) -> Tensor:
    if isinstance(layer, nn.Linear):
        return functional.linear(x, weight)
    if isinstance(layer, _CONVOLUTIONS):
        forward: Callable[[Tensor, Tensor, None], Tensor] = layer._conv_forward  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return forward(x, weight, None)
    transposed = next(f for kind, f in _TRANSPOSED.items() if isinstance(layer, kind))
    return transposed(
        x, weight, None, layer.stride, layer.padding, layer.output_padding, layer.groups,
        layer.dilation,
    )  # fmt: skip
