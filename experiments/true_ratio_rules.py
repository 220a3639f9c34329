"""By which rules is it decided whether discriminators came out as predicted?

Everything here is a function of finished rows: paired changes seed by seed, how far a value lies
above its divergence, whether value and gap add up, and what GC011 said against what is true.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from scipy import stats

from experiments.page_parts import chosen
from experiments.pairs import ERROR
from gancheck.measures.medians import MedianInterval, median_interval
from gancheck.rendering.experiment_page import Agreement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from experiments.finished_runs import Row

__all__ = [
    "Answer",
    "Change",
    "above",
    "answers",
    "at_most_by_chance",
    "changes_of_own",
    "changes_with_steps",
    "contrast",
    "exceeds",
    "hardest",
    "has_digits",
    "off_balance",
    "overstated",
    "settings_of",
    "slope_misses",
    "together_limit",
    "trained",
]

TOGETHER: Final = 0.01  # chance that any of the limits over all runs fails
LINE: Final = 0.1  # of GC011
_CHANCE: Final = 0.01  # of a wrong answer, that GC011 allows
_RARE: Final = 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One prediction of a sign, over seeds.

    Attributes:
        label: of what changed.
        values: after less before [seeds], or the logarithm of their ratio.
        interval: of the median, at the level that all of a part hold together.
        rises: whether it was predicted to rise; else to fall.
    """

    label: str
    values: Sequence[float]
    interval: MedianInterval
    rises: bool

    @property
    def agreement(self) -> Agreement:
        """Undecided where the interval holds 0."""
        low, high = self.interval.low, self.interval.high
        if low <= 0.0 <= high:
            return Agreement.open
        return Agreement.supported if (low > 0.0) == self.rises else Agreement.contradicted

    @property
    def contrary(self) -> int:
        """How many seeds did not go the way that was predicted."""
        return sum(v <= 0.0 if self.rises else v >= 0.0 for v in self.values)


def contrast(
    label: str,
    before: Sequence[Row],
    after: Sequence[Row],
    number: Callable[[Row], float],
    *,
    rises: bool,
    together: int,
) -> Change:
    """Paired differences of a number.

    Args:
        label: of what changed.
        before: rows of one setting.
        after: of the other, the same seeds in the same order.
        number: row -> what is compared.
        rises: what was predicted.
        together: how many changes share the error of 5 %.

    Raises:
        ValueError: the seeds are not the same.
    """
    seeds = [[r["configuration"]["seed"] for r in rows] for rows in (before, after)]
    if seeds[0] != seeds[1]:
        raise ValueError(f"a contrast must be of the same seeds, got {seeds[0]} and {seeds[1]}")
    values = [number(b) - number(a) for a, b in zip(before, after, strict=True)]
    return Change(
        label=label,
        values=values,
        interval=median_interval(values, level=1.0 - ERROR / together),
        rises=rises,
    )


def settings_of(rows: Sequence[Row], *names: str) -> list[tuple[Any, ...]]:
    """The values of these names, each combination once, in the order of the runs."""
    return list(dict.fromkeys(tuple(r["configuration"][n] for n in names) for r in rows))


def changes_with_steps(rows: Sequence[Row], by: str, measured: str) -> list[Change]:
    """The logarithm of how a distance changes from one number of steps to the next.

    Args:
        rows: with fresh data.
        by: what the settings differ in beside the steps: `law` or `loss`.
        measured: the distance's name.
    """
    settings = settings_of(rows, by)
    steps = sorted({r["configuration"]["steps"] for r in rows})
    pairs = list(pairwise(steps))
    return [
        contrast(
            f"{kind}, {a} to {b} steps",
            chosen(rows, **{by: kind}, steps=a),
            chosen(rows, **{by: kind}, steps=b),
            lambda r: math.log(r["measured"][measured]),
            rises=False,
            together=len(settings) * len(pairs),
        )
        for (kind,) in settings
        for a, b in pairs
    ]


def overstated(row: Row) -> float:
    """Value on the own sample less value held out."""
    m = row["measured"]
    return m["own"]["value"] - m["value"]


def exceeds(row: Row) -> bool:
    """Whether the value on the own sample is above the divergence."""
    return row["measured"]["own"]["value"] > row["measured"]["divergence"]


def hardest(rows: Sequence[Row]) -> list[Row]:
    """The smallest sample with the largest network and the longest training."""
    c = [r["configuration"] for r in rows]
    return chosen(
        rows,
        size=min(x["size"] for x in c),
        width=max(x["width"] for x in c),
        steps=max(x["steps"] for x in c),
    )


