"""Rows of numbers seen as images: samples, weights, confusions."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad import backend
from minigrad.plots.axes import axes


def image_grid(
    x: Any,
    shape: tuple[int, int],
    captions: Sequence[str] | None = None,
    columns: int | None = None,
    ax: Any = None,
    **style: Any,
) -> Any:
    """The rows of x (N, height * width) as a grid of images, a caption under each.

    `style` goes to imshow; grey, black ink on white, unless it says otherwise.
    """
    x = backend.host(x)
    columns = columns or math.ceil(math.sqrt(len(x)))
    rows = math.ceil(len(x) / columns)
    ax = axes(ax, (0.9 * columns, (1.15 if captions else 0.9) * rows))
    (height, width), gap, foot = shape, 2, 8 if captions else 0
    pitch_y, pitch_x = height + gap + foot, width + gap
    canvas = np.full((rows * pitch_y, columns * pitch_x), np.nan)
    for i, image in enumerate(x):
        top, left = i // columns * pitch_y, i % columns * pitch_x
        canvas[top : top + height, left : left + width] = image.reshape(shape)
        if captions:
            ax.text(
                left + width / 2, top + height + foot / 2, captions[i], ha="center", va="center"
            )
    ax.imshow(canvas, **{"cmap": "gray_r", **style})
    ax.set_axis_off()
    return ax


def receptive_fields(layer: Any, shape: tuple[int, int], ax: Any = None) -> Any:
    """The weights of every unit as an image of the input: red excites, blue inhibits.

    `layer`: one with a matrix W or M, a row a unit, or the kernels of a convolution (m, 1, h, w).
    """
    weights = backend.host(layer.W if hasattr(layer, "W") else layer.M)
    weights = weights.reshape(len(weights), -1)
    most = np.quantile(np.abs(weights), 0.995)  # a few large weights would pale all others
    return image_grid(weights, shape, ax=ax, cmap="RdBu_r", vmin=-most, vmax=most, columns=8)


def confusion(labels: Any, predicted: Any, ax: Any = None) -> Any:
    """How often each label (row) was read as each other (column); the hits are left blank."""
    labels, predicted = backend.host(labels), backend.host(predicted)
    count = int(max(labels.max(), predicted.max())) + 1
    table = np.zeros((count, count), dtype=int)
    np.add.at(table, (labels, predicted), 1)
    np.fill_diagonal(table, 0)
    ax = axes(ax, (5.0, 4.4))
    ax.imshow(table, cmap="Reds")
    for row, column in zip(*table.nonzero(), strict=True):
        dark = table[row, column] > 0.6 * table.max()
        ax.text(
            column, row, table[row, column], ha="center", va="center", color="w" if dark else "k"
        )
    ax.set(xlabel="read as", ylabel="label", xticks=range(count), yticks=range(count))
    return ax
