"""Stacks: K networks of one shape as one; each member is as it would be alone."""

import copy
import re

import cases
import numpy as np
import pytest

from minigrad import (
    Adam,
    Affinity,
    GradientDescent,
    Identity,
    Map,
    Momentum,
    Network,
    backend,
    stacks,
)
from minigrad.errors import BackendError, Diverged, NotFiniteError, ShapeError
from minigrad.stacks import member, stack, together


def two_layers(**kwargs):
    return Network(Affinity(4, 3), Map("tanh"), Affinity(3, 2), **kwargs)


def assert_same(stacked, k, net, rtol=1e-12):
    np.testing.assert_allclose(stacked.theta[k], net.theta, rtol=rtol, atol=1e-13)


# --- making ---------------------------------------------------------------------------------------


def test_a_stack_has_the_members_axis_in_front():
    net = two_layers()
    stacked = stack(net, 5, rng=1)
    assert stacked.theta.shape == stacked.grad.shape == (5, 23)
    first = stacked.layers[0]
    assert first.M.shape == first.dM.shape == (5, 3, 4)
    assert first.b.shape == first.db.shape == (5, 1, 3)
    assert np.shares_memory(first.M, stacked.theta)
    assert not stacked.grad.any()
    assert net.theta.shape == (23,)  # a copy was stacked
    assert net.stack(5, rng=1).theta.tolist() == stacked.theta.tolist()


def test_a_layer_alone_may_be_stacked_and_a_stack_of_one_is_a_stack():
    stacked = stack(Affinity(3, 2), 1, rng=1)
    assert stacked.M.shape == (1, 2, 3)
    assert stacked(np.ones((4, 3))).shape == (1, 4, 2)
    assert stack(Identity(), 2)(np.ones((2, 4, 3))).shape == (2, 4, 3)


def test_member_k_starts_as_a_network_of_its_own_generator():
    seeds = [3, 1, 4]
    stacked = stack(two_layers(), 3, rng=seeds)
    for k, seed in enumerate(seeds):
        assert np.array_equal(stacked.theta[k], two_layers().randomize(seed).theta)
    generators = [np.random.default_rng(seed) for seed in seeds]
    assert np.array_equal(stack(two_layers(), 3, rng=generators).theta, stacked.theta)


def test_one_seed_is_spawned_into_one_for_each_member():
    stacked = stack(two_layers(), 3, rng=7)
    assert np.array_equal(stack(two_layers(), 3, rng=7).theta, stacked.theta)
    for k, rng in enumerate(np.random.default_rng(7).spawn(3)):
        assert np.array_equal(stacked.theta[k], two_layers().randomize(rng).theta)
    assert len(np.unique(stacked.theta[:, 0])) == 3
    assert np.array_equal(stack(two_layers(), 5, rng=7).theta[:3], stacked.theta)


def test_a_stack_is_drawn_alike_on_every_backend(spec):
    here, there = stack(two_layers(), 3, rng=7), stack(two_layers().to(spec), 3, rng=7)
    assert there.place == backend.place(spec)
    assert np.array_equal(backend.host(there.theta), here.theta)


def test_members_are_put_together_and_taken_apart():
    nets = [two_layers().randomize(seed) for seed in range(3)]
    stacked = together(nets)
    for k, net in enumerate(nets):
        alone = member(stacked, k)
        assert np.array_equal(alone.theta, net.theta)
        assert alone.layers[0].b.shape == (3,)
        alone.theta += 1  # a copy
        assert np.array_equal(stacked.theta[k], net.theta)
    assert np.array_equal(together([member(stacked, k) for k in range(3)]).theta, stacked.theta)


def test_what_is_frozen_stays_frozen():
    net = two_layers().freeze("1.M")
    assert stack(net, 3).trained() == member(stack(net, 3), 1).trained() == net.trained()


@pytest.mark.parametrize("count", [0, -1, 2.0, "3", True, None])
def test_a_count_that_is_no_positive_integer_is_refused(count):
    with pytest.raises(ValueError, match="a positive number of members"):
        stack(two_layers(), count)


