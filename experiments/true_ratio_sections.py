"""What the page on the true density ratio says of small samples, other losses and GC011."""

from __future__ import annotations

from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Final

from experiments.page_parts import chosen, over_seeds, together
from experiments.true_ratio_figures import answers_figure, distance_figure, own_figure
from experiments.true_ratio_rules import (
    LINE,
    Answer,
    answers,
    at_most_by_chance,
    changes_of_own,
    changes_with_steps,
    exceeds,
    hardest,
    overstated,
    settings_of,
    slope_misses,
)
from experiments.true_ratio_words import (
    WORDS,
    as_predicted,
    change_table,
    counted,
    over,
    range_of,
)
from gancheck.measures.figures import number_text
from gancheck.rendering.experiment_page import Agreement, Number, Part, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.finished_runs import Row

__all__ = ["other_losses", "own_sample", "what_gc011_says"]

_FACTORS: Final = {0.0: "constant logit", 1.0: "closed form", 2.0: "doubled logit"}


def own_sample(rows: Sequence[Row]) -> Part:
    """What a discriminator proves on the sample that it was trained on."""
    changes, small = changes_of_own(rows), hardest(rows)
    high = sum(map(exceeds, small))
    c = small[0]["configuration"]
    found = [Agreement.supported if high == len(small) else Agreement.contradicted]
    return Part(
        name="Its own sample",
        agreement=together([*found, *(change.agreement for change in changes)]),
        title=f"On {c['size']} samples of its own, {high} of {len(small)} discriminators overstate "
        f"the divergence; held out {_above(small) or 'none'} of them",
        lead=f"{WORDS[c['law']].capitalize()}, JSD {number_text(small[0]['measured']['divergence'])}. "
        f"Real and generated samples are fixed, as many of each. The case predicted is width "
        f"{c['width']} and {c['steps']:,} steps. Of all settings {sum(map(exceeds, rows))} of "
        f"{len(rows)} runs are above the JSD on their own sample, and {_above(rows)} held out. What is "
        f"overstated changes as predicted in {as_predicted(changes)} comparisons.",
        numbers=[
            Number(
                label=f"{what}, {c['size']} samples",
                value=over_seeds(values, 3),
                note=f"width {c['width']}, {c['steps']:,} steps; ln 2 is 0.6931",
            )
            for what, values in (
                ("B on its own sample", [r["measured"]["own"]["value"] for r in small]),
                ("B held out", [r["measured"]["value"] for r in small]),
            )
        ],
        table=Table(
            columns=["samples, width, steps", "B, own sample", "B, held out", "overstated", "above JSD"],
            rows=[
                [
                    f"{size}, {width}, {steps:,}",
                    over_seeds([r["measured"]["own"]["value"] for r in own], 3),
                    over(own, "value"),
                    over_seeds([overstated(r) for r in own], 3),
                    f"{sum(map(exceeds, own))} of {len(own)}",
                ]
                for size, width, steps in settings_of(rows, "size", "width", "steps")
                for own in (chosen(rows, size=size, width=width, steps=steps),)
            ],
        ),
        draw=partial(own_figure, rows),
        alt="The bound on its own sample and held out by sample size, for two widths and trainings",
        caption="B of each run, by size of the sample that it was trained on. Ring: on that sample. Dot: "
        "held out, cut off at the lower edge where it is far below. Dashed: the JSD, by quadrature. "
        "In the table, medians over seeds with 95 % intervals.",
        folded={"Every comparison of what is overstated": change_table(changes, ratio=False)},
    )  # fmt: skip


def _above(rows: Sequence[Row]) -> int:
    """Held-out values that are larger than the divergence, as numbers."""
    return sum(r["measured"]["value"] > r["measured"]["divergence"] for r in rows)


def other_losses(rows: Sequence[Row], minimax: Sequence[Row]) -> Part:
    """Losses whose optimal score is another function of the ratio.

    Args:
        rows: of these losses, on fresh data and on a small sample.
        minimax: of the same law on fresh data, to stand beside them.
    """
    fresh = [r for r in rows if "size" not in r["configuration"]]
    small = [r for r in rows if "size" in r["configuration"]]
    changes = changes_with_steps(fresh, "loss", "posterior")
    losses = [loss for (loss,) in settings_of(fresh, "loss")]
    high = {loss: sum(map(exceeds, chosen(small, loss=loss))) for loss in losses}
    count = {loss: len(chosen(small, loss=loss)) for loss in losses}
    found = [Agreement.supported if high[x] == count[x] else Agreement.contradicted for x in losses]
    size = small[0]["configuration"]["size"]
    steps = {r["configuration"]["steps"] for r in fresh}
    beside = [r for r in minimax if r["configuration"]["steps"] in steps]
    law = WORDS[rows[0]["configuration"]["law"]]
    return Part(
        name="Other losses",
        agreement=together([*found, *(c.agreement for c in changes)]),
        title=f"Longer training brings the stated ratio nearer in {as_predicted(changes)} cases, and "
        f"{sum(high.values())} of {sum(count.values())} overstate on {size} samples of their own",
        lead=f"{law.capitalize()}. A score is turned back into p/(p + q) by what "
        "`gancheck derive` finds from the two terms of its loss; scores that are optimal for no ratio "
        "count as 0 or 1. That none is above its divergence held out is part of the section on the "
        "bound.",
        numbers=[
            Number(
                label=f"{loss} on {size} samples of its own",
                value=over_seeds([r["measured"]["own"]["value"] for r in own], 3),
                note=f"divergence {number_text(own[0]['measured']['divergence'])}, held out "
                f"{over(own, 'value')}",
            )
            for loss in losses
            for own in (chosen(small, loss=loss),)
        ],
        table=Table(
            columns=["loss", "steps", "distance of p/(p + q)", "no ratio", "held out, of"],
            rows=[
                [
                    loss,
                    number_text(step),
                    over(own, "posterior"),
                    f"{number_text(100.0 * median(r['measured']['outside'] for r in own), 2)} %",
                    f"{number_text(median(r['measured']['value'] for r in own), 3)} of "
                    f"{number_text(own[0]['measured']['divergence'], 4)}",
                ]
                for loss, step in settings_of([*beside, *fresh], "loss", "steps")
                for own in (chosen([*beside, *fresh], loss=loss, steps=step),)
            ],
        ),
        draw=partial(distance_figure, [*beside, *fresh], by="loss", measured="posterior", words={}),
        alt="Distance of the stated from the true posterior by number of steps, for each loss",
        caption="Root mean square of the stated less the true p/(p + q), by steps of training, both axes "
        "logarithmic. Thin: one line a seed. Thick: their median. In the table, medians over seeds with "
        "95 % intervals; no ratio: share of scores that are optimal for none; held out: the value, and "
        "the divergence that it bounds.",
        folded={"Each step up, as a ratio of distances": change_table(changes, ratio=True)},
    )  # fmt: skip


