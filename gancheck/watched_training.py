"""How does a run of a recipe look at itself while it is trained?

`Watch` is the callback that `gancheck train --diagnose-every` hands to the loop: a
`gancheck.Monitor` on the live game, whose rows stand in the run's directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancheck.games.data import ArrayData
from gancheck.games.game import Game
from gancheck.monitor import Monitor, check_schedule

if TYPE_CHECKING:
    from collections.abc import Callable

    from gancheck.games.data import Sampler
    from gancheck.games.recipe import Recipe
    from gancheck.training.run_directory import RunDirectory
    from gancheck.training.train import Progress

__all__ = ["Watch"]


class Watch:
    """Looks at the live game of a training, from its first step on.

    What a killed run left after the checkpoint that it is resumed from is dropped first.

    Args:
        recipe: that is trained.
        run: where.
        every: steps between looks.
        max_overhead: see `gancheck.Monitor`.
        load: gives the recipe's data, the same to the training and to the looks.
    """

    def __init__(
        self,
        recipe: Recipe,
        run: RunDirectory,
        *,
        every: int,
        max_overhead: float | None,
        load: Callable[[], Sampler],
    ) -> None:
        check_schedule(every, max_overhead)  # before the run is begun
        self._recipe, self._run, self._load = recipe, run, load
        self._every, self._share = every, max_overhead
        self._monitor: Monitor | None = None

    def __call__(self, now: Progress) -> None:
        """Told of every step."""
        if self._monitor is None:
            self._run.rewind_looks(now.step - 1)
            data = self._load()
            game = Game(
                now.generator,
                now.discriminator,
                loss=self._recipe.losses(),
                latent=self._recipe.latent,
                data=data,
                labels=data.labels if isinstance(data, ArrayData) else None,
            )
            self._monitor = Monitor(
                game, every=self._every, max_overhead=self._share, log=self._run.diagnoses
            )
        self._monitor.step(now.step)

    def __str__(self) -> str:
        """What it saw and cost; empty before the first step."""
        return "" if self._monitor is None else str(self._monitor)
