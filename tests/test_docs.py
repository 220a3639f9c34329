"""The prose names things that exist: theorems, diagnostics, quantities and files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gancheck import content

ROOT = Path(__file__).parents[1]
PAGES = (
    sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/*.md")) + sorted(ROOT.glob("*/README.md"))
)


def identifier(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=identifier)
def test_links_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    missing = [
        t
        for t in targets
        if not t.startswith(("http://", "https://")) and not (page.parent / t).exists()
    ]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=identifier)
def test_what_explain_is_asked_for_exists(page: Path) -> None:
    known = {*content.theorems(), *content.diagnostics(), "CODE", "ID"}
    asked = re.findall(r"gancheck explain ([A-Za-z0-9-]+)", page.read_text())
    assert set(asked) <= known


@pytest.mark.parametrize("name", ["read_curvature", "read_stability", "read_rotation"])
def test_every_quantity_a_page_explains_is_documented(name: str) -> None:
    documented = set(re.findall(r"\| `(\w+)` \|", (ROOT / "docs" / "quantities.md").read_text()))
    text = (ROOT / "docs" / f"{name}.md").read_text()
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    named = {q for row in rows for q in re.findall(r"`([\w.]+)`", row)}
    assert named
    for quantity in named:
        if quantity.startswith("..."):
            ends = quantity.lstrip(".").rstrip(".")
            assert any(d.endswith(ends) for d in documented), quantity
        elif "..." in quantity:
            start, end = quantity.split("...")
            assert any(d.startswith(start) and d.endswith(end) for d in documented), quantity
        else:
            assert quantity in documented, quantity
