"""The prepared step against the plain one: the same losses, gradients and parameters."""

import numpy as np
import pytest

from minigrad import Affinity, Identity, Map, Network, fast, losses, maps, optimizers
from minigrad.learner import Learner, Step
from minigrad.stacks import StackLearner

OPTIMIZERS = [optimizers.GradientDescent, optimizers.Momentum, optimizers.Adam]
OWN = "own function"


class OwnOptimizer(optimizers.Optimizer):
    """One that `fast` does not know: a step against the sign of the gradient."""

    def move(self, alpha, theta, grad):
        theta -= alpha * np.sign(grad)


def small_network(map_name="tanh", dtype="float64"):
    f = Map(np.sin, np.cos) if map_name == OWN else Map(map_name)
    inner = Network(Affinity(3, 5, rng=2, dtype=dtype), Map("tanh"), Identity())
    return Network(Affinity(4, 3, rng=1, dtype=dtype), f, inner, Affinity(5, 2, rng=3, dtype=dtype))


def both(make, loss, optimizer, x_shape, t_shape):
    """The plain step and the program, each with a network and an optimizer of its own."""
    steps = []
    for _ in range(2):
        net, mover = make(), optimizer()
        mover.attach(net)
        steps.append(Step(net, losses.named(loss), mover))
    return steps[0], fast.Program(steps[1], x_shape, t_shape), steps[0].net, steps[1].net


def facts(rng, x_shape, t_shape, dtype="float64"):
    """A batch; each target is a distribution, which every loss takes."""
    target = rng.uniform(0.1, 1.0, t_shape)
    target /= target.sum(-1, keepdims=True)
    return rng.standard_normal(x_shape).astype(dtype), target.astype(dtype)


def assert_same_steps(plain, program, plain_net, net, x_shape, t_shape, count=6, rtol=1e-10):
    rng = np.random.default_rng(0)
    for _ in range(count):
        x, target = facts(rng, x_shape, t_shape, net.theta.dtype)
        np.testing.assert_allclose(program.forward(x, target), plain.forward(x, target), rtol=rtol)
        program.update()
        plain.update()
        np.testing.assert_allclose(net.grad, plain_net.grad, rtol=rtol, atol=rtol)
        np.testing.assert_allclose(net.theta, plain_net.theta, rtol=rtol, atol=rtol)


# A batch of 5: with an odd count the signs of the absolute error never cancel to rounding noise.
@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, OwnOptimizer])
@pytest.mark.parametrize("loss", losses.NAMED)
@pytest.mark.parametrize("map_name", [*maps.NAMED, OWN])
def test_a_program_takes_the_plain_step(map_name, loss, optimizer):
    shapes = (5, 4), (5, 2)
    pair = both(lambda: small_network(map_name), loss, lambda: optimizer(0.01), *shapes)
    assert_same_steps(*pair, *shapes)


@pytest.mark.parametrize("alpha", [0.01, np.array([0.01, 0.02, 0.03])])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("loss", losses.NAMED)
@pytest.mark.parametrize("shared", [True, False])
def test_a_program_takes_the_plain_step_of_a_stack(loss, optimizer, alpha, shared):
    shapes = ((5, 4), (5, 2)) if shared else ((3, 5, 4), (3, 5, 2))
    make = lambda: small_network("relu").stack(3, rng=1)  # noqa: E731
    assert_same_steps(*both(make, loss, lambda: optimizer(alpha), *shapes), *shapes)


def test_a_program_takes_one_vector_as_a_batch_of_one():
    shapes = (4,), (2,)
    pair = both(small_network, "half squared error", optimizers.GradientDescent, *shapes)
    assert_same_steps(*pair, *shapes)


def test_a_program_is_float32_throughout():
    shapes = (5, 4), (5, 2)
    make = lambda: small_network(dtype="float32")  # noqa: E731
    pair = both(make, "softmax cross-entropy", optimizers.Adam, *shapes)
    assert_same_steps(*pair, *shapes, rtol=2e-5)
    assert pair[3].theta.dtype == "float32"


