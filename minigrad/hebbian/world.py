"""What the Hebbian layers look at: a tapestry of images, a camera that wanders over it, patches.

Images are kept on the host; frames are handed out where `minigrad.use` says that new arrays are
born.
"""

import json
import math
import operator
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from minigrad import backend
from minigrad.backend import Array, Random
from minigrad.errors import NotFiniteError, ShapeError
from minigrad.layers import width

Side = int | tuple[int, int]
State = dict[str, NDArray[Any]]


class Tapestry:
    """Images laid out on a torus: it goes on across its edges without a seam.

    images: (N, h, w), or (N, h * w) with their `shape` (h, w); the first rows * columns of them
    fill the `grid` (rows, columns) row by row, each in the middle of a `tile` (of its own size
    unless given). A position (y, x) is that of a frame's upper left pixel; any real number will
    do, and is rounded down. `labels` (N,), of images, make `label_at` speak: a frame has a label
    where its middle is `within` so many pixels of the middle of a tile, down and across (where
    one has an even side and the other an odd one, half a pixel more).

    Raises ShapeError, ValueError (too few images, one that is larger than its tile, nothing to
    see), NotFiniteError. Negative pixels are taken; the layers that want activities refuse them.
    """

    def __init__(
        self,
        images: Any,
        labels: Any = None,
        grid: tuple[int, int] = (30, 30),
        shape: tuple[int, int] | None = None,
        tile: Side | None = None,
        within: int = 2,
    ) -> None:
        images = _images(images, shape)
        self.grid, (h, w) = _pair("grid", grid), images.shape[1:]
        (rows, columns), count = self.grid, math.prod(self.grid)
        if len(images) < count:
            raise ValueError(
                f"a grid of {rows} x {columns} wants {count} images, came {len(images)}"
            )
        self.tile = (h, w) if tile is None else _pair("tile", tile)
        if h > self.tile[0] or w > self.tile[1]:
            raise ValueError(
                f"images of {h} x {w} are larger than the tile, {self.tile[0]} x {self.tile[1]}"
            )
        self.within = _count("within", within, 0)
        self.labels = None if labels is None else _labels(labels, len(images))[:count]
        laid = np.zeros((count, *self.tile), images.dtype)
        top, left = (self.tile[0] - h) // 2, (self.tile[1] - w) // 2
        laid[:, top : top + h, left : left + w] = images[:count]
        laid = laid.reshape(rows, columns, *self.tile).swapaxes(1, 2)
        self.world: NDArray[Any] = laid.reshape(rows * self.tile[0], columns * self.tile[1])
        if self.world.min() == self.world.max():
            raise ValueError(f"there is nothing to see: every pixel is {self.world[0, 0]:g}")

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels, after which all comes again."""
        return self.world.shape[0], self.world.shape[1]

    def frame(self, y: float, x: float, size: Side | None = None) -> Array:
        """What is seen at (y, x): an image (h, w); `size`: h = w, or (h, w), the tile's if None."""
        return backend.born(self._seen([[y, x]], size)[0])

    def frames(self, positions: Any, size: Side | None = None) -> Array:
        """What is seen at each of the positions (N, 2), as rows: (N, h * w)."""
        seen = self._seen(positions, size)
        return backend.born(seen.reshape(len(seen), -1))

    def label_at(self, y: Any, x: Any, size: Side | None = None) -> Any:
        """The label of the digit in the middle of the frame at (y, x), or -1 where none is.

        y, x: numbers, or arrays for as many labels; -1 throughout where no labels were given.
        """
        corner = _floor(np.stack(np.broadcast_arrays(backend.host(y), backend.host(x)), axis=-1))
        tile, grid = np.array(self.tile), np.array(self.grid)
        middle = 2 * corner + np.array(self._size(size))  # doubled, so that it is whole
        number = middle // (2 * tile)
        off = np.abs(middle - (2 * number + 1) * tile)
        number = number % grid
        which = number[..., 0] * grid[1] + number[..., 1]
        near = (off <= 2 * self.within + 1).all(axis=-1)  # half a pixel where none is the middle
        found = np.where(near, -1 if self.labels is None else self.labels[which], -1)
        return found if found.ndim else int(found)

    def corner_of(self, number: int, size: Side | None = None) -> tuple[int, int]:
        """The position (y, x) of the frame in whose middle image `number` of the grid stands."""
        at, size = divmod(number, self.grid[1]), self._size(size)
        y, x = ((2 * a + 1) * t - s for a, t, s in zip(at, self.tile, size, strict=True))
        return y // 2, x // 2

    def __repr__(self) -> str:
        (rows, columns), (h, w) = self.grid, self.tile
        return f"Tapestry({rows} x {columns} tiles of {h} x {w})"

    def _size(self, size: Side | None) -> tuple[int, int]:
        return self.tile if size is None else _pair("size", size)

    def _seen(self, positions: Any, size: Side | None) -> NDArray[Any]:
        corner, (h, w) = _floor(positions), self._size(size)
        if corner.ndim != 2 or corner.shape[1] != 2:
            raise ShapeError(f"positions: expected (N, 2), y and x, came {corner.shape}")
        rows = (corner[:, :1] + np.arange(h)) % self.world.shape[0]
        columns = (corner[:, 1:] + np.arange(w)) % self.world.shape[1]
        return np.asarray(self.world[rows[:, :, None], columns[:, None, :]])


