"""How often does a report cry wolf where the generator is the data's own law?

`pytest --calibrate -s tests/measures/test_error_rates.py` makes the full counts and prints the
tables of docs/error_rates.md; without `--calibrate` a few draws of each case are made.

A draw is 2 n real and n generated samples of one law, and a whole report on them: every diagnostic
that judges samples, each by itself at its own level, and all together as `gancheck diagnose` does,
corrected by Holm. The discriminator is nearly blind, which for equal laws is the optimal one. Digits
are conditional on the 1,797 images: each draw cuts them anew into three disjoint parts, one that
Fisher's discriminants are fitted to, one real, one "generated".
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from gancheck import audit, content
from gancheck.diagnosis import Plan, Quantity, Verdict
from gancheck.games import data, latents
from gancheck.games.game import Game
from gancheck.measures.connectivity import bridge_mass
from gancheck.measures.coverage import coverage
from gancheck.measures.density_ratio import calibration, density_ratio
from gancheck.measures.distances import distances
from gancheck.measures.gradients import gradient_ratio
from gancheck.measures.lipschitz import lipschitz
from gancheck.measures.local_dimension import levina_bickel, local_dimension
from gancheck.measures.memorisation import memorisation
from gancheck.measures.proportions import share
from tests.diagnostics.measured import of_samples, with_values
from tests.measures.test_support_calibration import discriminant

if TYPE_CHECKING:
    from gancheck.diagnosis import Finding

CODES = tuple(f"GC{k:03d}" for k in range(4, 12))
CASES = [
    (law, n)
    for law in ("ring8", "moons", "grid25", "digits")
    for n in (300, 2000)
    if (law, n) != ("digits", 2000)  # 1,797 images
]
TESTS = (
    "bridge", "missing", "under_represented", "imbalance", "shrinkage", "coverage",
    "near_duplicates", "mmd", "sliced_w1", "rank", "exchange",
)  # fmt: skip
# Of a quantity against its line, which one law for both is far from.
LINES = ("saturated", "silent", "flat", "thin", "deficient", "miscalibrated")
WHOLE = 200
ALARMS = (Verdict.warning, Verdict.failing)


@dataclass(frozen=True)
class Draw:
    """Real and generated samples of one law, and what is known of its modes."""

    real: np.ndarray
    generated: np.ndarray
    labels: np.ndarray | None
    centres: np.ndarray | None


def drawn(law: str, n: int, seed: int) -> Draw:
    if law == "digits":
        digits = data.digits()
        x, y = digits.values.numpy(), digits.labels.numpy()
        fit, real, fake = np.array_split(np.random.default_rng(seed).permutation(len(x)), 3)
        features = discriminant(x[fit], y[fit])
        return Draw(features(x[real]), features(x[fake[:n]]), y[real], None)
    known = data.load(law)
    real, fake = (
        known.sample(m, torch.Generator().manual_seed(2 * seed + k)).numpy()
        for k, m in enumerate((2 * n, n))
    )
    return Draw(real, fake, None, None if known.modes is None else known.modes.numpy())


def game_of(x: np.ndarray, g: np.ndarray, slope: float = 1e-3, *, loss: str = "minimax") -> Game:
    """A game whose generator hands on the latents, which are the generated samples.

    The first n latents of a draw are those samples, each once; minibatches reuse them.
    """
    width = x.shape[1]
    critic, hand_on = nn.Linear(width, 1).double(), nn.Linear(width, width).double()
    with torch.no_grad():
        critic.weight.zero_()
        critic.weight[0, 0] = slope
        critic.bias.zero_()
        hand_on.weight.copy_(torch.eye(width))
        hand_on.bias.zero_()
    samples = torch.from_numpy(g)

    def deal(count: int, rng: torch.Generator) -> torch.Tensor:
        if count <= len(samples):
            return samples[torch.randperm(len(samples), generator=rng)[:count]]
        return samples[torch.randint(len(samples), (count,), generator=rng)]

    latent = latents.Latent(width, "samples of the law", deal, connected_support=False)
    return Game(hand_on, critic, loss=loss, latent=latent, data=torch.from_numpy(x))


def findings(d: Draw, n: int, seed: int) -> list[Finding]:
    """Each diagnostic's judgement by itself, GC004 to GC011."""
    game, plan = game_of(d.real, d.generated), Plan(samples=n, gradient_batch=16, seed=seed)
    measured: dict[str, Any] = {
        "GC004": gradient_ratio(game, plan),
        "GC005": bridge_mass(d.real, d.generated, labels=d.labels, seed=seed),
        "GC006": coverage(d.real, d.generated, labels=d.labels, centres=d.centres, seed=seed),
        "GC007": distances(d.real, d.generated, seed=seed),
        "GC008": memorisation(d.real[:n], d.generated, d.real[n:], seed=seed),
        "GC009": lipschitz(game, plan),
        "GC010": local_dimension(game, plan),
        "GC011": density_ratio(game, plan, fresh=True),
    }
    shelf = content.diagnostics()
    return [shelf[code].judge(measured[code]) for code in CODES]


