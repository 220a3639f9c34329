"""What diagnose and audit leave behind: the same bytes each time, valid, and honest when refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from gancheck import cli, content
from tests.end_to_end.small_pair import write_small_pair
from tests.rendering.schemas import report_validator, sarif_validator, validator

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

SMALL = ("--batch-size", "16", "--samples", "150", "--probes", "8", "--fail-on", "never")
AUDIT = ("audit", "G.pth", "D.pth", "--data", "real.npz", "--device", "cpu")


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.app, [str(w) for w in words])


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small players, a manifest and data, under names relative to their folder."""
    folder = tmp_path_factory.mktemp("pair")
    write_small_pair(folder)
    return folder


@pytest.fixture
def here(pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the pair as the working directory, so that paths are as a user gives them."""
    folder = tmp_path / "work"
    shutil.copytree(pair, folder)
    monkeypatch.chdir(folder)
    return folder


def _here(folder: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["gancheck", *words])
    done = run(*words)
    assert done.exit_code == 0, done.output


def _apart(folder: Path, words: tuple[str, ...]) -> None:
    """In a process of its own: other hashes of strings, and no cache of the first run."""
    own = {"PYTHONHASHSEED": "271828", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "gancheck.cli", *words],
        cwd=folder, env={**os.environ, **own}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", ["diagnose", "audit"])
def test_two_runs_are_the_same_bytes(
    command: str, pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    if command == "audit":
        shutil.copytree(pair, first)
        codes = [*content.diagnostics("weights"), "GC004", "GC005", "GC006"]  # pictures among them
        words = (
            *AUDIT,
            *SMALL,
            "--only",
            ",".join(codes),
            "--out",
            "out",
            "--sarif",
            "out/a.sarif",
        )
    else:
        trained = run("train", "ring8", "--steps", "4", "--device", "cpu", "--out", first)
        assert trained.exit_code == 0, trained.output
        few = ("--products", "60", "--device", "cpu")
        words = ("diagnose", ".", *SMALL, *few, "--out", "out", "--sarif", "out/a.sarif")
    shutil.copytree(first, second)
    _here(first, words, monkeypatch)
    _apart(second, words)
    one, two = _files(first / "out"), _files(second / "out")
    assert {"result.json", "report.html", "report.md"} < set(one)
    assert sum(name.startswith("tables") for name in one) >= 3
    assert sum(name.endswith(".sarif") for name in one) == 1
    assert sorted(one) == sorted(two)
    assert [name for name in one if one[name] != two[name]] == []
    assert str(tmp_path).encode() not in b"".join(one.values())  # paths as given
    result = json.loads(one["result.json"])
    assert "stamp" not in result["provenance"]
    assert len(result["findings"]) >= 11


def test_a_stamp_is_written_where_asked_for(here: Path) -> None:
    words = (*AUDIT, *SMALL, "--only", "GC004", "--out", "out", "--sarif", "a.sarif", "--stamp")
    done = run(*words)
    assert done.exit_code == 0, done.output
    result = json.loads((here / "out" / "result.json").read_text())
    stamp = result["provenance"]["stamp"]
    assert stamp["seconds"] > 0
    assert result["findings"][0]["seconds"] > 0
    date = stamp["date"]
    assert date in (here / "out" / "report.html").read_text()
    assert date in (here / "out" / "report.md").read_text()
    log = json.loads((here / "a.sarif").read_text())
    assert log["runs"][0]["invocations"][0]["endTimeUtc"][:19] == date[:19]
    report_validator().validate(result)
    sarif_validator().validate(log)


def test_a_budget_names_what_never_ran_everywhere(here: Path) -> None:
    words = (*AUDIT, *SMALL, "--only", "GC004,GC005", "--out", "out", "--sarif", "a.sarif")
    done = run(*words, "--budget", "0.000001s")
    assert done.exit_code == 4
    result = json.loads((here / "out" / "result.json").read_text())
    assert result["summary"]["not_run"] == 2
    assert result["verdict"] == "not_applicable"
    assert "2 not run; not checked: GC004, GC005" in " ".join(done.stdout.split())
    page = (here / "out" / "report.html").read_text()
    assert "2 not run" in page
    assert "never run: <code>GC004</code>, <code>GC005</code>" in page
    card = (here / "out" / "report.md").read_text()
    assert "- **GC004 Gradients, GC005 Support**: not reached: budget" in card
    run_ = json.loads((here / "a.sarif").read_text())["runs"][0]
    (result,) = run_["results"]
    assert (result["ruleId"], result["kind"], result["level"]) == ("not-run", "open", "none")
    assert "GC004, GC005: budget" in result["message"]["text"]
    assert run_["invocations"][0]["executionSuccessful"] is False


def _refused(here: Path, *words: str) -> tuple[Result, dict[str, Any]]:
    program = b"cposix\nsystem\n(S'touch marker'\ntR."
    with zipfile.ZipFile(here / "D.pth", "w") as archive:
        archive.writestr("bad/data.pkl", program)
        archive.writestr("bad/version", "3\n")
    done = run(*AUDIT, *SMALL, "--out", "out", "--sarif", "a.sarif", *words)
    assert done.exit_code == 3, done.output
    log = json.loads((here / "a.sarif").read_text())
    sarif_validator().validate(log)
    assert not (here / "marker").exists()
    assert not (here / "out").exists()
    return done, log["runs"][0]


def test_a_refused_file_has_json_sarif_and_no_verdict(here: Path) -> None:
    done, found = _refused(here, "--json")
    said = json.loads(done.stdout)
    validator("refusal-1").validate(said)
    assert "posix" in said["reason"]
    assert said["reason"] in done.stderr
    (result,) = found["results"]
    assert (result["ruleId"], result["level"], result["kind"]) == ("refused", "error", "fail")
    assert "posix" in result["message"]["text"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "D.pth"


def test_a_refused_file_prints_no_json_where_none_was_asked_for(here: Path) -> None:
    done, _ = _refused(here)
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_refusal_whose_sarif_cannot_be_written_is_still_a_refusal(here: Path) -> None:
    (here / "D.pth").write_bytes(b"")
    (here / "file").write_text("in the way")
    done = run(*AUDIT, *SMALL, "--sarif", "file/a.sarif")
    assert done.exit_code == 3
    first, second = done.stderr.strip().splitlines()
    assert "cannot write file/a.sarif" in first
    assert "refused" in second


def test_a_baseline_fails_only_on_what_is_new(here: Path) -> None:
    words = (*AUDIT, *SMALL, "--only", "GC004,GC007", "--out", "out", "--fail-on", "warning")
    first = run(*words)
    result = json.loads((here / "out" / "result.json").read_text())
    bad = [f["code"] for f in result["findings"] if f["verdict"] in ("warning", "failing")]
    assert bad, "the random pair is far from its data"
    assert first.exit_code == 1
    shutil.copy(here / "out" / "result.json", here / "old.json")
    known = run(*words, "--baseline", "old.json", "--sarif", "a.sarif")
    assert known.exit_code == 0, known.output
    for code in bad:
        assert f"baseline: known: {code}" in known.stdout
    results = json.loads((here / "a.sarif").read_text())["runs"][0]["results"]
    assert {r["baselineState"] for r in results} == {"unchanged"}
    for finding in result["findings"]:
        if finding["code"] == bad[0]:
            finding["verdict"] = "sound"
    (here / "older.json").write_text(json.dumps(result))
    new = run(*words, "--baseline", "older.json", "--json")
    assert new.exit_code == 1
    assert f"baseline: new: {bad[0]} " in new.stderr
    assert "(was sound)" in new.stderr
    assert json.loads(new.stdout)["schema"] == "gancheck-report/1"


@pytest.mark.parametrize(
    ("content", "says"),
    [("{}", "names no schema"), ("not json", "not JSON"), (None, "No such file")],
)
def test_a_baseline_that_is_no_report_is_one_sentence_before_any_work(
    content: str | None, says: str, here: Path
) -> None:
    if content is not None:
        (here / "old.json").write_text(content)
    done = run(*AUDIT, *SMALL, "--out", "out", "--baseline", "old.json")
    assert done.exit_code == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (here / "out").exists()
