"""Jacobians against dense ones and differences, dimensions of samples against laws that have one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from torch import nn

from gancheck import content
from gancheck.diagnosis import NotApplicable, Plan, Verdict
from gancheck.games import analytic, latents
from gancheck.games.game import Game
from gancheck.games.networks import Mixture, dcgan_discriminator, dcgan_generator, mlp
from gancheck.measures.figures import figure_of
from gancheck.measures.generator_jacobian import jacobians, spectra_by_place
from gancheck.measures.local_dimension import levina_bickel, local_dimension, numerical_rank

PLAN = Plan(samples=400, gradient_batch=8)


def play(generator: nn.Module, m: int, data: torch.Tensor, **options: object) -> Game:
    critic = nn.Sequential(nn.Flatten(), nn.Linear(data[0].numel(), 1)).to(data.dtype)
    return Game(generator, critic, loss="minimax", latent=latents.normal(m), data=data, **options)


def normal(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=25)
@given(m=st.integers(1, 5), n=st.integers(1, 14), seed=st.integers(0, 99))
def test_the_jacobian_is_torch_s_own_on_either_path(m: int, n: int, seed: int) -> None:
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(m, 6), nn.Tanh(), nn.Linear(6, n), nn.Softplus()).double()
    z = normal(4, m, seed)
    found = jacobians(net, z)
    assert found.shape == (4, n, m)
    for i in range(4):
        truth = torch.autograd.functional.jacobian(net, z[i])
        assert torch.allclose(found[i], truth, atol=1e-13)


@pytest.mark.parametrize(("m", "n"), [(3, 2), (2, 9)])
def test_the_spectrum_of_a_linear_generator_is_the_planted_one(m: int, n: int) -> None:
    u = torch.linalg.qr(normal(n, n, 1)).Q
    v = torch.linalg.qr(normal(m, m, 2)).Q
    s = torch.zeros(n, m, dtype=torch.float64)
    s[0, 0], s[1, 1] = 8.0, 0.5
    layer = nn.Linear(m, n).double()
    with torch.no_grad():
        layer.weight.copy_(u @ s @ v)
    q = local_dimension(play(layer, m, normal(300, n)), PLAN).quantities
    assert q["jacobian_rank"].value == 2 == min(m, n)
    assert q["condition_number"].value == pytest.approx(16.0, rel=1e-10)
    assert q["largest_stretch"].value == pytest.approx(8.0, rel=1e-12)
    assert q["effective_rank"].value == pytest.approx((64.25) ** 2 / (8.0**4 + 0.5**4), rel=1e-10)
    assert q["deficient_share"].value == 0.0
    assert (q["latent_dimension"].value, q["ambient_dimension"].value) == (m, n)


def test_rank_counts_down_to_rounding_and_no_further() -> None:
    s = np.array([[1.0, 1e-10, 1e-14, 1e-16], [0.0, 0.0, 0.0, 0.0]])
    assert numerical_rank(s, (4, 4), float(np.finfo(float).eps)).tolist() == [3, 0]


def test_latents_that_move_nothing_are_found() -> None:
    layer = nn.Linear(4, 6).double()
    with torch.no_grad():
        layer.weight[:, 2:] = 0.0
    found = local_dimension(play(layer, 4, normal(300, 6)), PLAN)
    assert found.quantities["jacobian_rank"].value == 2
    assert found.quantities["deficient_share"].value == 1.0
    finding = content.diagnostics()["GC010"].judge(found)
    assert finding.verdict is Verdict.warning
    assert "has no density" in finding.because
    figure_of(found.plot(340)).canvas.draw()


def test_a_constant_generator_has_rank_zero_and_no_dimension() -> None:
    layer = nn.Linear(2, 3).double()
    nn.init.zeros_(layer.weight)
    found = local_dimension(play(layer, 2, normal(300, 3)), PLAN)
    q = found.quantities
    assert q["jacobian_rank"].value == 0
    assert q["condition_number"].value == np.inf
    assert "dimension_generated" not in q
    finding = content.diagnostics()["GC010"].judge(found)
    assert finding.verdict is Verdict.warning
    assert "nan" not in finding.because
    for width in (690, 340):
        figure_of(found.plot(width)).canvas.draw()


def test_with_batch_norm_the_derivative_is_in_the_sample_s_own_latent_others_held() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 3)).double()
    game = play(net, 2, normal(100, 3))
    found = local_dimension(game, PLAN)
    assert found.mixes
    batch = game.draw_latent(8, seed=0)
    for i in range(2):
        columns = []
        for j in range(2):
            step = torch.zeros_like(batch)
            step[i, j] = 1e-6
            with torch.no_grad():
                up, down = net(batch + step)[i], net(batch - step)[i]
            columns.append(((up - down) / 2e-6).numpy())
        truth = np.linalg.svd(np.array(columns).T, compute_uv=False)
        assert found.spectra[i] == pytest.approx(truth, rel=1e-6)  # of the difference quotient
    finding = content.diagnostics()["GC010"].judge(found)
    assert finding.verdict is not Verdict.warning
    because = finding.because
    assert "nothing about a density" in because
    assert "has no density" not in because
    running = local_dimension(play(net, 2, normal(100, 3), batch_norm="running"), PLAN)
    assert not running.mixes
    assert "has no density" in content.diagnostics()["GC010"].judge(running).because


@settings(max_examples=20)
@given(d=st.integers(1, 4), k=st.integers(3, 12), seed=st.integers(0, 99))
def test_the_dimension_is_the_formula_on_another_search(d: int, k: int, seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal((120, d))
    t = cKDTree(x).query(x, k + 1)[0][:, 1:]
    truth = 1.0 / np.mean(np.log(t[:, -1:] / t[:, :-1]))
    assert levina_bickel(x, neighbours=k).value == pytest.approx(truth, rel=1e-6)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_the_dimension_of_a_cube_is_found_in_any_space_and_scale(d: int) -> None:
    rng = np.random.default_rng(d)
    x = rng.random((2000, d))
    flat = levina_bickel(x)
    assert flat.value == pytest.approx(d, rel=0.1)  # the boundary takes some
    q, _ = np.linalg.qr(rng.standard_normal((40, 40)))
    turned = levina_bickel(1e4 + 1e-3 * (x @ q[:d]))
    assert turned.value == pytest.approx(flat.value, rel=1e-4)


def test_the_stated_error_is_at_least_the_spread_over_repeats() -> None:
    found = [
        levina_bickel(np.random.default_rng(seed).standard_normal((300, 3))) for seed in range(80)
    ]
    spread = np.std([q.value for q in found], ddof=1)
    stated = np.mean([q.sampling_error for q in found])
    # a standard deviation from 80 repeats is known to 8 %: three of them on each side
    assert 0.55 < spread / stated < 1.24


def test_repeated_samples_are_counted_once_and_nearly_repeated_ones_left_out() -> None:
    x = np.random.default_rng(0).standard_normal((300, 2))
    assert levina_bickel(np.concatenate([x, x])).value == pytest.approx(levina_bickel(x).value)
    near = np.concatenate([x, x[:50] + 1e-12])
    assert levina_bickel(near).value == pytest.approx(levina_bickel(x).value, rel=0.1)


def test_samples_on_a_line_are_told_from_data_in_five_dimensions_and_the_law_itself_is_not() -> (
    None
):
    line = nn.Linear(1, 5).double()
    found = local_dimension(play(line, 1, normal(1000, 5)), Plan(samples=1000))
    finding = content.diagnostics()["GC010"].judge(found)
    assert finding.verdict is Verdict.warning
    assert "fewer dimensions" in finding.title
    same = nn.Linear(5, 5).double()
    with torch.no_grad():
        same.weight.copy_(torch.eye(5))
        same.bias.zero_()
    found = local_dimension(play(same, 5, normal(1000, 5)), Plan(samples=1000))
    finding = content.diagnostics()["GC010"].judge(found)
    assert finding.verdict is Verdict.sound
    assert "a density wherever" in finding.because


def test_a_float32_image_generator_is_measured_in_float64_and_left_as_it_was() -> None:
    rng = torch.Generator().manual_seed(0)
    net = dcgan_generator(28, generator=rng, width=4, latent=6)
    game = Game(
        net, dcgan_discriminator(28, generator=rng, width=4), loss="minimax",
        latent=latents.normal(6), data=torch.rand(60, 1, 28, 28),
    )  # fmt: skip
    before = {k: v.clone() for k, v in net.state_dict().items()}
    found = local_dimension(game, PLAN)
    assert found.provenance["jacobian_dtype"] == "float64"
    assert found.spectra.shape == (2, 6)
    assert found.quantities["ambient_dimension"].value == 784
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert all(p.dtype == torch.float32 and p.grad is None for p in net.parameters())


def test_what_is_too_large_or_in_parts_says_so() -> None:
    wide = local_dimension(play(nn.Linear(1025, 1030).double(), 1025, normal(60, 1030)), PLAN)
    assert "is not formed" in wide.skipped
    assert "jacobian_rank" not in wide.quantities
    assert content.diagnostics()["GC010"].judge(wide).verdict is not Verdict.sound
    figure_of(wide.plot()).canvas.draw()
    game = Game(
        nn.Linear(5, 2).double(), nn.Linear(2, 1).double(), loss="minimax",
        latent=latents.product(latents.normal(2), latents.categorical(3)), data=normal(100, 2),
    )  # fmt: skip
    parts = content.diagnostics()["GC010"].judge(local_dimension(game, PLAN))
    assert "separate parts" in parts.because


class Steep(nn.Module):
    """z -> (2 tanh(slope z_1), z_2/50): two modes, slope between them known in closed form."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope, dtype=torch.float64))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.stack([2.0 * torch.tanh(self.slope * z[:, 0]), z[:, 1] / 50.0], dim=1)


