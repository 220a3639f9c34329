"""What a run keeps: its streams are its own, every optimiser's state, and no other run's tensors."""

from __future__ import annotations

import pytest
import torch

from gancheck.games.architectures import Perceptron
from gancheck.games.recipe import OPTIMISERS, Optimiser
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


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_the_state_of_every_optimiser_is_taken_back_as_it_was(kind: str) -> None:
    optimiser = Optimiser(kind=kind, lr=0.01)
    recipe = tiny(generator_optimiser=optimiser, discriminator_optimiser=optimiser)
    state, other = (State.fresh(recipe, seed=s, device=torch.device("cpu")) for s in (0, 1))
    networks = (state.generator, state.discriminator)
    for module, moved_by in zip(networks, state.optimizers, strict=True):
        for parameter in module.parameters():
            parameter.grad = torch.full_like(parameter, 0.5)
        moved_by.step()
    kept = {name: tensor.clone() for name, tensor in state.tensors().items()}
    other.restore(kept)
    again = other.tensors()
    assert again.keys() == kept.keys()
    assert all(torch.equal(again[name], kept[name]) for name in kept)


def test_a_network_that_cannot_be_built_is_named() -> None:
    broken = tiny(discriminator=Perceptron(widths=(2,)))
    with pytest.raises(
        ValueError, match=r"^discriminator: sizes must be at least two .* got \[2\]"
    ):
        State.fresh(broken, seed=0, device=torch.device("cpu"))
    none = tiny(generator=lambda _: None)
    with pytest.raises(
        ValueError, match=r"^generator must build a torch\.nn\.Module, got NoneType"
    ):
        State.fresh(none, seed=0, device=torch.device("cpu"))


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
