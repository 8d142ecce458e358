"""Pruning: what goes, what stays, and that a memory without some of it still recalls."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import Affinity, backend
from minigrad.hopfield import (
    Couplings,
    Dense,
    Hebb,
    HopfieldNetwork,
    Memory,
    Polynomial,
    PseudoInverse,
    Softmax,
    Storkey,
    recoded,
)
from minigrad.hopfield.pruning import pruned
from minigrad.hopfield.trials import trial


def signs(rng, p, n):
    return np.where(rng.random((p, n)) < 0.5, 1.0, -1.0)


def learned(rng, n, coding="signs"):
    memory = Dense(n, coding=coding)
    memory.M = rng.normal(size=(n, n))
    return memory


def made(rng):
    X = signs(rng, 4, 15)
    dense, bits = learned(rng, 15), learned(rng, 15, "bits")
    dense.bias = rng.normal(size=15)
    loose = rng.normal(size=(15, 15))
    return [
        Hebb().store(X),
        PseudoInverse().store(X),
        Storkey().store(X),
        Hebb(coding="bits").store((1 + X) / 2),
        Couplings(loose, rng.normal(size=15)),
        Couplings(loose + loose.T, coding="bits"),
        dense,
        bits,
    ]


@given(
    st.integers(0, 7),
    st.floats(0, 1),
    st.sampled_from(["magnitude", "random"]),
    st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_so_many_pairs_go_and_the_rest_stays(which, share, by, seed):
    memory = made(np.random.default_rng(3))[which]
    before, b = memory.W.copy(), memory.b.copy()
    less = pruned(memory, share, by, rng=seed)
    np.testing.assert_array_equal(memory.W, before)
    gone = (less.W == 0) & (before != 0)
    np.testing.assert_array_equal(gone, gone.T)
    there = before != 0
    np.testing.assert_allclose(less.W[~gone & there], before[~gone & there], rtol=1e-14)
    np.testing.assert_array_equal(np.diag(less.W), np.diag(before))
    zeros = np.count_nonzero(less.W[np.triu_indices(15, 1)] == 0)
    already = np.count_nonzero(before[np.triu_indices(15, 1)] == 0)
    count = round(share * 105)
    if by == "magnitude":
        assert zeros == max(count, already)
        size = np.maximum(np.abs(before), np.abs(before.T))
        kept = size[(less.W != 0) & ~np.eye(15, dtype=bool)]
        assert not gone.any() or not kept.size or size[gone].max() <= kept.min() * (1 + 1e-12)
    else:
        assert count <= zeros <= count + already
    assert type(less) is type(memory) and less.coding == memory.coding
    if not (isinstance(memory, Hebb | Dense) and memory.coding.name == "bits"):
        np.testing.assert_array_equal(less.b, b)
    if memory.patterns is not None:
        np.testing.assert_array_equal(less.patterns, memory.patterns)


def test_none_is_nothing_and_all_is_all(rng):
    for memory in made(rng):
        np.testing.assert_allclose(pruned(memory, 0).W, memory.W, rtol=1e-14)
        np.testing.assert_allclose(pruned(memory, 0).b, memory.b, rtol=1e-14, atol=1e-14)
        empty = pruned(memory, 1).W
        np.testing.assert_array_equal(empty, np.diag(np.diag(memory.W)))


def test_a_written_memory_of_bits_is_that_of_signs_pruned(rng):
    X = signs(rng, 4, 15)
    for rule in (Hebb, PseudoInverse):
        of_signs = pruned(rule().store(X), 0.4, rng=1)
        of_bits = pruned(rule(coding="bits").store((1 + X) / 2), 0.4, rng=1)
        expected = recoded(of_signs, "bits")
        np.testing.assert_allclose(of_bits.W, expected.W, atol=1e-14)
        np.testing.assert_allclose(of_bits.b, expected.b, atol=1e-14)
    dense = pruned(learned(rng, 6, "bits"), 0.5)
    np.testing.assert_allclose(dense.b, -dense.W.sum(axis=1) / 2)


def test_equals_go_by_lot_and_a_seed_repeats(rng):
    memory = Hebb().store(signs(rng, 3, 20))  # few sizes, 1/20 and 3/20
    a, b, c = (pruned(memory, 0.3, rng=seed).W for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


def test_a_hebbian_memory_recalls_with_half_of_its_couplings(rng):
    net = HopfieldNetwork(Hebb()).store(signs(rng, 6, 200))
    half = pruned(net, 0.5, "random", rng=1)
    assert isinstance(half, HopfieldNetwork) and half.update is not net.update
    t = trial(half, noise=0.1, rng=1)
    assert t.exact[0] > 0.9 and trial(pruned(net, 0.99, "random", rng=1), noise=0.1).exact[0] < 0.1


def test_elements_of_stored_patterns_go_by_lot_only(rng):
    for memory in (Softmax(1.0), Polynomial(3)):
        memory.store(signs(rng, 5, 12))
        for count in (0, 1, 30, 60):
            less = pruned(memory, count / 60, "random", rng=2)
            gone = less.X == 0
            assert gone.sum() == count and (less.X[~gone] == memory.X[~gone]).all()
        with pytest.raises(ValueError, match="all 60 weights are of the size 1 "):
            pruned(memory, 0.5)
    grey = Softmax(1.0).store(rng.normal(size=(5, 12)))
    less = pruned(grey, 0.5).X
    assert np.abs(grey.X[less == 0]).max() <= np.abs(less[less != 0]).min()


class Two(Memory):
    """Two matrices of different sizes, and a vector."""

    def __init__(self):
        self.n = 4
        self.declare(rng=1, A=(3, 4), B=(4, 3), c=(4,))
        self.c = [0.1, 0.2, 0.3, 0.4]

    def field(self, x):
        return self.xp.tanh(x @ self.A.mT) @ self.B.mT + self.c


def test_named_parameters():
    memory = Two()
    less = pruned(memory, 0.5)
    sizes = np.abs(np.concatenate([memory.A.ravel(), memory.B.ravel()]))
    cut = np.sort(sizes)[12]
    for name in "AB":
        old = getattr(memory, name)
        np.testing.assert_array_equal(getattr(less, name), np.where(np.abs(old) < cut, 0, old))
    np.testing.assert_array_equal(less.c, memory.c)
    less = pruned(memory, 0.5, names=["c"])
    assert less.c.tolist() == [0, 0, 0.3, 0.4] and (less.A == memory.A).all()
    with pytest.raises(ValueError, match=r"no parameter \['D'\]: it has \['A', 'B', 'c'\]"):
        pruned(memory, 0.5, names=["D"])


class Layered(Memory):
    """A memory that is a layer inside another thing."""

    def __init__(self):
        self.n = 3
        self.layers = (Affinity(3, 3, rng=1),)

    def field(self, x):
        return self.layers[0](x)


def test_parameters_of_layers_inside_are_found():
    memory = Layered()
    less = pruned(memory, 1 / 3, names=["0.M"])
    assert np.count_nonzero(less.layers[0].M) == 6 and np.count_nonzero(memory.layers[0].M) == 9
    assert np.count_nonzero(pruned(memory, 1).layers[0].M) == 0


def test_every_backend_says_the_same(spec, rng):
    X = signs(rng, 4, 10)
    for memory in (Storkey().store(X), learned(rng, 10), Softmax(0.3).store(X)):
        here = pruned(memory, 0.4, "random", rng=1)
        there = pruned(memory.to(spec), 0.4, "random", rng=1)
        np.testing.assert_allclose(here.theta, backend.host(there.theta), atol=1e-15)
        assert there.place.name == spec
        single = pruned(memory.to(dtype="float32"), 0.4, "random", rng=1)
        assert single.theta.dtype == np.float32


def test_bad_requests_are_refused(rng):
    memory = Hebb().store(signs(rng, 3, 8))
    for bad, message in (
        ({"share": 1.2}, "share: expected a share from 0 to 1, came 1.2"),
        ({"share": 0.5, "by": "size"}, "by: expected one of magnitude, random"),
    ):
        with pytest.raises(ValueError, match=message):
            pruned(memory, **bad)
    with pytest.raises(ValueError, match="nothing is stored"):
        pruned(Hebb(), 0.5)
    with pytest.raises(ValueError, match=r"are of the size 0\.125"):
        pruned(Hebb().store(signs(rng, 1, 8)), 0.5)
    with pytest.raises(TypeError, match="came a list"):
        pruned([], 0.5)
