"""TR-BDF2: few steps where explicit methods need many, with Jacobians from three sources."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from minigrad import Affinity, Map, Network, backend
from minigrad.errors import ShapeError, SolverError
from minigrad.ode import Adaptive, Fixed, autonomous, solve, timed
from minigrad.ode.stiff import TrBdf2

MU = 1000.0


def steep(t, y):
    return -1e6 * (y - np.cos(t))


def van_der_pol(t, x):
    return np.array([x[1], MU * (1 - x[0] ** 2) * x[1] - x[0]])


def van_der_pol_slopes(t, x):
    return np.array([[0.0, 1.0], [-2 * MU * x[0] * x[1] - 1, MU * (1 - x[0] ** 2)]])


def slope_of(field, start, t1, exact, counts):
    errors = []
    for n in counts:
        end = solve(field, start, 0.0, t1, "tr-bdf2", Fixed(steps=n)).x[-1]
        errors.append(np.abs(end - exact).max())
    return -np.polyfit(np.log(counts), np.log(errors), 1)[0]


# --- order and stability --------------------------------------------------------------------------


def test_it_is_of_order_2():
    counts = (20, 40, 80, 160)
    assert abs(slope_of(lambda t, y: -2 * t * y**2, 1.0, 2.0, 1 / 5, counts) - 2) < 0.1
    circle = (lambda t, x: np.stack([x[1] * np.cos(t), -x[0] * np.cos(t)]), [1.0, 0.0])
    exact = np.array([np.cos(np.sin(2.0)), -np.sin(np.sin(2.0))])
    assert abs(slope_of(*circle, 2.0, exact, counts) - 2) < 0.1


def test_its_growth_is_that_of_the_method_on_the_whole_axis():
    """R(z) = (1 + z (1 + gamma^2 ...)): here from the definition, by the three stages."""
    d, w = 1 - np.sqrt(2) / 2, np.sqrt(2) / 4
    for z in (-1e-3, -0.5, -3.0, -40.0, -1e4, -1e8, 0.3):
        y = (1 + d * z) / (1 - d * z)
        expected = (1 + w * z * (1 + y)) / (1 - d * z)
        one = solve(lambda t, y, z=z: z * y, 1.0, 0.0, 1.0, "tr-bdf2", Fixed(steps=1)).x[-1]
        assert float(one) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_one_huge_step_goes_to_nothing():
    """L-stable: what would explode, or swing for ever in the trapezoidal rule, is gone."""
    ends = [
        abs(
            float(
                solve(lambda t, y, z=z: -z * y, 1.0, method="tr-bdf2", control=Fixed(steps=1)).x[-1]
            )
        )
        for z in (1e4, 1e6, 1e8)
    ]
    assert ends[0] < 1e-3
    assert ends[1] < 1e-5
    assert ends[2] < 1e-7


def test_the_estimate_is_of_third_order():
    x, errors, lengths = np.array([1.3]), [], np.array([0.01, 0.005, 0.0025])
    stepper = TrBdf2().for_state(x, Fixed(steps=1))

    def field(t, y):
        return -2 * t * y**2

    for h in lengths:
        _, error, _ = stepper.step(field, 1.0, x, float(h), field(1.0, x))
        errors.append(abs(float(error[0])))
    assert np.polyfit(np.log(lengths), np.log(errors), 1)[0] == pytest.approx(3, abs=0.1)


def test_the_estimate_does_not_grow_with_the_stiffness():
    x = np.array([1.0])
    for rate in (1e2, 1e4, 1e6):
        _, error, _ = TrBdf2(x).step(lambda t, y, rate=rate: -rate * y, 0.0, x, 1.0, -rate * x)
        assert abs(float(error[0])) < 2


def test_a_refused_step_begins_again_with_the_same_jacobian():
    asked, x = [], np.array([1.0])
    method = TrBdf2(jacobian=lambda t, x: asked.append(t) or -np.eye(1)).for_state(x, Adaptive())
    for h in (0.3, 0.1):
        method.step(lambda t, x: -x, 0.0, x, h, -x)
    assert asked == [0.0]
    method.step(lambda t, x: -x, 0.0, x + 1, 0.1, -x - 1)
    assert asked == [0.0, 0.0]


def test_evaluations_of_a_linear_field():
    """One a stage, to see that the first change was all; the slopes are taken from the stages."""
    method = TrBdf2(jacobian=lambda t, x: -np.eye(2))
    solution = solve(lambda t, x: -x, [1.0, 2.0], method=method, control=Fixed(steps=10))
    assert solution.evaluations == 2 * 10 + 1


# --- stiff fields ---------------------------------------------------------------------------------


def test_a_steep_field_needs_few_steps():
    solution = solve(steep, 0.0, 0.0, 2.0, "tr-bdf2")
    assert solution.accepted < 300
    assert solution.evaluations < 2000
    assert abs(float(solution.x[-1]) - np.cos(2.0)) < 5e-6
    late = solution.t > 1e-4
    np.testing.assert_allclose(solution.x[late], np.cos(solution.t[late]), atol=2e-5)


def test_van_der_pol_against_an_exact_solution():
    reference = solve_ivp(van_der_pol, (0, 500), [2.0, 0.0], method="Radau", rtol=1e-10, atol=1e-12,
                          jac=van_der_pol_slopes).y[:, -1]  # fmt: skip
    for method in ("tr-bdf2", TrBdf2(jacobian=van_der_pol_slopes)):
        solution = solve(van_der_pol, [2.0, 0.0], 0.0, 500.0, method, Adaptive(1e-6, 1e-9))
        np.testing.assert_allclose(solution.x[-1], reference, rtol=1e-4)
        assert solution.accepted < 300
    with pytest.raises(SolverError, match="stiff"):
        solve(van_der_pol, [2.0, 0.0], 0.0, 500.0, control=Adaptive(1e-6, 1e-9, max_steps=2000))


def test_through_the_jump_of_van_der_pol():
    """One half of the cycle: the sign of x has changed."""
    solution = solve(van_der_pol, [2.0, 0.0], 0.0, 1000.0, "tr-bdf2", Adaptive(1e-4, 1e-7))
    assert solution.x[-1, 0] < -1
    assert solution.accepted < 2000


def test_robertson_s_reaction_keeps_its_mass():
    def field(t, y):
        a, b, c = y
        fast, slow, back = 3e7 * b * b, 0.04 * a, 1e4 * b * c
        return np.array([-slow + back, slow - back - fast, fast])

    solution = solve(field, [1.0, 0.0, 0.0], 0.0, 40.0, "tr-bdf2", Adaptive(1e-6, 1e-12))
    np.testing.assert_allclose(solution.x[-1], [0.7158270, 9.185535e-6, 0.2841638], rtol=1e-4)
    np.testing.assert_allclose(solution.x.sum(axis=1), 1, atol=1e-12)


# --- where the Jacobian comes from ----------------------------------------------------------------


def test_on_every_backend_and_in_any_shape(place):
    xp = place.xp
    for values in (1.0, [1.0, 0.5], [[1.0, 0.5, 0.2], [0.1, 2.0, 3.0]]):
        x = backend.move(np.array(values), place)
        solution = solve(
            lambda t, x: -200 * (x - xp.sin(x)), x, 0.0, 1.0, "tr-bdf2", Fixed(steps=100)
        )
        expected = solve(lambda t, x: -200 * (x - np.sin(x)), values, 0.0, 1.0,
                         control=Adaptive(1e-10, 1e-12)).x[-1]  # fmt: skip
        np.testing.assert_allclose(backend.host(solution.x[-1, ...]), expected, atol=3e-3)


def nets(spec="numpy"):
    """A network as a field, with and without the time, and what it is as a plain function."""
    net = Network(Affinity(3, 5, rng=1), Map("tanh"), Affinity(5, 3, rng=2))
    clocked = Network(Affinity(4, 5, rng=3), Map("tanh"), Affinity(5, 3, rng=4))
    net.theta *= 3
    return [autonomous(net.to(spec)), timed(clocked.to(spec))]


@pytest.mark.parametrize("which", [0, 1], ids=["autonomous", "timed"])
@pytest.mark.parametrize("lead", [(), (4,), (2, 2)], ids=str)
def test_a_network_s_jacobian_is_that_by_differences(place, which, lead, rng):
    field = nets(place.spec)[which]
    x = backend.move(rng.standard_normal((*lead, 3)), place)
    stepper = TrBdf2(x)
    field(0.3, x)
    before = backend.host(field.layer.grad).copy()
    rows = backend.host(stepper._jacobian(field, 0.3, x))
    assert rows.shape == (*lead, 3, 3)
    assert np.array_equal(backend.host(field.layer.grad), before)
    whole = backend.host(TrBdf2(x)._jacobian(lambda t, x: field(t, x), 0.3, x))
    count = int(np.prod(lead))
    blocks = np.zeros((3 * count, 3 * count))
    for i, block in enumerate(rows.reshape(-1, 3, 3)):
        blocks[3 * i : 3 * i + 3, 3 * i : 3 * i + 3] = block
    np.testing.assert_allclose(whole, blocks, atol=1e-6)


def test_a_batch_of_a_network_is_solved_sample_by_sample():
    field, x = nets()[0], np.array([[1.0, 2.0, 0.0], [-1.0, 0.3, 0.2]])
    control = Adaptive(1e-6, 1e-8)
    together = solve(field, x, 0.0, 2.0, "tr-bdf2", control)
    plain = solve(lambda t, x: field(t, x), x, 0.0, 2.0, "tr-bdf2", control)
    exact = solve(field, x, 0.0, 2.0, "dopri5", control)
    np.testing.assert_allclose(together.x[-1], exact.x[-1], atol=1e-4)
    assert together.accepted == pytest.approx(plain.accepted, abs=2)
    assert together.evaluations < plain.evaluations


def test_a_jacobian_that_is_given_is_used():
    asked = []

    def slopes(t, x):
        asked.append(t)
        return van_der_pol_slopes(t, x)

    control = Adaptive(1e-6, 1e-9)
    given = solve(van_der_pol, [2.0, 0.0], 0.0, 100.0, TrBdf2(jacobian=slopes), control)
    differences = solve(van_der_pol, [2.0, 0.0], 0.0, 100.0, "tr-bdf2", control)
    assert len(asked) < 1.2 * given.accepted
    assert len(set(asked)) > 0.9 * given.accepted
    assert given.accepted == differences.accepted
    assert given.evaluations < differences.evaluations


@pytest.mark.parametrize("shape", [(2, 3, 2, 3), (2, 3, 3)], ids=["whole", "rows"])
def test_a_jacobian_of_a_batch(shape, rng):
    A, x = rng.standard_normal((3, 3)), rng.standard_normal((2, 3))
    J = np.broadcast_to(A, (2, 3, 3))
    if len(shape) == 4:
        J = np.einsum("ab,ij->aibj", np.eye(2), A)
    assert J.shape == shape
    exact = solve(lambda t, x: x @ A.T, x, control=Adaptive(1e-10, 1e-12)).x[-1]
    method = TrBdf2(jacobian=lambda t, x: J)
    end = solve(lambda t, x: x @ A.T, x, method=method, control=Fixed(steps=100)).x[-1]
    np.testing.assert_allclose(end, exact, atol=1e-3)


def test_a_jacobian_of_another_shape_is_refused():
    for J, x0, said in (
        (np.eye(3), [1.0, 2.0], r"has shape \(3, 3\), expected \(2, 2\)$"),
        (np.ones(2), np.ones((4, 2)), r"expected \(4, 2, 4, 2\), or \(4, 2, 2\) for rows"),
    ):
        with pytest.raises(ShapeError, match=said):
            solve(lambda t, x: -x, x0, method=TrBdf2(jacobian=lambda t, x, J=J: J))


def test_the_method_may_be_used_again_for_another_state():
    method = TrBdf2()
    for x0 in ([1.0, 2.0], [[1.0, 2.0, 3.0]], np.float32(2)):
        end = solve(lambda t, x: -x, x0, method=method).x[-1]
        np.testing.assert_allclose(end, np.exp(-1) * np.array(x0), rtol=1e-4)


# --- an equation that is not solved ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("J", "said"),
    [
        (np.full((1, 1), np.nan), r"the Jacobian is nan at \(0, 0\)"),
        (np.full((1, 1), 1 / (1 - np.sqrt(2) / 2)), "the matrix 1 - h d J is singular"),
        (np.full((1, 1), -1e9), "Newton's iteration did not converge in"),
    ],
    ids=["nan", "singular", "wrong"],
)
def test_a_step_that_is_not_solved_says_why(J, said):
    with pytest.raises(SolverError, match=said):
        solve(lambda t, x: -(x**3), [2.0], method=TrBdf2(jacobian=lambda t, x: J),
              control=Fixed(steps=1))  # fmt: skip


def test_a_step_that_is_not_solved_is_tried_again_shorter():
    """sinh is far too steep for the first step; that is refused, not believed."""
    control = Adaptive(1e-5, 1e-8, first=1e6)
    solution = solve(lambda t, x: -np.sinh(x), [15.0], 0.0, 1e6, "tr-bdf2", control)
    assert solution.rejected
    assert abs(float(solution.x[-1, 0])) < 1e-6
    first = float(solution(1.0)[0])
    assert np.tanh(first / 2) == pytest.approx(np.tanh(7.5) * np.exp(-1.0), rel=1e-3)


def test_events_and_times_between_the_steps():
    at = np.linspace(0, 2, 21)
    solution = solve(steep, 1.0, 0.0, 2.0, "tr-bdf2", at=at)
    np.testing.assert_allclose(solution.x, np.cos(at), atol=2e-5)
    fell = solve(steep, 1.0, 0.0, 2.0, "tr-bdf2", events=[lambda t, x: x])
    assert fell.t[-1] == pytest.approx(np.pi / 2, abs=1e-4)


def test_one_step_for_all():
    with pytest.raises(ValueError, match="tr-bdf2 takes one step for all trajectories"):
        solve(lambda t, x: -x, np.ones((2, 1)), method="tr-bdf2", control=Adaptive(batch_axes=1))
