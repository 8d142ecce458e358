"""A memory in which a unit hears its neighbours only: a cellular automaton that is learned."""

import math
from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array, Random
from minigrad.convolution import Conv2d
from minigrad.errors import ShapeError
from minigrad.hopfield.codings import Coding, coding
from minigrad.hopfield.memories import Memory, activation_of
from minigrad.layers import Map
from minigrad.maps import ScalarMap
from minigrad.network import Network


class CellularAutomaton(Memory, Network):
    """y = f(V relu(U * x + c) + d): each unit answers what `filters` see in a window around it.

    x, y: images of `shape` (height, width), flat; None: square, as wide as the patterns. U: kernel
    x kernel, odd, its centre masked, so that no unit hears itself: an automaton that does learns
    the identity. `masked=False` leaves the centre in, for learning from noise. There is no energy:
    U is not symmetric. To load a saved one, give `shape`. Source: Gilpin, Phys. Rev. E 100 (2019).
    """

    losses = ("logistic", "mae")

    def __init__(
        self,
        shape: tuple[int, int] | None = None,
        filters: int = 64,
        kernel: int = 5,
        masked: bool = True,
        coding: str | Coding = "signs",
        activation: ScalarMap | str | None = None,
        rng: Random = None,
    ) -> None:
        Network.__init__(self)
        self._become(coding, activation)
        whole = hasattr(kernel, "__index__") and not isinstance(kernel, bool)
        if not whole or kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"{self}: a kernel with a centre is odd, 1, 3, 5 ...; came {kernel!r}")
        if kernel == 1 and masked:
            raise ValueError(f"{self}: of a kernel of 1 the mask leaves nothing")
        self.filters, self.kernel, self.masked, self.start = filters, kernel, masked, rng
        if shape is not None:
            if not isinstance(shape, tuple | list) or len(shape) != 2:
                raise ShapeError(f"{self}: shape is (height, width), came {shape!r}")
            self._draw(tuple(shape), rng)

    def _become(self, how: str | Coding, activation: ScalarMap | str | None) -> None:
        self.coding = coding(how)
        usual = self.coding.soft if self.coding.discrete else "tanh"
        self.activation = activation_of(usual if activation is None else activation)
        if not self.coding.discrete:
            self.losses = ("mae", "half squared error")

    def begin(self, patterns: Array, rng: Random) -> None:
        if self.n is None:
            side = math.isqrt(patterns.shape[1])
            if side * side != patterns.shape[1]:
                raise ShapeError(
                    f"{self}: patterns of {patterns.shape[1]} units are no square image: give "
                    "shape=(height, width)"
                )
            self._draw((side, side), rng if self.start is None else self.start)

    def _draw(self, shape: tuple[int, ...], rng: Random) -> None:
        mask = np.ones((self.kernel, self.kernel))
        if self.masked:
            mask[self.kernel // 2, self.kernel // 2] = 0
        rng, dtype = backend.generator(rng), backend.dtype_name(self.theta)
        window = Conv2d(shape, self.filters, self.kernel, mask=mask, rng=rng, dtype=dtype)
        answer = Conv2d(window.out_shape, 1, 1, rng=rng, dtype=dtype)
        self.layers = (window, Map("relu"), answer)
        self.n = self.m = shape[0] * shape[1]

    def field(self, x: Array) -> Array:
        return Network.forward(self, x)

    def field_backprop(self, dh: Array) -> Array:
        return Network.backprop(self, dh)

    def backprop(self, dy: Array, to_input: bool = True) -> Array:
        return Memory.backprop(self, dy)

    def forget(self) -> Any:
        """Be as before it was taught: without patterns, without layers."""
        self.patterns, self.n, self.layers = None, None, ()
        return self

    def title(self) -> str:
        size = f"{self.filters} x {self.kernel}x{self.kernel}" if "kernel" in vars(self) else ""
        return f"CellularAutomaton {size}".strip()

    __str__ = Memory.__str__
