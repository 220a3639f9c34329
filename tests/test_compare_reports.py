"""Two reports: what changed is found, noise is not, and what cannot be compared is said to be.

A little over 400 lines, most of them one table of bad reports and their sentences.
"""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from typer.testing import CliRunner

from gancheck import cli
from gancheck.audit import diagnose
from gancheck.compare_reports import (
    LEVEL,
    State,
    compare_folders,
    compare_reports,
)
from gancheck.diagnosis import Finding, Plan, Quantity, Report, Verdict
from gancheck.report_file import ReadFinding, Side, read_side
from tests.oracles import tiny_game
from tests.rendering.schemas import validator

if TYPE_CHECKING:
    from pathlib import Path

PLAN = dataclasses.asdict(Plan(batch_size=64, samples=500))


def quantity(value: float, sampling: float | None = 0.1, **more: Any) -> Quantity:
    return Quantity(value=value, sampling_error=sampling, **more)


def side(quantities: dict[str, Quantity | None], *, batches: int = 4, **more: Any) -> Side:
    finding = ReadFinding(verdict=Verdict.sound, title="", quantities=quantities)
    told: dict[str, Any] = {
        "folder": "run",
        "title": "game",
        "verdict": Verdict.sound,
        "complete": True,
        "findings": {("GC001", 0): finding},
        "provenance": {"plan": PLAN | {"batches": batches}},
        "configuration": {},
        "history": [],
    }
    return Side(**(told | more))


def saved(folder: Path, *findings: Finding, **provenance: Any) -> Path:
    folder.mkdir(exist_ok=True)
    report = Report(findings=findings, provenance={"plan": PLAN, **provenance})
    (folder / "result.json").write_text(report.to_json())
    return folder


def one(a: Quantity | None, b: Quantity | None, **of_head: Any) -> Any:
    return compare_reports(side({"q": a}), side({"q": b}, **of_head)).quantities[0]


def measured(
    rng: np.random.Generator, truth: np.ndarray, spread: np.ndarray, batches: int
) -> dict[str, Quantity | None]:
    """Means of normal batches with their standard errors, as a measure reports them."""
    drawn = truth + spread * rng.normal(size=(batches, len(truth)))
    means, errors = drawn.mean(0), drawn.std(0, ddof=1) / math.sqrt(batches)
    return {
        str(i): quantity(float(m), float(e))
        for i, (m, e) in enumerate(zip(means, errors, strict=True))
    }


@pytest.mark.parametrize("ratio", [1.0, 8.0, 30.0])
@pytest.mark.parametrize("batches", [(4, 4), (4, 16)])
def test_equal_games_are_said_to_differ_on_at_most_the_stated_share_of_pages(
    ratio: float, batches: tuple[int, int]
) -> None:
    """Where one side is thirty times as noisy the rate is near the level; a Welch test exceeds it."""
    rng = np.random.default_rng(int(ratio) + batches[1])
    count, pages, false = 10, 300, 0
    for _ in range(pages):
        truth = rng.normal(size=count)
        base = side(measured(rng, truth, np.full(count, ratio), batches[0]), batches=batches[0])
        head = side(measured(rng, truth, np.ones(count), batches[1]), batches=batches[1])
        false += compare_reports(base, head).counts["changed"] > 0
    # 99.9 % of the binomial law at the level: a page is wrong with chance LEVEL or less.
    assert false <= stats.binom.ppf(0.999, pages, LEVEL)


def test_the_rate_of_false_changes_is_not_nought_either() -> None:
    """A test that never speaks would pass the one above: one quantity, one side exact to the eye."""
    rng = np.random.default_rng(5)
    false, pages = 0, 2000
    for _ in range(pages):
        base = side(measured(rng, np.zeros(1), np.full(1, 1.0), 4))
        head = side({"0": quantity(0.0, 1e-9)})
        false += compare_reports(base, head).counts["changed"]
    low, high = stats.binom.interval(0.999, pages, LEVEL)
    assert low <= false <= high


def test_a_planted_difference_is_found_among_many_that_are_not_there() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=30)
    planted = truth + np.where(np.arange(30) == 7, 20.0, 0.0)
    base = side(measured(rng, truth, np.ones(30), 16), batches=16)
    found = compare_reports(base, side(measured(rng, planted, np.ones(30), 16), batches=16))
    assert [q.name for q in found.quantities if q.state is State.changed] == ["7"]
    assert found.quantities[7].p_value is not None
    assert found.quantities[7].low is not None
    assert found.quantities[7].high is not None
    assert found.quantities[7].low < 20.0 < found.quantities[7].high
    assert found.tested == 30
    assert found.degrees == 15


