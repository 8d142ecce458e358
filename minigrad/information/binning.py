"""From real numbers to cells: bins along each column, and one number for each occupied cell."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array
from minigrad.information.variables import is_discrete


@dataclass(frozen=True)
class Bins:
    """Bins along every column: `count` of equal width, or of equal share (`by="quantile"`).

    Equal ones span low to high, where None is the least or greatest value of the column. A value on
    an edge belongs to the bin above it, at the upper end to the last. A value below `low` or above
    `high` is refused: none is dropped, and none moves into another bin. `edges`, where given, are
    the count + 1 edges for every column.
    """

    count: int = 10
    by: str = "range"
    low: float | None = None
    high: float | None = None
    edges: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        whole = isinstance(self.count, int | np.integer) and not isinstance(self.count, bool)
        if not whole or self.count < 1:
            raise ValueError(f"bins: expected a number of them, 1 or more, came {self.count!r}")
        if self.by not in ("range", "quantile"):
            raise ValueError(f"bins: by is 'range' or 'quantile', not {self.by!r}")
        ends = [end for end in (self.low, self.high) if end is not None]
        if not all(math.isfinite(end) for end in ends):
            raise ValueError(f"bins: expected finite ends, came {self.low} and {self.high}")
        if self.by == "quantile" and (ends or self.edges is not None):
            raise ValueError("bins: those of equal share have no low, high or edges of their own")
        if len(ends) == 2 and not ends[0] < ends[1]:
            raise ValueError(f"bins: expected low < high, came {self.low} and {self.high}")
        if self.edges is not None and not (
            len(self.edges) > 1 and all(np.isfinite(self.edges)) and all(np.diff(self.edges) > 0)
        ):
            raise ValueError(f"bins: edges are two or more rising numbers, came {self.edges}")

    def cells(self, name: str, x: Array) -> Array:
        """The bin of every value, integers 0 to count - 1: (N, width) -> (N, width)."""
        xp = backend.namespace(x)
        if self.by == "quantile":
            return self._equal_shares(xp, x)
        if self.edges is not None:
            self._refuse_outside(name, x, self.edges[0], self.edges[-1])
            edges = xp.asarray(self.edges, dtype=x.dtype, device=backend.place_of(x).device)
            flat = xp.searchsorted(edges, xp.reshape(x, (-1,)), side="right") - 1
            return xp.reshape(xp.clip(flat, 0, len(self.edges) - 2), x.shape)
        self._refuse_outside(name, x, self.low, self.high)
        low = xp.min(x, axis=0) if self.low is None else self.low + 0 * x[0, :]
        high = xp.max(x, axis=0) if self.high is None else self.high + 0 * x[0, :]
        largest = max(float(xp.max(xp.abs(low))), float(xp.max(xp.abs(high))))
        limits = xp.finfo(x.dtype)
        if largest > float(limits.max) / (4 * self.count):  # spans and edges would overflow
            x, low, high = (v * 2.0**-64 for v in (x, low, high))
        elif largest < float(limits.smallest_normal) * 2.0**64:  # or lose digits
            x, low, high = (v * 2.0**100 for v in (x, low, high))
        width = xp.where(high > low, high - low, xp.ones_like(low))
        cell = xp.clip(xp.astype((x - low) / width * self.count, xp.int64), 0, self.count - 1)
        # By rounding, a value on an edge, or next to it, may have come to the wrong side.
        below = xp.astype(cell, x.dtype) * width / self.count + low
        above = xp.astype(cell + 1, x.dtype) * width / self.count + low
        cell = cell + xp.astype(x >= above, xp.int64) - xp.astype(x < below, xp.int64)
        cell = xp.where(high > low, cell, xp.zeros_like(cell))  # a constant column: one cell
        return xp.clip(cell, 0, self.count - 1)

    def _equal_shares(self, xp: Any, x: Array) -> Array:
        """Bins between the quantiles of each column; equal values share a bin."""
        n, columns = x.shape[0], []
        for j in range(x.shape[1]):
            ordered = xp.sort(x[:, j])
            picks = [min(i * n // self.count, n - 1) for i in range(1, self.count)]
            where = xp.asarray(picks, dtype=xp.int64, device=backend.place_of(x).device)
            inner = xp.take(ordered, where, axis=0)
            column = backend.copy(x[:, j])  # torch wants it in one piece
            columns.append(xp.searchsorted(inner, column, side="right"))
        return xp.astype(xp.stack(columns, axis=1), xp.int64)

    def _refuse_outside(self, name: str, x: Array, low: float | None, high: float | None) -> None:
        low = -math.inf if low is None else low
        high = math.inf if high is None else high
        outside = np.argwhere(backend.host((x < low) | (x > high)))
        if outside.size:
            at = tuple(int(i) for i in outside[0])
            raise ValueError(
                f"{name}: outside the range {low} to {high} of the bins, {len(outside)} times: "
                f"the first is {float(x[at])} at {at}"
            )

    def __str__(self) -> str:
        if self.edges is not None:
            return f"{len(self.edges) - 1} between edges"
        if self.by == "quantile":
            return f"{self.count} of equal share"
        ends = ["" if end is None else f"{end:g}" for end in (self.low, self.high)]
        return f"{self.count}" + (f" on [{ends[0]}, {ends[1]}]" if any(ends) else "")


def bins_for(bins: Any, samples: int, width: int) -> Bins | None:
    """The bins meant by a count, by edges, by Bins, by None (values are symbols), by "auto".

    "auto": so many of equal width that two sides of `width` columns in all have some five samples
    for each pair of cells, and two at the least.
    """
    if bins is None or isinstance(bins, Bins):
        return bins
    if isinstance(bins, str):
        if bins != "auto":
            raise ValueError(f"bins: expected a number, edges, Bins, None or 'auto', not {bins!r}")
        return Bins(max(2, math.floor((samples / 5) ** (1 / width))))
    if np.ndim(bins) == 1:
        edges = tuple(float(edge) for edge in bins)
        return Bins(max(len(edges) - 1, 1), edges=edges)
    return Bins(bins)


def codes(cells: Array) -> tuple[Array, int]:
    """Rows of integers as one integer each, equal for equal rows, and a bound above them all.

    (N, width) -> (N,) in 0 .. bound - 1; occupied or not, the bound is not much above N, or is what
    the columns span, if that is less.
    """
    xp = backend.namespace(cells)
    number, bound = None, 1
    for j in range(cells.shape[1]):
        column = cells[:, j]
        low = int(xp.min(column))
        span = int(xp.max(column)) - low + 1
        if span > 2**31:
            column, low = xp.unique_inverse(column).inverse_indices, 0
            span = int(xp.max(column)) + 1
        if number is not None and bound * span >= 2**62:
            number = xp.unique_inverse(number).inverse_indices
            bound = int(xp.max(number)) + 1
        column = column - low
        number = column if number is None else number * span + column
        bound *= span
    if bound > 4 * cells.shape[0] + 1024:
        number = xp.reshape(xp.unique_inverse(number).inverse_indices, (-1,))
        bound = int(xp.max(number)) + 1
    return xp.astype(number, xp.int64), bound


def code_pair(a: tuple[Array, int], b: tuple[Array, int]) -> tuple[Array, int]:
    """Two numberings of the same samples as one, of the pairs."""
    return a[0] * b[1] + b[0], a[1] * b[1]


def tally(numbers: Array, bound: int) -> Array:
    """How many samples lie in each occupied cell: floats, in no order to rely on.

    Grows with the samples, not with the cells: where there are many more cells, it sorts.
    """
    xp = backend.namespace(numbers)
    if not isinstance(numbers, np.ndarray):
        return xp.astype(xp.unique_counts(numbers).counts, xp.float64)
    n = len(numbers)
    if bound <= 4 * n + 1024:
        counts = np.bincount(numbers, minlength=0)
        return counts[counts > 0].astype(np.float64)
    ordered = np.sort(numbers.astype(np.int32) if bound < 2**31 else numbers)
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), n - 1)
    return np.diff(ends, prepend=-1).astype(np.float64)


def numbered(name: str, x: Array, bins: Any, width: int) -> tuple[Array, int]:
    """The samples of a variable as numbers of cells: bins for real numbers, codes for symbols."""
    chosen = None if is_discrete(x) else bins_for(bins, x.shape[0], width)
    if chosen is not None:
        return codes(chosen.cells(name, x))
    if is_discrete(x):
        return codes(x)
    xp = backend.namespace(x)
    columns = [xp.unique_inverse(x[:, j]).inverse_indices for j in range(x.shape[1])]
    return codes(xp.stack([xp.reshape(c, (-1,)) for c in columns], axis=1))
