"""Dataset: every method against a closed form or against what it promises of all inputs."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad.data import Dataset, one_hot
from minigrad.errors import ShapeError

quick = settings(deadline=None, max_examples=100)


@pytest.fixture
def nine():
    """Nine samples 10 i + (0 .. 5) of shape (2, 3), labels 4 7 2 4 7 2 4 7 2."""
    x = 10.0 * np.arange(9)[:, None] + np.arange(6)
    return Dataset(x, np.array([4, 7, 2] * 3, np.uint8), (2, 3))


def rows(data):
    """Which of the nine samples these are; each still has its label and its values."""
    index = (data.x[:, 0] / 10).astype(int)
    np.testing.assert_array_equal(data.x, 10.0 * index[:, None] + np.arange(6))
    np.testing.assert_array_equal(data.labels, np.array([4, 7, 2])[index % 3])
    assert data.shape == (2, 3)
    return index.tolist()


@pytest.mark.parametrize(
    "x, labels, shape, error, message",
    [
        ([1.0, 2.0], [0, 1], (), ShapeError, r"x: expected \(N, n\).* got \(2,\)"),
        ([[1.0], [2.0]], [0], (), ShapeError, r"labels: .*\(2,\), got \(1,\)"),
        ([[1.0], [2.0]], [[0], [1]], (), ShapeError, r"labels: .* got \(2, 1\)"),
        ([[1.0, 2.0, 3.0]], [0], (2, 2), ShapeError, r"expected 3 values .* got \(2, 2\)"),
        (np.zeros((0, 3)), np.zeros(0, int), (), ValueError, "one sample or more, got none"),
        ([["a"]], [0], (), TypeError, "x: expected real numbers, got <U1"),
        ([[1j]], [0], (), TypeError, "x: expected real numbers, got complex128"),
        ([[1.0]], [0.0], (), TypeError, "labels: expected integers, got float64"),
        ([[1.0]], [True], (), TypeError, "labels: expected integers, got bool"),
    ],
)
def test_what_is_no_dataset(x, labels, shape, error, message):
    with pytest.raises(error, match=message):
        Dataset(x, labels, shape)


def test_fields(nine):
    assert len(nine) == 9 and nine.labels.dtype == np.int64
    assert repr(nine) == "Dataset(9 samples of shape (2, 3), float64, 3 labels in 2..7)"
    assert nine.images.shape == (9, 2, 3) and nine.images[4, 1, 0] == 43
    assert Dataset([[1.0, 2.0]], [0]).shape == (2,)
    assert Dataset(np.ones((1, 2), np.float32), [0]).x.dtype == np.float32
    with pytest.raises(AttributeError):
        nine.x = nine.x + 1
    assert rows(pickle.loads(pickle.dumps(nine))) == list(range(9))


@pytest.mark.parametrize(
    "index, expected",
    [
        (slice(2, 5), [2, 3, 4]),
        (slice(None, None, -4), [8, 4, 0]),
        ([5, 0, 5], [5, 0, 5]),
        (np.array([-1, 3], np.int8), [8, 3]),
        (np.arange(9) > 6, [7, 8]),
    ],
)
def test_selection(nine, index, expected):
    assert rows(nine[index]) == expected


def test_a_slice_shares_memory_and_an_index_does_not(nine):
    assert np.shares_memory(nine[1:3].x, nine.x) and not np.shares_memory(nine[[1, 2]].x, nine.x)


@pytest.mark.parametrize("index", [slice(5, 5), [], np.zeros(9, bool)])
def test_an_empty_selection_is_refused(nine, index):
    with pytest.raises(ValueError, match="the selection from 9 samples is empty"):
        nine[index]


@pytest.mark.parametrize("index", [3, [[1, 2]], [0.5], (slice(2), slice(2)), "a"])
def test_other_indices_are_refused(nine, index):
    with pytest.raises(TypeError, match="a slice, a vector of integers or a mask"):
        nine[index]


def test_a_dataset_is_not_walked_by_accident(nine):
    with pytest.raises(TypeError, match="for one sample see x and labels"):
        list(nine)


def test_an_index_beyond_the_end_is_refused(nine):
    with pytest.raises(IndexError, match="index 9 is out of bounds"):
        nine[[0, 9]]


def test_classes(nine):
    assert rows(nine.classes(2, 4, relabel=False)) == [0, 2, 3, 5, 6, 8]
    two = nine.classes(7, 2)
    assert two.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert two.x[:, 0].tolist() == [10, 20, 40, 50, 70, 80] and two.shape == (2, 3)
    assert nine.classes(2, 7).labels.tolist() == [1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    "which, message",
    [
        ((), r"one label or more, each once, got \(\)"),
        ((2, 2), r"each once, got \(2, 2\)"),
        ((2, 5), r"no sample is labelled 5; the labels are \[2, 4, 7\]"),
    ],
)
def test_classes_refused(nine, which, message):
    with pytest.raises(ValueError, match=message):
        nine.classes(*which)


def test_shrinking_averages_areas():
    x = np.random.default_rng(0).random((3, 4 * 6))
    data = Dataset(x, [0, 1, 2], (4, 6))
    blocks = x.reshape(3, 2, 2, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(data.resize(2).images, blocks, rtol=1e-15)
    thirds = Dataset([[0.0, 0.3, 0.9]], [0], (1, 3)).resize(2).images  # 1.5 old pixels each
    np.testing.assert_allclose(thirds[0, 0], [0.1, 0.7], rtol=1e-14)
    np.testing.assert_array_equal(thirds[0, 1], thirds[0, 0])


def test_enlarging_is_bilinear():
    enlarged = Dataset([[0.0, 1.0, 0.5]], [0], (1, 3)).resize(6)
    # New centres at 1/4, 3/4, 5/4 ... old pixels, old ones at 1/2, 3/2, 5/2; flat beyond them.
    np.testing.assert_allclose(enlarged.images[0, 2], [0, 0.25, 0.75, 0.875, 0.625, 0.5])


def test_enlarging_keeps_ramps_away_from_the_rim():
    down, across = np.arange(28)[:, None] + 0.5, np.arange(28) + 0.5
    ramp = Dataset((3 * down - 2 * across).reshape(1, -1), [1], (28, 28))
    fine = (np.arange(32) + 0.5) * 28 / 32
    big = ramp.resize(32)
    assert big.shape == (32, 32) and big.x.shape == (1, 1024) and big.labels.tolist() == [1]
    inner = slice(1, -1)
    expected = (3 * fine[:, None] - 2 * fine)[inner, inner]
    np.testing.assert_allclose(big.images[0, inner, inner], expected, rtol=1e-12)


@quick
@given(
    images=hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7)),
        elements=st.floats(0, 1),
    ),
    side=st.integers(1, 9),
    level=st.floats(0, 1),
)
def test_resize_keeps_range_constants_and_symmetry(images, side, level):
    n = len(images)

    def resized(y):
        data = Dataset(y.reshape(n, -1), np.zeros(n, int), y.shape[1:]).resize(side)
        assert data.shape == (side, side)
        return data.images

    y = resized(images)
    assert (y >= images.min(axis=(1, 2), keepdims=True)).all()
    assert (y <= images.max(axis=(1, 2), keepdims=True)).all()
    assert (resized(np.full_like(images, level)) == level).all()
    np.testing.assert_allclose(resized(images[:, ::-1]), y[:, ::-1], atol=1e-13)
    np.testing.assert_allclose(resized(images.swapaxes(1, 2)), y.swapaxes(1, 2), atol=1e-13)
    if images.shape[1:] == (side, side):
        np.testing.assert_array_equal(y, images)
    if side <= min(images.shape[1:]):  # areas tile the image, so its mean stays
        np.testing.assert_allclose(y.mean(axis=(1, 2)), images.mean(axis=(1, 2)), atol=1e-13)


@pytest.mark.parametrize("dtype, result", [("f4", "f4"), ("f8", "f8"), ("u1", "f8")])
def test_dtypes(dtype, result):
    data = Dataset(np.array([[0, 1, 1, 0, 1, 0]], dtype), [0], (2, 3))
    assert data.resize(4).x.dtype == result and data.binarise().x.dtype == result


def test_resize_refused(nine):
    with pytest.raises(ShapeError, match=r"shape \(h, w\), got \(6,\)"):
        Dataset(nine.x, nine.labels).resize(4)
    with pytest.raises(ValueError, match="side: expected 1 or more, got 0"):
        nine.resize(0)
    with pytest.raises(TypeError, match=r"side: expected an integer, got 4\.0"):
        nine.resize(4.0)


def test_binarise():
    data = Dataset([[0.0, 0.5, 0.51], [1.0, 0.2, 0.7]], [3, 1], (1, 3))
    assert data.binarise().x.tolist() == [[-1, -1, 1], [1, -1, 1]]
    bits = data.binarise(low=0, high=2, threshold=0.6)
    assert bits.x.tolist() == [[0, 0, 0], [2, 0, 2]]
    assert bits.shape == (1, 3) and bits.labels.tolist() == [3, 1]


def test_one_hot():
    data = Dataset([[0.0]] * 4, [2, 0, 1, 2])
    assert data.one_hot().tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert data.one_hot(low=-1, high=0.5, count=4)[2].tolist() == [-1, 0.5, -1, -1]
    assert one_hot(np.array([1, 0], np.uint8), 2, 0.25, 0.75).tolist() == [
        [0.25, 0.75],
        [0.75, 0.25],
    ]
    assert one_hot([], 3).shape == (0, 3)


@pytest.mark.parametrize(
    "labels, first, position",
    [
        ([0, 2, 3, 4], 3, 2),
        ([-1], -1, 0),
        ([1, 0.5, 7], 0.5, 1),
        ([0, 1, 2, np.nan], "nan", 3),
    ],
)
def test_one_hot_names_the_first_wrong_label(labels, first, position):
    with pytest.raises(ValueError, match=rf"in 0\.\.2, got {first} at position {position}"):
        one_hot(labels, 3)


def test_one_hot_refused():
    with pytest.raises(ShapeError, match=r"labels: expected \(N,\), got \(1, 2\)"):
        one_hot([[0, 1]], 3)
    with pytest.raises(TypeError, match="expected integers, got <U1"):
        one_hot(["1"], 3)
    with pytest.raises(ValueError, match="count: expected 1 or more, got 0"):
        one_hot([], 0)


def test_sample_and_shuffle_draw_each_once(nine):
    some = rows(nine.sample(5, rng=1))
    assert len(set(some)) == 5 and some != sorted(some)
    everything = rows(nine.shuffled(rng=1))
    assert sorted(everything) == list(range(9)) and everything != list(range(9))


def test_every_sample_is_as_likely(nine):
    rng = np.random.default_rng(5)
    counts = np.bincount([i for _ in range(900) for i in rows(nine.sample(2, rng))], minlength=9)
    assert abs(counts - 200).max() < 65  # 200 expected, standard deviation 12.5


@pytest.mark.parametrize("draw", ["sample", "shuffled", "balanced"])
def test_same_rng_same_draw(nine, draw):
    def drawn(rng):
        return rows(getattr(nine, draw)(*([] if draw == "shuffled" else [3]), rng=rng))

    before = np.random.get_state()
    assert drawn(8) == drawn(8) == drawn(np.random.default_rng(8))
    generator = np.random.default_rng(8)
    assert len({tuple(drawn(generator)) for _ in range(9)}) > 1  # it moves on
    assert len({tuple(drawn(None)) for _ in range(9)}) > 1
    after = np.random.get_state()
    assert before[2] == after[2] and np.array_equal(before[1], after[1])


def test_split(nine):
    first, others = nine.split(4)
    assert rows(first) == [0, 1, 2, 3] and rows(others) == [4, 5, 6, 7, 8]


@quick
@given(labels=st.lists(st.integers(-2, 2), min_size=1, max_size=60), seed=st.integers(0, 2**32 - 1))
def test_balanced_in_every_prefix(labels, seed):
    kinds, counts = np.unique(labels, return_counts=True)
    k, per_class = len(kinds), int(counts.min())
    data = Dataset(np.arange(len(labels))[:, None], labels).balanced(per_class, seed)
    assert len(data) == k * per_class and len(set(data.x.ravel().tolist())) == len(data)
    np.testing.assert_array_equal(np.array(labels)[data.x.ravel()], data.labels)
    np.testing.assert_array_equal(
        np.sort(data.labels.reshape(per_class, k), axis=1), [kinds] * per_class
    )


def test_balanced_draws_at_random_in_random_order(nine):
    rng = np.random.default_rng(3)
    drawn = np.array([rows(nine.balanced(1, rng)) for _ in range(600)])
    assert (abs(np.bincount(drawn.ravel(), minlength=9) - 200) < 60).all()
    assert (abs(np.bincount(drawn[:, 0], minlength=9) - 600 / 9) < 40).all()


@pytest.mark.parametrize(
    "method, n, message",
    [
        ("sample", 10, "n: expected at most the 9 samples held, got 10"),
        ("sample", 0, "n: expected 1 or more, got 0"),
        ("split", 9, "n: expected 1 to 8, both parts hold some, got 9"),
        ("split", 0, "n: expected 1 or more, got 0"),
        ("balanced", 3, "expected at most 2, the samples labelled 4, got 3"),
        ("balanced", -1, "per_class: expected 1 or more, got -1"),
    ],
)
def test_counts_refused(nine, method, n, message):
    data = nine[1:] if method == "balanced" else nine
    with pytest.raises(ValueError, match=message):
        getattr(data, method)(n)


def test_samples_are_handed_out_where_new_arrays_are_born(monkeypatch):
    from minigrad import backend, data

    points = Dataset([[0.0, 1.0], [2.0, 3.0]], [1, 0])
    monkeypatch.setattr(backend, "_birth", {"place": None, "dtype": "float64"})
    backend.use("array-api-strict", dtype="float32")
    for x in (points.x, points.binarise().x, *data.xor(), *data.quadratic(3, rng=1)):
        assert backend.place_of(x).name == "array-api-strict"
        assert backend.dtype_name(x) == "float32"
    assert isinstance(points.labels, np.ndarray) and points.host.dtype == "float64"
