"""A memory with hidden units: the restricted Boltzmann machine.

E(v, h) = -h.W v - a.v - b.h             # visible units v (n,), hidden units h (hidden,)
F(v) = -ln sum over h of exp(-E(v, h))   # P(v) = exp(-F(v)) / Z
"""

from collections.abc import Sequence
from typing import Any

from minigrad import backend, maps
from minigrad.backend import Array, Random
from minigrad.errors import ShapeError
from minigrad.hopfield.codings import Coding
from minigrad.hopfield.codings import coding as coding_of
from minigrad.hopfield.memories import Memory
from minigrad.hopfield.soft_sign import straight_through
from minigrad.layers import width
from minigrad.samples import positive

UNITS = ("mean", "hard", "soft")
FALLING = ("synchronous", "asynchronous", "in part")


class RBM(Memory):
    """y = step(a + W^T z), z = E[h | x] = f(W x + b) with f = tanh for signs, sigmoid for bits.

    The step is towards -dF/dx, and F is concave: whatever units follow their fields, F falls.
    `units`: "mean" is this; "hard" has z = step(W x + b), and min over h of E(x, h) falls, as h and
    x take the best answer to each other in turn; "soft" has y = f(a + W^T z), the mean field. W
    (hidden, n), b (hidden,), a (n,); with bias=False b and a are frozen at 0.

    Learned by "contrastive divergence", from `k` sweeps of Gibbs sampling (`persistent`: by chains
    that go on from batch to batch), or as an autoencoder by "mae", or the "logistic" loss of the
    fields, where a step has the slope of a soft one (see `straight_through`). Source: Smolensky
    (1986); Hinton, Neural Computation 14 (2002); Tieleman, ICML 2008.
    """

    batch = 64
    rate: float  # of the usual descent of contrastive divergence
    chain: Array | None = None  # where the persistent chains are, while it is taught
    W: Array
    b: Array
    a: Array
    dW: Array
    db: Array
    da: Array

    def __init__(
        self,
        hidden: int = 256,
        n: int | None = None,
        bias: bool = True,
        coding: str | Coding = "signs",
        units: str = "mean",
        k: int = 1,
        persistent: bool = False,
        rng: Random = None,
    ) -> None:
        self.hidden, self.coding, self.units = width(hidden), coding_of(coding), units
        self.bias, self.k, self.persistent = bias, positive("k", k), persistent
        if not self.coding.discrete:
            raise ValueError(f"{self} has units of two values: coding 'signs' or 'bits'")
        if units not in UNITS:
            raise ValueError(f"units: expected one of {', '.join(UNITS)}, came {units!r}")
        self.rate = 0.32 / self.coding.span**4  # moves the couplings as far in either coding
        self.losses = ("contrastive divergence", "logistic", "mae")
        if units == "hard":
            self.losses = self.losses[::-1]
        self.activation = self.coding.soft if units == "soft" else None
        self.smooth = units == "soft"
        self.step, self.start = straight_through(self.coding), rng
        if n is not None:
            self._widen(width(n), rng)

    def begin(self, patterns: Array, rng: Random) -> None:
        self.chain = None
        if self.n is None:
            self._widen(patterns.shape[1], rng if self.start is None else self.start)

    def _widen(self, n: int, rng: Random) -> None:
        self.n = self.m = n
        self._lay_out(rng=rng, W=(self.hidden, n), b=(self.hidden,), a=(n,))
        if not self.bias:
            self.freeze("b", "a")

    # --- the energy ---

    def energy(self, x: Array, h: Array | None = None) -> Array:
        """F(x) (...,); with hard units the least E(x, h) over h."""
        return self._energy(x, self.units == "hard")

    def free_energy(self, v: Any) -> Array:
        """F(v) = -a.v - sum_j ln(e^{low f_j} + e^{high f_j}), f = W v + b: (..., n) -> (...,)."""
        return self._energy(self._admit(v), False)

    def joint_energy(self, v: Any, h: Any) -> Array:
        """E(v, h) = -h.W v - a.v - b.h of v (..., n) and h (..., hidden)."""
        v, h, xp = self._admit(v), self._admit_hidden(h), self.xp
        return -xp.sum(h * self._drive(v), axis=-1) - xp.sum(self.a * v, axis=-1)

    def _energy(self, v: Array, hard: bool) -> Array:
        return -self.xp.sum(self.a * v, axis=-1) - self._relief(self._drive(v), hard)

    def _relief(self, f: Array, hard: bool) -> Array:
        """What the hidden units take from the energy, (...,), driven by f (..., hidden)."""
        low, span, xp = self.coding.low, self.coding.span, self.xp
        inner = maps.relu if hard else maps.softplus
        return xp.sum(low * f + inner.f(xp, span * f), axis=-1)

    def promise(self, update: str) -> str:
        if update == "continuous":
            return "F and the cost of leaving the middle fall along the flow"
        if update not in FALLING:
            return ""
        if self.units == "hard":
            return "h and then x take the best answer to each other: E(x, h) falls"
        return "F is concave, and units go against its slope"

    # --- a step ---

    def field(self, x: Array) -> Array:
        return self._heard(x, self.step if self.units == "hard" else self.coding.soft)

    def flow(self, x: Array) -> Array:
        """-dF/dx (..., n), with hard units too."""
        return self._heard(x, self.coding.soft)

    def flow_energy(self, x: Array, gain: float) -> Array | None:
        energy = super().flow_energy(x, gain)
        if self.units == "hard" and energy is not None:
            energy = energy - self._energy(x, True) + self._energy(x, False)
        return energy

    def _heard(self, x: Array, hidden_map: maps.ScalarMap) -> Array:
        """The field (..., n) of the hidden units that answer x (..., n) by this map."""
        self.x, self.f, self.hidden_map = x, self._drive(x), hidden_map
        self.z = hidden_map.f(self.xp, self.f)
        return self.z @ self.W + self.a

    def _drive(self, v: Array) -> Array:
        """W v + b, (..., n) -> (..., hidden)."""
        if self.n is None:
            raise ValueError(f"{self}: no visible units yet: learn(patterns), or give it n")
        return v @ self.W.mT + self.b

    def field_backprop(self, dh: Array) -> Array:
        df = (dh @ self.W.mT) * self.hidden_map.df(self.xp, self.f)
        self.dW += self.rows(self.z).mT @ self.rows(dh) + self.rows(df).mT @ self.rows(self.x)
        self.da += self.total(dh)
        self.db += self.total(df)
        return df @ self.W

    def backprop(self, dy: Array) -> Array:
        if self.activation is None and not self.gives_fields:
            return self.field_backprop(self.step.df(self.xp, self.h) * dy)
        return super().backprop(dy)

    @property
    def passes_gradient(self) -> bool:
        """A step passes on the slope of a soft one."""
        return True

    def sweep(
        self,
        x: Array,
        order: Sequence[int],
        noise: Array | None = None,
        h: Array | None = None,
    ) -> Array:
        # with noise the field of a unit is how much lower E is with its high value, for one unit of
        # the span: so states come up as exp(-E / T)
        x, hard = backend.copy(x), self.units == "hard"
        f, hidden_map = self._drive(x), self.step if hard else self.coding.soft
        for i in order:
            w, v = self.W[:, i], x[:, i]
            if noise is None:
                field = hidden_map.f(self.xp, f) @ w + self.a[i]
            else:
                high, low = (
                    self._relief(f + (u - v)[:, None] * w, hard)
                    for u in (self.coding.high, self.coding.low)
                )
                field = (high - low) / self.coding.span + self.a[i] + noise[:, i]
            new = self.coding.snap(self.xp, field, v)
            f = f + (new - v)[:, None] * w
            x[:, i] = new
        return x

    # --- a machine ---

    def hidden_mean(self, v: Any) -> Array:
        """E[h | v] = f(W v + b), (..., n) -> (..., hidden)."""
        return self.coding.soft.f(self.xp, self._drive(self._admit(v)))

    def visible_mean(self, h: Any) -> Array:
        """E[v | h] = f(W^T h + a), (..., hidden) -> (..., n)."""
        return self.coding.soft.f(self.xp, self._admit_hidden(h) @ self.W + self.a)

    def sample_hidden(self, v: Any, rng: Random = None) -> Array:
        """h (..., hidden) drawn from P(h | v): high with 1 / (1 + exp(-(high - low) f_j))."""
        return self._sample(self.hidden_mean(v), rng)

    def sample_visible(self, h: Any, rng: Random = None) -> Array:
        """v (..., n) drawn from P(v | h)."""
        return self._sample(self.visible_mean(h), rng)

    def gibbs(self, v: Any, steps: int = 1, rng: Random = None) -> Array:
        """v (..., n) after so many sweeps: all hidden units are drawn, then all visible ones."""
        steps, rng = positive("steps", steps), backend.generator(rng)
        for _ in range(steps):
            v = self.sample_visible(self.sample_hidden(v, rng), rng)
        return v

    def _sample(self, mean: Array, rng: Random) -> Array:
        u = backend.generator(rng).random(tuple(mean.shape))
        level = self.coding.low + self.coding.span * u
        high = backend.move(level, self.place, backend.dtype_name(mean)) < mean
        return self.xp.where(high, self.xp.full_like(mean, self.coding.high), self.coding.low)

    def _admit_hidden(self, h: Any) -> Array:
        h = backend.receive(h, self.theta)
        if not h.ndim or h.shape[-1] != self.hidden:
            raise ShapeError(
                f"{self}: hidden states are (..., {self.hidden}), came {tuple(h.shape)}"
            )
        return h

    # --- contrastive divergence ---

    def rule(self, seen: Array, x: Array, rng: Random) -> float:
        """Adds to grad the mean of dF/dtheta over x (B, n) less that over chains after k sweeps.

        Chains begin at what is seen, (B, n). Returns the share of units wrong after one step.
        """
        start = seen if self.chain is None else self.chain
        end = self.gibbs(start, self.k, rng)
        if self.persistent:
            self.chain = end
        self._contrast(x, self.hidden_mean(x), -1 / x.shape[0])
        self._contrast(end, self.hidden_mean(end), 1 / end.shape[0])
        return self._wrong(seen, x)

    def _contrast(self, v: Array, z: Array, weight: float) -> None:
        """Adds to grad `weight` times z v^T and the like, summed over the batch."""
        self.dW += weight * (z.mT @ v)
        self.db += weight * self.total(z)
        self.da += weight * self.total(v)

    def _wrong(self, seen: Array, x: Array) -> float:
        off = self.answer(self.field(seen), seen) != x
        return float(self.xp.mean(self.xp.astype(off, x.dtype)))

    def recoded(self, to: str | Coding) -> "RBM":
        """The same machine in another coding: all probabilities and answers are the same.

        From bits to signs W' = W / 4, b' = b / 2 + W 1 / 4, a' = a / 2 + W^T 1 / 4.
        """
        if self.n is None:
            raise ValueError(f"{self}: no visible units yet: learn(patterns), or give it n")
        to, of = coding_of(to), self.coding
        twin = RBM(
            self.hidden, self.n, self.bias, to, self.units, self.k, self.persistent, rng=0
        ).to(self.place.spec, self.theta.dtype)
        scale = of.span / to.span
        offset = of.low - scale * to.low
        twin.W = scale**2 * self.W
        twin.b = scale * (self.b + offset * self.xp.sum(self.W, axis=1))
        twin.a = scale * (self.a + offset * self.xp.sum(self.W, axis=0))
        if self.patterns is not None:
            twin.patterns = to.from_signs(of.to_signs(self.patterns))
        return twin

    def _forget(self) -> None:
        super()._forget()
        self.chain = None

    def title(self) -> str:
        return f"{type(self).__name__} of {self.hidden} hidden units, {self.units}"
