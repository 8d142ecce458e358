"""What became of a recall, row by row: where it ended, what that is, and how the energy went."""

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad import backend
from minigrad.backend import Array
from minigrad.hopfield.memories import Memory
from minigrad.hopfield.updates import CYCLE, FIXED, UNSETTLED, Relaxation, Update

STORED, NEGATIVE, MIXTURE, SPURIOUS = "stored", "negative", "mixture", "spurious"
UNKNOWN = "nothing stored to compare with"
KINDS = (STORED, NEGATIVE, MIXTURE, SPURIOUS, UNKNOWN)
ENDS = {FIXED: "at a fixed point", CYCLE: "in a 2-cycle", UNSETTLED: "not settled"}
CLOSE = 1e-3  # numbers this near to a pattern, relative to its size, are that pattern
LOOKED_AT = 5  # a mixture is looked for among so many patterns, those that overlap most


@dataclass(frozen=True)
class Recall:
    """The certificate of a recall of states (..., n), of shape (...,) but for the states.

    `state` (..., n): the end, in the coding; `end`: where continuous time came to rest, else the
    same. `steps`: how many it took. `ended`: "fixed point", "2-cycle" or "not settled". `nearest`:
    the number of the pattern that overlaps most (-1: none stored), `overlap` with it, from -1 to 1,
    `exact`: no unit differs. `kind` of a fixed point: "stored", "negative" of one, "mixture" of
    some, or "spurious"; "" where there is none. `energy` (T + 1, ...) after each step, None where
    there is none. `promise`: why theory says that it cannot rise ("": it does not), and `rises`:
    how often what is promised rose all the same, by more than rounding; it should be 0.
    `path` (T + 1, ..., n): the states along the way, if they were asked for, on the host.
    """

    state: Array
    end: Array = field(repr=False)
    steps: NDArray[np.int64]
    ended: NDArray[Any]
    nearest: NDArray[np.int64]
    overlap: NDArray[np.float64]
    exact: NDArray[np.bool_]
    kind: NDArray[Any]
    energy: NDArray[np.float64] | None = field(repr=False)
    pair_energy: NDArray[np.float64] | None = field(repr=False)
    promise: str
    rises: int
    update: str
    path: Array | None = field(default=None, repr=False)

    def __str__(self) -> str:
        count, n = int(np.size(self.steps)), self.state.shape[-1]
        ends = _counted(self.ended, ENDS)
        lines = [
            f"{count} recall{'s' * (count != 1)} of {n} units, {self.update}: "
            f"{int(np.sum(self.exact))} exact; {ends}",
            f"steps {np.min(self.steps)} to {np.max(self.steps)}, median {np.median(self.steps):g}",
        ]
        kinds = _counted(self.kind, {kind: kind for kind in KINDS})
        if kinds:
            lines.append(f"fixed points: {kinds}")
        if self.promise:
            lines.append(f"energy: rose {self.rises} times; promised never to ({self.promise})")
        else:
            lines.append("energy: theory promises nothing here")
        return "\n".join(lines)


def _counted(values: Any, said: dict[str, str]) -> str:
    counts = ((words, int(np.sum(np.asarray(values) == name))) for name, words in said.items())
    return ", ".join(f"{count} {words}" for words, count in counts if count)


def certify(r: Relaxation, update: Update, lead: tuple[int, ...]) -> Recall:
    """The certificate of a relaxation that is over, of a batch of shape `lead`."""
    memory, xp = r.memory, r.memory.xp
    state = memory.coding.nearest(xp, r.end)
    nearest, overlap, exact = _compared(memory, state)
    kind = np.full(len(r.steps), "", dtype=object)
    rested = np.flatnonzero(r.ended == FIXED)
    kind[rested] = _kinds(memory, state, nearest, exact, rested)
    promise = memory.promise(update.name) if r.trace else ""
    trace = np.stack(r.trace) if r.trace else None
    pairs = np.stack(r.pair_trace) if r.pair_trace else None
    watched = pairs if promise and pairs is not None else trace
    rises = (
        _rises(watched, r.start, memory, xp, update.name == "continuous")
        if promise and watched is not None
        else 0
    )

    def shaped(a: Any) -> Any:
        return None if a is None else a.reshape((*a.shape[:-1], *lead))

    shaped_path = np.stack(r.path).reshape(-1, *lead, state.shape[-1]) if r.path else None
    return Recall(
        state=xp.reshape(state, (*lead, state.shape[-1])),
        end=xp.reshape(r.end, (*lead, state.shape[-1])),
        steps=shaped(r.steps),
        ended=shaped(r.ended),
        nearest=shaped(nearest),
        overlap=shaped(overlap),
        exact=shaped(exact),
        kind=shaped(kind),
        energy=shaped(trace),
        pair_energy=shaped(pairs),
        promise=promise,
        rises=rises,
        update=str(update),
        path=shaped_path,
    )


