"""Whatever the bytes: a valid index or a refusal, and what loads equals torch's own reading."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import struct
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors

from gancheck.checkpoints import Container, Index, Refused, describe, index_json
from gancheck.checkpoints.read import examine
from tests.checkpoints.hostile import saved
from tests.checkpoints.stand_ins import field, initialiser, onnx, safetensors
from tests.checkpoints.test_reading import Net, built, same_bits

SMALL = {
    "a.weight": torch.arange(6.0).reshape(2, 3),
    "a.bias": torch.ones(2),
    "n": torch.tensor(3),
    "half": torch.ones(2).half(),
}
SEEDS = {
    "zip": saved(SMALL),
    "legacy": saved(SMALL, legacy=True),
    "nested": saved({"G": SMALL, "step": 3, "again": SMALL}, protocol=4),
    "whole": saved(Net(), legacy=True),
    "pickle": pickle.dumps(SMALL, 4),
    "safetensors": save_safetensors(SMALL),
    "onnx": onnx(
        initialiser(b"fc.weight", bytes(24)), field(1, b"\x22\x04Gemm"), field(12, b"\x0a\x01y")
    ),
}


def repaired(data: bytes) -> bytes:
    """Make the checksums of a mutated zip right again, so that its contents are reached."""
    import zlib

    changed = bytearray(data)
    place = data.find(b"PK\x01\x02")
    while place >= 0 and place + 46 <= len(data):
        size, name, extra = (
            struct.unpack_from("<L", data, place + 24)[0],
            *struct.unpack_from("<2H", data, place + 28),
        )
        header = struct.unpack_from("<L", data, place + 42)[0]
        if header + 30 <= len(data):
            start = header + 30 + sum(struct.unpack_from("<2H", data, header + 26))
            struct.pack_into("<L", changed, place + 16, zlib.crc32(changed[start : start + size]))
        place = data.find(b"PK\x01\x02", place + 46 + name + extra)
    return bytes(changed)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(SEEDS[draw(st.sampled_from(sorted(SEEDS)))])
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data) - 1))
        how = draw(st.sampled_from(["set", "flip", "insert", "delete", "copy"]))
        if how == "set":
            data[place] = draw(st.integers(0, 255))
        elif how == "flip":
            data[place] ^= 1 << draw(st.integers(0, 7))
        elif how == "insert":
            data[place:place] = draw(st.binary(min_size=1, max_size=8))
        elif how == "delete" and len(data) > 20:
            del data[place : place + draw(st.integers(1, 8))]
        else:
            source = draw(st.integers(0, len(data) - 1))
            data[place : place + 16] = data[source : source + 16]
    return repaired(bytes(data)) if data[:2] == b"PK" and draw(st.integers(0, 9)) else bytes(data)


def check_index_or_refusal(data: bytes) -> None:
    try:
        index = examine(data, name="mutated")
    except Refused:
        return
    assert isinstance(index, Index)
    describe(index).encode()
    json.dumps(index_json(index), allow_nan=False)
    for info in index.tensors:
        assert info.offset is None or 0 <= info.offset <= len(data)
    try:
        ours = built(data)
    except Refused:
        return
    if index.container is Container.safetensors:
        check_against_safetensors(data, ours)
    if index.container not in (Container.torch_zip, Container.torch_legacy):
        return
    try:
        oracle = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
    except Exception:  # noqa: BLE001 - the peer may refuse or break in its own ways
        return
    flat = {info.key: _at(oracle, info.path) for info in index.tensors if info.buildable}
    assert all(
        isinstance(value, torch.Tensor) and same_bits(ours[key], value)
        for key, value in flat.items()
    )


def check_against_safetensors(data: bytes, ours: dict[str, torch.Tensor]) -> None:
    """What is listed, safetensors' own reader reads too, and the same."""
    theirs = load_safetensors(data)
    assert set(theirs) == set(ours)
    assert all(same_bits(ours[key], theirs[key]) for key in theirs)


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if isinstance(value, dict):
            value = next(child for key, child in value.items() if str(key) == name)
        else:
            value = list(value)[int(name)]
    return value


@pytest.mark.filterwarnings("ignore")  # of torch.load on damaged files
@given(data=mutated())
def test_a_mutated_file_is_refused_or_listed_and_what_loads_is_what_torch_loads(
    data: bytes,
) -> None:
    check_index_or_refusal(data)


HEADER = st.dictionaries(
    st.sampled_from(["w", "v", "__metadata__", "", "\u202e"]),
    st.one_of(
        st.fixed_dictionaries(
            {
                "dtype": st.sampled_from(["F32", "U8", "BF16", "Q4", 3]),
                "shape": st.lists(st.sampled_from([0, 1, 2, 4, -1, 2**40, True]), max_size=3),
                "data_offsets": st.lists(st.sampled_from([0, 4, 8, 16, -4, 2**60]), max_size=3),
            }
        ),
        st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    ),
    max_size=4,
)


@given(header=HEADER, size=st.sampled_from([0, 4, 8, 16]))
def test_any_header_of_safetensors_is_refused_or_listed(header: dict[str, Any], size: int) -> None:
    check_index_or_refusal(safetensors(json.dumps(header), bytes(size)))


FIELDS = st.recursive(
    st.binary(max_size=12),
    lambda inner: st.lists(st.tuples(st.integers(1, 14), inner), max_size=4).map(
        lambda parts: b"".join(field(number, content) for number, content in parts)
    ),
    max_leaves=12,
)


@given(graph=FIELDS, dims=st.binary(max_size=12), raw=st.binary(max_size=12))
def test_any_fields_of_onnx_are_refused_or_listed(graph: bytes, dims: bytes, raw: bytes) -> None:
    check_index_or_refusal(onnx(graph, field(5, field(1, dims) + field(9, raw)), field(11, graph)))


OPCODES = [
    b"(", b".", b"0", b"1", b"2", b"N", b"\x88", b"\x89", b"]", b")", b"}", b"a", b"e", b"s", b"u", b"t", b"l", b"d",
    b"R", b"b", b"o", b"\x81", b"\x92", b"\x93", b"\x85", b"\x86", b"\x87", b"q\x00", b"q\x01", b"h\x00", b"h\x01",
    b"\x94", b"Q", b"K\x05", b"\x8f", b"\x90", b"\x91", b"J\xff\xff\xff\xff", b"X\x01\x00\x00\x00w", b"X\x07\x00\x00\x00storage",
    b"ccollections\nOrderedDict\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch\nFloatStorage\n", b"cmodels\nNet\n",
    b"ctorch._utils\n_rebuild_parameter\n", b"c_codecs\nencode\n", b"ctorch.storage\n_load_from_bytes\n", b"C\x02ab",
    b"ccopyreg\n_reconstructor\n", b"cbuiltins\nset\n", b"ccollections\ndefaultdict\n", b"imodels\nNet\n", b"ctorch\nSize\n",
]  # fmt: skip


@given(stream=st.lists(st.sampled_from(OPCODES), max_size=40))
def test_any_sequence_of_opcodes_is_refused_or_listed(stream: list[bytes]) -> None:
    with contextlib.suppress(Refused):
        json.dumps(
            index_json(examine(b"\x80\x02" + b"".join(stream) + b".", name="x")), allow_nan=False
        )
