"""Where flows come to rest: the points x with f(x) = 0, which starts reach them, and how stably."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad import backend
from minigrad.backend import Array
from minigrad.errors import ShapeError, SolverError
from minigrad.ode.controls import Adaptive, Control
from minigrad.ode.fields import field_of
from minigrad.ode.solve import solve
from minigrad.ode.tableaus import Tableau

Floats = NDArray[np.float64]
Field = Callable[[float, Array], Any]

DENSE = 128  # up to this width the whole Jacobian is taken: for Newton's method, and eigenvalues
LOOKS = 8  # a relaxation is looked at so often, at times t1 / 2^k, and what rests leaves it
TRIES = 50  # steps of Newton's method


@dataclass(frozen=True)
class RestPoints:
    """The points at which starts came to rest, those reached by most starts first.

    `points` (P, n), `shares` (P,) of the starts that came there, `speeds` (P,): the root mean
    square of f left there; `growth` (P,): the largest real part of the eigenvalues of df/dx,
    negative where the point is stable. `which` (S,): the number of the point of each start, -1 for
    a start that did not settle; `ends` (S, n): where each was last.
    """

    points: Floats
    shares: Floats
    speeds: Floats
    growth: Floats
    which: NDArray[np.int64]
    ends: Floats = field(repr=False)

    @property
    def stable(self) -> NDArray[np.bool_]:
        """Whether each point is stable: growth < 0, (P,)."""
        return self.growth < 0

    def __len__(self) -> int:
        return len(self.points)

    def __str__(self) -> str:
        lost = int((self.which < 0).sum())
        lines = [f"{len(self)} rest points of {len(self.which)} starts, {lost} not settled"]
        if len(self):
            lines.append(f"{'':>4} {'share':>7} {'growth':>10} {'speed':>9}  point")
        for i, point in enumerate(self.points):
            shown = " ".join(f"{value:.4g}" for value in point[:6].round(9) + 0.0) + (
                " ..." * (len(point) > 6)
            )
            lines.append(
                f"{i:>4} {self.shares[i]:>7.1%} {self.growth[i]:>10.3g} {self.speeds[i]:>9.1e}  "
                f"{shown}"
            )
        return "\n".join(lines)


def rest_points(
    field: Field,
    starts: Any,
    t1: float = 1000.0,
    tolerance: float = 1e-6,
    apart: float = 1e-3,
    method: str | Tableau | Any = "dopri5",
    control: Control | None = None,
) -> RestPoints:
    """Let the starts (S, n) flow until each is at rest, or t1 is over, and say where they came.

    At rest: the root mean square of f is at most `tolerance`. Newton's method then brings a point
    to where f is 0, unless that lies further than `apart` (root mean square), and states no further
    apart are one point. The field takes batches (S, n) of independent rows, and does not depend on
    the time. A start on the edge between two basins rests there, at a point with growth > 0. A
    start that leaves for infinity is not settled. `control`: how exactly they flow.
    """
    x = _starts(starts)
    place = backend.place_of(x)
    settled = np.zeros(x.shape[0], dtype=bool)
    ends = np.array(backend.host(x), dtype=np.float64)
    left = np.arange(x.shape[0])
    if control is None:
        control = Adaptive(rtol=max(1e-8, 8 * float(place.xp.finfo(x.dtype).eps)))
    times = [0.0, *(t1 / 2**k for k in reversed(range(LOOKS)))]
    for begin, end in itertools.pairwise(times):
        # `rest` looks at the mean over all: so small, it holds for each of them
        quiet = tolerance / math.sqrt(max(1, len(left)))
        goal = replace(control, rest=quiet)
        left, x = _relax(field, x, left, ends, (begin, end), method, goal)
        if not len(left):
            break
        speeds = _speeds(field, x)
        done = speeds <= tolerance
        settled[left[done]] = True
        left, x = left[~done], _chosen(x, ~done)
    return _gather(field, place, x.dtype, ends, settled, apart)


def find_zeros(
    field: Field, starts: Any, tolerance: float = 1e-9, apart: float = 1e-3
) -> RestPoints:
    """The rest points, stable or not, to which Newton's method comes from the starts (S, n).

    Unlike the flow it comes to saddles and sources too. `shares` are those of its own basins.
    Found: the root mean square of f is at most `tolerance`. Raises ShapeError for a state too wide
    for the whole Jacobian.
    """
    x = _starts(starts)
    place = backend.place_of(x)
    if x.shape[1] > DENSE:
        raise ShapeError(f"Newton's method: expected a width up to {DENSE}, came {x.shape[1]}")
    ends, speeds = _newton(field, backend.host(x), place, x.dtype)
    return _gather(field, place, x.dtype, ends, speeds <= tolerance, apart, polish=False)


def jacobian(field: Field, x: Any, t: float = 0.0) -> Floats:
    """df/dx (n, n) at the state x (n,), on the host, by central differences: rows f, columns x.

    The difference is e = eps^(1/3) max(1, |x_j|): wrong by e^2/6 of the third derivative and by
    eps/e of the field, which takes a batch (2n, n).
    """
    x = backend.asarray(x)
    found = _jacobians(field, backend.host(x)[None, :], backend.place_of(x), x.dtype, t)
    return np.asarray(found[0])


def growth_rate(field: Field, x: Any, t: float = 0.0) -> float:
    """The largest real part of the eigenvalues of df/dx at x (n,): below 0, the point is stable.

    Of a wide state by Arnoldi's method on differences of the field; NaN where that does not end.
    """
    x = backend.asarray(x)
    n = x.shape[-1]
    if n <= DENSE:
        return float(np.linalg.eigvals(jacobian(field, x, t)).real.max())
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs

    place, row = backend.place_of(x), backend.host(x).astype(np.float64)
    small = float(place.xp.finfo(x.dtype).eps) ** (1 / 3) * max(1.0, float(np.linalg.norm(row)))

    def along(v: Floats) -> Floats:
        aside = small / np.linalg.norm(v) * v.ravel()
        pair = backend.move(np.stack([row + aside, row - aside]), place, x.dtype)
        slopes = _field(field, pair, t)
        return np.asarray((slopes[0] - slopes[1]) * (np.linalg.norm(v) / (2 * small)))

    operator = LinearOperator((n, n), matvec=along, dtype=np.float64)
    first = np.random.default_rng(0).standard_normal(n)
    try:
        values = eigs(operator, 1, which="LR", v0=first, tol=1e-6, return_eigenvectors=False)
    except ArpackNoConvergence:
        return math.nan
    return float(values.real.max())


# --- relaxing -------------------------------------------------------------------------------------


def _starts(starts: Any) -> Array:
    x = backend.asarray(starts)
    if x.ndim != 2 or not x.shape[0]:
        raise ShapeError(f"starts: expected a batch (S, n) of states, came {tuple(x.shape)}")
    return x


def _relax(
    field: Field,
    x: Array,
    left: NDArray[np.int64],
    ends: Floats,
    span: tuple[float, float],
    method: Any,
    control: Control,
) -> tuple[NDArray[np.int64], Array]:
    """The starts still there at the end of the span, and their states; `ends` is brought up."""
    begin, end = span
    while len(left):
        failed = False
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # of one that leaves for infinity
                solution = solve(field, x, begin, end, method, control)
        except SolverError as error:
            if error.solution is None:
                raise
            solution, failed = error.solution, True
        x, begin = solution.x[-1, ...], float(solution.t[-1])
        ends[left] = backend.host(x)
        tried = solution.accepted + solution.rejected
        if not failed or tried >= control.max_steps:
            return left, x
        # one that blows up stops all: the fastest is given up, and the others go on
        with np.errstate(over="ignore", invalid="ignore"):
            speeds = _speeds(field, x)
        slow = np.arange(len(left)) != int(np.argmax(np.where(np.isnan(speeds), np.inf, speeds)))
        left, x = left[slow], _chosen(x, slow)
    return left, x


def _speeds(field: Field, x: Array) -> Floats:
    slopes = _field(field, x)
    return np.asarray(np.sqrt(np.mean(slopes**2, axis=-1)))


def _field(field: Field, x: Array, t: float = 0.0) -> Floats:
    """The field at a batch (m, n), on the host, in double precision."""
    slopes = backend.receive(field_of(field)(t, x), x)
    if slopes.shape != x.shape:
        raise ShapeError(
            f"the field returned shape {tuple(slopes.shape)}, expected that of its states, "
            f"{tuple(x.shape)}"
        )
    return np.asarray(backend.host(slopes), dtype=np.float64)


def _chosen(x: Array, mask: NDArray[np.bool_]) -> Array:
    place = backend.place_of(x)
    index = place.xp.asarray(np.flatnonzero(mask).tolist(), dtype=place.xp.int64,
                             device=place.device)  # fmt: skip
    return backend.take_rows(x, index)


# --- the points -----------------------------------------------------------------------------------


def _jacobians(field: Field, x: Any, place: backend.Place, dtype: Any, t: float = 0.0) -> Floats:
    """df/dx (S, n, n) at the states x (S, n): all displaced states in one call of the field."""
    x = np.asarray(x, dtype=np.float64)
    n = x.shape[1]
    small = float(place.xp.finfo(dtype).eps) ** (1 / 3)
    sizes = small * np.maximum(1.0, np.abs(x))
    aside = sizes[:, :, None] * np.eye(n)  # (S, n, n): row j moves x_j
    states = np.concatenate([x[:, None, :] + aside, x[:, None, :] - aside], axis=1)
    slopes = _field(field, backend.move(states.reshape(-1, n), place, dtype), t)
    slopes = slopes.reshape(-1, 2 * n, n)
    rows = (slopes[:, :n] - slopes[:, n:]) / (2 * sizes[:, :, None])
    return np.asarray(rows.transpose(0, 2, 1))


def _newton(field: Field, x: Any, place: backend.Place, dtype: Any) -> tuple[Floats, Floats]:
    """The zeros of f to which Newton's method comes from x (S, n), and the speeds that are left."""

    def at(states: Floats) -> tuple[Floats, Floats]:
        slopes = _field(field, backend.move(states, place, dtype))
        return slopes, np.asarray(np.sqrt(np.mean(slopes**2, axis=1)))

    x = np.array(x, dtype=np.float64)
    slopes, speeds = at(x)
    going = np.flatnonzero(np.isfinite(speeds) & (speeds > 0))
    for _ in range(TRIES):
        if not len(going):
            break
        J = _jacobians(field, x[going], place, dtype)
        sound = np.isfinite(J).all(axis=(1, 2))
        going, J = going[sound], J[sound]
        ways = -(np.linalg.pinv(J, rcond=1e-12) @ slopes[going, :, None])[..., 0]
        still, moved = np.arange(len(going)), []
        for shorter in (1.0, 0.5, 0.25, 0.1, 0.01):  # the whole way only where that slows it down
            if not len(still):
                break
            rows = going[still]
            new = x[rows] + shorter * ways[still]
            ahead, less = at(new)
            slower = less < speeds[rows]
            hit = rows[slower]
            x[hit], slopes[hit], speeds[hit] = new[slower], ahead[slower], less[slower]
            moved.append(hit)
            still = still[~slower]
        going = np.concatenate([np.empty(0, dtype=np.int64), *moved])
        going = going[speeds[going] > 0]
    return x, speeds


