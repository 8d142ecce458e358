"""The modern Hopfield network: closed forms, Bayes by enumeration, and an energy that falls."""

import itertools
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import backend, gradient_check
from minigrad.errors import ShapeError
from minigrad.hopfield import (
    Asynchronous,
    Continuous,
    HopfieldNetwork,
    Memory,
    Softmax,
    Stochastic,
    decoder,
    flips,
)
from minigrad.optimizers import Adam

codings = pytest.mark.parametrize("coding", ["signs", "bits"])


def close(a, b, **tolerance):
    np.testing.assert_allclose(backend.host(a), backend.host(b), **tolerance)


def same(a, b):
    np.testing.assert_array_equal(backend.host(a), backend.host(b))


def signs(seed, *shape):
    return np.random.default_rng(seed).choice([-1.0, 1.0], shape)


def coded(coding, s):
    return (1 + s) / 2 if coding == "bits" else s


def all_states(n):
    return np.array(list(itertools.product([-1.0, 1.0], repeat=n)))


def attention(X, x, beta):
    w = np.exp(beta * x @ X.T)
    return w / w.sum(axis=-1, keepdims=True)


def energy(X, x, beta):
    lse = np.logaddexp.reduce(beta * x @ X.T, axis=-1) / beta
    M2 = (X**2).sum(axis=1).max()
    return -lse + (x * x).sum(axis=-1) / 2 + np.log(len(X)) / beta + M2 / 2


@pytest.mark.parametrize("coding", ["real", "signs", "bits"])
def test_a_step_is_attention_with_keys_and_values_alike(spec, coding, rng):
    place, X = backend.place(spec), signs(1, 4, 3)
    memory = Softmax(0.7, coding).to(spec).store(backend.move(coded(coding, X), place))
    s = rng.normal(size=(2, 5, 3))
    x = backend.move(coded(coding, s), place)
    close(memory.weights(x), attention(X, s, 0.7), rtol=1e-13)
    close(memory(x), coded(coding, attention(X, s, 0.7) @ X), rtol=1e-12, atol=1e-14)
    close(memory.energy(x), energy(X, s, 0.7), rtol=1e-12, atol=1e-13)
    close(memory.energy(x, memory.field(x)), memory.energy(x))
    same(memory.weights(x[0, 0, :]), memory.weights(x)[0, 0, :])
    with pytest.raises(ShapeError, match="expected 3"):
        memory.weights([1.0, 2.0])


def test_the_weight_of_ones_own_among_orthogonal_patterns():
    for N, M2, beta in ((4, 9.0, 0.1), (6, 4.0, 0.5), (3, 25.0, 0.2)):
        X = np.sqrt(M2) * np.linalg.qr(np.random.default_rng(N).normal(size=(8, N)))[0].T
        own = np.diag(Softmax(beta).store(X).weights(X))
        close(own, 1 / (1 + (N - 1) * np.exp(-beta * M2)), rtol=1e-12)


def test_a_small_beta_gives_the_mean_and_a_large_one_the_nearest(rng):
    X, x = rng.normal(size=(5, 4)), rng.normal(size=(7, 4))
    close(Softmax(1e-9).store(X)(x), np.tile(X.mean(axis=0), (7, 1)), atol=1e-8)
    same(Softmax(1e6).store(X)(x), X[(x @ X.T).argmax(axis=1)])
    tiny = Softmax(1e-9).store(X)  # lse - ln(p)/beta is the mean overlap then, to its last digits
    plain = -(x @ X.mean(axis=0)) + ((x * x).sum(axis=1) + (X * X).sum(axis=1).max()) / 2
    close(tiny.energy(x), plain, atol=1e-7)


