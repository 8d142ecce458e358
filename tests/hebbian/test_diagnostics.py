"""Diagnostics of layers of which everything is known; controls that run what they say."""

import numpy as np
import pytest

from minigrad import Affinity, Layer, backend
from minigrad.errors import NotFiniteError, ShapeError
from minigrad.hebbian import (
    Codes,
    Competitive,
    KrotovHopfield,
    controls,
    diagnose,
    effective_inputs,
    invariance,
)
from minigrad.hebbian.diagnostics import shifted

# three units of four see these six samples: wins 3 2 1 0
W = np.array([[2.0, 0, 0], [0, 1, 1], [0, 0, 3], [0.1, 0.1, 0]])
X = np.array([[1.0, 0, 0], [2, 0, 0], [3, 1, 0], [0, 5, 1], [0, 2, 0], [0, 1, 9]])
LABELS = np.array([0, 0, 2, 2, 2, 2])


def winner(spec="numpy"):
    return Codes(W, k=1, soft=False, unit=False).to(spec)


def test_who_wins_what(spec, place):
    found = diagnose(winner(spec), backend.move(X, place), LABELS, batch=4)
    assert found.wins.tolist() == [3, 2, 1, 0] and found.live == 3 and found.dead.tolist() == [3]
    q = np.array([3, 2, 1]) / 6
    assert found.entropy == pytest.approx(-(q * np.log(q)).sum()) and found.winners == 1
    np.testing.assert_allclose(found.inputs, [1, 2, 1, 2])
    np.testing.assert_allclose(
        found.rates, [[1, 0, 0, 0], [0, 0, 0, 0], [0.25, 0.5, 0.25, 0]]
    )  # label 1 does not occur, and is not counted among the others
    np.testing.assert_allclose(found.selectivity, [0.75 / 1.25, 1, 1, np.nan])


def test_it_can_be_read():
    text = str(diagnose(winner(), X, LABELS))
    assert text.startswith("Codes 3 -> 4, 6 samples: 3 of 4 units live\n1 winners a sample; wins ")
    assert "wins 0 to 3 a unit, as even as of 2.75 units" in text
    assert "effective inputs of a unit: 1.5 " in text and "selectivity of a unit: 1 " in text
    assert "dead" not in text


def test_a_dead_layer_is_said_to_be_dead():
    found = diagnose(Codes(-W, unit=False), X[:2])
    assert found.live == 0 and found.entropy == 0 and found.winners == 0
    assert "the layer is dead: no unit answers to any sample" in str(found)
    same = diagnose(winner(), X[:2])
    assert same.live == 1 and "the same units win whatever the sample" in str(same)


def test_where_every_unit_answers_the_largest_are_counted(rng):
    layer, x = KrotovHopfield(3, 4, rng=1), np.abs(rng.standard_normal((20, 3)))
    layer.W = np.abs(layer.W)
    assert "most units answer to every sample: give k" in str(diagnose(layer, x))
    found = diagnose(layer, x, k=1)
    np.testing.assert_array_equal(
        found.wins, np.bincount((x @ layer.W.T).argmax(axis=1), minlength=4)
    )
    by_function = diagnose(lambda v: v @ layer.W.T, x, k=1)
    np.testing.assert_array_equal(by_function.wins, found.wins)
    assert by_function.inputs is None


def test_units_that_do_not_care_are_not_selective():
    found = diagnose(lambda x: np.ones((len(x), 2)), X, [0, 0, 1, 1, 1, 2])
    np.testing.assert_allclose(found.selectivity, [0, 0])


def test_effective_inputs(place):
    rows = [
        [1, 1, 1, 1],
        [0, -5, 0, 0],
        [3, 3, -3, 0],
        [2, 1, 0, 0],
        [0, 0, 0, 0],
        [1e-200, 0, 0, 0],
    ]
    found = effective_inputs(backend.move(np.array(rows, float), place))
    np.testing.assert_allclose(found, [4, 1, 3, 9 / 5, 0, 1])


