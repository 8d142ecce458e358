"""Couplings that are learned: symmetric by construction, three biases, two codings and numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import Network, backend, gradient_check
from minigrad.hopfield import Couplings, Dense
from minigrad.hopfield.dense import BIASES

X = np.random.default_rng(0).normal(size=(3, 4))


def drawn(seed=1, n=4, **kwargs):
    memory = Dense(n, **kwargs)
    memory.theta = np.random.default_rng(seed).normal(size=memory.theta.shape)
    return memory


@given(st.integers(0, 2**32 - 1), st.integers(1, 7))
@settings(max_examples=25, deadline=None)
def test_w_is_symmetric_without_a_diagonal_whatever_m_is(seed, n):
    memory = drawn(seed, n)
    W, M = memory.W, memory.M
    np.testing.assert_array_equal(W, W.T)
    assert not np.diag(W).any() and memory.symmetric
    for i in range(n):
        for j in range(n):
            assert i == j or W[i, j] == pytest.approx((M[i, j] + M[j, i]) / 2, rel=1e-14)


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("coding", ["signs", "bits", "real"])
def test_every_bias_of_every_coding_has_its_gradient(bias, coding):
    memory = drawn(bias=bias, coding=coding)
    report = gradient_check(memory, rng=1)
    assert report.error < 1e-12
    names = {"M", "input"} | ({"bias"} if bias == "free" else set())
    assert {row.name for row in report.rows} == names
    memory.gives_fields = True
    assert gradient_check(memory, rng=1).error < 1e-12


@pytest.mark.parametrize("coding", ["signs", "bits", "real"])
def test_the_bias_is_learned_or_made_of_w_or_0(coding):
    middle = 0.5 if coding == "bits" else 0.0
    for bias, expected in (("tied", None), ("none", np.zeros(4))):
        memory = drawn(bias=bias, coding=coding)
        expected = -middle * memory.W @ np.ones(4) if expected is None else expected
        np.testing.assert_allclose(memory.b, expected, atol=1e-14)
        np.testing.assert_allclose(memory.field(X), X @ memory.W + expected, rtol=1e-12)
    free = drawn(coding=coding, bias="free")
    np.testing.assert_allclose(free.field(X), X @ free.W + free.bias, rtol=1e-12)


def test_it_has_the_field_and_the_energy_of_its_couplings():
    for bias in BIASES:
        memory = drawn(bias=bias, coding="bits", activation="sigmoid")
        plain = Couplings(memory.W, memory.b, "bits", "sigmoid")
        np.testing.assert_allclose(memory.energy(X), plain.energy(X), rtol=1e-12)
        np.testing.assert_allclose(memory(X), plain(X), rtol=1e-12)
        np.testing.assert_allclose(memory.unit_field(X, 2), plain.unit_field(X, 2), rtol=1e-12)


def test_bits_with_a_tied_bias_answer_as_signs_with_four_times_the_couplings():
    signs, bits = drawn(bias="none"), drawn(coding="bits", bias="tied")
    bits.M = 4 * signs.M
    s = np.where(X > 0, 1.0, -1.0)
    np.testing.assert_allclose(bits.field((1 + s) / 2), 2 * signs.field(s), atol=1e-12)
    np.testing.assert_allclose(bits((1 + s) / 2), (1 + signs(s)) / 2, atol=1e-12)


def test_what_is_usual_depends_on_the_coding():
    assert (Dense(3).biased, Dense(3, coding="bits").biased) == ("free", "tied")
    names = [Dense(3, coding=c).activation.name for c in ("signs", "bits", "real")]
    assert names == ["tanh", "sigmoid", "tanh"]
    assert Dense(3).losses == ("logistic", "mae")
    assert Dense(3, coding="real").losses == ("mae", "half squared error")
    assert Dense(3, activation="sign").activation is None


def test_the_start_is_drawn_from_its_generator():
    one, two, other = (Dense(3, init="normal", rng=seed).M for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, two)
    assert (one != other).all()
    np.testing.assert_array_equal(Dense(3, init="ones").M, np.ones((3, 3)))


def test_a_width_may_come_later():
    memory = Dense(init="ones")
    assert memory.n is None
    memory.begin(np.ones((2, 5)), None)
    assert memory.n == 5 and (memory.M == 1).all() and memory.bias.shape == (5,)
    before = memory.theta
    memory.begin(np.ones((2, 5)), None)
    assert memory.theta is before
    memory.forget()
    memory.begin(np.ones((2, 3)), None)
    assert memory.theta.shape == (12,) and (memory.M == 1).all()


def test_a_stack_of_them_has_the_answers_of_its_members():
    for bias in BIASES:
        many = Network(Dense(4, bias=bias, coding="bits")).stack(3, rng=1)
        layer = many.layers[0]
        y, energy = many(X), layer.energy(layer._admit(X))
        for k in range(3):
            one = Dense(4, bias=bias, coding="bits")
            one.theta = layer.theta[k]
            np.testing.assert_allclose(y[k], one(X), rtol=1e-12)
            np.testing.assert_allclose(energy[k], one.energy(X), rtol=1e-12)


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_backend_has_the_answers_and_the_gradient_of_numpy(place, bias, dtype):
    here = drawn(bias=bias, coding="bits").to(dtype=dtype)
    there, x = here.to(place.spec), X.astype(dtype)
    limit = 1e-5 if dtype == "float32" else 1e-12
    for one, two in (
        (here(x), there(backend.move(x, place))),
        (here.backprop(x), there.backprop(backend.move(x, place))),
        (here.grad, there.grad),
        (here.energy(x), there.energy(backend.move(x, place))),
    ):
        assert backend.dtype_name(two) == dtype
        np.testing.assert_allclose(backend.host(two), one, rtol=limit, atol=limit)


def test_bad_requests_are_refused():
    with pytest.raises(ValueError, match="bias: expected one of free, tied, none, came 'loose'"):
        Dense(3, bias="loose")
    with pytest.raises(ValueError, match="a width is a positive integer"):
        Dense(0)
    with pytest.raises(ValueError, match="unknown coding"):
        Dense(3, coding="spins")
    with pytest.raises(ValueError, match="unknown initializer 'bogus'"):
        Dense(init="bogus")
