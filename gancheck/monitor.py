"""How does a game that is being trained look from inside the loop, at a cost that was agreed on?

`Monitor` measures a live game every so many steps and keeps what it saw. It is told the most that
it may cost, as a share of the time that training itself takes, and it keeps to it by what its own
looks have cost: none begins before the time it is expected to take has been earned. The networks,
their gradients, flags and the random state are bit for bit what they were, so the training goes on
as if nobody had looked; it also goes on where a game gives NaN or cannot be measured, which is then
what the look says.
"""

from __future__ import annotations

import copy
import json
import math
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from gancheck import content
from gancheck.audit import diagnose
from gancheck.diagnosis import Finding, NotFinite, Plan, Report, Verdict
from gancheck.games.admitted import finite
from gancheck.games.data import ArrayData
from gancheck.quantity import without_nan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from gancheck.diagnosis import Gallery
    from gancheck.games.game import Game

__all__ = ["WATCHED", "WATCH_PLAN", "Monitor", "check_schedule"]

WATCHED = ("GC004", "GC006", "GC005", "GC003", "GC001")
"""What is looked at where nothing else is chosen: signal, coverage, bridges, rotation, curvature."""

WATCH_PLAN = Plan(batch_size=64, samples=2000, probes=8, products=400)
"""Less evidence than a report's, so that a look costs seconds; the products suffice to find both ends
of a small network's spectrum and to meet them again on fresh data."""

_UNKNOWN = 2.0  # seconds that a diagnostic is taken for before any has been seen
_MARGIN = 1.5  # a look may take longer than the longest of late
_FORGETS = 0.9  # of the longest, a look: compilers and caches make the first ones long
_KEPT = 16  # moments of which samples are kept; of more, every second is dropped
_UNMEASURABLE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RuntimeError)
"""What a look may end in, memory and the faults of a user's own networks and losses among them."""
_SHOWN = 500  # points, or images, that are kept of one moment


def check_schedule(every: int, max_overhead: float | None) -> None:
    """Refuse a schedule that no monitor can keep.

    Raises:
        ValueError: every below 1, or a share that is not positive and finite.
    """
    if every < 1:
        raise ValueError(f"every must be at least 1, got {every}")
    if max_overhead is not None and not 0.0 < max_overhead < math.inf:
        raise ValueError(f"max_overhead must be a positive share, got {max_overhead}")


