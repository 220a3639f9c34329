"""What does each player minimise?

Seven named pairs of losses in terms of the discriminator's score s (a logit where `probabilistic`),
real samples x and generated samples G(z); both players minimise their own.

==============  ========================================  =========================
name            L_D                                       L_G
==============  ========================================  =========================
minimax         E softplus(-s(x)) + E softplus(s(G(z)))   -E softplus(s(G(z)))
non-saturating  the same                                  E softplus(-s(G(z)))
lsgan           E (s(x) - 1)^2 / 2 + E s(G(z))^2 / 2      E (s(G(z)) - 1)^2 / 2
lsgan-centred   E (s(x) - 1)^2 / 2 + E (s(G) + 1)^2 / 2   E s(G(z))^2 / 2
hinge           E max(0, 1 - s(x)) + E max(0, 1 + s(G))   -E s(G(z))
wgan            E s(G(z)) - E s(x)                        -E s(G(z))
wgan-gp         that + 10 E (||grad s(x')|| - 1)^2        -E s(G(z))
==============  ========================================  =========================

With d = sigmoid(s), softplus(-s) = -log d and softplus(s) = -log(1 - d): the first row is the
game of Goodfellow et al. written so that no logarithm of zero is ever taken. torch's softplus
turns linear at 20, where its slope is wrong by 2e-9; here it does so at 40, below float64's
rounding, so the gradients of rows 1 and 2 keep the ratio (1 - d) / d to rounding at every logit.

A least-squares loss is named by its codes: what D is to say of a generated sample, of a real one,
and what G wants it to say. They are 0, 1, 1 in lsgan and -1, 1, 0 in lsgan-centred, whose exact
flow can drop modes (`centred-least-squares-drops-modes`).

Source: Goodfellow et al. (2014); Mao et al. (2017) for both codings; Lim & Ye (2017) and Miyato et
al. (2018) for hinge; Arjovsky et al. (2017); Gulrajani et al. (2017).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from torch.nn import functional

from gancheck.games.penalties import GULRAJANI_WEIGHT, Score, interpolated_penalty

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import Tensor

__all__ = ["LOSSES", "CallableLoss", "Loss", "LossFunction", "PlayerLoss", "resolve", "scores"]


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
    """

    name: str
    generator: PlayerLoss
    discriminator: PlayerLoss
    probabilistic: bool
    zero_sum: bool
    smooth: bool
    separable: bool = True


class CallableLoss:
    """A user's pair of functions f(score, real, fake) with the interface of a named loss."""

    name = "custom"
    probabilistic = False
    separable = False

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


def _softplus(s: Tensor) -> Tensor:
    """log(1 + e^s), exact to float64's rounding: e^-40 is below it, and e^40 fits into float32."""
    return functional.softplus(s, threshold=40.0)


def _cross_entropy_discriminator(
    score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
) -> Tensor:
    del rng
    on_real = _softplus(-scores(score, real)).mean()
    return on_real + _softplus(scores(score, fake)).mean()


def _saturating_generator(
    score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
) -> Tensor:
    del real, rng
    return -_softplus(scores(score, fake)).mean()


def _non_saturating_generator(
    score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
) -> Tensor:
    del real, rng
    return _softplus(-scores(score, fake)).mean()


def _least_squares_discriminator(
    score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
) -> Tensor:
    del rng
    on_real = (scores(score, real) - 1.0).square().mean() / 2
    return on_real + scores(score, fake).square().mean() / 2


def _least_squares_generator(
    score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
) -> Tensor:
    del real, rng
    return (scores(score, fake) - 1.0).square().mean() / 2


def _centred_discriminator(
    score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
) -> Tensor:
    del rng
    on_real = (scores(score, real) - 1.0).square().mean() / 2
    return on_real + (scores(score, fake) + 1.0).square().mean() / 2


def _centred_generator(
    score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
) -> Tensor:
    del real, rng
    return scores(score, fake).square().mean() / 2


def _hinge_discriminator(
    score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
) -> Tensor:
    del rng
    on_real = functional.relu(1.0 - scores(score, real)).mean()
    return on_real + functional.relu(1.0 + scores(score, fake)).mean()


def _critic(
    score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
) -> Tensor:
    del rng
    on_real = scores(score, real).mean()
    return scores(score, fake).mean() - on_real


def _penalised_critic(
    score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
) -> Tensor:
    penalty = interpolated_penalty(score, real, fake, rng=rng)
    return _critic(score, real, fake) + GULRAJANI_WEIGHT * penalty


def _linear_generator(
    score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
) -> Tensor:
    del real, rng
    return -scores(score, fake).mean()


_ALL = (
    Loss(
        name="minimax",
        generator=_saturating_generator,
        discriminator=_cross_entropy_discriminator,
        probabilistic=True,
        zero_sum=True,
        smooth=True,
    ),
    Loss(
        name="non-saturating",
        generator=_non_saturating_generator,
        discriminator=_cross_entropy_discriminator,
        probabilistic=True,
        zero_sum=False,
        smooth=True,
    ),
    Loss(
        name="lsgan",
        generator=_least_squares_generator,
        discriminator=_least_squares_discriminator,
        probabilistic=False,
        zero_sum=False,
        smooth=True,
    ),
    Loss(
        name="lsgan-centred",
        generator=_centred_generator,
        discriminator=_centred_discriminator,
        probabilistic=False,
        zero_sum=False,
        smooth=True,
    ),
    Loss(
        name="hinge",
        generator=_linear_generator,
        discriminator=_hinge_discriminator,
        probabilistic=False,
        zero_sum=False,
        smooth=False,
    ),
    Loss(
        name="wgan",
        generator=_linear_generator,
        discriminator=_critic,
        probabilistic=False,
        zero_sum=True,
        smooth=True,
    ),
    Loss(
        name="wgan-gp",
        generator=_linear_generator,
        discriminator=_penalised_critic,
        probabilistic=False,
        zero_sum=False,  # the penalty moves with the generated samples
        smooth=False,
    ),
)

LOSSES: Mapping[str, Loss] = MappingProxyType({loss.name: loss for loss in _ALL})
"""Every named loss."""


def resolve(name: str) -> Loss:
    """Look a loss up by its name.

    Args:
        name: one of `LOSSES`.

    Returns:
        The pair of losses.

    Raises:
        ValueError: no loss has this name.

    Example:
        >>> resolve("wgan").zero_sum
        True
    """
    if name not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {name!r}")
    return LOSSES[name]
