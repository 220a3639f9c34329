"""The experiment on Fashion-MNIST: its two budgets, its plans, its errors, its words.

Trainings here are of random images, so that all of it is tested where the real ones are absent. A
little over 400 lines, because all of it is asked of the same few runs, which are made once.
"""

from __future__ import annotations

import copy
import gzip
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from scipy import stats

from experiments import fashion, fashion_ladder, fashion_page, fashion_settings
from experiments.command import Experiment, run
from experiments.fashion import EXPERIMENT, perform, planned
from experiments.fashion_effects import COMPARISONS, FAMILY, LEVEL, MEASURES, alone, effects
from experiments.fashion_figures import effects_figure, ladder_figure
from experiments.fashion_ladder import ends_move_inwards, inward_ends, same_rotation
from experiments.fashion_measured import curvature, numbers, told_apart
from experiments.fashion_page import page
from experiments.fashion_settings import SCALES, SETTINGS, images, looks
from experiments.page_parts import chosen
from gancheck.games import data_files, latents
from gancheck.games.data import ArrayData
from gancheck.games.game import Game
from gancheck.games.networks import mlp
from gancheck.measures.figures import NARROW, PAPER, WIDE, new_figure
from gancheck.rendering.experiment_page import Agreement, render_experiment_page
from tests.rendering.test_report_page import Page

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = Path(__file__).parents[2]
TINY = replace(
    SCALES["cpu"],
    steps=4,
    batch_size=8,
    width=3,
    trained_on=200,
    look=8,
    draws=64,
    ladder=(8, 16),
    ladder_batches=3,
)
CUDA = SCALES["cuda"]
READ = fashion_settings._all_images  # of the files, before a test puts others in their place
FILE = "train-images-idx3-ubyte.gz"
HAVE = (data_files._DEBIAN / FILE).exists()


@pytest.fixture(scope="module")
def tiny() -> Generator[None]:
    """Plans of a second, on random images that no file is asked for; CUDA's plan on the CPU."""
    rng = torch.Generator().manual_seed(0)
    noise = ArrayData(values=2.0 * torch.rand(900, 784, generator=rng) - 1.0, name="noise")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fashion_settings, "_all_images", lambda: noise)
        patch.setitem(SCALES, "cpu", TINY)
        patch.setitem(SCALES, "cuda", replace(TINY, width=4, seeds=20))
        yield


@pytest.fixture
def drawn_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of nothing: drawing them all takes longer than every training here."""
    for name in ("effects_figure", "ladder_figure"):
        for module in (fashion_page, fashion_ladder):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, lambda _, width: new_figure(width, 90)[0])


@pytest.fixture(scope="module")
def made(tiny: None) -> dict[str, Any]:
    """What the ladder and three settings really measure."""
    plan = {(c["part"], c["setting"]): c for c in planned(1, None)}
    wanted = [
        ("ladder", "base"),
        *(("setting", s) for s in ("base", "small batch", "spectral norm")),
    ]
    return {f"{part} {setting}": perform(plan[part, setting]) for part, setting in wanted}


def rows_of(
    made: dict[str, Any], shift: dict[tuple[str, str], float], seeds: int = 12
) -> list[dict[str, Any]]:
    """Rows of every setting: the base's numbers, moved by `shift` and a little by the seed."""
    base = made["setting base"]
    out: list[dict[str, Any]] = []
    for c in planned(seeds, None):
        if c["part"] == "ladder":
            measured = copy.deepcopy(made["ladder base"])
        else:
            measured = copy.deepcopy(base)
            seen = measured["looks"].pop("both")
            for look, updates in looks(c).items():
                own = copy.deepcopy(seen)
                own |= {"updates": updates, "images": updates * c["batch_size"]}
                own["numbers"]["norm_product"]["value"] = 2.0  # above the slopes, which are near 1
                for name in MEASURES:
                    moved = shift.get((c["setting"], name), 0.0) * (1.0 + 0.1 * (c["seed"] % 3))
                    for end in ("value", "low", "high"):
                        own["numbers"][name][end] = 1.0 + moved
                measured["looks"][look] = own
        out.append({"configuration": c, "measured": measured, "versions": {"gancheck": "0"}})
    return out


def test_equal_updates_and_equal_images_are_what_they_say() -> None:
    for name in SETTINGS:
        c = next(c for c in planned(1, None) if (c["part"], c["setting"]) == ("setting", name))
        at = looks(c)
        if "both" in at:
            assert c["batch_size"] == c["base_batch_size"]
            continue
        assert at["updates"] == c["steps"]
        assert at["images"] * c["batch_size"] == c["steps"] * c["base_batch_size"]


