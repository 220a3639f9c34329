"""What the page on the true density ratio says, for whatever its runs have shown."""

from __future__ import annotations

from collections import Counter
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from experiments.page_parts import chosen, over_seeds, seeds_of, together, versions_of
from experiments.true_ratio_figures import balance_figure, distance_figure
from experiments.true_ratio_rules import (
    above,
    changes_of_own,
    changes_with_steps,
    exceeds,
    hardest,
    has_digits,
    off_balance,
    settings_of,
    together_limit,
    trained,
)
from experiments.true_ratio_sections import other_losses, own_sample, what_gc011_says
from experiments.true_ratio_words import (
    WORDS,
    all_of,
    as_predicted,
    change_table,
    counted,
    over,
    range_of,
)
from gancheck.measures.figures import number_text
from gancheck.rendering.experiment_page import Agreement, ExperimentPage, Number, Part, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.finished_runs import Row

__all__ = ["page"]

THEOREMS: Final = (
    "optimal-discriminator",
    "logit-is-log-density-ratio",
    "minimax-value-is-jensen-shannon",
    "f-divergence-dual",
    "least-squares-optimum-and-value",
)
_CLAIM = (
    "The best logit is ln p/q at every point. For every D the bound B = ln 2 + (E_p ln D + "
    "E_q ln(1 − D))/2 is at most JSD(p, q), and what it lacks is the mean Kullback-Leibler divergence "
    "between the true and the stated odds. The same holds of the losses fgan-kl, fgan-pearson and "
    "lsgan, each with its own divergence, gap and function of the ratio."
)
_PREDICTED = (
    "Against fixed generators of known density, with fresh data, the distance of the logit from "
    "ln p/q falls each time the training is made about three times as long. Held out, no "
    "discriminator is above its divergence beyond the sampling error, and value and gap add up to "
    "it. On the sample that it was trained on, B is above the JSD in every seed where the sample is "
    "smallest, network and training largest; what it overstates falls with the sample and grows with "
    "steps and width. The other losses likewise. GC011 never warns of the closed form (1 in 100 "
    "allowed), finds a doubled logit by its slope of 1/2, warns of nothing that is calibrated to 0.1, "
    "and calls a constant logit sound, which is calibrated and no density ratio."
)
_REFUTED_BY = (
    "An interval over seeds on the wrong side of 0; one that holds 0 is undecided. One run whose limit "
    "is above its divergence, or whose value and gap do not add up. More warnings of what is calibrated "
    "to 0.1, or intervals of a doubled slope that miss 1/2, than the 99.9 % quantile of 1 in 100."
)
_LIMITS: Final = (
    "The theorems speak of the best discriminator and of any one; that training goes to the best is "
    "an expectation, tested here for tanh perceptrons and Adam with a step that falls to 0.",
    "Generators are fixed and their laws are mixtures of normals: with densities everywhere, so that "
    "ln p/q is finite. On data without a density it is not.",
    "Trainings of five steps had been seen before, to try the code, and the controls of seed 0.",
    "A value below -10^12 is left out of the check that value and gap add up, since float64 keeps no "
    "digit of their sum. That was decided when such critics of fgan-kl had been seen; they agreed.",
    "Runs of one seed are judged on the same held-out samples: their points in a figure are not "
    "independent. Limits that hold together by Bonferroni do not need that.",
    "Normal limits are good only where the terms have light tails; that value and gap add up is a "
    "check of that too.",
    "The bound's own 99 % limit (GC011) is valid for any law; its count is over dependent runs.",
)


def page(rows: Sequence[Row], command: str) -> ExperimentPage:
    """Everything the page says, from the rows of finished runs alone."""
    fresh, own, other, controls = (
        chosen(rows, part=name) for name in ("fresh", "own", "other", "controls")
    )
    parts = [
        _growing(fresh),
        _bounded(trained(rows)),
        own_sample(own),
        other_losses(other, chosen(fresh, law=other[0]["configuration"]["law"])),
        what_gc011_says(fresh, own, controls),
    ]
    runs = trained(rows)
    high = sum(above(r, len(runs)) for r in runs)
    return ExperimentPage(
        question="Does a discriminator find the true density ratio, and what does its loss prove?",
        agreement=together([p.agreement for p in parts]),
        headline=f"Held out, {high or 'none'} of {len(runs)} discriminators "
        f"{'is above its' if high in (0, 1) else 'are above their'} divergence beyond the sampling "
        f"error; on their own sample, {sum(map(exceeds, hardest(own)))} of {len(hardest(own))} of the "
        "smallest are above it.",
        claim=_CLAIM,
        theorems=THEOREMS,
        predicted=_PREDICTED,
        refuted_by=_REFUTED_BY,
        parts=parts,
        conclusion=_conclusion(fresh, own, other, parts),
        limits=_LIMITS,
        command=command,
        facts=_facts(rows),
        result={"runs": [_short(r) for r in rows]},
    )


