"""Samples that are none, too few, all alike or of another shape: one sentence from every measure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from gancheck import content
from gancheck.diagnosis import Verdict
from gancheck.measures.connectivity import bridge_mass
from gancheck.measures.coverage import coverage
from gancheck.measures.distances import distances
from gancheck.measures.features import of_one_shape
from gancheck.measures.memorisation import memorisation

if TYPE_CHECKING:
    from collections.abc import Callable

    Measure = Callable[..., Any]


def tied(real: Any, generated: Any, **options: Any) -> Any:
    """Memorisation with the other half of the real samples for held-out ones."""
    labels = options.pop("labels", None)
    half = len(real) // 2
    kept = None if labels is None else labels[:half]
    return memorisation(real[:half], generated, real[half:], labels=kept, **options)


MEASURES: dict[str, tuple[str, Measure]] = {
    "bridge_mass": ("GC005", bridge_mass),
    "coverage": ("GC006", coverage),
    "distances": ("GC007", distances),
    "memorisation": ("GC008", tied),
}


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


X = normal(400, 4)


def refused(name: str, real: Any, generated: Any, **options: Any) -> str:
    with pytest.raises(ValueError, match=r"must|differ|coincide") as caught:
        MEASURES[name][1](real, generated, **options)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    return sentence


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_named(name: str, bad: float) -> None:
    broken = X.copy()
    broken[7, 2] = bad
    assert "generated must be finite" in refused(name, X, broken)
    assert "must be finite" in refused(name, broken, X)
    kinds = np.zeros(400)
    kinds[3] = np.nan
    if name != "distances":
        assert "labels must be finite" in refused(name, X, X, labels=kinds)


@pytest.mark.parametrize("name", MEASURES)
def test_another_width_is_named_with_both(name: str) -> None:
    sentence = refused(name, X, X[:, :3])
    assert "differ in size" in sentence
    assert "4 against 3" in sentence


@pytest.mark.parametrize("name", MEASURES)
def test_as_many_numbers_in_another_shape_are_not_compared(name: str) -> None:
    """Channels first against channels last would compare each number with another."""
    first, last = normal(400, 3, 4, 4), normal(400, 4, 4, 3)
    sentence = refused(name, first, last)
    assert "differ in shape: (3, 4, 4) against (4, 4, 3); permute" in sentence
    assert "differ in shape" in refused(name, torch.from_numpy(first), torch.from_numpy(last))
    assert "differ in shape" in refused(name, first.tolist(), last.tolist())
    measure = MEASURES[name][1]
    flat = measure(first, first.reshape(400, -1))  # a flat sample says nothing of its axes
    assert flat.quantities == measure(first, first).quantities


def test_axes_of_length_one_are_no_other_shape() -> None:
    of_one_shape(np.zeros((5, 1, 8, 8)), np.zeros((3, 8, 8)))
    of_one_shape(np.zeros((5, 64)), np.zeros((3, 8, 8)))
    of_one_shape(np.zeros((5, 2, 3)), np.zeros((5, 4, 4)))  # its width is refused elsewhere


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize(
    ("features", "says"),
    [
        (lambda x: x[:, : 2 + len(x) % 2], "differ in size: 2 against 3"),
        (lambda x: x[1:], "must give one row a sample"),
        (lambda x: x * np.nan, "must be finite"),
        ("colours", "features must be one of"),
    ],
)
def test_features_that_do_not_fit_are_named(name: str, features: Any, says: str) -> None:
    assert says in refused(name, X, X[:301], features=features)


@pytest.mark.parametrize("name", MEASURES)
def test_too_few_samples_are_refused_with_the_number_needed(name: str) -> None:
    assert "must hold at least" in refused(name, X[:10], X)
    assert "generated must hold at least" in refused(name, X, X[:0])


@pytest.mark.parametrize("name", MEASURES)
def test_samples_that_are_all_alike_end_in_a_sentence(name: str) -> None:
    code, measure = MEASURES[name]
    alike = np.ones((400, 4))
    if name == "distances":
        assert "coincide" in refused(name, alike, alike)
    else:
        finding = content.diagnostics()[code].judge(measure(alike, alike))
        assert finding.verdict is Verdict.undecided
        assert "nan" not in finding.because
    if name != "memorisation":  # of no law that it could be told from by distances alone
        point = content.diagnostics()[code].judge(measure(X, alike))
        assert point.verdict is not Verdict.sound
        assert "nan" not in point.because


@pytest.mark.parametrize("name", ["bridge_mass", "coverage"])
def test_one_class_is_undecided_and_says_that_there_is_one(name: str) -> None:
    code, measure = MEASURES[name]
    finding = content.diagnostics()[code].judge(measure(X, X, labels=np.zeros(400, dtype=int)))
    assert finding.verdict is Verdict.undecided
    assert "one class" in finding.because or "name a single mode" in finding.because
