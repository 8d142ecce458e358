"""Rest points: of flows of which they, and who comes to them, are known."""

import numpy as np
import pytest

from minigrad import Affinity, Map, Network, backend
from minigrad.errors import ShapeError
from minigrad.ode import Adaptive, Fixed, autonomous
from minigrad.ode import rest as rest_module
from minigrad.ode.rest import find_zeros, growth_rate, jacobian, rest_points


def well(t, x):
    return x - x**3


MINIMA = np.array([[2.0, 0.0], [-1.0, 1.5], [-1.0, -2.5]])


def three(t, x):
    """Downhill to the nearest of three places: the basins are known exactly."""
    far = ((x[:, None, :] - MINIMA) ** 2).sum(axis=-1)
    return 0.5 * (MINIMA[far.argmin(axis=1)] - x)


def cycle(t, s):
    x, y = s[..., 0], s[..., 1]
    grow = 1 - x * x - y * y
    return np.stack([grow * x - 3 * y, grow * y + 3 * x], axis=-1)


def test_a_double_well_has_two_with_half_the_starts_each():
    found = rest_points(well, np.linspace(-2, 2, 12)[:, None])
    np.testing.assert_allclose(sorted(found.points[:, 0]), [-1, 1], atol=1e-12)
    np.testing.assert_array_equal(found.shares, [0.5, 0.5])
    np.testing.assert_allclose(found.growth, -2, atol=1e-7)
    assert found.stable.all() and (found.speeds < 1e-12).all() and len(found) == 2
    np.testing.assert_array_equal(found.points[found.which, 0].round(), [-1] * 6 + [1] * 6)


def test_a_start_on_the_edge_rests_there_and_is_said_to_be_unstable():
    found = rest_points(well, np.linspace(-2, 2, 9)[:, None])
    np.testing.assert_allclose(found.shares, [4 / 9, 4 / 9, 1 / 9])
    np.testing.assert_allclose(found.growth, [-2, -2, 1], atol=1e-7)
    assert found.which[4] == 2 and not found.stable[2]


def test_each_start_goes_downhill_to_its_own_minimum(rng):
    starts = rng.uniform(-3, 3, (60, 2))
    nearest = ((starts[:, None, :] - MINIMA) ** 2).sum(axis=-1).argmin(axis=1)
    found = rest_points(three, starts)
    np.testing.assert_allclose(found.points[found.which], MINIMA[nearest], atol=1e-9)
    assert (np.diff(found.shares) <= 0).all() and len(found) == 3
    np.testing.assert_allclose(np.sort(found.shares), np.sort(np.bincount(nearest) / 60))
    np.testing.assert_allclose(found.ends, MINIMA[nearest], atol=1e-5)
    np.testing.assert_allclose(found.growth, -0.5, atol=1e-9)


@pytest.mark.parametrize("scale", [0.8, 3.0])
def test_a_symmetric_network_settles(scale, spec):
    """Below 1 its slope leaves 0 alone; above, pairs x and -x, where x = tanh(W x)."""
    Q = np.linalg.qr(np.random.default_rng(3).normal(size=(5, 5)))[0]
    W = scale * Q @ np.diag([1.0, 0.9, 0.2, -0.5, -1.0]) @ Q.T
    net = Network(Affinity(5, 5), Map("tanh"))
    net.layers[0].M = W
    net, place = net.to(spec), backend.place(spec)

    def field(t, x):
        return net(x) - x

    starts = np.random.default_rng(4).normal(size=(20, 5))
    found = rest_points(field, backend.move(np.concatenate([starts, -starts]), place))
    assert (found.which >= 0).all() and found.stable.all()
    np.testing.assert_allclose(found.points, np.tanh(found.points @ W), atol=1e-9)
    if scale < 1:
        np.testing.assert_allclose(found.points, np.zeros((1, 5)), atol=1e-9)
        assert found.growth[0] == pytest.approx(scale - 1, abs=1e-7)
    else:
        there, mirrored = found.points[found.which[:20]], found.points[found.which[20:]]
        assert len(found) >= 2 and np.abs(there).max(axis=1).min() > 0.5
        np.testing.assert_allclose(there, -mirrored, atol=1e-9)


def test_nothing_settles_on_a_cycle():
    found = rest_points(cycle, [[0.5, 0.0], [2.0, 1.0], [-1.0, 0.3]], t1=20.0)
    assert len(found) == 0 and found.which.tolist() == [-1] * 3 and found.points.shape == (0, 2)
    np.testing.assert_allclose(np.hypot(*found.ends.T), 1, atol=1e-6)
    assert "0 rest points of 3 starts, 3 not settled" in str(found)


@pytest.mark.parametrize("control", [None, Fixed(step=0.05)])
def test_one_that_leaves_for_infinity_does_not_keep_the_others_from_settling(control):
    starts = np.array([[2.0], [0.5], [-3.0], [1.5], [0.9]])
    found = rest_points(lambda t, x: x * x - 1, starts, 30.0, method="dopri5", control=control)
    assert found.which.tolist() == [-1, 0, 0, -1, 0] and found.shares.tolist() == [0.6]
    np.testing.assert_allclose(found.points, [[-1.0]], atol=1e-12)


