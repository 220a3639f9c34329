"""What a browser does with the page: nothing to the network, no complaint, no sideways scroll."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from gancheck.rendering import render_report
from gancheck.rendering.compare_page import render_comparison
from gancheck.rendering.experiment_page import Agreement, render_experiment_page
from tests.rendering.test_compare_page import hostile, ordinary
from tests.rendering.test_experiment_page import experiment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gancheck.compare_reports import ComparedReports
    from gancheck.diagnosis import Diagnostic, Report

CHROMIUM = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    None,
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a headless Chromium (apt install chromium)"),
]
QUIET = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def open_page(page: Path, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM is not None
    return subprocess.run(
        [CHROMIUM, *QUIET, f"--user-data-dir={folder / 'profile'}", *more, page.as_uri()],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["full_report", "points_report", "hostile_report"])
def test_the_policy_is_never_reported_and_the_console_is_silent(
    name: str, request: pytest.FixtureRequest, shelf: dict[str, Diagnostic], tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    page.write_text(
        render_report(request.getfixturevalue(name), diagnostics=shelf), encoding="utf-8"
    )
    done = open_page(page, tmp_path, "--enable-logging=stderr", "--v=0", "--dump-dom")
    assert 'class="js"' in done.stdout  # the hashed script ran
    assert re.findall(r".*CONSOLE.*", done.stderr) == []
    assert "Content Security Policy" not in done.stderr


def test_an_experiment_s_page_is_silent_and_its_script_runs(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(render_experiment_page(experiment(*Agreement)), encoding="utf-8")
    done = open_page(page, tmp_path, "--enable-logging=stderr", "--v=0", "--dump-dom")
    assert 'class="js"' in done.stdout
    assert re.findall(r".*CONSOLE.*", done.stderr) == []
    assert "Content Security Policy" not in done.stderr


@pytest.mark.parametrize("compared", [ordinary, hostile])
def test_a_compare_page_is_silent_and_its_script_runs(
    compared: Callable[[Path], ComparedReports], shelf: dict[str, Diagnostic], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    page.write_text(render_comparison(compared(tmp_path), diagnostics=shelf), encoding="utf-8")
    done = open_page(page, tmp_path, "--enable-logging=stderr", "--v=0", "--dump-dom")
    assert 'class="js"' in done.stdout
    assert re.findall(r".*CONSOLE.*", done.stderr) == []
    assert "Content Security Policy" not in done.stderr


@pytest.mark.parametrize("width", [320, 375, 768, 1280])
def test_no_width_scrolls_sideways(
    width: int,
    full_report: Report,
    hostile_report: Report,
    shelf: dict[str, Diagnostic],
    tmp_path: Path,
) -> None:
    # A frame of exactly this width measures itself; the measuring script needs the policy off.
    probe = (
        "<script>addEventListener('load',()=>{const e=document.scrollingElement;"
        "const wide=[...document.querySelectorAll('.page *')].filter(x=>!x.closest('svg,details,.sheet,.formula')"
        "&&x.getBoundingClientRect().right>e.clientWidth+1).map(x=>x.tagName+'.'+x.className);"
        "parent.postMessage(JSON.stringify([e.scrollWidth,e.clientWidth,wide]),'*')})</script>"
    )
    outer = tmp_path / "outer.html"
    pages = {
        "full": render_report(full_report, diagnostics=shelf),
        "hostile": render_report(hostile_report, diagnostics=shelf),
        "experiment": render_experiment_page(experiment(*Agreement)),
        "compared": render_comparison(ordinary(tmp_path), diagnostics=shelf),
        "hostile comparison": render_comparison(hostile(tmp_path), diagnostics=shelf),
    }
    for name, whole in pages.items():
        text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", whole)
        text = text.replace("<details>", "<details open>")
        (tmp_path / f"{name}.html").write_text(
            text.replace("</body>", f"{probe}</body>"), encoding="utf-8"
        )
    frames = "".join(
        f'<iframe src="{name}.html" width="{width}" height="2000"></iframe>' for name in pages
    )
    outer.write_text(
        "<style>iframe{border:0}</style><pre></pre>"
        "<script>const seen=[];addEventListener('message',m=>{seen.push(JSON.parse(m.data));"
        "document.querySelector('pre').textContent=JSON.stringify(seen)})</script>" + frames,
        encoding="utf-8",
    )
    done = open_page(
        outer, tmp_path, "--dump-dom", "--virtual-time-budget=15000", "--window-size=1500,2200"
    )
    found = re.search(r"<pre>(\[.*?\])</pre>", done.stdout)
    assert found is not None, done.stderr[-2000:]
    measured = json.loads(found[1])
    assert len(measured) == len(pages)
    for scroll, client, wide in measured:
        assert width - 20 <= client <= width  # a scrollbar may take its share
        assert scroll <= client, wide
