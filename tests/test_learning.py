"""Learning: `learn` and `fit` against loops written by hand, and what may happen on the way."""

import io
import itertools
import math
import sys
import warnings

import numpy as np
import pytest

from minigrad import (
    Adam,
    Affinity,
    Dropout,
    GradientDescent,
    Identity,
    Map,
    Momentum,
    Network,
    backend,
    losses,
    stacks,
)
from minigrad.errors import BackendError, Diverged, NotFiniteError, ShapeError
from minigrad.learner import Learner, learning_mode


def network(seed=0, alpha=0.1):
    """4 -> 3 -> 2 with tanh, every parameter drawn."""
    net = Network(Affinity(4, 3), Map("tanh"), Affinity(3, 2), alpha=alpha)
    net.theta = 0.7 * np.random.default_rng(seed).standard_normal(net.theta.shape)
    return net


def data(count=7, seed=1):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, 4)), rng.standard_normal((count, 2))


class ByHand:
    """The same network in plain numpy, its derivatives written out, half squared error."""

    def __init__(self, net, alpha=0.1):
        first, _, second = net.layers
        self.M, self.b, self.alpha = first.M.copy(), first.b.copy(), alpha
        self.N, self.c = second.M.copy(), second.b.copy()

    def step(self, x, target):
        """One step on a batch; the loss before it."""
        h = np.tanh(x @ self.M.T + self.b)
        e = h @ self.N.T + self.c - target
        dh = (e @ self.N) * (1 - h * h)
        rate = self.alpha / len(x)
        self.N -= rate * e.T @ h
        self.c -= rate * e.sum(axis=0)
        self.M -= rate * dh.T @ x
        self.b -= rate * dh.sum(axis=0)
        return 0.5 * (e * e).sum() / len(x)

    def epochs(self, x, target, batch, count, seed):
        """Mini-batches in the order that a generator of that seed gives; the loss of each step."""
        rng, steps = np.random.default_rng(seed), []
        for _ in range(count):
            order = rng.permutation(len(x))
            for start in range(0, len(x), batch):
                rows = order[start : start + batch]
                steps.append(self.step(x[rows], target[rows]))
        return steps

    @property
    def theta(self):
        return np.concatenate([self.M.ravel(), self.b, self.N.ravel(), self.c])


class Watching(Identity):
    """An identity that calls back at each forward while the network learns."""

    def __init__(self, seen):
        self.seen = seen

    def forward(self, x):
        if self.learning:
            self.seen(x)
        return x


# --- learn: the online rule -----------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3, 40])
def test_learn_is_the_online_rule_one_fact_one_step(count):
    net, (x, target) = network(), data(count)
    hand = ByHand(net)
    expected = [hand.step(a[None], b[None]) for a, b in zip(x, target, strict=True)]
    assert net.learn(zip(x, target, strict=True)) == pytest.approx(expected[-1], rel=1e-12)
    assert np.allclose(net.theta, hand.theta, rtol=1e-12, atol=1e-14)


def test_learn_on_one_affine_layer_is_the_rule_of_the_seed():
    layer = Affinity(3, 2, rng=0)
    net = Network(layer, alpha=0.05)
    M, b = layer.M.copy(), layer.b.copy()
    rng = np.random.default_rng(2)
    for _ in range(5):
        x, expected = rng.standard_normal(3), rng.standard_normal(2)
        e = M @ x + b - expected
        M -= 0.05 * np.outer(e, x)
        b -= 0.05 * e
        assert net.learn([(x, expected)]) == pytest.approx(e.dot(e) / 2, rel=1e-12)
    assert np.allclose(layer.M, M, rtol=1e-12) and np.allclose(layer.b, b, rtol=1e-12)


def test_facts_may_come_from_a_generator_as_lists_or_as_integers():
    x, target = np.arange(12).reshape(3, 4) % 5, np.arange(6).reshape(3, 2) % 3
    expected = network()
    last = expected.learn(zip(x.astype(float), target.astype(float), strict=True))
    for facts in (
        ((a, b) for a, b in zip(x, target, strict=True)),
        list(zip(x.tolist(), target.tolist(), strict=True)),
        [[tuple(a), tuple(b)] for a, b in zip(x.tolist(), target.tolist(), strict=True)],
    ):
        net = network()
        assert net.learn(facts) == last
        assert np.array_equal(net.theta, expected.theta)


def test_a_fact_may_be_a_batch_of_which_the_mean_is_taken():
    net, (x, target) = network(), data(5)
    hand = ByHand(net)
    assert net.learn([(x, target)]) == pytest.approx(hand.step(x, target), rel=1e-12)
    assert np.allclose(net.theta, hand.theta, rtol=1e-12, atol=1e-14)


def test_a_fact_may_be_a_label():
    by_label, by_row = network(), network()
    x, _ = data(3)
    last = by_label.learn([(x[0], 1), (x[1], 0)], loss="softmax_cross_entropy")
    assert last == by_row.learn([(x[0], [0, 1]), (x[1], [1, 0])], loss="softmax_cross_entropy")
    assert np.array_equal(by_label.theta, by_row.theta)


def test_no_facts_is_an_error():
    for nothing in ([], iter(()), (fact for fact in ())):
        with pytest.raises(ValueError, match="no facts"):
            network().learn(nothing)


@pytest.mark.parametrize(
    ("fact", "error", "message"),
    [
        (([1.0, 2, 3], [0, 0]), ShapeError, "3 features, expected 4"),
        (([1.0, 2, 3, 4], [0, 0, 0]), ShapeError, r"\(3,\), expected \(2,\)"),
        (([1.0, np.nan, 3, 4], [0, 0]), NotFiniteError, r"input has nan at \(1,\)"),
        (([1.0, 2, 3, np.inf], [0, 0]), NotFiniteError, r"input has inf at \(3,\)"),
        (([1.0, 2, 3, 4], [0, np.nan]), NotFiniteError, r"target has nan at \(1,\)"),
        ((["a"] * 4, [0, 0]), TypeError, "expected numbers"),
    ],
)
def test_a_bad_fact_is_named_and_changes_nothing(fact, error, message):
    net = network()
    before = net.theta.copy()
    with pytest.raises(error, match=message):
        net.learn([fact])
    assert np.array_equal(net.theta, before)


def test_what_was_learned_before_a_bad_fact_is_kept():
    net, (x, target) = network(), data(3)
    hand = ByHand(net)
    for i in range(2):
        hand.step(x[i : i + 1], target[i : i + 1])
    with pytest.raises(NotFiniteError):
        net.learn([(x[0], target[0]), (x[1], target[1]), (x[2], [np.nan, 0])])
    assert np.allclose(net.theta, hand.theta, rtol=1e-12, atol=1e-14)
    assert not net.learning


# --- learn: tasks that are known to be learnable --------------------------------------------------


