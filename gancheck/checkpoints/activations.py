"""Which activations may a manifest name, and which module is each?

A state dict holds none of them. Parsing needs no torch; only building a module does.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

__all__ = ["CHOICES", "activation", "check_activation"]

CHOICES = "relu | leaky_relu:SLOPE | tanh | sigmoid | elu | gelu | silu | none"
_PLAIN = {
    "relu": "ReLU",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "elu": "ELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "none": "Identity",
}


def check_activation(spec: str) -> str:
    """Return the spelling, checked.

    Raises:
        ValueError: not one of `CHOICES`.

    Example:
        >>> check_activation("leaky_relu:0.2")
        'leaky_relu:0.2'
    """
    if spec not in _PLAIN:
        _slope(spec)
    return spec


def activation(spec: str) -> nn.Module:
    """The module that computes it.

    Raises:
        ValueError: not one of `CHOICES`.
    """
    from torch import nn

    check_activation(spec)
    if spec in _PLAIN:
        return getattr(nn, _PLAIN[spec])()
    return nn.LeakyReLU(_slope(spec))


def _slope(spec: str) -> float:
    name, _, number = spec.partition(":")
    try:
        slope = float(number)
    except ValueError:
        slope = math.nan
    if name != "leaky_relu" or not math.isfinite(slope):
        raise ValueError(f"activation must be one of {CHOICES}, got {spec!r}")
    return slope
