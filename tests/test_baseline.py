"""A baseline: only what is new fails, and what is no report is one sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gancheck.baseline import compare, read_baseline
from gancheck.diagnosis import Finding, Place, Report, Verdict

if TYPE_CHECKING:
    from pathlib import Path

RANK = {
    Verdict.sound: 0,
    Verdict.not_applicable: 0,
    Verdict.undecided: 1,
    Verdict.warning: 2,
    Verdict.failing: 3,
}


def _finding(code: str, verdict: Verdict, *tensors: str) -> Finding:
    places = [Place(file="G.pth", tensor=tensor) for tensor in tensors]
    return Finding(code=code, verdict=verdict, because="because", places=places)


def _saved(folder: Path, *findings: Finding) -> Path:
    path = folder / "old.json"
    path.write_text(Report(findings=findings).to_json())
    return path


@given(
    was=st.dictionaries(st.sampled_from("abcd"), st.sampled_from(list(Verdict))),
    now=st.dictionaries(st.sampled_from("abcd"), st.sampled_from(list(Verdict))),
)
def test_new_is_what_is_worse_or_was_not_there(
    was: dict[str, Verdict], now: dict[str, Verdict], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("baseline")
    baseline = read_baseline(_saved(folder, *(_finding(c, v) for c, v in was.items())))
    assert baseline is not None
    found = compare(Report(findings=[_finding(c, v) for c, v in now.items()]), baseline)
    asks = {c for c, v in now.items() if RANK[v] > 0}
    worse = {c for c in asks if c not in was or RANK[now[c]] > RANK[was[c]]}
    assert {f.code for f, _ in found.new} == worse
    assert {f.code for f in found.known} == asks - worse
    better = {c for c in now if c in was and RANK[now[c]] < RANK[was[c]]}
    assert {code for code, _, _ in found.better} == better
    worst = max((RANK[now[c]] for c in worse), default=None)
    assert (None if found.worst_new() is None else RANK[found.worst_new()]) == worst
    for code, verdict in now.items():
        state = baseline.state(_finding(code, verdict))
        if code not in was or was[code] is Verdict.sound:
            assert state == "new"
        else:
            assert state == ("unchanged" if was[code] is verdict else "updated")


def test_a_tensor_that_was_not_named_is_new(tmp_path: Path) -> None:
    old = _saved(tmp_path, _finding("GC101", Verdict.failing, "a", "b"))
    baseline = read_baseline(old)
    assert baseline is not None
    same = compare(Report(findings=[_finding("GC101", Verdict.failing, "b")]), baseline)
    assert same.new == ()
    assert baseline.state(_finding("GC101", Verdict.failing, "b")) == "unchanged"
    assert baseline.state(_finding("GC101", Verdict.failing, "c")) == "updated"
    more = compare(Report(findings=[_finding("GC101", Verdict.failing, "b", "c")]), baseline)
    assert more.lines() == ["new: GC101 failing (now also in c)"]
    milder = compare(Report(findings=[_finding("GC101", Verdict.warning, "c")]), baseline)
    assert milder.new == ()
    assert milder.lines() == ["known: GC101 warning", "better: GC101 warning (was failing)"]


def test_of_two_findings_of_a_code_the_worse_is_the_baseline(tmp_path: Path) -> None:
    old = _saved(
        tmp_path,
        _finding("GC101", Verdict.warning, "a"),
        _finding("GC101", Verdict.failing, "b"),
        _finding("GC101", Verdict.sound),
        _finding("GC101", Verdict.failing, "c"),
    )
    baseline = read_baseline(old)
    assert baseline is not None
    assert baseline.known["GC101"].verdict is Verdict.failing
    assert {tensor for _, tensor in baseline.known["GC101"].tensors} == {"b", "c"}


def test_a_report_against_itself_has_nothing_new(tmp_path: Path) -> None:
    report = Report(findings=[_finding(str(v), v, "t") for v in Verdict])
    baseline = read_baseline(_saved(tmp_path, *report.findings))
    assert baseline is not None
    found = compare(report, baseline)
    assert found.new == ()
    assert found.worst_new() is None
    empty = compare(Report(findings=[]), baseline)
    assert empty.lines() == ["nothing is worse than in the baseline"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"{}", "names no schema"),
        (b'{"schema": 3}', "names no schema"),
        (b'{"schema": "gancheck-report/9"}', "its schema is 'gancheck-report/9'"),
        (b'{"status": "refused", "reason": "x"}', "names no schema"),
        (b'{"schema": "gancheck-report/1"}', "no list of findings"),
        (b'{"schema": "gancheck-report/1", "findings": {}}', "no list of findings"),
        (b'{"schema": "gancheck-report/1", "findings": [3]}', "finding 0"),
        (b'{"schema": "gancheck-report/1", "findings": [{"code": "x"}]}', "finding 0"),
        (b'{"schema": "gancheck-report/1", "findings": [{"code": 1, "verdict": "sound"}]}', "finding 0"),
        (b'{"schema": "gancheck-report/1", "findings": [{"code": "x", "verdict": "ok"}]}', "finding 0"),
        (
            b'{"schema": "gancheck-report/1", "findings": '
            b'[{"code": "x", "verdict": "sound", "places": "abc"}]}',
            "finding 0",
        ),
    ],
)  # fmt: skip
def test_what_is_no_report_is_one_sentence(content: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"--baseline .*old\.json is not a report") as raised:
        read_baseline(path)
    assert why in str(raised.value)
    assert "result.json" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_baseline_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_baseline(tmp_path / "none.json")
    with pytest.raises(OSError, match=r"\w"):
        read_baseline(tmp_path)


def test_what_an_older_report_did_not_check_is_known(tmp_path: Path) -> None:
    provenance = {"not_run": ["GC001"], "not_read": {"a.onnx": "too large"}}
    path = tmp_path / "old.json"
    path.write_text(Report(findings=[], provenance=provenance).to_json())
    baseline = read_baseline(path)
    assert baseline is not None
    assert baseline.unchecked == {"GC001", "a.onnx"}


def test_a_hand_edited_baseline_still_reads(tmp_path: Path) -> None:
    known = json.loads(_saved(tmp_path, _finding("GC101", Verdict.failing)).read_text())
    del known["provenance"]
    (tmp_path / "cut.json").write_text(json.dumps(known))
    assert read_baseline(tmp_path / "cut.json") is not None
