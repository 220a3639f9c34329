"""Are these the keys and shapes of a StyleGAN2, and of which sizes?

The layout is that of the widely used PyTorch version (`style.1.weight`, `conv1.conv.modulation.bias`,
`convs.0.conv.blur.kernel`, `noises.noise_0`; `convs.1.conv2.0.kernel`, `final_linear.1.weight`), into
which its converter also brings the weights that NVIDIA published. Sizes are read from a few tensors,
every other key must then have just the shape that follows. Names count here, unlike in networks in
a row: a fork that keeps shapes and changes a layer mostly renames it. Standard library only.

Source of the networks: Karras et al. (2020), "Analyzing and improving the image quality of
StyleGAN"; of the layout: rosinality/stylegan2-pytorch, model.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancheck.checkpoints.chain import is_floating
from gancheck.checkpoints.refusal import Refused, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gancheck.checkpoints.index import TensorInfo

__all__ = ["DiscriminatorSizes", "GeneratorSizes", "read_discriminator", "read_generator"]

_STEM = 4  # side of the first map, and of the last one of a discriminator
_MEAN = "latent_avg"  # mean of the mapping's results, kept for truncation; no layer takes it
_GENERATOR = "input.input"
_DISCRIMINATOR = "final_conv.0.weight"
_MOST_DOUBLINGS = 12  # 16384 pixels
_MOST_MAPPINGS = 64
_MOST_TAPS = 16

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorSizes:
    """What the shapes of a generator say.

    Attributes:
        prefix: what stands before each name of the layout.
        style: numbers of a latent and of a style.
        mappings: layers from one to the other.
        channels: at 4 x 4 pixels, then after each doubling.
        colours: channels of a sample.
        taps: of the filter behind transposed convolutions, on each side.
        colour_taps: of the filter that doubles the colours so far.
        noise: whether the maps of noise are in the file.
        keys: names of the layout without prefix -> shape, in order.
        unused: keys of the file that no layer takes.
    """

    prefix: str
    style: int
    mappings: int
    channels: tuple[int, ...]
    colours: int
    taps: int
    colour_taps: int
    noise: bool
    keys: Mapping[str, Shape]
    unused: tuple[str, ...]

    @property
    def sample(self) -> Shape:
        """Shape of one sample, channels first."""
        side = _STEM << (len(self.channels) - 1)
        return (self.colours, side, side)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscriminatorSizes:
    """What the shapes of a discriminator say.

    Attributes:
        prefix: what stands before each name of the layout.
        colours: channels of a sample.
        channels: at full size, then after each halving.
        last: channels of the convolution after the minibatch deviation, and of the layer after it.
        taps: of the filter before halving, on each side.
        keys: names of the layout without prefix -> shape, in order.
        unused: keys of the file that no layer takes.
    """

    prefix: str
    colours: int
    channels: tuple[int, ...]
    last: tuple[int, int]
    taps: int
    keys: Mapping[str, Shape]
    unused: tuple[str, ...]

    @property
    def sample(self) -> Shape:
        """Shape of one sample, channels first."""
        side = _STEM << (len(self.channels) - 1)
        return (self.colours, side, side)


def read_generator(tensors: Mapping[str, TensorInfo]) -> GeneratorSizes:
    """Read the sizes of a generator and check each key against them.

    Args:
        tensors: name -> what is known of it, as `select` returns.

    Raises:
        Refused: a key is missing, has another shape than the others ask for, or is none of the
            layout's.
    """
    prefix, shapes = _stripped(tensors, _GENERATOR, "generator")
    mappings = _count(shapes, "style.{}.weight", start=1, most=_MOST_MAPPINGS)
    doublings = _count(shapes, "to_rgbs.{}.conv.weight", most=_MOST_DOUBLINGS)
    style = _size(shapes, "conv1.conv.modulation.weight", 2, 1)
    colours = _size(shapes, "to_rgb1.conv.weight", 5, 1)
    channels = [_size(shapes, "conv1.conv.weight", 5, 1)]
    channels += [_size(shapes, f"convs.{2 * i + 1}.conv.weight", 5, 1) for i in range(doublings)]
    taps = _taps(shapes, "convs.0.conv.blur.kernel")
    colour_taps = _taps(shapes, "to_rgbs.0.upsample.kernel")
    noise = any(name.startswith("noises.") for name in shapes)

    keys: dict[str, Shape] = {}
    for i in range(1, mappings + 1):
        keys |= {f"style.{i}.weight": (style, style), f"style.{i}.bias": (style,)}
    keys[_GENERATOR] = (1, channels[0], _STEM, _STEM)
    keys |= _styled("conv1", channels[0], channels[0], style)
    keys |= _coloured("to_rgb1", channels[0], colours, style)
    for i in range(doublings):
        wide, narrow = channels[i], channels[i + 1]
        keys |= {f"convs.{2 * i}.conv.blur.kernel": (taps, taps)}
        keys |= _styled(f"convs.{2 * i}", wide, narrow, style)
        keys |= _styled(f"convs.{2 * i + 1}", narrow, narrow, style)
        keys |= {f"to_rgbs.{i}.upsample.kernel": (colour_taps, colour_taps)}
        keys |= _coloured(f"to_rgbs.{i}", narrow, colours, style)
    if noise:
        for i in range(2 * doublings + 1):
            side = _STEM << ((i + 1) // 2)
            keys[f"noises.noise_{i}"] = (1, 1, side, side)
    unused = _checked(shapes, keys, tensors, prefix, "generator")
    return GeneratorSizes(
        prefix=prefix,
        style=style,
        mappings=mappings,
        channels=tuple(channels),
        colours=colours,
        taps=taps,
        colour_taps=colour_taps,
        noise=noise,
        keys=keys,
        unused=unused,
    )


def read_discriminator(tensors: Mapping[str, TensorInfo]) -> DiscriminatorSizes:
    """Read the sizes of a discriminator and check each key against them.

    Args:
        tensors: name -> what is known of it, as `select` returns.

    Raises:
        Refused: a key is missing, has another shape than the others ask for, or is none of the
            layout's.
    """
    prefix, shapes = _stripped(tensors, _DISCRIMINATOR, "discriminator")
    halvings = _count(shapes, "convs.{}.conv2.1.weight", start=1, most=_MOST_DOUBLINGS)
    colours = _size(shapes, "convs.0.0.weight", 4, 1)
    channels = [_size(shapes, "convs.0.0.weight", 4, 0)]
    channels += [_size(shapes, f"convs.{i}.conv2.1.weight", 4, 0) for i in range(1, halvings + 1)]
    last = _size(shapes, _DISCRIMINATOR, 4, 0), _size(shapes, "final_linear.0.weight", 2, 0)
    taps = _taps(shapes, "convs.1.conv2.0.kernel")

    keys: dict[str, Shape] = {
        "convs.0.0.weight": (channels[0], colours, 1, 1),
        "convs.0.1.bias": (channels[0],),
    }
    blur = (taps, taps)
    for i in range(1, halvings + 1):
        before, after = channels[i - 1], channels[i]
        keys |= {
            f"convs.{i}.conv1.0.weight": (before, before, 3, 3),
            f"convs.{i}.conv1.1.bias": (before,),
            f"convs.{i}.conv2.0.kernel": blur,
            f"convs.{i}.conv2.1.weight": (after, before, 3, 3),
            f"convs.{i}.conv2.2.bias": (after,),
            f"convs.{i}.skip.0.kernel": blur,
            f"convs.{i}.skip.1.weight": (after, before, 1, 1),
        }
    keys |= {
        _DISCRIMINATOR: (last[0], channels[-1] + 1, 3, 3),
        "final_conv.1.bias": (last[0],),
        "final_linear.0.weight": (last[1], last[0] * _STEM * _STEM),
        "final_linear.0.bias": (last[1],),
        "final_linear.1.weight": (1, last[1]),
        "final_linear.1.bias": (1,),
    }
    unused = _checked(shapes, keys, tensors, prefix, "discriminator")
    return DiscriminatorSizes(
        prefix=prefix,
        colours=colours,
        channels=tuple(channels),
        last=last,
        taps=taps,
        keys=keys,
        unused=unused,
    )


def _stripped(
    tensors: Mapping[str, TensorInfo], witness: str, player: str
) -> tuple[str, dict[str, Shape]]:
    """The prefix before the layout's names, and shapes by those names."""
    found = [
        key.removesuffix(witness)
        for key in tensors
        if key == witness or key.endswith(f".{witness}")
    ]
    if len(found) != 1:
        raise Refused(
            f"it holds {len(found)} StyleGAN2 {player}s: {', '.join(plain(f, limit=40) or 'one without a name' for f in found[:4])}"
            if found
            else f"no key is a StyleGAN2 {player}'s {witness}"
        )
    (prefix,) = found
    return prefix, {
        key[len(prefix) :]: info.shape for key, info in tensors.items() if key.startswith(prefix)
    }


