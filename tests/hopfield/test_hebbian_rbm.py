"""The Hebbian machine: the rule of the origin written out, its collapse, and who may move it."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import Affinity, Map, Network, backend
from minigrad.data import digits
from minigrad.hopfield import RBM, HebbianRBM, HopfieldNetwork, flips
from minigrad.optimizers import GradientDescent

N, HIDDEN = 5, 3


def patterns(n, count, seed=0):
    return np.where(np.random.default_rng(seed).random((count, n)) < 0.5, -1.0, 1.0)


def images(count):
    """Digits of 14 x 14 pixels in signs: alike, as the origin's are."""
    x = digits()[0].x[:count].reshape(count, 14, 2, 14, 2).mean(axis=(2, 4))
    return np.where(x > 0.3, 1.0, -1.0).reshape(count, 196)


def by_hand(W, b, a, batches, rate):
    """The origin's rule, sample by sample; a visible unit without a field keeps its sign."""
    W, b, a = W.copy(), b.copy(), a.copy()

    def sign(h, otherwise):
        return np.where(h > 0, 1.0, np.where(h < 0, -1.0, otherwise))

    for batch in batches:
        dW, db, da = np.zeros_like(W), np.zeros_like(b), np.zeros_like(a)
        for x1 in batch:
            z1 = sign(W @ x1 + b, 1.0)
            x2 = sign(W.T @ z1 + a, x1)
            z2 = sign(W @ x2 + b, 1.0)
            dW += np.outer(z1, x1) - np.outer(z2, x2)
            db += z1 - z2
            da += x1 - x2
        W, b, a = W + rate * dW, b + rate * db, a + rate * da
    return W, b, a


@pytest.mark.parametrize("rate", [1.0, 0.125, 1 / 1280])
def test_the_rule_is_the_origins(rate, spec):
    memory = HebbianRBM(HIDDEN, N, rate, rng=4).to(spec)
    start = [backend.host(backend.copy(w)) for w in (memory.W, memory.b, memory.a)]
    assert set(np.unique(start[0])) == {-1.0, 1.0} and not start[1].any() and not start[2].any()
    x = patterns(N, 4)
    history = HopfieldNetwork(memory).learn(
        backend.move(x, memory.place), epochs=7, optimizer=GradientDescent(memory.rate), rng=1
    )
    expected = by_hand(*start, [x] * 7, rate)
    for came, w in zip((memory.W, memory.b, memory.a), expected, strict=True):
        np.testing.assert_allclose(backend.host(came), w, rtol=1e-12, atol=1e-14)
    assert len(history.step_loss) == 7 and 0 <= min(history.loss) <= max(history.loss) <= 1
    assert (backend.host(memory.W) != start[0]).any()


def test_batches_and_the_share_of_wrong_units():
    memory, x = HebbianRBM(HIDDEN, N, 0.25, rng=4), patterns(N, 4)
    W, b, a = memory.W.copy(), memory.b.copy(), memory.a.copy()
    history = HopfieldNetwork(memory).learn(x, epochs=1, batch=3, rng=np.random.default_rng(8))
    order = np.random.default_rng(8).permutation(4)
    expected = by_hand(W, b, a, [x[order[:3]], x[order[3:]]], 0.25)
    np.testing.assert_allclose(memory.W, expected[0])
    memory.W, memory.b, memory.a = W, b, a
    wrong = (memory(x[order[:3]]) != x[order[:3]]).mean()
    assert history.step_loss[0] == pytest.approx(wrong)
    assert history.loss[0] == pytest.approx(0.75 * wrong + 0.25 * history.step_loss[1])


def test_a_noisy_start_is_taught_to_see_the_pattern():
    memory, x = HebbianRBM(HIDDEN, N, rng=4), patterns(N, 4)
    seen = flips(x, 0.4, 1)
    memory.zero_grad()
    assert memory.rule(seen, x, None) == (memory(seen) != x).mean()
    y, step = memory(seen), memory.step
    dW = step(y @ memory.W.T).T @ y - step(x @ memory.W.T).T @ x
    np.testing.assert_array_equal(memory.dW, dW)
    np.testing.assert_array_equal(memory.da, (y - x).sum(axis=0))


@pytest.mark.parametrize("c", [4.0, 1 / 64])  # powers of 2 keep every tie a tie
def test_only_rate_over_scale_matters(c):
    x = images(10)
    one, other = (HopfieldNetwork(HebbianRBM(20, rate=s / 320, scale=s, rng=0)) for s in (1.0, c))
    losses = [net.learn(x, 30, rng=2).loss for net in (one, other)]
    assert losses[0] == losses[1] and losses[0][0] != losses[0][-1]
    np.testing.assert_array_equal(other.theta, c * one.theta)
    starts = flips(x, 0.2, 3)
    np.testing.assert_array_equal(one.recall(starts).state, other.recall(starts).state)


