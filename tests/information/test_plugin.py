"""Plug-in information and entropy: laws that are known, biases that are known, and bad input."""

import math
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from minigrad import backend
from minigrad.errors import BackendError, NotFiniteError, ShapeError
from minigrad.information import Bins, entropy, plug_in

few = settings(max_examples=60, deadline=None, derandomize=True)
CORRECTIONS = [None, "miller-madow", "chao-shen"]
every_correction = pytest.mark.parametrize("correction", CORRECTIONS)


def naive_entropy(symbols):
    n = len(symbols)
    return -sum(c / n * math.log(c / n) for c in Counter(symbols).values())


def naive_information(x, y):
    return naive_entropy(x) + naive_entropy(y) - naive_entropy(list(zip(x, y, strict=True)))


def tuples(rows):
    return [tuple(row) for row in rows.tolist()]


# --- known laws -----------------------------------------------------------------------------------


def test_xor_is_told_by_both_inputs_and_by_neither_alone():
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    y = x[:, 0] ^ x[:, 1]
    assert plug_in(x[:, 0], y).value == 0.0
    assert plug_in(x, y).value == pytest.approx(math.log(2), rel=1e-15)
    assert plug_in(x[:, 0], x[:, 1], given=y).value == pytest.approx(math.log(2), rel=1e-15)


def test_and_is_told_in_part():
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    y = x[:, 0] & x[:, 1]
    assert plug_in(x[:, 0], y).bits.value == pytest.approx(0.311278, abs=5e-7)
    assert plug_in(x, y).bits.value == pytest.approx(0.811278, abs=5e-7)
    assert entropy(y).bits.value == pytest.approx(0.811278, abs=5e-7)


def test_a_binary_symmetric_channel_loses_the_entropy_of_its_errors():
    x, flipped = np.repeat([0, 1], 100), np.tile(np.arange(100) < 11, 2)
    assert plug_in(x, x ^ flipped).bits.value == pytest.approx(0.500084, abs=5e-7)


def test_entropies_of_known_laws():
    assert entropy(np.arange(8)).bits.value == pytest.approx(3, rel=1e-15)
    assert entropy(["a", "a", "b", "c"]).bits.value == pytest.approx(1.5, rel=1e-15)
    assert entropy([True, False]).bits.value == pytest.approx(1, rel=1e-15)
    assert entropy(np.arange(100) / 100, bins=10).value == pytest.approx(math.log(10), rel=1e-14)


def test_texts_truth_values_and_real_symbols_count_like_integers():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 3, (2, 80))
    value = plug_in(x, y).value
    texts = np.array(["low", "mid", "high"])
    assert plug_in(texts[x], texts[y].tolist()).value == pytest.approx(value, rel=1e-14)
    assert plug_in(x / 7, y / 7, bins=None).value == pytest.approx(value, rel=1e-14)
    assert plug_in(x.astype(np.uint8), y.astype(np.int16)).value == value
    assert plug_in(x == 1, y == 1).value == plug_in((x == 1) * 5, (y == 1) * 1.0, bins=2).value


@pytest.mark.parametrize("dtype", ["float16", "float32", ">f8", "longdouble"])
def test_shorter_and_other_floats_are_real_numbers(dtype):
    x = np.random.default_rng(0).integers(0, 9, (50, 2)) / 8
    assert plug_in(x.astype(dtype), x, bins=4).value == plug_in(x, x, bins=4).value


# --- bias -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("k", "n", "bias", "left"), [(4, 1000, 0.0044, 0.0), (8, 100, 0.295, 0.116)]
)
def test_few_samples_in_many_cells_look_dependent(k, n, bias, left):
    """By some (K - 1)^2 / 2N; Miller and Madow's correction takes most of it off."""
    rng = np.random.default_rng(1)
    pairs = [rng.integers(0, k, (2, n)) for _ in range(200)]
    assert np.mean([plug_in(*p).value for p in pairs]) == pytest.approx(bias, rel=0.12)
    corrected = np.mean([plug_in(*p, correction="miller-madow").value for p in pairs])
    assert corrected == pytest.approx(left, abs=0.012)


