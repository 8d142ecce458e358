"""The sparse layer against the formulas of the seed, written densely."""

import pickle

import numpy as np
import pytest

from minigrad import Network, backend
from minigrad.errors import NotFiniteError
from minigrad.hebbian.sparse import SparseLayer

SEED = 0.5 * 8**0.5  # the lateral weight of the seed's coefficient, at radius 1


def dense(W, x, near, k, rate):
    """The seed's loop, sample by sample; W afterwards, the codes, the winners."""
    W = W.copy()
    lateral = near / np.linalg.norm(near, axis=1, keepdims=True) * 0.5 + np.eye(len(W))
    codes, sets = [], []
    for v in x:
        p = W @ v
        winners = np.argsort(lateral @ p)[-k:]
        a = np.zeros_like(p)
        a[winners] = p[winners]
        r = W.T @ a
        W += W * a[:, None] * ((v - r) / np.maximum(r, 1e-10))[None, :] * rate
        codes.append(a / W.sum(axis=1))
        sets.append(set(winners.tolist()))
    return W, np.array(codes), sets


def sparse_frames(rng, count, n):
    return rng.random((count, n)) * (rng.random((count, n)) < 0.6)


def layer_at(spec="numpy", n=7, **options):
    layer = SparseLayer(n, (4, 5), **{"k": 3, "radius": 1, "lateral": SEED, "rng": 3, **options})
    return layer.to(spec)


@pytest.mark.parametrize("plain", ["", "1"])
def test_it_is_the_seeds_rule(spec, plain, monkeypatch, rng):
    monkeypatch.setenv("MINIGRAD_PLAIN", plain)
    layer = layer_at(spec, rate=0.05)
    x = sparse_frames(rng, 40, 7)
    W, codes, sets = dense(backend.host(layer.W), x, layer.torus.matrix(), 3, 0.05)
    y = backend.host(layer.learn(backend.move(x, layer.place)))
    np.testing.assert_allclose(y, codes, atol=1e-14)
    np.testing.assert_allclose(backend.host(layer.W), W, atol=1e-14)
    assert [set(np.flatnonzero(row).tolist()) for row in y] == sets
    np.testing.assert_array_equal(backend.host(layer.wins), (codes > 0).sum(axis=0))


def test_the_code_is_that_of_the_rule_without_learning(spec, rng):
    layer = layer_at(spec)
    x, before = rng.random((2, 3, 7)), backend.host(layer.theta).copy()
    W = backend.host(layer.W)
    y = backend.host(layer(backend.move(x, layer.place)))
    c = x @ W.T @ (np.eye(20) + SEED / 8 * layer.torus.matrix())
    winners = c >= np.sort(c, axis=-1)[..., -3:-2]
    np.testing.assert_allclose(y, winners * (x @ W.T) / W.sum(axis=1), atol=1e-15)
    np.testing.assert_array_equal(backend.host(layer.theta), before)
    one = backend.host(layer(backend.move(x[1, 2], layer.place)))
    np.testing.assert_allclose(one, y[1, 2], atol=1e-15)


def test_a_repeated_sample_is_reconstructed(rng):
    layer, v = layer_at(rate=0.2), rng.random(7) + 0.1
    with pytest.warns(UserWarning, match="only 3 of 20 units have ever won"):
        layer.learn(np.tile(v, (400, 1)))
    a = layer.activity(layer.W @ v)
    np.testing.assert_allclose(layer.W.T @ a, v, rtol=1e-9)


def test_the_learned_rows_stand_in_any_leading_axes(rng):
    x = rng.random((2, 3, 7))
    a, b = layer_at(), layer_at()
    np.testing.assert_array_equal(a.learn(x).reshape(6, 20), b.learn(x.reshape(6, 7)))
    np.testing.assert_array_equal(a.theta, b.theta)


@pytest.mark.parametrize("plain", ["", "1"])
@pytest.mark.parametrize("scale", [1.0, 40.0, 1e4])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_weights_stay_at_or_above_the_floor(plain, scale, dtype, monkeypatch, rng):
    """rate * activity far above 1 would make them negative, and exact zeros would never return."""
    monkeypatch.setenv("MINIGRAD_PLAIN", plain)
    layer = layer_at(rate=0.5).to(dtype=dtype)
    layer.W[:, 2] = 0.0
    x = (scale * sparse_frames(rng, 200, 7)).astype(dtype)
    layer.learn(x)
    assert layer.W.min() >= np.array(1e-12, dtype) and np.isfinite(layer.W).all()


def test_a_weight_at_the_floor_recovers(rng):
    layer = layer_at(rate=0.2, lateral=0)
    layer.W = layer.W * (np.arange(7) != 2)
    layer.learn(sparse_frames(rng, 100, 7))
    assert layer.W[:, 2].max() > 0.01


@pytest.mark.parametrize("plain", ["", "1"])
def test_blank_and_even_samples_do_no_harm(plain, monkeypatch):
    monkeypatch.setenv("MINIGRAD_PLAIN", plain)
    layer = layer_at()
    before = layer.theta.copy()
    np.testing.assert_array_equal(layer.learn(np.zeros((3, 7))), np.zeros((3, 20)))
    np.testing.assert_array_equal(layer.theta, before)
    assert np.isfinite(layer.learn(np.full((5, 7), 0.7))).all()
    assert np.isfinite(layer(np.zeros(7))).all()


def test_bad_samples_are_refused_before_anything_is_learned(spec, rng):
    layer = layer_at(spec)
    before = backend.host(layer.theta).copy()
    good = rng.random((4, 7))
    for value, error, message in (
        (-0.5, ValueError, "samples of at least 0; the least is -0.5"),
        (np.nan, NotFiniteError, r"nan at \(2, 3\)"),
        (np.inf, NotFiniteError, "inf"),
    ):
        x = good.copy()
        x[2, 3] = value
        with pytest.raises(error, match=message):
            layer.learn(backend.move(x, layer.place))
    with pytest.raises(ValueError, match="has 6 features, expected 7"):
        layer.learn(backend.move(good[:, :6], layer.place))
    np.testing.assert_array_equal(backend.host(layer.theta), before)
    layer.W[0, 0] = -1.0
    with pytest.raises(ValueError, match="weights of at least 0; the least is -1"):
        layer.learn(backend.move(good, layer.place))


@pytest.mark.parametrize("rate", [0, -1.0, np.nan, np.inf])
def test_a_rate_is_positive(rate):
    with pytest.raises(ValueError, match="a rate is a positive number"):
        SparseLayer(4, 3, k=1, rate=rate)


def test_it_starts_as_the_seed_does_or_from_samples(rng):
    W = SparseLayer(30, (8, 9), rng=1).W
    assert 0 <= W.min() < 0.001 and 0.199 < W.max() < 0.2 and W.shape == (72, 30)
    np.testing.assert_array_equal(W, np.random.default_rng(1).uniform(0, 0.2, (72, 30)))
    rows = rng.random((5, 4))
    found = SparseLayer(4, 3, k=1, start=rows, rng=1).W
    assert all((row == rows).all(axis=1).any() for row in found)


def test_it_is_continued_after_a_trip(rng):
    x = sparse_frames(rng, 30, 7)
    whole, part = layer_at(), layer_at()
    whole.learn(x[:17]), whole.learn(x[17:])
    part.learn(x[:17])
    part = pickle.loads(pickle.dumps(part))
    part.learn(x[17:])
    np.testing.assert_array_equal(whole.theta, part.theta)
    assert Network(part)(x).shape == (30, 20)