def test_xor_is_learned_from_199_of_200_starts():
    """2-3-1, tanh hidden, linear output, +-1 coding, Glorot, alpha 0.1, 4,000 facts at random."""
    net = Network(Affinity(2, 3), Map("tanh"), Affinity(3, 1), alpha=0.1).stack(200, rng=0)
    x = np.array([[-1.0, -1], [-1, 1], [1, -1], [1, 1]])
    target = -x[:, :1] * x[:, 1:]
    facts = np.random.default_rng(0).integers(4, size=4000)
    last = net.learn((x[i : i + 1], target[i : i + 1]) for i in facts)
    assert last.shape == (200,)
    solved = (np.sign(net(x)) == target).all(axis=(1, 2))
    assert solved.mean() >= 0.99


def quadratic(v):
    """(v0 - v1)^2, and a second output of 0."""
    return np.stack([(v[..., 0] - v[..., 1]) ** 2, 0 * v[..., 0]], axis=-1)


def test_the_quadratic_map_is_learned_from_every_one_of_200_starts():
    """Glorot matrices, biases of 0, the same 1,000 facts of N(0, 1) for all members.

    N(0, 1) for both, as the seed had it, reaches this too with most series of facts, but diverges
    from a few starts with those that hold a far outlier early.
    """
    net = Network(Affinity(2, 2, init="glorot", bias="zeros"), Map("half square"), alpha=0.01)
    net = net.stack(200, rng=1)
    rng = np.random.default_rng(2)
    net.learn((v, quadratic(v)) for v in rng.standard_normal((1000, 1, 2)))
    x = rng.standard_normal((1000, 2))
    loss = (0.5 * (net(x) - quadratic(x)) ** 2).sum(axis=-1).mean(axis=-1)
    assert loss.shape == (200,) and (loss < 1e-2).all()


def blobs(count, seed):
    """Points around three corners, and which."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 3)
    corners = np.array([[2.0, 0], [-1, 1.7], [-1, -1.7]])
    return corners[labels] + 0.5 * rng.standard_normal((count, 2)), labels


def test_a_small_network_learns_three_blobs():
    net = Network(Affinity(2, 4, rng=0), Map("tanh"), Affinity(4, 3, rng=1))
    x, labels = blobs(150, 3)
    fresh = blobs(150, 4)
    history = net.fit(
        x, labels, 10, 10, "softmax_cross_entropy", Adam(0.03), rng=5, validation=fresh
    )
    assert net.accuracy(*fresh) > 0.95
    assert history.validation_accuracy[-1] == net.accuracy(*fresh)
    assert history.loss[-1] < 0.3 < history.loss[0]


# --- fit: what it does ----------------------------------------------------------------------------


@pytest.mark.parametrize(("batch", "epochs"), [(3, 1), (3, 12), (1, 2), (7, 2), (100, 2)])
def test_fit_takes_the_steps_of_a_loop_by_hand(batch, epochs):
    """7 samples: the last batch of an epoch is short, and many epochs pass a checkpoint."""
    net, (x, target) = network(), data(7)
    hand = ByHand(net)
    expected = hand.epochs(x, target, batch, epochs, seed=9)
    history = net.fit(x, target, epochs, batch, rng=9)
    assert np.allclose(net.theta, hand.theta, rtol=1e-11, atol=1e-13)
    assert np.allclose(history.step_loss, expected, rtol=1e-11)
    assert len(history.loss) == epochs and len(history.step_loss) == epochs * math.ceil(7 / batch)
    assert history.stopped == "all epochs done"


def test_the_rate_of_the_network_is_that_of_a_fit_without_an_optimizer():
    net, twin, (x, target) = network(alpha=0.3), network(), data()
    net.fit(x, target, 2, 3, rng=1)
    twin.fit(x, target, 2, 3, rng=1, optimizer=GradientDescent(0.3))
    assert np.array_equal(net.theta, twin.theta)


@pytest.mark.parametrize("make", [lambda: Momentum(0.05), lambda: Adam(0.02)])
def test_fit_hands_the_gradient_of_the_mean_to_any_optimizer(make):
    net, (x, target) = network(), data(7)
    twin, optimizer = network(), make()
    rng = np.random.default_rng(4)
    for _ in range(4):
        order = rng.permutation(7)
        for rows in (order[:3], order[3:6], order[6:]):
            twin.zero_grad()
            twin.backprop((twin(x[rows]) - target[rows]) / len(rows))
            optimizer.step(twin)
    net.fit(x, target, 4, 3, optimizer=make(), rng=4)
    assert np.allclose(net.theta, twin.theta, rtol=1e-11, atol=1e-13)


def test_two_fits_with_one_optimizer_are_one_fit_of_both_lengths():
    whole, halves, (x, target) = network(), network(), data()
    optimizer, rng = Adam(0.02), np.random.default_rng(6)
    for _ in range(2):
        halves.fit(x, target, 2, 3, optimizer=optimizer, rng=rng)
    whole.fit(x, target, 4, 3, optimizer=Adam(0.02), rng=6)
    assert np.allclose(halves.theta, whole.theta, rtol=1e-11, atol=1e-13)
    assert optimizer.steps == 12


def test_every_epoch_shows_each_sample_once_in_an_order_of_its_own():
    shown = []
    net = Network(Watching(lambda x: shown.append(x[:, 0].copy())), Affinity(1, 2, rng=0))
    net.fit(np.arange(5.0)[:, None] / 10, np.zeros((5, 2)), 3, 2, rng=8)
    rng = np.random.default_rng(8)
    expected = np.concatenate([rng.permutation(5) / 10 for _ in range(3)])
    assert [len(batch) for batch in shown] == [2, 2, 1] * 3
    assert np.array_equal(np.concatenate(shown), expected)


def test_the_seed_of_a_fit_can_be_read_back():
    first, second, (x, target) = network(), network(), data()
    history = first.fit(x, target, 3, 2)
    assert isinstance(history.seed, int)
    second.fit(x, target, 3, 2, rng=history.seed)
    assert np.array_equal(first.theta, second.theta)
    assert network().fit(x, target, 1, 2, rng=11).seed == 11
    assert network().fit(x, target, 1, 2, rng=np.random.default_rng(1)).seed is None
    other = network().fit(x, target, 1, 2)
    assert other.seed != history.seed


def test_the_global_generator_is_not_touched():
    state = np.random.get_state()[1].copy()
    net, (x, target) = network(), data()
    net.fit(x, target, 1, 2)
    assert np.array_equal(np.random.get_state()[1], state)


def test_the_loss_of_an_epoch_is_the_mean_over_samples_not_over_batches():
    net, (x, target) = network(), data(7)
    history = net.fit(x, target, 2, 3, rng=0)
    steps = np.reshape(history.step_loss, (2, 3))
    assert np.allclose(history.loss, steps @ [3 / 7, 3 / 7, 1 / 7], rtol=1e-13)


def test_validation_is_scored_after_each_epoch_with_its_own_data():
    net, (x, target), (fresh, wanted) = network(), data(7), data(5, seed=2)
    thetas = []
    history = net.fit(
        x,
        target,
        3,
        3,
        rng=0,
        validation=(fresh.tolist(), wanted.tolist()),
        callbacks=[lambda net, history: thetas.append(net.theta.copy())],
    )
    expected = []
    for theta in thetas:
        net.theta = theta
        expected.append(0.5 * ((net(fresh) - wanted) ** 2).sum() / 5)
    assert np.allclose(history.validation_loss, expected, rtol=1e-13)
    assert history.validation_accuracy == []


def test_validation_with_labels_is_scored_by_hits_too():
    net, (x, _), (fresh, _) = network(), data(7), data(5, seed=2)
    labels, wanted = np.arange(7) % 2, np.arange(5) % 2
    history = net.fit(x, labels, 2, 3, "softmax_cross_entropy", rng=0, validation=(fresh, wanted))
    y = net(fresh)
    p = np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)
    assert history.validation_loss[-1] == pytest.approx(-np.log(p[range(5), wanted]).mean())
    assert history.validation_accuracy[-1] == (y.argmax(axis=1) == wanted).mean()
    assert len(history.validation_loss) == len(history.validation_accuracy) == 2


def test_a_history_prints_as_a_table_of_its_epochs():
    net, (x, _) = network(), data(4)
    history = net.fit(x, [0, 1, 0, 1], 2, 2, "softmax_cross_entropy")
    rows = [line.split() for line in str(history).splitlines()]
    assert rows[0] == ["epoch", "loss"] and " ".join(rows[-1]) == "all epochs done"
    shown = {row[0]: float(row[1]) for row in rows if row[0] in ("1", "2", "3")}
    assert shown == {
        "1": pytest.approx(history.loss[0], rel=1e-3),
        "2": pytest.approx(history.loss[1], rel=1e-3),
    }


def test_labels_lists_and_integers_teach_what_one_hot_floats_teach():
    x = np.arange(24).reshape(6, 4) % 5
    labels = [0, 1, 1, 0, 1, 0]
    expected = network()
    expected.fit(x.astype(float), np.eye(2)[labels], 2, 4, "softmax_cross_entropy", rng=0)
    for inputs, target in ((x, np.array(labels)), (x.tolist(), labels), (x, np.uint8(labels))):
        net = network()
        net.fit(inputs, target, 2, 4, "softmax_cross_entropy", rng=0)
        assert np.array_equal(net.theta, expected.theta)


def test_samples_may_have_axes_of_their_own():
    """x (N, 5, n): each row counts as a sample of the mean."""
    rng = np.random.default_rng(3)
    x, target = rng.standard_normal((6, 5, 4)), rng.standard_normal((6, 5, 2))
    net, twin = network(), network()
    net.fit(x, target, 1, 6, rng=0)
    twin.fit(x.reshape(30, 4), target.reshape(30, 2), 1, 30, rng=0)
    assert np.allclose(net.theta, twin.theta, rtol=1e-12)


def test_the_data_are_left_as_they_were():
    net, (x, target) = network(), data()
    x.flags.writeable = target.flags.writeable = False
    net.fit(x, target, 2, 3, rng=0, validation=(x, target))
    net.learn([(x[0], target[0])])


def test_a_frozen_layer_is_not_moved_by_fit():
    net, (x, target) = network(), data()
    net.freeze("1.M", "1.b")
    before = net.theta.copy()
    net.fit(x, target, 8, 3, rng=0, optimizer=Adam(0.01))
    assert np.array_equal(net.theta[:15], before[:15]) and (net.theta[15:] != before[15:]).all()


def test_a_stack_is_fitted_as_its_members_would_be_alone():
    together = stacks.together([network(seed) for seed in range(3)])
    x, target = data(7)
    history = together.fit(x, target, 4, 3, optimizer=Momentum([0.1, 0.05, 0.01]), rng=2)
    for k, alpha in enumerate([0.1, 0.05, 0.01]):
        alone = network(k)
        single = alone.fit(x, target, 4, 3, optimizer=Momentum(alpha), rng=2)
        assert np.allclose(together.theta[k], alone.theta, rtol=1e-11, atol=1e-13)
        assert np.allclose([step[k] for step in history.step_loss], single.step_loss, rtol=1e-11)
        assert np.allclose([epoch[k] for epoch in history.loss], single.loss, rtol=1e-11)


# --- callbacks, the bar, dropout ------------------------------------------------------------------


def test_callbacks_are_called_after_each_epoch_in_order_and_see_a_network_at_rest():
    net, (x, target), calls = network(), data(), []

    def first(net, history):
        calls.append(("first", len(history.loss), net.learning, net.layers[0].learning))

    def second(network, history):
        assert network is net and len(history.validation_loss) == len(history.loss)
        calls.append(("second", len(history.loss), network.learning, False))

    net.fit(x, target, 2, 3, rng=0, validation=(x, target), callbacks=[first, second])
    names = [(name, epoch) for name, epoch, _, _ in calls]
    assert names == [("first", 1), ("second", 1), ("first", 2), ("second", 2)]
    assert not any(learning for call in calls for learning in call[2:])


@pytest.mark.parametrize("true", [True, np.True_], ids=["True", "numpy's True"])
def test_a_callback_that_returns_true_ends_the_run(true):
    """A comparison of losses, np.mean(history.loss[-2:]) < 0.1, is a truth of numpy's."""
    net, twin, (x, target), called = network(), network(), data(), []
    history = net.fit(
        x,
        target,
        9,
        3,
        rng=0,
        callbacks=[
            lambda net, history: true if len(history.loss) == 2 else None,
            lambda net, history: called.append(len(history.loss)),
        ],
    )
    twin.fit(x, target, 2, 3, rng=0)
    assert np.array_equal(net.theta, twin.theta)
    assert called == [1, 2] and "callback ended it after epoch 2" in history.stopped


