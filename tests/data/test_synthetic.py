"""Made-up sets: on their curves, noise around them, the same for the same seed."""

import hashlib
import itertools

import numpy as np
import pytest
from scipy.special import gammaln, lpmv

from minigrad import data
from minigrad.errors import ShapeError

LABELLED = {
    "spirals": lambda n, noise, rng: data.spirals(n, 3, noise, rng),
    "moons": data.moons,
    "blobs": lambda n, noise, rng: data.blobs(n, 5, noise, rng),
    "circles": lambda n, noise, rng: data.circles(n, 4, noise, rng),
}
GRIDS = {
    "grid": lambda n, rng: data.grid(n, 5, rng=rng),
    "xor_grid": data.xor_grid,
}
CLASSES = {"spirals": 3, "moons": 2, "blobs": 5, "circles": 4}
M = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]])
FACTS = {
    "quadratic": data.quadratic,
    "linear": lambda n, rng: data.linear(n, M, [1.0, -1.0], 0.3, rng),
    "sine": lambda n, rng: data.sine(n, 0.2, rng),
}
GOLDEN = (1 + 5**0.5) / 2
CORNERS = np.array(
    [np.roll((0, a, b * GOLDEN), k) for k in range(3) for a in (-1, 1) for b in (-1, 1)]
) / np.hypot(1, GOLDEN)


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


def in_cells(points, cells):
    """The labels found in each cell, (column, row) to a set."""
    found = {}
    for (a, b), label in zip(np.floor(points.x * cells).tolist(), points.labels, strict=True):
        found.setdefault((int(a), int(b)), set()).add(int(label))
    return found


@pytest.mark.parametrize("cells, ones", [(1, [(0, 0)]), (3, [(2, 0), (1, 2)]), (4, []), (7, None)])
def test_grid_labels_whole_cells(cells, ones):
    points = data.grid(3000, cells, ones, rng=8)
    assert points.x.shape == (3000, 2) and points.x.dtype == np.float64
    found = in_cells(points, cells)
    assert sorted(found) == list(itertools.product(range(cells), repeat=2))
    assert all(len(labels) == 1 for labels in found.values())
    lit = {cell for cell, labels in found.items() if labels == {1}}
    assert lit == set(ones) if ones is not None else len(lit) == cells**2 // 2


def test_grid_is_uniform():
    x = data.grid(6000, 3, rng=9).x
    assert 0 <= x.min() < 1e-3 and 1 - 1e-3 < x.max() < 1
    assert abs(np.sort(x, axis=0) - np.linspace(0, 1, 6000)[:, None]).max() < 0.025
    assert abs(np.corrcoef(x.T)[0, 1]) < 0.05


@pytest.mark.parametrize("cells", [1, 2, 3, 5])
def test_random_half_of_the_cells(cells):
    """Each cell is as likely as the others; the cells do not hang on how many points there are."""
    share = np.zeros((cells, cells))
    for seed in range(300):
        found = in_cells(data.grid(60 * cells**2, cells, rng=seed), cells)
        if seed < 5:  # all cells are met, so the half can be counted
            assert sum(labels == {1} for labels in found.values()) == cells**2 // 2
            few = in_cells(data.grid(7, cells, rng=seed), cells)
            assert all(found[cell] == labels for cell, labels in few.items())
        for cell, labels in found.items():
            share[cell] += labels == {1}
    half = cells**2 // 2 / cells**2
    assert abs(share / 300 - half).max() < 4 * 0.5 / np.sqrt(300)


def test_a_random_half_of_four_cells_is_seldom_xor():
    """Of six halves two are diagonals, XOR and its negation."""
    diagonal = 0
    for seed in range(600):
        found = in_cells(data.grid(80, rng=seed), 2)
        diagonal += len(found) == 4 and found[0, 0] == found[1, 1]
    assert 0.25 < diagonal / 600 < 0.42


def test_xor_grid():
    points = data.xor_grid(900, 10)
    low = points.x < 0.5
    np.testing.assert_array_equal(points.labels, low[:, 0] != low[:, 1])
    assert len(points) == 900 and 0.4 < points.labels.mean() < 0.6


def test_sphere_patterns_are_all_bits_and_their_entropies():
    patterns = data.sphere_patterns()
    assert patterns.x.tolist() == [list(bits) for bits in itertools.product([0, 1], repeat=12)]
    assert patterns.x.dtype == np.float64
    share = np.unique(patterns.x, axis=0, return_counts=True)[1] / 4096
    assert -(share * np.log2(share)).sum() == 12
    share = np.bincount(patterns.labels) / 4096
    assert patterns.labels.sum() == 2118
    assert round(-(share * np.log2(share)).sum(), 6) == 0.999157


