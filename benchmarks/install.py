"""What minigrad costs a student before the first line runs: import time and installed size.

    python benchmarks/install.py [--size]

Import: fresh processes, `import numpy` and `import numpy, minigrad` in turn. --size: makes a fresh
environment, installs the core from this folder, and adds up what that brought.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROUNDS = 15


def import_seconds(modules):
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {modules}"], check=True)
    return time.perf_counter() - start


def folder_size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", action="store_true")
    options = parser.parse_args()
    kinds = ("numpy", "numpy, minigrad", "numpy, minigrad.network, minigrad.learning")
    for kind in kinds:
        import_seconds(kind)  # once, for the disk
    times = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):
        for kind in kinds:
            times[kind].append(import_seconds(kind))
    base = statistics.median(times["numpy"])
    for kind, values in times.items():
        median = statistics.median(values)
        print(f"import {kind:45} {median:.3f} s ({min(values):.3f} to {max(values):.3f}), "
              f"beyond numpy {median - base:+.3f} s")  # fmt: skip
    if options.size:
        with tempfile.TemporaryDirectory() as folder:
            builder = venv.EnvBuilder(with_pip=True)
            builder.create(folder)
            empty = folder_size(Path(folder))
            python = next(Path(folder).glob("[bS]*/python*"))  # bin, or Scripts on Windows
            here = Path(__file__).resolve().parent.parent
            subprocess.run([python, "-m", "pip", "install", "-q", "--no-compile", here], check=True)
            print(f"installed: {(folder_size(Path(folder)) - empty) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
