"""Trajectories with steps of their own: as each alone, in one array program."""

import numpy as np
import pytest

from minigrad import Affinity, Map, Network, backend
from minigrad.errors import SolverError
from minigrad.ode import Adaptive, solve, timed

RATES = np.array([[1.0], [5.0], [0.1], [20.0]])
STARTS = np.array([[1.0, 0.0], [2.0, 0.0], [0.1, 3.0], [-1.0, 1.0]])
AT = [0.0, 0.0, 0.3, 1.0, 1.0, 4.0]


def van_der_pol(xp, rates):
    def field(t, x):
        q, v = x[..., :1], x[..., 1:]
        return xp.concat([v, rates * (1 - q**2) * v - q + xp.sin(t + 0 * q)], axis=-1)

    return field


@pytest.mark.parametrize("method", ["dopri5", "bosh3", "fehlberg45", "dop853"])
@pytest.mark.parametrize("t1", [2.0, -0.2])
def test_each_goes_as_if_alone(place, method, t1):
    xp, rates, x = place.xp, backend.move(RATES, place), backend.move(STARTS, place)
    at = [t * t1 / 4 for t in AT]
    together = solve(
        van_der_pol(xp, rates), x, 0.0, t1, method, Adaptive(1e-4, 1e-6, batch_axes=1), at
    )
    assert together.t.tolist() == at
    assert together.x.shape == (len(at), *x.shape)
    assert together.ended == f"reached t1 = {t1:g}"
    assert len(set(together.accepted.tolist())) > 1
    for i in range(len(RATES)):
        field = van_der_pol(xp, rates[i, ...])
        alone = solve(field, x[i, ...], 0.0, t1, method, Adaptive(1e-4, 1e-6), at)
        np.testing.assert_allclose(
            backend.host(together.x[:, i, ...]), backend.host(alone.x), rtol=1e-6, atol=1e-8
        )
        assert abs(together.accepted[i] - alone.accepted) <= 2
        assert abs(together.rejected[i] - alone.rejected) <= 2


def test_start_and_end_are_kept_where_no_times_are_asked_for():
    solution = solve(lambda t, x: -x, STARTS, 0.5, 1.5, control=Adaptive(batch_axes=1))
    assert solution.t.tolist() == [0.5, 1.5]
    assert np.array_equal(solution.x[0], STARTS)
    np.testing.assert_allclose(solution.x[1], np.exp(-1) * STARTS, rtol=1e-5)
    assert np.array_equal(solution(1.5), solution.x[1])
    with pytest.raises(ValueError, match="the solve kept those at given times only"):
        solution(1.0)


def test_evaluations_are_calls_and_the_slowest_sets_their_number():
    calls = []

    def field(t, x):
        calls.append(np.shape(t))
        return -RATES * x

    solution = solve(field, STARTS, 0.0, 4.0, control=Adaptive(batch_axes=1))
    assert solution.evaluations == len(calls)
    assert set(calls) == {(4, 1)}
    tries = (solution.accepted + solution.rejected).max()
    assert solution.evaluations == 6 * tries + 2
    low, high = solution.accepted.min(), solution.accepted.max()
    assert f"after {low} to {high} steps" in str(solution)


def test_two_axes_of_trajectories_and_numbers_that_are_ones_each(place):
    values = np.arange(1.0, 7.0).reshape(2, 3)
    x = backend.move(values, place)
    rates = backend.move(np.array([[1.0, 2.0, 3.0], [0.1, 0.2, 0.3]]), place)
    solution = solve(lambda t, x: -rates * x, x, 0.0, 2.0, control=Adaptive(batch_axes=2))
    expected = values * np.exp(-2 * backend.host(rates))
    np.testing.assert_allclose(backend.host(solution.x[-1, ...]), expected, rtol=1e-5)
    assert solution.accepted.shape == (2, 3)
    assert solution.accepted[0, 2] > solution.accepted[1, 0]


def test_other_types(place):
    for dtype in ("float32", "complex128"):
        x = place.xp.ones((2, 3), dtype=getattr(place.xp, dtype), device=place.device)
        solution = solve(lambda t, x: -x, x, 0.0, 1.0, control=Adaptive(1e-4, 1e-6, batch_axes=1))
        assert solution.x.dtype == x.dtype
        np.testing.assert_allclose(backend.host(solution.x[-1, ...]), np.exp(-1), rtol=1e-3)


def test_a_network_of_time(rng):
    field = timed(Network(Affinity(4, 5, rng=3), Map("tanh"), Affinity(5, 3, rng=4)))
    x = rng.standard_normal((5, 3))
    each = solve(field, x, 0.0, 2.0, control=Adaptive(1e-9, 1e-10, batch_axes=1))
    all_ = solve(field, x, 0.0, 2.0, control=Adaptive(1e-9, 1e-10))
    np.testing.assert_allclose(each.x[-1], all_.x[-1], atol=1e-7)