class _Source:
    """Frames without end: one by one, or `take(n)`; a state that can be saved and given back.

    The generator is the source's own from then on: `restore` sets it back.
    """

    rng: np.random.Generator

    def take(self, n: int) -> Array:
        """The next n frames, as rows (n, h * w); their labels (n,) are `labels` after that."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Array]:
        return self

    def __next__(self) -> Array:
        return self.take(1)[0, :]

    def state(self) -> State:
        """All that the next frames depend on: arrays by name, which np.savez takes without pickle.

        >>> shuffled = centred([[0.0, 1.0], [1.0, 0.0], [2.0, 3.0]], rng=1)
        >>> state = shuffled.state()
        >>> first = shuffled.take(5)
        >>> bool((shuffled.restore(state).take(5) == first).all())
        True
        """
        own = {name: np.array(value) for name, value in self._own().items()}
        return {**own, "kind": np.array(self._kind()), "rng": np.array(_written(self.rng))}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from a `state`; ValueError, and nothing changed, for one of another make."""
        own = self._own()
        if missing := {*own, "kind", "rng"} - {*state}:
            raise ValueError(f"the state has no {', '.join(sorted(missing))}")
        if str(state["kind"]) != self._kind():
            raise ValueError(f"the state is of a {state['kind']}, this is a {self._kind()}")
        for name, value in own.items():
            came, expected = np.shape(state[name]), np.shape(value)
            if came != expected:
                raise ShapeError(f"{name} of the state: expected shape {expected}, came {came}")
        self.rng = _read(str(state["rng"]))
        self._be({name: np.array(state[name]) for name in own})
        return self

    def _kind(self) -> str:
        raise NotImplementedError

    def _own(self) -> dict[str, Any]:
        raise NotImplementedError

    def _be(self, state: State) -> None:
        raise NotImplementedError


