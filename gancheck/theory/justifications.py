"""By what right is a step taken? The name of an engine, with the certificate it needs.

A justification is data: it decides nothing. The engine of the same name (`gancheck.theory.engines`)
checks the certificate and may find it insufficient; a false certificate can only lose a proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Cases",
    "Cited",
    "Derivative",
    "Enclosure",
    "Justification",
    "LinearAlgebra",
    "LogRational",
    "RationalSign",
    "Tangent",
    "Vertices",
]


@dataclass(frozen=True)
class LogRational:
    """An identity between sums of rational functions times logarithms of rational functions."""

    engine: ClassVar[str] = "log-rational"


@dataclass(frozen=True)
class RationalSign:
    """An identity or the sign of rational functions: factor, then Sturm."""

    engine: ClassVar[str] = "rational-sign"


@dataclass(frozen=True)
class Tangent:
    """Instances of `m * ln(x) <= m * (x - 1)` whose sum implies an inequality.

    Attributes:
        instances: pairs (multiplier m >= 0, argument x > 0).
    """

    instances: Sequence[tuple[Any, Any]]
    engine: ClassVar[str] = "tangent"


@dataclass(frozen=True)
class Derivative:
    """An inequality that is tight at one value: differentiate, decide the sign, integrate back.

    Attributes:
        variable: the symbol differentiated by.
        at: where both sides agree; inside the interval, or (order 1) its lower or upper end.
        order: 2 when slopes agree there too and the second derivative has a sign.
    """

    variable: Any
    at: Any
    order: int = 2
    engine: ClassVar[str] = "derivative"


@dataclass(frozen=True)
class Enclosure:
    """A relation between numbers, by a ball or interval that excludes equality.

    Attributes:
        bits: working precision to begin with; doubled up to 16 times that.
    """

    bits: int = 120
    engine: ClassVar[str] = "enclosure"


@dataclass(frozen=True)
class Cases:
    """Cut one symbol's interval at rational points and decide every piece, cuts included.

    `Min`, `Max` and `Abs` are resolved on each piece, where the sign of their branches is proved.

    Attributes:
        symbol: whose interval is cut.
        cuts: rational points inside it, increasing.
        by: the justification used on each piece.
    """

    symbol: Any
    cuts: Sequence[Any]
    by: Justification
    engine: ClassVar[str] = "cases"


@dataclass(frozen=True)
class Vertices:
    """An inequality affine in a weight of a closed interval holds if it holds at both ends.

    Attributes:
        weight: symbol with a closed, bounded interval.
        low: the justification at the lower end.
        high: the justification at the upper end.
    """

    weight: Any
    low: Justification
    high: Justification
    engine: ClassVar[str] = "vertices"


@dataclass(frozen=True)
class LinearAlgebra:
    """An identity of matrices or of numbers with square roots and the imaginary unit."""

    engine: ClassVar[str] = "linear-algebra"


@dataclass(frozen=True)
class Cited:
    """A leaf taken from the literature; the step's own relation is an instance, really checked.

    Attributes:
        source: book or paper.
        fact: what is taken from it, in words.
        by: the justification of the instance.
    """

    source: str
    fact: str
    by: Justification
    engine: ClassVar[str] = "cited"


Justification = (
    LogRational
    | RationalSign
    | Tangent
    | Derivative
    | Enclosure
    | Cases
    | Vertices
    | LinearAlgebra
    | Cited
)
