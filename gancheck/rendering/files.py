"""How does a report reach the disk whole or not at all?"""

from __future__ import annotations

import csv
import io
import os
from typing import TYPE_CHECKING, Any

from gancheck.rendering.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["csv_text", "write_whole"]

_FORMULA = ("=", "+", "-", "@", "\t")


def write_whole(path: Path, text: str) -> None:
    """Write a file beside its place, then move it there: an old one survives any failure.

    Raises:
        OSError: in one sentence, which file could not be written, why, and what to do.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise OSError(f"cannot write {path}: {reason}; free it or name another folder") from error


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """A tidy table as CSV; columns in order of first appearance.

    A text that a spreadsheet would run as a formula is quoted with an apostrophe.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([_cell(column) for column in columns])
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return stream.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str):
        text = clean(value)
        return f"'{text}" if text.startswith(_FORMULA) else text
    return value
