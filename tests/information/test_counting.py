"""Counting in windows: ranks and trees against the plain comparison of all pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from minigrad.information.counting import count_within, windows

few = settings(max_examples=150, deadline=None, derandomize=True)
ends = pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])

whole = st.integers(-3, 3).map(float)
tiny = st.sampled_from([0.0, -0.0, 5e-324, 1e-310, -1e-310, 2e-308])
wide = st.floats(-8e307, 8e307)
near = st.floats(0.1, 0.1 + 1e-15)  # where x - r and x + r are rounded
elements = st.one_of(whole, tiny, wide, near)


def count_all_pairs(points, radii, closed):
    """The same as `count_within`, plainly: the reference. Memory N^2."""
    distance = np.abs(points[:, None] - points[None]).max(axis=-1)
    np.fill_diagonal(distance, np.inf)
    inside = distance <= radii[:, None] if closed else distance < radii[:, None]
    return inside.sum(axis=1)


@st.composite
def clouds(draw):
    """Points of one kind or of all, and radii: any, 0, or distances that occur."""
    n, d = draw(st.integers(1, 25)), draw(st.integers(1, 4))
    kind = draw(st.sampled_from([whole, tiny, wide, near, elements]))
    points = draw(arrays(float, (n, d), elements=kind))
    radii = draw(arrays(float, n, elements=kind.map(abs)))
    other = draw(arrays(np.int64, n, elements=st.integers(0, n - 1)))
    reach = np.abs(points - points[other]).max(axis=1)
    return points, np.where(draw(arrays(bool, n)), radii, reach)


@ends
@few
@given(clouds())
def test_counts_are_those_of_all_pairs(closed, cloud):
    """With ties, duplicates, numbers huge and denormal, radii 0 and distances that occur."""
    points, radii = cloud
    expected = count_all_pairs(points, radii, closed)
    assert np.array_equal(count_within(points, radii, closed), expected)


@ends
@pytest.mark.parametrize("d", [1, 2, 3, 5])
@pytest.mark.parametrize("decimals", [1, 15])
def test_counts_of_many_points_are_those_of_all_pairs(closed, d, decimals):
    rng = np.random.default_rng(d)
    points = np.round(rng.standard_normal((600, d)), decimals)
    radii = np.abs(points - points[rng.permutation(600)]).max(axis=1)
    expected = count_all_pairs(points, radii, closed)
    assert np.array_equal(count_within(points, radii, closed), expected)
    assert np.array_equal(count_within(points, radii, closed, workers=2), expected)


def test_a_point_at_the_radius_is_in_a_closed_window_only():
    points = np.array([[0.0], [1.0], [1.0], [3.0]])
    radii = np.array([1.0, 0.0, 2.0, 1.0])
    assert count_within(points, radii, False).tolist() == [0, 0, 2, 0]
    assert count_within(points, radii, True).tolist() == [2, 1, 3, 0]


@pytest.mark.parametrize("d", [1, 2, 3])
def test_nobody_is_within_a_negative_radius(d):
    points = np.zeros((4, d))
    for closed in (False, True):
        assert count_within(points, np.full(4, -1.0), closed).tolist() == [0] * 4


@ends
@few
@given(arrays(float, st.integers(1, 30), elements=elements), st.floats(0, 1e308))
def test_a_window_is_a_run_of_ranks(closed, column, radius):
    order, first, last = windows(column, np.full(len(column), radius), closed)
    ordered = column[order]
    assert (np.diff(ordered) >= 0).all()
    for i, x in enumerate(column):
        gap = np.abs(ordered - x)
        inside = np.flatnonzero(gap <= radius if closed else gap < radius)
        assert np.array_equal(np.arange(first[i], last[i]), inside)
