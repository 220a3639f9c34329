"""What does each player minimise?

Named pairs of losses in terms of the discriminator's score s (a logit where `probabilistic`),
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
wgan-lp         the same with max(0, .) about the slope   -E s(G(z))
relativistic    E softplus(-r(x)) + E softplus(r(G))      real and generated swapped
fgan-...        minus the bound of `games.f_gan`          the bound itself
==============  ========================================  =========================

r(x) = s(x) - E s(G(z)) and r(G) = s(G(z)) - E s(x): how much more real than the average of the
other kind a sample looks. The means are taken over the batch, so this loss is no mean over samples.
The fgan losses are fgan-kl, fgan-reverse-kl, fgan-pearson and fgan-hellinger.

With d = sigmoid(s), softplus(-s) = -log d and softplus(s) = -log(1 - d): the first row is the
game of Goodfellow et al. written so that no logarithm of zero is ever taken. torch's softplus
turns linear at 20, where its slope is wrong by 2e-9; here it does so at 40, below float64's
rounding, so the gradients of rows 1 and 2 keep the ratio (1 - d) / d to rounding at every logit.

A least-squares loss is named by its codes: what D is to say of a generated sample, of a real one,
and what G wants it to say. They are 0, 1, 1 in lsgan and -1, 1, 0 in lsgan-centred, whose exact
flow can drop modes (`centred-least-squares-drops-modes`).

Source: Goodfellow et al. (2014); Mao et al. (2017) for both codings; Lim & Ye (2017) and Miyato et
al. (2018) for hinge; Arjovsky et al. (2017); Gulrajani et al. (2017); Petzka et al. (2018) for
wgan-lp; Jolicoeur-Martineau (2019) for the relativistic average; Nowozin et al. (2016) for f-GAN.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from torch.nn import functional

from gancheck.games.f_gan import F_DIVERGENCES, FDivergence
from gancheck.games.loss_pair import (
    CallableLoss,
    Loss,
    LossFunction,
    PlayerLoss,
    scores,
    softplus,
)
from gancheck.games.penalties import GULRAJANI_WEIGHT, interpolated_penalty, one_sided_penalty

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import Tensor

    from gancheck.games.penalties import Score

__all__ = [
    "CROSS_ENTROPY",
    "LOSSES",
    "CallableLoss",
    "Loss",
    "LossFunction",
    "PlayerLoss",
    "as_loss",
    "resolve",
    "scores",
    "softplus",
]


def _cross_entropy_discriminator(
    score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
) -> Tensor:
    del rng
    on_real = softplus(-scores(score, real)).mean()
    return on_real + softplus(scores(score, fake)).mean()


def _saturating_generator(
    score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
) -> Tensor:
    del real, rng
    return -softplus(scores(score, fake)).mean()


def _non_saturating_generator(
    score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
) -> Tensor:
    del real, rng
    return softplus(-scores(score, fake)).mean()


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


def _one_sided_critic(
    score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
) -> Tensor:
    penalty = one_sided_penalty(score, real, fake, rng=rng)
    return _critic(score, real, fake) + GULRAJANI_WEIGHT * penalty


def _relativistic(score: Score, wanted: Tensor, unwanted: Tensor) -> Tensor:
    """What minimising makes the first look more real than the mean of the second, and back."""
    up, down = scores(score, wanted), scores(score, unwanted)
    return softplus(down.mean() - up).mean() + softplus(down - up.mean()).mean()


def _relativistic_discriminator(
    score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
) -> Tensor:
    del rng
    return _relativistic(score, real, fake)


def _relativistic_generator(
    score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
) -> Tensor:
    del rng
    return _relativistic(score, fake, real)


def _f_gan(name: str, divergence: FDivergence) -> Loss:
    """The zero-sum game on a variational bound: D raises it, G lowers it.

    The generator's loss leaves out the term on real samples, which it cannot move.
    """

    def of_discriminator(
        score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
    ) -> Tensor:
        del rng
        return -divergence.bound(scores(score, real), scores(score, fake))

    def of_generator(
        score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
    ) -> Tensor:
        del real, rng
        return -divergence.on_fake(scores(score, fake)).mean()

    return Loss(
        name=f"fgan-{name}",
        generator=of_generator,
        discriminator=of_discriminator,
        probabilistic=False,
        zero_sum=True,
        smooth=True,
    )


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
        gradient_penalty=GULRAJANI_WEIGHT,
        input_gradients=True,
    ),
    Loss(
        name="wgan-lp",
        generator=_linear_generator,
        discriminator=_one_sided_critic,
        probabilistic=False,
        zero_sum=False,
        smooth=False,
        input_gradients=True,
    ),
    Loss(
        name="relativistic",
        generator=_relativistic_generator,
        discriminator=_relativistic_discriminator,
        probabilistic=False,  # its sigmoid is no probability of a sample on its own
        zero_sum=False,
        smooth=True,
        separable=False,
        generator_sees_real=True,
    ),
    *(_f_gan(name, divergence) for name, divergence in F_DIVERGENCES.items()),
)

LOSSES: Mapping[str, Loss] = MappingProxyType({loss.name: loss for loss in _ALL})
"""Every named loss."""

CROSS_ENTROPY = ("minimax", "non-saturating")
"""The losses whose discriminator minimises the cross entropy of real against generated."""


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


def as_loss(loss: str | Loss | tuple[LossFunction, LossFunction]) -> Loss | CallableLoss:
    """A pair of losses from its name, from itself, or from a user's two functions (L_G, L_D).

    Raises:
        ValueError: no loss has this name.
    """
    if isinstance(loss, Loss):
        return loss
    return resolve(loss) if isinstance(loss, str) else CallableLoss(*loss)
