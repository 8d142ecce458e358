"""Networks: one vector end to end, one owner, errors with their place, backprop that stops."""

import copy
import gc
import pickle
import weakref

import cases
import numpy as np
import pytest

from minigrad import (
    Affinity,
    Identity,
    Layer,
    Map,
    Network,
    Residual,
    backend,
    gradient_check,
    stacks,
)
from minigrad.errors import BackendError, NotFiniteError, OwnershipError, ShapeError


class Spy(Identity):
    """Counts how often backprop comes by."""

    def __init__(self):
        self.calls = 0

    def backprop(self, dy):
        self.calls += 1
        return dy


class LocalRule(Layer):
    """No backprop: it learns by a rule of its own."""

    def __init__(self, n, m):
        self.n = n
        self.declare(W=(m, n), rng=1)

    def forward(self, x):
        return x @ self.W.mT


def assert_end_to_end(net):
    """The vectors of every layer, at every depth, lie in those of the network one after another."""
    stop = 0
    for layer in net.layers:
        start, stop = stop, stop + layer.theta.shape[-1]
        for whole, part in ((net.theta, layer.theta), (net.grad, layer.grad)):
            slot = whole[..., start:stop]
            assert part.shape == slot.shape
            assert part.__array_interface__["data"] == slot.__array_interface__["data"]
        if isinstance(layer, Network):
            assert_end_to_end(layer)
    assert net.theta.shape == net.grad.shape
    assert net.theta.shape[-1] == stop


def state(net):
    """All that must stay when something is refused."""
    return [(id(layer), layer.theta.tolist()) for layer in (net, *net.layers)]


# --- layout ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [cases.two_layers, cases.nested])
def test_theta_holds_the_layers_end_to_end(make):
    net = make()
    assert_end_to_end(net)
    net.theta = np.arange(net.theta.size, dtype=float)
    values = [value.ravel() for value, _ in net.parameters().values()]
    assert np.array_equal(np.concatenate(values), net.theta)


def test_a_network_is_its_layers_in_a_row(rng):
    a, b = Affinity(4, 3, rng=1), Affinity(3, 2, rng=2)
    net = Network(copy.deepcopy(a), Map("tanh"), copy.deepcopy(b))
    x, dy = rng.standard_normal((5, 4)), rng.standard_normal((5, 2))
    h = np.tanh(a(x))
    np.testing.assert_allclose(net(x), b(h), rtol=1e-14)
    dx = a.backprop(b.backprop(dy) * (1 - h**2))
    np.testing.assert_allclose(net.backprop(dy), dx, rtol=1e-13)
    np.testing.assert_allclose(net.grad, [*a.grad, *b.grad], rtol=1e-13)


def test_extend_returns_the_network_and_keeps_values_and_gradients(rng):
    net = Network(Affinity(4, 3, rng=1))
    net.grad += 2
    theta = net.theta.copy()
    assert net.extend(Map("tanh")).extend(Affinity(3, 2, rng=2)) is net
    assert len(net.layers) == 3
    assert np.array_equal(net.theta[:15], theta)
    assert net.grad.tolist() == [2] * 15 + [0] * 8
    assert_end_to_end(net)


def test_layers_is_a_tuple_and_a_slice_of_it_may_be_assigned(rng):
    net = cases.nested().randomize(1)
    assert isinstance(net.layers, tuple)
    first, second, third = net.layers
    values = [layer.theta.copy() for layer in net.layers]
    net.layers = net.layers[::-1]
    assert net.layers == (third, second, first)
    assert np.array_equal(net.theta, np.concatenate(values[::-1]))
    net.layers = net.layers[1:]
    assert np.array_equal(net.theta, np.concatenate(values[1::-1]))
    assert np.array_equal(third.theta, values[2])
    net.layers = [first]  # any iterable
    assert net.layers == (first,)
    assert_end_to_end(net)


def test_what_is_assigned_to_layers_is_a_layer_each():
    net = cases.two_layers()
    before = state(net)
    for wrong in ("tanh", Affinity, None, np.tanh):
        with pytest.raises(TypeError, match=r"layer 4 is .*expected a Layer"):
            net.extend(wrong)
        with pytest.raises(TypeError, match=r"layer 1 is .*expected a Layer"):
            Network(wrong)
    assert state(net) == before


