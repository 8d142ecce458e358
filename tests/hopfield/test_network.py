"""The network around a memory: what it refuses, what copies keep, and its gradients as a layer."""

import copy
import pickle
import warnings

import dill
import numpy as np
import pytest

from minigrad import Adam, Affinity, Map, Network, backend, gradient_check
from minigrad.errors import FormatError, NotFiniteError, OwnershipError, ShapeError
from minigrad.hopfield import (
    Asynchronous,
    Continuous,
    Couplings,
    Dense,
    Hebb,
    HopfieldNetwork,
    Memory,
    PseudoInverse,
    Stochastic,
)

P = np.sign(np.random.default_rng(0).normal(size=(3, 16)))
X = np.sign(np.random.default_rng(2).normal(size=(6, 16)))


def stored(*args, **kwargs):
    return HopfieldNetwork(Hebb(), *args, **kwargs).store(P)


# --- recall ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("update", ["synchronous", "asynchronous"])
def test_a_row_does_not_depend_on_the_others(update):
    net = stored()
    together = net.recall(X, update, rng=3)
    for i in range(len(X)):
        alone = net.recall(X[i], update, rng=3)
        np.testing.assert_array_equal(alone.end, together.end[i])
        assert alone.steps == together.steps[i] and alone.ended == together.ended[i]
        last = int(alone.steps)
        np.testing.assert_array_equal(alone.energy, together.energy[: last + 1, i])


def test_in_continuous_time_it_does_so_to_the_tolerance():
    net = stored()
    together = net.recall(0.9 * P, "continuous")
    for i in range(len(P)):
        alone = net.recall(0.9 * P[i], "continuous")
        np.testing.assert_allclose(alone.end, together.end[i], atol=1e-5)
        assert alone.ended == "fixed point"


def test_one_that_does_not_settle_takes_all_steps_and_the_others_theirs():
    W = np.zeros((4, 4))
    W[:2, :2] = [[0, -1], [1, 0]]
    W[2:, 2:] = [[0, 1], [1, 0]]
    net = HopfieldNetwork(Couplings(W, [0, 0, 5, 5]), max_steps=9)
    quiet = HopfieldNetwork(Couplings(W + np.diag([2.0, 2, 0, 0]), [0, 0, 5, 5]))
    assert net.recall([[1, 1, -1, -1]]).steps.tolist() == [9]
    assert quiet.recall([[1, 1, -1, -1], [1, 1, 1, 1]]).steps.tolist() == [1, 0]


def test_store_adds_and_forget_takes_all():
    net = HopfieldNetwork(Hebb()).store(P[0]).store(P[1:])
    np.testing.assert_allclose(net.memory.W, stored().memory.W, atol=1e-14)
    assert net.recall(P).exact.all()
    net.memory.forget()
    with pytest.raises(ValueError, match="nothing is stored yet"):
        net.recall(P)
    assert net.store(P[:, :5]).recall(P[:1, :5]).state.shape == (1, 5)


def test_the_input_is_left_alone_and_shared_with_nothing():
    x, p = X.copy(), P.copy()
    net = HopfieldNetwork(Hebb()).store(p)
    recall, y = net.recall(x, keep=True), net(x)
    for given in (x, p):
        for kept in (recall.state, recall.end, recall.path, y, net.memory.patterns):
            assert not np.shares_memory(kept, given)
    np.testing.assert_array_equal(x, X)
    y[...] = 7
    assert net.recall(P).exact.all()


def test_the_same_generator_the_same_recall():
    for update in ("asynchronous", Asynchronous(0.4), Stochastic(0.5)):
        given = [stored(max_steps=5).recall(X, update, rng=4).end for _ in range(2)]
        np.testing.assert_array_equal(*given)
        own = [stored(update, max_steps=5, rng=8).recall(X).end for _ in range(2)]
        np.testing.assert_array_equal(*own)
        layer = [stored(update, max_steps=5, rng=8)(X) for _ in range(2)]
        np.testing.assert_array_equal(*layer)