def test_sphere_patterns_do_not_change_under_rotation():
    """The 120 symmetries of the icosahedron: a face, corner by corner, goes to any face."""
    patterns, face = data.sphere_patterns(), None
    powers, moved = 2 ** np.arange(12)[::-1], set()
    for corners in itertools.permutations(range(12), 3):
        angles = CORNERS[[*corners]] @ CORNERS[[*corners]].T
        if np.allclose(angles[np.triu_indices(3, 1)], 5**-0.5):
            face = face or corners
            turn = np.linalg.solve(CORNERS[[*face]], CORNERS[[*corners]])
            np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
            order = (CORNERS @ turn @ CORNERS.T).argmax(axis=1)
            np.testing.assert_allclose(CORNERS @ turn, CORNERS[order], atol=1e-12)
            moved.add(tuple(order.tolist()))
            rows = patterns.host[:, order].astype(int) @ powers
            np.testing.assert_array_equal(patterns.labels[rows], patterns.labels)
    assert len(moved) == 120
    rows = patterns.host[:, [1, 0, *range(2, 12)]].astype(int) @ powers  # no symmetry
    assert (patterns.labels[rows] != patterns.labels).any()


def test_sphere_patterns_from_spherical_harmonics():
    """S_l is 4 pi / (2 l + 1) sum_m |sum_i x_i Y_lm(r_i)|^2, and f parts nearest to in half."""
    patterns = data.sphere_patterns()
    polar, f = np.arctan2(CORNERS[:, 1], CORNERS[:, 0]), np.zeros(4096)
    for degree in range(1, 10):
        m = np.arange(degree + 1)[:, None]
        # |Y_lm|^2 without its factor (2 l + 1) / (4 pi), which S_l does not hold.
        scale = np.exp((gammaln(degree - m + 1) - gammaln(degree + m + 1)) / 2)
        waves = scale * lpmv(m, degree, CORNERS[:, 2]) * np.exp(1j * m * polar)
        power = abs(patterns.host @ waves.T) ** 2
        f += (power[:, 0] + 2 * power[:, 1:].sum(axis=1)) / (degree + 1)
    ones, zeros = f[patterns.labels == 1], f[patterns.labels == 0]
    assert ones.min() > zeros.max() + 0.01
    # No other threshold comes nearer to half: one level lower or higher is farther from it.
    at = abs(len(ones) - 2048)
    assert abs(len(ones) + (zeros > zeros.max() - 1e-6).sum() - 2048) > at
    assert abs(len(ones) - (ones < ones.min() + 1e-6).sum() - 2048) > at


def test_sphere_patterns_are_the_published_ones():
    """Against a digest of the labels, bits counting up, in github.com/ravidziv/IDNNs var_u.mat."""
    patterns, published = data.sphere_patterns(), np.zeros(4096, bool)
    order = [0, 2, 9, 4, 11, 10, 7, 1, 6, 3, 8, 5]  # their bit k is our corner order[k]
    rows = patterns.host[:, order].astype(int) @ 2 ** np.arange(12)[::-1]
    published[rows] = patterns.labels
    digest = hashlib.sha256(np.packbits(published).tobytes()).hexdigest()
    assert digest == "371b2b46a5052b4f69f7991ca141fb5afa1ac364ef7beb81ec900eecac2f86d9"


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


@pytest.mark.parametrize("name", [*LABELLED, *GRIDS, *FACTS])
def test_same_rng_same_data(name):
    def made(rng):
        if name in FACTS:
            return np.hstack(FACTS[name](11, rng=rng))
        if name in GRIDS:
            points = GRIDS[name](11, rng)
            return np.column_stack([points.x, points.labels])
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
        (lambda: data.grid(0), ValueError, "n: expected 1 or more, got 0"),
        (lambda: data.grid(5, 0), ValueError, "cells: expected 1 or more, got 0"),
        (lambda: data.grid(5, 2.5), TypeError, "cells: expected an integer, got 2.5"),
        (lambda: data.grid(5, 3, [(0, 2), (1, 3)]), ValueError, r"ones: .* 0..2, got \(1, 3\)"),
        (lambda: data.grid(5, 3, [(0, -1)]), ValueError, r"ones: .* 0..2, got \(0, -1\)"),
        (
            lambda: data.grid(5, 3, [(1, 2), (2, 1), (1, 2)]),
            ValueError,
            r"ones: expected each cell once, got \(1, 2\) 2 times",
        ),
        (lambda: data.grid(5, 3, [(0.0, 1.0)]), TypeError, "ones: .* integers, got float64"),
        (lambda: data.grid(5, 3, (0, 1)), ShapeError, r"ones: .* got shape \(2,\)"),
        (lambda: data.grid(5, 3, [(0, 1, 2)]), ShapeError, r"ones: .* got shape \(1, 3\)"),
        (lambda: data.xor_grid(2.0), TypeError, "n: expected an integer, got 2.0"),
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
