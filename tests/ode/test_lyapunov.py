"""Lyapunov exponents of flows of which they are known."""

import math

import numpy as np
import pytest

from minigrad import Affinity, Network, backend
from minigrad.errors import ShapeError, SolverError
from minigrad.ode import autonomous
from minigrad.ode.lyapunov import Exponents, _orthonormal, lyapunov


def lorenz(t, s):
    x, y, z = s[..., 0], s[..., 1], s[..., 2]
    return np.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], axis=-1)


def lorenz_jacobian(t, s):
    x, y, z = s[..., 0], s[..., 1], s[..., 2]
    one = np.ones_like(x)
    rows = [-10 * one, 10 * one, 0 * one], [28 - z, -one, -x], [y, x, -8 / 3 * one]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def matrix(*real, spiral=None):
    """A matrix with these real eigenvalues, in oblique directions, and a spiral a +- i w."""
    n = len(real) + 2 * (spiral is not None)
    D = np.diag([*real, *([spiral[0]] * 2 if spiral else [])])
    if spiral:
        D[-2, -1], D[-1, -2] = -spiral[1], spiral[1]
    S = np.eye(n) + 0.3 * np.random.default_rng(5).normal(size=(n, n))
    return S @ D @ np.linalg.inv(S)


def test_a_linear_flow_has_the_real_parts_of_its_eigenvalues():
    A = matrix(0.5, -0.2, -1.5)
    found = lyapunov(lambda t, x: x @ A.T, [[1.0, 0.3, 2.0]], 4.0, 3, 0.04, 20.0, rng=1)
    np.testing.assert_allclose(found.values, [[0.5, -0.2, -1.5]], atol=1e-6)
    spiral = matrix(-2.0, spiral=(-0.3, 2.0))
    found = lyapunov(lambda t, x: x @ spiral.T, np.ones((1, 3)), 4 * math.pi, 3, 0.03, 10.0, rng=1)
    np.testing.assert_allclose(found.values[0], [-0.3, -0.3, -2.0], atol=1e-5)  # whole turns


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
def test_a_leak_forgets_at_rate_1_whatever_the_shape(shape, rng):
    found = lyapunov(lambda t, x: -x, rng.normal(size=shape), 2.0, 2, 0.05)
    assert found.values.shape == (*shape[:-1], 2) and found.history.shape == (8, *shape[:-1], 2)
    np.testing.assert_allclose(found.history, -1, atol=1e-6)
    np.testing.assert_allclose(found.times, 0.25 * np.arange(1, 9))


def test_each_trajectory_has_exponents_of_its_own():
    rates = np.array([[0.5, -1.0], [2.0, -3.0], [-0.1, -2.0]])

    def field(t, x):  # x_1 says which trajectory it is, and stays
        rate = np.where(x[..., :1] < 0.5, rates[0], np.where(x[..., :1] < 1.5, rates[1], rates[2]))
        return rate * (x - np.stack([x[..., 0].round(), 0 * x[..., 0]], axis=-1))

    x0 = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
    found = lyapunov(field, x0, 3.0, 2, 0.05, 15.0, rng=2)
    np.testing.assert_allclose(found.values, rates, atol=1e-4)


def test_lorenz():
    """Known: 0.9056, 0, -14.572; the sum is the divergence, -41/3, of every trajectory.

    Over so short a time trajectories differ by 0.1; the mean of 60, by 0.013.
    """
    x0 = [0, 0, 25] + 8 * np.random.default_rng(0).normal(size=(60, 3))
    found = lyapunov(lorenz, x0, 20.0, 3, 0.0125, 10.0, rng=0)
    np.testing.assert_allclose(found.sum, -41 / 3, atol=1e-3)
    largest, middle, least = found.values.mean(axis=0)
    assert abs(largest - 0.9056) < 0.05 and abs(middle) < 0.02 and abs(least + 14.572) < 0.05
    mean = Exponents(found.values.mean(axis=0), found.times, found.history, 3)
    assert abs(mean.dimension - 2.062) < 0.005
    assert found.dimension.shape == (60,)


def test_a_jacobian_does_what_the_differences_do():
    x0 = np.array([[1.0, 2.0, 20.0], [-3.0, -1.0, 15.0]])
    by_hand = lyapunov(lorenz, x0, 1.0, 2, jacobian=lorenz_jacobian, rng=3)
    np.testing.assert_allclose(
        lyapunov(lorenz, x0, 1.0, 2, rng=3).values, by_hand.values, rtol=1e-6
    )
    alone = lyapunov(lorenz, x0[1], 1.0, 3, jacobian=lorenz_jacobian, rng=3)
    np.testing.assert_allclose(alone.sum, -41 / 3, atol=1e-3)
    wrong = lyapunov(lorenz, x0, 1.0, 2, jacobian=lambda t, x: 0 * lorenz_jacobian(t, x), rng=3)
    np.testing.assert_allclose(wrong.values, 0, atol=1e-12)


def test_a_state_of_one_axis_may_come_from_a_field_of_single_states():
    def single(t, s):  # of three rows it would make another thing of the right shape
        return np.array([10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]])

    x0 = np.array([1.0, 2.0, 20.0])
    found = lyapunov(single, x0, 1.0, 1, rng=4).values
    np.testing.assert_allclose(found, lyapunov(lorenz, x0[None, :], 1.0, 1, rng=4).values[0])


