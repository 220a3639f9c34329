"""The verdict on a theorem: weakest step, weakest ancestor, surviving mutants, false witnesses."""

import dataclasses

import pytest
import sympy as sp

from gancheck.testing import confirm
from gancheck.theory import (
    Cited,
    Domain,
    Enclosure,
    Hypothesis,
    Mutant,
    NumericForm,
    RationalSign,
    Step,
    Theorem,
    Witness,
    at_least,
    check,
    equal,
    exit_ok,
    greater,
    less,
    theory_json,
)

x = sp.Symbol("x")
unit = Domain({x: (0, 1)})


def steps(c):
    return [
        Step(
            says="positive",
            claim=greater(c.claimed * x * (1 - x), 0),
            over=unit,
            by=RationalSign(),
        )
    ]


negative = Mutant(
    says="the factor is -1",
    change={"claimed": sp.Integer(-1)},
    witness={x: sp.Rational(1, 2)},
    why="sign",
    kind="structural",
)
double = dataclasses.replace(negative, says="the factor is 2", change={"claimed": sp.Integer(2)})


def theorem(**changes):
    base = {
        "id": "toy",
        "title": "toy",
        "statement": "x (1 - x) > 0",
        "parts": {"claimed": sp.Integer(1)},
        "derive": steps,
        "hypotheses": [],
        "mutants": [negative],
        "sources": (),
    }
    return Theorem(**{**base, **changes})


def by(claim, justification):
    return lambda c: [Step(says="step", claim=claim, by=justification)]


def test_a_true_theorem_with_a_false_neighbour_passes():
    result = check(theorem())
    assert (result.status, result.tier, result.ok) == ("proved", "exact", True)
    assert result.mutants[0].engine == "rational-sign"
    assert result.mutants[0].witness == "x = 1/2"


def test_a_mutant_that_is_true_survives_and_fails_the_run():
    result = check(theorem(mutants=[negative, double]))
    assert result.status == "proved"
    assert [m.claim for m in result.survivors] == ["the factor is 2"]
    assert not exit_ok([result])
    assert theory_json([result])["summary"]["ok"] is False


def test_a_mutant_whose_witness_lies_outside_the_domain_or_is_incomplete_survives():
    for witness in ({x: sp.Integer(3)}, {}):
        moved = dataclasses.replace(negative, witness=witness)
        assert check(theorem(mutants=[moved])).survivors


def test_a_mutant_must_change_a_part_that_exists():
    with pytest.raises(ValueError, match="changes nothing"):
        theorem().mutated(dataclasses.replace(negative, change={"claimed": sp.Integer(1)}))
    with pytest.raises(ValueError, match="has the parts"):
        theorem().mutated(dataclasses.replace(negative, change={"other": sp.Integer(1)}))


def test_the_weakest_step_decides():
    false = theorem(derive=by(less(2, 1), RationalSign()), mutants=[])
    open_ = theorem(derive=by(equal(sp.log(6), sp.log(2) + sp.log(3)), Enclosure()), mutants=[])
    cited = theorem(derive=by(less(1, 2), Cited("a book", "a fact", Enclosure())), mutants=[])
    enclosed = theorem(derive=by(less(sp.log(2), 1), Enclosure()), mutants=[])
    empty = theorem(derive=lambda c: [], mutants=[])
    seen = [(check(t).status, check(t).tier) for t in (false, open_, cited, enclosed, empty)]
    assert seen == [
        ("refuted", None),
        ("unknown", None),
        ("cited", "cited"),
        ("proved", "certified"),
        ("unknown", None),
    ]


def test_the_weakest_ancestor_decides_and_a_refuted_one_leaves_unknown():
    cited = theorem(id="c", derive=by(less(1, 2), Cited("b", "f", Enclosure())), mutants=[])
    false = theorem(id="f", derive=by(less(2, 1), RationalSign()), mutants=[])
    on_cited, on_false = theorem(uses=[cited]), theorem(uses=[false])
    grandchild = theorem(id="g", uses=[on_cited])
    assert (check(on_cited).status, check(on_cited).tier) == ("cited", "cited")
    assert check(grandchild).status == "cited"
    assert check(on_false).status == "unknown"
    assert check(on_false).rests_on == {"f": "refuted"}
    assert not exit_ok([check(on_false)])


def test_a_counterexample_that_is_none_fails_the_run():
    def needing(point):
        witness = Witness(point=point, words="outside", breaks=steps(theorem_parts()))
        return Hypothesis(text="0 < x < 1", needed_because=witness)

    good = check(theorem(hypotheses=[needing({x: 2})]))
    bad = check(theorem(hypotheses=[needing({x: sp.Rational(1, 2)})]))
    assert good.hypotheses[0].checked is True
    assert exit_ok([good])
    assert bad.hypotheses[0].checked is False
    assert bad.status == "proved"
    assert not exit_ok([bad])


def theorem_parts():
    from types import SimpleNamespace

    return SimpleNamespace(claimed=sp.Integer(1))


def test_a_witness_whose_supporting_fact_is_false_is_not_confirmed():
    false_fact = Step(says="false", claim=less(2, 1), by=RationalSign())
    witness = Witness(
        point={x: 2}, words="outside", breaks=steps(theorem_parts()), shows=[false_fact]
    )
    result = check(theorem(hypotheses=[Hypothesis(text="h", needed_because=witness)]))
    assert result.hypotheses[0].checked is False


def test_a_hypothesis_needs_exactly_one_reason_and_a_witness_something_to_break():
    with pytest.raises(ValueError, match="either"):
        Hypothesis(text="h")
    with pytest.raises(ValueError, match="break"):
        Witness(point={}, words="w")


def test_a_float_in_a_claim_is_refused():
    with pytest.raises(TypeError, match="exact"):
        at_least(x, 0.5)


def planted(limit):
    return NumericForm(
        says=f"every law gives its first atom at most {limit}",
        over="law_pair",
        left=lambda ps, qs: ps[0],
        right=lambda ps, qs: limit,
        relation="<=",
        tolerance=1e-12,
        reason="one division",
    )


def test_a_planted_false_form_is_caught_and_said_in_words_shrunk():
    result = confirm(theorem(numeric=[planted(0.5)]), 200)
    assert not result.ok
    words = result.forms[0].counterexample
    # The simplest law with a first atom above one half is the law on one atom.
    assert "fails at ([1.0], [1.0])" in words
    assert "left = 1 should be <= right = 0.5" in words


def test_confirmation_is_the_same_for_the_same_seed_and_holds_for_a_true_form():
    assert confirm(theorem(numeric=[planted(1.0)]), 50).ok
    first, second = (confirm(theorem(numeric=[planted(0.9)]), 80, seed=3) for _ in range(2))
    assert first == second
    assert not confirm(theorem(), 50).ok  # nothing to confirm is not a confirmation


def test_confirmation_refuses_no_examples_and_unknown_strategies():
    with pytest.raises(ValueError, match="at least 1"):
        confirm(theorem(), 0)
    strange = dataclasses.replace(planted(1.0), over="nowhere")
    with pytest.raises(ValueError, match="nowhere"):
        confirm(theorem(numeric=[strange]), 5)


def test_a_nan_is_a_failure():
    form = dataclasses.replace(planted(1.0), left=lambda ps, qs: float("nan"))
    assert form.excess([1.0], [1.0]) == float("inf")
