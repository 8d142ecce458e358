"""Neighbours: the tree and the comparison of all pairs give the same distances and counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from minigrad import backend
from minigrad.information import neighbours
from minigrad.information.neighbours import SEARCHES, digamma, most, neighbour_count, search_named

few = settings(max_examples=60, deadline=None, derandomize=True)
every_search = pytest.mark.parametrize("search", list(SEARCHES.values()), ids=list(SEARCHES))


def naive_distances(points):
    """Greatest difference in any column between any two, the point itself left out: (N, N - 1)."""
    n = len(points)
    distance = np.abs(points[:, None] - points[None]).max(axis=-1)
    return distance[~np.eye(n, dtype=bool)].reshape(n, n - 1)


def drawn(n=80, d=3, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


grid = st.integers(-2, 2).map(float)


@every_search
@few
@given(arrays(float, st.tuples(st.integers(4, 20), st.integers(1, 4)), elements=grid))
def test_radii_are_the_kth_distances_with_and_without_duplicates(search, points):
    ordered = np.sort(naive_distances(points), axis=1)
    for k in (1, 3):
        assert np.array_equal(search.radii(points, k), ordered[:, k - 1])


@every_search
def test_extents_reach_to_the_k_nearest_of_the_joint_space(search):
    x, y = drawn(60, 3), drawn(60, 2, 1)
    near = np.argsort(np.abs(joint := np.hstack([x, y]))[:, 0], kind="stable")  # any order
    x, y, joint = x[near], y[near], joint[near]
    distance = np.abs(joint[:, None] - joint[None]).max(axis=-1)
    for k in (1, 4):
        rows = np.argsort(distance, axis=1)[:, 1 : k + 1]
        for part, reach in zip((x, y), search.extents([x, y], k), strict=True):
            gaps = np.abs(part[rows] - part[:, None]).max(axis=(1, 2))
            assert np.array_equal(reach, gaps)


@every_search
@pytest.mark.parametrize("d", [1, 2, 4])
def test_counts_leave_the_point_itself_out(search, d):
    points = np.round(drawn(70, d), 1)
    distance = naive_distances(points)
    for radii in (np.full(70, 0.5), np.zeros(70), distance[:, 0]):
        assert np.array_equal(search.count(points, radii), (distance < radii[:, None]).sum(axis=1))
        assert np.array_equal(
            search.count(points, radii, closed=True), (distance <= radii[:, None]).sum(axis=1)
        )


def test_all_pairs_are_compared_in_blocks(monkeypatch):
    points, other = drawn(50), drawn(50, 2, 1)
    brute = search_named("brute")
    whole = (
        brute.radii(points, 3),
        brute.extents([points, other], 3),
        brute.count(points, points[:, 0]),
    )
    monkeypatch.setattr(neighbours, "BLOCK", 50 * 7)
    again = (
        brute.radii(points, 3),
        brute.extents([points, other], 3),
        brute.count(points, points[:, 0]),
    )
    assert all(np.array_equal(a, b) for a, b in zip(whole, again, strict=True) if a is not whole[1])
    assert all(np.array_equal(a, b) for a, b in zip(whole[1], again[1], strict=True))


def test_many_points_are_searched_by_several_threads_alike(monkeypatch):
    points = drawn(300)
    alone = search_named("tree").radii(points, 3)
    monkeypatch.setattr(neighbours, "MANY", 10)
    assert np.array_equal(search_named("tree").radii(points, 3), alone)


def test_every_backend_compares_all_pairs_like_numpy(place):
    brute, x, y = search_named("brute"), np.round(drawn(50), 1), drawn(50, 2, 1)
    here, there = (x, y), tuple(backend.move(v, place) for v in (x, y))
    radii = brute.radii(x, 3)
    assert np.array_equal(backend.host(brute.radii(there[0], 3)), radii)
    for a, b in zip(brute.extents(list(here), 3), brute.extents(list(there), 3), strict=True):
        assert np.array_equal(backend.host(b), a)
    moved = backend.move(radii, place)
    for closed in (False, True):
        count = brute.count(there[0], moved, closed)
        assert np.array_equal(backend.host(count), brute.count(x, radii, closed))


def test_digamma_is_the_logarithm_less_what_few_samples_miss():
    assert digamma(1) == pytest.approx(-0.5772156649015329, rel=1e-14)
    n = np.arange(1, 50)
    assert np.allclose(digamma(n + 1) - digamma(n), 1 / n, rtol=1e-12)
    assert most(1000, 3) == pytest.approx(5.984471, abs=5e-7)


@pytest.mark.parametrize("k", [0, -1, 2.5, 3.0, True, "3", None, np.array([3]), np.array(2)])
def test_a_number_of_neighbours_is_a_positive_integer(k):
    with pytest.raises(ValueError, match="k: expected a number of neighbours, 1 or more, came"):
        neighbour_count(k, 100)


def test_every_sample_needs_k_others():
    with pytest.raises(ValueError, match="needs 3 others, there are 3 samples: expected 4 or more"):
        neighbour_count(3, 3)
    assert neighbour_count(np.int64(3), 4) == 3


@pytest.mark.parametrize("name", ["ball", "", None, ["tree"], "Tree"])
def test_an_unknown_search_is_refused(name):
    with pytest.raises(ValueError, match="search: expected one of tree, brute, not"):
        search_named(name)