def _growing(rows: Sequence[Row]) -> Part:
    changes = changes_with_steps(rows, "law", "logit")
    last = max(r["configuration"]["steps"] for r in rows)
    laws = [law for (law,) in settings_of(rows, "law")]
    return Part(
        name="Growing training",
        agreement=all_of([c.agreement for c in changes]),
        title=f"Trained three times as long, the logit comes nearer to the true log ratio in "
        f"{as_predicted(changes)} cases",
        lead="Fresh samples at every step, a fixed generator. The distance is the root mean square of "
        f"logit − ln p/q under the mean of both laws. After {last:,} steps D lacks "
        + ", ".join(
            f"{_share(chosen(rows, law=law, steps=last))} of the JSD ({WORDS[law]})" for law in laws
        )
        + ".",
        numbers=[
            Number(
                label=f"distance, {law}, {last:,} steps",
                value=over(own, "logit"),
                note=f"nats, 95 % over seeds; JSD {number_text(own[0]['measured']['divergence'])}",
            )
            for law in laws
            for own in (chosen(rows, law=law, steps=last),)
        ],
        table=Table(
            columns=["law", "steps", "distance of the logit", "of p/(p + q)", "gap, % of JSD"],
            rows=[
                [
                    law,
                    number_text(steps),
                    *(over(own, name) for name in ("logit", "posterior")),
                    over_seeds([100.0 * _lacking(r) for r in own], 2),
                ]
                for law, steps in settings_of(rows, "law", "steps")
                for own in (chosen(rows, law=law, steps=steps),)
            ],
        ),
        draw=partial(distance_figure, rows, by="law", measured="logit", words=WORDS),
        alt="Distance of the logit from the true log ratio by number of steps, for three laws",
        caption="Root mean square of logit − ln p/q, by steps of training, both axes logarithmic. "
        "Thin: one line a seed. Thick: their median. In the table, medians over seeds with 95 % "
        "intervals.",
        folded={"Each step up, as a ratio of distances": change_table(changes, ratio=True)},
    )


def _share(rows: Sequence[Row]) -> str:
    """What is lacking at the median, as a share of the divergence."""
    return f"{number_text(100.0 * median(map(_lacking, rows)), 2)} %"


def _lacking(row: Row) -> float:
    return row["measured"]["gap"] / row["measured"]["divergence"]


