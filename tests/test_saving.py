"""Saving: what is written comes back, and what is no saved network changes nothing."""

import errno
import os
import pathlib
import pickle
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minigrad import Affinity, LayerNorm, Map, Network, Residual, backend, saving, stacks
from minigrad.errors import FormatError, NotFiniteError


def network(seed=0):
    net = Network(Affinity(4, 3), Map("tanh"), Affinity(3, 2))
    net.theta = np.random.default_rng(seed).standard_normal(net.theta.shape)
    return net


def nested(seed=0):
    net = Network(
        LayerNorm(4), Network(Affinity(4, 3), Residual(Affinity(3, 3), Map("relu"))), Affinity(3, 2)
    )
    net.theta = np.random.default_rng(seed).standard_normal(net.theta.shape)
    return net


MADE = {
    "float64": network,
    "float32": lambda seed=0: network(seed).to(dtype="float32"),
    "stack": lambda seed=0: stacks.together([network(10 * seed + k) for k in range(3)]),
    "nested": nested,
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.npz"


@pytest.fixture
def whole(path):
    """The bytes of a saved network, that of seed 0."""
    network(0).save(path)
    return path.read_bytes()


def refused(path, message=None, net=None, error=FormatError):
    """Loading raises, names the file, and changes nothing."""
    net = net or network(1)
    before = net.theta.copy()
    with pytest.raises(error, match=message) as caught:
        net.load(path)
    assert str(path) in str(caught.value)
    assert np.array_equal(net.theta, before)


# --- the way out and back -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MADE)
def test_what_was_saved_comes_back_to_the_last_bit(kind, path):
    saved, net = MADE[kind](0), MADE[kind](1)
    saved.save(path)
    assert net.load(path) is net
    assert np.array_equal(net.theta, saved.theta) and net.theta.dtype == saved.theta.dtype
    x = np.random.default_rng(0).standard_normal((5, 4)).astype(net.theta.dtype)
    assert np.array_equal(net(x), saved(x))


def test_the_path_may_be_text_and_keeps_its_name(tmp_path):
    network(0).save(str(tmp_path / "my net"))
    assert [p.name for p in tmp_path.iterdir()] == ["my net"]
    assert np.array_equal(network(1).load(str(tmp_path / "my net")).theta, network(0).theta)


def test_saving_again_replaces_the_file_and_nothing_else_is_left(path):
    network(0).save(path)
    network(2).save(path)
    assert np.array_equal(network(1).load(path).theta, network(2).theta)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_views_that_are_held_stay_live_when_a_file_is_loaded(path):
    saved, net = nested(0), nested(1)
    inner = net.layers[1].layers[0]
    theta, matrix = net.theta, inner.M
    saved.save(path)
    net.load(path)
    assert net.theta is theta and inner.M is matrix
    assert np.array_equal(matrix, saved.layers[1].layers[0].M)
    net.theta[:] = 0
    assert not matrix.any()


def test_a_gradient_and_what_is_frozen_are_not_touched_by_a_load(path):
    network(0).save(path)
    net = network(1).freeze("1.b")
    net.grad = np.arange(23.0)
    net.load(path)
    assert np.array_equal(net.grad, np.arange(23.0)) and net.trained() == [(0, 12), (15, 23)]


def test_any_layer_can_be_saved_by_itself(path):
    layer, twin = Affinity(4, 3, rng=0), Affinity(4, 3, rng=1)
    saving.save(layer, path)
    saving.load(twin, path)
    assert np.array_equal(twin.theta, layer.theta)


def test_a_file_of_one_backend_loads_in_every_other(spec, path):
    network(0).to(spec).save(path)
    assert np.array_equal(network(1).load(path).theta, network(0).theta)
    network(2).save(path)
    there = network(1).to(spec).load(path)
    assert there.place == backend.place(spec)
    assert np.array_equal(backend.host(there.theta), network(2).theta)
    assert np.array_equal(backend.host(there.layers[0].M), network(2).layers[0].M)


def test_a_file_of_one_float_type_loads_in_the_other(path):
    network(0).save(path)
    half = network(1).to(dtype="float32").load(path)
    assert half.theta.dtype == "float32"
    assert np.array_equal(half.theta, network(0).theta.astype("float32"))
    half.save(path)
    assert np.array_equal(network(1).load(path).theta, half.theta.astype(float))


def test_the_file_is_an_npz_that_numpy_reads_without_pickle(whole, path):
    with np.load(path, allow_pickle=False) as file:
        assert np.array_equal(file["theta"], network(0).theta)
        assert "1. Affinity 4 -> 3: M (3, 4), b (3,)" in file["layers"]


@pytest.mark.skipif(os.name != "posix", reason="modes are those of posix")
def test_a_saved_file_is_as_readable_as_any_other_new_file(path):
    other = path.with_name("other")
    other.write_bytes(b"")
    network(0).save(path)
    assert path.stat().st_mode == other.stat().st_mode


# --- what is no saved network ---------------------------------------------------------------------


def test_a_file_cut_off_anywhere_is_refused(whole, path):
    for length in [*range(0, len(whole), 10), len(whole) - 1]:
        path.write_bytes(whole[:length])
        refused(path, "no saved network")


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_flipped_bytes_are_refused_or_make_no_difference(whole, path, data):
    """A zip holds bytes that nobody reads, dates say: there the network must come back whole."""
    at = data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=3, unique=True))
    damaged = bytearray(whole)
    for place in at:
        damaged[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(damaged))
    net = network(1)
    try:
        net.load(path)
    except FormatError as error:
        assert str(path) in str(error)
        assert np.array_equal(net.theta, network(1).theta)
    else:
        assert np.array_equal(net.theta, network(0).theta)


