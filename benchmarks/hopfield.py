"""Writing and recalling against PyTorch, hopfieldnetwork and hopfield-layers.

    python benchmarks/hopfield.py [--hflayers FOLDER] [--rounds 7] [--runs 2]

200 random patterns of 1,024 units, 200 probes with 10 % of the units flipped, float32; rounds are
interleaved. A cell is the median over rounds, its spread, and the ratio to minigrad's: above 1
minigrad is faster, and below 1.3 nothing is called a win. So many patterns are beyond what Hebb's
rule holds: a recall to the end takes dozens of steps. hopfieldnetwork takes one probe at a time.
Needs `pip install .[bench]`; hopfield-layers from its folder.
"""

import argparse
import sys
import warnings

import numpy as np
from rounds import measured, optional, report

import minigrad
from minigrad.hopfield import Asynchronous, Hebb, HopfieldNetwork, Softmax, flips

PATTERNS, UNITS, BETA = 200, 1024, 0.1


def problem():
    rng = np.random.default_rng(0)
    patterns = np.where(rng.random((PATTERNS, UNITS)) < 0.5, -1.0, 1.0).astype("float32")
    return patterns, flips(patterns, 0.1, rng)


def theirs_written(hopfieldnetwork, patterns):
    net = hopfieldnetwork.HopfieldNetwork(N=UNITS)
    for pattern in patterns.astype("int8"):
        net.train_pattern(pattern)
    return net


def theirs_updated(net, probes, mode):
    for probe in probes.astype("int8"):
        net.set_initial_neurons_state(probe.copy())
        net.update_neurons(1, mode)


def in_torch(torch, patterns, probes):
    P, X = torch.tensor(patterns), torch.tensor(probes)
    W = P.T @ P / UNITS
    W.fill_diagonal_(0)

    def write():
        (P.T @ P / UNITS).fill_diagonal_(0)

    def step():
        torch.where(X @ W >= 0, 1.0, -1.0)

    def recall():
        x, before = X, X
        for _ in range(100):
            y = torch.where(x @ W >= 0, 1.0, -1.0)
            if bool(((y == x).all(1) | (y == before).all(1)).all()):
                break
            before, x = x, y

    def softmax(steps):
        x = X
        for _ in range(steps):
            x = torch.softmax(BETA * x @ P.T, 1) @ P
        return x

    return write, step, recall, softmax


def in_hflayers(folder, torch, patterns, probes, steps):
    sys.path.insert(0, folder)
    warnings.simplefilter("ignore")
    from hflayers import Hopfield

    kinds = ("stored_pattern", "state_pattern", "pattern_projection")
    off = {f"normalize_{kind}{end}": False for kind in kinds for end in ("", "_affine")}
    fixed = {f"{name}_as_static": True for name in ("stored_pattern", "state_pattern")}
    layer = Hopfield(
        scaling=BETA,
        update_steps_max=steps - 1,
        update_steps_eps=1e-30,
        pattern_projection_as_static=True,
        disable_out_projection=True,
        **off,
        **fixed,
    ).eval()
    P, X = torch.tensor(patterns)[None], torch.tensor(probes)[None]

    def run():
        with torch.no_grad():
            return layer((P, X, P))

    return run


def cases(options):
    minigrad.use("numpy", "float32")
    torch, peer = optional("torch"), optional("hopfieldnetwork")
    patterns, probes = problem()
    written = HopfieldNetwork(Hebb()).store(patterns)
    sweeping = HopfieldNetwork(Hebb(), Asynchronous(), max_steps=1, rng=1).store(patterns)
    write = {"minigrad": lambda: Hebb().store(patterns)}
    synchronous = {"minigrad": lambda: written.memory(probes)}
    recall = {
        "minigrad": lambda: written(probes),
        "minigrad, with certificate": lambda: written.recall(probes),
    }
    asynchronous = {
        "minigrad": lambda: sweeping(probes),
        "minigrad, with certificate": lambda: sweeping.recall(probes),
    }
    memory = Softmax(BETA).store(patterns)

    def attend(steps):  # a recall would stop when nothing moves any more
        x = probes
        for _ in range(steps):
            x = memory(x)
        return x

    soft = {steps: {"minigrad": lambda steps=steps: attend(steps)} for steps in (1, 5)}
    if torch:
        write["PyTorch"], synchronous["PyTorch"], recall["PyTorch"], t_softmax = in_torch(
            torch, patterns, probes
        )
        for steps, row in soft.items():
            row["PyTorch"] = lambda steps=steps: t_softmax(steps)
            if options.hflayers:
                run = in_hflayers(options.hflayers, torch, patterns, probes, steps)
                off = abs(run()[0].numpy() - t_softmax(steps).numpy()).max()
                row[f"hopfield-layers (off {off:.0e})"] = run
    if peer:
        net = theirs_written(peer, patterns)
        write["hopfieldnetwork"] = lambda: theirs_written(peer, patterns)
        synchronous["hopfieldnetwork"] = lambda: theirs_updated(net, probes, "sync")
        asynchronous["hopfieldnetwork"] = lambda: theirs_updated(net, probes, "async")
    yield "Hebb: writing 200 patterns of 1,024 units", write
    yield "Hebb: one synchronous step of 200 probes", synchronous
    yield "Hebb: synchronous recall to the end", recall
    yield "Hebb: one asynchronous sweep, one unit at a time", asynchronous
    for steps, row in soft.items():
        yield f"softmax: {steps} step{'s' * (steps > 1)} of recall", row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hflayers", metavar="FOLDER", help="the folder of hopfield-layers")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--runs", type=int, default=2)
    options = parser.parse_args()
    for run in range(options.runs):
        print(f"\n=== run {run + 1}")
        for title, functions in cases(options):
            report(title, measured(functions, options.rounds))


if __name__ == "__main__":
    main()
