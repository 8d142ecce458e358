"""The gradient at a rest point: a linear equation, solved by letting it flow."""

import numpy as np
import pytest

from minigrad import backend
from minigrad.ode import Adaptive
from minigrad.ode.implicit import weights_at_rest

TIGHT = Adaptive(1e-10, 1e-12, rest=1e-10)


def stable(rng, n, reach=0.9):
    """A Jacobian whose eigenvalues are near -1."""
    A = rng.normal(size=(n, n))
    return reach * A / np.abs(np.linalg.eigvals(A)).max() - np.eye(n)


@pytest.mark.parametrize("lead", [(), (4,), (2, 3)], ids=str)
def test_the_weights_solve_the_transposed_equation(rng, lead, place):
    J, dy = stable(rng, 5, 0.7), rng.normal(size=(*lead, 5))
    there = backend.move(J, place)
    found = weights_at_rest(
        lambda w: w @ there, backend.move(dy, place), 0.0, 500.0, "dopri5", TIGHT
    )
    expected = -np.linalg.solve(J.T, dy[..., None])[..., 0]
    assert found.at_rest
    np.testing.assert_allclose(backend.host(found.x[-1, ...]), expected, atol=1e-8)


def test_they_give_the_gradient_of_a_rest_point(rng):
    """x = tanh(W x + b): dE/db = w f', against differences of the point itself."""
    W, b, dy = 0.4 * rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=3)

    def rest(b):
        x = np.zeros(3)
        for _ in range(500):
            x = np.tanh(W @ x + b)
        return x

    slope = 1 - rest(b) ** 2
    found = weights_at_rest(lambda w: W.T @ (slope * w) - w, dy, 0.0, 500.0, "dopri5", TIGHT)
    numeric = [dy @ (rest(b + h) - rest(b - h)) / 2e-6 for h in 1e-6 * np.eye(3)]
    np.testing.assert_allclose(found.x[-1] * slope, numeric, rtol=1e-6, atol=1e-9)


def test_what_does_not_come_to_rest_is_not_said_to(rng):
    J = stable(rng, 4) + 1.5 * np.eye(4)
    found = weights_at_rest(lambda w: w @ J, np.ones(4), 0.0, 5.0, "dopri5", TIGHT)
    assert not found.at_rest


def test_no_upstream_gradient_is_at_rest_at_once(rng):
    J = stable(rng, 4)
    found = weights_at_rest(lambda w: w @ J, np.zeros((2, 4)), 0.0, 5.0, "dopri5", TIGHT)
    assert found.at_rest and not found.x[-1].any()
