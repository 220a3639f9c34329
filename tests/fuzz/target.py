"""What a fuzzer calls: any bytes end in a listing that can be shown, or in `Refused`; nothing else.

Imports no torch, so that a fuzzer instruments the reader alone and runs it thousands of times a
second.
"""

from __future__ import annotations

import json
import time

from gancheck.checkpoints import Limits, Refused, describe, index_json, json_text
from gancheck.checkpoints.read import examine

__all__ = ["LIMITS", "SLOWEST", "check"]

# Small budgets: an input that spends them is uninteresting and would only be slow.
LIMITS = Limits(opcodes=20_000, items=40_000, listed=5_000, text=2**20, header_bytes=2**20)
SLOWEST = 5.0  # seconds; a hang by any measure at these budgets


def check(data: bytes) -> bool:
    """Read bytes as a file, and say whether they were listed.

    Raises:
        AssertionError: what is listed stands outside the file, or took too long.
        Exception: any other means a fault of the reader.
    """
    start = time.monotonic()
    said = ""
    try:
        index = examine(data, name="fuzzed", limits=LIMITS)
    except Refused as refusal:
        said = str(refusal) or "\n"  # a refusal must say why
    else:
        for info in index.tensors:
            assert info.offset is None or 0 <= info.offset <= len(data)
        describe(index).encode()
        json.loads(json_text(index_json(index)))
    assert said.isprintable()
    assert time.monotonic() - start < SLOWEST, "took too long"
    return not said
