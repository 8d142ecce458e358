"""Every layer, out of the one table: shapes, gradients, what it must not touch, every backend."""

import concurrent.futures
import copy
import importlib
import inspect
import multiprocessing
import pickle
import pkgutil

import cases
import dill
import numpy as np
import pytest
from cases import CASES
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad
from minigrad import (
    Affinity,
    Dropout,
    Identity,
    Layer,
    Map,
    Network,
    backend,
    gradient_check,
    stacks,
)
from minigrad.errors import BackendError, OwnershipError, ShapeError
from minigrad.hopfield import HebbianRBM

pytestmark = pytest.mark.filterwarnings("ignore:the function .* takes single numbers only")

every_case = pytest.mark.parametrize("case", CASES, ids=str)
BATCHES = [(), (5,), (2, 5), (2, 1, 5)]


def passed(layer, x, dy):
    """y, dE/dx and dE/dtheta, on the host and copied, of one forward and backprop from grad 0."""
    layer.zero_grad()
    y = layer(x)
    dx = layer.backprop(dy)
    return [np.array(backend.host(a)) for a in (y, dx, layer.grad)]


def assert_is_live(layer):
    """Every name is a view into theta or grad, at its place, and theta decides the output."""
    total = 0
    for value, gradient in layer.parameters().values():
        assert np.shares_memory(value, layer.theta)
        assert np.shares_memory(gradient, layer.grad)
        total += value.size
    assert total == layer.theta.size
    layer.theta = np.arange(layer.theta.size) + 1.0
    values = [value.ravel() for value, _ in layer.parameters().values()]
    assert np.array_equal(np.concatenate([*values, []]), layer.theta)


