"""A figure becomes part of the page: no style, no foreign element, few bytes, the same bytes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from gancheck.measures import figures
from gancheck.rendering.figure import inline_svg, palette_css


def busy(points: int = 100):
    with figures.page_style():
        figure, (top, bottom) = figures.new_figure(690, 360, rows=2, sharex=True)
        x = np.linspace(-5, 5, points)
        top.fill_between(x, np.exp(-(x**2)), color=figures.GENERATOR, alpha=0.2)
        top.plot(x, np.exp(-(x**2)), color=figures.GENERATOR)
        figures.label(top, 1, 0.4, "a <b> & $x$ \x00\u202e", figures.GENERATOR, dx=6)
        figures.y_title(top, "a title so long that no phone could ever show it on one single line")
        top.text(-40, 0.3, "$x^2_i$")
        bottom.scatter(x, x, s=9, color=figures.REAL, alpha=0.5)
        bottom.plot(x, -x, "o", color=figures.DISCRIMINATOR)
        bottom.plot(x, x / 2, "s", color=figures.DISCRIMINATOR)
        bottom.imshow(np.eye(4), extent=(10, 100, -4, 4), aspect="auto")
        bottom.bar([200], [3], hatch="//", color="#123456", width=50)
        figures.interval(bottom, -2, 0, 2, 1, hollow=True)
        figures.interval(bottom, float("nan"), 0, 2, 2)
        figures.reference(bottom, 2, axis="y", text="bound")
        figures.reference(bottom, 1e9, text="far outside")
        figures.label(bottom, 1e9, 0, "outside")
        figures.symlog(bottom, "x", low=-500, high=500, linear=1)
    return figure


def test_a_figure_has_no_style_and_only_drawing_elements() -> None:
    svg = inline_svg(busy(), prefix="GC001-w-", alt='say "x" & <y>')
    root = ET.fromstring(str(svg))
    tags = {element.tag for element in root.iter()}
    assert tags <= {
        "svg",
        "g",
        "path",
        "use",
        "defs",
        "clipPath",
        "text",
        "tspan",
        "image",
        "rect",
        "pattern",
    }
    for element in root.iter():
        assert "style" not in element.attrib
        assert all(not key.startswith(("on", "{")) for key in element.attrib)
        assert element.get("href", "#").startswith(("#GC001-w-", "#", "data:image/png;base64,"))
        assert element.get("id", "GC001-w-").startswith("GC001-w-")
    assert root.get("aria-label") == 'say "x" & <y>'
    assert root.get("viewBox") == "0 0 690 360"
    assert "a <b> & $x$ " in [element.text for element in root.iter("text")]


def test_every_reference_in_a_figure_is_to_itself() -> None:
    svg = str(inline_svg(busy(), prefix="p-", alt="x"))
    ids = set(re.findall(r'id="([^"]+)"', svg))
    used = set(re.findall(r'href="#([^"]+)"', svg)) | set(re.findall(r"url\(#([^)]+)\)", svg))
    assert used <= ids
    assert len(ids - used) <= 2  # the markers of the two clouds


def test_palette_colours_are_classes_and_others_stay() -> None:
    svg = str(inline_svg(busy(), prefix="p-", alt="x"))
    for light, _ in figures.PALETTE.values():
        assert light not in svg
    assert "#123456" in svg
    for name in set(re.findall(r'[" ][fs]-(\w+)', svg)):
        assert f".f-{name}{{fill:var(--{name})}}" in palette_css()


def test_the_same_figure_gives_the_same_bytes() -> None:
    assert inline_svg(busy(), prefix="p-", alt="x") == inline_svg(busy(), prefix="p-", alt="x")


def test_a_cloud_of_points_is_one_path() -> None:
    few, many = (len(inline_svg(busy(n), prefix="p-", alt="x")) for n in (100, 2100))
    assert (many - few) / 4000 < 80  # two clouds, one row of squares, a curve and its area


def test_text_in_the_data_does_not_become_markup() -> None:
    svg = str(inline_svg(busy(), prefix="p-", alt="x"))
    assert "<b>" not in svg
    assert "\u202e" not in svg


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (-2.5, "\u22122.5"),
        (12345.0, "12\u202f345"),
        (1e-7, "1\u202f\u00d7\u202f10\u207b\u2077"),
        (float("inf"), "∞"),
        (float("nan"), "not a number"),
    ],
)
def test_a_tick_reads_well(value: float, text: str) -> None:
    assert figures.number_text(value, 5) == text


def test_symlog_ticks_are_zero_and_few_powers() -> None:
    with figures.page_style():
        _, ax = figures.new_figure(340, 200)
        figures.symlog(ax, "x", low=-1e6, high=10, linear=1e-3)
    ticks = ax.get_xticks().tolist()
    assert 0.0 in ticks
    assert sum(t < 0 for t in ticks) <= 4
    with pytest.raises(ValueError, match="low < high"):
        figures.symlog(ax, "x", low=1, high=0, linear=1)


def test_the_style_ends_with_its_block() -> None:
    import matplotlib as mpl

    before = mpl.rcParams["text.color"]
    with figures.page_style():
        assert mpl.rcParams["text.color"] == figures.INK
    assert mpl.rcParams["text.color"] == before


def test_a_text_that_is_not_turned_carries_no_turn_and_one_that_is_keeps_it() -> None:
    with figures.page_style():
        figure, ax = figures.new_figure(340, 200)
        ax.text(0.5, 0.5, "level")
        ax.text(0.2, 0.5, "turned", rotation=90)
    found = str(inline_svg(figure, prefix="t", alt="texts"))
    (level,) = re.findall(r"<text[^>]*>level", found)
    (turned,) = re.findall(r"<text[^>]*>turned", found)
    assert "rotate" not in level
    assert "x=" in level
    assert "rotate(-90" in turned
    assert "rotate(-0 " not in found