def test_twelve_seeds_that_agree_decide_and_eleven_cannot() -> None:
    assert len(COMPARISONS) * len(MEASURES) + 2 == FAMILY == 102
    assert 1.0 - 2.0 / 2.0**12 >= LEVEL > 1.0 - 2.0 / 2.0**11
    assert SCALES["cpu"].seeds == 12


def test_told_apart_is_mann_whitney_with_the_error_of_many_draws() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.5, 2.0, 60).round(1), rng.normal(0.0, 1.0, 80).round(1)  # ties too
    value, _ = told_apart(a, b)
    assert value == pytest.approx(stats.mannwhitneyu(a, b).statistic / (60 * 80), abs=1e-12)
    found = np.array([told_apart(rng.normal(0.5, 2.0, 60), rng.normal(0.0, 1.0, 80))
                      for _ in range(400)])  # fmt: skip
    # the spread of 400 is known to 1/sqrt(800) = 3.5 %, four of these
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std(ddof=1), rel=0.15)
    with pytest.raises(ValueError, match="at least 2 of each kind"):
        told_apart(a[:1], b)


def normal_game(shift: float, dtype: torch.dtype = torch.float32) -> Game:
    """Normal data in six dimensions and a generator that makes the same, shifted in each."""
    rng = torch.Generator().manual_seed(0)
    generator = torch.nn.Linear(6, 6, dtype=dtype)
    with torch.no_grad():
        generator.weight.copy_(torch.eye(6))
        generator.bias.fill_(shift)
    data = ArrayData(values=torch.randn(4000, 6, generator=rng), name="normal")
    return Game(generator, mlp([6, 4, 1], generator=rng, dtype=dtype), loss="non-saturating",
                latent=latents.normal(6), data=data)  # fmt: skip


def test_distance_is_what_a_shift_of_a_normal_law_makes_it_and_coverage_falls() -> None:
    found = []
    for shift in (0.0, 0.6):
        found.append(numbers(normal_game(shift), seed=0, look=16, draws=400))
        distance = found[-1]["frechet"]
        assert distance["low"] <= 6 * shift**2 <= distance["high"]
        assert "memory" not in found[-1]
    assert found[0]["coverage"]["value"] > found[1]["coverage"]["high"]


def test_an_end_is_the_quotient_of_the_dense_vector_on_fresh_batches() -> None:
    game = normal_game(0.5, dtype=torch.float64)
    found = curvature(game, seed=0, look=16)

    def dense(seed: int) -> np.ndarray:
        batch = game.sample(16, seed=seed)
        theta, psi = game.snapshot()
        flat = torch.cat([p.detach().flatten() for p in psi])

        def loss(v: torch.Tensor) -> torch.Tensor:
            parts = v.split([p.numel() for p in psi])
            own = [x.view_as(p) for x, p in zip(parts, psi, strict=True)]
            return game.losses(theta, own, batch)[1]

        return torch.autograd.functional.hessian(loss, flat).numpy()  # type: ignore[union-attr]

    first = 1_000_000
    values, vectors = np.linalg.eigh(dense(first))
    fresh = [dense(first + 10_000 + i) for i in range(16)]
    for name, k in (("bottom_d", 0), ("top_d", -1)):
        v = vectors[:, k]
        quotients = [v @ h @ v for h in fresh]
        # a vector with a residual of 1e-2 of its end turns a quotient by about as much
        near = 0.02 * float(np.abs(values).max())
        assert found[name]["value"] == pytest.approx(np.mean(quotients), abs=near)


def test_r1_added_leaves_the_generators_curvature_alone(made: dict[str, Any]) -> None:
    base = made["setting base"]
    without, with_r1 = base["looks"]["both"]["numbers"], base["with_r1"]
    assert with_r1["top_g"] == without["top_g"]
    assert with_r1["top_d"] != without["top_d"]


def test_the_slope_of_a_normed_discriminator_is_below_its_product(made: dict[str, Any]) -> None:
    found = made["setting spectral norm"]["looks"]["both"]["numbers"]
    assert found["slope"]["value"] <= found["norm_product"]["value"] < 1.2  # a young estimate


def test_each_look_is_a_pair_with_pictures_and_every_number(made: dict[str, Any]) -> None:
    at = made["setting small batch"]["looks"]
    assert {k: v["updates"] for k, v in at.items()} == {"updates": 4, "images": 16}
    for seen in at.values():
        assert set(MEASURES) < set(seen["numbers"])
        assert all(len(picture) == 784 for picture in seen["pictures"])
        assert all(q["low"] <= q["value"] <= q["high"] for q in seen["numbers"].values())