def test_at_the_origins_rate_all_becomes_one_and_a_small_one_stores():
    x = images(20)
    ends = {}
    for rate in (1.0, 1 / 320):
        net = HopfieldNetwork(HebbianRBM(100, rate=rate))
        net.learn(x, 200, rng=0)
        ends[rate] = net.recall(x)
    assert not ends[1.0].exact.any() and len(np.unique(ends[1.0].state, axis=0)) <= 3
    assert ends[1 / 320].exact.mean() >= 0.7 and ends[1 / 320].rises == 0


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), epochs=st.integers(1, 5))
def test_recall_lowers_the_energy_and_rests(seed, epochs):
    net = HopfieldNetwork(HebbianRBM(HIDDEN, rate=0.1))
    net.learn(patterns(N, 3, seed), epochs, rng=seed)
    every = np.array(list(itertools.product((-1.0, 1.0), repeat=N)))
    for update in ("synchronous", "asynchronous"):
        recall = net.recall(every, update, rng=seed)
        assert recall.promise and recall.rises == 0 and (recall.ended == "fixed point").all()


# --- who may move it ------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
def test_no_gradient_moves_it_and_its_rule_does(bias, rng):
    memory, x = HebbianRBM(HIDDEN, N, 0.1, bias=bias, rng=1), patterns(N, 4)
    inner = HopfieldNetwork(memory)
    net = Network(Affinity(4, N, rng=2), inner.memory.__class__(HIDDEN, N, rng=3), Affinity(N, 2))
    assert net.trained() == [(0, 25), (48, 60)]
    kept, given_ = net.theta.copy(), rng.standard_normal((6, 4))
    net.fit(given_, rng.standard_normal((6, 2)), epochs=2, rng=1)
    np.testing.assert_array_equal(net.theta[25:48], kept[25:48])
    assert (net.theta[:20] != kept[:20]).any() and (net.theta[48:] != kept[48:]).any()

    optimizer = GradientDescent(0.1)
    for epochs in (2, 3):  # it may be taught again, by the same optimizer too
        before = memory.theta.copy()
        inner.learn(x, epochs, optimizer=optimizer, rng=1)
        assert (memory.theta != before).any() and not inner.trained()
        assert bias or not memory.theta[HIDDEN * N :].any()
    assert memory.frozen == {"W", "b", "a"}


def test_frozen_again_whatever_happens(monkeypatch):
    memory = HebbianRBM(HIDDEN, N, rng=1)
    net, start = HopfieldNetwork(memory), memory.theta.copy()

    def fails(seen, x, rng):
        assert memory.trained() == [(0, memory.theta.size)]
        raise KeyboardInterrupt

    monkeypatch.setattr(memory, "rule", fails)
    with pytest.warns(UserWarning, match="keeps what it learned"):
        history = net.learn(patterns(N, 2), 3, rng=1)
    assert history.stopped == "interrupted after step 0"
    assert not memory.trained()
    np.testing.assert_array_equal(memory.theta, start)


def test_a_frozen_machine_is_not_moved_by_contrastive_divergence():
    memory = RBM(HIDDEN, N, rng=1).freeze("b")
    memory.b = [1.0, 2.0, 3.0]
    W = memory.W.copy()
    HopfieldNetwork(memory).learn(patterns(N, 3), 4, rng=1)
    assert memory.b.tolist() == [1, 2, 3] and (W != memory.W).any() and memory.frozen == {"b"}


def test_it_begins_with_the_width_of_the_patterns_and_travels():
    net = Network(HopfieldNetwork(HebbianRBM(HIDDEN)), Map("tanh"))
    inner = net.layers[0]
    inner.learn(patterns(6, 3), 2, rng=1)
    assert inner.memory.W.shape == (HIDDEN, 6) and not net.trained()
    twin = pickle.loads(pickle.dumps(inner))
    np.testing.assert_array_equal(twin.theta, inner.theta)
    twin.learn(patterns(6, 3), 2, rng=1)
    inner.memory.forget()
    inner.learn(patterns(4, 2), 2, rng=1)
    assert inner.memory.W.shape == (HIDDEN, 4) and not net.trained()


def test_bad_requests_are_refused():
    for bad in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="rate: expected a number above 0"):
            HebbianRBM(HIDDEN, rate=bad)
        with pytest.raises(ValueError, match="scale: expected a number above 0"):
            HebbianRBM(HIDDEN, scale=bad)
    net = HopfieldNetwork(HebbianRBM(HIDDEN, N, rng=1))
    for loss in ("mae", "contrastive divergence"):
        with pytest.raises(ValueError, match="expected one of \\('hebbian',\\)"):
            net.learn(patterns(N, 2), loss=loss)
    with pytest.raises(ValueError, match="epochs must be"):
        net.learn(patterns(N, 2), epochs=0)
    with pytest.raises(ValueError, match="expected -1 or 1"):
        net.learn(np.zeros((2, N)))
    assert not net.trained()
