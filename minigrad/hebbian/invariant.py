"""The invariant layer: what follows in time is bound together, by a trace of past activity.

    p = W x;  a = p of the k winners by lateral excitation, else 0
    t <- t + alpha (a - t)                         the trace (Foldiak, Neural Computation 3, 1991)
    r = W^T t
    W <- W + W * t (zeta (x - r))^T / max(r, prec) zeta: one rate for active inputs, x > 0, and
                                                   one for silent ones

Every so many frames each row of W is scaled to the sum n / m.
"""

import math
from typing import Any

from minigrad import samples
from minigrad.backend import Array, Random
from minigrad.hebbian import lookahead
from minigrad.hebbian.local import from_zero
from minigrad.hebbian.torus import TorusLayer


class InvariantLayer(TorusLayer):
    """n inputs to m units that answer alike to what came one after the other.

    `side`, `k`, `radius`, `lateral`: see `TorusLayer`; k=None: no competition, all units learn from
    everything, which is what the seed does. `alpha`: how fast the trace follows (1: no memory).
    `rates`: of active and of silent inputs. `renormalise_every`: frames from one renormalisation to
    the next, the first after the first frame; None: never. `reset_every`: frames after which the
    trace is cleared, as `reset()` does; None: never. `start`: of W (U(0, 0.1)); of samples, as
    `start=codes`, no unit begins dead. Where frames dwell on one thing for a while, so long is a
    good `reset_every`.

    `layer(x)` and `layer.learn(x)` give the activities a, which have no memory; `layer.traces(x)`
    gives their traces. The trace and the two counts of frames are parameters (`trace` (m,),
    `clock` (2,)), so that theta is all there is to save and continue from. Weights stay above
    FLOOR as in `SparseLayer`; a trace below FADED is cleared.
    """

    FADED = 1e-20  # of the trace: what halves at every frame would end in denormal numbers

    trace: Array
    clock: Array

    def __init__(
        self,
        n: int,
        side: tuple[int, int] | int = (10, 10),
        k: int | None = 1,
        radius: int = 2,
        lateral: float | None = 0.0,
        alpha: float = 1 / 3,
        rates: tuple[float, float] = (0.08, 0.0008),
        renormalise_every: int | None = 8,
        reset_every: int | None = None,
        start: Any = None,
        rng: Random = None,
    ) -> None:
        if not 0 < alpha <= 1:
            raise ValueError(f"alpha lies above 0 and up to 1, not {alpha!r}")
        if not isinstance(rates, tuple | list) or len(rates) != 2:
            raise TypeError(f"rates are a pair, of active and of silent inputs, not {rates!r}")
        if not all(math.isfinite(rate) and rate >= 0 for rate in rates):
            raise ValueError(f"rates are numbers of at least 0, not {rates!r}")
        self.alpha, self.rates = float(alpha), (float(rates[0]), float(rates[1]))
        if renormalise_every is not None:
            samples.positive("renormalise_every", renormalise_every)
        if reset_every is not None:
            samples.positive("reset_every", reset_every)
        self.renormalise_every, self.reset_every = renormalise_every, reset_every
        super().__init__(
            n, side, k, radius, lateral, from_zero(0.1) if start is None else start, rng
        )

    def carried(self) -> dict[str, tuple[int, ...]]:
        return {**super().carried(), "trace": (self.m,), "clock": (2,)}

    def forward(self, x: Array) -> Array:
        return self.activity(x @ self.W.mT)

    def reset(self) -> None:
        """Clear the trace: what comes next does not follow what came before."""
        self.trace[...] = 0
        self.clock[1] = 0

    def traces(self, x: Any) -> Array:
        """The traces (N, m) that frames x (N, n) leave one after the other, the first after none.

        Nothing is learned, and the layer's own trace stays as it is.
        """
        a, t, found = self(x), None, []
        for i in range(a.shape[0]):
            t = self.alpha * a[i, :] if t is None else t + self.alpha * (a[i, :] - t)
            found.append(t)
        return self.xp.stack(found)

    def update(self, x: Array) -> Array:
        xp, W = self.xp, self.W
        if self.reset_every is not None and int(self.clock[1]) >= self.reset_every:
            self.reset()
        a = self.activity(W @ x)
        t = self.trace + self.alpha * (a - self.trace)
        self.trace = t = xp.where(t < self.FADED, self._number(0), t)
        r = W.mT @ t
        zeta = xp.where(x > 0, self._number(self.rates[0]), self._number(self.rates[1]))
        e = zeta * (x - r) / xp.maximum(r, self._number(self.PREC))
        self.W = xp.maximum(W + W * t[:, None] * e[None, :], self._number(self.FLOOR))
        self.wins += xp.astype(a > 0, a.dtype)
        self.clock[1] = int(self.clock[1]) + 1 if self.reset_every is not None else 0
        if self.renormalise_every is not None:
            if int(self.clock[0]) == 0:
                self.renormalise()
            self.clock[0] = (int(self.clock[0]) + 1) % self.renormalise_every
        return a

    def renormalise(self) -> None:
        """Scale each row of W to the sum n / m."""
        scaled = self.W * (self.n / self.m / self.sums())[:, None]
        self.W = self.xp.maximum(scaled, self._number(self.FLOOR))

    def learn_rows(self, x: Array) -> Array:
        if lookahead.applies(self, RULE):
            return lookahead.invariant(self, x)
        return super().learn_rows(x)


RULE = lookahead.rule(InvariantLayer)
