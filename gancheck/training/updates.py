"""How do two players take one step?

`simultaneous` evaluates both gradients at the same point and then moves both players: a step of
gradient descent on the game's field. `alternating` moves the discriminator and lets the generator
see its move, with fresh latents, as in the algorithm of Goodfellow et al. (2014). Both take as
gradient of a player that of its own loss with respect to its own parameters, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from gancheck.games.losses import scores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch.optim import Optimizer

    from gancheck.games.data import Sampler
    from gancheck.games.latents import Latent
    from gancheck.games.losses import Loss

__all__ = ["UPDATES", "Players", "StepRecord", "Update", "alternating", "simultaneous"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Players:
    """What one update needs: networks, optimisers, losses, and where samples come from.

    Attributes:
        generator: latents -> samples.
        discriminator: samples -> scores.
        generator_optimizer: over the generator's parameters.
        discriminator_optimizer: over the discriminator's.
        loss: what each minimises.
        latent: law of the generator's input.
        data: the samples to imitate.
        batch_size: real and generated samples of one update.
        rng: CPU generator that every draw comes from.
    """

    generator: nn.Module
    discriminator: nn.Module
    generator_optimizer: Optimizer
    discriminator_optimizer: Optimizer
    loss: Loss
    latent: Latent
    data: Sampler
    batch_size: int
    rng: torch.Generator

    def draw_real(self) -> Tensor:
        """A batch of data in the generator's dtype and device."""
        return self._cast(self.data.draw(self.batch_size, self.rng))

    def draw_latent(self) -> Tensor:
        """A batch of latents in the generator's dtype and device."""
        return self._cast(self.latent.sample(self.batch_size, self.rng))

    def _cast(self, x: Tensor) -> Tensor:
        like = next(self.generator.parameters())
        return x.to(device=like.device, dtype=like.dtype)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """What one update saw, each player at the moment of its own move.

    Attributes:
        loss_g: the generator's loss before its move.
        loss_d: the discriminator's.
        score_real: mean score of the real batch, before the discriminator's move.
        score_fake: mean score of the generated batch it was compared with.
        d_real: mean of sigmoid(score) on the real batch; None where that is no probability.
        d_fake: the same on the generated batch.
        grad_norm_g: Euclidean norm of the gradient the generator moved along.
        grad_norm_d: the discriminator's.
    """

    loss_g: float
    loss_d: float
    score_real: float
    score_fake: float
    d_real: float | None
    d_fake: float | None
    grad_norm_g: float
    grad_norm_d: float


Update = Callable[[Players], StepRecord]


class _Listener:
    """The discriminator as a function that remembers what it was shown and what it answered."""

    def __init__(self, discriminator: nn.Module) -> None:
        self._discriminator = discriminator
        self._heard: list[tuple[Tensor, Tensor]] = []

    def __call__(self, x: Tensor) -> Tensor:
        out = self._discriminator(x)
        self._heard.append((x, out.detach()))
        return out

    def on(self, x: Tensor) -> Tensor:
        """The scores [n] that this very tensor got; asked for now if the loss never showed it."""
        for seen, out in self._heard:
            if seen is x:
                return out.reshape(-1)
        with torch.no_grad():
            return scores(self._discriminator, x)


def _gradients(loss: Tensor, module: nn.Module) -> list[Tensor | None]:
    """Gradient of a loss with respect to one player's parameters; None where it plays no part."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    return list(torch.autograd.grad(loss, parameters, allow_unused=True))


def _move(module: nn.Module, optimizer: Optimizer, gradients: Sequence[Tensor | None]) -> float:
    """Step along given gradients and return their norm; `.grad` is left empty."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return get_total_norm([g for g in gradients if g is not None]).item()


def simultaneous(players: Players) -> StepRecord:
    """Move both players along gradients taken at the same point and on the same batch.

    Returns:
        What the update saw. Costs one pass through the generator, two of the discriminator for
        its own loss and one for the generator's.
    """
    real, fake = players.draw_real(), players.generator(players.draw_latent())
    loss_d, seen = _judge(players, real, fake.detach())
    loss_g = players.loss.generator(players.discriminator, real, fake, rng=players.rng)
    gradients_d = _gradients(loss_d, players.discriminator)
    gradients_g = _gradients(loss_g, players.generator)
    norm_d = _move(players.discriminator, players.discriminator_optimizer, gradients_d)
    norm_g = _move(players.generator, players.generator_optimizer, gradients_g)
    return StepRecord(**seen, loss_g=loss_g.item(), grad_norm_g=norm_g, grad_norm_d=norm_d)


def alternating(players: Players) -> StepRecord:
    """Move the discriminator, then the generator against the moved discriminator.

    Returns:
        What the update saw: the discriminator's numbers before its move, the generator's after
        that move and before its own. The generator moves on fresh latents.
    """
    real = players.draw_real()
    with torch.no_grad():
        shown = players.generator(players.draw_latent())
    loss_d, seen = _judge(players, real, shown)
    gradients_d = _gradients(loss_d, players.discriminator)
    norm_d = _move(players.discriminator, players.discriminator_optimizer, gradients_d)
    fake = players.generator(players.draw_latent())
    loss_g = players.loss.generator(players.discriminator, real, fake, rng=players.rng)
    gradients_g = _gradients(loss_g, players.generator)
    norm_g = _move(players.generator, players.generator_optimizer, gradients_g)
    return StepRecord(**seen, loss_g=loss_g.item(), grad_norm_g=norm_g, grad_norm_d=norm_d)


def _judge(players: Players, real: Tensor, fake: Tensor) -> tuple[Tensor, dict[str, Any]]:
    """The discriminator's loss, and the numbers of a record that its own passes give for free."""
    listener = _Listener(players.discriminator)
    loss = players.loss.discriminator(listener, real, fake, rng=players.rng)
    on_real, on_fake = listener.on(real), listener.on(fake)
    probabilistic = players.loss.probabilistic
    return loss, {
        "loss_d": loss.item(),
        "score_real": on_real.mean().item(),
        "score_fake": on_fake.mean().item(),
        "d_real": on_real.sigmoid().mean().item() if probabilistic else None,
        "d_fake": on_fake.sigmoid().mean().item() if probabilistic else None,
    }


UPDATES: Mapping[str, Update] = MappingProxyType(
    {"alternating": alternating, "simultaneous": simultaneous}
)
"""Every update by its name."""
