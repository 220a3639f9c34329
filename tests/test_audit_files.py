"""An audit climbs as far as files, manifest and data carry, and says what the next level needs.

A little over 400 lines: the levels are one ladder, and each rung is told by what the one below lacks.
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from gancheck import content
from gancheck.audit import diagnose
from gancheck.audit_files import Settings, audit_files
from gancheck.checkpoints import Refused, load_tensors, write_manifest
from gancheck.diagnosis import Plan, Verdict
from gancheck.games import latents
from gancheck.games.generator_only import GeneratorOnly
from tests.checkpoints.hostile import saved
from tests.checkpoints.test_pair import filled

if TYPE_CHECKING:
    from pathlib import Path

SMALL = Plan(samples=400, batch_size=32, probes=8)
WEIGHTS, FORWARD, GAME = ("GC101", "GC103"), ("GC006", "GC007"), ("GC004",)
CODES = (*WEIGHTS, *FORWARD, *GAME)


def settings(**changes: Any) -> Settings:
    return Settings(**({"codes": CODES, "plan": SMALL} | changes))


@pytest.fixture(scope="module")
def gan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pair that was stepped a little, its manifest and its data."""
    folder = tmp_path_factory.mktemp("gan")
    torch.manual_seed(0)
    g = nn.Sequential(nn.Linear(5, 12), nn.ReLU(), nn.Linear(12, 64), nn.Tanh())
    d = nn.Sequential(nn.Linear(64, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
    for network in (g, d):
        for p in network.parameters():
            p.data += 0.1 * torch.randn_like(p)
    (folder / "G.pth").write_bytes(saved(g.state_dict()))
    (folder / "D.pth").write_bytes(saved(d.state_dict()))
    draft = write_manifest([folder / "G.pth", folder / "D.pth"], folder=folder)
    (folder / "draft.toml").write_text(draft)
    (folder / "gancheck.toml").write_text(filled(draft))
    pictures = np.random.default_rng(0).integers(0, 256, (400, 8, 8)).astype(np.uint8)
    np.savez(folder / "real.npz", images=pictures)
    return folder


def both(gan: Path) -> list[Path]:
    return [gan / "G.pth", gan / "D.pth"]


def level(report: Any) -> tuple[str, str]:
    told = report.provenance["level"]
    return told["reached"], "; ".join(told["why_not_further"])


def test_without_a_manifest_it_ends_at_the_weights_and_says_what_is_missing(gan: Path) -> None:
    report = audit_files(both(gan), settings=settings())
    reached, why = level(report)
    assert reached == "weights"
    assert "gancheck init writes one" in why
    assert "G.pth fits mlp (2-D weights chain: 5-12-64)" in why
    assert [f.code for f in report.findings] == list(WEIGHTS)
    assert report.not_run == [*FORWARD, *GAME]
    assert report.complete, "nobody asked for more"


@pytest.mark.parametrize("count", [1, 2, 3])
def test_any_number_of_files_is_taken(gan: Path, count: int, tmp_path: Path) -> None:
    (tmp_path / "E.pth").write_bytes(saved({"fc.weight": torch.randn(3, 4)}))
    files = [*both(gan), tmp_path / "E.pth"][:count]
    report = audit_files(files, settings=settings(codes=["GC101"]))
    assert len(report.provenance["read"]) == count
    assert report["GC101"].verdict is Verdict.sound


@pytest.mark.parametrize("which", ["weights", "game"])
def test_codes_by_file_names_are_those_of_the_shelf(which: Any) -> None:
    assert content.diagnostic_codes(which) == list(content.diagnostics(which))


def test_a_level_that_no_chosen_diagnostic_needs_is_no_error(gan: Path) -> None:
    report = audit_files(both(gan), settings=settings(codes=["GC101"], level="game"))
    assert level(report) == ("weights", "")


def test_no_file_and_unknown_codes_are_wrong_use(gan: Path) -> None:
    with pytest.raises(ValueError, match="at least one checkpoint"):
        audit_files([])
    with pytest.raises(ValueError, match="unknown diagnostic 'GC999'"):
        audit_files(both(gan), settings=settings(codes=["GC999"]))


def test_a_draft_with_todos_ends_at_the_weights_and_names_them(gan: Path) -> None:
    report = audit_files(
        both(gan), manifest=gan / "draft.toml", data=gan / "real.npz", settings=settings()
    )
    reached, why = level(report)
    assert reached == "weights"
    for key in ("model.activation.hidden: relu |", "latent.law: normal |", "data.range"):
        assert key in why


def test_without_data_it_ends_at_the_weights(gan: Path) -> None:
    report = audit_files(both(gan), manifest=gan / "gancheck.toml", settings=settings())
    assert level(report)[0] == "weights"
    assert "real samples: --data" in level(report)[1]


def changed(gan: Path, folder: Path, *changes: tuple[str, str]) -> Path:
    """The manifest beside the files, changed."""
    text = (gan / "gancheck.toml").read_text()
    for old, new in changes:
        assert re.search(old, text), old
        text = re.sub(old, new, text)
    text = re.sub(r'path = "([GD]\.pth)"', lambda m: f'path = "{gan / m[1]}"', text)
    (folder / "changed.toml").write_text(text)
    return folder / "changed.toml"


@pytest.mark.parametrize(
    ("old", "says"),
    [
        ('d_output = "sigmoid"', "model.activation.d_output: sigmoid | logit"),
        ('kind = "non-saturating"', "objective.kind: minimax |"),
        ('d_hidden = "leaky_relu:0.2"', "model.activation.d_hidden"),
    ],
)
def test_what_the_discriminator_needs_is_not_guessed(
    gan: Path, tmp_path: Path, old: str, says: str
) -> None:
    key = old.partition(" ")[0]
    manifest = changed(gan, tmp_path, (re.escape(old), f'{key} = "TODO"'))
    report = audit_files(both(gan), manifest=manifest, data=gan / "real.npz", settings=settings())
    reached, why = level(report)
    assert reached == "forward"
    assert says in why
    assert report["GC004"].verdict is Verdict.not_applicable
    assert "needs the discriminator" in report["GC004"].because
    assert says in report["GC004"].because
    assert report["GC007"].verdict is not Verdict.not_applicable
    with pytest.raises(ValueError, match="the level game is not reached"):
        audit_files(
            both(gan), manifest=manifest, data=gan / "real.npz", settings=settings(level="game")
        )


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_both_players_reach_the_game_in_either_order(gan: Path, order: tuple[int, int]) -> None:
    report = audit_files(
        [both(gan)[i] for i in order],
        manifest=gan / "gancheck.toml",
        data=gan / "real.npz",
        settings=settings(),
    )
    assert level(report) == ("game", "")
    assert [f.code for f in report.findings] == sorted(CODES)
    assert report["GC004"].verdict is not Verdict.not_applicable
    assert report.provenance["files"]["generator"]["path"].endswith("G.pth")
    assert report.not_run == []


@pytest.mark.parametrize(
    ("wanted", "ran"),
    [("static", ()), ("weights", WEIGHTS), ("forward", (*WEIGHTS, *FORWARD)), ("game", CODES)],
)
def test_a_level_is_gone_to_and_no_further(gan: Path, wanted: Any, ran: tuple[str, ...]) -> None:
    report = audit_files(
        both(gan),
        manifest=gan / "gancheck.toml",
        data=gan / "real.npz",
        settings=settings(level=wanted),
    )
    assert report.provenance["level"]["reached"] == wanted
    measured = [f.code for f in report.findings if f.verdict is not Verdict.not_applicable]
    assert measured == sorted(ran)


def test_a_generator_alone_is_compared_with_data(gan: Path, tmp_path: Path) -> None:
    manifest = changed(gan, tmp_path, (r"discriminator = .*", 'discriminator = { path = "TODO" }'))
    report = audit_files(
        [gan / "G.pth"], manifest=manifest, data=gan / "real.npz",
        settings=Settings(plan=SMALL, budget="300s"),
    )  # fmt: skip
    assert level(report)[0] == "forward"
    asked = {f.code: f.verdict for f in report.findings if f.code < "GC1"}
    assert {c for c, v in asked.items() if v is not Verdict.not_applicable} == {
        "GC005", "GC006", "GC007", "GC010",
    }  # fmt: skip
    assert "--held-out" in report["GC008"].because
    for code in ("GC001", "GC002", "GC003", "GC004", "GC009", "GC011"):
        assert report[code].because.startswith("needs the discriminator"), report[code].because


def test_a_file_that_is_refused_refuses_the_audit(gan: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.pth").write_bytes(b"<html>not found</html>")
    with pytest.raises(Refused):
        audit_files([gan / "G.pth", tmp_path / "bad.pth"], settings=settings())


def test_another_file_than_the_manifests_stays_at_the_weights(gan: Path, tmp_path: Path) -> None:
    state = load_tensors(gan / "G.pth")
    (tmp_path / "other.pth").write_bytes(saved({k: t + 1.0 for k, t in state.items()}))
    report = audit_files(
        [tmp_path / "other.pth", gan / "D.pth"],
        manifest=changed(gan, tmp_path),
        data=gan / "real.npz",
        settings=settings(),
    )
    assert level(report)[0] == "weights"
    assert "is not the file of the manifest" in level(report)[1]


def test_numbers_that_are_not_finite_fail_and_are_not_built_upon(gan: Path, tmp_path: Path) -> None:
    state = load_tensors(gan / "G.pth")
    state["2.bias"][3] = float("nan")
    (tmp_path / "G.pth").write_bytes(saved(state))
    manifest = changed(gan, tmp_path, (r', sha256 = "\w+"', ""))
    report = audit_files(
        [tmp_path / "G.pth", gan / "D.pth"], manifest=manifest, data=gan / "real.npz",
        settings=settings(),
    )  # fmt: skip
    assert report["GC101"].verdict is Verdict.failing
    assert level(report)[0] == "weights"
    assert "NaN" in level(report)[1]


def test_running_statistics_stop_a_network_that_was_not_trained(gan: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    g = nn.Sequential(
        nn.Linear(5, 12), nn.ReLU(), nn.Linear(12, 16), nn.BatchNorm1d(16), nn.ReLU(),
        nn.Linear(16, 64), nn.Tanh(),
    )  # fmt: skip
    for p in g[0].parameters():
        p.data *= 3.0
    for _ in range(200):
        g(torch.randn(32, 5))
    (tmp_path / "G.pth").write_bytes(saved(g.state_dict()))
    draft = write_manifest([tmp_path / "G.pth"], folder=tmp_path)
    found = {}
    for hidden in ("relu", "tanh"):
        (tmp_path / "m.toml").write_text(filled(draft, hidden=f'"{hidden}"'))
        found[hidden] = audit_files(
            [tmp_path / "G.pth"], manifest=tmp_path / "m.toml", data=gan / "real.npz",
            settings=settings(codes=["GC007"]),
        )  # fmt: skip
    assert level(found["relu"])[0] == "forward"
    assert any("running statistics" in note for note in found["relu"].provenance["notes"])
    assert level(found["tanh"])[0] == "weights"
    assert "is not the one that was trained" in level(found["tanh"])[1]


@pytest.mark.parametrize("which", ["data", "held_out"])
def test_data_that_cannot_be_used_are_an_error_and_no_lower_level(
    gan: Path, tmp_path: Path, which: str
) -> None:
    np.savez(tmp_path / "wrong.npz", images=np.zeros((50, 9, 9), np.uint8))
    given: dict[str, Path] = {"data": gan / "real.npz", which: tmp_path / "wrong.npz"}
    with pytest.raises(Refused, match=re.escape("has samples of shape [9, 9]")):
        audit_files(both(gan), manifest=gan / "gancheck.toml", settings=settings(), **given)


def test_a_generator_without_a_derivative_is_judged_by_its_samples() -> None:
    class Outside(nn.Module):
        without_derivative = "it runs elsewhere"

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return z.detach() @ torch.eye(5, 20, dtype=z.dtype)

    game = GeneratorOnly(Outside(), latent=latents.normal(5), data=torch.randn(300, 20))
    finding = diagnose(game, codes=["GC010"], plan=SMALL)["GC010"]
    assert finding.verdict is Verdict.warning, "five dimensions of twenty"
    assert "It runs elsewhere." in finding.because
    wide = GeneratorOnly(Outside(), latent=latents.normal(5), data=Outside()(torch.randn(300, 5)))
    finding = diagnose(wide, codes=["GC010"], plan=SMALL)["GC010"]
    assert finding.verdict is Verdict.undecided
    assert "torch can differentiate" in finding.remedy


MODELS = """
    from torch import nn

    def generator():
        return nn.Sequential(nn.Linear(5, 12), nn.ReLU(), nn.Linear(12, 64), nn.Tanh())

    def discriminator():
        return nn.Sequential(nn.Linear(64, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1), nn.Sigmoid())

    def other():
        return nn.Linear(3, 3)

    def nothing():
        return 7

    class Conditional(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = generator()
            self.label = nn.Embedding(3, 5)

        def forward(self, z, label):
            return self.layers(z + self.label(label)).view(-1, 1, 8, 8)
"""


def with_factory(
    gan: Path, folder: Path, *, generator: str = "generator", name: str = "gan_of_test_audit_files"
) -> Path:
    (folder / f"{name}.py").write_text(textwrap.dedent(MODELS))
    manifest = changed(gan, folder, ('adapter = "mlp".*', 'adapter = "factory"'))
    text = manifest.read_text() + (
        f'\n[model.factory]\ngenerator = "{name}:{generator}"\ndiscriminator = "{name}:discriminator"\n'
    )
    manifest.write_text(text)
    return manifest


def test_the_owners_code_runs_only_with_leave(gan: Path, tmp_path: Path) -> None:
    manifest = with_factory(gan, tmp_path)
    report = audit_files(
        both(gan), manifest=manifest, data=gan / "real.npz", settings=settings(codes=["GC004"])
    )
    assert level(report)[0] == "weights"
    assert "--allow-code" in level(report)[1]
    allowed = settings(codes=["GC004"], allow_code=True)
    report = audit_files(both(gan), manifest=manifest, data=gan / "real.npz", settings=allowed)
    assert level(report)[0] == "game"
    by_layers = audit_files(
        both(gan), manifest=gan / "gancheck.toml", data=gan / "real.npz",
        settings=settings(codes=["GC004"]),
    )  # fmt: skip
    one, two = (r["GC004"].quantities["mean_d_fake"].value for r in (report, by_layers))
    assert one == pytest.approx(two, rel=1e-4), "a sigmoid end and its logit are one discriminator"


@pytest.mark.parametrize(
    ("function", "says"),
    [
        ("other", "do not load into what"),
        ("nothing", "must return a torch module, got int"),
        ("missing", "has no function 'missing'"),
    ],
)
def test_a_factory_that_does_not_fit_is_told_by_name(
    gan: Path, tmp_path: Path, function: str, says: str
) -> None:
    manifest = with_factory(
        gan, tmp_path, generator=function, name=f"gan_{function}_of_test_audit_files"
    )
    report = audit_files(
        both(gan), manifest=manifest, data=gan / "real.npz",
        settings=settings(codes=["GC004"], allow_code=True),
    )  # fmt: skip
    assert level(report)[0] == "weights"
    assert says in level(report)[1]


def test_a_conditional_generator_of_the_owners_reaches_the_data(gan: Path, tmp_path: Path) -> None:
    state = {f"layers.{k}": t for k, t in load_tensors(gan / "G.pth").items()}
    state["label.weight"] = torch.randn(3, 5)
    (tmp_path / "C.pth").write_bytes(saved(state))
    name = "gan_conditional_of_test_audit_files"
    manifest = with_factory(gan, tmp_path, generator="Conditional", name=name)
    text = manifest.read_text() + '\n[condition]\nclasses = 3\nencoding = "index"\n'
    manifest.write_text(re.sub(r"generator = \{ path.*", 'generator = { path = "C.pth" }', text))
    report = audit_files(
        [tmp_path / "C.pth", gan / "D.pth"], manifest=manifest, data=gan / "real.npz",
        settings=settings(codes=["GC007"], allow_code=True),
    )  # fmt: skip
    reached, why = level(report)
    assert reached == "forward", why
    assert "conditional: its discriminator takes labels" in why
    assert report["GC007"].verdict is not Verdict.not_applicable


def test_an_audit_of_weights_imports_nothing_that_only_games_and_proofs_need(gan: Path) -> None:
    """Each of these costs up to half a second, in an audit that may take one over torch's import."""
    script = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from gancheck.cli import app\n"
        "CliRunner().invoke(app, ['audit', sys.argv[1], '--out', sys.argv[2], '--level', 'weights'])\n"
        "slow = {'sympy', 'scipy.stats', 'scipy.optimize', 'scipy.spatial', 'pandas', 'matplotlib'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(gan / "G.pth"), str(gan / "quick")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (gan / "quick" / "report.html").is_file()
    assert done.stdout.strip() == "[]"
