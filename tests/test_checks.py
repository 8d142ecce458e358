"""The gradient check catches planted mistakes, names what is wrong, and raises no false alarm."""

import numpy as np
import pytest

from minigrad import (
    Affinity,
    Identity,
    Layer,
    LayerNorm,
    Map,
    Network,
    checks,
    gradient_check,
    losses,
    maps,
    stacks,
)
from minigrad.errors import GradientError, ShapeError

METHODS = ["central difference", "complex step"]


def refused(layer, x=None, seeds=3, method=None):
    """The report of the check, which must refuse the layer whatever the seed."""
    for seed in range(seeds):
        with pytest.raises(GradientError) as caught:
            gradient_check(layer, x, rng=seed, method=method)
        assert isinstance(caught.value, AssertionError)
    return str(caught.value)


def wrong_rows(report):
    """The names of the rows that the report marks."""
    return {line.split()[0] for line in report.splitlines() if line.endswith("<--")}


# --- planted mistakes -----------------------------------------------------------------------------


class NoTranspose(Affinity):
    """dE/dx = M dE/dy, which for a square M only a number can tell from M^T dE/dy."""

    def backprop(self, dy):
        super().backprop(dy)
        return dy @ self.M.mT


class TransposedGradient(Affinity):
    def backprop(self, dy):
        self.dM += (self.rows(dy).mT @ self.rows(self.x)).mT
        self.db += self.rows(dy).sum(axis=-2)
        return dy @ self.M


class NoSumOverBatch(Affinity):
    """Only the first sample of the batch counts: right for a single one, wrong for a batch."""

    def backprop(self, dy):
        self.dM += self.rows(dy)[:1].mT @ self.rows(self.x)[:1]
        self.db += self.rows(dy).sum(axis=-2)
        return dy @ self.M


class BiasOfTheLastSample(Affinity):
    def backprop(self, dy):
        self.dM += self.rows(dy).mT @ self.rows(self.x)
        self.db += self.rows(dy)[-1]
        return dy @ self.M


class MeanOverBatch(Affinity):
    def backprop(self, dy):
        rows = self.rows(dy)
        self.dM += rows.mT @ self.rows(self.x) / len(rows)
        self.db += rows.sum(axis=-2)
        return dy @ self.M


class ForgottenBias(Affinity):
    def backprop(self, dy):
        self.dM += self.rows(dy).mT @ self.rows(self.x)
        return dy @ self.M


class ForgottenTerm(LayerNorm):
    """The variance depends on x too: - z mean(s z) is left out."""

    def backprop(self, dy):
        super().backprop(dy)
        _, spread = self._normalized(self.x)
        s = self.gain * dy
        return (s - s.mean(axis=-1, keepdims=True)) / spread


class WrongSign(Affinity):
    def backprop(self, dy):
        return -super().backprop(dy)


class ForgottenReturn(Affinity):
    def backprop(self, dy):
        super().backprop(dy)


class OneEntryWrong(Affinity):
    def backprop(self, dy):
        dx = super().backprop(dy)
        self.dM[1, 2] *= 1.001
        return dx


class Overwrites(Affinity):
    def backprop(self, dy):
        self.dM = self.rows(dy).mT @ self.rows(self.x)
        self.db = self.rows(dy).sum(axis=-2)
        return dy @ self.M


class Learns(Affinity):
    """It fuses the update into backprop."""

    def backprop(self, dy):
        dx = super().backprop(dy)
        self.M -= 0.1 * self.dM
        return dx


class WritesToInput(Affinity):
    def backprop(self, dy):
        dx = super().backprop(dy)
        self.x *= 0
        return dx


class WritesToGradient(Affinity):
    def backprop(self, dy):
        dx = super().backprop(dy)
        dy *= 2
        return dx


class ForwardWrites(Identity):
    def forward(self, x):
        x += 1
        return x


class NotFinite(Affinity):
    value = np.nan

    def backprop(self, dy):
        return super().backprop(dy) * self.value


class NotFiniteParameter(Affinity):
    def backprop(self, dy):
        dx = super().backprop(dy)
        self.db += np.nan
        return dx


