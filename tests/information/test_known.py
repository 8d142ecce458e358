"""The laws of known information, held to oracles of another kind, and what `examine` finds out."""

import math
from functools import partial
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from scipy import stats
from scipy.integrate import quad
from scipy.special import digamma

from minigrad.information import gaussian, kraskov, mixed, plug_in, ross
from minigrad.information.known import examine
from minigrad.information.laws import LAWS, Law, image, normal, student_t
from minigrad.plots.information import known_answers

LAW = {law.name: law for law in LAWS}
BIT = math.log(2)

# --- the truths -----------------------------------------------------------------------------------

QUOTED = {  # Kraskov et al. (2004), Gao et al. (2017), Czyż et al. (2023), and by hand
    "XOR, one input": 0.0,
    "XOR, both inputs": BIT,
    "AND, one input": 0.311278 * BIT,
    "AND, both inputs": 0.811278 * BIT,
    "channel of 2, p = 0.11": 0.500084 * BIT,
    "normal, rho 0.75": 0.413339,
    "two pairs, rho 0.8": 1.021651,
    "Student-t 1 x 1, dof 1": 0.224171,
    "Student-t 2 x 2, dof 1": 0.431946,
    "Student-t 2 x 2, dof 2": 0.193147,
    "Student-t 3 x 3, dof 2": 0.290922,
    "Student-t 3 x 3, dof 3": 0.178712,
    "Student-t 5 x 5, dof 2": 0.448151,
    "Student-t 5 x 5, dof 3": 0.298544,
    "uniform + noise to 0.1": 1.709438,
    "uniform + noise to 0.75": 1 / 3,
    "Poisson": 0.301245,
    "labels at ±0.5, normal": 0.111421,
    "labels at ±1, normal": 0.336831,
    "labels at ±2, normal": 0.632720,
}


@pytest.mark.parametrize("name", QUOTED)
def test_truths_are_those_that_are_quoted(name):
    assert LAW[name].truth == pytest.approx(QUOTED[name], abs=6e-7)


@pytest.mark.parametrize("n, quoted", [(25, 1.292184), (50, 1.624265)])
def test_a_normal_law_of_many_columns(n, quoted):
    law = normal((np.eye(2 * n) + 1) / 2, n)
    assert law.truth == pytest.approx(quoted, abs=6e-7)
    assert law.truth == pytest.approx(math.log((n + 1) ** 2 / (2 * n + 1)) / 2)


def exact(table):
    """I(X;Y) of a table of shares, by its definition."""
    p = np.array(table, float) / np.sum(table)
    independent = p.sum(axis=1, keepdims=True) * p.sum(axis=0)
    return float(np.sum(p[p > 0] * np.log(p[p > 0] / independent[p > 0])))


@pytest.mark.parametrize(
    "name, table",
    [
        ("XOR, one input", [[1, 1], [1, 1]]),
        ("XOR, both inputs", [[1, 0], [0, 1], [0, 1], [1, 0]]),
        ("AND, one input", [[2, 0], [1, 1]]),
        ("AND, both inputs", [[1, 0], [1, 0], [1, 0], [0, 1]]),
        ("channel of 2, p = 0.11", 0.78 * np.eye(2) + 0.11),
        ("channel of 5, p = 0.2", 0.75 * np.eye(5) + 0.05),
    ],
)
def test_truths_of_symbols_are_sums_over_the_table(name, table):
    assert LAW[name].truth == pytest.approx(exact(table), abs=1e-12)


def poisson_by_quadrature(zeros):
    """The sum over y of the integral over x of p(x, y) ln(p(y|x) / p(y))."""

    def given(y, x):
        return zeros * (y == 0) + (1 - zeros) * stats.poisson.pmf(y, x)

    total = 0.0
    for y in range(40):
        alone = zeros * (y == 0) + (1 - zeros) * 0.5 ** (y + 1)
        total += quad(
            lambda x, y=y, alone=alone: (
                math.exp(-x) * given(y, x) * math.log(given(y, x) / alone) if given(y, x) else 0.0
            ),
            *(0, 100),
            points=[1, 10],
            limit=200,
        )[0]
    return total


