"""How is a game watched that Lightning trains?

`WatchGame` hands each batch of the trainer to a `gancheck.Monitor` and what it saw to the trainer's
loggers. It needs the package lightning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lightning.pytorch.callbacks import Callback

from gancheck.monitor import Monitor

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from gancheck.games.game import Game

__all__ = ["WatchGame"]


class WatchGame(Callback):
    """Watches the game of a LightningModule.

    Args:
        game: LightningModule -> the live game; called once, when training starts.
        real: batch of the loader -> its real samples; the first entry of a tuple or list where not
            given.
        **monitor: what `gancheck.Monitor` takes beside the game: every, max_overhead, codes, plan.

    Attributes:
        monitor: from the start of training; its verdict and report at any time.

    Example:
        >>> watch = WatchGame(  # doctest: +SKIP
        ...     lambda m: Game(m.G, m.D, loss="hinge", latent=latents.normal(64), data=images)
        ... )
        >>> Trainer(callbacks=[watch]).fit(model, loader)  # doctest: +SKIP
    """

    def __init__(
        self,
        game: Callable[[Any], Game],
        *,
        real: Callable[[Any], Tensor] | None = None,
        **monitor: Any,
    ) -> None:
        super().__init__()
        self._game, self._real, self._options = game, real or _first, monitor
        self.monitor: Monitor | None = None
        self._told = 0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Build the game and begin."""
        del trainer
        self.monitor = Monitor(self._game(pl_module), **self._options)
        self._told = 0

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look, if it is time; batches are counted over epochs."""
        del pl_module, outputs, batch_idx
        if self.monitor is None:
            return
        self.monitor.step(real=self._real(batch))
        rows = self.monitor.history[self._told :]
        self._told += len(rows)
        numbers = {
            f"gancheck/{r['code']}.{r['quantity']}": r["value"] for r in rows if "value" in r
        }
        if numbers:
            for logger in trainer.loggers:
                logger.log_metrics(numbers, step=trainer.global_step)


def _first(batch: Any) -> Tensor:
    return batch[0] if isinstance(batch, (tuple, list)) else batch
