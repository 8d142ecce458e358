"""The pictures of flows: what is in them is what was computed, and nothing is shown."""

import warnings

import matplotlib
import numpy as np
import pytest
from matplotlib.animation import FFMpegWriter
from matplotlib.figure import Figure
from PIL import Image

from minigrad import Affinity, Map, Network, backend
from minigrad.errors import ShapeError
from minigrad.ode import autonomous, solve
from minigrad.ode.lyapunov import Exponents
from minigrad.plots import flows


def species(t, s):
    """Two competing species: sources at 0, (0, 2) and (3, 0) stable, a saddle at (1, 1)."""
    x, y = s[..., 0], s[..., 1]
    return np.stack([x * (3 - x - 2 * y), y * (2 - x - y)], axis=-1)


LIMITS = ((-0.5, 3.5), (-0.5, 2.5))


def lines(ax, **has):
    return [
        line
        for line in ax.get_lines()
        if all(getattr(line, f"get_{name}")() == value for name, value in has.items())
    ]


# --- portraits ------------------------------------------------------------------------------------


def test_the_arrows_are_the_field_at_their_places():
    ax = flows.phase_portrait(species, limits=LIMITS, starts=())
    (arrows,) = (c for c in ax.collections if hasattr(c, "U"))
    there = np.asarray(arrows.get_offsets())
    slope = species(0, there)
    speed = np.hypot(*slope.T)
    np.testing.assert_allclose(np.asarray(arrows.get_array()).ravel(), speed)
    moves = np.stack([np.ravel(arrows.U), np.ravel(arrows.V)], axis=1)
    np.testing.assert_allclose(moves * speed[:, None], slope, atol=1e-12)
    np.testing.assert_allclose(there.min(axis=0), [-0.5, -0.5])
    np.testing.assert_allclose(there.max(axis=0), [3.5, 2.5])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$x_1$", "$x_2$")
    assert ax.figure.axes[1].get_ylabel() == "speed |f|"


def test_rest_points_are_marked_by_what_they_are():
    ax = flows.phase_portrait(species, limits=LIMITS, starts=())
    expected = {"stable": [[0, 2], [3, 0]], "saddle": [[1, 1]], "unstable": [[0, 0]]}
    for name, points in expected.items():
        (marks,) = lines(ax, label=name)
        seen = marks.get_xydata()
        np.testing.assert_allclose(seen[np.argsort(seen[:, 0])], points, atol=1e-7)
    assert not lines(ax, label="neutral")
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["$\\dot x_1 = 0$", "$\\dot x_2 = 0$", "stable", "saddle", "unstable"]

    def turn(t, s):
        return np.stack([-s[..., 1], s[..., 0] + 0.5], axis=-1)

    (centre,) = lines(flows.phase_portrait(turn, starts=()), label="neutral")
    np.testing.assert_allclose(centre.get_xydata(), [[-0.5, 0]], atol=1e-9)


def test_on_nullclines_the_field_is_upright_or_flat():
    ax = flows.phase_portrait(species, limits=LIMITS, starts=())
    first, second = (c for c in ax.collections if hasattr(c, "levels"))
    for i, curve in enumerate((first, second)):
        along = np.concatenate([path.vertices for path in curve.get_paths()])
        assert len(along) > 100
        np.testing.assert_allclose(species(0, along)[:, i], 0, atol=1e-3)
    without = flows.phase_portrait(species, limits=LIMITS, nullclines=False, starts=())
    assert not [c for c in without.collections if hasattr(c, "levels")]


def test_paths_follow_the_flow_from_their_starts():
    starts = [[0.2, 0.5], [3.0, 2.0]]
    ax = flows.phase_portrait(species, limits=LIMITS, starts=starts, t1=3.0)
    dots = [line.get_xydata()[0].tolist() for line in lines(ax, markersize=4)]
    assert dots == starts
    paths = [line.get_xydata() for line in ax.get_lines() if len(line.get_xdata()) > 100]
    end = solve(species, np.array(starts), 0.0, 3.0).x[-1]
    np.testing.assert_allclose([path[0] for path in paths], starts)
    np.testing.assert_allclose([path[-1] for path in paths], end, atol=1e-5)
    assert len(lines(flows.phase_portrait(species, t1=0.1), markersize=4)) == 8


def test_a_path_ends_outside_the_window_or_where_it_blows_up():
    with np.errstate(all="ignore"):
        for field in (lambda t, s: s, lambda t, s: s**3):
            ax = flows.phase_portrait(field, starts=[[1.0, 0.5]])
            path = next(line for line in ax.get_lines() if len(line.get_xdata()) > 9).get_xydata()
            assert np.abs(path).max() < 5 and path[-1, 0] > 3  # a whole window from the middle: 4
    ax.figure.canvas.draw()


