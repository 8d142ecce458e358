"""Memories of couplings between pairs of units: h = W x + b, and the energy that goes with it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array
from minigrad.errors import NotFiniteError, ShapeError
from minigrad.hopfield.codings import Coding, coding
from minigrad.hopfield.memories import Memory, activation_of
from minigrad.hopfield.sweeps import FEW, swept
from minigrad.losses import not_finite
from minigrad.maps import ScalarMap


class Couplings(Memory):
    """y = f(W x + b), E = -x.Wx / 2 - b.x; W (n, n) and b (n,) given by hand, or by a rule.

    While W is symmetric and its diagonal is not negative, an update of one unit never raises E.
    Source: Hopfield, PNAS 79 (1982).
    """

    smooth = True
    W: Array
    b: Array
    dW: Array
    db: Array

    def __init__(
        self,
        W: Any = None,
        b: Any = None,
        coding: str | Coding = "signs",
        activation: ScalarMap | str = "sign",
    ) -> None:
        self._become(coding, activation)
        if W is None:
            return
        W = backend.asarray(W)
        if backend.namespace(W).isdtype(W.dtype, "real floating"):  # live beside it
            self._bind(*(backend.namespace(W).reshape(0 * W, (-1,))[:0] for _ in range(2)))
        if W.ndim != 2 or W.shape[0] != W.shape[1]:
            raise ShapeError(f"{self}: W is (n, n), came {tuple(W.shape)}")
        b = 0 * W[0, :] if b is None else b
        for name, values in (("W", W), ("b", backend.receive(b, W))):
            if not backend.all_finite(values):
                raise NotFiniteError(f"{self}: {name} has {not_finite(values)}")
        self._couple(W, b)

    def _become(self, how: str | Coding, activation: ScalarMap | str) -> None:
        self.coding, self.activation = coding(how), activation_of(activation)
        self.smooth = self.activation is not None and self.activation.smooth

    def _couple(self, W: Array, b: Any) -> None:
        """Have these couplings."""
        W = backend.receive(W, self.theta)
        b = backend.receive(b, self.theta)
        if b.shape != W.shape[:1]:
            raise ShapeError(f"{self}: b has shape {tuple(b.shape)}, expected {W.shape[:1]}")
        self._hold(W=W, b=b)
        self.n = self.m = W.shape[0]

    def write(self, patterns: Array) -> None:
        raise TypeError(f"{self}: its couplings are given by hand, nothing is put into them")

    def field(self, x: Array) -> Array:
        self.x = x
        return x @ self.W.mT + self.b

    def field_backprop(self, dh: Array) -> Array:
        self.dW += self.rows(dh).mT @ self.rows(self.x)
        self.db += self.total(dh)
        return dh @ self.W

    def unit_field(self, x: Array, i: int) -> Array:
        return x @ self.W[i, :] + self.b[i]

    def energy(self, x: Array, h: Array | None = None) -> Array:
        h = x @ self.W.mT + self.b if h is None else h
        return -0.5 * self.xp.sum(x * (h + self.b), axis=-1)

    @property
    def tie(self) -> float:
        some = self._some_rows()  # of about the size of the others
        size = float(self.xp.max(self.xp.sum(self.xp.abs(some), axis=-1)))
        return 8 * float(self.xp.finfo(self.theta.dtype).eps) * size

    def _some_rows(self) -> Array:
        return self.W[: min(self.W.shape[0], 8), :]

    @property
    def symmetric(self) -> bool:
        """Whether W is its own transpose, to rounding."""
        W, xp = self.W, self.xp
        off = float(xp.max(xp.abs(W - W.mT)))
        return off <= 16 * float(xp.finfo(W.dtype).eps) * float(xp.max(xp.abs(W)))

    @property
    def diagonal(self) -> Array:
        """The couplings of the units to themselves, (n,)."""
        return self.xp.linalg.diagonal(self.W)

    def promise(self, update: str) -> str:
        if not self.symmetric:
            return ""
        if not self.coding.discrete and self.soft.name not in ("tanh", "identity"):
            return ""  # no integral of its inverse is known here
        if update == "synchronous" and self.coding.discrete:
            return "of two states that follow each other, all units at once, W symmetric"
        if update == "continuous":
            return "E and the cost of leaving the middle fall along the flow"
        if update == "asynchronous" and bool(self.xp.all(self.diagonal >= 0)):
            return "one unit at a time, W symmetric, no negative diagonal"
        return ""

    def pair_energy(self, y: Array, x: Array, h: Array) -> Array:
        """-y.W x - b.(x + y), (...,), of the states x, of fields h, and y that follows.

        While W is symmetric it never rises when all units step at once: two states that follow each
        other, again and again, are the worst that can come of it.
        """
        return -self.xp.sum(y * h + self.b * x, axis=-1)

    def sweep(
        self,
        x: Array,
        order: Sequence[int],
        noise: Array | None = None,
        h: Array | None = None,
    ) -> Array:
        if noise is not None:  # a unit at a temperature does not hear itself
            middle = (self.coding.low + self.coding.high) / 2
            noise = noise - self.diagonal * (x - middle)
        known = isinstance(x, np.ndarray) and len(set(order)) == len(order)
        if known and len(x) >= FEW and self.coding.holds(np, x).all():
            return swept(self, x, order, noise, h)
        return super().sweep(x, order, noise, h)


def recoded(memory: Couplings, to: str | Coding) -> Couplings:
    """The same couplings for another coding: from signs to bits W' = 4 W, b' = 2 b - 2 W 1.

    With s = 2 v - 1 the energies differ by a constant, and every answer is the same.
    """
    of, to = memory.coding, coding(to)
    if not (of.discrete and to.discrete):
        raise ValueError(
            f"{memory}: signs are recoded to bits and back, not {of.name} to {to.name}"
        )
    if memory.activation is None:
        activation: ScalarMap | str = "sign"
    elif memory.activation is of.soft:
        activation = to.soft
    else:
        raise ValueError(f"{memory}: {memory.activation.name} is not the soft map of {of.name}")
    W, b = couplings_between(memory.W, memory.b, of, to)
    twin = Couplings(W, b, to, activation)
    twin.gain = memory.gain
    if memory.patterns is not None:
        twin.patterns = to.from_signs(of.to_signs(memory.patterns))
    return twin


def couplings_between(W: Array, b: Array, of: Coding, to: Coding) -> tuple[Array, Array]:
    """W (n, n) and b (n,) for the coding `to`, of those for `of`: x_of = scale x_to + offset."""
    if of == to:
        return W, b
    scale = of.span / to.span
    offset = of.low - scale * to.low
    ones = backend.namespace(W).ones_like(b)
    return scale**2 * W, scale * (b + offset * (W @ ones))
