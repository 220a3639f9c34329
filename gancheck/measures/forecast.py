"""What will a measurement cost, before it is begun?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from gancheck.operators.linear_operator import LinearOperator

__all__ = ["Forecast", "timed"]

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A plan in numbers, to be shown before the first long computation.

    Attributes:
        what: the measurement, in a few words.
        parameters: of the operator.
        memory: bytes of the largest thing that is kept, the solver's basis.
        products: expected; a hard spectrum can need several times as many.
        seconds: expected, from one timed product.

    Example:
        >>> str(Forecast(what="the generator's Hessian", parameters=770, memory=375_760,
        ...              products=500, seconds=0.5))
        "the generator's Hessian: 770 parameters, basis of 376 kB, about 500 products, 0.5 s"
    """

    what: str
    parameters: int
    memory: int
    products: int
    seconds: float

    def __str__(self) -> str:
        size, unit = float(self.memory), 0
        while size >= 1000.0 and unit < len(_UNITS) - 1:
            size, unit = size / 1000.0, unit + 1
        return (
            f"{self.what}: {self.parameters:,} parameters, basis of {size:.3g} {_UNITS[unit]}, "
            f"about {self.products} products, {self.seconds:.2g} s"
        )


def timed(operator: LinearOperator, *, what: str, products: int, vectors: int) -> Forecast:
    """A forecast from one timed product, after one that is not.

    Args:
        operator: what the products are with.
        what: the measurement, in a few words.
        products: expected.
        vectors: kept at once.
    """
    n = operator.shape[1]
    v = torch.ones(n, dtype=operator.dtype, device=operator.device)
    operator.matvec(v)
    began = time.perf_counter()
    operator.matvec(v).sum().item()  # reads the result: on a device, waits for it
    one = time.perf_counter() - began
    return Forecast(
        what=what,
        parameters=n,
        memory=vectors * n * operator.dtype.itemsize,
        products=products,
        seconds=one * products,
    )
