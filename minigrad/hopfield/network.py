"""The network around a memory: it stores or learns patterns, and recalls with a certificate."""

import operator
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from minigrad import backend
from minigrad.backend import Array, Random
from minigrad.errors import NotFiniteError, ShapeError
from minigrad.hopfield.certificates import Recall, certify
from minigrad.hopfield.memories import Memory
from minigrad.hopfield.updates import Continuous, Relaxation, Synchronous, Update, update_of
from minigrad.layers import Layer
from minigrad.losses import not_finite
from minigrad.network import Network

if TYPE_CHECKING:
    from minigrad.hopfield.denoising import Denoising, Unrolled
    from minigrad.learning import History
    from minigrad.optimizers import Optimizer


class HopfieldNetwork(Network):
    """y = where x comes to by updating `memory` again and again: (..., n) -> (..., n).

    `update`: "synchronous", "asynchronous", "continuous", or an `Update` with parameters;
    `max_steps` at most. As a layer in a network it passes a gradient on where it recalls numbers
    (through the steps that were taken) and in continuous time (at rest: f = 0 alone tells
    dE/dtheta, and dE/dx is 0, for the start no longer matters); signs have none.
    """

    course: "Unrolled | None" = None  # while it is taught to relax

    def __init__(
        self,
        memory: Memory,
        update: str | Update = "synchronous",
        max_steps: int = 100,
        rng: Random = None,
    ) -> None:
        if not isinstance(memory, Memory):
            raise TypeError(
                f"a HopfieldNetwork is made of a memory, such as Hebb(); came {memory!r}"
            )
        self.update, self.max_steps = update_of(update), _steps(max_steps)
        self.rng = backend.generator(rng)
        self.teaching, self.course = False, None
        super().__init__(memory)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The memory; no other layer stands in it."""
        return self._layers

    @layers.setter
    def layers(self, layers: Iterable[Layer]) -> None:
        layers = tuple(layers)
        if len(layers) > 1 or not all(isinstance(layer, Memory) for layer in layers):
            raise TypeError(
                f"{self} is made of one memory; other layers go around it: Network(..., this, ...)"
            )
        Network.layers.fset(self, layers)  # type: ignore[attr-defined]

    @property
    def update(self) -> Update:
        """How a state is updated, unless `recall` is told otherwise."""
        return self._update

    @update.setter
    def update(self, update: str | Update) -> None:
        self._update = update_of(update)

    @property
    def memory(self) -> Memory:
        """The memory that it recalls from."""
        memory = self.layers[0]
        assert isinstance(memory, Memory)
        return memory

    def store(self, patterns: Any) -> Self:
        """Write patterns (p, n), or one (n,), into the memory, beside those that are there."""
        self.memory.store(patterns)
        return self

    def energy(self, x: Any) -> Array:
        """E (...,) of states x (..., n); ValueError for a memory without an energy."""
        energy = self.memory.energy(self._state(x))
        if energy is None:
            raise ValueError(f"{self.memory} has no energy: its fields are the slope of nothing")
        return energy

    def recall(
        self,
        x: Any,
        update: str | Update | None = None,
        max_steps: int | None = None,
        rng: Random = None,
        keep: bool = False,
    ) -> Recall:
        """Let states x (..., n) relax, each row until it has settled, and certify where they ended.

        A start outside the coding (a sign with noise on it) is taken as it is; what follows is of
        the coding. `keep`: the states along the way as well. Raises ValueError for nothing stored,
        NotFiniteError for NaN, ShapeError for another width.
        """
        x = self._state(x)
        self._doubt(x)
        how = self.update if update is None else update_of(update)
        rows = self.xp.reshape(x, (-1, x.shape[-1]))
        if not rows.shape[0]:
            raise ValueError(f"nothing to recall from: x has shape {tuple(x.shape)}")
        relaxed = self._relaxed(rows, how, max_steps, rng, watch=True, keep=keep)
        return certify(relaxed, how, tuple(x.shape[:-1]))

    def learn(  # type: ignore[override]
        self,
        patterns: Any,
        epochs: int = 600,
        batch: int | None = None,
        loss: str | None = None,
        optimizer: "Optimizer | None" = None,
        noise: "float | tuple[float, float] | Denoising" = 0.0,
        factor: float = 1.0,
        rng: Random = None,
    ) -> "History":
        """Teach the memory to answer each pattern (p, n) with itself.

        `loss`: one of `memory.losses`, the first if None. `noise`: the share of units flipped in
        what is shown, anew each time (of numbers: the deviation of Gaussian noise); a pair: drawn
        between the two for each row; `Denoising()`: through several steps of recall. `factor`
        multiplies the loss. `batch`: as the memory has it, mostly all, if None. `optimizer`: Adam,
        and for a rule plain descent, whose rate falls to 0, if None. Raises as `fit` does; what was
        learned before stays.
        """
        from minigrad.hopfield.teaching import teach

        return teach(self, patterns, epochs, batch, loss, optimizer, noise, factor, rng)

    # --- a layer ---

    @property
    def passes_gradient(self) -> bool:
        """Whether the recall has a slope."""
        if self.teaching:
            return self.memory.passes_gradient
        soft = isinstance(self.update, Synchronous) and not self.memory.coding.discrete
        return soft or isinstance(self.update, Continuous)

    def forward(self, x: Array) -> Array:
        if self.course is not None:
            return self.course.forward(x)
        if self.teaching:
            return super().forward(x)
        self._check_state(x)
        if isinstance(self.update, Synchronous) and not self.memory.coding.discrete:
            return self._softly(x)
        rows = self.xp.reshape(x, (-1, x.shape[-1]))
        relaxed = self._relaxed(rows, self.update, None, self.rng, watch=False)
        self.rested = relaxed.end
        if isinstance(self.update, Continuous) and (relaxed.ended != "fixed point").any():
            warnings.warn(
                f"{self}: not at rest after {self.max_steps} steps: the gradient does not hold",
                UserWarning,
                stacklevel=4,
            )
        return self.xp.reshape(relaxed.end, x.shape)

    def backprop(self, dy: Array, to_input: bool = True) -> Array:
        if self.course is not None:
            return self.course.backprop(dy)
        if self.teaching:
            return super().backprop(dy, to_input)
        if not self.passes_gradient:
            raise TypeError(
                f"{self}: a recall of {self.memory.coding.name} by {self.update!r} has no slope; "
                "take update='continuous', or a memory with coding='real'"
            )
        if isinstance(self.update, Continuous):
            self._backprop_at_rest(self.update, self.xp.reshape(dy, (-1, dy.shape[-1])))
            return 0 * dy
        for step in reversed(self.taken):
            self.memory.remember(step)
            dy = self.memory.backprop(dy)
        return dy

    def _softly(self, x: Array) -> Array:
        """Steps until no row moves, each with what its backprop will need."""
        self.taken: list[dict[str, Any]] = []
        how = self.update
        assert isinstance(how, Synchronous)
        size = how.size(self.xp, x)
        for _ in range(self.max_steps):
            y = self.memory(x)
            self.taken.append(self.memory.remembered())
            done = bool(self.xp.all(how.same(self.memory, y, x, size)))
            x = y
            if done:
                break
        return x

    def _backprop_at_rest(self, update: Continuous, dy: Array) -> None:
        from minigrad.ode import Adaptive
        from minigrad.ode.implicit import weights_at_rest

        memory, kept = self.memory, backend.copy(self.grad)
        gain = update.gain or memory.gain
        inner = gain * memory.flow(self.rested)
        slope = gain * memory.soft.df(self.xp, inner)
        at_rest = memory.remembered()
        size = float(self.xp.max(self.xp.abs(dy))) or 1.0

        def pull(w: Array) -> Array:
            memory.remember(at_rest)
            return memory.flow_backprop(slope * w) - w

        eps = float(self.xp.finfo(dy.dtype).eps)
        control = Adaptive(max(1e-8, 8 * eps), max(1e-10, eps), rest=max(1e-9, 8 * eps))
        try:
            solution = weights_at_rest(pull, dy / size, 0.0, 1e3, "dopri5", control)
        finally:
            self.grad = kept
        if not solution.at_rest:
            warnings.warn(
                f"{self}: the equation for the gradient is not at rest: it is not yet right",
                UserWarning,
                stacklevel=4,
            )
        memory.remember(at_rest)
        memory.flow_backprop(slope * (size * solution.x[-1, ...]))

    # --- underneath ---

    @contextmanager
    def lesson(self) -> Iterator[None]:
        """While it is taught, the network is one step of its memory."""
        self.teaching = True
        try:
            yield
        finally:
            self.teaching = False

    def _relaxed(
        self,
        rows: Array,
        update: Update,
        max_steps: int | None,
        rng: Random,
        watch: bool,
        keep: bool = False,
    ) -> Relaxation:
        if self.theta.ndim > 1:
            raise ShapeError(f"{self}: a stack is not recalled from; take its members one by one")
        steps = self.max_steps if max_steps is None else _steps(max_steps)
        start = Relaxation(self.memory, rows, watch, keep)
        generator = self.rng if rng is None else backend.generator(rng)
        return update.run(start, steps, generator).finish()

    def _state(self, x: Any) -> Array:
        if self.theta.ndim > 1:
            raise ShapeError(f"{self}: a stack is not recalled from; take its members one by one")
        x = self._admit(x)
        self._check_state(x)
        if not backend.all_finite(x):
            raise NotFiniteError(f"{self}: the start has {not_finite(x)}")
        return x

    def _doubt(self, x: Array) -> None:
        """Say once that bits came where signs are stored: the first mistake that anyone makes."""
        xp = self.xp
        if self.memory.coding.low == -1 and bool(
            xp.all((x == 0) | (x == 1)) & xp.any(x == 0) & xp.any(x == 1)
        ):
            backend.say_once(
                f"{self}: the start is of bits, 0 and 1, and the memory of signs: give 2 x - 1, or "
                "the memory coding='bits'"
            )

    def _check_state(self, x: Array) -> None:
        n = self.memory.n
        if n is None:
            raise ValueError(f"{self}: nothing is stored yet: store(patterns), or learn(patterns)")
        if x.shape[-1] != n:
            raise ShapeError(f"{self}: the start has {x.shape[-1]} units, expected {n}")

    def __str__(self) -> str:
        return f"HopfieldNetwork of {self.memory}" if self.layers else "HopfieldNetwork"


def _steps(count: Any) -> int:
    if isinstance(count, bool) or not hasattr(count, "__index__") or count < 1:
        raise ValueError(f"max_steps: expected a positive integer, came {count!r}")
    return operator.index(count)
