"""What does one step of an update rule do to a linear game, as a matrix?

For a field v = J z, z = (the generator's parameters, the discriminator's), the six rules of
`gancheck.training.updates` with plain gradient descent are linear maps; they are written down here
a second time, in numpy and from their definitions, as what a training is held against. An
optimistic step remembers the last field, so its map acts on z and the z before.

A trajectory tells the spectral radius of its map only to a factor. If the eigenvalues of largest
modulus rho have the eigenvectors V, then once the others are gone |z_n| lies between
rho^n |z_0| / kappa and rho^n |z_0| kappa, kappa the condition number of V: n steps tell rho to
within the factor kappa^(1/n).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RULES", "DiracGame", "Told", "proved_radius", "step_map", "told"]

RULES = (
    "simultaneous",
    "alternating",
    "extragradient",
    "optimistic",
    "consensus",
    "symplectic",
)
_GONE = 1e-6  # what is left of the other eigenvalues when counting begins
_SAME = 1e-6  # rounding splits a defective double eigenvalue by the root of 1e-16


@dataclass(frozen=True, slots=True, kw_only=True)
class DiracGame:
    """A Dirac-GAN: data at 0, a fake at theta, the score psi x.

    Attributes:
        title: on the page.
        loss: of the zoo.
        coupling: c, the slope of the payoff at 0.
        r1: weight g of the penalty on the score's slope.
        linear: whether the field is J z everywhere, not only near the equilibrium.
    """

    title: str
    loss: str
    coupling: float
    r1: float = 0.0
    linear: bool = False

    @property
    def jacobian(self) -> np.ndarray:
        """J of the descent field at the equilibrium (`dirac-gan-eigenvalues`)."""
        return np.array([[0.0, -self.coupling], [self.coupling, self.r1]])


def step_map(jacobian: np.ndarray, rule: str, step: float, strength: float) -> np.ndarray:
    """The matrix of one step of a game of two numbers.

    Args:
        jacobian: J [2, 2].
        rule: of `RULES`.
        step: h.
        strength: of the second-order term of `consensus` and `symplectic`.

    Returns:
        [2, 2]; of `optimistic` [4, 4], on z and the z before.

    Raises:
        ValueError: an unknown rule.
    """
    j, one = jacobian, np.eye(2)
    if rule == "simultaneous":
        return one - step * j
    if rule == "alternating":  # the discriminator first, then the generator against it
        return (one - step * np.diag([1.0, 0.0]) @ j) @ (one - step * np.diag([0.0, 1.0]) @ j)
    if rule == "extragradient":
        return one - step * j @ (one - step * j)
    if rule == "optimistic":
        return np.block([[one - 2.0 * step * j, step * j], [one, np.zeros((2, 2))]])
    if rule == "consensus":
        return one - step * (j + strength * j.T @ j)
    if rule == "symplectic":  # near an equilibrium the alignment test always says +
        turned = (j - j.T) / 2.0
        return one - step * (j + strength * turned.T @ j)
    raise ValueError(f"rule must be one of {', '.join(RULES)}, got {rule!r}")


def proved_radius(
    game: DiracGame, rule: str, step: float, strength: float
) -> tuple[float, str] | None:
    """The radius in closed form and the theorem it stands in; None where the shelf has none."""
    c, g = game.coupling, game.r1
    k = step * c
    if g:
        if rule != "simultaneous":
            return None
        root = np.sqrt(complex(g * g / 4.0 - c * c))
        largest = max(abs(1.0 - step * (g / 2.0 + s * root)) for s in (1.0, -1.0))
        return float(largest), "step-bound-of-a-rotating-game"
    forms: Mapping[str, float] = {
        "simultaneous": math.sqrt(1.0 + k * k),
        "extragradient": math.sqrt(1.0 - k * k + k**4),
    }
    if rule in forms:
        return forms[rule], "bilinear-step-radii"
    if rule == "alternating":  # roots of l^2 - (2 - k^2) l + 1
        half = 1.0 - k * k / 2.0
        root = np.sqrt(complex(half * half - 1.0))
        return float(max(abs(half + root), abs(half - root))), "bilinear-step-radii"
    if rule == "consensus":
        return math.hypot(1.0 - step * strength * c * c, k), "dirac-gan-eigenvalues"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a trajectory can say of its map.

    Attributes:
        radius: largest modulus of an eigenvalue.
        condition: kappa of its eigenvectors, in the coordinates of z.
        others: the next modulus, in parts of the radius; 0 where there is none.
        whole: condition of all eigenvectors.
    """

    radius: float
    condition: float
    others: float
    whole: float

    @property
    def wait(self) -> int:
        """Steps until what is left of the other eigenvalues is below 1e-6."""
        if not 0.0 < self.others < 1.0:
            return 0
        return max(0, math.ceil(math.log(_GONE / self.whole) / math.log(self.others)))

    def within(self, steps: int, *, after: int = 0) -> float:
        """The factor to within which counted steps tell the radius.

        Args:
            steps: counted.
            after: steps before them, in which the others fade; a start that has nearly nothing of
                the leading eigenvectors would need more.
        """
        left = self.whole * self.others**after if self.others else 0.0
        return (self.condition * (1.0 + left) ** 2) ** (1.0 / steps)


def told(matrix: np.ndarray) -> Told:
    """Spectral radius of a step's matrix and what a trajectory can tell of it.

    Raises:
        ValueError: the eigenvalues of largest modulus have no full set of eigenvectors.
    """
    values, vectors = np.linalg.eig(matrix)
    size = np.abs(values)
    radius = float(size.max())
    leading = size > radius * (1.0 - _SAME)
    condition = float(np.linalg.cond(vectors[:2, leading]))
    if not condition < 1e6:
        raise ValueError(f"eigenvectors of the largest eigenvalues nearly agree: {values}")
    return Told(
        radius=radius,
        condition=condition,
        others=float(size[~leading].max(initial=0.0)) / radius,
        whole=float(np.linalg.cond(vectors)),
    )
