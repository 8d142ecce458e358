"""Dense associative memory: each claim by enumeration of all states, or by its closed form."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import backend, gradient_check
from minigrad.errors import ShapeError
from minigrad.hopfield import Continuous, Hebb, HopfieldNetwork, Memory, Polynomial, Stochastic

SHAPES = [(2, False), (2, True), (3, False), (3, True), (4, False), (5, True)]
many = pytest.mark.parametrize("degree, rectified", SHAPES)
codings = pytest.mark.parametrize("coding", ["signs", "bits"])


def close(a, b, **tolerance):
    np.testing.assert_allclose(backend.host(a), backend.host(b), **tolerance)


def same(a, b):
    np.testing.assert_array_equal(backend.host(a), backend.host(b))


def signs(seed, *shape):
    return np.random.default_rng(seed).choice([-1.0, 1.0], shape)


def all_states(n):
    return np.array(list(itertools.product([-1.0, 1.0], repeat=n)))


def coded(coding, s):
    return s if coding == "signs" else (1 + s) / 2


def energy(X, degree, rectified, s):
    """The formula, in signs, as one reads it."""
    n = X.shape[1]
    z = s @ X.T / n
    z = np.maximum(z, 0) if rectified else z
    return -n / degree * (z**degree).sum(axis=-1)


def by_difference(X, degree, rectified, s):
    """Each unit at -1 and at 1, the others held."""
    h = np.empty_like(s)
    for i in range(s.shape[1]):
        low, high = s.copy(), s.copy()
        low[:, i], high[:, i] = -1, 1
        h[:, i] = (energy(X, degree, rectified, low) - energy(X, degree, rectified, high)) / 2
    return h


class Flow(Polynomial):
    """The flow as the layer, for the gradient check."""

    def forward(self, x):
        return self.flow(x)

    def backprop(self, dy):
        return self.flow_backprop(dy)


@many
def test_a_unit_goes_to_the_value_of_lower_energy(spec, degree, rectified):
    X, s = signs(1, 4, 6), all_states(6)
    memory = Polynomial(degree, rectified).to(spec).store(backend.move(X, backend.place(spec)))
    x = backend.move(s, memory.place)
    close(memory.energy(x), energy(X, degree, rectified, s), atol=1e-13)
    expected = by_difference(X, degree, rectified, s)
    close(memory.field(x), expected, atol=1e-13)
    clear = np.abs(expected) > 1e-12
    same(backend.host(memory(x))[clear], np.sign(expected)[clear])


@many
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_tie_is_a_tie(degree, rectified, dtype):
    """Of whole numbers: a unit whose two values cost the same keeps what it has."""
    X, s = signs(5, 4, 6).astype(int), all_states(6).astype(int)
    lines = s[:, None, :] * X  # (states, p, n): xi x
    others = lines.sum(axis=-1, keepdims=True) - lines
    high, low = others + X[None], others - X[None]  # the overlaps with the unit up, and down
    if rectified:
        high, low = np.maximum(high, 0), np.maximum(low, 0)
    whole = (high**degree - low**degree).sum(axis=1)
    assert 0 < (whole == 0).mean() < 1
    memory = Polynomial(degree, rectified).to(dtype=dtype).store(X.astype(dtype))
    h = memory.field(s.astype(dtype))
    assert h.dtype == dtype
    same(np.sign(h), np.sign(whole))
    same(memory(s.astype(dtype))[whole == 0], s[whole == 0])


def test_the_energy_is_that_of_the_state_whatever_was_asked_before():
    memory, s = Polynomial().store(signs(1, 4, 6)), all_states(6)
    E, h = memory.energy(s), memory.field(s)
    same(memory.energy(s, h), E)
    memory.flow(-s)
    same(memory.energy(s, h), E)
    memory.field(s[::-1])
    same(memory.energy(s, h), E)


def test_degree_two_is_hebb_without_a_diagonal():
    X, s = signs(2, 3, 7), all_states(7)
    memory, hebb = Polynomial(2).store(X), Hebb().store(X)
    close(memory.field(s), hebb.field(s), atol=1e-14)
    close(memory.energy(s), hebb.energy(s) - 3 / 2, atol=1e-13)
    between = np.random.default_rng(3).normal(size=(4, 7))
    close(memory.field(between), hebb.field(between), atol=1e-14)


@many
def test_bits_answer_as_signs_do(degree, rectified):
    X, s = signs(3, 4, 6), all_states(6)
    one = Polynomial(degree, rectified).store(X)
    two = Polynomial(degree, rectified, coding="bits").store((1 + X) / 2)
    v = (1 + s) / 2
    same(two.X, X)
    same(two.field(v), 2 * one.field(s))  # the slopes of one energy
    same(two.energy(v), one.energy(s))
    same(two(v), (1 + one(s)) / 2)
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


@many
@codings
def test_gradients(degree, rectified, coding):
    map_ = {"signs": "tanh", "bits": "sigmoid"}[coding]
    for kind in (Polynomial, Flow):
        memory = kind(degree, rectified, coding, map_)
        memory.store(coded(coding, signs(4, 3, 4)))
        assert gradient_check(memory, rng=1).passed
        memory.X += 0.3 * np.random.default_rng(5).normal(size=(3, 4))
        assert gradient_check(memory, rng=2).passed


@many
@codings
def test_the_flow_is_the_slope_of_the_energy(spec, degree, rectified, coding):
    place, h = backend.place(spec), 1e-6
    memory = Polynomial(degree, rectified, coding).to(spec)
    memory.store(backend.move(coded(coding, signs(6, 3, 4)), place))
    x = np.random.default_rng(7).normal(size=(5, 4))
    flow = backend.host(memory.flow(backend.move(x, place)))
    for i in range(4):
        step = h * np.eye(4)[i]
        above, below = (memory.energy(backend.move(x + d, place)) for d in (step, -step))
        close(flow[:, i], backend.host(below - above) / (2 * h), rtol=1e-6, atol=1e-7)


@many
def test_what_is_promised_holds_and_synchronous_steps_do_not_promise(degree, rectified):
    """All states, all patterns of a draw: by one unit E never rises; by all at once it may."""
    s, rose = all_states(6), 0
    for seed in range(20):
        memory = Polynomial(degree, rectified).store(signs(seed, 3, 6))
        e, y = memory.energy(s), memory(s)
        for i in range(6):
            one = s.copy()
            one[:, i] = y[:, i]
            assert (memory.energy(one) <= e + 1e-12).all()
        rose += int((memory.energy(y) > e + 1e-9).sum())
    assert rose > 0 and memory.promise("synchronous") == ""
    assert memory.promise("asynchronous") and memory.promise("continuous")
    memory.X = 0.9 * memory.X  # of what are no signs the rule is not the difference
    assert memory.promise("asynchronous") == "" and memory.promise("continuous")


def test_all_units_at_once_by_the_slope_never_raise_a_concave_energy():
    s = all_states(6)
    for degree, rectified in ((2, False), (3, True), (4, False)):
        for seed in range(10):
            memory = Polynomial(degree, rectified).store(signs(seed, 3, 6))
            y = memory.coding.snap(np, memory.flow(s), s)
            assert (memory.energy(y) <= memory.energy(s) + 1e-12).all()


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 9999),
    st.sampled_from(SHAPES),
    st.integers(1, 6),
    st.integers(2, 11),
    st.sampled_from(["signs", "bits"]),
)
def test_the_certificate_sees_no_rise(seed, shape, p, n, coding):
    rng = np.random.default_rng(seed)
    memory = Polynomial(*shape, coding).store(coded(coding, rng.choice([-1.0, 1.0], (p, n))))
    x = coded(coding, rng.choice([-1.0, 1.0], (8, n)))
    for update in ("synchronous", "asynchronous", Continuous(rtol=1e-7)):
        r = HopfieldNetwork(memory, update).recall(x, max_steps=20, rng=seed)
        assert r.rises == 0 and (r.ended[r.steps < 20] != "not settled").all()


@codings
def test_a_sweep_is_the_plain_sweep(spec, coding):
    place, rng = backend.place(spec), np.random.default_rng(8)
    memory = Polynomial(3, coding=coding).to(spec)
    memory.store(backend.move(coded(coding, signs(9, 4, 9)), place))
    x = backend.move(coded(coding, signs(10, 6, 9)), place)
    noise = backend.move(rng.normal(size=(6, 9)), place)
    order = rng.permutation(9).tolist()
    kept = backend.host(backend.copy(x))
    for n in (None, noise):
        fast, plain = memory.sweep(x, order, n), Memory.sweep(memory, x, order, n)
        same(fast, plain)
        assert (backend.host(fast) != kept).any()
    same(x, kept)


def test_units_of_a_temperature_come_up_as_the_energy_says():
    """One chain of many rows, started at random, against exp(-E / T) over all states."""
    memory, s, T = Polynomial(3).store(signs(11, 2, 4)), all_states(4), 0.8
    p = np.exp(-memory.energy(s) / T)
    p /= p.sum()
    x = signs(12, 20000, 4)
    end = HopfieldNetwork(memory, Stochastic(T)).recall(x, max_steps=12, rng=1).state
    counts = np.bincount(((end + 1) / 2 @ [8, 4, 2, 1]).astype(int), minlength=16)
    close(counts / 20000, p, atol=5 * np.sqrt(p / 20000).max())


def test_float32_holds_high_degrees_of_wide_patterns():
    X = signs(13, 5, 1024).astype(np.float32)
    for rectified in (False, True):
        memory = Polynomial(12, rectified).to(dtype="float32").store(X)
        h = memory.field(X)
        assert h.dtype == np.float32 and np.abs(h / X - 1).max() < 0.02
        close(memory.energy(X), -1024 / 12, rtol=1e-6)
        same(memory(X), X)


def test_more_patterns_than_units_are_fixed_points():
    X = signs(14, 120, 60)
    kept = [(Polynomial(d).store(X)(X) == X).all(axis=1).mean() for d in (2, 3, 4)]
    assert kept[0] < 0.01 and kept[0] < kept[1] < kept[2] and kept[2] > 0.9


def test_what_is_stored_is_added_and_forgotten(spec):
    place = backend.place(spec)
    X = backend.move(signs(15, 5, 6), place)
    net = HopfieldNetwork(Polynomial().to(spec))
    memory = net.memory
    net.store(X[:2, :]).store(X[2:, :])
    whole = Polynomial().to(spec).store(X)
    same(memory.X, X)
    same(memory.patterns, X)
    same(memory.field(X), whole.field(X))
    assert memory.frozen == {"X"} and net.trained() == []
    net.store(X[:1, :])  # twice is twice as loud
    assert memory.X.shape == (6, 6) and net.theta.shape == (36,)
    memory.unfreeze()
    net.store(X[1:2, :])
    assert memory.X.shape == (7, 6) and not memory.frozen
    with pytest.raises(ShapeError, match="expected 6"):
        net.store(np.ones(5).tolist())
    with pytest.raises(ValueError, match="expected -1 or 1"):
        net.store([[0.0] * 6])
    assert memory.X.shape == (7, 6)
    memory.forget()
    assert memory.n is None and memory.patterns is None and net.theta.shape == (0,)
    net.store(np.ones((2, 3)).tolist())
    assert memory.X.shape == (2, 3) and memory.frozen == {"X"}


def test_it_travels():
    memory = Polynomial(4, True, "bits", "sigmoid").store(coded("bits", signs(16, 3, 4)))
    twin = pickle.loads(pickle.dumps(memory))
    x = np.random.default_rng(1).normal(size=(5, 4))
    same(twin(x), memory(x))
    assert str(twin) == "Polynomial of degree 4, rectified (bits)"


@pytest.mark.parametrize("degree", [1, 0, -2, 2.0, True, "3", None])
def test_degrees_that_are_none(degree):
    with pytest.raises(ValueError, match=r"degree: expected a whole number from 2 on, came"):
        Polynomial(degree)


def test_it_is_of_signs_or_bits_and_written():
    with pytest.raises(ValueError, match="signs or bits"):
        Polynomial(coding="real")
    with pytest.raises(TypeError, match="written, not learned"):
        HopfieldNetwork(Polynomial()).learn(signs(1, 3, 4))
