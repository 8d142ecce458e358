"""Competition: means of what was won, who wins, dead units, and directions at norm 1."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad import Affinity, Network, backend
from minigrad.errors import NotFiniteError
from minigrad.hebbian import Competitive, WinnerTakeAll

BOTH = [Competitive, WinnerTakeAll]


def blobs(rng, centres, each=60, scale=0.1):
    x = np.repeat(np.array(centres, float), each, axis=0)
    return rng.permutation(x + scale * rng.standard_normal(x.shape))


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_at_rate_one_over_n_each_row_is_the_mean_of_what_it_won(seed, conscience):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((50, 3)) + 5
    layer = Competitive(3, 4, start=x, conscience=conscience, rng=rng)
    start = layer.W.copy()
    y = layer.learn(x)
    won = y.argmax(axis=1)
    np.testing.assert_array_equal(y, np.eye(4)[won])
    np.testing.assert_array_equal(layer.counts, np.bincount(won, minlength=4))
    for j in range(4):
        mean = x[won == j].mean(axis=0) if (won == j).any() else start[j]
        np.testing.assert_allclose(layer.W[j], mean, rtol=1e-12)


def test_a_constant_rate_is_an_exponential_mean(rng):
    x = rng.standard_normal((20, 3))
    layer = Competitive(3, 1, rate=0.3)
    layer.W = [[1.0, 2.0, 3.0]]
    layer.learn(x)
    ages = np.arange(20)[::-1]
    mean = 0.7**20 * np.array([1.0, 2.0, 3.0]) + (0.3 * 0.7**ages) @ x
    np.testing.assert_allclose(layer.W[0], mean, rtol=1e-12)


def test_a_function_of_the_winners_own_wins_is_a_rate():
    seen = []
    layer = Competitive(1, 2, rate=lambda t: seen.append(t) or 0.5)
    layer.W = [[0.0], [10.0]]
    layer.learn([[1.0], [9.0], [1.0], [0.5]])
    assert seen == [1, 1, 2, 3] and layer.W[1, 0] == 9.5


@given(st.integers(0, 2**32 - 1), st.floats(0, 1e6))
def test_the_nearest_wins_far_from_the_origin_too(seed, far):
    rng = np.random.default_rng(seed)
    x, W = rng.standard_normal((9, 4)) + far, rng.standard_normal((5, 4)) + far
    layer = Competitive(4, 5)
    layer.W = W
    distances = np.linalg.norm(x[:, None, :] - W, axis=-1)
    np.testing.assert_array_equal(layer.winners(x), distances.argmin(axis=1))
    np.testing.assert_array_equal(layer(x), np.eye(5)[distances.argmin(axis=1)])
    assert layer.winners(x.reshape(3, 3, 4)).shape == (3, 3)
    assert layer(x[0]).shape == (5,) and layer.winners(x[0]).shape == ()


def test_of_equals_the_first_wins():
    layer = Competitive(2, 3, rate=0.5)
    layer.W = [[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]]
    assert int(layer.winners([0.0, 3.0])) == 0
    layer.learn([0.0, 3.0])
    assert layer.counts.tolist() == [1, 0, 0]
    take_all = WinnerTakeAll(2, 3, rate=0.1)
    take_all.W = [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]
    assert int(take_all.winners([2.0, 1.0])) == 1


def test_it_finds_clusters_when_it_starts_from_data(rng):
    centres = [[0, 0, 0], [4, 0, 0], [0, 4, 4]]
    x = blobs(rng, centres)
    layer = Competitive(3, 3)
    layer.W = [[1.0, 0, 0], [3, 1, 0], [0, 3, 3]]
    layer.learn(x)
    np.testing.assert_allclose(layer.W, centres, atol=0.05)
    assert layer.counts.tolist() == [60, 60, 60] and layer.dead.tolist() == []


def test_units_far_from_the_data_are_dead_and_conscience_wakes_them(rng):
    x = blobs(rng, [[0, 0], [5, 5]])
    start = [[0.0, 0.0], [90.0, 0.0], [0.0, 90.0]]
    for conscience, dead in ((False, [1, 2]), (True, [])):
        layer = Competitive(2, 3, conscience=conscience)
        layer.W = start
        assert layer.dead.tolist() == [0, 1, 2]
        layer.learn(x)
        assert layer.dead.tolist() == dead
    assert np.linalg.norm(layer.W, axis=1).max() < 8 and layer.counts.min() > 10


def test_conscience_weighs_the_square_of_the_distance_by_the_wins():
    layer = Competitive(1, 2, rate=1e-9, conscience=True)
    layer.W, layer.counts = [[0.0], [3.0]], [4, 1]
    layer.learn([0.9])  # 4 * .81 = 3.24 against 2.1^2 = 4.41
    assert layer.counts.tolist() == [5, 1]
    layer.learn([1.1])  # 5 * 1.21 = 6.05 against 1.9^2 = 3.61, though 1.1 < 1.9
    assert layer.counts.tolist() == [5, 2]
    assert layer.winners([[1.1]]).tolist() == [0]


# --- winner take all ------------------------------------------------------------------------------


def test_the_winner_learns_by_the_seeds_rule_for_one_winner(rng):
    """Delta w = rate w p e / r, with r = p w and e = x - r, as its layers before do."""
    layer = WinnerTakeAll(3, 4, rate=0.02, rng=1)
    W, x = layer.W.copy(), rng.uniform(0.1, 1, 3)
    y = layer.learn(x)
    p = W @ x
    j = p.argmax()
    r = p[j] * W[j]
    W[j] += 0.02 * W[j] * p[j] * (x - r) / r
    np.testing.assert_allclose(layer.W, W, rtol=1e-12)
    np.testing.assert_array_equal(y, np.eye(4)[j])


def test_rows_that_win_come_to_norm_1_in_the_direction_of_what_they_win(rng):
    x = np.array([[3.0, 0.0, 0.0], [0.0, 2.0, 2.0], [0.5, 0.0, 0.0]])
    layer = WinnerTakeAll(3, 3, rate=0.05)
    layer.W = [[0.3, 0.1, 0.0], [0.0, 0.2, 0.3], [1e-3, 1e-3, 1e-3]]
    layer.learn(np.tile(x, (400, 1)))
    h = np.sqrt(0.5)
    np.testing.assert_allclose(layer.W[:2], [[1, 0, 0], [0, h, h]], atol=1e-9)
    assert layer.dead.tolist() == [2] and layer.winners(x).tolist() == [0, 1, 0]


def test_brightness_does_not_decide_who_wins(rng):
    """Between rows at norm 1 the angle decides: a dark sample is its bright one's."""
    x = rng.uniform(0, 1, (30, 4))
    layer = WinnerTakeAll(4, 3, rate=0.05, start=x, rng=2)
    layer.learn(np.tile(x, (30, 1)))
    np.testing.assert_array_equal(layer.winners(x), layer.winners(7 * x))
    live = np.linalg.norm(layer.W, axis=1)[layer.counts > 300]
    np.testing.assert_allclose(live, 1, atol=0.05)


