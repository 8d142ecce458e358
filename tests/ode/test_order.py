"""Order conditions, against known counts, residuals and stability limits, and planted mistakes."""

import numpy as np
import pytest

from minigrad.errors import TableauError
from minigrad.ode import Tableau, check
from minigrad.ode.order import (
    density,
    elementary,
    growth,
    order_of,
    residuals,
    rooted_trees,
    stability_interval,
)
from minigrad.ode.tableaus import BY_NAME, TABLEAUS

every = pytest.mark.parametrize("method", TABLEAUS, ids=lambda t: t.name)


def planted(name, **changed):
    fields = ("order", "A", "b", "embedded", "embedded_order", "third", "c")
    known = {field: getattr(BY_NAME[name], field) for field in fields}
    return Tableau(**{"name": "planted", **known, **changed})


def changed(row, i, value):
    row = list(row)
    row[i] = value
    return row


def test_rooted_trees_are_counted():
    trees = [rooted_trees(nodes) for nodes in range(1, 9)]
    assert [len(t) for t in trees] == [1, 1, 2, 4, 9, 20, 48, 115]
    assert all(len({repr(tree) for tree in t}) == len(t) for t in trees)


def test_density_and_elementary_weights_by_hand():
    chain, bush = (((),),), ((), ())
    assert density(()) == 1
    assert density(chain) == 6  # 3 2 1
    assert density(bush) == 3
    A = BY_NAME["rk4"].matrix
    c = A.sum(axis=1)
    assert np.array_equal(elementary(A, ()), np.ones(4))
    assert np.allclose(elementary(A, bush), c**2, atol=1e-16)
    assert np.allclose(elementary(A, chain), A @ c, atol=1e-16)


@every
def test_every_condition_up_to_the_declared_order_holds(method):
    for weights, order in ((method.b, method.order), (method.embedded, method.embedded_order)):
        for nodes in range(1, (order or 0) + 1):
            assert np.abs(residuals(method.matrix, np.array(weights), nodes)).max() <= 1e-13


@every
def test_every_tableau_passes_its_check_and_has_no_more_than_it_declares(method):
    report = check(method.name)
    assert (report.name, report.order) == (method.name, method.order)
    assert report.embedded_order == method.embedded_order
    assert report.next_residual > 1e-6
    assert report.row_sums <= 1e-13
    assert method.name in str(report)


def test_by_how_much_the_next_order_is_missed():
    for name, expected in (("rk4", 1.250e-2), ("dopri5", 2.778e-4), ("tsit5", 2.199e-4)):
        assert check(name).next_residual == pytest.approx(expected, rel=1e-3)
    fehlberg = BY_NAME["fehlberg45"]
    order, missed = order_of(fehlberg.matrix, np.array(fehlberg.embedded))
    assert order == 4
    assert missed == pytest.approx(1.282e-3, rel=1e-3)


# --- planted mistakes -----------------------------------------------------------------------------


def test_a_weight_that_is_wrong_is_named_with_the_order():
    b = changed(BY_NAME["rk4"].b, 1, 1 / 3 + 1e-6)
    with pytest.raises(TableauError, match="planted: the weights b declare order 4 and have order"):
        check(planted("rk4", b=b))


def test_a_wrong_coefficient_shows_in_the_order():
    A = [*BY_NAME["rk4"].A[:3], [0, 0.1, 0.9]]  # the row sum is right
    with pytest.raises(TableauError, match="declare order 4 and have order 3; a condition of"):
        check(planted("rk4", A=A))


def test_a_row_that_does_not_sum_to_its_node_is_named():
    with pytest.raises(TableauError, match=r"row 3 of A sums to 0\.5, its node c is 0\.4"):
        check(planted("rk4", c=[0, 0.5, 0.4, 1]))


@pytest.mark.parametrize("name", [t.name for t in TABLEAUS if t.embedded is not None])
@pytest.mark.parametrize("stage", range(12))
def test_no_embedded_weight_may_be_off(name, stage):
    method = BY_NAME[name]
    if stage < method.stages:
        off = changed(method.embedded, stage, method.embedded[stage] + 1e-9)
        with pytest.raises(TableauError, match="the embedded weights declare order"):
            check(planted(name, embedded=off))


def test_tsit5_with_another_last_error_weight_is_refused():
    """1/40 for 1/66: the weights no longer sum to 1."""
    wrong = changed(BY_NAME["tsit5"].embedded, 6, 1 / 40)
    said = f"embedded weights declare order 4 and have order 0.*missed by {1 / 40 - 1 / 66:.3e}"
    with pytest.raises(TableauError, match=said):
        check(planted("tsit5", embedded=wrong))


@pytest.mark.parametrize("name", ["fehlberg45", "cash-karp", "dopri5", "tsit5"])
def test_the_weights_for_the_error_are_no_weights_to_advance_by(name):
    method = BY_NAME[name]
    with pytest.raises(TableauError, match="the weights b declare order 5 and have order 4"):
        check(planted(name, b=method.embedded, embedded=method.b))


# --- stability ------------------------------------------------------------------------------------


def test_growth_of_rk4_is_the_series_of_the_exponential():
    assert np.allclose(growth(BY_NAME["rk4"]), [1, 1, 1 / 2, 1 / 6, 1 / 24], atol=1e-16)


def test_how_far_methods_are_stable():
    rk4 = BY_NAME["rk4"]
    assert stability_interval(rk4, -1.0) == pytest.approx(2.785293563, abs=1e-8)
    assert stability_interval(rk4, 1.0j) == pytest.approx(2 * np.sqrt(2), abs=1e-8)
    assert stability_interval(BY_NAME["euler"], -1.0) == pytest.approx(2, abs=1e-8)
    assert stability_interval(BY_NAME["euler"], 1.0j) == 0
    assert stability_interval(BY_NAME["heun"], 1.0j) == 0  # |R|^2 - 1 is z^4 / 4, small for long
    assert stability_interval(BY_NAME["bosh3"], 1.0j) == pytest.approx(np.sqrt(3), abs=1e-8)


@every
def test_on_the_border_of_the_interval_the_growth_is_one(method):
    real = stability_interval(method, -1.0)
    R = np.polynomial.Polynomial(growth(method))
    assert abs(R(-real)) == pytest.approx(1, abs=1e-6)
    assert (np.abs(R(-np.linspace(0, real, 999))) <= 1 + 1e-9).all()
    assert abs(R(-1.01 * real)) > 1
