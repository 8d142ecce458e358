"""The recorder: what it keeps is what one would compute by hand, and it leaves learning alone."""

import math

import numpy as np
import pytest

from minigrad import Adam, Affinity, Dropout, LayerNorm, Map, Network, Residual, plots, stacks
from minigrad.errors import FormatError, ShapeError
from minigrad.information import (
    Bins,
    InformationPlane,
    Probe,
    by_bins,
    by_neighbours,
    by_pairs,
    kraskov,
    pairwise_bounds,
    participation_ratio,
    plug_in,
    ross,
)
from minigrad.information.plane import activations, bounds_of, log_spaced, watched_layers

X = np.random.default_rng(0).uniform(-1, 1, (60, 3))
LABELS = (X[:, 0] * X[:, 1] > 0).astype(int)


def net():
    layers = Affinity(3, 4), Map("tanh"), Affinity(4, 2), Map("relu"), Affinity(2, 2)
    return Network(*layers).randomize(1)


def learn(net, *callbacks, epochs=6, rng=2):
    place = net.place
    x = place.xp.asarray(X, device=place.device)
    return net.fit(x, LABELS, epochs, 7, "softmax_cross_entropy", Adam(0.02), rng, None, callbacks)


def test_what_is_kept_is_what_one_computes_by_hand():
    one, plane = (
        net(),
        InformationPlane(X, LABELS, {"b": by_bins(5), "k": by_neighbours(noise=0.1)}),
    )
    plane(one)
    learn(one, plane, epochs=1)
    t1 = np.tanh(X @ one.layers[0].M.T + one.layers[0].b)
    t2 = np.maximum(t1 @ one.layers[2].M.T + one.layers[2].b, 0)
    t3 = t2 @ one.layers[4].M.T + one.layers[4].b
    noise = [math.sqrt(0.1) * np.random.default_rng(0).standard_normal(t.shape) for t in (t1, t2)]
    bins = Bins(5, low=-1, high=1), Bins(5, low=0), Bins(5)
    for layer, (t, along) in enumerate(zip((t1, t2, t3), bins, strict=True)):
        assert plane.curve("b")[1, layer] == plug_in(X, t, (4, along))
        assert plane.curve("b", "label")[1, layer] == plug_in(t, LABELS, along)
        assert plane.curve("b", "label", "ceiling")[1, layer] == plug_in(t, LABELS, along).ceiling
        assert plane.dimension[1, layer] == participation_ratio(t)
    assert plane.curve("k")[1, 0] == kraskov(X, t1 + noise[0])
    assert plane.curve("k", "label")[1, 1] == ross(t2 + noise[1], LABELS)
    assert plane.recorded.tolist() == [0, 1]
    assert plane.curve("b").shape == (2, 3)


@pytest.mark.parametrize("side", ["lower", "upper"])
def test_the_pair_probe_gives_the_bound_asked_for(side):
    one, plane = net(), InformationPlane(X, LABELS, {"p": by_pairs(0.2, side)})
    plane(one)
    t = activations(one, X)[1]
    assert plane.curve("p")[0, 1] == getattr(pairwise_bounds(t, 0.2), side)
    assert plane.curve("p", "label")[0, 1] == getattr(pairwise_bounds(t, 0.2, LABELS), side)


def test_learning_is_the_same_with_and_without_a_recorder():
    kinds = [Affinity(3, 4), LayerNorm(4), Map("tanh"), Dropout(0.2), Affinity(4, 2)]
    one, thetas = Network(*kinds), []
    for watched in (False, True):
        one.randomize(5)
        one.layers[3].rng = np.random.default_rng(3)
        plane = InformationPlane(X, LABELS, held_out=(X, LABELS), rng=0)
        learn(one, *([plane] if watched else []))
        thetas.append(one.theta.copy())
    assert (thetas[0] == thetas[1]).all()


def test_a_member_of_a_stack_is_recorded_as_alone():
    many = net().stack(3, rng=4)
    alone = stacks.member(many, 2)
    plane = InformationPlane(X, LABELS, {"b": by_bins(5)}, held_out=(X, LABELS))
    other = InformationPlane(X, LABELS, {"b": by_bins(5)}, held_out=(X, LABELS))
    plane(many), other(alone)
    assert plane.curve("b").shape == (1, 3, 3)
    np.testing.assert_allclose(plane.curve("b")[:, 2], other.curve("b"), rtol=1e-12)
    np.testing.assert_allclose(plane.dimension[:, 2], other.dimension, rtol=1e-12)
    assert plane.accuracy[0, 2] == other.accuracy[0]


