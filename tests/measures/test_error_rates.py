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
from gancheck.measures.density_ratio import density_ratio
from gancheck.measures.distances import distances
from gancheck.measures.gradients import gradient_ratio
from gancheck.measures.lipschitz import lipschitz
from gancheck.measures.local_dimension import local_dimension
from gancheck.measures.memorisation import memorisation
from gancheck.measures.proportions import share
from tests.diagnostics.measured import with_values
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
    for name in TESTS:
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
    assert set(made) == set(TESTS) - ({"bridge"} if law == "digits" else set())
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
    check(law, n, WHOLE)


NAUGHT = Quantity(value=0.0, sampling_error=0.0)
LINED: dict[str, tuple[str, dict[str, Any], dict[str, Quantity]]] = {
    "GC004": ("saturated_share", {"loss": "minimax"}, {}),
    "GC009": ("flat_share", {}, {"slope_mismatch": NAUGHT}),
    "GC010": ("deficient_share", {}, {}),
}


@pytest.mark.parametrize("code", LINED)
@pytest.mark.parametrize("n", [32, 300, 2000])
def test_a_share_that_lies_on_its_line_alarms_in_one_of_forty_at_most(code: str, n: int) -> None:
    """Exactly, over all counts: these verdicts compare a 95 % interval with 25 %, 2.5 % a side."""
    name, fields, beside = LINED[code]
    chance = stats.binom.pmf(np.arange(n + 1), n, 0.25)
    judge = content.diagnostics()[code].judge
    alarm = sum(
        float(chance[hits])
        for hits in np.flatnonzero(chance > 1e-12).tolist()
        if judge(with_values(code, fields, **{name: share(hits, n)}, **beside)).verdict in ALARMS
    )
    print(f"\n| {code} | `{name}` of {n} is 25 % | {alarm:.1%} |")
    assert 0.005 < alarm <= 0.025


def off_its_optimum(law: str, n: int, draws: int) -> int:
    """Alarms of GC009 on a critic exactly 0.1 too steep: equal laws, a linear score of slope 1.1."""
    judge, alarms = content.diagnostics()["GC009"].judge, 0
    for seed in range(draws):
        d = drawn(law, n, seed)
        game = game_of(d.real, d.generated, 1.1, loss="wgan-gp")
        alarms += judge(lipschitz(game, Plan(samples=n, seed=seed))).verdict in ALARMS
    return alarms


@pytest.mark.parametrize(
    ("law", "n", "draws"),
    [
        ("moons", 300, 40),
        *(pytest.param(*case, WHOLE, marks=pytest.mark.slow) for case in CASES),
    ],
)
def test_a_critic_on_the_line_of_its_penalty_alarms_in_one_of_forty(
    law: str, n: int, draws: int
) -> None:
    alarms = off_its_optimum(law, n, draws)
    print(f"\n| GC009 | `slope_mismatch` is 0.1, {law}, n = {n} | {alarms} of {draws} |")
    assert alarms <= most(draws, 0.025)
