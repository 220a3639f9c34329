"""`gancheck derive` as installed: expressions that look like options, JSON, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import sympy as sp

KEYS = [
    "d_star", "concave", "value", "f2_discriminator", "f2_generator", "divergence_discriminator",
    "divergence_generator", "proper_discriminator", "proper_generator", "zero_sum", "saturation",
    "density_ratio", "dirac_jacobian", "dirac_eigenvalues", "dirac_verdict", "unknown",
]  # fmt: skip


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("gancheck")
    return subprocess.run([command, "derive", *words], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("-cos(d)-o", "-d"), 2, "free symbol 'o'"),
        (("-log(d)", "--d"), 0, "is it the maximum    no"),
        (("-(d-1)**2", "-d^2"), 0, "u/(u + 1)"),
        (("d", "-d/(1-d)", "--domain", "-inf,1"), 0, "squared Hellinger"),
        (("d", "-d^2", "--domain", "1,0"), 2, "LOW below HIGH"),
        (("log(d)", "log(1-d)", "--prior", "1"), 2, "prior"),
        (("--d", "d"), 2, "no maximiser"),
        (("log(d)", "log(1-d)", "--prior", "1/4"), 0, "u/(u + 3)"),
        (("log(d)", "log(1-d)", "--prior=0.25"), 0, "JSD_{1/4}"),
        (("log(d)", "log(1-d)", "--prior", "d"), 2, "--prior must be a number"),
        (("log(d)", "-d", "--domain", "1,inf"), 2, "leaves the domain 1,oo at d = 1, for u < 1"),
        (("d", "log(2-exp(d))"), 0, "in the score s     d = log(2) - exp(-s)*log(2)"),
        (("-(1-d)^2*-log(d)", "d^2*log(1-d)"), 0, "proper: yes"),
    ],
)
def test_every_token_that_is_no_name_is_taken_whole(
    words: tuple[str, ...], code: int, says: str
) -> None:
    done = run(*words)
    assert done.returncode == code, done.stderr
    assert says in (done.stdout if code == 0 else done.stderr)
    if code:
        assert len(done.stderr.strip().splitlines()) == 1


def test_latex_and_text_say_the_same_of_a_loss_with_a_kink() -> None:
    done = run("-abs(d-1)", "-d^2", "--latex")
    assert done.returncode == 0, done.stderr
    assert (
        r"\begin{cases} \frac{u}{2} & \text{for}\: u < 2 \\1 & \text{otherwise} \end{cases}"
        in done.stdout
    )
    assert "that of Abs(d - 1), over this one: 1/(2*d)" in run("-abs(d-1)", "-d^2").stdout


def test_every_expression_of_the_json_is_read_back_by_sympy() -> None:
    done = run("-max(0,1-d)", "-max(0,1+d)", "--generator", "-d", "--json")
    result = json.loads(done.stdout)
    names = {"u": sp.Symbol("u", positive=True), "d": sp.Symbol("d", real=True)}
    star = sp.sympify(result["d_star"], names)
    assert [star.subs(names["u"], at) for at in (sp.Rational(1, 2), 2)] == [-1, 1]
    assert sp.integrate(sp.sympify(result["f2_generator"], names), (names["u"], 0, 5)) == 2
    assert result["saturation"] == {
        "limit": "-1",
        "order": "0",
        "ratio": "1",
        "other": "-Max(0, d + 1)",
    }


def test_json_has_exactly_its_keys() -> None:
    done = run("log(d)", "log(1-d)", "--generator", "non-saturating", "--json")
    result = json.loads(done.stdout)
    assert list(result) == KEYS
    assert result["divergence_generator"] == "2 KL(m||p)"
