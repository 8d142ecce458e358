"""The bench: checkpoints in place, facts by seed, potentials undone, the loss cube."""

import math
import pickle

import numpy as np
import pytest

from minigrad import Affinity, Dropout, Identity, Map, Network, NNBench, plots
from minigrad.bench import LossCube, Potential, Track
from minigrad.errors import Diverged, ShapeError


def swap(v):
    return v[::-1]


@pytest.fixture
def bench():
    net = Network(Affinity(2, 3, rng=1), Map("tanh"), Affinity(3, 2, rng=2))
    return NNBench(net, swap)


# --- checkpoints ----------------------------------------------------------------------------------


def test_a_rollback_puts_the_values_back_into_the_same_network(bench):
    net, view, theta = bench.net, bench.net.layers[0].M, bench.net.theta.copy()
    net.alpha = 0.05
    bench.checkpoint_net()
    net.alpha = 0.2
    bench.learn(10)
    assert (net.theta != theta).all()
    bench.rollback_net()
    assert bench.net is net and net.layers[0].M is view
    assert np.array_equal(net.theta, theta) and net.alpha == 0.05


def test_a_rollback_brings_back_layers_that_were_taken_off(bench):
    layers = bench.net.layers
    bench.checkpoint_net()
    before = bench.net.theta.copy()
    bench.net.layers = layers[:1]
    bench.net.layers[0].M = np.zeros((3, 2))
    bench.rollback_net()
    assert bench.net.layers == layers and np.array_equal(bench.net.theta, before)


def test_a_checkpoint_serves_more_than_once_and_is_no_view(bench):
    bench.checkpoint_net()
    before = bench.net.theta.copy()
    for _ in range(2):
        bench.learn(5)
        bench.rollback_net()
        assert np.array_equal(bench.net.theta, before)


def test_without_a_checkpoint_there_is_nothing_to_go_back_to(bench):
    with pytest.raises(RuntimeError, match="checkpoint_net"):
        bench.rollback_net()


# --- facts ----------------------------------------------------------------------------------------


def test_facts_are_the_same_for_the_same_seed_and_leave_the_global_generator_alone(bench):
    state = np.random.get_state()[1].copy()
    facts = list(bench.training_data_gen(4))
    again = list(bench.training_data_gen(6))
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(facts, again, strict=False))
    bench.seed += 1
    assert not np.array_equal(facts[0][0], next(bench.training_data_gen(1))[0])
    assert np.array_equal(np.random.get_state()[1], state)


def test_facts_have_the_width_of_the_network_and_the_answer_of_the_ideal():
    wide = NNBench(Network(Map("tanh"), Affinity(4, 3)), lambda v: v[:3] * 2)
    for v, expected in wide.training_data_gen(3):
        assert v.shape == (4,) and np.array_equal(expected, 2 * v[:3])


def test_facts_held_out_are_others(bench):
    learned = {tuple(v) for v, _ in bench.training_data_gen(50)}
    assert not learned & {tuple(v) for v, _ in bench.test_data_gen(50)}


def test_a_network_of_any_width_needs_to_be_told():
    with pytest.raises(ValueError, match="width=2"):
        NNBench(Network(Identity()))
    assert NNBench(Network(Identity()), width=3).learn(2) == [0.0, 0.0]


def test_an_ideal_of_another_width_is_refused(bench):
    bench.ideal = lambda v: [v[0]]
    before = bench.net.theta.copy()
    for act in (bench.learn, bench.learning_potential, lambda: bench.loss_cube(3, [0.1])):
        with pytest.raises(ShapeError, match="the ideal makes 1 numbers of 2, the network 2"):
            act()
    assert np.array_equal(bench.net.theta, before)


@pytest.mark.parametrize("n", [0, -1, 2.5])
def test_a_number_of_facts_is_at_least_one(bench, n):
    for act in (bench.learn, bench.learn_track, bench.learning_potential, bench.plot_learning):
        with pytest.raises(ValueError, match="number of facts"):
            act(n)


# --- learning -------------------------------------------------------------------------------------