def test_the_update_of_the_network_is_the_usual_one():
    assert stored("asynchronous").recall(X).update == "asynchronous"
    assert stored("asynchronous").recall(X, "synchronous").update == "synchronous"
    assert stored(max_steps=1).recall(X).steps.max() == 1
    assert stored(max_steps=1).recall(X, max_steps=50).steps.max() > 1


def test_the_energy_of_states():
    net = stored()
    np.testing.assert_allclose(net.energy(X), net.memory.energy(X), rtol=1e-14)
    assert net.energy(X[0].tolist()).shape == ()
    recall = net.recall(X)
    np.testing.assert_allclose(recall.energy[0], net.energy(X), rtol=1e-12)
    np.testing.assert_allclose(recall.energy[-1], net.energy(recall.end), rtol=1e-12)


# --- what is refused ------------------------------------------------------------------------------


def test_bad_starts_are_refused():
    net = stored()
    for x, kind, said in (
        (X[:, :5], ShapeError, "the start has 5 units, expected 16"),
        (np.full((2, 16), np.nan), NotFiniteError, r"the start has nan at \(0, 0\)"),
        (np.full(16, np.inf), NotFiniteError, "inf"),
        (np.zeros((0, 16)), ValueError, r"nothing to recall from: x has shape \(0, 16\)"),
        (1.0, ShapeError, "came one number"),
        ("state", TypeError, "numbers"),
    ):
        with pytest.raises(kind, match=said):
            net.recall(x)
    empty = HopfieldNetwork(Hebb())
    for ask in (empty.recall, empty.energy, empty, HopfieldNetwork(Dense()).recall):
        with pytest.raises(ValueError, match=r"nothing is stored yet: store\(patterns\), or learn"):
            ask(P)


def test_bad_requests_are_refused():
    with pytest.raises(TypeError, match=r"made of a memory, such as Hebb\(\); came <Affinity"):
        HopfieldNetwork(Affinity(2, 2))
    with pytest.raises(TypeError, match="came <class"):
        HopfieldNetwork(Hebb)
    for steps in (0, -1, 2.5, True, None):
        with pytest.raises(ValueError, match="max_steps: expected a positive integer"):
            HopfieldNetwork(Hebb(), max_steps=steps)
    for steps in (0, 2.5, True):
        with pytest.raises(ValueError, match="max_steps: expected a positive integer"):
            stored().recall(P, max_steps=steps)
    with pytest.raises(ValueError, match="unknown update 'sometimes'"):
        HopfieldNetwork(Hebb(), "sometimes")
    with pytest.raises(TypeError, match="rng must be"):
        stored().recall(P, "asynchronous", rng=1.5)
    net = stored()
    with pytest.raises(OwnershipError, match="in a second network"):
        HopfieldNetwork(net.memory)


def test_a_stack_is_neither_recalled_from_nor_written():
    many = HopfieldNetwork(Dense(16)).stack(2, rng=1)
    for ask in (many.recall, many.energy, many):
        with pytest.raises(ShapeError, match="a stack is not recalled from"):
            ask(P)
    with pytest.raises(ShapeError, match="a stack of memories is not written"):
        many.learn(P)


# --- in a network ---------------------------------------------------------------------------------


def test_it_is_stored_into_where_it_stands():
    net = Network(Affinity(4, 16, rng=1), Network(HopfieldNetwork(Hebb())), Affinity(16, 2, rng=2))
    recalling, kept = net.layers[1].layers[0], net.layers[2].M.copy()
    old = net.theta
    recalling.store(P)
    assert np.isnan(old).all() and net.theta.shape == (80 + 16 * 17 + 34,)
    for part in (recalling.theta, recalling.memory.W, net.layers[0].M, net.layers[2].M):
        assert np.shares_memory(part, net.theta)
    np.testing.assert_array_equal(net.layers[2].M, kept)
    np.testing.assert_array_equal(net.theta[80 : 80 + 256].reshape(16, 16), Hebb().store(P).W)
    assert net.trained() == [(0, 80), (80 + 272, 80 + 272 + 34)]
    x = np.ones((3, 4))
    inner = recalling(net.layers[0](x))
    np.testing.assert_allclose(net(x), net.layers[2](inner))
    view = recalling.memory.W
    recalling.store(-P[:1])
    assert view is recalling.memory.W and np.shares_memory(view, net.theta)
    recalling.memory.forget()
    assert net.theta.shape == (80 + 34,) and recalling.memory in recalling.layers
    recalling.store(P[:, :4])
    assert net.theta.shape == (80 + 20 + 34,)