@pytest.mark.parametrize("result", [None, False, 0.5, "on"], ids=repr)
def test_a_callback_that_returns_anything_else_does_not_end_the_run(result):
    net, (x, target) = network(), data()
    assert len(net.fit(x, target, 3, 3, callbacks=[lambda net, history: result]).loss) == 3


def test_the_bar_is_silent_when_stderr_is_no_terminal(capsys):
    net, (x, target) = network(), data()
    net.fit(x, target, 2, 3)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_a_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stderr", Terminal())
    net, (x, target) = network(), data()
    net.fit(x, target, 2, 3)
    assert "/6" in sys.stderr.getvalue()


def test_layers_are_told_that_they_learn_during_steps_and_only_then():
    seen = []

    class Telling(Identity):
        def forward(self, x):
            seen.append((len(x), self.learning))
            return x

    net = Network(Network(Telling()), Affinity(4, 2, rng=0))
    x, target = data(6)
    net.fit(x, target, 1, 3, validation=(x, target))
    assert [learning for rows, learning in seen if rows == 3] == [True, True]
    assert not any(learning for rows, learning in seen if rows != 3)
    seen.clear()
    net.predict(x), net.accuracy(x, [0, 1] * 3), net(x)
    assert seen and not any(learning for _, learning in seen)
    seen.clear()
    net.learn([(x[:2], target[:2])])
    assert seen[-1] == (2, True) and not net.learning


