"""Densities, divergences and gaps against scipy; a small training; the page's words and rules."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, special, stats
from scipy.spatial import distance

from experiments.true_ratio import perform, planned
from experiments.true_ratio_laws import LAWS, RING_SPREAD, SHARES, SHIFT, WIDE_SPREAD, pair
from experiments.true_ratio_losses import OBJECTIVES
from experiments.true_ratio_measured import true_calibration
from experiments.true_ratio_page import page
from experiments.true_ratio_rules import at_most_by_chance, contrast
from gancheck.games.losses import resolve
from gancheck.rendering.experiment_page import Agreement

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def samples(name: str, n: int) -> tuple[Tensor, Tensor]:
    laws, rng = pair(name), torch.Generator().manual_seed(5)
    generator, latent = laws.generator()
    with torch.no_grad():
        return laws.data.sample(n, rng), generator.double()(latent.sample(n, rng))


@pytest.mark.parametrize("name", LAWS)
def test_log_densities_are_those_of_scipy(name: str) -> None:
    laws = pair(name)
    x = torch.cat(samples(name, 50))
    for law in (laws.real, laws.fake):
        parts = [
            math.log(w) + stats.multivariate_normal.logpdf(x, m, law.spread**2)
            for m, w in zip(law.modes.numpy(), law.weights.tolist(), strict=True)
        ]
        # exponents reach 1e4, of which float64 holds twelve digits
        assert law.log_density(x).numpy() == pytest.approx(
            special.logsumexp(parts, axis=0), abs=1e-8
        )


@pytest.mark.parametrize("name", LAWS)
def test_samples_of_both_kinds_have_these_densities(name: str) -> None:
    """(p + q) D* is p, so the means of D* under both laws add up to 1."""
    n = 40_000
    on_real, on_fake = (special.expit(pair(name).log_ratio(x).numpy()) for x in samples(name, n))
    error = math.sqrt((on_real.var() + on_fake.var()) / n)
    assert abs(on_real.mean() + on_fake.mean() - 1.0) < 4.0 * error
    # a log ratio that is off by a tenth would be seen
    off = special.expit(pair(name).log_ratio(samples(name, n)[0]).numpy() + 0.1)
    assert abs(off.mean() + special.expit(special.logit(on_fake) + 0.1).mean() - 1.0) > 4.0 * error


def ring_densities(x: float, y: float) -> tuple[float, float]:
    angle = np.arange(8) * math.pi / 4
    near = (x - 2 * np.cos(angle)) ** 2 + (y - 2 * np.sin(angle)) ** 2
    p = np.exp(-near / 2 / RING_SPREAD**2).mean() / (2 * math.pi * RING_SPREAD**2)
    q = math.exp(-(x * x + y * y) / 2 / WIDE_SPREAD**2) / (2 * math.pi * WIDE_SPREAD**2)
    return float(p), q


@pytest.mark.parametrize(
    ("loss", "integrand"),
    [
        ("minimax", lambda p, q: (p * math.log(2 * p / (p + q)) + q * math.log(2 * q / (p + q))) / 2),
        ("lsgan", lambda p, q: -p * q / (p + q) / 2),
        ("fgan-kl", lambda p, q: p * math.log(p / q)),
        ("fgan-pearson", lambda p, q: p * p / q - 2 * p + q),
    ],
)  # fmt: skip
def test_divergences_of_the_ring_are_those_of_a_double_integral(
    loss: str, integrand: Callable[[float, float], float]
) -> None:
    def at(y: float, x: float) -> float:
        return integrand(*ring_densities(x, y))

    # one quarter of the plane, by symmetry; beyond 7 lies less than 1e-8 of either law
    quarter = integrate.dblquad(at, 0, 7, 0, 7, epsabs=1e-6, epsrel=1e-6)[0]
    assert pair("ring").integral(OBJECTIVES[loss].divergence) == pytest.approx(
        4 * quarter, abs=2e-5
    )


def test_divergences_of_the_other_laws_are_closed_forms() -> None:
    shift = pair("shift")
    assert shift.integral(OBJECTIVES["fgan-kl"].divergence) == pytest.approx(SHIFT**2 / 2)
    chi_square = math.expm1(SHIFT**2)
    assert shift.integral(OBJECTIVES["fgan-pearson"].divergence) == pytest.approx(chi_square)
    shares = np.array(SHARES) / sum(SHARES)
    jsd = distance.jensenshannon(np.full(8, 1 / 8), shares) ** 2
    assert pair("weights").integral(OBJECTIVES["minimax"].divergence) == pytest.approx(jsd)
    with pytest.raises(
        ValueError, match="the laws must be one of shift, ring, weights, got 'moons'"
    ):
        pair("moons")


@pytest.mark.parametrize("loss", OBJECTIVES)
def test_a_value_is_minus_the_loss_of_the_zoo(loss: str) -> None:
    own, rng = OBJECTIVES[loss], np.random.default_rng(0)
    real, fake = rng.normal(size=(2, 50))
    value = own.on_real(real).mean() + own.on_fake(fake).mean()
    of_zoo = -float(
        resolve(loss).discriminator(
            lambda x: x[:, 0], torch.tensor(real)[:, None], torch.tensor(fake)[:, None]
        )
    )
    expected = math.log(2) + of_zoo / 2 if loss == "minimax" else of_zoo
    assert value == pytest.approx(expected)


@pytest.mark.parametrize("loss", OBJECTIVES)
@pytest.mark.parametrize("u", [0.05, 0.7, 1.0, 9.0])
def test_value_and_gap_are_the_best_value_at_a_point_and_its_score_states_the_ratio(
    loss: str, u: float
) -> None:
    own = OBJECTIVES[loss]

    def less(s: float) -> float:
        return -float(u * own.on_real(np.array([s]))[0] + own.on_fake(np.array([s]))[0])

    best = optimize.minimize_scalar(less, bounds=(-12.0, 20.0), method="bounded",
                                    options={"xatol": 1e-10})  # fmt: skip
    ratio = np.full(5, math.log(u))
    s = np.array([-3.0, -0.4, 0.0, 0.8, 4.0])
    whole = u * (own.on_real(s) + own.lacking_real(s, ratio)) + own.on_fake(s)
    whole = whole + own.lacking_fake(s, ratio)
    assert whole == pytest.approx(np.full(5, -best.fun), abs=1e-9)
    assert (own.lacking_real(s, ratio) >= 0.0).all()
    # the maximum is flat: 1e-8 in the value is 1e-4 in the score
    assert own.posterior(np.array([best.x]))[0] == pytest.approx(u / (1 + u), abs=1e-4)
    assert float(own.divergence(np.array([u]), np.array([1.0]))[0]) == pytest.approx(
        -best.fun, abs=1e-9
    )


def test_a_score_that_no_ratio_has_states_certainty_and_is_counted() -> None:
    squares, pearson = OBJECTIVES["lsgan"], OBJECTIVES["fgan-pearson"]
    s = np.array([-4.0, 0.5, 1.5])
    assert squares.posterior(s).tolist() == [0.0, 0.5, 1.0]
    assert squares.outside(s) == pytest.approx(2 / 3)
    assert pearson.posterior(s)[0] == 0.0
    assert pearson.outside(s) == pytest.approx(1 / 3)
    assert OBJECTIVES["minimax"].outside(np.array([900.0])) == 0.0
    assert OBJECTIVES["fgan-kl"].posterior(np.array([-900.0, 900.0])).tolist() == [0.0, 1.0]


def test_the_true_calibration_error_of_a_wrong_temperature_is_its_integral() -> None:
    """N(0, 1) against N(1, 1): the logit and the truth are functions of each other."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=100_000), 1.0 + rng.normal(size=100_000)])
    ratio = 0.5 - x

    def off(y: float) -> float:
        density = (stats.norm.pdf(y) + stats.norm.pdf(y, 1.0)) / 2.0
        return float(density * abs(special.expit(2 * (0.5 - y)) - special.expit(0.5 - y)))

    whole = integrate.quad(off, -9.0, 10.0, points=[0.5])[0]
    assert true_calibration(ratio, ratio) == 0.0
    # bins are cut at the median, where the sign turns, so none mixes both
    assert true_calibration(2 * ratio, ratio) == pytest.approx(whole, abs=2e-3)
    assert true_calibration(np.zeros(4), np.array([3.0, -3.0, 1.0, -1.0])) == pytest.approx(0.0)


