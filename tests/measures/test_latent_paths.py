"""Latent paths and the isoperimetric mass on generators whose gaps are known exactly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri
from torch import nn

from gancheck.diagnosis import NotApplicable
from gancheck.games import analytic, latents
from gancheck.games.data import ring8
from gancheck.games.game import Game
from gancheck.games.networks import mlp
from gancheck.measures.data_gaps import data_gaps
from gancheck.measures.figures import FAILING, GENERATOR, figure_of
from gancheck.measures.isoperimetry import (
    certified_lipschitz,
    gap_mass_left,
    isoperimetric_mass,
    largest_slope,
)
from gancheck.measures.latent_paths import latent_paths
from gancheck.measures.line_sampling import gap_mass
from gancheck.measures.path_figures import as_images
from tests.drawn import dots, lines, ordered, references

if TYPE_CHECKING:
    from gancheck.games.latents import Latent
    from gancheck.measures.data_gaps import DataGaps

DISTANCE = 4.0  # between the two modes


class Ramp(nn.Module):
    """z -> (clamp(slope z_1, +-2), z_2/50): two modes and the straight bridge between them."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope, dtype=torch.float64))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        half = DISTANCE / 2
        return torch.stack([(self.slope * z[:, 0]).clamp(-half, half), z[:, 1] / 50], dim=1)


class Jump(Ramp):
    """z_1 = 0 is sent halfway (sign of zero): a gap of one floating-point number is a jump too."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.stack([DISTANCE / 2 * torch.sign(z[:, 0]), self.slope * z[:, 1]], dim=1)


class Experts(nn.Module):
    """A mixture on ring8: expert k makes mode k, but the last one spans modes 6 and 7."""

    def __init__(self) -> None:
        super().__init__()
        self.modes = nn.Parameter(ring8().modes)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        chosen, noise = z[:, :7], z[:, 7:]
        between = torch.sigmoid(40.0 * noise[:, :1])
        last = (1 - between) * self.modes[6] + between * self.modes[7]
        own = chosen[:, :6] @ self.modes[:6] + chosen[:, 6:] * last
        return own + 0.02 * noise


def two_modes(n: int, seed: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 2, generator=rng, dtype=torch.float64) / 50
    x[:, 0] += DISTANCE * (torch.rand(n, generator=rng) < 0.5) - DISTANCE / 2
    return x


def played(generator: nn.Module, latent: Latent, data: torch.Tensor) -> Game:
    critic = nn.Linear(2, 1).double()
    return Game(generator, critic, loss="minimax", latent=latent, data=data)


def ramp_game(slope: float) -> tuple[Game, DataGaps]:
    data = two_modes(4000, 0)
    return played(Ramp(slope), latents.normal(2), data), data_gaps(data)


def test_every_path_of_a_continuous_generator_crosses_where_it_must() -> None:
    game, gaps = ramp_game(100.0)
    found = latent_paths(game, gaps, paths=100)
    assert found.quantities["crossing_share"].value == 1.0
    assert len(found.leave) == 100
    assert (found.leave < found.arrive).all()
    samples = torch.from_numpy(found.decoded)
    assert samples.shape == (8, 3, 2)
    # The gap is where a/(a+b) > 1/4: in the middle half, between -1 and 1 of +-2.
    start, middle, end = samples[..., 0].abs().unbind(1)
    assert torch.allclose(start, torch.ones(8, dtype=torch.float64), atol=0.05)
    assert torch.allclose(end, torch.ones(8, dtype=torch.float64), atol=0.05)
    assert (middle < 0.05).all()
    assert (gaps.label(samples[:, 1]) == -1).all()
    strip = found.strip
    assert strip.labels.shape == (6, 65)
    assert (strip.labels[:, 0] == found.ends[:6, 0]).all()
    moved = np.linalg.norm(np.diff(strip.track, axis=1), axis=2)
    assert np.allclose(strip.speed, 64 * moved)
    assert (gaps.label(strip.track.reshape(-1, 2)).reshape(6, 65) == strip.labels).all()
    # every change of component on the strip is across a gap that is shown
    crossed = {int(row) for row in strip.between[:, 0]}
    for row, labels in enumerate(strip.labels):
        assert row in crossed or -1 in labels
    assert np.allclose(strip.between[0, 1:], [found.leave[int(strip.between[0, 0])],
                                              found.arrive[int(strip.between[0, 0])]])  # fmt: skip
    for width in (690, 340):
        assert len(found.plot(width)) == 3
        figure_of(found.plot(width)).canvas.draw()
    _, tracks, widths = found.plot(690)
    assert [t.tolist() for t in lines(tracks, GENERATOR)] == strip.track.tolist()
    assert np.array_equal(dots(tracks, FAILING), ordered(found.decoded[:6, 1]))
    counted = [(p.get_x(), p.get_x() + p.get_width(), p.get_height()) for p in widths.patches]
    width = np.log10((found.arrive - found.leave)[np.isfinite(found.leave)])
    assert sum(n for *_, n in counted) == len(width)
    for low, high, n in counted[:-1]:  # the last one holds its upper end too
        assert n == ((width >= low) & (width < high)).sum()
    assert references(widths) == [float(np.median(width))]


@pytest.mark.parametrize("latent", [latents.normal(2), latents.uniform(2)])
def test_a_path_of_either_kind_crosses_and_says_which_it_was(latent: Latent) -> None:
    data = two_modes(4000, 0)
    game, gaps = played(Ramp(100.0), latent, data), data_gaps(data)
    for kind in ("spherical", "straight"):
        found = latent_paths(game, gaps, paths=50, kind=kind)
        assert found.quantities["crossing_share"].value == 1.0
        assert found.provenance["kind"] == kind
    with pytest.raises(ValueError, match="kind must be one of"):
        latent_paths(game, gaps, kind="round")


def test_a_jump_is_told_from_a_gap() -> None:
    data = two_modes(4000, 0)
    game = played(Jump(0.02), latents.normal(2), data)
    found = latent_paths(game, data_gaps(data), paths=50)
    assert found.quantities["crossing_share"].value == 0.0
    assert "on 50 the generator jumps" in found.because
    assert np.isnan(found.leave).all()
    assert (found.ends[:, 0] != found.ends[:, 1]).all()
    assert found.decoded.size == 0
    assert len(found.strip.labels) == 0
    assert len(found.plot()) == 1
    figure_of(found.plot()).canvas.draw()


def test_the_table_names_the_expert_that_spans_two_components() -> None:
    data = ring8().sample(8000, torch.Generator().manual_seed(0))
    latent = latents.product(latents.categorical(7), latents.normal(2))
    found = latent_paths(played(Experts(), latent, data), data_gaps(data), paths=40)
    assert found.quantities["spanning_experts"].value == 1.0
    assert found.expert_table.shape == (7, 9)
    assert found.expert_table.sum() == 2000
    reached = (found.expert_table[:, :-1] > 0).sum(axis=1)
    assert reached.tolist() == [1, 1, 1, 1, 1, 1, 2]
    assert set(found.expert.tolist()) == {6}
    assert found.quantities["crossing_share"].value == 1.0


class Pictures(Ramp):
    """A ramp between an empty image of 4 x 4 pixels and a full one."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return (self.slope * z[:, :1]).clamp(-1.0, 1.0) + z[:, 1:] / 50