def test_some_probes_look_at_some_members_and_the_others_are_nan():
    plane = InformationPlane(X, LABELS, {"b": by_bins(5, shuffles=3, members=(2, 0))})
    plane(net().stack(3, rng=4))
    for kind in ("value", "ceiling", "null", "spread"):
        assert np.isnan(plane.curve("b", "label", kind)).all(axis=(0, 2)).tolist() == [0, 1, 0]


def test_a_null_is_taken_where_it_is_asked_for():
    asked, not_asked = (
        InformationPlane(X, LABELS, {"b": by_bins(9, shuffles=s)}, rng=1) for s in (8, 0)
    )
    for plane in (asked, not_asked):
        plane(net())
    t, again = activations(net(), X)[0], np.random.default_rng(1)
    null = plug_in(X, t, (4, Bins(9, low=-1, high=1))).null(8, again)
    assert asked.curve("b", "input", "null")[0, 0] == null.level
    assert asked.curve("b", "input", "spread")[0, 0] == null.spread
    assert np.isnan(not_asked.curve("b", "input", "null")).all()


def test_epochs_are_recorded_as_chosen_or_evenly_on_a_logarithmic_axis():
    chosen = InformationPlane(X, LABELS, {"b": by_bins(3)}, epochs=[0, 2, 5, 40])
    usual = InformationPlane(X, LABELS, {"b": by_bins(3)})
    one = net()
    chosen(one), usual(one)
    learn(one, chosen, usual, epochs=30)
    assert chosen.recorded.tolist() == [0, 2, 5]
    gaps = np.diff(np.log10(usual.recorded[1:]))
    assert usual.recorded[:4].tolist() == [0, 1, 2, 3] and usual.recorded[-1] == 24
    assert gaps[4:].max() < 1.5 / 8
    for last, count in ((2000, 25), (40, 9), (3, 3), (5, 30), (1, 2)):
        epochs = log_spaced(last, count)
        assert len(epochs) == min(count, last + 1) and epochs[0] == 0 and epochs[-1] == last
        assert epochs == sorted(set(epochs))
    with pytest.raises(ValueError, match="2 epochs or more"):
        log_spaced(10, 1)


def test_the_loss_is_smoothed_over_steps():
    one, plane = net(), InformationPlane(X, LABELS, {"b": by_bins(3)}, [0, 3, 6], smoothing=0.2)
    plane(one)
    history, smooth = learn(one, plane), None
    for step, loss in enumerate(history.step_loss, 1):
        smooth = loss if smooth is None else 0.8 * smooth + 0.2 * loss
        if step == 3 * 9:
            np.testing.assert_allclose(plane.loss[1], smooth)
    np.testing.assert_allclose(plane.loss[2], smooth)
    assert np.isnan(plane.loss[0])


def test_a_saved_recorder_goes_on_where_it_was(tmp_path):
    def recorder():
        return InformationPlane(
            X, LABELS, {"b": by_bins(4, shuffles=2)}, range(9), held_out=(X, LABELS), rng=7
        )

    def run(interrupted):
        one, plane, optimizer = net(), recorder(), Adam(0.02)
        x = (X, LABELS, 4, 7, "softmax_cross_entropy", optimizer)
        plane(one)
        one.fit(*x, rng=1, callbacks=[plane])
        if interrupted:
            plane.save(tmp_path / "plane.npz")
            plane = recorder()
            plane.load(tmp_path / "plane.npz")
        one.fit(*x, rng=2, callbacks=[plane])
        return plane

    first, second = run(False), run(True)
    assert second.recorded.tolist() == list(range(9))
    for of in (lambda p: p.curve("b", "label", "null"), lambda p: p.loss, lambda p: p.accuracy,
               lambda p: p.dimension, lambda p: p.curve("b")):  # fmt: skip
        np.testing.assert_array_equal(of(first), of(second))


def test_a_file_of_another_kind_is_refused_and_nothing_is_lost(tmp_path):
    plane = InformationPlane(X, LABELS, {"b": by_bins(4)})
    plane(net())
    plane.save(tmp_path / "plane.npz")
    net().save(tmp_path / "net.npz")
    other = InformationPlane(X, LABELS, {"another": by_bins(4)})
    with pytest.raises(FormatError, match="another"):
        other.load(tmp_path / "plane.npz")
    for changed in ({"layers": [0]}, {"x": X[::-1]}, {"labels": 1 - LABELS}):
        usual = {"x": X, "labels": LABELS, "probes": {"b": by_bins(4)}}
        with pytest.raises(FormatError, match="this plane of"):
            InformationPlane(**(usual | changed)).load(tmp_path / "plane.npz")
    with pytest.raises(FormatError, match="no saved information plane"):
        plane.load(tmp_path / "net.npz")
    assert plane.recorded.tolist() == [0]


