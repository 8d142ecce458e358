"""The seed's loop written densely, the plain steps of the layers, and their exact fast path.

    python benchmarks/hebbian.py [--mnist FOLDER] [--frames 200] [--rounds 5] [--steps 5000]

A camera wanders over a tapestry of digits; a sparse layer (40 x 40 units, 784 inputs) and an
invariant one (10 x 10, 1600 inputs, no competition) learn from each frame, as in seed 002. Rounds
are interleaved; a cell is the median over rounds, its spread, and how many times the dense float64
loop it is. Beside them, measured in the same rounds, are two limits: memory bandwidth, with which a
gemv reads all weights of the sparse layer once a frame; and the product of a block of frames with
them. `--steps N` compares weights and winners after N frames. BLAS has one thread unless --threads.
"""

import argparse
import os
import statistics
import time

import numpy as np
from rounds import measured
from threadpoolctl import threadpool_limits

from minigrad import data
from minigrad.hebbian import Camera, InvariantLayer, SparseLayer, Tapestry, lookahead

K, RATE, ALPHA, ACTIVE, SILENT, PREC, EVERY = 5, 0.02, 1 / 3, 0.08, 0.0008, 1e-10, 2000
COEFFICIENT = 0.5  # of the seed's lateral rows, which are normalised in L2


class Dense:
    """The seed's two layers, every array whole, as it wrote them."""

    def __init__(self, sparse, invariant, dtype):
        near = sparse.torus.matrix()
        lateral = COEFFICIENT * near / np.linalg.norm(near, axis=1, keepdims=True)
        self.lateral = (lateral + np.eye(len(near))).astype(dtype)
        self.near = (COEFFICIENT * invariant.torus.matrix() + np.eye(invariant.m)).astype(dtype)
        self.sw, self.iw = sparse.W.astype(dtype), invariant.W.astype(dtype)
        self.io, self.i, self.dtype = np.zeros((len(self.iw), 1), dtype), 0, dtype

    def learn(self, frames):
        """One frame after the other; the winners of each."""
        sw, iw, io, found = self.sw, self.iw, self.io, []
        for frame in frames:
            v = frame.reshape(-1, 1)
            p = sw @ v
            c = self.lateral @ p
            winners = np.argsort(c, axis=0)[-K:]
            mask = np.zeros_like(p)
            mask[winners] = 1
            so = mask * p
            r = sw.T @ so
            e = v - r
            sw += sw * so * (e / np.maximum(r, PREC)).T * RATE
            so = so / np.sum(sw, axis=1).reshape(-1, 1)
            iv = iw @ so
            self.near @ iv  # as the seed has it: computed, and not used
            io += (iw @ so - io) * ALPHA
            r = iw.T @ io
            e = so - r
            zeta = np.where(so > 0, self.dtype(ACTIVE), self.dtype(SILENT))
            iw += iw * io * ((e * zeta) / np.maximum(r, PREC)).T
            if self.i % EVERY == 0:
                iw *= iw.shape[1] / iw.shape[0] / np.sum(iw, axis=1).reshape(-1, 1)
            self.i += 1
            found.append(np.sort(winners[:, 0]))
        return np.array(found)


class Ours:
    """The two layers of the package, by the fast path or by the plain steps."""

    def __init__(self, sparse, invariant, dtype, plain):
        self.plain = "1" if plain else ""
        self.sparse, self.invariant = (layer.to(dtype=dtype) for layer in (sparse, invariant))

    def learn(self, frames):
        """All frames; the winners of each."""
        os.environ["MINIGRAD_PLAIN"] = self.plain
        y = self.sparse.learn(frames)
        self.invariant.learn(y)
        return y

    @property
    def sw(self):
        return self.sparse.W

    @property
    def iw(self):
        return self.invariant.W


def walk(folder, count):
    """Frames (count, 784) of the seed's camera over 29 x 29 digits."""
    train, _ = data.digits() if folder is None else data.mnist(folder)
    tapestry = Tapestry(train.x[: 29 * 29], grid=(29, 29), shape=(28, 28))
    return Camera(tapestry, rng=0).take(count)


