"""Which array library: the one seam between minigrad and numpy, cupy, torch or array-api-strict.

A function takes its namespace `xp` from the arrays that it is given; a layer, from its `theta`.
`use` says where *new* arrays are born; arrays that exist decide the rest, and a mixture is refused.
The few kernels that the array API lacks stand at the end: plain for any namespace, fast for numpy.
"""

import importlib
import math
import os
import warnings
from collections.abc import Callable, Sequence
from numbers import Number
from typing import Any, NamedTuple

import array_api_compat as compat
import numpy as np

from minigrad.errors import BackendError, ShapeError

Array = Any
Random = np.random.Generator | int | None


class Library(NamedTuple):
    """An array library: array-API module, what to install, usual device, the way to the host."""

    module: str
    install: str
    device: str | None
    to_host: Callable[[Array], Any]


LIBRARIES = {
    "numpy": Library("array_api_compat.numpy", "numpy", None, np.asarray),
    "cupy": Library(
        "array_api_compat.cupy",
        "minigrad with its extra [cuda] (or cupy-cuda12x)",
        None,
        lambda a: a.get(),
    ),
    "torch": Library("array_api_compat.torch", "torch", "cpu", lambda a: a.detach().cpu().numpy()),
    # A device that is not the CPU: as strict as a GPU about mixing and about silent conversion.
    "array-api-strict": Library(
        "array_api_strict",
        "array-api-strict",
        "device1",
        lambda a: np.asarray(a.to_device(_strict_device(a, "CPU_DEVICE"))),
    ),
}


class Place(NamedTuple):
    """Where an array lives: the name of its library, the namespace, and the device."""

    name: str
    xp: Any
    device: Any

    def __str__(self) -> str:
        return self.spec.replace(":", " on ", 1)

    @property
    def spec(self) -> str:
        """The text that `place` turns into this place again, such as "torch:cuda:0"."""
        device = getattr(self.device, "_device", self.device)  # array-api-strict hides the name
        return self.name if self.name in ("numpy", "cupy") else f"{self.name}:{device}"


_birth: dict[str, Any] = {"place": None, "dtype": "float64"}
_said: set[str] = set()


def _strict_device(array: Array, name: str) -> Any:
    return array.__array_namespace__().Device(name)


def place(spec: str) -> Place:
    """The place named by "numpy", "cupy", "torch", "torch:cuda:0", "array-api-strict", ...

    Raises BackendError, saying what to install, for an unknown or missing library or device.
    """
    name, _, device = spec.partition(":")
    if name not in LIBRARIES:
        raise BackendError(f"unknown backend {name!r}: expected one of {', '.join(LIBRARIES)}")
    library = LIBRARIES[name]
    try:
        xp = importlib.import_module(library.module)
    except ImportError as error:
        raise BackendError(
            f"the backend {name!r} is not installed: install {library.install} ({error})"
        ) from error
    where: Any = device or library.device
    try:
        if name == "array-api-strict":
            where = xp.Device(where)
        where = compat.device(xp.zeros(1, device=where))
    except Exception as error:
        raise BackendError(
            f"the backend {name!r} has no device {device or 'to work on'} here: {error}"
        ) from error
    return Place(name, xp, where)


def use(spec: str, dtype: str = "float64") -> None:
    """Let new arrays be born in the library and on the device `spec`, with the float type `dtype`.

    Arrays that exist stay where they are. The environment variable MINIGRAD_BACKEND does the same.
    """
    if dtype not in ("float64", "float32"):
        raise ValueError(f"the float type must be float64 or float32, not {dtype!r}")
    _birth.update(place=place(spec), dtype=dtype)


def birthplace() -> Place:
    """The place where new arrays are born: what `use` or MINIGRAD_BACKEND chose, else numpy."""
    if _birth["place"] is None:
        _birth["place"] = place(os.environ.get("MINIGRAD_BACKEND", "numpy"))
    chosen: Place = _birth["place"]
    return chosen


def birth_dtype() -> str:
    """The float type of new arrays: "float64" unless `use` was told otherwise."""
    dtype: str = _birth["dtype"]
    return dtype


def place_of(array: Array) -> Place:
    """The place where an array lives; BackendError for what is no array of a known library."""
    if isinstance(array, np.ndarray | np.generic):
        return Place("numpy", importlib.import_module("array_api_compat.numpy"), "cpu")
    if compat.is_cupy_array(array):
        name = "cupy"
    elif compat.is_torch_array(array):
        name = "torch"
    elif type(array).__module__.startswith("array_api_strict"):
        name = "array-api-strict"
    else:
        raise BackendError(f"{type(array).__name__} is no array of {', '.join(LIBRARIES)}")
    return Place(name, importlib.import_module(LIBRARIES[name].module), compat.device(array))


def is_array(value: Any) -> bool:
    """Whether `value` is an array of any library (a list, a number, a numpy scalar is none)."""
    return bool(compat.is_array_api_obj(value)) and not isinstance(value, np.generic)


