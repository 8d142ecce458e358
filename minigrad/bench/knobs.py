"""Knobs to learn by: turn the rate, and see at once what it does."""

from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import plots

if TYPE_CHECKING:
    from minigrad.bench.nnbench import NNBench

RATES = -4.0, 1.0  # log10 of the least and the largest rate on the slider
MOST_FACTS = 1000


class Knobs:
    """A figure in which a bench learns anew, from its checkpoint, at every turn of a knob.

    Sliders for the learning rate (logarithmic) and the number of facts; buttons for other facts
    and for another start; the losses raw, smoothed, or as the least so far; the weights beside.
    """

    VIEWS = ("raw", "low-pass", "least so far")

    def __init__(self, bench: "NNBench", figure: Any, n: int = 100) -> None:
        from matplotlib.widgets import Button, RadioButtons, Slider

        self.bench, self.figure = bench, figure
        if bench._checkpoint is None:
            bench.checkpoint_net()
        self.ax = figure.add_axes((0.34, 0.32, 0.62, 0.58))
        self.weights_ax = figure.add_axes((0.05, 0.6, 0.21, 0.3))
        self.rate = Slider(figure.add_axes((0.34, 0.14, 0.5, 0.03)), "learning rate", *RATES,
                           valinit=float(np.log10(np.clip(bench.net.alpha, 1e-4, 10))))  # fmt: skip
        self.facts = Slider(figure.add_axes((0.34, 0.08, 0.5, 0.03)), "facts", 1, MOST_FACTS,
                            valinit=n, valstep=1)  # fmt: skip
        # With useblit (the default), matplotlib's radio buttons leave the figure stale after each
        # draw where there is no blitting, and ipympl then draws without end.
        self.view = RadioButtons(figure.add_axes((0.02, 0.3, 0.2, 0.2)), self.VIEWS, useblit=False)
        self.other_facts = Button(figure.add_axes((0.02, 0.14, 0.2, 0.06)), "other facts")
        self.other_start = Button(figure.add_axes((0.02, 0.06, 0.2, 0.06)), "other start")
        for slider in (self.rate, self.facts):
            slider.on_changed(self.update)
        self.view.on_clicked(self.update)
        self.other_facts.on_clicked(self._next_seed)
        self.other_start.on_clicked(self._randomize)
        self.closed = False
        figure.canvas.mpl_connect("close_event", self._close)
        self.update()

    @classmethod
    def in_window(cls, bench: "NNBench", n: int = 100) -> "Knobs":
        """Open a window, or a live figure in Jupyter; RuntimeError says what is missing for one."""
        import matplotlib.pyplot as plt

        backend = plt.get_backend()
        if "inline" in backend.lower():
            raise RuntimeError(
                "knobs need a live figure: run the magic %matplotlib widget first (it needs the "
                "package ipympl, which minigrad's extra [notebook] brings)"
            )
        if backend.lower() in ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template"):
            raise RuntimeError(
                f"knobs need a window, and matplotlib draws without one here ({backend}): there "
                "is no display, or no window library"
            )
        knobs = cls(bench, plt.figure(figsize=(9, 5)), n)
        plt.show(block=False)
        return knobs

    def update(self, _: Any = None) -> None:
        """Go back to the checkpoint, learn as the knobs say, draw."""
        if self.closed:
            return
        bench, alpha = self.bench, 10 ** float(self.rate.val)
        bench.rollback_net()
        bench.net.alpha = alpha
        self.track = bench.learn_track(int(self.facts.val), states=False)
        self.ax.clear()
        plots.losses(self._viewed(), ax=self.ax)
        if self.track.diverged is None:
            self.ax.set_title(f"largest loss {self.track.losses.max():.3g}")
        self.rate.valtext.set_text(f"{alpha:.3g}")
        self.weights_ax.clear()
        plots.weights(bench.net, ax=self.weights_ax)
        self.figure.canvas.draw_idle()

    def _viewed(self) -> Any:
        from dataclasses import replace

        seen, view = self.track.losses, self.view.value_selected
        if view == "low-pass" and len(seen):
            from scipy.ndimage import gaussian_filter1d

            seen = gaussian_filter1d(seen, 3)
        elif view == "least so far":
            seen = np.minimum.accumulate(seen)
        return replace(self.track, losses=seen)

    def _close(self, _: Any) -> None:
        self.closed = True

    def _next_seed(self, _: Any) -> None:
        self.bench.seed += 1
        self.update()

    def _randomize(self, _: Any) -> None:
        self.bench.net.randomize()
        self.bench.checkpoint_net()
        self.update()
