"""Many rows learned at once, exactly: the fast path of the two layers on a torus, for numpy.

`SparseLayer.update` and `InvariantLayer.update` say what happens to one sample, plainly, and are
what this is tested against: the same winners at every step, the same weights to rounding. It pays
because a step changes k rows, or k columns, of the weights, and the plain way reads and writes all.
What is left is small, where a call costs more than its arithmetic: the fewer calls the better.

The sparse layer: P = V W^T once for a block of samples. After each of them only its winners' rows
are others, so that only P[later samples, winners] is computed again: nothing is ever stale.

The invariant layer: at a silent input x_j = 0 the error is -r_j / r_j = -1 for each weight, so
that the rule is one factor s_i = 1 - silent t_i a row. With W = diag(d) U it goes into d, and only
the columns of the active inputs of U are touched. That holds while
- no weight meets FLOOR. Of silent inputs FLOOR can wait until their column is read, for s <= 1:
  max(max(w s, FLOOR) s', FLOOR) = max(w s s', FLOOR).
- r_j >= PREC. A trace falls to (1 - alpha) of itself at most, a weight to 1 - rate * trace of
  itself, so that one number follows from frame to frame below all r_j. Where it gives way r is
  computed anew, and columns of a smaller r_j are touched as well.
"""

import os
from contextlib import nullcontext
from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array
from minigrad.fast import one_thread
from minigrad.hebbian.torus import Torus, circulant

BLOCK = 64  # samples looked ahead: half that is slower, twice that no quicker
FEW = 50  # winners: up to here to take the largest k times is quicker than a partition
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
        and (layer.torus is None or type(layer.torus).sum is TORUS_SUM)
        and not rule.keys() & vars(layer).keys()
    )


TORUS_SUM = Torus.sum


class Competition:
    """The winners of one sample after the other, with every buffer laid out once."""

    def __init__(self, layer: Any, dtype: Any) -> None:
        self.k, self.lateral = layer.k, bool(layer.lateral)
        self.c = np.empty(layer.m, dtype)
        if self.lateral:
            torus = layer.torus
            self.side, self.weight = torus.side, dtype.type(layer.lateral / torus.neighbours)
            self.down, self.across = (
                circulant(n, torus.radius, "numpy", dtype.name) for n in torus.side
            )
            self.half, self.box = np.empty(torus.side, dtype), self.c.reshape(torus.side)

    def winners(self, p: Array) -> Any:
        """The numbers of the k units of the largest excitation; of equals the first."""
        c = self.c
        if self.lateral:
            self.down.dot(p.reshape(self.side), self.half)
            self.half.dot(self.across, self.box)
            np.subtract(c, p, c)
            np.multiply(c, self.weight, c)
            np.add(c, p, c)
        else:
            c[...] = p
        if self.k > FEW:
            return backend.top_k(c, self.k)
        won = []
        for _ in range(self.k):
            best = c.argmax()  # the first of equals
            c[best] = -np.inf
            won.append(best)
        return np.array(won)


def sparse(layer: Any, x: Array) -> Array:
    """`SparseLayer.learn_rows` of x (N, n): the codes (N, m)."""
    # Most products are small: threads that wait for the next would cost more than they bring.
    with one_thread if len(x) > BLOCK else nullcontext():
        return _sparse(layer, x)


def _sparse(layer: Any, x: Array) -> Array:
    W, wins, k, dtype = layer.W, layer.wins, layer.k, layer.theta.dtype
    prec, floor, rate = (dtype.type(v) for v in (layer.PREC, layer.FLOOR, layer.rate))
    np.maximum(W, floor, out=W)
    competition = Competition(layer, dtype)
    V, P = np.ones((BLOCK + 1, layer.n), dtype), np.empty((BLOCK + 1, layer.m), dtype)
    rows, factors = np.empty((2, k, layer.n), dtype)
    strengths, errors = np.ones((k, 2), dtype), np.ones((2, layer.n), dtype)
    strength, e = strengths[:, 0], errors[0]
    r = np.empty(layer.n, dtype)
    y = np.zeros((x.shape[0], layer.m), dtype)
    for start in range(0, x.shape[0], BLOCK):
        count = min(BLOCK, x.shape[0] - start)
        first = BLOCK - count  # samples stand before the row of ones, whose products are the sums
        V[first:BLOCK] = x[start : start + count]
        np.matmul(V[first:BLOCK], W.T, out=P[first:BLOCK])
        units, active = np.empty((BLOCK, k), np.intp), np.empty((BLOCK, k), dtype)
        sums = np.empty((BLOCK, k), dtype)
        for i in range(first, BLOCK):
            p = P[i]
            won = units[i] = competition.winners(p)
            a = active[i] = p.take(won)
            W.take(won, 0, rows, "clip")
            a.dot(rows, r)
            np.subtract(V[i], r, e)
            np.maximum(r, prec, out=r)
            np.divide(e, r, e)
            np.multiply(a, rate, strength)
            strengths.dot(errors, factors)  # 1 + rate a_i e_j
            np.multiply(rows, factors, rows)
            np.maximum(rows, floor, out=rows)
            W[won] = rows
            later = rows.dot(V[i + 1 :].T)
            P[i + 1 :, won] = later.T
            sums[i] = later[:, -1]
        units, active = units[first:], active[first:]
        codes = active / np.maximum(sums[first:], prec)
        np.put_along_axis(y[start : start + count], units, codes, axis=1)
        wins += np.bincount(units[active > 0], minlength=layer.m)
    return y


