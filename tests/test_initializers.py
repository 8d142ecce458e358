"""Where weights start: bounds and moments of each initializer, and who may write one."""

import math
import pickle

import numpy as np
import pytest

from minigrad import Affinity, LayerNorm, Network, backend, initializers
from minigrad.errors import ShapeError

LARGE = (300, 200)  # fan out 300, fan in 200


def drawn(start, shape=LARGE, seed=5):
    return initializers.initializer(start)(np.random.default_rng(seed), shape)


@pytest.mark.parametrize("scale", [1.0, 2.5])
@pytest.mark.parametrize(
    "make, deviation, bound",
    [
        (initializers.normal, 1, math.inf),
        (initializers.uniform, 1 / math.sqrt(3), 1),
        (initializers.glorot, math.sqrt(2 / 500), math.sqrt(6 / 500)),
        (initializers.he, math.sqrt(2 / 200), math.inf),
    ],
)
def test_an_initializer_has_its_deviation_and_bound(make, deviation, bound, scale):
    values = drawn(make(scale))
    assert values.shape == LARGE
    # 60,000 draws: the standard error of the deviation is below 0.3 %, of the mean 0.4 %
    assert values.std() == pytest.approx(scale * deviation, rel=0.015)
    assert values.mean() == pytest.approx(0, abs=0.02 * scale * deviation)
    assert np.abs(values).max() <= scale * bound
    if bound < math.inf:
        assert np.abs(values).max() > 0.99 * scale * bound


def test_the_fan_in_of_a_kernel_counts_its_further_axes():
    values = drawn("he", (40, 30, 7))
    assert values.std() == pytest.approx(math.sqrt(2 / 210), rel=0.03)
    bound = math.sqrt(6 / (210 + 280))
    assert 0.99 * bound < np.abs(drawn("glorot", (40, 30, 7))).max() <= bound


def test_zeros_and_ones():
    assert not drawn("zeros", (3, 2)).any()
    assert (drawn("ones", (3,)) == 1).all()


@pytest.mark.parametrize("name", initializers.NAMED)
@pytest.mark.parametrize("shape", [(), (1,), (3,), (3, 2), (3, 2, 4)], ids=str)
def test_every_name_draws_any_shape_finite(name, shape):
    values = np.asarray(drawn(name, shape))
    assert values.shape == shape
    assert np.isfinite(values).all()


@pytest.mark.parametrize("name", initializers.NAMED)
def test_a_layer_keeps_its_initializer_when_pickled(name):
    layer = pickle.loads(pickle.dumps(Affinity(3, 2, init=name)))
    layer.randomize(7)
    np.testing.assert_array_equal(layer.M, drawn(name, (2, 3), seed=7))


def test_an_unknown_name_lists_the_names():
    with pytest.raises(ValueError, match="unknown initializer 'glorott': expected one of zeros"):
        Affinity(3, 2, init="glorott")


def test_glorot_and_a_bias_of_0_are_the_start_unless_told():
    layer = Affinity(200, 300, rng=5)
    np.testing.assert_array_equal(layer.M, drawn("glorot"))
    assert not layer.b.any()
    assert (LayerNorm(3).gain == 1).all()


def test_a_function_of_ones_own_is_asked_for_the_shape():
    asked = []

    def start(rng, shape):
        asked.append(shape)
        return rng.uniform(5, 6, shape)

    layer = Affinity(3, 2, init=start, bias=start, rng=1)
    assert asked == [(2, 3), (2,)]
    assert (layer.theta >= 5).all()
    first = layer.theta.copy()
    assert not np.array_equal(layer.randomize(2).theta, first)
    assert (layer.theta >= 5).all()


@pytest.mark.parametrize("shape", [(3, 2), (6,)], ids=str)
def test_a_function_of_ones_own_that_makes_another_shape_is_refused(shape):
    with pytest.raises(ShapeError, match="M"):
        Affinity(3, 2, init=lambda rng, _: np.ones(shape))


def test_the_same_seed_is_the_same_start_on_every_backend(spec, place):
    def net():
        return Network(Affinity(4, 3, rng=1), Affinity(3, 2, init="he", bias="normal", rng=2))

    here = net()
    there = here.to(spec)
    for array in (there.theta, there.randomize(9).theta):
        assert backend.place_of(array) == place
    np.testing.assert_array_equal(backend.host(there.theta), here.randomize(9).theta)


def test_the_start_in_float32_is_that_in_float64_rounded():
    double, single = Affinity(4, 3, rng=1), Affinity(4, 3, rng=1, dtype="float32")
    np.testing.assert_array_equal(single.theta, double.theta.astype("float32"))
