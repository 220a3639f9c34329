"""How does a command end: with which exit code, in which sentence, with what on stdout?"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sys
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast

import typer

from gancheck.cli_options import FailOn

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from gancheck.baseline import Baseline, Comparison
    from gancheck.checkpoints.refusal import Refused
    from gancheck.diagnosis import Report

__all__ = [
    "answering",
    "codes",
    "command_line",
    "compared_folders",
    "fail",
    "finish",
    "known",
    "progress",
    "refusal",
]

_REFUSED = 3
_READER_GONE = 141  # 128 and the number of SIGPIPE, as of a program that the signal ends
_SENTENCE = 4000  # longest sentence of an ending, in characters
_SEVERE = {
    FailOn.failing: ("failing",),
    FailOn.warning: ("failing", "warning"),
    FailOn.never: (),
}


@contextlib.contextmanager
def answering(
    resume: str = "", *, refused: Callable[[Refused], None] | None = None
) -> Generator[None]:
    """Turn each known way of going wrong into its exit code and one sentence.

    Args:
        resume: the command that goes on after an interruption.
        refused: told of a refusal before the command ends with 3.
    """
    try:
        yield
    except KeyboardInterrupt as stop:  # training's own kind says which step is saved
        fail(str(stop) or "interrupted" + (f"; go on with: {resume}" if resume else ""), 130)
    except BrokenPipeError:  # whoever read, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left goes nowhere
        raise typer.Exit(_READER_GONE) from None
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise
        if code == _REFUSED and refused is not None:
            try:
                refused(cast("Refused", error))
            except OSError as unwritten:  # the refusal matters more than its file
                typer.echo(f"gancheck: {unwritten}", err=True)
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        if _out_of_memory(error):
            text = f"not enough memory ({error}); take a smaller batch, network or latent"
        fail(f"refused: {text}" if code == _REFUSED else str(text), code)


def _exit_code(error: Exception) -> int | None:
    """The exit code of an ending that a user may cause; None for a fault of the program."""
    from gancheck.checkpoints.refusal import Refused

    if isinstance(error, Refused):
        return _REFUSED
    if isinstance(error, typer.Exit):
        return None
    if _out_of_memory(error):
        return 4
    if "gancheck.training.outcomes" in sys.modules:
        from gancheck.training import outcomes

        if isinstance(error, (outcomes.Diverged, outcomes.Lost, outcomes.WriteFailed)):
            return 4
        if isinstance(error, outcomes.Refused):
            return 2
    return 2 if isinstance(error, (ValueError, KeyError, OSError, ModuleNotFoundError)) else None


def _out_of_memory(error: Exception) -> bool:
    """Whether Python, torch's CUDA allocator or its CPU allocator, by its words, had none left."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "DefaultCPUAllocator: can't allocate memory" in str(error)
    )


def fail(sentence: str, code: int) -> None:
    """Say one sentence on stderr, inert whatever a file wrote into it, and end with a code."""
    from gancheck.checkpoints.refusal import plain

    typer.echo(f"gancheck: {plain(sentence, limit=_SENTENCE)}", err=True)
    raise typer.Exit(code)


def known(name: str, shelf: dict[str, Any], what: str) -> Any:
    """What stands on a shelf under a name.

    Raises:
        ValueError: nothing does; names what is spelt most like it, and how to see all there is.
    """
    if name in shelf:
        return shelf[name]
    spelt = {key.casefold(): key for key in shelf}
    asked = name.casefold()
    near = get_close_matches(asked, spelt) or [key for key in spelt if asked and asked in key][:3]
    like = f"nearest: {', '.join(spelt[key] for key in near)}; " if near else ""
    raise ValueError(f"unknown {what} {name!r}; {like}`gancheck explain` without a name lists all")


def codes(only: str | None) -> list[str] | None:
    """Codes from a comma-separated list; None, for all, where none is given."""
    return None if only is None else [code.strip() for code in only.split(",") if code.strip()]


