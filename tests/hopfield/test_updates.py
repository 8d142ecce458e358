"""Updates: each against its law, at a temperature against Boltzmann's, in time against its rest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from minigrad import backend
from minigrad.hopfield import (
    Asynchronous,
    Continuous,
    Couplings,
    Hebb,
    HopfieldNetwork,
    Memory,
    Stochastic,
    Synchronous,
    Update,
)
from minigrad.hopfield.updates import update_of
from minigrad.ode import Fixed, solve


def symmetric(rng, n, coding="signs", diagonal=False):
    W = rng.normal(size=(n, n))
    W = W + W.T
    return Couplings(W if diagonal else W - np.diag(np.diag(W)), rng.normal(size=n), coding)


def states(rng, count, n, coding="signs"):
    return np.where(rng.random((count, n)) < 0.5, 0.0 if coding == "bits" else -1.0, 1.0)


# --- synchronous ----------------------------------------------------------------------------------


def test_all_units_at_once_follow_the_memory(rng):
    memory, x = symmetric(rng, 7), states(rng, 9, 7)
    recall = HopfieldNetwork(memory).recall(x, keep=True)
    for before, after in zip(recall.path, recall.path[1:], strict=False):
        moved = (before != after).any(axis=1)
        np.testing.assert_array_equal(after[moved], memory(before)[moved])
    for row, steps, ended, end in zip(x, recall.steps, recall.ended, recall.end, strict=True):
        for _ in range(steps):
            row = memory(row)
        np.testing.assert_array_equal(row, end)
        if ended == "fixed point":
            np.testing.assert_array_equal(memory(row), row)
        else:
            assert ended == "2-cycle" and (memory(row) != row).any()
            np.testing.assert_array_equal(memory(memory(row)), row)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.sampled_from(["signs", "bits"]))
@settings(max_examples=40, deadline=None)
def test_symmetric_couplings_end_at_rest_or_in_a_2_cycle(seed, n, coding):
    rng = np.random.default_rng(seed)
    recall = HopfieldNetwork(symmetric(rng, n, coding, diagonal=True)).recall(
        states(rng, 10, n, coding), max_steps=2000
    )
    assert (recall.ended != "not settled").all() and recall.rises == 0
    assert (np.diff(recall.pair_energy, axis=0) <= 1e-9).all()


def test_numbers_settle_when_no_unit_moves_by_more_than_the_tolerance(rng):
    W = 0.5 * np.linalg.qr(rng.normal(size=(4, 4)))[0]
    memory = Couplings(W, rng.normal(size=4), coding="real", activation="tanh")
    x = rng.normal(size=(5, 4))
    for tolerance in (1e-2, 1e-6, None):
        recall = HopfieldNetwork(memory, Synchronous(tolerance), max_steps=500).recall(x + 1)
        most = 2**-26 if tolerance is None else tolerance
        left = np.abs(memory(recall.end) - recall.end).max(axis=1)
        assert (recall.ended == "fixed point").all()
        size = np.maximum(np.abs(recall.end), np.abs(x + 1)).max(axis=1)
        assert (left <= most * size).all()
    with pytest.raises(ValueError, match="tolerance: expected a number from 0 on"):
        Synchronous(-1.0)


def test_numbers_that_go_to_0_settle_there():
    memory = Couplings([[0.0, 0.5], [0.5, 0.0]], coding="real", activation="tanh")
    recall = HopfieldNetwork(memory).recall([[1.0, -2.0], [0.0, 0.0]])
    assert (recall.ended == "fixed point").all() and np.abs(recall.end).max() < 1e-6


# --- asynchronous ---------------------------------------------------------------------------------


@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 40),
    st.booleans(),
    st.sampled_from(["signs", "bits"]),
)
@settings(max_examples=50, deadline=None)
def test_one_unit_at_a_time_never_raises_the_energy(seed, n, diagonal, coding):
    """Some 10^5 updates, each looked at; a diagonal that is not negative does no harm."""
    rng = np.random.default_rng(seed)
    memory, x = symmetric(rng, n, coding), states(rng, 50, n, coding)
    if diagonal:
        memory.W = memory.W + np.diag(rng.random(n))
    energy = memory.energy(x)
    for i in rng.integers(0, n, 2 * n).tolist():
        x = memory.sweep(x, [i])
        after = memory.energy(x)
        assert (after <= energy + 1e-11 * np.abs(energy).max()).all()
        energy = after


def test_in_a_million_updates_the_energy_never_rises():
    rng = np.random.default_rng(0)
    memory, x = symmetric(rng, 20), states(rng, 5000, 20)
    energy, rises, fell = memory.energy(x), 0, 0
    for i in rng.integers(0, 20, 200).tolist():
        x = memory.sweep(x, [i])
        after = memory.energy(x)
        rises += np.count_nonzero(after > energy + 1e-11)
        fell += np.count_nonzero(after < energy - 1e-11)
        energy = after
    assert x.shape[0] * 200 == 10**6 and rises == 0 and fell > 10**4


@given(st.integers(0, 2**32 - 1), st.integers(1, 70), st.sampled_from(["signs", "bits"]))
@settings(max_examples=25, deadline=None)
def test_sweeps_end_at_a_state_that_no_update_would_change(seed, n, coding):
    rng = np.random.default_rng(seed)
    memory = symmetric(rng, n, coding)
    recall = HopfieldNetwork(memory, "asynchronous", max_steps=1000).recall(
        states(rng, 10, n, coding), rng=seed
    )
    assert (recall.ended == "fixed point").all() and recall.rises == 0
    np.testing.assert_array_equal(memory(recall.state), recall.state)


def test_a_step_is_a_sweep_in_a_new_order(rng):
    memory, x = symmetric(rng, 6), states(rng, 8, 6)
    recall = HopfieldNetwork(memory).recall(x, "asynchronous", rng=5, keep=True)
    again = np.random.default_rng(5)
    for before, after in zip(recall.path, recall.path[1:], strict=False):
        swept = Memory.sweep(memory, before, again.permutation(6).tolist())
        going = (memory(before) != before).any(axis=1)
        np.testing.assert_array_equal(after[going], swept[going])
        np.testing.assert_array_equal(after[~going], before[~going])


def test_a_fraction_updates_so_many_and_keeps_the_others():
    memory = Couplings(-2.0 * np.eye(400))  # every unit that is updated turns over
    x = np.ones((50, 400))
    recall = HopfieldNetwork(memory, max_steps=1).recall(x, Asynchronous(0.3), rng=1)
    share = (recall.end == -1).mean(axis=1)
    assert set(np.unique(recall.end)) == {-1, 1}
    assert abs(share.mean() - 0.3) < 5 * np.sqrt(0.21 / x.size)
    assert np.abs(share - 0.3).max() < 5 * np.sqrt(0.21 / 400) and np.ptp(share) > 0
    assert recall.promise == ""


def test_a_fraction_of_1_is_all_units_at_once(rng):
    memory, x = symmetric(rng, 7), states(rng, 9, 7)
    one = HopfieldNetwork(memory).recall(x, Asynchronous(1.0), max_steps=3, keep=True)
    for before, after in zip(one.path, one.path[1:], strict=False):
        np.testing.assert_array_equal(after, memory(before))


def test_a_fraction_ends_where_no_unit_wants_to_move(rng):
    memory, x = symmetric(rng, 9), states(rng, 20, 9)
    recall = HopfieldNetwork(memory, max_steps=1000).recall(x, Asynchronous(0.2), rng=1)
    assert (recall.ended == "fixed point").all()
    np.testing.assert_array_equal(memory(recall.end), recall.end)


# --- at a temperature -----------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["signs", "bits"])
@pytest.mark.parametrize("temperature", [0.7, 3.0])
def test_four_units_visit_their_16_states_as_boltzmann_says(coding, temperature):
    rng, count = np.random.default_rng(4), 15_000
    memory = symmetric(rng, 4, coding)
    start = np.full((count, 4), 1.0)
    recall = HopfieldNetwork(memory, max_steps=40).recall(start, Stochastic(temperature), rng=7)
    bits = (1 + memory.coding.to_signs(recall.end)) / 2
    seen = np.bincount((bits @ [8, 4, 2, 1]).astype(int), minlength=16)
    every = (np.arange(16)[:, None] >> np.array([3, 2, 1, 0]) & 1).astype(float)
    every = every if coding == "bits" else 2 * every - 1
    weights = np.exp(-(E := memory.energy(every)) / temperature + E.min() / temperature)
    expected = count * weights / weights.sum()
    often = expected > 5
    chi2 = ((seen - expected)[often] ** 2 / expected[often]).sum()
    assert chi2 < 50  # of 15 degrees of freedom: once in 10^5
    assert (recall.ended == "not settled").all() and (recall.steps == 40).all()


def test_one_pattern_at_half_the_critical_temperature():
    """m = tanh(m / T): of 1,000 units at T = 0.5, with fluctuations of order 1 / sqrt(n)."""
    n, T, rows = 1000, 0.5, 24
    expected = brentq(lambda m: np.tanh(m / T) - m, 0.5, 1)
    assert expected == pytest.approx(0.9575, abs=1e-4)
    s = np.sign(np.random.default_rng(1).normal(size=(1, n)))
    net = HopfieldNetwork(Hebb(), max_steps=12).store(s)
    overlaps = net.recall(np.repeat(s, rows, axis=0), Stochastic(T), rng=2).overlap
    slack = 1 - expected**2
    deviation = np.sqrt(slack / (n * (1 - slack / T)))
    assert abs(overlaps.mean() - expected) < 5 * deviation / np.sqrt(rows)
    assert 0.5 < overlaps.std() / deviation < 2


def test_hot_units_are_free_and_cold_ones_obey(rng):
    s = np.sign(rng.normal(size=(1, 201)))
    net, start = HopfieldNetwork(Hebb(), max_steps=3).store(s), np.repeat(s, 20, axis=0)
    hot = net.recall(start, Stochastic(1e6), rng=1)
    assert abs(hot.overlap.mean()) < 5 / np.sqrt(201 * 20)
    cold = net.recall(start, Stochastic(1e-6), rng=1)
    assert cold.exact.all() and cold.promise == ""


# --- in continuous time ---------------------------------------------------------------------------


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 12),
    st.floats(0.3, 6),
    st.sampled_from(["signs", "bits"]),
)
@settings(max_examples=15, deadline=None)
def test_the_flow_lowers_its_energy_and_rests_where_the_soft_map_does(seed, n, gain, coding):
    rng = np.random.default_rng(seed)
    memory = symmetric(rng, n, coding, diagonal=True)
    memory.W = memory.W / np.sqrt(n)
    x = rng.uniform(0 if coding == "bits" else -1, 1, (6, n))
    recall = HopfieldNetwork(memory, Continuous(gain), max_steps=400).recall(x)
    assert recall.rises == 0 and recall.promise
    assert (np.diff(recall.energy, axis=0) <= 1e-10 * np.abs(recall.energy).max()).all()
    f = np.tanh if coding == "signs" else lambda u: 1 / (1 + np.exp(-u))
    rested = recall.ended == "fixed point"
    ends = recall.end[rested]
    assert rested.any()
    gap = f(gain * (ends @ memory.W.T + memory.b)) - ends
    assert np.sqrt((gap**2).mean(axis=1)).max() <= 1e-6


def test_the_energy_of_the_flow_is_e_and_the_integral_of_the_inverse(rng):
    from scipy.integrate import quad

    inverse = {"signs": np.arctanh, "bits": lambda v: np.log(v / (1 - v))}
    for coding, f in inverse.items():
        memory, gain = symmetric(rng, 3, coding), 1.7
        x = rng.uniform(0.05, 0.95, (4, 3))
        costs = np.array([[quad(f, 0.5, v)[0] for v in row] for row in x]).sum(axis=1) / gain
        gaps = memory.flow_energy(x, gain) - memory.energy(x) - costs
        np.testing.assert_allclose(gaps, gaps[0], atol=1e-9)
    numbers = symmetric(rng, 3, "real")
    np.testing.assert_allclose(
        numbers.flow_energy(x, 2.0), numbers.energy(x) + (x**2).sum(axis=1) / 4, rtol=1e-12
    )


def test_the_slope_of_the_flow_is_downhill(rng):
    """x' = f(gain h) - x, and -dL/dx = h - f^-1(x) / gain: each unit moves as its force says."""
    memory, gain = symmetric(rng, 4), 1.3
    x = rng.uniform(-0.9, 0.9, (5, 4))
    slope = Continuous.slope(memory, gain)(0.0, x)
    force = memory.field(x) - np.arctanh(x) / gain
    np.testing.assert_array_equal(np.sign(slope), np.sign(force))
    for i in range(4):
        shift = 1e-6 * np.eye(4)[i]
        numeric = memory.flow_energy(x + shift, gain) - memory.flow_energy(x - shift, gain)
        np.testing.assert_allclose(-numeric / 2e-6, force[:, i], rtol=1e-6, atol=1e-8)


