"""The restricted Boltzmann machine: held to enumeration of all its states."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import Affinity, Network, backend, gradient_check
from minigrad.errors import ShapeError
from minigrad.hopfield import RBM, Asynchronous, HopfieldNetwork, Memory, Stochastic, flips
from minigrad.hopfield.soft_sign import straight_through
from minigrad.optimizers import Adam

N, HIDDEN = 4, 3
MIXING = 0.3  # so small are couplings from which a few dozen sweeps forget the start
HIGH = {"signs": (-1.0, 1.0), "bits": (0.0, 1.0)}


def states(n, coding):
    return np.array(list(itertools.product(HIGH[coding], repeat=n)))


def machine(coding="signs", units="mean", seed=3, scale=0.7, spec=None, **how):
    rbm = RBM(HIDDEN, N, coding=coding, units=units, rng=0, **how)
    rbm.theta = scale * np.random.default_rng(seed).standard_normal(rbm.theta.shape)
    return rbm.to(spec) if spec else rbm


def joint(rbm):
    """-E (2^n, 2^hidden) of all pairs of states, written out here."""
    v, h = states(N, rbm.coding.name), states(HIDDEN, rbm.coding.name)
    W, b, a = (backend.host(w) for w in (rbm.W, rbm.b, rbm.a))
    return v @ W.T @ h.T + (v @ a)[:, None] + h @ b


def kernel(rbm):
    """P(v' | v) of one Gibbs sweep, (2^n, 2^n)."""
    weight = np.exp(joint(rbm))
    given_v = weight / weight.sum(axis=1, keepdims=True)
    given_h = weight / weight.sum(axis=0)
    return given_v @ given_h.T


def probabilities(rbm):
    weight = np.exp(joint(rbm)).sum(axis=1)
    return weight / weight.sum()


def statistics(rbm, weights):
    """The mean of -dF/dtheta over all states v with these weights: (W, b, a) in one vector."""
    v, h = states(N, rbm.coding.name), states(HIDDEN, rbm.coding.name)
    pairs = np.exp(joint(rbm))
    pairs = weights[:, None] * pairs / pairs.sum(axis=1, keepdims=True)
    return np.concatenate([(h.T @ pairs.T @ v).ravel(), h.T @ pairs.sum(axis=0), weights @ v])


def within(counts, p, total, sigmas=5):
    """Whether binomial counts are as their probabilities say."""
    return (np.abs(counts - total * p) <= sigmas * np.sqrt(total * p * (1 - p)) + 1e-9).all()


def counted(v, coding):
    """How often each of all states came up, (2^n,)."""
    low, high = HIGH[coding]
    bits = ((backend.host(v) - low) / (high - low)).astype(int)
    return np.bincount(bits @ (1 << np.arange(N)[::-1]), minlength=2**N)


# --- energies -------------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["signs", "bits"])
def test_the_partition_function_is_that_of_the_joint_energy(coding, spec):
    rbm = machine(coding, spec=spec)
    every = states(N, coding)
    F = backend.host(rbm.free_energy(backend.move(every, rbm.place)))
    np.testing.assert_allclose(np.exp(-F), np.exp(joint(rbm)).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(np.exp(-F).sum(), np.exp(joint(rbm)).sum(), rtol=1e-12)
    h = states(HIDDEN, coding)
    E = rbm.joint_energy(backend.move(every[:, None], rbm.place), backend.move(h, rbm.place))
    np.testing.assert_allclose(backend.host(E), -joint(rbm), rtol=1e-12, atol=1e-14)
    energy = rbm.energy(backend.move(every, rbm.place))
    np.testing.assert_array_equal(backend.host(energy), F)


@pytest.mark.parametrize("coding", ["signs", "bits"])
def test_hard_units_have_the_least_joint_energy(coding):
    rbm = machine(coding, "hard")
    every = states(N, coding)
    np.testing.assert_allclose(rbm.energy(every), -joint(rbm).max(axis=1), rtol=1e-12)
    np.testing.assert_allclose(np.exp(-rbm.free_energy(every)), np.exp(joint(rbm)).sum(axis=1))


def test_large_couplings_do_not_overflow():
    rbm = machine(scale=1.0)
    rbm.W = 1e5 * rbm.W
    every = states(N, "signs")
    np.testing.assert_allclose(rbm.free_energy(every), -joint(rbm).max(axis=1), rtol=1e-6)


@pytest.mark.parametrize("coding", ["signs", "bits"])
def test_means_are_those_of_the_conditionals(coding, spec):
    rbm = machine(coding, spec=spec)
    weight, v, h = np.exp(joint(rbm)), states(N, coding), states(HIDDEN, coding)
    of_h = weight @ h / weight.sum(axis=1, keepdims=True)
    of_v = weight.T @ v / weight.sum(axis=0)[:, None]
    mean = rbm.hidden_mean(backend.move(v, rbm.place))
    np.testing.assert_allclose(backend.host(mean), of_h, rtol=1e-12)
    mean = rbm.visible_mean(backend.move(h, rbm.place))
    np.testing.assert_allclose(backend.host(mean), of_v, rtol=1e-12)


@pytest.mark.parametrize("units", ["mean", "hard", "soft"])
def test_the_flow_is_the_slope_of_the_free_energy(units, rng):
    rbm, step = machine("bits", units), 1e-5
    v = rng.uniform(0, 1, (2, N))
    ahead, behind = (rbm.free_energy(v[:, None, :] + s * step * np.eye(N)) for s in (1, -1))
    np.testing.assert_allclose(rbm.flow(v), -(ahead - behind) / (2 * step), atol=1e-9)
    if units != "hard":
        np.testing.assert_array_equal(rbm.field(v), rbm.flow(v))


# --- learning by contrast -------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["signs", "bits"])
def test_the_gradient_of_the_likelihood_is_data_less_model(coding, rng):
    rbm, every = machine(coding), states(N, coding)
    data = rng.dirichlet(np.ones(2**N))

    def likelihood(theta):
        kept, rbm.theta = rbm.theta.copy(), theta
        F = rbm.free_energy(every)
        rbm.theta = kept
        return -data @ F - np.log(np.exp(-F).sum())

    theta, unit = rbm.theta.copy(), 1e-5 * np.eye(len(rbm.theta))
    numeric = [(likelihood(theta + u) - likelihood(theta - u)) / 2e-5 for u in unit]
    exact = statistics(rbm, data) - statistics(rbm, probabilities(rbm))
    np.testing.assert_allclose(exact, numeric, atol=1e-9)
    rbm.zero_grad()
    for v, p, q in zip(every, data, probabilities(rbm), strict=True):
        rbm._contrast(v[None, :], rbm.hidden_mean(v[None, :]), q - p)
    np.testing.assert_allclose(-rbm.grad, exact, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("coding", "k"), [("signs", 1), ("signs", 3), ("bits", 1), ("bits", 2)])
def test_contrastive_divergence_is_the_contrast_with_k_sweeps(coding, k, rng):
    rbm, count, every = machine(coding, k=k), 20000, states(N, coding)
    data = rng.dirichlet(np.ones(2**N))
    rows = rng.choice(2**N, count, p=data)
    share = np.bincount(rows, minlength=2**N) / count
    after = share @ np.linalg.matrix_power(kernel(rbm), k)
    expected = statistics(rbm, share) - statistics(rbm, after)
    rbm.zero_grad()
    rbm.rule(every[rows], every[rows], rng)
    # what one chain adds to an entry is at most 1 in size: 5 sigma are at most
    np.testing.assert_allclose(-rbm.grad, expected, atol=5 / np.sqrt(count))


def test_it_points_with_the_gradient_and_nears_it_with_k(rng):
    for coding in HIGH:
        rbm = machine(coding, scale=MIXING)
        data = rng.dirichlet(np.ones(2**N))
        seen = statistics(rbm, data)
        exact = seen - statistics(rbm, probabilities(rbm))
        far = []
        for k in (1, 2, 4, 8, 20):
            chains = data @ np.linalg.matrix_power(kernel(rbm), k)
            direction = seen - statistics(rbm, chains)
            assert direction @ exact > 0.3 * np.linalg.norm(direction) * np.linalg.norm(exact)
            far.append(np.linalg.norm(direction - exact))
        assert (np.diff(far) < 0).all() and far[-1] < 1e-2 * far[0]


@pytest.mark.parametrize("coding", ["signs", "bits"])
def test_gibbs_sampling_comes_to_the_enumerated_probabilities(coding, rng):
    rbm, count = machine(coding, scale=MIXING), 20000
    p = probabilities(rbm)
    start = states(N, coding)[rng.integers(0, 2**N, count)]
    np.testing.assert_allclose(np.linalg.matrix_power(kernel(rbm), 40) - p, 0, atol=1e-5)
    v = rbm.gibbs(start, 40, rng)
    assert within(counted(v, coding), p, count)
    mean, expected = (v == HIGH[coding][1]).sum(axis=0), p @ (states(N, coding) > 0)
    assert within(mean, expected, count)


def test_one_draw_has_the_probability_of_its_field(spec, rng):
    rbm = machine("signs", spec=spec)
    v = backend.move(np.ones((5000, 1)) * [1.0, -1, -1, 1], rbm.place)
    h = rbm.sample_hidden(v, 1)
    assert set(np.unique(backend.host(h))) == {-1.0, 1.0} and h.shape == (5000, HIDDEN)
    f = np.array([1.0, -1, -1, 1]) @ backend.host(rbm.W).T + backend.host(rbm.b)
    assert within((backend.host(h) > 0).sum(axis=0), 1 / (1 + np.exp(-2 * f)), 5000)
    again = rbm.sample_hidden(v, 1)
    assert bool(rbm.xp.all(again == h)) and rbm.sample_visible(h, 2).shape == (5000, N)


def test_persistent_chains_go_on_where_they_were(rng, monkeypatch):
    rbm, starts = machine(persistent=True), []
    gibbs = RBM.gibbs

    def watched(self, v, steps=1, rng=None):
        starts.append(v)
        return gibbs(self, v, steps, rng)

    monkeypatch.setattr(RBM, "gibbs", watched)
    x = flips(np.ones((5, N)), 0.5, rng)
    rbm.rule(x, x, rng)
    rbm.rule(x[:2], x[:2], rng)  # a smaller batch, the same chains
    end = rbm.chain
    rbm.rule(x, x, rng)
    assert starts[0] is x and starts[1].shape == (5, N) and starts[2] is end
    HopfieldNetwork(rbm).learn(x, epochs=2, rng=1)
    assert rbm.chain is None  # a lesson begins anew, with its own data
    np.testing.assert_array_equal(np.sort(starts[3], axis=0), np.sort(x, axis=0))
    rbm.zero_grad()
    chains = flips(x, 0.5, rng)
    rbm.chain = chains
    rbm.rule(x[:2], x[:2], rng)
    np.testing.assert_allclose(rbm.da, rbm.chain.mean(axis=0) - x[:2].mean(axis=0))
    starts.clear()
    plain = machine()
    plain.rule(-x, x, rng)
    plain.rule(x, x, rng)
    np.testing.assert_array_equal(starts, [-x, x])  # chains begin at what is seen


# --- recall ---------------------------------------------------------------------------------------

machines = st.builds(
    machine,
    coding=st.sampled_from(["signs", "bits"]),
    units=st.sampled_from(["mean", "hard", "soft"]),
    seed=st.integers(0, 10**6),
    scale=st.sampled_from([0.1, 1.0, 5.0]),
)


@settings(max_examples=25, deadline=None)
@given(rbm=machines, seed=st.integers(0, 100))
def test_the_energy_never_rises_and_every_recall_comes_to_rest(rbm, seed):
    every, rng = states(N, rbm.coding.name), np.random.default_rng(seed)
    follow = rbm.answer(rbm.field(every), every)
    some = np.where(rng.random(every.shape) < 0.5, follow, every)
    for after in (follow, some, rbm.sweep(every, rng.permutation(N).tolist())):
        rise = rbm.energy(after) - rbm.energy(every)
        moved = (after != every).any(axis=1)
        assert (rise <= 1e-12 * (1 + np.abs(rbm.energy(every)))).all()
        assert (rise[moved] < 0).all()
    net = HopfieldNetwork(rbm)
    for update in ("synchronous", "asynchronous", Asynchronous(fraction=0.4)):
        recall = net.recall(every, update, rng=seed)
        assert recall.promise and recall.rises == 0
        if not isinstance(update, Asynchronous):
            assert (recall.ended == "fixed point").all()
    recall = net.recall(every[::3] * 0.9, "continuous", max_steps=20)
    assert recall.promise and recall.rises == 0
    assert rbm.promise("stochastic") == ""


@pytest.mark.parametrize("units", ["mean", "hard"])
def test_a_sweep_is_the_plain_one(units, spec, rng):
    rbm = machine("bits", units, spec=spec, scale=2.0)
    x = backend.move(states(N, "bits"), rbm.place)
    order = [2, 0, 3, 1]
    plain = Memory.sweep(rbm, x, order)
    np.testing.assert_array_equal(backend.host(rbm.sweep(x, order)), backend.host(plain))
    np.testing.assert_array_equal(backend.host(x), states(N, "bits"))


@pytest.mark.parametrize(
    ("coding", "units", "T"),
    [("signs", "mean", 1.0), ("bits", "mean", 2.0), ("signs", "hard", 1.5)],
)
def test_at_a_temperature_states_come_up_as_the_energy_says(coding, units, T, rng):
    rbm, count = machine(coding, units), 10000
    weight = np.exp(-rbm.energy(states(N, coding)) / T)
    start = states(N, coding)[rng.integers(0, 2**N, count)]
    recall = HopfieldNetwork(rbm).recall(start, Stochastic(T), max_steps=30, rng=rng)
    assert within(counted(recall.state, coding), weight / weight.sum(), count)


def test_a_machine_in_another_coding_is_the_same(spec):
    bits = machine("bits", spec=spec)
    bits.patterns = backend.move(states(N, "bits")[:3], bits.place)
    signs = bits.recoded("signs")
    W, b, a = (backend.host(w) for w in (bits.W, bits.b, bits.a))
    np.testing.assert_allclose(backend.host(signs.W), W / 4)
    np.testing.assert_allclose(backend.host(signs.b), b / 2 + W.sum(axis=1) / 4)
    np.testing.assert_allclose(backend.host(signs.a), a / 2 + W.sum(axis=0) / 4)
    np.testing.assert_allclose(probabilities(signs), probabilities(bits), rtol=1e-12)
    x, s = (backend.move(states(N, c), bits.place) for c in ("bits", "signs"))
    F, G = backend.host(bits.free_energy(x)), backend.host(signs.free_energy(s))
    np.testing.assert_allclose(F - G, (F - G)[0], rtol=1e-12)
    np.testing.assert_array_equal(backend.host(signs(s)), 2 * backend.host(bits(x)) - 1)
    np.testing.assert_array_equal(backend.host(signs.patterns), states(N, "signs")[:3])
    np.testing.assert_allclose(backend.host(signs.recoded("bits").theta), backend.host(bits.theta))


# --- gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["signs", "bits"])
def test_the_soft_step_passes_the_gradient_check(coding, spec):
    rbm = machine(coding, "soft", spec=spec)
    gradient_check(rbm, rng=1)
    gradient_check(Network(rbm, Affinity(N, 2, rng=1).to(spec)), rng=1)
    x = np.random.default_rng(0).standard_normal((2, N))
    step = np.tanh if coding == "signs" else lambda h: 1 / (1 + np.exp(-h))
    W, b, a = (backend.host(w) for w in (rbm.W, rbm.b, rbm.a))
    expected = step(step(x @ W.T + b) @ W + a)
    np.testing.assert_allclose(backend.host(rbm(backend.move(x, rbm.place))), expected, rtol=1e-12)


def test_a_stack_of_them_learns_as_one_each():
    gradient_check(Network(Affinity(2, N), RBM(HIDDEN, N, units="soft")).stack(2, rng=1), rng=1)


@pytest.mark.parametrize("units", ["mean", "hard"])
@pytest.mark.parametrize("coding", ["signs", "bits"])
def test_through_a_step_goes_the_slope_of_a_soft_one(coding, units, spec, rng):
    rbm, (low, high) = machine(coding, units, spec=spec), HIGH[coding]
    W, b, a = (backend.host(w) for w in (rbm.W, rbm.b, rbm.a))
    x, dy = states(N, coding)[[1, 6, 11]], rng.standard_normal((3, N))
    dW, db, da, dx = np.zeros_like(W), np.zeros_like(b), np.zeros_like(a), np.zeros_like(x)

    def slope(h):
        return (high - low) * np.exp(-h) / (1 + np.exp(-h)) ** 2

    for r in range(3):
        f = W @ x[r] + b
        soft = np.tanh(f) if coding == "signs" else 1 / (1 + np.exp(-f))
        z = np.where(f > 0, high, low) if units == "hard" else soft
        h = W.T @ z + a
        dh = slope(h) * dy[r]
        own = 1 - soft**2 if coding == "signs" else soft * (1 - soft)
        df = (slope(f) if units == "hard" else own) * (W @ dh)
        dW += np.outer(z, dh) + np.outer(df, x[r])
        db, da = db + df, da + dh
        dx[r] = W.T @ df
        np.testing.assert_array_equal(
            backend.host(rbm(backend.move(x[r], rbm.place))), np.where(h > 0, high, low)
        )
    rbm.zero_grad()
    rbm(backend.move(x, rbm.place))
    back = rbm.backprop(backend.move(dy, rbm.place))
    np.testing.assert_allclose(backend.host(back), dx, rtol=1e-12, atol=1e-14)
    for name, expected in (("W", dW), ("b", db), ("a", da)):
        came = backend.host(rbm.parameters()[name][1])
        np.testing.assert_allclose(came, expected, rtol=1e-12, atol=1e-14)


def test_the_slope_is_that_of_the_soft_map_and_a_tie_goes_up():
    h, eps = np.array([-3.0, -0.4, 0.0, 1.2]), 1e-6
    for coding, (low, high) in HIGH.items():
        step = straight_through(RBM(coding=coding).coding)
        soft = [low + (high - low) / (1 + np.exp(-(h + s * eps))) for s in (1, -1)]
        np.testing.assert_allclose(step.derivative(h), (soft[0] - soft[1]) / (2 * eps), rtol=1e-8)
        np.testing.assert_array_equal(step(h), [low, low, high, high])
    assert straight_through(RBM().coding).derivative(0.0) == 0.5


def test_continuous_time_has_a_gradient_at_rest():
    rbm = machine("signs", scale=0.4)
    net = HopfieldNetwork(rbm, "continuous")
    x, dy = np.full((2, N), 0.1), np.ones((2, N))

    def value(theta):
        kept, rbm.theta = rbm.theta.copy(), theta
        y = net.recall(x, net.update.__class__(rest=1e-10, rtol=1e-10)).end
        rbm.theta = kept
        return (dy * y).sum()

    net.zero_grad()
    net(x)
    net.backprop(dy)
    theta = rbm.theta.copy()
    for i in (0, 7, 13, 16):
        unit = 1e-5 * np.eye(len(theta))[i]
        numeric = (value(theta + unit) - value(theta - unit)) / 2e-5
        assert rbm.grad[i] == pytest.approx(numeric, rel=1e-4, abs=1e-6)


# --- learning patterns ----------------------------------------------------------------------------


def patterns(coding, n=40, count=6):
    x = np.random.default_rng(0).random((count, n)) < 0.5
    return np.where(x, HIGH[coding][1], HIGH[coding][0])


@pytest.mark.parametrize(
    ("coding", "how", "loss"),
    [
        ("signs", {}, "contrastive divergence"),
        ("signs", {"k": 2}, None),
        ("bits", {}, None),
        ("signs", {"persistent": True}, None),
        ("signs", {"units": "hard", "bias": False}, None),
        ("bits", {"units": "hard"}, "mae"),
        ("signs", {"units": "mean"}, "mae"),
        ("signs", {"units": "hard"}, "contrastive divergence"),
    ],
)
def test_it_stores_random_patterns(coding, how, loss):
    x = patterns(coding)
    net = HopfieldNetwork(RBM(32, coding=coding, **how))
    by_descent = "mae" in (loss, net.memory.losses[0]) and loss != "contrastive divergence"
    history = net.learn(x, 120, loss=loss, optimizer=Adam(0.02) if by_descent else None, rng=1)
    assert history.loss[-1] < 0.1 * history.loss[0]
    assert net.recall(x).exact.mean() >= 0.8
    noisy = net.recall(flips(x, 0.03, rng=2, of=coding))
    assert noisy.rises == 0 and noisy.overlap.mean() > 0.8


def test_the_same_seed_learns_the_same():
    x = patterns("signs", 12, 5)
    nets = [HopfieldNetwork(RBM(6, persistent=True)) for _ in range(3)]
    for net, seed in zip(nets, (1, 1, 2), strict=True):
        net.learn(x, 3, 2, rng=seed)
    np.testing.assert_array_equal(nets[0].theta, nets[1].theta)
    assert (nets[0].theta != nets[2].theta).any()


@pytest.mark.parametrize("loss", ["contrastive divergence", "mae"])
def test_without_biases_they_stay_at_0(loss):
    net = HopfieldNetwork(RBM(6, bias=False))
    net.learn(patterns("signs", 12, 3), 5, loss=loss, rng=1)
    assert not net.memory.a.any() and not net.memory.b.any()
    assert net.memory.frozen == {"a", "b"} and net.trained() == [(0, 72)]
    net.memory.forget()
    net.learn(patterns("signs", 8, 3), 5, loss=loss, rng=1)
    assert net.memory.frozen == {"a", "b"} and net.memory.W.shape == (6, 8)


@pytest.mark.parametrize("loss", ["contrastive divergence", "mae"])
def test_it_learns_on_every_backend_alike(loss, spec):
    x = patterns("bits", 12, 5)
    nets = [HopfieldNetwork(RBM(6, coding="bits", persistent=True).to(s)) for s in ("numpy", spec)]
    for net in nets:
        place = net.memory.place
        net.learn(backend.move(x, place), 6, 2, loss, noise=0.1, rng=3)
    here, there = (backend.host(net.theta) for net in nets)
    np.testing.assert_allclose(there, here, rtol=1e-9, atol=1e-12)
    ends = [net.recall(backend.move(x, net.memory.place)).state for net in nets]
    np.testing.assert_array_equal(*map(backend.host, ends))


def test_it_travels():
    net = HopfieldNetwork(RBM(6, units="hard", persistent=True))
    x = patterns("signs", 12, 3)
    net.learn(x, 3, rng=1)
    twin = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(twin.recall(x).state, net.recall(x).state)
    assert twin.memory.losses == ("mae", "logistic", "contrastive divergence")


# --- bad requests ---------------------------------------------------------------------------------


def test_bad_requests_are_refused():
    for bad in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match="positive integer"):
            RBM(bad)
        with pytest.raises(ValueError, match="k must be a whole number"):
            RBM(3, k=bad)
    with pytest.raises(ValueError, match="units: expected one of mean, hard, soft, came 'sign'"):
        RBM(3, units="sign")
    with pytest.raises(ValueError, match="two values"):
        RBM(3, coding="real")
    with pytest.raises(ValueError, match="no visible units yet"):
        RBM(3).hidden_mean([1.0, -1.0])
    with pytest.raises(ValueError, match="no visible units yet"):
        RBM(3).recoded("bits")
    rbm = machine()
    with pytest.raises(ShapeError, match="3 features, expected 4"):
        rbm.hidden_mean([1.0, 1.0, 1.0])
    with pytest.raises(ShapeError, match=r"hidden states are \(..., 3\), came \(4,\)"):
        rbm.visible_mean(np.ones(4))
    with pytest.raises(ValueError, match="steps must be"):
        rbm.gibbs(np.ones(4), 0)
    net, theta = HopfieldNetwork(rbm), rbm.theta.copy()
    with pytest.raises(ValueError, match="unknown loss 'hebbian'"):
        net.learn(np.ones((2, N)), loss="hebbian")
    with pytest.raises(ValueError, match="expected -1 or 1"):
        net.learn(np.zeros((2, N)))
    with pytest.raises(TypeError, match="not written but learned"):
        net.store(np.ones((2, N)))
    np.testing.assert_array_equal(rbm.theta, theta)
