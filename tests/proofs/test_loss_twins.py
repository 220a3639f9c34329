"""The symbolic losses are the losses that train: values and gradients agree."""

from __future__ import annotations

import pytest
import sympy as sp
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from gancheck.games.losses import LOSSES, resolve
from gancheck.theory.losses import SCORE_LOSSES, s


def test_every_loss_that_is_a_mean_over_samples_has_a_twin() -> None:
    assert set(SCORE_LOSSES) == {name for name, loss in LOSSES.items() if loss.separable}


@pytest.mark.parametrize("name", SCORE_LOSSES)
@given(on_real=st.floats(-12, 12), on_fake=st.floats(-12, 12))
def test_each_symbolic_loss_equals_its_torch_twin(
    name: str, on_real: float, on_fake: float
) -> None:
    assume(abs(abs(on_real) - 1) > 1e-6 and abs(abs(on_fake) - 1) > 1e-6)  # the hinge's kinks
    symbolic = SCORE_LOSSES[name]
    # a penalty is not part of the twin; the other terms are wgan's
    torch_loss = resolve("wgan" if name in ("wgan-gp", "wgan-lp") else name)
    scores = torch.tensor([on_real, on_fake], dtype=torch.float64, requires_grad=True)
    real, fake = torch.zeros(1, 1).double(), torch.ones(1, 1).double()

    def score(x: torch.Tensor) -> torch.Tensor:
        return scores[x[:, 0].long()]

    def exactly(term: object, at: float) -> float:
        return float(sp.N(term.subs(s, sp.Rational(at)), 30))

    loss_d = torch_loss.discriminator(score, real, fake)
    loss_g = resolve(name).generator(score, real, fake)
    close = {"rel": 1e-12, "abs": 1e-14}  # a few roundings of float64
    want = exactly(symbolic.real, on_real) + exactly(symbolic.fake, on_fake)
    assert float(loss_d.detach()) == pytest.approx(want, **close)
    assert float(loss_g.detach()) == pytest.approx(exactly(symbolic.generator, on_fake), **close)
    slope_d = torch.autograd.grad(loss_d, scores)[0].tolist()
    slope_g = torch.autograd.grad(loss_g, scores)[0].tolist()
    assert slope_d[0] == pytest.approx(exactly(sp.diff(symbolic.real, s), on_real), rel=1e-9)
    assert slope_d[1] == pytest.approx(exactly(sp.diff(symbolic.fake, s), on_fake), rel=1e-9)
    assert slope_g[1] == pytest.approx(exactly(sp.diff(symbolic.generator, s), on_fake), rel=1e-9)