def test_another_network_is_refused():
    plane = InformationPlane(X, LABELS, {"b": by_bins(4)})
    plane(net())
    with pytest.raises(ShapeError, match="this plane watches"):
        plane(Network(Affinity(3, 2)))
    with pytest.raises(ShapeError, match="this plane watches"):
        plane(net().stack(2))


def test_the_same_epoch_again_counts_instead():
    plane, one = InformationPlane(X, LABELS, {"b": by_bins(4)}), net()
    plane(one)
    before = plane.curve("b")[0, 0]
    one.layers[0].M = 10 * one.layers[0].M
    plane(one)
    assert plane.recorded.tolist() == [0] and plane.curve("b")[0, 0] != before


def test_memory_does_not_grow_with_the_data():
    kept = []
    for n in (20, 60):
        plane = InformationPlane(X[:n], LABELS[:n], {"b": by_bins(4)})
        plane(net())
        kept.append(sum(np.asarray(v).nbytes for rows in plane._kept.values() for v in rows))
    assert kept[0] == kept[1]


def test_outputs_are_watched_behind_the_maps_unless_others_are_chosen():
    one = net()
    assert watched_layers(one) == [1, 3, 4]
    chosen = InformationPlane(X, LABELS, {"b": by_bins(4)}, layers=[0, 1])
    chosen(one)
    assert chosen.curve("b").shape == (1, 2)
    np.testing.assert_allclose(activations(one, X, [0])[0], X @ one.layers[0].M.T)
    for wrong in ([], [5], [1, 0], [1, 1], [-1]):
        with pytest.raises(ValueError, match="rising numbers from 0 to 4"):
            watched_layers(one, wrong)
    with pytest.raises(RuntimeError, match="before a forward"):
        one.backprop(np.ones((60, 2)))  # the recorder leaves nothing behind


def test_bins_follow_the_range_of_the_activation():
    assert bounds_of(Map("tanh")) == (-1, 1) and bounds_of(Map("relu")) == (0, math.inf)
    assert bounds_of(Network(Affinity(3, 2), Map("sigmoid"))) == (0, 1)
    for free in (Affinity(3, 2), Residual(Affinity(3, 3), Map("tanh")), Map(abs, np.sign)):
        assert bounds_of(free) == (-math.inf, math.inf)


def test_bad_requests_are_refused():
    plane = InformationPlane(X, LABELS, {"b": by_bins(4)})
    for wrong in (("c", "input"), ("b", "output"), ("b", "input", "mean")):
        with pytest.raises(KeyError, match="no curve"):
            plane.curve(*wrong)
    with pytest.raises(ValueError, match="smoothing"):
        InformationPlane(X, LABELS, smoothing=0)
    with pytest.raises(ShapeError, match="samples"):
        InformationPlane(X, LABELS[:5])
    with pytest.raises(TypeError, match="labels: expected one for each"):
        InformationPlane(X, None)
    with pytest.raises(TypeError, match="labels: expected labels"):
        InformationPlane(X, LABELS + 0.5)
    with pytest.raises(TypeError, match=r"such as range\(5\)"):
        InformationPlane(X, LABELS, epochs=5)
    with pytest.raises(TypeError, match=r"'k' is .* expected a Probe"):
        InformationPlane(X, LABELS, {"k": kraskov})
    with pytest.raises(ValueError, match="no member 9 in a stack of 3"):
        InformationPlane(X, LABELS, by_bins(4, members=(9,)))(net().stack(3))
    with pytest.raises(ValueError, match="noise: expected a variance"):
        by_neighbours(noise=-1)
    with pytest.raises(ShapeError, match="is a stack"):
        plots.feature_maps(net().stack(2), X, LABELS)
    with pytest.raises(ValueError, match="bound"):
        InformationPlane(X, LABELS, {"p": by_pairs(0.1, "middle")})(net())


def test_a_probe_of_ones_own():
    own = Probe(
        lambda x, t, bounds: plug_in(x[:, :1], t[:, :1], 3),
        lambda t, y, bounds: plug_in(t[:, :1], y, 3),
    )
    plane = InformationPlane(X, LABELS, {"own": own, "half": own._replace(of_label=None)})
    plane(net())
    assert plane.curve("half")[0, 0] == plane.curve("own")[0, 0]
    assert np.isnan(plane.curve("half", "label")).all()
    assert plane.curve("own")[0, 0] == plug_in(X[:, :1], activations(net(), X)[0][:, :1], 3)


