"""Solving: against exact solutions, an orbit that comes back, and all that can be asked of it."""

import warnings

import numpy as np
import pytest
from scipy.linalg import expm

from minigrad import Affinity, Map, Network, backend
from minigrad.errors import BackendError, ShapeError, SolverError
from minigrad.ode import Adaptive, Event, Fixed, autonomous, solve, timed
from minigrad.ode.tableaus import TABLEAUS

EXACT = Adaptive(rtol=1e-11, atol=1e-12)


def decay(t, y):
    return -2 * t * y**2


def circle(t, x):
    return np.stack([x[1], -x[0]])


# --- exact solutions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method", ["dopri5", "tsit5", "bosh3", "fehlberg45", "cash-karp", "dop853"]
)
def test_a_linear_field_against_the_exponential_of_its_matrix(method, rng):
    A, x = rng.standard_normal((4, 4)), rng.standard_normal(4)
    solution = solve(lambda t, x: A @ x, x, 0.0, 2.0, method, Adaptive(rtol=1e-9, atol=1e-9))
    np.testing.assert_allclose(solution.x[-1], expm(2 * A) @ x, rtol=1e-6)
    assert solution.t[-1] == 2.0
    assert solution.ended == "reached t1 = 2"


def test_on_every_backend(place):
    A = np.array([[-0.5, 2.0], [-2.0, -0.5]])
    there, x = backend.move(A, place), backend.move([[1.0, 0.0], [0.5, 2.0]], place)
    for method in ("dopri5", "rk4", "dop853"):
        control = Fixed(steps=400) if method == "rk4" else EXACT
        solution = solve(lambda t, x: x @ there.mT, x, 0.0, 3.0, method, control)
        assert backend.place_of(solution.x) == place
        expected = backend.host(x) @ expm(3 * A).T
        np.testing.assert_allclose(backend.host(solution.x[-1, ...]), expected, atol=1e-8)
        between = backend.host(solution(1.234))
        np.testing.assert_allclose(between, backend.host(x) @ expm(1.234 * A).T, atol=1e-8)


def test_tolerances_are_kept():
    errors = []
    for rtol in (1e-4, 1e-7, 1e-10):
        solution = solve(decay, 1.0, 0.0, 2.0, control=Adaptive(rtol=rtol, atol=rtol))
        errors.append(abs(float(solution.x[-1]) - 1 / 5) / rtol)
    assert max(errors) < 3


@pytest.mark.parametrize("method", ["dopri5", "dop853", "rk4"])
def test_there_and_back_is_nothing(method, rng):
    x = rng.standard_normal(3)
    control = Fixed(steps=2000) if method == "rk4" else EXACT

    def field(t, x):
        return np.sin(np.roll(x, 1)) + t * np.cos(x)

    there = solve(field, x, 0.5, 3.0, method, control)
    back = solve(field, there.x[-1], 3.0, 0.5, method, control)
    assert back.t[0] == 3.0
    assert back.t[-1] == 0.5
    np.testing.assert_allclose(back.x[-1], x, atol=1e-9)
    assert np.abs(there.x[-1] - x).max() > 0.1


# --- an orbit between earth and moon that comes back ----------------------------------------------

MU = 0.012277471
START = np.array([0.994, 0.0, 0.0, -2.00158510637908252240537862224])
PERIOD = 17.0652165601579625588917206249


def arenstorf(t, s):
    x, y, vx, vy = s.tolist()
    d1 = ((x + MU) ** 2 + y * y) ** 1.5
    d2 = ((x - 1 + MU) ** 2 + y * y) ** 1.5
    ax = x + 2 * vy - (1 - MU) * (x + MU) / d1 - MU * (x - 1 + MU) / d2
    ay = y - 2 * vx - (1 - MU) * y / d1 - MU * y / d2
    return np.array([vx, vy, ax, ay])


def jacobi(s):
    x, y, vx, vy = np.moveaxis(s, -1, 0)
    r1, r2 = np.hypot(x + MU, y), np.hypot(x - 1 + MU, y)
    return x * x + y * y + 2 * (1 - MU) / r1 + 2 * MU / r2 - vx * vx - vy * vy