def test_a_step_of_euler_is_the_synchronous_soft_map(rng):
    memory = symmetric(rng, 4, "real")
    memory.activation = memory.coding.soft if memory.activation else None
    x, W, b = rng.normal(size=(5, 4)), memory.W, memory.b
    soft = Couplings(W, b, coding="real", activation="tanh")
    end = solve(Continuous.slope(soft, 1.0), x, 0.0, 1.0, "euler", Fixed(steps=1)).x[-1]
    np.testing.assert_allclose(end, soft(x), rtol=1e-12)


def test_a_linear_flow_has_the_rest_of_its_equation(rng):
    W = 0.4 * np.linalg.qr(rng.normal(size=(3, 3)))[0]
    memory = Couplings(W, [1.0, -2.0, 0.5], coding="real")
    recall = HopfieldNetwork(memory, "continuous").recall(rng.normal(size=(4, 3)))
    expected = np.linalg.solve(np.eye(3) - W, memory.b)
    np.testing.assert_allclose(recall.end, np.tile(expected, (4, 1)), atol=1e-5)


@pytest.mark.parametrize("start", ["signs", "bits"])
def test_a_noisy_start_beyond_the_values_is_no_rise(start):
    """Out there f^-1 is not: what falls is looked at from where all is within."""
    rng = np.random.default_rng(3)
    s = np.sign(rng.normal(size=(3, 16)))
    net = HopfieldNetwork(Hebb(coding=start))
    net.store(net.memory.coding.from_signs(s))
    noisy = net.memory.coding.from_signs(s) + 3 * rng.normal(size=s.shape)
    recall = net.recall(noisy, "continuous")
    assert recall.promise and recall.rises == 0


