"""A memory on trial: how much of what it stored comes back, from how much noise.

trial(net, noise=(0, 0.15))     # of the stored patterns
decoded(patterns, (0, 0.15))    # the ceiling: what could be told from the same starts at all
held_out(net, others)           # what it does to patterns that it never saw
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad import backend, samples
from minigrad.backend import Array, Random
from minigrad.errors import ShapeError
from minigrad.hopfield.certificates import CLOSE, STORED, Recall, certify
from minigrad.hopfield.codings import CODINGS, Coding
from minigrad.hopfield.codings import coding as coding_of
from minigrad.hopfield.memories import Memory
from minigrad.hopfield.network import HopfieldNetwork
from minigrad.hopfield.noise import flips, gaussian
from minigrad.hopfield.updates import CYCLE, FIXED, UNSETTLED, Relaxation, Update, update_of
from minigrad.text import table

Floats = NDArray[np.float64]
Levels = float | Sequence[float]
KINDS = {"flips": "a rate of flips from 0 to 1", "gaussian": "a deviation from 0 on"}
DECODERS = ("bits", "patterns")
LEVELS = (0.0, 0.05, 0.15, 0.25, 0.4)
STEPS = 100  # of a recall from a memory that stands in no network


@dataclass(frozen=True)
class Trials:
    """What came of starts near the memories, `draws` of each: arrays (L,), one entry a noise level.

    `noise`: the levels, rates of `kind` "flips" or deviations of "gaussian"; `shown`: the share of
    bits wrong in the starts, `wrong`: in the ends, `exact`: the share of ends without a wrong bit.
    A number is read as the nearer value where the patterns have two, and else is wrong if off by
    half their range. `error_99`: the 0.99-quantile of |error| over all bits. `steps`: the median,
    `most_steps` the most. `fixed`, `cycles`, `unsettled`: shares of starts by how they ended.
    `ends`: how many different states they ended in, `largest`: the share that ended in one of them.
    `collapsed`: most starts of more than half of the memories (two or more) ended in one state.
    """

    name: str
    kind: str
    update: str
    draws: int
    memories: int
    noise: Floats
    shown: Floats
    wrong: Floats
    exact: Floats
    error_99: Floats
    steps: Floats
    most_steps: Floats
    fixed: Floats
    cycles: Floats
    unsettled: Floats
    ends: NDArray[np.int64]
    largest: Floats
    collapsed: NDArray[np.bool_]

    def __str__(self) -> str:
        head = f"{self.name}: {self.memories} memories, {self.draws} draws of {self.kind}"
        lines = [head + (f", {self.update}" if self.update else "")]
        columns = ("noise", "shown", "wrong", "exact", "q99", "steps", "most", "fixed", "2-cycle")
        rows = [
            (
                f"{self.noise[i]:g}",
                *(f"{100 * v[i]:.2f}%" for v in (self.shown, self.wrong)),
                f"{100 * self.exact[i]:.1f}%",
                f"{self.error_99[i]:.3g}",
                f"{self.steps[i]:g}",
                f"{self.most_steps[i]:g}",
                *(_share(v[i]) for v in (self.fixed, self.cycles, self.unsettled)),
                f"{self.ends[i]}",
                f"{100 * self.largest[i]:.1f}%",
            )
            for i in range(len(self.noise))
        ]
        lines.append(table((*columns, "not settled", "ends", "largest"), rows))
        for i in np.flatnonzero(self.collapsed):
            lines.append(
                f"collapsed at noise {self.noise[i]:g}: {100 * self.largest[i]:.0f}% of all starts "
                f"end in one state; {self.ends[i]} different ends"
            )
        return "\n".join(lines)


@dataclass(frozen=True)
class HeldOut:
    """What became of patterns that were not stored: arrays (L,), shares of starts at each level.

    `stayed`: they ended where the pattern is; `stored`: in a stored pattern, `nearest`: in the
    stored one that was nearest; `other`: elsewhere. `fixed`: they ended in a fixed point of any
    kind. `wrong`: the share of bits between the pattern and the end.
    """

    name: str
    kind: str
    update: str
    draws: int
    patterns: int
    noise: Floats
    stayed: Floats
    stored: Floats
    nearest: Floats
    other: Floats
    fixed: Floats
    wrong: Floats

    def __str__(self) -> str:
        head = (
            f"{self.name}: {self.patterns} patterns that were not stored, {self.draws} draws of "
            f"{self.kind}, {self.update}"
        )
        columns = ("noise", "stayed", "moved to a stored one", "the nearest", "other")
        shares = (self.stayed, self.stored, self.nearest, self.other, self.fixed, self.wrong)
        rows = [
            (f"{level:g}", *(_share(values[i]) for values in shares))
            for i, level in enumerate(self.noise)
        ]
        return head + "\n" + table((*columns, "fixed points", "bits changed"), rows)


def trial(
    of: HopfieldNetwork | Memory,
    patterns: Any = None,
    noise: Levels = LEVELS,
    draws: int = 5,
    update: str | Update | None = None,
    kind: str = "flips",
    rng: Random = None,
    max_steps: int | None = None,
) -> Trials:
    """Recall patterns (p, n), the stored ones if None, from starts with noise on them.

    `update` and `max_steps`: None is what the network has; of a memory alone, synchronous and 100.
    The draws are the same at every level (what flips at a low rate does so at a higher one), and
    the same in `decoded` for the same seed.
    """
    memory, how, steps = settings(of, update, max_steps)
    rows = stored_or(memory, patterns)
    read = read_as(memory.coding, backend.host(rows))
    starts = Starts(rows, read, noise, draws, kind, rng)
    found = [
        _judged(recalled(memory, x, how, steps, starts.chance()), starts, i)
        for i, x in enumerate(starts)
    ]
    return _collected(str(memory), str(how), starts, found)


def decoded(
    patterns: Any,
    noise: Levels = LEVELS,
    draws: int = 5,
    kind: str = "flips",
    rng: Random = None,
    coding: str | Coding = "signs",
    best: str = "bits",
) -> Trials:
    """The ceiling: what the best decoder, who knows the patterns (p, n) and the noise, makes of it.

    All patterns are equally likely before, and softmax(beta X x) after flips of rate q, for signs
    X, beta = ln((1 - q) / q) / 2; after N(0, d^2), softmax(-|X - x|^2 / (2 d^2)). `best`: "bits",
    the sign of the mean, which no network can beat in bits wrong; "patterns", the most likely one,
    which none can beat in the share exact; both but for the luck of the draw.
    """
    if best not in DECODERS:
        raise ValueError(f"best: expected one of {', '.join(DECODERS)}, came {best!r}")
    how = coding_of(coding)
    rows = how.admit("patterns", _rows(backend.asarray(patterns)))
    read = read_as(how, backend.host(rows))
    starts = Starts(rows, read, noise, draws, kind, rng)
    found = []
    for i, x in enumerate(starts):
        x = backend.host(x)
        weights = _posterior(starts, x, starts.levels[i])
        if best == "patterns":
            weights = np.eye(len(starts.targets))[weights.argmax(axis=1)]
        state = weights @ starts.targets
        if read.discrete:
            middle = (read.low + read.high) / 2
            state = read.snap(np, np.round(state - middle, 12), read.nearest(np, x))
        ended = np.full(len(x), "", dtype=object)
        found.append(_measured(starts, i, state, np.ones(len(x)), ended))
    return _collected(f"best decoder of {best}", "", starts, found)


def held_out(
    of: HopfieldNetwork | Memory,
    patterns: Any,
    noise: Levels = 0.0,
    draws: int = 1,
    update: str | Update | None = None,
    kind: str = "flips",
    rng: Random = None,
    max_steps: int | None = None,
) -> HeldOut:
    """Recall from patterns (p, n) that were not stored: do they stay, or become stored ones?

    ValueError names the first that is stored.
    """
    memory, how, steps = settings(of, update, max_steps)
    rows = memory.admit_patterns(patterns)
    read = read_as(memory.coding, backend.host(rows))
    starts = Starts(rows, read, noise, draws, kind, rng)
    if memory.patterns is not None:
        known = backend.host(memory.patterns)
        for i, row in enumerate(starts.targets):
            if (known == row).all(axis=1).any():
                raise ValueError(f"patterns: number {i} is stored in {memory}; expected new ones")
    near = recalled(memory, rows, update_of("synchronous"), 1, None, judged_at_start=True).nearest
    near = np.tile(near, starts.draws)
    shares = []
    for x in starts:
        recall = recalled(memory, x, how, steps, starts.chance())
        wrong, exact = compared(read, backend.host(recall.state), starts.tiled)
        stored = (recall.kind == STORED) & ~exact
        shares.append(
            (
                exact.mean(),
                stored.mean(),
                (stored & (recall.nearest == near)).mean(),
                (~exact & ~stored).mean(),
                (recall.ended == FIXED).mean(),
                wrong.mean(),
            )
        )
    return HeldOut(
        str(memory),
        kind,
        str(how),
        starts.draws,
        len(starts.targets),
        starts.levels,
        *(np.array(column, dtype=np.float64) for column in zip(*shares, strict=True)),
    )


def table_of(trials: Mapping[str, Trials]) -> str:
    """Several trials beside each other: % of bits wrong / % recalled exactly, at each noise level.

    A star: collapsed into one state. ValueError unless all have the same noise.
    """
    if not trials:
        raise ValueError("no trials to print")
    first = next(iter(trials.values()))
    for name, t in trials.items():
        if t.kind != first.kind or not np.array_equal(t.noise, first.noise):
            raise ValueError(
                f"{name}: {t.kind} of {t.noise.tolist()}, expected {first.kind} of "
                f"{first.noise.tolist()} as the first"
            )
    rows = [
        (
            name,
            *(
                f"{100 * t.wrong[i]:.2f}/{100 * t.exact[i]:.0f}{'*' * bool(t.collapsed[i])}"
                for i in range(len(t.noise))
            ),
        )
        for name, t in trials.items()
    ]
    lines = [
        f"% of bits wrong / % recalled exactly, by {first.kind}",
        table(("memory", *(f"{level:g}" for level in first.noise)), rows),
    ]
    if any(t.collapsed.any() for t in trials.values()):
        lines.append("* collapsed: starts of most memories end in one and the same state")
    return "\n".join(lines)


# --- what the other experiments need too ----------------------------------------------------------


def settings(
    of: HopfieldNetwork | Memory, update: str | Update | None = None, max_steps: int | None = None
) -> tuple[Memory, Update, int]:
    """The memory on trial, the update and the steps: given ones, or those of the network."""
    if not isinstance(of, HopfieldNetwork | Memory):
        raise TypeError(f"expected a HopfieldNetwork or a Memory, came a {type(of).__name__}")
    net = of if isinstance(of, HopfieldNetwork) else None
    memory = net.memory if net else of
    assert isinstance(memory, Memory)
    if memory.theta.ndim > 1:
        raise ShapeError(f"{memory}: a stack is not recalled from; take its members one by one")
    if memory.n is None:
        raise ValueError(f"{memory}: nothing is stored yet: store(patterns), or learn(patterns)")
    usual = net.update if net else update_of("synchronous")
    steps = samples.positive("max_steps", max_steps) if max_steps is not None else None
    return (
        memory,
        usual if update is None else update_of(update),
        steps or (net.max_steps if net else STEPS),
    )


def recalled(
    memory: Memory,
    x: Array,
    update: Update,
    steps: int,
    rng: Any,
    judged_at_start: bool = False,
) -> Recall:
    """The certificate of a recall from x (B, n), without the energies on the way.

    `judged_at_start`: of the states x themselves, which are not updated.
    """
    start = Relaxation(memory, x, watch=False)
    if not judged_at_start:
        update.run(start, steps, rng)
    return certify(start.finish(), update, (x.shape[0],))


def stored_or(memory: Memory, patterns: Any) -> Array:
    """These patterns (p, n), checked, or those that are stored."""
    if patterns is not None:
        return memory.admit_patterns(patterns)
    if memory.patterns is None:
        raise ValueError(f"{memory} knows of no stored patterns: give patterns (p, n)")
    return memory.patterns


def read_as(of: Coding, patterns: Any) -> Coding:
    """The coding in which bits are flipped and counted: that of two values which patterns have."""
    if of.discrete:
        return of
    for name in ("signs", "bits"):
        if CODINGS[name].holds(np, patterns).all():
            return CODINGS[name]
    return of


def compared(read: Coding, state: Any, target: Any) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Which units of the states (B, n) are wrong, (B, n), and which states are right, (B,)."""
    if read.discrete:
        wrong = read.nearest(np, state) != target
        return wrong, ~wrong.any(axis=1)
    error = np.abs(state - target)
    wrong = error >= max(np.ptp(target) / 2, np.finfo(np.float64).tiny)
    size = np.sqrt((target**2).mean(axis=1))
    return wrong, np.sqrt((error**2).mean(axis=1)) <= CLOSE * size


