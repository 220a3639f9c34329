"""What holds for every diagnostic: figures, names, theorems, and a game left as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gancheck import content
from gancheck.audit import diagnose
from gancheck.diagnosis import Measurement, NotApplicable
from gancheck.games import analytic, latents
from gancheck.games.game import Game
from gancheck.measures.connectivity import bridge_mass
from gancheck.measures.figures import figure_of
from gancheck.measures.rotation import rotation
from gancheck.measures.spectrum import hessian_spectrum
from gancheck.measures.stability import local_stability
from gancheck.rendering import render_report
from tests.diagnostics.measured import CODES, PLAN, measured
from tests.oracles import tiny_game


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("width", [690, 340])
def test_every_figure_draws_at_both_widths(code: str, width: int) -> None:
    assert content.diagnostics()[code].caption
    figure = figure_of(measured(code).plot(width))
    assert round(figure.get_figwidth() * 72) == width
    figure.canvas.draw()


def test_figures_draw_for_exact_and_empty_measurements() -> None:
    for measure in (hessian_spectrum, local_stability, rotation):
        figure_of(measure(analytic.bilinear()).plot()).canvas.draw()
    rng = np.random.default_rng(0)
    blob = bridge_mass(rng.standard_normal((100, 9)), rng.standard_normal((50, 9)))
    figure_of(blob.plot(340)).canvas.draw()


def test_a_measurement_without_a_picture_says_so() -> None:
    with pytest.raises(NotApplicable, match=r"no picture"):
        Measurement(quantities={}).plot()


@pytest.mark.parametrize("code", CODES)
def test_names_of_quantities_are_documented_and_labelled(code: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / "quantities.md").read_text()
    documented = {row.split("`")[1] for row in text.splitlines() if row.startswith(f"| {code} | `")}
    diagnostic = content.diagnostics()[code]
    assert documented == set(diagnostic.labels)
    assert set(measured(code).quantities) <= documented
    assert diagnostic.headline in documented


@pytest.mark.parametrize("code", CODES[3:])
def test_every_test_has_words_on_the_page(code: str) -> None:
    diagnostic = content.diagnostics()[code]
    assert set(diagnostic.judge(measured(code)).p_values) == set(diagnostic.tests)


@pytest.mark.parametrize("code", CODES)
def test_every_theorem_a_diagnostic_names_is_on_the_shelf(code: str) -> None:
    assert set(content.diagnostics()[code].theorems) <= set(content.theorems())


class _Breaks(nn.Module):
    """A discriminator that changes its own state and then raises, as a user's module may."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(2, 1)
        self.register_buffer("calls", torch.zeros(1))
        self.limit = 3

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls.add_(1)
        self.last = x
        self.limit -= 1
        if self.limit == 0:
            raise RuntimeError("out of order")
        return self.a(x)


def test_the_game_is_bit_identical_after_a_diagnosis_and_after_one_that_raised() -> None:
    game = tiny_game(norm=True)
    p = game.parameters("generator")[0]
    p.grad = torch.full_like(p, 3.0)
    game.modules["discriminator"].eval()
    before = _state(game)
    diagnose(game, plan=PLAN)
    assert _same(before, _state(game))

    broken = Game(
        nn.Linear(2, 2),
        _Breaks(),
        loss="minimax",
        latent=latents.normal(2),
        data=torch.randn(100, 2),
    )
    before = _state(broken)
    with pytest.raises(RuntimeError, match="out of order"):
        diagnose(broken, plan=PLAN)
    assert _same(before, _state(broken))
    assert not hasattr(broken.modules["discriminator"], "last")
    assert broken.modules["discriminator"].limit == 3


def _state(game: Game) -> list[Any]:
    out: list[Any] = [torch.random.get_rng_state()]
    for module in game.modules.values():
        out += [m.training for m in module.modules()]
        for t in (*module.parameters(), *module.buffers()):
            out += [t.detach().clone(), t.requires_grad, None if t.grad is None else t.grad.clone()]
    return out


def _same(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(
        torch.equal(x, y) if isinstance(x, torch.Tensor) and isinstance(y, torch.Tensor) else x == y
        for x, y in zip(a, b, strict=True)
    )


def test_a_card_shows_what_stands_in_for_a_headline_that_was_not_measured() -> None:
    diagnostic = content.diagnostics()["GC003"]
    assert {diagnostic.headline, diagnostic.stand_in} <= set(diagnostic.labels)
    alone = diagnose(analytic.bilinear(), codes=["GC003"])
    assert diagnostic.headline not in alone["GC003"].quantities
    cards = render_report(alone).split('class="cards"')[1].split("</ul>")[0]
    assert "otational share of one batch" in cards
