"""Valid and hostile files that a fuzzer starts from, made at run time; none is stored.

Small ones: a mutation of a large file rarely lands where it matters.
"""

from __future__ import annotations

import functools
import pickle
import sys
from pathlib import Path

import torch
from safetensors.torch import save as save_safetensors

from tests.checkpoints.hostile import OBJECTS, PAYLOADS, as_legacy, as_zip, saved
from tests.checkpoints.pickle_traps import PICKLES
from tests.checkpoints.stand_ins import ONNX, SAFETENSORS, STAND_INS, field, initialiser, onnx
from tests.checkpoints.traps import LEGACY, VIEWS, ZIPS

__all__ = ["seeds", "write_seeds"]

_LARGEST = 20_000  # bytes; a trap that is large by intent teaches a fuzzer nothing


def _values() -> dict[str, object]:
    state = {
        "a.weight": torch.arange(6.0).reshape(2, 3),
        "a.bias": torch.ones(2),
        "n": torch.tensor(3),
        "half": torch.ones(2).half(),
        "mask": torch.tensor([True, False]),
        "view": torch.arange(12.0).reshape(3, 4).T[1:],
    }
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    return {
        "state": state,
        "nested": {"netG": state, "step": 3, "again": state, "loss": [0.5, float("nan")]},
        "optimizer": optimizer.state_dict(),
        "module": net,
    }


@functools.cache
def seeds() -> dict[str, bytes]:
    """Every seed by name; the same in one process, since torch names legacy storages by address."""
    found: dict[str, bytes] = {}
    for name, value in _values().items():
        found[f"{name}.zip"] = saved(value)
        found[f"{name}.legacy"] = saved(value, legacy=True)
        for protocol in (0, 2, 4):
            found[f"{name}.pickle{protocol}"] = pickle.dumps(value, protocol)
    state = _values()["state"]
    assert isinstance(state, dict)
    contiguous = {key: tensor.contiguous() for key, tensor in state.items()}
    found["safetensors"] = save_safetensors(contiguous, metadata={"step": "7"})
    found["onnx"] = onnx(
        initialiser(b"fc.weight", bytes(24)),
        field(1, b"\x22\x04Gemm"),
        field(11, b"\x0a\x01z\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x02"),
    )
    for name, (_, make) in PAYLOADS.items():
        found[f"payload {name}"] = make("/marker")
        found[f"payload {name}.zip"] = as_zip(make("/marker"))
        found[f"payload {name}.legacy"] = as_legacy(make("/marker"))
    found |= {f"object {name}": make("/marker") for name, make in OBJECTS.items()}
    for group in (ZIPS, LEGACY, VIEWS, PICKLES, SAFETENSORS, ONNX, STAND_INS):
        found |= {f"trap {name}": make() for name, (_, make) in group.items()}
    return {name: data for name, data in found.items() if len(data) <= _LARGEST}


def write_seeds(folder: Path) -> int:
    """Write each seed into a file of its own, and return how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    made = seeds()
    for number, data in enumerate(made.values()):
        (folder / f"seed{number:03d}").write_bytes(data)
    return len(made)


if __name__ == "__main__":
    sys.stdout.write(f"{write_seeds(Path(sys.argv[1]))} seeds\n")
