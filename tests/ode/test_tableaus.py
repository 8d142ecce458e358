"""The tables of numbers: that they fit, and that each method converges as fast as it says."""

import numpy as np
import pytest

from minigrad.ode import Fixed, Tableau, solve
from minigrad.ode.tableaus import BY_NAME, TABLEAUS, tableau

names = pytest.mark.parametrize("name", list(BY_NAME))


def parts(name, **changed):
    """What a tableau is made of, with some of it changed."""
    fields = ("order", "A", "b", "embedded", "embedded_order", "third", "c")
    known = {field: getattr(BY_NAME[name], field) for field in fields}
    return {"name": "planted", **known, **changed}


@names
def test_every_tableau_has_a_source_and_a_name_that_finds_it(name):
    assert tableau(name) is BY_NAME[name]
    assert tableau(BY_NAME[name]) is BY_NAME[name]
    assert BY_NAME[name].source
    assert name in str(BY_NAME[name])


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown method 'rk5': expected one of euler, .*dop853"):
        tableau("rk5")


def test_numbers_of_stages_and_the_slopes_that_serve_twice():
    assert {t.name: t.stages for t in TABLEAUS} == {
        "euler": 1, "midpoint": 2, "heun": 2, "ralston": 2, "bosh3": 4, "rk4": 4, "rk38": 4,
        "fehlberg45": 6, "cash-karp": 6, "dopri5": 7, "tsit5": 7, "dop853": 12,
    }  # fmt: skip
    assert [t.name for t in TABLEAUS if t.first_same_as_last] == ["bosh3", "dopri5", "tsit5"]


def test_a_table_that_does_not_fit_is_refused_by_name():
    with pytest.raises(ValueError, match=r"planted: A of an explicit method of 2 stages has rows"):
        Tableau("planted", 1, [[]], [1 / 2, 1 / 2])
    with pytest.raises(ValueError, match=r"rows of 0, 1, ... 1 numbers, came \[1, 2\]"):
        Tableau("planted", 1, [[0], [1, 0]], [1 / 2, 1 / 2])
    for row in ("embedded", "third", "c"):
        with pytest.raises(ValueError, match=f"planted: {row} has 3 numbers, expected 2"):
            Tableau(**parts("heun", **{row: [1, 0, 0]}))
    with pytest.raises(ValueError, match="embedded weights and their order come together"):
        Tableau("planted", 2, [[], [1]], [1 / 2, 1 / 2], [1, 0])
    with pytest.raises(ValueError, match="planted: its numbers must be finite"):
        Tableau("planted", 2, [[], [1]], [1 / 2, float("nan")])


# --- slopes ---------------------------------------------------------------------------------------

# A field, its start, the times, the exact end. The second is linear; it does not flatter the pairs
# of order 5, whose error in the first still changes its order where rounding begins.
DECAY = (lambda t, y: -2 * t * y**2, 1.0, 0.0, 2.0, 1 / 5)
CIRCLE = (lambda t, y: np.array([y[1], -y[0]]), [1.0, 0.0], 0.0, 10.0, [np.cos(10), -np.sin(10)])
GROWTH = (lambda t, y: y * np.cos(t), 1.0, 0.0, 5.0, np.exp(np.sin(5.0)))
SECH = (
    lambda t, y: np.array([-y[0] * y[1], y[0] ** 2]),
    [1.0, 0.0], 0.0, 3.0, [1 / np.cosh(3), np.tanh(3)],
)  # fmt: skip
FROM_20 = (20, 40, 80, 160)
SLOPES = [
    *((name, DECAY, FROM_20) for name in ("euler", "midpoint", "heun", "ralston", "bosh3", "rk4")),
    ("cash-karp", DECAY, FROM_20),
    ("rk38", SECH, (40, 80, 160, 320)),
    ("fehlberg45", GROWTH, (40, 80, 160, 320)),
    ("dopri5", CIRCLE, FROM_20),
    ("tsit5", CIRCLE, (320, 640, 1280)),
    ("dop853", CIRCLE, (10, 20, 40)),
]


def slope(method, problem, counts):
    """How fast the error at the end falls, by a straight line through the logarithms."""
    f, start, t0, t1, exact = problem
    ends = [solve(f, start, t0, t1, method, Fixed(steps=n)).x[-1] for n in counts]
    errors = [np.linalg.norm(np.atleast_1d(end - exact)) for end in ends]
    return -np.polyfit(np.log(counts), np.log(errors), 1)[0]


@pytest.mark.parametrize(("name", "problem", "counts"), SLOPES, ids=[s[0] for s in SLOPES])
def test_the_error_falls_with_the_order_of_the_method(name, problem, counts):
    assert abs(slope(name, problem, counts) - BY_NAME[name].order) < 0.1


def test_every_tableau_has_its_slope_measured():
    assert {name for name, _, _ in SLOPES} == set(BY_NAME)


def test_a_method_of_one_s_own_is_solved_with():
    """Runge's other method of order 2; with a wrong weight it falls to order 1."""
    own = Tableau("own", 2, [[], [1]], [1 / 2, 1 / 2])
    assert abs(slope(own, DECAY, FROM_20) - 2) < 0.1
    wrong = Tableau("wrong", 2, [[], [1]], [1 / 4, 3 / 4])
    assert abs(slope(wrong, GROWTH, FROM_20) - 1) < 0.2


@pytest.mark.parametrize("name", [t.name for t in TABLEAUS if t.embedded is not None])
def test_the_estimate_falls_one_order_faster_than_the_lower_answer(name):
    """Of one step, h^(q + 1), q the lower order; that of dop853, with two estimates, h^8."""
    from minigrad.ode.runge_kutta import RungeKutta

    f, x, errors = DECAY[0], np.array([1.3]), []
    lengths = np.array([0.2, 0.1, 0.05]) / (1 if name == "dop853" else 10)
    stepper = RungeKutta(BY_NAME[name], x)
    for h in lengths:
        _, error, _ = stepper.step(f, 1.0, x, float(h), f(1.0, x))
        errors.append(abs(float(error[0])))
    expected = stepper.error_order + 1
    assert abs(np.polyfit(np.log(lengths), np.log(errors), 1)[0] - expected) < 0.1