@pytest.mark.parametrize(
    ("tolerance", "error"), [(1e-8, 1.0e-6), (1e-10, 2.1e-8), (1e-12, 2.5e-10)]
)
def test_the_orbit_comes_back(tolerance, error):
    control = Adaptive(rtol=tolerance, atol=tolerance)
    solution = solve(arenstorf, START, 0.0, PERIOD, "dopri5", control)
    apart = np.linalg.norm(solution.x[-1, :2] - START[:2])
    assert error / 30 < apart < error * 30
    constant = jacobi(solution.x)
    assert np.abs(constant - constant[0]).max() < 3e4 * tolerance
    assert np.abs(solution.x[:, :2]).max() > 0.9  # it has been away


def test_equal_steps_need_many_more():
    ends = [
        solve(arenstorf, START, 0.0, PERIOD, "rk4", Fixed(steps=n)).x[-1] for n in (6000, 24000)
    ]
    far, near = (np.linalg.norm(end[:2] - START[:2]) for end in ends)
    assert near < 3e-3
    assert far > 0.03
    assert solve(arenstorf, START, 0.0, PERIOD, control=Adaptive(1e-8, 1e-8)).accepted < 500


# --- spans ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("control", [Adaptive(), Fixed(steps=3), Fixed(step=0.1)])
def test_a_span_of_nothing_leaves_the_start_untouched(control):
    def never(t, x):
        raise AssertionError("nothing is to be evaluated")

    solution = solve(never, [1.0, 2.0], 0.5, 0.5, "dopri5", control)
    assert solution.t.tolist() == [0.5]
    assert solution.x.tolist() == [[1.0, 2.0]]
    assert solution(0.5).tolist() == [1.0, 2.0]
    assert (solution.accepted, solution.evaluations) == (0, 0)


def test_a_span_shorter_than_a_step_is_one_step():
    for control in (Fixed(step=0.1), Adaptive(first=0.1)):
        solution = solve(circle, [1.0, 0.0], 2.0, 2.0 + 1e-3, control=control)
        assert solution.accepted == 1
        assert solution.t[-1] == 2.0 + 1e-3
        np.testing.assert_allclose(solution.x[-1], [np.cos(1e-3), -np.sin(1e-3)], atol=1e-14)


def test_a_long_span_may_begin_with_a_step_as_short_as_it_must():
    """The first step is far below the rounding of t1."""
    solution = solve(lambda t, x: -1e13 * x if t < 1e-11 else -1e-12 * x, 1.0, 0.0, 1e4,
                     control=Adaptive(rtol=1e-3))  # fmt: skip
    assert solution.t[1] < 1e-13
    assert solution.t[-1] == 1e4


def test_evaluations_are_counted():
    calls = []

    def field(t, x):
        calls.append(t)
        return -x

    for method, control in (("rk4", Fixed(steps=7)), ("dopri5", Adaptive()), ("dopri5", None)):
        calls.clear()
        solution = solve(field, 1.0, method=method, control=control)
        assert solution.evaluations == len(calls)
    assert solve(field, 1.0, method="rk4", control=Fixed(steps=7)).evaluations == 4 * 7 + 1
    assert solve(field, 1.0, method="dopri5", control=Fixed(steps=7)).evaluations == 6 * 7 + 1
    assert "dopri5: reached t1 = 1 after" in str(solution)


# --- between the steps, and times asked for -------------------------------------------------------


@pytest.mark.parametrize("method", ["rk4", "dopri5", "fehlberg45", "verlet"])
def test_between_the_steps_the_order_is_kept(method):
    order = {"rk4": 4, "dopri5": 5, "fehlberg45": 5, "verlet": 2}[method]
    times, errors = np.linspace(0.05, 2.95, 37), []
    for steps in (10, 20, 40):
        solution = solve(circle, [1.0, 0.0], 0.0, 3.0, method, Fixed(steps=steps))
        assert np.array_equal(solution(solution.t), solution.x)
        exact = np.stack([np.cos(times), -np.sin(times)], axis=-1)
        errors.append(np.abs(solution(times) - exact).max())
    slope = np.polyfit(np.log([10, 20, 40]), -np.log(errors), 1)[0]
    assert slope > order - 0.2


def test_a_time_outside_or_not_kept_is_refused():
    solution = solve(circle, [1.0, 0.0], 3.0, 0.0)
    np.testing.assert_allclose(solution(1.7), [np.cos(1.3), np.sin(1.3)], atol=1e-5)
    for t in (-0.1, 3.1, float("nan")):
        with pytest.raises(ValueError, match="is outside the solution, 3 to 0"):
            solution(t)
    kept = solve(circle, [1.0, 0.0], 0.0, 3.0, at=[0.0, 1.0, 3.0])
    assert np.array_equal(kept(1.0), kept.x[1])
    with pytest.raises(ValueError, match=r"no state at t = 1\.5"):
        kept(1.5)


