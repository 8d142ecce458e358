"""The information plane: what each layer tells of input and label, watched while a network learns.

A recorder for `fit`. It looks on given data, at chosen epochs, through one or more probes, and
keeps numbers only: its memory grows with the recorded epochs and not with the data.
"""

import json
import math
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from minigrad import backend, samples, scores
from minigrad.backend import Array, Random
from minigrad.errors import FormatError, ShapeError
from minigrad.information.binning import Bins, codes
from minigrad.information.dimension import participation_ratio
from minigrad.information.estimates import Estimate
from minigrad.information.kraskov import kraskov, ross
from minigrad.information.noisy import pairwise_bound
from minigrad.information.plugin import plug_in
from minigrad.information.variables import symbols, variables
from minigrad.layers import Layer, Map
from minigrad.network import Network
from minigrad.saving import describe, read_arrays, write_whole

FORMAT = "minigrad information plane 1"
PER_DECADE = 8  # epochs recorded in each, unless others are chosen
Range = tuple[float, float]
SIDES, KINDS = ("input", "label"), ("value", "ceiling", "null", "spread")


class Probe(NamedTuple):
    """One way to look at a layer: an estimate of I(X;T) from (x, t), one of I(T;Y) from (t, y).

    Either may be None. Both are also given the bounds of the layer's values. `shuffles`: of the
    null (0: none). `members`: which of a stack it looks at (None: all); for estimators that take
    their time.
    """

    of_input: Callable[[Any, Any, Range], Estimate] | None
    of_label: Callable[[Any, Any, Range], Estimate] | None
    shuffles: int = 0
    members: tuple[int, ...] | None = None


def by_bins(
    bins: int | Bins = 30, input_bins: Any = 4, correction: str | None = None, **options: Any
) -> Probe:
    """Plug-in on so many bins along each unit, over the range of its activation where it has one.

    `bins` may be `Bins`, which then are those of every layer. `input_bins` are those of x where it
    is real; None: every different x is a symbol, and where all differ I(X;T) is H(T in its bins),
    shuffled or not. `options`: shuffles and members of the `Probe`.
    """

    def along(bounds: Range) -> Bins:
        if isinstance(bins, Bins):
            return bins
        low, high = (b if math.isfinite(b) else None for b in bounds)
        return Bins(bins, "range", low, high)

    return Probe(
        lambda x, t, bounds: plug_in(x, t, (input_bins, along(bounds)), correction),
        lambda t, y, bounds: plug_in(t, y, along(bounds), correction),
        **options,
    )


def by_neighbours(k: int = 3, noise: float = 0.0, **options: Any) -> Probe:
    """Kraskov's estimate of I(X;T) and Ross's of I(T;Y), of T = t + N(0, noise), a variance.

    Without a noise I(X;T) of a layer is infinite, and the answer is that of few samples. The noise
    is drawn from the same seed every time. `options`: shuffles and members of the `Probe`.
    """

    if not 0 <= noise < math.inf:
        raise ValueError(f"noise: expected a variance, 0 or more, came {noise!r}")

    def noisy(t: Any) -> Any:
        return t + math.sqrt(noise) * np.random.default_rng(0).standard_normal(t.shape)

    return Probe(
        lambda x, t, bounds: kraskov(np.asarray(x, np.float64), noisy(t), k),
        lambda t, y, bounds: ross(noisy(t), y, k),
        **options,
    )


def by_pairs(noise: float = 0.1, bound: str = "upper", **options: Any) -> Probe:
    """The "lower" or "upper" of `pairwise_bounds` for T = t + N(0, noise), a variance.

    `options`: shuffles and members of the `Probe`; I(X;T) has no null.
    """
    return Probe(
        lambda x, t, bounds: pairwise_bound(bound, t, noise),
        lambda t, y, bounds: pairwise_bound(bound, t, noise, y),
        **options,
    )


