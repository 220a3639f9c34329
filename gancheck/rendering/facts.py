"""How does a nested record of where numbers come from read as lines of name and text?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

__all__ = ["facts", "mapping"]

_LONGEST: Final = 2000
_FACTS: Final = 400


def facts(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A nested mapping as lines: (dotted name, text); long values cut, and said to be."""
    out: list[tuple[str, str]] = []
    _flatten("", values, out)
    if len(out) > _FACTS:
        rest = len(out) - _FACTS
        return [*out[:_FACTS], ("more", f"{rest} further entries are in result.json")]
    return out


def mapping(value: Any) -> dict[Any, Any]:
    """A mapping as a dict of its own; empty where the value is none."""
    return dict(cast("Mapping[Any, Any]", value)) if isinstance(value, Mapping) else {}


def _flatten(prefix: str, value: Any, out: list[tuple[str, str]]) -> None:
    several = isinstance(value, list | tuple | set | frozenset)
    items: list[Any] = list(cast("Sequence[Any]", value)) if several else [value]
    if isinstance(value, Mapping):
        for key, inner in mapping(value).items():
            _flatten(f"{prefix}.{key}" if prefix else str(key), inner, out)
    elif several and any(isinstance(item, Mapping) for item in items):
        for number, item in enumerate(items, start=1):
            _flatten(f"{prefix} {number}", item, out)
    else:
        text = ", ".join("" if item is None else str(item) for item in items)
        cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} … ({len(text)} characters)"
        out.append((prefix, cut or "none"))