def test_another_number_of_generators_is_refused():
    with pytest.raises(ValueError, match="a stack of 3 takes 3 generators or seeds, came 2"):
        stack(two_layers(), 3, rng=[1, 2])


def test_a_stack_is_not_stacked_again():
    stacked = stack(two_layers(), 3)
    for attempt in (lambda: stack(stacked, 2), lambda: together([stacked, stacked])):
        with pytest.raises(ShapeError, match="is a stack already, of 3"):
            attempt()


def test_networks_of_other_shapes_are_not_put_together():
    with pytest.raises(ShapeError, match="with the first"):
        together([Network(Affinity(4, 3)), Network(Affinity(3, 4))])


def test_networks_of_other_maps_are_not_put_together():
    # Of the same shapes; member 1 would silently become a network of tanh.
    nets = [Network(Affinity(4, 3), Map(name)) for name in ("tanh", "relu")]
    with pytest.raises((ShapeError, ValueError), match="relu"):
        together(nets)


def test_networks_of_other_backends_or_dtypes_are_not_put_together():
    for other in (two_layers().to("array-api-strict"), two_layers().to(dtype="float32")):
        with pytest.raises(BackendError):
            together([two_layers(), other])


def test_nothing_put_together_is_refused():
    with pytest.raises(ValueError, match=r"no layers|no networks|at least one|empty"):
        together([])


@pytest.mark.parametrize("k", [3, -1])
def test_a_member_that_is_not_there_is_refused(k):
    with pytest.raises(ValueError, match=f"no member {k}"):
        member(stack(two_layers(), 3), k)
    with pytest.raises(ValueError, match="expected a stack"):
        member(two_layers(), 0)


# --- data -----------------------------------------------------------------------------------------


def test_data_is_for_each_member_or_shared(rng):
    stacked, x = stack(two_layers(), 3, rng=1), rng.standard_normal((3, 5, 4))
    y = stacked(x)
    assert y.shape == (3, 5, 2)
    for k in range(3):
        np.testing.assert_allclose(y[k], member(stacked, k)(x[k]), rtol=1e-12)
    shared = stacked(x[0])
    assert np.array_equal(shared, stacked(np.stack([x[0]] * 3)))
    dx = stacked.backprop(rng.standard_normal(shared.shape))
    assert dx.shape == (3, 5, 4)


@pytest.mark.parametrize("shape", [(4,), (2, 5, 4), (1, 5, 4), (2, 3, 5, 4)], ids=str)
def test_data_of_another_shape_is_refused_and_told_what_would_do(shape):
    with pytest.raises(ShapeError, match=r"a stack of 3 takes x of shape \(3, batch, n\), or one"):
        stack(two_layers(), 3)(np.ones(shape))


def test_a_shared_batch_that_is_as_long_as_the_stack_is_shared(rng):
    stacked, x = stack(two_layers(), 3, rng=1), rng.standard_normal((3, 4))
    assert stacked(x).shape == (3, 3, 2)


# --- learning -------------------------------------------------------------------------------------


def learned_alone(stacked, k, alpha, x, target, **kwargs):
    net = member(stacked, k)
    net.fit(x, target, optimizer=GradientDescent(alpha), **kwargs)
    return net


def test_every_member_learns_as_it_would_alone(rng):
    stacked, x = stack(two_layers(), 3, rng=1), rng.standard_normal((20, 4))
    target = rng.standard_normal((20, 2))
    start = copy.deepcopy(stacked)
    history = stacked.fit(x, target, epochs=3, batch=6, optimizer=GradientDescent(0.1), rng=5)
    assert np.shape(history.loss) == (3, 3)
    for k in range(3):
        net = learned_alone(start, k, 0.1, x, target, epochs=3, batch=6, rng=5)
        assert_same(stacked, k, net)


