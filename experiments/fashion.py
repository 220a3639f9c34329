"""What do batch size, D's capacity and regularisation do to the measured numbers on Fashion-MNIST?

Claim
    Most of what is said of these three is said of an equilibrium, an optimum or fixed parameters;
    what a training ends with is another matter. Of the measuring batch: the largest eigenvalue is
    convex in the matrix, so that of a batch's Hessian lies above that of the expected one in the
    mean, and falls with the batch (Jensen). A quotient of its vector on other batches lies below.

Predicted
    The measuring batch, one pair: the ends of one batch's Hessian move inwards as it grows; the
    rotation of the expected game is the same for every size.
    The training batch: the expected game at given parameters does not know it, so of where training
    ends nothing is predicted.
    Capacity: a wide D tells images it was trained on from others more often, a narrow one less
    (popular reading of Arora et al. 2017, whose bound is from above and does not demand it).
    Regularisation: R1 and noise damp the Dirac-GAN (`dirac-gan-eigenvalues`), so the rotation is
    less. A penalty lowers what it penalises at the optimum for a given G, so with R1, and with a
    gradient penalty where the base is steeper than 1, D is less steep; spectral norm holds the
    slope below the product of the layers' norms, which is 1 (Miyato et al. 2018), so less again.
    Noise brings the laws nearer together (Soenderby et al. 2017), so the gradient ratio is less.
    R1's term alone, at the base's own end point: D's block of the Dirac-GAN gains gamma, so D's
    largest eigenvalue grows and the rotation falls.
    Everything else: nothing.

How it is measured
    One thing changed at a time. With another batch size, equal updates and equal images shown are
    two budgets and cannot both be held fixed: those pairs are measured after each, all others after
    both at once. Ten numbers a pair, of `gancheck.measures`, on held-out images and one measuring
    batch. Per seed the difference to the base of the same seed; of the differences the median with
    the interval of the sign test, at a level at which all of the page hold together with 95 %.
    Sizes and strengths were chosen, and then the predictions written, with single pairs of seed 100
    and of other sizes in view, which are not among those counted.

What would refute it
    An interval of a predicted difference on the other side of zero; a slope above the product of
    the norms, or a product above 1.05 with spectral norm; ends of a Hessian that move outwards as
    the measuring batch grows, or expected rotations of two sizes that differ by more than their
    errors, both at 95 % for all sizes together. An interval that holds zero leaves it open.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from experiments.command import Experiment, OtherPlan, at_least_one, run
from experiments.fashion_measured import curvature, ladder, numbers
from experiments.fashion_page import page
from experiments.fashion_settings import (
    BASE,
    GAMMA,
    SCALES,
    SETTINGS,
    game_at,
    images,
    looks,
    planned_run,
    players_for,
)
from gancheck.games.losses import resolve
from gancheck.games.regularisation import Regularisation
from gancheck.operators.second_order import OperatorError
from gancheck.training.updates import UPDATES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


__all__ = ["EXPERIMENT", "main", "perform", "planned"]

_SHOWN = 10  # pictures of a strip
_GREYS = 15


def planned(seeds: int, steps: int | None, *, plan: str = "cpu") -> list[dict[str, Any]]:
    """Configurations of all runs; all settings of a seed are neighbours.

    Raises:
        ValueError: the plan needs a device that torch does not see, or has no run.
    """
    at_least_one(seeds, steps)
    scale = SCALES[plan]
    if scale.device == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            "the plan cuda needs a CUDA device and torch sees none; use --plan cpu, or a build of "
            "torch for this machine's driver"
        )
    at = partial(planned_run, plan, scale)
    of_pair = {"part": "ladder", "sizes": list(scale.ladder), "batches": scale.ladder_batches}
    return [
        at(BASE, 0, steps) | of_pair,
        *(at(name, seed, steps) for seed in range(seeds) for name in SETTINGS),
    ]


def perform(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Train a pair and measure it.

    Args:
        configuration: one of `planned`.

    Returns:
        What was measured, as JSON: for a setting its numbers at each look, for the base also with
        R1's term added; for the ladder a row a size.

    Raises:
        FileNotFoundError: Fashion-MNIST is not installed.
        ValueError: a training diverged, or the second derivatives of its end are not to be believed.
    """
    c = configuration
    try:
        return _ladder(c) if c["part"] == "ladder" else _setting(c)
    except OperatorError as error:
        raise ValueError(f"{describe(c)}: {error}") from error


def _setting(c: Mapping[str, Any]) -> dict[str, Any]:
    chosen, players = players_for(c)
    trained_on, held_out = images(c["trained_on"])
    advance, made = UPDATES[chosen.updates], 0
    asked = {"seed": c["seed"], "look": c["look"]}
    out: dict[str, Any] = {"looks": {}}
    for name, updates in sorted(looks(c).items(), key=lambda item: item[1]):
        for _ in range(updates - made):
            advance(players)
        made = updates
        game, seen = game_at(players, held_out), game_at(players, trained_on)
        out["looks"][name] = {
            "updates": updates,
            "images": updates * c["batch_size"],
            "numbers": numbers(game, **asked, draws=c["draws"], trained_on=seen),
            **({"pictures": _pictures(game.draw_samples(_SHOWN))} if c["seed"] == 0 else {}),
        }
    if c["setting"] == BASE:
        with_r1 = Regularisation(r1=GAMMA).applied_to(resolve(chosen.loss))
        out["with_r1"] = curvature(game_at(players, held_out, loss=with_r1), **asked)
        if c["seed"] == 0:
            out["real"] = _pictures(held_out.values[:_SHOWN])
    return out


def _ladder(c: Mapping[str, Any]) -> dict[str, Any]:
    chosen, players = players_for(c)
    for _ in range(c["steps"]):
        UPDATES[chosen.updates](players)
    _, held_out = images(c["trained_on"])
    asked = {k: c[k] for k in ("sizes", "batches", "seed")}
    return {"ladder": ladder(game_at(players, held_out), **asked)}


def _pictures(samples: torch.Tensor) -> list[str]:
    """Each picture as one hexadecimal digit a pixel: 16 greys are more than a strip can show."""
    greys = ((samples.flatten(1).cpu() + 1.0) / 2.0 * _GREYS).round().clamp(0, _GREYS).int()
    return ["".join(f"{v:x}" for v in row) for row in greys.tolist()]


def describe(c: Mapping[str, Any]) -> str:
    """A few words for the progress."""
    return f"{c['setting']}{' ladder' if c['part'] == 'ladder' else ''} seed {c['seed']}"


EXPERIMENT = Experiment(
    name="fashion",
    about=__doc__ or "",
    seeds=SCALES["cpu"].seeds,
    planned=planned,
    perform=perform,
    describe=describe,
    page=page,
    plan="cpu",
    others={
        "cuda": OtherPlan(seeds=SCALES["cuda"].seeds, planned=partial(planned, plan="cuda")),
    },
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    return run(EXPERIMENT, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