def grouped(read: Coding, states: Any) -> NDArray[np.int64]:
    """A number (B,) for each state (B, n), the same for the same state, from 0 in order of coming.

    Numbers are the same if their root mean square difference is at most CLOSE of their size.
    """
    if read.discrete:
        bits = np.packbits(states > (read.low + read.high) / 2, axis=1)
        _, first, which = np.unique(bits, axis=0, return_index=True, return_inverse=True)
        rank = np.empty(len(first), dtype=np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        return rank[which.reshape(-1)]
    square = (states**2).sum(axis=1)
    which, count = np.full(len(states), -1, dtype=np.int64), 0
    for i in range(len(states)):
        if which[i] < 0:
            far = ((states - states[i]) ** 2).sum(axis=1)
            which[(which < 0) & (far <= CLOSE**2 * square[i])] = count
            which[i] = count
            count += 1
    return which


class Starts:
    """The starts (draws p, n), level by level, from one seed; `tiled`: what they should become."""

    x: Array

    def __init__(
        self, rows: Array, read: Coding, noise: Levels, draws: int, kind: str, rng: Random
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"kind: expected one of {', '.join(KINDS)}, came {kind!r}")
        self.levels = np.atleast_1d(np.asarray(noise, dtype=np.float64))
        most = 1.0 if kind == "flips" else np.finfo(np.float64).max
        good = self.levels.ndim == 1 and len(self.levels)
        if not good or not ((self.levels >= 0) & (self.levels <= most)).all():
            raise ValueError(f"noise: expected {KINDS[kind]}, or a list of them, came {noise!r}")
        if kind == "flips" and not read.discrete:
            raise ValueError("the patterns have more than two values: take kind='gaussian'")
        self.draws, self.kind, self.read = samples.positive("draws", draws), kind, read
        self.seed = int(backend.generator(rng).integers(2**63))
        self.rows, self.targets = rows, np.asarray(backend.host(rows), dtype=np.float64)
        self.tiled = np.tile(self.targets, (self.draws, 1))
        self.same = grouped(read, self.targets)  # a pattern that is there twice is one memory

    def __iter__(self) -> Iterator[Array]:
        xp = backend.namespace(self.rows)
        clean = xp.concat([self.rows] * self.draws) if self.draws > 1 else self.rows
        for level in self.levels.tolist():
            rng = np.random.default_rng(self.seed)
            if self.kind == "flips":
                self.x = flips(clean, level, rng, self.read)
            else:
                self.x = gaussian(clean, level, rng)
            yield self.x

    def chance(self) -> np.random.Generator:
        """For what an update draws: not what the noise drew."""
        return np.random.default_rng([self.seed, 1])


# --- underneath -----------------------------------------------------------------------------------


def _posterior(starts: Starts, x: Any, level: float) -> Floats:
    """How likely each pattern (p,) is, given the starts x (B, n): (B, p)."""
    if starts.kind == "gaussian":
        square = (starts.targets**2).sum(axis=1) / 2
        score, beta = x @ starts.targets.T - square, 1 / level**2 if level else np.inf
    else:
        to_signs = starts.read.to_signs
        score = to_signs(x) @ to_signs(starts.targets).T
        odds = (1 - level) / level if level else np.inf
        beta = np.log(odds) / 2 if odds else -np.inf
    if np.isinf(beta):  # no noise, or all flipped: what is nearest to it, or farthest from it
        score, beta = np.sign(beta) * score, 1.0
        score = np.where(score == score.max(axis=1, keepdims=True), 0.0, -np.inf)
    score = beta * score
    weights = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _judged(recall: Recall, starts: Starts, i: int) -> dict[str, Any]:
    state = np.asarray(backend.host(recall.state), dtype=np.float64)
    return _measured(starts, i, state, recall.steps, recall.ended)


def _measured(starts: Starts, i: int, state: Any, steps: Any, ended: Any) -> dict[str, Any]:
    """One entry of each array of Trials."""
    wrong, exact = compared(starts.read, state, starts.tiled)
    shown, _ = compared(starts.read, backend.host(starts.x), starts.tiled)
    which = grouped(starts.read, state)
    sizes = np.bincount(which)
    into = np.zeros((int(starts.same.max()) + 1, len(sizes)))  # memories x ends: how many starts
    np.add.at(into, (np.tile(starts.same, starts.draws), which), 1)
    most = into > into.sum(axis=1, keepdims=True) / 2
    together = int(most.sum(axis=0).max())
    how = dict.fromkeys(("fixed", "cycles", "unsettled"), np.nan)
    if (ended != "").all():
        names = {"fixed": FIXED, "cycles": CYCLE, "unsettled": UNSETTLED}
        how = {name: float((ended == end).mean()) for name, end in names.items()}
    return {
        "shown": shown.mean(),
        "wrong": wrong.mean(),
        "exact": exact.mean(),
        "error_99": np.quantile(np.abs(state - starts.tiled), 0.99),
        "steps": float(np.median(steps)),
        "most_steps": float(np.max(steps)),
        **how,
        "ends": len(sizes),
        "largest": sizes.max() / len(which),
        "collapsed": together >= 2 and together > len(into) / 2,
    }


def _collected(name: str, update: str, starts: Starts, found: list[dict[str, Any]]) -> Trials:
    return Trials(
        name=name,
        kind=starts.kind,
        update=update,
        draws=starts.draws,
        memories=len(starts.targets),
        noise=starts.levels,
        **{what: np.array([one[what] for one in found]) for what in found[0]},
    )


def _rows(patterns: Array) -> Array:
    if patterns.ndim == 1:
        patterns = patterns[None, :]
    if patterns.ndim != 2 or not backend.size(patterns.shape):
        raise ShapeError(f"patterns are rows (p, n), one or more; came {tuple(patterns.shape)}")
    return patterns


def _share(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:.1f}%"
