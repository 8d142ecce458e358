"""How a state is updated: all units at once, some of them, one by one, at a temperature, or in
continuous time. Each row of a batch stops when it has settled.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad import backend
from minigrad.backend import Array
from minigrad.hopfield.memories import Memory

FIXED, CYCLE, UNSETTLED = "fixed point", "2-cycle", "not settled"


@dataclass
class Relaxation:
    """A batch on its way: what is still moving, and what became of the rest.

    `x` (A, n): the rows that move, `rows` (A,) their numbers among all B, which began at `start`
    (B, n). `end` (B, n), `steps` (B,) and `ended` (B,): of those that stopped. `trace` and
    `pair_trace`: energies (B,) of each step, kept as they are once a row has stopped; `path`: the
    states (B, n).
    """

    memory: Memory
    x: Array
    watch: bool
    keep_path: bool = False
    start: Array = field(init=False)
    rows: NDArray[np.int64] = field(init=False)
    end: Array = field(init=False)
    steps: NDArray[np.int64] = field(init=False)
    ended: NDArray[Any] = field(init=False)
    trace: list[NDArray[Any]] = field(default_factory=list)
    pair_trace: list[NDArray[Any]] = field(default_factory=list)
    path: list[NDArray[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        count, self.start = self.x.shape[0], self.x
        self.rows = np.arange(count)
        self.end = backend.copy(self.x)
        self.steps = np.zeros(count, dtype=np.int64)
        self.ended = np.full(count, UNSETTLED, dtype=object)

    def note(self, energy: Array | None) -> None:
        """Keep the energies (A,) of the states x, and the states themselves if asked to."""
        self._keep(energy, self.trace)
        if self.keep_path:
            states = self.path[-1].copy() if self.path else np.array(backend.host(self.start))
            states[self.rows] = backend.host(self.x)
            self.path.append(states)

    def note_pair(self, energy: Array) -> None:
        """Keep the energies (A,) of the states x and those that follow."""
        self._keep(energy, self.pair_trace)

    def _keep(self, energy: Array | None, trace: list[NDArray[Any]]) -> None:
        if energy is None or not self.watch:
            return
        values = trace[-1].copy() if trace else np.full(len(self.steps), np.nan)
        values[self.rows] = backend.host(energy)
        trace.append(values)

    def moved(self, count: int = 1) -> None:
        """Those that are left took `count` steps more."""
        self.steps[self.rows] += count

    def stop(self, which: Any, why: str) -> NDArray[np.int64]:
        """Let the rows of the mask `which` (A,) rest where they are; the places of the others."""
        which = backend.host(which)
        self.ended[self.rows[which]] = why
        return self.keep(np.flatnonzero(~which), np.flatnonzero(which))

    def keep(self, staying: Any, leaving: Any) -> NDArray[np.int64]:
        """Put the states of those that leave in their place, and go on with the others."""
        if len(leaving):
            states = backend.take_rows(self.x, self._index(leaving))
            _put_rows(self.end, self._index(self.rows[leaving]), states)
            self.x = backend.take_rows(self.x, self._index(staying))
            self.rows = self.rows[staying]
        return np.asarray(staying)

    def finish(self) -> "Relaxation":
        """The time is over: what moves stays where it is."""
        self.keep(np.empty(0, dtype=np.int64), np.arange(len(self.rows)))
        return self

    def chosen(self, a: Array, places: Any) -> Array:
        """The rows of a (A, ...) at these places."""
        return a if len(places) == a.shape[0] else backend.take_rows(a, self._index(places))

    def _index(self, places: Any) -> Array:
        xp, device = self.memory.xp, self.memory.place.device
        return xp.asarray(np.asarray(places).tolist(), dtype=xp.int64, device=device)


def _put_rows(a: Array, index: Array, rows: Array) -> None:
    """a[index[i]] = rows[i], for rows named once each."""
    if isinstance(a, np.ndarray):
        a[index] = rows
    else:
        backend.add_rows(a, index, rows - backend.take_rows(a, index))


class Update:
    """One way to update; `name` is what `promise` of a memory is asked for."""

    name = ""

    def run(self, relaxation: Relaxation, max_steps: int, rng: Any) -> Relaxation:
        """Let it relax for at most `max_steps` steps."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        inside = ", ".join(f"{k}={v!r}" for k, v in vars(self).items() if v is not None)
        return f"{type(self).__name__}({inside})"


