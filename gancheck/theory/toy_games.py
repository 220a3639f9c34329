"""Which games can be solved by hand? Symbolic losses, and the Jacobian eigenvalues they have.

The field is v = (grad_G L_G, grad_D L_D) with both losses minimised, and J = dv/dtheta: minus the
Jacobian of the ascent field that part of the literature uses. The Dirac-GAN has data delta_0, a
generator delta_theta and a discriminator with logit psi * x.

Source: Mescheder, Geiger & Nowozin (2018), Which training methods for GANs do actually converge?
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import sympy as sp

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ToyGame",
    "bilinear",
    "dirac",
    "dirac_eigenvalues",
    "dirac_with_noise",
    "gaussian_moment",
    "psi",
    "softplus",
    "theta",
]

DiracKind = Literal["minimax", "non-saturating", "wgan", "r1"]

theta, psi = sp.symbols("theta psi")


@dataclass(frozen=True, kw_only=True)
class ToyGame:
    """Two losses of two parameter vectors.

    Attributes:
        loss_g: minimised by the generator.
        loss_d: minimised by the discriminator.
        theta_g: the generator's parameters.
        theta_d: the discriminator's.
    """

    loss_g: Any
    loss_d: Any
    theta_g: Sequence[Any]
    theta_d: Sequence[Any]

    @property
    def parameters(self) -> list[Any]:
        """The generator's parameters, then the discriminator's."""
        return [*self.theta_g, *self.theta_d]

    @property
    def field(self) -> Any:
        """The simultaneous gradient, a column."""
        slopes = [sp.diff(self.loss_g, t) for t in self.theta_g]
        return sp.Matrix([*slopes, *(sp.diff(self.loss_d, t) for t in self.theta_d)])

    @property
    def jacobian(self) -> Any:
        """The field's Jacobian."""
        return self.field.jacobian(self.parameters)

    def jacobian_at(self, point: dict[Any, Any]) -> Any:
        """The Jacobian with the parameters put in."""
        return self.jacobian.subs(point)


def softplus(x: Any) -> Any:
    """ln(1 + exp(x)).

    Example:
        >>> softplus(sp.Integer(0))
        log(2)
    """
    return sp.log(1 + sp.exp(x))


def dirac(kind: DiracKind, *, gamma: Any = 0) -> ToyGame:
    """The Dirac-GAN.

    Args:
        kind: `minimax`, `non-saturating`, `wgan`, or `r1`: minimax with (gamma/2) psi^2, the
            squared slope of the logit at the data, added to the discriminator's loss.
        gamma: weight of the penalty; only for `r1`.

    Raises:
        ValueError: another kind, or a gamma for a kind that has no penalty.

    Example:
        >>> dirac("wgan").jacobian.tolist()
        [[0, -1], [1, 0]]
    """
    if kind not in ("minimax", "non-saturating", "wgan", "r1"):
        raise ValueError(f"kind must be minimax, non-saturating, wgan or r1, got {kind}")
    if kind != "r1" and gamma != 0:
        raise ValueError(f"gamma is the weight of the r1 penalty, got {gamma} for {kind}")
    score = psi * theta
    if kind == "wgan":
        return ToyGame(loss_g=-score, loss_d=score, theta_g=[theta], theta_d=[psi])
    loss_d = softplus(sp.Integer(0)) + softplus(score)
    loss_g = softplus(-score) if kind == "non-saturating" else -loss_d
    penalty = sp.sympify(gamma) / 2 * psi**2
    return ToyGame(loss_g=loss_g, loss_d=loss_d + penalty, theta_g=[theta], theta_d=[psi])


def dirac_eigenvalues(kind: DiracKind, *, gamma: Any = 0) -> list[Any]:
    """Eigenvalues of J at the equilibrium (0, 0), in closed form; derived in `proofs/`.

    Args:
        kind: as for `dirac`.
        gamma: weight of the R1 penalty, a number or a symbol.

    Returns:
        The two eigenvalues: +-i/2 for minimax and non-saturating, +-i for WGAN,
        gamma/2 +- sqrt(gamma^2/4 - 1/4) for R1.

    Raises:
        ValueError: as for `dirac`.

    Example:
        >>> dirac_eigenvalues("minimax")
        [I/2, -I/2]
        >>> dirac_eigenvalues("r1", gamma=sp.Rational(5, 4))
        [1, 1/4]
    """
    dirac(kind, gamma=gamma)  # refuses what it does not know
    if kind == "wgan":
        return [sp.I, -sp.I]
    half = sp.Rational(1, 2)
    if kind != "r1":
        return [half * sp.I, -half * sp.I]
    gamma = sp.sympify(gamma)
    root = sp.sqrt(gamma**2 / 4 - half**2)
    return [gamma / 2 + root, gamma / 2 - root]


def gaussian_moment(power: int) -> int:
    """E z^power for a standard normal z: 0 for odd powers, (power - 1)!! for even ones.

    Example:
        >>> [gaussian_moment(k) for k in range(5)]
        [1, 0, 1, 0, 3]
    """
    return 0 if power % 2 else int(sp.factorial2(power - 1))


def dirac_with_noise(spread: Any) -> Any:
    """Jacobian at (0, 0) of the minimax Dirac-GAN whose real and fake points carry normal noise.

    The losses are expectations; differentiated under the expectation and evaluated at psi = 0
    they are polynomials in the noise, whose moments are exact.

    Args:
        spread: standard deviation of the noise.
    """
    z = sp.Symbol("z")
    real, fake = spread * z, theta + spread * z
    loss_d = softplus(-psi * real) + softplus(psi * fake)
    game = ToyGame(loss_g=-loss_d, loss_d=loss_d, theta_g=[theta], theta_d=[psi])
    at_zero = game.jacobian_at({psi: 0, theta: 0})
    return at_zero.applyfunc(lambda entry: _expectation(entry, z))


def _expectation(entry: Any, z: Any) -> Any:
    terms = sp.Poly(entry, z).terms()
    return sp.Add(*(coefficient * gaussian_moment(power) for (power,), coefficient in terms))


def bilinear(coupling: Any) -> ToyGame:
    """The zero-sum game V = coupling * x * y: x minimises, y maximises; pure rotation.

    Example:
        >>> bilinear(3).jacobian.tolist()
        [[0, 3], [-3, 0]]
    """
    value = sp.sympify(coupling) * theta * psi
    return ToyGame(loss_g=value, loss_d=-value, theta_g=[theta], theta_d=[psi])