@pytest.mark.parametrize("coding", ["real", "signs"])
def test_random_signs_are_recovered_in_a_step_or_slide_into_a_mixture(coding):
    """15 % of 64 units: 10 of each pattern, or each unit by chance, when a row may lose more."""
    rng = np.random.default_rng(3)
    X = rng.choice([-1.0, 1.0], (1000, 64))
    hit = rng.random(X.shape).argsort(axis=1) < 10
    ten, some = np.where(hit, -X, X), np.where(rng.random(X.shape) < 0.15, -X, X)
    for beta in (0.25, 0.5, 1.0):
        memory = Softmax(beta, coding).store(X)
        assert ((memory(ten) > 0) == (X > 0)).all(axis=1).mean() >= 0.98
        assert ((memory(some) > 0) == (X > 0)).mean() >= 0.98
    memory = Softmax(0.125).store(X)
    for _ in range(4):
        ten = memory(ten)
    assert ((ten > 0) == (X > 0)).all(axis=1).sum() == 0


def test_patterns_at_equal_overlaps_are_a_tie():
    """Of two that speak as loud, a third, e^-42 as loud, is lost in the rounding of some sums."""
    X = signs(120, 4, 7)
    x = np.array([[1.0, 1.0, 1.0, -1.0, 1.0, -1.0, -1.0]])
    assert (x @ X.T)[0, :2].tolist() == [3.0, 3.0]
    memory = Softmax(7.0, "signs").store(X)
    alike = X[0] == X[1]
    same(memory.answer(memory.field(x), x), np.where(alike, X[0], x))
    r = HopfieldNetwork(memory, "asynchronous").recall(x, rng=1)
    assert r.ended[0] == "fixed point" and r.steps[0] == 0


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 9999),
    st.integers(1, 6),
    st.integers(2, 9),
    st.floats(1e-4, 50.0),
    st.sampled_from(["real", "signs", "bits"]),
)
def test_the_energy_never_rises_and_is_bounded(seed, p, n, beta, coding):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(p, n)) if coding == "real" else signs(seed, p, n)
    x = rng.normal(size=(6, n)) if coding == "real" else signs(seed + 1, 6, n)
    size = (X * X).sum(axis=1).max()
    inside = x * np.minimum(1, np.sqrt(size / (x * x).sum(axis=1)))[:, None]
    memory = Softmax(beta, coding).store(coded(coding, X))
    assert (memory.energy(coded(coding, 3 * x)) >= -1e-12 * size).all()
    E = memory.energy(coded(coding, inside))
    assert (-1e-12 * size <= E).all() and (2 * size + 1e-12 * size >= E).all()
    net, x = HopfieldNetwork(memory), coded(coding, x)
    updates = ["synchronous", Continuous(rtol=1e-7)]
    if coding != "real":
        updates += ["asynchronous", Asynchronous(fraction=0.4)]
    for update in updates:
        r = net.recall(x, update, max_steps=12, rng=seed)
        assert r.promise and r.rises == 0
        if update == "synchronous" and coding == "real":
            assert (np.diff(r.energy, axis=0) <= 1e-9 * size).all()
        if update == "asynchronous":
            assert (r.ended == "fixed point").all()


@codings
def test_of_signs_whichever_units_move_the_energy_falls(coding):
    """All states, all sets of units."""
    s, memory = all_states(4), Softmax(0.4, coding).store(coded(coding, signs(5, 3, 4)))
    v = coded(coding, s)
    E, y = memory.energy(v), memory.answer(memory.field(v), v)
    for units in itertools.product([False, True], repeat=4):
        assert (memory.energy(np.where(units, y, v)) <= E + 1e-13).all()
    assert Softmax().promise("stochastic") == ""


