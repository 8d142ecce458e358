"""The table of layers that every test of layers walks, and the backends that tests run on."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from minigrad import (
    Affinity,
    Conv2d,
    Dropout,
    Identity,
    Layer,
    LayerNorm,
    Map,
    Network,
    Residual,
    Softmax,
    backend,
    maps,
)
from minigrad.hopfield import (
    RBM,
    CellularAutomaton,
    Couplings,
    Dense,
    Hebb,
    HopfieldNetwork,
    Polynomial,
    PseudoInverse,
    Storkey,
)
from minigrad.hopfield import Softmax as SoftmaxMemory
from minigrad.ode import Fixed, autonomous, timed
from minigrad.ode.layer import ODELayer
from minigrad.ode.pixels import Leak, Logit, Rescaled, RescaledTransposed


@dataclass(frozen=True)
class Case:
    """A layer to be tested: how to make it, its widths n -> m, and whether it is smooth."""

    name: str
    make: Callable[[], Layer]
    n: int
    m: int
    smooth: bool = True

    def __str__(self) -> str:
        return self.name

    def layer(self, rng: np.random.Generator) -> Layer:
        """A layer whose every parameter is drawn: a bias that starts at 0 hides its mistakes."""
        layer = self.make()
        layer.theta = 0.6 * rng.standard_normal(layer.theta.shape)
        return layer


class TwoStep(Layer):
    """A user's own layer, y = A tanh(B x), written as the README shows it."""

    smooth = True

    def __init__(self, n: int, k: int, m: int) -> None:
        self.n, self.m = n, m
        self.declare(A=(m, k), B=(k, n))

    def forward(self, x: Any) -> Any:
        self.x, self.h = x, self.xp.tanh(x @ self.B.mT)
        return self.h @ self.A.mT

    def backprop(self, dy: Any) -> Any:
        self.dA += self.rows(dy).mT @ self.rows(self.h)
        dh = (dy @ self.A) * (1 - self.h**2)
        self.dB += self.rows(dh).mT @ self.rows(self.x)
        return dh @ self.B


# A user's functions: of a module, so that the standard pickle takes the layers that hold them.
def third_of_cube(x: Any) -> Any:
    return x * x * x / 3


def square(x: Any) -> Any:
    return x * x


def leak(d: Any) -> Any:
    return [0.3, 1][1 if d > 0 else 0] * d


def leak_slope(d: Any) -> Any:
    return [0.3, 1][1 if d > 0 else 0]


def nothing_done(d: Any) -> Any:
    return d


def one(d: Any) -> Any:
    return 1


def field(n: int, m: int | None = None) -> Network:
    return Network(Affinity(n, 2), Map("tanh"), Affinity(2, m or n))


PATTERNS = [[1, -1, 1, 1], [1, 1, -1, 1]]


def two_layers() -> Network:
    return Network(Affinity(4, 3), Map("tanh"), Affinity(3, 2))


def nested() -> Network:
    innermost = Network(LayerNorm(3), Affinity(3, 2))
    residual = Residual(Affinity(2, 3), Map("sine"), Affinity(3, 2))
    return Network(Affinity(4, 3), Network(Map("tanh"), innermost, residual), Affinity(2, 3))


