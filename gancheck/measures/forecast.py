"""What will a measurement cost, before it is begun?"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Forecast"]

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
