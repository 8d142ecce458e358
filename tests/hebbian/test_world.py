"""The world: frames without a seam, the camera's path and its state, labels, patches."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad import backend, use
from minigrad.errors import NotFiniteError, ShapeError
from minigrad.hebbian import Camera, Tapestry, centred, patches

IMAGES = np.random.default_rng(8).uniform(0, 1, (6, 4, 3))
LABELS = np.array([5, 0, 3, 1, 4, 2])


def tapestry(**options):
    return Tapestry(IMAGES, LABELS, grid=(2, 3), **options)


def laid(images=IMAGES, rows=2, columns=3):
    return np.block([[images[r * columns + c] for c in range(columns)] for r in range(rows)])


# --- the tapestry ---------------------------------------------------------------------------------


@given(
    st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.tuples(st.integers(1, 20), st.integers(1, 20))
)
def test_a_frame_is_the_world_rolled(y, x, size):
    """Any real position and any size, larger than the world too: nothing but a roll."""
    world, down, across = laid(), math.floor(y), math.floor(x)
    rolled = np.roll(world, (-down, -across), (0, 1))
    expected = np.tile(rolled, (4, 4))[: size[0], : size[1]]
    seen = tapestry()
    np.testing.assert_array_equal(seen.frame(y, x, size), expected)
    rows = seen.frames([[0.0, 0.0], [y, x]], size)
    np.testing.assert_array_equal(rows[1], expected.ravel())
    assert rows.shape == (2, size[0] * size[1])


def test_images_are_laid_row_by_row():
    seen = tapestry()
    np.testing.assert_array_equal(seen.frame(0, 0, (8, 9)), laid())
    np.testing.assert_array_equal(seen.frame(4, 3), IMAGES[4])
    assert seen.shape == (8, 9) and seen.tile == (4, 3) and "2 x 3 tiles of 4 x 3" in repr(seen)
    flat = Tapestry(IMAGES.reshape(6, 12), grid=(3, 1), shape=(4, 3))
    np.testing.assert_array_equal(flat.frame(0, 0, (12, 3)), laid(IMAGES[:3], 3, 1))


def test_positions_are_rounded_down_and_not_toward_0():
    seen = tapestry()
    np.testing.assert_array_equal(seen.frame(-0.5, -0.5), seen.frame(-1, -1))
    np.testing.assert_array_equal(seen.frame(-0.5, -0.5), seen.frame(7, 8))
    np.testing.assert_array_equal(seen.frame(0.9, 0.9), seen.frame(0, 0))


def test_there_is_no_seam():
    """On the last tile's far side comes the first: a constant step makes constant steps."""
    across = np.tile(np.arange(6.0).reshape(6, 1, 1) // 1, (1, 4, 3))
    seen = Tapestry(across, grid=(1, 6))
    row = np.array([int(seen.frame(0, x, 1)[0, 0]) for x in range(-18, 36)])
    np.testing.assert_array_equal(row, np.repeat(np.tile(np.arange(6), 3), 3))


def test_a_larger_tile_has_its_image_in_the_middle():
    seen = tapestry(tile=(6, 7))
    frame = seen.frame(6, 14)  # tile (1, 2)
    np.testing.assert_array_equal(frame[1:5, 2:5], IMAGES[5])
    assert frame.sum() == pytest.approx(IMAGES[5].sum()) and seen.shape == (12, 21)


@pytest.mark.parametrize("size", [None, 4, (2, 3), (7, 1)])
@pytest.mark.parametrize("tile", [None, (4, 5), (6, 3)])
def test_a_frame_has_a_label_where_its_middle_is_near_one(tile, size):
    seen = tapestry(tile=tile, within=1)
    (th, tw), (h, w) = seen.tile, seen.tile if size is None else np.broadcast_to(size, 2)
    y, x = np.mgrid[-9:12, -8:14]
    found = seen.label_at(y, x, size)
    for at in np.ndindex(y.shape):
        near = set()  # two, where small tiles are equally far
        for number in range(6):
            for round_y in (-2, -1, 0, 1, 2):
                for round_x in (-2, -1, 0, 1, 2):
                    r, c = divmod(number, 3)
                    off = (
                        y[at] + h / 2 - ((r + 2 * round_y) * th + th / 2),
                        x[at] + w / 2 - ((c + 3 * round_x) * tw + tw / 2),
                    )
                    if max(map(abs, off)) <= 1.5:
                        near.add(LABELS[number])
        assert found[at] in (near or {-1})
    assert seen.label_at(y[0, 0] + 0.7, x[0, 0] + 0.2, size) == found[0, 0]


def test_without_labels_there_are_none():
    seen = Tapestry(IMAGES, grid=(2, 3))
    assert seen.label_at(0, 0) == -1 and type(tapestry().label_at(0, 0)) is int


@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8", "bool"])
def test_frames_are_born_where_use_says(dtype, spec):
    images = (IMAGES > 0.5).astype(dtype)
    kept = "float32" if dtype == "float32" else "float64"
    seen = Tapestry(images, grid=(2, 3))
    assert seen.frame(0, 0).dtype == kept
    use(spec)
    frames = seen.frames([[0, 0], [4, 3]])
    assert backend.place_of(frames) == backend.place(spec) and backend.dtype_name(frames) == kept
    np.testing.assert_array_equal(backend.host(frames), images[[0, 4]].reshape(2, 12))
    use(spec, "float32")
    taken = [next(Camera(seen, rng=1)), next(centred(images, rng=1)), patches(images, 2, 3, rng=1)]
    assert {backend.dtype_name(a) for a in taken} == {"float32"}
    assert {backend.place_of(a) for a in taken} == {backend.place(spec)}


def test_images_of_another_backend_are_taken(place):
    seen = Tapestry(backend.move(IMAGES, place), grid=(2, 3))
    np.testing.assert_array_equal(seen.frame(0, 0), IMAGES[0])


NAN = np.where(np.arange(72).reshape(6, 4, 3) == 5, np.nan, IMAGES)


@pytest.mark.parametrize(
    "images, options, kind, message",
    [
        (IMAGES, {"tile": (3, 9)}, ValueError, "images of 4 x 3 are larger than the tile, 3 x 9"),
        (IMAGES, {"tile": 2}, ValueError, "larger than the tile, 2 x 2"),
        (IMAGES, {"grid": (3, 3)}, ValueError, "a grid of 3 x 3 wants 9 images, came 6"),
        (IMAGES, {"grid": (0, 3)}, ValueError, r"grid: expected whole numbers .* \(0, 3\)"),
        (IMAGES, {"grid": (2, 3, 1)}, ValueError, "grid: expected a side or"),
        (0 * IMAGES + 0.3, {}, ValueError, "nothing to see: every pixel is 0.3"),
        (NAN, {}, NotFiniteError, r"the images have nan at \(0, 1, 2\)"),
        (IMAGES.reshape(6, 12), {}, ShapeError, r"expected \(N, h, w\), came \(6, 12\)"),
        (IMAGES, {"shape": (5, 3)}, ShapeError, r"expected \(N, 15\) for 5 x 3"),
        (IMAGES[:0], {}, ShapeError, "expected one or more"),
        (1j * IMAGES, {}, TypeError, "expected real numbers, came complex128"),
        (IMAGES, {"labels": [1, 2]}, ShapeError, r"labels: expected one for each image, \(6,\)"),
        (IMAGES, {"labels": 0.5 * LABELS}, TypeError, "labels: expected whole numbers"),
        (IMAGES, {"within": -1}, ValueError, "within must be a whole number of at least 0"),
    ],
)
def test_what_is_no_tapestry_is_refused(images, options, kind, message):
    with pytest.raises(kind, match=message):
        Tapestry(images, **{"grid": (2, 3), **options})


def test_what_is_no_position_is_refused():
    seen = tapestry()
    with pytest.raises(NotFiniteError, match="positions"):
        seen.frame(np.nan, 0)
    with pytest.raises(ShapeError, match=r"positions: expected \(N, 2\), .* came \(3,\)"):
        seen.frames([1, 2, 3])
    with pytest.raises(TypeError, match="positions: expected numbers"):
        seen.frame("here", 0)
    with pytest.raises(ValueError, match="size: expected whole numbers of at least 1, came 0"):
        seen.frame(0, 0, 0)


# --- the camera -----------------------------------------------------------------------------------


def seeds_path(rng, start, count, v_max=3):
    """Positions by the seed's own loop, with floor for int()."""
    (y, x), v_x, v_y, path = start, 0, 0, []
    for i in range(count):
        if i % 20 == 0:
            a_x = rng.uniform(-1, 1)
            a_y = rng.uniform(-1, 1)
        x += v_x
        y += v_y
        v_x = np.clip(v_x + a_x, -v_max, v_max)
        v_y = np.clip(v_y + a_y, -v_max, v_max)
        path.append((math.floor(y), math.floor(x)))
    return np.array(path)


def test_it_wanders_as_the_seeds_camera_does():
    expected = seeds_path(np.random.default_rng(4), (4.0, 4.5), 500)
    np.testing.assert_array_equal(Camera(tapestry(), rng=4).path(500), expected)
    assert expected.min() < 0 and np.abs(np.diff(expected, axis=0)).max() == 3
    slow = seeds_path(np.random.default_rng(4), (4.0, 4.5), 500, 0.75)
    np.testing.assert_array_equal(Camera(tapestry(), rng=4, v_max=0.75).path(500), slow)


def test_it_sees_the_frames_of_its_path():
    seen, walked = Camera(tapestry(), (5, 2), rng=1), Camera(tapestry(), (5, 2), rng=1)
    frames, path = seen.take(50), walked.path(50)
    np.testing.assert_array_equal(seen.positions, path)
    for frame, (y, x), label in zip(frames, path, seen.labels, strict=True):
        np.testing.assert_array_equal(frame, tapestry().frame(y, x, (5, 2)).ravel())
        assert label == tapestry().label_at(y, x, (5, 2))
    one_by_one = Camera(tapestry(), (5, 2), rng=1)
    np.testing.assert_array_equal([frame for frame, _ in zip(one_by_one, range(50))], frames)  # noqa: B905


def test_the_acceleration_is_held():
    camera, kept = Camera(tapestry(), rng=3, hold=7), []
    for _ in range(21):
        camera.path(1)
        kept.append(tuple(camera.acceleration))
    assert [kept.index(a) for a in kept] == [7 * (i // 7) for i in range(21)]


def test_it_dwells_on_one_digit_after_the_other():
    camera = Camera(tapestry(tile=(9, 8)), (4, 3), rng=2, dwell=8, jitter=2)
    frames, path, labels = camera.take(400), camera.positions, camera.labels
    assert frames.shape == (400, 12) and (labels >= 0).all()
    stays = path.reshape(50, 8, 2)
    spread = stays.max(axis=1) - stays.min(axis=1)
    assert spread.max() == 4 and set(labels) == set(range(6))
    assert (labels.reshape(50, 8) == labels[::8, None]).all()
    still = Camera(tapestry(), rng=2, dwell=3)
    np.testing.assert_array_equal(
        still.take(30), IMAGES.reshape(6, 12)[np.argsort(LABELS)][still.labels]
    )


def test_the_jitter_is_uniform_and_moves_the_wandering_camera_too():
    plain, shaken = (
        Camera(tapestry(), rng=2, hold=10**6),
        Camera(tapestry(), rng=2, hold=10**6, jitter=1),
    )
    off = shaken.path(900) - plain.path(900)
    counts = np.unique(off, axis=0, return_counts=True)[1]
    assert len(counts) == 9 and counts.min() > 60 and np.abs(off).max() == 1


@pytest.mark.parametrize("kind", ["PCG64", "MT19937", "Philox", "SFC64", "PCG64DXSM"])
@pytest.mark.parametrize("options", [{}, {"dwell": 5, "jitter": 1}])
def test_it_goes_on_exactly_from_a_saved_state(options, kind, tmp_path):
    def fresh(seed):
        return np.random.Generator(getattr(np.random, kind)(seed))

    camera = Camera(tapestry(), rng=fresh(1), **options)
    camera.take(33)
    np.savez(tmp_path / "camera.npz", **camera.state())
    expected, labels = camera.take(40), camera.labels
    other = Camera(tapestry(), rng=fresh(2), **options)
    other.take(4)
    with np.load(tmp_path / "camera.npz", allow_pickle=False) as state:
        assert other.restore(state) is other
    np.testing.assert_array_equal(other.take(40), expected)
    np.testing.assert_array_equal(other.labels, labels)


def test_a_state_of_another_make_is_refused_and_nothing_changes():
    camera, twin = Camera(tapestry(), rng=1), Camera(tapestry(), rng=1)
    state = camera.state()
    for other, message in (
        (Camera(tapestry(), (5, 2), rng=2), "this is a Camera of 4 x 3"),
        (Camera(tapestry(), rng=2, dwell=5), "is of a Camera .* dwell 5, jitter 0, this"),
        (Camera(Tapestry(IMAGES, grid=(1, 3)), rng=2), "over a Tapestry.1 x 3"),
        (centred(IMAGES, rng=2), "the state has no .*position"),
    ):
        with pytest.raises(ValueError, match=message):
            camera.restore(other.state())
    with pytest.raises(ShapeError, match=r"position of the state: expected shape \(2,\)"):
        camera.restore({**state, "position": np.zeros(3)})
    with pytest.raises(ValueError, match="no generator of numpy"):
        camera.restore({**state, "rng": '{"bit_generator": "os"}'})
    np.testing.assert_array_equal(camera.take(30), twin.take(30))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"v_max": 0}, "v_max must be a positive number"),
        ({"v_max": np.nan}, "v_max must be a positive number"),
        ({"hold": 0}, "hold must be a whole number of at least 1, not 0"),
        ({"dwell": -1}, "dwell must be a whole number of at least 0"),
        ({"jitter": 0.5}, "jitter must be a whole number of at least 0"),
        ({"size": (4, 0)}, "size: expected whole numbers"),
    ],
)
def test_what_is_no_camera_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Camera(tapestry(), **options)