class Camera(_Source):
    """A camera that wanders over a tapestry, or dwells on one digit after the other.

    Wandering, as in seed 002: each frame, position += velocity, then velocity += acceleration,
    each component clipped to +-v_max pixels a frame; every `hold` frames the acceleration is drawn
    anew, uniform in -1 to 1, across and then down. It starts at rest in the middle. With
    `dwell` > 0 it does not wander: it stays `dwell` frames on a digit, that digit in the middle of
    the frame, and goes to another drawn at random. `jitter`: each frame is moved by whole
    pixels, uniform in -jitter to jitter, down and across.

    `take(n)`: frames (n, h * w); then `positions` (n, 2) and `labels` (n,) are theirs. `size` of a
    frame: that of a tile unless given.
    """

    def __init__(
        self,
        tapestry: Tapestry,
        size: Side | None = None,
        rng: Random = None,
        v_max: float = 3.0,
        hold: int = 20,
        dwell: int = 0,
        jitter: int = 0,
    ) -> None:
        if not v_max > 0 or not math.isfinite(v_max):
            raise ValueError(f"v_max must be a positive number of pixels a frame, not {v_max!r}")
        self.tapestry, self.size = tapestry, tapestry._size(size)
        self.rng, self.v_max = backend.generator(rng), float(v_max)
        self.hold, self.dwell = _count("hold", hold), _count("dwell", dwell, 0)
        self.jitter = _count("jitter", jitter, 0)
        self.position = [side / 2 for side in tapestry.shape]
        self.velocity, self.acceleration, self.number = [0.0, 0.0], [0.0, 0.0], 0
        self.positions = np.zeros((0, 2), np.int64)

    def path(self, n: int) -> NDArray[np.int64]:
        """Go on for n frames without looking: the positions (n, 2) of the frames passed."""
        self.positions = np.array([self._moved() for _ in range(_count("n", n))])
        return self.positions

    def take(self, n: int) -> Array:
        """The next n frames, as rows (n, h * w); `positions` and `labels` are theirs after that."""
        return self.tapestry.frames(self.path(n), self.size)

    @property
    def labels(self) -> NDArray[np.int64]:
        """The labels (n,) of the frames last taken, -1 where a frame has none."""
        y, x = self.positions.T
        return np.asarray(self.tapestry.label_at(y, x, self.size))

    def _moved(self) -> tuple[int, int]:
        (y, x), down, across = self._wandered() if not self.dwell else self._dwelt(), 0, 0
        self.number += 1
        if self.jitter:
            down, across = self.rng.integers(-self.jitter, self.jitter + 1, 2).tolist()
        return math.floor(y) + down, math.floor(x) + across

    def _wandered(self) -> list[float]:
        if self.number % self.hold == 0:
            across, down = self.rng.uniform(-1, 1, 2).tolist()
            self.acceleration = [down, across]
        self.position = [p + v for p, v in zip(self.position, self.velocity, strict=True)]
        faster = (v + a for v, a in zip(self.velocity, self.acceleration, strict=True))
        self.velocity = [min(max(v, -self.v_max), self.v_max) for v in faster]
        return self.position

    def _dwelt(self) -> list[float]:
        if self.number % self.dwell == 0:
            which = int(self.rng.integers(math.prod(self.tapestry.grid)))
            self.position = [float(p) for p in self.tapestry.corner_of(which, self.size)]
        return self.position

    def _kind(self) -> str:
        (h, w), moves = self.size, f"v_max {self.v_max}, hold {self.hold}"
        if self.dwell:
            moves = f"dwell {self.dwell}"
        return f"Camera of {h} x {w} over a {self.tapestry}, {moves}, jitter {self.jitter}"

    def _own(self) -> dict[str, Any]:
        names = "position", "velocity", "acceleration", "number"
        return {name: getattr(self, name) for name in names}

    def _be(self, state: State) -> None:
        for name, value in state.items():
            setattr(self, name, value.tolist())


class _Shuffled(_Source):
    """What `centred` gives."""

    def __init__(self, images: Any, labels: Any, rng: Random) -> None:
        images = backend.host(images)
        flat = images.reshape(len(images), -1) if images.ndim > 1 and images.size else images
        self.rows = _sound(flat, 2)
        self.known = _labels(labels, len(self.rows)) if labels is not None else None
        self.rng, self.order, self.at = backend.generator(rng), np.arange(len(self.rows)), 0
        self.labels = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, n: int) -> Array:
        parts, left = [], _count("n", n)
        while left:
            if self.at == 0:
                self.order = self.rng.permutation(len(self))
            parts.append(self.order[self.at : self.at + left])
            left -= len(parts[-1])
            self.at = (self.at + len(parts[-1])) % len(self)
        which = np.concatenate(parts)
        self.labels = np.full(n, -1) if self.known is None else self.known[which]
        return backend.born(self.rows[which])

    def _kind(self) -> str:
        return f"stream of {len(self)} images of {self.rows.shape[1]} pixels"

    def _own(self) -> dict[str, Any]:
        return {"order": self.order, "at": self.at}

    def _be(self, state: State) -> None:
        self.order, self.at = state["order"], int(state["at"])


def centred(images: Any, labels: Any = None, rng: Random = None) -> _Shuffled:
    """Whole images in random order, without end, each once before any comes again.

    images: (N, h, w) or (N, n). `take(n)`, `labels`, `state` and `restore` as of a `Camera`;
    `take(len(...))` of a fresh one is one shuffled epoch.

    >>> digits = centred([[0.0, 0.5], [1.0, 0.5], [2.0, 0.5]], labels=[7, 8, 9], rng=1)
    >>> sorted(digits.take(len(digits))[:, 0].tolist()), sorted(digits.labels.tolist())
    ([0.0, 1.0, 2.0], [7, 8, 9])
    """
    return _Shuffled(images, labels, rng)


