"""Flows seen: portraits in the plane, paths in many dimensions, noise on its way, moving images."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad import backend
from minigrad.errors import ShapeError, SolverError
from minigrad.ode.lyapunov import Exponents
from minigrad.ode.rest import find_zeros, jacobian
from minigrad.ode.solve import Event, solve
from minigrad.plots.axes import axes, figure

ARROWS = 21  # on a side
FINE = 201  # points on a side, between which the nullclines are drawn
KINDS = {"stable": ("full", "k"), "saddle": ("left", "k"), "unstable": ("none", "k"),
         "neutral": ("none", "0.5")}  # fmt: skip


def phase_portrait(
    field: Any,
    ax: Any = None,
    limits: tuple[tuple[float, float], tuple[float, float]] = ((-2.0, 2.0), (-2.0, 2.0)),
    nullclines: bool = True,
    starts: Any = None,
    t1: float = 20.0,
) -> Any:
    """The flow of a field of two numbers at t = 0: arrows, nullclines, paths, and rest points.

    Arrows have one length, their colour is the speed |f|. `starts` (S, 2): where paths begin (open
    dots); None: eight places on the way in from the border; they end at t1, or half a window
    outside. Rest points: those that Newton's method finds from a grid, marked by the eigenvalues of
    df/dx. The field takes batches (..., 2).
    """
    from matplotlib.colors import (
        PowerNorm,
    )  # few places are fast: their colours would hide the rest

    ax, move = axes(ax, (6.4, 5.6)), _mover(field)
    (left, right), (low, high) = limits
    arrows, slopes = _on_grid(field, move, limits, ARROWS)
    speed = np.hypot(slopes[..., 0], slopes[..., 1])
    unit = slopes / np.where(speed > 0, speed, 1)[..., None]
    pitch = (right - left) / (ARROWS - 1)
    drawn = ax.quiver(
        arrows[..., 0], arrows[..., 1], unit[..., 0], unit[..., 1], speed, pivot="mid",
        cmap="viridis", norm=PowerNorm(0.5), angles="uv", scale_units="width",
        scale=1.5 * ARROWS, width=0.003, headwidth=4, alpha=0.75,
    )  # fmt: skip
    ax.figure.colorbar(drawn, ax=ax, label="speed |f|")
    if nullclines:
        _nullclines(field, move, limits, ax)
    if starts is None:
        shares = (0.08, 0.5, 0.92)
        starts = [
            (left + i * (right - left), low + j * (high - low))
            for i, j in itertools.product(shares, shares)
            if (i, j) != (0.5, 0.5)
        ]
    for start in np.asarray(backend.host(starts), dtype=float).reshape(-1, 2):
        path = _path(field, move, start, limits, t1)
        ax.plot(*path.T, color="k", linewidth=1)
        ax.plot(*start, "o", color="k", markerfacecolor="w", markersize=4, markeredgewidth=0.8)
    _rest_marks(field, move, limits, ax)
    margin = pitch / 2
    ax.set(
        xlabel="$x_1$", ylabel="$x_2$", xlim=(left - margin, right + margin),
        ylim=(low - margin, high + margin),
    )  # fmt: skip
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=5, frameon=False,
                  fontsize="small", columnspacing=1.2, handletextpad=0.5)  # fmt: skip
    return ax


def principal_plane(traces: Any, labels: Any = None, ax: Any = None) -> Any:
    """Trajectories (frames, batch, n) in the two directions in which all their states spread most.

    Coloured by label (batch,), or each by itself; an open dot where one starts, a full one where it
    ends. The axes say how much of the variance lies along them.
    """
    x = np.asarray(backend.host(traces), dtype=float)
    if x.ndim != 3 or x.shape[2] < 2:
        raise ShapeError(f"traces: expected (frames, batch, n), n from 2 on, came {x.shape}")
    frames, batch, n = x.shape
    names = np.arange(batch) if labels is None else backend.host(labels).ravel()
    if len(names) != batch:
        raise ShapeError(
            f"labels: expected one for each of {batch} trajectories, came {len(names)}"
        )
    states = x.reshape(-1, n)
    states = states - states.mean(axis=0)
    _, spread, directions = np.linalg.svd(states, full_matrices=False)
    plane = (states @ directions[:2].T).reshape(frames, batch, 2)
    share = spread**2 / max(float((spread**2).sum()), np.finfo(float).tiny)
    ax, colours = axes(ax, (6.4, 4.8)), _colours(names)
    seen: set[Any] = set()
    for i, name in enumerate(names.tolist()):
        colour = colours[name]
        label = None if labels is None or name in seen else str(name)
        seen.add(name)
        ax.plot(*plane[:, i].T, color=colour, linewidth=1, alpha=0.7, label=label)
        ax.plot(*plane[0, i], "o", color=colour, markerfacecolor="w", markersize=5, zorder=3)
        ax.plot(*plane[-1, i], "o", color=colour, markersize=5, zorder=4)
    ax.set(
        xlabel=f"first direction ({share[0]:.0%} of the variance)",
        ylabel=f"second direction ({share[1]:.0%})",
    )
    if labels is not None:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, title="label")
    return ax


def distances(t: Any, d: Any, ax: Any = None) -> Any:
    """How far two flows are apart, d (frames, batch) at times t (frames,), as of `flip_distance`.

    The median over the batch, and the bands between which a half and nine tenths of it lie.
    """
    t, d = np.asarray(backend.host(t), dtype=float), np.asarray(backend.host(d), dtype=float)
    if d.ndim != 2 or t.shape != d.shape[:1]:
        raise ShapeError(f"expected t (frames,) and d (frames, batch), came {t.shape}, {d.shape}")
    ax = axes(ax)
    least, lower, middle, upper, most = np.quantile(d, (0.05, 0.25, 0.5, 0.75, 0.95), axis=1)
    ax.fill_between(t, least, most, color="C0", alpha=0.15, linewidth=0, label="nine tenths")
    ax.fill_between(t, lower, upper, color="C0", alpha=0.3, linewidth=0, label="half")
    ax.plot(t, middle, color="C0", label="median")
    ax.set(xlabel="time", ylabel="distance (root mean square)", ylim=(0, None), xlim=(t[0], t[-1]))
    ax.legend(frameon=False)
    return ax


def lyapunov_convergence(exponents: Exponents, ax: Any = None) -> Any:
    """The exponents as they settled over time, a line for each; of a batch the mean, and a band.

    The band runs from the least to the largest among the trajectories; the numbers are the last.
    """
    ax, times = axes(ax), exponents.times
    history = exponents.history.reshape(len(times), -1, exponents.history.shape[-1])
    for i in range(history.shape[-1]):
        mean = history[..., i].mean(axis=1)
        (line,) = ax.plot(times, mean, color=f"C{i}", label=f"{i + 1}: {mean[-1]:.4f}")
        if history.shape[1] > 1:
            ax.fill_between(times, history[..., i].min(axis=1), history[..., i].max(axis=1),
                            color=line.get_color(), alpha=0.2, linewidth=0)  # fmt: skip
    ax.axhline(0, color="0.6", linewidth=0.8, zorder=0)
    ax.set(xlabel="time", ylabel="Lyapunov exponent", xscale="log", xlim=(times[0], times[-1]))
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), title="exponent")
    return ax


def animation(
    frames: Any,
    shape: tuple[int, int],
    path: str | Path | None = None,
    together: bool = True,
    fps: int = 20,
    columns: int | None = None,
) -> Any:
    """States (frames, batch, height * width) as a grid of images that moves: a FuncAnimation.

    Grey, black ink on white: from the least to the largest of all frames, or of each frame by
    itself (`together=False`). `path`: saved there, as a GIF, or as an MP4 where ffmpeg is
    installed; equal frames in a row stand in a GIF as one that lasts longer.
    """
    from matplotlib.animation import FuncAnimation

    x = np.asarray(backend.host(frames), dtype=float)
    if x.ndim != 3 or not x.size or x.shape[2] != math.prod(shape):
        raise ShapeError(f"frames: expected (frames, batch, {math.prod(shape)}), came {x.shape}")
    writer = None if path is None else writer_of(Path(path), fps)
    canvas = _tiled(x, shape, columns)
    height, width = canvas.shape[1:]
    each = 2 * math.ceil(240 / max(height, width))  # of a dot; even, as films want their sides
    drawn = figure((each * width / 100, each * height / 100))
    drawn.set_dpi(100)
    drawn.set_layout_engine("none")
    ax = drawn.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    image = ax.imshow(canvas[0], cmap="gray_r", interpolation="nearest", aspect="auto",
                      vmin=x.min(), vmax=x.max())  # fmt: skip

    def show(number: int) -> list[Any]:
        image.set_data(canvas[number])
        if not together:
            image.set_clim(x[number].min(), x[number].max())
        return [image]

    moving = FuncAnimation(drawn, show, frames=len(x), interval=1000 / fps, blit=False)
    if path is not None:
        moving.save(str(path), writer=writer, dpi=100)
    return moving


# --- parts ----------------------------------------------------------------------------------------


def _mover(field: Any) -> Any:
    """From host states to arrays that the field takes: beside the weights, if it is a network."""
    layer = getattr(field, "layer", None)
    if layer is None:
        return backend.born
    place, dtype = backend.place_of(layer.theta), layer.theta.dtype
    return lambda states: backend.move(states, place, dtype)


def _on_grid(field: Any, move: Any, limits: Any, count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Places (count, count, 2), rows upwards, and the field there."""
    ticks = [np.linspace(low, high, count) for low, high in limits]
    places = np.stack(np.meshgrid(*ticks), axis=-1)
    slopes = np.asarray(backend.host(field(0.0, move(places.reshape(-1, 2)))), dtype=float)
    if slopes.shape != (count * count, 2):
        raise ShapeError(
            f"the field returned shape {slopes.shape}, expected that of its states, "
            f"{(count * count, 2)}"
        )
    return places, slopes.reshape(places.shape)