def nothing() -> dict[str, Counter[str]]:
    """Counts by code, by test, of reports, and of other limits that err at a known rate."""
    return {kind: Counter() for kind in ("alarm", "undecided", "test", "made", "report", "other")}


def tally(out: dict[str, Counter[str]], law: str, n: int, seed: int) -> None:
    """Add one draw: each verdict by itself, each test at its own 1 %, and the report as a whole."""
    alone = findings(drawn(law, n, seed), n, seed)
    for finding in alone:
        out["alarm"][finding.code] += finding.verdict in ALARMS
        out["undecided"][finding.code] += finding.verdict is Verdict.undecided
        for name, p in finding.p_values.items():
            out["test"][name] += p.raw < 0.01
            out["made"][name] += 1
    together = audit._for_the_whole_report(alone)
    out["report"]["any"] += any(f.verdict in ALARMS for f in together)
    by_code = {f.code: f for f in alone}
    bound = by_code["GC011"].quantities["jsd_bound"].interval[0]
    rows: Any = by_code["GC005"].measurement.rows
    low, high = by_code["GC007"].quantities["sliced_w1_excess"].interval
    out["other"]["divergence"] += bound > 0.0  # one law: the divergence is 0
    out["other"]["missed"] += any(row["surely_missed"] for row in rows)
    out["other"]["excess"] += not low <= 0.0 <= high  # 95 %, and the truth is 0


@cache
def counted(law: str, n: int, draws: int) -> dict[str, Counter[str]]:
    out = nothing()
    for seed in range(draws):
        tally(out, law, n, seed)
    return out


def most(draws: int, alpha: float) -> int:
    """Alarms that 999 of 1000 repetitions of a test of this level do not exceed."""
    return int(stats.binom.ppf(0.999, draws, alpha))


def check(law: str, n: int, draws: int) -> None:
    got = counted(law, n, draws)
    allowed = most(draws, 0.01)
    for code in CODES:
        assert got["alarm"][code] <= allowed, (code, got["alarm"])
    for name in (*TESTS, *LINES):
        assert got["test"][name] <= allowed, (name, got["test"])
    assert got["report"]["any"] <= allowed, got["alarm"]
    assert got["other"]["divergence"] <= allowed
    assert got["other"]["missed"] <= allowed
    assert got["other"]["excess"] <= most(draws, 0.05)


@pytest.mark.parametrize(("law", "n", "draws"), [("ring8", 300, 4), ("digits", 300, 2)])
def test_a_report_on_the_data_s_own_law_rarely_alarms(law: str, n: int, draws: int) -> None:
    check(law, n, draws)
    # A test that is never made has no false alarms either.
    made = counted(law, n, draws)["made"]
    assert set(made) == {*TESTS, *LINES} - ({"bridge"} if law == "digits" else set())
    assert min(made.values()) == draws


@pytest.mark.slow
@pytest.mark.parametrize(("law", "n"), CASES)
def test_false_alarms_of_every_verdict_stay_within_the_binomial_quantile(law: str, n: int) -> None:
    got = counted(law, n, WHOLE)
    counts = [f"{got['alarm'][c]} ({got['undecided'][c]})" for c in CODES]
    print(f"\n| {law} | {n} | {' | '.join(counts)} | {got['report']['any']} |")
    tests = [f"{got['test'][t]}" if got["made"][t] else "-" for t in TESTS]
    other = [str(got["other"][k]) for k in ("missed", "divergence", "excess")]
    print(f"| {law} | {n} | {' | '.join(tests)} | {' | '.join(other)} |")
    print(f"| {law} | {n} | {' | '.join(str(got['test'][t]) for t in LINES)} |")
    check(law, n, WHOLE)


NAUGHT = Quantity(value=0.0, sampling_error=0.0)
LINED: dict[str, tuple[str, dict[str, Any], dict[str, Quantity]]] = {
    "GC004": ("saturated", {"loss": "minimax"}, {}),
    "GC009": ("flat", {}, {"slope_mismatch": NAUGHT}),
    "GC010": ("deficient", {}, {}),
}