def test_a_network_of_any_backend_has_a_portrait(spec):
    net = Network(Affinity(2, 3), Map("tanh"), Affinity(3, 2)).randomize(1)
    one, other = (
        flows.phase_portrait(autonomous(each), starts=[[1.0, 0.0]], t1=2.0)
        for each in (net, net.to(spec))
    )
    for first, second in zip(one.get_lines(), other.get_lines(), strict=True):
        np.testing.assert_allclose(first.get_xydata(), second.get_xydata(), atol=1e-6)


# --- paths in many dimensions ---------------------------------------------------------------------


def test_the_principal_plane_keeps_all_distances_of_states_in_a_plane(rng):
    flat = rng.normal(size=(7, 5, 2)) * [3, 1]
    frame = np.linalg.qr(rng.normal(size=(6, 2)))[0]
    labels = np.array([4, 2, 4, 2, 9])
    ax = flows.principal_plane(flat @ frame.T + 5, labels)
    drawn = np.array([line.get_xydata() for line in ax.get_lines() if len(line.get_xdata()) == 7])
    seen = drawn.transpose(1, 0, 2).reshape(-1, 2)
    states = flat.reshape(-1, 2)
    gaps = np.linalg.norm(states[:, None] - states[None], axis=-1)
    np.testing.assert_allclose(np.linalg.norm(seen[:, None] - seen[None], axis=-1), gaps)
    share = np.linalg.eigvalsh(np.cov(flat.reshape(-1, 2).T))[::-1]
    assert ax.get_xlabel() == f"first direction ({share[0] / share.sum():.0%} of the variance)"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["4", "2", "9"]
    colours = [line.get_color() for line in ax.get_lines() if len(line.get_xdata()) == 7]
    assert colours == ["C1", "C0", "C1", "C0", "C2"]
    dots = [line for line in ax.get_lines() if len(line.get_xdata()) == 1]
    np.testing.assert_allclose([d.get_xydata()[0] for d in dots[::2]], drawn[:, 0])
    np.testing.assert_allclose([d.get_xydata()[0] for d in dots[1::2]], drawn[:, -1])
    assert {d.get_markerfacecolor() for d in dots[::2]} == {"w"}
    assert [d.get_markerfacecolor() for d in dots[1::2]] == colours
    ax.figure.canvas.draw()


def test_without_labels_each_has_its_colour(rng):
    ax = flows.principal_plane(rng.normal(size=(3, 12, 4)))
    assert len({line.get_color() for line in ax.get_lines()}) == 12 and ax.get_legend() is None


# --- curves ---------------------------------------------------------------------------------------


def test_distances_have_their_median_and_their_bands(rng):
    t, d = np.linspace(0, 2, 5), rng.uniform(size=(5, 41))
    ax = flows.distances(t, d)
    np.testing.assert_allclose(ax.get_lines()[0].get_xydata(), np.stack([t, np.median(d, 1)], 1))
    for band, (low, high) in zip(ax.collections, ((0.05, 0.95), (0.25, 0.75)), strict=True):
        edge = band.get_paths()[0].vertices
        for number, time in enumerate(t):
            at = edge[edge[:, 0] == time, 1]
            np.testing.assert_allclose([at.min(), at.max()], np.quantile(d[number], [low, high]))
    assert ax.get_xlabel() == "time" and "root mean square" in ax.get_ylabel()
    ax.figure.canvas.draw()


def test_exponents_are_drawn_as_they_settled():
    times, history = np.array([1.0, 2.0, 4.0]), np.arange(18.0).reshape(3, 3, 2)
    ax = flows.lyapunov_convergence(Exponents(history[-1], times, history, 2))
    for i in range(2):
        curve = ax.get_lines()[i]
        np.testing.assert_allclose(curve.get_xydata(), np.stack([times, history[:, 1, i]], axis=1))
        assert curve.get_label() == f"{i + 1}: {history[-1, 1, i]:.4f}"
        edge = ax.collections[i].get_paths()[0].vertices
        assert edge[edge[:, 0] == 4, 1].min() == history[2, 0, i]
        assert edge[edge[:, 0] == 4, 1].max() == history[2, 2, i]
    single = flows.lyapunov_convergence(Exponents(history[-1, 0], times, history[:, 0], 2))
    assert not single.collections
    ax.figure.canvas.draw()


# --- moving images --------------------------------------------------------------------------------


FRAMES = np.linspace(0.1, 1, 6)[:, None, None] * np.random.default_rng(1).uniform(0, 9, (6, 5, 12))


def grey(image):
    """What is seen, as a share of black."""
    return image.norm(image.get_array())


