"""Information and entropy of real numbers from the distances between neighbours.

Where the density is high, the k-th neighbour is near. Counting, around each sample, how many are as
near in x alone and in y alone compares the densities without estimating any of them.
"""

import math
from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array
from minigrad.information.binning import codes, tally
from minigrad.information.estimates import Estimate
from minigrad.information.neighbours import (
    Search,
    digamma,
    most,
    neighbour_count,
    search_named,
)
from minigrad.information.variables import (
    constant_notes,
    is_discrete,
    joined,
    on_host,
    order_within,
    real,
    rows_of,
    symbols,
    variable,
    variables,
)

TAMING = 2.0**-64  # a power of 2: no digit changes


def kraskov(
    x: Any,
    y: Any,
    k: int = 3,
    variant: int = 1,
    given: Any = None,
    search: str = "tree",
    host: bool = False,
) -> Estimate:
    """I(X;Y) = psi(k) + psi(N) - <psi(n_x + 1) + psi(n_y + 1)>; with `given` z, I(X;Y|Z).

    x, y, z: real (N, width) or (N,). r_i is the distance, the greatest difference in any column,
    to the k-th nearest sample in all columns; n_x counts the samples nearer than r_i in x, but
    never fewer than k - 1, where several are at r_i. Variant 2 takes the extents of the k
    neighbours in x and in y, and psi(k) - 1/k, psi(n_x), psi(n_y); variant 1 where one is 0.
    With z: psi(k) - <psi(n_xz + 1) + psi(n_yz + 1) - psi(n_z + 1)>. Ceiling: psi(N) - psi(k), for
    variant 2 less 1/k. Samples that coincide with k others have r_i = 0; they are counted as in
    `mixed`, and a note says so. Sources: Kraskov, Stögbauer and Grassberger (2004), eq. 8 and 9;
    Frenzel and Pompe (2007). `search`: "tree" on the host, or "brute" where the arrays are.
    """
    if isinstance(variant, bool) or variant not in (1, 2) or (variant == 2 and given is not None):
        raise ValueError(f"variant: expected 1, or without `given` 2, came {variant!r}")
    named = dict(zip(("x", "y", "given"), variables(x=x, y=y, given=given), strict=False))
    parts = _tame(*(real(name, v, "mixed or plug_in") for name, v in named.items()))
    return _neighbours("Kraskov" + " 2" * (variant == 2), parts, k, variant, search, host)


def mixed(
    x: Any, y: Any, k: int = 3, given: Any = None, search: str = "tree", host: bool = False
) -> Estimate:
    """I(X;Y) = <psi(k_i) + psi(N) - psi(n_x + 1) - psi(n_y + 1)>, for numbers, symbols, mixtures.

    As `kraskov`, but where r_i = 0, in an atom of the law, k_i is the number of samples that
    coincide there, and n_x, n_y count what coincides in x, in y. Integers and texts are symbols,
    each as far from any other, further than real numbers are; they lower the ceiling to
    psi(N) - <psi(N_y)>. Source: Gao, Kannan, Oh and Viswanath (2017), whose n_x counts the samples
    at r_i too, outside atoms as well; that has a larger bias.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.integers(0, 2, 1000)  # truth: ln 2 / 2 = 0.347
    >>> bool(abs(float(mixed(x, x + 2 * rng.random(1000))) - np.log(2) / 2) < 0.06)
    True
    """
    parts = variables(x=x, y=y, given=given)
    xp, reals = backend.namespace(*parts), _tame(*(v for v in parts if not is_discrete(v)))
    span = max((float(xp.max(v) - xp.min(v)) for v in reals), default=0.0)
    far = 2.0 ** (math.frexp(span)[1] + 1)  # a power of 2, whose multiples are exact
    like, rest = reals[0].dtype if reals else xp.float64, iter(reals)
    apart = [_apart(v, far, like) if is_discrete(v) else next(rest) for v in parts]
    estimate = _neighbours("mixed neighbours", apart, k, 1, search, host, far)
    sizes = [_sizes(v) for v in parts[:2] if is_discrete(v)]
    estimate.ceiling = min(estimate.ceiling, *map(_most_of_labels, sizes), math.inf)
    return estimate


