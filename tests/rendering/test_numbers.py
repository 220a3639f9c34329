"""Digits follow the errors."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gancheck.diagnosis import Quantity, Verdict
from gancheck.rendering.numbers import describe, duration
from gancheck.rendering.text import clean, first_sentence, identifier, prose
from gancheck.rendering.threshold import lines, strip


@pytest.mark.parametrize(
    ("quantity", "value", "spread"),
    [
        (Quantity(value=0.1236, sampling_error=0.0077), "0.124", "± 0.008"),
        (Quantity(value=434.2, sampling_error=3.5), "434.2", "± 3.5"),
        (Quantity(value=-47.1, sampling_error=21.0), "-47", "± 21"),
        (Quantity(value=5.08, sampling_error=1.19), "5.1", "± 1.2"),
        (Quantity(value=-0.0004, sampling_error=0.016), "0.000", "± 0.016"),
        (Quantity(value=283920.0, kind="exact"), "283_920", "exact"),
        (Quantity(value=433.303, error=7e-9), "433.3", "on this batch"),
        (Quantity(value=3.1e-7, sampling_error=2.0e-8), "3.10_x_10⁻⁷", "± 0.20_x_10⁻⁷"),
        (Quantity(value=0.05, kind="upper", unit="share"), "≤ 5_%", "on this batch"),
        (Quantity(value=0.0, sampling_error=0.0), "0", "± 0"),
        (Quantity(value=math.inf), "∞", "on this batch"),
        (Quantity(value=math.nan), "not a number", ""),
        (Quantity(value=2.0, unit="nats"), "2 nats", "on this batch"),
    ],
)
def test_a_number_shows_what_its_error_allows(quantity: Quantity, value: str, spread: str) -> None:
    def plain(text: str) -> str:
        for one, other in (("\u202f", "_"), ("\u00a0", " "), ("\u2212", "-"), ("\u00d7", "x")):
            text = text.replace(one, other)
        return text

    found = describe(quantity)
    assert (plain(found.value), plain(found.spread)) == (value, spread)


numbers = st.floats(allow_nan=True, allow_infinity=True)


@given(
    numbers,
    numbers.map(abs),
    st.none() | numbers.map(abs),
    st.sampled_from(["1", "share", "%", "times", "nats"]),
)
def test_any_quantity_can_be_written(
    value: float, error: float, sampling: float | None, unit: str
) -> None:
    found = describe(Quantity(value=value, error=error, sampling_error=sampling, unit=unit))
    assert found.value
    assert "-" not in found.value + found.spread + "".join(found.notes)
    assert found.value not in {"\u22120", "\u22120.0"}
    assert len(found.value) < 40


@given(st.text())
def test_clean_text_can_be_encoded_and_steers_nothing(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert clean(cleaned) == cleaned
    tags = r'</?(?:b|code|sup)>|<code class="option">'
    assert "<" not in re.sub(tags, "", str(prose(text)))
    assert identifier(text).replace("-", "").replace("_", "").isalnum() or identifier(text)


@given(st.text())
def test_a_first_sentence_loses_no_words(text: str) -> None:
    head, rest = first_sentence(text)
    letters = [c for c in (head + rest).casefold() if c.isalnum()]
    assert len(letters) >= len([c for c in text if c.isalnum()]) - 1


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("warns above 0.5", [0.5]),
        ("Warns above 25 %, fails over 50 %.", [0.25, 0.5]),
        ("fails below \u22121e-3 on fresh data", [-0.001]),
        ("warns where significant; fails above 5\u202f%", [0.05]),
        ("samples with d < 0.01", []),
        ("warns where a direction stays below 3", []),
    ],
)
def test_a_line_is_read_from_the_words(words: str, values: list[float]) -> None:
    assert [line.value for line in lines(words)] == pytest.approx(values)


@given(numbers, numbers.map(abs))
def test_a_strip_stays_on_its_paper(value: float, error: float) -> None:
    drawn = strip(Quantity(value=value, error=error), "fails above 0.5", Verdict.sound)
    if drawn is not None:
        assert "nan" not in drawn
        assert "inf" not in drawn


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.34, "0.3 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (75.0, "1 min 15 s"),
        (7300.0, "2 h 1 min"),
        (math.nan, ""),
    ],
)
def test_a_duration_reads_as_said(seconds: float, text: str) -> None:
    assert duration(seconds).replace("\u00a0", " ") == text
