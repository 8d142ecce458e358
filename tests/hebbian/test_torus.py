"""The torus: its neighbourhoods by enumeration, and the competition on it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import backend
from minigrad.hebbian.sparse import SparseLayer
from minigrad.hebbian.torus import Torus, only

SIDES = [((4, 3), 1), ((5, 7), 2), ((5, 6), 0), ((8, 7), 3)]


def enumerated(side, radius):
    """Who is whose neighbour, one by one."""
    rows, columns = side
    near = np.zeros((rows * columns, rows * columns))
    steps = range(-radius, radius + 1)
    for row in range(rows):
        for column in range(columns):
            for down in steps:
                for right in steps:
                    there = (row + down) % rows * columns + (column + right) % columns
                    near[row * columns + column, there] += (down, right) != (0, 0)
    return near


@pytest.mark.parametrize(("side", "radius"), SIDES)
def test_every_row_is_the_wrapped_box(side, radius):
    torus = Torus(side, radius)
    near = torus.matrix()
    np.testing.assert_array_equal(near, enumerated(side, radius))
    np.testing.assert_array_equal(near.sum(axis=1), (2 * radius + 1) ** 2 - 1)
    assert torus.neighbours == (2 * radius + 1) ** 2 - 1 and torus.units == side[0] * side[1]


@pytest.mark.parametrize(("side", "radius"), SIDES)
@pytest.mark.parametrize("lead", [(), (2,), (3, 2)])
def test_the_sum_is_the_product_with_the_matrix(side, radius, lead, place, rng):
    torus = Torus(side, radius)
    p = rng.standard_normal((*lead, torus.units))
    found = backend.host(torus.sum(backend.move(p, place)))
    np.testing.assert_allclose(found, p @ enumerated(side, radius), atol=1e-13)
    single = backend.host(torus.sum(backend.move(p, place, "float32")))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, found, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(5, 9), st.integers(5, 9), st.integers(0, 2), st.data())
def test_it_commutes_with_rolls(rows, columns, radius, data):
    shift = data.draw(st.tuples(st.integers(-9, 9), st.integers(-9, 9)))
    p = np.random.default_rng(rows).integers(-50, 50, (rows, columns)).astype(float)
    torus = Torus((rows, columns), radius)
    rolled = torus.sum(np.roll(p, shift, (0, 1)).ravel())
    expected = np.roll(torus.sum(p.ravel()).reshape(rows, columns), shift, (0, 1)).ravel()
    np.testing.assert_array_equal(rolled, expected)


def test_what_is_no_torus_is_refused():
    with pytest.raises(ValueError, match=r"4 x 9 units is smaller than the neighbourhood, 5 x 5"):
        Torus((4, 9))
    with pytest.raises(ValueError, match="counted twice"):
        Torus((9, 4), 2)
    with pytest.raises(ValueError, match="a side must be a whole number"):
        Torus((0, 9))
    with pytest.raises(TypeError, match=r"pair \(rows, columns\), not 9"):
        Torus(9)
    with pytest.raises(ValueError, match="radius is a whole number of at least 0, not -1"):
        Torus((4, 4), -1)


def test_only_the_winners_keep_their_activity(place, rng):
    p = rng.standard_normal((3, 2, 5))
    winners = np.argsort(-p, axis=-1)[..., :2]
    found = only(backend.move(p, place), backend.move(winners, place))
    expected = np.where(p >= np.sort(p, axis=-1)[..., -2:-1], p, 0)
    np.testing.assert_array_equal(backend.host(found), expected)


def test_neighbours_weigh_lateral_in_total(place, rng):
    """The seed's rows, normalised in L2 to 0.5, are lateral = 0.5 sqrt(8) at radius 1."""
    layer = SparseLayer(2, (4, 3), radius=1, lateral=0.5 * 8**0.5, rng=1).to(place.spec)
    p = rng.standard_normal((2, 12))
    near = enumerated((4, 3), 1)
    seeds = near / np.linalg.norm(near, axis=1, keepdims=True) * 0.5 + np.eye(12)
    found = backend.host(layer.excitation(backend.move(p, place)))
    np.testing.assert_allclose(found, p @ seeds.T, atol=1e-14)
    ones = backend.move(np.ones(12), place)
    np.testing.assert_allclose(backend.host(layer.excitation(ones)), 1 + 0.5 * 8**0.5)


def test_a_cluster_wins_over_a_lone_peak():
    layer = SparseLayer(1, (5, 6), k=1, radius=1, lateral=2.0)
    p = np.zeros((5, 6))
    p[0, 0] = 1.0
    p[2:5, 2:5] = 0.8  # its middle has eight neighbours of 0.8: 0.8 * 3 against 1
    won = np.flatnonzero(layer.activity(p.ravel()))
    assert won.tolist() == [3 * 6 + 3]
    layer.lateral = 0.0
    assert np.flatnonzero(layer.activity(p.ravel())).tolist() == [0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k must be a whole number of at least 1, not 0"),
        ({"k": 13}, "k is 13, but there are only 12 units"),
        ({"lateral": -1.0}, "lateral is a weight of at least 0"),
        ({"lateral": float("nan")}, "lateral is a weight of at least 0"),
        ({"radius": 0}, "have no neighbours"),
        ({"side": 12, "lateral": 1.0}, "have no neighbours"),
        ({"radius": 2}, "smaller than the neighbourhood"),
        ({"start": "glorot"}, "wants weights of at least 0; the least is -"),
    ],
)
def test_layers_that_cannot_compete_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SparseLayer(4, **{"side": (4, 3), "radius": 1, "k": 2, **options})


def test_units_that_never_win_are_known_and_said(rng):
    layer = SparseLayer(3, 6, k=2, rng=1)
    layer.W[[4, 1]] = 5.0
    x = rng.random((120, 3))
    assert layer.dead().tolist() == [0, 1, 2, 3, 4, 5]
    assert layer.dead(x).tolist() == [0, 2, 3, 5]
    layer.rate = 1e-9
    with pytest.warns(UserWarning, match=r"only 2 of 6 units have ever won"):
        layer.learn(x)
    np.testing.assert_array_equal(layer.wins, [0, 120, 0, 0, 120, 0])
    assert layer.dead().tolist() == [0, 2, 3, 5]
