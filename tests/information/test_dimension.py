"""Dimension: in how many directions samples spread."""

import math

import numpy as np
import pytest

from minigrad import backend
from minigrad.errors import NotFiniteError, ShapeError
from minigrad.information import participation_ratio, singular_value_ratio

both = pytest.mark.parametrize("ratio", [participation_ratio, singular_value_ratio])


def exactly(covariance, n=200, seed=0):
    """n samples whose covariance is exactly this."""
    raw = np.random.default_rng(seed).standard_normal((n, len(covariance)))
    raw = np.linalg.qr(raw - raw.mean(axis=0))[0]
    return raw @ np.linalg.cholesky(np.asarray(covariance, float)).T


@pytest.mark.parametrize(("n", "rho"), [(30, 0.2), (30, 0.0), (2, 0.5), (5, 0.9)])
def test_uniform_correlation(n, rho):
    """N / (1 + (N - 1) rho^2): 30 columns with 0.2 spread in 13.889 directions."""
    x = exactly(np.full((n, n), rho) + np.eye(n) * (1 - rho))
    truth = n / (1 + (n - 1) * rho**2)
    assert participation_ratio(x) == pytest.approx(truth, rel=1e-12)
    assert (n, rho) != (30, 0.2) or truth == pytest.approx(13.889, abs=5e-4)


@pytest.mark.parametrize(("sd", "ratio", "seed_s"), [(0.5, 1.4706, 1.8), (0.1, 1.0200, 1.198)])
def test_two_directions_of_different_size(sd, ratio, seed_s):
    """With singular values in place of variances the small one counts for more."""
    x = exactly(np.diag([1, sd**2]))
    assert participation_ratio(x) == pytest.approx(ratio, abs=5e-5)
    assert singular_value_ratio(x) == pytest.approx(seed_s, abs=5e-4)


@both
def test_the_ratio_is_that_of_eigenvalues_or_their_roots(ratio):
    rng = np.random.default_rng(0)
    for n, width in ((50, 4), (4, 50), (7, 7), (30, 1), (2, 3)):
        x = rng.standard_normal((n, width)) @ rng.standard_normal((width, width)) + 3
        s = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
        power = s**2 if ratio is participation_ratio else s
        if ratio is participation_ratio:
            expected = power.sum() ** 2 / (power**2).sum()
        else:
            expected = power.sum() ** 2 / (s**2).sum()
        assert ratio(x) == pytest.approx(expected, rel=1e-9)
        assert 1 - 1e-9 <= ratio(x) <= min(n - 1, width) + 1e-9
        assert type(ratio(x)) is float


@pytest.mark.parametrize(("n", "width"), [(40, 20), (100, 20), (30, 100)])
def test_few_samples_look_flat_and_the_correction_takes_it_off(n, width):
    """1 / PR_n is near 1 / PR + 1 / (n - 1)."""
    rng = np.random.default_rng(0)
    raw = [1 / participation_ratio(rng.standard_normal((n, width))) for _ in range(100)]
    assert np.mean(raw) == pytest.approx(1 / width + 1 / (n - 1), rel=0.025)
    rng = np.random.default_rng(0)
    off = [
        1 / participation_ratio(rng.standard_normal((n, width)), corrected=True) for _ in range(100)
    ]
    assert abs(np.mean(off) - 1 / width) < 0.1 / (n - 1)
    assert np.allclose(np.subtract(raw, off), 1 / (n - 1), rtol=1e-9)


def test_where_nothing_is_left_the_corrected_dimension_is_infinite():
    x = np.eye(4)  # as flat as 4 samples can be: PR = 3 = n - 1
    assert participation_ratio(x) == pytest.approx(3, rel=1e-12)
    assert participation_ratio(np.eye(4) * 2, corrected=True) > 1e12


@both
def test_rotations_units_and_offsets_change_nothing(ratio):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 3)) * [1, 0.5, 0.1]
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    for moved in (x @ turn, x * 1e200, x * 1e-200, x * 4e307, x * 1e-300, x + 1e5, x[::-1]):
        assert ratio(moved) == pytest.approx(ratio(x), rel=1e-8)


@both
def test_a_line_has_one_dimension_and_a_point_none(ratio):
    line = np.outer(np.arange(9.0), [1, 2, 3]) + 7
    assert ratio(line) == pytest.approx(1, rel=1e-7)
    assert ratio(np.arange(9.0)) == pytest.approx(1, rel=1e-12)
    for constant in (0.0, 0.1, 1e308, 1e-310):
        assert ratio(np.full((9, 3), constant)) == 0.0


@both
def test_every_backend_gives_the_answer_of_numpy(ratio, place):
    x = np.random.default_rng(0).standard_normal((20, 4))
    for v in (x, x.T, np.round(5 * x).astype(int)):
        assert ratio(backend.move(v, place)) == pytest.approx(ratio(v), rel=1e-10)
    assert ratio(backend.move(np.full((5, 2), 0.1), place)) == 0.0


@both
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([[0.0, 1], [math.nan, 2]], NotFiniteError, r"x has nan at \(1, 0\)"),
        ([], ShapeError, r"x: .*came \(0,\)"),
        (np.zeros((2, 2, 2)), ShapeError, r"x: .*came \(2, 2, 2\)"),
        (["a", "b"], TypeError, "x: expected real numbers, came texts"),
        (np.ones(3) * 1j, TypeError, "x: expected real numbers"),
        (None, TypeError, "x: expected real numbers"),
        ([[1.0, 2.0]], ValueError, "x: a spread needs two samples or more, came 1"),
        (np.ma.masked_equal([1.0, 2.0], 2), NotFiniteError, "x has masked values"),
    ],
)
def test_what_has_no_spread_is_refused_by_name(ratio, x, error, message):
    with pytest.raises(error, match=message):
        ratio(x)


@both
def test_whole_numbers_spread_too_and_none_is_written(ratio):
    x = np.array([[1, 0], [0, 2], [5, 5], [True, 0]])
    x.flags.writeable = False
    assert ratio(x) == ratio(x.astype(float)) == pytest.approx(ratio(x.astype("float16")))
    assert x.tolist() == [[1, 0], [0, 2], [5, 5], [1, 0]]
