"""How well, and how fast, networks of this package learn to read: means over five starts.

    python benchmarks/digits.py [--mnist FOLDER]

The carried sample, and with --mnist the full set (a folder with its four IDX files). float32.
"""

import argparse
import time

import numpy as np

from minigrad import Adam, Affinity, Map, Network, data
from minigrad.text import table

STARTS = 5


def learn(train, test, hidden, epochs, alpha, batch, decay):
    """[share of the test digits read, seconds] of each start; alpha shrinks by decay each epoch."""
    results = []
    for seed in range(STARTS):
        rng = np.random.default_rng(seed)
        net = Network(
            Affinity(784, hidden, init="he", rng=rng, dtype="float32"),
            Map("relu"),
            Affinity(hidden, 10, rng=rng, dtype="float32"),
        )
        optimizer = Adam(alpha)

        def slower(net, history, optimizer=optimizer):
            optimizer.alpha *= decay

        start = time.perf_counter()
        net.fit(train.x, train.labels, epochs, batch, "softmax_cross_entropy", optimizer, rng,
                callbacks=[slower])  # fmt: skip
        results.append((net.accuracy(test.x, test.labels), time.perf_counter() - start))
    return np.array(results)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="the folder of the full MNIST")
    options = parser.parse_args()
    runs = [("sample", 32, 20, 3e-3, 128, 1.0)]
    sets = {"sample": data.digits()}
    if options.mnist:
        sets["MNIST"] = data.mnist(options.mnist)
        runs += [("MNIST", 32, 20, 3e-3, 128, 0.85), ("MNIST", 128, 25, 3e-3, 256, 0.87)]
    rows = []
    for name, *how in runs:
        train, test = (
            data.Dataset(part.x.astype("float32"), part.labels, part.shape) for part in sets[name]
        )
        hits, seconds = learn(train, test, *how).T
        rows.append((name, f"784-{how[0]}-10", *how[1:], f"{hits.mean():.2%}",
                     f"{hits.min():.2%} to {hits.max():.2%}", f"{seconds.mean():.1f}"))  # fmt: skip
    head = ("digits", "network", "epochs", "alpha", "batch", "decay", "read", "least to most", "s")
    print(table(head, rows))


if __name__ == "__main__":
    main()
