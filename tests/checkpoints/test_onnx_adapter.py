"""An ONNX generator computes its graph, and is refused where it is more than a graph."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
import torch

from gancheck.checkpoints import Refused, read, read_manifest, write_manifest
from gancheck.checkpoints.adapters.onnx import check_graph, generator
from gancheck.checkpoints.pair import load_generator
from tests.checkpoints import onnx_bytes
from tests.checkpoints.onnx_bytes import field, model, node, perceptron, tensor, value_info
from tests.checkpoints.test_pair import filled

if TYPE_CHECKING:
    from pathlib import Path

needs_runtime = pytest.mark.skipif(
    find_spec("onnxruntime") is None, reason="onnxruntime is not installed (extra onnx)"
)
RNG = torch.Generator().manual_seed(0)
W, B, V = (torch.randn(*s, generator=RNG) for s in ((16, 5), (16,), (16, 3)))
Z, X = value_info("z", ["n", 5]), value_info("x", ["n", 16])


@needs_runtime
def test_samples_are_those_of_the_graph() -> None:
    made = generator(perceptron(W, B), latent=5)
    z = torch.randn(7, 5, generator=RNG)
    torch.testing.assert_close(made(z), torch.tanh(z @ W.T + B), rtol=1e-5, atol=1e-6)
    assert made(z.double()).dtype == torch.float64
    assert list(made.parameters()) == []


@needs_runtime
def test_a_conditional_generator_gets_its_class() -> None:
    made = generator(onnx_bytes.conditional(W, V), latent=5, classes=3, encoding="one_hot")
    z, y = torch.randn(6, 5, generator=RNG), torch.eye(3).repeat(2, 1)
    expected = torch.tanh(z @ W.T + y @ V.T)
    torch.testing.assert_close(made(torch.cat([z, y], 1)), expected, rtol=1e-5, atol=1e-6)


@needs_runtime
@pytest.mark.parametrize(
    ("data", "asked", "said"),
    [
        (perceptron(W, B), {"latent": 6}, "the manifest's latent.size is 6"),
        (perceptron(W, B), {"latent": 5, "classes": 3}, "has 1 inputs (z [5] tensor(float)) and the manifest speaks of 2"),
        (onnx_bytes.conditional(W, V), {"latent": 5}, "has 2 inputs"),
        (onnx_bytes.conditional(W, V), {"latent": 5, "classes": 3, "encoding": "index"}, "0 ways"),
        (onnx_bytes.conditional(W, W), {"latent": 5, "classes": 5, "encoding": "one_hot"}, "2 ways"),
        (model([node("NoSuch", ["z"], "x")], [], [Z], X), {"latent": 5}, "onnxruntime does not take the model"),
    ],
)  # fmt: skip
def test_inputs_that_cannot_be_told_apart_are_refused(
    data: bytes, asked: dict[str, object], said: str
) -> None:
    with pytest.raises(Refused, match=re.escape(said)):
        generator(data, **asked)  # pyright: ignore[reportArgumentType]


SUBGRAPH = field(5, field(1, "body") + field(6, field(2, "inner")) + field(20, 5))
HELD = field(5, field(1, "value") + field(5, tensor("c", W, location=1)) + field(20, 4))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (model([node("Evil", ["z"], "x", domain="com.example")], [], [Z], X), "operators of the domain com.example"),
        (model([node("Tanh", ["z"], "x")], [], [Z], X, opsets=(("", 17), ("com.microsoft", 1))), "domain com.microsoft"),
        (model([node("Loop", ["z"], "x")], [], [Z], X), "control flow (Loop)"),
        (model([node("If", ["z"], "x")], [], [Z], X), "control flow (If)"),
        (model([node("Odd", ["z"], "x", attributes=SUBGRAPH)], [], [Z], X), "graphs inside operators"),
        (model([node("Gemm", ["z", "w"], "x")], [tensor("w", W, location=1)], [Z], X), "stand in other files"),
        (model([node("Constant", [], "x", attributes=HELD)], [], [Z], X), "stand in other files"),
        (model([node("Tanh", ["z"], "x")], [], [Z], X, extra=field(25, b"")), "functions of its own"),
        (model([node("Tanh", ["z"], "x")], [], [Z], X)[:-3], "truncated or malformed"),
        (field(7, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "truncated or malformed"),
    ],
)  # fmt: skip
def test_a_model_that_is_more_than_a_graph_is_refused_before_it_runs(
    data: bytes, said: str
) -> None:
    with pytest.raises(Refused, match=re.escape(said)):
        check_graph(data)
    with pytest.raises(Refused, match=re.escape(said)):
        generator(data, latent=5)


def test_a_draft_reads_the_ends_of_the_model(tmp_path: Path) -> None:
    data = onnx_bytes.conditional(W, V)
    (tmp_path / "generator.onnx").write_bytes(data)
    assert read(tmp_path / "generator.onnx").container == "ONNX"
    draft = write_manifest([tmp_path / "generator.onnx"], folder=tmp_path)
    for line in ('adapter = "onnx"', "size = 5", "classes = 3", 'encoding = "one_hot"'):
        assert line in draft


@needs_runtime
def test_a_manifest_makes_a_generator_of_it(tmp_path: Path) -> None:
    (tmp_path / "generator.onnx").write_bytes(onnx_bytes.conditional(W, V))
    draft = filled(
        write_manifest([tmp_path / "generator.onnx"], folder=tmp_path), shape="[1, 4, 4]"
    )
    (tmp_path / "gancheck.toml").write_text(draft)
    alone = load_generator(read_manifest(tmp_path / "gancheck.toml", level="forward"))
    z = alone.noise().sample(9, torch.Generator().manual_seed(1)).float()
    assert z.shape == (9, 8)
    assert torch.equal(z[:, 5:].sum(1), torch.ones(9)), "the class is one-hot"
    assert alone.generator(z).shape == (9, 16)


@needs_runtime
def test_the_published_model_draws_digits(corpus: Path, tmp_path: Path) -> None:
    file = corpus / "nicklalo_wgangp_generator.onnx"
    (tmp_path / "gancheck.toml").write_text(filled(write_manifest([file])))
    alone = load_generator(read_manifest(tmp_path / "gancheck.toml", level="forward"))
    assert (alone.classes, alone.sample_shape) == (10, (1, 28, 28))
    z = alone.noise().sample(8, torch.Generator().manual_seed(0)).float()
    x = alone.generator(z)
    assert x.shape == (8, 1, 28, 28)
    assert float(x.min()) < -0.9, "a black ground"
    assert float(x.max()) > 0.9, "white strokes"


def test_without_onnxruntime_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModuleNotFoundError, match=re.escape("pip install 'gancheck[onnx]'")):
        generator(perceptron(W, B), latent=5)
