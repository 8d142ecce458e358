"""Estimates: a number with its unit, its ceiling and its null; what compares and what does not."""

import math

import numpy as np
import pytest

from minigrad.information import Estimate, Null, gaussian, kozachenko_leonenko, kraskov, plug_in

LN2 = math.log(2)


def an_estimate(value=0.5, **kwargs):
    """An estimate whose null is drawn around 0.1."""
    usual = {
        "quantity": "I(X;Y)",
        "estimator": "a rule",
        "parameters": {"k": 3},
        "samples": 100,
        "ceiling": 2.0,
        "shuffled": lambda rng: 0.1 + 0.01 * rng.standard_normal(),
    }
    return Estimate(value, **(usual | kwargs))


# --- a number -------------------------------------------------------------------------------------


def test_an_estimate_is_its_value_to_float_and_format():
    estimate = an_estimate(0.25)
    assert float(estimate) == 0.25
    assert f"{estimate:.3f}" == "0.250"
    assert f"{estimate}" == str(estimate)


def test_an_estimate_compares_with_numbers_and_estimates():
    low, high = an_estimate(0.25), an_estimate(0.75)
    assert low < high and low <= high and high > low and high >= low and low != high
    assert low < 0.5 < high and low == 0.25 and np.float64(0.5) > low
    assert max(low, high) is high and sorted([high, low]) == [low, high]
    assert (low == "0.25") is False


def test_what_is_no_number_does_not_compare():
    for other in ("0.3", None, "much"):
        with pytest.raises(TypeError):
            an_estimate() < other  # noqa: B015


def test_arithmetic_is_left_to_whoever_asks_for_a_number():
    estimate = an_estimate()
    for operation in (
        lambda: estimate - 0.1,
        lambda: 0.1 - estimate,
        lambda: estimate + estimate,
        lambda: np.float64(2) * estimate,
        lambda: -estimate,
        lambda: sum([estimate, estimate]),
    ):
        with pytest.raises(TypeError):
            operation()


# --- units ----------------------------------------------------------------------------------------


def test_bits_are_nats_over_ln_2_in_value_ceiling_and_null():
    estimate = an_estimate(LN2, ceiling=2 * LN2)
    null = estimate.null(5, rng=1)
    bits = estimate.bits
    assert (bits.value, bits.ceiling, bits.unit) == (1.0, 2.0, "bits")
    assert bits.known_null.level == pytest.approx(null.level / LN2, rel=1e-14)
    assert bits.known_null.spread == pytest.approx(null.spread / LN2, rel=1e-14)
    assert bits.nats.value == pytest.approx(LN2, rel=1e-15)
    assert bits.bits.value == 1.0 and estimate.nats.value == LN2


def test_a_null_asked_of_bits_is_in_bits():
    nats, bits = an_estimate().null(5, rng=1), an_estimate().bits.null(5, rng=1)
    assert np.allclose(np.multiply(bits.values, LN2), nats.values, rtol=1e-14)


def test_comparisons_see_through_the_unit():
    one_bit, half_nat = an_estimate(LN2).bits, an_estimate(0.5)
    assert half_nat < one_bit and one_bit > half_nat and half_nat != one_bit
    assert an_estimate(LN2) == one_bit and one_bit == an_estimate(LN2)
    assert one_bit == 1.0  # a bare number is in the unit of the estimate


# --- the null -------------------------------------------------------------------------------------


def test_a_null_has_a_level_a_spread_and_a_p_value():
    null = Null((1.0, 2.0, 3.0))
    assert null.level == 2.0 and null.spread == 1.0
    assert null.p_value(2.5) == 0.5
    assert null.p_value(3) == 0.5  # what reaches it counts
    assert null.p_value(9) == 0.25  # never 0
    assert null.p_value(0) == 1.0
    assert str(null) == "null 2.000 ± 1.000"


def test_a_seed_repeats_the_null():
    x, y = np.random.default_rng(0).standard_normal((2, 60))
    for estimator in (plug_in, kraskov, gaussian):
        first, again, other = (estimator(x, y).null(4, rng=seed) for seed in (5, 5, 6))
        assert first == again != other
        assert estimator(x, y).null(4, rng=np.random.default_rng(5)) == first


