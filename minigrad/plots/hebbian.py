"""What Hebbian layers see and learn: the camera on its way, weights and features on the torus."""

import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from minigrad import backend
from minigrad.errors import NotFiniteError, ShapeError
from minigrad.losses import not_finite
from minigrad.plots.axes import axes, figure
from minigrad.plots.flows import writer_of

if TYPE_CHECKING:
    from minigrad.hebbian.world import Tapestry

NONE = "0.88"  # the grey of a unit without a value
LINES = 12  # of a legend, before it gets another column


def weight_tapestry(
    layer: Any, shape: tuple[int, int], side: tuple[int, int] | None = None, ax: Any = None
) -> Any:
    """The weights of all units as one picture, each unit's image at its place on the torus.

    `layer`: one with W (m, h * w), or W itself; `shape` (h, w). `side` (rows, columns): that of the
    layer's torus if None, or nearly square, the rest blank. One scale for all units, to the
    0.995-quantile of |W|: black ink on white; if some weights are negative, red and blue.
    """
    W, side = _weights(layer), _side(layer) if side is None else side
    (m, n), (h, w) = W.shape, shape
    if n != h * w:
        raise ShapeError(f"shape: {m} units have {n} weights each, which are no {h} x {w} images")
    rows, columns = _near_square(m) if side is None else _checked(side, m)
    images = np.full((rows * columns, h, w), np.nan)
    images[:m] = W.reshape(m, h, w)
    laid = images.reshape(rows, columns, h, w).swapaxes(1, 2)
    ax = axes(ax, _fitting((rows * h, columns * w), 8.0))
    most = float(np.quantile(np.abs(W), 0.995)) or float(np.abs(W).max()) or 1.0  # few are larger
    signed = bool(W.min() < 0)
    canvas = laid.reshape(rows * h, columns * w)
    ax.imshow(canvas, cmap="RdBu_r" if signed else "gray_r", vmin=-most if signed else 0, vmax=most)
    ax.set_axis_off()
    units = f"{m} units" if side is None else f"{rows} x {columns} units"
    scale = f"blue {-most:.2g}, white 0, red {most:.2g}" if signed else f"white 0, black {most:.2g}"
    ax.set_title(f"weights of {units} ({scale})", fontsize="medium")
    return ax


def camera_path(
    tapestry: "Tapestry",
    positions: Any,
    size: int | tuple[int, int] | None = None,
    ax: Any = None,
) -> Any:
    """Where a camera looked: the path of the middle of its frames over the (pale) tapestry.

    `positions` (T, 2): y, x of the frames' upper left pixels, as `Camera.path` gives them, wrapped
    or not: from one to the next the path goes the shorter way around the torus, and where it leaves
    on one side it comes in on the other. An open dot and the frame, of `size` (the tile's if None),
    where it starts, a full dot where it ends.
    """
    from matplotlib.patches import Rectangle

    p = np.asarray(backend.host(positions), float)
    if p.ndim != 2 or p.shape[1] != 2 or not len(p):
        raise ShapeError(f"positions: expected (T, 2), y and x, came {p.shape}")
    if not np.isfinite(p).all():
        raise NotFiniteError(f"positions have {not_finite(p)}")
    whole, (h, w) = np.array(tapestry.shape), tapestry._size(size)
    middle = np.floor(p) + (np.array([h, w]) - 1) / 2  # a pixel is drawn around its number
    for i in (0, 1):
        middle[:, i] = np.unwrap(middle[:, i], period=float(whole[i]))
    ax, world = axes(ax, _fitting(tapestry.shape, 6.4)), tapestry.world
    ax.imshow(world, cmap="gray_r", vmin=world.min(), vmax=world.min() + 4 * np.ptp(world))
    path = _cut(middle, whole)
    ax.plot(path[:, 1], path[:, 0], color="C0", linewidth=1.2, label=f"path, {len(p)} frames")
    start, end = _inside(middle[[0, -1]], whole)
    label: str | None = f"first frame, {h} x {w}"
    for down, across in itertools.product((0, -1, 1), repeat=2):  # what an edge cuts off comes in
        y, x = start - np.array([h, w]) / 2 + whole * (down, across)  # on the other side
        if -h < y + 0.5 < whole[0] and -w < x + 0.5 < whole[1]:
            ax.add_patch(Rectangle((x, y), w, h, fill=False, color="C3", zorder=3, label=label))
            label = None
    ax.plot(*start[::-1], "o", color="C3", markerfacecolor="w", zorder=4, clip_on=False)
    ax.plot(*end[::-1], "o", color="C0", zorder=4, clip_on=False, label="end")
    ax.set(
        xlabel="x (pixels)", ylabel="y (pixels)", xlim=(-0.5, whole[1] - 0.5),
        ylim=(whole[0] - 0.5, -0.5),
    )  # fmt: skip
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    return ax


