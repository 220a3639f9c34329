"""Comparisons seed by seed: one word each, one for all, a table and a figure."""

from __future__ import annotations

import pytest

from experiments.pairs import (
    Comparison,
    all_agree,
    comparison_numbers,
    comparison_table,
    paired_figure,
)
from gancheck.measures.figures import MINUS, NARROW, WIDE
from gancheck.rendering.experiment_page import Agreement
from gancheck.rendering.figure import inline_svg


def comparison(*differences: int, together: int = 4) -> Comparison:
    return Comparison(
        label="ring8",
        seeds=range(len(differences)),
        before=[5] * len(differences),
        after=[5 + d for d in differences],
        largest=8,
        together=together,
    )


FEWER = comparison(*[-2] * 11, 0)
MORE = comparison(*[1] * 11, -1)
OPEN = comparison(*[-2] * 10, 0, 0)


def test_one_seed_of_twelve_may_disagree_and_two_may_not() -> None:
    # 1 - 2 (1 + 12) / 2^12 = 0.9937 holds 98.75 %; with the third smallest it is 0.9614
    assert (FEWER.agreement, MORE.agreement, OPEN.agreement) == (
        Agreement.supported, Agreement.contradicted, Agreement.open,
    )  # fmt: skip
    assert FEWER.difference.level == pytest.approx(1 - 2 * 13 / 4096)
    assert comparison(*[-2] * 10, 0, 0, together=1).agreement is Agreement.supported


@pytest.mark.parametrize(
    ("several", "word"),
    [
        ([FEWER, FEWER], Agreement.supported),
        ([FEWER, OPEN], Agreement.partly),
        ([FEWER, MORE], Agreement.partly),
        ([OPEN, MORE], Agreement.contradicted),
        ([OPEN, OPEN], Agreement.open),
    ],
)
def test_all_agree_only_where_each_does(several: list[Comparison], word: Agreement) -> None:
    assert all_agree(several) is word


def test_the_table_counts_seeds_and_says_where_there_are_too_few() -> None:
    table = comparison_table([comparison(-2, 0, 1), FEWER], "old", "new")
    assert table.rows[0][-3:] == ["0", "too few seeds", "1, 1, 1"]
    assert table.rows[1][-3:] == [f"{MINUS}2", f"{MINUS}2 only", "11, 1, 0"]
    assert comparison_numbers([OPEN], "modes")[0].note == f"98.75 % {MINUS}2 to 0, undecided"


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_figure_has_a_mark_for_each_seed_and_coding(width: int) -> None:
    figure = paired_figure([FEWER, OPEN, MORE], width, before="old", after="new", counted="modes")
    drawn = [ax for ax in figure.axes if ax.axison]
    assert len(drawn) == 3
    rings, dots = drawn[0].lines[12:14]
    assert list(rings.get_ydata()) == list(FEWER.before)
    assert list(dots.get_ydata()) == list(FEWER.after)
    svg = inline_svg(figure, prefix="f", alt="counts")
    assert "old" in svg
    assert "new" in svg


def test_a_comparison_of_unequal_or_no_seeds_is_refused() -> None:
    with pytest.raises(ValueError, match="one count before and one after"):
        Comparison(label="x", seeds=[0, 1], before=[1], after=[1, 2], largest=8, together=1)
    with pytest.raises(ValueError, match="one count before and one after"):
        comparison()
