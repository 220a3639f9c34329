"""`gancheck inspect` as a user types it: endings, several files, and the reader of its output."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
import torch
from typer.testing import CliRunner

from gancheck import cli, inspecting

if TYPE_CHECKING:
    from gancheck.checkpoints import Index


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two checkpoints, and what is none."""
    paths = [tmp_path / name for name in ("G.pth", "D.pth", "page.pth")]
    for path in paths[:2]:
        torch.save({"w": torch.ones(2, 3)}, path)
    paths[2].write_text("<html>")
    return paths


def test_several_files_are_listed_though_one_is_refused(
    files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert inspecting.inspect_files([str(file) for file in files]) == 3
    page = capsys.readouterr()
    assert page.out.count("container  torch zip") == 2
    assert page.err.startswith("page.pth: refused: this is an HTML page")
    assert inspecting.inspect_files(["--json", *map(str, files)]) == 3
    data = json.loads(capsys.readouterr().out)
    assert [each["status"] for each in data] == ["read", "read", "refused"]
    assert [each["file"] for each in data] == ["G.pth", "D.pth", "page.pth"]
    assert inspecting.inspect_files(["--json", str(files[0])]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "read"


@pytest.mark.parametrize("words", [[], ["--fast", "a"], ["--js", "a"], ["--json=1", "a"]])
def test_wrong_words_end_in_2_and_say_how_it_is_used(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        inspecting.inspect_files(words)
    assert end.value.code == 2
    assert "usage: gancheck inspect" in capsys.readouterr().err


def test_both_ways_in_are_the_same_command(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The console script goes past the parser of the other commands; typer's own way goes through."""
    words = ["inspect", "--json", "--full", str(files[0])]
    through = CliRunner().invoke(cli.app, words)
    monkeypatch.setattr(sys, "argv", ["gancheck", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == through.exit_code == 0
    assert capsys.readouterr().out == through.stdout
    shown = CliRunner().invoke(cli.app, ["inspect", "--help"])
    assert shown.exit_code == 0
    assert "--full" in shown.output
    assert "inspect" in CliRunner().invoke(cli.app, ["--help"]).output


def test_full_reaches_the_reader(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def listed(path: Path, *, full: bool) -> Index:
        asked.append(full)
        return read(path)

    read = inspecting.read
    monkeypatch.setattr(inspecting, "read", listed)
    inspecting.inspect_files([str(files[0])])
    inspecting.inspect_files(["--full", str(files[0])])
    assert asked == [False, True]


def test_an_interruption_ends_in_130(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(inspecting, "read", stopped)
    assert inspecting.inspect_files([str(files[0])]) == 130
    assert capsys.readouterr().err == "gancheck: interrupted\n"


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    """As with `gancheck inspect G.pth | head -1`."""
    torch.save({f"w{i}" * 9: torch.ones(1) for i in range(3000)}, tmp_path / "G.pth")
    command = [sys.executable, "-m", "gancheck.cli", "inspect", "--json", str(tmp_path / "G.pth")]
    root = Path(__file__).parents[1]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode in (0, 4)  # 0 where the system took all of it before it went away


def test_a_pipe_that_is_broken_ends_in_4(files: list[Path]) -> None:
    """In a process of its own, since its standard output is replaced."""
    script = """
        import os, sys
        from gancheck.inspecting import inspect_files
        reading, writing = os.pipe()
        os.close(reading)
        os.dup2(writing, 1)
        sys.exit(inspect_files(sys.argv[1:]))
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(files[0])],
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert (ended.returncode, ended.stderr) == (4, "")
