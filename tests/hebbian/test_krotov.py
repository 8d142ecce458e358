"""The rule of Krotov and Hopfield: equation 3 by hand, the authors' batch step, norms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import backend
from minigrad.errors import NotFiniteError
from minigrad.hebbian import KrotovHopfield


def currents(W, x, p):
    return np.array([(np.abs(w) ** (p - 1) * np.sign(w) * x).sum() for w in W])


def changes(W, x, p, k, delta):
    """Delta W of equation 3 with R = 1, written unit by unit."""
    I = currents(W, x, p)  # noqa: E741
    order = np.argsort(-I, kind="stable")
    g = np.zeros(len(W))
    g[order[0]], g[order[k - 1]] = 1, -delta
    return g[:, None] * (x - I[:, None] * W)


SEEDS = st.integers(0, 2**32 - 1)
NORMS = st.sampled_from([1.5, 2, 2.5, 3, 4])


@given(SEEDS, NORMS, st.integers(2, 5))
def test_online_it_is_equation_3(seed, p, k):
    rng = np.random.default_rng(seed)
    layer = KrotovHopfield(3, 5, p=p, k=k, delta=0.3, rate=0.02, rng=rng)
    W = layer.W.copy()
    for x in rng.standard_normal((4, 3)):
        np.testing.assert_allclose(layer.currents(x), currents(W, x, p), atol=1e-9)
        np.testing.assert_allclose(layer.learn(x), W @ x, atol=1e-9)
        W = W + 0.02 * changes(W, x, p, k, 0.3)
        np.testing.assert_allclose(layer.W, W, atol=1e-9)


@given(SEEDS, NORMS, st.integers(2, 5))
def test_a_batch_moves_by_its_sum_over_the_largest_of_it(seed, p, k):
    rng = np.random.default_rng(seed)
    layer = KrotovHopfield(3, 5, p=p, k=k, delta=0.3, rate=0.02, batch=4, rng=rng)
    W, x = layer.W.copy(), rng.standard_normal((10, 3))
    y = layer.learn(x)
    for part, answers in zip(np.split(x, [4, 8]), np.split(y, [4, 8]), strict=True):
        np.testing.assert_allclose(answers, part @ W.T, atol=1e-9)
        dW = sum(changes(W, row, p, k, 0.3) for row in part)
        W = W + 0.02 * dW / np.abs(dW).max()
    np.testing.assert_allclose(layer.W, W, atol=1e-9)
    assert layer.seen.tolist() == [10]


@settings(max_examples=12)
@given(SEEDS, st.sampled_from([2, 2.5, 3, 4]))
def test_a_row_that_always_wins_comes_to_p_norm_1(seed, p):
    """Where x = I w the row is c x, with c = 1 / |x|_p: the closed form of its rest."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.3, 1, 4) * rng.choice([-1, 1], 4)
    layer = KrotovHopfield(4, 2, p=p, delta=0, rate=0.1)
    layer.W = [0.2 * x, -0.2 * x]
    layer.learn(np.tile(x, (400, 1)))
    norm = (np.abs(x) ** p).sum() ** (1 / p)
    np.testing.assert_allclose(layer.W[0], x / norm, atol=1e-9)
    assert float((np.abs(layer.W[0]) ** p).sum()) == pytest.approx(1, abs=1e-8)
    np.testing.assert_allclose(layer.currents(x)[0], norm, rtol=1e-8)


@pytest.mark.parametrize("p", [2, 3])
def test_all_rows_come_to_p_norm_1_on_batches(p, rng):
    """From N(0, 1), with p-norms well above 1, no row stays behind."""
    x = np.abs(rng.standard_normal((400, 6)))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    layer = KrotovHopfield(
        6, 5, p=p, delta=0, batch=20, rate=lambda t: 0.05 * (1 - min(t, 12_000) / 12_001), rng=2
    )
    assert (np.abs(layer.W) ** p).sum(axis=1).min() > 1
    for _ in range(30):
        layer.learn(x)
    norms = (np.abs(layer.W) ** p).sum(axis=1) ** (1 / p)
    won = np.bincount(layer.currents(x).argmax(axis=1), minlength=5) > 0
    assert won.sum() >= 2
    np.testing.assert_allclose(norms[won], 1, atol=0.02)


