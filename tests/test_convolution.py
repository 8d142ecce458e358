"""Conv2d: against loops, scipy and torch, as an adjoint, on a torus, behind a mask, in stacks."""

import cases
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.signal import correlate2d

import minigrad
from minigrad import Conv2d, Map, Network, backend, gradient_check, stacks
from minigrad.errors import ShapeError

CLOSE = {"rtol": 1e-12, "atol": 1e-13}
RING = [[1, 1, 1], [1, 0, 1], [1, 1, 1]]
SHAPES = [  # (shape, filters, kernel, stride, padding)
    ((2, 4, 5), 3, (3, 1), 1, "same"),
    ((3, 5, 4), 2, (1, 5), (2, 3), "same"),
    ((4, 6), 2, (5, 7), 1, "same"),  # higher and wider than what is on either side
    ((2, 5, 3), 3, (3, 5), 1, "wrap"),
    ((1, 5, 4), 2, 3, (3, 2), "wrap"),
    ((2, 1, 4), 2, 3, 1, "wrap"),
    ((2, 5, 7), 3, (2, 4), 1, "valid"),
    ((3, 7, 4), 2, (3, 2), (2, 1), "valid"),
    ((4, 3), 2, (4, 3), 5, "valid"),
]
every_shape = pytest.mark.parametrize("arguments", SHAPES, ids=str)


def drawn(arguments, rng, **kwargs):
    """A layer of these arguments, every parameter drawn."""
    layer = Conv2d(*arguments, **kwargs)
    layer.theta = rng.standard_normal(layer.theta.shape)
    return layer