def test_a_layer_may_be_extended_three_networks_deep(rng):
    innermost = Network(Affinity(3, 2, rng=1))
    outer = Network(Affinity(4, 3, rng=2), Network(Map("tanh"), innermost), Affinity(2, 3, rng=3))
    held, old = outer.theta, outer.theta.copy()
    assert innermost.extend(Affinity(2, 2, rng=4)) is innermost
    added = innermost.layers[1].theta
    assert np.array_equal(outer.theta, np.concatenate([old[:23], added, old[23:]]))
    assert_end_to_end(outer)
    assert np.isnan(held).all()
    x, dy = rng.standard_normal((5, 4)), rng.standard_normal((5, 3))
    outer(x)
    outer.backprop(dy)
    assert innermost.layers[1].dM.any()
    outer.theta -= 0.5 * outer.grad  # what an optimizer does at the top moves what lies deepest
    assert np.array_equal(innermost.layers[1].theta, outer.theta[23:29])
    innermost.layers = ()
    assert outer.theta.shape == (15 + 9,)
    assert_end_to_end(outer)


def test_a_network_takes_its_alpha():
    assert Network(alpha=0.5).alpha == 0.5


# --- an owner -------------------------------------------------------------------------------------


def test_a_layer_of_one_network_is_refused_by_a_second():
    layer, other = Affinity(4, 3), Affinity(3, 4)
    net, second = Network(layer), Network(other)
    before = state(net), state(second)
    for attempt in (lambda: second.extend(layer), lambda: Network(layer), lambda: Residual(layer)):
        with pytest.raises(
            OwnershipError, match=r"Affinity 4 -> 3 would stand in a second.*deepcopy"
        ):
            attempt()
    assert (state(net), state(second)) == before
    second.extend(copy.deepcopy(layer))  # the first remedy
    net.layers = ()
    Network(layer)  # the second


def test_a_layer_twice_in_one_network_is_refused():
    layer = Affinity(3, 3)
    with pytest.raises(OwnershipError, match=r"would stand twice.*deepcopy"):
        Network(layer, Map("tanh"), layer)
    net = Network(layer)  # the refusal has left no mark on the layer
    before = state(net)
    with pytest.raises(OwnershipError, match="twice"):
        net.extend(layer)
    assert state(net) == before


def test_a_network_in_itself_is_refused():
    inner = Network(Affinity(3, 3))
    net = Network(inner)
    for network in (net, inner):
        with pytest.raises(OwnershipError, match="in itself"):
            network.extend(net)
    for attempt in (lambda: inner.extend(inner), lambda: net.extend(inner.layers[0])):
        with pytest.raises(OwnershipError, match="would stand"):
            attempt()
    assert_end_to_end(net)


def test_a_nested_network_is_owned_like_any_layer():
    inner = Network(Affinity(3, 2))
    Network(Affinity(3, 2), outer := Network(inner))
    with pytest.raises(OwnershipError, match="Network would stand in a second network"):
        Network(inner)
    assert outer.layers == (inner,)


def test_a_dead_network_frees_its_layers_and_leaves_no_trace():
    layer = Affinity(3, 2, rng=1)
    values = layer.theta.copy()
    net = Network(layer, Affinity(2, 1))
    dead = weakref.ref(net)
    del net
    gc.collect()
    assert dead() is None
    again = Network(layer)
    assert np.array_equal(again.theta, values)
    assert_end_to_end(again)


def test_an_inner_network_outlives_the_outer():
    inner = Network(Affinity(3, 2, rng=1))
    values = inner.theta.copy()
    outer = Network(Affinity(4, 3), inner)
    del outer
    gc.collect()
    inner.extend(Affinity(2, 1))
    assert np.array_equal(inner.theta[:8], values)
    assert_end_to_end(inner)


# --- errors with their place ----------------------------------------------------------------------


def test_an_error_says_at_which_layer():
    net = Network(Affinity(4, 3), Affinity(2, 3), Map("tanh"))
    with pytest.raises(ShapeError) as caught:
        net(np.ones((10, 4)))
    assert str(caught.value) == (
        "layer 2 of 3 (Affinity 2 -> 3): the input has 3 features, expected 2; x has shape (10, 3)"
    )


def test_an_error_in_a_nested_network_says_every_place_on_the_way():
    inner = Network(Map("tanh"), Affinity(2, 3))
    net = Network(Affinity(4, 3), Network(inner))
    with pytest.raises(ShapeError) as caught:
        net(np.ones((10, 4)))
    assert str(caught.value) == (
        "layer 2 of 2 (Network): layer 1 of 1 (Network): layer 2 of 2 (Affinity 2 -> 3): "
        "the input has 3 features, expected 2; x has shape (10, 3)"
    )