class Synchronous(Update):
    """All units at once, x(t + 1) = memory(x(t)).

    Ends at a fixed point or, of signs, in a 2-cycle; numbers have settled when no unit moves by
    more than `tolerance` (None: the square root of the rounding) of the largest, now or at first.
    """

    name = "synchronous"

    def __init__(self, tolerance: float | None = None) -> None:
        known = tolerance is None or isinstance(tolerance, int | float | np.number)
        if not known or (tolerance is not None and not 0 <= tolerance < np.inf):
            raise ValueError(f"tolerance: expected a number from 0 on, came {tolerance!r}")
        self.tolerance = tolerance

    def run(self, relaxation: Relaxation, max_steps: int, rng: Any) -> Relaxation:
        r, memory, xp = relaxation, relaxation.memory, relaxation.memory.xp
        before, h, size = None, memory.field(r.x), self.size(xp, r.x)
        r.note(memory.energy(r.x, h))
        for _ in range(max_steps):
            y = memory.answer(h, r.x)
            if hasattr(memory, "pair_energy"):
                r.note_pair(memory.pair_energy(y, r.x, h))
            going = r.stop(self.same(memory, y, r.x, size), FIXED)
            y, h, size = (r.chosen(a, going) for a in (y, h, size))
            if before is not None and memory.coding.discrete:
                before = r.chosen(before, going)
                going = r.stop(xp.all(y == before, axis=-1), CYCLE)
                y, size = r.chosen(y, going), r.chosen(size, going)
            if not len(r.rows):
                break
            before, r.x = r.x, y
            r.moved()
            h = memory.field(r.x)
            r.note(memory.energy(r.x, h))
        else:  # the last step may have led to rest
            going = r.stop(self.same(memory, memory.answer(h, r.x), r.x, size), FIXED)
            if before is not None and memory.coding.discrete and len(r.rows):
                h, before = r.chosen(h, going), r.chosen(before, going)
                r.stop(xp.all(memory.answer(h, r.x) == before, axis=-1), CYCLE)
        return r

    def size(self, xp: Any, x: Array) -> Array:
        """What a tolerance is relative to, (...,): the largest unit of the start x (..., n)."""
        return xp.max(xp.abs(x), axis=-1)

    def same(self, memory: Memory, y: Array, x: Array, size: Array) -> Array:
        """Whether the state y (..., n) after x is where x was, (...,)."""
        xp = memory.xp
        if memory.coding.discrete:
            return xp.all(y == x, axis=-1)
        tolerance = self.tolerance
        if tolerance is None:
            tolerance = float(xp.finfo(x.dtype).eps) ** 0.5
        most = xp.maximum(size, xp.max(xp.abs(x), axis=-1))
        return xp.max(xp.abs(y - x), axis=-1) <= tolerance * most


class Asynchronous(Update):
    """One unit at a time, in a new random order each step; a step is a sweep through all units.

    With `fraction`: each step so large a share of the units, drawn for each row anew, updates at
    once, and the others are kept. A fixed point is a state that no update would change.
    """

    def __init__(self, fraction: float | None = None) -> None:
        known = isinstance(fraction, float | int | np.number) and not isinstance(fraction, bool)
        if fraction is not None and not (known and 0 < fraction <= 1):
            raise ValueError(f"fraction: expected a share above 0, up to 1, came {fraction!r}")
        self.fraction = fraction

    @property
    def name(self) -> str:  # type: ignore[override]
        """What `promise` is asked: of some units at once it is another thing."""
        return "asynchronous" if self.fraction is None else "in part"

    def __str__(self) -> str:
        return "asynchronous" + (f", {self.fraction:.0%} at once" if self.fraction else "")

    def run(self, relaxation: Relaxation, max_steps: int, rng: Any) -> Relaxation:
        r, memory, xp = relaxation, relaxation.memory, relaxation.memory.xp
        _discrete(self, memory)
        h = memory.field(r.x)
        r.note(memory.energy(r.x, h))
        for step in range(max_steps + 1):
            going = r.stop(xp.all(memory.answer(h, r.x) == r.x, axis=-1), FIXED)
            if not len(r.rows) or step == max_steps:
                break
            h = r.chosen(h, going)
            if self.fraction is None:
                order = rng.permutation(r.x.shape[-1]).tolist()
                r.x = memory.sweep(r.x, order, h=h)
            else:
                mask = rng.random(tuple(r.x.shape)) < self.fraction
                mask = xp.asarray(mask.tolist(), device=memory.place.device)
                r.x = xp.where(mask, memory.answer(h, r.x), r.x)
            r.moved()
            h = memory.field(r.x)
            r.note(memory.energy(r.x, h))
        return r


