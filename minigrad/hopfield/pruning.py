"""Memories with a share of their weights taken away: what of it do they need?"""

import copy
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from minigrad import backend
from minigrad.backend import Random
from minigrad.hopfield.codings import CODINGS
from minigrad.hopfield.couplings import Couplings, couplings_between
from minigrad.hopfield.dense import Dense
from minigrad.hopfield.memories import Memory
from minigrad.hopfield.network import HopfieldNetwork
from minigrad.hopfield.written import _Written
from minigrad.layers import Layer

Pruned = TypeVar("Pruned", HopfieldNetwork, Memory)
WAYS = ("magnitude", "random")


def pruned(
    of: Pruned,
    share: float,
    by: str = "magnitude",
    rng: Random = None,
    names: Sequence[str] | None = None,
) -> Pruned:
    """A copy in which that share of the weights, the smallest or any (by lot), is 0.

    Of couplings W: pairs, W_ij with W_ji; the diagonal and b stay (couplings of bits that a rule
    wrote, or whose bias is tied, are those of signs written for bits, and b follows W). Of other
    memories: elements of the parameters `names`, all that are no vectors if None. Of equals, lots
    decide. Raises ValueError for "magnitude" where all weights are of one size.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share: expected a share from 0 to 1, came {share!r}")
    if by not in WAYS:
        raise ValueError(f"by: expected one of {', '.join(WAYS)}, came {by!r}")
    if not isinstance(of, HopfieldNetwork | Memory):
        raise TypeError(f"expected a HopfieldNetwork or a Memory, came a {type(of).__name__}")
    twin = copy.deepcopy(of)
    memory: Any = twin.memory if isinstance(twin, HopfieldNetwork) else twin
    if memory.n is None:
        raise ValueError(f"{memory}: nothing is stored yet: store(patterns), or learn(patterns)")
    if isinstance(memory, Couplings) and names is None:
        _without_pairs(memory, share, by, rng)
    else:
        _without_elements(memory, share, by, rng, names)
    return twin


def _without_pairs(memory: Couplings, share: float, by: str, rng: Random) -> None:
    W, b, signs = memory.W, memory.b, CODINGS["signs"]
    written = isinstance(memory, _Written)
    if written:
        W, b = couplings_between(W, b, memory.coding, signs)
    sizes = np.abs(backend.host(W))
    i, j = np.triu_indices(len(sizes), 1)
    keep = np.ones(sizes.shape)
    lost = _chosen(memory, np.maximum(sizes[i, j], sizes[j, i]), share, by, rng)
    keep[i[lost], j[lost]] = keep[j[lost], i[lost]] = 0.0
    W = W * backend.move(keep, memory.place, backend.dtype_name(W))
    if isinstance(memory, Dense):
        memory.M = W  # symmetric and without diagonal already, so that W comes out as it is
        return
    memory.W = couplings_between(W, b, signs, memory.coding)[0] if written else W
    if written:
        memory.b = couplings_between(W, b, signs, memory.coding)[1]


def _without_elements(
    memory: Memory, share: float, by: str, rng: Random, names: Sequence[str] | None
) -> None:
    there = dict(_parameters(memory))
    unknown = set(names or ()) - there.keys()
    if unknown:
        raise ValueError(f"{memory} has no parameter {sorted(unknown)}: it has {list(there)}")
    if names is None:
        names = [name for name, (layer, own) in there.items() if len(layer.shapes[own]) > 1]
    if not names:
        raise ValueError(f"{memory} has no weights to prune")
    values = {name: getattr(there[name][0], there[name][1]) for name in names}
    flat = np.concatenate([np.abs(backend.host(value)).reshape(-1) for value in values.values()])
    keep, stop = np.ones(len(flat)), 0
    keep[_chosen(memory, flat, share, by, rng)] = 0.0
    for name, value in values.items():
        start, stop = stop, stop + backend.size(value.shape)
        mask = keep[start:stop].reshape(value.shape)
        layer, own = there[name]
        setattr(layer, own, value * backend.move(mask, layer.place, backend.dtype_name(value)))


def _parameters(layer: Layer, path: str = "") -> Iterator[tuple[str, tuple[Layer, str]]]:
    """Each parameter by name, with the layer whose it is; inside a network with its place there."""
    for name in layer.shapes:
        yield path + name, (layer, name)
    for i, inner in enumerate(getattr(layer, "layers", ())):
        yield from _parameters(inner, f"{path}{i}.")


def _chosen(
    memory: Memory, sizes: NDArray[Any], share: float, by: str, rng: Random
) -> NDArray[np.int64]:
    """The places of those that go, among weights of these sizes."""
    count = round(share * len(sizes))
    lots = backend.generator(rng).random(len(sizes))
    if by == "random":
        return np.argsort(lots)[:count]
    if 0 < count < len(sizes) and np.ptp(sizes) == 0:
        raise ValueError(
            f"{memory}: all {len(sizes)} weights are of the size {sizes[0]:g} (stored signs have "
            "no magnitudes): none is the smallest; take by='random'"
        )
    return np.lexsort((lots, sizes))[:count]