def test_a_rule_that_fails_leaves_the_network_as_it_was():
    net = Network(HopfieldNetwork(PseudoInverse()), Affinity(4, 2, rng=1))
    net.layers[0].store([[1, 1, -1, 1]])
    theta, x = net.theta.copy(), np.ones((2, 4))
    before = net(x)
    with pytest.raises(ValueError, match="W is the identity"):
        net.layers[0].store(np.vstack([2 * np.eye(4) - 1, -np.ones((1, 4))]))
    np.testing.assert_array_equal(net.theta, theta)
    np.testing.assert_array_equal(net(x), before)
    failing = HopfieldNetwork(Dense(init=lambda rng, shape: np.ones((2, 2, 2))))
    with pytest.raises(ShapeError, match="initializer of M made shape"):
        failing.learn(P)
    assert isinstance(failing.memory, Dense) and failing.memory.n is None


# --- copies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "way",
    [copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a)), lambda a: dill.loads(dill.dumps(a))],
    ids=["deepcopy", "pickle", "dill"],
)
def test_copies_keep_patterns_and_share_nothing(way, place):
    for net in (stored(), HopfieldNetwork(Dense(16))):
        if net.memory.losses:
            net.learn(P, 3, rng=1)
        here = net.to(place.spec)
        here(backend.move(P, place))
        twin = way(here)
        assert twin.place == place and twin.memory.patterns is not here.memory.patterns
        p = backend.move(P, place)
        one, two = here.recall(p), twin.recall(p)
        np.testing.assert_array_equal(backend.host(two.end), backend.host(one.end))
        assert two.kind.tolist() == one.kind.tolist()
        here.theta = 0 * here.theta
        assert backend.host(twin.theta).any()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_there_and_back_the_patterns_come_along(place, dtype):
    net = stored()
    there = net.to(place.spec, dtype)
    kept = there.memory.patterns
    assert backend.place_of(kept) == place and backend.dtype_name(kept) == dtype
    there.store(backend.move(-P[:1], place, dtype))
    back = there.to("numpy", "float64")
    assert isinstance(back.memory.patterns, np.ndarray) and back.memory.patterns.shape == (4, 16)
    assert back.recall(P).exact.all() and net.memory.patterns.shape == (3, 16)


def test_another_device_of_the_same_library():
    there = stored().to("array-api-strict:device1").to("array-api-strict:device2")
    assert backend.place_of(there.memory.patterns) == there.place
    assert there.recall(backend.move(P, there.place)).exact.all()


def test_a_file_brings_the_patterns(tmp_path):
    stored().save(tmp_path / "a.npz")
    for new in (HopfieldNetwork(Hebb()), HopfieldNetwork(Hebb()).store(-np.roll(P, 1, axis=1))):
        new.load(tmp_path / "a.npz")
        np.testing.assert_array_equal(new.memory.patterns, P)
        assert new.recall(P).kind.tolist() == ["stored"] * 3
        new.store(X[:1])
        np.testing.assert_allclose(new.memory.W, stored().store(X[:1]).memory.W, atol=1e-14)
    nested = Network(HopfieldNetwork(Hebb()), Affinity(16, 2))
    full = Network(stored(), Affinity(16, 2, rng=1))
    full.save(tmp_path / "b.npz")
    nested.load(tmp_path / "b.npz")
    np.testing.assert_array_equal(nested(X), full(X))
    assert nested.trained() == full.trained()