def test_an_error_of_ones_own_layer_is_noted_with_its_place():
    class Broken(Layer):
        def forward(self, x):
            self.x = x
            return x

        def backprop(self, dy):
            raise ZeroDivisionError("oh")

    net = Network(Affinity(4, 3), Network(Broken()))
    net(np.ones(4))
    with pytest.raises(ZeroDivisionError, match="oh") as caught:
        net.backprop(np.ones(3))
    assert caught.value.__notes__ == ["in layer 1 of 1 (Broken)", "in layer 2 of 2 (Network)"]


def test_a_wrong_gradient_shape_within_is_located(rng):
    class Wrong(Identity):
        def backprop(self, dy):
            return dy[..., :2]

    net = Network(Affinity(4, 3), Wrong())
    net(rng.standard_normal((5, 4)))
    with pytest.raises(ShapeError, match=r"layer 1 of 2 \(Affinity 4 -> 3\): the gradient has"):
        net.backprop(rng.standard_normal((5, 3)))


# --- backprop that stops --------------------------------------------------------------------------


def learned(net, rng, to_input=False):
    y = net(rng.standard_normal((5, 4)))
    net.zero_grad()
    return net.backprop(rng.standard_normal(y.shape), to_input=to_input)


def test_backprop_stops_at_the_lowest_layer_that_is_trained(rng):
    below, between, above = Spy(), Spy(), Spy()
    net = Network(below, Affinity(4, 3), between, Affinity(3, 2), above)
    assert learned(net, rng) is None
    assert [below.calls, between.calls, above.calls] == [0, 1, 1]
    net.layers[1].freeze()
    assert learned(net, rng) is None
    assert [below.calls, between.calls, above.calls] == [0, 1, 2]
    assert not net.layers[1].grad.any()
    assert net.layers[3].dM.any()
    assert learned(net, rng, to_input=True).shape == (5, 4)
    assert [below.calls, between.calls, above.calls] == [1, 2, 3]
    net.freeze()
    assert learned(net, rng) is None
    assert [below.calls, between.calls, above.calls] == [1, 2, 3]


def test_backprop_stops_within_a_nested_network(rng):
    below, between = Spy(), Spy()
    net = Network(Network(Network(below, Affinity(4, 3)), between), Affinity(3, 2))
    assert learned(net, rng) is None
    assert [below.calls, between.calls] == [0, 1]
    expected = net.grad.copy()
    rng = np.random.default_rng(20)
    learned(net, np.random.default_rng(20), to_input=True)
    first = net.grad.copy()
    learned(net, rng)
    assert np.array_equal(net.grad, first)  # the same gradients, whether it stops or not
    assert expected.any()


def test_backprop_stops_at_a_layer_that_has_none(rng):
    spy = Spy()
    net = Network(Affinity(4, 3, rng=1), spy, LocalRule(3, 2), Affinity(2, 3, rng=1))
    net.freeze("1.M", "1.b", "3.W")
    for to_input in (False, True):
        assert learned(net, rng, to_input) is None
        assert not spy.calls
        assert not net.layers[0].grad.any()
        assert net.layers[3].dM.any()
    report = gradient_check(net, rng=1)
    assert {row.name for row in report.rows} == {"4.M", "4.b"}


def test_backprop_stops_at_a_local_rule_in_a_nested_network(rng):
    net = Network(Affinity(4, 3), Network(LocalRule(3, 2), Affinity(2, 3)), Affinity(3, 2))
    net.freeze("1.M", "1.b", "2.1.W")
    assert learned(net, rng, to_input=True) is None
    assert not net.layers[0].grad.any()
    assert net.layers[1].layers[1].dM.any()
    assert {r.name for r in gradient_check(net, rng=1).rows} == {"2.2.M", "2.2.b", "3.M", "3.b"}


