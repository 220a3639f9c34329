"""Does a discriminator find the true density ratio, and what does its loss prove on fresh samples?

Claim
    `optimal-discriminator`, `logit-is-log-density-ratio`: the best logit is ln p/q at every point.
    `minimax-value-is-jensen-shannon`: for every D the bound B = ln 2 + (E_p ln D + E_q ln(1-D))/2
    is at most JSD(p, q), and what it lacks is E_m KL(Bernoulli(D*), Bernoulli(D)), m the mean of
    both laws. `f-divergence-dual`, `least-squares-optimum-and-value`: the same for the losses
    fgan-kl, fgan-pearson and lsgan with their own divergence, gap and function of the ratio.

Predicted
    Growing training: against fixed generators whose density is known, fresh data at every step,
    the root mean square of logit - ln p/q under m falls each time the training is made about three
    times as long. (The theorems speak of the optimum; that training goes there is the expectation.)
    The bound: held out, no discriminator of this page is above its divergence beyond the sampling
    error, of whatever loss and however trained; value and gap add up to the divergence.
    Its own sample: of the same D, on the fixed sample that it was trained on, B is above the true
    JSD in every seed where the sample is smallest, the network and the training largest. B on its
    own sample less B held out falls as the sample grows, and grows with steps and with width.
    Other losses: p/(p + q) as their scores state it comes nearer to the true one with three times
    the steps, and on a small sample of their own they overstate their divergence in every seed.
    GC011: it never warns of the closed form (1 in 100 is allowed), finds a doubled logit by its
    slope of 1/2, and warns of nothing that is truly calibrated to 0.1. It asks whether the logit is
    calibrated, so it must call a constant logit sound although that is no density ratio.

How it is measured
    Three pairs of laws (`experiments.true_ratio_laws`), tanh perceptrons with two hidden layers,
    Adam with a step that falls to 0, batches of 128. Divergences by scipy's quadrature, ln p/q by
    formula; values on 20,000 held-out samples of each kind, from seeds apart from training. One
    identity checks all of it: value + gap, both from the samples, against the quadrature.
    Intervals over seeds are those of the sign test, of differences or logarithms of ratios of one
    seed; all of a part hold together with 95 %. Limits over all runs hold together with 99 %
    (Bonferroni, normal); beside them the package's own 99 % limit of B (Maurer and Pontil 2009).
    GC011 as `gancheck diagnose` runs it, 10,000 samples; the true calibration error of the same D
    is the mean over its ten bins of |mean of D - mean of D*|, held out.

What would refute it
    Growing training, own sample, other losses: an interval on the wrong side of 0; one that holds 0
    is undecided. The bound: one run whose limit is above the divergence, or whose value and gap do
    not add up. GC011: more warnings of what is calibrated to 0.1 than the 99.9 % quantile of 1 in
    100, or a slope of a doubled logit whose 99 % interval misses 1/2 in more than that.

Laws, seeds and settings were fixed before any training was seen but of five steps, to try the code;
of the controls seed 0 had been seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from experiments.command import Experiment, at_least_one, run
from experiments.own_training import discriminator_update
from experiments.true_ratio_laws import LAWS, ClosedForm, pair
from experiments.true_ratio_losses import OBJECTIVES
from experiments.true_ratio_measured import FIRST_HELD_OUT, asked, held_out, on_own_sample
from experiments.true_ratio_page import page
from gancheck.games.data import ArrayData
from gancheck.games.game import Game
from gancheck.games.latents import Latent
from gancheck.games.losses import resolve
from gancheck.games.networks import mlp
from gancheck.training.players import Players

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from experiments.true_ratio_laws import Pair
    from gancheck.games.data import Sampler

__all__ = ["EXPERIMENT", "main", "perform", "planned"]

STEPS = (100, 300, 1000, 3000)
WIDTH = 64
OWN_LAW, OWN_SIZES, OWN_WIDTHS, OWN_STEPS = "shift", (128, 512, 2048), (8, 64), (200, 2000)
OTHER_LAW, OTHER_STEPS, OTHER_SIZE = "ring", (100, 300, 1000), 128
FACTORS = (0.0, 1.0, 2.0, 4.0)  # of the optimal logit
ASKED = {1.0: 40}  # how often GC011 is asked in a seed; of the other factors 4 times
SEEDS, BATCH, SAMPLES, RATE = 10, 128, 20_000, 5e-3
_TRAINING = 2_000_000  # first of the seeds that training draws from


def planned(seeds: int, steps: int | None) -> list[dict[str, Any]]:
    """Configurations of all runs, seed by seed.

    Args:
        seeds: how many, counted from 0.
        steps: of every training, in place of its own.
    """
    at_least_one(seeds, steps)
    runs = [*_fresh(), *_own(), *_other(), *_controls()]
    if steps is not None:  # what differed in its steps alone is one run now
        runs = [{**c, "steps": steps} if "steps" in c else c for c in runs]
        runs = [c for i, c in enumerate(runs) if c not in runs[:i]]
    return [{**c, "seed": seed, "samples": SAMPLES} for seed in range(seeds) for c in runs]


def _fresh() -> list[dict[str, Any]]:
    return [
        {"part": "fresh", "law": law, "loss": "minimax", "width": WIDTH, "steps": steps}
        for law in LAWS
        for steps in STEPS
    ]


def _own() -> list[dict[str, Any]]:
    return [
        {"part": "own", "law": OWN_LAW, "loss": "minimax", "size": n, "width": w, "steps": steps}
        for n in OWN_SIZES
        for w in OWN_WIDTHS
        for steps in OWN_STEPS
    ]


def _other() -> list[dict[str, Any]]:
    shared = {"part": "other", "law": OTHER_LAW, "width": WIDTH}
    out: list[dict[str, Any]] = []
    for loss in OBJECTIVES:
        if loss == "minimax":
            continue
        out += [{**shared, "loss": loss, "steps": steps} for steps in OTHER_STEPS]
        out.append({**shared, "loss": loss, "steps": OTHER_STEPS[-1], "size": OTHER_SIZE})
    return out


def _controls() -> list[dict[str, Any]]:
    return [
        {"part": "controls", "law": law, "factor": factor, "times": ASKED.get(factor, 4)}
        for law in LAWS
        for factor in FACTORS
    ]


def perform(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Make one run, of `planned`.

    Returns:
        Values with their errors, distances from the truth and what GC011 says, as JSON.
    """
    c = configuration
    laws = pair(c["law"])
    if c["part"] == "controls":
        game = _game(laws, ClosedForm(laws, c["factor"]), "minimax")
        first = FIRST_HELD_OUT + 1000 * c["seed"]
        return {
            "calibration": held_out(laws, game.modules["discriminator"], c)["calibration"],
            "asked": [asked(game, seed=first + time) for time in range(c["times"])],
        }
    rng = torch.Generator().manual_seed(_TRAINING + c["seed"])
    own = _own_sample(laws, c["size"], rng) if "size" in c else None
    players = _players(laws, c, own, rng)
    for step in range(c["steps"]):
        for group in players.discriminator_optimizer.param_groups:
            group["lr"] = RATE * (1.0 - step / c["steps"])
        discriminator_update(players)
    discriminator = players.discriminator.double()
    measured = held_out(laws, discriminator, c)
    if own is not None:
        measured["own"] = on_own_sample(laws, discriminator, *own, loss=c["loss"])
    if OBJECTIVES[c["loss"]].is_logit:
        seed = FIRST_HELD_OUT + 1000 * c["seed"]
        measured["asked"] = [asked(_game(laws, discriminator, c["loss"]), seed=seed)]
        if own is not None:
            seen = _game(laws, discriminator, c["loss"], data=own[0])
            measured["asked_own"] = asked(seen, seed=seed)
    return measured


