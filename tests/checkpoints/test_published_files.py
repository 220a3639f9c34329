"""Real files that strangers published: the same tensors as torch's reader, and honest guesses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from gancheck.checkpoints import (
    Container,
    Refused,
    describe,
    load_pair,
    load_real,
    read,
    read_manifest,
    write_manifest,
)
from gancheck.checkpoints.load import load_tensors
from tests.checkpoints.test_pair import filled
from tests.checkpoints.test_reading import same_bits

if TYPE_CHECKING:
    from pathlib import Path

# file -> container, role, family
FILES = {
    "csinva_mnist_mlp_G.ckpt": (Container.torch_legacy, "generator", "mlp"),
    "csinva_mnist_mlp_D.ckpt": (Container.torch_legacy, "discriminator", "mlp"),
    "csinva_mnist_dcgan_netD.pth": (Container.torch_legacy, "discriminator", "convolutional"),
    "csinva_mnist_lenet.pth": (Container.torch_legacy, "other", "convolutional"),
    "pyhessian_net.pkl": (Container.torch_legacy, "unknown", "convolutional"),
    "ryhan_wgangp_G.pth": (Container.torch_zip, "generator", "convolutional"),
    "ryhan_wgangp_critic.pth": (Container.torch_zip, "discriminator", "convolutional"),
    "sourjyadip_D.pth": (Container.torch_zip, "discriminator", "convolutional"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_published_file_is_listed_and_equals_torchs_own_reading(name: str, corpus: Path) -> None:
    index = read(corpus / name)
    assert (index.container, index.role.value, index.family.value) == FILES[name]
    oracle = torch.load(corpus / name, weights_only=True, map_location="cpu")
    ours = load_tensors(corpus / name)
    assert list(ours) == list(oracle)
    assert all(same_bits(ours[key], oracle[key]) for key in oracle)
    assert index.needs == ()


@pytest.mark.parametrize("name", FILES)
def test_shapes_alone_never_name_the_wrong_player(name: str, corpus: Path, tmp_path: Path) -> None:
    """Under a name that says nothing the guess is the same or unknown, and never sure."""
    (tmp_path / "weights.bin").write_bytes((corpus / name).read_bytes())
    role = read(tmp_path / "weights.bin").role
    assert role.value in (FILES[name][1], "unknown")


def test_a_published_whole_object_is_listed_and_says_what_it_needs(corpus: Path) -> None:
    index = read(corpus / "basic.steg")
    assert index.why_not.startswith("cannot be built: needs class steganogan.models.SteganoGAN")
    assert index.role.value == "unknown"
    assert any(info.key.startswith("critic.") for info in index.tensors)
    with pytest.raises(Refused, match="needs class"):
        load_tensors(corpus / "basic.steg")


def test_a_published_onnx_model_is_listed(corpus: Path) -> None:
    index = read(corpus / "nicklalo_wgangp_generator.onnx")
    assert index.container is Container.onnx
    assert index.metadata["input noise"] == "[batch, 96]"
    assert index.metadata["input label_one_hot"] == "[batch, 10]"
    assert not index.buildable


def test_a_truncated_published_file_is_refused(corpus: Path, tmp_path: Path) -> None:
    for name in ("csinva_mnist_mlp_G.ckpt", "ryhan_wgangp_G.pth"):
        (tmp_path / name).write_bytes((corpus / name).read_bytes()[:-1000])
        with pytest.raises(Refused, match="truncated"):
            read(tmp_path / name)


def test_the_published_pair_is_drafted_filled_in_and_built(corpus: Path, tmp_path: Path) -> None:
    files = [corpus / "csinva_mnist_mlp_D.ckpt", corpus / "csinva_mnist_mlp_G.ckpt"]
    draft = write_manifest(files)
    for inferred in ('adapter = "mlp"', "size = 64", "shape = [1, 28, 28]"):
        line = next(line for line in draft.splitlines() if line.startswith(inferred))
        assert "high confidence" in line
    (tmp_path / "gancheck.toml").write_text(filled(draft))
    pair = load_pair(read_manifest(tmp_path / "gancheck.toml"))
    names = [type(module).__name__ for module in pair.generator.children()]
    assert names == ["Linear", "ReLU", "Linear", "ReLU", "Linear", "Tanh"]
    names = [type(module).__name__ for module in pair.discriminator.children()]
    assert names == ["Linear", "LeakyReLU", "Linear", "LeakyReLU", "Linear", "Identity"]
    assert pair.discriminator[1].negative_slope == 0.2  # pyright: ignore[reportIndexIssue]

    # the same functions, composed by hand from torch's own reading of the files
    g = torch.load(files[1], weights_only=True, map_location="cpu")
    d = torch.load(files[0], weights_only=True, map_location="cpu")
    z = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
    h = torch.relu(torch.relu(z @ g["0.weight"].T + g["0.bias"]) @ g["2.weight"].T + g["2.bias"])
    x = torch.tanh(h @ g["4.weight"].T + g["4.bias"])
    leaky = torch.nn.LeakyReLU(0.2)
    h = leaky(leaky(x @ d["0.weight"].T + d["0.bias"]) @ d["2.weight"].T + d["2.bias"])
    logit = h @ d["4.weight"].T + d["4.bias"]
    with torch.no_grad():
        ours = pair.generator(z)
        torch.testing.assert_close(ours, x, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(pair.discriminator(ours), logit, rtol=1e-4, atol=1e-4)

    sample = corpus.parent / "data" / "mnist_4k.npz"
    if not sample.is_file():
        pytest.skip("no data/mnist_4k.npz beside the corpus")
    real = load_real(sample, range=pair.range, shape=pair.shape)
    assert real.data.shape == (4000, 784)
    assert (float(real.data.min()), float(real.data.max())) == (-1.0, 1.0)
    assert real.labels is not None
    assert torch.bincount(real.labels).tolist() == [400] * 10
    with (
        torch.no_grad()
    ):  # a trained discriminator tells its own training data from its generator's
        assert pair.discriminator(real.data).mean() > 0 > pair.discriminator(ours).mean()


def test_describing_the_corpus_prints_within_a_terminal(corpus: Path) -> None:
    for path in sorted(corpus.iterdir()):
        if path.suffix == ".md":
            continue
        page = describe(read(path))
        assert path.name in page
        assert page.isprintable() or set(page) - {"\n"} <= set(map(chr, range(32, 127))) | set("…")
