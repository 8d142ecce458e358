"""What befalls a pattern: how much, to whom, and the same from the same seed everywhere."""

import numpy as np
import pytest

from minigrad import backend
from minigrad.hopfield import flips, gaussian


def test_flips_come_at_their_rate_independently():
    x = np.ones((200, 500))
    hit = flips(x, 0.3, 1) == -1
    five = 5 * np.sqrt(0.3 * 0.7)
    assert abs(hit.mean() - 0.3) < five / np.sqrt(x.size)
    assert np.abs(hit.mean(axis=0) - 0.3).max() < five / np.sqrt(200)
    assert np.abs(hit.mean(axis=1) - 0.3).max() < five / np.sqrt(500)
    both = (hit[:, 1:] & hit[:, :-1]).mean()
    assert abs(both - 0.09) < 5 * np.sqrt(0.09 / x.size)
    assert (x == 1).all()


@pytest.mark.parametrize(("of", "low"), [("signs", -1.0), ("bits", 0.0)])
def test_all_or_nothing(of, low, rng):
    x = np.where(rng.random((4, 3)) < 0.5, low, 1.0)
    np.testing.assert_array_equal(flips(x, 0.0, 1, of), x)
    np.testing.assert_array_equal(flips(x, 1.0, 1, of), low + 1 - x)
    assert set(np.unique(flips(x, 0.5, 1, of))) <= {low, 1.0}


def test_what_is_of_another_coding_is_not_flipped():
    """1 would become -1 and 0 stay: nothing is said, and half of the noise is not there."""
    with pytest.raises(ValueError, match=r"0 at \(1,\), expected -1 or 1"):
        flips([1, 0, 1], 0.5, 1)
    with pytest.raises(ValueError, match=r"-1 at \(0,\), expected 0 or 1"):
        flips([-1, 1], 0.5, 1, "bits")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_backend_has_the_noise_of_numpy(place, dtype):
    x = np.ones((4, 3), dtype)
    for noisy in (lambda a: flips(a, 0.4, 7), lambda a: gaussian(a, 0.4, 7)):
        there = noisy(backend.move(x, place))
        assert backend.dtype_name(there) == dtype and backend.place_of(there) == place
        np.testing.assert_array_equal(backend.host(there), noisy(x))


def test_gaussian_noise_has_its_deviation():
    noise = gaussian(np.full((300, 400), 2.0), 0.5, 3) - 2
    assert abs(noise.mean()) < 5 * 0.5 / np.sqrt(noise.size)
    assert abs(noise.std() - 0.5) < 5 * 0.5 / np.sqrt(2 * noise.size)
    np.testing.assert_array_equal(gaussian([1.0, -1.0], 0, 1), [1.0, -1.0])


@pytest.mark.parametrize("x", [[1, -1, 1, 1], np.array([1, -1, 1, 1])])
def test_whole_numbers_are_no_reason_to_round(x):
    assert not np.equal(gaussian(x, 0.5, 1), np.round(gaussian(x, 0.5, 1))).any()
    assert flips(x, 1.0, 1).tolist() == [-1, 1, -1, -1]


def test_bad_requests_are_refused():
    for rate in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="rate: expected a probability from 0 to 1"):
            flips([1.0], rate)
    for deviation in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="deviation: expected a number from 0 on"):
            gaussian([1.0], deviation)
    with pytest.raises(ValueError, match="take gaussian noise"):
        flips([1.0], 0.1, of="real")
    with pytest.raises(ValueError, match="unknown coding"):
        flips([1.0], 0.1, of="spins")
