"""GC005 on generators whose bridges are known: what it adds to the samples, and what it leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from scipy.special import ndtr
from torch import nn

from gancheck import content
from gancheck.diagnosis import Finding, Plan, Verdict
from gancheck.games import latents
from gancheck.games.game import Game

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
def test_the_figure_has_a_panel_for_the_pairs(width: int) -> None:
    found, _ = judged(Bridge(5.0), latents.normal(2))
    assert len(found.plot(width)) == 2