def test_one_game_measured_with_two_seeds_is_not_distinguishable_from_itself(
    tmp_path: Path,
) -> None:
    game, folders = tiny_game(), [tmp_path / "a", tmp_path / "b"]
    for seed, folder in enumerate(folders):
        plan = Plan(batch_size=32, samples=300, gradient_batch=16, probes=8, seed=seed)
        folder.mkdir()
        report = diagnose(game, codes=["GC004"], plan=plan)
        (folder / "result.json").write_text(report.to_json())
    found = compare_folders(*folders)
    assert found.counts["changed"] == 0
    assert found.counts["not distinguishable"] > len(found.quantities) / 2
    assert [d.name for d in found.differences] == ["seed"]


def test_p_and_interval_are_those_of_student_s_test_where_the_spreads_are_known() -> None:
    """Against scipy's t law: one degree of freedom less than the fewer batches."""
    found = one(quantity(1.0, 0.3), quantity(2.0, 0.4), batches=9)
    t = 1.0 / 0.5
    assert found.p_value.raw == pytest.approx(2 * stats.t.sf(t, 3))
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.95, 3, loc=1.0, scale=0.5))
    numerical = one(quantity(1.0, 0.3, error=0.1), quantity(2.0, 0.4, error=0.2))
    assert numerical.p_value.raw == pytest.approx(2 * stats.t.sf(0.7 / 0.5, 3))
    assert numerical.low == pytest.approx(found.low - 0.3)


def test_an_interval_of_its_own_counts_by_the_side_that_faces_the_other_number() -> None:
    """A share of 0 has a sampling error of 0 and an interval above it: that side is used."""
    z = stats.norm.ppf(0.975)
    nought = quantity(0.0, 0.0, unit="share", low=0.0, high=0.02)
    found = one(nought, quantity(0.5, 0.05, unit="share", low=0.4, high=0.7))
    s = math.hypot(0.02 / z, 0.1 / z)
    assert found.p_value.raw == pytest.approx(2 * stats.t.sf(0.5 / s, 3))
    back = one(quantity(0.5, 0.05, unit="share", low=0.4, high=0.7), nought)
    assert back.p_value.raw == pytest.approx(found.p_value.raw)
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low))


@given(
    a=st.floats(-1e6, 1e6),
    b=st.floats(-1e6, 1e6),
    s=st.floats(1e-6, 1e6),
    r=st.floats(1e-6, 1e6),
)
def test_base_and_head_can_be_exchanged(a: float, b: float, s: float, r: float) -> None:
    there, back = one(quantity(a, s), quantity(b, r)), one(quantity(b, r), quantity(a, s))
    assert there.state is back.state
    assert there.p_value == back.p_value
    assert there.difference == -back.difference
    assert (there.low, there.high) == (-back.high, -back.low)


@pytest.mark.parametrize(
    ("a", "b", "state", "words"),
    [
        (quantity(2, None, kind="exact"), quantity(2, None, kind="exact"), State.same, "exact"),
        (quantity(2, None, kind="exact"), quantity(3, None, kind="exact"), State.changed, "exact"),
        (quantity(2, None), quantity(9, None), State.untested, "without a sampling error"),
        (quantity(2), quantity(9, None), State.untested, "without a sampling error"),
        (quantity(2, 0.0), quantity(9), State.untested, "a sampling error of 0"),
        (quantity(2, kind="lower"), quantity(9, kind="lower"), State.untested, "bounds"),
        (quantity(2, kind="lower"), quantity(9), State.apart, "lower in the base, estimate in"),
        (quantity(2, unit="s"), quantity(9), State.apart, "s in the base, 1 in the head"),
        (None, quantity(9), State.apart, "no number in the base"),
        (quantity(9), None, State.apart, "no number in the head"),
        (None, None, State.apart, "no number in either report"),
        (quantity(-1.7e308), quantity(1.7e308), State.apart, "larger than a float"),
        (quantity(2, 0.1, low=2, high=2), quantity(9, 0.1, low=9, high=9), State.untested, "no width"),
    ],
)  # fmt: skip
def test_what_cannot_be_tested_is_never_called_distinguishable_or_not(
    a: Quantity | None, b: Quantity | None, state: State, words: str
) -> None:
    found = one(a, b)
    assert found.state is state
    assert words in found.because
    assert found.p_value is None


def test_without_a_number_of_batches_nothing_sampled_is_tested() -> None:
    for plan in ({}, {"plan": PLAN | {"batches": "4"}}, {"plan": PLAN | {"batches": True}}):
        found = one(quantity(1.0), quantity(9.0), provenance=plan)
        assert found.state in (State.untested, State.apart)


