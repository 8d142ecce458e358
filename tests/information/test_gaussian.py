"""Information of normal variables: closed forms, linear invariance, and what has no information."""

import math

import numpy as np
import pytest

from minigrad import backend
from minigrad.errors import BackendError, NotFiniteError, ShapeError
from minigrad.information import gaussian


def exactly(covariance, n=200, seed=0):
    """n samples whose covariance is exactly this."""
    raw = np.random.default_rng(seed).standard_normal((n, len(covariance)))
    raw = np.linalg.qr(raw - raw.mean(axis=0))[0] * math.sqrt(n)
    return raw @ np.linalg.cholesky(np.asarray(covariance, float)).T


def from_determinants(v, x, y):
    """(ln det Sx + ln det Sy - ln det S) / 2 of these columns."""
    s = np.cov(v.T)
    logdet = [np.linalg.slogdet(s[np.ix_(part, part)])[1] for part in (x, y, x + y)]
    return (logdet[0] + logdet[1] - logdet[2]) / 2


# --- closed forms ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rho", [0.0, 0.6, -0.6, 0.9, 0.999999])
def test_two_normal_variables_share_what_their_correlation_says(rho):
    v = exactly([[1, rho], [rho, 1]])
    assert gaussian(v[:, 0], v[:, 1]).value == pytest.approx(
        -math.log(1 - rho**2) / 2, rel=1e-9, abs=1e-14
    )


@pytest.mark.parametrize("n", [1, 2, 5])
def test_equicorrelated_blocks(n):
    """All correlations 1/2, n columns with n others: ln((n + 1)^2 / (2n + 1)) / 2."""
    v = exactly(np.full((2 * n, 2 * n), 0.5) + np.eye(2 * n) / 2)
    truth = math.log((n + 1) ** 2 / (2 * n + 1)) / 2
    assert gaussian(v[:, :n], v[:, n:]).value == pytest.approx(truth, rel=1e-12)


@pytest.mark.parametrize(("p", "q"), [(1, 3), (3, 2), (4, 4)])
def test_the_value_is_that_of_the_determinants(p, q):
    rng = np.random.default_rng(p)
    v = rng.standard_normal((60, p + q)) @ rng.standard_normal((p + q, p + q))
    expected = from_determinants(v, list(range(p)), list(range(p, p + q)))
    estimate = gaussian(v[:, :p], v[:, p:])
    assert estimate.value == pytest.approx(expected, rel=1e-8)
    assert estimate.ceiling == math.inf and estimate.samples == 60


def test_a_condition_is_taken_off_by_a_linear_fit():
    rng = np.random.default_rng(0)
    z, a, b = rng.standard_normal((3, 300, 2))
    x, y = (z + a)[:, 0], (z - b)
    s = np.column_stack([x, y, z])
    chain = from_determinants(s, [0], [1, 2, 3, 4]) - from_determinants(s, [0], [3, 4])
    estimate = gaussian(x, y, given=z)
    assert estimate.value == pytest.approx(chain, rel=1e-9)
    assert estimate.quantity == "I(X;Y|Z)"
    null = estimate.null(20, 0)
    assert gaussian(x, y).value > 0.1 and abs(estimate.value - null.level) < 4 * null.spread


def test_few_samples_of_independent_columns_look_dependent():
    """By some (columns of x) * (columns of y) / 2N."""
    rng = np.random.default_rng(0)
    runs = [gaussian(*rng.standard_normal((2, 200, 3))).value for _ in range(60)]
    assert np.mean(runs) == pytest.approx(9 / 400, rel=0.2)
    estimate = gaussian(*rng.standard_normal((2, 200, 3)))
    assert estimate.null(30, 0).level == pytest.approx(9 / 400, rel=0.3)


# --- invariance -----------------------------------------------------------------------------------


def test_linear_maps_units_and_offsets_change_nothing():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((100, 3))
    y = x[:, :2] + rng.standard_normal((100, 2))
    value = gaussian(x, y).value
    for a, b in (
        (x @ rng.standard_normal((3, 3)), -y),
        (x * [1e150, 1.0, 1e-150], y),
        (x * 1e300, y * 1e-300),
        (x + 1e6, y - 1e6),
        (np.column_stack([x, x[:, 0]]), np.column_stack([y, y.sum(axis=1)])),
        (np.column_stack([x, np.full(100, 0.1)]), y),
        (y, x),
    ):
        assert gaussian(a, b).value == pytest.approx(value, rel=1e-7)


