"""Made-up sets: on their curves, noise around them, the same for the same seed."""

import itertools

import numpy as np
import pytest

from minigrad import data
from minigrad.errors import ShapeError

LABELLED = {
    "spirals": lambda n, noise, rng: data.spirals(n, 3, noise, rng),
    "moons": data.moons,
    "blobs": lambda n, noise, rng: data.blobs(n, 5, noise, rng),
    "circles": lambda n, noise, rng: data.circles(n, 4, noise, rng),
}
CLASSES = {"spirals": 3, "moons": 2, "blobs": 5, "circles": 4}
M = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]])
FACTS = {
    "quadratic": data.quadratic,
    "linear": lambda n, rng: data.linear(n, M, [1.0, -1.0], 0.3, rng),
    "sine": lambda n, rng: data.sine(n, 0.2, rng),
}


def turns(x):
    """The angle of each point in turns, [0, 1)."""
    return np.arctan2(x[:, 1], x[:, 0]) / (2 * np.pi) % 1


@pytest.mark.parametrize("name", LABELLED)
def test_labels_take_turns(name):
    points = LABELLED[name](23, 0.1, 0)
    assert points.x.shape == (23, 2) and points.x.dtype == np.float64 and points.shape == (2,)
    assert points.labels.tolist() == [i % CLASSES[name] for i in range(23)]


@pytest.mark.parametrize("name", LABELLED)
def test_noise_is_normal_and_as_wide_as_asked(name):
    """The noise is drawn last: the same seed without it gives the points around which it lies."""
    z = (LABELLED[name](4000, 0.25, 7).x - LABELLED[name](4000, 0.0, 7).x) / 0.25
    assert abs(z.mean(axis=0)).max() < 0.08 and abs(z.std(axis=0) - 1).max() < 0.06
    assert abs((z**4).mean() - 3) < 0.5 and abs((z[:, 0] * z[:, 1]).mean()) < 0.08


def test_spirals_lie_on_their_curve():
    points = data.spirals(3000, 3, 0.0, 1)
    radius = np.hypot(*points.x.T)
    assert 0.1 <= radius.min() < 0.11 and 0.99 < radius.max() <= 1
    assert abs(radius.mean() - 0.55) < 0.02
    off = (turns(points.x) - radius - points.labels / 3 + 0.5) % 1 - 0.5
    np.testing.assert_allclose(off, 0, atol=1e-12)


def test_moons_lie_on_half_circles():
    points = data.moons(1000, 0.0, 1)
    upper, lower = points.x[points.labels == 0], points.x[points.labels == 1]
    np.testing.assert_allclose(np.hypot(*upper.T), 1)
    np.testing.assert_allclose(np.hypot(*(lower - [1, 0.5]).T), 1)
    assert upper[:, 1].min() >= 0 and lower[:, 1].max() <= 0.5
    assert upper[:, 0].min() < -0.99 and lower[:, 0].max() > 1.99
    assert abs(upper[:, 1].mean() - 2 / np.pi) < 0.05  # uniform along the arc


def test_blobs_lie_around_roots_of_unity():
    points = data.blobs(5000, 5, 0.3, 2)
    for k in range(5):
        cloud = points.x[points.labels == k]
        centre = np.cos(2 * np.pi * k / 5), np.sin(2 * np.pi * k / 5)
        np.testing.assert_allclose(cloud.mean(axis=0), centre, atol=4 * 0.3 / np.sqrt(1000))
        np.testing.assert_allclose(np.cov(cloud.T), 0.09 * np.eye(2), atol=0.02)


def test_circles_have_their_radii():
    points = data.circles(2000, 4, 0.0, 3)
    np.testing.assert_allclose(np.hypot(*points.x.T), (points.labels + 1) / 4)
    angle = np.sort(turns(points.x))
    assert abs(angle - np.arange(2000) / 2000).max() < 0.05  # uniform: Kolmogorov-Smirnov


