"""The bench itself: facts, checkpoints, and what a rate of learning does to a network."""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import backend, losses, samples
from minigrad.backend import Array, Random
from minigrad.errors import Diverged, ShapeError
from minigrad.learner import Learner, State, learning_mode, noise_of
from minigrad.network import Network, width_of
from minigrad.optimizers import GradientDescent, learning_rate
from minigrad.stacks import StackLearner, stack

if TYPE_CHECKING:
    from minigrad.bench.knobs import Knobs

HELD_OUT = 100  # facts that a learning potential is measured on


class Potential(float):
    """-ln of the loss on facts not learned from; -inf where learning diverged, which it says."""

    diverged: int | None

    def __new__(cls, value: float, diverged: int | None = None) -> "Potential":
        self = super().__new__(cls, value)
        self.diverged = diverged
        return self

    def __repr__(self) -> str:
        at = "" if self.diverged is None else f" (diverged at step {self.diverged})"
        return f"{float(self)!r}{at}"

    __str__ = __repr__


@dataclass(frozen=True)
class Track:
    """The way of a network through n facts: losses (n,), and theta before and after, (n + 1, P).

    Where learning diverged the way is shorter, and `diverged` is the step that found it out.
    """

    losses: Any
    states: Any
    diverged: int | None = None

    @property
    def step_length(self) -> Any:
        """|theta_k+1 - theta_k|: (n,)."""
        return np.sqrt((np.diff(self.states, axis=0) ** 2).sum(axis=-1))

    @property
    def cosine(self) -> Any:
        """The cosine between a step and the next: (n - 1,); NaN beside a step of no length."""
        steps, length = np.diff(self.states, axis=0), self.step_length
        with np.errstate(invalid="ignore"):
            return (steps[1:] * steps[:-1]).sum(axis=-1) / (length[1:] * length[:-1])

    @property
    def loss_change(self) -> Any:
        """loss_k+1 - loss_k: (n - 1,)."""
        return np.diff(self.losses)


@dataclass(frozen=True)
class LossCube:
    """losses (S, R, n): of S starts, R rates and n facts; NaN from where a network diverged.

    `diverged` (S, R): the step at which that was found out, 0 where it was not.
    """

    rates: Any
    losses: Any
    diverged: Any

    @property
    def broken(self) -> Any:
        """The share of the starts that diverged, for each rate: (R,)."""
        return (self.diverged > 0).mean(axis=0)

    def best_rate(self, last: int = 20) -> float:
        """The rate whose median loss over the last facts is least, of those that all survive."""
        tail = np.median(self.losses[:, :, -last:], axis=(0, 2))
        tail[self.broken > 0] = np.inf
        return float(self.rates[int(np.argmin(tail))])