def patches(
    images: Any,
    size: Side,
    count: int,
    shape: tuple[int, int] | None = None,
    rng: Random = None,
) -> Array:
    """`count` windows of the `size` h = w, or (h, w), drawn anywhere inside the images: rows.

    images: (N, H, W), or (N, H * W) with their `shape` (H, W); the patches: (count, h * w).
    Raises ValueError where a patch is larger than the images.
    """
    images, (h, w), rng = _images(images, shape), _pair("size", size), backend.generator(rng)
    high, wide = images.shape[1] - h + 1, images.shape[2] - w + 1
    if high < 1 or wide < 1:
        raise ValueError(
            f"patches of {h} x {w} do not fit in images of {images.shape[1]} x {images.shape[2]}"
        )
    count = _count("count", count)
    which, top, left = (rng.integers(0, limit, count) for limit in (len(images), high, wide))
    rows, columns = top[:, None] + np.arange(h), left[:, None] + np.arange(w)
    drawn = images[which[:, None, None], rows[:, :, None], columns[:, None, :]]
    return backend.born(drawn.reshape(count, h * w))


# --- what is given --------------------------------------------------------------------------------


def _images(images: Any, shape: tuple[int, int] | None) -> NDArray[Any]:
    """The images as (N, h, w), real and finite."""
    images = backend.host(images)
    if shape is not None:
        h, w = _pair("shape", shape)
        if images.ndim < 2 or math.prod(images.shape[1:]) != h * w:
            raise ShapeError(f"images: expected (N, {h * w}) for {h} x {w}, came {images.shape}")
        images = images.reshape(-1, h, w)
    elif images.ndim != 3:
        raise ShapeError(f"images: expected (N, h, w), came {images.shape}; or give their shape")
    return _sound(images, 3)


def _sound(images: NDArray[Any], ndim: int) -> NDArray[Any]:
    """The images, if they are real and finite and there are some; integers as float64."""
    if images.ndim != ndim or not images.size:
        raise ShapeError(f"images: expected one or more, came an array of shape {images.shape}")
    if images.dtype.kind not in "biuf":
        raise TypeError(f"images: expected real numbers, came {images.dtype}")
    if images.dtype.kind != "f":
        images = images.astype(np.float64)
    if not np.isfinite(images).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(images))[0])
        raise NotFiniteError(f"the images have {images[at]} at {at}")
    return images


def _labels(labels: Any, count: int) -> NDArray[np.int64]:
    labels = backend.host(labels)
    if labels.shape != (count,):
        raise ShapeError(f"labels: expected one for each image, ({count},), came {labels.shape}")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels: expected whole numbers, came {labels.dtype}")
    return np.asarray(labels, np.int64)


def _floor(positions: Any) -> NDArray[np.int64]:
    positions = backend.host(positions)
    if positions.dtype.kind not in "iuf":
        raise TypeError(f"positions: expected numbers, came {positions.dtype}")
    if not np.isfinite(positions).all():
        raise NotFiniteError("positions: expected numbers, came one that is not finite")
    return np.asarray(np.floor(positions), np.int64)


def _pair(name: str, value: Any) -> tuple[int, int]:
    sides = (value, value) if hasattr(value, "__index__") else tuple(value)
    if len(sides) != 2:
        raise ValueError(f"{name}: expected a side or (height, width), came {value!r}")
    try:
        return width(sides[0]), width(sides[1])
    except ValueError:
        raise ValueError(f"{name}: expected whole numbers of at least 1, came {value!r}") from None


def _count(name: str, value: Any, least: int = 1) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return operator.index(value)


# --- a generator as text --------------------------------------------------------------------------

_KINDS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")


def _written(rng: np.random.Generator) -> str:
    return json.dumps(rng.bit_generator.state, default=lambda value: value.tolist())


def _read(text: str) -> np.random.Generator:
    state = json.loads(text)
    if state.get("bit_generator") not in _KINDS:
        raise ValueError(f"the state has no generator of numpy: {text[:40]}")
    bits = getattr(np.random, state["bit_generator"])(0)
    bits.state = _arrays(state)
    return np.random.Generator(bits)


def _arrays(value: Any) -> Any:
    """Lists back as the arrays of uint64 that some generators' states hold."""
    if isinstance(value, dict):
        return {name: _arrays(inner) for name, inner in value.items()}
    return np.array(value, np.uint64) if isinstance(value, list) else value
