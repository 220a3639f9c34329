"""From the words of a network and the weights of a file to a module: strictly, or not at all.

Each word is checked against the shape that arrives at it, each layer against the weights it takes.
The module is in evaluation mode: batch norm on its running statistics, no dropout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm

from gancheck.checkpoints.activations import activation
from gancheck.checkpoints.layer_words import RESIDUAL, Word, parse_all
from gancheck.checkpoints.refusal import Refused
from gancheck.checkpoints.residual import GlobalPool, Residual, block_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gancheck.checkpoints.parts import Part

__all__ = ["assemble"]

Shape = tuple[int, ...]


@dataclass(slots=True)
class _Site:
    """A network under construction.

    Attributes:
        shape: of one sample where the next layer stands.
        left: parts that no word took yet, in order.
        modules: what stands.
        state: name in the module -> key of the file.
    """

    shape: Shape
    left: list[Part]
    modules: list[nn.Module] = field(default_factory=list)
    state: dict[str, str] = field(default_factory=dict)

    def put(self, module: nn.Module, shape: Shape) -> None:
        self.modules.append(module)
        self.shape = shape

    def take(self, kind: str, word: str) -> Part:
        if not self.left:
            raise Refused(f"the layers ask for the weights of a {word} and the file has no more")
        part = self.left.pop(0)
        if part.kind != kind:
            raise Refused(
                f"the layers say {word} where the file's next weights are {part}: a {part.kind}"
            )
        self.own(part, "")
        return part

    def own(self, part: Part, inside: str) -> None:
        place = f"{len(self.modules)}.{inside}"
        self.state.update((f"{place}{role}", key) for role, key in part.keys.items())


def assemble(
    words: Sequence[str],
    order: Sequence[Part],
    tensors: Mapping[str, torch.Tensor],
    *,
    shape: Shape,
    hidden: str,
    output: str,
) -> tuple[nn.Sequential, Shape]:
    """Build a network and load it, strictly.

    Args:
        words: its layers, as `layer_words.WORDS`.
        order: the parts of the file in the order of the forward pass.
        tensors: key -> tensor; half precision is widened to float32.
        shape: of one sample that goes in.
        hidden: the activation that the word `hidden` means.
        output: the same for `output`.

    Returns:
        The module, and the shape of one sample that comes out.

    Raises:
        Refused: a word does not fit what arrives or what the file has, or weights are left over.
        ValueError: a word or an activation is unknown.
    """
    site = _Site(shape, list(order))
    dtype = _dtype(order, tensors)
    with torch.random.fork_rng(devices=[]):  # torch draws initial weights; they are replaced
        for word in parse_all(words):
            _add(site, word, {"hidden": hidden, "output": output})
    if site.left:
        raise Refused(
            f"{len(site.left)} of the file's parts are taken by no layer, {site.left[0]} first"
        )
    network = nn.Sequential(*site.modules).to(dtype)
    state = {name: tensors[key] for name, key in site.state.items()}
    # Before torch 0.4 batch norm did not count its batches; the counter is read by nothing here.
    expected = network.state_dict()
    state |= {
        name: value
        for name, value in expected.items()
        if name.endswith("num_batches_tracked") and name not in state
    }
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise Refused(f"its weights do not load: {' '.join(str(error).split())}") from None
    return network.eval(), site.shape


def _dtype(order: Sequence[Part], tensors: Mapping[str, torch.Tensor]) -> torch.dtype:
    keys = [
        key for part in order for role, key in part.keys.items() if role != "num_batches_tracked"
    ]
    wide = {d if (d := tensors[key].dtype) == torch.float64 else torch.float32 for key in keys}
    if len(wide) != 1:
        raise Refused(
            f"its layers mix the dtypes {', '.join(sorted({str(tensors[k].dtype) for k in keys}))}"
        )
    return wide.pop()


def _add(site: _Site, word: Word, ends: Mapping[str, str]) -> None:
    if word.name in RESIDUAL:
        _residual(site, word, ends["hidden"])
    elif word.name.startswith("conv"):
        _conv(site, word)
    elif word.name.endswith("_norm"):
        _norm(site, word)
    elif word.name == "linear":
        part = site.take("linear", "linear")
        _expect(word, site.shape, (part.shape[1],), part)
        layer = nn.Linear(part.shape[1], part.shape[0], bias=part.bias)
        site.put(_wrapped(layer, part), (part.shape[0],))
    elif word.name in _SHAPING:
        site.put(*_SHAPING[word.name](site.shape, word))
    else:
        site.put(activation(ends.get(word.name, word.name)), site.shape)


def _expect(word: Word, shape: Shape, needed: Shape, part: Part) -> None:
    if shape != needed:
        raise Refused(
            f"{word.name} of {part} takes samples of shape {list(needed)} and {list(shape)} arrives"
        )


def _map(word: Word, shape: Shape) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise Refused(
            f"{word.name} needs channels, height and width and {list(shape)} arrives; put an unflatten before it"
        )
    return shape[0], shape[1], shape[2]


def _wrapped(layer: nn.Module, part: Part) -> nn.Module:
    """With the spectral norm that the file's keys speak of, so that they load strictly."""
    if part.wrap == "spectral":
        return spectral_norm(layer)
    return parametrizations.spectral_norm(layer) if part.wrap else layer