def test_dropout_drops_while_the_network_learns_and_only_then():
    x, target = np.ones((6, 4)), np.zeros((6, 2))
    net = Network(Dropout(0.5, rng=0), Affinity(4, 2, rng=1), alpha=1e-9)
    still = net(x)
    scores = []
    history = net.fit(
        x,
        target,
        2,
        3,
        rng=2,
        validation=(x, target),
        callbacks=[lambda net, history: scores.append(net(x))],
    )
    rest = 0.5 * (still**2).sum() / 6
    assert np.allclose(scores, still) and np.allclose(history.validation_loss, rest)
    assert (np.abs(np.array(history.step_loss) - rest) > 1e-3).all()


# --- an interruption keeps what was learned -------------------------------------------------------


class Interruption:
    """Raises KeyboardInterrupt, once, at the n-th call; what theta was then is kept."""

    def __init__(self, n):
        self.left, self.theta, self.net = n, None, None

    def __call__(self, *_):
        self.left -= 1
        if self.left == 0:
            self.theta = self.net.theta.copy()
            raise KeyboardInterrupt

    def as_map(self):
        """As a map x -> x of one's own, which leaves `fit` its prepared steps."""

        def f(x):
            if np.ndim(x):
                self()
            return x

        return Map(f, np.ones_like)

    def inside(self, layer):
        self.net = Network(Affinity(4, 3, rng=0), layer, Map("tanh"), Affinity(3, 2, rng=1))
        return self.net


OPTIMIZERS = [GradientDescent, Momentum, Adam]


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("step", [1, 2, 5, 32, 33, 34, 70])
def test_an_interruption_inside_a_layer_leaves_the_state_after_the_last_whole_step(step, make):
    """Steps are taken 3 an epoch: most of these come in the middle of one."""
    interruption, optimizer = Interruption(step), make(0.01)
    net = interruption.inside(Watching(interruption))
    x, target = data(7)
    with pytest.warns(UserWarning, match="keeps what it learned"):
        history = net.fit(x, target, 30, 3, optimizer=optimizer, rng=1)
    assert np.array_equal(net.theta, interruption.theta)
    assert len(history.step_loss) == optimizer.steps == step - 1
    assert len(history.loss) == (step - 1) // 3
    assert history.stopped == f"interrupted after step {step - 1}"
    assert not net.learning


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("call", [4, 20, 50, 110])
def test_an_interruption_inside_a_prepared_step_does_so_too(call, make):
    interruption = Interruption(call)
    net = interruption.inside(interruption.as_map())
    x, target = data(7)
    with pytest.warns(UserWarning, match="keeps what it learned"):
        net.fit(x, target, 60, 3, optimizer=make(0.01), rng=1)
    assert np.allclose(net.theta, interruption.theta, rtol=1e-12, atol=1e-14)


def test_an_interrupted_fit_is_the_loop_by_hand_up_to_there():
    stop = Interruption(6)
    net = Network(Affinity(4, 3), Map("tanh"), Network(Affinity(3, 2)), Watching(stop))
    net.theta, stop.net = network().theta, net
    x, target = data(7)
    hand, rng = ByHand(network()), np.random.default_rng(1)
    orders = [rng.permutation(7) for _ in range(2)]
    for rows in [o[a : a + 3] for o in orders for a in (0, 3, 6)][:5]:
        hand.step(x[rows], target[rows])
    with pytest.warns(UserWarning, match="after step 5"):
        net.fit(x, target, 30, 3, rng=1)
    assert np.allclose(net.theta, hand.theta, rtol=1e-12, atol=1e-14)


def test_a_fit_can_go_on_after_an_interruption():
    interruption, optimizer = Interruption(40), Adam(0.01)
    net = interruption.inside(Watching(interruption))
    x, target = data(7)
    with pytest.warns(UserWarning, match="keeps"):
        net.fit(x, target, 30, 3, optimizer=optimizer, rng=1)
    net.fit(x, target, 1, 3, optimizer=optimizer, rng=1)
    assert optimizer.steps == 42


def test_an_interruption_keeps_the_state_although_dropout_has_drawn_its_masks():
    interruption = Interruption(20)
    net = interruption.inside(Watching(interruption))
    net.layers = (Dropout(0.3, rng=2), *net.layers)
    x, target = data(7)
    with pytest.warns(UserWarning, match="keeps"):
        net.fit(x, target, 30, 3, rng=1)
    assert np.allclose(net.theta, interruption.theta, rtol=1e-12, atol=1e-14)


def slower(optimizer, net):
    optimizer.alpha = optimizer.alpha / 2


def smaller(optimizer, net):
    net.theta = np.clip(net.theta, -0.5, 0.5)


@pytest.mark.parametrize("change", [slower, smaller])
def test_an_interruption_keeps_what_a_callback_has_changed(change):
    """A schedule of rates or a bound on weights, set between epochs, is part of the state."""
    interruption, optimizer = Interruption(11), GradientDescent(0.2)
    net = interruption.inside(Watching(interruption))
    x, target = data(7)
    with pytest.warns(UserWarning, match="keeps"):
        net.fit(
            x,
            target,
            30,
            3,
            optimizer=optimizer,
            rng=1,
            callbacks=[lambda net, history: change(optimizer, net)],
        )
    assert np.allclose(net.theta, interruption.theta, rtol=1e-12, atol=1e-14)


class Torn(Momentum):
    """Momentum that is interrupted, once, when it has moved half of what it is to move."""

    def __init__(self, alpha, step):
        super().__init__(alpha)
        self.last, self.before = step, None

    def move(self, alpha, theta, grad, v):
        if self.steps == self.last and self.before is None:
            self.before = theta.copy(), v.copy()
            half = theta.shape[-1] // 2
            super().move(alpha, theta[:half], grad[:half], v[:half])
            raise KeyboardInterrupt
        super().move(alpha, theta, grad, v)


@pytest.mark.parametrize("change", [None, slower, smaller])
@pytest.mark.parametrize("step", [1, 11, 33, 50])
def test_an_update_that_is_torn_in_the_middle_is_taken_back(step, change):
    net, optimizer, (x, target) = network(), Torn(0.05, step), data(7)
    callbacks = [lambda net, history: change(optimizer, net)] if change else []
    with pytest.warns(UserWarning, match=f"after step {step - 1}"):
        net.fit(x, target, 30, 3, optimizer=optimizer, rng=1, callbacks=callbacks)
    theta, v = optimizer.before
    assert np.allclose(net.theta, theta, rtol=1e-12, atol=1e-14)
    assert np.allclose(optimizer.state["v"], v, rtol=1e-11, atol=1e-14)
    assert optimizer.steps == step - 1


def test_an_interruption_in_a_callback_keeps_the_whole_epoch():
    net, twin, (x, target) = network(), network(), data()

    def stop(net, history):
        if len(history.loss) == 2:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="keeps"):
        history = net.fit(x, target, 9, 3, rng=0, callbacks=[stop])
    twin.fit(x, target, 2, 3, rng=0)
    assert np.allclose(net.theta, twin.theta, rtol=1e-12) and len(history.loss) == 2


