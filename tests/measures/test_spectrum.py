"""The parts of a Hessian spectrum against dense matrices and closed forms, and its bad endings."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import nn

from gancheck import content
from gancheck.diagnosis import Plan, Verdict
from gancheck.games import analytic, latents
from gancheck.games.game import Game
from gancheck.measures.diversity import along_diversity, diversity_gradient
from gancheck.measures.figures import figure_of
from gancheck.measures.spectrum import HessianSpectrum, fresh_seeds, hessian_spectrum
from gancheck.operators.budget import Budget
from tests.oracles import jacobian_by_autograd, tiny_game

PLAN = Plan(batch_size=32, batches=4)


def blocks(game: Game, batch_size: int) -> dict[str, np.ndarray]:
    j = jacobian_by_autograd(game, game.sample(batch_size, seed=0)).numpy()
    split = game.sizes()[0]
    return {"generator": j[:split, :split], "discriminator": j[split:, split:]}


@pytest.fixture(scope="module")
def measured() -> HessianSpectrum:
    return hessian_spectrum(tiny_game(), PLAN, each=3)


def test_trace_and_negative_share_hold_those_of_the_matrix(measured: HessianSpectrum) -> None:
    found = measured
    for player, block in blocks(tiny_game(), 32).items():
        values = np.linalg.eigvalsh(block)
        trace = found.quantities[f"trace_{player}"]
        assert abs(trace.value - values.sum()) <= 2 * trace.error + 1e-12
        share = found.quantities[f"negative_share_{player}"]
        truth = -values[values < 0].sum() / np.abs(values).sum()
        assert abs(share.value - truth) <= 2 * share.error + 1e-12
        _, weights = found.density[player].points
        assert weights.sum() == pytest.approx(1.0)
        assert found.settled[player]
    assert not found.stopped


def test_every_resolved_pair_has_a_row_with_an_interval(measured: HessianSpectrum) -> None:
    found = measured
    table = found.table
    assert len(table) == 12
    assert (table.fresh_low < table.fresh).all()
    assert (table.fresh < table.fresh_high).all()
    for player in ("generator", "discriminator"):
        mine = table[table.player == player]
        assert np.allclose(mine.eigenvalue, found.resolved[player])
        assert mine.fresh_batches.tolist() == [32, 8, 8, 8, 8, 32]
        bottom, top = (found.quantities[f"{end}_{player}_fresh"] for end in ("bottom", "top"))
        assert mine.fresh.iloc[0] == bottom.value
        assert mine.fresh.iloc[-1] == top.value


class _Scale(nn.Module):
    """G(z) = a z + b: its log diversity is log a^2 plus a constant."""

    def __init__(self, a: float, b: float) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor([a], dtype=torch.float64))
        self.b = nn.Parameter(torch.tensor([b], dtype=torch.float64))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.a * z + self.b


class _Parabola(nn.Module):
    def __init__(self, q: float) -> None:
        super().__init__()
        self.q = nn.Parameter(torch.tensor([q], dtype=torch.float64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 0.5 * self.q * (x * x).sum(1)


def scale_game(a: float = 0.7, b: float = 0.2, q: float = 1.5) -> Game:
    return Game(
        _Scale(a, b),
        _Parabola(q),
        loss="wgan",
        latent=latents.normal(1),
        data=lambda n, rng: torch.randn(n, 1, generator=rng, dtype=torch.float64),
    )


def test_along_diversity_of_a_scale_is_what_differentiation_gives() -> None:
    game = scale_game(0.7, 0.2, 1.5)
    batch = game.sample(64)
    gradient = diversity_gradient(game, batch)
    assert torch.allclose(gradient, torch.tensor([2 / 0.7, 0.0], dtype=torch.float64))
    found = along_diversity(game, batch, 64, range(50, 60))
    # L_G = -mean q (a z + b)^2 / 2 along a: slope -q mean (a z^2 + b z), curvature -q mean z^2
    z = [game.sample(64, seed=s).latent for s in range(50, 60)]
    slope = [-1.5 * float((0.7 * x * x + 0.2 * x).mean()) for x in z]
    curvature = [-1.5 * float((x * x).mean()) for x in z]
    assert np.allclose(found.slope, slope, atol=1e-12)
    assert np.allclose(found.curvature, curvature, atol=1e-12)
    assert found.growth == pytest.approx(2 / 0.7)


def test_the_diversity_gradient_is_a_difference_quotient() -> None:
    game = tiny_game()
    batch = game.sample(32)
    gradient = diversity_gradient(game, batch)

    def log_pairs() -> float:
        x = game.generate(batch.latent).detach()
        return float(torch.log((torch.cdist(x, x) ** 2).sum() / (len(x) * (len(x) - 1))))

    at = 0
    for p in game.parameters("generator"):
        with torch.no_grad():
            flat = p.view(-1)
            flat[0] += 1e-5
            up = log_pairs()
            flat[0] -= 2e-5
            down = log_pairs()
            flat[0] += 1e-5
        assert float(gradient[at]) == pytest.approx((up - down) / 2e-5, abs=1e-7)
        at += p.numel()


@pytest.mark.parametrize(
    "game", [analytic.dirac(), scale_game(a=0.0)], ids=["no samples", "collapsed to a point"]
)
def test_where_there_is_no_diversity_there_is_no_direction(game: Game) -> None:
    assert diversity_gradient(game, game.sample(1)) is None
    found = hessian_spectrum(game, Plan(batch_size=16))
    assert "diversity_slope" not in found.quantities


def test_an_analytic_game_is_exact_and_has_nothing_fresh() -> None:
    found = hessian_spectrum(analytic.dirac("r1", gamma=2.0))
    q = found.quantities
    assert q["top_discriminator_fresh"].value == q["top_discriminator"].value
    assert q["top_discriminator"].sampling_error is None
    assert q["trace_discriminator"].value == pytest.approx(q["top_discriminator"].value)
    assert not any(found.growth.values())


@pytest.mark.parametrize("products", [1, 60, 150, 400])
def test_a_budget_ends_with_what_there_is_and_nothing_is_called_sound(
    products: int, measured: HessianSpectrum
) -> None:
    budget = Budget(products=products)
    found = hessian_spectrum(tiny_game(), PLAN, each=3, budget=budget)
    assert found.stopped
    assert budget.spent <= products + 2  # each search makes one product whatever is left
    finding = content.diagnostics()["GC001"].judge(found)
    assert finding.verdict in (Verdict.undecided, Verdict.warning)
    figure_of(found.plot(340)).canvas.draw()
    assert set(found.quantities) < set(measured.quantities)


def test_a_plan_is_told_first_and_holds() -> None:
    told: list[str] = []
    budget = Budget(products=100_000)
    hessian_spectrum(tiny_game(), PLAN, budget=budget, announce=told.append)
    assert len(told) == 2
    assert "38 parameters" in told[0]
    planned = sum(int(re.search(r"about (\d+) products", text)[1]) for text in told)
    assert planned / 3 <= budget.spent <= 3 * planned


def test_fresh_batches_share_no_seed_with_any_other() -> None:
    plan = Plan(batches=30)
    ours = {plan.seed + s for s in range(plan.batches)}
    smaller = {plan.seed + i + 100 * k for i in range(plan.batches) for k in (2, 4)}
    assert not set(fresh_seeds(plan)) & (ours | smaller)


def test_no_pair_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="each must be at least 1, got 0"):
        hessian_spectrum(analytic.dirac(), each=0)


def test_one_parameter_players_have_one_eigenvalue_each() -> None:
    game = Game(
        nn.Linear(1, 1, bias=False).double(),
        _Parabola(1.5),
        loss="wgan",
        latent=latents.normal(1),
        data=lambda n, rng: torch.randn(n, 1, generator=rng, dtype=torch.float64),
    )
    found = hessian_spectrum(game, Plan(batch_size=64))
    z = game.sample(64).latent
    # L_G = -q mean (w z)^2 / 2
    assert found.quantities["top_generator"].value == pytest.approx(-1.5 * float((z * z).mean()))
    assert found.quantities["bottom_generator"].value == found.quantities["top_generator"].value
    assert found.quantities["trace_generator"].value == found.quantities["top_generator"].value
    figure_of(found.plot(690)).canvas.draw()
