"""Which tensors and plain values does the structure hold, and under which names?

An iterative walk: a part without tensors is entered once however often it is shared, a part with
tensors each time it is reached, up to a budget. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gancheck.checkpoints.refusal import Refused, plain
from gancheck.checkpoints.values import Blob, Instance, Scalar, Sequence, Symbol, Table, Value, View

if TYPE_CHECKING:
    from gancheck.checkpoints.limits import Limits

__all__ = ["Found", "Listing", "walk"]

# What a module's own dicts are called; they are no part of a parameter's name.
_MODULE_DICTS = frozenset({"_modules", "_parameters", "_buffers"})
_MOST_SCALARS = 1000
_LONGEST_NAME = 1000  # of a path joined by dots, and of a text among the plain values
_LONGEST_INTEGER = 256  # bits
# Attributes of a dict (torch keeps version numbers there) are walked, but are no part of its contents.
_ATTRIBUTES = Symbol("dict", "attributes")


@dataclass(frozen=True, slots=True)
class Found:
    """A tensor, the names that lead to it, and the class instance that holds it, if one does."""

    path: tuple[str, ...]
    view: View
    holder: Symbol | None


@dataclass(slots=True)
class Listing:
    """Everything the walk met."""

    tensors: list[Found] = field(default_factory=list)
    scalars: dict[str, Scalar] = field(default_factory=dict)
    classes: dict[Symbol, None] = field(default_factory=dict)
    paths: set[tuple[str, ...]] = field(default_factory=set)  # of the tensors


@dataclass(slots=True)
class _Step:
    value: Value
    path: tuple[str, ...]
    length: int  # characters of the path
    depth: int
    holder: Symbol | None
    entered: int = -1  # tensors listed when it was entered; -1 before


_Container = Sequence | Table | Instance
_Child = tuple[str | None, Value, bool]  # its name, itself, whether it is no part of the contents


def walk(root: Value, limits: Limits) -> Listing:
    """List the tensors of a structure in the order of writing.

    Raises:
        Refused: nested deeper or listing more than the budgets, containing itself, or naming two
            tensors alike in one dict.
    """
    listing = Listing()
    open_now: set[int] = set()
    without_tensors: set[int] = set()
    visited = met = 0
    stack = [_Step(root, (), 0, 0, None)]
    while stack:
        step = stack[-1]
        value = step.value
        if step.entered >= 0:
            stack.pop()
            open_now.discard(id(value))
            if len(listing.tensors) == step.entered:
                without_tensors.add(id(value))
            continue
        if not isinstance(value, _Container):
            stack.pop()
            _leaf(listing, step)
            continue
        if id(value) in without_tensors:
            stack.pop()
            continue
        if id(value) in open_now:
            raise Refused("a container of the pickle contains itself", subject=".".join(step.path))
        if step.depth >= limits.depth:
            raise Refused(
                f"containers are nested over {limits.depth} deep, the budget of a listing"
            )
        met = _spend(met, _width(value), limits.items, "values")
        step.entered = len(listing.tensors)
        open_now.add(id(value))
        holder = step.holder
        if isinstance(value, Instance):
            holder = holder or value.symbol
            listing.classes[value.symbol] = None
        inside = _inside(listing, step, holder)
        visited = _spend(visited, len(inside), limits.listed, "entries")
        inside.reverse()
        stack += inside
    return listing


def _spend(spent: int, more: int, budget: int, what: str) -> int:
    if spent + more > budget:
        raise Refused(f"the structure unfolds to over {budget} {what}, the budget of a listing")
    return spent + more


def _width(value: _Container) -> int:
    """At most how many values a container holds, as cheap to say as it is to hold them."""
    if isinstance(value, Sequence):
        return len(value.items)
    if isinstance(value, Table):
        return len(value.pairs) + 1
    return sum(len(part.pairs) + 2 if isinstance(part, Table) else 1 for part in value.parts)


def _inside(listing: Listing, step: _Step, holder: Symbol | None) -> list[_Step]:
    """The containers and tensors of a container; its plain values are taken down at once."""
    inside: list[_Step] = []
    for name, child, aside in _children(step.value):
        entered = _enter(step, name, child, _ATTRIBUTES if aside else holder)
        if isinstance(child, _Container | View):
            inside.append(entered)
        else:
            _leaf(listing, entered)
    return inside


def _enter(parent: _Step, name: str | None, child: Value, holder: Symbol | None) -> _Step:
    if name is None:
        return _Step(child, parent.path, parent.length, parent.depth + 1, holder)
    length = parent.length + len(name) + 1
    if length > _LONGEST_NAME + 1:
        raise Refused(
            f"a key has {length - 1} characters with the names that lead to it, over the budget of {_LONGEST_NAME}",
            subject=name,
        )
    return _Step(child, (*parent.path, name), length, parent.depth + 1, holder)


def _leaf(listing: Listing, step: _Step) -> None:
    value = step.value
    if isinstance(value, View):
        if step.path in listing.paths:
            raise Refused(
                f"two tensors have the one name {plain('.'.join(step.path))}: a reader keeps only the last",
                subject=".".join(step.path),
            )
        listing.paths.add(step.path)
        listing.tensors.append(Found(step.path, value, step.holder))
    elif (
        isinstance(value, Scalar)
        and value is not None
        and step.holder is None
        and len(listing.scalars) < _MOST_SCALARS
    ):
        listing.scalars[".".join(step.path)] = _short(value)


def _short(value: bool | int | float | str) -> bool | int | float | str:  # noqa: FBT001 - a value
    if isinstance(value, int) and value.bit_length() > _LONGEST_INTEGER:
        return f"<an integer of {value.bit_length()} bits>"
    return value[:_LONGEST_NAME] if isinstance(value, str) else value


def _children(value: Value) -> list[_Child]:
    if isinstance(value, Sequence):
        return [
            (str(i), item, False)
            for i, item in enumerate(value.items)
            if not isinstance(item, Blob)
        ]
    if isinstance(value, Table):
        return _pairs(value)
    children: list[_Child] = []
    if not isinstance(value, Instance):
        return children
    for i, part in enumerate({id(part): part for part in value.parts}.values()):
        if not isinstance(part, Table):
            children.append((f"<{i}>", part, False))
            continue
        for name, child, aside in _pairs(part):
            children.append((None if name in _MODULE_DICTS else name, child, aside))
    return children


def _name(key: Value, place: int) -> str:
    if isinstance(key, int) and key.bit_length() > _LONGEST_INTEGER:
        return f"<key {place}>"  # printing it would cost more than reading it
    return str(key) if isinstance(key, str | int | float) else f"<key {place}>"


def _pairs(table: Table) -> list[_Child]:
    children: list[_Child] = []
    names: set[tuple[bool, str]] = set()
    for i, (key, child) in enumerate(table.pairs):
        name = _name(key, i)
        if (isinstance(key, str), name) in names:
            raise Refused(
                f"the key {plain(name)} stands twice in one dict: a reader keeps only the last",
                subject=name,
            )
        names.add((isinstance(key, str), name))
        children.append((name, child, False))
    if isinstance(table.attributes, _Container):
        children.append(("<attributes>", table.attributes, True))
    return children
