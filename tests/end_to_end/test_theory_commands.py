"""The commands of the theory as a user types them: prove, with its second opinions, and explain."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gancheck import content
from tests.end_to_end.test_commands import run

if TYPE_CHECKING:
    from pathlib import Path


def test_prove_prints_the_schema_and_writes_the_page(tmp_path: Path) -> None:
    done = run("prove", "gradient-ratio", "--json", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    (theorem,) = result["theorems"]
    assert set(theorem) >= {
        "id", "title", "status", "tier", "seconds", "steps", "mutants", "hypotheses",
    }  # fmt: skip
    assert all(m["refuted"] for m in theorem["mutants"])
    assert (tmp_path / "theory.html").exists()


def test_explain_prints_a_diagnostic_and_a_theorem() -> None:
    assert "What to do" in run("explain", "GC003").stdout
    page = run("explain", "gradient-ratio").stdout
    for heading in ("Hypotheses", "Derivation", "False variants", "Claims", "Source"):
        assert f"\n{heading}\n" in page
    assert "refuted by rational-sign" in page


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("GC03", "GC003"),
        ("gc003", "GC003"),
        ("gradientratio", "gradient-ratio"),
        ("pinsker", "pinsker-and-chi-square"),
        ("xyzzy", ""),
        ("", ""),
    ],
)
def test_explain_of_what_there_is_not_names_at_most_three_like_it(asked: str, near: str) -> None:
    done = run("explain", asked)
    assert done.exit_code == 2
    assert f"unknown diagnostic or theorem '{asked}'; " in done.stderr
    assert done.stderr.strip().endswith("`gancheck explain` without a name lists all")
    _, _, rest = done.stderr.partition("nearest: ")
    named = rest.split("; ")[0].split(", ") if rest else []
    assert near in named if near else not named
    assert len(named) <= 3


def test_explain_without_a_name_lists_everything_with_what_it_asks_or_states() -> None:
    lines = run("explain").stdout.splitlines()
    listed = dict(zip(lines[::2], lines[1::2], strict=True))
    theorems = content.theorems()
    assert list(listed) == [*content.diagnostics(), *theorems]
    assert listed["GC003"].strip() == content.diagnostics()["GC003"].question
    assert listed["gradient-ratio"].strip() == theorems["gradient-ratio"].title


def test_prove_gives_the_same_in_one_process_and_in_two() -> None:
    ids = ("step-bound-of-a-rotating-game", "gradient-ratio", "dirac-gan-eigenvalues")
    one, two = (run("prove", *ids, "--json", "--jobs", jobs) for jobs in ("1", "2"))
    assert (one.exit_code, two.exit_code) == (0, 0), two.output
    assert _timeless(json.loads(one.stdout)) == _timeless(json.loads(two.stdout))
    assert run("prove", "gradient-ratio", "--jobs", "0").exit_code == 2


def _timeless(found: Any) -> Any:
    if isinstance(found, dict):
        return {k: _timeless(v) for k, v in found.items() if k != "seconds"}
    return [_timeless(v) for v in found] if isinstance(found, list) else found


def test_errata_are_a_list_and_json() -> None:
    assert "corrected" in run("prove", "gradient-ratio", "--errata").stdout
    done = run("prove", "gradient-ratio", "--errata", "--json")
    assert set(json.loads(done.stdout)) == {"errata"}


def test_z3_agrees_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    from gancheck.theory import second_opinion

    if second_opinion.available():
        done = run("prove", "gradient-ratio", "--second-opinion", "--json")
        found = json.loads(done.stdout)["second_opinion"]["gradient-ratio"]
        assert (done.exit_code, found["contradicts"]) == (0, 0)
        assert found["agrees"] >= 4
    monkeypatch.setattr(second_opinion, "available", lambda: False)
    done = run("prove", "gradient-ratio", "--second-opinion")
    assert done.exit_code == 0
    assert "z3 is not installed" in done.stderr


def test_a_contradiction_by_z3_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from gancheck.theory import second_opinion

    monkeypatch.setattr(second_opinion, "available", lambda: True)
    monkeypatch.setattr(second_opinion, "opinion", lambda step: "contradicts")
    done = run("prove", "gradient-ratio", "--second-opinion")
    assert done.exit_code == 1
    assert "z3 CONTRADICTS" in done.stdout


def test_a_kernel_file_is_checked_or_said_not_to_be() -> None:
    done = run("prove", "optimal-discriminator", "--kernel", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["kernel"]["optimal-discriminator"]
    assert found["status"] == "proved" or found["evidence"].startswith("not checked")
