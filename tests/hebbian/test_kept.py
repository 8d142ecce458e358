"""What a hostile reader found: runs through whole networks, other settings, equal starts, ends."""

import numpy as np
import pytest

from minigrad import Map, Network, Residual
from minigrad.errors import FormatError
from minigrad.hebbian import (
    Competitive,
    InvariantLayer,
    Oja,
    Run,
    SparseLayer,
    Torus,
    centred,
    controls,
)
from minigrad.hopfield import HopfieldNetwork, Softmax

X = np.random.default_rng(1).random((60, 12))
STORED = np.eye(12)[:4]


def test_a_network_with_a_forward_of_its_own_stays_whole_in_a_run():
    recall = HopfieldNetwork(Softmax(2.0), max_steps=2).store(STORED)
    oja, alone = Oja(12, 2, rng=1), Oja(12, 2, rng=1)
    run = Run([recall, oja], centred(X, rng=2), block=20)
    run(60)
    alone.learn(recall(centred(X, rng=2).take(60)))
    assert run.layers == (recall, oja)
    np.testing.assert_allclose(oja.W, alone.W, rtol=1e-12)
    assert len(Run(Network(Map("tanh"), Oja(12, 2)), centred(X)).layers) == 2
    with pytest.raises(TypeError, match="a local rule in it"):
        Run([Residual(Oja(12, 12))], centred(X))


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    def run(**how):
        return Run(SparseLayer(12, (5, 6), rng=1, **how), centred(X, rng=2))

    run(k=3)(60).save(tmp_path / "run.npz")
    for how in ({"k": 4}, {"k": 3, "lateral": 0.5}):
        with pytest.raises(FormatError, match="another run"):
            run(**how).load(tmp_path / "run.npz")
    assert run(k=3).load(tmp_path / "run.npz").seen == 60


def test_what_was_learned_is_written_whatever_ends_the_run(tmp_path):
    path = tmp_path / "run.npz"

    def fails(run):
        if run.seen >= 40:
            raise RuntimeError("a picture failed")

    run = Run(Oja(12, 2, rng=1), centred(X, rng=2), block=20, path=path, callback=fails)
    with pytest.raises(RuntimeError):
        run(60)
    assert Run(Oja(12, 2, rng=1), centred(X, rng=2)).load(path).seen == 40
    with pytest.raises(FileNotFoundError, match="no folder"):
        Run(Oja(12, 2), centred(X), path=tmp_path / "absent" / "run.npz")


def test_a_layer_that_is_mostly_dead_is_reported():
    far = lambda rng, shape: 50 * rng.standard_normal(shape)  # noqa: E731
    layer = Competitive(12, 30, start=far, rng=1)  # the one that is nearest wins it all
    with pytest.warns(UserWarning, match="of its units never won in 300 frames"):
        Run(layer, centred(X, rng=2))(300)


def test_equal_samples_are_drawn_once():
    twice = np.repeat(X[:30], 20, axis=0)
    layer = InvariantLayer(12, 20, start=twice, rng=1)
    assert len(np.unique(layer.W, axis=0)) == 20


def test_samples_as_weights_have_the_lengths_of_what_was_learned():
    layer, seen = SparseLayer(12, (5, 6), k=3, rng=1), []
    layer.learn(X)
    bright = X * np.linspace(0.1, 10, 60)[:, None]
    controls(lambda each: seen.append(each.W.copy()) or 0.0, layer, bright, rng=2)
    lengths = [np.linalg.norm(W, axis=1) for W in seen]
    np.testing.assert_allclose(lengths[0], lengths[2], rtol=1e-9)


def test_a_torus_of_ones_own_gets_the_plain_steps():
    class Still(Torus):
        def sum(self, p):
            return 0 * p

    layer, alone = SparseLayer(12, (5, 6), k=3, rng=1), SparseLayer(12, (5, 6), 3, lateral=0, rng=1)
    layer.torus = Still((5, 6))
    np.testing.assert_allclose(layer.learn(X), alone.learn(X), rtol=1e-9)
