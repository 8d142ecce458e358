"""Parameters: declared in one line, drawn, frozen, moved; a view is live or says that it is not."""

import numpy as np
import pytest

from minigrad import Affinity, Identity, Layer, LayerNorm, Map, Network, backend, gradient_check
from minigrad.errors import BackendError, ShapeError
from minigrad.parameters import joined


class Plane(Layer):
    """A user's layer, without super().__init__: y = M x + b, with the parameters in two goes."""

    def __init__(self, n, m):
        self.declare(M=(m, n), rng=1)
        self.n = n
        self.declare(b=(m,), init={"b": "ones"})

    def forward(self, x):
        self.x = x
        return x @ self.M.mT + self.b

    def backprop(self, dy):
        self.dM += self.rows(dy).mT @ self.rows(self.x)
        self.db += self.rows(dy).sum(-2)
        return dy @ self.M


def assert_retired(view):
    """It reads NaN, and refuses to be written to."""
    assert np.isnan(view).all()
    with pytest.raises(ValueError, match="read-only"):
        view[...] = 1
    with pytest.raises(ValueError, match="read-only"):
        view += 1


# --- declare --------------------------------------------------------------------------------------


def test_a_users_layer_declares_without_a_call_of_super():
    layer = Plane(4, 3)
    assert layer.theta.shape == layer.grad.shape == (15,)
    assert layer.M.shape == layer.dM.shape == (3, 4)
    assert layer.b.tolist() == [1, 1, 1]
    assert layer.M.any()
    assert not layer.grad.any()
    assert gradient_check(layer, rng=1).error <= 1e-8
    assert gradient_check(Network(layer, Map("tanh"), Plane(3, 2)), rng=1).error <= 1e-8


def test_parameters_stand_in_theta_in_the_order_of_their_declaration():
    layer = Plane(2, 3)
    layer.theta = np.arange(9.0)
    assert layer.M.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert layer.b.tolist() == [6, 7, 8]
    layer.dM += 1
    layer.db += 2
    assert layer.grad.tolist() == [1] * 6 + [2] * 3
    assert list(layer.parameters()) == ["M", "b"]
    assert layer.parameters()["b"][1] is layer.db


def test_what_was_declared_first_keeps_its_values_and_its_gradient():
    class Growing(Layer):
        def __init__(self):
            self.declare(a=(3,))
            self.a = [1, 2, 3]
            self.declare(c=(2, 2), rng=1)

    assert Growing().a.tolist() == [1, 2, 3]


@pytest.mark.parametrize("shape", [(), (1,), (2, 3, 4)], ids=str)
def test_a_parameter_may_have_any_number_of_axes(shape):
    class One(Layer):
        def __init__(self):
            self.declare(w=shape)

    layer = One()
    assert layer.w.shape == layer.dw.shape == shape
    layer.w = np.full(shape, 2.0)
    assert (layer.theta == 2).all()


@pytest.mark.parametrize(
    "first, second",
    [
        ({"a": (2,), "da": (2,)}, {}),
        ({"a": (2,)}, {"a": (3,)}),
        ({"a": (2,)}, {"da": (2,)}),
        ({"theta": (2,)}, {}),
        ({"grad": (2,)}, {}),
        ({"forward": (2,)}, {}),
        ({"n": (2,)}, {}),
    ],
    ids=str,
)
def test_a_name_that_is_taken_is_refused(first, second):
    class Clash(Layer):
        def __init__(self):
            self.declare(**first)
            if second:
                self.declare(**second)

    with pytest.raises(ValueError, match="Clash cannot declare"):
        Clash()


def test_a_layer_in_a_network_that_declares_more_leaves_no_dead_network():
    layer = Affinity(3, 2, rng=1)
    net = Network(layer, Affinity(2, 3, rng=2))
    theta = net.theta.copy()
    try:
        layer.declare(c=(2,))
    except Exception:  # to refuse is as good as to lay theta anew
        assert np.array_equal(net.theta, theta)
    else:
        assert net.theta.shape == (19,)
        assert np.array_equal(net.theta[:8], theta[:8])
        assert np.array_equal(net.theta[10:], theta[8:])
    assert np.shares_memory(layer.M, net.theta)


# --- randomize ------------------------------------------------------------------------------------


def test_randomize_is_reproducible_and_draws_every_parameter_anew():
    layer = Plane(4, 3)
    layer.theta = np.full(15, 9.0)
    assert layer.randomize(7) is layer
    first = layer.theta.copy()
    assert layer.b.tolist() == [1, 1, 1]
    assert not (layer.M == 9).any()
    assert np.array_equal(layer.randomize(np.random.default_rng(7)).theta, first)
    assert not np.array_equal(layer.randomize(8).theta, first)
    fresh = layer.randomize().theta.copy()
    assert not np.array_equal(layer.randomize().theta, fresh)


