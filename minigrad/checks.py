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
from minigrad.network import Network, has_backprop

# Half the digits of E are lost to h in a difference; the cube root of eps balances that with h^2.
# Nothing is subtracted in a complex step, so that h may be as small as one likes.
STEP = {"central difference": 6e-6, "complex step": 1e-30}
TOLERANCE = {"central difference": 1e-6, "complex step": 1e-12}


@dataclass(frozen=True)
class Row:
    """One parameter, or the input: the relative error, and the worst entry of those looked at."""

    name: str
    shape: tuple[int, ...]
    error: float
    entry: tuple[int, ...]
    backprop: float
    numeric: float


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
        width = max([len(row.name) for row in self.rows] + [9])
        lines = [
            f"gradient check of {self.layer}: {'passed' if self.passed else 'FAILED'} "
            f"({self.method}, tolerance {self.tolerance:g})",
            f"{'':{width}}  relative error  worst entry      backprop       numeric",
        ]
        for row in self.rows:
            entry = ",".join(map(str, row.entry))
            lines.append(
                f"{row.name:{width}}  {row.error:14.1e}  {entry:>11}  {row.backprop:12.5g}  "
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
    backprop overwrites grad instead of adding, or writes to x, dy or theta.

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
        self.layer, self.rng, self.method, self.entries = (
            layer.to(dtype="float64"),
            rng,
            method,
            entries,
        )
        self.x = self._input(x)
        y = self.layer(backend.copy(self.x))
        self.dy = backend.receive(rng.standard_normal(y.shape).tolist(), self.layer.theta)
        self.complaints: list[str] = []

    def report(self) -> Report:
        gradients = self._by_backprop()
        probes = dict(self.layer.parameters())
        rows = [
            self._row(name, gradients[name], value)
            for name, (value, _) in probes.items()
            if name in gradients
        ]
        if "input" in gradients:
            rows.append(self._row("input", gradients["input"], self.x))
        return Report(
            repr(self.layer),
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
            name: backend.host(backend.copy(grad))
            for name, (_, grad) in layer.parameters().items()
            if _reached(layer, name)
        }
        if dx is not None:
            gradients["input"] = backend.host(backend.copy(dx))
            if dx.shape != x.shape:
                self.complaints.append(
                    f"backprop returned shape {tuple(dx.shape)}, the input has {tuple(x.shape)}"
                )
                del gradients["input"]
        for name, before, after in (
            ("x", self.x, x),
            ("dy", self.dy, dy),
            ("theta", theta, layer.theta),
        ):
            if not np.array_equal(backend.host(before), backend.host(after), equal_nan=True):
                self.complaints.append(
                    f"forward or backprop changed {name}: it must leave it as it was"
                )
        once = backend.host(backend.copy(layer.grad))
        layer.backprop(dy)
        if not np.allclose(backend.host(layer.grad), 2 * once, equal_nan=True):
            self.complaints.append(
                "a second backprop must add to grad once more (self.dM += ..., not =)"
            )
        layer(x + 1)
        layer.remember(memory)
        layer.zero_grad()
        layer.backprop(dy)
        if not np.allclose(backend.host(layer.grad), once, equal_nan=True):
            self.complaints.append(
                "backprop uses something that forward did not keep on self: "
                "after another forward it cannot be given back"
            )
        return gradients

    def _row(self, name: str, gradient: Any, at: Array) -> Row:
        """Compare along a random direction and at single entries of a parameter or the input."""
        direction = self.rng.choice([-1.0, 1.0], gradient.shape)
        scale = np.sqrt((gradient**2).sum())
        error = self._gap((gradient * direction).sum(), name, at, direction, scale)
        picked = self.rng.choice(gradient.size, min(self.entries, gradient.size), replace=False)
        top = np.abs(gradient).max()
        worst = (-1.0, 0, 0.0)
        for flat in picked:
            unit = np.zeros(gradient.size)
            unit[flat] = 1.0
            numeric = self._numeric(name, at, unit.reshape(gradient.shape))
            off = self._gap(
                gradient.ravel()[flat], name, at, unit.reshape(gradient.shape), top, numeric
            )
            worst = max(worst, (off, int(flat), numeric))
        off, flat, numeric = worst
        entry = tuple(int(i) for i in np.unravel_index(flat, gradient.shape))
        error = max(error, off)
        if not error <= TOLERANCE[self.method]:
            self._diagnose(name, gradient, at)
        return Row(
            name, gradient.shape, float(error), entry, float(gradient.ravel()[flat]), numeric
        )

    def _gap(
        self,
        by_backprop: float,
        name: str,
        at: Array,
        direction: Any,
        scale: float,
        numeric: float | None = None,
    ) -> float:
        """|backprop - numeric| / scale; a difference that met a kink gets a second look."""
        numeric = self._numeric(name, at, direction) if numeric is None else numeric
        gap = abs(by_backprop - numeric)
        if gap > TOLERANCE[self.method] * scale and self.method == "central difference":
            gap = min(gap, abs(by_backprop - self._numeric(name, at, direction, shrink=1 / 64)))
        return float(gap / scale) if scale > 0 else float(gap and np.inf if gap > 1e-9 else 0.0)

    def _numeric(self, name: str, at: Array, direction: Any, shrink: float = 1.0) -> float:
        """dE along `direction` from the parameter or input `at`."""
        h = STEP[self.method] * shrink
        if self.method == "complex step":
            return self._energy(name, at, 1j * h * direction).imag / h
        return (
            self._energy(name, at, h * direction).real - self._energy(name, at, -h * direction).real
        ) / (2 * h)

    def _energy(self, name: str, at: Array, shift: Any) -> complex:
        """E = sum dy * layer(x) with `shift` added to the parameter or input named."""
        layer, x = self.layer, self.x
        if self.method == "complex step":
            layer = self._complex_twin()
        if name == "input":
            y = layer(backend.move(backend.host(x) + shift, layer.place))
        else:
            value = layer.parameters()[name][0]
            kept = backend.copy(value)
            value[...] = backend.move(backend.host(kept) + shift, layer.place)
            try:
                y = layer(x)
            finally:
                value[...] = kept
        return complex((backend.host(y) * backend.host(self.dy)).sum())

    def _complex_twin(self) -> Layer:
        if not hasattr(self, "_twin"):
            self._twin = self.layer.to(dtype="complex128")
        return self._twin

    def _diagnose(self, name: str, gradient: Any, at: Array) -> None:
        """Say so when the wrong gradient is the right one transposed, or times a constant."""
        if gradient.size > 1000:
            return
        numeric = np.array(
            [
                self._numeric(name, at, unit.reshape(gradient.shape))
                for unit in np.eye(gradient.size)
            ]
        ).reshape(gradient.shape)
        factor = (gradient * numeric).sum() / ((numeric**2).sum() or 1.0)
        if (
            gradient.ndim == 2
            and gradient.shape[0] == gradient.shape[1]
            and np.allclose(gradient, numeric.T, rtol=1e-4)
        ):
            self.complaints.append(f"{name}: this is the transpose of the right gradient")
        elif factor and np.allclose(
            gradient, factor * numeric, rtol=1e-4, atol=1e-6 * np.abs(gradient).max()
        ):
            self.complaints.append(
                f"{name}: this is {factor:.4g} times the right gradient"
                + (" (a mean over the batch, where backprop sums?)" if 0 < factor < 1 else "")
            )

    def _input(self, x: Any) -> Array:
        if x is None:
            lead = self.layer.theta.shape[:-1]
            x = self.rng.standard_normal((*lead, 5, _width(self.layer) or 3))
        return backend.move(x, self.layer.place, "float64")


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


def _width(layer: Layer) -> int | None:
    """The width of the input, as far as the layers say."""
    if isinstance(layer, Network):
        return next((n for inner in layer.layers if (n := _width(inner)) is not None), None)
    return layer.n


def _reached(layer: Layer, name: str) -> bool:
    """Whether backprop comes as far as this parameter: no layer above it is without one."""
    if not isinstance(layer, Network):
        return has_backprop(layer)
    position, _, rest = name.partition(".")
    above = layer.layers[int(position) :]
    return all(map(has_backprop, above)) and _reached(layer.layers[int(position) - 1], rest)