def test_xor():
    x, y = data.xor()
    assert x.tolist() == [[-1, -1], [-1, 1], [1, -1], [1, 1]] and y.tolist() == [
        [-1],
        [1],
        [1],
        [-1],
    ]
    x, y = data.xor(coding=(0.1, 0.9))
    assert x.tolist() == [[0.1, 0.1], [0.1, 0.9], [0.9, 0.1], [0.9, 0.9]]
    assert y.tolist() == [[0.1], [0.9], [0.9], [0.1]]


@pytest.mark.parametrize("n_bits", [1, 3, 6])
def test_parity(n_bits):
    x, y = data.parity(n_bits)
    assert x.tolist() == [list(bits) for bits in itertools.product([-1, 1], repeat=n_bits)]
    np.testing.assert_array_equal(y[:, 0], -np.prod(-x, axis=1))


def test_quadratic():
    x, y = data.quadratic(5000, 4)
    np.testing.assert_allclose(y, [((a - b) ** 2, 0) for a, b in x], rtol=1e-15)
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose(np.cov(x.T), np.eye(2), atol=0.08)


def test_linear():
    x, y = data.linear(4000, M, [1.0, -1.0], rng=5)
    np.testing.assert_allclose(y, [M @ v + [1, -1] for v in x], atol=1e-12)
    np.testing.assert_allclose(np.cov(x.T), np.eye(3), atol=0.1)
    x, noisy = data.linear(4000, M, 0.5, noise=0.3, rng=5)
    assert abs((noisy - x @ M.T - 0.5).std() - 0.3) < 0.02


def test_sine():
    x, y = data.sine(4000, 0.0, 6)
    assert x.shape == y.shape == (4000, 1)
    np.testing.assert_array_equal(y, np.sin(x))
    assert -np.pi <= x.min() < -3.1 and 3.1 < x.max() <= np.pi and abs(x.mean()) < 0.15
    x, noisy = data.sine(4000, 0.2, 6)
    assert abs((noisy - np.sin(x)).std() - 0.2) < 0.02


@pytest.mark.parametrize("name", [*LABELLED, *FACTS])
def test_same_rng_same_data(name):
    def made(rng):
        if name in FACTS:
            return np.hstack(FACTS[name](11, rng=rng))
        return LABELLED[name](11, 0.1, rng).x

    before = np.random.get_state()
    np.testing.assert_array_equal(made(3), made(3))
    np.testing.assert_array_equal(made(3), made(np.random.default_rng(3)))
    generator = np.random.default_rng(3)
    assert (made(generator) != made(generator)).any()  # it moves on
    assert (made(None) != made(None)).any()
    after = np.random.get_state()
    assert before[2] == after[2] and np.array_equal(before[1], after[1])


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: data.spirals(2, 3), ValueError, "n: expected a sample .* 3 classes, got 2"),
        (lambda: data.blobs(5, 0), ValueError, "classes: expected 1 or more, got 0"),
        (lambda: data.moons(5.0), TypeError, "n: expected an integer, got 5.0"),
        (lambda: data.circles(5, noise=-0.1), ValueError, "noise: .*, got -0.1"),
        (lambda: data.sine(5, noise=np.nan), ValueError, "noise: .*, got nan"),
        (lambda: data.sine(5, noise=np.inf), ValueError, "noise: .*, got inf"),
        (lambda: data.sine(0), ValueError, "n: expected 1 or more, got 0"),
        (lambda: data.quadratic(0), ValueError, "n: expected 1 or more, got 0"),
        (lambda: data.linear(0, M), ValueError, "n: expected 1 or more, got 0"),
        (lambda: data.linear(5, [1.0, 2.0]), ShapeError, r"got \(2,\) and \(\)"),
        (lambda: data.linear(5, M, [1.0] * 3), ShapeError, r"got \(2, 3\) and \(3,\)"),
        (lambda: data.parity(21), ValueError, "n_bits: expected at most 20, got 21"),
        (lambda: data.parity(0), ValueError, "n_bits: expected 1 or more, got 0"),
        (lambda: data.xor(coding=(0, 1, 2)), ShapeError, r"coding: .* got shape \(3,\)"),
    ],
)
def test_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_every_public_name_is_there():
    assert sorted(data.__all__) == data.__all__
    for name in data.__all__:
        assert getattr(data, name).__doc__
