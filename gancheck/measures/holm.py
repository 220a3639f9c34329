"""Which of several verdicts may stand, if one false alarm in a hundred reports is allowed?

`holm` corrects the p-values of a family of verdicts: a verdict is given where its corrected value
is below alpha, and then the chance that any verdict of a report is a false alarm is at most alpha,
however the tests depend on each other.

A diagnostic alone knows its own tests only. Its `judge` corrects for those, and takes the p-values
of the other diagnostics of a report as `beside`; whoever holds the whole report passes them, and
then alpha is that of the report. Judged alone, alpha is that of the one diagnostic. Each finding
keeps both values of each of its tests.

Source: Holm (1979), "A simple sequentially rejective multiple test procedure".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancheck.diagnosis import PValue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ALPHA", "holm"]

ALPHA = 0.01  # chance of any false alarm in a report


def holm(p_values: Mapping[str, float], *, beside: Sequence[float] = ()) -> dict[str, PValue]:
    """Correct p-values for being several.

    The i-th smallest of k (from 0) is multiplied by k - i; a corrected value is never below that
    of a smaller p-value, nor above 1.

    Args:
        p_values: name -> p-value of each test of this diagnostic.
        beside: p-values of the other tests of the same report.

    Returns:
        name -> both values, for the tests of this diagnostic.

    Raises:
        ValueError: a p-value outside 0..1.

    Example:
        >>> {k: round(t.corrected, 6) for k, t in holm({"a": 0.01, "b": 0.04, "c": 0.03}).items()}
        {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    family = [*p_values.values(), *beside]
    for p in family:
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"a p-value lies between 0 and 1, got {p}")
    corrected: dict[int, float] = {}
    floor = 0.0
    for rank, i in enumerate(sorted(range(len(family)), key=family.__getitem__)):
        floor = max(floor, min(1.0, (len(family) - rank) * family[i]))
        corrected[i] = floor
    return {
        name: PValue(raw=p, corrected=corrected[i]) for i, (name, p) in enumerate(p_values.items())
    }