class Monitor:
    """Watches a game in the user's own loop.

    Args:
        game: the live networks, losses, latent and data; its modules are the ones being trained.
        every: steps between two moments at which it may look.
        max_overhead: most seconds of looking for one of training; None looks at every such moment
            whatever it costs.
        codes: diagnostics to take turns; `WATCHED` where not given.
        plan: sample sizes of a look.
        log: file that each look is appended to, one JSON row a number; given up, with a warning,
            where it can no longer be written.
        clock: seconds that pass, for tests.

    Raises:
        ValueError: every below 1, a share that is not positive, an analytic game, unknown codes, or
            a log in a folder that is not there.

    Example:
        >>> watch = Monitor(game, every=200, max_overhead=0.05)  # doctest: +SKIP
        >>> for step, x in enumerate(loader):  # doctest: +SKIP
        ...     train_step(x)
        ...     watch.step(step, real=x)
        >>> watch.verdict, watch.overhead  # doctest: +SKIP
    """

    def __init__(
        self,
        game: Game,
        *,
        every: int = 200,
        max_overhead: float | None = 0.05,
        codes: Sequence[str] | None = None,
        plan: Plan | None = None,
        log: str | Path | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        check_schedule(every, max_overhead)
        if game.analytic:
            raise ValueError("game must have networks: two plain functions are trained by nobody")
        self._codes = tuple(WATCHED if codes is None else codes)
        shelf = content.diagnostics("game")
        unknown = [c for c in self._codes if c not in shelf]
        if unknown or not self._codes:
            raise ValueError(f"codes must be some of {', '.join(shelf)}, got {list(self._codes)}")
        self.game, self._every, self._share = game, every, max_overhead
        self._plan = WATCH_PLAN if plan is None else plan
        self._log = None if log is None else Path(log)
        if self._log is not None and not self._log.parent.is_dir():
            raise ValueError(f"log must lie in a folder that is there, got {log}")
        self._clock, self._begun, self._spent = clock, clock(), 0.0
        self._cost: dict[str, float] = {}
        self._findings: dict[str, Finding] = {}
        self._rows: list[dict[str, Any]] = []
        self._sampled: dict[int, Gallery] = {}
        self._recent: list[Tensor] = []
        self._turn, self._steps = 0, 0
        self._last: int | None = None
        self._idle = _another_rank()

    def step(self, step: int | None = None, *, real: Tensor | None = None) -> None:
        """Say that a step was made; look, if it is time and the time was earned.

        Args:
            step: its number; counted here where not given.
            real: the real batch of the step. The latest of them, up to the plan's samples, then
                stand for the data instead of the game's own.
        """
        start = self._clock()
        at = self._steps if step is None else step
        self._steps = at + 1
        if real is not None and not self._idle:
            self._remember(real)
        self._spent += self._clock() - start
        if self._idle or at % self._every or at == self._last:
            return
        self._last = at
        for _ in self._codes:
            code = self._codes[self._turn % len(self._codes)]
            if not self._affordable(code):
                return
            self._turn += 1
            self._look(code, at)

    @property
    def overhead(self) -> float:
        """Seconds of looking for one second of training, until now."""
        trained = self._clock() - self._begun - self._spent
        return self._spent / trained if trained > 0.0 else 0.0

    @property
    def verdict(self) -> Verdict:
        """The worst of what each diagnostic said last; not_applicable before the first look."""
        return self.report().verdict

    @property
    def history(self) -> list[dict[str, Any]]:
        """One row a number of a look: step, code, verdict, quantity, value, low, high."""
        return list(self._rows)

    def report(self) -> Report:
        """What each diagnostic said when it looked last, and how its numbers went.

        Its `save` writes the page; a report of full evidence is `gancheck.diagnose(monitor.game)`.
        """
        return Report(
            findings=[self._findings[c] for c in self._codes if c in self._findings],
            title=f"watched until step {max(self._steps - 1, 0)}",
            complete=all(c in self._findings for c in self._codes),
            looks=self.history,
            sampled=list(self._sampled.items()),
            provenance={
                "watched_every": self._every,
                "max_overhead": self._share,
                "not_run": [c for c in self._codes if c not in self._findings],
                "plan": {name: getattr(self._plan, name) for name in self._plan.__slots__},
                "stamp": {"overhead": self.overhead},
            },
        )

    def __str__(self) -> str:
        count = len({r["step"] for r in self._rows})
        said = f"{self.verdict} after {count} look{'s' * (count != 1)}" if count else "no look yet"
        return f"{said}; overhead {100 * self.overhead:.1f} % of training" + (
            "" if self._share is None else f", at most {100 * self._share:g} % asked"
        )

    def _affordable(self, code: str) -> bool:
        if self._share is None:
            return True
        trained = self._clock() - self._begun - self._spent
        unseen = max(_UNKNOWN, *self._cost.values(), 0.0)  # a slow machine is slow for all of them
        expected = _MARGIN * self._cost.get(code, unseen)
        return self._spent + expected <= self._share * trained

    def _look(self, code: str, at: int) -> None:
        start = self._clock()
        kind = self.game.device.type
        with (
            torch.inference_mode(mode=False),
            torch.enable_grad(),
            torch.autocast(kind, enabled=False),
        ):
            try:
                looked = diagnose(self._game(), codes=[code], plan=self._plan)
                if (
                    not looked.complete
                ):  # Ctrl-C, which a diagnosis heeds by ending: it was the loop's
                    raise KeyboardInterrupt
                finding = looked.findings[0]
                self._keep_samples(looked.gallery, at)
            except NotFinite as reason:
                finding = content.diagnostics()[code].not_finite(reason)
            except _UNMEASURABLE as error:
                finding = Finding(
                    code=code,
                    verdict=Verdict.undecided,
                    title="Could not be measured",
                    because=" ".join(str(error).split())[:500],
                )
        seconds = self._clock() - start
        self._spent += seconds
        self._cost[code] = max(seconds, _FORGETS * self._cost.get(code, 0.0))
        self._findings[code] = replace(finding, seconds=seconds)
        self._keep(finding, at)

    def _keep(self, finding: Finding, at: int) -> None:
        told = {"step": at, "code": finding.code, "verdict": str(finding.verdict)}
        rows: list[dict[str, Any]] = [
            {
                **told,
                "quantity": name,
                "value": q.value,
                "low": q.interval[0],
                "high": q.interval[1],
            }
            for name, q in finding.quantities.items()
        ] or [{**told, "because": finding.because}]
        self._rows += rows
        if self._log is None:
            return
        try:
            with self._log.open("a") as file:
                file.writelines(json.dumps(without_nan(row)) + "\n" for row in rows)
        except OSError as error:  # a full disk is no reason to end a training
            text = (
                f"{self._log} cannot be written ({error.strerror}); looks are kept in memory alone"
            )
            warnings.warn(text, stacklevel=4)
            self._log = None

    def _keep_samples(self, gallery: Gallery | None, at: int) -> None:
        """A few samples of each moment, of ever sparser moments but always of the first."""
        if gallery is None or at in self._sampled:
            return
        self._sampled[at] = replace(
            gallery, generated=gallery.generated[:_SHOWN], real=gallery.real[:_SHOWN], nearest=None
        )
        if len(self._sampled) > _KEPT:
            for step in sorted(self._sampled)[1::2]:
                if step != at:
                    del self._sampled[step]

    def _game(self) -> Game:
        """The game, on the real samples that were handed in where some were.

        Raises:
            NotFinite: they hold NaN or infinity.
        """
        if not self._recent:
            return self.game
        values = finite(
            torch.cat(self._recent),
            "the real batches handed in",
            look="look at what the loader and its transforms return",
        )
        watched = copy.copy(self.game)
        watched.data = ArrayData(values=values, name="recent batches")
        watched.labels = None
        return watched

    def _remember(self, real: Tensor) -> None:
        self._recent.append(real.detach().clone())  # on its device: nothing is waited for
        kept = sum(len(x) for x in self._recent)
        while kept - len(self._recent[0]) >= self._plan.samples:
            kept -= len(self._recent.pop(0))


def _another_rank() -> bool:
    """Whether another process of a distributed training looks, for all of them."""
    there = torch.distributed.is_available() and torch.distributed.is_initialized()
    return there and torch.distributed.get_rank() != 0