def test_a_predicted_difference_is_supported_contradicted_or_open(made: dict[str, Any]) -> None:
    shift = {("r1", "rotation"): -0.5, ("instance noise", "rotation"): 0.5, ("wide", "memory"): 0.1}
    rows = rows_of(made, shift)
    flipped = next(r for r in rows if r["configuration"]["setting"] == "wide")
    flipped["measured"]["looks"]["both"]["numbers"]["memory"]["value"] = 0.9
    found = {
        (e.label, e.measure): e.agreement
        for group in ("capacity", "regularisation")
        for e in effects(rows, group)
    }
    assert found["R1", "rotation"] is Agreement.supported
    assert found["instance noise", "rotation"] is Agreement.contradicted
    assert found["twice as wide", "memory"] is Agreement.open
    assert found["R1", "coverage"] is None
    # the base's slope is 1, not above it: nothing is predicted of a gradient penalty
    assert found["gradient penalty", "slope"] is None
    few = effects(rows_of(made, shift, seeds=11), "regularisation")
    assert all(e.sign == 0 for e in few)


def test_the_page_counts_what_came_out_and_survives_few_seeds(
    made: dict[str, Any], drawn_plainly: None
) -> None:
    shift = {("r1", "rotation"): -0.5, ("instance noise", "rotation"): 0.5, ("wide", "top_d"): 3.0}
    rows = rows_of(made, shift)
    made_page = page(rows, "x")
    came = sum(e.agreement is Agreement.supported for e in alone(rows))
    assert f"{1 + came} came out as predicted" in made_page.headline
    assert "1 are surely not zero" in made_page.headline
    parsed = Page(render_experiment_page(made_page))
    assert parsed.open == []
    assert any("instance noise, rotation" in line for line in made_page.conclusion)
    few = page(rows_of(made, shift, seeds=2), "x")
    assert "99.95 % too few seeds" in few.parts[2].numbers[0].note
    for name in made_page.theorems:
        text = (ROOT / "proofs" / f"{name.replace('-', '_')}.py").read_text(encoding="utf-8")
        assert f'id="{name}"' in text


def test_budgets_that_give_two_answers_are_named(made: dict[str, Any], drawn_plainly: None) -> None:
    rows = rows_of(made, {})
    assert any("give the same answer" in line for line in page(rows, "x").conclusion)
    for row in chosen(rows, setting="large batch"):
        seen = row["measured"]["looks"]["images"]["numbers"]["coverage"]
        seen["value"] += 0.1 + 0.01 * row["configuration"]["seed"]
    told = next(line for line in page(rows, "x").conclusion if "Which budget" in line)
    assert "or the opposite for fourfold in coverage." in told


@pytest.mark.parametrize(
    ("product", "slope", "words", "told"),
    [
        (1.04, 0.9, [Agreement.supported, Agreement.supported], ""),
        (1.07, 0.9, [Agreement.supported, Agreement.contradicted], "only as well as its running"),
        (1.04, 1.2, [Agreement.contradicted, Agreement.supported], "the slopes or the norms are"),
    ],
)
def test_a_norm_above_what_was_allowed_is_told_from_a_slope_above_the_norm(
    product: float,
    slope: float,
    words: list[Agreement],
    told: str,
    made: dict[str, Any],
) -> None:
    rows = rows_of(made, {})
    for row in chosen(rows, part="setting", setting="spectral norm"):
        found = row["measured"]["looks"]["both"]["numbers"]
        found["norm_product"]["value"], found["slope"]["value"] = product, slope
    shown = page(rows, "x")
    assert [n.value for n in shown.parts[3].numbers[-2:]] == [str(word) for word in words]
    assert told in " ".join(shown.conclusion)
    assert ("product of" in shown.headline) == bool(told)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_figure_has_a_panel_a_number_and_hollow_dots_for_what_is_open(
    width: int, made: dict[str, Any]
) -> None:
    rows = rows_of(made, {("narrow", "slope"): -0.5})
    figure = effects_figure(effects(rows, "capacity"), width)
    axes = {ax.get_title(loc="left"): ax for ax in figure.axes if ax.axison}
    assert set(axes) == {f"{name}: difference" for name in MEASURES.values()}
    dots = [line for line in axes["slope of D: difference"].lines if line.get_marker() == "o"]
    narrow, wide = dots
    assert list(narrow.get_xdata()) == [-0.55]  # -0.5, -0.55 and -0.6, four seeds each
    assert narrow.get_markerfacecolor() != PAPER == wide.get_markerfacecolor()
    assert len(ladder_figure(made["ladder base"]["ladder"], width).axes) == 4


def ladder(*ends: float, rotation: tuple[float, ...] = (0.4, 0.4, 0.4)) -> list[dict[str, Any]]:
    """Six batches a size whose ends lie near +- the given ones."""
    near = np.linspace(-0.1, 0.1, 6)
    return [
        {
            "size": 2 ** (4 + k),
            **{
                player: {"own": np.stack([-end - near, end + near], axis=1).tolist()}
                for player in ("generator", "discriminator")
            },
            "rotation_expected": {"value": r, "low": r - 0.02, "high": r + 0.02},
        }
        for k, (end, r) in enumerate(zip(ends, rotation, strict=True))
    ]


