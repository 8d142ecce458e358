"""The fast path against the plain steps: the same winners, the same weights to rounding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad.hebbian import lookahead
from minigrad.hebbian.invariant import RULE as INVARIANT_RULE
from minigrad.hebbian.invariant import InvariantLayer
from minigrad.hebbian.sparse import RULE as SPARSE_RULE
from minigrad.hebbian.sparse import SparseLayer

TOLERANCE = {"float64": 1e-13, "float32": 2e-5}  # of the largest weight


def frames(count, n, share=0.3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.random((count, n)) * (rng.random((count, n)) < share)
    x[count // 2] = 0  # a blank
    return x


def both(layer, x, dtype):
    """(what it learned, theta) by the fast path, and by the plain steps."""
    x, found = x.astype(dtype), []
    for plain in ("", "1"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MINIGRAD_PLAIN", plain)
            twin = layer.to(dtype=dtype)
            y = np.concatenate([twin.learn(x[:100]), twin.learn(x[100:])])
            found.append((y, twin))
    return found


def same(layer, x, dtype):
    (y, fast), (reference, plain) = both(layer, x, dtype)
    np.testing.assert_array_equal(y > 0, reference > 0)
    scale = TOLERANCE[dtype]
    np.testing.assert_allclose(y, reference, atol=scale * reference.max())
    np.testing.assert_allclose(fast.W, plain.W, atol=scale * plain.W.max())
    np.testing.assert_array_equal(fast.wins, plain.wins)
    return fast, plain


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lateral": 0, "k": 1},
        {"lateral": 2.4, "rate": 0.3},
        {"side": 30, "k": 4},
        {"side": 6, "k": 6},
        {"rate": 1.5},  # weights fall to the floor; from 2 on it is chaos, plain float32 as well
        {"side": (8, 9), "k": 60},  # many winners: by a partition
    ],
    ids=str,
)
def test_the_sparse_layer(options, dtype):
    layer = SparseLayer(13, **{"side": (6, 7), "k": 3, "rng": 1, **options})
    fast, _ = same(layer, frames(230, 13), dtype)
    assert (fast.wins > 0).sum() > layer.k or layer.k == layer.m


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"k": None},
        {"lateral": 0, "k": 1, "alpha": 1},
        {"renormalise_every": 17, "reset_every": 9},
        {"renormalise_every": None, "rates": (0.3, 0.3)},
        {"rates": (0.5, 0.0)},
        {"rates": (0.9, 1.5), "renormalise_every": 40},  # far too large: weights fall to the floor
    ],
    ids=str,
)
def test_the_invariant_layer(options, dtype):
    layer = InvariantLayer(17, **{"side": (5, 6), "k": 3, "rng": 1, **options})
    fast, plain = same(layer, frames(230, 17), dtype)
    np.testing.assert_allclose(fast.trace, plain.trace, atol=TOLERANCE[dtype] * fast.trace.max())
    np.testing.assert_array_equal(fast.clock, plain.clock)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_silent_inputs_that_nothing_reconstructs(dtype):
    """Columns below PREC decay more slowly than the rest, and rows meet the floor."""
    layer = InvariantLayer(17, 6, k=1, rates=(0.1, 0.4), renormalise_every=None, rng=1)
    layer.W[:, :8] *= 1e-8
    layer.W[2, 9:] *= 1e-9
    x = frames(230, 17)
    x[:, :8] *= np.arange(230)[:, None] > 180  # they come back at the end
    fast, plain = same(layer, 3 * x, dtype)
    rtol = {"float64": 1e-9, "float32": 1e-2}[dtype]
    np.testing.assert_allclose(fast.W, plain.W, rtol=rtol)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_weights_at_the_floor_wait_for_their_input(dtype):
    """Silent inputs whose weights decay to the floor, and come back long after it."""
    layer = InvariantLayer(17, 6, k=None, rates=(0.2, 0.1), renormalise_every=None, rng=1)
    layer.W[:, :8] *= 3e-11
    layer.W[0, :8] = 0.05  # so that something reconstructs them
    x = 3 * frames(230, 17)
    x[:200, :8] = 0
    plain = layer.to(dtype=dtype)
    for row in x[:200].astype(dtype):
        plain.update(row)
    assert (plain.W[1:, :8] <= 1e-12).any()
    fast, plain = same(layer, x, dtype)
    rtol = {"float64": 1e-9, "float32": 1e-2}[dtype]
    np.testing.assert_allclose(fast.W, plain.W, rtol=rtol)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 6),
    st.sampled_from([0, 0.5, 1.0]),
    st.sampled_from([0, 9]),
)
def test_of_equals_the_first_wins_in_both(seed, k, lateral, few):
    """Small whole numbers: every sum is exact, and there are many equals."""
    rng = np.random.default_rng(seed)
    W = rng.integers(1, 3, (12, 4)).astype(float)
    x = rng.integers(0, 3, (1, 4)).astype(float)
    found = []
    for plain in ("", "1"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MINIGRAD_PLAIN", plain)
            patch.setattr(lookahead, "FEW", few)
            layer = SparseLayer(4, (4, 3), k=k, radius=1, lateral=lateral, rng=1)
            layer.W = W
            layer.learn(x)
            found.append(layer.wins.copy())
    np.testing.assert_array_equal(*found)


def test_weights_that_start_at_0_are_lifted_by_both():
    layer = SparseLayer(5, 6, k=2, start="ones", rng=1)
    layer.W = np.random.default_rng(1).integers(0, 2, (6, 5)).astype(float)
    fast, plain = same(layer, frames(120, 5), "float64")
    assert fast.W.min() == plain.W.min() >= 1e-12


def test_who_changes_the_rule_gets_the_plain_steps(monkeypatch):
    class Own(SparseLayer):
        def update(self, x):
            self.W = self.W + 1
            return super().update(x)

    class Named(SparseLayer):
        """Nothing of it is changed."""

    class Loud(InvariantLayer):
        def activity(self, p):
            return 2 * super().activity(p)

    def sparse(kind):
        return kind(5, 6, k=2, rng=1)

    assert lookahead.applies(sparse(SparseLayer), SPARSE_RULE)
    assert lookahead.applies(sparse(Named), SPARSE_RULE)
    assert not lookahead.applies(sparse(Own), SPARSE_RULE)
    assert not lookahead.applies(Loud(5, 6, k=2), INVARIANT_RULE)
    assert not lookahead.applies(sparse(SparseLayer).to("array-api-strict"), SPARSE_RULE)
    layer = sparse(SparseLayer)
    layer.activity = lambda p: p
    assert not lookahead.applies(layer, SPARSE_RULE)
    monkeypatch.setattr(SparseLayer, "excitation", lambda self, p: -p)
    assert not lookahead.applies(sparse(SparseLayer), SPARSE_RULE)
    monkeypatch.undo()
    monkeypatch.setenv("MINIGRAD_PLAIN", "1")
    assert not lookahead.applies(sparse(SparseLayer), SPARSE_RULE)


def test_the_fast_path_is_taken(monkeypatch, rng):
    def refuse(*_):
        raise AssertionError("a plain step")

    monkeypatch.setattr(SparseLayer, "update", refuse)
    monkeypatch.setattr(InvariantLayer, "update", refuse)
    monkeypatch.setattr("minigrad.hebbian.sparse.RULE", lookahead.rule(SparseLayer))
    monkeypatch.setattr("minigrad.hebbian.invariant.RULE", lookahead.rule(InvariantLayer))
    y = SparseLayer(5, 6, k=2, rng=1).learn(rng.random((70, 5)))
    InvariantLayer(6, 4, k=2, rng=1).learn(y)
