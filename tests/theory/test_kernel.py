"""The kernel tier: a true file counts, a false or an assuming one does not, no coqc is no fault."""

from pathlib import Path

import pytest

from gancheck.theory import kernel

FILE = Path(__file__).parents[2] / "proofs" / "kernel" / "optimal_discriminator.v"
needs_coqc = pytest.mark.skipif(kernel.find_coqc() is None, reason="coqc is not installed")


def written(folder, text):
    file = folder / "made.v"
    file.write_text(text)
    return kernel.check_kernel(file, limit_s=60)


def test_without_coqc_nothing_is_checked_and_nothing_fails(monkeypatch):
    monkeypatch.setattr(kernel, "find_coqc", lambda: None)
    result = kernel.check_kernel(FILE)
    assert (result.status, result.ok) == ("unknown", True)
    assert result.evidence == "not checked: coqc is not installed"


@needs_coqc
def test_the_cornerstone_passes_the_kernel():
    result = kernel.check_kernel(FILE)
    assert result.status == "proved", result.evidence
    assert set(result.assumptions) <= kernel.STANDARD_AXIOMS
    assert {"opt_d", "opt_value", "value_is_jsd", "value_min"} <= set(result.theorems)
    assert result.version[0].isdigit()


@needs_coqc
def test_a_false_neighbour_is_rejected(tmp_path):
    text = FILE.read_text()
    true = "value optimal s = 2 * jsd s - 2 * ln 2"
    assert true in text
    result = written(tmp_path, text.replace(true, "value optimal s = 3 * jsd s - 2 * ln 2"))
    assert (result.status, result.ok) == ("refuted", False)
    assert "coqc rejects it" in result.evidence


@needs_coqc
@pytest.mark.parametrize(
    "text",
    [
        "Axiom cheat : False.\nTheorem t : 1 = 2. Proof. destruct cheat. Qed.",
        "Theorem t : 1 = 2. Admitted.",
        "Lemma t : 1 = 1. Proof. reflexivity. Qed.",
        "Require Import ProofIrrelevance.\n"
        "Theorem t : forall (P : Prop) (a b : P), a = b. Proof. exact proof_irrelevance. Qed.",
    ],
)
def test_what_is_assumed_or_left_open_does_not_count(tmp_path, text):
    result = written(tmp_path, text)
    assert (result.status, result.ok) == ("unknown", False)
    assert "not counted" in result.evidence


@needs_coqc
def test_a_comment_assumes_nothing_and_a_closed_theorem_needs_no_axiom(tmp_path):
    result = written(tmp_path, "(* Axiom (* nested *) *) Theorem t : 1 = 1. Proof. easy. Qed.")
    assert (result.status, list(result.assumptions)) == ("proved", [])


@needs_coqc
def test_a_file_that_takes_too_long_is_undecided(tmp_path):
    (tmp_path / "slow.v").write_text("Theorem t : True. Proof. do 1000000000 idtac. exact I. Qed.")
    result = kernel.check_kernel(tmp_path / "slow.v", limit_s=2)
    assert result.status == "unknown"
    assert "longer than" in result.evidence