@pytest.mark.parametrize("shape", [(16,), (1, 4, 4), (4, 4)])
def test_paths_of_images_show_the_image_in_the_gap_between_the_two(shape: tuple[int, ...]) -> None:
    def half(sign: float, seed: int) -> torch.Tensor:
        noise = torch.randn(1000, 16, generator=torch.Generator().manual_seed(seed)).double()
        return sign + noise / 50

    data = torch.cat([half(-1.0, 0), half(1.0, 1)]).reshape(-1, *shape)

    class Shaped(Pictures):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return super().forward(z).reshape(-1, *shape)

    critic = nn.Sequential(nn.Flatten(), nn.Linear(16, 1)).double()
    game = Game(Shaped(5.0), critic, loss="minimax", latent=latents.normal(17), data=data)
    found = latent_paths(game, data_gaps(data), paths=20)
    assert found.strip.track.size == 0
    pictures = as_images(found.decoded)
    assert pictures is not None
    assert pictures.shape == (8, 3, 4, 4)
    ends, middle = pictures[:, [0, 2]].mean((2, 3)), pictures[:, 1].mean((1, 2))
    assert (ends.min(1) < middle).all()
    assert (middle < ends.max(1)).all()
    axes = found.plot(690)
    assert len(axes) == 3
    assert len(axes[1].images) == 1
    figure_of(axes).canvas.draw()


def test_what_is_no_image_and_no_point_has_no_panel_of_samples() -> None:
    assert as_images(np.zeros((0, 3))) is None
    assert as_images(np.zeros((2, 3, 15))) is None
    assert as_images(np.zeros((2, 3, 2))) is None
    colour = as_images(np.ones((2, 3, 3, 8, 8)))
    assert colour is not None
    assert colour.shape == (2, 3, 8, 8)
    assert np.isfinite(colour).all()


def test_a_clean_mixture_has_no_path_to_follow() -> None:
    data = ring8().sample(8000, torch.Generator().manual_seed(0))

    class Clean(Experts):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return z[:, :8] @ self.modes + 0.02 * z[:, 8:]

    latent = latents.product(latents.categorical(8), latents.normal(2))
    found = latent_paths(played(Clean(), latent, data), data_gaps(data))
    assert len(found.leave) == 0
    assert "no path to follow" in found.because
    assert found.quantities["spanning_experts"].value == 0.0
    with pytest.raises(NotApplicable, match="no expert"):
        found.plot()