def test_it_starts_as_the_seed_does_or_from_data_at_norm_2(rng):
    W = WinnerTakeAll(100, 50, length=None, rng=1).W
    assert W.min() >= 0 and W.max() < 0.1 and W.mean() == pytest.approx(0.05, abs=0.002)
    layer = WinnerTakeAll(100, 50, rng=1)
    norms = np.linalg.norm(W, axis=1, keepdims=True)
    np.testing.assert_allclose(layer.W, 2 * W / norms, rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(layer.randomize(2).W, axis=1), 2, rtol=1e-12)
    x = rng.uniform(0, 1, (5, 4))
    x[3] = 0
    W, x = (
        WinnerTakeAll(4, 5, start=x, length=0.7, rng=1).W,
        0.7 * x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9),
    )
    np.testing.assert_allclose(W[np.lexsort(W.T)], x[np.lexsort(x.T)], rtol=1e-12)
    assert (pickle.loads(pickle.dumps(layer)).W == layer.W).all()
    for length in (0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="length, of the rows at the start, must be positive"):
            WinnerTakeAll(4, 5, length=length)


def test_long_rows_leave_room_for_others_and_short_ones_do_not(rng):
    x = rng.dirichlet(np.ones(20), 2000)
    dead = []
    for length in (2, 0.3):
        layer = WinnerTakeAll(20, 30, rate=0.05, length=length, rng=1)
        layer.learn(x)
        dead.append(len(layer.dead))
    assert dead[0] == 0 and dead[1] > 10