def test_miller_and_madow_add_half_the_cells_over_n():
    x = np.array([0, 0, 0, 1, 1, 2])
    plain, corrected = entropy(x), entropy(x, correction="miller-madow")
    assert corrected.value == pytest.approx(plain.value + 2 / 12, rel=1e-14)
    y = np.array([0, 1, 0, 1, 0, 1])  # five occupied pairs of 3 and 2
    plain, corrected = plug_in(x, y), plug_in(x, y, correction="miller-madow")
    assert corrected.value == pytest.approx(plain.value + (2 + 1 - 4) / 12, rel=1e-13)


def naive_chao_shen(symbols):
    """Chao and Shen (2003), eq. 8, term by term."""
    n, counts = len(symbols), Counter(symbols).values()
    if len(counts) == 1:
        return 0.0
    once = sum(c == 1 for c in counts)
    coverage = 1 - (n - 1 if once == n else once) / n
    shares = [coverage * c / n for c in counts]
    return -sum(p * math.log(p) / (1 - (1 - p) ** n) for p in shares)


@few
@given(arrays(np.int64, (st.integers(1, 40)), elements=st.integers(0, 12)))
def test_chao_and_shen_is_their_formula(x):
    value = entropy(x, correction="chao-shen").value
    assert value == pytest.approx(naive_chao_shen(x.tolist()), rel=1e-9, abs=1e-12)


def test_chao_and_shen_come_nearer_to_a_law_half_seen():
    rng = np.random.default_rng(2)
    p = 1 / np.arange(1, 201)
    p /= p.sum()
    truth = -np.sum(p * np.log(p))
    draws = [rng.choice(200, 100, p=p) for _ in range(40)]
    plain = np.mean([entropy(x).value for x in draws]) - truth
    corrected = np.mean([entropy(x, correction="chao-shen").value for x in draws]) - truth
    assert plain < -0.6 and abs(corrected) < 0.35


@every_correction
def test_what_is_constant_tells_nothing(correction):
    x, constant = np.random.default_rng(0).standard_normal(30), np.full(30, 0.1)
    for n in range(1, 30):
        h = entropy(np.zeros(n, int), correction=correction).value
        assert h == 0.0 and not np.signbit(h)
    estimate = plug_in(x, constant, correction=correction)
    assert estimate.value == pytest.approx(0, abs=1e-12)
    assert estimate.notes == ("y is constant",) and estimate.ceiling == 0.0
    assert plug_in(constant, constant).notes == ("x is constant", "y is constant")


# --- properties -----------------------------------------------------------------------------------

small = arrays(np.int64, st.tuples(st.integers(1, 40), st.just(4)), elements=st.integers(0, 3))


@few
@given(small)
def test_the_value_is_that_of_counting_by_hand_within_its_bounds(rows):
    x, y = rows[:, :2], rows[:, 2:]
    estimate = plug_in(x, y)
    assert estimate.value == pytest.approx(naive_information(tuples(x), tuples(y)), abs=1e-12)
    assert 0 <= estimate.value <= estimate.ceiling
    assert estimate.ceiling == math.log(min(len(set(tuples(x))), len(set(tuples(y)))))
    h = entropy(x)
    assert h.value == pytest.approx(naive_entropy(tuples(x)), abs=1e-12)
    assert 0 <= h.value <= h.ceiling


@few
@given(small, st.permutations(range(4)))
def test_the_names_of_the_symbols_and_the_order_of_x_and_y_do_not_matter(rows, names):
    x, y = rows[:, 0], rows[:, 1:3]
    value = plug_in(x, y).value
    assert plug_in(y, x).value == pytest.approx(value, abs=1e-12)
    renamed = np.array(names)[x] * 10**17 - 5
    assert plug_in(renamed, y).value == pytest.approx(value, abs=1e-12)
    assert plug_in(x, y[:, ::-1]).value == pytest.approx(value, abs=1e-12)