def test_numbers_with_any_map_are_promised_nothing_that_does_not_hold(rng):
    for activation in ("sigmoid", "relu", "softplus", "tanh", "identity"):
        W = 0.3 * rng.normal(size=(6, 6))
        memory = Couplings(W + W.T, rng.normal(size=6), "real", activation)
        for update in ("continuous", "synchronous"):
            assert HopfieldNetwork(memory).recall(rng.random((20, 6)), update).rises == 0


def test_float32_comes_to_rest_too():
    s = np.sign(np.random.default_rng(1).normal(size=(3, 64)))
    net = HopfieldNetwork(Hebb()).store(s).to(dtype="float32")
    recall = net.recall(0.8 * s.astype("float32"), "continuous")
    assert recall.exact.all() and recall.rises == 0 and recall.end.dtype == "float32"


# --- two patterns ---------------------------------------------------------------------------------


def test_the_basins_of_two_patterns_are_known():
    """h_i = s_i m1 + t_i m2: with |m1| above |m2| one step leads to sign(m1) s, and so with t."""
    rng = np.random.default_rng(5)
    s = np.sign(rng.normal(size=30))
    t = np.where(np.arange(30) < 17, s, -s)  # 17 and 13 of them: no ties
    x = np.sign(rng.normal(size=(500, 30)))
    m1, m2 = x @ s / 30, x @ t / 30
    expected = np.where(
        (np.abs(m1) > np.abs(m2))[:, None], np.sign(m1)[:, None] * s, np.sign(m2)[:, None] * t
    )
    net = HopfieldNetwork(Hebb(zero_diagonal=False)).store([s, t])
    recall = net.recall(x)
    np.testing.assert_array_equal(recall.end, expected)
    assert recall.steps.max() == 1 and set(recall.kind) == {"stored", "negative"}
    soft = net.recall(0.5 * x[:40], Continuous(8.0))
    np.testing.assert_array_equal(soft.state, expected[:40])