def test_an_interrupted_stack_keeps_whole_steps():
    interruption = Interruption(5)
    net = interruption.inside(Watching(interruption))
    net.layers[1].seen = None
    net = interruption.net = net.stack(3, rng=0)
    net.layers[1].seen = interruption
    x, target = data(7)
    with pytest.warns(UserWarning, match="keeps"):
        history = net.fit(x, target, 9, 3, rng=1)
    assert np.array_equal(net.theta, interruption.theta) and len(history.step_loss) == 4


def test_an_interrupted_learn_keeps_what_was_learned_and_goes_on_up():
    interruption = Interruption(4)  # the first forward finds out the width of the output
    net = interruption.inside(Watching(interruption))
    x, target = data(7)
    with pytest.raises(KeyboardInterrupt):
        net.learn(zip(x, target, strict=True))
    assert np.array_equal(net.theta, interruption.theta) and not net.learning


def test_an_error_of_a_callback_or_a_layer_comes_through_and_leaves_the_network_at_rest():
    net, (x, target) = network(), data()

    def fail(net, history):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        net.fit(x, target, 2, 3, callbacks=[fail])

    def refuse(x):
        raise ZeroDivisionError("a layer's")

    net = Network(Affinity(4, 2, rng=0), Watching(refuse))
    before = net.theta.copy()
    with pytest.raises(ZeroDivisionError, match="a layer's"):
        net.fit(x, target, 2, 3)
    assert not net.learning and np.array_equal(net.theta, before)


# --- divergence -----------------------------------------------------------------------------------


def steep(seed=0):
    """One affine layer 3 -> 2 with data whose curvature is known: it diverges above 2 / it."""
    rng = np.random.default_rng(seed)
    net = Network(Affinity(3, 2, rng=1))
    x, target = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))
    ones = np.concatenate([x, np.ones((6, 1))], axis=1)
    return net, x, target, np.linalg.eigvalsh(ones.T @ ones / 6)[-1]


def fall_by_hand(net, x, target, alpha, beta):
    """theta at the last loss that is finite, and how many steps led there; full batches."""
    M, b = net.layers[0].M.copy(), net.layers[0].b.copy()
    V, v, count, kept = 0 * M, 0 * b, 0, None
    with np.errstate(over="ignore", invalid="ignore"):
        while True:
            e = x @ M.T + b - target
            if not np.isfinite(0.5 * (e * e).sum() / len(x)):
                return kept, count - 1
            kept = np.concatenate([M.ravel(), b])
            V, v = beta * V + e.T @ x / len(x), beta * v + e.sum(axis=0) / len(x)
            M, b, count = M - alpha * V, b - alpha * v, count + 1


@pytest.mark.parametrize("factor", [1.3, 5.0, 50.0, 1e10])
@pytest.mark.parametrize("beta", [0.0, 0.5])
def test_divergence_is_named_and_the_state_at_the_last_finite_loss_is_kept(factor, beta):
    """From under twenty steps to several hundred, over many checkpoints and prepared steps."""
    net, x, target, curvature = steep()
    alpha = factor * 2 * (1 + beta) / curvature
    expected, count = fall_by_hand(net, x, target, alpha, beta)
    optimizer = Momentum(alpha, beta)
    with pytest.raises(Diverged, match=rf"^step {count + 2}: .*the loss is (inf|nan)") as caught:
        net.fit(x, target, 5000, 6, optimizer=optimizer, rng=0)
    assert np.isfinite(net.theta).all()
    assert np.allclose(net.theta, expected, rtol=1e-6)
    assert optimizer.steps == count
    history = caught.value.history
    assert len(history.step_loss) == count + 1 and np.isfinite(history.step_loss).all()
    last = 0.5 * ((net(x) - target) ** 2).sum() / 6
    assert history.step_loss[-1] == pytest.approx(last, rel=1e-9)
    assert "smaller alpha" in str(caught.value) and not net.learning


def test_the_layer_whose_output_is_the_first_not_finite_is_named():
    """The first step takes theta to some 1e200, whose square is beyond a float."""
    net = Network(Affinity(2, 3, rng=0), Map("half square"), Affinity(3, 2, rng=1))
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((5, 2)), rng.standard_normal((5, 2))
    before = net.theta.copy()
    with pytest.raises(
        Diverged, match=r"^step 2: layer 2 of 3 \(Map half square\) put out inf at \(\d, \d\)"
    ):
        net.fit(x, target, 9, 5, optimizer=GradientDescent(1e200), rng=0)
    assert np.array_equal(net.theta, before)


def test_a_loss_that_overflows_by_itself_is_named_as_such():
    net, x, target, curvature = steep()
    with pytest.raises(Diverged, match=r"^step \d+: the loss overflowed; the loss is inf"):
        net.fit(x, target, 5000, 6, optimizer=GradientDescent(5 / curvature), rng=0)


def test_a_layer_inside_a_network_is_named_with_both_places():
    shake = {"calls": 0}

    class Bursting(Identity):
        def forward(self, x):
            shake["calls"] += self.learning
            return x * np.inf if shake["calls"] > 3 else x

    net = Network(Affinity(4, 3, rng=0), Network(Map("tanh"), Bursting()), Affinity(3, 2, rng=1))
    x, target = data()
    with pytest.raises(
        Diverged, match=r"step 4: layer 2 of 3 \(Network\): layer 2 of 2 \(Bursting.*\) put out"
    ):
        net.fit(x, target, 5, 3, rng=0)


def test_learn_stops_at_divergence_as_fit_does():
    net, x, target, curvature = steep()
    alpha = 20 * 2 / curvature
    expected, count = fall_by_hand(net, x, target, alpha, 0.0)
    net.alpha = alpha
    with pytest.raises(Diverged, match=rf"^step {count + 2}: "):
        net.learn(itertools.repeat((x, target), 5000))
    assert np.allclose(net.theta, expected, rtol=1e-6)


def test_facts_that_share_one_buffer_leave_the_same_last_finite_state():
    """A generator may fill one array again and again; to go back is not to see its last filling."""
    rng = np.random.default_rng(0)
    xs, buffer = rng.standard_normal((2000, 3)), np.zeros(3)

    def refilled():
        for x in xs:
            buffer[:] = x
            yield buffer, [1.0, -1.0]

    shared, apart = (Network(Affinity(3, 2, rng=1), alpha=2.2) for _ in range(2))
    with pytest.raises(Diverged) as caught:
        apart.learn((x, [1.0, -1.0]) for x in xs)
    count = int(str(caught.value).split()[1].rstrip(":"))
    assert count % Learner.EVERY > 2  # there are steps to be taken again
    with pytest.raises(Diverged):
        shared.learn(refilled())
    assert np.array_equal(shared.theta, apart.theta)


def test_a_network_that_diverged_can_learn_on_with_a_smaller_rate():
    net, x, target, curvature = steep()
    with pytest.raises(Diverged):
        net.fit(x, target, 5000, 6, optimizer=GradientDescent(40 / curvature), rng=0)
    net.theta = np.clip(net.theta, -1, 1)
    history = net.fit(x, target, 5, 6, optimizer=GradientDescent(0.5 / curvature), rng=0)
    assert history.loss[-1] < history.loss[0]


