"""The commands as a user types them: results, exit codes, and one sentence for each wrong use."""

from __future__ import annotations

import json
import shutil
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from gancheck import cli
from gancheck.training.tensor_file import read_tensors, write_tensors
from tests.end_to_end.small_pair import write_small_pair

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

CODES = [
    "GC001",
    "GC002",
    "GC003",
    "GC004",
    "GC005",
    "GC006",
    "GC007",
    "GC008",
    "GC009",
    "GC010",
    "GC011",
]
SMALL = ("--batch-size", "32", "--samples", "300", "--probes", "8")


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.app, [str(w) for w in words])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "ring8"
    done = run("train", "ring8", "--steps", "20", "--seed", "3", "--device", "cpu", "--out", out)
    assert done.exit_code == 0, done.output
    return out


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small perceptron GAN saved by torch, its manifest and data."""
    folder = tmp_path_factory.mktemp("pair")
    write_small_pair(folder)
    return folder


def test_a_watched_training_says_what_looking_cost_and_a_longer_one_goes_on(
    tmp_path: Path,
) -> None:
    words = ("train", "dirac", "--out", tmp_path / "a", "--device", "cpu", "--set")
    first = run(*words, "steps=3", "--diagnose-every", "3")
    assert "watched: " in first.stdout
    assert "after 1 look; overhead " in first.stdout
    assert run(*words, "steps=5", "--resume").exit_code == 0
    assert (tmp_path / "a/checkpoints/step_00000005.safetensors").exists()
    other = run(*words, "seed=7", "--resume")
    assert other.exit_code == 2
    assert "was made with seed = 0, not 7" in other.stderr


def test_training_answers_in_json_and_prints_the_recipe_that_it_would_train(tmp_path: Path) -> None:
    options = ("--steps", "3", "--seed", "5", "--loss", "wgan", "--set", "batch_size=4")
    out = tmp_path / "a"
    done = run("train", "dirac", *options, "--device", "cpu", "--out", out, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["run"], told["recipe"], told["step"]) == (str(out), "dirac", 3)
    rows = (out / "metrics.jsonl").read_text().splitlines()
    assert told["metrics"] == json.loads(rows[-1])
    printed = run("train", "dirac", *options, "--print")
    (tmp_path / "printed.toml").write_text(printed.stdout)
    again = run("train", tmp_path / "printed.toml", "--device", "cpu", "--out", tmp_path / "b")
    assert again.exit_code == 0, again.output
    assert (tmp_path / "b/run.json").read_bytes() == (out / "run.json").read_bytes()
    written = json.loads(run("train", "dirac", *options, "--print", "--json").stdout)
    assert (written["steps"], written["seed"], written["loss"]) == (3, 5, "wgan")


def _audit(pair: Path, out: Path, *words: str | Path) -> Result:
    return run(
        "audit", pair / "G.pth", pair / "D.pth", "--manifest", pair / "gancheck.toml",
        "--data", pair / "real.npz", "--out", out, *SMALL, *words,
    )  # fmt: skip


def test_diagnose_writes_the_page_and_its_twin(trained: Path, tmp_path: Path) -> None:
    done = run("diagnose", trained, "--out", tmp_path, "--json", *SMALL)
    assert done.exit_code in (0, 1), done.output
    twin = json.loads((tmp_path / "result.json").read_text())
    assert [f["code"] for f in twin["findings"]] == CODES
    assert json.loads(done.stdout) == twin
    assert done.exit_code == (1 if twin["verdict"] == "failing" else 0)
    page = (tmp_path / "report.html").read_text()
    assert "Content-Security-Policy" in page
    assert len(page) < 2_000_000


def test_fail_on_never_is_always_zero_and_warning_counts_warnings(
    trained: Path, tmp_path: Path
) -> None:
    never = run(
        "diagnose", trained, "--out", tmp_path, "--only", "GC005", "--fail-on", "never", *SMALL
    )
    assert never.exit_code == 0
    strict = run(
        "diagnose", trained, "--out", tmp_path, "--only", "GC005", "--fail-on", "warning", *SMALL
    )
    verdict = json.loads((tmp_path / "result.json").read_text())["verdict"]
    assert strict.exit_code == (1 if verdict in ("warning", "failing") else 0)


def test_a_run_whose_weights_are_nan_is_reported_and_fails(trained: Path, tmp_path: Path) -> None:
    broken = tmp_path / "run"
    shutil.copytree(trained, broken)
    newest = sorted((broken / "checkpoints").iterdir())[-1]
    tensors = read_tensors(newest)
    next(t for name, t in tensors.items() if name.startswith("G.")).fill_(float("nan"))
    write_tensors(newest, tensors)
    for fail_on, code in (("failing", 1), ("never", 0)):
        done = run("diagnose", broken, "--only", "GC004,GC008", "--fail-on", fail_on, *SMALL)
        assert done.exit_code == code, done.output
        assert "must be finite" in " ".join(done.stdout.split())
        twin = json.loads((broken / "result.json").read_text())
        assert (twin["verdict"], twin["complete"]) == ("failing", True)
    wrong = run("diagnose", broken, "--only", "GC004", "--features", "colours", *SMALL)
    assert wrong.exit_code == 2
    assert "features must be" in wrong.stderr


def test_a_spent_budget_leaves_a_partial_report_and_exits_with_4(
    trained: Path, tmp_path: Path
) -> None:
    done = run(
        "diagnose", trained, "--out", tmp_path, "--budget", "0.001s", "--fail-on", "never", *SMALL
    )
    assert done.exit_code == 4
    twin = json.loads((tmp_path / "result.json").read_text())
    assert twin["complete"] is False
    assert len(twin["findings"]) < 5
    assert (tmp_path / "report.html").exists()


def test_an_audit_goes_from_two_files_to_a_page(pair: Path, tmp_path: Path) -> None:
    done = _audit(pair, tmp_path, "--fail-on", "never")
    assert done.exit_code == 0, done.output
    twin = json.loads((tmp_path / "result.json").read_text())
    assert twin["provenance"]["files"]["generator"]["sha256"]
    assert [f["code"] for f in twin["findings"] if f["code"] < "GC1"] == CODES
    assert twin["provenance"]["level"] == {"reached": "game", "why_not_further": []}
    first = (tmp_path / "report.html").read_bytes()
    assert b"<script" in first


def test_an_audit_with_held_out_samples_asks_for_memorisation(pair: Path, tmp_path: Path) -> None:
    unseen = np.random.default_rng(1).integers(0, 256, (200, 4, 4)).astype(np.uint8)
    np.savez(tmp_path / "unseen.npz", images=unseen)
    done = _audit(
        pair, tmp_path, "--held-out", tmp_path / "unseen.npz", "--only", "GC008",
        "--fail-on", "never",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    twin = json.loads((tmp_path / "result.json").read_text())
    assert twin["provenance"]["held_out"]["samples"] == 200
    finding = twin["findings"][0]
    assert finding["verdict"] != "not_applicable"
    assert finding["quantities"]["training_nearest_expected"]["value"] == 500 / 700
    assert set(finding["p_values"]["exchange"]) == {"raw", "corrected"}
    without = _audit(pair, tmp_path, "--only", "GC008", "--fail-on", "never")
    assert without.exit_code == 0
    assert "--held-out" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("page.pth", b"<!DOCTYPE html><html><body>404</body></html>", "HTML"),
        (
            "lfs.pth",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
            "Git-LFS",
        ),
        ("empty.pth", b"", "empty"),
    ],
)
def test_what_is_no_checkpoint_is_refused_in_one_sentence(
    name: str, content: bytes, says: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    done = run("inspect", file)
    assert done.exit_code == 3
    assert says.lower() in done.stderr.lower()
    assert len(done.stderr.strip().splitlines()) == 1
    refused = run("inspect", file, "--json")
    assert refused.exit_code == 3
    assert json.loads(refused.stdout)["status"] == "refused"


def test_a_truncated_file_is_refused(pair: Path, tmp_path: Path) -> None:
    whole = (pair / "G.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    done = run("inspect", tmp_path / "cut.pth")
    assert done.exit_code == 3
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_file_that_would_run_code_is_refused_by_audit_and_runs_nothing(
    pair: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    program = f"cposix\nsystem\n(S'touch {marker}'\ntR.".encode()
    with zipfile.ZipFile(tmp_path / "bad.pth", "w") as archive:
        archive.writestr("bad/data.pkl", program)
        archive.writestr("bad/version", "3\n")
    done = run(
        "audit", tmp_path / "bad.pth", pair / "D.pth", "--manifest", pair / "gancheck.toml",
        "--data", pair / "real.npz", "--out", tmp_path,
    )  # fmt: skip
    assert done.exit_code == 3
    assert "posix" in done.stderr
    assert not marker.exists()


def test_init_writes_a_manifest_once(pair: Path, tmp_path: Path) -> None:
    out = tmp_path / "gancheck.toml"
    done = run("init", pair / "G.pth", pair / "D.pth", "--out", out)
    assert done.exit_code == 0, done.output
    assert "TODO" in out.read_text()
    again = run("init", pair / "G.pth", pair / "D.pth", "--out", out)
    assert again.exit_code == 2
    assert "exists" in again.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("prove", "xyzzy"),
            "unknown theorem 'xyzzy'; `gancheck explain` without a name lists all",
        ),
        (("prove", "optimal-discriminater"), "nearest: optimal-discriminator;"),
        (("explain", "GC999"), "unknown diagnostic or theorem 'GC999'; nearest: "),
        (("diagnose", "/nowhere"), "no run"),
        (("train", "nonsense", "--out", "x"), "nonsense"),
        (("inspect", "/nowhere.pth"), "No such file"),
    ],
)
def test_wrong_use_is_one_clear_sentence(words: tuple[str, ...], says: str) -> None:
    done = run(*words)
    assert done.exit_code in (2, 3)
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--batches", "2"), "at least 4"),
        (("--only", "GC042"), "GC042"),
        (("--budget", "soon"), "soon"),
        (("--device", "tpu"), "tpu"),
    ],
)
def test_wrong_options_name_the_argument_and_the_value(
    trained: Path, words: tuple[str, ...], says: str
) -> None:
    done = run("diagnose", trained, *words)
    assert done.exit_code == 2
    assert says in done.stderr


def test_the_published_gan_measures_as_published(corpus: Path, tmp_path: Path) -> None:
    """Figures that another program measured on these files; each within its own error."""
    data = corpus.parent / "data" / "mnist_4k.npz"
    if not data.exists():
        pytest.skip("no mnist_4k.npz beside the corpus")
    files = [corpus / f"csinva_mnist_mlp_{p}.ckpt" for p in "GD"]
    manifest = tmp_path / "gancheck.toml"
    assert run("init", *files, "--out", manifest).exit_code == 0
    text = manifest.read_text()
    for key, value in (
        ("hidden", '"relu"'), ("output", '"tanh"'), ("d_hidden", '"leaky_relu:0.2"'),
        ("d_output", '"sigmoid"'), ("law", '"normal"'), ("range", "[-1.0, 1.0]"),
        ("kind", '"non-saturating"'),
    ):  # fmt: skip
        text = text.replace(f'\n{key} = "TODO"', f"\n{key} = {value}")
    manifest.write_text(text)
    done = run(
        "audit", *files, "--manifest", manifest, "--data", data, "--out", tmp_path / "page",
        "--only", "GC004,GC005,GC006,GC007", "--dtype", "float64", "--json", "--stamp",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    found = {f["code"]: f for f in json.loads(done.stdout)["findings"]}
    q = found["GC004"]["quantities"]
    for name, value, error in (
        ("mean_d_fake", 0.2879, 0.0023),
        ("mean_d_real", 0.7557, 0.0042),
        ("saturated_share", 0.0118, 0.0011),
    ):
        assert abs(q[name]["value"] - value) <= 2 * error
    assert abs(q["gradient_ratio"]["value"] - 1.76) <= 3 * q["gradient_ratio"]["sampling_error"]
    assert q["theorem_deviation"]["value"] < 1e-10
    assert found["GC005"]["verdict"] == "undecided"
    assert "held-out real data" in found["GC005"]["because"]
    q = found["GC006"]["quantities"]
    low, high = 0.0, q["knn_coverage_real"]["value"]
    assert low < q["knn_coverage"]["value"] < high
    assert found["GC006"]["seconds"] < 120  # 10,000 samples of 784 numbers, on a loaded machine
    assert found["GC007"]["verdict"] in ("warning", "failing")
    assert found["GC007"]["quantities"]["w1_violation"]["value"] < 1e-9
    assert found["GC007"]["seconds"] < 120