def test_learning_is_the_networks_own(bench):
    twin = pickle.loads(pickle.dumps(bench.net))
    seen = bench.learn(20)
    by_hand = [twin.learn([fact]) for fact in bench.training_data_gen(20)]
    assert np.allclose(seen, by_hand, rtol=1e-10)
    assert np.allclose(bench.net.theta, twin.theta, rtol=1e-10)


def test_a_track_has_the_way_of_theta(bench):
    start, twin = bench.net.theta.copy(), pickle.loads(pickle.dumps(bench.net))
    track = bench.learn_track(12)
    for state, fact in zip(track.states[1:], bench.training_data_gen(12), strict=True):
        twin.learn([fact])
        assert np.allclose(state, twin.theta, rtol=1e-10)
    assert track.losses.shape == (12,) and track.states.shape == (13, len(start))
    assert np.array_equal(track.states[0], start)
    assert np.array_equal(track.states[-1], bench.net.theta)
    assert np.allclose(track.step_length, np.linalg.norm(np.diff(track.states, axis=0), axis=1))
    assert np.allclose(track.loss_change, track.losses[1:] - track.losses[:-1])


def test_steps_along_a_line_have_the_cosines_of_a_line():
    states = np.array([[0.0, 0], [1, 0], [3, 0], [2, 0], [2, 1]])
    track = Track(np.zeros(4), states)
    assert np.array_equal(track.step_length, [1, 2, 1, 1])
    assert np.allclose(track.cosine, [1, -1, 0])


def test_where_learning_diverges_the_track_ends_and_says_so(bench):
    bench.net.alpha = 1e3
    track = bench.learn_track(100)
    assert track.diverged == len(track.losses) + 1
    assert np.isfinite(track.losses).all() and np.isfinite(bench.net.theta).all()
    with pytest.raises(Diverged, match="smaller alpha than 1000"):
        bench.learn(100)


# --- the learning potential -----------------------------------------------------------------------


def test_a_potential_is_minus_the_log_of_the_loss_on_other_facts(bench):
    twin = pickle.loads(pickle.dumps(bench.net))
    twin.alpha = 0.2
    twin.learn(bench.training_data_gen(30))
    errors = [twin(v) - t for v, t in bench.test_data_gen(100)]
    loss = np.mean([e @ e / 2 for e in errors])
    assert bench.learning_potential(30, 0.2) == pytest.approx(-math.log(loss), rel=1e-9)


def test_a_potential_leaves_the_network_bit_for_bit_as_it_was():
    net = Network(Affinity(2, 3, rng=1), Dropout(0.5, rng=2), Affinity(3, 2, rng=3))
    bench, dy = NNBench(net, swap), np.array([[1.0, -2.0]])
    net([[0.3, -1.0]])
    net.backprop(dy)
    theta, grad, alpha = net.theta.copy(), net.grad.copy(), net.alpha
    noise = net.layers[1].rng.bit_generator.state
    bench.learning_potential(40, 0.3)
    assert np.array_equal(net.theta, theta) and np.array_equal(net.grad, grad)
    assert net.alpha == alpha and net.layers[1].rng.bit_generator.state == noise
    net.backprop(dy)  # what the last forward left is there still
    assert np.allclose(net.grad, 2 * grad)


def test_a_potential_that_diverges_says_where(bench):
    potential = bench.learning_potential(100, 1e3)
    assert potential == -math.inf and potential.diverged is not None
    assert str(potential) == f"-inf (diverged at step {potential.diverged})"
    assert str(Potential(1.5)) == "1.5"


@pytest.mark.parametrize("alpha", [0, -0.1, math.nan, math.inf])
def test_a_rate_that_is_none_is_refused_and_nothing_changes(bench, alpha):
    with pytest.raises(ValueError, match="alpha"):
        bench.learning_potential(10, alpha)
    with pytest.raises(ValueError, match="alpha"):
        bench.loss_cube(10, [0.1, alpha])
    assert bench.net.alpha == 0.1


# --- the loss cube --------------------------------------------------------------------------------


