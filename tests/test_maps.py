"""Scalar maps: values and derivatives in closed form, extremes, and functions of one's own."""

import copy
import math
import pickle
import warnings

import cases
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import Map, backend, gradient_check, maps
from minigrad.maps import NAMED, ScalarMap, scalar_map


def logistic(x):
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


# Each map beside its derivative, of one Python number, written without the package.
CLOSED = {
    "identity": (lambda x: x, lambda x: 1),
    "tanh": (math.tanh, lambda x: 1 / math.cosh(x) ** 2),
    "sigmoid": (logistic, lambda x: logistic(x) * logistic(-x)),
    "relu": (lambda x: max(x, 0), lambda x: float(x > 0)),
    "leaky relu": (lambda x: x if x > 0 else 0.01 * x, lambda x: 1 if x > 0 else 0.01),
    "softplus": (lambda x: math.log1p(math.exp(x)), logistic),
    "silu": (lambda x: x * logistic(x), lambda x: logistic(x) + x * logistic(x) * logistic(-x)),
    "sine": (math.sin, math.cos),
    "cosine": (math.cos, lambda x: -math.sin(x)),
    "gaussian": (lambda x: math.exp(-x * x / 2), lambda x: -x * math.exp(-x * x / 2)),
    "half square": (lambda x: x * x / 2, lambda x: x),
    "absolute": (abs, lambda x: math.copysign(1, x) if x else 0),
}
# f and f' far to the left, at 0, and far to the right.
EXTREMES = {
    "identity": ((-800, 0, 800), (1, 1, 1)),
    "tanh": ((-1, 0, 1), (0, 1, 0)),
    "sigmoid": ((0, 0.5, 1), (0, 0.25, 0)),
    "relu": ((0, 0, 800), (0, 0, 1)),
    "leaky relu": ((-8, 0, 800), (0.01, 0.01, 1)),
    "softplus": ((0, math.log(2), 800), (0, 0.5, 1)),
    "silu": ((0, 0, 800), (0, 0.5, 1)),
    "sine": ((-math.sin(800), 0, math.sin(800)), (math.cos(800), 1, math.cos(800))),
    "cosine": ((math.cos(800), 1, math.cos(800)), (math.sin(800), 0, -math.sin(800))),
    "gaussian": ((0, 1, 0), (0, 0, 0)),
    "half square": ((320_000, 0, 320_000), (-800, 0, 800)),
    "absolute": ((800, 0, 800), (-1, 0, 1)),
}
every_map = pytest.mark.parametrize("name", NAMED)


def test_the_tables_of_these_tests_are_complete():
    assert set(CLOSED) == set(EXTREMES) == set(NAMED)


@every_map
def test_value_and_derivative_have_their_closed_forms(name):
    x = np.linspace(-6, 6, 49)
    for function, closed in zip((NAMED[name], NAMED[name].derivative), CLOSED[name], strict=True):
        np.testing.assert_allclose(function(x), [closed(v) for v in x], rtol=1e-12, atol=1e-14)


@every_map
@given(x=st.floats(-20, 20), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_the_derivative_is_that_of_the_value(name, x, seed):
    h = 1e-5
    if abs(x) < 2 * h:  # the kink of some
        return
    slope = float((NAMED[name](x + h) - NAMED[name](x - h)) / (2 * h))
    assert float(NAMED[name].derivative(x)) == pytest.approx(slope, rel=1e-6, abs=1e-8)


@every_map
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_no_map_overflows_far_from_0(name, dtype):
    x = np.array([-800, 0, 800], dtype=dtype)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        y, slope = NAMED[name](x), NAMED[name].derivative(x)
    assert y.dtype == slope.dtype == x.dtype
    tolerance = {"rtol": 1e-4 if dtype == "float32" else 1e-12, "atol": 1e-14}
    np.testing.assert_allclose(y, EXTREMES[name][0], **tolerance)
    np.testing.assert_allclose(slope, EXTREMES[name][1], **tolerance)


@every_map
def test_not_a_number_stays_not_a_number(name):
    assert np.isnan(NAMED[name](np.array([np.nan, 1.0]))).tolist() == [True, False]


@every_map
@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 1, 3)], ids=str)
def test_any_shape_is_kept(name, shape):
    x = np.ones(shape)
    assert NAMED[name](x).shape == NAMED[name].derivative(x).shape == shape