def _nullclines(field: Any, move: Any, limits: Any, ax: Any) -> None:
    places, slopes = _on_grid(field, move, limits, FINE)
    for i, colour in enumerate(("C1", "C3")):
        part = slopes[..., i]
        if part.min() < 0 < part.max():
            ax.contour(places[..., 0], places[..., 1], part, levels=[0.0], colors=[colour],
                       linestyles=["--"], linewidths=[1.6])  # fmt: skip
            ax.plot([], [], "--", color=colour, linewidth=1.6, label=f"$\\dot x_{i + 1} = 0$")


def _path(field: Any, move: Any, start: Any, limits: Any, t1: float) -> NDArray[Any]:
    """The states (T, 2) from a start to t1, or to where the path is well outside."""
    middle = np.array([(low + high) / 2 for low, high in limits])
    reach = np.array([high - low for low, high in limits])

    def outside(t: float, x: Any) -> float:
        return float(np.max(np.abs(backend.host(x)[0] - middle) / reach) - 1.0)

    try:
        solution = solve(field, move(start[None, :]), 0.0, t1, at=np.linspace(0, t1, 600),
                         events=[Event(outside, name="left the window")])  # fmt: skip
    except SolverError as error:  # it blows up: what was solved is drawn
        if error.solution is None:
            raise
        solution = error.solution
    return np.asarray(backend.host(solution.x), dtype=float)[:, 0]


