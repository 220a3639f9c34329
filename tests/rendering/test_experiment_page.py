"""The page of an experiment: inert, offline, complete, and the same for the same content."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from gancheck.measures.figures import GENERATOR, new_figure, page_style
from gancheck.rendering.experiment_page import (
    Agreement,
    ExperimentPage,
    Number,
    Part,
    Table,
    render_experiment_page,
    write_experiment_page,
)
from gancheck.rendering.gallery import point_panels
from tests.rendering.test_report_page import Page

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"


def drawn(width: int) -> Figure:
    with page_style():
        figure, ax = new_figure(width, 200)
        ax.plot([0, 1, 2], [2.0, 1.0, 3.0], "o", color=GENERATOR)
    return figure


def part(agreement: Agreement, name: str = "networks") -> Part:
    points = np.random.default_rng(0).normal(size=(80, 2))
    return Part(
        name=name,
        agreement=agreement,
        title=f"A result {HOSTILE}",
        lead="It is **small** & new.",
        numbers=[Number(label=HOSTILE, value="-3 modes", note="98.75 % -5 to -1")],
        table=Table(columns=["setting", "before"], rows=[["ring8", "8"], [HOSTILE, "-1"]]),
        draw=drawn,
        alt="three points",
        caption="By seed.",
        samples=[
            point_panels(points, {"a": points + 1, HOSTILE: points * np.nan}, prefix=f"{name} {k}")
            for k in range(2)
        ],
        samples_note="Not selected.",
        folded={
            "Every run": Table(columns=["seed", "ring8"], rows=[["0", "8, 6"]]),
            HOSTILE: Table(columns=[HOSTILE], rows=[[HOSTILE]], words=0),
        },
    )


def experiment(*agreements: Agreement) -> ExperimentPage:
    return ExperimentPage(
        question=f"Does it hold? {HOSTILE}",
        agreement=agreements[0] if agreements else Agreement.open,
        headline="It does.",
        claim="A claim.",
        theorems=["optimal-discriminator", HOSTILE],
        predicted="One thing.",
        refuted_by="Another.",
        parts=[part(a, f"part {n}") for n, a in enumerate(agreements)],
        conclusion=["**So** be it."],
        limits=["Everything else."],
        command=f"python -m experiments.x {HOSTILE}",
        facts=[("seeds", "0 to 11")],
        result={"difference": -3, "words": HOSTILE},
    )


@pytest.fixture(scope="module")
def page() -> str:
    return render_experiment_page(experiment(*Agreement))


def test_it_is_well_formed_with_unique_ids_and_whole_links(page: str) -> None:
    parsed = Page(page)
    assert parsed.open == []
    ids = parsed.attributes("id")
    assert [name for name, count in Counter(ids).items() if count > 1] == []
    wanted = [h[1:] for h in parsed.attributes("href") if h.startswith("#")]
    wanted += re.findall(r"url\(#([^)]+)\)", page)
    assert [name for name in wanted if name not in ids] == []


def test_nothing_is_fetched_styled_inline_or_run(page: str) -> None:
    parsed = Page(page)
    for name in ("src", "href", "action", "srcset", "data"):
        assert all(v.startswith(("#", "data:")) for v in parsed.attributes(name))
    assert "http" not in page.replace("http-equiv", "")
    names = {key for _, given in parsed.tags for key in given}
    assert [n for n in names if n == "style" or n.startswith("on")] == []
    policy = next(g["content"] for t, g in parsed.tags if t == "meta" and "http-equiv" in g) or ""
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy


def test_what_a_stranger_wrote_is_text(page: str) -> None:
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    for code in (0x202E, 0x1B):
        assert chr(code) not in page
    twin = re.search(r'id="gancheck-result">(.*?)</script>', page, re.DOTALL)
    assert twin is not None
    assert json.loads(twin[1]) == {"difference": -3, "words": HOSTILE}


@pytest.mark.parametrize("agreement", list(Agreement))
def test_the_headline_says_how_the_experiment_stands_to_its_prediction(
    agreement: Agreement,
) -> None:
    page = render_experiment_page(experiment(agreement))
    heading = re.search(r"<h1>(.*?)</h1>", page, re.DOTALL)
    assert heading is not None
    assert f"{str(agreement).capitalize()}." in heading[1]
    shapes = {a: re.findall(r"shape-(\w+)", render_experiment_page(experiment(a)))[-1] for a in Agreement}  # fmt: skip
    assert len(set(shapes.values())) == len(Agreement)  # told by form, not by colour alone


def test_the_same_experiment_gives_the_same_bytes_and_a_file(page: str, tmp_path: Path) -> None:
    again = write_experiment_page(experiment(*Agreement), tmp_path / "new" / "page.html")
    assert again.read_text(encoding="utf-8") == page


def test_an_experiment_without_parts_and_a_ragged_row_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one part"):
        render_experiment_page(experiment())
    with pytest.raises(ValueError, match="each of 2 columns"):
        Table(columns=["a", "b"], rows=[["1", "2"], ["3"]])


def test_a_result_that_json_cannot_say_is_refused_and_leaves_the_old_page(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old", encoding="utf-8")
    broken = replace(experiment(Agreement.open), result={"p": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        write_experiment_page(broken, path)
    assert path.read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize(
    ("real", "words"),
    [(np.zeros(4), "array \\[n, 2\\]"), (np.full((3, 2), np.nan), "finite point")],
)
def test_points_that_make_no_frame_are_refused(real: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        point_panels(real, {}, prefix="p")


def test_panels_share_the_frame_of_the_real_points() -> None:
    # the same point lands on the same pixel in every panel, and what is outside is not drawn
    real = np.array([[0.0, 0.0], [2.0, 2.0]])
    strip = point_panels(real, {"g": np.array([[2.0, 2.0], [50.0, 0.0]])}, prefix="p")
    first, second = re.findall(r' d="([^"]*)"', strip)
    assert second == f"M{first.split('M')[2]}"
    assert second.count("M") == 1