def test_a_generator_goes_on_from_layer_to_layer():
    rng = np.random.default_rng(7)
    separate = [Affinity(4, 3, rng=rng), Affinity(3, 2, rng=rng)]
    together = Network(Affinity(4, 3), Affinity(3, 2)).randomize(7)
    assert np.array_equal(together.theta, np.concatenate([a.theta for a in separate]))


@pytest.mark.parametrize("rng", ["1", 1.5, True, np.random.RandomState(1)], ids=str)
def test_what_is_no_generator_is_refused(rng):
    with pytest.raises(TypeError, match="rng must be a numpy Generator, an int or None"):
        Affinity(3, 2, rng=rng)


# --- freeze ---------------------------------------------------------------------------------------


def test_frozen_parameters_are_left_out_of_the_runs_that_are_trained():
    layer = Affinity(4, 3)
    assert layer.trained() == [(0, 15)]
    assert layer.freeze("M") is layer
    assert layer.trained() == [(12, 15)]
    assert layer.freeze().trained() == []
    assert layer.unfreeze("M").trained() == [(0, 12)]
    assert layer.unfreeze().trained() == [(0, 15)]


def test_the_runs_of_a_network_are_joined_across_its_layers():
    net = Network(
        Affinity(2, 3), Map("tanh"), Network(Affinity(3, 2), LayerNorm(2)), Affinity(2, 1)
    )
    assert net.trained() == [(0, 24)]
    net.freeze("1.b", "3.1.M")
    assert net.trained() == [(0, 6), (15, 24)]
    net.freeze()
    assert net.trained() == []
    net.unfreeze("3.2.gain", "4.b")
    assert net.trained() == [(17, 19), (23, 24)]
    net.unfreeze("3.2.bias")
    assert net.trained() == [(17, 21), (23, 24)]


@pytest.mark.parametrize("verb", ["freeze", "unfreeze"])
def test_to_freeze_what_is_not_there_names_what_is(verb):
    net = Network(Affinity(2, 3), Map("tanh"))
    with pytest.raises(ValueError, match=r"no parameter \['K'\].*'M', 'b'"):
        getattr(net.layers[0], verb)("K", "M")
    with pytest.raises(ValueError, match=r"no parameter \['2.M'\].*'1.M', '1.b'"):
        getattr(net, verb)("1.M", "2.M")
    assert net.trained() == [(0, 9)]


def test_frozen_parameters_have_a_gradient_all_the_same(rng):
    layer = Affinity(4, 3, rng=1).freeze()
    layer(rng.standard_normal((5, 4)))
    layer.backprop(rng.standard_normal((5, 3)))
    assert layer.dM.any()


def test_runs_that_touch_are_one_and_empty_ones_vanish():
    assert joined([(0, 2), (2, 2), (2, 5), (7, 7), (8, 9)]) == [(0, 5), (8, 9)]
    assert joined([]) == []


# --- views ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["theta", "grad", "M", "b", "dM", "db"])
@pytest.mark.parametrize("change", ["first network", "extend", "layers", "taken out"])
def test_a_view_held_before_theta_is_laid_anew_is_retired(name, change):
    layer = Affinity(3, 2, rng=1)
    layer.b = [1, 2]
    layer.grad += 3
    net = Network(layer) if change != "first network" else None
    held, values = getattr(layer, name), getattr(layer, name).copy()
    if change == "first network":
        net = Network(layer)
    elif change == "extend":
        net.extend(Affinity(2, 3))
    elif change == "layers":
        net.layers = (Affinity(2, 3), layer)
    else:
        net.layers = ()
    assert_retired(held)
    now = getattr(layer, name)
    assert np.array_equal(now, values)
    now[...] = 5
    assert (getattr(layer, "grad" if name in ("grad", "dM", "db") else "theta") == 5).any()


def test_a_part_of_a_view_held_before_reads_nan_too():
    layer = Affinity(3, 2, rng=1)
    row = layer.M[0]
    Network(layer)
    assert np.isnan(row).all()


def test_the_vectors_of_a_network_are_retired_with_the_views():
    net = Network(Affinity(3, 2, rng=1))
    theta, grad, kept = net.theta, net.grad, net.theta.copy()
    net.extend(Affinity(2, 3))
    assert_retired(theta)
    assert_retired(grad)
    assert np.array_equal(net.theta[:8], kept)


def test_a_layer_taken_out_has_its_values_and_no_tie_to_the_network():
    first, second = Affinity(3, 2, rng=1), Affinity(2, 4, rng=2)
    net = Network(first, second)
    values, held = second.theta.copy(), net.theta
    net.layers = net.layers[:1]
    assert np.array_equal(second.theta, values)
    assert not np.shares_memory(second.theta, net.theta)
    assert not np.isnan(net.theta).any()
    assert_retired(held)
    Network(second)


