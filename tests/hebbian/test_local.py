"""What layers with a local rule share: order of samples, what is given back, starts and rates."""

import pickle

import numpy as np
import pytest

from minigrad import Affinity, Network, backend
from minigrad.errors import NotFiniteError, ShapeError
from minigrad.hebbian import LocalLayer, Oja
from minigrad.hebbian.local import at, from_zero, one_over, sound_rate


class Hebb(LocalLayer):
    """The plainest rule, Delta W = y x^T / 10; `seen` counts."""

    def carried(self):
        return {"seen": (1,)}

    def forward(self, x):
        return x @ self.W.mT

    def update(self, x):
        y = self.W @ x
        self.W += 0.1 * y[:, None] * x
        self.seen += 1
        return y


def hebb(spec="numpy", m=2, n=3):
    return Hebb(n, m, rng=1).to(spec)


def test_each_row_is_learned_as_the_layer_then_was(spec, place, rng):
    layer, x = hebb(spec), rng.standard_normal((4, 5, 3))
    W, answers = backend.host(layer.W).copy(), []
    for row in x.reshape(-1, 3):
        answers.append(W @ row)
        W += 0.1 * np.outer(W @ row, row)
    y = layer.learn(backend.move(x, place))
    assert y.shape == (4, 5, 2) and backend.place_of(y) == place
    np.testing.assert_allclose(backend.host(y).reshape(-1, 2), answers, rtol=1e-12)
    np.testing.assert_allclose(backend.host(layer.W), W, rtol=1e-12)
    assert backend.host(layer.seen).tolist() == [20]


def test_one_vector_and_a_list_are_samples_too():
    one, listed = hebb(), hebb()
    assert one.learn(np.array([1.0, 2.0, 3.0])).shape == (2,)
    assert listed.learn([[1, 2, 3]]).shape == (1, 2)
    np.testing.assert_array_equal(one.theta, listed.theta)


def test_parts_are_as_good_as_the_whole(rng):
    x, whole, parts = rng.standard_normal((9, 3)), hebb(), hebb()
    y = whole.learn(x)
    np.testing.assert_array_equal(y, np.concatenate([parts.learn(x[:4]), parts.learn(x[4:])]))
    np.testing.assert_array_equal(whole.theta, parts.theta)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_sample_that_is_not_finite_is_refused_before_anything_is_learned(value, spec, place):
    layer, x = hebb(spec), np.ones((4, 3))
    x[2, 1] = value
    before = backend.host(layer.theta).copy()
    with pytest.raises(NotFiniteError, match=rf"Hebb 3 -> 2: the samples have {value} at \(2, 1\)"):
        layer.learn(backend.move(x, place))
    np.testing.assert_array_equal(backend.host(layer.theta), before)


def test_a_rule_that_runs_away_says_so_and_everything_is_as_before(spec, place):
    layer = hebb(spec)
    layer.learn(backend.move(np.ones((2, 3)), place))
    before, W = backend.host(layer.theta).copy(), layer.W
    with pytest.raises(NotFiniteError, match=r"W has .* after these 900 samples; it keeps"):
        layer.learn(backend.move(np.full((900, 3), 9.0), place))
    np.testing.assert_array_equal(backend.host(layer.theta), before)
    assert layer.W is W and before[-1] == 2


@pytest.mark.parametrize(
    "x, kind, message",
    [
        (np.ones((2, 4)), ShapeError, "4 features, expected 3"),
        (np.ones((0, 3)), ValueError, r"no samples to learn from, x has shape \(0, 3\)"),
        (1.0, ShapeError, "one number"),
        ("three", TypeError, "expected an array"),
    ],
)
def test_what_is_no_sample_is_refused(x, kind, message):
    with pytest.raises(kind, match=message):
        hebb().learn(x)


def test_below_a_read_out_it_is_left_alone_by_the_optimizer(rng):
    net = Network(hebb(), Affinity(2, 2, rng=2))
    before, top = net.layers[0].theta.copy(), net.layers[1].theta.copy()
    facts = zip(rng.standard_normal((8, 3)), rng.standard_normal((8, 2)), strict=True)
    net.learn(list(facts))
    np.testing.assert_array_equal(net.layers[0].theta, before)
    assert (net.layers[1].theta != top).all() and net.trained() == [(7, 13)]


def test_a_rule_without_an_update_says_what_is_missing():
    class Nothing(LocalLayer):
        pass

    with pytest.raises(TypeError, match=r"Nothing 3 -> 2: .* update\(self, x\)"):
        Nothing(3, 2).learn(np.ones(3))


# --- starts and rates -----------------------------------------------------------------------------


def test_samples_are_a_start(spec, place, rng):
    x = rng.standard_normal((7, 3))
    layer = Hebb(3, 4, start=backend.move(x, place), rng=5)
    which = [np.flatnonzero((x == row).all(axis=1)) for row in layer.W]
    assert len({int(i) for (i,) in which}) == 4  # all are samples, and none came twice
    np.testing.assert_array_equal(Hebb(3, 4, start=x, rng=5).W, layer.W)
    assert (Hebb(3, 4, start=x.tolist(), rng=6).W != layer.W).any()
    first = layer.theta.copy()
    layer.learn(x)
    np.testing.assert_array_equal(layer.randomize(9).theta, first)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(layer)).theta, first)


@pytest.mark.parametrize(
    "start, kind, message",
    [
        (np.ones((5, 2)), ShapeError, r"expected samples \(N, 3\), came \(5, 2\)"),
        (np.ones(3), ShapeError, r"came \(3,\)"),
        (np.ones((1, 3)), ValueError, "2 units want as many samples, came 1"),
        (np.full((2, 3), np.nan), NotFiniteError, "drawn have nan"),
        ("wild", ValueError, "unknown initializer"),
    ],
)
def test_what_is_no_start_is_refused(start, kind, message):
    with pytest.raises(kind, match=message):
        Hebb(3, 2, start=start)


def test_a_start_from_zero_up_is_uniform(rng):
    W = from_zero(0.2)(rng, (100, 60))
    assert W.shape == (100, 60) and W.min() >= 0 and W.max() < 0.2
    assert W.mean() == pytest.approx(0.1, abs=0.003)
    assert W.std() == pytest.approx(0.2 / np.sqrt(12), rel=0.03)
    layer = Hebb(3, 2, start=from_zero(0.2))
    assert (layer.W > 0).all() and (pickle.loads(pickle.dumps(layer)).W == layer.W).all()


def test_a_rate_is_a_number_or_a_function_of_the_number_of_the_sample():
    assert at(sound_rate(0.5), np.array(7.0)) == 0.5
    assert at(sound_rate(lambda t: 1 / (t + 1)), np.array(3.0)) == 0.25
    assert at(sound_rate("1/n"), np.array(4.0)) == 0.25 and sound_rate("1/n") is one_over
    seen = []
    layer = Oja(2, rate=lambda t: seen.append(t) or 0.1)
    layer.learn(np.ones((2, 2)))
    layer.learn(np.ones((1, 2)))
    assert seen == [1, 2, 3] and all(isinstance(t, int) for t in seen)


@pytest.mark.parametrize("rate", [0, -0.1, np.nan, np.inf, True, None, "1/t", [0.1]])
def test_what_is_no_rate_is_refused(rate):
    with pytest.raises(ValueError, match="the rate must be a positive number"):
        sound_rate(rate)


def test_a_rate_may_have_a_limit():
    assert sound_rate(1, most=1) == 1
    with pytest.raises(ValueError, match=r"a positive number up to 1, .* not 1\.5"):
        sound_rate(1.5, most=1)
