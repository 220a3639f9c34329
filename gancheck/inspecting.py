"""What does `gancheck inspect` do with its words?

It reads its own options: the parser of the other commands brings pydantic, and this command is to
cost what reading costs, so that it can run over every file of a folder. Standard library and
`gancheck.checkpoints` alone.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gancheck.checkpoints import Refused, describe, index_json, json_text, plain, read

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["inspect_files"]

_READ, _INCOMPLETE, _REFUSED, _INTERRUPTED = 0, 4, 3, 130


def inspect_files(words: Sequence[str]) -> int:
    """List what files hold, running nothing of them.

    Args:
        words: what stands after `gancheck inspect`.

    Returns:
        The exit code: 0; 3 where a file is refused; 4 where the reader of the output went away;
        130 interrupted.

    Raises:
        SystemExit: with 2 for wrong use, 0 for `--help`.
    """
    given = _parser().parse_args(words)
    try:
        code = _inspect(given.files, as_json=given.json, full=given.full)
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write("gancheck: interrupted\n")
        return _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else closing it complains
        return _INCOMPLETE
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gancheck inspect",
        description="List what a file holds, running nothing of it.",
        epilog="Exit codes: 0 listed; 2 wrong use; 3 refused as unsafe or unreadable.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "files", metavar="FILE", nargs="+", type=Path, help="Checkpoint files of any origin."
    )
    parser.add_argument("--json", action="store_true", help="Print JSON.")
    parser.add_argument(
        "--full",
        action="store_true",
        help="Also read files above 1 GiB to their end, for the sha256 and the checksums of a zip.",
    )
    return parser


def _inspect(files: list[Path], *, as_json: bool, full: bool) -> int:
    results: list[dict[str, Any]] = []
    code = _READ
    for file in files:
        name = plain(file.name)
        try:
            index = read(file, full=full)
        except Refused as refusal:
            code = _REFUSED
            results.append({"file": name, **refusal.to_dict()})
            if not as_json:
                sys.stderr.write(f"{name}: refused: {refusal}\n")
        else:
            results.append({"file": name, **index_json(index)})
            if not as_json:
                sys.stdout.write(describe(index) + "\n")
    if as_json:
        sys.stdout.write(json_text(results if len(results) > 1 else results[0]) + "\n")
    return code
