"""Do the networks, the latent and the data of a recipe fit together?

One pass before the first step, on copies and with a stream of its own, so that nothing of the run
moves. What does not fit is said in terms of the recipe, where the first step would have ended in an
error from inside a layer, with files of a run already on the disk.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from gancheck.games import semantics
from gancheck.games.data import Sampler
from gancheck.games.losses import resolve
from gancheck.training.players import own_parameters

if TYPE_CHECKING:
    from torch import Tensor

    from gancheck.games.latents import Latent
    from gancheck.games.recipe import Recipe
    from gancheck.training.parallel import Ranks
    from gancheck.training.state import State

__all__ = ["check_fit", "check_spread"]


def check_fit(state: State, latent: Latent, data: Sampler, *, batch_size: int) -> None:
    """Pass one batch of latents through both networks and compare shapes.

    Args:
        state: whose networks are copied, on their device.
        latent: of the generator.
        data: whose samples the generator is to imitate; none is drawn.
        batch_size: as in training, for networks that look at the whole batch.

    Raises:
        ValueError: data that are no sampler, a network without a trainable parameter, a generator
            that refuses the latents,
            samples of another shape than the data's, a discriminator that refuses them or returns
            more or less than one score a sample.
    """
    if not _is_sampler(data):
        raise ValueError(
            f"data must make a sampler, got {type(data).__name__}; hand it to "
            "gancheck.games.data.as_sampler first"
        )
    for name, network in (("generator", state.generator), ("discriminator", state.discriminator)):
        if not own_parameters(network):
            raise ValueError(
                f"{name} has no parameter that requires gradients, so there is nothing to train"
            )
    like = own_parameters(state.generator)[0]
    z = latent.sample(batch_size, torch.Generator().manual_seed(0)).to(like)
    devices = [like.device] if like.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        fake = _passed(
            "generator",
            state.generator,
            z,
            f"latents of size {latent.size} (latent is {latent.law!r}); make its input that wide, "
            "or choose another latent",
        )
        _check_samples(fake, data, batch_size)
        score = _passed(
            "discriminator",
            state.discriminator,
            fake,
            f"samples of shape {list(data.shape)}, which the data and the generator have; "
            "give it an input of that shape",
        )
    if not _is_tensor(score) or score.shape not in ((batch_size,), (batch_size, 1)):
        raise ValueError(
            "discriminator must return one score a sample, "
            f"[{batch_size}] or [{batch_size}, 1] for a batch of {batch_size}, got "
            f"{_told(score)}; give its last layer one output"
        )


def check_spread(recipe: Recipe, state: State, ranks: Ranks) -> None:
    """Let a game pass whose batch can be spread over several processes; alone every one does.

    Raises:
        ValueError: a batch that the processes cannot share equally, or a loss or a network that
            compares the samples of a batch in a way that they cannot do together.
    """
    count, size = ranks.count, recipe.batch_size
    if count == 1:
        return
    if size % count:
        near = max(size // count, 1) * count
        raise ValueError(
            f"batch_size must be a multiple of the {count} processes, got {size}; take {near} or "
            f"{near + count}: --set batch_size={near}"
        )
    rest = "so its batch cannot be spread over several processes; train it with one"
    if not resolve(recipe.loss).separable:
        raise ValueError(
            f"the {recipe.loss} loss compares the samples of a batch with each other, {rest}"
        )
    for name, network in (("generator", state.generator), ("discriminator", state.discriminator)):
        if semantics.mixes_by_its_own_word(network):
            raise ValueError(
                f"the {name} takes the samples of a batch beside each other (mixes_samples), {rest}"
            )
        if any(isinstance(module, nn.SyncBatchNorm) for module in network.modules()):
            raise ValueError(
                f"the {name} has a SyncBatchNorm, which would exchange its statistics beside the "
                "training; take BatchNorm1d, BatchNorm2d or BatchNorm3d, which have those of the "
                "whole batch here"
            )


def _check_samples(fake: Any, data: Sampler, batch_size: int) -> None:
    if _is_tensor(fake) and tuple(fake.shape) == (batch_size, *data.shape):
        return
    raise ValueError(
        "generator must return samples of the data's shape, "
        f"{[batch_size, *data.shape]} for a batch of {batch_size}, got {_told(fake)}; change its "
        "output or the data"
    )


def _passed(name: str, network: nn.Module, x: Tensor, what: str) -> Any:
    """What a copy makes of x; what it says of a shape it refuses is the end of the sentence."""
    try:
        return copy.deepcopy(network)(x)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, IndexError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{name} does not take {what} ({reason})") from error


def _is_sampler(value: Any) -> bool:
    return isinstance(value, Sampler)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def _told(value: Any) -> str:
    return f"{list(value.shape)}" if _is_tensor(value) else f"a {type(value).__name__}"
