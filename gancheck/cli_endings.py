"""How does a command end: with which exit code, in which sentence, with what on stdout?"""

from __future__ import annotations

import contextlib
import shlex
import sys
from typing import TYPE_CHECKING, Any

import typer

from gancheck.cli_options import FailOn

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from gancheck.diagnosis import Report

__all__ = ["answering", "codes", "command_line", "fail", "finish", "known", "progress"]

_REFUSED = 3
_SEVERE = {
    FailOn.failing: ("failing",),
    FailOn.warning: ("failing", "warning"),
    FailOn.never: (),
}


@contextlib.contextmanager
def answering(resume: str = "") -> Generator[None]:
    """Turn each known way of going wrong into its exit code and one sentence."""
    try:
        yield
    except KeyboardInterrupt as stop:  # training's own kind says which step is saved
        fail(str(stop) or "interrupted" + (f"; go on with: {resume}" if resume else ""), 130)
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        fail(f"refused: {text}" if code == _REFUSED else str(text), code)


def _exit_code(error: Exception) -> int | None:
    """The exit code of an ending that a user may cause; None for a fault of the program."""
    from gancheck.checkpoints.refusal import Refused

    if isinstance(error, Refused):
        return _REFUSED
    if isinstance(error, typer.Exit):
        return None
    if "gancheck.training.outcomes" in sys.modules:
        from gancheck.training import outcomes

        if isinstance(error, (outcomes.Diverged, outcomes.WriteFailed)):
            return 4
        if isinstance(error, outcomes.Refused):
            return 2
    return 2 if isinstance(error, (ValueError, KeyError, OSError, ModuleNotFoundError)) else None


def fail(sentence: str, code: int) -> None:
    """Say one sentence on stderr and end with a code."""
    typer.echo(f"gancheck: {sentence}", err=True)
    raise typer.Exit(code)


def known(name: str, shelf: dict[str, Any], what: str) -> Any:
    """What stands on a shelf under a name.

    Raises:
        ValueError: nothing does; names what there is.
    """
    if name not in shelf:
        raise ValueError(f"unknown {what} {name!r}; there are {', '.join(sorted(shelf))}")
    return shelf[name]


def codes(only: str | None) -> list[str] | None:
    """Codes from a comma-separated list; None, for all, where none is given."""
    return None if only is None else [code.strip() for code in only.split(",") if code.strip()]


def command_line() -> str:
    """What was typed, quoted so that it can be typed again."""
    return shlex.join(["gancheck", *sys.argv[1:]])


def progress(line: str) -> None:
    """A line of progress, on stderr."""
    typer.echo(line, err=True)


def finish(report: Report, out: Path, *, as_json: bool, fail_on: FailOn) -> None:
    """Write the page, print the result, choose the exit code by precedence 1, 4, 0."""
    page = report.save(out / "report.html")
    if as_json:
        typer.echo(report.to_json())
    else:
        from gancheck.rendering.terminal import print_findings

        print_findings(report)
        typer.echo(f"page: {page}")
    if report.provenance.get("stopped") == "interrupted":
        fail(f"interrupted; the partial report is {page}; run again: {command_line()}", 130)
    if str(report.verdict) in _SEVERE[fail_on]:
        raise typer.Exit(1)
    if not report.complete:
        fail(f"stopped: {report.provenance.get('stopped')}; the partial report is {page}", 4)
