"""Updates one unit after the other, fast: the fields are kept, and corrected where a unit moved.

Units are laid out in the order in which they are updated, and taken in blocks. Within a block only
the couplings inside it matter, a small matrix; the fields of all later units are corrected once, by
one product, when the block is done. Rows in which no unit of a block wants to move are passed over.
The plain way is `Memory.sweep`, better for a few rows; the two agree.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from minigrad.backend import Array
from minigrad.hopfield.codings import Coding

if TYPE_CHECKING:
    from minigrad.hopfield.couplings import Couplings

BLOCK = 64
FEW = 8  # rows below which laying out the couplings costs more than it saves


def swept(
    memory: "Couplings", x: Array, order: Sequence[int], noise: Array | None, h: Array | None
) -> Array:
    """x (B, n), of the coding, of fields h, after the units of `order` (each once) were updated."""
    step, tie = memory.coding, memory.tie
    units = np.asarray(order, dtype=np.int64)
    W = memory.W[np.ix_(units, units)]
    h = (memory.field(x) if h is None else h)[:, units]
    if noise is not None:
        h += noise[:, units]
    new = x[:, units]
    for start in range(0, len(units), BLOCK):
        stop = start + BLOCK
        old, fields = new[:, start:stop], h[:, start:stop]
        rows = np.flatnonzero((step.snap(np, fields, old, tie) != old).any(axis=1))
        if not rows.size:
            continue
        some: slice | Array = slice(None) if 2 * rows.size > len(x) else rows
        old = old[some].copy()
        now = _within(old, fields[some], W[start:stop, start:stop], step, tie)
        new[some, start:stop] = now
        h[some, stop:] += (now - old) @ W[stop:, start:stop].T
    x = x.copy()
    x[:, units] = new
    return x


def _within(x: Array, h: Array, W: Array, step: Coding, tie: float) -> Array:
    """x (R, k) after the k units of a block, with fields h and couplings W (k, k) among them."""
    x, h = x.T.copy(), h.T.copy()  # one unit, one run of memory
    s = step.to_signs(x)
    for i in range(len(x)):
        wants = h[i] * s[i] < -tie  # its field has the other sign
        if wants.any():
            moved = s[i] * wants
            moved *= -step.span
            x[i] += moved
            h[i + 1 :] += W[i + 1 :, i, None] * moved
    return np.ascontiguousarray(x.T)