@pytest.mark.parametrize("code", LINED)
@pytest.mark.parametrize("n", [32, 300, 2000])
def test_a_share_that_lies_on_its_line_alarms_in_one_of_a_hundred_at_most(
    code: str, n: int
) -> None:
    """Exactly, over all counts: the test at its own 1 %, and the verdict, two tests each by Holm."""
    name, fields, beside = LINED[code]
    chance = stats.binom.pmf(np.arange(n + 1), n, 0.25)
    judge = content.diagnostics()[code].judge
    tested = alarmed = 0.0
    for hits in np.flatnonzero(chance > 1e-12).tolist():
        found = with_values(code, fields, **{f"{name}_share": share(hits, n)}, **beside)
        finding = judge(of_samples(found, n))
        tested += float(chance[hits]) * (finding.p_values[name].raw < 0.01)
        alarmed += float(chance[hits]) * (finding.verdict in ALARMS)
    print(f"\n| {code} | `{name}_share` of {n} is 25 % | {tested:.2%} | {alarmed:.2%} |")
    assert 0.001 < alarmed <= tested <= 0.01
    assert alarmed <= 0.005


def off_its_optimum(law: str, n: int, draws: int) -> tuple[int, int]:
    """GC009 on a critic exactly 0.1 too steep: equal laws, a linear score of slope 1.1.

    Returns:
        How often the test is below its own 1 %, and how often the verdict alarms.
    """
    judge, tested, alarmed = content.diagnostics()["GC009"].judge, 0, 0
    for seed in range(draws):
        d = drawn(law, n, seed)
        game = game_of(d.real, d.generated, 1.1, loss="wgan-gp")
        finding = judge(lipschitz(game, Plan(samples=n, seed=seed)))
        tested += finding.p_values["mismatch"].raw < 0.01
        alarmed += finding.verdict in ALARMS
    return tested, alarmed


@pytest.mark.parametrize(
    ("law", "n", "draws"),
    [
        ("moons", 300, 40),
        *(pytest.param(*case, WHOLE, marks=pytest.mark.slow) for case in CASES),
    ],
)
def test_a_critic_on_the_line_of_its_penalty_alarms_in_one_of_a_hundred(
    law: str, n: int, draws: int
) -> None:
    tested, alarmed = off_its_optimum(law, n, draws)
    what = f"`slope_mismatch` is 0.1, {law}, n = {n}"
    print(f"\n| GC009 | {what} | {tested} of {draws} | {alarmed} of {draws} |")
    assert alarmed <= tested <= most(draws, 0.01)


@pytest.mark.parametrize(
    ("n", "draws"),
    [(50, 100), (300, 100), *(pytest.param(n, 1000, marks=pytest.mark.slow) for n in (50, 300))],
)
def test_dimensions_on_their_line_alarm_in_one_of_a_hundred(n: int, draws: int) -> None:
    """Normal samples in 2 and in 4 dimensions, the line at the ratio of their mean estimates."""
    rng, judge = np.random.default_rng(n), content.diagnostics()["GC010"].judge
    pairs = [
        [levina_bickel(rng.standard_normal((n, size))) for size in (2, 4)] for _ in range(draws)
    ]
    of_two, of_four = (np.mean([1.0 / pair[k].value for pair in pairs]) for k in (0, 1))
    tested = alarmed = 0
    for few, many in pairs:
        dimensions = {"dimension_generated": few, "dimension_real": many}
        found = with_values("GC010", **dimensions, deficient_share=share(0, 32))
        finding = judge(of_samples(found, 32), thin=float(of_four / of_two))
        tested += finding.p_values["thin"].raw < 0.01
        alarmed += finding.verdict in ALARMS
    what = f"dimensions of {n} samples on their line"
    print(f"\n| GC010 | {what} | {tested} of {draws} | {alarmed} of {draws} |")
    assert alarmed <= tested <= most(draws, 0.01)


@pytest.mark.parametrize(("n", "draws"), [(300, 300), (2000, 300)])
def test_a_logit_on_its_line_alarms_in_one_of_a_hundred(n: int, draws: int) -> None:
    """Real and generated points fall right with chance 0.8; the logit of the right says 0.7."""
    rng, judge = np.random.default_rng(n), content.diagnostics()["GC011"].judge
    stated, alarmed = np.log(0.7 / 0.3), 0
    for _ in range(draws):
        real, fake = (np.where(rng.random(n) < part, stated, -stated) for part in (0.8, 0.2))
        error, bins = calibration(real, fake)
        fields = dict(zip(("predicted", "observed", "low", "high", "counts"), bins.T, strict=True))
        finding = judge(with_values("GC011", fields, calibration_error=error))
        alarmed += finding.verdict in ALARMS
        assert (finding.p_values["miscalibrated"].raw < 0.01) == (finding.verdict in ALARMS)
    what = f"`calibration_error` of {n} of each kind is 0.1"
    print(f"\n| GC011 | {what} | {alarmed} of {draws} | {alarmed} of {draws} |")
    assert alarmed <= most(draws, 0.01)
