"""The knobs, turned by the events that a mouse would send."""

import matplotlib
import numpy as np
import pytest
from matplotlib.backend_bases import MouseButton, MouseEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from minigrad import Affinity, Map, Network, NNBench
from minigrad.bench import Knobs


@pytest.fixture
def knobs():
    net = Network(Affinity(2, 3, rng=1), Map("tanh"), Affinity(3, 2, rng=2))
    figure = Figure(figsize=(9, 5))
    FigureCanvasAgg(figure)
    return Knobs(NNBench(net, lambda v: v[::-1]), figure, 50)


def click(ax, x=0.5, y=0.5, button=MouseButton.LEFT):
    """Press and release the mouse at a place of the axes, 0 to 1 both ways."""
    canvas = ax.figure.canvas
    canvas.draw()
    at = ax.transAxes.transform((x, y))
    for name in ("button_press_event", "button_release_event"):
        canvas.callbacks.process(name, MouseEvent(name, canvas, *at, button))


def drawn(knobs):
    return knobs.ax.get_lines()[0].get_ydata()


def test_at_first_the_bench_has_learned_from_its_checkpoint(knobs):
    net, bench = knobs.bench.net, knobs.bench
    theta = net.theta.copy()
    bench.rollback_net()
    assert np.allclose(bench.learn(50), drawn(knobs)) and np.allclose(net.theta, theta)


def test_a_moved_slider_learns_anew_at_the_rate_that_it_shows(knobs):
    before = drawn(knobs).copy()
    click(knobs.rate.ax, x=0.9)
    rate = 10**knobs.rate.val
    assert 2 < rate < 5 and knobs.bench.net.alpha == pytest.approx(rate)
    assert knobs.rate.valtext.get_text() == f"{rate:.3g}"
    assert drawn(knobs)[0] == before[0] and not np.array_equal(drawn(knobs), before)


def test_the_slider_of_facts_sets_their_number(knobs):
    click(knobs.facts.ax, x=0.3)
    assert len(drawn(knobs)) == knobs.facts.val and 200 < knobs.facts.val < 400


def test_a_rate_that_diverges_is_said_to(knobs):
    click(knobs.facts.ax, x=0.99)
    click(knobs.rate.ax, x=0.99)
    assert knobs.ax.get_title().startswith("diverged at step")
    click(knobs.rate.ax, x=0.5)
    assert knobs.ax.get_title().startswith("largest loss")


def test_a_button_draws_other_facts(knobs):
    before, seed = drawn(knobs).copy(), knobs.bench.seed
    click(knobs.other_facts.ax)
    assert knobs.bench.seed == seed + 1 and drawn(knobs)[0] != before[0]


def test_a_button_draws_another_start_of_the_same_network(knobs):
    net, before = knobs.bench.net, drawn(knobs).copy()
    click(knobs.other_start.ax)
    assert knobs.bench.net is net and drawn(knobs)[0] != before[0]
    again = drawn(knobs).copy()
    click(knobs.rate.ax, x=0.6)
    assert drawn(knobs)[0] == again[0]  # the new start is the checkpoint now


def test_views_smooth_the_losses_or_keep_the_least(knobs):
    raw = drawn(knobs).copy()
    for label in knobs.view.labels[1:]:
        canvas = knobs.figure.canvas
        canvas.draw()
        box = label.get_window_extent()
        at = box.x0 - 12, (box.y0 + box.y1) / 2
        for name in ("button_press_event", "button_release_event"):
            canvas.callbacks.process(name, MouseEvent(name, canvas, *at, MouseButton.LEFT))
        assert knobs.view.value_selected == label.get_text()
        if label.get_text() == "least so far":
            assert np.array_equal(drawn(knobs), np.minimum.accumulate(raw))
        else:
            assert drawn(knobs).std() < raw.std() and drawn(knobs).mean() == pytest.approx(
                raw.mean(), rel=0.2
            )


def test_the_weights_are_those_of_the_network_as_it_has_learned(knobs):
    click(knobs.rate.ax, x=0.7)
    canvas = knobs.weights_ax.get_images()[0].get_array()
    assert np.array_equal(canvas[:, :2], knobs.bench.net.layers[0].M)


def test_without_a_window_the_knobs_say_what_is_missing(monkeypatch):
    bench = NNBench(Network(Affinity(2, 2)))
    matplotlib.use("agg")
    with pytest.raises(RuntimeError, match=r"knobs need a window.*no display"):
        bench.knobs_plot_learning(10)
    monkeypatch.setattr("matplotlib.pyplot.get_backend", lambda: "module://matplotlib_inline.x")
    with pytest.raises(RuntimeError, match=r"%matplotlib widget"):
        bench.knobs_plot_learning(10)


def test_a_closed_figure_is_left_alone(knobs):
    from matplotlib.backend_bases import CloseEvent

    canvas = knobs.figure.canvas
    canvas.callbacks.process("close_event", CloseEvent("close_event", canvas))
    before = knobs.bench.net.theta.copy()
    knobs.rate.set_val(-3)
    assert np.array_equal(knobs.bench.net.theta, before)


def test_a_drawn_figure_is_at_rest_where_there_is_no_blitting():
    """Else Jupyter, whose canvas has none, draws it again and again and never comes to rest."""

    class WithoutBlitting(FigureCanvasAgg):
        supports_blit = False

    figure = Figure(figsize=(9, 5))
    canvas = WithoutBlitting(figure)
    Knobs(NNBench(Network(Affinity(2, 2, rng=1))), figure, 5)
    canvas.draw()
    canvas.draw()
    assert not figure.stale
