"""The pictures: what they draw, where, and that nothing is shown."""

import dataclasses

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from minigrad import Affinity, Conv2d, backend, plots
from minigrad.errors import NotFiniteError, ShapeError
from minigrad.hebbian import Camera, Oja, SparseLayer, Tapestry, Torus, invariance
from minigrad.hopfield import Hebb, HopfieldNetwork, capacity_curve, flips, trial
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


def test_receptive_fields_are_those_of_a_layer_with_W_and_the_kernels_of_a_convolution():
    local = Oja(6, 3, rng=0)
    canvas = plots.receptive_fields(local, (2, 3)).get_images()[0].get_array()
    np.testing.assert_array_equal(canvas[:2, 10:13], local.W[2].reshape(2, 3))
    kernels = Conv2d((5, 4), 10, (1, 3), rng=0)
    (image,) = plots.receptive_fields(kernels, (1, 3)).get_images()
    np.testing.assert_array_equal(image.get_array()[3:4, 5:8], kernels.M[9, 0])  # a second row
    low, high = image.get_clim()
    assert low == -high and 0 < high <= np.abs(kernels.M).max()


# --- recalls --------------------------------------------------------------------------------------


@pytest.fixture
def memories(rng):
    return np.where(rng.uniform(size=(4, 12)) < 0.5, -1.0, 1.0)


@pytest.fixture
def recall(memories, rng):
    """Three recalls of five units, one at a time, so that there are states on the way."""
    network = HopfieldNetwork(Hebb())
    network.store(memories)
    starts = flips(memories, 0.3, rng)[:3]
    return network.recall(starts, "asynchronous", rng=0, keep=True)


def grids(figure):
    return [ax.get_images()[0].get_array() for ax in figure.axes]


def test_recall_rows_are_the_states_from_start_to_end_and_the_memory(recall, memories):
    drawn = plots.recall_rows(recall, memories, (3, 4), rows=2, steps=1)
    assert [ax.get_title() for ax in drawn.axes] == ["start", "step 1", "end", "nearest memory"]
    path = recall.path
    for shown, states in zip(
        grids(drawn), (path[0], path[1], path[-1], memories[recall.nearest]), strict=True
    ):
        assert shown.shape == (2 * 5, 6)  # two rows of 3 x 4, and a gap
        for row in (0, 1):
            np.testing.assert_array_equal(shown[5 * row :][:3, :4], states[row].reshape(3, 4))


def test_recall_rows_show_no_more_steps_than_were_made(recall, memories):
    drawn = plots.recall_rows(recall, memories, (3, 4), steps=99)
    assert len(drawn.axes) == len(recall.path) + 2  # the end once more, and the memory
    assert all(len(shown) == 3 * 5 for shown in grids(drawn))


def test_the_energy_of_every_recall_goes_down_its_own_line(recall, memories):
    ax = plots.energy_descent(recall)
    for line, energy in zip(ax.get_lines(), recall.energy.T, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), energy)
    assert ax.get_legend() is None
    named = plots.energy_descent({"one": recall, "two": recall})
    assert [text.get_text() for text in named.get_legend().get_texts()] == ["one", "two"]
    assert len(named.get_lines()) == 6
    assert named.get_lines()[0].get_color() != named.get_lines()[3].get_color()


def test_overlaps_are_the_cosines_with_every_memory(recall, memories):
    for row in range(3):
        *others, best = plots.overlaps(recall, memories, row).get_lines()
        nearest = recall.nearest[row]
        expected = recall.path[:, row] @ memories.T / 12
        np.testing.assert_allclose(best.get_ydata(), expected[:, nearest], atol=1e-12)
        rest = np.stack([line.get_ydata() for line in others], axis=1)
        np.testing.assert_allclose(rest, np.delete(expected, nearest, axis=1), atol=1e-12)
        assert best.get_label() == f"memory {nearest}, nearest at the end"


def test_overlaps_of_bits_are_those_of_their_signs(recall, memories):
    bits = dataclasses.replace(recall, path=(recall.path + 1) / 2)
    signed, plain = plots.overlaps(recall, memories), plots.overlaps(bits, (memories + 1) / 2)
    for one, other in zip(signed.get_lines(), plain.get_lines(), strict=True):
        np.testing.assert_allclose(one.get_ydata(), other.get_ydata(), atol=1e-12)