class Elsewhere(Affinity):
    """What backprop needs is kept where `remembered` cannot find it."""

    kept = {}  # noqa: RUF012

    def forward(self, x):
        self.kept["x"] = x
        return super().forward(x)

    def backprop(self, dy):
        self.x = self.kept["x"]
        return super().backprop(dy)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "kind, wrong",
    [
        (TransposedGradient, {"M"}),
        (NoTranspose, {"input"}),
        (NoSumOverBatch, {"M"}),
        (BiasOfTheLastSample, {"b"}),
        (MeanOverBatch, {"M"}),
        (ForgottenBias, {"b"}),
        (WrongSign, {"input"}),
        (OneEntryWrong, {"M"}),
    ],
)
def test_a_wrong_gradient_is_caught_and_named(kind, wrong, method):
    layer = kind(3, 3, rng=1) if "Transpose" in kind.__name__ else kind(3, 2, rng=1)
    report = refused(layer, method=method)
    assert wrong_rows(report) == wrong
    assert f"{kind.__name__} 3 -> " in report
    assert "FAILED" in report


def test_a_transpose_of_a_matrix_that_is_not_square_cannot_even_be_computed():
    for kind in (TransposedGradient, NoTranspose):
        with pytest.raises((ValueError, ShapeError)):
            gradient_check(kind(3, 2, rng=1), rng=1)


def test_a_transpose_is_called_so():
    report = refused(TransposedGradient(3, 3, rng=1))
    assert "M: this is the transpose of the right gradient" in report


def test_a_mean_for_a_sum_is_called_so():
    report = refused(MeanOverBatch(3, 2, rng=1))
    assert "M: this is 0.16667 times the right gradient (a mean over the batch" in report
    assert "times the right gradient" not in refused(NoSumOverBatch(3, 2, rng=1))


def test_a_wrong_sign_is_called_so():
    assert "input: this is -1 times the right gradient" in refused(WrongSign(3, 2, rng=1))


def test_the_worst_entry_is_named():
    report = refused(OneEntryWrong(3, 2, rng=1))
    (row,) = [line for line in report.splitlines() if line.endswith("<--")]
    assert "1,2" in row.split()


def test_a_forgotten_term_is_caught():
    assert wrong_rows(refused(ForgottenTerm(4))) == {"input"}


@pytest.mark.parametrize("name", maps.NAMED)
@pytest.mark.parametrize("where", ["alone", "in a network"])
def test_a_derivative_off_by_a_thousandth_is_caught(name, where):
    right = maps.NAMED[name]
    off = maps.ScalarMap("off", right.f, lambda xp, x: 1.001 * right.df(xp, x), right.smooth)
    if where == "alone":
        report = refused(off)
    else:
        report = refused(Network(Affinity(4, 3, rng=1), Map(off), Affinity(3, 2, rng=2)))
        assert wrong_rows(report) == {"1.M", "1.b", "input"}
    assert "1.001 times the right gradient" in report


@pytest.mark.parametrize(
    "kind, complaint",
    [
        (Overwrites, "must add to grad"),
        (Learns, "changed theta"),
        (WritesToInput, "changed x"),
        (WritesToGradient, "changed dy"),
        (Elsewhere, "forward did not keep on self"),
    ],
)
def test_what_backprop_must_not_do_is_caught_and_called_by_name(kind, complaint):
    assert complaint in refused(kind(3, 2, rng=1))


def test_a_forward_that_writes_to_its_input_is_caught():
    assert "changed x" in refused(ForwardWrites())


def test_a_backprop_that_returns_nothing_is_caught():
    # The commonest slip of all: without `return dx` a layer alone would pass, its input unchecked.
    refused(ForgottenReturn(3, 2, rng=1))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_is_caught(value):
    layer = NotFinite(3, 2, rng=1)
    layer.value = value
    with np.errstate(invalid="ignore"):
        assert "input" in wrong_rows(refused(layer))
    assert "b" in wrong_rows(refused(NotFiniteParameter(3, 2, rng=1)))


def test_a_gradient_of_another_shape_is_caught():
    class Summed(Identity):
        def backprop(self, dy):
            return dy.sum(axis=0)

    assert "backprop returned shape (3,), the input has (6, 3)" in refused(Summed())


def test_a_mistake_deep_in_a_network_is_named_by_its_place():
    net = Network(Affinity(4, 3, rng=1), Network(Map("tanh"), MeanOverBatch(3, 2, rng=2)))
    assert wrong_rows(refused(net)) == {"2.2.M"}


def test_a_mistake_in_one_member_of_a_stack_is_caught():
    class FirstOnly(Affinity):
        def backprop(self, dy):
            dx = super().backprop(dy)
            self.dM[1] *= 1.001
            return dx

    assert wrong_rows(refused(stacks.stack(FirstOnly(3, 2), 3, rng=1))) == {"M"}


