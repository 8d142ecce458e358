"""How a memory is learned: the losses, the noise, and what stays when something goes wrong."""

import numpy as np
import pytest

from minigrad import Adam, GradientDescent, Network, backend, gradient_check, losses
from minigrad.errors import Diverged, NotFiniteError, ShapeError
from minigrad.hopfield import Dense, Hebb, HopfieldNetwork, flips
from minigrad.hopfield.denoising import corrupted
from minigrad.hopfield.teaching import _logistic, scaled

P = np.sign(np.random.default_rng(1).normal(size=(4, 20)))


def taught(epochs=150, patterns=P, memory=None, **kwargs):
    net = HopfieldNetwork(memory or Dense(rng=1))
    kwargs = {"optimizer": Adam(0.01), "rng": 1, **kwargs}
    return net, net.learn(patterns, epochs, **kwargs)


@pytest.mark.parametrize("loss", [None, "logistic", "mae"])
@pytest.mark.parametrize("coding", ["signs", "bits"])
def test_what_was_learned_is_recalled_with_bits_wrong(loss, coding):
    memory = Dense(coding=coding)
    patterns = memory.coding.from_signs(P)
    net, history = taught(patterns=patterns, memory=memory, loss=loss)
    assert history.loss[-1] < 0.2 * history.loss[0] and len(history.loss) == 150
    assert net.recall(patterns).exact.all()
    noisy = flips(np.repeat(patterns, 10, axis=0), 0.1, 2, coding)
    assert net.recall(noisy).exact.mean() > 0.7
    np.testing.assert_array_equal(net.memory.patterns, patterns)
    assert not np.shares_memory(net.memory.patterns, patterns)


@pytest.mark.parametrize("loss", [None, "half squared error"])
def test_numbers_are_learned_too(loss):
    patterns = np.random.default_rng(2).uniform(-0.8, 0.8, (2, 12))
    net, history = taught(400, patterns, Dense(coding="real"), loss=loss)
    assert history.loss[-1] < 0.1 * history.loss[0]
    assert np.abs(net.memory(patterns) - patterns).max() < 0.1


def test_the_logistic_loss_is_that_of_the_fields():
    """-ln of 1 / (1 + exp(-2 x h)) for signs, and of 1 / (1 + exp(-h)) for 1 and its rest for 0."""
    rng = np.random.default_rng(3)
    h, v = rng.normal(size=(5, 4)), rng.integers(0, 2, (5, 4)).astype(float)
    signs, bits = (_logistic(Dense(coding=c).coding) for c in ("signs", "bits"))
    x = 2 * v - 1
    np.testing.assert_allclose(signs(h, x), np.log1p(np.exp(-2 * x * h)).sum(axis=1).mean())
    np.testing.assert_allclose(bits(2 * h, v), signs(h, x))
    for loss, target in ((signs, x), (bits, v)):
        shift = 1e-6 * rng.normal(size=h.shape)
        gradient = loss.gradient(np, h, target)
        numeric = loss.value(np, h + shift, target) - loss.value(np, h - shift, target)
        np.testing.assert_allclose((gradient * shift).sum(axis=1), numeric / 2, rtol=1e-7)


def test_a_factor_scales_the_step_of_plain_descent():
    starts = {}
    for factor, rate in ((1.0, 0.3), (10.0, 0.03), (0.1, 3.0), (10.0, 0.3)):
        net, history = taught(3, optimizer=GradientDescent(rate), factor=factor)
        starts[factor, rate] = net.theta.copy(), history.loss[0] / factor
    for other in ((10.0, 0.03), (0.1, 3.0)):
        np.testing.assert_allclose(starts[other][0], starts[1.0, 0.3][0], rtol=1e-9, atol=1e-12)
        assert starts[other][1] == pytest.approx(starts[1.0, 0.3][1])
    assert np.abs(starts[10.0, 0.3][0] - starts[1.0, 0.3][0]).max() > 0.01