def one(**wanted: Any) -> dict[str, Any]:
    plan = planned(1, None)
    return next(c for c in plan if all(c.get(k) == v for k, v in wanted.items()))


def test_a_small_sample_is_overstated_and_held_out_its_value_and_gap_add_up() -> None:
    m = perform({**one(part="own", size=128, width=64, steps=200), "samples": 4000})
    assert m["own"]["value"] > m["divergence"] > m["value"]
    assert abs(m["sum"] - m["divergence"]) < 4.0 * m["sum_error"]
    assert m["gap"] > 0.0
    assert m["asked_own"]["verdict"] != "sound"  # it may have been trained on them


def test_a_longer_training_is_nearer_and_another_loss_is_read_by_its_own_ratio() -> None:
    for wanted in ({"part": "fresh", "law": "shift"}, {"part": "other", "loss": "fgan-kl"}):
        c = {**one(**wanted), "samples": 4000}
        short, long = (perform({**c, "steps": steps}) for steps in (5, 150))
        assert long["posterior"] < 0.8 * short["posterior"]
        assert abs(long["sum"] - long["divergence"]) < 4.0 * long["sum_error"]


def test_gc011_is_asked_of_the_closed_form_and_of_one_four_times_as_sure() -> None:
    said = {
        factor: perform({**one(part="controls", law="ring", factor=factor), "times": 1})
        for factor in (1.0, 4.0)
    }
    assert said[1.0]["calibration"] == pytest.approx(0.0, abs=1e-12)
    assert said[1.0]["asked"][0]["verdict"] == "sound"
    assert said[4.0]["asked"][0]["verdict"] == "warning"
    assert said[4.0]["asked"][0]["slope"] == pytest.approx(0.25, abs=0.05)


