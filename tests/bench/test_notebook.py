"""The cells of the notebook that the layers come from, typed in with only the names changed.

`AffinityLayer` is `Affinity`, `IdentityLayer` `Identity`, `MapLayer` `Map`. What their author hoped
for must happen: above all, that the network that one holds is the one that learns.
"""

import numpy as np
import pytest

from minigrad import Affinity, Identity, Map, Network, NNBench

FACTS = [(np.arange(2 * n, 2 * n + 2), np.arange(2 * n + 1, 2 * n - 1, -1)) for n in range(3)]


def test_one_identity_layer_passes_on_and_does_not_learn():
    net = Network()
    net.extend(Identity())
    assert all(net(np.arange(3)) == np.arange(3))
    assert net.learn(FACTS) == 1.0
    assert all(net(np.arange(2, 4)) == [2, 3])


def test_one_map_layer_maps_and_does_not_learn():
    net = Network()
    net.extend(Map(lambda x: x + 1, lambda d: 1))
    assert all(net(np.arange(3)) == np.arange(3) + 1)
    assert net.learn(FACTS) == 2.0
    assert all(net(np.arange(5)) == np.arange(5) + 1)
    assert all(net(np.arange(2, 4)) == [3, 4])


def test_one_affine_layer_learns_the_identity_and_the_swap():
    net = Network()
    net.extend(Affinity(2, 2))
    t = net.layers[0]
    assert t.M.shape == (2, 2) and t.b.shape == (2,)
    bench = NNBench(net)
    bench.checkpoint_net()
    assert bench.learning_potential() > 1
    bench.ideal = lambda v: np.array([v[1], v[0]])
    bench.learn(100)
    assert np.allclose(t.M, [[0, 1], [1, 0]], atol=0.1) and np.allclose(t.b, 0, atol=0.1)


def test_the_network_that_one_holds_is_the_one_that_learns():
    net = Network()
    net.extend(Affinity(2, 2))
    net.extend(Map(lambda x: x * x / 2.0, lambda d: d))
    net.alpha = 0.01  # at 0.1 it diverges, which the author read as nan
    bench = NNBench(net)
    bench.checkpoint_net()
    bench.ideal = lambda v: [(v[0] - v[1]) ** 2, 0]
    assert bench.learning_potential(1000) > 2
    bench.rollback_net()

    net.layers[0].randomize()
    assert net([3, 5]).shape == (2,)
    net.layers[0].M = np.array([[1, 0], [0, 1]])
    net.layers[0].b = np.array([0, 0])
    assert all(net([3, 5]) == [4.5, 12.5])
    potential = bench.learning_potential()
    assert np.isfinite(potential) and all(net([7, 11]) == [24.5, 60.5])
    bench.learn(10)
    assert bench.net is net and (net.layers[0].M != [[1, 0], [0, 1]]).all()


def test_layers_are_taken_off_and_others_put_on():
    net = Network(Affinity(2, 2), Map(lambda x: x * x / 2.0, lambda d: d))
    bench = NNBench(net)
    bench.checkpoint_net()
    bench.rollback_net()
    bench.net.layers = bench.net.layers[:1]
    bench.checkpoint_net()
    bench.ideal = lambda v: v
    assert bench.learning_potential() > 1

    bench.net.layers = bench.net.layers[:1]
    leak = 0
    relu = Map(
        lambda x: (x * (1 + leak / 2) + abs(x) * (1 - leak / 2)) / 2,
        lambda d: [leak, 1][1 if d > 0 else 0],
    )
    bench.net.extend(relu)
    assert bench.net.layers == (bench.net.layers[0], relu)
    bench.net.layers[0].randomize()
    bench.net.layers[0].b = [1, 1]  # both units alive
    bench.checkpoint_net()
    bench.ideal = lambda v: np.array([1, 1])
    with pytest.warns(UserWarning, match="single numbers only"):
        losses = bench.learn(200)
    assert np.mean(losses[-20:]) < np.mean(losses[:20])