def by_loops(layer, x, M=None):
    """y (filters, h_out, w_out) of one image, term by term, out of the arguments alone."""
    M = layer.M if M is None else M
    channels, height, width = layer.shape
    (kh, kw), (s, t) = M.shape[2:], layer.stride
    p, q = (0, 0) if layer.padding == "valid" else ((kh - 1) // 2, (kw - 1) // 2)
    if layer.padding == "valid":
        rows, columns = range(0, height - kh + 1, s), range(0, width - kw + 1, t)
    else:
        rows, columns = range(0, height, s), range(0, width, t)
    x, y = x.reshape(layer.shape), np.zeros((len(M), len(rows), len(columns)))
    for f, r, c in np.ndindex(y.shape):
        y[f, r, c] = layer.b[f]
        for k, i, j in np.ndindex(channels, kh, kw):
            u, v = rows[r] + i - p, columns[c] + j - q
            if layer.padding == "wrap":
                u, v = u % height, v % width
            if 0 <= u < height and 0 <= v < width:
                y[f, r, c] += M[f, k, i, j] * x[k, u, v]
    return y


def passed(layer, x, dy):
    """y, dE/dx and dE/dtheta, on the host, of one forward and backprop from grad 0."""
    layer.zero_grad()
    y = layer(x)
    dx = layer.backprop(dy)
    return [np.array(backend.host(a)) for a in (y, dx, layer.grad)]


# --- values ---------------------------------------------------------------------------------------


@every_shape
def test_the_output_is_the_sum_of_the_definition(arguments, rng):
    layer = drawn(arguments, rng)
    x = rng.standard_normal((2, layer.n))
    y = layer(x)
    for image, out in zip(x, y, strict=True):
        expected = by_loops(layer, image)
        assert expected.shape == layer.out_shape
        np.testing.assert_allclose(out, expected.ravel(), **CLOSE)


@every_shape
def test_the_gradients_are_those_of_the_definition(arguments, rng):
    """The output is linear in x and in M, so a unit vector in their place gives each slope."""
    layer = drawn(arguments, rng)
    x, dy = rng.standard_normal(layer.n), rng.standard_normal(layer.m)
    layer(x)
    dx = layer.backprop(dy)
    base = by_loops(layer, np.zeros(layer.n)).ravel()
    expected = [dy @ (by_loops(layer, e).ravel() - base) for e in np.eye(layer.n)]
    np.testing.assert_allclose(dx, expected, **CLOSE)
    units = np.eye(layer.M.size).reshape(-1, *layer.M.shape)
    expected = [dy @ (by_loops(layer, x, M=e).ravel() - base) for e in units]
    np.testing.assert_allclose(layer.dM.ravel(), expected, **CLOSE)
    np.testing.assert_allclose(layer.db, dy.reshape(len(layer.b), -1).sum(-1), **CLOSE)


@every_shape
def test_the_gradient_check_passes(arguments, rng):
    layer = drawn(arguments, rng)
    x = rng.standard_normal((2, layer.n))
    assert gradient_check(layer, x, rng=rng, method="complex step").error <= 1e-13


@pytest.mark.parametrize("padding", ["same", "wrap", "valid"])
def test_scipy_correlates_alike(padding, rng):
    layer = drawn(((2, 6, 5), 3, (3, 5), 1, padding), rng)
    x = rng.standard_normal((2, 6, 5))
    mode = "valid" if padding == "valid" else "same"
    boundary = "wrap" if padding == "wrap" else "fill"
    expected = [
        sum(correlate2d(x[k], M[k], mode, boundary) for k in range(2)) + b
        for M, b in zip(layer.M, layer.b, strict=True)
    ]
    y = layer(x.ravel()).reshape(layer.out_shape)
    np.testing.assert_allclose(y, expected, **CLOSE)


@pytest.mark.skipif(cases.is_installed("torch") is None, reason="torch is not installed")
@pytest.mark.parametrize("arguments", [s for s in SHAPES if s[-1] != "wrap"], ids=str)
def test_torch_convolves_alike(arguments, rng):
    import torch

    layer = drawn(arguments, rng)
    x, dy = rng.standard_normal((3, layer.n)), rng.standard_normal((3, layer.m))
    y, dx, grad = passed(layer, x, dy)
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, layer.M, layer.b)]
    images, M, b = leaves[0].reshape(3, *layer.shape), *leaves[1:]
    out = torch.nn.functional.conv2d(images, M, b, layer.stride, layer.margin)
    assert out.shape[1:] == layer.out_shape
    out.backward(torch.tensor(dy.reshape(out.shape)))
    np.testing.assert_allclose(y, out.detach().numpy().reshape(3, -1), **CLOSE)
    dx_too, dM, db = (leaf.grad.numpy() for leaf in leaves)
    np.testing.assert_allclose(dx, dx_too, **CLOSE)
    np.testing.assert_allclose(grad, np.concatenate([dM.ravel(), db]), **CLOSE)


def test_a_convolution_by_hand():
    layer = Conv2d((2, 3), 1, (1, 2), padding="valid")
    layer.M, layer.b = [[[[1, 10]]]], [100]
    assert layer([1, 2, 3, 4, 5, 6]).tolist() == [121, 132, 154, 165]  # no flip: 1 * left
    assert layer.backprop([1, 0, 0, -2]).tolist() == [1, 10, 0, 0, -2, -20]
    assert layer.dM.tolist() == [[[[1 - 10, 2 - 12]]]]
    assert layer.db.tolist() == [-1]


def test_same_and_wrap_by_hand():
    kernel = [[[[1, 10, 100]]]]
    same, wrap = Conv2d((1, 1, 3), 1, (1, 3)), Conv2d((1, 1, 3), 1, (1, 3), padding="wrap")
    same.M = wrap.M = kernel
    assert same([1, 2, 3]).tolist() == [210, 321, 32]
    assert wrap([1, 2, 3]).tolist() == [213, 321, 132]
    assert same.backprop([1, 0, 0]).tolist() == [10, 100, 0]
    assert wrap.backprop([1, 0, 0]).tolist() == [10, 100, 1]


def test_channels_come_first_and_columns_run_fastest():
    layer = Conv2d((2, 2, 3), 2, 1)
    layer.M = np.array([[1, 10], [0, -1]]).reshape(2, 2, 1, 1)
    x = np.arange(12.0)
    assert layer(x).tolist() == [*(x[:6] + 10 * x[6:]), *-x[6:]]


