"""Saving a network: theta and a description of its layers, in an .npz without any code in it."""

import contextlib
import os
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from minigrad import backend, samples
from minigrad.errors import FormatError, NotFiniteError
from minigrad.layers import Layer
from minigrad.losses import not_finite
from minigrad.network import Network

FORMAT = "minigrad network 1"


def describe(layer: Layer, place: str = "") -> list[str]:
    """What a saved theta belongs to: for each layer, inner ones too, its kind and its shapes."""
    if isinstance(layer, Network):
        inner = [describe(part, f"{place}{i}.") for i, part in enumerate(layer.layers, 1)]
        return [f"{place} {layer}".strip(), *(line for lines in inner for line in lines)]
    shapes = ", ".join(f"{name} {tuple(shape)}" for name, shape in layer.shapes.items())
    return [f"{place} {layer}: {shapes}".strip(" :")]


def save(layer: Layer, path: str | Path) -> None:
    """Write theta to `path`, whole or not at all: a file that was there survives a full disk."""
    path = Path(path)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    samples.finite("theta", layer.theta)
    try:
        with open(unfinished, "wb") as stream:
            np.savez(
                stream,
                format=np.array(FORMAT),
                layers=np.array(describe(layer)),
                theta=backend.host(layer.theta),
            )
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(unfinished)
        raise


def load(layer: Layer, path: str | Path) -> None:
    """Take theta from `path`; FormatError, and nothing changed, unless it is of the same layers."""
    with open(path, "rb") as stream:
        try:
            saved = _read(stream)
        except Exception as error:  # a damaged archive fails in every way there is
            raise FormatError(f"{path} is no saved network, or not all of one: {error}") from error
    expected, theta = describe(layer), saved["theta"]
    if saved["layers"].tolist() != expected or theta.shape != tuple(layer.theta.shape):
        raise FormatError(
            f"{path} holds another network:\n{saved['layers']}, theta of shape {theta.shape}; "
            f"expected\n{np.array(expected)}, theta of shape {tuple(layer.theta.shape)}"
        )
    with np.errstate(over="ignore"):
        theta = theta.astype(backend.dtype_name(layer.theta))
    if not np.isfinite(theta).all():
        raise NotFiniteError(f"{path}: theta has {not_finite(theta)}")
    layer.theta = backend.move(theta, layer.place)


def _read(stream: BinaryIO) -> dict[str, Any]:
    with zipfile.ZipFile(stream) as archive:
        if damaged := archive.testzip():
            raise ValueError(f"{damaged} is damaged")
    stream.seek(0)
    with np.load(stream, allow_pickle=False) as file:
        if absent := {"format", "layers", "theta"} - set(file.files):
            raise ValueError(f"it has no {', '.join(sorted(absent))}")
        saved = {name: file[name] for name in ("format", "layers", "theta")}
    if str(saved["format"]) != FORMAT:
        raise ValueError(f"its format is {str(saved['format'])[:40]!r}, expected {FORMAT!r}")
    if saved["theta"].dtype.kind != "f":
        raise ValueError(f"its theta is of {saved['theta'].dtype}")
    return saved
