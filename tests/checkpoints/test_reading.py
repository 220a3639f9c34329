"""What the static reader lists, and what the loader builds, are what torch's own reader builds."""

from __future__ import annotations

import io
import json
import pickle
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save as save_safetensors

from gancheck.checkpoints import Container, Refused, describe, index_json, plain, read
from gancheck.checkpoints.load import build_tensors, load_tensors
from gancheck.checkpoints.read import examine
from gancheck.checkpoints.selection import select
from tests.checkpoints.hostile import saved
from tests.checkpoints.stand_ins import initialiser, onnx

if TYPE_CHECKING:
    from pathlib import Path

DTYPES = [
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
    torch.int8, torch.uint8, torch.bool, torch.complex64, torch.complex128, torch.uint16, torch.float8_e5m2,
]  # fmt: skip


def same_bits(ours: torch.Tensor, oracle: torch.Tensor) -> bool:
    return (ours.dtype, ours.shape) == (oracle.dtype, oracle.shape) and raw(ours) == raw(oracle)


def raw(tensor: torch.Tensor) -> bytes:
    fresh = torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor.detach())
    return fresh.reshape(-1).view(torch.uint8).numpy().tobytes() if fresh.numel() else b""


def built(data: bytes, **chosen: Any) -> dict[str, torch.Tensor]:
    return build_tensors(data, select(examine(data, name="x"), **chosen))


