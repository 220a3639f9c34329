"""A run read back is the run that was written, and its Adam state predicts Adam's next step."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from gancheck.diagnosis import Plan
from gancheck.games import zoo
from gancheck.games.data import ArrayData
from gancheck.monitor import Monitor
from gancheck.rendering import render_report
from gancheck.runner import diagnose_run, load_run, train_recipe
from gancheck.training.outcomes import Refused
from gancheck.training.tensor_file import read_tensors, write_tensors
from gancheck.training.train import train
from tests.training.tiny import TINY, everything

if TYPE_CHECKING:
    from pathlib import Path

    from gancheck.games.data import Sampler
    from gancheck.runner import Run
    from gancheck.training.train import Progress


@pytest.fixture(autouse=True)
def tiny_in_the_zoo(monkeypatch: pytest.MonkeyPatch) -> None:
    recipes = {**zoo.RECIPES, "tiny": TINY}
    monkeypatch.setattr("gancheck.games.zoo.RECIPES", recipes)
    monkeypatch.setattr("gancheck.recipe_file.RECIPES", recipes)


def trained(out: Path, **options) -> Run:
    return train_recipe("tiny", out, device="cpu", **options)


def test_a_loaded_run_is_the_trained_one(tmp_path: Path) -> None:
    run = trained(tmp_path / "a", seed=5, loss="lsgan", steps=20)
    kept = read_tensors(tmp_path / "a/checkpoints/step_00000020.safetensors")
    assert (run.step, run.loss, run.recipe.seed, run.recipe.steps) == (20, "lsgan", 5, 20)
    assert run.latent.written == "normal[2]"
    assert run.recipe.written() == replace(TINY, seed=5, loss="lsgan", steps=20).written()
    assert run.data.shape == (2,)
    for letter, module in (("G", run.generator), ("D", run.discriminator)):
        state = module.state_dict()
        assert all(torch.equal(state[k], kept[f"{letter}.{k}"]) for k in state)
        assert module.training
    assert [row["step"] for row in run.history] == [1, 10, 20]


def test_an_earlier_checkpoint_comes_with_its_own_history(tmp_path: Path) -> None:
    trained(tmp_path / "a")
    run = load_run(tmp_path / "a", step=15)
    assert (run.step, [row["step"] for row in run.history]) == (15, [1, 10])
    start = load_run(tmp_path / "a", step=0)
    assert (start.generator_adam, start.discriminator_adam, start.history) == (None, None, [])
    with pytest.raises(Refused, match="no checkpoint of step 7; it has 0, 15, 30, 40"):
        load_run(tmp_path / "a", step=7)


def test_a_run_knows_where_its_players_stood_at_the_first_checkpoint(tmp_path: Path) -> None:
    run = trained(tmp_path / "a")
    begin = load_run(tmp_path / "a", step=0)
    assert run.earlier.name == "step 0"
    stood = torch.cat([flat(begin.generator), flat(begin.discriminator)])
    assert torch.equal(run.earlier.parameters, stood)
    assert run.game(dtype=torch.float64).earlier is run.earlier
    assert begin.earlier is None
    report = diagnose_run(tmp_path / "a", codes=["GC003"], plan=Plan(batch_size=16, probes=8))
    assert "On the line from step 0" in report["GC003"].because
    assert "path_bump" in report["GC003"].quantities


def test_a_first_checkpoint_of_other_networks_is_refused_by_its_name(tmp_path: Path) -> None:
    run = trained(tmp_path / "a")
    path = tmp_path / "a/checkpoints/step_00000000.safetensors"
    tensors = read_tensors(path)
    name = next(f"G.{n}" for n, _ in run.generator.named_parameters())
    tensors[name] = tensors[name].reshape(-1)
    write_tensors(path, tensors)
    with pytest.raises(
        Refused, match=rf"step_00000000.* does not fit its recipe: {name} has shape"
    ):
        load_run(tmp_path / "a")


def flat(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().reshape(-1) for p in module.parameters()])


def test_the_optimisers_scale_times_its_mean_gradient_is_the_step_that_adam_made(
    tmp_path: Path,
) -> None:
    last = trained(tmp_path / "a", steps=20, checkpoint_every=1)
    before = load_run(tmp_path / "a", step=19)
    for player in ("generator", "discriminator"):
        adam = getattr(last, f"{player}_adam")
        mean = adam.exp_avg / (1 - adam.settings.options["betas"][0] ** 20)
        move = flat(getattr(last, player)) - flat(getattr(before, player))
        assert torch.equal(adam.steps, torch.full_like(adam.exp_avg, 20.0))
        # float32: rounding of the parameters themselves, of order one
        assert torch.allclose(move, -adam.scale * mean, rtol=1e-4, atol=4e-7)


def test_the_flat_order_is_that_of_named_parameters(tmp_path: Path) -> None:
    run = trained(tmp_path / "a", steps=5)
    kept = read_tensors(tmp_path / "a/checkpoints/step_00000005.safetensors")
    names = [name for name, _ in run.discriminator.named_parameters()]
    expected = torch.cat([kept[f"opt_d.{n}.exp_avg_sq"].reshape(-1) for n in names])
    assert run.discriminator_adam is not None
    assert torch.equal(run.discriminator_adam.exp_avg_sq, expected)


def test_the_game_of_a_run_is_its_networks_loss_latent_data_and_steps(tmp_path: Path) -> None:
    run = trained(tmp_path / "a", steps=20)
    game = run.game()
    assert game.loss.name == "non-saturating"
    assert game.modules == {"generator": run.generator, "discriminator": run.discriminator}
    assert game.step is not None
    assert (game.step.name, game.step.alternating) == ("adam", True)
    assert game.step.scale.shape == (sum(game.sizes()),)
    batch = game.sample(32, seed=1)
    assert batch.real.shape == (32, 2)
    assert load_run(tmp_path / "a", step=0).game().step is None
    double = run.game(dtype=torch.float64)
    assert double.dtype == torch.float64
    assert double.step is not None
    assert double.step.scale.dtype == torch.float64
    assert run.game().dtype == torch.float32


def test_known_classes_of_finite_data_reach_the_game(tmp_path: Path) -> None:
    values, labels = torch.zeros(20, 2), torch.arange(20) % 3
    recipe = replace(TINY, data=lambda: ArrayData(values=values, labels=labels))
    train(recipe, tmp_path / "a", steps=1, device="cpu")
    assert load_run(tmp_path / "a", recipe=recipe).game().labels is labels


def test_callbacks_see_the_training(tmp_path: Path) -> None:
    seen: list[Progress] = []
    trained(tmp_path / "a", steps=3, callbacks=[seen.append])
    assert [s.step for s in seen] == [1, 2, 3]
    assert seen[2].steps == 3


def test_resume_continues_and_returns_the_whole_run(tmp_path: Path) -> None:
    trained(tmp_path / "a", steps=20)
    assert trained(tmp_path / "a", steps=40, resume=True).step == 40
    assert trained(tmp_path / "b", steps=40).step == 40
    last = "checkpoints/step_00000040.safetensors"
    assert (tmp_path / "a" / last).read_bytes() == (tmp_path / "b" / last).read_bytes()


def test_what_is_no_run_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="holds no run"):
        load_run(tmp_path)
    trained(tmp_path / "a", steps=5)
    content = json.loads((tmp_path / "a/run.json").read_text())
    content["configuration"]["data"] = None  # as a sampler of the user's own is written
    (tmp_path / "a/run.json").write_text(json.dumps(content))
    with pytest.raises(Refused, match=r"recipe 'tiny', whose parts no file can hold"):
        load_run(tmp_path / "a")
    assert load_run(tmp_path / "a", recipe=TINY).step == 5
    content["configuration"]["data"] = {"kind": "celeba"}
    (tmp_path / "a/run.json").write_text(json.dumps(content))
    with pytest.raises(Refused, match=r"data\.kind: must be one of ring8 \| grid25"):
        load_run(tmp_path / "a")
    del content["configuration"]["loss"]
    (tmp_path / "a/run.json").write_text(json.dumps(content))
    with pytest.raises(Refused, match="lacks 'loss'"):
        load_run(tmp_path / "a", recipe=TINY)
    (tmp_path / "a/run.json").write_text("[]")
    with pytest.raises(Refused, match="not of the format"):
        load_run(tmp_path / "a")


def test_a_checkpoint_of_other_networks_is_refused(tmp_path: Path) -> None:
    trained(tmp_path / "a", steps=5)
    other = replace(TINY, generator=zoo.recipe("ring8").generator)
    with pytest.raises(Refused, match=r"does not fit its recipe: .*size mismatch"):
        load_run(tmp_path / "a", recipe=other)


def test_looks_on_the_way_change_no_byte_of_the_run_and_are_in_its_report(tmp_path: Path) -> None:
    trained(tmp_path / "plain")
    trained(tmp_path / "seen", diagnose_every=15)
    plain, seen = everything(tmp_path / "plain"), everything(tmp_path / "seen")
    looks = seen.pop("diagnoses.jsonl")
    assert seen == plain
    rows = [json.loads(line) for line in looks.splitlines()]
    assert {row["step"] for row in rows} == {15, 30}
    assert {"GC001", "GC003", "GC004", "GC005", "GC006"} == {row["code"] for row in rows}
    plan = Plan(batch_size=8, samples=100, gradient_batch=8)
    report = diagnose_run(tmp_path / "seen", plan=plan, codes=["GC004"])
    assert report.looks == rows
    assert [step for step, _ in report.sampled] == [0, 15, 30, 40]  # its checkpoints
    first = load_run(tmp_path / "seen", step=0).game().draw_samples(500, seed=0)
    assert report.sampled[0][1].generated == pytest.approx(first.double().numpy())
    assert "What was measured while it was trained" in render_report(report)


@pytest.mark.parametrize("name", ["metrics.jsonl", "diagnoses.jsonl"])
@pytest.mark.parametrize(
    "line", ["nonsense", "[1]", '{"code": 1}', '{"step": "x"}', '{"step": null}', "[" * 9999]
)
def test_a_line_that_is_no_row_is_refused_by_its_number(
    tmp_path: Path, name: str, line: str
) -> None:
    trained(tmp_path / "a", steps=2)
    with (tmp_path / "a" / name).open("a") as file:
        file.write(f'{{"step": 2, "loss_g": 1.0}}\n{line}\n{{"step": 3, "lo')
    number = 2 if name == "diagnoses.jsonl" else 3
    with pytest.raises(Refused, match=rf"{name} is damaged: line {number} is no row"):
        diagnose_run(tmp_path / "a", codes=["GC004"], plan=Plan(samples=50, batch_size=8))


def test_training_looks_and_the_run_share_data_that_were_read_once(tmp_path: Path) -> None:
    read: list[ArrayData] = []

    def slow() -> ArrayData:
        read.append(ArrayData(values=torch.linspace(-1.0, 1.0, 400).reshape(200, 2), name="slow"))
        return read[-1]

    seen: list[Sampler] = []
    recipe = replace(TINY, data=slow, steps=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Monitor, "step", lambda self, _: seen.append(self.game.data))
        run = train_recipe(recipe, tmp_path / "a", device="cpu", diagnose_every=2)
    assert len(read) == 1
    assert run.data is read[0]
    assert seen == [read[0]] * 4
    assert load_run(tmp_path / "a", recipe=recipe).data is read[1]


def test_a_resumed_run_keeps_the_looks_before_it_and_repeats_those_after(tmp_path: Path) -> None:
    trained(tmp_path / "whole", diagnose_every=10, steps=20)

    def stop(now: Progress) -> None:
        if now.step == 11:
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        trained(tmp_path / "cut", diagnose_every=10, steps=20, callbacks=[stop])
    trained(tmp_path / "cut", diagnose_every=10, resume=True)
    assert everything(tmp_path / "cut") == everything(tmp_path / "whole")


@pytest.mark.parametrize(
    ("looks", "sentence"),
    [
        ({"max_overhead": 0.1}, "say how often: diagnose_every"),
        ({"diagnose_every": 0}, "every must be at least 1, got 0"),
        ({"diagnose_every": 5, "max_overhead": -1.0}, "max_overhead must be a positive share"),
    ],
)
def test_looks_that_cannot_be_made_are_refused_before_a_run_is_begun(
    tmp_path: Path, looks, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        trained(tmp_path / "a", **looks)
    assert not (tmp_path / "a").exists()


def test_force_removes_a_run_and_nothing_else(tmp_path: Path) -> None:
    trained(tmp_path / "a", seed=1)
    (tmp_path / "a" / "notes.txt").write_text("mine")
    trained(tmp_path / "a", seed=2, force=True)
    trained(tmp_path / "b", seed=2)
    again = everything(tmp_path / "a")
    assert again.pop("notes.txt") == b"mine"
    assert again == everything(tmp_path / "b")
    with pytest.raises(ValueError, match="ask for one of them"):
        trained(tmp_path / "a", force=True, resume=True)
