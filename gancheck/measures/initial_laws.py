"""From which laws are weights drawn, and how badly does a tensor fit one?

`laws_of` lists the laws for a tensor of a layer. Three tests hold numbers against one of them:
`p_value` its shape (Kolmogorov), `spread_p` its second moment, `edge_p` independence, by the
largest singular value. Nothing is fitted, so each p-value is that of a fully specified law.

Source: Massey (1951) and Stephens (1970) for the first; Johnstone (2001) for the last, with the
gamma law of Chiani (2014) in place of Tracy's and Widom's; Glorot and Bengio (2010), He et al.
(2015), Radford et al. (2016) for the laws.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import chdtr, chdtrc, gammainc, gammaincc, kolmogorov, ndtr

if TYPE_CHECKING:
    from gancheck.measures.weights import Layer

__all__ = ["Law", "edge_p", "laws_of", "p_value", "spread_p"]

_FEWEST_MOMENT = 100  # numbers from which the error of a second moment is near enough to normal
_TW_SHAPE, _TW_SCALE, _TW_SHIFT = 46.446, 0.186054, 9.84801  # of the gamma law, Chiani (2014)


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """A law that weights are drawn from.

    Attributes:
        name: in words.
        kind: uniform or normal.
        scale: half the width, or the standard deviation.
        centre: mean.
    """

    name: str
    kind: Literal["uniform", "normal"]
    scale: float
    centre: float = 0.0


def laws_of(layer: Layer, last: str) -> list[Law]:
    """The laws that code draws such a tensor from.

    Args:
        layer: its module.
        last: its name in it.
    """
    tensor = layer.tensors[last]
    if tensor.dim() < 2:
        return _laws_of_vectors(layer, last)
    fan_in = math.prod(tensor.shape[1:])
    fan_out = tensor.shape[0] * math.prod(tensor.shape[2:])
    both = fan_in + fan_out
    laws = [
        Law(name="torch's default", kind="uniform", scale=1 / math.sqrt(fan_in)),
        Law(name="N(0, 0.02)", kind="normal", scale=0.02),
        Law(name="N(0, 0.01)", kind="normal", scale=0.01),
        Law(name="N(0, 1)", kind="normal", scale=1.0),
    ]
    for gain, word in ((1.0, ""), (math.sqrt(2), ", gain sqrt(2)")):
        laws += [
            Law(name=f"Glorot uniform{word}", kind="uniform", scale=gain * math.sqrt(6 / both)),
            Law(name=f"Glorot normal{word}", kind="normal", scale=gain * math.sqrt(2 / both)),
        ]
    for fan, side in ((fan_in, "inputs"), (fan_out, "outputs")):
        laws += [
            Law(name=f"He uniform by {side}", kind="uniform", scale=math.sqrt(6 / fan)),
            Law(name=f"He normal by {side}", kind="normal", scale=math.sqrt(2 / fan)),
        ]
    return laws


def _laws_of_vectors(layer: Layer, last: str) -> list[Law]:
    weight = layer.tensors.get("weight")
    if last == "bias" and weight is not None and weight.dim() >= 2:
        fan_in = math.prod(weight.shape[1:])
        return [Law(name="torch's default", kind="uniform", scale=1 / math.sqrt(fan_in))]
    return [
        # DCGAN draws both together, so they count as one law
        Law(name="N(0, 0.02)", kind="normal", scale=0.02, centre=1.0),
        Law(name="N(0, 0.02)", kind="normal", scale=0.02),
        Law(name="N(0, 1)", kind="normal", scale=1.0),
    ]


def p_value(ordered: np.ndarray, law: Law, *, rounding: float = 0.0) -> float:
    """Kolmogorov's test of one law, for numbers that were rounded when they were stored.

    Each stored value stands for all that round to it, half a step to either side, so that the ties
    of half precision count as no misfit. A number outside a uniform law's range by more than that
    rejects it outright.

    Args:
        ordered: sorted, float64 [n].
        law: fully specified; nothing is fitted.
        rounding: relative step of the stored format.

    Example:
        >>> law = Law(name="U", kind="uniform", scale=1.0)
        >>> round(p_value(np.linspace(-0.99, 0.99, 100), law), 3), p_value(np.array([0.0, 1.5]), law)
        (1.0, 0.0)
    """
    n = len(ordered)
    if law.kind == "uniform":
        reach = law.scale * (1.0 + 2.0 * rounding + 1e-7)
        if max(-ordered[0], ordered[-1]) > reach:
            return 0.0
    last = np.append(ordered[1:] != ordered[:-1], True)  # of a run of equals
    values = ordered[last]
    below = np.flatnonzero(last) + 1.0
    half = np.abs(values) * rounding / 2.0
    upper = _cdf(values + half, law)
    lower = _cdf(values - half, law)
    before = np.concatenate([[0.0], below[:-1]])
    # where a step of the stored values is crossed, both counts are known at its edges only
    distance = max(float(np.max(below / n - upper)), float(np.max(lower - before / n)), 0.0)
    return float(kolmogorov((math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n)) * distance))


def _cdf(x: np.ndarray, law: Law) -> np.ndarray:
    if law.kind == "uniform":
        return np.clip(0.5 + (x - law.centre) / (2.0 * law.scale), 0.0, 1.0)
    return ndtr((x - law.centre) / law.scale)


def spread_p(law: Law, n: int, mean: float, square: float) -> float:
    """Two-sided p-value of the second moment about the law's centre; 1 of too few uniforms."""
    about = square - 2.0 * law.centre * mean + law.centre**2
    if law.kind == "normal":
        total = n * about / law.scale**2
        return float(min(1.0, 2.0 * min(chdtr(n, total), chdtrc(n, total))))
    if n < _FEWEST_MOMENT:
        return 1.0
    # squares of a uniform have the variance 4/5 of their squared mean
    z = (3.0 * about / law.scale**2 - 1.0) / math.sqrt(0.8 / n)
    return float(2.0 * ndtr(-abs(z)))


def edge_p(largest: float, rows: int, columns: int) -> float:
    """Two-sided p-value of the largest singular value of independent numbers of spread 1.

    Args:
        largest: singular value of the matrix over the spread of its numbers.
        rows: at least 8.
        columns: at least 8.

    Example:
        >>> 0.05 < edge_p(math.sqrt(99) + 10.0, 100, 100) < 1.0, edge_p(25.0, 100, 100) < 1e-9
        (True, True)
    """
    one, other = math.sqrt(columns - 1), math.sqrt(rows)
    centre = (one + other) ** 2
    scale = (one + other) * (1.0 / one + 1.0 / other) ** (1.0 / 3.0)
    at = ((largest**2 - centre) / scale + _TW_SHIFT) / _TW_SCALE
    if at <= 0.0:
        return 0.0
    return float(min(1.0, 2.0 * min(gammainc(_TW_SHAPE, at), gammaincc(_TW_SHAPE, at))))
