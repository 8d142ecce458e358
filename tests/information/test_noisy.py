"""Bounds on the information of a layer with a stated noise."""

import math

import numpy as np
import pytest

from minigrad import backend
from minigrad.errors import BackendError, NotFiniteError, ShapeError
from minigrad.information import noisy, pairwise_bounds
from minigrad.information.noisy import pairwise_bound


def naive_bound(t, scale):
    """-<ln <exp(-d^2 / scale)>> from all distances."""
    t = np.asarray(t, float).reshape(len(t), -1)
    square = ((t[:, None] - t[None]) ** 2).sum(axis=-1)
    return -np.mean(np.log(np.mean(np.exp(-square / scale), axis=1)))


def of_two_points(noise):
    """I(X;T) of +-1 in this noise, by quadrature over T: h(T) - h(noise)."""
    t = np.linspace(-30, 30, 200_001)
    p = sum(np.exp(-((t - m) ** 2) / (2 * noise)) for m in (-1, 1)) / 2
    p /= math.sqrt(2 * math.pi * noise)
    h = -np.sum(p * np.log(np.maximum(p, 1e-300))) * (t[1] - t[0])
    return h - math.log(2 * math.pi * math.e * noise) / 2


def values(bounds):
    return bounds.lower.value, bounds.upper.value


# --- known laws -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("noise", "lower", "truth", "upper"),
    [(0.25, 0.566, 0.633, 0.693), (1, 0.219, 0.337, 0.566), (4, 0.061, 0.111, 0.219)],
)
def test_two_points_are_enclosed(noise, lower, truth, upper):
    found = values(pairwise_bounds([1.0, -1.0], noise))
    assert found == pytest.approx((lower, upper), abs=6e-4)
    assert of_two_points(noise) == pytest.approx(truth, abs=6e-4)
    assert found[0] < of_two_points(noise) < found[1]
    many = pairwise_bounds(np.tile([1.0, -1.0], 50), noise)
    assert values(many) == pytest.approx(found, rel=1e-12)


def test_a_gaussian_channel_is_enclosed():
    """Truth ln(1 + 1) / 2 = 0.347, bounds 0.215 and 0.604."""
    t = np.random.default_rng(0).standard_normal(2000)
    lower, upper = values(pairwise_bounds(t, 1))
    assert lower == pytest.approx(0.215, abs=0.025) and upper == pytest.approx(0.604, abs=0.05)
    assert lower < math.log(2) / 2 < upper


@pytest.mark.parametrize("width", [1, 3, 40])
@pytest.mark.parametrize("offset", [0, 1e5])
def test_bounds_are_the_sums_over_all_pairs(width, offset, monkeypatch):
    monkeypatch.setattr(noisy, "CACHED", 300)  # several blocks
    t = np.random.default_rng(0).standard_normal((70, width)) + offset
    for noise in (0.1, 1, np.float32(4), 10):
        expected = naive_bound(t, 8 * noise), naive_bound(t, 2 * noise)
        assert values(pairwise_bounds(t, noise)) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_one_bound_alone_is_that_of_the_pair():
    t, labels = np.random.default_rng(0).standard_normal((30, 2)), np.arange(30) % 3
    for given in (None, labels):
        pair = pairwise_bounds(t, 0.5, given)
        assert pairwise_bound("lower", t, 0.5, given).value == pair.lower.value
        assert pairwise_bound("upper", t, 0.5, given).value == pair.upper.value
    with pytest.raises(ValueError, match="bound: expected 'lower' or 'upper', not 'middle'"):
        pairwise_bound("middle", t, 0.5)


def test_labels_are_told_within_bounds():
    """Two clouds of 50 points: the label is nearly all, or nearly nothing, of what t tells."""
    rng = np.random.default_rng(0)
    labels = np.repeat(["left", "right"], 50)
    far = np.where(labels == "left", -30, 30) + rng.standard_normal(100)
    assert values(pairwise_bounds(far, 0.1, labels))[1] == pytest.approx(math.log(2))
    assert pairwise_bounds(far, 0.1, labels).lower.ceiling == pytest.approx(math.log(2))
    lone = np.where(labels == "left", -1.0, 1.0)  # no spread within a label: the same as I(X;T)
    assert values(pairwise_bounds(lone, 1, labels)) == pytest.approx(
        values(pairwise_bounds(lone, 1))
    )
    alike = rng.standard_normal(100)
    lower, upper = pairwise_bounds(alike, 1, labels)
    assert lower.value == 0.0 <= upper.value <= math.log(2)
    assert lower.quantity == "I(T;Y)" and lower.saturated


def test_bounds_on_labels_are_sums_over_the_labels():
    rng = np.random.default_rng(1)
    t, labels = 0.3 * rng.standard_normal((60, 2)), rng.integers(0, 3, 60)
    t[:, 0] += 1.5 * labels
    shares = np.bincount(labels) / 60
    within = [sum(p * naive_bound(t[labels == y], c) for y, p in enumerate(shares)) for c in (2, 8)]
    expected = naive_bound(t, 8) - within[0], naive_bound(t, 2) - within[1]
    lower, upper = pairwise_bounds(t, 1, labels)
    entropy = -np.sum(shares * np.log(shares))
    assert lower.value == pytest.approx(max(expected[0], 0), rel=1e-9)
    assert upper.value == pytest.approx(min(expected[1], entropy), rel=1e-9)
    assert upper.ceiling == pytest.approx(entropy) and 0 < lower.value < upper.value
    assert upper.null(3, rng=1) == pairwise_bounds(t, 1, labels).upper.null(3, rng=1)


