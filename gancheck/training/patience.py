"""How is a training asked to end, so that it ends between two steps?"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Patience"]


class Patience:
    """Turns the first Ctrl-C, or SIGTERM, into a note that is read between two steps.

    Only in the main thread and only where Python's own handlers are in place; elsewhere a signal is
    whoever's it was.
    """

    def __init__(self) -> None:
        self.lost = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Patience:
        if threading.current_thread() is threading.main_thread():
            for number, own in (
                (signal.SIGINT, signal.default_int_handler),
                (signal.SIGTERM, signal.SIG_DFL),
            ):
                if signal.getsignal(number) is own:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            if signal.getsignal(number) == self._note:  # else somebody has decided otherwise
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.lost = True
        signal.signal(number, self._before[signal.Signals(number)])
