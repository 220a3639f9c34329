"""What is worse than it was in an older report?

`read_baseline` takes a `result.json`, `compare` tells which findings of a report are new against
it: its code was not there, its verdict is worse, or it names a tensor that was not named. Standard
library only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from gancheck.diagnosis import SCHEMA, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gancheck.diagnosis import Finding, Place, Report

__all__ = ["RANK", "Baseline", "Comparison", "Known", "compare", "read_baseline"]

_LARGEST: Final = 64 * 2**20
RANK: Final = {
    Verdict.not_applicable: 0,
    Verdict.sound: 0,
    Verdict.undecided: 1,
    Verdict.warning: 2,
    Verdict.failing: 3,
}
_ASKS: Final = (Verdict.undecided, Verdict.warning, Verdict.failing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a baseline says of one code.

    Attributes:
        verdict: the worst of its findings.
        tensors: (file, tensor) that those of this verdict name.
    """

    verdict: Verdict
    tensors: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """An older report, as far as a comparison needs it.

    Attributes:
        known: code -> what was known.
        unchecked: codes that did not run and paths of which nothing was read.
    """

    known: Mapping[str, Known]
    unchecked: frozenset[str] = frozenset()

    def state(self, finding: Finding) -> str:
        """SARIF's word for a finding: `new`, `unchanged`, or `updated` where it ended otherwise."""
        was = self.known.get(finding.code)
        if was is None or was.verdict is Verdict.sound:
            return "new"
        same = was.verdict is finding.verdict and not _added(finding, was)
        return "unchanged" if same else "updated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A report against a baseline.

    Attributes:
        new: (finding, why it is new) of each that is undecided, warns or fails and is new.
        known: findings of that kind that the baseline has as well.
        better: codes whose verdict is milder than it was, with what it was and is.
    """

    new: tuple[tuple[Finding, str], ...]
    known: tuple[Finding, ...]
    better: tuple[tuple[str, Verdict, Verdict], ...]

    def worst_new(self) -> Verdict | None:
        """The worst verdict among what is new; None where nothing is."""
        return max((f.verdict for f, _ in self.new), key=RANK.__getitem__, default=None)

    def lines(self) -> list[str]:
        """What is new, known and better, a line each."""
        out = [f"new: {f.code} {_word(f.verdict)} ({why})" for f, why in self.new]
        out += [f"known: {f.code} {_word(f.verdict)}" for f in self.known]
        out += [f"better: {code} {_word(now)} (was {_word(was)})" for code, was, now in self.better]
        return out or ["nothing is worse than in the baseline"]


def read_baseline(path: Path | None) -> Baseline | None:
    """An older `result.json`; None where no path is given.

    Raises:
        ValueError: the file is no report of this schema.
        OSError: it cannot be read.
    """
    if path is None:
        return None
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"--baseline {path} is larger than a report: over {_LARGEST} bytes")
    try:
        found: Any = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise _no_report(path, "it is not JSON") from None
    if not isinstance(found, dict):
        raise _no_report(path, "it is not a JSON object")
    report = cast("dict[str, Any]", found)
    schema = report.get("schema")
    if schema != SCHEMA:
        shown = f"its schema is {schema!r}" if isinstance(schema, str) else "it names no schema"
        raise _no_report(path, shown[:80])
    known: dict[str, Known] = {}
    findings = report.get("findings")
    if not isinstance(findings, list):
        raise _no_report(path, "it has no list of findings")
    for number, entry in enumerate(cast("list[Any]", findings)):
        try:
            _take(entry, known)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise _no_report(path, f"finding {number} has no code and verdict") from None
    return Baseline(known=known, unchecked=_unchecked(report.get("provenance")))


def compare(report: Report, baseline: Baseline) -> Comparison:
    """Which findings of the report are new against the baseline."""
    new: list[tuple[Finding, str]] = []
    old: list[Finding] = []
    better: list[tuple[str, Verdict, Verdict]] = []
    for finding in report.findings:
        was = baseline.known.get(finding.code)
        if was is not None and RANK[finding.verdict] < RANK[was.verdict]:
            better.append((finding.code, was.verdict, finding.verdict))
        if finding.verdict not in _ASKS:
            continue
        why = _why_new(finding, was)
        if why:
            new.append((finding, why))
        else:
            old.append(finding)
    return Comparison(new=tuple(new), known=tuple(old), better=tuple(better))


def _why_new(finding: Finding, was: Known | None) -> str:
    if was is None:
        return "not in the baseline"
    if RANK[finding.verdict] > RANK[was.verdict]:
        return f"was {_word(was.verdict)}"
    if RANK[finding.verdict] < RANK[was.verdict]:
        return ""
    added = _added(finding, was)
    return f"now also in {added[0].tensor or added[0].file}" if added else ""


def _added(finding: Finding, was: Known) -> list[Place]:
    return [p for p in finding.places if (p.file, p.tensor) not in was.tensors]


def _take(entry: Any, known: dict[str, Known]) -> None:
    code, verdict = entry["code"], Verdict(entry["verdict"])
    if not isinstance(code, str):
        raise TypeError(code)
    places: list[Any] = entry.get("places", [])
    tensors = frozenset((str(place["file"]), str(place["tensor"])) for place in places)
    before = known.get(code)
    if before is not None and RANK[before.verdict] > RANK[verdict]:
        return
    if before is not None and before.verdict is verdict:
        tensors |= before.tensors
    known[code] = Known(verdict=verdict, tensors=tensors)


def _unchecked(provenance: Any) -> frozenset[str]:
    if not isinstance(provenance, dict):
        return frozenset()
    told = cast("dict[str, Any]", provenance)
    lists = (told.get("not_run"), told.get("not_read"))
    return frozenset(str(x) for found in lists if isinstance(found, (list, dict)) for x in found)


def _word(verdict: Verdict) -> str:
    return str(verdict).replace("_", " ")


def _no_report(path: Path, why: str) -> ValueError:
    return ValueError(
        f"--baseline {path} is not a report that this version reads ({why}); "
        "give the result.json of an earlier `gancheck audit` or `gancheck diagnose`"
    )
