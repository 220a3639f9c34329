"""How long may one question take? A limit on processor time, so that a busy machine changes nothing.

Where no such timer exists (other threads, other systems) the limit is not enforced.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["OutOfTime", "deadline"]


class OutOfTime(BaseException):
    """The question was not decided in time; no `except Exception` on the way swallows it."""


@contextlib.contextmanager
def deadline(seconds: float) -> Generator[None]:
    """Raise `OutOfTime` inside the block after so many seconds of processor time."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(
        signal, "setitimer"
    ):
        yield
        return

    def stop(*_: Any) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, max(seconds, 0.01))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