def test_every_public_layer_of_the_package_is_in_the_table():
    public = set()
    for module in pkgutil.walk_packages(minigrad.__path__, "minigrad."):
        if module.name.rpartition(".")[2].startswith("_"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            own = inspect.isclass(value) and value.__module__ == module.name
            if own and issubclass(value, Layer) and not name.startswith("_"):
                public.add(value)
    tested, todo = set(), [case.make() for case in CASES]
    while todo:
        layer = todo.pop()
        tested.add(type(layer))
        todo += getattr(layer, "layers", ())
    bases = {c for c in public if any(issubclass(other, c) for other in public - {c})} - tested
    # no gradient to check: a rule of its own, or a slope that is no derivative
    without = {c for c in public if c.backprop is Layer.backprop} | {HebbianRBM}
    absent = {c.__name__ for c in public - tested - bases - without}
    assert not absent, f"add to CASES in tests/cases.py: {sorted(absent)}"


def test_every_named_map_is_in_the_table():
    tested = {case.make().map.name for case in CASES if isinstance(case.make(), Map)}
    assert set(minigrad.maps.NAMED) <= tested


# --- shapes and values ----------------------------------------------------------------------------


@every_case
@pytest.mark.parametrize("batch", BATCHES, ids=str)
def test_any_number_of_batch_axes(case, batch, rng):
    layer = case.layer(rng)
    y = layer(rng.standard_normal((*batch, case.n)))
    assert y.shape == (*batch, case.m)
    dx = layer.backprop(rng.standard_normal(y.shape))
    assert dx.shape == (*batch, case.n)


@every_case
def test_a_batch_equals_its_samples_one_by_one(case, rng):
    layer = case.layer(rng)
    x, dy = rng.standard_normal((2, 5, case.n)), rng.standard_normal((2, 5, case.m))
    y, dx, grad = passed(layer, x, dy)
    summed = np.zeros_like(grad)
    for i in np.ndindex(2, 5):
        y_i, dx_i, grad_i = passed(layer, x[i], dy[i])
        np.testing.assert_allclose(y[i], y_i, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(dx[i], dx_i, rtol=1e-12, atol=1e-14)
        summed += grad_i
    np.testing.assert_allclose(grad, summed, rtol=1e-12, atol=1e-13)


@every_case
def test_an_empty_batch_has_an_empty_output_and_no_gradient(case, rng):
    layer = case.layer(rng)
    y, dx, grad = passed(layer, np.zeros((0, case.n)), np.zeros((0, case.m)))
    assert y.shape == (0, case.m)
    assert dx.shape == (0, case.n)
    assert not grad.any()


# --- gradients ------------------------------------------------------------------------------------


@every_case
@pytest.mark.parametrize("batch", [(), (5,), (2, 3)], ids=str)
def test_backprop_is_the_derivative_by_central_difference(case, batch, rng):
    x = rng.standard_normal((*batch, case.n))
    report = gradient_check(case.layer(rng), x, rng=rng, method="central difference")
    assert report.error <= 1e-8, str(report)
    assert {row.name for row in report.rows} == {*case.make().parameters(), "input"}


@pytest.mark.parametrize("case", [c for c in CASES if c.smooth], ids=str)
def test_backprop_is_the_derivative_by_complex_step(case, rng):
    x = rng.standard_normal((2, 3, case.n))
    report = gradient_check(case.layer(rng), x, rng=rng, method="complex step")
    assert report.error <= 1e-13, str(report)


@every_case
def test_the_table_says_rightly_which_layers_are_smooth(case):
    assert case.make().smooth == case.smooth


@given(st.lists(st.integers(1, 4), max_size=3), st.integers(1, 5), st.integers(1, 5), st.data())
@settings(max_examples=25, deadline=None)
def test_an_affinity_has_its_closed_forms(batch, n, m, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    layer = Affinity(n, m, rng=rng, bias="normal")
    x, dy = rng.standard_normal((*batch, n)), rng.standard_normal((*batch, m))
    y = layer(x)
    dx = layer.backprop(dy)
    close = {"rtol": 1e-12, "atol": 1e-13}
    np.testing.assert_allclose(y, np.einsum("mn,...n->...m", layer.M, x) + layer.b, **close)
    np.testing.assert_allclose(dx, np.einsum("...m,mn->...n", dy, layer.M), **close)
    np.testing.assert_allclose(layer.dM, dy.reshape(-1, m).T @ x.reshape(-1, n), **close)
    np.testing.assert_allclose(layer.db, dy.reshape(-1, m).sum(axis=0), **close)


def test_an_affinity_by_hand():
    layer = Affinity(3, 2)
    layer.M, layer.b = [[1, 2, 3], [4, 5, 6]], [10, 20]
    assert layer([1, 0, -1]).tolist() == [8, 18]
    assert layer.backprop([1, -2]).tolist() == [-7, -8, -9]
    assert layer.dM.tolist() == [[1, 0, -1], [-2, 0, 2]]
    assert layer.db.tolist() == [1, -2]


def test_backprop_of_an_affinity_is_the_adjoint_of_its_linear_part(rng):
    layer = Affinity(4, 3, rng=rng)
    x, dy = rng.standard_normal((5, 4)), rng.standard_normal((5, 3))
    forward = (layer(x) * dy).sum()
    assert forward == pytest.approx((x * layer.backprop(dy)).sum(), rel=1e-12)


def test_the_softmax_is_a_distribution_that_no_shift_changes(rng):
    layer, x = minigrad.Softmax(), rng.standard_normal((5, 4))
    y = layer(x)
    np.testing.assert_allclose(y, np.exp(x) / np.exp(x).sum(-1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(layer(x + 1e4), y, rtol=1e-10)
    extreme = layer([[1e4, -1e4, 0.0]])
    assert extreme.tolist() == [[1, 0, 0]]
    assert np.abs(layer.backprop([[1.0, 2.0, 3.0]])).max() == 0


def test_layer_norm_has_mean_0_and_variance_1_before_its_gain(rng):
    layer = minigrad.LayerNorm(4, eps=1e-12)
    y = layer(7 + 3 * rng.standard_normal((5, 4)))
    np.testing.assert_allclose(y.mean(-1), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(-1), 1, rtol=1e-9)
    layer.gain, layer.bias = [1, 2, 3, 4], [4, 3, 2, 1]
    np.testing.assert_allclose(layer([1, -1, 1, -1]), [5, 1, 5, -3], rtol=1e-9)


def test_layer_norm_of_equal_features_is_finite(rng):
    layer = minigrad.LayerNorm(4)
    assert not layer(np.full((2, 4), 3.0)).any()
    assert np.isfinite(layer.backprop(rng.standard_normal((2, 4)))).all()


def test_dropout_is_the_identity_until_the_network_learns(rng):
    layer, x = Dropout(0.25, rng=3), rng.standard_normal((200, 50))
    assert np.array_equal(layer(x), x)
    layer.learning = True
    ratio = layer(x) / x
    assert set(np.unique(ratio.round(12))) == {0, round(1 / 0.75, 12)}
    assert np.mean(ratio == 0) == pytest.approx(0.25, abs=0.02)
    dy = rng.standard_normal(x.shape)
    np.testing.assert_allclose(layer.backprop(dy), dy * ratio, rtol=1e-12)


def test_dropout_draws_from_its_own_generator(rng):
    x = rng.standard_normal((5, 4))
    first, second = Dropout(0.5, rng=3), Dropout(0.5, rng=3)
    first.learning = second.learning = True
    masks = [first(x), first(x)]
    assert np.array_equal(masks[0], second(x))
    assert not np.array_equal(*masks)


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5])
def test_a_dropout_rate_outside_0_to_1_is_refused(rate):
    with pytest.raises(ValueError, match="dropout rate"):
        Dropout(rate)


# --- what backprop adds, and what it leaves alone -------------------------------------------------


@every_case
def test_grad_adds_at_every_backprop(case, rng):
    layer, x = case.layer(rng), rng.standard_normal((5, case.n))
    dy = rng.standard_normal((5, case.m))
    once = passed(layer, x, dy)[2]
    layer.backprop(2 * dy)
    np.testing.assert_allclose(layer.grad, 3 * once, rtol=1e-12, atol=1e-13)
    layer.zero_grad()
    assert not layer.grad.any()


@every_case
def test_vjp_equals_backprop_and_leaves_grad_alone(case, rng):
    layer, x = case.layer(rng), rng.standard_normal((5, case.n))
    dy = rng.standard_normal((5, case.m))
    _, dx, grad = passed(layer, x, dy)
    layer.grad = kept = rng.standard_normal(layer.grad.shape)
    dx_too, grad_too = layer.vjp(dy)
    assert np.array_equal(dx_too, dx)
    assert np.array_equal(grad_too, grad)
    assert np.array_equal(layer.grad, kept)
    assert not np.shares_memory(grad_too, layer.grad)


def test_vjp_leaves_grad_alone_when_it_fails(rng):
    layer = Affinity(4, 3, rng=rng)
    layer(rng.standard_normal((5, 4)))
    layer.grad += 7
    with pytest.raises(ShapeError):
        layer.vjp(rng.standard_normal((5, 2)))
    assert (layer.grad == 7).all()


@every_case
def test_nothing_is_written_but_grad(case, rng):
    layer = case.layer(rng)
    x, dy = rng.standard_normal((5, case.n)), rng.standard_normal((5, case.m))
    x.flags.writeable = dy.flags.writeable = False  # a write to either raises
    theta = layer.theta.copy()
    first, second = passed(layer, x, dy), passed(layer, x, dy)
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(layer.theta, theta)


@every_case
def test_backprop_before_a_forward_is_an_error(case, rng):
    layer = case.layer(rng)
    with pytest.raises(RuntimeError, match="backprop before a forward"):
        layer.backprop(rng.standard_normal((5, case.m)))
    assert not layer.grad.any()


@every_case
@pytest.mark.parametrize("shape", [(4,), (5, 7), (1, 5)], ids=str)
def test_a_gradient_of_another_shape_is_refused(case, shape, rng):
    layer = case.layer(rng)
    layer(rng.standard_normal((5, case.n)))
    with pytest.raises(ShapeError, match=rf"gradient has shape \({shape[0]},.*output had \(5, "):
        layer.backprop(rng.standard_normal(shape))
    assert not layer.grad.any()


@every_case
def test_what_a_forward_left_can_be_taken_and_given_back(case, rng):
    layer = case.layer(rng)
    x, other = rng.standard_normal((2, 5, case.n))
    dy = rng.standard_normal((5, case.m))
    _, dx, grad = passed(layer, x, dy)
    layer(x)
    memory = layer.remembered()
    for _ in range(2):
        layer(other[:3])
        layer.remember(memory)
        layer.zero_grad()
        assert np.array_equal(layer.backprop(dy), dx)
        assert np.array_equal(layer.grad, grad)


def test_remembering_changes_no_parameter(rng):
    net = cases.nested()
    net(rng.standard_normal((5, 4)))
    memory = net.remembered()
    net.theta += 1
    theta = net.theta.copy()
    net.remember(memory)
    assert np.array_equal(net.theta, theta)
    assert_is_live(net)


# --- input that is refused, input that is converted -----------------------------------------------


@pytest.mark.parametrize("case", [c for c in CASES if c.make().n], ids=str)
def test_a_wrong_width_is_refused_by_name(case, rng):
    layer = case.layer(rng)
    wrong = case.n + 1
    with pytest.raises(ShapeError) as caught:
        layer(rng.standard_normal((5, wrong)))
    message = str(caught.value)
    assert message.startswith(str(layer))
    assert f"the input has {wrong} features, expected {case.n}" in message
    assert f"x has shape (5, {wrong})" in message


@every_case
def test_a_single_number_is_no_input(case, rng):
    with pytest.raises(ShapeError, match="expected a vector or a batch of vectors"):
        case.layer(rng)(1.0)


@every_case
@pytest.mark.parametrize("value", [1j, "text", None, {}], ids=["complex", "str", "None", "dict"])
@pytest.mark.parametrize("as_array", [False, True], ids=["list", "array"])
def test_what_is_no_real_number_is_refused(case, value, as_array, rng):
    x = [value] * case.n
    with pytest.raises(TypeError, match="expected"):
        case.layer(rng)(np.array(x) if as_array else x)


def test_rows_of_different_lengths_are_refused():
    with pytest.raises(ShapeError, match="different lengths"):
        Affinity(2, 3)([[1, 2], [3]])


@every_case
def test_lists_and_integers_work_and_make_floats(case, rng):
    layer = case.layer(rng)
    integers = rng.integers(-3, 4, (5, case.n))
    expected = layer(integers.astype(float))
    for x in (integers, integers.tolist(), integers.astype(np.int8), [list(r) for r in integers]):
        y = layer(x)
        assert y.dtype == np.float64
        assert np.array_equal(y, expected)
    dy = rng.integers(-3, 4, (5, case.m))
    assert np.array_equal(layer.backprop(dy.tolist()), layer.backprop(dy.astype(float)))


def test_booleans_count_as_0_and_1():
    layer = Affinity(2, 3, rng=1)
    assert np.array_equal(layer(np.array([True, False])), layer([1, 0]))


@pytest.mark.parametrize("n", [0, -1, 2.0, "2", True, None])
def test_a_width_that_is_no_positive_integer_is_refused(n):
    with pytest.raises(ValueError, match="positive integer"):
        Affinity(n, 3)
    with pytest.raises(ValueError, match="positive integer"):
        Affinity(3, n)


def test_a_layer_without_forward_or_backprop_says_so():
    class Nothing(Layer):
        pass

    with pytest.raises(TypeError, match="Nothing: a layer needs a method forward"):
        Nothing()([1.0])
    with pytest.raises(TypeError, match="Nothing has no backprop"):
        Nothing().backprop([1.0])


# --- parameters by name ---------------------------------------------------------------------------


def test_assigning_to_a_name_copies_into_the_view():
    layer = Affinity(3, 2)
    view, value = layer.M, np.arange(6.0).reshape(2, 3)
    layer.M = value
    value[...] = 9
    assert layer.M is view
    assert layer.M.tolist() == [[0, 1, 2], [3, 4, 5]]
    layer.b = [1, 2]
    assert layer.theta.tolist() == [0, 1, 2, 3, 4, 5, 1, 2]
    layer.theta = list(range(8))
    assert layer.b.tolist() == [6, 7]
    layer.dM += 1  # an augmented assignment reaches grad, and assigns the view to itself
    assert layer.grad.tolist() == [1] * 6 + [0] * 2


@pytest.mark.parametrize("value", [[[1, 0], [0, 1], [1, 1]], [1, 2, 3], [[1]], np.ones((1, 2, 3))])
def test_assigning_a_wrong_shape_is_refused_and_changes_nothing(value):
    layer = Affinity(3, 2, rng=1)
    before = layer.theta.copy()
    with pytest.raises(ShapeError, match=r"Affinity 3 -> 2: M has shape \(2, 3\), came"):
        layer.M = value
    assert np.array_equal(layer.theta, before)


def test_one_number_is_no_matrix_for_that_is_a_slip_more_often_than_a_wish():
    layer = Affinity(3, 2, rng=1)
    with pytest.raises(ShapeError, match=r"M has shape \(2, 3\), came \(\)"):
        layer.M = 0


# --- float32 --------------------------------------------------------------------------------------


@every_case
def test_float32_is_float32_throughout(case, rng):
    layer = case.layer(rng)
    x, dy = rng.standard_normal((5, case.n)), rng.standard_normal((5, case.m))
    expected = passed(layer, x, dy)
    single = layer.to(dtype="float32")
    got = passed(single, x.astype("float32"), dy.astype("float32"))
    for a, b in zip(got, expected, strict=True):
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    memory = [v for v in vars(single).values() if isinstance(v, np.ndarray)]
    assert {v.dtype for v in memory} == {np.dtype("float32")}


def test_float64_data_to_a_float32_layer_is_cast_and_said_once(rng):
    layer, x = Affinity(4, 3, rng=1, dtype="float32"), rng.standard_normal((5, 4))
    with pytest.warns(UserWarning, match="float64 data came to a float32 network"):
        y = layer(x)
    assert y.dtype == np.float32
    layer(x)  # a second warning would be an error here
    assert np.array_equal(layer(x.astype("float32")), y)


def test_lists_given_to_a_float32_layer_need_no_warning():
    layer = Affinity(2, 3, rng=1, dtype="float32")
    assert layer([0.5, 1]).dtype == np.float32
    layer.M = [[0.5, 1], [2, 3], [4, 5]]


def test_use_says_the_float_type_of_new_layers():
    minigrad.use("numpy", dtype="float32")
    assert Affinity(2, 3).theta.dtype == np.float32
    assert Identity()([1.0]).dtype == np.float32
    assert Affinity(2, 3, dtype="float64").theta.dtype == np.float64


# --- copies, pickles, processes -------------------------------------------------------------------

TRIPS = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda layer: pickle.loads(pickle.dumps(layer)),
    "dill": lambda layer: dill.loads(dill.dumps(layer)),
    "to": lambda layer: layer.to(),
}


@every_case
@pytest.mark.parametrize("trip", TRIPS)
def test_a_copy_has_the_values_and_its_views_live(case, trip, rng):
    layer, x = case.layer(rng), rng.standard_normal((5, case.n))
    layer.grad = rng.standard_normal(layer.grad.shape)
    y, theta = layer(x), layer.theta.copy()
    twin = TRIPS[trip](layer)
    assert np.array_equal(twin.theta, layer.theta)
    assert np.array_equal(twin.grad, layer.grad)
    assert np.array_equal(twin(x), y)
    assert_is_live(twin)
    assert np.array_equal(layer.theta, theta)  # and the two are apart
    assert_is_live(layer)


@pytest.mark.parametrize("trip", ["deepcopy", "pickle", "dill"])
def test_a_layer_copied_after_its_forward_can_go_on_to_backprop(trip, rng):
    net, x, dy = cases.nested(), rng.standard_normal((5, 4)), rng.standard_normal((5, 3))
    _, dx, grad = passed(net, x, dy)
    net(x)
    net.zero_grad()
    twin = TRIPS[trip](net)
    assert np.array_equal(twin.backprop(dy), dx)
    assert np.array_equal(twin.grad, grad)
    assert not net.grad.any()


def test_a_shallow_copy_of_a_network_would_put_its_layers_in_two_places(rng):
    net = cases.two_layers()
    with pytest.raises(OwnershipError, match="deepcopy"):
        copy.copy(net)
    assert_is_live(net)
    assert_is_live(copy.copy(net.layers[0]))


def test_a_layer_with_lambdas_travels_by_dill(rng):
    layer, x = Map(lambda v: v * v, lambda v: 2 * v), rng.standard_normal((5, 3))
    assert np.array_equal(dill.loads(dill.dumps(layer))(x), x * x)


def test_what_is_frozen_stays_frozen_in_a_copy():
    net = Network(Affinity(4, 3), Affinity(3, 2)).freeze("1.M")
    for trip in TRIPS.values():
        assert trip(net).trained() == net.trained() == [(12, 23)]


def test_a_copied_layer_belongs_to_no_network():
    net = cases.two_layers()
    for trip in TRIPS.values():
        Network(trip(net.layers[0]))


def test_a_trip_through_a_process_pool_keeps_views_alive():
    net = cases.nested().randomize(1)
    theta = net.theta.copy()
    # spawned: a fork of a process with threads, such as torch's, is unsafe
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        back = pool.submit(cases.doubled, net).result(timeout=60)
    assert np.array_equal(back.theta, 2 * theta)
    assert np.array_equal(net.theta, theta)
    assert_is_live(back)


# --- stacks ---------------------------------------------------------------------------------------


@every_case
@pytest.mark.parametrize("shared", [False, True], ids=["data of their own", "shared data"])
def test_a_member_of_a_stack_equals_the_layer_alone(case, shared, rng):
    stack = stacks.stack(case.make(), 3)
    stack.theta = rng.standard_normal(stack.theta.shape)
    x, dy = rng.standard_normal((3, 5, case.n)), rng.standard_normal((3, 5, case.m))
    if shared:
        x[:] = x[0]
    y, dx, grad = passed(stack, x[0] if shared else x, dy)
    for k in range(3):
        alone = passed(stacks.member(stack, k), x[k], dy[k])
        for a, b in zip((y[k], dx[k], grad[k]), alone, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


@every_case
def test_a_stack_has_the_right_gradient(case, rng):
    stack = stacks.stack(case.make(), 3)
    stack.theta = rng.standard_normal(stack.theta.shape)
    report = gradient_check(stack, rng=rng, method="central difference", entries=5)
    assert report.error <= 1e-8, str(report)


@every_case
@pytest.mark.parametrize("lead", [(), (2, 5), (4, 3, 5)], ids=["vector", "of 2", "3 axes"])
def test_data_of_another_stack_is_refused(case, lead, rng):
    stack = stacks.stack(case.make(), 3)
    with pytest.raises(ShapeError, match="a stack of 3 takes x of shape") as caught:
        stack(rng.standard_normal((*lead, case.n)))
    assert str((*lead, case.n)) in str(caught.value)


# --- backends -------------------------------------------------------------------------------------


@every_case
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("count", [0, 3], ids=["single", "stack"])
def test_every_backend_gives_the_numbers_of_numpy(case, spec, place, dtype, tolerance, count, rng):
    layer, lead = case.make(), ()
    if count:
        layer, lead = stacks.stack(layer, count), (count,)
    layer.theta = rng.standard_normal(layer.theta.shape)
    layer = layer.to(dtype=dtype)
    x = rng.standard_normal((*lead, 5, case.n)).astype(dtype)
    dy = rng.standard_normal((*lead, 5, case.m)).astype(dtype)
    expected = passed(layer, x, dy)
    there = layer.to(spec)
    assert there.place == place
    got = passed(there, backend.move(x, place), backend.move(dy, place))
    for a, b in zip(got, expected, strict=True):
        assert a.dtype == np.dtype(dtype)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
    for array in (there(backend.move(x, place)), there.theta, there.grad):
        assert backend.place_of(array) == place
        assert backend.dtype_name(array) == dtype


@every_case
def test_the_gradient_check_passes_on_every_backend(case, spec, rng):
    layer = case.layer(rng).to(spec)
    report = gradient_check(layer, rng=rng, method="central difference", entries=3)
    assert report.error <= 1e-8, str(report)


@every_case
def test_a_layer_that_has_been_used_is_copied_and_pickled_on_every_backend(case, place, rng):
    layer = case.layer(rng).to(place.spec)
    x = backend.move(rng.standard_normal((5, case.n)), place)
    y = backend.host(layer(x))
    for trip in TRIPS.values():
        twin = trip(layer)
        assert twin.place == place
        assert np.array_equal(backend.host(twin(x)), y)
    home = layer.to("numpy")
    np.testing.assert_allclose(home(backend.host(x)), y, rtol=1e-12, atol=1e-14)


def test_lists_go_to_where_the_layer_lives(place):
    layer = Affinity(2, 3, rng=1)
    there = layer.to(place.spec)
    y = there([[1, 2], [3, 4]])
    assert backend.place_of(y) == place
    np.testing.assert_allclose(backend.host(y), layer([[1, 2], [3, 4]]), rtol=1e-12)


def test_a_list_of_vectors_of_the_backend_is_a_batch(place):
    layer = Affinity(2, 3, rng=1).to(place.spec)
    rows = [backend.move(row, place) for row in ([1.0, 2.0], [3.0, 4.0])]
    assert np.array_equal(backend.host(layer(rows)), backend.host(layer([[1, 2], [3, 4]])))


@pytest.mark.parametrize("as_list", [False, True], ids=["array", "list of arrays"])
def test_an_array_of_another_library_is_refused_and_both_are_named(as_list):
    layer = Affinity(2, 3)
    x = backend.move([1.0, 2.0], backend.place("array-api-strict"))
    for a, b in ((layer, x), (layer.to("array-api-strict"), np.ones(2))):
        if as_list and isinstance(b, np.ndarray):
            continue  # host numbers in a list go anywhere
        with pytest.raises(BackendError) as caught:
            a([b, b] if as_list else b)
        assert "numpy" in str(caught.value)
        assert "array-api-strict on" in str(caught.value)


def test_two_devices_of_one_library_are_not_mixed():
    layer = Affinity(2, 3).to("array-api-strict:device1")
    x = backend.move([1.0, 2.0], backend.place("array-api-strict:device2"))
    with pytest.raises(BackendError, match=r"device1.*device2"):
        layer(x)


def test_what_the_package_says_of_a_layer_is_short():
    assert str(Affinity(4, 3)) == "Affinity 4 -> 3"
    assert repr(Map("half_square")) == "<Map half square>"
    assert str(Dropout(0.25)) == "Dropout 0.25"
    assert repr(cases.two_layers()) == "<Network: Affinity 4 -> 3, Map tanh, Affinity 3 -> 2>"
