"""A memory of couplings that are learned."""

from typing import Any

from minigrad import backend
from minigrad.backend import Array, Random
from minigrad.hopfield.codings import Coding
from minigrad.hopfield.couplings import Couplings
from minigrad.hopfield.memories import Memory
from minigrad.initializers import initializer
from minigrad.layers import width
from minigrad.maps import ScalarMap

BIASES = ("free", "tied", "none")


class Dense(Couplings):
    """y = f(W x + b) with W = (M + M^T) / 2 without its diagonal: symmetric by construction.

    M (n, n) is learned. `bias`: "free", b (n,) learned too; "tied", b = -W c with c the middle of
    the coding, h = W (x - c), the usual one of bits: a free one there takes over what the couplings
    should say; "none". dE/dM = (D + D^T) / 2 without its diagonal, D = dE/dh x^T. The losses are
    those of one layer: M may start at 0.
    """

    losses = ("logistic", "mae")
    write = Memory.write  # it is learned
    gain = 1.0
    M: Array
    bias: Array
    dM: Array
    dbias: Array

    def __init__(
        self,
        n: int | None = None,
        bias: str | None = None,
        coding: str | Coding = "signs",
        activation: ScalarMap | str | None = None,
        init: Any = "zeros",
        rng: Random = None,
    ) -> None:
        self._become(coding, "sign")
        if bias is None:
            bias = "tied" if self.coding.name == "bits" else "free"
        if bias not in BIASES:
            raise ValueError(f"bias: expected one of {', '.join(BIASES)}, came {bias!r}")
        if not self.coding.discrete:
            self.losses = ("mae", "half squared error")
        usual = self.coding.soft if self.coding.discrete else "tanh"
        self._become(coding, usual if activation is None else activation)
        self.biased, self.init, self.start = bias, {"M": initializer(init)}, rng
        if n is not None:
            self._widen(width(n), rng)

    def begin(self, patterns: Array, rng: Random) -> None:
        if self.n is None:
            self._widen(patterns.shape[1], rng if self.start is None else self.start)

    def _widen(self, n: int, rng: Random) -> None:
        bias = {"bias": (n,)} if self.biased == "free" else {}
        self._lay_out(rng=rng, M=(n, n), **bias)
        self.n = self.m = n

    @property
    def W(self) -> Array:
        """The couplings (n, n), made of M."""
        return _between_pairs(self.M)

    @property
    def b(self) -> Array:
        """The bias (n,): learned, or made of W, or 0."""
        if self.biased == "free":
            return self.bias
        middle = (self.coding.low + self.coding.high) / 2 if self.biased == "tied" else 0.0
        return -middle * self.xp.sum(self.W, axis=-1)

    def _some_rows(self) -> Array:
        return self.M[: min(self.M.shape[0], 8), :]

    def field(self, x: Array) -> Array:
        self.x, self.coupled = x, self.W  # made of M once for the field and its backprop
        if self.biased == "tied":
            self.x = x - (self.coding.low + self.coding.high) / 2
        h = self.x @ self.coupled
        return h + self.bias if self.biased == "free" else h

    def field_backprop(self, dh: Array) -> Array:
        self.dM += _between_pairs(self.rows(dh).mT @ self.rows(self.x))
        if self.biased == "free":
            self.dbias += self.total(dh)
        return dh @ self.coupled


def _between_pairs(M: Array) -> Array:
    """(M + M^T) / 2 without its diagonal, (..., n, n)."""
    S = M + M.mT
    S *= 0.5
    backend.view(S, (*S.shape[:-2], -1))[..., :: S.shape[-1] + 1] = 0
    return S