@pytest.mark.parametrize("together", [True, False])
def test_each_frame_shows_its_images_in_the_shades_asked_for(together):
    moving = flows.animation(FRAMES, (3, 4), together=together, columns=2)
    (image,) = moving._fig.axes[0].get_images()
    for number in (0, 5, 2):
        moving._func(number)
        of = FRAMES if together else FRAMES[number]
        shades, scaled = grey(image), (FRAMES[number] - of.min()) / (of.max() - of.min())
        np.testing.assert_allclose(shades[2:5, 2:6], scaled[0].reshape(3, 4), atol=1e-12)
        np.testing.assert_allclose(shades[2:5, 8:12], scaled[1].reshape(3, 4), atol=1e-12)
        np.testing.assert_allclose(shades[12:15, 2:6], scaled[4].reshape(3, 4), atol=1e-12)
        assert np.ma.getmaskarray(shades).sum() == shades.size - 60
    moving._init_draw()  # one that is dropped undrawn warns


@pytest.mark.parametrize("fps", [20, 10])
def test_a_gif_has_as_many_frames_as_asked_and_shows_them(tmp_path, fps):
    flows.animation(FRAMES, (3, 4), tmp_path / "flow.gif", fps=fps, columns=2)
    with Image.open(tmp_path / "flow.gif") as film:
        assert film.n_frames == 6
        each = film.size[0] // 14
        assert film.size == (14 * each, 17 * each) and each % 2 == 0
        for number in range(6):
            film.seek(number)
            assert film.info["duration"] == 1000 / fps
            dots = np.asarray(film.convert("L"))[each // 2 :: each, each // 2 :: each]
            ink = (FRAMES[number, 3].reshape(3, 4) - FRAMES.min()) / np.ptp(FRAMES)
            np.testing.assert_allclose(dots[7:10, 8:12] / 255, 1 - ink, atol=0.01)
            assert (dots[:2] == 255).all()


def test_a_film_without_ffmpeg_names_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(FFMpegWriter, "isAvailable", classmethod(lambda cls: False))
    with pytest.raises(RuntimeError, match=r"flow.mp4: an MP4 needs ffmpeg.*flow\.gif"):
        flows.animation(FRAMES, (3, 4), tmp_path / "flow.mp4")
    with pytest.raises(ValueError, match=r"flow\.avi: expected a name that ends in"):
        flows.animation(FRAMES, (3, 4), tmp_path / "flow.avi")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not FFMpegWriter.isAvailable(), reason="ffmpeg is not installed")
def test_a_film_with_ffmpeg(tmp_path):
    flows.animation(FRAMES, (3, 4), tmp_path / "flow.mp4")
    assert b"ftyp" in (tmp_path / "flow.mp4").read_bytes()[:16]


# --- all ------------------------------------------------------------------------------------------


def test_pictures_draw_on_the_axes_given_and_none_is_shown(rng):
    first, second, third, fourth = Figure().subplots(2, 2).ravel()
    before = matplotlib.get_backend(auto_select=False)
    assert flows.phase_portrait(species, first, LIMITS, starts=()) is first
    assert flows.principal_plane(rng.normal(size=(3, 4, 5)), ax=second) is second
    assert flows.distances(np.arange(3.0), rng.uniform(size=(3, 4)), third) is third
    found = Exponents(np.ones(2), np.ones(3), np.ones((3, 2)), 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # one time only: the axis has no width
        assert flows.lyapunov_convergence(found, fourth) is fourth
    assert matplotlib.get_backend(auto_select=False) == before


def test_wrong_shapes_are_refused(rng):
    with pytest.raises(ShapeError, match=r"expected \(frames, batch, 12\), came \(6, 5, 11\)"):
        flows.animation(FRAMES[..., :11], (3, 4))
    with pytest.raises(ShapeError, match=r"traces: expected \(frames, batch, n\)"):
        flows.principal_plane(rng.normal(size=(3, 4)))
    with pytest.raises(ShapeError, match="one for each of 4 trajectories, came 3"):
        flows.principal_plane(rng.normal(size=(3, 4, 5)), [1, 2, 3])
    with pytest.raises(ShapeError, match=r"came \(3,\), \(4, 2\)"):
        flows.distances(np.arange(3.0), rng.uniform(size=(4, 2)))
    with pytest.raises(ShapeError, match="the field returned shape"):
        flows.phase_portrait(lambda t, s: s[:, :1])


def test_states_of_every_backend_are_drawn(spec, rng):
    traces = rng.normal(size=(3, 4, 6))
    place = backend.place(spec)
    one, other = (flows.principal_plane(each) for each in (traces, backend.move(traces, place)))
    for first, second in zip(one.get_lines(), other.get_lines(), strict=True):
        np.testing.assert_array_equal(first.get_xydata(), second.get_xydata())