def test_a_scaled_loss_is_a_loss():
    ten = scaled(losses.half_squared_error, 10.0)
    y, t = np.array([[1.0, 2.0]]), np.array([[0.0, 4.0]])
    assert ten(y, t) == 25.0 and "10 times" in ten.name
    assert gradient_check(ten, rng=1).passed
    assert scaled(losses.half_squared_error, 1) is losses.half_squared_error


def test_noise_is_a_share_of_units_drawn_for_each_row():
    x = np.ones((300, 200))
    coding = Dense(2).coding
    share = (corrupted(coding, 0.1, 0.4, np.random.default_rng(1), x) == -1).mean(axis=1)
    five = 5 * np.sqrt(0.25 / 200)
    assert 0.1 - five < share.min() < 0.12 and 0.38 < share.max() < 0.4 + five
    assert abs(share.mean() - 0.25) < 5 * 0.3 / np.sqrt(12 * 300)
    real = Dense(2, coding="real").coding
    noise = corrupted(real, 0.5, 0.5, np.random.default_rng(1), x) - x
    assert abs(noise.std() - 0.5) < 5 * 0.5 / np.sqrt(2 * x.size)


def test_the_noise_is_in_what_is_shown_and_not_in_what_is_wanted():
    """With every unit flipped a memory learns to answer with the opposite of what it hears."""
    net, _ = taught(noise=1.0, memory=Dense(20, bias="none"))
    np.testing.assert_array_equal(np.sign(net.memory(-P)), P)
    assert net.memory.noise is None and not net.memory.gives_fields and not net.teaching
    before = net.memory(P)
    np.testing.assert_array_equal(net.memory(P), before)  # no noise is left


def test_the_same_seed_the_same_memory_on_every_backend(place):
    ends = []
    for spec in ("numpy", place.spec):
        net = HopfieldNetwork(Dense(init="normal")).to(spec)
        history = net.learn(backend.move(P, net.place), 4, 2, noise=(0.1, 0.3), rng=3)
        assert len(history.step_loss) == 8
        ends.append(backend.host(net.theta))
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-9, atol=1e-12)


def test_float32_stays():
    net = HopfieldNetwork(Dense()).to(dtype="float32")
    net.learn(P.astype("float32"), 3, noise=0.1, rng=1)
    assert net.theta.dtype == net.memory.patterns.dtype == "float32"


def test_it_learns_where_it_stands():
    from minigrad import Affinity

    net = Network(HopfieldNetwork(Dense(init="ones")), Affinity(20, 2, rng=1))
    kept = net.layers[1].M.copy()
    net.layers[0].learn(P, 100, optimizer=Adam(0.01), rng=1)
    assert net.theta.shape == (420 + 42,) and np.shares_memory(net.layers[0].theta, net.theta)
    np.testing.assert_array_equal(net.layers[1].M, kept)
    assert net.layers[0].recall(P).exact.all()


def test_it_goes_on_from_where_it_was():
    net, first = taught(50)
    second = net.learn(P, 50, optimizer=Adam(0.01), rng=2)
    assert second.loss[0] < 1.1 * first.loss[-1]
    with pytest.raises(ShapeError, match="a pattern has 7 units, expected 20 as before"):
        net.learn(P[:, :7])


# --- when something goes wrong --------------------------------------------------------------------


class Breaking(GradientDescent):
    """Makes theta infinite, or is interrupted, at its step number `at`; remembers each state."""

    def __init__(self, alpha, at, how):
        super().__init__(alpha)
        self.at, self.how, self.seen, self.done = at, how, [], False

    def move(self, alpha, theta, grad, *moments):
        if not self.done:
            self.seen.append(theta.copy())
        super().move(alpha, theta, grad, *moments)
        if len(self.seen) == self.at and not self.done:
            self.done = True
            if self.how == "interrupt":
                raise KeyboardInterrupt
            theta[...] = np.inf


