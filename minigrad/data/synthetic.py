"""Small made-up sets: points or bits with labels as a Dataset, facts to fit as (x, y).

The same `rng` (a Generator at the same point, or the same int) gives the same data.
"""

from typing import Any

import numpy as np
from numpy.polynomial.legendre import legval
from numpy.typing import ArrayLike, NDArray

from minigrad import backend
from minigrad.data.dataset import Dataset, Rng, count_of
from minigrad.errors import ShapeError

Floats = NDArray[np.float64]
Facts = tuple[Any, Any]  # arrays born where `minigrad.use` says


def xor(coding: tuple[float, float] = (-1.0, 1.0)) -> Facts:
    """Return the four facts of exclusive or, x (4, 2) and y (4, 1); coding is (false, true).

    >>> x, y = xor(coding=(0, 1))
    >>> x.tolist(), y.ravel().tolist()
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0])
    """
    return parity(2, coding)


def parity(n_bits: int, coding: tuple[float, float] = (-1.0, 1.0)) -> Facts:
    """Return all x (2**n_bits, n_bits), counting up, and y (2**n_bits, 1): is an odd number true?

    Raises ValueError beyond 20 bits, a million facts.
    """
    if count_of("n_bits", n_bits) > 20:
        raise ValueError(f"n_bits: expected at most 20, got {n_bits}")
    bits = _bits(n_bits)
    values = np.array(coding, np.float64)
    if values.shape != (2,):
        raise ShapeError(f"coding: expected (false, true), got shape {values.shape}")
    return _facts(values[bits], values[bits.sum(axis=1, keepdims=True) % 2])


def spirals(n: int, classes: int = 2, noise: float = 0.02, rng: Rng = None) -> Dataset:
    """Points on spirals of one turn, one for each label in 0 .. classes - 1, taken in turn.

    x = r (cos a, sin a) + noise * N(0, 1), r uniform in [0.1, 1], a = 2 pi (r + label / classes).
    """
    labels, rng = _labels(n, classes), np.random.default_rng(rng)
    radius = rng.uniform(0.1, 1.0, n)
    return Dataset(_noisy(_polar(radius, radius + labels / classes), noise, rng), labels)


def moons(n: int, noise: float = 0.1, rng: Rng = None) -> Dataset:
    """Points on two half circles that interlock, labelled 0 and 1 in turn; a uniform in [0, pi].

    x = (cos a, sin a) for label 0, (1 - cos a, 1/2 - sin a) for label 1; + noise * N(0, 1).
    """
    labels, rng = _labels(n, 2), np.random.default_rng(rng)
    upper = _polar(np.ones(n), rng.uniform(0.0, 0.5, n))
    return Dataset(_noisy(np.where(labels[:, None], [1.0, 0.5] - upper, upper), noise, rng), labels)


def blobs(n: int, classes: int = 3, spread: float = 0.2, rng: Rng = None) -> Dataset:
    """Normal clouds around points of the unit circle, labelled 0 .. classes - 1 in turn.

    x = (cos a, sin a) + spread * N(0, 1), a = 2 pi label / classes.
    """
    labels, rng = _labels(n, classes), np.random.default_rng(rng)
    return Dataset(_noisy(_polar(np.ones(n), labels / classes), spread, rng), labels)


def circles(n: int, classes: int = 2, noise: float = 0.05, rng: Rng = None) -> Dataset:
    """Points on circles around 0, labelled 0 .. classes - 1 in turn; a uniform in [0, 2 pi].

    x = r (cos a, sin a) + noise * N(0, 1), r = (label + 1) / classes.
    """
    labels, rng = _labels(n, classes), np.random.default_rng(rng)
    return Dataset(_noisy(_polar((labels + 1) / classes, rng.random(n)), noise, rng), labels)


