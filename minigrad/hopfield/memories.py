"""What all memories share: a step is the answer to a field, and a store keeps the patterns.

h = memory.field(x)          # (..., n): what the other units say to each unit
y = memory(x)                # (..., n): one step, the answer to h: its sign, or a map of it
E = memory.energy(x)         # (...,): what a step lowers, where theory says so; None: nothing
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np

from minigrad import backend, maps
from minigrad.backend import Array, Random
from minigrad.errors import NothingStored, ShapeError
from minigrad.hopfield.codings import Coding, coding
from minigrad.layers import Layer
from minigrad.maps import ScalarMap


class Memory(Layer):
    """y = f(h(x)), (..., n) -> (..., n): a step of recall; f is the sign, or a named map.

    A memory of one's own sets `n` and writes `field`, which is enough to recall from;
    `field_backprop` to be learned by descent; `energy` and `promise` for the certificate; `write`
    if patterns are stored.
    `patterns` (p, n): what was stored so far, or taught last; None at first.
    """

    patterns: Array | None = None
    activation: ScalarMap | None = None  # None: the sign, or whatever the coding has in its place
    coding: Coding = coding("signs")
    gain: float = 1.0  # of the soft step in continuous time, f(gain h)
    lasting = ("patterns",)  # what is saved beside theta
    batch: int | None = None  # how many patterns a step of learning takes; None: all
    local: tuple[str, ...] = ()  # parameters that a rule alone moves: frozen but while it is taught
    start: Random = None  # what the first parameters are drawn from; None: what `learn` is given
    losses: tuple[str, ...] = ()  # by which it is learned, the usual one first
    gives_fields: bool = False  # while it is taught by a loss that wants h in place of f(h)
    noise: Callable[[Array], Array] | None = None  # while it is taught: what befalls the input

    def field(self, x: Array) -> Array:
        """h (..., n) in the state x (..., n): above 0 it speaks for the higher value."""
        raise TypeError(f"{self}: a memory needs a method field(self, x)")

    def field_backprop(self, dh: Array) -> Array:
        """dE/dx (..., n) of dE/dh at the last field; adds dE/dtheta to grad."""
        raise TypeError(f"{self}: to learn by descent a memory needs field_backprop(self, dh)")

    def energy(self, x: Array, h: Array | None = None) -> Array | None:
        """E (...,) of the states x (..., n), whose field is h; None: there is no energy."""
        return None

    def promise(self, update: str) -> str:
        """Why E cannot rise under this update: what theory calls it; "" where nothing is said."""
        return ""

    def flow(self, x: Array) -> Array:
        """The field of continuous time, x' = -x + f(gain flow(x)): h, unless E has another."""
        return self.field(x)

    def flow_backprop(self, dh: Array) -> Array:
        """dE/dx of dE/d(flow) at the last flow; adds dE/dtheta to grad."""
        return self.field_backprop(dh)

    def flow_energy(self, x: Array, gain: float) -> Array | None:
        """What continuous time lowers: E(x) + sum_i of the integral of f^-1 / gain up to x_i."""
        energy, xp = self.energy(x), self.xp
        if energy is None:
            return None
        if self.soft.name not in ("identity", "tanh", "sigmoid"):
            return None
        if self.soft is maps.identity:
            return energy + xp.sum(x * x, axis=-1) / (2 * gain)
        s = self.coding.to_signs(x)
        s = xp.clip(s, -1.0, 1.0)
        cost = _entropy(xp, 1 + s) + _entropy(xp, 1 - s)  # of tanh and of sigmoid alike
        return energy + xp.sum(cost, axis=-1) / (2 * gain)

    def sweep(
        self,
        x: Array,
        order: Sequence[int],
        noise: Array | None = None,
        h: Array | None = None,
    ) -> Array:
        """x (B, n) after the units of `order` were updated, each in the sight of those before.

        The plain way: the field of each unit anew. `noise` (B, n) is added to it; `h` (B, n), the
        fields at the start, is for ways that keep and correct them.
        """
        x, xp = backend.copy(x), self.xp
        for i in order:
            h = self.unit_field(x, i)
            if noise is not None:
                h = h + noise[:, i]
            x[:, i] = self.coding.snap(xp, h, x[:, i], self.tie)
        return x

    def unit_field(self, x: Array, i: int) -> Array:
        """The field (B,) of unit i in the states x (B, n)."""
        return self.field(x)[:, i]

    def answer(self, h: Array, x: Array) -> Array:
        """The next state (..., n) after the field h in the state x, a value of the coding."""
        if self.coding.discrete:
            return self.coding.snap(self.xp, h, x, self.tie)
        return h if self.activation is None else self.activation.f(self.xp, h)

    @property
    def tie(self) -> float:
        """Up to what size a field is 0 but for rounding."""
        return 0.0

    @property
    def soft(self) -> ScalarMap:
        """The map of continuous time: that of the coding; of numbers, the activation."""
        return self.coding.soft if self.coding.discrete else self.activation or maps.identity

    # --- a layer ---

    def forward(self, x: Array) -> Array:
        if self.n is None:
            raise _nothing_yet(self)
        if self.noise is not None:
            x = self.noise(x)
        self.h = self.field(x)
        if self.gives_fields:
            return self.h
        if self.activation is not None:
            return self.activation.f(self.xp, self.h)
        return self.answer(self.h, x)

    def backprop(self, dy: Array) -> Array:
        if self.gives_fields:
            return self.field_backprop(dy)
        if not self.passes_gradient:
            raise TypeError(f"{self} answers by a sign, which has no slope: give activation='tanh'")
        if self.activation is not None:
            dy = self.activation.df(self.xp, self.h) * dy
        return self.field_backprop(dy)

    @property
    def passes_gradient(self) -> bool:
        """Whether the step has a slope: a sign has none."""
        return self.gives_fields or self.activation is not None or not self.coding.discrete

    # --- what is stored ---

    def begin(self, patterns: Array, rng: Random) -> None:
        """Before it is taught: have parameters for patterns (p, n), if there are none yet."""

    def store(self, patterns: Any) -> Self:
        """Write patterns (p, n), or one (n,), beside those that are there already.

        Raises ValueError for values outside the coding, ShapeError for another width.
        """
        if type(self).write is Memory.write:
            raise TypeError(f"{self} is not written but learned: HopfieldNetwork(...).learn(...)")
        self.write(self.admit_patterns(patterns))
        return self

    def write(self, patterns: Array) -> None:
        """Make the parameters hold `patterns` (p, n), the new ones, and keep them."""
        raise TypeError(f"{self} is not written")

    def forget(self) -> Self:
        """Be as before the first store: without patterns, and without parameters of their width."""
        self.patterns = None
        self._lay_out()
        self.n = None
        return self

    def randomize(self, rng: Any = None) -> Self:
        super().randomize(rng)
        self.patterns = None  # they are no longer there
        return self

    def admit_patterns(self, patterns: Any) -> Array:
        """patterns as an array (p, n) beside theta, of the coding and of the width of this memory.

        Raises ShapeError, ValueError or NotFiniteError before anything is changed.
        """
        if self.theta.ndim > 1:
            raise ShapeError(f"{self}: a stack of memories is not written; write them one by one")
        patterns = backend.receive(patterns, self.theta)
        if patterns.ndim == 1:
            patterns = patterns[None, :]
        if patterns.ndim != 2 or not backend.size(patterns.shape):
            raise ShapeError(
                f"{self}: patterns are rows (p, n), one or more; came {tuple(patterns.shape)}"
            )
        if self.n is not None and patterns.shape[1] != self.n:
            raise ShapeError(
                f"{self}: a pattern has {patterns.shape[1]} units, expected {self.n} as before"
            )
        return self.coding.admit(f"{self}: patterns", patterns)

    def with_those_before(self, patterns: Array) -> Array:
        """All patterns, these behind those that were there, (p, n)."""
        if self.patterns is None:
            return backend.copy(patterns)
        return self.xp.concat([self.patterns, patterns])

    def take_shapes(self, shapes: dict[str, tuple[int, ...]]) -> None:
        """Have parameters of these shapes, those of a saved memory."""
        place, like = self.place, backend.dtype_name(self.theta)
        self._hold(**{name: backend.move(np.zeros(s), place, like) for name, s in shapes.items()})
        n = next(iter(shapes.values()))[-1]
        self.n = self.m = n

    def _lay_out(self, rng: Random = None, **shapes: tuple[int, ...]) -> None:
        """Have parameters of these shapes, drawn anew, in a network too; without any, none."""
        init = self.init
        with self._alone():
            self._hold_here({})
            if shapes:
                self.declare(rng, init=init, **shapes)  # type: ignore[arg-type]

    def _hold(self, **values: Array) -> None:
        """Have these parameters, of whatever shape, in a network too; frozen: they are known."""
        shapes = {name: tuple(value.shape) for name, value in values.items()}
        if self.shapes == shapes:
            for name, value in values.items():
                setattr(self, name, value)
        else:
            with self._alone():
                self._hold_here(values)
        self.freeze()

    def _hold_here(self, values: dict[str, Array]) -> None:
        old = [vars(self).pop(name) for name in self._views - {"theta", "grad"}]
        self._views, self.frozen = frozenset({"theta", "grad"}), frozenset()
        self.shapes = {name: tuple(value.shape) for name, value in values.items()}
        flat = [self.xp.reshape(value, (-1,)) for value in values.values()] or [self.theta[:0]]
        theta = self.xp.concat(flat)
        zeros = self.xp.zeros(tuple(theta.shape), dtype=theta.dtype, device=self.place.device)
        self._bind(theta, zeros)
        for view in old:
            backend.retire(view)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Out of the network that it stands in, for a change of its width, and back."""
        owner: Any = self._owner() if self._owner else None
        if owner is None:
            yield
            return
        layers = owner.layers
        owner.layers = tuple(layer for layer in layers if layer is not self)
        try:
            yield
        finally:
            owner.layers = layers

    def _bind(self, theta: Array, grad: Array) -> None:
        super()._bind(theta, grad)
        kept = self.patterns
        if kept is not None and (backend.place_of(kept) != self.place or kept.dtype != theta.dtype):
            self.patterns = backend.move(kept, self.place, backend.dtype_name(theta))

    def __getattr__(self, name: str) -> Any:
        if name in ("W", "b", "X", "M", "a", "bias") and self.n is None:
            raise _nothing_yet(self)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def title(self) -> str:
        """What it is called, but for its coding."""
        return type(self).__name__

    def __str__(self) -> str:
        return self.title() + ("" if self.coding.name == "signs" else f" ({self.coding.name})")


def _nothing_yet(memory: Memory) -> NothingStored:
    return NothingStored(f"{memory.title()}: nothing is stored yet, or learned: it has no width")


def _entropy(xp: Any, x: Array) -> Array:
    """x ln x, 0 at 0."""
    return x * xp.log(xp.where(x > 0, x, xp.ones_like(x)))


def activation_of(given: ScalarMap | str | None) -> ScalarMap | None:
    """The map meant by a name; None and "sign": the hard step."""
    return None if given is None or given == "sign" else maps.scalar_map(given)
