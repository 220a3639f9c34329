"""Did anything change between two reports, or are they two draws of the same noise?

`compare_reports` puts the numbers of two `result.json` side by side. A pair of numbers is *changed*
or *not distinguishable* by one rule:

1. Both are estimates with a sampling error; d is head minus base, and the sum E of both numerical
   errors bounds what the methods left out. Each side gives its standard error s: its sampling error,
   or, where it has an interval of its own, half the interval towards the other number, over the
   normal 1.96 (as in Zou and Donner's intervals of a difference).
2. p is that of t = (|d| - E) / sqrt(s_base^2 + s_head^2) under Student's law with one degree of
   freedom less than the fewer evaluation batches of the two plans. That law is never too narrow for
   normal means of batches, whatever the two spreads are (Mickey and Brown); Welch's own degrees of
   freedom would be, by up to 15 times far out in the tail for four batches against sixteen.
3. Holm corrects all p-values of the page: the chance of any false *changed* on it is at most LEVEL.

Numbers that are exact need no test. Bounds, numbers without a sampling error and numbers measured
with another plan are shown with what forbids the comparison.

Sources: Mickey and Brown (1966), "Bounds on the distribution functions of the Behrens-Fisher
statistic"; Zou and Donner (2008), "Construction of confidence limits about effect measures";
Holm (1979).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, cast

from scipy.special import stdtr, stdtrit

from gancheck.baseline import RANK
from gancheck.diagnosis import PValue, Quantity, Verdict
from gancheck.measures.holm import holm
from gancheck.quantity import finite_or_none
from gancheck.report_differences import DECIDING, cut, differences_of, notes
from gancheck.report_file import read_side

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from gancheck.report_differences import Difference
    from gancheck.report_file import Key, Side

__all__ = [
    "LEVEL",
    "SCHEMA",
    "Compared",
    "ComparedReports",
    "State",
    "VerdictChange",
    "compare_folders",
    "compare_reports",
]

SCHEMA: Final = "gancheck-compare/1"
LEVEL: Final = 0.05
"""Chance of any false change on a page: wider than that of a verdict, for nothing is alarmed."""

_NORMAL: Final = 1.959963984540054  # half width of a 95 % interval in standard errors


class State(StrEnum):
    """How a pair of numbers ends."""

    changed = "changed"
    open = "not distinguishable"
    same = "the same"
    untested = "not tested"
    apart = "not comparable"
    alone = "in one report only"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictChange:
    """A finding that ended otherwise; a verdict is None where the report has no such finding."""

    code: str
    base: Verdict | None
    head: Verdict | None
    title: str

    @property
    def direction(self) -> str:
        """worse, better, or other where neither verdict is the milder."""
        was, now = (_rank(v) for v in (self.base, self.head))
        return "worse" if now > was else "better" if now < was else "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One quantity in both reports.

    Attributes:
        code: of its finding.
        name: of the quantity.
        base: the number; None where that report has none.
        head: the same of the head.
        difference: head minus base; None where there are not two numbers of one unit.
        low: of the difference's own 95 % interval; None where it is not tested.
        high: its upper end.
        p_value: alone, and among all of the page; None where it is not tested.
        state: how it ends.
        because: what forbids the comparison, or what is to be known beside it; "" else.
    """

    code: str
    name: str
    base: Quantity | None
    head: Quantity | None
    difference: float | None
    state: State
    because: str = ""
    low: float | None = None
    high: float | None = None
    p_value: PValue | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedReports:
    """Two reports against each other.

    Attributes:
        base: the first, from which differences are counted.
        head: the second.
        differences: in what the two were made differently.
        verdicts: findings that ended otherwise, worse ones first.
        quantities: in the order of the reports.
        notes: sentences that the reader needs before the numbers.
        degrees: of freedom of the tests; None where none could be made.
        factor: standard errors that the smallest of all p-values must be apart; None the same.
    """

    base: Side
    head: Side
    differences: Sequence[Difference]
    verdicts: Sequence[VerdictChange]
    quantities: Sequence[Compared]
    notes: Sequence[str]
    degrees: int | None
    factor: float | None

    @property
    def tested(self) -> int:
        """How many quantities the error of the page is shared by."""
        return sum(q.p_value is not None for q in self.quantities)

    @property
    def counts(self) -> dict[str, int]:
        """How many quantities end in which state."""
        found = Counter(str(q.state) for q in self.quantities)
        return {str(state): found[str(state)] for state in State}

    def worst_new(self) -> Verdict | None:
        """The worst verdict of the head among those that became worse; None where none did."""
        worse = [v.head for v in self.verdicts if v.direction == "worse" and v.head is not None]
        return max(worse, key=_rank, default=None)

    def to_dict(self) -> dict[str, Any]:
        """As it stands in compare.json; its form is `schemas/compare-1.schema.json`."""
        return {
            "schema": SCHEMA,
            "level": LEVEL,
            "tested": self.tested,
            "degrees_of_freedom": self.degrees,
            "base": _side(self.base),
            "head": _side(self.head),
            "notes": list(self.notes),
            "differences": [
                {"group": d.group, "name": d.name, "base": d.base, "head": d.head}
                for d in self.differences
            ],
            "verdicts": [
                {
                    "code": v.code,
                    "base": v.base and str(v.base),
                    "head": v.head and str(v.head),
                    "direction": v.direction,
                }
                for v in self.verdicts
            ],
            "summary": self.counts,
            "quantities": [_quantity(q) for q in self.quantities],
        }

    def to_json(self) -> str:
        """`to_dict` as text, without NaN."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)


def compare_folders(base: Path, head: Path) -> ComparedReports:
    """Compare what two folders say.

    Raises:
        ValueError: both are the same folder, or one holds no report of this schema.
        OSError: a file cannot be read.
    """
    if base.resolve() == head.resolve():
        raise ValueError(f"{base} and {head} are the same folder; give two reports")
    return compare_reports(read_side(base), read_side(head))


def compare_reports(base: Side, head: Side) -> ComparedReports:
    """Compare two reports; the first is the base from which differences are counted."""
    differences = differences_of(base, head)
    plan = [d.name for d in differences if d.group == "plan" and d.name in DECIDING]
    known = [side.batches for side in (base, head)]
    degrees = None if None in known else min(cast("list[int]", known)) - 1
    pairs = [
        _pair(code, name, of_base, of_head, plan=plan, degrees=degrees)
        for code, name, of_base, of_head in _pairs(base, head)
    ]
    tests = {str(i): q.p_value.raw for i, q in enumerate(pairs) if q.p_value is not None}
    corrected = holm(tests)
    quantities = [
        _decided(q, corrected[str(i)], len(tests)) if str(i) in corrected else q
        for i, q in enumerate(pairs)
    ]
    factor = None
    if degrees is not None and tests:
        factor = float(stdtrit(degrees, 1.0 - LEVEL / (2 * len(tests))))
    return ComparedReports(
        base=base,
        head=head,
        differences=differences,
        verdicts=_verdicts(base, head),
        quantities=quantities,
        notes=notes(base, head, differences, plan),
        degrees=degrees,
        factor=factor,
    )


def _rank(verdict: Verdict | None) -> int:
    return 0 if verdict is None else RANK[verdict]


def _pairs(
    base: Side, head: Side
) -> list[tuple[str, str, tuple[bool, Quantity | None], tuple[bool, Quantity | None]]]:
    """(code, name, (there, number) of the base, the same of the head), in the reports' order."""
    out: list[tuple[str, str, tuple[bool, Quantity | None], tuple[bool, Quantity | None]]] = []
    for key in dict.fromkeys([*base.findings, *head.findings]):
        of_base, of_head = (_numbers(side, key) for side in (base, head))
        for name in dict.fromkeys([*of_base, *of_head]):
            there = ((name in of_base, of_base.get(name)), (name in of_head, of_head.get(name)))
            out.append((key[0], name, *there))
    return out


