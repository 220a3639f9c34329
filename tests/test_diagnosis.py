"""The vocabulary: worst verdict, missing codes, JSON without NaN, lazy names."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gancheck.diagnosis import Finding, Plan, Quantity, Report, Verdict


def finding(code: str, verdict: Verdict, **quantities: Quantity) -> Finding:
    return Finding(code=code, verdict=verdict, because="because", quantities=quantities)


def test_the_report_s_verdict_is_the_worst() -> None:
    order = [
        Verdict.not_applicable,
        Verdict.sound,
        Verdict.undecided,
        Verdict.warning,
        Verdict.failing,
    ]
    for i, worst in enumerate(order):
        found = [finding(f"GC00{k}", v) for k, v in enumerate(order[: i + 1])]
        assert Report(findings=found).verdict is worst
    assert Report(findings=[]).verdict is Verdict.not_applicable


def test_the_twin_has_its_schema_and_no_nan() -> None:
    report = Report(findings=[finding("GC001", Verdict.sound, x=Quantity(value=float("nan")))])
    twin = json.loads(report.to_json())
    assert set(twin) >= {"schema", "verdict", "summary", "findings", "provenance"}
    (only,) = twin["findings"]
    assert set(only) >= {"code", "verdict", "quantities", "because", "remedy", "theorems"}
    assert set(only["quantities"]["x"]) == {"value", "error", "sampling_error", "unit", "kind"}
    assert only["quantities"]["x"]["value"] is None


def test_seconds_and_the_stamp_are_written_where_asked_for() -> None:
    report = Report(
        findings=[replace(finding("GC001", Verdict.sound), seconds=1.23456)],
        provenance={"stamp": {"date": "2026-01-01"}, "command": "gancheck"},
    )
    plain = report.to_dict()
    assert "seconds" not in plain["findings"][0]
    assert plain["provenance"] == {"command": "gancheck"}
    stamped = replace(report, stamped=True).to_dict()
    assert stamped["findings"][0]["seconds"] == 1.235
    assert stamped["provenance"]["stamp"] == {"date": "2026-01-01"}


def test_what_was_not_checked_is_counted() -> None:
    report = Report(
        findings=[finding("GC001", Verdict.sound), finding("GC002", Verdict.not_applicable)],
        provenance={"not_run": ["GC003"]},
        complete=False,
    )
    assert report.not_run == ["GC003"]
    assert report.to_dict()["summary"] == {
        "failing": 0, "warning": 0, "undecided": 0, "sound": 1, "not_applicable": 1, "not_run": 1,
    }  # fmt: skip


def test_a_missing_code_is_named() -> None:
    with pytest.raises(KeyError, match=r"GC009.*GC001"):
        Report(findings=[finding("GC001", Verdict.sound)])["GC009"]


def test_a_frame_has_one_row_a_quantity() -> None:
    found = finding("GC001", Verdict.sound, x=Quantity(value=1.0), y=Quantity(value=2.0))
    assert list(Report(findings=[found]).to_frame()["quantity"]) == ["x", "y"]


def test_the_interval_takes_both_errors() -> None:
    assert Quantity(value=1.0, error=0.1, sampling_error=0.2).interval == (0.5, 1.5)
    assert Quantity(value=1.0, low=0.0).interval == (0.0, 1.0)


@pytest.mark.parametrize(("name", "least"), [("batches", 4), ("probes", 7), ("samples", 2)])
def test_a_plan_that_is_too_small_for_an_error_is_refused_by_the_name_that_was_given(
    name: str, least: int
) -> None:
    assert getattr(Plan(**{name: least}), name) == least
    with pytest.raises(ValueError, match=f"{name} must be at least {least}.*got {least - 1}"):
        Plan(**{name: least - 1})


@pytest.mark.parametrize("what", ["gancheck", "gancheck.cli"])
def test_importing_and_help_load_nothing_heavy(what: str) -> None:
    code = (
        f"import sys, {what}\n"
        "heavy = {'torch', 'sympy', 'scipy', 'pandas', 'matplotlib', 'numpy'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_measuring_needs_only_torch_numpy_scipy_pandas() -> None:
    """The rooms from games to measures run on a bare GPU image."""
    code = """
import runpy, sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {'jinja2', 'matplotlib', 'typer', 'rich', 'pydantic',
                                  'safetensors', 'hypothesis', 'sklearn'}:
            raise ImportError('blocked ' + name)
sys.meta_path.insert(0, Block())
import gancheck.games.game, gancheck.games.analytic, gancheck.games.networks, gancheck.operators
import gancheck.training.train, gancheck.diagnosis
from gancheck import measures
from gancheck.games import analytic
found = [getattr(measures, name) for name in measures.__all__]
runpy.run_path('benchmarks/bench_gpu.py')
print(measures.rotation(analytic.bilinear()).quantities['rotation'].value)
"""
    # sympy is not blocked: torch imports it itself
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[1]
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "1.0"