def what_gc011_says(fresh: Sequence[Row], own: Sequence[Row], controls: Sequence[Row]) -> Part:
    """Its answers against the true calibration errors."""
    of = {
        factor: answers(_FACTORS.get(factor, f"logit times {factor:g}"), chosen(controls, factor=factor))
        for (factor,) in settings_of(controls, "factor")
    }  # fmt: skip
    groups = [
        *of.values(),
        answers("trained, fresh data", fresh),
        answers("trained, small sample", own),
    ]
    closed, blind, doubled = of[1.0], of[0.0], chosen(controls, factor=2.0)
    misses = slope_misses(doubled, 0.5)
    alarms, asked = sum(g.false_alarms for g in groups), sum(g.asked for g in groups)
    found = [
        counted(closed.verdicts["warning"], at_most_by_chance(closed.asked)),
        counted(misses, at_most_by_chance(of[2.0].asked)),
        counted(alarms, at_most_by_chance(asked)),
        counted(blind.asked - blind.verdicts["sound"], 0),
    ]
    warned = sum(g.verdicts["warning"] for g in groups)
    seen = [r["measured"]["asked_own"]["verdict"] for r in own]
    trained_blind = sum(g.blind or 0 for g in groups[-2:])
    return Part(
        name="What GC011 says",
        agreement=together(found),
        title=f"Of {warned} warnings {alarms or 'none'} "
        f"{'is' if alarms in (0, 1) else 'are'} of a logit that is calibrated to {LINE:g}; of "
        f"{closed.asked} answers on the closed form {closed.verdicts['warning'] or 'none'} warned",
        lead="The diagnostic as `gancheck diagnose` runs it, on fresh samples, against the true "
        f"calibration error of the same discriminator. Of {sum(g.off for g in groups)} answers on "
        f"logits that are truly off by more than {LINE:g} it warned in "
        f"{sum(g.found for g in groups)} and said sound in {sum(g.false_comfort for g in groups)}. A "
        f"doubled logit has the slope 1/2: {misses} of {of[2.0].asked} intervals at 99 % miss it; "
        "whether it is warned of is for its calibration error to say, which is near the line here "
        f"({range_of(of[2.0].truths)}). A constant logit is called sound {blind.verdicts['sound']} of "
        f"{blind.asked} times, and {trained_blind} trained discriminators are, although the root mean "
        f"square error of their p/(p + q) is above {LINE:g}: calibrated is not yet a density ratio.",
        numbers=[
            Number(
                label="warnings of the closed form",
                value=f"{closed.verdicts['warning']} of {closed.asked}",
                note=f"at most {at_most_by_chance(closed.asked)} by chance at 1 in 100",
            ),
            Number(
                label="slope of a doubled logit",
                value=over_seeds([a["slope"] for r in doubled for a in r["measured"]["asked"]
                                  if a["slope"] is not None], 4),
                note="true: 1/2",
            ),
            Number(
                label="false warnings, all together",
                value=f"{alarms} of {asked}",
                note=f"at most {at_most_by_chance(asked)} by chance at 1 in 100",
            ),
        ],
        table=Table(
            columns=["discriminator", "asked", "sound", "undecided", "warning", "false warnings",
                     "false sounds", "true error"],
            rows=[_answer_row(g) for g in groups],
        ),
        draw=partial(answers_figure, [*fresh, *own, *controls]),
        alt="Calibration error that GC011 measures against the true one, by verdict",
        caption="Calibration error as GC011 measures it against the true one, one mark an answer; of "
        "each control the first answer of a seed. Dot: sound. Ring: undecided. Cross: warning. Dashed: "
        "the line at 0.1. False: said of a discriminator whose true error is on the other side.",
        folded={
            "GC011 on the sample that D was trained on": Table(
                columns=["answer", "runs"],
                rows=[[v, str(seen.count(v))] for v in sorted(set(seen))],
            )
        },
    )  # fmt: skip


def _answer_row(g: Answer) -> list[str]:
    return [
        g.label,
        str(g.asked),
        *(str(g.verdicts[v]) for v in ("sound", "undecided", "warning")),
        str(g.false_alarms),
        str(g.false_comfort),
        range_of(g.truths),
    ]
