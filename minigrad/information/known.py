"""What an estimator, one's own too, says of laws whose information is known.

`examine` draws samples of each law, and sets the estimates beside the truth.
"""

import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from textwrap import fill
from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Random
from minigrad.information.estimates import Estimate
from minigrad.information.laws import LAWS, Floats, Law
from minigrad.text import table


@dataclass(frozen=True, eq=False)
class Row:
    """What an estimator said of one law: `values` (sizes, repeats) in nats, NaN where it refused.

    `refused`: the first line of its message, by sample size.
    """

    law: Law
    values: Floats
    refused: dict[int, str]


@dataclass(frozen=True, eq=False)
class Examination:
    """An estimator against the truth, law by law; printed, a table with a verdict for each.

    With b = mean - truth at the largest size and its standard error s: "holds" if |b| <= tolerance;
    "off by b" if |b| > t s as well; else "unclear", which more repeats would decide. t is that of
    Student which chance exceeds as rarely as a normal variable exceeds 3. An estimate that is not
    finite is off, whatever the others say.
    """

    estimator: str
    sizes: tuple[int, ...]
    repeats: int
    tolerance: float
    rows: tuple[Row, ...]

    @property
    def truth(self) -> Floats:
        """I(X;Y) of each law: (laws,)."""
        return np.array([row.law.truth for row in self.rows])

    @property
    def mean(self) -> Floats:
        """The mean over the repeats: (laws, sizes), NaN where the estimator refused."""
        return np.array([_over_repeats(np.mean, row) for row in self.rows]).reshape(self._shape)

    @property
    def deviation(self) -> Floats:
        """The standard deviation over the repeats: (laws, sizes)."""
        return np.array([_over_repeats(_spread, row) for row in self.rows]).reshape(self._shape)

    @property
    def bias(self) -> Floats:
        """mean - truth: (laws, sizes)."""
        return self.mean - self.truth[:, None]

    @property
    def verdicts(self) -> tuple[str, ...]:
        """For each law, how the estimator does at the largest size."""
        return tuple(
            self._verdict(row, bias, deviation)
            for row, bias, deviation in zip(
                self.rows, self.bias[:, -1], self.deviation[:, -1], strict=True
            )
        )

    def failures(self, known: bool = False) -> list[Row]:
        """The laws for which the estimator is off; those with a caveat only if `known`."""
        return [
            row
            for row, verdict in zip(self.rows, self.verdicts, strict=True)
            if verdict.startswith(("off", "not finite")) and (known or not row.law.hard)
        ]

    @property
    def _shape(self) -> tuple[int, int]:
        return len(self.rows), len(self.sizes)

    def _verdict(self, row: Row, bias: float, deviation: float) -> str:
        if self.sizes[-1] in row.refused:
            return "refused"
        lost = int((~np.isfinite(row.values[-1])).sum())
        known = f": {row.law.caveat}" if row.law.hard else ""
        if lost:
            return f"not finite in {lost} of {self.repeats}{known}"
        if abs(bias) <= self.tolerance:
            return "holds"
        if abs(bias) <= _student_bound(self.repeats) * deviation / math.sqrt(self.repeats):
            return f"unclear: {bias:+.3f}"
        return f"off by {bias:+.3f}{known}"

    def __str__(self) -> str:
        lines: list[list[str]] = []
        refusals: dict[str, list[Law]] = {}
        columns = zip(self.rows, self.mean, self.deviation, self.verdicts, strict=True)
        for row, means, deviations, verdict in columns:
            everywhere = len(row.refused) == len(self.sizes)
            for n, reason in row.refused.items():
                laws = refusals.setdefault(reason if everywhere else f"at N = {n}, {reason}", [])
                laws += [row.law] if row.law not in laws else []
            if not everywhere:
                cells = [
                    _cell(n in row.refused, values, mean, deviation)
                    for n, values, mean, deviation in zip(
                        self.sizes, row.values, means, deviations, strict=True
                    )
                ]
                lines.append([row.law.name, f"{row.law.truth:.3f}", *cells, verdict])
        head = ["law", "truth", *(f"N = {n}" for n in self.sizes), f"at N = {self.sizes[-1]}"]
        title = (
            f"{self.estimator}: mean ± standard deviation of {self.repeats} estimates in nats, "
            f"tolerance {self.tolerance:g}"
        )
        return "\n".join(
            [
                title,
                *([table(head, lines)] if lines else []),
                *(
                    fill(f"refused {_counted(laws)}: {reason}", 100, subsequent_indent="  ")
                    for reason, laws in refusals.items()
                ),
            ]
        )