@pytest.mark.parametrize(("offset", "value"), [(8, 1), (10, 8), (10, 12), (10, 14), (10, 99)])
def test_a_damaged_directory_of_the_file_is_refused(whole, path, offset, value):
    """The central directory says of each member how it is packed: encrypted, deflated, ..."""
    damaged = bytearray(whole)
    for entry in re.finditer(rb"PK\x01\x02", whole):
        damaged[entry.start() + offset] = value
    path.write_bytes(bytes(damaged))
    refused(path, "no saved network")


@pytest.mark.parametrize("size", [(4, 3), (40, 50)])
def test_a_float_type_that_was_altered_is_refused(size, path):
    """Half as many bytes would be read, and the sum at the end of the member never looked at.

    Eighths have no low bits: read as float32 they are other numbers, and finite.
    """
    saved, net = Network(Affinity(*size, rng=0)), Network(Affinity(*size, rng=1))
    saved.theta = np.round(saved.theta * 8) / 8
    saved.save(path)
    raw = path.read_bytes()
    assert raw.count(b"'<f8'") == 1
    path.write_bytes(raw.replace(b"'<f8'", b"'<f4'"))
    refused(path, net=net)


OTHERS = {
    "wider": Network(Affinity(4, 5), Map("tanh"), Affinity(5, 2)),
    "as many parameters": Network(Affinity(3, 4), Map("tanh"), Affinity(4, 1), LayerNorm(1)),
    "deeper": Network(Affinity(4, 3), Map("tanh"), Affinity(3, 2), Affinity(2, 2)),
    "another map": Network(Affinity(4, 3), Map("relu"), Affinity(3, 2)),
    "a stack": network(0).stack(3, rng=0),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_file_of_another_network_is_refused_and_both_are_described(other, path):
    OTHERS[other].save(path)
    refused(path, "holds another network")
    network(0).save(path)
    before = OTHERS[other].theta.copy()
    with pytest.raises(FormatError, match=r"1\. Affinity 4 -> 3: M \(3, 4\)") as caught:
        OTHERS[other].load(path)
    assert str(path) in str(caught.value)
    assert np.array_equal(OTHERS[other].theta, before)


def altered(path, **changes):
    """The saved file with some of its arrays replaced, None: left out."""
    with np.load(path) as file:
        arrays = {**file, **changes}
    np.savez(path, **{name: a for name, a in arrays.items() if a is not None})


class Payload:
    """Unpickled, it would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["format", "layers", "theta"])
def test_a_pickle_in_disguise_is_refused_and_not_run(name, whole, path):
    trap = path.with_name("trap")
    payload = np.empty(23, dtype=object)
    payload[:] = Payload(trap)
    altered(path, **{name: payload})
    refused(path, "pickle")
    assert not trap.exists()


def test_a_bare_pickle_is_refused_and_not_run(path):
    trap = path.with_name("trap")
    path.write_bytes(pickle.dumps(Payload(trap)))
    refused(path, "no saved network")
    assert not trap.exists()
    pickle.loads(path.read_bytes())  # the trap itself works
    assert trap.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"theta": None},
        {"format": None},
        {"layers": None},
        {"format": np.array("minigrad network 99")},
        {"format": np.arange(3)},
        {"layers": np.array("1.M 3x4")},
        {"theta": np.array(["a"] * 23)},
        {"theta": np.zeros(22)},
        {"theta": np.zeros((1, 23))},
        {"theta": np.zeros(23) + 1j},
    ],
    ids=[
        "no theta",
        "no format",
        "no layers",
        "another format",
        "numbers for a format",
        "one line for layers",
        "text for theta",
        "a shorter theta",
        "a stack of one",
        "a complex theta",
    ],
)
def test_an_npz_with_something_else_in_it_is_refused(changes, whole, path):
    altered(path, **changes)
    refused(path)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_theta_that_is_not_finite_is_refused_with_its_place(wrong, whole, path):
    theta = network(0).theta.copy()
    theta[5] = wrong
    altered(path, theta=theta)
    refused(path, rf"theta has {wrong} at \(5,\)", error=NotFiniteError)


def test_a_number_beyond_float32_is_refused_by_a_float32_network(path):
    net = network(0)
    net.theta[5] = 1e300
    net.save(path)
    refused(path, net=network(1).to(dtype="float32"), error=(FormatError, NotFiniteError))


@pytest.mark.parametrize(
    "content",
    [b"", b"minigrad", b"\x93NUMPY", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), bytes(500)],
    ids=["empty", "text", "start of npy", "start of zip", "empty zip", "zeros"],
)
def test_a_file_of_another_kind_is_refused(content, path):
    path.write_bytes(content)
    refused(path)


def test_a_single_array_as_numpy_saves_it_is_refused(path):
    with open(path, "wb") as stream:
        np.save(stream, network(0).theta)
    refused(path, "no saved network")


def test_a_directory_is_refused(tmp_path):
    refused(tmp_path, error=(FormatError, IsADirectoryError, PermissionError))


def test_an_absent_file_is_said_to_be_absent(path):
    refused(path, error=FileNotFoundError)


# --- no space left --------------------------------------------------------------------------------


def full_at_the_end(monkeypatch):
    def fsync(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)


def full_in_the_middle(monkeypatch):
    def savez(stream, **arrays):
        stream.write(b"PK\x03\x04 half a file")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", savez)


def interrupted(monkeypatch):
    def savez(stream, **arrays):
        stream.write(b"PK\x03\x04 half a file")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", savez)


@pytest.mark.parametrize("failure", [full_at_the_end, full_in_the_middle, interrupted])
@pytest.mark.parametrize("there", [True, False], ids=["over a file", "a new file"])
def test_a_save_that_fails_leaves_the_folder_as_it_was(failure, there, path, monkeypatch):
    if there:
        network(0).save(path)
    before = path.read_bytes() if there else None
    with monkeypatch.context() as patched:
        failure(patched)
        with pytest.raises((OSError, KeyboardInterrupt)) as caught:
            network(2).save(path)
    assert isinstance(caught.value, KeyboardInterrupt) or caught.value.errno == errno.ENOSPC
    assert [p.name for p in path.parent.iterdir()] == [path.name] * there
    if there:
        assert path.read_bytes() == before
        assert np.array_equal(network(1).load(path).theta, network(0).theta)


@pytest.mark.skipif(os.name != "posix", reason="a limit on the size of files is posix's")
def test_a_write_that_the_system_cuts_off_leaves_the_old_file(path):
    """No stand-in here: what numpy and the buffers make of a write that really fails."""
    import resource

    network(0).save(path)
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, limits[1]))
    try:
        with pytest.raises(OSError) as caught:
            network(2).save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.errno == errno.EFBIG
    assert path.read_bytes() == before and [p.name for p in path.parent.iterdir()] == [path.name]


def test_saving_into_a_folder_that_is_not_there_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        network(0).save(tmp_path / "nowhere" / "net.npz")


# --- whole objects, links, devices ----------------------------------------------------------------


def test_a_whole_layer_comes_back_with_its_own_functions_if_it_is_trusted(path):
    net = Network(Affinity(4, 3, rng=1), Map(lambda x: x**3, lambda x: 3 * x**2))
    saving.save_whole(net, path)
    with pytest.raises(ValueError, match="trusted=True"):
        saving.load_whole(path)
    x = np.random.default_rng(1).standard_normal((2, 4))
    assert np.array_equal(saving.load_whole(path, trusted=True)(x), net(x))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FormatError, match="not all of one"):
        saving.load_whole(path, trusted=True)


@pytest.mark.skipif(os.name != "posix", reason="links need a right of their own elsewhere")
def test_saving_through_a_link_writes_what_it_points_to(path):
    network(0).save(path)
    link = path.with_name("link")
    link.symlink_to(path)
    network(1).save(link)
    assert link.is_symlink()
    assert np.array_equal(network(0).load(path).theta, network(1).theta)


def test_what_is_no_file_is_not_replaced_by_one(tmp_path):
    with pytest.raises(FormatError, match="no file to be written over"):
        network(0).save(tmp_path)


def test_a_network_that_is_not_finite_is_not_saved(path):
    net = network(0)
    net.theta[3] = np.nan
    with pytest.raises(NotFiniteError, match=r"theta has nan at \(3,\)"):
        net.save(path)
    assert not path.exists()
