"""minigrad: networks to be understood. A layer is a map with two methods, forward and backprop."""

import importlib
from typing import Any

__version__ = "0.1.0"

# Where each public name lives; a module is imported when a name of it is first used.
_HOME = {
    "Layer": "layers",
    "Identity": "layers",
    "Affinity": "layers",
    "Map": "layers",
    "Softmax": "normalizing",
    "LayerNorm": "normalizing",
    "Dropout": "dropout",
    "Conv2d": "convolution",
    "Network": "network",
    "Residual": "network",
    "gradient_check": "checks",
    "NNBench": "bench",
    "GradientDescent": "optimizers",
    "Momentum": "optimizers",
    "Adam": "optimizers",
    "use": "backend",
}
_MODULES = (
    "backend",
    "bench",
    "checks",
    "data",
    "errors",
    "exercises",
    "hebbian",
    "hopfield",
    "information",
    "initializers",
    "layers",
    "losses",
    "maps",
    "network",
    "ode",
    "optimizers",
    "parameters",
    "plots",
    "stacks",
)

__all__ = [*_HOME, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"minigrad.{_HOME[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"minigrad.{name}")
    raise AttributeError(f"module 'minigrad' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
