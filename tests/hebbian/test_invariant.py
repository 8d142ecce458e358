"""The invariant layer against the seed's loop, and the trace against its closed form."""

import pickle

import numpy as np
import pytest

from minigrad import backend
from minigrad.hebbian.invariant import InvariantLayer


def dense(W, x, every, start=0):
    """The seed's loop: no competition, all units learn from everything; W and the trace."""
    W, io, (m, n) = W.copy(), np.zeros(len(W)), W.shape
    for i, so in enumerate(x):
        io = io + (W @ so - io) / 3
        r = W.T @ io
        zeta = np.where(so > 0, 0.08, 0.0008)
        W = W + W * io[:, None] * ((so - r) * zeta / np.maximum(r, 1e-10))[None, :]
        if i % every == 0:
            W = n / m * W / W.sum(axis=1, keepdims=True)
    return W, io


def competing(W, x, c_of, k, alpha, rates):
    """The same with winners, and never renormalised."""
    W, t = W.copy(), np.zeros(len(W))
    for v in x:
        p = W @ v
        a = np.zeros(len(W))
        won = np.argsort(c_of(p))[-k:]
        a[won] = p[won]
        t = (1 - alpha) * t + alpha * a
        r = W.T @ t
        e = np.where(v > 0, rates[0], rates[1]) * (v - r) / np.maximum(r, 1e-10)
        W = W * (1 + np.outer(t, e))
    return W, t


def codes(rng, count, n=9):
    return rng.random((count, n)) * (rng.random((count, n)) < 0.4)


def layer_at(spec="numpy", **options):
    return InvariantLayer(9, (4, 3), **{"radius": 1, "k": 2, "rng": 3, **options}).to(spec)


@pytest.mark.parametrize("plain", ["", "1"])
def test_without_competition_it_is_the_seeds_loop(spec, plain, monkeypatch, rng):
    monkeypatch.setenv("MINIGRAD_PLAIN", plain)
    layer, x = layer_at(spec, k=None, lateral=0, renormalise_every=20), codes(rng, 45)
    W, io = dense(backend.host(layer.W), x, 20)
    y = layer.learn(backend.move(x, layer.place))
    np.testing.assert_allclose(backend.host(layer.W), W, rtol=1e-12)
    np.testing.assert_allclose(backend.host(layer.trace), io, rtol=1e-12)
    assert y.shape == (45, 12)
    np.testing.assert_array_equal(backend.host(layer.clock), [5, 0])


@pytest.mark.parametrize("plain", ["", "1"])
def test_the_winners_of_its_own_drive_are_traced(spec, plain, monkeypatch, rng):
    monkeypatch.setenv("MINIGRAD_PLAIN", plain)
    layer = layer_at(spec, lateral=1.5, alpha=0.4, rates=(0.3, 0.01), renormalise_every=None)
    x, near = codes(rng, 45), layer.torus.matrix()
    W, t = competing(
        backend.host(layer.W), x, lambda p: p + 1.5 / 8 * near @ p, 2, 0.4, (0.3, 0.01)
    )
    y = backend.host(layer.learn(backend.move(x, layer.place)))
    np.testing.assert_allclose(backend.host(layer.W), W, rtol=1e-12)
    np.testing.assert_allclose(backend.host(layer.trace), t, rtol=1e-12)
    seen = x.any(axis=1)
    assert ((y > 0).sum(axis=1)[seen] == 2).all()
    np.testing.assert_array_equal(backend.host(layer.wins), (y > 0).sum(axis=0))


def test_the_trace_of_a_constant_follows_1_minus_2_thirds_to_the_n(spec):
    """B4.4: for alpha = 1/3 half of it is there after 1.71 frames."""
    layer = layer_at(spec, k=None, lateral=0)
    x = np.tile(np.linspace(0.1, 1, 9), (6, 1))
    a = backend.host(layer.W) @ x[0]
    expected = (1 - (2 / 3) ** np.arange(1, 7))[:, None] * a
    found = layer.traces(backend.move(x, layer.place))
    np.testing.assert_allclose(backend.host(found), expected, rtol=1e-13)
    np.testing.assert_array_equal(backend.host(layer.trace), 0)


