"""How a command ends where the machine, and not the user, says no."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
import typer

from gancheck.cli_endings import answering


def test_too_little_memory_is_one_sentence_and_an_incomplete_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(typer.Exit) as ended, answering():
        torch.empty(10**15)
    assert ended.value.exit_code == 4
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1
    assert said.startswith("gancheck: not enough memory (")
    assert "4000000000000000 bytes" in said
    with pytest.raises(typer.Exit) as ended, answering():
        raise MemoryError
    assert ended.value.exit_code == 4


def test_a_fault_of_the_program_is_not_made_a_sentence() -> None:
    with pytest.raises(RuntimeError, match="a fault"), answering():
        raise RuntimeError("a fault")


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_a_reader_that_has_enough_ends_the_command_without_a_word() -> None:
    command = subprocess.Popen(
        [sys.executable, "-m", "gancheck", "train", "--list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert command.stdout is not None
    command.stdout.close()
    _, said = command.communicate(timeout=120)
    assert said == b""
    assert command.returncode == 141
