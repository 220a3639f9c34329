"""Case splits, vertices, linear algebra and citations: each can prove, refute and not know."""

import pytest
import sympy as sp

from gancheck.theory import (
    ENGINES,
    Cases,
    Cited,
    Domain,
    Enclosure,
    LinearAlgebra,
    RationalSign,
    Tangent,
    Vertices,
    at_least,
    at_most,
    equal,
    greater,
    less,
)
from gancheck.theory.engines import Context
from gancheck.theory.toy_games import bilinear, dirac, dirac_eigenvalues, gaussian_moment

x, y, w, g = sp.symbols("x y w g")
line, square = Domain({x: (-sp.oo, sp.oo)}), Domain({x: (0, 1), y: (0, 1)})


def decide(claim, domain, by):
    return Context(ENGINES).decide(claim, domain, by)


@pytest.mark.parametrize(
    ("claim", "cuts", "status"),
    [
        (at_least(sp.Abs(x), x), (0,), "proved"),
        (less(x, sp.Abs(x)), (0,), "refuted"),
        (equal(sp.Max(x, 0) + sp.Min(x, 0), x), (0,), "proved"),
        (at_most(sp.Max(x, 1 - x), 1), (), "refuted"),
        (at_least(sp.Max(x, 1 - x), sp.Rational(1, 2)), (sp.Rational(1, 2),), "proved"),
        (at_least(sp.Max(x, 1 - x), sp.Rational(1, 2)), (0,), "unknown"),  # order changes inside
        (at_least(sp.Abs(x), x), (1, 0), "unknown"),  # cuts must increase
    ],
)
def test_cases(claim, cuts, status):
    assert decide(claim, line, Cases(x, cuts, RationalSign())).status == status


def test_a_cut_is_a_case_of_its_own():
    """Only x = 0 breaks this; pieces left and right of the cut would both prove it."""
    decision = decide(less(0, sp.Abs(x)), line, Cases(x, (0,), RationalSign()))
    assert decision.status == "refuted"


def test_vertices_need_an_affine_weight():
    domain = Domain({x: (0, 1)}, closed={w: (0, 1)})
    both = Vertices(w, RationalSign(), RationalSign())
    assert decide(at_least(w * x + (1 - w) * x**2, 0), domain, both).status == "proved"
    assert decide(at_most(w * x + (1 - w), x), domain, both).status == "refuted"
    bulge = at_most(w * (1 - w), 0)  # holds at both ends and nowhere between
    assert decide(bulge, domain, both).status != "proved"
    assert decide(bulge, domain, both).status == "refuted"
    assert decide(at_least(x, 0), Domain({x: (0, 1)}), both).status == "unknown"


def test_linear_algebra_reduces_roots_the_unit_and_derivatives():
    root = sp.sqrt(g**2 / 4 - 1)
    quadratic = equal(sp.expand((x - g / 2 - root) * (x - g / 2 + root)), x**2 - g * x + 1)
    domain = Domain({x: (-sp.oo, sp.oo), g: (0, sp.oo)})
    assert decide(quadratic, domain, LinearAlgebra()).status == "proved"
    wrong = equal(sp.expand((x - g / 2 - root) * (x - g / 2 + root)), x**2 - g * x + 2)
    assert decide(wrong, domain, LinearAlgebra()).status == "refuted"
    assert decide(equal((1 + sp.I) ** 2, 2 * sp.I), Domain(), LinearAlgebra()).status == "proved"
    f = sp.Function("f")(x, y)
    mixed = equal(sp.Matrix([sp.diff(f, x, y)]), sp.Matrix([sp.diff(f, y, x)]))
    assert decide(mixed, Domain(), LinearAlgebra()).status == "proved"
    assert (
        decide(equal(sp.diff(f, x), sp.diff(f, y)), Domain(), LinearAlgebra()).status == "refuted"
    )
    logs = equal(sp.log(2 * x), sp.log(2) + sp.log(x))
    assert decide(logs, Domain({x: (0, sp.oo)}), LinearAlgebra()).status == "unknown"
    assert decide(less(x, 1), line, LinearAlgebra()).status == "unknown"


def test_a_citation_stays_visible_and_falls_with_its_instance():
    def cited(claim):
        by = Cited(source="a book", fact="a fact", by=Enclosure())
        return decide(claim, Domain(), by)

    held = cited(less(sp.log(2), 1))
    assert (held.status, held.tier) == ("cited", "cited")
    assert cited(less(1, sp.log(2))).status == "refuted"
    assert cited(equal(sp.log(6), sp.log(2) + sp.log(3))).status == "unknown"


def test_an_engine_nobody_has_is_unknown():
    decision = Context({}).decide(less(1, 2), Domain(), RationalSign())
    assert decision.status == "unknown"


def test_a_tangent_inside_a_vertex_is_handed_on():
    t = sp.Symbol("t")
    domain = Domain({x: (0, 1)}, closed={t: (0, 1)})
    claim = at_most(t * sp.log(x), 0)
    by = Vertices(t, Tangent(()), Tangent(((1, x),)))
    assert decide(claim, domain, by).status == "proved"


@pytest.mark.parametrize("kind", ["minimax", "non-saturating", "wgan"])
def test_the_closed_form_eigenvalues_are_those_of_sympys_own_solver(kind):
    game = dirac(kind)
    jacobian = game.jacobian_at(dict.fromkeys(game.parameters, 0))
    assert set(jacobian.eigenvals()) == set(dirac_eigenvalues(kind))


def test_the_r1_eigenvalues_are_those_of_sympys_own_solver():
    for gamma in (sp.Rational(1, 3), sp.Rational(5, 4), sp.Integer(4)):
        game = dirac("r1", gamma=gamma)
        jacobian = game.jacobian_at(dict.fromkeys(game.parameters, 0))
        own = {complex(v) for v in jacobian.eigenvals()}
        closed = {complex(v) for v in dirac_eigenvalues("r1", gamma=gamma)}
        assert all(min(abs(a - b) for b in closed) < 1e-14 for a in own)


def test_gamma_belongs_to_r1_and_moments_are_those_of_the_normal_density():
    with pytest.raises(ValueError, match="gamma is the weight"):
        dirac_eigenvalues("wgan", gamma=1)
    assert bilinear(2).jacobian.tolist() == [[0, 2], [-2, 0]]
    z = sp.Symbol("z", real=True)
    density = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
    for power in range(7):
        moment = sp.integrate(z**power * density, (z, -sp.oo, sp.oo))
        assert moment == gaussian_moment(power)


def test_a_cut_that_the_domain_excludes_is_no_case():
    x = sp.Symbol("x")
    claim = greater(sp.Abs(x - 1), 0)
    by = Cases(x, (1,), RationalSign())
    without = Domain({x: (0, 2)}, nonzero=(x - 1,))
    assert decide(claim, without, by).status == "proved"
    assert decide(claim, Domain({x: (0, 2)}), by).status == "refuted"