@every_map
def test_neither_value_nor_derivative_writes_to_x(name):
    x = np.linspace(-2, 2, 5)
    x.flags.writeable = False
    for function in (NAMED[name], NAMED[name].derivative):
        function(x)


@every_map
def test_a_map_is_the_same_on_every_backend(name, place):
    x = np.linspace(-6, 6, 49)
    for function in (NAMED[name], NAMED[name].derivative):
        there = function(backend.move(x, place))
        assert backend.place_of(there) == place
        np.testing.assert_allclose(backend.host(there), function(x), rtol=1e-12, atol=1e-14)


@every_map
def test_a_named_map_travels_by_its_name(name):
    for trip in (lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy):
        assert trip(NAMED[name]) is NAMED[name]


def test_a_leaky_map_is_pickled_with_its_leak():
    x = np.array([-2.0, 0, 2])
    travelled = pickle.loads(pickle.dumps(maps.leaky(0.25)))
    assert travelled(x).tolist() == [-0.5, 0, 2]
    assert travelled.derivative(x).tolist() == [0.25, 0.25, 1]
    assert travelled.name == "leaky relu 0.25"


def test_only_maps_that_take_complex_numbers_are_called_smooth():
    for m in NAMED.values():
        if m.smooth:
            x = np.array([0.3 + 0.2j])
            assert np.iscomplexobj(m(x))
            assert np.iscomplexobj(m.derivative(x)) or m.name == "identity"
            report = gradient_check(m, rng=1, method="complex step")
            assert report.error <= 1e-13


def test_a_name_may_have_an_underscore():
    assert maps.named("half_square") is maps.named("half square") is maps.half_square
    assert Map("leaky_relu").map is maps.leaky_relu


def test_an_unknown_name_lists_the_names():
    with pytest.raises(ValueError, match="unknown map 'tanhh': expected one of identity, tanh"):
        Map("tanhh")


@pytest.mark.parametrize("arguments", [(abs,), (None, None), (3, 4), (abs, 2)], ids=str)
def test_a_function_without_its_derivative_is_refused(arguments):
    with pytest.raises(TypeError, match="a function and its derivative"):
        Map(*arguments)


@pytest.mark.parametrize("f", ["tanh", maps.tanh], ids=["name", "map"])
def test_a_named_map_takes_no_derivative_of_ones_own(f):
    with pytest.raises(TypeError, match="the map tanh brings its derivative"):
        Map(f, lambda x: x)


# --- functions of one's own -----------------------------------------------------------------------


def test_the_leaky_relu_of_a_course_by_single_numbers():
    leak = 0.3
    layer = Map(lambda d: [leak, 1][1 if d > 0 else 0] * d, lambda d: [leak, 1][1 if d > 0 else 0])
    x = np.array([[-2.0, 3], [0, -1], [5, 0.5]])
    with pytest.warns(UserWarning, match="takes single numbers only.*np.where"):
        y = layer(x)
    np.testing.assert_allclose(y, np.where(x > 0, x, leak * x), rtol=1e-15)
    dy = np.array([[1.0, 2], [3, 4], [5, 6]])
    np.testing.assert_allclose(layer.backprop(dy), np.where(x > 0, 1, leak) * dy, rtol=1e-15)


def test_how_to_write_it_fast_is_said_once():
    def step(d):
        return 1 if d > 0 else 0

    layer = Map(step, step)
    with pytest.warns(UserWarning, match="the function step takes single numbers") as said:
        layer([-1.0, 2])
        layer.backprop([1.0, 1])
        layer([-1.0, 2])
    assert len(said) == 1
    Map(step, step)([1.0])  # a second warning would be an error here


def test_a_constant_is_broadcast_to_x_without_a_warning():
    layer = Map(lambda d: d, lambda d: 1)
    x, dy = np.full((4, 3), 2.0), np.arange(12.0).reshape(4, 3)
    assert np.array_equal(layer(x), x)
    assert np.array_equal(layer.backprop(dy), dy)
    constant = Map(lambda d: 7, lambda d: 0)
    assert constant(x).tolist() == [[7.0] * 3] * 4
    assert not constant.backprop(dy).any()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_integer_that_comes_first_does_not_truncate_the_rest(dtype):
    m = scalar_map(lambda d: 0 if d < 0 else d / 3, lambda d: 0 if d < 0 else 1 / 3)
    x = np.array([-1, 2, 0.5], dtype=dtype)
    with pytest.warns(UserWarning, match="single numbers"):
        y, slope = m(x), m.derivative(x)
    assert y.dtype == slope.dtype == x.dtype
    np.testing.assert_allclose(y, [0, 2 / 3, 0.5 / 3], rtol=1e-6)
    np.testing.assert_allclose(slope, [0, 1 / 3, 1 / 3], rtol=1e-6)