@pytest.mark.parametrize("name", ["batch_size", "samples", "gradient_batch", "features"])
def test_another_plan_makes_sampled_numbers_incomparable_and_says_so(name: str) -> None:
    pairs: dict[str, Quantity | None] = {
        "q": quantity(1.0),
        "count": quantity(2.0, None, kind="exact"),
    }
    other = side(pairs | {"q": quantity(99.0)}, provenance={"plan": PLAN | {name: 7}})
    found = compare_reports(side(pairs), other)
    assert [q.state for q in found.quantities] == [State.apart, State.same]
    assert found.quantities[0].because == f"measured with another {name}"
    assert name in found.notes[0]
    assert (found.tested, found.factor) == (0, None)
    more = side(pairs, batches=16)
    assert compare_reports(side(pairs), more).quantities[0].state is State.open


def test_what_was_made_differently_is_named_by_consequence() -> None:
    def made(loss: str, torch: str, r1: float) -> Side:
        return side(
            {},
            provenance={"plan": PLAN, "loss": loss, "versions": {"torch": torch}, "recipe": "own"},
            configuration={"configuration": {"loss": loss, "regularisation": {"r1": r1}}},
        )

    found = compare_reports(made("minimax", "2.12", 0.0), made("lsgan", "2.13", 0.1))
    assert [(d.group, d.name, d.base, d.head) for d in found.differences] == [
        ("loss", "loss", "minimax", "lsgan"),
        ("recipe", "regularisation.r1", "0.0", "0.1"),
        ("versions", "torch", "2.12", "2.13"),
    ]
    assert "losses differ" in found.notes[0]


def test_the_same_file_measured_twice_is_told_to_be_the_same() -> None:
    files = {"files": {"checkpoint": {"path": "x", "sha256": "ab"}}, "plan": PLAN}
    notes = compare_reports(side({}, provenance=files), side({}, provenance=files)).notes
    assert any("of the same files" in note for note in notes)


@given(
    was=st.dictionaries(st.sampled_from("abc"), st.sampled_from(list(Verdict))),
    now=st.dictionaries(st.sampled_from("abc"), st.sampled_from(list(Verdict))),
)
def test_exactly_the_verdicts_that_differ_are_told_worse_ones_first(
    was: dict[str, Verdict], now: dict[str, Verdict]
) -> None:
    rank = {"sound": 0, "not_applicable": 0, "undecided": 1, "warning": 2, "failing": 3}

    def of(verdicts: dict[str, Verdict]) -> Side:
        return side(
            {},
            findings={
                (code, 0): ReadFinding(verdict=v, title="", quantities={})
                for code, v in verdicts.items()
            },
        )

    found = compare_reports(of(was), of(now))
    assert {v.code for v in found.verdicts} == {
        c for c in {*was, *now} if was.get(c) is not now.get(c)
    }
    worse = {c for c in now if rank[now[c]] > rank[was.get(c, Verdict.sound)]}
    assert {v.code for v in found.verdicts[: len(worse)]} == worse
    worst = max((rank[now[c]] for c in worse), default=None)
    assert (None if found.worst_new() is None else rank[found.worst_new()]) == worst


def test_what_is_written_is_read_back_and_the_result_follows_its_schema(tmp_path: Path) -> None:
    old = Finding(code="GC001", verdict=Verdict.sound, because="", quantities={"q": quantity(1.0), "lost": quantity(math.nan)})  # fmt: skip
    new = Finding(code="GC001", verdict=Verdict.failing, because="", quantities={"q": quantity(99.0, low=98.0, high=101.0), "more": quantity(1.0)})  # fmt: skip
    base, head = saved(tmp_path / "a", old, loss="minimax"), saved(tmp_path / "b", new, new)
    found = compare_folders(base, head)
    assert read_side(head).findings["GC001", 1].quantities["q"] == new.quantities["q"]
    check = validator("compare-1")
    told = json.loads(found.to_json())
    check.validate(told)
    for path in ((), ("base",), ("quantities", 1), ("quantities", 1, "base"), ("verdicts", 0)):
        drifted = json.loads(found.to_json())
        at = drifted
        for key in path:
            at = at[key]
        at["drift"] = 1
        assert not check.is_valid(drifted), path
    assert told["summary"]["changed"] == 1
    assert told["verdicts"][0]["direction"] == "worse"
    states = {q["name"]: q["state"] for q in told["quantities"][:3]}
    assert states == {"q": "changed", "lost": "in one report only", "more": "in one report only"}


