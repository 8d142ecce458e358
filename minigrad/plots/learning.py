"""How a network learned."""

from typing import Any

import numpy as np

from minigrad.learning import History
from minigrad.plots.axes import axes


def learning_curve(history: History, ax: Any = None) -> Any:
    """The loss of every step, of every epoch, and on the validation data, against the steps."""
    ax = axes(ax)
    steps = np.arange(1, len(history.step_loss) + 1)
    ends = len(steps) / len(history.loss) * np.arange(1, len(history.loss) + 1)
    ax.plot(steps, history.step_loss, color="0.8", linewidth=0.8, label="one step")
    ax.plot(ends, history.loss, color="C0", marker=".", label="mean of an epoch, while learning")
    if history.validation_loss:
        ax.plot(
            ends,
            history.validation_loss,
            color="C1",
            marker=".",
            label="validation, after the epoch",
        )
    ax.set(xlabel="step", ylabel="loss", yscale="log")
    ax.legend(frameon=False)
    return ax
