"""GC005 on generators whose bridges are known: what it adds to the samples, and what it leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy.cluster import hierarchy
from scipy.special import ndtr
from torch import nn

from gancheck import content
from gancheck.diagnosis import Finding, NotApplicable, Plan, Verdict
from gancheck.games import latents
from gancheck.games.game import Game
from gancheck.measures.data_gaps import data_gaps
from gancheck.measures.figures import figure_of
from gancheck.measures.joining_curve import joining_curve

if TYPE_CHECKING:
    from gancheck.measures.connectivity import BridgeMass

PLAN = Plan(samples=2000)


class Bridge(nn.Module):
    """z -> (clamp(slope z_1, +-2), z_2/50)."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope, dtype=torch.float64))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.stack([(self.slope * z[:, 0]).clamp(-2.0, 2.0), z[:, 1] / 50], dim=1)


class Mixture(nn.Module):
    """One expert for each mode."""

    def __init__(self) -> None:
        super().__init__()
        self.modes = nn.Parameter(torch.tensor([[-2.0, 0.0], [2.0, 0.0]], dtype=torch.float64))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        noise = torch.stack([torch.zeros(len(z), dtype=z.dtype), z[:, 2] / 50], dim=1)
        return z[:, :2] @ self.modes + noise


def judged(generator: nn.Module, latent: latents.Latent) -> tuple[BridgeMass, Finding]:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2000, 2, generator=rng, dtype=torch.float64) / 50
    x[:, 0] = 4.0 * (torch.rand(2000, generator=rng) < 0.5) - 2.0 + 1e-3 * x[:, 0]
    critic = nn.Linear(2, 1).double()
    game = Game(generator, critic, loss="minimax", latent=latent, data=x)
    diagnostic = content.diagnostics()["GC005"]
    found = diagnostic.measure(game, PLAN)
    return found, diagnostic.judge(found)


def test_a_wide_bridge_fails_with_paths_as_witnesses_and_no_line_needed() -> None:
    found, finding = judged(Bridge(5.0), latents.normal(2))
    assert finding.verdict is Verdict.failing
    assert "100% of latent paths between components cross a gap" in finding.because
    assert "bridge_mass_by_lines" not in found.quantities
    assert found.quantities["spanning_experts"].value == 1.0


def test_a_bridge_no_sample_hits_is_sound_and_its_mass_is_told_all_the_same() -> None:
    found, finding = judged(Bridge(1e5), latents.normal(2))
    assert finding.verdict is Verdict.sound
    q = found.quantities["bridge_mass_by_lines"]
    truth = float(2 * ndtr(1.0 / 1e5) - 1)  # the middle half: |clamp| < 1
    # 100 lines; the region's edge moves with the reference's own noise by a few per cent
    assert abs(q.value - truth) < 4 * q.sampling_error + 0.05 * truth
    assert "Lines through the latent space put the bridge mass at" in finding.because


class Spanning(Mixture):
    """The second expert makes both modes and what is between them."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        both = 2.0 * torch.tanh(3.0 * z[:, 2])
        x = torch.where(z[:, 1] > 0.5, both, torch.full_like(both, -2.0))
        return torch.stack([x * self.modes[1, 0] / 2.0, z[:, 2] / 50], dim=1)


def test_a_mixture_is_told_of_its_expert_and_not_to_become_a_mixture() -> None:
    latent = latents.product(latents.categorical(2), latents.normal(1))
    found, finding = judged(Spanning(), latent)
    assert finding.verdict in (Verdict.warning, Verdict.failing)
    assert found.quantities["spanning_experts"].value == 1.0
    assert "1 of 2 reaches two or more" in finding.remedy
    assert "Use a mixture" not in finding.remedy
    _, one = judged(Bridge(5.0), latents.normal(2))
    assert "Use a mixture" in one.remedy


def test_a_clean_mixture_is_sound_and_has_no_path() -> None:
    latent = latents.product(latents.categorical(2), latents.normal(1))
    found, finding = judged(Mixture(), latent)
    assert finding.verdict is Verdict.sound
    assert "No expert of the generator was seen in two components" in finding.because
    assert "crossing_share" not in found.quantities
    assert found.quantities["spanning_experts"].value == 0.0


def test_a_generator_that_mixes_its_batch_is_judged_by_samples_alone() -> None:
    normalising = nn.Sequential(nn.BatchNorm1d(2, track_running_stats=False), Bridge(5.0)).double()
    found, finding = judged(normalising, latents.normal(2))
    assert finding.verdict is Verdict.failing
    assert "normalises over the batch" in found.provenance["no_latent_paths"]
    assert "latent paths" not in finding.because


def test_a_generator_that_breaks_between_its_samples_is_judged_by_samples_alone() -> None:
    class Breaks(Bridge):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return torch.where(z[:, :1].abs() < 1e-4, torch.nan, super().forward(z))

    found, finding = judged(Breaks(50.0), latents.normal(2))
    assert finding.verdict in (Verdict.sound, Verdict.warning)
    assert "NaN or infinity at some latents" in found.provenance["no_latent_paths"]


@pytest.mark.parametrize("width", [340, 690])
def test_the_figure_has_a_panel_for_all_that_was_found(width: int) -> None:
    found, _ = judged(Bridge(5.0), latents.normal(2))
    axes = found.plot(width)
    titles = [ax.get_title(loc="left") for ax in axes]
    assert len(titles) == 6
    for words, title in zip(
        ("in the gaps", "gap of each pair", "component on each path", "samples on these paths",
         "paths (of 50)", "pieces of at least 1 %"), titles, strict=True,
    ):  # fmt: skip
        assert words in " ".join(title.split())
    figure_of(axes).canvas.draw()
    clean, _ = judged(
        Mixture(), latents.product(latents.categorical(2), latents.normal(1))
    )  # no path to follow
    assert len(clean.plot(width)) == 3


def test_the_curve_of_a_clean_sample_stays_in_the_range_of_real_ones_and_that_of_noise_does_not() -> (
    None
):
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])

    def three(n: int) -> np.ndarray:
        return centres[rng.integers(3, size=n)] + 0.1 * rng.standard_normal((n, 2))

    gaps = data_gaps(three(3000))
    clean = joining_curve(gaps, three(1500))
    assert clean.points == 1000
    assert clean.real.shape == (24, len(clean.scale))
    low, high = clean.real.min(axis=0), clean.real.max(axis=0)
    off = (clean.generated < low) | (clean.generated > high)
    assert off.mean() < 0.15  # one more curve leaves a range of 24 at 2 in 25 of scales
    # between a step inside a mode and the way to the next there are three pieces
    between = (clean.scale > 1.0) & (clean.scale < 3.0)
    assert (clean.generated[between] == 3).all()
    assert clean.generated[-1] == 1
    noise = joining_curve(gaps, 8.0 * rng.random((1500, 2)) - 2.0)
    assert (noise.generated[between] == 1).all()
    # against scipy's own single linkage, at each tenth scale
    x = three(1000)
    found = joining_curve(gaps, x)
    for k in range(0, len(found.scale), 10):
        flat = hierarchy.fcluster(
            hierarchy.linkage(x, "single"), found.scale[k], criterion="distance"
        )
        assert found.generated[k] == int((np.bincount(flat) >= 10).sum())
    with pytest.raises(NotApplicable, match="300 real and 100 generated"):
        joining_curve(gaps, x[:50])