def speed(layers, frames, options):
    """Frames a second of each system and each limit, in interleaved rounds."""
    kinds, products = {}, {}
    for name, dtype in (("float64", np.float64), ("float32", np.float32)):
        x = frames.astype(dtype)
        few = x[: max(options.frames // 10, 10)]
        systems = {
            f"dense, {name}": (Dense(*layers, dtype), few),
            f"plain steps, {name}": (Ours(*layers, name, True), few),
            f"fast path, {name}": (Ours(*layers, name, False), x),
        }
        for system, (learner, rows) in systems.items():
            kinds[system] = (lambda learner=learner, rows=rows: learner.learn(rows)), len(rows)
        W, block = layers[0].W.astype(dtype), x[: lookahead.BLOCK]
        products[f"limit: gemv, {name}"] = (lambda W=W, v=x[0]: W @ v), 1
        products[f"limit: block product, {name}"] = (lambda W=W, b=block: b @ W.T), len(block)
    kinds |= products
    times = measured({name: call for name, (call, _) in kinds.items()}, options.rounds)
    rates = {name: sorted(kinds[name][1] / t for t in times[name]) for name in kinds}
    base = statistics.median(rates["dense, float64"])
    for name, values in rates.items():
        middle = statistics.median(values)
        print(f"  {name:32} {middle:9.0f} frames/s  ({values[0]:.0f} to {values[-1]:.0f})  "
              f"{middle / base:7.1f}")  # fmt: skip
    for name in ("float64", "float32"):
        whole = statistics.median(rates[f"fast path, {name}"])
        product = statistics.median(rates[f"limit: block product, {name}"])
        gemv = statistics.median(rates[f"limit: gemv, {name}"])
        W = layers[0].W.astype(name)
        print(f"  {name}: {whole / product:.0%} of the limit of the block product "
              f"({2 * W.size * product / 1e9:.0f} GFLOP/s); {whole / gemv:.1f} times what reading "
              f"all weights once a frame allows ({W.nbytes * gemv / 1e9:.1f} GB/s)")  # fmt: skip


def winners(found):
    """The winners of each frame as a mask, of numbers (N, k) or of codes (N, m)."""
    if found.shape[1] > K:
        return found > 0
    mask = np.zeros((len(found), 1600), bool)
    np.put_along_axis(mask, found, True, axis=1)
    return mask


def equivalence(layers, frames, steps):
    """Weights and winners of the fast path after so many frames, against the other two."""
    frames = frames[:steps]
    print(f"\nafter {steps} frames, largest difference")
    for name, dtype in (("float64", np.float64), ("float32", np.float32)):
        x = frames.astype(dtype)
        systems = {
            "dense": Dense(*layers, dtype),
            "plain steps": Ours(*layers, name, True),
            "fast path": Ours(*layers, name, False),
        }
        found = {}
        for system, learner in systems.items():
            begun = time.perf_counter()
            found[system] = winners(learner.learn(x))
            print(f"  {name}, {system}: {steps / (time.perf_counter() - begun):.0f} frames/s")
        fast = systems["fast path"]
        for other in ("plain steps", "dense"):
            # a winner of no activity (a blank frame) counts in the dense loop alone
            seen = x.any(axis=1)
            differ = (found["fast path"] != found[other])[seen].any(axis=1).sum()
            print(f"  {name}, fast path - {other}: sparse "
                  f"{abs(fast.sw - systems[other].sw).max():.1e}, invariant "
                  f"{abs(fast.iw - systems[other].iw).max():.1e}, {differ} frames with other "
                  "winners")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="folder with the four IDX files (the carried sample)")
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    frames = walk(options.mnist, max(options.steps, 50 * options.frames))
    sparse = SparseLayer(784, (40, 40), K, 2, COEFFICIENT * 24**0.5, RATE, rng=1)
    invariant = InvariantLayer(1600, (10, 10), None, 2, 0, ALPHA, (ACTIVE, SILENT), EVERY, rng=2)
    with threadpool_limits(options.threads):
        print("frames a second, and times the dense float64 loop")
        speed((sparse, invariant), frames, options)
        if options.steps:
            equivalence((sparse, invariant), frames, options.steps)


if __name__ == "__main__":
    main()