def changes_of_own(rows: Sequence[Row]) -> list[Change]:
    """What is overstated, from each setting to the next sample size, training and width."""
    sizes, widths, steps = (
        sorted({r["configuration"][name] for r in rows}) for name in ("size", "width", "steps")
    )
    plan: list[tuple[str, dict[str, int], dict[str, int], bool]] = []
    for width in widths:
        for step in steps:
            fixed = {"width": width, "steps": step}
            plan += [
                (
                    f"{a} to {b} samples; width {width}, {step:,} steps",
                    {**fixed, "size": a},
                    {**fixed, "size": b},
                    False,
                )
                for a, b in pairwise(sizes)
            ]
    for size in sizes:
        plan += [
            (
                f"{a:,} to {b:,} steps; {size} samples, width {width}",
                {"size": size, "width": width, "steps": a},
                {"size": size, "width": width, "steps": b},
                True,
            )
            for width in widths
            for a, b in pairwise(steps)
        ]
        plan += [
            (
                f"width {a} to {b}; {size} samples, {step:,} steps",
                {"size": size, "steps": step, "width": a},
                {"size": size, "steps": step, "width": b},
                True,
            )
            for step in steps
            for a, b in pairwise(widths)
        ]
    return [
        contrast(
            text,
            chosen(rows, **before),
            chosen(rows, **after),
            overstated,
            rises=rises,
            together=len(plan),
        )
        for text, before, after, rises in plan
    ]


def trained(rows: Sequence[Row]) -> list[Row]:
    """Runs with a training; the others are closed forms."""
    return [r for r in rows if r["configuration"]["part"] != "controls"]


def together_limit(count: int, *, sides: int) -> float:
    """How many standard errors so many normal limits reach that hold together with 99 %."""
    return float(stats.norm.isf(TOGETHER / (sides * max(count, 1))))


def above(row: Row, count: int) -> bool:
    """Whether a held-out value lies above its divergence beyond the sampling error."""
    m = row["measured"]
    return m["value"] - together_limit(count, sides=1) * m["error"] > m["divergence"]


def has_digits(row: Row) -> bool:
    """Whether float64 can tell if value and gap add up: a gap of 1e15 leaves no digit of the sum."""
    m = row["measured"]
    return sys.float_info.epsilon * abs(m["value"]) < 1e-3 * abs(m["divergence"])


def off_balance(row: Row) -> float:
    """By how many standard errors value and gap miss the divergence."""
    m = row["measured"]
    return (m["sum"] - m["divergence"]) / m["sum_error"]


def at_most_by_chance(count: int) -> int:
    """How many of so many answers may be wrong where 1 in 100 is allowed: its 99.9 % quantile."""
    return int(stats.binom.ppf(_RARE, count, _CHANCE)) if count else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What GC011 said of some discriminators, and what was true.

    Attributes:
        label: which discriminators.
        verdicts: how often each.
        off: answers on what is truly off by more than the line.
        found: warnings among those.
        false_alarms: warnings of what is calibrated to the line.
        false_comfort: `sound` of what is not.
        blind: `sound` where the root mean square error of p/(p + q) is above the line.
        truths: true calibration errors, one a discriminator.
    """

    label: str
    verdicts: Counter[str]
    off: int
    found: int
    false_alarms: int
    false_comfort: int
    blind: int | None
    truths: Sequence[float]

    @property
    def asked(self) -> int:
        """How often it was asked."""
        return sum(self.verdicts.values())


def answers(label: str, rows: Sequence[Row]) -> Answer:
    """What was said of the discriminators of these rows."""
    pairs = [(a["verdict"], r["measured"]) for r in rows for a in r["measured"]["asked"]]
    known = all("posterior" in m for _, m in pairs)
    return Answer(
        label=label,
        verdicts=Counter(v for v, _ in pairs),
        off=sum(m["calibration"] > LINE for _, m in pairs),
        found=sum(v == "warning" and m["calibration"] > LINE for v, m in pairs),
        false_alarms=sum(v == "warning" and m["calibration"] <= LINE for v, m in pairs),
        false_comfort=sum(v == "sound" and m["calibration"] > LINE for v, m in pairs),
        blind=sum(v == "sound" and m["posterior"] > LINE for v, m in pairs) if known else None,
        truths=[r["measured"]["calibration"] for r in rows],
    )


def slope_misses(rows: Sequence[Row], slope: float) -> int:
    """How many 99 % intervals of the calibration slope miss this one; none found is a miss."""
    reach = float(stats.norm.isf(0.005))
    asked = [a for r in rows for a in r["measured"]["asked"]]
    return sum(
        a["slope"] is None or abs(a["slope"] - slope) > reach * a["slope_error"] for a in asked
    )
