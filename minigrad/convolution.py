"""Convolution: a layer that looks at every place of an image through one small window."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array, Random
from minigrad.errors import ShapeError
from minigrad.layers import Layer, width


class Conv2d(Layer):
    """y_frc = b_f + sum_kij M_fkij x_k(s r + i - p, t c + j - q), a cross-correlation (no flip).

    x: (..., channels * height * width), an image of `shape` (channels, height, width), or (height,
    width) for one channel; y: (..., filters * h_out * w_out), one of `out_shape`; columns run
    fastest. M: (filters, channels, kh, kw), b: (filters,). The stride is s down and t across.
    `padding`: "same", for odd kernels, has p = (kh - 1) / 2, q = (kw - 1) / 2, x = 0 outside, and
    ceil(height / s) rows; "wrap" too, but x goes on round the edges, as on a torus; with "valid"
    p = q = 0, and the window stays inside. `mask` (0 where M is to be cut, else 1; (kh, kw), or
    what else broadcasts to M): M * mask stands for M. With e = dE/dy: dE/dM_fkij = mask_fkij
    sum_rc e_frc x_k(s r + i - p, t c + j - q), dE/db_f = sum_rc e_frc, summed over the batch;
    dE/dx_k(u, v) = sum M_fkij e_frc over what met it. Both take, while they work, memory for
    channels * kh * kw * h_out * w_out numbers a sample.
    """

    smooth = True
    M: Array
    b: Array
    dM: Array
    db: Array

    def __init__(
        self,
        shape: tuple[int, ...],
        filters: int,
        kernel: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: str = "same",
        init: Any = "glorot",
        bias: Any = "zeros",
        rng: Random = None,
        dtype: str | None = None,
        mask: Any = None,
    ) -> None:
        self.shape = channels, h, w = (1, *_sizes("shape", shape, 2, 3))[-3:]
        (f,) = _sizes("filters", filters, 1)
        self.kernel = kh, kw = (_sizes("kernel", kernel, 1, 2) * 2)[:2]
        self.stride = s, t = (_sizes("stride", stride, 1, 2) * 2)[:2]
        self.margin = p, q = (0, 0) if padding == "valid" else (kh // 2, kw // 2)
        odd = kh % 2 == kw % 2 == 1
        rules = {
            "same": (odd, "odd sizes, which have a centre"),
            "wrap": (odd and p <= h and q <= w, f"odd sizes, up to {2 * h + 1, 2 * w + 1}"),
            "valid": (kh <= h and kw <= w, f"sizes within those of the image, {h, w}"),
        }
        if padding not in rules:
            raise ValueError(f"padding: expected one of {', '.join(rules)}, came {padding!r}")
        if not rules[padding][0]:
            raise ShapeError(f"kernel: {padding!r} needs {rules[padding][1]}, came {kh, kw}")
        self.padding, self.padded = padding, (channels, h + 2 * p, w + 2 * q)
        self.out_shape = f, (h + 2 * p - kh) // s + 1, (w + 2 * q - kw) // t + 1
        self.n, self.m = backend.size(self.shape), backend.size(self.out_shape)
        shapes = {"M": (f, channels, kh, kw), "b": (f,)}
        self.mask = None if mask is None else _cut(mask, shapes["M"])
        self.declare(rng, dtype, {"M": init, "b": bias}, **shapes)

    def forward(self, x: Array) -> Array:
        self.x = x
        y = self._rows_of_M() @ self._columns(x)  # (..., batch, filters, h_out * w_out)
        y += self.b[..., None]
        return self.xp.reshape(y, (*x.shape[:-1], self.m))

    def backprop(self, dy: Array) -> Array:
        xp, f, batch = self.xp, self.out_shape[0], self.rows(dy).shape[:-1]
        dy = xp.reshape(dy, (*batch, f, self.m // f))
        dM = xp.sum(dy @ self._columns(self.x).mT, axis=-3)
        self.dM += self._masked(xp.reshape(dM, self.dM.shape))
        self.db += self.total(xp.sum(dy, axis=-1))
        return xp.reshape(self._image(self._rows_of_M().mT @ dy), self.x.shape)

    def _rows_of_M(self) -> Array:
        """M with a filter a row, (filters, channels * kh * kw); in a stack (K, 1, ...)."""
        lead, f = self.theta.shape[:-1], self.out_shape[0]
        return self.xp.reshape(self._masked(self.M), (*lead, *(1,) * len(lead), f, -1))

    def _masked(self, M: Array) -> Array:
        return M if self.mask is None else M * backend.receive(self.mask, M)

    def _columns(self, x: Array) -> Array:
        """What each window sees, a column: (..., batch, channels * kh * kw, h_out * w_out)."""
        xp, (p, q), (_, h, w), batch = self.xp, self.margin, self.shape, self.rows(x).shape[:-1]
        image = xp.zeros((*batch, *self.padded), dtype=x.dtype, device=self.place.device)
        image[..., p : p + h, q : q + w] = xp.reshape(x, (*batch, *self.shape))
        if self.padding == "wrap":  # each edge goes on with what is at the other
            image[..., :p, :] = image[..., h : h + p, :]
            image[..., p + h :, :] = image[..., p : 2 * p, :]
            image[..., :q] = image[..., w : w + q]
            image[..., q + w :] = image[..., q : 2 * q]
        seen = xp.stack([image[at] for at in self._windows()], axis=-3)
        *_, c, k, h_out, w_out = seen.shape
        return xp.reshape(seen, (*batch, c * k, h_out * w_out))

    def _image(self, columns: Array) -> Array:
        """The adjoint of `_columns`: what the windows return, added up where they looked."""
        xp, (p, q), (c, h, w), batch = self.xp, self.margin, self.shape, columns.shape[:-2]
        columns = xp.reshape(columns, (*batch, c, backend.size(self.kernel), *self.out_shape[1:]))
        image = xp.zeros((*batch, *self.padded), dtype=columns.dtype, device=self.place.device)
        for k, at in enumerate(self._windows()):
            image[at] += columns[..., k, :, :]
        if self.padding == "wrap":  # and back to where it was taken from
            image[..., h : h + p, :] += image[..., :p, :]
            image[..., p : 2 * p, :] += image[..., p + h :, :]
            image[..., w : w + q] += image[..., :q]
            image[..., q : 2 * q] += image[..., q + w :]
        return image[..., p : p + h, q : q + w]

    def _windows(self) -> Iterator[tuple[Any, ...]]:
        """For each entry (i, j) of the kernel in turn, the pixels that it meets."""
        (s, t), (_, h_out, w_out) = self.stride, self.out_shape
        for i, j in np.ndindex(*self.kernel):
            down, across = i + s * (h_out - 1) + 1, j + t * (w_out - 1) + 1
            yield ..., slice(i, down, s), slice(j, across, t)

    def __str__(self) -> str:
        old, new = ("x".join(map(str, shape)) for shape in (self.shape, self.out_shape))
        stride = "" if self.stride == (1, 1) else ", stride {}x{}".format(*self.stride)
        masked = "" if self.mask is None else ", masked"
        return f"Conv2d {old} -> {new}, {self.padding}{stride}{masked}"


def _sizes(name: str, value: Any, *counts: int) -> tuple[int, ...]:
    try:
        sizes = tuple(map(width, value if isinstance(value, list | tuple) else (value,)))
    except (TypeError, ValueError):
        sizes = ()
    if len(sizes) not in counts:
        count = " or ".join(map(str, counts))
        raise ValueError(f"{name}: expected {count} positive integers, came {value!r}")
    return sizes


def _cut(mask: Any, shape: tuple[int, ...]) -> Any:
    """mask as a list, which is of no library and no float type; it must broadcast to `shape`."""
    mask = backend.receive(backend.host(mask) if backend.is_array(mask) else mask, np.zeros(()))
    axes = zip(mask.shape[::-1], shape[::-1], strict=False)
    if mask.ndim > len(shape) or any(a not in (1, b) for a, b in axes):
        raise ShapeError(f"mask: expected shape {shape[-2:]} or {shape}, came {mask.shape}")
    return mask.tolist()
