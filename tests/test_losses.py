"""Losses: closed forms of value and gradient, and what a target may be."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from minigrad import backend, gradient_check, losses
from minigrad.errors import BackendError, NotFiniteError, ShapeError
from minigrad.losses import (
    Loss,
    half_squared_error,
    logistic,
    mean_absolute_error,
    softmax_cross_entropy,
)

LOSSES = list(losses.NAMED.values())
few = settings(max_examples=25, deadline=None, derandomize=True)
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)


def logits(rows=4, columns=3, largest=50.0):
    return arrays(float, (rows, columns), elements=st.floats(-largest, largest))


def value(loss, y, target):
    return loss.value(backend.namespace(y), y, target)


def gradient(loss, y, target):
    return loss.gradient(backend.namespace(y), y, target)


def drawn(seed=0, shape=(4, 3)):
    """An output and, for every loss a lawful target, a distribution in each row."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.1, 1.0, shape)
    return rng.standard_normal(shape), weights / weights.sum(axis=-1, keepdims=True)


# --- values and gradients against closed forms ----------------------------------------------------


def test_half_squared_error_is_half_the_squared_distance_a_sample():
    y, target = np.array([[1.0, 2.0, 4.0], [0.0, -1.0, 0.5]]), np.array([[0.0, 0, 0], [0, 1, 0]])
    assert value(half_squared_error, y, target).tolist() == [10.5, 2.125]
    assert gradient(half_squared_error, y, target).tolist() == [[1, 2, 4], [0, -2, 0.5]]
    assert half_squared_error(y, target) == (10.5 + 2.125) / 2


def test_mean_absolute_error_is_the_mean_distance_an_output():
    y, target = np.array([[1.0, -2.0, 4.0, 0.0], [0, 0, 0, 3.0]]), np.zeros((2, 4))
    assert value(mean_absolute_error, y, target).tolist() == [7 / 4, 3 / 4]
    assert gradient(mean_absolute_error, y, target).tolist() == [
        [0.25, -0.25, 0.25, 0],
        [0, 0, 0, 0.25],
    ]


def test_softmax_cross_entropy_is_minus_the_log_of_the_probability_of_the_label():
    y, _ = drawn(1)
    labels = np.array([2, 0, 1, 1])
    p = np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)
    onehot = np.eye(3)[labels]
    assert np.allclose(value(softmax_cross_entropy, y, onehot), -np.log(p[range(4), labels]))
    assert np.abs(gradient(softmax_cross_entropy, y, onehot) - (p - onehot)).max() < 1e-15
    assert softmax_cross_entropy(y, labels) == softmax_cross_entropy(y, onehot)


@pytest.mark.parametrize("k", [2, 3, 10])
def test_uniform_logits_cost_the_log_of_the_number_of_classes(k):
    assert softmax_cross_entropy(np.full((4, k), 7.0), [0, 1, 1, 0]) == pytest.approx(
        math.log(k), rel=1e-15
    )


def test_softmax_cross_entropy_of_a_soft_target_is_entropy_plus_divergence():
    y, q = drawn(2)
    p = np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)
    divergence, entropy = (q * np.log(q / p)).sum(axis=1), -(q * np.log(q)).sum(axis=1)
    assert np.allclose(value(softmax_cross_entropy, y, q), divergence + entropy, rtol=1e-13)


def test_tanh_outputs_as_two_logits_cannot_cost_less_than_their_floor():
    """+1 and -1 are as far apart as tanh goes: ln(1 + e^-2), however sure the network is."""
    best = softmax_cross_entropy(np.tanh([[1e3, -1e3]]), [0])
    assert best == pytest.approx(0.126928, abs=5e-7)
    y = np.tanh(np.random.default_rng(0).normal(0, 3, (200, 2)))
    assert value(softmax_cross_entropy, y, np.eye(2)[np.zeros(200, int)]).min() > best


def test_logistic_is_the_cross_entropy_of_each_output_with_its_own_sigmoid():
    y, _ = drawn(3)
    target = np.array([[0.0, 1, 0.25], [1, 1, 0], [0, 0, 0], [0.5, 1, 1]])
    p = 1 / (1 + np.exp(-y))
    expected = -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum(axis=1)
    assert np.allclose(value(logistic, y, target), expected, rtol=1e-13)
    assert np.abs(gradient(logistic, y, target) - (p - target)).max() < 1e-15