@pytest.mark.parametrize("control", [EXACT, Fixed(steps=300)])
@pytest.mark.parametrize("t1", [3.0, -3.0])
def test_times_asked_for(control, t1):
    at = np.array([0.0, 0.0, 0.001, 0.1, 0.1, 0.55, 0.56, 1.0]) * t1
    solution = solve(circle, [1.0, 0.0], 0.0, t1, control=control, at=at)
    assert np.array_equal(solution.t, at)
    exact = np.stack([np.cos(at), -np.sin(at)], axis=-1)
    np.testing.assert_allclose(solution.x, exact, atol=1e-10)
    whole = solve(circle, [1.0, 0.0], 0.0, t1, control=control)
    assert np.array_equal(solution.x[-1], whole.x[-1])
    assert solution.accepted == whole.accepted


def test_a_time_at_a_step_s_end_costs_nothing():
    control = Fixed(steps=4)
    plain = solve(circle, [1.0, 0.0], 0.0, 1.0, "rk4", control)
    kept = solve(circle, [1.0, 0.0], 0.0, 1.0, "rk4", control, at=[0.0, 0.5, 1.0])
    assert kept.evaluations == plain.evaluations
    assert np.array_equal(kept.x, plain.x[::2])


@pytest.mark.parametrize("method", ["dopri5", "bosh3"])
def test_the_field_is_asked_within_the_span_only(method):
    """Nor does the look ahead for a first step leave it."""
    asked = []

    def field(t, x):
        asked.append(t)
        return -1e-9 * x

    solve(field, [1e3], 2.0, 2.0 + 1e-3, method)
    assert min(asked) == 2.0
    assert max(asked) == 2.0 + 1e-3


def test_no_time_asked_for():
    solution = solve(circle, [1.0, 0.0], at=[])
    assert solution.x.shape == (0, 2)


@pytest.mark.parametrize(
    "at", [[0.0, 0.5, 0.4], [0.1, 1.5], [-0.1, 0.5], [float("nan")], ["0"], [None]]
)
def test_times_out_of_order_or_outside_are_refused(at):
    with pytest.raises(ValueError, match=r"^at: "):
        solve(circle, [1.0, 0.0], 0.0, 1.0, at=at)


@pytest.mark.parametrize(
    "times", [{"t0": float("nan")}, {"t1": float("inf")}, {"t1": "1"}, {"t0": True}]
)
def test_times_that_are_none_are_refused(times):
    with pytest.raises(ValueError, match=r"t[01]: expected a finite number, came"):
        solve(circle, [1.0, 0.0], **times)


# --- events ---------------------------------------------------------------------------------------


def height(t, x):
    return x[0]


@pytest.mark.parametrize("sign", [1, -1])
def test_an_event_is_found_where_it_is(sign):
    solution = solve(circle, [1.0, 0.0], 0.0, sign * 20.0, control=EXACT, events=[height])
    assert abs(solution.t[-1] - sign * np.pi / 2) < 1e-10
    np.testing.assert_allclose(solution.x[-1], [0.0, -sign], atol=1e-10)
    assert solution.ended.startswith("event at t = ")
    name, t, x = solution.events[0]
    assert (name, t) == ("event", solution.t[-1])
    assert np.array_equal(x, solution.x[-1])


def test_events_with_a_direction_that_do_not_stop():
    down = Event(height, stop=False, direction=-1, name="down")
    up = Event(height, stop=False, direction=1, name="up")
    both = Event(lambda t, x: x[1], stop=False, name="turn")
    never = Event(lambda t, x: x[0] - 2, name="never")
    solution = solve(circle, [1.0, 0.0], 0.0, 10.0, control=EXACT, events=[down, up, both, never])
    found = {
        name: [t for n, t, _ in solution.events if n == name] for name in ("down", "up", "turn")
    }
    pi = np.pi
    np.testing.assert_allclose(found["down"], [pi / 2, 5 * pi / 2], atol=1e-10)
    np.testing.assert_allclose(found["up"], [3 * pi / 2], atol=1e-10)
    np.testing.assert_allclose(found["turn"], [pi, 2 * pi, 3 * pi], atol=1e-10)  # at t0 it is none
    assert len(solution.events) == 6
    assert [t for _, t, _ in solution.events] == sorted(t for _, t, _ in solution.events)
    assert solution.t[-1] == 10.0


