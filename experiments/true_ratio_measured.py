"""What is measured of a discriminator whose true density ratio is known?

Its value with the standard error, the gap that the theory derives at every point, how far its
statement is from the truth, on samples held out; the value on its own sample; what GC011 says.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import special

from experiments.true_ratio_losses import OBJECTIVES
from gancheck import content
from gancheck.diagnosis import NotApplicable, Plan
from gancheck.measures.density_ratio import density_ratio, jsd_bound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from experiments.true_ratio_laws import Pair
    from gancheck.games.game import Game

__all__ = ["FIRST_HELD_OUT", "asked", "held_out", "on_own_sample", "true_calibration"]

FIRST_HELD_OUT = 1_000_000  # seeds of held-out draws, apart from those of anything trained
_BINS = 10  # as GC011 has


def held_out(laws: Pair, discriminator: nn.Module, c: Mapping[str, Any]) -> dict[str, Any]:
    """Value, gap and distance from the truth on samples that the discriminator has not seen.

    Args:
        laws: that the samples are drawn from.
        discriminator: in float64.
        c: `seed`, `samples` of each kind, and the `loss` whose objective is meant (minimax where
            it says none).

    Returns:
        `divergence` by quadrature; `value` and its `error`; `gap`, `sum` of value and gap with
        `sum_error`; `posterior`, the root mean square of stated less true p/(p + q) under the mean
        of both laws; `outside`, the share of scores that state no ratio. Of a logit moreover
        `logit`, the root mean square of logit less ln p/q, with `logit_error`; `limit`, the
        package's 99 % limit of the bound; `calibration`, the true error in ten bins.
    """
    own = OBJECTIVES[c.get("loss", "minimax")]
    rng = torch.Generator().manual_seed(FIRST_HELD_OUT + c["seed"])
    generator, latent = laws.generator()
    with torch.no_grad():
        real = laws.data.sample(c["samples"], rng)
        fake = generator.double()(latent.sample(c["samples"], rng))
        scores = [discriminator(x).double().reshape(-1).numpy() for x in (real, fake)]
        truth = [laws.log_ratio(x).numpy() for x in (real, fake)]
    on = own.on_real(scores[0]), own.on_fake(scores[1])
    lacking = own.lacking_real(scores[0], truth[0]), own.lacking_fake(scores[1], truth[1])
    value, error = _sum_of_means(*on)
    both, both_error = _sum_of_means(on[0] + lacking[0], on[1] + lacking[1])
    stated, best = np.concatenate(scores), np.concatenate(truth)
    out = {
        "divergence": laws.integral(own.divergence),
        "value": value,
        "error": error,
        "gap": float(lacking[0].mean() + lacking[1].mean()),
        "sum": both,
        "sum_error": both_error,
        "posterior": _rms(own.posterior(stated) - special.expit(best))[0],
        "outside": own.outside(stated),
    }
    if own.is_logit:
        distance, its_error = _rms(stated - best)
        out |= {
            "logit": distance,
            "logit_error": its_error,
            "limit": jsd_bound(*scores).interval[0],
            "calibration": true_calibration(stated, best),
        }
    return out


def on_own_sample(
    laws: Pair, discriminator: nn.Module, real: Tensor, latent: Tensor, *, loss: str
) -> dict[str, float]:
    """The value on the very samples that the discriminator was trained on.

    Args:
        laws: whose generator made the generated ones.
        discriminator: in float64.
        real: [n, d].
        latent: [n, ...], what the generated samples were made of.
        loss: its name.
    """
    own = OBJECTIVES[loss]
    generator, _ = laws.generator()
    with torch.no_grad():
        scores = [discriminator(x).reshape(-1).numpy() for x in (real, generator.double()(latent))]
    value, error = _sum_of_means(own.on_real(scores[0]), own.on_fake(scores[1]))
    return {"value": value, "error": error}


def asked(game: Game, *, seed: int) -> dict[str, Any]:
    """What GC011 says as `gancheck diagnose` asks it, in short.

    Returns:
        `verdict`, and of the measurement the calibration error and the slope with its error, None
        where there is none.
    """
    try:
        found = density_ratio(game, Plan(seed=seed))
    except NotApplicable:
        return {"verdict": "not applicable", "error": None, "slope": None, "slope_error": None}
    q = found.quantities
    slope = q.get("calibration_slope")
    return {
        "verdict": str(content.diagnostics()["GC011"].judge(found).verdict),
        "error": q["calibration_error"].value,
        "slope": None if slope is None else slope.value,
        "slope_error": None if slope is None else slope.sampling_error,
    }


def true_calibration(logit: np.ndarray, log_ratio: np.ndarray) -> float:
    """Mean over ten bins of equal number of |mean of D - mean of D*|.

    Args:
        logit: that is stated at each point [n], the points from the mean of both laws.
        log_ratio: the true one [n].

    The truth is known at every point, so nothing is counted and no label's chance comes in.
    """
    edges = np.unique(np.quantile(logit, np.linspace(0.0, 1.0, _BINS + 1)[1:-1]))
    which = np.searchsorted(edges, logit, side="right")
    apart = special.expit(logit) - special.expit(log_ratio)
    return float(np.abs(np.bincount(which, weights=apart)).sum() / len(logit))


def _sum_of_means(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    error = math.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second))
    return float(first.mean() + second.mean()), error


def _rms(x: np.ndarray) -> tuple[float, float]:
    """Root mean square and its standard error."""
    squares = x**2
    root = math.sqrt(squares.mean())
    spread = float(squares.std(ddof=1)) / math.sqrt(len(x))
    return root, spread / (2.0 * root) if root > 0.0 else 0.0