def test_every_member_learns_from_data_of_its_own(rng):
    stacked, x = stack(two_layers(), 3, rng=1), rng.standard_normal((3, 20, 4))
    target = rng.standard_normal((3, 20, 2))
    start = copy.deepcopy(stacked)
    stacked.fit(x, target, epochs=2, batch=6, optimizer=GradientDescent(0.1), rng=5)
    for k in range(3):
        net = learned_alone(start, k, 0.1, x[k], target[k], epochs=2, batch=6, rng=5)
        assert_same(stacked, k, net)


def test_a_learning_rate_a_member(rng):
    rates = [0.01, 0.1, 0.3]
    stacked, x = stack(two_layers(), 3, rng=1), rng.standard_normal((20, 4))
    target = rng.standard_normal((20, 2))
    start = copy.deepcopy(stacked)
    stacked.fit(x, target, epochs=2, batch=6, optimizer=GradientDescent(rates), rng=5)
    for k, rate in enumerate(rates):
        assert_same(stacked, k, learned_alone(start, k, rate, x, target, epochs=2, batch=6, rng=5))
    online = copy.deepcopy(start)
    online.alpha = rates
    facts = list(zip(x[:5], target[:5], strict=True))
    losses = online.learn([(fact[None], expected[None]) for fact, expected in facts])
    for k, rate in enumerate(rates):
        alone = member(start, k)
        alone.alpha = rate
        assert losses[k] == pytest.approx(alone.learn(facts), rel=1e-12)
        assert_same(online, k, alone)


def test_another_number_of_learning_rates_is_refused(rng):
    stacked = stack(two_layers(), 3, rng=1)
    theta = stacked.theta.copy()
    with pytest.raises(ValueError, match="one a member"):
        stacked.fit(np.ones((5, 4)), np.ones((5, 2)), optimizer=GradientDescent([0.1, 0.2]))
    assert np.array_equal(stacked.theta, theta)


@pytest.mark.parametrize("make", [GradientDescent, Momentum])
def test_a_member_that_diverges_is_frozen_and_the_others_go_on(make, rng):
    rates = [0.01, 1e3, 0.02]
    net = Network(Affinity(4, 3), Map("half square"), Affinity(3, 2))
    stacked, x = stack(net, 3, rng=1), rng.standard_normal((20, 4))
    target = rng.standard_normal((20, 2))
    start = copy.deepcopy(stacked)
    with pytest.warns(UserWarning, match=r"1 of 3 members diverged \(1\) and are frozen") as said:
        history = stacked.fit(x, target, epochs=3, batch=6, optimizer=make(rates), rng=5)
    assert len(said) == 1
    assert np.isfinite(stacked.theta).all()
    steps = np.array(history.step_loss)
    assert np.isfinite(steps[:, [0, 2]]).all()
    frozen_at = int(np.argmax(np.isnan(steps[:, 1])))
    assert 0 < frozen_at < len(steps) - 1
    assert np.isnan(steps[frozen_at:, 1]).all()  # it does not come back
    assert np.isfinite(steps[:frozen_at, 1]).all()
    for k in (0, 2):
        alone = member(start, k)
        alone.fit(x, target, epochs=3, batch=6, optimizer=make(rates[k]), rng=5)
        assert_same(stacked, k, alone)
    # Its state is the one that it would keep alone: the last whose loss was finite.
    alone = member(start, 1)
    with pytest.raises(Diverged):
        alone.fit(x, target, epochs=3, batch=6, optimizer=make(rates[1]), rng=5)
    assert_same(stacked, 1, alone, rtol=1e-9)


def test_members_that_diverge_one_after_another_are_each_reported(rng):
    net = Network(Affinity(4, 3), Map("half square"), Affinity(3, 2))
    stacked, x = stack(net, 4, rng=1), rng.standard_normal((20, 4))
    target = rng.standard_normal((20, 2))
    with pytest.warns(UserWarning, match="diverged") as said:
        stacked.fit(x, target, 4, 5, optimizer=GradientDescent([0.01, 1, 1e8, 0.02]), rng=5)
    told = [
        re.search(r"step (\d+): 1 of 4 members diverged \((\d)\)", str(w.message)) for w in said
    ]
    assert [t[2] for t in told] == ["2", "1"]
    assert int(told[0][1]) < int(told[1][1])
    assert np.isfinite(stacked.theta).all()


