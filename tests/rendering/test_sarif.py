"""The SARIF log: valid by the standard, nothing that was not checked looks sound, strings inert."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import ValidationError

from gancheck.baseline import Baseline, Known
from gancheck.diagnosis import Diagnostic, Finding, Place, Report, Verdict
from gancheck.rendering.sarif import refusal_text, sarif_text
from tests.rendering.schemas import sarif_validator

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "generator": {"path": "models/G one.pth", "sha256": "ab" * 32},
    "discriminator": {"path": "/abs/D.pth", "sha256": ""},
}
EVIL = "</script><b>\x1b[31m\u202e\u2066 {0} [click](https://h.example) \ud800 |`x`|\n\n# big" * 100


def _run(text: str) -> dict[str, Any]:
    log = json.loads(text)
    sarif_validator().validate(log)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        # 3.27.10: a level other than none is for failures only
        assert (result["kind"] == "fail") == (result["level"] != "none")
    return run


def _finding(code: str, verdict: Verdict, *places: Place) -> Finding:
    return Finding(code=code, verdict=verdict, because="because", places=places)


@pytest.mark.parametrize(
    "name", ["full_report", "points_report", "hostile_report", "empty_report", "stamped"]
)
def test_reports_of_every_kind_are_valid_sarif(
    name: str, request: pytest.FixtureRequest, shelf: dict[str, Diagnostic], full_report: Report
) -> None:
    known = {
        "stamped": lambda: replace(full_report, stamped=True),
        "empty_report": lambda: Report(findings=[]),
    }
    report = known[name]() if name in known else request.getfixturevalue(name)
    text = sarif_text(report, diagnostics=shelf)
    _run(text)
    assert text == sarif_text(report, diagnostics=shelf)
    assert ("2026-11-22" in text) == (name == "stamped")


def test_the_validator_of_the_standard_can_say_no() -> None:
    log = json.loads(sarif_text(Report(findings=[]), diagnostics={}))
    for path, wrong in (("version", "2.0.0"), ("runs", 1), ("drift", 1)):
        with pytest.raises(ValidationError):
            sarif_validator().validate(log | {path: wrong})
    log["runs"][0]["artifacts"] = [{"location": {"uri": "a b"}}]
    with pytest.raises(ValidationError, match="uri-reference"):
        sarif_validator().validate(log)


def test_each_verdict_has_its_kind_and_level_and_sound_is_no_alert() -> None:
    codes = {f"GC00{n}": verdict for n, verdict in enumerate(Verdict, start=1)}
    report = Report(
        findings=[_finding(code, verdict) for code, verdict in codes.items()],
        complete=False,
        provenance={"files": FILES, "not_run": ["GC009"], "stopped": "budget of 5 s spent"},
    )
    run = _run(sarif_text(report, diagnostics={}))
    got = {r["properties"]["verdict"]: (r["ruleId"], r["kind"], r["level"]) for r in run["results"]}
    of = {str(verdict): code for code, verdict in codes.items()}
    assert got == {
        "failing": (of["failing"], "fail", "error"),
        "warning": (of["warning"], "fail", "warning"),
        "undecided": (of["undecided"], "open", "none"),
        "not_applicable": (of["not_applicable"], "notApplicable", "none"),
        "not_run": ("not-run", "open", "none"),
    }
    said = {r["ruleId"]: r["message"]["text"] for r in run["results"]}
    assert said["not-run"] == "Not checked. Not reached: GC009: budget of 5 s spent."
    assert said[of["not_applicable"]].startswith("Not checked. ")
    assert said[of["undecided"]].startswith("Undecided. ")
    assert run["properties"]["sound"] == [of["sound"]]
    assert run["properties"]["summary"]["not_run"] == 1
    assert run["invocations"][0]["executionSuccessful"] is False
    assert of["sound"] in {rule["id"] for rule in run["tool"]["driver"]["rules"]}


def test_a_finding_points_at_its_file_and_tensor() -> None:
    place = Place(file="models/G one.pth", tensor="main.0.weight")
    report = Report(
        findings=[
            _finding("GC101", Verdict.failing, place, Place(file="/abs/D.pth")),
            _finding("GC001", Verdict.warning),
        ],
        provenance={"files": FILES},
    )
    run = _run(sarif_text(report, diagnostics={}))
    first, second = run["results"]
    here = first["locations"][0]
    assert here["physicalLocation"]["artifactLocation"] == {"index": 0, "uri": "models/G%20one.pth"}
    assert here["logicalLocations"][0]["fullyQualifiedName"] == "main.0.weight"
    there = first["locations"][1]["physicalLocation"]["artifactLocation"]
    assert there == {"index": 1, "uri": "file:///abs/D.pth"}
    assert "logicalLocations" not in second["locations"][0]
    assert run["artifacts"][0]["hashes"] == {"sha-256": "ab" * 32}
    assert "hashes" not in run["artifacts"][1]


def test_a_thousand_tensors_are_twenty_locations_and_a_count() -> None:
    places = [Place(file="models/G one.pth", tensor=str(n)) for n in range(1000)]
    report = Report(
        findings=[_finding("GC101", Verdict.failing, *places)], provenance={"files": FILES}
    )
    (result,) = _run(sarif_text(report, diagnostics={}))["results"]
    assert len(result["locations"]) == 20
    assert "980 further places" in result["message"]["text"]


def test_a_fingerprint_outlives_new_numbers_and_tells_findings_apart() -> None:
    def prints(because: str) -> list[str]:
        findings = [
            replace(_finding("GC101", Verdict.failing), because=because),
            replace(_finding("GC101", Verdict.failing), because=because),
            replace(_finding("GC102", Verdict.failing), because=because),
        ]
        report = Report(findings=findings, provenance={"files": FILES})
        results = _run(sarif_text(report, diagnostics={}))["results"]
        return [r["partialFingerprints"]["primaryLocationLineHash"] for r in results]

    assert prints("one") == prints("two")
    assert len(set(prints("one"))) == 3


def test_a_baseline_says_what_is_new() -> None:
    findings = [_finding("GC101", Verdict.failing), _finding("GC102", Verdict.warning)]
    provenance = {"files": FILES, "not_run": ["GC001"]}
    report = Report(findings=findings, provenance=provenance)
    known = Known(verdict=Verdict.failing, tensors=frozenset())
    old = Baseline(known={"GC101": known}, unchecked=frozenset({"GC001", "GC002"}))
    run = _run(sarif_text(report, diagnostics={}, baseline=old))
    assert [(r["ruleId"], r["baselineState"]) for r in run["results"]] == [
        ("GC101", "unchanged"), ("GC102", "new"), ("not-run", "unchanged"),
    ]  # fmt: skip
    run = _run(sarif_text(report, diagnostics={}, baseline=Baseline(known={})))
    assert {r["baselineState"] for r in run["results"]} == {"new"}


def test_a_file_of_which_nothing_was_read_is_open() -> None:
    report = Report(
        findings=[_finding("GC101", Verdict.sound)],
        provenance={"weights": {"a.pth": {"sha256": None}}, "not_read": {"b.onnx": "no tensors"}},
    )
    (result,) = _run(sarif_text(report, diagnostics={}))["results"]
    assert (result["ruleId"], result["kind"]) == ("not-read", "open")
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "b.onnx"


def test_a_refusal_is_an_error_on_the_file() -> None:
    run = _run(
        refusal_text("it names os.system", files=["b.pth", "a.pth"], version="0.1.0", command="x")
    )
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("refused", "error")
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "b.pth"
    assert run["invocations"][0]["exitCode"] == 3
    assert run["invocations"][0]["executionSuccessful"] is False
    assert run["properties"] == {"status": "refused"}
    _run(refusal_text("no file", files=[], version=""))


def test_strings_of_a_file_are_inert(shelf: dict[str, Diagnostic], tmp_path: Path) -> None:
    report = Report(
        findings=[
            Finding(
                code="GC101",
                verdict=Verdict.failing,
                title=EVIL,
                because=EVIL,
                remedy=EVIL,
                places=[Place(file=EVIL, tensor=EVIL)],
            )
        ],
        provenance={
            "files": {"generator": {"path": EVIL, "sha256": EVIL}},
            "versions": {"gancheck": EVIL},
            "command": EVIL,
            "stopped": EVIL,
            "not_run": [EVIL],
        },
        complete=False,
    )
    texts = (
        sarif_text(report, diagnostics=shelf),
        refusal_text(EVIL, files=[EVIL], version=EVIL, command=EVIL),
    )
    for text in texts:
        run = _run(text)
        for message in _messages(run):
            assert "](" not in message  # 3.11.6: no link
            assert re.sub(r"\{\{|\}\}", "", message).count("{") == 0  # 3.11.5: no placeholder
            assert len(message) <= 8000  # 4000, were every character a doubled brace
        assert "<" not in text  # nor does it end a script element that it is pasted into
        whole = json.dumps(json.loads(text), ensure_ascii=False)
        for code in (0x1B, 0x202E, 0x2066, 0xD800):
            assert chr(code) not in whole
        others = [s for s in _strings(run) if s not in _messages(run) and "%" not in s]
        assert max(map(len, others)) <= 1000


def _messages(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["text"]] if isinstance(value.get("text"), str) else []
        return own + [m for inner in value.values() for m in _messages(inner)]
    return [m for inner in value for m in _messages(inner)] if isinstance(value, list) else []


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [s for inner in value.values() for s in _strings(inner)]
    if isinstance(value, list):
        return [s for inner in value for s in _strings(inner)]
    return [value] if isinstance(value, str) else []
