"""Read-outs: votes counted by hand, a ridge by its closed form, a softmax by its optimum."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad import Adam, Affinity, Network, backend
from minigrad.errors import NotFiniteError, ShapeError
from minigrad.hebbian import (
    BayesVote,
    LocalLayer,
    MajorityVote,
    Ridge,
    readouts,
    softmax_readout,
)

VERBS = [MajorityVote, BayesVote, Ridge]
# winners 0 0 0 1 1 3: labels 2 2 1 0 1 1
CODES = np.array(
    [[3.0, 1, 0, 0], [2, 1, 0, 0], [9, 0, 0, 1], [0, 4, 0, 1], [1, 4, 0, 0], [0, 0, 0, 1]]
)
LABELS = np.array([2, 2, 1, 0, 1, 1])


def test_a_majority_is_counted(spec, place):
    vote = MajorityVote().fit(backend.move(CODES, place), LABELS)
    np.testing.assert_array_equal(vote.votes, [[0, 1, 0, 0], [1, 1, 0, 1], [2, 0, 0, 0]])
    assert vote.label.tolist() == [2, 0, 1, 1]  # unit 1 has a tie; unit 2 has won nothing
    assert vote.unlabelled.tolist() == [2] and vote.classes == 3
    assert str(vote) == "MajorityVote 4 -> 3, 1 of 4 units never won and have no label"
    x = [[5.0, 1, 1, 1], [0, 2, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0], [2, 2, 0, 0]]
    assert vote.predict(backend.move(x, place)).tolist() == [2, 0, 1, 1, 2]
    assert vote.accuracy(backend.move(CODES, place), LABELS) == pytest.approx(4 / 6)


def test_codes_of_equal_entries_elect_nobody():
    vote = MajorityVote().fit([[0.0, 0], [0, 0], [1, 0]], [1, 1, 0])
    assert vote.unlabelled.tolist() == [1] and vote.label.tolist() == [0, 1]
    assert vote.predict([[0.0, 0.0], [3, 3], [1, 0]]).tolist() == [1, 1, 0]


def test_votes_are_log_likelihood_ratios(spec, place):
    vote = BayesVote(prior=2).fit(backend.move(CODES, place), LABELS)
    share = np.array([4, 4, 0, 3]) / 6
    joint = np.array([[0, 1, 0, 1], [2, 1, 0, 2], [2, 2, 0, 0]])
    given = (joint + 2 * share) / (np.array([[1], [3], [2]]) + 2)
    used = [0, 1, 3]
    np.testing.assert_allclose(vote.votes[:, used], np.log(given[:, used] / share[used]))
    assert not vote.votes[:, 2].any() and vote.silent.tolist() == [2]
    x = np.array([[0.0, 0.1, 0.0, 7.0], [5, 0, 0, 0], [0, 0, 3, 0]])
    score = np.log(np.array([1, 3, 2]) / 6) + (x > 0) @ vote.votes.T
    assert vote.predict(backend.move(x, place)).tolist() == score.argmax(axis=1).tolist()


def test_a_vote_of_units_that_are_independent_is_bayes_rule():
    """With every pattern as often as its probability says, the vote differs from the log posterior
    of the active units by what all classes share."""
    active = np.array([[0.5, 0.25], [0.25, 0.75]])  # P(j | c)
    codes, labels = [], []
    for c in range(2):
        for a in (0, 1):
            for b in (0, 1):
                p = np.prod(np.where([a, b], active[c], 1 - active[c]))
                codes += [[a, b]] * round(16 * p)
                labels += [c] * round(16 * p)
    vote = BayesVote(prior=1e-9).fit(np.array(codes, float), np.array(labels))
    np.testing.assert_allclose(vote.votes, np.log(active / active.mean(axis=0)), atol=1e-8)


def test_a_class_without_samples_is_never_named():
    vote = BayesVote(classes=4).fit(CODES, LABELS)
    assert vote.predict(CODES).max() <= 2 and vote.classes == 4
    assert np.isneginf(vote.log_prior[3])


@given(seed=st.integers(0, 99), scale=st.sampled_from([1e-3, 1.0, 50.0]))
def test_votes_do_not_care_how_large_codes_are(seed, scale):
    rng = np.random.default_rng(seed)
    codes, labels = np.maximum(rng.standard_normal((30, 5)), 0), rng.integers(0, 3, 30)
    for kind in VERBS:
        one = kind() if kind is not Ridge else Ridge(0.1)
        two = pickle.loads(pickle.dumps(one))
        a = one.fit(codes, labels).predict(codes)
        np.testing.assert_array_equal(two.fit(scale * codes, labels).predict(scale * codes), a)


# --- ridge ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype, tight", [("float64", 1e-9), ("float32", 1e-4)])
def test_a_ridge_is_its_closed_form(dtype, tight, spec, place, rng, monkeypatch):
    monkeypatch.setattr(readouts, "BATCH", 7)
    codes, labels = 3 + rng.standard_normal((40, 4)) * [1, 2, 0.5, 1], rng.integers(0, 3, 40)
    ridge = Ridge(0.3).fit(backend.move(codes, place, dtype), labels)
    X, T = codes - codes.mean(axis=0), np.where(np.eye(3)[labels] > 0, 1.0, -1.0)
    penalty = 0.3 * X.var(axis=0).mean() * 40
    M = np.linalg.solve(X.T @ X + penalty * np.eye(4), X.T @ (T - T.mean(axis=0))).T
    np.testing.assert_allclose(backend.host(ridge.M), M, rtol=tight, atol=tight)
    b = T.mean(axis=0) - M @ codes.mean(axis=0)
    np.testing.assert_allclose(backend.host(ridge.b), b, rtol=10 * tight, atol=10 * tight)
    found = ridge.predict(backend.move(codes, place, dtype))
    assert found.tolist() == (codes @ M.T + b).argmax(axis=1).tolist() and found.dtype == np.int64


def test_no_penalty_is_least_squares(rng):
    codes, labels = rng.standard_normal((30, 4)), rng.integers(0, 2, 30)
    T = np.where(np.eye(2)[labels] > 0, 1.0, -1.0)
    with_1 = np.linalg.lstsq(np.hstack([codes, np.ones((30, 1))]), T, rcond=None)[0]
    ridge = Ridge(0.0).fit(codes, labels)
    np.testing.assert_allclose(np.hstack([ridge.M, ridge.b[:, None]]), with_1.T, atol=1e-12)


def test_the_strength_is_chosen_on_samples_held_out(spec, place, rng):
    """What the one eigen-decomposition says of each strength is what a fit with it says."""
    codes = rng.standard_normal((60, 20))
    labels = (codes[:, 0] + 0.8 * rng.standard_normal(60) > 0).astype(int)
    ridge = Ridge(held_out=0.25, rng=3).fit(backend.move(codes, place), labels)
    order = np.random.default_rng(3).permutation(60)
    aside, rest = order[:15], order[15:]
    for strength in Ridge.STRENGTHS:
        one = Ridge(strength).fit(codes[rest], labels[rest])
        assert ridge.tried[strength] == one.accuracy(codes[aside], labels[aside])
    best = max(ridge.tried.values())
    assert ridge.strength == max(s for s, hits in ridge.tried.items() if hits == best)
    again = Ridge(ridge.strength).fit(codes, labels)
    np.testing.assert_allclose(backend.host(ridge.M), again.M, atol=1e-12)  # of all samples


def test_of_equals_the_largest_strength_is_chosen():
    codes, labels = np.repeat([[1.0, 0.0], [0.0, 1.0]], 15, axis=0), np.repeat([0, 1], 15)
    ridge = Ridge(rng=1).fit(codes, labels)
    assert set(ridge.tried.values()) == {1.0} and ridge.strength == 10
    assert list(ridge.tried) == pytest.approx([10 ** (e / 2) for e in range(-12, 3)])


def test_a_fit_that_fails_leaves_what_was_learned(rng):
    codes, labels = rng.standard_normal((9, 2)), np.arange(9) % 4
    ridge = Ridge(0.0).fit(codes, labels)
    before = ridge.predict(codes)
    with pytest.raises(ValueError, match="too small"):
        ridge.fit(np.ones((4, 3)), [0, 1, 0, 1])
    assert ridge.classes == 4 and ridge.m == 2
    np.testing.assert_array_equal(ridge.predict(codes), before)


def test_units_that_never_vary_are_no_hindrance():
    codes = np.hstack([CODES, np.full((6, 2), 5.0)])
    few, more = Ridge(0.3).fit(CODES, LABELS), Ridge(0.3 * 6 / 4).fit(codes, LABELS)
    np.testing.assert_allclose(more.M, np.hstack([few.M, np.zeros((3, 2))]), atol=1e-12)
    np.testing.assert_allclose(more.b, few.b, atol=1e-12)
    constant = Ridge(0.5).fit(np.ones((6, 2)), LABELS)
    assert constant.predict(np.ones((2, 2))).tolist() == [1, 1]  # the most frequent


# --- softmax --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-4, 1.0, 300.0])
def test_a_softmax_learns_whatever_the_scale_and_takes_codes_as_they_come(scale, rng):
    centres = np.array([[2.0, 0, 0], [0, 2, 0], [0, 0, 2]])
    labels = np.arange(90) % 3
    codes = scale * (5 + centres[labels] + 0.3 * rng.standard_normal((90, 3)))
    net = softmax_readout(codes, labels, epochs=30, batch=10, rng=1)
    assert net.accuracy(codes, labels) > 0.95 and isinstance(net.layers[0], Affinity)
    assert net.predict(codes).shape == (90, 3)


def test_a_softmax_comes_to_the_frequencies_where_codes_say_nothing_more():
    """One unit of two states, labels 1 in 4 and 3 in 4: the optimum is their log odds."""
    codes = np.repeat([[0.0], [2.0]], 40, axis=0)
    labels = np.concatenate([np.arange(40) % 4 == 0, np.arange(40) % 4 != 0]).astype(int)
    net = softmax_readout(codes, labels, epochs=300, batch=80, optimizer=Adam(0.05), rng=1)
    y = net([[0.0], [2.0]])
    np.testing.assert_allclose(y[:, 1] - y[:, 0], [-np.log(3), np.log(3)], atol=1e-3)


def test_it_stays_where_the_codes_are_and_of_their_type(spec, place, rng):
    codes = backend.move(rng.standard_normal((12, 3)), place, "float32")
    net = softmax_readout(codes, rng.integers(0, 2, 12), classes=4, epochs=1, rng=1)
    assert net.place == place and backend.dtype_name(net.theta) == "float32"
    assert net.predict(codes).shape == (12, 4)


def test_above_a_local_layer_only_the_affinity_is_trained(rng):
    class Winner(LocalLayer):
        def forward(self, x):
            return self.xp.astype(x @ self.W.mT > 0, x.dtype)

        def update(self, x):
            self.W += 0.1 * x
            return self.forward(x)

    x, labels = rng.standard_normal((60, 3)), rng.integers(0, 2, 60)
    local = Winner(3, 4, rng=1)
    local.learn(x[:5])
    net = Network(local, Affinity(4, 2, rng=2))
    W, M = local.W.copy(), net.layers[1].M.copy()
    history = net.fit(x, labels, 5, 10, "softmax cross-entropy", Adam(0.05), rng=3)
    np.testing.assert_array_equal(local.W, W)
    assert (net.layers[1].M != M).any() and history.loss[-1] < history.loss[0]
    local.learn(x[5:7])  # and it may learn on by its own rule
    assert (net.layers[0].W != W).all()


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", VERBS)
@pytest.mark.parametrize(
    "codes, labels, error, message",
    [
        (np.ones((0, 4)), [], ValueError, r"no samples, they have shape \(0, 4\)"),
        (np.ones(4), [1], ShapeError, r"expected \(N, m\), .* came \(4,\)"),
        (CODES, LABELS[:5], ShapeError, r"one for each code, \(6,\), came \(5,\)"),
        (CODES, LABELS - 1, ValueError, r"label -1 at \(3,\): expected 0 to"),
        (CODES, LABELS + 2, ValueError, r"label 4 at \(0,\): expected 0 to 2"),
        (CODES, LABELS / 2, TypeError, "expected integers, came float64"),
        (np.where(CODES == 9, np.nan, CODES), LABELS, NotFiniteError, r"codes has nan at \(2, 0\)"),
    ],
)
def test_what_cannot_be_learned_is_refused(kind, codes, labels, error, message):
    read = kind(classes=3)
    with pytest.raises(error, match=message):
        read.fit(codes, labels)
    assert read.m is None


@pytest.mark.parametrize("read", [MajorityVote(), BayesVote(), Ridge(0.1)], ids=str)
def test_what_cannot_be_read_is_refused(read):
    with pytest.raises(RuntimeError, match=r"has learned nothing yet: fit\(codes, labels\) first"):
        read.predict(CODES)
    read.fit(CODES, LABELS)
    with pytest.raises(ShapeError, match=r"4 -> 3.*: the codes have 3 units, expected 4"):
        read.predict(CODES[:, :3])
    with pytest.raises(ValueError, match=r"label 3 at \(0,\): expected 0 to 2"):
        read.accuracy(CODES, LABELS + 1)
    assert read.fit(CODES[:, :2], LABELS % 2).classes == 2  # anew


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: BayesVote(prior=0), "prior must be a positive number"),
        (lambda: Ridge(-1.0), "strength must be a number of at least 0, or None, not -1.0"),
        (lambda: Ridge(held_out=1), "held_out is a share between 0 and 1, not 1"),
        (lambda: Ridge().fit(CODES[:2], [0, 1]), "2 samples are too few to hold 0.167 of them out"),
        (
            lambda: Ridge(0.0).fit(CODES * [1, 1, 0, 1], LABELS),
            "some units tell nothing that others do not",
        ),
        (lambda: MajorityVote(0), "a width is a positive integer"),
        (lambda: softmax_readout(CODES, LABELS, classes=2), r"label 2 at \(0,\): expected 0 to 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
