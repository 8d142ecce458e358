"""Velocity Verlet: reversible, without drift, of order 2, one evaluation a step."""

import numpy as np
import pytest

from minigrad import backend
from minigrad.errors import ShapeError
from minigrad.ode import Adaptive, Fixed, solve


def pendulum(t, x):
    return np.stack([x[1], -np.sin(x[0])])


def energy(x):
    return x[..., 1] ** 2 / 2 - np.cos(x[..., 0])


def test_there_and_back(place):
    xp = place.xp

    def field(t, x):
        return xp.stack([x[1, ...], -xp.sin(x[0, ...])])

    start = backend.move([[1.0, 2.0], [0.3, -0.2]], place)
    there = solve(field, start, 0.0, 100.0, "verlet", Fixed(steps=1000))
    back = solve(field, there.x[-1, ...], 100.0, 0.0, "verlet", Fixed(steps=1000))
    apart = backend.host(back.x[-1, ...]) - backend.host(start)
    assert np.abs(apart).max() <= 1e-12
    assert np.abs(backend.host(there.x[-1, ...]) - backend.host(start)).max() > 0.1


def test_energy_swings_and_does_not_drift():
    """Of the pendulum, h = 0.1; that of rk4 goes down."""
    errors = {}
    for steps in (1_000, 10_000):
        solution = solve(pendulum, [1.0, 0.0], 0.0, 0.1 * steps, "verlet", Fixed(steps=steps))
        errors[steps] = np.abs(energy(solution.x) - energy(solution.x[0])).max()
    assert errors[1_000] == pytest.approx(1.06e-3, rel=0.01)
    assert errors[10_000] == pytest.approx(errors[1_000], rel=0.01)
    drift = solve(pendulum, [1.0, 0.0], 0.0, 1_000.0, "rk4", Fixed(steps=10_000)).x
    assert energy(drift[-1]) - energy(drift[0]) == pytest.approx(-4.6e-4 / 10, rel=0.05)


def test_order_and_evaluations():
    exact, errors = np.array([np.cos(3.0), -np.sin(3.0)]), []
    for steps in (50, 100, 200):
        solution = solve(lambda t, x: np.stack([x[1], -x[0]]), [1.0, 0.0], 0.0, 3.0, "verlet",
                         Fixed(steps=steps))  # fmt: skip
        errors.append(np.abs(solution.x[-1] - exact).max())
        assert solution.evaluations == steps + 2  # the first slope, and one look at the field
    assert np.allclose(np.log2(np.divide(errors[:-1], errors[1:])), 2, atol=0.05)


def test_a_push_in_time_has_order_2_too():
    """q'' = cos t, from rest at q = -1: q = -cos t."""
    errors = []
    for steps in (50, 100, 200):
        solution = solve(lambda t, x: np.stack([x[1], np.cos(t)]), [-1.0, 0.0], 0.0, 3.0, "verlet",
                         Fixed(steps=steps))  # fmt: skip
        errors.append(abs(solution.x[-1, 0] + np.cos(3.0)))
    assert np.allclose(np.log2(np.divide(errors[:-1], errors[1:])), 2, atol=0.05)


def test_a_map_of_one_step_keeps_areas():
    """Symplectic: the determinant of d x(t + h) / dx is 1."""

    def step(x):
        return solve(pendulum, x, 0.0, 0.3, "verlet", Fixed(steps=1)).x[-1]

    x, small = np.array([0.8, 0.4]), 1e-5
    columns = [(step(x + d) - step(x - d)) / (2 * small) for d in small * np.eye(2)]
    assert np.linalg.det(np.stack(columns)) == pytest.approx(1, abs=1e-9)


def test_what_it_refuses():
    for shape in ((), (3,), (1, 2)):
        with pytest.raises(ShapeError, match=r"verlet: expected a state of shape \(2, ...\)"):
            solve(lambda t, x: x, np.ones(shape), method="verlet", control=Fixed(steps=1))
    with pytest.raises(ValueError, match="verlet does not estimate its error"):
        solve(pendulum, [1.0, 0.0], method="verlet", control=Adaptive())
    with pytest.raises(ValueError, match="its first half is not v"):
        solve(lambda t, x: -x, [1.0, 0.5], method="verlet", control=Fixed(steps=1))
    with pytest.raises(ValueError, match="the acceleration depends on the velocity"):
        solve(lambda t, x: np.stack([x[1], -x[0] - 0.1 * x[1]]), [1.0, 0.5], method="verlet",
              control=Fixed(steps=1))  # fmt: skip