def test_a_stride_takes_every_second_of_what_is_without(rng):
    for padding in ("same", "wrap", "valid"):
        plain = drawn(((2, 5, 6), 3, 3, 1, padding), rng)
        strided = Conv2d((2, 5, 6), 3, 3, (2, 3), padding)
        strided.theta = plain.theta
        x = rng.standard_normal(plain.n)
        every = plain(x).reshape(plain.out_shape)[:, ::2, ::3]
        assert strided.out_shape == every.shape
        np.testing.assert_allclose(strided(x), every.ravel(), **CLOSE)


# --- the adjoint ----------------------------------------------------------------------------------


@st.composite
def arguments_of_any_kind(draw):
    channels, h, w, filters = (draw(st.integers(1, top)) for top in (3, 6, 6, 3))
    padding = draw(st.sampled_from(["same", "valid", "wrap"]))
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    if padding == "valid":
        kernel = min(kernel[0], h), min(kernel[1], w)
    else:
        assume(kernel[0] % 2 and kernel[1] % 2)
    if padding == "wrap":
        assume(kernel[0] // 2 <= h and kernel[1] // 2 <= w)
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    return (channels, h, w), filters, kernel, stride, padding


@given(arguments_of_any_kind(), st.lists(st.integers(1, 3), max_size=2), st.booleans())
@settings(max_examples=60, deadline=None)
def test_backprop_is_the_adjoint_of_the_linear_part(arguments, batch, masked):
    rng = np.random.default_rng(1)
    kernel = arguments[2]
    mask = rng.integers(0, 2, kernel) if masked else None
    layer = Conv2d(*arguments, rng=rng, mask=mask)
    x, dy = rng.standard_normal((*batch, layer.n)), rng.standard_normal((*batch, layer.m))
    y, dx, grad = passed(layer, x, dy)
    assert y.shape == (*batch, layer.m)
    assert layer.m == backend.size(layer.out_shape)
    if arguments[-1] != "valid":
        assert layer.out_shape[1:] == tuple(
            -(-size // step) for size, step in zip(layer.shape[1:], arguments[3], strict=True)
        )
    close = {"rel": 1e-11, "abs": 1e-11}
    assert (y * dy).sum() == pytest.approx((x * dx).sum(), **close)
    assert (y * dy).sum() == pytest.approx(layer.theta @ grad, **close)  # linear in M too, b = 0


# --- the torus ------------------------------------------------------------------------------------


@pytest.mark.parametrize("down", [0, 1, -2])
@pytest.mark.parametrize("across", [0, 2, -1])
def test_wrap_commutes_with_rolls(down, across, rng):
    layer = drawn(((2, 4, 5), 3, (3, 5), 1, "wrap"), rng)

    def roll(a, shape):
        images = a.reshape(*a.shape[:-1], *shape)
        return np.roll(images, (down, across), (-2, -1)).reshape(a.shape)

    x, dy = rng.standard_normal((2, layer.n)), rng.standard_normal((2, layer.m))
    y, dx, grad = passed(layer, x, dy)
    rolled = passed(layer, roll(x, layer.shape), roll(dy, layer.out_shape))
    expected = roll(y, layer.out_shape), roll(dx, layer.shape), grad
    for a, b in zip(rolled, expected, strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)


def test_same_is_no_torus(rng):
    same, wrap = (drawn(((4, 5), 1, 3, 1, padding), rng) for padding in ("same", "wrap"))
    wrap.theta = same.theta
    x = rng.standard_normal(20)
    differs = np.abs(same(x) - wrap(x)).reshape(4, 5) > 1e-9
    assert not differs[1:-1, 1:-1].any()
    assert differs[0].all() and differs[-1].all() and differs[:, 0].all() and differs[:, -1].all()


# --- the mask -------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", ["same", "wrap", "valid"])
def test_what_is_masked_has_no_say_and_no_gradient(padding, rng):
    layer = drawn(((2, 4, 5), 3, 3, 1, padding), rng, mask=RING)
    open_one = drawn(((2, 4, 5), 3, 3, 1, padding), rng)
    open_one.M, open_one.b = layer.M * np.array(RING), layer.b
    x, dy = rng.standard_normal((2, layer.n)), rng.standard_normal((2, layer.m))
    y, dx, _ = passed(layer, x, dy)
    y_too, dx_too, _ = passed(open_one, x, dy)
    np.testing.assert_allclose(y, y_too, **CLOSE)
    np.testing.assert_allclose(dx, dx_too, **CLOSE)
    assert not layer.dM[..., 1, 1].any()
    assert open_one.dM[..., 1, 1].all()
    np.testing.assert_allclose(layer.dM, open_one.dM * np.array(RING), **CLOSE)
    layer.M[..., 1, 1] = 1e9
    np.testing.assert_allclose(layer(x), y, **CLOSE)


def test_with_the_centre_masked_no_pixel_sees_itself(rng):
    layer = drawn(((4, 5), 1, 3, 1, "wrap"), rng, mask=RING)
    slopes = layer(np.eye(20)) - layer(np.zeros(20))
    assert not np.diag(slopes).any()
    assert (slopes != 0).sum() == 20 * 8


def test_a_mask_may_differ_from_filter_to_filter(rng):
    mask = rng.integers(0, 2, (3, 1, 3, 1)).astype(bool)
    layer = drawn(((2, 4, 5), 3, (3, 1)), rng, mask=mask)
    x, dy = rng.standard_normal(layer.n), rng.standard_normal(layer.m)
    np.testing.assert_allclose(layer(x), by_loops(layer, x, M=layer.M * mask).ravel(), **CLOSE)
    layer.backprop(dy)
    assert np.array_equal(layer.dM != 0, np.broadcast_to(mask, (3, 2, 3, 1)))


def test_a_mask_is_as_well_a_list_an_array_or_an_array_of_another_library(place, rng):
    x, dy = rng.standard_normal((2, 20)), rng.standard_normal((2, 20))
    expected = passed(Conv2d((4, 5), 1, 3, rng=1, mask=RING), x, dy)
    for mask in (np.array(RING, bool), np.array(RING, "float32"), backend.move(RING, place)):
        got = passed(Conv2d((4, 5), 1, 3, rng=1, mask=mask), x, dy)
        for a, b in zip(got, expected, strict=True):
            assert np.array_equal(a, b)


# --- batches, stacks, backends, networks ----------------------------------------------------------


@pytest.mark.parametrize("batch", [(), (3,), (2, 3), (2, 1, 3), (0,), (2, 0)], ids=str)
@pytest.mark.parametrize("padding", ["same", "wrap", "valid"])
def test_any_leading_axes_are_a_batch(batch, padding, rng):
    layer = drawn(((2, 4, 5), 3, 3, (1, 2), padding), rng, mask=RING)
    x, dy = rng.standard_normal((*batch, layer.n)), rng.standard_normal((*batch, layer.m))
    y, dx, grad = passed(layer, x, dy)
    assert (y.shape, dx.shape) == (dy.shape, x.shape)
    summed = np.zeros_like(grad)
    for i in np.ndindex(*batch):
        y_i, dx_i, grad_i = passed(layer, x[i], dy[i])
        np.testing.assert_allclose(y[i], y_i, **CLOSE)
        np.testing.assert_allclose(dx[i], dx_i, **CLOSE)
        summed += grad_i
    np.testing.assert_allclose(grad, summed, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("padding", ["same", "wrap", "valid"])
@pytest.mark.parametrize("shared", [False, True], ids=["data of their own", "shared data"])
def test_a_stack_equals_its_members(padding, shared, rng):
    stack = stacks.stack(Conv2d((2, 4, 5), 3, 3, 2, padding, mask=RING), 4)
    assert stack.M.shape == (4, 3, 2, 3, 3)
    assert stack.b.shape == (4, 1, 3)
    stack.theta = rng.standard_normal(stack.theta.shape)
    x, dy = rng.standard_normal((4, 3, stack.n)), rng.standard_normal((4, 3, stack.m))
    if shared:
        x[:] = x[0]
    y, dx, grad = passed(stack, x[0] if shared else x, dy)
    for k in range(4):
        alone = passed(stacks.member(stack, k), x[k], dy[k])
        for a, b in zip((y[k], dx[k], grad[k]), alone, strict=True):
            np.testing.assert_allclose(a, b, **CLOSE)


@pytest.mark.parametrize("lead", [(), (4,)], ids=["alone", "a stack"])
@pytest.mark.parametrize("padding", ["same", "wrap", "valid"])
def test_every_backend_computes_alike(spec, place, padding, lead, rng):
    layer = Conv2d((2, 4, 5), 3, 3, (2, 1), padding, mask=RING)
    layer = stacks.stack(layer, *lead) if lead else layer
    layer.theta = rng.standard_normal(layer.theta.shape)
    x = rng.standard_normal((*lead, 3, layer.n))
    dy = rng.standard_normal((*lead, 3, layer.m))
    expected = passed(layer, x, dy)
    there = layer.to(spec)
    got = passed(there, backend.move(x, place), backend.move(dy, place))
    assert backend.place_of(there(backend.move(x, place))) == place
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)


def test_a_layer_may_be_born_elsewhere(spec, place):
    expected = Conv2d((2, 4, 5), 3, 3, rng=1, mask=RING)(np.ones(40))
    minigrad.use(spec)
    layer = Conv2d((2, 4, 5), 3, 3, rng=1, mask=RING)
    assert layer.place == place
    y = layer(backend.move(np.ones(40), place))
    np.testing.assert_allclose(backend.host(y), expected, **CLOSE)


def test_float32_is_float32_throughout(rng):
    layer = Conv2d((4, 5), 2, 3, rng=1, mask=np.array(RING, float), dtype="float32")
    x, dy = rng.standard_normal((2, 20)), rng.standard_normal((2, 40))
    got = passed(layer, x.astype("float32"), dy.astype("float32"))
    assert {a.dtype for a in got} == {np.dtype("float32")}
    for a, b in zip(got, passed(layer.to(dtype="float64"), x, dy), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_one_layer_takes_the_shape_that_another_gives(rng):
    first = Conv2d((5, 6), 2, 3, stride=2, rng=1)
    second = Conv2d(first.out_shape, 3, (2, 3), padding="valid", rng=2)
    assert (first.shape, first.out_shape) == ((1, 5, 6), (2, 3, 3))
    assert (second.shape, second.out_shape) == ((2, 3, 3), (3, 2, 1))
    net = Network(first, Map("tanh"), second)
    assert gradient_check(net, rng.standard_normal((4, 30)), rng=rng).passed
    x, target = rng.standard_normal((8, 30)), rng.standard_normal((8, 6))
    history = net.fit(x, target, epochs=5, batch=4, rng=1)
    assert history.loss[-1] < history.loss[0]


def test_a_start_is_drawn_as_asked():
    shape, kernel = (2, 4, 5), (3, 1)
    drawn = minigrad.initializers.he()(np.random.default_rng(1), (3, 2, *kernel))
    layer = Conv2d(shape, 3, kernel, init="he", bias="ones", rng=1)
    assert np.array_equal(layer.M, drawn)
    assert layer.b.tolist() == [1, 1, 1]
    layer = Conv2d(shape, 3, kernel)
    assert layer.M.all()
    assert not layer.b.any()


def test_the_name_says_the_shapes_and_what_else_a_saved_theta_depends_on():
    assert str(Conv2d((4, 5), 2, 3)) == "Conv2d 1x4x5 -> 2x4x5, same"
    layer = Conv2d((2, 4, 5), 3, (1, 2), (2, 1), "valid", mask=[[1, 0]])
    assert str(layer) == "Conv2d 2x4x5 -> 3x2x4, valid, stride 2x1, masked"


# --- what is refused ------------------------------------------------------------------------------

REFUSED = [
    ({"shape": (2, 4, 5, 6)}, r"shape: expected 2 or 3 positive integers, came \(2, 4, 5, 6\)"),
    ({"shape": 20}, "shape: expected 2 or 3 positive integers, came 20"),
    ({"shape": (4, 0)}, r"shape: expected .*, came \(4, 0\)"),
    ({"shape": "45"}, "shape: expected .*, came '45'"),
    ({"filters": 0}, "filters: expected 1 positive integers, came 0"),
    ({"filters": True}, "filters: expected .*, came True"),
    ({"filters": (1, 2)}, r"filters: expected .*, came \(1, 2\)"),
    ({"kernel": -3}, "kernel: expected 1 or 2 positive integers, came -3"),
    ({"kernel": (3, 3, 3)}, r"kernel: expected .*, came \(3, 3, 3\)"),
    ({"kernel": 3.0}, "kernel: expected .*, came 3.0"),
    ({"kernel": "3"}, "kernel: expected .*, came '3'"),
    ({"kernel": np.array([3, 3])}, r"kernel: expected .*, came array\(\[3, 3\]\)"),
    ({"kernel": None}, "kernel: expected .*, came None"),
    ({"stride": 0}, "stride: expected 1 or 2 positive integers, came 0"),
    ({"stride": (1, "2")}, r"stride: expected .*, came \(1, '2'\)"),
    ({"padding": "full"}, "padding: expected one of same, wrap, valid, came 'full'"),
    ({"padding": 1}, "padding: expected one of same, wrap, valid, came 1"),
    ({"kernel": 2}, r"kernel: 'same' needs odd sizes, which have a centre, came \(2, 2\)"),
    ({"kernel": (3, 4)}, r"kernel: 'same' needs odd sizes, which have a centre, came \(3, 4\)"),
    (
        {"kernel": (3, 4), "padding": "wrap"},
        r"kernel: 'wrap' needs odd sizes, up to \(9, 11\), came \(3, 4\)",
    ),
    (
        {"kernel": (11, 3), "padding": "wrap"},
        r"kernel: 'wrap' needs odd sizes, up to \(9, 11\), came \(11, 3\)",
    ),
    (
        {"kernel": (5, 3), "padding": "valid"},
        r"kernel: 'valid' needs sizes within those of the image, \(4, 5\), came \(5, 3\)",
    ),
    (
        {"kernel": (3, 6), "padding": "valid"},
        r"kernel: 'valid' needs sizes within those of the image, \(4, 5\), came \(3, 6\)",
    ),
    (
        {"mask": np.ones((2, 3))},
        r"mask: expected shape \(3, 3\) or \(2, 1, 3, 3\), came \(2, 3\)",
    ),
    ({"mask": np.ones((3, 2))}, r"mask: expected .*, came \(3, 2\)"),
    ({"mask": np.ones((1, 2, 1, 3, 3))}, r"mask: expected .*, came \(1, 2, 1, 3, 3\)"),
    ({"mask": np.ones((3, 1, 3, 3))}, r"mask: expected .*, came \(3, 1, 3, 3\)"),
    ({"mask": [[1, 1], [1]]}, "different lengths"),
]


@pytest.mark.parametrize(("wrong", "message"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_makes_no_convolution_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Conv2d(**{"shape": (4, 5), "filters": 2, "kernel": 3, **wrong})


def test_a_mask_that_is_no_numbers_is_refused():
    with pytest.raises(TypeError, match="expected an array or a list of numbers, came a str"):
        Conv2d((4, 5), 2, 3, mask="ring")


def test_lists_and_numpy_integers_are_sizes_too():
    layer = Conv2d([np.int64(2), 4, 5], np.int32(3), [3, np.int8(1)], [1, 2])
    assert layer.out_shape == (3, 4, 3)
    assert all(type(size) is int for size in (*layer.shape, *layer.out_shape, layer.n, layer.m))


def test_an_input_of_another_width_is_refused_by_name():
    with pytest.raises(ShapeError, match="Conv2d 1x4x5 -> 2x4x5, same: the input has 21 features"):
        Conv2d((4, 5), 2, 3)(np.ones((2, 21)))
