"""Couplings by hand: the field, the energy that one flip changes, and the same in other codings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import backend, gradient_check
from minigrad.errors import NotFiniteError, ShapeError
from minigrad.hopfield import Couplings, Hebb, HopfieldNetwork, recoded
from minigrad.hopfield.codings import CODINGS

SIZES = st.integers(1, 9)
SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed, n, coding="signs", symmetric=True, **kwargs):
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(n, n))
    return Couplings(W + W.T if symmetric else W, rng.normal(size=n), coding, **kwargs)


def states(seed, count, n, coding="signs"):
    low = CODINGS[coding].low
    return np.where(np.random.default_rng(seed).random((count, n)) < 0.5, low, 1.0)


def test_the_field_and_the_energy_are_sums_over_units():
    memory, x = drawn(1, 4, symmetric=False), states(2, 3, 4)
    W, b = memory.W, memory.b
    for row in x:
        h = [sum(W[i, j] * row[j] for j in range(4)) + b[i] for i in range(4)]
        np.testing.assert_allclose(memory.field(row), h, rtol=1e-12)
        pairs = sum(W[i, j] * row[i] * row[j] for i in range(4) for j in range(4))
        np.testing.assert_allclose(memory.energy(row), -pairs / 2 - b @ row, rtol=1e-12)
        np.testing.assert_array_equal(memory(row), np.sign(h))
    h = memory.field(x)
    np.testing.assert_allclose(memory.energy(x, h), memory.energy(x), rtol=1e-12)
    np.testing.assert_allclose(
        np.stack([memory.unit_field(x, i) for i in range(4)], axis=1), h, rtol=1e-12
    )


@given(SEEDS, SIZES, st.sampled_from(["signs", "bits"]))
@settings(max_examples=30, deadline=None)
def test_one_unit_changes_the_energy_by_its_field(seed, n, coding):
    """E' - E = -d h_i - W_ii d^2 / 2, d the change of unit i, for symmetric W."""
    memory, x = drawn(seed, n, coding), states(seed, 5, n, coding)
    for i in range(n):
        y = x.copy()
        y[:, i] = memory.coding.flipped(x[:, i])
        d = y[:, i] - x[:, i]
        expected = -d * memory.unit_field(x, i) - memory.W[i, i] * d * d / 2
        np.testing.assert_allclose(memory.energy(y) - memory.energy(x), expected, atol=1e-10)


@given(SEEDS, SIZES)
@settings(max_examples=40, deadline=None)
def test_recoded_to_bits_is_the_rule_and_answers_alike(seed, n):
    signs = drawn(seed, n, symmetric=False)
    bits, s = recoded(signs, "bits"), states(seed + 1, 6, n)
    v = (1 + s) / 2
    np.testing.assert_allclose(bits.W, 4 * signs.W, rtol=1e-12)
    np.testing.assert_allclose(
        bits.b, 2 * signs.b - 2 * signs.W.sum(axis=1), rtol=1e-10, atol=1e-10
    )
    np.testing.assert_allclose(bits.field(v), 2 * signs.field(s), atol=1e-10)
    np.testing.assert_array_equal(bits(v), (1 + signs(s)) / 2)
    symmetric = drawn(seed, n)
    gaps = recoded(symmetric, "bits").energy(v) - symmetric.energy(s)
    np.testing.assert_allclose(gaps, gaps[0], atol=1e-11)
    back = recoded(bits, "signs")
    np.testing.assert_allclose(back.W, signs.W, rtol=1e-12)
    np.testing.assert_allclose(back.b, signs.b, atol=1e-11)


def test_a_twin_in_another_coding_recalls_alike_by_every_update(rng):
    s = np.sign(rng.normal(size=(3, 16)))
    signs = Hebb().store(s)
    twin, start = recoded(signs, "bits"), np.sign(rng.normal(size=(20, 16)))
    np.testing.assert_array_equal(twin.patterns, (1 + s) / 2)
    here, there = HopfieldNetwork(signs), HopfieldNetwork(twin)
    for update in ("synchronous", "asynchronous", "continuous"):
        one = here.recall(0.9 * start, update, rng=1)
        two = there.recall((1 + 0.9 * start) / 2, update, rng=1)
        np.testing.assert_array_equal(two.state, (1 + one.state) / 2)
        np.testing.assert_allclose(two.end, (1 + one.end) / 2, atol=1e-4)
        assert two.kind.tolist() == one.kind.tolist() and two.rises == one.rises == 0


