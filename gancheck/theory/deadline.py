"""How long may one question take? A limit on processor time, so that a busy machine changes nothing.

A watching thread reads the clock of the thread that asked and raises `OutOfTime` inside it, in any
thread. Where a system has no such clock, the limit is on elapsed time. Neither interrupts a single
operation inside the interpreter, such as one product of huge integers.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["OutOfTime", "deadline"]

_SHORTEST = 0.02


class OutOfTime(BaseException):
    """The question was not decided in time; no `except Exception` on the way swallows it."""


@contextlib.contextmanager
def deadline(seconds: float) -> Generator[None]:
    """Raise `OutOfTime` inside the block after so many seconds of processor time."""
    asker, finished, lock = threading.get_ident(), threading.Event(), threading.Lock()
    spent = _clock(asker)
    limit = spent() + seconds

    def watch() -> None:
        while not finished.wait(max(limit - spent(), _SHORTEST)):
            with lock:  # again and again: a callback that ignores exceptions may swallow one
                if not finished.is_set() and spent() >= limit:
                    _raise_in(asker, OutOfTime)

    watcher = threading.Thread(target=watch, daemon=True, name="deadline")
    watcher.start()
    try:
        yield
    finally:
        while watcher.is_alive():
            with contextlib.suppress(OutOfTime):  # one that comes after the block is too late
                with lock:  # once this was held with the flag set, nothing more is raised
                    finished.set()
                watcher.join()


def _clock(thread: int) -> Callable[[], float]:
    """Seconds that a thread has computed, or else seconds elapsed."""
    if hasattr(time, "pthread_getcpuclockid"):
        number = time.pthread_getcpuclockid(thread)
        return lambda: time.clock_gettime(number)
    return time.monotonic


def _raise_in(thread: int, error: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))
