"""Which modules can be players, beside which samples, and which of their answers are numbers?

A game has a Jacobian where each player has parameters of its own that gradients move, all of one
floating-point dtype. What cannot be played is refused here in a sentence, before anything is
measured; an answer that is NaN or infinite is refused where it appears, because every number that
is made from it would look like one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from gancheck.diagnosis import NotFinite
from gancheck.games.data import as_sampler

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gancheck.games.data import Sampler

__all__ = ["check_players", "check_samples", "finite", "finite_derivative", "loss_value"]


def check_samples(
    data: Sampler, labels: Tensor | None, held_out: Any
) -> tuple[Tensor | None, Sampler | None]:
    """Labels and held-out samples as a game keeps them beside its data.

    Raises:
        ValueError: labels that are not one a row of the data, or held-out samples of another shape.
    """
    if labels is not None and labels.shape != (data.size,):
        raise ValueError(
            f"labels must have shape ({data.size},), one a row of the data, "
            f"got {tuple(labels.shape)}"
        )
    unseen = None if held_out is None else as_sampler(held_out)
    if unseen is not None and unseen.shape != data.shape:
        raise ValueError(
            f"held_out must hold samples of shape {data.shape} like the data, got {unseen.shape}"
        )
    return labels, unseen


def check_players(generator: nn.Module, discriminator: nn.Module) -> None:
    """Let two modules pass that can be moved apart by gradients.

    Raises:
        ValueError: one has no parameters, a parameter that is no floating-point tensor or is of
            another dtype than the rest, or both share one; the message names it.
    """
    both = {"generator": generator, "discriminator": discriminator}
    first = ""
    dtype: torch.dtype | None = None
    for player, module in both.items():
        named = dict(module.named_parameters())
        if not named:
            raise ValueError(f"{player} has no parameters: there is nothing for it to play with")
        for name, p in named.items():
            if not p.is_floating_point():
                raise ValueError(
                    f"{player}.{name} is a parameter of {_short(p.dtype)}, which no gradient moves; "
                    "register it as a buffer"
                )
            if dtype is None:
                first, dtype = f"{player}.{name}", p.dtype
            if p.dtype != dtype:
                raise ValueError(
                    f"both players must be in one dtype, {first} is in {_short(dtype)} and "
                    f"{player}.{name} in {_short(p.dtype)}; convert both with .float() or .double()"
                )
    _refuse_shared(generator, discriminator)


def _refuse_shared(generator: nn.Module, discriminator: nn.Module) -> None:
    """A parameter that both players move belongs to neither, and the game has no Jacobian."""
    own = {_place(p): name for name, p in generator.named_parameters() if p.numel()}
    for name, p in discriminator.named_parameters():
        if p.numel() and _place(p) in own:
            raise ValueError(
                f"generator.{own[_place(p)]} and discriminator.{name} are one parameter; a game needs "
                "two players that move apart, so give one of them a copy"
            )


def _place(p: Tensor) -> int:
    """Where its numbers stand, so that two parameters over one storage are seen to be one."""
    return p.data_ptr() or id(p)  # a tensor without storage (meta, some subclasses) stands at 0


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def finite(
    out: Any,
    what: str,
    *,
    look: str = "look for NaN in its parameters or in what it was given",
) -> Tensor:
    """The same, which is a tensor.

    Args:
        out: what a game gave.
        what: it is, in words.
        look: where the cause may be.

    Raises:
        NotFinite: some of it is NaN or infinite.
        ValueError: it is no tensor, such as a tuple of several.
    """
    if not isinstance(out, torch.Tensor):
        raise ValueError(
            f"{what} must be a tensor, got {type(out).__name__}; wrap the network in a module that "
            "returns the tensor alone"
        )
    good = torch.isfinite(out.detach())
    if not bool(good.all()):
        raise NotFinite(
            f"{what} must be finite, {int((~good).sum())} of {out.numel()} numbers are NaN or "
            f"infinite; {look}"
        )
    return out


def finite_derivative(out: Tensor, of: str) -> Tensor:
    """The same tensor.

    Args:
        out: derivatives.
        of: what they are the derivatives of, in words.

    Raises:
        NotFinite: some of it is NaN or infinite.
    """
    look = "look for NaN in the parameters, for a root or a norm at zero, or for an overflow"
    return finite(out, f"the derivative of {of}", look=look)


def loss_value(value: Tensor, whose: str) -> Tensor:
    """A loss as a scalar that can be differentiated.

    Raises:
        NotFinite: NaN or infinite.
        ValueError: several numbers, or one that no parameter has a part in.
    """
    if value.numel() != 1:
        raise ValueError(
            f"the {whose}'s loss must be one finite number, got shape {tuple(value.shape)}; take its "
            "mean over the samples"
        )
    if not bool(torch.isfinite(value.detach()).all()):
        raise NotFinite(
            f"the {whose}'s loss must be one finite number, got {value.item()}; look for NaN in the "
            "parameters or in the data"
        )
    if not value.requires_grad:
        raise ValueError(
            f"the {whose}'s loss depends on no parameter of either player (it is {value.item():.4g} "
            "whatever they do); look for a detach() or for torch.no_grad() on its way"
        )
    return value.reshape(())