@pytest.mark.parametrize("coding", ["real", "signs", "bits"])
def test_continuous_time_descends_its_own_energy(spec, coding, rng):
    place, X = backend.place(spec), signs(6, 3, 4)
    memory = Softmax(0.6, coding).to(spec).store(backend.move(coded(coding, X), place))
    gain, h = (1.0 if coding == "real" else 1.7), 1e-6
    s = rng.uniform(-0.9, 0.9, (5, 4))
    x = coded(coding, s)
    if coding == "real":  # x' = y - x, the flow of E itself
        close(memory.flow_energy(backend.move(x, place), 1.0), energy(X, s, 0.6), rtol=1e-12)
    slope = np.empty((5, 4))
    for i in range(4):
        ahead, behind = (
            memory.flow_energy(backend.move(x + d * np.eye(4)[i], place), gain) for d in (h, -h)
        )
        slope[:, i] = backend.host(ahead - behind) / (2 * h)
    flow = backend.host(memory.flow(backend.move(x, place)))
    inverse = {"real": x, "signs": np.arctanh(s), "bits": 2 * np.arctanh(s)}[coding]
    close(slope, inverse / gain - flow, rtol=1e-5, atol=1e-7)
    net = HopfieldNetwork(memory, "continuous")
    r = net.recall(backend.move(x[:2], place))
    assert r.rises == 0 and (r.ended == "fixed point").all()


@codings
@pytest.mark.parametrize("rate", [0.05, 0.3, 0.45])
def test_the_decoder_is_bayes(coding, rate):
    """The mean given what was seen, pattern by pattern, unit by unit; its signs err the least."""
    X, s = signs(7, 4, 5), all_states(5)
    likely = np.where(s[:, None, :] == X, 1 - rate, rate).prod(axis=-1)  # (states, patterns)
    given_ = likely / likely.sum(axis=1, keepdims=True)
    memory = decoder(coded(coding, X), rate, coding)
    close(memory.weights(coded(coding, s)), given_, rtol=1e-11)
    close(memory(coded(coding, s)), coded(coding, given_ @ X), rtol=1e-10, atol=1e-12)

    def wrong(answer):
        """Units wrong on average, over patterns and what is seen of them."""
        return (likely[:, :, None] * (answer[:, None, :] != X)).sum() / len(X) / 5

    end = HopfieldNetwork(memory).recall(coded(coding, s), max_steps=1).state
    best = wrong(memory.coding.to_signs(end))
    exact = np.minimum(likely @ (X > 0), likely @ (X < 0)).sum() / len(X) / 5
    assert best == pytest.approx(exact, rel=1e-12)
    assert best <= wrong(s) + 1e-12 and best <= wrong(X[likely.argmax(axis=1)]) + 1e-12


@pytest.mark.parametrize("coding", ["real", "signs", "bits"])
def test_gradients(coding):
    memory = Softmax(0.7, coding).store(coded(coding, signs(8, 3, 4)))
    assert gradient_check(memory, rng=1).passed
    memory.X = np.random.default_rng(1).normal(size=(3, 4))
    assert gradient_check(memory.unfreeze(), rng=2).passed
    net = HopfieldNetwork(Softmax(0.7, coding, rows=2), "continuous")
    net.memory.begin(coded(coding, signs(8, 3, 4)), np.random.default_rng(2))
    assert gradient_check(net.memory, rng=3).passed


def test_gradients_through_a_whole_recall(rng):
    memory = Softmax(0.8).store(rng.normal(size=(3, 4)))
    for steps in (1, 3):
        net = HopfieldNetwork(memory.to(), max_steps=steps)
        net.memory.unfreeze()
        assert gradient_check(net, rng=3).passed


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_overflow_and_no_numbers_too_small_to_be_fast(spec, dtype):
    place, X = backend.place(spec), signs(9, 20, 1024).astype(dtype)
    x = flips(backend.move(X, place), 0.2, rng=1)
    memory = Softmax().to(spec, dtype).store(backend.move(X, place))
    least = np.finfo(dtype).tiny ** 0.5
    for beta in (0.02, 0.05, 0.12, 0.7, 1e6):  # the last: overlaps of 1e9
        memory.beta = beta
        with warnings.catch_warnings(), np.errstate(over="raise", invalid="raise", divide="raise"):
            warnings.simplefilter("error")
            w, E = backend.host(memory.weights(x)), backend.host(memory.energy(x))
            y = backend.host(memory(x))
        assert np.isfinite(E).all() and np.isfinite(y).all() and w.dtype == dtype
        assert ((w == 0) | (w >= least / 20)).all()
        z = beta * (backend.host(x).astype(float) @ X.T.astype(float))
        plain = np.exp(z - z.max(axis=1, keepdims=True))
        plain /= plain.sum(axis=1, keepdims=True)
        close(w, plain, atol=3e-5 if dtype == "float32" else 1e-13)


