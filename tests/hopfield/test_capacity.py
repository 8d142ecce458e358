"""Capacity: published values, the equations themselves, and random patterns."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad import Adam, backend
from minigrad.hopfield import Dense, Hebb, HopfieldNetwork, Memory, Polynomial, PseudoInverse
from minigrad.hopfield.capacity import (
    capacity_curve,
    critical_load,
    crosstalk_error,
    exponential_capacity,
    first_step_error,
    knee,
    polynomial_error,
    polynomial_load,
    projection_error,
    retrieval_overlap,
)


@pytest.mark.parametrize(
    "alpha, error", [(0.105, 0.0010), (0.138, 0.0036), (0.185, 0.0100), (0.37, 0.050), (0.61, 0.10)]
)
def test_the_published_errors_of_a_first_step(alpha, error):
    """Hertz, Krogh and Palmer, table 2.1."""
    assert crosstalk_error(alpha) == pytest.approx(error, abs=6e-5 if error < 0.02 else 6e-4)


def test_a_first_step_in_simulation():
    found = first_step_error(Hebb, 1000, [0.138], draws=5, rng=1)
    assert found.wrong[0] == pytest.approx(0.00337, abs=0.0002)
    assert found.counts.tolist() == [138] and found.steps == 1
    np.testing.assert_allclose(found.overlap, 1 - 2 * found.wrong)


@pytest.mark.parametrize("rate", [0.0, 0.2])
def test_loads_with_flips_in_simulation(rate):
    """The law is of many units: p - 1 others, and a unit does not hear itself."""
    loads = np.array([0.2, 0.4])
    found = first_step_error(Hebb, 400, loads, draws=20, rng=5, noise=rate)
    law = crosstalk_error(loads - 1 / 400, rate)
    np.testing.assert_allclose(found.wrong, law, rtol=0.05)
    assert (np.abs(found.wrong - law) < 4 * found.wrong_spread / 20**0.5).all()


def test_the_critical_load():
    """Amit, Gutfreund and Sompolinsky: 0.138, 0.967, 1.6 %."""
    found = critical_load()
    assert found.load == pytest.approx(0.137906, abs=5e-7)
    assert found.overlap == pytest.approx(0.967417, abs=5e-7)
    assert found.error == pytest.approx(0.0163, abs=5e-5)
    assert found.error == (1 - found.overlap) / 2


@given(st.floats(0.03, 0.1379))
def test_an_overlap_solves_the_equations_of_the_theory(alpha):
    """m = erf(y), r = 1/(1 - C)^2, C = sqrt(2/(pi alpha r)) exp(-y^2), y = m / sqrt(2 alpha r).

    Their iteration, from m = 1, comes to the stable solution.
    """
    m = r = 1.0
    for _ in range(4000):
        c = math.sqrt(2 / (math.pi * alpha * r)) * math.exp(-m * m / (2 * alpha * r))
        m, r = math.erf(m / math.sqrt(2 * alpha * r)), 1 / (1 - c) ** 2
    assert retrieval_overlap(alpha) == pytest.approx(m, abs=1e-6)


@given(st.floats(1e-9, 0.03))
def test_few_patterns_are_recalled_almost_without_error(alpha):
    """Fewer bits are wrong than after a first step with as much noise again."""
    assert 0 <= 1 - retrieval_overlap(alpha) <= 2 * crosstalk_error(2 * alpha) + 1e-15


def test_overlaps_fall_up_to_the_critical_load_and_are_then_none():
    top = critical_load().load
    m = retrieval_overlap(np.linspace(0, top, 30))
    assert m[0] == 1 and (np.diff(m) <= 0).all()
    assert m[-1] == pytest.approx(critical_load().overlap, abs=1e-6)
    assert retrieval_overlap(top + 1e-9) == 0 == retrieval_overlap(0.5)
    assert isinstance(retrieval_overlap(0.1), float)


def test_overlaps_in_simulation():
    found = capacity_curve(Hebb, 1000, [0.05, 0.1], draws=3, rng=1)
    np.testing.assert_allclose(found.overlap, retrieval_overlap(found.loads), atol=0.002)


def test_the_knee_in_simulation():
    found = capacity_curve(Hebb, 600, [0.11, 0.13, 0.15, 0.18], draws=4, starts=16, rng=1)
    assert (np.diff(found.overlap) < 0).all() and 0.12 < knee(found) < 0.165
    assert knee(found, 0.1) != knee(found, 0.1)  # it never falls so far: NaN
    assert knee(found, 1.0) == 0.11
    i = 2 if found.overlap[2] < 0.9 else 3
    at = np.interp(0.9, found.overlap[[i, i - 1]], found.loads[[i, i - 1]])
    assert knee(found, 0.9) == pytest.approx(at)


@pytest.mark.parametrize("degree, moment", [(2, 1), (3, 3), (4, 15), (5, 105)])
def test_the_moment_of_a_degree_is_that_of_a_normal_variable(degree, moment):
    """E z^(2d-2) = (2d-3)!!, by the quadrature of Gauss and Hermite."""
    z, w = np.polynomial.hermite_e.hermegauss(20)
    assert (w @ z ** (2 * degree - 2)) / w.sum() == pytest.approx(moment)
    alpha = 0.4 / moment
    assert polynomial_error(alpha, degree) == pytest.approx(crosstalk_error(0.4))
    assert polynomial_error(polynomial_load(degree, 0.01), degree) == pytest.approx(0.01)
    assert polynomial_load(degree) == pytest.approx(polynomial_load(2) / moment)


def test_the_third_degree_in_simulation():
    """At n units the other patterns' differences, (z + 1)^3 - (z - 1)^3 = 6 z^2 + 2, count."""
    n, counts = 60, [180, 360, 540]
    found = first_step_error(lambda: Polynomial(3), n, counts, draws=4, rng=1)
    law = polynomial_error(np.array(counts) / n**2, 3)
    np.testing.assert_allclose(found.wrong, law, rtol=0.12, atol=0.001)
    signal, m = n**3 - (n - 2) ** 3, n - 1
    square = 36 * (3 * m * m - 2 * m) + 24 * m + 4  # of 6 z^2 + 2, z a sum of m signs
    exact = [math.erfc(signal / math.sqrt(2 * (p - 1) * square)) / 2 for p in counts]
    np.testing.assert_allclose(found.wrong, exact, rtol=0.05, atol=0.0005)


