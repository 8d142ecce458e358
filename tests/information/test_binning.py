"""Bins: which cell a value falls into; none is dropped, and none wraps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from minigrad import backend
from minigrad.information import Bins, entropy, plug_in
from minigrad.information.binning import bins_for, code_pair, codes, tally

few = settings(max_examples=60, deadline=None, derandomize=True)


def cells(bins, values):
    """The bins of a single column."""
    return bins.cells("x", np.asarray(values, float)[:, None])[:, 0].tolist()


# --- equal widths ---------------------------------------------------------------------------------


def test_equal_bins_span_the_column_and_the_last_includes_its_upper_edge():
    assert cells(Bins(4), [0, 0.9, 1, 2, 3, 3.9, 4]) == [0, 0, 1, 2, 3, 3, 3]
    assert cells(Bins(4, low=-4, high=4), [0, 0.9, 4]) == [2, 2, 3]
    assert cells(Bins(2, low=0), [1, 2, 4]) == [0, 1, 1]
    assert cells(Bins(2, high=8), [0, 3, 4]) == [0, 0, 1]
    assert cells(Bins(1), [5, 7]) == [0, 0]


@pytest.mark.parametrize("count", [7, 10, 30, 100])
@pytest.mark.parametrize(("low", "span"), [(0, 1), (-1, 2), (0, 100), (-0.5, 1)])
def test_a_value_on_an_edge_belongs_to_the_bin_above(count, low, span):
    """0.29 is 29 of 100, though 0.29 * 100 is 28.999999999999996."""
    edges = np.array([low + j * span / count for j in range(count + 1)])
    expected = [*range(count), count - 1]
    assert cells(Bins(count, low=low, high=low + span), edges) == expected
    assert cells(Bins(count), edges) == expected
    below = np.nextafter(edges[1:-1], -np.inf)
    assert cells(Bins(count, low=low, high=low + span), below) == expected[:-2]


def test_columns_have_spans_of_their_own():
    x = np.array([[0.0, 10], [1, 20], [2, 30]])
    assert Bins(2).cells("x", x).tolist() == [[0, 0], [1, 1], [1, 1]]
    assert Bins(3, low=0, high=30).cells("x", x).tolist() == [[0, 1], [0, 2], [0, 2]]


def test_a_constant_column_is_one_cell():
    for bins in (Bins(5), Bins(5, by="quantile"), Bins(5, low=0, high=1)):
        assert len(set(cells(bins, [0.3] * 7))) == 1
    assert entropy(np.full(7, 0.3), bins=5).value == 0.0
    assert not np.signbit(entropy(np.full(7, 0.3), bins=5).value)


@pytest.mark.parametrize("size", [1.7e308, 1e300, 1.0, 1e-300, 1e-310])
def test_huge_and_tiny_values_are_binned_like_others(size):
    values = np.array([-1, -0.7, -0.1, 0.1, 0.7, 1])
    assert cells(Bins(4), values * size) == [0, 0, 1, 2, 3, 3]
    assert cells(Bins(4, low=-size, high=size), values * size) == [0, 0, 1, 2, 3, 3]
    assert cells(Bins(3, by="quantile"), values * size) == [0, 0, 1, 1, 2, 2]
    assert cells(Bins(edges=(-size, 0.0, size)), values * size) == [0, 0, 0, 1, 1, 1]


def test_the_least_numbers_there_are_differ():
    assert cells(Bins(2), [0.0, 5e-324]) == [0, 1]


finite = st.floats(allow_nan=False, allow_infinity=False)


@few
@given(arrays(float, st.integers(1, 20), elements=finite), st.integers(1, 50))
def test_cells_rise_with_the_values_from_the_first_to_the_last(values, count):
    found = np.array(cells(Bins(count), values))
    assert found.min() == 0 and found.max() == (count - 1 if np.ptp(found) or count == 1 else 0)
    assert (np.diff(found[np.argsort(values, kind="stable")]) >= 0).all()
    assert len({(v, c) for v, c in zip(values.tolist(), found.tolist(), strict=True)}) == len(
        set(values.tolist())
    )


# --- edges ----------------------------------------------------------------------------------------


def test_given_edges_are_the_ends_of_the_bins():
    bins = Bins(edges=(0.0, 1.0, 10.0))
    assert cells(bins, [0, 0.5, 1, 9, 10]) == [0, 0, 1, 1, 1]
    for edges in ([0, 1, 10], np.array([0.0, 1, 10]), (0, 1, 10)):
        assert entropy([0.0, 0.5, 1, 10], bins=edges).value == pytest.approx(np.log(2))


@pytest.mark.parametrize(
    ("bins", "values", "message"),
    [
        (
            Bins(2, low=0, high=1),
            [0.5, 1.5],
            r"outside the range 0 to 1 .*, 1 times: .* 1.5 at \(1, 0\)",
        ),
        (
            Bins(2, low=0),
            [0.5, 2, -3],
            r"0 to inf of the bins, 1 times: the first is -3.0 at \(2, 0\)",
        ),
        (
            Bins(2, high=0),
            [-0.5, 0.1],
            r"-inf to 0 of the bins, 1 times: the first is 0.1 at \(1, 0\)",
        ),
        (Bins(edges=(0.0, 1.0)), [0.5, np.nextafter(1, 2)], r"1.0000000000000002 at \(1, 0\)"),
    ],
)
def test_a_value_outside_is_refused_by_name_and_place(bins, values, message):
    with pytest.raises(ValueError, match=f"x: .*{message}"):
        cells(bins, values)
    with pytest.raises(ValueError, match="y: "):
        plug_in(np.zeros(len(values), int), values, bins=bins)


# --- equal shares ---------------------------------------------------------------------------------


@few
@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 9))
def test_bins_of_equal_share_hold_as_many_within_one(n, count, seed):
    values = np.random.default_rng(seed).permutation(n).astype(float)
    sizes = np.bincount(cells(Bins(count, by="quantile"), values), minlength=count)
    assert sizes.max() - sizes.min() <= 1 and len(sizes) == count


def test_equal_values_share_a_bin_of_equal_share():
    values = [0.0] * 7 + [1.0, 2.0, 3.0]
    found = cells(Bins(5, by="quantile"), values)
    assert len(set(found[:7])) == 1 and found[7] < found[8] == found[9]


# --- what is no bins ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "count", [0, -1, 2.5, 3.0, True, "4", np.array(2.5), np.ones((2, 2)), [[1, 2], [3, 4]]]
)
def test_a_number_of_bins_is_a_positive_integer(count):
    with pytest.raises(ValueError, match="bins: expected a number"):
        plug_in([0.1, 0.2], [0, 1], bins=count)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"by": "width"}, "by is 'range' or 'quantile', not 'width'"),
        ({"low": 1, "high": 1}, "expected low < high, came 1 and 1"),
        ({"low": float("nan")}, "expected finite ends, came nan and None"),
        ({"low": float("nan"), "high": 1}, "expected finite ends"),
        ({"high": float("inf")}, "expected finite ends, came None and inf"),
        ({"edges": (1.0,)}, "two or more rising numbers"),
        ({"edges": (0.0, 0.0, 1.0)}, "two or more rising numbers"),
        ({"edges": (0.0, float("nan"))}, "two or more rising numbers"),
        (
            {"by": "quantile", "edges": (0.0, 1.0)},
            "those of equal share have no low, high or edges",
        ),
        ({"by": "quantile", "low": 0}, "those of equal share have no low, high or edges"),
    ],
)
def test_bins_that_make_no_sense_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=f"bins: .*{message}"):
        Bins(**kwargs)


def test_auto_has_some_five_samples_for_each_pair_of_cells():
    assert bins_for("auto", 500, 2).count == 10
    assert bins_for("auto", 4, 2).count == bins_for("auto", 500, 9).count == 2
    assert bins_for(None, 500, 2) is None
    with pytest.raises(ValueError, match="or 'auto', not 'many'"):
        bins_for("many", 500, 2)


def test_bins_say_what_they_are():
    assert [str(b) for b in (Bins(4), Bins(4, low=0, high=1.5), Bins(4, low=-1))] == [
        "4",
        "4 on [0, 1.5]",
        "4 on [-1, ]",
    ]
    assert str(Bins(4, by="quantile")) == "4 of equal share"
    assert str(Bins(edges=(0.0, 1.0, 5.0))) == "2 between edges"


# --- numbers for cells ----------------------------------------------------------------------------

symbols = st.one_of(st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1))


@few
@given(arrays(np.int64, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=symbols))
def test_codes_are_equal_where_the_rows_are(rows):
    number, bound = codes(rows)
    assert number.min() >= 0 and number.max() < bound <= 4 * len(rows) + 1024
    alike = (rows[:, None] == rows[None]).all(axis=-1)
    assert np.array_equal(number[:, None] == number[None], alike)


def test_many_columns_do_not_run_out_of_integers():
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 100, (50, 40))
    number, bound = codes(np.concatenate([rows, rows]))
    assert np.array_equal(number[:50], number[50:])
    assert len(set(number.tolist())) == 50 and bound <= 4 * 100 + 1024
    rows[1:] = rows[0]
    rows[1, 0] += 1  # the first column alone tells it
    assert len(set(codes(rows)[0].tolist())) == 2
    least, most = -(2**63), 2**63 - 1
    ends = np.array([[least, least], [least, most], [most, least], [most, most], [most, most]])
    number, bound = codes(ends)
    assert len(set(number.tolist())) == 4 and number[3] == number[4] and bound < 2000


@pytest.mark.parametrize("bound", [10, 5000, 10**6, 2**40])
def test_a_tally_counts_each_occupied_cell(bound):
    numbers = np.random.default_rng(0).choice([1, 3, 7, bound - 1], 200)
    assert sorted(tally(numbers, bound)) == sorted(np.unique(numbers, return_counts=True)[1])
    pairs, both = code_pair((numbers, bound), (numbers, bound))
    assert sorted(tally(pairs, both)) == sorted(tally(numbers, bound)) and pairs.max() < both


# --- backends -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bins",
    [Bins(7), Bins(7, low=-9, high=9), Bins(5, by="quantile"), Bins(edges=(-9.0, 0.0, 0.5, 9.0))],
    ids=str,
)
def test_every_backend_has_the_cells_of_numpy(place, bins):
    x = np.random.default_rng(0).standard_normal((40, 2))
    x[:5] = 0.5
    found = bins.cells("x", backend.move(x, place))
    assert backend.place_of(found) == place
    assert np.array_equal(backend.host(found), bins.cells("x", x))
    number, bound = codes(found)
    here = codes(bins.cells("x", x))
    assert np.array_equal(backend.host(number), here[0]) and bound == here[1]
    assert sorted(backend.host(tally(number, bound))) == sorted(tally(*here))
