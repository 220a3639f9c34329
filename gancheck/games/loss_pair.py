"""What is a pair of losses: by name, with its properties, or a user's own two functions?

A player's loss is a function of the discriminator, real and generated samples; both players
minimise their own. `Loss` carries what measures must know of it. The named pairs are in
`games.losses`, what may be added to them in `games.regularisation`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from torch.nn import functional

from gancheck.games.penalties import Score

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["CallableLoss", "Loss", "LossFunction", "PlayerLoss", "scores", "softplus"]

LossFunction = Callable[[Score, "Tensor", "Tensor"], "Tensor"]
"""A user's own loss: (score, real, fake) -> scalar."""


@runtime_checkable
class PlayerLoss(Protocol):
    """One player's loss: the discriminator as a function, real and fake samples -> scalar."""

    def __call__(
        self, score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
    ) -> Tensor:
        """Evaluate on one batch; `rng` feeds losses that draw random points, others ignore it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A named pair of losses.

    Attributes:
        name: as on the command line.
        generator: what the generator minimises.
        discriminator: what the discriminator minimises.
        probabilistic: sigmoid(score) is read as the probability that a sample is real.
        zero_sum: L_G + L_D does not depend on the generator, so that L_G may be replaced by -L_D
            without changing either player's gradient.
        smooth: twice differentiable in scores and input gradients everywhere. hinge has its kinks
            at scores of +-1, wgan-gp at points where the critic's gradient vanishes; elsewhere
            both are smooth.
        separable: both losses are means over samples, so that a batch may be cut into parts.
        generator_sees_real: the generator's loss looks at real samples too.
        gradient_penalty: lambda of a two-sided penalty between real and generated samples.
        input_gradients: the discriminator's loss holds the score's gradient at its input, so that
            its own second derivatives are third ones of the network.
        label_smoothing: epsilon of the one-sided smoothing of a cross entropy.
        terms: what was added to the named loss, in words; see `games.regularisation`.
    """

    name: str
    generator: PlayerLoss
    discriminator: PlayerLoss
    probabilistic: bool
    zero_sum: bool
    smooth: bool
    separable: bool = True
    generator_sees_real: bool = False
    gradient_penalty: float = 0.0
    input_gradients: bool = False
    label_smoothing: float = 0.0
    terms: tuple[str, ...] = ()

    @property
    def in_words(self) -> str:
        """Its name and what was added, such as `non-saturating + r1 0.1`."""
        return " + ".join([self.name, *self.terms])


class CallableLoss:
    """A user's pair of functions f(score, real, fake) with the interface of a named loss."""

    name = "custom"
    probabilistic = False
    separable = False
    generator_sees_real = True
    gradient_penalty = 0.0
    input_gradients = True  # as far as anybody knows
    label_smoothing = 0.0
    in_words = "custom"

    def __init__(self, generator: LossFunction, discriminator: LossFunction) -> None:
        self.generator = _without_rng(generator)
        self.discriminator = _without_rng(discriminator)


def _without_rng(function: LossFunction) -> PlayerLoss:
    """A user's function draws nothing that this package would have to seed."""

    def loss(
        score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
    ) -> Tensor:
        del rng
        return function(score, real, fake)

    return loss


def scores(score: Score, samples: Tensor) -> Tensor:
    """Call a discriminator and return one score a sample.

    Args:
        score: the discriminator.
        samples: [n, ...].

    Returns:
        Scores [n].

    Raises:
        ValueError: the discriminator returned neither [n] nor [n, 1].
    """
    out = score(samples)
    count = len(samples)
    if out.shape not in ((count,), (count, 1)):
        raise ValueError(
            f"a discriminator must return one score a sample, [{count}] or [{count}, 1], "
            f"got {list(out.shape)}"
        )
    return out.reshape(count)


def softplus(s: Tensor) -> Tensor:
    """log(1 + e^s), exact to float64's rounding: e^-40 is below it, and e^40 fits into float32."""
    return functional.softplus(s, threshold=40.0)