def namespace(*arrays: Array) -> Any:
    """The array-API namespace that these arrays share; BackendError names both of a mixture."""
    places = [place_of(a) for a in arrays]
    for other in places[1:]:
        if other != places[0]:
            raise BackendError(
                f"arrays of {places[0]} and of {other} cannot be mixed: "
                "move one with .to(...) or backend.move"
            )
    return places[0].xp


def host(array: Array) -> Any:
    """A numpy array with the values of `array`, wherever it lives; a list becomes one too."""
    return LIBRARIES[place_of(array).name].to_host(array) if is_array(array) else np.asarray(array)


def move(array: Array, to: Place, dtype: Any = None) -> Array:
    """A copy of `array` (a host array, a list or an array from anywhere) at the place `to`."""
    values = np.array(host(array))
    return to.xp.asarray(values, dtype=_dtype(to.xp, dtype or values.dtype.name), device=to.device)


def asarray(value: Any) -> Array:
    """`value` itself if it is an array; a list or a number as a new one, born where `use` says."""
    return value if is_array(value) else move(value, birthplace(), birth_dtype())


def born(values: Any) -> Array:
    """A host array as a new array, where `use` says; float64 becomes the float type of `use`."""
    place, dtype = birthplace(), values.dtype.name
    if dtype == "float64":
        dtype = birth_dtype()
    return values.astype(dtype, copy=False) if place.name == "numpy" else move(values, place, dtype)


def receive(value: Any, like: Array) -> Array:
    """`value` as an array beside `like`: of its library, on its device, with its dtype.

    Lists, numbers and integer arrays are converted; float64 for a float32 `like` is cast and said
    once. Raises BackendError for an array of another library or device, TypeError for no numbers.
    """
    if type(value) is np.ndarray and type(like) is np.ndarray:  # the common case, without a look-up
        if value.dtype == like.dtype:
            return value
    elif is_array(value):
        if isinstance(value, np.ndarray) and type(value) is not np.ndarray:
            value = np.asarray(value)  # a matrix or a masked array has an arithmetic of its own
        namespace(like, value)
        if value.dtype == like.dtype:
            return value
    xp = like.__array_namespace__() if hasattr(like, "__array_namespace__") else namespace(like)
    if not is_array(value):
        if isinstance(value, Sequence) and any(
            is_array(v) and not isinstance(v, np.ndarray) for v in value
        ):
            return receive(xp.stack([receive(v, like) for v in value]), like)
        known = (Sequence, Number, np.generic, np.ndarray)
        if not isinstance(value, known) or isinstance(value, str):
            raise TypeError(
                f"expected an array or a list of numbers, came a {type(value).__name__}"
            )
        try:
            value = np.asarray(value)
        except ValueError as error:
            raise ShapeError(f"rows of different lengths are no array: {error}") from error
        if value.dtype.kind not in "biufc":
            raise TypeError(f"expected numbers, came {value.dtype} ({str(value)[:40]})")
        if value.dtype.kind == "c" and "complex" not in str(like.dtype):
            raise TypeError("complex numbers came where real ones were expected")
        return move(value, place_of(like), _name(like.dtype))
    if "complex" in str(value.dtype) and "complex" not in str(like.dtype):
        raise TypeError("a complex array came where a real one was expected")
    if not any(kind in str(value.dtype) for kind in ("int", "float", "bool", "complex")):
        raise TypeError(f"expected an array of numbers, came one of {value.dtype}")
    if "float64" in str(value.dtype) and "float32" in str(like.dtype):
        say_once("float64 data came to a float32 network and is cast to float32")
    return namespace(like).astype(value, like.dtype)


def say_once(message: str) -> None:
    """Warn with `message` the first time that it comes up in this process."""
    if message not in _said:
        _said.add(message)
        warnings.warn(message, UserWarning, stacklevel=3)


