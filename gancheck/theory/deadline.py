"""How long may one question take? A limit on processor time, so that a busy machine changes nothing.

A watching thread reads the clock of the thread that asked and raises `OutOfTime` inside it, in any
thread. Where a system has no such clock, the limit is on elapsed time. Neither interrupts a single
operation inside the interpreter, such as one product of huge integers. What the garbage collector
takes meanwhile grows with everything else that the process holds: it is not the question's time.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
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
    computed, collector = _clock(asker), _Collector(asker)
    limit = computed() + seconds

    def left() -> float:
        return limit + collector.took - computed()

    def watch() -> None:
        while not finished.wait(max(left(), _SHORTEST)):
            with lock:  # again and again: a callback that ignores exceptions may swallow one
                if not (finished.is_set() or collector.runs) and left() <= 0.0:
                    _raise_in(asker, OutOfTime)

    watcher = threading.Thread(target=watch, daemon=True, name="deadline")
    gc.callbacks.insert(0, collector.starts)  # around all other callbacks
    gc.callbacks.append(collector.ends)
    watcher.start()
    try:
        yield
    finally:
        gc.callbacks.remove(collector.starts)
        gc.callbacks.remove(collector.ends)
        while watcher.is_alive():
            with contextlib.suppress(OutOfTime):  # one that comes after the block is too late
                with lock:  # once this was held with the flag set, nothing more is raised
                    finished.set()
                watcher.join()


class _Collector:
    """Told by the interpreter of every collection: how long those in one thread took, by its clock.

    An exception that is raised inside one falls into a destructor or a weak reference's callback,
    which can only report it as ignored.
    """

    def __init__(self, thread: int) -> None:
        self._thread, self._clock, self._begun = thread, _clock(thread), 0.0
        self.runs, self.took = False, 0.0

    def starts(self, phase: str, info: object) -> None:
        """Told first, of the start."""
        del info
        if phase == "start" and threading.get_ident() == self._thread:
            self._begun, self.runs = self._clock(), True

    def ends(self, phase: str, info: object) -> None:
        """Told last, of the end."""
        del info
        if phase == "stop" and self.runs and threading.get_ident() == self._thread:
            self.took += self._clock() - self._begun
            self.runs = False


def _clock(thread: int) -> Callable[[], float]:
    """Seconds that a thread has computed, or else seconds elapsed."""
    if hasattr(time, "pthread_getcpuclockid"):
        number = time.pthread_getcpuclockid(thread)
        return lambda: time.clock_gettime(number)
    return time.monotonic


def _raise_in(thread: int, error: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))
