"""How steps are computed belongs to the run, and not everything goes with everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gancheck.training.outcomes import Refused
from tests.training.tiny import everything, on_cpu, tiny

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("manner", [{"precision": "bfloat16"}, {"deterministic": True}])
def test_a_resumed_run_computes_as_it_was_begun_without_being_told(tmp_path: Path, manner) -> None:
    on_cpu(tiny(), tmp_path / "whole", **manner)
    on_cpu(tiny(), tmp_path / "plain")
    on_cpu(tiny(), tmp_path / "cut", steps=20, **manner)
    on_cpu(tiny(), tmp_path / "cut", steps=40, resume=True)
    last = "checkpoints/step_00000040.safetensors"
    assert everything(tmp_path / "cut")[last] == everything(tmp_path / "whole")[last]
    same = everything(tmp_path / "plain")[last] == everything(tmp_path / "whole")[last]
    assert same == ("deterministic" in manner)
    (key,) = manner
    usual = {"precision": "float32", "deterministic": False}[key]
    with pytest.raises(Refused, match=f"was made with {key} = "):
        on_cpu(tiny(), tmp_path / "cut", resume=True, **{key: usual})


@pytest.mark.parametrize("manner", [{"precision": "bfloat16"}, {"compiled": True}])
@pytest.mark.parametrize("updates", ["consensus", "symplectic"])
def test_second_derivatives_want_plain_networks_in_full_precision(
    tmp_path: Path, updates, manner
) -> None:
    with pytest.raises(ValueError, match=f"second derivatives, which {updates} updates need"):
        on_cpu(tiny(updates=updates), tmp_path / "a", **manner)
    assert not (tmp_path / "a").exists()
