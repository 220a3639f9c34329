"""What can be asked of a generator that comes without its opponent?

Its samples and, where torch can differentiate it, its derivative: everything that compares laws and
nothing that plays. `GeneratorOnly` is a `Game` with one player: whatever asks for the other one, or
for a loss, ends as not applicable and says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from gancheck.diagnosis import NotApplicable
from gancheck.games import semantics
from gancheck.games.admitted import check_samples
from gancheck.games.data import as_sampler
from gancheck.games.game import Game
from gancheck.games.loss_pair import CallableLoss

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gancheck.games.batch import Player
    from gancheck.games.latents import Latent
    from gancheck.games.semantics import BatchNormMode

__all__ = ["GeneratorOnly"]


class _Alone(dict["Player", "nn.Module"]):
    """The one module; asking for the other says why there is none."""

    def __init__(self, generator: nn.Module, why: str) -> None:
        super().__init__({"generator": generator})
        self.why = why

    def __missing__(self, player: Player) -> nn.Module:
        raise NotApplicable(f"needs the {player}, {self.why}")


class GeneratorOnly(Game):
    """A generator and real samples, without a discriminator and without losses.

    Args:
        generator: z [n, latent size] -> samples [n, ...]; it may have no parameters.
        latent: from `gancheck.latents`.
        data: real samples, in any form that `Game` takes.
        why: why there is no other player, as the end of a sentence that begins "needs the
            discriminator, ".
        batch_norm: as `Game`.
        labels: as `Game`.
        held_out: as `Game`.

    Raises:
        ValueError: data that is empty or not finite, labels or held-out samples that do not fit it.
    """

    def __init__(
        self,
        generator: nn.Module,
        *,
        latent: Latent,
        data: Any,
        why: str = "and this is a generator alone",
        batch_norm: BatchNormMode = "as-set",
        labels: Tensor | None = None,
        held_out: Any = None,
    ) -> None:
        # The one initialiser of `Game` asks for two players; this one sets what it would set.
        semantics.check(generator, batch_norm)
        self._modules = _Alone(generator, why)
        self.loss = CallableLoss(self._nothing_to_play, self._nothing_to_play)
        self._why = why
        self.latent = latent
        self.data = as_sampler(data)
        self.discriminator_output = "logit"
        self.batch_norm = batch_norm
        self.max_memory = None
        self.step = None
        self.earlier = None
        self.labels, self.held_out = check_samples(self.data, labels, held_out)
        self._functions = None
        self._vectors = None

    @property
    def dtype(self) -> torch.dtype:
        """Of the generator's first parameter; float32 where it has none."""
        first = next(self.modules["generator"].parameters(), None)
        return torch.float32 if first is None else first.dtype

    @property
    def device(self) -> torch.device:
        """Of the generator's first parameter; the CPU where it has none."""
        first = next(self.modules["generator"].parameters(), None)
        return torch.device("cpu") if first is None else first.device

    def in_float64(self) -> Game:
        """The same generator on a copy in float64.

        Raises:
            RuntimeError: a generator that cannot be copied.
        """
        try:
            out = super().in_float64()
        except TypeError as error:
            raise RuntimeError(f"the generator cannot be copied: {error}") from None
        out._modules = _Alone(out.modules["generator"], self._why)  # noqa: SLF001 (a copy of one's own)
        return out

    def sizes(self) -> tuple[int, int]:
        """Number of parameters of the generator, and none."""
        return sum(p.numel() for p in self.modules["generator"].parameters()), 0

    def _nothing_to_play(self, *_: object, **__: object) -> Tensor:
        raise NotApplicable(f"needs the discriminator, {self._why}")
