"""Saving a network: theta and a description of its layers, in an .npz without any code in it."""

import contextlib
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from minigrad import backend
from minigrad.errors import FormatError, NotFiniteError
from minigrad.layers import Layer
from minigrad.losses import not_finite

FORMAT = "minigrad network 1"


def describe(layer: Layer) -> list[str]:
    """What a saved theta belongs to: a line a parameter, its place, name and shape."""
    return [
        f"{name} {'x'.join(map(str, value.shape))}"
        for name, (value, _) in layer.parameters().items()
    ]


def save(layer: Layer, path: str | Path) -> None:
    """Write theta to `path`, whole or not at all: a file that was there survives a full disk."""
    path = Path(path)
    file, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(file, "wb") as stream:
            np.savez(
                stream,
                format=np.array(FORMAT),
                layers=np.array(describe(layer), dtype=str),
                kinds=np.array(repr(layer)),
                theta=backend.host(layer.theta),
            )
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(temporary)
        raise


def load(layer: Layer, path: str | Path) -> None:
    """Take theta from `path`; FormatError, and nothing changed, unless it is of the same layers."""
    try:
        with np.load(path, allow_pickle=False) as file:
            saved = {name: file[name] for name in ("format", "layers", "kinds", "theta")}
    except FileNotFoundError:
        raise
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        zipfile.BadZipFile,
        NotImplementedError,
    ) as error:
        raise FormatError(f"{path} is no saved network, or not all of one: {error}") from error
    if str(saved["format"]) != FORMAT:
        raise FormatError(f"{path} has the format {str(saved['format'])!r}, expected {FORMAT!r}")
    expected, theta = describe(layer), saved["theta"]
    if list(saved["layers"]) != expected or theta.shape != tuple(layer.theta.shape):
        raise FormatError(
            f"{path} holds another network, {saved['kinds']} with {', '.join(saved['layers'])}; "
            f"expected {layer!r} with {', '.join(expected)}"
        )
    if not np.isfinite(theta).all():
        raise NotFiniteError(f"{path}: theta has {not_finite(theta)}")
    layer.theta = backend.move(theta, layer.place, backend.dtype_name(layer.theta))