def _numbers(side: Side, key: Key) -> Mapping[str, Quantity | None]:
    finding = side.findings.get(key)
    return {} if finding is None else finding.quantities


def _pair(
    code: str,
    name: str,
    of_base: tuple[bool, Quantity | None],
    of_head: tuple[bool, Quantity | None],
    *,
    plan: Sequence[str],
    degrees: int | None,
) -> Compared:
    """Two numbers, with a p-value where there is a test of them."""
    (in_base, a), (in_head, b) = of_base, of_head
    plain = Compared(
        code=code, name=name, base=a, head=b, difference=None, state=State.apart, because=""
    )
    if not (in_base and in_head):
        which = "base" if in_base else "head"
        return replace(plain, state=State.alone, because=f"only the {which} has it")
    if a is None or b is None:
        which = "either report" if a is b else "the base" if a is None else "the head"
        return replace(plain, because=f"no number in {which}")
    difference = b.value - a.value
    if a.unit != b.unit or a.kind != b.kind:
        was, now = (a.unit, b.unit) if a.unit != b.unit else (a.kind, b.kind)
        return replace(plain, because=f"{cut(was)} in the base, {cut(now)} in the head")
    if not math.isfinite(difference):
        return replace(plain, because="the difference is larger than a float holds")
    plain = replace(plain, difference=difference)
    if a.kind == "exact":
        state = State.changed if abs(difference) > a.error + b.error else State.same
        return replace(plain, state=state, because="exact, without sampling")
    if plan:
        return replace(plain, because=f"measured with another {', '.join(plan)}")
    reason = _untestable(a, b, degrees)
    if reason or degrees is None:
        return replace(plain, state=State.untested, because=reason)
    return _tested(plain, a, b, degrees)


