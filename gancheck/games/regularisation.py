"""What is added to a pair of losses so that training holds together?

`Regularisation` is a set of weights, each 0 where it is not wanted; `applied_to` gives the pair of
losses with them, which a game is measured with and trained with alike, so that curvature, rotation
and gradients are those of the loss that was really minimised.

=================  ===========================================================================
r1, r2             gamma / 2 E ||grad s||^2 on real, on generated samples (Mescheder et al. 2018)
gradient_penalty   lambda E (||grad s|| - 1)^2 between them (Gulrajani et al. 2017)
instance_noise     both kinds of samples are shown with N(0, sigma^2) on every coordinate
                   (Soenderby et al. 2017): the game of the two smoothed laws
label_smoothing    one-sided: a real sample is to be called real with 1 - epsilon (Salimans et al.
                   2016); cross-entropy losses only
=================  ===========================================================================

Weight clipping is no term of a loss: it moves parameters after a step, see `games.recipe`. Spectral
norm is a property of a network, see `games.architectures`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import torch

from gancheck.games.loss_pair import scores, softplus
from gancheck.games.losses import CROSS_ENTROPY
from gancheck.games.penalties import interpolated_penalty, r1
from gancheck.games.shared_stream import drawn
from gancheck.games.transfer import brought

if TYPE_CHECKING:
    from torch import Tensor

    from gancheck.games.loss_pair import Loss, PlayerLoss
    from gancheck.games.penalties import Score

__all__ = ["Regularisation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regularisation:
    """Weights of what is added to the losses; all 0 by default.

    Attributes:
        r1: gamma of the penalty on real samples.
        r2: gamma of the penalty on generated samples.
        gradient_penalty: lambda of the penalty between them.
        instance_noise: standard deviation of the noise on every sample that D sees, in data units.
        label_smoothing: epsilon, below 1.

    Raises:
        ValueError: a weight that is negative or not finite, or a smoothing of 1 or more.
    """

    r1: float = 0.0
    r2: float = 0.0
    gradient_penalty: float = 0.0
    instance_noise: float = 0.0
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0.0 <= value < float("inf"):
                raise ValueError(f"{field.name} must be a finite number from 0 up, got {value!r}")
        if self.label_smoothing >= 1.0:
            raise ValueError(f"label_smoothing must be below 1, got {self.label_smoothing!r}")

    def applied_to(self, loss: Loss) -> Loss:
        """The pair of losses with these terms; the same object where there are none.

        Raises:
            ValueError: label smoothing of a loss that is no cross entropy.
        """
        if self.label_smoothing and loss.name not in CROSS_ENTROPY:
            raise ValueError(
                f"label_smoothing belongs to {' and '.join(CROSS_ENTROPY)}, whose targets are "
                f"probabilities, not to {loss.name!r}"
            )
        terms = self._in_words()
        if not terms:
            return loss
        of_generator, of_discriminator = loss.generator, loss.discriminator
        if self.label_smoothing:
            of_discriminator = _smoothed_cross_entropy(self.label_smoothing)
        of_discriminator = self._penalised(of_discriminator)
        if self.instance_noise:
            of_generator, of_discriminator = (
                _noisy(f, self.instance_noise) for f in (of_generator, of_discriminator)
            )
        return replace(
            loss,
            generator=of_generator,
            discriminator=of_discriminator,
            zero_sum=loss.zero_sum and not (self.r2 or self.gradient_penalty),
            smooth=loss.smooth and not self.gradient_penalty,
            # a part of a batch would be shown other noise than it gets in the whole
            separable=loss.separable and not self.instance_noise,
            gradient_penalty=loss.gradient_penalty + self.gradient_penalty,
            input_gradients=loss.input_gradients
            or bool(self.r1 or self.r2 or self.gradient_penalty),
            label_smoothing=self.label_smoothing,
            terms=(*loss.terms, *terms),
        )

    def _in_words(self) -> list[str]:
        return [
            f"{f.name} {getattr(self, f.name):g}" for f in fields(self) if getattr(self, f.name)
        ]

    def _penalised(self, loss: PlayerLoss) -> PlayerLoss:
        if not (self.r1 or self.r2 or self.gradient_penalty):
            return loss

        def with_penalties(
            score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
        ) -> Tensor:
            total = loss(score, real, fake, rng=rng)
            if self.r1:
                total = total + self.r1 * r1(score, real)
            if self.r2:
                total = total + self.r2 * r1(score, fake)
            if self.gradient_penalty:
                between = interpolated_penalty(score, real, fake, rng=rng)
                total = total + self.gradient_penalty * between
            return total

        return with_penalties


def _smoothed_cross_entropy(epsilon: float) -> PlayerLoss:
    """Cross entropy with the target 1 - epsilon: E softplus(-s) gains epsilon E s on real samples.

    (1 - e) softplus(-s) + e softplus(s) = softplus(-s) + e s, since softplus(s) = softplus(-s) + s.
    """

    def smoothed(
        score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
    ) -> Tensor:
        del rng
        on_real = scores(score, real)
        rest = softplus(scores(score, fake)).mean()
        return (softplus(-on_real) + epsilon * on_real).mean() + rest

    return smoothed


def _noisy(loss: PlayerLoss, sigma: float) -> PlayerLoss:
    """Every sample that the discriminator is shown carries fresh noise.

    Drawn in float64 on the CPU and then moved, as latents are, so that it depends on neither dtype
    nor device; without `rng` from a stream of seed 0, so that the loss is a function.
    """

    def noisy(
        score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
    ) -> Tensor:
        stream = torch.Generator().manual_seed(0) if rng is None else rng

        def blurred(x: Tensor) -> Tensor:
            noise = brought(drawn(torch.randn, tuple(x.shape), stream), x)
            return score(x + sigma * noise)

        return loss(blurred, real, fake, rng=stream)

    return noisy