def _conv(site: _Site, word: Word) -> None:
    channels, height, width = _map(word, site.shape)
    part = site.take("conv", word.name)
    turned = word.name == "conv_transpose"
    inputs, outputs = part.shape[:2] if turned else part.shape[1::-1]
    if inputs != channels:
        raise Refused(f"{word.name} of {part} takes {inputs} channels and {channels} arrive")
    kernel = part.shape[2]
    stride, padding, *extra = word.numbers
    if turned:
        more = extra[0] if extra else 0
        if more >= max(stride, 1):
            raise Refused(
                f"conv_transpose needs an output padding below its stride {stride}, got {more}"
            )
        layer: nn.Module = nn.ConvTranspose2d(
            inputs, outputs, kernel, stride, padding, more, bias=part.bias
        )
        sizes = [(n - 1) * stride - 2 * padding + kernel + more for n in (height, width)]
    else:
        layer = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=part.bias)
        sizes = [(n + 2 * padding - kernel) // stride + 1 for n in (height, width)]
    if min(sizes) < 1:
        raise Refused(f"{word.name} of {part} leaves nothing of {height} x {width} pixels")
    site.put(_wrapped(layer, part), (outputs, *sizes))


def _norm(site: _Site, word: Word) -> None:
    part = site.take("norm", word.name)
    shape, eps = site.shape, word.eps
    whole = word.name == "layer_norm"
    needed = shape if whole else shape[:1]
    if part.shape != needed:
        raise Refused(f"{word.name} of {part} does not fit the shape {list(shape)} that arrives")
    affine = "weight" in part.keys
    if part.tracks and word.name not in ("batch_norm", "instance_norm"):
        raise Refused(f"{part} has running statistics, which a {word.name} does not keep")
    if not whole and len(shape) == 1 and word.name == "instance_norm":
        raise Refused("instance_norm needs pixels to normalise over, put an unflatten before it")
    layer: nn.Module
    if whole:
        layer = nn.LayerNorm(list(shape), eps=eps)
    elif word.name == "group_norm":
        if shape[0] % word.numbers[0]:
            raise Refused(
                f"group_norm of {word.numbers[0]} groups does not divide {shape[0]} channels"
            )
        layer = nn.GroupNorm(word.numbers[0], shape[0], eps=eps)
    elif word.name == "instance_norm":
        layer = nn.InstanceNorm2d(shape[0], eps, affine=affine, track_running_stats=part.tracks)
    else:
        kind = nn.BatchNorm1d if len(shape) == 1 else nn.BatchNorm2d
        layer = kind(shape[0], eps, affine=affine, track_running_stats=part.tracks)
    site.put(layer, shape)


def _residual(site: _Site, word: Word, hidden: str) -> None:
    shape = _map(word, site.shape)
    block, used = block_of(site.left, shape[0])
    layer = Residual(word.name, block, activation=hidden, wrap=_wrapped)
    for place, part in block.placed():
        site.own(part, f"{place}.")
    del site.left[:used]
    outputs = block.second.shape[0]
    halves = word.name in ("residual_down", "residual_first")
    if halves and block.shortcut is None:
        raise Refused(f"{word.name} has a 1 x 1 convolution beside it, and the file has none there")
    if halves and (shape[1] % 2 or shape[2] % 2):
        raise Refused(f"{word.name} halves the pixels and {shape[1]} x {shape[2]} arrive")
    scale = {"residual_up": 2.0, "residual_same": 1.0}.get(word.name, 0.5)
    site.put(layer, (outputs, int(shape[1] * scale), int(shape[2] * scale)))


def _flatten(shape: Shape, _: Word) -> tuple[nn.Module, Shape]:
    return nn.Flatten(1), (math.prod(shape),)


def _unflatten(shape: Shape, word: Word) -> tuple[nn.Module, Shape]:
    if len(shape) != 1 or math.prod(word.numbers) != shape[0]:
        raise Refused(
            f"unflatten to {list(word.numbers)} does not fit the shape {list(shape)} that arrives"
        )
    return nn.Unflatten(1, word.numbers), word.numbers


def _upsample(shape: Shape, word: Word) -> tuple[nn.Module, Shape]:
    c, h, w = _map(word, shape)
    (factor,) = word.numbers
    mode = "bilinear" if word.name == "upsample_bilinear" else "nearest"
    return nn.Upsample(scale_factor=factor, mode=mode), (c, h * factor, w * factor)


def _shuffle(shape: Shape, word: Word) -> tuple[nn.Module, Shape]:
    c, h, w = _map(word, shape)
    (factor,) = word.numbers
    if c % factor**2:
        raise Refused(f"pixel_shuffle by {factor} does not divide {c} channels")
    return nn.PixelShuffle(factor), (c // factor**2, h * factor, w * factor)


def _pool(shape: Shape, word: Word) -> tuple[nn.Module, Shape]:
    c, h, w = _map(word, shape)
    (size,) = word.numbers
    if min(h, w) < size:
        raise Refused(f"{word.name} of {size} leaves nothing of {h} x {w} pixels")
    kind = nn.AvgPool2d if word.name == "avg_pool" else nn.MaxPool2d
    return kind(size), (c, h // size, w // size)


def _global(shape: Shape, word: Word) -> tuple[nn.Module, Shape]:
    c, _, _ = _map(word, shape)
    return GlobalPool("sum" if word.name == "global_sum_pool" else "mean"), (c,)


def _zero_pad(shape: Shape, word: Word) -> tuple[nn.Module, Shape]:
    c, h, w = _map(word, shape)
    left, right, top, bottom = word.numbers
    return nn.ZeroPad2d((left, right, top, bottom)), (c, h + top + bottom, w + left + right)


def _nothing(shape: Shape, _: Word) -> tuple[nn.Module, Shape]:
    return nn.Identity(), shape


_SHAPING = {
    "flatten": _flatten,
    "unflatten": _unflatten,
    "upsample": _upsample,
    "upsample_bilinear": _upsample,
    "pixel_shuffle": _shuffle,
    "avg_pool": _pool,
    "max_pool": _pool,
    "global_avg_pool": _global,
    "global_sum_pool": _global,
    "zero_pad": _zero_pad,
    "dropout": _nothing,
}
