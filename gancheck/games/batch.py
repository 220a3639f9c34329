"""On which samples is a game evaluated, and how were its players stepped?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from gancheck.games.streams import stream

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Batch", "EarlierPoint", "Player", "StepRule"]

Player = Literal["generator", "discriminator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A fixed evaluation batch: the same one gives the same losses, bit for bit.

    Attributes:
        real: data [n, ...] in the generator's dtype and device; None for an analytic game.
        latent: [n, latent size]; None for an analytic game.
        seed: what it was drawn with.
        first: position of its first sample in the batch that it is a part of.
    """

    real: Tensor | None
    latent: Tensor | None
    seed: int
    first: int = 0

    @property
    def size(self) -> int:
        """Number of latents; 1 for an analytic game."""
        return 1 if self.latent is None else int(self.latent.shape[0])

    def penalty_rng(self) -> torch.Generator:
        """For the random points of a gradient penalty: those of this part of the whole batch."""
        rng = stream(self.seed, "penalty")
        torch.rand(self.first, generator=rng, dtype=torch.float64)  # those of the samples before
        return rng

    def part(self, first: int, count: int) -> Batch:
        """`count` samples from position `first` on; of an analytic game, the whole.

        Raises:
            ValueError: real and generated samples differ in number, so that a part has no meaning.
        """
        if self.real is None or self.latent is None:
            return self
        if len(self.real) != len(self.latent):
            raise ValueError(
                "only a batch with as many real samples as latents can be cut into parts, got "
                f"{len(self.real)} and {len(self.latent)}"
            )
        rows = slice(first, first + count)
        return Batch(
            real=self.real[rows],
            latent=self.latent[rows],
            seed=self.seed,
            first=self.first + first,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRule:
    """How the players were stepped, where that is known.

    Attributes:
        name: `sgd` or `adam`.
        scale: step of each coordinate [n]: the learning rate, divided for Adam by the root of its
            bias-corrected second moment plus eps.
        alternating: True where the discriminator moved first and the generator saw its move.
    """

    name: str
    scale: Tensor
    alternating: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierPoint:
    """Where both players stood earlier in training, where that is known.

    Attributes:
        parameters: [n], the generator's and then the discriminator's, in the order of
            `named_parameters()`.
        name: of the point, in a word or two, such as "step 0".
    """

    parameters: Tensor
    name: str

    def check(self, size: int) -> None:
        """Refuse what is no point of a game with that many parameters.

        Raises:
            ValueError: another shape, or a number that is not finite.
        """
        if self.parameters.shape != (size,):
            raise ValueError(
                f"earlier.parameters must have shape ({size},), one number for each parameter of "
                f"both players, got {tuple(self.parameters.shape)}"
            )
        if not bool(torch.isfinite(self.parameters).all()):
            raise ValueError("earlier.parameters must be finite, they hold NaN or infinity")
