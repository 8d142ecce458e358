"""What a layer has learned, and whether it has learned anything: two units alike, or dead, or no
better than the samples themselves, are found here and nowhere else.

A Hebbian result means nothing without its controls: the same pipeline with random samples as
weights, and with the weights that the layer began with.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad import backend, losses, samples
from minigrad.backend import Random
from minigrad.errors import NotFiniteError, ShapeError
from minigrad.hebbian.codes import encode, k_winners
from minigrad.hebbian.local import LocalLayer, some_rows
from minigrad.initializers import Initializer, initializer
from minigrad.layers import Layer
from minigrad.text import table

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Diagnosis:
    """What each of m units did for some samples, and what it listens to.

    `wins` (m,): how many of the samples it won. `inputs` (m,): its effective inputs,
    (sum |w|)^2 / sum w^2: n for even weights, 1 for one alone; None for a layer without W. Given
    labels, `rates` (classes, m): the share of the samples of each label that it won, and
    `selectivity` (m,): (r_max - r_others) / (r_max + r_others), of the largest rate and the mean of
    the others: 1 for a unit that wins for one label alone, 0 for one that does not care, NaN for a
    dead one (Morcos, Barrett, Rabinowitz and Botvinick, ICLR 2018).
    """

    name: str
    samples: int
    wins: Counts
    inputs: Floats | None = None
    rates: Floats | None = None
    selectivity: Floats | None = None

    @property
    def dead(self) -> Counts:
        """The numbers of the units that won none of the samples."""
        return np.flatnonzero(self.wins == 0)

    @property
    def live(self) -> int:
        """How many units won something."""
        return int(np.count_nonzero(self.wins))

    @property
    def entropy(self) -> float:
        """-sum q ln q of the shares q of all wins, in nats; ln m if all units win alike."""
        if not self.live:
            return 0.0
        q = self.wins[self.wins > 0] / self.wins.sum()
        return float(-(q * np.log(q)).sum())

    @property
    def winners(self) -> float:
        """How many units win a sample, on average."""
        return float(self.wins.sum() / self.samples)

    def __str__(self) -> str:
        m = len(self.wins)
        lines = [f"{self.name}, {self.samples} samples: {self.live} of {m} units live"]
        if not self.live:
            lines.append("the layer is dead: no unit answers to any sample")
        elif m > 1 and self.live <= math.ceil(self.winners):
            lines.append("the layer is dead: the same units win whatever the sample")
        if self.winners > m / 2 and m > 1:
            lines.append("most units answer to every sample: give k, to see who answers most")
        if self.live:
            even = math.exp(self.entropy)
            lines.append(
                f"{self.winners:.3g} winners a sample; wins {self.wins.min()} to "
                f"{self.wins.max()} a unit, as even as of {even:.3g} units"
            )
        for what, values in ("effective inputs", self.inputs), ("selectivity", self.selectivity):
            if values is not None and np.isfinite(values).any():
                low, middle, high = np.nanquantile(values, [0.1, 0.5, 0.9])
                lines.append(f"{what} of a unit: {middle:.3g} (one in ten below {low:.3g}, one in "
                             f"ten above {high:.3g})")  # fmt: skip
        return "\n".join(lines)


def diagnose(
    layer: Any,
    x: Any,
    labels: Any = None,
    k: int | None = None,
    batch: int = 1000,
) -> Diagnosis:
    """Look at what a layer answers to x (N, n); labels (N,), of which it knows nothing, if given.

    A unit wins a sample where its answer is above 0; with `k`, for layers of which every unit
    answers, where it is moreover among the k largest. `layer` may be a function of x.
    """
    y = _answers(layer, x, batch)
    won = backend.host(y if k is None else k_winners(y, k)) > 0
    rates = selectivity = None
    if labels is not None:
        labels = backend.host(labels)
        if labels.shape != (len(won),) or labels.dtype.kind not in "iu":
            raise ShapeError(
                f"labels: expected one integer for each sample, ({len(won)},), came "
                f"{labels.dtype} of shape {labels.shape}"
            )
        classes = int(labels.max(initial=0)) + 1
        losses.in_range(labels, classes)
        rates = _rates(won, labels, classes)
        selectivity = _selectivity(rates[np.unique(labels)])
    W = getattr(layer, "W", None)
    return Diagnosis(
        name=str(layer) if isinstance(layer, Layer) else getattr(layer, "__name__", "layer"),
        samples=len(won),
        wins=np.count_nonzero(won, axis=0),
        inputs=None if W is None else effective_inputs(W),
        rates=rates,
        selectivity=selectivity,
    )


def effective_inputs(W: Any) -> Floats:
    """(sum |w|)^2 / sum w^2 of each row of W (m, n): how many inputs a unit listens to, 1 to n.

    0 for a row of zeros.

    >>> effective_inputs([[1, 1, 1], [0, 2, 0], [2, 1, 0]]).tolist()
    [3.0, 1.0, 1.8]
    """
    W = np.abs(np.asarray(backend.host(W), np.float64))
    most = W.max(axis=-1, keepdims=True)
    W = W / np.where(most > 0, most, 1)  # whose squares are no denormal numbers
    squares = (W * W).sum(axis=-1)
    return np.asarray(W.sum(axis=-1) ** 2 / np.where(squares > 0, squares, 1), np.float64)


def invariance(
    layer: Any,
    images: Any,
    shape: tuple[int, int],
    shifts: Sequence[int | tuple[int, int]] = (0, 1, 2, 3, 4),
    batch: int = 1000,
) -> Floats:
    """How alike the codes of an image and of its shifted self are: a mean cosine for each shift.

    images (N, h * w) of `shape` (h, w), two or more; a shift is (down, across) in pixels, or one
    number, for the mean of all four directions. What comes in is 0. Each code is taken less the
    mean code of all images shifted alike: 1 for codes that do not notice, about 0 for codes that
    are as alike as those of two images. An image with no more than the mean code counts 0.
    """
    h, w = shape
    pixels = np.asarray(backend.host(images))
    if pixels.ndim != 2 or pixels.shape[1] != h * w or len(pixels) < 2:
        raise ShapeError(
            f"images: expected two or more of {h} x {w}, (N, {h * w}), came {pixels.shape}"
        )
    if not np.isfinite(pixels).all():
        raise NotFiniteError(f"the images have {losses.not_finite(pixels)}")
    pixels = pixels.reshape(-1, h, w)
    still = _less_mean(layer, pixels, batch)
    curve = []
    for shift in shifts:
        if isinstance(shift, tuple | list):
            ways = [(int(shift[0]), int(shift[1]))]
        else:
            ways = [(shift, 0), (-shift, 0), (0, shift), (0, -shift)] if shift else [(0, 0)]
        if any(abs(down) >= h or abs(across) >= w for down, across in ways):
            raise ValueError(f"a shift of {shift} leaves nothing of images of {h} x {w}")
        found = [_cosine(still, _less_mean(layer, shifted(pixels, *way), batch)) for way in ways]
        curve.append(np.mean(found))
    return np.array(curve)


def shifted(images: NDArray[Any], down: int, across: int) -> NDArray[Any]:
    """Images (..., h, w) moved by so many pixels, 0 where nothing came from."""
    moved = np.zeros_like(images)
    h, w = images.shape[-2:]
    to = slice(max(down, 0), h + min(down, 0)), slice(max(across, 0), w + min(across, 0))
    of = slice(max(-down, 0), h + min(-down, 0)), slice(max(-across, 0), w + min(-across, 0))
    moved[(..., *to)] = images[(..., *of)]
    return moved


@dataclass(frozen=True)
class Controls:
    """What one pipeline reaches with the weights that were learned, and with two kinds that were
    not: `data`, random training samples, and `untrained`, each once for every draw."""

    learned: float
    data: tuple[float, ...]
    untrained: tuple[float, ...]

    @property
    def gain(self) -> float:
        """What was learned adds this to the better of the two controls, in the mean."""
        return self.learned - max(float(np.mean(self.data)), float(np.mean(self.untrained)))

    def __str__(self) -> str:
        rows = [("learned", f"{self.learned:.4f}", "", "")]
        for name, values in ("random samples", self.data), ("untrained", self.untrained):
            rows.append(
                (name, f"{np.mean(values):.4f}", f"{min(values):.4f}", f"{max(values):.4f}")
            )
        return table(("weights", "accuracy", "least", "most"), rows)


def controls(
    score: Callable[[Any], float],
    learned: Any,
    x: Any,
    untrained: str | Initializer | None = None,
    draws: int = 1,
    rng: Random = None,
) -> Controls:
    """Run `score` with what was learned, with rows of x (N, n) as weights, and with no learning.

    `score(layer)`: the accuracy of all that follows, read-out and all. `learned`: a layer with
    weights W (m, n), or W itself; the controls are copies of it with another W, its counts and
    traces at 0, and the layer itself is left alone. Where units compete by products, rows of x are
    given the lengths of the learned ones. `untrained`: an initializer; None: the layer's
    own start, which a layer started from samples does not have but for these samples.
    """
    draws, rng = samples.positive("draws", draws), backend.generator(rng)
    W = backend.asarray(getattr(learned, "W", learned))
    if W.ndim != 2:
        raise ShapeError(f"learned: expected a layer with W (m, n), or W, came {tuple(W.shape)}")
    if untrained is None and not isinstance(learned, LocalLayer):
        raise ValueError(
            "untrained: expected an initializer, such as 'uniform'; only a local layer has a start "
            "of its own"
        )
    m, n = W.shape
    start = learned.init["W"] if untrained is None else untrained
    start = initializer(start)
    reached: tuple[list[float], list[float]] = ([], [])
    for _ in range(draws):
        rows = some_rows(x, n, m, rng)
        if isinstance(learned, LocalLayer) and not learned.by_distance:
            lengths, own = (np.linalg.norm(a, axis=1) for a in (backend.host(W), rows))
            rows = rows * (lengths / own.clip(1e-300))[:, None]  # or the brightest would win all
        reached[0].append(float(score(_with(learned, W, rows))))
        reached[1].append(float(score(_with(learned, W, start(rng, (m, n))))))
    return Controls(float(score(learned)), tuple(reached[0]), tuple(reached[1]))


def _with(learned: Any, W: Any, rows: Any) -> Any:
    """A copy of the layer, or of W, with these rows for weights, and nothing else learned."""
    if not isinstance(learned, Layer):
        return backend.move(rows, backend.place_of(W), backend.dtype_name(W))
    twin = copy.deepcopy(learned)
    if isinstance(twin, LocalLayer):
        twin.theta[...] = 0
    twin.W = backend.move(rows, twin.place, backend.dtype_name(twin.theta))
    return twin


# --- underneath -----------------------------------------------------------------------------------


def _answers(layer: Any, x: Any, batch: int) -> Any:
    y = encode(layer, x, batch) if isinstance(layer, Layer) else backend.asarray(layer(x))
    if y.ndim != 2:
        raise ShapeError(f"the layer: expected answers (N, m), came {tuple(y.shape)}")
    return samples.finite("what the layer answers", y)


def _rates(won: NDArray[np.bool_], labels: Any, classes: int) -> Floats:
    count = np.bincount(labels, minlength=classes)
    joint = np.stack([np.count_nonzero(won[labels == c], axis=0) for c in range(classes)])
    return np.asarray(joint / np.maximum(count, 1)[:, None], np.float64)


def _selectivity(rates: Floats) -> Floats:
    most, total = rates.max(axis=0), rates.sum(axis=0)
    others = (total - most) / max(len(rates) - 1, 1)
    both = np.where(total > 0, most + others, np.nan)
    return np.asarray((most - others) / both, np.float64)


def _less_mean(layer: Any, images: NDArray[Any], batch: int) -> Floats:
    y = backend.host(_answers(layer, images.reshape(len(images), -1), batch))
    return np.asarray(y - y.mean(axis=0, dtype=np.float64), np.float64)


def _cosine(a: Floats, b: Floats) -> float:
    """The mean cosine of the rows; 0 for a row of zeros."""
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / np.where(norms > 0, norms, 1)).mean())
