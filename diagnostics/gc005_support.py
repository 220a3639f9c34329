"""GC005 Support: does the generator put mass between the components of the data?

How it is measured
    Bridge mass: the share of generated samples in the middle of a gap between two components of
    the data and off the tube around them, against a held-out real null (one-sided Fisher exact
    test at 1 %). Beside it, never merged with it: the mass off the tube, the coverage of the
    components, and the pairs of components that the samples link. Where the generator is at hand,
    latent paths between components are followed to their gap (a witness), and where fewer than
    thirty samples hit a gap, its mass is found by lines through the latent space; neither moves the
    verdict.
Verdicts
    bridged -> warning, and failing only where the interval's lower end exceeds 5 %; undecided where
    the test is no longer significant at 1 % once corrected by Holm for the tests beside it;
    not_detected -> sound, with its upper limit; not_decidable -> undecided.
What to do
    A connected latent law and a continuous generator must leave mass in the gaps: use a mixture of
    generators or a discrete latent, or reject samples where the gap is. In a mixture, look at which
    experts reach two components.
Theorem: connected-latent-connected-support. Sources: Tanielian et al. (2020); Holm (1979).
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from gancheck.diagnosis import (
    Definition,
    Diagnostic,
    Finding,
    NotApplicable,
    Plan,
    Quantity,
    Verdict,
)
from gancheck.measures.connectivity import BridgeMass, Outcome, bridge_mass_in
from gancheck.measures.data_gaps import DataGaps, data_gaps
from gancheck.measures.features import as_features
from gancheck.measures.holm import ALPHA, holm
from gancheck.measures.joining_curve import joining_curve
from gancheck.measures.latent_paths import label_of, latent_paths
from gancheck.measures.line_sampling import gap_mass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gancheck.games.game import Game

_PATHS = 50  # they cost about as many samples as the shares do

_MAP = {
    Outcome.bridged: Verdict.warning,
    Outcome.not_detected: Verdict.sound,
    Outcome.not_decidable: Verdict.undecided,
}


def measure(game: Game, plan: Plan) -> BridgeMass:
    """Draw both samples and measure; labels of the data are used as its components if known.

    Raises:
        NotApplicable: an analytic game, which has no samples, or fewer than 40 real ones.
    """
    if game.analytic:
        raise NotApplicable("needs samples; this game is a pair of functions of its parameters")
    limit = game.data.size
    if limit is not None and limit < 40:
        raise NotApplicable(f"needs at least 40 real samples for a held-out null, got {limit}")
    n = plan.samples if limit is None else min(plan.samples, limit)
    real = game.draw_real(n, seed=plan.seed)
    labels = game.draw_labels(n, seed=plan.seed)
    gaps = data_gaps(
        real,
        labels=None if labels is None else labels.numpy(),
        features=as_features(plan.features, game),
        seed=plan.seed,
    )
    found = bridge_mass_in(gaps, game.draw_samples(plan.samples, seed=plan.seed), seed=plan.seed)
    with contextlib.suppress(NotApplicable):  # too few samples for a picture
        found = replace(found, curve=joining_curve(gaps, found.generated, seed=plan.seed))
    try:
        paths = latent_paths(game, gaps, paths=_PATHS, seed=plan.seed)
        inside = {**paths.quantities, **_by_lines(game, gaps, plan)}
    except NotApplicable as reason:
        return replace(found, provenance={**found.provenance, "no_latent_paths": str(reason)})
    return replace(found, quantities={**found.quantities, **inside}, paths=paths)


def _by_lines(game: Game, gaps: DataGaps, plan: Plan) -> dict[str, Quantity]:
    """The mass of gaps too rare for samples, by lines through the latent space."""
    out: dict[str, Quantity] = {}
    lines = gap_mass(
        label_of(game, gaps),
        game.latent,
        draws=plan.samples,
        lines=max(2, plan.samples // 20),
        seed=plan.seed,
    )
    if lines.method == "lines":
        out["bridge_mass_by_lines"] = lines.quantities["gap_mass"]
    return out


def judge(
    found: BridgeMass,
    *,
    alpha: float = ALPHA,
    beside: Sequence[float] = (),
    effect: float = 0.05,
) -> Finding:
    """Map the outcome; failing only where the bridge mass surely exceeds the effect size.

    Args:
        found: the measurement.
        alpha: chance of any false alarm.
        beside: p-values of the other diagnostics of the same report.
        effect: one sample in twenty between the modes is a fault whatever the use.
    """
    verdict = _MAP[found.verdict]
    tests = holm({} if found.p_value is None else {"bridge": found.p_value}, beside=beside)
    mass = found.quantities.get("bridge_mass")
    off = found.quantities["off_tube_mass"]
    because = f"{found.because[0].upper()}{found.because[1:]}."
    if verdict is Verdict.warning and tests["bridge"].corrected >= alpha:
        verdict = Verdict.undecided
        because += (
            f" Alone that would be an alarm; corrected for the {len(beside)} other tests of the "
            f"report it is p = {tests['bridge'].corrected:.2g}, which is none."
        )
    elif verdict is Verdict.warning and mass is not None and mass.interval[0] > effect:
        verdict = Verdict.failing
    suspected = verdict is Verdict.undecided and found.verdict is Outcome.bridged
    return Finding(
        code="GC005",
        verdict=verdict,
        title=_SUSPECTED if suspected else _TITLES[verdict],
        because=(
            f"{because} {off.value:.1%} of the samples lie off the tube that holds 99 % of "
            f"held-out real data.{_inside_in_words(found.quantities)}{_space_in_words(found)}"
        ),
        remedy=_SUSPECTED_REMEDY if suspected else _remedy(found, verdict),
        quantities=found.quantities,
        theorems=diagnostic.theorems,
        measurement=found,
        p_values=tests,
    )


def _remedy(found: BridgeMass, verdict: Verdict) -> str:
    """What to do; to a mixture it is no advice to become one."""
    table = None if found.paths is None else found.paths.expert_table
    if verdict not in (Verdict.warning, Verdict.failing) or table is None or len(table) < 2:
        return _REMEDIES[verdict]
    spanning = int(found.quantities["spanning_experts"].value)
    if spanning == 0:
        return "No expert was seen in two components: look for one that strays off its own."
    reach = "reaches" if spanning == 1 else "reach"
    return (
        f"Keep each expert to one component; {spanning} of {len(table)} {reach} two or more. Or "
        "reject samples in the gaps."
    )


def _inside_in_words(quantities: Mapping[str, Quantity]) -> str:
    """What paths and lines add to the reason; "" where the generator was not looked into."""
    words = ""
    crossing, lines = (quantities.get(k) for k in ("crossing_share", "bridge_mass_by_lines"))
    if crossing is not None:
        words += f" {crossing.value:.0%} of latent paths between components cross a gap."
    elif "spanning_experts" in quantities:
        words += " No expert of the generator was seen in two components."
    if lines is not None:
        low, high = lines.interval
        words += f" Lines through the latent space put the bridge mass at {low:.1e} to {high:.1e}."
    return words


def _space_in_words(found: BridgeMass) -> str:
    """In which features distances were taken; "" for the samples themselves."""
    name, note = (found.provenance.get(k, "") for k in ("features", "features_note"))
    if name in ("", "pixels"):
        return ""
    return f" Distances are between features {name!r}" + (f": {note}." if note else ".")


_TITLES = {
    Verdict.sound: "No mass found between the components",
    Verdict.warning: "Samples lie between the components of the data",
    Verdict.failing: "Many samples lie between the components of the data",
    Verdict.undecided: "No gap can be established, so no bridge can be judged",
}
_REMEDIES = {
    Verdict.sound: "",
    Verdict.warning: "Use a mixture of generators or a discrete latent, or reject samples there.",
    Verdict.failing: "Use a mixture of generators or a discrete latent; one continuous map bridges.",
    Verdict.undecided: "Measure in a feature space in which the components of the data are apart.",
}
_SUSPECTED = "Mass between the components is suspected, and may be chance"
_SUSPECTED_REMEDY = "Draw more samples (--samples), or ask this question alone (--only GC005)."


diagnostic = Diagnostic(
    code="GC005",
    name="Support",
    question="Does the generator put mass between the components of the data?",
    theorems=("connected-latent-connected-support",),
    measure=measure,
    judge=judge,
    caption=(
        "Where generated samples stand between components of the data, beside held-out real ones: "
        "the null against which the mass in the gaps is tested. Then the mass in the gap of each "
        "pair of components: the larger a square, the more; filled where samples link the pair. "
        "Where the generator is at hand, its first latent paths from one component to another: the "
        "number of the component, red in a gap, and the samples there; and how much of every path "
        "is gap. Last, into how many pieces the samples fall at each scale; outside the range of as "
        "many real ones they hang together differently."
    ),
    headline="bridge_mass",
    threshold="warns where significant against held-out real data, by Holm; fails above 5 %",
    labels={
        "bridge_mass": "generated mass in the gaps",
        "off_tube_mass": "generated mass off the data",
        "coverage": "components not surely missed",
        "joined_pairs": "pairs of components that samples link",
        "crossing_share": "latent paths that cross a gap",
        "gap_width": "part of such a path in its first gap, median",
        "spanning_experts": "experts seen in two components",
        "bridge_mass_by_lines": "generated mass in the gaps, by lines",
        "real_in_gap": "held-out real data in the gaps",
    },
    tests={"bridge": "more samples in a gap than held-out real data"},
    definition=Definition(
        mathml=(
            "<mrow><mi>B</mi><mo>=</mo><msub><mi>P</mi><mi>G</mi></msub><mo>(</mo><mfrac><mi>a</mi>"
            "<mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow></mfrac><mo>&gt;</mo><mi>t</mi><mo>,</mo><mspace width='0.4em'/><mi>a</mi><mo>&gt;</mo><mi>r</mi>"
            "<mo>)</mo></mrow>"
        ),
        estimator=(
            "a and b are distances to the nearest and second-nearest component, r the 99 % quantile "
            "of held-out real distances; t is 1/4, or the 99 % quantile of held-out real data where "
            "that is more, and beyond 0.4 nothing is decided. Components by density-filtered single "
            "linkage on half of the real sample, or by labels; the other half is the tube and the "
            "null."
        ),
        cost=(
            "an exact spanning tree of half the real sample and one pass of distances; for paths "
            "and lines two to eight times as many samples again"
        ),
        limits=(
            "A connected support is a theorem for a continuous generator, not a finding; a bridge "
            "thinner than the upper limit is not seen. In raw pixels natural classes have no gap: "
            "choose features (--features)."
        ),
        source="Tanielian et al. (2020); Clopper and Pearson (1934); Fisher's exact test",
    ),
)
