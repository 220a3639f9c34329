"""The Dirac-GAN's eigenvalues: pure rotation unless a penalty or noise damps it.

Statement
    With data delta_0, generator delta_theta, logit psi x and J the Jacobian of the descent field
    (grad L_G, grad L_D) at the equilibrium: minimax and non-saturating +-i/2; WGAN +-i; R1 with
    weight g: g/2 +- sqrt(g^2/4 - 1/4), both with positive real part for g > 0; instance noise of
    variance s^2: s^2/4 +- sqrt(s^4/16 - 1/4); consensus with weight k: k/4 +- i/2.

Assumptions
    f'(0) = 1/2 is not 0, the losses are smooth at the equilibrium, g > 0.

Source
    Mescheder, Geiger & Nowozin (2018), Which training methods for GANs do actually converge?
    Their Jacobian is that of the ascent field: the negative of this one.
"""

import cmath

import sympy as sp

from gancheck.theory import (
    Domain,
    Hypothesis,
    LinearAlgebra,
    Mutant,
    NumericForm,
    RationalSign,
    Step,
    Theorem,
    Witness,
    equal,
    greater,
)
from gancheck.theory.literature import MESCHEDER_2018
from gancheck.theory.toy_games import (
    ToyGame,
    dirac,
    dirac_eigenvalues,
    dirac_with_noise,
    psi,
    theta,
)

from . import game_jacobian_splits  # noqa: TID251  (a neighbour on the shelf)

lam, g, spread, k = sp.symbols("lambda g spread k")
half, quarter = sp.Rational(1, 2), sp.Rational(1, 4)
at_equilibrium = {theta: 0, psi: 0}
real_line = Domain({lam: (-sp.oo, sp.oo)})
damped = Domain({lam: (-sp.oo, sp.oo), g: (0, sp.oo)})
noisy = Domain({lam: (-sp.oo, sp.oo), spread: (0, sp.oo)})

jacobians = {
    "minimax": dirac("minimax").jacobian_at(at_equilibrium),
    "non-saturating": dirac("non-saturating").jacobian_at(at_equilibrium),
    "wgan": dirac("wgan").jacobian_at(at_equilibrium),
    "r1": dirac("r1", gamma=g).jacobian_at(at_equilibrium),
}
noise_jacobian = dirac_with_noise(spread)
noise_root = sp.sqrt(spread**4 / 16 - quarter)


def characteristic(matrix):
    """det(lambda I - matrix), expanded by hand for two rows."""
    shifted = lam * sp.eye(2) - matrix
    return sp.expand(shifted[0, 0] * shifted[1, 1] - shifted[0, 1] * shifted[1, 0])


def consensus(jacobian):
    """Jacobian at an equilibrium of v + k grad(|v|^2/2): there it is J + k J^T J."""
    return jacobian + k * jacobian.T * jacobian


def derive(c):
    """The steps, for any coupling c = f'(0) and any claimed eigenvalues."""

    def has_eigenvalues(name, matrix, values, over):
        return Step(
            says=f"{name}: the characteristic polynomial has these two roots",
            claim=equal(characteristic(matrix), sp.prod([lam - value for value in values])),
            over=over,
            by=LinearAlgebra(),
        )

    minimax, r1 = jacobians["minimax"], jacobians["r1"]
    steps = [
        Step(
            says="Minimax: J = [[0, -c], [c, 0]] by differentiating the losses",
            claim=equal(minimax, sp.Matrix([[0, -c.coupling], [c.coupling, 0]])),
            by=LinearAlgebra(),
        ),
        Step(
            says="Non-saturating: the same J, since both losses have the same slopes at d = 1/2",
            claim=equal(jacobians["non-saturating"], minimax),
            by=LinearAlgebra(),
        ),
        has_eigenvalues("Minimax and non-saturating", minimax, c.minimax, real_line),
        has_eigenvalues("WGAN", jacobians["wgan"], c.wgan, real_line),
        has_eigenvalues("R1", r1, c.r1, damped),
        has_eigenvalues("Instance noise", noise_jacobian, c.noise, noisy),
        has_eigenvalues(
            "Consensus",
            consensus(minimax),
            c.consensus,
            Domain({lam: (-sp.oo, sp.oo), k: (0, sp.oo)}),
        ),
    ]
    for name, matrix, over in (
        ("R1", r1, Domain({g: (0, sp.oo)})),
        ("Instance noise", noise_jacobian, Domain({spread: (0, sp.oo)})),
        ("Consensus", consensus(minimax), Domain({k: (0, sp.oo)})),
    ):
        for word, value in (("trace", matrix.trace()), ("determinant", matrix.det())):
            steps.append(
                Step(
                    says=f"{name}: the {word} is positive (with both, Re lambda > 0: Routh)",
                    claim=greater(value, 0),
                    over=over,
                    by=RationalSign(),
                )
            )
    return steps


