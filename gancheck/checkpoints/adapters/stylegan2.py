"""StyleGAN2: recognised by its keys and shapes, and not built.

A forward pass written here could only be compared with itself: the published one brings compiled
filters, noise drawn at every layer, a truncation about a stored mean and a choice of resampling
that no shape shows. A forward pass that is nearly right measures another network, so none is
offered; the owner's own code is, through the `factory` adapter.

Source of the layout: Karras et al. (2020).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancheck.checkpoints.adapters import Match

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gancheck.checkpoints.adapters import Player
    from gancheck.checkpoints.index import TensorInfo

__all__ = ["WAY_OUT", "match"]

WAY_OUT = 'give its own code with adapter = "factory" and --allow-code; what its weights alone say needs none'


def match(
    tensors: Mapping[str, TensorInfo],
    *,
    player: Player | None = None,
    shape: tuple[int, ...] | None = None,
) -> Match:
    """Say whether named tensors are those of a StyleGAN2 generator.

    Three witnesses: modulated kernels of five dimensions with a style of as many outputs as they
    have input channels beside each, a constant first map, and strengths of noise.

    Args:
        tensors: name -> what is known of it, as `select` returns.
        player: a discriminator is not told from other residual ones.
        shape: not used, since nothing is built.
    """
    del shape
    modulated = [
        key for key, info in tensors.items() if len(info.shape) == 5 and info.shape[0] == 1
    ]
    styles = [key for key in modulated if _style(key, tensors)]
    constants = [
        i
        for i in tensors.values()
        if len(i.shape) == 4 and i.shape[0] == 1 and i.shape[2:] == (4, 4)
    ]
    noise = [key for key, info in tensors.items() if "noise" in key and info.shape in ((), (1,))]
    if player == "discriminator" or not (styles and constants and noise):
        return Match(
            score=0.0,
            reasons=("no modulated kernels with styles, constant map and noise strengths",),
        )
    return Match(
        score=1.0,
        reasons=(
            f"{len(styles)} modulated kernels with a style each, a constant 4x4 map, {len(noise)} noise strengths",
        ),
        hypotheses=("recognised and not built: a forward pass could not be verified here",),
        unconsumed=tuple(tensors),
    )


def _style(key: str, tensors: Mapping[str, TensorInfo]) -> bool:
    parent = key.rpartition(".")[0]
    inputs = tensors[key].shape[2]
    return any(
        name.startswith(f"{parent}.") and len(info.shape) == 2 and info.shape[0] == inputs
        for name, info in tensors.items()
    )
