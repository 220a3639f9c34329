"""`gancheck derive` as installed: expressions that look like options, JSON, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_json_has_exactly_its_keys() -> None:
    done = run("log(d)", "log(1-d)", "--generator", "non-saturating", "--json")
    result = json.loads(done.stdout)
    assert list(result) == KEYS
    assert result["divergence_generator"] == "2 KL(m||p)"
