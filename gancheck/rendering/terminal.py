"""How do results and progress read on a terminal: a table and a bar."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.markup import escape
from rich.progress import MofNCompleteColumn, ProgressColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from gancheck.rendering.examined import examined
from gancheck.rendering.report_view import tally
from gancheck.rendering.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from rich.progress import Task

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
    """Steps done, their rate and the time left: a bar on a terminal, a line a tenth elsewhere."""
    console = Console(stderr=True)
    title = escape(one_line(title, _TITLE))  # it has the name that a user's file gives itself
    if not console.is_terminal:
        yield _Lines(title, console)
        return
    with Bars(
        *Bars.get_default_columns()[:2],
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
    ) as bars:
        task = None

        def advance(now: Progress) -> None:
            nonlocal task
            if task is None:  # what a resumed run had made before says nothing of the rate
                task = bars.add_task(title, completed=now.step, total=now.steps)
            bars.update(task, completed=now.step)

        yield advance


class _Rate(ProgressColumn):
    """Steps a second, as far as they are known."""

    def render(self, task: Task) -> Text:
        """The rate of the last half minute, of a finished task that of the whole."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else _a_second(speed), style="progress.data.speed")


class _Lines:
    """A line for each tenth of the steps; the rate is that since the first step that was seen."""

    def __init__(self, title: str, console: Console) -> None:
        self._title, self._console = title, console
        self._tenth = -1
        self._first: tuple[int, float] | None = None

    def __call__(self, now: Progress) -> None:
        """Told of every step."""
        if self._first is None:
            self._first = now.step, time.monotonic()
        tenth = 10 * now.step // now.steps
        if tenth > self._tenth:
            self._tenth = tenth
            line = f"{self._title}: step {now.step} of {now.steps}{self._pace(now)}"
            self._console.print(line, soft_wrap=True)

    def _pace(self, now: Progress) -> str:
        first, since = self._first or (now.step, 0.0)
        seconds = time.monotonic() - since
        if now.step == first or seconds <= 0.0:
            return ""
        rate = (now.step - first) / seconds
        minutes, left = divmod(round((now.steps - now.step) / rate), 60)
        return f", {_a_second(rate)}, {minutes // 60}:{minutes % 60:02}:{left:02} left"


def _a_second(rate: float) -> str:
    return f"{rate:.3g} steps/s" if rate < 1000.0 else f"{rate:.0f} steps/s"
