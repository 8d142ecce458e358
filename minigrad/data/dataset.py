"""Labelled samples, and the few things one does to them before learning."""

import math
import operator
from dataclasses import dataclass
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minigrad import backend
from minigrad.errors import ShapeError

Rng = np.random.Generator | int | None


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Dataset:
    """N samples x (N, n) with their labels (N,); `shape` is that of one sample, (28, 28) say.

    x keeps its dtype, labels become int64. Both are kept on the host, and labels stay there; x is
    handed out where `minigrad.use` says that new arrays are born. A slice, an index array or a
    mask gives a Dataset (a slice, one that shares memory), and so does every method but `one_hot`;
    none is ever empty. Raises ShapeError, TypeError for what is not numbers, ValueError for no
    sample at all.

    >>> points = Dataset([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]], [7, 8, 7])
    >>> points[1:]
    Dataset(2 samples of shape (2,), float64, 2 labels in 7..8)
    >>> points.classes(7).x.tolist()
    [[0.0, 1.0], [4.0, 5.0]]
    """

    host: NDArray[Any]
    labels: NDArray[np.int64]
    shape: tuple[int, ...] = ()

    def __init__(self, x: ArrayLike, labels: ArrayLike, shape: tuple[int, ...] = ()) -> None:
        x, labels = np.asarray(x), np.asarray(labels)
        if x.ndim != 2:
            raise ShapeError(f"x: expected (N, n), one row per sample, got {x.shape}")
        if labels.shape != x.shape[:1]:
            raise ShapeError(f"labels: expected one per row of x, ({len(x)},), got {labels.shape}")
        if not len(x):
            raise ValueError("x: expected one sample or more, got none")
        if x.dtype.kind not in "biuf":
            raise TypeError(f"x: expected real numbers, got {x.dtype}")
        if labels.dtype.kind not in "iu":
            raise TypeError(f"labels: expected integers, got {labels.dtype}")
        shape = tuple(shape) or x.shape[1:]
        if math.prod(shape) != x.shape[1]:
            raise ShapeError(f"shape: expected {x.shape[1]} values as in a row of x, got {shape}")
        for name, value in ("host", x), ("labels", labels.astype(np.int64)), ("shape", shape):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.host)

    def __repr__(self) -> str:
        kinds = np.unique(self.labels)
        return (
            f"Dataset({len(self)} samples of shape {self.shape}, {self.host.dtype}, "
            f"{len(kinds)} labels in {kinds[0]}..{kinds[-1]})"
        )

    def __getitem__(self, index: slice | ArrayLike) -> "Dataset":
        if not isinstance(index, slice):
            index = np.asarray(index)
            if index.ndim != 1 or (index.size and index.dtype.kind not in "biu"):
                raise TypeError(
                    "a Dataset is indexed by a slice, a vector of integers or a mask, "
                    f"got {index.dtype} of shape {index.shape}; for one sample see x and labels"
                )
            index = index if index.size else slice(0)  # numpy takes the empty list for floats
        labels = self.labels[index]
        if not len(labels):
            raise ValueError(f"the selection from {len(self)} samples is empty")
        return Dataset(self.host[index], labels, self.shape)

    @property
    def x(self) -> Any:
        """The samples (N, n), in the array library and on the device that `use` chose."""
        return backend.born(self.host)

    @property
    def images(self) -> NDArray[Any]:
        """The samples in their own shape, (N, *shape), on the host; a view."""
        return self.host.reshape(len(self), *self.shape)

    def classes(self, *which: int, relabel: bool = True) -> "Dataset":
        """Keep the samples with these labels, renumbered 0, 1, ... in the order given.

        >>> Dataset([[0.0], [1.0], [2.0], [3.0]], [5, 6, 7, 5]).classes(7, 5).labels.tolist()
        [1, 0, 1]
        """
        held = np.unique(self.labels).tolist()
        if not which or len(set(which)) < len(which):
            raise ValueError(f"classes: expected one label or more, each once, got {which}")
        if absent := [label for label in which if label not in held]:
            raise ValueError(f"classes: no sample is labelled {absent[0]}; the labels are {held}")
        kept = self[np.isin(self.labels, which)]
        if not relabel:
            return kept
        labels = np.argmax(kept.labels[:, None] == np.array(which), axis=1)
        return Dataset(kept.host, labels, self.shape)

    def resize(self, side: int) -> "Dataset":
        """Scale images (h, w) to (side, side): bilinear where that enlarges, else area averages.

        Pixels are squares: pixel i covers [i, i + 1] and is sampled at i + 1/2. No value leaves
        the range of its image, so what is constant stays so. Raises ShapeError without images.

        >>> Dataset([[0.0, 1.0, 0.5, 0.5]], [0], shape=(2, 2)).resize(1).x.tolist()
        [[0.5]]
        """
        if len(self.shape) != 2:
            raise ShapeError(f"resize: expected samples of shape (h, w), got {self.shape}")
        side = count_of("side", side)
        dtype = self._float_type()
        down, across = (_scaling(n, side).astype(dtype) for n in self.shape)
        y = down @ self.images @ across.T
        # Rounding may overstep by one part in 10**16, and the range is a promise.
        low, high = self.host.min(axis=1), self.host.max(axis=1)
        y = y.clip(low[:, None, None], high[:, None, None])
        return Dataset(y.reshape(len(self), -1), self.labels, (side, side))

    def binarise(self, low: float = -1.0, high: float = 1.0, threshold: float = 0.5) -> "Dataset":
        """Put `high` where x > threshold and `low` elsewhere."""
        x = np.where(self.host > threshold, high, low).astype(self._float_type())
        return Dataset(x, self.labels, self.shape)

    def one_hot(
        self, low: float = 0.0, high: float = 1.0, count: int | None = None
    ) -> NDArray[np.float64]:
        """Return the labels as rows (N, count); count is the largest label + 1 unless given."""
        count = int(self.labels.max()) + 1 if count is None else count
        return one_hot(self.labels, count, low, high)

    def sample(self, n: int, rng: Rng = None) -> "Dataset":
        """Draw n samples, none twice."""
        if count_of("n", n) > len(self):
            raise ValueError(f"n: expected at most the {len(self)} samples held, got {n}")
        return self[np.random.default_rng(rng).permutation(len(self))[:n]]

    def shuffled(self, rng: Rng = None) -> "Dataset":
        """Return the samples in random order."""
        return self.sample(len(self), rng)

    def split(self, n: int) -> tuple["Dataset", "Dataset"]:
        """Return the first n samples and the others."""
        if count_of("n", n) >= len(self):
            raise ValueError(f"n: expected 1 to {len(self) - 1}, both parts hold some, got {n}")
        return self[:n], self[n:]

    def balanced(self, per_class: int, rng: Rng = None) -> "Dataset":
        """Draw `per_class` samples of each of the k labels, none twice.

        Each k in a row, from the first on, hold every label once, in random order: the first
        k * m samples are balanced for every m.
        """
        rng, per_class = np.random.default_rng(rng), count_of("per_class", per_class)
        kinds, counts = np.unique(self.labels, return_counts=True)
        if counts.min() < per_class:
            raise ValueError(
                f"per_class: expected at most {counts.min()}, the samples labelled "
                f"{kinds[counts.argmin()]}, got {per_class}"
            )
        # Sorted by random doubles, whose stream outlasts numpy's way to shuffle: this draws the
        # digits that the package carries.
        order = np.argsort(rng.random(len(self)), kind="stable")
        rows = np.stack([order[self.labels[order] == k][:per_class] for k in kinds], axis=1)
        mixed = np.argsort(rng.random(rows.shape), axis=1, kind="stable")
        return self[np.take_along_axis(rows, mixed, axis=1).ravel()]

    def _float_type(self) -> np.dtype[Any]:
        return self.host.dtype if self.host.dtype.kind == "f" else np.dtype(np.float64)


