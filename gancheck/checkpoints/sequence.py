"""In which order do the parts of a file follow each other, and which networks are they then?

The first of the orders that names allow in which the parts chain. Where a container sorts its
keys, its own order is no evidence: then every order that chains counts, and two that do are one
too many. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancheck.checkpoints.parts import Part, Parts, orders

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Arrangement", "arranged", "unfit"]

_MOST_ORDERS = 150


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The order that chains and its networks; or what is wrong, where there is none or too many."""

    order: tuple[Part, ...] = ()
    proposals: tuple[tuple[str, ...], ...] = ()
    hypotheses: tuple[str, ...] = ()
    wrong: str = ""


def unfit(parts: Parts) -> str:
    """The first part that no layer is made of, in a sentence; "" where there is none."""
    strange = [part for part in parts.found if part.kind == "other"]
    if strange:
        return f"{len(strange)} parts are no layer's, {strange[0]} among them: {strange[0].why}"
    return "" if parts.found else "it holds no weights"


def arranged(
    parts: Parts, proposed: Callable[[tuple[Part, ...]], list[tuple[str, ...]]]
) -> Arrangement:
    """Find the order.

    Args:
        parts: of a file, none of them `other`.
        proposed: the networks that have just these parts in an order; empty where they do not chain.
    """
    fitting: list[tuple[tuple[Part, ...], list[tuple[str, ...]]]] = []
    for place, order in enumerate(orders(parts)):
        if place >= _MOST_ORDERS:
            break
        found = proposed(order)
        if found:
            fitting.append((order, found))
            if not parts.sorted_keys:
                break
    if not fitting:
        return Arrangement()
    if len(fitting) > 1:
        return Arrangement(
            wrong=f"its keys are sorted and {len(fitting)} orders of its layers chain, such as "
            f"{_shown(fitting[0][0])} and {_shown(fitting[1][0])}"
        )
    order, found = fitting[0]
    as_written = order == parts.found
    how = (
        "in the order of the file"
        if as_written
        else "by their names and shapes, not in the order of the file"
    )
    return Arrangement(order, tuple(found), (f"layers follow each other {how}",))


def _shown(order: tuple[Part, ...]) -> str:
    names = [part.name for part in order]
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