@pytest.mark.parametrize("plain", ["", "1"])
def test_a_reset_every_few_frames_is_a_reset_by_hand(plain, monkeypatch, rng):
    monkeypatch.setenv("MINIGRAD_PLAIN", plain)
    x = codes(rng, 23)
    alone, by_hand = layer_at(reset_every=5), layer_at()
    alone.learn(x[:12]), alone.learn(x[12:])
    for start in range(0, 23, 5):
        by_hand.reset()
        by_hand.learn(x[start : start + 5])
    np.testing.assert_allclose(alone.W, by_hand.W, rtol=1e-13)
    np.testing.assert_allclose(alone.trace, by_hand.trace, rtol=1e-13)
    never = layer_at()
    never.learn(x)
    assert abs(never.W - alone.W).max() > 1e-6


@pytest.mark.parametrize("plain", ["", "1"])
def test_rows_are_renormalised_after_the_first_frame_and_every_so_many(plain, monkeypatch, rng):
    monkeypatch.setenv("MINIGRAD_PLAIN", plain)
    layer, x = layer_at(renormalise_every=4, rates=(0.5, 0.1)), codes(rng, 9)
    sums = []
    for frame in x:
        layer.learn(frame)
        sums.append(np.allclose(layer.W.sum(axis=1), 9 / 12, rtol=1e-12))
    assert sums == [True, False, False, False, True, False, False, False, True]


def test_it_goes_on_from_what_it_carries(rng):
    x = codes(rng, 40)
    options = {"renormalise_every": 7, "reset_every": 6}
    whole, part = layer_at(**options), layer_at(**options)
    whole.learn(x)
    part.learn(x[:17])
    other = layer_at(**options)
    other.theta = pickle.loads(pickle.dumps(part)).theta
    other.learn(x[17:])
    np.testing.assert_allclose(other.theta, whole.theta, rtol=1e-13)


def test_what_follows_in_time_is_bound_together():
    """Two objects of four views each, that come one after the other: a unit answers to one."""
    rng = np.random.default_rng(5)
    layer = InvariantLayer(8, 2, k=1, lateral=0, rates=(0.3, 0.03), renormalise_every=50, rng=1)
    views = np.eye(8) + 0.01
    for _ in range(150):
        for thing in rng.permutation(2):
            layer.reset()
            layer.learn(views[4 * thing + rng.permutation(4).repeat(2)])
    won = layer(views).argmax(axis=1)
    assert len(set(won[:4])) == 1 and len(set(won[4:])) == 1 and won[0] != won[4]


@pytest.mark.parametrize("plain", ["", "1"])
def test_traces_and_weights_end_in_no_denormal_numbers(plain, monkeypatch, rng):
    monkeypatch.setenv("MINIGRAD_PLAIN", plain)
    layer = layer_at(rates=(0.9, 0.5), renormalise_every=None).to(dtype="float32")
    layer.learn((3 * codes(rng, 300)).astype("f4"))
    layer.learn(np.zeros((150, 9), "f4"))
    np.testing.assert_array_equal(layer.trace, 0)
    assert layer.W.min() >= np.float32(1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 0}, "alpha lies above 0 and up to 1, not 0"),
        ({"alpha": 1.1}, "alpha lies above 0"),
        ({"rates": (0.1, -0.1)}, "rates are numbers of at least 0"),
        ({"rates": (np.nan, 0.1)}, "rates are numbers of at least 0"),
        ({"renormalise_every": 0}, "renormalise_every must be a whole number"),
        ({"reset_every": 0}, "reset_every must be a whole number"),
        ({"k": 0}, "k must be a whole number"),
        ({"k": 13}, "k is 13"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        layer_at(**options)
    with pytest.raises(TypeError, match="rates are a pair"):
        layer_at(rates=0.1)
    with pytest.raises(ValueError, match="samples of at least 0"):
        layer_at().learn([-1.0] * 9)