def test_it_takes_at_least_one_frame():
    for source in (Camera(tapestry()), centred(IMAGES)):
        for count in (0, -1, 2.5):
            with pytest.raises(ValueError, match="n must be a whole number of at least 1"):
                source.take(count)


# --- whole digits and patches ---------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 15), min_size=1, max_size=6))
def test_whole_digits_come_once_before_any_comes_again(seed, counts):
    stream, rows, labels = centred(IMAGES, LABELS, rng=seed), [], []
    for count in counts:
        rows.extend(stream.take(count))
        labels.extend(stream.labels)
    flat = IMAGES.reshape(6, 12)
    np.testing.assert_array_equal(rows, flat[[list(LABELS).index(label) for label in labels]])
    for begin in range(0, len(rows) - 5, 6):
        assert sorted(labels[begin : begin + 6]) == list(range(6))
    whole = centred(IMAGES, LABELS, rng=seed)
    np.testing.assert_array_equal(whole.take(len(rows)), rows)


def test_the_stream_goes_on_exactly_and_each_epoch_is_shuffled_anew(tmp_path):
    stream = centred(IMAGES, LABELS, rng=1)
    epochs = [tuple(stream.take(6)[:, 0]) for _ in range(5)]
    assert len(set(epochs)) > 1
    stream.take(4)
    np.savez(tmp_path / "stream.npz", **stream.state())
    expected = stream.take(20)
    other = centred(IMAGES, LABELS, rng=2)
    with np.load(tmp_path / "stream.npz", allow_pickle=False) as state:
        np.testing.assert_array_equal(other.restore(state).take(20), expected)
    with pytest.raises(ValueError, match="stream of 5 images of 12 pixels"):
        centred(IMAGES[:5]).restore(stream.state())
    assert len(stream) == 6 and centred(IMAGES).take(1).shape == (1, 12)
    unlabelled = centred(IMAGES)
    unlabelled.take(3)
    assert unlabelled.labels.tolist() == [-1] * 3


