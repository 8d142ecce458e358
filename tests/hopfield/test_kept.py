"""What must not be lost: ties, frozen parameters and codings through a file; and bad starts."""

import numpy as np
import pytest

from minigrad import Affinity, Network
from minigrad.errors import FormatError
from minigrad.hopfield import (
    RBM,
    Denoising,
    Dense,
    Hebb,
    HebbianRBM,
    HopfieldNetwork,
    PseudoInverse,
    Softmax,
    Stochastic,
)
from minigrad.hopfield.denoising import of_both
from minigrad.losses import half_squared_error

P = np.where(np.random.default_rng(1).random((12, 40)) < 0.5, -1.0, 1.0)


def test_a_field_that_is_0_but_for_rounding_is_a_tie_wherever_the_couplings_come_from(tmp_path):
    """n = 50 is no power of two: 0 comes out as a few 1e-17, of either sign."""
    rng = np.random.default_rng(4)
    patterns, x = (np.where(rng.random(shape) < 0.5, -1.0, 1.0) for shape in ((4, 50), (300, 50)))
    net = HopfieldNetwork(Hebb()).store(patterns)
    W = net.memory.W
    h = x @ np.rint(50 * W)  # of whole numbers, whose sums are exact
    expected = np.where(h > 0, 1, np.where(h < 0, -1, x))
    assert (h == 0).any() and ((x @ W == 0) != (h == 0)).any()
    net.save(tmp_path / "net.npz")
    loaded = HopfieldNetwork(Hebb()).load(tmp_path / "net.npz")
    given = HopfieldNetwork(Dense(50))
    given.memory.M = W
    for one in (net, loaded, given):
        np.testing.assert_array_equal(one.memory.answer(one.memory.field(x), x), expected)


def test_a_file_keeps_what_is_frozen(tmp_path):
    def saved(memory, **how):
        net = HopfieldNetwork(memory)
        net.learn(P, 2, rng=1, **how)
        net.save(tmp_path / "net.npz")
        return net.memory

    kept = saved(RBM(4, bias=False))
    loaded = HopfieldNetwork(RBM(4, bias=False)).load(tmp_path / "net.npz").memory
    assert loaded.frozen == kept.frozen == {"a", "b"}
    saved(HebbianRBM(4))
    assert not HopfieldNetwork(HebbianRBM(4)).load(tmp_path / "net.npz").trained()
    saved(Softmax(1.0, rows=3), loss="mae")
    loaded = HopfieldNetwork(Softmax(1.0, rows=3)).load(tmp_path / "net.npz")
    loaded.learn(P, 2, loss="mae", rng=1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda: Softmax(1.0, coding="signs"), lambda: Softmax(1.0)),
        (lambda: Hebb(), lambda: Hebb(coding="bits")),
    ],
)
def test_a_file_of_another_coding_is_refused(tmp_path, one, other):
    HopfieldNetwork(one()).store(P).save(tmp_path / "net.npz")
    with pytest.raises(FormatError):
        HopfieldNetwork(other()).load(tmp_path / "net.npz")


def test_nan_is_answered_by_nan_and_nothing_else_is():
    net = HopfieldNetwork(Hebb()).store(P)
    x = P[:2].copy()
    x[0, 3] = np.nan
    y = net.memory(x)
    assert np.isnan(y[0, 3]) and np.isnan(y[0]).any() and not np.isnan(y[1]).any()


def test_of_numbers_the_nearest_is_the_one_at_the_least_distance():
    net = HopfieldNetwork(Softmax(8.0)).store([[1.0, 0, 0], [3, 0, 0], [0, 1, 0]])
    found = net.recall([3.0, 0, 0])
    assert found.nearest == 1 and found.exact and found.kind == "stored"


def test_at_a_temperature_a_unit_does_not_hear_itself():
    """Exactly: the chain of sweeps over 4 units leaves exp(-E / T) as it is, diagonal or not."""
    memory = PseudoInverse()
    net, T = HopfieldNetwork(memory).store(P[:2, :4] + 0.0), 0.7
    assert (memory.diagonal > 0.1).all()
    states = 1.0 - 2.0 * ((np.arange(16)[:, None] >> np.arange(4)) & 1)
    weights = np.exp(-net.energy(states) / T)
    many = np.repeat(states, 4000, axis=0)
    ends = net.recall(many, Stochastic(T), max_steps=4, rng=3).state
    numbers = ((1 - ends) / 2 @ (1 << np.arange(4))).astype(int)
    share, expected = np.bincount(numbers, minlength=16) / len(many), weights / weights.sum()
    off = np.abs(share - expected) / np.sqrt(expected * (1 - expected) / len(many))
    assert off.max() < 5


def test_one_memory_and_nothing_else_stands_in_it():
    net = HopfieldNetwork(Hebb()).store(P)
    with pytest.raises(TypeError, match="one memory"):
        net.extend(Affinity(40, 3))
    with pytest.raises(TypeError, match="one memory"):
        net.layers = (Affinity(40, 3),)
    assert net.recall(P[0]).exact and Network(net, Affinity(40, 3))(P).shape == (12, 3)


def test_what_is_drawn_anew_holds_no_pattern():
    net = HopfieldNetwork(Softmax(1.0)).store(P)
    net.randomize(1)
    assert net.memory.patterns is None


def test_bits_given_to_signs_are_doubted():
    net = HopfieldNetwork(Hebb()).store(P)
    with pytest.warns(UserWarning, match="give 2 x - 1"):
        net.recall((P + 1) / 2)


def test_the_loss_of_both_weighs_the_second_half():
    loss = of_both(half_squared_error, 3.0)
    y, t = np.array([[1.0, 2, 3, 5]]), np.array([[0.0, 0, 1, 1]])
    assert loss.value(np, y, t).tolist() == [2.5 + 3 * 10]
    assert loss.gradient(np, y, t).tolist() == [[1, 2, 6, 12]]


def test_a_course_of_denoising_widens_the_basins_and_keeps_the_memories():
    plain, taught = HopfieldNetwork(Dense()), HopfieldNetwork(Dense())
    plain.learn(P, 300, rng=1)
    taught.learn(P, 300, noise=Denoising(warm=50), rng=1)
    noisy = np.where(np.random.default_rng(3).random((20, 12, 40)) < 0.2, -P, P)
    assert taught.recall(P).exact.all()
    assert taught.recall(noisy).exact.mean() > plain.recall(noisy).exact.mean() + 0.03


def test_the_rate_of_the_rbm_goes_with_the_coding():
    assert RBM(3).rate * 2**4 == RBM(3, coding="bits").rate
