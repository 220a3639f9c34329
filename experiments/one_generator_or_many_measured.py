"""What is measured of one trained generator or mixture, as the rows of the experiment keep it.

Planar data: the test for mass in the gaps, latent paths, experts by component, what the steepness
of the generator allows at least. Digits: the same test with the labels as components in five
spaces, and images along latent paths, which are pictures and decide nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from experiments.digit_spaces import reader, spaces
from experiments.stored_pictures import kept, kept_spectra
from gancheck.diagnosis import NotApplicable, Plan
from gancheck.games.data import digits
from gancheck.measures.connectivity import bridge_mass_in
from gancheck.measures.data_gaps import data_gaps
from gancheck.measures.gap_region import LARGEST_THRESHOLD, place
from gancheck.measures.generator_jacobian import spectra_by_place
from gancheck.measures.isoperimetry import gap_mass_left
from gancheck.measures.joining_curve import joining_curve
from gancheck.measures.latent_paths import experts_of, label_of, latent_paths, pairs_within
from gancheck.measures.line_sampling import gap_mass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gancheck.games.game import Game

__all__ = ["measured_on_digits", "measured_on_planar"]

_EVALUATION: Final = 1_000_000  # seeds of evaluation draws, apart from those of anything trained
_LINES: Final = 500
_SHOWN: Final = 4  # paths of images
_FRAMES: Final = 7  # images on each


def measured_on_planar(game: Game, c: Mapping[str, Any]) -> dict[str, Any]:
    """Judge a generator of points in the plane.

    Args:
        game: trained, or the oracle.
        c: `samples`, `paths`, `seed`.
    """
    seed = _EVALUATION + c["seed"]
    gaps = data_gaps(game.draw_real(c["samples"], seed=seed), seed=c["seed"])
    found = bridge_mass_in(gaps, game.draw_samples(c["samples"], seed=seed), seed=c["seed"])
    paths = latent_paths(game, gaps, paths=c["paths"], seed=seed)
    found = replace(found, paths=paths, curve=joining_curve(gaps, found.generated, seed=c["seed"]))
    lines = gap_mass(label_of(game, gaps), game.latent, draws=c["samples"], lines=_LINES, seed=seed)
    spectra = spectra_by_place(game, Plan(samples=c["samples"], seed=seed))
    q = found.quantities
    return {
        "verdict": str(found.verdict),
        "because": found.because,
        "components": found.count,
        "mass": _interval(q, "bridge_mass"),
        "off_data": q["off_tube_mass"].value,
        "covered": q["coverage"].value,
        "p_value": found.p_value,
        "followed": len(paths.leave),
        "crossed": int(np.isfinite(paths.leave).sum()),
        "spanning": int(paths.quantities["spanning_experts"].value),
        "experts": len(paths.expert_table),
        "by_lines": _interval(lines.quantities, "gap_mass") if lines.method == "lines" else None,
        "left": _left(game, gaps, seed),
        "spectra": kept_spectra(spectra),
        "picture": kept(found),
    }


def measured_on_digits(game: Game, c: Mapping[str, Any]) -> dict[str, Any]:
    """Ask in each space whether the gaps between digits can be judged.

    Args:
        game: trained.
        c: `samples`, `seed`.
    """
    seed = _EVALUATION + c["seed"]
    data = digits()
    taught = reader(data, seed=seed)
    fake = game.draw_samples(c["samples"], seed=seed)
    found: dict[str, Any] = {}
    for name, (real, labels, features) in spaces(game, data, taught).items():
        gaps = data_gaps(real, labels=labels, features=features, seed=c["seed"])
        one = bridge_mass_in(gaps, fake, seed=c["seed"])
        found[name] = {
            "verdict": str(one.verdict),
            "because": one.because,
            "needed": one.needed,
            "halfway": float((place(gaps.null, gaps.groups).ambiguity > LARGEST_THRESHOLD).mean()),
            "held_out": len(gaps.null),
            "mass": _interval(one.quantities, "bridge_mass"),
            "real_in_gap": _interval(one.quantities, "real_in_gap"),
            "off_data": one.quantities["off_tube_mass"].value,
            "p_value": one.p_value,
        }
    z = game.latent.sample(c["samples"], torch.Generator().manual_seed(seed))
    read, experts = taught.read(_images(game, z)), experts_of(game.latent, z.numpy())
    table = np.zeros((int(max(experts.max(), 0)) + 1, 10), dtype=np.int64)
    np.add.at(table, (np.maximum(experts, 0), read), 1)
    return {
        "spaces": found,
        "accuracy": taught.accuracy,
        "table": table.tolist(),
        "frames": _frames(game, z, read, experts, seed),
    }


def _left(game: Game, gaps: Any, seed: int) -> dict[str, Any]:
    """The mass that must lie off the components, or why nothing is known of it."""
    try:
        found = gap_mass_left(game, gaps, seed=seed)
    except NotApplicable as reason:
        return {"because": str(reason)}
    q = found.quantities
    return {
        "off": _interval(q, "off_tube_mass"),
        "estimate": q["mass_left_estimate"].value,
        "bound": q["mass_left_bound"].value if "mass_left_bound" in q else None,
        "slope": q["largest_slope"].value,
        "lipschitz": q["lipschitz_bound"].value if "lipschitz_bound" in q else None,
    }


def _frames(
    game: Game, z: torch.Tensor, read: np.ndarray, experts: np.ndarray, seed: int
) -> dict[str, Any]:
    """Images along the first paths between two digits, of one expert where there are several."""
    one, other = pairs_within(read, experts, _SHOWN, np.random.default_rng(seed))
    t = torch.linspace(0.0, 1.0, _FRAMES, dtype=torch.float64)
    a, b = z[one], z[other]
    path = a[:, None] + t[:, None] * (b - a)[:, None]
    images = _images(game, path.reshape(-1, z.shape[1])).reshape(len(one), _FRAMES, 64)
    ink = ((images.double() + 1.0) * 8.0).clamp(0.0, 16.0).round().int()
    return {
        "ink": ink.tolist(),
        "from": read[one].tolist(),
        "to": read[other].tolist(),
        "expert": experts[one].tolist(),
    }


def _images(game: Game, z: torch.Tensor) -> torch.Tensor:
    with game.untouched(), torch.no_grad():
        return game.generate(z.to(game.dtype))


def _interval(quantities: Mapping[str, Any], name: str) -> list[float] | None:
    """Value, low, high; None where it was not measured."""
    if name not in quantities:
        return None
    return [quantities[name].value, *quantities[name].interval]