class Stochastic(Update):
    """One unit at a time at a temperature T > 0: high with 1 / (1 + exp(-(high - low) h / T)).

    So states come up as exp(-E / T), where h is what E falls by: of couplings, the polynomial and
    the RBM. It never settles: a recall is `max_steps` sweeps long. Source: Glauber, J. Math. Phys.
    4 (1963).
    """

    name = "stochastic"

    def __init__(self, temperature: float) -> None:
        if not (isinstance(temperature, int | float | np.number) and 0 < temperature < np.inf):
            raise ValueError(
                f"temperature: expected a number above 0, came {temperature!r}; at 0 a unit takes "
                "the sign of its field, which is update='asynchronous'"
            )
        self.temperature = float(temperature)

    def __str__(self) -> str:
        return f"stochastic at temperature {self.temperature:g}"

    def run(self, relaxation: Relaxation, max_steps: int, rng: Any) -> Relaxation:
        r, memory = relaxation, relaxation.memory
        _discrete(self, memory)
        scale = self.temperature / memory.coding.span
        h = memory.field(r.x)
        r.note(memory.energy(r.x, h))
        for _ in range(max_steps):
            u = rng.random(tuple(r.x.shape))
            noise = scale * (np.log(u + 1e-300) - np.log1p(-u))
            noise = backend.move(noise, memory.place, backend.dtype_name(r.x))
            r.x = memory.sweep(r.x, rng.permutation(r.x.shape[-1]).tolist(), noise, h)
            r.moved()
            h = memory.field(r.x)
            r.note(memory.energy(r.x, h))
        return r


class Continuous(Update):
    """x' = -x + f(gain flow(x)), f the soft map of the coding: tanh for signs, none for numbers.

    Solved by our own dopri5, to the tolerance `rtol`; a row has settled when the root mean square
    of x' is at most `rest`. A step is a unit of time, and Euler's method with that step is the
    synchronous update. `gain`: None is that of the memory. Source: Hopfield, PNAS 81 (1984).
    """

    name = "continuous"

    def __init__(self, gain: float | None = None, rest: float = 1e-6, rtol: float = 1e-6) -> None:
        for what, value in (("gain", gain), ("rest", rest), ("rtol", rtol)):
            known = isinstance(value, float | int | np.number)
            if value is not None and not (known and 0 < value < np.inf):
                raise ValueError(f"{what}: expected a number above 0, came {value!r}")
        self.gain, self.rest, self.rtol = gain, rest, rtol

    def run(self, relaxation: Relaxation, max_steps: int, rng: Any) -> Relaxation:
        from minigrad.ode import Adaptive, solve

        r, memory, xp = relaxation, relaxation.memory, relaxation.memory.xp
        gain = self.gain or memory.gain
        rtol = max(self.rtol, 8 * float(xp.finfo(r.x.dtype).eps))
        rest = max(self.rest, 8 * float(xp.finfo(r.x.dtype).eps))
        control = Adaptive(rtol, 1e-3 * rest, batch_axes=1)
        slope = self.slope(memory, gain)
        r.note(memory.flow_energy(r.x, gain))
        for step in range(max_steps + 1):
            speed = xp.sqrt(xp.mean(slope(0.0, r.x) ** 2, axis=-1))
            r.stop(speed <= rest, FIXED)
            if not len(r.rows) or step == max_steps:
                break
            r.x = solve(slope, r.x, 0.0, 1.0, "dopri5", control, at=[1.0]).x[-1, ...]
            r.moved()
            r.note(memory.flow_energy(r.x, gain))
        return r

    @staticmethod
    def slope(memory: Memory, gain: float) -> Callable[[float, Array], Array]:
        """The field x' of continuous time, a function of (t, x)."""
        soft = memory.soft
        return lambda t, x: soft.f(memory.xp, gain * memory.flow(x)) - x


UPDATES: dict[str, Callable[[], Update]] = {
    "synchronous": Synchronous,
    "asynchronous": Asynchronous,
    "continuous": Continuous,
}


def update_of(given: str | Update) -> Update:
    """The update of that name, or itself: one that takes a temperature has to be given."""
    if isinstance(given, Update):
        return given
    if isinstance(given, type) and issubclass(given, Update):
        raise ValueError(f"unknown update: the class; expected an object, {given.__name__}(...)")
    if given == "stochastic":
        raise ValueError("update='stochastic' needs a temperature: Stochastic(temperature=...)")
    if not isinstance(given, str) or given not in UPDATES:
        raise ValueError(
            f"unknown update {given!r}: expected one of {', '.join(UPDATES)}, or an Update such as "
            "Asynchronous(fraction=0.1) or Stochastic(temperature=0.5)"
        )
    return UPDATES[given]()


def _discrete(update: Update, memory: Memory) -> None:
    if not memory.coding.discrete:
        raise ValueError(
            f"{memory}: {update.name} update is for signs or bits, not for the coding 'real': "
            "take 'synchronous' or 'continuous', or give the memory coding='signs'"
        )
