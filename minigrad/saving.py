"""Saving a network: theta and a description of its layers, in an .npz without any code in it.

`save_whole` keeps the object itself, own layers and functions included; but to load such a file is
to run what it says, so `load_whole` wants to hear that it is trusted.
"""

import contextlib
import copy
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
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
    """Write theta, and what layers keep beside it (the patterns of a memory), to `path`.

    Whole or not at all: a file that was there survives a full disk.
    """
    samples.finite("theta", layer.theta)
    beside = {
        f"{i}.{name}": backend.host(getattr(part, name))
        for i, part in enumerate(parts(layer))
        for name in getattr(part, "lasting", ())
        if getattr(part, name) is not None
    }
    shapes = [
        {} if isinstance(part, Network) else {k: list(v) for k, v in part.shapes.items()}
        for part in parts(layer)
    ]
    frozen = [sorted(part.frozen) for part in parts(layer)]

    def write(stream: BinaryIO) -> None:
        np.savez(
            stream,
            format=np.array(FORMAT),
            layers=np.array(describe(layer)),
            theta=backend.host(layer.theta),
            shapes=np.array(json.dumps([shapes, frozen])),
            **beside,
        )

    write_whole(path, write)


def load(layer: Layer, path: str | Path) -> None:
    """Take theta from `path`; FormatError, and nothing changed, unless it is of the same layers.

    A layer that has no parameters yet, because it takes its width from what it meets, is given
    those of the file.
    """
    saved = read_arrays(path, FORMAT, ("layers", "theta"))
    target = layer
    if saved["layers"].tolist() != describe(layer):
        target = copy.deepcopy(layer)
        _take_shapes(target, str(saved.get("shapes", "[[], []]")))
    expected, theta = describe(target), saved["theta"]
    if theta.dtype.kind != "f":
        raise FormatError(
            f"{path} is no saved network, or not all of one: its theta is of {theta.dtype}"
        )
    if saved["layers"].tolist() != expected or theta.shape != tuple(target.theta.shape):
        raise FormatError(
            f"{path} holds another network:\n{saved['layers']}, theta of shape {theta.shape}; "
            f"expected\n{np.array(expected)}, theta of shape {tuple(target.theta.shape)}"
        )
    with np.errstate(over="ignore"):
        theta = theta.astype(backend.dtype_name(layer.theta))
    if not np.isfinite(theta).all():
        raise NotFiniteError(f"{path}: theta has {not_finite(theta)}")
    if target is not layer:
        _take_shapes(layer, str(saved["shapes"]))
    layer.theta = backend.move(theta, layer.place)
    for i, part in enumerate(parts(layer)):
        for name in getattr(part, "lasting", ()):
            kept = saved.get(f"{i}.{name}")
            like = backend.dtype_name(layer.theta)
            setattr(part, name, None if kept is None else backend.move(kept, layer.place, like))


def parts(layer: Layer) -> Iterator[Layer]:
    """The layer, and those in it, each before what is in it."""
    yield layer
    for inner in getattr(layer, "layers", ()):
        yield from parts(inner)


def _take_shapes(layer: Layer, shapes: str) -> None:
    """Let the parts that have no parameters yet, and can take shapes, have those of a file."""
    for part, saved, frozen in zip(list(parts(layer)), *json.loads(shapes), strict=False):
        if saved and not part.shapes and hasattr(part, "take_shapes"):
            part.take_shapes({name: tuple(shape) for name, shape in saved.items()})
            part.unfreeze()
            if frozen:
                part.freeze(*frozen)


def read_arrays(path: str | Path, form: str, names: Sequence[str] = ()) -> dict[str, Any]:
    """The arrays of an .npz that says that it is of this format, and holds these; no code is run.

    Raises FormatError for a damaged file, or one of another format.
    """
    with open(path, "rb") as stream:
        try:
            return _read(stream, form, {"format", *names})
        except Exception as error:  # a damaged archive fails in every way there is
            what = form.rpartition(" ")[0].removeprefix("minigrad ")
            raise FormatError(f"{path} is no saved {what}, or not all of one: {error}") from error


def _read(stream: BinaryIO, form: str, names: set[str]) -> dict[str, Any]:
    with zipfile.ZipFile(stream) as archive:
        if damaged := archive.testzip():
            raise ValueError(f"{damaged} is damaged")
    stream.seek(0)
    with np.load(stream, allow_pickle=False) as file:
        if absent := names - set(file.files):
            raise ValueError(f"it has no {', '.join(sorted(absent))}")
        saved = dict(file)
    if str(found := saved.pop("format")) != form:
        raise ValueError(f"its format is {str(found)[:40]!r}, expected {form!r}")
    return saved


def save_whole(layer: Layer, path: str | Path) -> None:
    """Write the layer itself to `path`, by dill, whole or not at all."""
    import dill

    write_whole(path, lambda stream: dill.dump(layer, stream))


def load_whole(path: str | Path, trusted: bool = False) -> Any:
    """The layer that `save_whole` wrote. Loading runs code: `trusted=True` says that it may.

    Raises ValueError unless the file is said to be trusted, FormatError if it is damaged.
    """
    if not trusted:
        raise ValueError(f"loading {path} runs whatever code it holds: pass trusted=True if you "
                         "know where it comes from, or use save and load")  # fmt: skip
    import dill

    with open(path, "rb") as stream:
        try:
            return dill.load(stream)
        except Exception as error:
            raise FormatError(f"{path} is no saved layer, or not all of one: {error}") from error


def write_whole(path: str | Path, write: Callable[[BinaryIO], None]) -> None:
    """Let `write` fill a file beside `path`, and put it in its place when it is complete."""
    path = Path(path).resolve()  # a link stays a link
    if path.exists() and not path.is_file():
        raise FormatError(f"{path} is there already, and is no file to be written over")
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(unfinished, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(unfinished)
        raise
