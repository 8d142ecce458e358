"""Plug-in and Kraskov against scikit-learn, infomeasure, NPEET and loops over samples.

    python benchmarks/information.py [--npeet FOLDER] [--rounds 7] [--runs 2] [--large] [--starts]

Rounds are interleaved. A cell is the median over rounds, its spread, and the ratio to minigrad's:
above 1 minigrad is faster, and below 1.3 nothing is called a win. All see the same samples, normal
with correlation 0.6 in each pair of columns. Needs `pip install .[bench]`; NPEET from its folder.
--large: the two largest cases, time and memory. --starts: 32 networks watched while they learn.
"""

import argparse
import math
import resource
import sys
import time
import warnings

import numpy as np
from rounds import measured, optional, report

from minigrad.information import Bins, kraskov, plug_in

RHO = 0.6


def samples(n, width):
    rng = np.random.default_rng(0)
    x, noise = rng.standard_normal((2, n, width))
    return x, RHO * x + math.sqrt(1 - RHO**2) * noise


def labels_of(x, bins):
    """One integer for each row, by equal bins along each column."""
    cells = Bins(bins).cells("x", x)
    return cells @ bins ** np.arange(cells.shape[1])


def by_loops(x, y):
    """The plug-in value as one would write it first: dictionaries, a loop over the samples."""
    both, of_x, of_y = {}, {}, {}
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        both[a, b] = both.get((a, b), 0) + 1
        of_x[a] = of_x.get(a, 0) + 1
        of_y[b] = of_y.get(b, 0) + 1
    n = len(x)
    return sum(k / n * math.log(k * n / of_x[a] / of_y[b]) for (a, b), k in both.items())


def by_cells(x, y, bins, rows):
    """The notebook's way, a loop over all pairs of cells; `rows` of them are timed and scaled."""
    counts = {}
    for pair in zip(x.tolist(), y.tolist(), strict=True):
        counts[pair] = counts.get(pair, 0) + 1
    of_x, of_y = np.bincount(x, minlength=bins**2), np.bincount(y, minlength=bins**2)
    n, total, start = len(x), 0.0, time.perf_counter()
    for a in range(rows):
        for b in range(bins**2):
            p, px, py = counts.get((a, b), 0) / n, of_x[a] / n, of_y[b] / n
            if px and py and p / px / py > 1e-3:
                total += p * math.log(p / px / py)
    return (time.perf_counter() - start) * bins**2 / rows


def counting(n, rounds):
    """2 + 2 columns in 100 x 100 bins, from the same labels."""
    metrics, infomeasure = optional("sklearn.metrics"), optional("infomeasure")
    x, y = (labels_of(v, 100) for v in samples(n, 2))
    functions = {"minigrad": lambda: float(plug_in(x, y))}
    if metrics:
        functions["scikit-learn"] = lambda: metrics.mutual_info_score(x, y)
    if infomeasure:
        functions["infomeasure"] = lambda: infomeasure.mutual_information(
            x, y, approach="discrete", base="e"
        )
    functions["loops over samples"] = lambda: by_loops(x, y)
    agree(functions)
    times = measured(functions, rounds)
    times["loops over cells (scaled)"] = [by_cells(x, y, 100, 20) for _ in range(3)]
    report(f"plug-in, N = {n}, 2 + 2 columns, 100 x 100 bins, from labels", times)


def nearest(n, width, rounds, npeet):
    """k = 3."""
    x, y = samples(n, width)
    functions = {"minigrad": lambda: float(kraskov(x, y))}
    selection, infomeasure = optional("sklearn.feature_selection"), optional("infomeasure")
    if selection and width == 1:  # it takes one column of each, and adds noise
        functions["scikit-learn"] = lambda: float(
            selection.mutual_info_regression(x, y[:, 0], n_neighbors=3, random_state=0)[0]
        )
    if npeet:
        functions["NPEET"] = lambda: float(npeet.mi(x, y, k=3, base=math.e))
    if infomeasure:
        functions["infomeasure"] = lambda: infomeasure.mutual_information(
            x, y, approach="ksg", k=3, base="e"
        )
    agree(functions, 0.02)
    report(f"Kraskov, k = 3, N = {n}, {width} + {width} columns", measured(functions, rounds))


def agree(functions, tolerance=1e-9):
    values = {name: function() for name, function in functions.items()}
    expected = values["minigrad"]
    for name, value in values.items():
        if abs(value - expected) > tolerance:
            print(f"  {name} says {value:.6f}, minigrad {expected:.6f}")


def large():
    """What has to finish, and in how much memory."""
    x, y = samples(10**6, 2)
    start = time.perf_counter()
    value = plug_in(x, y, bins=100)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"\n{value}\n  {time.perf_counter() - start:.2f} s, this process never above {peak:.2f} GB"
    )
    x, y = samples(10**5, 2)
    start = time.perf_counter()
    print(f"{kraskov(x, y)}\n  {time.perf_counter() - start:.2f} s")


def starts():
    """The notebook's network from 32 starts, 2,000 epochs: 25 of them recorded, with nulls."""
    from minigrad import Affinity, GradientDescent, Map, Network, data
    from minigrad.information import InformationPlane, by_bins, by_neighbours
    from minigrad.information.plane import log_spaced

    train, test = data.xor_grid(1000, rng=4).split(500)
    layers = [layer for _ in range(4) for layer in (Affinity(2, 2, init="normal"), Map("tanh"))]
    many, few = Network(*layers).stack(32, rng=1), (0, 1, 2, 3)
    probes = {
        "10 bins": by_bins(10),
        "100 bins": by_bins(100, input_bins=4, shuffles=10, members=few),
        "Kraskov": by_neighbours(noise=0.01, shuffles=10, members=few),
    }
    start = time.perf_counter()
    plane = InformationPlane(
        train.x, train.labels, probes, log_spaced(2000, 25), held_out=(test.x, test.labels), rng=0
    )
    plane(many)
    recording = time.perf_counter() - start

    def timed(net, history):
        nonlocal recording
        begun = time.perf_counter()
        plane(net, history)
        recording += time.perf_counter() - begun

    many.fit(
        train.x, train.labels, 2000, 10, "softmax_cross_entropy", GradientDescent(0.1), rng=3,
        callbacks=[timed],
    )  # fmt: skip
    print(f"\n32 starts, 2,000 epochs, {len(plane.recorded)} recorded: "
          f"{time.perf_counter() - start:.1f} s, of which recording {recording:.1f} s; "
          f"{(plane.accuracy[-1] > 0.95).sum()} of 32 above 95 %")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--npeet", help="the folder that holds the package npeet")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--starts", action="store_true")
    options = parser.parse_args()
    if options.large or options.starts:
        return [part() for part in (large,) * options.large + (starts,) * options.starts]
    if options.npeet:
        sys.path.insert(0, options.npeet)
    npeet = optional("npeet.entropy_estimators") if options.npeet else None
    warnings.simplefilter("ignore")
    for number in range(options.runs):
        print(f"\nrun {number + 1}")
        for n in (10_000, 100_000):
            counting(n, options.rounds)
        for n in (1000, 10_000):
            for width in (1, 2):
                nearest(n, width, options.rounds, npeet)


if __name__ == "__main__":
    main()
