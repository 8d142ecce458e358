"""Rules that write patterns: each against its published formula, unit by unit."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import backend, gradient_check
from minigrad.errors import NotFiniteError, ShapeError
from minigrad.hopfield import Dense, Hebb, HopfieldNetwork, PseudoInverse, Storkey
from minigrad.hopfield.codings import CODINGS

RULES = [Hebb, lambda **kw: Hebb(centred=True, **kw), PseudoInverse, Storkey]
every_rule = pytest.mark.parametrize("rule", RULES, ids=["Hebb", "centred", "inverse", "Storkey"])


def signs(seed, p, n):
    return np.where(np.random.default_rng(seed).random((p, n)) < 0.5, -1.0, 1.0)


def storkey_by_loops(patterns):
    """w_ij += (s_i s_j - s_i h_ji - h_ij s_j) / n, h_ij = sum of w_ik s_k over k not i, j."""
    n = patterns.shape[1]
    W = np.zeros((n, n))
    for s in patterns:
        H, new = np.zeros((n, n)), W.copy()
        for i in range(n):
            for j in range(n):
                H[i, j] = sum(W[i, k] * s[k] for k in range(n) if k not in (i, j))
        for i in range(n):
            for j in range(n):
                if i != j:
                    new[i, j] += (s[i] * s[j] - s[i] * H[j, i] - H[i, j] * s[j]) / n
        W = new
    return W


# --- the formulas ---------------------------------------------------------------------------------


def test_hebb_is_a_sum_of_products():
    s = signs(1, 3, 7)
    expected = sum(np.outer(row, row) for row in s) / 7
    kept, usual = Hebb(zero_diagonal=False).store(s), Hebb().store(s)
    np.testing.assert_allclose(kept.W, expected, rtol=1e-14)
    np.testing.assert_allclose(usual.W, expected - np.diag(np.diag(expected)), rtol=1e-14)
    assert not usual.b.any() and not kept.b.any()


def test_centred_hebb_takes_the_mean_of_each_unit_away():
    s = np.where(np.random.default_rng(2).random((6, 5)) < 0.2, 1.0, -1.0)
    memory, mean = Hebb(centred=True).store(s), s.mean(axis=0)
    v = ((s - mean) ** 2).mean()
    expected = np.zeros((5, 5))
    for i in range(5):
        for j in range(5):
            if i != j:
                expected[i, j] = ((s[:, i] - mean[i]) * (s[:, j] - mean[j])).sum() / (5 * v)
    np.testing.assert_allclose(memory.W, expected, atol=1e-14)
    np.testing.assert_allclose(memory.b, mean - expected @ mean, atol=1e-14)
    np.testing.assert_allclose(memory.field(mean), mean, atol=1e-14)  # the middle is left alone


def test_centred_hebb_keeps_patterns_that_are_alike():
    """200 units, one in ten on: Hebb's rule loses all ten to the mean, centred keeps them."""
    v = (np.random.default_rng(3).random((10, 200)) < 0.1).astype(float)
    plain = HopfieldNetwork(Hebb()).store(2 * v - 1).recall(2 * v - 1)
    centred = HopfieldNetwork(Hebb(centred=True)).store(2 * v - 1).recall(2 * v - 1)
    assert centred.exact.all() and not plain.exact.any()


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(2, 7))
@settings(max_examples=25, deadline=None)
def test_storkey_is_its_formula_by_three_loops(seed, p, n):
    s = signs(seed, p, n)
    np.testing.assert_allclose(Storkey().store(s).W, storkey_by_loops(s), atol=1e-13)


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(9, 20))
@settings(max_examples=25, deadline=None)
def test_the_pseudo_inverse_is_the_projection_onto_the_patterns(seed, p, n):
    s = signs(seed, p, n)
    memory, rank = PseudoInverse().store(s), np.linalg.matrix_rank(s)
    W = memory.W
    np.testing.assert_allclose(W @ s.T, s.T, atol=1e-12)
    np.testing.assert_allclose(W @ W, W, atol=1e-12)
    np.testing.assert_allclose(W, np.linalg.pinv(s) @ s, atol=1e-12)
    np.testing.assert_array_equal(W, W.T)
    assert np.trace(W) == pytest.approx(rank, abs=1e-12)
    beside = np.linalg.svd(s)[2][rank:]
    np.testing.assert_allclose(W @ beside.T, 0, atol=1e-12)
    off = PseudoInverse(zero_diagonal=True).store(s)
    np.testing.assert_allclose(off.W, W - np.diag(np.diag(W)), atol=1e-12)
    speaks = np.diag(W) < 1 - 1e-9  # a unit that only couples to itself is left without a field
    np.testing.assert_array_equal(off(s)[:, speaks], s[:, speaks])


# --- what all rules share -------------------------------------------------------------------------


@every_rule
def test_what_is_stored_later_is_beside_what_is_there(rule):
    s = signs(4, 5, 12)
    once, later = rule().store(s), rule().store(s[:2]).store(s[2]).store(s[3:])
    np.testing.assert_allclose(later.W, once.W, atol=1e-13)
    np.testing.assert_allclose(later.b, once.b, atol=1e-13)
    np.testing.assert_array_equal(later.patterns, s)


@every_rule
def test_bits_are_written_as_their_signs(rule):
    s = signs(5, 3, 11)
    one, two = rule().store(s), rule(coding="bits").store((1 + s[:1]) / 2).store((1 + s[1:]) / 2)
    np.testing.assert_allclose(two.W, 4 * one.W, atol=1e-12)
    np.testing.assert_allclose(two.b, 2 * one.b - 2 * one.W.sum(axis=1), atol=1e-12)
    np.testing.assert_array_equal(two((1 + s) / 2), (1 + one(s)) / 2)