@st.composite
def tensors(draw: st.DrawFn, dtypes: list[torch.dtype] = DTYPES) -> torch.Tensor:
    """A tensor of any dtype whose bits are random, so NaN payloads and denormals among them; any view."""
    dtype = draw(st.sampled_from(dtypes))
    shape = draw(st.lists(st.integers(0, 5), max_size=4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = int(np.prod(shape, dtype=np.int64))
    random = rng.integers(
        0, 2 if dtype == torch.bool else 256, count * dtype.itemsize, dtype=np.uint8
    )
    whole = (
        torch.frombuffer(bytearray(random), dtype=dtype) if count else torch.empty(0, dtype=dtype)
    )
    tensor = whole.reshape(shape)
    if tensor.ndim >= 2 and draw(st.booleans()):
        tensor = tensor.transpose(0, -1)
    if tensor.ndim >= 1 and draw(st.booleans()):
        tensor = tensor[::2]
    if tensor.ndim >= 1 and len(tensor) > 1 and draw(st.booleans()):
        tensor = tensor[1:]
    if tensor.is_floating_point() and draw(st.booleans()):
        tensor = torch.nn.Parameter(tensor, requires_grad=draw(st.booleans()))
    return tensor


# torch reads back no legacy file with a dtype that has no storage class of its own
STORED = [dtype for dtype in DTYPES if dtype not in (torch.uint16, torch.float8_e5m2)]


@pytest.mark.filterwarnings("ignore:Detected pickle protocol:UserWarning")  # of the oracle
@given(data=st.data(), legacy=st.booleans(), protocol=st.integers(2, 5), ordered=st.booleans())
def test_every_tensor_equals_torchs_own_bit_for_bit(
    data: st.DataObject, legacy: bool, protocol: int, ordered: bool
) -> None:
    kinds = tensors(STORED if legacy else DTYPES)
    values = data.draw(st.dictionaries(st.text(min_size=1, max_size=12), kinds, max_size=5))
    if values:
        values["again"] = next(iter(values.values()))
    content = saved(OrderedDict(values) if ordered else values, legacy=legacy, protocol=protocol)
    # its weights-only reader knows protocols 2 and 3; beyond them what was saved is the oracle
    oracle = values
    if protocol <= 3:
        oracle = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    index = examine(content, name="x")
    if not values:
        assert not index.buildable
        return
    ours = built(content)
    assert list(ours) == list(oracle)
    assert all(same_bits(ours[key], oracle[key]) for key in oracle)
    assert [info.strides for info in index.tensors] == [
        tensor.stride() for tensor in oracle.values()
    ]


@given(
    values=st.dictionaries(
        st.text("abc.", min_size=1, max_size=8),
        tensors().filter(lambda t: t.dtype != torch.complex128),
        min_size=1,
        max_size=4,
    )
)
def test_safetensors_equal_what_was_saved(values: dict[str, torch.Tensor]) -> None:
    plain_values = {
        key: value.detach().clone(memory_format=torch.contiguous_format)
        for key, value in values.items()
    }
    data = save_safetensors(plain_values, metadata={"step": "7"})
    ours = built(data)
    assert set(ours) == set(values)
    assert all(same_bits(ours[key], values[key]) for key in values)
    assert examine(data, name="x").metadata == {"step": "7"}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_plain_pickle_of_tensors_is_read_to_its_nested_storages(protocol: int) -> None:
    values = {"w": torch.randn(3, 4), "b": torch.randn(3)}
    data = pickle.dumps(values, protocol)
    index = examine(data, name="x")
    assert [info.shape for info in index.tensors] == [(3, 4), (3,)]
    if protocol == 2:  # spells bytes as text: listed, but there are no bytes to copy
        assert "spelled as text" in index.why_not
        return
    ours = built(data)
    assert all(same_bits(ours[key], values[key]) for key in values)


def test_nan_infinity_and_denormals_are_kept() -> None:
    odd = torch.tensor([float("nan"), float("inf"), -float("inf"), 1e-45, -0.0])
    assert same_bits(built(saved({"w": odd}))["w"], odd)


def test_tensors_that_share_a_storage_are_one_group() -> None:
    base = torch.arange(12.0)
    index = examine(
        saved({"a": base, "b": base[4:], "c": torch.ones(2), "d": base.view(3, 4).T}), name="x"
    )
    groups = {info.key: info.alias for info in index.tensors}
    assert groups["a"] == groups["b"] == groups["d"] is not None
    assert groups["c"] is None
    assert index.tensors[1].offset == (index.tensors[0].offset or 0) + 16


def checkpoint() -> dict[str, Any]:
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    moments = {
        i: {"step": torch.tensor(3.0), "exp_avg": torch.randn_like(p)}
        for i, p in enumerate(net.parameters())
    }
    return {
        "netG_state_dict": {f"module.{key}": value for key, value in net.state_dict().items()},
        "optimizer": {"state": moments, "param_groups": [{"lr": 0.001, "params": [0, 1, 2, 3]}]},
        "epoch": 12,
        "loss": [0.5, float("nan")],
        "rng": np.random.default_rng(0).integers(0, 9, 3),
        "name": "run\x1b[2J",
    }


@pytest.mark.parametrize("legacy", [False, True])
def test_a_training_checkpoint_is_listed_and_its_parts_are_loaded(
    legacy: bool, tmp_path: Path
) -> None:
    value = checkpoint()
    file = tmp_path / "last.ckpt"
    file.write_bytes(saved(value, legacy=legacy))
    index = read(file)
    assert index.metadata["epoch"] == 12
    assert index.metadata["optimizer.param_groups.0.lr"] == 0.001
    assert any(info.key == "optimizer.state.0.exp_avg" for info in index.tensors)
    ours = load_tensors(file, key="netG_state_dict", strip_prefix="module.")
    assert list(ours) == [key.removeprefix("module.") for key in value["netG_state_dict"]]
    assert all(same_bits(ours[key], value["netG_state_dict"][f"module.{key}"]) for key in ours)
    with pytest.raises(Refused, match=r"no dict named 'netD'.*netG_state_dict"):
        load_tensors(file, key="netD")
    with pytest.raises(Refused, match=r"begins with 'gen\.'"):
        load_tensors(file, key="netG_state_dict", strip_prefix="gen.")


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.main = torch.nn.Sequential(
            torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.BatchNorm1d(3)
        )


@pytest.mark.parametrize("legacy", [False, True])
def test_a_whole_module_is_listed_under_its_parameters_names_and_not_built(
    legacy: bool, tmp_path: Path
) -> None:
    net = Net()
    file = tmp_path / "whole.pth"
    file.write_bytes(saved(net, legacy=legacy))
    index = read(file)
    assert {info.key for info in index.tensors} == set(net.state_dict())
    assert not index.buildable
    assert index.why_not.startswith(f"cannot be built: needs class {Net.__module__}.Net")
    assert "torch.nn.modules.linear.Linear" in index.needs
    with pytest.raises(Refused, match="needs class"):
        load_tensors(file)


def test_weights_beside_an_object_of_a_class_are_loaded_and_the_object_is_not(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mixed.pth"
    file.write_bytes(saved({"G": {"w": torch.ones(2)}, "net": Net()}))
    assert list(load_tensors(file)) == ["G.w"]
    with pytest.raises(Refused, match="needs class"):
        load_tensors(file, key="net")


def test_no_key_has_a_meaning_of_its_own() -> None:
    """Names that the reader makes up itself are ordinary where the file has them as keys."""
    names = [
        "<attributes>",
        "_modules",
        "_parameters",
        "<0>",
        "<key 0>",
        "0",
        "",
        ".",
        "__metadata__",
    ]
    values = {name: torch.full((2,), float(i)) for i, name in enumerate(names)}
    ours = built(saved(OrderedDict(values)))
    assert list(ours) == names
    assert all(same_bits(ours[name], values[name]) for name in names)


def test_two_tensors_of_one_name_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "twins.pth"
    file.write_bytes(saved({"a.b": torch.ones(1), "a": {"b": torch.zeros(1)}}))
    with pytest.raises(Refused, match=r"two tensors have the name a\.b"):
        load_tensors(file)


def test_strings_of_a_file_reach_no_terminal(tmp_path: Path) -> None:
    key = "\x1b[31mred\x07\u202egnp\ud800" + "x" * 500
    file = tmp_path / "keys.pth"
    file.write_bytes(
        saved(
            {key: torch.ones(1), "step": 10**30, "loss": float("inf"), "note\r": "\x1b]0;title\x07"}
        )
    )
    page, data = describe(read(file)), index_json(read(file))
    text = json.dumps(data, allow_nan=False)
    assert "red" in page
    for shown in (page, text):
        assert not set(shown) & {"\x1b", "\x07", "\r", "\u202e", "\ud800"}
        assert "\\u202e" in shown or "\\\\u202e" in shown
    assert max(map(len, page.splitlines())) < 200
    assert data["status"] == "read"
    page.encode("utf-8")


@given(text=st.text(max_size=300), limit=st.integers(4, 200))
def test_plain_text_is_printable_and_no_longer_than_its_limit(text: str, limit: int) -> None:
    shown = plain(text, limit=limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    if text.isascii() and text.isprintable() and len(text) <= limit:
        assert shown == text


def test_an_onnx_model_is_listed_and_not_built() -> None:
    index = examine(onnx(initialiser(b"fc.weight", bytes(24))), name="g.onnx")
    assert (index.container, index.tensors[0].key, index.tensors[0].shape) == (
        Container.onnx,
        "fc.weight",
        (2, 3),
    )
    assert index.why_not.startswith("ONNX models are listed, not built")
