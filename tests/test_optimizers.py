"""Optimizers: closed forms of the first steps, least squares, stacks, what is refused, backends."""

import pickle
import re

import numpy as np
import pytest

from minigrad import Affinity, GradientDescent, Map, Momentum, Network, backend, stacks
from minigrad.errors import BackendError
from minigrad.optimizers import Adam, Optimizer

KINDS = {
    "gradient descent": lambda alpha=0.1: GradientDescent(alpha),
    "momentum": lambda alpha=0.1: Momentum(alpha, beta=0.8),
    "Adam": lambda alpha=0.1: Adam(alpha, beta1=0.7, beta2=0.95, eps=1e-4),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def network(seed=0):
    net = Network(Affinity(4, 3), Map("tanh"), Affinity(3, 2))
    net.theta = np.random.default_rng(seed).standard_normal(net.theta.shape)
    return net


def gradients(count, shape, seed=1):
    return np.random.default_rng(seed).standard_normal((count, *shape))


def walk(optimizer, net, grads):
    """Each theta on the way, on the host."""
    path = []
    for grad in grads:
        net.grad = grad if net.place.name == "numpy" else backend.move(grad, net.place)
        optimizer.step(net)
        path.append(backend.host(backend.copy(net.theta)))
    return np.array(path)


def by_hand(kind, alpha, theta, grads):
    """The same in closed form: no state is carried from step to step."""
    path, moves = [], 0.0
    for t in range(1, len(grads) + 1):
        ago = np.arange(t - 1, -1, -1).reshape(-1, *[1] * theta.ndim)
        if kind == "gradient descent":
            move = grads[t - 1]
        elif kind == "momentum":
            move = (0.8**ago * grads[:t]).sum(axis=0)
        else:
            m = (0.7**ago * grads[:t]).sum(axis=0) / (0.7**ago).sum()
            v = (0.95**ago * grads[:t] ** 2).sum(axis=0) / (0.95**ago).sum()
            move = m / (np.sqrt(v) + 1e-4)
        moves = moves + alpha * move
        path.append(theta - moves)
    return np.array(path)


def linear_data(seed=3):
    """An ill-placed fit: inputs of different sizes, off centre, and a target with noise."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((20, 3)) * [1.0, 0.5, 2.0] + [0.3, 0.0, -0.5]
    return x, x @ rng.standard_normal((3, 2)) + [0.5, -1.0] + 0.1 * rng.standard_normal((20, 2))


def descend(alpha, steps, x, target):
    """Full-batch gradient descent of one affine layer from 0: (n + 1, m), the bias last."""
    layer, optimizer = Affinity(3, 2, init="zeros"), GradientDescent(alpha)
    for _ in range(steps):
        layer.zero_grad()
        layer.backprop((layer(x) - target) / len(x))
        optimizer.step(layer)
    return np.concatenate([layer.M.T, layer.b[None]])


# --- steps ----------------------------------------------------------------------------------------


@every_kind
def test_one_two_and_three_steps_are_those_of_the_formula(kind):
    net = network()
    grads = gradients(3, net.theta.shape)
    expected = by_hand(kind, 0.1, net.theta.copy(), grads)
    assert np.allclose(walk(KINDS[kind](), net, grads), expected, rtol=1e-13, atol=1e-14)


def test_gradient_descent_on_paper():
    layer = Affinity(2, 1)
    layer.M, layer.b = [[1.0, -2.0]], [0.5]
    layer.dM, layer.db = [[10.0, 4.0]], [-1.0]
    GradientDescent(0.25).step(layer)
    assert layer.M.tolist() == [[-1.5, -3.0]] and layer.b.tolist() == [0.75]


def test_momentum_on_paper():
    """A constant gradient of 1: v = 1, 1.5, 1.75, so that theta falls by 1, 2.5, 4.25."""
    layer = Affinity(1, 1)
    layer.theta, layer.grad = [0.0, 0.0], [1.0, -1.0]
    optimizer = Momentum(1.0, beta=0.5)
    path = []
    for _ in range(3):
        optimizer.step(layer)
        path.append(layer.theta.tolist())
    assert path == [[-1, 1], [-2.5, 2.5], [-4.25, 4.25]]


def test_adams_first_step_is_alpha_times_the_sign_of_the_gradient():
    net = network()
    before, grad = net.theta.copy(), gradients(1, net.theta.shape)[0]
    walk(Adam(0.05), net, [grad])
    assert np.allclose(net.theta - before, -0.05 * np.sign(grad), rtol=1e-5)


def test_adam_takes_steps_of_the_same_size_for_a_gradient_of_any_scale():
    grads = gradients(3, network().theta.shape)
    paths = [walk(Adam(0.05, eps=0.0), network(), scale * grads) for scale in (1.0, 1e-6, 1e6)]
    assert np.allclose(paths[1], paths[0], rtol=1e-12) and np.allclose(paths[2], paths[0])


def test_adam_stands_still_where_there_is_no_gradient():
    net = network()
    before = net.theta.copy()
    walk(Adam(0.1), net, np.zeros((2, *before.shape)))
    assert np.array_equal(net.theta, before)


@every_kind
def test_a_step_changes_neither_the_gradient_nor_where_the_parameters_lie(kind):
    net = network()
    matrix, grad = net.layers[0].M, gradients(1, net.theta.shape)[0]
    walk(KINDS[kind](), net, [grad])
    assert np.array_equal(net.grad, grad)
    assert net.layers[0].M is matrix and np.array_equal(matrix.ravel(), net.theta[:12])


# --- least squares --------------------------------------------------------------------------------


def curvature(x):
    """The eigenvalues of the loss of an affine layer, the bias counted as an input of 1."""
    ones = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    return np.linalg.eigvalsh(ones.T @ ones / len(x)), ones


def test_gradient_descent_reaches_the_least_squares_solution():
    x, target = linear_data()
    eigenvalues, ones = curvature(x)
    best = np.linalg.lstsq(ones, target, rcond=None)[0]
    found = descend(1 / eigenvalues[-1], 1000, x, target)
    assert np.abs(found - best).max() < 1e-6


@pytest.mark.parametrize(("share", "converges"), [(0.98, True), (1.02, False)])
def test_gradient_descent_diverges_exactly_when_the_step_is_above_two_over_the_curvature(
    share, converges
):
    x, target = linear_data()
    eigenvalues, ones = curvature(x)
    best = np.linalg.lstsq(ones, target, rcond=None)[0]
    start = np.abs(best).max()
    off = np.abs(descend(share * 2 / eigenvalues[-1], 400, x, target) - best).max()
    assert (off < 1e-3 * start) if converges else (off > 1e3 * start)


@pytest.mark.parametrize(
    "optimizer", [Momentum(0.05), Adam(0.1)], ids=lambda optimizer: type(optimizer).__name__
)
def test_momentum_and_adam_reach_the_least_squares_solution_too(optimizer):
    x, target = linear_data()
    best = np.linalg.lstsq(curvature(x)[1], target, rcond=None)[0]
    layer = Affinity(3, 2, init="zeros")
    for _ in range(1500):
        layer.zero_grad()
        layer.backprop((layer(x) - target) / len(x))
        optimizer.step(layer)
    assert np.abs(np.concatenate([layer.M.T, layer.b[None]]) - best).max() < 1e-6


# --- frozen parameters ----------------------------------------------------------------------------


@every_kind
def test_a_frozen_parameter_and_its_moments_stay_as_they_were(kind):
    net, free = network(), network()
    net.freeze("1.M", "3.b")
    before, grads = net.theta.copy(), gradients(3, net.theta.shape)
    optimizer = KINDS[kind]()
    walk(optimizer, net, grads)
    walk(KINDS[kind](), free, grads)
    frozen = np.r_[0:12, 21:23]
    moved = np.r_[12:21]
    assert np.array_equal(net.theta[frozen], before[frozen])
    assert np.array_equal(net.theta[moved], free.theta[moved])
    assert list(optimizer.state) == list(optimizer.moments)
    for moment in optimizer.state.values():
        assert not moment[frozen].any() and moment[moved].all()


@every_kind
def test_a_network_that_is_frozen_throughout_does_not_move(kind):
    net = network().freeze()
    before = net.theta.copy()
    walk(KINDS[kind](), net, gradients(2, net.theta.shape))
    assert np.array_equal(net.theta, before)


# --- stacks ---------------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("alpha", [[0.3, 0.1, 0.02], 0.05], ids=["one a member", "one for all"])
def test_a_stack_moves_as_its_members_would_alone(kind, alpha):
    together = stacks.together([network(seed) for seed in range(3)])
    grads = gradients(3, together.theta.shape)
    path = walk(KINDS[kind](alpha), together, grads)
    for k in range(3):
        rate = alpha[k] if isinstance(alpha, list) else alpha
        alone = walk(KINDS[kind](rate), network(k), grads[:, k])
        assert np.array_equal(path[:, k], alone)


@pytest.mark.parametrize("alpha", [[0.1, 0.2], np.full(4, 0.1), [0.1]], ids=str)
def test_rates_for_another_number_of_members_are_refused(alpha):
    together = stacks.together([network(seed) for seed in range(3)])
    before = together.theta.copy()
    optimizer = GradientDescent(alpha)
    with pytest.raises(ValueError, match=re.escape(f"alpha has shape ({len(alpha)},)")):
        optimizer.step(together)
    with pytest.raises(ValueError, match="one a member is for a stack"):
        GradientDescent(alpha).step(network())
    assert np.array_equal(together.theta, before) and optimizer.steps == 0


# --- what is refused ------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize(
    "alpha", [0, -0.1, np.nan, np.inf, [], [0.1, 0.0], [[0.1]], "fast", None], ids=repr
)
def test_a_learning_rate_that_is_none_is_refused(kind, alpha):
    with pytest.raises(ValueError, match=r"alpha|float"):
        KINDS[kind](alpha)


@pytest.mark.parametrize("beta", [1, -0.1, 1.5, np.nan])
def test_a_decay_outside_0_and_1_is_refused_by_name(beta):
    for name, make in (
        ("beta ", lambda: Momentum(beta=beta)),
        ("beta1", lambda: Adam(beta1=beta)),
        ("beta2", lambda: Adam(beta2=beta)),
    ):
        with pytest.raises(ValueError, match=name):
            make()


def test_a_decay_of_0_is_no_memory():
    grads = gradients(3, network().theta.shape)
    assert np.array_equal(
        walk(Momentum(0.1, beta=0), network(), grads), walk(GradientDescent(0.1), network(), grads)
    )


@every_kind
def test_a_learning_rate_may_be_changed_between_steps(kind):
    net, optimizer = network(), KINDS[kind](0.1)
    grads = gradients(2, net.theta.shape)
    first = walk(optimizer, net, grads[:1])[0]
    for alpha in (1, np.float32(1), np.float64(1)):
        optimizer.alpha = alpha
        net.theta = first
        twin = pickle.loads(pickle.dumps(optimizer))
        halved = walk(twin, net, grads[1:])[0] - first
        expected = by_hand(kind, 1.0, first, grads)
        assert np.allclose(halved, expected[1] - expected[0], rtol=1e-12)


@pytest.mark.parametrize("make", [Momentum, Adam])
def test_an_optimizer_with_moments_is_refused_by_another_network(make):
    optimizer, first, second = make(), network(0), network(1)
    walk(optimizer, first, gradients(1, first.theta.shape))
    before = second.theta.copy()
    with pytest.raises(ValueError, match=rf"{make.__name__}.*another network.*make a new one"):
        optimizer.step(second)
    assert np.array_equal(second.theta, before)
    first.extend(Affinity(2, 4))
    with pytest.raises(ValueError, match="before its layers changed"):
        optimizer.step(first)


@pytest.mark.parametrize("make", [Momentum, Adam])
def test_an_optimizer_of_a_network_that_is_gone_is_refused_by_the_next(make):
    optimizer = make()
    walk(optimizer, network(0), gradients(1, (23,)))
    with pytest.raises(ValueError, match="make a new one"):
        optimizer.step(network(0))


def test_plain_gradient_descent_carries_nothing_and_may_serve_two_networks():
    optimizer, grads = GradientDescent(0.1), gradients(1, (23,))
    for seed in (0, 1):
        expected = by_hand("gradient descent", 0.1, network(seed).theta, grads)
        assert np.allclose(walk(optimizer, network(seed), grads), expected)


def test_an_optimizer_without_a_move_says_what_it_needs():
    net = network()
    with pytest.raises(TypeError, match="method move"):
        Optimizer(0.1).step(net)


# --- an optimizer of one's own, checkpoints, pickles ----------------------------------------------


class Signs(Optimizer):
    """theta <- theta - alpha sign(g), g the sum of all gradients so far."""

    moments = ("total",)

    def move(self, alpha, theta, grad, total):
        total += grad
        theta -= alpha * np.sign(total)


def test_ones_own_optimizer_writes_move_and_names_its_moments():
    net = network()
    start, grads = net.theta.copy(), gradients(3, net.theta.shape)
    expected = start - 0.1 * np.sign(grads.cumsum(axis=0)).cumsum(axis=0)
    assert np.allclose(walk(Signs(0.1), net, grads), expected)


@every_kind
def test_restoring_a_checkpoint_takes_the_same_steps_again(kind):
    net, optimizer = network(), KINDS[kind]()
    grads = gradients(5, net.theta.shape)
    walk(optimizer, net, grads[:2])
    theta, checkpoint = net.theta.copy(), optimizer.checkpoint()
    first = walk(optimizer, net, grads[2:])
    for _ in range(2):  # a checkpoint is not used up
        net.theta = theta
        optimizer.restore(checkpoint)
        assert optimizer.steps == 2
        assert np.array_equal(walk(optimizer, net, grads[2:]), first)


@every_kind
def test_a_checkpoint_taken_before_the_first_step_can_be_restored(kind):
    net, optimizer = network(), KINDS[kind]()
    theta, checkpoint = net.theta.copy(), optimizer.checkpoint()
    grads = gradients(2, net.theta.shape)
    first = walk(optimizer, net, grads)
    net.theta = theta
    optimizer.restore(checkpoint)
    assert np.array_equal(walk(optimizer, net, grads), first)


@every_kind
def test_a_pickled_optimizer_goes_on_where_it_was(kind):
    net, optimizer = network(), KINDS[kind]()
    grads = gradients(4, net.theta.shape)
    walk(optimizer, net, grads[:2])
    twin, twin_optimizer = pickle.loads(pickle.dumps((net, optimizer)))
    assert np.array_equal(walk(twin_optimizer, twin, grads[2:]), walk(optimizer, net, grads[2:]))
    assert twin_optimizer.steps == 4


# --- backends -------------------------------------------------------------------------------------


@every_kind
def test_every_backend_takes_the_steps_that_numpy_takes(kind, spec):
    there, grads = network().to(spec), gradients(4, (23,))
    there.freeze("1.b")
    optimizer = KINDS[kind]()
    path = walk(optimizer, there, grads)
    assert np.allclose(path, walk(KINDS[kind](), network().freeze("1.b"), grads), rtol=1e-12)
    assert all(backend.place_of(a) == there.place for a in optimizer.state.values())


@every_kind
def test_every_backend_takes_one_rate_a_member(kind, spec):
    alpha = [0.3, 0.1, 0.02]
    here = stacks.together([network(seed) for seed in range(3)])
    there, grads = here.to(spec), gradients(3, here.theta.shape)
    path = walk(KINDS[kind](alpha), there, grads)
    assert np.allclose(path, walk(KINDS[kind](alpha), here, grads), rtol=1e-12)


def test_rates_may_come_as_an_array_of_the_backend(place):
    alpha = backend.move(np.array([0.3, 0.1, 0.02]), place)
    assert GradientDescent(alpha).alpha.tolist() == [0.3, 0.1, 0.02]


@every_kind
def test_a_float32_network_is_moved_in_float32(kind):
    net, optimizer = network().to(dtype="float32"), KINDS[kind]()
    grads = gradients(3, net.theta.shape).astype("float32")
    path = walk(optimizer, net, grads)
    assert path.dtype == "float32"
    assert all(a.dtype == "float32" for a in optimizer.state.values())
    assert np.allclose(path, walk(KINDS[kind](), network(), grads.astype(float)), atol=1e-5)


def test_a_gradient_of_another_library_is_refused():
    net = network().to("array-api-strict")
    with pytest.raises(BackendError, match="cannot be mixed"):
        net.grad = np.zeros(23)


def test_moments_are_not_carried_to_layers_in_another_order(rng):
    net, adam = Network(Affinity(2, 3), Affinity(3, 2)), Adam()
    net.layers = (Affinity(3, 3), Affinity(3, 3))
    x = rng.standard_normal((4, 3))
    net.fit(x, x, 1, 2, optimizer=adam)
    net.layers = net.layers[::-1]
    with pytest.raises(ValueError, match="before its layers changed"):
        net.fit(x, x, 1, 2, optimizer=adam)
