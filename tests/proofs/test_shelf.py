"""Every theorem of the shelf: proved by its engines, surrounded by false neighbours that fall."""

import ast
import dataclasses
import inspect
import sys
from functools import cache
from pathlib import Path

import pytest
import sympy as sp

from gancheck import content
from gancheck.testing import confirm
from gancheck.theory import ENGINES, Experiment, check, exit_ok, theory_json
from gancheck.theory.engines import Decision

ROOT = Path(__file__).parents[2]
THEOREMS = content.theorems()
SIX = {
    "optimal-discriminator",
    "logit-is-log-density-ratio",
    "minimax-value-is-jensen-shannon",
    "global-minimum-at-data",
    "gradient-ratio",
    "connected-latent-connected-support",
}


@cache
def report(name):
    return check(THEOREMS[name])


def alone(theorem):
    """The theorem without its ancestors, which other tests check."""
    return dataclasses.replace(theorem, uses=())


@pytest.fixture(params=sorted(THEOREMS))
def name(request):
    return request.param


def test_the_cornerstones_are_on_the_shelf():
    rest = {"game-jacobian-splits", "dirac-gan-eigenvalues", "step-bound-of-a-rotating-game"}
    assert set(THEOREMS) >= SIX | rest


def test_every_step_is_proved_by_its_engine(name):
    open_steps = [s for s in report(name).steps if s.status not in ("proved", "cited")]
    assert not open_steps
    assert {s.engine for s in report(name).steps} <= set(ENGINES)


def test_a_theorem_with_a_cited_leaf_says_so(name):
    cited = any(s.status == "cited" for s in report(name).steps)
    inherited = "cited" in report(name).rests_on.values()
    assert (report(name).status == "cited") == (cited or inherited)
    assert (report(name).tier == "cited") == (cited or inherited)


def test_there_are_four_mutants_a_near_miss_and_a_structural_one_among_them(name):
    mutants = THEOREMS[name].mutants
    assert len(mutants) >= 4
    assert {m.kind for m in mutants} == {"near-miss", "structural"}


def test_every_witness_is_rational(name):
    for mutant in THEOREMS[name].mutants:
        for symbol, value in mutant.witness.items():
            assert sp.sympify(value).is_Rational or not isinstance(symbol, sp.Symbol)


def test_every_mutant_is_refuted_and_confirmed_at_its_witness(name):
    assert [m.claim for m in report(name).survivors] == []
    assert all(m.engine in ENGINES and m.evidence for m in report(name).mutants)


def test_the_theorem_with_a_mutants_claim_for_its_own_is_refuted(name):
    theorem = THEOREMS[name]
    for mutant in theorem.mutants:
        assert check(alone(theorem.mutated(mutant))).status == "refuted", mutant.says


def test_every_hypothesis_is_needed_with_a_confirmed_witness_or_said_to_be_convenient(name):
    for hypothesis in report(name).hypotheses:
        if hypothesis.kind == "needed":
            assert hypothesis.checked is True, hypothesis.evidence
        else:
            assert hypothesis.checked is None
            assert len(hypothesis.reason) > 20


def test_the_numeric_form_holds(name):
    assert THEOREMS[name].numeric
    result = confirm(THEOREMS[name], 60)
    assert result.ok, [f.counterexample for f in result.forms]
    assert all(f.examples >= 20 for f in result.forms)


def test_each_file_opens_with_its_statement_assumptions_and_source(name):
    module = sys.modules["gancheck.content.proofs." + name.replace("-", "_")]
    for heading in ("Statement\n", "Assumptions\n", "Source\n"):
        assert heading in module.__doc__


def liar(relation, domain, by, context):
    return Decision("proved", "always")


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_an_engine_that_always_says_proved_lets_mutants_survive(engine):
    """Each engine is the only one between some mutant and a pass."""
    killers = [n for n in THEOREMS if any(m.engine == engine for m in report(n).mutants)]
    assert killers, f"no mutant falls by {engine}"
    quickest = sorted(killers, key=lambda n: report(n).seconds)
    engines = {**ENGINES, engine: liar}
    survived = (check(alone(THEOREMS[n]), engines=engines) for n in quickest)
    assert any(r.survivors and not exit_ok([r]) for r in survived)