def _untestable(a: Quantity, b: Quantity, degrees: int | None) -> str:
    """Why no test can be made of two numbers of one kind; "" where one can."""
    if a.kind != "estimate":
        return f"{a.kind} bounds: the distance of two bounds bounds no difference"
    if a.sampling_error is None or b.sampling_error is None:
        return "without a sampling error: a property of the batch that was drawn"
    if degrees is None:
        return "a report does not say how many batches its sampling errors rest on"
    for q in (a, b):
        if q.sampling_error == 0.0 and (q.low is None or q.high is None):
            return "a sampling error of 0 says only that its batches agreed"
    return ""


def _tested(plain: Compared, a: Quantity, b: Quantity, degrees: int) -> Compared:
    difference = b.value - a.value
    slack = a.error + b.error
    # Below: the base's upper side and the head's lower one, which a change upwards must overcome.
    below = math.hypot(_side_error(a, upper=True), _side_error(b, upper=False))
    above = math.hypot(_side_error(a, upper=False), _side_error(b, upper=True))
    width = float(stdtrit(degrees, 0.975))
    excess = abs(difference) - slack
    spread = below if difference > 0.0 else above
    if excess <= 0.0:
        p = 1.0
    elif spread > 0.0:
        p = float(2.0 * stdtr(degrees, -excess / spread))
    else:
        return replace(
            plain, state=State.untested, because="its interval has no width on this side"
        )
    return replace(
        plain,
        low=difference - slack - width * below,
        high=difference + slack + width * above,
        p_value=PValue(raw=p, corrected=p),
    )


def _side_error(q: Quantity, *, upper: bool) -> float:
    """One standard error towards one side, without the numerical error."""
    end = q.high if upper else q.low
    if end is None:
        return q.sampling_error or 0.0
    return abs(end - q.value) / _NORMAL


def _decided(q: Compared, p_value: PValue, family: int) -> Compared:
    changed = p_value.corrected < LEVEL
    alone = not changed and p_value.raw < LEVEL
    return replace(
        q,
        p_value=p_value,
        state=State.changed if changed else State.open,
        because=f"its own interval leaves out 0, which is not enough among {family}"
        if alone
        else "",
    )


def _verdicts(base: Side, head: Side) -> list[VerdictChange]:
    out: list[VerdictChange] = []
    for key in dict.fromkeys([*base.findings, *head.findings]):
        was, now = base.findings.get(key), head.findings.get(key)
        ends = (None if was is None else was.verdict, None if now is None else now.verdict)
        if ends[0] is not ends[1]:
            title = now.title if now is not None else was.title if was is not None else ""
            out.append(VerdictChange(code=key[0], base=ends[0], head=ends[1], title=title))
    order = ("worse", "other", "better")
    return sorted(out, key=lambda v: (order.index(v.direction), -_rank(v.head), v.code))


def _side(side: Side) -> dict[str, Any]:
    return {
        "folder": side.folder,
        "title": side.title,
        "verdict": str(side.verdict),
        "complete": side.complete,
    }


def _quantity(q: Compared) -> dict[str, Any]:
    tested = q.p_value is not None
    return {
        "code": q.code,
        "name": q.name,
        "base": q.base and q.base.to_dict(),
        "head": q.head and q.head.to_dict(),
        "difference": q.difference,
        "interval": [finite_or_none(q.low), finite_or_none(q.high)] if tested else None,
        "p_value": q.p_value.to_dict() if q.p_value else None,
        "state": str(q.state),
        "because": q.because,
    }
