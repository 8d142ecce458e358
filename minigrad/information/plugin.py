"""Plug-in information and entropy: count, divide by N, and put the shares into the formula."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array
from minigrad.information.binning import bins_for, code_pair, numbered, tally
from minigrad.information.estimates import Estimate
from minigrad.information.variables import is_discrete, order_within, rows_of, variable, variables

Cells = tuple[Array, int]  # a number for each sample, and a bound above them all


def _shares(counts: Array) -> float:
    """H = -sum p ln p with p = n / N: never above ln of the occupied cells, and biased down."""
    xp = backend.namespace(counts)
    n = float(xp.sum(counts))
    h = math.log(n) - float(xp.sum(counts * xp.log(counts))) / n
    return min(max(h, 0.0), math.log(counts.shape[0]))  # but for rounding, it is there


def _miller_madow(counts: Array) -> float:
    """H + (K - 1) / 2N: the first term of the bias, with the K occupied cells."""
    n = float(backend.namespace(counts).sum(counts))
    return _shares(counts) + float((counts.shape[0] - 1) / (2 * n))


def _chao_shen(counts: Array) -> float:
    """-sum p ln p / (1 - (1 - p)^N), p = C n / N, C = 1 - (cells seen once) / N, the coverage."""
    xp = backend.namespace(counts)
    n = float(xp.sum(counts))
    once = float(xp.sum(xp.astype(counts == 1, counts.dtype)))
    p = (1 - min(once, n - 1) / n) * counts / n
    if counts.shape[0] == 1:
        return 0.0
    return float(xp.sum(p * xp.log(p) / xp.expm1(n * xp.log1p(-p))))


# Each rule from the counts of the occupied cells to nats. Sources: Miller (1955), Madow (1948);
# Chao and Shen (2003), Nonparametric estimation of Shannon's index of diversity.
CORRECTIONS: dict[str | None, Callable[[Array], float]] = {
    None: _shares,
    "miller-madow": _miller_madow,
    "chao-shen": _chao_shen,
}


def plug_in(
    x: Any, y: Any, bins: Any = "auto", correction: str | None = None, given: Any = None
) -> Estimate:
    """I(X;Y) = H(X) + H(Y) - H(X,Y) from counts; with `given` z, I(X;Y|Z).

    x, y, z: (N, width) or (N,). Integers and texts are symbols; real numbers fall into `bins`: a
    number along each column, edges, `Bins`, "auto", or None, where every value is a symbol; a
    tuple gives those of x and of y (z has those of y). The ceiling is the logarithm of the
    occupied cells, of x or of y, whichever has fewer. `correction`: "miller-madow", "chao-shen";
    a corrected value may be below 0 and above the ceiling.

    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> print(plug_in(x + x, y + y).bits)
    I(X;Y) = 1.000 bits by plug-in (N = 8), ceiling 1.000
    """
    names = ("x", "y", "given")
    named = dict(zip(names, variables(x=x, y=y, given=given), strict=False))
    entropy_of = _rule(correction)
    of_x, of_y = bins if isinstance(bins, tuple) and len(bins) == 2 else (bins, bins)
    n, width = named["x"].shape[0], sum(v.shape[1] for v in named.values() if not is_discrete(v))
    chosen = {"x": of_x, "y": of_y, "given": of_y}
    cells = {name: numbered(name, v, chosen[name], width) for name, v in named.items()}
    a, b, c = cells["x"], cells["y"], cells.get("given")
    alone = [tally(*a), tally(*b)]
    ceiling = math.log(min(counts.shape[0] for counts in alone))
    if c is None:
        fixed = entropy_of(alone[0]) + entropy_of(alone[1])

        def of(b: Cells) -> float:
            return fixed - entropy_of(tally(*code_pair(a, b)))

    else:
        of_xz, z = entropy_of(tally(*code_pair(a, c))), entropy_of(tally(*c))

        def of(b: Cells) -> float:
            bc = code_pair(b, c)
            return of_xz + entropy_of(tally(*bc)) - z - entropy_of(tally(*code_pair(a, bc)))

    def shuffled(rng: np.random.Generator) -> float:
        order = rng.permutation(n) if c is None else order_within(backend.host(c[0]), rng)
        return _bounded(of((rows_of(b[0], order), b[1])), ceiling, correction)

    return Estimate(
        value=_bounded(of(b), ceiling, correction),
        quantity="I(X;Y)" if c is None else "I(X;Y|Z)",
        estimator=_name(correction),
        parameters=_parameters({k: (v, chosen[k]) for k, v in named.items()}, width),
        samples=n,
        ceiling=ceiling,
        notes=tuple(_notes(dict(zip("xy", alone, strict=True)), n)),
        shuffled=shuffled,
    )


def _notes(counts: dict[str, Array], n: int) -> list[str]:
    """What the occupied cells of each side alone say of the estimate."""
    notes = [f"{name} is constant" for name, k in counts.items() if k.shape[0] == 1]
    for name, other in (("x", "y"), ("y", "x")):
        if counts[name].shape[0] == n > 1:  # then a shuffle only renames the symbols
            notes.append(
                f"every {name} differs, so that this is H({other.upper()}), and so its null"
            )
    return notes


def entropy(x: Any, bins: Any = "auto", correction: str | None = None) -> Estimate:
    """H(X) = -sum p ln p over the occupied cells, p = n / N; `bins` and `correction` of `plug_in`.

    >>> f"{entropy(['heads', 'tails', 'tails', 'heads']).bits:.3f}"
    '1.000'
    """
    x = variable("x", x)
    counts = tally(*numbered("x", x, bins, x.shape[1]))
    return Estimate(
        value=_rule(correction)(counts),
        quantity="H(X)",
        estimator=_name(correction),
        parameters=_parameters({"x": (x, bins)}, x.shape[1]),
        samples=x.shape[0],
        ceiling=math.log(counts.shape[0]),
    )


def _rule(correction: str | None) -> Callable[[Array], float]:
    if not (correction is None or isinstance(correction, str)) or correction not in CORRECTIONS:
        known = ", ".join(map(repr, CORRECTIONS))
        raise ValueError(f"correction: expected one of {known}, not {correction!r}")
    return CORRECTIONS[correction]


def _name(correction: str | None) -> str:
    return "plug-in" if correction is None else f"plug-in, {correction}"


def _bounded(value: float, ceiling: float, correction: str | None) -> float:
    """The bare plug-in value is from 0 to its ceiling but for rounding; a corrected one may not."""
    return min(max(value, 0.0), ceiling) if correction is None else value


def _parameters(named: dict[str, tuple[Array, Any]], width: int) -> dict[str, Any]:
    """The bins of what is binned, once if they are all alike."""
    bins = {
        name: str(bins_for(chosen, x.shape[0], width) or "none")
        for name, (x, chosen) in named.items()
        if not is_discrete(x)
    }
    if len(set(bins.values())) == 1:
        return {"bins": next(iter(bins.values()))}
    return {f"bins of {name}": text for name, text in bins.items()}
