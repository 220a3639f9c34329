"""Page of theorems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["write_theory_page"]


def write_theory_page(reports: Sequence[Any], path: Path) -> Path:
    """Write."""
    raise NotImplementedError