def test_a_soft_step_is_recoded_with_its_map(rng):
    """(1 + tanh h) / 2 = sigmoid(2 h)."""
    signs, s = drawn(3, 4, activation="tanh"), rng.uniform(-1, 1, (3, 4))
    np.testing.assert_allclose(recoded(signs, "bits")((1 + s) / 2), (1 + signs(s)) / 2, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_twin_lives_where_its_couplings_do(place, dtype):
    memory = drawn(1, 4).to(place.spec, dtype)
    twin = recoded(memory, "bits")
    assert twin.place == place and backend.dtype_name(twin.theta) == dtype


def test_no_coding_of_numbers_is_written_for_two_values():
    with pytest.raises(ValueError, match="real"):
        recoded(drawn(1, 3), "real")


def test_the_pair_energy_is_symmetric_in_both_states():
    memory, x, y = drawn(1, 4), states(2, 5, 4), states(3, 5, 4)
    one = memory.pair_energy(y, x, memory.field(x))
    np.testing.assert_allclose(one, memory.pair_energy(x, y, memory.field(y)), rtol=1e-12)
    np.testing.assert_allclose(
        memory.pair_energy(x, x, memory.field(x)), 2 * memory.energy(x), rtol=1e-12
    )


def test_what_theory_promises_depends_on_w_and_on_the_coding():
    W = np.array([[0.5, 1.0, -2.0], [1.0, 0.0, 0.3], [-2.0, 0.3, 0.1]])
    usual = Couplings(W)
    assert "all units at once" in usual.promise("synchronous")
    assert "one unit at a time" in usual.promise("asynchronous")
    assert "along the flow" in usual.promise("continuous")
    assert usual.promise("stochastic") == usual.promise("in part") == ""
    negative = Couplings(W - np.diag([0, 0.2, 0]))
    assert negative.promise("asynchronous") == "" != negative.promise("synchronous")
    skew = Couplings(np.triu(W))
    assert not skew.symmetric
    assert {skew.promise(u) for u in ("synchronous", "asynchronous", "continuous")} == {""}
    np.testing.assert_array_equal(usual.diagonal, [0.5, 0.0, 0.1])
    assert Couplings(np.zeros((2, 2))).symmetric
    real = Couplings(W, coding="real", activation="tanh")
    assert real.promise("synchronous") == ""  # -y.Wx without the cost of y and x may well rise


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "identity"])
@pytest.mark.parametrize("coding", ["signs", "real"])
def test_a_soft_step_has_its_gradient(activation, coding):
    memory = drawn(1, 4, coding, symmetric=False, activation=activation)
    report = gradient_check(memory, rng=1)
    assert report.error < 1e-12 and {row.name for row in report.rows} == {"W", "b", "input"}


def test_numbers_without_a_map_answer_their_field():
    memory = drawn(1, 4, "real", symmetric=False)
    x = np.random.default_rng(1).normal(size=(3, 4))
    np.testing.assert_allclose(memory(x), x @ memory.W.T + memory.b, rtol=1e-12)
    assert gradient_check(memory, rng=1, method="central difference").error < 1e-8


def test_couplings_that_are_given_are_not_trained_until_they_are_thawed():
    memory = drawn(1, 3)
    assert memory.trained() == [] and memory.unfreeze("W").trained() == [(0, 9)]


def test_a_sign_has_no_slope():
    memory = drawn(1, 3)
    y = memory(np.ones((2, 3)))
    with pytest.raises(TypeError, match="answers by a sign, which has no slope"):
        memory.backprop(y)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_backend_has_the_answers_of_numpy(place, dtype):
    for coding in ("signs", "bits", "real"):
        here = drawn(1, 5, coding).to(dtype=dtype)
        x = states(2, 4, 5, coding).astype(dtype)
        there, moved = here.to(place.spec), backend.move(x, place)
        limits = {"rtol": 1e-5 if dtype == "float32" else 1e-12, "atol": 1e-5}
        for one, two in (
            (here.field(x), there.field(moved)),
            (here.energy(x), there.energy(moved)),
            (here(x), there(moved)),
            (here.flow_energy(x, 2.0), there.flow_energy(moved, 2.0)),
            (here.unit_field(x, 2), there.unit_field(moved, 2)),
        ):
            assert backend.dtype_name(two) == dtype
            np.testing.assert_allclose(backend.host(two), one, **limits)
        assert there.promise("asynchronous") == here.promise("asynchronous")


def test_couplings_from_elsewhere_keep_their_place(place):
    memory = Couplings(backend.move([[0, 1], [1, 0]], place, "float32"))
    assert memory.place == place
    assert backend.host(memory(backend.move([1, -1], place, "float32"))).tolist() == [-1, 1]


def test_bad_requests_are_refused():
    with pytest.raises(ShapeError, match=r"W is \(n, n\), came \(2, 3\)"):
        Couplings([[1, 2, 3], [4, 5, 6]])
    with pytest.raises(ShapeError, match=r"b has shape \(3,\), expected \(2,\)"):
        Couplings([[0, 1], [1, 0]], [1, 2, 3])
    with pytest.raises(ValueError, match="unknown map 'sigm'"):
        Couplings([[0]], activation="sigm")
    with pytest.raises(NotFiniteError, match=r"nan at \(0, 1\)"):
        Couplings([[0, np.nan], [np.nan, 0]])


def test_couplings_by_hand_are_neither_written_nor_learned():
    for refused in ("store", "learn"):
        with pytest.raises(TypeError) as said:
            getattr(HopfieldNetwork(drawn(1, 2)), refused)([1, -1])
        assert "learn(" not in str(said.value) and "store(" not in str(said.value)