@pytest.mark.parametrize("how", ["learn", "fit"])
def test_a_last_step_to_infinity_is_divergence_too(how):
    """No further loss is there to show it: theta itself must be looked at."""
    net = Network(Affinity(2, 1, rng=0), alpha=1e305)
    before = net.theta.copy()
    x, target = np.array([[1e4, -1e4]]), np.array([[3.0]])
    with pytest.raises(Diverged, match="step 1"):
        if how == "learn":
            net.learn([(x[0], target[0])])
        else:
            net.fit(x, target, 1, 1)
    assert np.array_equal(net.theta, before)


def test_a_member_of_a_stack_that_diverges_is_frozen_and_the_others_go_on():
    single, x, target, curvature = steep()
    net = stacks.together([single, single, single])
    rates = np.array([0.5, 40.0, 1.0]) / curvature
    with pytest.warns(UserWarning, match=r"1 of 3 members diverged \(1\).*last finite state"):
        history = net.fit(x, target, 300, 6, optimizer=GradientDescent(rates), rng=0)
    expected, _ = fall_by_hand(single, x, target, rates[1], 0.0)
    assert np.allclose(net.theta[1], expected, rtol=1e-6)
    assert np.isnan(history.step_loss[-1][1]) and np.isfinite(history.step_loss[-1][[0, 2]]).all()
    for k in (0, 2):
        alone = steep()[0]
        alone.fit(x, target, 300, 6, optimizer=GradientDescent(rates[k]), rng=0)
        assert np.allclose(net.theta[k], alone.theta, rtol=1e-9)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["input", "target", "validation input", "validation target"])
def test_data_that_are_not_finite_are_named_and_change_nothing(where, wrong):
    net, sets = network(), {"input": data()[0], "target": data()[1]}
    sets |= {"validation input": data(5)[0], "validation target": data(5)[1]}
    sets[where][3, 1] = wrong
    before, optimizer = net.theta.copy(), Adam()
    with pytest.raises(NotFiniteError, match=rf"the {where.split()[-1]} has {wrong} at \(3, 1\)"):
        net.fit(
            sets["input"],
            sets["target"],
            1,
            3,
            optimizer=optimizer,
            validation=(sets["validation input"], sets["validation target"]),
        )
    assert np.array_equal(net.theta, before) and optimizer.steps == 0


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("how", ["learn", "fit"])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_parameter_that_is_not_finite_is_named_and_nothing_is_changed(how, wrong):
    net, (x, target) = network(), data()
    net.layers[2].M[1, 0] = wrong
    before = net.theta.copy()
    with pytest.raises(NotFiniteError, match=rf"parameter 3\.M has {wrong} at \(1, 0\)") as caught:
        if how == "learn":
            net.learn(zip(x, target, strict=True))
        else:
            net.fit(x, target, 1, 3)
    assert not isinstance(caught.value, Diverged) and "nothing was changed" in str(caught.value)
    assert np.array_equal(net.theta, before, equal_nan=True)


@pytest.mark.parametrize("used", [False, True], ids=["a new optimizer", "one that was used"])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_member_of_a_stack_that_is_not_finite_from_the_start_is_refused(used):
    net, optimizer = stacks.together([network(seed) for seed in range(3)]), GradientDescent(0.1)
    x, target = data()
    if used:
        net.fit(x, target, 1, 3, optimizer=optimizer)
    net.theta[1, 3] = np.nan
    before = net.theta.copy()
    with pytest.raises(NotFiniteError, match=r"parameter 1\.M has nan at \(1, 0, 3\).*member 1"):
        net.fit(x, target, 1, 3, optimizer=optimizer)
    assert np.array_equal(net.theta, before, equal_nan=True)


@pytest.mark.parametrize(
    ("x", "target", "message"),
    [
        (np.zeros((0, 4)), np.zeros((0, 2)), "no samples"),
        ([], [], r"samples|empty"),
    ],
)
def test_empty_data_are_an_error(x, target, message):
    net = network()
    with pytest.raises(ValueError, match=message):
        net.fit(x, target)
    with pytest.raises(ValueError, match=message):
        net.predict(x)
    with pytest.raises(ValueError, match=message):
        net.accuracy(x, target)
    with pytest.raises(ValueError, match=message):
        net.fit(*data(), validation=(x, target))


@pytest.mark.parametrize("name", ["epochs", "batch"])
@pytest.mark.parametrize("wrong", [0, -1, 2.0, True, None, "3"], ids=repr)
def test_epochs_and_batch_are_whole_numbers_of_at_least_1(name, wrong):
    net, (x, target) = network(), data()
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1"):
        net.fit(x, target, **{name: wrong})
    if name == "batch":
        with pytest.raises(ValueError, match="batch must be"):
            net.predict(x, batch=wrong)


@pytest.mark.parametrize(
    ("x", "target", "error", "message"),
    [
        (np.zeros((7, 3)), np.zeros((7, 2)), ShapeError, "3 features, expected 4"),
        (np.zeros((7, 4)), np.zeros((6, 2)), ShapeError, r"\(6, 2\), expected \(7, 2\)"),
        (np.zeros((7, 4)), np.zeros((7, 3)), ShapeError, r"\(7, 3\), expected \(7, 2\)"),
        (np.zeros(4), np.zeros(2), ShapeError, r"samples as rows.*\(4,\)"),
        (np.zeros((7, 4)), np.zeros(7, int), ShapeError, "softmax_cross_entropy"),
    ],
)
def test_data_of_another_shape_are_refused_and_change_nothing(x, target, error, message):
    net = network()
    before = net.theta.copy()
    with pytest.raises(error, match=message):
        net.fit(x, target)
    assert np.array_equal(net.theta, before)


def test_a_label_out_of_range_is_named_before_anything_is_learned():
    net, (x, _) = network(), data()
    before = net.theta.copy()
    with pytest.raises(ValueError, match=r"label 2 at \(6,\): expected 0 to 1"):
        net.fit(x, [0, 1, 0, 1, 0, 1, 2], 1, 2, "softmax_cross_entropy")
    with pytest.raises(ValueError, match=r"label -1 at \(0,\)"):
        net.fit(x, [0, 1] * 3 + [0], 1, 2, "softmax_cross_entropy", validation=(x, [-1] + [0] * 6))
    assert np.array_equal(net.theta, before)


def test_a_loss_an_optimizer_or_a_generator_that_is_none_is_refused_before_anything_is_learned():
    net, (x, target) = network(), data()
    before = net.theta.copy()
    with pytest.raises(ValueError, match="unknown loss 'hinge'"):
        net.fit(x, target, loss="hinge")
    with pytest.raises(TypeError, match="rng must be"):
        net.fit(x, target, rng="seed")
    with pytest.raises(TypeError, match=r"[Oo]ptimizer.*'adam'"):
        net.fit(x, target, optimizer="adam")
    with pytest.raises(ValueError, match="another network"):
        optimizer = Adam()
        network(1).fit(x, target, 1, optimizer=optimizer)
        net.fit(x, target, optimizer=optimizer)
    assert np.array_equal(net.theta, before)


