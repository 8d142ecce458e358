"""The gradient check: is backprop the derivative of forward?

E = sum dy * layer(x), for a random upstream gradient dy, is differentiated once by backprop and
once numerically, for every parameter by name and for the input: along a random direction, and at
single entries, so that the report can name the worst.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array, Random
from minigrad.errors import GradientError
from minigrad.layers import Layer, Map
from minigrad.losses import Loss
from minigrad.maps import ScalarMap
from minigrad.network import Network, check_reach, has_backprop, width_of

# Half the digits of E are lost to h in a difference; the cube root of eps balances that with h^2.
# Nothing is subtracted in a complex step, so that h may be as small as one likes.
STEP = {"central difference": 6e-6, "complex step": 1e-30}
TOLERANCE = {"central difference": 1e-6, "complex step": 1e-12}
FLOOR = {"central difference": 1e-3, "complex step": 1e-2}  # times sum |dy * y|


@dataclass(frozen=True)
class Row:
    """One parameter, or the input: the relative error, and the worst entry of those looked at."""

    name: str
    shape: tuple[int, ...]
    error: float
    entry: tuple[int, ...]
    backprop: float
    numeric: float
    layer: str = ""  # in a network, the one whose parameter it is

    @property
    def place(self) -> str:
        """The name, and in a network the layer: "3.M of Affinity 4 -> 2"."""
        return f"{self.name} of {self.layer}" if self.layer else self.name


@dataclass(frozen=True)
class Report:
    """What a gradient check saw; `error` is the worst relative error of all rows."""

    layer: str
    method: str
    tolerance: float
    rows: tuple[Row, ...]
    complaints: tuple[str, ...] = ()

    @property
    def error(self) -> float:
        return max((row.error for row in self.rows), default=0.0)

    @property
    def passed(self) -> bool:
        return self.error <= self.tolerance and not self.complaints

    def __str__(self) -> str:
        width = max([len(row.place) for row in self.rows] + [9])
        lines = [
            f"gradient check of {self.layer}: {'passed' if self.passed else 'FAILED'} "
            f"({self.method}, tolerance {self.tolerance:g})",
            f"{'':{width}}  relative error  worst entry      backprop       numeric",
        ]
        for row in self.rows:
            entry = ",".join(map(str, row.entry))
            lines.append(
                f"{row.place:{width}}  {row.error:14.1e}  {entry:>11}  {row.backprop:12.5g}  "
                f"{row.numeric:12.5g}" + ("  <--" if not row.error <= self.tolerance else "")
            )
        return "\n".join([*lines, *self.complaints])


def gradient_check(
    what: Layer | Loss | ScalarMap,
    x: Any = None,
    rng: Random = None,
    method: str | None = None,
    entries: int = 20,
) -> Report:
    """Hold backprop to a numerical derivative, in float64; the layer itself is left alone.

    `what`: a layer, a network, a stack, a loss or a scalar map. `x`: an input (..., n); random if
    None. `method`: "central difference" or "complex step" (of smooth maps, on numpy); None takes
    the sharper that applies. `entries`: how many of each parameter are looked at one by one.
    Returns the report; raises GradientError, with the report, for a wrong gradient, and also when
    backprop overwrites grad instead of adding, or writes to x, dy or theta. Exactly at a kink (a
    relu at 0) there is no derivative to compare with: give another x.

    >>> from minigrad import Affinity, gradient_check
    >>> gradient_check(Affinity(4, 3, rng=1), rng=1).passed
    True
    """
    rng = backend.generator(rng)
    layer = _as_layer(what, rng)
    method = method or (
        "complex step" if layer.smooth and layer.place.name == "numpy" else "central difference"
    )
    if method not in STEP:
        raise ValueError(f"unknown method {method!r}: expected one of {', '.join(STEP)}")
    if method == "complex step" and not (layer.smooth and layer.place.name == "numpy"):
        raise ValueError(
            f"{layer!r}: a complex step needs smooth maps and numpy; take a central difference"
        )
    checker = _Checker(layer, x, rng, method, entries)
    report = checker.report()
    if not report.passed:
        error = GradientError(str(report))
        error.report = report
        raise error
    return report


class _Checker:
    def __init__(
        self, layer: Layer, x: Any, rng: np.random.Generator, method: str, entries: int
    ) -> None:
        self.layer, self.rng, self.method, self.entries = layer, rng, method, entries
        if isinstance(layer, Network):
            check_reach(layer)
        self.layer = layer.to(dtype="float64")
        self._shake()
        self.moved = self.layer
        if method == "complex step":
            self.moved = self.layer.to(dtype="complex128")
        self.any_batch = x is None and layer.theta.ndim == 1 and not isinstance(layer, _LossOf)
        if x is None:
            x = rng.standard_normal((*layer.theta.shape[:-1], 6, width_of(layer) or 3))
        self.x = backend.move(x, layer.place, "float64")
        if not backend.size(self.x.shape):
            raise ValueError(f"{layer!r}: x is empty, of shape {tuple(self.x.shape)}")
        y = backend.host(self.layer(backend.copy(self.x)))
        dy = rng.standard_normal(y.shape)
        self.dy = backend.move(dy, layer.place)
        # below this a derivative is lost in the rounding of E, and its relative error says nothing
        self.floor = FLOOR[method] * np.abs(dy * y).sum() or 1e-12
        self.complaints: list[str] = []

    def _shake(self) -> None:
        """Move what is still at 0 or 1: an error can hide behind a parameter that is constant."""
        for value, _ in self.layer.parameters().values():
            numbers = backend.host(value)
            if numbers.size and (numbers == numbers.flat[0]).all():
                value[...] = value + backend.move(
                    self.rng.uniform(0.1, 0.3, numbers.shape), self.layer.place
                )

    def report(self) -> Report:
        gradients, values = self._by_backprop(), self.layer.parameters()
        rows = [
            self._row(name, gradient, self.x if name == "input" else values[name][0])
            for name, gradient in gradients.items()
        ]
        return Report(
            str(self.layer) if isinstance(self.layer, _LossOf) else repr(self.layer),
            self.method,
            TOLERANCE[self.method],
            tuple(rows),
            tuple(self.complaints),
        )

    def _by_backprop(self) -> dict[str, Any]:
        """dE/dw by name and dE/dx, on the host; complains of what backprop must not do."""
        layer, x, dy = self.layer, backend.copy(self.x), backend.copy(self.dy)
        theta = backend.copy(layer.theta)
        layer.zero_grad()
        layer(x)
        memory = layer.remembered()
        dx = layer.backprop(dy)
        gradients = {
            name: _host_copy(grad)
            for name, (_, grad) in layer.parameters().items()
            if _reached(layer, name)
        }
        once = _host_copy(layer.grad)
        if dx is not None and dx.shape == x.shape:
            gradients["input"] = _host_copy(dx)
        elif dx is not None:
            self.complaints.append(
                f"backprop returned shape {tuple(dx.shape)}, the input has {tuple(x.shape)}"
            )
        elif not isinstance(layer, Network):
            self.complaints.append("backprop returned nothing: it must return dE/dx")

        pairs = {"x": (self.x, x), "dy": (self.dy, dy), "theta": (theta, layer.theta)}
        for name, (before, after) in pairs.items():
            if not np.array_equal(backend.host(before), backend.host(after), equal_nan=True):
                self.complaints.append(f"forward or backprop changed {name}: it must not")
        if self.complaints:
            return gradients  # whatever else is wrong may come from that
        layer.backprop(dy)
        if not np.allclose(backend.host(layer.grad), 2 * once, equal_nan=True):
            self.complaints.append("backprop must add to grad (self.dM += ..., not =)")
        layer(x + 1)
        layer.remember(memory)
        layer.zero_grad()
        layer.backprop(dy)
        if not np.allclose(backend.host(layer.grad), once, equal_nan=True):
            self.complaints.append(
                "backprop uses something that forward did not keep on self: "
                "after another forward it cannot be given back"
            )
        if self.any_batch:
            self._compare_batches(once)
        return gradients

    def _compare_batches(self, once: Any) -> None:
        """A layer takes any batch axes: (6, n) must do as (2, 3, n), and as (n,) in turn."""
        layer, xp = self.layer, self.layer.xp
        for lead in ((2, 3), ()):
            layer.zero_grad()
            try:
                for i in range(1 if lead else 6):
                    x, dy = (a if lead else a[i, ...] for a in (self.x, self.dy))
                    layer(xp.reshape(x, (*lead, x.shape[-1])))
                    layer.backprop(xp.reshape(dy, (*lead, dy.shape[-1])))
            except Exception as error:
                self.complaints.append(f"x of shape {(*lead, self.x.shape[-1])} fails: {error}")
                continue
            if not np.allclose(backend.host(layer.grad), once, equal_nan=True):
                self.complaints.append(
                    f"x of shape {(*lead, self.x.shape[-1])} gives another gradient than the same "
                    "samples as rows: sum over all batch axes (self.rows, self.total)"
                )

    def _row(self, name: str, gradient: Any, at: Array) -> Row:
        """Compare along a random direction and at single entries of a parameter or the input."""
        flat = gradient.ravel()
        direction = self.rng.choice([-1.0, 1.0], gradient.shape)
        along, _ = self._compare((gradient * direction).sum(), name, at, direction)
        error = along / max(np.sqrt((gradient**2).sum()), self.floor)
        gaps = []
        for i in self.rng.choice(flat.size, min(self.entries, flat.size), replace=False):
            gap, numeric = self._compare(flat[i], name, at, _unit(int(i), gradient.shape))
            gaps.append((gap, int(i), numeric))
        gap, i, numeric = max(gaps)
        error = float(max(error, gap / max(np.abs(gradient).max(), self.floor)))
        if not np.isfinite([*flat, along, gap]).all():
            error = np.inf
        elif error > TOLERANCE[self.method] and flat.size <= 1000:
            self._diagnose(name, gradient, at)
        entry = tuple(int(k) for k in np.unravel_index(i, gradient.shape))
        return Row(
            name, gradient.shape, error, entry, float(flat[i]), numeric, _owner(self.layer, name)
        )

    def _compare(
        self, by_backprop: float, name: str, at: Array, direction: Any
    ) -> tuple[float, float]:
        """|backprop - numeric| and the numeric derivative along a direction."""
        numeric = self._numeric(name, at, direction)
        if self.method == "central difference" and abs(by_backprop - numeric) > 1e-9:
            # a difference across a kink is wrong by itself: a closer look decides
            closer = self._numeric(name, at, direction, shrink=1 / 64)
            numeric = min(numeric, closer, key=lambda value: abs(by_backprop - value))
        return abs(by_backprop - numeric), numeric

    def _numeric(self, name: str, at: Array, direction: Any, shrink: float = 1.0) -> float:
        """dE along `direction` from the parameter or input `at`."""
        h = STEP[self.method] * shrink
        if self.method == "complex step":
            return self._energy(name, at, 1j * h * direction).imag / h
        ahead, behind = (self._energy(name, at, s * h * direction).real for s in (1, -1))
        return (ahead - behind) / (2 * h)

    def _energy(self, name: str, at: Array, shift: Any) -> complex:
        """E = sum dy * layer(x) with `shift` added to the parameter or input named."""
        layer, shifted = self.moved, backend.move(backend.host(at) + shift, self.layer.place)
        if name == "input":
            y = layer(shifted)
        else:
            value = layer.parameters()[name][0]
            kept = backend.copy(value)
            value[...] = shifted
            y = layer(self.x)
            value[...] = kept
        return complex((backend.host(y) * backend.host(self.dy)).sum())

    def _diagnose(self, name: str, gradient: Any, at: Array) -> None:
        """Say so when the wrong gradient is the right one transposed, or times a constant."""
        numeric = np.array(
            [self._numeric(name, at, _unit(i, gradient.shape)) for i in range(gradient.size)]
        ).reshape(gradient.shape)
        near = {"rtol": 1e-5, "atol": 1e-6 * np.abs(gradient).max()}
        factor = float((gradient * numeric).sum() / ((numeric**2).sum() or 1.0))
        if gradient.shape == numeric.T.shape and np.allclose(gradient, numeric.T, **near):
            self.complaints.append(f"{name}: this is the transpose of the right gradient")
        elif abs(factor - 1) > 1e-5 and np.allclose(gradient, factor * numeric, **near):
            mean = " (a mean over the batch, where backprop sums?)" if 0 < factor <= 0.5 else ""
            self.complaints.append(f"{name}: this is {factor:.5g} times the right gradient{mean}")


def _unit(i: int, shape: tuple[int, ...]) -> Any:
    unit = np.zeros(shape)
    unit.flat[i] = 1.0
    return unit


def _host_copy(array: Array) -> Any:
    return backend.host(backend.copy(array))


def _as_layer(what: Layer | Loss | ScalarMap, rng: np.random.Generator) -> Layer:
    if isinstance(what, Loss):
        return _LossOf(what, rng)
    if isinstance(what, ScalarMap):
        return Map(what)
    if not isinstance(what, Layer):
        raise TypeError(f"expected a layer, a loss or a scalar map to check, came {what!r}")
    return what


class _LossOf(Layer):
    """A loss as a layer, for a random target: (..., m) -> (..., 1)."""

    def __init__(self, loss: Loss, rng: np.random.Generator) -> None:
        self.loss, self.rng, self.smooth = loss, rng, loss.smooth
        self.target: Any = None

    def forward(self, x: Array) -> Array:
        if self.target is None:  # a distribution over the last axis: every loss takes that
            weights = self.rng.uniform(0.1, 1.0, x.shape)
            self.target = backend.move(weights / weights.sum(-1, keepdims=True), self.place)
        self.x = x
        return self.loss.value(self.xp, x, self.target)[..., None]

    def backprop(self, dy: Array) -> Array:
        return dy * self.loss.gradient(self.xp, self.x, self.target)

    def __str__(self) -> str:
        return f"the loss {self.loss.name}"


def _owner(layer: Layer, name: str) -> str:
    """The layer in a network that has the parameter of this name, in words."""
    position, dot, rest = name.partition(".")
    if not dot or not isinstance(layer, Network):
        return ""
    inner = layer.layers[int(position) - 1]
    return _owner(inner, rest) or str(inner)


def _reached(layer: Layer, name: str) -> bool:
    """Whether backprop comes as far as this parameter: no layer above it is without one."""
    if not isinstance(layer, Network):
        return has_backprop(layer)
    position, _, rest = name.partition(".")
    above = layer.layers[int(position) :]
    return all(map(_passes, above)) and _reached(layer.layers[int(position) - 1], rest)


def _passes(layer: Layer) -> bool:
    inner = layer.layers if isinstance(layer, Network) else ()
    return has_backprop(layer) and all(map(_passes, inner))