def camera_frames(
    frames: Any,
    shape: tuple[int, int],
    path: str | Path | None = None,
    labels: Any = None,
    fps: int = 20,
) -> Any:
    """Frames (T, h * w) as a moving image, the label of each under it: a FuncAnimation.

    `labels` (T,): -1 where a frame has none; without labels it is `animation` of a batch of one.
    Black ink on white, from the least to the largest of all frames. `path`: saved there, as a GIF,
    or as an MP4 where ffmpeg is installed.
    """
    from matplotlib.animation import FuncAnimation

    x = np.asarray(backend.host(frames), float)
    if x.ndim != 2 or not x.size or x.shape[1] != math.prod(shape):
        raise ShapeError(f"frames: expected (T, {math.prod(shape)}), came {x.shape}")
    said = [""] * len(x) if labels is None else _said(labels, len(x))
    writer = None if path is None else writer_of(Path(path), fps)
    drawn = figure((2.4, 2.4 * shape[0] / shape[1] + 0.25))
    ax = drawn.subplots()
    image = ax.imshow(x[0].reshape(shape), cmap="gray_r", vmin=x.min(), vmax=x.max())
    ax.set(xticks=[], yticks=[], xlabel=said[0])

    def show(number: int) -> list[Any]:
        image.set_data(x[number].reshape(shape))
        ax.set_xlabel(said[number])
        return [image, ax.xaxis.label]

    moving = FuncAnimation(drawn, show, frames=len(x), interval=1000 / fps, blit=False)
    if path is not None:
        moving.save(str(path), writer=writer, dpi=100)
    return moving


