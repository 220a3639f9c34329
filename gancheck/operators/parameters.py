"""Which parameters does a name stand for?"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["chosen"]


def chosen(names: Sequence[str], wanted: str | Sequence[str]) -> list[int]:
    """Positions of the parameters that are asked for, in the order of `names`.

    Args:
        names: of all parameters.
        wanted: names, patterns with `*` and `?`, or names of modules (`block1` is all below it).

    Raises:
        ValueError: something asked for matches no parameter.

    Example:
        >>> chosen(["0.weight", "0.bias", "2.weight"], ["0"])
        [0, 1]
    """
    patterns = [wanted] if isinstance(wanted, str) else list(wanted)
    hits = {p: [i for i, n in enumerate(names) if _matches(n, p)] for p in patterns}
    for pattern, found in hits.items():
        if not found:
            shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
            raise ValueError(f"no parameter is called {pattern!r}; there are {shown}")
    if not hits:
        raise ValueError("a group of parameters must name at least one")
    return sorted({i for found in hits.values() for i in found})


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or name.startswith(f"{pattern}.") or fnmatchcase(name, pattern)
