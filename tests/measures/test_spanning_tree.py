"""The spanning tree against scipy's single linkage and ripser, and against clouds that break trees."""

from __future__ import annotations

import importlib.util
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform

from gancheck.measures.boruvka import boruvka
from gancheck.measures.merge_curve import components_at, heavy_components, merges
from gancheck.measures.neighbours import GramSearch, TreeSearch
from gancheck.measures.spanning_tree import Tree, emst

# numpy's own differences in float64 are the reference: 1e-6 is the goal, this is what is reached.
_CLOSE = 1e-12


def heights(x: np.ndarray) -> np.ndarray:
    return np.sort(linkage(np.asarray(x, dtype=np.float64), method="single")[:, 2])


def spans(tree: Tree, n: int) -> bool:
    joined = np.zeros((n, n))
    joined[tuple(tree.edges.T)] = 1.0
    return len(tree.edges) == n - 1 and connected_components(joined, directed=False)[0] == 1


def clusters(n: int, d: int, seed: int, *, apart: float = 4.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = apart * rng.standard_normal((5, d))
    return centres[rng.integers(5, size=n)] + rng.standard_normal((n, d))


@given(
    n=st.integers(2, 120),
    d=st.integers(1, 40),
    seed=st.integers(0, 2**16),
    apart=st.sampled_from([0.0, 4.0, 1e3, 1e6]),
    neighbours=st.integers(1, 20),
    single=st.booleans(),
)
def test_the_weights_are_the_merge_heights_of_single_linkage(
    n: int, d: int, seed: int, apart: float, neighbours: int, single: bool
) -> None:
    x = clusters(n, d, seed, apart=apart).astype(np.float32 if single else np.float64)
    tree = emst(x, neighbours=neighbours)
    assert spans(tree, n)
    assert (np.diff(tree.weights) >= 0.0).all()
    assert np.allclose(tree.weights, heights(x), rtol=_CLOSE, atol=0.0)


@given(n=st.integers(2, 90), d=st.integers(1, 12), seed=st.integers(0, 2**16))
def test_ties_and_copies_leave_the_weights_alone(n: int, d: int, seed: int) -> None:
    x = np.random.default_rng(seed).integers(0, 3, size=(n, d)).astype(np.float64)
    tree = emst(x, neighbours=3)
    assert spans(tree, n)
    assert np.allclose(tree.weights, heights(x), rtol=_CLOSE, atol=0.0)
    assert tree.certificate.duplicates == n - len(np.unique(x, axis=0))


@given(
    n=st.integers(3, 80),
    d=st.sampled_from([1, 2, 3, 20]),
    seed=st.integers(0, 2**16),
    data=st.data(),
)
def test_mutual_reachability_is_that_of_the_dense_matrix(
    n: int, d: int, seed: int, data: st.DataObject
) -> None:
    core = data.draw(st.integers(1, n - 1))
    x = clusters(n, d, seed)
    x[: n // 4] = x[n // 4 : 2 * (n // 4)]  # copies have neighbours at distance zero
    tree = emst(x, core=core, neighbours=4)
    distance = squareform(pdist(x))
    nearest = np.sort(distance, axis=1)[:, core]
    reach = np.maximum(distance, np.maximum(nearest[:, None], nearest[None, :]))
    dense = minimum_spanning_tree(reach + 1.0 - np.eye(n)).data - 1.0  # scipy drops zero weights
    assert spans(tree, n)
    # One was added and taken away: an absolute rounding of numbers up to a hundred.
    assert np.allclose(tree.weights, np.sort(dense), rtol=_CLOSE, atol=1e-12)


@pytest.mark.parametrize("d", [2, 3, 30])
def test_every_search_finds_the_same_tree(d: int) -> None:
    x = clusters(700, d, 3, apart=8.0)
    for search in (TreeSearch(x), GramSearch(x), GramSearch(x.astype(np.float32))):
        ends, squared, _ = boruvka(search, neighbours=8)
        assert len(ends) == 699
        found = np.sort(np.sqrt(squared))
        assert np.allclose(found, heights(search.x), rtol=_CLOSE, atol=0.0)


@pytest.mark.parametrize("d", [3, 20])
def test_a_lattice_in_which_every_neighbour_is_as_near_as_the_next_ends(d: int) -> None:
    corners = np.random.default_rng(0).integers(0, 2, size=(500, d)).astype(np.float64)
    for neighbours in (1, 16):
        tree = emst(np.concatenate([np.eye(d), corners]), neighbours=neighbours)
        truth = heights(np.concatenate([np.eye(d), corners]))
        assert np.allclose(tree.weights, truth, rtol=_CLOSE, atol=0.0)


@pytest.mark.parametrize(
    ("apart", "method"),
    [
        (1.0, "products in float32"),
        (1e4, "products in float64"),
        (1e9, "direct differences"),
    ],
)
def test_the_precision_follows_what_would_cancel(apart: float, method: str) -> None:
    x = clusters(300, 20, 0, apart=apart)
    tree = emst(x)
    assert tree.certificate.method == method
    assert np.allclose(tree.weights, heights(x), rtol=_CLOSE, atol=0.0)


def test_an_outlier_costs_no_precision_but_its_own() -> None:
    x = np.concatenate([clusters(400, 20, 0, apart=1.0), np.full((1, 20), 1e9)])
    tree = emst(x)
    assert tree.certificate.method == "products in float32"
    assert np.allclose(tree.weights, heights(x), rtol=_CLOSE, atol=0.0)


def test_a_cloud_far_from_the_origin_is_the_cloud_at_the_origin() -> None:
    # Integers, so that moving by 2^20 is exact in float64 and only the tree can lose digits.
    x = np.random.default_rng(0).integers(0, 1000, size=(400, 24)).astype(np.float64)
    assert np.array_equal(emst(x).weights, emst(x + 2.0**20).weights)
    planar = np.random.default_rng(0).integers(0, 1000, size=(400, 2)).astype(np.float64)
    assert np.array_equal(emst(planar).weights, emst(planar + 2.0**40).weights)


def test_clusters_a_million_apart_in_the_plane_do_not_trust_the_triangulation() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.standard_normal((300, 2)), rng.standard_normal((300, 2)) + 1e6])
    tree = emst(x)
    assert np.allclose(tree.weights, heights(x), rtol=_CLOSE, atol=0.0)
    assert tree.certificate.method == "k-d tree"