def test_a_recall_without_its_way_or_energy_is_refused_by_name(recall, memories):
    bare = dataclasses.replace(recall, path=None, energy=None)
    with pytest.raises(ValueError, match=r"recall_rows: .* recall\(x, keep=True\)"):
        plots.recall_rows(bare, memories, (3, 4))
    with pytest.raises(ValueError, match=r"overlaps: .* recall\(x, keep=True\)"):
        plots.overlaps(bare, memories)
    with pytest.raises(ValueError, match="energy_descent: this recall has no energy"):
        plots.energy_descent(bare)
    with pytest.raises(ValueError, match="energy_descent: slow has no energy"):
        plots.energy_descent({"fast": recall, "slow": bare})


def test_capacity_shows_every_load_with_its_spread_beside_the_theory():
    curve = capacity_curve(Hebb, 20, (2, 5), draws=3, rng=0)
    theory = {"law": ([0.1, 0.2, 0.3], [1.0, 0.9, 0.5]), "edge": 0.138}
    ax = plots.capacity([curve], theory)
    points, law, edge = (line for line in ax.get_lines() if len(line.get_xdata()) > 1
                         and line.get_marker() != "_")  # fmt: skip
    np.testing.assert_array_equal(points.get_xydata().T, [curve.loads, curve.overlap])
    np.testing.assert_array_equal(law.get_xydata().T, theory["law"])
    assert list(edge.get_xdata()) == [0.138, 0.138]
    (bars,) = ax.containers
    (spread,) = bars[2]
    lengths = [segment[:, 1] for segment in spread.get_segments()]
    expected = np.stack(
        [curve.overlap - curve.overlap_spread, curve.overlap + curve.overlap_spread]
    )
    np.testing.assert_allclose(lengths, expected.T)
    texts = sorted(text.get_text() for text in ax.get_legend().get_texts())
    assert texts == sorted(["law", "edge", f"{curve.name}, n = 20"])


@pytest.mark.parametrize("kind, said", [("flips", "bits flipped"), ("gaussian", "deviation")])
def test_recall_curves_are_of_each_memory_against_the_noise(memories, kind, said):
    network = HopfieldNetwork(Hebb())
    network.store(memories)
    found = trial(network, memories, (0.0, 0.2, 0.4), kind=kind, draws=5, rng=0)
    for what in ("exact", "wrong"):
        ax = plots.recall_curves({"a": found, "b": found}, what=what)
        for line in ax.get_lines():
            np.testing.assert_array_equal(line.get_xydata().T, [found.noise, getattr(found, what)])
        assert said in ax.get_xlabel() and what in ax.get_ylabel()
        assert ax.yaxis.get_major_formatter()(0.25, 0) == "25%"
    with pytest.raises(ValueError, match="expected 'exact' or 'wrong', came 'right'"):
        plots.recall_curves({"a": found}, what="right")


# --- what Hebbian layers see and learn ------------------------------------------------------------

SIDE, SHAPE = (3, 5), (4, 2)  # of the torus, and of an image


@pytest.fixture
def sparse():
    return SparseLayer(8, SIDE, k=2, radius=1, rng=0)


def test_every_unit_of_a_weight_tapestry_stands_at_its_place(sparse):
    ax = plots.weight_tapestry(sparse, SHAPE)
    (image,) = ax.get_images()
    canvas = image.get_array()
    assert canvas.shape == (3 * 4, 5 * 2)
    for unit in range(15):
        row, column = divmod(unit, 5)
        np.testing.assert_array_equal(
            canvas[4 * row : 4 * row + 4, 2 * column : 2 * column + 2], sparse.W[unit].reshape(4, 2)
        )
    low, high = image.get_clim()  # one scale, from white to black ink
    assert low == 0 < high <= sparse.W.max()
    assert image.get_cmap()(0.0)[:3] == (1, 1, 1) and image.get_cmap()(1.0)[:3] == (0, 0, 0)
    assert "3 x 5 units" in ax.get_title()


@pytest.mark.parametrize("side", [(1, 6), (6, 1), (2, 3), (3, 2)])
def test_a_weight_tapestry_takes_the_sides_given(side, rng):
    W = rng.uniform(size=(6, 8))
    canvas = plots.weight_tapestry(W, SHAPE, side).get_images()[0].get_array()
    assert canvas.shape == (4 * side[0], 2 * side[1])
    laid = np.asarray(canvas).reshape(side[0], 4, side[1], 2).swapaxes(1, 2).reshape(6, 8)
    np.testing.assert_array_equal(laid, W)