def _broken(**changes: Any) -> str:
    report = json.loads(
        Report(
            findings=[Finding(code="GC1", verdict=Verdict.sound, because="", quantities={"q": quantity(1.0)})]
        ).to_json()
    )  # fmt: skip
    report["findings"][0]["quantities"]["q"] |= changes
    return json.dumps(report)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "it is not a JSON object"),
        ('{"status": "refused"}', "it names no schema"),
        ('{"schema": "gancheck-report/2"}', "its schema is 'gancheck-report/2'"),
        ('{"schema": "gancheck-report/1"}', "it has no list of findings"),
        ('{"schema": "gancheck-report/1", "findings": []}', "it has no verdict"),
        ('{"schema": "gancheck-report/1", "findings": [7]}', "finding 0"),
        (_broken(value="1"), "q has '1' where a number belongs"),
        (_broken(value=True), "q has True where a number belongs"),
        (_broken(kind="guess"), "q has no kind"),
        (_broken(unit=None), "q has no kind"),
        (_broken(sampling_error=-1.0), "q has a negative error"),
        (_broken(interval=[1.0]), "q has an interval that is not two numbers"),
    ],
)
def test_what_is_no_report_is_one_sentence_with_exit_code_2(
    text: str, words: str, tmp_path: Path
) -> None:
    good = saved(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "result.json").write_text(text)
    done = CliRunner().invoke(cli.app, ["compare", str(good), str(tmp_path / "b")])
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert str(tmp_path / "b") in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("value", ["null", "NaN", "Infinity", "1e999", "1" + "0" * 400])
def test_a_number_that_is_lost_is_compared_with_nothing(value: str, tmp_path: Path) -> None:
    finding = Finding(
        code="GC1", verdict=Verdict.sound, because="", quantities={"q": quantity(12345.5)}
    )
    base, head = saved(tmp_path / "a", finding), saved(tmp_path / "b", finding)
    text = (head / "result.json").read_text()
    (head / "result.json").write_text(text.replace("12345.5", value))
    assert compare_folders(base, head).quantities[0].because == "no number in the head"


def test_the_wrong_folders_are_one_sentence_each(tmp_path: Path) -> None:
    good, run, empty = saved(tmp_path / "a"), tmp_path / "run", tmp_path / "empty"
    run.mkdir()
    empty.mkdir()
    (run / "run.json").write_text("{}")
    for given_, words in (
        (good / ".." / "a", "are the same folder"),
        (run, "was not diagnosed"),
        (empty, "holds no result.json"),
        (good / "result.json", "is a folder and"),
        (tmp_path / "none", "none is not there"),
    ):
        done = CliRunner().invoke(cli.app, ["compare", str(good), str(given_), "--out", str(empty)])
        assert done.exit_code == 2
        assert words in done.stderr
        assert done.stderr.count("\n") == 1
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize(
    ("now", "fail_on", "code"),
    [
        (Verdict.failing, "failing", 1),
        (Verdict.warning, "failing", 0),
        (Verdict.warning, "warning", 1),
        (Verdict.failing, "never", 0),
        (Verdict.sound, "warning", 0),
    ],
)
def test_only_a_verdict_that_became_worse_exits_with_1(
    now: Verdict, fail_on: str, code: int, tmp_path: Path
) -> None:
    steady = Finding(code="GC9", verdict=Verdict.failing, because="")
    base = saved(tmp_path / "a", Finding(code="GC1", verdict=Verdict.sound, because=""), steady)
    head = saved(tmp_path / "b", Finding(code="GC1", verdict=now, because=""), steady)
    arguments = [
        "compare",
        str(base),
        str(head),
        "--out",
        str(tmp_path / "o"),
        "--fail-on",
        fail_on,
    ]
    done = CliRunner().invoke(cli.app, arguments)
    assert done.exit_code == code, done.output
    printed = CliRunner().invoke(cli.app, [*arguments, "--json"])
    assert json.loads(printed.stdout) == json.loads((tmp_path / "o" / "compare.json").read_text())


def test_curves_stop_at_the_step_that_was_diagnosed_and_damage_is_said(tmp_path: Path) -> None:
    folder = saved(tmp_path / "a", step=2)
    rows = "".join(json.dumps({"step": s, "loss_g": 1.0 / s}) + "\n" for s in (1, 2, 3))
    (folder / "metrics.jsonl").write_text(rows + '{"step": 4, "lo')
    assert [row["step"] for row in read_side(folder).history] == [1, 2]
    (folder / "metrics.jsonl").write_text(rows + "[[[\n")
    damaged = read_side(folder)
    assert (damaged.history, "line 4" in damaged.history_fault) == ([], True)
