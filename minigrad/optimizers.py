"""Optimizers: a few whole-vector operations on theta, whatever the depth of the network.

Each moves theta (P,), or (K, P) for a stack, against grad; frozen parameters are left alone.
`alpha` is the learning rate: a number, or in a stack one a member, (K,).
"""

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array
from minigrad.layers import Layer
from minigrad.network import leaves


class Optimizer:
    """theta <- theta - step(grad); a subclass writes `move` and names its `moments`.

    A moment is an array like theta, 0 at the start, that is handed to `move` along with theta.
    """

    moments: tuple[str, ...] = ()

    def __init__(self, alpha: Any) -> None:
        self.alpha = alpha
        self.steps = 0
        self.state: dict[str, Array] = {}
        self._of: Callable[[], Any] | None = None
        self._layout: list[int] = []
        self._version = -1

    @property
    def alpha(self) -> Any:
        """The learning rate, a float or (K,); may be changed between steps."""
        return self._alpha

    @alpha.setter
    def alpha(self, alpha: Any) -> None:
        self._alpha = learning_rate(alpha)

    def move(self, alpha: Any, theta: Array, grad: Array, *moments: Array) -> None:
        """Move theta (and the moments) in place, given dE/dtheta."""
        raise TypeError(f"{type(self).__name__}: an optimizer has a method move")

    def step(self, net: Layer) -> None:
        """Move every trained parameter of `net` by one step against its grad."""
        self.attach(net)
        alpha = self.alpha_for(net.theta)
        self.steps += 1
        for start, stop in net.trained():
            self.move(
                alpha, *(a[..., start:stop] for a in (net.theta, net.grad, *self.state.values()))
            )

    def attach(self, net: Layer) -> None:
        """Make the moments for `net`; an optimizer that has moved another network is refused."""
        same = self._of is not None and self._of() is net and self._version == net._version
        if same and self.state.keys() == set(self.moments):
            return  # as at the last step
        layout = [id(layer) for layer in leaves(net)]
        known = self._of is None or (self._of() is net and self._layout == layout)
        if self.state and not (
            known and all(a.shape == net.theta.shape for a in self.state.values())
        ):
            raise ValueError(
                f"this {type(self).__name__} carries the moments of another network, or of "
                "this one before its layers changed: make a new one"
            )
        if not self.state:
            self.state = {name: net.xp.zeros_like(net.theta) for name in self.moments}
        self._of, self._layout, self._version = weakref.ref(net), layout, net._version

    def alpha_for(self, theta: Array) -> Any:
        """alpha as it meets theta: a number, or (K, 1) for a stack."""
        if isinstance(self.alpha, float):
            return self.alpha
        if theta.shape[:-1] != self.alpha.shape:
            raise ValueError(
                f"alpha has shape {self.alpha.shape}: one a member is for a stack of "
                f"{len(self.alpha)}; theta has shape {tuple(theta.shape)}"
            )
        return backend.receive(self.alpha[:, None].tolist(), theta)

    def checkpoint(self) -> dict[str, Any]:
        """A copy of what the optimizer has gathered; `restore` puts it back."""
        return {"steps": self.steps, **{name: backend.copy(a) for name, a in self.state.items()}}

    def restore(self, checkpoint: dict[str, Any]) -> None:
        """Be as when `checkpoint` was taken."""
        self.steps = checkpoint["steps"]
        for name, array in self.state.items():
            array[...] = checkpoint.get(name, 0)  # one taken before the first step has none

    def __getstate__(self) -> dict[str, Any]:
        return {
            **vars(self),
            "_of": None,
            "_layout": [],
        }  # the network that it moves travels by itself


class GradientDescent(Optimizer):
    """theta <- theta - alpha grad."""

    def __init__(self, alpha: Any = 0.1) -> None:
        super().__init__(alpha)

    def move(self, alpha: Any, theta: Array, grad: Array) -> None:
        theta -= alpha * grad


class Momentum(Optimizer):
    """v <- beta v + grad; theta <- theta - alpha v (the heavy ball; Polyak 1964)."""

    moments = ("v",)

    def __init__(self, alpha: Any = 0.01, beta: float = 0.9) -> None:
        super().__init__(alpha)
        self.beta = decay("beta", beta)

    def move(self, alpha: Any, theta: Array, grad: Array, v: Array) -> None:
        v *= self.beta
        v += grad
        theta -= alpha * v


class Adam(Optimizer):
    """m <- beta1 m + (1 - beta1) grad;  v <- beta2 v + (1 - beta2) grad^2;
    theta <- theta - alpha (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps).

    Source: Kingma and Ba, ICLR 2015, algorithm 1.
    """

    moments = ("m", "v")

    def __init__(
        self, alpha: Any = 1e-3, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
    ) -> None:
        super().__init__(alpha)
        self.beta1, self.beta2, self.eps = decay("beta1", beta1), decay("beta2", beta2), eps
        if not eps >= 0:
            raise ValueError(f"eps must be at least 0, not {eps!r}")

    def move(self, alpha: Any, theta: Array, grad: Array, m: Array, v: Array) -> None:
        xp, t = backend.namespace(theta), self.steps
        m *= self.beta1
        m += (1 - self.beta1) * grad
        v *= self.beta2
        v += (1 - self.beta2) * grad**2
        theta -= alpha / (1 - self.beta1**t) * m / (xp.sqrt(v / (1 - self.beta2**t)) + self.eps)


def learning_rate(alpha: Any) -> Any:
    """alpha as a float, or as a host array (K,); ValueError unless it is finite and above 0."""
    if isinstance(alpha, str | bool):
        raise ValueError(f"alpha is a learning rate, a number, not {alpha!r}")
    rates = np.asarray(backend.host(alpha), dtype=float)
    if rates.ndim > 1 or not rates.size or not np.isfinite(rates).all() or (rates <= 0).any():
        raise ValueError(
            f"alpha is a finite learning rate above 0, or for a stack one a member; came {alpha!r}"
        )
    return float(rates) if rates.ndim == 0 else rates


def decay(name: str, beta: float) -> float:
    """beta, if it is a decay: 0 <= beta < 1."""
    if not 0 <= beta < 1:
        raise ValueError(f"{name} must be at least 0 and below 1, not {beta!r}")
    return float(beta)
