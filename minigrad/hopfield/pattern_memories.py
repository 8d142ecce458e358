"""Memories that keep the patterns themselves: each speaks for itself, as loud as its overlap."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from minigrad import backend
from minigrad.backend import Array
from minigrad.hopfield.codings import CODINGS
from minigrad.hopfield.memories import Memory

if TYPE_CHECKING:
    Voices = tuple[Array, Array | None]


class PatternMemory(Memory):
    """h = X^T a(m) + c(m) x, the overlaps m = X x (..., p); X (p, n): the patterns, as rows.

    `voices` says a (..., p), how loud each pattern speaks, and c (...), what a unit says to itself
    (None: nothing). Where the coding has two values, x, X and m are of signs: bits are converted
    at the doors, and h of bits is twice that of signs, as -dE/dx is.
    """

    X: Array
    dX: Array
    volume: float = 1.0  # h is multiplied by it at the end
    tie: float = (
        0.0  # what the rounding of h may be: a unit whose field is no larger keeps its value
    )

    def voices(self, m: Array) -> "Voices":
        """a (..., p) and c (...) for the overlaps m (..., p)."""
        raise NotImplementedError

    def voices_backprop(self, m: Array, da: Array, dc: Array) -> Array:
        """dE/dm (..., p) of dE/da (..., p) and dE/dc (...)."""
        raise NotImplementedError

    def field(self, x: Array) -> Array:
        return self._heard(x, self.voices)

    def field_backprop(self, dh: Array) -> Array:
        return self._heard_backprop(dh, self.voices_backprop)

    def _heard(self, x: Array, voices: Callable[[Array], "Voices"]) -> Array:
        self.x = self.coding.to_signs(x)
        self.overlaps = self.x @ self.X.mT
        self.said = a, c = voices(self.overlaps)
        h = a @ self.X
        if c is not None:
            h = h + c[..., None] * self.x
        self.h = self._scale * h
        return self.h

    def _heard_backprop(
        self, dh: Array, voices_backprop: Callable[[Array, Array, Array], Array]
    ) -> Array:
        (a, c), dh = self.said, self._scale * dh
        dc = self.xp.sum(dh * self.x, axis=-1)
        dm = voices_backprop(self.overlaps, dh @ self.X.mT, dc)
        self.dX += self.rows(a).mT @ self.rows(dh) + self.rows(dm).mT @ self.rows(self.x)
        dx = dm @ self.X
        if c is not None:
            dx = dx + c[..., None] * dh
        return self._steepness * dx

    @property
    def _steepness(self) -> float:
        """How much faster a sign changes than the value that stands for it: 2 for bits."""
        return 2.0 / self.coding.span if self.coding.discrete else 1.0

    @property
    def _scale(self) -> float:
        return self._steepness * self.volume

    def _overlaps_of(self, x: Array, h: Array | None) -> Array:
        """m (..., p) of x (..., n) in signs, whose field is h: if that was the last, m is there."""
        if h is not None and h is vars(self).get("h"):
            return self.overlaps
        return x @ self.X.mT

    def answer(self, h: Array, x: Array) -> Array:
        return super().answer(self._decided(h), x)

    def _decided(self, h: Array) -> Array:
        """h, 0 where it is a tie, which the order of a sum, the one or the other, would break."""
        if not (self.tie and self.coding.discrete):
            return h
        return self.xp.where(self.xp.abs(h) > self._scale * self.tie, h, self.xp.zeros_like(h))

    def sweep(
        self,
        x: Array,
        order: Sequence[int],
        noise: Array | None = None,
        h: Array | None = None,
    ) -> Array:
        """As `Memory.sweep`; the overlaps are kept, and corrected where a unit moved: O(B p)."""
        xp, step = self.xp, CODINGS["signs"]
        s = backend.copy(self.coding.to_signs(x))
        m = s @ self.X.mT
        a, c = self.voices(m)
        for i in order:
            row, old = self.X[:, i], s[:, i]
            h = a @ row if c is None else a @ row + c * old
            h = self._decided(self._scale * h)
            new = step.snap(xp, h if noise is None else h + noise[:, i], old)
            moved = new - old
            s[:, i] = new
            if not isinstance(m, np.ndarray):
                m = m + moved[:, None] * row[None, :]
                a, c = self.voices(m)
                continue
            rows = np.flatnonzero(moved)  # the others say what they said
            if rows.size:
                m[rows] += moved[rows, None] * row
                a[rows], own = self.voices(m[rows])
                if c is not None:
                    c[rows] = own
        return self.coding.from_signs(s)

    def write(self, patterns: Array) -> None:
        everything, X = self.with_those_before(patterns), self.coding.to_signs(patterns)
        learned = self.n is not None and "X" not in self.frozen
        if self.n is not None:
            X = self.xp.concat([self.X, X])
        self._hold(X=X)
        if learned:
            self.unfreeze("X")
        self.n = self.m = X.shape[1]
        self.patterns = everything