def test_line_sampling_finds_the_mass_of_a_generator_s_thin_bridge() -> None:
    slope = 1e4
    game, gaps = ramp_game(slope)

    def label(z: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(gaps.label(game.generate(z).detach()))

    found = gap_mass(label, game.latent, draws=1000, lines=500)
    q = found.quantities["gap_mass"]
    truth = float(2 * ndtr(1.0 / slope) - 1)  # |slope z| < 1, up to the noise of the modes
    assert found.method == "lines"
    assert abs(q.value - truth) < 4 * q.sampling_error + 0.05 * truth


@given(w=st.floats(0.01, 0.49), d=st.floats(0.0, 20.0), slope=st.floats(0.1, 100.0))
def test_two_equal_components_leave_what_the_clamp_leaves(w: float, d: float, slope: float) -> None:
    """Half-spaces of weight w on both sides: each grows by D/(2L), which is the whole bound."""
    found = isoperimetric_mass([w, w], [d, d], slope)
    exact = 2.0 * (ndtr(ndtri(w) + d / (2 * slope)) - w)
    assert found == pytest.approx(exact, rel=1e-9, abs=1e-12)
    if math.isclose(ndtri(w), -d / (2 * slope), rel_tol=1e-12):
        assert found == pytest.approx(1.0 - 2.0 * w)


@pytest.mark.parametrize("slope", [2.0, 20.0])
def test_what_must_be_left_is_left_and_nearly_all_of_it_for_the_clamp(slope: float) -> None:
    game, gaps = ramp_game(slope)
    found = gap_mass_left(game, gaps, draws=20_000).quantities
    assert found["largest_slope"].value == pytest.approx(slope)
    left, off = found["mass_left_estimate"].value, found["off_tube_mass"].interval
    # The clamp is the tight case: what is missing is the tubes' own width, 2 r of D, and the noise
    # of the second coordinate.
    assert left <= off[1]
    assert left > 0.75 * off[0]
    assert "mass_left_bound" not in found  # nothing is known of this module's norm


def test_a_certified_constant_bounds_every_sampled_slope() -> None:
    for seed in range(5):
        net = mlp(
            [3, 16, 16, 4],
            generator=torch.Generator().manual_seed(seed),
            activation="leaky-relu",
            output="tanh",
            dtype=torch.float64,
        )
        data = torch.randn(50, 4, dtype=torch.float64)
        critic = nn.Linear(4, 1).double()
        game = Game(net, critic, loss="minimax", latent=latents.normal(3), data=data)
        slope = largest_slope(game, count=64)
        assert slope.kind == "lower"
        assert 0.0 < slope.value <= certified_lipschitz(net)
        z = game.draw_latent(1, seed=0)
        jacobian = torch.autograd.functional.jacobian(net, z)[0, :, 0]
        assert slope.value >= float(torch.linalg.matrix_norm(jacobian, 2)) - 1e-12
    linear = nn.Linear(5, 5, bias=False).double()
    assert certified_lipschitz(linear) >= float(torch.linalg.svdvals(linear.weight.detach())[0])
    with pytest.raises(NotApplicable, match="no operator norm is known for Conv2d"):
        certified_lipschitz(nn.Sequential(nn.Conv2d(1, 1, 3)))


def test_the_certified_mass_is_below_the_estimate_and_the_truth() -> None:
    data = two_modes(4000, 0)
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Tanh(), nn.Linear(2, 2)).double()
    with torch.no_grad():
        net[0].weight.copy_(torch.diag(torch.tensor([5.0, 0.01])))
        net[2].weight.copy_(torch.diag(torch.tensor([2.0, 1.0])))
        net[2].bias.zero_()
    found = gap_mass_left(played(net, latents.normal(2), data), data_gaps(data)).quantities
    assert found["lipschitz_bound"].value == pytest.approx(10.0)
    assert found["mass_left_bound"].kind == "lower"
    assert 0.0 < found["mass_left_bound"].value <= found["mass_left_estimate"].value
    assert found["mass_left_bound"].value <= found["off_tube_mass"].interval[1]


def test_where_the_questions_have_no_meaning_they_say_so() -> None:
    game, gaps = ramp_game(10.0)
    blob = data_gaps(torch.randn(500, 2, dtype=torch.float64, generator=torch.Generator()))
    with pytest.raises(NotApplicable, match="single component"):
        latent_paths(game, blob)
    with pytest.raises(NotApplicable, match="needs a generator"):
        latent_paths(analytic.dirac(), gaps)
    with pytest.raises(NotApplicable, match="for a normal latent"):
        gap_mass_left(played(Ramp(1.0), latents.uniform(2), two_modes(100, 0)), gaps)
    with pytest.raises(NotApplicable, match="a Lipschitz constant of its own"):
        gap_mass_left(game, data_gaps(two_modes(400, 0), features="pca"))
    with pytest.raises(ValueError, match="paths must be at least 1"):
        latent_paths(game, gaps, paths=0)
    with pytest.raises(ValueError, match="lipschitz must be positive"):
        isoperimetric_mass([0.5], [1.0], 0.0)
    own = latents.Latent(2, "mine", latents.normal(2).draw, connected_support=True)
    with pytest.raises(NotApplicable, match="'mine' does not say"):
        latent_paths(played(Ramp(10.0), own, two_modes(100, 0)), gaps)
