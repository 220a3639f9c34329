"""Each trap of the containers ends in one sentence that names it."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from gancheck.checkpoints import Limits, Refused, describe, index_json
from gancheck.checkpoints.load import load_tensors
from gancheck.checkpoints.read import examine
from tests.checkpoints.hostile import MAGIC, as_legacy, as_zip, saved, text, whole, zipped

if TYPE_CHECKING:
    from collections.abc import Callable

HONEST = {"weight": torch.arange(12.0).reshape(3, 4), "bias": torch.ones(3)}


def refusal_of(data: bytes, **limits: int) -> str:
    with pytest.raises(Refused) as refusal:
        examine(data, name="file.pth", limits=Limits(**limits))
    return str(refusal.value)


def tensor_pickle(
    *,
    count: int = 4,
    offset: int = 0,
    shape: tuple[int, ...] = (4,),
    strides: tuple[int, ...] = (1,),
    legacy: bool = False,
) -> bytes:
    """One tensor whose every number is chosen, as torch's pickles spell it."""

    def sizes(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", v) for v in values) + b"t"

    storage = (
        b"("
        + text("storage")
        + b"ctorch\nFloatStorage\n"
        + text("0")
        + text("cpu")
        + b"\x8a\x08"
        + struct.pack("<q", count)
        + (b"NtQ" if legacy else b"tQ")
    )
    view = (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + whole(offset)
        + sizes(shape)
        + sizes(strides)
    )
    return b"\x80\x02}" + text("weight") + view + b"\x89ccollections\nOrderedDict\n)RtRs."


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


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": (2**40,), "strides": (0,)}, "more than once"),
        ({"shape": (3, 3), "strides": (0, 1)}, "more than once"),
        ({"shape": (2, 3), "strides": (1, 1)}, "more than once"),
        ({"offset": 1}, "reaches element 4"),
        ({"offset": -1}, "offset is no size"),
        ({"shape": (-1,)}, "shape is no size"),
        ({"strides": (-1,)}, "strides is no size"),
        ({"shape": (4, 1)}, "2 sizes and 1 strides"),
        ({"shape": (2**47, 0, 2**47), "strides": (0, 0, 0)}, "impossible shape"),
        ({"count": 5}, "claim"),
        ({"count": 2**33}, "claims"),
        ({"count": -4}, "no size"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("legacy", [False, True])
def test_a_tensor_that_leaves_its_storage_or_repeats_it_is_refused(
    change: dict[str, int], said: str, legacy: bool
) -> None:
    payload, content = tensor_pickle(**change, legacy=legacy), struct.pack("<4f", 1, 2, 3, 4)  # pyright: ignore[reportArgumentType]
    data = as_legacy(payload, {"0": (4, content)}) if legacy else as_zip(payload, {"0": content})
    assert said in refusal_of(data)


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


def replaced(data: bytes, old: bytes, new: bytes, *, which: int = 0) -> bytes:
    place = -1
    for _ in range(which + 1):
        place = data.index(old, place + 1)
    return data[:place] + new + data[place + len(old) :]


def flagged(data: bytes, bit: int) -> bytes:
    """Set a general-purpose flag of the first member in both of its headers."""
    central = data.index(b"PK\x01\x02")
    changed = bytearray(data)
    changed[6] |= bit
    changed[central + 8] |= bit
    return bytes(changed)


def payload() -> bytes:
    return pickle.dumps({"a": 1}, 2)


ZIPS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "compressed member": (
        "is compressed",
        lambda: zipped(
            [("a/data.pkl", payload()), ("a/data/0", bytes(2**20))],
            compression=zipfile.ZIP_DEFLATED,
        ),
    ),
    "encrypted": ("encrypted", lambda: flagged(as_zip(payload()), 1)),
    "wrong checksum": (
        "checksum",
        lambda: replaced(saved(HONEST), HONEST["weight"].numpy().tobytes()[:20], b"\xff" * 20),
    ),
    "other name inside": (
        "another name",
        lambda: replaced(as_zip(payload()), b"archive/data.pkl", b"archive/data.pkX"),
    ),
    "other method inside": (
        "described differently",
        lambda: as_zip(payload())[:8] + b"\x08\x00" + as_zip(payload())[10:],
    ),
    "other case": ("twice", lambda: zipped([("a/data.pkl", payload()), ("a/DATA.pkl", b"")])),
    "leaves its folder": (
        "leaves its folder",
        lambda: zipped([("a/data.pkl", payload()), ("a/../x", b"")]),
    ),
    "absolute name": ("leaves its folder", lambda: zipped([("/a/data.pkl", payload())])),
    "two roots": ("one folder", lambda: zipped([("a/data.pkl", payload()), ("b/x", b"")])),
    "bytes before": (
        "does not end where its end record begins",
        lambda: b"PK\x03\x04" + b"x" * 40 + as_zip(payload()),
    ),
    "bytes after": ("bytes after its end", lambda: as_zip(payload()) + b"x"),
    "claims a comment": ("a comment", lambda: as_zip(payload())[:-2] + b"\x05\x00"),
    "truncated": ("truncated zip", lambda: saved(HONEST)[:-300]),
    "TorchScript's constants": (
        "TorchScript",
        lambda: zipped([("a/data.pkl", payload()), ("a/constants.pkl", payload())]),
    ),
    "TorchScript's code": (
        "TorchScript",
        lambda: zipped([("a/data.pkl", payload()), ("a/code/x.py", b"")]),
    ),
    "Keras": (
        "not a torch checkpoint",
        lambda: zipped([("a/config.json", b"{}"), ("a/model.weights.h5", b"")]),
    ),
    "big-endian": (
        "big-endian",
        lambda: zipped([("a/data.pkl", payload()), ("a/byteorder", b"big")]),
    ),
    "missing storage": ("no member", lambda: as_zip(tensor_pickle())),
}


@pytest.mark.parametrize("name", ZIPS)
def test_a_zip_that_two_readers_could_read_differently_is_refused(name: str) -> None:
    said, make = ZIPS[name]
    assert said in refusal_of(make())


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_a_member_that_stands_twice_is_refused() -> None:
    assert "twice" in refusal_of(
        zipped([("a/data.pkl", payload()), ("a/data.pkl", pickle.dumps({"b": 2}, 2))])
    )


def test_a_member_that_overlaps_another_is_refused() -> None:
    """The quoted-overlap bomb: many directory entries share one run of bytes."""
    data = as_zip(payload())
    directory = data.index(b"PK\x01\x02")
    first = data[directory : data.index(b"PK\x01\x02", directory + 4)]
    end = bytearray(data[-22:])
    struct.pack_into("<2H", end, 8, *[struct.unpack_from("<H", end, 8)[0] + 1] * 2)
    struct.pack_into("<L", end, 12, struct.unpack_from("<L", end, 12)[0] + len(first))
    assert "overlaps" in refusal_of(data[:-22] + first + bytes(end))


LEGACY: dict[str, tuple[str, Callable[[], bytes]]] = {
    "truncated": ("truncated", lambda: saved(HONEST, legacy=True)[:-5]),
    "cut in the pickle": ("malformed pickle", lambda: saved(HONEST, legacy=True)[:200]),
    "claims 2^33 floats": (
        "claims",
        lambda: as_legacy(tensor_pickle(count=2**33, legacy=True), {"0": (2**33, bytes(16))}),
    ),
    "other count beside": (
        "where the pickle claims 4",
        lambda: as_legacy(tensor_pickle(legacy=True), {"0": (3, bytes(16))}),
    ),
    "storage not listed": (
        "not those that its tensors use",
        lambda: as_legacy(tensor_pickle(legacy=True)),
    ),
    "storage not used": (
        "not those that its tensors use",
        lambda: as_legacy(payload(), {"0": (4, bytes(16))}),
    ),
    "other protocol": (
        "protocol version",
        lambda: pickle.dumps(MAGIC, 2) + pickle.dumps(7, 2) + payload() * 3,
    ),
    "big-endian": (
        "big-endian",
        lambda: (
            pickle.dumps(MAGIC, 2)
            + pickle.dumps(1001, 2)
            + pickle.dumps({"little_endian": False}, 2)
        ),
    ),
}


@pytest.mark.parametrize("name", LEGACY)
def test_a_malformed_legacy_file_is_refused(name: str) -> None:
    said, make = LEGACY[name]
    assert said in refusal_of(make())


def test_sixty_levels_of_a_shared_tuple_cost_sixty_levels() -> None:
    levels = b"\x80\x02)" + b"".join(b"q%c2\x86" % i for i in range(60)) + b"."
    assert examine(levels, name="x").tensors == ()


def test_a_shared_part_that_unfolds_to_many_tensors_is_refused() -> None:
    shared = tensor_pickle()[2:-1] + b"".join(b"2\x86" for _ in range(60))
    data = as_zip(b"\x80\x02" + shared + b".", {"0": bytes(16)})
    assert "unfolds" in refusal_of(data, listed=2000)


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
    assert run.stderr.strip().endswith(
        "Refused: containers are nested over 200 deep, the budget of a listing"
    )


def test_a_list_that_contains_itself_is_refused() -> None:
    assert "contains itself" in refusal_of(b"\x80\x02]q\x00h\x00a.")


def test_the_budgets_end_a_reading() -> None:
    assert "opcodes" in refusal_of(b"\x80\x02" + b"N0" * 200 + b"N.", opcodes=100)
    assert "memo" in refusal_of(b"\x80\x04N" + b"\x94" * 200 + b".", memo=100)
    assert "items" in refusal_of(b"\x80\x02(" + b"N" * 200 + b"t.", items=100)
    assert "over the budget" in refusal_of(saved(HONEST), members=2)
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
    "long global": (
        "a global has a name of 200001",
        text("x" * 200_000) + b"q\x00" + text("y") + b"\x93.",
    ),
    "long key": ("a key has 200000 characters", b"}" + text("k" * 200_000) + b"Ns."),
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


@pytest.mark.parametrize(
    "stream",
    [
        b"\x80\x02.",
        b"\x80\x02NN.",
        b"\x80\x02(.",
        b"\x80\x02h\x00.",
        b"\x80\x02R.",
        b"\x80\x02a.",
        b"\x80\x02N",
        b"\x80\x02\x82\x01.",
        b"\x80\x02NNb.",
        b"\x80\x05\x97.",
    ],
)
def test_a_malformed_pickle_is_refused(stream: bytes) -> None:
    refusal_of(stream)


def test_a_key_that_stands_twice_is_refused() -> None:
    assert "twice" in refusal_of(b"\x80\x02}" + text("w") + b"]s" + text("w") + b"]s.")


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