# --- what passes ----------------------------------------------------------------------------------


def test_the_report_of_a_right_gradient():
    report = gradient_check(Affinity(4, 3, rng=1), rng=1)
    assert report.passed
    assert report.method == "complex step"
    assert report.layer == "<Affinity 4 -> 3>"
    assert [(row.name, row.shape) for row in report.rows] == [
        ("M", (3, 4)),
        ("b", (3,)),
        ("input", (6, 4)),
    ]
    assert report.error == max(row.error for row in report.rows) <= 1e-13
    text = str(report)
    assert text.startswith("gradient check of <Affinity 4 -> 3>: passed (complex step")
    assert "<--" not in text
    for row in report.rows:
        assert row.backprop == pytest.approx(row.numeric, rel=1e-10)


def test_the_layer_itself_is_left_alone(rng):
    net = Network(Affinity(4, 3, rng=1, dtype="float32"), Map("tanh"))
    x = rng.standard_normal((2, 4)).astype("float32")
    net(x)
    net.grad += 1
    theta, dx = net.theta.copy(), net.backprop(np.ones((2, 3), "float32"))
    grad = net.grad.copy()
    gradient_check(net, rng=1)
    assert np.array_equal(net.theta, theta)
    assert np.array_equal(net.grad, grad)
    assert np.array_equal(net.backprop(np.ones((2, 3), "float32")), dx)
    assert net.theta.dtype == np.float32


def test_x_is_left_alone_and_may_be_a_list_of_integers(rng):
    x = rng.standard_normal((2, 4))
    x.flags.writeable = False
    gradient_check(Affinity(4, 3, rng=1), x)
    assert gradient_check(Affinity(4, 3, rng=1), [1, 2, 3, 4]).rows[-1].shape == (4,)


def test_the_same_seed_is_the_same_report():
    layer = Affinity(4, 3, rng=1)
    assert gradient_check(layer, rng=5) == gradient_check(layer, rng=5)
    assert gradient_check(layer, rng=5) != gradient_check(layer, rng=6)


def test_a_kink_nearby_is_no_false_alarm():
    for seed in range(200):
        rng = np.random.default_rng(seed)
        # magnitudes from 1e-6.5, well within the step of a difference, to 1
        x = rng.choice([-1, 1], (3, 2)) * 10 ** rng.uniform(-6.5, 0, (3, 2))
        for name in ("relu", "leaky relu", "absolute"):
            gradient_check(Map(name), x, rng=rng)


def test_a_network_of_relus_is_no_false_alarm():
    for seed in range(50):
        net = Network(Affinity(4, 3, rng=seed), Map("relu"), Affinity(3, 2, rng=seed))
        assert gradient_check(net, rng=seed, entries=6).error <= 1e-7


def test_a_kink_does_not_hide_a_mistake(rng):
    x = rng.choice([-1, 1], (5, 4)) * 10 ** rng.uniform(-6.5, 0, (5, 4))
    half = maps.ScalarMap(
        "half relu", maps.relu.f, lambda xp, x: xp.where(x > 0, 0.999 * xp.ones_like(x), 0 * x)
    )
    refused(Map(half), x)


def test_a_gradient_of_exactly_0_is_no_false_alarm():
    dead = Affinity(4, 3, rng=1)
    dead.b = [-100, -100, -100]
    report = gradient_check(Network(dead, Map("relu"), Affinity(3, 2)), rng=1)
    assert report.rows[0].backprop == report.rows[0].numeric == 0