def _own_sample(laws: Pair, size: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """The real samples [size, d] and the latents [size, ...] that a training is confined to."""
    _, latent = laws.generator()
    return laws.data.sample(size, rng), latent.sample(size, rng)


def _players(
    laws: Pair, c: Mapping[str, Any], own: tuple[Tensor, Tensor] | None, rng: torch.Generator
) -> Players:
    """Networks and streams of a seed, drawing from the laws or from a sample of both kinds."""
    discriminator = mlp(
        [laws.size, c["width"], c["width"], 1], generator=torch.Generator().manual_seed(c["seed"])
    )
    generator, latent = laws.generator()
    data: Sampler = laws.data
    if own is not None:
        data, latent = ArrayData(values=own[0]), _dealt(latent, own[1])
    return Players(
        generator=generator,
        discriminator=discriminator,
        generator_optimizer=torch.optim.SGD(generator.parameters(), lr=0.0),
        discriminator_optimizer=torch.optim.Adam(discriminator.parameters(), lr=RATE),
        loss=resolve(c["loss"]),
        latent=latent,
        data=data,
        batch_size=BATCH,
        rng=rng,
    )


def _dealt(latent: Latent, kept: Tensor) -> Latent:
    """The empirical law of these latents, as a training draws real samples from finite data."""

    def draw(n: int, generator: torch.Generator) -> Tensor:
        return kept[torch.randint(len(kept), (n,), generator=generator)]

    return Latent(latent.size, f"{len(kept)} of {latent.law}", draw, connected_support=False)


def _game(laws: Pair, discriminator: nn.Module, loss: str, *, data: Tensor | None = None) -> Game:
    generator, latent = laws.generator()
    return Game(
        generator.double(),
        discriminator,
        loss=loss,
        latent=latent,
        data=laws.data if data is None else data,
    )


def _words(c: Mapping[str, Any]) -> str:
    if c["part"] == "controls":
        return f"{c['law']} optimal logit times {c['factor']:g} seed {c['seed']}"
    size = f" own sample {c['size']}" if "size" in c else ""
    return f"{c['law']} {c['loss']} width {c['width']} steps {c['steps']}{size} seed {c['seed']}"


EXPERIMENT = Experiment(
    name="true_ratio",
    about=__doc__ or "",
    seeds=SEEDS,
    planned=planned,
    perform=perform,
    describe=_words,
    page=page,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    return run(EXPERIMENT, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
