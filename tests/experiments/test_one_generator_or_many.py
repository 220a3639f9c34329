"""The experiment at a tiny size: it resumes, its oracle is clean, its page says what rows say."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

import experiments.one_generator_or_many as experiment
from experiments.digit_spaces import SPACES, reader, spaces
from experiments.one_generator_or_many_page import page
from experiments.stored_pictures import drawn_again, kept
from gancheck.games import latents
from gancheck.games.data import digits, ring8
from gancheck.measures.connectivity import bridge_mass
from gancheck.measures.figures import figure_of
from gancheck.rendering.experiment_page import Agreement
from tests.rendering.test_report_page import Page

if TYPE_CHECKING:
    from pathlib import Path

FEW = {"ring8": 1500, "moons": 800, "digits": 300}


def arguments(folder: Path) -> list[str]:
    return ["--seeds", "1", "--steps", "3", "--runs", str(folder / "runs"), "--out", str(folder)]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished experiment of 1 seed, 3 steps and few samples."""
    pytest.importorskip("sklearn")
    folder = tmp_path_factory.mktemp("experiment")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "SAMPLES", FEW)
        patch.setattr(experiment, "PATHS", 20)
        patch.setattr("experiments.digit_spaces._STEPS", 100)
        assert experiment.main(arguments(folder)) == 0
    return folder


