"""Updates one unit after the other, fast: the fields are kept, and corrected where a unit moved.

Units are taken in blocks. Within a block only the couplings inside it matter, a small matrix; the
fields of all others are corrected once, by one product, when the block is done. Rows in which no
unit of a block wants to move are passed over. The plain way is `Memory.sweep`; the two agree.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from minigrad.backend import Array
from minigrad.hopfield.codings import Coding

if TYPE_CHECKING:
    from minigrad.hopfield.couplings import Couplings

BLOCK = 64


def swept(
    memory: "Couplings", x: Array, order: Sequence[int], noise: Array | None, h: Array | None
) -> Array:
    """x (B, n), of fields h, after the units of `order` (each once) were updated one by one."""
    W, step, tie = memory.W, memory.coding, memory.tie
    x, units = x.copy(), np.asarray(order, dtype=np.int64)
    h = memory.field(x) if h is None else h.copy()
    if noise is not None:
        h += noise
    whole = np.arange(len(x))
    for start in range(0, len(units), BLOCK):
        block = units[start : start + BLOCK]
        new = x[:, block]
        fields = h[:, block]
        rows = np.flatnonzero((step.snap(np, fields, new, tie) != new).any(axis=1))
        if not rows.size:
            continue
        old, fields = (new, fields) if rows.size == len(whole) else (new[rows], fields[rows])
        new = _within(old, fields, W[np.ix_(block, block)], step, tie)
        x[np.ix_(rows, block)] = new
        after = units[start + BLOCK :]
        if after.size:
            moved = new - old
            used = np.flatnonzero(moved.any(axis=0))
            h[np.ix_(rows, after)] += moved[:, used] @ W[np.ix_(after, block[used])].T
    return x


def _within(x: Array, h: Array, W: Array, step: Coding, tie: float) -> Array:
    """x (R, k) after the k units of a block, with fields h and couplings W (k, k) among them."""
    x, h = x.T.copy(), h.T.copy()  # one unit, one run of memory
    for i in range(len(x)):
        y = step.snap(np, h[i], x[i], tie)
        moved = y - x[i]
        if moved.any():
            x[i] = y
            h[i + 1 :] += W[i + 1 :, i, None] * moved
    return np.ascontiguousarray(x.T)
