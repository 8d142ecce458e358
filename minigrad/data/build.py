"""Rebuild the sample of MNIST that comes with the package from the full sets."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minigrad.data.dataset import Dataset
from minigrad.data.idx import write_idx
from minigrad.data.mnist import read_part

SEED = 1998
PER_CLASS = {"train": 600, "t10k": 100}


def build(folder: str | os.PathLike[str], out: str | os.PathLike[str], verify: bool = True) -> None:
    """Write a balanced selection of the MNIST files in `folder` to four gzipped files in `out`.

    The same files give the same selection; `verify` refuses any but the original ones.
    """
    target = Path(out)
    target.mkdir(parents=True, exist_ok=True)
    for part, per_class in PER_CLASS.items():
        images, labels = read_part(folder, part, verify)
        everything = Dataset(images.reshape(len(images), -1), labels, images.shape[1:])
        chosen = everything.balanced(per_class, SEED)
        write_idx(target / f"{part}-images-idx3-ubyte.gz", chosen.images)
        write_idx(target / f"{part}-labels-idx1-ubyte.gz", chosen.labels.astype(np.uint8))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser("python -m minigrad.data.build", description=__doc__)
    parser.add_argument("folder", metavar="FOLDER", help="holds the four IDX files of MNIST")
    parser.add_argument("out", metavar="OUT", help="where the sample goes; made if absent")
    chosen = parser.parse_args(arguments)
    try:
        build(chosen.folder, chosen.out)
    except (OSError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