def test_truths_of_poisson_by_quadrature_below_what_is_published():
    assert LAW["Poisson"].truth == pytest.approx(poisson_by_quadrature(0.0), abs=1e-7)
    forced = LAW["Poisson, 15% forced to 0"].truth
    assert forced == pytest.approx(poisson_by_quadrature(0.15), abs=1e-7)
    assert forced < 0.85 * LAW["Poisson"].truth - 0.02  # which is I(X;Y|B)


def entropy(density, *ends):
    """-integral of p ln p over the pieces between the ends."""
    return -sum(
        quad(lambda y: density(y) * math.log(density(y)), a, b, epsabs=1e-10)[0]
        for a, b in pairwise(ends)
    )


@pytest.mark.parametrize("mu", [0.5, 1.0, 2.0])
def test_truths_of_two_labels_by_quadrature(mu):
    def density(x):
        return (stats.norm.pdf(x, mu) + stats.norm.pdf(x, -mu)) / 2

    truth = entropy(density, -12, -mu, mu, 12) - math.log(2 * math.pi * math.e) / 2
    assert LAW[f"labels at ±{mu:g}, normal"].truth == pytest.approx(truth, abs=1e-8)


def of_sum(y, eps):
    """The density of y = x + noise, x in [0, 1] and noise in [-eps, eps] uniform."""
    return (np.minimum(1, y + eps) - np.maximum(0, y - eps)) / (2 * eps)


@pytest.mark.parametrize("eps", [0.1, 0.75])
def test_truths_of_uniform_noise_by_quadrature(eps):
    ends = sorted([-eps + 1e-12, min(eps, 1 - eps), max(eps, 1 - eps), 1 + eps - 1e-12])
    truth = entropy(lambda y: of_sum(y, eps), *ends) - math.log(2 * eps)
    assert LAW[f"uniform + noise to {eps:g}"].truth == pytest.approx(truth, abs=1e-8)


# --- the samples ----------------------------------------------------------------------------------


def of_joint(whole, part):
    """The log ratio where densities are known for all columns and for those of each side."""

    def ratio(x, y):
        joint = whole(x.shape[1] + y.shape[1]).logpdf(np.hstack([x, y]))
        return joint - part(x.shape[1], 0).logpdf(x) - part(y.shape[1], 1).logpdf(y)

    return ratio


def of_normal(s):
    return of_joint(
        lambda d: stats.multivariate_normal(cov=s),
        lambda d, side: stats.multivariate_normal(cov=s[-d:, -d:] if side else s[:d, :d]),
    )


def of_t(dof):
    return of_joint(
        lambda d: stats.multivariate_t(shape=np.eye(d), df=dof),
        lambda d, side: stats.multivariate_t(shape=np.eye(d), df=dof),
    )


def of_table(given):
    """From p(y|x), x as numbers of rows, all alike likely."""
    given = np.array(given, float)
    given /= given.sum(axis=1, keepdims=True)

    def ratio(x, y):
        row = x @ 2 ** np.arange(x.shape[1])[::-1] if x.shape[1] > 1 else x[:, 0]
        return np.log(given[row, y[:, 0]] / given.mean(axis=0)[y[:, 0]])

    return ratio


def of_steps(step, above):
    low = np.floor(above)
    m = int(step.max()) + 1
    steps_there = 1.0 * (low < m) + (low >= 1)  # the steps low and low - 1 can be below `above`
    assert ((above >= step) & (above < step + 2)).all()
    return np.log(m / steps_there)


def of_poisson(zeros):
    def ratio(x, y):
        forced, k = zeros * (y == 0), y
        given = forced + (1 - zeros) * stats.poisson.pmf(k, x)
        return np.log(given / (forced + (1 - zeros) * 0.5 ** (k + 1)))

    return ratio


def of_labels(mu):
    def ratio(x, y):
        near, far = stats.norm.pdf(x, mu * y), stats.norm.pdf(x, -mu * y)
        return np.log(2 * near / (near + far))

    return ratio


def of_noise(eps):
    def ratio(x, y):
        assert (np.abs(y - x) <= eps).all() and (x >= 0).all() and (x <= 1).all()
        return -np.log(2 * eps * of_sum(y, eps))

    return ratio


def equal(n, rho=0.5):
    return (1 - rho) * np.eye(n) + rho