# --- what is asked for ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "update", ["synchronous", "asynchronous", Asynchronous(0.3), Stochastic(0.3), "continuous"]
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_backend_recalls_like_numpy(place, update, dtype):
    rng = np.random.default_rng(6)
    s, x = np.sign(rng.normal(size=(3, 10))), np.sign(rng.normal(size=(5, 10)))
    here = HopfieldNetwork(Hebb(), max_steps=20).store(s).to(dtype=dtype)
    there = here.to(place.spec)
    one = here.recall(x.astype(dtype), update, rng=3)
    two = there.recall(backend.move(x, place, dtype), update, rng=3)
    assert backend.dtype_name(two.end) == dtype and backend.place_of(two.end) == place
    np.testing.assert_array_equal(backend.host(two.state), one.state)
    np.testing.assert_allclose(backend.host(two.end), one.end, atol=1e-5)
    for name in ("steps", "ended", "nearest", "exact", "kind"):
        assert getattr(two, name).tolist() == getattr(one, name).tolist(), name
    np.testing.assert_allclose(two.overlap, one.overlap, rtol=1e-6)
    np.testing.assert_allclose(two.energy, one.energy, rtol=1e-4, atol=1e-5)


def test_updates_by_name():
    assert isinstance(update_of("continuous"), Continuous)
    own = Asynchronous(0.5)
    assert update_of(own) is own
    assert [str(u) for u in (Synchronous(), own, Stochastic(0.5), Continuous(2.0))] == [
        "synchronous", "asynchronous, 50% at once", "stochastic at temperature 0.5", "continuous",
    ]  # fmt: skip
    assert repr(own) == "Asynchronous(fraction=0.5)"
    with pytest.raises(NotImplementedError):
        Update().run(None, 1, None)


def test_bad_requests_are_refused():
    for given_, said in (
        ("sometimes", "unknown update 'sometimes': expected one of synchronous, asynchronous"),
        ("stochastic", "needs a temperature"),
        (None, "unknown update None"),
        (Synchronous, "unknown update"),
    ):
        with pytest.raises(ValueError, match=said):
            update_of(given_)
    for temperature in (0, -1.0, float("nan"), float("inf"), "hot"):
        with pytest.raises(ValueError, match="temperature: expected a number above 0"):
            Stochastic(temperature)
    for fraction in (0, -0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="fraction: expected a share above 0, up to 1"):
            Asynchronous(fraction)
    for name in ("gain", "rest", "rtol"):
        with pytest.raises(ValueError, match=f"{name}: expected a number above 0"):
            Continuous(**{name: 0.0})
    net = HopfieldNetwork(Couplings(np.zeros((2, 2)), coding="real"))
    for update in ("asynchronous", Stochastic(1.0), Asynchronous(0.5)):
        with pytest.raises(ValueError, match=r"is for signs or bits, not for the coding 'real'"):
            net.recall([[1.0, 2.0]], update)
