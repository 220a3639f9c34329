"""What a terminal is shown: every verdict counted, what was not checked named, strings inert."""

from __future__ import annotations

from dataclasses import replace

import pytest
import typer

from gancheck.cli_endings import fail
from gancheck.diagnosis import Finding, Report, Verdict
from gancheck.rendering.terminal import print_findings

EVIL = "\x1b[2J\x1b]0;t\x07\u202e\u2066[bold]b[/bold]\r\nGC000 sound fine\x9b31m|`x`</script>" * 60


def _shown(report: Report, capsys: pytest.CaptureFixture[str]) -> str:
    print_findings(report)
    return capsys.readouterr().out


def test_strings_of_a_file_neither_steer_the_terminal_nor_begin_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = Report(
        title=EVIL,
        findings=[Finding(code="GC101", verdict=Verdict.failing, because=EVIL)],
        provenance={"not_read": {EVIL: EVIL}, "not_run": [EVIL], "stopped": EVIL},
    )
    shown = _shown(report, capsys)
    for code in (0x1B, 0x07, 0x202E, 0x2066, 0x0D, 0x9B):
        assert chr(code) not in shown
    assert "[bold]" in shown  # text, not style
    table = [line for line in shown.splitlines() if line.startswith(" GC")]
    assert len(table) == 1
    assert len(shown) < 8000


def test_what_was_not_checked_is_counted_and_named(
    full_report: Report, points_report: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    words = " ".join(_shown(full_report, capsys).split())
    assert "6 findings: 1 fails, 1 warns, 1 undecided, 2 sound, 1 not applicable" in words
    assert "not checked: GC006" in words
    words = " ".join(_shown(points_report, capsys).split())
    assert "2 not run; not checked: GC002, GC005 (budget of 60 s spent)" in words
    unread = replace(points_report, provenance={"not_read": {"a.onnx": "too large"}})
    assert "not checked: a.onnx" in " ".join(_shown(unread, capsys).split())
    assert "0 findings: no diagnostic ran" in _shown(Report(findings=[]), capsys)


def test_a_sentence_of_an_ending_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        fail(EVIL, 2)
    assert ended.value.exit_code == 2
    said = capsys.readouterr().err
    assert len(said.strip().splitlines()) == 1
    assert "\x1b" not in said
    assert "\u202e" not in said
