"""Nearest-neighbour estimators: the papers' formulas by all pairs, known laws, ties, bad input."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import psi

from minigrad import backend
from minigrad.errors import BackendError, NotFiniteError, ShapeError
from minigrad.information import gaussian, kozachenko_leonenko, kraskov, mixed, ross
from minigrad.information.kraskov import _among_alike
from minigrad.information.neighbours import most

few = settings(max_examples=80, deadline=None, derandomize=True)
LN2 = math.log(2)


def correlated(rho, n, rng):
    x, noise = rng.standard_normal((2, n))
    return x, rho * x + math.sqrt(1 - rho**2) * noise


def wide(n=120, seed=0):
    """x of 3 columns, y of 2, z of 2, all of one source."""
    rng = np.random.default_rng(seed)
    source = rng.standard_normal((n, 3))
    return [source[:, :d] + 0.5 * rng.standard_normal((n, d)) for d in (3, 2, 2)]


# --- the formulas of the papers, by all pairs -----------------------------------------------------


def gaps(*parts):
    """Distances (N, N) in the maximum norm over all columns, infinite from a point to itself."""
    v = np.column_stack(parts)
    distance = np.abs(v[:, None] - v[None]).max(axis=-1)
    np.fill_diagonal(distance, np.inf)
    return distance


def naive_kraskov(x, y, k):
    """Kraskov et al. (2004), eq. 8."""
    r = np.sort(gaps(x, y), axis=1)[:, k - 1 : k]
    nx, ny = (gaps(x) < r).sum(axis=1), (gaps(y) < r).sum(axis=1)
    return psi(k) - np.mean(psi(nx + 1) + psi(ny + 1)) + psi(len(r))


def naive_kraskov_2(x, y, k):
    """Kraskov et al. (2004), eq. 9: the sides of the rectangle that holds the k neighbours."""
    near, n = np.argsort(gaps(x, y), axis=1)[:, :k], len(x)
    dx, dy = gaps(x), gaps(y)
    rows = np.arange(n)[:, None]
    nx = (dx <= dx[rows, near].max(axis=1, keepdims=True)).sum(axis=1)
    ny = (dy <= dy[rows, near].max(axis=1, keepdims=True)).sum(axis=1)
    return psi(k) - 1 / k - np.mean(psi(nx) + psi(ny)) + psi(n)


def naive_frenzel_pompe(x, y, z, k):
    """Frenzel and Pompe (2007), eq. 8, with psi in place of their harmonic numbers."""
    r = np.sort(gaps(x, y, z), axis=1)[:, k - 1 : k]
    nxz, nyz, nz = ((gaps(*v) < r).sum(axis=1) for v in ((x, z), (y, z), (z,)))
    return psi(k) - np.mean(psi(nxz + 1) + psi(nyz + 1) - psi(nz + 1))


def naive_ross(x, labels, k):
    """Ross (2014), eq. 2: m counts the neighbours within d, the k-th included."""
    distance, each = gaps(x), []
    for i in range(len(labels)):
        size = int((labels == labels[i]).sum())
        nearest = min(k, size - 1)
        d = np.sort(distance[i][labels == labels[i]])[nearest - 1]
        each.append(psi(nearest) - psi(size) - psi((distance[i] <= d).sum()))
    return psi(len(labels)) + np.mean(each)


def naive_entropy(x, k):
    """Kraskov et al. (2004), eq. 20: eps is twice the distance to the k-th neighbour."""
    x = x.reshape(len(x), -1)
    eps = 2 * np.sort(gaps(x), axis=1)[:, k - 1]
    return psi(len(x)) - psi(k) + x.shape[1] * np.mean(np.log(eps))


def naive_gao(x, y, k, closed):
    """Gao et al. (2017), algorithm 1, counting <= r_i; or, if not closed, < r_i outside atoms.

    Their ln(n_x + 1) is psi of the count with the point itself, as in their proof and code.
    """
    joint = gaps(x, y)
    r = np.sort(joint, axis=1)[:, k - 1 : k]
    zero = r[:, 0] == 0
    near = np.where(zero, (joint <= r).sum(axis=1) + (not closed), k)

    def of(v):
        at, under = (gaps(v) <= r).sum(axis=1), (gaps(v) < r).sum(axis=1)
        return psi(np.where(zero, at, at if closed else under) + 1)

    return psi(len(x)) + np.mean(psi(near) - of(x) - of(y))


@pytest.mark.parametrize("k", [1, 3, 8])
@pytest.mark.parametrize("search", ["tree", "brute"])
def test_all_estimators_are_the_formulas_of_their_papers(k, search):
    x, y, z = wide()
    labels = np.random.default_rng(1).integers(0, 4, 120) + (x[:, 0] > 0)
    for found, expected in (
        (kraskov(x, y, k, search=search), naive_kraskov(x, y, k)),
        (kraskov(x[:, 0], y[:, 0], k, search=search), naive_kraskov(x[:, 0], y[:, 0], k)),
        (kraskov(x, y, k, variant=2, search=search), naive_kraskov_2(x, y, k)),
        (kraskov(x, y, k, given=z, search=search), naive_frenzel_pompe(x, y, z, k)),
        (mixed(x, y, k, search=search), naive_kraskov(x, y, k)),
        (mixed(x, y, k, given=z, search=search), naive_frenzel_pompe(x, y, z, k)),
        (ross(x, labels, k, search=search), naive_ross(x, labels, k)),
        (kozachenko_leonenko(x, k, search=search), naive_entropy(x, k)),
        (kozachenko_leonenko(x[:, 0], k, search=search), naive_entropy(x[:, 0], k)),
    ):
        assert found.value == pytest.approx(expected, rel=1e-11, abs=1e-12)
        assert found.samples == 120 and found.parameters == {"k": k}


@pytest.mark.parametrize("k", [1, 4])
def test_mixed_counts_atoms_by_what_coincides(k):
    rng = np.random.default_rng(2)
    x = np.maximum(rng.standard_normal(150), 0)  # half of them 0, the rest spread
    y = np.where(x == 0, rng.integers(9, 12, 150), x + 0.3 * rng.standard_normal(150))
    expected = naive_gao(x, y, k, closed=False)
    assert mixed(x, y, k).value == pytest.approx(expected, rel=1e-12)
    assert mixed(x, y, k, search="brute").value == pytest.approx(expected, rel=1e-12)
    assert mixed(x, y, k).notes[0].endswith("counted as atoms of the law")


# --- known laws -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rho", "n", "variant", "bias"),
    [
        (0, 1000, 1, 0.0),
        (0.6, 1000, 1, 0.001),
        (0.9, 100, 1, -0.014),
        (0.9, 1000, 1, 0.012),
        (0.9, 1000, 2, 0.002),
    ],
)
def test_kraskov_of_correlated_normal_variables(rho, n, variant, bias):
    """The mean of 20 runs is within 0.03 of the truth, but where 100 samples spread more."""
    truth, rng = -math.log(1 - rho**2) / 2, np.random.default_rng(0)
    runs = [kraskov(*correlated(rho, n, rng), variant=variant).value for _ in range(20)]
    assert np.mean(runs) - truth == pytest.approx(bias, abs=0.03 if n > 100 else 0.08)
    assert np.std(runs) < (0.06 if n > 100 else 0.18)


@pytest.mark.parametrize("n", [2, 4, 1000])
@pytest.mark.parametrize("k", [1, 3])
def test_a_variable_tells_the_ceiling_of_itself(n, k):
    """psi(N) - psi(k), in variant 2 less 1/k: no estimate is above it."""
    if n > k:
        x = np.random.default_rng(0).standard_normal((n, 2))
        assert kraskov(x, x, k).value == pytest.approx(most(n, k), rel=1e-13)
        assert kraskov(x, x, k).ceiling == most(n, k)
        second = kraskov(x, x, k, variant=2)
        assert second.value == pytest.approx(most(n, k) - 1 / k, rel=1e-12, abs=1e-13)
        assert second.ceiling == pytest.approx(second.value, abs=1e-13)
    assert most(1000, 3) == pytest.approx(5.984471, abs=5e-7)


@pytest.mark.parametrize(("d", "within"), [(1, 0.12), (2, 0.2), (5, 0.35)])
def test_the_entropy_of_a_normal_law(d, within):
    """Truth d / 2 ln 2 pi e; in five columns the neighbours are far, and it is 0.08 too low."""
    rng, truth = np.random.default_rng(1), d / 2 * math.log(2 * math.pi * math.e)
    runs = [kozachenko_leonenko(rng.standard_normal((1000, d))).value for _ in range(10)]
    assert np.mean(runs) == pytest.approx(truth - (0.08 if d == 5 else 0), abs=0.03)
    assert max(abs(run - truth) for run in runs) < within


def test_entropy_moves_with_the_unit():
    x = np.random.default_rng(0).standard_normal((200, 3))
    h = kozachenko_leonenko(x).value
    for a in (2.0, 1e-10, 1e10, 2.0**-900):
        assert kozachenko_leonenko(a * x).value == pytest.approx(h + 3 * math.log(a), rel=1e-12)
    assert kozachenko_leonenko(x[:, ::-1] + 7).value == pytest.approx(h, rel=1e-9)


@pytest.mark.parametrize("m", [2, 5])
def test_mixed_of_a_uniform_that_starts_at_its_label(m):
    """Y on [X, X + 2]: ln m - (m - 1) / m ln 2."""
    truth, rng = math.log(m) - (m - 1) / m * LN2, np.random.default_rng(0)
    ours, ross_s, theirs = [], [], []
    for _ in range(8):
        x = rng.integers(0, m, 600)
        y = x + 2 * rng.random(600)
        ours.append(mixed(x, y).value - truth)
        ross_s.append(ross(y, x).value - truth)
        theirs.append(naive_gao(x.astype(float), y, 3, closed=True) - truth)
    assert abs(np.mean(ours)) < 0.03 and abs(np.mean(ross_s)) < 0.03
    assert abs(np.mean(theirs)) > 3 * abs(np.mean(ours)) and abs(np.mean(theirs)) > 0.05


def test_labels_seen_through_a_unit_noise():
    rng, runs = np.random.default_rng(0), []
    for _ in range(10):
        labels = rng.integers(0, 2, 1000)
        x = 2 * labels - 1 + rng.standard_normal(1000)
        runs.append([ross(x, labels).value, mixed(x, labels).value])
    assert np.allclose(np.mean(runs, axis=0), 0.336831, atol=0.03)


def test_a_condition_takes_away_what_it_explains_and_brings_out_what_it_joins():
    rng = np.random.default_rng(0)
    z, a, b = rng.standard_normal((3, 1000))
    x, y = z + 0.7 * a, z + 0.7 * b
    assert kraskov(x, y).value > 0.2 and abs(kraskov(x, y, given=z).value) < 0.06
    assert abs(kraskov(a, b).value) < 0.06
    assert kraskov(a, b, given=a + b + 0.3 * z).value > 0.4
    bits = rng.integers(0, 2, (2, 800))
    xor = bits[0] ^ bits[1]
    assert mixed(*bits, given=xor).value == pytest.approx(LN2, abs=0.02)
    assert mixed(*bits).value == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("discrete", [False, True])
def test_a_conditional_null_keeps_what_the_condition_explains(discrete):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 500))
    z = rng.integers(0, 25, 500) if discrete else 3 * rng.standard_normal(500)
    x, y = z + a, z + b
    plain, fork = mixed(x, y), mixed(x, y, given=z)
    assert plain.value > 0.5 and abs(plain.null(5, 0).level) < 0.05
    null = fork.null(20, 0)
    assert abs(fork.value - null.level) < 4 * null.spread
    told = mixed(a, a + 0.5 * b, given=z)
    assert told.value > told.null(20, 0).level + 5 * told.known_null.spread


def test_a_conditional_null_moves_samples_only_among_equal_symbols():
    rng = np.random.default_rng(0)
    z = np.repeat(np.arange(30), 10)
    estimate = mixed(rng.random(300), z.astype(float), given=z)  # y is z, whatever the shuffle
    assert np.allclose(estimate.null(5, 0).values, estimate.value, atol=1e-12)


def test_a_conditional_shuffle_is_an_order_that_keeps_z_nearly():
    rng = np.random.default_rng(0)
    for z in (rng.standard_normal((500, 1)), rng.standard_normal((500, 2)) * [1, 0.001]):
        order = _among_alike(z, rng)
        assert sorted(order) == list(range(500)) and (order != np.arange(500)).mean() > 0.8
        assert np.corrcoef(z[:, 0], z[order, 0])[0, 1] > 0.98


# --- invariances ----------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", [1, 2])
def test_a_common_scale_changes_nothing(variant):
    x, y, z = wide()
    value = kraskov(x, y, variant=variant).value
    for a in (2.0**-40, 2.0**60, 2.0**-1000, 2.0**1020):
        assert kraskov(a * x, a * y, variant=variant).value == value
    for a in (1e10, 1e-10):
        assert kraskov(a * x, a * y, variant=variant).value == pytest.approx(value, abs=1e-12)
    labels = (z[:, 0] > 0).astype(int)
    for a in (2.0**-1000, 2.0**1020, 1e10):
        assert mixed(a * x, labels).value == pytest.approx(mixed(x, labels).value, abs=1e-12)
        assert ross(a * x, labels).value == pytest.approx(ross(x, labels).value, abs=1e-12)
        conditional = kraskov(a * x, a * y, given=a * z).value
        assert conditional == pytest.approx(kraskov(x, y, given=z).value, abs=1e-12)


def test_sides_and_columns_may_change_places():
    x, y, _ = wide()
    value = kraskov(x, y).value
    assert kraskov(y, x).value == pytest.approx(value, abs=1e-12)
    assert kraskov(x[:, ::-1], y[:, ::-1]).value == pytest.approx(value, abs=1e-12)
    order = np.random.default_rng(0).permutation(len(x))
    assert kraskov(x[order], y[order]).value == pytest.approx(value, abs=1e-12)


few_symbols = arrays(np.int64, (30,), elements=st.integers(0, 9))


@few
@given(few_symbols, st.permutations(range(10)), st.booleans())
def test_the_names_of_the_symbols_do_not_matter(x, names, both):
    """Nor do they where a symbol has fewer samples than k."""
    y = (np.arange(30) * 7) % 5 if both else np.sin(np.arange(30.0) ** 2)
    renamed = np.array(names)[x] * 10**9
    assert mixed(renamed, y).value == pytest.approx(mixed(x, y).value, abs=1e-12)
    texts = np.array([f"symbol {name}" for name in names])[x]
    assert mixed(texts, y).value == pytest.approx(mixed(x, y).value, abs=1e-12)


# --- ties -----------------------------------------------------------------------------------------

grid = arrays(float, st.tuples(st.integers(5, 25), st.just(3)), elements=st.integers(-3, 3))
line = st.integers(5, 25).map(lambda n: np.column_stack([np.arange(n, dtype=float)] * 3))


@few
@given(st.one_of(grid, line), st.integers(1, 4), st.booleans())
def test_no_estimate_is_above_its_ceiling_whatever_the_ties(v, k, distinct):
    x, y, z = v.T
    if distinct:
        x = np.random.default_rng(len(v)).permutation(len(v)).astype(float)
    labels = z.astype(int)
    for estimate in (
        kraskov(x, y, k),
        kraskov(x, x, k),
        kraskov(x, y, k, variant=2),
        kraskov(x, y, k, given=z),
        mixed(x, labels, k),
        mixed(labels, labels, k),
    ):
        assert math.isfinite(estimate.value)
        assert estimate.value <= estimate.ceiling + 1e-12
    if (np.unique(labels, return_counts=True)[1] > 1).any():
        estimate = ross(x, labels, k)
        assert math.isfinite(estimate.value)
        assert estimate.value <= estimate.ceiling + 1e-12


def test_equidistant_samples_tell_no_more_than_distinct_ones():
    x = np.arange(20.0)
    assert kraskov(x, x, k=2).value == pytest.approx(most(20, 2), rel=1e-12)


def test_samples_that_coincide_are_noted():
    x = np.repeat(np.arange(10.0), 5)
    estimate = kraskov(x, x)
    assert estimate.notes == (
        "50 of 50 samples coincide with 3 others: counted as atoms of the law",
    )
    assert estimate.value == pytest.approx(psi(50) - psi(5), rel=1e-12)
    assert kraskov(x, x, k=1).notes[0].startswith("50 of 50 samples coincide with another:")
    assert kraskov(x, x, k=5).notes == ()
    h = kozachenko_leonenko(x)
    assert h.value == -math.inf and h.notes == (
        "50 of 50 samples coincide with 3 others: the law has an atom",
    )


def test_what_is_constant_tells_nothing():
    rng = np.random.default_rng(0)
    x, constant, labels = rng.standard_normal(50), np.full(50, 0.1), np.arange(50) % 2
    for estimate in (
        kraskov(x, constant),
        kraskov(x, constant, variant=2),
        mixed(x, constant),
        mixed(x, np.zeros(50, int)),
    ):
        assert estimate.value == pytest.approx(
            0, abs=0.35 if estimate.estimator.endswith("2") else 1e-12
        )
        assert "y is constant" in estimate.notes
    estimate = ross(constant, labels)
    assert abs(estimate.value) < 0.05 and "x is constant" in estimate.notes
    one = ross(x, np.zeros(50, int))
    assert one.value == pytest.approx(0, abs=1e-12) and one.ceiling == 0.0
    assert kraskov(constant, constant).value == pytest.approx(0, abs=1e-12)


def test_ross_leaves_out_what_is_alone_with_its_label():
    x, labels = np.random.default_rng(0).standard_normal(40), np.arange(40) % 3
    labels[:2] = [7, 8]
    estimate = ross(x, labels)
    assert estimate.value == ross(x[2:], labels[2:]).value and estimate.samples == 38
    assert estimate.notes == ("left out, alone with their label: 2",)
    with pytest.raises(ValueError, match="no label has two samples or more"):
        ross(x, np.arange(40))


def test_the_ceiling_of_labels_is_what_neighbours_say_of_them():
    x = np.concatenate([np.random.default_rng(s).random(50) + 10 * s for s in range(4)])
    labels = np.repeat(["a", "b", "c", "d"], 50)
    for estimate in (mixed(x, labels), ross(x, labels)):
        assert estimate.value == pytest.approx(psi(200) - psi(50), rel=1e-12)
        assert estimate.ceiling == pytest.approx(psi(200) - psi(50), rel=1e-12)
        assert estimate.saturated


@pytest.mark.parametrize("size", [1.7e308, 5e-324])
def test_values_at_the_ends_of_the_floats_have_finite_answers(size):
    x = np.linspace(-1, 1, 40) * size
    y = np.random.default_rng(0).permutation(x)
    both = np.column_stack([x, y])
    for estimate in (
        kraskov(x, y),
        kraskov(x, y, variant=2),
        kraskov(both, both[:, ::-1]),
        kraskov(x, y, given=y[::-1]),
        kraskov(x, y, search="brute"),
        mixed(x, np.arange(40) % 2),
        ross(both, np.arange(40) % 2),
    ):
        assert -3 < estimate.value <= estimate.ceiling + 1e-12
    if size > 1:
        expected = kozachenko_leonenko(x / size).value + math.log(size)
        assert kozachenko_leonenko(x).value == pytest.approx(expected, rel=1e-12)


# --- backends -------------------------------------------------------------------------------------


def test_every_backend_gives_the_answer_of_numpy(place):
    x, y, z = wide(60)
    labels = np.arange(60) % 3
    a, b, c, d = (backend.move(v, place) for v in (x, y, z, labels))
    for here, there in (
        (kraskov(x, y), kraskov(a, b, search="brute")),
        (kraskov(x, y, variant=2), kraskov(a, b, variant=2, search="brute")),
        (kraskov(x, y, given=z), kraskov(a, b, given=c, search="brute")),
        (mixed(x, labels), mixed(a, d, search="brute")),
        (mixed(labels, labels), mixed(d, d, search="brute")),
        (mixed(x, labels), mixed(a, labels.tolist(), search="brute")),
        (mixed(x, y, given=labels), mixed(a, b, given=d, search="brute")),
        (ross(x, labels), ross(a, d, search="brute")),
        (ross(x, labels), ross(a, labels, search="brute")),
        (kozachenko_leonenko(x), kozachenko_leonenko(a, search="brute")),
        (kraskov(x, y), kraskov(a, b, host=True)),
        (ross(x, labels), ross(a, labels, host=True)),
        (mixed(x, labels), mixed(a, d, host=True)),
        (kozachenko_leonenko(x), kozachenko_leonenko(a, host=True)),
    ):
        assert there.value == pytest.approx(here.value, rel=1e-12, abs=1e-12)
        assert type(there.value) is float and there.ceiling == pytest.approx(here.ceiling)
        if here.shuffled:
            assert np.allclose(there.null(2, 1).values, here.null(2, 1).values, atol=1e-12)


def test_the_tree_refuses_a_device_unless_told(place):
    if place.name == "numpy":
        return
    x = backend.move(np.random.default_rng(0).standard_normal(20), place)
    labels = np.arange(20) % 2
    for call in (
        lambda: kraskov(x, x),
        lambda: mixed(x, labels),
        lambda: ross(x, labels),
        lambda: kozachenko_leonenko(x),
    ):
        with pytest.raises(BackendError, match=f"{place.name}.*host=True.*search='brute'"):
            call()
    with pytest.raises(
        BackendError, match=f"(?s){place.name}.*cannot be mixed|numpy.*{place.name}"
    ):
        kraskov(np.zeros(20), x, search="brute")


def test_float32_of_a_device_is_good_to_its_digits(place):
    x, y = correlated(0.6, 200, np.random.default_rng(0))
    a, b = (backend.move(v.astype("float32"), place) for v in (x, y))
    assert kraskov(a, b, search="brute").value == pytest.approx(kraskov(x, y).value, abs=0.02)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", [kraskov, mixed, ross])
def test_samples_that_are_none_are_refused_by_name(estimator):
    y = np.arange(6) % 2 if estimator is ross else np.arange(6.0)
    second = "labels" if estimator is ross else "y"
    for x, error, message in (
        ([0, 1, float("nan"), 3, 4, 5.0], NotFiniteError, r"x has nan at \(2, 0\)"),
        ([0, 1, -math.inf, 3, 4, 5.0], NotFiniteError, r"x has -inf at \(2, 0\)"),
        (np.zeros(5), ShapeError, f"one row for each .*'x': 5, '{second}': 6"),
        (np.zeros((6, 1, 1)), ShapeError, r"x: .*came \(6, 1, 1\)"),
        ([], ShapeError, r"x: .*came \(0,\)"),
        ([[1.0], [1.0, 2]], ShapeError, "x: rows of different lengths"),
        (np.ones(6) * 1j, TypeError, "x: expected real numbers, .*came complex128"),
        (np.full(6, None), TypeError, "x: expected real numbers, .*came object"),
        (None, TypeError, "x: expected real numbers, .*came object"),
        (np.ma.masked_equal(np.arange(6.0), 2), NotFiniteError, "x has masked values"),
    ):
        with pytest.raises(error, match=message):
            estimator(x, y)
    with pytest.raises(TypeError, match=f"{second}: expected"):
        estimator(np.arange(6.0), None)


def test_what_is_of_the_wrong_kind_is_sent_to_the_right_estimator():
    x, labels = np.arange(9.0), np.arange(9) % 2
    with pytest.raises(TypeError, match=r"y is discrete .* use mixed or plug_in"):
        kraskov(x, labels)
    with pytest.raises(TypeError, match=r"given is discrete .* use mixed or plug_in"):
        kraskov(x, x, given=labels)
    with pytest.raises(TypeError, match=r"x is discrete .* use plug_in"):
        ross(labels, labels)
    with pytest.raises(TypeError, match=r"labels: expected labels .*, came float64"):
        ross(x, x)
    with pytest.raises(TypeError, match=r"x is discrete .* use entropy"):
        kozachenko_leonenko(labels)
    with pytest.raises(NotFiniteError, match="given has nan"):
        kraskov(x, x, given=[*x[:8], math.nan])


@pytest.mark.parametrize("k", [0, 2.5, True, "3", 9])
def test_a_wrong_k_is_refused(k):
    x, labels = np.arange(9.0), np.arange(9) % 2
    for call in (
        lambda: kraskov(x, x, k),
        lambda: mixed(x, labels, k),
        lambda: ross(x, labels, k),
        lambda: kozachenko_leonenko(x, k),
    ):
        with pytest.raises(ValueError, match=r"k: (expected a number|each sample needs 9 others)"):
            call()


@pytest.mark.parametrize("variant", [0, 3, "1", True, None, 1.5])
def test_an_unknown_variant_is_refused(variant):
    x = np.arange(9.0)
    with pytest.raises(ValueError, match="variant: expected 1, or without `given` 2, came"):
        kraskov(x, x, variant=variant)
    with pytest.raises(ValueError, match="variant: expected 1"):
        kraskov(x, x, variant=2, given=x)


def test_an_unknown_search_is_refused():
    x, labels = np.arange(9.0), np.arange(9) % 2
    for call in (
        lambda: kraskov(x, x, search="ball"),
        lambda: ross(x, labels, search="ball"),
        lambda: kozachenko_leonenko(x, search="ball", host=True),
    ):
        with pytest.raises(ValueError, match="search: expected one of tree, brute, not 'ball'"):
            call()


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_samples_are_too_few_for_three_neighbours(n):
    x = np.arange(float(n))
    with pytest.raises(ValueError, match=f"needs 3 others, there are {n} samples: expected 4"):
        kraskov(x, x)
    if n == 2:
        assert kraskov(x, x, k=1).value == pytest.approx(most(2, 1), rel=1e-12)


def test_samples_are_read_and_not_written():
    x, y, z = wide(40)
    labels = np.arange(40) % 2
    kept = [v.copy() for v in (x, y, z, labels)]
    for v in (x, y, z, labels):
        v.flags.writeable = False
    for search in ("tree", "brute"):
        kraskov(x, y, given=z, search=search).null(2, 0)
        kraskov(x, y, variant=2, search=search).null(2, 0)
        mixed(x, labels, given=labels, search=search).null(2, 0)
        ross(x, labels, search=search).null(2, 0)
        kozachenko_leonenko(x, search=search)
    assert all(np.array_equal(v, k) for v, k in zip((x, y, z, labels), kept, strict=True))
    assert kraskov(np.asfortranarray(x)[::-1], y[::-1]).value == kraskov(x[::-1], y[::-1]).value


def test_shorter_floats_and_lists_are_taken():
    x, y, _ = wide(40)
    x = x.astype("float16").astype(float)
    assert kraskov(x.astype("float16"), y).value == kraskov(x.astype("float32"), y).value
    assert kraskov(x.tolist(), y.tolist()).value == kraskov(x, y).value
    assert gaussian(x.astype("float16"), y).value == pytest.approx(gaussian(x, y).value)


def test_the_second_variant_holds_where_one_side_has_atoms(rng):
    """The extent of the k nearest in x is then 0, and the -1/k of two continuous sides not due."""
    x = rng.integers(0, 5, 2000).astype(float)
    truth = np.log(5) - 4 / 5 * np.log(2)
    for k in (1, 3):
        assert abs(float(kraskov(x, x + 2 * rng.random(2000), k, variant=2)) - truth) < 0.06
