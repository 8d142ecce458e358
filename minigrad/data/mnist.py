"""MNIST: the sample that the package carries, and the full sets from a folder."""

import hashlib
import os
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad.data.dataset import Dataset
from minigrad.data.idx import encode_idx, read_idx
from minigrad.errors import FormatError

# Of the plain files.
_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


def digits() -> tuple[Dataset, Dataset]:
    """Return the digits that come with the package: 6000 to train on and 1000 to test on.

    x (N, 784) float64 in [0, 1], 0 the paper and 1 the ink; 600 and 100 samples of each label.
    Every ten in a row, from the first on, are the ten digits, so a prefix is balanced too.
    Source: MNIST, Yann LeCun and Corinna Cortes, CC BY-SA 3.0.

    >>> train, test = digits()
    >>> train
    Dataset(6000 samples of shape (28, 28), float64, 10 labels in 0..9)
    """
    with resources.as_file(resources.files("minigrad.data") / "sample") as folder:
        return mnist(folder)


def mnist(
    folder: str | os.PathLike[str] | None = None, verify: bool = False
) -> tuple[Dataset, Dataset]:
    """Return the training and the test set from a folder with the four IDX files of MNIST.

    By default the folder that `download_mnist` fills, which it then does where a file is absent.
    x (N, h * w) float64 in [0, 1]. The files may be gzipped (`.gz`); `verify` compares their md5.
    Raises FileNotFoundError for an absent file, FormatError for one that is not what it should be,
    ConnectionError where the download fails.
    """
    if folder is None:
        from minigrad.data.download import cache_folder, download_mnist

        folder = cache_folder()
        if not all(find(folder, name) for name in _MD5):
            download_mnist(folder)
    train, test = (
        Dataset(x.reshape(len(x), -1) / 255, labels, x.shape[1:])
        for x, labels in (read_part(folder, part, verify) for part in ("train", "t10k"))
    )
    if train.shape != test.shape:
        raise FormatError(
            f"{os.fspath(folder)}: expected images of one size, "
            f"got {train.shape} to train on and {test.shape} to test on"
        )
    return train, test


def read_part(
    folder: str | os.PathLike[str], part: str, verify: bool
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the images (N, h, w) and labels (N,) of a part, "train" or "t10k", as stored."""
    images = _read(Path(folder), f"{part}-images-idx3-ubyte", 3, verify)
    labels = _read(Path(folder), f"{part}-labels-idx1-ubyte", 1, verify)
    if len(images) != len(labels):
        raise FormatError(
            f"{os.fspath(folder)}: expected one label per image, "
            f"got {len(images)} {part} images and {len(labels)} labels"
        )
    if labels.max() > 9:
        first = np.argmax(labels > 9)
        raise FormatError(
            f"{os.fspath(folder)}: expected labels in 0..9, "
            f"got {labels[first]} at position {first} of the {part} labels"
        )
    return images, labels


def find(folder: Path, name: str) -> Path | None:
    """Return the path of a file of MNIST, plain or else gzipped; None where it is absent."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    return None


def _read(folder: Path, name: str, axes: int, verify: bool) -> NDArray[Any]:
    path = find(folder, name)
    if path is None:
        holds = "does not exist"
        if folder.is_dir():
            holds = "holds " + (", ".join(sorted(os.listdir(folder))) or "nothing")
        raise FileNotFoundError(f"expected {name} or {name}.gz in {folder}, which {holds}")
    array = read_idx(path)
    if array.dtype != np.uint8 or array.ndim != axes or not array.size:
        raise FormatError(
            f"{path}: expected uint8 with {axes} axes, none empty, "
            f"got {array.dtype} of shape {array.shape}"
        )
    if verify:
        md5 = hashlib.md5(encode_idx(array), usedforsecurity=False).hexdigest()
        if md5 != _MD5[name]:
            raise FormatError(f"{path}: expected content with md5 {_MD5[name]}, got {md5}")
    return array