def test_of_two_events_in_a_step_the_earlier_one_stops():
    late = Event(lambda t, x: t - 0.9, name="late")
    early = Event(lambda t, x: t - 0.3, name="early")
    solution = solve(circle, [1.0, 0.0], 0.0, 1.0, "rk4", Fixed(steps=1), events=[late, early])
    assert [name for name, _, _ in solution.events] == ["early"]
    assert solution.t[-1] == pytest.approx(0.3, abs=1e-15)


def test_an_event_at_a_step_s_end_happens_once():
    event = Event(lambda t, x: t - 0.5, stop=False)
    solution = solve(circle, [1.0, 0.0], 0.0, 1.0, "rk4", Fixed(steps=4), events=[event])
    assert [t for _, t, _ in solution.events] == [0.5]


def test_an_event_stops_before_the_times_that_are_asked_for():
    at = [0.0, 1.0, 2.0]
    solution = solve(circle, [1.0, 0.0], 0.0, 2.0, control=EXACT, events=[height], at=at)
    assert solution.t[:2].tolist() == [0.0, 1.0]
    assert solution.t[-1] == pytest.approx(np.pi / 2, abs=1e-10)
    assert len(solution.x) == len(solution.t) == 3


def test_an_event_that_is_no_number_is_named():
    event = Event(lambda t, x: np.nan if t > 0.2 else 1.0, name="odd")
    with pytest.raises(SolverError, match="the event 'odd' is nan at t = "):
        solve(circle, [1.0, 0.0], events=[event])


@pytest.mark.parametrize("control", [Adaptive(rest=1e-3), Fixed(step=0.1, rest=1e-3)])
def test_it_stops_at_rest(control):
    solution = solve(lambda t, x: -x, [1.0, 1.0], 0.0, 1e3, control=control)
    assert solution.ended.startswith("at rest at t = ")
    assert np.abs(solution.x[-1]).max() <= 1e-3
    assert np.abs(solution.x[-2]).max() > 1e-3


# --- interruption ---------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [1, 2, 50])
@pytest.mark.parametrize("at", [None, [0.0, 0.1, 10.0]])
def test_an_interruption_returns_what_was_solved(after, at):
    calls = iter(range(10**6))

    def field(t, x):
        if next(calls) >= after:
            raise KeyboardInterrupt
        return circle(t, x)

    with pytest.warns(
        UserWarning, match="interrupted at t = .*: what was solved is returned"
    ) as said:
        solution = solve(field, [1.0, 0.0], 0.0, 10.0, at=at)
    assert said[0].filename == __file__
    assert solution.ended.startswith("interrupted at t = ")
    assert len(solution.t) == len(solution.x) >= 1
    exact = np.stack([np.cos(solution.t), -np.sin(solution.t)], axis=-1)
    np.testing.assert_allclose(solution.x, exact, atol=1e-5)
    assert (solution.t[-1] > 0) == (after == 50)


# --- what a state and a field may be --------------------------------------------------------------


@pytest.mark.parametrize(
    "x0",
    [1, 1.0, np.int64(1), [1, 2], [[1.0], [2.0]], (1, 2.5), np.array([1, 2]), np.ones((2, 1, 3))],
    ids=repr,
)
def test_states_of_many_kinds(x0):
    solution = solve(lambda t, x: -x, x0)
    assert solution.x.dtype == np.float64
    assert solution.x[-1].shape == np.shape(x0)
    np.testing.assert_allclose(solution.x[-1], np.exp(-1) * np.array(x0), rtol=1e-5)


@pytest.mark.parametrize("x0", [1j, [1j, 2], np.array([1 + 1j])], ids=repr)
def test_complex_states(x0):
    solution = solve(lambda t, x: 1j * x, x0, 0.0, 2.0)
    assert solution.x.dtype == np.complex128
    np.testing.assert_allclose(solution.x[-1], np.exp(2j) * np.array(x0), atol=1e-5)


def test_complex_states_on_every_backend(place):
    x0 = backend.move(np.array([1.0 + 0j, 2j]), place)
    solution = solve(lambda t, x: 1j * x, x0, 0.0, 2.0)
    expected = np.exp(2j) * backend.host(x0)
    np.testing.assert_allclose(backend.host(solution.x[-1, ...]), expected, atol=1e-5)