def test_units_without_a_torus_fill_a_near_square_and_signs_get_colours(rng):
    W = rng.normal(size=(5, 8))
    ax = plots.weight_tapestry(W, SHAPE)
    (image,) = ax.get_images()
    canvas = image.get_array()
    assert canvas.shape == (2 * 4, 3 * 2) and np.ma.getmaskarray(canvas).sum() == 8
    np.testing.assert_array_equal(canvas[4:, 2:4], W[4].reshape(4, 2))
    low, high = image.get_clim()
    assert low == -high < 0
    red, blue = (image.get_cmap()(at) for at in (1.0, 0.0))
    assert red[0] > red[2] and blue[2] > blue[0]
    assert "red" in ax.get_title() and "5 units" in ax.get_title()


def test_weights_of_zero_are_white():
    (image,) = plots.weight_tapestry(np.zeros((2, 8)), SHAPE).get_images()
    assert image.get_clim() == (0, 1)


@pytest.fixture
def world():
    return Tapestry(np.arange(6 * 8.0).reshape(6, 8), grid=(2, 3), shape=SHAPE)  # 8 x 6 pixels


def pieces(ax):
    """The path as drawn, (y, x), cut where it is cut."""
    at = ax.get_lines()[0].get_xydata()[:, ::-1]
    holes = np.flatnonzero(np.isnan(at).any(axis=1))
    return [piece[~np.isnan(piece).any(axis=1)] for piece in np.split(at, holes)]


def test_a_camera_path_leads_through_the_middles_of_the_frames(world):
    ax = plots.camera_path(world, [[1, 0], [2, 1], [2.9, 1]], (3, 2))
    (path,) = pieces(ax)
    np.testing.assert_array_equal(path, [[2, 0.5], [3, 1.5], [3, 1.5]])
    np.testing.assert_array_equal(ax.get_images()[0].get_array(), world.world)
    (frame,) = ax.patches
    # its corners stand between pixels: those of the first frame are inside it, and no other
    assert (frame.get_xy(), frame.get_width(), frame.get_height()) == ((-0.5, 0.5), 2, 3)
    start, end = (line.get_xydata()[0] for line in ax.get_lines()[1:])
    assert start.tolist() == [0.5, 2] and end.tolist() == [1.5, 3]
    assert ax.get_xlim() == (-0.5, 5.5) and ax.get_ylim() == (7.5, -0.5)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_camera_path_leaves_on_one_side_and_comes_in_on_the_other(world, wrapped):
    at = np.array([[0, 4], [0, 5], [0, 6], [-1, 7]])  # right, over the edge, then over the top
    ax = plots.camera_path(world, at % world.shape if wrapped else at, 1)
    first, second, third = pieces(ax)
    np.testing.assert_array_equal(first, [[0, 4], [0, 5], [0, 6]])  # to the point past the edge
    np.testing.assert_array_equal(second, [[0, -1], [0, 0], [-1, 1]])  # from the one before it
    np.testing.assert_array_equal(third, [[8, 0], [7, 1]])
    assert ax.get_lines()[2].get_xydata().tolist() == [[1, 7]]


def test_no_line_of_a_long_camera_path_is_longer_than_the_camera_is_fast(world):
    camera = Camera(world, v_max=2.0, rng=0)
    positions = camera.path(500)
    drawn = pieces(plots.camera_path(world, positions))
    assert len(drawn) > 10
    assert max(np.abs(np.diff(piece, axis=0)).max() for piece in drawn if len(piece) > 1) <= 3
    middles = positions + np.array([1.5, 0.5])  # every frame is there, where it is on the torus
    shown = {tuple(point) for point in np.concatenate(drawn).tolist()}
    assert {tuple(point) for point in ((middles + 0.5) % (8, 6) - 0.5).tolist()} <= shown


@pytest.mark.parametrize("top, above", [(5, -3), (6, -2), (7, -1)])
def test_the_first_frame_is_cut_by_the_edges_as_the_torus_is(world, top, above):
    ax = plots.camera_path(world, [[top, 5]])  # 4 x 2: over the lower edge, and the right one
    corners = sorted(patch.get_xy() for patch in ax.patches)
    assert corners == [(x - 0.5, y - 0.5) for x in (-1, 5) for y in (above, top)]
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["path, 1 frames", "first frame, 4 x 2", "end"]


def test_camera_frames_move_with_their_labels(world, tmp_path):
    frames = Camera(world, v_max=1.0, rng=0).take(4)
    moving = plots.camera_frames(frames, SHAPE, labels=[7, -1, 0, 3])
    (ax,) = moving._fig.axes
    (image,) = ax.get_images()
    for number, said in (2, "label 0"), (1, "no label"), (0, "label 7"):
        moving._func(number)
        np.testing.assert_array_equal(image.get_array(), frames[number].reshape(SHAPE))
        assert ax.get_xlabel() == said
    assert image.get_clim() == (frames.min(), frames.max())
    moving._init_draw()  # one that is dropped undrawn warns


