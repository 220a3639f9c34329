"""What a run keeps: its streams are its own, and tensors of another are refused."""

from __future__ import annotations

import pytest
import torch

from gancheck.training.state import State, streams
from tests.training.tiny import tiny


def test_training_draws_share_no_stream_with_evaluation_batches() -> None:
    evaluation = {torch.Generator().manual_seed(s).initial_seed() for s in range(1000)}
    for seed in range(50):
        own = streams(seed)
        assert len(set(own.values())) == 3
        assert not evaluation & set(own.values())
    with pytest.raises(ValueError, match="seed must not be negative, got -1"):
        streams(-1)


def test_a_state_refuses_tensors_that_are_not_its_own() -> None:
    state = State.fresh(tiny(), seed=0, device=torch.device("cpu"))
    good = state.tensors()
    for bad, sentence in (
        ({**good, "H.x": torch.zeros(1)}, "no run has: H.x"),
        ({k: v for k, v in good.items() if k != "G.0.bias"}, "Missing key.*0.bias"),
        ({**good, "G.0.bias": torch.zeros(9)}, "size mismatch"),
        ({**good, "opt_g.0.bias.step": torch.zeros(())}, "exp_avg, exp_avg_sq, step"),
        (
            {**good, **{f"opt_g.0.bias.{k}": torch.zeros(9) for k in ("exp_avg", "exp_avg_sq")}}
            | {"opt_g.0.bias.step": torch.zeros(())},
            r"exp_avg must have shape \[8\], got \[9\]",
        ),
        ({k: v for k, v in good.items() if k != "rng.draws"}, "rng.draws is missing"),
    ):
        with pytest.raises(ValueError, match=sentence):
            state.restore(bad)
