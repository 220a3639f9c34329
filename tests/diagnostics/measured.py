"""Real measurements of tiny games, one a diagnostic, whose quantities the tests then set."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import nn

from gancheck import content
from gancheck.diagnosis import Measurement, Plan, Quantity, Verdict
from gancheck.games import latents
from gancheck.games.game import Game
from gancheck.measures.connectivity import bridge_mass
from gancheck.measures.coverage import coverage
from gancheck.measures.density_ratio import density_ratio
from gancheck.measures.distances import distances
from gancheck.measures.gradients import gradient_ratio
from gancheck.measures.lipschitz import lipschitz
from gancheck.measures.local_dimension import local_dimension
from gancheck.measures.memorisation import memorisation
from gancheck.measures.rotation import rotation
from gancheck.measures.spectrum import hessian_spectrum
from gancheck.measures.stability import local_stability
from tests.oracles import tiny_game

PLAN = Plan(batch_size=32, batches=4, samples=200, gradient_batch=16, probes=8)
CODES = (
    "GC001",
    "GC002",
    "GC003",
    "GC004",
    "GC005",
    "GC006",
    "GC007",
    "GC008",
    "GC009",
    "GC010",
    "GC011",
)


@cache
def measured(code: str) -> Any:
    """A real measurement of a tiny GAN, whose quantities the tests then set."""
    if code == "GC005":
        rng = np.random.default_rng(0)
        x = np.concatenate([rng.standard_normal((200, 2)), rng.standard_normal((200, 2)) + 30])
        return bridge_mass(x, x[::2] + 0.01)
    if code == "GC006":
        labels = np.repeat(np.arange(2), 200)
        rng = np.random.default_rng(0)
        x = rng.standard_normal((400, 2)) + 30 * labels[:, None]
        return coverage(x, x[::2] + 0.01, labels=labels, logits=rng.standard_normal(400))
    if code == "GC007":
        rng = np.random.default_rng(0)
        return distances(rng.standard_normal((200, 2)), rng.standard_normal((100, 2)))
    if code == "GC008":
        return memorisation(*np.random.default_rng(0).standard_normal((3, 400, 2)))
    if code == "GC009":
        critic = Game(
            nn.Linear(2, 2), nn.Linear(2, 1), loss="wgan-gp", latent=latents.normal(2),
            data=torch.randn(100, 2, generator=torch.Generator().manual_seed(0)),
        )  # fmt: skip
        return lipschitz(critic, PLAN)
    measure = {
        "GC001": hessian_spectrum,
        "GC002": lambda game, plan: local_stability(game, plan=plan),
        "GC003": lambda game, plan: rotation(game, plan=plan),
        "GC004": gradient_ratio,
        "GC010": local_dimension,
        "GC011": density_ratio,
    }[code]
    return measure(tiny_game(), PLAN)


def with_values(code: str, fields: dict[str, Any] | None = None, **values: Quantity) -> Measurement:
    found = measured(code)
    return replace(found, quantities={**found.quantities, **values}, **(fields or {}))


def of_samples(found: Any, n: int) -> Any:
    """The measurement as if its shares had been counted in n samples, or n latents."""
    counts = dict.fromkeys(("generated_samples", "points", "latents"), n)
    return replace(found, provenance={**found.provenance, **counts})


def about(value: float, spread: float) -> Quantity:
    return Quantity(value=value, sampling_error=spread)


def verdict(code: str, found: Measurement) -> Verdict:
    finding = content.diagnostics()[code].judge(found)
    assert finding.code == code
    assert finding.because
    return finding.verdict