def test_an_engine_that_always_says_unknown_passes_nothing():
    def lazy(relation, domain, by, context):
        return Decision("unknown", "no idea")

    engines = dict.fromkeys(ENGINES, lazy)
    result = check(THEOREMS["gradient-ratio"], engines=engines)
    assert result.status == "unknown"
    assert result.tier is None
    assert not exit_ok([result])


def test_the_whole_shelf_passes():
    assert exit_ok([report(name) for name in THEOREMS])


def test_the_json_has_the_documented_schema():
    made = theory_json([report(name) for name in sorted(SIX)])
    assert set(made) == {"theorems", "summary"}
    for theorem in made["theorems"]:
        wanted = {"id", "title", "status", "tier", "seconds", "steps", "mutants", "hypotheses"}
        wanted |= {"statement", "claims", "coverage", "uses", "sources", "caveats"}
        assert set(theorem) >= wanted
        assert set(theorem["coverage"]) == set(theorem["claims"])
        assert all(set(c) >= {"claim", "popular", "corrected"} for c in theorem["caveats"])
        assert all(set(s) == {"claim", "engine", "status"} for s in theorem["steps"])
        assert all(set(m) == {"claim", "witness", "refuted", "engine"} for m in theorem["mutants"])
    assert made["summary"]["ok"] is True
    assert made["summary"]["mutants"] == made["summary"]["mutants_refuted"] >= 24


def neighbours(theorem_id):
    """What the file imports from its own shelf."""
    module = sys.modules["gancheck.content.proofs." + theorem_id.replace("-", "_")]
    tree = ast.parse(inspect.getsource(module))
    froms = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level == 1]
    return {alias.name.replace("_", "-") for node in froms for alias in node.names}


def test_the_imports_of_a_file_are_the_theorems_it_uses(name):
    assert neighbours(name) == {used.id for used in THEOREMS[name].uses}


def test_every_source_can_be_found_by_its_identifier(name):
    for source in THEOREMS[name].sources:
        assert source.identifier.startswith(("arXiv:", "doi:", "ISBN ")), source
        assert source.authors
        assert 1900 < source.year < 2100


def test_an_empirical_sentence_is_an_experiment_that_exists(name):
    for claim, how in THEOREMS[name].claims.items():
        assert (claim in {"S30", "S32", "S41"}) == isinstance(how, Experiment)
        if isinstance(how, Experiment):
            assert how.tested_by in content.diagnostics() or (ROOT / how.tested_by).is_file()
            assert how.proved_case


def test_nothing_cited_is_called_a_proof(name):
    own = [s.status for s in report(name).steps]
    if own and all(status == "cited" for status in own):
        assert "proof" not in THEOREMS[name].claims.values()


def test_every_popular_sentence_has_a_confirmed_counterexample(name):
    for caveat in report(name).caveats:
        assert caveat.checked, caveat.evidence
        assert caveat.popular != caveat.corrected


CLAIMS = {f"S{n}" for n in range(1, 45)}
_NUMBERS = (2, 3, 4, 5, 6, 7, 9, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 22, 28, 29)
LITERATURE = {f"L{n}" for n in _NUMBERS}
IMPRECISE = "S3 S5 S6 S11 S12 S13 S14 S15 S16 S17 S18 S20 S23 S29 S31 S34 S35 S37 S40 S42 S44 L3 L4"


def test_every_claim_is_covered_by_some_theorem():
    covered = {claim for theorem in THEOREMS.values() for claim in theorem.claims}
    assert sorted((CLAIMS | LITERATURE) - covered) == []


def test_every_imprecise_sentence_is_corrected_with_a_counterexample():
    corrected = {c.claim for theorem in THEOREMS.values() for c in theorem.caveats}
    assert sorted(set(IMPRECISE.split()) - corrected) == []


def test_most_of_the_shelf_is_proved_and_not_cited():
    assert len(THEOREMS) >= 44
    assert sum(report(name).status == "proved" for name in THEOREMS) >= 36
