"""How quick the lab bench is: a loss cube, and the answer to a turned knob.

    python benchmarks/bench.py [--rounds 7]

The cube: 64 rates, 1,000 facts, a 2-2-2 tanh network. The knob: learn anew from 100 facts and draw
the whole figure. Median over the rounds, least and most.
"""

import argparse
import statistics
import time

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from minigrad import Affinity, Map, Network, NNBench
from minigrad.bench import Knobs


def seconds(act, rounds):
    times = []
    for i in range(rounds + 1):
        start = time.perf_counter()
        act(i)
        times.append(time.perf_counter() - start)
    times = times[1:]  # the first finds cold caches
    return f"{statistics.median(times):.3f} s ({min(times):.3f} to {max(times):.3f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    net = Network(Affinity(2, 2, rng=1), Map("tanh"), Affinity(2, 2, rng=2))
    bench = NNBench(net, lambda v: v[::-1])
    rates = np.geomspace(1e-3, 1, 64)
    print(
        "loss cube, 64 rates x 1,000 facts:",
        seconds(lambda _: bench.loss_cube(1000, rates), rounds),
    )

    figure = Figure(figsize=(9, 5))
    canvas = FigureCanvasAgg(figure)
    knobs = Knobs(bench, figure, 100)

    def turn(i):
        knobs.rate.set_val(-2 + 0.1 * i)
        canvas.draw()

    print("a turned knob, 100 facts, and the figure drawn:", seconds(turn, rounds))


if __name__ == "__main__":
    main()
