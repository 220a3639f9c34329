"""The block for a model card: complete, the same each time, and inert for a Markdown parser."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gancheck.diagnosis import Diagnostic, Finding, Place, Quantity, Report, Verdict
from gancheck.rendering.markdown import inert, markdown

if TYPE_CHECKING:
    from markdown_it.token import Token

EVIL = [
    "</script><script>alert(1)</script>",
    "\x1b[31mred\x1b]0;title\x07",
    "\u202egnp.exe\u2066",
    "a | b || c",
    "`code` ``two`` ```\nfence\n```",
    "one\ntwo\n\n# three\n\n- four\n> five\n| a | b |",
    "[a](javascript:b) ![i](//h.example) [r]: //h.example",
    "https://h.example www.h.example a@h.example <https://h.example>",
    "&lt;b&gt; &#x3c;b&#x3e; \\",
    "*a* _b_ **c** ~~d~~ $e$ #1 @f",
    "\\| \\\\| \\`",
    "x" * 5000,
    "| " * 2500,
]


def _parsed(text: str) -> list[Token]:
    """As a service with GitHub's tables, strike-through and bare links would read it."""
    found = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)
    return [token for top in found for token in (top, *(top.children or []))]


def _kinds(text: str) -> list[str]:
    return [token.type for token in _parsed(text)]


def _shown(text: str) -> str:
    return "".join(token.content for token in _parsed(text) if token.type == "text")


def _report(text: str) -> Report:
    return Report(
        title=text,
        findings=[
            Finding(
                code="GC101",
                verdict=Verdict.failing,
                title=text,
                because=text,
                quantities={text: Quantity(value=1.0, unit=text)},
                places=[Place(file=text, tensor=text)],
            ),
            Finding(code="GC102", verdict=Verdict.not_applicable, because=text),
        ],
        provenance={
            "files": {"generator": {"path": text, "sha256": text}},
            "not_read": {f"{text}2": text},
            "not_run": [text],
            "stopped": text,
            "versions": {"gancheck": text},
        },
    )


@pytest.mark.parametrize("text", EVIL)
def test_a_file_s_words_change_nothing_of_the_form(text: str) -> None:
    assert _kinds(markdown(_report(text), diagnostics={})) == _kinds(
        markdown(_report("word"), diagnostics={})
    )


@given(st.text(max_size=60))
def test_any_words_are_shown_and_never_read_as_markup(text: str) -> None:
    line = inert(text)
    for around in (f"word {line} word", f"| a |\n| - |\n| {line} |"):
        kinds = set(_kinds(around))
        assert kinds <= {
            "paragraph_open", "paragraph_close", "inline", "text", "text_special",
            "table_open", "table_close", "thead_open", "thead_close", "tbody_open", "tbody_close",
            "tr_open", "tr_close", "th_open", "th_close", "td_open", "td_close",
        }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["a_b*c`d|e[f](g)<h>&i;~$#", "\\", "0.5 +- 0.1", "layers.0.weight"]
)
def test_what_is_shown_is_what_was_written(text: str) -> None:
    assert _shown(f"x{inert(text)}x") == f"x{text}x"


def test_no_address_is_left_for_services_that_link_bare_ones() -> None:
    for text in ("https://h.example", "see www.h.example", "ftp://h", "HTTP://h", "mailto:a@h.b"):
        line = inert(text)
        assert not re.search(r"(?i)(https?|ftp|mailto):|www\.|@", line)
        assert _shown(line) == text


def test_long_words_are_cut_and_controls_dropped() -> None:
    text = markdown(_report(EVIL[1] + EVIL[2] + "x" * 5000), diagnostics={})
    assert len(max(text.splitlines(), key=len)) < 2500
    for code in (0x1B, 0x07, 0x202E, 0x2066):
        assert chr(code) not in text


def test_the_block_says_everything_once(full_report: Report, shelf: dict[str, Diagnostic]) -> None:
    text = markdown(full_report, diagnostics=shelf)
    assert text == markdown(full_report, diagnostics=shelf)
    words = _shown(text)
    assert "Failing." in words
    assert "1 fails, 1 warns, 1 undecided, 2 sound, 1 not applicable" in words
    body = text.split("Not checked:")
    for code in ("GC001", "GC002", "GC003", "GC004", "GC005"):
        assert body[0].count(f"| {code} ") == 1
    assert "GC006 History**: A single checkpoint has no history" in body[1]
    assert "5f" * 32 in text
    assert "mass between modes: 10.2" in words
    assert "share that rotates: 0.124 ±" in words
    assert "numerical error 0.0004" in words


def test_what_never_ran_and_what_was_not_read_is_named(points_report: Report) -> None:
    known = replace(
        points_report, provenance={**points_report.provenance, "not_read": {"a.onnx": "too large"}}
    )
    text = markdown(known, diagnostics={})
    assert "- **GC002, GC005**: not reached: budget of 60 s spent" in text
    assert "- **a.onnx**: not read: too large" in text
    assert "2 not run" in text


def test_a_date_stands_there_only_with_a_stamp(full_report: Report) -> None:
    assert "2026" not in markdown(full_report, diagnostics={})
    assert "2026-11-22" in markdown(replace(full_report, stamped=True), diagnostics={})


def test_an_empty_report_is_not_sound() -> None:
    text = markdown(Report(findings=[]), diagnostics={})
    assert "Not measured." in text
    assert "no diagnostic ran" in text
