"""The workflow that the documentation shows: it is YAML, and its gancheck lines are accepted."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from gancheck import cli

PAGE = Path(__file__).parents[2] / "docs" / "audit_a_checkpoint.md"


def _accepts(words: list[str]) -> None:
    """Parse a command line as the program does, without running it."""
    name, *rest = words
    typer.main.get_command(cli.app).commands[name].make_context(name, rest)


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return yaml.safe_load(block)


def test_it_checks_out_installs_audits_and_uploads_in_this_order(workflow: dict[Any, Any]) -> None:
    steps = workflow["jobs"]["audit"]["steps"]
    told = [step.get("uses", step.get("run", "")).split("@")[0].split()[0] for step in steps]
    order = [
        "actions/checkout", "actions/setup-python", "pip", "gancheck",
        "github/codeql-action/upload-sarif",
    ]  # fmt: skip
    assert [word for word in told if word in order] == order
    assert workflow["permissions"]["security-events"] == "write"
    upload = steps[-1]
    assert upload["if"].startswith("always()")
    (audit,) = [step["run"] for step in steps if step.get("run", "").startswith("gancheck")]
    words = shlex.split(audit)
    assert upload["with"]["sarif_file"] == words[words.index("--sarif") + 1]


def test_the_program_accepts_every_line_of_it(workflow: dict[Any, Any]) -> None:
    lines = [step["run"] for step in workflow["jobs"]["audit"]["steps"] if "run" in step]
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("gancheck ")]
    assert commands
    for words in commands:
        _accepts(words)
        with pytest.raises(Exception, match="No such option"):
            _accepts([*words, "--no-such-option"])
