"""A draft says what the files say, asks for the rest, and is enough once it is filled in."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from gancheck.checkpoints import load_pair, read_manifest, write_manifest
from tests.checkpoints import published
from tests.checkpoints.hostile import saved
from tests.checkpoints.test_pair import filled, networks

if TYPE_CHECKING:
    from pathlib import Path


def draft_of(folder: Path, **files: Any) -> str:
    for name, network in files.items():
        state = network.state_dict() if isinstance(network, nn.Module) else network
        (folder / f"{name}.pth").write_bytes(saved(state))
    return write_manifest([folder / f"{name}.pth" for name in files], folder=folder)


def test_a_convolutional_pair_is_drafted_filled_in_and_plays(tmp_path: Path) -> None:
    g, d = (
        published.drawn(n()) for n in (published.ExamplesGenerator, published.ExamplesDiscriminator)
    )
    draft = draft_of(tmp_path, netG=g, netD=d)
    told = tomllib.loads(draft)
    assert told["model"]["adapter"] == "dcgan"
    assert told["data"]["shape"] == [3, 64, 64]
    assert told["latent"]["size"] == 20
    assert told["model"]["generator_layers"][:3] == [
        "unflatten:20:1:1",
        "conv_transpose:1:0",
        "batch_norm",
    ]
    (tmp_path / "gancheck.toml").write_text(filled(draft))
    pair = load_pair(read_manifest(tmp_path / "gancheck.toml"))
    z = torch.randn(3, 20)
    with torch.no_grad():
        assert torch.equal(pair.generator(z), g(z))
        assert torch.equal(pair.discriminator(g(z)), d(g(z)))
    assert pair.sample_shape == (3, 64, 64)
    assert any("running statistics, as in evaluation" in note for note in pair.notes)


def test_a_perceptron_may_play_against_convolutions(tmp_path: Path) -> None:
    g = published.drawn(nn.Sequential(nn.Linear(5, 9), nn.ReLU(), nn.Linear(9, 28 * 28), nn.Tanh()))
    d = published.drawn(published.Critic28())
    draft = draft_of(tmp_path, netG=g, netD=d)
    assert 'adapter = { generator = "mlp", discriminator = "dcgan" }' in draft
    (tmp_path / "gancheck.toml").write_text(filled(draft, d_hidden='"relu"'))
    pair = load_pair(read_manifest(tmp_path / "gancheck.toml"))
    z = torch.randn(4, 5)
    with torch.no_grad():
        assert pair.generator(z).shape == (4, 1, 28, 28)
        assert torch.equal(pair.discriminator(pair.generator(z)), d(g(z).view(4, 1, 28, 28)))


def test_several_networks_are_spelled_out_and_one_of_them_is_uncommented(tmp_path: Path) -> None:
    g = published.drawn(published.UpsamplingGenerator())
    draft = draft_of(tmp_path, netG=g)
    assert 'shape = "TODO"' in draft, "several square pictures come out of such a network"
    (tmp_path / "gancheck.toml").write_text(draft)
    ways = re.findall(r"^# generator_layers = (\[.*\])  # for \[1, 32, 32\]", draft, re.MULTILINE)
    assert len(ways) > 1
    right = next(
        w
        for w in ways
        if w.count("upsample:2") == 2
        and "conv_transpose" not in w
        and w.index("upsample") < w.index("conv:")
    )
    answered = re.sub(
        r'^generator_layers = "TODO".*$', f"generator_layers = {right}", draft, flags=re.MULTILINE
    )
    (tmp_path / "gancheck.toml").write_text(filled(answered, shape="[1, 32, 32]"))
    manifest = read_manifest(tmp_path / "gancheck.toml", level="forward")
    assert manifest.missing("forward") == []
    assert any("files.discriminator" in line for line in manifest.missing("game"))


def test_a_residual_pair_asks_which_pooling_its_discriminator_has(tmp_path: Path) -> None:
    g = published.drawn(published.ResidualGenerator((12, 8, 6, 4)))
    d = published.drawn(published.ResidualCritic(published.SPECTRAL_NORMS["new"]))
    draft = draft_of(tmp_path, netG=g, netD=d)
    told = tomllib.loads(draft)
    assert told["data"]["shape"] == "TODO" or told["data"]["shape"] == [3, 32, 32]
    assert 'discriminator_layers = "TODO"' in draft
    assert "global_sum_pool" in draft
    assert "avg_pool:8" in draft


def test_both_players_of_one_file_are_found_by_their_keys(tmp_path: Path) -> None:
    g, d = networks()
    under = {f"module.{key}": t for key, t in g.state_dict().items()}
    draft = draft_of(tmp_path, both={"netG": under, "netD": d.state_dict(), "epoch": 4})
    (tmp_path / "gancheck.toml").write_text(filled(draft))
    pair = load_pair(read_manifest(tmp_path / "gancheck.toml"))
    z = torch.randn(3, 5)
    assert torch.equal(torch.sigmoid(pair.discriminator(pair.generator(z))), d(g(z)))
    flat = {f"generator.{k}": t for k, t in g.state_dict().items()}
    flat |= {f"discriminator.{k}": t for k, t in d.state_dict().items()}
    (tmp_path / "gancheck.toml").write_text(filled(draft_of(tmp_path, flat=flat)))
    pair = load_pair(read_manifest(tmp_path / "gancheck.toml"))
    assert torch.equal(torch.sigmoid(pair.discriminator(pair.generator(z))), d(g(z)))


def test_a_file_that_fits_nothing_leaves_the_adapter_open(tmp_path: Path) -> None:
    draft = draft_of(
        tmp_path, netG={"rnn.weight": torch.randn(3, 4, 5), "rnn.bias": torch.randn(3)}
    )
    assert 'adapter = "TODO"' in draft
    for choice in ("mlp", "dcgan", "sngan", "stylegan2", "onnx", "factory"):
        assert choice in draft
    tomllib.loads(draft)


@pytest.mark.parametrize("how", sorted(published.SPECTRAL_NORMS))
def test_a_discriminator_alone_is_drafted(how: str, tmp_path: Path) -> None:
    d = published.drawn(published.plain_spectral_critic(published.SPECTRAL_NORMS[how]))
    draft = draft_of(tmp_path, netD=d)
    assert 'generator = { path = "TODO" }' in draft
    assert '"conv:1:1", "hidden", "conv:2:1"' in draft