class InformationPlane:
    """A recorder: `plane(net)` before `net.fit`, among its callbacks, and once more after it.

    x (N, n), labels (N,): what it looks at, on the host. `probes`: a name for each `Probe` (plug-in
    with 30 bins and a null of 10 shuffles). `epochs`: which to record (eight in each decade); a
    call of one's own always records. `layers`: numbers from 0 of those whose outputs are T (all but
    those that a `Map` follows). `held_out`: (x, labels) for the accuracy. The loss is smoothed over
    steps, s <- (1 - smoothing) s + smoothing E. `curve` gives the information, and `dimension`,
    `accuracy` and `loss` the rest, one row for each of `recorded`, the epochs.
    """

    def __init__(
        self,
        x: Any,
        labels: Any,
        probes: Mapping[str, Probe] | Probe | None = None,
        epochs: Iterable[int] | None = None,
        layers: Iterable[int] | None = None,
        held_out: tuple[Any, Any] | None = None,
        smoothing: float = 0.1,
        rng: Random = None,
    ) -> None:
        if not 0 < smoothing <= 1:
            raise ValueError(f"smoothing: expected above 0 and at most 1, came {smoothing!r}")
        if labels is None:
            raise TypeError("labels: expected one for each row of x, came None")
        self.x, symbols_of_y = (backend.host(v) for v in variables(x=x, labels=labels))
        self.labels = codes(symbols("labels", symbols_of_y))[0]
        self.probes = _named(probes)
        if isinstance(epochs, int):
            raise TypeError(f"epochs: expected which to record, such as range({epochs})")
        self.epochs = None if epochs is None else frozenset(int(e) for e in epochs)
        self.layers = None if layers is None else tuple(layers)
        if held_out is not None:
            held_out = samples.pair("held_out is a pair", held_out)
        self.held_out, self.smoothing = held_out, smoothing
        self.rng = backend.generator(rng)
        self.epoch = 0
        self._kept: dict[str, list[Any]] = {}
        self._watched: list[str] = []  # what the network was, as `describe` says it
        self._history: Any = None
        self._steps = 0  # of that history, how many are in the smoothed loss
        self._smooth: Any = math.nan

    def __call__(self, net: Network, history: Any = None) -> None:
        """Record; with a history, as `fit` calls it, one more epoch has passed, if it is to be.

        Raises ShapeError for another network than the first.
        """
        watched = [f"{net.theta.shape[:-1]}", *describe(net)]
        if self._watched and watched != self._watched:
            raise ShapeError(f"this plane watches {self._watched}, came {watched}")
        if history is not None:
            self.epoch += 1
            self._follow(history)
        if history is None or self._due():
            self._record(net)
        self._watched = watched

    @property
    def recorded(self) -> Any:
        """The recorded epochs (E,); 0 is the start."""
        return np.array(self._kept.get("epoch", []), np.int64)

    @property
    def dimension(self) -> Any:
        """The participation ratio of each layer (E, L); of a stack (E, K, L)."""
        return np.array(self._kept.get("dimension", []))

    @property
    def accuracy(self) -> Any:
        """The share of held-out labels that are right (E,); of a stack (E, K); NaN without."""
        return np.array(self._kept.get("accuracy", []))

    @property
    def loss(self) -> Any:
        """The smoothed loss (E,); of a stack (E, K); NaN before the first step."""
        return np.array(self._kept.get("loss", []))

    def curve(self, probe: str, side: str = "input", kind: str = "value") -> Any:
        """I(X;T), side "input", or I(T;Y), "label", in nats (E, L); of a stack (E, K, L).

        `kind`: "value", "ceiling", or of the null its "null" level or "spread". NaN where nobody
        looked. Raises KeyError for what is not recorded.
        """
        if probe not in self.probes or side not in SIDES or kind not in KINDS:
            raise KeyError(
                f"no curve {(probe, side, kind)}: expected one of {sorted(self.probes)}, "
                f"of {SIDES}, of {KINDS}"
            )
        return np.array(self._kept.get(f"{probe}/{side}/{kind}", []))

    def save(self, path: str | Path) -> None:
        """Write what was recorded to `path`, an .npz, whole or not at all."""
        state = json.dumps(
            {"watched": self._watched, "epoch": self.epoch, "of": self._subject(),
             "rng": self.rng.bit_generator.state}
        )  # fmt: skip

        arrays: dict[str, Any] = {name: np.array(rows) for name, rows in self._kept.items()}
        arrays.update(format=np.array(FORMAT), state=np.array(state), smooth=np.array(self._smooth))

        def write(stream: BinaryIO) -> None:
            np.savez(stream, **arrays)

        write_whole(path, write)

    def load(self, path: str | Path) -> None:
        """Go on from what `save` wrote; FormatError unless of the same data, layers and probes."""
        kept = read_arrays(path, FORMAT, ("state", "smooth"))
        state, smooth = json.loads(str(kept.pop("state"))), kept.pop("smooth")
        if state["of"] != self._subject():
            raise FormatError(f"{path} is of {state['of']}, this plane of {self._subject()}")
        self._kept = {name: list(rows) for name, rows in kept.items()}
        self._watched, self.epoch, self._smooth = state["watched"], state["epoch"], smooth
        self.rng.bit_generator.state = state["rng"]
        self._history = None

    def _subject(self) -> dict[str, Any]:
        """What it looks at, and through what: which recordings go on from each other."""
        data = zlib.crc32(self.x.tobytes() + self.labels.tobytes())
        return {"data": [*self.x.shape, data], "probes": sorted(self.probes),
                "layers": None if self.layers is None else list(self.layers)}  # fmt: skip

    def _due(self) -> bool:
        if self.epochs is not None:
            return self.epoch in self.epochs
        if self.epoch < 2:
            return True
        nearest = round(PER_DECADE * math.log10(self.epoch))
        return self.epoch == round(10 ** (nearest / PER_DECADE))

    def _follow(self, history: Any) -> None:
        """Bring the smoothed loss up to the last step of a history, which may be a new one."""
        if history is not self._history:
            self._history, self._steps = history, 0
        new = np.array(history.step_loss[self._steps :])
        self._steps += len(new)
        if len(new) and np.isnan(self._smooth).all():
            self._smooth = new[0]
        if len(new):
            weight = (1 - self.smoothing) ** np.arange(len(new))[::-1]
            self._smooth = (1 - self.smoothing) * weight[0] * self._smooth + (
                self.smoothing * np.tensordot(weight, new, axes=1)
            )

    def _record(self, net: Network) -> None:
        lead = tuple(net.theta.shape[:-1])
        outputs = activations(net, self.x, self.layers)
        row: dict[str, Any] = {
            "epoch": self.epoch,
            "loss": self._smooth + np.zeros(lead),
            "accuracy": np.full(lead, math.nan),
            "dimension": np.reshape(
                [[participation_ratio(t[at]) for t in outputs] for at in np.ndindex(lead)],
                (*lead, len(outputs)),
            ),
        }
        if self.held_out is not None:
            row["accuracy"] = scores.accuracy(net, *self.held_out)
        bounds = [bounds_of(net.layers[i]) for i in watched_layers(net, self.layers)]
        for name, probe in self.probes.items():
            row.update(self._look(name, probe, lead, outputs, bounds))
        if self._kept.get("epoch", [None])[-1] == self.epoch:  # the same epoch again: it counts
            for rows in self._kept.values():
                rows.pop()
        for name, value in row.items():
            self._kept.setdefault(name, []).append(value)

    def _look(
        self, name: str, probe: Probe, lead: tuple[int, ...], outputs: list[Any], bounds: Any
    ) -> dict[str, Any]:
        found = {f"{name}/{s}/{k}": np.full((*lead, len(outputs)), math.nan)
                 for s in SIDES for k in KINDS}  # fmt: skip
        for at in _members(name, probe, lead):
            for layer, (t, ends) in enumerate(zip(outputs, bounds, strict=True)):
                estimates = (
                    probe.of_input and probe.of_input(self.x, t[at], ends),
                    probe.of_label and probe.of_label(t[at], self.labels, ends),
                )
                for side, estimate in zip(SIDES, estimates, strict=True):
                    if estimate is None:
                        continue
                    figures = [float(estimate.nats), estimate.nats.ceiling, math.nan, math.nan]
                    if probe.shuffles and estimate.shuffled is not None:
                        null = estimate.nats.null(probe.shuffles, self.rng)
                        figures[2:] = null.level, null.spread
                    for kind, figure in zip(KINDS, figures, strict=True):
                        found[f"{name}/{side}/{kind}"][(*at, layer)] = figure
        return found

    def __str__(self) -> str:
        seen = self.recorded
        when = f", epochs {seen[0]} to {seen[-1]}" if len(seen) else ""
        return f"InformationPlane of {len(seen)} epochs{when}: {', '.join(self.probes)}"

    def __repr__(self) -> str:
        return f"<{self}>"