def examine(
    estimator: Callable[[Any, Any], Any],
    laws: str | Law | Iterable[str | Law] | None = None,
    sizes: int | Sequence[int] = (100, 300, 1000),
    repeats: int = 10,
    rng: Random = None,
    tolerance: float = 0.03,
) -> Examination:
    """Set estimator(x, y), a number in nats or an Estimate, beside the truth of each law.

    `laws`: names, kinds, or laws of one's own; None: all of `LAWS`. `sizes`: samples in an
    estimate; `repeats`: estimates for each size, 2 or more. A TypeError or ValueError of the
    estimator counts as its refusal. A law's samples depend on its name, the size, the repeat and
    rng, and on nothing else: with the same int all estimators see the same samples.

    >>> from minigrad.information import plug_in
    >>> examine(plug_in, "XOR, both inputs", sizes=4000, rng=1).verdicts
    ('holds',)
    """
    ordered = tuple(sorted({sizes} if isinstance(sizes, int) else set(sizes)))
    if not ordered or any(not hasattr(n, "__index__") or n < 1 for n in ordered):
        raise ValueError(f"sizes: expected numbers of samples, such as (100, 1000), came {sizes!r}")
    if not hasattr(repeats, "__index__") or repeats < 2:
        raise ValueError(f"repeats: expected 2 or more, for a deviation, came {repeats!r}")
    seed = int(backend.generator(rng).integers(2**63))
    rows = tuple(_row(estimator, law, ordered, repeats, seed) for law in _chosen(laws))
    return Examination(_name(estimator), ordered, repeats, tolerance, rows)


def _row(
    estimator: Callable[[Any, Any], Any],
    law: Law,
    sizes: tuple[int, ...],
    repeats: int,
    seed: int,
) -> Row:
    values, refused = np.full((len(sizes), repeats), np.nan), dict[int, str]()
    for i, n in enumerate(sizes):
        for repeat in range(repeats):
            own = [seed, zlib.crc32(law.name.encode()), n, repeat]
            x, y = law.draw(n, np.random.default_rng(own))
            try:
                answer = estimator(x, y)
            except (TypeError, ValueError) as error:
                refused[n] = next(iter(str(error).splitlines()), type(error).__name__)
                values[i] = np.nan
                break
            except Exception as error:
                error.add_note(f"while {_name(estimator)} was examined: {law.name}, N = {n}")
                raise
            values[i, repeat] = _in_nats(estimator, answer)
    return Row(law, values, refused)


def _in_nats(estimator: Callable[[Any, Any], Any], answer: Any) -> float:
    if isinstance(answer, Estimate):
        return float(answer.nats)
    try:
        return float(answer)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{_name(estimator)}: expected a number or an Estimate, came {type(answer).__name__}"
        ) from error


def _name(estimator: Any) -> str:
    """The name of a function; of a partial one, what it was given too."""
    if isinstance(estimator, partial):
        given = [*map(str, estimator.args), *(f"{k}={v!r}" for k, v in estimator.keywords.items())]
        return f"{_name(estimator.func)}({', '.join(given)})"
    return str(getattr(estimator, "__name__", None) or type(estimator).__name__)


def _chosen(laws: Any) -> list[Law]:
    """The laws meant by names, by kinds and by themselves, each once, in the order asked for."""
    if laws is None:
        return list(LAWS)
    chosen: list[Law] = []
    for asked in [laws] if isinstance(laws, str | Law) else laws:
        known = [law for law in LAWS if asked == law.name or asked in law.kinds]
        if not (known or isinstance(asked, Law)):
            kinds = dict.fromkeys(kind for law in LAWS for kind in law.kinds)
            raise ValueError(
                f"laws: {asked!r} is none of the kinds ({', '.join(kinds)}), and the name of none "
                f"of LAWS"
            )
        found = [asked] if isinstance(asked, Law) else known
        chosen += [law for law in found if law not in chosen]
    return chosen


def _spread(values: Floats, axis: int) -> Any:
    return np.std(values, axis=axis, ddof=1)


def _student_bound(repeats: int) -> float:
    """Three standard errors, widened since few repeats do not tell how large those are."""
    from scipy.special import ndtr, stdtrit

    return float(stdtrit(repeats - 1, ndtr(3.0)))


def _over_repeats(statistic: Callable[..., Any], row: Row) -> Any:
    with np.errstate(invalid="ignore"):  # of infinite estimates
        return statistic(row.values, axis=1)


def _cell(refused: bool, values: Floats, mean: float, deviation: float) -> str:
    if refused:
        return "refused"
    if lost := int((~np.isfinite(values)).sum()):
        return f"{mean:g} in {lost} of {values.size}"
    return f"{mean:.3f} ± {deviation:.3f}"


def _counted(laws: list[Law]) -> str:
    """The names of a few laws, or how many there are of each kind."""
    if len(laws) < 4:
        return "; ".join(law.name for law in laws)
    kinds = Counter(law.kinds[0] for law in laws)
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items()) + " laws"
