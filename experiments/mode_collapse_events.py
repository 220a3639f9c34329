"""When has a generator lost a mode, and when has it found it again?

The rule, fixed before any curvature was seen. At a look a mode is *surely held* where the lower
exact limit of its share of the samples is a tenth of its due or more, *surely lost* where the upper
limit is less, and neither in between (`experiments.mode_coverage` has the limits). An event is a
mode that was surely held at two looks running and later surely lost at two looks running: `before`
is the last look of the last such time of holding, `during` the second look of the loss. It is found
again at the second of two looks running at which it is surely held; that look is `after`, None
where it does not come before the end. Of a run only its first event counts, so that events are
independent; of modes lost at one look, the one that had most.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from experiments.mode_coverage import DUE, ERROR, not_missed
from gancheck.measures.proportions import clopper_pearson

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Event", "events_in", "first_event", "held_and_lost"]

_RUNNING: Final = 2  # looks in a row, so that one odd sample makes no event


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A mode that was lost.

    Attributes:
        mode: which.
        before: look at which it was still held.
        during: look at which it was lost.
        after: look at which it was held again; None where it was not.
    """

    mode: int
    before: int
    during: int
    after: int | None


@cache
def _surely(hits: int, n: int, modes: int) -> tuple[bool, bool]:
    """Whether one of equal modes with so many samples is surely held, and surely lost."""
    low, _ = clopper_pearson(hits, n, level=1.0 - 2.0 * ERROR / modes)
    return low >= DUE / modes, not not_missed(hits, n, modes)


def held_and_lost(hits: NDArray[np.int64], n: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which modes are surely held and which surely lost at each look.

    Args:
        hits: samples on each mode [looks, modes].
        n: samples a look.

    Returns:
        Two tables [looks, modes], never both true.
    """
    modes = hits.shape[1]
    both = np.array([[_surely(int(h), n, modes) for h in look] for look in hits])
    return both[:, :, 0], both[:, :, 1]


def events_in(hits: NDArray[np.int64], n: int) -> list[Event]:
    """All events of a run, in the order of their loss, then of the share that was lost.

    Args:
        hits: samples on each mode [looks, modes].
        n: samples a look.
    """
    held, lost = held_and_lost(hits, n)
    found = [
        e for mode in range(hits.shape[1]) for e in _of_mode(mode, held[:, mode], lost[:, mode])
    ]
    return sorted(found, key=lambda e: (e.during, -int(hits[e.before, e.mode]), e.mode))


def first_event(hits: NDArray[np.int64], n: int) -> Event | None:
    """The first event of a run, None where there is none."""
    return next(iter(events_in(hits, n)), None)


def _of_mode(mode: int, held: NDArray[np.bool_], lost: NDArray[np.bool_]) -> list[Event]:
    """The events of one mode, from whether it is surely held and surely lost at each look."""
    out: list[Event] = []
    before: int | None = None
    open_since: tuple[int, int] | None = None
    for look in range(_RUNNING - 1, len(held)):
        recent = slice(look - _RUNNING + 1, look + 1)
        if held[recent].all():
            if open_since is not None:
                out.append(Event(mode=mode, before=open_since[0], during=open_since[1], after=look))
                open_since = None
            before = look
        elif lost[recent].all() and before is not None and open_since is None:
            open_since = before, look
    if open_since is not None:
        out.append(Event(mode=mode, before=open_since[0], during=open_since[1], after=None))
    return out
