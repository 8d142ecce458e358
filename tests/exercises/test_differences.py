"""The first difference, in words: every kind of it; and what is no difference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from minigrad.exercises.differences import Difference, alike, close, difference, same
from minigrad.exercises.outcomes import Outcome

TOLERANCE = 1e-7
B = np.array([[1.0, -2.0, 3.0], [4.0, 0.5, -6.0]])
SQUARE = np.array([[1.0, 2.0], [3.0, 5.0]])


def found(got, wanted, names=("y",), **changed):
    outcomes = [Outcome(values=v if isinstance(v, tuple) else (v,)) for v in (got, wanted)]
    outcomes[0] = Outcome(values=outcomes[0].values, changed=changed)
    return difference(*outcomes, names, TOLERANCE)


def one(at, value, of=B):
    other = of.copy()
    other[at] = value
    return other


@pytest.mark.parametrize(
    ("got", "wanted", "kind", "detail"),
    [
        (B.T, B, "y has the wrong shape: transposed", "(3, 2), expected (2, 3)"),
        (B[0], B, "y has the wrong shape", "(3,), expected (2, 3)"),
        (2.0, B, "y has the wrong shape", "a single number, expected (2, 3)"),
        (B, 2.0, "y has the wrong shape", "(2, 3), expected a single number"),
        (-B, B, "y has the opposite sign", "y[1, 2] is 6, expected -6"),
        (-2.0, 2.0, "y has the opposite sign", "y is -2, expected 2"),
        (0 * B, B, "y is zero", "y[1, 2] is 0, expected -6"),
        (B / 5, B, "y is off by a constant factor", "0.2 (1/5) times what it should be"),
        (B * 2, B, "y is off by a constant factor", "2 times what it should be"),
        (-3 * B, B, "y is off by a constant factor", "-3 times what it should be"),
        (B * np.pi, B, "y is off by a constant factor", "3.14159 times what it should be"),
        (B * 1.000001, B, "y is off by a constant factor", "1.000001 times what it should be"),
        (1.0, 2.0, "y is off by a constant factor", "0.5 (1/2) times what it should be"),
        (1.2345, 2.0, "y is wrong", "y is 1.2345, expected 2"),
        (B + 1.5, B, "y is off by a constant", "+1.5 everywhere"),
        (SQUARE.T, SQUARE, "y is transposed", "y[0, 1] is 3, expected 2"),
        (one(1, 7), B, "y: one row is wrong", "row 1: y[1, 2] is 7, expected -6"),
        (
            one((slice(None), 0), [9, 2]),
            B,
            "y: one column is wrong",
            "column 0: y[0, 0] is 9, expected 1",
        ),
        (B**2, B, "y is wrong", "y[1, 2] is 36, expected -6; 5 of 6 entries are wrong"),
        (one((0, 0), np.nan), B, "y is not finite", "in 1 of 6 places"),
        (B * np.inf, B, "y is not finite", "in 6 of 6 places"),
        (np.nan, 2.0, "y is not finite", "nan"),
        (
            B.astype(np.float16),
            B,
            "y is not of double precision",
            "compute in float64, as numpy does",
        ),
        (None, B, "nothing comes back", "is a return missing?"),
        ((B, B), B, "the number of values returned", "2, not one array"),
        ("six", 6.0, "y: a str", "'six', expected 6"),
        (1.0, 0.0, "y is wrong", "y is 1, expected 0"),
    ],
)
def test_every_kind_has_its_words(got, wanted, kind, detail):
    where = -1 if kind[0] in "nt" else 0
    assert found(got, wanted) == Difference(where, kind, detail)


def test_of_several_outputs_the_first_that_differs_is_told():
    names = ("dx", "dM", "db")
    got, wanted = (B, -SQUARE, 1.0), (B, SQUARE, 2.0)
    assert found(got, wanted, names)[:2] == (1, "dM has the opposite sign")
    counted = found((B, SQUARE), wanted, names)
    assert counted == Difference(-1, "the number of values returned", "2, not 3 (dx, dM, db)")
    assert found(None, wanted, names).kind == "nothing comes back"
    assert found((B, None, 2.0), wanted, names)[:2] == (1, "dM: None")


def test_a_changed_argument_is_told_after_the_values():
    assert found(B, B, x=B) == Difference(
        -1, "the argument x was changed", "it is the caller's: work on a copy"
    )
    assert found(-B, B, x=B).kind == "y has the opposite sign, and the argument x was changed"
    assert difference(Outcome(values=(B,), changed={"x": B}), Outcome(values=(B,)), ["y"], 1) and (
        difference(*2 * [Outcome(values=(B,), changed={"x": B})], ["y"], 1) is None
    )


def test_of_whole_numbers_no_factor_no_sign_and_no_zero_is_told():
    for got, wanted, detail in ((3, 2, "3, expected 2"), (0, 4, "0, expected 4"), (-2, 2, "-2")):
        difference = found(np.int64(got), np.int64(wanted))
        assert difference.kind == "y is wrong" and detail in difference.detail
    names = np.array([1, 2, 3])
    assert found(names + 1, names).kind == found(2 * names, names).kind == "y is wrong"


def test_single_precision_and_floats_in_place_of_whole_numbers_are_told():
    b = np.array([1 / 3, 2 / 3])
    for dtype in (np.float16, np.float32):
        assert found(b.astype(dtype), b).kind == "y is not of double precision"
        assert found((2 * b + 1).astype(dtype), b).kind == "y is wrong"
    bins = np.array([0, 3, 2])
    assert found(bins.astype(float), bins).kind == "y holds floats"
    assert found(bins.astype(np.int8), bins) is None and found(bins, bins.astype(float)) is None
    assert found(3.0, 3) is None  # one number is no index


def test_a_difference_in_far_digits_is_seen_in_the_words():
    told = found(np.array([0.1, 1.000001, 3.0]), np.array([0.1, 1.0000001, 3.0])).detail
    assert "is 1.000001, expected 1.0000001" in told


def test_tuples_within_tuples_are_compared_and_shown_short():
    assert close(((B, 1.0), B), ((B, 1.0), B), TOLERANCE)
    assert not close(((B, 1.0), B), ((B, 2.0), B), TOLERANCE)
    assert found((B, (B, B)), (B, B), ("a", "b")).detail == "2 values, expected of shape (2, 3)"


def test_what_is_right_in_another_form_is_right():
    for got in (B + 1e-9, np.asfortranarray(B), B[::-1][::-1]):
        assert found(got, B) is None
    assert found(np.array(2), 2.0) is None and found(2, np.array(2.0)) is None
    assert found(np.array([1, 2]), np.array([1.0, 2.0])) is None
    assert found(None, None) is None and found("a", "a") is None


NUMBERS = arrays.arrays(
    np.float64, arrays.array_shapes(max_dims=3, max_side=4), elements=st.floats(-1e6, 1e6)
)


@given(NUMBERS)
def test_a_right_value_is_never_different(b):
    assert found(b.copy(), b) is None and same(b, b, TOLERANCE)


@given(NUMBERS, st.floats(allow_nan=True) | NUMBERS)
def test_a_value_that_is_not_close_is_told_in_words_without_its_numbers(b, a):
    told = found(a, b)
    assert (told is None) == close(a, b, TOLERANCE)
    if told:
        assert told.where == 0 and told.detail and not any(c.isdigit() for c in told.kind)


@given(NUMBERS)
def test_not_a_number_is_never_right(b):
    assert not close(b * np.nan, b, TOLERANCE) and not close(b, b * np.nan, TOLERANCE)


def test_infinite_or_not_a_number_is_the_same_kind_of_wrong():
    a, b = Outcome(values=(np.array([1.0, np.nan]),)), Outcome(values=(np.array([1.0, np.inf]),))
    assert alike(a, b, 1e-7) and not alike(a, Outcome(values=(np.array([np.nan, 1.0]),)), 1e-7)


def test_alike_takes_what_is_not_finite_for_itself():
    bad = Outcome(values=(one((0, 0), np.nan),))
    assert alike(bad, bad, TOLERANCE) and not close(*2 * bad.values, TOLERANCE)
    assert not alike(bad, Outcome(values=(B,)), TOLERANCE)
    assert not alike(bad, Outcome("failed", problem="it raised"), TOLERANCE)
    assert not alike(bad, Outcome(values=bad.values, changed={"x": B}), TOLERANCE)
