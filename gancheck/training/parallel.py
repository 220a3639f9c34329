"""How do several processes take one step of one training?

Each holds both networks whole and its own rows of every batch; what is a mean over samples is the
mean of theirs. `Ranks` says which process this is and holds the few things that they do together.
All of it is built on one sum over the processes that can be differentiated, twice where a loss
needs it: with each process differentiating its own part, the gradient of a sum is the sum of the
gradients.

A process that finds another one gone ends with `Lost`; a step is one game's or nobody's.
"""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.distributed as dist

from gancheck.training.outcomes import Lost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

__all__ = ["ALONE", "CAUSE", "Ranks", "until"]

CAUSE = "cause"
"""Where in the store a process leaves why it ended, as JSON: its rank and a sentence."""

_CAUSE_COMES_WITHIN = 2.0  # seconds; it is left before the connection is closed


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """One process of those that train a game together; alone where there is one.

    Whoever makes one with a count above 1 has joined torch's default process group. Every method
    that exchanges something must be called by all of them in the same order.

    Attributes:
        rank: of this process, from 0. The first one writes, logs and looks; the others keep quiet.
        count: of the processes.
        local: rank among those of its machine.
        local_count: of those.
        store: where a process that ends leaves why.
        launched: by torchrun, which sends SIGTERM to all as soon as one has ended.
    """

    rank: int = 0
    count: int = 1
    local: int = 0
    local_count: int = 1
    store: dist.Store | None = None
    launched: bool = False

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def part(self, n: int) -> slice:
        """This process's rows of a batch of n, which the count divides."""
        rows = n // self.count
        return slice(self.rank * rows, (self.rank + 1) * rows)

    def sum(self, x: Tensor) -> Tensor:
        """The sum of every process's x, the same bytes in all of them; differentiable."""
        if self.count == 1:
            return x
        total: Any = _Sum.apply(x, self)
        return total

    def gather(self, x: Tensor) -> Tensor:
        """Every process's x [count, *x.shape], in the order of their ranks; differentiable."""
        before = x.new_zeros((self.rank, *x.shape))
        after = x.new_zeros((self.count - self.rank - 1, *x.shape))
        return self.sum(torch.cat([before, x[None], after]))

    def average(self, tensors: Sequence[Tensor | None]) -> list[Tensor | None]:
        """The mean of every process's tensors, exchanged at once; differentiable.

        None stays None: what plays no part in one process plays none in any.
        """
        if self.count == 1:
            return list(tensors)
        there = [t for t in tensors if t is not None]
        if not there:
            return list(tensors)
        flat = self.sum(torch.cat([t.reshape(-1) for t in there])) / self.count
        pieces = iter(flat.split([t.numel() for t in there]))
        return [None if t is None else next(pieces).reshape(t.shape).to(t.dtype) for t in tensors]

    def any(self, *, flag: bool) -> bool:
        """Whether it is so in any process; waits for all of them, not for a device."""
        return bool(self.sum(torch.tensor(int(flag)))) if self.count > 1 else flag

    def told(self, number: int) -> int:
        """The first process's number."""
        return int(self.gather(torch.tensor(number))[0]) if self.count > 1 else number

    def unlike(self, fingerprint: bytes) -> int | None:
        """The lowest rank whose fingerprint is not the first one's; None where there is none."""
        if self.count == 1:
            return None
        every = self.gather(torch.tensor(list(fingerprint))).tolist()
        return next((rank for rank, one in enumerate(every) if one != every[0]), None)

    def reseed(self, seed: int, step: int) -> None:
        """Set torch's global streams for a step, apart from every other step's and process's.

        Dropout takes its masks from there: of each process's rows others, and after a resumption
        the ones of a run that was not stopped. Alone the streams go on as they are.
        """
        if self.count > 1:
            word = np.random.SeedSequence((seed, step, self.rank)).generate_state(1)
            torch.default_generator.manual_seed(int(word[0]))
            if torch.cuda.is_initialized():
                torch.cuda.manual_seed(int(word[0]))  # of this process's own card

    def device(self, name: str) -> str:
        """What a device is for this process: `cuda`, and `auto` where there is one, its own card.

        Raises:
            ValueError: one card for several processes, or fewer cards than processes.
        """
        if self.count == 1 or name == "cpu":
            return name
        cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if name == "auto" and not cards:
            return "cpu"
        if name.partition(":")[1]:
            raise ValueError(
                f"device is {name!r} for each of {self.local_count} processes; say cuda, and each "
                "takes a card of its own"
            )
        if name in ("auto", "cuda") and cards < self.local_count:
            raise ValueError(
                f"device {name} needs a card for each of {self.local_count} processes, torch sees "
                f"{cards} CUDA devices; start as many processes as there are cards, or say "
                "--device cpu"
            )
        return (
            f"cuda:{self.local}" if name == "auto" else name.replace("cuda", f"cuda:{self.local}")
        )

    def command(self, arguments: str) -> str:
        """What to type so that as many processes run `gancheck ARGUMENTS`."""
        if self.count == 1:
            return f"gancheck {arguments}"
        machines = self.count // self.local_count
        nodes = f"--nnodes {machines} " if machines > 1 else ""
        return f"torchrun {nodes}--nproc-per-node {self.local_count} -m gancheck {arguments}"

    def kept_in(self) -> dist.Store:
        """The store.

        Raises:
            RuntimeError: there is none.
        """
        if self.store is None:
            raise RuntimeError("these processes share no store")
        return self.store

    def end_undisturbed(self) -> None:
        """Ignore torchrun's SIGTERM from now on: this process is ending by itself."""
        if self.launched and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def lost(self) -> Lost:
        """The ending of a process whose exchange with another one failed."""
        self.end_undisturbed()
        with contextlib.suppress(RuntimeError):
            store = self.kept_in()
            patience = (
                _CAUSE_COMES_WITHIN if self.first else 0.0
            )  # who is not to speak need not know
            if until(lambda: store.check([CAUSE]), patience):
                said: dict[str, Any] = json.loads(store.get(CAUSE))
                return Lost(f"process {said['rank']} of {self.count} ended: {said['sentence']}")
        return Lost(f"one of the {self.count} processes of this training ended without a word")


def until(happened: Callable[[], bool], seconds: float) -> bool:
    """Ask again and again, for so long; whether it happened."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class _Sum(torch.autograd.Function):
    """The sum over processes; its gradient is the sum of the gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, ranks: Ranks) -> Tensor:
        ctx.ranks = ranks
        total = x.detach().clone(memory_format=torch.contiguous_format)
        try:
            dist.all_reduce(total)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:  # gloo has no type of its own for a closed connection
            raise ranks.lost() from error
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return _Sum.apply(gradients[0], ctx.ranks), None


ALONE = Ranks()
"""The one process of a training without torchrun."""
