"""The information plane of a network while it learned, and what its layers make of the data."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad import backend
from minigrad.errors import ShapeError
from minigrad.information import InformationPlane, participation_ratio
from minigrad.information.plane import activations, watched_layers
from minigrad.network import Network
from minigrad.plots.axes import axes, figure


def information_curves(
    plane: InformationPlane, probe: str | None = None, members: Sequence[int] | None = None
) -> Any:
    """Accuracy and loss, I(X;T) and I(T;Y) of every layer against the epochs: a figure.

    Bands: the null with twice its spread, where one was taken; dotted lines: the ceilings.
    Of a stack, the mean of `members`: all, or those at which the probe looked.
    """
    probe, mean, of = _chosen(plane, probe, members)
    drawn = figure((6.4, 6.6))
    panels = drawn.subplots(3, 1, sharex=True)
    epochs = plane.recorded
    if plane.held_out is not None:
        panels[0].plot(epochs, 100 * mean(plane.accuracy), "k.-", label="accuracy")
    panels[0].set(ylabel="accuracy (%)", ylim=(0, 103))
    beside = panels[0].twinx()
    beside.plot(epochs, mean(plane.loss), "-", color="0.6", label="loss")
    beside.set(ylabel="smoothed loss")
    lines = [*panels[0].get_lines(), *beside.get_lines()]
    panels[0].legend(lines, [line.get_label() for line in lines], frameon=False, loc="lower left")
    for panel, side, name in zip(panels[1:], ("input", "label"), ("I(X;T)", "I(T;Y)"), strict=True):
        value, null, spread, ceiling = (
            mean(plane.curve(probe, side, kind)) for kind in ("value", "null", "spread", "ceiling")
        )
        for layer in range(value.shape[1]):
            colour, at, wide = f"C{layer}", null[:, layer], 2 * spread[:, layer]
            panel.plot(epochs, value[:, layer], ".-", color=colour, label=f"layer {layer + 1}")
            panel.plot(epochs, at, "--", color=colour, linewidth=1)
            panel.fill_between(epochs, at - wide, at + wide, color=colour, alpha=0.2, linewidth=0)
            panel.plot(epochs, ceiling[:, layer], ":", color=colour, linewidth=1)
        panel.set(ylabel=f"{name} (nats)", ylim=(0, None))
    handles, names = panels[1].get_legend_handles_labels()
    drawn.legend(
        handles,
        names,
        frameon=False,
        ncols=3,
        fontsize="small",
        loc="outside upper center",
        title=f"{probe}{of}\ndashed: null, where taken; dotted: ceiling",
    )
    panels[2].set(xlabel="epoch")
    panels[2].set_xscale("symlog", linthresh=1)
    panels[2].set_xlim(0, max(1, epochs[-1]))
    panels[2].xaxis.set_major_formatter("{x:g}")
    return drawn


def information_plane(
    plane: InformationPlane,
    probe: str | None = None,
    members: Sequence[int] | None = None,
    ax: Any = None,
) -> Any:
    """I(T;Y) against I(X;T), a path for every layer, from the open dot on; its colour, the epoch.

    Of a stack, the mean of `members`: all, or those at which the probe looked.
    """
    (probe, mean, of), ax = _chosen(plane, probe, members), axes(ax, (6.4, 4.4))
    x, y = (mean(plane.curve(probe, side)) for side in ("input", "label"))
    time = np.log10(1 + plane.recorded)
    for layer in range(x.shape[1]):
        ax.plot(x[:, layer], y[:, layer], color=f"C{layer}", linewidth=1, zorder=1)
        ax.plot(x[0, layer], y[0, layer], "o", color=f"C{layer}", mfc="none", ms=9, zorder=3)
        dots = ax.scatter(x[:, layer], y[:, layer], c=time, cmap="viridis", s=22, zorder=2)
        end = (x[-1, layer], y[-1, layer])
        ax.annotate(
            f"layer {layer + 1}", end, (0, 7), textcoords="offset points", ha="center",
            color=f"C{layer}",
        )  # fmt: skip
    ax.set(xlabel="I(X;T) (nats)", ylabel="I(T;Y) (nats)", title=f"{probe}{of}")
    ax.margins(0.12)
    bar = ax.figure.colorbar(dots, ax=ax, label="epoch")
    last = int(plane.recorded[-1])
    ticks = sorted({0, *(10**k for k in range(len(str(last)))), last})
    ticks = [t for t in ticks if t in (0, last) or np.log10((1 + last) / (1 + t)) > 0.2]
    bar.set_ticks(np.log10(1 + np.array(ticks)).tolist(), labels=[str(t) for t in ticks])
    return ax


def feature_maps(
    net: Network, x: Any, labels: Any, layers: Sequence[int] | None = None, drawn: Any = None
) -> Any:
    """What each layer makes of the samples, a panel each, coloured by their labels: a figure.

    Two units are drawn as they are; of more, the two directions in which they spread most.
    `drawn`: a figure, or a row of panels of one, to draw in.
    """
    if net.theta.ndim > 1:
        raise ShapeError(f"{net} is a stack: take one of it, stacks.member(net, k)")
    chosen, labels = watched_layers(net, layers), np.ravel(backend.host(labels))
    kinds = np.unique(labels)
    if drawn is None:
        drawn = figure((2.3 * len(chosen) + 0.3, 2.7)).subplots(1, len(chosen), squeeze=False)[0]
    for panel, number, t in zip(drawn, chosen, activations(net, x, layers), strict=True):
        flat, names = _two_columns(t)
        for i, kind in enumerate(kinds):
            chosen_points = flat[labels == kind]
            panel.scatter(*chosen_points.T, color=f"C{i % 10}", s=6, alpha=0.5, linewidths=0,
                          label=str(kind))  # fmt: skip
        panel.set(xlabel=names[0], title=f"layer {chosen.index(number) + 1}, "
                  f"dimension {participation_ratio(t):.2f}")  # fmt: skip
        panel.set_ylabel(names[1], labelpad=1)
        panel.title.set_fontsize("small")
    drawn[0].legend(title="label", frameon=False, fontsize="small", title_fontsize="small",
                    handletextpad=0.1, markerscale=2, loc="best")  # fmt: skip
    return drawn[0].figure


def _two_columns(t: NDArray[Any]) -> tuple[NDArray[Any], tuple[str, str]]:
    if t.shape[1] == 1:
        return np.concatenate([t, np.zeros_like(t)], axis=1), ("unit 1", "")
    if t.shape[1] == 2:
        return t, ("unit 1", "unit 2")
    centred = t - t.mean(axis=0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T, ("widest", "second")


def _chosen(
    plane: InformationPlane, probe: str | None, members: Sequence[int] | None
) -> tuple[str, Any, str]:
    """The probe, the mean over members of a stack as a function of a curve, and whose it is."""
    if not len(plane.recorded):
        raise ValueError(f"{plane} has recorded nothing yet: call it on the network, or fit")
    probe = next(iter(plane.probes)) if probe is None else probe
    if probe not in plane.probes:
        raise ValueError(f"no probe {probe!r}: expected one of {sorted(plane.probes)}")
    members = plane.probes[probe].members if members is None else members
    stacked = plane.loss.ndim == 2
    count = plane.loss.shape[-1] if members is None else len(members)
    of = f", mean of {count} networks" if stacked else ""

    def mean(curve: Any) -> NDArray[Any]:
        if not stacked:
            return np.asarray(curve)
        return np.asarray(curve[:, slice(None) if members is None else list(members)].mean(axis=1))

    return probe, mean, of