def test_a_rate_a_member_is_refused_by_a_single_network_before_anything_is_learned():
    net, (x, target) = network(), data()
    before = net.theta.copy()
    with pytest.raises(ValueError, match="one a member is for a stack"):
        net.fit(x, target, optimizer=GradientDescent([0.1, 0.2]))
    assert np.array_equal(net.theta, before)


# --- predict and accuracy -------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 3, 7, 1000])
def test_predict_in_batches_is_the_network_at_once(batch):
    net, (x, _) = network(), data(7)
    assert np.allclose(net.predict(x, batch), net(x), rtol=1e-13)
    assert np.allclose(net.predict(x.tolist(), batch), net(x), rtol=1e-13)
    together = stacks.together([network(0), network(1), network(2)])
    assert np.allclose(together.predict(x, batch), together(x), rtol=1e-13)
    own = np.random.default_rng(0).standard_normal((3, 7, 4))
    assert np.allclose(together.predict(own, batch), together(own), rtol=1e-13)


@pytest.mark.parametrize("count", [4, 5])
def test_predict_takes_samples_with_axes_of_their_own(count):
    net, x = network(), np.random.default_rng(0).standard_normal((count, 3, 4))
    assert np.allclose(net.predict(x, batch=2), net(x), rtol=1e-13)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_predict_names_an_input_that_is_not_finite(wrong):
    x, _ = data()
    x[2, 3] = wrong
    with pytest.raises(NotFiniteError, match=rf"{wrong} at \(2, 3\)"):
        network().predict(x)


def test_accuracy_is_hits_over_samples_for_labels_and_one_hot_rows():
    net = Network(Identity())
    y = [[3.0, 1, 2], [0, 5, 1], [1, 0, 2], [0, 1, 0], [9, 1, 1]]
    labels = [0, 1, 2, 2, 1]
    for target in (labels, np.array(labels, "uint8"), np.eye(3)[labels], np.eye(3)[labels] * 2 - 1):
        assert net.accuracy(y, target) == pytest.approx(3 / 5)
    assert isinstance(net.accuracy(y, labels), float)


@pytest.mark.parametrize(("low", "y"), [(-1, [0.2, -0.3, -0.1, 2.0]), (0, [0.6, 0.4, 0.3, 2.0])])
def test_accuracy_of_one_output_goes_by_the_nearer_of_the_two_codes(low, y):
    net, y = Network(Identity()), np.array(y)[:, None]
    for target in ([1, low, 1, 1], [1.0, low, 1.0, 1.0], [[1], [low], [1], [1]]):
        assert net.accuracy(y, target) == 3 / 4


@pytest.mark.parametrize("code", [-1, 0, 1])
def test_accuracy_of_one_output_takes_targets_that_are_all_of_one_code(code):
    """A small set may hold one class only; the outputs here are a hit under either coding."""
    y = np.array([[0.9], [0.8], [1.2]]) * (1 if code == 1 else -1)
    assert Network(Identity()).accuracy(y, [code] * 3) == 1.0
    assert Network(Identity()).accuracy(-y, [code] * 3) == 0.0


@pytest.mark.parametrize(
    ("width", "target", "error", "message"),
    [
        (1, [1, 2, 1], ValueError, r"two codes.*\[1, 2\]"),
        (1, [1.0, -1, 0], ValueError, "two codes"),
        (1, [0.3, 1, 1], ValueError, "two codes"),
        (1, [1, np.nan, 1], ValueError, "two codes|nan"),
        (1, [1, -1], ValueError, "two codes|shape"),
        (1, [], ValueError, "two codes|shape|no samples|empty"),
        (2, [0, 1], ShapeError, r"labels, integers of shape \(3,\).*came int64 of shape \(2,\)"),
        (2, [0.0, 1.0, 1.0], ShapeError, "integers.*float64"),
        (2, [0, 1, 2], ValueError, r"label 2 at \(2,\)"),
        (2, [0, -1, 1], ValueError, r"label -1 at \(1,\)"),
        (2, np.zeros((3, 3)), ShapeError, r"\(3, 2\); came float64 of shape \(3, 3\)"),
    ],
)
def test_accuracy_refuses_what_it_cannot_count(width, target, error, message):
    with pytest.raises(error, match=message):
        Network(Identity()).accuracy(np.zeros((3, width)), target)


def test_a_stack_has_one_accuracy_a_member():
    members = [network(seed) for seed in range(3)]
    x, _ = data(9)
    labels = np.arange(9) % 2
    together = stacks.together(members)
    expected = [net.accuracy(x, labels) for net in members]
    assert len(set(expected)) > 1
    assert together.accuracy(x, labels).tolist() == expected
    assert together.accuracy(x, np.tile(labels, (3, 1))).tolist() == expected
    assert together.accuracy(x, np.eye(2)[labels]).tolist() == expected


# --- float types and backends ---------------------------------------------------------------------


def test_float64_data_are_cast_for_a_float32_network_and_it_is_said_once():
    net, (x, target) = network().to(dtype="float32"), data()
    with pytest.warns(UserWarning, match="cast to float32") as said:
        net.fit(x, target, 2, 3, rng=0, optimizer=Adam(0.01), validation=(x, target))
        net.predict(x)
        net.learn([(x[0], target[0])])
    assert len(said) == 1
    assert net.theta.dtype == "float32" and net.predict(x).dtype == "float32"
    whole = network()
    whole.fit(x, target, 2, 3, rng=0, optimizer=Adam(0.01))
    whole.learn([(x[0], target[0])])
    assert np.allclose(net.theta, whole.theta, atol=1e-4)


def test_lists_are_no_reason_to_warn_a_float32_network():
    net, (x, target) = network().to(dtype="float32"), data()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.fit(x.tolist(), target.tolist(), 1, 3)


FITS = {
    "half squared error, plain descent": ("half squared error", lambda: None),
    "mean absolute error, momentum": ("mean absolute error", lambda: Momentum(0.02)),
    "softmax cross-entropy, Adam": ("softmax cross-entropy", lambda: Adam(0.01)),
    "logistic, Adam": ("logistic", lambda: Adam(0.01)),
}


@pytest.mark.parametrize("case", FITS)
def test_the_whole_of_fit_on_every_backend_is_that_on_numpy(case, place, spec):
    loss, make = FITS[case]
    x, target = data(7)
    if losses.named(loss).complaint is not losses.half_squared_error.complaint:
        target = np.eye(2)[np.arange(7) % 2]
    results = []
    for net, to in ((network(), backend.place("numpy")), (network().to(spec), place)):
        inputs, wanted = backend.move(x, to), backend.move(target, to)
        history = net.fit(inputs, wanted, 3, 3, loss, make(), rng=1, validation=(inputs, wanted))
        results.append((net, history, net.accuracy(inputs, [0, 1] * 3 + [0]), net.predict(inputs)))
    (here, seen, hits, y), (there, saw, count, z) = results
    assert there.place == place and backend.place_of(z) == place
    assert np.abs(backend.host(there.theta) - here.theta).max() < 1e-10
    assert np.abs(backend.host(z) - y).max() < 1e-10
    for name in ("loss", "step_loss", "validation_loss", "validation_accuracy"):
        assert np.allclose(getattr(saw, name), getattr(seen, name), rtol=1e-10)
        assert len(getattr(saw, name)) == len(getattr(seen, name))
    assert count == hits and all(isinstance(step, float) for step in saw.step_loss)