RATIOS = {
    "XOR, one input": of_table([[1, 1], [1, 1]]),
    "XOR, both inputs": of_table([[1, 0], [0, 1], [0, 1], [1, 0]]),
    "AND, one input": of_table([[2, 0], [1, 1]]),
    "AND, both inputs": of_table([[1, 0], [1, 0], [1, 0], [0, 1]]),
    "channel of 2, p = 0.11": of_table(0.78 * np.eye(2) + 0.11),
    "channel of 5, p = 0.2": of_table(0.75 * np.eye(5) + 0.05),
    **{f"normal, rho {r:g}": of_normal(equal(2, r)) for r in (0.0, 0.5, 0.75, 0.9, 0.99)},
    **{f"normal {n} x {n}, all 1/2": of_normal(equal(2 * n)) for n in (2, 3, 5)},
    "two pairs, rho 0.8": of_normal(np.kron(equal(2, 0.8), np.eye(2))),
    **{law.name: of_t(int(law.name[-1])) for law in LAWS if "Student-t" in law.kinds},
    "uniform + noise to 0.1": of_noise(0.1),
    "uniform + noise to 0.75": of_noise(0.75),
    **{f"{m} numbers + uniform": of_steps for m in (2, 5, 10)},
    **{f"{m} labels + uniform": lambda x, y: of_steps(y, x) for m in (2, 5, 10)},
    "Poisson": of_poisson(0.0),
    "Poisson, 15% forced to 0": of_poisson(0.15),
    **{f"labels at ±{mu:g}, normal": of_labels(mu) for mu in (0.5, 1.0, 2.0)},
}


def test_every_law_has_densities_or_is_an_image_of_one_that_has():
    assert {*RATIOS, *(law.name for law in LAWS if "image" in law.kinds)} == set(LAW)


@pytest.mark.parametrize("name", RATIOS)
def test_samples_are_of_the_law_the_mean_log_ratio_of_densities_is_its_truth(name, rng):
    law = LAW[name]
    ratio = RATIOS[name](*law.draw(20_000, rng))
    error = ratio.std() / math.sqrt(ratio.size)
    assert abs(ratio.mean() - law.truth) <= 4 * error + 1e-12


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_samples_are_rows_of_the_kind_that_the_law_says(law, rng):
    x, y = law.draw(40, rng)
    assert x.ndim == y.ndim == 2 and len(x) == len(y) == 40
    kind = {"ff": {"continuous", "mixed"}, "ii": {"discrete"}, "fi": {"labelled"}}
    assert law.kinds[0] in kind[x.dtype.kind + y.dtype.kind]
    ties = min(len(np.unique(side, axis=0)) for side in (x, y)) < 40
    assert ties == (law.kinds[0] != "continuous")


def test_names_are_unique_since_samples_depend_on_them():
    assert len(LAW) == len(LAWS)


@pytest.mark.parametrize("name", ["half cube", "wiggly", "bimodal", "uniform"])
def test_maps_keep_the_order_of_each_side_and_so_the_information(name):
    """The image of the same draws has the same ranks: the map rises."""
    plain = LAW["normal, rho 0.75"].draw(3000, np.random.default_rng(3))
    mapped = LAW[f"{name}, rho 0.75"].draw(3000, np.random.default_rng(3))
    for before, after in zip(plain, mapped, strict=True):
        assert np.ptp(after - before) > 0.1  # it is not the identity
        np.testing.assert_array_equal(np.argsort(after[:, 0]), np.argsort(before[:, 0]))


def test_maps_do_what_they_are_called(rng):
    uniform = LAW["uniform, rho 0.75"].draw(5000, rng)
    assert all(stats.kstest(side[:, 0], "uniform").pvalue > 1e-3 for side in uniform)
    x, _ = LAW["bimodal, rho 0.75"].draw(5000, rng)
    near, aside = (np.abs(np.abs(x) - at) < 0.5 for at in (0.0, 2.5))
    assert near.sum() < 0.6 * aside.sum() / 2  # the middle against one of two bumps
    x, _ = LAW["half cube, rho 0.75"].draw(5000, rng)
    root = np.sign(x) * np.abs(x) ** (2 / 3)
    assert stats.kstest(root[:, 0], "norm").pvalue > 1e-3


