"""Read-outs: what labels a code speaks of, learned from labelled samples without backprop.

    read = Ridge().fit(codes, labels)       # (N, m) and integers (N,)
    read.predict(codes)                     # labels (N,), on the host
    read.accuracy(codes, labels)            # hits over samples

Labels are for the training samples alone; what has learned the code has seen none.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from minigrad import backend, losses, samples
from minigrad.backend import Array, Random
from minigrad.errors import ShapeError
from minigrad.layers import Affinity, width
from minigrad.losses import one_hot
from minigrad.network import Network
from minigrad.optimizers import Adam, Optimizer

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]
BATCH = 1000  # rows whose products are in memory at one time


class ReadOut:
    """Codes (N, m) to labels (N,), 0 to classes - 1; one of one's own writes `_fit`, `_predict`.

    `classes`: None for as many as the training labels show.
    """

    m: int | None = None  # of the codes it was fitted to

    def __init__(self, classes: int | None = None) -> None:
        self._asked = None if classes is None else width(classes)
        self.classes = self._asked or 0

    def fit(self, codes: Any, labels: Any) -> Self:
        """Learn from codes (N, m) and their labels (N,), anew; returns itself.

        Raises ShapeError, ValueError for no samples and for labels out of range, TypeError for
        labels that are no integers, NotFiniteError.
        """
        codes = _codes(codes)
        labels = _labels(labels, codes.shape[0])
        classes = self._asked or int(labels.max(initial=0)) + 1
        losses.in_range(labels, classes)
        before = dict(vars(self))
        try:
            self.classes = classes
            self._fit(codes, labels)
        except BaseException:  # what it had learned before stands
            vars(self).update(before)
            raise
        self.m = codes.shape[1]
        return self

    def predict(self, codes: Any) -> Labels:
        """The labels (N,) that it gives to codes (N, m)."""
        codes = _codes(codes)
        if self.m is None:
            raise RuntimeError(f"{self} has learned nothing yet: fit(codes, labels) first")
        if codes.shape[1] != self.m:
            raise ShapeError(f"{self}: the codes have {codes.shape[1]} units, expected {self.m}")
        parts = (codes[start:stop, :] for start, stop in _batches(codes.shape[0]))
        return np.concatenate([np.asarray(self._predict(part), np.int64) for part in parts])

    def accuracy(self, codes: Any, labels: Any) -> float:
        """Hits over samples, in [0, 1], for codes (N, m) and labels (N,)."""
        found = self.predict(codes)
        return float((found == losses.in_range(_labels(labels, len(found)), self.classes)).mean())

    def _fit(self, codes: Array, labels: Labels) -> None:
        raise NotImplementedError

    def _predict(self, codes: Array) -> Any:
        raise NotImplementedError

    def __str__(self) -> str:
        return (
            f"{type(self).__name__} {self.m} -> {self.classes}" if self.m else type(self).__name__
        )

    def __repr__(self) -> str:
        return f"<{self}>"


class MajorityVote(ReadOut):
    """Each unit has the label of most of the training samples that it won; the winner speaks.

    The winner of a code is its largest entry, of equals the first; a code of equal entries has
    none. `votes` (classes, m): how many samples of each label a unit won; `label` (m,), of equal
    votes the smallest. A unit that never won has no label of its own: it, and a code without a
    winner, are given the most frequent label, and `unlabelled` has the numbers of such units.
    """

    votes: NDArray[np.int64]
    label: Labels

    @property
    def unlabelled(self) -> NDArray[np.int64]:
        """The numbers of the units that won no training sample."""
        return np.flatnonzero(self.votes.sum(axis=0) == 0)

    def _fit(self, codes: Array, labels: Labels) -> None:
        m = codes.shape[1]
        winners, won = _winners(codes)
        pairs = labels[won] * m + winners[won]
        self.votes = np.bincount(pairs, minlength=self.classes * m).reshape(self.classes, m)
        self.most_frequent = int(np.bincount(labels).argmax())
        self.label = np.asarray(self.votes.argmax(axis=0), np.int64)
        self.label[self.unlabelled] = self.most_frequent

    def _predict(self, codes: Array) -> Any:
        winners, won = _winners(codes)
        return np.where(won, self.label[winners], self.most_frequent)

    def __str__(self) -> str:
        if not self.m or not (count := len(self.unlabelled)):
            return super().__str__()
        return f"{super().__str__()}, {count} of {self.m} units never won and have no label"


class BayesVote(ReadOut):
    """Each active unit votes by its log-likelihood ratio, as if the units were independent.

        score_c = ln P(c) + sum over active j of ln [P(j | c) / P(j)]

    A unit is active where its code is above 0. P(j) is the share of the training samples for which
    it is. P(j | c), that of those with label c, is drawn towards it, as by so many more samples:
    (n_jc + prior P(j)) / (n_c + prior). A unit that was never active has no say, and is among
    `silent`. `votes` (classes, m) has the ratios.
    """

    votes: Floats

    def __init__(self, prior: float = 1.0, classes: int | None = None) -> None:
        if not prior > 0 or not np.isfinite(prior):
            raise ValueError(f"prior must be a positive number of samples, not {prior!r}")
        super().__init__(classes)
        self.prior = float(prior)

    @property
    def silent(self) -> NDArray[np.int64]:
        """The numbers of the units that no training sample made active."""
        return np.flatnonzero(self.active == 0)

    def _fit(self, codes: Array, labels: Labels) -> None:
        joint = np.zeros((self.classes, codes.shape[1]))
        for start, stop in _batches(len(labels)):
            active = backend.host(codes[start:stop, :] > 0).astype(np.float32)  # counts: exact
            joint += np.eye(self.classes, dtype=np.float32)[labels[start:stop]].T @ active
        count = np.bincount(labels, minlength=self.classes)
        self.active = joint.sum(axis=0)
        share = self.active / len(labels)
        given = (joint + self.prior * share) / (count[:, None] + self.prior)
        with np.errstate(divide="ignore"):
            self.log_prior = np.log(count / len(labels))  # a class without samples is never named
        self.votes = np.zeros_like(joint)
        np.log(given / np.where(share > 0, share, 1), out=self.votes, where=share > 0)

    def _predict(self, codes: Array) -> Any:
        scores = backend.host(codes > 0).astype(np.float64) @ self.votes.T + self.log_prior
        return scores.argmax(axis=-1)


class Ridge(ReadOut):
    """Linear in the codes, by least squares with a penalty, in closed form.

    With targets t = 1 for the label and -1 for the others, X the N codes less their mean, T the
    targets less theirs: M = T^T X (X^T X + N s v I)^-1, v being the mean variance of the units;
    the largest of y = M code + b is the label. Strength s: a number of 0 or more, or None for the
    best of `STRENGTHS` on `held_out` of the training samples, drawn by `rng`, for which one
    eigen-decomposition serves them all; of equals the largest. Then all samples are fitted.
    `tried` has the held-out accuracies by strength.

    Products are of the codes' float type, sums of float64. Runs where the codes are.
    """

    STRENGTHS = tuple(float(10.0**e) for e in np.arange(-6, 1.5, 0.5))

    M: Array
    b: Array

    def __init__(
        self,
        strength: float | None = None,
        held_out: float = 1 / 6,
        classes: int | None = None,
        rng: Random = 0,
    ) -> None:
        if strength is not None and (not strength >= 0 or not np.isfinite(strength)):
            raise ValueError(f"strength must be a number of at least 0, or None, not {strength!r}")
        if not 0 < held_out < 1:
            raise ValueError(f"held_out is a share between 0 and 1, not {held_out!r}")
        super().__init__(classes)
        self.given, self.held_out, self.rng = strength, held_out, rng
        self.strength, self.tried = strength, dict[float, float]()

    def _fit(self, codes: Array, labels: Labels) -> None:
        count, chosen = len(labels), self.given
        if chosen is None:
            aside = round(count * self.held_out)
            if not 0 < aside < count:
                raise ValueError(
                    f"{count} samples are too few to hold {self.held_out:.3g} of them out: give "
                    "a strength"
                )
            order = backend.generator(self.rng).permutation(count)
            rest, tried = np.sort(order[aside:]), np.sort(order[:aside])
            chosen = self._chosen(codes, labels, rest, tried)
        products = _Products(codes, labels, self.classes)
        xp, C = products.xp, products.gram
        penalty = chosen * products.variance()
        eye = xp.eye(C.shape[0], dtype=C.dtype, device=backend.place_of(C).device)
        try:
            M = xp.linalg.solve(C + penalty * eye, products.cross).mT
            found = backend.all_finite(M)
        except Exception:  # each library has its own
            found = False
        if not found:
            raise ValueError(
                f"a strength of {chosen:g} is too small for these codes: some units tell nothing "
                "that others do not"
            )
        self.strength = chosen
        self.M, self.b = M, products.targets - M @ products.mean

    def _chosen(self, codes: Array, labels: Labels, rest: Any, aside: Any) -> float:
        """The strength that is best for the samples `aside`, of those fitted to the `rest`."""
        products = _Products(codes, labels, self.classes, rest)
        xp, right = products.xp, dict.fromkeys(self.STRENGTHS, 0)
        values, vectors = xp.linalg.eigh(products.gram)
        zero = xp.zeros_like(values)
        values, turned = xp.maximum(values, zero), vectors.mT @ products.cross
        variance = products.variance()
        for start, stop in _batches(len(aside)):
            part = _rows(codes, aside[start:stop])
            part = (xp.astype(part, xp.float64) - products.mean) @ vectors
            for strength in self.STRENGTHS:
                y = part @ (turned / (values + strength * variance)[:, None]) + products.targets
                hits = backend.host(xp.argmax(y, axis=-1)) == labels[aside[start:stop]]
                right[strength] += int(hits.sum())
        self.tried = {strength: hits / len(aside) for strength, hits in right.items()}
        return max(self.tried, key=lambda strength: (self.tried[strength], strength))

    def _predict(self, codes: Array) -> Any:
        xp = backend.namespace(codes, self.M)
        y = xp.astype(codes, self.M.dtype) @ self.M.mT + self.b
        return backend.host(xp.argmax(y, axis=-1))


class _Products:
    """Of codes X and targets T less their means, over the samples: X^T X, X^T T, both / N."""

    def __init__(self, codes: Array, labels: Labels, classes: int, which: Any = None) -> None:
        self.xp = xp = backend.namespace(codes)
        which = np.arange(len(labels)) if which is None else which
        m, wide, place = codes.shape[1], xp.float64, backend.place_of(codes)
        self.mean = xp.zeros((m,), dtype=wide, device=place.device)
        self.gram = xp.zeros((m, m), dtype=wide, device=place.device)
        self.cross = xp.zeros((m, classes), dtype=wide, device=place.device)
        share = np.bincount(labels[which], minlength=classes) / len(which)
        self.targets = backend.move(2 * share - 1, place, "float64")
        for start, stop in _batches(len(which)):
            part = _rows(codes, which[start:stop])
            self.mean += xp.sum(part, axis=0, dtype=wide) / len(which)
        middle, typical = xp.astype(self.mean, codes.dtype), xp.astype(self.targets, codes.dtype)
        for start, stop in _batches(len(which)):
            part = _rows(codes, which[start:stop]) - middle
            hot = 2 * one_hot(labels[which[start:stop]], classes, codes) - 1 - typical
            self.gram += xp.astype(part.mT @ part, wide) / len(which)
            self.cross += xp.astype(part.mT @ hot, wide) / len(which)

    def variance(self) -> float:
        """The mean variance of the units; 1 if nothing varies, so that there is a penalty."""
        return float(self.xp.linalg.trace(self.gram)) / self.gram.shape[0] or 1.0


def softmax_readout(
    codes: Any,
    labels: Any,
    classes: int | None = None,
    epochs: int = 10,
    batch: int = 100,
    optimizer: Optimizer | None = None,
    rng: Random = None,
) -> Network:
    """A Network of one Affinity, fitted to codes (N, m) and labels (N,) by softmax cross-entropy.

    Adam at 0.003 unless an optimizer is given. The codes are fitted less their mean and divided by
    their root mean square, one number for all units, since small codes would take long; the
    Affinity that is given back undoes that, and takes codes as they come.
    """
    codes = _codes(codes)
    labels = _labels(labels, codes.shape[0])
    classes = int(labels.max(initial=0)) + 1 if classes is None else width(classes)
    losses.in_range(labels, classes)
    xp, rng = backend.namespace(codes), backend.generator(rng)
    place, dtype = backend.place_of(codes), backend.dtype_name(codes)
    mean = xp.mean(codes, axis=0)
    scaled = codes - mean
    size = float(xp.sqrt(xp.mean(scaled * scaled))) or 1.0
    scaled /= size
    net = Network(Affinity(codes.shape[1], classes, rng=rng)).to(place.spec, dtype)
    net.fit(scaled, labels, epochs, batch, "softmax cross-entropy", optimizer or Adam(0.003), rng)
    (layer,) = net.layers
    layer.M /= size  # type: ignore[attr-defined]
    layer.b -= layer.M @ mean  # type: ignore[attr-defined]
    return net


# --- what is given --------------------------------------------------------------------------------


def _codes(codes: Any) -> Array:
    codes = backend.asarray(codes)
    if codes.ndim != 2 or not codes.shape[1]:
        raise ShapeError(f"codes: expected (N, m), a row a sample, came {tuple(codes.shape)}")
    if not codes.shape[0]:
        raise ValueError(f"codes: no samples, they have shape {tuple(codes.shape)}")
    xp = backend.namespace(codes)
    if not xp.isdtype(codes.dtype, "real floating"):
        codes = backend.move(codes, backend.place_of(codes), backend.birth_dtype())
    return samples.finite("codes", codes)


def _labels(labels: Any, count: int) -> Labels:
    labels = backend.host(labels)
    if labels.shape != (count,):
        raise ShapeError(f"labels: expected one for each code, ({count},), came {labels.shape}")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels: expected integers, came {labels.dtype}")
    return np.asarray(labels, np.int64)


def _batches(count: int) -> list[tuple[int, int]]:
    return [(start, min(start + BATCH, count)) for start in range(0, count, BATCH)]


def _rows(codes: Array, which: Labels) -> Array:
    return backend.take_rows(codes, backend.move(which, backend.place_of(codes)))


def _winners(codes: Array) -> tuple[Any, Any]:
    """The number of the largest entry of each code, and whether there is one, on the host."""
    xp = backend.namespace(codes)
    won = xp.max(codes, axis=-1) > xp.min(codes, axis=-1)
    return backend.host(xp.argmax(codes, axis=-1)), backend.host(won)
