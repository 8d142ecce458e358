"""The pictures: what they draw, where, and that nothing is shown."""

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from minigrad import Affinity, plots
from minigrad.learning import History


@pytest.fixture
def history():
    return History(loss=[2.0, 1.0], step_loss=[3.0, 1.0, 1.5, 0.5], validation_loss=[2.5, 1.5])


def test_a_learning_curve_shows_steps_epochs_and_validation(history):
    ax = plots.learning_curve(history)
    steps, epochs, validation = ax.get_lines()
    np.testing.assert_array_equal(steps.get_xydata(), [[1, 3.0], [2, 1.0], [3, 1.5], [4, 0.5]])
    np.testing.assert_array_equal(epochs.get_xydata(), [[2, 2.0], [4, 1.0]])
    np.testing.assert_array_equal(validation.get_xydata(), [[2, 2.5], [4, 1.5]])
    assert ax.get_xlabel() == "step" and ax.get_ylabel() == "loss"


def test_without_validation_there_is_no_such_curve(history):
    history.validation_loss = []
    assert len(plots.learning_curve(history).get_lines()) == 2


def test_pictures_draw_on_the_axes_given(history):
    first, second, third = Figure().subplots(3)
    assert plots.learning_curve(history, ax=first) is first
    assert plots.image_grid(np.zeros((3, 6)), (2, 3), ax=second) is second
    assert plots.confusion([0, 1], [1, 1], ax=third) is third


def test_an_image_grid_puts_each_row_at_its_place():
    x = np.arange(3 * 6.0).reshape(3, 6)
    ax = plots.image_grid(x, (2, 3), captions=["a", "b", "c"], columns=2)
    canvas = ax.get_images()[0].get_array()
    np.testing.assert_array_equal(canvas[:2, :3], x[0].reshape(2, 3))
    np.testing.assert_array_equal(canvas[:2, 5:8], x[1].reshape(2, 3))
    np.testing.assert_array_equal(canvas[12:14, :3], x[2].reshape(2, 3))
    assert np.ma.getmaskarray(canvas).sum() == canvas.size - x.size  # the rest is blank
    assert [text.get_text() for text in ax.texts] == ["a", "b", "c"]


def test_receptive_fields_are_the_rows_of_the_matrix():
    layer = Affinity(6, 2, rng=0)
    canvas = plots.receptive_fields(layer, (2, 3)).get_images()[0].get_array()
    np.testing.assert_array_equal(canvas[:2, 5:8], layer.M[1].reshape(2, 3))


def test_a_confusion_counts_errors_and_leaves_hits_blank():
    ax = plots.confusion(np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 1, 1]))
    np.testing.assert_array_equal(ax.get_images()[0].get_array(), [[0, 1, 0], [0, 0, 0], [0, 2, 0]])
    assert sorted((t.get_position(), t.get_text()) for t in ax.texts) == [
        ((1, 0), "1"),
        ((1, 2), "2"),
    ]


def test_no_picture_goes_through_pyplot(history):
    plots.learning_curve(history)
    plots.confusion([0, 1], [1, 1])
    assert not matplotlib._pylab_helpers.Gcf.get_all_fig_managers()
