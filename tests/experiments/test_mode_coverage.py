"""Coverage of known modes against counts by hand, brute-force distances and the library's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments.mode_coverage import mode_coverage
from gancheck.games.data import grid25, ring8
from gancheck.measures.connectivity import bridge_mass


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_sample_of_some_modes_and_of_nothing_is_counted_by_hand() -> None:
    real, labels = ring8().labelled(4000, rng(0))
    fresh, kinds = ring8().labelled(4000, rng(1))
    some = fresh[kinds < 3]
    away = torch.full((len(some), 2), 9.0, dtype=torch.float64)
    found = mode_coverage(real, labels, torch.cat([some, away]))
    assert (found.covered, found.surely) == (3, 3)
    assert found.off_data == pytest.approx(0.5, abs=0.02)  # and the law's own one in a hundred
    assert found.shares[3:].sum() == 0
    assert found.shares.sum() + found.off_data == pytest.approx(1.0, abs=1e-12)
    assert mode_coverage(real, labels, away).covered == 0


def test_samples_halfway_between_two_modes_are_bridges_and_cover_none() -> None:
    real, labels = ring8().labelled(4000, rng(0))
    modes = ring8().modes
    halfway = ((modes[0] + modes[1]) / 2).repeat(2000, 1)
    found = mode_coverage(real, labels, halfway)
    assert (found.bridge, found.off_data, found.covered) == (1.0, 1.0, 0)


@pytest.mark.parametrize("law", [ring8, grid25])
def test_shares_are_those_of_brute_force_distances(law) -> None:
    real, labels = law().labelled(1200, rng(2))
    generated, _ = law().labelled(300, rng(3))
    found = mode_coverage(real, labels, generated, seed=5)
    order = np.random.default_rng(5).permutation(1200)
    reference, held_out = order[:600], order[600:900]
    between = torch.cdist(real[held_out], real[reference]).min(dim=1).values
    radius = torch.quantile(between, 0.99)
    near = torch.cdist(generated, real[reference]).min(dim=1)
    on = near.values <= radius
    kinds = labels[reference][near.indices[on]]
    wanted = torch.bincount(kinds, minlength=law().components) / 300
    # cdist's own rounding may move a point that lies on the very edge
    assert np.abs(found.shares - wanted.numpy()).max() <= 1 / 300 + 1e-12


def test_it_is_near_the_librarys_own_coverage() -> None:
    real, labels = grid25().labelled(10_000, rng(4))
    generated, kinds = grid25().labelled(20_000, rng(5))
    generated = generated[kinds % 3 > 0][:10_000]
    ours = mode_coverage(real, labels, generated)
    library = bridge_mass(real, generated, labels=labels).quantities
    assert ours.covered == round(25 * library["coverage"].value) == 16
    assert ours.off_data == pytest.approx(library["off_tube_mass"].value, abs=0.01)
