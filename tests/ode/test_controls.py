"""Controls: what they refuse, the mesh, the norm, and how steps change."""

import math

import numpy as np
import pytest

from minigrad import backend
from minigrad.ode import Adaptive, Fixed, solve
from minigrad.ode.controls import real_name


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Fixed(), "either steps=, how many, or step=, how long"),
        (lambda: Fixed(steps=3, step=0.1), "either steps=, how many, or step=, how long"),
        (lambda: Fixed(steps=0), "steps: expected a positive integer, came 0"),
        (lambda: Fixed(steps=2.5), "steps: expected a positive integer, came 2.5"),
        (lambda: Fixed(steps=True), "steps: expected a positive integer, came True"),
        (lambda: Fixed(step=0.0), "step: expected a length above 0, came 0.0"),
        (lambda: Fixed(step=-0.1), "step: expected a length above 0, came -0.1"),
        (lambda: Fixed(step=math.nan), "step: expected a length above 0, came nan"),
        (lambda: Fixed(step="1"), "step: expected a length above 0, came '1'"),
        (lambda: Fixed(steps=3, max_steps=0), "max_steps: expected a positive integer, came 0"),
        (lambda: Fixed(steps=3, rest=-1.0), "rest: expected a slope above 0, came -1.0"),
        (lambda: Adaptive(rtol=-1e-3), "rtol: expected a number from 0 on, came -0.001"),
        (lambda: Adaptive(atol=math.nan), "atol: expected a number from 0 on, came nan"),
        (lambda: Adaptive(rtol=0, atol=0), "rtol and atol are both 0"),
        (lambda: Adaptive(first=0.0), "first: expected a length above 0, came 0.0"),
        (lambda: Adaptive(batch_axes=3), "batch_axes: expected 0, 1 or 2, came 3"),
        (lambda: Adaptive(max_steps=0), "max_steps: expected a positive integer, came 0"),
        (lambda: Adaptive(rest=math.inf), "rest: expected a slope above 0, came inf"),
    ],
)
def test_what_a_control_refuses(make, said):
    with pytest.raises(ValueError) as raised:
        make()
    assert said in str(raised.value)


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-16), ("float32", 1e-7)])
def test_a_tolerance_below_rounding_is_refused(place, dtype, rtol):
    x = backend.move([1.0], place, dtype)
    with pytest.raises(ValueError, match=f"rtol {rtol:g} is below the rounding of .*{dtype}"):
        solve(lambda t, x: -x, x, control=Adaptive(rtol=rtol))
    solve(lambda t, x: -x, x, control=Adaptive(rtol=100 * rtol))


# --- the mesh -------------------------------------------------------------------------------------


@pytest.mark.parametrize("t0", [0.0, 1.0, -0.7])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("n", [1, 3, 7, 10, 1000])
def test_a_span_of_n_steps_takes_n_steps_and_ends_exactly(n, sign, t0):
    t1 = t0 + sign * n * 0.1
    mesh = Fixed(step=0.1).mesh(t0, t1)
    assert len(mesh) == n + 1
    assert (mesh[0], mesh[-1]) == (t0, t1)
    assert np.abs(np.diff(mesh) - sign * 0.1).max() < 1e-12


@pytest.mark.parametrize("n", [1, 3, 7, 10])
def test_n_steps_in_float32_too(place, n):
    x = backend.move([1.0, 2.0], place, "float32")
    solution = solve(lambda t, x: -x, x, 0.0, n * 0.1, "rk4", Fixed(step=0.1))
    assert solution.accepted == n
    assert solution.t[-1] == n * 0.1
    assert solution.x.dtype == x.dtype
    exact = np.exp(-n * 0.1) * np.array([1.0, 2.0])
    np.testing.assert_allclose(backend.host(solution.x[-1, ...]), exact, rtol=2e-6)


def test_the_last_step_is_shorter_if_need_be():
    assert Fixed(step=0.4).mesh(0.0, 1.0) == [0.0, 0.4, 0.8, 1.0]
    assert Fixed(step=3.0).mesh(0.0, 1.0) == [0.0, 1.0]
    assert Fixed(steps=4).mesh(1.0, 0.0) == [1.0, 0.75, 0.5, 0.25, 0.0]


# --- the norm, and the steps ----------------------------------------------------------------------


def test_the_norm_by_hand(place):
    xp = place.xp
    x, new, error = (backend.move(a, place) for a in ([[1.0, -4.0]], [[-2.0, 3.0]], [[0.3, -0.8]]))
    control = Adaptive(rtol=0.1, atol=0.1)  # scales: 0.3 and 0.5
    assert float(control.norm(xp, error, x, new)) == pytest.approx(math.sqrt((1 + 1.6**2) / 2))
    each = Adaptive(rtol=0.1, atol=0.1, batch_axes=1).norm(xp, error, x, new)
    assert tuple(each.shape) == (1,)
    alone = Adaptive(rtol=0.1, atol=0.1, batch_axes=2).norm(xp, error, x, new)
    np.testing.assert_allclose(backend.host(alone), [[1.0, 1.6]])


def test_steps_grow_and_shrink_within_bounds():
    control = Adaptive()
    assert control.grown(1.0, 1.0, 4) == pytest.approx(0.9**0.65)
    assert control.grown(0.9**5, 0.9**5, 4) == pytest.approx(1.0)  # there it stays
    assert control.grown(0.0, 1.0, 4) == 10
    assert control.grown(0.5, 0.5, 4) == pytest.approx(0.9**0.65 * 0.5 ** (-0.65 / 5))
    assert control.shrunk(2.0, 4) == pytest.approx(0.9 * 2 ** (-1 / 5))
    assert control.shrunk(math.nan, 4) == control.shrunk(1e300, 4) == 0.2


def test_many_steps_change_as_each_alone():
    control = Adaptive()
    norms = np.array([0.0, 1e-12, 0.3, 1.0, 1.1, 50.0, 1e300, np.inf, np.nan])
    for last in (0.0, 0.2, 1.0):
        alone = [
            control.grown(n, last, 4) if n <= 1 else control.shrunk(n, 4) for n in norms.tolist()
        ]
        together = control.changed(norms, np.full(norms.shape, last), 4)
        np.testing.assert_allclose(together, alone, rtol=1e-14)


def test_the_first_step_is_taken_as_told():
    solution = solve(lambda t, x: -x, 1.0, control=Adaptive(first=np.float32(0.125)))
    assert solution.t[1] == 0.125


def test_times_are_real_where_states_are_complex(place):
    for name, real in (("complex128", "float64"), ("complex64", "float32"), ("float32", "float32")):
        assert real_name(place.xp.ones(2, dtype=getattr(place.xp, name))) == real
