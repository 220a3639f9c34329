"""A recipe written down is the recipe; what no recipe has is named with what it may be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from gancheck.games.recipe import OPTIMISERS, Optimiser
from gancheck.games.zoo import RECIPES, recipe
from gancheck.recipe_file import changed, from_written, read_recipe, recipe_text

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_of_the_zoo_survives_its_file_and_its_run(name: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(recipe_text(recipe(name)))
    assert read_recipe(file).written() == recipe(name).written()
    assert from_written(recipe(name).written()).written() == recipe(name).written()


def test_networks_of_a_file_are_those_of_the_zoo_to_the_bit(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(recipe_text(recipe("ring8-mixture")))
    for part in ("generator", "discriminator"):
        one, other = (
            getattr(r, part)(torch.Generator().manual_seed(4)).state_dict()
            for r in (recipe("ring8-mixture"), read_recipe(file))
        )
        assert one.keys() == other.keys()
        assert all(torch.equal(one[k], other[k]) for k in one)


def test_a_file_needs_only_what_has_no_default_and_is_named_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "spiral.toml"
    file.write_text(
        """
        latent = "uniform(-1, 1)[3] x categorical(2)[2]"
        steps = 5
        data = { kind = "swiss-roll", noise = 0.1 }
        generator = { kind = "perceptron", widths = [5, 4, 2] }
        discriminator = { kind = "perceptron", widths = [2, 4, 1], activation = "relu" }
        """
    )
    found = read_recipe(file)
    assert (found.name, found.latent.size, found.loss) == ("spiral", 5, "non-saturating")
    assert found.generator_optimiser.options["betas"] == (0.5, 0.999)
    assert found.data().shape == (2,)


def test_keys_are_set_as_toml_or_as_bare_words_and_before_anything_is_checked() -> None:
    changes = changed(
        [
            "loss=wgan",
            "clip = 0.01",
            "critic_steps=5",
            "generator_optimiser.kind=rmsprop",
            "generator_optimiser.eps=1e-6",
            "data.kind=two-discs",
            "data.distance=0.5",
            "generator.widths=[2, 7, 2]",
        ]
    )
    # another kind begins its table anew, but for the step size
    found = read_recipe("ring8", changes)
    assert (found.loss, found.clip, found.critic_steps) == ("wgan", 0.01, 5)
    assert found.generator_optimiser == Optimiser(kind="rmsprop", lr=2e-3, options={"eps": 1e-6})
    assert found.discriminator_optimiser == recipe("ring8").discriminator_optimiser
    assert found.written()["generator"]["widths"] == [2, 7, 2]
    assert recipe("ring8").clip is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"nonsense": "1"}, "nonsense: not a key here; there are batch_size, "),
        ({"loss": "hing"}, r"loss: must be one of minimax \| .* \| fgan-hellinger, got 'hing'"),
        ({"generator.kind": "cnn"}, r"generator\.kind: must be one of .*dcgan.*, got 'cnn'"),
        ({"generator.width": "3"}, r"generator\.width: not a key here"),
        ({"generator.widths": "3"}, r"generator\.widths: .* got 3"),
        ({"generator.activation": "swish"}, r"generator\.activation: must be one of tanh \| relu"),
        ({"data.kind": "celeba"}, r"data\.kind: must be one of ring8 \| grid25 .*, got 'celeba'"),
        ({"latent": "normal"}, r"latent: a latent must be written like normal\[64\]"),
        ({"steps": "0"}, "steps: .*1, got 0"),
        ({"steps": "2.5"}, "steps: Input should be a valid integer, got 2.5"),
        ({"schema": "7"}, "recipe of schema 7, and this version of gancheck knows 1"),
        ({"schema": "true"}, "schema: Input should be a valid integer, got True"),
        ({"schema": "0"}, "schema: .*1, got 0"),
        ({"generator_optimiser.betas": "[0.5]"}, r"generator_optimiser: adam refuses .*\(0\.5,\)"),
        ({"generator_optimiser.lr": "-1"}, r"generator_optimiser: adam refuses lr=-1\.0"),
        (
            {"generator_optimiser.lr": "fast"},
            "generator_optimiser: lr must be a number, got 'fast'",
        ),
        ({"generator_optimiser.speed": "1"}, "'speed' is no option of adam; it takes betas"),
        ({"generator_optimiser.kind": "lion"}, "kind must be one of adadelta, .* got 'lion'"),
        ({"regularisation.r1": "-1"}, r"regularisation\.?.*r1 must be a finite number from 0 up"),
        ({"regularisation.r3": "1"}, r"regularisation\.r3: not a key here"),
        ({"ema": "1.5"}, r"ema must be in \[0, 1\), got 1.5"),
        ({"clip": "-1"}, "clip must be positive"),
        ({"strength": "nan"}, "strength: Input should be a finite number, got nan"),
        ({"clip": "inf"}, "clip: Input should be a finite number, got inf"),
        ({"ema": "'0.9'"}, "ema: Input should be a valid number, got '0.9'"),
        ({"regularisation": "{r1 = true}"}, r"regularisation\.r1: .* valid number, got True"),
        ({"generator.widths": "[2, true, 2]"}, r"generator\.widths\.1: .* integer, got True"),
        ({"generator_optimiser.lr": "inf"}, "generator_optimiser: lr must be finite, got inf"),
        ({"generator_optimiser.differentiable": "true"}, "adam makes no step with .*in-place"),
        (
            {"generator": "{kind='mixture', experts=2, expert={kind='linear'}}"},
            r"generator\.expert\.kind: must be one of perceptron \| dcgan, got 'linear'",
        ),
        (
            {"generator": "{kind='mixture', experts=2, expert={kind='dcgan'}}"},
            r"generator\.expert\.size: missing",
        ),
        ({"latent": "uniform(.., 1)[2]"}, "latent: a latent must be written like"),
        ({"critic_steps": "3", "updates": "optimistic"}, "critic_steps = 3 belongs to alternating"),
        ({"loss": "wgan", "regularisation.label_smoothing": "0.1"}, "label_smoothing belongs to"),
        ({"steps.more": "1"}, "--set steps.more: steps is no table"),
        ({"critic_steps": "true"}, "critic_steps: Input should be a valid integer, got True"),
    ],
)
def test_what_no_recipe_has_is_named_with_what_it_may_be(changes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        read_recipe("ring8", changes)
    assert len(str(caught.value).splitlines()) == 1


def test_several_faults_are_told_at_once_in_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"^ring8: latent: .*; loss: must be one of ") as caught:
        read_recipe("ring8", {"latent": "normal", "loss": "hing"})
    assert (
        len(str(caught.value).splitlines()) == 1
    )  # a command prints line breaks as they are typed


def test_what_is_no_file_no_toml_or_far_too_long_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"recipe must be one of ring8, .*; none cannot be read"):
        read_recipe("none")
    with pytest.raises(ValueError, match=r"^the recipe none\.toml cannot be read: No such file"):
        read_recipe("none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_bytes(b"steps = \xff")
    with pytest.raises(ValueError, match="is no TOML"):
        read_recipe(broken)
    broken.write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(ValueError, match="is longer than 1048576 bytes"):
        read_recipe(broken)
    with pytest.raises(ValueError, match="cannot be read: Is a directory"):
        read_recipe(tmp_path)
    with pytest.raises(ValueError, match="--set takes KEY=VALUE"):
        changed(["steps"])


def test_the_mark_that_some_editors_begin_a_file_with_is_no_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(b"\xef\xbb\xbf" + recipe_text(recipe("ring8")).encode())
    assert read_recipe(file).written() == recipe("ring8").written()


def test_escape_sequences_of_a_file_do_not_reach_the_sentence(tmp_path: Path) -> None:
    file = tmp_path / "odd.toml"
    file.write_text('loss = "\\u001b[31mred"\nsteps = 1\n')
    with pytest.raises(ValueError, match="data: missing") as caught:
        read_recipe(file)
    assert "\x1b" not in str(caught.value)


def test_a_recipe_with_a_part_of_ones_own_is_not_written() -> None:
    own = replace(recipe("ring8"), generator=lambda rng: torch.nn.Linear(2, 2))
    assert not own.declared
    assert own.written()["generator"] is None
    with pytest.raises(ValueError, match="parts of your own"):
        recipe_text(own)


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_every_optimiser_moves_a_matrix_with_its_defaults(kind: str) -> None:
    weight = torch.ones(3, 3, requires_grad=True)
    optimiser = Optimiser(kind=kind, lr=0.1).over([weight])
    weight.grad = torch.ones(3, 3)
    optimiser.step()
    assert not torch.equal(weight.detach(), torch.ones(3, 3))