@few
@given(small)
def test_the_chain_rule_holds_with_a_condition(rows):
    x, y, z = rows[:, 0], rows[:, 1], rows[:, 2]
    both, of_z = plug_in(x, rows[:, 1:3]), plug_in(x, z)
    rest = plug_in(x, y, given=z)
    assert both.value == pytest.approx(of_z.value + rest.value, abs=1e-12)
    assert 0 <= rest.value <= rest.ceiling


def test_a_variable_tells_its_own_entropy_of_itself():
    for n in range(2, 60):
        estimate = plug_in(np.arange(n), np.arange(n))
        assert estimate.value == estimate.ceiling == math.log(n)


def test_with_one_input_a_sample_x_tells_the_entropy_of_the_cells():
    t = np.random.default_rng(0).standard_normal((200, 2))
    assert plug_in(np.arange(200), t, bins=(None, 6)).value == pytest.approx(
        entropy(t, bins=6).value, rel=1e-14
    )


# --- bins of each side ----------------------------------------------------------------------------


def test_a_tuple_gives_the_bins_of_x_and_of_y():
    x, y = np.random.default_rng(0).standard_normal((2, 100))
    both = plug_in(x, y, bins=(3, Bins(5, by="quantile")))
    by_hand = plug_in(Bins(3).cells("x", x[:, None]), Bins(5, by="quantile").cells("y", y[:, None]))
    assert both.value == by_hand.value
    assert "bins of x = 3, bins of y = 5 of equal share" in str(both)
    assert "(bins = 4, N = 100)" in str(plug_in(x, y, bins=4))
    assert "(N = 4)" in str(plug_in([0, 0, 1, 1], [0, 1, 0, 1]))


# --- the null -------------------------------------------------------------------------------------


def test_a_conditional_null_keeps_what_the_condition_explains():
    """x <- z -> y: given z nothing is left, and the null is the bias of just that."""
    rng = np.random.default_rng(0)
    z = rng.integers(0, 3, 3000)
    x, y = ((z + (rng.random(3000) < 0.1)) % 3 for _ in range(2))
    plain, fork = plug_in(x, y), plug_in(x, y, given=z)
    assert plain.value > 0.3 and plain.null(10, 0).level < 0.01
    null = fork.null(30, 0)
    assert abs(fork.value - null.level) < 3 * null.spread and fork.value < 0.01
    known = plug_in(x, z, given=z)  # y is z: nothing moves across
    assert max(known.null(5, 0).values) < 1e-12


# --- memory ---------------------------------------------------------------------------------------


