"""Long runs: what was interrupted, saved and loaded ends where it would have ended."""

import numpy as np
import pytest

from minigrad import Affinity, Map, Network, backend
from minigrad.errors import FormatError, NotFiniteError
from minigrad.hebbian import Camera, Competitive, LocalLayer, Oja, Run, Tapestry, centred
from minigrad.hebbian.invariant import InvariantLayer
from minigrad.hebbian.sparse import SparseLayer

IMAGES = np.random.default_rng(7).random((6, 4, 5)) ** 3


def camera(**given):
    return Camera(Tapestry(IMAGES, grid=(2, 3)), rng=3, **{"hold": 4, **given})


def layers(spec="numpy", dtype="float64"):
    row = [
        SparseLayer(20, (5, 6), k=3, rng=1),
        InvariantLayer(30, (5, 5), k=2, renormalise_every=17, reset_every=11, rng=2),
    ]
    return [layer.to(spec, dtype) for layer in row]


def thetas(run):
    return [backend.host(layer.theta) for layer in run.layers]


def assert_same(a, b):
    assert a.seen == b.seen
    for one, two in zip(thetas(a), thetas(b), strict=True):
        np.testing.assert_array_equal(one, two)
    one, two = a.stream.state(), b.stream.state()
    assert one.keys() == two.keys() and all((one[name] == two[name]).all() for name in one)


class Interrupted(LocalLayer):
    """Learns as it counts, and is interrupted in the middle of a block."""

    at = None

    def carried(self):
        return {"seen": (1,)}

    def forward(self, x):
        return x @ self.W.mT

    def update(self, x):
        self.seen += 1
        self.W += 0.1 * x
        if self.at is not None and int(self.seen[0]) == self.at:
            self.at = None
            raise KeyboardInterrupt
        return self.W @ x


def test_each_layer_learns_from_what_the_one_below_answered(spec, place):
    run = Run(layers(spec), camera(), block=10)
    assert run(25) is run and run.seen == 25 and not run.interrupted
    below, above = layers(spec)
    frames = camera()
    for count in (10, 10, 5):
        above.learn(below.learn(backend.move(frames.take(count), place)))
    for theta, layer in zip(thetas(run), (below, above), strict=True):
        np.testing.assert_array_equal(theta, backend.host(layer.theta))
    assert run.stopped == "all 25 frames seen"


def test_epochs_are_counted_from_the_beginning_and_blocks_end_with_them():
    takes, stream = [], camera()
    take = stream.take
    stream.take = lambda n: takes.append(n) or take(n)
    run = Run(layers(), stream, block=10)
    run(25, epochs=2)
    assert takes == [10, 10, 5, 10, 10, 5] and run.seen == 50
    run(25, epochs=2)
    assert run.seen == 50  # nothing is left to do
    run.epoch(25).epoch(25)
    assert run.seen == 100
    under_way = Run(layers(), camera(), block=10, callback=lambda run: run.seen == 10)(25)
    assert under_way.seen == 10 and under_way.epoch(25).seen == 25


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_saved_and_loaded_it_goes_on_exactly(tmp_path, dtype):
    whole = Run(layers(dtype=dtype), camera(jitter=1), block=10)(40, epochs=2)
    first = Run(layers(dtype=dtype), camera(jitter=1), block=10)(40)
    first.save(tmp_path / "run.npz")
    other = [layer.randomize(99) for layer in layers(dtype=dtype)]
    second = Run(other, camera(jitter=1), block=10)
    second.stream.take(5)
    assert second.load(tmp_path / "run.npz") is second and second.stopped == "loaded at frame 40"
    assert_same(second(40, epochs=2), whole)


