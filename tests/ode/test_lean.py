"""The lean step is the plain one, and keeps nothing that the field or the caller may keep."""

import numpy as np
import pytest

from minigrad.ode import Adaptive, Fixed, solve
from minigrad.ode.lean import LeanRungeKutta
from minigrad.ode.runge_kutta import RungeKutta
from minigrad.ode.tableaus import TABLEAUS, tableau

every = pytest.mark.parametrize("method", TABLEAUS, ids=lambda t: t.name)
shapes = pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,)], ids=str)


def bent(t, x):
    return np.asarray(np.sin(x + t) - x / (1 + np.abs(np.roll(x, 1))))


@every
@shapes
def test_it_is_the_plain_step(method, shape, rng):
    x, t = np.array(rng.standard_normal(shape)), 0.3
    plain, lean = RungeKutta(method, x), LeanRungeKutta(method, x)
    control = Adaptive()
    for h in (0.1, -0.2, 0.03):
        slope = bent(t, x)
        new, error, last = plain.step(bent, t, x, h, slope)
        new2, error2, last2 = lean.step(bent, t, x, h, slope)
        np.testing.assert_allclose(new2, new, rtol=1e-12, atol=1e-15)
        assert (last is None) == (last2 is None) == (not method.first_same_as_last)
        if last is not None:
            np.testing.assert_allclose(last2, last, rtol=1e-12)
        assert (error is None) == (error2 is None) == (method.embedded is None)
        if error is not None:
            # Two estimates, one over the other, show the rounding of both, and have no sign.
            loose = 1e-6 if method.name == "dop853" else 1e-12
            np.testing.assert_allclose(abs(error2), abs(error), rtol=loose, atol=1e-16)
            assert np.shape(error2) == np.shape(error) == shape
            if x.size:
                expected = float(control.norm(np, error2, x, new2))
                assert lean.norm(control, error2, x, new2) == pytest.approx(expected, rel=1e-12)
        x, t = new2, t + h


@every
def test_a_step_that_ran_away_leaves_nothing_behind(method):
    x = np.array([1.0, 2.0])
    lean = LeanRungeKutta(method, x)
    with np.errstate(all="ignore"):
        lean.step(lambda t, x: np.full(2, np.nan), 0.0, x, 1.0, np.full(2, np.inf))
    expected = RungeKutta(method, x).step(bent, 0.0, x, 0.1, bent(0.0, x))[0]
    np.testing.assert_allclose(lean.step(bent, 0.0, x, 0.1, bent(0.0, x))[0], expected, rtol=1e-12)


@every
def test_what_the_field_was_given_stays_as_it_was(method):
    given = []

    def field(t, x):
        given.append((x, x.copy()))
        return -x

    solve(field, [1.0, 2.0], 0.0, 1.0, method, Fixed(steps=5))
    assert len({id(x) for x, _ in given}) == len(given)
    assert all(np.array_equal(x, then) for x, then in given)


@pytest.mark.parametrize(
    "control", [Adaptive(first=2.0), Fixed(steps=20)], ids=["adaptive", "fixed"]
)
@pytest.mark.parametrize("method", ["dopri5", "fehlberg45", "bosh3"])
def test_a_field_may_answer_in_the_same_memory_again(method, control):
    """What it answered last must be as it was when a step is taken again, or looked into."""
    answer = np.empty(2)

    def field(t, x):
        answer[0], answer[1] = x[1] * (1 + t), -x[0] * (1 + t)
        return answer

    def fresh(t, x):
        return field(t, x).copy()

    at = np.linspace(0, 3, 31)
    one = solve(field, [1.0, 0.0], 0.0, 3.0, method, control, at=at)
    other = solve(fresh, [1.0, 0.0], 0.0, 3.0, method, control, at=at)
    assert np.array_equal(one.x, other.x)
    if isinstance(control, Adaptive):
        assert one.rejected


def test_the_start_is_the_caller_s_and_not_the_solution_s():
    start = np.array([1.0, 2.0])
    solution = solve(lambda t, x: -x, start)
    assert np.array_equal(start, [1.0, 2.0])
    start[:] = 7
    assert np.array_equal(solution.x[0], [1.0, 2.0])


def test_it_works_where_plain_numpy_states_share_their_steps():
    from minigrad.ode.solve import _stepper

    x = np.ones(3)
    assert type(_stepper("dopri5", x, Fixed(steps=1))) is LeanRungeKutta
    assert type(_stepper("dopri5", x, Adaptive())) is LeanRungeKutta
    assert type(_stepper("dopri5", x, Adaptive(batch_axes=1))) is RungeKutta
    assert type(_stepper("dopri5", x + 0j, Adaptive())) is RungeKutta


def test_float32_stays_float32():
    x = np.ones(3, np.float32)
    lean = LeanRungeKutta(tableau("dopri5"), x)
    new, error, last = lean.step(lambda t, x: -x, 0.0, x, 0.1, -x)
    assert new.dtype == error.dtype == last.dtype == np.float32
