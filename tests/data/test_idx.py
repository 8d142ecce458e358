"""IDX files: what is written is read; what is damaged is refused, by name, at no cost."""

import gzip
import os
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad.data import read_idx, write_idx
from minigrad.data.idx import encode_idx
from minigrad.errors import FormatError

DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}
HEADER = bytes([0, 0, 0x0B, 2, 0, 0, 0, 2, 0, 0, 0, 3])  # big-endian int16, (2, 3)
PLAIN = HEADER + bytes([0, 1, 0, 2, 0, 3, 0xFF, 0xFF, 1, 0, 0x80, 0])
ARRAY = np.array([[1, 2, 3], [-1, 256, -32768]], np.int16)
MiB = 1 << 20

fuzz = settings(
    deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
arrays = hnp.arrays(
    st.sampled_from([np.dtype(order + name) for name in DTYPES.values() for order in "<>"]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some-idx"


def read_bytes(path, data):
    path.write_bytes(data)
    return read_idx(path)


def right_or_refused(path, data):
    """The array is the one whose file this is; or the refusal names the file."""
    plain = data
    try:
        array = read_bytes(path, data)
    except FormatError as error:
        assert str(path) in str(error)
        return None
    if data[:2] == b"\x1f\x8b":
        plain = gzip.decompress(data)
    code, axes = plain[2:4]
    assert array.dtype == np.dtype(DTYPES[code]) and array.dtype.isnative
    assert array.shape == struct.unpack_from(f">{axes}I", plain, 4)
    assert array.astype(array.dtype.newbyteorder(">")).tobytes() == plain[4 + 4 * axes :]
    return array


@pytest.mark.parametrize(
    "code, value, data",
    [
        (0x08, 254, "fe"),
        (0x09, -2, "fe"),
        (0x0B, -2, "ff fe"),
        (0x0C, -2, "ff ff ff fe"),
        (0x0D, -1.25, "bf a0 00 00"),
        (0x0E, -1.25, "bf f4 00 00 00 00 00 00"),
    ],
)
def test_every_type(path, code, value, data):
    data = bytes([0, 0, code, 1, 0, 0, 0, 1]) + bytes.fromhex(data)
    array = read_bytes(path, data)
    assert array.dtype == np.dtype(DTYPES[code]) and array.dtype.isnative
    assert array.tolist() == [value] and encode_idx(array) == data


def test_known_bytes(path):
    array = read_bytes(path, PLAIN)
    assert array.dtype == np.int16 and array.dtype.isnative and array.flags.writeable
    np.testing.assert_array_equal(array, ARRAY)
    assert encode_idx(ARRAY) == PLAIN


@fuzz
@given(array=arrays, name=st.sampled_from(["a", "a.gz"]))
@example(array=np.zeros((0, 3), ">i4"), name="a.gz")
@example(array=np.asfortranarray(np.arange(6, dtype="<f4").reshape(2, 3)), name="a")
def test_round_trip(tmp_path, array, name):
    write_idx(tmp_path / name, array)
    back = read_idx(tmp_path / name)
    assert back.dtype == array.dtype.newbyteorder("=") and back.dtype.isnative
    np.testing.assert_array_equal(back, array)


def test_gzip_is_told_by_content_and_written_by_name(tmp_path):
    np.testing.assert_array_equal(read_bytes(tmp_path / "plain.gz", PLAIN), ARRAY)
    np.testing.assert_array_equal(read_bytes(tmp_path / "zipped", gzip.compress(PLAIN)), ARRAY)
    write_idx(str(tmp_path / "b.gz"), ARRAY)
    write_idx(str(tmp_path / "b"), ARRAY)
    assert gzip.decompress((tmp_path / "b.gz").read_bytes()) == PLAIN
    assert (tmp_path / "b").read_bytes() == PLAIN


def test_gzip_is_deterministic(tmp_path, monkeypatch):
    files = [tmp_path / "one.gz", tmp_path / "another-name.gz"]
    for clock, file in enumerate(files):
        monkeypatch.setattr("time.time", lambda clock=clock: 1e9 + clock)
        write_idx(file, ARRAY)
    one, another = (file.read_bytes() for file in files)
    assert one == another and one[4:8] == bytes(4)


@fuzz
@given(data=st.binary(max_size=60), zipped=st.booleans())
def test_any_bytes(path, data, zipped):
    right_or_refused(path, gzip.compress(data) if zipped else data)


@fuzz
@given(
    code=st.sampled_from([*DTYPES, 0x0A, 0]),
    sizes=st.lists(st.integers(0, 3) | st.sampled_from([2**31, 2**32 - 1]), max_size=70),
    data=st.binary(max_size=40),
    zipped=st.booleans(),
)
@example(code=8, sizes=[1] * 70, data=b"x", zipped=False)  # more axes than numpy has
@example(code=8, sizes=[0] + [2**32 - 1] * 2, data=b"", zipped=False)  # empty, yet too large
@example(code=8, sizes=[2**32 - 1] * 3, data=b"", zipped=True)
@example(code=14, sizes=[], data=bytes(8), zipped=False)
def test_any_header(path, code, sizes, data, zipped):
    header = struct.pack(f">4B{len(sizes)}I", 0, 0, code, len(sizes), *sizes)
    right_or_refused(path, gzip.compress(header + data) if zipped else header + data)


@pytest.mark.parametrize("whole", [PLAIN, gzip.compress(PLAIN, mtime=0)], ids=["plain", "gzip"])
def test_every_truncation_is_refused(path, whole):
    for length in range(len(whole)):
        assert right_or_refused(path, whole[:length]) is None, length


def test_every_flip_in_a_gzipped_file_is_refused_or_harmless(path):
    whole, harmless = gzip.compress(PLAIN, mtime=0), set()
    for position in range(len(whole)):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[position] ^= 1 << bit
            array = right_or_refused(path, bytes(flipped))
            if array is not None:
                np.testing.assert_array_equal(array, ARRAY)
                harmless.add(position)
    assert {4, 5, 6, 7, 8, 9} <= harmless  # the header's time, level and system
    assert max(harmless) < len(whole) - 8  # the checksum and the length


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"", "cut short: expected 4 bytes or more, got 0"),
        (b"\x89PNG", "expected 00 00 at the start, got 89 50"),
        (b"\0\0\x0a\1", "unknown type code 0x0a, expected one of 0x08, 0x09, 0x0b"),
        (PLAIN[:9], "expected 8 bytes of sizes for 2 axes, got 5"),
        (PLAIN[:-1], r"promises int16 of shape \(2, 3\), 12 bytes; got 11"),
        (PLAIN + b"x", r"promises int16 of shape \(2, 3\), 12 bytes; more follow"),
        (gzip.compress(PLAIN + b"x"), "12 bytes; more follow"),
        (gzip.compress(PLAIN)[:-1], "damaged gzip data"),
        (gzip.compress(PLAIN) + b"x", "damaged gzip data"),
        (b"\0\0\x08\x46" + bytes([0, 0, 0, 1] * 70) + b"x", "numpy cannot hold"),
    ],
)
def test_what_is_wrong_is_said(path, data, reason):
    with pytest.raises(FormatError, match=f"some-idx: .*{reason}"):
        read_bytes(path, data)


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\x0e\2" + b"\xff" * 8 + b"few",
        b"\0\0\x08\1\x10\0\0\0" + b"few",
        gzip.compress(b"\0\0\x0e\2" + b"\xff" * 8 + b"few"),
        gzip.compress(b"\0\0\x08\1" + bytes([0, 0, 0, 5]) + bytes(40 * MiB), 1),
    ],
    ids=["beyond the address space", "256 MiB", "gzipped", "bomb"],
)
def test_a_header_or_a_bomb_takes_no_memory(path, data):
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="promises"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 4 * MiB
    finally:
        tracemalloc.stop()


def test_an_absent_file_is_not_a_bad_one(path):
    with pytest.raises(FileNotFoundError):
        read_idx(path)


@pytest.mark.parametrize("array", [[1, 2], [True], ["a"], np.zeros(3, "u2"), np.zeros(3, "c8")])
def test_types_that_idx_lacks(path, array):
    with pytest.raises(TypeError, match="it has uint8, int8, int16, int32, float32, float64"):
        write_idx(path, array)
    assert not os.path.exists(path)


def test_an_axis_too_long_is_refused(path):
    with pytest.raises(ValueError, match=r"at most 2\*\*32 - 1 long, got \(0, 4294967296\)"):
        write_idx(path, np.zeros((0, 2**32), "u1"))
