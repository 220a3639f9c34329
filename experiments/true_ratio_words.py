"""What do the sections of the page on the true density ratio say alike?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from experiments.page_parts import over_seeds, together
from gancheck.measures.figures import number_text
from gancheck.rendering.experiment_page import Agreement, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.finished_runs import Row
    from experiments.true_ratio_rules import Change

__all__ = ["WORDS", "all_of", "as_predicted", "change_table", "counted", "over", "range_of"]

WORDS: Final = {
    "shift": "normals in 10 dimensions",
    "ring": "wide ring against a normal",
    "weights": "ring8, other weights",
}


def all_of(found: Sequence[Agreement]) -> Agreement:
    """One word for all; undecided where a smaller plan leaves nothing to compare."""
    return together(found) if found else Agreement.open


def counted(wrong: int, allowed: int) -> Agreement:
    """Whether no more are wrong than allowed."""
    return Agreement.supported if wrong <= allowed else Agreement.contradicted


def as_predicted(changes: Sequence[Change]) -> str:
    """How many of how many."""
    count = sum(c.agreement is Agreement.supported for c in changes)
    return f"{count} of {len(changes)}"


def change_table(changes: Sequence[Change], *, ratio: bool) -> Table:
    """Every change with its interval; `ratio`: its values are logarithms of ratios."""
    return Table(
        columns=["change", "ratio" if ratio else "difference", "interval", "predicted", "came out"],
        rows=[
            [
                c.label,
                _median(c, ratio=ratio),
                _interval(c, ratio=ratio),
                "rises" if c.rises else "falls",
                str(c.agreement),
            ]
            for c in changes
        ],
    )


def _median(change: Change, *, ratio: bool) -> str:
    value = change.interval.value
    return number_text(math.exp(value) if ratio else value, 3)


def _interval(change: Change, *, ratio: bool) -> str:
    low, high = change.interval.low, change.interval.high
    if not math.isfinite(low):
        return "too few seeds"
    if ratio:
        low, high = math.exp(low), math.exp(high)
    return f"{number_text(low, 3)} to {number_text(high, 3)}"


def over(rows: Sequence[Row], name: str, digits: int = 3) -> str:
    """Median and interval of what was measured under a name."""
    return over_seeds([r["measured"][name] for r in rows], digits)


def range_of(values: Sequence[float]) -> str:
    """Least and largest, or the one value there is."""
    if min(values) == max(values):
        return number_text(values[0], 3)
    return f"{number_text(min(values), 3)} to {number_text(max(values), 3)}"