def test_logistic_of_one_output_is_softmax_of_two_logits():
    y, labels = np.array([[0.3], [-2.0], [5.0]]), np.array([1, 0, 0])
    two = np.concatenate([np.zeros((3, 1)), y], axis=1)
    assert logistic(y, labels[:, None]) == pytest.approx(softmax_cross_entropy(two, labels))


@pytest.mark.parametrize("loss", [softmax_cross_entropy, logistic], ids=lambda loss: loss.name)
@pytest.mark.parametrize("sign", [1, -1])
def test_logits_of_ten_thousand_stay_finite(loss, sign):
    y, target = sign * np.array([[1e4, -1e4, 0.0]]), np.array([[0.0, 1, 0]])
    cost = 2e4 if sign > 0 else 0.0
    extra = math.log(2) if loss is logistic else 0.0  # the third output, a logit of 0
    assert value(loss, y, target)[0] == pytest.approx(cost + extra, abs=1e-12)
    assert np.isfinite(gradient(loss, y, target)).all()


@every_loss
def test_a_batch_costs_the_mean_over_its_samples_on_any_leading_axes(loss):
    y, target = drawn(4, (2, 5, 3))
    each = value(loss, y, target)
    assert each.shape == (2, 5)
    assert loss(y, target) == pytest.approx(each.mean(), rel=1e-14)
    assert loss(y[1, 3], target[1, 3]) == pytest.approx(each[1, 3], rel=1e-14)
    assert isinstance(loss(y, target), float)


@every_loss
def test_a_whole_number_output_is_no_reason_to_round_the_target(loss):
    y, target = np.array([[1, 2, 0]]), np.array([[0.5, 0.25, 0.25]])
    assert loss(y, target) == pytest.approx(loss(y.astype(float), target), rel=1e-14)


@every_loss
def test_the_gradient_is_the_derivative_by_central_difference(loss):
    report = gradient_check(loss, rng=1, method="central difference")
    assert report.error <= 1e-8 and report.method == "central difference"


@pytest.mark.parametrize(
    "loss", [loss for loss in LOSSES if loss.smooth], ids=lambda loss: loss.name
)
def test_the_gradient_is_the_derivative_by_complex_step(loss):
    report = gradient_check(loss, rng=2, method="complex step")
    assert report.error <= 1e-13 and report.method == "complex step"


def test_a_gradient_check_catches_a_loss_whose_gradient_is_that_of_another():
    wrong = Loss("wrong", half_squared_error.value, lambda xp, y, t: 1.001 * (y - t))
    with pytest.raises(AssertionError, match=r"1\.001 times"):
        gradient_check(wrong, rng=1)


# --- what holds for any numbers -------------------------------------------------------------------


@few
@given(logits(), arrays(int, 4, elements=st.integers(0, 2)))
def test_softmax_cross_entropy_is_positive_and_its_gradient_sums_to_zero(y, labels):
    target = np.eye(3)[labels]
    assert (value(softmax_cross_entropy, y, target) >= 0).all()
    assert np.abs(gradient(softmax_cross_entropy, y, target).sum(axis=1)).max() < 1e-14


@few
@given(logits(), st.floats(-1e3, 1e3), arrays(int, 4, elements=st.integers(0, 2)))
def test_softmax_cross_entropy_does_not_see_a_shift_of_all_logits(y, shift, labels):
    target = np.eye(3)[labels]
    assert np.allclose(
        value(softmax_cross_entropy, y + shift, target),
        value(softmax_cross_entropy, y, target),
        atol=1e-11,
    )


@few
@given(logits(), logits())
def test_the_distances_are_positive_zero_at_the_target_and_symmetric(y, target):
    for loss in (half_squared_error, mean_absolute_error):
        assert (value(loss, y, target) >= 0).all()
        assert (value(loss, y, target) == value(loss, target, y)).all()
        assert not value(loss, y, y).any() and not gradient(loss, y, y).any()


