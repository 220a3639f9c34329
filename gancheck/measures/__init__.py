"""Numbers with error bars: each measure takes a game or samples and returns a `Measurement`.

Each is resolved here on first use: `measures.rotation(game)` measures, wherever its code stands. A
file with the same name is reached by `from gancheck.measures.rotation import ...`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gancheck.measures.averages import averages
    from gancheck.measures.channels import normalisation_channels
    from gancheck.measures.clipping import clipping
    from gancheck.measures.connectivity import bridge_mass
    from gancheck.measures.coverage import coverage
    from gancheck.measures.density_ratio import density_ratio
    from gancheck.measures.distances import distances
    from gancheck.measures.finite import finite_numbers
    from gancheck.measures.gradients import gradients
    from gancheck.measures.initialisation import untrained_tensors
    from gancheck.measures.latent_paths import latent_paths
    from gancheck.measures.line_sampling import gap_mass
    from gancheck.measures.lipschitz import lipschitz
    from gancheck.measures.local_dimension import local_dimension
    from gancheck.measures.memorisation import memorisation
    from gancheck.measures.optimizer_state import optimizer_states
    from gancheck.measures.path import path_angle
    from gancheck.measures.penalised_norms import penalised_norms
    from gancheck.measures.rotation import rotation
    from gancheck.measures.schedule import training_schedule
    from gancheck.measures.spanning_tree import emst
    from gancheck.measures.spectral_consistency import spectral_consistency
    from gancheck.measures.spectrum import hessian_spectrum
    from gancheck.measures.stability import local_stability
    from gancheck.measures.tensor_copies import tensor_copies
    from gancheck.measures.weight_norms import weight_norms
    from gancheck.measures.weight_rank import weight_rank
    from gancheck.measures.weight_scale import weight_scale

__all__ = [
    "averages",
    "bridge_mass",
    "clipping",
    "coverage",
    "density_ratio",
    "distances",
    "emst",
    "finite_numbers",
    "gap_mass",
    "gradients",
    "hessian_spectrum",
    "latent_paths",
    "lipschitz",
    "local_dimension",
    "local_stability",
    "memorisation",
    "normalisation_channels",
    "optimizer_states",
    "path_angle",
    "penalised_norms",
    "rotation",
    "spectral_consistency",
    "tensor_copies",
    "training_schedule",
    "untrained_tensors",
    "weight_norms",
    "weight_rank",
    "weight_scale",
]

_HOME = {
    "averages": "averages",
    "bridge_mass": "connectivity",
    "clipping": "clipping",
    "coverage": "coverage",
    "density_ratio": "density_ratio",
    "distances": "distances",
    "emst": "spanning_tree",
    "finite_numbers": "finite",
    "gap_mass": "line_sampling",
    "gradients": "gradients",
    "hessian_spectrum": "spectrum",
    "latent_paths": "latent_paths",
    "lipschitz": "lipschitz",
    "local_dimension": "local_dimension",
    "local_stability": "stability",
    "memorisation": "memorisation",
    "normalisation_channels": "channels",
    "optimizer_states": "optimizer_state",
    "path_angle": "path",
    "penalised_norms": "penalised_norms",
    "rotation": "rotation",
    "spectral_consistency": "spectral_consistency",
    "tensor_copies": "tensor_copies",
    "training_schedule": "schedule",
    "untrained_tensors": "initialisation",
    "weight_norms": "weight_norms",
    "weight_rank": "weight_rank",
    "weight_scale": "weight_scale",
}


class _Measures(ModuleType):
    """A package whose public names are functions, also where a file has the same name.

    Importing a file binds it here as a module, which would hide the function of that name.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Measures


def __getattr__(name: str) -> Any:
    """Import the module that holds a measure when the measure is first used."""
    if name not in _HOME:
        raise AttributeError(f"module 'gancheck.measures' has no attribute {name!r}")
    return getattr(import_module(f"gancheck.measures.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*__all__, *globals()})