def test_a_retired_view_reads_nan_on_every_backend(place):
    layer = Affinity(3, 2, rng=1).to(place.spec)
    held, values = layer.M, backend.host(layer.M).copy()
    net = Network(layer)
    assert np.isnan(backend.host(held)).all()
    assert np.array_equal(backend.host(layer.M), values)
    layer.M[...] = 5
    assert (backend.host(net.theta)[:6] == 5).all()


def test_names_reach_theta_on_every_backend(place):
    layer = Affinity(3, 2, rng=1).to(place.spec)
    layer.M = [[1, 2, 3], [4, 5, 6]]
    layer.b = backend.move([7.0, 8.0], place)
    layer.db += 1
    assert backend.host(layer.theta).tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert backend.host(layer.grad).tolist() == [0] * 6 + [1, 1]
    with pytest.raises(ShapeError, match="M has shape"):
        layer.M = [[1, 2], [3, 4], [5, 6]]


def test_a_value_of_another_library_is_not_assigned():
    layer = Affinity(3, 2, rng=1)
    before = layer.theta.copy()
    with pytest.raises(BackendError, match="numpy and of array-api-strict"):
        layer.b = backend.move([7.0, 8.0], backend.place("array-api-strict"))
    assert np.array_equal(layer.theta, before)


# --- to -------------------------------------------------------------------------------------------


def test_to_makes_a_copy_and_leaves_the_layer_as_it_was(spec, place):
    net = Network(Affinity(3, 2, rng=1), Map("tanh"), Affinity(2, 1, rng=2)).freeze("1.M")
    net.grad += 1
    held, theta = net.layers[0].M, net.theta.copy()
    there = net.to(spec)
    there.theta[...] = 0
    assert net.layers[0].M is held
    assert np.array_equal(net.theta, theta)
    assert there.place == there.layers[0].place == there.layers[1].place == place
    assert there.trained() == net.trained()
    assert (backend.host(there.grad) == 1).all()
    back = net.to(spec).to("numpy")
    assert np.array_equal(back.theta, theta)
    assert back.place == net.place


def test_what_was_remembered_stays_behind(spec):
    net = Network(Affinity(3, 2, rng=1))
    net([1, 2, 3])
    with pytest.raises(RuntimeError, match="before a forward"):
        net.to(spec).backprop([1, 2])
    net.backprop([1, 2])


def test_to_float32_and_back_rounds():
    layer = Affinity(3, 2, rng=1)
    single = layer.to(dtype="float32")
    assert single.theta.dtype == single.grad.dtype == single.dM.dtype == np.float32
    np.testing.assert_array_equal(single.to(dtype="float64").theta, layer.theta.astype("float32"))
    assert Identity().to(dtype="float32")([1.0]).dtype == np.float32


@pytest.mark.parametrize("name", ["numppy", "jax", ""])
def test_to_an_unknown_place_lists_those_known(name):
    with pytest.raises(BackendError, match="expected one of numpy, cupy, torch, array-api-strict"):
        backend.place(name)
    if name:
        with pytest.raises(BackendError, match=f"unknown backend '{name}'"):
            Affinity(3, 2).to(name)


@pytest.mark.parametrize(
    "wrong", [{"dtype": "int32"}, {"init": {"W": "nonsense"}}, {"init": {"W": lambda rng, s: [1]}}]
)
def test_a_declaration_that_fails_changes_nothing(wrong):
    layer = Affinity(4, 3, rng=1)
    before = layer.theta.copy()
    with pytest.raises(ValueError):
        layer.declare(W=(2, 3), **wrong)
    assert list(layer.parameters()) == ["M", "b"]
    assert np.array_equal(layer.theta, before)


def test_a_start_that_fails_in_a_later_layer_leaves_the_earlier_ones_alone():
    def fail(rng, shape):
        raise ZeroDivisionError("mine")

    net = Network(Affinity(4, 3, rng=1), Affinity(3, 2, rng=2))
    net.layers[1].init = {"M": fail}
    before = net.theta.copy()
    with pytest.raises(ZeroDivisionError):
        net.randomize(5)
    assert np.array_equal(net.theta, before)


@pytest.mark.parametrize("dtype", [np.float32, np.dtype("float32"), "float32"])
def test_a_float_type_may_be_given_as_one_likes(dtype):
    assert Affinity(4, 3).to(dtype=dtype).theta.dtype == "float32"


@pytest.mark.parametrize("dtype", ["int32", "banana", np.int64])
def test_what_is_no_float_type_is_refused(dtype):
    with pytest.raises(ValueError, match="float64 or float32"):
        Affinity(4, 3).to(dtype=dtype)
