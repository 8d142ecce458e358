"""Pooled patches, against the same thing written place by place."""

import numpy as np
import pytest

from minigrad import Affinity, Network, backend
from minigrad.errors import NotFiniteError, ShapeError
from minigrad.hebbian import Oja, PooledPatches, encode
from minigrad.hebbian import pooling as pooling_module

SHAPE, SIZE, STRIDE, POOL, UNITS = (7, 9), (3, 2), (2, 1), (2, 3), 4  # 3 x 8 places


def triangles(n, pool, overlap):
    """The share of place j in region i, by the formula: (pool, n)."""
    width, found = n / pool, np.zeros((pool, n))
    for i in range(pool):
        for j in range(n):
            d = abs((j + 0.5) - (i + 0.5) * width) / width
            found[i, j] = max(0.0, 1 - d / overlap)
        found[i] /= sum(found[i])
    return found


def place_by_place(W, image, threshold, normalise, polarities, overlap=None, power=1.0):
    """y (m, pool, pool) of one image (h, w), by the formulas."""
    (about, c), (kh, kw) = threshold, SIZE
    rows, columns = 3, 8
    sums = np.zeros((polarities * UNITS, *POOL))
    if overlap is not None:
        down, across = (triangles(n, r, overlap) for n, r in zip((3, 8), POOL, strict=True))
    for i in range(rows):
        for j in range(columns):
            top, left = STRIDE[0] * i, STRIDE[1] * j
            v = image[top : top + kh, left : left + kw].reshape(-1)
            if normalise:
                v = (v - v.mean()) / np.sqrt(v.var() + 0.01)
            p = W @ v
            both = [p, -p][:polarities]
            mean = [c * q.mean() if about == "mean" else q.mean() + c * q.std() for q in both]
            q = np.concatenate([np.maximum(0, a - b) for a, b in zip(both, mean, strict=True)])
            if overlap is None:
                sums[:, i * POOL[0] // rows, j * POOL[1] // columns] += q
            else:
                sums += q[:, None, None] * np.outer(down[:, i], across[:, j])
    return sums**power


@pytest.mark.parametrize("threshold", [("mean", 1.5), ("std", 0.5), ("std", -0.3)])
@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("polarities", [1, 2])
def test_every_place_counts_once_in_its_region(
    threshold, normalise, polarities, spec, place, rng, monkeypatch
):
    monkeypatch.setattr(pooling_module, "NUMBERS", 3 * 24 * UNITS)  # 3 images at a time
    W, x = rng.standard_normal((UNITS, 6)), rng.random((5, *SHAPE))
    layer = PooledPatches(W, SHAPE, SIZE, STRIDE, POOL, threshold, normalise, polarities).to(spec)
    expected = [place_by_place(W, image, threshold, normalise, polarities) for image in x]
    y = layer(backend.move(x.reshape(5, -1), place))
    assert backend.place_of(y) == place and layer.out_shape == (polarities * UNITS, *POOL)
    np.testing.assert_allclose(
        backend.host(y).reshape(5, *layer.out_shape), expected, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("overlap", [None, 1, 1.8])
@pytest.mark.parametrize("power", [0.5, 1.5])
def test_regions_may_overlap_and_sums_be_raised(overlap, power, spec, place, rng):
    W, x = rng.standard_normal((UNITS, 6)), rng.random((5, *SHAPE))
    layer = PooledPatches(
        W, SHAPE, SIZE, STRIDE, POOL, ("std", 0.5), overlap=overlap, power=power
    ).to(spec)
    expected = [place_by_place(W, image, ("std", 0.5), False, 1, overlap, power) for image in x]
    y = backend.host(layer(backend.move(x.reshape(5, -1), place)))
    np.testing.assert_allclose(y.reshape(5, *layer.out_shape), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("pool", [1, (3, 4), (7, 9)])
@pytest.mark.parametrize("overlap", [1, 2.5])
def test_each_region_is_a_mean_that_mirrors(pool, overlap):
    layer = PooledPatches(np.ones((1, 1)), SHAPE, 1, pool=pool, overlap=overlap)
    regions = layer._regions().reshape(*layer.pool, *SHAPE)
    np.testing.assert_allclose(regions.sum(axis=(2, 3)), 1, rtol=1e-12)
    np.testing.assert_allclose(regions, regions[::-1, ::-1, ::-1, ::-1], atol=1e-12)


def test_leading_axes_one_image_and_members_of_a_stack(rng):
    layer, x = PooledPatches(rng.random((4, 6)), SHAPE, SIZE, pool=POOL), rng.random((2, 3, 63))
    y = layer(x)
    assert y.shape == (2, 3, layer.m) == (2, 3, 24) and layer.n == 63
    np.testing.assert_allclose(layer(x[1, 2]), y[1, 2], rtol=1e-12)
    np.testing.assert_allclose(encode(layer, x[0], batch=2), y[0], rtol=1e-12)
    net = Network(layer, Affinity(24, 2)).stack(2, rng=1)
    one = net.layers[0]
    np.testing.assert_allclose(one(x), y, rtol=1e-12)
    np.testing.assert_allclose(one(x[0]), np.stack([y[0], y[0]]), rtol=1e-12)


def test_regions_are_as_even_as_places_allow():
    layer = PooledPatches(np.ones((1, 9)), (28, 28), 3, 2, 3, ("std", 0))
    assert layer.places == (13, 13)
    sums = layer._regions().sum(axis=1).reshape(3, 3)
    np.testing.assert_array_equal(sums, np.outer([5, 4, 4], [5, 4, 4]))
    assert layer._regions().sum() == 169


def test_a_flat_patch_says_nothing_and_a_faint_one_little(rng):
    layer = PooledPatches(rng.standard_normal((4, 6)), SHAPE, SIZE, normalise=True)
    flat = layer(np.full(63, 0.7))
    assert np.abs(flat).max() < 1e-12
    faint = 1e-6 * rng.random(63)
    assert np.abs(layer(faint)).max() < 1e-3


def test_the_weights_of_a_layer_are_copied_and_are_not_trained(rng):
    units = Oja(6, rng=1)
    layer = PooledPatches(units, SHAPE, SIZE)
    np.testing.assert_array_equal(layer.W, units.W)
    assert (
        layer.trained() == [] and str(layer) == "PooledPatches 7x9 -> 1 units of 3x2, 3x3 regions"
    )
    many = PooledPatches(rng.random((4, 6)).astype("float32"), SHAPE, SIZE, pool=1)
    assert many.theta.dtype == np.float32 and many(np.ones(63, "float32")).dtype == np.float32


@pytest.mark.parametrize(
    "change, kind, message",
    [
        ({"shape": (7, 9, 1)}, ValueError, "shape: expected 2 positive integers"),
        ({"size": 8}, ShapeError, r"patches of \(8, 8\) do not fit in images of \(7, 9\)"),
        ({"size": (2, 4)}, ShapeError, r"expected 8 weights a unit, .* came \(4, 6\)"),
        ({"stride": 0}, ValueError, "stride: expected 1 or 2 positive integers, came 0"),
        ({"pool": (6, 1)}, ValueError, r"\(6, 1\) regions are more than the places, 5 x 8"),
        ({"threshold": ("max", 1)}, ValueError, r"expected \(\"mean\", c\) or \(\"std\", c\)"),
        ({"threshold": 1.5}, ValueError, "threshold: .* came 1.5"),
        ({"threshold": ("mean", np.nan)}, ValueError, "threshold: .* nan"),
        ({"polarities": 3}, ValueError, "polarities: expected 1 or 2, came 3"),
        ({"overlap": 0.9}, ValueError, "overlap: expected a number of at least 1, .* came 0.9"),
        ({"overlap": np.inf}, ValueError, "overlap: .* inf"),
        ({"power": 0}, ValueError, "power: expected a positive number, came 0"),
        ({"power": np.nan}, ValueError, "power: .* nan"),
        ({"W": np.full((4, 6), np.inf)}, NotFiniteError, r"W has inf at \(0, 0\)"),
        ({"W": np.ones(6)}, ShapeError, r"\(m, n\), came \(6,\)"),
    ],
)
def test_what_does_not_fit_is_refused(change, kind, message):
    given = {"W": np.ones((4, 6)), "shape": SHAPE, "size": SIZE, **change}
    with pytest.raises(kind, match=message):
        PooledPatches(**given)


def test_images_of_another_size_are_refused():
    with pytest.raises(ShapeError, match="64 features, expected 63"):
        PooledPatches(np.ones((4, 6)), SHAPE, SIZE)(np.ones((2, 64)))
