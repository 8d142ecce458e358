"""Basins: of memories that reach as far as is known."""

import numpy as np
import pytest

from minigrad.hopfield import Hebb, HopfieldNetwork, Memory, PseudoInverse
from minigrad.hopfield.basins import basins


class Tolerant(Memory):
    """It recalls pattern k from any start with at most reach[k] wrong units, and else its start."""

    def __init__(self, patterns, reach):
        self.n, self.patterns, self.reach = patterns.shape[1], patterns, reach

    def field(self, x):
        wrong = (x[:, None, :] != self.patterns).sum(axis=-1)
        near = wrong.argmin(axis=1)
        good = wrong.min(axis=1) <= self.reach[near]
        return np.where(good[:, None], self.patterns[near], x)


def signs(rng, p, n):
    return np.where(rng.random((p, n)) < 0.5, 1.0, -1.0)


def test_the_rate_of_one_half_is_where_the_reach_ends(rng):
    reach = np.array([0.1, 0.2, 0.25])
    memory = Tolerant(signs(rng, 3, 400), (400 * reach).astype(int))
    found = basins(memory, rates=np.linspace(0, 0.4, 41), draws=40, rng=1)
    np.testing.assert_allclose(found.half, reach, atol=0.01)
    assert found.radius == found.half[1] and found.recalled.shape == (3, 41)
    assert (found.recalled[:, 0] == 1).all() and (found.recalled[:, -1] == 0).all()
    assert (np.diff(found.recalled, axis=1) <= 0).all()  # the same starts, with more and more flips


def test_between_two_rates_it_lies_on_a_line(rng):
    class Third(Memory):
        """Of four starts, three are recalled."""

        def __init__(self, patterns):
            self.n, self.patterns = patterns.shape[1], patterns

        def field(self, x):
            same = (x == self.patterns[0]).all(axis=1)
            lucky = np.arange(len(x)) % 4 == 0
            return np.where((same | lucky)[:, None], self.patterns[0], x)

    found = basins(Third(signs(rng, 1, 50)), rates=(0, 0.3), draws=4, rng=1)
    assert found.recalled.tolist() == [[1, 0.25]]
    assert found.half[0] == pytest.approx(0.3 * 0.5 / 0.75)


def test_never_and_always_have_the_first_and_the_last_rate(rng):
    X = signs(rng, 2, 30)
    always = basins(Tolerant(X[:1], np.array([30])), rates=(0, 0.2), draws=3)
    never = basins(Tolerant(X[:1], np.array([-1])), X[1:], rates=(0.1, 0.2), draws=3)
    assert always.half.tolist() == [0.2] and never.half.tolist() == [0]


def test_fewer_memories_reach_farther_and_a_seed_repeats(rng):
    X = signs(rng, 20, 80)
    few = basins(PseudoInverse(zero_diagonal=True).store(X[:6]), draws=5, rng=2)
    many = basins(PseudoInverse(zero_diagonal=True).store(X), draws=5, rng=2)
    assert few.radius > many.radius + 0.05
    again = basins(PseudoInverse(zero_diagonal=True).store(X), draws=5, rng=2)
    np.testing.assert_array_equal(many.recalled, again.recalled)


def test_the_table(rng):
    net = HopfieldNetwork(Hebb(), "asynchronous").store(signs(rng, 12, 100))
    lines = str(basins(net, rates=(0, 0.2), draws=2)).splitlines()
    assert lines[0] == "Hebb: 12 memories, 2 starts at each rate, asynchronous"
    assert lines[2].split() == ["memory", "0", "0.2", "half", "at"] and len(lines) == 16
    assert lines[-1] == "2 memories between are not shown"


def test_every_backend_says_the_same(spec, rng):
    memory = Hebb().store(signs(rng, 4, 30))
    a, b = (basins(m, rates=(0, 0.2, 0.4), draws=3, rng=1) for m in (memory, memory.to(spec)))
    np.testing.assert_array_equal(a.recalled, b.recalled)


@pytest.mark.parametrize("rates", [(), (0.2, 0.1), (0.1, 0.1)])
def test_rates_rise(rates, rng):
    with pytest.raises(ValueError, match="rates of flips that rise"):
        basins(Hebb().store(signs(rng, 2, 9)), rates=rates)
