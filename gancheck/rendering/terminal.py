"""How do results and progress read on a terminal: a table and a bar."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.markup import escape
from rich.progress import MofNCompleteColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from gancheck.rendering.examined import examined
from gancheck.rendering.report_view import tally
from gancheck.rendering.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from gancheck.diagnosis import Report
    from gancheck.training.train import Progress

__all__ = ["print_findings", "training_bar"]

_TITLE: Final = 200
_BECAUSE: Final = 1200
_CODE: Final = 60


def print_findings(report: Report) -> None:
    """Code, verdict and reason of each finding."""
    table = Table(
        title=escape(f"{one_line(report.title, _TITLE)}: {report.verdict}"),
        box=None,
        title_justify="left",
    )
    for name in ("code", "verdict", "because"):
        table.add_column(name, overflow="fold", no_wrap=name != "because")
    for finding in report.findings:
        because = one_line(finding.because, _BECAUSE)
        table.add_row(escape(one_line(finding.code, _CODE)), str(finding.verdict), escape(because))
    console = Console()
    console.print(table)
    console.print(escape(_counted(report)))
    level = report.provenance.get("level")
    if isinstance(level, Mapping):
        console.print(escape(_reached(level)))


def _reached(level: Mapping[str, Any]) -> str:
    """How far an audit went, and what the next level needs."""
    why = one_line("; ".join(map(str, level.get("why_not_further") or ())), _BECAUSE)
    return f"level reached: {level.get('reached')}" + (f"; {why}" if why else "")


def _counted(report: Report) -> str:
    """How the findings end, and what was not checked at all."""
    counts = ", ".join(text for _, text in tally(report)) or "no diagnostic ran"
    silent = [f.code for f in report.findings if f.verdict == "not_applicable"]
    silent += [*report.not_run, *(file.path for file in examined(report) if file.unread)]
    unknown = ", ".join(one_line(name, _CODE) for name in silent)
    rest = f"; not checked: {unknown}" if unknown else ""
    why = one_line(str(report.provenance.get("stopped") or ""), _BECAUSE)
    told = "level" in report.provenance and report.complete  # the next line says why
    rest += f" ({why})" if why and report.not_run and not told else ""
    return f"{len(report.findings)} findings: {counts}{rest}"


@contextlib.contextmanager
def training_bar(title: str) -> Generator[Callable[[Progress], None]]:
    """A bar with steps done and time left on a terminal, a line a tenth elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        shown = -1

        def line(now: Progress) -> None:
            nonlocal shown
            tenth = 10 * now.step // now.steps
            if tenth > shown:
                shown = tenth
                console.print(f"{title}: step {now.step} of {now.steps}")

        yield line
        return
    with Bars(
        *Bars.get_default_columns()[:2],
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as bars:
        task = bars.add_task(title)
        yield lambda now: bars.update(task, completed=now.step, total=now.steps)