def _gather(
    field: Field,
    place: backend.Place,
    dtype: Any,
    ends: Floats,
    settled: NDArray[np.bool_],
    apart: float,
    polish: bool = True,
) -> RestPoints:
    """The rest points of the ends that settled."""
    n, which = ends.shape[1], np.full(len(ends), -1)
    inner = _together(ends[settled], apart)
    rested, kinds = ends[settled], inner.max(initial=-1) + 1
    nearest = [  # to the middle of its cluster: a state that was there
        _nearest(rested, rested[inner == k].mean(axis=0)) for k in range(kinds)
    ]
    points = rested[np.array(nearest, dtype=np.int64)]
    if polish and kinds and n <= DENSE:
        exact, _ = _newton(field, points, place, dtype)
        near = np.sqrt(np.mean((exact - points) ** 2, axis=1, keepdims=True)) <= apart
        points = np.where(near, exact, points)
    same = _together(points, apart)  # the ends along a slow direction, now at one point
    first = [int(np.flatnonzero(same == k)[0]) for k in range(same.max(initial=-1) + 1)]
    points, inner = points[first], same[inner]
    counts = np.bincount(inner, minlength=len(points))
    order = np.argsort(-counts, kind="stable")
    which[settled] = np.argsort(order)[inner]
    points, shares = points[order], counts[order] / len(ends)
    states = [backend.move(point, place, dtype) for point in points]
    speeds = [_speeds(field, state[None, :])[0] for state in states]
    growth = [growth_rate(field, state) for state in states]
    return RestPoints(points, shares, np.array(speeds), np.array(growth), which, ends)


def _nearest(states: Floats, place: Floats) -> int:
    return int(np.argmin(np.sum((states - place) ** 2, axis=1)))


def _together(states: Floats, apart: float) -> NDArray[np.int64]:
    """The cluster of each state: the first not yet in one takes all within `apart` of it."""
    which, count = np.full(len(states), -1), 0
    while (which < 0).any():
        free = np.flatnonzero(which < 0)
        gaps = np.sqrt(np.mean((states[free] - states[free[0]]) ** 2, axis=1))
        which[free[gaps <= apart]] = count
        count += 1
    return which
