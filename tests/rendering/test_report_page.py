"""The page says everything, asks nobody, and survives what a stranger wrote."""

from __future__ import annotations

import base64
import csv
import errno
import hashlib
import json
import os
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from gancheck.diagnosis import Diagnostic, Finding, Gallery, PValue, Quantity, Report, Verdict
from gancheck.rendering import render_report, write_report
from tests.rendering.conftest import Curve

if TYPE_CHECKING:
    from pathlib import Path

REPORTS = ("full_report", "points_report", "hostile_report", "empty_report")
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """Tags with attributes, ids, text of chosen elements, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.raw: dict[str, list[str]] = {"style": [], "script": []}
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.raw:
            self.raw[self.open[-1]].append(data)
        else:
            self.words.append(data)

    def attributes(self, name: str) -> list[str]:
        return [
            value or "" for _, given in self.tags for key, value in given.items() if key == name
        ]


@pytest.fixture(scope="session")
def empty_report() -> Report:
    return Report(findings=[])


@pytest.fixture(scope="session")
def full_page(full_report: Report, shelf: dict[str, Diagnostic]) -> str:
    return render_report(full_report, diagnostics=shelf)


@pytest.fixture(scope="session", params=REPORTS)
def report(request: pytest.FixtureRequest) -> Report:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def page(report: Report, shelf: dict[str, Diagnostic]) -> str:
    return render_report(report, diagnostics=shelf)


def test_a_page_is_well_formed_and_its_ids_are_unique(page: str) -> None:
    parsed = Page(page)
    assert parsed.open == []
    repeated = [name for name, count in Counter(parsed.attributes("id")).items() if count > 1]
    assert repeated == []


def test_every_link_inside_the_page_leads_somewhere(page: str) -> None:
    parsed = Page(page)
    ids = set(parsed.attributes("id"))
    wanted = [h[1:] for h in parsed.attributes("href") if h.startswith("#")]
    wanted += re.findall(r"url\(#([^)]+)\)", page)
    assert [name for name in wanted if name not in ids] == []


def test_nothing_on_the_page_is_fetched(page: str) -> None:
    parsed = Page(page)
    for name in ("src", "href", "action", "srcset", "poster", "data"):
        for value in parsed.attributes(name):
            local = value.startswith(("#", "data:")) or re.fullmatch(
                r"(tables/)?[\w-]+\.\w+", value
            )
            assert local, f"{name}={value!r}"
    assert "http" not in re.sub(r"http-equiv", "", page)
    assert "@import" not in page
    assert "url(h" not in page


def test_no_element_carries_a_style_or_a_handler(page: str) -> None:
    names = {key for _, given in Page(page).tags for key in given}
    assert "style" not in names
    assert [name for name in names if name.startswith("on")] == []


def test_the_policy_names_exactly_the_style_and_script_of_the_page(page: str) -> None:
    parsed = Page(page)
    policy = next(g["content"] for t, g in parsed.tags if t == "meta" and "http-equiv" in g) or ""
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; img-src data:;")

    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    assert f"style-src 'sha256-{digest(parsed.raw['style'][0])}'" in policy
    assert f"script-src 'sha256-{digest(parsed.raw['script'][-1])}'" in policy
    assert len(re.findall(r"<style", page)) == 1
    assert len(re.findall(r"<script(?! type=\"application/json\")", page)) == 1
    assert len(parsed.raw["script"][-1]) < 1200


def test_the_twin_inside_is_the_file_beside(
    report: Report, shelf: dict[str, Diagnostic], tmp_path: Path
) -> None:
    path = write_report(report, tmp_path / "report.html", diagnostics=shelf)
    text = path.read_text(encoding="utf-8")
    twin = re.search(r'id="gancheck-result">(.*?)</script>', text, re.DOTALL)
    assert twin is not None
    assert "<" not in twin[1]
    beside = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert json.loads(twin[1]) == beside == json.loads(report.to_json())


def test_the_same_report_gives_the_same_bytes(
    report: Report, page: str, shelf: dict[str, Diagnostic]
) -> None:
    assert render_report(report, diagnostics=shelf) == page


def test_a_page_weighs_less_than_600_kilobytes(page: str) -> None:
    assert len(page.encode()) < 600_000


def test_an_attackers_string_is_text_and_steers_nothing(
    hostile_report: Report, shelf: dict[str, Diagnostic]
) -> None:
    page = render_report(hostile_report, diagnostics=shelf)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    for code in (0x202E, 0x2066, 0x1B, 0, 0xD800, 0x9B):
        assert chr(code) not in page
    assert "[31m" not in page.split("gancheck-result")[0]


def test_a_table_cannot_run_a_formula(
    hostile_report: Report, shelf: dict[str, Diagnostic], tmp_path: Path
) -> None:
    write_report(hostile_report, tmp_path / "r.html", diagnostics=shelf)
    tables = sorted((tmp_path / "tables").glob("*.csv"))
    assert len(tables) == 2
    for table in tables:
        rows = list(csv.reader(table.read_text(encoding="utf-8").splitlines()))
        assert rows[1][0].startswith("'=cmd")
        assert rows[1][1] == "1.0"


def test_every_verdict_has_a_shape_a_word_and_a_place(full_page: str) -> None:
    page = full_page
    for verdict in Verdict:
        assert f'href="#shape-{verdict}"' in page
        assert str(verdict).replace("_", " ") in page
    order = re.findall(r'<article class="finding" id="(\w+)"', page)
    assert order == ["GC005", "GC004", "GC002", "GC001", "GC003", "GC006"]
    assert "Failing." in page


def test_p_values_stand_on_the_page_alone_and_corrected(shelf: dict[str, Diagnostic]) -> None:
    tests = {
        "bridge": PValue(raw=0.0004, corrected=0.0008),
        "<b>own</b>": PValue(raw=0.3, corrected=0.3),
    }
    named = replace(shelf["GC005"], tests={"bridge": "more samples in a gap"})
    one = Finding(code="GC005", verdict=Verdict.warning, because="of a test", p_values=tests)
    two = replace(one, code="GC006", p_values={"missing": PValue(raw=1e-9, corrected=3e-9)})
    bare = replace(one, code="GC004", p_values={})
    page = render_report(Report(findings=[one, two, bare]), diagnostics={**shelf, "GC005": named})
    first, second, third = (_finding(page, code) for code in ("GC005", "GC006", "GC004"))
    rows = re.findall(
        r'<tr><td data-label="test"><span>(.*?) <code>(.*?)</code></span></td>'
        r'<td data-label="p alone" class="n">(.*?)</td>'
        r'<td data-label="p corrected" class="(.*?)">(.*?)</td></tr>',
        first,
    )
    assert rows == [
        ("more samples in a gap", "bridge", "0.0004", "n val", "0.0008"),
        ("&lt;b&gt;own&lt;/b&gt;", "&lt;b&gt;own&lt;/b&gt;", "0.3", "n", "0.3"),
    ]
    assert "over the 3 tests of this report" in first
    assert "over the 3 tests of this report" in second
    assert "missing" in second
    assert 'class="tests"' not in third
    alone = render_report(Report(findings=[two]), diagnostics=shelf)
    assert "The only test of this report" in alone


def _finding(page: str, code: str) -> str:
    return page.split(f'<article class="finding" id="{code}">')[1].split("</article>", maxsplit=1)[
        0
    ]


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_headline_is_the_worst_verdict(verdict: Verdict, shelf: dict[str, Diagnostic]) -> None:
    finding = Finding(code="GC003", verdict=verdict, because="because of this", title="A title")
    page = render_report(Report(findings=[finding]), diagnostics=shelf)
    heading = re.search(r"<h1>(.*?)</h1>", page, re.DOTALL)
    assert heading is not None
    word = {"not_applicable": "Not measured."}.get(verdict, f"{verdict.capitalize()}.")
    assert word in heading[1]


def test_at_most_three_steps_and_one_remedy_once(shelf: dict[str, Diagnostic]) -> None:
    found = [
        Finding(code=f"GC00{k}", verdict=Verdict.warning, because="x", remedy=remedy)
        for k, remedy in enumerate(("Do a. Then b.", "Do a. Then b.", "Do c.", "Do d.", "Do e."))
    ]
    page = render_report(Report(findings=found), diagnostics=shelf)
    steps = re.findall(r"<li><h4>(.*?)</h4>(.*?)</li>", page, re.DOTALL)
    assert [head for head, _ in steps] == ["Do a.", "Do c.", "Do d."]
    assert re.findall(r'href="#(\w+)"', steps[0][1]) == ["GC000", "GC001"]


def test_a_figure_is_drawn_for_both_widths_in_several_colours(full_page: str) -> None:
    page = full_page
    for code in ("GC002", "GC003", "GC004"):
        body = page.split(f'id="{code}"')[1].split("</figure>")[0]
        assert re.findall(r'<div class="(wide|narrow)">\s*<svg viewBox="0 0 (\d+)', body) == [
            ("wide", "690"),
            ("narrow", "340"),
        ]
        assert len(set(re.findall(r"[fs]-(ink|muted|g|d|real|failing)\b", body))) >= 2
        assert 'role="img" aria-label="' in body


class Broken(Curve):
    """A measurement whose picture fails."""

    def plot(self, width_px: int = 690) -> Any:
        raise ValueError("no finite point to draw")


def test_a_figure_that_cannot_be_drawn_leaves_its_numbers(
    full_report: Report, shelf: dict[str, Diagnostic]
) -> None:
    broken = Broken(quantities={}, x=np.zeros(1), y=np.zeros(1))
    findings = [
        replace(f, measurement=broken) if f.code == "GC003" else f for f in full_report.findings
    ]
    page = render_report(replace(full_report, findings=findings), diagnostics=shelf)
    assert "could not be drawn (ValueError: no finite point to draw)" in page
    assert "0.124" in page


def test_an_unknown_code_still_has_its_section(full_report: Report) -> None:
    page = render_report(full_report, diagnostics={})
    assert 'id="GC005"' in page
    assert "bridge mass" in page
    assert '<ul class="cards">' not in page


def test_both_errors_are_named_and_the_interval_given(full_page: str) -> None:
    page = full_page
    rotation = page.split('id="GC003"')[1].split('class="numbers"')[1].split("</article>")[0]
    assert "<strong>0.124</strong> ±\u00a00.008" in rotation
    assert "numerical error 0.0004" in rotation
    assert "on this batch" in rotation
    gradients = page.split('id="GC004"')[1].split('class="numbers"')[1].split("</article>")[0]
    assert "95\u202f% 32.3 to 37.2\u202f%" in gradients


def test_numbers_that_are_not_finite_are_words(shelf: dict[str, Diagnostic]) -> None:
    quantities = {
        "rotation": Quantity(value=float("nan")),
        "a": Quantity(value=float("inf"), error=float("nan")),
        "b": Quantity(value=float("-inf"), sampling_error=float("nan")),
        "c": Quantity(value=-0.0),
    }
    finding = Finding(code="GC003", verdict=Verdict.undecided, because="x", quantities=quantities)
    page = render_report(Report(findings=[finding]), diagnostics=shelf)
    words = " ".join(Page(page).words)
    assert "not a number" in words
    assert "\u2212∞" in words
    assert not re.search(r"\b(nan|inf)\b|[-\u2212]0\b(?!\.)", words)


def test_why_there_is_no_history_is_said(
    full_report: Report, points_report: Report, shelf: dict[str, Diagnostic]
) -> None:
    nothing = replace(points_report, sampled=())
    assert "No training metrics came with this game" in render_report(nothing, diagnostics=shelf)
    page = render_report(full_report, diagnostics=shelf)
    assert "Training metrics by step: loss, d, gradient norm" in page


def test_an_incomplete_report_says_so(points_report: Report, shelf: dict[str, Diagnostic]) -> None:
    assert "<b>Incomplete.</b>" in render_report(points_report, diagnostics=shelf)


def test_points_that_are_not_finite_are_counted(
    points_report: Report, shelf: dict[str, Diagnostic]
) -> None:
    assert "1 point is not finite" in render_report(points_report, diagnostics=shelf)


def test_images_are_ink_on_whatever_paper(shelf: dict[str, Diagnostic]) -> None:
    import matplotlib.image

    ink = np.zeros((1, 8, 8))
    ink[0, 2, 3] = 1.0
    page = render_report(
        Report(findings=[], gallery=Gallery(kind="images", generated=ink, real=ink)),
        diagnostics=shelf,
    )
    data = re.search(r'src="data:image/png;base64,([^"]+)" width="8" height="8"', page)
    assert data is not None
    import io

    pixels = matplotlib.image.imread(io.BytesIO(base64.b64decode(data[1])))
    assert pixels.shape == (8, 8, 4)
    assert np.array_equal(pixels[..., 3], ink[0])
    assert not pixels[..., :3].any()


def test_a_gallery_of_the_wrong_shape_is_named(shelf: dict[str, Diagnostic]) -> None:
    flat = np.zeros((3, 4))
    report = Report(findings=[], gallery=Gallery(kind="images", generated=flat, real=flat))
    with pytest.raises(ValueError, match=r"\[n, h, w\], got shape \(3, 4\)"):
        render_report(report, diagnostics=shelf)


def test_a_folder_that_cannot_be_written_is_one_sentence(
    points_report: Report, shelf: dict[str, Diagnostic], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"^cannot write .*result\.json: .*; .*$") as raised:
        write_report(points_report, tmp_path / "file" / "report.html", diagnostics=shelf)
    assert "\n" not in str(raised.value)


def test_a_full_disk_leaves_the_old_page_and_no_debris(
    points_report: Report,
    shelf: dict[str, Diagnostic],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = write_report(points_report, tmp_path / "report.html", diagnostics=shelf)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left on device"):
        write_report(replace(points_report, title="new"), path, diagnostics=shelf)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