def one_hot(
    labels: ArrayLike, count: int, low: float = 0.0, high: float = 1.0
) -> NDArray[np.float64]:
    """Return rows (N, count), `high` at the label and `low` elsewhere.

    Raises ValueError, naming the first label that is not one of 0 .. count - 1.

    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    labels, kinds = np.asarray(labels), np.arange(count_of("count", count))
    if labels.ndim != 1:
        raise ShapeError(f"labels: expected (N,), got {labels.shape}")
    if labels.dtype.kind not in "iuf":
        raise TypeError(f"labels: expected integers, got {labels.dtype}")
    wrong = np.flatnonzero(~np.isin(labels, kinds))
    if wrong.size:
        raise ValueError(
            f"labels: expected integers in 0..{count - 1}, "
            f"got {labels[wrong[0]]} at position {wrong[0]}"
        )
    return np.where(labels[:, None] == kinds, float(high), float(low))


def count_of(name: str, value: SupportsIndex) -> int:
    """Return a count as an int; raises TypeError or ValueError unless it is 1, 2, ..."""
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected an integer, got {value!r}") from None
    if count < 1:
        raise ValueError(f"{name}: expected 1 or more, got {count}")
    return count


def _scaling(n: int, m: int) -> NDArray[Any]:
    """Weights (m, n) that take n pixels to m; each row sums to 1."""
    pixels, edges = np.arange(n), np.linspace(0, n, m + 1)[:, None]
    left, right = edges[:-1], edges[1:]
    if m > n:  # a hat around the new pixel's centre, as wide as two old pixels
        weights = 1 - abs((left + right) / 2 - (pixels + 0.5))
    else:  # what the new pixel covers of each old one
        weights = np.minimum(right, pixels + 1) - np.maximum(left, pixels)
    weights = np.maximum(weights, 0.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