@pytest.mark.parametrize("other", [lambda: Hebb(coding="bits"), lambda: Hebb(centred=True), Dense])
def test_a_file_of_another_memory_is_refused(tmp_path, other):
    stored().save(tmp_path / "a.npz")
    net = HopfieldNetwork(other())
    with pytest.raises(FormatError, match="holds another network"):
        net.load(tmp_path / "a.npz")
    assert net.memory.n is None and net.memory.patterns is None


# --- as a layer -----------------------------------------------------------------------------------


def soft(**kwargs):
    memory = Dense(4, coding="real", **kwargs)
    memory.theta = 0.7 * np.random.default_rng(3).normal(size=memory.theta.shape)
    return memory


@pytest.mark.parametrize("max_steps", [1, 3, 8])
@pytest.mark.parametrize("bias", ["free", "none"])
def test_a_recall_of_numbers_has_the_gradient_of_its_steps(max_steps, bias):
    net = HopfieldNetwork(soft(bias=bias), max_steps=max_steps)
    assert gradient_check(net, rng=1).error < 1e-12
    assert gradient_check(Network(Affinity(3, 4), net, Affinity(4, 2)), rng=1).error < 1e-12


def test_the_layer_and_the_recall_come_to_the_same():
    net, x = HopfieldNetwork(soft(), max_steps=200), np.random.default_rng(4).normal(size=(3, 4))
    np.testing.assert_allclose(net(x), net.recall(x).end, atol=1e-7)
    for update in ("synchronous", "asynchronous", "continuous"):
        signs = stored(update, rng=1)
        np.testing.assert_array_equal(signs(X), stored(update).recall(X, rng=1).end)


TIGHT = Continuous(1.3, rest=1e-12, rtol=1e-10)


@pytest.mark.parametrize("coding", ["signs", "bits"])
def test_at_rest_the_gradient_is_that_of_the_whole_recall(coding):
    """Against differences of the rest point itself, for W and b of couplings and for Dense."""
    rng = np.random.default_rng(5)
    W = 0.2 * rng.normal(size=(3, 3))
    given = Couplings(W + W.T, rng.normal(size=3), coding, "tanh")
    free = Dense(3, "free", coding)
    free.theta = 0.3 * rng.normal(size=free.theta.shape)
    x, dy = rng.uniform(0.1, 0.9, (2, 3)), rng.normal(size=(2, 3))
    for memory in (given, free):
        net = HopfieldNetwork(memory, TIGHT)
        net(x)
        dx = net.backprop(dy)
        once, theta = net.grad.copy(), net.theta.copy()
        assert dx.shape == x.shape and not dx.any() and np.abs(once).max() > 0.1
        net.backprop(dy)
        np.testing.assert_allclose(net.grad, 2 * once, rtol=1e-6, atol=1e-9)
        for direction in rng.normal(size=(3, len(theta))):
            ends = []
            for h in (1e-4, -1e-4):
                net.theta = theta + h * direction
                ends.append((net(x) * dy).sum())
            assert once @ direction == pytest.approx((ends[0] - ends[1]) / 2e-4, rel=1e-5, abs=1e-7)
        net.theta = theta


