"""The analyser against closed forms, a numeric maximiser and the flow of three masses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import minimize_scalar

from gancheck.theory.expressions import d, parse, u
from gancheck.theory.loss_analysis import Interval, Loss, LossRefused, LossReport, analyse

CE = ("log(d)", "log(1-d)")
HALF_LINE = Interval(-sp.oo, sp.Integer(1))


def report(
    real: str, fake: str, generator: str | None = None, domain: Interval | None = None
) -> LossReport:
    g = None if generator is None else parse(generator)
    where = domain or Interval(-sp.oo, sp.oo)
    return analyse(Loss(real=parse(real), fake=parse(fake), generator=g, domain=where))


GOLDEN = [
    (*CE, None, None, "u/(u+1)", "1/(u*(u+1))", "1/(u*(u+1))", True, "2 JSD"),
    (*CE, "-log(d)", None, "u/(u+1)", "1/(u*(u+1))", "1/(u**2*(u+1))", True, "2 KL(m||p)"),
    ("-(d-1)^2/2", "-d^2/2", "(d-1)^2/2", None, "u/(u+1)", "1/(u+1)**3", "1/(u*(u+1)**3)", True, None),
    ("-(d-1)^2/2", "-(d+1)^2/2", "d^2/2", None, "(u-1)/(u+1)", "4/(u+1)**3", "-2*(u-1)/(u*(u+1)**3)", False, None),
    ("d", "-exp(d-1)", None, None, "1+log(u)", "1/u", "1/u", True, "KL(p||q)"),
    ("d", "1+log(-d)", None, None, "-1/u", "u**-2", "u**-2", True, "KL(q||p)"),
    ("d", "-d^2/4-d", None, None, "2*u-2", "2", "2", True, "Pearson chi2(p||q)"),
    ("d", "-d/(1-d)", None, HALF_LINE, "1-1/sqrt(u)", "u**(-3/S(2))/2", "u**(-3/S(2))/2", True, "squared Hellinger"),
    ("log(d)", "2*log(1-d)", None, None, "u/(u+2)", "2/(u*(u+2))", "2/(u*(u+2))", True, "3 JSD_{1/3}"),
    ("0.9*log(d)+0.1*log(1-d)", "log(1-d)", None, None, "9*u/(10*(u+1))", "9/(u*(u+1)*(u+10))", "9/(u*(u+1)*(u+10))", True, None),
    (*CE, "-log(d/(1-d))", None, "u/(u+1)", "1/(u*(u+1))", "u**-2", True, "KL(q||p)"),
]  # fmt: skip


@pytest.mark.parametrize(("real", "fake", "g", "domain", "star", "f2_d", "f2_g", "proper", "name"), GOLDEN)  # fmt: skip
def test_the_golden_table_holds(
    real: str, fake: str, g: str | None, domain: Interval | None, star: str, f2_d: str,
    f2_g: str, proper: bool, name: str | None,
) -> None:  # fmt: skip
    got = report(real, fake, g, domain)
    for value, want in ((got.d_star, star), (got.f2_discriminator, f2_d), (got.f2_generator, f2_g)):
        assert sp.simplify(value - sp.sympify(want, {"u": u})) == 0
    assert got.concave is True
    assert (got.proper_discriminator, got.proper_generator) == (True, proper)
    assert got.divergence_generator == name
    assert got.dirac_verdict == "neutral"


def test_hinge_is_total_variation() -> None:
    got = report("-max(0,1-d)", "-max(0,1+d)", "-d")
    assert (got.divergence_discriminator, got.divergence_generator) == ("2 TV", "2 TV")
    assert (got.proper_generator, got.zero_sum, got.concave) == (True, False, True)
    assert got.dirac_eigenvalues == [sp.I, -sp.I]


def test_a_linear_loss_is_an_integral_metric_and_a_bounded_one_total_variation() -> None:
    got = report("d", "-d")
    assert got.d_star is None
    assert any("constrain the class" in line for line in got.unknown)
    bounded = report("d", "-d", None, Interval(sp.Integer(-1), sp.Integer(1)))
    assert bounded.divergence_generator == "2 TV"


def test_a_minimum_is_not_reported_as_a_maximum() -> None:
    got = report("-log(d)", "-log(1-d)", "log(1-d)")
    assert (got.concave, got.proper_generator, got.dirac_verdict) == (False, None, "unstable")


@pytest.mark.parametrize(
    ("real", "fake", "domain"),
    [("d", "d", None), ("3", "1", None),
     ("-(d-1)^2", "-d^2", Interval(sp.Integer(0), sp.Rational(1, 4))),
     ("log(d)", "log(1-d)", Interval(sp.Integer(2), sp.Integer(3)))],
)  # fmt: skip
def test_a_loss_without_maximiser_is_refused(real: str, fake: str, domain: Interval) -> None:
    with pytest.raises(LossRefused):
        report(real, fake, None, domain)


@pytest.mark.parametrize("prior", [0, 1, -1])
def test_a_prior_outside_its_range_is_refused(prior: int) -> None:
    with pytest.raises(LossRefused, match="prior"):
        analyse(Loss(real=d, fake=-(d**2), prior=sp.Integer(prior)))


@pytest.mark.parametrize(
    ("real", "fake"),
    [("-exp(-d)", "-exp(d)"), ("-max(0,1-d)^2", "-max(0,1+d)^2"), ("-softplus(-2*d)", "-softplus(2*d)"),
     ("-(1-sigmoid(d))^2", "-sigmoid(d)^2"), ("d", "log(2-exp(d))"), ("d", "-d^2/3")],
)  # fmt: skip
def test_the_maximiser_and_value_are_what_a_numeric_search_finds(real: str, fake: str) -> None:
    got = report(real, fake)
    terms = [sp.lambdify(d, parse(t), ["numpy", {"Max": max}]) for t in (real, fake)]
    top = math.log(2) - 1e-9 if "2-exp" in fake else 30.0
    for at in (0.2, 1.0, 3.7):
        found = minimize_scalar(
            lambda x, at=at: -(at * terms[0](x) + terms[1](x)), bounds=(-30, top), method="bounded",
            options={"xatol": 1e-10},
        )  # fmt: skip
        # a maximum is flat: its place is known to the square root of rounding
        assert float(got.d_star.subs(u, at)) == pytest.approx(found.x, abs=1e-5)
        assert float(got.value.subs(u, at)) == pytest.approx(-found.fun, abs=1e-10)


def _flow(got: LossReport, g: str) -> np.ndarray:
    """Replicator flow of q against the best discriminator."""
    cost = sp.lambdify(u, parse(g).subs(d, got.d_star))
    p, q = np.array([0.6, 0.3, 0.1]), np.array([0.2, 0.3, 0.5])
    for _ in range(40_000):
        q = q * np.exp(-0.02 * cost(p / q))
        q = np.maximum(q / q.sum(), 1e-300)
    return q


def test_lsgan_with_codes_minus_one_one_zero_drops_the_largest_mode() -> None:
    bad, good = (report(*w) for w in (("-(d-1)^2/2", "-(d+1)^2/2", "d^2/2"), ("-(d-1)^2/2", "-d^2/2", "(d-1)^2/2")))  # fmt: skip
    assert np.allclose(_flow(bad, "d^2/2"), [0, 0.75, 0.25], atol=1e-6)
    assert np.allclose(_flow(good, "(d-1)^2/2"), [0.6, 0.3, 0.1], atol=1e-6)
