"""The step of learning, prepared: every buffer laid out once, then a row of calls into numpy.

`learner.Step` says what a step is, plainly; a `Program` does the same for a network of Affinity,
Map and Identity layers on numpy, for batches of one shape, and is tested against it. It pays
because the calls, not the arithmetic, are what a small network costs, and because an optimizer
that works through theta in blocks that fit the cache reads memory once, not once an operation.
"""

import math
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import backend, losses, maps
from minigrad.backend import Array
from minigrad.layers import Affinity, Identity, Layer, Map
from minigrad.network import Network
from minigrad.optimizers import Adam, GradientDescent, Momentum

if TYPE_CHECKING:
    from minigrad.learner import Step

Call = tuple[Callable[..., Any], tuple[Any, ...]]  # a function and its arguments
Calls = list[Call]
Backward = Callable[[Array, bool], Array]  # dE/dy, whether dE/dx is wanted -> dE/dx
AFTER = 4  # plain steps of one batch shape before a program is made for it
BLOCK = 32768  # numbers of theta that an optimizer works through at a time
MOST = 8  # programs kept, each with its buffers
FLUSH = 64  # steps after which moments too small to matter are set to 0
SMALL = 2**23  # multiplications; BLAS threads cost more than they bring to a smaller product


class Programs:
    """The step to take for a batch: the plain one, or a program once its shape has come often."""

    def __init__(self, plain: "Step") -> None:
        self.plain, self.version = plain, -1

    def step_for(self, x: Array, target: Array) -> "Step | Program":
        """A step for batches of these shapes."""
        if self.plain.net._version != self.version:
            self.version = self.plain.net._version
            self.applies = applies(self.plain.net)
            self.programs: dict[Any, Program] = {}
            self.met: dict[Any, int] = {}
        if not self.applies or x.ndim > (3 if self.plain.net.theta.ndim > 1 else 2):
            return self.plain
        key = x.shape, target.shape
        program = self.programs.get(key)
        if program is None or program.outdated():
            self.met[key] = self.met.get(key, 0) + 1
            if self.met[key] <= AFTER:
                return self.plain
            if len(self.programs) == MOST:
                del self.programs[next(iter(self.programs))]  # the oldest
            program = self.programs[key] = Program(self.plain, x.shape, target.shape)
        return program


# A program is made of what these layers are in the source. Whoever changes one while Python runs,
# to see what it does, gets the plain step, and so does everybody under MINIGRAD_PLAIN=1.
KNOWN: dict[type[Layer], Any] = {
    layer: (layer.forward, layer.backprop) for layer in (Affinity, Map, Identity)
}


def applies(net: Network) -> bool:
    """Whether there is a program for the network: on numpy, and only of layers known here."""
    return (
        net.place.name == "numpy"
        and not os.environ.get("MINIGRAD_PLAIN")
        and all(
            KNOWN.get(type(layer)) == (type(layer).forward, type(layer).backprop)
            and not {"forward", "backprop"} & vars(layer).keys()
            for layer in in_a_row(net)
        )
    )


def in_a_row(net: Layer) -> Iterator[Layer]:
    """The layers of a network, those of plain networks in it laid out in a row."""
    if type(net) is Network:
        for layer in net.layers:
            yield from in_a_row(layer)
    else:
        yield net


