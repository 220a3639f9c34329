"""Numbers with error bars: each measure takes a game or samples and returns a `Measurement`.

Those of curvature and dynamics are resolved here on first use; `rotation` has its module's name and
is `gancheck.measures.rotation.rotation`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gancheck.measures.path import path_angle
    from gancheck.measures.spectrum import hessian_spectrum
    from gancheck.measures.stability import local_stability

__all__ = ["hessian_spectrum", "local_stability", "path_angle"]

_HOME = {"hessian_spectrum": "spectrum", "local_stability": "stability", "path_angle": "path"}


def __getattr__(name: str) -> Any:
    """Import the module that holds a measure when the measure is first used."""
    if name not in _HOME:
        raise AttributeError(f"module 'gancheck.measures' has no attribute {name!r}")
    return getattr(import_module(f"gancheck.measures.{_HOME[name]}"), name)
