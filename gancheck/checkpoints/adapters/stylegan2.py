"""StyleGAN2 in the layout of its widely used PyTorch version: generator and discriminator.

Keys and shapes tell the sizes, among them the side of a sample; the filters are in the file. Three
things are in no shape and are asked of the manifest's `[model.style]`: the rate of the mapping, the
noise, and how many samples the discriminator judges beside each other. NVIDIA's own pickles carry
classes and their source code and are not built: their owner converts them to this layout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancheck.checkpoints.adapters import Match
from gancheck.checkpoints.refusal import Refused
from gancheck.checkpoints.style_keys import read_discriminator, read_generator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gancheck.checkpoints.adapters import Player
    from gancheck.checkpoints.index import TensorInfo

__all__ = ["CHOICES", "WAY_OUT", "match"]

CHOICES: dict[Player, dict[str, str]] = {
    "generator": {
        "mapping_rate": "the multiplier of learning rates in the mapping, 0.01 as published",
        "noise": "stored | none: the file's own maps of noise for every sample, or no noise",
    },
    "discriminator": {
        "stddev_group": "the samples that are judged beside each other, 4 as published"
    },
}
WAY_OUT = (
    "convert it to the layout of the PyTorch version (style.1.weight, convs.0.conv.weight, ...) "
    'where you trust the file, or give its own code with adapter = "factory" and --allow-code'
)


def match(
    tensors: Mapping[str, TensorInfo],
    *,
    player: Player | None = None,
    shape: tuple[int, ...] | None = None,
) -> Match:
    """Say whether named tensors are those of a StyleGAN2 player, all of them.

    Args:
        tensors: name -> what is known of it, as `select` returns.
        player: which one; both are tried where it is not said.
        shape: of one sample, channels first; where it is given, the player must have it.
    """
    wrong = ""
    for one in ("generator", "discriminator") if player is None else (player,):
        try:
            found = _match(one, tensors)
        except Refused as refusal:
            # The player whose keys are there at all has more to say than the other.
            wrong = refusal.reason if not wrong or "no key is" in wrong else wrong
            continue
        if shape is None or shape == found.sample:
            return found
        wrong = f"its samples are {_by(found.sample)} and not {_by(shape)}"
    return Match(score=0.0, reasons=(wrong,))


def _match(player: Player, tensors: Mapping[str, TensorInfo]) -> Match:
    if player == "generator":
        g = read_generator(tensors)
        reason = (
            f"all {len(g.keys)} keys of a StyleGAN2 generator: {g.mappings} layers from {g.style} "
            f"numbers to a style, {_widths(g.channels)} channels up to {_by(g.sample)}"
        )
        sample, unused, latent = g.sample, g.unused, g.style
    else:
        d = read_discriminator(tensors)
        reason = (
            f"all {len(d.keys)} keys of a StyleGAN2 discriminator: {_by(d.sample)} down through "
            f"{_widths(d.channels)} channels"
        )
        sample, unused, latent = d.sample, d.unused, 0
    return Match(
        score=1.0,
        reasons=(reason,),
        hypotheses=_hypotheses(player),
        unconsumed=unused,
        sample=sample,
        latent=latent,
    )


def _hypotheses(player: Player) -> tuple[str, ...]:
    """What is taken for granted of one player, beside what the manifest says."""
    common = "leaky ReLU of slope 0.2 times sqrt(2), and equalised learning rates"
    if player == "generator":
        return (
            f"{common}; latents on the sphere, modulated convolutions normalised except those to colours",
            "no truncation and no mixing of styles, as neither belongs to the law that training compared",
        )
    return (f"{common}; one channel of minibatch deviation before the last convolution",)


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _widths(channels: tuple[int, ...]) -> str:
    return "-".join(map(str, channels))