def _groups(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows of the bound's table: by law, or loss, and whether the sample was fresh."""
    out: dict[str, list[Row]] = {}
    for row in rows:
        c = row["configuration"]
        sample = "small sample" if "size" in c else "fresh"
        out.setdefault(f"{c['loss']}, {c['law']}, {sample}", []).append(row)
    return out


def _bounded(rows: Sequence[Row]) -> Part:
    high = [r for r in rows if above(r, len(rows))]
    known = [r for r in rows if has_digits(r)]
    reach = together_limit(len(known), sides=2)
    off = [r for r in known if abs(off_balance(r)) > reach]
    limits = [r for r in rows if "limit" in r["measured"]]
    proven = sum(r["measured"]["limit"] > r["measured"]["divergence"] for r in limits)
    larger = sum(_excess(r) > 0.0 for r in rows)
    return Part(
        name="The bound",
        agreement=all_of([counted(len(high), 0), counted(len(off), 0)]),
        title=f"{len(rows) - len(high)} of {len(rows)} values are at most the divergence within "
        f"their errors, and {len(known) - len(off)} of {len(known)} lack what the theory says they lack",
        lead=f"Of all trained discriminators, held out. {larger} values are larger than their "
        "divergence, "
        + (f"{len(high)} of them by more" if high else "by no more")
        + " than sampling explains for all together"
        + f". Value and gap add up to the quadrature's divergence within {number_text(reach, 3)} "
        f"standard errors in {len(known) - len(off)}"
        + (f"; in {len(rows) - len(known)} the value is so low that float64 keeps no digit of the sum"
           if len(known) < len(rows) else "")
        + ". GC011's own 99 % limit of B is above the JSD in "
        f"{proven} of {len(limits)}.",
        numbers=[
            Number(
                label="largest excess of a value",
                value=f"{number_text(max(map(_excess, rows)), 3)} standard errors",
                note=f"{number_text(together_limit(len(rows), sides=1), 3)} is the limit for "
                "all runs together",
            ),
            Number(
                label="largest imbalance of value and gap",
                value=f"{number_text(max(abs(off_balance(r)) for r in known), 3)} standard errors",
                note=f"{number_text(reach, 3)} is the limit for all runs together",
            ),
        ],
        table=Table(
            columns=[
                "loss, law, trained on", "runs", "divergence", "least and largest value",
                "larger", "beyond error", "largest imbalance",
            ],
            rows=[
                [
                    name,
                    str(len(own)),
                    number_text(own[0]["measured"]["divergence"], 4),
                    range_of([r["measured"]["value"] for r in own]),
                    str(sum(_excess(r) > 0.0 for r in own)),
                    str(sum(above(r, len(rows)) for r in own)),
                    _largest([off_balance(r) for r in own if has_digits(r)]),
                ]
                for name, own in _groups(rows).items()
            ],
        ),
        draw=partial(balance_figure, rows),
        alt="Gap by the theory's formula against what the value lacks, and imbalances by seed",
        caption="Left, or above: what a value lacks to the divergence, against the gap that the formula "
        f"gives at the same held-out samples; on the line they are equal. {larger} values above their "
        "divergence have no place on a logarithmic axis, and gaps above 10 are left out; below about "
        "0.002 the value's own error is larger than what it lacks. Right, or "
        "below: value and gap less divergence in standard errors, by seed, as the runs of a seed are "
        "judged on the same samples; dashed, the limit for all together.",
    )  # fmt: skip


def _largest(values: Sequence[float]) -> str:
    return number_text(max(values, key=abs), 2) if values else "no digits"


def _excess(row: Row) -> float:
    m = row["measured"]
    return (m["value"] - m["divergence"]) / m["error"]


def _conclusion(
    fresh: Sequence[Row], own: Sequence[Row], other: Sequence[Row], parts: Sequence[Part]
) -> list[str]:
    last = max(r["configuration"]["steps"] for r in fresh)
    laws = [law for (law,) in settings_of(fresh, "law")]
    best = [
        number_text(100.0 * min(map(_lacking, chosen(fresh, law=law, steps=last))), 2)
        for law in laws
    ]
    words = [
        "**A held-out value bounds the divergence; a training loss does not.** Of every discriminator "
        "the value on fresh samples is at most the divergence, within its error, and what it lacks is "
        "what the theory derives from the ratio that it states."
        if parts[1].agreement is Agreement.supported
        else "**Something is wrong:** a value beyond a proved bound is an error of the sample, of the "
        "density or of the proof.",
        f"**A small gap is not yet a right logit.** After {last:,} steps the best of each law lack "
        f"{', '.join(best)} % of the JSD ({', '.join(laws)}). The gap is quadratic in the distance, and "
        "tails, where few samples are, weigh little in it.",
    ]
    high = sum(map(exceeds, own))
    if high:
        words.append(
            f"**On its own sample a discriminator proves nothing.** {high} of {len(own)} of those "
            "confined to a sample state more than the JSD there. GC011 therefore reads no divergence "
            "from the training loss and gives a bound on fresh draws alone."
        )
    large = [r for r in other if "size" not in r["configuration"]]
    changes = (
        *changes_with_steps(fresh, "law", "logit"),
        *changes_of_own(own),
        *changes_with_steps(large, "loss", "posterior"),
    )
    off = [c for c in changes if c.agreement is not Agreement.supported]
    if off:
        words.append(
            "**Where it is not as predicted.** "
            + "; ".join(
                f"{c.label}: {c.agreement}, {c.contrary} of {len(c.values)} seeds the other way"
                for c in off
            )
            + ". At the level at which all comparisons of a part hold together, seeds as few as these "
            "must agree without exception; more would tell, this page cannot."
        )
    return words


def _short(row: Row) -> dict[str, Any]:
    """A row for programs, to four digits; of what GC011 said, the verdicts."""
    c, m = row["configuration"], row["measured"]
    numbers = {k: _digits(v) for k, v in m.items() if isinstance(v, float)}
    own = {"own_value": _digits(m["own"]["value"])} if "own" in m else {}
    said = {"said": dict(Counter(a["verdict"] for a in m["asked"]))} if "asked" in m else {}
    shared = ("samples", "times")
    return {**{k: v for k, v in c.items() if k not in shared}, **numbers, **own, **said}


def _digits(value: float) -> float:
    return float(f"{value:.4g}")


def _facts(rows: Sequence[Row]) -> list[tuple[str, str]]:
    c = rows[0]["configuration"]
    return [
        ("seeds", seeds_of(rows)),
        ("runs", str(len(rows))),
        ("networks", "tanh perceptrons of two hidden layers, 64 wide where nothing else is said"),
        ("training", "Adam, step from 0.005 to 0, batches of 128"),
        ("held-out samples", f"{c['samples']:,} of each kind"),
        ("GC011", "10,000 samples of each kind"),
        ("divergences", "by scipy's quadrature"),
        ("interval", "of the median over seeds, by the sign test"),
        *versions_of(rows),
    ]