def test_camera_frames_are_saved_as_a_gif(tmp_path):
    frames = np.eye(8)[:3]
    plots.camera_frames(frames, SHAPE, tmp_path / "camera.gif", fps=10)
    with Image.open(tmp_path / "camera.gif") as film:
        assert film.n_frames == 3 and film.info["duration"] == 100
    with pytest.raises(ValueError, match=r"camera\.avi: expected a name that ends in"):
        plots.camera_frames(frames, SHAPE, tmp_path / "camera.avi")


def test_a_number_for_each_unit_is_a_map_of_the_torus(rng):
    values = rng.normal(size=15)
    values[4] = np.nan
    ax = plots.torus_features(values, SIDE, name="selectivity")
    (image,) = ax.get_images()
    shown = image.get_array()
    np.testing.assert_array_equal(shown.filled(np.nan), values.reshape(3, 5))
    assert image.colorbar.ax.get_ylabel() == "selectivity (grey: none)"
    grey = image.get_cmap()(np.ma.masked_invalid([np.nan]))[0, :3]
    assert len(set(grey)) == 1 and 0.5 < grey[0] < 1
    whole = plots.torus_features(np.arange(15), SIDE, name="wins").get_images()[0]
    np.testing.assert_array_equal(whole.get_array(), np.arange(15).reshape(3, 5))
    assert whole.colorbar.ax.get_ylabel() == "wins"


@pytest.mark.parametrize("values", [[3, -1, 9, 3, 0, 9], [40, 7, -1, 300, 8, 7]])
def test_labels_are_a_colour_each_and_named(values):
    ax = plots.torus_features(values, (2, 3), labels=True, name="digit")
    (image,), legend = ax.get_images(), ax.get_legend()
    np.testing.assert_array_equal(image.get_array(), np.reshape(values, (2, 3)))
    colours = image.get_cmap()(image.norm(np.array(values)))
    named = {
        text.get_text(): patch.get_facecolor()
        for text, patch in zip(legend.get_texts(), legend.get_patches(), strict=True)
    }
    assert len(set(named.values())) == len(set(values)) == len(named)
    for value, colour in zip(values, colours, strict=True):
        np.testing.assert_allclose(named["none" if value == -1 else str(value)], colour)
    assert legend.get_title().get_text() == "digit"


def test_a_digit_has_its_colour_whatever_the_others():
    few, all_ten = (plots.torus_features(v, (1, len(v)), labels=True) for v in ([3, 5], range(10)))
    colour = [ax.get_images()[0].get_cmap()(ax.get_images()[0].norm(5)) for ax in (few, all_ten)]
    assert colour[0] == colour[1] == matplotlib.colors.to_rgba("C5")


def test_invariance_curves_are_lines_by_name(rng):
    images, shifts = rng.uniform(size=(5, 8)), (0, 1)
    found = invariance(lambda x: x, images, SHAPE, shifts)
    ax = plots.invariance_curves({"pixels": (shifts, found), "two": ([0, 2], [1.0, -0.5])})
    lines = ax.get_lines()
    np.testing.assert_array_equal(lines[0].get_xydata().T, [shifts, found])
    np.testing.assert_array_equal(lines[1].get_xydata(), [[0, 1.0], [2, -0.5]])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["pixels", "two"]
    assert "pixels" in ax.get_xlabel()


def test_neighbours_on_the_torus_are_compared_at_their_distance(sparse):
    ax = plots.neighbour_similarity(sparse)
    mean, radius = ax.get_lines()
    unit = sparse.W / np.linalg.norm(sparse.W, axis=1, keepdims=True)
    near, every = Torus(SIDE, 1).matrix(), np.ones((15, 15)) - np.eye(15)
    assert mean.get_xdata().tolist() == [1, 2]
    for value, pairs in zip(mean.get_ydata(), (near, every - near), strict=True):
        assert value == pytest.approx((unit @ unit.T * pairs).sum() / pairs.sum(), rel=1e-12)
    assert radius.get_xdata()[0] == 1
    (band,) = ax.collections
    edges = band.get_paths()[0].vertices[:, 1]
    cosines = (unit @ unit.T)[near == 1]
    for quantile in (0.25, 0.75):
        assert np.isclose(edges, np.quantile(cosines, quantile)).any()


