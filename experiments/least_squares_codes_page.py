"""What the page on the codes of a least-squares GAN says, for whatever its runs have shown.

Every sentence on an outcome is chosen by the interval that decides it; the prediction and what
would refute it stand as they did before the runs (`experiments.least_squares_codes`). It is one
file, a little over 400 lines, because a reader should find the words for every outcome in one place.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from experiments.page_parts import versions_of
from experiments.pairs import (
    Comparison,
    all_agree,
    comparison_numbers,
    comparison_table,
    paired_figure,
)
from gancheck.rendering.experiment_page import Agreement, ExperimentPage, Part, Table
from gancheck.rendering.gallery import point_panels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from experiments.finished_runs import Row

__all__ = ["page"]

PLAIN, CENTRED = "0,\u00a01,\u00a01", "\u22121,\u00a01,\u00a00"
_MARKS: Final = {"before": PLAIN.replace("\u00a0", " "), "after": CENTRED.replace("\u00a0", " ")}
LOSSES: Final = {"lsgan": PLAIN, "lsgan-centred": CENTRED}
SETTINGS: Final = {"recipe": "recipe\u2019s step", "slow": "slow generator"}
THEOREMS: Final = ("centred-least-squares-drops-modes", "least-squares-optimum-and-value")

_CLAIM = (
    f"With the codes {CENTRED} (what D is to say of a generated sample, of a real one, and what G "
    "wants it to say) and an optimal D, the generator's step follows no divergence: the flow that "
    f"moves mass to where the loss is lower can empty a mode. With {PLAIN} it follows a convex f, "
    "and each mode gets its due."
)
_PREDICTED = (
    "Where the generator can only move mass between the data's own modes, a D that is trained "
    "instead of optimal loses the modes that the exact flow loses from the same start, and with "
    f"{PLAIN} none. A network moves samples, not mass, and of that the theorem says nothing; if "
    f"its mechanism decided, {CENTRED} would cover fewer modes."
)
_REFUTED_BY = (
    "Free weights: an interval of the median difference that reaches zero. Networks: an interval "
    "above zero contradicts the popular reading, that such codes drop modes in training; one that "
    "holds zero supports neither side."
)
_HEADLINE: Final = {
    Agreement.supported: f"With the codes {CENTRED} trained networks cover fewer modes.",
    Agreement.partly: f"With the codes {CENTRED} trained networks cover fewer modes in {{}} settings.",
    Agreement.contradicted: f"With the codes {CENTRED} trained networks cover more modes somewhere.",
    Agreement.open: "Trained networks do not tell the two codings apart.",
}
_WEIGHTS_TITLE: Final = {
    Agreement.supported: f"Where only mass can move, a learned D loses modes with {CENTRED}",
    Agreement.partly: f"Where only mass can move, {CENTRED} loses modes in some settings",
    Agreement.contradicted: f"Where only mass can move, {CENTRED} keeps more modes somewhere",
    Agreement.open: "Where only mass can move, the two codings are not told apart",
}
_CONCLUSION: Final = {
    Agreement.supported: (
        f"**Use {PLAIN}.** On these games the codes {CENTRED} cost modes in every setting, with "
        "everything else the same: initial weights, data, latents, steps. The theorem does not "
        "promise that for networks; it was the prediction one would make if its mechanism decided."
    ),
    Agreement.partly: (
        f"**Prefer {PLAIN}.** On these games the codes {CENTRED} cost modes in {{}} settings and "
        "were not shown to in the others. The theorem promises neither: a network's samples follow "
        "the slope of D, while the mass of the theorem follows its value."
    ),
    Agreement.contradicted: (
        f"**The popular reading is wrong here.** In some setting the codes {CENTRED} cover more "
        "modes, although the theorem has an exact flow that drops them: transported samples follow "
        "the slope of D, not its value, and the slope may point to a mode that mass would leave."
    ),
    Agreement.open: (
        "**Nothing follows for networks.** The theorem is about mass that is reweighed at a value "
        "of D; a network's samples follow the slope of D. These runs do not tell the codings apart, "
        "which neither supports nor contradicts the theorem."
    ),
}
_SHARPNESS: Final = {
    Agreement.supported: (
        f"**The other side.** With {CENTRED} fewer samples lie off the data, in every setting: what "
        "is covered is covered more sharply. Had sharpness been the question, it would have won."
    ),
    Agreement.partly: (
        f"**The other side.** In some settings fewer samples lie off the data with {CENTRED}: what "
        "is covered is covered more sharply there."
    ),
}
_WHY = (
    "**Why the codes can matter.** The two discriminator losses are one: with 2s - 1 for s the "
    f"second is four times the first. What differs is what the generator wants. With {PLAIN} it "
    "wants its samples called real, so a mode that has too little mass, where D is highest, "
    f"attracts mass. With {CENTRED} it wants D undecided, so that very mode repels it."
)
_CAUTION = (
    "**What this does not show.** The count of modes is no proof that networks gain or lose them "
    "by the theorem's mechanism: samples move continuously, D and G are trained by Adam in turn, "
    "and a generator that is content where D is undecided also has less reason to travel. The free "
    "weights isolate the mechanism; of the networks only the sign of the difference is compared."
)
_LIMITS: Final = (
    "The theorem's own example has modes of unequal mass. For the equal masses here the exact flow "
    "is computed, not proved: it stands still wherever the modes that are left share evenly.",
    "Two planar laws with modes of equal mass, one pair of networks each, Adam, one batch size. "
    "The step sizes are the zoo's, chosen for the non-saturating loss and for neither coding.",
    "A count of covered modes says nothing of how evenly or how sharply they are covered.",
    "The intervals are over seeds of these programs, not over data or architectures.",
    "In the slow setting the generator may not have finished: its steps are a quarter as long and "
    "no more of them are made.",
)


def page(rows: Sequence[Row], *, command: str) -> ExperimentPage:
    """Everything the page says, from the rows of finished runs alone.

    Args:
        rows: of both codings for each seed.
        command: that made them.
    """
    weights, networks = (_comparisons(rows, part, "covered") for part in ("weights", "networks"))
    reached = _comparisons(rows, "networks", "reached", "modes reached")
    surely = _comparisons(rows, "networks", "surely", "modes surely covered")
    off_data = _comparisons(rows, "networks", "off_data", "% off the data", scale=100.0)
    of_networks = all_agree(networks)
    return ExperimentPage(
        question=f"Do the codes {CENTRED} of a least-squares GAN drop modes?",
        agreement=of_networks,
        headline=_HEADLINE[of_networks].format(_share(networks)),
        claim=_CLAIM,
        theorems=THEOREMS,
        predicted=_PREDICTED,
        refuted_by=_REFUTED_BY,
        parts=[
            _weights_part(rows, weights),
            _networks_part(rows, networks, reached, [*surely, *off_data]),
        ],
        conclusion=[
            _CONCLUSION[of_networks].format(_share(networks)),
            *_dissent(networks, off_data),
            *([_SHARPNESS[sharper]] if (sharper := all_agree(off_data)) in _SHARPNESS else []),
            _WHY,
            _CAUTION,
        ],
        limits=_LIMITS,
        command=command,
        facts=_facts(rows),
        result={
            part: [_as_json(c) for c in found]
            for part, found in (
                ("weights", weights),
                ("networks", networks),
                ("reached", reached),
                ("surely", surely),
                ("percent_off_data", off_data),
            )
        },
    )


def _share(comparisons: Sequence[Comparison]) -> str:
    """How many settings came out as predicted, in words."""
    return f"{sum(c.agreement is Agreement.supported for c in comparisons)} of {len(comparisons)}"


def _of(rows: Sequence[Row], **wanted: Any) -> list[Row]:
    return [r for r in rows if all(r["configuration"].get(k) == v for k, v in wanted.items())]


def _settings(rows: Sequence[Row], part: str) -> list[tuple[str, str]]:
    """Data and setting of each comparison, in the order of the runs."""
    own = (r["configuration"] for r in _of(rows, part=part))
    return list(dict.fromkeys((c["data"], c["setting"]) for c in own))


def _comparisons(
    rows: Sequence[Row], part: str, counted: str, note: str = "", *, scale: float = 0.0
) -> list[Comparison]:
    """One for each setting; with a scale, of a share, which is 1 for a run that diverged."""
    settings = _settings(rows, part)
    out: list[Comparison] = []
    for data, setting in settings:
        before, after = (
            {r["configuration"]["seed"]: r["measured"] for r in found}
            for found in (
                _of(rows, part=part, data=data, setting=setting, loss=loss) for loss in LOSSES
            )
        )
        seeds = sorted(before)
        expected = [after[s]["predicted"] for s in seeds] if part == "weights" else None
        out.append(
            Comparison(
                label=f"{data}, {SETTINGS[setting]}" + (f", {note}" if note else ""),
                seeds=seeds,
                before=[_number(before[s], counted, scale) for s in seeds],
                after=[_number(after[s], counted, scale) for s in seeds],
                largest=before[seeds[0]]["modes"],
                together=len(settings),
                expected=expected,
            )
        )
    return out


def _number(measured: Mapping[str, Any], name: str, scale: float) -> float:
    return round(scale * measured.get(name, 1.0), 1) if scale else measured[name]


def _weights_part(rows: Sequence[Row], comparisons: Sequence[Comparison]) -> Part:
    runs = _of(rows, part="weights", loss="lsgan-centred")
    modes = sum(r["measured"]["modes"] for r in runs)
    agree = sum(r["measured"]["agree"] for r in runs)
    kept = _of(rows, part="weights", loss="lsgan")
    whole = sum(r["measured"]["covered"] == r["measured"]["modes"] for r in kept)
    found = all_agree(comparisons)
    return Part(
        name="Free weights",
        agreement=found,
        title=_WEIGHTS_TITLE[found],
        lead=f"The generator is a mixture of the data's own normals with weights of its own, D the "
        f"recipe's network. With {PLAIN} every mode is kept in {whole} of {len(kept)} runs. With "
        f"{CENTRED} the learned D and the exact flow agree on whether a mode is kept for **{agree} "
        f"of {modes}** modes ({len(runs)} runs).",
        numbers=comparison_numbers(comparisons, "modes"),
        table=comparison_table(comparisons, PLAIN, CENTRED),
        draw=partial(paired_figure, comparisons, counted="modes kept", **_MARKS),
        alt="For each seed the modes kept with both codings and by the exact flow",
        caption=f"Modes with at least a tenth of their due, by seed. Ring: codes {PLAIN}. Dot: "
        f"{CENTRED}. Dash: what the exact flow keeps with {CENTRED} from the same start. In the slow "
        "setting D makes four steps to one of the weights. In the table, medians over seeds with "
        "95 % intervals.",
        folded={
            f"Every run: modes kept with {PLAIN}, with {CENTRED} (and by its exact flow)": _every_run(
                comparisons
            )
        },
    )


def _networks_part(
    rows: Sequence[Row],
    comparisons: Sequence[Comparison],
    reached: Sequence[Comparison],
    others: Sequence[Comparison],
) -> Part:
    found = all_agree(comparisons)
    again = all_agree(reached)
    second = {
        Agreement.supported: "says the same in every setting",
        Agreement.partly: f"says the same in {_share(reached)} settings",
        Agreement.contradicted: "says the opposite in some setting",
        Agreement.open: "tells the codings apart in no setting",
    }[again]
    samples, chosen = _samples(rows, comparisons)
    return Part(
        name="Networks",
        agreement=found,
        title=_sorted_out(comparisons),
        lead="The recipes of the zoo, trained with both codings from the same initial weights on "
        f"the same data and latents. The second look, which forgives blur and counts the modes that "
        f"some samples are nearest to, {second}. {_off_data(rows)}{_diverged(rows)}",
        numbers=comparison_numbers(comparisons, "modes"),
        table=comparison_table(comparisons, PLAIN, CENTRED),
        draw=partial(paired_figure, comparisons, counted="modes covered", **_MARKS),
        alt="For each seed the modes covered with both codings",
        caption=f"Modes covered, by seed. Ring: codes {PLAIN}. Dot: {CENTRED}. In the slow setting "
        "the generator's step is a quarter of the recipe's. In the table, medians over seeds with "
        "95 % intervals.",
        samples=samples,
        samples_note=chosen,
        folded={
            "Second looks: modes reached, modes surely covered, samples off the data": (
                comparison_table([*reached, *others], PLAIN, CENTRED)
            ),
            f"Every run: modes covered with {PLAIN}, with {CENTRED}": _every_run(comparisons),
        },
    )


def _sorted_out(comparisons: Sequence[Comparison]) -> str:
    """In how many settings the interval lies on which side of zero."""
    more = sum(c.agreement is Agreement.contradicted for c in comparisons)
    told = f"In {_share(comparisons)} settings trained networks cover fewer modes with {CENTRED}"
    return told + (f", in {more} more" if more else "")


def _off_data(rows: Sequence[Row]) -> str:
    """How sharp the samples are, which the counts do not say."""
    shares = {
        name: [
            r["measured"]["off_data"]
            for r in _of(rows, part="networks", loss=loss)
            if "off_data" in r["measured"]
        ]
        for loss, name in LOSSES.items()
    }
    if not all(shares.values()):
        return ""
    words = [f"{100 * np.median(found):.0f} % with {name}" for name, found in shares.items()]
    return f"Samples off the data, median over all runs: {', '.join(words)}."


def _dissent(comparisons: Sequence[Comparison], off_data: Sequence[Comparison]) -> list[str]:
    """Of each undecided setting, how sharp 0, 1, 1 was in the seeds that went the other way."""
    out: list[str] = []
    for c, off in zip(comparisons, off_data, strict=True):
        odd = [at for at, d in enumerate(c.differences) if d > 0]
        if c.agreement is Agreement.open and odd:
            ended = " and ".join(f"{off.before[at]:.0f} %" for at in odd)
            which = (
                f"seed{'s' if len(odd) > 1 else ''} {' and '.join(str(c.seeds[at]) for at in odd)}"
            )
            out.append(
                f"**Where it is undecided.** {c.label}: {sum(d < 0 for d in c.differences)} of "
                f"{len(c.seeds)} seeds cover fewer modes with {CENTRED}, {which} more. There {PLAIN} "
                f"ended with {ended} of its samples off the data; the median over seeds is "
                f"{np.median(off.before):.0f} %. That was seen after the runs and excuses nothing: "
                "the question was the count of covered modes, and its interval holds zero."
            )
    return out


def _diverged(rows: Sequence[Row]) -> str:
    ended = [r for r in _of(rows, part="networks") if r["measured"].get("ended")]
    if not ended:
        return ""
    many = (
        "1 run diverged and counts" if len(ended) == 1 else f"{len(ended)} runs diverged and count"
    )
    return f" {many} as covering no mode."


def _every_run(comparisons: Sequence[Comparison]) -> Table:
    def cell(c: Comparison, at: int) -> str:
        expected = "" if c.expected is None else f" ({c.expected[at]})"
        return f"{c.before[at]}, {c.after[at]}{expected}"

    return Table(
        columns=["seed", *(c.label for c in comparisons)],
        rows=[
            [str(seed), *(cell(c, at) for c in comparisons)]
            for at, seed in enumerate(comparisons[0].seeds)
        ],
    )


def _samples(rows: Sequence[Row], comparisons: Sequence[Comparison]) -> tuple[list[Markup], str]:
    """Both codings of the seed whose difference is the (lower) median, at the first setting."""
    panels: list[Markup] = []
    named: list[str] = []
    done: set[str] = set()
    for (data, setting), c in zip(_settings(rows, "networks"), comparisons, strict=True):
        if data in done:
            continue
        done.add(data)
        ranked = sorted(zip(c.differences, c.seeds, strict=True))
        seed = ranked[(len(ranked) - 1) // 2][1]
        found = {
            r["configuration"]["loss"]: r["measured"]
            for r in _of(rows, part="networks", data=data, setting=setting, seed=seed)
        }
        if any("generated" not in measured for measured in found.values()):
            continue
        clouds = {
            f"{name}: {found[k]['covered']}": found[k]["generated"] for k, name in LOSSES.items()
        }
        panels.append(point_panels(found["lsgan"]["real"], clouds, prefix=data))
        named.append(f"{data} seed {seed}")
    note = (
        f"The first {_shown(rows)} samples of the seed whose difference is the median, at the "
        f"recipe's step: {', '.join(named)}. Behind each coding, the modes it covers."
    )
    return panels, note if panels else ""


def _shown(rows: Sequence[Row]) -> int:
    return max((len(r["measured"].get("generated", ())) for r in rows), default=0)


def _facts(rows: Sequence[Row]) -> list[tuple[str, str]]:
    def settings(part: str, *names: str) -> str:
        found = [
            f"{c['data']} {' and '.join(f'{c[n]:g}' for n in names)}"
            for c in (r["configuration"] for r in _of(rows, part=part))
        ]
        return ", ".join(dict.fromkeys(found))

    seeds = sorted({r["configuration"]["seed"] for r in rows})
    samples = {r["configuration"]["samples"] for r in _of(rows, part="networks")}
    return [
        ("seeds", f"{seeds[0]} to {seeds[-1]}, of everything drawn"),
        ("runs", str(len(rows))),
        ("networks: updates of each player", settings("networks", "steps")),
        ("networks: steps of G and of D", settings("networks", "generator_lr", "discriminator_lr")),
        ("networks: samples a run is judged by", ", ".join(f"{n:,}" for n in sorted(samples))),
        ("free weights: updates, time of each", settings("weights", "steps", "rate")),
        ("free weights: D's updates before each", settings("weights", "answers")),
        ("interval", "of the median, by the sign test; four comparisons a part hold together"),
        *versions_of(rows),
    ]


def _as_json(c: Comparison) -> Mapping[str, Any]:
    found = c.difference
    finite = found.low > -float("inf")
    return {
        "setting": c.label,
        "seeds": list(c.seeds),
        "codes_0_1_1": list(c.before),
        "codes_-1_1_0": list(c.after),
        "exact_flow": None if c.expected is None else list(c.expected),
        "median_difference": found.value,
        "interval": [found.low, found.high] if finite else None,
        "level": c.level,
        "agreement": str(c.agreement),
    }