def answer(verdict: str, slope: float = 1.0) -> dict[str, Any]:
    return {"verdict": verdict, "error": 0.02, "slope": slope, "slope_error": 0.02}


def as_predicted(c: dict[str, Any]) -> dict[str, Any]:
    """What a run measures where everything is as predicted; a little different in every seed."""
    rng = np.random.default_rng([c["seed"], c.get("steps", 0)])
    noise = 1.0 + 0.01 * rng.random()
    if c["part"] == "controls":
        factor = c["factor"]
        off = {0.0: 0.001, 1.0: 0.0, 2.0: 0.09, 4.0: 0.2}[factor]
        verdict = "warning" if factor == 4.0 else "sound"
        slope = 1.0 / factor if factor else 0.0
        return {"calibration": off, "asked": [answer(verdict, slope)] * c["times"]}
    far = 3.0 / math.sqrt(c["steps"]) * noise
    measured = {
        "divergence": 0.2, "value": 0.2 - 0.1 * far, "error": 0.001, "gap": 0.1 * far,
        "sum": 0.2005, "sum_error": 0.001, "posterior": far / 4.0, "outside": 0.0,
    }  # fmt: skip
    if c["loss"] == "minimax":
        measured |= {"logit": far, "logit_error": 0.001, "limit": 0.1, "calibration": 0.02,
                     "asked": [answer("sound")]}  # fmt: skip
    if "size" in c:
        excess = c["width"] * c["steps"] / c["size"] * noise
        measured |= {"own": {"value": measured["value"] + 0.01 * excess, "error": 0.01},
                     "asked_own": answer("undecided")}  # fmt: skip
    return measured


def rows_with(
    change: Callable[[dict[str, Any], dict[str, Any]], None] | None = None, seeds: int = 10
) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for c in planned(seeds, None):
        row = {"configuration": c, "measured": as_predicted(c), "versions": {"gancheck": "0"}}
        if change is not None:
            change(c, row["measured"])
        out.append(row)
    return out