def test_the_exponential_law():
    assert exponential_capacity(10) == pytest.approx(2**5)
    assert exponential_capacity(10, 0.5) == 1
    q = 0.2  # ln 2 less the entropy of a flip
    entropy = -(q * math.log(q) + (1 - q) * math.log(1 - q))
    assert exponential_capacity(7, q) == pytest.approx(math.exp(7 * (math.log(2) - entropy) / 2))
    assert exponential_capacity(7, 1 - q) == pytest.approx(exponential_capacity(7, q))


@pytest.mark.parametrize("diagonal", [False, True])
def test_the_pseudo_inverse_in_simulation(diagonal):
    loads = np.array([0.2, 0.4, 0.7])
    found = first_step_error(
        lambda: PseudoInverse(zero_diagonal=not diagonal), 200, loads, 6, rng=1, noise=0.2
    )
    np.testing.assert_allclose(
        found.wrong, projection_error(loads, 0.2, diagonal), rtol=0.05, atol=0.0007
    )
    clean = first_step_error(lambda: PseudoInverse(not diagonal), 100, [0.3, 0.9], 3, rng=1)
    assert (clean.wrong == 0).all() and (clean.exact == 1).all()


def test_a_projection_at_its_edges():
    assert projection_error(0.5, 0.0) == 0 == projection_error(0, 0.3)
    assert projection_error(0.5, 1.0) == 1 and projection_error(0.3, 0.5) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="a load below 1"):
        projection_error(1.0, 0.1)