@few
@given(logits(), arrays(float, (4, 3), elements=st.floats(0, 1)))
def test_logistic_is_least_where_the_probability_is_the_target(y, target):
    eps = 1e-12
    inside = np.clip(target, eps, 1 - eps)
    best = np.log(inside) - np.log1p(-inside)
    assert (value(logistic, y, target) >= value(logistic, best, target) - 1e-9).all()
    assert (value(logistic, y, target) >= 0).all()


@few
@given(logits(), logits())
def test_every_loss_lies_above_its_tangent(y, other):
    """All four are convex in y: E(other) >= E(y) + gradient . (other - y)."""
    _, target = drawn(5)
    for loss in LOSSES:
        tangent = value(loss, y, target) + (gradient(loss, y, target) * (other - y)).sum(axis=1)
        assert (value(loss, other, target) >= tangent - 1e-9 * (1 + np.abs(tangent))).all()


# --- targets --------------------------------------------------------------------------------------


def test_labels_one_hot_rows_and_lists_of_either_mean_the_same():
    y, _ = drawn(6)
    labels = [2, 0, 1, 1]
    onehot = np.eye(3)[labels]
    expected = softmax_cross_entropy(y, onehot)
    same = (labels, tuple(labels), onehot.tolist(), onehot.astype(int), np.uint8(labels))
    for target in same:
        assert softmax_cross_entropy(y, target) == expected
    assert softmax_cross_entropy(y.tolist(), labels) == expected
    assert softmax_cross_entropy(y[0], 2) == value(softmax_cross_entropy, y, onehot)[0]


@every_loss
def test_a_target_of_another_shape_is_refused_with_both_shapes(loss):
    with pytest.raises(ShapeError, match=rf"{loss.name}.*\(5, 3\), expected \(4, 3\)"):
        loss(np.zeros((4, 3)), np.zeros((5, 3)))


def test_a_row_of_targets_for_one_output_is_told_how_to_become_a_column():
    """(N,) against (N, 1) would broadcast to (N, N), and be learned from."""
    with pytest.raises(ShapeError, match=r"shape \(4,\), expected \(4, 1\).*target\[:, None\]"):
        half_squared_error(np.zeros((4, 1)), np.zeros(4))
    with pytest.raises(ShapeError, match=r"\(4, 1\), expected \(4,\)"):
        half_squared_error(np.zeros(4), np.zeros((4, 1)))


def test_labels_for_a_loss_that_takes_none_name_the_one_that_does():
    with pytest.raises(ShapeError, match="labels need the loss softmax_cross_entropy"):
        half_squared_error(np.zeros((4, 3)), [0, 1, 2, 0])


def test_labels_that_are_floats_are_told_to_be_integers():
    with pytest.raises(ShapeError, match="integer"):
        softmax_cross_entropy(np.zeros((4, 3)), [0.0, 1.0, 2.0, 0.0])


@pytest.mark.parametrize(("wrong", "shown"), [(3, "3"), (-1, "-1")])
def test_the_first_label_out_of_range_is_named_with_its_place(wrong, shown):
    with pytest.raises(ValueError, match=rf"label {shown} at \(2,\): expected 0 to 2"):
        softmax_cross_entropy(np.zeros((5, 3)), [0, 2, wrong, 1, 7])
    with pytest.raises(ValueError, match=rf"label {shown} at \(1, 0\)"):
        softmax_cross_entropy(np.zeros((2, 2, 3)), [[0, 2], [wrong, 1]])


@pytest.mark.parametrize("row", [[0.5, 0.6, 0.1], [1.5, -0.5, 0.0], [0, 0, 0], [1, 1, 0]], ids=str)
def test_a_row_that_is_no_distribution_is_refused_by_softmax_cross_entropy(row):
    with pytest.raises(ValueError, match="distribution"):
        softmax_cross_entropy(np.zeros((2, 3)), [[0, 1, 0], row])


@pytest.mark.parametrize("wrong", [-1.0, 1.001, 2.0])
def test_a_probability_outside_0_and_1_is_refused_by_logistic(wrong):
    with pytest.raises(ValueError, match="probabilities, 0 to 1"):
        logistic(np.zeros((2, 3)), [[0, 1, 0], [0, wrong, 1]])


