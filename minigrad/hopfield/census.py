"""A census of the states in which a memory rests, each with the share of states that flow there.

Up to 20 units all 2^n states are visited, and nothing is left to chance; beyond, a sample.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad import backend, samples
from minigrad.backend import Array, Random
from minigrad.errors import ShapeError
from minigrad.hopfield.certificates import MIXTURE, NEGATIVE, SPURIOUS, STORED, UNKNOWN, Recall
from minigrad.hopfield.memories import Memory
from minigrad.hopfield.network import HopfieldNetwork
from minigrad.hopfield.trials import grouped, recalled, settings
from minigrad.hopfield.updates import CYCLE, FIXED, Asynchronous, Synchronous, Update
from minigrad.text import table

Floats = NDArray[np.float64]
MOST = 20  # units, of which all states are visited
CHUNK = 1 << 14  # states at a time
STARTS = 1000
SHOWN = 8
KINDS = (STORED, NEGATIVE, MIXTURE, SPURIOUS, UNKNOWN)


@dataclass(frozen=True)
class Census:
    """The k fixed points that were found, the lowest energy first, and who flows there.

    `points` (k, n); `kind` (k,): "stored", "negative" of a stored one, "mixture" or "spurious";
    `energy` (k,), NaN where there is none; `basin` (k,): the share of the `states` starts that end
    there; `nearest` and `overlap` (k,): the stored pattern most alike, of a negative its opposite.
    `cycles`: how many 2-cycles, `in_cycles`: the share of starts that end in one; `elsewhere`: in
    longer cycles, or not settled in time. `complete`: the starts were all 2^n states. `memories`:
    how many patterns are stored, `kept`: how many of them are fixed points that were found.
    """

    name: str
    update: str
    states: int
    complete: bool
    points: NDArray[Any]
    kind: NDArray[Any]
    energy: Floats
    basin: Floats
    nearest: NDArray[np.int64]
    overlap: Floats
    cycles: int
    in_cycles: float
    elsewhere: float
    memories: int
    kept: int

    def __len__(self) -> int:
        return len(self.points)

    @property
    def counts(self) -> dict[str, int]:
        """How many fixed points there are of each kind that occurs."""
        return {kind: int((self.kind == kind).sum()) for kind in KINDS if kind in self.kind}

    @property
    def shares(self) -> dict[str, float]:
        """The share of the starts that end in each kind of fixed point."""
        return {kind: float(self.basin[self.kind == kind].sum()) for kind in self.counts}

    def __str__(self) -> str:
        n = self.points.shape[1]
        of = f"all {self.states} states" if self.complete else f"{self.states} starts"
        lines = [
            f"{self.name}, {n} units, {self.update}: {len(self)} fixed points and {self.cycles} "
            f"2-cycles, from {of}",
        ]
        if self.memories:
            lines.append(f"{self.kept} of {self.memories} stored patterns are fixed points found")
        rows: list[tuple[Any, ...]] = []
        for kind, count in self.counts.items():
            lowest = self.energy[self.kind == kind].min()
            rows.append((kind, count, f"{100 * self.shares[kind]:.2f}%", _number(lowest)))
        rows.append(("2-cycles", self.cycles, f"{100 * self.in_cycles:.2f}%", "-"))
        rows.append(("elsewhere", "", f"{100 * self.elsewhere:.2f}%", "-"))
        lines.append(table(("kind", "number", "share of starts", "lowest energy"), rows))
        if len(self):
            some = [
                (_number(self.energy[i]), self.kind[i], f"{100 * self.basin[i]:.2f}%",
                 _number(self.overlap[i]), f"{self.nearest[i]}")
                for i in range(min(SHOWN, len(self)))
            ]  # fmt: skip
            lines.append(table(("energy", "kind", "basin", "overlap", "with pattern"), some))
        if len(self) > SHOWN:
            lines.append(f"and {len(self) - SHOWN} more of higher energy")
        return "\n".join(lines)


def census(
    of: HopfieldNetwork | Memory,
    starts: Any = None,
    update: str | Update | None = None,
    rng: Random = None,
) -> Census:
    """All fixed points and 2-cycles of up to 20 units, by visiting every state; else a sample.

    `starts`: a number of random states, or states (S, n); None is all states, and 1000 of more than
    20 units. `update`: "asynchronous", one unit after the other from first to last, or
    "synchronous"; None is that of the network, of a memory alone asynchronous.
    """
    how = "asynchronous" if update is None and isinstance(of, Memory) else update
    memory, how, steps = settings(of, how)
    plain = isinstance(how, Synchronous) or (isinstance(how, Asynchronous) and not how.fraction)
    if not plain:
        raise ValueError(f"update: expected 'synchronous' or 'asynchronous', came {how}")
    if not memory.coding.discrete:
        raise ValueError(f"{memory}: a census is of signs or bits, not of any number")
    n: Any = memory.n
    if starts is None and n <= MOST:
        return _counted(memory, how, *_enumerated(memory, how, n), 1 << n, True)
    x = _random_states(memory, starts, backend.generator(rng))
    return _counted(memory, how, *_sampled(memory, how, steps, x), x.shape[0], False)


def _enumerated(memory: Memory, how: Update, n: int) -> tuple[Any, Floats, int, float, float]:
    """Fixed points, their basins, the 2-cycles and theirs, what is left: of the map of all states.

    Each state has one that follows; to follow that 2^n times leads onto a cycle, and takes n steps,
    for twice as many are those steps done twice.
    """
    step, powers = _step(memory, how, n), 1 << np.arange(n)
    follows = np.empty(1 << n, dtype=np.int64)
    for start in range(0, 1 << n, CHUNK):
        numbers = np.arange(start, min(start + CHUNK, 1 << n))
        y = backend.host(step(_states(memory, numbers, n)))
        follows[numbers] = (y > (memory.coding.low + memory.coding.high) / 2) @ powers
    end = follows
    for _ in range(n):
        end = end[end]
    after = follows[end]
    fixed, two = after == end, (after != end) & (follows[after] == end)
    numbers, count = np.unique(end[fixed], return_counts=True)
    points = backend.host(_states(memory, numbers, n))
    cycles = len(np.unique(np.minimum(end, after)[two]))
    elsewhere = float((~fixed & ~two).mean())
    return points, count / (1 << n), cycles, float(two.mean()), elsewhere


def _sampled(
    memory: Memory, how: Update, steps: int, x: Array
) -> tuple[Any, Floats, int, float, float]:
    """The same of the states (S, n), by letting them relax."""
    recall = recalled(memory, x, how, steps, _InOrder())
    fixed, two = recall.ended == FIXED, recall.ended == CYCLE
    points, count = _different(memory, recall, fixed)
    pairs = backend.host(recall.state)[two]
    if len(pairs):  # either state of a cycle may be the last
        xp = memory.xp
        index = xp.asarray(np.flatnonzero(two).tolist(), device=memory.place.device)
        others = backend.take_rows(recall.state, index)
        others = backend.host(memory.answer(memory.field(others), others))
        first = np.array([min(a.tolist(), b.tolist()) for a, b in zip(pairs, others, strict=True)])
        pairs = np.unique(first, axis=0)
    return (
        points,
        count / len(fixed),
        len(pairs),
        float(two.mean()),
        float((~fixed & ~two).mean()),
    )


def _different(memory: Memory, recall: Recall, which: Any) -> tuple[Any, Floats]:
    """The different states among the ends, and how many starts came to each."""
    ends = backend.host(recall.state)[which]
    groups = grouped(memory.coding, ends)
    _, first = np.unique(groups, return_index=True)
    return ends[first], np.bincount(groups).astype(np.float64)


def _counted(
    memory: Memory,
    how: Update,
    points: Any,
    basin: Floats,
    cycles: int,
    in_cycles: float,
    elsewhere: float,
    states: int,
    complete: bool,
) -> Census:
    """What each fixed point is, in the order of their energies."""
    k = len(points)
    kind, energy = np.full(k, "", dtype=object), np.full(k, np.nan)
    nearest, overlap = np.full(k, -1), np.full(k, np.nan)
    for start in range(0, k, CHUNK):
        part = slice(start, min(start + CHUNK, k))
        x = backend.move(points[part], memory.place, backend.dtype_name(memory.theta))
        recall = recalled(memory, x, Synchronous(), 1, None)
        kind[part], nearest[part], overlap[part] = recall.kind, recall.nearest, recall.overlap
        opposite = recall.kind == NEGATIVE
        if opposite.any():  # to be named by the pattern that they are the negative of
            other = memory.coding.flipped(x)
            other = recalled(memory, other, Synchronous(), 1, None, judged_at_start=True)
            nearest[part][opposite] = other.nearest[opposite]
            overlap[part][opposite] = -other.overlap[opposite]
        values = memory.energy(x)
        if values is not None:
            energy[part] = backend.host(values)
    order = np.lexsort((-basin, np.round(energy, 9)))  # of one energy the widest first
    stored = 0 if memory.patterns is None else len(np.unique(backend.host(memory.patterns), axis=0))
    return Census(
        name=str(memory),
        update="one unit after the other" if isinstance(how, Asynchronous) else str(how),
        states=states,
        complete=complete,
        points=points[order],
        kind=kind[order],
        energy=energy[order],
        basin=basin[order],
        nearest=nearest[order],
        overlap=overlap[order],
        cycles=cycles,
        in_cycles=in_cycles,
        elsewhere=elsewhere,
        memories=stored,
        kept=int((kind == STORED).sum()),
    )


def _step(memory: Memory, how: Update, n: int) -> Callable[[Array], Array]:
    """The map of states (B, n) whose fixed points are sought."""
    if isinstance(how, Asynchronous):
        order = list(range(n))
        return lambda x: memory.sweep(x, order)
    return lambda x: memory.answer(memory.field(x), x)


def _states(memory: Memory, numbers: NDArray[np.int64], n: int) -> Array:
    """The states (B, n) of these numbers: unit i is high where bit i is 1."""
    bits = (numbers[:, None] >> np.arange(n)) & 1
    values = memory.coding.low + memory.coding.span * bits.astype(np.float64)
    return backend.move(values, memory.place, backend.dtype_name(memory.theta))


def _random_states(memory: Memory, starts: Any, rng: np.random.Generator) -> Array:
    if starts is None or isinstance(starts, int | np.integer):
        count = STARTS if starts is None else samples.positive("starts", starts)
        bits = rng.integers(0, 2, (count, memory.n or 0)).astype(np.float64)
        values = memory.coding.low + memory.coding.span * bits
        return backend.move(values, memory.place, backend.dtype_name(memory.theta))
    x = backend.receive(starts, memory.theta)
    if x.ndim != 2 or x.shape[1] != memory.n or not x.shape[0]:
        raise ShapeError(f"starts: expected states (S, {memory.n}), came {tuple(x.shape)}")
    return memory.coding.admit("starts", x)


class _InOrder:
    """In place of chance, for the order of units: from first to last."""

    def permutation(self, n: int) -> NDArray[np.int64]:
        return np.arange(n)


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.4g}"