# --- mixtures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["new", "extend", "nested", "layers"])
@pytest.mark.parametrize(
    "other, names",
    [
        (lambda: Affinity(3, 2, dtype="float32"), ["float32 (numpy)", "float64 (numpy)"]),
        (lambda: Affinity(3, 2).to("array-api-strict"), ["array-api-strict on", "(numpy)"]),
    ],
    ids=["dtypes", "backends"],
)
def test_a_mixture_is_refused_by_name_and_nothing_changed(how, other, names):
    inner, stranger = Network(Map("tanh")), other()
    net = Network(Affinity(4, 3, rng=1), inner)
    held, before, theta = net.theta, state(net), backend.host(stranger.theta).tolist()
    with pytest.raises(BackendError, match=r"lives in .*Affinity|Affinity .*lives in") as e:
        if how == "new":
            Network(Affinity(4, 3), stranger)
        elif how == "extend":
            net.extend(stranger)
        elif how == "nested":
            inner.extend(stranger)
        else:
            net.layers = (*net.layers, stranger)
    assert all(name in str(e.value) for name in ("Affinity 3 -> 2", *names))
    assert ".to(" in str(e.value)
    assert net.theta is held
    assert state(net) == before
    assert backend.host(stranger.theta).tolist() == theta
    Network(stranger)  # it is still free
    net.extend(Affinity(3, 2))
    assert_end_to_end(net)


def test_a_stack_and_a_single_layer_are_not_mixed():
    net = stacks.stack(Network(Affinity(4, 3)), 3)
    before = state(net)
    with pytest.raises(ShapeError, match="Affinity 3 -> 2 is a stack of"):
        net.extend(Affinity(3, 2))
    assert state(net) == before
    net.extend(stacks.stack(Affinity(3, 2), 3)).extend(Map("tanh"))
    assert net.theta.shape == (3, 23)
    assert_end_to_end(net)


def test_a_layer_without_parameters_goes_with_any_dtype(rng):
    net = Network(Map("tanh"), Affinity(4, 3, dtype="float32"), Identity())
    assert net.theta.dtype == net.layers[0].theta.dtype == np.float32
    assert net([1.0, 2, 3, 4]).dtype == np.float32


def test_a_network_without_parameters_stays_where_its_layers_are(place):
    net = Network(Map("tanh").to(place.spec))
    assert net.place == net.layers[0].place == place
    assert backend.place_of(net([1.0, 2.0])) == place
    net.extend(Affinity(2, 3, rng=1).to(place.spec))
    assert net.place == place


@pytest.mark.parametrize("name", ["torch", "array-api-strict"])
def test_networks_are_born_where_use_says(name):
    if name == "torch":
        pytest.importorskip("torch")
    backend.use(name, dtype="float32")
    net = cases.two_layers()
    place = backend.place(name)
    assert net.place == place
    y = net([[1.0, 2, 3, 4]])
    assert backend.place_of(y) == backend.place_of(net.backprop(y)) == place
    assert backend.dtype_name(net.grad) == "float32"


# --- empty, summary, residual ---------------------------------------------------------------------


def test_an_empty_network_is_the_identity(rng):
    net, x = Network(), rng.standard_normal((5, 4))
    assert np.array_equal(net(x), x)
    assert np.array_equal(net.backprop(x), x)
    assert net.layers == ()
    assert net.theta.shape == net.grad.shape == (0,)
    assert net.trained() == []
    assert repr(net) == "<Network: no layers>"
    assert "all" in net.summary()
    assert np.array_equal(net.extend(Affinity(4, 3, rng=1))(x), Affinity(4, 3, rng=1)(x))


def test_a_network_that_loses_its_layers_is_empty():
    net = Network(Affinity(4, 3))
    net.layers = ()
    assert net.theta.shape == net.grad.shape == (0,)
    assert net.trained() == []
    assert net.extend(Affinity(3, 2)).theta.shape == (8,)
    emptied = stacks.stack(Network(Affinity(4, 3)), 3)
    emptied.layers = ()
    assert emptied.theta.shape == (3, 0)


def test_the_summary_is_a_table_of_the_layers():
    net = Network(Affinity(784, 32), Map("tanh"), Network(Affinity(32, 10))).freeze("1.M")
    assert [line.split() for line in net.summary().splitlines()] == [
        ["layer", "parameters", "trained"],
        ["1", "Affinity", "784", "->", "32", "25,120", "32"],
        ["2", "Map", "tanh", "0", "0"],
        ["3", "Network", "330", "330"],
        ["all", "25,450", "362"],
    ]
    assert len({len(line) for line in net.summary().splitlines()}) == 1


def test_a_residual_adds_its_input_and_passes_the_gradient_on_beside(rng):
    inner = Network(Affinity(4, 3, rng=1), Map("tanh"), Affinity(3, 4, rng=2))
    residual = Residual(*(copy.deepcopy(layer) for layer in inner.layers))
    x, dy = rng.standard_normal((5, 4)), rng.standard_normal((5, 4))
    np.testing.assert_allclose(residual(x), x + inner(x), rtol=1e-14)
    np.testing.assert_allclose(residual.backprop(dy), dy + inner.backprop(dy), rtol=1e-14)
    np.testing.assert_allclose(residual.grad, inner.grad, rtol=1e-14)
    residual.backprop(dy, to_input=False)
    np.testing.assert_allclose(residual.grad, 2 * inner.grad, rtol=1e-14)


