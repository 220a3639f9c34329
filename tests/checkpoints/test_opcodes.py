"""The decoder gives what CPython's own `pickletools` gives, on any bytes."""

from __future__ import annotations

import io
import pickle
import pickletools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gancheck.checkpoints.opcodes import Cursor, opcodes
from gancheck.checkpoints.source import Held
from gancheck.checkpoints.values import Blob
from tests.checkpoints.hostile import OBJECTS, PAYLOADS, saved
from tests.checkpoints.traps import HONEST


def ours(data: bytes) -> tuple[list[tuple[str, Any]], int | None]:
    """The opcodes, and the byte after STOP; None where the decoder gives up."""
    found: list[tuple[str, Any]] = []
    cursor = Cursor(Held(data))
    try:
        for name, argument in opcodes(cursor, lambda _: None):
            blob = argument if isinstance(argument, Blob) else None
            joined = " ".join(argument) if isinstance(argument, tuple) else argument
            found.append((name, blob.source.read(0, blob.source.size) if blob else joined))
    except (ValueError, EOFError):
        return found, None
    return found, cursor.position


def theirs(data: bytes) -> tuple[list[tuple[str, Any]], int | None]:
    found: list[tuple[str, Any]] = []
    stream = io.BytesIO(data)
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            found.append(
                (opcode.name, bytes(argument) if type(argument) is bytearray else argument)
            )
    except (ValueError, EOFError):
        return found, None
    return found, stream.tell()


def same(data: bytes) -> bool:
    """Equal up to where the oracle gives up; what it reads to its end we read to its end.

    Two differences are meant: the oracle decodes names of globals as ASCII, an unpickler and we as
    UTF-8, and it knows no highest protocol.
    """
    mine, end = ours(data)
    oracle, its_end = theirs(data)
    agreed = min(len(mine), len(oracle))
    if repr(mine[:agreed]) != repr(oracle[:agreed]):  # repr: NaN equals NaN
        return False
    if len(mine) < len(oracle) and oracle[len(mine)][0] == "PROTO":
        return oracle[len(mine)][1] > 5
    return len(mine) >= len(oracle) if its_end is None else end == its_end


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=300),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    | st.tuples(inner, inner),
    max_leaves=12,
)  # fmt: skip


@given(value=VALUES, protocol=st.integers(0, 5))
def test_a_pickle_of_any_protocol_is_decoded_as_pickletools_does(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    mine, end = ours(data)
    oracle, its_end = theirs(data)
    assert repr(mine) == repr(oracle)
    assert end == its_end == len(data)


@given(data=st.binary(max_size=60))
def test_any_bytes_are_decoded_as_pickletools_does(data: bytes) -> None:
    assert same(data)


SEEDS = [
    *(make("/m") for _, make in PAYLOADS.values()),
    *(make("/m") for make in OBJECTS.values()),
    saved(HONEST, legacy=True),
    pickle.dumps({"a": [1.5, "x", b"y", 2**70]}, 0),
]


@given(data=st.data())
def test_mutated_pickles_are_decoded_as_pickletools_does(data: st.DataObject) -> None:
    stream = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(stream) - 1))
        stream[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
        stream = stream or bytearray(b".")
    assert same(bytes(stream))


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_the_seeds_are_decoded_as_pickletools_does(seed: int) -> None:
    mine, oracle = ours(SEEDS[seed]), theirs(SEEDS[seed])
    assert repr(mine) == repr(oracle)


def test_arguments_over_the_edge_of_a_piece_are_whole() -> None:
    """The source is read 64 KiB at a time; arguments of any length stand across its edges."""
    for length in (65_530, 65_536, 65_537, 200_000):
        data = pickle.dumps(["x" * length, "y\n" * 3, b"z" * length, 1], 4)
        text = b"\x80\x02V" + b"a" * length + b"\n."
        for stream in (data, text):
            assert ours(stream) == theirs(stream)