def test_fit_with_labels_and_lists_on_every_backend(spec):
    x, labels = data(7)[0], np.arange(7) % 2
    here, there = network(), network().to(spec)
    for net in (here, there):
        net.fit(x.tolist(), labels.tolist(), 2, 3, "softmax_cross_entropy", rng=1)
        net.learn(zip(x.tolist(), np.eye(2)[labels].tolist(), strict=True))
    assert np.abs(backend.host(there.theta) - here.theta).max() < 1e-10


def test_a_stack_is_fitted_on_every_backend_as_on_numpy(spec):
    x, target = (a.tolist() for a in data(7))
    here = stacks.together([network(seed) for seed in range(3)])
    there = here.to(spec)
    rates = [0.1, 0.05, 0.01]
    seen = here.fit(x, target, 2, 3, optimizer=Momentum(rates), rng=1, validation=(x, target))
    saw = there.fit(x, target, 2, 3, optimizer=Momentum(rates), rng=1, validation=(x, target))
    assert np.abs(backend.host(there.theta) - here.theta).max() < 1e-10
    assert np.allclose(saw.loss, seen.loss) and np.allclose(saw.step_loss, seen.step_loss)
    assert np.allclose(saw.validation_loss, seen.validation_loss)


def test_divergence_and_interruption_are_survived_on_every_backend(spec):
    net, x, target, curvature = steep()
    alpha = 40 / curvature
    expected, count = fall_by_hand(net, x, target, alpha, 0.0)
    there = net.to(spec)
    with pytest.raises(Diverged, match=rf"^step {count + 2}: "):
        there.fit(x.tolist(), target.tolist(), 5000, 6, optimizer=GradientDescent(alpha), rng=0)
    assert np.allclose(backend.host(there.theta), expected, rtol=1e-6)

    calls = itertools.count(1)

    def stop(_):
        if next(calls) == 8:
            raise KeyboardInterrupt

    hand, (x, target) = ByHand(network()), data(7)
    net = network()
    net.extend(Watching(None))
    there = net.to(spec)
    there.layers[-1].seen = stop
    hand.epochs(x, target, 7, 7, seed=1)
    with pytest.warns(UserWarning, match="after step 7"):
        there.fit(x.tolist(), target.tolist(), 30, 7, rng=1)
    assert np.allclose(backend.host(there.theta), hand.theta, rtol=1e-10)


def test_data_of_another_library_are_refused_with_both_names():
    net, (x, target) = network(), data()
    strict = backend.move(x, backend.place("array-api-strict"))
    with pytest.raises(BackendError, match=r"numpy.*array-api-strict"):
        net.fit(strict, target)
    with pytest.raises(BackendError, match=r"numpy.*array-api-strict"):
        net.predict(strict)


# --- found by trying to break it ------------------------------------------------------------------


def kept_at_divergence(net, optimizer, when, data):
    """theta before the step that diverges, and after the learner has put it back."""
    learner = Learner(net, "half squared error", optimizer, lambda i: data[i])
    with pytest.raises(Diverged), learning_mode(net):
        for i in range(len(data)):
            if i == when:
                optimizer.alpha = 1e200
                before = net.theta.copy()
            learner.step(i)
    return before, net.theta


@pytest.mark.parametrize("when", [1, 3, 31, 32, 33])
def test_the_state_kept_at_a_divergence_is_exact_although_dropout_drew(when, rng):
    net = Network(Affinity(3, 4, rng=1), Dropout(0.3, rng=5), Affinity(4, 2, rng=2))
    data = [(rng.standard_normal((2, 3)), rng.standard_normal((2, 2))) for _ in range(36)]
    before, kept = kept_at_divergence(net, Momentum(0.01), when, data)
    assert np.array_equal(before, kept)


def test_facts_that_fail_after_a_step_that_overflowed_leave_the_last_finite_state():
    net = Network(Affinity(1, 1, rng=1), alpha=1e300)
    start = net.theta.copy()
    with pytest.raises(ShapeError):
        net.learn([([1e5], [0.0]), ([1.0, 2.0], [0.0])])
    assert np.array_equal(net.theta, start)


def test_a_freeze_in_a_callback_is_not_undone_by_a_divergence(rng):
    net, optimizer = Network(Affinity(3, 2, rng=1)), GradientDescent(0.01)
    x, frozen = rng.standard_normal((6, 3)), []

    def freeze(net, history):
        if len(history.loss) == 2:
            net.freeze("1.M")
            frozen.append(net.layers[0].M.copy())
        if len(history.loss) == 3:
            optimizer.alpha = 1e200

    with pytest.raises(Diverged):
        net.fit(x, x[:, :2], 9, 3, optimizer=optimizer, rng=1, callbacks=freeze)
    assert np.array_equal(net.layers[0].M, frozen[0])


def test_a_callback_may_extend_the_network(rng):
    net, x = Network(Affinity(3, 2, rng=1)), rng.standard_normal((6, 3))

    def extend(net, history):
        if len(history.loss) == 1:
            net.extend(Affinity(2, 2, rng=2))

    history = net.fit(x, x[:, :2], 3, 3, optimizer=GradientDescent(0.01), rng=1, callbacks=extend)
    assert len(history.loss) == 3 and net.theta.shape == (3 * 2 + 2 + 2 * 2 + 2,)


def test_a_step_is_counted_from_the_start_of_the_run(rng):
    net, optimizer = Network(Affinity(3, 2, rng=1)), GradientDescent(0.01)
    x = rng.standard_normal((6, 3))
    net.fit(x, x[:, :2], 5, 3, optimizer=optimizer)
    optimizer.alpha = 1e200
    with pytest.raises(Diverged, match=r"^step 2:"):
        net.fit(x, x[:, :2], 5, 3, optimizer=optimizer)


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda net, x: net.fit(x, x, validation=x), r"validation is a pair.*ndarray"),
        (lambda net, x: net.fit(x, x, callbacks=[3]), r"functions of \(net, history\)"),
        (lambda net, x: net.learn((x[0], x[0])), "a fact is a pair"),
        (lambda net, x: net.learn([(x[0], x[0])], x), "the name of one, came a ndarray"),
        (lambda net, x: net.fit(object(), x), "an array or a list of numbers, came a object"),
        (lambda net, x: net.fit(x, x, optimizer="adam"), r"such as Adam\(\)"),
    ],
)
def test_a_call_of_the_wrong_kind_says_what_was_expected(call, match, rng):
    net = Network(Affinity(3, 3, rng=1))
    before = net.theta.copy()
    with pytest.raises(TypeError, match=match):
        call(net, rng.standard_normal((4, 3)))
    assert np.array_equal(net.theta, before)


def test_a_wrong_width_is_reported_with_the_shape_that_came(rng):
    with pytest.raises(ShapeError, match=r"has 5 features, expected 3.*x, \(20, 5\)"):
        Network(Affinity(3, 2)).fit(rng.standard_normal((20, 5)), np.zeros((20, 2)))