def grid(n: int, cells: int = 2, ones: ArrayLike | None = None, rng: Rng = None) -> Dataset:
    """Points uniform in [0, 1)^2, cut into cells x cells; label 1 in the cells of `ones`, else 0.

    `ones` holds pairs (column, row), (floor(cells x0), floor(cells x1)). Without it half of the
    cells, rounded down, are drawn at random, and before the points: the same for every n. Of
    2 x 2 cells that is XOR or its negation in one of three draws, and else a straight cut. Raises
    ShapeError for what is not pairs, TypeError for what is not integers, ValueError for a cell
    that is not on the grid or comes twice.

    >>> corner = grid(2000, cells=3, ones=[(2, 0)], rng=0).classes(1).host
    >>> corner.min(axis=0).round(2).tolist(), corner.max(axis=0).round(2).tolist()
    ([0.67, 0.0], [1.0, 0.33])
    """
    n, cells, rng = count_of("n", n), count_of("cells", cells), np.random.default_rng(rng)
    label = np.zeros((cells, cells), np.int64)
    if ones is None:
        order = np.argsort(rng.random(cells**2), kind="stable")
        label.flat[order[: cells**2 // 2]] = 1
    else:
        label[tuple(_cells(ones, cells).T)] = 1
    x = rng.random((n, 2))
    column, row = (x * cells).astype(np.int64).T
    return Dataset(x, label[column, row])


def xor_grid(n: int, rng: Rng = None) -> Dataset:
    """Points uniform in [0, 1)^2 with the label (x0 >= 1/2) xor (x1 >= 1/2)."""
    return grid(n, 2, [(0, 1), (1, 0)], rng)


def sphere_patterns() -> Dataset:
    """The patterns of 12 bits of Shwartz-Ziv & Tishby (2017): x (4096, 12) of 0 and 1, counting up.

    The bits say which of 12 points on a sphere are lit, the corners r_i of an icosahedron: the
    cyclic shifts of (0, +-1, +-golden ratio), scaled to length 1. The label is a threshold on the
    power spectrum in spherical harmonics, which no rotation changes; P_l are Legendre polynomials:

        S_l(x) = sum_ij x_i x_j P_l(r_i . r_j),  f(x) = sum_{l=1..9} S_l(x) / (l + 1),

    label 1 where f > theta, theta the value of f with nearest to half of the patterns above it.
    Every pattern is there once: H(X) = 12 bits. The paper, "Opening the Black Box of Deep Neural
    Networks via Information", arXiv 1703.00810, gives its rule in words only. This one is ours;
    its labels are those of the file that the authors published, but for the order of the bits.
    Counting the lit points already goes far:

    >>> patterns = sphere_patterns()
    >>> float(patterns.labels.mean())
    0.51708984375
    >>> many = patterns.host.sum(axis=1) >= 6
    >>> float((many == patterns.labels).mean())
    0.875
    """
    # The addition theorem: sum_m Y_lm(r_i) Y_lm(r_j)^* = (2 l + 1) / (4 pi) P_l(r_i . r_j).
    golden = (1 + np.sqrt(5)) / 2
    corners = [(0.0, a, b * golden) for a in (-1, 1) for b in (-1, 1)]
    r = np.concatenate([np.roll(corners, k, axis=1) for k in range(3)]) / np.hypot(1, golden)
    x = _bits(12).astype(np.float64)
    kernel = legval(r @ r.T, [0.0, *1 / np.arange(2, 11)])
    f = ((x @ kernel) * x).sum(axis=1).round(7)  # equal values may differ by rounding
    levels, counts = np.unique(f, return_counts=True)
    theta = levels[abs(counts.cumsum() - len(x) / 2).argmin()]
    return Dataset(x, (f > theta).astype(np.int64))


def quadratic(n: int, rng: Rng = None) -> Facts:
    """Return x ~ N(0, 1) of shape (n, 2) and y = ((x0 - x1)**2, 0)."""
    x = np.random.default_rng(rng).standard_normal((count_of("n", n), 2))
    return _facts(x, np.stack([(x[:, 0] - x[:, 1]) ** 2, np.zeros(n)], axis=1))


def linear(n: int, M: ArrayLike, b: ArrayLike = 0.0, noise: float = 0.0, rng: Rng = None) -> Facts:
    """Return x ~ N(0, 1) of shape (n, k) and y = M x + b + noise * N(0, 1), (n, m); M (m, k).

    >>> x, y = linear(4, M=[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], b=[7.0, 8.0], rng=0)
    >>> x.shape, y.shape
    ((4, 3), (4, 2))
    """
    M, b, rng = np.asarray(M, np.float64), np.asarray(b, np.float64), np.random.default_rng(rng)
    if M.ndim != 2 or b.shape not in ((), M.shape[:1]):
        raise ShapeError(f"expected M (m, k) and b (m,) or a number, got {M.shape} and {b.shape}")
    x = rng.standard_normal((count_of("n", n), M.shape[1]))
    return _facts(x, _noisy(x @ M.T + b, noise, rng))


def sine(n: int, noise: float = 0.1, rng: Rng = None) -> Facts:
    """Return x (n, 1) uniform in [-pi, pi] and y = sin x + noise * N(0, 1)."""
    rng = np.random.default_rng(rng)
    x = rng.uniform(-np.pi, np.pi, (count_of("n", n), 1))
    return _facts(x, _noisy(np.sin(x), noise, rng))


def _facts(x: Floats, y: Floats) -> Facts:
    return backend.born(x), backend.born(y)


def _bits(n: int) -> NDArray[np.int64]:
    """All rows (2**n, n) of 0 and 1, counting up."""
    return np.arange(2**n)[:, None] >> np.arange(n)[::-1] & 1


def _cells(ones: ArrayLike, cells: int) -> NDArray[np.int64]:
    pairs = np.asarray(ones)
    if not pairs.size:  # numpy takes the empty list for floats
        return np.zeros((0, 2), np.int64)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ShapeError(f"ones: expected pairs (column, row), (k, 2), got shape {pairs.shape}")
    if pairs.dtype.kind not in "iu":
        raise TypeError(f"ones: expected integers, got {pairs.dtype}")
    outside = ((pairs < 0) | (pairs >= cells)).any(axis=1)
    if outside.any():
        first = tuple(pairs[outside.argmax()].tolist())
        raise ValueError(f"ones: expected columns and rows in 0..{cells - 1}, got {first}")
    kinds, counts = np.unique(pairs, axis=0, return_counts=True)
    if counts.max() > 1:
        twice = tuple(kinds[counts.argmax()].tolist())
        raise ValueError(f"ones: expected each cell once, got {twice} {counts.max()} times")
    return pairs.astype(np.int64)


def _labels(n: int, classes: int) -> NDArray[np.int64]:
    if count_of("n", n) < count_of("classes", classes):
        raise ValueError(f"n: expected a sample for each of the {classes} classes, got {n}")
    return np.arange(n) % classes


def _polar(radius: Floats, turns: Floats) -> Floats:
    angle = 2 * np.pi * turns
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _noisy(clean: Floats, noise: float, rng: np.random.Generator) -> Floats:
    if not 0 <= noise < np.inf:
        raise ValueError(f"noise: expected a standard deviation, finite and 0 or more, got {noise}")
    return clean + noise * rng.standard_normal(clean.shape)
