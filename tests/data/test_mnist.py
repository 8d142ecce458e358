"""MNIST: the sample in the package, folders with the full sets, and the way between the two."""

import gzip
import hashlib
import runpy
import subprocess
import sys
from importlib import resources

import numpy as np
import pytest

from minigrad.data import digits, mnist, read_idx, write_idx
from minigrad.data.build import build, main
from minigrad.errors import FormatError

TRAIN, TEST = "train-images-idx3-ubyte", "t10k-images-idx3-ubyte"
TRAIN_LABELS, TEST_LABELS = "train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"
FULL = "6bbc9ace898e44ae57da46a324031adb"


def images(n):
    return (np.arange(n * 6, dtype=np.int64) * 37 % 256).astype(np.uint8).reshape(n, 2, 3)


@pytest.fixture
def folder(tmp_path):
    """Four training and three test images (2, 3); one file gzipped, three not."""
    write_idx(tmp_path / TRAIN, images(4))
    write_idx(tmp_path / TRAIN_LABELS, np.array([9, 0, 5, 5], np.uint8))
    write_idx(tmp_path / f"{TEST}.gz", images(3)[::-1])
    write_idx(tmp_path / TEST_LABELS, np.array([1, 2, 3], np.uint8))
    return tmp_path


def test_digits():
    train, test = digits()
    for data, per_class in (train, 600), (test, 100):
        assert data.x.shape == (10 * per_class, 784) and data.shape == (28, 28)
        assert data.x.dtype == np.float64 and data.x.min() == 0 and data.x.max() == 1
        levels = data.x[:50] * 255
        np.testing.assert_allclose(levels, np.rint(levels), atol=1e-12)
        tens = np.sort(data.labels.reshape(-1, 10), axis=1)
        np.testing.assert_array_equal(tens, np.tile(np.arange(10), (per_class, 1)))
        assert (data.labels[:10] != data.labels[10:20]).any()
    both = {row.tobytes() for data in (train, test) for row in data.x}
    assert len(both) == 7000  # no digit twice, none in both sets


def test_digits_are_digits():
    """Nearest class mean recognises some 80 % of MNIST: images and labels belong together."""
    train, test = digits()
    means = np.stack([train.x[train.labels == k].mean(axis=0) for k in range(10)])
    distance = (means**2).sum(axis=1) - 2 * test.x @ means.T
    assert 0.78 < (distance.argmin(axis=1) == test.labels).mean() < 0.86


def test_the_sample_is_the_one_that_was_drawn():
    folder = resources.files("minigrad.data") / "sample"
    md5 = {
        TRAIN: "6ca094b8ab3cbdd9530cfe49c6285871",
        TRAIN_LABELS: "dcf386f9fee32b1b02a1166192ae5dd1",
        TEST: "907f86ae118c1ce19104cc037843902d",
        TEST_LABELS: "114e4b9bfbf95410483c22ef4c7e5d10",
    }
    size = 0
    for name, expected in md5.items():
        packed = (folder / f"{name}.gz").read_bytes()
        assert hashlib.md5(gzip.decompress(packed)).hexdigest() == expected, name
        size += len(packed)
    assert size < 1_500_000
    text = (folder / "README.md").read_text(encoding="utf-8")
    for credit in "Yann LeCun", "Corinna Cortes", "ShareAlike 3.0", "python -m minigrad.data.build":
        assert credit in text


def test_mnist(folder):
    train, test = mnist(str(folder))
    np.testing.assert_array_equal(train.x, images(4).reshape(4, 6) / 255)
    np.testing.assert_array_equal(test.images, images(3)[::-1] / 255)
    assert train.labels.tolist() == [9, 0, 5, 5] and test.labels.tolist() == [1, 2, 3]
    assert train.x.dtype == np.float64 and train.shape == test.shape == (2, 3)


@pytest.mark.parametrize(
    "name, array, message",
    [
        (TRAIN, images(5), "one label per image, got 5 train images and 4 labels"),
        (TEST_LABELS, np.zeros(2, np.uint8), "got 3 t10k images and 2 labels"),
        (TRAIN, images(4).reshape(4, 6), r"uint8 with 3 axes.* got uint8 of shape \(4, 6\)"),
        (TRAIN, images(4).astype("i2"), r"uint8 with 3 axes.* got int16 of shape \(4, 2, 3\)"),
        (TRAIN_LABELS, images(4), r"uint8 with 1 axes.* got uint8 of shape \(4, 2, 3\)"),
        (TRAIN_LABELS, np.zeros(0, np.uint8), r"none empty, got uint8 of shape \(0,\)"),
        (TRAIN, images(4)[:, :1], r"of one size, got \(1, 3\) to train on and \(2, 3\) to test on"),
        (TEST_LABELS, np.array([9, 3, 11], "u1"), "0..9, got 11 at position 2 of the t10k labels"),
    ],
)
def test_files_that_do_not_fit(folder, name, array, message):
    write_idx(folder / name, array)
    with pytest.raises(FormatError, match=message) as refused:
        mnist(folder)
    assert str(folder) in str(refused.value)


