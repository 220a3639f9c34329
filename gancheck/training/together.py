"""How do the processes that torchrun starts become one training, and how do they part?

`joined` is around a command. Where torchrun started several processes they join one group, the
first speaks and the others keep what they would say. However one of them ends, the sentence is said
once: by the first where it lives, which learns a cause that it did not see itself from the store
that torchrun keeps; else by one of the others.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist

from gancheck.training.outcomes import Lost
from gancheck.training.parallel import ALONE, CAUSE, Ranks, until

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["joined", "together"]

_WAIT = timedelta(days=1)
"""For a process that is alive, such as one that looks at the game; of one that ended its closed
connection tells."""

# In the store: the first one's exit code, how many have read it, who speaks where there is none.
_SAID, _HEARD, _SPEAKER = "said", "heard", "speaker"
_HEARD_WITHIN = 5.0  # seconds; the first one may be slower to find the same fault
_LET_GO_WITHIN = 2.0


@contextlib.contextmanager
def joined() -> Generator[Ranks]:
    """The processes that torchrun started, joined; `ALONE` where there is one or no torchrun.

    Raises:
        ValueError: this torch cannot join them.
        Lost: they cannot reach each other, or, inside, another one ended.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ or os.environ["WORLD_SIZE"] == "1":
        yield ALONE
        return
    if not (dist.is_available() and dist.is_gloo_available()):
        raise ValueError(
            "torchrun started several processes and this torch is built without torch.distributed; "
            "train with one"
        )
    from torch.distributed.rendezvous import rendezvous

    store, rank, count = next(iter(rendezvous("env://")))
    again = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    with together(
        dist.PrefixStore(f"gancheck/{again}", store),
        rank=rank,
        count=count,
        local=int(os.environ["LOCAL_RANK"]),
        local_count=int(os.environ["LOCAL_WORLD_SIZE"]),
        launched=True,
    ) as ranks:
        yield ranks


@contextlib.contextmanager
def together(
    store: dist.Store,
    *,
    rank: int,
    count: int,
    local: int | None = None,
    local_count: int = 0,
    launched: bool = False,
) -> Generator[Ranks]:
    """Join the processes that share a store, and part from them at the end.

    Args:
        store: that all of them reach.
        rank: of this one, from 0.
        count: of them.
        local: rank on this machine; `rank` where not given.
        local_count: processes on this machine; `count` where not given.
        launched: by torchrun; see `Ranks`.

    Raises:
        Lost: they cannot reach each other, or, inside, another one ended.
    """
    cards = torch.cuda.is_available()
    try:
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if cards else "gloo",
            store=dist.PrefixStore("group", store),
            rank=rank,
            world_size=count,
            timeout=_WAIT,
        )
    except RuntimeError as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise Lost(f"process {rank} of {count} cannot reach the others: {reason}") from error
    ranks = Ranks(
        rank=rank,
        count=count,
        local=rank if local is None else local,
        local_count=local_count or count,
        store=store,
        launched=launched,
    )
    kept = io.StringIO()
    try:
        with contextlib.ExitStack() as quiet:
            if not ranks.first:
                quiet.enter_context(contextlib.redirect_stdout(io.StringIO()))
                quiet.enter_context(contextlib.redirect_stderr(kept))
            yield ranks
    except BaseException as error:
        ranks.end_undisturbed()
        _part(ranks, error, kept.getvalue())
        raise
    dist.destroy_process_group()


def _part(ranks: Ranks, error: BaseException, kept: str) -> None:
    """See to it that the ending is said once, and that all end with the code of whoever says it."""
    try:
        if ranks.first:
            _speak(ranks, error)
        else:
            _hear(ranks, error, kept)
    except RuntimeError:  # the store went with the process that kept it
        sys.stderr.write(kept)


def _speak(ranks: Ranks, error: BaseException) -> None:
    """The first one has said its sentence; let the others go, and then end."""
    store = ranks.kept_in()
    store.set(_SAID, str(_exit_code(error)))
    _leave()
    until(lambda: store.add(_HEARD, 0) >= ranks.count - 1, _LET_GO_WITHIN)


def _hear(ranks: Ranks, error: BaseException, kept: str) -> None:
    """Tell the first one why, and speak only where it does not."""
    store = ranks.kept_in()
    if not _lost(error) and not store.check([CAUSE]):
        sentence = (kept.splitlines() or [""])[-1].removeprefix("gancheck: ")
        said = sentence or f"{type(error).__name__}: {error}"
        store.set(CAUSE, json.dumps({"rank": ranks.rank, "sentence": said}))
    _leave()
    if until(lambda: store.check([_SAID]), _HEARD_WITHIN):
        store.add(_HEARD, 1)
        if _lost(error):
            raise SystemExit(int(store.get(_SAID)))
    elif store.add(_SPEAKER, 1) == 1:
        sys.stderr.write(kept)


def _leave() -> None:
    """Close the connections, by which the others notice.

    Where a card is in use that could wait for an exchange that never ends; there the connections
    close with the process.
    """
    if not torch.cuda.is_initialized():
        dist.destroy_process_group()


def _lost(error: BaseException | None) -> bool:
    """Whether an ending, told already or not, is that another process ended."""
    while error is not None:
        if isinstance(error, Lost):
            return True
        error = error.__context__
    return False


def _exit_code(error: BaseException) -> int:
    """What this process is about to end with."""
    if isinstance(error, KeyboardInterrupt):
        return 130
    code = getattr(error, "exit_code", None)  # of typer's own ending
    if isinstance(error, SystemExit):
        code = error.code
    return code if isinstance(code, int) else 1