def test_spans_of_nothing_and_batches_of_none():
    control = Adaptive(batch_axes=1)
    solution = solve(lambda t, x: -x, STARTS, 1.0, 1.0, control=control)
    assert np.array_equal(solution.x, [STARTS, STARTS])
    assert solution.accepted.tolist() == [0] * 4
    empty = solve(lambda t, x: -x, np.ones((0, 2)), 0.0, 1.0, control=control)
    assert empty.x.shape == (2, 0, 2)


def test_a_field_may_answer_in_the_same_memory_again():
    answer = np.empty_like(STARTS)

    def field(t, x):
        answer[...] = van_der_pol(np, RATES)(t, x)
        return answer

    one = solve(field, STARTS, 0.0, 4.0, "bosh3", Adaptive(batch_axes=1), AT)
    other = solve(van_der_pol(np, RATES), STARTS, 0.0, 4.0, "bosh3", Adaptive(batch_axes=1), AT)
    assert other.rejected.any()
    assert np.array_equal(one.x, other.x)


# --- failures -------------------------------------------------------------------------------------


def test_a_trajectory_that_blows_up_is_named_and_the_others_are_kept(place):
    x = backend.move([[0.1], [0.2], [1.0], [-1.0]], place)
    with pytest.raises(
        SolverError, match=r"trajectory 2, at t = .* of 0 to 2, .*blow up"
    ) as raised:
        solve(lambda t, x: x**2, x, 0.0, 2.0, control=Adaptive(batch_axes=1), at=[0.0, 0.5, 2.0])
    kept = backend.host(raised.value.solution.x)[..., 0]
    np.testing.assert_allclose(kept[1], 1 / (1 / np.array([0.1, 0.2, 1.0, -1.0]) - 0.5), rtol=1e-4)
    assert np.isnan(kept[2, 2])
    assert kept[2, 3] == pytest.approx(-1 / 3, rel=1e-4)


def test_a_stiff_one_and_a_field_that_is_not_finite():
    rates = np.array([[1.0], [1e6]])
    with pytest.raises(SolverError, match=r"trajectory 1, .*200 steps were tried.*"):
        solve(lambda t, x: -rates * (x - np.cos(t)), np.ones((2, 1)), 0.0, 2.0,
              control=Adaptive(batch_axes=1, max_steps=200))  # fmt: skip
    with pytest.raises(SolverError, match=r"trajectory 1, .*the field is nan at \(1, 0\) at t = 0"):
        solve(lambda t, x: np.array([[1.0], [np.nan]]), np.ones((2, 1)),
              control=Adaptive(batch_axes=1))  # fmt: skip
    with pytest.raises(
        SolverError, match=r"trajectory \(0, 1\) and 1 more|trajectory \(0, 1\), and 1"
    ):
        solve(lambda t, x: x**2, np.array([[0.1, 1.0], [1.0, 0.1]]), 0.0, 2.0,
              control=Adaptive(batch_axes=2))  # fmt: skip


def test_the_cause_is_looked_for_at_the_one_that_failed():
    speeds = np.array([[0.1], [1.0]])
    with pytest.raises(SolverError, match=r"trajectory 1, at t = 0\.5.*became nan at \(0,\) just"):
        solve(lambda t, x: np.where(x >= 0.5, np.nan, speeds), np.zeros((2, 1)),
              control=Adaptive(batch_axes=1))  # fmt: skip


def test_an_interruption_returns_what_was_solved():
    calls = iter(range(10**6))

    def field(t, x):
        if next(calls) > 100:
            raise KeyboardInterrupt
        return -RATES * x

    with pytest.warns(UserWarning, match="interrupted at t = .*: what was solved") as said:
        solution = solve(
            field, STARTS, 0.0, 50.0, control=Adaptive(batch_axes=1), at=[0.0, 0.1, 50]
        )
    assert said[0].filename == __file__
    np.testing.assert_allclose(solution.x[1], np.exp(-0.1 * RATES) * STARTS, atol=1e-5)
    assert np.isnan(solution.x[2]).all(axis=-1).any()


def test_a_state_without_so_many_axes_is_refused():
    with pytest.raises(ValueError, match=r"batch_axes = 1: the state has 0 axes, shape \(\)"):
        solve(lambda t, x: -x, 1.0, control=Adaptive(batch_axes=1))


def test_a_stiff_trajectory_at_the_bound_is_told_from_the_others():
    rates = np.array([[1.0], [5e4], [2.0]])
    with pytest.raises(SolverError, match=r"trajectory 1.*the bound.*stiff: try method='tr-bdf2'"):
        solve(
            lambda t, x: -rates * (x - np.cos(t)), np.full((3, 1), 2.0), 0.0, 1.0, "dopri5",
            Adaptive(1e-5, 1e-8, batch_axes=1, max_steps=300),
        )  # fmt: skip