@pytest.mark.parametrize("frozen", [["1.M"], ["1.M", "1.b"], ["3.1.b", "4.M"], ["4.M", "4.b"]])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_program_leaves_frozen_parameters_alone(frozen, optimizer):
    shapes = (5, 4), (5, 2)

    def make():
        return small_network().freeze(*frozen)

    plain, program, plain_net, net = both(make, "half squared error", optimizer, *shapes)
    start = net.theta.copy()
    assert_same_steps(plain, program, plain_net, net, *shapes)
    trained = np.zeros(len(start), bool)
    for begin, end in net.trained():
        trained[begin:end] = True
    np.testing.assert_array_equal(net.theta[~trained], start[~trained])
    assert (net.theta[trained] != start[trained]).all()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_theta_longer_than_a_block_is_moved_whole(optimizer, monkeypatch):
    monkeypatch.setattr(fast, "BLOCK", 7)
    shapes = (5, 4), (5, 2)
    assert_same_steps(*both(small_network, "logistic", optimizer, *shapes), *shapes)


def test_a_learning_rate_may_change_between_steps():
    shapes = (5, 4), (5, 2)
    pair = both(small_network, "half squared error", optimizers.Adam, *shapes)
    assert_same_steps(*pair, *shapes, count=2)
    pair[0].optimizer.alpha = pair[1].optimizer.alpha = 0.03
    assert_same_steps(*pair, *shapes, count=2)


def test_a_map_may_stand_first_last_and_twice_in_a_row():
    def make():
        return Network(Map("tanh"), Affinity(4, 3, rng=1), Map("relu"), Map("tanh"),
                       Affinity(3, 2, rng=2), Map("sigmoid"))  # fmt: skip

    shapes = (5, 4), (5, 2)
    assert_same_steps(*both(make, "half squared error", optimizers.Momentum, *shapes), *shapes)


def steps_taken(net, x, target, count=fast.AFTER + 2):
    learner = Learner(
        net, "half squared error", optimizers.GradientDescent(0.01), lambda _: (x, target)
    )
    kinds = []
    for _ in range(count):
        kinds.append(type(learner.programs.step_for(x, target)))
    return learner, kinds


def test_a_program_is_made_once_a_shape_has_come_often():
    x, target = facts(np.random.default_rng(0), (5, 4), (5, 2))
    _, kinds = steps_taken(small_network(), x, target)
    assert kinds == [Step] * fast.AFTER + [fast.Program] * 2


class DoubledAffinity(Affinity):
    def forward(self, x):
        return 2 * super().forward(x)


def test_a_layer_that_is_not_known_takes_the_plain_step():
    x, target = facts(np.random.default_rng(0), (5, 4), (5, 3))
    net = Network(DoubledAffinity(4, 3, rng=1))
    assert not fast.applies(net)
    assert set(steps_taken(net, x, target)[1]) == {Step}


def test_a_change_of_layers_or_of_what_is_trained_makes_programs_void():
    x, target = facts(np.random.default_rng(0), (5, 4), (5, 2))
    net = small_network()
    learner, _ = steps_taken(net, x, target)
    assert isinstance(learner.programs.step_for(x, target), fast.Program)
    net.freeze("1.M")
    assert isinstance(learner.programs.step_for(x, target), Step)


def test_learning_with_programs_equals_learning_without(monkeypatch):
    def learned():
        rng, net = np.random.default_rng(1), small_network()
        x, target = facts(rng, (50, 4), (50, 2))
        net.fit(x, target, 5, 8, "softmax cross-entropy", optimizers.Adam(0.01), rng=2)
        return net.theta

    with_programs = learned()
    monkeypatch.setattr(fast, "applies", lambda net: False)
    np.testing.assert_allclose(with_programs, learned(), rtol=1e-10, atol=1e-12)


def test_a_stack_that_learns_by_programs_equals_its_members_alone():
    rng = np.random.default_rng(1)
    x, target = facts(rng, (20, 4), (20, 2))
    single, seeds = small_network(), [5, 6, 7]
    many = single.stack(3, rng=seeds)
    learner = StackLearner(many, "half squared error", optimizers.GradientDescent(0.05),
                           lambda i: (x[i], target[i]))  # fmt: skip
    alone = [small_network().randomize(seed) for seed in seeds]
    for i in range(20):
        rows = rng.integers(0, 20, 4)
        learner.step(rows)
        for net in alone:
            net.alpha = 0.05
            Learner(net, "half squared error", optimizers.GradientDescent(0.05),
                    lambda _, rows=rows: (x[rows], target[rows])).step(i)  # fmt: skip
    assert learner.programs.programs
    np.testing.assert_allclose(many.theta, [net.theta for net in alone], rtol=1e-10)


