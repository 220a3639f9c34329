"""Each step of the tutorial is a command, and prints what the tutorial says it prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"


def _steps() -> list[tuple[str, str]]:
    """(command, expected output) of each console block; `...` stands for anything."""
    out = []
    for block in re.findall(r"```console\n(.*?)```", TUTORIAL.read_text(), flags=re.S):
        first, *rest = block.splitlines()
        command = first.removeprefix("$ ")
        while command.count("'") % 2:  # a quoted program goes on over lines
            command += "\n" + rest.pop(0)
        out.append((command, "\n".join(rest)))
    return out


def _pattern(expected: str) -> str:
    words = [re.escape(word).replace(r"\.\.\.", ".*?") for word in expected.split()]
    return r"\s*" + r"\s+".join(words) + r"\s*"


def test_every_step_prints_what_it_says(tmp_path: Path) -> None:
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100",
        "OMP_NUM_THREADS": "1",
    }
    steps = _steps()
    assert len(steps) >= 8
    for command, expected in steps:
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=env, capture_output=True, text=True
        )
        assert done.returncode in (0, 1), f"{command}\n{done.stderr}"
        assert re.fullmatch(_pattern(expected), done.stdout, flags=re.S), (
            f"{command}\nprinted\n{done.stdout}\ninstead of\n{expected}"
        )
