"""From a manifest to two modules and real data; each thing that does not fit is said by name."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

import gancheck
from gancheck.checkpoints import (
    ManifestError,
    Refused,
    load_pair,
    read,
    read_manifest,
    write_manifest,
)
from gancheck.checkpoints.activations import activation, check_activation
from gancheck.checkpoints.adapters import mlp
from gancheck.checkpoints.guess import guess_role
from gancheck.checkpoints.load import load_tensors
from gancheck.checkpoints.selection import select
from tests.checkpoints.hostile import saved

if TYPE_CHECKING:
    from pathlib import Path

ANSWERS = {
    "hidden": '"relu"',
    "output": '"tanh"',
    "d_hidden": '"leaky_relu:0.2"',
    "d_output": '"sigmoid"',
    "law": '"normal"',
    "range": "[-1.0, 1.0]",
    "kind": '"non-saturating"',
}


def filled(draft: str, **answers: str) -> str:
    """A draft with its TODO values replaced."""
    for key, value in (ANSWERS | answers).items():
        draft = re.sub(rf'^{key} = "TODO"', f"{key} = {value}", draft, flags=re.MULTILINE)
    return draft


def networks() -> tuple[nn.Sequential, nn.Sequential]:
    g = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 64), nn.Tanh())
    d = nn.Sequential(nn.Linear(64, 6), nn.LeakyReLU(0.2), nn.Linear(6, 1), nn.Sigmoid())
    return g, d


@pytest.fixture
def pair_files(tmp_path: Path) -> tuple[Path, nn.Sequential, nn.Sequential]:
    g, d = networks()
    (tmp_path / "G.pth").write_bytes(saved(g.state_dict()))
    (tmp_path / "D.pth").write_bytes(saved(d.state_dict(), legacy=True))
    (tmp_path / "gancheck.toml").write_text(
        filled(write_manifest([tmp_path / "G.pth", tmp_path / "D.pth"], folder=tmp_path))
    )
    return tmp_path, g, d


def test_the_modules_compute_what_their_owner_trained(
    pair_files: tuple[Path, nn.Sequential, nn.Sequential],
) -> None:
    folder, g, d = pair_files
    pair = load_pair(read_manifest(folder / "gancheck.toml"))
    z = torch.randn(9, 5)
    assert torch.equal(pair.generator(z), g(z))
    assert torch.equal(torch.sigmoid(pair.discriminator(g(z))), d(g(z)))
    assert pair.shape == (1, 8, 8)
    assert all(
        p.requires_grad and p.is_leaf
        for p in [*pair.generator.parameters(), *pair.discriminator.parameters()]
    )
    source = pair.provenance["discriminator"]
    assert (source.container, source.consumed, source.unconsumed) == ("torch legacy", 4, ())
    assert any("sigmoid end is left out" in note for note in pair.notes)


def test_a_pair_plays_as_a_game(pair_files: tuple[Path, nn.Sequential, nn.Sequential]) -> None:
    folder, _g, _d = pair_files
    pair = load_pair(read_manifest(folder / "gancheck.toml"), folder / "G.pth", folder / "D.pth")
    game = gancheck.Game(
        pair.generator,
        pair.discriminator,
        loss=pair.objective,
        latent=pair.noise(),
        data=torch.rand(40, 64),
    )
    batch = game.sample(16, seed=0)
    assert batch.real.shape == (16, 64)
    assert batch.latent.shape == (16, 5)


def changed(folder: Path, old: str, new: str) -> Path:
    text = (folder / "gancheck.toml").read_text()
    assert old in text
    (folder / "gancheck.toml").write_text(text.replace(old, new))
    return folder / "gancheck.toml"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("size = 5", "size = 6", "takes 5 numbers and the manifest's latent.size is 6"),
        ("shape = [1, 8, 8]", "shape = [1, 8, 9]", "returns 64 numbers"),
        ('path = "D.pth"', 'path = "G.pth"', "is not the file of the manifest"),
        ("[objective]", "[condition]\nclasses = 10\n[objective]", "conditional"),
        ('path = "G.pth"', 'path = "missing.pth"', "No such file"),
        ('path = "G.pth"', 'path = "G.pth", key = "netG"', "no dict named 'netG'"),
        ('path = "G.pth"', 'path = "G.pth", strip_prefix = "module."', "begins with 'module.'"),
    ],
)
def test_files_that_do_not_fit_the_manifest_are_refused(
    old: str, new: str, said: str, pair_files: tuple[Path, nn.Sequential, nn.Sequential]
) -> None:
    manifest = read_manifest(changed(pair_files[0], old, new))
    with pytest.raises(Refused, match=re.escape(said)):
        load_pair(manifest)


def without_sums(folder: Path) -> Path:
    text = (folder / "gancheck.toml").read_text()
    (folder / "gancheck.toml").write_text(re.sub(r', sha256 = "\w+"', "", text))
    return folder / "gancheck.toml"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (
            {"0.weight": torch.ones(7, 5), "2.weight": torch.ones(64, 8)},
            "has 7 outputs and 2.weight takes 8",
        ),
        (
            {
                "0.weight": torch.ones(7, 5),
                "1.running_mean": torch.ones(7),
                "2.weight": torch.ones(64, 7),
            },
            "1 [7] among them: it has a running_mean and no weight",
        ),
        (
            {"emb.weight": torch.ones(10, 3), "0.weight": torch.ones(64, 5)},
            "has 10 outputs and 0.weight takes 5",
        ),
        ({"0.weight": torch.ones(8, 5, 3, 3)}, "no 2-D weight"),
        ({"0.weight": torch.full((64, 5), float("nan"))}, "NaN"),
        (
            {"0.weight": torch.ones(7, 5), "2.weight": torch.ones(64, 7, dtype=torch.float64)},
            "mix the dtypes",
        ),
    ],
)
def test_tensors_that_are_no_perceptron_are_refused(
    state: dict[str, torch.Tensor], said: str, pair_files: tuple[Path, nn.Sequential, nn.Sequential]
) -> None:
    folder = pair_files[0]
    (folder / "G.pth").write_bytes(saved(state))
    with pytest.raises(Refused, match=re.escape(said)):
        load_pair(read_manifest(without_sums(folder)))


def test_whole_numbers_that_no_layer_takes_are_reported(
    pair_files: tuple[Path, nn.Sequential, nn.Sequential],
) -> None:
    folder, g, _ = pair_files
    (folder / "G.pth").write_bytes(saved({**g.state_dict(), "steps": torch.tensor(7)}))
    pair = load_pair(read_manifest(without_sums(folder)))
    assert pair.provenance["generator"].unconsumed == ("steps",)
    assert any("steps" in note for note in pair.notes)


def test_generator_and_discriminator_may_stand_in_one_file(tmp_path: Path) -> None:
    g, d = networks()
    value = {
        "G": {f"module.{k}": v for k, v in g.state_dict().items()},
        "D": d.state_dict(),
        "epoch": 3,
    }
    (tmp_path / "both.pth").write_bytes(saved(value))
    assert read(tmp_path / "both.pth").role.value == "both"
    draft = filled(write_manifest([tmp_path / "both.pth"]), adapter='"mlp"', size="5", shape="[64]")
    draft = draft.replace(
        'generator = { path = "TODO" }',
        'generator = { path = "both.pth", key = "G", strip_prefix = "module." }',
    )
    draft = draft.replace(
        'discriminator = { path = "TODO" }', 'discriminator = { path = "both.pth", key = "D" }'
    )
    (tmp_path / "gancheck.toml").write_text(draft)
    pair = load_pair(read_manifest(tmp_path / "gancheck.toml"))
    z = torch.randn(3, 5)
    assert torch.equal(torch.sigmoid(pair.discriminator(pair.generator(z))), d(g(z)))
    assert pair.provenance["generator"].left_out == 4
    (tmp_path / "gancheck.toml").write_text(
        draft.replace('key = "D"', 'key = "G", strip_prefix = "module."')
    )
    with pytest.raises(Refused, match="the same tensors"):
        load_pair(read_manifest(tmp_path / "gancheck.toml"))


def test_half_precision_is_widened_and_no_memory_is_shared() -> None:
    weight = torch.randn(3, 4).half()
    network = mlp.build({"0.weight": weight}, hidden="relu", output="none")
    assert network[0].weight.dtype == torch.float32  # pyright: ignore[reportAttributeAccessIssue]
    double = torch.randn(3, 4, dtype=torch.float64)
    network = mlp.build({"0.weight": double}, hidden="relu", output="none")
    with torch.no_grad():
        network[0].weight.zero_()  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
    assert double.abs().min() > 0


@pytest.mark.parametrize("spec", ["relu", "tanh", "sigmoid", "elu", "gelu", "silu", "none"])
def test_an_activation_is_the_function_of_its_name(spec: str) -> None:
    x = torch.linspace(-3, 3, 7)
    expected = x if spec == "none" else getattr(torch.nn.functional, spec)(x)
    assert torch.equal(activation(spec)(x), expected)
    assert torch.equal(activation("leaky_relu:0.3")(x), torch.where(x > 0, x, 0.3 * x))


@pytest.mark.parametrize(
    "spec",
    ["TODO", "ReLU", "leaky_relu", "leaky_relu:", "leaky_relu:nan", "relu:0.2", "__import__"],
)
def test_another_activation_is_an_error_with_the_choices(spec: str) -> None:
    with pytest.raises(ValueError, match=r"must be one of relu \| leaky_relu:SLOPE"):
        check_activation(spec)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"relu"', '"relux"', "model.activation.hidden: activation must be one of relu"),
        (
            '"sigmoid"',
            '"probability"',
            "model.activation.d_output: must be one of sigmoid | logit, got 'probability'",
        ),
        (
            '"normal"',
            '"gauss"',
            "latent.law: law must be one of normal | uniform | truncated_normal:BOUND, got 'gauss'",
        ),
        ('"normal"', '"truncated_normal:-1"', "latent.law"),
        (
            "[-1.0, 1.0]",
            "[1.0, -1.0]",
            "data.range: range must be two finite numbers, the lower first, got [1.0, -1.0]",
        ),
        ("[-1.0, 1.0]", "[0.0, inf]", "data.range"),
        (
            "[-1.0, 1.0]",
            '"TODO"',
            "data.range: missing, it must be the least and greatest value in training",
        ),
        (
            '"non-saturating"',
            '"ns"',
            "objective.kind: must be one of minimax | non-saturating | wgan | wgan-gp | hinge | lsgan | lsgan-centred, got 'ns'",
        ),
        ('adapter = "mlp"', 'adapter = "gan"', "model.adapter"),
        (
            'adapter = "mlp"',
            'adapter = "dcgan"',
            "model.generator_layers: missing, it must be a list of layers",
        ),
        ("size = 5", "size = true", "latent.size: must be a whole number, got True"),
        ("size = 5", "size = 0", "latent.size"),
        ("size = 5", "# size", "latent.size: missing, it must be the length of z"),
        ("size = 5", "siz = 5", "latent.siz: not a key of a manifest"),
        ("schema = 1", "schema = 2", "schema: must be one of 1, got 2"),
        ("schema = 1", "schema = ", "is no TOML"),
        (
            'sha256 = "',
            'sha256 = "x',
            "files.generator.sha256: sha256 must be 64 hexadecimal digits",
        ),
    ],
)
def test_a_wrong_manifest_is_an_error_with_key_value_and_choices(
    old: str, new: str, said: str, pair_files: tuple[Path, nn.Sequential, nn.Sequential]
) -> None:
    with pytest.raises(ManifestError, match=re.escape(said)):
        read_manifest(changed(pair_files[0], old, new))


def test_a_draft_is_toml_and_reading_it_names_every_todo(tmp_path: Path) -> None:
    g, _ = networks()
    odd = tmp_path / 'we"ird\\ \x7f\n name G.pth'
    odd.write_bytes(saved({f"x\n[files]\n{key}": value for key, value in g.state_dict().items()}))
    draft = write_manifest([odd])
    parsed = tomllib.loads(draft)
    assert parsed["files"]["generator"]["path"] == str(odd)
    assert parsed["latent"]["size"] == 5
    (tmp_path / "gancheck.toml").write_text(draft)
    with pytest.raises(ManifestError) as error:
        read_manifest(tmp_path / "gancheck.toml")
    for key in (
        "hidden",
        "output",
        "d_hidden",
        "d_output",
        "latent.law",
        "data.range",
        "objective.kind",
    ):
        assert key in str(error.value)
    with pytest.raises(ValueError, match="one or two checkpoints"):
        write_manifest([])


def test_a_manifest_of_all_laws_is_read(
    pair_files: tuple[Path, nn.Sequential, nn.Sequential],
) -> None:
    manifest = read_manifest(changed(pair_files[0], '"normal"', '"truncated_normal:0.7"'))
    assert (manifest.latent.name, manifest.latent.bound) == ("truncated_normal", 0.7)
    noise = load_pair(manifest).noise()
    assert float(noise.sample(1000, torch.Generator().manual_seed(0)).abs().max()) <= 0.7


def classifier() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 10))


@pytest.mark.parametrize(
    ("network", "name", "role", "confidence"),
    [
        (networks()[0], "model.pth", "generator", "medium"),
        (networks()[1], "model.pth", "discriminator", "medium"),
        (networks()[0], "netG.pth", "generator", "high"),
        (networks()[0], "netD.pth", "unknown", "none"),
        (classifier(), "model.pth", "unknown", "none"),
        (classifier(), "netD.pth", "unknown", "none"),
        (nn.Sequential(nn.Linear(2, 8), nn.Linear(8, 2)), "model.pth", "unknown", "none"),
        (nn.Sequential(nn.Linear(2, 8), nn.Linear(8, 2)), "G.pth", "generator", "medium"),
        (nn.Sequential(nn.Linear(784, 8), nn.Linear(8, 10)), "model.pth", "unknown", "none"),
        (nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 3, 3)), "m.pth", "unknown", "none"),
        (nn.Sequential(nn.Conv2d(1, 8, 3), nn.Conv2d(8, 16, 3), nn.Conv2d(16, 8, 3), nn.Conv2d(8, 1, 3)), "m.pth", "unknown", "none"),
        (nn.BatchNorm1d(3), "m.pth", "unknown", "none"),
    ],
)  # fmt: skip
def test_a_role_is_guessed_from_two_witnesses_or_not_at_all(
    network: nn.Module, name: str, role: str, confidence: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(saved(network.state_dict()))
    guess = read(tmp_path / name).role
    assert (guess.value, guess.confidence) == (role, confidence), guess.reasons
    assert guess.reasons


def test_the_match_tells_what_shapes_cannot_show(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(saved({"0.weight": torch.ones(3, 2)}))
    match = mlp.match(select(read(tmp_path / "a.pth")))
    assert match.score == 1
    assert any("without bias and not an embedding" in text for text in match.hypotheses)
    assert guess_role((), "x").value == "unknown"
    assert list(load_tensors(tmp_path / "a.pth")) == ["0.weight"]