def test_equal_units_are_alike_at_any_distance_and_dead_ones_are_not():
    W = np.ones((12, 4))
    assert plots.neighbour_similarity(W, (2, 6)).get_lines()[0].get_ydata() == pytest.approx(1)
    assert (plots.neighbour_similarity(0 * W, (2, 6)).get_lines()[0].get_ydata() == 0).all()


def test_hebbian_pictures_refuse_what_does_not_fit(sparse, world):
    with pytest.raises(ShapeError, match="15 units have 8 weights each, which are no 3 x 3"):
        plots.weight_tapestry(sparse, (3, 3))
    with pytest.raises(ShapeError, match="side: 3 x 4 places are not those of 15 units"):
        plots.weight_tapestry(sparse, SHAPE, (3, 4))
    with pytest.raises(ShapeError, match=r"a layer with W \(m, n\), or W, came \(8,\)"):
        plots.weight_tapestry(np.zeros(8), SHAPE)
    with pytest.raises(NotFiniteError, match="W has"):
        plots.weight_tapestry(np.full((2, 8), np.nan), SHAPE)
    with pytest.raises(ShapeError, match=r"positions: expected \(T, 2\), y and x, came \(3,\)"):
        plots.camera_path(world, [1, 2, 3])
    with pytest.raises(NotFiniteError, match="positions"):
        plots.camera_path(world, [[1, np.nan]])
    with pytest.raises(ValueError, match="size: expected"):
        plots.camera_path(world, [[1, 2]], 0)
    with pytest.raises(ShapeError, match=r"frames: expected \(T, 8\), came \(3, 7\)"):
        plots.camera_frames(np.zeros((3, 7)), SHAPE)
    with pytest.raises(ShapeError, match=r"one for each of 3 frames, came \(2,\)"):
        plots.camera_frames(np.zeros((3, 8)), SHAPE, labels=[1, 2])
    with pytest.raises(ShapeError, match="side: 2 x 3 places are not those of 5 units"):
        plots.torus_features(np.zeros(5), (2, 3))
    with pytest.raises(TypeError, match="values: expected whole numbers as labels, came float64"):
        plots.torus_features(np.zeros(6), (2, 3), labels=True)
    with pytest.raises(ShapeError, match=r"pixels: expected as many cosines as shifts"):
        plots.invariance_curves({"pixels": ([0, 1], [1.0])})
    with pytest.raises(ValueError, match="curves: expected at least one"):
        plots.invariance_curves({})
    with pytest.raises(ValueError, match="side: the units have no torus"):
        plots.neighbour_similarity(np.zeros((6, 4)))
    with pytest.raises(ValueError, match="one unit has no neighbours"):
        plots.neighbour_similarity(np.ones((1, 4)), (1, 1))


def test_hebbian_pictures_are_drawn_from_wherever_the_numbers_live(sparse, place):
    there = sparse.to(place.spec)
    for draw in (
        lambda x: plots.weight_tapestry(x, SHAPE),
        lambda x: plots.torus_features(x.wins, SIDE),
    ):
        one, other = (draw(layer).get_images()[0].get_array() for layer in (sparse, there))
        np.testing.assert_array_equal(one, other)
    mean = [plots.neighbour_similarity(x).get_lines()[0].get_ydata() for x in (sparse, there)]
    np.testing.assert_array_equal(*mean)
    frames = backend.move(np.eye(8)[:2], place)
    moving = plots.camera_frames(frames, SHAPE)
    np.testing.assert_array_equal(moving._fig.axes[0].get_images()[0].get_array().ravel(),
                                  np.eye(8)[0])  # fmt: skip
    moving._init_draw()


def test_hebbian_pictures_draw_on_the_axes_given(sparse, world):
    drawn = Figure().subplots(5)
    assert plots.weight_tapestry(sparse, SHAPE, ax=drawn[0]) is drawn[0]
    assert plots.camera_path(world, [[1, 2]], ax=drawn[1]) is drawn[1]
    assert plots.torus_features(np.arange(15), SIDE, drawn[2]) is drawn[2]
    assert plots.invariance_curves({"a": ([0], [1])}, drawn[3]) is drawn[3]
    assert plots.neighbour_similarity(sparse, ax=drawn[4]) is drawn[4]


# --- all ------------------------------------------------------------------------------------------


def test_no_picture_goes_through_pyplot(history):
    plots.learning_curve(history)
    plots.confusion([0, 1], [1, 1])
    plots.torus_features([1, 2], (1, 2), labels=True)
    assert not matplotlib._pylab_helpers.Gcf.get_all_fig_managers()