def test_a_swiss_roll_can_be_unrolled(rng):
    roll, y = LAW["Swiss roll, rho 0.75"].draw(2000, rng)
    turn = 21 * np.hypot(*roll.T)
    np.testing.assert_allclose(21 * roll, (turn * [np.cos(turn), np.sin(turn)]).T, atol=1e-9)
    x = (turn / (1.5 * np.pi) - 1) / 2
    assert stats.kstest(x, "uniform").pvalue > 1e-3
    flat = gaussian(stats.norm.ppf(x), stats.norm.ppf(y))
    assert float(flat) == pytest.approx(0.413339, abs=0.06)  # 3 standard errors
    assert float(gaussian(roll, y)) < 0.1


def test_an_image_has_the_truth_of_its_law_and_the_caveat_it_is_given(rng):
    t = student_t(2, 2, 1)
    milder = image(t, "mild", np.arcsinh, np.arcsinh, "still")
    assert (milder.truth, milder.hard, t.hard) == (t.truth, True, True)
    x, y = milder.draw(50, np.random.default_rng(1))
    plain = t.draw(50, np.random.default_rng(1))
    np.testing.assert_array_equal(np.arcsinh(plain), [x, y])


# --- estimators, right and wrong ------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    "estimator, laws, size",
    [
        (plug_in, "discrete", 1000),
        (partial(plug_in, correction="miller-madow"), "discrete", 500),
        (gaussian, "normal", 1000),
        (kraskov, ["normal, rho 0", "normal, rho 0.9", "wiggly, rho 0.75", "mixed"], 800),
        (kraskov, ["Swiss roll, rho 0.75", "normal 2 x 2, all 1/2"], 800),
        (mixed, ["discrete", "labelled", "mixed"], 800),
        (ross, "labelled", 800),
    ],
)
def test_estimators_hold_where_they_should(estimator, laws, size, seed):
    seen = examine(estimator, laws, size, repeats=6, rng=seed)
    assert not seen.failures(known=True), seen
    assert np.isfinite(seen.mean).all()  # nothing was refused


def test_heavy_tails_are_shown_as_a_known_failure():
    seen = examine(kraskov, ["Student-t 3 x 3, dof 2", "normal, rho 0.5"], 400, 6, rng=1)
    assert seen.failures() == [] and seen.failures(known=True) == [seen.rows[0]]
    assert seen.verdicts[0].endswith(": heavy tails") and "off by -0.1" in seen.verdicts[0]
    assert seen.verdicts[1] == "holds"


def counted(x, y, lost):
    """Plug-in information of a table of counts, of which the last `lost` cells are left out."""
    rows = np.unique(x, axis=0, return_inverse=True)[1].ravel()
    columns = np.unique(y, axis=0, return_inverse=True)[1].ravel()
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), 1)
    cells = np.argwhere(table)
    for cell in cells[len(cells) - lost :]:
        table[tuple(cell)] = 0
    return exact(table)


def by_hand(x, y, itself):
    """Kraskov's first estimate by all pairs, of psi(n_x + itself): 1 is right."""
    n, k = len(x), 3
    dx, dy = (np.abs(v[:, None] - v[None]).max(axis=-1) for v in (x, y))
    r = np.sort(np.maximum(dx, dy), axis=1)[:, k]
    nx, ny = ((d < r[:, None]).sum(axis=1) - 1 + itself for d in (dx, dy))
    return digamma(k) + digamma(n) - np.mean(digamma(nx) + digamma(ny))


