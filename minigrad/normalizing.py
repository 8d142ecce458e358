"""Layers that normalize each sample over its features: Softmax and LayerNorm."""

from typing import Any

from minigrad import backend
from minigrad.backend import Array
from minigrad.layers import Layer, width


class Softmax(Layer):
    """y_i = exp x_i / sum_j exp x_j; dE/dx = y * (dE/dy - y . dE/dy).

    To learn classes, leave it out and take the loss `softmax_cross_entropy`, which contains it.
    """

    smooth = True

    def forward(self, x: Array) -> Array:
        self.x = x
        return _softmax(self.xp, x)

    def backprop(self, dy: Array) -> Array:
        y = _softmax(self.xp, self.x)
        return y * (dy - self.xp.sum(y * dy, axis=-1, keepdims=True))


class LayerNorm(Layer):
    """y = gain * z + bias with z = (x - mean) / sqrt(variance + eps), over the n features.

    With s = gain * dE/dy: dE/dx = (s - mean s - z mean(s z)) / sqrt(variance + eps).
    gain, bias: (n,), 1 and 0 at the start. Source: Ba, Kiros and Hinton 2016, equation 4.
    """

    smooth = True
    gain: Array
    bias: Array
    dgain: Array
    dbias: Array

    def __init__(self, n: int, eps: float = 1e-5, dtype: str | None = None) -> None:
        self.n = self.m = width(n)
        self.eps = eps
        self.declare(gain=(n,), bias=(n,), init={"gain": "ones"}, dtype=dtype)

    def forward(self, x: Array) -> Array:
        self.x = x
        return self.gain * self._normalized(x)[0] + self.bias

    def backprop(self, dy: Array) -> Array:
        xp, (z, spread) = self.xp, self._normalized(self.x)
        self.dgain += self.total(dy * z)
        self.dbias += self.total(dy)
        s = self.gain * dy
        return (s - _mean(xp, s) - z * _mean(xp, s * z)) / spread

    def _normalized(self, x: Array) -> tuple[Array, Array]:
        centred = x - _mean(self.xp, x)
        spread = self.xp.sqrt(_mean(self.xp, centred**2) + self.eps)
        return centred / spread, spread


def _softmax(xp: Any, x: Array) -> Array:
    exp = xp.exp(x - xp.max(backend.real(xp, x), axis=-1, keepdims=True))
    return exp / xp.sum(exp, axis=-1, keepdims=True)


def _mean(xp: Any, x: Array) -> Array:
    return xp.sum(x, axis=-1, keepdims=True) / x.shape[-1]