def invariant(layer: Any, x: Array) -> Array:
    """`InvariantLayer.learn_rows` of x (N, n): the activities (N, m)."""
    with one_thread if len(x) > BLOCK else nullcontext():
        return _invariant(layer, x)


def _invariant(layer: Any, x: Array) -> Array:
    competition = None if layer.k is None else Competition(layer, np.dtype(np.float64))
    renormalise_every, reset_every = layer.renormalise_every, layer.reset_every
    since_renormalised, since_reset = (int(count) for count in layer.clock)
    weights = Decaying(layer)
    y = np.empty((x.shape[0], layer.m), layer.theta.dtype)
    for start in range(0, x.shape[0], BLOCK):
        V = x[start : start + BLOCK]
        where = np.flatnonzero(V > 0)  # of truth values: five times as quick as of numbers
        inputs, values = where % x.shape[1], V.reshape(-1)[where].astype(np.float64)
        ends = np.searchsorted(where, np.arange(len(V) + 1) * x.shape[1]).tolist()
        for i in range(len(V)):
            if reset_every is not None:
                if since_reset >= reset_every:
                    weights.reset()
                    since_reset = 0
                since_reset += 1
            seen, active = inputs[ends[i] : ends[i + 1]], values[ends[i] : ends[i + 1]]
            columns = weights.columns(seen)
            a = active.dot(columns)
            np.multiply(a, weights.d, a)
            if competition is not None:
                won = competition.winners(a)
                p = a[won]
                a[...] = 0
                a[won] = p
            y[start + i] = a
            weights.learn(a, V[i], seen, columns, active)
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
    """W of an invariant layer as diag(d) U, with U by columns, and its trace. In float64: d is a
    product of thousands of factors, and only few numbers are touched."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.active, self.silent = layer.rates
        self.prec, self.floor, self.alpha = layer.PREC, layer.FLOOR, layer.alpha
        self.fade, self.faster = 1 - layer.alpha, max(layer.rates)
        # 1 and the trace, which is counted in units of alpha: two calls move it
        self.one_trace = np.ones((2, layer.m))
        self.trace = self.one_trace[1]
        np.divide(layer.trace, self.alpha, out=self.trace)
        self.least_trace = 0.0
        self.one_e = np.ones((layer.n, 2))
        # what makes 1 - silent t and t of them
        self.mix = np.array([[1, -self.silent * self.alpha], [0, self.alpha]])
        self.unpack()

    def unpack(self) -> None:
        """Take W, with d = 1."""
        self.U = self.layer.W.T.astype(np.float64, order="C")
        self.d, self.least_d = np.ones(self.layer.m), 1.0
        self.least_r = 0.0  # unknown

    def pack(self) -> None:
        """Write W and the trace back."""
        W = (self.U * self.d).T
        W, trace = np.maximum(W, self.floor), self.alpha * self.trace
        self.layer.W, self.layer.trace = (v.astype(self.layer.theta.dtype) for v in (W, trace))

    def reset(self) -> None:
        """Clear the trace."""
        self.trace[...], self.least_r, self.least_trace = 0, 0.0, 0.0

    def columns(self, seen: Array) -> Array:
        """The columns of U of these inputs, FLOOR made good."""
        columns = self.U.take(seen, 0)
        return np.maximum(columns, self.floor / self.d, out=columns)

    def learn(self, a: Array, x: Array, seen: Array, columns: Array, values: Array) -> None:
        """The rule for one frame x and its activities a: `seen` are the inputs above 0, `columns`
        and `values` what U and x have there."""
        trace, zeta = self.trace, self.active
        np.multiply(trace, self.fade, trace)
        np.add(trace, a, trace)
        self.least_trace *= self.fade
        if self.least_trace * self.alpha < self.layer.FADED:
            trace *= self.alpha * trace >= self.layer.FADED
            self.least_trace = trace.min()
        top = self.alpha * float(trace[trace.argmax()])
        shrink_t = self.mix.dot(self.one_trace)
        self.least_d *= 1 - self.silent * top
        if not self.least_d >= FOLD:
            self.least_d = float((self.d * shrink_t[0]).min())
        if not self.least_d >= FOLD:  # too small a factor, or none at all: W itself, whole
            self.U = np.maximum(self.U * self.d, self.floor)
            self.d, self.least_d, shrink_t[0] = np.ones_like(self.d), 1.0, 1
            self.least_r = 0.0
            seen, columns, values = np.arange(len(x)), self.U, x
            zeta = np.where(x > 0, self.active, self.silent)
        elif not self.least_r >= self.prec:
            r = self.U @ (self.d * shrink_t[1])
            self.least_r = float(r.min())
            if not self.least_r >= self.prec:
                seen = ((r < self.prec) | (x > 0)).nonzero()[0]
                columns, values = self.columns(seen), x[seen]
                zeta = np.where(values > 0, self.active, self.silent)
        self.least_r *= self.fade * (1 - self.faster * top)
        after, strength = shrink_t * self.d
        r = columns.dot(strength)
        e = values - r
        e /= np.maximum(r, self.prec)
        one_e = self.one_e[: len(seen)]
        np.multiply(e, zeta * self.alpha, one_e[:, 1])
        new = one_e.dot(self.one_trace / shrink_t[0])  # (1 + e_j t_i) / s_i
        new *= columns
        self.U[seen], self.d = new, after