def kozachenko_leonenko(x: Any, k: int = 3, search: str = "tree", host: bool = False) -> Estimate:
    """h(X) = psi(N) - psi(k) + d <ln 2 r_i>, the differential entropy of real x (N, d) or (N,).

    r_i: the distance to the k-th neighbour, the greatest difference in any column. In nats relative
    to the unit of x: h(a X) = h(X) + d ln a. Where samples coincide with k others the law has an
    atom, and h is -inf, with a note. Source: Kozachenko and Leonenko (1987), in this norm as eq. 20
    of Kraskov et al. (2004).
    """
    x = real("x", variable("x", x), "entropy")
    (x,) = _placed([x], search, host)
    n, d = x.shape
    k = neighbour_count(k, n)
    (tame,) = _tame(x)
    radii = backend.host(search_named(search).radii(tame, k))
    zeros = int((radii == 0).sum())
    scale = 0.0 if tame is x else math.log(TAMING)
    logs = -np.inf if zeros else np.log(radii).mean() + math.log(2) - scale
    value = digamma(n) - digamma(k) + d * logs
    notes = tuple(_tie_notes(zeros, n, k, "the law has an atom"))
    return Estimate(float(value), "h(X)", "Kozachenko-Leonenko", {"k": k}, n, notes=notes)


def ross(x: Any, labels: Any, k: int = 3, search: str = "tree", host: bool = False) -> Estimate:
    """I(X;Y) = psi(N) + <psi(k_i) - psi(N_y) - psi(m_i)>, of real x and discrete labels.

    x: (N, width) or (N,); labels: integers or texts (N,). r_i is the distance to the k_i-th nearest
    sample of the same label, k_i = min(k, N_y - 1); m_i counts all samples nearer than r_i, itself
    included, but at least k_i; of k or more that coincide, k_i and m_i count all. A label with one
    sample tells nothing of distances: it is left out, and a note says so. Ceiling:
    psi(N) - <psi(N_y)>. Source: Ross (2014), Mutual information between discrete and continuous
    data sets.
    """
    if labels is None:
        raise TypeError("labels: expected labels (integers or texts), came None")
    x, labels = variables(x=x, labels=labels)
    (x,) = _placed([*_tame(real("x", x, "plug_in"))], search, host)
    number = backend.host(codes(symbols("labels", labels))[0])
    by, k = search_named(search), neighbour_count(k, x.shape[0])
    kept = np.flatnonzero(np.bincount(number)[number] > 1)
    if not kept.size:
        raise ValueError("labels: no label has two samples or more, so there are no neighbours")
    dropped = len(number) - len(kept)
    x, number = rows_of(x, kept), np.unique(number[kept], return_inverse=True)[1]

    def value(number: Any) -> float:
        radii, near, same = np.empty(len(number)), np.empty(len(number)), np.bincount(number)
        for label, size in enumerate(same):
            rows = np.flatnonzero(number == label)
            inside, near[rows] = rows_of(x, rows), min(k, size - 1)
            found = by.radii(inside, min(k, int(size) - 1))
            radii[rows] = backend.host(found)
            if (radii[rows] == 0).any():
                atoms = backend.host(by.count(inside, 0 * found, closed=True)) + 1
                near[rows] = np.where(radii[rows] == 0, atoms, near[rows])
        r = radii if isinstance(x, np.ndarray) else backend.move(radii, backend.place_of(x))
        m = _count(by, x, backend.namespace(x).astype(r, x.dtype), near)
        return float(digamma(len(number)) + np.mean(digamma(near) - digamma(same)[number] - m))

    return Estimate(
        value=value(number),
        quantity="I(X;Y)",
        estimator="Ross",
        parameters={"k": k},
        samples=len(number),
        ceiling=_most_of_labels(np.bincount(number)),
        notes=(
            *constant_notes(x=x),
            *([f"left out, alone with their label: {dropped}"] if dropped else []),
        ),
        shuffled=lambda rng: value(rng.permutation(number)),
    )