def test_it_goes_on_elsewhere(tmp_path, spec):
    Run(layers(), camera(), block=10)(20).save(tmp_path / "run.npz")
    there = Run([layer.randomize(5) for layer in layers(spec)], camera(), block=10)
    there.load(tmp_path / "run.npz")
    here = Run(layers(), camera(), block=10)(20)
    for one, two in zip(thetas(there), thetas(here), strict=True):
        np.testing.assert_array_equal(one, two)
    there(40), here(40)
    for one, two in zip(thetas(there), thetas(here), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("at", [1, 14, 20])
def test_ctrl_c_ends_it_at_the_last_whole_block_and_the_same_call_goes_on(at):
    def make():
        return Run(
            [Oja(20, 4, rng=1, rate=0.001), Interrupted(4, 3, rng=2)],
            centred(IMAGES, rng=5),
            block=10,
        )

    run, whole = make(), make()(15, epochs=3)
    run.layers[1].at = at
    with pytest.warns(UserWarning, match="interrupted after frame .*: the layers keep"):
        run(15, epochs=3)
    expected = {1: 0, 14: 10, 20: 15}[at]  # blocks end at 10, 15, 25, 30, ...
    assert run.interrupted and run.stopped == f"interrupted after frame {expected}"
    until = make()
    if expected:
        until.callback = lambda each: each.seen == expected
        until(15, epochs=3)
    assert_same(run, until)
    assert_same(run(15, epochs=3), whole)
    assert not run.interrupted and int(run.layers[1].seen[0]) == run.seen == 45


def test_an_error_leaves_everything_as_after_the_last_whole_block():
    class Fails(Interrupted):
        def update(self, x):
            if int(self.seen[0]) == 12:
                raise RuntimeError("out of luck")
            return super().update(x)

    def make(kind):
        return Run([Oja(20, 4, rng=1), kind(4, 3, rng=2)], centred(IMAGES, rng=5), block=10)

    run = make(Fails)
    with pytest.raises(RuntimeError, match="out of luck"):
        run(30)
    assert_same(run, make(Interrupted)(10))


def test_a_layer_that_runs_away_is_as_after_the_last_whole_block():
    run = Run(Oja(20, 4, rate=0.9, rng=1), centred(100 * IMAGES, rng=5), block=3)
    before = run.layers[0].theta.copy()
    with pytest.raises(NotFiniteError, match="Try a smaller rate"):
        run(300)
    assert run.seen % 3 == 0 and np.isfinite(run.layers[0].theta).all()
    assert run.seen or (run.layers[0].theta == before).all()


def test_the_callback_sees_each_block_and_may_end_the_run():
    seen = []

    def look(run):
        seen.append((run.seen, float(run.layers[0].W.sum())))
        return run.seen == 20

    run = Run(layers(), camera(), block=10, callback=look)(50)
    assert [count for count, _ in seen] == [10, 20] and seen[0][1] != seen[1][1]
    assert run.stopped == "the callback ended it after frame 20" and not run.interrupted


def test_checkpoints_are_written_while_it_runs_and_at_the_end(tmp_path):
    path, seen = tmp_path / "run.npz", []

    def look(run):
        if path.exists():
            seen.append(int(Run(layers(), camera()).load(path).seen))

    run = Run(layers(), camera(), block=10, path=path, every=25, callback=look)(60)
    assert seen == [30, 30, 50, 50]
    assert Run(layers(), camera()).load(path).seen == 60
    assert [file.name for file in tmp_path.iterdir()] == ["run.npz"]

    def interrupt(run):
        raise KeyboardInterrupt

    run.callback = interrupt
    with pytest.warns(UserWarning, match="interrupted after frame 70"):
        run(60, epochs=2)
    assert Run(layers(), camera()).load(path).seen == 70


def test_layers_of_a_network_learn_where_they_are_and_maps_pass_on():
    net = Network(*layers(), Network(Map("tanh"), Competitive(25, 2, start="uniform", rng=3)))
    run = Run(net, camera(), block=10)(20)
    assert len(run.layers) == 4 and run.layers[0] is net.layers[0]
    assert net.layers[2].layers[1].counts.sum() == 20
    assert "20 frames, all 20 frames seen" in str(run)
    assert "Competitive 25 -> 2: " in str(run) and "of 2 never won" in str(run)


class OtherLayer(SparseLayer):
    """Of the same shapes."""


@pytest.mark.parametrize(
    "change", ["shape", "kind", "order", "dtype", "stream", "grid", "file", "format"]
)
def test_a_checkpoint_of_another_make_is_refused_and_nothing_is_changed(tmp_path, change):
    path = tmp_path / "run.npz"
    row, stream = layers(), camera()
    if change == "shape":
        row = [SparseLayer(20, (5, 6), k=3), InvariantLayer(30, (5, 6), k=2)]
    elif change == "kind":
        row[0] = OtherLayer(20, (5, 6), k=3)
    elif change == "order":
        row = row[:1]
    elif change == "dtype":
        row = layers(dtype="float32")
    elif change == "stream":
        stream = centred(IMAGES)
    elif change == "grid":
        stream = Camera(Tapestry(IMAGES, grid=(3, 2)))
    Run(row, stream, block=10)(20).save(path)
    if change == "file":
        path.write_bytes(path.read_bytes()[:-60])
    elif change == "format":
        np.savez(path, format=np.array("minigrad network 1"), layers=np.array("[]"), seen=3)
    run, untouched = Run(layers(), camera(), block=10)(10), Run(layers(), camera(), block=10)(10)
    with pytest.raises(FormatError, match=r"run\.npz"):
        run.load(path)
    assert_same(run, untouched)


def test_a_checkpoint_that_is_not_finite_is_refused(tmp_path):
    run = Run(layers(), camera(), block=10)(10)
    run.save(tmp_path / "good.npz")
    with np.load(tmp_path / "good.npz") as file:
        arrays = dict(file)
    arrays["theta.1"][3] = np.nan
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(NotFiniteError, match=r"theta of InvariantLayer .* nan at \(3,\)"):
        run.load(tmp_path / "bad.npz")
    with pytest.raises(FileNotFoundError):
        run.load(tmp_path / "none.npz")


@pytest.mark.parametrize(
    "make, kind, message",
    [
        (lambda: Run([3], camera()), TypeError, "expected layers, came a int"),
        (lambda: Run([Map("tanh")], camera()), TypeError, "none of .* learns by a local rule"),
        (
            lambda: Run([*layers(), Affinity(25, 2)], camera()),
            TypeError,
            "Affinity 25 -> 2 learns by",
        ),
        (lambda: Run(layers()[:1] * 2, camera()), ValueError, "stands there twice"),
        (lambda: Run(layers(), IMAGES), TypeError, "a ndarray has no state, restore"),
        (lambda: Run(layers(), camera(), block=0), ValueError, "block must be a whole number"),
        (lambda: Run(layers(), camera(), every=5), ValueError, "no path to write checkpoints to"),
        (lambda: Run(layers(), camera(), path="p", every=0), ValueError, "every must be"),
        (lambda: Run(layers(), camera(), callback=3), TypeError, "a function of the run, came 3"),
        (lambda: Run(layers(), camera())(0), ValueError, "frames must be"),
        (lambda: Run(layers(), camera())(5, 0), ValueError, "epochs must be"),
        (lambda: Run(layers()[1], camera())(5), ValueError, "20 features, expected 30"),
    ],
)
def test_what_cannot_run_is_refused(make, kind, message):
    with pytest.raises(kind, match=message):
        make()