@every_rule
def test_the_couplings_are_symmetric_without_a_diagonal_if_so_told(rule):
    memory = rule(**({} if rule is Storkey else {"zero_diagonal": True})).store(signs(6, 4, 9))
    assert memory.symmetric and not memory.diagonal.any()
    assert memory.trained() == []


@every_rule
def test_one_pattern_and_its_negative_rest(rule):
    s = signs(7, 1, 10)
    memory = rule().store(s)
    np.testing.assert_array_equal(memory(s), s)
    if rule is not RULES[1]:  # centred: the middle is the pattern, and that is all there is
        np.testing.assert_array_equal(memory(-s), -s)


@every_rule
def test_forgotten_is_as_before_the_first_store(rule):
    memory = rule().store(signs(8, 3, 9))
    assert memory.forget() is memory and memory.patterns is None and memory.n is None
    assert memory.theta.shape == (0,) and memory.shapes == {}
    np.testing.assert_array_equal(memory.store(signs(9, 2, 6)).W, rule().store(signs(9, 2, 6)).W)


@every_rule
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_backend_writes_the_couplings_of_numpy(rule, place, dtype):
    s, there = signs(10, 4, 9), rule().to(place.spec, dtype)
    there.store(backend.move(s[:3], place, dtype)).store(backend.move(s[3:], place, dtype))
    limit = 1e-5 if dtype == "float32" else 1e-12
    here = rule().store(s)
    assert there.place == place and backend.dtype_name(there.W) == dtype
    np.testing.assert_allclose(backend.host(there.W), here.W, atol=limit)
    np.testing.assert_allclose(backend.host(there.b), here.b, atol=limit)
    assert backend.dtype_name(there.patterns) == dtype


def test_a_view_that_is_held_is_live_or_says_so():
    s = signs(11, 3, 9)
    memory = Hebb().store(s)
    W = memory.W
    memory.store(-s[:1])
    assert W is memory.W and (W != Hebb().store(s).W).any()
    memory.forget()
    assert np.isnan(W).all()
    with pytest.raises(ValueError, match="read-only"):
        W[0, 0] = 1.0


def test_a_soft_written_memory_has_its_gradient():
    memory = Hebb(activation="tanh").store(signs(12, 2, 5))
    assert gradient_check(memory, rng=1).error < 1e-12


# --- what is refused ------------------------------------------------------------------------------

BAD = [
    ([[1, 0.5]], ValueError, r"0.5 at \(0, 1\), expected -1 or 1"),
    ([[1, 0]], ValueError, "the other codings are 'bits', 'real'"),
    ([[np.nan, 1]], NotFiniteError, "nan"),
    ([1.0, np.inf], NotFiniteError, "inf"),
    ([[[1, 1]]], ShapeError, r"rows \(p, n\), one or more; came \(1, 1, 2\)"),
    ([[], []], ShapeError, "one or more"),
    (1.0, ShapeError, "came"),
    ([[1, -1], [1]], ShapeError, "different lengths"),
    ("ab", TypeError, "numbers"),
]


@pytest.mark.parametrize(("patterns", "kind", "said"), BAD)
@every_rule
def test_bad_patterns_are_refused_before_anything_is_changed(rule, patterns, kind, said):
    memory = rule()
    with pytest.raises(kind, match=said):
        memory.store(patterns)
    assert memory.n is None and memory.patterns is None
    stored = rule().store(signs(13, 2, 6))
    theta, kept = stored.theta.copy(), stored.patterns.copy()
    with pytest.raises((kind, ShapeError)):
        stored.store(patterns)
    with pytest.raises(ShapeError, match="a pattern has 5 units, expected 6 as before"):
        stored.store(signs(1, 1, 5))
    np.testing.assert_array_equal(stored.theta, theta)
    np.testing.assert_array_equal(stored.patterns, kept)


def test_more_patterns_than_a_projection_can_hold():
    s = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]], dtype=float)
    with pytest.warns(UserWarning, match="4 patterns of rank 4 fill all 4 dimensions"):
        assert np.allclose(PseudoInverse().store(s).W, np.eye(4))
    memory = PseudoInverse().store(s[:2])
    theta = memory.theta.copy()
    with pytest.raises(ValueError, match=r"5 patterns of rank 4 .* expected a rank below 4"):
        memory.store(np.concatenate([s[2:], -s[:1]]))
    np.testing.assert_array_equal(memory.theta, theta)
    assert len(memory.patterns) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        many = PseudoInverse().store(np.concatenate([s[:3], -s[:3]]))
    assert np.trace(many.W) == pytest.approx(3)


def test_a_memory_is_written_or_learned():
    with pytest.raises(ValueError, match="signs or bits, not with any number"):
        Hebb(coding="real")
    with pytest.raises(TypeError, match="is not written but learned"):
        Dense(3).store([1, -1, 1])


@every_rule
def test_before_the_first_store_nothing_is_there(rule):
    for ask in (rule(), rule().energy, rule().field):
        with pytest.raises(ValueError, match="nothing is stored yet"):
            ask(np.ones(3))


def test_every_coding_of_two_values_is_known_to_the_rules():
    assert {name for name, c in CODINGS.items() if c.discrete} == {"signs", "bits"}