def two_modes(n: int) -> torch.Tensor:
    x = normal(n, 2) / 50.0
    x[:, 0] += torch.where(torch.arange(n) % 2 == 0, 2.0, -2.0)
    return x


def test_the_stretch_in_a_gap_is_the_slope_there_and_on_the_data_it_is_not() -> None:
    slope = 3.0
    game = play(Steep(slope), 2, two_modes(1000))
    found = spectra_by_place(game, Plan(samples=1000))
    assert found.doubt == ""
    assert found.in_gap.shape == found.on_data.shape == (32, 2)
    # In the gap |2 tanh| < 1, up to the width of the modes: the slope 2 s (1 - tanh^2) is at least
    # 2 s (1 - 0.55^2). On the data it is anything less.
    assert found.in_gap[:, 0].min() > 2 * slope * (1 - 0.55**2)
    assert found.in_gap[:, 0].max() <= 2 * slope
    assert np.median(found.on_data[:, 0]) < 0.2 * slope
    assert found.in_gap[:, 1] == pytest.approx(1 / 50)
    whole = local_dimension(game, Plan(samples=1000))
    low, high = whole.quantities["stretch_in_gap"].interval
    assert 2 * slope * (1 - 0.55**2) < low <= high <= 2 * slope
    finding = content.diagnostics()["GC010"].judge(whole)
    assert "lie in a gap of the data it stretches by" in finding.because
    for width in (690, 340):
        figure_of(whole.plot(width)).canvas.draw()


