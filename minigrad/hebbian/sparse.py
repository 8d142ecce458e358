"""The sparse layer of the seed: k winners on a torus learn to reconstruct what they see.

p = W v                                        how well v fits each unit
a = p of the k winners by lateral excitation, else 0
r = W^T a                                      the winners' picture of v
W <- W + rate * W * a (v - r)^T / max(r, prec) only winners learn, in proportion to W
y = a / (row sums of W)                        the code
"""

import math
from typing import Any

from minigrad.backend import Array, Random
from minigrad.hebbian import lookahead
from minigrad.hebbian.local import from_zero
from minigrad.hebbian.torus import TorusLayer


class SparseLayer(TorusLayer):
    """n inputs to the code of m units, of which k are active; learns by the rule above.

    `side`, `k`, `radius`, `lateral`: see `TorusLayer`; `rate`: of learning; `start`: of W, an
    initializer of weights of at least 0 (U(0, 0.2)).

    Where rate * activity stays below 1, no weight changes its sign. Where it reaches 1 (pictures
    too bright, a rate too large) a weight that would fall below FLOOR, or below 0, is cut off
    there; it can grow from there again. Neighbours weigh `lateral` in total; the seed has them
    normalised in L2, which is lateral=0.5 * sqrt(24), 2.45, for its radius 2.
    Raises ValueError for k outside 1 to m, for a rate that is not positive, for a side below
    2 radius + 1. On numpy many rows are learned by the exact fast path of `lookahead`.
    """

    def __init__(
        self,
        n: int,
        side: tuple[int, int] | int = (40, 40),
        k: int = 5,
        radius: int = 2,
        lateral: float | None = None,
        rate: float = 0.02,
        start: Any = None,
        rng: Random = None,
    ) -> None:
        if not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"a rate is a positive number, not {rate!r}")
        self.rate = float(rate)
        super().__init__(
            n, side, k, radius, lateral, from_zero(0.2) if start is None else start, rng
        )

    def forward(self, x: Array) -> Array:
        return self.activity(x @ self.W.mT) / self.sums()

    def update(self, x: Array) -> Array:
        xp, W = self.xp, self.W
        a = self.activity(W @ x)
        r = W.mT @ a
        e = (x - r) / xp.maximum(r, self._number(self.PREC))
        new = W + W * a[:, None] * e[None, :] * self.rate
        self.W = xp.maximum(new, self._number(self.FLOOR))
        self.wins += xp.astype(a > 0, a.dtype)
        return a / self.sums()

    def learn_rows(self, x: Array) -> Array:
        return lookahead.sparse(self, x) if lookahead.applies(self, RULE) else super().learn_rows(x)


RULE = lookahead.rule(SparseLayer)