@pytest.mark.parametrize("d", [1, 2, 3, 30])
def test_points_on_a_line_and_a_line_of_one_point(d: int) -> None:
    t = np.sort(np.random.default_rng(0).random(200))
    x = t[:, None] * np.linspace(1.0, 2.0, d)[None, :]
    assert np.allclose(emst(x).weights, heights(x), rtol=1e-9, atol=0.0)
    constant = emst(np.full((50, d), 0.3))
    assert spans(constant, 50)
    assert not constant.weights.any()
    assert "copies" in constant.certificate.because
    one = emst(np.ones((1, d)))
    assert one.edges.shape == (0, 2)
    assert one.weights.shape == (0,)
    two = emst(np.stack([np.zeros(d), np.ones(d)]))
    assert two.weights == pytest.approx([d**0.5])


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e30, 1e150])
def test_numbers_whose_squares_overflow_or_vanish(scale: float) -> None:
    x = clusters(60, 20, 0)
    assert np.allclose(emst(x * scale).weights / scale, heights(x), rtol=1e-9, atol=0.0)


def test_zero_and_minus_zero_are_one_point() -> None:
    tree = emst(np.array([[0.0, 1.0], [-0.0, 1.0], [3.0, 1.0]]))
    assert tree.weights.tolist() == [0.0, 3.0]


def test_a_tree_of_exact_rationals() -> None:
    """The weights squared against Prim in exact arithmetic on numbers that float32 holds."""
    x = np.random.default_rng(5).integers(0, 2**12, size=(40, 9)).astype(np.float32)
    rows = [[Fraction(int(v)) for v in row] for row in x]

    def squared(i: int, j: int) -> Fraction:
        return sum(((a - b) ** 2 for a, b in zip(rows[i], rows[j], strict=True)), Fraction(0))

    best = {j: squared(0, j) for j in range(1, 40)}
    exact = []
    while best:
        j = min(best, key=lambda k: best[k])
        exact.append(best.pop(j))
        best = {k: min(v, squared(j, k)) for k, v in best.items()}
    found = [round(w) for w in (emst(x).weights ** 2).tolist()]
    assert found == [int(v) for v in sorted(exact)]


