"""The compare page: what changed stands first, and strings from a file stay strings."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from gancheck.compare_reports import compare_folders
from gancheck.diagnosis import Finding, Plan, Quantity, Report, Verdict
from gancheck.rendering.compare_page import (
    comparison_text,
    render_comparison,
    write_comparison,
)

if TYPE_CHECKING:
    from pathlib import Path

    from gancheck.compare_reports import ComparedReports
    from gancheck.diagnosis import Diagnostic

EVIL = (
    "</script><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m\u202e`**$x$" + "w" * 300
)
PLAN = dataclasses.asdict(Plan(batch_size=64))


def _saved(
    folder: Path, findings: list[Finding], *, metric: str = "loss_g", title: str = "a", **more: str
) -> Path:
    folder.mkdir(exist_ok=True)
    report = Report(findings=findings, provenance={"plan": PLAN, **more}, title=title)
    (folder / "result.json").write_text(report.to_json())
    rows = [json.dumps({"step": s, metric: s * 0.1, "loss_d": 1 / s}) for s in range(1, 30)]
    (folder / "metrics.jsonl").write_text("\n".join(rows) + "\n")
    return folder


def _finding(verdict: Verdict, *values: float, name: str = "q", code: str = "GC001") -> Finding:
    return Finding(
        code=code,
        verdict=verdict,
        because="",
        title=name,
        quantities={
            f"{name}{i}": Quantity(value=v, sampling_error=0.01) for i, v in enumerate(values)
        },
    )


def ordinary(folder: Path) -> ComparedReports:
    base = _saved(folder / "a", [_finding(Verdict.sound, 1.0, 2.0)], loss="minimax")
    head = _saved(folder / "b", [_finding(Verdict.failing, 1.001, 9.0)], loss="lsgan")
    return compare_folders(base, head)


def hostile(folder: Path) -> ComparedReports:
    """Every string of both reports is written by somebody who wants to run a script."""
    old = _finding(Verdict.sound, 1.0, 2.0, name=EVIL, code=EVIL)
    new = Finding(
        code=EVIL, verdict=Verdict.failing, because=EVIL, title=EVIL,
        quantities={f"{EVIL}0": Quantity(value=1.0, sampling_error=0.1, unit=EVIL), f"{EVIL}1": Quantity(value=9.0, sampling_error=0.01)},
    )  # fmt: skip
    base = _saved(folder / "c", [old], metric=EVIL, loss=EVIL, title=EVIL)
    head = _saved(folder / "d", [new], metric=EVIL, loss=EVIL + "2", title=EVIL, recipe=EVIL)
    return compare_folders(base, head)


class Seen(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_differences_then_verdicts_then_numbers_and_the_changed_one_first(
    tmp_path: Path, shelf: dict[str, Diagnostic]
) -> None:
    compared = ordinary(tmp_path)
    page = render_comparison(compared, diagnostics=shelf)
    places = [page.index(f'id="{name}"') for name in ("made", "verdicts", "training", "numbers")]
    assert places == sorted(places)
    table = page[places[-1] :]
    assert table.index("<code>q1</code>") < table.index("<code>q0</code>")
    assert re.search(r"<h1>.*1 verdict changed \(1 worse\); 1 of 2 tested numbers changed", page)
    assert "The losses differ" in page
    assert page.count("<svg") > 2
    assert page == render_comparison(compared, diagnostics=shelf)


def test_the_twin_in_the_page_is_the_file_beside_it(
    tmp_path: Path, shelf: dict[str, Diagnostic]
) -> None:
    for compared in (ordinary(tmp_path), hostile(tmp_path)):
        path = write_comparison(compared, tmp_path / "out", diagnostics=shelf)
        found = re.search(r'id="gancheck-result">(.*?)</script>', path.read_text(), re.DOTALL)
        assert found is not None
        assert json.loads(found[1]) == json.loads(path.with_name("compare.json").read_text())


def test_strings_of_a_hostile_report_are_inert(
    tmp_path: Path, shelf: dict[str, Diagnostic]
) -> None:
    page = render_comparison(hostile(tmp_path), diagnostics=shelf)
    tags = Seen(page).tags
    assert [a.get("type") for t, a in tags if t == "script"] == ["application/json", None]
    assert not [t for t, _ in tags if t in ("img", "iframe", "object", "form", "base")]
    assert not [name for _, a in tags for name in a if name.startswith("on")]
    assert not [c for c in page if c in "\x1b\u202e"]


def test_text_is_one_line_a_fact_without_control_characters(tmp_path: Path) -> None:
    text = comparison_text(hostile(tmp_path))
    assert not [c for c in text if c != "\n" and not c.isprintable()]
    assert "worse: " in text
    plain = comparison_text(ordinary(tmp_path))
    assert "worse: GC001 failing (was sound)" in plain
    assert "changed: GC001 q1 2 -> 9" in plain
    assert plain.splitlines()[-1] == "quantities: 1 changed, 1 not distinguishable"


def test_two_reports_without_anything_in_them_make_a_page(
    tmp_path: Path, shelf: dict[str, Diagnostic]
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(Report(findings=[]).to_json())
    page = render_comparison(compare_folders(tmp_path / "a", tmp_path / "b"), diagnostics=shelf)
    assert "No verdict changed; no sampled number could be compared." in page
    assert "Neither report holds a number." in page
    assert "the base came without metrics.jsonl" in page