def test_rows_that_are_neither_first_nor_kth_stay(rng):
    layer = KrotovHopfield(3, 6, k=3, batch=2, rng=1)
    W, x = layer.W.copy(), rng.standard_normal((2, 3))
    order = np.argsort(-layer.currents(x), axis=1)
    layer.learn(x)
    changed = np.flatnonzero((layer.W != W).any(axis=1))
    assert set(changed) == set(order[:, [0, 2]].ravel())


def test_the_largest_change_of_a_batch_is_the_rate(rng):
    layer = KrotovHopfield(3, 4, batch=10, rate=0.125, rng=1)
    for scale in (1e-6, 1.0, 1e6):
        W = layer.W.copy()
        layer.learn(scale * rng.standard_normal((10, 3)))
        assert np.abs(layer.W - W).max() == pytest.approx(0.125)


def test_nothing_seen_is_nothing_learned():
    for batch in (None, 2):
        layer = KrotovHopfield(3, 4, batch=batch, rng=1)
        W = layer.W.copy()
        layer.learn(np.zeros((4, 3)))
        np.testing.assert_array_equal(layer.W, W)


def test_a_rate_is_asked_for_the_first_sample_of_each_batch(rng):
    seen = []
    layer = KrotovHopfield(3, 4, batch=4, rate=lambda t: seen.append(t) or 0.1)
    layer.learn(rng.standard_normal((10, 3)))
    layer.learn(rng.standard_normal((2, 3)))
    assert seen == [1, 5, 9, 11]


@pytest.mark.parametrize("batch", [None, 7])
@pytest.mark.parametrize("p", [2, 2.5, 3])
def test_on_every_backend_and_in_float32(p, batch, spec, place, rng):
    x = rng.standard_normal((20, 4))
    here = KrotovHopfield(4, 5, p=p, k=3, batch=batch, rng=1)
    there, single = here.to(spec), here.to(spec, "float32")
    expected = here.learn(x)
    y = there.learn(backend.move(x, place))
    assert backend.place_of(y) == place
    np.testing.assert_allclose(backend.host(y), expected, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(backend.host(there.theta), here.theta, rtol=1e-9, atol=1e-11)
    single.learn(backend.move(x.astype("float32"), place))
    assert backend.dtype_name(single.W) == "float32"
    np.testing.assert_allclose(backend.host(single.theta), here.theta, rtol=1e-3, atol=1e-4)


def test_too_fast_online_it_diverges_and_is_taken_back(rng):
    layer = KrotovHopfield(4, 3, rate=2.0, rng=1)
    before = layer.theta.copy()
    with pytest.raises(NotFiniteError, match="Try a smaller rate"):
        layer.learn(rng.standard_normal((400, 4)))
    np.testing.assert_array_equal(layer.theta, before)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"k": 0}, "k, the rank of the anti-Hebbian unit, is 2 to 3, not 0"),
        ({"k": 1}, "not 1"),
        ({"k": 4}, "not 4"),
        ({"k": True}, "not True"),
        ({"p": 1}, "p, of the norm, must be a number above 1, not 1"),
        ({"p": np.inf}, "not inf"),
        ({"delta": -0.1}, "delta must be a number of at least 0, not -0.1"),
        ({"delta": np.nan}, "not nan"),
        ({"rate": 0}, "the rate must be a positive number"),
        ({"batch": 0}, "a width is a positive integer, not 0"),
    ],
)
def test_what_is_no_parameter_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        KrotovHopfield(4, 3, **options)