def test_a_damaged_file_is_named(folder):
    (folder / TRAIN).write_bytes((folder / TRAIN).read_bytes()[:-1])
    with pytest.raises(FormatError, match=f"{TRAIN}: .*24 bytes; got 23"):
        mnist(folder)


def test_an_absent_file_is_named_and_the_others_listed(folder):
    (folder / TRAIN).unlink()
    (folder / TEST_LABELS).unlink()
    expected = f"expected {TRAIN} or {TRAIN}.gz in .*, which holds {TEST}.gz, {TRAIN_LABELS}$"
    with pytest.raises(FileNotFoundError, match=expected):
        mnist(folder)


def test_no_folder_and_an_empty_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="which holds nothing"):
        mnist(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere, which does not exist"):
        mnist(tmp_path / "nowhere")


def test_verify_refuses_other_content(folder):
    came = hashlib.md5((folder / TRAIN).read_bytes()).hexdigest()
    with pytest.raises(FormatError, match=f"{TRAIN}: expected .* md5 {FULL}, got {came}"):
        mnist(folder, verify=True)


def test_verify_takes_the_right_content(folder, monkeypatch):
    for name in TRAIN, TRAIN_LABELS, TEST, TEST_LABELS:
        zipped = folder / f"{name}.gz"
        plain = (
            gzip.decompress(zipped.read_bytes())
            if zipped.exists()
            else (folder / name).read_bytes()
        )
        monkeypatch.setitem(mnist.__globals__["_MD5"], name, hashlib.md5(plain).hexdigest())
    train, test = mnist(folder, verify=True)
    assert len(train) == 4 and len(test) == 3


@pytest.fixture
def large(tmp_path):
    """Enough of each label for a sample; every image (2, 3) is one of a kind."""
    for part, n in ("train", 6300), ("t10k", 1200):
        labels = (np.arange(n) * 7 % 10).astype(np.uint8)
        numbered = np.zeros((n, 2, 3), np.uint8)
        numbered[:, 0, 0], numbered[:, 0, 1] = np.arange(n) >> 8, np.arange(n) & 255
        numbered[:, 1, 2] = labels
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", numbered)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", labels)
    return tmp_path


def test_build(large):
    for out in "a", "b/c":
        build(large, large / out, verify=False)
    names = {f"{name}.gz" for name in (TRAIN, TRAIN_LABELS, TEST, TEST_LABELS)}
    assert {file.name for file in (large / "a").iterdir()} == names
    for name in names:
        assert (large / "a" / name).read_bytes() == (large / "b" / "c" / name).read_bytes()
    for part, per_class in ("train", 600), ("t10k", 100):
        x = read_idx(large / "a" / f"{part}-images-idx3-ubyte.gz")
        labels = read_idx(large / "a" / f"{part}-labels-idx1-ubyte.gz")
        assert x.dtype == labels.dtype == np.uint8 and x.shape == (10 * per_class, 2, 3)
        assert np.bincount(labels).tolist() == [per_class] * 10
        np.testing.assert_array_equal(x[:, 1, 2], labels)
        number = x[:, 0, :2] @ np.array([256, 1])
        assert len(set(number.tolist())) == len(x) and not (np.diff(number) > 0).all()


def test_the_command_line_takes_the_original_only(large, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([str(large), str(large / "out")])
    assert (
        stopped.value.code == 2 and f"expected content with md5 {FULL}" in capsys.readouterr().err
    )
    with pytest.raises(SystemExit) as stopped:
        main([str(large / "nowhere"), str(large / "out")])
    assert stopped.value.code == 2 and "nowhere, which does not exist" in capsys.readouterr().err


def test_run_as_a_module(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["build", "--help"])
    monkeypatch.delitem(sys.modules, "minigrad.data.build")
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("minigrad.data.build", run_name="__main__")
    assert stopped.value.code == 0 and "FOLDER OUT" in capsys.readouterr().out


def test_import_is_light():
    """Neither scipy nor matplotlib, nor the sample, is touched at import."""
    code = "import sys, minigrad.data; print({'scipy', 'matplotlib'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
