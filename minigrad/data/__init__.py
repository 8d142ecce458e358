"""Data sets: MNIST and a sample of it, small made-up sets, and the IDX format."""

from minigrad.data.dataset import Dataset, one_hot
from minigrad.data.download import download_mnist
from minigrad.data.idx import read_idx, write_idx
from minigrad.data.mnist import digits, mnist
from minigrad.data.synthetic import (
    blobs,
    circles,
    grid,
    linear,
    moons,
    parity,
    quadratic,
    sine,
    sphere_patterns,
    spirals,
    xor,
    xor_grid,
)

__all__ = [
    "Dataset",
    "blobs",
    "circles",
    "digits",
    "download_mnist",
    "grid",
    "linear",
    "mnist",
    "moons",
    "one_hot",
    "parity",
    "quadratic",
    "read_idx",
    "sine",
    "sphere_patterns",
    "spirals",
    "write_idx",
    "xor",
    "xor_grid",
]