def test_a_residual_that_changes_the_width_is_refused():
    net = Network(Residual(Affinity(4, 3)))
    with pytest.raises(ShapeError, match=r"layer 1 of 1 \(Residual\).*\(5, 3\) of \(5, 4\)"):
        net(np.ones((5, 4)))


def test_an_empty_residual_doubles(rng):
    x = rng.standard_normal((5, 4))
    residual = Residual()
    assert np.array_equal(residual(x), 2 * x)
    assert np.array_equal(residual.backprop(x), 2 * x)


def test_backprop_stops_above_a_residual_that_is_not_trained(rng):
    below, within = Spy(), Spy()
    residual = Residual(within, Affinity(4, 3), Map("tanh"), Affinity(3, 4))
    net = Network(below, residual, Affinity(4, 2))
    learned(net, rng)
    assert [below.calls, within.calls] == [0, 0]
    assert residual.layers[1].dM.any()
    residual.freeze()
    learned(net, rng)
    assert not residual.grad.any()


# --- who hears a gradient -------------------------------------------------------------------------


@pytest.mark.parametrize("frozen", [[], ["1.M", "1.b"], ["2.W"]])
def test_what_is_to_be_trained_and_hears_no_gradient_is_refused(frozen):
    net = Network(Affinity(4, 3), LocalRule(3, 2), Affinity(2, 3)).freeze(*frozen)
    if not frozen:
        net.unfreeze()
    start = net.theta.copy()
    for act in (lambda: net.fit(np.ones((2, 4)), np.ones((2, 3)), 1), lambda: gradient_check(net)):
        with pytest.raises(TypeError, match=r"parameters to train, but LocalRule.*freeze"):
            act()
    assert np.array_equal(net.theta, start)


def test_a_read_out_learns_above_a_layer_with_a_rule_of_its_own(rng):
    net = Network(LocalRule(4, 3).freeze(), Affinity(3, 2))
    x, target = rng.standard_normal((20, 4)), rng.standard_normal((20, 2))
    history = net.fit(x, target, 30, 5, rng=1)
    assert history.loss[-1] < history.loss[0]


class Halved(Network):
    """y = net(x) / 2, with a backprop that knows of no keyword."""

    def forward(self, x):
        return super().forward(x) / 2

    def backprop(self, dy):
        return super().backprop(dy / 2)


def test_a_kind_of_network_of_ones_own_learns(rng):
    net, x = Halved(Affinity(4, 3, rng=1)), rng.standard_normal((6, 4))
    assert gradient_check(net, rng=1).passed
    M, error = net.layers[0].M.copy(), net(x) - x[:, :3]
    net.fit(x, x[:, :3], 1, 6)
    assert np.allclose(net.layers[0].M, M - 0.1 * (error / 2).T @ x / 6)
    outer = Network(Halved(Affinity(4, 3, rng=1)), Affinity(3, 2, rng=2))
    before = outer.theta.copy()
    outer.fit(x, x[:, :2], 1, 6, rng=1)
    assert (outer.theta != before).all()


class WithConstant(Affinity):
    """An affinity that puts out a constant 1 beside its own outputs."""

    def forward(self, x):
        y = super().forward(x)
        return np.concatenate([y, np.ones_like(y[..., :1])], axis=-1)

    def backprop(self, dy):
        return super().backprop(dy[..., :-1])


def test_a_backprop_may_hand_less_to_the_one_that_it_inherits():
    assert gradient_check(WithConstant(4, 3, rng=1), rng=1).passed


def test_what_is_kept_for_backprop_is_dropped_after_learning(rng):
    net, x = Network(Affinity(50, 2)), rng.standard_normal((2000, 50))
    net.fit(x, x[:, :2], 1, 2000)
    net.predict(x, batch=2000)
    assert len(pickle.dumps(net)) < 20_000
    with pytest.raises(RuntimeError, match="before a forward"):
        net.backprop(np.ones((2000, 2)))


def test_a_network_that_is_not_finite_is_not_scored():
    net = Network(Affinity(2, 2))
    net.theta[:] = np.nan
    with pytest.raises(NotFiniteError, match="the output has nan"):
        net.accuracy(np.ones((4, 2)), [0, 0, 0, 0])