def test_whole_numbers_are_patterns_and_a_seed_repeats():
    a = capacity_curve(Hebb, 40, [2, 10], draws=3, noise=0.1, starts=5, rng=7)
    b = capacity_curve(Hebb, 40, [0.05, 0.25], draws=3, noise=0.1, starts=5, rng=7)
    assert a.counts.tolist() == [2, 10] == b.counts.tolist() and str(a) == str(b)
    assert str(a) != str(capacity_curve(Hebb, 40, [2, 10], draws=3, noise=0.1, starts=5, rng=8))
    one = capacity_curve(Hebb, 40, [2], draws=1, rng=1)
    assert one.overlap_spread.tolist() == [0] and one.loads.tolist() == [0.05]


def test_the_spread_is_over_the_draws():
    """Of single starts of one bit each, so that the draws are known."""

    class Coin(Memory):
        def write(self, patterns):
            self.n, self.patterns = patterns.shape[1], patterns
            self.coin = next(faces)

        def field(self, x):
            return self.coin * x

    faces = iter([1, 1, 1, -1])
    found = first_step_error(Coin, 5, [1], draws=4, rng=1)
    assert found.overlap[0] == 0.5 and found.wrong[0] == 0.25 == 1 - found.exact[0]
    assert found.overlap_spread[0] == pytest.approx(np.std([1, 1, 1, -1], ddof=1))
    assert found.wrong_spread[0] == found.exact_spread[0] == 0.5


def test_networks_bits_and_learned_memories_have_curves():
    net = capacity_curve(lambda: HopfieldNetwork(Hebb(), "asynchronous", 9), 30, [2], 2, rng=1)
    bits = capacity_curve(lambda: Hebb(coding="bits"), 30, [2], 2, noise=0.1, rng=1)
    signs = capacity_curve(Hebb, 30, [2], 2, noise=0.1, rng=1)
    assert net.steps == 9 and bits.overlap == signs.overlap and net.exact == 1

    def learn(net, patterns):
        net.learn(patterns, epochs=60, optimizer=Adam(0.05), rng=1)

    taught = capacity_curve(lambda: HopfieldNetwork(Dense()), 12, [3], 2, rng=1, fill=learn)
    assert taught.exact[0] > 0.9


def test_every_backend_says_the_same(spec):
    here = capacity_curve(Hebb, 32, [2, 9], draws=2, noise=0.1, rng=3)
    one = first_step_error(PseudoInverse, 32, [0.2], draws=2, noise=0.2, rng=3)
    backend.use(spec)
    assert str(capacity_curve(Hebb, 32, [2, 9], draws=2, noise=0.1, rng=3)) == str(here)
    assert str(first_step_error(PseudoInverse, 32, [0.2], draws=2, noise=0.2, rng=3)) == str(one)


def test_the_table():
    text = str(capacity_curve(Hebb, 40, [2, 0.05 * 40], draws=2, noise=0.1, rng=7)).splitlines()
    assert text[0].startswith("Hebb, 40 units: at most 100 steps from patterns with 10% flips; 2")
    assert text[1].split() == ["load", "p", "overlap", "%", "wrong", "%", "exact"]
    assert "one step from the stored patterns" in str(first_step_error(Hebb, 9, [1], 1))


def test_bad_requests_are_refused():
    for call, message in (
        (lambda: crosstalk_error(-0.1), "alpha: expected a load from 0 on"),
        (lambda: crosstalk_error(0.1, 2), "rate: expected a probability"),
        (lambda: polynomial_error(0.1, 1), "degree: expected 2 or more"),
        (lambda: polynomial_load(3, 0.7), "error: expected a share"),
        (lambda: capacity_curve(Hebb, 10, [0.01]), "a pattern at least"),
        (lambda: capacity_curve(Hebb, 10, 0.1), "loads: expected loads p / n"),
        (lambda: capacity_curve(Hebb, 10, [0.1], draws=0), "draws must be"),
        (lambda: capacity_curve(Hebb, 0, [0.1]), "n must be"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="not written but learned"):
        capacity_curve(Dense, 10, [0.1])
