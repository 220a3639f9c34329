"""Which programs made a report, and what of it would differ on the next run?

A report is the same bytes for the same input. What cannot be (dates, durations, names of devices,
builds) stands apart, in one place, and is written only where it is asked for (`--stamp`). Standard
library only.
"""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

__all__ = ["stamp", "versions"]


def versions() -> dict[str, str]:
    """Releases of what computes the numbers; without the label of a build, such as +cu128."""
    return {
        "gancheck": version("gancheck"),
        "torch": version("torch").partition("+")[0],
        "python": platform.python_version(),
    }


def stamp(*, seconds: float, device: str) -> dict[str, Any]:
    """What belongs to this run alone.

    Args:
        seconds: that it took.
        device: by its full name, such as that of a graphics card.
    """
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 2),
        "device": device,
        "system": platform.platform(),
        "torch": version("torch"),
    }