def torus_features(
    values: Any,
    side: tuple[int, int],
    ax: Any = None,
    labels: bool = False,
    name: str = "",
) -> Any:
    """A number for each unit (m,) as a map of the torus: wins, selectivity, its preferred label.

    `side` (rows, columns). With `labels` the values are kinds, a colour each, named beside the map:
    -1 is none, and grey. Else a scale; NaN is none. `name` stands beside either.
    """
    values = backend.host(values).ravel()
    rows, columns = _checked(side, len(values))
    if labels and values.dtype.kind not in "iu":
        raise TypeError(f"values: expected whole numbers as labels, came {values.dtype}")
    width, height = _fitting((rows, columns), 4.6)
    at = values.reshape(rows, columns)
    if labels:
        count = len(np.unique(at))
        lines = min(count, LINES)
        ax = axes(
            ax, (width + 1.4 + 0.75 * -(-count // LINES), max(height + 0.3, 0.25 * (lines + 2)))
        )
        _kinds(at, ax, name or "label")
    else:
        import matplotlib

        ax = axes(ax, (width + 1.9, height + 0.3))
        image = ax.imshow(at, cmap=matplotlib.colormaps["viridis"].with_extremes(bad=NONE))
        if np.isnan(at).any():
            name = f"{name} (grey: none)".strip()
        wide = 0.05 * max(rows / columns, 1)
        ax.figure.colorbar(image, cax=ax.inset_axes((1 + 0.8 * wide, 0, wide, 1)), label=name)
    ax.set(xlabel="column of the torus", ylabel="row of the torus")
    for axis in (ax.xaxis, ax.yaxis):
        axis.get_major_locator().set_params(integer=True)
    return ax


def invariance_curves(curves: Mapping[str, tuple[Any, Any]], ax: Any = None) -> Any:
    """How alike codes stay when the image moves: a line for each name.

    `curves`: by name, a pair of the shifts (S,) in pixels and the cosines (S,), as of
    `hebbian.invariance`.
    """
    read = {}
    for name, (shifts, cosine) in curves.items():
        x, y = np.asarray(backend.host(shifts)), np.asarray(backend.host(cosine))
        if x.ndim != 1 or x.shape != y.shape:
            raise ShapeError(
                f"{name}: expected as many cosines as shifts, (S,) each, came {y.shape} and "
                f"{x.shape}"
            )
        read[name] = x, y
    if not read:
        raise ValueError("curves: expected at least one, by name")
    ax = axes(ax, (6.0, 3.8))
    for i, (name, (x, y)) in enumerate(read.items()):
        ax.plot(x, y, "o-", color=f"C{i % 10}", markersize=4, label=name)
    ax.axhline(0, color="0.6", linewidth=0.8, zorder=0)
    ax.set(xlabel="shift of the image (pixels)", ylabel="cosine with the code of the still image")
    ax.set_ylim(top=1.05)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(frameon=False)
    return ax


def neighbour_similarity(layer: Any, side: tuple[int, int] | None = None, ax: Any = None) -> Any:
    """How alike two units are against how far apart they stand: the cosine of their weights.

    `layer`: one with W (m, n), or W itself, for which `side` (rows, columns) is needed. The
    distance on the torus is the larger of that down and that across, so that a box of neighbours
    ends at its radius, a dotted line. A line for the mean, a band for the middle half of the pairs.
    """
    W, given = _weights(layer), _side(layer) if side is None else side
    if given is None:
        raise ValueError("side: the units have no torus; expected (rows, columns)")
    rows, columns = _checked(given, len(W))
    norms = np.linalg.norm(W, axis=1, keepdims=True)
    unit = W / np.where(norms > 0, norms, 1)
    distance, cosine = _apart(rows, columns), unit @ unit.T
    steps = np.arange(1, distance.max() + 1)
    if not len(steps):
        raise ValueError("one unit has no neighbours to compare with")
    pairs = [cosine[distance == step] for step in steps]
    ax = axes(ax, (6.0, 3.8))
    low, high = np.array([np.quantile(of, (0.25, 0.75)) for of in pairs]).T
    ax.fill_between(
        steps, low, high, color="C0", alpha=0.25, linewidth=0, label="half of the pairs"
    )
    ax.plot(steps, [of.mean() for of in pairs], "o-", color="C0", markersize=4, label="mean")
    radius = getattr(getattr(layer, "torus", None), "radius", None)
    if radius:
        ax.axvline(radius, color="k", linestyle=":", linewidth=1, label="radius of the neighbours")
    ax.set(xlabel="distance on the torus (units)", ylabel="cosine of the weights of two units")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(frameon=False)
    return ax


# --- parts ----------------------------------------------------------------------------------------


def _weights(layer: Any) -> NDArray[Any]:
    W = np.asarray(backend.host(getattr(layer, "W", layer)))
    if W.ndim != 2 or not W.size:
        raise ShapeError(f"expected a layer with W (m, n), or W, came {W.shape}")
    if not np.isfinite(W).all():
        raise NotFiniteError(f"W has {not_finite(W)}")
    return W


def _side(layer: Any) -> tuple[int, int] | None:
    side: tuple[int, int] | None = getattr(getattr(layer, "torus", None), "side", None)
    return side


def _checked(side: tuple[int, int], m: int) -> tuple[int, int]:
    rows, columns = side
    if rows * columns != m:
        raise ShapeError(f"side: {rows} x {columns} places are not those of {m} units")
    return rows, columns


def _near_square(m: int) -> tuple[int, int]:
    columns = math.ceil(math.sqrt(m))
    return math.ceil(m / columns), columns


def _apart(rows: int, columns: int) -> NDArray[np.int64]:
    """The distance of any two of rows * columns units on a torus, (m, m)."""
    down, across = np.divmod(np.arange(rows * columns), columns)
    far = [np.abs(at[:, None] - at) for at in (down, across)]
    around = [np.minimum(d, n - d) for d, n in zip(far, (rows, columns), strict=True)]
    return np.asarray(np.maximum(*around))


def _fitting(shape: tuple[int, int], longest: float) -> tuple[float, float]:
    """Width and height in inches of a picture of so many rows and columns."""
    rows, columns = shape
    scale = longest / max(rows, columns)
    return max(columns * scale, 1.6), max(rows * scale, 1.6) + 0.4  # which its words take


def _inside(points: NDArray[Any], whole: NDArray[Any]) -> NDArray[Any]:
    """Points of the plane on the torus: where pixels are drawn, -0.5 to the side less 0.5."""
    return np.asarray((points + 0.5) % whole - 0.5)


def _cut(path: NDArray[Any], whole: NDArray[Any]) -> NDArray[Any]:
    """A path (T, 2) in the plane as pieces on the torus, NaN between them.

    A piece goes on to the point past the edge, and the next begins at the one before it, so that
    both meet the edge.
    """
    turn = np.floor((path + 0.5) / whole)
    cuts = 1 + np.flatnonzero((turn[1:] != turn[:-1]).any(axis=1))
    pieces = []
    for first, last in zip([0, *cuts], [*cuts, len(path)], strict=True):
        piece = path[max(first - 1, 0) : last + 1] - turn[first] * whole
        pieces += [piece, np.full((1, 2), np.nan)]
    return np.concatenate(pieces[:-1])


def _said(labels: Any, count: int) -> list[str]:
    labels = backend.host(labels)
    if labels.shape != (count,):
        raise ShapeError(f"labels: expected one for each of {count} frames, came {labels.shape}")
    return ["no label" if label == -1 else f"label {label}" for label in labels.tolist()]


def _kinds(at: NDArray[Any], ax: Any, title: str) -> None:
    """Labels on a map, a colour each; up to ten of them keep theirs from figure to figure."""
    import matplotlib
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from matplotlib.patches import Patch

    kinds = np.unique(at).tolist()
    if all(-1 <= kind < 10 for kind in kinds):
        colours: list[Any] = [NONE if kind == -1 else f"C{kind}" for kind in kinds]
    else:
        scale = matplotlib.colormaps["turbo"]
        colours = [
            NONE if kind == -1 else scale(i / max(len(kinds) - 1, 1))
            for i, kind in enumerate(kinds)
        ]
    between = (np.array(kinds[1:]) + np.array(kinds[:-1])) / 2
    edges = [kinds[0] - 0.5, *between, kinds[-1] + 0.5]
    norm = BoundaryNorm(edges, len(kinds))
    ax.imshow(at, cmap=ListedColormap(colours), norm=norm, interpolation="nearest")
    ax.legend(
        handles=[
            Patch(color=colour, label="none" if kind == -1 else str(kind))
            for kind, colour in zip(kinds, colours, strict=True)
        ],
        title=title, loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False,
        borderaxespad=0, handlelength=1, handleheight=1, ncols=-(-len(kinds) // LINES),
        columnspacing=1,
    )  # fmt: skip