def test_a_column_far_from_0_is_not_taken_for_a_constant():
    x, noise = np.random.default_rng(0).standard_normal((2, 20_000))
    value = gaussian(x, x + noise).value
    assert gaussian(x + 1e12, x + noise).value == pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize("n", [5, 50, 5000])
def test_a_linear_function_tells_everything(n):
    rng = np.random.default_rng(n)
    x = rng.standard_normal((n, 1))
    for y in (x, 2 * x + 1, np.column_stack([rng.standard_normal(n), -x * 7])):
        if n > 5 or y.shape[1] == 1:
            assert gaussian(x, y).value == math.inf
            assert gaussian(y, x * 0.1 - 3).value == math.inf
    noisy = x[:, 0] + 1e-6 * rng.standard_normal(n)
    assert n < 50 or 12 < gaussian(x, noisy).value < 15


def test_what_is_constant_tells_nothing():
    x, constant = np.random.default_rng(0).standard_normal(100), np.full(100, 0.1)
    estimate = gaussian(x, constant)
    assert estimate.value == 0.0 and estimate.notes == ("y is constant",)
    both = gaussian(constant, constant)
    assert both.value == 0.0 and both.notes == ("x is constant", "y is constant")
    assert gaussian(x, x**2, given=constant).value == pytest.approx(gaussian(x, x**2).value)
    assert gaussian(x, x**2, given=x).value == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("size", [1.7e308, 1e-310])
def test_values_at_the_ends_of_the_floats_are_numbers_like_others(size):
    x = np.linspace(-1, 1, 40)
    y = np.random.default_rng(0).permutation(x)
    assert gaussian(x * size, y * size).value == pytest.approx(gaussian(x, y).value, rel=1e-6)


# --- backends, and what is refused ----------------------------------------------------------------


def test_every_backend_gives_the_answer_of_numpy(place):
    rng = np.random.default_rng(0)
    x, y, z = rng.standard_normal((50, 2)), rng.standard_normal(50), rng.standard_normal(50)
    y += x[:, 0] + z
    a, b, c = (backend.move(v, place) for v in (x, y, z))
    for here, there in (
        (gaussian(x, y), gaussian(a, b)),
        (gaussian(x, y, given=z), gaussian(a, b, given=c)),
    ):
        assert there.value == pytest.approx(here.value, rel=1e-10)
        assert np.allclose(there.null(3, 1).values, here.null(3, 1).values, rtol=1e-8)
    assert gaussian(a, 0 * b).value == 0.0 and gaussian(a, 2 * a).value == math.inf
    if place.name != "numpy":
        with pytest.raises(BackendError, match=rf"(?s)numpy.*{place.name}"):
            gaussian(x, b)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([0.0, 1, math.nan, 3], NotFiniteError, r"x has nan at \(2, 0\)"),
        ([0.0, 1, 2], ShapeError, "'x': 3, 'y': 4"),
        (np.zeros((4, 0)), ShapeError, r"x: .*came \(4, 0\)"),
        (np.zeros((4, 1, 1)), ShapeError, r"x: .*came \(4, 1, 1\)"),
        ([0, 1, 2, 3], TypeError, "x is discrete .* use plug_in"),
        (["a", "b", "c", "d"], TypeError, "x is discrete .* use plug_in"),
        (np.ones(4) * 1j, TypeError, "x: expected real numbers"),
        (None, TypeError, "x: expected real numbers"),
        (np.ones((4, 2)), ValueError, "3 columns need 5 samples or more, not 4"),
    ],
)
def test_what_has_no_correlations_is_refused_by_name(x, error, message):
    with pytest.raises(error, match=message):
        gaussian(x, [0.0, 1, 0, 3])


def test_too_few_samples_are_refused():
    for n in (1, 2, 3):
        with pytest.raises(ValueError, match=f"2 columns need 4 samples or more, not {n}"):
            gaussian(np.arange(float(n)), np.ones(n))
    with pytest.raises(ValueError, match="3 columns need 5"):
        gaussian(np.arange(4.0), np.ones(4), given=np.ones(4))
    with pytest.raises(TypeError, match="given is discrete"):
        gaussian(np.arange(9.0), np.ones(9), given=np.arange(9))


def test_samples_are_read_and_not_written():
    x, y, z = np.random.default_rng(0).standard_normal((3, 40, 2))
    before = [v.copy() for v in (x, y, z)]
    for v in (x, y, z):
        v.flags.writeable = False
    gaussian(x, y, given=z).null(2, 0)
    assert all(np.array_equal(v, b) for v, b in zip((x, y, z), before, strict=True))
