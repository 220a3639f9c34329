"""How much mass does a generator leave in a gap that grows, and how much must it?

Claim
    `gap-mass-isoperimetry`: with a normal latent and an L-Lipschitz generator, of two sides at
    distance d of which one gets the mass a, at least Phi(Phi^-1(a) + d/L) - a lies between.
    `mixture-support-is-the-union`: a mixture of two generators need leave nothing.

Predicted
    Data of two discs at distance d, the sides the half planes at the discs' nearest points. One
    generator that reaches both sides leaves at least the bound, with L certified by the product of
    the layers' norms, in every training, and surely something. Of a trained mixture the theorems
    say what it can do and not what training makes of it: that its gap mass is smaller is the
    popular expectation, put to the same test.

How it is measured
    Recipe two-discs of the zoo, small networks, at growing d; one generator, and a mixture of two
    of the same size each. Of 20,000 samples those between the half planes are counted; exact
    binomial limits at 99 %. The bound takes the least favourable a within its own limits. Beside
    it, no bound, the same with the largest slope found instead of L. Per seed the difference
    between mixture and one generator; of the differences the median with the interval of the sign
    test, at a level at which those of all distances hold together with 95 %.

What would refute it
    A generator that reaches both sides whose upper limit is below its bound. Of the mixture, an
    interval that lies above zero contradicts the expectation, one that holds zero leaves it open.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scipy import special

from experiments.command import Experiment, at_least_one, run
from experiments.gap_page import page
from experiments.own_training import game_of, one_update, players_of
from gancheck.games import latents
from gancheck.games.architectures import MixtureOf, Perceptron
from gancheck.games.sources import TwoComponents
from gancheck.games.zoo import recipe
from gancheck.measures.isoperimetry import certified_lipschitz, largest_slope
from gancheck.measures.proportions import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gancheck.games.recipe import Recipe

__all__ = ["EXPERIMENT", "main", "mass_between", "perform", "planned"]

DISTANCES = (0.25, 0.5, 1.0, 2.0)
KINDS = ("one", "many")
SEEDS, STEPS, BATCH, SAMPLES, WIDTH = 8, 600, 128, 20_000, 16
LEVEL = 0.99
_EVALUATION = 1_000_000  # seeds of evaluation draws, apart from those of anything trained


def mass_between(share: float, distance: float, lipschitz: float) -> float:
    """The theorem's least mass off two sides at a distance, one of which has this share."""
    if not 0.0 < share < 1.0:
        return 0.0
    return float(special.ndtr(special.ndtri(share) + distance / lipschitz) - share)


def planned(seeds: int, steps: int | None) -> list[dict[str, Any]]:
    """Configurations of all runs; both kinds of a seed are neighbours."""
    at_least_one(seeds, steps)
    return [
        {
            "distance": distance,
            "kind": kind,
            "seed": seed,
            "steps": STEPS if steps is None else steps,
            "samples": SAMPLES,
            "width": WIDTH,
            "batch_size": BATCH,
        }
        for seed in range(seeds)
        for distance in DISTANCES
        for kind in KINDS
    ]


def _recipe(c: Mapping[str, Any]) -> Recipe:
    own = recipe("two-discs")
    one = Perceptron(widths=(2, c["width"], c["width"], 2))
    many = c["kind"] == "many"
    return replace(
        own,
        data=TwoComponents(kind="two-discs", distance=c["distance"]),
        latent=latents.product(latents.categorical(2), latents.normal(2))
        if many
        else latents.normal(2),
        generator=MixtureOf(experts=2, expert=one) if many else one,
        batch_size=c["batch_size"],
    )


def perform(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Train a generator and count what lies between the discs.

    Args:
        configuration: one of `planned`.

    Returns:
        Shares of the samples with limits and, for one generator, what must lie between, as JSON.
    """
    c = configuration
    chosen = _recipe(c)
    players = players_of(chosen, c["seed"])
    for _ in range(c["steps"]):
        one_update(chosen, players)
    game, n = game_of(players), c["samples"]
    across = game.draw_samples(n, seed=_EVALUATION + c["seed"])[:, 0]
    half = c["distance"] / 2.0
    left, right = int((across <= -half).sum()), int((across >= half).sum())
    low, high = clopper_pearson(n - left - right, n, level=LEVEL)
    out: dict[str, Any] = {
        "left": left / n,
        "right": right / n,
        "between": (n - left - right) / n,
        "low": low,
        "high": high,
    }
    if c["kind"] == "one":
        lipschitz = certified_lipschitz(game.modules["generator"])
        slope = largest_slope(game, seed=_EVALUATION + c["seed"]).value
        out |= {
            "lipschitz": lipschitz,
            "slope": slope,
            "bound": min(  # concave in the share, so the least is at an end
                mass_between(share, c["distance"], lipschitz)
                for share in clopper_pearson(left, n, level=LEVEL)
            ),
            "estimate": mass_between(left / n, c["distance"], slope),
        }
    return out


EXPERIMENT = Experiment(
    name="gap",
    about=__doc__ or "",
    seeds=SEEDS,
    planned=planned,
    perform=perform,
    describe=lambda c: f"{c['kind']} at {c['distance']:g} seed {c['seed']}",
    page=page,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    return run(EXPERIMENT, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