@codings
def test_a_sweep_is_the_plain_sweep(spec, coding, rng):
    place = backend.place(spec)
    memory = Softmax(0.3, coding).to(spec)
    memory.store(backend.move(coded(coding, signs(10, 4, 9)), place))
    x = backend.move(coded(coding, signs(11, 6, 9)), place)
    noise, order = backend.move(rng.normal(size=(6, 9)), place), rng.permutation(9).tolist()
    kept = backend.copy(x)
    for n in (None, noise):
        fast, plain = memory.sweep(x, order, n), Memory.sweep(memory, x, order, n)
        same(fast, plain)
        assert (backend.host(fast) != backend.host(kept)).any()
    same(x, kept)


def test_bits_answer_as_signs_do():
    X, s = signs(12, 5, 12), signs(13, 8, 12)
    one, two = Softmax(0.2, "signs").store(X), Softmax(0.2, "bits").store((1 + X) / 2)
    v = (1 + s) / 2
    same(two.X, X)
    same(two.field(v), 2 * one.field(s))
    same(two.energy(v), one.energy(s))
    for update in ("synchronous", "asynchronous", Stochastic(0.3)):
        a, b = (
            HopfieldNetwork(m, update).recall(x, max_steps=8, rng=1)
            for m, x in ((one, s), (two, v))
        )
        same(b.state, (1 + a.state) / 2)
        same(b.energy, a.energy)
    s = s / 2 - 0.1
    slope = {m: Continuous.slope(m, 1.3) for m in (one, two)}
    close(slope[two](0, (1 + s) / 2), slope[one](0, s) / 2, atol=1e-14)


def test_a_recall_of_signs_snaps_and_finds_what_is_stored(spec):
    place, X = backend.place(spec), backend.move(signs(14, 20, 60), backend.place(spec))
    net = HopfieldNetwork(Softmax(0.5, "signs").to(spec)).store(X)
    assert backend.place_of(net.theta) == place
    for update in ("synchronous", "asynchronous", "continuous"):
        r = net.recall(flips(X, 0.15, rng=2), update, rng=1)
        assert r.exact.all() and set(r.kind) == {"stored"} and r.rises == 0
    mixed = HopfieldNetwork(Softmax(0.01, "real").to(spec)).store(X).recall(X)
    assert not mixed.exact.any() and set(mixed.kind) == {"mixture"}


def test_what_is_stored_is_added_and_frozen_until_it_may_learn(rng):
    X = rng.normal(size=(5, 4))
    net = HopfieldNetwork(Softmax()).store(X[:2]).store(X[2:])
    memory = net.memory
    same(memory.X, X)
    same(memory.patterns, X)
    assert memory.frozen == {"X"} and net.trained() == []
    net.store(X[0])  # stored twice it has twice the weight
    w = memory.weights(X)
    close(w[:, 0], w[:, 5])
    memory.forget()
    assert net.theta.shape == (0,) and memory.n is None
    net.store(np.ones((2, 3)))
    assert memory.X.shape == (2, 3) and memory.frozen == {"X"}


