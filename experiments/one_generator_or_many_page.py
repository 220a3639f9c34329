"""What the page on one generator against a mixture says, for whatever its runs have shown.

Every sentence on an outcome is chosen by the numbers of the rows; the prediction and what would
refute it stand as they did before the runs (`experiments.one_generator_or_many`). It is one file, a
little over 400 lines, because a reader should find the words for every outcome in one place.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from experiments.one_generator_or_many_digits import VERDICTS, digits_part, percent, span
from experiments.stored_pictures import drawn_again, spectra_again
from gancheck.measures.figures import figure_of, number_text, page_style
from gancheck.measures.local_dimension import plot_by_place
from gancheck.measures.proportions import clopper_pearson
from gancheck.measures.support_figures import Panel, arranged, bridge_panels
from gancheck.rendering.experiment_page import Agreement, ExperimentPage, Number, Part, Table
from gancheck.rendering.gallery import point_panels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    from experiments.finished_runs import Row

__all__ = ["page"]

_CLOUD: Final = 150  # points of each training
THEOREMS: Final = ("connected-latent-connected-support", "gap-mass-isoperimetry")
_CLAIM = (
    "A continuous generator on a latent law of connected support has an output of connected "
    "support: where it reaches two components of the data it leaves mass between them. A latent "
    "with a choice of expert has a support in pieces, and a mixture of generators need leave none."
)
_PREDICTED = (
    "One generator is bridged in every training, and every latent path from one component to "
    "another crosses a gap. An oracle mixture, one expert a mode and not trained, is never bridged. "
    "A trained mixture is bridged where some expert is seen in two components, and not where none "
    "is: the theorem says what a mixture can do, not what training makes of it. Of the digits "
    "nothing is predicted where held-out real images fill the gaps in every space."
)
_REFUTED_BY = (
    "One generator that is not bridged, or a path that reaches another component without a gap; an "
    "oracle that is bridged; a trained mixture whose test and table of experts disagree."
)
_LIMITS: Final = (
    "Two planar laws whose components are plain to see, and one set of small images. Small "
    "perceptrons, one loss, one set of step sizes, few seeds.",
    "The prediction is older than every run; its words were set down after a first look at the same "
    "seeds, for which neither recipes nor numbers nor the rule were changed.",
    "The mixtures have smaller experts, each of which gets its share of the samples: this does not "
    "compare the quality of two models of equal cost.",
    "An expert is said to be in one component where 2,000 latents show it in no other; a rarer "
    "visit is not seen, as a bridge below the upper limit is not.",
    "A test of mass in the gaps says nothing of modes that are missing; the share of components "
    "that are not surely missed stands beside it.",
    "The mass that must lie off the data is an estimate, not a bound: the largest slope at sampled "
    "latents is at most the Lipschitz constant. The certified bound uses the product of the "
    "layers' norms and is valid and small.",
)
_BRIDGE_CAPTION: Final = (
    "First the samples (red: in a gap) and the mass in the gap of each pair of components, filled "
    "where samples link the pair.{paths}{curve}{spectra} Seed 0, the first {points} samples of each "
    "kind."
)
_PATHS_CAPTION: Final = (
    " Then the first latent paths: the number of the component, red in a gap, above it the speed of "
    "the sample; beside them the samples on these paths; and how much of every path is gap."
)
_CURVE_CAPTION: Final = (
    " Then into how many pieces the samples fall at each scale, within the range of as many real "
    "ones."
)
_SPECTRA_CAPTION: Final = (
    " Last the singular values of dG/dz where samples lie on the data and where they lie in a gap."
)


def page(rows: Sequence[Row], *, command: str) -> ExperimentPage:
    """Everything the page says, from the rows of finished runs alone.

    Args:
        rows: one generator and a mixture for each seed, and the oracle on ring8.
        command: that made them.
    """
    parts = [
        *(_one(rows, data) for data in ("ring8", "moons")),
        *(_many(rows, data) for data in ("ring8", "moons")),
    ]
    parts = [parts[0], parts[2], parts[1], parts[3]]
    settled = [part.agreement for part in parts]
    agreement = Agreement.contradicted if Agreement.contradicted in settled else Agreement.open
    if all(a is Agreement.supported for a in settled):
        agreement = Agreement.supported
    digits = digits_part(*(_measured(rows, "digits", kind) for kind in ("one", "many")))
    return ExperimentPage(
        question="Must one generator bridge the gaps of its data, and does a mixture leave them empty?",
        agreement=agreement,
        headline=_headline(rows, digits),
        claim=_CLAIM,
        theorems=THEOREMS,
        predicted=_PREDICTED,
        refuted_by=_REFUTED_BY,
        parts=[*parts, digits],
        conclusion=_conclusion(rows, digits.agreement),
        limits=_LIMITS,
        command=command,
        facts=_facts(rows),
        result={"runs": [_as_json(row) for row in rows]},
    )


def _of(rows: Sequence[Row], **wanted: Any) -> list[Row]:
    return [r for r in rows if all(r["configuration"].get(k) == v for k, v in wanted.items())]


def _measured(rows: Sequence[Row], data: str, kind: str) -> dict[int, Mapping[str, Any]]:
    """What was measured, by seed."""
    return {r["configuration"]["seed"]: r["measured"] for r in _of(rows, data=data, kind=kind)}


def _bridged(found: Mapping[Any, Mapping[str, Any]]) -> int:
    return sum(m["verdict"] == "bridged" for m in found.values())


def _agreeing(found: Mapping[Any, Mapping[str, Any]]) -> int:
    """Runs in which the test says bridged exactly where some expert is in two components."""
    return sum((m["verdict"] == "bridged") == (m["spanning"] > 0) for m in found.values())


def _headline(rows: Sequence[Row], digits: Part) -> str:
    ones = {**_prefixed(rows, "ring8", "one"), **_prefixed(rows, "moons", "one")}
    manys = {**_prefixed(rows, "ring8", "many"), **_prefixed(rows, "moons", "many")}
    oracle = _measured(rows, "ring8", "oracle")
    told = (
        f"One generator is bridged in {_bridged(ones)} of {len(ones)} trainings, an oracle mixture "
        f"in {_bridged(oracle)} of {len(oracle)}, a trained mixture in {_bridged(manys)} of "
        f"{len(manys)}."
    )
    if digits.agreement is Agreement.open:
        told += " The digits cannot be judged."
    return told


def _prefixed(rows: Sequence[Row], data: str, kind: str) -> dict[str, Any]:
    return {f"{data} {s}": m for s, m in _measured(rows, data, kind).items()}


def _one(rows: Sequence[Row], data: str) -> Part:
    found = _measured(rows, data, "one")
    n, bridged = len(found), _bridged(found)
    crossed, followed = (sum(m[k] for m in found.values()) for k in ("crossed", "followed"))
    low, high = clopper_pearson(bridged, n)
    more = ("curve", "spectra") if data == "ring8" else ("spectra",)
    agreement = Agreement.supported if followed else Agreement.open
    if bridged < n or crossed < followed:
        agreement = Agreement.contradicted
    return Part(
        name=f"{data}, one generator",
        agreement=agreement,
        title=(
            f"{data}: one generator is bridged in {bridged} of {n} trainings, and {crossed:,} of "
            f"{followed:,} paths cross a gap"
        ),
        lead=(
            f"Samples put {span([100 * m['mass'][0] for m in found.values()])} % of the mass into "
            f"the middle of the gaps, against a held-out real null. The paths are the witness that "
            f"needs no null: each begins in one component, ends in another, and is continuous.{_least(found)}"
        ),
        numbers=[
            Number(
                label="trainings that are bridged",
                value=f"{bridged} of {n}",
                note=f"95 % of the chance {number_text(low, 2)} to {number_text(high, 2)}",
            ),
            Number(label="paths that cross a gap", value=f"{crossed:,} of {followed:,}"),
        ],
        table=Table(
            columns=[
                "seed",
                "in the gaps, %",
                "95 % interval",
                "p",
                "paths that cross",
                "off the data, %",
                "must lie off, % (estimate)",
                "certified",
            ],
            rows=[[str(seed), *_numbers_of_one(m)] for seed, m in found.items()],
        ),
        draw=partial(_drawn, found[0], more),
        alt="Samples and gaps, pairs of components, latent paths and singular values",
        caption=_caption(found[0], more),
    )


def _numbers_of_one(m: Mapping[str, Any]) -> list[str]:
    left = m["left"]
    certified = left.get("bound")
    return [
        *_mass(m),
        _p(m["p_value"]),
        f"{m['crossed']} of {m['followed']}",
        percent(m["off_data"]),
        percent(left["estimate"]) if "estimate" in left else "not known",
        "none" if certified is None else percent(certified, 2),
    ]


def _many(rows: Sequence[Row], data: str) -> Part:
    found, oracle = _measured(rows, data, "many"), _measured(rows, data, "oracle")
    n, bridged, agreeing = len(found), _bridged(found), _agreeing(found)
    false_alarms = _bridged(oracle)
    good = agreeing == n and false_alarms == 0
    clean = n - bridged
    lead = (
        f"The test for mass in the gaps and the table of experts agree in **{agreeing} of {n}** "
        f"trainings: {bridged} bridged, {clean} not. "
    )
    if oracle:
        worst = max(m["mass"][2] for m in oracle.values())
        lead += (
            f"The oracle, one expert a mode, is bridged in {false_alarms} of {len(oracle)}; its mass "
            f"in the gaps is at most {percent(worst, 2)} %. So the mixture can leave the gaps empty"
            + (", and training mostly does not make it." if bridged > clean else ".")
        )
    else:
        lead += "Nothing made the experts share the components out, so they need not."
    experts = next(iter(found.values()))["experts"]
    return Part(
        name=f"{data}, {experts} experts",
        agreement=Agreement.supported if good else Agreement.contradicted,
        title=f"{data}: a trained mixture of {experts} is bridged in {bridged} of {n} trainings",
        lead=lead,
        numbers=[
            Number(label="trained mixtures that are bridged", value=f"{bridged} of {n}"),
            Number(label="test and table of experts agree", value=f"{agreeing} of {n}"),
            *(
                [Number(label="oracles that are bridged", value=f"{false_alarms} of {len(oracle)}")]
                if oracle
                else []
            ),
        ],
        table=_mixture_table(found, oracle),
        draw=partial(_drawn, found[0], ()),
        alt="Samples and gaps, pairs of components and latent paths of experts",
        caption=_caption(found[0], ()),
        samples=[_clouds(found, data)],
        samples_note="The first samples of every training. Behind each seed, what the test says.",
        folded={
            f"Experts against components, {data} seed {seed}": _experts(m)
            for seed, m in found.items()
        },
    )


def _mixture_table(
    found: Mapping[int, Mapping[str, Any]], oracle: Mapping[int, Mapping[str, Any]]
) -> Table:
    columns = [
        "seed", "in the gaps, %", "95 % interval", "the test says", "experts in two components",
        "paths that cross", "components not missed",
    ]  # fmt: skip
    rows = [
        [
            str(seed),
            *_mass(m),
            VERDICTS[m["verdict"]],
            f"{m['spanning']} of {m['experts']}",
            f"{m['crossed']} of {m['followed']}",
            f"{round(m['covered'] * m['components'])} of {m['components']}",
        ]
        for seed, m in found.items()
    ]
    if oracle:
        columns.append("oracle in the gaps, %")
        for row, m in zip(rows, oracle.values(), strict=False):
            row.append(f"{_mass(m)[0]} ({_mass(m)[1]})")
    return Table(columns=columns, rows=rows)


def _experts(m: Mapping[str, Any]) -> Table:
    table = np.array(m["picture"]["paths"]["table"])
    return Table(
        columns=["expert", *(str(k) for k in range(table.shape[1] - 1)), "in a gap"],
        rows=[[str(i), *(str(v) if v else "" for v in row)] for i, row in enumerate(table)],
    )


def _clouds(found: Mapping[int, Mapping[str, Any]], data: str) -> Any:
    real = found[0]["picture"]["real"]
    clouds = {
        f"seed {seed}: {VERDICTS[m['verdict']]}": m["picture"]["generated"][:_CLOUD]
        for seed, m in found.items()
    }
    return point_panels(real[:_CLOUD], clouds, prefix=f"{data}-clouds")


def _drawn(m: Mapping[str, Any], more: Sequence[str], width_px: int) -> Figure:
    """The figure of a report, and of `more` (`curve`, `spectra`) what a page has room for."""
    found = drawn_again(m["picture"])
    spectra = spectra_again(m["spectra"])
    if "curve" not in more:
        found = replace(found, curve=None)
    with page_style():
        panels = bridge_panels(found, width_px)
        if "spectra" in more and spectra.in_gap.size:
            panels.append(Panel(lambda ax: plot_by_place(ax, spectra), 220, 220))
        return figure_of(arranged(width_px, panels))


def _caption(m: Mapping[str, Any], more: Sequence[str]) -> str:
    picture = m["picture"]
    return _BRIDGE_CAPTION.format(
        paths=_PATHS_CAPTION if picture["paths"]["labels"] else " No path was followed.",
        curve=_CURVE_CAPTION if "curve" in more else "",
        spectra=_SPECTRA_CAPTION if "spectra" in more and m["spectra"]["in_gap"] else "",
        points=len(drawn_again(picture).generated),
    )


def _least(found: Mapping[int, Mapping[str, Any]]) -> str:
    """How the mass off the data stands to what must be there."""
    known = [m["left"] for m in found.values() if "estimate" in m["left"]]
    if not known:
        return f" {next(iter(found.values()))['left']['because'].capitalize()}."
    estimates = [100 * left["estimate"] for left in known]
    off = [100 * left["off"][0] for left in known]
    below = all(left["estimate"] <= left["off"][2] for left in known)
    return (
        f" Given how steep the generators are at sampled latents, about {span(estimates)} % had to "
        f"lie off the data, and {span(off)} % do"
        + ("." if below else "; where the estimate is larger, the slope is not the largest.")
    )


def _conclusion(rows: Sequence[Row], digits: Agreement) -> list[str]:
    many = {**_prefixed(rows, "ring8", "many"), **_prefixed(rows, "moons", "many")}
    oracle = _measured(rows, "ring8", "oracle")
    out = [
        "**One map cannot cut.** A continuous generator on a connected latent bridges whatever it "
        "is trained to do; training can make the bridge thin, by making the generator steep, and "
        "nothing else. That is a reason to look at the mass of the bridge, not at its existence.",
        f"**A mixture can, and need not.** The oracle shows that the design allows it "
        f"({len(oracle) - _bridged(oracle)} of {len(oracle)} not bridged). Trained, "
        f"{len(many) - _bridged(many)} of {len(many)} are not bridged: nothing in the game asks an "
        "expert to keep to one component. Before a mixture is credited with it, look at its table "
        "of experts against components.",
    ]
    if digits is Agreement.open:
        out.append(
            "**Where no gap is established nothing can bridge it.** Classes with names are not "
            "components with gaps: real digits of different classes lie about as near to each "
            "other as the spaces can tell. A number for such data would say more of the space than "
            "of the generator."
        )
    return out


def _facts(rows: Sequence[Row]) -> list[tuple[str, str]]:
    def each(text: Any) -> str:
        return ", ".join(
            dict.fromkeys(text(r["configuration"]) for r in rows if text(r["configuration"]))
        )

    def trained(c: Mapping[str, Any]) -> str:
        return f"{c['recipe']['name']} {c['recipe']['steps']:,}" if "recipe" in c else ""

    versions: dict[str, list[str]] = {}
    for row in rows:
        for name, version in row["versions"].items():
            if version not in versions.setdefault(name, []):
                versions[name].append(version)
    return [
        ("runs", str(len(rows))),
        ("seeds", each(lambda c: f"{c['data']} {_seeds(rows, c['data'])}")),
        ("updates of each player", each(trained)),
        ("samples a run is judged by", each(lambda c: f"{c['data']} {c['samples']:,}")),
        ("the test", "one-sided exact test against held-out real samples, at 1 %, each run alone"),
        *((name, ", ".join(found)) for name, found in versions.items()),
    ]


def _seeds(rows: Sequence[Row], data: str) -> str:
    found = sorted({r["configuration"]["seed"] for r in _of(rows, data=data)})
    return f"{found[0]} to {found[-1]}" if len(found) > 1 else str(found[0])


def _mass(m: Mapping[str, Any]) -> list[str]:
    if m["mass"] is None:
        return ["none", "no gap"]
    value, low, high = (number_text(100 * end, 2) for end in m["mass"])
    return [value, f"{low} to {high}"]


def _p(p: float | None) -> str:
    if p is None:
        return "none"
    return number_text(p, 2) if p >= 1e-4 else "below 0.0001"


def _as_json(row: Row) -> Mapping[str, Any]:
    """The numbers of a run that the page's sentences rest on."""
    c, m = row["configuration"], row["measured"]
    names = ("verdict", "mass", "crossed", "followed", "spanning", "covered", "off_data", "left")
    out = {k: c[k] for k in ("data", "kind", "seed")} | {k: m[k] for k in names if k in m}
    if "spaces" in m:
        out["spaces"] = {
            name: {k: found[k] for k in ("verdict", "halfway", "needed")}
            for name, found in m["spaces"].items()
        }
    return out
