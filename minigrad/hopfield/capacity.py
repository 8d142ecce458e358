"""How much a memory can hold: what theory says of random patterns, and what is measured.

p random patterns of n units are a load alpha = p / n. Seen from one unit of a stored pattern, the
others make noise; one in so many bits has more noise than signal: that is the error of a first
step. Steps that follow start from those wrong bits, and at a critical load carry the state away.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minigrad import backend, samples
from minigrad.backend import Random
from minigrad.hopfield.memories import Memory
from minigrad.hopfield.network import HopfieldNetwork
from minigrad.hopfield.noise import flips
from minigrad.hopfield.trials import settings
from minigrad.hopfield.updates import Relaxation
from minigrad.text import table

Floats = NDArray[np.float64]
DEEP = 12.0  # erf(y) is 1 and exp(-y^2) is 0 from here on


# --- theory ---------------------------------------------------------------------------------------


def crosstalk_error(alpha: Any, rate: float = 0.0) -> Any:
    """The share of bits wrong after one step of Hebb's rule, at load alpha.

    n h_i s_i = n (1 - 2 rate) + N(0, p n), of a start with flips: erfc((1 - 2 rate) /
    sqrt(2 alpha)) / 2. Source: Hertz, Krogh and Palmer, Introduction to the Theory of Neural
    Computation (1991), 2.2.
    """
    return polynomial_error(alpha, 2, rate)


def polynomial_error(alpha: Any, degree: int, rate: float = 0.0) -> Any:
    """The share of bits wrong after one step, E = -sum (X_k.x)^degree, p = alpha n^(degree - 1).

    The two values of a unit differ in E by 2 d n^(d-1) (1 - 2 rate)^(d-1) of its own pattern, and
    by 2 d z^(d-1), z of N(0, n), of each other, whose square has the mean 4 d^2 (2d-3)!! n^(d-1):
    erfc((1 - 2 rate)^(d-1) / sqrt(2 alpha (2d-3)!!)) / 2. Source: Krotov and Hopfield, NIPS 2016.

    >>> f"{polynomial_error(0.138, 2):.4f} {polynomial_error(0.138, 3):.3f}"
    '0.0036 0.060'
    """
    from scipy.special import erfc

    alpha, moment = _load(alpha), _double_factorial(2 * _degree(degree) - 3)
    with np.errstate(divide="ignore"):
        ratio = (1 - 2 * _rate(rate)) ** (degree - 1) / np.sqrt(2 * alpha * moment)
    return _plain(erfc(ratio) / 2)


def polynomial_load(degree: int, error: float = 0.005) -> float:
    """alpha = p / n^(degree - 1) at which a first step has this error: 1 / (2 (2d-3)!! y^2).

    y = erfc^-1(2 error): as `polynomial_error`, solved for alpha.
    """
    from scipy.special import erfcinv

    if not 0 < error < 0.5:
        raise ValueError(f"error: expected a share above 0, below 0.5, came {error!r}")
    return float(1 / (2 * _double_factorial(2 * _degree(degree) - 3) * erfcinv(2 * error) ** 2))


def exponential_capacity(n: int, rate: float = 0.0) -> float:
    """p = exp(n I(1 - 2 rate) / 2): below it, one step of E = -sum exp(X_k.x) mends such flips.

    I(a) = ((1 + a) ln(1 + a) + (1 - a) ln(1 - a)) / 2; without flips 2^(n/2). For signs, n large.
    Source: Demircigil, Heusel, Löwe, Upgang and Vermeulen, J. Stat. Phys. 168 (2017), theorem 3.
    """
    a = abs(1 - 2 * _rate(rate))
    entropy = (1 + a) * math.log1p(a) + ((1 - a) * math.log1p(-a) if a < 1 else 0.0)
    return math.exp(samples.positive("n", n) * entropy / 4)


def projection_error(alpha: Any, rate: float, diagonal: bool = False) -> Any:
    """The share of bits wrong after one step of the pseudo-inverse, load alpha < 1, after flips.

    A projection of trace p has W_ii = alpha and sum over j of W_ij^2 = alpha. Without diagonal the
    signal is (1 - 2 rate)(1 - alpha), the noise has variance 4 rate (1 - rate) alpha (1 - alpha);
    the diagonal adds alpha times what the unit says itself. Without flips nothing is wrong.
    """
    from scipy.special import erfc

    alpha, rate = _load(alpha), _rate(rate)
    if (alpha >= 1).any():
        raise ValueError("alpha: expected a load below 1, where patterns do not fill the space")
    signal = (1 - 2 * rate) * (1 - alpha)
    spread = np.sqrt(8 * rate * (1 - rate) * alpha * (1 - alpha))
    own = alpha if diagonal else 0 * alpha
    with np.errstate(divide="ignore", invalid="ignore"):
        kept, flipped = erfc((signal + own) / spread) / 2, erfc((signal - own) / spread) / 2
    sure = np.heaviside(-(signal - own), 0.5)  # no spread: no flips, all flipped, or no load
    kept = np.where(spread > 0, kept, np.heaviside(-(signal + own), 0.5))
    flipped = np.where(spread > 0, flipped, sure)
    return _plain((1 - rate) * kept + rate * flipped)


class Retrieval(NamedTuple):
    """Of a state near a stored pattern: the load alpha, the overlap m, the share of bits wrong."""

    load: float
    overlap: float
    error: float


def critical_load() -> Retrieval:
    """The load up to which Hebb's memories are there, of many units, and the overlap with them.

    The largest alpha for which y (sqrt(2 alpha) + 2 / sqrt(pi) exp(-y^2)) = erf(y) has a solution;
    m = erf(y), and (1 - m) / 2 of the bits are wrong. Source: Amit, Gutfreund and Sompolinsky,
    Annals of Physics 173 (1987), temperature 0, one pattern retrieved.
    """
    y = _critical_y()
    m = math.erf(y)
    return Retrieval(_alpha_at(y), m, (1 - m) / 2)


def retrieval_overlap(alpha: Any) -> Any:
    """The overlap m of the state that Hebb's rule retrieves, at load alpha: see `critical_load`.

    The stable of the two solutions, which comes from m = 1 at alpha = 0; beyond the last load 0.
    """
    from scipy.optimize import brentq

    top = _critical_y()

    def overlap(load: float) -> float:
        if load == 0:
            return 1.0
        if load > _alpha_at(top):
            return 0.0
        end = 1.01 / math.sqrt(2 * load)  # erf is at most 1: no y lies beyond, but for rounding
        return math.erf(brentq(lambda y: _alpha_at(y) - load, top, end, xtol=1e-14))

    return _plain(np.vectorize(overlap, otypes=[np.float64])(_load(alpha)))


def _alpha_at(y: float) -> float:
    """The load whose equation y solves."""
    return (math.erf(y) / y - 2 / math.sqrt(math.pi) * math.exp(-y * y)) ** 2 / 2


def _critical_y() -> float:
    """The y of the largest load, where the root of 2 alpha no longer grows."""
    from scipy.optimize import brentq

    def slope(y: float) -> float:
        bell = 2 / math.sqrt(math.pi) * math.exp(-y * y)
        return bell / y - math.erf(y) / y**2 + 2 * y * bell

    return float(brentq(slope, 0.5, DEEP, xtol=1e-14))


def _load(alpha: Any) -> Floats:
    load = np.asarray(alpha, dtype=np.float64)
    if not (load >= 0).all():
        raise ValueError(f"alpha: expected a load from 0 on, came {alpha!r}")
    return load


def _rate(rate: float) -> float:
    if not 0 <= rate <= 1:
        raise ValueError(f"rate: expected a probability from 0 to 1, came {rate!r}")
    return rate


def _degree(degree: int) -> int:
    if samples.positive("degree", degree) < 2:
        raise ValueError(f"degree: expected 2 or more, came {degree!r}")
    return degree


def _double_factorial(k: int) -> int:
    return math.prod(range(k, 0, -2))


def _plain(values: Any) -> Any:
    return float(values) if np.ndim(values) == 0 else values


# --- measured -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CapacityCurve:
    """What came back of `counts` (L,) random patterns of n units, `loads` counts / n: arrays (L,).

    Means over `draws` sets of patterns: `overlap` with the pattern, `wrong`, the share of bits, and
    `exact`, of patterns without a wrong bit; `overlap_spread`, `wrong_spread`, `exact_spread`: the
    standard deviations over the sets. `noise`: the flips of the starts; `steps`: at most so many.
    """

    name: str
    n: int
    draws: int
    noise: float
    steps: int
    counts: NDArray[np.int64]
    loads: Floats
    overlap: Floats
    wrong: Floats
    exact: Floats
    overlap_spread: Floats
    wrong_spread: Floats
    exact_spread: Floats

    def __str__(self) -> str:
        start = f"patterns with {self.noise:.0%} flips" if self.noise else "the stored patterns"
        how = "one step" if self.steps == 1 else f"at most {self.steps} steps"
        rows = [
            (
                f"{self.loads[i]:.4g}",
                f"{self.counts[i]}",
                f"{self.overlap[i]:.4f} ± {self.overlap_spread[i]:.4f}",
                f"{100 * self.wrong[i]:.3f} ± {100 * self.wrong_spread[i]:.3f}",
                f"{100 * self.exact[i]:.1f} ± {100 * self.exact_spread[i]:.1f}",
            )
            for i in range(len(self.loads))
        ]
        head = (
            f"{self.name}, {self.n} units: {how} from {start}; {self.draws} draws, ± one deviation"
        )
        return head + "\n" + table(("load", "p", "overlap", "% wrong", "% exact"), rows)


def capacity_curve(
    make: Callable[[], Memory | HopfieldNetwork],
    n: int,
    loads: Sequence[float],
    draws: int = 20,
    noise: float = 0.0,
    starts: int = 32,
    rng: Random = None,
    fill: Callable[[Any, Any], Any] | None = None,
) -> CapacityCurve:
    """Fill memories with p random patterns of n units and let up to `starts` of each set relax.

    `loads`: p = round(load n), or whole numbers, which are p. `make()` gives an empty memory, such
    as Hebb, or a network around one, whose update and number of steps then hold. `fill(memory,
    patterns)`: None stores them; one that is learned is to be taught. All in float32.
    """
    return _measured(make, n, loads, draws, noise, starts, rng, fill, None)


def first_step_error(
    make: Callable[[], Memory | HopfieldNetwork],
    n: int,
    loads: Sequence[float],
    draws: int = 20,
    rng: Random = None,
    noise: float = 0.0,
) -> CapacityCurve:
    """As `capacity_curve`, from all patterns, after one step of all units: see its `wrong`."""
    return _measured(make, n, loads, draws, noise, None, rng, None, 1)


def knee(curve: CapacityCurve, level: float = 0.9) -> float:
    """The load at which the mean overlap first falls below `level`, between loads on a line.

    NaN where it never does; the first load where it starts below.
    """
    return falls_below(curve.loads, curve.overlap, level)


def falls_below(x: Any, y: Any, level: float) -> float:
    """The first x, on lines between the points (x, y), at which y is below level; NaN: nowhere."""
    below = np.flatnonzero(np.asarray(y) < level)
    if not len(below):
        return math.nan
    i = int(below[0])
    if i == 0:
        return float(x[0])
    return float(x[i - 1] + (x[i] - x[i - 1]) * (y[i - 1] - level) / (y[i - 1] - y[i]))


def _measured(
    make: Callable[[], Memory | HopfieldNetwork],
    n: int,
    loads: Sequence[float],
    draws: int,
    noise: float,
    starts: int | None,
    rng: Random,
    fill: Callable[[Any, Any], Any] | None,
    steps: int | None,
) -> CapacityCurve:
    n, draws, rng = (
        samples.positive("n", n),
        samples.positive("draws", draws),
        backend.generator(rng),
    )
    most = samples.positive("starts", starts) if starts is not None else None
    counts = _counts(loads, n)
    overlap, wrong, exact = (np.empty((draws, len(counts))) for _ in range(3))
    name = ""
    for d in range(draws):
        for i, p in enumerate(counts.tolist()):
            of = make().to(dtype="float32")
            memory = of.memory if isinstance(of, HopfieldNetwork) else of
            signs = rng.integers(0, 2, (p, n)).astype(np.float32) * 2 - 1
            patterns = memory.coding.from_signs(backend.move(signs, memory.place))
            of.store(patterns) if fill is None else fill(of, patterns)
            memory, update, usual = settings(of, "synchronous" if steps else None, steps)
            x = _flipped(memory, patterns[: min(p, most or p), :], noise, rng)
            relaxed = Relaxation(memory, x, watch=False)
            if steps == 1:
                relaxed.x = memory.answer(memory.field(x), x)
            else:
                update.run(relaxed, usual, rng)
            state = memory.coding.nearest(memory.xp, relaxed.finish().end)
            s = backend.host(memory.coding.to_signs(state))
            agree = s * signs[: len(s)]
            overlap[d, i] = agree.mean(dtype=np.float64)
            wrong[d, i] = (agree <= 0).mean()
            exact[d, i] = (agree > 0).all(axis=1).mean()
            name, last = str(memory), usual
    return CapacityCurve(
        name,
        n,
        draws,
        noise,
        last,
        counts,
        counts / n,
        *(a.mean(axis=0) for a in (overlap, wrong, exact)),
        *(a.std(axis=0, ddof=min(1, draws - 1)) for a in (overlap, wrong, exact)),
    )


def _flipped(memory: Memory, patterns: Any, noise: float, rng: np.random.Generator) -> Any:
    """The patterns with flips: of a memory of any numbers, flips of signs."""
    if not noise:
        return patterns
    return flips(patterns, noise, rng, memory.coding if memory.coding.discrete else "signs")


def _counts(loads: Sequence[float], n: int) -> NDArray[np.int64]:
    given = np.asarray(loads)
    if given.ndim != 1 or not given.size or given.dtype.kind not in "iuf":
        raise ValueError(f"loads: expected loads p / n, or whole numbers p, came {loads!r}")
    counts = given if given.dtype.kind in "iu" else np.round(given * n)
    if not (counts >= 1).all() or not np.isfinite(counts).all():
        raise ValueError(f"loads: expected a pattern at least at each of {n} units, came {loads!r}")
    return np.asarray(counts, dtype=np.int64)