def command_line() -> str:
    """What was typed, quoted so that it can be typed again."""
    return shlex.join(["gancheck", *sys.argv[1:]])


def progress(line: str) -> None:
    """A line of progress, on stderr."""
    typer.echo(line, err=True)


def refusal(
    files: Sequence[Path], *, as_json: bool, sarif: Path | None
) -> Callable[[Refused], None]:
    """How a command that was asked for JSON or SARIF tells that it refused its files."""

    def tell(reason: Refused) -> None:
        if as_json:
            typer.echo(json.dumps(reason.to_dict(), indent=2))
        if sarif is not None:
            from gancheck.checkpoints.refusal import plain
            from gancheck.provenance import versions
            from gancheck.rendering.files import write_whole
            from gancheck.rendering.sarif import refusal_text

            # The guilty file first: the one that its own listing refuses, or that the reason names.
            named = sorted(
                files, key=lambda f: (not _unreadable(f), plain(f.name) not in str(reason))
            )
            text = refusal_text(
                str(reason),
                files=[plain(str(file), limit=400) for file in named],
                version=versions()["gancheck"],
                command=command_line(),
            )
            write_whole(sarif, text)

    return tell


def _unreadable(file: Path) -> bool:
    from gancheck.checkpoints import Refused, read

    try:
        with contextlib.suppress(OSError):
            read(file)
    except Refused:
        return True
    return False


def finish(
    report: Report,
    out: Path,
    *,
    as_json: bool,
    fail_on: FailOn,
    sarif: Path | None = None,
    baseline: Baseline | None = None,
    stamp: bool = False,
) -> None:
    """Write the page and its files, print the result, choose the exit code: 130, then 1, 4, 0."""
    report = replace(report, stamped=stamp)
    page = report.save(out / "report.html")
    compared = _compared(report, baseline)
    if sarif is not None:
        _write_sarif(report, sarif, baseline)
    if as_json:
        typer.echo(report.to_json())
    else:
        from gancheck.rendering.terminal import print_findings

        print_findings(report)
        typer.echo(f"page: {page}")
    verdict = report.verdict
    if compared is not None:
        _print_comparison(compared, err=as_json)
        verdict = compared.worst_new() or ""
    if report.provenance.get("stopped") == "interrupted":
        fail(f"interrupted; the partial report is {page}; run again: {command_line()}", 130)
    if str(verdict) in _SEVERE[fail_on]:
        raise typer.Exit(1)
    if not report.complete:
        fail(f"stopped: {report.provenance.get('stopped')}; the partial report is {page}", 4)


def compared_folders(base: Path, head: Path, out: Path, *, as_json: bool, fail_on: FailOn) -> None:
    """Compare two reports, write the page, print the result; exit 1 where a verdict became worse."""
    from gancheck.compare_reports import compare_folders
    from gancheck.rendering.compare_page import comparison_text, write_comparison

    found = compare_folders(base, head)
    page = write_comparison(found, out, command=command_line())
    typer.echo(found.to_json() if as_json else f"{comparison_text(found)}\npage: {page}")
    if str(found.worst_new() or "") in _SEVERE[fail_on]:
        raise typer.Exit(1)


def _compared(report: Report, baseline: Baseline | None) -> Comparison | None:
    if baseline is None:
        return None
    from gancheck.baseline import compare

    return compare(report, baseline)


def _print_comparison(compared: Comparison, *, err: bool) -> None:
    from gancheck.rendering.text import clean

    for line in compared.lines():
        typer.echo(f"baseline: {' '.join(clean(line).split())}", err=err)


def _write_sarif(report: Report, path: Path, baseline: Baseline | None) -> None:
    from gancheck.content import diagnostics
    from gancheck.rendering.files import write_whole
    from gancheck.rendering.sarif import sarif_text

    write_whole(path, sarif_text(report, diagnostics=diagnostics(), baseline=baseline))