class NNBench:
    """A network on the bench, and the ideal that it is to learn: a function of one input vector.

    Facts are (v, ideal(v)) with v ~ N(0, 1) of the network's width, drawn anew from `seed` each
    time. `net` stays the same object throughout: a rollback puts its values back in place.
    """

    def __init__(
        self,
        net: Network,
        ideal: Callable[[Any], Any] = lambda v: v,
        width: int | None = None,
        seed: int = 3,
    ) -> None:
        self.net, self.ideal, self.seed = net, ideal, seed
        self.width = width or width_of(net)
        if self.width is None:
            raise ValueError(f"{net!r} takes inputs of any width: say which, NNBench(net, width=2)")
        self._checkpoint: tuple[Any, ...] | None = None
        self.knobs: Knobs | None = None

    # --- checkpoints ---

    def checkpoint_net(self) -> None:
        """Remember the layers of the network, their values, and its rate."""
        net = self.net
        self._checkpoint = net.layers, backend.copy(net.theta), backend.copy(net.grad), net.alpha

    def rollback_net(self) -> None:
        """Put back what `checkpoint_net` remembered, into the same network."""
        if self._checkpoint is None:
            raise RuntimeError("there is no checkpoint to go back to: call checkpoint_net() first")
        layers, theta, grad, self.net.alpha = self._checkpoint
        if len(layers) != len(self.net.layers) or any(
            a is not b for a, b in zip(layers, self.net.layers, strict=True)
        ):
            self.net.layers = layers
        self.net.theta, self.net.grad = theta, grad

    @contextmanager
    def _undone(self) -> Iterator[None]:
        """Leave the network afterwards bit for bit as it was."""
        alpha, memory = self.net.alpha, self.net.remembered()
        state = State(self.net, GradientDescent(), noise_of(self.net))
        try:
            yield
        finally:
            state.restore()
            self.net.alpha = alpha
            self.net.remember(memory)

    # --- facts ---

    def training_data_gen(self, n: int) -> Iterator[tuple[Any, Any]]:
        """n facts (v, ideal(v)) to learn from, the same each time for the same seed."""
        return self._facts(n, self.seed)

    def test_data_gen(self, n: int) -> Iterator[tuple[Any, Any]]:
        """n facts that are never learned from."""
        return self._facts(n, [self.seed, 1])

    def _facts(self, n: int, seed: Any) -> Iterator[tuple[Any, Any]]:
        rng = np.random.default_rng(seed)
        for _ in range(samples.positive("the number of facts", n)):
            v = rng.standard_normal(self.width)
            yield v, self.ideal(v)

    def _arrays(self, facts: Iterator[tuple[Any, Any]]) -> tuple[Array, Array]:
        """Facts as x (n, 1, width) and target (n, 1, m), for the network as it is."""
        x, target = (list(column) for column in zip(*facts, strict=True))
        dtype = backend.dtype_name(self.net.theta)
        x, target = (
            backend.move(
                np.array([np.ravel(v) for v in column], dtype=float), self.net.place, dtype
            )
            for column in (x, target)
        )
        with self._undone():
            made = self.net(x[0, :]).shape[-1]
        if target.shape[-1] != made:
            raise ShapeError(
                f"the ideal makes {target.shape[-1]} numbers of {self.width}, the network {made}"
            )
        return x[:, None, :], target[:, None, :]

    # --- learning ---

    def learn(self, n: int = 100) -> list[float]:
        """Learn from n facts at the rate `net.alpha`; the losses. Raises Diverged."""
        track = self.learn_track(n, states=False)
        if track.diverged is not None:
            raise Diverged(
                f"step {track.diverged}: the loss is not finite; the network keeps its state of "
                f"before; try a smaller alpha than {self.net.alpha:g}"
            )
        return [float(loss) for loss in track.losses]

    def learn_track(self, n: int = 100, states: bool = True) -> Track:
        """Learn from n facts; the losses, and theta all along. Stops where it diverges."""
        x, target = self._arrays(self.training_data_gen(n))
        learner = Learner(self.net, losses.half_squared_error, GradientDescent(self.net.alpha),
                          lambda i: (x[i, ...], target[i, ...]))  # fmt: skip
        kept, seen, diverged = [backend.copy(self.net.theta)], [], None
        with learning_mode(self.net):
            try:
                for i in range(n):
                    seen.append(learner.step(i))
                    if states:
                        kept.append(backend.copy(self.net.theta))
                learner.settle()
            except Diverged as error:
                diverged = error.step
        return Track(np.array(seen), np.array([backend.host(s) for s in kept]), diverged)

    def learning_potential(self, n: int = 100, alpha: float | None = None) -> Potential:
        """-ln of the mean loss on 100 other facts, had the network learned from n at that rate.

        The network is left bit for bit as it was.
        """
        x, target = self._arrays(self.test_data_gen(HELD_OUT))
        with self._undone():
            if alpha is not None:
                self.net.alpha = learning_rate(alpha)
            track = self.learn_track(n, states=False)
            if track.diverged is not None:
                return Potential(-math.inf, track.diverged)
            loss = losses.half_squared_error(self.net(x[:, 0, :]), target[:, 0, :])
        return Potential(-math.log(loss) if loss > 0 else math.inf)

    def loss_cube(
        self, n: int, rates: Sequence[float], starts: int | None = None, rng: Random = 0
    ) -> LossCube:
        """The losses over n facts at each of R rates, all in one stacked run; see `LossCube`.

        From the network as it is (S = 1), or from `starts` fresh draws of it. It is left alone.
        """
        tried = np.atleast_1d(learning_rate(list(rates)))
        x, target = self._arrays(self.training_data_gen(n))
        drawn = stack(self.net, starts or 1, rng)
        if starts is None:
            drawn.theta = self.net.theta[None, :]
        xp, count = drawn.xp, drawn.theta.shape[0]
        many = stack(self.net, count * len(tried), 0)
        many.theta = xp.reshape(
            xp.broadcast_to(drawn.theta[:, None, :], (count, len(tried), drawn.theta.shape[1])),
            many.theta.shape,
        )
        learner = StackLearner(many, losses.half_squared_error,
                               GradientDescent(np.tile(tried, count)),
                               lambda i: (x[i, ...], target[i, ...]))  # fmt: skip
        with learning_mode(many), warnings.catch_warnings(action="ignore"):
            seen = np.stack([learner.step(i) for i in range(n)], axis=-1)
            learner.settle()
        diverged = np.zeros(count * len(tried), dtype=int)
        diverged[list(learner.frozen)] = list(learner.frozen.values())
        shape = count, len(tried)
        return LossCube(tried, seen.reshape(*shape, n), diverged.reshape(shape))

    # --- pictures ---

    def plot_learning(self, n: int = 100, ax: Any = None) -> Any:
        """Learn from n facts, and draw the losses."""
        from minigrad import plots

        return plots.losses(self.learn_track(n, states=False), ax=ax)

    def knobs_plot_learning(self, n: int = 100) -> "Knobs":
        """Learn from n facts in a window with knobs; see `Knobs`."""
        from minigrad.bench.knobs import Knobs

        self.knobs = Knobs.in_window(self, n)  # kept: widgets die with their last reference
        return self.knobs
