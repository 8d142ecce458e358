"""Traces: the times and the steps are the ones asked for, and noise starts as large as it must."""

import math

import numpy as np
import pytest

from minigrad import Affinity, Map, Network, backend
from minigrad.ode import Adaptive, Fixed, autonomous, solve
from minigrad.ode.trace import flip_distance, flipped, trace


class Counting:
    """x' = -2 t x, x = x0 exp(-t^2): the times at which it was asked."""

    def __init__(self):
        self.times = []

    def __call__(self, t, x):
        self.times.append(t)
        return -2 * t * x


@pytest.mark.parametrize(("t0", "t1"), [(0.0, 1.4), (-0.3, 0.7), (1.1, 0.2)])
def test_frames_are_the_states_at_equally_spaced_times_both_ends_included(t0, t1):
    x0 = np.array([[1.0, 2.0, -3.0], [0.5, 0.1, 4.0]])
    x, times = trace(Counting(), x0, t0, t1, frames=8), np.linspace(t0, t1, 8)
    exact = np.exp(t0**2 - times**2)[:, None, None] * x0
    assert x.shape == (8, 2, 3)
    np.testing.assert_array_equal(x[0], x0)
    np.testing.assert_allclose(x, exact, rtol=1e-5)


@pytest.mark.parametrize(("frames", "t1"), [(4, 0.9), (8, 0.7), (11, 1.0), (100, 0.3), (50, 2.45)])
def test_between_two_frames_lie_equally_many_steps_whatever_the_rounding(frames, t1):
    """0.7 / 7 is not 0.1: one who adds up steps until the next frame takes one or two of them."""
    gap = t1 / (frames - 1)
    lengths = (Fixed(step=gap / 3), 3), (Fixed(step=1.3 * gap), 1), (Fixed(step=gap / 2.5), 3)
    for control, each in (*lengths, (Fixed(steps=4 * (frames - 1)), 4)):
        field = Counting()
        trace(field, [1.0], 0.0, t1, frames, "euler", control)
        steps = each * (frames - 1)
        at = np.unique(np.array(field.times).round(12))
        np.testing.assert_allclose(at, np.linspace(0, t1, steps + 1), atol=1e-12)


def test_the_frames_are_the_states_of_the_plain_solve():
    field, x0 = Counting(), np.array([1.0, 3.0])
    every = solve(field, x0, 0.0, 1.5, "rk4", Fixed(steps=12)).x
    np.testing.assert_array_equal(trace(field, x0, 0.0, 1.5, 5, "rk4", Fixed(steps=12)), every[::3])


def test_an_adaptive_trace_has_its_frames_too():
    x = trace(Counting(), [2.0], 0.0, 1.2, 7, "dopri5", Adaptive(rtol=1e-9, atol=1e-12))
    np.testing.assert_allclose(x[:, 0], 2 * np.exp(-(np.linspace(0, 1.2, 7) ** 2)), rtol=1e-7)


def test_traces_of_networks_of_every_backend(spec):
    net = Network(Affinity(3, 4), Map("tanh"), Affinity(4, 3)).randomize(1)
    x0 = np.random.default_rng(2).normal(size=(5, 3))
    other = net.to(spec)
    x = trace(autonomous(other), backend.move(x0, other.place), 0.0, 2.0, 6)
    assert backend.place_of(x) == other.place
    np.testing.assert_allclose(backend.host(x), trace(autonomous(net), x0, 0.0, 2.0, 6), rtol=1e-12)
    d = flip_distance(autonomous(other), backend.move(x0, other.place), 1 / 3, 2.0, 6, rng=3)
    again = flip_distance(autonomous(net), x0, 1 / 3, 2.0, 6, rng=3)
    np.testing.assert_allclose(backend.host(d), again, rtol=1e-12)


def test_bad_requests_are_refused():
    for frames in (1, 2.0, True):
        with pytest.raises(ValueError, match="frames: expected an integer from 2 on"):
            trace(Counting(), [1.0], frames=frames)
    with pytest.raises(ValueError, match="expected a multiple, such as 12"):
        trace(Counting(), [1.0], frames=5, control=Fixed(steps=10))
    with pytest.raises(ValueError, match=r"4 times 10 steps or more, and the bound .* is 39"):
        trace(Counting(), [1.0], frames=5, control=Fixed(step=0.025, max_steps=39))
    with pytest.raises(ValueError, match="would end the trace"):
        trace(Counting(), [1.0], frames=5, control=Adaptive(rest=1e-3))
    with pytest.raises(TypeError, match=r"came 0\.1"):
        trace(Counting(), [1.0], control=0.1)
    with pytest.raises(ValueError, match="a share from 0 to 1"):
        flipped([1.0], 1.2)


# --- noise ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("low", [0.0, -1.0])
def test_the_share_of_each_row_is_flipped_and_no_other(low, rng):
    x = rng.uniform(low, 1, (40, 10))
    y = flipped(x, 0.3, low, rng=1)
    moved = y != x
    assert (moved.sum(axis=1) == 3).all()
    assert (moved.sum(axis=0) > 0).all() and len(np.unique(moved, axis=0)) > 20
    np.testing.assert_array_equal(y[moved], (low + 1 - x)[moved])
    np.testing.assert_array_equal(flipped(x, 1.0, low, rng=1), low + 1 - x)
    np.testing.assert_array_equal(flipped(x, 0.0, low, rng=1), x)


@pytest.mark.parametrize(("low", "first"), [(0.0, math.sqrt(0.2)), (-1.0, 2 * math.sqrt(0.2))])
def test_the_distance_of_a_linear_flow_falls_as_it_must(low, first, rng):
    x = np.where(rng.random((6, 15)) < 0.4, low, 1.0)
    d = flip_distance(lambda t, x: -0.7 * x, x, 0.2, 3.0, 9, low, rng=4)
    assert d.shape == (9, 6)
    exact = first * np.exp(-0.7 * np.linspace(0, 3, 9))
    np.testing.assert_allclose(d, np.broadcast_to(exact[:, None], d.shape), rtol=1e-7)
