"""Findings become a page, theorems become a page: one file each, offline, inert.

`write_report` and `write_theory_page` are the two entry points; `Report.save` calls the first.
Everything is rendered in memory before anything is written, and a file is replaced whole or not
at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancheck.rendering import gallery
from gancheck.rendering.examined import examined
from gancheck.rendering.facts import facts
from gancheck.rendering.files import csv_text, write_whole
from gancheck.rendering.markdown import markdown
from gancheck.rendering.on_the_way import samples_on_the_way
from gancheck.rendering.page import json_twin, render
from gancheck.rendering.report_view import (
    actions,
    anchored,
    cards,
    headline,
    history,
    line,
    provenance,
    sections,
    tally,
)
from gancheck.rendering.theory_page import write_theory_page
from gancheck.rendering.watch import watched

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gancheck.diagnosis import Diagnostic, Report

__all__ = ["render_report", "write_report", "write_theory_page"]


def _shelf(report: Report) -> Mapping[str, Diagnostic]:
    """The one place that asks the shelf which diagnostics there are.

    Those of a game bring half of scipy, which the page of an audit of weights need not wait for.
    """
    from gancheck.content import diagnostic_codes, diagnostics

    of_weights = {finding.code for finding in report.findings} <= {*diagnostic_codes("weights")}
    return diagnostics("weights" if of_weights and report.findings else None)


def _known(
    report: Report, diagnostics: Mapping[str, Diagnostic] | None
) -> Mapping[str, Diagnostic]:
    if diagnostics is None:
        return _shelf(report) if report.findings or report.not_run else {}
    return diagnostics


def render_report(report: Report, *, diagnostics: Mapping[str, Diagnostic] | None = None) -> str:
    """The page of a report as HTML text; the same report gives the same bytes.

    Args:
        report: what was found.
        diagnostics: code -> diagnostic, for names, figures and definitions; the shelf's without it.
    """
    known = _known(report, diagnostics)
    said = sections(report, known)
    word, sentence = headline(report, known)
    return render(
        "report.html",
        report=report,
        verdict=str(report.verdict),
        word=word,
        sentence=sentence,
        line=line(report),
        tally=tally(report),
        gallery=gallery.view(report.gallery) if report.gallery else None,
        actions=actions(said),
        cards=cards(report, said, known),
        sections=said,
        history=history(report),
        watched=watched(report, known),
        sampled=samples_on_the_way(report.sampled),
        facts=[fact for fact in facts(provenance(report)) if fact[0] != "command"],
        not_run=report.not_run,
        unread=[file for file in examined(report) if file.unread],
        stopped=str(report.provenance.get("stopped") or ""),
        command=str(report.provenance.get("command") or ""),
        unmeasured=[s for s in said if s.verdict == "not_applicable"],
        twin=json_twin(report.to_json()),
    )


def write_report(
    report: Report, path: Path, *, diagnostics: Mapping[str, Diagnostic] | None = None
) -> Path:
    """Write the page; beside it `result.json`, `report.md` and a `tables/CODE.csv` for each table.

    The page is written last: where it is new, everything beside it is new too.

    Args:
        report: what was found.
        path: of the HTML file; its folder is made.
        diagnostics: as for `render_report`.

    Returns:
        The path of the page.

    Raises:
        OSError: a file cannot be written; the message is one sentence that names it.
    """
    known = _known(report, diagnostics)
    page = render_report(report, diagnostics=known)
    write_whole(path.with_name("result.json"), report.to_json() + "\n")
    for anchor, finding in anchored(report):
        if finding.measurement is not None and finding.measurement.rows:
            table = path.parent / "tables" / f"{anchor}.csv"
            write_whole(table, csv_text(finding.measurement.rows))
    card = markdown(report, diagnostics=known)
    write_whole(path.with_name("report.md"), card)
    write_whole(path, page)
    return path