def test_dead_moments_are_set_to_zero_and_do_not_stay_denormal():
    net = small_network(dtype="float32")
    x, target = np.zeros((5, 4), "f4"), np.zeros((5, 2), "f4")
    optimizer = optimizers.Adam(1e-9)
    learner = Learner(net, "half squared error", optimizer, lambda _: (x, target))
    for i in range(fast.AFTER + 1):
        learner.step(i)
    optimizer.state["m"][:] = 1e-41
    optimizer.steps = fast.FLUSH - 1
    learner.step(0)
    assert (optimizer.state["m"][net.grad == 0] == 0).all()
    assert (net.grad == 0).any()


def test_small_products_run_on_one_thread_and_large_ones_do_not():
    assert fast.threads_for(Network(Affinity(784, 32)), 128) is fast.one_thread
    assert fast.threads_for(Network(Affinity(784, 512)), 128) is not fast.one_thread


def test_a_layer_changed_while_python_runs_takes_the_plain_step(monkeypatch):
    net, seen = small_network(), []
    assert fast.applies(net)
    net.layers[0].forward = lambda x: seen.append(x) or Affinity.forward(net.layers[0], x)
    assert not fast.applies(net)
    monkeypatch.setattr(Map, "backprop", lambda self, dy: dy)
    assert not fast.applies(small_network())


def test_whoever_asks_for_the_plain_step_gets_it(monkeypatch):
    monkeypatch.setenv("MINIGRAD_PLAIN", "1")
    assert not fast.applies(small_network())


def test_coefficients_maps_and_moments_may_be_exchanged_between_steps():
    def changes(net, optimizer):
        yield
        optimizer.beta1 = optimizer.beta2 = 0.5
        yield
        net.layers[1].map = maps.relu
        yield
        optimizer.state = {}
        yield

    rng, thetas = np.random.default_rng(0), []
    data = [facts(rng, (5, 4), (5, 2)) for _ in range(8)]
    for plain in (False, True):
        net, optimizer = small_network(), optimizers.Adam(0.01)
        learner = Learner(net, "half squared error", optimizer, lambda i: data[i])
        if plain:
            learner.programs.step_for = lambda x, t, learner=learner: learner.plain
        for _ in changes(net, optimizer):
            optimizer.attach(net)
            for i in range(8):
                learner.step(i)
        thetas.append(net.theta)
    np.testing.assert_allclose(*thetas, rtol=1e-10, atol=1e-12)


def test_a_rate_for_each_of_a_stack_must_be_one_for_each():
    many = small_network().stack(3, rng=1)
    optimizer = optimizers.GradientDescent(0.01)
    learner = StackLearner(many, "half squared error", optimizer,
                           lambda _: facts(np.random.default_rng(0), (5, 4), (5, 2)))  # fmt: skip
    for i in range(fast.AFTER + 2):
        learner.step(i)
    optimizer.alpha = np.array([0.01])
    with pytest.raises(ValueError, match=r"alpha has shape \(1,\)"):
        learner.step(0)


def test_programs_are_not_kept_without_bound():
    net = small_network()
    learner = Learner(net, "half squared error", optimizers.GradientDescent(0.01),
                      lambda n: facts(np.random.default_rng(n), (n, 4), (n, 2)))  # fmt: skip
    for n in range(1, 3 * fast.MOST):
        for _ in range(fast.AFTER + 1):
            learner.step(n)
    assert len(learner.programs.programs) == fast.MOST


def test_the_number_of_blas_threads_is_put_back_when_the_last_fit_is_done(monkeypatch):
    record = []

    class Limits:
        def __init__(self, limits, user_api):
            record.append(limits)

        def __exit__(self, *_):
            record.append("back")

    monkeypatch.setattr("threadpoolctl.threadpool_limits", Limits)
    net = Network(Affinity(784, 32))
    first, second = fast.threads_for(net, 128), fast.threads_for(net, 128)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert record == [1]
    second.__exit__(None, None, None)
    assert record == [1, "back"]
