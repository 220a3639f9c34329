"""Real files that strangers published: the same tensors as torch's reader, and honest guesses."""

from __future__ import annotations

import hashlib
import json
import pickle
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

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
from gancheck.checkpoints.witness import DISAGREES, witness
from gancheck.inspecting import inspect_files
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


class Stub:
    """Stands for a class that is not installed: keeps its state and does nothing."""

    dump_patches = False  # asked for where torch compares the source code in the file with ours

    def __init__(self, *_: Any) -> None: ...

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


class StubbingUnpickler(pickle.Unpickler):
    """The oracle of whole objects: torch's tensors and containers, a stub for every other class."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        if module_name in ("torch._utils", "collections") or global_name.endswith("Storage"):
            return super().find_class(module_name, global_name)
        if (module_name, global_name) in (("torch", "device"), ("__builtin__", "dict")):
            return {"device": torch.device, "dict": dict}[global_name]
        return Stub


def parameters(value: Any, path: str = "") -> dict[str, torch.Tensor]:
    """Parameters and buffers of stubbed modules, named as `state_dict` names them."""
    if not isinstance(value, Stub):
        return {}
    state, found = vars(value), {}
    for name in ("_parameters", "_buffers"):
        for key, tensor in state.get(name, {}).items():
            if tensor is not None:
                found[f"{path}{key}"] = tensor
    for key, child in {**state, **state.get("_modules", {})}.items():
        found |= parameters(child, f"{path}{key}.")
    return found


@pytest.mark.filterwarnings("ignore")  # of the oracle: the source code of its classes is not there
def test_a_published_whole_object_is_listed_and_says_what_it_needs(corpus: Path) -> None:
    index = read(corpus / "basic.steg")
    assert index.container is Container.torch_legacy
    assert index.why_not.startswith("cannot be built: needs class steganogan.models.SteganoGAN")
    assert index.role.value == "unknown"
    with pytest.raises(Refused, match="needs class"):
        load_tensors(corpus / "basic.steg")
    stubbed = SimpleNamespace(
        Unpickler=StubbingUnpickler, load=pickle.load, __name__="stubbed", dump=pickle.dump
    )
    whole = torch.load(
        corpus / "basic.steg", pickle_module=stubbed, weights_only=False, map_location="cpu"
    )
    oracle = parameters(whole)
    listed = {info.key: info for info in index.tensors}
    players = {key for key in listed if key.split(".")[0] in ("encoder", "decoder", "critic")}
    assert set(oracle) == {key for key in players if "_models" not in key} != set()
    for key, tensor in oracle.items():
        info = listed[key]
        assert (info.shape, info.dtype) == (tuple(tensor.shape), str(tensor.dtype)[6:])
        assert info.strides == tensor.stride()
        assert info.offset is not None
        raw_bytes = (corpus / "basic.steg").read_bytes()[info.offset :][: tensor.nbytes]
        assert torch.frombuffer(bytearray(raw_bytes), dtype=tensor.dtype).equal(tensor.flatten())


def test_a_published_onnx_model_is_listed(corpus: Path) -> None:
    index = read(corpus / "nicklalo_wgangp_generator.onnx")
    assert index.container is Container.onnx
    assert index.versions == {"ONNX": "10", "opset": "20", "producer": "2.13.0+cu130"}
    assert index.metadata["input noise"] == "[batch, 96]"
    assert index.metadata["input label_one_hot"] == "[batch, 10]"
    assert index.metadata["output images"] == "[batch, 1, 28, 28]"
    assert index.role.value == "generator"
    assert not index.buildable
    # the layers of its published description: 96 + 32 numbers to 128 x 7 x 7, two blocks, 1 channel
    shapes = {info.key: info.shape for info in index.tensors}
    assert shapes["generator.project.weight"] == (128 * 7 * 7, 96 + 32)
    assert shapes["generator.output.weight"] == (1, 32, 3, 3)
    assert shapes["generator.label_embedding.weight"] == (10, 32)
    assert len(shapes) == 30


@pytest.mark.peer
def test_a_published_onnx_model_is_what_onnx_itself_lists(corpus: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")
    path = corpus / "nicklalo_wgangp_generator.onnx"
    theirs = [(each.name, tuple(each.dims)) for each in onnx.load(path).graph.initializer]
    assert [(info.key, info.shape) for info in read(path).tensors] == theirs


@pytest.mark.parametrize("name", FILES)
def test_a_published_file_is_shown_by_the_command(
    name: str, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inspect_files(["--json", str(corpus / name)]) == 0
    data = json.loads(capsys.readouterr().out)
    oracle = torch.load(corpus / name, weights_only=True, map_location="cpu")
    assert data["container"] == str(FILES[name][0])
    assert {(row["key"], tuple(row["shape"]), row["dtype"]) for row in data["tensors"]} == {
        (key, tuple(tensor.shape), str(tensor.dtype)[6:]) for key, tensor in oracle.items()
    }
    assert data["sha256"] == hashlib.sha256((corpus / name).read_bytes()).hexdigest()
    assert data["checksums"] == (
        "agree" if "zip" in data["container"] else "none in this container"
    )
    assert data["versions"]["pickle protocol"] == "2"


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


def test_the_published_wgan_gp_pair_is_the_one_that_was_trained(
    corpus: Path, tmp_path: Path
) -> None:
    """Its strides are no weight's; the running statistics of its file witness the proposed ones."""
    sample = corpus.parent / "data" / "mnist_4k.npz"
    if not sample.is_file():
        pytest.skip("no data/mnist_4k.npz beside the corpus")
    draft = write_manifest([corpus / "ryhan_wgangp_G.pth", corpus / "ryhan_wgangp_critic.pth"])
    for inferred in ('adapter = "dcgan"', "size = 64", "shape = [1, 28, 28]"):
        assert any(line.startswith(inferred) for line in draft.splitlines())
    told = {"d_output": '"logit"', "kind": '"wgan-gp"'}
    gaps: dict[str, list[float]] = {}
    for hidden, d_hidden, law in (
        ("relu", "leaky_relu:0.2", "normal"),
        ("leaky_relu:0.2", "leaky_relu:0.2", "normal"),
        ("relu", "relu", "normal"),
        ("relu", "leaky_relu:0.2", "uniform"),
    ):
        answers = {"hidden": f'"{hidden}"', "d_hidden": f'"{d_hidden}"', "law": f'"{law}"'}
        (tmp_path / "gancheck.toml").write_text(filled(draft, **answers, **told))
        pair = load_pair(read_manifest(tmp_path / "gancheck.toml"))
        z = pair.noise().sample(512, torch.Generator().manual_seed(0)).float()
        with torch.no_grad():
            fake = pair.generator(z)
        real = load_real(sample, range=pair.range, shape=pair.shape).data[::8]
        found = [
            witness(pair.generator, z).worst,
            witness(pair.discriminator, real.reshape(-1, *pair.sample_shape), fake).worst,
        ]
        gaps[f"{hidden} {d_hidden} {law}"] = found
    right, *wrong = gaps.values()
    assert max(right) < 0.2
    assert all(max(found) > DISAGREES for found in wrong), gaps
