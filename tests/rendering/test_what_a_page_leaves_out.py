"""What a page says of what was not checked, and what it says only with a stamp."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gancheck.rendering import render_report
from tests.rendering.test_report_page import Page

if TYPE_CHECKING:
    from gancheck.diagnosis import Diagnostic, Report


def test_what_never_ran_and_what_was_not_read_is_named(
    points_report: Report, shelf: dict[str, Diagnostic]
) -> None:
    known = {**points_report.provenance, "not_read": {"a.onnx": "too large"}}
    page = render_report(replace(points_report, provenance=known), diagnostics=shelf)
    assert "2 not run" in page
    assert "never run: <code>GC002</code>, <code>GC005</code>" in page
    assert "Budget of 60 s spent" in " ".join(Page(page).words).replace("\u00a0", " ")
    assert "<b>Not read.</b> <code>a.onnx</code>: too large." in page
    assert page.count('<tr data-verdict="not_run">') == 2
    asked = replace(points_report, complete=True)  # the level left them out, not a budget
    assert "<b>Not everything was asked.</b>" in render_report(asked, diagnostics=shelf)


def test_no_date_device_or_duration_without_a_stamp(
    full_report: Report, shelf: dict[str, Diagnostic]
) -> None:
    plain = render_report(full_report, diagnostics=shelf)
    stamped = render_report(replace(full_report, stamped=True), diagnostics=shelf)
    for text in ("2026-11-22", "A card", "Linux", "3\u00a0min 45\u00a0s", "cu130"):
        assert text not in plain
        assert text in stamped
    assert "Here it took" not in plain
    assert "Here it took" in stamped