@every_loss
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_target_that_is_not_finite_is_named_with_its_place(loss, wrong):
    target = np.zeros((4, 3))
    target[:, 0] = 1
    target[2, 1] = wrong
    with pytest.raises(NotFiniteError, match=rf"target has {wrong} at \(2, 1\)"):
        loss(np.zeros((4, 3)), target)


@every_loss
def test_text_and_ragged_rows_are_no_target(loss):
    with pytest.raises(TypeError, match="expected numbers"):
        loss(np.zeros((1, 2)), [["a", "b"]])
    with pytest.raises(ShapeError, match="different lengths"):
        loss(np.zeros((2, 2)), [[1, 0], [1]])


@every_loss
def test_a_loss_of_no_samples_is_refused(loss):
    with pytest.raises(ValueError, match=r"no samples|empty"):
        loss(np.zeros((0, 3)), np.zeros((0, 3)))


@every_loss
def test_the_output_and_the_target_are_left_as_they_were(loss):
    y, target = drawn(7)
    y.flags.writeable = target.flags.writeable = False
    loss(y, target)
    gradient(loss, y, target)


# --- names, pickling, backends --------------------------------------------------------------------


def test_a_loss_is_found_by_its_name_however_it_is_written():
    assert losses.named("half squared error") is half_squared_error
    assert losses.named("softmax_cross_entropy") is softmax_cross_entropy
    assert losses.named("softmax cross-entropy") is softmax_cross_entropy
    assert losses.named(logistic) is logistic
    with pytest.raises(ValueError, match=r"unknown loss 'hinge'.*mean absolute error"):
        losses.named("hinge")


def _own_value(xp, y, t):
    return xp.sum((y - t) ** 4, axis=-1)


def _own_gradient(xp, y, t):
    return 4 * (y - t) ** 3


def test_a_loss_survives_pickling_and_so_does_ones_own():
    for loss in LOSSES:
        assert pickle.loads(pickle.dumps(loss)) is loss
    own = Loss("fourth power", _own_value, _own_gradient)
    y, target = drawn(8)
    assert pickle.loads(pickle.dumps(own))(y, target) == own(y, target)
    assert gradient_check(own, rng=1).error <= 1e-13


@every_loss
def test_every_backend_agrees_with_numpy(loss, place):
    y, target = drawn(9)
    there, target_there = backend.move(y, place), backend.move(target, place)
    assert loss(there, target_there) == pytest.approx(loss(y, target), rel=1e-13)
    slope = gradient(loss, there, target_there)
    assert backend.place_of(slope) == backend.place_of(there)
    assert np.allclose(backend.host(slope), gradient(loss, y, target), rtol=1e-13, atol=1e-15)
    assert loss(there, target.tolist()) == pytest.approx(loss(y, target), rel=1e-13)
    assert gradient_check(loss, backend.move(y, place), rng=1).passed


def test_labels_may_be_a_list_or_live_beside_the_output(place):
    y, _ = drawn(10)
    there, labels = backend.move(y, place), np.array([2, 0, 1, 1])
    expected = pytest.approx(softmax_cross_entropy(y, labels), rel=1e-13)
    assert softmax_cross_entropy(there, labels.tolist()) == expected
    assert softmax_cross_entropy(there, backend.move(labels, place)) == expected
    with pytest.raises(ValueError, match=r"label 3 at \(1,\)"):
        softmax_cross_entropy(there, [2, 3, 1, 1])


def test_a_target_of_another_library_is_refused_with_both_names():
    strict = backend.move(np.zeros((4, 3)), backend.place("array-api-strict"))
    with pytest.raises(BackendError, match=r"array-api-strict.*numpy"):
        half_squared_error(strict, np.zeros((4, 3)))


@every_loss
def test_a_float32_output_gives_a_float32_gradient(loss):
    y, target = (a.astype("float32") for a in drawn(11))
    assert gradient(loss, y, target).dtype == value(loss, y, target).dtype == "float32"
    assert loss(y, target) == pytest.approx(loss(y.astype(float), target.astype(float)), rel=1e-5)
