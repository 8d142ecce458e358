"""The fast sweep in blocks against the plain one, unit by unit."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minigrad import backend
from minigrad.hopfield import Couplings, Dense, Hebb, Memory
from minigrad.hopfield.sweeps import BLOCK, FEW, swept


def drawn(rng, n, coding="signs", dtype="float64"):
    W = rng.normal(size=(n, n))  # not symmetric, and with a diagonal
    memory = Couplings(W, rng.normal(size=n), coding).to(dtype=dtype)
    x = np.where(rng.random((7, n)) < 0.5, memory.coding.low, 1.0)
    return memory, x.astype(dtype)


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 2, 5, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 3]),
    st.sampled_from(["signs", "bits"]),
    st.sampled_from(["float64", "float32"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
@example(1, 2 * BLOCK + 3, "signs", "float64", True, True, False)
@settings(max_examples=60, deadline=None)
def test_both_ways_agree(seed, n, coding, dtype, noisy, part, fields):
    rng = np.random.default_rng(seed)
    memory, x = drawn(rng, n, coding, dtype)
    order = rng.permutation(n)[: rng.integers(1, n + 1) if part else n].tolist()
    noise = rng.normal(size=x.shape).astype(dtype) if noisy else None
    h = memory.field(x) if fields else None
    kept = [None if a is None else a.copy() for a in (x, noise, h, memory.theta)]
    fast = swept(memory, x, order, noise, h)
    plain = Memory.sweep(memory, x, order, noise)
    np.testing.assert_array_equal(fast, plain)
    assert fast.dtype == plain.dtype == dtype and not np.shares_memory(fast, x)
    for before, after in zip(kept, (x, noise, h, memory.theta), strict=True):
        assert before is None or (before == after).all()


def test_a_start_between_the_two_values_is_swept_the_plain_way():
    memory, _ = drawn(np.random.default_rng(2), 30)
    x = np.random.default_rng(3).normal(size=(FEW + 1, 30))
    order = list(range(29, -1, -1))
    np.testing.assert_array_equal(memory.sweep(x, order), Memory.sweep(memory, x, order))


def test_a_sweep_is_one_unit_after_the_other_in_the_sight_of_those_before():
    memory, x = drawn(np.random.default_rng(1), 5)
    by_hand = x.copy()
    for i in (3, 0, 4):
        for row in by_hand:
            row[i] = np.sign(sum(memory.W[i, j] * row[j] for j in range(5)) + memory.b[i])
    for order in ([3, 0, 4], (3, 0, 4)):
        np.testing.assert_array_equal(memory.sweep(x, order), by_hand)


def test_the_order_decides():
    W = np.array([[0.0, -1.0], [-1.0, 0.0]])
    x = np.array([[1.0, 1.0]])
    assert Couplings(W).sweep(x, [0, 1]).tolist() == [[-1, 1]]
    assert Couplings(W).sweep(x, [1, 0]).tolist() == [[1, -1]]


def test_units_named_twice_are_updated_twice():
    W = np.array([[0.0, -1.0], [1.0, 0.0]])
    x = np.array([[1.0, 1.0]])
    memory = Couplings(W)
    assert memory.sweep(x, [0, 1, 0, 1]).tolist() == [[1, 1]]
    assert memory.sweep(x, [0, 0]).tolist() == [[-1, 1]]
    assert memory.sweep(x, []).tolist() == [[1, 1]]


@pytest.mark.parametrize("make", [Hebb, lambda: Dense(9, coding="signs", rng=1)])
def test_every_backend_sweeps_like_numpy(place, make):
    rng = np.random.default_rng(2)
    here = make()
    if isinstance(here, Hebb):
        here.store(np.sign(rng.normal(size=(3, 9))))
    x, order = np.sign(rng.normal(size=(6, 9))), rng.permutation(9).tolist()
    noise = rng.normal(size=x.shape)
    there = here.to(place.spec)
    for extra in (None, noise):
        moved = None if extra is None else backend.move(extra, place)
        found = there.sweep(backend.move(x, place), order, moved)
        np.testing.assert_array_equal(backend.host(found), here.sweep(x, order, extra))


@pytest.mark.parametrize(("n", "p"), [(8, 2), (16, 4), (64, 4)])
def test_a_unit_whose_field_is_0_keeps_its_value(n, p):
    """The sums of Hebb's rule are whole numbers over n, and here 1 / n is not rounded."""
    rng = np.random.default_rng(n)
    s, x = np.sign(rng.normal(size=(p, n))), np.sign(rng.normal(size=(50, n)))
    memory, whole = Hebb().store(s), s.T @ s - p * np.eye(n)
    order, expected = rng.permutation(n).tolist(), x.copy()
    for i in order:
        h = expected @ whole[i]
        expected[:, i] = np.where(h == 0, expected[:, i], np.sign(h))
    np.testing.assert_array_equal(memory.sweep(x, order), expected)
    np.testing.assert_array_equal(Memory.sweep(memory, x, order), expected)
    h = x @ whole
    np.testing.assert_array_equal(
        memory.answer(memory.field(x), x), np.where(h == 0, x, np.sign(h))
    )