# --- limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 5])
@pytest.mark.parametrize("spread", [1.0, 1e3, 1e6, 1e12, 1e200, 1e308])
def test_distinct_points_in_little_noise_are_all_told_apart_and_pairs_are_not(spread, width):
    """Though the squares of what is far have lost, or overflow, what is near."""
    t = spread * np.random.default_rng(0).uniform(-1, 1, (64, width))
    noise = 1e-16 * min(spread, 1.0)
    assert values(pairwise_bounds(t, noise)) == pytest.approx((math.log(64),) * 2, rel=1e-9)
    pairs = np.repeat(t[:32], 2, axis=0)
    assert values(pairwise_bounds(pairs, noise)) == pytest.approx((math.log(32),) * 2, rel=1e-9)
    assert max(values(pairwise_bounds(t, noise))) <= math.log(64)


def test_near_pairs_far_apart_are_told_by_their_own_distance():
    t = np.array([0.0, 1.0, 1e9, 1e9 + 1])
    expected = naive_bound(t, 8), naive_bound(t, 2)
    assert values(pairwise_bounds(t, 1)) == pytest.approx(expected, rel=1e-9)


def test_in_much_noise_nothing_is_told():
    t = np.random.default_rng(0).standard_normal((40, 3))
    for bounds in (pairwise_bounds(t, 1e12), pairwise_bounds(0 * t + 0.1, 1e-12)):
        assert all(0 <= value < 1e-9 for value in values(bounds))
        assert not any(np.signbit(values(bounds)))
    assert values(pairwise_bounds([3.0], 1)) == (0.0, 0.0)
    with pytest.raises(TypeError, match="has no null"):
        pairwise_bounds(t, 1).lower.null()


def test_bounds_print_in_one_line_and_have_a_ceiling():
    bounds = pairwise_bounds([1.0, -1.0], 1.0)
    assert str(bounds) == (
        "0.219 <= I(X;T) <= 0.566 nats by pairwise distances (noise variance = 1, N = 2)"
    )
    assert bounds.lower.ceiling == bounds.upper.ceiling == math.log(2)
    assert bounds.upper.bits.value == pytest.approx(bounds.upper.value / math.log(2))


# --- backends, and what is refused ----------------------------------------------------------------


@pytest.mark.parametrize("spread", [1.0, 1e6])
def test_every_backend_gives_the_answer_of_numpy(place, spread):
    t, labels = spread * np.random.default_rng(0).standard_normal((40, 2)), np.arange(40) % 3
    there = backend.move(t, place)
    for given in (None, labels, ["a", "b"] * 20):
        here, moved = pairwise_bounds(t, 0.5, given), pairwise_bounds(there, 0.5, given)
        assert values(moved) == pytest.approx(values(here), rel=1e-10)
        assert all(type(value) is float for value in values(moved))
    on_device = backend.move(labels, place)
    assert values(pairwise_bounds(there, 0.5, on_device)) == pytest.approx(
        values(pairwise_bounds(t, 0.5, labels)), rel=1e-10
    )
    if place.name != "numpy":
        with pytest.raises(BackendError, match=rf"(?s)numpy.*{place.name}"):
            pairwise_bounds(t, 0.5, on_device)


@pytest.mark.parametrize(
    "noise", [0, -1.0, math.nan, math.inf, "1", None, True, [1.0], np.ones(1), 1j, np.complex128(1)]
)
def test_a_noise_is_a_variance(noise):
    with pytest.raises(ValueError, match="noise: expected a variance, finite and above 0, came"):
        pairwise_bounds([1.0, -1.0], noise)


@pytest.mark.parametrize(
    ("t", "error", "message"),
    [
        ([0.0, math.nan], NotFiniteError, r"t has nan at \(1, 0\)"),
        ([], ShapeError, r"t: .*came \(0,\)"),
        (np.zeros((2, 1, 1)), ShapeError, r"t: .*came \(2, 1, 1\)"),
        ([[1.0], [1.0, 2.0]], ShapeError, "t: rows of different lengths"),
        (["a", "b"], TypeError, "t: expected real numbers, came texts"),
        (np.ones(2) * 1j, TypeError, "t: expected real numbers"),
        (None, TypeError, "t: expected real numbers"),
    ],
)
def test_what_is_no_layer_is_refused_by_name(t, error, message):
    for labels in (None, [0, 1]):
        with pytest.raises(error, match=message):
            pairwise_bounds(t, 1, labels)


def test_labels_are_symbols_one_for_each_sample():
    with pytest.raises(TypeError, match=r"labels: expected labels .*, came float64"):
        pairwise_bounds([1.0, -1.0], 1, [0.0, 1.0])
    with pytest.raises(ShapeError, match="'t': 2, 'labels': 3"):
        pairwise_bounds([1.0, -1.0], 1, [0, 1, 1])


def test_whole_numbers_are_outputs_too_and_none_is_written():
    t, labels = np.array([[1, 0], [0, 2], [5, 5]]), np.array([0, 1, 1])
    for v in (t, labels):
        v.flags.writeable = False
    for given in (None, labels):
        whole = values(pairwise_bounds(t, 1, given))
        assert whole == values(pairwise_bounds(t * 1.0, 1, given))
        assert whole == pytest.approx(values(pairwise_bounds(t.astype("float16"), 1, given)))
    assert t.tolist() == [[1, 0], [0, 2], [5, 5]]
