"""Which files is a report about, and of which of them is nothing known?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancheck.rendering.facts import mapping

if TYPE_CHECKING:
    from gancheck.diagnosis import Report

__all__ = ["Examined", "examined"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A file that a report names in its provenance.

    Attributes:
        role: what it holds, such as generator; "" where that is not known.
        path: as given.
        sha256: of the whole file; "" where it was not taken.
        unread: why nothing of it could be examined; "" where something was.
    """

    role: str
    path: str
    sha256: str
    unread: str


def examined(report: Report) -> list[Examined]:
    """The files of a report's `files`, `weights`, `read` and `not_read`, each path once."""
    unread = mapping(report.provenance.get("not_read"))
    found: dict[str, Examined] = {}
    for name in ("files", "weights", "read"):
        for key, entry in mapping(report.provenance.get(name)).items():
            known = mapping(entry)
            path = str(known.get("path") or key)
            role = str(known.get("role") or "") if path == key else str(key)
            if path not in found:
                found[path] = Examined(
                    role=role,
                    path=path,
                    sha256=str(known.get("sha256") or ""),
                    unread=str(unread.get(path) or ""),
                )
    for path, why in unread.items():
        if str(path) not in found:
            found[str(path)] = Examined(role="", path=str(path), sha256="", unread=str(why))
    return list(found.values())
