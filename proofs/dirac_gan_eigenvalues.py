"""The Dirac-GAN's eigenvalues: pure rotation unless a penalty or noise damps it.

Statement
    With data delta_0, generator delta_theta, logit psi x, payoff f(0) + f(-psi theta), c = f'(0),
    w = f''(0) and J the Jacobian of the descent field (grad L_G, grad L_D) at the equilibrium:
    minimax and non-saturating +-i c; R1 and R2 with weight g: g/2 +- sqrt(g^2/4 - c^2), both with
    positive real part for g > 0; instance noise of variance s^2: -w s^2 +- sqrt(w^2 s^4 - c^2);
    consensus with weight k: k c^2 +- i c. The logistic f has c = 1/2 and w = -1/4, WGAN's c = 1.

Assumptions
    c is not 0, f is smooth at 0, and what damps is positive: g, k, -w.

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
    Step,
    Theorem,
    Witness,
    equal,
    greater,
)
from gancheck.theory.literature import MESCHEDER_2018
from gancheck.theory.toy_games import ToyGame, dirac, dirac_with_noise, gaussian_moment, psi, theta

from . import game_jacobian_splits  # noqa: TID251  (a neighbour on the shelf)

c, w, third, lam, g, s, k, x, z = sp.symbols("c w third lambda g s k x z")
half, quarter = sp.Rational(1, 2), sp.Rational(1, 4)
origin = {theta: 0, psi: 0}
real, positive = (-sp.oo, sp.oo), (0, sp.oo)


def payoff(t):
    """Any f with f(0) = 0, f'(0) = c, f''(0) = w, to third order: J sees no more than the second."""
    return c * t + w * t**2 / 2 + third * t**3 / 6


def game(*, penalty=0, non_saturating=False):
    """The Dirac-GAN of that f, with a penalty on the discriminator."""
    loss_d = -payoff(0) - payoff(-psi * theta)
    loss_g = -payoff(psi * theta) if non_saturating else -loss_d
    return ToyGame(loss_g=loss_g, loss_d=loss_d + penalty, theta_g=[theta], theta_d=[psi])


def slope_penalty(at):
    """g/2 times the squared slope of the logit psi x, at the datum (R1) or at the fake (R2)."""
    return g / 2 * sp.diff(psi * x, x).subs(x, at) ** 2


def noisy_jacobian():
    """J of the minimax game whose real and fake points carry noise s z, z standard normal."""
    loss_d = -payoff(psi * s * z) - payoff(-psi * (theta + s * z))
    noisy = ToyGame(loss_g=-loss_d, loss_d=loss_d, theta_g=[theta], theta_d=[psi])

    def expected(entry):
        terms = sp.Poly(entry, z).terms()
        return sum((part * gaussian_moment(n) for (n,), part in terms), sp.Integer(0))

    return noisy.jacobian_at(origin).applyfunc(expected)


minimax = game().jacobian_at(origin)
r1, r2 = (game(penalty=slope_penalty(at)).jacobian_at(origin) for at in (0, theta))
noise = noisy_jacobian()
consensus = minimax + k * minimax.T * minimax  # of v + k grad |v|^2/2, where v = 0


def characteristic(matrix):
    """det(lambda I - matrix), expanded by hand for two rows."""
    shifted = lam * sp.eye(2) - matrix
    return sp.expand(shifted[0, 0] * shifted[1, 1] - shifted[0, 1] * shifted[1, 0])


def derive(t):
    """The steps, for any claimed couplings and eigenvalues."""
    logistic, wasserstein = {c: t.coupling, w: t.bend}, {c: t.critic_slope}
    steps = [
        Step(
            "Minimax: J = [[0, -c], [c, 0]] by differentiating the losses",
            equal(minimax, sp.Matrix([[0, -c], [c, 0]])),
            by=LinearAlgebra(),
        ),
        Step(
            "Non-saturating: the same J, for f enters both losses with slope c",
            equal(game(non_saturating=True).jacobian_at(origin), minimax),
            by=LinearAlgebra(),
        ),
        Step("R2 is R1: the logit is as steep at the fake", equal(r2, r1), by=LinearAlgebra()),
        Step(
            "The logistic loss has c = 1/2",
            equal(dirac("minimax").jacobian_at(origin), minimax.subs(logistic)),
            by=LinearAlgebra(),
        ),
        Step(
            "and w = -1/4, by its own game with noise",
            equal(dirac_with_noise(s), noise.subs(logistic)),
            by=LinearAlgebra(),
        ),
        Step(
            "WGAN has c = 1",
            equal(dirac("wgan").jacobian_at(origin), minimax.subs(wasserstein)),
            by=LinearAlgebra(),
        ),
    ]
    free = {c: real, w: (-sp.oo, 0), g: positive, s: positive, k: positive}
    for name, matrix, values in (
        ("Minimax", minimax, t.minimax),
        ("R1", r1, t.r1),
        ("Noise", noise, t.noise),
        ("Consensus", consensus, t.consensus),
    ):
        used = {v: ends for v, ends in free.items() if v in matrix.free_symbols}
        steps.append(
            Step(
                f"{name}: the characteristic polynomial has these two roots",
                equal(characteristic(matrix), sp.prod([lam - value for value in values])),
                Domain({lam: real, **used}),
                LinearAlgebra(),
            )
        )
        if name != "Minimax":
            steps += [
                Step(
                    f"{name}: the {word} is positive (with both, Re lambda > 0: Routh)",
                    greater(number, 0),
                    Domain(used, nonzero=(c,)),
                )
                for word, number in (("trace", matrix.trace()), ("determinant", matrix.det()))
            ]
    return steps