def _rest_marks(field: Any, move: Any, limits: Any, ax: Any) -> None:
    ticks = [np.linspace(low, high, 9) for low, high in limits]
    places = np.stack(np.meshgrid(*ticks), axis=-1).reshape(-1, 2)
    reach = max(high - low for low, high in limits)
    inside = [
        point
        for point in find_zeros(field, move(places), apart=1e-3 * reach).points
        if all(low <= p <= high for p, (low, high) in zip(point, limits, strict=True))
    ]
    kinds: dict[str, list[Any]] = {name: [] for name in KINDS}
    for point in inside:
        kinds[_kind(np.linalg.eigvals(jacobian(field, move(point))).real)].append(point)
    for name, points in kinds.items():
        if points:
            fill, colour = KINDS[name]
            ax.plot(*np.array(points).T, "o", color=colour, fillstyle=fill, markersize=9,
                    markerfacecoloralt="w", label=name, zorder=5, clip_on=False)  # fmt: skip


def _kind(growth: NDArray[Any]) -> str:
    """What a rest point is, by the real parts of its eigenvalues; 1e-6 of them count as 0."""
    sign = np.where(np.abs(growth) < 1e-6, 0, np.sign(growth))
    if (sign == 0).any():
        return "neutral"
    return {2: "unstable", 0: "saddle", -2: "stable"}[int(sign.sum())]


def _colours(names: Sequence[Any] | NDArray[Any]) -> dict[Any, Any]:
    """A colour for each name: ten that differ, or as many as needed along a scale."""
    import matplotlib

    kinds = np.unique(np.asarray(names)).tolist()
    if len(kinds) <= 10:
        return {kind: f"C{i}" for i, kind in enumerate(kinds)}
    scale = matplotlib.colormaps["viridis"]
    return {kind: scale(i / (len(kinds) - 1)) for i, kind in enumerate(kinds)}


def _tiled(x: NDArray[Any], shape: tuple[int, int], columns: int | None) -> NDArray[Any]:
    """Frames (frames, batch, h * w) as frames of one canvas, NaN between the images."""
    (height, width), gap, batch = shape, 2, x.shape[1]
    columns = columns or math.ceil(math.sqrt(batch))
    rows = math.ceil(batch / columns)
    canvas = np.full((len(x), gap + rows * (height + gap), gap + columns * (width + gap)), np.nan)
    for i in range(batch):
        top, left = gap + i // columns * (height + gap), gap + i % columns * (width + gap)
        canvas[:, top : top + height, left : left + width] = x[:, i].reshape(-1, *shape)
    return canvas


def writer_of(path: Path, fps: int) -> Any:
    """What writes a moving image to a file of this name: a GIF, or an MP4 where ffmpeg is."""
    from matplotlib.animation import FFMpegWriter, PillowWriter

    if path.suffix.lower() == ".gif":
        return PillowWriter(fps=fps)
    if path.suffix.lower() != ".mp4":
        raise ValueError(f"{path.name}: expected a name that ends in .gif or .mp4")
    if not FFMpegWriter.isAvailable():
        raise RuntimeError(
            f"{path.name}: an MP4 needs ffmpeg, which is not installed here; a GIF does not: "
            f"{path.with_suffix('.gif').name}"
        )
    return FFMpegWriter(fps=fps)
