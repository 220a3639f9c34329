"""What a terminal is shown: every verdict counted, what was not checked named, strings inert."""

from __future__ import annotations

import io
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from rich.console import Console

from gancheck.cli_endings import fail
from gancheck.diagnosis import Finding, Report, Verdict
from gancheck.rendering import terminal
from gancheck.rendering.terminal import print_findings, training_bar

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


def progressed(
    monkeypatch: pytest.MonkeyPatch, steps: list[int], *, of: int, on_terminal: bool, title: str
) -> list[str]:
    """What is shown of a training that makes a step every quarter of a second."""
    out = io.StringIO()
    now = [100.0]

    def console(**_: Any) -> Console:
        return Console(
            file=out,
            force_terminal=on_terminal,
            width=160,
            get_time=lambda: now[0],
            color_system=None,
        )

    monkeypatch.setattr(terminal, "Console", console)
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    with training_bar(title) as advance:
        for step in steps:
            now[0] += 0.25
            told: Any = SimpleNamespace(step=step, steps=of)
            advance(told)
    return out.getvalue().replace("\r", "\n").splitlines()


def test_in_a_pipe_every_tenth_tells_steps_rate_and_time_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = progressed(monkeypatch, list(range(1, 21)), of=20, on_terminal=False, title="training a")
    assert said[0] == "training a: step 1 of 20"  # one step alone has no rate
    assert said[1] == "training a: step 2 of 20, 4 steps/s, 0:00:04 left"
    assert said[-1] == "training a: step 20 of 20, 4 steps/s, 0:00:00 left"
    assert len(said) == 11


@pytest.mark.parametrize("on_terminal", [False, True])
def test_what_a_resumed_run_had_made_before_is_no_part_of_its_rate(
    monkeypatch: pytest.MonkeyPatch, *, on_terminal: bool
) -> None:
    said = progressed(
        monkeypatch, list(range(6001, 6041)), of=6040, on_terminal=on_terminal, title="training a"
    )
    last = next(line for line in reversed(said) if "6040" in line)
    assert "4 steps/s" in last
    assert "0:00:00" in last


@pytest.mark.parametrize("on_terminal", [False, True])
def test_a_recipes_name_is_text_to_the_progress_of_its_training(
    monkeypatch: pytest.MonkeyPatch, *, on_terminal: bool
) -> None:
    said = "".join(
        progressed(monkeypatch, [1, 2], of=2, on_terminal=on_terminal, title="[/x]" + EVIL)
    )
    assert "[/x]" in said
    assert "\x1b]0" not in said
    assert "\u202e" not in said