class Program:
    """One step for batches of one shape, as `learner.Step`: `forward(x, target)`, `update()`."""

    def __init__(self, step: "Step", x_shape: tuple[int, ...], t_shape: tuple[int, ...]) -> None:
        net, self.optimizer = step.net, step.optimizer
        self.moments = step.optimizer.state
        self.maps = [(layer, layer.map) for layer in in_a_row(net) if isinstance(layer, Map)]
        self.lead, self.dtype = net.theta.shape[:-1], net.theta.dtype
        self.count = x_shape[-2] if len(x_shape) > 1 else 1
        self.forward_calls: Calls = []
        self.update_calls: Calls = []
        net.zero_grad()  # what no call reaches stays 0

        own = np.zeros(x_shape, self.dtype)
        self.x_in = own
        x = np.broadcast_to(
            own.reshape(-1, x_shape[-1]) if not self.lead else own,
            (*self.lead, self.count, x_shape[-1]),
        )
        layers, backward, free = list(in_a_row(net)), [], False
        for layer in layers:
            x, calls, free = self._layer(layer, x, free)
            backward.append(calls)
        self.t, self.dy = np.zeros(x.shape, self.dtype), np.zeros(x.shape, self.dtype)
        self.t_in = self.t.reshape(t_shape) if len(t_shape) == 1 else self.t
        self.loss = self._loss(step.loss, x)
        dy = self.dy
        lowest = next((i for i, layer in enumerate(layers) if layer.trained()), len(layers))
        for i in range(len(layers) - 1, lowest - 1, -1):
            dy = backward[i](dy, i > lowest)
        self.refresh = self._optimizer(net)

    def outdated(self) -> bool:
        """Whether a map or the moments have been exchanged since."""
        if self.optimizer.state is not self.moments:
            return True
        for layer, f in self.maps:  # noqa: SIM110 (a generator would cost more than the rest)
            if layer.map is not f:
                return True
        return False

    def forward(self, x: Array, target: Array) -> Any:
        """The mean loss over the batch, a float; (K,) for a stack."""
        self.x_in[...] = x
        self.t_in[...] = target
        for function, arguments in self.forward_calls:
            function(*arguments)
        return self.loss()

    def update(self) -> None:
        """Backprop as far as there is something to train, and move theta."""
        self.refresh()
        for function, arguments in self.update_calls:
            function(*arguments)

    def _new(self, width: int) -> Array:
        return np.zeros((*self.lead, self.count, width), self.dtype)

    # --- layers: add the calls of forward; return the output, a function that adds those of
    # backprop, and whether the output is free to be overwritten by the next layer ---

    def _layer(self, layer: Layer, x: Array, free: bool) -> tuple[Array, Backward, bool]:
        if isinstance(layer, Affinity):
            return self._affinity(layer, x)
        if isinstance(layer, Map) and layer.map is not maps.identity:
            return self._map(layer.map, x, free)
        return x, lambda dy, further: dy, free

    def _affinity(self, layer: Affinity, x: Array) -> tuple[Array, Backward, bool]:
        y, ones = self._new(layer.m), np.ones((1, self.count), self.dtype)
        db = layer.db.reshape(*self.lead, 1, layer.m)
        self.forward_calls += [product(x, layer.M.mT, y), (np.add, (y, layer.b, y))]

        def backward(dy: Array, further: bool) -> Array:
            # a product with ones is the sum over the batch, and the quicker way to it
            self.update_calls += [product(dy.mT, x, layer.dM), product(ones, dy, db)]
            if not further:
                return dy
            dx = self._new(x.shape[-1])
            self.update_calls.append(product(dy, layer.M, dx))
            return dx

        return y, backward, True

    def _map(self, f: maps.ScalarMap, x: Array, free: bool) -> tuple[Array, Backward, bool]:
        """The calls leave f(x) in y, from which (or from x) those of backprop make f'(x) in s."""
        one, half, zero = np.asarray([1, 0.5, 0], self.dtype)
        in_place = free and f in (maps.tanh, maps.sigmoid, maps.relu)
        y, s = x if in_place else self._new(x.shape[-1]), self._new(x.shape[-1])
        if f is maps.tanh:
            forward: Calls = [(np.tanh, (x, y))]
            slope: Calls = [(np.multiply, (y, y, s)), (np.subtract, (one, s, s))]
        elif f is maps.sigmoid:
            forward = [(np.multiply, (x, half, y)), (np.tanh, (y, y))]
            forward += [(np.multiply, (y, half, y)), (np.add, (y, half, y))]
            slope = [(np.subtract, (one, y, s)), (np.multiply, (s, y, s))]
        elif f is maps.relu:
            forward, slope = [(partial(np.maximum, out=y), (x, zero))], [(np.sign, (y, s))]
        elif f is maps.half_square:
            forward, slope = [(np.multiply, (x, x, y)), (np.multiply, (y, half, y))], []
            s = x
        else:
            forward, slope = [(store, (y, f.f, x))], [(store, (s, f.df, x))]
        self.forward_calls += forward

        def backward(dy: Array, further: bool) -> Array:
            self.update_calls += [*slope, (np.multiply, (dy, s, dy))]
            return dy

        return y, backward, False

    # --- losses: add the calls that leave the gradient of the mean in dy; return the value ---

    def _loss(self, loss: losses.Loss, y: Array) -> Callable[[], Any]:
        t, dy = self.t, self.dy
        if loss is losses.half_squared_error:
            self.forward_calls.append((np.subtract, (y, t, dy)))
            value = self._sum_of_products(dy, dy, 0.5 / self.count)
        elif loss is losses.softmax_cross_entropy:
            top, q = self._new(1), self._new(y.shape[-1])
            self.forward_calls += [
                (np.maximum.reduce, (y, -1, None, top, True)),
                (np.subtract, (y, top, q)),
                (np.exp, (q, dy)),
                (np.add.reduce, (dy, -1, None, top, True)),
                (np.divide, (dy, top, dy)),
                (np.subtract, (dy, t, dy)),
                (np.log, (top, top)),
                (np.subtract, (top, q, q)),  # -ln softmax
            ]
            value = self._sum_of_products(t, q, 1 / self.count)
        else:
            self.forward_calls.append((store, (dy, loss.gradient, y, t)))
            number: Callable[[Any], Any] = np.asarray if self.lead else float

            def value() -> Any:
                return number(np.mean(loss.value(np, y, t), axis=-1))

        if self.count > 1:
            scale = np.asarray(1 / self.count, self.dtype)
            self.update_calls.append((np.multiply, (dy, scale, dy)))
        return value

    def _sum_of_products(self, a: Array, b: Array, scale: float) -> Callable[[], Any]:
        """What gives scale * sum a b, a number or one a member."""
        if not self.lead:
            a, b = a.reshape(-1), b.reshape(-1)
            return lambda: scale * float(a.dot(b))
        a, b = a.reshape(*self.lead, 1, -1), b.reshape(*self.lead, -1, 1)
        return lambda: scale * np.matmul(a, b)[..., 0, 0]

    # --- optimizers: add the calls that move theta, block by block; return what sets their
    # coefficients before each step ---

    def _optimizer(self, net: Network) -> Callable[[], None]:
        kinds = {GradientDescent: self._descent, Momentum: self._momentum, Adam: self._adam}
        kind = kinds.get(type(self.optimizer))
        if kind is None:
            self.update_calls.append((self.optimizer.step, (net,)))
            return lambda: None
        self.rate = np.zeros((*self.lead, 1), self.dtype)
        set_coefficients, optimizer = kind(net), self.optimizer

        def refresh() -> None:
            optimizer.steps += 1
            if optimizer.steps % FLUSH == 0:
                for moment in self.moments.values():
                    flush(moment)
            set_coefficients()

        return refresh

    def _set_rate(self, factor: float = 1.0) -> None:
        alpha = self.optimizer.alpha
        if isinstance(alpha, float):
            self.rate.fill(factor * alpha)
        elif (len(alpha),) != self.lead:
            raise ValueError(f"alpha has shape {alpha.shape}, expected one a member, {self.lead}")
        else:
            self.rate[...] = factor * alpha[:, None]

    def _descent(self, net: Network) -> Callable[[], None]:
        for theta, grad, s in self._blocks(net):
            self.update_calls += [
                (np.multiply, (grad, self.rate, s)),
                (np.subtract, (theta, s, theta)),
            ]
        return self._set_rate

    def _momentum(self, net: Network) -> Callable[[], None]:
        beta = np.zeros((1,), self.dtype)
        for theta, grad, v, s in self._blocks(net):
            self.update_calls += [
                (np.multiply, (v, beta, v)),
                (np.add, (v, grad, v)),
                (np.multiply, (v, self.rate, s)),
                (np.subtract, (theta, s, theta)),
            ]

        def set_coefficients() -> None:
            beta[0] = self.optimizer.beta  # type: ignore[attr-defined]
            self._set_rate()

        return set_coefficients

    def _adam(self, net: Network) -> Callable[[], None]:
        """Adam with both corrections drawn out of the vectors: with r = sqrt(1 - beta2^t),
        theta -= (alpha r / (1 - beta1^t)) m / (sqrt(v) + eps r)."""
        b1, c1, b2, c2, eps = coefficients = np.zeros((5, 1), self.dtype)
        for theta, grad, m, v, s in self._blocks(net):
            self.update_calls += [
                (np.multiply, (m, b1, m)),
                (np.multiply, (grad, c1, s)),
                (np.add, (m, s, m)),
                (np.multiply, (v, b2, v)),
                (np.multiply, (grad, grad, s)),
                (np.multiply, (s, c2, s)),
                (np.add, (v, s, v)),
                (np.sqrt, (v, s)),
                (np.add, (s, eps, s)),
                (np.divide, (m, s, s)),
                (np.multiply, (s, self.rate, s)),
                (np.subtract, (theta, s, theta)),
            ]

        def set_coefficients() -> None:
            adam: Any = self.optimizer
            beta1, beta2 = adam.beta1, adam.beta2
            root = math.sqrt(1 - beta2**adam.steps)
            coefficients[:, 0] = beta1, 1 - beta1, beta2, 1 - beta2, adam.eps * root
            self._set_rate(root / (1 - beta1**adam.steps))

        return set_coefficients

    def _blocks(self, net: Network) -> Iterator[list[Array]]:
        """theta, grad, the moments and a scratch, in blocks of the trained runs."""
        arrays = [net.theta, net.grad, *self.optimizer.state.values()]
        length = BLOCK if not self.lead else net.theta.shape[-1]
        scratch = np.zeros((*self.lead, min(length, net.theta.shape[-1])), self.dtype)
        for begin, end in net.trained():
            for start in range(begin, end, length):
                stop = min(start + length, end)
                yield [*(a[..., start:stop] for a in arrays), scratch[..., : stop - start]]


