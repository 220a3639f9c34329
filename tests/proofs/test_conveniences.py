"""How many hypotheses are merely convenient: counted over the shelf, and said where it is much."""

from __future__ import annotations

import dataclasses

import pytest

from gancheck import content
from gancheck.rendering.theory_terminal import print_theorem, print_theorems
from gancheck.theory import Hypothesis, check

THEOREMS = content.theorems()
BASE = THEOREMS["gradient-ratio"]


def _with(needed: int, convenient: int):
    """The report of a theorem with so many hypotheses of either kind."""
    some = next(h for h in BASE.hypotheses if h.kind == "needed")
    weaker = Hypothesis("an assumption", convenient="a weaker one would do just as well")
    hypotheses = [some] * needed + [weaker] * convenient
    return check(dataclasses.replace(BASE, uses=(), hypotheses=hypotheses))


@pytest.mark.parametrize("show", ["table", "page"])
@pytest.mark.parametrize(
    ("needed", "convenient", "said"),
    [(2, 1, ""), (3, 0, ""), (1, 1, "1 of 2 hypotheses is convenient"),
     (3, 2, "2 of 5 hypotheses are convenient"), (0, 1, "1 of 1 hypothesis is convenient")],
)  # fmt: skip
def test_a_share_of_convenient_hypotheses_above_a_third_is_printed(
    capsys: pytest.CaptureFixture[str], show: str, needed: int, convenient: int, said: str
) -> None:
    report = _with(needed, convenient)
    if show == "table":
        print_theorems([report], [], {})
    else:
        print_theorem(report, THEOREMS)
    out = " ".join(capsys.readouterr().out.split())
    assert said in out
    assert ("convenient:" in out) == bool(said)


def test_at_most_a_fifth_of_the_shelf_s_hypotheses_is_merely_convenient() -> None:
    kinds = [h.kind for t in THEOREMS.values() for h in t.hypotheses]
    assert kinds.count("convenient") <= len(kinds) / 5


def test_no_theorem_has_only_convenient_hypotheses() -> None:
    for theorem in THEOREMS.values():
        assert any(h.kind == "needed" for h in theorem.hypotheses), theorem.id


def test_a_table_in_a_pipe_keeps_the_longest_name_and_every_status_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    longest = max(THEOREMS.values(), key=lambda t: len(t.id))
    report = check(dataclasses.replace(longest, uses=()))
    print_theorems([report], [], {})
    assert f" {longest.id} proved exact" in " " + " ".join(capsys.readouterr().out.split())
