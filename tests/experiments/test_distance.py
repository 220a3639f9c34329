"""The shapes, the transport's derivative against scipy's own W1, the bound, the page's words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from experiments.distance import SHAPES, Shifted, perform, planned, shape, transport_gradient
from experiments.distance_page import page
from gancheck.rendering.experiment_page import Agreement


@pytest.mark.parametrize("kind", SHAPES)
def test_the_shapes_are_as_far_apart_as_they_are_said_to_be(kind: str) -> None:
    rng = torch.Generator().manual_seed(0)
    z = torch.rand(3000, 2, generator=rng) * 2.0 - 1.0
    real, fake = shape(kind, z).numpy(), Shifted(kind, 0.5)(z).detach().numpy()
    nearest = fake[:, 0].min() - real[:, 0].max()
    assert 0.5 - 1e-6 <= nearest <= 0.5 + 0.02  # 3,000 points come near the edge of a disc
    spread = stats.kstest(real[:, 1], "uniform") if kind == "lines" else None
    if spread is not None:
        assert spread.pvalue > 0.01
    else:  # uniform on a disc: the squared radius is uniform
        assert stats.kstest(4.0 * (real**2).sum(1), "uniform").pvalue > 0.01


def test_the_transport_gradient_is_the_slope_of_scipys_w1_on_a_line() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=40), rng.normal(size=40) + 0.3

    def w1(shift: float) -> float:
        return float(stats.wasserstein_distance(x, y + shift))

    flat = np.zeros(40)
    found = transport_gradient(np.stack([x, flat], 1), np.stack([y, flat], 1))
    # W1 is piecewise linear in the shift; 1e-7 is within the piece
    assert found == pytest.approx((w1(1e-7) - w1(-1e-7)) / 2e-7, abs=1e-6)
    assert -1.0 < found < 1.0


@pytest.mark.parametrize("kind", SHAPES)
def test_the_minimax_gradient_is_below_the_bound_after_any_training(kind: str) -> None:
    for steps in (1, 30):
        c = next(
            c
            for c in planned(1, steps)
            if (c["shape"], c["judge"], c["distance"]) == (kind, "discriminator", 1.0)
        )
        m = perform(c)
        assert m["bound"] == pytest.approx(m["largest"] / (1.0 - m["largest"]))
        assert m["minimax"] <= m["bound"]


def test_a_critic_pulls_towards_the_data() -> None:
    c = next(c for c in planned(1, 60) if (c["judge"], c["distance"]) == ("critic", 4.0))
    m = perform(c)
    assert m["towards"]
    assert m["transport"] == pytest.approx(1.0, abs=0.01)


def rows_with(**changes: Any) -> list[dict[str, Any]]:
    """Rows as they were predicted, but for these."""
    out: list[dict[str, Any]] = []
    for c in planned(6, 3):
        measured = (
            {"gradient": 1.0, "towards": True, "transport": 1.0}
            if c["judge"] == "critic"
            else {
                "minimax": 1e-4, "non-saturating": 2.0, "largest": 2e-4, "bound": 2e-4,
                "mean_d": 1e-4,
            }
        )  # fmt: skip
        measured |= {k: v for k, v in changes.items() if k in measured}
        out.append({"configuration": c, "measured": measured, "versions": {"gancheck": "0"}})
    return out


@pytest.mark.parametrize(
    ("changes", "agreement"),
    [
        ({}, Agreement.supported),
        ({"gradient": 0.4}, Agreement.partly),
        ({"minimax": 0.02, "bound": 0.03}, Agreement.partly),
        ({"minimax": 3e-4}, Agreement.partly),
        ({"bound": None}, Agreement.supported),
    ],
)
def test_the_page_says_what_the_rows_say(changes: dict[str, Any], agreement: Agreement) -> None:
    made = page(rows_with(**changes), "x")
    assert made.agreement is agreement
    count = 0 if changes.get("minimax") == 3e-4 else 5 * 6
    assert all(f"below its bound in {count} of 30 runs" in p.lead for p in made.parts)
