"""Many rows learned at once, exactly: the fast path of the two layers on a torus, for numpy.

`SparseLayer.update` and `InvariantLayer.update` say what happens to one sample, plainly, and are
what this is tested against: the same winners at every step, the same weights to rounding. It pays
because a step changes k rows, or k columns, of the weights, and the plain way reads and writes all.

The sparse layer: P = V W^T once for a block of samples. After each of them only its winners' rows
are others, so that only P[later samples, winners] is computed again: nothing is ever stale.

The invariant layer: at a silent input x_j = 0 the error is -r_j / r_j = -1 for each weight, so
that the rule is one factor a row. With W = diag(d) U it goes into d, and only the columns of the
active inputs of U are touched. That holds while r_j >= PREC and no weight meets FLOOR. The least
entry of each row is a bound on both: where it gives way, the columns with a smaller r_j are touched
as well, and the rows with weights below FLOOR lifted to it.
"""

import os
from contextlib import nullcontext
from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array
from minigrad.fast import one_thread
from minigrad.hebbian.torus import circulant

BLOCK = 64  # samples looked ahead: half that and twice that were slower
FOLD = 1e-6  # the least of d: below, W is written out and taken anew

# What the fast path has in it. Who changes one of these, in a subclass or while Python runs, to see
# what it does, gets the plain steps, and so does everybody under MINIGRAD_PLAIN=1.
METHODS = ("update", "activity", "excitation", "sums", "reset", "renormalise")


def rule(layer: type) -> dict[str, Any]:
    """The methods of a class that the fast path stands for."""
    return {name: getattr(layer, name) for name in METHODS if hasattr(layer, name)}


def applies(layer: Any, rule: dict[str, Any]) -> bool:
    """Whether the fast path does what the layer does: on numpy, by the methods known here."""
    return (
        layer.place.name == "numpy"
        and not os.environ.get("MINIGRAD_PLAIN")
        and all(getattr(type(layer), name) is method for name, method in rule.items())
        and not rule.keys() & vars(layer).keys()
    )


class Competition:
    """The winners of one sample after the other, with every buffer laid out once."""

    def __init__(self, layer: Any) -> None:
        self.layer, self.k, self.m = layer, layer.k, layer.m
        self.lateral, self.border = bool(layer.lateral), layer.m - layer.k - 1
        if self.lateral:
            torus, dtype = layer.torus, layer.theta.dtype
            self.side, self.weight = torus.side, dtype.type(layer.lateral / torus.neighbours)
            self.down, self.across = (
                circulant(n, torus.radius, "numpy", dtype.name) for n in torus.side
            )
            self.half, self.box = np.empty(torus.side, dtype), np.empty(torus.side, dtype)
            self.c = self.box.reshape(-1)

    def winners(self, p: Array) -> Array:
        """The numbers of the k units of the largest excitation, in any order."""
        c = p
        if self.lateral:
            c = self.c
            np.dot(self.down, p.reshape(self.side), out=self.half)
            np.dot(self.half, self.across, out=self.box)
            np.subtract(c, p, out=c)
            np.multiply(c, self.weight, out=c)
            np.add(c, p, out=c)
        if self.border < 0:  # all win
            return np.arange(self.m)
        order = c.argpartition(self.border)
        won = order[self.border + 1 :]
        if np.minimum.reduce(c[won]) == c[order[self.border]]:  # of equals the first wins
            return backend.top_k(c, self.k)
        return won


def sparse(layer: Any, x: Array) -> Array:
    """`SparseLayer.learn_rows` of x (N, n): the codes (N, m)."""
    # Most products are small: threads that wait for the next would cost more than they bring.
    with one_thread if len(x) > BLOCK else nullcontext():
        return _sparse(layer, x)


def _sparse(layer: Any, x: Array) -> Array:
    W, wins, dtype = layer.W, layer.wins, layer.theta.dtype
    prec, floor, rate = (dtype.type(v) for v in (layer.PREC, layer.FLOOR, layer.rate))
    np.maximum(W, floor, out=W)
    ones, change = np.ones(layer.n, dtype), np.empty((layer.k, layer.n), dtype)
    y = np.zeros((x.shape[0], layer.m), dtype)
    competition = Competition(layer)
    for start in range(0, x.shape[0], BLOCK):
        V = np.ascontiguousarray(x[start : start + BLOCK])
        P = V @ W.T
        for i in range(V.shape[0]):
            p = P[i]
            won = competition.winners(p)
            a, rows = p[won], W[won]
            r = a @ rows
            e = V[i] - r
            np.maximum(r, prec, out=r)
            e /= r
            e *= rate
            np.multiply(a[:, None], e, out=change)
            change *= rows
            rows += change
            np.maximum(rows, floor, out=rows)
            W[won] = rows
            y[start + i, won] = a / np.maximum(rows @ ones, prec)
            wins[won] += a > 0
            P[i + 1 :, won] = V[i + 1 :] @ rows.T
    return y