def product(a: Array, b: Array, out: Array) -> Call:
    """The call out = a b; numpy's `dot` method is the quickest way to one small product."""
    return (a.dot, (b, out)) if out.ndim == 2 else (np.matmul, (a, b, out))


def flush(moment: Array) -> None:
    """Set to 0 what is on its way to the denormal numbers, where arithmetic is many times slower.

    A moment whose gradient has died decays into them, and rounding keeps it there for ever.
    """
    moment[np.abs(moment) < 1e3 * np.finfo(moment.dtype).tiny] = 0


class OneThread:
    """One BLAS thread while any fit needs it so; the number of before when the last is done."""

    def __init__(self) -> None:
        self.lock, self.users, self.limits = threading.Lock(), 0, nullcontext()

    def __enter__(self) -> None:
        from threadpoolctl import threadpool_limits

        with self.lock:
            if not self.users:
                self.limits = threadpool_limits(limits=1, user_api="blas")
            self.users += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.users -= 1
            if not self.users:
                self.limits.__exit__(None, None, None)


one_thread = OneThread()


def threads_for(net: Network, batch: int) -> AbstractContextManager[None]:
    """One BLAS thread while all products are small: idle threads wait for the next by spinning,
    and on a busy machine that makes a small step many times slower."""
    sizes = [backend.size(m.shape[-2:]) for m, _ in net.parameters().values() if m.ndim > 1]
    small = batch * max(sizes, default=0) <= SMALL
    return one_thread if small and net.place.name == "numpy" else nullcontext()


def store(out: Array, function: Callable[..., Array], *arguments: Array) -> None:
    """out = function(numpy, ...), for a map or a loss that has no calls of its own here."""
    out[...] = function(np, *arguments)