def test_slow_ends_along_one_direction_become_one_point():
    """Both are slow enough to settle, and too far apart for one point, but each near the same."""
    rates, starts = np.array([1.0, 1e-3]), np.array([[0.0, 1e-3], [0.0, -1e-3]])
    found = rest_points(lambda t, x: -rates * x, starts, 1.0, 1e-6, apart=1e-3)
    np.testing.assert_allclose(found.points, [[0, 0]], atol=1e-9)
    np.testing.assert_allclose(found.ends, starts, rtol=1e-3, atol=1e-12)
    assert found.shares.tolist() == [1.0]


def test_newton_does_not_carry_a_point_away():
    found = rest_points(lambda t, x: 1e-7 * (5 - x), [[0.0]], 1.0)
    np.testing.assert_allclose(found.points, [[0.0]], atol=1e-5)
    assert found.speeds[0] == pytest.approx(5e-7, rel=1e-4)


def test_the_most_visited_comes_first_and_each_start_has_its_number():
    a, b, c = MINIMA
    found = rest_points(three, [a, b, c, c, a, c])
    np.testing.assert_allclose(found.points, [c, a, b], atol=1e-9)
    assert found.which.tolist() == [1, 2, 0, 0, 1, 0]
    np.testing.assert_allclose(found.shares, [3 / 6, 2 / 6, 1 / 6])


def test_the_distance_that_counts_as_apart_is_obeyed():
    starts = np.array([[0.0, 0.0], [0.0, 0.02], [0.0, 0.5]])
    for apart, expected in ((0.01, 3), (0.1, 2), (1.0, 1)):
        found = rest_points(lambda t, x: 0 * x, starts, apart=apart)
        assert len(found) == expected and found.shares[0] == (4 - expected) / 3


def test_newton_finds_saddles_and_sources_too():
    found = find_zeros(well, np.array([[-2.0], [0.1], [-0.1], [1.4]]))
    np.testing.assert_allclose(found.points[:, 0], [0, -1, 1], atol=1e-9)
    np.testing.assert_allclose(found.growth, [1, -2, -2], atol=1e-6)
    assert find_zeros(cycle, [[0.1, 0.2], [3.0, 0.0]]).growth[0] == pytest.approx(1, abs=1e-6)
    far = find_zeros(lambda t, x: np.arctan(x), [[3.0]])  # whole steps would go further and further
    np.testing.assert_allclose(far.points, [[0.0]], atol=1e-9)
    nothing = find_zeros(lambda t, x: 1 + x * x, [[0.3], [2.0]])
    assert len(nothing) == 0 and nothing.which.tolist() == [-1, -1]


def test_a_jacobian_has_rows_of_f_and_columns_of_x(spec):
    A = np.random.default_rng(1).normal(size=(3, 3))
    place = backend.place(spec)
    M = backend.move(A, place)
    J = jacobian(lambda t, x: t * (x @ M.mT) ** 2, backend.move([0.3, -1.2, 5.0], place), t=2.0)
    np.testing.assert_allclose(J, 4 * np.diag(A @ [0.3, -1.2, 5.0]) @ A, rtol=1e-7, atol=1e-8)


def test_a_wide_state_has_the_same_growth_as_a_narrow_one(monkeypatch, rng):
    net = Network(Affinity(9, 9), Map("tanh")).randomize(1)
    x = rng.normal(size=9)
    dense = growth_rate(autonomous(net), x)
    assert dense == pytest.approx(np.linalg.eigvals(jacobian(autonomous(net), x)).real.max())
    monkeypatch.setattr(rest_module, "DENSE", 8)
    assert growth_rate(autonomous(net), x) == pytest.approx(dense, abs=1e-6)
    with pytest.raises(ShapeError, match="width up to 8, came 9"):
        find_zeros(autonomous(net), x[None, :])


def test_the_table():
    text = str(rest_points(three, [[2.0, 0.1], [2.1, 0.0], [1.9, 0.2], [-1.0, 1.0]]))
    assert "2 rest points of 4 starts, 0 not settled" in text
    assert "75.0%" in text.splitlines()[2] and text.splitlines()[2].endswith("2 0")
    assert "25.0%" in text.splitlines()[3] and text.splitlines()[3].endswith("-1 1.5")


def test_bad_requests_are_refused():
    with pytest.raises(ShapeError, match=r"a batch \(S, n\)"):
        rest_points(well, [1.0, 2.0])
    with pytest.raises(ShapeError, match="field returned shape"):
        find_zeros(lambda t, x: x[:, :1], [[1.0, 2.0]])
    with pytest.raises(TypeError, match="is a layer"):
        rest_points(Affinity(2, 2), [[1.0, 2.0]])
    with pytest.raises(ValueError, match="batch_axes"):
        rest_points(well, [[1.0]], control=Adaptive(batch_axes=1))