def test_a_stable_limit_cycle_has_0_and_a_negative_one():
    """r' = r (1 - r^2), phi' = 3: the exponents are 0 and -2, the dimension is 1."""

    def cycle(t, s):
        x, y = s[..., 0], s[..., 1]
        grow = 1 - x * x - y * y
        return np.stack([grow * x - 3 * y, grow * y + 3 * x], axis=-1)

    found = lyapunov(cycle, [[0.1, 0.0]], 10.0, 2, 0.02, 15.0, rng=5)
    np.testing.assert_allclose(found.values[0], [0, -2], atol=1e-5)


def test_a_method_that_hands_on_its_last_slope_is_asked_anew_after_a_turn():
    A = matrix(0.5, -1.0, -3.0)
    found = lyapunov(lambda t, x: x @ A.T, np.ones((1, 3)), 2.0, 3, 0.05, 12.0, "dopri5", rng=1)
    np.testing.assert_allclose(found.values, [[0.5, -1.0, -3.0]], atol=1e-5)


def test_a_large_state_does_not_blur_the_others():
    found = lyapunov(lambda t, x: -np.sin(x), [[0.0], [1e7]], 1.0, 1, 0.05, rng=0)
    np.testing.assert_allclose(found.values[0], -1, atol=1e-6)


def test_tangents_keep_their_side_when_made_orthonormal(rng):
    tangents = rng.normal(size=(5, 4, 3))
    q, logs = _orthonormal(np, tangents)
    r = q.mT @ tangents
    np.testing.assert_allclose(q.mT @ q, np.broadcast_to(np.eye(3), (5, 3, 3)), atol=1e-12)
    np.testing.assert_allclose(np.diagonal(r, axis1=1, axis2=2), np.exp(logs))


def test_a_driven_field_sees_the_time():
    found = lyapunov(lambda t, x: 2 * t * x, [[1.0]], 2.0, 1, 0.02, 1.0, rng=0)
    np.testing.assert_allclose(found.values, 4.0, rtol=1e-5)  # the mean of 2 t from 1 to 3


def test_networks_of_every_backend_and_stacks(spec, rng):
    net, place = Network(Affinity(3, 3)), backend.place(spec)
    net.layers[0].M = matrix(0.4, -1.0, -2.5)
    net = net.to(spec)
    x0 = backend.move(rng.normal(size=(2, 3)), place)
    found = lyapunov(autonomous(net), x0, 1.0, 2, 0.1, 15.0, rng=6)
    np.testing.assert_allclose(found.values, [[0.4, -1.0]] * 2, atol=1e-4)
    many = Network(Affinity(3, 3)).stack(2, rng=7)
    each = np.stack([matrix(0.4, -1.0, -2.5), matrix(-0.3, -1.0, -2.0)])
    many.layers[0].M = each
    found = lyapunov(autonomous(many), rng.normal(size=(2, 5, 3)), 1.0, 1, 0.1, 25.0, rng=6)
    np.testing.assert_allclose(found.values[..., 0], [[0.4] * 5, [-0.3] * 5], atol=1e-4)


def test_the_dimension_of_kaplan_and_yorke():
    def of(*values, width=3):
        row = np.array(values)
        return Exponents(row, np.array([1.0]), row[None], width).dimension

    assert of(0.9, 0.0, -14.5) == pytest.approx(2 + 0.9 / 14.5)
    assert of(-14.5, 0.9, 0.0) == of(0.9, 0.0, -14.5)
    assert of(-1.0, -2.0) == 0 and of(2.0, 1.0, -1.0) == 3
    assert of(0.5, -2.0) == pytest.approx(1.25)  # two of three do, if their sum is negative
    with pytest.raises(ValueError, match="needs more exponents"):
        of(0.9, 0.0)
    assert "0.9000, -2.0000" in str(
        Exponents(np.array([0.9, -2.0]), np.ones(1), np.ones((1, 2)), 2)
    )


def test_bad_requests_are_refused():
    def leak(t, x):
        return -x

    for count in (0, 3, 1.0, True):
        with pytest.raises(ValueError, match="exponents from 1 to 2"):
            lyapunov(leak, [1.0, 2.0], 1.0, count)
    for wrong in ({"t1": 0.0}, {"step": -1.0}, {"transient": -0.5}, {"t1": math.inf}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))}: expected a time"):
            lyapunov(leak, [1.0, 2.0], **{"t1": 1.0, **wrong})
    with pytest.raises(ShapeError, match="expected a vector"):
        lyapunov(leak, 1.0, 1.0)
    with pytest.raises(TypeError, match="real floating"):
        lyapunov(leak, np.array([1, 2]), 1.0)
    with pytest.raises(ShapeError, match="field returned shape"):
        lyapunov(lambda t, x: x[..., :1], [1.0, 2.0], 1.0)
    with pytest.raises(ShapeError, match=r"jacobian has shape \(2,\)"):
        lyapunov(leak, [1.0, 2.0], 1.0, jacobian=leak)
    with np.errstate(all="ignore"), pytest.raises(SolverError, match="try a shorter one"):
        lyapunov(lambda t, x: x**3, [2.0, 3.0], 5.0, step=0.1)
