"""Dropout: noise while a network learns, none when it is used."""

from minigrad import backend
from minigrad.backend import Array, Random
from minigrad.layers import Layer


class Dropout(Layer):
    """y = x; while the network learns, y = x * mask / (1 - rate), each mask 0 at the given rate.

    dE/dx = dE/dy * mask / (1 - rate). `learning`, which `learn` and `fit` switch on, says which.
    Source: Srivastava et al., JMLR 15 (2014).
    """

    smooth = True

    def __init__(self, rate: float, rng: Random = None) -> None:
        if not 0 <= rate < 1:
            raise ValueError(f"a dropout rate is at least 0 and below 1, not {rate!r}")
        self.rate, self.rng = rate, backend.generator(rng)

    def forward(self, x: Array) -> Array:
        self.scale = 1.0
        if self.learning:
            kept = self.rng.random(x.shape) >= self.rate
            self.scale = backend.move(kept / (1 - self.rate), self.place, backend.dtype_name(x))
        return x * self.scale

    def backprop(self, dy: Array) -> Array:
        return dy * self.scale

    def __str__(self) -> str:
        return f"Dropout {self.rate:g}"