def test_it_watches_networks_of_every_backend(spec):
    planes = []
    for one in (net(), net().to(spec)):
        plane = InformationPlane(X, LABELS, {"b": by_bins(4), "k": by_neighbours(noise=0.1)})
        plane(one)
        learn(one, plane, epochs=2)
        planes.append(plane)
    np.testing.assert_allclose(planes[0].curve("k"), planes[1].curve("k"), atol=1e-6)
    np.testing.assert_allclose(planes[0].loss, planes[1].loss, rtol=1e-6)


# --- pictures -------------------------------------------------------------------------------------


@pytest.fixture(params=["one", "stack"])
def watched(request):
    one = net() if request.param == "one" else net().stack(3, rng=4)
    members = None if request.param == "one" else (0, 2)
    probes = {"bins": by_bins(5, shuffles=2, members=members), "pairs": by_pairs()}
    plane = InformationPlane(X, LABELS, probes, held_out=(X, LABELS))
    plane(one)
    learn(one, plane)
    return plane


def test_the_three_panels_show_the_mean_of_the_members_looked_at(watched):
    drawn = plots.information_curves(watched)
    curve, accuracy = watched.curve("bins", "label"), watched.accuracy
    if curve.ndim == 3:
        curve, accuracy = curve[:, [0, 2]].mean(axis=1), accuracy[:, [0, 2]].mean(axis=1)
    panels = drawn.axes[:3]
    assert [p.get_ylabel() for p in panels] == ["accuracy (%)", "I(X;T) (nats)", "I(T;Y) (nats)"]
    assert panels[2].get_xlabel() == "epoch"
    np.testing.assert_allclose(panels[0].get_lines()[0].get_ydata(), 100 * accuracy)
    by_name = {line.get_label(): line.get_ydata() for line in panels[2].get_lines()}
    for layer in range(3):
        np.testing.assert_allclose(by_name[f"layer {layer + 1}"], curve[:, layer])
    drawn.canvas.draw()


def test_the_plane_has_a_path_for_each_layer(watched):
    ax = plots.information_plane(watched, "pairs")
    x, y = watched.curve("pairs"), watched.curve("pairs", "label")
    if x.ndim == 3:
        x, y = x.mean(axis=1), y.mean(axis=1)
    paths = [line.get_xydata() for line in ax.get_lines()[::2]]  # between them, the starts
    for layer in range(3):
        np.testing.assert_allclose(paths[layer], np.stack([x[:, layer], y[:, layer]], axis=1))
    ax.figure.canvas.draw()


def test_feature_maps_show_each_layer():
    drawn = plots.feature_maps(net(), X, LABELS)
    assert len(drawn.axes) == 3
    for label, points in enumerate(drawn.axes[1].collections):
        np.testing.assert_allclose(points.get_offsets(), activations(net(), X)[1][label == LABELS])
    parts = [points.get_offsets() for points in drawn.axes[0].collections]
    t, wide = activations(net(), X)[0], np.concatenate(parts)  # of four units, the widest two
    values = np.linalg.eigvalsh(np.cov(t.T))[::-1]
    np.testing.assert_allclose(np.var(wide, axis=0, ddof=1), values[:2])


def test_a_picture_of_nothing_is_refused():
    empty = InformationPlane(X, LABELS, {"b": by_bins(4)})
    with pytest.raises(ValueError, match="recorded nothing yet"):
        plots.information_plane(empty)
    empty(net())
    with pytest.raises(ValueError, match="no probe 'c'"):
        plots.information_curves(empty, "c")


def test_labels_may_be_rows_and_bins_ones_own():
    one_hot, texts = np.eye(2, dtype=int)[LABELS], np.array(["no", "yes"])[LABELS]
    curves = []
    for labels in (LABELS, one_hot, texts):
        plane = InformationPlane(X, labels, by_bins(Bins(4, by="quantile")))
        plane(net())
        curves.append(plane.curve("probe", "label"))
    assert (curves[0] == curves[1]).all() and (curves[0] == curves[2]).all()
    t = activations(net(), X)[0]
    assert curves[0][0, 0] == plug_in(t, LABELS, Bins(4, by="quantile"))


def test_a_call_of_ones_own_records_whatever_the_epoch():
    one, plane = net(), InformationPlane(X, LABELS, by_bins(3), epochs=[0])
    learn(one, plane, epochs=5)
    plane(one)
    assert plane.recorded.tolist() == [5]