r1_values = dirac_eigenvalues("r1", gamma=g)
parts = {
    "coupling": half,
    "minimax": tuple(dirac_eigenvalues("minimax")),
    "wgan": tuple(dirac_eigenvalues("wgan")),
    "r1": tuple(r1_values),
    "noise": (spread**2 / 4 + noise_root, spread**2 / 4 - noise_root),
    "consensus": (k / 4 + sp.I / 2, k / 4 - sp.I / 2),
}

quadratic = (psi * theta) ** 2
flat = ToyGame(loss_g=-quadratic, loss_d=quadratic, theta_g=[theta], theta_d=[psi])
slope_right = sp.diff((psi - 1) ** 2, psi).subs(psi, 0)
slope_left = sp.diff((-psi - 1) ** 2, psi).subs(psi, 0)

hypotheses = [
    Hypothesis(
        text="f'(0) is not 0",
        needed_because=Witness(
            point={},
            words="for f(t) = t^2 the Jacobian at the equilibrium is 0",
            breaks=[
                Step(
                    says="the determinant is positive, so that both eigenvalues rotate",
                    claim=greater(flat.jacobian_at(at_equilibrium).det(), 0),
                    by=RationalSign(),
                )
            ],
        ),
    ),
    Hypothesis(
        text="the losses are smooth at the equilibrium",
        needed_because=Witness(
            point={},
            words="the WGAN-GP penalty (|psi| - 1)^2 has slopes -2 and 2 on the two sides of "
            "psi = 0, so there is no Jacobian there",
            breaks=[
                Step(
                    says="the penalty has one slope at psi = 0",
                    claim=equal(slope_right, slope_left),
                    by=RationalSign(),
                )
            ],
        ),
    ),
    Hypothesis(
        text="g > 0",
        needed_because=Witness(
            point={g: -sp.Rational(5, 4)},
            words="at g = -5/4 the eigenvalues are -1/4 and -1: the point repels",
            breaks=[
                Step(
                    says=f"Re lambda > 0 for {word}",
                    claim=greater(value, 0),
                    over=Domain({g: (-sp.oo, sp.oo)}),
                    by=RationalSign(),
                )
                for word, value in (("the first", r1_values[0]), ("the second", r1_values[1]))
            ],
        ),
    ),
]

shifted_root = sp.sqrt(g**2 - quarter)
mutants = [
    Mutant(
        says="f'(0) = 501/1000",
        change={"coupling": sp.Rational(501, 1000)},
        witness={},
        why="the slope of the logistic loss at 0 is exactly 1/2",
        kind="near-miss",
    ),
    Mutant(
        says="the minimax eigenvalues are +-1/2",
        change={"minimax": (half, -half)},
        witness={lam: half},
        why="a saddle attracts in one direction, a rotation in none",
        kind="structural",
    ),
    Mutant(
        says="the R1 eigenvalues are g +- sqrt(g^2 - 1/4)",
        change={"r1": (g + shifted_root, g - shifted_root)},
        witness={lam: quarter, g: sp.Rational(5, 4)},
        why="the penalty is g/2 psi^2, its curvature g, shared by two eigenvalues",
        kind="structural",
    ),
    Mutant(
        says="instance noise pushes outwards",
        change={"noise": (-(spread**2) / 4 + noise_root, -(spread**2) / 4 - noise_root)},
        witness={lam: 1, spread: 1},
        why="the sign of the trace: noise damps in the descent field",
        kind="structural",
    ),
    Mutant(
        says="the WGAN eigenvalues are +-i/2",
        change={"wgan": (sp.I / 2, -sp.I / 2)},
        witness={lam: 1},
        why="the critic's slope is 1, not 1/2",
        kind="structural",
    ),
]


def _larger_root(gamma: float) -> float:
    """Modulus of lambda^2 - gamma lambda + 1/4 at the closed form's first eigenvalue."""
    value = gamma / 2 + cmath.sqrt(gamma * gamma / 4 - 0.25)
    return abs(value * value - gamma * value + 0.25)


theorem = Theorem(
    id="dirac-gan-eigenvalues",
    title="The Dirac-GAN rotates unless it is damped",
    statement="Eigenvalues of J = dv/dtheta at the equilibrium: minimax and non-saturating "
    "+-i/2, WGAN +-i, R1 g/2 +- sqrt(g^2/4 - 1/4), instance noise s^2/4 +- sqrt(s^4/16 - 1/4), "
    "consensus k/4 +- i/2.",
    parts=parts,
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[MESCHEDER_2018],
    claims={"S22": "proof", "L15": "proof"},
    uses=[game_jacobian_splits.theorem],
    note="Zero real part decides nothing about the nonlinear flow: the linearisation is "
    "inconclusive there. Simultaneous descent with any step h > 0 expands it, |1 - h i/2| > 1.",
    numeric=[
        NumericForm(
            says="the closed form for R1 is a root of the characteristic polynomial",
            over="penalty",
            left=_larger_root,
            right=lambda gamma: 0.0,  # noqa: ARG005
            relation="==",
            tolerance=lambda gamma: 1e-15 * (4 + 4 * gamma * gamma),
            reason="three terms of size at most gamma^2 + 1, a few units of 2e-16 each",
        ),
    ],
)
