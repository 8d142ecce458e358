"""What the bench sees: the losses on the way, how they depend on the rate, and the weights."""

from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import backend
from minigrad.layers import Layer
from minigrad.network import Network
from minigrad.plots.axes import axes

if TYPE_CHECKING:
    from minigrad.bench.nnbench import LossCube, Track


WINDOWS = 30  # into which a surface divides the facts


def losses(track: "Track", ax: Any = None) -> Any:
    """The loss on each fact before it was learned from, and where learning diverged."""
    ax, seen = axes(ax), np.minimum(track.losses, 1e100)  # matplotlib overflows on the way to 1e308
    ax.plot(np.arange(1, len(seen) + 1), seen, linewidth=1)
    ax.set(xlabel="fact", ylabel="loss before learning from it")
    if (seen > 0).any():
        ax.set_yscale("log")
    if track.diverged is not None:
        ax.axvline(track.diverged, color="C3", linestyle=":")
        ax.set_title(f"diverged at step {track.diverged}", color="C3")
    return ax


def loss_heat(cube: "LossCube", ax: Any = None) -> Any:
    """The median loss over the starts, by rate and fact; red where it is above 100."""
    import matplotlib

    ax = axes(ax)
    colours = matplotlib.colormaps["viridis"].with_extremes(bad="C3")
    rates = np.concatenate([cube.rates, cube.rates[-1:] ** 2 / cube.rates[-2:-1]])
    mesh = ax.pcolormesh(
        np.arange(1, cube.losses.shape[-1] + 2),
        rates / np.sqrt(rates[1] / rates[0]),
        _log_median(cube),
        cmap=colours,
    )
    ax.set(xlabel="fact", ylabel="learning rate", yscale="log")
    ax.figure.colorbar(mesh, ax=ax, label="log10 of the median loss (red: above 2)")
    return ax


def loss_surface(cube: "LossCube", ax: Any = None) -> Any:
    """The same as a surface over rate and fact, which ends where the median loss is above 100."""
    from matplotlib.ticker import MaxNLocator

    if ax is None:
        from matplotlib.figure import Figure

        ax = Figure(figsize=(6.4, 5.2), layout="constrained").add_subplot(projection="3d")
    values, count = _log_median(cube), cube.losses.shape[-1]
    span = max(count // WINDOWS, 1)  # facts differ in how hard they are; a mean over some is smooth
    ends = np.arange(span, count + 1, span)
    smooth = np.stack([values[:, end - span : end].mean(axis=1) for end in ends], axis=1)
    ax.plot_surface(*np.meshgrid(ends, np.log10(cube.rates)), smooth, cmap="viridis")
    ax.set_xlabel("fact", labelpad=8)
    ax.set_ylabel("log10 of the learning rate", labelpad=8)
    ax.set_zlabel(f"log10 of the median loss, mean of {span} facts", labelpad=6)
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.set_box_aspect(None, zoom=0.9)
    return ax


def weights(net: Layer, ax: Any = None) -> Any:
    """Every matrix beside its bias, input first, of any shapes: red positive, blue negative."""
    ax = axes(ax, (4.0, 2.4))
    blocks = _blocks(net)
    height, gap = max((b.shape[0] for b in blocks), default=1), 1
    width = sum(b.shape[1] + gap for b in blocks) - gap
    canvas = np.full((height, max(width, 1)), np.nan)
    left = 0
    for block in blocks:
        canvas[: block.shape[0], left : left + block.shape[1]] = block
        left += block.shape[1] + gap
    most = np.nanmax(np.abs(canvas)) if blocks else 1.0
    ax.imshow(canvas, cmap="RdBu_r", vmin=-most, vmax=most)
    ax.set_axis_off()
    ax.set_title(f"weights, up to {most:.2g}", fontsize="small")
    return ax


def _blocks(net: Layer) -> list[Any]:
    """The parameters of each layer side by side as one matrix; a vector is a column."""
    if isinstance(net, Network):
        return [block for layer in net.layers for block in _blocks(layer)]
    values = [backend.host(value) for value, _ in net.parameters().values()]
    columns = [v.reshape(len(v), -1) if v.ndim else v.reshape(1, 1) for v in values]
    if columns and len({len(c) for c in columns}) == 1:
        return [np.concatenate(columns, axis=1)]
    return columns


def _log_median(cube: "LossCube") -> Any:
    """log10 of the median over the starts, (R, n); NaN above 2, where nothing is learned."""
    values = np.where(np.isfinite(cube.losses), cube.losses, np.inf)
    with np.errstate(divide="ignore"):
        median = np.log10(np.median(values, axis=0))
    return np.where(median > 2, np.nan, np.maximum(median, -32))
