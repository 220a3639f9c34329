"""The theory page, from theorems made by hand and from one that the engines decide."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import sympy as sp

from gancheck.rendering.mathml import mathml
from gancheck.rendering.theory_page import render_theory_page, write_theory_page
from gancheck.theory import Experiment, Step, at_most, equal
from gancheck.theory.kernel import KernelResult

if TYPE_CHECKING:
    from pathlib import Path


P, D = sp.symbols("p D")


def theorem(name: str, *uses: Any) -> Any:
    return SimpleNamespace(
        id=name,
        title=f"About {name} <script>",
        segments=("Always ", at_most(P * sp.log(D), 0), " & <i>."),
        note="",
        claims={"S2": "proof", "S30": Experiment("GC003", "one mode")},
        sources=("Goodfellow et al. (2014)",),
        steps=(Step("It vanishes", equal(P / D, 0)),),
        uses=uses,
    )


def checked(about: Any, status: str = "proved", *, survives: bool = False) -> Any:
    step = SimpleNamespace(
        says="It vanishes", claim="p/D - q/(1 - D) = 0 & <i>", latex="", engine="log-rational",
        status=status, tier="exact", seconds=0.01, evidence="normal form 0",
    )  # fmt: skip
    mutant = SimpleNamespace(
        claim="D* = p", change="", witness="p = 1, q = 1", refuted=not survives,
        engine="log-rational", step="x", why="a near miss", kind="near-miss", evidence="",
    )  # fmt: skip
    hypotheses = [
        SimpleNamespace(text="q > 0", kind="needed", reason="at 0 it fails", witness="q = 0", checked=True, evidence=""),
        SimpleNamespace(text="densities", kind="convenient", reason="a measure", witness="", checked=None, evidence=""),
    ]  # fmt: skip
    caveat = SimpleNamespace(
        claim="S12", popular="It is always <so>.", corrected="Not at 0.", counterexample="at 0",
        witness="p = 0", checked=True, evidence="",
    )  # fmt: skip
    return SimpleNamespace(
        theorem=about, status=status, tier={"proved": "exact", "cited": "cited"}.get(status),
        tier_from=about.uses[0].id if about.uses else about.id, caveats=[caveat],
        seconds=0.4, steps=[step], mutants=[mutant], hypotheses=hypotheses,
        rests_on={used.id: "proved" for used in about.uses}, survivors=[mutant] if survives else [],
    )  # fmt: skip


BASE = theorem("optimal-discriminator")
VALUE = theorem("value", BASE)
SADDLE = theorem("saddle", VALUE, BASE)


def test_a_theorem_stands_below_what_it_uses() -> None:
    page = render_theory_page([checked(SADDLE), checked(VALUE), checked(BASE)])
    assert re.findall(r'<article class="finding" id="([\w-]+)"', page) == [
        "t-optimal-discriminator", "t-value", "t-saddle",
    ]  # fmt: skip
    assert page.count('<path class="s-muted"') == 2 * 3  # once for wide screens, once for phones
    assert "Proved." in page
    assert "3 of 3 false variants refuted" in page


@pytest.mark.parametrize(
    ("status", "survives", "word"),
    [
        ("proved", False, "Proved."),
        ("cited", False, "Holds."),
        ("unknown", False, "Unknown."),
        ("refuted", False, "Refuted."),
        ("proved", True, "Not trustworthy."),
    ],
)
def test_the_headline_is_the_weakest_theorem(status: str, survives: bool, word: str) -> None:
    page = render_theory_page([checked(BASE), checked(VALUE, status, survives=survives)])
    heading = re.search(r"<h1>(.*?)</h1>", page, re.DOTALL)
    assert heading is not None
    assert word in heading[1]


def test_theorems_are_grouped_by_topic_in_the_list_and_below() -> None:
    gradient = theorem("gradient", BASE)
    gradient.claims, gradient.title = {"S26": "proof"}, "A gradient"
    page = render_theory_page([checked(gradient), checked(BASE)])
    names = ["The game and its optimum", "Losses and their gradients"]
    assert re.findall(r'<li class="topic"><a href="#[^"]+">([^<]+)</a>', page) == names
    assert re.findall(r'<h2 class="topic" id="[^"]+">([^<]+)</h2>', page) == names
    # a row for each theorem and each topic, so that a title stands beside its mark
    heights = [
        int(h) for h in re.findall(r'<div class="(?:wide|narrow)"><svg [^>]*height="(\d+)"', page)
    ]
    assert heights == [4 * 30, 4 * 48]
    assert page.count("<article") == 2
    alone = render_theory_page([checked(gradient)])
    assert 'class="topic"' not in alone


def test_every_theorem_of_the_shelf_has_a_topic_and_every_arc_goes_down() -> None:
    from gancheck.content import theorems

    shelf = theorems()
    page = render_theory_page([checked(t) for t in shelf.values()])
    assert "Further theorems" not in page
    order = re.findall(r'<article class="finding" id="([\w-]+)"', page)
    assert len(order) == len(shelf)
    places = {name: place for place, name in enumerate(order)}
    for t in shelf.values():
        for used in t.uses:
            assert places[f"t-{used.id}"] < places[f"t-{t.id}"], (used.id, t.id)


def test_no_theorem_and_no_arc_are_pages_too() -> None:
    assert "Nothing checked." in render_theory_page([])
    assert "What rests on what" not in render_theory_page([checked(BASE)])


def test_errata_claims_ancestors_and_convenience_are_told() -> None:
    page = render_theory_page([checked(BASE), checked(VALUE)])
    assert "It is always &lt;so&gt;." in page
    assert 'id="errata"' in page
    assert page.index(">S2<") < page.index(">S30<")
    assert "experiment: <code>GC003</code>; proved: one mode" in page
    assert 'by way of <a href="#t-optimal-discriminator">' in page
    assert "2 of 4 hypotheses are convenient" in page


def test_the_kernel_s_answer_is_shown() -> None:
    absent = KernelResult(file="a.v", status="unknown", evidence="not checked: coqc is not there")
    assert "not checked: coqc is not there" in render_theory_page(
        [checked(BASE)], kernel={BASE.id: absent}
    )


@pytest.mark.parametrize(
    ("formula", "wanted"),
    [
        (sp.Symbol("a<b&"), "<mi>a&lt;b&amp;</mi>"),
        (sp.log(P), "<mi>log</mi>"),
        (sp.Max(P, D), "<mo>max</mo>"),
        (sp.sqrt(P), "<msqrt><mi>p</mi></msqrt>"),
        (sp.Matrix([[1, P]]), "<mtable><mtr><mtd><mn>1</mn></mtd>"),
        (sp.Piecewise((P, P > 0), (0, True)), "otherwise"),
        (at_most(P, 0), "<mi>p</mi><mo>≤</mo><mn>0</mn>"),
        (sp.exp(P), "<mi>e</mi>"),
    ],
)
def test_a_formula_is_mathml_with_nothing_in_it_but_text(formula: Any, wanted: str) -> None:
    made = mathml(formula)
    assert wanted in made
    assert set(re.findall(r"<(/?\w+)([^>]*)>", made)) <= {
        (slash + name, "")
        for slash in ("", "/")
        for name in [
            "math",
            "mi",
            "mn",
            "mo",
            "mrow",
            "mtext",
            "msup",
            "msqrt",
            "mtable",
            "mtr",
            "mtd",
        ]
    }


def test_a_claim_is_text_and_nothing_is_fetched(tmp_path: Path) -> None:
    path = write_theory_page([checked(BASE), checked(VALUE)], tmp_path / "theory.html")
    page = path.read_text(encoding="utf-8")
    assert "<i>" not in page
    assert "&lt;script&gt;" in page
    assert " style=" not in page
    assert "http" not in page.replace("http-equiv", "")
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_a_decided_theorem_has_a_page() -> None:
    from gancheck.content import theorems
    from gancheck.theory import check

    page = render_theory_page([check(theorems()["optimal-discriminator"])])
    assert "Proved." in page
    assert 'id="t-optimal-discriminator"' in page
