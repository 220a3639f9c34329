"""Which of a report's findings does a code-scanning service show, on which file and tensor?

`sarif_text` writes a report, `refusal_text` a refused input, as SARIF 2.1.0. A check is a rule, a
finding that asks for attention is a result:

=================  ===============  =========
verdict            kind             level
=================  ===============  =========
failing            fail             error
warning            fail             warning
undecided          open             none
not run, not read  open             none
not applicable     notApplicable    none
=================  ===============  =========

A finding that is sound is no result, since services that ignore `kind` make an alert of every
result; it is named, with the counts of all verdicts, in the run's properties. The standard wants
the level `none` wherever the kind is not `fail`.

Source: SARIF Version 2.1.0 Plus Errata 01, OASIS (2023), 3.11 (messages), 3.27 (results).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote

from gancheck.diagnosis import Verdict
from gancheck.rendering.examined import examined
from gancheck.rendering.page import json_twin
from gancheck.rendering.report_view import anchored
from gancheck.rendering.text import clean, one_line

if TYPE_CHECKING:
    from gancheck.baseline import Baseline
    from gancheck.diagnosis import Diagnostic, Finding, Place, Report
    from gancheck.rendering.examined import Examined

__all__ = ["refusal_text", "sarif_text"]

_SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_KINDS: Final = {
    Verdict.failing: ("fail", "error"),
    Verdict.warning: ("fail", "warning"),
    Verdict.undecided: ("open", "none"),
    Verdict.not_applicable: ("notApplicable", "none"),
}
_UNRUN: Final = "not-run"  # rule of the checks that were not reached, which are one result
_UNREAD: Final = "not-read"  # rule of a file of which nothing could be examined
_OF_THE_RUN: Final = {
    _UNRUN: "Did every check that was chosen run?",
    _UNREAD: "Could anything of the file be examined?",
}
_LONGEST: Final = 1000
_NAME: Final = 200
_PLACES: Final = 20  # locations of a result; how many there are more is said in its message

Json = dict[str, Any]


def sarif_text(
    report: Report,
    *,
    diagnostics: Mapping[str, Diagnostic],
    baseline: Baseline | None = None,
) -> str:
    """A report as a SARIF log; the same report gives the same bytes.

    Args:
        report: what was found.
        diagnostics: code -> diagnostic, for names and questions.
        baseline: an older report; then each result says whether it is new.
    """
    files = examined(report)
    uris = [_uri(file.path) for file in files]
    ranked = [finding for _, finding in anchored(report)]
    codes = list(dict.fromkeys([*(f.code for f in ranked), *report.not_run, _UNRUN, _UNREAD]))
    results: list[Json] = []
    for finding in ranked:
        if finding.verdict in _KINDS:
            state = baseline.state(finding) if baseline else ""
            results.append(_result(finding, codes, uris, diagnostics) | _state(state))
    for code, names, why, at in _silent(report, files):
        state = _unchecked_state(names, baseline)
        places = [_location(uris[at], at, "")] if uris else []
        results.append(_unchecked(code, codes.index(code), why, places) | _state(state))
    taken: Counter[str] = Counter()
    for result in results:
        _identify(result, taken)
    stopped = str(report.provenance.get("stopped") or "")
    run: Json = {
        "tool": {"driver": _driver(report, [_rule(c, diagnostics.get(c)) for c in codes])},
        "invocations": [_invocation(report, stopped)],
        "artifacts": [_artifact(file, uri) for file, uri in zip(files, uris, strict=True)],
        "results": results,
        "properties": {
            "verdict": str(report.verdict),
            "summary": report.summary,
            "sound": sorted({_text(f.code) for f in report.findings if f.verdict == "sound"}),
        },
    }
    return _log(run)


def refusal_text(
    reason: str, *, files: Sequence[str], version: str, command: str = "", exit_code: int = 3
) -> str:
    """An input that was refused, as a SARIF log: one result of the rule `refused`.

    Args:
        reason: one sentence, why.
        files: the refused file first where it is known; paths as given.
        version: of gancheck.
        command: what was typed.
        exit_code: that the command ended with.
    """
    uris = [_uri(file) for file in files]
    rule = {
        "id": "refused",
        "shortDescription": {"text": "Can the file be read without trusting it?"},
        "help": {
            "text": "The file was not loaded and nothing of it ran. It was not audited: no other "
            "check says anything about it."
        },
    }
    result: Json = {
        "ruleId": "refused",
        "ruleIndex": 0,
        "kind": "fail",
        "level": "error",
        "message": {"text": _message(f"Refused: {reason}")},
        "locations": [_location(uris[0], 0, "")] if uris else [],
    }
    _identify(result, Counter())
    note = {"level": "error", "message": {"text": _message(f"Refused, not audited: {reason}")}}
    invocation: Json = {
        "executionSuccessful": False,
        "exitCode": exit_code,
        "toolExecutionNotifications": [note],
    }
    if command:
        invocation["commandLine"] = _text(command)
    driver = {"name": "gancheck", "version": _text(version), "rules": [rule]}
    run: Json = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "artifacts": [{"location": {"uri": uri}, "roles": ["analysisTarget"]} for uri in uris],
        "results": [result],
        "properties": {"status": "refused"},
    }
    return _log(run)


def _log(run: Json) -> str:
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json_twin(json.dumps(log, indent=2, sort_keys=True, allow_nan=False)) + "\n"


def _driver(report: Report, rules: list[Json]) -> Json:
    versions = report.provenance.get("versions")
    known = cast("Mapping[str, Any]", versions) if isinstance(versions, Mapping) else {}
    version = {"version": _text(str(known["gancheck"]))} if known.get("gancheck") else {}
    return {"name": "gancheck", **version, "rules": rules}


def _rule(code: str, diagnostic: Diagnostic | None) -> Json:
    rule: Json = {"id": _text(code)}
    if code in _OF_THE_RUN:
        rule["shortDescription"] = {"text": _OF_THE_RUN[code]}
    if diagnostic is not None:
        about = diagnostic.definition
        told = (diagnostic.threshold, about.estimator, about.limits, about.source)
        rule["name"] = diagnostic.name
        rule["shortDescription"] = {"text": _message(diagnostic.question)}
        rule["help"] = {"text": _message(" ".join(part.strip() for part in told if part.strip()))}
    return rule


def _result(
    finding: Finding, codes: list[str], uris: list[str], known: Mapping[str, Diagnostic]
) -> Json:
    kind, level = _KINDS[finding.verdict]
    diagnostic = known.get(finding.code)
    title = finding.title or (diagnostic.question if diagnostic else "")
    words = [
        {
            Verdict.undecided: "Undecided.",
            Verdict.not_applicable: "Not checked.",
        }.get(finding.verdict, ""),
        f"{title.rstrip('.')}." if title else "",
        finding.because,
        finding.remedy,
    ]
    places = list(finding.places)
    if len(places) > _PLACES:
        words.append(f"{len(places) - _PLACES} further places are in result.json.")
    return {
        "ruleId": _text(finding.code),
        "ruleIndex": codes.index(finding.code),
        "kind": kind,
        "level": level,
        "message": {"text": _message(" ".join(word for word in words if word))},
        "locations": _locations(places[:_PLACES], uris),
        "properties": {"verdict": str(finding.verdict)},
    }


def _silent(report: Report, files: Sequence[Examined]) -> Iterator[tuple[str, list[str], str, int]]:
    """What was not checked at all: rule, the names it is about, why, and which file."""
    if report.not_run:
        stopped = str(report.provenance.get("stopped") or "")
        left = f"Not reached: {', '.join(report.not_run)}"
        yield _UNRUN, report.not_run, f"{left}{f': {stopped}' if stopped else ''}.", 0
    for index, file in enumerate(files):
        if file.unread:
            yield _UNREAD, [file.path], file.unread, index


def _unchecked(code: str, index: int, why: str, places: list[Json]) -> Json:
    return {
        "ruleId": code,
        "ruleIndex": index,
        "kind": "open",
        "level": "none",
        "message": {"text": _message(f"Not checked. {why}")},
        "locations": places,
        "properties": {"verdict": code.replace("-", "_")},
    }


def _state(state: str) -> Json:
    return {"baselineState": state} if state else {}


def _unchecked_state(names: Sequence[str], baseline: Baseline | None) -> str:
    if baseline is None:
        return ""
    return "unchanged" if set(names) <= baseline.unchecked else "new"


def _locations(places: Sequence[Place], uris: list[str]) -> list[Json]:
    """Each place; the first file where the finding is about the game as a whole."""
    if not places:
        return [_location(uris[0], 0, "")] if uris else []
    out: list[Json] = []
    for place in places:
        uri = _uri(place.file)
        out.append(_location(uri, uris.index(uri) if uri in uris else None, place.tensor))
    return out


def _location(uri: str, index: int | None, tensor: str) -> Json:
    artifact: Json = {"uri": uri} | ({} if index is None else {"index": index})
    # A file of weights has no lines; services that show annotations want one all the same.
    physical: Json = {"artifactLocation": artifact, "region": {"startLine": 1}}
    if not tensor:
        return {"physicalLocation": physical}
    name = _text(tensor, _NAME)
    return {
        "physicalLocation": physical,
        "logicalLocations": [{"name": name, "fullyQualifiedName": name, "kind": "tensor"}],
    }


def _identify(result: Json, taken: Counter[str]) -> None:
    """A fingerprint of rule, file and tensor, so that new weights do not make it a new alert."""
    first = json.dumps(result["locations"][:1], sort_keys=True)
    digest = hashlib.sha256(f"{result['ruleId']}\0{first}".encode("utf-8", "replace")).hexdigest()[
        :16
    ]
    taken[digest] += 1
    result["partialFingerprints"] = {"primaryLocationLineHash": f"{digest}:{taken[digest]}"}


def _invocation(report: Report, stopped: str) -> Json:
    out: Json = {"executionSuccessful": report.complete}
    command = report.provenance.get("command")
    if command:
        out["commandLine"] = _text(str(command))
    stamp = report.provenance.get("stamp")
    if report.stamped and isinstance(stamp, Mapping):
        date = str(cast("Mapping[str, Any]", stamp).get("date") or "")
        out |= {"endTimeUtc": date.replace("+00:00", "Z")} if date else {}
    if not report.complete:
        left = ", ".join(report.not_run)
        text = f"Incomplete: {stopped or 'stopped early'}; not run: {left or 'none'}."
        out["toolExecutionNotifications"] = [
            {"level": "warning", "message": {"text": _message(text)}}
        ]
    return out


def _artifact(file: Examined, uri: str) -> Json:
    hashes = {"hashes": {"sha-256": _text(file.sha256)}} if file.sha256 else {}
    return {"location": {"uri": uri}, "roles": ["analysisTarget"], **hashes}


def _text(text: str, longest: int = _LONGEST) -> str:
    return one_line(text, longest)


def _message(text: str) -> str:
    """A text in which braces are no placeholders and brackets no links (3.11.5 and 3.11.6)."""
    marked = _text(text.replace("**", "").replace("`", ""), 4 * _LONGEST)
    return marked.replace("{", "{{").replace("}", "}}").replace("](", "] (")


def _uri(path: str) -> str:
    """A path as given; an absolute one as a file's URI."""
    quoted = quote(clean(path), safe="/")
    return f"file://{quoted}" if quoted.startswith("/") else quoted