def both(middle, root):
    """The pair of eigenvalues middle + root and middle - root."""
    return sp.Tuple(middle + root, middle - root)


parts = {
    "coupling": half,
    "bend": -quarter,
    "critic_slope": sp.Integer(1),
    "minimax": both(0, sp.I * c),
    "r1": both(g / 2, sp.sqrt(g**2 / 4 - c**2)),
    "noise": both(-w * s**2, sp.sqrt(w**2 * s**4 - c**2)),
    "consensus": both(k * c**2, sp.I * c),
}

flat = game().jacobian_at(origin).subs(c, 0)
slope_right = sp.diff((psi - 1) ** 2, psi).subs(psi, 0)
slope_left = sp.diff((-psi - 1) ** 2, psi).subs(psi, 0)

hypotheses = [
    Hypothesis(
        "c = f'(0) is not 0",
        Witness(
            {},
            "for f(t) = t^2 the Jacobian at the equilibrium is 0",
            breaks=[
                Step(
                    "the determinant is positive, so that both eigenvalues rotate",
                    greater(flat.det(), 0),
                )
            ],
        ),
    ),
    Hypothesis(
        "f is smooth at 0, and so is the penalty",
        Witness(
            {},
            "the WGAN-GP penalty (|psi| - 1)^2 has slopes -2 and 2 on the two sides of psi = 0, so "
            "there is no Jacobian there",
            breaks=[Step("it has one slope at psi = 0", equal(slope_right, slope_left))],
        ),
    ),
    Hypothesis(
        "g > 0",
        Witness(
            {g: -sp.Rational(5, 4)},
            "at c = 1/2, g = -5/4 the eigenvalues are -1/4 and -1: the point repels",
            breaks=[
                Step(
                    f"Re lambda > 0 for the {word}",
                    greater(value.subs(c, half), 0),
                    Domain({g: real}),
                )
                for word, value in zip(("first", "second"), parts["r1"], strict=True)
            ],
        ),
    ),
    Hypothesis(
        "f is strictly concave at 0, for the noise",
        Witness(
            {w: 0, s: 1},
            "WGAN's f is linear: noise adds nothing to the trace, and it goes on turning",
            breaks=[
                Step(
                    "the trace is positive",
                    greater(noise.trace(), 0),
                    Domain({w: real, s: positive}),
                )
            ],
        ),
    ),
]

anywhere = {c: half, lam: 1}
mutants = [
    Mutant(
        "the logistic loss has c = 501/1000",
        {"coupling": sp.Rational(501, 1000)},
        {},
        "its slope at 0 is exactly 1/2",
        "near-miss",
    ),
    Mutant(
        "the minimax eigenvalues are +-c",
        {"minimax": both(0, c)},
        anywhere,
        "a saddle attracts in one direction, a rotation in none",
    ),
    Mutant(
        "the R1 eigenvalues are g +- sqrt(g^2 - c^2)",
        {"r1": both(g, sp.sqrt(g**2 - c**2))},
        {**anywhere, lam: quarter, g: sp.Rational(5, 4)},
        "the penalty is g/2 psi^2, its curvature g, shared by two eigenvalues",
    ),
    Mutant(
        "instance noise pushes outwards",
        {"noise": both(w * s**2, sp.sqrt(w**2 * s**4 - c**2))},
        {**anywhere, w: -quarter, s: 1},
        "the sign of the trace: noise damps in the descent field",
    ),
    Mutant(
        "the WGAN eigenvalues are +-i/2",
        {"critic_slope": half},
        {},
        "the critic's slope is 1, not 1/2",
    ),
    Mutant(
        "consensus damps by k c",
        {"consensus": both(k * c, sp.I * c)},
        {**anywhere, k: 1},
        "|v|^2 has the curvature c^2",
    ),
]


def _residual(gamma: float, slope: float) -> float:
    """Modulus of lambda^2 - gamma lambda + slope^2 at the closed form's first eigenvalue."""
    value = gamma / 2 + cmath.sqrt(gamma * gamma / 4 - slope * slope)
    return abs(value * value - gamma * value + slope * slope)


theorem = Theorem(
    id="dirac-gan-eigenvalues",
    title="The Dirac-GAN rotates unless it is damped",
    statement="Eigenvalues of J = dv/dtheta at the equilibrium, c = f'(0), w = f''(0): minimax and "
    "non-saturating {minimax}, R1 and R2 {r1}, instance noise {noise}, consensus {consensus}. The "
    "logistic f has c = {coupling} and w = {bend}, WGAN's c = {critic_slope}.",
    parts=parts,
    derive=derive,
    hypotheses=hypotheses,
    mutants=mutants,
    sources=[MESCHEDER_2018],
    claims={"S22": "proof", "L15": "proof"},
    uses=[game_jacobian_splits.theorem],
    note="Zero real part decides nothing about the nonlinear flow: the linearisation is "
    "inconclusive there. Simultaneous descent with any step h > 0 expands it, |1 - h i c| > 1.",
    numeric=[
        NumericForm(
            "the closed form for R1 is a root of the characteristic polynomial",
            ((0.0, 20.0), (0.0, 5.0)),
            _residual,
            "==",
            lambda gamma, slope: 0.0,  # noqa: ARG005
            lambda gamma, slope: 1e-15 * (4 + 4 * gamma * gamma + 4 * slope * slope),
            "three terms of size at most gamma^2 + slope^2, a few units of 2e-16 each",
        )
    ],
)