def test_a_page_of_what_was_predicted_says_so() -> None:
    made = page(rows_with(), "x")
    assert [p.agreement for p in made.parts] == [Agreement.supported] * 5
    assert made.headline == (
        "Held out, none of 360 discriminators is above its divergence beyond the sampling error; "
        "on their own sample, 10 of 10 of the smallest are above it."
    )
    assert not any("not as predicted" in words for words in made.conclusion)


@pytest.mark.parametrize(
    ("part", "broken"),
    [
        # the last training is no nearer than the one before
        (0, lambda c, m: m.update(logit=1.0) if c["part"] == "fresh" and c["steps"] == 3000 else None),
        # one value of 360 lies five errors above its divergence
        (1, lambda c, m: m.update(value=0.205) if c["seed"] == 3 and c["law"] == "weights"
            and c.get("steps") == 1000 else None),
        # value and gap of one run do not add up
        (1, lambda c, m: m.update(sum=0.21) if c["seed"] == 0 and c.get("loss") == "lsgan"
            and c["steps"] == 100 else None),
        # one of the smallest samples is not overstated
        (2, lambda c, m: m["own"].update(value=0.1) if c["seed"] == 1 and c["part"] == "own"
            and c["size"] == 128 and c["width"] == 64 and c["steps"] == 2000 else None),
        # width does not matter
        (2, lambda c, m: m["own"].update(value=m["value"] + c["steps"] / c["size"])
            if c["part"] == "own" else None),
        # another loss does not learn
        (3, lambda c, m: m.update(posterior=0.3) if c.get("loss") == "fgan-pearson" else None),
        # GC011 warns of the closed form in one law
        (4, lambda c, m: m.update(asked=[answer("warning")] * c["times"])
            if c["part"] == "controls" and c["factor"] == 1.0 and c["law"] == "ring" else None),
        # and does not see that a logit is doubled
        (4, lambda c, m: m.update(asked=[answer("sound", 1.0)] * c["times"])
            if c["part"] == "controls" and c["factor"] == 2.0 else None),
        # a constant logit is not called sound
        (4, lambda c, m: m.update(asked=[answer("undecided")] * c["times"])
            if c["part"] == "controls" and c["factor"] == 0.0 else None),
    ],
)  # fmt: skip
def test_what_would_refute_a_part_takes_its_agreement_away(
    part: int, broken: Callable[[dict[str, Any], dict[str, Any]], None]
) -> None:
    made = page(rows_with(broken), "x")
    assert made.parts[part].agreement is not Agreement.supported
    assert all(p.agreement is Agreement.supported for k, p in enumerate(made.parts) if k != part)


def test_a_sum_without_digits_is_left_out_and_said() -> None:
    def far_below(c: dict[str, Any], m: dict[str, Any]) -> None:
        if c.get("loss") == "fgan-kl" and c["seed"] == 2 and "size" in c:
            m.update(value=-1e15, gap=1e15, sum=0.75, sum_error=0.01, error=1e14)

    part = page(rows_with(far_below), "x").parts[1]
    assert part.agreement is Agreement.supported
    assert "in 1 the value is so low that float64 keeps no digit" in part.lead
    assert "359 of 359 lack" in part.title


def test_too_few_seeds_decide_nothing_about_changes() -> None:
    parts = page(rows_with(seeds=3), "x").parts
    assert [parts[k].agreement for k in (0, 2, 3)] == [
        Agreement.open,
        Agreement.partly,  # a count needs no interval
        Agreement.partly,
    ]


def test_a_contrast_of_other_seeds_is_refused_and_chance_allows_what_a_binomial_does() -> None:
    rows = rows_with(seeds=2)
    first = [r for r in rows if r["configuration"] == one(part="fresh")]
    second = [r for r in rows if r["configuration"] == {**one(part="fresh"), "seed": 1}]
    with pytest.raises(ValueError, match=r"same seeds, got \[0\] and \[1\]"):
        contrast("x", first, second, lambda r: r["measured"]["gap"], rises=True, together=1)
    assert at_most_by_chance(0) == 0
    for n in (100, 1200):
        q = at_most_by_chance(n)
        assert stats.binom.cdf(q, n, 0.01) >= 0.999 > stats.binom.cdf(q - 1, n, 0.01)