def _count(shapes: Mapping[str, Shape], name: str, *, start: int = 0, most: int) -> int:
    """How many keys there are of a numbered name, in a row; at least one."""
    count = 0
    while name.format(start + count) in shapes:
        count += 1
    if not 1 <= count <= most:
        raise Refused(
            f"it has {count} layers {name.format('N')} and 1 to {most} are expected"
            if count
            else f"the key {name.format(start)} is missing"
        )
    return count


def _size(shapes: Mapping[str, Shape], name: str, dimensions: int, place: int) -> int:
    if name not in shapes:
        raise Refused(f"the key {name} is missing")
    shape = shapes[name]
    if len(shape) != dimensions or min(shape) < 1:
        raise Refused(f"{name} has the shape {list(shape)} and {dimensions} sizes are expected")
    return shape[place]


def _taps(shapes: Mapping[str, Shape], name: str) -> int:
    taps = _size(shapes, name, 2, 0)
    if not 2 <= taps <= _MOST_TAPS:
        raise Refused(f"{name} has {taps} taps and 2 to {_MOST_TAPS} are expected")
    return taps


def _styled(name: str, inputs: int, outputs: int, style: int) -> dict[str, Shape]:
    """A modulated 3 x 3 convolution, its noise and its activation."""
    return {
        f"{name}.conv.weight": (1, outputs, inputs, 3, 3),
        f"{name}.conv.modulation.weight": (inputs, style),
        f"{name}.conv.modulation.bias": (inputs,),
        f"{name}.noise.weight": (1,),
        f"{name}.activate.bias": (outputs,),
    }


