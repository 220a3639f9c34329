"""Keys become modules, modules an order; nothing that a file may hold breaks the matching."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm

from gancheck.checkpoints.adapters import matching
from gancheck.checkpoints.index import TensorInfo
from gancheck.checkpoints.parts import Part, gaps, orders, parts_of

if TYPE_CHECKING:
    from collections.abc import Mapping


def info(
    name: str, shape: tuple[int, ...], dtype: str = "float32", offset: int | None = None
) -> TensorInfo:
    strides = tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))
    return TensorInfo(path=(name,), shape=shape, dtype=dtype, offset=offset, strides=strides)


def infos(state: Mapping[str, Any]) -> dict[str, TensorInfo]:
    return {
        k: info(k, tuple(t.shape), str(t.dtype).removeprefix("torch.")) for k, t in state.items()
    }


KINDS: dict[str, tuple[nn.Module, str, str]] = {
    "linear": (nn.Linear(3, 4), "linear", ""),
    "without bias": (nn.Linear(3, 4, bias=False), "linear", ""),
    "conv": (nn.Conv2d(3, 4, 5), "conv", ""),
    "transposed": (nn.ConvTranspose2d(3, 4, 5), "conv", ""),
    "batch norm": (nn.BatchNorm2d(4), "norm", ""),
    "without scales": (nn.BatchNorm2d(4, affine=False), "norm", ""),
    "without statistics": (nn.BatchNorm1d(4, track_running_stats=False), "norm", ""),
    "layer norm": (nn.LayerNorm([4, 5, 5]), "norm", ""),
    "old spectral": (spectral_norm(nn.Conv2d(3, 4, 5)), "conv", "spectral"),
    "old spectral, transposed": (spectral_norm(nn.ConvTranspose2d(3, 4, 5)), "conv", "spectral"),
    "new spectral": (parametrizations.spectral_norm(nn.Linear(3, 4)), "linear", "parametrized"),
    "weight norm": (parametrizations.weight_norm(nn.Linear(3, 4)), "other", ""),
    "PReLU": (nn.PReLU(4), "other", ""),
    "embedding in 3-D": (nn.Conv1d(3, 4, 5), "other", ""),
    "long kernel": (nn.Conv2d(3, 4, (3, 5)), "other", ""),
}


@pytest.mark.parametrize("name", KINDS)
def test_keys_of_one_module_become_one_part(name: str) -> None:
    module, kind, wrap = KINDS[name]
    state = {f"netG.main.7.{key}": t for key, t in module.state_dict().items()}
    found = parts_of(infos(state)).found
    assert [(p.kind, p.wrap) for p in found] == [(kind, wrap)]
    if kind != "other":
        assert found[0].name == "netG.main.7"
        assert {f"netG.main.7.{role}" for role in found[0].keys} == set(state)


def test_the_same_numbers_under_two_names_are_one_part() -> None:
    tensors = {
        "conv1.weight": info("conv1.weight", (4, 4, 3, 3), offset=64),
        "model.3.weight": info("model.3.weight", (4, 4, 3, 3), offset=64),
        "other.weight": info("other.weight", (4, 4, 3, 3), offset=640),
    }
    found = parts_of(tensors)
    assert [part.name for part in found.found] == ["model.3", "other"]
    assert found.tied == ("conv1.weight",)


def named(*names: str) -> list[Part]:
    return [Part(name, "linear", (2, 2), {"weight": f"{name}.weight"}) for name in names]


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (("m.0", "m.2", "m.4"), (1, 1)),
        (("m.0", "m.1", "m.4"), (0, 2)),
        (("m.0", "m.1", "m.2"), (None, None)),  # a ModuleList: its activations are functions
        (("m.0", "n.2", "n.5"), (None, 2)),
        (("fc1", "fc2", "fc3"), (None, None)),
        (("block.0.conv", "block.1.conv"), (None,)),
    ],
)
def test_numbers_of_a_sequential_tell_what_stood_between(
    names: tuple[str, ...], numbers: tuple[int | None, ...]
) -> None:
    assert gaps(named(*names)) == numbers


def test_a_sequential_follows_its_numbers_in_every_order() -> None:
    state = nn.Sequential(*(nn.Linear(2, 2) for _ in range(12))).state_dict()
    shuffled = dict(sorted(state.items()))  # 0, 1, 10, 11, 2 ...
    for order in orders(parts_of(infos(shuffled))):
        assert [part.name for part in order] == [str(i) for i in range(12)]


def test_layers_and_norms_registered_apart_are_interleaved() -> None:
    keys = ("conv1", "conv2", "conv3", "bn2", "bn3", "head")
    state = {f"{k}.weight": torch.ones(3) if "bn" in k else torch.ones(3, 3) for k in keys}
    state |= {f"{k}.bias": torch.ones(3) for k in keys}
    found = [[p.name for p in order] for order in orders(parts_of(infos(state)))]
    assert list(keys) == found[0]
    assert ["conv1", "conv2", "bn2", "conv3", "bn3", "head"] in found


WORDS = st.sampled_from(
    ["weight", "bias", "running_mean", "running_var", "num_batches_tracked", "weight_orig", "weight_u",
     "weight_v", "parametrizations.weight.original", "parametrizations.weight.0._u", "0", "1", "2", "10",
     "main", "conv", "module", "noise", "", "\u202e", "x" * 300]
)  # fmt: skip
KEYS = st.lists(WORDS, min_size=1, max_size=5).map(".".join)
SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, 4, 8, 9, 16, 64, 784, 10**6]), max_size=5).map(tuple)
DTYPES = st.sampled_from(["float32", "float64", "float16", "int64", "bool", "uint8", "complex64"])
OFFSETS = st.sampled_from([None, 0, 64, 128])


@given(
    st.dictionaries(KEYS, st.tuples(SHAPES, DTYPES, OFFSETS), max_size=14),
    st.sampled_from([None, "generator", "discriminator"]),
    st.sampled_from([None, (1, 28, 28), (3, 32, 32), (5,), (1, 1, 1)]),
)
def test_no_file_breaks_the_matching(
    state: dict[str, tuple[tuple[int, ...], str, int | None]], player: Any, shape: Any
) -> None:
    tensors = {key: info(key, s, dtype, offset) for key, (s, dtype, offset) in state.items()}
    start = time.process_time()
    found = matching(tensors, player=player, shape=shape)
    assert time.process_time() - start < 10.0
    taken = parts_of(tensors)
    keys = [k for part in taken.found for k in part.keys.values()]
    assert sorted([*keys, *taken.tied, *taken.whole_numbers]) == sorted(tensors), "every key once"
    for match in found.values():
        assert match.reasons
