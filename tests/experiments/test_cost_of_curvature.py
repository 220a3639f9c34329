"""The cells of the cost of curvature: what is planned, what one measures, what the page makes of it."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
import torch

import experiments.cost_of_curvature as experiment
from experiments.cost_of_curvature_cells import built, measured, parse_basis
from experiments.cost_of_curvature_page import ANNOUNCED, BOUNDS, MORE_PRODUCTS, page
from gancheck.measures.figures import NARROW, WIDE
from gancheck.measures.forecast import Forecast
from gancheck.rendering.experiment_page import Agreement, render_experiment_page

if TYPE_CHECKING:
    from pathlib import Path


def invented(configuration: dict[str, Any]) -> dict[str, Any]:
    """Numbers just within every bound, for any configuration."""
    common = {"parameters": 1000 * configuration["width"], "processor": "a kind", "cpus": 2}
    seconds = {"gradient_seconds": 1e-3, "field_seconds": 2e-3}
    if configuration["part"] == "products":
        ratios = {name: [0.9 * b, 0.95 * b, b] for name, b in BOUNDS.items()}
        return common | seconds | {"ratios": ratios}
    if configuration["part"] == "answers":
        one = {"products": 100, "said": "stable", "seconds": 1.0, "cost": 300.0, "unit": "field"}
        names = ("ends", "stability", "rotation")
        return common | seconds | {"answers": {name: dict(one) for name in names}}
    return common | {
        "graph_announced": 1e6,
        "graph_grown": 1.25e6,
        "basis_announced": 9e6,
        "all_grown": 1.25e7,
    }


def rows() -> list[dict[str, Any]]:
    return [
        {"configuration": c, "measured": invented(c), "versions": {"torch": "0"}}
        for c in experiment.planned()
    ]


def of(found: list[dict[str, Any]], part: str) -> list[dict[str, Any]]:
    return [r for r in found if r["configuration"]["part"] == part]


def test_the_plan_has_each_cell_once_and_spans_what_it_says() -> None:
    plan = experiment.planned()
    assert len({json.dumps(c, sort_keys=True) for c in plan}) == len(plan)
    assert {c["batch"] for c in plan} == set(experiment.BATCHES)
    for family, widths in experiment.WIDTHS.items():
        sizes = [sum(built(family, w).sizes()) for w in widths]
        assert 0.8e4 <= sizes[0] <= 3e4
        assert 0.8e7 <= sizes[-1] <= 1.2e7
    heaviest = {widths[-1] for widths in experiment.WIDTHS.values()}
    assert {c["batch"] for c in plan if c["width"] in heaviest} == {16}
    assert not [c for c in plan if c["width"] in heaviest and c["part"] == "answers"]
    small = experiment.planned(small=True)
    assert {c["part"] for c in small} == {"products", "answers", "memory"}
    assert all(c in plan for c in small)


def test_a_products_cell_measures_ratios_of_an_untouched_game() -> None:
    state = torch.get_rng_state()
    cell = {"part": "products", "family": "perceptrons", "width": 8, "batch": 16, "rounds": 3}
    found = measured(cell)
    assert torch.equal(torch.get_rng_state(), state)
    assert found["parameters"] == sum(built("perceptrons", 8).sizes())
    for name in BOUNDS:
        low, middle, high = found["ratios"][name]
        # a product contains a backward pass over the graph of a gradient, and is no ten gradients
        assert 0.5 < low <= middle <= high < 30.0
    json.dumps(found, allow_nan=False)


@pytest.mark.slow
def test_an_answers_cell_counts_products_and_a_memory_cell_grows_by_what_it_keeps() -> None:
    cell = {
        "part": "answers",
        "family": "perceptrons",
        "width": 8,
        "batch": 16,
        "steps": 2,
        "seed": 0,
    }
    for answer in measured(cell)["answers"].values():
        assert answer["products"] > 0
        assert answer["cost"] > answer["products"] / 10
    cell = {"part": "memory", "family": "perceptrons", "width": 155, "batch": 64, "search": "ends"}
    found = measured(cell | {"seed": 0, "products": 70})
    half = sum(built("perceptrons", 155).sizes()[:1])
    assert found["basis_announced"] == pytest.approx(61 * half * 4, rel=0.01)
    assert found["all_grown"] > 0.8 * found["basis_announced"]  # a basis is really there
    assert found["graph_announced"] > 0


@pytest.mark.parametrize("memory", [7, 12_345, 4_700_000, 2_900_000_000, 5 * 10**12])
def test_the_announced_basis_is_read_as_it_was_written(memory: int) -> None:
    told = Forecast(what="x", parameters=1, memory=memory, products=1, seconds=1.0)
    assert parse_basis(str(told)) == pytest.approx(memory, rel=5e-3)
    with pytest.raises(ValueError, match="no basis is announced"):
        parse_basis("local stability: 3 parameters")


def test_a_page_within_every_bound_says_as_predicted() -> None:
    made = page(rows(), command="x")
    assert made.agreement is Agreement.supported
    assert [p.agreement for p in made.parts] == [Agreement.supported] * 3
    text = render_experiment_page(made)
    assert "a kind" in text
    assert "20 surely within all three" in text
    assert "gancheck prove" not in text


def test_one_cell_beyond_a_bound_is_counted_and_named() -> None:
    found = rows()
    of(found, "products")[3]["measured"]["ratios"]["jacobian"] = [3.3, 6.4, 7.0]
    of(found, "answers")[2]["measured"]["answers"]["rotation"]["products"] = 201
    of(found, "memory")[0]["measured"]["all_grown"] = 1.3e7
    made = page(found, command="x")
    assert made.agreement is Agreement.partly
    assert [p.agreement for p in made.parts] == [Agreement.partly] * 3
    products, answers, memory = made.parts
    assert "1 of 20 cells are surely above a bound, 19 surely within" in products.lead
    assert "J v, 6.40 where 3.2 was predicted" in products.lead
    assert "2-fold" in answers.title
    assert "The most is that of rotation" in answers.lead
    assert "to 1.30 of what was announced" in memory.title
    assert MORE_PRODUCTS == 2.0
    assert ANNOUNCED == 1.25


def test_a_ratio_whose_quartiles_hold_the_bound_is_undecided() -> None:
    found = rows()
    for row in of(found, "products"):
        row["measured"]["ratios"]["hessian"] = [1.9, 2.0, 2.1]
    made = page(found, command="x")
    assert made.parts[0].agreement is Agreement.open


def test_everything_beyond_every_bound_contradicts() -> None:
    found = rows()
    for row in of(found, "products"):
        row["measured"]["ratios"] = {name: [2 * b, 3 * b, 4 * b] for name, b in BOUNDS.items()}
    for row in of(found, "memory"):
        row["measured"] |= {"graph_grown": 9e6, "all_grown": 9e7}
    made = page(found, command="x")
    assert [p.agreement for p in made.parts] == [
        Agreement.contradicted, Agreement.supported, Agreement.contradicted,
    ]  # fmt: skip
    assert made.agreement is Agreement.partly


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_figures_draw_all_cells_and_few(width: int) -> None:
    for found in (
        rows(),
        [r for r in rows() if r["configuration"] in experiment.planned(small=True)],
    ):
        for part in page(found, command="x").parts:
            part.draw(width).canvas.draw()


def test_a_page_needs_cells_of_every_part() -> None:
    with pytest.raises(ValueError, match="got none of memory"):
        page([r for r in rows() if r["configuration"]["part"] != "memory"], command="x")


def test_a_second_start_measures_nothing_and_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--small", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path)]
    calls: list[dict[str, Any]] = []

    def stop_at_the_third(c: dict[str, Any]) -> dict[str, Any]:
        calls.append(copy.deepcopy(c))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return invented(c)

    monkeypatch.setattr(experiment, "measured", stop_at_the_third)
    assert experiment.main(arguments) == 130
    assert "goes on from the last finished cell" in capsys.readouterr().err
    assert experiment.main(arguments) == 0
    assert len(calls) == len(experiment.planned(small=True)) + 1
    before = (tmp_path / "cost_of_curvature.html").read_bytes()
    assert experiment.main(arguments) == 0
    assert len(calls) == len(experiment.planned(small=True)) + 1
    assert (tmp_path / "cost_of_curvature.html").read_bytes() == before
