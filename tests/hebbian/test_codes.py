"""Codes: winners and thresholds by hand, on every backend; batches change nothing."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from minigrad import Affinity, Network, backend
from minigrad.errors import NotFiniteError, ShapeError
from minigrad.hebbian import Codes, KrotovHopfield, encode, k_winners, soft_threshold, unit_rows

P = [[3.0, -1.0, 7.0, 5.0], [0.5, 0.5, -2.0, 0.5]]


def test_winners_keep_what_they_are_and_of_equals_the_first_win(place):
    p = backend.move(P, place)
    found = backend.host(k_winners(p, 2))
    np.testing.assert_array_equal(found, [[0, 0, 7, 5], [0.5, 0.5, 0, 0]])
    np.testing.assert_array_equal(backend.host(k_winners(p, 4)), P)
    np.testing.assert_array_equal(backend.host(k_winners(p[1, :], 1)), [0.5, 0, 0, 0])


def test_a_soft_threshold_is_the_first_loser(place):
    p = backend.move(P, place)
    found = backend.host(soft_threshold(p, 2))
    np.testing.assert_array_equal(found, [[0, 0, 4, 2], [0, 0, 0, 0]])
    np.testing.assert_array_equal(backend.host(soft_threshold(p, 3)[0, :]), [4, 0, 8, 6])
    assert backend.place_of(soft_threshold(p, 3)) == place


@given(
    p=arrays(np.float64, (3, 5), elements=st.integers(-9, 9).map(float)),
    k=st.integers(1, 4),
    c=st.integers(-50, 50),
)
def test_what_holds_for_all_codes(p, k, c):
    soft, hard = soft_threshold(p, k), k_winners(p, k)
    assert ((soft > 0).sum(axis=-1) <= k).all() and (soft >= 0).all()
    np.testing.assert_array_equal(soft_threshold(p + c, k), soft)
    assert (hard[soft > 0] == p[soft > 0]).all()  # who is above the first loser has won
    np.testing.assert_array_equal(np.sort(p, axis=-1)[:, -k:].sum(axis=-1), hard.sum(axis=-1))


@pytest.mark.parametrize("k", [0, 4, -1, 1.5, True])
def test_a_soft_threshold_needs_a_loser(k):
    with pytest.raises(ValueError, match="k must be"):
        soft_threshold(np.array(P), k)


def test_rows_of_norm_one(place):
    W = backend.host(unit_rows(backend.move([[3.0, 4.0], [0.0, 0.0], [0.0, -0.1]], place)))
    np.testing.assert_allclose(W, [[0.6, 0.8], [0, 0], [0, -1]])


@pytest.mark.parametrize("k, soft, unit", [(None, True, True), (2, True, False), (1, False, True)])
def test_a_layer_of_codes(k, soft, unit, spec, place, rng):
    W, x = rng.standard_normal((4, 3)), rng.standard_normal((2, 5, 3))
    codes = Codes(backend.move(W, place), k, soft, unit)
    p = x @ (W / np.linalg.norm(W, axis=1, keepdims=True) if unit else W).T
    if k is not None:
        order = np.sort(p, axis=-1)
        soft_p = np.maximum(p - order[..., 3 - k, None], 0)
        p = soft_p if soft else np.where(p >= order[..., 4 - k, None], p, 0)
    y = codes(backend.move(x, place))
    assert y.shape == (2, 5, 4) and backend.place_of(y) == place == codes.place
    np.testing.assert_allclose(backend.host(y), p, rtol=1e-12, atol=1e-14)
    assert codes.trained() == [] and (codes.n, codes.m) == (3, 4)


def test_it_takes_the_weights_of_a_layer_as_they_are_and_their_float_type():
    layer = KrotovHopfield(3, 4, rng=1).to(dtype="float32")
    codes = Codes(layer, unit=False)
    np.testing.assert_array_equal(codes.W, layer.W)
    assert codes.theta.dtype == np.float32
    layer.W[0, 0] = 9
    assert codes.W[0, 0] != 9
    for twin in (pickle.loads(pickle.dumps(codes)), copy.deepcopy(codes), codes.randomize()):
        np.testing.assert_array_equal(twin.W, codes.W)


@pytest.mark.parametrize("batch", [1, 3, 7, 100])
def test_batches_change_nothing_and_the_host_may_keep_the_samples(batch, spec, place, rng):
    W, x = rng.standard_normal((4, 3)), rng.standard_normal((7, 3))
    codes = Codes(W, k=2).to(spec, "float32")
    y = encode(codes, x, batch)
    assert backend.place_of(y) == place and backend.dtype_name(y) == "float32"
    np.testing.assert_allclose(backend.host(y), Codes(W, k=2)(x), atol=1e-6)
    assert codes._y_shape is None  # it keeps nothing of the last batch
    np.testing.assert_array_equal(backend.host(encode(codes, x.tolist(), batch)), backend.host(y))


def test_above_it_a_read_out_learns_and_it_stays(rng):
    codes = Codes(rng.standard_normal((4, 3)), k=2)
    net = Network(codes, Affinity(4, 2, rng=1))
    before = net.theta.copy()
    net.fit(rng.standard_normal((20, 3)), rng.standard_normal((20, 2)), epochs=1, rng=2)
    np.testing.assert_array_equal(net.theta[:12], before[:12])
    assert (net.theta[12:] != before[12:]).all()


@pytest.mark.parametrize(
    "make, kind, message",
    [
        (lambda: Codes([1.0, 2.0]), ShapeError, r"W: expected .* \(m, n\), came \(2,\)"),
        (lambda: Codes([[1.0, np.nan]]), NotFiniteError, r"W has nan at \(0, 1\)"),
        (lambda: Codes(np.eye(3), k=3), ValueError, "a soft threshold among 3 units, is 1 to 2"),
        (lambda: Codes(np.eye(3), 4, False), ValueError, "winners among 3 units, is 1 to 3, not 4"),
        (lambda: encode(Codes(np.eye(3)), np.ones(3)), ShapeError, r"\(N, n\), came \(3,\)"),
        (lambda: encode(Codes(np.eye(3)), np.ones((0, 3))), ShapeError, r"came \(0, 3\)"),
        (lambda: encode(Codes(np.eye(3)), np.ones((2, 4))), ShapeError, "4 features, expected 3"),
        (lambda: encode(Codes(np.eye(3)), np.ones((2, 3)), 0), ValueError, "batch must be"),
        (lambda: Codes(np.eye(3)).backprop(np.ones(3)), TypeError, "no backprop"),
    ],
)
def test_what_is_no_code_is_refused(make, kind, message):
    with pytest.raises(kind, match=message):
        make()