@pytest.mark.parametrize("noise", [0.0, 0.2])
@pytest.mark.parametrize("at", [3, 40])
@pytest.mark.parametrize("loss", ["logistic", "mae"])
def test_diverged_keeps_the_last_finite_state(noise, at, loss):
    net, breaking = HopfieldNetwork(Dense(20, rng=1)), Breaking(0.1, at, "diverge")
    with pytest.raises(Diverged):
        net.learn(P, 50, 2, loss, breaking, noise, rng=1)
    np.testing.assert_allclose(net.theta, breaking.seen[-1], rtol=1e-12)
    assert net.memory.noise is None and not net.memory.gives_fields and not net.teaching
    assert net.memory.patterns is None
    net.learn(P, 2, rng=1)


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_an_interruption_keeps_what_was_learned(noise):
    net, breaking = HopfieldNetwork(Dense(20, rng=1)), Breaking(0.1, 37, "interrupt")
    with pytest.warns(UserWarning, match="keeps what it learned"):
        history = net.learn(P, 50, 2, optimizer=breaking, noise=noise, rng=1)
    assert "interrupted" in history.stopped
    np.testing.assert_allclose(net.theta, breaking.seen[-1], rtol=1e-12)
    np.testing.assert_array_equal(net.memory.patterns, P)
    assert net.memory.noise is None and not net.teaching


@pytest.mark.parametrize(
    ("kwargs", "kind", "said"),
    [
        ({"loss": "hinge"}, ValueError, "unknown loss 'hinge', expected one of"),
        ({"factor": 0}, ValueError, "factor: expected a number above 0"),
        ({"factor": float("nan")}, ValueError, "factor: expected a number above 0"),
        ({"noise": -0.1}, ValueError, "noise: expected a share of units from 0 to 1"),
        ({"noise": 1.1}, ValueError, "noise: expected a share of units"),
        ({"noise": (0.3, 0.1)}, ValueError, r"or a pair \(low, high\), came \(0.3, 0.1\)"),
        ({"noise": float("nan")}, ValueError, "noise: expected"),
        ({"batch": 0}, ValueError, "batch must be a whole number"),
        ({"epochs": 0}, ValueError, "epochs must be a whole number"),
        ({"optimizer": 3}, TypeError, "expected an optimizer"),
        ({"rng": 1.5}, TypeError, "rng must be"),
        ({"patterns": [[1, 0.5]]}, ValueError, r"0.5 at \(0, 1\), expected -1 or 1"),
        ({"patterns": [[1, np.nan]]}, NotFiniteError, "nan"),
        ({"patterns": np.ones((2, 2, 2))}, ShapeError, r"rows \(p, n\)"),
    ],
    ids=str,
)
def test_bad_requests_are_refused_before_anything_is_changed(kwargs, kind, said):
    net = HopfieldNetwork(Dense())
    with pytest.raises(kind, match=said):
        net.learn(**{"patterns": P, **kwargs})
    assert net.memory.n is None and net.memory.shapes == {} and net.memory.patterns is None
    net.learn(P[:, :3], 1)


def test_noise_of_numbers_is_a_finite_deviation():
    net = HopfieldNetwork(Dense(coding="real"))
    net.learn(P, 2, noise=3.0, rng=1)
    for noise in (float("inf"), -1.0):
        with pytest.raises(ValueError, match="noise: expected a deviation from 0 on"):
            net.learn(P, 2, noise=noise)


def test_a_written_memory_is_not_learned_and_a_learned_one_not_written():
    with pytest.raises(TypeError, match=r"is written, not learned: HopfieldNetwork\(...\).store"):
        HopfieldNetwork(Hebb()).learn(P)
    with pytest.raises(
        TypeError, match=r"is not written but learned: HopfieldNetwork\(...\).learn"
    ):
        HopfieldNetwork(Dense()).store(P)


def test_a_sign_is_not_taught_by_its_answer():
    net = HopfieldNetwork(Dense(20, activation="sign"))
    with pytest.raises(TypeError, match="sign"):
        net.learn(P, 2, loss="mae")
    net.learn(P, 100, optimizer=Adam(0.01), rng=1)
    assert net.recall(P).exact.all()