def generator(rng: Random = None) -> np.random.Generator:
    """The host generator meant by `rng`: itself, one seeded by an int, or a fresh one.

    A fresh one can be read back: `generator().bit_generator.seed_seq.entropy` is its seed.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is not None and (isinstance(rng, bool) or not isinstance(rng, int | np.integer)):
        raise TypeError(f"rng must be a numpy Generator, an int or None, not {type(rng).__name__}")
    return np.random.default_rng(rng)


def generators(rng: Any, lead: tuple[int, ...]) -> list[np.random.Generator]:
    """One host generator, or for a stack of K (lead = (K,)) one a member: given so, or spawned."""
    if not lead:
        return [generator(rng)]
    if isinstance(rng, Sequence):
        if len(rng) != lead[0]:
            raise ValueError(
                f"a stack of {lead[0]} takes {lead[0]} generators or seeds, came {len(rng)}"
            )
        return [generator(r) for r in rng]
    return generator(rng).spawn(lead[0])


def copy(array: Array) -> Array:
    """A copy of `array` where it lives."""
    return namespace(array).asarray(array, copy=True)


def real(xp: Any, x: Array) -> Array:
    """The real part of x: what a maximum may look at during a complex step."""
    return xp.real(x) if xp.isdtype(x.dtype, "complex floating") else x


def all_finite(array: Array) -> bool:
    """Whether no value is NaN or infinite."""
    return bool(namespace(array).all(namespace(array).isfinite(array)))


def view(flat: Array, shape: tuple[int, ...]) -> Array:
    """`flat`, a slice of a longer vector, seen in another shape; never a copy."""
    return namespace(flat).reshape(flat, shape, copy=False)


def retire(array: Array) -> None:
    """Make an array that no longer holds what it stood for say so: it reads NaN and, in numpy,
    refuses to be written to. Whoever still holds it, or a view of it, notices."""
    array[...] = float("nan")
    if isinstance(array, np.ndarray):
        array.flags.writeable = False


def dtype_name(array: Array) -> str:
    """The bare name of the array's dtype in any library: "float64" for torch.float64."""
    return _name(array.dtype)


def float_name(dtype: Any) -> str:
    """The name of a float type, given by name or as a dtype; ValueError for any other type."""
    name = dtype if isinstance(dtype, str) else getattr(dtype, "__name__", _name(dtype))
    if name not in ("float32", "float64", "complex128"):  # the last for the complex step
        raise ValueError(f"the float type must be float64 or float32, not {name!r}")
    return name


def _name(dtype: Any) -> str:
    name: str = getattr(dtype, "name", str(dtype).rpartition(".")[2])
    return name


def _dtype(xp: Any, dtype: Any) -> Any:
    return getattr(xp, dtype if isinstance(dtype, str) else _name(dtype))


# --- kernels that the array API lacks -------------------------------------------------------------


def top_k(a: Array, k: int) -> Array:
    """Indices (..., k) of the k largest along the last axis, largest first; of equals the first."""
    xp = namespace(a)
    if not 1 <= k <= a.shape[-1]:
        raise ValueError(f"k must be between 1 and {a.shape[-1]}, not {k}")
    if not isinstance(a, np.ndarray):
        return xp.argsort(a, axis=-1, descending=True, stable=True)[..., :k]
    down = -a if a.dtype.kind == "f" else ~a  # -a of an unsigned or least integer is itself again
    near = np.sort(np.argpartition(down, k - 1, axis=-1)[..., :k], axis=-1)
    values = np.take_along_axis(a, near, axis=-1)
    least = values.min(axis=-1, keepdims=True) if values.size else values
    at_least = np.count_nonzero(a >= least, axis=-1)
    if (at_least > k).any():  # equals at the border: the plain order decides
        return np.argsort(down, axis=-1, kind="stable")[..., :k]
    order = np.argsort(np.take_along_axis(down, near, axis=-1), axis=-1, kind="stable")
    return np.take_along_axis(near, order, axis=-1)


def take_rows(a: Array, index: Array) -> Array:
    """Rows of `a` by number, a[index]: (N, ...) and (B,) -> (B, ...)."""
    return a[index] if isinstance(a, np.ndarray) else namespace(a, index).take(a, index, axis=0)


def add_rows(a: Array, index: Array, rows: Array) -> None:
    """a[index[i]] += rows[i] for every i, repeats included, in place: (N, n), (B,), (B, n)."""
    _in_range("row", index, a.shape[0])
    if isinstance(a, np.ndarray):
        np.add.at(a, index, rows)
        return
    xp = namespace(a, index, rows)
    hits = xp.arange(a.shape[0], device=compat.device(a))[:, None] == index[None, :]
    a += xp.astype(hits, a.dtype) @ rows


def bincount(labels: Array, length: int) -> Array:
    """How often each of 0 .. length-1 occurs among the integer labels: (N,) -> (length,)."""
    _in_range("label", labels, length)
    if isinstance(labels, np.ndarray):
        return np.bincount(labels, minlength=length)
    xp = namespace(labels)
    values = xp.arange(length, dtype=labels.dtype, device=compat.device(labels))
    return xp.sum(xp.astype(labels[:, None] == values[None, :], xp.int64), axis=0)


def _in_range(what: str, index: Array, length: int) -> None:
    xp = namespace(index)
    if index.shape[0] and (bool(xp.any(index < 0)) or bool(xp.any(index >= length))):
        raise ValueError(f"a {what} is out of range: expected 0 to {length - 1}")


def matmul_into(a: Array, b: Array, out: Array) -> None:
    """out = a @ b, into memory that is there already."""
    if isinstance(out, np.ndarray):
        np.matmul(a, b, out=out)
    else:
        out[...] = a @ b


def size(shape: Sequence[int]) -> int:
    """How many numbers an array of this shape holds."""
    return math.prod(shape)