def test_a_stack_that_starts_not_finite_is_refused_and_unchanged(rng):
    stacked = stack(two_layers(), 3, rng=1)
    stacked.theta[1, 0] = np.nan
    before = stacked.theta.copy()
    with pytest.raises(NotFiniteError, match="member 1 is nan before any step"):
        stacked.fit(np.ones((5, 4)), np.ones((5, 2)))
    assert np.array_equal(stacked.theta, before, equal_nan=True)


def test_a_stack_learns_alike_on_every_backend(spec, place, rng):
    x, target = rng.standard_normal((20, 4)), rng.standard_normal((20, 2))
    here = stack(cases.two_layers(), 3, rng=1)
    there = here.to(spec)
    optimizer = [GradientDescent([0.01, 0.1, 0.3]) for _ in range(2)]
    here.fit(x, target, epochs=2, batch=6, optimizer=optimizer[0], rng=5)
    there.fit(
        backend.move(x, place),
        backend.move(target, place),
        epochs=2,
        batch=6,
        optimizer=optimizer[1],
        rng=5,
    )
    np.testing.assert_allclose(backend.host(there.theta), here.theta, rtol=1e-10, atol=1e-12)


def test_scores_are_one_a_member(rng):
    stacked, x = stack(two_layers(), 3, rng=1), rng.standard_normal((20, 4))
    labels = rng.integers(0, 2, 20)
    y, hits = stacked.predict(x), stacked.accuracy(x, labels)
    assert y.shape == (3, 20, 2)
    for k in range(3):
        alone = stacks.member(stacked, k)
        np.testing.assert_allclose(y[k], alone.predict(x), rtol=1e-12)
        assert hits[k] == alone.accuracy(x, labels)


# --- found by trying to break it ------------------------------------------------------------------


def test_labels_of_a_stack_are_not_taken_for_one_hot_rows(rng):
    many, x = stack(Network(Affinity(4, 3)), 3, rng=1), rng.standard_normal((3, 4))
    labels = many.predict(x).argmax(axis=-1)
    with pytest.raises(ShapeError, match=r"labels, one row a member, or one-hot rows"):
        many.accuracy(x, labels)  # (3, 3) integers: both readings fit
    x = rng.standard_normal((5, 4))
    assert (many.accuracy(x, many.predict(x).argmax(axis=-1)) == 1).all()
    assert many.accuracy(x, many.predict(x).argmax(axis=-1)[0])[0] == 1


def test_integer_one_hot_rows_may_be_shared_by_a_stack(rng):
    x, labels = rng.standard_normal((5, 4)), np.array([0, 1, 2, 0, 1])
    thetas = []
    for target in (labels, np.eye(3, dtype=int)[labels], np.eye(3)[labels]):
        many = stack(Network(Affinity(4, 3)), 2, rng=1)
        many.fit(x, target, 2, 2, "softmax cross-entropy", rng=1)
        thetas.append(many.theta)
    assert np.array_equal(thetas[0], thetas[1]) and np.array_equal(thetas[0], thetas[2])


def test_a_member_that_froze_does_not_keep_its_ruined_moments(rng):
    many, x = stack(Network(Affinity(2, 1)), 2, rng=0), rng.standard_normal((16, 2))
    optimizer = Adam(np.array([0.01, 1e300]))
    with pytest.warns(UserWarning, match="frozen"):
        many.fit(x, x[:, :1], 4, 4, optimizer=optimizer, rng=0)
    assert np.isfinite(optimizer.state["v"]).all()


def test_a_copy_of_a_stack_without_parameters_is_a_stack_of_as_many():
    assert copy.deepcopy(stack(Network(), 3)).theta.shape == (3, 0)


def test_a_member_learns_at_its_own_rate():
    many = stack(Network(Affinity(2, 1)), 3, rng=0)
    many.alpha = np.array([0.1, 0.2, 0.3])
    assert member(many, 1).alpha == 0.2