def _named(probes: Any) -> dict[str, Probe]:
    """Probes by name: those given, one alone as "probe", or the usual one."""
    if probes is None:
        return {"plug-in": by_bins(shuffles=10)}
    named = {"probe": probes} if isinstance(probes, Probe) else dict(probes)
    for name, probe in named.items():
        if not isinstance(probe, Probe):
            raise TypeError(f"probes: {name!r} is {probe!r}, expected a Probe, such as by_bins()")
    return named


def _members(name: str, probe: Probe, lead: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The indices of the networks that a probe looks at: () for one that is no stack."""
    everyone = list(np.ndindex(lead))
    if probe.members is None or not lead:
        return everyone
    if outside := [k for k in probe.members if k not in range(lead[0])]:
        raise ValueError(f"probe {name!r}: no member {outside[0]} in a stack of {lead[0]}")
    return [(k,) for k in probe.members]


def activations(net: Network, x: Any, layers: Iterable[int] | None = None) -> list[Any]:
    """The outputs of these layers on x, on the host: each (N, m), or of a stack (K, N, m).

    None: of all layers but those that a `Map` follows. Nothing is left for a backprop.
    """
    chosen = watched_layers(net, layers)
    y: Array = backend.move(x, net.place, backend.dtype_name(net.theta))
    outputs = []
    for i, layer in enumerate(net.layers):
        y = layer(y)
        if i in chosen:
            outputs.append(np.array(backend.host(y)))
    net._forget()
    return outputs


def watched_layers(net: Network, layers: Iterable[int] | None = None) -> list[int]:
    """The numbers, from 0, of these layers; None: of all but those that a `Map` follows."""
    count = len(net.layers)
    if layers is None:
        return [i for i in range(count) if not isinstance((*net.layers, None)[i + 1], Map)]
    chosen = list(layers)
    if not chosen or any(i not in range(count) for i in chosen) or sorted(set(chosen)) != chosen:
        raise ValueError(f"layers: expected rising numbers from 0 to {count - 1}, came {chosen}")
    return chosen


def bounds_of(layer: Layer) -> Range:
    """What no output of the layer is below or above: the bounds of its map, or none."""
    if isinstance(layer, Map):
        return layer.map.bounds
    if type(layer) is Network:
        return bounds_of(layer.layers[-1])
    return (-math.inf, math.inf)


def log_spaced(last: int, count: int = 25) -> list[int]:
    """`count` epochs from 0 to `last`, or all, as even on a logarithmic axis as whole numbers are.

    >>> log_spaced(2000, 9)
    [0, 1, 3, 9, 26, 77, 228, 675, 2000]
    """
    if count < 2 or last < 1:
        raise ValueError(f"expected 2 epochs or more, up to 1 or later; came {count} and {last}")
    points, epochs = count - 1, {last}
    while len(epochs) < min(count - 1, last):
        epochs = {round(e) for e in np.geomspace(1, last, points).tolist()}
        points += 1
    return [0, *sorted(epochs)]