def test_without_gaps_or_latents_in_them_the_reason_is_told() -> None:
    blob = spectra_by_place(play(Steep(1.0), 2, normal(400, 2)), PLAN)
    assert "single component" in blob.doubt
    assert blob.in_gap.size == 0
    rare = spectra_by_place(play(Steep(1e6), 2, two_modes(400)), PLAN)
    assert "0 of 2000 latents fall into a gap" in rare.doubt
    few = spectra_by_place(play(Steep(1.0), 2, two_modes(30)), PLAN)
    assert "at least 40 real samples" in few.doubt


def test_a_choice_of_expert_is_no_direction_of_the_jacobian() -> None:
    rng = torch.Generator().manual_seed(0)
    experts = [mlp([2, 8, 3], generator=rng, dtype=torch.float64) for _ in range(4)]
    data = normal(300, 3)
    game = Game(
        Mixture(experts), nn.Linear(3, 1).double(), loss="minimax", data=data,
        latent=latents.product(latents.categorical(4), latents.normal(2)),
    )  # fmt: skip
    found = local_dimension(game, PLAN)
    assert (found.latent, found.spectra.shape) == (2, (32, 2))
    assert found.quantities["deficient_share"].value == 0.0
    z = game.draw_latent(32, seed=0)
    for i in (0, 7, 31):
        own = torch.autograd.functional.jacobian(
            lambda x, i=i: experts[int(z[i, :4].argmax())](x[None])[0], z[i, 4:]
        )
        assert found.spectra[i] == pytest.approx(torch.linalg.svdvals(own).numpy(), rel=1e-10)
    finding = content.diagnostics()["GC010"].judge(found)
    assert "has no density" in finding.because
    alone = Game(
        nn.Linear(4, 3).double(), nn.Linear(3, 1).double(), loss="minimax", data=data,
        latent=latents.categorical(4),
    )  # fmt: skip
    points = local_dimension(alone, PLAN)
    assert "no coordinate of the latent varies continuously" in points.skipped
    assert content.diagnostics()["GC010"].judge(points).verdict is not Verdict.sound
    figure_of(points.plot()).canvas.draw()


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.zeros((100, 2)), "at least 50 different points, got 1"),
        (np.zeros((10, 2)), "at least 50 different points, got 1"),
        (np.full((100, 2), np.nan), "x must be finite"),
        (np.random.default_rng(0).random((20, 2)), "at least 50 different points, got 20"),
    ],
)
def test_a_sample_without_a_dimension_is_refused_in_one_sentence(x: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        levina_bickel(x)


def test_bad_arguments_and_broken_networks_are_named() -> None:
    with pytest.raises(ValueError, match="neighbours must be at least 3, got 2"):
        levina_bickel(np.random.default_rng(0).random((100, 2)), neighbours=2)
    with pytest.raises(NotApplicable, match="needs samples"):
        local_dimension(analytic.dirac())
    broken = nn.Linear(2, 2).double()
    nn.init.constant_(broken.weight, float("nan"))
    with pytest.raises(ValueError, match="must be finite"):
        local_dimension(play(broken, 2, normal(100, 2)), PLAN)