def test_memory_grows_with_the_samples_not_with_the_cells():
    """20,000 samples in 10^4 x 10^4 cells: a table would take 800 MB."""
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 20_000, 2))
    tracemalloc.start()
    plug_in(x, y, bins=100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


# --- backends -------------------------------------------------------------------------------------


@every_correction
def test_every_backend_gives_the_answer_of_numpy(place, correction):
    rng = np.random.default_rng(0)
    x, y, labels = rng.standard_normal((60, 2)), rng.standard_normal(60), rng.integers(0, 3, 60)
    there = [backend.move(v, place) for v in (x, y, labels)]
    for here, moved in (
        (plug_in(x, y, 3, correction), plug_in(*there[:2], 3, correction)),
        (plug_in(x, labels, 3, correction), plug_in(there[0], there[2], 3, correction)),
        (plug_in(x, y, 3, correction, labels), plug_in(*there[:2], 3, correction, there[2])),
        (plug_in(x, y, None, correction), plug_in(*there[:2], None, correction)),
        (entropy(x, 3, correction), entropy(there[0], 3, correction)),
    ):
        assert moved.value == pytest.approx(here.value, rel=1e-12, abs=1e-12)
        assert moved.ceiling == here.ceiling and type(moved.value) is float
        if here.shuffled:
            assert np.allclose(moved.null(3, 1).values, here.null(3, 1).values, atol=1e-12)


def test_labels_of_the_host_go_beside_samples_of_a_device(place):
    x, labels = np.random.default_rng(0).standard_normal(60), ["odd", "even"] * 30
    there = backend.move(x, place)
    assert plug_in(there, labels).value == pytest.approx(plug_in(x, labels).value, rel=1e-12)


def test_two_libraries_are_not_mixed(place):
    x = np.zeros(9)
    if place.name != "numpy":
        with pytest.raises(BackendError, match=r"(?s)numpy.*cannot be mixed|cannot be mixed.*"):
            plug_in(x, backend.move(x, place))
        with pytest.raises(BackendError, match=place.name):
            plug_in(backend.move(x, place), x)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([0.0, float("nan")], NotFiniteError, r"x has nan at \(1, 0\)"),
        ([[0.0, 1], [2, float("inf")]], NotFiniteError, r"x has inf at \(1, 1\)"),
        ([0, 1, 2], ShapeError, "one row for each sample in all, came .*'x': 3, 'y': 2"),
        ([], ShapeError, r"x: expected \(samples,\) or \(samples, width\), came \(0,\)"),
        (np.zeros((2, 0)), ShapeError, r"x: .*came \(2, 0\)"),
        (np.zeros((2, 1, 1)), ShapeError, r"x: .*came \(2, 1, 1\)"),
        (3.0, ShapeError, r"x: .*came \(\)"),
        ("ab", ShapeError, r"x: .*came \(\)"),
        ([[1.0], [1.0, 2.0]], ShapeError, "x: rows of different lengths"),
        (np.array([1j, 2]), TypeError, "x: expected real numbers, .*came complex128"),
        (np.array([1, None]), TypeError, "x: expected real numbers, .*came object"),
        (None, TypeError, "x: expected real numbers, .*came object"),
        (np.array(["2020", "2021"], "M8[Y]"), TypeError, "x: expected real numbers, .*datetime"),
        (np.ma.masked_array([1.0, 2.0], [0, 1]), NotFiniteError, "x has masked values"),
    ],
)
def test_what_cannot_be_counted_is_refused_by_name(x, error, message):
    with pytest.raises(error, match=message):
        plug_in(x, [0, 1])
    if "row" not in message or "lengths" in message:
        with pytest.raises(error, match=message):
            entropy(x)


def test_a_condition_is_called_given():
    with pytest.raises(NotFiniteError, match="given has nan"):
        plug_in([0, 1], [0, 1], given=[0.0, float("nan")])
    with pytest.raises(ShapeError, match="'given': 3"):
        plug_in([0, 1], [0, 1], given=[0, 1, 2])


@pytest.mark.parametrize("correction", ["mm", "Miller-Madow", 1, True, ["chao-shen"], ""])
def test_an_unknown_correction_is_refused(correction):
    for call in (
        lambda: plug_in([0, 1], [0, 1], correction=correction),
        lambda: entropy([0, 1], correction=correction),
    ):
        with pytest.raises(ValueError, match="one of None, 'miller-madow', 'chao-shen', not"):
            call()


@every_correction
@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_samples_have_finite_answers(correction, n):
    x = np.arange(n) / 3
    assert math.isfinite(plug_in(x, x, correction=correction).value)
    assert math.isfinite(entropy(x, correction=correction).value)
    assert plug_in(x, x).value == pytest.approx(math.log(n))


def test_samples_are_read_and_not_written():
    rng = np.random.default_rng(0)
    x, y, z = rng.standard_normal((40, 2)), rng.integers(0, 3, 40), rng.random(40)
    before = [v.copy() for v in (x, y, z)]
    for v in (x, y, z):
        v.flags.writeable = False
    plug_in(x, y, given=z, bins=3).null(3, 0)
    entropy(x, Bins(3, by="quantile"))
    assert all(np.array_equal(v, b) for v, b in zip((x, y, z), before, strict=True))
    view = np.asfortranarray(x)[::-1]
    assert plug_in(view, y[::-1]).value == plug_in(x, y).value