def test_the_null_is_kept_and_printed():
    estimate = an_estimate()
    assert "null" not in str(estimate)
    null = estimate.null(np.int64(20), rng=0)
    assert estimate.known_null is null and len(null.values) == 20
    assert str(null) in str(estimate)


@pytest.mark.parametrize("shuffles", [1, 0, -3, 2.0, "20", True, None])
def test_fewer_than_two_shuffles_have_no_spread(shuffles):
    with pytest.raises(ValueError, match="shuffles: expected 2 or more, for a spread, came"):
        an_estimate().null(shuffles)


def test_an_entropy_has_no_null():
    estimate = kozachenko_leonenko(np.arange(9.0))
    with pytest.raises(TypeError, match=r"h\(X\) by Kozachenko-Leonenko has no null"):
        estimate.null()
    assert not estimate.saturated


@pytest.mark.parametrize("rng", ["a seed", 1.5, True])
def test_what_is_no_generator_is_refused(rng):
    with pytest.raises(TypeError, match="rng must be"):
        an_estimate().null(rng=rng)


# --- saturation -----------------------------------------------------------------------------------


def test_a_value_near_its_null_or_its_ceiling_is_saturated():
    for value, reached in ((0.11, ["null"]), (1.0, []), (1.99, ["ceiling"]), (2.0, ["ceiling"])):
        estimate = an_estimate(value)
        assert estimate.bounds_reached() == reached and estimate.saturated == bool(reached)
        assert estimate.bits.bounds_reached() == reached
        said = {"null": ": no more than its null", "ceiling": ": at its ceiling"}
        assert [bound for bound, text in said.items() if text in str(estimate)] == reached


def test_an_infinite_value_has_reached_its_ceiling_not_its_null():
    x = np.random.default_rng(0).standard_normal(50)
    assert gaussian(x, 2 * x + 1).bounds_reached() == ["ceiling"]


def test_labels_in_as_many_cells_as_samples_are_saturated_and_a_sound_estimate_is_not():
    """500 points in 100 x 100 bins tell nearly all of y, though t is independent of it."""
    rng = np.random.default_rng(0)
    saturated = 0
    for _ in range(10):
        t, y = rng.random((500, 2)), rng.integers(0, 2, 500)
        empty = plug_in(t, y, bins=100)
        assert 0.6 < empty.value < LN2
        saturated += empty.saturated
    assert saturated >= 7  # two spreads are not always enough
    sound = plug_in(t[:, 0] + 0.5 * y, y, bins=10)
    assert 0.1 < sound.value < 0.5 and not sound.saturated
    assert plug_in(np.arange(500), np.arange(500)).saturated
    for variant in (1, 2):
        assert kraskov(t[:, 0], t[:, 0], variant=variant).saturated


def test_independent_samples_lie_in_their_null_and_dependent_ones_do_not():
    """Level +- 3 spreads holds the value of at least 97 of 100 independent pairs."""
    rng, held = np.random.default_rng(3), 0
    for _ in range(100):
        x, y = rng.integers(0, 8, (2, 200))
        estimate = plug_in(x, y)
        null = estimate.null(60, rng)
        held += abs(estimate.value - null.level) <= 3 * null.spread
    assert held >= 97
    x, noise = rng.standard_normal((2, 300))
    for estimator in (plug_in, kraskov, gaussian):
        estimate = estimator(x, 0.8 * x + 0.6 * noise)
        null = estimate.null(20, 0)
        assert estimate.value > null.level + 3 * null.spread
        assert null.p_value(estimate) == 1 / 21 and not estimate.saturated


# --- printing -------------------------------------------------------------------------------------


def test_an_estimate_prints_in_one_line_with_its_notes():
    estimate = an_estimate(0.5, notes=("x is constant", "3 ties"))
    text = "I(X;Y) = 0.500 nats by a rule (k = 3, N = 100), ceiling 2.000; x is constant; 3 ties"
    assert str(estimate) == text and repr(estimate) == f"<{text}>"
    estimate.null(5, rng=0)
    for unit in (estimate, estimate.bits):
        assert "\n" not in str(unit) and "x is constant; 3 ties" in str(unit)
    assert "(N = 100)" in str(an_estimate(parameters={}))
    assert "ceiling" not in str(an_estimate(ceiling=math.inf))