def test_a_rate_that_would_go_past_its_aim_is_refused():
    layer = WinnerTakeAll(2, 2, rate=0.2, rng=1)
    layer.learn([[2.9, 4.0]])  # |x| = 4.94
    before = layer.theta.copy()
    with pytest.raises(ValueError, match=r"norm 5, which wants a rate below 0\.2, not 0\.2"):
        layer.learn([[0.0, 1.0], [3.0, 4.0]])
    np.testing.assert_array_equal(layer.theta, before)
    fast = WinnerTakeAll(2, 2, rate=lambda t: 3.0, rng=1)
    with pytest.raises(NotFiniteError, match="Try a smaller rate"):
        fast.learn(np.full((2000, 2), 5.0))


# --- both -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("conscience", [False, True])
@pytest.mark.parametrize("kind", BOTH)
def test_on_every_backend_and_in_float32(kind, conscience, spec, place, rng):
    x = rng.uniform(0, 1, (30, 4))
    options = {"conscience": conscience} if kind is Competitive else {}
    here = kind(4, 3, start=x, rng=1, **options)
    there, single = here.to(spec), here.to(spec, "float32")
    expected = here.learn(x)
    y = there.learn(backend.move(x, place))
    assert backend.place_of(y) == place
    np.testing.assert_array_equal(backend.host(y), expected)
    np.testing.assert_allclose(backend.host(there.theta), here.theta, rtol=1e-12)
    seen = backend.move(x, place)
    np.testing.assert_array_equal(backend.host(there(seen)), here(x))
    np.testing.assert_array_equal(backend.host(there.winners(seen)), here.winners(x))
    np.testing.assert_array_equal(there.dead, here.dead)
    single.learn(backend.move(x.astype("float32"), place))
    assert backend.dtype_name(single(backend.move(x.astype("float32"), place))) == "float32"
    np.testing.assert_allclose(backend.host(single.theta), here.theta, rtol=1e-5)


@pytest.mark.parametrize("kind", BOTH)
def test_what_learn_answers_is_what_the_layer_answers_then(kind, rng):
    x = rng.uniform(0, 1, (40, 4))
    layer, twin = (kind(4, 3, start=x, rng=1) for _ in range(2))
    answers = []
    for row in x:
        answers.append(twin(row))
        twin.learn(row)
    np.testing.assert_array_equal(layer.learn(x), answers)
    np.testing.assert_array_equal(layer.theta, twin.theta)


@pytest.mark.parametrize("kind", BOTH)
def test_it_stands_below_a_read_out(kind, rng):
    x = rng.uniform(0, 1, (40, 4))
    net = Network(kind(4, 3, start=x, rng=1), Affinity(3, 2, rng=2))
    net.layers[0].learn(x)
    W = net.layers[0].W.copy()
    net.learn(list(zip(x, rng.standard_normal((40, 2)), strict=True)))
    np.testing.assert_array_equal(net.layers[0].W, W)
    M, b = net.layers[1].M, net.layers[1].b
    np.testing.assert_allclose(net(x), M.T[net.layers[0].winners(x)] + b, rtol=1e-12)


@pytest.mark.parametrize("rate", [0, 1.5, "1/t"])
def test_what_is_no_rate_is_refused(rate):
    with pytest.raises(ValueError, match="the rate must be a positive number up to 1"):
        Competitive(3, 2, rate=rate)
