"""What a browser does with the page of the whole shelf: silence, no sideways scroll, every width."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from gancheck.content import theorems
from gancheck.rendering.theory_page import render_theory_page
from tests.rendering import test_browser
from tests.rendering.test_browser import open_page
from tests.rendering.test_theory_page import checked

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = test_browser.pytestmark
WIDTHS = (320, 375, 768, 1280)
PROBE = (
    "<script>addEventListener('load',()=>{const e=document.scrollingElement;"
    "const shown=[...document.querySelectorAll('.graph svg')].filter(x=>x.getClientRects().length);"
    "const rows=[...document.querySelectorAll('.graph li')].map(x=>x.scrollHeight-x.clientHeight);"
    "parent.postMessage(JSON.stringify([e.scrollWidth,e.clientWidth,shown.length,"
    "Math.max(...rows)]),'*')})</script>"
)


def whole_shelf() -> str:
    """The shelf's own statements, formulas and graph; nothing is checked for it."""
    return render_theory_page([checked(t) for t in theorems().values()])


def test_the_console_is_silent_and_formulas_are_drawn(tmp_path: Path) -> None:
    page = tmp_path / "theory.html"
    page.write_text(whole_shelf(), encoding="utf-8")
    done = open_page(page, tmp_path, "--enable-logging=stderr", "--v=0", "--dump-dom")
    assert re.findall(r".*CONSOLE.*", done.stderr) == []
    assert done.stdout.count("<math") > 100


def test_no_width_scrolls_sideways_and_no_title_is_cut(tmp_path: Path) -> None:
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", whole_shelf())
    text = text.replace("<details>", "<details open>").replace("</body>", f"{PROBE}</body>")
    (tmp_path / "theory.html").write_text(text, encoding="utf-8")
    frames = "".join(
        f'<iframe src="theory.html" width="{w}" height="900"></iframe>' for w in WIDTHS
    )
    outer = tmp_path / "outer.html"
    outer.write_text(
        "<style>iframe{border:0}</style><pre></pre>"
        "<script>const seen=[];addEventListener('message',m=>{seen.push(JSON.parse(m.data));"
        "document.querySelector('pre').textContent=JSON.stringify(seen)})</script>" + frames,
        encoding="utf-8",
    )
    done = open_page(
        outer, tmp_path, "--dump-dom", "--virtual-time-budget=30000", "--window-size=1500,2200"
    )
    found = re.search(r"<pre>(\[.*?\])</pre>", done.stdout)
    assert found is not None, done.stderr[-2000:]
    measured = json.loads(found[1])
    assert len(measured) == len(WIDTHS)
    for scroll, client, graphs, cut in measured:
        assert scroll <= client, client
        assert graphs == 1
        assert cut <= 0, client


@pytest.mark.parametrize("most", [1_500_000])
def test_the_page_of_the_whole_shelf_stays_small(most: int) -> None:
    assert len(whole_shelf().encode()) < most