@pytest.mark.parametrize(
    "make, kind, message",
    [
        (
            lambda: diagnose(winner(), X, LABELS[:4]),
            ShapeError,
            r"\(6,\), came int64 of shape \(4,",
        ),
        (lambda: diagnose(winner(), X, LABELS / 1), ShapeError, "came float64"),
        (lambda: diagnose(winner(), X, LABELS - 1), ValueError, "label -1 at"),
        (lambda: diagnose(winner(), X[:0]), ShapeError, r"came \(0, 3\)"),
        (lambda: diagnose(winner(), X * np.nan), NotFiniteError, "the layer answers has nan"),
        (lambda: diagnose(winner(), X, k=5), ValueError, "k must be between 1 and 4"),
        (lambda: diagnose(lambda x: x[0], X), ShapeError, r"answers \(N, m\), came \(3,\)"),
    ],
)
def test_what_cannot_be_diagnosed_is_refused(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


# --- invariance -----------------------------------------------------------------------------------


def test_an_image_is_moved_and_nothing_comes_in():
    image = np.arange(1.0, 7).reshape(1, 2, 3)
    np.testing.assert_array_equal(shifted(image, 1, 0), [[[0, 0, 0], [1, 2, 3]]])
    np.testing.assert_array_equal(shifted(image, -1, 1), [[[0, 4, 5], [0, 0, 0]]])
    np.testing.assert_array_equal(shifted(image, 0, -2), [[[3, 0, 0], [6, 0, 0]]])


class Pixels(Layer):
    """A layer that hides nothing."""

    def forward(self, x):
        return x


def test_invariance_is_a_mean_cosine(rng):
    images = rng.random((6, 4 * 5))
    curve = invariance(Pixels(), images, (4, 5), [0, 1, (2, -1)])
    expected = []
    still = images - images.mean(axis=0)
    for ways in ([(0, 0)], [(1, 0), (-1, 0), (0, 1), (0, -1)], [(2, -1)]):
        cosines = []
        for way in ways:
            moved = shifted(images.reshape(-1, 4, 5), *way).reshape(6, -1)
            moved = moved - moved.mean(axis=0)
            cosines += [
                a @ b / np.linalg.norm(a) / np.linalg.norm(b)
                for a, b in zip(still, moved, strict=True)
            ]
        expected.append(np.mean(cosines))
    np.testing.assert_allclose(curve, expected, rtol=1e-12)
    assert curve[0] == pytest.approx(1)


def test_a_layer_that_sums_does_not_notice_and_one_that_is_constant_knows_nothing(spec, rng):
    images = np.zeros((5, 6, 6))
    images[:, 2:4, 2:4] = rng.random((5, 2, 2))
    images, total = images.reshape(5, -1), Affinity(36, 2)
    total.M, total.b = [[1.0] * 36, [2.0] * 36], [3.0, -1.0]
    curve = invariance(total.to(spec), images, (6, 6), [0, 1, 2], batch=2)
    np.testing.assert_allclose(curve, [1, 1, 1])
    total.M[...] = 0
    np.testing.assert_array_equal(invariance(total, images, (6, 6), [0, 2]), [0, 0])


@pytest.mark.parametrize(
    "images, shifts, kind, message",
    [
        (np.ones((3, 19)), [1], ShapeError, r"two or more of 4 x 5, \(N, 20\), came \(3, 19\)"),
        (np.ones((1, 20)), [1], ShapeError, r"came \(1, 20\)"),
        (np.full((2, 20), np.inf), [1], NotFiniteError, "the images have inf"),
        (np.ones((3, 20)), [4], ValueError, "a shift of 4 leaves nothing of images of 4 x 5"),
        (np.ones((3, 20)), [(0, -5)], ValueError, "leaves nothing"),
    ],
)
def test_what_cannot_be_shifted_is_refused(images, shifts, kind, message):
    with pytest.raises(kind, match=message):
        invariance(Pixels(), images, (4, 5), shifts)


# --- controls -------------------------------------------------------------------------------------


def test_controls_run_the_same_with_other_weights(spec, place):
    layer = Competitive(3, 2, start="uniform", rng=1).to(spec)
    layer.learn(backend.move(X, place))
    before, seen = backend.host(layer.theta).copy(), []

    def score(layer):
        seen.append(layer)
        return len(seen) / 10

    found = controls(score, layer, X, draws=2, rng=4)
    assert found.data == (0.1, 0.3) and found.untrained == (0.2, 0.4) and found.learned == 0.5
    assert found.gain == pytest.approx(0.5 - 0.3)
    assert seen[4] is layer and all(type(each) is Competitive for each in seen)
    np.testing.assert_array_equal(backend.host(layer.theta), before)
    for number, each in enumerate(seen[:4]):
        rows = backend.host(each.W)
        from_data = [(row == X).all(axis=1).any() for row in rows]
        assert all(from_data) if number % 2 == 0 else not any(from_data)
        assert each.place == place and not backend.host(each.counts).any()
    assert (backend.host(seen[0].W) != backend.host(seen[2].W)).any()
    again = []
    controls(lambda each: again.append(each) or 0.0, layer, X, draws=2, rng=4)
    np.testing.assert_array_equal(backend.host(again[3].W), backend.host(seen[3].W))


def test_controls_of_weights_alone(rng):
    seen = []
    found = controls(lambda V: seen.append(V) or 0.5, W, X, untrained="normal", rng=1)
    assert [V.shape for V in seen] == [(4, 3)] * 3 and seen[2] is W
    assert str(found).splitlines()[0].split() == ["weights", "accuracy", "least", "most"]
    assert [line.split()[0] for line in str(found).splitlines()[2:]] == [
        "learned",
        "random",
        "untrained",
    ]


@pytest.mark.parametrize(
    "given, kind, message",
    [
        ({"learned": W[0]}, ShapeError, r"came \(3,\)"),
        ({}, ValueError, "untrained: expected an initializer"),
        ({"untrained": "wild"}, ValueError, "unknown initializer"),
        ({"untrained": "normal", "x": X[:3]}, ValueError, "4 units want as many samples, came 3"),
        ({"untrained": "normal", "draws": 0}, ValueError, "draws must be a whole number"),
    ],
)
def test_controls_that_cannot_be_run_are_refused(given, kind, message):
    with pytest.raises(kind, match=message):
        controls(**{"score": lambda V: 0.5, "learned": W, "x": X, **given})