def test_integers_on_every_backend(place):
    solution = solve(lambda t, x: -x, backend.move(np.array([1, 2]), place))
    np.testing.assert_allclose(
        backend.host(solution.x[-1, ...]), np.exp(-1) * np.array([1, 2]), rtol=1e-5
    )


def test_a_field_may_return_a_list():
    solution = solve(lambda t, x: [x[1], -x[0]], [1.0, 0.0], 0.0, 1.0)
    np.testing.assert_allclose(solution.x[-1], [np.cos(1), -np.sin(1)], atol=1e-5)


def test_a_field_of_integers_and_of_a_longer_type():
    solution = solve(lambda t, x: np.array([1, 2]), [0.0, 0.0])
    np.testing.assert_allclose(solution.x[-1], [1.0, 2.0])
    with pytest.warns(UserWarning, match="float64 data came to a float32"):
        solution = solve(lambda t, x: -x.astype(np.float64), np.ones(2, np.float32))
    assert solution.x.dtype == np.float32


def test_a_field_of_another_shape_is_refused():
    for answer in (np.ones(3), np.ones((1, 2)), np.ones(()), 1.0, np.ones((2, 1))):
        with pytest.raises(
            ShapeError, match=r"the field returned shape .* at t = 0.0, expected that"
        ):
            solve(lambda t, x, answer=answer: answer, [1.0, 2.0])


def test_a_field_that_returns_no_numbers_is_refused():
    with pytest.raises(TypeError, match="expected an array or a list of numbers, came a NoneType"):
        solve(lambda t, x: None, [1.0, 2.0])


def test_mixed_libraries_are_refused(place):
    if place.name == "numpy":
        place = backend.place("array-api-strict")
    other = backend.move([1.0, 2.0], place)
    with pytest.raises(BackendError, match=r"cannot be mixed"):
        solve(lambda t, x: other, np.array([1.0, 2.0]))


def test_a_bare_layer_is_refused_with_the_remedy():
    with pytest.raises(TypeError, match=r"Network.* take autonomous\(layer\), or timed\(layer\)"):
        solve(Network(Affinity(2, 3), Map("tanh"), Affinity(3, 2)), [1.0, 2.0])
    with pytest.raises(TypeError, match=r"a field is a function of \(t, x\), came 3"):
        solve(3, [1.0, 2.0])


def test_networks_as_fields(place):
    net = Network(Affinity(2, 3, rng=1), Map("tanh"), Affinity(3, 2, rng=2)).to(place.spec)
    x = backend.move([[1.0, 2.0], [0.0, -1.0]], place)
    by_hand = solve(lambda t, x: net(x), x, 0.0, 2.0)
    by_field = solve(autonomous(net), x, 0.0, 2.0)
    assert np.array_equal(backend.host(by_hand.x), backend.host(by_field.x))
    clocked = Network(Affinity(3, 3, rng=1), Map("tanh"), Affinity(3, 2, rng=2)).to(place.spec)
    assert timed(clocked)(0.3, x).shape == (2, 2)
    assert solve(timed(clocked), x, 0.0, 2.0).x.shape[1:] == (2, 2)


def test_methods_and_controls_that_do_not_go_together():
    for method in [t.name for t in TABLEAUS if t.embedded is None]:
        with pytest.raises(ValueError, match=f"{method} does not estimate its error"):
            solve(circle, [1.0, 0.0], method=method)
    with pytest.raises(TypeError, match=r"control: expected Fixed\(...\) or Adaptive"):
        solve(circle, [1.0, 0.0], method="rk4", control=0.1)
    with pytest.raises(ValueError, match="unknown method 'rk5'"):
        solve(circle, [1.0, 0.0], method="rk5")
    with pytest.raises(ValueError, match="events and rest go with one step for all"):
        solve(circle, [1.0, 0.0], control=Adaptive(batch_axes=1), events=[height])


def test_a_trial_step_that_overflows_is_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solution = solve(lambda t, x: -(x**9), 1.0, 0.0, 1.0, control=Adaptive(first=1e60))
        solve(lambda t, x: -np.exp(x), 1.0, 0.0, 10.0, control=Adaptive(first=9.0))
    assert solution.x[-1] == pytest.approx(9 ** (-1 / 8), rel=1e-5)
