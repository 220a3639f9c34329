"""From the tensors of a StyleGAN2 player to its module: strictly, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from gancheck.checkpoints.refusal import Refused
from gancheck.checkpoints.style_keys import read_discriminator, read_generator
from gancheck.checkpoints.style_networks import StyleDiscriminator, StyleGenerator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from gancheck.checkpoints.adapters import Player
    from gancheck.checkpoints.index import TensorInfo
    from gancheck.checkpoints.manifest import Style

__all__ = ["StylePlayer", "style_player"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StylePlayer:
    """A module in evaluation mode, and what went into it.

    Attributes:
        module: takes latents [n, style] or samples [n, colours, side, side].
        consumed: tensors that it holds.
        unused: keys of the layout that the manifest leaves out.
        reasons: what the numbers say of the manifest's choices.
        notes: what a reader of a report should know of it.
    """

    module: nn.Module
    consumed: int
    unused: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def style_player(
    player: Player, style: Style, infos: Mapping[str, TensorInfo], tensors: Mapping[str, Tensor]
) -> StylePlayer:
    """Build one player and load it, strictly.

    Args:
        player: generator or discriminator.
        style: the manifest's words, complete for this player.
        infos: name -> what is known of it, as `select` returns.
        tensors: the same names -> tensor; half precision is widened to float32.

    Raises:
        Refused: the names or shapes are not those of the layout, or the manifest asks for maps of
            noise that the file does not have.
    """
    return (
        _generator(style, infos, tensors)
        if player == "generator"
        else _discriminator(style, infos, tensors)
    )


def _generator(
    style: Style, infos: Mapping[str, TensorInfo], tensors: Mapping[str, Tensor]
) -> StylePlayer:
    sizes = read_generator(infos)
    rate, stored = style.mapping_rate or 0.0, style.noise == "stored"
    if stored and not sizes.noise:
        raise Refused(
            "its file has no maps of noise (noises.noise_0 and on), which model.style.noise asks for",
            way_out='say noise = "none", which leaves noise out',
        )
    module = StyleGenerator(sizes, rate=rate, noise=stored)
    names = [name for name in sizes.keys if stored or not name.startswith("noises.")]
    _load(module, {name: tensors[sizes.prefix + name] for name in names})
    mapping = [tensors[f"{sizes.prefix}style.{i}.weight"] for i in range(1, sizes.mappings + 1)]
    spread = rate * float(torch.stack([w.float().std(correction=0) for w in mapping]).median())
    return StylePlayer(
        module=module,
        consumed=len(names),
        unused=tuple(sizes.prefix + name for name in sizes.keys if name not in names),
        reasons=(
            f"its mapping's weights have a standard deviation of {spread:.3g} once multiplied by mapping_rate {rate:g}; one that training hardly moved has 1",
        ),
        notes=(
            "the generator adds the noise maps of its file to every sample; in training they were drawn anew each time, so its samples vary less than trained"
            if stored
            else "the generator adds no noise; in training it was drawn anew for each sample, so its samples vary less than trained",
        ),
    )


def _discriminator(
    style: Style, infos: Mapping[str, TensorInfo], tensors: Mapping[str, Tensor]
) -> StylePlayer:
    sizes = read_discriminator(infos)
    group = style.stddev_group or 1
    module = StyleDiscriminator(sizes, group=group)
    _load(module, {name: tensors[sizes.prefix + name] for name in sizes.keys})
    return StylePlayer(
        module=module,
        consumed=len(sizes.keys),
        notes=(
            f"the discriminator judges {group} samples of a batch beside each other (minibatch deviation): a sample's logit depends on others, and a single sample, beside none, is judged as no sample was in training",
        )
        if group > 1
        else (),
    )


def _load(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    wide = {t.dtype if t.dtype == torch.float64 else torch.float32 for t in state.values()}
    if len(wide) != 1:
        found = ", ".join(sorted({str(t.dtype) for t in state.values()}))
        raise Refused(f"its layers mix the dtypes {found}")
    module.to(wide.pop())
    try:
        module.load_state_dict(dict(state), strict=True)
    except RuntimeError as error:
        raise Refused(f"its weights do not load: {' '.join(str(error).split())}") from None
    module.eval()