def test_a_cube_is_what_single_networks_do(bench):
    rates, before = [0.01, 0.1, 0.3], bench.net.theta.copy()
    cube = bench.loss_cube(25, rates)
    assert cube.losses.shape == (1, 3, 25)
    for k, rate in enumerate(rates):
        bench.net.alpha = rate
        with bench._undone():
            assert np.allclose(cube.losses[0, k], bench.learn(25), rtol=1e-8)
    assert np.array_equal(bench.net.theta, before)


def test_a_cube_of_starts_draws_them_by_its_generator(bench):
    cube = bench.loss_cube(10, [0.1, 0.2], starts=4, rng=7)
    again = bench.loss_cube(10, [0.1, 0.2], starts=4, rng=7)
    assert cube.losses.shape == (4, 2, 10) and np.array_equal(cube.losses, again.losses)
    assert np.array_equal(cube.losses[:, 0, 0], cube.losses[:, 1, 0])  # the same start, any rate
    assert len(set(cube.losses[:, 0, 0])) == 4
    starts = bench.net.stack(4, rng=7)
    for k, start in enumerate(starts.theta):  # each start meets each rate
        single = Network(Affinity(2, 3), Map("tanh"), Affinity(3, 2), alpha=0.2)
        single.theta = start
        assert np.allclose(NNBench(single, swap).learn(10), cube.losses[k, 1], rtol=1e-8)


def test_a_cube_shows_where_rates_break(bench):
    cube = bench.loss_cube(60, [0.1, 1e6])
    assert cube.diverged[0, 0] == 0 and cube.diverged[0, 1] > 1
    assert np.array_equal(cube.broken, [0, 1])
    assert np.isnan(cube.losses[0, 1, -1]) and np.isfinite(cube.losses[0, 0]).all()
    assert cube.best_rate() == 0.1


def test_the_best_rate_is_that_of_the_least_last_losses_of_those_that_survive():
    losses = np.array([[[5.0, 1.0], [5.0, 0.5], [5.0, 0.1]]])
    cube = LossCube(np.array([0.1, 0.2, 0.4]), losses, np.array([[0, 0, 2]]))
    assert cube.best_rate(last=1) == 0.2


# --- pictures -------------------------------------------------------------------------------------


def test_plot_learning_learns_and_draws_the_losses(bench):
    before = bench.net.theta.copy()
    (line,) = bench.plot_learning(15).get_lines()
    assert len(line.get_xdata()) == 15 and (bench.net.theta != before).all()


def test_the_losses_show_where_they_end():
    ax = plots.losses(Track(np.array([1.0, 10.0]), None, diverged=3))
    assert ax.get_title() == "diverged at step 3" and ax.get_yscale() == "log"


def test_heat_map_and_surface_show_the_median_and_where_it_breaks(bench):
    cube = bench.loss_cube(30, [0.01, 0.1, 1.0, 100.0], starts=3)
    mesh = plots.loss_heat(cube).collections[0].get_array()
    expected = np.log10(np.median(cube.losses[:, 0], axis=0))
    assert mesh.shape == (4, 30) and np.allclose(mesh[0], expected)
    assert np.ma.getmaskarray(mesh)[3, -1]
    ax = plots.loss_surface(bench.loss_cube(60, [0.01, 0.1], starts=3))
    assert ax.get_zlabel().endswith("mean of 2 facts")
    assert ax.get_xlim()[0] <= 2 and ax.get_xlim()[1] >= 60


def test_weights_of_any_shapes_stand_side_by_side():
    net = Network(Affinity(2, 3, rng=1), Map("tanh"), Affinity(3, 1, rng=2))
    canvas = plots.weights(net).get_images()[0].get_array()
    assert canvas.shape == (3, 2 + 1 + 1 + 3 + 1)
    assert np.array_equal(canvas[:, :2], net.layers[0].M)
    assert np.array_equal(canvas[0, 4:7], net.layers[2].M[0])
    assert np.ma.getmaskarray(canvas)[1:, 4:].all()
    assert plots.weights(Network(Map("tanh"))).get_images()
