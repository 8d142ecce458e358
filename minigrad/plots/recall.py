"""Recalls seen: the states on the way, the energy going down, and how much a memory holds."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import backend
from minigrad.plots.axes import axes, figure
from minigrad.plots.images import image_grid

if TYPE_CHECKING:
    from minigrad.hopfield.capacity import CapacityCurve
    from minigrad.hopfield.certificates import Recall
    from minigrad.hopfield.trials import Trials


def recall_rows(
    recall: "Recall", memories: Any, shape: tuple[int, int], rows: int = 6, steps: int = 3
) -> Any:
    """Of the first recalls a row each: the start, states on the way, the end, the memory nearest.

    `recall`: with keep=True, of a batch (B, n); `memories` (p, n): what it compared with. `steps`:
    so many states between start and end, those after the first ones. Returns a new figure.
    """
    if recall.path is None:
        raise ValueError("recall_rows: the states on the way are not there: recall(x, keep=True)")
    path = recall.path.reshape(len(recall.path), -1, recall.path.shape[-1])[:, :rows]
    memories, nearest = backend.host(memories), recall.nearest.ravel()[:rows]
    between = range(1, min(steps, len(path) - 1) + 1)
    columns = [path[0], *(path[i] for i in between), path[-1], memories[nearest]]
    titles = ["start", *(f"step {i}" for i in between), "end", "nearest memory"]
    drawn = figure((1.3 * len(columns), 1.12 * len(path[0]) + 0.7))
    for i, (title, ax) in enumerate(zip(titles, drawn.subplots(1, len(columns)), strict=True)):
        image_grid(columns[i], shape, columns=1, ax=ax)
        ax.set_title(title, fontsize="small")
    return drawn


def energy_descent(recalls: "Recall | Mapping[str, Recall]", ax: Any = None) -> Any:
    """The energy of every state on the way against the step, a line a recall.

    Several recalls by name get a colour each, and a legend.
    """
    named = recalls if isinstance(recalls, Mapping) else {"": recalls}
    ax = axes(ax, (6.4, 3.8))
    for i, (name, recall) in enumerate(named.items()):
        if recall.energy is None:
            raise ValueError(f"energy_descent: {name or 'this recall'} has no energy")
        trace = recall.energy.reshape(len(recall.energy), -1)
        for k, line in enumerate(trace.T):
            label = name if name and not k else None
            ax.plot(line, color=f"C{i}", alpha=0.6, linewidth=1, label=label)
    ax.set(xlabel="step", ylabel="energy")
    ax.xaxis.get_major_locator().set_params(integer=True)
    if any(named):
        ax.legend(frameon=False)
    return ax


def overlaps(recall: "Recall", memories: Any, row: int = 0, ax: Any = None) -> Any:
    """The overlap of the state with every memory (p, n) on the way, for one recall of a batch.

    1: it is that memory, -1: its negative. The nearest at the end is drawn bold.
    """
    if recall.path is None:
        raise ValueError("overlaps: the states on the way are not there: recall(x, keep=True)")
    path = recall.path.reshape(len(recall.path), -1, recall.path.shape[-1])[:, row]
    memories = backend.host(memories)
    if np.isin(memories, (0, 1)).all():  # bits: as signs
        memories, path = 2 * memories - 1, 2 * path - 1
    sizes = np.linalg.norm(path, axis=1)[:, None] * np.linalg.norm(memories, axis=1)
    lines = path @ memories.T / np.maximum(sizes, 1e-300)
    ax, best = axes(ax, (6.4, 3.8)), int(recall.nearest.ravel()[row])
    ax.plot(np.delete(lines, best, axis=1), color="0.75", linewidth=0.8)
    ax.plot(lines[:, best], color="C0", linewidth=2.2, label=f"memory {best}, nearest at the end")
    ax.set(xlabel="step", ylabel="overlap with each memory", ylim=(-1.05, 1.05))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(frameon=False, loc="lower right")
    return ax


def capacity(
    curves: "Sequence[CapacityCurve]", theory: Mapping[str, Any] | None = None, ax: Any = None
) -> Any:
    """Mean overlap after recall against the load p / n, with its spread over draws.

    `theory`: lines by name, each a pair of loads and overlaps, or one load, drawn upright.
    """
    ax = axes(ax, (6.6, 4.0))
    for i, curve in enumerate(curves):
        ax.errorbar(
            curve.loads, curve.overlap, curve.overlap_spread, marker="o", markersize=4,
            linewidth=1.2, capsize=2, color=f"C{i}", label=f"{curve.name}, n = {curve.n:,}",
        )  # fmt: skip
    for k, (name, line) in enumerate((theory or {}).items()):
        style = {"color": "k", "linestyle": ("--", ":", "-.")[k % 3], "linewidth": 1}
        if np.ndim(line):
            ax.plot(*line, label=name, **style)
        else:
            ax.axvline(float(line), label=name, **style)
    ax.set(xlabel="patterns per unit, p / n", ylabel="overlap with the memory after recall")
    ax.set_ylim(top=1.05)
    ax.legend(frameon=False, fontsize="small")
    return ax


def recall_curves(trials: "Mapping[str, Trials]", ax: Any = None, what: str = "exact") -> Any:
    """Of several memories, the share recalled exactly (or of bits "wrong") against the noise."""
    if what not in ("exact", "wrong"):
        raise ValueError(f"what: expected 'exact' or 'wrong', came {what!r}")
    ax = axes(ax, (7.2, 4.0))
    for i, (name, trial) in enumerate(trials.items()):
        style = ("-", "--", ":")[i // 10 % 3]
        ax.plot(trial.noise, getattr(trial, what), "o", linestyle=style, markersize=3, label=name)
    said = {"exact": "memories recalled exactly", "wrong": "bits wrong after recall"}[what]
    first = next(iter(trials.values()))
    noise = "share of bits flipped" if first.kind == "flips" else "deviation of the noise"
    ax.set(xlabel=noise, ylabel=said)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax
