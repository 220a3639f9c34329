"""What the page on Fashion-MNIST says, for whatever its runs have shown."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

from experiments.fashion_conclusion import (
    NORM_ALLOWED,
    conclusion,
    largest_normed,
    slopes_are_held,
)
from experiments.fashion_effects import (
    FAMILY,
    LEVEL,
    MEASURES,
    alone,
    base_values,
    effects,
)
from experiments.fashion_figures import effects_figure
from experiments.fashion_ladder import measuring_part
from experiments.fashion_settings import BASE, GAMMA, SETTINGS
from experiments.fashion_tables import (
    DEFINITIONS,
    PERCENT,
    caption,
    effects_table,
    every_pair,
    intervals_table,
    measured,
    numbers_of,
    of_signs,
    predicted_numbers,
    real_strip,
    strips,
)
from experiments.page_parts import chosen, over_seeds, seeds_of, together, versions_of
from gancheck.measures.figures import number_text
from gancheck.rendering.experiment_page import Agreement, ExperimentPage, Number, Part, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.fashion_effects import Effect
    from experiments.finished_runs import Row

__all__ = ["page"]

THEOREMS: Final = (
    "dirac-gan-eigenvalues",
    "game-jacobian-splits",
    "batch-ratio-is-not-the-mean-ratio",
)
_INTERVALS: Final = "Intervals of the differences, and of the base at 95 %"
_CLAIM = (
    "Most of what is said of batch size, capacity and regularisation is said of an equilibrium, an "
    "optimum or fixed parameters; what a training ends with is another matter. Of the measuring "
    "batch: the largest eigenvalue is convex in the matrix, so that of a batch’s Hessian lies above "
    "that of the expected one in the mean and falls as the batch grows (Jensen); the quotient of its "
    "vector on other batches lies below."
)
_PREDICTED = (
    "The measuring batch, one pair: the ends of one batch’s Hessian move inwards as it grows, the "
    "rotation of the expected game is the same for every size. The training batch: the expected game "
    "at given parameters does not know it, so of where training ends nothing is predicted. Capacity: "
    "a wide D has more memory, a narrow one less (popular reading of Arora et al. 2017, whose bound "
    "is from above and does not demand it). Regularisation: R1 and noise damp the Dirac-GAN, so the "
    "rotation is less; what is penalised is less at the optimum for a given G, so D is less steep "
    "with R1 and, where the base is steeper than 1, with a gradient penalty; spectral norm holds the "
    "slope below a product of norms that is 1 (Miyato et al. 2018); noise brings the laws together, "
    "so the gradient ratio is less (Sønderby et al. 2017). R1’s term alone, at the base’s own end "
    "point: D’s block of the Dirac-GAN gains gamma, so D’s largest eigenvalue grows and the rotation "
    "falls. Everything else: nothing."
)
_REFUTED_BY = (
    "An interval of a predicted difference on the other side of zero; a slope above the product of "
    "the norms, or a product above 1.05 with spectral norm; ends that move outwards as the measuring "
    "batch grows, or expected rotations of two sizes that differ by more than their errors, both at "
    "95 % for all sizes together. An interval that holds zero leaves it open."
)
_LIMITS: Final = (
    "One strength of each penalty, one learning rate, small perceptrons and a short training: the "
    "settings are points, not curves, and none is tuned, so they are not ranked.",
    "A difference at the end of a training mixes what a term does to the game with where it leads "
    "the players; only the part on R1’s term alone holds the parameters fixed.",
    "Curvature depends on the parametrisation: with another width, or with spectral norm, D’s "
    "eigenvalues belong to other coordinates, and a difference in them says no more than that.",
    "An end of a Hessian is the quotient of one batch’s vector on fresh batches: a bound of the "
    "expected end from inside. Where the batch’s noise is larger than the curvature, which the "
    "first figure shows of G on small batches, the vector is noise and the quotient says nothing of "
    "the true end.",
    "The gradient ratio, slope and memory are of D on images without noise, also where it was trained "
    "with noise.",
    "Sizes and strengths were chosen, and then the predictions written, with single pairs of seed 100 "
    "and of other sizes in view, which are not among those counted. Before the runs, seed 0 had been "
    "tried in all settings for 20 updates and in the base at its full length, and its differences were "
    "seen while the others were made; nothing that was predicted was changed for it.",
    "The pair of the first figure was first measured with six batches a size, which decided nothing "
    "of its ends; what is shown are other draws and more of them.",
    "The interval is the sign test’s at a level for all comparisons; with a dozen seeds it decides "
    "only where all of them agree, so an undecided difference may be a real one.",
)


def page(rows: Sequence[Row], command: str) -> ExperimentPage:
    """Everything the page says, from the rows of finished runs alone."""
    of_term = alone(rows)
    groups = {g: effects(rows, g) for g in ("batch", "capacity", "regularisation")}
    measuring = measuring_part(rows)
    parts = [
        measuring,
        _training_batch(rows, groups["batch"]),
        _capacity(rows, groups["capacity"]),
        _regularisation(rows, groups["regularisation"]),
        _term_alone(rows, of_term),
    ]
    every = [*(e for found in groups.values() for e in found), *of_term]
    predicted = [e for e in every if e.prediction is not None]
    came = sum(e.agreement is Agreement.supported for e in predicted)
    against = sum(e.agreement is Agreement.contradicted for e in predicted)
    return ExperimentPage(
        question="What do batch size, D’s capacity and regularisation do to the measured numbers on "
        "Fashion-MNIST?",
        agreement=together([p.agreement for p in parts if p.name != parts[1].name]),
        headline=f"Of {len(predicted)} differences whose sign was predicted {came} came out as "
        f"predicted and {against} the other way; of {len(every) - len(predicted)} others "
        f"{sum(bool(e.sign) for e in every if e.prediction is None)} are surely not zero."
        + _of_the_bound(rows),
        claim=_CLAIM,
        theorems=THEOREMS,
        predicted=_PREDICTED,
        refuted_by=_REFUTED_BY,
        parts=parts,
        conclusion=conclusion(rows, every, measuring),
        limits=_LIMITS,
        command=command,
        facts=_facts(rows),
        result={
            "level": LEVEL,
            "base": {
                m: [float(f"{v:.4g}") for v in base_values(rows, m).values()] for m in MEASURES
            },
            "differences": [
                {
                    "comparison": e.label,
                    "measure": e.measure,
                    "median": e.interval.value,
                    "interval": [v if math.isfinite(v) else None for v in _ends(e)],
                    "predicted": None if e.prediction is None else e.prediction.sign,
                    "decided": e.sign,
                }
                for e in every
            ],
        },
    )


def _of_the_bound(rows: Sequence[Row]) -> str:
    """A sentence more where a bound that was to hold does not."""
    if not slopes_are_held(rows):
        return " A slope of D lies above the product of its layers’ norms."
    if largest_normed(rows) > NORM_ALLOWED:
        return f" With spectral norm the product of D’s norms passes the {NORM_ALLOWED:g} allowed."
    return ""


def _training_batch(rows: Sequence[Row], found: Sequence[Effect]) -> Part:
    decided = [e for e in found if e.sign]
    return Part(
        name="The training batch",
        agreement=Agreement.open,
        title=f"Of {len(found)} differences {len(decided)} are surely not zero; nothing was predicted",
        lead="A quarter of the base’s batch, and four times as large a one. Equal updates and equal "
        "images shown are two budgets: with a quarter of the batch, as many images means four times as "
        "many updates. Each pair is measured at both; where they disagree "
        "the number of updates has its part in the difference, and the batch alone is not the cause.",
        numbers=of_signs(found),
        table=effects_table(rows, found),
        draw=partial(effects_figure, found),
        alt="Differences to the base by measure, for four comparisons of the training batch",
        caption=caption(),
        samples=[*real_strip(rows), *strips(rows, "base", "batch")],
        samples_note="The first samples of seed 0, not selected.",
        folded={
            "What the ten numbers are": Table(
                columns=["number", "of one pair"],
                rows=[[MEASURES[m], DEFINITIONS[m]] for m in MEASURES],
                words=2,
            ),
            _INTERVALS: intervals_table(rows, found),
            **every_pair(rows, "base", "batch"),
        },
    )


def _capacity(rows: Sequence[Row], found: Sequence[Effect]) -> Part:
    predicted = [e for e in found if e.prediction is not None]
    return Part(
        name="D’s capacity",
        agreement=together([e.agreement for e in predicted if e.agreement is not None]),
        title=_came_out(predicted),
        lead="The hidden layers of D are half or twice as wide; all else is the base.",
        numbers=predicted_numbers(predicted),
        table=effects_table(rows, found),
        draw=partial(effects_figure, found),
        alt="Differences to the base by measure, for two widths of D",
        caption=caption(),
        samples=strips(rows, "capacity"),
        samples_note="The first samples of seed 0, not selected.",
        folded={_INTERVALS: intervals_table(rows, found), **every_pair(rows, "capacity")},
    )


def _regularisation(rows: Sequence[Row], found: Sequence[Effect]) -> Part:
    predicted = [e for e in found if e.prediction is not None]
    normed = len(chosen(rows, part="setting", setting="spectral norm"))
    product = largest_normed(rows)
    bounds = {
        "slope below the product of norms": (slopes_are_held(rows), "every pair"),
        f"that product at most {NORM_ALLOWED:g}": (product <= NORM_ALLOWED, "with spectral norm"),
    }
    held = {
        label: (Agreement.supported if so else Agreement.contradicted, note)
        for label, (so, note) in bounds.items()
    }
    return Part(
        name="Regularisation",
        agreement=together(
            [
                *(e.agreement for e in predicted if e.agreement is not None),
                *(agreement for agreement, _ in held.values()),
            ]
        ),
        title=_came_out(predicted),
        lead="R1 of gamma = 1, a gradient penalty of weight 1, spectral norm on every layer of D, noise "
        "of 0.3 on every pixel of what D is shown. The product of the norms of D’s layers bounds its "
        f"slope; with spectral norm it is at most {number_text(product, 4)} in "
        f"{normed} pairs, for the base {over_seeds(_products_of_base(rows), 3)}.",
        numbers=[
            *predicted_numbers(predicted),
            *(Number(label=k, value=str(so), note=note) for k, (so, note) in held.items()),
        ],
        table=effects_table(rows, found),
        draw=partial(effects_figure, found),
        alt="Differences to the base by measure, for four kinds of regularisation",
        caption=caption(),
        samples=strips(rows, "regularisation"),
        samples_note="The first samples of seed 0, not selected.",
        folded={_INTERVALS: intervals_table(rows, found), **every_pair(rows, "regularisation")},
    )


def _products_of_base(rows: Sequence[Row]) -> list[float]:
    return [
        numbers_of(r)["norm_product"]["value"] for r in chosen(rows, part="setting", setting=BASE)
    ]


def _term_alone(rows: Sequence[Row], found: Sequence[Effect]) -> Part:
    base = chosen(rows, part="setting", setting=BASE)
    names = [m for m in MEASURES if m in base[0]["measured"]["with_r1"]]
    return Part(
        name="R1’s term alone",
        agreement=together([e.agreement for e in found if e.agreement is not None]),
        title=_came_out(found),
        lead=f"The base’s own end points, measured again with R1 of gamma = {GAMMA:g} in D’s loss: the "
        "same parameters and the same batches, so the difference is the term and nothing else. G’s "
        "loss has no such term, and G’s Hessian does not change.",
        numbers=predicted_numbers(found),
        table=Table(
            columns=["number", "without", "with"],
            rows=[
                [
                    MEASURES[m],
                    over_seeds([numbers_of(r)[m]["value"] for r in base], 3),
                    over_seeds([r["measured"]["with_r1"][m]["value"] for r in base], 3),
                ]
                for m in names
            ],
        ),
        draw=partial(effects_figure, found),
        alt="What R1's term alone does to D's largest eigenvalue and to the rotation",
        caption=caption() + " In the table, medians over seeds with 95 % intervals.",
        folded={
            "Every pair with the term added": Table(
                columns=["seed", *(MEASURES[m] for m in names)],
                rows=[
                    [
                        str(r["configuration"]["seed"]),
                        *(measured(r["measured"]["with_r1"][m]) for m in names),
                    ]
                    for r in base
                ],
            )
        },
    )


def _ends(e: Effect) -> tuple[float, float]:
    return e.interval.low, e.interval.high


def _came_out(predicted: Sequence[Effect]) -> str:
    came = sum(e.agreement is Agreement.supported for e in predicted)
    against = sum(e.agreement is Agreement.contradicted for e in predicted)
    return f"{came} of {len(predicted)} predicted differences came out" + (
        f", {against} the other way" if against else ""
    )


def _facts(rows: Sequence[Row]) -> list[tuple[str, str]]:
    base = chosen(rows, part="setting", setting=BASE)
    c = base[0]["configuration"]
    return [
        ("plan", f"{c['plan']}, on {c['device']}"),
        ("seeds", seeds_of(chosen(rows, part="setting"))),
        ("pairs", f"{len(chosen(rows, part='setting'))}, {len(SETTINGS)} settings a seed"),
        (
            "base",
            f"non-saturating loss, alternating updates, Adam at {c['lr']:g}, batch "
            f"{c['base_batch_size']}, {c['steps']:,} updates; two hidden layers of {c['width_g']} "
            "with tanh in each network, no batch norm",
        ),
        ("images", f"the first {c['trained_on']:,} are trained on, the others of 60,000 held out"),
        (
            "measuring batch",
            f"{c['look']} for curvature and rotation, 32 for the gradient ratio; distance and "
            f"coverage on four blocks of {c['draws']:,}",
        ),
        ("arithmetic", "float32"),
        ("level of an interval", f"{PERCENT}, for {FAMILY} differences together 95 %"),
        *versions_of(rows),
    ]