@pytest.mark.parametrize(
    "images, kind",
    [(NAN, NotFiniteError), (IMAGES[:0], ShapeError), (np.ones(3), ShapeError)],
)
def test_what_is_no_stream_is_refused(images, kind):
    with pytest.raises(kind, match="images"):
        centred(images)


@given(st.integers(0, 2**32 - 1), st.tuples(st.integers(1, 4), st.integers(1, 3)))
def test_patches_are_windows_of_the_images(seed, size):
    drawn = patches(IMAGES, size, 8, rng=seed)
    windows = np.lib.stride_tricks.sliding_window_view(IMAGES, size, (1, 2))
    windows = {w.tobytes() for w in windows.reshape(-1, size[0] * size[1])}
    assert drawn.shape == (8, size[0] * size[1]) and all(p.tobytes() in windows for p in drawn)
    flat = patches(IMAGES.reshape(6, 12), size, 8, shape=(4, 3), rng=seed)
    np.testing.assert_array_equal(flat, drawn)


def test_patches_come_from_everywhere():
    numbers = np.arange(72.0).reshape(6, 4, 3)
    corners = patches(numbers, 2, 2000, rng=1)[:, 0]
    assert sorted(set(corners)) == sorted(numbers[:, :3, :2].ravel())


def test_what_is_no_patch_is_refused():
    with pytest.raises(ValueError, match="patches of 5 x 2 do not fit in images of 4 x 3"):
        patches(IMAGES, (5, 2), 3)
    with pytest.raises(ValueError, match="count must be a whole number of at least 1, not 0"):
        patches(IMAGES, 2, 0)
    with pytest.raises(NotFiniteError, match="nan"):
        patches(NAN, 2, 3)