def _neighbours(
    name: str,
    parts: list[Array],
    k: Any,
    variant: int,
    search: str,
    host: bool,
    far: float = math.inf,
) -> Estimate:
    """What `kraskov` and `mixed` share: an estimate from the parts x, y and, it may be, z.

    `far`: how far symbols are from each other, whatever their numbers.
    """
    parts, by, n = _placed(parts, search, host), search_named(search), parts[0].shape[0]
    k = neighbour_count(k, n)
    x, given = parts[0], parts[2:]

    def terms(y: Array) -> tuple[float, int]:
        radii = by.radii(joined(x, y, *given), k)
        if far < math.inf:
            radii = backend.namespace(radii).clip(radii, 0.0, far)
        zero = backend.host(radii) == 0
        near = np.full(n, k)
        if zero.any():
            atoms = backend.host(by.count(joined(x, y, *given), radii, closed=True)) + 1
            near = np.where(zero, atoms, k)
        of_x, of_y = (_count(by, joined(side, *given), radii, near) for side in (x, y))
        alone = _count(by, joined(*given), radii, near) if given else digamma(n)
        each = digamma(near) - of_x - of_y + alone
        if variant == 2:
            reach = by.extents([x, y], k)
            of_x, of_y = (
                digamma(np.maximum(backend.host(by.count(side, extent, closed=True)), 1))
                for side, extent in zip((x, y), reach, strict=True)
            )
            atom = zero | (backend.host(reach[0]) == 0) | (backend.host(reach[1]) == 0)
            each = np.where(atom, each, digamma(k) - 1 / k - of_x - of_y + digamma(n))
        return float(np.mean(each)), int(zero.sum())

    def shuffled(rng: np.random.Generator) -> float:
        order = _among_alike(backend.host(joined(*given)), rng) if given else rng.permutation(n)
        return terms(rows_of(parts[1], order))[0]

    value, coinciding = terms(parts[1])
    return Estimate(
        value=value,
        quantity="I(X;Y|Z)" if given else "I(X;Y)",
        estimator=name,
        parameters={"k": k},
        samples=n,
        ceiling=most(n, k) - (1 / k if variant == 2 else 0.0),
        notes=(
            *constant_notes(x=x, y=parts[1]),
            *_tie_notes(coinciding, n, k, "counted as atoms of the law"),
        ),
        shuffled=shuffled,
    )


def _count(by: Search, points: Array, radii: Array, least: Any) -> Any:
    """psi of how many samples are nearer than r_i, itself included; in an atom, as near as 0.

    Without ties there are `least` or more; with several samples at r_i, so many of them count too.
    """
    inside = backend.host(by.count(points, radii)) + 1
    zero = backend.host(radii) == 0
    if zero.any():
        inside = np.where(zero, backend.host(by.count(points, radii, closed=True)) + 1, inside)
    return digamma(np.maximum(inside, least))


def _sizes(v: Array) -> Any:
    """How many samples each symbol has, on the host."""
    return backend.host(tally(*codes(v)))


def _most_of_labels(sizes: Any) -> float:
    """psi(N) - <psi(N_y)>, what neighbours say of labels that x tells apart; near H(Y)."""
    most = float(digamma(sizes.sum()) - np.sum(sizes * digamma(sizes)) / sizes.sum())
    return max(most, 0.0)


def _placed(parts: list[Array], search: str, host: bool) -> list[Array]:
    """The parts where the search can work on them; BackendError for a tree without the host."""
    search_named(search)
    if search == "brute" and not host:
        return parts
    return on_host(host, "search='brute' to compare all pairs where they are", *parts)


def _tame(*parts: Array) -> list[Array]:
    """The same, all scaled by `TAMING` if differences of values so large could overflow."""
    for v in parts:
        xp = backend.namespace(v)
        if float(xp.max(xp.abs(v))) > float(xp.finfo(v.dtype).max) ** 0.75:
            return [v * TAMING for v in parts]
    return list(parts)


def _apart(v: Array, far: float, dtype: Any) -> Array:
    """Symbols as numbers so far apart that no real difference reaches from one to another."""
    xp, (number, _) = backend.namespace(v), codes(v)
    return xp.astype(number, dtype)[:, None] * far


def _among_alike(z: Any, rng: np.random.Generator, size: int = 8) -> Any:
    """An order that moves samples only among some `size` whose z are alike.

    The samples are halved along the widest column of z until so few are together. Where z repeats
    itself, as symbols do, only equal ones are alike.
    """
    label = np.unique(z, axis=0, return_inverse=True)[1].reshape(-1)
    if 2 * (label.max() + 1) <= len(z):
        return order_within(label, rng)
    order, stack = np.arange(len(z)), [np.arange(len(z))]
    while stack:
        rows = stack.pop()
        if len(rows) < 2 * size:
            order[rows] = rng.permutation(rows)
            continue
        column = z[rows, np.ptp(z[rows], axis=0).argmax()]
        halves = np.argpartition(column, len(rows) // 2)
        stack += [rows[halves[: len(rows) // 2]], rows[halves[len(rows) // 2 :]]]
    return order


def _tie_notes(count: int, n: int, k: int, treated: str) -> list[str]:
    others = "another" if k == 1 else f"{k} others"
    return [f"{count} of {n} samples coincide with {others}: {treated}"] if count else []