CASES = [
    Case("Identity", Identity, 3, 3),
    Case("Affinity 4 -> 3", lambda: Affinity(4, 3), 4, 3),
    Case("Affinity 2 -> 4", lambda: Affinity(2, 4), 2, 4),
    *(
        Case(f"Map {name}", lambda name=name: Map(name), 3, 3, m.smooth)
        for name, m in maps.NAMED.items()
    ),
    Case("Map leaky", lambda: Map(maps.leaky(0.2)), 3, 3, smooth=False),
    Case("Map of arrays", lambda: Map(third_of_cube, square), 3, 3, smooth=False),
    Case("Map of numbers", lambda: Map(leak, leak_slope), 3, 3, smooth=False),
    Case("Map of constant slope", lambda: Map(nothing_done, one), 3, 3, smooth=False),
    Case("Softmax", Softmax, 4, 4),
    Case("LayerNorm", lambda: LayerNorm(4), 4, 4),
    Case("Dropout", lambda: Dropout(0.5, rng=1), 3, 3),
    Case("Conv2d", lambda: Conv2d((2, 4, 5), 3, (2, 3), stride=2, padding="valid"), 40, 12),
    Case(
        "Conv2d, masked",
        lambda: Conv2d((3, 2), 2, 3, mask=[[1, 1, 1], [1, 0, 1], [1, 1, 1]]),
        6,
        12,
    ),
    Case("Residual", lambda: Residual(Affinity(4, 3), Map("tanh"), Affinity(3, 4)), 4, 4),
    Case("Network", two_layers, 4, 2),
    Case("nested networks", nested, 4, 3),
    Case("Leak", lambda: Leak(Affinity(3, 2), Map("tanh"), Affinity(2, 3)), 3, 3),
    Case("Logit", lambda: Logit(Affinity(3, 2), Map("tanh"), Affinity(2, 3)), 3, 3),
    Case("Rescaled", lambda: Rescaled(Affinity(4, 2), Map("tanh"), Affinity(2, 4)), 4, 4, False),
    Case(
        "Rescaled, soft",
        lambda: Rescaled(Affinity(4, 2), Map("tanh"), Affinity(2, 4), temperature=0.3),
        4,
        4,
        False,
    ),
    Case(
        "RescaledTransposed",
        lambda: RescaledTransposed(Affinity(4, 2), Map("tanh"), Affinity(2, 4)),
        4,
        4,
        False,
    ),
    Case("ODELayer", lambda: ODELayer(autonomous(field(4)), 0.7, control=Fixed(steps=3)), 4, 4),
    Case(
        "ODELayer of time",
        lambda: ODELayer(timed(field(4, 3)), 0.7, 0.2, "dopri5", Fixed(steps=2), checkpoints=1),
        3,
        3,
    ),
    Case(
        "Couplings",
        lambda: Couplings([[0, 1, 2], [3, 0.5, 1], [0, 1, 0]], [1, 2, 3], activation="tanh"),
        3,
        3,
    ),
    Case("Hebb", lambda: Hebb(activation="tanh").store(PATTERNS), 4, 4),
    Case("PseudoInverse", lambda: PseudoInverse(activation="tanh").store(PATTERNS), 4, 4),
    Case("Storkey", lambda: Storkey(activation="sine").store(PATTERNS), 4, 4),
    Case("Polynomial", lambda: Polynomial(3, activation="tanh").store(PATTERNS), 4, 4),
    Case("Softmax memory", lambda: SoftmaxMemory(0.5).store(PATTERNS), 4, 4),
    Case("RBM", lambda: RBM(3, 4, units="soft"), 4, 4),
    Case(
        "CellularAutomaton",
        lambda: CellularAutomaton((2, 3), filters=2, kernel=3, activation="tanh"),
        6,
        6,
        smooth=False,
    ),
    Case("Dense", lambda: Dense(4), 4, 4),
    Case("Dense of bits", lambda: Dense(3, coding="bits"), 3, 3),
    Case(
        "HopfieldNetwork of numbers",
        lambda: HopfieldNetwork(Dense(3, coding="real"), max_steps=3),
        3,
        3,
    ),
    Case("own layer", lambda: TwoStep(4, 3, 2), 4, 2),
]


def doubled(net: Layer) -> Layer:
    """What the process-pool test does in the other process."""
    net.theta *= 2
    return net


# --- backends -------------------------------------------------------------------------------------

MODULES = {"torch": "torch", "cupy": "cupy"}


def backends_to_test(required: str, find: Callable[[str], Any]) -> list[str]:
    """numpy and array-api-strict always, torch and cupy when installed; what is required must be.

    `required` is the value of MINIGRAD_TEST_BACKENDS: without it CI could pass by testing nothing.
    """
    names = [name.strip() for name in required.split(",") if name.strip()]
    if unknown := set(names) - {"numpy", "array-api-strict", *MODULES}:
        raise ValueError(f"MINIGRAD_TEST_BACKENDS names {sorted(unknown)}: no such backend")
    installed = [name for name, module in MODULES.items() if find(module) is not None]
    if missing := [name for name in names if name in MODULES and name not in installed]:
        raise ValueError(f"MINIGRAD_TEST_BACKENDS asks for {missing}, which cannot be imported")
    return ["numpy", "array-api-strict", *installed]


def cupy_complaint() -> str | None:
    """Why cupy cannot work here, or None if it can."""
    try:
        backend.place("cupy")
    except Exception as error:
        return f"cupy cannot work here: {str(error).splitlines()[0]}"
    return None


def as_parameter(name: str) -> Any:
    if name != "cupy":
        return name
    complaint = cupy_complaint()
    marks = [pytest.mark.gpu, pytest.mark.skipif(complaint is not None, reason=complaint or "")]
    return pytest.param(name, marks=marks)


def is_installed(module: str) -> Any:
    return importlib.util.find_spec(module)
