"""What does one update need, what does it see, and how is a player moved?

`Players` holds both networks, their optimisers, the losses and where samples come from. Nothing in
an update waits for a device: what it saw stays there as tensors (`StepRecord`) until somebody asks
for numbers, and samples drawn on the CPU travel from pinned memory.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from gancheck.games.data import ArrayData, DatasetData
from gancheck.games.losses import scores
from gancheck.games.transfer import brought
from gancheck.training.parallel import ALONE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from torch.optim import Optimizer

    from gancheck.games.data import Sampler
    from gancheck.games.latents import Latent
    from gancheck.games.losses import Loss
    from gancheck.training.parallel import Ranks

__all__ = [
    "Judged",
    "Players",
    "StepRecord",
    "clip_weights",
    "judge",
    "minibatch",
    "move_discriminator",
    "move_generator",
    "own_parameters",
]


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
        critic_steps: moves of the discriminator for one of the generator, where they alternate.
        clip: bound that every parameter of the discriminator is cut to after its move, or None.
        strength: of the second-order term, for updates that have one.
        memory: what an update remembers of its last step, by name; empty before the first.
        precision: type that forward passes may be made in on a GPU, or None for the networks' own.
        ranks: this process among those that train together; what is drawn is its part of the batch.
        of_generator: the generator's parameters that require gradients, found once: to walk
            through a small network for them takes as long as to run it.
        of_discriminator: the discriminator's.
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
    critic_steps: int = 1
    clip: float | None = None
    strength: float = 1.0
    memory: dict[str, Tensor] = field(default_factory=dict)
    precision: torch.dtype | None = None
    ranks: Ranks = ALONE
    of_generator: list[Tensor] = field(init=False, repr=False)
    of_discriminator: list[Tensor] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "of_generator", own_parameters(self.generator))
        object.__setattr__(self, "of_discriminator", own_parameters(self.discriminator))

    def draw_real(self) -> Tensor:
        """A batch of data in the generator's dtype and device; of several processes its part."""
        rows = None if self.ranks.count == 1 else self.ranks.part(self.batch_size)
        return self._cast(minibatch(self.data, self.batch_size, self.rng, rows=rows))

    def draw_latent(self) -> Tensor:
        """A batch of latents in the same manner."""
        z = self.latent.sample(self.batch_size, self.rng)
        return self._cast(z if self.ranks.count == 1 else z[self.ranks.part(self.batch_size)])

    def gradients(self, loss: Tensor, of: Sequence[Tensor]) -> list[Tensor | None]:
        """Gradient of a mean over the batch for one player's parameters; None where not a part."""
        return self.ranks.average(torch.autograd.grad(loss, of, allow_unused=True))

    def passes(self) -> AbstractContextManager[object]:
        """Around forward passes: mixed precision where it is asked for."""
        if self.precision is None:
            return contextlib.nullcontext()
        return torch.autocast(self._like().device.type, dtype=self.precision)

    def _like(self) -> Tensor:
        """A parameter of the generator, which may have none that moves."""
        return self.of_generator[0] if self.of_generator else next(self.generator.parameters())

    def _cast(self, x: Tensor) -> Tensor:
        return brought(x, self._like())


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """What one update saw, each player at the moment of its own move, as tensors on the device.

    Attributes:
        loss_g: the generator's loss before its move.
        loss_d: the discriminator's.
        on_real: score of each real sample [n], before the discriminator's move.
        on_fake: score of each generated sample [n] that they were compared with.
        probabilistic: whether sigmoid(score) is a probability.
        along_g: the gradient the generator moved along, None for parameters without one. As large
            as the network: whoever keeps many records keeps their `numbers()` instead.
        along_d: the discriminator's.
    """

    loss_g: Tensor
    loss_d: Tensor
    on_real: Tensor
    on_fake: Tensor
    probabilistic: bool
    along_g: Sequence[Tensor | None]
    along_d: Sequence[Tensor | None]

    def whole(self, ranks: Ranks) -> StepRecord:
        """What all processes saw: mean losses, every score, in one exchange."""
        if ranks.count == 1:
            return self
        n = len(self.on_real)
        own = torch.cat([torch.stack([self.loss_g, self.loss_d]), self.on_real, self.on_fake])
        every = ranks.gather(own.detach().double())
        loss_g, loss_d = every[:, :2].mean(0).to(self.loss_g.dtype)
        return replace(
            self,
            loss_g=loss_g,
            loss_d=loss_d,
            on_real=every[:, 2 : 2 + n].reshape(-1).to(self.on_real.dtype),
            on_fake=every[:, 2 + n :].reshape(-1).to(self.on_fake.dtype),
        )

    def finite(self) -> bool:
        """Whether both losses are numbers; waits for the device."""
        return math.isfinite(self.loss_g.item()) and math.isfinite(self.loss_d.item())

    def numbers(self) -> dict[str, float | None]:
        """The row of the metrics, reduced on the device and fetched from it at once.

        Beside the losses: `score_real` and `score_fake`, the mean scores; `d_real` and `d_fake`,
        the means of sigmoid(score), None where that is no probability; `grad_norm_g` and
        `grad_norm_d`, Euclidean norms. They are made only when asked for: for a small network they
        cost a tenth of its step.
        """
        there: dict[str, Tensor | None] = {
            "loss_g": self.loss_g,
            "loss_d": self.loss_d,
            "score_real": self.on_real.mean(),
            "score_fake": self.on_fake.mean(),
            "d_real": self.on_real.sigmoid().mean() if self.probabilistic else None,
            "d_fake": self.on_fake.sigmoid().mean() if self.probabilistic else None,
            "grad_norm_g": get_total_norm([g for g in self.along_g if g is not None]),
            "grad_norm_d": get_total_norm([g for g in self.along_d if g is not None]),
        }
        known = {k: v for k, v in there.items() if v is not None}
        values = torch.stack(list(known.values())).detach().double().tolist()
        return {**dict.fromkeys(there), **dict(zip(known, values, strict=True))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The discriminator's loss on one batch, and the scores that its own passes gave."""

    loss: Tensor
    on_real: Tensor
    on_fake: Tensor
    probabilistic: bool

    def record(
        self,
        *,
        loss_g: Tensor,
        along_g: Sequence[Tensor | None],
        along_d: Sequence[Tensor | None],
    ) -> StepRecord:
        """What the update saw, with the generator's part and both moves."""
        return StepRecord(
            loss_g=loss_g.detach(),
            loss_d=self.loss.detach(),
            on_real=self.on_real,
            on_fake=self.on_fake,
            probabilistic=self.probabilistic,
            along_g=along_g,
            along_d=along_d,
        )


class _Listener:
    """The discriminator as a function that remembers what it was shown and what it answered."""

    def __init__(self, discriminator: Callable[[Tensor], Tensor]) -> None:
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


def judge(players: Players, real: Tensor, fake: Tensor) -> Judged:
    """The discriminator's loss, and the numbers of a record that its own passes give for free."""
    listener = _Listener(players.discriminator)
    with players.passes():
        loss = players.loss.discriminator(listener, real, fake, rng=players.rng)
        on_real, on_fake = listener.on(real), listener.on(fake)
    return Judged(
        loss=loss,
        on_real=on_real,
        on_fake=on_fake,
        probabilistic=players.loss.probabilistic,
    )


def minibatch(
    data: Sampler, n: int, generator: torch.Generator, *, rows: slice | None = None
) -> Tensor:
    """Draw n samples as training does: of finite data each row on its own, at a cost of n.

    `Sampler.draw` takes no row twice, for which it permutes all of them; n independent rows are
    draws from the empirical law, whose size does not matter.

    Args:
        data: what to draw from.
        n: size of the whole batch.
        generator: CPU stream.
        rows: those of the batch that are wanted, all where not given; of finite data no others are
            fetched.

    Raises:
        ValueError: n below 1, or what the data's own `draw` raises.
    """
    if not isinstance(data, (ArrayData, DatasetData)):
        drawn = data.draw(n, generator)
        return drawn if rows is None else drawn[rows]
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    index = torch.randint(data.size, (n,), generator=generator)
    return data.rows(index if rows is None else index[rows])


def own_parameters(module: nn.Module) -> list[Tensor]:
    """What its player moves: the parameters that require gradients."""
    return [p for p in module.parameters() if p.requires_grad]


def move_generator(players: Players, along: Sequence[Tensor | None]) -> None:
    """Step along given gradients; `.grad` is left empty."""
    _move(players.of_generator, players.generator_optimizer, along)


def move_discriminator(
    players: Players, along: Sequence[Tensor | None], *, clip: bool = True
) -> None:
    """The same for the discriminator, whose parameters are cut to their bound where it has one."""
    _move(players.of_discriminator, players.discriminator_optimizer, along)
    if clip:
        clip_weights(players)


def clip_weights(players: Players) -> None:
    """Cut every parameter of the discriminator to [-clip, clip] (Arjovsky et al. 2017)."""
    if players.clip is not None:
        with torch.no_grad():
            for parameter in players.of_discriminator:
                parameter.clamp_(-players.clip, players.clip)


def _move(
    parameters: Sequence[Tensor], optimizer: Optimizer, along: Sequence[Tensor | None]
) -> None:
    for parameter, gradient in zip(parameters, along, strict=True):
        parameter.grad = gradient
    optimizer.step()
    for parameter in parameters:
        parameter.grad = None