@pytest.mark.parametrize("loss", ["mae", "half squared error"])
@pytest.mark.parametrize("coding", ["real", "signs", "bits"])
def test_what_is_stored_learns_once_it_is_unfrozen(coding, loss):
    """Half of the patterns are there: the others are taught."""
    X = coded(coding, signs(15, 6, 12))
    net = HopfieldNetwork(Softmax(0.1, coding)).store(X[:5])
    before = net.memory.X.copy()
    net.memory.unfreeze()
    history = net.learn(X, epochs=60, loss=loss, optimizer=Adam(0.03), rng=1)
    assert history.loss[-1] < 0.5 * history.loss[0]
    assert (before != net.memory.X).any() and net.memory.X.shape == (5, 12)
    same(net.memory.patterns, X)
    net.store(X[:2])  # what was learned stays, and stays free
    assert net.memory.X.shape == (7, 12) and not net.memory.frozen
    assert net.memory.patterns.shape == (8, 12)


@pytest.mark.parametrize("coding", ["real", "signs", "bits"])
def test_rows_that_were_not_given_are_drawn_and_learned(spec, coding):
    X = backend.move(coded(coding, signs(16, 6, 12)), backend.place(spec))
    net = HopfieldNetwork(Softmax(1.0, coding, rows=7, init="normal").to(spec))
    history = net.learn(X, epochs=60, optimizer=Adam(0.03), rng=1)
    assert net.memory.X.shape == (7, 12) and not net.memory.frozen
    assert history.loss[-1] < 0.5 * history.loss[0]
    drawn = Softmax(rows=7)
    drawn.begin(signs(1, 3, 12), np.random.default_rng(2))
    a = np.sqrt(6 / 19)
    assert 0.8 * a < np.abs(drawn.X).max() <= a
    drawn.begin(signs(1, 3, 5), np.random.default_rng(2))  # they are there
    assert drawn.X.shape == (7, 12)


def test_from_a_glorot_start_few_rows_win():
    """Of patterns that are alike: the softmax cannot tell rows so small, and those ahead take all.

    The failure that the lesson shows; from the patterns themselves nothing is left to learn.
    """
    like = signs(17, 64)
    X = np.where(np.random.default_rng(1).random((40, 64)) < 0.1, -like, like)
    net = HopfieldNetwork(Softmax(rows=40))
    net.learn(X, epochs=100, rng=1)
    assert len(set(net.memory.weights(X).argmax(axis=1).tolist())) < 20
    assert ((net.memory(X) > 0) == (X > 0)).all(axis=1).mean() < 0.25
    assert ((Softmax().store(X)(X) > 0) == (X > 0)).all()


def test_it_travels():
    for coding in ("real", "signs", "bits"):
        memory = Softmax(0.4, coding).store(coded(coding, signs(18, 3, 4)))
        twin = pickle.loads(pickle.dumps(memory))
        x = np.random.default_rng(1).normal(size=(5, 4))
        same(twin(x), memory(x))
    assert str(twin) == "Softmax of beta 0.4 (bits)"


def test_bad_requests_are_refused():
    for beta in (0, -1.0, np.inf, np.nan, "1", None):
        with pytest.raises(ValueError, match=r"beta: expected a number above 0"):
            Softmax(beta)
    for rate in (0, 0.5, 0.7, -0.1, np.nan):
        with pytest.raises(ValueError, match="rate: expected a probability above 0, below 1/2"):
            decoder([[1.0, -1.0]], rate)
    with pytest.raises(ValueError, match="flips are of signs or bits"):
        decoder([[1.0, -1.0]], 0.1, "real")
    with pytest.raises(ValueError, match="a width is a positive integer"):
        Softmax(rows=0)
    with pytest.raises(ValueError, match="unknown initializer"):
        Softmax(rows=3, init="glorrot")
    with pytest.raises(ValueError, match=r"no rows to learn: give it rows="):
        HopfieldNetwork(Softmax()).learn([[1.0, -1.0]])
    with pytest.raises(ValueError, match="is for signs or bits"):
        HopfieldNetwork(Softmax()).store([[1.0, 2.0]]).recall([1.0, 2.0], "asynchronous")