@pytest.mark.parametrize("method", METHODS)
def test_a_gradient_that_is_tiny_beside_the_others_is_no_false_alarm(method):
    # Two features are normalized to +-1 whatever they are: the gradient below is all cancellation.
    for seed in range(5):
        net = Network(Affinity(4, 2, rng=seed), LayerNorm(2), Affinity(2, 3, rng=seed))
        gradient_check(net, rng=seed, method=method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("loss", losses.NAMED.values(), ids=lambda loss: loss.name)
def test_a_loss_may_be_checked(loss, method):
    if method == "complex step" and not loss.smooth:
        with pytest.raises(ValueError, match="take a central difference"):
            gradient_check(loss, rng=1, method=method)
        return
    report = gradient_check(loss, rng=1, method=method)
    assert report.error <= (1e-8 if method == "central difference" else 1e-13)
    assert [row.name for row in report.rows] == ["input"]


def test_a_wrong_loss_is_caught_and_named():
    right = losses.half_squared_error
    off = losses.Loss("off", right.value, lambda xp, y, t: 2 * (y - t))
    report = refused(off)
    assert "2 times the right gradient" in report
    assert "off" in report.splitlines()[0]


def test_a_scalar_map_may_be_checked():
    assert gradient_check(maps.tanh, rng=1).error <= 1e-13
    assert gradient_check(maps.relu, rng=1).method == "central difference"


def test_a_layer_without_parameters_is_checked_at_its_input(spec):
    report = gradient_check(Map("tanh").to(spec), rng=1)
    assert [row.name for row in report.rows] == ["input"]


def test_the_check_of_a_wrong_gradient_works_on_every_backend(spec):
    net = Network(Affinity(4, 3, rng=1), NoTranspose(3, 3, rng=2)).to(spec)
    assert wrong_rows(refused(net, seeds=1)) == {"1.M", "1.b", "input"}


# --- arguments ------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", [Affinity, "tanh", np.tanh, None, [1.0]])
def test_what_is_no_layer_is_refused(what):
    with pytest.raises(TypeError, match="expected a layer, a loss or a scalar map to check"):
        gradient_check(what)


def test_an_unknown_method_lists_those_known():
    with pytest.raises(ValueError, match="expected one of central difference, complex step"):
        gradient_check(Identity(), method="central")


def test_a_complex_step_needs_smooth_maps_and_numpy():
    for layer in (Map("relu"), Network(Map("tanh"), Map("absolute")), Layer()):
        with pytest.raises(ValueError, match="a complex step needs smooth maps and numpy"):
            gradient_check(layer, method="complex step")
    with pytest.raises(ValueError, match="numpy"):
        gradient_check(Map("tanh").to("array-api-strict"), method="complex step")


def test_an_input_of_another_width_is_refused(rng):
    with pytest.raises(ShapeError, match="the input has 3 features, expected 4"):
        gradient_check(Affinity(4, 2), rng.standard_normal((5, 3)))


def test_a_layer_without_backprop_cannot_be_checked():
    class Local(Layer):
        def forward(self, x):
            return x

    with pytest.raises(TypeError, match="Local has no backprop"):
        gradient_check(Local())


def test_an_input_without_a_sample_is_refused():
    with pytest.raises(ValueError, match=r"empty|no sample"):
        gradient_check(Affinity(4, 2), np.zeros((0, 4)))


def test_the_tolerances_are_those_of_the_two_methods():
    assert set(checks.STEP) == set(checks.TOLERANCE) == set(METHODS)


class HiddenByZero(Layer):
    """y = tanh(a) x with a = 0 at the start: only there may 1 - tanh(a)^2 be left out."""

    def __init__(self, n):
        self.n = n
        self.declare(a=(n,))

    def forward(self, x):
        self.x = x
        return self.xp.tanh(self.a) * x

    def backprop(self, dy):
        self.da += self.total(dy * self.x)
        return self.xp.tanh(self.a) * dy


def test_an_error_cannot_hide_behind_a_parameter_that_is_zero():
    layer = HiddenByZero(4)
    report = refused(layer)
    assert [line.split()[0] for line in report.splitlines() if line.endswith("<--")] == ["a"]
    assert not layer.a.any()


class FirstAxisOnly(Layer):
    """y = a x, whose backprop is right for rows of samples and for nothing else."""

    def __init__(self, n):
        self.n = n
        self.declare(a=(n,), rng=1, init={"a": "normal"})

    def forward(self, x):
        self.x = x
        return self.a * x

    def backprop(self, dy):
        self.da += (dy * self.x).sum(axis=0)
        return self.a * dy


def test_a_sum_over_the_first_axis_only_is_caught():
    report = refused(FirstAxisOnly(4))
    assert "x of shape (2, 3, 4)" in report and "x of shape (4,)" in report
    assert gradient_check(FirstAxisOnly(4), x=np.ones((5, 4)), rng=1).passed


def test_in_a_network_the_report_names_the_layer_of_a_wrong_gradient():
    net = Network(Affinity(4, 3, rng=1), Network(Map("tanh"), MeanOverBatch(3, 2, rng=2)))
    report = refused(net)
    (line,) = [line for line in report.splitlines() if line.endswith("<--") and "2.2.M" in line]
    assert line.startswith("2.2.M of MeanOverBatch 3 -> 2 ")
