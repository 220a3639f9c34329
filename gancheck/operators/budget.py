"""How much may a computation by products spend, and is there any of it left?

One object is handed through the solvers of a measure. Each tells it what it has spent and stops,
with what it has, once nothing is left: a budget that runs out is an ending, not an error.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gancheck.diagnosis import Plan

__all__ = ["Budget"]


class Budget:
    """A limit on products, on seconds, on both or on neither.

    The clock starts when the object is made.

    Args:
        products: products with an operator that may be spent; no limit where not given.
        seconds: wall-clock time that may be spent; no limit where not given.

    Raises:
        ValueError: a limit that is not positive.

    Example:
        >>> budget = Budget(products=2)
        >>> budget.spend(2)
        >>> budget.exhausted
        True
    """

    def __init__(self, *, products: int | None = None, seconds: float | None = None) -> None:
        for name, value in (("products", products), ("seconds", seconds)):
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be positive, or None for no limit; got {value}")
        self.products, self.seconds = products, seconds
        self.spent = 0
        self._began = time.perf_counter()

    @classmethod
    def of(cls, plan: Plan) -> Budget | None:
        """What a plan lets one measure spend; None where it sets no limit."""
        if plan.products is None and plan.seconds is None:
            return None
        return cls(products=plan.products, seconds=plan.seconds)

    def spend(self, products: int = 1) -> None:
        """Say that so many products were spent."""
        self.spent += products

    @property
    def left(self) -> float:
        """Products that may still be spent; infinite where only time is limited, 0 once it is up."""
        if self.exhausted:
            return 0
        return math.inf if self.products is None else self.products - self.spent

    @property
    def exhausted(self) -> bool:
        """Whether a limit is reached, so that no further product may begin."""
        over = self.products is not None and self.spent >= self.products
        late = self.seconds is not None and time.perf_counter() - self._began >= self.seconds
        return over or late
