"""One network of everything: a Hebbian layer, a flow, a recall and a read-out, as one layer."""

import numpy as np
import pytest

from minigrad import Adam, Affinity, Map, Network, backend, data, gradient_check
from minigrad.hebbian import SparseLayer
from minigrad.hopfield import HopfieldNetwork, Softmax
from minigrad.ode import Fixed, ODELayer, autonomous

DIGITS = data.digits()[0].resize(10)[:300]
WORDS = 2.0 * np.eye(6)[:4]  # what the recall has in its memory


def everything(stored=True):
    sees = SparseLayer(100, (5, 6), k=4, rng=1)
    flows = ODELayer(
        autonomous(Network(Affinity(6, 6, rng=2), Map("tanh"))), control=Fixed(steps=2)
    )
    recalls = HopfieldNetwork(Softmax(beta=0.5), max_steps=2)
    if stored:
        recalls.store(WORDS)
    return Network(sees, Affinity(30, 6, rng=3), flows, recalls, Affinity(6, 10, rng=4))


@pytest.fixture(scope="module")
def taught():
    net = everything()
    net.layers[0].learn(DIGITS.host)
    return net, fit(net, 12)


def fit(net, epochs):
    x = backend.move(DIGITS.host, net.place)
    return net.fit(x, DIGITS.labels, epochs, 30, "softmax cross-entropy", Adam(0.05), rng=5)


def test_it_learns_above_what_learns_by_itself(taught):
    net, history = taught
    before = everything()
    before.layers[0].learn(DIGITS.host)
    assert history.loss[-1] < 0.7 * history.loss[0]
    assert net.accuracy(DIGITS.host, DIGITS.labels) > 0.35
    np.testing.assert_array_equal(net.layers[0].theta, before.layers[0].theta)
    for trained, drawn in zip(net.layers[1:3], before.layers[1:3], strict=True):
        assert (trained.theta != drawn.theta).all()
    np.testing.assert_array_equal(net.layers[3].memory.X, WORDS)


def test_its_gradient_is_right_down_to_the_hebbian_layer(taught):
    net, _ = taught
    above = everything()
    above.theta = net.theta
    above.layers = above.layers[1:]
    assert gradient_check(above, rng=1).error < 1e-9
    assert net.backprop(np.ones_like(net(DIGITS.host[:2]))) is None  # it ends below the read-out


def test_it_is_saved_and_goes_on(taught, tmp_path):
    net, _ = taught
    net.save(tmp_path / "net.npz")
    twin = everything(stored=False).load(tmp_path / "net.npz")
    np.testing.assert_array_equal(twin(DIGITS.host), net(DIGITS.host))
    np.testing.assert_array_equal(twin.layers[3].memory.patterns, WORDS)
    other = everything()
    other.theta = net.theta
    assert fit(twin, 2).loss == fit(other, 2).loss
    twin.layers[0].learn(DIGITS.host[:20])
    other.layers[0].learn(DIGITS.host[:20])
    np.testing.assert_array_equal(twin.theta, other.theta)


def test_it_moves_and_goes_on(taught, place):
    net, _ = taught
    moved = net.to(place.spec)
    x = backend.move(DIGITS.host[:50], place)
    np.testing.assert_allclose(backend.host(moved(x)), net(DIGITS.host[:50]), rtol=1e-9, atol=1e-12)
    assert backend.place_of(moved.layers[3].memory.patterns) == place
    here = net.to("numpy")
    np.testing.assert_allclose(fit(moved, 1).loss, fit(here, 1).loss, rtol=1e-9)
    moved.layers[0].learn(x[:5, :])
    here.layers[0].learn(DIGITS.host[:5])
    theta = backend.host(moved.to("numpy").theta)
    np.testing.assert_allclose(theta, here.theta, rtol=1e-7, atol=1e-9)
