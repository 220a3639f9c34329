"""gancheck: GAN theory proved, GAN games measured, GAN checkpoints audited.

The public names are resolved on first use (PEP 562), so that importing the package, or asking the
command line for help, loads neither torch nor sympy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gancheck import measures, operators
    from gancheck.audit import diagnose
    from gancheck.diagnosis import (
        Finding,
        Measurement,
        NotApplicable,
        Plan,
        Quantity,
        Report,
        Verdict,
    )
    from gancheck.games import latents
    from gancheck.games.game import Batch, Game
    from gancheck.monitor import Monitor

__all__ = [
    "Batch",
    "Finding",
    "Game",
    "Measurement",
    "Monitor",
    "NotApplicable",
    "Plan",
    "Quantity",
    "Report",
    "Verdict",
    "__version__",
    "diagnose",
    "latents",
    "measures",
    "operators",
]

__version__ = "0.1.0"

_HOME = {
    "Batch": "gancheck.games.game",
    "Game": "gancheck.games.game",
    "Monitor": "gancheck.monitor",
    "latents": "gancheck.games.latents",
    "measures": "gancheck.measures",
    "operators": "gancheck.operators",
    "diagnose": "gancheck.audit",
    **dict.fromkeys(
        ("Finding", "Measurement", "NotApplicable", "Plan", "Quantity", "Report", "Verdict"),
        "gancheck.diagnosis",
    ),
}


def __getattr__(name: str) -> Any:
    """Import the room that holds a public name when the name is first used."""
    if name not in _HOME:
        raise AttributeError(f"module 'gancheck' has no attribute {name!r}")
    module = import_module(_HOME[name])
    return module if _HOME[name].endswith(f".{name}") else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