@pytest.fixture(scope="module")
def rows(tiny: Path) -> list[dict[str, Any]]:
    text = (tiny / "runs" / "rows.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def refuse(configuration: Any, folder: Path) -> dict[str, Any]:
    raise AssertionError(f"made again in {folder}: {configuration}")


def test_every_run_of_the_plan_is_another_one_and_ring8_has_six_seeds_of_each_kind() -> None:
    plan = experiment.planned()
    assert len({json.dumps(c, sort_keys=True) for c in plan}) == len(plan)
    for kind in ("one", "many", "oracle"):
        own = [c["seed"] for c in plan if (c["data"], c["kind"]) == ("ring8", kind)]
        assert own == [0, 1, 2, 3, 4, 5]
    one, many = (
        next(c for c in plan if (c["data"], c["kind"]) == ("moons", k)) for k in ("one", "many")
    )
    own = {"name", "description", "latent", "generator"}
    assert {k: v for k, v in one["recipe"].items() if k not in own} == (
        {k: v for k, v in many["recipe"].items() if k not in own}
    )


def test_a_second_start_trains_nothing_and_gives_the_same_bytes(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiment, "SAMPLES", FEW)
    monkeypatch.setattr(experiment, "PATHS", 20)
    monkeypatch.setattr(experiment, "perform", refuse)
    path = tiny / "one_generator_or_many.html"
    before = path.read_bytes()
    assert experiment.main(arguments(tiny)) == 0
    assert path.read_bytes() == before
    assert [p.name for p in (tiny / "runs").iterdir()] == ["rows.jsonl"]


@pytest.mark.parametrize("option", ["--seeds", "--steps"])
def test_a_number_below_one_is_refused_in_a_sentence(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert experiment.main([option, "0", "--runs", str(tmp_path), "--out", str(tmp_path)]) == 2
    assert "must be at least 1" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_oracle_has_the_law_of_the_data() -> None:
    data, game = ring8(), experiment.oracle()
    x = game.draw_samples(20_000, seed=3)
    distance, nearest = torch.cdist(x, data.modes).min(dim=1)
    z = game.draw_latent(20_000, seed=3)
    assert torch.equal(nearest, z[:, :8].argmax(dim=1))
    # a Rayleigh law: its second moment is 2 spread^2, with a relative error of 1/sqrt(n)
    assert distance.square().mean().item() == pytest.approx(2 * data.spread**2, rel=0.03)


def test_the_oracle_is_not_bridged_and_no_expert_is_in_two_components(
    rows: list[dict[str, Any]],
) -> None:
    found = next(r["measured"] for r in rows if r["configuration"]["kind"] == "oracle")
    assert found["verdict"] == "not_detected"
    assert (found["spanning"], found["experts"], found["followed"]) == (0, 8, 0)
    table = np.array(found["picture"]["paths"]["table"])
    assert (table[:, :8].astype(bool).sum(axis=1) == 1).all()
    assert (table[:, :8].astype(bool).sum(axis=0) == 1).all()


def changed(rows: list[dict[str, Any]], **kinds: dict[str, Any]) -> list[dict[str, Any]]:
    """The same rows with what was measured of planar data set by kind, its picture left."""
    out = copy.deepcopy(rows)
    for row in out:
        c = row["configuration"]
        if c["data"] != "digits":
            row["measured"].update(kinds.get(c["kind"], {}))
    return out


BRIDGED = {"verdict": "bridged", "followed": 200, "crossed": 200, "spanning": 1, "p_value": 1e-30}
CLEAN = {"verdict": "not_detected", "followed": 0, "crossed": 0, "spanning": 0, "p_value": 1.0}


@pytest.mark.parametrize(
    ("one", "many", "oracle", "agreement"),
    [
        (BRIDGED, BRIDGED, CLEAN, Agreement.supported),
        (BRIDGED, CLEAN, CLEAN, Agreement.supported),
        (CLEAN, CLEAN, CLEAN, Agreement.contradicted),  # one generator that is not bridged
        ({**BRIDGED, "crossed": 199}, CLEAN, CLEAN, Agreement.contradicted),  # a path jumped
        (BRIDGED, {**BRIDGED, "spanning": 0}, CLEAN, Agreement.contradicted),  # test, not table
        (BRIDGED, {**CLEAN, "spanning": 2}, CLEAN, Agreement.contradicted),  # table, not test
        (BRIDGED, CLEAN, {**CLEAN, "verdict": "bridged"}, Agreement.contradicted),
        ({**BRIDGED, "followed": 0, "crossed": 0}, CLEAN, CLEAN, Agreement.open),
    ],
)
def test_the_page_judges_by_what_was_written_before(
    rows: list[dict[str, Any]],
    one: dict[str, Any],
    many: dict[str, Any],
    oracle: dict[str, Any],
    agreement: Agreement,
) -> None:
    made = page(changed(rows, one=one, many=many, oracle=oracle), command="x")
    assert made.agreement is agreement


def test_the_page_counts_what_it_says(rows: list[dict[str, Any]], tiny: Path) -> None:
    made = page(changed(rows, one=BRIDGED, many=CLEAN, oracle=CLEAN), command="x")
    assert made.headline.startswith(
        "One generator is bridged in 2 of 2 trainings, an oracle mixture in 0 of 1, "
        "a trained mixture in 0 of 2."
    )
    titles = [part.title for part in made.parts]
    assert "one generator is bridged in 1 of 1 trainings, and 200 of 200 paths" in titles[0]
    assert "a trained mixture of 8 is bridged in 0 of 1" in titles[1]
    assert "cannot be decided in any of the five spaces" in titles[4]
    assert made.parts[4].agreement is Agreement.open
    parsed = Page((tiny / "one_generator_or_many.html").read_text(encoding="utf-8"))
    assert parsed.open == []
    assert len(parsed.attributes("id")) == len(set(parsed.attributes("id")))


def test_a_stored_picture_is_drawn_as_the_measurement_itself() -> None:
    rng = np.random.default_rng(0)

    def two(n: int) -> np.ndarray:
        side = 4.0 * rng.integers(2, size=n) - 2.0
        return np.stack([side, np.zeros(n)], axis=1) + 0.1 * rng.standard_normal((n, 2))

    bridge = np.stack([rng.uniform(-2, 2, 100), np.zeros(100)], axis=1)
    found = bridge_mass(two(1000), np.concatenate([two(400), bridge]))
    again = drawn_again(json.loads(json.dumps(kept(found))))
    n = len(again.generated)
    found = replace(
        found, generated=found.generated[:n], bridging=found.bridging[:n], real=found.real[:n]
    )
    for width in (690, 340):
        shown, whole = again.plot(width), found.plot(width)
        assert [ax.get_title("left") for ax in shown] == [ax.get_title("left") for ax in whole]
        for one, other in zip(shown[0].lines, whole[0].lines, strict=True):
            assert np.allclose(one.get_xydata(), other.get_xydata(), rtol=1e-3)
        assert [t.get_text() for t in shown[1].texts] == [t.get_text() for t in whole[1].texts]
        figure_of(shown).canvas.draw()


def test_no_image_that_taught_the_classifier_is_placed_in_its_spaces() -> None:
    pytest.importorskip("sklearn")
    data = digits()
    taught = reader(data, seed=1)
    assert len(taught.rest) == 1197
    assert len(set(taught.rest.tolist())) == 1197
    assert 0.9 < taught.accuracy < 1.0
    found = spaces(experiment_game(), data, taught)
    assert tuple(found) == SPACES
    for name in ("classifier", "posterior"):
        real, labels, features = found[name]
        assert torch.equal(real, data.values[taught.rest])
        assert data.labels is not None
        assert (labels == data.labels[taught.rest].numpy()).all()
        seen = features.of(real[:5], "real")
        assert seen.shape == (5, {"classifier": 32, "posterior": 10}[name])
    posterior = found["posterior"][2].of(data.values[:50], "real")
    assert np.allclose(posterior.sum(axis=1), 1.0, atol=1e-6)


def experiment_game() -> Any:
    from gancheck.games.game import Game

    r, rng = experiment.recipe_of("digits", "many"), torch.Generator().manual_seed(0)
    assert r.latent.law == latents.product(latents.categorical(10), latents.normal(16)).law
    return Game(r.generator(rng), r.discriminator(rng), loss=r.loss, latent=r.latent, data=r.data())


@pytest.mark.slow
def test_of_six_seeds_one_generator_bridges_six_the_oracle_none_and_mixtures_as_their_table(
    tmp_path: Path,
) -> None:
    plan = [c for c in experiment.planned() if c["data"] == "ring8"]
    found = {(c["kind"], c["seed"]): experiment.perform(c) for c in plan}
    assert len(found) == 18
    for (kind, _), m in found.items():
        if kind == "one":
            assert m["verdict"] == "bridged"
            assert m["crossed"] == m["followed"] == 200
        elif kind == "oracle":
            assert m["verdict"] == "not_detected"
        else:
            assert (m["verdict"] == "bridged") == (m["spanning"] > 0)