def invariant(layer: Any, x: Array) -> Array:
    """`InvariantLayer.learn_rows` of x (N, n): the activities (N, m)."""
    with one_thread if len(x) > BLOCK else nullcontext():
        return _invariant(layer, x)


def _invariant(layer: Any, x: Array) -> Array:
    competition = None if layer.k is None else Competition(layer)
    trace, faded, alpha = layer.trace, layer.FADED, layer.theta.dtype.type(layer.alpha)
    renormalise_every, reset_every = layer.renormalise_every, layer.reset_every
    since_renormalised, since_reset = (int(count) for count in layer.clock)
    weights = Decaying(layer)
    y = np.zeros((x.shape[0], layer.m), layer.theta.dtype)
    for i in range(x.shape[0]):
        if reset_every is not None:
            if since_reset >= reset_every:
                trace[...], since_reset = 0, 0
            since_reset += 1
        seen = x[i].nonzero()[0]
        values, columns = x[i, seen], weights.U[seen]
        a = y[i]
        np.multiply(values @ columns, weights.d, out=a, casting="same_kind")
        if competition is not None:
            won = competition.winners(a)
            p = a[won]
            a[...] = 0
            a[won] = p
        trace += (a - trace) * alpha
        trace *= trace >= faded
        weights.learn(x[i], seen, columns, values, trace.astype(np.float64))
        if renormalise_every is not None:
            if since_renormalised == 0:
                weights.pack()
                layer.renormalise()
                weights.unpack()
            since_renormalised = (since_renormalised + 1) % renormalise_every
    weights.pack()
    layer.wins += np.count_nonzero(y > 0, axis=0)
    layer.clock = [since_renormalised, since_reset]
    return y


class Decaying:
    """W of an invariant layer as diag(d) U, with U by columns, and bounds on its least entries."""

    def __init__(self, layer: Any) -> None:
        self.layer, self.dtype = layer, layer.theta.dtype
        self.active, self.silent = layer.rates
        self.prec, self.floor = layer.PREC, layer.FLOOR
        # at the floor, by rounding, is not below it
        self.below = self.floor * (1 - 4 * np.finfo(self.dtype).eps)
        self.unpack()

    def unpack(self) -> None:
        """Take W, with d = 1."""
        self.U = np.ascontiguousarray(np.maximum(self.layer.W, self.dtype.type(self.floor)).T)
        self.d = np.ones(self.layer.m)  # float64, for it is a product of thousands of factors
        self.least = self.U.min(axis=0).astype(np.float64)  # no entry of the row is smaller

    def pack(self) -> None:
        """Write W back."""
        W = (self.U * self.d.astype(self.dtype)).T
        self.layer.W = np.maximum(W, self.dtype.type(self.floor))

    def learn(self, x: Array, seen: Array, columns: Array, values: Array, t: Array) -> None:
        """The rule for one frame x and its trace t: `seen` are the inputs above 0, `columns` and
        `values` what U and x have there."""
        shrink, zeta = 1 - self.silent * t, self.active
        after, strength = self.d * shrink, self.d * t
        if np.minimum.reduce(after) < FOLD:  # too small a factor, or none at all: W itself, whole
            self.U *= self.d.astype(self.dtype)
            shrink, after, strength = np.ones_like(t), np.ones_like(t), t
            self.least = self.U.min(axis=0).astype(np.float64)
            seen, columns, values = np.arange(x.shape[0]), self.U, x
            zeta = np.where(x > 0, self.active, self.silent)
        elif strength @ self.least < self.prec:
            self.least = self.U.min(axis=0).astype(np.float64)
            if strength @ self.least < self.prec:
                seen = ((self.U @ strength < self.prec) | (x > 0)).nonzero()[0]
                columns, values = self.U[seen], x[seen]
                zeta = np.where(values > 0, self.active, self.silent)
        r = columns @ strength
        e = values - r
        e /= np.maximum(r, self.prec)
        e *= zeta
        new = np.multiply.outer(e, t)
        new += 1
        new /= shrink
        new *= columns
        self.U[seen] = new
        least = np.minimum(self.least, np.minimum.reduce(new, axis=0, initial=np.inf))
        low = (after * least < self.below).nonzero()[0]
        if low.size:
            rows = np.maximum(self.U[:, low], (self.floor / after[low]).astype(self.dtype))
            self.U[:, low], least[low] = rows, rows.min(axis=0)
        self.d, self.least = after, least