def test_what_is_not_at_rest_is_said():
    net = HopfieldNetwork(soft(), TIGHT, max_steps=1)
    with pytest.warns(UserWarning, match="not at rest after 1 steps: the gradient does not hold"):
        net(np.ones((2, 4)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        HopfieldNetwork(soft(), "continuous")(np.ones((2, 4)))


def test_it_learns_at_rest_with_a_read_out():
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(8, 4)), np.tile([0.3, -0.4], (8, 1))
    net = Network(HopfieldNetwork(Dense(4, rng=1), "continuous"), Affinity(4, 2, rng=2))
    before = net.layers[0].theta.copy()
    history = net.fit(x, y, 12, 8, optimizer=Adam(0.1), rng=1)
    assert history.loss[-1] < 0.5 * history.loss[0]
    assert (net.layers[0].theta != before).any()


@pytest.mark.parametrize("update", ["synchronous", "asynchronous", Stochastic(1.0)])
def test_signs_stop_the_gradient_and_what_would_learn_below_is_refused(update):
    x, y = np.ones((3, 4)), np.ones((3, 2))
    below = Affinity(4, 16, rng=1)
    net = Network(below, stored(update, 10, rng=1), Affinity(16, 2, rng=2))
    with pytest.raises(TypeError, match="Affinity 4 -> 16 has parameters to train, but H"):
        net.fit(x, y, 1)
    below.freeze()
    history = net.fit(x, y, 20, rng=1)
    assert update != "synchronous" or history.loss[-1] < 0.1 * history.loss[0]
    with pytest.raises(TypeError, match="has no slope; take update='continuous'"):
        net.layers[1](X)
        net.layers[1].backprop(X)


@pytest.mark.parametrize("update", ["synchronous", "asynchronous"])
def test_a_soft_memory_that_is_recalled_in_signs_has_no_slope_either(update):
    """The step of its memory has one, for learning: the recall does not."""
    net = Network(Affinity(4, 16), HopfieldNetwork(Dense(16), update), Affinity(16, 2))
    theta = net.theta.copy()
    with pytest.raises(TypeError, match="has parameters to train, but"):
        net.fit(np.ones((3, 4)), np.ones((3, 2)), 1)
    np.testing.assert_array_equal(net.theta, theta)


def test_a_memory_of_signs_has_a_slope_in_continuous_time():
    hard = HopfieldNetwork(Dense(4, activation="sign", init="normal", rng=1), "continuous")
    hard.theta = 0.3 * hard.theta
    net = Network(hard, Affinity(4, 2, rng=1))
    before = hard.theta.copy()
    net.fit(np.ones((3, 4)), np.ones((3, 2)), 2)
    assert (hard.theta != before).any()


def test_a_sign_at_the_top_tells_what_has_no_slope():
    net = Network(Affinity(16, 16), Map("tanh"), stored())
    with pytest.raises(TypeError, match="Affinity 16 -> 16 has parameters to train"):
        gradient_check(net, rng=1)


@pytest.mark.parametrize("update", ["synchronous", "continuous"])
def test_every_backend_has_the_gradient_of_numpy(place, update):
    memory = soft()
    memory.M = 0.4 * memory.M
    here = HopfieldNetwork(memory, update, max_steps=60)
    there = here.to(place.spec)
    x, dy = np.random.default_rng(7).normal(size=(2, 3, 4))
    y, moved = here(x), there(backend.move(x, place))
    np.testing.assert_allclose(backend.host(moved), y, atol=1e-9)
    dx, dmoved = here.backprop(dy), there.backprop(backend.move(dy, place))
    np.testing.assert_allclose(backend.host(dmoved), dx, atol=1e-7)
    np.testing.assert_allclose(backend.host(there.grad), here.grad, atol=1e-7)


# --- one's own memory -----------------------------------------------------------------------------


class Majority(Memory):
    """Every unit hears all the others alike."""

    def __init__(self, n):
        self.n = n

    def field(self, x):
        return self.xp.sum(x, axis=-1, keepdims=True) - x


def test_a_memory_of_ones_own_writes_a_field_and_is_recalled_from(place):
    net = HopfieldNetwork(Majority(5)).to(place.spec)
    x = backend.move([[1, 1, 1, -1, -1], [-1, -1, -1, 1, -1]], place, "float64")
    for update in ("synchronous", "asynchronous", "continuous", Stochastic(1e-3)):
        recall = net.recall(x, update, rng=1, max_steps=50)
        np.testing.assert_array_equal(backend.host(recall.state)[1], [-1] * 5)
        assert recall.energy is None and recall.promise == ""
    with pytest.raises(TypeError, match="is not written but learned"):
        net.store([1, 1, 1, 1, 1])


def test_a_memory_without_a_field_says_so():
    class Empty(Memory):
        n = 3

    with pytest.raises(TypeError, match=r"a memory needs a method field\(self, x\)"):
        HopfieldNetwork(Empty()).recall(np.ones(3))