def test_functions_that_need_arrays_are_given_arrays():
    seen = []

    def clipped(x):
        seen.append(x.shape)
        return x.clip(-1, 1)

    layer = Map(clipped, lambda x: abs(x) < 1)  # booleans count as 0 and 1
    x = np.array([[-2.0, 0.5], [3, 0.1]])
    assert layer(x).tolist() == [[-1, 0.5], [1, 0.1]]
    assert layer.backprop(np.full((2, 2), 7.0)).tolist() == [[0, 7], [0, 7]]
    assert seen[-1] == (2, 2)


@pytest.mark.parametrize(
    "function", [np.tanh, math.tanh, lambda d: math.tanh(d), lambda d: np.tanh(d)]
)
def test_a_function_of_numpy_or_of_math_will_do(function):
    layer, x = Map(function, lambda d: 1 - np.tanh(d) ** 2), np.linspace(-2, 2, 6).reshape(2, 3)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the function")
        np.testing.assert_allclose(layer(x), np.tanh(x), rtol=1e-14)


def test_an_object_that_can_be_called_will_do():
    class Power:
        def __init__(self, p, factor=1):
            self.p, self.factor = p, factor

        def __call__(self, x):
            return self.factor * x**self.p

    report = gradient_check(Map(Power(3), Power(2, 3)), rng=1)
    assert report.error <= 1e-8


def test_a_function_that_mixes_the_elements_is_applied_to_each_alone():
    layer = Map(lambda x: x - np.max(x), lambda x: 0 * x)  # a map is of one number
    with pytest.warns(UserWarning, match="single numbers"):
        assert not layer(np.array([1.0, 2, 3])).any()


@pytest.mark.parametrize("shape", [(0,), (0, 3), (4, 0)], ids=str)
def test_an_empty_x_never_calls_the_function(shape):
    def never(d):
        raise AssertionError

    layer = Map(never, never)
    assert layer(np.zeros(shape)).shape == shape
    assert layer.backprop(np.zeros(shape)).shape == shape


@pytest.mark.parametrize("shape", [(1,), (1, 1)], ids=str)
def test_a_single_element_does_not_pass_for_a_single_number(shape):
    # An array of one element can be asked `if x > 0`: it must not hide what larger arrays cannot.
    layer = Map(lambda d: d if d > 0 else 0, lambda d: 1 if d > 0 else 0)
    with pytest.warns(UserWarning, match="single numbers"):
        assert layer(np.full(shape, 2.0)).tolist() == np.full(shape, 2.0).tolist()
    assert layer(np.array([[-1.0, 2, 3]])).tolist() == [[0, 2, 3]]


def test_an_error_in_ones_own_function_comes_through():
    def broken(x):
        return x.no_such_method()

    with pytest.raises(AttributeError, match="no_such_method"):
        Map(broken, broken)(np.ones(3))


def test_own_functions_work_on_every_backend(place):
    x = np.linspace(-2, 2, 6).reshape(2, 3)
    layer = Map(cases.leak, cases.leak_slope).to(place.spec)
    with pytest.warns(UserWarning, match="single numbers"):
        y = layer(backend.move(x, place))
        dx = layer.backprop(backend.move(x, place))
    assert backend.place_of(y) == backend.place_of(dx) == place
    np.testing.assert_allclose(backend.host(y), np.where(x > 0, x, 0.3 * x), rtol=1e-14)
    np.testing.assert_allclose(backend.host(dx), np.where(x > 0, x, 0.3 * x), rtol=1e-14)


def test_a_scalar_map_of_ones_own_is_used_as_it_is(rng):
    own = ScalarMap("fifth", lambda xp, x: x**5, lambda xp, x: 5 * x**4, smooth=True)
    assert scalar_map(own) is own
    assert str(Map(own)) == "Map fifth"
    assert gradient_check(Map(own), rng=rng).error <= 1e-13


def test_a_map_takes_numbers_and_lists():
    assert maps.relu([-1, 2]).tolist() == [0, 2]
    assert float(maps.half_square(3)) == 4.5
