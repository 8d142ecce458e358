"""Oja and Sanger: against the eigenvectors of the covariance, and one step by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad import Network, backend
from minigrad.errors import NotFiniteError
from minigrad.hebbian import Oja, Sanger

RULES = [Oja, Sanger]


def cloud(count, seed=3, variances=(6.0, 3.0, 1.2, 0.3)):
    """Samples (count, 4) with these variances along axes turned at random."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    return rng.standard_normal((count, 4)) * np.sqrt(variances) @ turn.T


def eigenvectors(x):
    """The eigenvectors of <x x^T> as rows, the largest eigenvalue first."""
    return np.linalg.eigh(x.T @ x / len(x))[1].T[::-1]


def decaying(t):
    return 2 / (400 + t)


def test_oja_finds_the_first_eigenvector_at_norm_1():
    """Oracle B4.2: cosine .9999 and norm 1.0003 after 4e4 steps."""
    x = cloud(40_000)
    layer = Oja(4, rate=decaying, rng=1)
    layer.learn(x)
    w, first = layer.W[0], eigenvectors(x)[0]
    norm = np.linalg.norm(w)
    assert abs(w @ first) / norm > 0.9999 and abs(norm - 1) < 3e-4


def test_a_constant_rate_trembles_about_it():
    x = cloud(10_000)
    layer = Oja(4, rate=0.003, rng=1)
    layer.learn(x)
    assert abs(layer.W[0] @ eigenvectors(x)[0]) > 0.99
    assert abs(np.linalg.norm(layer.W) - 1) < 0.02


def test_sanger_finds_them_in_order():
    x = cloud(20_000)
    layer = Sanger(4, 3, rate=decaying, rng=1)
    layer.learn(x)
    cosines = np.abs(layer.W @ eigenvectors(x)[:3].T)
    np.testing.assert_allclose(cosines, np.eye(3), atol=0.03)


def test_oja_of_two_finds_their_plane():
    x = cloud(20_000)
    layer = Oja(4, 2, rate=decaying, rng=1)
    layer.learn(x)
    W, basis = layer.W, eigenvectors(x)[:2]
    np.testing.assert_allclose(W @ W.T, np.eye(2), atol=0.01)
    np.testing.assert_allclose(W.T @ W, basis.T @ basis, atol=0.03)  # the projector


@pytest.mark.parametrize("rule", RULES)
def test_the_eigenvectors_are_where_it_rests(rule):
    """The mean change over samples that are the axes themselves is 0, to rounding."""
    x = cloud(500)
    V = eigenvectors(x)[:2]
    change = np.zeros((2, 4))
    layer = rule(4, 2, rate=1e-3)
    for row in x:
        layer.W = V
        layer.learn(row)
        change += (layer.W - V) / 1e-3 / len(x)
    np.testing.assert_allclose(change, 0, atol=1e-10)


@given(st.integers(0, 2**32 - 1), st.sampled_from([(4, 3), (3, 2), (2, 4), (5, 1)]))
def test_one_step_is_the_rule(seed, widths):
    rng, (n, m) = np.random.default_rng(seed), widths
    W, x = rng.standard_normal((m, n)), rng.standard_normal(n)
    y = [sum(W[i, j] * x[j] for j in range(n)) for i in range(m)]
    for rule in RULES:
        layer = rule(n, m, rate=0.1)
        layer.W = W
        np.testing.assert_allclose(layer.learn(x), y, rtol=1e-9, atol=1e-12)
        for i in range(m):
            known = range(i + 1) if rule is Sanger else range(m)
            rest = x - sum(y[j] * W[j] for j in known)
            np.testing.assert_allclose(layer.W[i], W[i] + 0.1 * y[i] * rest, atol=1e-9)


def test_with_one_unit_the_two_rules_are_one(rng):
    x = rng.standard_normal((30, 3))
    layers = [rule(3, rate=0.05, rng=2) for rule in RULES]
    ours, theirs = (layer.learn(x) for layer in layers)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    np.testing.assert_allclose(layers[0].W, layers[1].W, rtol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_on_every_backend_and_in_float32(rule, spec, place, rng):
    x = rng.standard_normal((20, 4))
    here = rule(4, 3, rate=decaying, rng=1)
    there, single = here.to(spec), here.to(spec, "float32")
    expected, theta = here.learn(x), here.theta
    y = there.learn(backend.move(x, place))
    assert backend.place_of(y) == place
    np.testing.assert_allclose(backend.host(y), expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(backend.host(there.theta), theta, rtol=1e-10, atol=1e-12)
    y = single.learn(backend.move(x.astype("float32"), place))
    assert backend.dtype_name(y) == "float32"
    np.testing.assert_allclose(backend.host(single.theta), theta, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(
        backend.host(there(backend.move(x, place))), backend.host(there(backend.move(x, place)))
    )
    assert backend.host(there.seen).tolist() == [20]


@pytest.mark.parametrize("rule", RULES)
def test_too_fast_a_rate_diverges_and_is_taken_back(rule):
    layer = rule(4, 2, rate=2.0, rng=1)
    before = layer.theta.copy()
    with pytest.raises(NotFiniteError, match=r"keeps what it was .* Try a smaller rate"):
        layer.learn(cloud(200))
    np.testing.assert_array_equal(layer.theta, before)


def test_norm_1_holds_where_rate_times_the_square_of_x_is_below_1():
    """For one x the step near |w| = 1 multiplies what is off by 1 - 2 rate |x|^2."""
    for rate, holds in ((0.9, True), (1.1, False)):
        layer = Oja(1, rate=rate)
        layer.W = [[1 + 1e-6]]
        layer.learn(np.ones((300, 1)))
        assert (abs(layer.W[0, 0] - 1) < 1e-6) == holds


@pytest.mark.parametrize("rule", RULES)
def test_continued_from_its_vector_as_if_never_interrupted(rule):
    x = cloud(60)
    whole, part = (rule(4, 2, rate=decaying, rng=1) for _ in range(2))
    whole.learn(x)
    part.learn(x[:25])
    other = rule(4, 2, rate=decaying, rng=7)
    other.theta = part.theta
    other.learn(x[25:])
    np.testing.assert_array_equal(other.theta, whole.theta)


def test_it_stands_in_a_network():
    net = Network(Sanger(4, 3, rng=1), Oja(3, 2, rng=2))
    x = cloud(5)
    net.layers[1].learn(net.layers[0].learn(x))
    np.testing.assert_allclose(net(x), x @ net.layers[0].W.T @ net.layers[1].W.T, rtol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_what_is_no_rate_or_width_is_refused(rule):
    with pytest.raises(ValueError, match="the rate must be a positive number"):
        rule(4, rate=-1)
    with pytest.raises(ValueError, match="a width is a positive integer, not 0"):
        rule(4, 0)
