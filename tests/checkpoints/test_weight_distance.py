"""Two files hold the same weights bit for bit, or it is said which layers moved and how far."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor
from typer.testing import CliRunner

from gancheck.checkpoints import Refused
from gancheck.checkpoints.weight_distance import compare_files, compare_tensors
from gancheck.cli import app
from tests.checkpoints.hostile import saved
from tests.checkpoints.test_pair import networks
from tests.training.tiny import on_cpu, tiny

if TYPE_CHECKING:
    from pathlib import Path


def state(seed: int = 0) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    shapes = {"a.weight": (4, 3), "a.bias": (4,), "b.weight": (2, 4), "b.bias": (2,)}
    return {key: torch.randn(*shape, generator=rng) for key, shape in shapes.items()}


@given(
    seed=st.integers(0, 2**16), which=st.sampled_from(sorted(state())), size=st.floats(1e-6, 1e3)
)
def test_distances_are_those_of_the_vectors(seed: int, which: str, size: float) -> None:
    one, two = state(seed), state(seed)
    two[which] = two[which] + size * torch.randn(two[which].shape)
    found = compare_tensors(one, two)
    flat = [torch.cat([s[k].double().flatten() for k in one]) for s in (one, two)]
    expected = float((flat[0] - flat[1]).norm())
    assert found.distance == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert found.relative == pytest.approx(expected / float(flat[0].norm()), rel=1e-9, abs=1e-12)
    moved = [layer for layer in found.layers if layer.equal < layer.tensors]
    assert [layer.name for layer in moved] in ([which[0]], [])
    assert not moved or found.layers[0] is moved[0], "the furthest apart first"
    assert found.same_weights == (not moved)


@pytest.mark.parametrize(
    ("p", "q"),
    [("", "module."), ("module.", ""), ("netG.main.", "module.netG.main."), ("x.", "y.")],
)
def test_a_prefix_that_all_names_share_hides_nothing(p: str, q: str) -> None:
    one = {f"{p}{k}": t for k, t in state().items()}
    two = {f"{q}{k}": t for k, t in state().items()}
    found = compare_tensors(one, two)
    assert found.same_weights
    assert found.only_first == found.only_second == ()


def test_what_does_not_match_is_named() -> None:
    one, two = state(), state()
    del two["b.bias"]
    two["c.bias"] = torch.ones(2)
    two["a.weight"] = torch.ones(4, 5)
    two["a.bias"] = two["a.bias"].double()
    found = compare_tensors(one, two)
    assert found.only_first == ("b.bias",)
    assert found.only_second == ("c.bias",)
    assert found.misshapen == {
        "a.weight": "4x3 float32 and 4x5 float32",
        "a.bias": "4 float32 and 4 float64",
    }
    assert not found.same_weights
    assert [layer.name for layer in found.layers] == ["b"]
    for said in ("only in first: b.bias", "only in second: c.bias", "a.weight (4x3 float32"):
        assert said in found.text()


def test_nan_counters_and_the_sign_of_zero_are_compared_bit_for_bit() -> None:
    nan = {"w": torch.tensor([math.nan, 1.0]), "steps": torch.tensor(7)}
    assert compare_tensors(nan, dict(nan)).same_weights
    later = {"w": torch.tensor([math.nan, 1.0]), "steps": torch.tensor(9)}
    found = compare_tensors(nan, later)
    assert not found.same_weights
    assert found.layers[0].name == "steps"
    assert found.layers[0].largest == 2.0
    broken = compare_tensors({"w": torch.ones(2)}, {"w": torch.tensor([math.nan, 1.0])})
    assert math.isnan(broken.distance)
    assert broken.to_dict()["distance"] is None
    json.dumps(broken.to_dict(), allow_nan=False)
    zeros = compare_tensors({"w": torch.tensor([0.0])}, {"w": torch.tensor([-0.0])})
    assert (zeros.same_weights, zeros.distance, zeros.relative) == (False, 0.0, None)


def test_files_are_compared_across_containers(tmp_path: Path) -> None:
    g, d = networks()
    (tmp_path / "a.pth").write_bytes(saved(g.state_dict()))
    (tmp_path / "b.pth").write_bytes(saved(g.state_dict(), legacy=True))
    (tmp_path / "d.pth").write_bytes(saved(d.state_dict()))
    same = compare_files(tmp_path / "a.pth", tmp_path / "b.pth")
    assert (same.same_file, same.same_weights) == (False, True)
    assert "the same weights, bit for bit" in same.text()
    assert "the same file" in compare_files(tmp_path / "a.pth", tmp_path / "a.pth").text()
    other = compare_files(tmp_path / "a.pth", tmp_path / "d.pth")
    assert not other.same_weights
    (tmp_path / "page.pth").write_bytes(b"<html>")
    with pytest.raises(Refused):
        compare_files(tmp_path / "a.pth", tmp_path / "page.pth")


def test_of_a_run_the_networks_are_compared_and_not_the_state_of_its_training(
    tmp_path: Path,
) -> None:
    """A counter of steps or a random stream would drown how far the networks moved."""
    for seed in (0, 1):
        on_cpu(tiny(), tmp_path / f"{seed}", steps=4, seed=seed)
    files = [tmp_path / f"{seed}" / "checkpoints/step_00000004.safetensors" for seed in (0, 1)]
    found = compare_files(*files)
    one, two = (load_file(file) for file in files)
    own = [k for k in one if k.startswith(("G.", "D."))]
    apart, norm = (
        math.sqrt(sum(float(t.double().square().sum()) for t in tensors))
        for tensors in ([one[k] - two[k] for k in own], [one[k] for k in own])
    )
    assert found.distance == pytest.approx(apart, rel=1e-6)
    assert found.relative == pytest.approx(apart / norm, rel=1e-6)
    assert found.left_out == len(one) + len(two) - 2 * len(own)
    assert f"{found.left_out} tensors of optimisers and random streams" in found.text()
    assert found.to_dict()["left_out"] == found.left_out


def test_names_of_a_stranger_are_plain_in_text_and_json() -> None:
    evil = {"\x1b[2J</script>\u202e.weight": torch.ones(2)}
    found = compare_tensors(evil, {"x": torch.ones(2)})
    assert "\x1b" not in found.text() + json.dumps(found.to_dict(), ensure_ascii=False)
    assert "\u202e" not in found.text() + json.dumps(found.to_dict(), ensure_ascii=False)


def test_the_command_prints_text_or_json_and_takes_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(saved(state()))
    (tmp_path / "b.pth").write_bytes(saved(state(1)))
    call = CliRunner().invoke
    text = call(app, ["compare", str(tmp_path / "a.pth"), str(tmp_path / "b.pth")])
    assert text.exit_code == 0
    assert "2 of 2 layers differ" in text.output
    twin = call(app, ["compare", "--json", str(tmp_path / "a.pth"), str(tmp_path / "a.pth")])
    assert json.loads(twin.output)["same_file"] is True
    folder = call(app, ["compare", str(tmp_path), str(tmp_path / "a.pth")])
    assert folder.exit_code == 2
    assert "is a folder" in folder.output
    missing = call(app, ["compare", str(tmp_path / "no.pth"), str(tmp_path / "a.pth")])
    assert missing.exit_code == 3