WRONG = {
    "a cell is lost": (partial(counted, lost=1), partial(counted, lost=0), "AND, both inputs", 300),
    "psi(n_x)": (partial(by_hand, itself=0), partial(by_hand, itself=1), "normal, rho 0.9", 500),
    "bits": (lambda x, y: kraskov(x, y).bits.value, kraskov, "normal, rho 0.75", 500),
    "half of y": (lambda x, y: gaussian(x, y[:, :1]), gaussian, "two pairs, rho 0.8", 500),
    "half of x": (lambda x, y: plug_in(x[:, :1], y), plug_in, "XOR, both inputs", 500),
    "the wrong sign": (lambda x, y: -float(ross(x, y)), ross, "labels at ±1, normal", 500),
    "always nan": (lambda x, y: math.nan, mixed, "normal, rho 0", 500),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_estimator_is_found_out_and_its_sound_twin_is_not(fault):
    wrong, sound, law, size = WRONG[fault]
    (row,) = examine(wrong, law, size, rng=4).failures()
    assert row.law is LAW[law]
    seen = examine(sound, law, size, rng=4)
    assert seen.verdicts == ("holds",), seen


def test_an_estimate_in_bits_is_taken_as_what_it_says():
    seen = examine(lambda x, y: kraskov(x, y).bits, "normal, rho 0.75", 200, 3, rng=1)
    assert seen.mean == examine(kraskov, "normal, rho 0.75", 200, 3, rng=1).mean


# --- examine --------------------------------------------------------------------------------------


def recorder():
    seen = []

    def record(x, y):
        seen.append((x, y))
        return 0.0

    return record, seen


@pytest.mark.parametrize("seed", [7, np.int64(7)])
def test_samples_do_not_depend_on_what_else_is_asked(seed):
    few, alone = recorder()
    examine(few, "AND, one input", 20, 2, rng=seed)
    many, among = recorder()
    examine(many, ["labelled", "discrete"], (10, 20), 3, rng=7)
    for x, y in alone:
        assert any(np.array_equal(x, a) and np.array_equal(y, b) for a, b in among)
    assert not np.array_equal(alone[0][0], alone[1][0])  # each repeat has its own
    other, elsewhere = recorder()
    examine(other, "AND, one input", 20, 2, rng=8)
    assert not np.array_equal(alone[0][0], elsewhere[0][0])


def test_a_generator_at_the_same_point_gives_the_same_samples():
    means = [examine(plug_in, "gate", 30, 2, rng=np.random.default_rng(3)).mean for _ in "ab"]
    np.testing.assert_array_equal(*means)


def test_an_estimator_that_spoils_its_samples_spoils_no_others():
    def spoil(x, y):
        answer = float(plug_in(x, y))
        x[:], y[:] = 0, 0
        return answer

    a, b = (examine(f, "discrete", (20, 30), 3, rng=1).mean for f in (spoil, plug_in))
    np.testing.assert_array_equal(a, b)


def test_mean_deviation_and_bias_are_those_of_the_estimates():
    answers = iter([0.1, 0.4, 0.3, 0.5, 1.0, 3.0])
    law = Law("mine", 0.25, ("continuous",), lambda n, rng: (rng.random((n, 1)),) * 2)
    seen = examine(lambda x, y: next(answers), law, (5, 2), repeats=3)
    np.testing.assert_array_equal(seen.rows[0].values, [[0.1, 0.4, 0.3], [0.5, 1.0, 3.0]])
    assert seen.sizes == (2, 5)
    np.testing.assert_allclose(seen.mean, [[0.8 / 3, 1.5]])
    np.testing.assert_allclose(seen.bias, [[0.8 / 3 - 0.25, 1.25]])
    np.testing.assert_allclose(seen.deviation, [[math.sqrt(0.07 / 3), math.sqrt(1.75)]])


@pytest.mark.parametrize(
    "answers, verdict",
    [
        ((0.99, 1.01), "holds"),  # tolerance 0.1, truth 1
        ((1.05, 1.13), "holds"),  # off by 0.09, within it
        ((1.12, 1.12), "off by +0.120"),
        ((0.88, 0.88), "off by -0.120"),
        ((1.058, 1.342) * 5, "off by +0.200"),  # 4.2 standard errors; t is 4.1 for 10
        ((1.050, 1.350) * 5, "unclear: +0.200"),  # 4.0
        ((0.6, 1.6), "holds"),  # by its mean, 1.1
        ((1.0, 1.4), "unclear: +0.200"),  # standard error 0.2
        ((math.inf, 1.0), "not finite in 1 of 2"),
        ((math.nan, math.nan), "not finite in 2 of 2"),
    ],
)
@pytest.mark.parametrize("caveat", ["", "tails"])
def test_verdicts(answers, verdict, caveat):
    each = iter(answers)
    law = Law("mine", 1.0, ("continuous",), lambda n, rng: (np.ones((n, 1)),) * 2, caveat)
    seen = examine(lambda x, y: next(each), law, 10, len(answers), tolerance=0.1 + 1e-9)
    lost = verdict.startswith(("off", "not"))
    assert seen.verdicts == (verdict + (": tails" if caveat and lost else ""),)
    assert len(seen.failures(known=True)) == lost
    assert len(seen.failures()) == (lost and not caveat)
    assert seen.verdicts[0] in str(seen)


def test_the_table_says_all():
    answers = iter([0.7, 0.8, math.inf, 0.6, 0.1, 0.2, 0.0, 0.0])
    laws = [LAW["XOR, both inputs"], Law("mine", 0.3, ("continuous",), LAWS[0].draw, "tails")]
    seen = examine(lambda x, y: next(answers), laws, (10, 20), 2)
    assert str(seen).splitlines() == [
        "<lambda>: mean ± standard deviation of 2 estimates in nats, tolerance 0.03",
        "law               truth         N = 10  N = 20         at N = 20",
        "----------------  -----  -------------  -------------  --------------------",
        "XOR, both inputs  0.693  0.750 ± 0.071  inf in 1 of 2  not finite in 1 of 2",
        "mine              0.300  0.150 ± 0.071  0.000 ± 0.000  off by -0.300: tails",
    ]


def test_refusals_are_reported_and_the_others_examined():
    seen = examine(gaussian, ["XOR, one input", "normal, rho 0", "labelled"], (10, 50), 2, rng=0)
    assert seen.verdicts[0] == "refused" and seen.failures(known=True) == []
    assert np.isnan(seen.mean[0]).all() and np.isfinite(seen.mean[1]).all()
    assert set(seen.rows[0].refused) == {10, 50} and "x is discrete" in seen.rows[0].refused[10]
    text = str(seen)
    assert "refused XOR, one input: x is discrete" in text
    assert "refused 6 labelled laws: y is discrete" in text
    assert "\nnormal, rho 0 " in text and "\nXOR" not in text


def test_a_refusal_at_one_size_is_of_that_size():
    seen = examine(kraskov, "normal, rho 0", (3, 40), 2, rng=0)
    assert seen.verdicts[0] != "refused"
    assert np.isnan(seen.mean[0, 0]) and np.isfinite(seen.mean[0, 1])
    assert "refused normal, rho 0: at N = 3, k: each sample needs 3 others" in str(seen)
    assert "refused  " in str(seen).splitlines()[3]


def test_a_refusal_after_some_answers_is_one_and_only_its_first_line_is_kept():
    answers = iter([0.5])

    def moody(x, y):
        try:
            return next(answers)
        except StopIteration:
            raise ValueError("not today\nnor tomorrow") from None

    (row,) = examine(moody, "XOR, one input", 10, 3).rows
    assert row.refused == {10: "not today"} and np.isnan(row.values).all()


def test_a_refusal_without_words_is_called_by_its_name():
    def silent(x, y):
        raise ValueError

    assert examine(silent, "XOR, one input", 10, 2).rows[0].refused == {10: "ValueError"}


def test_another_error_is_no_refusal_and_says_where():
    def broken(x, y):
        return 1 / 0

    with pytest.raises(ZeroDivisionError) as caught:
        examine(broken, "XOR, one input", 10)
    assert caught.value.__notes__ == ["while broken was examined: XOR, one input, N = 10"]


@pytest.mark.parametrize("answer, kind", [(None, "NoneType"), ((1.0, 2.0), "tuple")])
def test_an_answer_that_is_no_number_is_refused_by_us(answer, kind):
    with pytest.raises(TypeError, match=f"expected a number or an Estimate, came {kind}"):
        examine(lambda x, y: answer, "XOR, one input", 10)


def test_laws_are_chosen_by_name_by_kind_and_by_themselves_each_once():
    mine = normal(np.eye(3), 2, "mine")
    asked = [mine, "AND, one input", "gate", mine]
    seen = examine(lambda x, y: 0.0, asked, 5, 2)
    assert [row.law.name for row in seen.rows] == [
        *("mine", "AND, one input", "XOR, one input", "XOR, both inputs", "AND, both inputs")
    ]
    assert [row.law for row in examine(lambda x, y: 0.0, None, 5, 2).rows] == list(LAWS)
    with pytest.raises(ValueError, match=r"'XNOR' is none of the kinds \(discrete, gate"):
        examine(plug_in, "XNOR")


def test_sizes_and_repeats_are_checked():
    for sizes in ((), 0, (10, -1), (2.5,)):
        with pytest.raises(ValueError, match="sizes: expected numbers of samples"):
            examine(plug_in, "gate", sizes)
    for repeats in (1, True, 2.5):
        with pytest.raises(ValueError, match="repeats: expected 2 or more"):
            examine(plug_in, "gate", 10, repeats)


def test_estimators_are_called_by_their_names():
    class Mine:
        def __call__(self, x, y):
            return 0.0

    names = [
        examine(f, "XOR, one input", 5, 2).estimator
        for f in (plug_in, partial(plug_in, bins=None), Mine())
    ]
    assert names == ["plug_in", "plug_in(bins=None)", "Mine"]


def test_no_law_and_nothing_but_refusals_are_tables_too():
    assert str(examine(plug_in, [])).startswith("plug_in: mean")
    assert str(examine(gaussian, "gate", 10, 2)).splitlines()[1].startswith("refused 4 discrete")


# --- the picture ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def seen():
    laws = ["normal, rho 0", "normal, rho 0.9", "Student-t 1 x 1, dof 1", "XOR, one input"]
    return examine(kraskov, laws, (50, 100), 3, rng=0)


def test_a_picture_sets_estimates_against_truths(seen):
    ax = known_answers(seen)
    points = [bars.lines[0].get_xydata() for bars in ax.containers]
    sound, hard = [0, 1], [2]
    for drawn, laws, size in zip(points, (sound, hard, sound, hard), (0, 0, 1, 1), strict=False):
        expected = np.stack([seen.truth[laws], seen.mean[laws, size]], axis=1)
        np.testing.assert_array_equal(drawn, expected)
    bar = ax.containers[2].lines[2][0].get_segments()[1]
    np.testing.assert_allclose(np.diff(bar[:, 1]), 2 * seen.deviation[1, 1])
    assert ax.get_xlabel() == "truth (nats)" and ax.get_ylabel() == "estimate (nats)"
    assert ax.get_title() == "kraskov"
    x, y = ax.get_lines()[0].get_data()
    np.testing.assert_array_equal(x, y)


def test_a_picture_tells_known_failures_and_sizes_apart(seen):
    ax = known_answers(seen)
    marks = [(bars.lines[0].get_marker(), bars.lines[0].get_color()) for bars in ax.containers]
    assert marks[:4] == [("o", "C0"), ("x", "C0"), ("v", "C1"), ("x", "C1")]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["truth", "N = 50", "N = 100", "known failure"]
    assert [text.get_text() for text in ax.texts] == ["Student-t 1 x 1, dof 1"]
    sound = known_answers(examine(gaussian, "normal, rho 0", 20, 2))
    assert len(sound.get_legend().get_texts()) == 2  # the truth and a size


def gaussian_less_a_third(x, y):
    return gaussian(x, y).value - 1 / 3


@pytest.mark.parametrize("estimator", [gaussian, gaussian_less_a_third])
def test_points_lie_inside_and_names_do_not_overlap(estimator):
    ax = known_answers(examine(estimator, ["continuous", "mixed"], (30, 60), 2, rng=2))
    ax.figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in ax.texts]  # without the line
    assert len(boxes) == sum(law.hard for law in LAWS)
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
        assert ax.bbox.contains(box.x0, box.y0) and ax.bbox.contains(box.x1, box.y1)
    for bars in ax.containers:
        for x, y in bars.lines[0].get_xydata():
            assert ax.get_xlim()[0] < x < ax.get_xlim()[1] and ax.get_ylim()[0] < y
            assert y < ax.get_ylim()[1]


def test_a_picture_leaves_out_what_is_refused_or_not_finite():
    answers = iter([0.5, 0.5, math.inf, 0.5])
    few = examine(lambda x, y: next(answers), ["normal, rho 0", "normal, rho 0.5"], 10, 2)
    np.testing.assert_array_equal(
        known_answers(few).containers[0].lines[0].get_xydata(), [[0.0, 0.5]]
    )
    known_answers(examine(gaussian, "gate", 10, 2)).figure.draw_without_rendering()


def test_a_picture_goes_on_the_axes_given_and_never_through_pyplot(seen):
    ax = Figure().subplots()
    assert known_answers(seen, ax=ax) is ax
    assert not matplotlib._pylab_helpers.Gcf.get_all_fig_managers()
