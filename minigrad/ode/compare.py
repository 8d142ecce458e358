"""The gradients of one solve, side by side: how far each is from the exact one."""

import copy
import warnings
from dataclasses import dataclass
from typing import Any

from minigrad import backend
from minigrad.backend import Array
from minigrad.ode.layer import ODELayer
from minigrad.text import table


@dataclass
class Gaps:
    """|g - exact| / |exact| of each gradient of dE/dx and dE/dtheta; printed, a table.

    `reconstruction`: how far the backsolve missed the start, relative to its size.
    """

    dx: dict[str, float]
    dtheta: dict[str, float]
    reconstruction: float | None

    def __str__(self) -> str:
        rows = [
            (name, f"{self.dx[name]:.1e}", f"{self.dtheta[name]:.1e}",
             f"{self.reconstruction:.1e}" if name == "adjoint" else "")
            for name in self.dx
        ]  # fmt: skip
        return table(("gradient", "dE/dx off by", "dE/dtheta off by", "x(t0) missed by"), rows)


def compare_gradients(layer: ODELayer, x: Any, dy: Any) -> Gaps:
    """How far the adjoint, and checkpoints, are from the gradient through the same steps.

    x, dy: an input and dE/dy, of one shape. The layer is left as it was.
    """
    found: dict[str, tuple[Array, Array]] = {}
    if not isinstance(layer, ODELayer) or layer.gradient == "rest":
        raise TypeError(f"expected an ODELayer that flows from t0 to t1, came {layer!r}")
    missed, mesh = None, layer.mesh
    kinds: dict[str, dict[str, Any]] = {
        "steps": {"gradient": "steps", "checkpoints": None},
        "checkpoints": {"gradient": "steps", "checkpoints": 1},
        "adjoint": {"gradient": "adjoint"},
    }
    for name, changes in kinds.items():
        twin = copy.deepcopy(layer)
        vars(twin).update(changes)
        if found:
            twin.mesh, twin.replay = mesh, True
        twin(x)
        mesh = twin.mesh
        twin.zero_grad()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found[name] = twin.backprop(dy), backend.copy(twin.grad)
        missed = twin.reconstruction_error
    exact = found["steps"]
    gaps = [
        {name: _gap(pair[side], exact[side]) for name, pair in found.items()} for side in (0, 1)
    ]
    return Gaps(gaps[0], gaps[1], missed)


def _gap(a: Array, b: Array) -> float:
    xp = backend.namespace(a, b)
    size = float(xp.sqrt(xp.sum(xp.abs(b) ** 2)))
    return float(xp.sqrt(xp.sum(xp.abs(a - b) ** 2))) / (size or 1.0)
