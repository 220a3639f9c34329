"""GC007 Distances: how far is the generated law from the data, beyond what two samples differ by?

How it is measured
    Exact W1 with a dual certificate, sliced W1, debiased Sinkhorn, unbiased squared MMD with a
    Gaussian kernel (bandwidth: median distance between real samples) and the Frechet distance of
    means and covariances, in the space of the samples or of `--features`. Each stands beside its null at
    the same numbers: held-out real data against the same real data. Two tests by relabelling (MMD,
    sliced W1), corrected by Holm, say whether there is a difference; how large it is says the
    excess of sliced W1 over its null, in units of the distance from the data to their best single
    point.
Verdicts
    warning: a test is significant at 1 % and the excess is above 0.05.
    failing: significant, and the excess is surely (lower end of its 95 % interval) above 0.5,
    half-way to a generator that makes one point.
    sound: the excess is surely below 0.05 (upper end), or a significant difference is below it.
    undecided: no test is significant and the interval of the excess reaches above 0.05; it says
    about how many samples would settle it.
    Not applicable to analytic games, and with fewer than 160 real samples.
What to do
    See which modes or classes lack mass (GC006) before training on. In raw pixels a distance
    weighs every pixel alike; ask again in a feature space (--features).
Theorems: weak-wasserstein-duality, parallel-lines. Sources: Gretton et al. (2012); Feydy et al.
(2019); Heusel et al. (2017); Holm (1979).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gancheck.diagnosis import Definition, Diagnostic, Finding, NotApplicable, Plan, Verdict
from gancheck.measures.distances import FEWEST_GENERATED, FEWEST_REAL, Distances, distances
from gancheck.measures.features import as_features
from gancheck.measures.holm import ALPHA, holm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gancheck.diagnosis import Quantity
    from gancheck.games.game import Game


def measure(game: Game, plan: Plan) -> Distances:
    """Draw both samples and measure them in the plan's features.

    Raises:
        NotApplicable: an analytic game, too few real samples, or samples without a spread.
    """
    if game.analytic:
        raise NotApplicable("needs samples; this game is a pair of functions of its parameters")
    limit = game.data.size
    if limit is not None and limit < FEWEST_REAL:
        raise NotApplicable(
            f"needs at least {FEWEST_REAL} real samples for eight blocks with a null, got {limit}; "
            "give more data"
        )
    n = plan.samples if limit is None else min(plan.samples, limit)
    real = game.draw_real(max(n, FEWEST_REAL), seed=plan.seed)
    if not bool((real != real[:1]).any()):
        raise NotApplicable("all real samples are equal, so there is no unit to measure in")
    return distances(
        real,
        game.draw_samples(max(plan.samples, FEWEST_GENERATED), seed=plan.seed),
        features=as_features(plan.features, game),
        seed=plan.seed,
    )


def judge(
    found: Distances,
    *,
    alpha: float = ALPHA,
    beside: Sequence[float] = (),
    effect: float = 0.05,
    severe: float = 0.5,
) -> Finding:
    """Compare the excess with its lines where a test says that there is one.

    Args:
        found: the measurement.
        alpha: chance of any false alarm.
        beside: p-values of the other diagnostics of the same report.
        effect: a twentieth of the distance from the data to a single point; a normal law at 0.95
            of its width is that far.
        severe: half of that distance.
    """
    tests = holm(found.p_values, beside=beside)
    excess = found.quantities["relative_excess"]
    low, high = excess.interval
    significant = min(p.corrected for p in tests.values()) < alpha
    if significant and low > severe:
        verdict = Verdict.failing
    elif significant and excess.value > effect:
        verdict = Verdict.warning
    elif significant or high < effect:
        verdict = Verdict.sound
    else:
        verdict = Verdict.undecided
    shown = ", ".join(f"{name} p = {p.corrected:.2g}" for name, p in tests.items())
    needed = ""
    if verdict is Verdict.undecided:
        # the half width falls like one over the root; half the line is a margin to be below it
        factor = ((high - low) / effect) ** 2
        needed = (
            f" The samples do not tell whether that is above {effect:g}; about "
            f"{math.ceil(factor)} times as many would."
        )
    absent = "".join(f" Not measured: {name} ({why})." for name, why in found.not_measured.items())
    return Finding(
        code="GC007",
        verdict=verdict,
        title=_TITLES[verdict],
        because=(
            f"In {_SPACE.get(found.feature, found.feature)} sliced W1 exceeds that of real against real by "
            f"{excess.value:.3g} (95 % interval {low:.3g} to {high:.3g}) of the distance from the "
            f"data to a single point; after Holm's correction: {shown}. W1 is "
            f"{_pair(found, 'w1')}.{needed}{absent}"
        ),
        remedy=_REMEDIES[verdict],
        quantities=found.quantities,
        theorems=diagnostic.theorems,
        measurement=found,
        p_values=tests,
    )


def _pair(found: Distances, name: str) -> str:
    def text(q: Quantity) -> str:
        return f"{q.value:.3g} ± {q.sampling_error or 0.0:.1g}"

    q = found.quantities
    return f"{text(q[name])} against {text(q[f'{name}_real'])} for real samples of the same number"


_SPACE = {"pixels": "the space of the samples", "pca": "principal components"}
_TITLES = {
    Verdict.sound: "As close to the data as samples of the data are, or nearly",
    Verdict.warning: "The generated law differs from the data",
    Verdict.failing: "The generated law is far from the data",
    Verdict.undecided: "The samples are too few to tell a difference",
}
_REMEDIES = {
    Verdict.sound: "",
    Verdict.warning: "See in GC006 which modes lack mass, and measure again in a feature space.",
    Verdict.failing: "Look at the samples: they are not of these data. Then at GC006.",
    Verdict.undecided: "Draw more samples (--samples), or give more real ones.",
}


def _label(name: str) -> dict[str, str]:
    return {
        "": name,
        "_real": f"{name}, real against real",
        "_excess": f"{name}, generated less real",
    }


_NAMED = {
    "w1": "W1",
    "sliced_w1": "sliced W1",
    "sinkhorn": "Sinkhorn divergence",
    "mmd": "squared MMD",
    "frechet": "Fréchet distance",
}


diagnostic = Diagnostic(
    code="GC007",
    name="Distances",
    question="How far is the generated law from the data, beyond what two samples differ by?",
    theorems=("weak-wasserstein-duality", "parallel-lines"),
    measure=measure,
    judge=judge,
    caption=(
        "Each distance, generated against real and held-out real against the same real, in units "
        "of the larger of the two, with intervals; then what is left when the second is taken off: "
        "hollow where the interval holds 0, as it does for real data. Intervals are cut at the frame."
    ),
    headline="relative_excess",
    threshold="warns where significant and above 0.05; fails where surely above 0.5",
    labels={
        **{
            f"{name}{suffix}": words
            for name, title in _NAMED.items()
            for suffix, words in _label(title).items()
        },
        "relative_excess": "excess over real against real, 1 for a single point",
        "w1_violation": "largest violation of the dual constraints",
    },
    tests={"mmd": "the laws differ, by MMD", "sliced_w1": "the laws differ, by sliced W1"},
    definition=Definition(
        mathml=(
            "<mrow><mfrac><mrow><msub><mi>W</mi><mn>1</mn></msub><mo>(</mo><mi>G</mi><mo>,</mo>"
            "<mi>X</mi><mo>)</mo><mo>−</mo><msub><mi>W</mi><mn>1</mn></msub><mo>(</mo>"
            "<mi>H</mi><mo>,</mo><mi>X</mi><mo>)</mo></mrow><mrow><msub><mi>W</mi><mn>1</mn>"
            "</msub><mo>(</mo><mi>X</mi><mo>,</mo><mtext>point</mtext><mo>)</mo></mrow></mfrac>"
            "</mrow>"
        ),
        estimator=(
            "Sliced W1 on 64 random directions, over eight disjoint blocks of generated samples G, "
            "real ones X and held-out real ones H; the denominator is the mean distance of "
            "projected real samples to their median."
        ),
        cost="sixteen assignments of at most 300 points, two products with 2,000 relabellings",
        limits=(
            "Distances in pixels are not what the eye sees. W1 of samples converges slowly in high "
            "dimension; only its excess over the null means something. The Fréchet distance sees "
            "two moments."
        ),
        source="Gretton et al. (2012); Feydy et al. (2019); Rabin et al. (2011)",
    ),
)
