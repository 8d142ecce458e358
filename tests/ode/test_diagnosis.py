"""When a solve cannot go on: the cause is named, and what was solved is kept."""

import numpy as np
import pytest

from minigrad import backend
from minigrad.errors import SolverError
from minigrad.ode import Adaptive, Fixed, solve
from minigrad.ode.diagnosis import spectral_radius
from minigrad.ode.stiff import TrBdf2


def failure(*args, **kwargs):
    with pytest.raises(SolverError) as raised:
        solve(*args, **kwargs)
    return raised.value


def steep(t, y):
    return -1e6 * (y - np.cos(t))


def test_a_start_that_is_not_finite():
    assert str(failure(lambda t, x: -x, [1.0, np.nan])) == "the start x0 has nan at (1,)"


@pytest.mark.parametrize("control", [Adaptive(), Fixed(steps=3)])
def test_a_field_that_is_not_finite_at_the_start(control):
    error = failure(lambda t, x: x * np.array([1, np.nan]), [1.0, 2.0], 0.5, control=control)
    assert "the field is nan at (1,) at t = 0.5, on a finite state" in str(error)
    assert error.solution.x.tolist() == [[1.0, 2.0]]
    assert error.solution.ended == "failed at t = 0.5"


@pytest.mark.parametrize("sign", [1, -1])
def test_a_blow_up(place, sign):
    """x' = x^2 from 1: 1 / (1 - t)."""
    start = backend.move([1.0], place)
    error = failure(lambda t, x: sign * x**2, start, 0.0, sign * 2.0)
    assert "blow up" in str(error)
    assert abs(error.solution.t[-1] - sign) < 1e-6
    assert float(error.solution.x[-1, 0]) > 1e6
    assert str(error).startswith(f"dopri5 at t = {sign} of 0 to {2 * sign}, after ")


@pytest.mark.parametrize("sign", [1, -1])
def test_a_field_that_ends_where_its_domain_does(sign):
    def field(t, x):
        return sign * (np.full_like(x, np.nan) if sign * t > 0.5 else np.ones_like(x))

    error = failure(field, [0.0], 0.0, sign * 1.0)
    assert "the field became nan at (0,) just beyond t = " in str(error)
    assert sign * error.solution.t[-1] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("method", ["dopri5", "bosh3", "dop853"])
def test_a_stiff_field_is_named_with_the_remedy_when_steps_run_out(method):
    error = failure(steep, [1.0], 0.0, 2.0, method, Adaptive(max_steps=400))
    assert "400 steps were tried, the bound, and t1 = 2 not reached" in str(error)
    assert "the field is stiff: try method='tr-bdf2'" in str(error)
    assert "slope is about 1e+06" in str(error)
    assert len(error.solution.t) == error.solution.accepted + 1


def test_a_field_that_is_not_stiff_is_not_called_so():
    error = failure(
        lambda t, x: np.cos(50 * t) * x, [1.0], 0.0, 1e3, control=Adaptive(max_steps=50)
    )
    assert "50 steps were tried" in str(error)
    assert "stiff" not in str(error)


def test_equal_steps_that_are_too_long_for_a_stiff_field():
    error = failure(steep, [0.0], 0.0, 2.0, "rk4", Fixed(steps=100))
    assert "the field is stiff: try method='tr-bdf2'" in str(error)
    assert "rk4 is stable up to h = 2.8e-06" in str(error)


def test_equal_steps_into_a_blow_up():
    error = failure(lambda t, x: x**2, [1.0], 0.0, 2.0, "rk4", Fixed(steps=100))
    assert "the solution blew up: |x| is " in str(error)
    assert error.solution.t[-1] < 1.2


def test_equal_steps_run_out():
    control = Fixed(step=0.01, max_steps=10)
    error = failure(lambda t, x: -x, [1.0], method="rk4", control=control)
    assert "10 steps were taken, the bound, and t1 = 1 not reached" in str(error)
    assert error.solution.t[-1] == pytest.approx(0.1)


def test_a_tolerance_that_one_digit_does_not_reach():
    error = failure(
        lambda t, x: np.sin(1e9 * x), [1e9], control=Adaptive(rtol=0, atol=1e-12, max_steps=500)
    )
    assert "the tolerance is below rounding: atol + rtol |x| = 1.0e-12" in str(error)


def test_a_pole_in_time():
    """The last resort names the place."""
    error = failure(lambda t, x: 0 * x + 1 / abs(0.5 - t), [0.0])
    assert "the step shrank to" in str(error)
    assert "near t = 0.5" in str(error)


def test_an_iteration_that_does_not_converge():
    wrong = TrBdf2(jacobian=lambda t, x: 1e9 * np.eye(1))
    error = failure(lambda t, x: -(x**3), [2.0], 0.0, 1.0, wrong, Adaptive(max_steps=100))
    assert "100 steps were tried" in str(error)
    assert "Newton's iteration did not converge" in str(error)
    fixed = failure(lambda t, x: np.sin(1e3 * x), [2.0], 0.0, 1e3, "tr-bdf2", Fixed(steps=2))
    assert "Newton" in str(fixed)


def test_the_largest_slope_of_a_field(place):
    A = backend.move([[-3.0, 1.0], [0.0, -1000.0]], place)
    x = backend.move([1.0, 2.0], place)
    assert spectral_radius(lambda t, x: A @ x, 0.0, x) == pytest.approx(1000, rel=1e-3)
    assert spectral_radius(lambda t, x: 0 * x, 0.0, x) == 0
