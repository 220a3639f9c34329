"""What does a folder say of a game that was diagnosed earlier, without loading any model?

`read_side` takes a folder that holds a `result.json`, with the `run.json` and `metrics.jsonl` of a
run where they are. Every string in it may have been written by a stranger: numbers are checked to be
numbers and words to be known words, texts are handed on for the page to make inert. Standard
library only.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from gancheck.diagnosis import SCHEMA, Quantity, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Key", "ReadFinding", "Side", "read_side"]

_LARGEST: Final = 64 * 2**20
_QUANTITIES: Final = 4000
_TEXT: Final = 200
_KINDS: Final = ("estimate", "lower", "upper", "exact")

Key = tuple[str, int]
"""A code, and how many findings of that code stand before it in the same report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFinding:
    """A finding as far as a comparison needs it.

    Attributes:
        verdict: how it ended.
        title: the result in a sentence.
        quantities: name -> number; None where the report has null for it.
    """

    verdict: Verdict
    title: str
    quantities: Mapping[str, Quantity | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two that are compared.

    Attributes:
        folder: as it was given.
        title: what was examined.
        verdict: of the whole report.
        complete: whether every chosen diagnostic ran.
        findings: in the order of the report.
        provenance: the report's own.
        configuration: run.json's, with its versions; empty where the folder is no run.
        history: rows of metrics.jsonl up to the step that was diagnosed.
        history_fault: why there are none although the file is there.
    """

    folder: str
    title: str
    verdict: Verdict
    complete: bool
    findings: Mapping[Key, ReadFinding]
    provenance: Mapping[str, Any]
    configuration: Mapping[str, Any]
    history: Sequence[dict[str, Any]]
    history_fault: str = ""

    @property
    def batches(self) -> int | None:
        """Evaluation batches of its plan; None where it names none."""
        plan = self.provenance.get("plan")
        count = cast("dict[str, Any]", plan).get("batches") if isinstance(plan, dict) else None
        return count if type(count) is int and 2 <= count <= 10**6 else None


def read_side(folder: Path) -> Side:
    """Read one folder.

    Raises:
        ValueError: it holds no result.json, or one that is no report of this schema.
        OSError: a file cannot be read.
    """
    path = folder / "result.json"
    if not path.is_file():
        if (folder / "run.json").is_file():
            raise ValueError(
                f"{folder} is a run that was not diagnosed: it has no result.json "
                f"(gancheck diagnose {folder})"
            )
        raise ValueError(
            f"{folder} holds no result.json; give a folder that `gancheck diagnose` or "
            "`gancheck audit` wrote its report into"
        )
    report = _object(path, _read(path))
    if report.get("schema") != SCHEMA:
        schema = report.get("schema")
        shown = (
            f"its schema is {schema!r}"[:80] if isinstance(schema, str) else "it names no schema"
        )
        raise _no_report(path, shown)
    findings = _findings(path, report.get("findings"))
    told = report.get("provenance")
    provenance = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    history, fault = _history(folder / "metrics.jsonl", provenance.get("step"))
    try:
        verdict = Verdict(report.get("verdict"))
    except ValueError:
        raise _no_report(path, "it has no verdict") from None
    return Side(
        folder=str(folder),
        title=str(report.get("title") or ""),
        verdict=verdict,
        complete=report.get("complete") is True,
        findings=findings,
        provenance=provenance,
        configuration=_configuration(folder / "run.json"),
        history=history,
        history_fault=fault,
    )


def _read(path: Path) -> Any:
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"{path} is larger than a report: over {_LARGEST} bytes")
    try:
        # NaN and infinity are no JSON; where an older writer left one it is a number that is lost.
        return json.loads(path.read_bytes(), parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        raise _no_report(path, "it is not JSON") from None


def _object(path: Path, found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise _no_report(path, "it is not a JSON object")
    return cast("dict[str, Any]", found)


def _findings(path: Path, entries: Any) -> dict[Key, ReadFinding]:
    if not isinstance(entries, list):
        raise _no_report(path, "it has no list of findings")
    seen: Counter[str] = Counter()
    out: dict[Key, ReadFinding] = {}
    for number, entry in enumerate(cast("list[Any]", entries)):
        try:
            code, finding = _finding(entry)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise _no_report(path, f"finding {number}: {_why(error)}") from None
        out[code, seen[code]] = finding
        seen[code] += 1
    if sum(len(f.quantities) for f in out.values()) > _QUANTITIES:
        raise _no_report(path, f"it has more than {_QUANTITIES} quantities")
    return out


def _why(error: Exception) -> str:
    return str(error)[:_TEXT] if isinstance(error, ValueError) else "it has no code and verdict"


def _finding(entry: Any) -> tuple[str, ReadFinding]:
    code, verdict = entry["code"], Verdict(entry["verdict"])
    if not isinstance(code, str):
        raise TypeError(code)
    given: Any = entry.get("quantities") or {}
    return code, ReadFinding(
        verdict=verdict,
        title=str(entry.get("title") or ""),
        quantities={str(name): _quantity(str(name), q) for name, q in given.items()},
    )


def _quantity(name: str, entry: Any) -> Quantity | None:
    """The number; None where its value or its numerical error is null."""
    if not isinstance(entry, dict):
        raise ValueError(f"{name} is no quantity")
    told = cast("dict[str, Any]", entry)
    kind, unit = told.get("kind"), told.get("unit")
    if kind not in _KINDS or not isinstance(unit, str):
        raise ValueError(f"{name} has no kind ({', '.join(_KINDS)}) and unit")
    value, error = _number(name, told.get("value")), _number(name, told.get("error"))
    spread = _number(name, told.get("sampling_error"))
    if (error is not None and error < 0.0) or (spread is not None and spread < 0.0):
        raise ValueError(f"{name} has a negative error")
    given: Any = told.get("interval")
    ends = cast("list[Any]", given) if isinstance(given, list) else [None, None]
    if len(ends) != 2:
        raise ValueError(f"{name} has an interval that is not two numbers")
    low, high = (_number(name, end) for end in ends)
    if value is None or error is None:
        return None
    outside = (low is not None and low > value) or (high is not None and high < value)
    return Quantity(
        value=value,
        error=error,
        sampling_error=spread,
        unit=unit[:_TEXT],
        kind=kind,
        low=None if outside else low,
        high=None if outside else high,
    )


def _number(name: str, found: Any) -> float | None:
    """A finite number; None for null and for what a float cannot hold."""
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ValueError(f"{name} has {found!r:.40} where a number belongs")
    try:
        value = float(found)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def _configuration(path: Path) -> dict[str, Any]:
    """What a run was begun with; empty where there is none that can be read."""
    if not path.is_file() or path.stat().st_size > _LARGEST:
        return {}
    try:
        found: Any = json.loads(path.read_bytes(), parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    told = cast("dict[str, Any]", found)
    parts = {name: told.get(name) for name in ("configuration", "versions")}
    return {name: part for name, part in parts.items() if isinstance(part, dict)}


def _history(path: Path, step: Any) -> tuple[list[dict[str, Any]], str]:
    """Rows up to a step, without a last line that was cut short; and why there are none."""
    if not path.is_file():
        return [], ""
    if path.stat().st_size > _LARGEST:
        return [], f"metrics.jsonl is over {_LARGEST} bytes"
    last = float(step) if type(step) is int and step < 2**63 else math.inf
    rows: list[dict[str, Any]] = []
    whole = path.read_bytes().rpartition(b"\n")[0]
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            row: Any = json.loads(line, parse_constant=lambda _: None)
            if isinstance(row, dict) and float(cast("dict[str, Any]", row).get("step", 0)) <= last:
                rows.append(cast("dict[str, Any]", row))
        except (ValueError, TypeError, OverflowError, RecursionError):
            return [], f"line {number} of metrics.jsonl is no row of metrics"
    return rows, ""


def _no_report(path: Path, why: str) -> ValueError:
    return ValueError(
        f"{path} is not a report that this version reads ({why}); diagnose or audit again with it"
    )
