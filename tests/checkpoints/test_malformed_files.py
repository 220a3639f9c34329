"""Budgets bound the work, and what a damaged file claims is held against its bytes.

The traps one by one are in `test_hostile_files`.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gancheck.checkpoints import Limits, Refused, describe, index_json
from gancheck.checkpoints.load import load_tensors
from gancheck.checkpoints.read import examine
from tests.checkpoints.hostile import as_legacy, as_zip, saved, text
from tests.checkpoints.stand_ins import field, initialiser, onnx
from tests.checkpoints.traps import HONEST, payload, tensor_pickle


def refusal_of(data: bytes, **limits: int) -> str:
    with pytest.raises(Refused) as refusal:
        examine(data, name="file.pth", limits=Limits(**limits))
    return str(refusal.value)


def test_the_handmade_tensor_is_an_honest_file_when_its_numbers_are() -> None:
    content = struct.pack("<4f", 1, 2, 3, 4)
    for data in (
        as_zip(tensor_pickle(shape=(2, 2), strides=(1, 2)), {"0": content}),
        as_legacy(tensor_pickle(shape=(2, 2), strides=(1, 2), legacy=True), {"0": (4, content)}),
    ):
        oracle = torch.load(io.BytesIO(data), weights_only=True)["weight"]
        (info,) = examine(data, name="x").tensors
        assert (
            (info.shape, info.strides) == ((2, 2), (1, 2)) == (tuple(oracle.shape), oracle.stride())
        )


def test_a_storage_smaller_than_its_bytes_is_refused() -> None:
    """Bytes that no tensor shows are where something else could stand."""
    three = {"count": 3, "shape": (3,)}
    assert "claims 12 bytes and its member has 16" in refusal_of(
        as_zip(tensor_pickle(**three), {"0": bytes(16)})
    )  # pyright: ignore[reportArgumentType]
    data = as_legacy(tensor_pickle(**three, legacy=True), {"0": (4, bytes(16))})  # pyright: ignore[reportArgumentType]
    assert "has 4 elements where the pickle claims 3" in refusal_of(data)


def test_torchs_own_expanded_and_overlapping_tensors_are_refused() -> None:
    assert "more than once" in refusal_of(saved({"w": torch.zeros(1).expand(2**40)}))
    assert "more than once" in refusal_of(
        saved({"w": torch.zeros(9).as_strided((5, 5), (1, 1))}, legacy=True)
    )


def test_sixty_levels_of_a_shared_tuple_cost_sixty_levels() -> None:
    levels = b"\x80\x02)" + b"".join(b"q%c2\x86" % i for i in range(60)) + b"."
    assert examine(levels, name="x").tensors == ()


def test_a_list_200_000_deep_is_refused_and_taken_apart_without_a_crash(tmp_path: Path) -> None:
    """In a process of its own: a recursion anywhere, also in freeing it, would end the process."""
    (tmp_path / "deep.pkl").write_bytes(b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b".")
    script = "import sys; from gancheck.checkpoints import read; read(sys.argv[1])"
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "deep.pkl")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert run.returncode == 1
    last = run.stderr.strip().splitlines()[-1]
    assert "Refused: containers are nested over 200 deep, the budget of a listing" in last


def test_the_budgets_end_a_reading() -> None:
    assert "opcodes" in refusal_of(b"\x80\x02" + b"N0" * 200 + b"N.", opcodes=100)
    assert "memo" in refusal_of(b"\x80\x04N" + b"\x94" * 200 + b".", memo=100)
    assert "items" in refusal_of(b"\x80\x02(" + b"N" * 200 + b"t.", items=100)
    assert "over the budget" in refusal_of(saved(HONEST), members=2)
    assert "directory has" in refusal_of(saved(HONEST), directory_bytes=100)
    assert "spells out over" in refusal_of(saved(HONEST), text=20)
    assert "globals" in refusal_of(saved(HONEST), globals=2)
    assert "more parts" in refusal_of(onnx(field(1, b"\x22\x01a") * 100), opcodes=100)
    assert "initialisers" in refusal_of(onnx(initialiser(b"w", bytes(24)) * 9), listed=5)
    whole_storage = torch.zeros(10_000)
    assert "again and again" in refusal_of(saved({str(i): whole_storage for i in range(3000)}))
    examine(saved({str(i): whole_storage for i in range(10)}), name="tied weights")


# A few bytes that copy or unfold the same part again and again, and how each reading ends
BOMBS: dict[str, tuple[str, bytes]] = {
    "dict from pairs": (
        "items, the budget",
        b"]("
        + b"NN\x86" * 2000
        + b"eq\x000"
        + b"ccollections\nOrderedDict\nh\x00\x85R0" * 2000
        + b"N.",
    ),
    "set from list": (
        "items, the budget",
        b"](" + b"N" * 2000 + b"eq\x000" + b"cbuiltins\nset\nh\x00\x85R0" * 2000 + b"N.",
    ),
    "encoded text": (
        "items, the budget",
        text("x" * 200_000)
        + b"q\x000"
        + (b"c_codecs\nencode\nh\x00" + text("latin1") + b"\x86R0") * 2000
        + b"N.",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_work_is_bounded_by_the_budgets_and_not_by_the_claims(name: str) -> None:
    said, stream = BOMBS[name]
    assert said in refusal_of(b"\x80\x04" + stream, items=100_000)


def test_a_state_that_is_set_again_and_again_is_unfolded_once() -> None:
    state = b"}(" + b"".join(text(str(i)) + b"N" for i in range(1000)) + b"uq\x000"
    stream = b"\x80\x02" + state + b"cm\nNet\n)\x81" + b"h\x00b" * 1000 + b"."
    index = examine(stream, name="x", limits=Limits(listed=2000))
    assert index.needs == ("m.Net",)


def test_integers_too_long_to_print_are_not_printed() -> None:
    long = b"\x8b" + struct.pack("<i", 10_000) + b"\x7f" * 10_000
    index = examine(b"\x80\x02}" + long + long + b"sX\x01\x00\x00\x00a" + long + b"s.", name="x")
    assert all(len(str(value)) < 100 for value in index.metadata.values())
    describe(index)
    json.dumps(index_json(index))
    for stream in (
        as_legacy(payload())[: -len(pickle.dumps([], 2))] + b"\x80\x02]" + long + b"a.",
    ):
        refusal_of(stream)


def test_every_truncation_of_a_file_is_refused() -> None:
    for legacy in (False, True):
        data = saved(HONEST, legacy=legacy)
        for end in range(0, len(data), 7):
            refusal_of(data[:end])


def test_a_boolean_byte_that_is_neither_0_nor_1_is_refused(tmp_path: Path) -> None:
    data = saved({"mask": torch.tensor([True, False, True])}, legacy=True)
    file = tmp_path / "mask.pth"
    file.write_bytes(data[:-1] + b"\x02")
    with pytest.raises(Refused, match="holds the byte 2"):
        load_tensors(file)
