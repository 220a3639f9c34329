"""How do results and progress read on a terminal: a table and a bar."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import MofNCompleteColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from gancheck.rendering.report_view import tally
from gancheck.rendering.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from gancheck.diagnosis import Report
    from gancheck.training.train import Progress

__all__ = ["print_findings", "training_bar"]


def print_findings(report: Report) -> None:
    """Code, verdict and reason of each finding."""
    table = Table(
        title=escape(clean(f"{report.title}: {report.verdict}")), box=None, title_justify="left"
    )
    for name in ("code", "verdict", "because"):
        table.add_column(name, overflow="fold", no_wrap=name != "because")
    for finding in report.findings:
        table.add_row(finding.code, str(finding.verdict), escape(clean(finding.because)))
    console = Console()
    console.print(table)
    console.print(escape(_counted(report)))


def _counted(report: Report) -> str:
    """How the findings end, and what was not checked at all."""
    counts = ", ".join(text for _, text in tally(report)) or "no diagnostic ran"
    left = ", ".join(clean(code) for code in report.not_run)
    silent = [clean(f.code) for f in report.findings if f.verdict == "not_applicable"]
    unknown = f"; not checked: {', '.join(filter(None, [*silent, left]))}" if silent or left else ""
    return f"{len(report.findings)} findings: {counts}{unknown}"


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
