"""May I trust this file, what stands in it, and which game does it play?

`read` lists a checkpoint without running it; `load_tensors` builds tensors from the bytes that
were checked; `read_manifest` and `load_pair` turn two files and what their shapes cannot say into
two modules. No unpickler runs anywhere. Importing this package imports no torch, numpy or
pydantic; the names that need them bring them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gancheck.checkpoints.describe import describe, index_json, json_text
from gancheck.checkpoints.index import Container, Guess, Index, TensorInfo
from gancheck.checkpoints.limits import Limits
from gancheck.checkpoints.read import read
from gancheck.checkpoints.refusal import Refused, plain

if TYPE_CHECKING:
    from gancheck.checkpoints.draft import write_manifest
    from gancheck.checkpoints.load import load_tensors
    from gancheck.checkpoints.manifest import Manifest, ManifestError, read_manifest
    from gancheck.checkpoints.pair import Pair, Provenance, load_pair
    from gancheck.checkpoints.real_data import RealSample, load_real

__all__ = [
    "Container",
    "Guess",
    "Index",
    "Limits",
    "Manifest",
    "ManifestError",
    "Pair",
    "Provenance",
    "RealSample",
    "Refused",
    "TensorInfo",
    "describe",
    "index_json",
    "json_text",
    "load_pair",
    "load_real",
    "load_tensors",
    "plain",
    "read",
    "read_manifest",
    "write_manifest",
]

_HEAVY = {
    "Manifest": "manifest",
    "ManifestError": "manifest",
    "Pair": "pair",
    "Provenance": "pair",
    "RealSample": "real_data",
    "load_pair": "pair",
    "load_real": "real_data",
    "load_tensors": "load",
    "read_manifest": "manifest",
    "write_manifest": "draft",
}


def __getattr__(name: str) -> Any:
    if name not in _HEAVY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HEAVY[name]}"), name)