@pytest.mark.parametrize(
    ("ends", "word"),
    [
        ((3.0, 2.0, 1.0), Agreement.supported),
        ((3.0, 1.0, 2.0), Agreement.contradicted),
        ((1.0, 1.0, 1.0), Agreement.open),
    ],
)
def test_ends_that_move_outwards_contradict(ends: tuple[float, ...], word: Agreement) -> None:
    assert ends_move_inwards(ladder(*ends)) is word
    assert inward_ends(ladder(*ends)) == (4 if ends[-1] < ends[0] else 0)


def test_rotations_far_apart_contradict() -> None:
    assert same_rotation(ladder(3, 2, 1)) is Agreement.supported
    apart = ladder(3, 2, 1, rotation=(0.4, 0.4, 0.6))
    assert same_rotation(apart) is Agreement.contradicted


def arguments(folder: Path, *more: str) -> list[str]:
    return [*more, "--runs", str(folder / "runs"), "--out", str(folder)]


def test_the_plan_for_cuda_is_refused_in_a_sentence_without_a_device(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SCALES, "cuda", CUDA)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert run(EXPERIMENT, arguments(tmp_path, "--plan", "cuda")) == 2
    said = capsys.readouterr().err
    assert said == (
        "fashion: the plan cuda needs a CUDA device and torch sees none; use --plan cpu, or a build "
        "of torch for this machine's driver\n"
    )
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    plan = planned(20, None, plan="cuda")
    assert {c["device"] for c in plan} == {"cuda"}
    assert len({repr(c) for c in plan}) == len(plan) == 1 + 20 * len(SETTINGS)


def test_the_other_plan_is_made_beside_the_own_one(
    made: dict[str, Any],
    drawn_plainly: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The plan of a GPU, moved to the CPU: one pair is really trained, the others are its rows."""
    rows = {repr(sorted(r["configuration"].items())): r["measured"] for r in rows_of(made, {}, 1)}

    def quick(configuration: Any) -> dict[str, Any]:
        if configuration["plan"] == "cuda" and configuration["setting"] == "r1":
            return perform(configuration)
        own = {**configuration, "plan": "cpu", "width_g": 3}
        own["width_d"] = round(3 * SETTINGS[own["setting"]].width)
        return rows[repr(sorted(own.items()))]

    fields = {f: getattr(EXPERIMENT, f) for f in EXPERIMENT.__slots__}
    experiment = Experiment(**{**fields, "perform": quick})
    for plan in ("cpu", "cuda"):
        assert run(experiment, arguments(tmp_path, "--plan", plan, "--seeds", "1")) == 0
    text = (tmp_path / "fashion_cuda.html").read_text(encoding="utf-8")
    assert "experiments.fashion --plan cuda --seeds 1" in text
    before = (tmp_path / "fashion.html").read_bytes()
    capsys.readouterr()
    assert run(experiment, arguments(tmp_path, "--seeds", "1")) == 0
    assert "runs to make" not in capsys.readouterr().err
    assert (tmp_path / "fashion.html").read_bytes() == before


def test_without_the_images_the_command_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_files, "_DEBIAN", tmp_path / "nowhere")
    monkeypatch.delenv("GANCHECK_DATA", raising=False)
    monkeypatch.setattr(fashion_settings, "_all_images", READ)
    READ.cache_clear()
    assert run(EXPERIMENT, arguments(tmp_path, "--seeds", "1", "--steps", "1")) == 2
    assert "apt install dataset-fashion-mnist" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not HAVE, reason="needs Debian's dataset-fashion-mnist")
def test_images_that_are_held_out_are_not_among_those_trained_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fashion_settings, "_all_images", READ)
    seen, unseen = images(5_000)
    assert (seen.size, unseen.size, seen.shape) == (5_000, 55_000, (784,))
    raw = gzip.decompress((data_files._DEBIAN / FILE).read_bytes())  # an IDX header of 16 bytes
    pixels = np.frombuffer(raw, np.uint8, offset=16).reshape(60_000, 784)[4_998:5_002]
    around = torch.cat([seen.values[-2:], unseen.values[:2]]).numpy()
    np.testing.assert_allclose(127.5 * (around + 1.0), pixels, atol=1e-4)  # float32 near 255
    with pytest.raises(ValueError, match="must leave some"):
        images(60_000)


def test_a_number_below_one_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for option in ("--seeds", "--steps"):
        assert run(EXPERIMENT, arguments(tmp_path, option, "0")) == 2
        assert "must be at least 1" in capsys.readouterr().err
    assert fashion.describe(planned(1, 1)[0]) == "base ladder seed 0"