def _coloured(name: str, inputs: int, colours: int, style: int) -> dict[str, Shape]:
    """A modulated 1 x 1 convolution to the channels of a sample."""
    return {
        f"{name}.bias": (1, colours, 1, 1),
        f"{name}.conv.weight": (1, colours, inputs, 1, 1),
        f"{name}.conv.modulation.weight": (inputs, style),
        f"{name}.conv.modulation.bias": (inputs,),
    }


def _checked(
    shapes: Mapping[str, Shape],
    keys: Mapping[str, Shape],
    tensors: Mapping[str, TensorInfo],
    prefix: str,
    player: str,
) -> tuple[str, ...]:
    """The keys that no layer takes; refused where one is missing, off, or of real numbers."""
    for name, expected in keys.items():
        if name not in shapes:
            raise Refused(f"the key {name} is missing")
        if shapes[name] != expected:
            raise Refused(
                f"{name} has the shape {list(shapes[name])} where a StyleGAN2 {player} of its other sizes has {list(expected)}"
            )
        dtype = tensors[prefix + name].dtype
        if not is_floating(dtype):
            raise Refused(f"{name} holds no real numbers but {dtype}")
    taken = {prefix + name for name in keys}
    unused = [key for key in tensors if key not in taken]
    strange = [key for key in unused if is_floating(tensors[key].dtype) and key != _MEAN]
    if strange:
        raise Refused(
            f"{len(strange)} tensors are no StyleGAN2 {player}'s, {plain(strange[0])} {list(tensors[strange[0]].shape)} among them"
        )
    return tuple(unused)