def _rises(trace: NDArray[Any], start: Array, memory: Memory, xp: Any, flowing: bool) -> int:
    """How often what is watched rose by more than rounding: from states of the coding only."""
    if len(trace) < 2:
        return 0
    eps = float(xp.finfo(memory.theta.dtype).eps)
    allowed = 64 * eps * np.maximum(1.0, np.abs(trace).max(axis=0)) * start.shape[-1] ** 0.5
    rose = np.diff(trace, axis=0) > allowed
    if memory.coding.discrete:
        low, high = memory.coding.low, memory.coding.high
        inside = backend.host(xp.all((start >= low) & (start <= high), axis=-1))
        rose[slice(None) if flowing else slice(1), ~inside] = False  # nothing is said of outside
    return int(np.count_nonzero(rose))


def _compared(memory: Memory, state: Array) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The nearest pattern of each state (B, n), the overlap with it, and whether it is that."""
    count = state.shape[0]
    if memory.patterns is None:
        return np.full(count, -1), np.full(count, np.nan), np.zeros(count, dtype=bool)
    s, p = (memory.coding.to_signs(a) for a in (state, memory.patterns))
    overlaps = backend.host(s @ p.mT).astype(np.float64)
    size = backend.host(memory.xp.sum(s * s, axis=-1)).astype(np.float64)
    sizes = backend.host(memory.xp.sum(p * p, axis=-1)).astype(np.float64)
    apart = size[:, None] + sizes - 2 * overlaps  # of numbers the length counts as well
    overlaps /= np.sqrt(np.maximum(size[:, None] * sizes, np.finfo(np.float64).tiny))
    nearest = (overlaps if memory.coding.discrete else -apart).argmax(axis=1)
    near = backend.host(memory.patterns)[nearest]
    off = np.abs(backend.host(state) - near)
    if memory.coding.discrete:
        exact = (off == 0).all(axis=1)
    else:
        exact = np.sqrt((off**2).mean(axis=1)) <= CLOSE * np.sqrt((near**2).mean(axis=1))
    return nearest, overlaps[np.arange(count), nearest], exact


def _kinds(
    memory: Memory, state: Array, nearest: NDArray[Any], exact: NDArray[Any], rows: NDArray[Any]
) -> NDArray[Any]:
    """What each of these fixed points is."""
    if memory.patterns is None:
        return np.full(len(rows), UNKNOWN, dtype=object)
    kinds = np.where(exact[rows], STORED, SPURIOUS).astype(object)
    other = np.flatnonzero(~exact[rows])
    if not len(other):
        return kinds
    s = backend.host(memory.coding.to_signs(state))[rows[other]]
    p = backend.host(memory.coding.to_signs(memory.patterns))
    if not memory.coding.discrete:
        kinds[other] = np.where(_mixed(memory, s, p), MIXTURE, SPURIOUS)
        apart = np.sqrt(((s[:, None] + p) ** 2).mean(axis=-1)).min(axis=1)
        kinds[other[apart <= CLOSE * np.sqrt((s**2).mean(axis=1))]] = NEGATIVE
        return kinds
    overlaps = s @ p.T / s.shape[1]
    kinds[other[overlaps.min(axis=1) == -1]] = NEGATIVE
    most = np.argsort(-np.abs(overlaps), axis=1, kind="stable")[:, :LOOKED_AT]
    signed = np.sign(np.take_along_axis(overlaps, most, axis=1))[:, :, None] * p[most]
    for k in (3, 5):
        for chosen in itertools.combinations(range(most.shape[1]), k):
            same = (np.sign(signed[:, chosen].sum(axis=1)) == s).all(axis=1)
            kinds[other[same & (kinds[other] == SPURIOUS)]] = MIXTURE
    return kinds


def _mixed(memory: Memory, s: NDArray[Any], p: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each state (B, n) is a weighted sum of the patterns (p, n), to within `CLOSE`."""
    weights = np.linalg.lstsq(p.T, s.T, rcond=None)[0]
    left = np.sqrt(((s - weights.T @ p) ** 2).mean(axis=1))
    size = np.sqrt((s**2).mean(axis=1))
    some = size > CLOSE * np.sqrt((p**2).mean())  # 0 is the sum of none
    return np.asarray(some & (left <= CLOSE * size))
