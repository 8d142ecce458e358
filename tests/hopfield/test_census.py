"""The census: of networks of which every fixed point is known, and two ways that must agree."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad.errors import ShapeError
from minigrad.hopfield import (
    Asynchronous,
    Couplings,
    Hebb,
    HopfieldNetwork,
    Memory,
    Polynomial,
    PseudoInverse,
    Softmax,
    Stochastic,
)
from minigrad.hopfield.census import census

UPDATES = ("asynchronous", "synchronous")


def signs(rng, p, n):
    return np.where(rng.random((p, n)) < 0.5, 1.0, -1.0)


def by_hand(W, b, update):
    """Where each state ends, by following it: a fixed point, a 2-cycle (as a set), or None."""
    ends = {}
    for state in itertools.product((-1.0, 1.0), repeat=len(W)):
        x, path = np.array(state), []
        while tuple(x) not in path:
            path.append(tuple(x))
            y = x.copy()
            for i in range(len(W)):
                h = W[i] @ (y if update == "asynchronous" else x) + b[i]
                y[i] = np.sign(h) or x[i]
            x = y
        loop = path[path.index(tuple(x)) :]
        ends[state] = loop[0] if len(loop) == 1 else frozenset(loop) if len(loop) == 2 else None
    return ends


def test_one_pattern_and_its_negative(rng):
    s = signs(rng, 1, 9)
    for update in UPDATES:
        found = census(Hebb().store(s), update=update)
        assert found.counts == {"stored": 1, "negative": 1} and found.cycles == 0
        assert found.basin.tolist() == [0.5, 0.5] and found.complete and found.states == 512
        np.testing.assert_allclose(found.energy, -(9 * 9 - 9) / 18)
        assert sorted(map(tuple, found.points)) == sorted(map(tuple, np.concatenate([s, -s])))
        assert found.memories == 1 == found.kept and found.nearest.tolist() == [0, 0]
        assert sorted(found.overlap) == [-1, 1] and found.overlap[found.kind == "stored"] == 1


def test_three_orthogonal_patterns_and_their_mixtures():
    """sign(+-a +-b +-c) of three rows of a Hadamard matrix: 8 mixtures, with energies by hand."""
    H = np.array([[1, 1], [1, -1]])
    H = np.kron(np.kron(H, H), np.kron(H, H)).astype(float)
    X = H[[1, 2, 4]]
    found = census(Hebb().store(X))
    assert found.counts == {"stored": 3, "negative": 3, "mixture": 8}
    mixtures = {tuple(np.sign(np.array(c) @ X)) for c in itertools.product((-1, 1), repeat=3)}
    assert mixtures == set(map(tuple, found.points[found.kind == "mixture"]))
    own = 3 / 2  # what the diagonal would add
    np.testing.assert_allclose(found.energy[found.kind == "stored"], -16 / 2 + own)
    np.testing.assert_allclose(found.energy[found.kind == "mixture"], -16 / 2 * 3 / 4 + own)
    for kind, sign in (("stored", 1), ("negative", -1)):
        of = found.kind == kind
        np.testing.assert_array_equal(found.points[of], sign * X[found.nearest[of]])
        assert (found.overlap[of] == sign).all()
    assert (np.diff(found.energy) >= -1e-9).all() and found.basin.sum() == pytest.approx(1)
    assert found.elsewhere == 0 == found.in_cycles
    assert sum(found.shares.values()) == pytest.approx(1)


def test_two_units_that_copy_each_other():
    """W = [[0, 1], [1, 0]]: two fixed points, and of all at once a 2-cycle of two states."""
    memory = Couplings([[0, 1], [1, 0]])
    found = census(memory)
    assert sorted(found.points.tolist()) == [[-1, -1], [1, 1]] and found.basin.tolist() == [0.5] * 2
    assert found.counts == {"nothing stored to compare with": 2} and found.memories == 0
    both = census(memory, update="synchronous")
    assert both.cycles == 1 and both.in_cycles == 0.5 and both.basin.tolist() == [0.25, 0.25]
    sampled = census(memory, [[1, -1], [-1, 1], [1, 1]], update="synchronous")
    assert sampled.cycles == 1 and sampled.in_cycles == pytest.approx(2 / 3)


def test_longer_cycles_and_states_that_all_stay():
    W = [[0, 0, -1], [1, 0, 0], [0, 1, 0]]  # x1' = -x3, x2' = x1, x3' = x2: cycles of 6 and 2
    found = census(Couplings(W), update="synchronous")
    assert len(found) == 0 and found.cycles == 1 and found.in_cycles == 2 / 8
    assert found.elsewhere == 6 / 8 and "0 fixed points and 1 2-cycles" in str(found)
    still = census(Couplings(np.zeros((3, 3))))
    assert len(still) == 8 and (still.basin == 1 / 8).all()


@given(st.integers(0, 2**32), st.booleans(), st.sampled_from(UPDATES))
@settings(max_examples=25, deadline=None)
def test_every_state_ends_where_following_it_ends(seed, symmetric, update):
    rng = np.random.default_rng(seed)
    W, b = rng.integers(-2, 3, (5, 5)).astype(float), rng.integers(-1, 2, 5).astype(float)
    W = W + W.T if symmetric else W
    ends = by_hand(W, b, update)
    found = census(Couplings(W, b), update=update)
    points = [end for end in ends.values() if isinstance(end, tuple)]
    assert set(points) == set(map(tuple, found.points.tolist())) and len(found) == len(set(points))
    for point, basin in zip(found.points.tolist(), found.basin, strict=True):
        assert basin == points.count(tuple(point)) / 32
    pairs = [end for end in ends.values() if isinstance(end, frozenset)]
    assert found.cycles == len(set(pairs)) and found.in_cycles == len(pairs) / 32
    assert found.elsewhere == list(ends.values()).count(None) / 32
    if symmetric:
        for x, energy in zip(found.points, found.energy, strict=True):
            assert energy == pytest.approx(-x @ W @ x / 2 - b @ x)


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize(
    "make", [Hebb, PseudoInverse, lambda: Polynomial(3), lambda: Softmax(0.2, "signs")]
)
def test_a_sample_of_all_states_is_the_enumeration(make, update, rng):
    memory = make().store(signs(rng, 3, 8))
    every = census(memory, update=update)
    states = np.array(list(itertools.product((-1.0, 1.0), repeat=8)))
    sample = census(memory, states, update=update)
    assert every.complete and not sample.complete
    np.testing.assert_array_equal(np.unique(every.points, axis=0), np.unique(sample.points, axis=0))
    key, other = (np.lexsort(c.points.T) for c in (every, sample))
    for name in ("basin", "energy", "kind", "nearest", "overlap"):
        a, b = getattr(every, name)[key], getattr(sample, name)[other]
        if a.dtype == object:
            assert a.tolist() == b.tolist()
        else:
            np.testing.assert_allclose(a, b)
    assert every.cycles == sample.cycles and every.in_cycles == sample.in_cycles


def test_random_starts_come_close(rng):
    memory = Hebb().store(signs(rng, 3, 12))
    every, sample = census(memory), census(memory, 4000, rng=1)
    assert len(sample) == len(every) and sample.states == 4000
    for kind, share in every.shares.items():
        assert sample.shares[kind] == pytest.approx(share, abs=0.04)
    assert str(census(memory, 50, rng=1)) == str(census(memory, 50, rng=1))


def test_more_than_twenty_units_are_sampled(rng):
    found = census(Hebb().store(signs(rng, 2, 30)), rng=1)
    assert not found.complete and found.states == 1000 and found.kept == 2
    assert found.counts == {"stored": 2, "negative": 2}


def test_bits_are_as_signs(rng):
    X = signs(rng, 3, 8)  # of 8 units fields are exact, and those of 0 are 0 on every way
    a = census(Hebb().store(X))
    b = census(Hebb(coding="bits").store((1 + X) / 2))
    assert a.counts == b.counts and a.cycles == b.cycles
    rows = [{tuple(p) for p in points} for points in (a.points, 2 * b.points - 1)]
    assert rows[0] == rows[1]
    np.testing.assert_allclose(np.sort(a.basin), np.sort(b.basin))


class Voiceless(Memory):
    """It has no energy."""

    n = 3

    def field(self, x):
        return x


def test_the_update_is_that_of_the_network_and_the_table_says_it(rng):
    net = HopfieldNetwork(Hebb()).store(signs(rng, 2, 6))
    assert census(net).update == "synchronous"
    assert census(net, update=Asynchronous()).update == "one unit after the other"
    assert census(net.memory).update == "one unit after the other"
    lines = str(census(net.memory)).splitlines()
    assert lines[0].startswith("Hebb, 6 units, one unit after the other: ")
    assert lines[0].endswith("from all 64 states") and "stored patterns are fixed" in lines[1]
    assert lines[2].split()[:2] == ["kind", "number"]
    text = str(census(Voiceless()))
    assert "8 fixed points" in text and "nan" not in text


def test_every_backend_says_the_same(spec, rng):
    for memory in (Hebb().store(signs(rng, 3, 8)), Polynomial(3).store(signs(rng, 3, 7))):
        for update in UPDATES:
            here, there = census(memory, update=update), census(memory.to(spec), update=update)
            assert here.counts == there.counts and here.cycles == there.cycles
            np.testing.assert_array_equal(np.sort(here.basin), np.sort(there.basin))
        sampled = census(memory.to(spec), 64, "synchronous", rng=1)
        assert str(sampled) == str(census(memory, 64, "synchronous", rng=1))


def test_bad_requests_are_refused(rng):
    memory = Hebb().store(signs(rng, 2, 6))
    for update in ("continuous", Stochastic(1.0), Asynchronous(0.5)):
        with pytest.raises(ValueError, match="expected 'synchronous' or 'asynchronous'"):
            census(memory, update=update)
    with pytest.raises(ValueError, match="of signs or bits, not of any number"):
        census(Softmax(1.0).store(signs(rng, 2, 6)), update="synchronous")
    with pytest.raises(ShapeError, match=r"expected states \(S, 6\), came \(2, 5\)"):
        census(memory, np.ones((2, 5)))
    with pytest.raises(ValueError, match="starts must be a whole number"):
        census(memory, 0)
    with pytest.raises(ValueError, match="starts: 2 at"):
        census(memory, 2 * np.ones((1, 6)))
