"""What a unit may say: the two values, the way between codings, and what is refused."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad import backend, maps
from minigrad.errors import NotFiniteError
from minigrad.hopfield import Coding
from minigrad.hopfield.codings import CODINGS, coding

NUMBERS = np.array([[-2.0, -0.4, 0.0], [0.3, 0.5, 1.7]])


def test_bits_are_half_of_one_more_than_signs(rng):
    signs, bits = CODINGS["signs"], CODINGS["bits"]
    v = rng.integers(0, 2, (4, 3)).astype(float)
    np.testing.assert_array_equal(bits.to_signs(v), 2 * v - 1)
    np.testing.assert_array_equal(bits.from_signs(2 * v - 1), v)
    np.testing.assert_array_equal(signs.to_signs(2 * v - 1), 2 * v - 1)
    assert (signs.span, bits.span, CODINGS["real"].span) == (2, 1, 1)


@given(st.floats(-5, 4), st.floats(0.25, 5), st.lists(st.booleans(), min_size=1, max_size=6))
def test_any_two_values_go_to_signs_and_back(low, span, which):
    own = Coding("own", low, low + span, maps.tanh)
    x = np.where(which, own.high, own.low)
    np.testing.assert_allclose(own.to_signs(x), np.where(which, 1, -1), atol=1e-12)
    np.testing.assert_allclose(own.from_signs(own.to_signs(x)), x, atol=1e-12)
    np.testing.assert_allclose(own.flipped(x), np.where(which, own.low, own.high), atol=1e-12)


def test_the_soft_step_of_bits_is_that_of_signs(rng):
    h = rng.normal(size=5)
    v = CODINGS["bits"].soft(2 * h)
    np.testing.assert_allclose(CODINGS["bits"].to_signs(v), CODINGS["signs"].soft(h), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_unit_answers_the_sign_of_its_field_and_at_0_stays(place, dtype):
    h = backend.move([3.0, -0.0, 0.0, -1e-30, 1e-30], place, dtype)
    for name, low, high in (("signs", -1, 1), ("bits", 0, 1)):
        x = backend.move([low, low, high, high, low], place, dtype)
        y = CODINGS[name].snap(place.xp, h, x)
        assert backend.dtype_name(y) == dtype
        assert backend.host(y).tolist() == [high, low, high, low, high]


def test_the_nearer_of_two_values(place):
    x = backend.move(NUMBERS, place)
    for name, expected in (
        ("signs", [[-1, -1, -1], [1, 1, 1]]),
        ("bits", [[0, 0, 0], [0, 0, 1]]),
        ("real", NUMBERS),
    ):
        found = CODINGS[name].nearest(place.xp, x)
        np.testing.assert_array_equal(backend.host(found), expected)


def test_what_a_coding_holds(place):
    x = backend.move([[-1.0, 0.0, 1.0], [0.5, np.inf, np.nan]], place)
    for name, expected in (
        ("signs", [[True, False, True], [False, False, False]]),
        ("bits", [[False, True, True], [False, False, False]]),
        ("real", [[True, True, True], [True, False, False]]),
    ):
        held = CODINGS[name].holds(place.xp, x)
        assert backend.host(held).tolist() == expected


def test_values_outside_are_named(place):
    x = backend.move([[0.0, 1.0], [1.0, 0.5]], place)
    with pytest.raises(ValueError, match=r"it: 0 at \(0, 0\), expected -1 or 1 .* 'bits', 'real'"):
        CODINGS["signs"].admit("it", x)
    with pytest.raises(ValueError, match=r"it: 0.5 at \(1, 1\), expected 0 or 1"):
        CODINGS["bits"].admit("it", x)
    assert CODINGS["real"].admit("it", x) is x
    with pytest.raises(NotFiniteError, match=r"it: nan at \(1,\)"):
        CODINGS["real"].admit("it", backend.move([1.0, np.nan], place))


def test_a_coding_is_known_by_its_name():
    assert coding("bits") is CODINGS["bits"] is coding(CODINGS["bits"])
    assert not CODINGS["real"].discrete
    with pytest.raises(ValueError, match="unknown coding 'trits': expected one of signs, bits, re"):
        coding("trits")
    with pytest.raises(dataclasses.FrozenInstanceError):
        CODINGS["bits"].low = 3.0