def test_tensors_images_and_integers_are_points_too() -> None:
    x = np.random.default_rng(0).integers(0, 255, size=(40, 3, 4, 4))
    truth = emst(x.reshape(40, -1).astype(np.float64)).weights
    assert np.array_equal(emst(torch.from_numpy(x)).weights, truth)
    assert np.array_equal(emst(x.astype(np.uint8)).weights, truth)
    wanting = torch.from_numpy(x).to(torch.bfloat16).requires_grad_()
    assert emst(wanting).weights.shape == (39,)


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (np.zeros((0, 3)), {}, "at least one point"),
        (np.zeros((3, 0)), {}, "at least one point"),
        (np.array([[0.0], [np.nan]]), {}, "NaN or infinity in 1 of 2 points"),
        (np.array([[0.0], [np.inf]]), {}, "finite"),
        (np.array([[1j]]), {}, "real numbers"),
        (np.array(["a"]), {}, "real numbers"),
        ([[1.0, 2.0], [3.0]], {}, "x must be one array"),
        (np.zeros((5, 2)), {"core": 5}, "core must be in 1..4"),
        (np.zeros((5, 2)), {"core": 0}, "core must be in 1..4"),
        (np.zeros((5, 2)), {"neighbours": 0}, "neighbours must be at least 1"),
    ],
)
def test_what_is_no_cloud_is_named(x: np.ndarray, options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        emst(x, **options)


def test_many_copies_cost_no_more_than_the_points() -> None:
    x = np.repeat(clusters(50, 20, 0), 40, axis=0)
    tree = emst(x)
    assert spans(tree, 2000)
    assert tree.certificate.duplicates == 1950
    assert np.allclose(tree.weights, heights(x), rtol=_CLOSE, atol=0.0)


def test_the_certificate_counts_what_was_searched() -> None:
    tree = emst(clusters(1500, 30, 1, apart=3.0))
    certificate = tree.certificate
    again = sum(r.rows for r in certificate.rounds)
    assert certificate.passes == pytest.approx(1.0 + again / 1500)
    assert certificate.passes <= 4.0
    assert certificate.rounds[0].components == 1500
    assert certificate.rounds[0].by_bound == 1500  # a nearest neighbour is listed by definition
    assert f"{again} rows" in certificate.because


@given(n=st.integers(2, 60), seed=st.integers(0, 2**16), share=st.floats(0.0, 1.0))
def test_a_cut_tree_is_single_linkage_cut_at_that_height(n: int, seed: int, share: float) -> None:
    x = clusters(n, 3, seed)
    tree = emst(x)
    height = float(np.quantile(tree.weights, share)) * (1.0 + 1e-9)
    ours = components_at(tree, height)
    theirs = fcluster(linkage(x, "single"), t=height, criterion="distance")
    assert len(set(zip(ours.tolist(), theirs.tolist(), strict=True))) == len(set(theirs.tolist()))
    assert len(set(ours.tolist())) == len(set(theirs.tolist()))


@given(n=st.integers(2, 60), seed=st.integers(0, 2**16), least=st.integers(1, 20))
def test_the_curve_counts_the_heavy_pieces_of_every_cut(n: int, seed: int, least: int) -> None:
    tree = emst(clusters(n, 2, seed))
    found = merges(tree)
    counted = [
        int((np.bincount(components_at(tree, h)) >= least).sum()) for h in tree.weights.tolist()
    ]
    assert heavy_components(found, least).tolist() == counted
    assert (found.smaller <= found.larger).all()
    assert found.smaller[-1] + found.larger[-1] == n


@pytest.mark.peer
@pytest.mark.parametrize(("n", "d"), [(600, 2), (600, 64), (900, 784)])
def test_ripser_finds_the_same_deaths(n: int, d: int) -> None:
    if importlib.util.find_spec("ripser") is None:
        pytest.skip("ripser is not installed; it comes with the extra `bench`")
    from ripser import ripser  # pyright: ignore[reportMissingImports]

    x = clusters(n, d, 0).astype(np.float32)
    deaths = np.sort(ripser(x, maxdim=0)["dgms"][0][:-1, 1])
    # ripser works in float32, from scikit-learn's products: the goal's 1e-6 of the largest
    assert np.allclose(emst(x).weights, deaths, rtol=1e-6, atol=1e-6 * deaths.max())
